package store_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// seasonal is a place whose week turns with the seasons, altered last at a time.
func seasonal(t *testing.T, id int64, at time.Time) wallet.Location {
	t.Helper()
	schedule, err := hours.Parse("Apr-Sep 08:00-22:00; Oct-Mar 10:00-18:00")
	if err != nil {
		t.Fatal(err)
	}
	return wallet.Location{ID: id, ProjectID: 1, Status: wallet.Active, Public: true, Hours: schedule, Timezone: "Europe/Vilnius", UpdatedAt: at}
}

// Places of before it was kept when they turn do so in their time, and those at once that have since they were altered; nobody
// looks at them a second time.
func TestPlacesOfBeforeTurn(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			return tx.PutLocations([]wallet.Location{seasonal(t, 1, wallettest.Epoch.AddDate(0, -6, 0))})
		})
		update(t, db, func(tx *store.Tx) error {
			plain := seasonal(t, 2, wallettest.Epoch)
			plain.Hours = nil
			return tx.PutLocations([]wallet.Location{seasonal(t, 3, wallettest.Epoch), plain})
		})
		closeNow()
		behind := raw(t, address)
		for _, statement := range []string{`UPDATE location_cards SET turns_at = NULL`, `DELETE FROM settings WHERE name = 'places_turn'`} {
			if _, err := behind.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		_, closeNow = open(t, address)
		closeNow()
		if _, err := behind.Exec(`UPDATE location_cards SET turns_at = NULL WHERE location_id = 3`); err != nil { // once is enough
			t.Fatal(err)
		}
		behind.Close()
		clock := wallettest.NewClock()
		db = wallettest.Open(t, address, clock)
		turns := func(want int) {
			t.Helper()
			if turned, err := db.TurnPlaces(context.Background(), 10); err != nil || turned != want {
				t.Errorf("at %s %d places turn, want %d; %v", clock.Now(), turned, want, err)
			}
		}
		turns(1)
		turns(0)
		clock.Advance(150 * 24 * time.Hour) // in April
		turns(1)
		turns(0)
		l, err := db.Location(context.Background(), 1)
		if err != nil || !l.UpdatedAt.Equal(clock.Now()) {
			t.Errorf("the place turned at %+v, %v", l, err)
		}
	})
}

// Places turn in batches, the first ones first, and each once, though several servers do it at once.
func TestPlacesTurnOnce(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		dbs := []*store.DB{db}
		if isPostgres(address) {
			dbs = append(dbs, wallettest.Open(t, address, clock))
		}
		seed(t, db)
		const places = 40
		update(t, db, func(tx *store.Tx) error {
			for id := range int64(places) {
				if err := tx.PutLocations([]wallet.Location{seasonal(t, id+1, wallettest.Epoch)}); err != nil {
					return err
				}
			}
			return nil
		})
		var turned atomic.Int64
		clock.Advance(150 * 24 * time.Hour)
		crowd(4, func(caller int) {
			for {
				n, err := dbs[caller%len(dbs)].TurnPlaces(context.Background(), 7)
				if err != nil {
					t.Error(err)
				}
				if turned.Add(int64(n)); n == 0 {
					return
				}
			}
		})
		if turned.Load() != places {
			t.Errorf("%d places turn, want %d once", turned.Load(), places)
		}
	})
}

// Places wait for a map that goes in as a whole, and turn afterwards; but nobody waits behind them meanwhile.
func TestPlacesThatTurnHoldNobodyUp(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		if !isPostgres(address) {
			return // there all that writes waits for one another
		}
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			return tx.PutLocations([]wallet.Location{seasonal(t, 1, wallettest.Epoch)})
		})
		clock.Advance(150 * 24 * time.Hour)
		turns := func(ctx context.Context, want int) {
			t.Helper()
			if turned, err := db.TurnPlaces(ctx, 10); err != nil || turned != want {
				t.Errorf("%d places turn, want %d; %v", turned, want, err)
			}
		}
		err := db.UpdatePlaces(context.Background(), time.Minute, func(*store.Tx) error {
			soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			turns(soon, 0)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		turns(context.Background(), 1)
	})
}
