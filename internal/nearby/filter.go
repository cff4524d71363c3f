package nearby

import (
	"encoding/binary"
	"slices"
)

// Services is a set of what places offer, a bit for each; the caller says which.
type Services uint8

// CategorySet names a set of pay categories that an index knows; see [Index.CategorySet].
// The zero value is the empty set.
type CategorySet uint32

// Status narrows a search to places that are in use, or that are not.
type Status uint8

// The statuses that a filter may ask for.
const (
	AnyStatus Status = iota
	OnlyActive
	OnlyInactive
)

// Filter says which places are meant. A zero field does not narrow it. Status and PublicOnly
// are answered by counters; every other field has each candidate looked at.
type Filter struct {
	Status     Status
	PublicOnly bool
	// Projects nil means all projects; empty means none.
	Projects []int64
	// UpdatedFrom leaves out what was altered before this time, in the caller's unit.
	UpdatedFrom int64
	// Services: places that offer any of these.
	Services Services
	// Categories: places where one pays in any of these.
	Categories []int64
	// Match is asked last, once for each place that everything else lets through. It must
	// not keep or alter the place. It may take its time: it holds nobody up.
	Match func(*Place) bool
	// Effort, where there is one, bounds how many places are looked at.
	Effort *Effort
}

// Effort is how many places searches may look at, all together that are given it. A search that would look at more ends early,
// and what it returns then is worth nothing: ask [Effort.Spent]. What counters answer costs nothing.
type Effort struct{ left int }

// NewEffort is enough for looking at so many places.
func NewEffort(places int) *Effort { return &Effort{left: places} }

// Spent says that a search was not worth its effort, and has no result.
func (e *Effort) Spent() bool { return e != nil && e.left < 0 }

// classes are the four kinds of places that have counters: in use or not, public or not.
const classes = 4

// class is the number of a place's kind.
func (p *Place) class() int {
	class := 0
	if p.Active {
		class = 1
	}
	if p.Public {
		class |= 2
	}
	return class
}

// matcher is a filter made ready for looking at many places.
type matcher struct {
	*Filter
	// wanted is 1 for the classes that the filter lets through.
	wanted [classes]int
	// counted says that the class alone decides.
	counted              bool
	projects, categories mask
	sets                 []categories
}

// begin reads the filter for a view.
func (f *Filter) begin(v *View) matcher {
	m := matcher{Filter: f, sets: v.sets}
	for class := range m.wanted {
		active, public := class&1 == 1, class&2 == 2
		if (f.Status == AnyStatus || active == (f.Status == OnlyActive)) && (public || !f.PublicOnly) {
			m.wanted[class] = 1
		}
	}
	m.counted = f.Projects == nil && f.UpdatedFrom == 0 && f.Services == 0 && len(f.Categories) == 0 && f.Match == nil
	for _, id := range f.Projects {
		m.projects.add(id)
	}
	for _, id := range f.Categories {
		m.categories.add(id)
	}
	return m
}

// among is how many of the counted places are of a wanted class.
func (m *matcher) among(counts *[classes]uint32) int {
	return int(counts[0])*m.wanted[0] + int(counts[1])*m.wanted[1] + int(counts[2])*m.wanted[2] + int(counts[3])*m.wanted[3]
}

// mayHold is false when no place below the node can match.
func (m *matcher) mayHold(n *node) bool {
	return m.among(&n.counts) > 0 && (m.counted || n.newest >= m.UpdatedFrom &&
		(m.Projects == nil || n.projects&m.projects != 0) &&
		(m.Services == 0 || n.services&m.Services != 0) &&
		(len(m.Categories) == 0 || n.categories&m.categories != 0))
}

// afford pays for looking at the places of a node, and says whether there was enough for that.
func (m *matcher) afford(n *node) bool {
	if m.Effort != nil {
		m.Effort.left -= len(n.places)
	}
	return !m.Effort.Spent()
}

// matches judges one place.
func (m *matcher) matches(p *Place) bool {
	if m.wanted[p.class()] == 0 {
		return false
	}
	return m.counted || p.UpdatedAt >= m.UpdatedFrom &&
		(m.Services == 0 || p.Services&m.Services != 0) &&
		(m.Projects == nil || slices.Contains(m.Projects, p.Project)) &&
		(len(m.Categories) == 0 || m.sharesCategory(p.Categories)) &&
		(m.Match == nil || m.Match(p))
}

func (m *matcher) sharesCategory(set CategorySet) bool {
	c := &m.sets[set]
	return c.mask&m.categories != 0 && slices.ContainsFunc(m.Categories, func(id int64) bool {
		_, found := slices.BinarySearch(c.ids, id)
		return found
	})
}

// mask tells quickly that two sets share nothing: a bit for the hash of each member.
type mask uint64

func (m *mask) add(id int64) {
	const golden = 0x9e3779b97f4a7c15
	*m |= 1 << (uint64(id) * golden >> 58)
}

// categories are one set of pay categories, ascending.
type categories struct {
	ids  []int64
	mask mask
}

// CategorySet is the name of a set of pay categories, in any order. Equal sets have one name,
// which stays good for the life of the index; a set that no place has any more is kept.
func (ix *Index) CategorySet(ids ...int64) CategorySet {
	if len(ids) == 0 {
		return 0
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var name []byte
	for _, id := range ids {
		name = binary.AppendVarint(name, id)
	}
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if set, known := ix.names[string(name)]; known {
		return set
	}
	c := categories{ids: ids}
	for _, id := range ids {
		c.mask.add(id)
	}
	set := CategorySet(len(ix.sets))
	ix.sets = append(ix.sets, c)
	ix.names[string(name)] = set
	return set
}
