package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/purserhq/purser/internal/wallet"
)

// document is the part of a place that no list is filtered by.
type document struct {
	Title       wallet.Text
	Description wallet.Text `json:",omitempty"`
	Address     wallet.Text
	Radius      int         `json:",omitempty"`
	Hours       storedHours `json:",omitzero"`
	Timezone    string      `json:",omitempty"`
	// ZoneGiven says that somebody named the zone.
	ZoneGiven  bool                            `json:",omitempty"`
	Services   map[wallet.Service]wallet.Offer `json:",omitempty"`
	Prices     []wallet.Price                  `json:",omitempty"`
	PinOpen    string                          `json:",omitempty"`
	PinClosed  string                          `json:",omitempty"`
	RemoteSpot int64                           `json:",omitempty"`
}

const (
	locationColumns       = `id, project_id, status, public, lat, lng, updated_at, document`
	joinedLocationColumns = `l.id, l.project_id, l.status, l.public, l.lat, l.lng, l.updated_at, l.document`
)

func scanLocation(rows *sql.Rows) (l wallet.Location, err error) { return scanLocationWith(rows) }

// scanLocationWith reads a place with what stands behind it in the row.
func scanLocationWith(rows *sql.Rows, more ...any) (l wallet.Location, err error) {
	var lat, lng sql.NullInt64
	var updatedAt int64
	var public int
	var text string
	into := append([]any{&l.ID, &l.ProjectID, &l.Status, &public, &lat, &lng, &updatedAt, &text}, more...)
	if err := rows.Scan(into...); err != nil {
		return l, err
	}
	var doc document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return l, err
	}
	l.Public, l.UpdatedAt = public == 1, fromMicros(updatedAt)
	if lat.Valid {
		l.Position = &wallet.Position{Lat: lat.Int64, Lng: lng.Int64}
	}
	l.Title, l.Description, l.Address, l.Radius = doc.Title, doc.Description, doc.Address, doc.Radius
	l.Hours, l.Timezone, l.TimezoneGiven = doc.Hours.Schedule, doc.Timezone, doc.ZoneGiven
	l.Services, l.Prices, l.PinOpen, l.PinClosed, l.RemoteSpot = doc.Services, doc.Prices, doc.PinOpen, doc.PinClosed, doc.RemoteSpot
	return l, nil
}

// Location returns the place; nil when there is none.
func (db *DB) Location(ctx context.Context, id int64) (*wallet.Location, error) {
	found, err := db.locationsByID(ctx, []int64{id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Location returns the place as the transaction sees it, nil when there is none.
func (tx *Tx) Location(id int64) (*wallet.Location, error) {
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT `+locationColumns+` FROM locations WHERE id = $1`, id)
	found, err := collect(rows, err, scanLocation)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// locationsByID returns places in the order of ids, leaving out what is not there.
func (db *DB) locationsByID(ctx context.Context, ids []int64) ([]wallet.Location, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, len(ids))
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		args[i], place[id] = id, i
	}
	rows, err := db.query(ctx, db.read, `SELECT `+locationColumns+` FROM locations WHERE id IN (`+parameters(1, len(ids))+`)`, args...)
	found, err := collect(rows, err, scanLocation)
	slices.SortFunc(found, func(a, b wallet.Location) int { return place[a.ID] - place[b.ID] })
	return found, err
}

// InsertPayCategory adds a pay category; its parent comes first.
func (tx *Tx) InsertPayCategory(c wallet.PayCategory) error {
	title, err := json.Marshal(c.Title)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO pay_categories (id, parent_id, title, active_uri, inactive_uri) VALUES ($1, $2, $3, $4, $5)`,
		c.ID, idOrNull(c.ParentID), string(title), c.ActiveURI, c.InactiveURI)
	return err
}

// PayCategories returns all pay categories by id.
func (db *DB) PayCategories(ctx context.Context) ([]wallet.PayCategory, error) {
	rows, err := db.query(ctx, db.read, `SELECT id, parent_id, title, active_uri, inactive_uri FROM pay_categories ORDER BY id`)
	return collect(rows, err, func(rows *sql.Rows) (c wallet.PayCategory, err error) {
		var parent sql.NullInt64
		var title string
		if err := rows.Scan(&c.ID, &parent, &title, &c.ActiveURI, &c.InactiveURI); err != nil {
			return c, err
		}
		c.ParentID = parent.Int64
		return c, json.Unmarshal([]byte(title), &c.Title)
	})
}
