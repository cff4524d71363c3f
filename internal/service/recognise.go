package service

import (
	"bytes"
	"hash/maphash"
	"math"
	"slices"
	"sort"
	"strings"

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
	// next is the landmark before with the same name, and count how many there are up to this one, it included.
	next  int32
	count int32
	// row is where in the file the place stands: where landmarks.rows has it, after so many bytes; 0 where it is not
	// there, so far.
	row     uint32
	located bool
}

// landmarks find places by name and distance. A name that few places have is a chain of landmarks, which is walked; one
// that many have, the shops of a chain, gets an index of its own. Millions are held without pointers, in 50 bytes each
// and a few more to find the chain.
type landmarks struct {
	seed     maphash.Seed
	distance float64
	boxes    [][]landmark
	count    int32
	// stored is how many of them are of stored places; those are in the order of their numbers.
	stored int32
	// chains are the newest landmarks of names, by what the name ends in, else the next free place; 0 is none.
	chains []int32
	names  int
	large  map[uint64]*nearby.Index
	// rows are where rows stand in the file, each ended by a zero byte.
	rows []byte
}

const (
	// manyNamesakes is how many places of one name are worth an index.
	manyNamesakes = 32
	// boxSize is how many landmarks are put aside at once.
	boxSize = 1 << 14
)

// newLandmarks recognises places of one name up to a distance in metres.
func newLandmarks(distance float64) *landmarks {
	// Neither landmarks nor rows begin at 0, which stands for none.
	return &landmarks{
		seed: maphash.MakeSeed(), distance: distance, large: map[uint64]*nearby.Index{}, chains: make([]int32, boxSize),
		boxes: [][]landmark{make([]landmark, boxSize)}, count: 1, stored: 1, rows: []byte{0},
	}
}

func (a *landmarks) at(number int32) *landmark { return &a.boxes[number/boxSize][number%boxSize] }

// unwritten are marks that some write in a name and some do not: McDonald's.
var unwritten = strings.NewReplacer("'", "", "’", "", ".", "")

// namesOf are those of a title in all its languages, each once.
func (a *landmarks) namesOf(title map[string]string) []uint64 {
	names := make([]uint64, 0, len(title))
	for _, words := range title {
		if folded := wallet.Folded(unwritten.Replace(words)); folded != "" {
			names = append(names, maphash.String(a.seed, folded))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// refOf stands for what a file calls a place.
func (a *landmarks) refOf(ref string) uint64 {
	if ref == "" {
		return 0
	}
	return max(1, maphash.String(a.seed, ref))
}

// chain is where in chains the name is, or where it goes.
func (a *landmarks) chain(name uint64) int {
	mask := len(a.chains) - 1
	i := int(name) & mask
	for a.chains[i] != 0 && a.at(a.chains[i]).name != name {
		i = (i + 1) & mask
	}
	return i
}

// widen makes room for more names.
func (a *landmarks) widen() {
	old := a.chains
	a.chains = make([]int32, 2*len(old))
	for _, newest := range old {
		if newest != 0 {
			a.chains[a.chain(a.at(newest).name)] = newest
		}
	}
}

// addStored adds places that are stored, in the order of their numbers, before all rows.
func (a *landmarks) addStored(id int64, title map[string]string, at *wallet.Position) {
	names := a.namesOf(title)
	if len(names) == 0 {
		names = []uint64{0} // it is found by its number
	}
	a.add(landmark{id: id}, names, at)
	a.stored = a.count
}

// addRow adds a row that is a new place.
func (a *landmarks) addRow(where string, ref uint64, names []uint64, at wallet.Position) {
	a.add(landmark{row: a.keepRow(where), ref: ref}, names, &at)
}

func (a *landmarks) keepRow(where string) uint32 {
	at := len(a.rows)
	a.rows = append(append(a.rows, where...), 0)
	return uint32(at)
}

// where says where the row of a landmark stands.
func (a *landmarks) where(l *landmark) string {
	row := a.rows[l.row:]
	return string(row[:bytes.IndexByte(row, 0)])
}

// add adds a place under its names.
func (a *landmarks) add(l landmark, names []uint64, at *wallet.Position) {
	if at != nil {
		l.lat, l.lng, l.located = int32(at.Lat), int32(at.Lng), true
	}
	for _, name := range names {
		if int(a.count) == len(a.boxes)*boxSize {
			a.boxes = append(a.boxes, make([]landmark, boxSize))
		}
		if 2*a.names > len(a.chains) {
			a.widen()
		}
		chain := a.chain(name)
		l.name, l.next, l.count = name, a.chains[chain], 1
		if l.next != 0 {
			l.count = a.at(l.next).count + 1
		} else {
			a.names++
		}
		number := a.count
		*a.at(number) = l
		a.count++
		a.chains[chain] = number
		switch index, is := a.large[name]; {
		case is && l.located:
			index.Put(a.place(number))
		case l.count == manyNamesakes:
			a.large[name] = a.index(number)
		}
	}
}

// place is a landmark as an index has it: its number is the landmark's.
func (a *landmarks) place(number int32) nearby.Place {
	l := a.at(number)
	return nearby.Place{ID: int64(number), Lat: l.lat, Lng: l.lng, Located: true}
}

// index is one of a chain.
func (a *landmarks) index(newest int32) *nearby.Index {
	var places []nearby.Place
	for number := newest; number != 0; number = a.at(number).next {
		if a.at(number).located {
			places = append(places, a.place(number))
		}
	}
	index := nearby.New()
	index.Replace(places)
	return index
}

// nearest is the nearest landmark with one of the names within the distance that is wanted, of several the oldest; nil
// where there is none.
func (a *landmarks) nearest(names []uint64, at wallet.Position, wanted func(*landmark) bool) (found *landmark, metres float64) {
	metres = math.Inf(1)
	best := int32(0)
	consider := func(number int32, distance float64) {
		if distance <= a.distance && (distance < metres || distance == metres && number < best) {
			found, metres, best = a.at(number), distance, number
		}
	}
	for _, name := range names {
		if index, is := a.large[name]; is {
			hits, _ := index.View().Search(nearby.Query{
				Lat: int32(at.Lat), Lng: int32(at.Lng), Radius: a.distance, Limit: 1,
				Filter: nearby.Filter{Match: func(p *nearby.Place) bool { return wanted(a.at(int32(p.ID))) }},
			})
			for _, hit := range hits {
				consider(int32(hit.ID), hit.Distance)
			}
			continue
		}
		for number := a.chains[a.chain(name)]; number != 0; number = a.at(number).next {
			if l := a.at(number); l.located && wanted(l) {
				consider(number, nearby.Distance(l.lat, l.lng, int32(at.Lat), int32(at.Lng)))
			}
		}
	}
	return found, metres
}

// ofPlace is the first landmark of a stored place; 0 where there is none.
func (a *landmarks) ofPlace(id int64) int32 {
	first := 1 + int32(sort.Search(int(a.stored-1), func(i int) bool { return a.at(int32(i)+1).id >= id }))
	if first < a.stored && a.at(first).id == id {
		return first
	}
	return 0
}

// isOther says whether a stored place is another one than that with these names, which is there: neither a name nor the position is its.
func (a *landmarks) isOther(first int32, names []uint64, at wallet.Position) bool {
	for number := first; number < a.stored && a.at(number).id == a.at(first).id; number++ {
		l := a.at(number)
		if slices.Contains(names, l.name) || l.located && nearby.Distance(l.lat, l.lng, int32(at.Lat), int32(at.Lng)) <= a.distance {
			return false
		}
	}
	return len(names) > 0
}

// claim says that a stored place is that of a row.
func (a *landmarks) claim(id int64, where string, ref uint64) {
	row := a.keepRow(where)
	for number := a.ofPlace(id); number < a.stored && a.at(number).id == id; number++ {
		a.at(number).row, a.at(number).ref = row, ref
	}
}
