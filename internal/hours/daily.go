package hours

import (
	"fmt"
	"time"
)

// FromDaily makes a schedule of the wire's one interval a day (spec/php-client.md §8.3): a day
// that is missing is closed; no day at all is unknown, nil, as a place without working hours
// is. A span that Between made of the two texts means what the PHP client takes them for.
func FromDaily(days map[time.Weekday]Span) (*Schedule, error) {
	if len(days) == 0 {
		return nil, nil
	}
	week := make([][]Span, 7)
	for day, span := range days {
		if day < time.Sunday || day > time.Saturday {
			return nil, fmt.Errorf("there is no weekday %d", day)
		}
		week[day] = []Span{span}
	}
	return New(weekRules(week), nil)
}

// weekRules are rules for the spans of each weekday, days with the same spans in one.
func weekRules(week [][]Span) (rules []Rule) {
	var done Days
	for i := range week {
		day := time.Weekday((i + 1) % 7)
		if done.Has(day) || len(week[day]) == 0 {
			continue
		}
		r := Rule{State: Open, Spans: week[day]}
		for j := range week {
			other := time.Weekday(j)
			if spansEqual(merged(week[day]), merged(week[other])) {
				r.Days |= On(other)
			}
		}
		done |= r.Days
		rules = append(rules, r)
	}
	if len(rules) == 0 {
		rules = []Rule{{State: Closed}}
	}
	return rules
}

func spansEqual(a, b []Span) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// shortest season in days: dates that are fewer are an exception.
const season = 7

// Daily is the schedule as one span a day, for clients that know no other form; a day without
// one is closed. Nil when the schedule is unknown.
//
// It is the regular week: each weekday as on its next date from the given one on, with the
// seasons (dates of a week and more, or of every year's months) that this date is in, but
// without holidays and exceptions, which a client that keeps the week would apply to every week.
//
// A day of several spans becomes the one stretch from the beginning of a span to the end of
// a span that is wrong for the fewest minutes, where a minute that sends people before
// a closed door counts twice, and one that hides an open door once: a lunch break of an hour
// is bridged, a siesta of five is not, and the longer half of the day is shown. At the same number the
// shorter stretch wins. Hours that are unknown count as closed, except that an opening
// without a closing lasts as long as State says unknown. A span of more than 24 hours is cut to them.
func (s *Schedule) Daily(from Date) map[time.Weekday]Span {
	if s == nil {
		return nil
	}
	days := map[time.Weekday]Span{}
	first := from.number()
	for day := first; day < first+7; day++ {
		if spans := s.regular(day); len(spans) > 0 {
			days[weekday(day)] = fewestWrong(spans)
		}
	}
	return days
}

// regular are the spans that rules without exceptions and holidays give to the day.
func (s *Schedule) regular(day int64) (spans []Span) {
	date := civil(day)
	for i := len(s.rules) - 1; i >= 0; i-- {
		r := &s.rules[i]
		if r.exceptional() || !r.about(weekday(day), date, false) {
			continue
		}
		if r.State == Open {
			for _, span := range r.Spans {
				if span.Close == span.Open {
					span.Close = span.tail()
				}
				span.OpenEnd = false
				spans = append(spans, span)
			}
		}
		if !r.Additional {
			break
		}
	}
	return merged(spans)
}

// exceptional says whether the rule names only dates that are too few for a season.
func (r *Rule) exceptional() bool {
	for _, dates := range r.Dates {
		from, to := dates.From, dates.To
		if dates.Recurring() {
			from.Year, to.Year = 2000, 2000
			if to.key() < from.key() {
				to.Year = 2001
			}
			to.Day = min(to.Day, lastDay(to.Year, to.Month))
		}
		if to.number()-from.number()+1 >= season {
			return false
		}
	}
	return len(r.Dates) > 0
}

// fewestWrong is the stretch of the spans, in order, that Daily describes.
func fewestWrong(spans []Span) Span {
	best, least := spans[0], int(Latest)*3
	total := 0
	for _, span := range spans {
		total += int(span.Close - span.Open)
	}
	for i := range spans {
		open := 0
		for j := i; j < len(spans); j++ {
			open += int(spans[j].Close - spans[j].Open)
			stretch := Span{Open: spans[i].Open, Close: spans[j].Close}
			length := int(stretch.Close - stretch.Open)
			wrong := 2*(length-open) + total - open
			if wrong < least || wrong == least && length < int(best.Close-best.Open) {
				best, least = stretch, wrong
			}
		}
	}
	best.Close = min(best.Close, best.Open+DayEnd)
	return best
}
