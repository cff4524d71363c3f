package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// A table comes back as it was stored, is found by its number and its code, and is forgotten with all that happens at it; its
// name can then be another one's.
func TestSpotsComeBackAsTheyWere(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		ctx := context.Background()
		for id := range int64(2) {
			place := wallet.Location{ID: id + 1, ProjectID: id + 1, Status: wallet.Active, UpdatedAt: wallettest.Epoch}
			update(t, db, func(tx *store.Tx) error { return tx.InsertLocation(place) })
		}
		table := wallet.Spot{
			ID: 7, LocationID: 1, Identifier: "TABLE1", Status: wallet.SpotOpen, Title: wallet.Text{"lt": "Staliukas"}, LogoURI: "https://a.example/t.png",
		}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.PutSpot(table), tx.PutSpot(wallet.Spot{ID: 8, LocationID: 2, Identifier: "TABLE1", Status: wallet.SpotOpen}),
				tx.CheckIn(7, 42), tx.CheckIn(7, 42), tx.CheckIn(7, 41), tx.SetSpotStatus(7, wallet.SpotWaiting),
				tx.InsertSpotOrder(wallet.SpotOrder{ID: 1, SpotID: 7, TransactionID: 99}),
				tx.InsertSpotOrder(wallet.SpotOrder{ID: 2, SpotID: 7, TransactionID: 98, UserID: 42}))
		})
		table.Status = wallet.SpotWaiting
		want := store.SpotState{
			Spot: table, Visitors: []int64{41, 42},
			Orders: []wallet.SpotOrder{{ID: 1, SpotID: 7, TransactionID: 99}, {ID: 2, SpotID: 7, TransactionID: 98, UserID: 42}},
		}
		for name, find := range map[string]func() (*store.SpotState, error){
			"its number": func() (*store.SpotState, error) { return db.Spot(ctx, 7) },
			"its code":   func() (*store.SpotState, error) { return db.SpotNamed(ctx, 1, "TABLE1") },
		} {
			got, err := find()
			if err != nil || got == nil || cmp.Diff(want, *got, cmpopts.EquateEmpty()) != "" {
				t.Errorf("by %s it is %+v, %v", name, got, err)
			}
		}
		for _, tc := range []struct {
			f     store.SpotFilter
			total int
		}{
			{store.SpotFilter{}, 0}, {store.SpotFilter{AnyProject: true}, 2}, {store.SpotFilter{AnyProject: true, LocationID: 2}, 1}, {store.SpotFilter{Projects: []int64{1, 2}}, 2}, {store.SpotFilter{Projects: []int64{1}}, 1},
			{store.SpotFilter{Projects: []int64{1, 2}, Statuses: []wallet.SpotStatus{wallet.SpotWaiting}}, 1},
			{store.SpotFilter{Projects: []int64{1}, LocationID: 2}, 0}, {store.SpotFilter{Projects: []int64{1, 2}, Limit: 1, Offset: 1}, 2},
		} {
			if page, total, err := db.Spots(ctx, tc.f); total != tc.total || err != nil || tc.f.Limit > 0 && (len(page) != 1 || page[0].ID != 8) {
				t.Errorf("%+v finds %d, %v", tc.f, total, err)
			}
		}
		update(t, db, func(tx *store.Tx) error { return tx.RemoveSpot(7) })
		gone, err := db.Spot(ctx, 7)
		named, err2 := db.SpotNamed(ctx, 1, "TABLE1")
		if gone != nil || named != nil || err != nil || err2 != nil {
			t.Errorf("it was taken away, and is %v, %v: %v %v", gone, named, err, err2)
		}
		update(t, db, func(tx *store.Tx) error {
			return tx.PutSpot(wallet.Spot{ID: 9, LocationID: 1, Identifier: "TABLE1", Status: wallet.SpotOpen})
		})
		spots, err := db.SpotsOfPlaces(ctx, []int64{1, 2})
		if err != nil || len(spots[1]) != 1 || spots[1][0].ID != 9 || len(spots[2]) != 1 {
			t.Errorf("the places have %v, %v", spots, err)
		}
		if odd, err := db.SpotNamed(ctx, 1, "a\x00"); odd != nil || err != nil {
			t.Errorf("a name that cannot be stored finds %v, %v", odd, err)
		}
		err = db.Update(ctx, func(tx *store.Tx) error {
			return tx.PutSpot(wallet.Spot{ID: 10, LocationID: 1, Identifier: "TABLE1", Status: wallet.SpotOpen})
		})
		if err == nil {
			t.Error("two spots of a place have one name")
		}
	})
}
