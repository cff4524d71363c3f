// Package ledger is double entry, and nothing else: postings go in, entries and new account
// states come out. It does no I/O, knows no permissions and no wire.
//
// A Posting moves an amount from one account (its debit) to another (its credit), so over
// all accounts of a currency every posting sums to zero, and so does everything that was
// ever posted. An account has two parts: what is available, and what is reserved. A hold moves
// money from the one to the other within an account; a capture takes reserved money to another
// account, and a release gives it back. A Book is the set of accounts that a decision may look
// at; posting to it either happens whole or not at all. What an account of a wallet has
// available never goes below zero, except within a credit limit, and what is reserved never
// does; a system account may have less than nothing, since it stands for the world outside.
package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/purserhq/purser/money"
)

// Purpose tells the accounts of wallets from those of the system.
type Purpose string

// The purposes.
const (
	// OfWallet is the account of one wallet in one currency.
	OfWallet Purpose = "wallet"
	// Funding is the world outside: what operators put into wallets and take out by hand.
	Funding Purpose = "funding"
	// Commission gathers the commissions of payments.
	Commission Purpose = "commission"
)

// Part is a part of what an account holds.
type Part uint8

// The parts of an account.
const (
	Available Part = iota
	Reserved
)

// Key names an account: the ledger's line for one wallet, or one system purpose, and one
// currency.
type Key struct {
	Purpose Purpose
	// WalletID is 0 for a system account.
	WalletID int64
	Currency money.Currency
}

// WalletAccount is the key of a wallet's account.
func WalletAccount(wallet int64, c money.Currency) Key {
	return Key{Purpose: OfWallet, WalletID: wallet, Currency: c}
}

// SystemAccount is the key of a system account.
func SystemAccount(p Purpose, c money.Currency) Key { return Key{Purpose: p, Currency: c} }

// String names the account for people.
func (k Key) String() string {
	if k.Purpose == OfWallet {
		return fmt.Sprintf("wallet %d in %s", k.WalletID, k.Currency)
	}
	return fmt.Sprintf("%s in %s", k.Purpose, k.Currency)
}

// Compare orders keys: one fixed order in which accounts are always touched.
func (k Key) Compare(other Key) int {
	return cmp.Or(
		cmp.Compare(k.Purpose, other.Purpose),
		cmp.Compare(k.WalletID, other.WalletID),
		cmp.Compare(k.Currency, other.Currency),
	)
}

// Account is the state of one account. The zero state of a key is an account that does not
// exist yet and holds nothing.
type Account struct {
	Key
	// ID is the account's number; 0 until it exists.
	ID int64
	// Available can be spent now and Reserved is held, both in minor units.
	Available, Reserved int64
	// CreditLimit is how far below zero Available may go, in minor units.
	CreditLimit int64
	// LastEntry is the newest entry that moved money to or from the account, Entries how many did; 0
	// for none. What moves between its parts does not count.
	LastEntry, Entries int64
	// Version counts the commits that changed it; the store raises it.
	Version int64
}

// bounded accounts must not go below their credit limit.
func (a *Account) bounded() bool { return a.Purpose == OfWallet }

// Posting is a movement that somebody intends.
type Posting struct {
	// Debit loses the amount and Credit gains it.
	Debit, Credit Key
	// Amount is more than zero, in the currency of both accounts.
	Amount money.Amount
	// From and To are the parts that it touches: of the debited account, and of the credited one.
	From, To Part
	// Kind says what sort of movement it is, for statements.
	Kind string
	// Details are for the reader of a statement.
	Details string
	// PaymentID is the payment that it belongs to; 0 for none.
	PaymentID int64
}

// Kinds of postings within an account.
const (
	KindHold    = "hold"
	KindRelease = "release"
)

// Hold reserves an amount of an account for a payment.
func Hold(k Key, amount money.Amount, payment int64) Posting {
	return Posting{Debit: k, Credit: k, Amount: amount, To: Reserved, Kind: KindHold, PaymentID: payment}
}

// Release makes reserved money available again.
func Release(k Key, amount money.Amount, payment int64) Posting {
	return Posting{Debit: k, Credit: k, Amount: amount, From: Reserved, Kind: KindRelease, PaymentID: payment}
}

// within says whether a posting stays within one account.
func (p *Posting) within() bool { return p.Debit == p.Credit }

// Entry is one recorded posting. Entries are only ever added.
type Entry struct {
	// ID is its number. Numbers rise within one writer; the order on an account is told by the
	// chain of previous entries.
	ID int64
	At time.Time
	Posting
	// DebitAfter and CreditAfter are what each account then had in the part that was touched, in
	// minor units.
	DebitAfter, CreditAfter int64
	// DebitPrevious and CreditPrevious are the entries before this one on each account, so
	// that a statement can be read backwards without an index; 0 for none. An entry within an account
	// is in no chain.
	DebitPrevious, CreditPrevious int64
	// DebitNumber and CreditNumber count the entries of each account, this one included; 0 within an
	// account.
	DebitNumber, CreditNumber int64
}

// Errors that Post returns. All but ErrNotCovered mean a mistake in the decision.
var (
	ErrNotCovered    = errors.New("ledger: the account holds less than the movement needs")
	ErrNoPosting     = errors.New("ledger: nothing to post")
	ErrNotPositive   = errors.New("ledger: a posting moves more than zero of a currency")
	ErrSameAccount   = errors.New("ledger: debit and credit are the same part of one account")
	ErrNotReserved   = errors.New("ledger: less is reserved than the movement takes")
	ErrMixedCurrency = errors.New("ledger: a posting has one currency, that of both accounts")
	ErrRange         = errors.New("ledger: an account does not fit 64 bits")
	ErrNotInBook     = errors.New("ledger: an account was not asked for")
)

// Book is the set of accounts that a decision sees and changes.
type Book struct {
	accounts map[Key]*Account
	now      time.Time
	entries  []Entry
	nextID   func() int64
}

// NewBook opens a book of the given accounts. now stamps its entries; nextID numbers them,
// rising.
func NewBook(now time.Time, nextID func() int64, accounts ...*Account) *Book {
	b := &Book{accounts: make(map[Key]*Account, len(accounts)), now: now, nextID: nextID}
	for _, a := range accounts {
		b.accounts[a.Key] = a
	}
	return b
}

// Account is the state of the account, a copy; ok is false when it is not in the book.
func (b *Book) Account(k Key) (a Account, ok bool) {
	if found := b.accounts[k]; found != nil {
		return *found, true
	}
	return Account{}, false
}

// Entries are all entries posted so far, in order.
func (b *Book) Entries() []Entry { return b.entries }

// Delta is what a set of postings changes on one account, in minor units.
type Delta struct {
	Key
	Available, Reserved int64
}

// add adds to one part; ok is false when that does not fit.
func (d *Delta) add(part Part, minor int64) (ok bool) {
	changed := &d.Available
	if part == Reserved {
		changed = &d.Reserved
	}
	*changed, ok = add(*changed, minor)
	return ok
}

// Plan folds postings into one change per account, in account order. The changes of each
// currency sum to zero. It returns the errors above, save those about what an account holds and
// ErrNotInBook.
func Plan(postings ...Posting) ([]Delta, error) {
	if len(postings) == 0 {
		return nil, ErrNoPosting
	}
	plan := make([]Delta, 0, 4)
	of := func(k Key) *Delta {
		for i := range plan {
			if plan[i].Key == k {
				return &plan[i]
			}
		}
		plan = append(plan, Delta{Key: k})
		return &plan[len(plan)-1]
	}
	for _, p := range postings {
		switch {
		case !p.Amount.Positive():
			return nil, ErrNotPositive
		case p.within() && p.From == p.To:
			return nil, ErrSameAccount
		case p.Debit.Currency != p.Amount.Currency || p.Credit.Currency != p.Amount.Currency:
			return nil, ErrMixedCurrency
		case !of(p.Debit).add(p.From, -p.Amount.Minor) || !of(p.Credit).add(p.To, p.Amount.Minor):
			return nil, ErrRange
		}
	}
	slices.SortFunc(plan, func(a, b Delta) int { return a.Key.Compare(b.Key) })
	return plan, nil
}

// Post records the postings: all of them, or none when it returns an error. Whether an
// account covers its change is judged over all postings together.
func (b *Book) Post(postings ...Posting) ([]Entry, error) {
	plan, err := Plan(postings...)
	if err != nil {
		return nil, err
	}
	for _, d := range plan {
		if err := b.covers(d); err != nil {
			return nil, fmt.Errorf("%w: %s", err, d.Key)
		}
	}
	first := len(b.entries)
	for _, p := range postings {
		if !b.record(p) {
			b.Rewind(first)
			return nil, fmt.Errorf("%w: %s or %s, on the way", ErrRange, p.Debit, p.Credit)
		}
	}
	return b.entries[first:len(b.entries):len(b.entries)], nil
}

// covers says whether an account can take a change.
func (b *Book) covers(d Delta) error {
	account := b.accounts[d.Key]
	if account == nil {
		return ErrNotInBook
	}
	available, ok1 := add(account.Available, d.Available)
	reserved, ok2 := add(account.Reserved, d.Reserved)
	_, ok3 := add(available, reserved)
	switch {
	case !ok1 || !ok2 || !ok3:
		return ErrRange
	case reserved < 0:
		return ErrNotReserved
	case account.bounded() && d.Available < 0 && available < -account.CreditLimit:
		return ErrNotCovered
	}
	return nil
}

// part is a part of what the account holds.
func (a *Account) part(p Part) *int64 {
	if p == Reserved {
		return &a.Reserved
	}
	return &a.Available
}

// record moves one posting that Post has already proven. What all postings come to fits 64
// bits; ok is false when what an entry would tell on the way there does not.
func (b *Book) record(p Posting) (ok bool) {
	debit, credit := b.accounts[p.Debit], b.accounts[p.Credit]
	from, to := debit.part(p.From), credit.part(p.To)
	left, ok1 := add(*from, -p.Amount.Minor)
	gained, ok2 := add(*to, p.Amount.Minor)
	if !ok1 || !ok2 {
		return false
	}
	*from, *to = left, gained
	e := Entry{ID: b.nextID(), At: b.now, Posting: p, DebitAfter: left, CreditAfter: gained}
	if !p.within() {
		debit.Entries++
		credit.Entries++
		e.DebitPrevious, e.CreditPrevious = debit.LastEntry, credit.LastEntry
		e.DebitNumber, e.CreditNumber = debit.Entries, credit.Entries
		debit.LastEntry, credit.LastEntry = e.ID, e.ID
	}
	b.entries = append(b.entries, e)
	return true
}

// Mark is a point that Rewind can go back to.
func (b *Book) Mark() int { return len(b.entries) }

// Rewind takes back everything posted since the mark, as if it had never been decided.
func (b *Book) Rewind(mark int) {
	for i := len(b.entries) - 1; i >= mark; i-- {
		e := b.entries[i]
		debit, credit := b.accounts[e.Debit], b.accounts[e.Credit]
		*debit.part(e.From) += e.Amount.Minor
		*credit.part(e.To) -= e.Amount.Minor
		if e.within() {
			continue
		}
		debit.Entries--
		credit.Entries--
		debit.LastEntry, credit.LastEntry = e.DebitPrevious, e.CreditPrevious
	}
	b.entries = b.entries[:mark]
}

// add is a + b; ok is false when that does not fit. The smallest integer is left out, so
// that every balance has a negative.
func add(a, b int64) (sum int64, ok bool) {
	sum = a + b
	if (b > 0 && sum < a) || (b < 0 && sum > a) || sum == math.MinInt64 {
		return 0, false
	}
	return sum, true
}

// SetCreditLimit lets an account of the book go below zero, so far in minor units. It does nothing to one that
// is not in the book.
func (b *Book) SetCreditLimit(k Key, minor int64) {
	if account := b.accounts[k]; account != nil {
		account.CreditLimit = minor
	}
}
