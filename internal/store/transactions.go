package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// transactionColumns are how a transaction is read, in the order of transactionRow.
const transactionColumns = `id, version, status, client_id, project_id, location_id, wallet_id, created_at, last_leaf, document`

// transactionRow is a transaction as it is read.
type transactionRow struct {
	t        wallet.Transaction
	at       int64
	document []byte
}

func (r *transactionRow) fields() []any {
	t := &r.t
	return []any{&t.ID, &t.Version, &t.Status, &t.ClientID, &t.ProjectID, &t.LocationID, &t.WalletID, &r.at, &t.LastLeaf, &r.document}
}

func (r *transactionRow) transaction() (*wallet.Transaction, error) {
	if err := json.Unmarshal(r.document, &r.t); err != nil {
		return nil, fmt.Errorf("transaction %d cannot be read: %w", r.t.ID, err)
	}
	r.t.CreatedAt = fromMicros(r.at)
	return &r.t, nil
}

// documentOf is what of a transaction stands in no column.
func documentOf(t *wallet.Transaction) (string, error) {
	raw, err := json.Marshal(t)
	return string(raw), err
}

// dueOf is when something is to be done about it, nil for never.
func dueOf(t *wallet.Transaction) *int64 {
	due := t.Due()
	if due.IsZero() {
		return nil
	}
	at := micros(due)
	return &at
}

func (db *DB) transactionsWhere(ctx context.Context, condition string, args ...any) ([]*wallet.Transaction, error) {
	return db.transactionsIn(ctx, db.read, condition, args...)
}

func (db *DB) transactionsIn(ctx context.Context, q querier, condition string, args ...any) ([]*wallet.Transaction, error) {
	rows, err := db.query(ctx, q, `SELECT `+transactionColumns+` FROM transactions t WHERE `+condition, args...)
	return collect(rows, err, func(rows *sql.Rows) (*wallet.Transaction, error) {
		var r transactionRow
		if err := rows.Scan(r.fields()...); err != nil {
			return nil, err
		}
		return r.transaction()
	})
}

// Transaction returns a transaction as it was committed last; nil when there is none.
func (db *DB) Transaction(ctx context.Context, id int64) (*wallet.Transaction, error) {
	found, err := db.transactionsWhere(ctx, `id = $1`, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// TransactionsByID returns transactions as they were committed last, by number, in one query; those that do not exist are
// left out. A number may be given more than once. The list is short.
func (db *DB) TransactionsByID(ctx context.Context, ids []int64) (map[int64]*wallet.Transaction, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	byID := make(map[int64]*wallet.Transaction, len(ids))
	if len(ids) == 0 {
		return byID, nil
	}
	found, err := db.transactionsWhere(ctx, `id IN (`+parameters(1, len(ids))+`)`, anys(ids)...)
	for _, t := range found {
		byID[t.ID] = t
	}
	return byID, err
}

// rememberTransactions keeps what was committed.
func (db *DB) rememberTransactions(e transactionEffects) {
	for _, t := range e.created {
		t.Version = 1
		db.directory.transactions.Add(t.ID, t)
	}
	for _, t := range e.changed {
		t.Version++
		db.directory.transactions.Add(t.ID, t)
	}
}

// TransactionOnce returns a transaction as it is or once was: good for what never changes of it, and to know what a
// command will need. From memory, as a rule; shared, never to be changed. nil when there is none.
func (db *DB) TransactionOnce(ctx context.Context, id int64) (*wallet.Transaction, error) {
	if t, ok := db.directory.transactions.Get(id); ok {
		return t, nil
	}
	return db.Transaction(ctx, id)
}

// TransactionOfPayment returns the number of the transaction that a payment is in; 0 when there is no such payment.
func (db *DB) TransactionOfPayment(ctx context.Context, payment int64) (id int64, err error) {
	found, err := db.TransactionsOfPayments(ctx, []int64{payment})
	return found[payment], err
}

// TransactionsOfPayments is the same for many, by payment; those that do not exist are left out.
func (db *DB) TransactionsOfPayments(ctx context.Context, payments []int64) (map[int64]int64, error) {
	found := make(map[int64]int64, len(payments))
	if len(payments) == 0 {
		return found, nil
	}
	rows, err := db.query(ctx, db.read, `SELECT id, transaction_id FROM payments WHERE id IN (`+parameters(1, len(payments))+`)`, anys(payments)...)
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var payment, transaction int64
		err := rows.Scan(&payment, &transaction)
		found[payment] = transaction
		return struct{}{}, err
	})
	return found, err
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// TransactionFilter says which transactions, or payments, a list is of. Empty fields do not filter, save
// Projects: a list is always of some.
type TransactionFilter struct {
	Projects []int64
	// Apart are those of Projects of which only what ClientID made is listed.
	Apart           []int64
	ClientID        int64
	Statuses        []wallet.TransactionStatus
	PaymentStatuses []wallet.PaymentStatus
	WalletID        int64
	LocationID      int64
	From, To        time.Time
	Ascending       bool
	Limit, Offset   int
	// BeneficiaryID is the wallet that is paid; NoBeneficiary lists payments whose beneficiary is not known.
	BeneficiaryID int64
	NoBeneficiary bool
}

// seen narrows a list to what the caller may see of the projects; made is a condition with the client's number.
func (f *TransactionFilter) seen(c *conditions, made string) {
	c.ids("project_id", f.Projects)
	if len(f.Apart) > 0 {
		c.ids("project_id NOT", f.Apart)
		last := len(c.text) - 1
		c.add("("+c.text[last]+" OR "+made+")", f.ClientID)
		c.text = slices.Delete(c.text, last, last+1)
	}
}

// conditions builds a WHERE clause.
type conditions struct {
	text []string
	args []any
}

func (c *conditions) add(text string, args ...any) {
	for i := range args {
		text = strings.Replace(text, "?", fmt.Sprint("$", len(c.args)+1+i), 1)
	}
	c.text, c.args = append(c.text, text), append(c.args, args...)
}

// in adds column IN (…); nothing where the list is empty.
func in[T any](c *conditions, column string, list []T) {
	if len(list) == 0 {
		return
	}
	c.text = append(c.text, column+` IN (`+parameters(len(c.args)+1, len(list))+`)`)
	for _, v := range list {
		c.args = append(c.args, fmt.Sprint(v))
	}
}

func (c *conditions) where() string { return strings.Join(c.text, " AND ") }

func (c *conditions) ids(column string, list []int64) {
	c.text = append(c.text, column+` IN (`+parameters(len(c.args)+1, len(list))+`)`)
	c.args = append(c.args, anys(list)...)
}

// Transactions returns a page of transactions, newest first, and how many there are in all.
func (db *DB) Transactions(ctx context.Context, f TransactionFilter) (found []*wallet.Transaction, total int, err error) {
	if len(f.Projects) == 0 {
		return nil, 0, nil
	}
	var c conditions
	f.seen(&c, "client_id = ?")
	in(&c, "status", f.Statuses)
	if f.WalletID != 0 {
		c.add("wallet_id = ?", f.WalletID)
	}
	if f.LocationID != 0 {
		c.add("location_id = ?", f.LocationID)
	}
	if !f.From.IsZero() {
		c.add("created_at >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		c.add("created_at < ?", micros(f.To))
	}
	order := " ORDER BY created_at DESC, id DESC" // several writers number them, each out of a block of its own
	if f.Ascending {
		order = " ORDER BY created_at, id"
	}
	page := fmt.Sprintf("%s%s LIMIT %d OFFSET %d", c.where(), order, f.Limit, f.Offset)
	err = db.inSnapshot(ctx, func(q querier) error {
		if err := db.queryRow(ctx, q, `SELECT count(*) FROM transactions WHERE `+c.where(), c.args...).Scan(&total); err != nil {
			return err
		}
		found, err = db.transactionsIn(ctx, q, page, c.args...)
		return err
	})
	return found, total, err
}

// Payments returns the numbers of a page of payments with those of their transactions, the largest first, and how
// many there are in all.
func (db *DB) Payments(ctx context.Context, f TransactionFilter) (ids [][2]int64, total int, err error) {
	if len(f.Projects) == 0 {
		return nil, 0, nil
	}
	var c conditions
	f.seen(&c, "transaction_id IN (SELECT id FROM transactions WHERE client_id = ?)")
	in(&c, "status", f.PaymentStatuses)
	if f.WalletID != 0 {
		c.add("wallet_id = ?", f.WalletID)
	}
	if f.BeneficiaryID != 0 {
		c.add("beneficiary_id = ?", f.BeneficiaryID)
	} else if f.NoBeneficiary {
		c.add("beneficiary_id = 0")
	}
	err = db.inSnapshot(ctx, func(q querier) error {
		if err := db.queryRow(ctx, q, `SELECT count(*) FROM payments WHERE `+c.where(), c.args...).Scan(&total); err != nil {
			return err
		}
		rows, err := db.query(ctx, q, fmt.Sprintf(`SELECT id, transaction_id FROM payments WHERE %s ORDER BY id DESC LIMIT %d OFFSET %d`,
			c.where(), f.Limit, f.Offset), c.args...)
		ids, err = collect(rows, err, func(rows *sql.Rows) (pair [2]int64, err error) {
			err = rows.Scan(&pair[0], &pair[1])
			return pair, err
		})
		return err
	})
	return ids, total, err
}

// OpenTransactions returns those that hold, or wait for, a wallet's money, oldest first.
func (db *DB) OpenTransactions(ctx context.Context, walletID int64) ([]*wallet.Transaction, error) {
	return db.transactionsWhere(ctx, `wallet_id = $1 AND status IN ('waiting_funds', 'waiting_registration', 'waiting_password', 'reserved') ORDER BY id`, walletID)
}

// IncomingTransactions returns those with payments that are on their way to a wallet, oldest first.
func (db *DB) IncomingTransactions(ctx context.Context, walletID int64) ([]*wallet.Transaction, error) {
	return db.transactionsWhere(ctx, `id IN (SELECT transaction_id FROM payments
		WHERE beneficiary_id = $1 AND status IN ('waiting_registration', 'waiting_password', 'reserved', 'confirmed')) ORDER BY id`, walletID)
}

// DueTransactions returns the numbers of some whose time has come, earliest first.
func (db *DB) DueTransactions(ctx context.Context, now time.Time, limit int) ([]int64, error) {
	rows, err := db.query(ctx, db.read, `SELECT id FROM transactions WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $2`, micros(now), limit)
	return collect(rows, err, scanID)
}

// Funded returns the numbers, from after on, of transactions that wait for funds although their payer has some.
// Whether that covers them is for the command to find out.
func (db *DB) Funded(ctx context.Context, after int64, limit int) ([]int64, error) {
	rows, err := db.query(ctx, db.read, `SELECT t.id FROM transactions t
		WHERE t.status = 'waiting_funds' AND t.id > $1
			AND EXISTS (SELECT 1 FROM accounts a WHERE a.purpose = 'wallet' AND a.wallet_id = t.wallet_id AND a.available + a.credit_limit > 0)
		ORDER BY t.id LIMIT $2`, after, limit)
	return collect(rows, err, scanID)
}

// Awaited is a transaction that waits for a contact to be somebody's.
type Awaited struct {
	Contact       string
	TransactionID int64
}

// ArrivedContacts returns some that have become a user's who has a wallet. Who has none must not keep others waiting.
func (db *DB) ArrivedContacts(ctx context.Context, limit int) ([]Awaited, error) {
	return db.awaited(ctx, `SELECT a.contact, a.transaction_id FROM awaited_contacts a
		WHERE EXISTS (SELECT 1 FROM users u JOIN wallets w ON w.owner_id = u.id WHERE u.email = a.contact)
			OR EXISTS (SELECT 1 FROM users u JOIN wallets w ON w.owner_id = u.id WHERE u.phone = a.contact)
		ORDER BY a.transaction_id LIMIT $1`, limit)
}

// Uninvited returns some contacts that were accepted to be paid, and that nobody has told.
func (db *DB) Uninvited(ctx context.Context, limit int) ([]Awaited, error) {
	return db.awaited(ctx, `SELECT a.contact, a.transaction_id FROM awaited_contacts a JOIN transactions t ON t.id = a.transaction_id
		WHERE a.invited_at IS NULL AND t.status = 'waiting_registration' ORDER BY a.transaction_id LIMIT $1`, limit)
}

func (db *DB) awaited(ctx context.Context, query string, args ...any) ([]Awaited, error) {
	rows, err := db.query(ctx, db.read, query, args...)
	return collect(rows, err, func(rows *sql.Rows) (a Awaited, err error) {
		err = rows.Scan(&a.Contact, &a.TransactionID)
		return a, err
	})
}

// Invited notes that a contact was told; false where that was noted before.
func (tx *Tx) Invited(a Awaited) (bool, error) {
	n, err := tx.exec(`UPDATE awaited_contacts SET invited_at = $3 WHERE contact = $1 AND transaction_id = $2 AND invited_at IS NULL`,
		a.Contact, a.TransactionID, micros(tx.db.Now()))
	return n > 0, err
}

// CodeKind says what a code is for.
type CodeKind string

// The kinds: a code that pays, a barcode by which cash is paid in to its wallet once, and a code that was sent to a contact,
// at which cash is paid in.
const (
	PayCode     CodeKind = "pay"
	BarcodeCode CodeKind = "barcode"
	ContactCode CodeKind = "contact"
)

// ReserveCode is a code that works once: one that a payer reads out to whom they pay, or that cash is paid in by.
type ReserveCode struct {
	// Kind is PayCode where it is empty.
	Kind CodeKind
	// Hash is the keyed hash of the code.
	Hash             []byte
	UserID, WalletID int64
	// TransactionID is the one it is for; 0 for any.
	TransactionID int64
	ExpiresAt     time.Time
	Used          bool
}

// InsertReserveCode adds a code.
func (tx *Tx) InsertReserveCode(c ReserveCode) error {
	_, err := tx.exec(`INSERT INTO reserve_codes (fingerprint, user_id, wallet_id, transaction_id, expires_at, used_at, kind) VALUES ($1, $2, $3, $4, $5, 0, $6)`,
		c.Hash, c.UserID, c.WalletID, c.TransactionID, micros(c.ExpiresAt), string(cmp.Or(c.Kind, PayCode)))
	return err
}

// DropReserveCodes drops the codes of a user to pay by that were not used, for that transaction or for any, when it is 0.
func (tx *Tx) DropReserveCodes(user, transaction int64) error {
	return tx.dropCodes(PayCode, user, transaction)
}

// DropBarcodes drops the barcodes of a user that work once and were not used.
func (tx *Tx) DropBarcodes(user int64) error { return tx.dropCodes(BarcodeCode, user, 0) }

func (tx *Tx) dropCodes(kind CodeKind, user, transaction int64) error {
	// The row stays until its time is over: a till that has read it as good finds in its commit that it is not.
	_, err := tx.exec(`UPDATE reserve_codes SET used_at = -1 WHERE kind = $1 AND user_id = $2 AND transaction_id = $3 AND used_at = 0`,
		string(kind), user, transaction)
	return err
}

// ReserveCode returns the code with that hash; nil when there is none. A hash covers what a code is for.
func (db *DB) ReserveCode(ctx context.Context, hash []byte) (*ReserveCode, error) {
	rows, err := db.query(ctx, db.read, `SELECT kind, user_id, wallet_id, transaction_id, expires_at, used_at FROM reserve_codes WHERE fingerprint = $1 AND used_at >= 0`, hash)
	found, err := collect(rows, err, func(rows *sql.Rows) (c ReserveCode, err error) {
		var expires, used int64
		err = rows.Scan(&c.Kind, &c.UserID, &c.WalletID, &c.TransactionID, &expires, &used)
		c.Hash, c.ExpiresAt, c.Used = hash, fromMicros(expires), used != 0
		return c, err
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// TransactionRequest asks somebody to accept a transaction.
type TransactionRequest struct {
	ID, TransactionID int64
	// UserID is who is asked, where that is a user; Email and Phone are how they were named.
	UserID       int64
	Email, Phone string
	// InitiatorID is the user in whose name they are asked; 0 for none.
	InitiatorID int64
	CreatedAt   time.Time
}

// InsertTransactionRequest adds a request and returns its number.
func (tx *Tx) InsertTransactionRequest(r TransactionRequest) (id int64, err error) {
	if id, err = tx.NextID(requestIDs, 0); err != nil {
		return 0, err
	}
	_, err = tx.exec(`INSERT INTO transaction_requests (id, transaction_id, user_id, email, phone, initiator_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, r.TransactionID, r.UserID, r.Email, r.Phone, r.InitiatorID, micros(r.CreatedAt))
	return id, err
}

// TakeLease makes this process the one that does some work until then, on the wall clock; false when another one is.
func (db *DB) TakeLease(ctx context.Context, name string, wall time.Time, life time.Duration) (bool, error) {
	var taken int64
	holder := db.money.writer.id
	err := db.Update(ctx, func(tx *Tx) (err error) {
		taken, err = tx.exec(`INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE leases.holder = excluded.holder OR leases.until < $4`, name, holder, micros(wall.Add(life)), micros(wall))
		return err
	})
	return taken > 0, err
}
