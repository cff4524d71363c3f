package nearby

import "iter"

// List returns the places that match, with a position or without, by id: at most limit after
// the first offset; with limit 0 or less they are only counted. total is exactly how many there
// are, whatever the limit.
func (v *View) List(f Filter, offset, limit int) (page []Place, total int) {
	if v.ids == nil {
		return nil, 0
	}
	l := list{matcher: f.begin(v), skip: max(offset, 0), room: max(limit, 0)}
	if !l.counted {
		l.visit(v.ids)
		return l.page, l.total
	}
	total = l.among(&v.ids.counts)
	l.room = min(l.room, max(total-l.skip, 0))
	l.turnTo(v.ids)
	return l.page, total
}

// list is one list under way.
type list struct {
	matcher
	skip, room, total int
	page              []Place
}

// visit looks at every place.
func (l *list) visit(n *node) {
	if !l.afford(n) {
		return
	}
	for i := range n.kids {
		if l.mayHold(n.kids[i].node) {
			l.visit(n.kids[i].node)
		}
	}
	for i := range n.places {
		p := &n.places[i]
		if !l.matches(p) {
			continue
		}
		if l.total++; l.total > l.skip && len(l.page) < l.room {
			l.page = append(l.page, *p)
		}
	}
}

// turnTo goes straight to the page, where the class alone decides.
func (l *list) turnTo(n *node) {
	for i := range n.kids {
		if len(l.page) == l.room {
			return
		}
		k := &n.kids[i]
		if matching := l.among(&k.counts); matching <= l.skip {
			l.skip -= matching
			continue
		}
		l.turnTo(k.node)
	}
	for i := range n.places {
		p := &n.places[i]
		if len(l.page) == l.room || l.wanted[p.class()] == 0 {
			continue
		}
		if l.skip > 0 {
			l.skip--
			continue
		}
		l.page = append(l.page, *p)
	}
}

// All goes through all places that match, by id, from the first whose id is greater than after.
// The places are the view's own and not to be altered.
func (v *View) All(f Filter, after int64) iter.Seq[*Place] {
	return func(yield func(*Place) bool) {
		m := f.begin(v)
		if v.ids != nil {
			m.walk(v.ids, after, yield)
		}
	}
}

func (m *matcher) walk(n *node, after int64, yield func(*Place) bool) bool {
	if !m.afford(n) {
		return false
	}
	for i := range n.kids {
		if i+1 < len(n.kids) && n.kids[i+1].first.id <= after {
			continue
		}
		if m.mayHold(n.kids[i].node) && !m.walk(n.kids[i].node, after, yield) {
			return false
		}
	}
	for i := range n.places {
		if p := &n.places[i]; p.ID > after && m.matches(p) && !yield(p) {
			return false
		}
	}
	return true
}
