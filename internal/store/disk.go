package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/purserhq/purser/internal/wallet"
)

// ErrBroken says that the disk failed at a commit: nobody knows whether that will be there after the next start, and nothing is
// written any more.
var ErrBroken = errors.New("store: the disk failed at a commit; only the next start finds out what became of it")

// The primary result codes of SQLite (sqlite.org/rescode.html).
const (
	sqliteIOError = 10
	sqliteFull    = 13
)

// sqliteCode is the primary result code of an error of SQLite, 0 for another error.
func sqliteCode(err error) int {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code() & 0xff
	}
	return 0
}

// diskFull says whether there was no space to write to. Then nothing was committed.
func diskFull(err error) bool {
	var pg *pgconn.PgError
	return sqliteCode(err) == sqliteFull || errors.As(err, &pg) && pg.Code == "53100"
}

// diskFailed says whether SQLite could not write, or sync what it wrote. Where that happens at a commit the system may have
// dropped what it could not write, and say at the next try that all is well.
func diskFailed(err error) bool { return sqliteCode(err) == sqliteIOError }

// noSpace is what a caller is told who found the disk full; the operator is told why.
func (db *DB) noSpace(err error) error {
	db.Log.Error("the disk is full: nothing is written until there is space", "error", err)
	return wallet.Errorf(wallet.ServiceUnavailable, "the server cannot store anything at the moment: try again later.")
}

// breakDown ends all writing.
func (db *DB) breakDown(cause error) error {
	if db.stopped.CompareAndSwap(false, true) {
		db.broken <- cause
	}
	return ErrBroken
}

// Broken gets the error with which the disk failed at a commit. The process must end without writing to the database again,
// and start anew.
func (db *DB) Broken() <-chan error { return db.broken }

// Unreachable says whether err is of the way to the database, or of a file that somebody else has locked, rather than of what was
// asked for: nothing was done, and the same may succeed in a moment. It is false where the answer to a commit was lost: nobody
// knows then what was done.
func Unreachable(err error) bool {
	var lost *lostAnswer
	if err == nil || errors.As(err, &lost) {
		return false
	}
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		// A replica that does not write is what a server finds which was not told yet that another one took over.
		return goingDown(answered) || answered.Code == "25006"
	}
	var connecting *pgconn.ConnectError
	var network *net.OpError
	return errors.As(err, &connecting) || errors.As(err, &network) || sqliteBusy(err) || errors.Is(err, errNotReached) || errors.Is(err, ErrClosed) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, net.ErrClosed)
}

// Ready fails where requests cannot be answered: the database does not answer, or its disk failed.
func (db *DB) Ready(ctx context.Context) error {
	if db.stopped.Load() {
		return ErrBroken
	}
	var seq int64
	return db.queryRow(ctx, db.read, `SELECT seq FROM changes WHERE id = 1`).Scan(&seq)
}
