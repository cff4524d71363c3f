package hours_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/hours"
)

// The seasons of a year are shown a week ahead, day by day, and exceptions never.
func TestTheShownWeekTurnsWithTheSeasons(t *testing.T) {
	vilnius, err := time.LoadLocation("Europe/Vilnius")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"Mo-Su 09:00-18:00": "",
		"Mo-Su 09:00-18:00; 2026 Dec 24 off; Dec 31 10:00-15:00": "",
		"Apr-Sep Mo-Su 08:00-22:00; Oct-Mar Mo-Su 08:00-22:00":   "",
		"Mo-Fr 09:00-18:00; Jun-Aug Sa 10:00-14:00":              "2027-05-30 2027-08-29 2028-05-28",
		"Apr-Sep 08:00-22:00; Oct-Mar 10:00-18:00":               "2027-03-26 2027-03-27 2027-03-28 2027-03-29 2027-03-30 2027-03-31 2027-04-01 2027-09-25",
		"Mo-Su 09:00-18:00; 2031 May 01-31 Mo 10:00-12:00":       "2031-04-29 2031-05-27",
	} {
		schedule, err := hours.Parse(text)
		if err != nil {
			t.Fatal(text, err)
		}
		var turns []string
		at, more := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), true
		for range len(strings.Fields(want)) + 1 {
			if at, more = schedule.NextDaily(at, vilnius); !more {
				break
			}
			turns = append(turns, at.In(vilnius).Format("2006-01-02"))
			if local := at.In(vilnius); local.Hour() != 0 || local.Minute() != 0 {
				t.Errorf("%s turns at %s", text, local)
			}
		}
		if got := strings.Join(turns, " "); got != want && !(more && strings.HasPrefix(got, want+" ")) || (want == "") != (got == "") {
			t.Errorf("%s turns on %s, want %s", text, got, want)
		}
	}
}

// NextDaily is when a day is found, by asking for one after another, on which Daily says something else.
func TestNextDailyIsTheDayThatDailyTurns(t *testing.T) {
	zones := []string{"UTC", "Europe/Vilnius", "America/Havana", "Asia/Beirut", "America/Asuncion", "Pacific/Apia", "Asia/Kathmandu"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		date := func(name string, year int) hours.Date {
			d := hours.Date{Year: int16(year), Month: uint8(rapid.IntRange(1, 12).Draw(t, name+" month")), Day: uint8(rapid.SampledFrom([]int{1, 2, 15, 27, 28, 29}).Draw(t, name+" day"))}
			if year == 2027 && d.Month == 2 && d.Day == 29 {
				d.Day = 28
			}
			return d
		}
		var rules []hours.Rule
		for i := range rapid.IntRange(1, 4).Draw(t, "rules") {
			opening := hours.Minute(60 * rapid.IntRange(6, 9).Draw(t, "opening"))
			r := hours.Rule{State: hours.Open, Spans: []hours.Span{hours.Between(opening, 18*60)}, Additional: rapid.Bool().Draw(t, "additional"),
				Days: hours.Days(rapid.IntRange(0, 127).Draw(t, "days"))}
			for range rapid.IntRange(0, 2).Draw(t, "dates") * min(i, 1) {
				year := rapid.SampledFrom([]int{0, 0, 2027, 2028}).Draw(t, "year")
				from, to := date("from", year), date("to", year)
				if year != 0 && to.String() < from.String() {
					from, to = to, from
				}
				r.Dates = append(r.Dates, hours.Dates{From: from, To: to})
			}
			rules = append(rules, r)
		}
		schedule, err := hours.New(rules, nil)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(1_790_000_000, 1_860_000_000).Draw(t, "at"), 0)
		shown := func(at time.Time) map[time.Weekday]hours.Span { return schedule.Daily(hours.DateOf(at.In(zone))) }
		const step = 6 * time.Hour
		horizon, want := at.AddDate(1, 1, 0), ""
		for look := at; look.Before(horizon) && want == ""; look = look.Add(step) {
			if !maps.Equal(shown(at), shown(look)) {
				want = hours.DateOf(look.In(zone)).String()
			}
		}
		turn, turns := schedule.NextDaily(at, zone)
		if want == "" {
			if turns && turn.Before(horizon.Add(-step)) { // what comes between the last look and the horizon was not seen
				t.Fatalf("%s in %s at %s turns at %s, want never", schedule.Text(), zone, at, turn)
			}
			return
		}
		if got := hours.DateOf(turn.In(zone)).String(); !turns || got != want || !turn.After(at) {
			t.Fatalf("%s in %s at %s turns on %q, want %q", schedule.Text(), zone, at, got, want)
		}
		if before := turn.Add(-3 * time.Hour); before.After(at) && !maps.Equal(shown(at), shown(before)) {
			t.Fatalf("%s in %s turns before %s", schedule.Text(), zone, turn)
		}
	})
}
