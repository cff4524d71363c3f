package ledger_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/money"
)

var (
	noon    = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	alice   = ledger.WalletAccount(1, "EUR")
	bob     = ledger.WalletAccount(2, "EUR")
	carol   = ledger.WalletAccount(3, "EUR")
	outside = ledger.SystemAccount(ledger.Funding, "EUR")
)

// move is a posting of so many euro cents.
func move(minor int64, from, to ledger.Key) ledger.Posting {
	return ledger.Posting{Debit: from, Credit: to, Amount: money.Amount{Minor: minor, Currency: "EUR"}, Kind: "transfer"}
}

// holding is an account that exists and holds so much.
func holding(key ledger.Key, available int64) *ledger.Account {
	return &ledger.Account{Key: key, Available: available}
}

// newBook is a book at noon whose entries are numbered 1, 2, 3 …
func newBook(accounts ...*ledger.Account) *ledger.Book {
	last := int64(0)
	return ledger.NewBook(noon, func() int64 { last++; return last }, accounts...)
}

func available(t *testing.T, b *ledger.Book, key ledger.Key) int64 {
	t.Helper()
	account, ok := b.Account(key)
	if !ok {
		t.Fatalf("%s is not in the book", key)
	}
	return account.Available
}

// Alice is given 10.00, pays Bob 4.00, and Bob passes 1.00 on to Carol: each entry tells what
// both accounts then hold, and which entry was before it on each of them.
func TestEntriesTellTheStory(t *testing.T) {
	book := newBook(holding(alice, 0), holding(bob, 0), holding(carol, 0), holding(outside, 0))
	entries, err := book.Post(move(1000, outside, alice), move(400, alice, bob))
	if err != nil {
		t.Fatal(err)
	}
	later, err := book.Post(move(100, bob, carol))
	if err != nil {
		t.Fatal(err)
	}
	want := []ledger.Entry{
		{ID: 1, At: noon, Posting: move(1000, outside, alice), DebitAfter: -1000, CreditAfter: 1000, DebitNumber: 1, CreditNumber: 1},
		{ID: 2, At: noon, Posting: move(400, alice, bob), DebitAfter: 600, CreditAfter: 400, DebitPrevious: 1, DebitNumber: 2, CreditNumber: 1},
		{ID: 3, At: noon, Posting: move(100, bob, carol), DebitAfter: 300, CreditAfter: 100, DebitPrevious: 2, DebitNumber: 2, CreditNumber: 1},
	}
	if diff := cmp.Diff(want, book.Entries()); diff != "" {
		t.Errorf("the entries differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, slices.Concat(entries, later)); diff != "" {
		t.Errorf("Post returned other entries than the book holds (-want +got):\n%s", diff)
	}
	if account, _ := book.Account(bob); account.Available != 300 || account.LastEntry != 3 {
		t.Errorf("Bob's account is %+v, want 300 after entry 3", account)
	}
}

func TestWhatAnAccountCovers(t *testing.T) {
	overdrawn := &ledger.Account{Key: alice, Available: -250, CreditLimit: 100} // the limit was lowered since
	for name, tc := range map[string]struct {
		accounts []*ledger.Account
		postings []ledger.Posting
		want     error
		left     int64 // what Alice then has
	}{
		"all there is": {
			[]*ledger.Account{holding(alice, 500), holding(bob, 0)}, []ledger.Posting{move(500, alice, bob)}, nil, 0},
		"one cent too much": {
			[]*ledger.Account{holding(alice, 500), holding(bob, 0)}, []ledger.Posting{move(501, alice, bob)}, ledger.ErrNotCovered, 500},
		"what is reserved does not count": {
			[]*ledger.Account{{Key: alice, Available: 100, Reserved: 900}, holding(bob, 0)},
			[]ledger.Posting{move(101, alice, bob)}, ledger.ErrNotCovered, 100},
		"down to the credit limit": {
			[]*ledger.Account{{Key: alice, CreditLimit: 300}, holding(bob, 0)}, []ledger.Posting{move(300, alice, bob)}, nil, -300},
		"past the credit limit": {
			[]*ledger.Account{{Key: alice, CreditLimit: 300}, holding(bob, 0)},
			[]ledger.Posting{move(301, alice, bob)}, ledger.ErrNotCovered, 0},
		"two halves that are too much together": {
			[]*ledger.Account{holding(alice, 500), holding(bob, 0), holding(carol, 0)},
			[]ledger.Posting{move(300, alice, bob), move(300, alice, carol)}, ledger.ErrNotCovered, 500},
		"spent in the same step as it comes in, whatever the order": {
			[]*ledger.Account{holding(alice, 0), holding(bob, 0), holding(outside, 0)},
			[]ledger.Posting{move(300, alice, bob), move(300, outside, alice)}, nil, 0},
		"money may come in below the limit": {
			[]*ledger.Account{overdrawn, holding(bob, 50)}, []ledger.Posting{move(50, bob, alice)}, nil, -200},
		"the world outside has no limit": {
			[]*ledger.Account{holding(alice, 0), holding(outside, 0)}, []ledger.Posting{move(9e15, outside, alice)}, nil, 9e15},
	} {
		t.Run(name, func(t *testing.T) {
			book := newBook(tc.accounts...)
			if _, err := book.Post(tc.postings...); !errors.Is(err, tc.want) {
				t.Fatalf("posting: %v, want %v", err, tc.want)
			}
			if left := available(t, book, alice); left != tc.left {
				t.Errorf("Alice has %d, want %d", left, tc.left)
			}
			if tc.want != nil && len(book.Entries()) != 0 {
				t.Errorf("a refused posting left entries: %v", book.Entries())
			}
		})
	}
}

// These are mistakes of the program, not of a payer; none of them leaves a trace.
func TestMistakesAreRefused(t *testing.T) {
	yen := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "JPY"} }
	nowhere := ledger.Key{Purpose: ledger.OfWallet, WalletID: 1}
	const most = math.MaxInt64
	for name, tc := range map[string]struct {
		postings []ledger.Posting
		want     error
	}{
		"nothing":                        {nil, ledger.ErrNoPosting},
		"zero":                           {[]ledger.Posting{move(0, alice, bob)}, ledger.ErrNotPositive},
		"backwards":                      {[]ledger.Posting{move(-5, alice, bob)}, ledger.ErrNotPositive},
		"the smallest number":            {[]ledger.Posting{move(math.MinInt64, alice, bob)}, ledger.ErrNotPositive},
		"to oneself":                     {[]ledger.Posting{move(5, alice, alice)}, ledger.ErrSameAccount},
		"another currency":               {[]ledger.Posting{{Debit: alice, Credit: bob, Amount: yen(5)}}, ledger.ErrMixedCurrency},
		"two currencies":                 {[]ledger.Posting{{Debit: alice, Credit: ledger.WalletAccount(2, "JPY"), Amount: yen(5)}}, ledger.ErrMixedCurrency},
		"no currency at all":             {[]ledger.Posting{{Debit: nowhere, Credit: ledger.Key{Purpose: ledger.Funding}, Amount: money.Amount{Minor: 5}}}, ledger.ErrNotPositive},
		"a stranger's account":           {[]ledger.Posting{move(5, alice, carol)}, ledger.ErrNotInBook},
		"good, then bad":                 {[]ledger.Posting{move(5, alice, bob), move(5, bob, bob)}, ledger.ErrSameAccount},
		"good, then a stranger":          {[]ledger.Posting{move(5, alice, bob), move(5, bob, carol)}, ledger.ErrNotInBook},
		"more than 64 bits together":     {[]ledger.Posting{move(most, outside, alice), move(1, outside, alice)}, ledger.ErrRange},
		"more than 64 bits with the old": {[]ledger.Posting{move(most, outside, bob)}, ledger.ErrRange},
		"more than 64 bits on the way":   {[]ledger.Posting{move(most, outside, bob), move(most, bob, outside)}, ledger.ErrRange},
	} {
		t.Run(name, func(t *testing.T) {
			accounts := []*ledger.Account{holding(alice, 500), holding(bob, 700), holding(outside, -1200)}
			book := newBook(accounts...)
			if _, err := book.Post(tc.postings...); !errors.Is(err, tc.want) {
				t.Fatalf("posting: %v, want %v", err, tc.want)
			}
			if *accounts[0] != *holding(alice, 500) || *accounts[1] != *holding(bob, 700) || *accounts[2] != *holding(outside, -1200) || len(book.Entries()) != 0 {
				t.Errorf("a refused posting left a trace: %+v %+v %+v %v", *accounts[0], *accounts[1], *accounts[2], book.Entries())
			}
		})
	}
}

// Plan is what a set of postings comes to: one change for each account, in account order.
func TestPlan(t *testing.T) {
	plan, err := ledger.Plan(move(300, bob, alice), move(100, alice, carol), move(200, alice, bob), move(50, outside, carol))
	if err != nil {
		t.Fatal(err)
	}
	want := []ledger.Delta{{Key: outside, Available: -50}, {Key: alice}, {Key: bob, Available: -100}, {Key: carol, Available: 150}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("the plan differs (-want +got):\n%s", diff)
	}
}

func TestRewindTakesBackTheLastDecisionOnly(t *testing.T) {
	book := newBook(holding(alice, 1000), holding(bob, 0))
	if _, err := book.Post(move(100, alice, bob)); err != nil {
		t.Fatal(err)
	}
	mark := book.Mark()
	if _, err := book.Post(move(200, alice, bob), move(50, bob, alice)); err != nil {
		t.Fatal(err)
	}
	book.Rewind(mark)
	if a, b := available(t, book, alice), available(t, book, bob); a != 900 || b != 100 {
		t.Errorf("Alice has %d and Bob %d, want 900 and 100", a, b)
	}
	entries, err := book.Post(move(1, alice, bob))
	if err != nil || entries[0].DebitPrevious != 1 || entries[0].CreditPrevious != 1 || len(book.Entries()) != 2 {
		t.Errorf("after the rewind: %+v, %v; want an entry that follows entry 1 on both accounts", entries, err)
	}
}

// The state that a caller is shown is a copy: changing it moves no money.
func TestAccountIsACopy(t *testing.T) {
	book := newBook(holding(alice, 10))
	shown, _ := book.Account(alice)
	shown.Available = 1_000_000
	if left := available(t, book, alice); left != 10 {
		t.Errorf("Alice has %d, want 10", left)
	}
	if _, ok := book.Account(bob); ok {
		t.Error("a stranger's account is in the book")
	}
}

func TestKeysForPeople(t *testing.T) {
	if alice.String() != "wallet 1 in EUR" || outside.String() != "funding in EUR" {
		t.Errorf("%s, %s", alice, outside)
	}
}
