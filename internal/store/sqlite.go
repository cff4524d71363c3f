package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/purserhq/purser/internal/ledger"
)

// keptAccounts bounds the accounts that the SQLite writer remembers.
const keptAccounts = 100_000

// sqliteMoney writes money batches on the one connection that may write. Since no other
// process writes to the file, it remembers the accounts it has seen.
type sqliteMoney struct {
	db    *DB
	known map[ledger.Key]ledger.Account

	selectAccount, insertAccount, updateAccount, insertEntry, updateWriter *sql.Stmt
}

func newSQLiteMoney(ctx context.Context, db *DB) (*sqliteMoney, error) {
	s := &sqliteMoney{db: db, known: map[ledger.Key]ledger.Account{}}
	for statement, query := range map[**sql.Stmt]string{
		&s.selectAccount: `SELECT id, available, reserved, credit_limit, last_entry, version FROM accounts
			WHERE purpose = $1 AND wallet_id = $2 AND currency = $3`,
		&s.insertAccount: `INSERT INTO accounts (purpose, wallet_id, currency, id, available, reserved, credit_limit, last_entry, version)
			VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 1)`,
		&s.updateAccount: `UPDATE accounts SET available = $2, reserved = $3, last_entry = $4, version = version + 1
			WHERE id = $1 AND version = $5`,
		&s.insertEntry: `INSERT INTO entries (id, at, kind, debit_account, credit_account, minor, debit_after, credit_after,
			debit_previous, credit_previous, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		&s.updateWriter: `UPDATE writers SET last_batch = $2, seen_at = $3 WHERE id = $1`,
	} {
		var err error
		if *statement, err = db.write.PrepareContext(ctx, db.text(query)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *sqliteMoney) close() {
	for _, statement := range []*sql.Stmt{s.selectAccount, s.insertAccount, s.updateAccount, s.insertEntry, s.updateWriter} {
		statement.Close()
	}
}

// sqliteBatch is one open transaction of the writer.
type sqliteBatch struct {
	*sqliteMoney
	conn *sql.Conn
	tx   *sql.Tx
	done bool
}

func (s *sqliteMoney) begin(ctx context.Context, keys []ledger.Key) (moneyTransaction, []ledger.Account, error) {
	conn, err := s.db.write.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	batch := &sqliteBatch{sqliteMoney: s, conn: conn, tx: tx}
	existing, err := batch.load(ctx, keys)
	if err != nil {
		batch.rollback()
	}
	return batch, existing, err
}

func (b *sqliteBatch) load(ctx context.Context, keys []ledger.Key) ([]ledger.Account, error) {
	existing := make([]ledger.Account, 0, len(keys))
	var statement *sql.Stmt
	for _, key := range keys {
		if account, ok := b.known[key]; ok {
			existing = append(existing, account)
			continue
		}
		if statement == nil {
			statement = b.tx.StmtContext(ctx, b.selectAccount)
		}
		account := ledger.Account{Key: key}
		b.db.statements.Add(1)
		err := statement.QueryRowContext(ctx, key.Purpose, key.WalletID, key.Currency).
			Scan(&account.ID, &account.Available, &account.Reserved, &account.CreditLimit, &account.LastEntry, &account.Version)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		existing = append(existing, account)
	}
	return existing, nil
}

func (b *sqliteBatch) commit(ctx context.Context, e effects) error {
	if err := b.write(ctx, e); err != nil {
		clear(b.known) // it may be what was wrong
		return err
	}
	if err := b.tx.Commit(); err != nil {
		clear(b.known)
		// Whether it reached the disk is for the next connection to find out; this one may
		// still hold the transaction and must not be used again.
		b.conn.Raw(func(any) error { return driver.ErrBadConn })
		return &lostAnswer{batch: e.batch, cause: err}
	}
	b.done = true
	b.conn.Close()
	if len(b.known) > keptAccounts {
		clear(b.known)
	}
	for _, account := range e.created {
		account.Version = 1
		b.known[account.Key] = *account
	}
	for _, account := range e.changed {
		account.Version++
		b.known[account.Key] = *account
	}
	return nil
}

func (b *sqliteBatch) write(ctx context.Context, e effects) error {
	run := func(statement *sql.Stmt, args ...any) error {
		b.db.statements.Add(1)
		result, err := statement.ExecContext(ctx, args...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, errors.New("store: an account is not what this process remembers of it; does another process write to the file?"))
		}
		return nil
	}
	insertAccount := b.tx.StmtContext(ctx, b.insertAccount)
	for _, a := range e.created {
		if err := run(insertAccount, a.Purpose, a.WalletID, a.Currency, a.ID, a.Available, a.Reserved, a.LastEntry); err != nil {
			return err
		}
	}
	updateAccount := b.tx.StmtContext(ctx, b.updateAccount)
	for _, a := range e.changed {
		if err := run(updateAccount, a.ID, a.Available, a.Reserved, a.LastEntry, a.Version); err != nil {
			return err
		}
	}
	insertEntry := b.tx.StmtContext(ctx, b.insertEntry)
	for _, n := range e.entries {
		err := run(insertEntry, n.ID, micros(n.At), n.Kind, e.account[n.Debit], e.account[n.Credit], n.Amount.Minor,
			n.DebitAfter, n.CreditAfter, n.DebitPrevious, n.CreditPrevious, n.Details)
		if err != nil {
			return err
		}
	}
	return run(b.tx.StmtContext(ctx, b.updateWriter), e.writer, e.batch, micros(e.at))
}

// rollback ends the transaction. Nothing of it was remembered, unless commit failed.
func (b *sqliteBatch) rollback() {
	if b.done {
		return
	}
	b.done = true
	b.tx.Rollback()
	b.conn.Close()
}

func (s *sqliteMoney) committed(ctx context.Context, writer, batch int64, _ time.Time) (bool, error) {
	var last int64
	err := s.db.queryRow(ctx, s.db.read, `SELECT last_batch FROM writers WHERE id = $1`, writer).Scan(&last)
	return last == batch, err
}
