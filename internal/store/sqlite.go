package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
)

// keptAccounts and keptTransactions bound what the SQLite writer remembers.
const keptAccounts, keptTransactions = 20_000, 2_000

// sqliteMoney writes money batches on the one connection that may write. Since no other
// process writes to the file, it remembers the accounts it has seen, and the transactions of the directory.
type sqliteMoney struct {
	db       *DB
	known    map[ledger.Key]ledger.Account
	prepared map[string]*sql.Stmt
}

// The statements of every batch.
const (
	selectAccount = `SELECT id, available, reserved, credit_limit, last_entry, entries, version FROM accounts
		WHERE purpose = $1 AND wallet_id = $2 AND currency = $3`
	insertAccount = `INSERT INTO accounts (purpose, wallet_id, currency, id, available, reserved, credit_limit, last_entry, entries, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)`
	updateAccount = `UPDATE accounts SET available = $2, reserved = $3, credit_limit = $4, last_entry = $5, entries = $6, version = version + 1
		WHERE id = $1 AND version = $7`
	insertEntry = `INSERT INTO entries (id, at, kind, debit_account, credit_account, minor, debit_after, credit_after,
		debit_previous, credit_previous, details, debit_part, credit_part, payment_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	insertMark        = `INSERT INTO entry_marks (account_id, number, entry_id, at) VALUES ($1, $2, $3, $4)`
	claimNonce        = `INSERT INTO claimed_nonces (ts, fingerprint) VALUES ($1, $2) ON CONFLICT (ts, fingerprint) DO NOTHING`
	dropNonce         = `DELETE FROM claimed_nonces WHERE ts = $1 AND fingerprint = $2`
	selectAnswer      = `SELECT request, body, sealed, at FROM answers WHERE key = $1`
	selectTransaction = `SELECT ` + transactionColumns + ` FROM transactions WHERE id = $1`
	insertTransaction = `INSERT INTO transactions (id, version, status, client_id, project_id, location_id, wallet_id, created_at, due_at, document, last_leaf)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	updateTransaction = `UPDATE transactions SET version = version + 1, status = $2, wallet_id = $3, due_at = $4, document = $5, last_leaf = $7 WHERE id = $1 AND version = $6`
	insertPayment     = `INSERT INTO payments (id, transaction_id, project_id, status, wallet_id, beneficiary_id) VALUES ($1, $2, $3, $4, $5, $6)`
	updatePayment     = `UPDATE payments SET transaction_id = $2, status = $3, wallet_id = $4, beneficiary_id = $5 WHERE id = $1`
	selectSpent       = `SELECT currency, seconds, since, minor FROM spending WHERE holder = $1 AND holder_id = $2`
	selectPIN         = `SELECT pin_hash FROM users WHERE id = $1`
	updateBatch       = `UPDATE writers SET last_batch = $2, seen_at = $3 WHERE id = $1`
)

func newSQLiteMoney(ctx context.Context, db *DB) (*sqliteMoney, error) {
	s := &sqliteMoney{
		db: db, known: map[ledger.Key]ledger.Account{}, prepared: map[string]*sql.Stmt{},
	}
	for _, query := range []string{
		selectAccount, insertAccount, updateAccount, insertEntry, insertMark, claimNonce, dropNonce, selectAnswer, selectTransaction,
		insertTransaction, updateTransaction, insertPayment, updatePayment, selectSpent, selectPIN, updateBatch, insertTallyChanges, insertLeaf, insertSomeLeaves,
		selectAllowance, selectLastAllowance,
	} {
		statement, err := db.write.PrepareContext(ctx, db.text(query))
		if err != nil {
			return nil, err
		}
		s.prepared[query] = statement
	}
	return s, nil
}

func (s *sqliteMoney) close() {
	for _, statement := range s.prepared {
		statement.Close()
	}
}

// forget drops what is remembered: it may be what was wrong.
func (s *sqliteMoney) forget() {
	clear(s.known)
	s.db.directory.transactions.Purge()
}

// sqliteBatch is one open transaction of the writer.
type sqliteBatch struct {
	*sqliteMoney
	ctx  context.Context
	conn *sql.Conn
	tx   *sql.Tx
	used map[string]*sql.Stmt
	// claimed are the nonces that this batch has claimed beforehand.
	claimed []wallet.Nonce
	done    bool
}

func (s *sqliteMoney) begin(ctx context.Context, w wanted) (moneyTransaction, *loaded, error) {
	conn, err := s.db.write.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	// From here on nothing waits for anybody, and a batch is short. A context that can end would cost a goroutine
	// for each of its statements.
	ctx = context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	batch := &sqliteBatch{sqliteMoney: s, ctx: ctx, conn: conn, tx: tx, used: make(map[string]*sql.Stmt, len(s.prepared))}
	found, err := batch.load(w)
	if err != nil {
		batch.rollback()
	}
	return batch, found, err
}

// statement is one of the prepared ones, in this transaction.
func (b *sqliteBatch) statement(query string) *sql.Stmt {
	b.db.statements.Add(1)
	statement := b.used[query]
	if statement == nil {
		statement = b.tx.StmtContext(b.ctx, b.prepared[query])
		b.used[query] = statement
	}
	return statement
}

// run runs one of the prepared statements and returns how many rows it changed.
func (b *sqliteBatch) run(query string, args ...any) (int64, error) {
	result, err := b.statement(query).ExecContext(b.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// one is run where exactly one row must change.
func (b *sqliteBatch) one(query string, args ...any) error {
	n, err := b.run(query, args...)
	if err == nil && n != 1 {
		err = errors.New("store: a row is not what this process remembers of it; does another process write to the file?")
	}
	return err
}

func (b *sqliteBatch) load(w wanted) (*loaded, error) {
	found := &loaded{
		accounts: make([]ledger.Account, 0, len(w.Accounts)), used: map[wallet.Nonce]bool{}, answers: map[[32]byte]keptAnswer{},
	}
	for _, nonce := range w.nonces {
		n, err := b.run(claimNonce, nonce.TS, nonce.Fingerprint[:])
		if err != nil {
			return nil, err
		}
		if n == 0 {
			found.used[nonce] = true
		} else {
			b.claimed = append(b.claimed, nonce)
		}
	}
	for _, key := range w.once {
		var kept keptAnswer
		err := b.statement(selectAnswer).QueryRowContext(b.ctx, key[:]).Scan(kept.fields()...)
		switch {
		case err == nil:
			found.answers[key] = kept
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
	}
	return found, errors.Join(b.loadTransactions(w, found), b.loadAccounts(w, found), b.loadSpent(w, found), b.loadPINs(w, found), b.loadAllowances(w, found))
}

func (b *sqliteBatch) loadPINs(w wanted, found *loaded) error {
	found.pins = make(map[int64][]byte, len(w.PINs))
	for _, user := range w.PINs {
		var hash []byte
		if err := b.statement(selectPIN).QueryRowContext(b.ctx, user).Scan(&hash); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		found.pins[user] = hash
	}
	return nil
}

func (b *sqliteBatch) loadAccounts(w wanted, found *loaded) error {
	for _, key := range w.Accounts {
		if account, ok := b.known[key]; ok {
			found.accounts = append(found.accounts, account)
			continue
		}
		account := ledger.Account{Key: key}
		err := b.statement(selectAccount).QueryRowContext(b.ctx, key.Purpose, key.WalletID, key.Currency).
			Scan(&account.ID, &account.Available, &account.Reserved, &account.CreditLimit, &account.LastEntry, &account.Entries, &account.Version)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		found.accounts = append(found.accounts, account)
	}
	return nil
}

func (b *sqliteBatch) loadTransactions(w wanted, found *loaded) error {
	for _, id := range w.Transactions {
		if t, ok := b.db.directory.transactions.Get(id); ok {
			found.transactions = append(found.transactions, t)
			continue
		}
		var row transactionRow
		err := b.statement(selectTransaction).QueryRowContext(b.ctx, id).Scan(row.fields()...)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		t, err := row.transaction()
		if err != nil {
			return err
		}
		found.transactions = append(found.transactions, t)
	}
	return nil
}

func (b *sqliteBatch) loadSpent(w wanted, found *loaded) error {
	for _, who := range w.Spenders {
		rows, err := b.statement(selectSpent).QueryContext(b.ctx, who.Kind, who.ID)
		spent, err := collect(rows, err, scanSpentOf(who))
		if err != nil {
			return err
		}
		found.spent = append(found.spent, spent...)
	}
	return nil
}

func (b *sqliteBatch) commit(ctx context.Context, e effects) error {
	if err := b.write(e); err != nil {
		b.forget()
		return err
	}
	if err := b.tx.Commit(); err != nil {
		b.forget()
		// Whether it reached the disk is for the next connection to find out; this one may
		// still hold the transaction and must not be used again.
		b.conn.Raw(func(any) error { return driver.ErrBadConn })
		switch {
		case diskFailed(err):
			return b.db.breakDown(err)
		case diskFull(err):
			return err // nothing of it was written that counts
		}
		return &lostAnswer{batch: e.batch, cause: err}
	}
	b.done = true
	b.conn.Close()
	b.remember(e)
	return nil
}

// remember keeps what was written, as it is now.
func (b *sqliteBatch) remember(e effects) {
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
	b.db.rememberTransactions(e.transactions)
}

func (b *sqliteBatch) write(e effects) error {
	for _, a := range e.created {
		if err := b.one(insertAccount, a.Purpose, a.WalletID, a.Currency, a.ID, a.Available, a.Reserved, a.CreditLimit, a.LastEntry, a.Entries); err != nil {
			return err
		}
	}
	for _, a := range e.changed {
		if err := b.one(updateAccount, a.ID, a.Available, a.Reserved, a.CreditLimit, a.LastEntry, a.Entries, a.Version); err != nil {
			return err
		}
	}
	for i := range e.entries {
		n := &e.entries[i]
		err := b.one(insertEntry, n.ID, micros(n.At), n.Kind, e.account[n.Debit], e.account[n.Credit], n.Amount.Minor,
			n.DebitAfter, n.CreditAfter, n.DebitPrevious, n.CreditPrevious, n.Details, int64(n.From), int64(n.To), n.PaymentID)
		if err != nil {
			return err
		}
	}
	for _, m := range e.marks {
		if err := b.one(insertMark, e.account[m.account], m.number, m.entry, micros(m.at)); err != nil {
			return err
		}
	}
	if err := b.writeTransactions(e.transactions); err != nil {
		return err
	}
	if err := b.writeLeaves(e.leaves); err != nil {
		return err
	}
	for _, other := range e.others {
		if b.prepared[other.text] != nil {
			if err := b.one(other.text, other.args...); err != nil {
				return err
			}
			continue
		}
		b.db.statements.Add(1)
		if _, err := b.tx.ExecContext(b.ctx, b.db.text(other.text), other.args...); err != nil {
			return err
		}
	}
	for _, nonce := range b.claimed {
		// A command that was refused, or has to look at more, may come again in another batch.
		if !slices.Contains(e.nonces, nonce) {
			if err := b.one(dropNonce, nonce.TS, nonce.Fingerprint[:]); err != nil {
				return err
			}
		}
	}
	return b.one(updateBatch, e.writer, e.batch, micros(e.at))
}

func (b *sqliteBatch) writeTransactions(e transactionEffects) error {
	for _, t := range e.created {
		document, err := e.document(t)
		if err != nil {
			return err
		}
		if err := b.one(insertTransaction, t.ID, t.Status, t.ClientID, t.ProjectID, t.LocationID, t.WalletID, micros(t.CreatedAt), dueOf(t), document, t.LastLeaf); err != nil {
			return err
		}
	}
	for _, t := range e.changed {
		document, err := e.document(t)
		if err != nil {
			return err
		}
		if err := b.one(updateTransaction, t.ID, t.Status, t.WalletID, dueOf(t), document, t.Version, t.LastLeaf); err != nil {
			return err
		}
	}
	for _, p := range e.createdPayments {
		if err := b.one(insertPayment, p.id, p.transaction, p.project, p.status, p.payer, p.beneficiary); err != nil {
			return err
		}
	}
	for _, p := range e.changedPayments {
		if err := b.one(updatePayment, p.id, p.transaction, p.status, p.payer, p.beneficiary); err != nil {
			return err
		}
	}
	return nil
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
