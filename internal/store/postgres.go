package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/purserhq/purser/internal/ledger"
)

// postgresMoney writes money batches in two pipelined round trips each: one locks and reads
// the accounts in the order of their ids, one writes everything and commits. Several processes
// may do so on one database. These statements are the only ones whose text differs from
// SQLite's (design: store).
type postgresMoney struct{ pool *pgxpool.Pool }

const (
	lockAccounts = `SELECT a.id, a.purpose, a.wallet_id, a.currency, a.available, a.reserved, a.credit_limit, a.last_entry, a.version
		FROM accounts a
		JOIN unnest(CAST($1 AS TEXT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[])) AS k (purpose, wallet_id, currency)
			ON a.purpose = k.purpose AND a.wallet_id = k.wallet_id AND a.currency = k.currency
		ORDER BY a.id FOR UPDATE OF a`
	insertAccounts = `INSERT INTO accounts (id, purpose, wallet_id, currency, available, reserved, credit_limit, last_entry, version)
		SELECT k.id, k.purpose, k.wallet_id, k.currency, k.available, k.reserved, 0, k.last_entry, 1
		FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS TEXT[]),
			CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]))
			AS k (id, purpose, wallet_id, currency, available, reserved, last_entry)
		ORDER BY k.purpose, k.wallet_id, k.currency`
	// A version that is not the one that was read makes version NULL, which the column refuses,
	// so that the COMMIT behind it in the pipeline rolls back.
	updateAccounts = `UPDATE accounts a SET available = k.available, reserved = k.reserved, last_entry = k.last_entry,
			version = CASE WHEN a.version = k.version THEN k.version + 1 END
		FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), CAST($5 AS BIGINT[]))
			AS k (id, available, reserved, last_entry, version)
		WHERE a.id = k.id`
	insertEntries = `INSERT INTO entries (id, at, kind, debit_account, credit_account, minor, debit_after, credit_after,
			debit_previous, credit_previous, details)
		SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS TEXT[]), CAST($4 AS BIGINT[]),
			CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]), CAST($8 AS BIGINT[]),
			CAST($9 AS BIGINT[]), CAST($10 AS BIGINT[]), CAST($11 AS TEXT[]))`
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

func newPostgresMoney(ctx context.Context, address string, connections int) (*postgresMoney, error) {
	connection, err := postgresConfig(address)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the postgres:// address cannot be read")
	}
	config.ConnConfig = connection
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &postgresMoney{pool: pool}, nil
}

func (p *postgresMoney) close() { p.pool.Close() }

// postgresBatch is one open transaction of a writer.
type postgresBatch struct {
	conn *pgxpool.Conn
	done bool
}

func (p *postgresMoney) begin(ctx context.Context, keys []ledger.Key) (moneyTransaction, []ledger.Account, error) {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, errors.Join(errNotReached, err)
	}
	b := &postgresBatch{conn: conn}
	existing, err := b.lock(ctx, keys)
	if err != nil {
		b.rollback()
		var answered *pgconn.PgError
		if !errors.As(err, &answered) || goingDown(answered) {
			err = errors.Join(errNotReached, err)
		}
		return nil, nil, err
	}
	return b, existing, nil
}

func (b *postgresBatch) lock(ctx context.Context, keys []ledger.Key) ([]ledger.Account, error) {
	purposes, wallets, currencies := make([]string, len(keys)), make([]int64, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		purposes[i], wallets[i], currencies[i] = string(key.Purpose), key.WalletID, string(key.Currency)
	}
	trip := &pgx.Batch{}
	trip.Queue("BEGIN")
	trip.Queue(lockAccounts, purposes, wallets, currencies)
	results := b.conn.SendBatch(ctx, trip)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	existing, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a ledger.Account, err error) {
		err = row.Scan(&a.ID, &a.Purpose, &a.WalletID, &a.Currency, &a.Available, &a.Reserved, &a.CreditLimit, &a.LastEntry, &a.Version)
		return a, err
	})
	return existing, errors.Join(err, results.Close())
}

func (b *postgresBatch) commit(ctx context.Context, e effects) error {
	trip := &pgx.Batch{}
	if len(e.created) > 0 {
		queueCreated(trip, e.created)
	}
	if len(e.changed) > 0 {
		queueChanged(trip, e.changed)
	}
	queueEntries(trip, e)
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
		return nil
	case err == nil:
		return errors.New("store: the database answered a COMMIT with " + last.String())
	}
	var answered *pgconn.PgError
	switch {
	case errors.As(err, &answered) && answered.Code == "23505": // unique violation
		// Another process made the same account, or gave a number twice: look again.
		return errors.Join(errAgain, err)
	case answered != nil && !goingDown(answered):
		return err
	}
	return &lostAnswer{batch: e.batch, cause: err}
}

func queueCreated(trip *pgx.Batch, accounts []*ledger.Account) {
	n := len(accounts)
	ids, purposes, wallets, currencies := make([]int64, n), make([]string, n), make([]int64, n), make([]string, n)
	available, reserved, last := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, a := range accounts {
		ids[i], purposes[i], wallets[i], currencies[i] = a.ID, string(a.Purpose), a.WalletID, string(a.Currency)
		available[i], reserved[i], last[i] = a.Available, a.Reserved, a.LastEntry
	}
	trip.Queue(insertAccounts, ids, purposes, wallets, currencies, available, reserved, last)
}

func queueChanged(trip *pgx.Batch, accounts []*ledger.Account) {
	n := len(accounts)
	ids, available, reserved := make([]int64, n), make([]int64, n), make([]int64, n)
	last, versions := make([]int64, n), make([]int64, n)
	for i, a := range accounts {
		ids[i], available[i], reserved[i], last[i], versions[i] = a.ID, a.Available, a.Reserved, a.LastEntry, a.Version
	}
	trip.Queue(updateAccounts, ids, available, reserved, last, versions)
}

func queueEntries(trip *pgx.Batch, e effects) {
	n := len(e.entries)
	kinds, details := make([]string, n), make([]string, n)
	var numbers [9][]int64
	for i := range numbers {
		numbers[i] = make([]int64, n)
	}
	for i, entry := range e.entries {
		kinds[i], details[i] = entry.Kind, entry.Details
		for column, value := range [9]int64{
			entry.ID, micros(entry.At), e.account[entry.Debit], e.account[entry.Credit], entry.Amount.Minor,
			entry.DebitAfter, entry.CreditAfter, entry.DebitPrevious, entry.CreditPrevious,
		} {
			numbers[column][i] = value
		}
	}
	trip.Queue(insertEntries, numbers[0], numbers[1], kinds, numbers[2], numbers[3], numbers[4],
		numbers[5], numbers[6], numbers[7], numbers[8], details)
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
