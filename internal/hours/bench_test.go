package hours

import (
	"testing"
	"time"
)

// A search with open_at asks once for each place that it visits.
func BenchmarkState(b *testing.B) {
	vilnius, err := time.LoadLocation("Europe/Vilnius")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC)
	for name, text := range map[string]string{
		"week":  "Mo-Fr 09:00-18:00; Sa 10:00-14:00",
		"rules": "Mo-Fr 09:00-13:00,14:00-18:00; Sa 10:00-14:00; PH off; Dec 24 09:00-13:00; 2026 Dec 25-26 off",
		"night": "Su-Th 18:00-02:00; Fr,Sa 18:00-05:00",
		"24/7":  "24/7",
	} {
		s, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		if name == "rules" {
			if s, err = New(s.Rules(), []Date{{2026, 12, 25}, {2026, 12, 26}, {2027, 1, 1}}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("State/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.State(at, vilnius)
			}
		})
		b.Run("NextChange/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.NextChange(at, vilnius)
			}
		})
	}
}
