package service

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/zone"
)

// Clock is the business clock of a sandbox: it can be frozen, and moved on, while the wall clock goes its way
// (decisions.md 20). Make one with NewClock. Safe for concurrent use.
type Clock struct {
	wall func() time.Time
	keep func(ClockState) error

	mu    sync.RWMutex
	state ClockState
}

// ClockState is how a clock goes, to be kept and gone on from. The zero state is that of the wall clock.
type ClockState struct {
	// At is what it showed when the wall clock showed Wall; where that is zero, it is when the clock is made.
	At   time.Time `json:"at,omitzero"`
	Wall time.Time `json:"wall,omitzero"`
	// Frozen says that it goes on showing At.
	Frozen bool `json:"frozen,omitempty"`
}

// NewClock returns a clock that goes on from a state. keep is given each state before it counts, so that the clock
// survives the process; it may fail, which leaves the clock as it was.
func NewClock(wall func() time.Time, state ClockState, keep func(ClockState) error) (*Clock, error) {
	c := &Clock{wall: wall, keep: keep, state: state}
	if state.At.IsZero() || !state.Wall.IsZero() {
		return c, nil
	}
	state.Wall = wall()
	return c, c.set(state)
}

// Now is what the clock shows, in UTC.
func (c *Clock) Now() time.Time { return c.State().at(c.wall()) }

// State is how the clock goes.
func (c *Clock) State() ClockState {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.state
}

// at is what a clock in that state shows when the wall clock shows wall.
func (s ClockState) at(wall time.Time) time.Time {
	switch {
	case s.At.IsZero():
		return wall.UTC()
	case s.Frozen:
		return s.At.UTC()
	}
	return s.At.Add(wall.Round(0).Sub(s.Wall.Round(0))).UTC() // by what the clocks show, whatever they were set to meanwhile
}

// Resumed is the state of a clock that shows at, and goes on from there whenever it is made.
func (s ClockState) Resumed(at time.Time) ClockState { return ClockState{At: at, Frozen: s.Frozen} }

// set keeps a state, from which on it counts.
func (c *Clock) set(state ClockState) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.keep(state); err != nil {
		return fmt.Errorf("keeping where the sandbox's clock stands: %w", err)
	}
	c.state = state
	return nil
}

// stand has it show at, standing or running.
func (c *Clock) stand(at time.Time, frozen bool) error {
	return c.set(ClockState{At: at.UTC(), Wall: c.wall().Round(0).UTC(), Frozen: frozen})
}

// ClockEvent is something that a sandbox's clock can be moved to.
type ClockEvent string

// The events.
const (
	// NextChange is the next change between summer and winter time in a zone.
	NextChange ClockEvent = "dst"
	// NextAllowance and NextToken are when the next allowance, or access token, is over.
	NextAllowance ClockEvent = "allowance-expiry"
	NextToken     ClockEvent = "token-expiry"
	// NextTimer is when the next thing happens by itself.
	NextTimer ClockEvent = "timer"
	// WallTime is what the wall clock shows, for a clock that lags behind.
	WallTime ClockEvent = "now"
)

// ClockEvents lists the events.
func ClockEvents() []ClockEvent {
	return []ClockEvent{NextChange, NextAllowance, NextToken, NextTimer, WallTime}
}

// ClockMove says where a clock is moved to: on by a time, to an instant, or to an event. Exactly one is given.
type ClockMove struct {
	// Years, Months and By are added up. Years and months are those of the calendar in UTC.
	Years, Months int
	By            time.Duration
	To            time.Time
	Event         ClockEvent
	// Zone is the IANA name of the zone of NextChange, or Place the number of the place whose zone that is.
	Zone  string
	Place int64
	// Before is how long before the event.
	Before time.Duration
}

// ClockView is a sandbox's clock, and what it can be moved to; times that there are not are zero.
type ClockView struct {
	Now, Wall time.Time
	Frozen    bool
	// Timer is when something happens by itself next, Allowance and Token when the next allowance or access token is over.
	Timer, Allowance, Token time.Time
}

// ClockMoved is what a move of the clock did.
type ClockMoved struct {
	From, To time.Time
	// Steps is at how many instants something was due on the way, Done how much happened by itself.
	Steps, Done int
	// Waiting is how many callbacks are due and not delivered yet, because their receivers are slow.
	Waiting int
}

const (
	// farthestMove is how far ahead of the wall clock a clock can be moved, in years.
	farthestMove = 100
	// housekeeping is how often a moving clock has keys looked after, and clearing how often old things cleared up, which
	// nobody sees any more; both also at the end of a move by so much that a server would have done it.
	housekeeping, clearing = 24 * time.Hour, 7 * 24 * time.Hour
	housekeepingLeast      = time.Hour
	// callbackPatience is how long a whole move waits for receivers of callbacks, on the wall clock.
	callbackPatience = 20 * time.Second
	callbackLook     = 2 * time.Millisecond
)

// errNoClock refuses to move a clock that is not a sandbox's.
func errNoClock() error {
	return wallet.Errorf(wallet.InvalidState, "only a running sandbox has a clock of its own: start `purser dev`.")
}

// mayMoveClock says whether the caller may move the clock, and whether there is one.
func (s *Service) mayMoveClock(c wallet.Caller) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	if s.Movable == nil {
		return errNoClock()
	}
	return nil
}

// ShowClock returns the sandbox's clock. It fails with Forbidden, and InvalidState where there is none.
func (s *Service) ShowClock(ctx context.Context, c wallet.Caller) (ClockView, error) {
	if err := s.mayMoveClock(c); err != nil {
		return ClockView{}, err
	}
	view := ClockView{Now: s.Movable.Now(), Wall: s.WallClock(), Frozen: s.Movable.State().Frozen}
	due, err := s.db.NextDue(ctx, view.Now)
	view.Timer, view.Allowance, view.Token = due.Timer, due.Allowance, due.Token
	return view, err
}

// FreezeClock has the sandbox's clock stand still where it is, RunClock has it run on from there. Both fail with
// Forbidden, and InvalidState where there is none.
func (s *Service) FreezeClock(ctx context.Context, c wallet.Caller) error {
	return s.setClock(ctx, c, true, "freeze the clock")
}

// RunClock has the sandbox's clock run on: see FreezeClock.
func (s *Service) RunClock(ctx context.Context, c wallet.Caller) error {
	return s.setClock(ctx, c, false, "let the clock run")
}

func (s *Service) setClock(ctx context.Context, c wallet.Caller, frozen bool, action string) error {
	if err := s.mayMoveClock(c); err != nil {
		return err
	}
	s.moving.Lock()
	defer s.moving.Unlock()
	if s.Movable.State().Frozen == frozen {
		return nil
	}
	// To the microsecond that the database keeps, so that what is stamped now is not in the future.
	if err := s.Movable.stand(s.Movable.Now().Truncate(time.Microsecond), frozen); err != nil {
		return err
	}
	return s.operate(ctx, c, func(tx *store.Tx) error {
		return s.audit(tx, c, action, serverObject, 0, nil, nil)
	})
}

// MoveClock moves the sandbox's clock on, as if that time had been waited for: it stops at every instant on the way at
// which something is due, does it, and lets the callbacks leave that it leads to. Then the clock goes on as it did
// before: it stands, or runs. It fails with Forbidden, InvalidState (there is no such clock, or nothing that the event
// could be), InvalidParameters and NotFound (the place).
func (s *Service) MoveClock(ctx context.Context, c wallet.Caller, m ClockMove) (done ClockMoved, err error) {
	if err := s.mayMoveClock(c); err != nil {
		return done, err
	}
	s.moving.Lock()
	defer s.moving.Unlock()
	frozen := s.Movable.State().Frozen
	done.From = s.Movable.Now().Truncate(time.Microsecond)
	to, err := s.destination(ctx, m, done.From)
	if err != nil {
		return done, err
	}
	if err := s.operate(ctx, c, func(tx *store.Tx) error {
		return s.audit(tx, c, "move the clock to "+to.Format(time.RFC3339), serverObject, 0, nil, nil)
	}); err != nil {
		return done, err
	}
	telling, cancel := context.WithTimeout(ctx, callbackPatience)
	defer cancel()
	move := clockMove{Service: s, caller: c, telling: telling, done: &done, to: to, tended: done.From, cleared: done.From}
	err = move.run(ctx)
	done.To = s.Movable.Now()
	if failed := s.Movable.stand(done.To, frozen); err == nil {
		err = failed
	}
	return done, err
}

// clockMove is a move of the clock while it lasts.
type clockMove struct {
	*Service
	caller wallet.Caller
	// telling ends when no callback is waited for any more.
	telling context.Context
	done    *ClockMoved
	to      time.Time
	// tended is when keys were looked after last, cleared when old things were cleared up.
	tended, cleared time.Time
}

// run goes from instant to instant.
func (m *clockMove) run(ctx context.Context) error {
	now, isDue := m.done.From, true
	for {
		if err := m.Movable.stand(now, true); err != nil {
			return err
		}
		last := !now.Before(m.to)
		if err := m.keepHouse(ctx, now, last); err != nil {
			return err
		}
		if isDue || last {
			if err := m.settle(ctx, now); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
		due, err := m.db.NextDue(ctx, now)
		if err != nil {
			return err
		}
		now = earliest(m.to, m.tended.Add(housekeeping))
		if isDue = !due.Timer.IsZero() && !due.Timer.After(now); isDue {
			now = due.Timer
			m.done.Steps++
		}
	}
}

// earliest is the first of two instants.
func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// keepHouse does what a server does from time to time, where its time has come.
func (m *clockMove) keepHouse(ctx context.Context, now time.Time, last bool) error {
	due := func(since time.Time, every time.Duration) bool {
		return now.Sub(since) >= every || last && now.Sub(since) >= housekeepingLeast
	}
	if due(m.tended, housekeeping) {
		m.tended = now
		if _, err := m.Upkeep(ctx, m.caller, 0); err != nil {
			return err
		}
	}
	if !due(m.cleared, clearing) {
		return nil
	}
	m.cleared = now
	return m.Prune(ctx, m.caller)
}

// settle does what is due now, one after another so that it is the same each time, and waits until the callbacks have left
// that are due. What cannot be done is logged, and is due still.
func (m *clockMove) settle(ctx context.Context, now time.Time) error {
	const oneByOne = 1
	n, err := m.doDue(ctx, oneByOne, math.MaxInt)
	m.done.Done += n
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		m.db.Log.Error("what is due could not be done; the clock goes on", "error", err)
	}
	for try := 0; ; try++ {
		if m.done.Waiting, err = m.db.CallbacksDue(ctx, now); err != nil || m.done.Waiting == 0 || !m.delivers {
			return err
		}
		if try%50 == 0 {
			m.Owed()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.telling.Done():
			return nil // their receivers are slow: they are told at some later instant
		case <-time.After(callbackLook):
		}
	}
}

// destination is the instant that a move is to.
func (s *Service) destination(ctx context.Context, m ClockMove, now time.Time) (to time.Time, err error) {
	field := "to"
	switch {
	case m.Event != "":
		field = "event"
		if to, err = s.eventTime(ctx, m, now); err != nil {
			return to, err
		}
		to = to.Add(-m.Before)
	case !m.To.IsZero():
		to = m.To
	default:
		field = "by"
		to = now.AddDate(m.Years, m.Months, 0).Add(m.By)
	}
	to = to.UTC().Truncate(time.Microsecond)
	switch {
	case to.Before(now):
		return to, wallet.FieldError(field, "is %s, and the sandbox's clock shows %s: it moves forward alone; restore a snapshot to go back",
			to.Format(time.RFC3339), now.Format(time.RFC3339))
	case to.After(s.WallClock().AddDate(farthestMove, 0, 0)):
		return to, wallet.FieldError(field, "is more than %d years ahead of the wall clock", farthestMove)
	}
	return to, nil
}

// eventTime is when an event is next.
func (s *Service) eventTime(ctx context.Context, m ClockMove, now time.Time) (time.Time, error) {
	due, err := s.db.NextDue(ctx, now)
	if err != nil {
		return time.Time{}, err
	}
	at, none := time.Time{}, ""
	switch m.Event {
	case NextChange:
		return s.nextChange(ctx, m, now)
	case NextAllowance:
		at, none = due.Allowance, "no allowance is active"
	case NextToken:
		at, none = due.Token, "no access token is alive"
	case NextTimer:
		at, none = due.Timer, "nothing is due at any time"
	case WallTime:
		return s.WallClock(), nil
	default:
		return at, wallet.FieldError("event", "%q is not one of %s", m.Event, listWords(ClockEvents()))
	}
	if at.IsZero() {
		return at, wallet.Errorf(wallet.InvalidState, "%s: the clock cannot be moved to that.", none)
	}
	return at, nil
}

// nextChange is when the clocks of a zone are put forward or back next.
func (s *Service) nextChange(ctx context.Context, m ClockMove, now time.Time) (time.Time, error) {
	name := m.Zone
	if m.Place != 0 {
		place, err := s.db.Location(ctx, m.Place)
		switch {
		case err != nil:
			return time.Time{}, err
		case place == nil:
			return time.Time{}, wallet.Errorf(wallet.NotFound, "there is no place %d.", m.Place)
		}
		name = place.Timezone
	}
	if name == "" {
		return time.Time{}, wallet.FieldError("zone", "name a zone, such as Europe/Vilnius, or a place")
	}
	in, err := zone.Named(name)
	if err != nil {
		return time.Time{}, wallet.FieldError("zone", "%s", err)
	}
	at := zone.NextChange(in, now)
	if at.IsZero() {
		return at, wallet.Errorf(wallet.InvalidState, "%s knows no summer time: its clocks are not changed.", name)
	}
	return at, nil
}

// Snapshot writes the whole database to a new file at path, as it is at one moment, and returns how the clock stood then.
// It fails with Forbidden, and InvalidState where this is no sandbox.
func (s *Service) Snapshot(ctx context.Context, c wallet.Caller, path string) (ClockState, error) {
	if err := s.mayMoveClock(c); err != nil {
		return ClockState{}, err
	}
	s.moving.Lock()
	defer s.moving.Unlock()
	if err := s.db.WriteUses(ctx); err != nil {
		return ClockState{}, err
	}
	if err := s.db.CopyTo(ctx, path); err != nil {
		return ClockState{}, err
	}
	state := s.Movable.State()
	return state.Resumed(s.Movable.Now().Truncate(time.Microsecond)), nil
}
