package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// toPostgres is all that the schema's text differs by: STRICT tables refuse what PostgreSQL
// refuses, and an INTEGER of SQLite has 64 bits.
var toPostgres = strings.NewReplacer("INTEGER", "BIGINT", "BLOB", "BYTEA", ") STRICT, WITHOUT ROWID", ")", ") STRICT", ")")

// lockWait is how long a server waits for another one that brings the schema up to date, looking each lockInterval: by itself goose
// looks again after five seconds only, and a second server would start late.
const (
	lockInterval = 100 * time.Millisecond
	lockWait     = time.Hour
)

// migrate brings the schema up to date, which may take as long as there are rows: only reaching the database is bounded. Several
// processes may do so at once on PostgreSQL: a row in a table of its own, not an advisory lock, lets one go first.
func (db *DB) migrate(ctx context.Context) error {
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption(nil)
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if db.postgres {
		dialect = goose.DialectPostgres
		if files, err = rewritten(files); err != nil {
			return err
		}
		locker, err := lock.NewPostgresTableLocker(lock.WithTableLockTimeout(lockInterval, uint64(lockWait/lockInterval)))
		if err != nil {
			return err
		}
		options = append(options, goose.WithLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db.write, files, options...)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	reached, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := db.write.PingContext(reached); err != nil {
		return err
	}
	is, err := db.schemaVersion(reached) // a new database has no such table yet
	if err == nil && is < known {
		db.Log.Info("the schema of the database is brought up to date", "from", is, "to", known)
	}
	if _, err = provider.Up(ctx); err != nil {
		return err
	}
	if is, err = db.schemaVersion(ctx); err == nil && is > known {
		// It would write without what newer versions keep beside the money, such as leaves of the log.
		return fmt.Errorf("a newer version of purser has had the database: its schema is at version %d, and this program's at %d; start that one", is, known)
	}
	return err
}

func (db *DB) schemaVersion(ctx context.Context) (is int64, err error) {
	err = db.queryRow(ctx, db.read, `SELECT max(version_id) FROM goose_db_version`).Scan(&is)
	return is, err
}

// rewritten is the schema in PostgreSQL's spelling.
func rewritten(files fs.FS) (fs.FS, error) {
	out := fstest.MapFS{}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		out[name] = &fstest.MapFile{Data: []byte(toPostgres.Replace(string(text)))}
	}
	return out, nil
}
