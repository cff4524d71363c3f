package wallet_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// place is a part of an account.
type place struct {
	account ledger.Key
	part    ledger.Part
}

// Whatever is done with a transaction, in any order: what its payments have posted comes to their effects, and it
// never contradicts itself.
func TestEffectsAreWhatThePostingsComeTo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		tr := drawTransaction(rt, now)
		posted := map[int64]map[place]int64{}
		post := func(postings []ledger.Posting) {
			for _, p := range postings {
				of := posted[p.PaymentID]
				if of == nil {
					of = map[place]int64{}
					posted[p.PaymentID] = of
				}
				of[place{p.Debit, p.From}] -= p.Amount.Minor
				of[place{p.Credit, p.To}] += p.Amount.Minor
			}
		}
		for range rapid.IntRange(0, 12).Draw(rt, "moves") {
			now = now.Add(time.Duration(rapid.IntRange(0, 48).Draw(rt, "hours")) * time.Hour)
			post(drawMove(rt, tr, now))
			if wrong := tr.Inconsistency(); wrong != "" {
				rt.Fatalf("%+v: %s", tr, wrong)
			}
			for i := range tr.Payments {
				p := &tr.Payments[i]
				want := map[place]int64{}
				for _, s := range tr.Effects(p) {
					want[place{s.Account, s.Part}] += s.Minor
				}
				got := maps.Clone(posted[p.ID])
				maps.DeleteFunc(got, func(_ place, minor int64) bool { return minor == 0 })
				if len(got)+len(want) > 0 {
					if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" {
						rt.Fatalf("payment %d, %s in a transaction that is %s, posted (-effects +posted):\n%s", p.ID, p.Status, tr.Status, diff)
					}
				}
			}
		}
	})
}

func drawTransaction(rt *rapid.T, now time.Time) *wallet.Transaction {
	tr := &wallet.Transaction{ID: 1, Status: wallet.TransactionNew, ProjectID: 7, CreatedAt: now, ReserveFor: 24 * time.Hour}
	for id := range int64(rapid.IntRange(1, 3).Draw(rt, "payments")) {
		p := wallet.Payment{
			ID: id + 1, Status: wallet.PaymentNew, Price: money.Amount{Minor: 1000, Currency: "EUR"},
			InCommission: int64(rapid.IntRange(0, 40).Draw(rt, "in")), OutCommission: int64(rapid.IntRange(0, 40).Draw(rt, "out")),
			Cashback: int64(rapid.IntRange(0, 300).Draw(rt, "cashback")), BeneficiaryID: 2 + id,
			FreezeFor: time.Duration(rapid.IntRange(0, 2).Draw(rt, "days frozen")) * 24 * time.Hour,
		}
		if rapid.IntRange(0, 4).Draw(rt, "unknown beneficiary") == 0 {
			p.BeneficiaryID, p.Beneficiary = 0, wallet.Contact{Email: "ona@example.com"}
		}
		if rapid.IntRange(0, 4).Draw(rt, "password") == 0 {
			p.Password = &wallet.Password{Kind: wallet.GeneratedPassword, Status: wallet.PasswordPending}
		}
		tr.Payments = append(tr.Payments, p)
	}
	return tr
}

// drawMove makes one move, whether or not it is possible, and returns what it posts.
func drawMove(rt *rapid.T, tr *wallet.Transaction, now time.Time) []ledger.Posting {
	payment := &tr.Payments[rapid.IntRange(0, len(tr.Payments)-1).Draw(rt, "payment")]
	lower := money.Amount{Minor: int64(rapid.IntRange(300, 1000).Draw(rt, "price")), Currency: "EUR"}
	var postings []ledger.Posting
	switch move := rapid.SampledFrom([]string{
		"accept", "accept", "accept", "confirm", "confirm", "revoke", "cancel", "finalize", "freeze", "expire", "register", "unlock", "show", "reject",
	}).Draw(rt, "move"); move {
	case "accept":
		a := wallet.Acceptance{Type: wallet.ByPage, Payer: &wallet.Holder{WalletID: 1, Owner: &wallet.User{ID: 1}}, By: 1, Beneficiaries: map[int64]*wallet.Holder{}}
		for id := range int64(4) {
			a.Beneficiaries[2+id] = &wallet.Holder{WalletID: 2 + id, Owner: &wallet.User{ID: 2 + id}}
		}
		accepted, err := tr.Accept(now, a)
		if err != nil {
			return nil
		}
		if rapid.IntRange(0, 5).Draw(rt, "too little") == 0 {
			tr.LackFunds()
			return nil
		}
		tr.Held(now)
		postings = accepted
	case "confirm":
		prices := map[int64]money.Amount{}
		if rapid.Bool().Draw(rt, "lower") {
			prices[payment.ID] = lower
		}
		postings, _ = tr.Confirm(now, prices)
	case "revoke":
		postings, _ = tr.Revoke()
	case "cancel":
		postings, _ = tr.Cancel(payment.ID)
	case "finalize":
		if rapid.Bool().Draw(rt, "lower") {
			postings, _ = tr.Finalize(now, payment.ID, &lower)
		} else {
			postings, _ = tr.Finalize(now, payment.ID, nil)
		}
	case "freeze":
		postings, _ = tr.Freeze(now, payment.ID, wallet.Freeze{For: time.Duration(rapid.IntRange(0, 2).Draw(rt, "days")) * 24 * time.Hour})
	case "expire":
		postings = tr.Expire(now)
	case "register":
		tr.Register("ona@example.com", 5)
	case "unlock":
		tr.Unlock(payment.ID)
	case "show":
		tr.Show()
	case "reject":
		tr.Reject()
	}
	return postings
}

// What was altered in a document of a transaction by hand contradicts the rest of it.
func TestInconsistency(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	reserved := func() *wallet.Transaction {
		return &wallet.Transaction{ID: 1, Status: wallet.TransactionReserved, WalletID: 1, CreatedAt: at, AcceptedAt: at, HeldAt: at, Payments: []wallet.Payment{
			{ID: 3, Status: wallet.PaymentReserved, Price: money.Amount{Minor: 100, Currency: "EUR"}, BeneficiaryID: 2},
		}}
	}
	if wrong := reserved().Inconsistency(); wrong != "" {
		t.Fatalf("nothing was altered, and %s", wrong)
	}
	for _, c := range []struct {
		name  string
		alter func(tr *wallet.Transaction)
		want  string
	}{
		{"no status", func(tr *wallet.Transaction) { tr.Status = "paid" }, `its status "paid" is none`},
		{"no payments", func(tr *wallet.Transaction) { tr.Payments = nil }, "it has no payments"},
		{"no payer", func(tr *wallet.Transaction) { tr.WalletID = 0 }, "it is reserved, and nobody has accepted it"},
		{"never held", func(tr *wallet.Transaction) { tr.HeldAt = time.Time{} }, "it is reserved, and nothing was ever held for it"},
		{"confirmed at no time", func(tr *wallet.Transaction) { tr.Status = wallet.TransactionConfirmed }, "it is confirmed, and does not say when"},
		{"revoked, payments not", func(tr *wallet.Transaction) { tr.Status = wallet.TransactionRevoked }, "payment 3 is reserved in a transaction that is revoked"},
		{"payment waits", func(tr *wallet.Transaction) { tr.Payments[0].Status = wallet.PaymentWaiting }, "payment 3 is waiting, and must be reserved"},
		{"no beneficiary", func(tr *wallet.Transaction) { tr.Payments[0].BeneficiaryID = 0 }, "it is reserved, and what it waits for makes it waiting_registration"},
		{"costs nothing", func(tr *wallet.Transaction) { tr.Payments[0].Price.Minor = 0 }, "payment 3 costs 0.00 EUR, with 0 of commissions"},
		{"paid to the payer", func(tr *wallet.Transaction) {
			tr.Status, tr.ConfirmedAt, tr.Payments[0].Status, tr.Payments[0].BeneficiaryID = wallet.TransactionConfirmed, at, wallet.PaymentDone, 1
		}, "payment 3 was paid to nobody else, or at no time"},
		{"frozen for no time", func(tr *wallet.Transaction) {
			tr.Status, tr.ConfirmedAt, tr.Payments[0].Status, tr.Payments[0].ConfirmedAt = wallet.TransactionConfirmed, at, wallet.PaymentConfirmed, at
		}, "payment 3 is frozen and was so for no time"},
	} {
		tr := reserved()
		c.alter(tr)
		if got := tr.Inconsistency(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
