package nearby

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// How many places a leaf and how many nodes a node holds at most. Fewer make searches look at
// fewer places and writes copy less, and cost memory.
const (
	leafSize = 32
	nodeSize = 16
)

// key is where a place stands in a tree: by the curve and, on the same point, by id. In the
// tree of ids the curve is always 0.
type key struct {
	curve uint64
	id    int64
}

func (k key) compare(l key) int {
	if k.curve != l.curve {
		return cmp.Compare(k.curve, l.curve)
	}
	return cmp.Compare(k.id, l.id)
}

// node is a part of a tree: either kids or places. Once it is in a view it never changes.
type node struct {
	kids []kid
	// points of the places, in the tree of positions.
	points []point
	places []Place
	digest
}

// kid is a node below another, with what searches look at first.
type kid struct {
	box    box
	counts [classes]uint32
	*node
}

// digest is what a node knows of all the places below it.
type digest struct {
	first  key
	box    box
	counts [classes]uint32
	newest int64
	// projects, categories and services of any of them.
	projects, categories mask
	services             Services
	// Bounds of the positions, and their sums by class; 180° counts as −180°.
	south, west, north, east int32
	sums                     [classes]sum
}

// sum adds up positions.
type sum struct{ lat, lng int64 }

// change puts a place into a tree or, with place −1, takes it out.
type change struct {
	key
	place int32
}

// alongCurve sorts changes that come by id. Many are sorted by distributing them on each part of
// the curve's number in turn, which keeps those of equal parts in the order they came in.
func alongCurve(changes []change) []change {
	const digits, many = 11, 5000
	if len(changes) < many {
		slices.SortFunc(changes, func(a, b change) int { return a.key.compare(b.key) })
		return changes
	}
	sorted := make([]change, len(changes))
	for shift := 0; shift < 64; shift += digits {
		var from [1<<digits + 1]int
		for i := range changes {
			from[changes[i].curve>>shift&(1<<digits-1)+1]++
		}
		for i := range from[1:] {
			from[i+1] += from[i]
		}
		for i := range changes {
			at := &from[changes[i].curve>>shift&(1<<digits-1)]
			sorted[*at] = changes[i]
			*at++
		}
		changes, sorted = sorted, changes
	}
	return changes
}

// gardener makes a new version of a tree: nodes that do not change are shared with the old one.
type gardener struct {
	// spatial: the tree of positions, not of ids.
	spatial bool
	sets    []categories
	// places that the changes speak of.
	places []Place
}

// keyOf is where a place stands in the gardener's tree.
func (g *gardener) keyOf(p *Place) key {
	if g.spatial {
		return key{curve: curve(p.Lat, p.Lng), id: p.ID}
	}
	return key{id: p.ID}
}

// apply carries out changes, which are sorted and have each key once.
func (g *gardener) apply(root *node, changes []change) *node {
	if len(changes) == 0 {
		return root
	}
	if root == nil {
		root = &node{}
	}
	level := g.change(root, changes)
	for len(level) > 1 {
		level = g.parents(level)
	}
	if len(level) == 0 {
		return nil
	}
	root = level[0]
	for len(root.kids) == 1 {
		root = root.kids[0].node
	}
	return root
}

// change returns what stands in the place of a node, on the same level: no node, one, or many.
func (g *gardener) change(n *node, changes []change) []*node {
	if n.kids == nil {
		return g.changeLeaf(n, changes)
	}
	kids := make([]*node, 0, len(n.kids)+1)
	for i := range n.kids {
		end := len(changes)
		if i+1 < len(n.kids) {
			next := n.kids[i+1].first
			end = sort.Search(len(changes), func(j int) bool { return changes[j].key.compare(next) >= 0 })
		}
		if end == 0 {
			kids = append(kids, n.kids[i].node)
			continue
		}
		kids = append(kids, g.change(n.kids[i].node, changes[:end])...)
		changes = changes[end:]
	}
	return g.parents(g.joinSmall(kids))
}

// changeLeaf is change for a leaf. A new tree is made leaf by leaf, so that nothing is held twice.
func (g *gardener) changeLeaf(n *node, changes []change) []*node {
	if len(n.places) > 0 {
		return g.leaves(g.merge(n, changes))
	}
	var leaves []*node
	from := 0
	for _, to := range cut(len(changes), leafSize) {
		leaves = append(leaves, g.leaves(g.merge(n, changes[from:to]))...)
		from = to
	}
	return leaves
}

// merge lists the places of a leaf after the changes, and their points.
func (g *gardener) merge(n *node, changes []change) ([]Place, []point) {
	places := make([]Place, 0, len(n.places)+len(changes))
	var points []point
	if g.spatial {
		points = make([]point, 0, len(n.places)+len(changes))
	}
	from := 0
	keep := func(to int) {
		places = append(places, n.places[from:to]...)
		if g.spatial {
			points = append(points, n.points[from:to]...)
		}
		from = to
	}
	for _, c := range changes {
		at, found := from, false
		if from < len(n.places) {
			at += sort.Search(len(n.places)-from, func(i int) bool { return g.keyOf(&n.places[from+i]).compare(c.key) >= 0 })
			found = at < len(n.places) && g.keyOf(&n.places[at]) == c.key
		}
		keep(at)
		if found {
			from++
		}
		if c.place < 0 {
			continue
		}
		p := g.places[c.place]
		places = append(places, p)
		if g.spatial {
			point := pointOf(p.Lat, p.Lng)
			point.class = int32(p.class())
			points = append(points, point)
		}
	}
	keep(len(n.places))
	return places, points
}

// leaves cuts places into leaves.
func (g *gardener) leaves(places []Place, points []point) []*node {
	cuts := cut(len(places), leafSize)
	leaves := make([]*node, 0, len(cuts))
	from := 0
	for _, to := range cuts {
		leaf := &node{places: places[from:to:to]}
		if g.spatial {
			leaf.points = points[from:to:to]
		}
		if len(cuts) > 1 {
			leaf.places, leaf.points = slices.Clone(leaf.places), slices.Clone(leaf.points)
		}
		g.digestPlaces(leaf)
		leaves = append(leaves, leaf)
		from = to
	}
	return leaves
}

// parents puts nodes below new ones.
func (g *gardener) parents(kids []*node) []*node {
	cuts := cut(len(kids), nodeSize)
	parents := make([]*node, 0, len(cuts))
	from := 0
	for _, to := range cuts {
		parent := &node{kids: make([]kid, 0, to-from)}
		for _, n := range kids[from:to] {
			parent.kids = append(parent.kids, kid{box: n.digest.box, counts: n.digest.counts, node: n})
		}
		parent.digestKids()
		parents = append(parents, parent)
		from = to
	}
	return parents
}

// cut says where to cut a row of n so that no part is longer than most: as few parts as leave
// each a quarter of its room, all of about the same length.
func cut(n, most int) []int {
	if n == 0 {
		return nil
	}
	parts := 1
	if n > most {
		parts = (n + most*3/4 - 1) / (most * 3 / 4)
	}
	cuts := make([]int, parts)
	for i := range cuts {
		cuts[i] = (i + 1) * n / parts
	}
	return cuts
}

// joinSmall joins nodes that have become small with a neighbour.
func (g *gardener) joinSmall(row []*node) []*node {
	joined := row[:0]
	for _, n := range row {
		if last := len(joined) - 1; last >= 0 && (n.small() || joined[last].small()) {
			both := g.join(joined[last], n)
			joined = append(joined[:last], both...)
			continue
		}
		joined = append(joined, n)
	}
	return joined
}

// small says that a node has less than a quarter of what it could hold.
func (n *node) small() bool {
	if n.kids == nil {
		return len(n.places) < leafSize/4
	}
	return len(n.kids) < nodeSize/4
}

// join makes one node of two, or two that are not small.
func (g *gardener) join(a, b *node) []*node {
	if a.kids == nil {
		return g.leaves(slices.Concat(a.places, b.places), slices.Concat(a.points, b.points))
	}
	all := make([]*node, 0, len(a.kids)+len(b.kids))
	for _, k := range slices.Concat(a.kids, b.kids) {
		all = append(all, k.node)
	}
	return g.parents(all)
}

func (g *gardener) digestPlaces(n *node) {
	n.first = g.keyOf(&n.places[0])
	n.newest = math.MinInt64
	n.south, n.west, n.north, n.east = math.MaxInt32, math.MaxInt32, math.MinInt32, math.MinInt32
	n.digest.box = boxOf(n.points)
	for i := range n.places {
		p := &n.places[i]
		class, lng := p.class(), sameMeridian(p.Lng)
		n.counts[class]++
		n.newest = max(n.newest, p.UpdatedAt)
		n.projects.add(p.Project)
		n.categories |= g.sets[p.Categories].mask
		n.services |= p.Services
		n.south, n.north = min(n.south, p.Lat), max(n.north, p.Lat)
		n.west, n.east = min(n.west, lng), max(n.east, lng)
		n.sums[class].lat += int64(p.Lat)
		n.sums[class].lng += int64(lng)
	}
}

func (n *node) digestKids() {
	n.digest = n.kids[0].digest
	for i := 1; i < len(n.kids); i++ {
		d := &n.kids[i].digest
		n.digest.box.join(&d.box)
		for class := range n.counts {
			n.counts[class] += d.counts[class]
			n.sums[class].lat += d.sums[class].lat
			n.sums[class].lng += d.sums[class].lng
		}
		n.newest = max(n.newest, d.newest)
		n.projects |= d.projects
		n.categories |= d.categories
		n.services |= d.services
		n.south, n.north = min(n.south, d.south), max(n.north, d.north)
		n.west, n.east = min(n.west, d.west), max(n.east, d.east)
	}
}

// get finds a place in the tree of ids.
func (n *node) get(id int64) *Place {
	if n == nil {
		return nil
	}
	for n.kids != nil {
		after := sort.Search(len(n.kids), func(i int) bool { return n.kids[i].first.id > id })
		if after == 0 {
			return nil
		}
		n = n.kids[after-1].node
	}
	at, found := slices.BinarySearchFunc(n.places, id, func(p Place, id int64) int { return cmp.Compare(p.ID, id) })
	if !found {
		return nil
	}
	return &n.places[at]
}
