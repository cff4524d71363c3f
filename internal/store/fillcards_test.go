package store_test

import (
	"context"
	"testing"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// A place of before there were schedules and cards keeps its hours, gets the zone of its position, and is found.
func TestPlacesOfBeforeAreFound(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		seed(t, db)
		at := wallet.At(54.6872, 25.2797)
		update(t, db, func(tx *store.Tx) error {
			return tx.InsertLocation(wallet.Location{ID: 1, ProjectID: 1, Status: wallet.Active, Public: true, Position: &at, UpdatedAt: wallettest.Epoch})
		})
		closeNow()
		behind := raw(t, address)
		for _, statement := range []string{
			`UPDATE locations SET document = '{"Title":{"en":"Kiosk"},"Address":{"en":"A"},"Hours":{"1":{"Open":480,"Close":1080},"5":{"Open":1320,"Close":120}}}'`,
			`DELETE FROM location_cards`,
		} {
			if _, err := behind.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		behind.Close()
		db, _ = open(t, address)
		place, err := db.Location(context.Background(), 1)
		if err != nil || place.Hours.Text() != "Mo 08:00-18:00; Fr 22:00-02:00" || place.Timezone != "Europe/Vilnius" || !place.UpdatedAt.Equal(wallettest.Epoch) {
			t.Errorf("the place is %+v, %v", place, err)
		}
		found, total, err := db.Locations(context.Background(), wallet.LocationFilter{PublicOnly: true, Near: &at, Words: []string{"kio"}})
		if err != nil || total != 1 || len(found) != 1 {
			t.Errorf("found are %v, %d, %v", found, total, err)
		}
		page, _, _, err := db.ChangedLocations(context.Background(), store.LocationsSince{}, 10)
		if err != nil || len(page) != 1 {
			t.Errorf("a copy gets %v, %v", page, err)
		}
	})
}
