package hours

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// canonical are texts and what they are written as; blank: as they are.
var canonical = map[string]string{
	"Mo-Fr 09:00-18:00; Sa 10:00-14:00; PH off; Dec 24 09:00-13:00": "",
	"24/7":                                      "",
	"24/7; PH off":                              "",
	"Mo-Su 22:00-03:00":                         "",
	"2026 Dec 25-26 off":                        "",
	"Mo,We 08:00-12:00,13:00-17:00":             "",
	"off":                                       "",
	"closed":                                    "off",
	"Mo-Su closed":                              "off",
	`Fr off "stocktaking"`:                      "",
	"Apr-Sep: Mo-Su 09:00-20:00":                "Apr-Sep 09:00-20:00",
	"Apr-Sep Mo-Fr 09:00-20:00":                 "",
	"Mo-Fr 17:00+":                              "",
	"Mo-Fr 17:00-22:00+":                        "",
	"09:00-18:00":                               "Mo-Su 09:00-18:00",
	"mo-fr 9:00-18:00":                          "Mo-Fr 09:00-18:00",
	"Monday-Friday 09:00 – 18:00":               "Mo-Fr 09:00-18:00",
	"Mo-Fr: 09:00-18:00;":                       "Mo-Fr 09:00-18:00",
	"Sa-Mo 10:00-12:00":                         "",
	"Su,Mo 10:00-12:00":                         "Su,Mo 10:00-12:00",
	"Mo,Tu,We,Fr 10:00-12:00":                   "Mo-We,Fr 10:00-12:00",
	"PH,Sa,Su 10:00-12:00":                      "PH,Sa,Su 10:00-12:00",
	"Sa,PH 10:00-12:00":                         "PH,Sa 10:00-12:00",
	"PH,Mo-Su 10:00-12:00":                      "Mo-Su 10:00-12:00",
	"Fr 00:00-00:00":                            "Fr 00:00-24:00",
	"Fr 10:00-10:00":                            "",
	"Fr 20:00-26:00":                            "Fr 20:00-02:00",
	"Fr 01:00-26:00":                            "",
	"Fr 01:00-48:00":                            "",
	"Fr":                                        "Fr 00:00-24:00",
	"Fr open":                                   "Fr 00:00-24:00",
	"24/7 off":                                  "off",
	"Fr 13:00-17:00,09:00-12:00,12:00-12:30":    "Fr 09:00-12:30,13:00-17:00",
	"Mo-Fr 08:00-12:00, Sa 09:00-11:00":         "",
	`Mo-Fr 08:00-12:00 open "x", 14:00-16:00`:   `Mo-Fr 08:00-12:00 open "x", Mo-Su 14:00-16:00`,
	`"by appointment"`:                          `Mo-Su 00:00-24:00 unknown "by appointment"`,
	`Mo 10:00-12:00 "by appointment"`:           `Mo 10:00-12:00 unknown "by appointment"`,
	"Dec 24,25,31 off":                          "Dec 24,Dec 25,Dec 31 off",
	"Dec 24-26,31 off":                          "Dec 24-26,Dec 31 off",
	"Dec 24-Jan 2 off":                          "Dec 24-Jan 02 off",
	"2026 Dec 24-2027 Jan 2 off":                "2026 Dec 24-2027 Jan 02 off",
	"2026 Nov-2027 Feb 09:00-10:00":             "",
	"2026 Feb 09:00-10:00":                      "",
	"2026 Feb 1-28 09:00-10:00":                 "2026 Feb 09:00-10:00",
	"Feb 1-28 09:00-10:00":                      "Feb 01-28 09:00-10:00",
	"2026 off":                                  "",
	"2026-2027: Mo-Fr 09:00-10:00":              "2026-2027 Mo-Fr 09:00-10:00",
	"Dec 24: 09:00-13:00":                       "Dec 24 09:00-13:00",
	"2026 Dec 25 off \"Ramadan, Kalėdos # PH\"": "",
	"December 24 off":                           "Dec 24 off",
	"Nov-Feb off":                               "",
}

func TestTextsAndTheirCanonicalForm(t *testing.T) {
	for text, want := range canonical {
		if want == "" {
			want = text
		}
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.Text(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		kept, _ := s.MarshalText()
		if again, err := Restore(string(kept)); err != nil || !again.Equal(s) {
			t.Errorf("%s: kept as %s, restored as %s, %v", text, kept, again.Text(), err)
		}
	}
}

// refusals are texts, the character that is at fault, and a part of the problem's name.
var refusals = []struct {
	text    string
	column  int
	problem string
}{
	{"Mo-Fr sunrise-sunset", 7, "hours of the sun"},
	{"Mo-Fr 09:00-sunset", 13, "hours of the sun"},
	{"Mo-Fr 09:00-(sunset-01:00)", 13, "hours of the sun"},
	{"09:00-12:00,dawn-dusk", 13, "hours of the sun"},
	{"week 10-20 Mo 09:00-10:00", 1, "week numbers"},
	{"2026 week 10 off", 6, "week numbers"},
	{"Su[1] 10:00-12:00", 3, "n-th weekday"},
	{"Mo-Fr,Su[-1] 10:00-12:00", 9, "n-th weekday"},
	{"SH off", 1, "school holidays"},
	{"Mo-Fr,SH off", 7, "school holidays"},
	{"PH Mo-Fr off", 4, "some weekdays only"},
	{"Mo-Fr SH 09:00-12:00", 7, "some weekdays only"},
	{"Mo-Fr 09:00-12:00 || \"ring\"", 19, "fallback"},
	{"easter off", 1, "Easter"},
	{"easter -2 days off", 1, "Easter"},
	{"PH -1 day off", 1, "counted"},
	{"Dec 25 +1 day off", 1, "counted"},
	{"2026+ off", 5, "without an end"},
	{"Mo-Fr 09:00", 7, "single point"},
	{"Mo-Fr 10:00-16:00/01:30", 18, "periods"},
	{"Mo-Fr 08:00-18:00; 12:00-13:00 off", 32, "some hours of a day"},
	{"Mo-Fr 25:00-26:00", 7, "before 24:00"},
	{"Mo-Fr 10:00-49:00", 13, "not a time"},
	{"Mo-Fr 10:00-12:60", 13, "not a time"},
	{"Mo-Fr 9-18", 7, `"9-18"`},
	{"Mo-Fr 0900-1800", 7, `"0900-1800"`},
	{"1000-1800", 1, `"1000-1800"`},
	{"Mo-Xx 09:00-10:00", 4, "a weekday should be"},
	{"Mo-Fr,Dec 25 off", 7, "a weekday or PH"},
	{"Dec 25,PH off", 8, "another date"},
	{"Feb 30 off", 1, "no such date"},
	{"2026 Feb 29 off", 1, "no such date"},
	{"2026 Dec 26-25 off", 1, "end before they begin"},
	{"Dec 24-Jan off", 1, "begin with a day"},
	{"täglich", 1, `"täglich"`},
	{"Mo-Fr 09:00-18:00; täglich", 20, "täglich"},
	{`Sa off "é"; Su`, 0, ""},
	{`Sa off "é"; nie`, 13, "nie"},
	{`Sa off "open`, 8, "does not end"},
	{"Sa,", 4, "ends where"},
	{"Sa 10:00-12:00,", 16, "should follow the comma"},
	{"# PH 2026-12-25", 1, "#"},
	{strings.Repeat("Mo off;", MaxRules+1), 1, "rules"},
	{strings.Repeat("Jan 1,2,3,4,5,6,7,8,9,10,11,12,", 200) + "Jan 1 off", 1, "bytes of text"},
	{strings.Repeat(" ", MaxText+1), 1, "longer"},
	{"Mo off \"\xff\"", 1, "UTF-8"},
	{"\"" + strings.Repeat("x", MaxComment+1) + "\"", 1, "comment"},
}

func TestWhatNoScheduleHoldsIsRefusedByName(t *testing.T) {
	for _, c := range refusals {
		_, err := Parse(c.text)
		if c.problem == "" {
			if err != nil {
				t.Errorf("%.60s: %v", c.text, err)
			}
			continue
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.60s: %v", c.text, err)
			continue
		}
		if syntax.Column != c.column || !strings.Contains(syntax.Problem, c.problem) {
			t.Errorf("%.60s: character %d: %s; want %d: %s", c.text, syntax.Column, syntax.Problem, c.column, c.problem)
		}
	}
}

func TestRandomSchedulesReadBackFromTheirText(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		rules, holidays := randomRules(random, Date{2026, 12, 30})
		for i := range rules {
			if random.IntN(5) == 0 {
				rules[i].Comment = []string{"a; b, c", "#PH", " # PH 2026-12-25", "Žiemą"}[random.IntN(4)]
			}
		}
		s, err := New(rules, holidays)
		if err != nil {
			t.Fatal(err)
		}
		kept, _ := s.MarshalText()
		again, err := Restore(string(kept))
		if err != nil || !again.Equal(s) {
			t.Fatalf("%s\n%+v\nread back as %s, %v", kept, s.Rules(), again.Text(), err)
		}
	}
}

// Every text is refused or has one canonical form, which means what the text means; and every
// schedule answers.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"Mo-Fr 09:00-18:00; Sa 10:00-14:00; PH off; Dec 24 09:00-13:00", "24/7", `Apr-Sep: Mo-Su 22:00-03:00, We off "x"`,
		"2026 Dec 24-2027 Jan 02,2027 off", "PH,Sa-Mo 17:00-26:00+,08:00+ unknown", `"by appointment"`, "Su[1] sunrise-sunset || off",
	} {
		f.Add(text)
	}
	zone := location(f, "Australia/Lord_Howe")
	at := time.Date(2026, 10, 3, 15, 29, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if s != nil {
				t.Fatal("a schedule and an error")
			}
			return
		}
		canonical := s.Text()
		again, err := Parse(canonical)
		if err != nil || !again.Equal(s) || again.Text() != canonical {
			t.Fatalf("%q is written %q, which is read as %q: %v", text, canonical, again.Text(), err)
		}
		state := s.State(at, zone)
		if next, ok := s.NextChange(at, zone); ok && (!next.After(at) || s.State(next, zone) == state) {
			t.Fatalf("%q: no change at %s", text, next)
		}
		s.OpenDuring(at, at.Add(48*time.Hour), zone)
		s.Daily(Date{2026, 10, 3})
		if form, ok := s.Form(); ok && s != nil {
			if _, err := form.Schedule(); err != nil {
				t.Fatalf("%q: its form is refused: %v", text, err)
			}
		}
	})
}
