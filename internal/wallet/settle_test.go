package wallet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// The moves of a transaction as tables, without a database: from which status each is possible, where it leads, and
// what it means for the ledger. Rita, wallet 3, pays Ona, wallet 1: 10.00 for bread, of which 0.10 and 0.20 are
// commissions and 1.00 is cashback, and 5.00 for tea.

var soon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

const (
	bread, tea  = 1, 2
	ritas, onas = 3, 1
)

// bought is the transaction in a status, with its payments in one.
func bought(status wallet.TransactionStatus, payments wallet.PaymentStatus, how ...func(*wallet.Transaction)) *wallet.Transaction {
	t := &wallet.Transaction{
		ID: 7, Status: status, CreatedAt: soon.Add(-time.Hour), ReserveFor: 24 * time.Hour,
		Payments: []wallet.Payment{
			{ID: bread, Status: payments, Description: "Bread", Price: euros(1000), InCommission: 10, OutCommission: 20, Cashback: 100, BeneficiaryID: onas},
			{ID: tea, Status: payments, Description: "Tea", Price: euros(500), BeneficiaryID: onas},
		},
	}
	if !status.Open() && status != wallet.TransactionRejected && status != wallet.TransactionDeleted {
		t.WalletID, t.PayerID, t.Type, t.AcceptedAt, t.HeldAt = ritas, ritas, wallet.ByApp, soon.Add(-time.Minute), soon.Add(-time.Minute)
	}
	for _, change := range how {
		change(t)
	}
	return t
}

func euros(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

// frozen keeps the bread's money from Ona for an hour.
func frozen(t *wallet.Transaction) { t.Payments[0].FreezeFor = time.Hour }

// paid is what Rita bought, with the bread's money frozen for an hour from soon on.
func paid() *wallet.Transaction {
	tx := bought(wallet.TransactionReserved, wallet.PaymentReserved, frozen)
	if _, err := tx.Confirm(soon, nil); err != nil {
		panic(err)
	}
	return tx
}

// told is what postings mean, a line each.
func told(postings []ledger.Posting) (lines []string) {
	place := func(k ledger.Key, p ledger.Part) string {
		name := map[int64]string{ritas: "Rita", onas: "Ona", 0: "fees"}[k.WalletID]
		if p == ledger.Reserved {
			return name + "'s reserve"
		}
		return name
	}
	for _, p := range postings {
		lines = append(lines, fmt.Sprintf("%s %d: %s → %s", p.Kind, p.Amount.Minor, place(p.Debit, p.From), place(p.Credit, p.To)))
	}
	return lines
}

// states are the status of a transaction and those of its payments.
func states(t *wallet.Transaction) string {
	text := string(t.Status)
	for _, p := range t.Payments {
		text += " " + string(p.Status)
	}
	return text
}

func rita() *wallet.Holder {
	return &wallet.Holder{WalletID: ritas, Owner: &wallet.User{ID: ritas, Type: wallet.Natural, Standing: wallet.ActiveUser, Level: wallet.Unidentified}}
}

func ona() *wallet.Holder {
	return &wallet.Holder{WalletID: onas, Owner: &wallet.User{ID: onas, Type: wallet.Natural, Standing: wallet.ActiveUser}}
}

// ritasYes is what Rita accepts with.
func ritasYes() wallet.Acceptance {
	return wallet.Acceptance{Type: wallet.ByApp, Payer: rita(), By: ritas, Beneficiaries: map[int64]*wallet.Holder{onas: ona()}}
}

var statuses = map[wallet.TransactionStatus]wallet.PaymentStatus{
	wallet.TransactionNew: wallet.PaymentNew, wallet.TransactionWaiting: wallet.PaymentWaiting, wallet.WaitingFunds: wallet.PaymentWaiting,
	wallet.WaitingRegistration: wallet.PaymentWaitingRegistration, wallet.WaitingPassword: wallet.PaymentWaitingPassword,
	wallet.TransactionReserved: wallet.PaymentReserved, wallet.TransactionConfirmed: wallet.PaymentDone, wallet.TransactionRejected: wallet.PaymentRejected,
	wallet.TransactionRevoked: wallet.PaymentRevoked, wallet.TransactionFailed: wallet.PaymentFailed, wallet.TransactionDeleted: wallet.PaymentDeleted,
}

// move is one of the moves, at the time soon.
type move func(t *wallet.Transaction) ([]ledger.Posting, error)

func accept(t *wallet.Transaction) ([]ledger.Posting, error)  { return t.Accept(soon, ritasYes()) }
func confirm(t *wallet.Transaction) ([]ledger.Posting, error) { return t.Confirm(soon, nil) }
func revoke(t *wallet.Transaction) ([]ledger.Posting, error)  { return t.Revoke() }
func reject(t *wallet.Transaction) ([]ledger.Posting, error)  { return nil, t.Reject() }
func show(t *wallet.Transaction) ([]ledger.Posting, error)    { t.Show(); return nil, nil }
func retry(t *wallet.Transaction) ([]ledger.Posting, error)   { return t.Retry(ritasYes()) }
func lapse(t *wallet.Transaction) ([]ledger.Posting, error) {
	return t.Expire(soon.Add(31 * 24 * time.Hour)), nil
}

// Where each move leads from every status: "!" is refused with invalid_state, what is not named stays as it is.
func TestEdgesOfATransaction(t *testing.T) {
	for name, tc := range map[string]struct {
		move  move
		leads map[wallet.TransactionStatus]string
	}{
		"accept": {accept, map[wallet.TransactionStatus]string{ // the caller says what comes of the holds
			"waiting_funds": "!", "waiting_registration": "!", "waiting_password": "!", "reserved": "!", "confirmed": "!", "rejected": "!",
			"revoked": "!", "failed": "!", "deleted": "!"}},
		"show": {show, map[wallet.TransactionStatus]string{"new": "waiting"}},
		"confirm": {confirm, map[wallet.TransactionStatus]string{
			"reserved": "confirmed", "new": "!", "waiting": "!", "waiting_funds": "!", "waiting_registration": "!", "waiting_password": "!",
			"rejected": "!", "revoked": "!", "failed": "!", "deleted": "!"}},
		"revoke": {revoke, map[wallet.TransactionStatus]string{
			"new": "deleted", "waiting": "revoked", "waiting_funds": "revoked", "waiting_registration": "revoked", "waiting_password": "revoked",
			"reserved": "revoked", "confirmed": "!", "rejected": "!", "failed": "!"}},
		"reject": {reject, map[wallet.TransactionStatus]string{
			"new": "rejected", "waiting": "rejected", "waiting_funds": "!", "waiting_registration": "!", "waiting_password": "!", "reserved": "!",
			"confirmed": "!", "revoked": "!", "failed": "!", "deleted": "!"}},
		"retry": {retry, nil}, // as accept
		"a month goes by": {lapse, map[wallet.TransactionStatus]string{
			"new": "deleted", "waiting": "failed", "waiting_funds": "failed", "waiting_registration": "failed", "waiting_password": "failed", "reserved": "failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			for from, payments := range statuses {
				tx := bought(from, payments)
				_, err := tc.move(tx)
				got := string(tx.Status)
				var refused *wallet.Error
				if errors.As(err, &refused) && refused.Code == wallet.InvalidState && tx.Status == from {
					got = "!"
				} else if err != nil {
					t.Errorf("from %s: %v", from, err)
				}
				if want, named := tc.leads[from]; named && got != want || !named && got != string(from) {
					t.Errorf("from %s it leads to %s, want %q", from, got, want)
				}
			}
		})
	}
}

// What moves mean for the ledger, and where the payments then are.
func TestWhatMovesPost(t *testing.T) {
	reserved := func(how ...func(*wallet.Transaction)) *wallet.Transaction {
		return bought(wallet.TransactionReserved, wallet.PaymentReserved, how...)
	}
	for name, tc := range map[string]struct {
		from  *wallet.Transaction
		move  move
		is    string
		posts []string
	}{
		"accept": {bought("new", "new"), accept, "new new new", []string{
			"hold 1000: Rita → Rita's reserve", "hold 500: Rita → Rita's reserve"}},
		"try again": {bought("waiting_funds", "waiting"), retry, "waiting_funds waiting waiting", []string{
			"hold 1000: Rita → Rita's reserve", "hold 500: Rita → Rita's reserve"}},
		"confirm": {reserved(), confirm, "confirmed done done", []string{
			"transfer 980: Rita's reserve → Ona", "commission 20: Rita's reserve → fees", "commission 10: Ona → fees", "return 100: Ona → Rita",
			"transfer 500: Rita's reserve → Ona"}},
		"confirm for less": {reserved(), func(t *wallet.Transaction) ([]ledger.Posting, error) {
			return t.Confirm(soon, map[int64]money.Amount{bread: euros(600)})
		}, "confirmed done done", []string{
			"release 400: Rita's reserve → Rita", "transfer 580: Rita's reserve → Ona", "commission 20: Rita's reserve → fees", "commission 10: Ona → fees",
			"return 100: Ona → Rita", "transfer 500: Rita's reserve → Ona"}},
		"confirm what is frozen": {reserved(frozen), confirm, "confirmed confirmed done", []string{
			"transfer 980: Rita's reserve → Ona's reserve", "commission 20: Rita's reserve → fees", "commission 10: Ona's reserve → fees",
			"transfer 500: Rita's reserve → Ona"}},
		"confirm again": {paid(), confirm, "confirmed confirmed done", nil},
		"cancel": {paid(), func(t *wallet.Transaction) ([]ledger.Posting, error) { return t.Cancel(bread) }, "confirmed canceled done", []string{
			"return 970: Ona's reserve → Rita", "return 30: fees → Rita"}},
		"finalize": {paid(), func(t *wallet.Transaction) ([]ledger.Posting, error) { return t.Finalize(soon, bread, nil) }, "confirmed done done", []string{
			"release 970: Ona's reserve → Ona", "return 100: Ona → Rita"}},
		"finalize for less": {paid(), func(t *wallet.Transaction) ([]ledger.Posting, error) {
			price := euros(600)
			return t.Finalize(soon, bread, &price)
		}, "confirmed done done", []string{
			"return 400: Ona's reserve → Rita", "release 570: Ona's reserve → Ona", "return 100: Ona → Rita"}},
		"end the freeze": {paid(), func(t *wallet.Transaction) ([]ledger.Posting, error) { return t.Freeze(soon, bread, wallet.Freeze{}) },
			"confirmed done done", []string{"release 970: Ona's reserve → Ona", "return 100: Ona → Rita"}},
		"freeze for longer": {paid(), func(t *wallet.Transaction) ([]ledger.Posting, error) {
			return t.Freeze(soon, bread, wallet.Freeze{For: 2 * time.Hour})
		}, "confirmed confirmed done", nil},
		"an hour goes by": {paid(), func(t *wallet.Transaction) ([]ledger.Posting, error) { return t.Expire(soon.Add(time.Hour)), nil },
			"confirmed done done", []string{"release 970: Ona's reserve → Ona", "return 100: Ona → Rita"}},
		"less than an hour goes by": {paid(), func(t *wallet.Transaction) ([]ledger.Posting, error) {
			return t.Expire(soon.Add(time.Hour - time.Microsecond)), nil
		}, "confirmed confirmed done", nil},
		"revoke what waits for money": {bought("waiting_funds", "waiting"), revoke, "revoked revoked revoked", nil},
		"revoke": {reserved(), revoke, "revoked revoked revoked", []string{
			"release 1000: Rita's reserve → Rita", "release 500: Rita's reserve → Rita"}},
		"a month goes by": {reserved(), lapse, "failed failed failed", []string{
			"release 1000: Rita's reserve → Rita", "release 500: Rita's reserve → Rita"}},
	} {
		postings, err := tc.move(tc.from)
		if err != nil || states(tc.from) != tc.is {
			t.Errorf("%s: it is %s, %v; want %s", name, states(tc.from), err, tc.is)
		}
		if diff := cmp.Diff(tc.posts, told(postings)); diff != "" {
			t.Errorf("%s posts otherwise (-want +got):\n%s", name, diff)
		}
		for _, p := range postings {
			if p.PaymentID != bread && p.PaymentID != tea {
				t.Errorf("%s: %+v belongs to no payment", name, p)
			}
		}
	}
}

// What a held transaction waits for, and how it goes on.
func TestWhatHeldMoneyWaitsFor(t *testing.T) {
	locked := func(t *wallet.Transaction) {
		t.Payments[0].Password = &wallet.Password{Kind: wallet.ProvidedPassword, Status: wallet.PasswordPending}
	}
	optional := func(t *wallet.Transaction) { t.Payments[0].Password.Optional = true }
	stranger := func(t *wallet.Transaction) {
		t.Payments[1].BeneficiaryID, t.Payments[1].Beneficiary = 0, wallet.Contact{Email: "jonas@example.com"}
	}
	unlock := func(t *wallet.Transaction) ([]ledger.Posting, error) { return nil, t.Unlock(bread) }
	register := func(own int64) move {
		return func(t *wallet.Transaction) ([]ledger.Posting, error) { return t.Register("jonas@example.com", own) }
	}
	for name, tc := range map[string]struct {
		how   []func(*wallet.Transaction)
		moves []move
		want  string
	}{
		"nothing":                            {nil, nil, "reserved reserved reserved"},
		"a password":                         {[]func(*wallet.Transaction){locked}, nil, "waiting_password waiting_password reserved"},
		"an optional password":               {[]func(*wallet.Transaction){locked, optional}, nil, "reserved reserved reserved"},
		"a password that was given":          {[]func(*wallet.Transaction){locked}, []move{unlock, unlock}, "reserved reserved reserved"},
		"somebody to register":               {[]func(*wallet.Transaction){stranger}, nil, "waiting_registration reserved waiting_registration"},
		"somebody else who registered":       {[]func(*wallet.Transaction){stranger}, []move{register(5)}, "reserved reserved reserved"},
		"the payer, who registered":          {[]func(*wallet.Transaction){stranger}, []move{register(ritas)}, "revoked revoked revoked"},
		"both":                               {[]func(*wallet.Transaction){locked, stranger}, nil, "waiting_registration waiting_password waiting_registration"},
		"both, and the password comes first": {[]func(*wallet.Transaction){locked, stranger}, []move{unlock}, "waiting_registration reserved waiting_registration"},
		"both, and the person comes first":   {[]func(*wallet.Transaction){locked, stranger}, []move{register(5)}, "waiting_password waiting_password reserved"},
	} {
		tx := bought(wallet.TransactionWaiting, wallet.PaymentWaiting, tc.how...)
		if _, err := accept(tx); err != nil {
			t.Fatal(err)
		}
		tx.Held(soon)
		for _, move := range tc.moves {
			if _, err := move(tx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := states(tx); got != tc.want {
			t.Errorf("waiting for %s it is %s, want %s", name, got, tc.want)
		}
	}
}

// Prices that cannot take the place of the bread's 10.00, of which 1.30 are commissions and cashback.
func TestPricesThatAreRefused(t *testing.T) {
	for _, price := range []money.Amount{euros(1001), euros(0), euros(-1), euros(129), {Minor: 900, Currency: "USD"}} {
		if _, err := bought("reserved", "reserved").Confirm(soon, map[int64]money.Amount{bread: price}); err == nil {
			t.Errorf("confirmed for %s", price)
		}
		tx := bought("new", "new", func(t *wallet.Transaction) { t.Payments[0].PriceRules = &wallet.PriceRules{Max: 1000} })
		yes := ritasYes()
		yes.Prices = map[int64]money.Amount{bread: price}
		if _, err := tx.Accept(soon, yes); err == nil {
			t.Errorf("accepted for %s", price)
		}
	}
	if _, err := bought("reserved", "reserved").Confirm(soon, map[int64]money.Amount{bread: euros(130), 99: euros(1)}); err == nil {
		t.Error("confirmed with a price of no payment")
	}
	if _, err := bought("reserved", "reserved").Confirm(soon, map[int64]money.Amount{bread: euros(130)}); err != nil {
		t.Error(err)
	}
}

// Who cannot pay or be paid, first match first.
func TestWhoIsRefused(t *testing.T) {
	for code, change := range map[wallet.Code]func(*wallet.Transaction, *wallet.Acceptance){
		wallet.ClientRestricted:     func(_ *wallet.Transaction, a *wallet.Acceptance) { a.Payer.Owner.Standing = wallet.RestrictedUser },
		wallet.PayerAccountInactive: func(_ *wallet.Transaction, a *wallet.Acceptance) { a.Payer.Inactive = true },
		wallet.NoRights:             func(_ *wallet.Transaction, a *wallet.Acceptance) { a.By = onas },
		wallet.PaymentToSameAccount: func(t *wallet.Transaction, _ *wallet.Acceptance) { t.Payments[1].BeneficiaryID = ritas },
		wallet.BeneficiaryAccountInactive: func(_ *wallet.Transaction, a *wallet.Acceptance) {
			a.Beneficiaries[onas].Owner.Standing = wallet.InactiveUser
		},
		wallet.ClientNotVerified: func(t *wallet.Transaction, _ *wallet.Acceptance) {
			t.Restrictions = &wallet.Restrictions{Level: wallet.Identified}
		},
		wallet.RestrictionViolation: func(t *wallet.Transaction, _ *wallet.Acceptance) {
			t.Restrictions = &wallet.Restrictions{OwnerType: wallet.Legal}
		},
		wallet.InvalidParameters: func(t *wallet.Transaction, _ *wallet.Acceptance) {
			t.Inquiries = []wallet.Inquiry{{Identifier: "age", Required: true}}
		},
	} {
		tx, yes := bought("new", "new"), ritasYes()
		change(tx, &yes)
		postings, err := tx.Accept(soon, yes)
		var refused *wallet.Error
		if !errors.As(err, &refused) || refused.Code != code || postings != nil || tx.WalletID != 0 {
			t.Errorf("%s: answered %v with %v, payer %d", code, err, postings, tx.WalletID)
		}
	}
}

// The accounts of a move, in their order, are all that its postings touch.
func TestAccountsOfATransaction(t *testing.T) {
	tx := bought("new", "new")
	var names []string
	for _, key := range tx.Accounts(ritas) {
		names = append(names, key.String())
	}
	if got := strings.Join(names, ", "); got != "commission in EUR, wallet 1 in EUR, wallet 3 in EUR" {
		t.Error(got)
	}
	postings, err := bought("reserved", "reserved").Confirm(soon, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range postings {
		if keys := tx.Accounts(ritas); !slices.Contains(keys, p.Debit) || !slices.Contains(keys, p.Credit) {
			t.Errorf("%+v touches another account", p)
		}
	}
}
