package nearby

import "math/bits"

// Box is a part of a map in microdegrees, its edges included. With West greater than East it
// lies across the 180th meridian.
type Box struct{ South, West, North, East int32 }

// Cluster is a group of neighbouring places of a map.
type Cluster struct {
	// Lat and Lng are the mean of their positions, in microdegrees.
	Lat, Lng int32
	Count    int
	// ID is the place's if it is alone, else 0.
	ID int64
}

// Clusters groups the matching places of a box by the cells of a grid, at most so many of
// them. Every place of the box is in exactly one cluster. The grid is fixed to the earth, and
// each finer one halves the sides of its cells (as wide as high at a latitude of 60°): panning
// leaves clusters that are wholly in the box as they are.
func (v *View) Clusters(f Filter, b Box, most int) []Cluster {
	if v.located == nil || b.South > b.North || most < 1 {
		return nil
	}
	c := clustering{matcher: f.begin(v), box: b, spans: b.spans()}
	c.shift = b.finest(c.spans, most)
	c.visit(v.located)
	if c.count > 0 {
		c.close()
	}
	return c.clusters
}

// span is a range of longitudes, from −180° to just below 180°.
type span struct{ west, east int32 }

// spans cuts a box at the 180th meridian, which counts as −180°.
func (b Box) spans() []span {
	switch {
	case b.West == halfTurn && b.East == halfTurn:
		return []span{{-halfTurn, -halfTurn}}
	case b.West == halfTurn:
		return []span{{-halfTurn, b.East}}
	case b.West > b.East:
		return []span{{b.West, halfTurn - 1}, {-halfTurn, b.East}}
	case b.East == halfTurn && b.West > -halfTurn:
		return []span{{b.West, halfTurn - 1}, {-halfTurn, -halfTurn}}
	}
	return []span{{b.West, min(b.East, halfTurn-1)}}
}

// cell is a square of the grid, by its column and row.
type cell struct{ column, row uint32 }

// cellOf is the cell of a position on the grid of this shift: 32 is the whole earth, 0 finer
// than a microdegree.
func cellOf(lat, lng int32, shift int) cell {
	x, y := plane(lat, lng)
	return cell{uint32(uint64(x) >> shift), uint32(uint64(y) >> shift)}
}

// finest is the shift of the finest grid of which the box touches at most so many cells.
func (b Box) finest(spans []span, most int) int {
	for shift := 0; shift < 32; shift++ {
		cells := uint64(0)
		for _, s := range spans {
			from, to := cellOf(b.South, s.west, shift), cellOf(b.North, s.east, shift)
			high, wide := uint64(to.row-from.row)+1, uint64(to.column-from.column)+1
			over, product := bits.Mul64(high, wide)
			if cells += product; over > 0 || cells > uint64(most) {
				cells = uint64(most) + 1
				break
			}
		}
		if cells <= uint64(most) {
			return shift
		}
	}
	return 32
}

// clustering is one division into clusters under way. A cell is one stretch of the curve, so
// that its places come one after another.
type clustering struct {
	matcher
	box      Box
	spans    []span
	shift    int
	clusters []Cluster
	// The cluster that is being counted.
	cell  cell
	count int
	sum   sum
	id    int64
}

func (c *clustering) visit(n *node) {
	if !c.afford(n) {
		return
	}
	for i := range n.kids {
		k := n.kids[i].node
		if !c.mayHold(k) {
			continue
		}
		touches, inside := c.overlap(k)
		if !touches {
			continue
		}
		// A node that holds one match is looked into for its id.
		if c.counted && inside && c.among(&k.counts) > 1 && cellOf(k.south, k.west, c.shift) == cellOf(k.north, k.east, c.shift) {
			c.add(cellOf(k.south, k.west, c.shift), c.among(&k.counts), c.sumOf(k), 0)
			continue
		}
		c.visit(k)
	}
	for i := range n.places {
		p := &n.places[i]
		if lng := sameMeridian(p.Lng); c.holds(p.Lat, lng) && c.matches(p) {
			c.add(cellOf(p.Lat, lng, c.shift), 1, sum{int64(p.Lat), int64(lng)}, p.ID)
		}
	}
}

// overlap says whether the bounds of a node touch the box, and whether they are inside of it.
func (c *clustering) overlap(n *node) (touches, inside bool) {
	if n.north < c.box.South || n.south > c.box.North {
		return false, false
	}
	for _, s := range c.spans {
		if n.east >= s.west && n.west <= s.east {
			touches = true
			inside = inside || n.west >= s.west && n.east <= s.east
		}
	}
	return touches, inside && n.south >= c.box.South && n.north <= c.box.North
}

func (c *clustering) holds(lat, lng int32) bool {
	if lat < c.box.South || lat > c.box.North {
		return false
	}
	for _, s := range c.spans {
		if lng >= s.west && lng <= s.east {
			return true
		}
	}
	return false
}

// sumOf adds up the positions of a node's places of the wanted classes.
func (c *clustering) sumOf(n *node) (total sum) {
	for class, wanted := range c.wanted {
		if wanted == 1 {
			total.lat += n.sums[class].lat
			total.lng += n.sums[class].lng
		}
	}
	return total
}

// add counts places into their cell.
func (c *clustering) add(at cell, count int, positions sum, id int64) {
	if at != c.cell && c.count > 0 {
		c.close()
	}
	c.cell, c.id = at, id
	c.count += count
	c.sum.lat += positions.lat
	c.sum.lng += positions.lng
}

// close ends the cluster that is being counted.
func (c *clustering) close() {
	cluster := Cluster{
		Lat:   int32(rounded(c.sum.lat, int64(c.count))),
		Lng:   int32(rounded(c.sum.lng, int64(c.count))),
		Count: c.count,
	}
	if c.count == 1 {
		cluster.ID = c.id
	}
	c.clusters = append(c.clusters, cluster)
	c.count, c.sum = 0, sum{}
}

// rounded divides to the nearest integer.
func rounded(n, by int64) int64 {
	if n < 0 {
		return -rounded(-n, by)
	}
	return (n + by/2) / by
}
