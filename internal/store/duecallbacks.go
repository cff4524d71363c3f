package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// Those who wait for a receiver form a lane: the callbacks of one project to one receiver that were never tried. A lane that is
// full is passed over without a look at who waits in it, so that a receiver that hangs, and whatever has gathered before it,
// costs the others nothing. What failed before waits in one queue behind the lanes, by when it is due.

// lane is a project and a receiver.
type lane struct {
	project int64
	host    string
}

// beforeLanes is a lane before all others.
var beforeLanes = lane{math.MinInt64, ""}

// after says whether a lane comes behind another one.
func (l lane) after(other lane) bool {
	return l.project > other.project || l.project == other.project && l.host > other.host
}

// nextLane is where the next look for callbacks begins, behind the lane that the last one ended with: lanes take turns.
type nextLane struct {
	mu   sync.Mutex
	lane lane
	set  bool
}

func (n *nextLane) get() lane {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.set {
		return beforeLanes
	}
	return n.lane
}

func (n *nextLane) put(l lane) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lane, n.set = l, true
}

const (
	// lanesAtOnce is how many lanes one look goes to, laneCandidates and failedCandidates how many due callbacks of a lane and
	// of those that failed it reads.
	lanesAtOnce      = 256
	laneCandidates   = 64
	failedCandidates = 256
	// givenUpAtOnce is how many callbacks one transaction gives up for their age.
	givenUpAtOnce = 256
)

// dueCallback is a callback that is due, or waits for another one of its transaction.
type dueCallback struct {
	wallet.Callback
	host string
	// first is the number of the first that its transaction waits with, and firstAt when that leaves.
	first   int64
	firstAt int64
}

// DueCallbacks leases callbacks that are due, so that no other process sends them before the wall clock says until: of
// each transaction the first that waits, of each receiver and project no more than there is room for, and those that were
// never tried before those that failed.
func (db *DB) DueCallbacks(ctx context.Context, wall, until time.Time, room wallet.CallbackRoom) ([]wallet.Callback, error) {
	s := &dueSearch{db: db, now: micros(db.Now()), wall: micros(wall), room: room}
	if err := s.fresh(ctx); err != nil {
		return nil, err
	}
	if err := s.failed(ctx); err != nil {
		return nil, err
	}
	if len(s.found) == 0 && len(s.blocked) == 0 {
		return nil, nil
	}
	var leased []wallet.Callback
	err := db.Update(ctx, func(tx *Tx) error {
		leased = nil
		for _, due := range s.blocked {
			if err := tx.holdBack(due); err != nil {
				return err
			}
		}
		for _, due := range s.found {
			switch err := tx.lease(&due, s.now, s.wall, micros(until)); {
			case errors.Is(err, sql.ErrNoRows): // another process was faster
			case err != nil:
				return err
			default:
				leased = append(leased, due.Callback)
			}
		}
		return nil
	})
	return leased, err
}

// lease has a callback that was found due, unless it is not any more, and reads its event.
func (tx *Tx) lease(due *dueCallback, now, wall, until int64) error {
	return tx.queryRow(tx.ctx, `UPDATE callbacks SET leased_until = $3 WHERE transaction_id = $1 AND number = $2 AND next_at <= $4 AND leased_until <= $5
		AND NOT EXISTS (SELECT 1 FROM callbacks w WHERE w.transaction_id = $1 AND w.number < $2 AND w.next_at IS NOT NULL) RETURNING event`,
		due.TransactionID, due.Number, until, now, wall).Scan(&due.Event)
}

// holdBack has a callback wait for the first of its transaction, which failed and waits itself.
func (tx *Tx) holdBack(due dueCallback) error {
	_, err := tx.exec(`UPDATE callbacks SET next_at = $4 WHERE transaction_id = $1 AND number = $2 AND next_at IS NOT NULL
		AND EXISTS (SELECT 1 FROM callbacks f WHERE f.transaction_id = $1 AND f.number = $3 AND f.next_at = $4)`, due.TransactionID, due.Number, due.first, due.firstAt)
	return err
}

// dueSearch looks for callbacks to lease, outside of any transaction: whether they still are as they were is seen when they are
// leased.
type dueSearch struct {
	db        *DB
	now, wall int64
	room      wallet.CallbackRoom
	// found are to be leased, blocked are to wait for others.
	found, blocked []dueCallback
}

// fresh goes through the lanes, from where the last search ended, once around.
func (s *dueSearch) fresh(ctx context.Context) error {
	start := s.db.nextLane.get()
	at, around := start, false
	for looked := 0; looked < lanesAtOnce && s.room.Total > 0; looked++ {
		next, err := s.next(ctx, at)
		if errors.Is(err, sql.ErrNoRows) && !around {
			at, around = beforeLanes, true
			continue
		}
		if errors.Is(err, sql.ErrNoRows) || err == nil && around && next.after(start) {
			return nil
		}
		if err != nil {
			return err
		}
		at = next
		if s.room.For(next.project, next.host) == 0 {
			continue
		}
		s.db.nextLane.put(next)
		var c conditions
		c.add(`c.tries = 0 AND c.project_id = ? AND c.host = ?`, next.project, next.host)
		if err := s.look(ctx, laneCandidates, c); err != nil {
			return err
		}
	}
	return nil
}

// next finds the lane behind another one, that project's others left out where there is no room for any. It fails with
// sql.ErrNoRows behind the last one.
func (s *dueSearch) next(ctx context.Context, at lane) (next lane, err error) {
	query, args := `SELECT project_id, host FROM callbacks WHERE next_at IS NOT NULL AND tries = 0 AND project_id > $1 ORDER BY project_id, host LIMIT 1`, []any{at.project}
	if left, named := s.room.Projects[at.project]; !named || left > 0 {
		query, args = `SELECT project_id, host FROM callbacks WHERE next_at IS NOT NULL AND tries = 0 AND (project_id, host) > ($1, $2) ORDER BY project_id, host LIMIT 1`, append(args, at.host)
	}
	err = s.db.queryRow(ctx, s.db.read, query, args...).Scan(&next.project, &next.host)
	return next, err
}

// failed looks at those that failed before, by when they are due, but for those whose receiver or project has no room.
func (s *dueSearch) failed(ctx context.Context) error {
	if s.room.Total <= 0 {
		return nil
	}
	var c conditions
	c.add(`c.tries > 0`)
	for host, left := range s.room.Hosts {
		if left <= 0 {
			c.add(`c.host <> ?`, host)
		}
	}
	for project, left := range s.room.Projects {
		if left <= 0 {
			c.add(`c.project_id <> ?`, project)
		}
	}
	return s.look(ctx, failedCandidates, c)
}

// What the first callback is that waits of the transaction of c, and when it leaves. Looked up row by row, not joined, and with
// them rows are ordered as the index has them and no further: PostgreSQL would otherwise read and sort all that waits for the
// sake of the few that are asked for.
const (
	firstNumber = `(SELECT min(w.number) FROM callbacks w WHERE w.transaction_id = c.transaction_id AND w.next_at IS NOT NULL)`
	firstAt     = `(SELECT f.next_at FROM callbacks f WHERE f.transaction_id = c.transaction_id AND f.next_at IS NOT NULL ORDER BY f.number LIMIT 1)`
)

// look reads some that are due and that nobody has, and finds those that there is room for; not their events, which may be
// long. Those that wait for another one which is on its way are left out.
func (s *dueSearch) look(ctx context.Context, candidates int, c conditions) error {
	c.add(`c.next_at <= ? AND c.leased_until <= ?`, s.now, s.wall)
	c.add(`(c.number = `+firstNumber+` OR `+firstAt+` > ?)`, s.now)
	rows, err := s.db.query(ctx, s.db.read, `SELECT c.transaction_id, c.number, c.project_id, c.type, c.uri, c.host, c.at, c.attempts, `+firstNumber+`, `+firstAt+`
		FROM callbacks c WHERE `+c.where()+fmt.Sprintf(` ORDER BY c.next_at LIMIT %d`, candidates), c.args...)
	due, err := collect(rows, err, func(rows *sql.Rows) (d dueCallback, err error) {
		var at int64
		err = rows.Scan(&d.TransactionID, &d.Number, &d.ProjectID, &d.Type, &d.URI, &d.host, &at, &d.Attempts, &d.first, &d.firstAt)
		d.At = fromMicros(at)
		return d, err
	})
	for _, d := range due {
		if d.first != d.Number {
			s.blocked = append(s.blocked, d)
		} else if s.room.For(d.ProjectID, d.host) > 0 {
			s.found = append(s.found, d)
			s.room = s.room.Less(d.ProjectID, d.host)
		}
	}
	return err
}

// GiveUpCallbacks gives up callbacks that have waited since before then, also those that were never tried, the oldest first and
// some at a time; not those that somebody has on the wall clock. What waited for them is due at once.
func (db *DB) GiveUpCallbacks(ctx context.Context, wall, before time.Time) error {
	const old = `FROM callbacks WHERE next_at IS NOT NULL AND since < $1 AND leased_until <= $2`
	var n int
	if err := db.queryRow(ctx, db.read, `SELECT count(*) FROM (SELECT 1 `+old+` ORDER BY since LIMIT 1) w`, micros(before), micros(wall)).Scan(&n); err != nil || n == 0 {
		return err
	}
	return db.Update(ctx, func(tx *Tx) error {
		now := micros(db.Now())
		rows, err := db.query(ctx, tx.Tx, `UPDATE callbacks SET next_at = NULL, ended_at = $3, delivered = 0 WHERE next_at IS NOT NULL AND (transaction_id, number) IN
			(SELECT transaction_id, number `+old+fmt.Sprintf(` ORDER BY since, next_at LIMIT %d) RETURNING transaction_id`, givenUpAtOnce), micros(before), micros(wall), now)
		of, err := collect(rows, err, scanID)
		if err != nil || len(of) == 0 {
			return err
		}
		var c conditions
		c.add(`next_at > ? AND tries = 0`, now)
		c.ids("transaction_id", of)
		_, err = tx.exec(`UPDATE callbacks SET next_at = `+parameters(len(c.args)+1, 1)+` WHERE `+c.where(), append(c.args, now)...)
		return err
	})
}
