package store

import (
	"context"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
)

// Migrations are the files that the schema is made by, in an engine's spelling.
func Migrations(postgres bool) (fs.FS, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil || !postgres {
		return files, err
	}
	return rewritten(files)
}

// TokenPlace names where the key of an access token is sealed.
func TokenPlace(fingerprint []byte) string { return tokenPlace(fingerprint) }

// SetOperationTimeout makes what a command may take shorter, and returns how to take that back.
func SetOperationTimeout(d time.Duration) (restore func()) {
	before := operationTimeout
	operationTimeout = d
	return func() { operationTimeout = before }
}

// Postgres says whether the engine speaks PostgreSQL's protocol.
func (db *DB) Postgres() bool { return db.postgres }

// LoadIDs reads all ids anew, as Prune does.
func (db *DB) LoadIDs(ctx context.Context) error { return db.directory.loadIDs(ctx) }

// ForgetPrepared drops the statements that the money writer has prepared on its connection.
func (db *DB) ForgetPrepared(ctx context.Context) error {
	_, err := db.money.engine.(*postgresMoney).pool.Exec(ctx, "DEALLOCATE ALL", pgx.QueryExecModeSimpleProtocol)
	return err
}

// Unnamed says whether the money writer prepares no statement by name any more.
func (db *DB) Unnamed() bool { return db.money.engine.(*postgresMoney).unnamed.Load() }
