package hours

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Form is a schedule as people fill it in, and as the wire's additive hours object has it:
// a week, what holds on holidays, and exceptions. Times are texts such as "09:00", dates such
// as "2026-12-25". Not every schedule has one: months that recur have only a text.
type Form struct {
	// Regular is the week by lower-case English day; a day that is missing is closed. Nil
	// together with everything else is unknown.
	Regular map[string][]FormSpan
	// Holidays are the hours of holidays: nil, they are days like others; empty, closed.
	Holidays []FormSpan
	// HolidayDates are the holidays that the place keeps.
	HolidayDates []string
	// Exceptions go before the week and the holidays; those of two may not overlap.
	Exceptions []FormException
}

// FormSpan is a span from one time to another, where a Close that is not after Open is on
// the next day, up to "48:00" where a day does not reach. Without Close the place opens and it is not
// known when it closes.
type FormSpan struct{ Open, Close string }

// FormException is what is on some dates, From to To, which is From when it is blank: the
// intervals, or none when the place is closed.
type FormException struct {
	From, To  string
	Intervals []FormSpan
	Title     string
}

// maxIntervals of one day are more than anybody has.
const maxIntervals = 48

// FieldProblem is one refused field of a Form, by its path on the wire such as
// hours.regular.monday[1].close.
type FieldProblem struct{ Field, Problem string }

// FormError is all that is refused about a Form, in the order of its fields.
type FormError []FieldProblem

// Error names the first field and how many there are.
func (e FormError) Error() string {
	text := e[0].Field + ": " + e[0].Problem
	if len(e) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(e)-1)
	}
	return text
}

// reader collects the problems of a form.
type reader struct{ problems FormError }

func (r *reader) refuse(field, format string, args ...any) {
	r.problems = append(r.problems, FieldProblem{field, fmt.Sprintf(format, args...)})
}

// Schedule is the schedule that the form says; nil when the form is empty. The error is
// a FormError with every refused field.
func (f Form) Schedule() (*Schedule, error) {
	if f.Regular == nil && f.Holidays == nil && len(f.HolidayDates) == 0 && len(f.Exceptions) == 0 {
		return nil, nil
	}
	r := &reader{}
	rules := r.week(f.Regular)
	if f.Holidays != nil {
		rules = append(rules, spansRule(Rule{Holidays: true}, r.spans("hours.holidays", f.Holidays)))
	}
	var holidays []Date
	for i, text := range f.HolidayDates {
		holidays = append(holidays, r.date(fmt.Sprintf("hours.holiday_dates[%d]", i), text))
	}
	if len(holidays) > MaxHolidays {
		r.refuse("hours.holiday_dates", "at most %d dates", MaxHolidays)
	}
	if len(f.Exceptions) > MaxRules-8 {
		r.refuse("hours.exceptions", "at most %d exceptions", MaxRules-8)
	} else {
		rules = append(rules, r.exceptions(f.Exceptions)...)
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	s, err := New(rules, holidays)
	if err != nil {
		return nil, FormError{{"hours", err.Error()}}
	}
	return s, nil
}

// spansRule completes the rule with its spans: without any it closes.
func spansRule(r Rule, spans []Span) Rule {
	r.State, r.Spans = Open, spans
	if len(spans) == 0 {
		r.State = Closed
	}
	return r
}

func (r *reader) week(regular map[string][]FormSpan) []Rule {
	if regular == nil {
		r.refuse("hours.regular", "the week is missing; an empty one is closed")
	}
	week := make([][]Span, 7)
	known := map[string]bool{}
	for i := range week {
		day := time.Weekday((i + 1) % 7)
		name := strings.ToLower(day.String())
		known[name] = true
		week[day] = r.spans("hours.regular."+name, regular[name])
	}
	unknown := []string{}
	for name := range regular {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		r.refuse("hours.regular."+name, "there is no such day; days are monday to sunday")
	}
	return weekRules(week)
}

func (r *reader) spans(field string, given []FormSpan) []Span {
	if len(given) > maxIntervals {
		r.refuse(field, "at most %d intervals", maxIntervals)
		return nil
	}
	spans := make([]Span, 0, len(given))
	before := len(r.problems)
	for i, g := range given {
		path := fmt.Sprintf("%s[%d]", field, i)
		from, err := ParseMinute(g.Open)
		if err == nil && from >= DayEnd {
			err = fmt.Errorf("hours begin before 24:00")
		}
		if err != nil {
			r.refuse(path+".open", "%s", err)
			continue
		}
		span := Span{Open: from, Close: from, OpenEnd: true}
		if g.Close != "" {
			to, err := ParseMinute(g.Close)
			if err != nil {
				r.refuse(path+".close", "%s", err)
				continue
			}
			span = Between(from, to)
		}
		spans = append(spans, span)
	}
	if len(r.problems) == before {
		r.overlaps(field, spans)
	}
	return spans
}

// overlaps refuses spans of one day that run into another; touching ones are one.
func (r *reader) overlaps(field string, spans []Span) {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(spans[a].Open, spans[b].Open) })
	for i := 1; i < len(order); i++ {
		a, b := order[i-1], order[i]
		if spans[b].Open < spans[a].Close || spans[b].Open == spans[a].Open || spans[a].OpenEnd {
			r.refuse(fmt.Sprintf("%s[%d]", field, max(a, b)), "overlaps interval %d", min(a, b))
		}
	}
}

func (r *reader) date(field, text string) Date {
	date, err := ParseDate(text)
	if err != nil {
		r.refuse(field, "%s", err)
	}
	return date
}

func (r *reader) exceptions(given []FormException) (rules []Rule) {
	type dated struct {
		Dates
		index int
	}
	var all []dated
	for i, e := range given {
		path := fmt.Sprintf("hours.exceptions[%d]", i)
		before := len(r.problems)
		dates := Dates{From: r.date(path+".from", e.From)}
		if dates.To = dates.From; e.To != "" {
			dates.To = r.date(path+".to", e.To)
		}
		if len(r.problems) == before && dates.problem() != "" {
			r.refuse(path+".to", "%s", dates.problem())
		}
		if problem := commentProblem(e.Title); problem != "" {
			r.refuse(path+".title", "%s", problem)
		}
		rules = append(rules, spansRule(Rule{Dates: []Dates{dates}, Comment: e.Title}, r.spans(path+".intervals", e.Intervals)))
		all = append(all, dated{dates, i})
	}
	slices.SortStableFunc(all, func(a, b dated) int { return cmp.Compare(a.From.key(), b.From.key()) })
	for i := 1; i < len(all) && len(r.problems) == 0; i++ {
		if a, b := all[i-1], all[i]; b.From.key() <= a.To.key() {
			r.refuse(fmt.Sprintf("hours.exceptions[%d].from", max(a.index, b.index)), "its dates overlap those of exception %d", min(a.index, b.index))
		}
	}
	slices.SortStableFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Dates[0].From.key(), b.Dates[0].From.key()) })
	return rules
}

// Form is the schedule as a form that means the same; false when there is none, because it
// has months that recur, hours that are unknown, a remark about its week, or rules
// that go before its exceptions.
func (s *Schedule) Form() (f Form, ok bool) {
	if s == nil {
		return Form{}, true
	}
	var exceptions []Dates
	undated := 0
	for i, r := range s.rules {
		switch {
		case r.State == Unknown || slices.ContainsFunc(r.Spans, func(s Span) bool { return s.OpenEnd && s.Close != s.Open }):
			return Form{}, false
		case len(r.Dates) == 0 && (r.Comment != "" || i > undated):
			return Form{}, false
		case len(r.Dates) == 0:
			undated++
			continue
		case r.Days != EveryDay || r.Additional:
			return Form{}, false
		}
		for _, dates := range r.Dates {
			if dates.Recurring() {
				return Form{}, false
			}
			exceptions = append(exceptions, dates)
			f.Exceptions = append(f.Exceptions, FormException{
				From: dates.From.String(), To: dates.To.String(), Intervals: formSpans(r.Spans), Title: r.Comment,
			})
		}
	}
	slices.SortFunc(exceptions, func(a, b Dates) int { return cmp.Compare(a.From.key(), b.From.key()) })
	for i := 1; i < len(exceptions); i++ {
		if exceptions[i].From.key() <= exceptions[i-1].To.key() {
			return Form{}, false
		}
	}
	slices.SortFunc(f.Exceptions, func(a, b FormException) int { return cmp.Compare(a.From, b.From) })
	week := Schedule{rules: s.rules[:undated]}
	if !week.form(&f) {
		return Form{}, false
	}
	for _, date := range s.holidays {
		f.HolidayDates = append(f.HolidayDates, date.String())
	}
	// What does not read back, such as overlapping open ends, has no form.
	_, err := f.Schedule()
	return f, err == nil
}

// form fills in the week and the holidays of rules without dates.
func (s *Schedule) form(f *Form) bool {
	f.Regular = map[string][]FormSpan{}
	var holidays [7][]Span
	alike, asUsual := true, true
	for day := range time.Weekday(7) {
		regular := s.spansOn(day, false)
		if len(regular) > 0 {
			f.Regular[strings.ToLower(day.String())] = formSpans(regular)
		}
		holidays[day] = s.spansOn(day, true)
		alike = alike && spansEqual(holidays[day], holidays[0])
		asUsual = asUsual && spansEqual(holidays[day], regular)
	}
	if asUsual {
		return true
	}
	f.Holidays = formSpans(holidays[0])
	return alike
}

// spansOn are the spans that rules without dates give to the weekday.
func (s *Schedule) spansOn(day time.Weekday, holiday bool) (spans []Span) {
	for i := len(s.rules) - 1; i >= 0; i-- {
		r := &s.rules[i]
		if !r.about(day, Date{}, holiday) {
			continue
		}
		spans = append(spans, r.Spans...)
		if !r.Additional {
			break
		}
	}
	return merged(spans)
}

// formSpans is never nil: no intervals are closed.
func formSpans(spans []Span) []FormSpan {
	out := make([]FormSpan, len(spans))
	for i, span := range spans {
		from, to := span.Clock()
		out[i].Open = from.String()
		if !span.OpenEnd {
			out[i].Close = to.String()
		}
	}
	return out
}
