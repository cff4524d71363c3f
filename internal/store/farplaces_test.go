package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// putPublic writes public places, at a tenth of a degree of latitude each.
func putPublic(t *testing.T, db *store.DB, ids ...int64) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		var places []wallet.Location
		for _, id := range ids {
			at := wallet.At(float64(id)/10, 10)
			places = append(places, wallet.Location{ID: id, ProjectID: 1, Status: wallet.Active, Public: true, Position: &at, UpdatedAt: wallettest.Epoch, Title: wallet.Text{"en": fmt.Sprint(id)}})
		}
		return tx.PutLocations(places)
	})
}

// Somebody pages through a part of a map by marks, and the last place of the first page moves to a corner: the places that stay
// where they are come all the same.
func TestAMarkInAnAreaKeepsItsDistance(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		move := func(id int64, lat, lng float64) {
			at := wallet.At(lat, lng)
			update(t, db, func(tx *store.Tx) error {
				return tx.PutLocations([]wallet.Location{{ID: id, ProjectID: 1, Status: wallet.Active, Public: true, Position: &at, UpdatedAt: wallettest.Epoch}})
			})
		}
		for id := range int64(4) {
			move(id+1, -40, 10+0.1*float64(id))
		}
		low, high := wallet.At(-41, 9), wallet.At(-39, 11)
		f := wallet.LocationFilter{PublicOnly: true, Limit: 1, Area: &wallet.Area{South: low.Lat, West: low.Lng, North: high.Lat, East: high.Lng}}
		var got []int64
		for range 9 {
			found, err := db.FindLocations(context.Background(), f, wallettest.Epoch)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range found.Places {
				got = append(got, one.ID)
			}
			if f.After = found.Mark(); f.After == nil {
				break
			}
			if len(got) == 1 {
				move(1, -40.99, 9.01)
			}
		}
		if want := []int64{1, 2, 3, 4, 1}; !slices.Equal(got, want) {
			t.Errorf("the pages hold %v, want %v", got, want)
		}
	})
}

// Two places are edited between a search and the reading of what it found. Who asks for what is newer than the newest that it was
// shown learns of both; and who is told of what is hidden learns of a place that was hidden just then.
func TestAPageShowsNothingNewerThanItself(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		putPublic(t, db, 1, 2, 3)
		f := wallet.LocationFilter{PublicOnly: true, Statuses: []wallet.LocationStatus{wallet.Active, wallet.Inactive}, UpdatedSince: time.Unix(1, 0), Limit: 10}
		found, err := db.FindLocations(context.Background(), f, wallettest.Epoch)
		if err != nil || len(found.Places) != 3 || !found.Places[0].Told {
			t.Fatalf("%+v, %v", found, err)
		}
		for _, id := range []int64{3, 2} {
			putPublic(t, db, id)
		}
		read, err := db.FoundDocuments(context.Background(), found.Places)
		if err != nil || len(read) != 3 {
			t.Fatal(len(read), err)
		}
		for i, l := range read {
			if !l.UpdatedAt.Equal(found.Places[i].UpdatedAt) {
				t.Errorf("place %d is shown as edited at %s and was found at %s", l.ID, l.UpdatedAt, found.Places[i].UpdatedAt)
			}
		}
	})
}

// However many strangers search for what takes very many places to find, the server looks for a few of them at once. The others wait until
// their time is over, and are told so; who searches as people do never waits, nor does who looks after the places.
func TestLargeSearchesWaitForTheirTurn(t *testing.T) {
	defer store.SetPlacesAtEase(250)()
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		ids := make([]int64, 400)
		for i := range ids {
			ids[i] = int64(i) + 1
		}
		putPublic(t, db, ids...)
		here := wallet.At(20, 10)
		low, high := wallet.At(-90, -180), wallet.At(90, 180)
		world := &wallet.Area{South: low.Lat, West: low.Lng, North: high.Lat, East: high.Lng}
		low, high = wallet.At(19, 9), wallet.At(21, 11)
		town := &wallet.Area{South: low.Lat, West: low.Lng, North: high.Lat, East: high.Lng}
		large := map[string]wallet.LocationFilter{
			"edits":                       {UpdatedSince: time.Unix(1, 0), Limit: 1, Offset: 1 << 30},
			"words on the map":            {Area: world, Words: []string{"7"}, Limit: 1},
			"open in the list":            {OpenAt: wallettest.Epoch, Limit: 1},
			"far behind around a point":   {Near: &here, Distance: 20_000_000, Offset: 390, Limit: 5},
			"after a place, far behind":   {After: &wallet.LocationMark{ID: 1}, Offset: 390, Limit: 5},
			"words around, after a place": {Near: &here, Distance: 20_000_000, Words: []string{"7"}, After: &wallet.LocationMark{ID: 1}, Limit: 5},
		}
		usual := map[string]wallet.LocationFilter{
			"the list":       {Limit: 20, Offset: 380},
			"around a point": {Near: &here, Distance: 500_000, Limit: 20},
			"on a map":       {Area: town, Limit: 1},
			"what is new":    {UpdatedSince: wallettest.Epoch.Add(time.Hour), Limit: 20},
			"open around":    {Near: &here, Distance: 1000, OpenAt: wallettest.Epoch, Limit: 20},
		}
		find := func(f wallet.LocationFilter) error {
			f.PublicOnly, f.Statuses = true, []wallet.LocationStatus{wallet.Active}
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			_, err := db.FindLocations(ctx, f, wallettest.Epoch)
			return err
		}
		if _, err := db.FindLocations(context.Background(), wallet.LocationFilter{}, wallettest.Epoch); err != nil {
			t.Fatal(err) // which has read the places
		}
		leave := db.Crowd()
		for name, f := range large {
			var refused *wallet.Error
			if err := find(f); !errors.As(err, &refused) || refused.Code != wallet.ServiceUnavailable {
				t.Errorf("%s, while others search: %v", name, err)
			}
		}
		for name, f := range usual {
			if err := find(f); err != nil {
				t.Errorf("%s waits: %v", name, err)
			}
		}
		if _, err := db.FindLocations(context.Background(), wallet.LocationFilter{Projects: []int64{1}, Words: []string{"7"}}, wallettest.Epoch); err != nil {
			t.Errorf("who looks after a project waits: %v", err)
		}
		leave()
		for name, f := range large {
			if err := find(f); err != nil {
				t.Errorf("%s, while nobody else searches: %v", name, err)
			}
		}
		defer db.Crowd()() // every turn was given back, or this waits for ever
	})
}
