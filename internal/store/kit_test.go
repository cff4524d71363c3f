package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

func isPostgres(address string) bool { return strings.HasPrefix(address, "postgres") }

// onPostgres runs a story that only PostgreSQL can tell.
func onPostgres(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	wallettest.Addresses(t, func(t *testing.T, address string) {
		if isPostgres(address) {
			test(t, address)
		}
	})
}

// open opens a database that the test closes itself; it is closed at the end in any case.
func open(t *testing.T, address string) (db *store.DB, closeNow func()) {
	t.Helper()
	db, err := store.Open(context.Background(), address, wallettest.StoreOptions(wallettest.NewClock()))
	if err != nil {
		t.Fatal(err)
	}
	closeNow = sync.OnceFunc(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	t.Cleanup(closeNow)
	return db, closeNow
}

// servers opens as many servers as may share a database: one on SQLite, two on PostgreSQL.
func servers(t *testing.T, address string) (all []*store.DB, closeAll func()) {
	t.Helper()
	first, closeAll := open(t, address)
	if !isPostgres(address) {
		return []*store.DB{first}, closeAll
	}
	second, closeSecond := open(t, address)
	closeFirst := closeAll
	return []*store.DB{first, second}, func() { closeFirst(); closeSecond() }
}

// within fails the test when work has not ended after a while: something hangs.
func within(t *testing.T, limit time.Duration, work func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); work() }()
	select {
	case <-done:
	case <-time.After(limit):
		stacks := make([]byte, 1<<20)
		t.Fatalf("not done after %v:\n%s", limit, stacks[:runtime.Stack(stacks, true)])
	}
}

// The accounts of the stories, in euros.
func purse(wallet int64) ledger.Key { return ledger.WalletAccount(wallet, "EUR") }

var outside = ledger.SystemAccount(ledger.Funding, "EUR")

// moving is the command that moves so many cents; the text tells its entry from all others.
func moving(minor int64, from, to ledger.Key, text string) store.MoneyCommand[[]ledger.Entry] {
	return store.MoneyCommand[[]ledger.Entry]{
		Needs: store.Needs{Accounts: []ledger.Key{from, to}},
		Decide: func(m *store.MoneyTx) ([]ledger.Entry, error) {
			return m.Post(ledger.Posting{
				Debit: from, Credit: to, Amount: money.Amount{Minor: minor, Currency: from.Currency}, Kind: "transfer", Details: text,
			})
		},
	}
}

func move(db *store.DB, minor int64, from, to ledger.Key, text string) ([]ledger.Entry, error) {
	return store.Money(context.Background(), db, moving(minor, from, to, text))
}

func mustMove(t *testing.T, db *store.DB, minor int64, from, to ledger.Key, text string) ledger.Entry {
	t.Helper()
	entries, err := move(db, minor, from, to, text)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%s: %v, %v", text, entries, err)
	}
	return entries[0]
}

// holdWriter keeps the money writer of a server busy until release is called, so that all
// that is asked for meanwhile must wait in the queue.
func holdWriter(t *testing.T, db *store.DB) (release func()) {
	t.Helper()
	gate, started := make(chan struct{}), make(chan struct{})
	go store.Money(context.Background(), db, store.MoneyCommand[int]{Decide: func(*store.MoneyTx) (int, error) {
		started <- struct{}{}
		<-gate
		return 0, nil
	}})
	<-started
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	return release
}

// untilWaiting returns when so many callers stand in db.Money and wait for their answers.
func untilWaiting(t *testing.T, callers int) {
	t.Helper()
	untilStanding(t, callers, "store.(*moneyWriter).do")
}

// untilStanding returns when so many callers wait inside a function, not counting those that
// hold the writer.
func untilStanding(t *testing.T, callers int, function string) {
	t.Helper()
	stacks := make([]byte, 16<<20)
	for range 1000 {
		waiting := 0
		for goroutine := range bytes.SplitSeq(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
			moving, inside := bytes.Contains(goroutine, []byte(" [runn")), bytes.Contains(goroutine, []byte(function+"("))
			if inside && !moving && !bytes.Contains(goroutine, []byte("holdWriter")) {
				waiting++
			}
		}
		if waiting >= callers {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never saw %d callers wait in %s", callers, function)
}

// raw is the database behind the store's back.
func raw(t *testing.T, address string) *sql.DB {
	t.Helper()
	driver, source := "pgx", address
	if !isPostgres(address) {
		driver, source = "sqlite", "file:"+strings.TrimPrefix(address, "sqlite:")+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// books are the accounts and entries as they stand in the database.
type books struct {
	accounts map[int64]ledger.Account
	entries  map[int64]ledger.Entry
	// texts counts the entries that carry a text.
	texts map[string]int
}

// readBooks reads one state of the database.
func readBooks(t *testing.T, address string) books {
	t.Helper()
	db := raw(t, address)
	defer db.Close()
	b := books{map[int64]ledger.Account{}, map[int64]ledger.Entry{}, map[string]int{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	options := &sql.TxOptions{}
	if isPostgres(address) {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.BeginTx(context.Background(), options)
	must(err)
	defer tx.Rollback()
	rows, err := tx.Query(`SELECT id, purpose, wallet_id, currency, available, reserved, credit_limit, last_entry, entries, version FROM accounts`)
	must(err)
	for rows.Next() {
		var a ledger.Account
		must(rows.Scan(&a.ID, &a.Purpose, &a.WalletID, &a.Currency, &a.Available, &a.Reserved, &a.CreditLimit, &a.LastEntry, &a.Entries, &a.Version))
		b.accounts[a.ID] = a
	}
	must(rows.Err())
	rows, err = tx.Query(`SELECT id, at, kind, debit_account, credit_account, minor, debit_after, credit_after, debit_previous, credit_previous, details FROM entries`)
	must(err)
	for rows.Next() {
		var e ledger.Entry
		var at, debit, credit int64
		must(rows.Scan(&e.ID, &at, &e.Kind, &debit, &credit, &e.Amount.Minor, &e.DebitAfter, &e.CreditAfter, &e.DebitPrevious, &e.CreditPrevious, &e.Details))
		e.At, e.Debit, e.Credit = time.UnixMicro(at).UTC(), b.accounts[debit].Key, b.accounts[credit].Key
		e.Amount.Currency = e.Debit.Currency
		b.entries[e.ID] = e
		b.texts[e.Details]++
	}
	must(rows.Err())
	return b
}

// audit checks what must be true of the books at any time: each currency sums to zero, what
// an account holds is what its entries come to, its chain of previous entries leads through
// all of them, and no wallet was ever below zero. (No account here has credit.)
func (b books) audit(t *testing.T) {
	t.Helper()
	sum := map[money.Currency]int64{}
	touched, change := map[ledger.Key]int{}, map[ledger.Key]int64{}
	for _, e := range b.entries {
		touched[e.Debit]++
		touched[e.Credit]++
		change[e.Debit] -= e.Amount.Minor
		change[e.Credit] += e.Amount.Minor
	}
	for _, a := range b.accounts {
		sum[a.Currency] += a.Available
		if a.Available != change[a.Key] {
			t.Errorf("%s holds %d, its entries come to %d", a.Key, a.Available, change[a.Key])
		}
		if read := b.statement(t, a); read != touched[a.Key] {
			t.Errorf("%s: the chain of previous entries leads through %d of %d", a.Key, read, touched[a.Key])
		}
		delete(touched, a.Key)
	}
	for currency, minor := range sum {
		if minor != 0 {
			t.Errorf("all accounts in %s sum to %d, want 0", currency, minor)
		}
	}
	if len(touched) != 0 {
		t.Errorf("entries on accounts that are not there: %v", touched)
	}
}

// statement reads an account backwards and returns how many entries it met.
func (b books) statement(t *testing.T, a ledger.Account) (read int) {
	t.Helper()
	seen := map[int64]bool{}
	for id, balance := a.LastEntry, a.Available; id != 0 && !seen[id]; read++ {
		seen[id] = true
		e, ok := b.entries[id]
		change, after, previous := e.Amount.Minor, e.CreditAfter, e.CreditPrevious
		if e.Debit == a.Key {
			change, after, previous = -e.Amount.Minor, e.DebitAfter, e.DebitPrevious
		}
		if !ok || e.Debit != a.Key && e.Credit != a.Key || after != balance || a.Purpose == ledger.OfWallet && after < 0 {
			t.Errorf("%s: entry %d is %+v, and %d were left after it", a.Key, id, e, balance)
			return read
		}
		id, balance = previous, balance-change
	}
	return read
}

// holds checks that the books hold each acknowledged entry just as it was answered, once.
func (b books) holds(t *testing.T, acknowledged []ledger.Entry) {
	t.Helper()
	for _, answered := range acknowledged {
		answered.DebitNumber, answered.CreditNumber = 0, 0 // which are not stored
		if diff := cmp.Diff(answered, b.entries[answered.ID]); diff != "" {
			t.Fatalf("the acknowledged entry %d differs in the database (-answered +stored):\n%s", answered.ID, diff)
		}
		if n := b.texts[answered.Details]; n != 1 {
			t.Fatalf("%q stands %d times in the entries, want once", answered.Details, n)
		}
	}
}

// commits is how many transactions all money writers together have committed.
func commits(t *testing.T, address string) (n int64) {
	t.Helper()
	db := raw(t, address)
	defer db.Close()
	if err := db.QueryRow(`SELECT CAST(sum(abs(last_batch)) AS BIGINT) FROM writers`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// seed makes Ona, a person with wallet 1 and project 1, and her company with wallet 2 and the
// projects 2 and 3.
func seed(t *testing.T, db *store.DB) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(
			tx.InsertUser(wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona", Locale: "lt", CreatedAt: wallettest.Epoch}, nil, nil),
			tx.InsertUser(wallet.User{ID: 2, Type: wallet.Legal, DisplayName: "Onos kepykla", Locale: "lt", CompanyCode: "300100200",
				Administrators: []int64{1}, CreatedAt: wallettest.Epoch}, nil, nil),
			tx.InsertWallet(wallet.Wallet{ID: 1, OwnerID: 1, AccountNumber: "PU0001"}),
			tx.InsertWallet(wallet.Wallet{ID: 2, OwnerID: 2, AccountNumber: "PU0002"}),
			tx.InsertProject(wallet.Project{ID: 1, Title: "Market stall", OwnerID: 1, WalletID: 1}),
			tx.InsertProject(wallet.Project{ID: 2, Title: "Bakery", OwnerID: 2, WalletID: 2}),
			tx.InsertProject(wallet.Project{ID: 3, Title: "Café", OwnerID: 2, WalletID: 2}),
		)
	})
}

func update(t *testing.T, db *store.DB, work func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), work); err != nil {
		t.Fatal(err)
	}
}

// crowd runs so many callers at once and returns when all are done.
func crowd(callers int, each func(caller int)) {
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() { each(caller) })
	}
	all.Wait()
}

// gathered collects what many callers report.
type gathered[T any] struct {
	sync.Mutex
	all []T
}

func (g *gathered[T]) add(some ...T) {
	g.Lock()
	defer g.Unlock()
	g.all = append(g.all, some...)
}
