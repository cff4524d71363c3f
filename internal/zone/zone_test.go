package zone

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// places is a map that the tests share: reading it takes a second.
var places Map

func TestZonesOfPlaces(t *testing.T) {
	for _, c := range []struct {
		place    string
		lat, lng float64
		want     string
	}{
		{"Vilnius", 54.6872, 25.2797, "Europe/Vilnius"},
		{"Kaliningrad", 54.71, 20.51, "Europe/Kaliningrad"},
		{"Kathmandu", 27.7172, 85.324, "Asia/Kathmandu"},
		{"Lord Howe Island", -31.55, 159.08, "Australia/Lord_Howe"},
		{"Phoenix", 33.4484, -112.074, "America/Phoenix"},
		{"Window Rock of the Navajo, who have summer time", 35.68, -109.05, "America/Denver"},
		{"Apia", -13.83, -171.77, "Pacific/Apia"},
		{"Taveuni on the date line, from the west", -16.8, 179.999, "Pacific/Fiji"},
		{"Taveuni on the date line, from the east", -16.8, -179.999, "Pacific/Fiji"},
		{"Chukotka at the date line", 65, 180, "Asia/Anadyr"},
		{"the same meridian", 65, -180, "Asia/Anadyr"},
		{"the south pole", -90, 0, "Antarctica/McMurdo"},
		{"the north pole", 90, 0, "Etc/GMT"},
		{"null island", 0, 0, "Etc/GMT"},
		{"the Atlantic, two hours behind", 40, -30, "Etc/GMT+2"},
		{"the Arabian Sea, four hours ahead", 15, 62, "Etc/GMT-4"},
		{"no place", math.NaN(), 0, "UTC"},
		{"nor this", 91, 0, "UTC"},
	} {
		if got := places.At(c.lat, c.lng); got != c.want {
			t.Errorf("%s: %s, want %s", c.place, got, c.want)
		}
	}
}

func TestEveryPositionHasAZoneThatIsKnown(t *testing.T) {
	for _, name := range places.open().TimezoneNames() {
		if _, err := Named(name); err != nil {
			t.Errorf("the map names %s: %v", name, err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		lat, lng := random.Float64()*180-90, random.Float64()*360-180
		if _, err := Named(places.At(lat, lng)); err != nil {
			t.Fatalf("%f %f: %v", lat, lng, err)
		}
	}
}

func TestTheSeaHasNauticalZones(t *testing.T) {
	for lng, want := range map[float64]string{
		0: "Etc/GMT", 7.4: "Etc/GMT", -7.4: "Etc/GMT", 7.6: "Etc/GMT-1", -7.6: "Etc/GMT+1", 90: "Etc/GMT-6", 180: "Etc/GMT-12", -180: "Etc/GMT+12",
	} {
		got := nautical(lng)
		if got != want {
			t.Errorf("%v: %s, want %s", lng, got, want)
		}
		zone, err := Named(got)
		if err != nil {
			t.Fatal(err)
		}
		if _, offset := time.Unix(0, 0).In(zone).Zone(); math.Abs(float64(offset)/240-lng) > 7.5 {
			t.Errorf("%v: %s is %d seconds ahead", lng, got, offset)
		}
	}
}

func TestTheMapIsLetGoWhenNobodyAsks(t *testing.T) {
	var m Map
	if m.ReleaseIdle() {
		t.Error("let go of a map that was never read")
	}
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			if got := m.At(54.6872, 25.2797); got != "Europe/Vilnius" {
				t.Error(got)
			}
		})
	}
	asking.Wait()
	if m.ReleaseIdle() {
		t.Error("let go though it was asked a moment ago")
	}
	if !m.ReleaseIdle() || m.ReleaseIdle() {
		t.Error("an idle map is let go once")
	}
	if got := m.At(54.6872, 25.2797); got != "Europe/Vilnius" {
		t.Errorf("read again it says %s", got)
	}
}

func TestZonesByName(t *testing.T) {
	for _, name := range []string{"Europe/Vilnius", "UTC", "Etc/GMT-5", "America/Argentina/Buenos_Aires", "Asia/Kolkata"} {
		zone, err := Named(name)
		if err != nil || zone.String() != name {
			t.Errorf("%s: %v, %v", name, zone, err)
		}
		again, _ := Named(name)
		if again != zone {
			t.Errorf("%s was read twice", name)
		}
	}
	for _, name := range []string{"", "Local", "local", "Factory", "right/UTC", "posix/Europe/Vilnius", "localtime", "Europe/Nowhere", "../etc/passwd", "/etc/localtime", "+02:00", strings.Repeat("E", 9999)} {
		_, err := Named(name)
		if err == nil {
			t.Errorf("%q is a zone", name)
		} else if !regexp.MustCompile(`^".{0,40}" is not a time zone`).MatchString(err.Error()) {
			t.Errorf("%.50q: %v", name, err)
		}
	}
}

// A million places are imported in under a minute; each is asked for its zone.
func BenchmarkAt(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	places.At(0, 0)
	b.Run("europe", func(b *testing.B) {
		for b.Loop() {
			places.At(45+random.Float64()*10, 5+random.Float64()*20)
		}
	})
	b.Run("earth", func(b *testing.B) {
		for b.Loop() {
			places.At(random.Float64()*180-90, random.Float64()*360-180)
		}
	})
}

func TestClocksAreChanged(t *testing.T) {
	for _, c := range []struct{ zone, after, want string }{
		{"Europe/Vilnius", "2027-03-01T00:00:00Z", "2027-03-28T01:00:00Z"},
		{"Europe/Vilnius", "2027-03-28T01:00:00Z", "2027-10-31T01:00:00Z"},
		{"Europe/Vilnius", "2099-12-01T00:00:00Z", "2100-03-28T01:00:00Z"},
		{"America/New_York", "2027-03-01T00:00:00Z", "2027-03-14T07:00:00Z"},
		{"Australia/Lord_Howe", "2027-01-01T00:00:00Z", "2027-04-03T15:00:00Z"},
		{"Asia/Kathmandu", "2027-01-01T00:00:00Z", ""},
		{"UTC", "2027-01-01T00:00:00Z", ""},
		{"Asia/Almaty", "2024-01-01T00:00:00Z", ""}, // another offset since March 2024, and no summer time
	} {
		in, err := Named(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if at := NextChange(in, after); !at.IsZero() {
			got = at.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("after %s the clocks of %s are changed at %q, want %q", c.after, c.zone, got, c.want)
		}
	}
}
