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
	// Hours is the caller's own name for the place's working hours; the index only keeps it,
	// for [Filter.Match].
	Hours uint32
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
	all := matcher{wanted: [classes]int{1, 1, 1, 1}}
	return v.count(v.ids, &all)
}

// count is how many places below a node are of the classes wanted.
func (v *View) count(n *node, m *matcher) int {
	if n == nil {
		return 0
	}
	return m.among(&n.counts)
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
