package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// till is a private client of project 1 that takes PINs and sends flash codes.
const till = 21

const ritasPIN secret.Text = "7391"

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

// atTheTill is a world in which Rita has 100 euros and pays at Ona's stall, project 1, whose wallet is 1.
func atTheTill(t *testing.T, story func(t *testing.T, w world)) {
	t.Helper()
	withPeople(t, func(t *testing.T, w world) {
		c := wallet.Client{
			ID: till, MACID: "Till000021", Title: "Till", Type: wallet.PrivateClient, Projects: []int64{1}, MainProject: 1,
			Permissions: []wallet.Permission{wallet.UseWalletAPI, wallet.AcceptWithPIN, wallet.AcceptWithFlash},
		}
		if _, _, err := w.CreateClient(ctx, operator, c, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateUser(ctx, operator, 3, service.UserChange{PIN: ritasPIN}, true); err != nil {
			t.Fatal(err)
		}
		w.gives(3, eur(10000))
		story(t, w)
		w.balanced()
	})
}

// gives puts money into a wallet.
func (w world) gives(walletID int64, amount money.Amount) {
	w.t.Helper()
	if _, err := w.CreditWallet(ctx, operator, walletID, amount, "a gift"); err != nil {
		w.t.Fatal(err)
	}
}

// has expects what a wallet has available and reserved, in cents of EUR.
func (w world) has(walletID, available, reserved int64) {
	w.t.Helper()
	funds, err := w.db.Funds(ctx, walletID)
	if err != nil {
		w.t.Fatal(err)
	}
	var got [2]int64
	for _, f := range funds {
		if f.Available.Currency == "EUR" {
			got = [2]int64{f.Available.Minor, f.Reserved.Minor}
		}
	}
	if got != [2]int64{available, reserved} {
		w.t.Errorf("wallet %d has %v available and reserved, want [%d %d]", walletID, got, available, reserved)
	}
}

// balanced expects that nothing was lost or invented: all that is stored follows from the journal.
func (w world) balanced() {
	w.t.Helper()
	if _, err := store.Verify(ctx, w.address, nil); err != nil {
		w.t.Error(err)
	}
}

// offers makes a transaction of one payment that the till asks for.
func (w world) offers(price money.Amount, how ...func(*service.NewTransaction)) service.TransactionView {
	w.t.Helper()
	view, err := w.CreateTransaction(ctx, w.by(till), newTransaction(price, how...))
	if err != nil {
		w.t.Fatal(err)
	}
	return view
}

func newTransaction(price money.Amount, how ...func(*service.NewTransaction)) service.NewTransaction {
	n := service.NewTransaction{Payments: []service.NewPayment{{Payment: wallet.Payment{Description: "Rye bread", Price: price}}}}
	for _, change := range how {
		change(&n)
	}
	return n
}

// paysInApp is Rita's yes in an app of hers.
func (w world) paysInApp(key string) (service.TransactionView, error) {
	return w.ReserveTransaction(ctx, w.withToken(phone, 3), key, service.Reservation{})
}

// reserved is a transaction that Rita has accepted.
func (w world) reserved(price money.Amount, how ...func(*service.NewTransaction)) service.TransactionView {
	w.t.Helper()
	view, err := w.paysInApp(w.offers(price, how...).Key)
	if err != nil {
		w.t.Fatal(err)
	}
	return view
}

func (w world) is(view service.TransactionView, err error, status wallet.TransactionStatus, payment wallet.PaymentStatus) {
	w.t.Helper()
	if err != nil {
		w.t.Error(err)
		return
	}
	if view.Status != status || view.Payments[0].Status != payment {
		w.t.Errorf("the transaction is %s and its payment %s, want %s and %s", view.Status, view.Payments[0].Status, status, payment)
	}
}

func (w world) seen(key string) service.TransactionView {
	w.t.Helper()
	view, err := w.GetTransaction(ctx, w.by(till), key, false, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return view
}

func (w world) doDue() {
	w.t.Helper()
	if _, err := w.DoDue(ctx, operator); err != nil {
		w.t.Fatal(err)
	}
}

// Rita buys bread: her money is held when she says yes, and Ona's when the till confirms. Who repeats a request is
// told the same.
func TestTheLifeOfAPayment(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		made := w.offers(eur(2599))
		w.is(made, nil, wallet.TransactionNew, wallet.PaymentNew)
		if made.ProjectID != 1 || made.ClientID != till || made.Payments[0].BeneficiaryID != 1 || len(made.Key) != 26 {
			t.Errorf("made %+v", made.Transaction)
		}
		w.has(3, 10000, 0)
		for range 2 {
			held, err := w.paysInApp(made.Key)
			w.is(held, err, wallet.TransactionReserved, wallet.PaymentReserved)
			if held.WalletID != 3 || held.PayerID != 3 || held.Type != wallet.ByApp {
				t.Errorf("held %+v", held.Transaction)
			}
		}
		w.has(3, 7401, 2599)
		w.has(1, 0, 0)
		for range 2 {
			paid, err := w.ConfirmTransaction(ctx, w.by(till), made.Key, nil)
			w.is(paid, err, wallet.TransactionConfirmed, wallet.PaymentDone)
		}
		w.has(3, 7401, 0)
		w.has(1, 2599, 0)
		_, err := w.RevokeTransaction(ctx, w.by(till), made.Key)
		refuses(t, "revoking what is paid", err, wallet.InvalidState)
		_, err = w.CancelPayment(ctx, w.by(till), made.Payments[0].ID)
		refuses(t, "canceling what is done", err, wallet.InvalidState)
		w.is(w.seen(made.Key), nil, wallet.TransactionConfirmed, wallet.PaymentDone)
	})
}

func TestConfirmingForLess(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		held := w.reserved(eur(2599))
		id := held.Payments[0].ID
		for name, price := range map[string]money.Amount{"more": eur(2600), "nothing": eur(0), "another currency": {Minor: 1, Currency: "USD"}} {
			_, err := w.ConfirmTransaction(ctx, w.by(till), held.Key, map[int64]money.Amount{id: price})
			if err == nil {
				t.Errorf("%s was confirmed", name)
			}
		}
		paid, err := w.ConfirmTransaction(ctx, w.by(till), held.Key, map[int64]money.Amount{id: eur(2000)})
		w.is(paid, err, wallet.TransactionConfirmed, wallet.PaymentDone)
		w.has(3, 8000, 0)
		w.has(1, 2000, 0)
	})
}

func TestRevoking(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		fresh := w.offers(eur(100))
		view, err := w.RevokeTransaction(ctx, w.by(till), fresh.Key)
		w.is(view, err, wallet.TransactionDeleted, wallet.PaymentDeleted)
		held := w.reserved(eur(2599))
		for range 2 {
			view, err = w.RevokeTransaction(ctx, w.by(till), held.Key)
			w.is(view, err, wallet.TransactionRevoked, wallet.PaymentRevoked)
		}
		w.has(3, 10000, 0)
		_, err = w.paysInApp(held.Key)
		refuses(t, "paying what was revoked", err, wallet.InvalidState)
		_, err = w.RevokeTransaction(ctx, w.by(rita), w.offers(eur(1)).Key)
		refuses(t, "another project's client", err, wallet.Forbidden)
	})
}

// Too little money makes the payer who is there wait, and refuses who gave a PIN (decisions.md 8).
func TestWaitingForMoney(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		made := w.offers(eur(10001))
		_, err := w.ReserveTransaction(ctx, w.by(till), made.Key, service.Reservation{Payer: wallet.Contact{WalletID: 3}, PIN: ritasPIN})
		refuses(t, "by PIN", err, wallet.NotEnoughFunds)
		w.is(w.seen(made.Key), nil, wallet.TransactionNew, wallet.PaymentNew)
		view, err := w.paysInApp(made.Key)
		w.is(view, err, wallet.WaitingFunds, wallet.PaymentWaiting)
		w.has(3, 10000, 0)
		w.doDue()
		w.is(w.seen(made.Key), nil, wallet.WaitingFunds, wallet.PaymentWaiting)
		w.gives(3, eur(1))
		w.doDue()
		w.is(w.seen(made.Key), nil, wallet.TransactionReserved, wallet.PaymentReserved)
		w.has(3, 0, 10001)
	})
}

// A payment that is frozen is confirmed, not done: it can be given back, with its commissions, or finalized for
// less, and is done when the time is over.
func TestFrozenPayments(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		frozen := func(n *service.NewTransaction) {
			p := &n.Payments[0].Payment
			p.FreezeFor, p.InCommission, p.OutCommission = 24*time.Hour, 10, 20
		}
		pay := func() service.TransactionView {
			held := w.reserved(eur(1000), frozen)
			paid, err := w.ConfirmTransaction(ctx, w.by(till), held.Key, nil)
			w.is(paid, err, wallet.TransactionConfirmed, wallet.PaymentConfirmed)
			return paid
		}
		first, second, third := pay(), pay(), pay()
		w.has(3, 7000, 0)
		w.has(1, 0, 3*970)

		for range 2 {
			canceled, err := w.CancelPayment(ctx, w.by(till), first.Payments[0].ID)
			if err != nil || canceled.Payment.Status != wallet.PaymentCanceled {
				t.Error(canceled.Payment, err)
			}
		}
		w.has(3, 8000, 0)
		w.has(1, 0, 2*970)

		done, err := w.FinalizePayment(ctx, w.by(till), second.Payments[0].ID, ptr(eur(600)))
		if err != nil || done.Payment.Status != wallet.PaymentDone || done.Payment.Price != eur(600) {
			t.Error(done.Payment, err)
		}
		w.has(3, 8400, 0)
		w.has(1, 570, 970)

		w.business.Advance(23 * time.Hour)
		w.doDue()
		w.has(1, 570, 970)
		_, err = w.FreezePayment(ctx, w.by(till), third.Payments[0].ID, wallet.Freeze{For: 48 * time.Hour})
		if err != nil {
			t.Error(err)
		}
		w.business.Advance(24 * time.Hour)
		w.doDue()
		w.has(1, 570, 970)
		w.business.Advance(2 * time.Hour)
		w.doDue()
		w.has(1, 1540, 0)
	})
}

func TestTimeOver(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		fresh, shown := w.offers(eur(100)), w.offers(eur(100))
		if _, err := w.ViewOffer(ctx, person(3), shown.Key); err != nil {
			t.Fatal(err)
		}
		held := w.reserved(eur(500), func(n *service.NewTransaction) { n.ReserveFor = time.Hour })
		late := w.reserved(eur(700), func(n *service.NewTransaction) { n.ReserveUntil = w.business.Now().Add(2 * time.Hour) })
		w.business.Advance(time.Hour)
		w.doDue()
		w.is(w.seen(held.Key), nil, wallet.TransactionFailed, wallet.PaymentFailed)
		w.is(w.seen(late.Key), nil, wallet.TransactionReserved, wallet.PaymentReserved)
		w.has(3, 9300, 700)
		w.business.Advance(30 * 24 * time.Hour)
		w.doDue()
		w.is(w.seen(late.Key), nil, wallet.TransactionFailed, wallet.PaymentFailed)
		w.is(w.seen(fresh.Key), nil, wallet.TransactionDeleted, wallet.PaymentDeleted)
		w.is(w.seen(shown.Key), nil, wallet.TransactionFailed, wallet.PaymentFailed)
		w.has(3, 10000, 0)
	})
}

// Somebody who has no account is paid: the money is held until they have registered.
func TestPayingSomebodyWhoIsNotThereYet(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		held := w.reserved(eur(1500), func(n *service.NewTransaction) {
			n.Payments[0].Beneficiary = wallet.Contact{Email: "Jonas@Example.com"}
		})
		w.is(held, nil, wallet.WaitingRegistration, wallet.PaymentWaitingRegistration)
		w.has(3, 8500, 1500)
		w.doDue()
		w.doDue()
		messages, err := w.ListMessages(ctx, operator, "jonas@example.com", 10)
		if err != nil || len(messages) != 1 || messages[0].Kind != wallet.MoneyWaits {
			t.Errorf("Jonas was told %v, %v; want one invitation", messages, err)
		}
		_, err = w.ConfirmTransaction(ctx, w.by(till), held.Key, nil)
		refuses(t, "confirming too early", err, wallet.InvalidState)
		if _, err := w.CreateUser(ctx, operator, wallet.User{ID: 30, Type: wallet.Natural, DisplayName: "Jonas", Email: "jonas@example.com"}, "", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.CreateWallet(ctx, operator, wallet.Wallet{ID: 30, OwnerID: 30}); err != nil {
			t.Fatal(err)
		}
		w.doDue()
		w.is(w.seen(held.Key), nil, wallet.TransactionReserved, wallet.PaymentReserved)
		if _, err := w.ConfirmTransaction(ctx, w.by(till), held.Key, nil); err != nil {
			t.Error(err)
		}
		w.has(30, 1500, 0)
	})
}

func TestPaymentPasswords(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		held := w.reserved(eur(1500), func(n *service.NewTransaction) {
			n.Payments[0].Password = &wallet.Password{Kind: wallet.ProvidedPassword}
			n.Payments[0].PasswordValue = "s3cret"
			n.AutoConfirm = true
		})
		w.is(held, nil, wallet.WaitingPassword, wallet.PaymentWaitingPassword)
		id := held.Payments[0].ID
		_, err := w.GivePassword(ctx, w.by(till), id, "wrong")
		refuses(t, "a wrong password", err, wallet.InvalidParameters, "password")
		for range 2 {
			given, err := w.GivePassword(ctx, w.by(till), id, "s3cret")
			if err != nil || given.Payment.Password.Status != wallet.PasswordUnlocked || given.Payment.Status != wallet.PaymentDone {
				t.Error(given.Payment, err)
			}
		}
		w.has(1, 1500, 0)
	})
}

// The ways to accept: each takes its own proof, and a token alone pays only where the payer would type a password.
func TestProofs(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		ritas := wallet.Contact{WalletID: 3}
		_, err := w.ReserveTransaction(ctx, w.withToken(tablet, 3), w.offers(eur(1)).Key, service.Reservation{})
		refuses(t, "a token in a program that sees no passwords", err, wallet.Forbidden)
		_, err = w.ReserveTransaction(ctx, w.by(till), w.offers(eur(1)).Key, service.Reservation{Payer: ritas})
		refuses(t, "no proof, and no allowance that may pay", err, wallet.InvalidState)
		_, err = w.ReserveTransaction(ctx, w.withToken(phone, 1), w.offers(eur(1)).Key, service.Reservation{Payer: ritas})
		refuses(t, "another one's wallet", err, wallet.NoRights)

		_, err = w.ReserveTransaction(ctx, w.by(till), w.offers(eur(1)).Key, service.Reservation{Payer: ritas, PIN: "0000"})
		refuses(t, "a wrong PIN", err, wallet.InvalidParameters, "pin")
		_, err = w.ReserveTransaction(ctx, w.by(shop), w.offers(eur(1)).Key, service.Reservation{Payer: ritas, PIN: ritasPIN})
		refuses(t, "a client that takes no PINs", err, wallet.Forbidden)
		view, err := w.ReserveTransaction(ctx, w.by(till), w.offers(eur(100)).Key, service.Reservation{Payer: ritas, PIN: ritasPIN})
		w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)

		code, err := w.MakeReserveCode(ctx, w.withToken(phone, 3))
		if err != nil || len(code.Code) != 12 {
			t.Fatal(code, err)
		}
		made := w.offers(eur(200))
		for range 2 {
			view, err = w.ReserveTransaction(ctx, w.by(till), made.Key, service.Reservation{Code: code.Code})
			w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)
		}
		_, err = w.ReserveTransaction(ctx, w.by(till), w.offers(eur(1)).Key, service.Reservation{Code: code.Code})
		refuses(t, "a code for the second time", err, wallet.InvalidCode)
		if code, err = w.MakeReserveCode(ctx, w.withToken(phone, 3)); err != nil {
			t.Fatal(err)
		}
		w.business.Advance(5 * time.Minute)
		_, err = w.ReserveTransaction(ctx, w.by(till), w.offers(eur(1)).Key, service.Reservation{Code: code.Code})
		refuses(t, "a code that has expired", err, wallet.InvalidCode)
		w.has(3, 9700, 300)
	})
}

func TestWhoCannotPay(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		update := func(change service.UserChange) {
			t.Helper()
			if _, err := w.UpdateUser(ctx, operator, 3, change, true); err != nil {
				t.Fatal(err)
			}
		}
		_, err := w.ReserveTransaction(ctx, w.withToken(phone, 1), w.offers(eur(1)).Key, service.Reservation{})
		refuses(t, "to oneself", err, wallet.PaymentToSameAccount)

		update(service.UserChange{Standing: ptr(wallet.RestrictedUser)})
		_, err = w.paysInApp(w.offers(eur(1)).Key)
		refuses(t, "a restricted payer", err, wallet.ClientRestricted)
		update(service.UserChange{Standing: ptr(wallet.ActiveUser)})

		asks := func(r wallet.Restrictions) string {
			return w.offers(eur(1), func(n *service.NewTransaction) { n.Restrictions = &r }).Key
		}
		_, err = w.paysInApp(asks(wallet.Restrictions{OwnerType: wallet.Legal}))
		refuses(t, "a person in the place of a company", err, wallet.RestrictionViolation)
		_, err = w.paysInApp(asks(wallet.Restrictions{Identity: true}))
		refuses(t, "somebody nobody knows", err, wallet.ClientNotVerified)
		update(service.UserChange{Level: ptr(wallet.SemiIdentified)})
		_, err = w.paysInApp(asks(wallet.Restrictions{Level: wallet.Identified}))
		refuses(t, "somebody known too little", err, wallet.RestrictionViolation)

		limits := []wallet.SpendingLimit{
			{Kind: wallet.OrdinaryLimit, Amount: eur(5000)},
			{Kind: wallet.OrdinaryLimit, Amount: eur(6000), Within: 24 * time.Hour},
			{Kind: wallet.TemporaryLimit, Amount: eur(4000), Within: time.Hour},
		}
		if _, err := w.LimitUser(ctx, operator, 3, true, limits, true); err != nil {
			t.Fatal(err)
		}
		_, err = w.paysInApp(w.offers(eur(5001)).Key)
		refuses(t, "more than for one payment", err, wallet.LimitsExceeded)
		_, err = w.paysInApp(w.offers(eur(4001)).Key)
		refuses(t, "more than for now", err, wallet.RestrictionLimitsExceeded)
		held := w.reserved(eur(4000))
		_, err = w.paysInApp(w.offers(eur(1)).Key)
		refuses(t, "a cent more", err, wallet.RestrictionLimitsExceeded)
		if _, err := w.ConfirmTransaction(ctx, w.by(till), held.Key, map[int64]money.Amount{held.Payments[0].ID: eur(3000)}); err != nil {
			t.Fatal(err)
		}
		w.reserved(eur(1000)) // what came back may be spent again
		w.business.Advance(time.Hour)
		_, err = w.paysInApp(w.offers(eur(2001)).Key)
		refuses(t, "more than for a day", err, wallet.LimitsExceeded)
		w.reserved(eur(2000))
	})
}

// Payments of one transaction are paid together or not at all, also in several currencies.
func TestAllOrNothing(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		both := func(n *service.NewTransaction) {
			n.Payments = append(n.Payments, service.NewPayment{Payment: wallet.Payment{Description: "Postage", Price: money.Amount{Minor: 300, Currency: "USD"}}})
		}
		made := w.offers(eur(1000), both)
		view, err := w.paysInApp(made.Key)
		w.is(view, err, wallet.WaitingFunds, wallet.PaymentWaiting)
		w.has(3, 10000, 0)
		w.gives(3, money.Amount{Minor: 300, Currency: "USD"})
		w.doDue()
		w.is(w.seen(made.Key), nil, wallet.TransactionReserved, wallet.PaymentReserved)
		w.has(3, 9000, 1000)
	})
}

// A payment that was made alone is put into another transaction; the one that it was in vanishes.
func TestMovingPayments(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		alone, err := w.CreatePayment(ctx, w.by(till), service.NewPayment{Payment: wallet.Payment{Description: "Rye bread", Price: eur(250)}})
		if err != nil {
			t.Fatal(err)
		}
		moves := func(n *service.NewTransaction) { n.Moved = []int64{alone.Payment.ID} }
		made := w.offers(eur(100), moves)
		if ids := []int64{made.Payments[0].ID, made.Payments[1].ID}; !slices.Contains(ids, alone.Payment.ID) {
			t.Errorf("the payments are %v, want %d among them", ids, alone.Payment.ID)
		}
		if old, err := w.GetTransaction(ctx, w.by(till), alone.Key, false, false); err != nil || old.Status != wallet.TransactionDeleted {
			t.Error(old.Status, err)
		}
		moved, err := w.GetPayment(ctx, w.by(till), alone.Payment.ID)
		if err != nil || moved.Key != made.Key {
			t.Error(moved.Key, err)
		}
		if _, err := w.paysInApp(made.Key); err != nil {
			t.Fatal(err)
		}
		w.has(3, 9650, 350)
		_, err = w.CreateTransaction(ctx, w.by(till), newTransaction(eur(1), moves))
		refuses(t, "moving what is held", err, wallet.InvalidState)
		_, err = w.CreateTransaction(ctx, w.by(rita), newTransaction(eur(1), moves))
		refuses(t, "moving another project's", err, wallet.NotFound)
	})
}

// The default wallet of a project changes for payments that are made afterwards.
func TestAnotherDefaultWallet(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		if _, err := w.CreateWallet(ctx, operator, wallet.Wallet{ID: 31, OwnerID: 1}); err != nil {
			t.Fatal(err)
		}
		before := w.offers(eur(100))
		if _, err := w.UpdateProject(ctx, operator, 1, service.ProjectChange{WalletID: ptr(int64(31))}, true); err != nil {
			t.Fatal(err)
		}
		after := w.offers(eur(200))
		if a, b := before.Payments[0].BeneficiaryID, after.Payments[0].BeneficiaryID; a != 1 || b != 31 {
			t.Errorf("the payments go to wallets %d and %d, want 1 and 31", a, b)
		}
	})
}

func TestPaymentsThatCannotBe(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		for field, change := range map[string]func(n *service.NewTransaction){
			"payments":                        func(n *service.NewTransaction) { n.Payments = nil },
			"payments[0].price":               func(n *service.NewTransaction) { n.Payments[0].Price = eur(0) },
			"payments[0].currency":            func(n *service.NewTransaction) { n.Payments[0].Price.Currency = "XAU" },
			"payments[0].description":         func(n *service.NewTransaction) { n.Payments[0].Description = "" },
			"payments[0].freeze":              func(n *service.NewTransaction) { n.Payments[0].FreezeFor = -time.Second },
			"payments[0].purpose":             func(n *service.NewTransaction) { n.Payments[0].Purpose = "fun" },
			"payments[0].cashback":            func(n *service.NewTransaction) { n.Payments[0].Cashback = 2000 },
			"payments[0].commission":          func(n *service.NewTransaction) { n.Payments[0].InCommission, n.Payments[0].OutCommission = 600, 600 },
			"payments[0].price_rules":         func(n *service.NewTransaction) { n.Payments[0].PriceRules = &wallet.PriceRules{Min: 5, Max: 4} },
			"payments[0].beneficiary":         func(n *service.NewTransaction) { n.Payments[0].Beneficiary = wallet.Contact{WalletID: 999} },
			"payments[0].items[0].quantity":   func(n *service.NewTransaction) { n.Payments[0].Items = []wallet.Item{{Title: "Tea", Price: eur(1)}} },
			"payments[0].password.type":       func(n *service.NewTransaction) { n.Payments[0].Password = &wallet.Password{Kind: "spoken"} },
			"payments[0].funds_source.type":   func(n *service.NewTransaction) { n.Payments[0].FundsSource = &wallet.FundsSource{Type: "luck"} },
			"reserve":                         func(n *service.NewTransaction) { n.ReserveUntil = w.business.Now() },
			"redirect_uri":                    func(n *service.NewTransaction) { n.RedirectURI = "javascript:alert(1)" },
			"restrictions.account_owner.type": func(n *service.NewTransaction) { n.Restrictions = &wallet.Restrictions{OwnerType: "cat"} },
			"inquiries[0].items":              func(n *service.NewTransaction) { n.Inquiries = []wallet.Inquiry{{Identifier: "age"}} },
		} {
			_, err := w.CreateTransaction(ctx, w.by(till), newTransaction(eur(1000), change))
			refuses(t, field, err, wallet.InvalidParameters, field)
		}
	})
}

// A password that is given while the transaction waits for somebody else to register does not keep its payment
// waiting.
func TestAPasswordBeforeSomebodyRegisters(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		held := w.reserved(eur(1500), func(n *service.NewTransaction) {
			n.Payments[0].Password, n.Payments[0].PasswordValue = &wallet.Password{Kind: wallet.ProvidedPassword}, "s3cret"
			n.Payments = append(n.Payments, service.NewPayment{Payment: wallet.Payment{Description: "A gift", Price: eur(100), Beneficiary: wallet.Contact{Email: "jonas@example.com"}}})
		})
		w.is(held, nil, wallet.WaitingRegistration, wallet.PaymentWaitingPassword)
		given, err := w.GivePassword(ctx, w.by(till), held.Payments[0].ID, "s3cret")
		w.is(given.TransactionView, err, wallet.WaitingRegistration, wallet.PaymentReserved)
	})
}

// ritaTakes gives Rita an e-mail address, which payments may have been waiting for.
func (w world) ritaTakes(email string) {
	w.t.Helper()
	if _, err := w.UpdateUser(ctx, operator, 3, service.UserChange{Email: &email}, true); err != nil {
		w.t.Fatal(err)
	}
}

// to sends a payment to a contact.
func to(email string) func(n *service.NewTransaction) {
	return func(n *service.NewTransaction) { n.Payments[0].Beneficiary = wallet.Contact{Email: email} }
}

// The contact that a payment went to turns out to be the payer's own: nothing is paid from a wallet to itself. What
// is over, or went into another transaction, is left alone, and nobody else is kept waiting.
func TestContactsThatBecomeThePayers(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		over := w.reserved(eur(500), to("jonas@example.com"), func(n *service.NewTransaction) { n.ReserveFor = time.Hour })
		w.business.Advance(time.Hour)
		w.doDue()
		held := w.reserved(eur(700), to("jonas@example.com"))
		both := w.offers(eur(50), to("jonas@example.com"), func(n *service.NewTransaction) {
			n.Payments = append(n.Payments, service.NewPayment{Payment: wallet.Payment{Description: "Bread", Price: eur(300)}})
		})
		moves := newTransaction(eur(1), func(n *service.NewTransaction) { n.Moved = []int64{both.Payments[0].ID} })
		moved, err := w.CreateTransaction(ctx, w.by(till), moves)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.paysInApp(both.Key); err != nil {
			t.Fatal(err)
		}
		w.has(3, 9000, 1000)
		w.ritaTakes("jonas@example.com")
		w.doDue()
		w.is(w.seen(over.Key), nil, wallet.TransactionFailed, wallet.PaymentFailed)
		w.is(w.seen(held.Key), nil, wallet.TransactionRevoked, wallet.PaymentRevoked)
		w.is(w.seen(both.Key), nil, wallet.TransactionReserved, wallet.PaymentReserved)
		if there := w.seen(moved.Key); there.Payments[1].BeneficiaryID != 3 {
			t.Errorf("the payment that was moved goes to wallet %d, want Rita's", there.Payments[1].BeneficiaryID)
		}
		w.has(3, 9700, 300)
	})
}

// Who has a contact and no wallet yet is waited for, and keeps nobody else waiting.
func TestContactsWithoutAWallet(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		held := w.reserved(eur(100), to("jonas@example.com"))
		if _, err := w.CreateUser(ctx, operator, wallet.User{ID: 30, Type: wallet.Natural, DisplayName: "Jonas", Email: "jonas@example.com"}, "", ""); err != nil {
			t.Fatal(err)
		}
		if arrived, err := w.db.ArrivedContacts(ctx, 10); err != nil || len(arrived) != 0 {
			t.Errorf("arrived: %v, %v", arrived, err)
		}
		w.doDue()
		w.is(w.seen(held.Key), nil, wallet.WaitingRegistration, wallet.PaymentWaitingRegistration)
		if _, err := w.CreateWallet(ctx, operator, wallet.Wallet{ID: 30, OwnerID: 30}); err != nil {
			t.Fatal(err)
		}
		w.doDue()
		w.is(w.seen(held.Key), nil, wallet.TransactionReserved, wallet.PaymentReserved)
	})
}

// No price is so low that the beneficiary would have to give the cashback from other money.
func TestPricesCoverTheCashback(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		taken := func(n *service.NewTransaction) {
			n.Payments[0].InCommission, n.Payments[0].Cashback, n.Payments[0].PriceRules = 400, 500, &wallet.PriceRules{Min: 1}
			n.Payments[0].FreezeFor = time.Hour
		}
		made := w.offers(eur(1000), taken)
		id := made.Payments[0].ID
		at := func(minor int64) service.Reservation {
			return service.Reservation{Prices: map[int64]money.Amount{id: eur(minor)}}
		}
		_, err := w.ReserveTransaction(ctx, w.withToken(phone, 3), made.Key, at(899))
		refuses(t, "choosing too little", err, wallet.InvalidParameters, fmt.Sprintf("payment_prices.%d", id))
		if _, err = w.ReserveTransaction(ctx, w.withToken(phone, 3), made.Key, at(950)); err != nil {
			t.Fatal(err)
		}
		_, err = w.ConfirmTransaction(ctx, w.by(till), made.Key, map[int64]money.Amount{id: eur(899)})
		refuses(t, "confirming too little", err, wallet.InvalidParameters, fmt.Sprintf("%d.price", id))
		if _, err = w.ConfirmTransaction(ctx, w.by(till), made.Key, map[int64]money.Amount{id: eur(900)}); err != nil {
			t.Fatal(err)
		}
		w.has(1, 0, 500)
		w.business.Advance(time.Hour)
		w.doDue()
		w.has(1, 0, 0)
		w.has(3, 9600, 0)
	})
}

// What comes back as cashback can be spent again, whoever confirms; a limit that is taken away forgets what was
// spent under it.
func TestWhatComesBackCanBeSpent(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		day := []wallet.SpendingLimit{{Kind: wallet.OrdinaryLimit, Amount: eur(1000), Within: 24 * time.Hour}}
		limit := func(limits []wallet.SpendingLimit) {
			t.Helper()
			if _, err := w.LimitUser(ctx, operator, 3, true, limits, true); err != nil {
				t.Fatal(err)
			}
		}
		limit(day)
		for _, auto := range []bool{true, false} {
			paid := w.reserved(eur(400), func(n *service.NewTransaction) { n.AutoConfirm, n.Payments[0].Cashback = auto, 300 })
			if _, err := w.ConfirmTransaction(ctx, w.by(till), paid.Key, nil); err != nil {
				t.Error(err)
			}
		}
		_, err := w.paysInApp(w.offers(eur(801)).Key)
		refuses(t, "a cent more than is left", err, wallet.LimitsExceeded)
		held := w.reserved(eur(800))
		limit(nil)
		if _, err := w.RevokeTransaction(ctx, w.by(till), held.Key); err != nil {
			t.Error(err)
		}
		w.business.Advance(time.Second)
		limit(day)
		w.reserved(eur(1000))
	})
}

// A payer changes their mind: what was held first pays the second. Nothing is revoked and paid at once.
func TestPayingInstead(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		held, made := w.reserved(eur(9000)), w.offers(eur(5000))
		instead := func(key string, first string) (service.TransactionView, error) {
			return w.ReserveTransaction(ctx, w.by(till), key, service.Reservation{Payer: wallet.Contact{WalletID: 3}, PIN: ritasPIN, RevokeKey: first})
		}
		view, err := instead(made.Key, held.Key)
		w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)
		w.is(w.seen(held.Key), nil, wallet.TransactionRevoked, wallet.PaymentRevoked)
		w.has(3, 5000, 5000)
		view, err = instead(made.Key, held.Key) // repeated
		w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)
		alone := w.offers(eur(1))
		_, err = instead(alone.Key, alone.Key)
		refuses(t, "instead of itself", err, wallet.InvalidParameters, "revoke_transaction_key")
		w.is(w.seen(alone.Key), nil, wallet.TransactionNew, wallet.PaymentNew)
	})
}

// Devices are kept apart from each other: one sees and manages what it made itself, unless whoever holds it
// administers the project.
func TestDevicesAreKeptApart(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		madeBy := func(c wallet.Caller) service.TransactionView {
			view, err := w.CreateTransaction(ctx, c, newTransaction(eur(100)))
			if err != nil {
				t.Fatal(err)
			}
			return view
		}
		shops, phones, tablets := madeBy(w.by(till)), madeBy(w.by(phone)), madeBy(w.by(tablet))
		onas, ritas := w.withToken(phone, 1, wallet.ScopeProjects), w.withToken(phone, 3, wallet.ScopeProjects)
		all := []service.TransactionView{shops, phones, tablets}
		for _, who := range []struct {
			name   string
			caller func() wallet.Caller
			sees   []service.TransactionView
		}{
			{"the shop", func() wallet.Caller { return w.by(till) }, all},
			{"the phone", func() wallet.Caller { return w.by(phone) }, []service.TransactionView{phones}},
			{"the tablet", func() wallet.Caller { return w.by(tablet) }, []service.TransactionView{tablets}},
			{"a customer's phone", func() wallet.Caller { return ritas }, []service.TransactionView{phones}},
			{"the owner's phone", func() wallet.Caller { return onas }, all},
		} {
			var keys []string
			listed, total, err := w.ListTransactions(ctx, who.caller(), service.TransactionFilter{Limit: 10, Ascending: true}, 0, false, false)
			for _, view := range listed {
				keys = append(keys, view.Key)
			}
			payments, count, failed := w.ListPayments(ctx, who.caller(), service.TransactionFilter{Limit: 10})
			if err != nil || failed != nil || total != len(who.sees) || len(payments) != total || count != total {
				t.Errorf("%s lists %d transactions of %d, and %d payments of %d: %v, %v", who.name, len(keys), total, len(payments), count, err, failed)
			}
			for _, view := range all {
				own := slices.ContainsFunc(who.sees, func(v service.TransactionView) bool { return v.Key == view.Key })
				if slices.Contains(keys, view.Key) != own {
					t.Errorf("%s lists %v, and made %s", who.name, keys, view.Key)
				}
				_, err := w.InquiredInformation(ctx, who.caller(), view.Key)
				if (err == nil) != own {
					t.Errorf("%s reads what the payer of transaction %d told: %v", who.name, view.ID, err)
				}
			}
		}
		_, err := w.RevokeTransaction(ctx, w.by(phone), shops.Key)
		refuses(t, "revoking what the shop made", err, wallet.Forbidden)
		if _, err := w.RevokeTransaction(ctx, w.by(phone), phones.Key); err != nil {
			t.Error(err)
		}
	})
}

// Somebody saw Rita's PIN and pays with it while she changes it: between the look at the PIN and the decision.
func TestNobodyPaysWithAPINThatWasChangedMeanwhile(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		decidesOn := func(proven []byte) error {
			_, err := store.Money(ctx, w.db, store.MoneyCommand[bool]{Decide: func(m *store.MoneyTx) (bool, error) {
				return true, service.PINStillIs(m, 3, proven)
			}})
			return err
		}
		_, seen, err := w.db.Hashes(ctx, 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := decidesOn(seen); err != nil {
			t.Errorf("the PIN is still hers: %v", err)
		}
		if _, err := w.UpdateUser(ctx, operator, 3, service.UserChange{PIN: "8642"}, true); err != nil {
			t.Fatal(err)
		}
		refuses(t, "a PIN that was changed", decidesOn(seen), wallet.InvalidParameters, "pin")
	})
}

// One transaction of which the database can make nothing any more is reported, and holds no other up: neither those
// whose time is over, nor payments that wait for something else.
func TestWhatCannotBeDoneHoldsNothingElseUp(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		spoiled, left := w.offers(eur(100)), w.offers(eur(200))
		wallettest.Spoil(t, w.address, fmt.Sprintf(`UPDATE transactions SET document = '{' || document WHERE id = %d`, spoiled.ID))
		w.business.Advance(31 * 24 * time.Hour)
		waits, err := w.paysInApp(w.offers(eur(20000)).Key)
		w.is(waits, err, wallet.WaitingFunds, wallet.PaymentWaiting)
		w.gives(3, eur(15000))
		again := newServer(t, w.address, w.wall, w.business) // which remembers nothing
		if _, err := again.DoDue(ctx, operator); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("transaction %d:", spoiled.ID)) {
			t.Errorf("what cannot be done is reported as %v", err)
		}
		again.is(again.seen(left.Key), nil, wallet.TransactionDeleted, wallet.PaymentDeleted)
		again.is(again.seen(waits.Key), nil, wallet.TransactionReserved, wallet.PaymentReserved)
		wallettest.Spoil(t, w.address, fmt.Sprintf(`UPDATE transactions SET document = substr(document, 2) WHERE id = %d`, spoiled.ID))
	})
}

// A wallet that may go below zero has enough as long as a payment would be accepted.
func TestACreditLimitCountsAsFunds(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		if _, err := w.LimitCredit(ctx, operator, 1, eur(5000), true); err != nil {
			t.Fatal(err)
		}
		for minor, want := range map[int64]bool{0: true, 5000: true, 5001: false} {
			if got, err := w.HasFunds(ctx, w.by(till), 1, eur(minor)); err != nil || got != want {
				t.Errorf("%d cents: %v, %v", minor, got, err)
			}
		}
	})
}
