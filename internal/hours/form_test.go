package hours

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// php says whether a place is open as the PHP client computes it (spec/php-client.md §8.3):
// H:M, hour 24 is 0, a closing that is not later than the opening is on the next day; the
// clock is the place's.
func php(days map[time.Weekday][2]string, local time.Time) bool {
	clock := func(text string) time.Duration {
		h, m, _ := strings.Cut(text, ":")
		hour, _ := strconv.Atoi(h)
		minute, _ := strconv.Atoi(m)
		return time.Duration(hour%24)*time.Hour + time.Duration(minute)*time.Minute
	}
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	for _, day := range []time.Time{midnight, midnight.AddDate(0, 0, -1)} {
		times, ok := days[day.Weekday()]
		if !ok {
			continue
		}
		opening, closing := day.Add(clock(times[0])), day.Add(clock(times[1]))
		if !closing.After(opening) {
			closing = closing.AddDate(0, 0, 1)
		}
		if !local.Before(opening) && local.Before(closing) {
			return true
		}
	}
	return false
}

func daily(t *testing.T, days map[time.Weekday][2]string) *Schedule {
	t.Helper()
	spans := map[time.Weekday]Span{}
	for day, times := range days {
		from, err := ParseMinute(times[0])
		if err != nil {
			t.Fatal(err)
		}
		to, err := ParseMinute(times[1])
		if err != nil {
			t.Fatal(err)
		}
		spans[day] = Between(from, to)
	}
	s, err := FromDaily(spans)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wire is what is sent to clients that know one interval a day.
func wire(s *Schedule) map[time.Weekday][2]string {
	days := map[time.Weekday][2]string{}
	for day, span := range s.Daily(Date{2026, 11, 2}) {
		from, to := span.Clock()
		days[day] = [2]string{from.String(), to.String()}
	}
	return days
}

func TestOneIntervalADayIsWhatThePHPClientComputes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	zone := location(t, "Europe/Vilnius")
	special := []string{"0:0", "00:00", "24:00", "9:5", "09:00", "23:59", "0:1", "12:00"}
	for range 300 {
		days := map[time.Weekday][2]string{}
		for day := range time.Weekday(7) {
			if random.IntN(4) == 0 {
				continue
			}
			pick := func() string {
				if random.IntN(2) == 0 {
					return special[random.IntN(len(special))]
				}
				return fmt.Sprintf("%d:%d", random.IntN(24), random.IntN(60))
			}
			open := pick()
			for open == "24:00" {
				open = pick()
			}
			days[day] = [2]string{open, pick()}
		}
		s := daily(t, days)
		sent := wire(s)
		// Two weeks in which clocks are not changed.
		for minute := 0; minute < 10*24*60; minute += 1 + random.IntN(30) {
			local := time.Date(2026, 11, 2, 0, minute, 0, 0, time.UTC)
			at := time.Date(2026, 11, 2, 0, minute, 0, 0, zone)
			want := php(days, local)
			if got := s.State(at, zone) == Open; got != want && s != nil {
				t.Fatalf("%v at %s: %v, the PHP client says %v", days, local, got, want)
			}
			if got := php(sent, local); got != want {
				t.Fatalf("%v sent as %v at %s: the PHP client says %v", days, sent, local, got)
			}
		}
	}
}

func TestOneIntervalADayIsWrongForTheFewestMinutes(t *testing.T) {
	for _, c := range []struct{ why, hours, monday string }{
		{"one interval is itself", "Mo 09:00-18:00", "09:00-18:00"},
		{"a lunch break is bridged", "Mo 09:00-13:00,14:00-18:00", "09:00-18:00"},
		{"a siesta shows the longer half", "Mo 08:00-12:00,17:00-22:00", "17:00-22:00"},
		{"at the same number the shorter claim", "Mo 08:00-12:00,13:00-15:00", "08:00-12:00"},
		{"three shifts", "Mo 06:00-07:00,10:00-13:00,13:30-18:00", "10:00-18:00"},
		{"a night", "Mo 22:00-03:00", "22:00-03:00"},
		{"a day", "24/7", "00:00-24:00"},
		{"from ten to ten", "Mo 10:00-10:00", "10:00-10:00"},
		{"more than a day", "Mo 10:00-34:30", "10:00-10:00"},
		{"closed", "Tu 09:00-18:00", ""},
		{"an opening alone", "Mo 17:00+", "17:00-03:00"},
		{"an open end", "Mo 17:00-22:00+", "17:00-22:00"},
		{"unknown hours", "Mo 09:00-12:00, Mo 12:00-18:00 unknown", "09:00-12:00"},
		{"exceptions are not for every week", "Mo 09:00-18:00; 2026 Nov 02 off; Nov 02-03 10:00-12:00; PH off", "09:00-18:00"},
		{"seasons are", "Apr-Sep 09:00-20:00; Oct-Mar 10:00-16:00", "10:00-16:00"},
		{"a renovation is", "Mo 09:00-18:00; 2026 Oct 20-Nov 20 off", ""},
		{"the night of the year is not", "Mo 09:00-18:00; Dec 29-Jan 02 off", "09:00-18:00"},
	} {
		times := wire(parsed(t, c.hours))[time.Monday]
		if got := strings.Trim(times[0]+"-"+times[1], "-"); got != c.monday {
			t.Errorf("%s (%s): %s, want %s", c.why, c.hours, got, c.monday)
		}
	}
}

func TestFormOfASchedule(t *testing.T) {
	form := Form{
		Regular: map[string][]FormSpan{
			"monday": {{"09:00", "13:00"}, {"14:00", "18:00"}}, "tuesday": {{"09:00", "13:00"}, {"14:00", "18:00"}},
			"friday": {{"18:00", "03:00"}}, "saturday": {{"17:00", ""}}, "sunday": {{"00:00", "24:00"}},
		},
		Holidays:     []FormSpan{},
		HolidayDates: []string{"2026-12-25", "2027-01-01"},
		Exceptions: []FormException{
			{From: "2026-12-24", To: "2026-12-24", Intervals: []FormSpan{{"09:00", "13:00"}}, Title: "Christmas Eve"},
			{From: "2027-02-01", To: "2027-02-14", Intervals: []FormSpan{}},
		},
	}
	s, err := form.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	want := `Mo,Tu 09:00-13:00,14:00-18:00; Fr 18:00-03:00; Sa 17:00+; Su 00:00-24:00; PH off; 2026 Dec 24 09:00-13:00 open "Christmas Eve"; 2027 Feb 01-14 off`
	if got := s.Text(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	again, ok := s.Form()
	if !ok || !reflect.DeepEqual(again, form) {
		t.Errorf("%+v, want %+v", again, form)
	}
	if s, err := (Form{}).Schedule(); s != nil || err != nil {
		t.Error(s, err)
	}
	closed, err := Form{Regular: map[string][]FormSpan{}}.Schedule()
	if err != nil || closed.Text() != "off" {
		t.Error(closed.Text(), err)
	}
	once, err := Form{Regular: map[string][]FormSpan{}, Exceptions: []FormException{{From: "2026-12-24"}}}.Schedule()
	if err != nil || once.Text() != "off; 2026 Dec 24 off" {
		t.Error(once.Text(), err)
	}
}

func TestRefusedFieldsOfAFormAreNamed(t *testing.T) {
	week := func(spans ...FormSpan) Form { return Form{Regular: map[string][]FormSpan{"monday": spans}} }
	with := func(f Form, e ...FormException) Form { f.Exceptions = e; return f }
	for _, c := range []struct {
		form   Form
		fields string
	}{
		{week(FormSpan{"09:00", "13:00"}, FormSpan{"14:00", "25:61"}), "hours.regular.monday[1].close"},
		{week(FormSpan{"9", "13:00"}, FormSpan{"24:00", "25:00"}), "hours.regular.monday[0].open hours.regular.monday[1].open"},
		{week(FormSpan{"09:00", "13:00"}, FormSpan{"12:59", "18:00"}), "hours.regular.monday[1]"},
		{week(FormSpan{"12:59", "18:00"}, FormSpan{"09:00", "13:00"}), "hours.regular.monday[1]"},
		{week(FormSpan{"09:00", "13:00"}, FormSpan{"13:00", "18:00"}), ""},
		{week(FormSpan{"22:00", "03:00"}, FormSpan{"23:00", "23:30"}), "hours.regular.monday[1]"},
		{week(FormSpan{"09:00", ""}, FormSpan{"12:00", "13:00"}), "hours.regular.monday[1]"},
		{Form{Regular: map[string][]FormSpan{"Monday": nil, "moonday": nil}}, "hours.regular.Monday hours.regular.moonday"},
		{Form{HolidayDates: []string{"2026-02-30"}}, "hours.regular hours.holiday_dates[0]"},
		{Form{Regular: map[string][]FormSpan{}, Holidays: []FormSpan{{"10:00", "x"}}}, "hours.holidays[0].close"},
		{with(week(), FormException{From: "tomorrow"}), "hours.exceptions[0].from"},
		{with(week(), FormException{From: "2026-12-24", To: "2026-12-23"}), "hours.exceptions[0].to"},
		{with(week(), FormException{From: "2026-12-24", To: "2026-12-26"}, FormException{From: "2026-12-25"}), "hours.exceptions[1].from"},
		{with(week(), FormException{From: "2026-12-24", Title: `"`, Intervals: []FormSpan{{"1", "2"}}}), "hours.exceptions[0].title hours.exceptions[0].intervals[0].open"},
		{with(week(), make([]FormException, MaxRules)...), "hours.exceptions"},
	} {
		_, err := c.form.Schedule()
		var refused FormError
		errors.As(err, &refused)
		var fields []string
		for _, problem := range refused {
			fields = append(fields, problem.Field)
			if problem.Problem == "" {
				t.Errorf("%s: no problem", problem.Field)
			}
		}
		if got := strings.Join(fields, " "); got != c.fields || (err == nil) != (c.fields == "") {
			t.Errorf("refused %q (%v), want %q", got, err, c.fields)
		}
	}
}

func TestSchedulesWithoutAForm(t *testing.T) {
	for text, want := range map[string]bool{
		"Mo-Fr 09:00-18:00; Sa 10:00-14:00; PH off; 2026 Dec 24 09:00-13:00": true,
		"24/7":                                   true,
		"Mo-Fr 09:00-12:00, We 14:00-18:00":      true,
		"PH off; Mo-Su 09:00-18:00":              true,
		"PH off; Mo-Fr 09:00-18:00":              true,  // the later rule wins: holidays are as usual
		"PH 10:00-12:00; Mo-Fr 09:00-18:00":      false, // a holiday is so on a Sunday, and otherwise on a Monday
		"Dec 24 off":                             false,
		"Apr-Sep 09:00-18:00":                    false,
		"Mo 17:00-22:00+":                        false,
		`Mo 09:00-10:00 open "knock"`:            false,
		"Mo unknown":                             false,
		"2026 Dec 24 off; Mo-Su 09:00-18:00":     false,
		"Mo 09:00-10:00; 2026 Mo off":            false,
		"2026 Dec 24-26 off; 2026 Dec 25 24/7":   false,
		"24/7; 2026 Dec 24-26 off; 2026 Dec off": false,
	} {
		s, err := Parse(text)
		if err != nil {
			if want {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if _, ok := s.Form(); ok != want {
			t.Errorf("%s has a form: %v", text, ok)
		}
	}
}

// A form that a schedule has says the same on every day.
func TestFormsMeanWhatTheScheduleMeans(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 9))
	near := Date{2026, 12, 30}
	have := 0
	for range 20_000 {
		rules, holidays := randomRules(random, near)
		s, err := New(rules, holidays)
		if err != nil {
			t.Fatal(err)
		}
		form, ok := s.Form()
		if !ok {
			continue
		}
		have++
		again, err := form.Schedule()
		if err != nil {
			t.Fatalf("%s: %v", s.Text(), err)
		}
		for minute := range 14 * 24 * 4 {
			at := time.Date(2026, 12, 24, 0, 15*minute, 0, 0, time.UTC)
			if a, b := s.State(at, time.UTC), again.State(at, time.UTC); a != b {
				t.Fatalf("%s at %s: %s, in its form (%s) %s", s.Text(), at, a, again.Text(), b)
			}
		}
	}
	if have < 500 {
		t.Errorf("only %d schedules have a form", have)
	}
}
