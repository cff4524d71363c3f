package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// What a sandbox needs beside what all servers do: when something is due next, and the whole database as a file.

// NextDue are the next instants after a time at which something happens; those that there are not are zero.
type NextDue struct {
	// Timer is when something happens by itself: what is due of a transaction, an allowance that is over, a callback that
	// is sent, or sent again.
	Timer time.Time
	// Allowance is when an allowance is over, Token when an access token is that works now.
	Allowance, Token time.Time
}

// NextDue returns what happens after now.
func (db *DB) NextDue(ctx context.Context, now time.Time) (due NextDue, err error) {
	var transaction, allowance, callback, token sql.NullInt64
	err = db.queryRow(ctx, db.read, `SELECT (SELECT min(due_at) FROM transactions WHERE due_at > $1), (SELECT min(due_at) FROM allowances WHERE due_at > $1),
		(SELECT min(next_at) FROM callbacks WHERE next_at > $1),
		(SELECT min(t.expires_at) FROM tokens t JOIN families f ON f.id = t.family_id
			WHERE t.expires_at > $1 AND t.active_at IS NOT NULL AND f.ended_at IS NULL)`, micros(now)).Scan(&transaction, &allowance, &callback, &token)
	due.Allowance, due.Token = timeOrZero(allowance), timeOrZero(token)
	for _, at := range []sql.NullInt64{transaction, allowance, callback} {
		if t := timeOrZero(at); due.Timer.IsZero() || at.Valid && t.Before(due.Timer) {
			due.Timer = t
		}
	}
	return due, err
}

// CallbacksDue returns how many callbacks are due by now and not yet delivered, those that are on their way included.
func (db *DB) CallbacksDue(ctx context.Context, now time.Time) (n int, err error) {
	err = db.queryRow(ctx, db.read, `SELECT count(*) FROM callbacks WHERE next_at <= $1`, micros(now)).Scan(&n)
	return n, err
}

// ErrNotAFile says that a database is not a file of ours that could be copied.
var ErrNotAFile = errors.New("store: only a SQLite database can be copied to a file")

// CopyTo writes the database to a new file, as it is at one moment; whoever writes waits for that. What its processes lease
// for themselves is given back in the copy: they do not live on in it. It has no lineage: each time that it is opened somewhere
// it gets one of its own, since it goes on in another way than the database, and than the copy did the last time.
func (db *DB) CopyTo(ctx context.Context, path string) (err error) {
	if db.postgres {
		return ErrNotAFile
	}
	return copyTo(ctx, db.write, path)
}

// copyTo is CopyTo from any connection to the database.
func copyTo(ctx context.Context, from *sql.DB, path string) (err error) {
	if file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil { // for its owner alone
		return err
	} else if err := file.Close(); err != nil {
		return err
	}
	if _, err := from.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	copied, err := sql.Open("sqlite", "file:"+sqlitePath(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	for _, statement := range []string{`DELETE FROM leases`, `UPDATE callbacks SET leased_until = 0 WHERE leased_until > 0`,
		`UPDATE place_changes SET lineage = 0`} {
		if _, err := copied.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("making the copy of the database nobody's: %w", err)
		}
	}
	return nil
}
