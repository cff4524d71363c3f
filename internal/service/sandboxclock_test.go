package service_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// movable has the world's business clock move, and stand from now on.
func (w world) movable() {
	w.t.Helper()
	clock, err := service.NewClock(w.wall.Now, service.ClockState{At: w.business.Now(), Frozen: true}, func(s service.ClockState) error {
		w.business.Advance(s.At.Sub(w.business.Now()))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Movable = clock
}

// What is due while the clock is moved happens in its order, each at its own instant.
func TestWhatIsDueHappensOnTheWay(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		w.owing()
		w.movable()
		began := w.business.Now()
		day := w.reserved(eur(100), tellsAt, func(n *service.NewTransaction) { n.ReserveFor = 24 * time.Hour })
		hour := w.reserved(eur(200), tellsAt, func(n *service.NewTransaction) { n.ReserveFor = time.Hour })
		late := w.reserved(eur(300), tellsAt, func(n *service.NewTransaction) { n.ReserveFor = 60 * 24 * time.Hour })
		view, err := w.ShowClock(ctx, operator)
		if err != nil || !view.Frozen || !view.Now.Equal(began) || !view.Timer.Equal(began.Add(time.Hour)) {
			t.Errorf("the clock is shown as %+v, %v", view, err)
		}
		moved, err := w.MoveClock(ctx, operator, service.ClockMove{Months: 1})
		if err != nil || moved.Done != 2 || moved.Steps != 2 || !moved.To.Equal(began.AddDate(0, 1, 0)) {
			t.Fatalf("moved by a month: %+v, %v", moved, err)
		}
		var told []string
		views, _, err := w.ListCallbacks(ctx, operator, service.CallbackFilter{})
		for _, v := range slices.Backward(views) {
			if v.Type == wallet.TransactionFailed {
				told = append(told, fmt.Sprint(v.At.Sub(began)))
			}
		}
		slices.Sort(told)
		if err != nil || strings.Join(told, " ") != "1h0m0s 24h0m0s" {
			t.Errorf("what ended is told of after %s, %v", told, err)
		}
		for _, v := range []service.TransactionView{day, hour} {
			if got := w.seen(v.Key); got.Status != wallet.TransactionFailed {
				t.Errorf("a reservation that is over is %s", got.Status)
			}
		}
		if got := w.seen(late.Key); got.Status != wallet.TransactionReserved {
			t.Errorf("a reservation that is not over is %s", got.Status)
		}
		moved, err = w.MoveClock(ctx, operator, service.ClockMove{Event: service.NextTimer})
		if err != nil || !moved.To.Equal(began.Add(60*24*time.Hour)) || moved.Done != 1 {
			t.Errorf("moved to the next timer: %+v, %v", moved, err)
		}
		var refused *wallet.Error
		if _, err := w.MoveClock(ctx, operator, service.ClockMove{To: began}); !errors.As(err, &refused) || refused.Code != wallet.InvalidParameters {
			t.Errorf("moved back: %v", err)
		}
		if _, err := w.MoveClock(ctx, operator, service.ClockMove{Event: "noon"}); !errors.As(err, &refused) || refused.Properties["event"] == nil {
			t.Errorf("moved to no event: %v", err)
		}
	})
}

// A server has no clock of its own, and says so to its operator.
func TestAServersClockStaysTheWalls(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		_, show := w.ShowClock(ctx, operator)
		_, move := w.MoveClock(ctx, operator, service.ClockMove{By: time.Hour})
		_, snapshot := w.Snapshot(ctx, operator, t.TempDir()+"/copy")
		for _, err := range []error{show, move, snapshot, w.FreezeClock(ctx, operator), w.RunClock(ctx, operator)} {
			var refused *wallet.Error
			if !errors.As(err, &refused) || refused.Code != wallet.InvalidState {
				t.Errorf("a server's clock: %v", err)
			}
		}
	})
}

// A clock that runs goes on by what the wall clock shows, one that stands does not, and what could not be kept does not count.
func TestAClockGoesOnFromWhereItWas(t *testing.T) {
	wall := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	var kept service.ClockState
	keep := func(s service.ClockState) error { kept = s; return nil }
	at := wall.AddDate(1, 0, 0)
	for _, frozen := range []bool{false, true} {
		c, err := service.NewClock(func() time.Time { return wall }, service.ClockState{At: at, Frozen: frozen}, keep)
		if err != nil {
			t.Fatal(err)
		}
		wall = wall.Add(time.Hour)
		again, err := service.NewClock(func() time.Time { return wall }, kept, keep)
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]time.Time{false: at.Add(time.Hour), true: at}[frozen]
		if got, same := c.Now(), again.Now(); !got.Equal(want) || !same.Equal(want) {
			t.Errorf("frozen %t: an hour later it shows %s, and in the next process %s, want %s", frozen, got, same, want)
		}
	}
	if _, err := service.NewClock(func() time.Time { return wall }, service.ClockState{At: at}, func(service.ClockState) error { return errors.New("full") }); err == nil {
		t.Error("a clock runs that could not be kept")
	}
	if c, _ := service.NewClock(func() time.Time { return wall }, service.ClockState{}, nil); !c.Now().Equal(wall) {
		t.Error("a clock that was never moved is not the wall's")
	}
}
