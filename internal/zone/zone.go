// Package zone finds the IANA time zone of a position, and zones by their names, without
// asking anybody: the map is part of the program. Its borders are simplified to about 100 metres;
// who knows better names the zone.
package zone

import (
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"time"
	_ "time/tzdata" // zones by name on machines that have no database of them

	"github.com/ringsaturn/tzf"
	tzfdist "github.com/ringsaturn/tzf-dist"
	pb "github.com/ringsaturn/tzf/gen/go/tzf/v1"
	"google.golang.org/protobuf/proto"
)

// Map is the map of time zones. It is read when it is first asked, which takes about a second,
// and then holds some 30 MiB until it is let go. The zero value is ready, and may be used by
// many at once.
type Map struct {
	mu     sync.Mutex
	finder tzf.F
	// asked since ReleaseIdle was last called.
	asked bool
}

// At is the name of the zone at decimal degrees. Where no land has one it is the nautical zone
// Etc/GMT±n (decisions.md 15), whose sign is the reverse of what people write: Etc/GMT-2 is two
// hours ahead. A position that is not on earth is UTC.
func (m *Map) At(lat, lng float64) string {
	if !(math.Abs(lat) <= 90 && math.Abs(lng) <= 180) {
		return "UTC"
	}
	if name := m.open().GetTimezoneName(lng, lat); name != "" {
		return name
	}
	return nautical(lng)
}

// nautical is the zone of the sea: each 15 degrees wide, the first around Greenwich.
func nautical(lng float64) string {
	switch n := int(math.Floor(lng/15 + 0.5)); {
	case n > 0:
		return fmt.Sprintf("Etc/GMT-%d", n)
	case n < 0:
		return fmt.Sprintf("Etc/GMT+%d", -n)
	}
	return "Etc/GMT"
}

func (m *Map) open() tzf.F {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = true
	if m.finder == nil {
		m.finder = read()
		// Reading leaves three times as much behind as it keeps.
		debug.FreeOSMemory()
	}
	return m.finder
}

// read makes the map of the data in the program, which a test reads: it cannot fail later.
func read() tzf.F {
	data := &pb.CompressedTopoTimezones{}
	if err := proto.Unmarshal(tzfdist.TopologyCompressTopoData, data); err != nil {
		panic("zone: the map in the program is damaged: " + err.Error())
	}
	finder, err := tzf.NewFinderFromCompressedTopo(data, tzf.SetDropPBTZ)
	if err != nil {
		panic("zone: the map in the program is damaged: " + err.Error())
	}
	return finder
}

// ReleaseIdle lets the map go when nobody has asked since it was last called, so that one
// who calls it every few minutes keeps the memory for as long as places are written. It says
// whether it let go. Who asks later has it read again.
func (m *Map) ReleaseIdle() bool {
	m.mu.Lock()
	idle := !m.asked && m.finder != nil
	if m.asked = false; idle {
		m.finder = nil
	}
	m.mu.Unlock()
	if idle {
		debug.FreeOSMemory()
	}
	return idle
}

var named sync.Map // name → *time.Location

// Named is the zone with the IANA name, such as "Europe/Vilnius", kept for the next who asks.
// Refused are names that mean something else on another machine: none at all, "Local", and what some
// systems keep beside the database, such as "right/UTC", which counts leap seconds.
func Named(name string) (*time.Location, error) {
	if zone, ok := named.Load(name); ok {
		return zone.(*time.Location), nil
	}
	if name == "" || name == "Local" || name == "Factory" || name[0] < 'A' || name[0] > 'Z' {
		return nil, fmt.Errorf("%.40q is not a time zone; one is named as Europe/Vilnius is", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%.40q is not a time zone that this server knows; one is named as Europe/Vilnius is", name)
	}
	kept, _ := named.LoadOrStore(name, zone)
	return kept.(*time.Location), nil
}

// NextChange is when the clocks of a zone are put forward or back after t: the next instant at which summer time begins or
// ends. It is zero where they no longer are.
func NextChange(in *time.Location, t time.Time) time.Time {
	const periods = 8 // a zone may change its offset for other reasons meanwhile
	at := t.In(in)
	for range periods {
		_, end := at.ZoneBounds()
		if end.IsZero() {
			return end
		}
		if end.IsDST() != at.IsDST() {
			return end.UTC()
		}
		at = end
	}
	return time.Time{}
}
