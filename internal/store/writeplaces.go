package store

import (
	"context"
	"encoding/json"
	"slices"
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
	// written counts them; cards are those that were written, unless they are more than manyPlaces.
	written int
	cards   []cardRow
}

// manyPlaces is how many places of one transaction are taken over without being read again.
const manyPlaces = 1000

// many says that the places are read again by who takes them over.
func (p *placeChange) many() bool { return p.written > manyPlaces }

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
	return tx.writeLocations([]wallet.Location{l}, ``, ``)
}

// UpdateLocation replaces all of a place, like PutLocations.
func (tx *Tx) UpdateLocation(l wallet.Location) error { return tx.PutLocations([]wallet.Location{l}) }

// PutLocations adds places, or replaces all of those that are there, each once. A place's project must stay the same: clients
// are based there. UpdatedAt is raised to PlaceTime where it is earlier.
func (tx *Tx) PutLocations(places []wallet.Location) error {
	return tx.writeLocations(places, ` ON CONFLICT (id) DO UPDATE SET
		status = excluded.status, public = excluded.public, lat = excluded.lat, lng = excluded.lng,
		updated_at = excluded.updated_at, document = excluded.document`, replaceCard)
}

// replaceCard is what becomes of a card that is there.
const replaceCard = ` ON CONFLICT (location_id) DO UPDATE SET seq = excluded.seq, public = excluded.public,
	updated_at = excluded.updated_at, card = excluded.card, turns_at = excluded.turns_at,
	public_seq = CASE WHEN excluded.public = 1 OR location_cards.public = 1 THEN excluded.seq ELSE location_cards.public_seq END,
	withdrawn_at = CASE WHEN excluded.public = 1 THEN NULL WHEN location_cards.public = 1 THEN excluded.updated_at
		ELSE location_cards.withdrawn_at END`

// placesAtOnce is how many places are written together.
const placesAtOnce = 1000

// writeLocations adds places, then writes their cards. What becomes of those that are there, ofPlace and ofCard say.
func (tx *Tx) writeLocations(places []wallet.Location, ofPlace, ofCard string) error {
	if len(places) == 0 {
		return nil
	}
	if err := tx.changePlaces(); err != nil {
		return err
	}
	for some := range slices.Chunk(places, placesAtOnce) {
		rows := newRows(len(some), "BIGINT", "BIGINT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "TEXT")
		for i := range some {
			l := some[i]
			l.UpdatedAt = fromMicros(max(micros(l.UpdatedAt), tx.places.floor))
			tx.places.newest = max(tx.places.newest, micros(l.UpdatedAt))
			text, err := placeDocument(&l)
			if err != nil {
				return err
			}
			var lat, lng any
			if l.Position != nil {
				lat, lng = l.Position.Lat, l.Position.Lng
			}
			rows.add(l.ID, l.ProjectID, string(l.Status), flag(l.Public), lat, lng, micros(l.UpdatedAt), text)
		}
		if err := tx.insert(`INSERT INTO locations (`+locationColumns+`) `, rows, ofPlace); err != nil {
			return err
		}
		if err := tx.writeCards(some, ofCard); err != nil {
			return err
		}
	}
	return nil
}

// writeCards makes the cards of places, with the times that they were given; conflict is what becomes of those that are there.
func (tx *Tx) writeCards(places []wallet.Location, conflict string) error {
	rows := newRows(len(places), "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BYTEA", "BIGINT")
	if tx.places.written += len(places); tx.places.many() {
		tx.places.cards = nil
	}
	var hidden []int64
	for i := range places {
		l := places[i]
		l.UpdatedAt = fromMicros(max(micros(l.UpdatedAt), tx.places.floor))
		raw, shown := writeCard(&l), int64(0)
		if l.Public {
			shown = tx.places.seq
		} else {
			hidden = append(hidden, l.ID)
		}
		if !tx.places.many() {
			tx.places.cards = append(tx.places.cards, cardRow{id: l.ID, seq: tx.places.seq, card: raw})
		}
		var turns any
		if at := tx.db.turnsAt(&l); at.Valid {
			turns = at.Int64
		}
		rows.add(l.ID, tx.places.seq, flag(l.Public), micros(l.UpdatedAt), shown, raw, turns)
	}
	err := tx.insert(`INSERT INTO location_cards (location_id, seq, public, updated_at, public_seq, card, turns_at) `, rows, conflict)
	if err != nil || conflict == `` || len(hidden) == 0 || tx.places.many() {
		return err // what is new, or public, is not withdrawn
	}
	return tx.noteWithdrawn(hidden)
}

// noteWithdrawn has the cards that are kept know since when their places are public no more.
func (tx *Tx) noteWithdrawn(hidden []int64) error {
	for some := range slices.Chunk(hidden, 500) {
		rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT location_id, seq, withdrawn_at, card FROM location_cards
			WHERE withdrawn_at IS NOT NULL AND location_id IN (`+parameters(1, len(some))+`)`, anys(some)...)
		gone, err := collect(rows, err, scanCard)
		if err != nil {
			return err
		}
		for _, c := range gone {
			for i := range tx.places.cards {
				if kept := &tx.places.cards[i]; kept.id == c.id {
					kept.withdrawn = c.withdrawn
				}
			}
		}
	}
	return nil
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
			return tx.writeCards(places, ``)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
