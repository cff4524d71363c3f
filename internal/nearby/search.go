package nearby

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// Query asks for the places around a position.
type Query struct {
	Filter
	// Lat and Lng in microdegrees.
	Lat, Lng int32
	// Radius in metres. 0 finds what is at the very point; [Farthest] finds everything.
	Radius float64
	// Limit is how many places to return at most, after the first Offset. With Limit 0 or
	// less they are only counted.
	Offset, Limit int
}

// Found is a place and its distance in metres. The place is the view's own and not to be altered.
type Found struct {
	*Place
	Distance float64
}

// Search finds the places within the radius, nearest first and, at the same distance, by id.
// total is exactly how many there are, whatever the limit.
func (v *View) Search(q Query) (found []Found, total int) {
	if v.located == nil || !(q.Radius >= 0) {
		return nil, 0
	}
	s := search{matcher: q.begin(v), q: &q, at: pointOf(q.Lat, q.Lng)}
	s.within2, s.atMost2 = chords2(q.Radius)
	s.bound2 = s.atMost2
	if !s.counted {
		s.room = room(q.Offset, q.Limit, s.among(&v.located.counts))
		total = s.visit(v.located)
		return s.page(), total
	}
	// A page that is not filled has everything; only after a full one is there more to count.
	if s.room = room(q.Offset, q.Limit, math.MaxInt); s.room > 0 && s.room <= fewPlaces {
		if s.nearest(v.located); len(s.best) < s.room {
			return s.page(), len(s.best)
		}
		return s.page(), s.count(v.located)
	}
	total = s.count(v.located)
	if s.room = room(q.Offset, q.Limit, total); s.room > 0 {
		s.nearest(v.located)
	}
	return s.page(), total
}

// fewPlaces are so few that it costs less to look for them in vain than to count them first.
const fewPlaces = 1000

// room is how many of the nearest to keep for a page.
func room(offset, limit, total int) int {
	offset = max(offset, 0)
	if limit <= 0 || offset >= total {
		return 0
	}
	return offset + min(limit, total-offset)
}

// chords2 turns a radius into squares of chords: what is nearer than within2 is within it for
// sure, what is farther than atMost2 is not, and between them Distance decides.
func chords2(metres float64) (within2, atMost2 uint64) {
	if metres >= Farthest {
		return math.MaxUint64, math.MaxUint64
	}
	chord := 2 * radius * math.Sin(metres/(2*EarthRadius))
	if chord > slack {
		within2 = uint64((chord - slack) * (chord - slack))
	}
	return within2, uint64((chord + slack) * (chord + slack))
}

// search is one search under way.
type search struct {
	matcher
	q  *Query
	at point
	// within2 and atMost2 are the radius as chords2 gives it.
	within2, atMost2 uint64
	// best is a heap of the nearest so far, the farthest of them on top; at most room.
	best []candidate
	room int
	// own is where best begins.
	own *[fewCandidates]candidate
	// bound2 is the chord beyond which nothing is of interest any more.
	bound2 uint64
}

// candidate is a place that may be on the page.
type candidate struct {
	chord float64
	// distance is −1 until somebody needs it.
	distance float64
	place    *Place
}

// distance of a place from the query's point.
func (s *search) distance(p *Place) float64 { return Distance(s.q.Lat, s.q.Lng, p.Lat, p.Lng) }

// within says whether a place is within the radius.
func (s *search) within(chord2 uint64, p *Place) bool {
	return chord2 < s.within2 || chord2 <= s.atMost2 && s.distance(p) <= s.q.Radius
}

// count counts the places within the radius, where the class alone decides. It looks at places
// only in nodes that are neither inside of the circle nor outside.
func (s *search) count(n *node) int {
	total := 0
	for i := range n.kids {
		k := &n.kids[i]
		matching := s.among(&k.counts)
		if matching == 0 || k.box.nearest2(&s.at) > s.atMost2 {
			continue
		}
		if k.box.farthest2(&s.at) >= s.within2 {
			matching = s.count(k.node)
		}
		total += matching
	}
	for i := range n.points {
		chord2, one := s.at.chord2(&n.points[i]), s.wanted[n.points[i].class&(classes-1)]
		if chord2-s.within2 <= s.atMost2-s.within2 && !s.within(chord2, &n.places[i]) {
			continue
		}
		// Written so that no jump depends on the place: half of them are within.
		if chord2 > s.atMost2 {
			one = 0
		}
		total += one
	}
	return total
}

// visit looks at every place within the radius, keeps the nearest and counts those that match.
func (s *search) visit(n *node) int {
	if !s.afford(n) {
		return 0
	}
	total := 0
	for i := range n.kids {
		k := &n.kids[i]
		if k.box.nearest2(&s.at) <= s.atMost2 && s.mayHold(k.node) {
			total += s.visit(k.node)
		}
	}
	for i := range n.places {
		p, chord2 := &n.places[i], s.at.chord2(&n.points[i])
		if s.within(chord2, p) && s.matches(p) {
			total++
			s.offer(chord2, p)
		}
	}
	return total
}

// near is a node to look at, and how near its places can be.
type near struct {
	chord2 uint64
	*node
}

// nearest fills best, looking at the nearest nodes first and at no more than it must.
func (s *search) nearest(root *node) {
	queue := make([]near, 1, 64)
	queue[0] = near{node: root}
	for len(queue) > 0 {
		n := queue[0]
		if n.chord2 > s.bound2 || !s.afford(n.node) {
			return
		}
		queue = pop(queue)
		for i := range n.kids {
			k := &n.kids[i]
			if s.among(&k.counts) == 0 {
				continue
			}
			if chord2 := k.box.nearest2(&s.at); chord2 <= s.bound2 {
				queue = push(queue, near{chord2: chord2, node: k.node})
			}
		}
		for i := range n.points {
			at := &n.points[i]
			chord2 := s.at.chord2(at)
			if chord2 <= s.bound2 && s.wanted[at.class] == 1 && s.within(chord2, &n.places[i]) {
				s.offer(chord2, &n.places[i])
			}
		}
	}
}

// push and pop keep the nearest node at the head of a heap.
func push(queue []near, n near) []near {
	queue = append(queue, n)
	at := len(queue) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if queue[parent].chord2 <= n.chord2 {
			break
		}
		queue[at] = queue[parent]
		at = parent
	}
	queue[at] = n
	return queue
}

func pop(queue []near) []near {
	last := len(queue) - 1
	n := queue[last]
	queue = queue[:last]
	at := 0
	for {
		below := 2*at + 1
		if below >= last {
			break
		}
		if below+1 < last && queue[below+1].chord2 < queue[below].chord2 {
			below++
		}
		if n.chord2 <= queue[below].chord2 {
			break
		}
		queue[at] = queue[below]
		at = below
	}
	if last > 0 {
		queue[at] = n
	}
	return queue
}

// offer keeps a place if it is among the nearest so far.
func (s *search) offer(chord2 uint64, p *Place) {
	if s.room == 0 || chord2 > s.bound2 {
		return
	}
	c := candidate{chord: math.Sqrt(float64(chord2)), distance: -1, place: p}
	if len(s.best) < s.room {
		if s.best == nil {
			s.own = candidates.Get().(*[fewCandidates]candidate)
			s.best = s.own[:0]
		}
		s.best = append(s.best, c)
		s.rise()
	} else {
		if !s.before(&c, &s.best[0]) {
			return
		}
		s.best[0] = c
		s.sink()
	}
	if len(s.best) == s.room {
		reach := s.best[0].chord + 2*slack
		s.bound2 = min(s.atMost2, uint64(reach*reach))
	}
}

// before says whether a comes before b: by distance, then by id. Chords decide where they can.
func (s *search) before(a, b *candidate) bool {
	if a.chord < b.chord-2*slack {
		return true
	}
	if b.chord < a.chord-2*slack {
		return false
	}
	if a.place.Lat == b.place.Lat && a.place.Lng == b.place.Lng {
		return a.place.ID < b.place.ID
	}
	s.measure(a)
	s.measure(b)
	return a.distance < b.distance || a.distance == b.distance && a.place.ID < b.place.ID
}

func (s *search) measure(c *candidate) {
	if c.distance < 0 {
		c.distance = s.distance(c.place)
	}
}

// rise and sink keep the farthest candidate on top of the heap.
func (s *search) rise() {
	for at := len(s.best) - 1; at > 0; {
		parent := (at - 1) / 2
		if !s.before(&s.best[parent], &s.best[at]) {
			return
		}
		s.best[parent], s.best[at] = s.best[at], s.best[parent]
		at = parent
	}
}

func (s *search) sink() {
	at := 0
	for {
		below := 2*at + 1
		if below >= len(s.best) {
			return
		}
		if below+1 < len(s.best) && s.before(&s.best[below], &s.best[below+1]) {
			below++
		}
		if !s.before(&s.best[at], &s.best[below]) {
			return
		}
		s.best[at], s.best[below] = s.best[below], s.best[at]
		at = below
	}
}

// candidates are used again by the searches that follow, where they are not many.
var candidates = sync.Pool{New: func() any { return new([fewCandidates]candidate) }}

const fewCandidates = 256

// page sorts the nearest and leaves out those before the offset. The search is over then.
func (s *search) page() []Found {
	if s.own != nil {
		defer candidates.Put(s.own)
	}
	offset := max(s.q.Offset, 0)
	if len(s.best) <= offset {
		return nil
	}
	for i := range s.best {
		s.measure(&s.best[i])
	}
	slices.SortFunc(s.best, func(a, b candidate) int {
		if a.distance != b.distance {
			return cmp.Compare(a.distance, b.distance)
		}
		return cmp.Compare(a.place.ID, b.place.ID)
	})
	found := make([]Found, 0, len(s.best)-offset)
	for _, c := range s.best[offset:] {
		found = append(found, Found{Place: c.place, Distance: c.distance})
	}
	return found
}
