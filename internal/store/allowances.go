package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purserhq/purser/internal/wallet"
)

// Allowances are loaded, changed and kept by money commands, as transactions are. Each batch writes one row for each
// allowance that it changes, however often.

// allowanceColumns are how an allowance is read, in the order of allowanceRow.
const allowanceColumns = `id, version, status, client_id, project_id, transaction_id, wallet_id, created_at, last_leaf, document`

const (
	selectAllowance     = `SELECT ` + allowanceColumns + ` FROM allowances WHERE id = $1`
	selectLastAllowance = `SELECT allowance_id FROM last_allowances WHERE client_id = $1 AND wallet_id = $2`
	insertAllowance     = `INSERT INTO allowances (id, version, status, client_id, project_id, transaction_id, wallet_id, created_at, due_at, document, last_leaf)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	// A version that is not the one that was read makes version NULL, which the column refuses.
	updateAllowance = `UPDATE allowances SET version = CASE WHEN version = $7 THEN version + 1 END, status = $2, transaction_id = $3, wallet_id = $4,
		due_at = $5, document = $6, last_leaf = $8 WHERE id = $1`
	insertLastAllowance = `INSERT INTO last_allowances (client_id, wallet_id, allowance_id) VALUES ($1, $2, $3)`
	updateLastAllowance = `UPDATE last_allowances SET allowance_id = $3 WHERE client_id = $1 AND wallet_id = $2`
)

// sortAllowances puts them into the order in which they are locked, each once.
func (n *Needs) sortAllowances() {
	slices.Sort(n.Allowances)
	n.Allowances = slices.Compact(n.Allowances)
	slices.SortFunc(n.LastAllowances, wallet.AllowanceOf.Compare)
	n.LastAllowances = slices.Compact(n.LastAllowances)
}

// allowanceRow is an allowance as it is read.
type allowanceRow struct {
	a        wallet.Allowance
	at       int64
	document []byte
}

func (r *allowanceRow) fields() []any {
	a := &r.a
	return []any{&a.ID, &a.Version, &a.Status, &a.ClientID, &a.ProjectID, &a.TransactionID, &a.WalletID, &r.at, &a.LastLeaf, &r.document}
}

func (r *allowanceRow) allowance() (*wallet.Allowance, error) {
	if err := json.Unmarshal(r.document, &r.a); err != nil {
		return nil, fmt.Errorf("allowance %d cannot be read: %w", r.a.ID, err)
	}
	r.a.CreatedAt = fromMicros(r.at)
	return &r.a, nil
}

func (b *sqliteBatch) loadAllowances(w wanted, found *loaded) error {
	found.lastAllowances = make(map[wallet.AllowanceOf]int64, len(w.LastAllowances))
	for _, of := range w.LastAllowances {
		var id int64
		err := b.statement(selectLastAllowance).QueryRowContext(b.ctx, of.ClientID, of.WalletID).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		found.lastAllowances[of] = id
	}
	for _, id := range w.Allowances {
		var row allowanceRow
		err := b.statement(selectAllowance).QueryRowContext(b.ctx, id).Scan(row.fields()...)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		a, err := row.allowance()
		if err != nil {
			return err
		}
		found.allowances = append(found.allowances, a)
	}
	return nil
}

// queueAllowances locks and reads the allowances of a batch.
func queueAllowances(trip *pgx.Batch, w wanted, found *loaded) {
	found.lastAllowances = make(map[wallet.AllowanceOf]int64, len(w.LastAllowances))
	if len(w.LastAllowances) > 0 {
		clients, wallets := make([]int64, len(w.LastAllowances)), make([]int64, len(w.LastAllowances))
		for i, of := range w.LastAllowances {
			clients[i], wallets[i] = of.ClientID, of.WalletID
		}
		trip.Queue(lockLastAllowances, clients, wallets).Query(func(rows pgx.Rows) error {
			var of wallet.AllowanceOf
			var id int64
			_, err := pgx.ForEachRow(rows, []any{&of.ClientID, &of.WalletID, &id}, func() error {
				found.lastAllowances[of] = id
				return nil
			})
			return err
		})
	}
	if len(w.Allowances) == 0 {
		return
	}
	trip.Queue(lockAllowances, w.Allowances).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var row allowanceRow
			if err := rows.Scan(row.fields()...); err != nil {
				return err
			}
			a, err := row.allowance()
			if err != nil {
				return err
			}
			found.allowances = append(found.allowances, a)
		}
		return rows.Err()
	})
}

// allowanceBook is what a batch sees of allowances.
type allowanceBook struct {
	byID map[int64]*decidedAllowance
	last map[wallet.AllowanceOf]decidedLast
}

// decidedAllowance is an allowance as it was loaded, nil for a new one, and as it has become.
type decidedAllowance struct{ before, now *wallet.Allowance }

// decidedLast is which allowance was given last, and is now; 0 for none.
type decidedLast struct{ before, now int64 }

func (b *allowanceBook) open(want wanted, found *loaded) {
	b.byID, b.last = make(map[int64]*decidedAllowance, len(want.Allowances)), make(map[wallet.AllowanceOf]decidedLast, len(want.LastAllowances))
	for _, id := range want.Allowances {
		b.byID[id] = &decidedAllowance{}
	}
	for _, a := range found.allowances {
		b.byID[a.ID] = &decidedAllowance{a, a}
	}
	for _, of := range want.LastAllowances {
		b.last[of] = decidedLast{found.lastAllowances[of], found.lastAllowances[of]}
	}
}

// NewAllowanceID returns the number of a new allowance.
func (m *MoneyTx) NewAllowanceID() int64 { return m.w.stocks.allowances.take() }

// Allowance returns an allowance, to be changed and kept; nil when there is none with that number.
func (m *MoneyTx) Allowance(id int64) (*wallet.Allowance, error) {
	found, ok := m.allowances.byID[id]
	switch {
	case !ok:
		return nil, &askMore{Needs{Allowances: []int64{id}}}
	case found.now == nil:
		return nil, nil
	}
	return found.now.Clone(), nil
}

// LastAllowance returns the allowance that a wallet gave last to a client, which may not be active any more; nil for none.
func (m *MoneyTx) LastAllowance(of wallet.AllowanceOf) (*wallet.Allowance, error) {
	last, ok := m.allowances.last[of]
	switch {
	case !ok:
		return nil, &askMore{Needs{LastAllowances: []wallet.AllowanceOf{of}}}
	case last.now == 0:
		return nil, nil
	}
	return m.Allowance(last.now)
}

// KeepAllowance stores an allowance in the place of what it was. It is not to be changed any more.
func (m *MoneyTx) KeepAllowance(a *wallet.Allowance) {
	found := m.allowances.byID[a.ID]
	if found == nil {
		found = &decidedAllowance{}
		m.allowances.byID[a.ID] = found
	}
	was := found.now
	found.now = a
	m.log.allowance(was, a)
	m.undo = append(m.undo, func() { found.now = was })
}

// GiveAllowance makes an allowance the one that its wallet gave last to its client.
func (m *MoneyTx) GiveAllowance(a *wallet.Allowance) error {
	of := a.Of()
	was, seen := m.allowances.last[of]
	if !seen {
		return &askMore{Needs{LastAllowances: []wallet.AllowanceOf{of}}}
	}
	m.allowances.last[of] = decidedLast{was.before, a.ID}
	m.undo = append(m.undo, func() { m.allowances.last[of] = was })
	return nil
}

// effects adds what a batch writes of allowances, whose documents the log may have.
func (b *allowanceBook) effects(others []statement, log *batchLog) ([]statement, error) {
	others = slices.Clip(others) // the list before is what a command may still be undone on
	for _, id := range slices.Sorted(maps.Keys(b.byID)) {
		d := b.byID[id]
		if d.now == d.before {
			continue
		}
		a := d.now
		document, err := log.allowanceDocument(a)
		if err != nil {
			return nil, err
		}
		due := microsOrNull(a.Due())
		if d.before == nil {
			others = append(others, statement{insertAllowance, []any{a.ID, a.Status, a.ClientID, a.ProjectID, a.TransactionID, a.WalletID, micros(a.CreatedAt), due, document, a.LastLeaf}})
		} else {
			others = append(others, statement{updateAllowance, []any{a.ID, a.Status, a.TransactionID, a.WalletID, due, document, d.before.Version, a.LastLeaf}})
		}
	}
	for _, of := range slices.SortedFunc(maps.Keys(b.last), wallet.AllowanceOf.Compare) { // in one order at every server
		d := b.last[of]
		switch {
		case d.now == d.before:
		case d.before == 0:
			others = append(others, statement{insertLastAllowance, []any{of.ClientID, of.WalletID, d.now}})
		default:
			others = append(others, statement{updateLastAllowance, []any{of.ClientID, of.WalletID, d.now}})
		}
	}
	return others, nil
}

func (db *DB) allowancesWhere(ctx context.Context, condition string, args ...any) ([]*wallet.Allowance, error) {
	return db.allowancesIn(ctx, db.read, condition, args...)
}

func (db *DB) allowancesIn(ctx context.Context, q querier, condition string, args ...any) ([]*wallet.Allowance, error) {
	rows, err := db.query(ctx, q, `SELECT `+allowanceColumns+` FROM allowances WHERE `+condition, args...)
	return collect(rows, err, func(rows *sql.Rows) (*wallet.Allowance, error) {
		var row allowanceRow
		if err := rows.Scan(row.fields()...); err != nil {
			return nil, err
		}
		return row.allowance()
	})
}

// Allowance returns an allowance as it was committed last; nil when there is none.
func (db *DB) Allowance(ctx context.Context, id int64) (*wallet.Allowance, error) {
	found, err := db.allowancesWhere(ctx, `id = $1`, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// AllowancesByID returns allowances as they were committed last, by number. The list is short.
func (db *DB) AllowancesByID(ctx context.Context, ids []int64) (map[int64]*wallet.Allowance, error) {
	return db.allowancesByID(ctx, db.read, ids)
}

// AllowancesByID is the same as the transaction sees it.
func (tx *Tx) AllowancesByID(ids ...int64) (map[int64]*wallet.Allowance, error) {
	return tx.db.allowancesByID(tx.ctx, tx.Tx, ids)
}

func (db *DB) allowancesByID(ctx context.Context, q querier, ids []int64) (map[int64]*wallet.Allowance, error) {
	byID := make(map[int64]*wallet.Allowance, len(ids))
	for chunk := range slices.Chunk(ids, 500) {
		found, err := db.allowancesIn(ctx, q, `id IN (`+parameters(1, len(chunk))+`)`, anys(chunk)...)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			byID[a.ID] = a
		}
	}
	return byID, nil
}

// allowancesAsked are the allowances that transactions ask for, by number.
func (db *DB) allowancesAsked(ctx context.Context, q querier, transactions map[int64]*wallet.Transaction) (map[int64]*wallet.Allowance, error) {
	var ids []int64
	for _, t := range transactions {
		if t.AllowanceID != 0 {
			ids = append(ids, t.AllowanceID)
		}
	}
	return db.allowancesByID(ctx, q, ids)
}

// LastAllowance returns the allowance that a wallet gave last to a client, which may not be active any more; nil for none.
func (db *DB) LastAllowance(ctx context.Context, of wallet.AllowanceOf) (*wallet.Allowance, error) {
	found, err := db.allowancesWhere(ctx, `id = (SELECT allowance_id FROM last_allowances WHERE client_id = $1 AND wallet_id = $2)`, of.ClientID, of.WalletID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// ActiveAllowances returns those that wallet gives, oldest first.
func (db *DB) ActiveAllowances(ctx context.Context, walletID int64) ([]*wallet.Allowance, error) {
	return db.allowancesWhere(ctx, `wallet_id = $1 AND status = 'active' ORDER BY id`, walletID)
}

// DueAllowances returns the numbers of some whose time is over, earliest first.
func (db *DB) DueAllowances(ctx context.Context, now time.Time, limit int) ([]int64, error) {
	rows, err := db.query(ctx, db.read, `SELECT id FROM allowances WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $2`, micros(now), limit)
	return collect(rows, err, scanID)
}

// Spent returns what a spender has spent, under each window that was ever counted.
func (db *DB) Spent(ctx context.Context, who wallet.Spender) ([]wallet.Spent, error) {
	rows, err := db.query(ctx, db.read, selectSpent, who.Kind, who.ID)
	return collect(rows, err, scanSpentOf(who))
}

// scanSpentOf reads what a spender has spent.
func scanSpentOf(who wallet.Spender) func(rows *sql.Rows) (wallet.Spent, error) {
	return func(rows *sql.Rows) (s wallet.Spent, err error) {
		var seconds, since int64
		err = rows.Scan(&s.Currency, &seconds, &since, &s.Minor)
		s.Spender, s.Within, s.Since = who, time.Duration(seconds)*time.Second, fromMicros(since)
		return s, err
	}
}
