// Package mapfile reads and writes places as files: GeoJSON, CSV and extracts of OpenStreetMap. It is
// pure but for the reader or writer that it is given, knows nothing of projects and databases, and reads a
// file of any length in the memory of its longest row.
//
// Whatever the format, a place is named properties with texts as values, by the table in fields.go, which
// docs/place-import.md shows. A row that cannot be read says which property is wrong and why, and reading
// goes on; only a file that is broken as a whole ends it.
package mapfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Format is a kind of file.
type Format string

// The formats. Lines is GeoJSON with one feature a line, as GeoJSON Text Sequences and many tools have it.
const (
	GeoJSON Format = "geojson"
	Lines   Format = "geojsonl"
	CSV     Format = "csv"
	OSM     Format = "osm"
)

// Formats lists them.
func Formats() []Format { return []Format{GeoJSON, Lines, CSV, OSM} }

// Record is a place as a file has it. What is zero is not given: an import leaves it as it is.
type Record struct {
	// ID is purser's number of the place, in files that it wrote itself.
	ID int64 `json:"id,omitempty"`
	// Ref is what the file's maker calls the place; two rows with different ones are two places.
	Ref string `json:"ref,omitempty"`
	// Texts are by language.
	Title       map[string]string `json:"title,omitempty"`
	Description map[string]string `json:"description,omitempty"`
	Address     map[string]string `json:"address,omitempty"`
	Position    *Position         `json:"position,omitempty"`
	// Radius is in metres.
	Radius *int `json:"radius,omitempty"`
	// Hours are opening hours as OpenStreetMap spells them, in the canonical way; Holidays are the dates that its
	// PH means.
	Hours    *string   `json:"hours,omitempty"`
	Holidays *[]string `json:"holidays,omitempty"`
	// Timezone is an IANA name.
	Timezone *string             `json:"timezone,omitempty"`
	Services *map[string]Service `json:"services,omitempty"`
	Prices   *[]Price            `json:"prices,omitempty"`
	// Images are two addresses: of the pin while the place is open, and while it is closed.
	PinOpen   *string `json:"pin_open,omitempty"`
	PinClosed *string `json:"pin_closed,omitempty"`
	Public    *bool   `json:"public,omitempty"`
	Status    *string `json:"status,omitempty"`
}

// Position is decimal degrees.
type Position struct {
	Lat float64 `json:"lat"`
	Lng float64 `json:"lng"`
}

// Service is one service of a place.
type Service struct {
	Available  bool     `json:"available"`
	Types      []string `json:"types,omitempty"`
	Categories []int64  `json:"categories,omitempty"`
}

// Price is a price or, without an amount, a special offer.
type Price struct {
	Title map[string]string `json:"title"`
	// Amount is decimal text in Currency.
	Amount     string     `json:"amount,omitempty"`
	Currency   string     `json:"currency,omitempty"`
	ValidFrom  *time.Time `json:"valid_from,omitempty"`
	ValidUntil *time.Time `json:"valid_until,omitempty"`
}

// Row is one place of a file, or why it is none.
type Row struct {
	// Where says where in the file it stands: "line 12", "feature 3", "node 4711".
	Where string `json:"where"`
	Record
	// Problems are what is wrong with it; nil where nothing is.
	Problems []Problem `json:"problems,omitempty"`
}

// Problem is one refused property of a row; Field is empty where the row as a whole cannot be read.
type Problem struct {
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

// Options say how a file is read.
type Options struct {
	// Locale is the language of words that name none, English where it is empty.
	Locale string
	// Tags narrow an OpenStreetMap extract to elements with any of these, as KEY or KEY=VALUE; none are
	// DefaultTags.
	Tags []string
}

// DefaultTags are the keys of OpenStreetMap that make an element with a name a place where people go.
func DefaultTags() []string {
	return []string{"amenity", "shop", "office", "craft", "tourism", "leisure", "healthcare"}
}

// Bounds of a file.
const (
	// maxRow bounds a row, in bytes.
	maxRow = 1 << 20
	// maxIgnored bounds how many names of properties that mean nothing here are kept.
	maxIgnored = 50
	// sniffed is how much of a file Detect looks at.
	sniffed = 4096
)

// errLongRow is what reading a row that is longer than maxRow fails with.
var errLongRow = fmt.Errorf("a row is longer than %d bytes", maxRow)

// Reader reads the places of a file, once.
type Reader struct {
	Options
	format  Format
	in      *bounded
	ignored []string
	passed  int
	// placed are positions of an extract's nodes that ways need.
	placed map[int64]Position
	again  func() (io.Reader, error)
	// canonical are opening hours as builder keeps them.
	canonical map[string]string
}

// NewReader reads a file of that format. again opens the file anew from its beginning, for extracts of
// OpenStreetMap, whose areas refer to points elsewhere in the file; where it is nil areas without a centre are
// refused.
func NewReader(in io.Reader, format Format, o Options, again func() (io.Reader, error)) *Reader {
	if o.Locale == "" {
		o.Locale = "en"
	}
	if len(o.Tags) == 0 {
		o.Tags = DefaultTags()
	}
	return &Reader{Options: o, format: format, in: &bounded{in: in}, again: again, canonical: map[string]string{}}
}

// Rows are the places of the file. An error ends them: the file cannot be read any further.
func (r *Reader) Rows() iter.Seq2[Row, error] {
	switch r.format {
	case CSV:
		return r.readCSV
	case OSM:
		return r.readOSM
	case Lines:
		return r.readLines
	}
	return r.readGeoJSON
}

// Ignored are names of properties that were read and mean nothing here, sorted.
func (r *Reader) Ignored() []string { return slices.Sorted(slices.Values(r.ignored)) }

// PassedOver is how many elements of an OpenStreetMap extract are no places by the tags.
func (r *Reader) PassedOver() int { return r.passed }

func (r *Reader) ignore(name string) {
	if len(r.ignored) < maxIgnored && !slices.Contains(r.ignored, name) {
		r.ignored = append(r.ignored, strings.Clone(name))
	}
}

// Detect says what format a file has, by its name and else by how it begins, which it does not consume. It
// fails where that is none that can be read, with what to do.
func Detect(name string, in *bufio.Reader) (Format, error) {
	head, err := in.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return "", err
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n\x1e")
	lower := strings.ToLower(filepath.Base(name))
	switch {
	case strings.HasSuffix(lower, ".pbf") || bytes.Contains(head[:min(len(head), 64)], []byte("OSMHeader")):
		return "", errors.New("packed extracts (.pbf) are not read: unpack it first, with `osmium cat FILE.osm.pbf -o FILE.osm`")
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "", errors.New("the file is compressed: unpack it first, with `gunzip`")
	case bytes.HasPrefix(head, []byte("<")):
		return OSM, nil
	case bytes.HasPrefix(head, []byte("{")):
		line, _, whole := bytes.Cut(head, []byte("\n"))
		if whole && bytes.HasSuffix(bytes.TrimSpace(line), []byte("}")) && isFeature(line) {
			return Lines, nil
		}
		if ext := filepath.Ext(lower); ext == ".geojsonl" || ext == ".ndjson" || ext == ".geojsons" {
			return Lines, nil
		}
		return GeoJSON, nil
	case bytes.HasPrefix(head, []byte("[")):
		return "", errors.New("the file is a JSON array: GeoJSON is an object with `features`, or one feature a line")
	case len(head) == 0:
		return "", errors.New("the file is empty")
	}
	return CSV, nil
}

// bounded is a reader that a row cannot take more than maxRow from, give or take a buffer.
type bounded struct {
	in   io.Reader
	left int
}

// next allows for another row.
func (b *bounded) next() { b.left = maxRow }

// Read reads as long as the row may go on.
func (b *bounded) Read(to []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRow
	}
	n, err := b.in.Read(to)
	b.left -= n
	return n, err
}
