package hours

import (
	"math"
	"slices"
	"time"
)

const (
	daySeconds = 24 * 60 * 60
	// shift is more than any zone was ever from UTC, and than any clock was put back.
	shift = 26 * 60 * 60
)

// clock is the clocks of a zone, and the stretch of time, from begin until before end, through
// which they were last seen to be offset seconds from UTC.
type clock struct {
	zone               *time.Location
	begin, end, offset int64
	// steps are the rules and spans that were looked at for a change.
	steps int
}

// look finds the stretch that the instant is in.
func (c *clock) look(u int64) {
	if c.begin <= u && u < c.end {
		return
	}
	at := time.Unix(u, 0).In(c.zone)
	_, offset := at.Zone()
	begin, end := at.ZoneBounds()
	c.begin, c.end, c.offset = math.MinInt64, math.MaxInt64, int64(offset)
	if !begin.IsZero() {
		c.begin = begin.Unix()
	}
	if !end.IsZero() {
		c.end = end.Unix()
	}
	if c.end <= u {
		// After the last listed transition the time package has stretches end with the 365th
		// day of a year; what remains of a leap year is its last day.
		c.end = (dayOf(u) + 1) * daySeconds
	}
}

// reading is what the clocks have shown and will show, in seconds since 1970-01-01 local: the
// least from the instant on, and the furthest until it. Both are the same unless the instant
// is in or near an hour that comes twice.
func (c *clock) reading(u int64) (least, furthest int64) {
	c.look(u)
	least, furthest = u+c.offset, u+c.offset
	for near := *c; near.begin > u-shift; {
		before := near.begin - 1
		near.look(before)
		furthest = max(furthest, before+near.offset)
	}
	for near := *c; near.end <= u+shift; {
		next := near.end
		near.look(next)
		least = min(least, next+near.offset)
	}
	return least, furthest
}

// reached are the first instant at which the clocks have reached the local second, and the
// last before which they have not: two, when it comes twice.
func (c *clock) reached(local int64) (first, last int64) {
	first, last = math.MaxInt64, math.MinInt64
	for c.look(local - shift); ; c.look(c.end) {
		here := local - c.offset
		if here < c.end {
			first = min(first, max(c.begin, here))
		}
		if here > c.begin {
			last = max(last, min(c.end, here))
		}
		if c.end > local+shift {
			return first, last
		}
	}
}

// dayOf is the number of the day of the local second.
func dayOf(local int64) int64 {
	day := local / daySeconds
	if local%daySeconds < 0 {
		day--
	}
	return day
}

// weekday of the day: 1970-01-01 was a Thursday.
func weekday(day int64) time.Weekday { return time.Weekday(((day+4)%7 + 7) % 7) }

// civil is the date of the day, by the algorithm that counts years from March in eras of 400.
func civil(day int64) Date {
	const era = 146097
	day += 719468
	n := day / era
	if day < 0 {
		n = (day - era + 1) / era
	}
	doe := day - n*era
	yoe := (doe - doe/1460 + doe/36524 - doe/(era-1)) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	month, year := mp+3, yoe+n*400
	if month > 12 {
		month, year = month-12, year+1
	}
	return Date{Year: int16(year), Month: uint8(month), Day: uint8(doy - (153*mp+2)/5 + 1)}
}

// calendar is the day as rules look at it.
func (s *Schedule) calendar(day int64) (time.Weekday, Date, bool) {
	if !s.dated {
		return weekday(day), Date{}, false
	}
	date := civil(day)
	_, holiday := slices.BinarySearchFunc(s.holidays, date, func(a, b Date) int { return a.key() - b.key() })
	return weekday(day), date, holiday
}

// State says whether the place is open at the instant; of a nil schedule that is unknown.
func (s *Schedule) State(at time.Time, zone *time.Location) State {
	if s == nil {
		return Unknown
	}
	c := clock{zone: zone}
	return s.state(c.reading(at.Unix()))
}

// state looks at the days whose spans may hold the reading: a span ends a day after its own
// at the latest.
func (s *Schedule) state(least, furthest int64) State {
	found := Closed
	for day := dayOf(least) - 1; day*daySeconds <= furthest; day++ {
		// Minutes since the day's midnight: a span holds the reading when it opened at or before
		// the furthest, and closes after the least.
		least, furthest := least-day*daySeconds, furthest-day*daySeconds
		weekday, date, holiday := s.calendar(day)
		for i := len(s.rules) - 1; i >= 0; i-- {
			r := &s.rules[i]
			if !r.about(weekday, date, holiday) {
				continue
			}
			for _, span := range r.Spans {
				if furthest < int64(span.Open)*60 {
					continue
				}
				if r.State == Open && span.Close > span.Open && least < int64(span.Close)*60 {
					return Open
				}
				if least < int64(span.tail())*60 {
					found = Unknown
				}
			}
			if !r.Additional {
				break
			}
		}
	}
	return found
}

// The days that are looked ahead for a change: three weeks show all that weekdays do, clocks
// that are put forward over an opening included; ten years what dates do.
const (
	weeksAhead = 24
	yearsAhead = 3660
	// mostSteps end the search in a schedule that was made to have it take long: hundreds of
	// spans a day for ten years through which nothing changes.
	mostSteps = 2_000_000
)

// NextChange is the first instant after the given one at which State answers something else;
// the instant is in the zone. There is none when nothing changes within three weeks by
// weekdays, or within ten years by dates; nor is one found past the first two million rules
// and spans, which no honest schedule has.
func (s *Schedule) NextChange(at time.Time, zone *time.Location) (change time.Time, ok bool) {
	if s == nil {
		return time.Time{}, false
	}
	return s.change(at.Unix(), math.MaxInt64, false, &clock{zone: zone})
}

// NextOpening is the first instant, not before the given one, at which the place is known to
// be open, as far as NextChange looks.
func (s *Schedule) NextOpening(at time.Time, zone *time.Location) (opening time.Time, ok bool) {
	if s == nil {
		return time.Time{}, false
	}
	c := clock{zone: zone}
	if s.state(c.reading(at.Unix())) == Open {
		return at.In(zone), true
	}
	return s.change(at.Unix(), math.MaxInt64, true, &c)
}

// change is the next change before the instant until, or the next to Open.
func (s *Schedule) change(u, until int64, opens bool, c *clock) (change time.Time, ok bool) {
	least, furthest := c.reading(u)
	now, today := s.state(least, furthest), dayOf(least)
	last := today + weeksAhead
	if s.recurring {
		last = today + yearsAhead
	} else if s.until >= today {
		last = min(s.until+weeksAhead, today+yearsAhead)
	}
	if until < math.MaxInt64 {
		last = min(last, dayOf(until+shift))
	}
	for {
		u, ok = s.boundary(u, dayOf(least)-1, last, c)
		if !ok || u >= until || c.steps > mostSteps {
			return time.Time{}, false
		}
		least, furthest = c.reading(u)
		if state := s.state(least, furthest); state != now && (state == Open || !opens) {
			return time.Unix(u, 0).In(c.zone), true
		}
	}
}

// boundary is the first instant after the given one at which a span of a day in the range
// begins or ends.
func (s *Schedule) boundary(after, day, last int64, c *clock) (int64, bool) {
	best := int64(math.MaxInt64)
	// Whatever belongs to a day happens after clocks first reach its midnight.
	for ; day <= last && c.steps <= mostSteps; day++ {
		if best != math.MaxInt64 {
			if midnight, _ := c.reached(day * daySeconds); best <= midnight {
				break
			}
		}
		weekday, date, holiday := s.calendar(day)
		for i := len(s.rules) - 1; i >= 0; i-- {
			r := &s.rules[i]
			c.steps += 1 + len(r.Dates)
			if !r.about(weekday, date, holiday) {
				continue
			}
			c.steps += 3 * len(r.Spans)
			for _, span := range r.Spans {
				opens, _ := c.reached(day*daySeconds + int64(span.Open)*60)
				_, closes := c.reached(day*daySeconds + int64(span.Close)*60)
				_, ends := c.reached(day*daySeconds + int64(span.tail())*60)
				for _, u := range [...]int64{opens, closes, ends} {
					if u > after {
						best = min(best, u)
					}
				}
			}
			if !r.Additional {
				break
			}
		}
	}
	return best, best != math.MaxInt64
}

// OpenDuring says whether the place is open all the time from one instant until before the
// other: Closed when it is closed at some time, else Unknown when that is so at some time.
// Where to is not after from it is the state at from. What takes longer to find than
// NextChange looks is Unknown.
func (s *Schedule) OpenDuring(from, to time.Time, zone *time.Location) State {
	state := s.State(from, zone)
	c := &clock{zone: zone}
	for s != nil && state != Closed {
		next, ok := s.change(from.Unix(), ceil(to), false, c)
		if !ok && c.steps > mostSteps {
			return Unknown
		}
		if !ok {
			break
		}
		now := s.State(next, zone)
		if state == Unknown && now == Open {
			now = Unknown
		}
		from, state = next, now
	}
	return state
}

// ceil is the first whole second not before the time: states change on whole seconds.
func ceil(at time.Time) int64 {
	if at.Nanosecond() > 0 {
		return at.Unix() + 1
	}
	return at.Unix()
}
