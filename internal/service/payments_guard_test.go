package service_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// A key cannot be guessed, the number of a payment can: who counts through the numbers reads nobody's payments, nor
// the keys that would open them.
func TestNumbersOfPaymentsOpenNothing(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		made := w.offers(eur(2599))
		id := made.Payments[0].ID
		reads := func(c wallet.Caller) error { return errorOf(w.GetPayment(ctx, c, id)) }
		ritas := func() wallet.Caller { return w.withToken(ritasSite, 3) }
		onas := func() wallet.Caller { return w.withToken(ritasSite, 1) }
		if err := reads(w.by(till)); err != nil {
			t.Errorf("the till that made it: %v", err)
		}
		if _, err := w.GetTransaction(ctx, ritas(), made.Key, false, false); err != nil {
			t.Errorf("Rita, who was given the key: %v", err)
		}
		refuses(t, "Rita, who counts", reads(ritas()), wallet.Forbidden)
		if _, err := w.ViewOffer(ctx, person(3), made.Key); err != nil {
			t.Fatal(err)
		}
		refuses(t, "Rita, while nobody has paid", reads(ritas()), wallet.Forbidden)
		if _, err := w.paysInApp(made.Key); err != nil {
			t.Fatal(err)
		}
		if err := reads(ritas()); err != nil {
			t.Errorf("Rita, who has paid: %v", err)
		}
		refuses(t, "Ona, who has not", reads(onas()), wallet.Forbidden)
		refuses(t, "no such payment", errorOf(w.GetPayment(ctx, ritas(), id+1000)), wallet.NotFound)
	})
}

// A device does not take away what another one asked for (seeds: app_client).
func TestDevicesDoNotTakeEachOthersPayments(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		alone := newTransaction(eur(100)).Payments[0]
		phones, err := w.CreatePayment(ctx, w.by(phone), alone)
		if err != nil {
			t.Fatal(err)
		}
		moves := service.NewTransaction{Moved: []int64{phones.Payment.ID}}
		_, err = w.CreateTransaction(ctx, w.by(tablet), moves)
		refuses(t, "the tablet takes the phone's", err, wallet.NotFound)
		w.is(w.seen(phones.Key), nil, wallet.TransactionNew, wallet.PaymentNew)
		if _, err = w.CreateTransaction(ctx, w.by(phone), moves); err != nil {
			t.Errorf("the phone moves its own: %v", err)
		}
	})
}

// A payer who may choose any price still names one that clients can count (spec/mobile-sdks.md §0.14).
func TestChosenPricesFitTheClients(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		free := func(n *service.NewTransaction) { n.Payments[0].PriceRules = &wallet.PriceRules{Min: 1} }
		made := w.offers(eur(100), free)
		id := made.Payments[0].ID
		chooses := func(price money.Amount) error {
			return errorOf(w.ReserveTransaction(ctx, w.withToken(phone, 3), made.Key, service.Reservation{Prices: map[int64]money.Amount{id: price}}))
		}
		for _, minor := range []int64{1 << 31, math.MaxInt64} {
			refuses(t, "too much", chooses(eur(minor)), wallet.InvalidParameters, fmt.Sprintf("payment_prices.%d", id))
		}
		if err := chooses(eur(1<<31 - 1)); err != nil {
			t.Errorf("as much as can be counted: %v", err)
		}
		for name, rules := range map[string]wallet.PriceRules{
			"min": {Min: 1 << 31}, "max": {Max: 1 << 31}, "choices": {Choices: []int64{100, 1 << 31}},
		} {
			_, err := w.CreateTransaction(ctx, w.by(till), newTransaction(eur(100), func(n *service.NewTransaction) { n.Payments[0].PriceRules = &rules }))
			refuses(t, name, err, wallet.InvalidParameters, "payments[0].price_rules")
		}
	})
}

// Another server has given a payment its beneficiary meanwhile: this one, which remembers it without, sees that.
func TestAnotherServerHasFoundTheBeneficiary(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		if !strings.HasPrefix(w.address, "postgres") {
			return // one process owns a SQLite file
		}
		made := w.offers(eur(1500), func(n *service.NewTransaction) {
			n.Payments[0].Beneficiary = wallet.Contact{Email: "jonas@example.com"}
		})
		other := newServer(t, w.address, w.wall, w.business)
		if _, err := other.CreateUser(ctx, operator, wallet.User{ID: 30, Type: wallet.Natural, DisplayName: "Jonas", Email: "jonas@example.com"}, "", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := other.CreateWallet(ctx, operator, wallet.Wallet{ID: 30, OwnerID: 30}); err != nil {
			t.Fatal(err)
		}
		other.doDue()
		held, err := w.paysInApp(made.Key)
		w.is(held, err, wallet.TransactionReserved, wallet.PaymentReserved)
		if held.Transaction != nil && held.Payments[0].BeneficiaryID != 30 {
			t.Errorf("it goes to wallet %d, want 30", held.Payments[0].BeneficiaryID)
		}
	})
}

// A code is its payer's: it does not pay where the client means somebody else.
func TestACodePaysForItsPayerOnly(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		code, err := w.MakeReserveCode(ctx, w.withToken(phone, 3))
		if err != nil {
			t.Fatal(err)
		}
		made := w.offers(eur(100))
		pays := func(payer wallet.Contact) (service.TransactionView, error) {
			return w.ReserveTransaction(ctx, w.by(till), made.Key, service.Reservation{Payer: payer, Code: code.Code})
		}
		for name, payer := range map[string]wallet.Contact{"wallet": {WalletID: 1}, "e-mail": {Email: "ona@example.com"}, "phone": {Phone: "37060000001"}} {
			refuses(t, "Ona by "+name, errorOf(pays(payer)), wallet.InvalidCode)
		}
		w.has(3, 10000, 0)
		view, err := pays(wallet.Contact{Email: "rita@example.com"})
		w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)
	})
}

// Who has nothing on record cannot tell it: a required inquiry is refused, naming what is missing, and an optional one
// tells what there is.
func TestInquiriesNeedWhatIsOnRecord(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		asks := func(n *service.NewTransaction) {
			n.Inquiries = []wallet.Inquiry{
				{Identifier: "who", Required: true, Items: []wallet.InquiryItem{{Identifier: "id", Type: wallet.AskIdentity}, {Identifier: "code", Type: wallet.AskPersonCode}}},
				{Identifier: "more", Items: []wallet.InquiryItem{{Identifier: "id", Type: wallet.AskIdentity}}},
			}
		}
		made := w.offers(eur(100), asks)
		accepts := func(answers ...string) (service.TransactionView, error) {
			r := service.Reservation{Answers: map[string]wallet.InquiryAnswer{}}
			for _, identifier := range answers {
				r.Answers[identifier] = wallet.InquiryAccepted
			}
			return w.ReserveTransaction(ctx, w.withToken(phone, 3), made.Key, r)
		}
		knows := func(identity wallet.Identity) {
			if _, err := w.UpdateUser(ctx, operator, 3, service.UserChange{Identity: &identity}, true); err != nil {
				t.Fatal(err)
			}
		}
		refuses(t, "nothing is on record", errorOf(accepts("who", "more")), wallet.InvalidParameters, "inquiries.who.id", "inquiries.who.code")
		knows(wallet.Identity{Name: "Rita", Surname: "Ritaitė"})
		refuses(t, "no code is on record", errorOf(accepts("who")), wallet.InvalidParameters, "inquiries.who.code")
		w.has(3, 10000, 0)
		knows(wallet.Identity{Name: "Rita", Surname: "Ritaitė", Nationality: "lt", Code: "48812240000"})
		view, err := accepts("who")
		w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)
		told, err := w.InquiredInformation(ctx, w.by(till), made.Key)
		if err != nil || len(told) != 2 || !told[0].Identity.Tells(told[0].Type) || !told[1].Identity.Tells(told[1].Type) {
			t.Errorf("the till is told %v, %v", told, err)
		}
	})
}

// What somebody has accepted is told again to them who did, not to whoever knows the key and says the same.
func TestAnothersYesIsNotRepeated(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		made := w.reserved(eur(100))
		ritas := service.Reservation{Payer: wallet.Contact{WalletID: 3}}
		view, err := w.ReserveTransaction(ctx, w.withToken(phone, 1), made.Key, ritas)
		refuses(t, "Ona, in an app", err, wallet.InvalidState)
		if view.Transaction != nil {
			t.Errorf("and she is told %+v", view.Transaction)
		}
		onPage := w.offers(eur(100))
		if _, err := w.ApproveTransaction(ctx, person(3), onPage.Key, service.Approval{WalletID: 3, PIN: ritasPIN}); err != nil {
			t.Fatal(err)
		}
		_, err = w.ApproveTransaction(ctx, person(1), onPage.Key, service.Approval{WalletID: 3})
		refuses(t, "Ona, on the page", err, wallet.InvalidState)
	})
}

// Who says yes again and says something else beside it is not told that this was done: another price, another answer, another
// source of the money, an allowance, another transaction to be revoked for it. The same again is told the same.
func TestAnotherYesIsNotTakenForARepeat(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		made := w.offers(eur(1000), func(n *service.NewTransaction) {
			n.Payments[0].PriceRules = &wallet.PriceRules{Min: 500, Max: 2000}
			n.Inquiries = []wallet.Inquiry{{Identifier: "who", Items: []wallet.InquiryItem{{Identifier: "name", Type: wallet.AskIdentity}}}}
			n.Allowance, n.AllowanceOptional = &service.NewAllowance{Allowance: wallet.Allowance{Currency: "EUR", Max: 100}}, true
		})
		payment := made.Payments[0].ID
		yes := func(change func(r *service.Reservation)) (service.TransactionView, error) {
			r := service.Reservation{
				Payer: wallet.Contact{WalletID: 3}, PIN: ritasPIN, Prices: map[int64]money.Amount{payment: eur(1500)},
				FundsSources: map[int64]wallet.FundsSource{payment: {Type: "gift"}},
			}
			change(&r)
			return w.ReserveTransaction(ctx, w.by(till), made.Key, r)
		}
		same := func(*service.Reservation) {}
		for range 2 {
			view, err := yes(same)
			w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)
		}
		held := w.reserved(eur(300))
		other := map[string]func(r *service.Reservation){
			"another price":       func(r *service.Reservation) { r.Prices[payment] = eur(700) },
			"another one, listed": func(r *service.Reservation) { r.Prices, r.PricesInOrder = nil, []money.Amount{eur(700)} },
			"another currency":    func(r *service.Reservation) { r.Prices[payment] = money.Amount{Minor: 1500, Currency: "USD"} },
			"another source":      func(r *service.Reservation) { r.FundsSources[payment] = wallet.FundsSource{Type: "loan"} },
			"another answer": func(r *service.Reservation) {
				r.Answers = map[string]wallet.InquiryAnswer{"who": wallet.InquiryAccepted}
			},
			"an allowance":      func(r *service.Reservation) { r.GiveAllowance = true },
			"one to be revoked": func(r *service.Reservation) { r.RevokeKey = held.Key },
		}
		for what, change := range other {
			_, err := yes(change)
			refuses(t, what, err, wallet.InvalidState)
		}
		w.is(w.seen(held.Key), nil, wallet.TransactionReserved, wallet.PaymentReserved)
		if _, err := w.ConfirmTransaction(ctx, w.by(till), made.Key, map[int64]money.Amount{payment: eur(900)}); err != nil {
			t.Fatal(err)
		}
		view, err := yes(same) // as it was said then
		w.is(view, err, wallet.TransactionConfirmed, wallet.PaymentDone)
		_, err = yes(other["another price"])
		refuses(t, "a lower price than was paid", err, wallet.InvalidState)
	})
}
