package nearby

import (
	"cmp"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// largeVariable set to "all" has TestSearchEqualsBruteForceOnTheEarth search a million places
// ten thousand times.
const largeVariable = "PURSER_TEST_NEARBY"

func TestEverythingEqualsBruteForceWhilePlacesChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, kept := New(), reference{places: map[int64]Place{}}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				var some []Place
				for range rapid.SampledFrom([]int{1, 2, 40, 150}).Draw(t, "many") {
					p := drawPlace(t, ix)
					kept.places[p.ID] = p
					some = append(some, p)
				}
				ix.Put(some...)
			},
			"remove": func(t *rapid.T) {
				ids := rapid.SliceOfN(rapid.Int64Range(1, 300), 1, 60).Draw(t, "ids")
				for _, id := range ids {
					delete(kept.places, id)
				}
				ix.Remove(ids...)
			},
			"search": func(t *rapid.T) {
				sameSearch(t, kept.sorted(), ix.View(), Query{
					Filter: drawFilter(t), Lat: anyLat.Draw(t, "lat"), Lng: anyLng.Draw(t, "lng"), Radius: anyRadius.Draw(t, "radius"),
					Offset: rapid.IntRange(0, 60).Draw(t, "offset"), Limit: rapid.IntRange(0, 30).Draw(t, "limit"),
				})
			},
			"list": func(t *rapid.T) {
				sameList(t, kept.sorted(), ix.View(), drawFilter(t), rapid.IntRange(0, 250).Draw(t, "offset"), rapid.IntRange(0, 200).Draw(t, "limit"))
			},
			"clusters": func(t *rapid.T) {
				south, north := anyLat.Draw(t, "south"), anyLat.Draw(t, "north")
				sameClusters(t, kept.sorted(), ix.View(), drawFilter(t),
					Box{South: min(south, north), West: anyLng.Draw(t, "west"), North: max(south, north), East: anyLng.Draw(t, "east")},
					rapid.IntRange(1, 300).Draw(t, "most"))
			},
			"": func(t *rapid.T) {
				v, located := ix.View(), 0
				for id, p := range kept.places {
					if got, found := v.Get(id); !found || got != p {
						t.Fatalf("%d: %+v, want %+v", id, got, p)
					}
					if p.Located {
						located++
					}
				}
				if sound(t, v.ids, false, v.sets) != len(kept.places) || v.Len() != len(kept.places) {
					t.Fatalf("%d places, want %d", v.Len(), len(kept.places))
				}
				if n := sound(t, v.located, true, v.sets); n != located {
					t.Fatalf("%d places with a position, want %d", n, located)
				}
			},
		})
	})
}

func TestSearchEqualsBruteForceOnTheEarth(t *testing.T) {
	places, queries := 20_000, 600
	if os.Getenv(largeVariable) == "all" {
		places, queries = 1_000_000, 10_000
	}
	world := anywhere(places, 1)
	onEarth(t, world)
	ix := New()
	ix.Replace(world)
	byLat := slices.Clone(world)
	slices.SortFunc(byLat, func(a, b Place) int { return cmp.Compare(a.Lat, b.Lat) })
	random := rand.New(rand.NewPCG(2, 2))
	matches := 0
	for i := range queries {
		q := anyQuery(random, world)
		want, wantTotal := sweep(byLat, q)
		got, total := ix.View().Search(q)
		if total != wantTotal || !slices.EqualFunc(got, want, func(a Found, b ranked) bool { return a.ID == b.id && a.Distance == b.distance }) {
			t.Fatalf("query %d %+v\n  found %d %v\n  want  %d %v", i, q, total, got, wantTotal, want)
		}
		matches += total
	}
	t.Logf("%d places, %d queries, %d matches counted: every page and every total as by brute force", places, queries, matches)
}

func TestListsAndClustersEqualBruteForceOnTheEarth(t *testing.T) {
	world := anywhere(6000, 5)
	ix := New()
	ix.Replace(world)
	random := rand.New(rand.NewPCG(3, 3))
	for range 60 {
		corner, other := world[random.IntN(len(world))], world[random.IntN(len(world))]
		b := Box{South: min(corner.Lat, other.Lat), West: corner.Lng, North: max(corner.Lat, other.Lat), East: other.Lng}
		for _, f := range []Filter{{}, {Status: OnlyActive, PublicOnly: true}, {Status: OnlyInactive, PublicOnly: true}, {Services: 1, UpdatedFrom: 990}} {
			sameClusters(t, world, ix.View(), f, b, 1+random.IntN(1024))
			sameList(t, world, ix.View(), f, random.IntN(6000), random.IntN(200))
		}
	}
}

// anyQuery is around a place, near the poles, or anywhere; of any radius, and often the default filter.
func anyQuery(random *rand.Rand, world []Place) Query {
	q := Query{Limit: 1 + random.IntN(50), Radius: math.Exp(random.Float64() * math.Log(Farthest))}
	p := world[random.IntN(len(world))]
	q.Lat, q.Lng = p.Lat, p.Lng
	switch random.IntN(8) {
	case 0:
		q.Lat, q.Lng = p.Lat, -p.Lng
	case 1:
		q.Lat = [...]int32{-quarterTurn, quarterTurn}[random.IntN(2)]
	case 2:
		q.Lng = [...]int32{-halfTurn, halfTurn}[random.IntN(2)]
	}
	switch random.IntN(40) {
	case 0:
		q.Radius = 0
	case 1:
		q.Radius = Farthest
	case 2:
		q.Radius = Farthest - 1000*random.Float64()
	case 3:
		other := world[random.IntN(len(world))]
		q.Radius = Distance(q.Lat, q.Lng, other.Lat, other.Lng)
	}
	if random.IntN(4) == 0 {
		q.Offset = random.IntN(200)
	}
	if random.IntN(5) > 0 {
		q.Status, q.PublicOnly = OnlyActive, true
	}
	if random.IntN(10) == 0 {
		q.Services, q.UpdatedFrom = 3, int64(random.IntN(1000))
	}
	return q
}

// ranked is a place in the order of an answer.
type ranked struct {
	distance float64
	id       int64
}

func (a ranked) compare(b ranked) int {
	return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.id, b.id))
}

// sweep is brute force over places by latitude: a place is never nearer than its latitude is.
func sweep(byLat []Place, q Query) (page []ranked, total int) {
	degrees := int64(q.Radius/EarthRadius/radian) + 2
	from, _ := slices.BinarySearchFunc(byLat, int64(q.Lat)-degrees, func(p Place, lat int64) int { return cmp.Compare(int64(p.Lat), lat) })
	keep := q.Offset + q.Limit
	for i := from; i < len(byLat) && int64(byLat[i].Lat) <= int64(q.Lat)+degrees; i++ {
		p := &byLat[i]
		if q.Status == OnlyActive && !p.Active || q.PublicOnly && !p.Public || q.Services != 0 && q.Services&p.Services == 0 || p.UpdatedAt < q.UpdatedFrom {
			continue
		}
		r := ranked{Distance(q.Lat, q.Lng, p.Lat, p.Lng), p.ID}
		if r.distance > q.Radius {
			continue
		}
		total++
		if len(page) == keep && r.compare(page[keep-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(page, r, ranked.compare)
		page = slices.Insert(page, at, r)
		page = page[:min(len(page), keep)]
	}
	return cutOut(page, q.Offset, q.Limit), total
}

func FuzzSearch(f *testing.F) {
	f.Add(uint64(1), int32(54_687_200), int32(25_279_700), 500.0, 0, 20)
	f.Add(uint64(2), int32(quarterTurn), int32(halfTurn), 0.0, 0, 20)
	f.Add(uint64(3), int32(-quarterTurn), int32(-halfTurn), Farthest, 50, 200)
	f.Add(uint64(4), int32(0), int32(halfTurn), 3000.0, 1, 5)
	f.Fuzz(func(t *testing.T, seed uint64, lat, lng int32, radius float64, offset, limit int) {
		if lat < -quarterTurn || lat > quarterTurn || lng < -halfTurn || lng > halfTurn || offset < 0 {
			return
		}
		random := rand.New(rand.NewPCG(seed, 1))
		world := anywhere(random.IntN(400), seed)
		for i := range world {
			if random.IntN(3) == 0 { // near the query or its antipode
				far := random.Int32N(1 << random.IntN(26))
				world[i].Lat = max(min(lat+far, quarterTurn), -quarterTurn)
				if random.IntN(2) == 0 {
					world[i].Lat, world[i].Lng = -world[i].Lat, lng-far/2
				} else {
					world[i].Lng = lng + far/2
				}
				world[i].Lng = max(min(world[i].Lng, halfTurn), -halfTurn)
			}
		}
		ix := New()
		half := len(world) / 2
		ix.Put(world[:half]...)
		for _, p := range world[half:] {
			ix.Put(p)
		}
		for _, filter := range []Filter{{}, {Status: OnlyActive, PublicOnly: true}, {Services: 5}} {
			sameSearch(t, world, ix.View(), Query{Filter: filter, Lat: lat, Lng: lng, Radius: radius, Offset: offset, Limit: limit})
		}
	})
}

func TestDistanceIsExactWhereFormulasFail(t *testing.T) {
	for _, c := range []struct {
		name                   string
		lat1, lng1, lat2, lng2 int32
		want, within           float64
	}{
		{"a microdegree", 0, 0, 1, 0, EarthRadius * radian, 1e-12},
		{"Vilnius to Kaunas", 54_687_200, 25_279_700, 54_898_500, 23_903_600, 91_292.215_664_145_9, 1e-9},
		{"pole to pole", quarterTurn, 0, -quarterTurn, 77_000_000, Farthest, 0},
		{"one pole", quarterTurn, 0, quarterTurn, 77_000_000, 0, 0},
		{"one meridian", 10_000_000, halfTurn, 10_000_000, -halfTurn, 0, 0},
		{"over the date line", 0, halfTurn - 1, 0, -halfTurn + 1, 2 * EarthRadius * radian, 1e-9},
		{"antipodes", 30_000_000, 20_000_000, -30_000_000, -160_000_000, Farthest, 0},
		{"a microdegree from the antipode", 30_000_000, 20_000_000, -30_000_001, -160_000_000, 20_015_114.330_840_844, 1e-8},
		{"over the pole", 89_000_000, 0, 89_000_000, halfTurn, 2e6 * EarthRadius * radian, 1e-6},
	} {
		there, back := Distance(c.lat1, c.lng1, c.lat2, c.lng2), Distance(c.lat2, c.lng2, c.lat1, c.lng1)
		if math.Abs(there-c.want) > c.within || there != back {
			t.Errorf("%s: %v and back %v, want %v", c.name, there, back, c.want)
		}
	}
}

// The order of chords is the order of distances but for less than slack; the search relies on it.
func TestChordsFollowDistances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lat1, lng1, lat2, lng2 := anyLat.Draw(t, "lat1"), anyLng.Draw(t, "lng1"), anyLat.Draw(t, "lat2"), anyLng.Draw(t, "lng2")
		if rapid.Bool().Draw(t, "antipode") {
			lat2, lng2 = max(-quarterTurn, -lat1+lat2/1_000_000), sameMeridian(lng1)
		}
		p, q := pointOf(lat1, lng1), pointOf(lat2, lng2)
		chord := math.Sqrt(float64(p.chord2(&q)))
		if want := 2 * radius * math.Sin(Distance(lat1, lng1, lat2, lng2)/(2*EarthRadius)); math.Abs(chord-want) > 0.9*slack {
			t.Fatalf("the chord is %v, by the distance %v", chord, want)
		}
	})
}

func TestCellsAreStretchesOfTheCurve(t *testing.T) {
	const shift, side = 28, 16
	at := map[uint64]cell{}
	for x := range uint32(side) {
		for y := range uint32(side) {
			lng := int32((uint64(x)*2+1)*fullTurn/(2*side)) - halfTurn
			lat := int32((uint64(y)*2+1)*halfTurn/(2*side)) - quarterTurn
			at[curve(lat, lng)>>(2*shift)] = cell{x, y}
		}
	}
	for i := uint64(1); i < side*side; i++ {
		a, b := at[i-1], at[i]
		if d := math.Abs(float64(a.column)-float64(b.column)) + math.Abs(float64(a.row)-float64(b.row)); d != 1 {
			t.Fatalf("the curve jumps from %v to %v", a, b)
		}
	}
}

func TestAPlaceIsFoundOnBothNamesOfTheDateLine(t *testing.T) {
	ix := New()
	ix.Put(Place{ID: 1, Lng: halfTurn, Located: true}, Place{ID: 2, Lng: -halfTurn, Located: true}, Place{ID: 3, Lat: quarterTurn, Lng: 5, Located: true})
	for _, lng := range []int32{-halfTurn, halfTurn} {
		if found, total := ix.View().Search(Query{Lng: lng, Limit: 20}); total != 2 || found[0].ID != 1 || found[1].ID != 2 {
			t.Errorf("at %d: %d %v", lng, total, found)
		}
	}
	for _, b := range []Box{{West: 170_000_000, East: halfTurn}, {West: -halfTurn, East: 0}, {West: 170_000_000, East: -halfTurn}, {West: halfTurn, East: 1}} {
		if c := ix.View().Clusters(Filter{}, b, 256); len(c) != 1 || c[0].Count != 2 {
			t.Errorf("%+v: %v", b, c)
		}
	}
	if _, total := ix.View().Search(Query{Lat: quarterTurn, Lng: -77, Limit: 20}); total != 1 {
		t.Errorf("at the pole: %d", total)
	}
}

func TestAViewStaysAsItIs(t *testing.T) {
	ix := New()
	world := cities(5000, 3)
	ix.Replace(world)
	before := ix.View()
	q := Query{Lat: 54_000_000, Lng: 17_000_000, Radius: 400_000, Limit: 20, Offset: 30}
	page, total := before.Search(q)
	var ids []int64
	for i := range world {
		ids = append(ids, world[i].ID)
		world[i].Lat, world[i].Active = -world[i].Lat, !world[i].Active
	}
	ix.Put(world...)
	ix.Remove(ids[:4000]...)
	if again, n := before.Search(q); n != total || !slices.Equal(page, again) {
		t.Errorf("a page changed: %d %v, was %d %v", n, again, total, page)
	}
	if n := ix.View().Len(); n != 1000 {
		t.Errorf("%d places are left", n)
	}
	ix.Remove(ids...)
	if v := ix.View(); v.Len() != 0 || v.ids != nil || v.located != nil {
		t.Errorf("%d places are left", v.Len())
	}
}

// Each writer moves its own places between two spots and sees its own write at once; readers
// always find all of them, since a batch appears as a whole.
func TestReadersSeeWholeWrites(t *testing.T) {
	const writers, each = 2, 100
	ix := New()
	batch := func(writer int, lat int32) []Place {
		places := make([]Place, each)
		for i := range places {
			places[i] = Place{ID: int64(writer*each + i + 1), Lat: lat + int32(i), Lng: int32(writer), Located: true}
		}
		return places
	}
	for w := range writers {
		ix.Put(batch(w, 0)...)
	}
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			for round := range int32(200) {
				lat := round % 2 * 50_000_000
				ix.Put(batch(w, lat)...)
				if _, n := ix.View().Search(Query{Lat: lat, Radius: 1000}); n < each {
					t.Errorf("a writer finds %d of its own places", n)
				}
			}
		})
	}
	for range 2 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				v := ix.View()
				_, here := v.Search(Query{Radius: 1000})
				_, there := v.Search(Query{Lat: 50_000_000, Radius: 1000})
				if here%each != 0 || here+there != writers*each || v.Len() != writers*each {
					t.Errorf("%d here and %d there", here, there)
					return
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
}

func TestCategorySetsHaveOneName(t *testing.T) {
	ix := New()
	set := ix.CategorySet(3, 1, 3)
	if again := ix.CategorySet(1, 3); again != set || ix.CategorySet() != 0 || ix.CategorySet(1) == set {
		t.Errorf("%d and %d", set, again)
	}
	ix.Put(Place{ID: 1, Categories: set})
	if got := ix.View().Categories(set); !slices.Equal(got, []int64{1, 3}) {
		t.Errorf("%v", got)
	}
}

// A search that has not effort enough says so; one that has answers as if there were no end of it. What is near by, and what
// counters know, takes little, however many places there are.
func TestASearchEndsWithItsEffort(t *testing.T) {
	world := anywhere(20_000, 3)
	ix := New()
	ix.Replace(world)
	v, random := ix.View(), rand.New(rand.NewPCG(3, 3))
	all := func(*Place) bool { return true }
	for i := range 400 {
		q := anyQuery(random, world)
		if q.Offset = random.IntN(100); i%2 == 0 {
			q.Match = all
		}
		if i%20 == 0 {
			q.Offset, q.Radius = 15_000, Farthest
		}
		want, wantTotal := v.Search(q)
		q.Effort = NewEffort(random.IntN(20_000))
		got, total := v.Search(q)
		if !q.Effort.Spent() && (total != wantTotal || !slices.Equal(got, want)) {
			t.Fatalf("%+v found %d of %d", q, total, wantTotal)
		}
		q.Effort = NewEffort(20_000)
		if got, total = v.Search(q); q.Effort.Spent() || total != wantTotal || !slices.Equal(got, want) {
			t.Fatalf("%+v found %d of %d with enough for every place, spent %v", q, total, wantTotal, q.Effort.Spent())
		}
	}
	for name, look := range map[string]func(Filter){
		"a list": func(f Filter) { v.List(f, 0, 1) }, "all": func(f Filter) { f.Match = all; v.All(f, 0)(all) },
		"clusters": func(f Filter) { v.Clusters(f, Box{-quarterTurn, -halfTurn, quarterTurn, halfTurn}, 100) },
		"far behind": func(f Filter) {
			f.Match = nil
			v.Search(Query{Filter: f, Radius: Farthest, Offset: 15_000, Limit: 1})
		},
	} {
		if f := (Filter{Match: all, Effort: NewEffort(1000)}); !spends(look, f) {
			t.Errorf("%s of all places takes less than 1000", name)
		}
	}
	for name, look := range map[string]func(Filter){
		"a page of a list far behind": func(f Filter) { v.List(f, 19_000, 20) },
		"the nearest of all":          func(f Filter) { v.Search(Query{Filter: f, Radius: Farthest, Limit: 20}) },
		"clusters of a map": func(f Filter) {
			v.Clusters(f, Box{-quarterTurn, -halfTurn, quarterTurn, halfTurn}, 16)
		},
	} {
		if f := (Filter{PublicOnly: true, Effort: NewEffort(1000)}); spends(look, f) {
			t.Errorf("%s takes more than 1000", name)
		}
	}
}

func spends(look func(Filter), f Filter) bool {
	look(f)
	return f.Effort.Spent()
}
