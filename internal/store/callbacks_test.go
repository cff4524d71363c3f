package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// outbox is a database that owes callbacks.
type outbox struct {
	t  *testing.T
	db *store.DB
	// last is the transaction of the last one.
	last int64
}

// inOutbox runs a story with one on each engine.
func inOutbox(t *testing.T, story func(t *testing.T, o *outbox, clock *wallettest.Clock)) {
	t.Helper()
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		story(t, &outbox{t: t, db: wallettest.Open(t, address, clock)}, clock)
	})
}

// owes adds callbacks of a project, of a transaction each, to hosts that are named with a number, and returns the first transaction.
func (o *outbox) owes(n int, project int64, host string) (first int64) {
	o.t.Helper()
	first = o.last + 1
	_, err := store.Money(o.t.Context(), o.db, store.MoneyCommand[int]{Decide: func(m *store.MoneyTx) (int, error) {
		for i := range n {
			uri := "https://" + host
			if host == "" {
				uri = fmt.Sprintf("https://a%d.example", i)
			}
			m.Owe(wallet.Callback{TransactionID: first + int64(i), Number: 1, ProjectID: project, Type: wallet.TransactionReserved, URI: uri, Event: "{}", At: m.Now()})
		}
		return n, nil
	}})
	if err != nil {
		o.t.Fatal(err)
	}
	o.last += int64(n)
	return first
}

// takes leases what there is room for, and returns the transactions.
func (o *outbox) takes(room wallet.CallbackRoom) (of []int64) {
	o.t.Helper()
	now := o.db.Now()
	taken, err := o.db.DueCallbacks(o.t.Context(), now, now.Add(time.Minute), room)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, c := range taken {
		of = append(of, c.TransactionID)
	}
	return of
}

// tried reports an attempt; another one is due in an hour, unless it is given up.
func (o *outbox) tried(transaction int64, outcome wallet.CallbackOutcome, giveUp bool) {
	o.t.Helper()
	update(o.t, o.db, func(tx *store.Tx) error {
		return tx.CallbackTried(transaction, 1, wallet.CallbackAttempt{Outcome: outcome}, func(int) (time.Duration, bool) { return time.Hour, giveUp })
	})
}

// are expects how many callbacks are in a state, and returns them, the latest first.
func (o *outbox) are(state store.CallbackState, want int) []wallet.Callback {
	o.t.Helper()
	all, n, err := o.db.Callbacks(o.t.Context(), store.CallbackFilter{State: state})
	if err != nil || n != want {
		o.t.Errorf("%d callbacks are %s, want %d; %v", n, state, want, err)
	}
	return all
}

// A project whose clients name ever other receivers has no more room than one that names one, what has gathered in it keeps
// nobody from leaving, and what failed waits behind what was never tried.
func TestCallbacksOfAProjectLeaveRoomForOthers(t *testing.T) {
	inOutbox(t, func(t *testing.T, o *outbox, clock *wallettest.Clock) {
		failed := o.owes(1, 3, "failed.example")
		if got := o.takes(wallet.CallbackRoom{Total: 9, PerHost: 9, PerProject: 9}); !slices.Equal(got, []int64{failed}) {
			t.Fatalf("there leave %v", got)
		}
		o.tried(failed, wallet.CallbackTimeout, false)
		clock.Advance(time.Hour)
		many, hung := o.owes(700, 1, ""), o.owes(300, 2, "hung.example")
		other, late := o.owes(1, 2, "shop.example"), o.owes(1, 4, "shop.example")
		room := wallet.CallbackRoom{Total: 20, PerHost: 4, PerProject: 5, Hosts: map[string]int{"shop.example": 2}}
		// By project, by receiver, behind the lane that it ended with.
		want := []int64{late, many, many + 1, many + 10, many + 100, many + 101, hung, hung + 1, hung + 2, hung + 3, other, failed}
		if got := o.takes(room); !slices.Equal(got, want) {
			t.Errorf("there leave %v, want %v", got, want)
		}
		if got := o.takes(wallet.CallbackRoom{Total: 20, PerHost: 4, PerProject: 5, Hosts: map[string]int{"hung.example": 0}, Projects: map[int64]int{1: 0}}); got != nil {
			t.Errorf("of whom there is no room for there leave %v", got)
		}
		if got := o.takes(wallet.CallbackRoom{Total: 20, PerHost: 4, PerProject: 5, Hosts: map[string]int{"hung.example": 1}, Projects: map[int64]int{1: 0}}); !slices.Equal(got, []int64{hung + 4}) {
			t.Errorf("of the receiver that is slow there leave %v", got)
		}
		if n, oldest, err := o.db.CallbacksWaiting(t.Context()); n != 1003 || !oldest.Equal(wallettest.Epoch) || err != nil {
			t.Errorf("%d wait since %s, %v", n, oldest, err)
		}
	})
}

// Where there is room for one alone, lanes take turns, and what failed is due last.
func TestLanesOfCallbacksTakeTurns(t *testing.T) {
	inOutbox(t, func(t *testing.T, o *outbox, clock *wallettest.Clock) {
		one := wallet.CallbackRoom{Total: 1, PerHost: 1, PerProject: 1}
		failed := o.owes(1, 1, "a.example")
		o.takes(one)
		o.tried(failed, wallet.CallbackRefused, false)
		clock.Advance(time.Hour)
		a, b, c := o.owes(2, 1, "a.example"), o.owes(2, 1, "b.example"), o.owes(2, 2, "a.example")
		var got []int64
		for range 7 {
			got = append(got, o.takes(one)...)
		}
		if want := []int64{b, c, a, b + 1, c + 1, a + 1, failed}; !slices.Equal(got, want) {
			t.Errorf("there leave %v, want %v", got, want)
		}
	})
}

// What waits for too long is given up, tried or not, the oldest first and some at a time; what somebody has is his to tell of,
// and what arrives after all has arrived.
func TestOldCallbacksAreGivenUp(t *testing.T) {
	inOutbox(t, func(t *testing.T, o *outbox, clock *wallettest.Clock) {
		leaving := o.owes(1, 1, "hung.example")
		o.takes(wallet.CallbackRoom{Total: 1, PerHost: 1, PerProject: 1})
		first := o.owes(300, 1, "hung.example")
		clock.Advance(time.Second)
		young := o.owes(1, 1, "hung.example")
		clock.Advance(30 * time.Second)
		giveUp := func(before time.Time) {
			t.Helper()
			if err := o.db.GiveUpCallbacks(t.Context(), o.db.Now(), before); err != nil {
				t.Fatal(err)
			}
		}
		giveUp(wallettest.Epoch)
		o.are(store.CallbackGivenUp, 0)
		giveUp(wallettest.Epoch.Add(time.Second))
		if gone := o.are(store.CallbackGivenUp, 256); gone[len(gone)-1].TransactionID != first || gone[0].TransactionID != first+255 || !gone[0].EndedAt.Equal(o.db.Now()) {
			t.Errorf("it is not the oldest that are given up")
		}
		giveUp(wallettest.Epoch.Add(time.Second))
		if waiting := o.are(store.CallbackWaiting, 2); waiting[0].TransactionID != young || waiting[1].TransactionID != leaving {
			t.Errorf("there wait %v", waiting)
		}
		o.tried(first, wallet.CallbackDelivered, false) // a process had it for longer than its lease
		o.tried(first, wallet.CallbackRefused, true)    // and so had another one
		o.tried(first+1, wallet.CallbackRefused, false)
		arrived, lost := o.are(store.CallbackDelivered, 1), o.are(store.CallbackGivenUp, 299)
		if arrived[0].TransactionID != first || arrived[0].Attempts != 2 || lost[298].TransactionID != first+1 || lost[298].Attempts != 1 {
			t.Errorf("delivered is %+v, given up %+v", arrived[0], lost[298])
		}
		// The operator has one sent again: that begins anew.
		update(t, o.db, func(tx *store.Tx) error {
			_, err := tx.SendCallback(first+1, 1)
			return err
		})
		giveUp(o.db.Now())
		if waiting := o.are(store.CallbackWaiting, 2); waiting[0].TransactionID != first+1 || waiting[1].TransactionID != leaving {
			t.Errorf("after one is sent again there wait %v", waiting)
		}
	})
}

// What waits for a callback that is given up for its age is due at once.
func TestWhatWaitedForAnOldCallbackIsDue(t *testing.T) {
	inOutbox(t, func(t *testing.T, o *outbox, clock *wallettest.Clock) {
		roomy := wallet.CallbackRoom{Total: 9, PerHost: 9, PerProject: 9}
		first := o.owes(1, 1, "hung.example")
		o.takes(roomy)
		o.tried(first, wallet.CallbackTimeout, false)
		clock.Advance(time.Second)
		_, err := store.Money(t.Context(), o.db, store.MoneyCommand[int]{Decide: func(m *store.MoneyTx) (int, error) {
			m.Owe(wallet.Callback{TransactionID: first, Number: 2, ProjectID: 1, Type: wallet.TransactionFailed, URI: "https://hung.example", Event: "second", At: m.Now()})
			return 0, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.takes(roomy); got != nil {
			t.Errorf("before the first there leaves %v", got)
		}
		if held := o.are(store.CallbackWaiting, 2); !held[0].NextAt.Equal(held[1].NextAt) {
			t.Errorf("it does not wait for the first: %+v", held)
		}
		if err := o.db.GiveUpCallbacks(t.Context(), o.db.Now(), o.db.Now()); err != nil {
			t.Fatal(err)
		}
		if got := o.takes(roomy); !slices.Equal(got, []int64{first}) {
			t.Errorf("after the first is given up there leaves %v", got)
		}
	})
}

// However many callbacks have served their time, they go, also where the rest of what has cannot be removed.
func TestPruneOfManyCallbacks(t *testing.T) {
	inOutbox(t, func(t *testing.T, o *outbox, clock *wallettest.Clock) {
		kept := o.owes(1, 1, "shop.example")
		o.owes(1200, 1, "hung.example")
		arrived := o.owes(1, 1, "shop.example")
		o.tried(arrived, wallet.CallbackDelivered, false)
		clock.Advance(time.Second)
		for range 5 {
			if err := o.db.GiveUpCallbacks(t.Context(), o.db.Now(), o.db.Now()); err != nil {
				t.Fatal(err)
			}
		}
		update(t, o.db, func(tx *store.Tx) error {
			_, err := tx.SendCallback(kept, 1)
			return err
		})
		prune := func() {
			t.Helper()
			if err := o.db.Prune(t.Context(), clock.Now(), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		clock.Advance(31 * 24 * time.Hour)
		prune()
		o.are(store.CallbackDelivered, 0)
		o.are(store.CallbackGivenUp, 1200)
		clock.Advance(60 * 24 * time.Hour)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := o.db.Prune(cancelled, clock.Now(), time.Hour); err == nil {
			t.Error("of a prune that was stopped there is no error")
		}
		prune()
		o.are(store.CallbackGivenUp, 0)
		if waiting := o.are(store.CallbackWaiting, 1); waiting[0].TransactionID != kept {
			t.Errorf("there waits %+v", waiting)
		}
		if tries, err := o.db.CallbackAttempts(t.Context(), arrived); err != nil || len(tries) != 0 {
			t.Errorf("of what was removed there are attempts %v, %v", tries, err)
		}
	})
}
