package nearby

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// The figures of docs/performance.md: go test -bench . ./internal/nearby

var worlds = map[int]*View{}

func worldOf(b *testing.B, n int) (*View, []Place) {
	places := cities(n, 1)
	if worlds[n] == nil {
		ix := New()
		ix.Replace(places)
		worlds[n] = ix.View()
	}
	return worlds[n], places
}

func BenchmarkSearch(b *testing.B) {
	filters := map[string]Filter{
		"default": {Status: OnlyActive, PublicOnly: true},
		"match":   {Status: OnlyActive, PublicOnly: true, Match: func(p *Place) bool { return p.Hours != 7 }},
	}
	for _, n := range []int{1000, 100_000, 1_000_000} {
		for _, radius := range []float64{1000, 50_000} {
			for _, name := range []string{"default", "match"} {
				b.Run(fmt.Sprintf("places=%d/radius=%.0f/%s", n, radius, name), func(b *testing.B) {
					v, places := worldOf(b, n)
					b.ReportAllocs()
					b.ResetTimer()
					b.RunParallel(func(pb *testing.PB) {
						random := rand.New(rand.NewPCG(rand.Uint64(), 0))
						matches, queries := 0, 0
						for pb.Next() {
							p := &places[random.IntN(len(places))]
							_, total := v.Search(Query{Filter: filters[name], Lat: p.Lat + 500, Lng: p.Lng - 500, Radius: radius, Limit: 20})
							matches += total
							queries++
						}
						b.ReportMetric(float64(matches)/float64(max(queries, 1)), "matches")
					})
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
				})
			}
		}
	}
}

func BenchmarkList(b *testing.B) {
	v, _ := worldOf(b, 1_000_000)
	for name, f := range map[string]Filter{
		"default": {Status: OnlyActive, PublicOnly: true}, "service": {Services: 4}, "project": {Projects: []int64{77}},
		"updated": {UpdatedFrom: 999_900}, "match": {Match: func(p *Place) bool { return p.Hours != 7 }},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				v.List(f, 500_000, 200)
			}
		})
	}
}

func BenchmarkClusters(b *testing.B) {
	v, _ := worldOf(b, 1_000_000)
	for name, box := range map[string]Box{
		"earth":  {-quarterTurn, -halfTurn, quarterTurn, halfTurn},
		"europe": {47_000_000, 5_000_000, 61_000_000, 30_000_000},
		"region": {53_900_000, 21_000_000, 56_400_000, 26_800_000},
		"city":   {54_600_000, 25_100_000, 54_800_000, 25_400_000},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				v.Clusters(Filter{Status: OnlyActive, PublicOnly: true}, box, 1024)
			}
		})
	}
	b.Run("europe-match", func(b *testing.B) {
		for b.Loop() {
			v.Clusters(Filter{Match: func(p *Place) bool { return p.Hours != 7 }}, Box{47_000_000, 5_000_000, 61_000_000, 30_000_000}, 1024)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	places := cities(1_000_000, 1)
	moved := cities(1_000_000, 2)
	ix := New()
	ix.Replace(places)
	for _, batch := range []int{1, 1000, 50_000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 1))
			some := make([]Place, batch)
			for b.Loop() {
				for i := range some {
					some[i] = moved[random.IntN(len(moved))]
					some[i].ID = int64(random.IntN(len(moved)) + 1)
				}
				ix.Put(some...)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/place")
		})
	}
}

func BenchmarkReplace(b *testing.B) {
	places := cities(1_000_000, 1)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ix := New()
	for b.Loop() {
		ix.Replace(places)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(places)), "bytes/place")
	runtime.KeepAlive(ix)
}
