package mapfile

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxPoints bounds how many points of areas are remembered: 16 bytes each and what a map takes.
const maxPoints = 4_000_000

// errPoints is what an extract with more than maxPoints fails with.
var errPoints = fmt.Errorf("the areas of the extract have more than %d points: have its tool write centres (`out center`), or split it", maxPoints)

// element is a node, a way or a relation of OpenStreetMap.
type element struct {
	kind, id string
	lat, lng string
	tags     map[string]string
	// points are the nodes of a way.
	points []int64
}

// readOSM reads an extract in XML: what has a name and one of the tags is a place.
func (r *Reader) readOSM(yield func(Row, error) bool) {
	if r.again != nil {
		if err := r.findPoints(); err != nil {
			yield(Row{}, err)
			return
		}
	}
	err := r.eachElement(r.in, func(e *element) bool {
		if id, err := strconv.ParseInt(e.id, 10, 64); err == nil && e.kind == "node" {
			if _, needed := r.placed[id]; needed {
				r.place(id, e)
			}
		}
		if !r.isPlace(e) {
			r.passed++
			return true
		}
		return yield(r.osmRow(e), nil)
	})
	if err != nil {
		yield(Row{}, err)
	}
}

// place remembers where a node is.
func (r *Reader) place(id int64, e *element) {
	lat, err1 := strconv.ParseFloat(e.lat, 64)
	lng, err2 := strconv.ParseFloat(e.lng, 64)
	if err1 == nil && err2 == nil {
		r.placed[id] = Position{lat, lng}
	}
}

// nowhere stands for a position that is not read yet.
var nowhere = Position{Lat: 1000}

// findPoints notes which nodes the positions of places hang on that are ways.
func (r *Reader) findPoints() error {
	in, err := r.again()
	if err != nil {
		return err
	}
	if closer, ok := in.(io.Closer); ok {
		defer closer.Close()
	}
	r.placed = map[int64]Position{}
	// What breaks the file off is told by who reads the rows: those before it count.
	_ = r.eachElement(&bounded{in: in}, func(e *element) bool {
		if e.kind == "way" && e.lat == "" && r.isPlace(e) {
			for _, id := range e.points {
				r.placed[id] = nowhere
			}
		}
		return len(r.placed) <= maxPoints
	})
	if len(r.placed) > maxPoints {
		return errPoints
	}
	return nil
}

// eachElement calls do with every element, until it says no.
func (r *Reader) eachElement(in *bounded, do func(*element) bool) error {
	in.next()
	decoder := xml.NewDecoder(in)
	var e *element
	seen := false
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			if !seen {
				return errors.New("the file is not OpenStreetMap's XML: it has no <osm>")
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if !seen && t.Name.Local != "osm" {
				return fmt.Errorf("the file is not OpenStreetMap's XML: it begins with <%s>", shortened(t.Name.Local))
			}
			seen = true
			if e = e.start(t); e == nil {
				in.next()
			}
		case xml.EndElement:
			if e != nil && t.Name.Local == e.kind {
				if !do(e) {
					return nil
				}
				e = nil
				in.next()
			}
		}
	}
}

// start reads the beginning of an element or of something in it.
func (e *element) start(t xml.StartElement) *element {
	attribute := func(name string) string {
		for _, a := range t.Attr {
			if a.Name.Local == name {
				return a.Value
			}
		}
		return ""
	}
	switch t.Name.Local {
	case "node", "way", "relation":
		if e == nil {
			return &element{kind: t.Name.Local, id: attribute("id"), lat: attribute("lat"), lng: attribute("lon")}
		}
	case "center":
		if e != nil {
			e.lat, e.lng = attribute("lat"), attribute("lon")
		}
	case "tag":
		if e != nil {
			if e.tags == nil {
				e.tags = map[string]string{}
			}
			e.tags[attribute("k")] = attribute("v")
		}
	case "nd":
		if id, err := strconv.ParseInt(attribute("ref"), 10, 64); e != nil && err == nil {
			e.points = append(e.points, id)
		}
	}
	return e
}

// isPlace says whether an element has a name and one of the tags.
func (r *Reader) isPlace(e *element) bool {
	if e.tags["name"] == "" {
		return false
	}
	for _, tag := range r.Tags {
		key, value, exact := strings.Cut(tag, "=")
		if has := e.tags[key]; has != "" && has != "no" && (!exact || has == value) {
			return true
		}
	}
	return false
}

// osmRow reads a place. Its number is OpenStreetMap's, not purser's.
func (r *Reader) osmRow(e *element) Row {
	b := builder{canonical: r.canonical}
	for name, value := range e.tags {
		field, locale := known(name)
		switch {
		case name == "name", strings.HasPrefix(name, "name:") && field == "title",
			name == "description", strings.HasPrefix(name, "description:") && field == "description",
			name == "opening_hours", name == "ref", strings.HasPrefix(name, "addr:") && field != "":
			b.set(field, locale, value)
		}
	}
	switch {
	case e.lat != "" || e.lng != "":
		b.lat, b.lng = degrees(&b, "lat", e.lat, 90), degrees(&b, "lng", e.lng, 180)
	case e.kind == "relation":
		b.refuse("lat", "a relation has a position only where the extract was made with centres (`out center`)")
	default:
		if p, ok := r.centre(e.points); ok {
			b.lat, b.lng = &p.Lat, &p.Lng
		} else {
			b.refuse("lat", "the points of this %s are not in the file before it", e.kind)
		}
	}
	return b.row(e.kind+" "+shortened(e.id), r.Locale)
}

// centre is the middle of the box around the points, which may lie across the date line.
func (r *Reader) centre(points []int64) (centre Position, ok bool) {
	var low, high Position
	for i, id := range points {
		p, there := r.placed[id]
		if !there || p == nowhere {
			return Position{}, false
		}
		if i == 0 {
			low, high = p, p
		}
		if middle := (low.Lng + high.Lng) / 2; p.Lng-middle > 180 {
			p.Lng -= 360
		} else if p.Lng-middle < -180 {
			p.Lng += 360
		}
		low = Position{min(low.Lat, p.Lat), min(low.Lng, p.Lng)}
		high = Position{max(high.Lat, p.Lat), max(high.Lng, p.Lng)}
	}
	centre = Position{(low.Lat + high.Lat) / 2, (low.Lng + high.Lng) / 2}
	if centre.Lng > 180 {
		centre.Lng -= 360
	} else if centre.Lng < -180 {
		centre.Lng += 360
	}
	return centre, len(points) > 0
}
