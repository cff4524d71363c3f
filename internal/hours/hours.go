// Package hours is when a place is open: a schedule of rules in the sense of OpenStreetMap's
// opening_hours, answered in the zone of the place. It is pure: no clock, no input, no output.
//
// What a schedule means, in four sentences. Every date has its spans, which the rules give
// it: a later rule replaces what earlier ones said of the dates that it is about, or adds to
// it. A span belongs to the date on which it begins, and runs past midnight undisturbed by
// what the rules say of the next date: the party of New Year's Eve ends at four though the
// first of January is closed. A place is open at an instant when some span holds it: from
// the first instant at which the clocks of the place have reached the span's opening, until
// the last at which they have not reached its closing. So where clocks are put forward, what
// would happen in the hour that is missing happens at once after it; where they are put back,
// who opens within the hour that comes twice opens in the first, who closes in it closes in
// the second, and nobody closes and opens again in between.
package hours

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// State is the answer to whether a place is open.
type State uint8

// The three answers. Unknown is the zero value: nobody has told.
const (
	Unknown State = iota
	Closed
	Open
)

// String is the state as OpenStreetMap spells it, closed as "closed".
func (s State) String() string { return [...]string{"unknown", "closed", "open"}[s] }

// Minute is a time of day in minutes since midnight; past 1440 it is on the next day.
type Minute int16

// The ends of a day, and the latest that a span may end: the end of the next day.
const (
	Midnight Minute = 0
	DayEnd   Minute = 24 * 60
	Latest   Minute = 48 * 60
)

// String is the time as HH:MM, with hours up to 48.
func (m Minute) String() string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }

// ParseMinute reads H:M or HH:MM with hours up to 48, as the wire and the PHP client write
// times (spec/php-client.md §8.3: "9:5" is five past nine).
func ParseMinute(text string) (Minute, error) {
	h, m, ok := strings.Cut(text, ":")
	hour, ok1 := digits(h)
	minute, ok2 := digits(m)
	at := Minute(hour*60 + minute)
	if !ok || !ok1 || !ok2 || minute > 59 || at > Latest {
		return 0, fmt.Errorf("%q is not a time such as 09:30", text)
	}
	return at, nil
}

// digits reads one or two decimal digits.
func digits(s string) (int, bool) {
	if len(s) == 0 || len(s) > 2 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// Span is one stretch of being open: from Open, before the end of its day, until Close, at
// most the end of the next day. Close is after Open; 24 hours are 0 to 1440.
type Span struct {
	Open, Close Minute
	// OpenEnd says that the place stays open after Close for an unknown while. Close may then
	// be Open: only the opening is known.
	OpenEnd bool
}

// Between is the span from one time of day to another, as the wire and OpenStreetMap mean
// it: a closing that is not after the opening is on the next day, so that equal times are
// 24 hours.
func Between(from, to Minute) Span {
	if to <= from {
		to += DayEnd
	}
	return Span{Open: from, Close: to}
}

// Clock is the span's ends as times of day, which Between reads back: a closing on the next
// day is given without its day where that is possible.
func (s Span) Clock() (from, to Minute) {
	if s.Close > DayEnd && s.Close-DayEnd <= s.Open {
		return s.Open, s.Close - DayEnd
	}
	return s.Open, s.Close
}

// tail is where the unknown time after an open end is taken to be over, as the evaluation
// tool of OpenStreetMap guesses: the end of the day, in the evening ten hours, at night eight.
func (s Span) tail() Minute {
	switch {
	case !s.OpenEnd:
		return s.Close
	case s.Close < 17*60:
		return DayEnd
	case s.Close < 22*60:
		return s.Close + 10*60
	}
	return min(s.Close+8*60, Latest)
}

func (s Span) problem() string {
	switch {
	case s.Open < 0 || s.Open >= DayEnd:
		return "opens outside of its day"
	case s.Close > Latest:
		return "closes after the end of the next day"
	case s.Close < s.Open || s.Close == s.Open && !s.OpenEnd:
		return "closes before it opens"
	}
	return ""
}

// Days is a set of weekdays: bit n is time.Weekday(n).
type Days uint8

// EveryDay is the set of all weekdays.
const EveryDay Days = 1<<7 - 1

// On is the set of the weekdays.
func On(days ...time.Weekday) (set Days) {
	for _, d := range days {
		set |= 1 << d
	}
	return set
}

// Has says whether the weekday is in the set.
func (d Days) Has(day time.Weekday) bool { return d>>day&1 == 1 }

// Date is a date of the Gregorian calendar; Year 0 stands for every year.
type Date struct {
	Year       int16
	Month, Day uint8
}

// DateOf is the date that the time's zone has at it.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{int16(y), uint8(m), uint8(d)}
}

// ParseDate reads 2026-12-25.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return Date{}, fmt.Errorf("%q is not a date such as 2026-12-25", text)
	}
	return DateOf(t), nil
}

// String is the date as 2026-12-25; without a year as 12-25.
func (d Date) String() string {
	if d.Year == 0 {
		return fmt.Sprintf("%02d-%02d", d.Month, d.Day)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// firstYear and lastYear keep years apart from times that somebody wrote without a colon.
const (
	firstYear = 1900
	lastYear  = 2999
)

func (d Date) valid() bool {
	return (d.Year == 0 || d.Year >= firstYear && d.Year <= lastYear) && d.Month >= 1 && d.Month <= 12 && d.Day >= 1 && d.Day <= lastDay(d.Year, d.Month)
}

// lastDay is the last day of the month; February has 29 when the year is any.
func lastDay(year int16, month uint8) uint8 {
	switch {
	case month == 2 && (year%4 != 0 || year%100 == 0 && year%400 != 0):
		return 28
	case month == 2:
		return 29
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// key orders dates; without a year it orders the dates of one year.
func (d Date) key() int { return int(d.Year)<<9 | int(d.Month)<<5 | int(d.Day) }

// number is the date as days since 1970-01-01.
func (d Date) number() int64 {
	return time.Date(int(d.Year), time.Month(d.Month), int(d.Day), 0, 0, 0, 0, time.UTC).Unix() / daySeconds
}

// Dates are the dates from one to another, both included. Both have a year, or none: then
// they recur, and run over New Year when To is before From.
type Dates struct{ From, To Date }

// Recurring says whether the dates come back every year.
func (r Dates) Recurring() bool { return r.From.Year == 0 }

func (r Dates) problem() string {
	switch {
	case !r.From.valid() || !r.To.valid():
		return "there is no such date"
	case (r.From.Year == 0) != (r.To.Year == 0):
		return "one date has a year, the other has none"
	case r.From.Year != 0 && r.To.key() < r.From.key():
		return "the dates end before they begin"
	}
	return ""
}

// has says whether the date, which has a year, is among the dates.
func (r Dates) has(d Date) bool {
	if !r.Recurring() {
		return r.From.key() <= d.key() && d.key() <= r.To.key()
	}
	d.Year = 0
	if r.From.key() <= r.To.key() {
		return r.From.key() <= d.key() && d.key() <= r.To.key()
	}
	return d.key() >= r.From.key() || d.key() <= r.To.key()
}

// Rule says what is on some dates.
type Rule struct {
	// Dates narrow the rule to what is in any of them; none: all dates.
	Dates []Dates
	// Days and Holidays narrow it to these weekdays or the schedule's holidays. No days and no
	// holidays are every day.
	Days     Days
	Holidays bool
	// Additional adds to what earlier rules say of the dates, instead of replacing it.
	Additional bool
	// State is what the place is during the spans; Closed has none and is the whole day.
	State State
	Spans []Span
	// Comment is for people.
	Comment string
}

// about says whether the rule is about the day. The date is only looked at where dates
// narrow the rule.
func (r *Rule) about(day time.Weekday, date Date, holiday bool) bool {
	if !r.Days.Has(day) && !(r.Holidays && holiday) {
		return false
	}
	if len(r.Dates) == 0 {
		return true
	}
	for _, dates := range r.Dates {
		if dates.has(date) {
			return true
		}
	}
	return false
}

// The limits of a schedule, so that none makes an answer slow: an answer looks at every rule.
const (
	MaxRules    = 200
	MaxHolidays = 400
	MaxComment  = 255  // bytes
	MaxText     = 8192 // bytes of Text
)

// Schedule is when a place is open: rules, a later one above an earlier, and the dates that
// it keeps as holidays. It does not change once it is made and may be shared. A nil schedule
// is unknown.
type Schedule struct {
	rules    []Rule
	holidays []Date
	// dated says that dates, and not only weekdays, decide; recurring that some come every year.
	dated, recurring bool
	// until is the number of the last day that is named with its year.
	until int64
}

// New makes a schedule. The rules are put into their canonical form: spans in order and
// merged, a first or closing rule never additional. Without rules it is unknown, nil.
func New(rules []Rule, holidays []Date) (*Schedule, error) {
	if len(rules) == 0 && len(holidays) == 0 {
		return nil, nil
	}
	if len(rules) == 0 || len(rules) > MaxRules {
		return nil, fmt.Errorf("a schedule has 1 to %d rules, not %d", MaxRules, len(rules))
	}
	if len(holidays) > MaxHolidays {
		return nil, fmt.Errorf("a schedule has at most %d holidays, not %d", MaxHolidays, len(holidays))
	}
	s := &Schedule{rules: make([]Rule, len(rules)), holidays: slices.Clone(holidays)}
	slices.SortFunc(s.holidays, func(a, b Date) int { return a.key() - b.key() })
	s.holidays = slices.Compact(s.holidays)
	for _, d := range s.holidays {
		if !d.valid() || d.Year == 0 {
			return nil, fmt.Errorf("holiday %s: there is no such date", d)
		}
	}
	for i, r := range rules {
		r, err := r.canonical()
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		r.Additional = r.Additional && i > 0
		s.rules[i] = r
		if r.Holidays && len(s.holidays) > 0 {
			s.dated, s.until = true, max(s.until, s.holidays[len(s.holidays)-1].number())
		}
		for _, dates := range r.Dates {
			s.dated = true
			if dates.Recurring() {
				s.recurring = true
			} else {
				s.until = max(s.until, dates.To.number())
			}
		}
	}
	if n := len(s.Text()); n > MaxText {
		return nil, fmt.Errorf("a schedule has at most %d bytes of text, not %d", MaxText, n)
	}
	return s, nil
}

func (r Rule) canonical() (Rule, error) {
	if r.Days == 0 && !r.Holidays {
		r.Days = EveryDay
	}
	if r.Days > EveryDay {
		return r, errors.New("there are seven days")
	}
	if r.Days == EveryDay {
		r.Holidays = false
	}
	if r.State > Open {
		return r, errors.New("a state is unknown, closed or open")
	}
	if r.State == Closed {
		r.Additional = false
	}
	if (r.State == Closed) != (len(r.Spans) == 0) {
		return r, errors.New("hours are for what is open, and a place that is closed has none")
	}
	for _, dates := range r.Dates {
		if problem := dates.problem(); problem != "" {
			return r, errors.New(problem)
		}
	}
	for _, span := range r.Spans {
		if problem := span.problem(); problem != "" {
			return r, fmt.Errorf("%s-%s %s", span.Open, span.Close, problem)
		}
	}
	if problem := commentProblem(r.Comment); problem != "" {
		return r, errors.New(problem)
	}
	r.Dates, r.Spans = slices.Clone(r.Dates), merged(r.Spans)
	return r, nil
}

func commentProblem(comment string) string {
	switch {
	case len(comment) > MaxComment:
		return fmt.Sprintf("a comment has at most %d bytes", MaxComment)
	case !utf8.ValidString(comment) || strings.ContainsFunc(comment, func(c rune) bool { return c == '"' || unicode.IsControl(c) }):
		return "a comment is text without quotes and control characters"
	}
	return ""
}

// merged is the spans in order, those that touch made one. An open end stays by itself.
func merged(spans []Span) []Span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, spanOrder)
	out, last := spans[:0], -1
	for _, span := range spans {
		switch {
		case span.OpenEnd && (len(out) == 0 || out[len(out)-1] != span):
			out = append(out, span)
		case span.OpenEnd:
		case last >= 0 && span.Open <= out[last].Close:
			out[last].Close = max(out[last].Close, span.Close)
		default:
			out, last = append(out, span), len(out)
		}
	}
	slices.SortFunc(out, spanOrder)
	return out
}

func spanOrder(a, b Span) int {
	order := cmp.Or(cmp.Compare(a.Open, b.Open), cmp.Compare(a.Close, b.Close))
	if order == 0 && a.OpenEnd != b.OpenEnd {
		if order = 1; b.OpenEnd {
			order = -1
		}
	}
	return order
}

// Rules are the schedule's rules in their canonical form; not to be altered.
func (s *Schedule) Rules() []Rule {
	if s == nil {
		return nil
	}
	return s.rules
}

// Holidays are the dates that the schedule keeps as holidays, in order; not to be altered.
func (s *Schedule) Holidays() []Date {
	if s == nil {
		return nil
	}
	return s.holidays
}

// Equal says whether both say the same in the same words.
func (s *Schedule) Equal(other *Schedule) bool {
	if s == nil || other == nil {
		return s == other
	}
	return slices.Equal(s.holidays, other.holidays) && slices.EqualFunc(s.rules, other.rules, func(a, b Rule) bool {
		return a.Days == b.Days && a.Holidays == b.Holidays && a.Additional == b.Additional && a.State == b.State &&
			a.Comment == b.Comment && slices.Equal(a.Dates, b.Dates) && slices.Equal(a.Spans, b.Spans)
	})
}
