package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
)

// postgresMoney writes money batches in two pipelined round trips each: one locks and reads
// the accounts in the order of their ids, one writes everything and commits. Several processes
// may do so on one database. These statements are the only ones whose text differs from
// SQLite's (design: store).
type postgresMoney struct {
	db   *DB
	pool *pgxpool.Pool
	// unnamed says that statements cannot be prepared by name here: a pooler hands out another connection for
	// each transaction, which does not know them.
	unnamed atomic.Bool
}

const (
	// The tables are found by their keys, however many rows the planner believes them to have: what it plans
	// while they are empty it may keep until somebody looks at them again.
	byKeys = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`

	lockAccounts = `SELECT a.id, a.purpose, a.wallet_id, a.currency, a.available, a.reserved, a.credit_limit, a.last_entry, a.entries, a.version
		FROM accounts a
		JOIN unnest(CAST($1 AS TEXT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[])) AS k (purpose, wallet_id, currency)
			ON a.purpose = k.purpose AND a.wallet_id = k.wallet_id AND a.currency = k.currency
		ORDER BY a.id FOR UPDATE OF a`
	insertAccounts = `INSERT INTO accounts (id, purpose, wallet_id, currency, available, reserved, credit_limit, last_entry, entries, version)
		SELECT k.id, k.purpose, k.wallet_id, k.currency, k.available, k.reserved, k.credit_limit, k.last_entry, k.entries, 1
		FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS TEXT[]),
			CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]), CAST($8 AS BIGINT[]), CAST($9 AS BIGINT[]))
			AS k (id, purpose, wallet_id, currency, available, reserved, credit_limit, last_entry, entries)
		ORDER BY k.purpose, k.wallet_id, k.currency`
	// A version that is not the one that was read makes version NULL, which the column refuses,
	// so that the COMMIT behind it in the pipeline rolls back.
	updateAccounts = `UPDATE accounts a SET available = k.available, reserved = k.reserved, credit_limit = k.credit_limit,
			last_entry = k.last_entry, entries = k.entries, version = CASE WHEN a.version = k.version THEN k.version + 1 END
		FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), CAST($5 AS BIGINT[]),
			CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]))
			AS k (id, available, reserved, credit_limit, last_entry, entries, version)
		WHERE a.id = k.id`
	insertEntries = `INSERT INTO entries (id, at, kind, debit_account, credit_account, minor, debit_after, credit_after,
			debit_previous, credit_previous, details, debit_part, credit_part, payment_id)
		SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[]), CAST($4 AS BIGINT[]),
			CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]), CAST($8 AS BIGINT[]),
			CAST($9 AS BIGINT[]), CAST($10 AS BIGINT[]), CAST($11 AS TEXT[]), CAST($12 AS BIGINT[]), CAST($13 AS BIGINT[]), CAST($14 AS BIGINT[]))`
	insertMarks = `INSERT INTO entry_marks (account_id, number, entry_id, at)
		SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]))`
	// Nonces are looked for first and added last: of two processes that have the same one, the later finds its
	// batch refused, and then the nonce there.
	selectNonces = `SELECT c.ts, c.fingerprint FROM claimed_nonces c
		JOIN unnest(CAST($1 AS BIGINT[]), CAST($2 AS BYTEA[])) AS k (ts, fingerprint) ON c.ts = k.ts AND c.fingerprint = k.fingerprint`
	insertNonces = `INSERT INTO claimed_nonces (ts, fingerprint)
		SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BYTEA[]))`
	insertLeaves       = `INSERT INTO leaves (id, hash, record) SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BYTEA[]), CAST($3 AS BYTEA[]))`
	selectAnswers      = `SELECT key, request, body, sealed, at FROM answers WHERE key = ANY(CAST($1 AS BYTEA[]))`
	lockTransactions   = `SELECT ` + transactionColumns + ` FROM transactions WHERE id = ANY(CAST($1 AS BIGINT[])) ORDER BY id FOR UPDATE`
	insertTransactions = `INSERT INTO transactions (id, version, status, client_id, project_id, location_id, wallet_id, created_at, due_at, document, last_leaf)
		SELECT k.id, 1, k.status, k.client_id, k.project_id, k.location_id, k.wallet_id, k.created_at, k.due_at, k.document, k.last_leaf
		FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), CAST($5 AS BIGINT[]),
			CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]), CAST($8 AS BIGINT[]), CAST($9 AS TEXT[]), CAST($10 AS BIGINT[]))
			AS k (id, status, client_id, project_id, location_id, wallet_id, created_at, due_at, document, last_leaf)`
	updateTransactions = `UPDATE transactions t SET version = CASE WHEN t.version = k.version THEN k.version + 1 END,
			status = k.status, wallet_id = k.wallet_id, due_at = k.due_at, document = k.document, last_leaf = k.last_leaf
		FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), CAST($5 AS TEXT[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]))
			AS k (id, status, wallet_id, due_at, document, version, last_leaf)
		WHERE t.id = k.id`
	insertPayments = `INSERT INTO payments (id, transaction_id, project_id, status, wallet_id, beneficiary_id)
		SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[]), CAST($4 AS TEXT[]), CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]))`
	updatePayments = `UPDATE payments p SET transaction_id = k.transaction_id, status = k.status, wallet_id = k.wallet_id, beneficiary_id = k.beneficiary_id
		FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[]), CAST($4 AS BIGINT[]), CAST($5 AS BIGINT[]))
			AS k (id, transaction_id, status, wallet_id, beneficiary_id)
		WHERE p.id = k.id`
	lockSpent = `SELECT s.holder, s.holder_id, s.currency, s.seconds, s.since, s.minor FROM spending s
		JOIN unnest(CAST($1 AS TEXT[]), CAST($2 AS BIGINT[])) AS k (holder, holder_id) ON s.holder = k.holder AND s.holder_id = k.holder_id
		ORDER BY s.holder, s.holder_id, s.currency, s.seconds FOR UPDATE OF s`
	lockLastAllowances = `SELECT a.client_id, a.wallet_id, a.allowance_id FROM last_allowances a
		JOIN unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS k (client_id, wallet_id) ON a.client_id = k.client_id AND a.wallet_id = k.wallet_id
		ORDER BY a.client_id, a.wallet_id FOR UPDATE OF a`
	lockAllowances = `SELECT ` + allowanceColumns + ` FROM allowances WHERE id = ANY(CAST($1 AS BIGINT[])) ORDER BY id FOR UPDATE`
	selectPINs     = `SELECT k.id, u.pin_hash FROM unnest(CAST($1 AS BIGINT[])) AS k (id) LEFT JOIN users u ON u.id = k.id`
	// Batches of a writer rise. One that comes after a later one, or after it was given up, makes
	// last_batch NULL, which the column refuses.
	updateWriter = `INSERT INTO writers (id, last_batch, seen_at) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at,
			last_batch = CASE WHEN abs(writers.last_batch) < excluded.last_batch THEN excluded.last_batch END`
	// settleWriter waits for a lost transaction that is still committing. One that has not come so
	// far is given up: the number of its batch, negative, stands in its way for good.
	settleWriter = `INSERT INTO writers (id, last_batch, seen_at) VALUES ($1, -CAST($2 AS BIGINT), $3)
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at,
			last_batch = CASE WHEN writers.last_batch = -excluded.last_batch THEN writers.last_batch ELSE excluded.last_batch END
		RETURNING last_batch`
)

func newPostgresMoney(ctx context.Context, db *DB, address string) (*postgresMoney, error) {
	connection, err := postgresConfig(address)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the postgres:// address cannot be read")
	}
	config.ConnConfig = connection
	config.MaxConns = 2 // one for batches; and one to ask what became of a batch whose connection hangs
	p := &postgresMoney{db: db}
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if !p.unnamed.Load() {
			c.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		}
		return nil
	}
	if p.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	return p, nil
}

// unprepared says whether a statement failed because it was not prepared on the connection that it reached, or by
// somebody else. From then on none are prepared by name.
func (p *postgresMoney) unprepared(err error) bool {
	var answered *pgconn.PgError
	if !errors.As(err, &answered) || answered.Code != "26000" && answered.Code != "42P05" {
		return false
	}
	p.unnamed.Store(true)
	return true
}

func (p *postgresMoney) close() { p.pool.Close() }

// postgresBatch is one open transaction of a writer.
type postgresBatch struct {
	*postgresMoney
	conn *pgxpool.Conn
	done bool
}

func (p *postgresMoney) begin(ctx context.Context, w wanted) (moneyTransaction, *loaded, error) {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, errors.Join(errNotReached, err)
	}
	b := &postgresBatch{postgresMoney: p, conn: conn}
	found, err := b.load(ctx, w)
	if err != nil {
		var answered *pgconn.PgError
		switch {
		case p.unprepared(err):
			b.drop()
			err = errors.Join(errAgain, err)
		case !errors.As(err, &answered) || goingDown(answered):
			err = errors.Join(errNotReached, err)
		}
		b.rollback()
		return nil, nil, err
	}
	return b, found, nil
}

// load reads what a batch wants in one trip, and locks it in one order: transactions, accounts, spending, allowances.
func (b *postgresBatch) load(ctx context.Context, w wanted) (*loaded, error) {
	found := &loaded{used: map[wallet.Nonce]bool{}, answers: map[[32]byte]keptAnswer{}}
	trip := &pgx.Batch{}
	trip.Queue("BEGIN")
	trip.Queue(byKeys)
	if len(w.nonces) > 0 {
		ts, fingerprints := nonceArrays(w.nonces)
		trip.Queue(selectNonces, ts, fingerprints).Query(func(rows pgx.Rows) error { return scanNonces(rows, found) })
	}
	if len(w.once) > 0 {
		keys := make([][]byte, len(w.once))
		for i, key := range w.once {
			keys[i] = key[:]
		}
		trip.Queue(selectAnswers, keys).Query(func(rows pgx.Rows) error { return scanAnswers(rows, found) })
	}
	if len(w.Transactions) > 0 {
		trip.Queue(lockTransactions, w.Transactions).Query(func(rows pgx.Rows) error { return scanTransactions(rows, found) })
	}
	if len(w.Accounts) > 0 {
		queueLock(trip, w.Accounts, found)
	}
	if len(w.Spenders) > 0 {
		kinds, ids := make([]string, len(w.Spenders)), make([]int64, len(w.Spenders))
		for i, who := range w.Spenders {
			kinds[i], ids[i] = who.Kind, who.ID
		}
		trip.Queue(lockSpent, kinds, ids).Query(func(rows pgx.Rows) error { return scanSpent(rows, found) })
	}
	if found.pins = make(map[int64][]byte, len(w.PINs)); len(w.PINs) > 0 {
		trip.Queue(selectPINs, w.PINs).Query(func(rows pgx.Rows) error { return scanPINs(rows, found) })
	}
	queueAllowances(trip, w, found)
	return found, b.conn.SendBatch(ctx, trip).Close()
}

func scanPINs(rows pgx.Rows, found *loaded) error {
	for rows.Next() {
		var user int64
		var hash []byte
		if err := rows.Scan(&user, &hash); err != nil {
			return err
		}
		found.pins[user] = hash
	}
	return rows.Err()
}

func nonceArrays(nonces []wallet.Nonce) (ts []int64, fingerprints [][]byte) {
	ts, fingerprints = make([]int64, len(nonces)), make([][]byte, len(nonces))
	for i := range nonces {
		ts[i], fingerprints[i] = nonces[i].TS, nonces[i].Fingerprint[:]
	}
	return ts, fingerprints
}

func scanNonces(rows pgx.Rows, found *loaded) error {
	var ts int64
	var fingerprint []byte
	_, err := pgx.ForEachRow(rows, []any{&ts, &fingerprint}, func() error {
		found.used[wallet.Nonce{Fingerprint: [16]byte(fingerprint), TS: ts}] = true
		return nil
	})
	return err
}

func scanAnswers(rows pgx.Rows, found *loaded) error {
	for rows.Next() {
		var key []byte
		var kept keptAnswer
		if err := rows.Scan(append([]any{&key}, kept.fields()...)...); err != nil {
			return err
		}
		found.answers[[32]byte(key)] = kept
	}
	return rows.Err()
}

func scanTransactions(rows pgx.Rows, found *loaded) error {
	for rows.Next() {
		var row transactionRow
		if err := rows.Scan(row.fields()...); err != nil {
			return err
		}
		t, err := row.transaction()
		if err != nil {
			return err
		}
		found.transactions = append(found.transactions, t)
	}
	return rows.Err()
}

func scanSpent(rows pgx.Rows, found *loaded) error {
	for rows.Next() {
		var s wallet.Spent
		var seconds, since int64
		if err := rows.Scan(&s.Kind, &s.ID, &s.Currency, &seconds, &since, &s.Minor); err != nil {
			return err
		}
		s.Within, s.Since = time.Duration(seconds)*time.Second, fromMicros(since)
		found.spent = append(found.spent, s)
	}
	return rows.Err()
}

func queueLock(trip *pgx.Batch, keys []ledger.Key, found *loaded) {
	purposes, wallets, currencies := make([]string, len(keys)), make([]int64, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		purposes[i], wallets[i], currencies[i] = string(key.Purpose), key.WalletID, string(key.Currency)
	}
	trip.Queue(lockAccounts, purposes, wallets, currencies).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var a ledger.Account
			if err := rows.Scan(&a.ID, &a.Purpose, &a.WalletID, &a.Currency, &a.Available, &a.Reserved, &a.CreditLimit,
				&a.LastEntry, &a.Entries, &a.Version); err != nil {
				return err
			}
			found.accounts = append(found.accounts, a)
		}
		return rows.Err()
	})
}

func (b *postgresBatch) commit(ctx context.Context, e effects) error {
	trip := &pgx.Batch{}
	if err := queueTransactions(trip, e.transactions); err != nil {
		return err
	}
	queueAccounts(trip, insertAccounts, e.created)
	queueAccounts(trip, updateAccounts, e.changed)
	queueEntries(trip, e)
	queueMarks(trip, e)
	if len(e.nonces) > 0 {
		ts, fingerprints := nonceArrays(e.nonces)
		trip.Queue(insertNonces, ts, fingerprints)
	}
	if len(e.leaves) > 0 {
		ids, hashes, records := leafArrays(e.leaves)
		trip.Queue(insertLeaves, ids, hashes, records)
	}
	for _, other := range e.others {
		trip.Queue(other.text, other.args...)
	}
	trip.Queue(updateWriter, e.writer, e.batch, micros(e.at))
	trip.Queue("COMMIT")
	results := b.conn.SendBatch(ctx, trip)
	var last pgconn.CommandTag
	var err error
	for range trip.Len() {
		if last, err = results.Exec(); err != nil {
			break
		}
	}
	err = errors.Join(err, results.Close())
	switch {
	case err == nil && last.String() == "COMMIT":
		b.done = true
		b.conn.Release()
		b.db.rememberTransactions(e.transactions)
		return nil
	case err == nil:
		return errors.New("store: the database answered a COMMIT with " + last.String())
	}
	var answered *pgconn.PgError
	switch {
	case b.unprepared(err):
		b.drop()
		return errors.Join(errAgain, err)
	case errors.As(err, &answered) && answered.Code == "23505": // unique violation
		// Another process made the same account, used the same nonce or gave a number twice: look again.
		return errors.Join(errAgain, err)
	case answered != nil && !goingDown(answered):
		return err
	}
	return &lostAnswer{batch: e.batch, cause: err}
}

// queueAccounts adds accounts, or changes them.
func queueAccounts(trip *pgx.Batch, query string, accounts []*ledger.Account) {
	if len(accounts) == 0 {
		return
	}
	n := len(accounts)
	purposes, currencies := make([]string, n), make([]string, n)
	var numbers [8][]int64
	for i := range numbers {
		numbers[i] = make([]int64, n)
	}
	for i, a := range accounts {
		purposes[i], currencies[i] = string(a.Purpose), string(a.Currency)
		for column, value := range [8]int64{a.ID, a.WalletID, a.Available, a.Reserved, a.CreditLimit, a.LastEntry, a.Entries, a.Version} {
			numbers[column][i] = value
		}
	}
	if query == insertAccounts {
		trip.Queue(query, numbers[0], purposes, numbers[1], currencies, numbers[2], numbers[3], numbers[4], numbers[5], numbers[6])
		return
	}
	trip.Queue(query, numbers[0], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7])
}

func queueEntries(trip *pgx.Batch, e effects) {
	n := len(e.entries)
	if n == 0 {
		return
	}
	kinds, details := make([]string, n), make([]string, n)
	var numbers [12][]int64
	for i := range numbers {
		numbers[i] = make([]int64, n)
	}
	for i, entry := range e.entries {
		kinds[i], details[i] = entry.Kind, entry.Details
		for column, value := range [12]int64{
			entry.ID, micros(entry.At), e.account[entry.Debit], e.account[entry.Credit], entry.Amount.Minor,
			entry.DebitAfter, entry.CreditAfter, entry.DebitPrevious, entry.CreditPrevious,
			int64(entry.From), int64(entry.To), entry.PaymentID,
		} {
			numbers[column][i] = value
		}
	}
	trip.Queue(insertEntries, numbers[0], numbers[1], kinds, numbers[2], numbers[3], numbers[4],
		numbers[5], numbers[6], numbers[7], numbers[8], details, numbers[9], numbers[10], numbers[11])
}

func queueMarks(trip *pgx.Batch, e effects) {
	if len(e.marks) == 0 {
		return
	}
	var numbers [4][]int64
	for _, m := range e.marks {
		for column, value := range [4]int64{e.account[m.account], m.number, m.entry, micros(m.at)} {
			numbers[column] = append(numbers[column], value)
		}
	}
	trip.Queue(insertMarks, numbers[0], numbers[1], numbers[2], numbers[3])
}

func queueTransactions(trip *pgx.Batch, e transactionEffects) error {
	for query, list := range map[string][]*wallet.Transaction{insertTransactions: e.created, updateTransactions: e.changed} {
		n := len(list)
		if n == 0 {
			continue
		}
		ids, statuses, documents, dues := make([]int64, n), make([]string, n), make([]string, n), make([]*int64, n)
		var numbers [7][]int64
		for i := range numbers {
			numbers[i] = make([]int64, n)
		}
		for i, t := range list {
			document, err := e.document(t)
			if err != nil {
				return err
			}
			ids[i], statuses[i], documents[i], dues[i] = t.ID, string(t.Status), document, dueOf(t)
			for column, value := range [7]int64{t.ClientID, t.ProjectID, t.LocationID, t.WalletID, micros(t.CreatedAt), t.Version, t.LastLeaf} {
				numbers[column][i] = value
			}
		}
		if query == insertTransactions {
			trip.Queue(query, ids, statuses, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], dues, documents, numbers[6])
		} else {
			trip.Queue(query, ids, statuses, numbers[3], dues, documents, numbers[5], numbers[6])
		}
	}
	queuePayments(trip, insertPayments, e.createdPayments)
	queuePayments(trip, updatePayments, e.changedPayments)
	return nil
}

func queuePayments(trip *pgx.Batch, query string, rows []paymentRow) {
	n := len(rows)
	if n == 0 {
		return
	}
	ids, transactions, projects, statuses := make([]int64, n), make([]int64, n), make([]int64, n), make([]string, n)
	payers, beneficiaries := make([]int64, n), make([]int64, n)
	for i, p := range rows {
		ids[i], transactions[i], projects[i], statuses[i], payers[i], beneficiaries[i] = p.id, p.transaction, p.project, string(p.status), p.payer, p.beneficiary
	}
	if query == insertPayments {
		trip.Queue(query, ids, transactions, projects, statuses, payers, beneficiaries)
		return
	}
	trip.Queue(query, ids, transactions, statuses, payers, beneficiaries)
}

// drop closes the connection, and with it the transaction.
func (b *postgresBatch) drop() {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	b.conn.Conn().Close(ctx)
}

// rollback ends the transaction; a connection that does not answer is thrown away.
func (b *postgresBatch) rollback() {
	if b.done {
		return
	}
	b.done = true
	defer b.conn.Release()
	if b.conn.Conn().IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	if _, err := b.conn.Exec(ctx, "ROLLBACK"); err != nil {
		b.conn.Conn().Close(ctx)
	}
}

// goingDown says that the server ended the connection by itself, or does not know either: what
// became of a COMMIT that it had already read is not known from that.
func goingDown(err *pgconn.PgError) bool {
	return strings.HasPrefix(err.Code, "57P") || strings.HasPrefix(err.Code, "08") || err.Code == "40003" ||
		err.SeverityUnlocalized == "FATAL" || err.SeverityUnlocalized == "PANIC"
}

func (p *postgresMoney) committed(ctx context.Context, writer, batch int64, at time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var last int64
	err := p.pool.QueryRow(ctx, settleWriter, writer, batch, micros(at)).Scan(&last)
	return last == batch, err
}

// insertArrays is insert in PostgreSQL.
func (tx *Tx) insertArrays(into string, r *rowsToInsert, conflict string) error {
	width := len(r.types)
	columns, arrays := make([]any, width), make([]string, width)
	for c := range columns {
		column := make([]any, 0, len(r.values)/width)
		for at := c; at < len(r.values); at += width {
			column = append(column, r.values[at])
		}
		columns[c] = column
		arrays[c] = "CAST($" + strconv.Itoa(c+1) + " AS " + r.types[c] + "[])"
	}
	_, err := tx.exec(into+`SELECT * FROM unnest(`+strings.Join(arrays, ", ")+`)`+conflict, columns...)
	return err
}

// placesHeld says whether another transaction holds the row that all take who alter places, and takes it where none does. In SQLite there is
// no other transaction.
func (tx *Tx) placesHeld() (bool, error) {
	if !tx.db.postgres {
		return false, nil
	}
	var seq int64
	err := tx.queryRow(tx.ctx, `SELECT seq FROM place_changes WHERE id = 1 FOR UPDATE SKIP LOCKED`).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	return false, err
}
