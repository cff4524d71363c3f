package mapfile

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Writer writes places as a file that a Reader reads back as the same records. Close it to end the file.
type Writer struct {
	out     *bufio.Writer
	csv     *csv.Writer
	format  Format
	locales []string
	wrote   int
}

// NewWriter begins a file. A CSV file has columns for texts in those languages and no others.
func NewWriter(out io.Writer, format Format, locales []string) (*Writer, error) {
	w := &Writer{out: bufio.NewWriterSize(out, 64<<10), format: format, locales: locales}
	switch format {
	case GeoJSON:
		_, err := w.out.WriteString("{\"type\":\"FeatureCollection\",\"features\":[")
		return w, err
	case Lines:
		return w, nil
	case CSV:
		w.csv = csv.NewWriter(w.out)
		return w, w.csv.Write(w.columnNames())
	}
	return nil, fmt.Errorf("places are written as %s, %s or %s, not as %q", GeoJSON, Lines, CSV, format)
}

// plainFields are the properties of a file that are no texts by language, in the order of the columns.
var plainFields = []string{
	"lat", "lng", "radius", "opening_hours", "holidays", "timezone", "services", "prices", "pin_open", "pin_closed", "public", "status",
}

var textFields = []string{"title", "description", "address"}

func (w *Writer) columnNames() []string {
	names := []string{"id", "ref"}
	for _, field := range textFields {
		for _, locale := range w.locales {
			names = append(names, field+":"+locale)
		}
	}
	return append(names, plainFields...)
}

// Write adds a place.
func (w *Writer) Write(r Record) error {
	texts := r.texts()
	if w.csv != nil {
		names := w.columnNames()
		cells := make([]string, len(names))
		for i, name := range names {
			cells[i] = texts[name]
			delete(texts, name)
		}
		for name := range texts {
			return fmt.Errorf("there is no column for %s: the places were changed meanwhile", name)
		}
		w.wrote++
		return w.csv.Write(cells)
	}
	feature, err := r.feature(texts)
	if err != nil {
		return err
	}
	between := "\n"
	if w.format == GeoJSON && w.wrote > 0 {
		between = ",\n"
	}
	if w.format == Lines {
		between = ""
		feature = append(feature, '\n')
	}
	w.wrote++
	_, err1 := w.out.WriteString(between)
	_, err2 := w.out.Write(feature)
	if err1 != nil {
		return err1
	}
	return err2
}

// Close ends the file.
func (w *Writer) Close() error {
	if w.csv != nil {
		w.csv.Flush()
		if err := w.csv.Error(); err != nil {
			return err
		}
	}
	if w.format == GeoJSON {
		if _, err := w.out.WriteString("\n]}\n"); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

// texts are the record's properties by name; what it does not give is not there.
func (r Record) texts() map[string]string {
	all := map[string]string{}
	put := func(name, text string) {
		if text != "" {
			all[name] = text
		}
	}
	for i, words := range []map[string]string{r.Title, r.Description, r.Address} {
		for locale, text := range words {
			put(textFields[i]+":"+locale, text)
		}
	}
	if r.ID != 0 {
		put("id", strconv.FormatInt(r.ID, 10))
	}
	put("ref", r.Ref)
	if r.Position != nil {
		put("lat", strconv.FormatFloat(r.Position.Lat, 'f', -1, 64))
		put("lng", strconv.FormatFloat(r.Position.Lng, 'f', -1, 64))
	}
	if r.Radius != nil {
		put("radius", strconv.Itoa(*r.Radius))
	}
	if r.Holidays != nil {
		put("holidays", strings.Join(*r.Holidays, " "))
	}
	if r.Services != nil {
		put("services", servicesText(*r.Services))
	}
	if r.Prices != nil && len(*r.Prices) > 0 {
		if text, err := json.Marshal(*r.Prices); err == nil { // texts and times always can be
			put("prices", string(text))
		}
	}
	if r.Public != nil {
		put("public", map[bool]string{true: "yes", false: "no"}[*r.Public])
	}
	for name, text := range map[string]*string{
		"opening_hours": r.Hours, "timezone": r.Timezone, "pin_open": r.PinOpen, "pin_closed": r.PinClosed, "status": r.Status,
	} {
		if text != nil {
			put(name, *text)
		}
	}
	return all
}

// servicesText is what setServices reads.
func servicesText(services map[string]Service) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(services)) {
		offer := services[name]
		details := slices.Clone(offer.Types)
		for _, category := range offer.Categories {
			details = append(details, strconv.FormatInt(category, 10))
		}
		part := name
		if !offer.Available {
			part = "!" + name
		}
		if len(details) > 0 {
			part += ":" + strings.Join(details, ",")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ";")
}

// feature is the record as a feature; texts are its properties.
func (r Record) feature(texts map[string]string) ([]byte, error) {
	type point struct {
		Type        string     `json:"type"`
		Coordinates [2]float64 `json:"coordinates"`
	}
	var f struct {
		Type       string         `json:"type"`
		Geometry   *point         `json:"geometry"`
		Properties map[string]any `json:"properties"`
	}
	f.Type, f.Properties = "Feature", map[string]any{}
	if r.Position != nil {
		f.Geometry = &point{"Point", [2]float64{r.Position.Lng, r.Position.Lat}}
	}
	for name, text := range texts {
		if name != "lat" && name != "lng" {
			f.Properties[name] = text
		}
	}
	if r.ID != 0 {
		f.Properties["id"] = r.ID
	}
	if r.Radius != nil {
		f.Properties["radius"] = *r.Radius
	}
	if r.Prices != nil && len(*r.Prices) > 0 {
		f.Properties["prices"] = *r.Prices
	}
	if r.Public != nil {
		f.Properties["public"] = *r.Public
	}
	return json.Marshal(f)
}
