package hours

import (
	"fmt"
	"strings"
)

// Text is the schedule as OpenStreetMap spells it, in one canonical way: Parse reads back
// the same rules. The dates of holidays are not part of that language, only what happens on
// them. A nil schedule is blank.
func (s *Schedule) Text() string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	for i, r := range s.rules {
		switch {
		case r.Additional:
			b.WriteString(", ")
		case i > 0:
			b.WriteString("; ")
		}
		b.WriteString(r.text())
	}
	return b.String()
}

func (r *Rule) text() string {
	everyDate := len(r.Dates) == 0 && r.Days == EveryDay
	always := len(r.Spans) == 1 && r.Spans[0] == wholeDay
	if everyDate && always && r.State == Open && r.Comment == "" && !r.Additional {
		return "24/7"
	}
	var words []string
	if len(r.Dates) > 0 {
		parts := make([]string, len(r.Dates))
		for i, dates := range r.Dates {
			parts[i] = dates.text()
		}
		words = append(words, strings.Join(parts, ","))
	}
	if days := r.daysText(); days != "" {
		words = append(words, days)
	}
	if len(r.Spans) > 0 {
		parts := make([]string, len(r.Spans))
		for i, span := range r.Spans {
			parts[i] = span.text()
		}
		words = append(words, strings.Join(parts, ","))
	}
	switch {
	case r.State == Closed:
		words = append(words, "off")
	case r.State == Unknown:
		words = append(words, "unknown")
	case r.Comment != "":
		words = append(words, "open")
	}
	if r.Comment != "" {
		words = append(words, `"`+r.Comment+`"`)
	}
	return strings.Join(words, " ")
}

// daysText leaves out that a rule is for every day where it names dates, or is closed.
func (r *Rule) daysText() string {
	if r.Days == EveryDay && (len(r.Dates) > 0 || r.State == Closed) {
		return ""
	}
	var parts []string
	if r.Holidays {
		parts = append(parts, "PH")
	}
	// Runs of days from Monday on; one that goes over Sunday is still one.
	for i := range 7 {
		from := (i + 1) % 7
		if !r.has(from) || r.Days != EveryDay && r.has(from+6) {
			continue
		}
		if r.Days == EveryDay && i > 0 {
			break
		}
		to := from
		for n := 0; n < 6 && r.has(to+1); n++ {
			to = (to + 1) % 7
		}
		switch to {
		case from:
			parts = append(parts, weekdayText(from))
		case (from + 1) % 7:
			parts = append(parts, weekdayText(from)+","+weekdayText(to))
		default:
			parts = append(parts, weekdayText(from)+"-"+weekdayText(to))
		}
	}
	return strings.Join(parts, ",")
}

func (r *Rule) has(day int) bool { return r.Days>>(day%7)&1 == 1 }

func weekdayText(day int) string { return title(weekdayNames[day]) }

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

func (s Span) text() string {
	from, to := s.Clock()
	switch {
	case s.OpenEnd && s.Open == s.Close:
		return from.String() + "+"
	case s.OpenEnd:
		return from.String() + "-" + to.String() + "+"
	}
	return from.String() + "-" + to.String()
}

func (r Dates) text() string {
	from, to := r.From, r.To
	year := ""
	if from.Year != 0 {
		year = fmt.Sprintf("%04d ", from.Year)
	}
	toYear := ""
	if to.Year != from.Year {
		toYear = fmt.Sprintf("%04d ", to.Year)
	}
	fromMonth, toMonth := title(monthNames[from.Month-1]), title(monthNames[to.Month-1])
	switch whole := from.Day == 1 && to.Day == lastDay(to.Year, to.Month); {
	case whole && from.Year != 0 && from.Month == 1 && to.Month == 12:
		return strings.TrimSpace(strings.TrimSpace(year) + strings.TrimSpace(dashed(toYear)))
	case whole && from.Month == to.Month && toYear == "":
		return year + fromMonth
	case whole:
		return year + fromMonth + "-" + toYear + toMonth
	case from == to:
		return fmt.Sprintf("%s%s %02d", year, fromMonth, from.Day)
	case from.Month == to.Month && toYear == "" && from.Day < to.Day:
		return fmt.Sprintf("%s%s %02d-%02d", year, fromMonth, from.Day, to.Day)
	}
	return fmt.Sprintf("%s%s %02d-%s%s %02d", year, fromMonth, from.Day, toYear, toMonth, to.Day)
}

func dashed(text string) string {
	if text == "" {
		return ""
	}
	return "-" + text
}

// holidaysMark stands between a schedule's text and its holidays where it is kept; it is no
// part of OpenStreetMap's language, so that neither is taken for the other.
const holidaysMark = " # PH "

// MarshalText is the schedule for keeping in one column: its Text and, after a mark, the
// dates of its holidays.
func (s *Schedule) MarshalText() ([]byte, error) {
	text := []byte(s.Text())
	for i, date := range s.Holidays() {
		if i == 0 {
			text = append(text, holidaysMark...)
		} else {
			text = append(text, ' ')
		}
		text = append(text, date.String()...)
	}
	return text, nil
}

// UnmarshalText reads what MarshalText wrote. Blank text is refused, because unknown is no
// schedule; Restore reads it.
func (s *Schedule) UnmarshalText(text []byte) error {
	read, err := Restore(string(text))
	if err != nil {
		return err
	}
	if read == nil {
		return fmt.Errorf("there are no opening hours in %q", text)
	}
	*s = *read
	return nil
}

// Restore reads what MarshalText wrote; blank text is unknown, nil.
func Restore(text string) (*Schedule, error) {
	// The mark is looked for from the end: a comment may hold it too, dates hold no quotes.
	i := strings.LastIndex(text, holidaysMark)
	if i < 0 || strings.Contains(text[i:], `"`) {
		return Parse(text)
	}
	s, err := Parse(text[:i])
	if err != nil {
		return nil, err
	}
	var holidays []Date
	for _, word := range strings.Fields(text[i+len(holidaysMark):]) {
		date, err := ParseDate(word)
		if err != nil {
			return nil, err
		}
		holidays = append(holidays, date)
	}
	return New(s.Rules(), holidays)
}
