package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// Places by the thousand: what an import and an export of a whole map need.

// UpdatePlaces runs work in a transaction that may last as long as limit, alters places and little else, and commits it. Work
// runs once: what it reads need not be there a second time. Nobody else alters a place meanwhile; on SQLite nobody else writes
// anything. An error of work rolls everything back and is returned as it is.
func (db *DB) UpdatePlaces(ctx context.Context, limit time.Duration, work func(tx *Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	isolation := sql.LevelDefault
	if db.postgres {
		// Who holds the places needs no more than that to be alone with them, and cannot be thrown back by others. The turn
		// of this process is not taken either: others go on as long as they alter no place.
		isolation = sql.LevelReadCommitted
	}
	err := db.transact(ctx, isolation, func(tx *Tx) error {
		if err := tx.holdPlaces(); err != nil {
			return err
		}
		return work(tx)
	})
	if diskFull(err) {
		return db.noSpace(err)
	}
	if err == nil {
		db.atlas.keepUp(ctx)
	}
	return err
}

// holdPlaces takes the rows that everybody takes who alters places, in the order in which all take them.
func (tx *Tx) holdPlaces() error {
	if tx.db.postgres {
		// A process that stands still, or is cut off, holds up nobody for longer.
		if _, err := tx.exec(`SET LOCAL idle_in_transaction_session_timeout = '30s'`); err != nil {
			return err
		}
	}
	if _, err := tx.nextIDs(LocationIDs, 0); err != nil {
		return err
	}
	return tx.changePlaces()
}

// InsertLocations adds places and numbers them, one after another.
func (tx *Tx) InsertLocations(places []wallet.Location) error {
	if len(places) == 0 {
		return nil
	}
	first, err := tx.nextIDs(LocationIDs, int64(len(places)))
	if err != nil {
		return err
	}
	for i := range places {
		places[i].ID = first + int64(i)
	}
	return tx.writeLocations(places, ``, ``)
}

// NewerLocations says whether any place with a greater number than that is of the project, and which number is the greatest of all.
func (tx *Tx) NewerLocations(project, than int64) (has bool, newest int64, err error) {
	const page = 1000
	for newest = than; ; {
		// Asked for like this, PostgreSQL takes the numbers in their order, also where it does not know yet how many there are.
		rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT id, project_id FROM locations WHERE id > $1 ORDER BY id LIMIT $2`, newest, page)
		some, err := collect(rows, err, func(rows *sql.Rows) (one [2]int64, err error) { return one, rows.Scan(&one[0], &one[1]) })
		if err != nil {
			return false, 0, err
		}
		for _, one := range some {
			newest, has = one[0], has || one[1] == project
		}
		if has || len(some) < page {
			return has, newest, nil
		}
	}
}

// NewestLocation is the greatest number of a place, 0 where there is none.
func (db *DB) NewestLocation(ctx context.Context) (id int64, err error) {
	err = db.queryRow(ctx, db.read, `SELECT COALESCE(MAX(id), 0) FROM locations`).Scan(&id)
	return id, err
}

// LocationsByID returns places as the transaction sees them, by number, leaving out what is not there.
func (tx *Tx) LocationsByID(ids []int64) ([]wallet.Location, error) {
	return tx.db.someLocations(tx.ctx, tx.Tx, ids)
}

// LocationsByID returns places by number, leaving out what is not there.
func (db *DB) LocationsByID(ctx context.Context, ids []int64) ([]wallet.Location, error) {
	return db.someLocations(ctx, db.read, ids)
}

func (db *DB) someLocations(ctx context.Context, q querier, ids []int64) (all []wallet.Location, err error) {
	for chunk := range slices.Chunk(ids, 500) {
		rows, err := db.query(ctx, q, `SELECT `+locationColumns+` FROM locations WHERE id IN (`+parameters(1, len(chunk))+`) ORDER BY id`, anys(chunk)...)
		some, err := collect(rows, err, scanLocation)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// LocationsAfter returns the places of a project, of all for 0, in use or not, by number from the first above after on,
// at most limit of them.
func (db *DB) LocationsAfter(ctx context.Context, project, after int64, limit int) ([]wallet.Location, error) {
	rows, err := db.query(ctx, db.read, `SELECT `+locationColumns+` FROM locations
		WHERE id > $1 AND (CAST($2 AS BIGINT) = 0 OR project_id = $2) ORDER BY id LIMIT $3`, after, project, limit)
	return collect(rows, err, scanLocation)
}

// Landmark is what a place is recognised by.
type Landmark struct {
	ID       int64
	Title    wallet.Text
	Position *wallet.Position
}

// Landmarks returns what the places of a project are recognised by, like LocationsAfter.
func (db *DB) Landmarks(ctx context.Context, project, after int64, limit int) ([]Landmark, error) {
	rows, err := db.query(ctx, db.read, `SELECT id, lat, lng, document FROM locations
		WHERE id > $1 AND project_id = $2 ORDER BY id LIMIT $3`, after, project, limit)
	return collect(rows, err, func(rows *sql.Rows) (l Landmark, err error) {
		var lat, lng sql.NullInt64
		var text string
		if err := rows.Scan(&l.ID, &lat, &lng, &text); err != nil {
			return l, err
		}
		if lat.Valid {
			l.Position = &wallet.Position{Lat: lat.Int64, Lng: lng.Int64}
		}
		var doc struct{ Title wallet.Text }
		err = json.Unmarshal([]byte(text), &doc)
		l.Title = doc.Title
		return l, err
	})
}
