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
	callbackColumns = `transaction_id, number, project_id, type, uri, host, event, at, attempts, tries, next_at, leased_until, delivered`
	// callbackWidth is how many those are, callbacksAtOnce how many rows one statement adds.
	callbackWidth   = 13
	callbacksAtOnce = 500
)

// insertCallbacks adds the callbacks of a batch: as a rule in one statement, none where there are none.
func insertCallbacks(owed []wallet.Callback) (all []statement) {
	for rows := range slices.Chunk(owed, callbacksAtOnce) {
		groups, args := make([]string, len(rows)), make([]any, 0, callbackWidth*len(rows))
		for i, c := range rows {
			groups[i] = "(" + parameters(len(args)+1, callbackWidth) + ")"
			at := micros(c.At)
			args = append(args, c.TransactionID, c.Number, c.ProjectID, string(c.Type), c.URI, c.Receiver(), c.Event, at, int64(0), int64(0), at, int64(0), int64(0))
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

// Statements of Prune.
const (
	dropAttemptsOf = `DELETE FROM callback_attempts WHERE (transaction_id, number) IN (SELECT transaction_id, number FROM callbacks WHERE ended_at < $1 AND delivered`
	dropCallbacks  = `DELETE FROM callbacks WHERE (transaction_id, number) IN (SELECT transaction_id, number FROM callbacks WHERE ended_at < $1 AND delivered`
	delivered      = ` = 1)`
	undelivered    = ` = 0)`
)

// Room says how many callbacks somebody can send now.
type Room struct {
	// Total is how many more, PerHost how many to one receiver.
	Total, PerHost int
	// Leaving are those that are on their way, by receiver.
	Leaving map[string]int
}

// candidates is how many due callbacks are looked at, at once.
const candidates = 256

// dueCallback is a callback that is due, or waits for another one of its transaction.
type dueCallback struct {
	wallet.Callback
	host string
	// first is the number of the first that its transaction waits with, and firstAt when that leaves.
	first   int64
	firstAt int64
}

// DueCallbacks leases callbacks that are due, so that no other process sends them before the wall clock says until: of
// each transaction the first that waits, of each receiver no more than there is room for.
func (db *DB) DueCallbacks(ctx context.Context, wall, until time.Time, room Room) ([]wallet.Callback, error) {
	if found, err := db.dueCallbacks(ctx, db.read, wall, room); err != nil || len(found) == 0 {
		return nil, err
	}
	var leased []wallet.Callback
	err := db.Update(ctx, func(tx *Tx) error {
		leased = nil
		found, err := db.dueCallbacks(ctx, tx.Tx, wall, room)
		if err != nil {
			return err
		}
		leaving := map[string]int{}
		for _, due := range found {
			if due.first != due.Number {
				if err := tx.holdBack(due); err != nil {
					return err
				}
				continue
			}
			if len(leased) == room.Total || room.Leaving[due.host]+leaving[due.host] >= room.PerHost {
				continue
			}
			err := tx.queryRow(tx.ctx, `UPDATE callbacks SET leased_until = $3 WHERE transaction_id = $1 AND number = $2 AND next_at IS NOT NULL AND leased_until <= $4 RETURNING event`,
				due.TransactionID, due.Number, micros(until), micros(wall)).Scan(&due.Event)
			if errors.Is(err, sql.ErrNoRows) {
				continue // another process was faster
			}
			if err != nil {
				return err
			}
			leased = append(leased, due.Callback)
			leaving[due.host]++
		}
		return nil
	})
	return leased, err
}

// holdBack has a callback wait for the first of its transaction, which failed and waits itself.
func (tx *Tx) holdBack(due dueCallback) error {
	if due.firstAt <= micros(tx.db.Now()) {
		return nil // that one is on its way
	}
	_, err := tx.exec(`UPDATE callbacks SET next_at = $3 WHERE transaction_id = $1 AND number = $2 AND next_at IS NOT NULL`, due.TransactionID, due.Number, due.firstAt)
	return err
}

// dueCallbacks reads some that are due and that nobody has, for receivers that there is room for; not their events, which may
// be long.
func (db *DB) dueCallbacks(ctx context.Context, q querier, wall time.Time, room Room) ([]dueCallback, error) {
	var c conditions
	c.add(`c.next_at <= ? AND c.leased_until <= ?`, micros(db.Now()), micros(wall))
	for host, n := range room.Leaving {
		if n >= room.PerHost {
			c.add(`c.host <> ?`, host)
		}
	}
	rows, err := db.query(ctx, q, `SELECT c.transaction_id, c.number, c.project_id, c.type, c.uri, c.host, c.at, c.attempts, f.number, f.next_at
		FROM callbacks c JOIN callbacks f ON f.transaction_id = c.transaction_id
			AND f.number = (SELECT min(w.number) FROM callbacks w WHERE w.transaction_id = c.transaction_id AND w.next_at IS NOT NULL)
		WHERE `+c.where()+fmt.Sprintf(` ORDER BY c.next_at, c.transaction_id, c.number LIMIT %d`, candidates), c.args...)
	return collect(rows, err, func(rows *sql.Rows) (d dueCallback, err error) {
		var at int64
		err = rows.Scan(&d.TransactionID, &d.Number, &d.ProjectID, &d.Type, &d.URI, &d.host, &at, &d.Attempts, &d.first, &d.firstAt)
		d.At = fromMicros(at)
		return d, err
	})
}

// CallbackTried records an attempt. retry says, of how often it was tried by now, when to try again, or that it is given
// up; the later ones of the transaction wait as long. An attempt that was interrupted does not count.
func (tx *Tx) CallbackTried(transaction, number int64, a wallet.CallbackAttempt, retry func(tries int) (after time.Duration, giveUp bool)) error {
	if a.Outcome == wallet.CallbackInterrupted {
		_, err := tx.exec(`UPDATE callbacks SET leased_until = 0 WHERE transaction_id = $1 AND number = $2`, transaction, number)
		return err
	}
	var attempts, tries int
	err := tx.queryRow(tx.ctx, `SELECT attempts, tries FROM callbacks WHERE transaction_id = $1 AND number = $2`, transaction, number).Scan(&attempts, &tries)
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
	after, giveUp := time.Duration(0), false
	done := a.Outcome == wallet.CallbackDelivered
	if !done {
		after, giveUp = retry(tries + 1)
	}
	later := micros(now)
	if done || giveUp {
		_, err = tx.exec(`UPDATE callbacks SET attempts = $3, tries = $4, leased_until = 0, next_at = NULL, ended_at = $5, delivered = $6 WHERE transaction_id = $1 AND number = $2`,
			transaction, number, attempts+1, tries+1, later, map[bool]int{true: 1}[done])
	} else {
		later = micros(now.Add(after))
		// One that another process has delivered meanwhile stays delivered.
		_, err = tx.exec(`UPDATE callbacks SET attempts = $3, tries = $4, leased_until = 0, next_at = CASE WHEN next_at IS NULL THEN NULL ELSE CAST($5 AS BIGINT) END
			WHERE transaction_id = $1 AND number = $2`, transaction, number, attempts+1, tries+1, later)
	}
	if err != nil {
		return err
	}
	_, err = tx.exec(`UPDATE callbacks SET next_at = $3 WHERE transaction_id = $1 AND number > $2 AND next_at IS NOT NULL`, transaction, number, later)
	return err
}

// SendCallback has a callback leave now, whatever became of it before; false when there is none.
func (tx *Tx) SendCallback(transaction, number int64) (bool, error) {
	n, err := tx.exec(`UPDATE callbacks SET next_at = $3, leased_until = 0, tries = 0, ended_at = NULL, delivered = 0 WHERE transaction_id = $1 AND number = $2`,
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
	if err := db.queryRow(ctx, db.read, `SELECT count(*) FROM callbacks WHERE `+c.where(), c.args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	limit := cmp.Or(f.Limit, math.MaxInt32)
	rows, err := db.query(ctx, db.read, `SELECT transaction_id, number, project_id, type, uri, event, at, attempts, next_at, ended_at, delivered FROM callbacks
		WHERE `+c.where()+fmt.Sprintf(` ORDER BY transaction_id DESC, number DESC LIMIT %d OFFSET %d`, limit, f.Offset), c.args...)
	page, err = collect(rows, err, func(rows *sql.Rows) (c wallet.Callback, err error) {
		var at int64
		var next, ended sql.NullInt64
		var arrived int
		err = rows.Scan(&c.TransactionID, &c.Number, &c.ProjectID, &c.Type, &c.URI, &c.Event, &at, &c.Attempts, &next, &ended, &arrived)
		c.At, c.NextAt, c.EndedAt, c.Delivered = fromMicros(at), timeOrZero(next), timeOrZero(ended), arrived == 1
		return c, err
	})
	return page, total, err
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

// CallbacksWaiting returns how many callbacks wait to be delivered, and since when the oldest does; zero for none.
func (db *DB) CallbacksWaiting(ctx context.Context) (n int, oldest time.Time, err error) {
	var at sql.NullInt64
	err = db.queryRow(ctx, db.read, `SELECT count(*), min(at) FROM callbacks WHERE next_at IS NOT NULL`).Scan(&n, &at)
	return n, timeOrZero(at), err
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
