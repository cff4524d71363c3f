package mapfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// feature is one of GeoJSON (RFC 7946 §3.2).
type feature struct {
	Type       string                     `json:"type"`
	Geometry   json.RawMessage            `json:"geometry"`
	Properties map[string]json.RawMessage `json:"properties"`
}

// isFeature says whether a line is a feature by itself.
func isFeature(line []byte) bool {
	var f struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(line, &f) == nil && f.Type == "Feature"
}

// readGeoJSON reads a FeatureCollection.
func (r *Reader) readGeoJSON(yield func(Row, error) bool) {
	r.in.next()
	buffered := bufio.NewReader(r.in)
	if mark, _ := buffered.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		buffered.Discard(3)
	}
	decoder := json.NewDecoder(buffered)
	if err := toFeatures(decoder); err != nil {
		yield(Row{}, err)
		return
	}
	for number := 1; decoder.More(); number++ {
		r.in.next()
		where := fmt.Sprintf("feature %d", number)
		var f feature
		err := decoder.Decode(&f)
		var wrongType *json.UnmarshalTypeError
		row := Row{}
		switch {
		case errors.As(err, &wrongType): // the decoder stands behind it
			row = Row{Where: where, Problems: []Problem{{Field: wrongType.Field, Reason: "must not be " + wrongType.Value}}}
		case err != nil:
			yield(Row{}, fmt.Errorf("%s: %w", where, unexpected(err)))
			return
		default:
			row = r.featureRow(where, f)
		}
		if !yield(row, nil) {
			return
		}
	}
	if _, err := decoder.Token(); err != nil {
		yield(Row{}, fmt.Errorf("the end of the features: %w", unexpected(err)))
	}
}

// unexpected is err, in words where the file just ends.
func unexpected(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the file ends in the middle")
	}
	return err
}

// toFeatures goes to the first feature of the collection.
func toFeatures(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return unexpected(err)
	}
	if token != json.Delim('{') {
		return errors.New("GeoJSON is an object with `features`, or one feature a line")
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return unexpected(err)
		}
		if name != "features" {
			var passed json.RawMessage
			if err := decoder.Decode(&passed); err != nil {
				return unexpected(err)
			}
			if name == "type" && string(passed) != `"FeatureCollection"` {
				return fmt.Errorf("the file is a %s, and must be a FeatureCollection or have one feature a line", shortened(string(passed)))
			}
			continue
		}
		if token, err = decoder.Token(); err != nil {
			return unexpected(err)
		}
		if token != json.Delim('[') {
			return errors.New("`features` must be an array")
		}
		return nil
	}
	return errors.New("the file has no `features`")
}

// readLines reads one feature a line. A line that is none is one that cannot be read, and no more than that.
func (r *Reader) readLines(yield func(Row, error) bool) {
	r.in.next()
	lines := bufio.NewScanner(r.in)
	lines.Buffer(nil, maxRow)
	for number := 1; ; number++ {
		r.in.next()
		if !lines.Scan() {
			break
		}
		line := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimPrefix(lines.Bytes(), []byte("\ufeff")), []byte{0x1e}))
		if len(line) == 0 {
			continue
		}
		where := fmt.Sprintf("line %d", number)
		var f feature
		row := Row{Where: where}
		if err := json.Unmarshal(line, &f); err != nil {
			row.Problems = []Problem{{Reason: "cannot be read: " + unexpected(err).Error()}}
		} else {
			row = r.featureRow(where, f)
		}
		if !yield(row, nil) {
			return
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		yield(Row{}, errLongRow)
	} else if err != nil {
		yield(Row{}, err)
	}
}

// featureRow reads a feature. Its position is the geometry's; properties of that name are passed over.
func (r *Reader) featureRow(where string, f feature) Row {
	b := builder{canonical: r.canonical}
	if f.Type != "Feature" {
		b.refuse("type", "is %q, and must be Feature", shortened(f.Type))
	}
	b.point(f.Geometry)
	for name, value := range f.Properties {
		field, locale := known(name)
		if field == "" || field == "lat" || field == "lng" {
			r.ignore(name)
			continue
		}
		if text, ok := plain(field, value); ok {
			b.set(field, locale, text)
		} else {
			b.refuse(name, "must be text")
		}
	}
	return b.row(where, r.Locale)
}

// plain is a value as text; prices are JSON.
func plain(field string, value json.RawMessage) (text string, ok bool) {
	switch {
	case len(value) == 0 || value[0] == 'n':
		return "", true
	case value[0] == '"':
		err := json.Unmarshal(value, &text)
		return text, err == nil && utf8.ValidString(text)
	case field == "prices" && value[0] == '[':
		return string(value), true
	case value[0] == '[' || value[0] == '{':
		return "", false
	}
	return string(value), true
}

// point reads a geometry; there may be none.
func (b *builder) point(geometry json.RawMessage) {
	if len(geometry) == 0 || geometry[0] == 'n' {
		return
	}
	var g struct {
		Type        string          `json:"type"`
		Coordinates json.RawMessage `json:"coordinates"`
	}
	if err := json.Unmarshal(geometry, &g); err != nil {
		b.refuse("geometry", "must be a Point")
		return
	}
	if g.Type != "Point" {
		b.refuse("geometry", "is a %q, and places are Points", shortened(g.Type))
		return
	}
	var coordinates []json.Number
	if err := json.Unmarshal(g.Coordinates, &coordinates); err != nil || len(coordinates) < 2 {
		b.refuse("geometry", "must have coordinates: longitude and latitude")
		return
	}
	b.lng, b.lat = degrees(b, "lng", coordinates[0].String(), 180), degrees(b, "lat", coordinates[1].String(), 90)
}
