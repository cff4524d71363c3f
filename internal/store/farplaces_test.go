package store_test

import (
	"context"
	"slices"
	"testing"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

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
			if f.After = found.Mark(&f); f.After == nil {
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
