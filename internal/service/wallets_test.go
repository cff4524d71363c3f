package service_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// converting is a client with a token of a user that may exchange money.
func converting(client *wallet.Client, user int64) wallet.Caller {
	return wallet.Caller{Kind: wallet.ByToken, Client: client, Token: &wallet.Token{UserID: user, ClientID: client.ID,
		Scopes: []wallet.Scope{wallet.ScopeConvertCurrency, wallet.ScopeBalance, wallet.ScopeWalletList}}}
}

func (w world) walletClient() *wallet.Client {
	w.t.Helper()
	c, _, err := w.CreateClient(ctx, operator, wallet.Client{Title: "Exchange", Type: wallet.PrivateClient, Permissions: []wallet.Permission{wallet.UseWalletAPI},
		Projects: []int64{9}, MainProject: 9}, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return &c
}

// funds is what a wallet has to spend, in minor units.
func (w world) funds(id int64, c money.Currency) int64 {
	w.t.Helper()
	funds, err := w.db.Funds(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range funds {
		if f.Available.Currency == c {
			return f.Available.Minor
		}
	}
	return 0
}

// Many exchange at once what is enough for some of them: exactly those succeed, the wallet ends at zero, and what it gave and got stands against
// the system's accounts.
func TestExchangesAtOnceNeverOverdraw(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		caller := converting(w.walletClient(), 1)
		if _, err := w.SetRate(ctx, operator, "EUR", "USD", "1.0875"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.CreditWallet(ctx, operator, 1, money.Amount{Minor: 10_00, Currency: "EUR"}, "Opening"); err != nil {
			t.Fatal(err)
		}
		var done, refused atomic.Int64
		crowd(30, func(int) {
			c, err := w.ConvertCurrency(ctx, caller, service.ConversionRequest{
				From: money.Amount{Minor: 99, Currency: "EUR"}, To: money.Amount{Currency: "USD"}, AccountNumber: "EVP000000000001",
			})
			var known *wallet.Error
			switch {
			case err == nil && c.To.Minor == 107 && c.Entry != 0 && !c.At.IsZero(): // 1.076625, rounded down
				done.Add(1)
			case errors.As(err, &known) && known.Code == wallet.NotEnoughFunds:
				refused.Add(1)
			default:
				t.Errorf("an exchange is %+v, %v", c, err)
			}
		})
		if done.Load() != 10 || refused.Load() != 20 {
			t.Errorf("%d were done and %d refused", done.Load(), refused.Load())
		}
		if eur, usd := w.funds(1, "EUR"), w.funds(1, "USD"); eur != 10 || usd != 1070 {
			t.Errorf("the wallet has %d and %d", eur, usd)
		}
		entries, err := w.AuditTrail(ctx, operator, "wallet", 1, 100)
		if err != nil || entries[0].Action != "convert" || !strings.Contains(entries[0].After, `"From":"0.99 EUR"`) {
			t.Errorf("the trail says %+v, %v", entries[0], err)
		}
		w.balanced()
	})
}

// Who may exchange, and what is refused in which order.
func TestWhoExchangesWhat(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		client := w.walletClient()
		ona, ritas := converting(client, 1), converting(client, 3)
		if _, err := w.SetRate(ctx, operator, "EUR", "USD", "2"); err != nil {
			t.Fatal(err)
		}
		eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
		usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
		ask := func(c wallet.Caller, r service.ConversionRequest) error {
			_, err := w.ConvertCurrency(ctx, c, r)
			return err
		}
		bakery := service.ConversionRequest{From: eur(100), To: usd(0), AccountNumber: "EVP000000000002"}
		refuses(t, "an account of a company that she acts for, empty", ask(ona, bakery), wallet.NotEnoughFunds)
		refuses(t, "somebody else's account", ask(ritas, bakery), wallet.NoRights)
		bare := ona
		bare.Token = &wallet.Token{UserID: 1, ClientID: client.ID}
		refuses(t, "without the scope", ask(bare, bakery), wallet.Forbidden)
		refuses(t, "a client by itself", ask(wallet.Caller{Kind: wallet.ByClient, Client: client}, bakery), wallet.Forbidden)
		most, least := eur(99), usd(201)
		guarded := bakery
		guarded.MaxFrom = &most
		refuses(t, "more than is accepted", ask(ona, guarded), wallet.ExpectationFailed)
		guarded.MaxFrom, guarded.MinTo = nil, &least
		refuses(t, "less than is accepted", ask(ona, guarded), wallet.ExpectationFailed)
		refuses(t, "no account", ask(ona, service.ConversionRequest{From: eur(1), To: usd(0)}), wallet.InvalidParameters, "account_number")
		refuses(t, "both amounts", ask(ona, service.ConversionRequest{From: eur(1), To: usd(1), AccountNumber: "EVP000000000002"}), wallet.InvalidParameters, "from_amount")
		refuses(t, "no rate", ask(ona, service.ConversionRequest{From: eur(1), To: money.Amount{Currency: "GBP"}, AccountNumber: "EVP000000000002"}), wallet.NotFound)
		if _, err := w.UpdateWallet(ctx, operator, 2, service.WalletChange{Inactive: new(true)}, true); err != nil {
			t.Fatal(err)
		}
		refuses(t, "a wallet out of use", ask(ona, bakery), wallet.InvalidState)
		if w.funds(2, "EUR") != 0 || w.funds(2, "USD") != 0 {
			t.Error("money moved")
		}
	})
}

// A wallet that the operator took out of use is not its owner's first any more, while there is another one, and listed on demand only.
func TestWalletsOutOfUse(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		client := w.walletClient()
		ona := converting(client, 1)
		second, err := w.CreateWallet(ctx, operator, wallet.Wallet{OwnerID: 1})
		if err != nil {
			t.Fatal(err)
		}
		mine := func(want int64) {
			t.Helper()
			me, err := w.GetWallet(ctx, ona, service.Me)
			if err != nil || me.ID != want {
				t.Errorf("her wallet is %+v, %v, want %d", me.Wallet, err, want)
			}
			named, err := w.FindWallet(ctx, ona, service.WalletQuery{UserID: 1})
			if err != nil || named.ID != want {
				t.Errorf("found is %+v, %v, want %d", named.Wallet, err, want)
			}
		}
		listed := func(withInactive bool, want int) {
			t.Helper()
			list, err := w.ListUserWallets(ctx, ona, service.Me, withInactive)
			if err != nil || len(list) != want {
				t.Errorf("listed are %v, %v, want %d", list, err, want)
			}
		}
		out := func(id int64, inactive bool) {
			t.Helper()
			if _, err := w.UpdateWallet(ctx, operator, id, service.WalletChange{Inactive: &inactive}, true); err != nil {
				t.Fatal(err)
			}
		}
		mine(1)
		plan, err := w.UpdateWallet(ctx, operator, 1, service.WalletChange{Inactive: new(true)}, false)
		if err != nil || !plan.Planned || len(plan.Losses) != 1 {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		mine(1)
		out(1, true)
		mine(second)
		listed(false, 1)
		listed(true, 2)
		out(second, true)
		mine(1)
		listed(false, 0)
		out(1, false)
		mine(1)
		listed(false, 1)
	})
}

// Limits of a wallet are set like those of a user, and are other ones.
func TestWalletsAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		each := wallet.SpendingLimit{Kind: wallet.OrdinaryLimit, Amount: money.Amount{Minor: 50_00, Currency: "EUR"}}
		if changed, err := w.LimitWallet(ctx, operator, 3, false, []wallet.SpendingLimit{each}, false); err != nil || changed.Planned {
			t.Errorf("%+v, %v", changed, err)
		}
		if d, err := w.InspectWallet(ctx, operator, 3); err != nil || len(d.Limits) != 1 || d.Limits[0] != each {
			t.Errorf("the wallet is %+v, %v", d, err)
		}
		if d, err := w.InspectUser(ctx, operator, 3); err != nil || len(d.Limits) != 0 {
			t.Errorf("its owner has %+v, %v", d.Limits, err)
		}
		if plan, err := w.LimitWallet(ctx, operator, 3, true, nil, false); err != nil || !plan.Planned {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		_, err := w.LimitWallet(ctx, operator, 77, true, nil, true)
		refuses(t, "nobody's wallet", err, wallet.NotFound)
		_, err = w.LimitWallet(ctx, w.by(manager), 3, true, nil, true)
		refuses(t, "a client that sets limits", err, wallet.Forbidden)
		each.Amount.Currency = "XAU"
		_, err = w.LimitWallet(ctx, operator, 3, false, []wallet.SpendingLimit{each}, true)
		refuses(t, "gold", err, wallet.InvalidParameters, "currency")
	})
}

// Two operators set rates of both directions at once that together would make money: one of them is refused.
func TestRatesOfBothDirectionsMakeNoMoney(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		var refused atomic.Int64
		crowd(2, func(who int) {
			base, quote := "EUR", "USD"
			if who == 1 {
				base, quote = quote, base
			}
			if _, err := w.SetRate(ctx, operator, base, quote, "1.01"); err != nil {
				refuses(t, "the later one", err, wallet.InvalidParameters, "rate")
				refused.Add(1)
			}
		})
		rates, err := w.ListRates(ctx, operator)
		if err != nil || len(rates) != 1 || refused.Load() != 1 {
			t.Errorf("%d were refused, and the rates are %v, %v", refused.Load(), rates, err)
		}
		_, err = w.SetRate(ctx, w.by(manager), "EUR", "GBP", "1")
		refuses(t, "a client that sets rates", err, wallet.Forbidden)
		_, err = w.RemoveRate(ctx, w.by(manager), "EUR", "USD", true)
		refuses(t, "a client that removes rates", err, wallet.Forbidden)
		_, err = w.ListRates(ctx, w.by(manager))
		refuses(t, "a client that lists rates", err, wallet.Forbidden)
	})
}
