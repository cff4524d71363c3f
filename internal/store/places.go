package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/purserhq/purser/internal/wallet"
)

// document is the part of a place that no list is filtered by.
type document struct {
	Title       wallet.Text
	Description wallet.Text `json:",omitempty"`
	Address     wallet.Text
	Radius      int                             `json:",omitempty"`
	Hours       wallet.Hours                    `json:",omitempty"`
	Services    map[wallet.Service]wallet.Offer `json:",omitempty"`
	Prices      []wallet.Price                  `json:",omitempty"`
	PinOpen     string                          `json:",omitempty"`
	PinClosed   string                          `json:",omitempty"`
	RemoteSpot  int64                           `json:",omitempty"`
}

const locationColumns = `id, project_id, status, public, lat, lng, updated_at, document`

// InsertLocation adds a place.
func (tx *Tx) InsertLocation(l wallet.Location) error {
	return tx.writeLocation(l, `INSERT INTO locations (`+locationColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`)
}

func scanLocation(rows *sql.Rows) (l wallet.Location, err error) {
	var lat, lng sql.NullInt64
	var updatedAt int64
	var public int
	var text string
	if err := rows.Scan(&l.ID, &l.ProjectID, &l.Status, &public, &lat, &lng, &updatedAt, &text); err != nil {
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
	l.Hours, l.Services, l.Prices, l.PinOpen, l.PinClosed = doc.Hours, doc.Services, doc.Prices, doc.PinOpen, doc.PinClosed
	l.RemoteSpot = doc.RemoteSpot
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

// Locations returns a page of the places that the filter matches, and how many it matches in
// all. Places come in the order of their ids, or nearest first.
func (db *DB) Locations(ctx context.Context, f wallet.LocationFilter) (page []wallet.Location, total int, err error) {
	if f.Projects != nil && len(f.Projects) == 0 {
		return nil, 0, nil
	}
	ids, err := db.matching(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	total = len(ids)
	ids = ids[min(f.Offset, total):]
	if f.Limit > 0 {
		ids = ids[:min(f.Limit, len(ids))]
	}
	for chunk := range slices.Chunk(ids, 500) {
		some, err := db.locationsByID(ctx, chunk)
		if err != nil {
			return nil, 0, err
		}
		page = append(page, some...)
	}
	return page, total, nil
}

// matching returns the ids of all places that the filter matches, in the list's order.
func (db *DB) matching(ctx context.Context, f wallet.LocationFilter) ([]int64, error) {
	conditions, args := where(f)
	rows, err := db.query(ctx, db.read, `SELECT id, lat, lng FROM locations l WHERE `+conditions+` ORDER BY id`, args...)
	type candidate struct {
		id       int64
		distance float64
	}
	found, err := collect(rows, err, func(rows *sql.Rows) (c candidate, err error) {
		var lat, lng sql.NullInt64
		err = rows.Scan(&c.id, &lat, &lng)
		if f.Near != nil {
			c.distance = f.Near.Distance(wallet.Position{Lat: lat.Int64, Lng: lng.Int64})
		}
		return c, err
	})
	if err != nil {
		return nil, err
	}
	if f.Near != nil {
		found = slices.DeleteFunc(found, func(c candidate) bool { return c.distance > f.Distance })
		// Stable: places at the same distance stay in the order of their ids.
		slices.SortStableFunc(found, func(a, b candidate) int {
			switch {
			case a.distance < b.distance:
				return -1
			case a.distance > b.distance:
				return 1
			}
			return 0
		})
	}
	ids := make([]int64, len(found))
	for i, c := range found {
		ids[i] = c.id
	}
	return ids, nil
}

// where is a filter as SQL, exact but for the circle, which it encloses in a box.
func where(f wallet.LocationFilter) (string, []any) {
	conditions, args := []string{"1 = 1"}, []any(nil)
	arg := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	if f.PublicOnly {
		conditions = append(conditions, "public = 1")
	}
	if len(f.Statuses) > 0 {
		conditions = append(conditions, "status IN ("+list(f.Statuses, arg)+")")
	}
	if f.Projects != nil {
		conditions = append(conditions, "project_id IN ("+list(f.Projects, arg)+")")
	}
	if !f.UpdatedAfter.IsZero() {
		conditions = append(conditions, "updated_at > "+arg(micros(f.UpdatedAfter)))
	}
	offers := func(condition string) string {
		return "EXISTS (SELECT 1 FROM location_offers o WHERE o.location_id = l.id AND " + condition + ")"
	}
	if len(f.Services) > 0 {
		conditions = append(conditions, offers("o.service IN ("+list(f.Services, arg)+")"))
	}
	if len(f.Categories) > 0 {
		conditions = append(conditions, offers("o.service = 'pay' AND o.category_id IN ("+list(f.Categories, arg)+")"))
	}
	if f.Near != nil {
		conditions = append(conditions, box(*f.Near, f.Distance, arg))
	}
	return strings.Join(conditions, " AND "), args
}

// list is an IN-list of values, which are bounded by the caller.
func list[T any](values []T, arg func(any) string) string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = arg(value)
	}
	return strings.Join(names, ",")
}

// box encloses the circle around a point: a band of latitudes and, where the circle holds no
// pole, one or two bands of longitudes, two when it crosses the date line.
func box(center wallet.Position, distance float64, arg func(any) string) string {
	const full, half, degree = 360_000_000, 180_000_000, 180 / math.Pi
	angle := distance / wallet.EarthRadius
	// One microdegree more than needed on each side takes care of rounding.
	reach := int64(math.Ceil(min(angle*degree, 180)*1e6)) + 1
	south, north := center.Lat-reach, center.Lat+reach
	condition := "lat BETWEEN " + arg(max(south, -half/2)) + " AND " + arg(min(north, half/2))
	if south <= -half/2 || north >= half/2 {
		return condition // a pole lies inside: every longitude does
	}
	lat, _ := center.Degrees()
	width := math.Asin(min(math.Sin(angle)/math.Cos(lat/degree), 1)) * degree
	reach = int64(math.Ceil(width*1e6)) + 1
	west, east := center.Lng-reach, center.Lng+reach
	switch {
	case east-west >= full:
		return condition
	case west < -half:
		return condition + " AND (lng >= " + arg(west+full) + " OR lng <= " + arg(east) + ")"
	case east > half:
		return condition + " AND (lng >= " + arg(west) + " OR lng <= " + arg(east-full) + ")"
	}
	return condition + " AND lng BETWEEN " + arg(west) + " AND " + arg(east)
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
