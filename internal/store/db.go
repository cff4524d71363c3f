// Package store holds all SQL of purser, for SQLite and for engines that speak PostgreSQL's
// protocol, behind one DB.
//
// There is one text of every statement, in PostgreSQL's spelling; sql.go numbers its
// parameters for SQLite. Reads go to a pool, SQLite's refusing writes. Everything that
// writes goes through Update, a closure that may run twice and must do nothing outside its
// transaction; a map of places that goes in as a whole goes through UpdatePlaces, which runs its
// closure once. Money alone goes through Money, which commits many commands at once and
// answers each only after that commit is on disk (money.go).
//
// Clients, keys, tokens, certificates and projects are kept in memory. Every transaction that
// alters such a thing says so, and raises the row "changes" last: this process forgets what was
// altered at once, other processes on the same database within half a second, or as soon as
// they are about to refuse somebody.
//
// On SQLite one process owns the file; the lock is the caller's to hold (cmd/purser).
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/purserhq/purser/internal/secret"
)

// Options say how a database is opened. All fields but Random are needed.
type Options struct {
	// Box seals and opens secrets.
	Box *secret.Box
	// Now is the business clock, which stamps what is written.
	Now func() time.Time
	// Log gets what an operator should see; never a secret, never a statement's arguments.
	Log *slog.Logger
	// Random is where the lineage of a database comes from, by which copies of its places are told from those of another;
	// nil is chance, also in a sandbox with a seed: what was thrown away must not come back by the same name.
	Random io.Reader
}

// DB is an open database. Close it when done.
type DB struct {
	Options
	// read is the pool for reading, write the one for Update: the same pool on PostgreSQL, a
	// single connection on SQLite.
	read, write *sql.DB
	postgres    bool
	directory   *directory
	money       *moneyWriter
	uses        *uses
	atlas       *atlas
	crowd       crowd
	timetables  timetables
	nextLane    nextLane
	// turn is held by the one Update of this process that runs. They all raise the same rows, so
	// that on PostgreSQL those which run at once would only throw each other back; SQLite has one
	// writer anyway.
	turn chan struct{}
	// broken gets why the disk cannot be relied on any more.
	broken chan error
	// stopped says that nothing is written any more for that.
	stopped    atomic.Bool
	stop       context.CancelFunc
	background *errgroup.Group
	// statements counts the statements sent to the engine: tests hold a budget against it.
	statements atomic.Int64
	rebound    sync.Map
}

// Limits of the pools. No request holds one connection while it asks for a second.
const (
	sqliteReaders  = 4
	postgresPool   = 24
	pollInterval   = 500 * time.Millisecond
	pollTimeout    = 2 * time.Second
	updateAttempts = 12
	connectTimeout = 10 * time.Second
)

// operationTimeout is how long a batch of money may take, startTimeout how long reaching the database may and reading what is kept in
// memory; tests cannot wait for them.
var operationTimeout, startTimeout = 30 * time.Second, 40 * time.Second

// Open opens "sqlite:PATH" or a "postgres://…" address, brings its schema up to date and
// checks that opts.Box is the one that its secrets were sealed with.
func Open(ctx context.Context, address string, opts Options) (*DB, error) {
	db := &DB{Options: opts, turn: make(chan struct{}, 1), broken: make(chan error, 1)}
	db.atlas, db.crowd = newAtlas(db), make(crowd, runtime.GOMAXPROCS(0))
	var err error
	switch {
	case strings.HasPrefix(address, "sqlite:"):
		err = db.openSQLite(strings.TrimPrefix(address, "sqlite:"))
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		err = db.openPostgres(address)
	default:
		// The address may hold a password: it does not go into the error.
		return nil, errors.New("a database is sqlite:PATH or postgres://USER@HOST/NAME")
	}
	if err != nil {
		return nil, err
	}
	if err := db.start(ctx, address); err != nil {
		db.closePools()
		return nil, err
	}
	return db, nil
}

// prepare brings what is in the database up to date. What there is a lot of may take long, and is bounded by each of its
// transactions alone.
func (db *DB) prepare(ctx context.Context) error {
	if err := db.migrate(ctx); err != nil {
		return fmt.Errorf("bringing the schema up to date: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := db.checkBox(bounded); err != nil {
		return err
	}
	if err := db.hashContacts(ctx); err != nil {
		return fmt.Errorf("hashing the contacts of users: %w", err)
	}
	if err := db.fillCards(ctx); err != nil {
		return fmt.Errorf("making the cards of places: %w", err)
	}
	if err := db.fillTurns(ctx); err != nil {
		return fmt.Errorf("looking when places turn: %w", err)
	}
	if err := db.fillLineage(ctx); err != nil {
		return fmt.Errorf("making the lineage of the places: %w", err)
	}
	if err := db.fillTallies(ctx); err != nil {
		return fmt.Errorf("counting payments: %w", err)
	}
	if err := db.openLog(ctx); err != nil {
		return fmt.Errorf("making the log's leaves of what there was before: %w", err)
	}
	return nil
}

func (db *DB) start(ctx context.Context, address string) error {
	if err := db.prepare(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var err error
	if db.directory, err = newDirectory(ctx, db); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.Background())
	db.stop = stop
	db.background, background = errgroup.WithContext(background)
	if db.money, err = newMoneyWriter(ctx, db, address); err != nil {
		stop()
		return err
	}
	db.uses = newUses()
	db.money.start(db.background)
	db.background.Go(func() error { db.uses.run(background, db); return nil })
	db.background.Go(func() error { db.runAtlas(background); return nil })
	db.background.Go(func() error { db.runTallies(background); return nil })
	if db.postgres {
		db.background.Go(func() error { db.followChanges(background); return nil })
	}
	return nil
}

func (db *DB) openSQLite(path string) error {
	// Full durability: a commit that was answered is on disk. The large checkpoint distance
	// keeps checkpoints out of the way of commits; a WAL of that many pages is 256 MiB.
	pragmas := "&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)" +
		"&_pragma=wal_autocheckpoint(65536)&_pragma=temp_store(MEMORY)"
	base := "file:" + sqlitePath(path) + "?_txlock=immediate" + pragmas
	// SQLite gives its other files the mode of the first.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("opening the SQLite database: %w", err)
	}
	file.Close()
	write, err := sql.Open("sqlite", base+"&_pragma=journal_mode(WAL)&_pragma=cache_size(-4096)")
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	// The first connection creates the file and its WAL; a reader could not.
	if err := write.Ping(); err != nil {
		write.Close()
		return fmt.Errorf("opening the SQLite database: %w", err)
	}
	// What a disk that failed had never synced of the WAL is written again here, and synced.
	if _, err := write.Exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		write.Close()
		return fmt.Errorf("opening the SQLite database: %w", err)
	}
	read, err := sql.Open("sqlite", strings.Replace(base, "_txlock=immediate", "_txlock=deferred", 1)+
		"&_pragma=query_only(1)&_pragma=cache_size(-512)") // what else is read often stays in the system's memory
	if err != nil {
		write.Close()
		return err
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	db.read, db.write = read, write
	return nil
}

// sqlitePath keeps the characters that would end the path inside a file: address.
func sqlitePath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func (db *DB) openPostgres(address string) error {
	config, err := postgresConfig(address)
	if err != nil {
		return err
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresPool)
	pool.SetMaxIdleConns(postgresPool)
	pool.SetConnMaxIdleTime(time.Minute)
	db.read, db.write, db.postgres = pool, pool, true
	return nil
}

// postgresConfig reads the address. Statements are described once and cached, but never
// prepared by name, so a pooler that hands out a connection per transaction works.
func postgresConfig(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the postgres:// address cannot be read; write it as postgres://USER@HOST:PORT/NAME")
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	config.ConnectTimeout = connectTimeout
	if _, ok := config.RuntimeParams["application_name"]; !ok {
		config.RuntimeParams["application_name"] = "purser"
	}
	return config, nil
}

// Close finishes the money that is under way, then closes the database. On SQLite the WAL is
// folded into the file.
func (db *DB) Close() error {
	db.money.close()
	db.stop()
	err := db.background.Wait()
	return errors.Join(err, db.closePools())
}

func (db *DB) closePools() error {
	if db.read == db.write {
		return db.read.Close()
	}
	return errors.Join(db.read.Close(), db.write.Close())
}

// Statements counts the statements that were sent to the engine since it was opened.
func (db *DB) Statements() int64 { return db.statements.Load() }

// boxCheck is sealed into every database once, to notice a wrong key-encryption key early.
const boxCheck = "purser"

func (db *DB) checkBox(ctx context.Context) error {
	return db.Update(ctx, func(tx *Tx) error {
		sealed, err := tx.Setting("kek_check")
		switch {
		case err != nil:
			return err
		case sealed == nil:
			return tx.SetSetting("kek_check", db.Box.Seal(boxCheck, "kek_check"))
		}
		if _, err := db.Box.Open(sealed, "kek_check"); err != nil {
			return errors.New("this key-encryption key is not the one that the database was sealed with: give the old one")
		}
		return nil
	})
}

// Tx is one transaction of Update. Its methods are only to be used inside the closure.
type Tx struct {
	db *DB
	*sql.Tx
	ctx     context.Context
	altered []alteration
	// much says that more is altered than was noted.
	much bool
	// auditIDs are numbers of the audit trail that this transaction owns.
	auditIDs numbers
	// told says that something was put into the outbox.
	told bool
	// places is what the transaction alters of places.
	places placeChange
	// statements are those that were prepared, by their text.
	statements map[string]*sql.Stmt
}

// alter notes that the transaction alters something that servers keep in memory.
func (tx *Tx) alter(kind, name string) {
	a := alteration{kind, name}
	switch {
	case kind == alteredCredential: // one that is new must be known everywhere
		tx.altered = append(tx.altered, a)
	case len(tx.altered) >= manyAltered:
		tx.much = true
	case !slices.Contains(tx.altered, a):
		tx.altered = append(tx.altered, a)
	}
}

// manyAltered is how many things a transaction names one by one; with more, everything is
// forgotten.
const manyAltered = 64

// publish raises the counter that other processes follow, as the last thing in a transaction, and
// says what was altered.
func (tx *Tx) publish() error {
	if err := tx.publishPlaces(); err != nil {
		return err
	}
	if len(tx.altered) == 0 {
		return nil
	}
	var seq int64
	if err := tx.queryRow(tx.ctx, `UPDATE changes SET seq = seq + 1 WHERE id = 1 RETURNING seq`).Scan(&seq); err != nil {
		return err
	}
	if tx.much {
		tx.altered = append(tx.altered, alteration{kind: alteredAll})
	}
	slices.SortFunc(tx.altered, func(a, b alteration) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name)) })
	tx.altered = slices.Compact(tx.altered)
	for _, a := range tx.altered {
		if _, err := tx.exec(`INSERT INTO changed (seq, kind, name) VALUES ($1, $2, $3)`, seq, a.kind, a.name); err != nil {
			return err
		}
	}
	if seq%(followedChanges/4) != 0 {
		return nil
	}
	_, err := tx.exec(`DELETE FROM changed WHERE seq <= $1`, seq-2*followedChanges)
	return err
}

// Update runs work in a transaction and commits it. It is run again after a serialization
// failure, a deadlock, a busy file or when another process wrote the same unique value meanwhile,
// which it then sees, so it must do nothing outside the transaction. An error
// of work rolls everything back and is returned as it is.
func (db *DB) Update(ctx context.Context, work func(tx *Tx) error) error {
	return db.UpdateWithin(ctx, operationTimeout, work)
}

// UpdateWithin is Update for what may take longer, such as many places at once. Whoever else writes waits for it.
func (db *DB) UpdateWithin(ctx context.Context, limit time.Duration, work func(tx *Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := db.updateAgain(ctx, work); err != nil {
		return err
	}
	db.atlas.keepUp(ctx)
	return nil
}

func (db *DB) updateAgain(ctx context.Context, work func(tx *Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := db.updateOnce(ctx, work)
		if diskFull(err) {
			return db.noSpace(err)
		}
		if err == nil || attempt == updateAttempts || !repeatable(err) && !racedFor(err) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (db *DB) updateOnce(ctx context.Context, work func(tx *Tx) error) error {
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	isolation := sql.LevelDefault
	if db.postgres {
		// SQLite has one writer; on PostgreSQL a closure that reads before it writes is only
		// as safe when transactions behave as if they ran one after another.
		isolation = sql.LevelSerializable
	}
	return db.transact(ctx, isolation, work)
}

// transact runs work in a transaction, once, commits it, and has this process know what was altered.
func (db *DB) transact(ctx context.Context, isolation sql.IsolationLevel, work func(tx *Tx) error) error {
	if db.stopped.Load() {
		return ErrBroken
	}
	raw, err := db.write.BeginTx(ctx, &sql.TxOptions{Isolation: isolation})
	if err != nil {
		return err
	}
	defer raw.Rollback() // does nothing after a commit
	tx := &Tx{db: db, Tx: raw, ctx: ctx}
	if err := work(tx); err != nil {
		return gone(ctx, err)
	}
	if err := tx.publish(); err != nil {
		return gone(ctx, err)
	}
	if err := raw.Commit(); err != nil {
		if diskFailed(err) {
			return db.breakDown(err)
		}
		if err = gone(ctx, err); db.postgres && Unreachable(err) {
			return &lostAnswer{cause: err}
		}
		return err
	}
	if len(tx.altered) > 0 {
		db.directory.forget(tx.altered)
	}
	if tx.places.many() {
		db.atlas.behind.Store(true)
	} else if tx.places.seq != 0 {
		db.atlas.apply(tx.places.seq, tx.places.cards)
	}
	return nil
}

// gone is err, or why nobody waits for the transaction any more where it was rolled back for that.
func gone(ctx context.Context, err error) error {
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// pause waits before another attempt, a little longer and at random each time.
func pause(ctx context.Context, attempt int) error {
	limit := time.Millisecond << min(attempt, 7)
	select {
	case <-time.After(limit/2 + rand.N(limit)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// repeatable says whether a transaction failed only because of others at the same time.
func repeatable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
			return true
		}
		return false
	}
	return sqliteBusy(err)
}

// racedFor says whether a unique value was there, which work, had it looked, may not have seen.
func racedFor(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// sqliteBusy says whether SQLite gave up waiting for the file.
func sqliteBusy(err error) bool {
	var coded interface{ Code() int }
	return errors.As(err, &coded) && (coded.Code()&0xff == 5 || coded.Code()&0xff == 6)
}
