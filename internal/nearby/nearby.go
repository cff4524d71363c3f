// Package nearby finds places: the nearest ones within a radius, a page of all of them, and
// groups of them for a map, with totals that are exact and filters that work inside the search.
// It holds places in memory, asks nobody for anything and imports nothing of the house.
//
// # How it works
//
// An [Index] is two trees of the same make, one by id and one by position. In the second,
// places stand along Hilbert's curve, on which what is close together on the earth mostly stands
// close together; those at the very same point stand by id. A leaf has up to 32 places, a
// node up to 16 nodes. A node knows of everything below it: how many places there are of each
// class (in use or not, public or not), a box around them, the bounds and sums of their
// coordinates, the newest alteration, and which services, projects and categories occur at all.
//
// The box is not one of latitudes and longitudes. It lies in space, around points on the
// surface of a globe, and distance is first measured straight through the globe: the nearer of
// two points by the chord is also the nearer one along the surface. So there is no special case
// for poles and the date line, bounds cost a few multiplications of whole numbers, and no
// sine. Coordinates in space are rounded to 6.4 millimetres. Whatever is closer than that to
// being decided otherwise (the edge of the circle, two places at almost the same distance) is
// decided by [Distance], which also gives the metres of the answer and their order. So an answer is
// the same, to the last bit, as that of looking at every place; the tests hold it to that.
//
// A search takes the node that can be nearest, again and again, until the page is full and no
// other node can hold anything nearer. The total is counted apart: nodes wholly within the circle
// or wholly outside are not opened, so that the work grows with the circle's edge, not with what
// is in it. Lists by id and clusters of a map use the same counters. Any filter beyond status
// and publicness, [Filter.Match] above all, has every candidate looked at, about twenty
// nanoseconds each and what Match takes; nodes that cannot hold a match are passed over.
//
// Nothing that a reader may see ever changes. A write copies the nodes on the way to what it
// alters, about 17 kilobytes for one place among a million, and shares all others; the new
// [View] then takes the stead of the old one at once. Readers never wait, not even for a search
// that takes long, and what they take from one view is consistent.
//
// # Limits
//
// A place takes about 140 bytes. A batch of writes costs less per place than single ones; what
// a write leaves behind is collected when no view needs it. Category sets are kept for the life of
// the index. A page far behind keeps in memory all places before it, 24 bytes for each; [Effort] bounds that. Coordinates must be
// on the earth: they are not checked here. Altitude does not exist, and the earth is a sphere.
package nearby

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Place is what the index knows of a place: what searches filter and order by.
type Place struct {
	ID, Project int64
	// UpdatedAt is when it was last altered, in a unit of the caller's.
	UpdatedAt int64
	// Lat and Lng are the position in microdegrees, if it has one: from −90° to 90° and from
	// −180° to 180°.
	Lat, Lng int32
	// Hours is the caller's own name for the place's working hours, and Slot for where it keeps
	// what else it knows of the place; the index only carries them, for [Filter.Match].
	Hours, Slot uint32
	// Categories are the pay categories, as [Index.CategorySet] names them.
	Categories CategorySet
	Services   Services
	// Located says that the place has a position. One without is found by [View.List] only.
	Located bool
	// Active places are in use; Public ones are shown to everybody.
	Active, Public bool
}

// Index holds places. Any number of goroutines may use it: those that read take a [View] and
// never wait; those that write take turns.
type Index struct {
	now atomic.Pointer[View]

	writing sync.Mutex
	// sets are the category sets by name, and names the way back. Sets are only added.
	sets  []categories
	names map[string]CategorySet
}

// View is what an index held at one moment. It never changes, so that counts, pages and maps
// taken from one view agree with each other. Holding on to one keeps its memory.
type View struct {
	// ids has all places by id, located those with a position along the curve.
	ids, located *node
	sets         []categories
}

// New makes an empty index.
func New() *Index {
	ix := &Index{sets: make([]categories, 1), names: map[string]CategorySet{}}
	ix.now.Store(&View{sets: ix.sets})
	return ix
}

// View is what the index holds now, every write that has returned included.
func (ix *Index) View() *View { return ix.now.Load() }

// Put adds places, or replaces those of the same id; of two with one id the later one counts.
// All of them appear to readers at once. Many places cost less together than one by one.
func (ix *Index) Put(places ...Place) {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	ix.write(ix.now.Load(), places, nil)
}

// Remove takes places out by id; unknown ids are passed over.
func (ix *Index) Remove(ids ...int64) {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	ix.write(ix.now.Load(), nil, ids)
}

// Replace puts these places in the stead of all that the index holds, in one step; of two with
// one id the later one counts.
func (ix *Index) Replace(places []Place) {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	ix.write(&View{}, places, nil)
}

// write makes the view that follows old. Either places or removed is empty.
func (ix *Index) write(old *View, places []Place, removed []int64) {
	byID := make([]change, 0, len(places)+len(removed))
	for i := range places {
		byID = append(byID, change{key: key{id: places[i].ID}, place: int32(i)})
	}
	for _, id := range removed {
		byID = append(byID, change{key: key{id: id}, place: -1})
	}
	byID = lastOfEach(byID)
	onCurve := make([]change, 0, len(byID))
	for _, c := range byID {
		var put key
		located := c.place >= 0 && places[c.place].Located
		if located {
			put = key{curve: curve(places[c.place].Lat, places[c.place].Lng), id: c.id}
			onCurve = append(onCurve, change{key: put, place: c.place})
		}
		if before := old.ids.get(c.id); before != nil && before.Located {
			if gone := (key{curve: curve(before.Lat, before.Lng), id: c.id}); !located || gone != put {
				onCurve = append(onCurve, change{key: gone, place: -1})
			}
		}
	}
	byIDs, byCurve := gardener{sets: ix.sets, places: places}, gardener{spatial: true, sets: ix.sets, places: places}
	ix.now.Store(&View{
		ids:     byIDs.apply(old.ids, byID),
		located: byCurve.apply(old.located, alongCurve(onCurve)),
		sets:    ix.sets,
	})
}

// lastOfEach sorts changes by id and keeps the last of each.
func lastOfEach(changes []change) []change {
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.id, b.id) })
	kept := changes[:0]
	for i, c := range changes {
		if i+1 == len(changes) || changes[i+1].id != c.id {
			kept = append(kept, c)
		}
	}
	return kept
}

// Len is how many places the view holds, with a position or without.
func (v *View) Len() int {
	_, total := v.List(Filter{}, 0, 0)
	return total
}

// Get is the place with an id.
func (v *View) Get(id int64) (Place, bool) {
	if p := v.ids.get(id); p != nil {
		return *p, true
	}
	return Place{}, false
}

// Categories are the ids of a category set, ascending; not to be altered.
func (v *View) Categories(set CategorySet) []int64 { return v.sets[set].ids }
