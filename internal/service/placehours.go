package service

import (
	"context"
	"maps"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/zone"
)

// zones is the map of time zones, one for all services of a process: it is large.
var zones zone.Map

// readMap has the map read before a transaction needs it, which takes a moment.
func (change LocationChange) readMap() {
	if change.Position != nil && *change.Position != nil {
		zones.At((*change.Position).Degrees())
	}
}

// place moves a place, and names its zone. Whose zone was not named by somebody gets another one by locate.
func (change LocationChange) place(l *wallet.Location) {
	before := l.Position
	set(&l.Position, change.Position)
	if change.Timezone != nil && *change.Timezone != l.Timezone { // who writes back what was read names nothing
		l.Timezone, l.TimezoneGiven = *change.Timezone, *change.Timezone != ""
	}
	if moved := (before == nil) != (l.Position == nil) || before != nil && *before != *l.Position; moved && !l.TimezoneGiven {
		l.Timezone = ""
	}
}

// locate gives a place without a time zone the one of its position.
func locate(l *wallet.Location) {
	if l.Timezone == "" && l.Position != nil && l.Position.OnEarth() {
		l.Timezone = zones.At(l.Position.Degrees())
	}
}

// open sets the hours of a place.
func (change LocationChange) open(l *wallet.Location) {
	set(&l.Hours, change.Hours)
	if change.Days == nil || change.Hours != nil || change.shows(l.Hours, l.Timezone) {
		return
	}
	if schedule, err := hours.FromDaily(*change.Days); err == nil { // else it is refused by judgeHours
		l.Hours = schedule
	}
}

// shows says whether the days are just what a schedule shows, today or a day before or after: it may have been read then.
func (change LocationChange) shows(s *hours.Schedule, timezone string) bool {
	if s == nil {
		return len(*change.Days) == 0
	}
	now := change.now
	if in, err := zone.Named(timezone); err == nil {
		now = now.In(in)
	}
	for _, days := range []int{0, -1, 1} {
		if maps.Equal(s.Daily(hours.DateOf(now.AddDate(0, 0, days))), *change.Days) {
			return true
		}
	}
	return false
}

// judgeHours gathers what is wrong with the hours that are asked for.
func (change LocationChange) judgeHours(refused wallet.FieldErrors, l wallet.Location) {
	if change.Days == nil {
		return
	}
	if _, err := hours.FromDaily(*change.Days); err != nil {
		refused.Refuse("working_hours", "%v", err)
	} else if change.Hours != nil && !change.shows(*change.Hours, l.Timezone) {
		refused.Refuse("working_hours", "say something else than hours: leave one of them out")
	}
}

// DateAt is the date that a place has at a time; where its zone is not known, the one that the time has itself.
func DateAt(l *wallet.Location, now time.Time) hours.Date {
	if in, err := zone.Named(l.Timezone); err == nil {
		now = now.In(in)
	}
	return hours.DateOf(now)
}

// opening is whether a place is open at a time, and when that changes, zero where it is not known to.
func opening(l *wallet.Location, now time.Time) (state hours.State, change time.Time) {
	in, err := zone.Named(l.Timezone)
	if err != nil || l.Hours == nil {
		return hours.Unknown, time.Time{}
	}
	change, _ = l.Hours.NextChange(now, in)
	return l.Hours.State(now, in), change
}

// ReleaseIdle lets go of memory that nobody has needed since it was called before. It fails with Forbidden.
func (s *Service) ReleaseIdle(_ context.Context, c wallet.Caller) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	zones.ReleaseIdle()
	s.db.ReleaseIdle()
	return nil
}
