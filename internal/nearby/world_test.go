package nearby

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The reference keeps places in a list and looks at every one of them for every answer.

// reference is what an index is compared with.
type reference struct{ places map[int64]Place }

// sorted are the places by id.
func (r *reference) sorted() []Place {
	all := make([]Place, 0, len(r.places))
	for _, p := range r.places {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Place) int { return int(a.ID - b.ID) })
	return all
}

// matching are the places that the filter lets through, by id. Categories are read from the view.
func matching(all []Place, v *View, f Filter) []Place {
	var some []Place
	for _, p := range all {
		switch {
		case f.Status == OnlyActive && !p.Active, f.Status == OnlyInactive && p.Active, f.PublicOnly && !p.Public:
		case f.Projects != nil && !slices.Contains(f.Projects, p.Project):
		case f.UpdatedFrom != 0 && p.UpdatedAt < f.UpdatedFrom:
		case f.Services != 0 && f.Services&p.Services == 0:
		case len(f.Categories) > 0 && !slices.ContainsFunc(v.Categories(p.Categories), func(id int64) bool {
			return slices.Contains(f.Categories, id)
		}):
		case f.Match != nil && !f.Match(&p):
		default:
			some = append(some, p)
		}
	}
	return some
}

// around is Search by brute force.
func around(all []Place, v *View, q Query) (page []Found, total int) {
	var found []Found
	for _, p := range matching(all, v, q.Filter) {
		if d := Distance(q.Lat, q.Lng, p.Lat, p.Lng); p.Located && d <= q.Radius {
			found = append(found, Found{Place: &p, Distance: d})
		}
	}
	slices.SortStableFunc(found, func(a, b Found) int {
		switch {
		case a.Distance < b.Distance:
			return -1
		case a.Distance > b.Distance:
			return 1
		}
		return 0
	})
	return cutOut(found, q.Offset, q.Limit), len(found)
}

// cutOut is a page of a list.
func cutOut[T any](all []T, offset, limit int) []T {
	from := min(offset, len(all))
	return all[from : from+min(max(limit, 0), len(all)-from)]
}

// foundValue is a Found by what it says, wherever its place is kept.
type foundValue struct {
	Place
	distance float64
}

func values(found []Found) []foundValue {
	all := make([]foundValue, len(found))
	for i, f := range found {
		all[i] = foundValue{*f.Place, f.Distance}
	}
	return all
}

// sameSearch holds a search against brute force.
func sameSearch(t rapid.TB, all []Place, v *View, q Query) {
	t.Helper()
	want, wantTotal := around(all, v, q)
	got, total := v.Search(q)
	if total != wantTotal || !slices.Equal(values(got), values(want)) {
		t.Fatalf("%+v\n  found %d %v\n  want  %d %v", q, total, values(got), wantTotal, values(want))
	}
}

// sameList holds a list against brute force.
func sameList(t rapid.TB, all []Place, v *View, f Filter, offset, limit int) {
	t.Helper()
	want := matching(all, v, f)
	got, total := v.List(f, offset, limit)
	if page := cutOut(want, offset, limit); total != len(want) || !slices.Equal(got, page) {
		t.Fatalf("%+v from %d: %d %v, want %d %v", f, offset, total, got, len(want), page)
	}
	after := int64(offset)
	walked := make([]Place, 0, len(want))
	for p := range v.All(f, after) {
		walked = append(walked, *p)
	}
	rest := slices.DeleteFunc(slices.Clone(want), func(p Place) bool { return p.ID <= after })
	if !slices.Equal(walked, rest) {
		t.Fatalf("%+v after %d: %v, want %v", f, after, walked, rest)
	}
}

// inBox says whether a place is in a box, in words of its own.
func inBox(b Box, p Place) bool {
	if !p.Located || p.Lat < b.South || p.Lat > b.North {
		return false
	}
	wide := int64(b.East) - int64(b.West)
	if wide < 0 {
		wide += fullTurn
	}
	return (int64(p.Lng)-int64(b.West)+2*fullTurn)%fullTurn <= wide
}

// sameClusters holds clusters against what they promise.
func sameClusters(t rapid.TB, all []Place, v *View, f Filter, b Box, most int) {
	t.Helper()
	type group struct {
		cluster  Cluster
		lat, lng int64
	}
	clusters := v.Clusters(f, b, most)
	if len(clusters) > most {
		t.Fatalf("%d clusters, at most %d were asked for", len(clusters), most)
	}
	shift := b.finest(b.spans(), max(most, 1))
	want := map[cell]*group{}
	for _, p := range matching(all, v, f) {
		if !inBox(b, p) {
			continue
		}
		at := cellOf(p.Lat, p.Lng, shift)
		if want[at] == nil {
			want[at] = &group{}
		}
		g := want[at]
		g.cluster.Count++
		g.cluster.ID = p.ID
		g.lat += int64(p.Lat)
		g.lng += int64(sameMeridian(p.Lng))
	}
	for _, c := range clusters {
		g := want[cellOf(c.Lat, c.Lng, shift)]
		if g == nil {
			t.Fatalf("%+v %+v: nothing is near the cluster %+v", f, b, c)
		}
		n := float64(g.cluster.Count)
		g.cluster.Lat, g.cluster.Lng = int32(math.Round(float64(g.lat)/n)), int32(math.Round(float64(g.lng)/n))
		if g.cluster.Count > 1 {
			g.cluster.ID = 0
		}
		if c != g.cluster {
			t.Fatalf("%+v %+v: %+v, want %+v", f, b, c, g.cluster)
		}
		delete(want, cellOf(c.Lat, c.Lng, shift))
	}
	if len(want) > 0 {
		t.Fatalf("%+v %+v: %d clusters are missing", f, b, len(want))
	}
}

// sound checks what a tree promises itself: order, depth, sizes, digests.
func sound(t rapid.TB, root *node, spatial bool, sets []categories) (places int) {
	t.Helper()
	if root == nil {
		return 0
	}
	g := gardener{spatial: spatial, sets: sets}
	last := key{id: math.MinInt64}
	var depth func(n *node) int
	depth = func(n *node) int {
		fresh := node{kids: slices.Clone(n.kids), places: n.places, points: n.points}
		deep := 0
		if n.kids == nil {
			if len(n.places) == 0 || len(n.places) > leafSize || spatial != (len(n.points) == len(n.places)) {
				t.Fatalf("a leaf with %d places and %d points", len(n.places), len(n.points))
			}
			for i := range n.places {
				if k := g.keyOf(&n.places[i]); k.compare(last) <= 0 {
					t.Fatalf("%v comes after %v", k, last)
				} else {
					last = k
				}
			}
			places += len(n.places)
			g.digestPlaces(&fresh)
		} else {
			if len(n.kids) > nodeSize {
				t.Fatalf("a node with %d kids", len(n.kids))
			}
			for i, k := range n.kids {
				below := depth(k.node)
				if i > 0 && below != deep {
					t.Fatal("leaves are at different depths")
				}
				deep = below
				if k.box != k.node.digest.box || k.counts != k.node.counts {
					t.Fatal("a node knows something else of a kid than the kid itself")
				}
			}
			fresh.digestKids()
		}
		if fresh.digest != n.digest {
			t.Fatalf("a digest is %+v, should be %+v", n.digest, fresh.digest)
		}
		return deep + 1
	}
	depth(root)
	return places
}

// Generators that prefer what is difficult.

var (
	anyLat = rapid.OneOf(rapid.Int32Range(-quarterTurn, quarterTurn),
		rapid.SampledFrom([]int32{-quarterTurn, -quarterTurn + 1, quarterTurn - 1, quarterTurn, 0, 1, 54_687_200}),
		rapid.Int32Range(54_600_000, 54_700_000), rapid.Int32Range(89_990_000, quarterTurn))
	anyLng = rapid.OneOf(rapid.Int32Range(-halfTurn, halfTurn),
		rapid.SampledFrom([]int32{-halfTurn, -halfTurn + 1, halfTurn - 1, halfTurn, 0, -1, 25_279_700, -154_720_300}),
		rapid.Int32Range(25_200_000, 25_300_000), rapid.Int32Range(179_990_000, halfTurn))
	anyRadius = rapid.OneOf(rapid.SampledFrom([]float64{0, 0.1, 500, 50_000, Farthest / 2, Farthest - 1e-6, Farthest, 2 * Farthest, math.Inf(1), math.NaN(), -1}),
		rapid.Float64Range(0, 2000), rapid.Float64Range(0, Farthest), rapid.Float64Range(Farthest-1000, Farthest))
)

func drawPlace(t *rapid.T, ix *Index) Place {
	return Place{
		ID: rapid.Int64Range(1, 300).Draw(t, "id"), Project: rapid.Int64Range(1, 5).Draw(t, "project"),
		UpdatedAt: rapid.Int64Range(1, 20).Draw(t, "updated"),
		Lat:       anyLat.Draw(t, "lat"), Lng: anyLng.Draw(t, "lng"),
		Hours:      rapid.Uint32Range(0, 3).Draw(t, "hours"),
		Slot:       rapid.Uint32().Draw(t, "slot"),
		Categories: ix.CategorySet(rapid.SliceOfN(rapid.Int64Range(1, 6), 0, 3).Draw(t, "categories")...),
		Services:   Services(rapid.Uint8Range(0, 15).Draw(t, "services")),
		Located:    rapid.IntRange(0, 9).Draw(t, "located") > 0,
		Active:     rapid.IntRange(0, 4).Draw(t, "active") > 0,
		Public:     rapid.IntRange(0, 4).Draw(t, "public") > 0,
	}
}

func drawFilter(t *rapid.T) Filter {
	f := Filter{
		Status:     Status(rapid.Uint8Range(0, 2).Draw(t, "status")),
		PublicOnly: rapid.Bool().Draw(t, "public"),
	}
	if rapid.Bool().Draw(t, "counted") {
		return f
	}
	switch rapid.IntRange(0, 5).Draw(t, "narrow") {
	case 0:
		f.Projects = rapid.SliceOfN(rapid.Int64Range(1, 6), 0, 3).Draw(t, "projects")
	case 1:
		f.UpdatedFrom = rapid.Int64Range(1, 21).Draw(t, "since")
	case 2:
		f.Services = Services(rapid.Uint8Range(0, 15).Draw(t, "services"))
	case 3:
		f.Categories = rapid.SliceOfN(rapid.Int64Range(1, 8), 1, 3).Draw(t, "categories")
	case 4:
		f.Match = func(p *Place) bool { return p.Hours != 1 }
	case 5:
		f.Projects, f.UpdatedFrom, f.Services = []int64{1, 2, 3}, 5, 3
		f.Categories = []int64{1, 2, 3, 4}
		f.Match = func(p *Place) bool { return p.ID%3 > 0 }
	}
	return f
}

// cities places points as performance.md does: 70 % around 100 cities between 47° and 61° north
// and 5° and 30° east, the others anywhere there.
func cities(n int, seed uint64) []Place {
	random := rand.New(rand.NewPCG(seed, 6))
	var centres [100][2]float64
	for i := range centres {
		centres[i] = [2]float64{47 + 14*random.Float64(), 5 + 25*random.Float64()}
	}
	places := make([]Place, n)
	for i := range places {
		lat, lng := 47+14*random.Float64(), 5+25*random.Float64()
		if random.Float64() < 0.7 {
			c := centres[random.IntN(len(centres))]
			lat = c[0] + 0.09*random.NormFloat64()
			lng = c[1] + 0.09*random.NormFloat64()/math.Cos(lat*math.Pi/180)
		}
		places[i] = Place{
			ID: int64(i + 1), Project: int64(i%1000 + 1), UpdatedAt: int64(i), Lat: int32(math.Round(lat * 1e6)), Lng: int32(math.Round(lng * 1e6)),
			Hours: uint32(i % 50), Services: Services(1 + i%15), Located: true, Active: i%50 > 0, Public: i%40 > 0,
		}
	}
	return places
}

// anywhere spreads places evenly over the earth, a tenth of them at poles, the date line and
// in heaps at one point.
func anywhere(n int, seed uint64) []Place {
	random := rand.New(rand.NewPCG(seed, 7))
	places := make([]Place, n)
	for i := range places {
		lat := int32(math.Asin(2*random.Float64()-1) / radian)
		lng := int32(random.Int64N(fullTurn+1) - halfTurn)
		switch random.IntN(50) {
		case 0:
			lat = quarterTurn - random.Int32N(3000)
		case 1:
			lat = -quarterTurn + random.Int32N(3)
		case 2:
			lng = halfTurn - random.Int32N(2000)
		case 3:
			lng = -halfTurn + random.Int32N(3)
		case 4:
			lat, lng = 54_687_200, 25_279_700+random.Int32N(4)
		}
		places[i] = Place{
			ID: int64(i + 1), Project: int64(random.IntN(1000)), UpdatedAt: int64(random.IntN(1000)), Lat: lat, Lng: lng,
			Services: Services(random.IntN(16)), Located: true, Active: random.IntN(20) > 0, Public: random.IntN(20) > 0,
		}
	}
	return places
}

// onEarth makes a test fail whose places are not.
func onEarth(t testing.TB, places []Place) {
	t.Helper()
	for _, p := range places {
		if p.Lat < -quarterTurn || p.Lat > quarterTurn || p.Lng < -halfTurn || p.Lng > halfTurn {
			t.Fatalf("%+v is not on earth", p)
		}
	}
}
