package wallet

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/purserhq/purser/money"
)

// Statement is what the owner of a wallet reads about one entry that moved money into it or out of it
// (spec/wallet-api.md §4.6), or about money that is reserved and has not moved yet.
type Statement struct {
	// ID is the number of the entry; 0 for what is reserved.
	ID     int64
	At     time.Time
	Amount money.Amount
	// Incoming says that the wallet gained the amount; otherwise it lost it.
	Incoming bool
	// Kind is the entry's.
	Kind    string
	Details string
	// PaymentID is the payment that it belongs to; 0 for none.
	PaymentID int64
	// Other is the wallet on the other side; nil where there is none, but the world outside or the server.
	Other *Party
}

// Party is what somebody may know of the wallet that they pay, or are paid from.
type Party struct {
	WalletID      int64
	DisplayName   string
	AccountNumber string
}

// statementTypes are the kinds of entries that readers of statements know by their own name.
var statementTypes = map[string]bool{
	KindTransfer: true, KindCommission: true, KindReturn: true, KindCash: true, "currency": true, "tax": true, "automatic_payment": true,
}

// StatementType is what a statement calls an entry of that kind: what has no name of its own there, such as what
// operators move by hand, is a transfer.
func StatementType(kind string) string {
	if statementTypes[kind] {
		return kind
	}
	return KindTransfer
}

// kind is what the payment is, or will be, to the reader of a statement.
func (p *Payment) kind() string {
	if p.Purpose == CashPayment {
		return KindCash
	}
	return KindTransfer
}

// MatchesText says whether what somebody looks for is in the details or in the name of the other party, whatever
// the case and the accents. folded is what Fold made of it; an empty text is everywhere.
func (s *Statement) MatchesText(folded string) bool {
	if folded == "" || strings.Contains(Fold(s.Details), folded) {
		return true
	}
	return s.Other != nil && strings.Contains(Fold(s.Other.DisplayName), folded)
}

// Fold is a text without case and accents: "Ąžuolo 5" becomes "azuolo 5".
func Fold(text string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	return strings.ToLower(plain)
}

// RecentStatements bound what the scope recent_statements opens: the newest so many, and none that is older.
const (
	RecentStatements    = 20
	RecentStatementsAge = 30 * 24 * time.Hour
)

// ReservedOf are the amounts that a transaction reserves on a wallet now, one for each payment: of a payer's
// money while it is held, and of a beneficiary's while it is frozen. Other is left to be filled in: the wallet of
// that number, 0 where it is not known.
func (t *Transaction) ReservedOf(walletID int64) (list []Statement, others []int64) {
	for i := range t.Payments {
		p := &t.Payments[i]
		s := Statement{Kind: p.kind(), Details: p.Title(), PaymentID: p.ID, Amount: p.Price}
		if t.WalletID == walletID && t.Status.Holds() {
			s.At = t.HeldAt
			list, others = append(list, s), append(others, p.BeneficiaryID)
		}
		if p.BeneficiaryID == walletID && p.Status == PaymentConfirmed {
			s.At, s.Incoming, s.Amount = p.ConfirmedAt, true, p.minor(p.net())
			list, others = append(list, s), append(others, t.WalletID)
		}
	}
	return list, others
}

// PendingPayment is a payment that is on its way: accepted, and not the beneficiary's to use yet
// (spec/wallet-api.md §4.6).
type PendingPayment struct {
	// Statement is what it will be, save its number; At is when it was accepted.
	Statement
	TransactionID int64
	// ValidUntil is when it is over by itself: what is held is given back, and what is frozen the beneficiary's.
	ValidUntil time.Time
	// Cancelable says whether the payer can take it back.
	Cancelable bool
	// Password is what the payer tells the beneficiary; only the payer reads it.
	Password *Password
}

// Outgoing are the payments of a transaction that are on their way out of a wallet, with the numbers of the wallets
// that are paid, 0 where that is not known.
func (t *Transaction) Outgoing(walletID int64) (list []PendingPayment, others []int64) {
	if t.WalletID != walletID || !t.Status.Accepted() {
		return nil, nil
	}
	for i := range t.Payments {
		list = append(list, t.pending(&t.Payments[i], false))
		others = append(others, t.Payments[i].BeneficiaryID)
	}
	return list, others
}

// Incoming are the payments of a transaction that are on their way into a wallet, with the number of the wallet that
// pays for each: those whose money is held, or frozen.
func (t *Transaction) Incoming(walletID int64) (list []PendingPayment, others []int64) {
	for i := range t.Payments {
		p := &t.Payments[i]
		if p.BeneficiaryID == walletID && (t.Status.Holds() || p.Status == PaymentConfirmed) {
			list, others = append(list, t.pending(p, true)), append(others, t.WalletID)
		}
	}
	return list, others
}

// PendingOf is a payment as its payer reads it, on its way or not any more.
func (t *Transaction) PendingOf(payment int64) PendingPayment {
	return t.pending(t.Payment(payment), false)
}

func (t *Transaction) pending(p *Payment, incoming bool) PendingPayment {
	pending := PendingPayment{
		Statement: Statement{
			At: t.AcceptedAt, Amount: p.Price, Incoming: incoming, Kind: p.kind(), Details: p.Title(), PaymentID: p.ID,
		},
		TransactionID: t.ID, ValidUntil: t.Due(),
	}
	if p.Status == PaymentConfirmed {
		pending.ValidUntil = p.FreezeUntil
	}
	if incoming {
		pending.Amount = p.minor(p.net())
	} else {
		pending.Cancelable, pending.Password = t.CheckTakeBack() == nil, p.Password
	}
	return pending
}

// CheckTakeBack says whether the payer can take the transaction back, all its payments at once: while it waits for
// their money, for somebody's account or for passwords, unless a password says otherwise. What waits for the
// merchant's confirmation alone is the merchant's to revoke. It fails with InvalidState.
func (t *Transaction) CheckTakeBack() error {
	switch t.Status {
	case WaitingFunds:
		return nil
	case WaitingRegistration, WaitingPassword:
		for i := range t.Payments {
			if p := &t.Payments[i]; p.locked() && !p.Password.Cancelable {
				return Errorf(InvalidState, "payment %d waits for its password, and the payer cannot take it back: ask who you pay.", p.ID)
			}
		}
		return nil
	case TransactionReserved:
		return Errorf(InvalidState, "the payment waits for the confirmation of who you pay, and only they can give it back.")
	}
	return Errorf(InvalidState, "the payment is not on its way any more: its transaction is %s.", t.Status)
}

// StatementFilter says which statements of a wallet a page is of. Empty fields do not filter.
type StatementFilter struct {
	Currencies []money.Currency
	// Incoming and Outgoing ask for one direction; neither, or both, for all.
	Incoming, Outgoing bool
	// Text is looked for, as Fold made it.
	Text string
	// From is the first moment, To the first that is not meant any more.
	From, To time.Time
	// Ascending is oldest first.
	Ascending bool
	// A page begins after the place After, or ends before the place Before, or begins with as many left out as
	// Offset says; one of them.
	After, Before StatementPlace
	Limit, Offset int
}

// Reads says whether the statements themselves have to be looked at to know which are meant: by their direction or
// their text. All else is known by their numbers.
func (f *StatementFilter) Reads() bool { return f.Incoming != f.Outgoing || f.Text != "" }

// Matches says whether a statement is meant, as far as Reads goes.
func (f *StatementFilter) Matches(s *Statement) bool {
	if f.Incoming != f.Outgoing && s.Incoming != f.Incoming {
		return false
	}
	return s.MatchesText(f.Text)
}

// StatementPlace is a place between two statements of a wallet: how many of each currency are older. A currency that
// is not there has none.
type StatementPlace map[money.Currency]int64

// StatementPage is a page of statements.
type StatementPage struct {
	Statements []Statement
	// Total is how many the filter means, Offset how many of them come before this page.
	Total, Offset int
	// Before and After are the places where the page begins and ends, in its own order; nil in a list without
	// such places.
	Before, After StatementPlace
	// Read is how many entries were read for it: tests hold a budget against it.
	Read int
}

// HasPrevious and HasNext say whether there are statements before the page, and after it.
func (p *StatementPage) HasPrevious() bool { return p.Offset > 0 && p.Total > 0 }

// HasNext is described at HasPrevious.
func (p *StatementPage) HasNext() bool { return p.Offset+len(p.Statements) < p.Total }
