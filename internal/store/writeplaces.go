package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/zone"
)

// placeChange is what a transaction alters of places. It takes the next number when it first does, and with it a row
// that nobody else gets before it has ended: so numbers, and the times of places, are in the order of commits, and
// whoever has seen one has seen all before.
type placeChange struct {
	// seq is the number, 0 before the first place.
	seq int64
	// floor is the least time that a place may be given, newest the greatest that was; in microseconds.
	floor, newest int64
	// cards are those that were written, unless many were.
	cards []cardRow
	many  bool
}

// manyPlaces is how many places of one transaction are taken over without being read again.
const manyPlaces = 1000

// changePlaces takes the next number for a transaction that alters places.
func (tx *Tx) changePlaces() error {
	if tx.places.seq != 0 {
		return nil
	}
	var stamp int64
	err := tx.queryRow(tx.ctx, `UPDATE place_changes SET seq = seq + 1 WHERE id = 1 RETURNING seq, stamp`).Scan(&tx.places.seq, &stamp)
	tx.places.floor = stamp + 1
	return err
}

// PlaceTime is when a place counts as altered that is altered now: later than every place before, whatever the clock says,
// so that who asks for what is newer misses nothing.
func (tx *Tx) PlaceTime(now time.Time) (time.Time, error) {
	err := tx.changePlaces()
	return fromMicros(max(micros(now), tx.places.floor)), err
}

// publishPlaces keeps the newest time for those who come next.
func (tx *Tx) publishPlaces() error {
	if tx.places.newest == 0 {
		return nil
	}
	_, err := tx.exec(`UPDATE place_changes SET stamp = $1 WHERE id = 1`, max(tx.places.newest, tx.places.floor))
	return err
}

// InsertLocation adds a place. Its UpdatedAt is raised to PlaceTime where it is earlier.
func (tx *Tx) InsertLocation(l wallet.Location) error {
	return tx.writeLocations([]wallet.Location{l}, `INSERT INTO locations (`+locationColumns+`) VALUES `, ``)
}

// UpdateLocation replaces all of a place, like PutLocations.
func (tx *Tx) UpdateLocation(l wallet.Location) error { return tx.PutLocations([]wallet.Location{l}) }

// PutLocations adds places, or replaces all of those that are there, each once. A place's project must stay the same: clients
// are based there. UpdatedAt is raised to PlaceTime where it is earlier.
func (tx *Tx) PutLocations(places []wallet.Location) error {
	for some := range slices.Chunk(places, tx.db.placesAtOnce()) {
		err := tx.writeLocations(some, `INSERT INTO locations (`+locationColumns+`) VALUES `, ` ON CONFLICT (id) DO UPDATE SET
			status = excluded.status, public = excluded.public, lat = excluded.lat, lng = excluded.lng,
			updated_at = excluded.updated_at, document = excluded.document`)
		if err != nil {
			return err
		}
	}
	return nil
}

// placesAtOnce is how many places one statement writes. SQLite looks through all of a statement's parameters for each one, so
// that few places cost it less; PostgreSQL waits for each statement.
func (db *DB) placesAtOnce() int {
	if db.postgres {
		return 100
	}
	return 16
}

// writeLocations runs a statement on the values of locationColumns, then writes the cards.
func (tx *Tx) writeLocations(places []wallet.Location, statement, conflict string) error {
	if err := tx.changePlaces(); err != nil {
		return err
	}
	args := make([]any, 0, 8*len(places))
	for i := range places {
		l := places[i]
		l.UpdatedAt = fromMicros(max(micros(l.UpdatedAt), tx.places.floor))
		tx.places.newest = max(tx.places.newest, micros(l.UpdatedAt))
		text, err := placeDocument(&l)
		if err != nil {
			return err
		}
		var lat, lng sql.NullInt64
		if l.Position != nil {
			lat, lng = sql.NullInt64{Int64: l.Position.Lat, Valid: true}, sql.NullInt64{Int64: l.Position.Lng, Valid: true}
		}
		args = append(args, l.ID, l.ProjectID, l.Status, flag(l.Public), lat, lng, micros(l.UpdatedAt), text)
	}
	if _, err := tx.exec(statement+tuples(len(places), 8)+conflict, args...); err != nil {
		return err
	}
	return tx.writeCards(places)
}

// writeCards makes the cards of places, with the times that they were given.
func (tx *Tx) writeCards(places []wallet.Location) error {
	args, cards := make([]any, 0, 7*len(places)), make(map[int64][]byte, len(places))
	for i := range places {
		l := places[i]
		l.UpdatedAt = fromMicros(max(micros(l.UpdatedAt), tx.places.floor))
		raw, shown := writeCard(&l), int64(0)
		if l.Public {
			shown = tx.places.seq
		}
		cards[l.ID] = raw
		args = append(args, l.ID, tx.places.seq, flag(l.Public), micros(l.UpdatedAt), shown, raw, tx.db.turnsAt(&l))
	}
	rows, err := tx.db.query(tx.ctx, tx.Tx, `INSERT INTO location_cards (location_id, seq, public, updated_at, public_seq, card, turns_at) VALUES `+
		tuples(len(places), 7)+` ON CONFLICT (location_id) DO UPDATE SET seq = excluded.seq, public = excluded.public,
		updated_at = excluded.updated_at, card = excluded.card, turns_at = excluded.turns_at,
		public_seq = CASE WHEN excluded.public = 1 OR location_cards.public = 1 THEN excluded.seq ELSE location_cards.public_seq END,
		withdrawn_at = CASE WHEN excluded.public = 1 THEN NULL WHEN location_cards.public = 1 THEN excluded.updated_at
			ELSE location_cards.withdrawn_at END
		RETURNING location_id, seq, withdrawn_at`, args...)
	written, err := collect(rows, err, func(rows *sql.Rows) (c cardRow, err error) {
		err = rows.Scan(&c.id, &c.seq, &c.withdrawn)
		c.card = cards[c.id]
		return c, err
	})
	if tx.places.many = tx.places.many || len(tx.places.cards)+len(written) > manyPlaces; tx.places.many {
		tx.places.cards = nil
	} else {
		tx.places.cards = append(tx.places.cards, written...)
	}
	return err
}

// tuples is "($1,$2),($3,$4),…" for n rows of some columns.
func tuples(n, columns int) string {
	var list strings.Builder
	for i := range n {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteByte('(')
		for j := range columns {
			if j > 0 {
				list.WriteByte(',')
			}
			list.WriteByte('$')
			list.WriteString(strconv.Itoa(i*columns + j + 1))
		}
		list.WriteByte(')')
	}
	return list.String()
}

// flag is a truth as it is stored.
func flag(is bool) int {
	if is {
		return 1
	}
	return 0
}

// placeDocument is the document of a place as it is stored.
func placeDocument(l *wallet.Location) (string, error) {
	text, err := json.Marshal(document{
		Title: l.Title, Description: l.Description, Address: l.Address, Radius: l.Radius,
		Hours: storedHours{l.Hours}, Timezone: l.Timezone, ZoneGiven: l.TimezoneGiven,
		Services: l.Services, Prices: l.Prices, PinOpen: l.PinOpen, PinClosed: l.PinClosed, RemoteSpot: l.RemoteSpot,
	})
	return string(text), err
}

// storedHours are working hours in a place's document: a text, or an interval a day as before there were others.
type storedHours struct{ *hours.Schedule }

// IsZero says whether they are unknown.
func (h storedHours) IsZero() bool { return h.Schedule == nil }

// UnmarshalJSON reads both forms.
func (h *storedHours) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		schedule, err := hours.Restore(text)
		h.Schedule = schedule
		return err
	}
	var days map[time.Weekday]struct{ Open, Close int }
	if err := json.Unmarshal(raw, &days); err != nil {
		return err
	}
	spans := map[time.Weekday]hours.Span{}
	for day, span := range days {
		spans[day] = hours.Between(hours.Minute(span.Open), hours.Minute(span.Close))
	}
	schedule, err := hours.FromDaily(spans)
	h.Schedule = schedule
	return err
}

// fillCards gives places of before there were cards theirs, and the time zone of their position.
func (db *DB) fillCards(ctx context.Context) error {
	zones := new(zone.Map)
	for more := true; more; {
		err := db.Update(ctx, func(tx *Tx) error {
			rows, err := db.query(ctx, tx.Tx, `SELECT `+locationColumns+` FROM locations
				WHERE NOT EXISTS (SELECT 1 FROM location_cards c WHERE c.location_id = locations.id) ORDER BY id LIMIT $1`, unhashedAtOnce)
			places, err := collect(rows, err, scanLocation)
			if more = len(places) == unhashedAtOnce; err != nil || len(places) == 0 {
				return err
			}
			if err := tx.changePlaces(); err != nil {
				return err
			}
			tx.places.floor = 0 // they stay as old as they are
			for i := range places {
				l := &places[i]
				if l.Position != nil && l.Timezone == "" {
					l.Timezone = zones.At(l.Position.Degrees())
				}
				text, err := placeDocument(l)
				if err != nil {
					return err
				}
				if _, err := tx.exec(`UPDATE locations SET document = $2 WHERE id = $1`, l.ID, text); err != nil {
					return err
				}
			}
			for some := range slices.Chunk(places, db.placesAtOnce()) {
				if err := tx.writeCards(some); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
