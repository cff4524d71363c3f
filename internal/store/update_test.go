package store_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// Of two doctors one must stay on call. Both look, see the other there, and leave, at the same
// moment. The database lets one of them go; the other's closure runs again, sees that the
// colleague has gone, and stays.
func TestDecisionsOnWhatWasReadAreSafe(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		for round := range 3 {
			update(t, all[0], func(tx *store.Tx) error {
				return errors.Join(tx.SetSetting("ada", []byte("on call")), tx.SetSetting("bo", []byte("on call")))
			})
			var runs, looks atomic.Int64
			crowd(2, func(doctor int) {
				names := []string{"ada", "bo"}
				err := all[doctor%len(all)].Update(context.Background(), func(tx *store.Tx) error {
					runs.Add(1)
					for _, name := range names {
						if state, err := tx.Setting(name); err != nil || string(state) != "on call" {
							return err
						}
					}
					// Both have looked before one of them writes, where the engine lets both look.
					looks.Add(1)
					for wait := time.Now(); looks.Load() < 2 && time.Since(wait) < 200*time.Millisecond; {
						time.Sleep(time.Millisecond)
					}
					return tx.SetSetting(names[doctor], []byte("gone"))
				})
				if err != nil {
					t.Errorf("round %d, doctor %d: %v", round, doctor, err)
				}
			})
			onCall := 0
			update(t, all[0], func(tx *store.Tx) error {
				ada, err1 := tx.Setting("ada")
				bo, err2 := tx.Setting("bo")
				for _, state := range [][]byte{ada, bo} {
					if string(state) == "on call" {
						onCall++
					}
				}
				return errors.Join(err1, err2)
			})
			if onCall != 1 {
				t.Fatalf("round %d: %d doctors stay on call, want 1", round, onCall)
			}
			if isPostgres(address) && (looks.Load() < 2 || runs.Load() < 3) {
				t.Errorf("round %d: %d closures saw both on call and %d ran, want 2 and then one of them again", round, looks.Load(), runs.Load())
			}
		}
	})
}

// Four callers add to the same tally, ten times each: none of the forty is lost, and nobody has
// to try again by himself.
func TestNoUpdateIsLost(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		update(t, all[0], func(tx *store.Tx) error { return tx.SetSetting("tally", []byte{}) })
		crowd(4, func(caller int) {
			for range 10 {
				err := all[caller%len(all)].Update(context.Background(), func(tx *store.Tx) error {
					tally, err := tx.Setting("tally")
					if err != nil {
						return err
					}
					return tx.SetSetting("tally", append(tally, 'I'))
				})
				if err != nil {
					t.Errorf("caller %d: %v", caller, err)
				}
			}
		})
		update(t, all[0], func(tx *store.Tx) error {
			tally, err := tx.Setting("tally")
			if len(tally) != 40 {
				t.Errorf("%d of 40 were counted", len(tally))
			}
			return err
		})
	})
}

// When a closure fails, nothing of it stays, and its error comes back as it is.
func TestAnErrorRollsEverythingBack(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		changedMyMind := errors.New("changed my mind")
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			return errors.Join(
				tx.InsertUser(wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona", Locale: "lt"}, nil, nil),
				tx.InsertWallet(wallet.Wallet{ID: 1, OwnerID: 1, AccountNumber: "PU0001"}),
				tx.SetSetting("colour", []byte("green")),
				changedMyMind,
			)
		})
		if !errors.Is(err, changedMyMind) {
			t.Errorf("answered %v, want the closure's own error", err)
		}
		err = db.Update(context.Background(), func(tx *store.Tx) error {
			return errors.Join(tx.SetSetting("colour", []byte("green")), tx.InsertWallet(wallet.Wallet{ID: 2, OwnerID: 77, AccountNumber: "PU0002"}))
		})
		if err == nil {
			t.Error("a wallet of nobody was stored")
		}
		update(t, db, func(tx *store.Tx) error {
			user, err1 := tx.UserType(1)
			owner, err2 := tx.WalletOwner(1)
			colour, err3 := tx.Setting("colour")
			if user != "" || owner != 0 || colour != nil {
				t.Errorf("left behind: user %q, the wallet of %d, colour %q", user, owner, colour)
			}
			first, err4 := tx.NextID(store.UserIDs, 0)
			if first != 1 {
				t.Errorf("the first number is %d, want 1", first)
			}
			return errors.Join(err1, err2, err3, err4)
		})
	})
}

// A caller who is gone gets no effect.
func TestUpdateOfACallerWhoIsGone(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		ctx, giveUp := context.WithCancel(context.Background())
		err := db.Update(ctx, func(tx *store.Tx) error {
			err := tx.SetSetting("colour", []byte("green"))
			giveUp()
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("answered %v, want %v", err, context.Canceled)
		}
		update(t, db, func(tx *store.Tx) error {
			colour, err := tx.Setting("colour")
			if colour != nil {
				t.Errorf("the colour is %q", colour)
			}
			return err
		})
	})
}

// Numbers start at 1 and rise by one, also when thirty-two callers of all servers take them at
// once. A number that somebody wanted is not given again, and they go on above it.
func TestCounters(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		next := func(db *store.DB, of store.Counter, wanted int64) (id int64) {
			err := db.Update(context.Background(), func(tx *store.Tx) (err error) {
				id, err = tx.NextID(of, wanted)
				return err
			})
			if err != nil {
				t.Errorf("the next %s: %v", of, err)
			}
			return id
		}
		var taken gathered[int64]
		crowd(32, func(caller int) {
			for range 5 {
				taken.add(next(all[caller%len(all)], store.ClientIDs, 0))
			}
		})
		slices.Sort(taken.all)
		want := slices.Collect(func(yield func(int64) bool) {
			for id := int64(1); id <= 160 && yield(id); id++ {
			}
		})
		if diff := cmp.Diff(want, taken.all); diff != "" {
			t.Errorf("160 numbers were taken (-want +got):\n%s", diff)
		}
		for _, step := range []struct{ wanted, want int64 }{
			{0, 161}, {14471, 14471}, {0, 14472}, {300, 300}, {0, 14473}, {14473, 14473}, {0, 14474}, {14475, 14475}, {0, 14476},
		} {
			if got := next(all[0], store.ClientIDs, step.wanted); got != step.want {
				t.Errorf("wanted %d (0 is any), got %d, want %d", step.wanted, got, step.want)
			}
		}
		if got := next(all[0], store.ProjectIDs, 0); got != 1 {
			t.Errorf("the first project is %d, want 1: counters are not separate", got)
		}
		given := map[int64]bool{}
		crowd(8, func(caller int) {
			id := next(all[caller%len(all)], store.UserIDs, int64(caller%2*100*caller)) // every second one wants 100, 300, 500 or 700
			taken.Lock()
			defer taken.Unlock()
			if given[id] {
				t.Errorf("user %d was given twice: %v", id, slices.Collect(maps.Keys(given)))
			}
			given[id] = true
		})
	})
}
