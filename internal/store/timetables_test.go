package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// opensAt is the hours of a place that opens at a minute of each day, and closes an hour later.
func opensAt(minute int) string {
	return fmt.Sprintf("Mo-Su %02d:%02d-%02d:%02d", minute/60, minute%60, minute/60+1, minute%60)
}

// openAt writes places that open at minutes of the day, one after another, and returns them.
func openAt(t *testing.T, db *store.DB, minutes ...int) (places []wallet.Location) {
	t.Helper()
	for i, minute := range minutes {
		places = append(places, wallet.Location{
			ID: int64(i + 1), ProjectID: 1, Title: wallet.Text{"en": "A place"}, Status: wallet.Active, Public: true, UpdatedAt: wallettest.Epoch,
			Hours: opening(t, opensAt(minute)), Timezone: "UTC",
		})
	}
	update(t, db, func(tx *store.Tx) error { return tx.PutLocations(places) })
	return places
}

// openOnes is how many places are open at a minute of the day.
func openOnes(t *testing.T, db *store.DB, minute int) int {
	t.Helper()
	at := time.Date(2026, 11, 28, minute/60, minute%60, 0, 0, time.UTC)
	found, err := db.FindLocations(context.Background(), wallet.LocationFilter{OpenAt: at, Limit: 1}, at)
	if err != nil {
		t.Fatal(err)
	}
	return found.Total
}

// Every place has its own hours, and somebody asks which are open. No more timetables stay in memory than may, every answer is right
// all the same, and those that nobody asks any more are let go for others.
func TestTimetablesInMemoryAreBounded(t *testing.T) {
	const most = 50
	defer store.SetPlansMost(most * store.TimetableCost("UTC", opensAt(0)+"\n"))()
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		var minutes []int
		for i := range 300 {
			minutes = append(minutes, i)
		}
		openAt(t, db, minutes...)
		kept := func() (read int) {
			t.Helper()
			all, read, _, added := db.Timetables()
			if all != len(minutes) || read > most+1 || !added {
				t.Fatalf("of %d timetables %d are in memory, and it is %t that this adds up", all, read, added)
			}
			return read
		}
		for range 3 {
			if n := openOnes(t, db, 30); n != 31 { // those that open from 00:00 until 00:30
				t.Errorf("%d places are open", n)
			}
			if read := kept(); read < most/2 {
				t.Errorf("%d timetables are in memory, where %d may be", read, most)
			}
		}
		before := kept()
		db.ReleaseIdle()
		if read := kept(); read != before {
			t.Errorf("%d of %d timetables stay that were asked since", read, before)
		}
		db.ReleaseIdle()
		if read := kept(); read != 0 {
			t.Errorf("%d timetables stay that nobody asks", read)
		}
		if n := openOnes(t, db, 299); n != 60 || kept() == 0 {
			t.Errorf("%d places are open", n)
		}
	})
}

// A few places are altered again and again, and each time they get other hours. The timetables that no place has any more go, with
// what was read of them; those that places have stay, and so do the answers.
func TestTimetablesOfNoPlaceAreLetGo(t *testing.T) {
	defer store.SetIdleMost(40)()
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		for round := range 12 {
			minutes := make([]int, 20)
			for i := range minutes {
				minutes[i] = 100*round + i
			}
			minutes[19] = 0 // which stays
			places := openAt(t, db, minutes...)
			if n := openOnes(t, db, 100*round+30); n < 18 {
				t.Errorf("%d places are open in round %d", n, round)
			}
			// In one transaction a place may be written twice.
			places[0].Hours = opening(t, opensAt(1300+round))
			update(t, db, func(tx *store.Tx) error {
				if err := tx.UpdateLocation(places[0]); err != nil {
					return err
				}
				places[0].Hours = opening(t, opensAt(minutes[0]))
				return tx.UpdateLocation(places[0])
			})
			if err := db.FollowPlaces(context.Background()); err != nil {
				t.Fatal(err)
			}
			want := 1
			if round == 0 {
				want = 20
			}
			if n := openOnes(t, db, 30); n != want {
				t.Errorf("%d places are open at half past midnight in round %d, want %d", n, round, want)
			}
			all, read, _, added := db.Timetables()
			if all > 2*40+40 || read > all || !added {
				t.Errorf("round %d: %d timetables, %d of them in memory, of 20 places; adds up: %t", round, all, read, added)
			}
		}
	})
}
