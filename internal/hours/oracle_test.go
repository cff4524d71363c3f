package hours

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// world is what the clocks of a zone show around an instant, read off one after another. The
// oracle knows a zone through this alone.
type world struct {
	zone        *time.Location
	start, step int64
	local       []int64
	// most is the furthest that the clocks have shown until then, least the least that they
	// show from then on.
	most, least []int64
	from, to    int // what is compared, as indices
}

// worldAround reads the clocks every step seconds, two days further than what is compared.
func worldAround(zone *time.Location, center int64, compared time.Duration, step int64) *world {
	const further = 2 * 24 * 3600 // longer than any clock was ever put back
	half := int64(compared / time.Second)
	w := &world{zone: zone, start: (center - half - further) / 60 * 60, step: step}
	n := int(2 * (half + further) / step)
	w.from, w.to = int(further/step), n-int(further/step)
	w.local, w.most, w.least = make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range n {
		at := time.Unix(w.start+int64(i)*step, 0).In(zone)
		y, m, d := at.Date()
		w.local[i] = time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, time.UTC).Unix()
		w.most[i] = w.local[i]
		if i > 0 {
			w.most[i] = max(w.local[i], w.most[i-1])
		}
	}
	for i := n - 1; i >= 0; i-- {
		w.least[i] = w.local[i]
		if i < n-1 {
			w.least[i] = min(w.local[i], w.least[i+1])
		}
	}
	return w
}

func (w *world) at(i int) time.Time { return time.Unix(w.start+int64(i)*w.step, 0) }

// said is one span of one date with what it says.
type said struct {
	open, close int64
	state       State
}

// oracleDay is what the rules say of a date, first to last: a rule that is about it begins
// anew unless it adds.
func oracleDay(rules []Rule, holidays []Date, day time.Time) (all []said) {
	for _, r := range rules {
		holiday := slices.Contains(holidays, DateOf(day))
		fits := r.Days == 0 && !r.Holidays || r.Days&(1<<day.Weekday()) != 0 || r.Holidays && holiday
		inDates := len(r.Dates) == 0
		for _, d := range r.Dates {
			inDates = inDates || oracleDates(d, day)
		}
		if !fits || !inDates {
			continue
		}
		if !r.Additional || r.State == Closed {
			all = nil
		}
		for _, s := range r.Spans {
			if s.Close > s.Open {
				all = append(all, said{day.Unix() + int64(s.Open)*60, day.Unix() + int64(s.Close)*60, r.State})
			}
			if s.OpenEnd {
				end := 24 * 60
				if s.Close >= 22*60 {
					end = min(int(s.Close)+8*60, 48*60)
				} else if s.Close >= 17*60 {
					end = int(s.Close) + 10*60
				}
				all = append(all, said{day.Unix() + int64(s.Close)*60, day.Unix() + int64(end)*60, Unknown})
			}
		}
	}
	return all
}

// oracleDates walks from the first of the dates to the last.
func oracleDates(d Dates, day time.Time) bool {
	from, to := d.From, d.To
	if from.Year != 0 {
		return !day.Before(utc(from)) && !day.After(utc(to))
	}
	md := func(d Date) int { return int(d.Month)*100 + int(d.Day) }
	today := md(DateOf(day))
	if md(from) <= md(to) {
		return md(from) <= today && today <= md(to)
	}
	return today >= md(from) || today <= md(to)
}

func utc(d Date) time.Time {
	return time.Date(int(d.Year), time.Month(d.Month), int(d.Day), 0, 0, 0, 0, time.UTC)
}

// states is the oracle's answer at every step that is compared: open where clocks have
// reached the opening of a span and have yet to show a time before its closing for the last time.
func (w *world) states(rules []Rule, holidays []Date, into []State) []State {
	into = into[:0]
	for range w.to - w.from {
		into = append(into, Closed)
	}
	first := time.Unix(w.local[w.from], 0).UTC().Truncate(24*time.Hour).AddDate(0, 0, -3)
	last := time.Unix(w.local[w.to-1], 0).UTC().AddDate(0, 0, 2)
	var open []said
	for day := first; day.Before(last); day = day.AddDate(0, 0, 1) {
		for _, s := range oracleDay(rules, holidays, day) {
			if s.state == Open {
				open = append(open, s)
			} else {
				w.fill(into, s)
			}
		}
	}
	for _, s := range open {
		w.fill(into, s)
	}
	return into
}

func (w *world) fill(into []State, s said) {
	// Both are in order, so that the instants are a stretch.
	begin := sort.Search(len(w.most), func(i int) bool { return w.most[i] >= s.open })
	end := sort.Search(len(w.least), func(i int) bool { return w.least[i] >= s.close })
	for i := max(begin, w.from); i < min(end, w.to); i++ {
		into[i-w.from] = s.state
	}
}

// compare holds the engine against the oracle: State at every step, all changes one after
// another, and some questions from random instants. It returns how many states it compared.
func (w *world) compare(t *testing.T, rules []Rule, holidays []Date, random *rand.Rand, buffer []State) []State {
	t.Helper()
	s, err := New(rules, holidays)
	if err != nil {
		t.Fatalf("%v: %+v", err, rules)
	}
	want := w.states(rules, holidays, buffer)
	fail := func(what string, i int, got, want any) {
		t.Errorf("%s, %s at %s: %s is %v, the oracle says %v", w.zone, s.Text(), w.at(w.from+i).In(w.zone), what, got, want)
	}
	for i := range want {
		if got := s.State(w.at(w.from+i), w.zone); got != want[i] {
			fail("State", i, got, want[i])
			return want
		}
	}
	next := func(i int) int {
		for j := i + 1; j < len(want); j++ {
			if want[j] != want[i] {
				return j
			}
		}
		return len(want)
	}
	change := func(i int) (int, bool) {
		end := w.at(w.to)
		// Looking ten years ahead each time would take most of the run.
		at, ok := s.change(w.at(w.from+i).Unix(), end.Unix(), false, &clock{zone: w.zone})
		if random.IntN(16) == 0 {
			at, ok = s.NextChange(w.at(w.from+i), w.zone)
		}
		j := next(i)
		if j == len(want) && (!ok || !at.Before(end)) {
			return j, true
		}
		if !ok || at.Unix() != w.at(w.from+j).Unix() {
			fail("NextChange", i, at, w.at(w.from+j).In(w.zone))
			return j, false
		}
		return j, true
	}
	for i, ok := 0, true; ok && i < len(want); {
		i, ok = change(i)
	}
	for range 3 {
		i := random.IntN(len(want))
		change(i)
		j := min(i+random.IntN(600), len(want))
		during := want[i]
		for _, state := range want[i:j] {
			if state == Closed || during == Open {
				during = state
			}
			if during == Closed {
				break
			}
		}
		if got := s.OpenDuring(w.at(w.from+i), w.at(w.from+j), w.zone); got != during {
			fail(fmt.Sprintf("OpenDuring until %s", w.at(w.from+j)), i, got, during)
		}
	}
	return want
}

// randomRules are rules about the days around the date, many of them with the hours in which
// clocks are changed.
func randomRules(random *rand.Rand, near Date) (rules []Rule, holidays []Date) {
	around := func() Date { return civil(near.number() + int64(random.IntN(9)) - 4) }
	for i := range 1 + random.IntN(5) {
		r := Rule{State: Open, Additional: i > 0 && random.IntN(3) == 0, Days: Days(random.IntN(128)), Holidays: random.IntN(4) == 0}
		if random.IntN(3) == 0 {
			r.Days = EveryDay
		}
		switch random.IntN(8) {
		case 0:
			from := around()
			if from.Year > firstYear { // earlier years have no dates
				r.Dates = []Dates{{from, civil(from.number() + int64(random.IntN(4)))}}
			}
		case 1:
			from, to := around(), around()
			from.Year, to.Year = 0, 0
			r.Dates = []Dates{{from, to}, {Date{0, 2, 1}, Date{0, 2, 29}}}
		case 2:
			from, to := uint8(1+random.IntN(12)), uint8(1+random.IntN(12))
			r.Dates = []Dates{{Date{0, from, 1}, Date{0, to, lastDay(0, to)}}}
		}
		switch random.IntN(8) {
		case 0:
			r.State = Closed
		case 1:
			r.State = Unknown
		}
		if r.State != Closed {
			r.Spans = randomSpans(random)
		}
		rules = append(rules, r)
	}
	for range random.IntN(3) {
		if near.Year <= firstYear {
			break
		}
		holidays = append(holidays, around())
	}
	return rules, holidays
}

func randomSpans(random *rand.Rand) (spans []Span) {
	for range 1 + random.IntN(3) {
		open := Minute(random.IntN(24 * 60))
		if random.IntN(2) == 0 {
			open = Minute(random.IntN(16) * 15)
		}
		length := Minute(1 + random.IntN(24*60))
		if random.IntN(2) == 0 {
			length = Minute(15 * (1 + random.IntN(20)))
		}
		switch random.IntN(10) {
		case 0:
			spans = append(spans, Span{open, open, true})
		case 1:
			spans = append(spans, Span{open, open + length, true})
		case 2:
			spans = append(spans, Span{open, min(open+length+DayEnd, Latest), false})
		default:
			spans = append(spans, Span{open, open + length, false})
		}
	}
	return spans
}

// zones are all names of the IANA database, as the release of Go that the list was made with
// knew them.
func zones(t testing.TB) (all []*time.Location) {
	t.Helper()
	list, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(list)) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, zone)
	}
	if len(all) < 590 {
		t.Fatalf("only %d zones", len(all))
	}
	return all
}

// transition is where a zone changes something, and a print of all that it changes within
// ten days around: zones with the same print are the same there.
type transition struct {
	zone  *time.Location
	at    int64
	print uint64
}

// transitions are those of 2000–2037, of all zones, each print once; and how many there are
// with those that repeat one.
func transitions(t testing.TB) (distinct []transition, all int) {
	const begin, end = 946684800, 2145916800
	seen := map[uint64]bool{}
	for _, zone := range zones(t) {
		type change struct {
			at            int64
			before, after int
		}
		var changes []change
		for at := time.Unix(begin-20*daySeconds, 0).In(zone); at.Unix() < end+20*daySeconds; {
			_, next := at.ZoneBounds()
			if next.IsZero() {
				break
			}
			_, before := at.Zone()
			_, after := next.Zone()
			changes = append(changes, change{next.Unix(), before, after})
			at = next
		}
		for _, c := range changes {
			if c.at < begin || c.at >= end {
				continue
			}
			all++
			h := fnv.New64a()
			for _, other := range changes {
				if other.at > c.at-10*daySeconds && other.at < c.at+10*daySeconds {
					fmt.Fprintln(h, c.at, other)
				}
			}
			if !seen[h.Sum64()] {
				seen[h.Sum64()] = true
				distinct = append(distinct, transition{zone, c.at, h.Sum64()})
			}
		}
	}
	return distinct, all
}

// With PURSER_TEST_HOURS=all this is every transition of every zone, 200 schedules each;
// otherwise a sample, another one each time.
func TestAnswersEqualTheMinuteByMinuteOracle(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	windows, all := transitions(t)
	distinct := len(windows)
	schedules := 200
	if os.Getenv("PURSER_TEST_HOURS") != "all" {
		random.Shuffle(len(windows), func(i, j int) { windows[i], windows[j] = windows[j], windows[i] })
		windows, schedules = windows[:60], 25
	}
	began, compared := time.Now(), 0
	var buffer []State
	for i, c := range windows {
		w := worldAround(c.zone, c.at, 48*time.Hour, 60)
		near := DateOf(time.Unix(c.at, 0).In(c.zone))
		for range schedules {
			rules, holidays := randomRules(random, near)
			buffer = w.compare(t, rules, holidays, random, buffer)
			compared += len(buffer)
		}
		if t.Failed() {
			return
		}
		if i%500 == 499 {
			fmt.Fprintf(os.Stderr, "%d of %d windows after %s\n", i+1, len(windows), time.Since(began).Round(time.Second))
		}
	}
	t.Logf("%d zones, %d transitions, %d of them distinct windows; compared %d windows × %d schedules, %d states, in %s",
		len(zones(t)), all, distinct, len(windows), schedules, compared, time.Since(began).Round(time.Second))
}

// Before 1972 there were zones with seconds, and days that came twice: boundaries are exact
// to the second.
func TestAnswersEqualTheOracleToTheSecond(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for _, c := range []struct {
		zone string
		at   string
	}{
		{"Africa/Monrovia", "1972-01-07T00:44:30Z"},  // 44½ minutes forward
		{"Europe/Amsterdam", "1937-06-30T22:40:28Z"}, // from 1:19:32 to 1:20
		{"Asia/Manila", "1844-12-31T00:00:00Z"},      // left out a day
		{"America/Juneau", "1867-10-18T18:00:00Z"},   // a day twice
		{"Pacific/Kwajalein", "1969-10-01T00:00:00Z"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		w := worldAround(zone, at.Unix(), 36*time.Hour, 1)
		for range 4 {
			rules, holidays := randomRules(random, DateOf(at))
			w.compare(t, rules, holidays, random, nil)
		}
	}
}
