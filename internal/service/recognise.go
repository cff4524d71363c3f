package service

import (
	"hash/maphash"
	"math"
	"slices"
	"sort"

	"github.com/purserhq/purser/internal/mapfile"
	"github.com/purserhq/purser/internal/nearby"
	"github.com/purserhq/purser/internal/wallet"
)

// landmark is a title of a place, by which it is recognised: of one that is stored, or of a row of the file.
type landmark struct {
	// name stands for the folded title, ref for what the file calls the place, 0 for none.
	name, ref uint64
	// id is the stored place's, 0 where the row is a new one.
	id       int64
	lat, lng int32
	located  bool
	// next is the landmark before with the same name, plus one; 0 is the end.
	next int32
	// row is where in the file the place stands; empty where it does not, so far.
	row string
}

// landmarks find places by name and distance. A name that few places have is a chain of landmarks, which is walked; one that
// many have, the shops of a chain, gets an index of its own.
type landmarks struct {
	seed     maphash.Seed
	distance float64
	all      []landmark
	// stored is how many of all are of stored places; those are in the order of their numbers.
	stored int
	last   map[uint64]int32
	counts map[uint64]int32
	large  map[uint64]*nearby.Index
}

// manyNamesakes is how many places of one name are worth an index.
const manyNamesakes = 32

func newLandmarks(distance float64) *landmarks {
	return &landmarks{
		seed: maphash.MakeSeed(), distance: distance,
		last: map[uint64]int32{}, counts: map[uint64]int32{}, large: map[uint64]*nearby.Index{},
	}
}

// names are those of a title in all its languages, each once.
func (a *landmarks) names(title map[string]string) []uint64 {
	names := make([]uint64, 0, len(title))
	for _, words := range title {
		if folded := mapfile.Fold(words); folded != "" {
			names = append(names, maphash.String(a.seed, folded))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (a *landmarks) refOf(ref string) uint64 {
	if ref == "" {
		return 0
	}
	return max(1, maphash.String(a.seed, ref))
}

// addStored adds places that are stored, in the order of their numbers, before all rows.
func (a *landmarks) addStored(id int64, title map[string]string, at *wallet.Position) {
	names := a.names(title)
	if len(names) == 0 {
		names = []uint64{0} // it is found by its number
	}
	a.add(landmark{id: id}, names, at)
	a.stored = len(a.all)
}

// add adds a place under its names.
func (a *landmarks) add(l landmark, names []uint64, at *wallet.Position) {
	if at != nil {
		l.lat, l.lng, l.located = int32(at.Lat), int32(at.Lng), true
	}
	for _, name := range names {
		l.name, l.next = name, a.last[name]
		number := int32(len(a.all))
		a.all = append(a.all, l)
		a.last[name] = number + 1
		if !l.located {
			continue
		}
		a.counts[name]++
		index, is := a.large[name]
		switch {
		case is:
			index.Put(a.place(number))
		case a.counts[name] == manyNamesakes:
			a.large[name] = a.index(name)
		}
	}
}

// place is a landmark as an index has it: its number is the landmark's.
func (a *landmarks) place(number int32) nearby.Place {
	l := a.all[number]
	return nearby.Place{ID: int64(number) + 1, Lat: l.lat, Lng: l.lng, Located: true}
}

func (a *landmarks) index(name uint64) *nearby.Index {
	var places []nearby.Place
	for number := a.last[name]; number != 0; number = a.all[number-1].next {
		if a.all[number-1].located {
			places = append(places, a.place(number-1))
		}
	}
	index := nearby.New()
	index.Replace(places)
	return index
}

// nearest is the nearest landmark with one of the names within the distance that is wanted; nil where there is none.
func (a *landmarks) nearest(names []uint64, at wallet.Position, wanted func(*landmark) bool) (found *landmark, metres float64) {
	best := math.Inf(1)
	consider := func(number int32, distance float64) {
		if l := &a.all[number]; distance <= a.distance && distance < best {
			found, best = l, distance
		}
	}
	for _, name := range names {
		if index, is := a.large[name]; is {
			hits, _ := index.View().Search(nearby.Query{
				Lat: int32(at.Lat), Lng: int32(at.Lng), Radius: a.distance, Limit: 1,
				Filter: nearby.Filter{Match: func(p *nearby.Place) bool { return wanted(&a.all[p.ID-1]) }},
			})
			for _, hit := range hits {
				consider(int32(hit.ID-1), hit.Distance)
			}
			continue
		}
		var numbers []int32 // from the oldest on: of two at the same distance the first counts
		for number := a.last[name]; number != 0; number = a.all[number-1].next {
			numbers = append(numbers, number-1)
		}
		for _, number := range slices.Backward(numbers) {
			if l := &a.all[number]; l.located && wanted(l) {
				consider(number, nearby.Distance(l.lat, l.lng, int32(at.Lat), int32(at.Lng)))
			}
		}
	}
	return found, best
}

// ofPlace are the landmarks of a stored place.
func (a *landmarks) ofPlace(id int64) []landmark {
	stored := a.all[:a.stored]
	first := sort.Search(len(stored), func(i int) bool { return stored[i].id >= id })
	last := first
	for last < len(stored) && stored[last].id == id {
		last++
	}
	return stored[first:last]
}

// claim says that a stored place is that of a row.
func (a *landmarks) claim(id int64, row string, ref uint64) {
	marks := a.ofPlace(id)
	for i := range marks {
		marks[i].row, marks[i].ref = row, ref
	}
}
