package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// statements asks for a page that has to be there.
func statements(t *testing.T, db *store.DB, walletID int64, f wallet.StatementFilter) wallet.StatementPage {
	t.Helper()
	if f.Limit == 0 {
		f.Limit = 20
	}
	page, err := db.WalletStatements(context.Background(), walletID, f)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// post runs one command with many postings.
func post(t *testing.T, db *store.DB, postings ...ledger.Posting) []ledger.Entry {
	t.Helper()
	entries, err := store.Money(context.Background(), db, store.MoneyCommand[[]ledger.Entry]{
		Decide: func(m *store.MoneyTx) ([]ledger.Entry, error) { return m.Post(postings...) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func gift(to ledger.Key, minor int64, text string) ledger.Posting {
	return ledger.Posting{
		Debit: ledger.SystemAccount(ledger.Funding, to.Currency), Credit: to, Amount: money.Amount{Minor: minor, Currency: to.Currency},
		Kind: "transfer", Details: text,
	}
}

// history gives a wallet so many entries, a thousand seconds apart from ten to ten.
func history(t *testing.T, db *store.DB, clock *wallettest.Clock, to ledger.Key, entries int) {
	t.Helper()
	for first := 0; first < entries; first += 10 {
		batch := make([]ledger.Posting, 0, 10)
		for n := first; n < min(first+10, entries); n++ {
			batch = append(batch, gift(to, int64(n+1), fmt.Sprint("gift ", n+1)))
		}
		clock.Advance(1000 * time.Second)
		post(t, db, batch...)
	}
}

// What a page costs does not depend on how long the history is: Ona has twenty entries and her company twenty
// thousand, and a page of ten is about as cheap for both, wherever it begins.
func TestAPageOfStatementsCostsTheSameHoweverLongTheHistoryIs(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		const long, short, limit = 20_000, 20, 10
		history(t, db, clock, purse(1), short)
		began := clock.Now()
		history(t, db, clock, purse(2), long)

		// cost is what the page of a wallet costs, and whether it is the right one: its newest entry is of that number.
		cost := func(walletID int64, newest, total int, f wallet.StatementFilter) (statements int64, read int) {
			t.Helper()
			f.Limit = limit
			before := db.Statements()
			page, err := db.WalletStatements(context.Background(), walletID, f)
			if err != nil {
				t.Fatal(err)
			}
			if page.Total != total || len(page.Statements) != limit || page.Statements[0].Details != fmt.Sprint("gift ", newest) {
				t.Errorf("wallet %d, %+v: total %d, %d statements from %+v, not %d from gift %d", walletID, f, page.Total, len(page.Statements),
					page.Statements[:min(1, len(page.Statements))], total, newest)
			}
			return db.Statements() - before, page.Read
		}
		middle := wallet.StatementPlace{"EUR": long / 2}
		for _, c := range []struct {
			what        string
			short, long wallet.StatementFilter
			// what is right in each
			shortNewest, shortTotal, longNewest, longTotal int
		}{
			{"the first page", wallet.StatementFilter{}, wallet.StatementFilter{}, short, short, long, long},
			{"after a cursor in the middle", wallet.StatementFilter{After: wallet.StatementPlace{"EUR": 10}}, wallet.StatementFilter{After: middle},
				10, short, long / 2, long},
			{"before a cursor in the middle", wallet.StatementFilter{Before: wallet.StatementPlace{"EUR": 10}}, wallet.StatementFilter{Before: middle},
				20, short, long/2 + limit, long},
			{"to a time in the middle", wallet.StatementFilter{To: began}, wallet.StatementFilter{To: began.Add(long/2*100*time.Second + time.Second)},
				10, 10, long / 2, long / 2},
			{"from a time in the middle", wallet.StatementFilter{From: wallettest.Epoch}, wallet.StatementFilter{From: began.Add(long / 2 * 100 * time.Second)},
				short, short, long, long/2 + 10},
			{"at an offset in the middle", wallet.StatementFilter{Offset: 10}, wallet.StatementFilter{Offset: long / 2}, 10, short, long / 2, long},
		} {
			few, readFew := cost(1, c.shortNewest, c.shortTotal, c.short)
			many, readMany := cost(2, c.longNewest, c.longTotal, c.long)
			t.Logf("%s: %d statements and %d entries for %d entries, %d and %d for %d", c.what, few, readFew, short, many, readMany, long)
			if many > few+3 || readMany > 2*64+limit {
				t.Errorf("%s costs %d statements and %d entries, and with a short history %d and %d", c.what, many, readMany, few, readFew)
			}
		}
	})
}

// told is a history in three currencies, with reservations in between that are no statements: what is to be read of
// it, oldest first.
func told(t *testing.T, db *store.DB, clock *wallettest.Clock, commands int) (all []wallet.Statement) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	currencies := []money.Currency{"EUR", "EUR", "EUR", "EUR", "USD", "JPY"}
	others := map[int64]wallet.Party{0: {}, 2: {WalletID: 2, DisplayName: "Onos kepykla", AccountNumber: "PU0002"}}
	for n := range commands {
		var postings []ledger.Posting
		for range 1 + random.IntN(3) {
			currency := currencies[random.IntN(len(currencies))]
			own := ledger.WalletAccount(1, currency)
			p := gift(own, 1000+int64(n), fmt.Sprint("from outside, ", n))
			switch random.IntN(3) {
			case 0:
				p.Debit = ledger.WalletAccount(2, currency)
				p.Details = fmt.Sprint("Grąža ", n)
			case 1:
				p.Debit, p.Credit = own, ledger.WalletAccount(2, currency)
				p.Amount.Minor, p.Kind, p.PaymentID = 1, "commission", 77
			}
			postings = append(postings, gift(ledger.WalletAccount(2, currency), 5000, "to the company"), gift(own, 1, "first"), p,
				ledger.Hold(own, money.Amount{Minor: 1, Currency: currency}, 7))
		}
		clock.Advance(time.Duration(random.IntN(3000)) * time.Millisecond)
		for _, e := range post(t, db, postings...) {
			s := wallet.Statement{ID: e.ID, At: e.At, Amount: e.Amount, Kind: e.Kind, Details: e.Details, PaymentID: e.PaymentID}
			other := e.Credit
			if s.Incoming = e.Credit.WalletID == 1; s.Incoming {
				other = e.Debit
			}
			if party := others[other.WalletID]; party != (wallet.Party{}) {
				s.Other = &party
			}
			if e.Debit != e.Credit && (e.Debit.WalletID == 1 || e.Credit.WalletID == 1) {
				all = append(all, s)
			}
		}
	}
	return all
}

// Every page of every list is what one gets by reading all and cutting it: by offset and along the cursors, both
// ways, with all filters.
func TestStatementsAreWhatTheLedgerTells(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		all := told(t, db, clock, 400)
		middle, late := all[len(all)/2].At, all[len(all)*4/5].At
		for _, f := range []wallet.StatementFilter{
			{Limit: 200}, {Limit: 7, Ascending: true}, {Limit: 150, Currencies: []money.Currency{"EUR"}}, {Limit: 100, Currencies: []money.Currency{"USD", "JPY"}},
			{Limit: 90, From: middle}, {Limit: 90, To: middle}, {Limit: 90, To: middle, Ascending: true}, {Limit: 50, From: middle, To: late, Ascending: true},
			{Limit: 20, From: late, To: middle}, {Limit: 60, Incoming: true}, {Limit: 60, Outgoing: true, Ascending: true, To: late},
			{Limit: 60, Text: wallet.Fold("GRAZA 1")}, {Limit: 150, Text: "kepykl", Currencies: []money.Currency{"EUR"}, From: middle},
			{Limit: 20, Currencies: []money.Currency{"GBP"}},
		} {
			want := chosen(all, f)
			walkByOffset(t, db, f, want)
			walkByCursor(t, db, f, want)
		}
	})
}

// chosen are the statements that a filter means, in its order.
func chosen(all []wallet.Statement, f wallet.StatementFilter) (list []wallet.Statement) {
	for _, s := range all {
		switch {
		case len(f.Currencies) > 0 && !slices.Contains(f.Currencies, s.Amount.Currency), !f.From.IsZero() && s.At.Before(f.From),
			!f.To.IsZero() && !s.At.Before(f.To), !f.Matches(&s):
			continue
		}
		list = append(list, s)
	}
	if !f.Ascending {
		slices.Reverse(list)
	}
	return list
}

func samePage(t *testing.T, f wallet.StatementFilter, page wallet.StatementPage, want []wallet.Statement, offset, total int) {
	t.Helper()
	if page.Total != total || page.Offset != offset || page.HasNext() != (offset+len(want) < total) || page.HasPrevious() != (offset > 0 && total > 0) {
		t.Errorf("%+v: total %d, offset %d, not %d and %d", f, page.Total, page.Offset, total, offset)
	}
	if diff := cmp.Diff(want, page.Statements); len(want)+len(page.Statements) > 0 && diff != "" {
		t.Fatalf("%+v: the page at %d differs (-want +got)\n%s", f, offset, diff)
	}
}

func walkByOffset(t *testing.T, db *store.DB, f wallet.StatementFilter, want []wallet.Statement) {
	t.Helper()
	for _, offset := range []int{0, 1, f.Limit, len(want) / 3, len(want) - 1, len(want), len(want) + 5} {
		if f.Offset = max(offset, 0); f.Offset > len(want) {
			samePage(t, f, statements(t, db, 1, f), nil, f.Offset, len(want))
			continue
		}
		samePage(t, f, statements(t, db, 1, f), want[f.Offset:min(f.Offset+f.Limit, len(want))], f.Offset, len(want))
	}
}

func walkByCursor(t *testing.T, db *store.DB, f wallet.StatementFilter, want []wallet.Statement) {
	t.Helper()
	page := statements(t, db, 1, f)
	for offset := 0; ; {
		samePage(t, f, page, want[offset:min(offset+f.Limit, len(want))], offset, len(want))
		if !page.HasNext() {
			break
		}
		offset += len(page.Statements)
		f.After = page.After
		page = statements(t, db, 1, f)
	}
	f.After = nil
	for end := page.Offset; page.HasPrevious(); end = page.Offset {
		f.Before = page.Before
		page = statements(t, db, 1, f)
		samePage(t, f, page, want[max(end-f.Limit, 0):end], max(end-f.Limit, 0), len(want))
	}
}

// What comes in while somebody turns pages moves none of them: a cursor is a place in the history.
func TestACursorStaysWhereItIs(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		history(t, db, clock, purse(1), 30)
		first := statements(t, db, 1, wallet.StatementFilter{})
		second := statements(t, db, 1, wallet.StatementFilter{After: first.After})
		clock.Advance(time.Second)
		post(t, db, gift(purse(1), 5, "news"), gift(ledger.WalletAccount(1, "USD"), 6, "a new currency"))
		again := statements(t, db, 1, wallet.StatementFilter{After: first.After})
		if diff := cmp.Diff(second.Statements, again.Statements); diff != "" || again.Offset != second.Offset+2 {
			t.Errorf("the second page moved by what came in, from %d to %d:\n%s", second.Offset, again.Offset, diff)
		}
		news := statements(t, db, 1, wallet.StatementFilter{Before: first.Before})
		if len(news.Statements) != 2 || news.Offset != 0 || news.Statements[0].Details != "a new currency" {
			t.Errorf("before the first page stands %+v", news)
		}
	})
}

// A database from before there were marks has none for its old entries: the pages are the same.
func TestStatementsWithoutMarks(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		all := told(t, db, clock, 300)
		if _, err := raw(t, address).Exec(`DELETE FROM entry_marks WHERE number <= 320`); err != nil {
			t.Fatal(err)
		}
		early, middle := all[len(all)/9].At, all[len(all)/2].At
		for _, f := range []wallet.StatementFilter{
			{Limit: 60}, {Limit: 60, Ascending: true}, {Limit: 60, From: early, To: middle}, {Limit: 60, To: early}, {Limit: 100, Text: "graza"},
		} {
			want := chosen(all, f)
			walkByOffset(t, db, f, want)
			walkByCursor(t, db, f, want)
		}
	})
}
