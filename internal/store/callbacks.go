package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// keptChange is a transaction as a command has found it, nil for a new one, and as it has kept it.
type keptChange struct{ before, after *wallet.Transaction }

// Change is a transaction that the command which is deciding has changed.
type Change struct {
	// Before is as the command found it, nil for one that it made. It is shared, never to be changed.
	Before *wallet.Transaction
	// After is as it was kept, and still the command's to change.
	After *wallet.Transaction
}

// Changes are the transactions that the command which is deciding has kept so far, each once.
func (m *MoneyTx) Changes() []Change {
	var all []Change
	for _, k := range m.kept {
		at := slices.IndexFunc(all, func(c Change) bool { return c.After.ID == k.after.ID })
		if at < 0 {
			all = append(all, Change{k.before, k.after})
		} else {
			all[at].After = k.after
		}
	}
	return all
}

// Owe puts a callback into the outbox, in the commit of the command. It is due at once.
func (m *MoneyTx) Owe(c wallet.Callback) {
	m.owed = append(m.owed, c)
	m.undo = append(m.undo, func() { m.owed = m.owed[:len(m.owed)-1] })
}

const (
	callbackColumns = `transaction_id, number, project_id, type, uri, host, event, at, since, attempts, tries, next_at, leased_until, delivered`
	// callbackWidth is how many those are, callbacksAtOnce how many rows one statement adds.
	callbackWidth   = 14
	callbacksAtOnce = 500
)

// insertCallbacks adds the callbacks of a batch: as a rule in one statement, none where there are none.
func insertCallbacks(owed []wallet.Callback) (all []statement) {
	for rows := range slices.Chunk(owed, callbacksAtOnce) {
		groups, args := make([]string, len(rows)), make([]any, 0, callbackWidth*len(rows))
		for i, c := range rows {
			groups[i] = "(" + parameters(len(args)+1, callbackWidth) + ")"
			at := micros(c.At)
			args = append(args, c.TransactionID, c.Number, c.ProjectID, string(c.Type), c.URI, c.Receiver(), c.Event, at, at, int64(0), int64(0), at, int64(0), int64(0))
		}
		all = append(all, statement{`INSERT INTO callbacks (` + callbackColumns + `) VALUES ` + strings.Join(groups, ", "), args})
	}
	return all
}

// How long callbacks are kept that were delivered, and those that were given up.
const (
	spareDelivered = 30 * 24 * time.Hour
	spareGivenUp   = 90 * 24 * time.Hour
)

// prunedAtOnce is how many callbacks one transaction removes, with their attempts: whoever else writes waits for it.
const prunedAtOnce = 500

// pruneCallbacks removes callbacks that have served their time, some at a time: none of its transactions may take so long that
// it fails, however many there are.
func (db *DB) pruneCallbacks(ctx context.Context) error {
	now := db.Now()
	for _, kind := range []struct{ delivered, before int64 }{{1, micros(now.Add(-spareDelivered))}, {0, micros(now.Add(-spareGivenUp))}} {
		for removed := prunedAtOnce; removed == prunedAtOnce; {
			err := db.Update(ctx, func(tx *Tx) error {
				rows, err := db.query(ctx, tx.Tx, fmt.Sprintf(`DELETE FROM callbacks WHERE (transaction_id, number) IN (SELECT transaction_id, number FROM callbacks
					WHERE delivered = $1 AND ended_at < $2 ORDER BY ended_at LIMIT %d) RETURNING transaction_id`, prunedAtOnce), kind.delivered, kind.before)
				of, err := collect(rows, err, scanID)
				if removed = len(of); err != nil || removed == 0 {
					return err
				}
				_, err = tx.exec(`DELETE FROM callback_attempts WHERE transaction_id IN (`+parameters(1, removed)+`) AND NOT EXISTS
					(SELECT 1 FROM callbacks c WHERE c.transaction_id = callback_attempts.transaction_id AND c.number = callback_attempts.number)`, anys(of)...)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// CallbackTried records an attempt. retry says, of how often it was tried by now, when to try again, or that it is given
// up; the later ones of the transaction wait as long. One that was delivered or given up meanwhile stays so, unless this
// attempt has delivered it. An attempt that was interrupted does not count.
func (tx *Tx) CallbackTried(transaction, number int64, a wallet.CallbackAttempt, retry func(tries int) (after time.Duration, giveUp bool)) error {
	if a.Outcome == wallet.CallbackInterrupted {
		_, err := tx.exec(`UPDATE callbacks SET leased_until = 0 WHERE transaction_id = $1 AND number = $2`, transaction, number)
		return err
	}
	var attempts, tries int
	var waits sql.NullInt64
	err := tx.queryRow(tx.ctx, `SELECT attempts, tries, next_at FROM callbacks WHERE transaction_id = $1 AND number = $2`, transaction, number).Scan(&attempts, &tries, &waits)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it was pruned meanwhile
	}
	if err != nil {
		return err
	}
	now := tx.db.Now()
	if _, err := tx.exec(`INSERT INTO callback_attempts (transaction_id, number, attempt, at, outcome, status, micros) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		transaction, number, attempts+1, micros(a.At), string(a.Outcome), a.Status, a.Took.Microseconds()); err != nil {
		return err
	}
	const tried, waiting = `UPDATE callbacks SET attempts = $3, tries = $4, leased_until = 0`, ` WHERE transaction_id = $1 AND number = $2 AND next_at IS NOT NULL`
	args := []any{transaction, number, attempts + 1, tries + 1}
	after, giveUp := time.Duration(0), false
	if a.Outcome == wallet.CallbackDelivered {
		_, err = tx.exec(tried+`, next_at = NULL, ended_at = $5, delivered = 1 WHERE transaction_id = $1 AND number = $2`, append(args, micros(now))...)
	} else if !waits.Valid { // another process has delivered it meanwhile, or it was given up: so it stays
		_, err = tx.exec(tried+` WHERE transaction_id = $1 AND number = $2`, args...)
		return err
	} else if after, giveUp = retry(tries + 1); giveUp {
		after = 0
		_, err = tx.exec(tried+`, next_at = NULL, ended_at = $5, delivered = 0`+waiting, append(args, micros(now))...)
	} else {
		_, err = tx.exec(tried+`, next_at = $5`+waiting, append(args, micros(now.Add(after)))...)
	}
	if err != nil {
		return err
	}
	_, err = tx.exec(`UPDATE callbacks SET next_at = $3 WHERE transaction_id = $1 AND number > $2 AND next_at IS NOT NULL`, transaction, number, micros(now.Add(after)))
	return err
}

// SendCallback has a callback leave now, whatever became of it before, as if it had never been tried; false when there is none.
func (tx *Tx) SendCallback(transaction, number int64) (bool, error) {
	n, err := tx.exec(`UPDATE callbacks SET next_at = $3, since = $3, leased_until = 0, tries = 0, ended_at = NULL, delivered = 0 WHERE transaction_id = $1 AND number = $2`,
		transaction, number, micros(tx.db.Now()))
	return n > 0, err
}

// CallbackFilter says which callbacks a list is of. Empty fields do not filter.
type CallbackFilter struct {
	TransactionID, ProjectID int64
	// State is one of the states below.
	State CallbackState
	// Limit 0 is no limit.
	Limit, Offset int
}

// CallbackState is how far a callback has come.
type CallbackState string

// The states.
const (
	CallbackWaiting   CallbackState = "waiting"
	CallbackDelivered CallbackState = "delivered"
	CallbackGivenUp   CallbackState = "given_up"
)

// Callbacks returns a page of callbacks, those of the latest transactions first, and how many there are in all.
func (db *DB) Callbacks(ctx context.Context, f CallbackFilter) (page []wallet.Callback, total int, err error) {
	var c conditions
	c.add("1 = 1")
	if f.TransactionID != 0 {
		c.add("transaction_id = ?", f.TransactionID)
	}
	if f.ProjectID != 0 {
		c.add("project_id = ?", f.ProjectID)
	}
	switch f.State {
	case CallbackWaiting:
		c.add("next_at IS NOT NULL")
	case CallbackDelivered:
		c.add("ended_at IS NOT NULL AND delivered = 1")
	case CallbackGivenUp:
		c.add("ended_at IS NOT NULL AND delivered = 0")
	}
	err = db.inSnapshot(ctx, func(q querier) error {
		if err := db.queryRow(ctx, q, `SELECT count(*) FROM callbacks WHERE `+c.where(), c.args...).Scan(&total); err != nil {
			return err
		}
		page, err = db.callbacksIn(ctx, q, c.where()+fmt.Sprintf(` ORDER BY transaction_id DESC, number DESC LIMIT %d OFFSET %d`,
			cmp.Or(f.Limit, math.MaxInt32), f.Offset), c.args...)
		return err
	})
	return page, total, err
}

// callbacksIn reads callbacks.
func (db *DB) callbacksIn(ctx context.Context, q querier, condition string, args ...any) ([]wallet.Callback, error) {
	rows, err := db.query(ctx, q, `SELECT transaction_id, number, project_id, type, uri, event, at, attempts, next_at, ended_at, delivered FROM callbacks
		WHERE `+condition, args...)
	return collect(rows, err, func(rows *sql.Rows) (c wallet.Callback, err error) {
		var at int64
		var next, ended sql.NullInt64
		var arrived int
		err = rows.Scan(&c.TransactionID, &c.Number, &c.ProjectID, &c.Type, &c.URI, &c.Event, &at, &c.Attempts, &next, &ended, &arrived)
		c.At, c.NextAt, c.EndedAt, c.Delivered = fromMicros(at), timeOrZero(next), timeOrZero(ended), arrived == 1
		return c, err
	})
}

// CallbackAttempts returns the attempts to send the callbacks of a transaction, by the callback's number, in their order.
func (db *DB) CallbackAttempts(ctx context.Context, transaction int64) (map[int64][]wallet.CallbackAttempt, error) {
	rows, err := db.query(ctx, db.read, `SELECT number, attempt, at, outcome, status, micros FROM callback_attempts WHERE transaction_id = $1 ORDER BY number, attempt`, transaction)
	all := map[int64][]wallet.CallbackAttempt{}
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var number, at, took int64
		var a wallet.CallbackAttempt
		err := rows.Scan(&number, &a.Attempt, &at, &a.Outcome, &a.Status, &took)
		a.At, a.Took = fromMicros(at), time.Duration(took)*time.Microsecond
		all[number] = append(all[number], a)
		return struct{}{}, err
	})
	return all, err
}

// countedWaiting is how many waiting callbacks are counted at most: what monitoring reads must cost little when many wait.
const countedWaiting = 10_000

// CallbacksWaiting returns how many callbacks wait to be delivered, no more than ten thousand, and since when the
// oldest does; zero for none.
func (db *DB) CallbacksWaiting(ctx context.Context) (n int, oldest time.Time, err error) {
	var since sql.NullInt64
	err = db.queryRow(ctx, db.read, fmt.Sprintf(`SELECT count(*), min(since) FROM (SELECT since FROM callbacks WHERE next_at IS NOT NULL ORDER BY since LIMIT %d) w`, countedWaiting)).Scan(&n, &since)
	return n, timeOrZero(since), err
}

// Setting returns a stored setting as it was committed last, nil when there is none.
func (db *DB) Setting(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := db.queryRow(ctx, db.read, `SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, err
}
