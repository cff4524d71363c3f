package hours

import (
	"testing"
	"time"
)

// in parses local times of a zone, in the form 2006-01-02 15:04 with an optional zone name
// for an hour that comes twice.
func in(t *testing.T, zone *time.Location, text string) time.Time {
	t.Helper()
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func parsed(t testing.TB, text string) *Schedule {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func TestStoriesOfOpeningHours(t *testing.T) {
	const vilnius, apia, lordHowe = "Europe/Vilnius", "Pacific/Apia", "Australia/Lord_Howe"
	for _, c := range []struct {
		story, zone, hours, at string
		want                   State
		next                   string // "" when it never changes
	}{
		{"a bar on the night of Friday", vilnius, "Fr 22:00-03:00", "2026-11-28 01:00", Open, "2026-11-28 03:00"},
		{"closes at three sharp", vilnius, "Fr 22:00-03:00", "2026-11-28 03:00", Closed, "2026-12-04 22:00"},
		{"is closed in the night before", vilnius, "Fr 22:00-03:00", "2026-11-27 01:00", Closed, "2026-11-27 22:00"},
		{"two shifts of a day", vilnius, "Mo-Fr 09:00-13:00,14:00-18:00", "2026-11-27 13:30", Closed, "2026-11-27 14:00"},
		{"over the weekend", vilnius, "Mo-Fr 09:00-18:00", "2026-11-27 18:00", Closed, "2026-11-30 09:00"},
		{"until midnight and on", vilnius, "Fr 09:00-24:00; Sa 00:00-02:00", "2026-11-27 23:59", Open, "2026-11-28 02:00"},
		{"a day as PHP writes it", vilnius, "Fr 00:00-00:00", "2026-11-27 12:00", Open, "2026-11-28 00:00"},
		{"never closes", vilnius, "24/7", "2026-11-27 12:00", Open, ""},
		{"never opens", vilnius, "off", "2026-11-27 12:00", Closed, ""},
		{"New Year's party goes on though the first is closed", vilnius, "Mo-Su 10:00-20:00; Dec 31 22:00-04:00; Jan 01 off", "2027-01-01 01:00", Open, "2027-01-01 04:00"},
		{"and the first is closed", vilnius, "Mo-Su 10:00-20:00; Dec 31 22:00-04:00; Jan 01 off", "2027-01-01 12:00", Closed, "2027-01-02 10:00"},
		{"one Christmas only", vilnius, "Mo-Su 10:00-20:00; 2026 Dec 25-26 off", "2027-12-25 12:00", Open, "2027-12-25 20:00"},
		{"an exception far ahead", vilnius, "24/7; 2031 Mar 01 off", "2026-11-27 12:00", Open, "2031-03-01 00:00"},
		{"summer is long", vilnius, "Oct-Mar Mo-Su 10:00-16:00; Apr-Sep Mo-Su 09:00-20:00", "2026-04-01 09:30", Open, "2026-04-01 20:00"},
		{"closed for the winter", vilnius, "Apr-Sep Mo-Su 09:00-20:00", "2026-10-01 09:30", Closed, "2027-04-01 09:00"},
		{"Christmas and New Year in one", vilnius, "Mo-Su 08:00-20:00; Dec 24-Jan 02 off", "2027-01-01 12:00", Closed, "2027-01-03 08:00"},
		{"rules that add", vilnius, "Mo-Fr 09:00-12:00, We 15:00-18:00", "2026-11-25 13:00", Closed, "2026-11-25 15:00"},
		{"rules that replace", vilnius, "Mo-Fr 09:00-12:00; We 15:00-18:00", "2026-11-25 10:00", Closed, "2026-11-25 15:00"},
		{"nobody knows when they go home", vilnius, "Fr 17:00+", "2026-11-27 21:00", Unknown, "2026-11-28 03:00"},
		{"surely open before", vilnius, "Fr 17:00-22:00+", "2026-11-27 21:00", Open, "2026-11-27 22:00"},
		{"ask first", vilnius, `Mo-Fr 09:00-17:00; Sa unknown "ring the bell"`, "2026-11-28 12:00", Unknown, "2026-11-29 00:00"},
		// Clocks go from 3:00 to 4:00 on 2026-03-29 and from 4:00 to 3:00 on 2026-10-25.
		{"opens in the hour that is missing", vilnius, "Mo-Su 03:30-08:00", "2026-03-29 02:59", Closed, "2026-03-29T01:00:00Z"},
		{"closes in the hour that is missing", vilnius, "Mo-Su 00:00-03:30", "2026-03-29 02:59", Open, "2026-03-29T01:00:00Z"},
		{"is all in the hour that is missing", vilnius, "Mo-Su 03:15-03:45", "2026-03-29 02:59", Closed, "2026-03-30 03:15"},
		{"opens in the hour that comes twice", vilnius, "Mo-Su 03:30-08:00", "2026-10-25T00:00:00Z", Closed, "2026-10-25T00:30:00Z"},
		{"and stays open", vilnius, "Mo-Su 03:30-08:00", "2026-10-25T01:10:00Z", Open, "2026-10-25 08:00"},
		{"closes in the hour that comes twice: at the second", vilnius, "Mo-Su 00:00-03:30", "2026-10-25T00:40:00Z", Open, "2026-10-25T01:30:00Z"},
		{"closes when that hour would begin", vilnius, "Mo-Su 00:00-03:00", "2026-10-25T00:30:00Z", Closed, "2026-10-26 00:00"},
		{"half an hour is missing", lordHowe, "Mo-Su 02:15-08:00", "2026-10-03T15:29:00Z", Closed, "2026-10-03T15:30:00Z"},
		{"a Friday that never was", apia, "Fr 10:00-18:00", "2011-12-29 12:00", Closed, "2012-01-06 10:00"},
		{"but the bar of Thursday closes", apia, "Th 22:00-03:00", "2011-12-29 23:00", Open, "2011-12-31 00:00"},
	} {
		zone := location(t, c.zone)
		s := parsed(t, c.hours)
		at := in(t, zone, c.at)
		if got := s.State(at, zone); got != c.want {
			t.Errorf("%s (%s at %s): %s, want %s", c.story, c.hours, c.at, got, c.want)
		}
		next, ok := s.NextChange(at, zone)
		if ok != (c.next != "") || ok && !next.Equal(in(t, zone, c.next)) {
			t.Errorf("%s (%s at %s): changes at %v %v, want %s", c.story, c.hours, c.at, next, ok, c.next)
		}
	}
}

func TestHolidaysAreTheDatesThatThePlaceKeeps(t *testing.T) {
	zone := location(t, "Europe/Vilnius")
	rules := parsed(t, "Mo-Fr 09:00-18:00; PH 10:00-14:00; 2026 Dec 25 off").Rules()
	s, err := New(rules, []Date{{2026, 12, 26}, {2026, 12, 25}, {2026, 11, 2}})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]State{
		"2026-11-02 15:00": Closed, "2026-11-02 11:00": Open, // a Monday that is a holiday
		"2026-11-03 15:00": Open,
		"2026-12-26 11:00": Open, // a Saturday
		"2026-12-25 11:00": Closed,
	} {
		if got := s.State(in(t, zone, at), zone); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
	kept, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if want := "Mo-Fr 09:00-18:00; PH 10:00-14:00; 2026 Dec 25 off # PH 2026-11-02 2026-12-25 2026-12-26"; string(kept) != want {
		t.Errorf("kept as %s, want %s", kept, want)
	}
	again, err := Restore(string(kept))
	if err != nil || !again.Equal(s) {
		t.Errorf("restored as %s, %v", again.Text(), err)
	}
	if _, err := Parse(string(kept)); err == nil {
		t.Error("what is kept passes for OpenStreetMap's language")
	}
}

func TestUnknownIsAnAnswer(t *testing.T) {
	var nobodyTold *Schedule
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	if got := nobodyTold.State(now, time.UTC); got != Unknown {
		t.Error(got)
	}
	if got := nobodyTold.OpenDuring(now, now.Add(time.Hour), time.UTC); got != Unknown {
		t.Error(got)
	}
	if at, ok := nobodyTold.NextChange(now, time.UTC); ok {
		t.Error(at)
	}
	if nobodyTold.Text() != "" || nobodyTold.Daily(Date{2026, 11, 28}) != nil {
		t.Error("unknown hours have a form")
	}
	if s, err := Parse("  "); s != nil || err != nil {
		t.Error(s, err)
	}
}

func TestOpenDuring(t *testing.T) {
	zone := location(t, "Europe/Vilnius")
	s := parsed(t, `Mo-Fr 09:00-13:00,14:00-18:00; Sa 09:00-12:00, Sa 12:00-14:00 unknown; Su 10:00-12:00+`)
	for _, c := range []struct {
		from, to string
		want     State
	}{
		{"2026-11-27 09:00", "2026-11-27 13:00", Open},
		{"2026-11-27 09:00", "2026-11-27 13:01", Closed},
		{"2026-11-27 12:00", "2026-11-27 15:00", Closed},
		{"2026-11-28 11:00", "2026-11-28 13:00", Unknown},
		{"2026-11-28 11:00", "2026-11-28 15:00", Closed},
		{"2026-11-29 11:00", "2026-11-29 12:00", Open},
		{"2026-11-29 11:00", "2026-11-29 13:00", Unknown},
		{"2026-11-27 10:00", "2026-11-27 10:00", Open},
		{"2026-11-27 10:00", "2026-11-26 10:00", Open},
	} {
		if got := s.OpenDuring(in(t, zone, c.from), in(t, zone, c.to), zone); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	// A moment after closing is enough.
	from := in(t, zone, "2026-11-27 09:00")
	if got := s.OpenDuring(from, from.Add(4*time.Hour+time.Nanosecond), zone); got != Closed {
		t.Errorf("a nanosecond too long: %s", got)
	}
}

func TestNextOpening(t *testing.T) {
	zone := location(t, "Europe/Vilnius")
	for _, c := range []struct{ hours, at, want string }{
		{"Mo-Fr 09:00-18:00", "2026-11-27 10:00", "2026-11-27 10:00"},
		{"Mo-Fr 09:00-18:00", "2026-11-27 18:00", "2026-11-30 09:00"},
		{"Mo-Fr 09:00-18:00, Sa 10:00-12:00 unknown", "2026-11-27 18:00", "2026-11-30 09:00"},
		{"Mo-Su unknown", "2026-11-27 18:00", ""},
		{"off", "2026-11-27 18:00", ""},
		{"", "2026-11-27 18:00", ""},
	} {
		got, ok := parsed(t, c.hours).NextOpening(in(t, zone, c.at), zone)
		if ok != (c.want != "") || ok && !got.Equal(in(t, zone, c.want)) {
			t.Errorf("%s at %s: %s %v, want %s", c.hours, c.at, got, ok, c.want)
		}
	}
}

func TestAskingDoesNotAllocate(t *testing.T) {
	zone := location(t, "Europe/Vilnius")
	s := parsed(t, "Mo-Fr 09:00-13:00,14:00-18:00; PH off; Dec 24 09:00-13:00; 2026 Dec 25-26 off")
	at := time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC)
	if n := testing.AllocsPerRun(100, func() { s.State(at, zone); s.NextChange(at, zone) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNoScheduleMakesTheSearchLong(t *testing.T) {
	zone := location(t, "Europe/Vilnius")
	text := "Jan-Dec 00:00-24:00, Jan-Dec "
	for m := Minute(1); m < DayEnd-2 && len(text) < MaxText-100; m += 2 {
		text += Span{Open: m, Close: m + 1}.text() + ","
	}
	s := parsed(t, text+"23:59-24:00 unknown")
	at := in(t, zone, "2026-11-28 12:00")
	began := time.Now()
	if next, ok := s.NextChange(at, zone); ok {
		t.Errorf("it changes at %s", next)
	}
	if got := s.OpenDuring(at, at.Add(time.Hour), zone); got != Open {
		t.Errorf("an hour: %s", got)
	}
	if got := s.OpenDuring(at, at.AddDate(9, 0, 0), zone); got != Unknown {
		t.Errorf("nine years: %s", got)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestLeapDaysEndInTheYearsAfterTheTables(t *testing.T) {
	// The time package lets the stretches of years after 2037 end with their 365th day.
	zone := location(t, "Europe/Vilnius")
	s := parsed(t, "Mo-Su 09:00-18:00")
	at := in(t, zone, "2040-12-31 10:00")
	if next, ok := s.NextChange(at, zone); !ok || !next.Equal(in(t, zone, "2040-12-31 18:00")) {
		t.Error(next, ok)
	}
	if next, ok := s.NextChange(in(t, zone, "2040-12-31 18:00"), zone); !ok || !next.Equal(in(t, zone, "2041-01-01 09:00")) {
		t.Error(next, ok)
	}
}
