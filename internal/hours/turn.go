package hours

import (
	"slices"
	"time"
)

// dailyAhead is how many years NextDaily looks ahead at most.
const dailyAhead = 10

// NextDaily is when Daily next says something else of a place in the zone than it says at the instant: as a season comes nearer, on up
// to seven days one after another, since each weekday is shown as on its next date. No when it never will, or not for ten years.
func (s *Schedule) NextDaily(at time.Time, zone *time.Location) (time.Time, bool) {
	if s == nil || !s.dated {
		return time.Time{}, false
	}
	today := DateOf(at.In(zone)).number()
	for _, day := range s.seasonDays(today) {
		// What is shown on a day is what was shown on the day before, but for one weekday.
		if !sameStretch(s.regular(day-1), s.regular(day+6)) {
			c := clock{zone: zone}
			_, begins := c.reached(day * daySeconds) // for good, where clocks are put back at midnight
			if turn := time.Unix(begins, 0).UTC(); turn.After(at) {
				return turn, true
			}
		}
	}
	return time.Time{}, false
}

// sameStretch says whether Daily shows both days alike.
func sameStretch(a, b []Span) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	return fewestWrong(a) == fewestWrong(b)
}

// seasonDays are the days after today, in order, on which Daily may begin to say something else: those within a week before a
// season begins or is over.
func (s *Schedule) seasonDays(today int64) (days []int64) {
	year := civil(today).Year
	last := min(max(year, civil(s.until).Year), year+dailyAhead-1) + 1
	near := func(edge int64) {
		for day := edge - 7; day <= edge+1; day++ { // a day more on both sides costs little, whatever a 29 February is
			if day > today {
				days = append(days, day)
			}
		}
	}
	for i := range s.rules {
		if s.rules[i].exceptional() {
			continue
		}
		for _, dates := range s.rules[i].Dates {
			if !dates.Recurring() {
				near(dates.From.number())
				near(dates.To.number() + 1)
				continue
			}
			for y := year; y <= last; y++ {
				dates.From.Year, dates.To.Year = y, y
				near(dates.From.number())
				near(dates.To.number() + 1)
			}
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}
