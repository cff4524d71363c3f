package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Verify recomputes everything from the journal, in one snapshot, beside whatever runs on the database. Entries are
// read in the order of their numbers, for half a million accounts at a time, each account holding a fixed
// amount of memory. What would have to be sorted to be compared is summed up as keyed hashes instead, and looked at
// once more, exactly, where two sums differ.

// Difference is something stored that is not what the journal comes to.
type Difference struct {
	// Of names what is different: an account, an entry, a mark, a transaction or a payment.
	Of string
	// What of it, and what is stored and what was computed for it.
	What, Stored, Computed string
}

// Error is the difference in a sentence.
func (d *Difference) Error() string {
	return fmt.Sprintf("%s: %s is stored as %s, and computed as %s", d.Of, d.What, d.Stored, d.Computed)
}

// Verified is how much was verified.
type Verified struct{ Accounts, Entries, Transactions, Payments, Allowances, Leaves int64 }

// Progress is how far Verify has come: with what, up to which number of how many.
type Progress struct {
	Stage    string
	Done, Of int64
}

// Verify reads the database at the address in one snapshot, changes nothing, and returns the first *Difference that it
// finds as its error. progress, which may be nil, is told how far it has come. The log is held against checkpoints that were kept as
// well: one that does not go on from them is a *Behind.
func Verify(ctx context.Context, address string, progress func(Progress), kept ...KeptCheckpoint) (Verified, error) {
	db, err := openReading(address)
	if err != nil {
		return Verified{}, err
	}
	defer db.read.Close()
	v := &verifier{db: db, ctx: ctx, progress: progress, seed: maphash.MakeSeed(), effects: map[int64]uint64{}, rows: map[int64]uint64{}, tallies: map[int64]uint64{}}
	if v.tx, err = db.snapshot(ctx); err != nil {
		return Verified{}, err
	}
	defer v.tx.Rollback()
	for _, step := range []func() error{v.schema, v.counters, v.journal, v.firstAllowances, v.documents, v.paymentRows, v.compareEffects, v.compareTallies, v.flows, v.restOfAllowances, v.log, func() error { return v.goesOnFrom(kept) }} {
		if err := step(); err != nil {
			return v.seen, err
		}
	}
	return v.seen, nil
}

// openReading opens a database to be read only, in a DB that can do nothing else.
func openReading(address string) (*DB, error) {
	db := &DB{}
	switch {
	case strings.HasPrefix(address, "sqlite:"):
		path := strings.TrimPrefix(address, "sqlite:")
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		pool, err := sql.Open("sqlite", "file:"+sqlitePath(path)+"?mode=ro&_txlock=deferred&_pragma=busy_timeout(5000)&_pragma=query_only(1)")
		if err != nil {
			return nil, err
		}
		db.read = pool
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		config, err := postgresConfig(address)
		if err != nil {
			return nil, err
		}
		db.read, db.postgres = stdlib.OpenDB(*config), true
	default:
		return nil, errors.New("a database is sqlite:PATH or postgres://USER@HOST/NAME")
	}
	return db, nil
}

// snapshot begins a transaction that sees one state of the database.
func (db *DB) snapshot(ctx context.Context) (*sql.Tx, error) {
	options := &sql.TxOptions{}
	if db.postgres {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return db.read.BeginTx(ctx, options)
}

// inSnapshot has work read one state of the database: a page of a list and how many there are in all agree.
func (db *DB) inSnapshot(ctx context.Context, work func(q querier) error) error {
	tx, err := db.snapshot(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return work(tx)
}

// verifier is one run of Verify.
type verifier struct {
	db       *DB
	ctx      context.Context
	tx       *sql.Tx
	progress func(Progress)
	seen     Verified
	// seed keys the hashes: nobody can alter two things so that their hashes cancel out.
	seed maphash.Seed
	// effects and rows are sums over payments, by a block of their numbers: of what entries did for them, less what
	// their documents say, and of their documents, less their rows.
	effects, rows map[int64]uint64
	// tallies are sums over counters, by a block of projects: as transactions and entries say, less as they are stored.
	tallies map[int64]uint64
	// drawn is what is looked at of allowances while transactions are read.
	drawn *allowanceWindow
}

// each runs a query and hands over its rows. done tells the number that a row has, for the progress.
func (v *verifier) each(stage string, of int64, query string, row func(rows *sql.Rows) (done int64, err error), args ...any) error {
	rows, err := v.db.query(v.ctx, v.tx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		done, err := row(rows)
		if err != nil {
			return err
		}
		if n%20_000 == 0 && v.progress != nil {
			v.progress(Progress{stage, done, max(done, of)})
		}
	}
	return rows.Err()
}

// one reads one number.
func (v *verifier) one(query string, args ...any) (n int64, err error) {
	err = v.db.queryRow(v.ctx, v.tx, query, args...).Scan(&n)
	return n, err
}

// highest is the highest number in a table, 0 in an empty one.
func (v *verifier) highest(table string) (int64, error) {
	return v.one(`SELECT COALESCE(max(id), 0) FROM ` + table)
}

// schema refuses a database of another version.
func (v *verifier) schema() error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	is, err := v.one(`SELECT COALESCE(max(version_id), 0) FROM goose_db_version`)
	if err != nil {
		return fmt.Errorf("this is not a database of purser: %w", err)
	}
	last := strings.TrimPrefix(slices.Max(names), "migrations/")
	newest, err := strconv.ParseInt(last[:strings.IndexByte(last, '_')], 10, 64)
	if err == nil && is != newest {
		err = fmt.Errorf("the schema of the database is at version %d, and this program's at %d: verify with the version that serves it", is, newest)
	}
	return err
}

// counters checks that no number is given that is in use.
func (v *verifier) counters() error {
	for _, c := range []struct {
		counter Counter
		table   string
	}{{accountIDs, "accounts"}, {entryIDs, "entries"}, {transactionIDs, "transactions"}, {paymentIDs, "payments"}, {allowanceIDs, "allowances"}} {
		last, err := v.highest(c.table)
		if err != nil {
			return err
		}
		next, err := v.one(`SELECT COALESCE(max(next), 1) FROM counters WHERE name = $1`, c.counter)
		if err != nil {
			return err
		}
		if next <= last {
			return &Difference{"the counter of " + c.table, "the next number", strconv.FormatInt(next, 10), fmt.Sprintf("more than %d, which is in use", last)}
		}
	}
	return nil
}

// accountsAtOnce is for how many accounts the journal is read at a time: some 40 MB. Tests have fewer.
var accountsAtOnce int64 = 1 << 19

// journal verifies accounts, entries and marks.
func (v *verifier) journal() error {
	last, err := v.highest("accounts")
	if err != nil {
		return err
	}
	sums := currencySums{}
	for from := int64(0); from <= last; from += accountsAtOnce {
		w := &window{verifier: v, from: from, last: last, accounts: make([]account, min(accountsAtOnce, last-from+1)), parked: map[link]parkedEntry{}}
		for _, step := range []func() error{func() error { return w.load(sums) }, w.read, w.marks, w.compare} {
			if err := step(); err != nil {
				return err
			}
		}
	}
	return sums.judge()
}

// currencySums are what all accounts of a currency hold together: nothing.
type currencySums map[money.Currency]*big.Int

// add adds what an account holds.
func (c currencySums) add(a *ledger.Account) {
	sum := c[a.Currency]
	if sum == nil {
		sum = new(big.Int)
		c[a.Currency] = sum
	}
	sum.Add(sum, big.NewInt(a.Available))
	sum.Add(sum, big.NewInt(a.Reserved))
}

func (c currencySums) judge() error {
	for _, currency := range slices.Sorted(maps.Keys(c)) {
		if sum := c[currency]; sum.Sign() != 0 {
			return &Difference{"all accounts in " + string(currency), "their sum", sum.String() + " minor units", "0"}
		}
	}
	return nil
}

// minorText is so much of an account's currency, for people.
func minorText(minor int64, k ledger.Key) string {
	return money.Amount{Minor: minor, Currency: k.Currency}.String()
}

// accountText names an account.
func accountText(k ledger.Key, id int64) string { return fmt.Sprintf("account %d, of %s", id, k) }

// judgeAccount is what an account alone tells to be wrong; walletExists says whether its wallet does.
func judgeAccount(a *ledger.Account, walletExists bool) *Difference {
	name := accountText(a.Key, a.ID)
	_, err := money.ParseCurrency(string(a.Currency))
	ofWallet := a.Purpose == ledger.OfWallet
	switch {
	case err != nil:
		return &Difference{name, "its currency", fmt.Sprintf("%q", a.Currency), "a currency"}
	case !ofWallet && a.Purpose != ledger.Funding && a.Purpose != ledger.Commission && a.Purpose != ledger.Conversion:
		return &Difference{name, "its purpose", fmt.Sprintf("%q", a.Purpose), "one that there is"}
	case ofWallet != (a.WalletID != 0) || ofWallet && !walletExists:
		return &Difference{name, "its wallet", strconv.FormatInt(a.WalletID, 10), "one that there is, and none of the system's"}
	case ofWallet && a.Available < -a.CreditLimit:
		return &Difference{name, "what is available", minorText(a.Available, a.Key), "no less than " + minorText(-a.CreditLimit, a.Key)}
	case a.Reserved < 0 || !ofWallet && a.Reserved != 0:
		return &Difference{name, "what is reserved", minorText(a.Reserved, a.Key), "nothing, or more where a wallet's is"}
	}
	return nil
}

// paymentBlock is how many payments share a sum, as a power of two.
const paymentBlock = 12

// effect is how much a payment moved on a part of an account, as a term of a sum.
func (v *verifier) effect(payment int64, account uint64, part ledger.Part, minor int64) uint64 {
	return (maphash.Comparable(v.seed, [3]uint64{uint64(payment), account, uint64(part)}) | 1) * uint64(minor)
}

// documents verifies each transaction by itself, and takes up what it says of its payments.
func (v *verifier) documents() error {
	last, err := v.highest("transactions")
	if err != nil {
		return err
	}
	return v.transactions("transactions", last, func(t *wallet.Transaction, due sql.NullInt64) error {
		v.seen.Transactions++
		if wrong := t.Inconsistency(); wrong != "" {
			return &Difference{fmt.Sprintf("transaction %d", t.ID), "its document", "one in which " + wrong, "one that agrees with itself"}
		}
		if at := dueOf(t); due.Valid != (at != nil) || due.Valid && due.Int64 != *at {
			return &Difference{fmt.Sprintf("transaction %d", t.ID), "when it is due", dueText(due.Int64, due.Valid), dueText(micros(t.Due()), at != nil)}
		}
		countTransaction(t, v.tallied)
		if err := v.drawn.add(t); err != nil {
			return err
		}
		for _, row := range rowsOf(t) {
			v.rows[row.id>>paymentBlock] += maphash.Comparable(v.seed, row)
		}
		for i := range t.Payments {
			p := &t.Payments[i]
			v.seen.Payments++
			for _, e := range t.Effects(p) {
				v.effects[p.ID>>paymentBlock] -= v.effect(p.ID, maphash.Comparable(v.seed, e.Account)|1, e.Part, e.Minor)
			}
		}
		return nil
	})
}

func dueText(us int64, valid bool) string {
	if !valid {
		return "never"
	}
	return fromMicros(us).Format("2006-01-02T15:04:05.999999Z")
}

// transactions reads all transactions, in the order of their numbers.
func (v *verifier) transactions(stage string, last int64, each func(t *wallet.Transaction, due sql.NullInt64) error) error {
	return v.each(stage, last, `SELECT `+transactionColumns+`, due_at FROM transactions ORDER BY id`, func(rows *sql.Rows) (int64, error) {
		var row transactionRow
		var due sql.NullInt64
		if err := rows.Scan(append(row.fields(), &due)...); err != nil {
			return 0, err
		}
		t, err := row.transaction()
		if err != nil {
			return 0, &Difference{fmt.Sprintf("transaction %d", row.t.ID), "its document", fmt.Sprintf("what cannot be read (%v)", errors.Unwrap(err)), "JSON"}
		}
		return t.ID, each(t, due)
	})
}

// paymentRows compares the columns of payments with the documents.
func (v *verifier) paymentRows() error {
	last, err := v.highest("payments")
	if err != nil {
		return err
	}
	err = v.each("payments", last, paymentRowsQuery+` ORDER BY id`, func(rows *sql.Rows) (int64, error) {
		row, err := scanPaymentRow(rows)
		v.rows[row.id>>paymentBlock] -= maphash.Comparable(v.seed, row)
		return row.id, err
	})
	if err != nil {
		return err
	}
	for _, block := range slices.Sorted(maps.Keys(v.rows)) {
		if v.rows[block] != 0 {
			return v.explainRows(block)
		}
	}
	return nil
}

const paymentRowsQuery = `SELECT id, transaction_id, project_id, status, wallet_id, beneficiary_id FROM payments`

func scanPaymentRow(rows *sql.Rows) (p paymentRow, err error) {
	err = rows.Scan(&p.id, &p.transaction, &p.project, &p.status, &p.payer, &p.beneficiary)
	return p, err
}

// explainRows finds the payment whose row differs from its document, in a block where one does.
func (v *verifier) explainRows(block int64) error {
	rows, err := v.db.query(v.ctx, v.tx, paymentRowsQuery+` WHERE id >= $1 AND id < $2`, block<<paymentBlock, (block+1)<<paymentBlock)
	stored, err := collect(rows, err, scanPaymentRow)
	if err != nil {
		return err
	}
	left := map[int64]paymentRow{}
	for _, row := range stored {
		left[row.id] = row
	}
	text := func(p paymentRow) string {
		return fmt.Sprintf("%s, of transaction %d in project %d, from wallet %d to wallet %d", p.status, p.transaction, p.project, p.payer, p.beneficiary)
	}
	err = v.transactions("payments again", 0, func(t *wallet.Transaction, _ sql.NullInt64) error {
		for _, row := range rowsOf(t) {
			if row.id>>paymentBlock != block {
				continue
			}
			is, ok := left[row.id]
			delete(left, row.id)
			switch {
			case !ok:
				return &Difference{fmt.Sprintf("payment %d", row.id), "its row", "none, or that of another transaction too", text(row)}
			case is != row:
				return &Difference{fmt.Sprintf("payment %d", row.id), "its row", text(is), text(row)}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		return &Difference{fmt.Sprintf("payment %d", id), "its row", text(left[id]), "none: no transaction has such a payment"}
	}
	return fmt.Errorf("payments %d to %d: rows and documents differ by a hash alone; run this again", block<<paymentBlock, (block+1)<<paymentBlock)
}

// compareEffects compares what entries did for payments with what their documents say.
func (v *verifier) compareEffects() error {
	for _, block := range slices.Sorted(maps.Keys(v.effects)) {
		if v.effects[block] != 0 {
			return v.explainEffects(block)
		}
	}
	return nil
}

// effectPlace is where a payment moved something.
type effectPlace struct {
	payment int64
	account ledger.Key
	part    ledger.Part
}

func (p effectPlace) compare(q effectPlace) int {
	return cmp.Or(cmp.Compare(p.payment, q.payment), cmp.Compare(q.part, p.part), p.account.Compare(q.account))
}

// explainEffects finds the payment, and the account, in a block where there is one.
func (v *verifier) explainEffects(block int64) error {
	said, done := map[effectPlace]int64{}, map[effectPlace]int64{}
	err := v.transactions("payments again", 0, func(t *wallet.Transaction, _ sql.NullInt64) error {
		for i := range t.Payments {
			if p := &t.Payments[i]; p.ID>>paymentBlock == block {
				for _, e := range t.Effects(p) {
					said[effectPlace{p.ID, e.Account, e.Part}] += e.Minor
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = v.each("entries again", 0, `SELECT e.id, e.payment_id, e.minor, e.debit_part, e.credit_part,
			d.purpose, d.wallet_id, d.currency, c.purpose, c.wallet_id, c.currency
		FROM entries e JOIN accounts d ON d.id = e.debit_account JOIN accounts c ON c.id = e.credit_account
		WHERE e.payment_id >= $1 AND e.payment_id < $2 AND e.payment_id <> 0`, func(rows *sql.Rows) (int64, error) {
		var id, minor int64
		var debit, credit effectPlace
		err := rows.Scan(&id, &debit.payment, &minor, &debit.part, &credit.part, &debit.account.Purpose, &debit.account.WalletID, &debit.account.Currency,
			&credit.account.Purpose, &credit.account.WalletID, &credit.account.Currency)
		credit.payment = debit.payment
		done[debit] -= minor
		done[credit] += minor
		return id, err
	}, block<<paymentBlock, (block+1)<<paymentBlock)
	if err != nil {
		return err
	}
	places := slices.SortedFunc(func(yield func(effectPlace) bool) {
		for p := range said {
			if !yield(p) {
				return
			}
		}
		for p := range done {
			if _, twice := said[p]; !twice && !yield(p) {
				return
			}
		}
	}, effectPlace.compare)
	for _, p := range places {
		if said[p] != done[p] {
			return &Difference{fmt.Sprintf("payment %d on %s", p.payment, p.account), "what it has moved in what is " + partText(p.part),
				minorText(said[p], p.account), minorText(done[p], p.account)}
		}
	}
	return fmt.Errorf("payments %d to %d: entries and documents differ by a hash alone; run this again", block<<paymentBlock, (block+1)<<paymentBlock)
}

func partText(p ledger.Part) string {
	if p == ledger.Reserved {
		return "reserved"
	}
	return "available"
}
