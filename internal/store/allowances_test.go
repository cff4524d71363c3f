package store_test

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// holder is a wallet of an owner with the same number.
func holder(id int64) *wallet.Holder {
	return &wallet.Holder{WalletID: id, Owner: &wallet.User{ID: id, Standing: wallet.ActiveUser}}
}

// gives has wallet 1 give client 1 an allowance of ten euros, three within an hour.
func gives(t *testing.T, db *store.DB) *wallet.Allowance {
	t.Helper()
	given, err := store.Money(context.Background(), db, store.MoneyCommand[*wallet.Allowance]{Decide: func(m *store.MoneyTx) (*wallet.Allowance, error) {
		made := &wallet.Transaction{ID: m.NewTransactionID(), Status: wallet.TransactionNew, ClientID: 1, ProjectID: 1, CreatedAt: m.Now(), ReserveFor: time.Hour}
		a := &wallet.Allowance{
			ID: m.NewAllowanceID(), Status: wallet.AllowanceNew, ClientID: 1, ProjectID: 1, TransactionID: made.ID, CreatedAt: m.Now(), Currency: "EUR",
			Max: 1000, Limits: []wallet.AllowanceLimit{{Max: 300, Within: time.Hour}}, ValidFor: time.Hour,
		}
		made.AllowanceID = a.ID
		if _, err := made.Accept(m.Now(), wallet.Acceptance{Type: wallet.ByApp, Payer: holder(1), By: 1}); err != nil {
			return nil, err
		}
		made.Held(m.Now())
		if _, err := made.Confirm(m.Now(), nil); err != nil {
			return nil, err
		}
		a.Confirm(m.Now(), 1)
		before, err := m.LastAllowance(a.Of())
		if err != nil {
			return nil, err
		}
		if before != nil {
			before.Finish(m.Now(), wallet.AllowanceReplaced)
			m.KeepAllowance(before)
		}
		m.KeepAllowance(a)
		m.Keep(made)
		return a, m.GiveAllowance(a)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return given
}

// takes has client 1 take a euro for wallet 2 by the allowance that wallet 1 gave it last.
func takes(t *testing.T, db *store.DB) {
	t.Helper()
	_, err := store.Money(context.Background(), db, store.MoneyCommand[struct{}]{Decide: func(m *store.MoneyTx) (none struct{}, err error) {
		a, err := m.LastAllowance(wallet.AllowanceOf{ClientID: 1, WalletID: 1})
		if err != nil {
			return none, err
		}
		made := &wallet.Transaction{
			ID: m.NewTransactionID(), Status: wallet.TransactionNew, ClientID: 1, ProjectID: 1, CreatedAt: m.Now(), ReserveFor: time.Hour, UseAllowance: true,
			Payments: []wallet.Payment{{ID: m.NewPaymentID(), Status: wallet.PaymentNew, CreatedAt: m.Now(), Description: "Bread", Price: money.Amount{Minor: 100, Currency: "EUR"}, BeneficiaryID: 2}},
		}
		holds, err := made.Accept(m.Now(), wallet.Acceptance{Type: wallet.ByAllowance, Payer: holder(1), Allowance: a, Beneficiaries: map[int64]*wallet.Holder{2: holder(2)}})
		if err != nil {
			return none, err
		}
		if _, err := m.Post(holds...); err != nil {
			return none, err
		}
		made.Held(m.Now())
		a.Count(m.Now(), made.HeldAt, wallet.Draw{}, made.Drawn())
		m.KeepAllowance(a)
		m.Keep(made)
		return none, nil
	}, Needs: store.Needs{Accounts: []ledger.Key{ledger.WalletAccount(1, "EUR"), ledger.WalletAccount(2, "EUR")}}})
	if err != nil {
		t.Fatal(err)
	}
}

// What an allowance has counted is proven from the transactions that it paid, and whatever is altered is found, however
// many are looked at in one go.
func TestVerifyAllowances(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		first := gives(t, db)
		takes(t, db)
		second := gives(t, db)
		takes(t, db)
		takes(t, db)
		if a, err := db.LastAllowance(context.Background(), second.Of()); err != nil || a.ID != second.ID || a.Spent != 200 || a.Limits[0].Spent != 200 {
			t.Errorf("the last is %+v, %v", a, err)
		}
		if a, err := db.Allowance(context.Background(), first.ID); err != nil || a.Status != wallet.AllowanceInactive || a.Spent != 100 {
			t.Errorf("the first is %+v, %v", a, err)
		}
		closeNow()
		for _, one := range []tampering{
			{"what was taken", `UPDATE allowances SET document = replace(document, '"spent":200,"open":200', '"spent":201,"open":200') WHERE status = 'active'`, `^allowance \d+: what was taken is stored as 2.01 EUR, and computed as 2.00 EUR$`},
			{"what may come back", `UPDATE allowances SET document = replace(document, '"open":200', '"open":100')`, `^allowance \d+: what of that may come back is stored as 1.00 EUR, and computed as 2.00 EUR$`},
			{"a window", `UPDATE allowances SET document = replace(document, '"within":3600000000000,"spent":200', '"within":3600000000000,"spent":100')`, `^allowance \d+: what was taken in the window 0 of 1h0m0s is stored as 1.00 EUR, and computed as 2.00 EUR$`},
			{"more than all", `UPDATE allowances SET document = replace(document, '"max":1000', '"max":150')`, `one in which of 150, 200 was taken`},
			{"its status", `UPDATE allowances SET status = 'inactive' WHERE status = 'active'`, `one in which it is inactive, and ended by ""`},
			{"its wallet", `UPDATE allowances SET wallet_id = 2`, `^allowance \d+: when it was given, and by whom is stored as `},
			{"its time", `UPDATE allowances SET due_at = due_at + 1 WHERE status = 'active'`, `^allowance \d+: when it is due is stored as `},
			{"its transaction", `UPDATE allowances SET transaction_id = transaction_id + 1 WHERE status = 'active'`, `^allowance \d+: its transaction is stored as `},
			{"its document", `UPDATE allowances SET document = 'none'`, `what cannot be read`},
			{"its end", `DELETE FROM allowances WHERE status = 'active'`, `^transaction \d+: the allowance that it asks for is stored as \d+, and computed as one that there is$`},
			{"another one active", `UPDATE last_allowances SET allowance_id = (SELECT min(id) FROM allowances)`, `^allowance \d+: its status is stored as active, and computed as inactive`},
			{"somebody else's", `UPDATE last_allowances SET wallet_id = 3`, `^allowance \d+: its status is stored as active|^what wallet 3 gave client 1 last: `},
			{"who pays", `UPDATE transactions SET document = replace(document, '"by":', '"bye":')`, `^transaction \d+: its document is stored as one in which it was accepted by "automatic", and allowance 0 pays it`},
		} {
			t.Run(one.name, func(t *testing.T) {
				altered := tamper(t, address, one.statement)
				for _, atOnce := range []int64{1 << 19, 1} {
					restore := store.SetAllowancesAtOnce(atOnce)
					_, err := store.Verify(context.Background(), altered, nil)
					restore()
					if found := new(store.Difference); !errors.As(err, &found) || !regexp.MustCompile(one.want).MatchString(found.Error()) {
						t.Errorf("%d at once, found %v, want %s", atOnce, err, one.want)
					}
				}
			})
		}
		defer store.SetAllowancesAtOnce(1)()
		if seen := verifyClean(t, address); seen.Allowances != 2 {
			t.Errorf("verified %+v", seen)
		}
	})
}
