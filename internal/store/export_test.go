package store

import (
	"context"
	"fmt"
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

// SetAccountsAtOnce has Verify read the journal for fewer accounts at a time, and returns how to take that back.
func SetAccountsAtOnce(n int64) (restore func()) {
	before := accountsAtOnce
	accountsAtOnce = n
	return func() { accountsAtOnce = before }
}

// SetAllowancesAtOnce has Verify prove fewer allowances at a time, and returns how to take that back.
func SetAllowancesAtOnce(n int64) (restore func()) {
	before := allowancesAtOnce
	allowancesAtOnce = n
	return func() { allowancesAtOnce = before }
}

// LimitPages makes the SQLite file full at so many pages more than it has; with 0 there is space again.
func (db *DB) LimitPages(ctx context.Context, more int64) error {
	var pages int64
	if err := db.write.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	if more == 0 {
		pages = 1 << 30
	}
	_, err := db.write.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages+more))
	return err
}

// ForgetPrepared drops the statements that the money writer has prepared on its connection.
func (db *DB) ForgetPrepared(ctx context.Context) error {
	_, err := db.money.engine.(*postgresMoney).pool.Exec(ctx, "DEALLOCATE ALL", pgx.QueryExecModeSimpleProtocol)
	return err
}

// Unnamed says whether the money writer prepares no statement by name any more.
func (db *DB) Unnamed() bool { return db.money.engine.(*postgresMoney).unnamed.Load() }

// FollowPlaces takes over what others wrote of places, as happens every half second.
func (db *DB) FollowPlaces(ctx context.Context) error { return db.atlas.follow(ctx) }

// SetPlansMost lets timetables that were read take less memory, and returns how to take that back.
func SetPlansMost(n int64) (restore func()) {
	before := plansMost
	plansMost = n
	return func() { plansMost = before }
}

// SetIdleMost has the atlas be tidied for fewer timetables that no place has, and returns how to take that back.
func SetIdleMost(n int) (restore func()) {
	before := idleMost
	idleMost = n
	return func() { idleMost = before }
}

// TimetableCost is what a timetable counts for that was read, by its zone and hours.
func TimetableCost(zone, hours string) int64 {
	return (&timetable{key: zone + "\x00" + hours}).cost()
}

// Timetables are how many timetables the atlas has, how many of them are kept as they were read, and what those count for,
// which is also what the atlas has added up.
func (db *DB) Timetables() (all, read int, size int64, added bool) {
	db.atlas.altering.Lock()
	defer db.atlas.altering.Unlock()
	for _, t := range db.atlas.tables[1:] {
		if all++; t.read.Load() != nil {
			read++
			size += t.cost()
		}
	}
	return all, read, size, size == db.atlas.plans.size.Load() && len(db.atlas.named) == all
}

// SetPlacesAtEase has searches wait for their turn that look at more places than so many, and returns how to take that back.
func SetPlacesAtEase(n int) (restore func()) {
	before := placesAtEase
	placesAtEase = n
	return func() { placesAtEase = before }
}

// Crowd takes every turn there is for searches that look at very many places, and returns how to give them back.
func (db *DB) Crowd() (leave func()) {
	for range cap(db.crowd) {
		db.crowd <- struct{}{}
	}
	return func() {
		for range cap(db.crowd) {
			<-db.crowd
		}
	}
}

// SetStartTimeout makes shorter how long the start may take but for what there is a lot of, and returns how to take that back.
func SetStartTimeout(d time.Duration) (restore func()) {
	before := startTimeout
	startTimeout = d
	return func() { startTimeout = before }
}
