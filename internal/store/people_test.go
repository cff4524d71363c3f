package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// A wallet comes with what is known of its owner: of a company, also who acts for it.
func TestWalletsComeWithTheirOwners(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		want := map[int64]wallet.Wallet{
			1: {ID: 1, OwnerID: 1, OwnerType: wallet.Natural, OwnerDisplayName: "Ona", Projects: []int64{1}, AccountNumber: "PU0001"},
			2: {ID: 2, OwnerID: 2, OwnerType: wallet.Legal, OwnerDisplayName: "Onos kepykla", OwnerAdministrators: []int64{1},
				Projects: []int64{2, 3}, AccountNumber: "PU0002"},
		}
		for id, want := range want {
			got, err := db.Wallet(context.Background(), id)
			if diff := cmp.Diff(&want, got); diff != "" || err != nil {
				t.Errorf("wallet %d differs (-want +got): %v\n%s", id, err, diff)
			}
		}
		if got, err := db.Wallet(context.Background(), 99); got != nil || err != nil {
			t.Errorf("a wallet that does not exist is %v, %v", got, err)
		}
	})
}

// Somebody's own wallet is the oldest that they have.
func TestWalletOfUser(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		clock.Advance(-time.Second)
		update(t, db, func(tx *store.Tx) error {
			return tx.InsertWallet(wallet.Wallet{ID: 7, OwnerID: 1, AccountNumber: "PU0007", Description: "opened a second earlier"})
		})
		if got, err := db.WalletOfUser(context.Background(), 1); err != nil || got == nil || got.ID != 7 {
			t.Errorf("Ona's wallet is %+v, %v; want wallet 7, the oldest", got, err)
		}
		if got, err := db.WalletOfUser(context.Background(), 99); got != nil || err != nil {
			t.Errorf("nobody's wallet is %v, %v", got, err)
		}
	})
}

// Ona administers her own project and those of her company; the company only its own.
func TestProjectsOfUser(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		for user, want := range map[int64][]int64{1: {1, 2, 3}, 2: {2, 3}, 99: nil} {
			projects, err := db.ProjectsOfUser(context.Background(), user)
			var got []int64
			for _, p := range projects {
				got = append(got, p.ID)
			}
			if !slices.Equal(got, want) || err != nil {
				t.Errorf("user %d administers %v, %v; want %v", user, got, err, want)
			}
		}
		want := &wallet.Project{ID: 2, Title: "Bakery", OwnerID: 2, OwnerDisplayName: "Onos kepykla", WalletID: 2}
		if diff := cmp.Diff(want, project(t, db, 2)); diff != "" {
			t.Errorf("project 2 differs (-want +got):\n%s", diff)
		}
	})
}

// What use cases ask before they write.
func TestWhatATransactionCanAsk(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			person, err1 := tx.UserType(1)
			company, err2 := tx.UserType(2)
			nobody, err3 := tx.UserType(3)
			if person != wallet.Natural || company != wallet.Legal || nobody != "" {
				t.Errorf("the users 1, 2 and 3 are %q, %q and %q", person, company, nobody)
			}
			owner, err4 := tx.WalletOwner(2)
			none, err5 := tx.WalletOwner(3)
			if owner != 2 || none != 0 {
				t.Errorf("the wallets 2 and 3 belong to %d and %d, want 2 and nobody", owner, none)
			}
			there, err6 := tx.ProjectExists(3)
			missing, err7 := tx.ProjectExists(4)
			if !there || missing {
				t.Errorf("project 3 exists: %v, project 4: %v", there, missing)
			}
			return errors.Join(err1, err2, err3, err4, err5, err6, err7)
		})
	})
}

// What reading may cost: this many statements, however much there is to read.
func TestBudgetOfReading(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			for id := int64(1); id <= 501; id++ {
				place := wallet.Location{ID: id, ProjectID: 1, Status: wallet.Active, UpdatedAt: wallettest.Epoch, Position: &wallet.Position{Lat: id}}
				if err := tx.InsertLocation(place); err != nil {
					return err
				}
			}
			return nil
		})
		mustMove(t, db, 100, outside, purse(1), "something to read")
		ctx := context.Background()
		list := func(f wallet.LocationFilter) func() error {
			return func() error { _, _, err := db.Locations(ctx, f); return err }
		}
		for _, tc := range []struct {
			what   string
			budget int64
			read   func() error
		}{
			{"the wallet of a person", 2, func() error { _, err := db.Wallet(ctx, 1); return err }},
			{"the wallet of a company", 3, func() error { _, err := db.Wallet(ctx, 2); return err }},
			{"somebody's own wallet", 2, func() error { _, err := db.WalletOfUser(ctx, 1); return err }},
			{"what a wallet holds", 1, func() error { _, err := db.Funds(ctx, 1); return err }},
			{"the projects of a user", 1, func() error { _, err := db.ProjectsOfUser(ctx, 1); return err }},
			{"a place", 1, func() error { _, err := db.Location(ctx, 1); return err }},
			{"a page of places", 1, list(wallet.LocationFilter{Limit: 200})},
			{"a page of places nearby", 1, list(wallet.LocationFilter{Near: &wallet.Position{}, Distance: 1000, Limit: 200})},
			{"no place at all", 0, list(wallet.LocationFilter{Projects: []int64{99}})},
			{"the places of no project", 0, list(wallet.LocationFilter{Projects: []int64{}})},
			{"all 501 places", 2, list(wallet.LocationFilter{})},
		} {
			got := cost(db, func(int) {
				if err := tc.read(); err != nil {
					t.Errorf("%s: %v", tc.what, err)
				}
			})
			if got != tc.budget {
				t.Errorf("%s costs %d statements, its budget is %d", tc.what, got, tc.budget)
			}
		}
	})
}
