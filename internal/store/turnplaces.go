package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/zone"
)

// Some places look different from a moment on though nobody alters them (wallet.Location.NextTurn). Then they count as altered, by
// whoever does what is due: copies learn of them as of any change, and caches let go of how they looked.

// NextTurn is when the place looks different by itself next, after now; zero where it does not.
func NextTurn(l *wallet.Location, now time.Time) time.Time {
	in, err := zone.Named(l.Timezone)
	if err != nil {
		in = time.UTC
	}
	return l.NextTurn(now, in)
}

// turnsAt is that moment as it is stored with a place: the first one after it was altered, or after now where its time is ahead.
// It is a whole microsecond, at which the place has turned.
func (db *DB) turnsAt(l *wallet.Location) sql.NullInt64 {
	since := db.Now()
	if l.UpdatedAt.Before(since) {
		since = l.UpdatedAt
	}
	turn := NextTurn(l, since)
	if turn.IsZero() {
		return sql.NullInt64{}
	}
	return microsOrNull(turn.Add(time.Microsecond - 1))
}

// TurnPlaces has places count as altered that look different by now and were not altered since, at most so many, and returns how
// many those were: none while somebody else alters places. However much time has passed a place turns once. Of several servers that do
// it at once one does.
func (db *DB) TurnPlaces(ctx context.Context, limit int) (turned int, err error) {
	var one int64
	now := db.Now()
	err = db.queryRow(ctx, db.read, `SELECT location_id FROM location_cards WHERE turns_at <= $1 LIMIT 1`, micros(now)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	err = db.Update(ctx, func(tx *Tx) error {
		turned = 0
		if held, err := tx.placesHeld(); err != nil || held {
			return err // they turn a second later: who waits here has all others of this process wait behind
		}
		rows, err := db.query(ctx, tx.Tx, `SELECT `+joinedLocationColumns+` FROM location_cards c JOIN locations l ON l.id = c.location_id
			WHERE c.turns_at <= $1 ORDER BY c.turns_at, c.location_id LIMIT $2`, micros(now), limit)
		places, err := collect(rows, err, scanLocation)
		if turned = len(places); err != nil || turned == 0 {
			return err
		}
		at, err := tx.PlaceTime(now)
		if err != nil {
			return err
		}
		for i := range places {
			places[i].UpdatedAt = at
		}
		return tx.PutLocations(places)
	})
	if err != nil {
		turned = 0
	}
	return turned, err
}

// placesTurn is the setting that holds up to which place it was looked when it turns, of those of before that was kept; all of them
// were where it is allPlaces.
const (
	placesTurn = "places_turn"
	allPlaces  = math.MaxInt64
)

// fillTurns looks at places of before it was kept when they turn. Those that have turned since they were altered do so at once.
func (db *DB) fillTurns(ctx context.Context) error {
	if upTo, err := db.Setting(ctx, placesTurn); err != nil || string(upTo) == strconv.Itoa(allPlaces) {
		return err
	}
	for more := true; more; {
		err := db.Update(ctx, func(tx *Tx) (err error) {
			more, err = tx.fillSomeTurns()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fillSomeTurns looks at the next of them, and says whether there may be more.
func (tx *Tx) fillSomeTurns() (more bool, err error) {
	upTo, err := tx.upTo(placesTurn)
	if err != nil || upTo == allPlaces {
		return false, err
	}
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT `+locationColumns+` FROM locations WHERE id > $1 ORDER BY id LIMIT $2`, upTo, turnsLookedAtOnce)
	places, err := collect(rows, err, scanLocation)
	if err != nil {
		return false, err
	}
	if len(places) == 0 {
		return false, tx.setUpTo(placesTurn, allPlaces)
	}
	for i := range places {
		if turn := tx.db.turnsAt(&places[i]); turn.Valid {
			if _, err := tx.exec(`UPDATE location_cards SET turns_at = $2 WHERE location_id = $1`, places[i].ID, turn); err != nil {
				return false, err
			}
		}
	}
	return true, tx.setUpTo(placesTurn, places[len(places)-1].ID)
}

// turnsLookedAtOnce is how many places one transaction looks at.
const turnsLookedAtOnce = 2000
