package store_test

import (
	"context"
	"testing"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// shown is a document that a user showed at place 1.
func shown(user int64) wallet.IdentificationRequest {
	return wallet.IdentificationRequest{
		UserID: user, ClientID: 1, ProjectID: 1, LocationID: 1, Status: wallet.IdentificationPending, Kind: "passport", Number: "IAMTHENUMBEROFTHEDOCUMENT014",
		Identity:  wallet.Identity{Name: "Ona", Surname: "Onaitė", Nationality: "lt", Code: "39001015678"},
		CheckedBy: "Jonas", CheckedAt: wallettest.Epoch, CreatedAt: wallettest.Epoch,
	}
}

// An identification is read as it was written, listed by what is asked for, and decided once.
func TestIdentifications(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db := wallettest.Open(t, address, wallettest.NewClock())
		seed(t, db)
		var ids [2]int64
		update(t, db, func(tx *store.Tx) (err error) {
			if err := tx.InsertClient(till(1, "till"), "key", wallettest.Epoch); err != nil {
				return err
			}
			if err := tx.InsertLocation(wallet.Location{ID: 1, ProjectID: 1, Status: wallet.Active, UpdatedAt: wallettest.Epoch}); err != nil {
				return err
			}
			for i := range ids {
				if ids[i], err = tx.InsertIdentification(shown(1)); err != nil {
					return err
				}
			}
			return nil
		})
		want := shown(1)
		want.ID = ids[0]
		read := func(id int64) wallet.IdentificationRequest {
			i, err := db.Identification(context.Background(), id)
			if err != nil || i == nil {
				t.Fatal(i, err)
			}
			return *i
		}
		if got := read(ids[0]); got != want {
			t.Errorf("read\n%+v, written was\n%+v", got, want)
		}
		want.Status, want.DecidedAt, want.DecidedBy, want.Reason = wallet.IdentificationRejected, wallettest.Epoch, "Ona", "It had expired"
		for i, first := range []bool{true, false} {
			update(t, db, func(tx *store.Tx) error {
				stored, err := tx.DecideIdentification(want)
				if stored != first {
					t.Errorf("decision %d was stored: %v", i, stored)
				}
				return err
			})
		}
		if got := read(ids[0]); got != want {
			t.Errorf("read\n%+v, decided was\n%+v", got, want)
		}
		for _, c := range []struct {
			filter store.IdentificationFilter
			found  int
		}{
			{store.IdentificationFilter{Limit: 10}, 2}, {store.IdentificationFilter{Limit: 1}, 1}, {store.IdentificationFilter{Status: wallet.IdentificationPending, Limit: 10}, 1},
			{store.IdentificationFilter{UserID: 1, Status: wallet.IdentificationAccepted, Limit: 10}, 0}, {store.IdentificationFilter{UserID: 2, Limit: 10}, 0},
		} {
			if found, err := db.Identifications(context.Background(), c.filter); err != nil || len(found) != c.found {
				t.Errorf("%+v: %d, %v, want %d", c.filter, len(found), err, c.found)
			}
		}
		if i, err := db.Identification(context.Background(), 99); i != nil || err != nil {
			t.Error(i, err)
		}
	})
}
