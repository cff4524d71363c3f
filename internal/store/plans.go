package store

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/zone"
)

// Timetables that were asked are kept as they were read, which takes several times as much memory as their texts. Most places
// share a few; but nothing keeps a hundred thousand places from having as many, and one search from asking them all.

// plan is a timetable as it was read; without a schedule where it cannot be.
type plan struct {
	schedule *hours.Schedule
	zone     *time.Location
}

// plansMost is how much memory plans may take together, in bytes as cost reckons them. Beyond that a timetable is read
// whenever it is asked, until ReleaseIdle has let others go.
var plansMost int64 = 64 << 20

// plans counts what the plans of the timetables take that are kept.
type plans struct{ size atomic.Int64 }

// cost is about as much memory as the timetable takes when it was read, and its last answer: the shortest rule has eight
// bytes and becomes 72.
func (t *timetable) cost() int64 { return 256 + 10*int64(len(t.key)) }

// opened is what stands in the timetable.
func (t *timetable) opened() *plan {
	if !t.asked.Load() {
		t.asked.Store(true)
	}
	is := t.read.Load()
	if is == nil {
		is = readPlan(t.key)
		t.keep(is)
	}
	return is
}

// readPlan reads a timetable by its key.
func readPlan(key string) *plan {
	name, text, _ := strings.Cut(key, "\x00")
	schedule, err := hours.Restore(text)
	if err != nil {
		return &plan{}
	}
	in, err := zone.Named(name)
	if err != nil {
		return &plan{}
	}
	return &plan{schedule: schedule, zone: in}
}

// keep keeps what stands in the timetable where there is room for it.
func (t *timetable) keep(is *plan) {
	switch {
	case t.plans == nil:
		t.read.Store(is)
		return
	case t.plans.size.Add(t.cost()) > plansMost || !t.read.CompareAndSwap(nil, is):
		t.plans.size.Add(-t.cost())
	}
	if t.left.Load() {
		t.letGo()
	}
}

// letGo forgets what stands in the timetable, and its last answer.
func (t *timetable) letGo() {
	if t.read.Swap(nil) != nil {
		t.plans.size.Add(-t.cost())
	}
	t.last.Store(nil)
}

// leave is told that no place has the timetable any more. A search that is under way may ask it still: nothing is kept of that.
func (t *timetable) leave() {
	t.left.Store(true)
	t.letGo()
}

// ReleaseIdle lets go of what was read of the hours of places that nobody has asked since it was called before.
func (db *DB) ReleaseIdle() {
	now := db.atlas.now.Load()
	if now == nil {
		return
	}
	for _, t := range now.tables[1:] {
		if t.asked.Load() {
			t.asked.Store(false)
		} else {
			t.letGo()
		}
	}
}

// name gives a timetable a number. The caller holds altering.
func (a *atlas) name(t *timetable) uint32 {
	number := uint32(len(a.tables))
	a.tables, a.holders = append(a.tables, t), append(a.holders, 0)
	a.named[t.key] = number
	a.idle++
	return number
}

// hold counts one more place that has a timetable. The caller holds altering.
func (a *atlas) hold(number uint32) {
	if a.holders[number] == 0 {
		a.idle--
	}
	a.holders[number]++
}

// release counts one less; a place without hours had none. The caller holds altering.
func (a *atlas) release(number uint32) {
	if number == 0 {
		return
	}
	if a.holders[number]--; a.holders[number] == 0 {
		a.idle++
	}
}
