package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/purserhq/purser/internal/wallet"
)

// Places by the thousand: what an import and an export of a whole map need.

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
	return tx.PutLocations(places)
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
