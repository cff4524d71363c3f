package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// total is how many places a server finds.
func total(t *testing.T, db *store.DB) int {
	t.Helper()
	found, err := db.FindLocations(context.Background(), wallet.LocationFilter{}, wallettest.Epoch)
	if err != nil {
		t.Error(err)
	}
	return found.Total
}

// watch has a server asked for all places until stop is called, which returns the different totals in the order they came.
func watch(t *testing.T, db *store.DB) (stop func() []int) {
	var seen []int
	end := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for last := false; !last; {
			select {
			case <-end:
				last = true
			default:
			}
			if n := total(t, db); len(seen) == 0 || seen[len(seen)-1] != n {
				seen = append(seen, n)
			}
		}
	})
	return func() []int { close(end); watching.Wait(); return seen }
}

// copyAll copies all public places, which have numbers up to last, and says how many it got.
func copyAll(t *testing.T, db *store.DB, last int64) (copied int) {
	t.Helper()
	var since store.LocationsSince
	for more := true; more; {
		var page []wallet.Location
		var err error
		if page, since, more, err = db.ChangedLocations(context.Background(), since, 3000); err != nil {
			t.Fatal(err)
		}
		copied += len(page)
		if len(page) > 0 && page[len(page)-1].ID > last {
			t.Fatalf("place %d has a number that was given up", page[len(page)-1].ID)
		}
	}
	return copied
}

// Twenty-five thousand places are written in one transaction. Whoever counts places meanwhile, at this server or another one, counts none or
// all; nobody sees a place of a transaction that was given up, and who keeps a copy gets each place once.
func TestManyPlacesAreSeenAtOnce(t *testing.T) {
	const many, atOnce = 25_000, 500
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		seed(t, all[0])
		var watched []func() []int
		for _, db := range all {
			total(t, db) // from here on it follows
			watched = append(watched, watch(t, db))
		}
		write := func(end error) error {
			return all[0].UpdatePlaces(context.Background(), time.Minute, func(tx *store.Tx) error {
				for range many / atOnce {
					places := make([]wallet.Location, atOnce)
					for i := range places {
						at := wallet.At(54, 25)
						places[i] = wallet.Location{ProjectID: 1, Status: wallet.Active, Public: true, UpdatedAt: wallettest.Epoch, Position: &at}
					}
					if err := tx.InsertLocations(places); err != nil {
						return err
					}
				}
				return end
			})
		}
		if err := write(errAbandoned); !errors.Is(err, errAbandoned) {
			t.Fatal(err)
		}
		if err := write(nil); err != nil {
			t.Fatal(err)
		}
		written := time.Now()
		for i, db := range all {
			for total(t, db) != many && time.Since(written) < time.Minute {
				time.Sleep(5 * time.Millisecond)
			}
			if took := time.Since(written); took > 2*time.Second {
				t.Errorf("server %d finds them after %s", i, took)
			}
			if seen := watched[i](); fmt.Sprint(seen) != fmt.Sprint([]int{0, many}) {
				t.Errorf("server %d counted %v", i, seen)
			}
		}
		if copied := copyAll(t, all[0], many); copied != many {
			t.Errorf("a copy got %d places", copied)
		}
		hidden := make([]wallet.Location, many-100)
		for i := range hidden {
			hidden[i] = wallet.Location{ID: int64(i + 1), ProjectID: 1, Status: wallet.Active, UpdatedAt: wallettest.Epoch}
		}
		err := all[0].UpdatePlaces(context.Background(), time.Minute, func(tx *store.Tx) error { return tx.PutLocations(hidden) })
		if err != nil {
			t.Fatal(err)
		}
		left, err := all[0].FindLocations(context.Background(), wallet.LocationFilter{PublicOnly: true}, wallettest.Epoch)
		if err != nil || left.Total != 100 || total(t, all[0]) != many {
			t.Errorf("%d places of %d are left to everybody where 100 were not hidden, %v", left.Total, total(t, all[0]), err)
		}
	})
}

// While one transaction holds the places, others are written at another server, and on PostgreSQL at the same one; a place is written
// after it, with a later number and a later time.
func TestOthersWriteBesideManyPlaces(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		seed(t, all[0])
		begun, end := make(chan struct{}), make(chan struct{})
		done := make(chan error, 2)
		place := func(id int64) wallet.Location {
			return wallet.Location{ID: id, ProjectID: 1, Status: wallet.Active, Public: true, UpdatedAt: wallettest.Epoch}
		}
		go func() {
			done <- all[0].UpdatePlaces(context.Background(), time.Minute, func(tx *store.Tx) error {
				close(begun)
				<-end
				return tx.PutLocations([]wallet.Location{place(1)})
			})
		}()
		<-begun
		within(t, 20*time.Second, func() {
			for i, db := range all {
				update(t, db, func(tx *store.Tx) error { return tx.SetSetting("beside", []byte(fmt.Sprint(i))) })
				mustMove(t, db, 1, outside, purse(1), fmt.Sprint("beside ", i))
			}
		})
		go func() {
			done <- all[1].Update(context.Background(), func(tx *store.Tx) error {
				id, err := tx.NextID(store.LocationIDs, 0)
				if err != nil {
					return err
				}
				return tx.InsertLocation(place(id + 100))
			})
		}()
		time.Sleep(100 * time.Millisecond)
		close(end)
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		page, _, _, err := all[1].ChangedLocations(context.Background(), store.LocationsSince{}, 10)
		if err != nil || len(page) != 2 || page[0].ID != 1 || !page[1].UpdatedAt.After(page[0].UpdatedAt) {
			t.Errorf("the places were written as %+v, %v", page, err)
		}
	})
}
