package ledger_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/money"
)

// state is everything that can be seen of a book.
type state struct {
	accounts map[ledger.Key]ledger.Account
	entries  []ledger.Entry
}

// world is a book under test, with what it looked like at every mark that was set.
type world struct {
	book  *ledger.Book
	keys  []ledger.Key
	start map[ledger.Key]ledger.Account
	marks []int
	then  []state
}

// newWorld has three wallets and the world outside, in two currencies, all empty; some of the
// wallets have credit.
func newWorld(t *rapid.T) *world {
	w := &world{start: map[ledger.Key]ledger.Account{}}
	var accounts []*ledger.Account
	for _, currency := range []money.Currency{"EUR", "JPY"} {
		accounts = append(accounts, &ledger.Account{Key: ledger.SystemAccount(ledger.Funding, currency)})
		for wallet := int64(1); wallet <= 3; wallet++ {
			limit := rapid.SampledFrom([]int64{0, 0, 50}).Draw(t, "credit limit")
			accounts = append(accounts, &ledger.Account{Key: ledger.WalletAccount(wallet, currency), CreditLimit: limit})
		}
	}
	for _, account := range accounts {
		w.keys = append(w.keys, account.Key)
		w.start[account.Key] = *account
	}
	last := int64(0)
	w.book = ledger.NewBook(noon, func() int64 { last++; return last }, accounts...)
	return w
}

func (w *world) now() state {
	s := state{map[ledger.Key]ledger.Account{}, slices.Clone(w.book.Entries())}
	for _, key := range w.keys {
		s.accounts[key], _ = w.book.Account(key)
	}
	return s
}

func (s state) same(other state) bool {
	return maps.Equal(s.accounts, other.accounts) && slices.Equal(s.entries, other.entries)
}

// post tries up to four postings at once; some are nonsense.
func (w *world) post(t *rapid.T) {
	postings := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ledger.Posting {
		debit := rapid.SampledFrom(w.keys).Draw(t, "debit")
		// Mostly within one currency, else nearly everything would be refused.
		credit := rapid.SampledFrom(w.keys).Draw(t, "credit")
		if rapid.IntRange(0, 9).Draw(t, "stay in the currency") > 0 {
			credit.Currency = debit.Currency
		}
		return ledger.Posting{Debit: debit, Credit: credit, Amount: money.Amount{
			Minor: rapid.Int64Range(-1, 120).Draw(t, "minor"), Currency: debit.Currency,
		}}
	}), 0, 4).Draw(t, "postings")
	before := w.now()
	entries, err := w.book.Post(postings...)
	after := w.now()
	if err != nil {
		if !after.same(before) {
			t.Fatalf("refused (%v), and yet changed:\n%s", err, cmp.Diff(before.accounts, after.accounts))
		}
		known := []error{ledger.ErrNotCovered, ledger.ErrNoPosting, ledger.ErrNotPositive, ledger.ErrSameAccount, ledger.ErrMixedCurrency}
		if !slices.ContainsFunc(known, func(one error) bool { return errors.Is(err, one) }) {
			t.Fatalf("refused for a reason that cannot be: %v", err)
		}
		return
	}
	if len(entries) != len(postings) || !slices.Equal(after.entries, slices.Concat(before.entries, entries)) {
		t.Fatalf("%d postings gave the entries %v", len(postings), entries)
	}
	for i, entry := range entries {
		if entry.Posting != postings[i] {
			t.Fatalf("posting %d was recorded as %+v", i, entry)
		}
	}
}

func (w *world) mark(*rapid.T) {
	w.marks, w.then = append(w.marks, w.book.Mark()), append(w.then, w.now())
}

// rewind goes back to a mark, not always the last one; the book must look as it did there.
func (w *world) rewind(t *rapid.T) {
	if len(w.marks) == 0 {
		return
	}
	to := rapid.IntRange(0, len(w.marks)-1).Draw(t, "to mark")
	w.book.Rewind(w.marks[to])
	if now := w.now(); !now.same(w.then[to]) {
		t.Fatalf("rewound to mark %d, and it is not as it was:\n%s", to, cmp.Diff(w.then[to].accounts, now.accounts))
	}
	w.marks, w.then = w.marks[:to], w.then[:to]
}

// holds checks what must be true of a book at every moment.
func (w *world) holds(t *rapid.T) {
	s := w.now()
	sum := map[money.Currency]int64{}
	for key, account := range s.accounts {
		sum[key.Currency] += account.Available
		if key.Purpose == ledger.OfWallet && account.Available < -account.CreditLimit {
			t.Fatalf("%s has %d, which is below its credit limit of %d", key, account.Available, account.CreditLimit)
		}
		if account.CreditLimit != w.start[key].CreditLimit || account.Reserved != 0 {
			t.Fatalf("%s is %+v: a posting changed more than what is available", key, account)
		}
		w.statement(t, s, account)
	}
	for currency, minor := range sum {
		if minor != 0 {
			t.Fatalf("all accounts in %s sum to %d, want 0", currency, minor)
		}
	}
}

// statement reads an account backwards, from its last entry along the previous ones: it must
// meet every entry of the account, newest first, and the balances that they tell must fit.
func (w *world) statement(t *rapid.T, s state, account ledger.Account) {
	byID := map[int64]ledger.Entry{}
	var want []int64
	for _, entry := range slices.Backward(s.entries) {
		byID[entry.ID] = entry
		if entry.Debit == account.Key || entry.Credit == account.Key {
			want = append(want, entry.ID)
		}
	}
	var read []int64
	balance := account.Available
	for id := account.LastEntry; id != 0 && len(read) <= len(want); {
		entry := byID[id]
		read = append(read, id)
		change, after, previous := entry.Amount.Minor, entry.CreditAfter, entry.CreditPrevious
		if entry.Debit == account.Key {
			change, after, previous = -entry.Amount.Minor, entry.DebitAfter, entry.DebitPrevious
		}
		if after != balance {
			t.Fatalf("%s: entry %d says that %d were left, by the entries after it %d were", account.Key, id, after, balance)
		}
		balance -= change
		id = previous
	}
	if !slices.Equal(read, want) || balance != 0 {
		t.Fatalf("%s reads back as the entries %v from a balance of %d, want %v from 0", account.Key, read, balance, want)
	}
}

// Whatever is posted and taken back, in any order: the sum of each currency stays zero, no
// wallet goes below its credit, a refused posting changes nothing, the chain of previous
// entries leads through all of an account, and a rewind restores exactly.
func TestAnySequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){"post": w.post, "mark": w.mark, "rewind": w.rewind, "": w.holds})
	})
}
