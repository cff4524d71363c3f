package mapfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/purserhq/purser/internal/hours"
)

// builder makes a record of named texts.
type builder struct {
	Record
	problems []Problem
	// lat and lng are as given; parts are of a postal address, by their keys without "addr:".
	lat, lng *float64
	parts    map[string]string
	// categories are pay categories that stand apart from the services.
	categories []int64
	// canonical are opening hours that were read before, by how they were written.
	canonical map[string]string
}

func (b *builder) refuse(field, format string, args ...any) {
	b.problems = append(b.problems, Problem{field, fmt.Sprintf(format, args...)})
}

// localeForm is a language, such as lt, or one of a country, such as lt_LT.
var localeForm = regexp.MustCompile(`^[a-z]{2,3}([_-][A-Z]{2})?$`)

// aliases are other names of properties.
var aliases = map[string]string{
	"name": "title", "hours": "opening_hours", "latitude": "lat", "y": "lat", "longitude": "lng", "lon": "lng", "long": "lng", "x": "lng",
	"addr:full": "address", "time_zone": "timezone", "tz": "timezone",
}

// known is the name that a property goes by here and the language of it; empty where it means nothing.
func known(name string) (field, locale string) {
	name = strings.TrimSpace(name)
	if key, suffix, cut := strings.Cut(name, ":"); cut && localeForm.MatchString(suffix) {
		name, locale = key, suffix
	}
	field = strings.ReplaceAll(strings.ToLower(name), " ", "_")
	if other, there := aliases[field]; there {
		field = other
	}
	switch field {
	case "title", "description", "address":
		return field, locale
	}
	if locale != "" {
		return "", ""
	}
	if _, there := setters[field]; there || strings.HasPrefix(field, "addr:") && slices.Contains(addressParts, field[len("addr:"):]) {
		return field, ""
	}
	return "", ""
}

// addressParts are the parts of an address that OpenStreetMap knows, in the order that they are written in.
var addressParts = []string{"street", "place", "housenumber", "suburb", "postcode", "city", "country"}

// setters read the properties, by name, but for texts and addr:*.
var setters = map[string]func(*builder, string){
	"id":             func(b *builder, text string) { setNumber(b, "id", text, &b.ID) },
	"ref":            func(b *builder, text string) { b.Ref = text },
	"lat":            func(b *builder, text string) { b.lat = degrees(b, "lat", text, 90) },
	"lng":            func(b *builder, text string) { b.lng = degrees(b, "lng", text, 180) },
	"radius":         setRadius,
	"opening_hours":  setHours,
	"holidays":       setHolidays,
	"timezone":       func(b *builder, text string) { b.Timezone = &text },
	"services":       setServices,
	"pay_categories": func(b *builder, text string) { b.categories = numbers(b, "pay_categories", text) },
	"prices":         setPrices,
	"pin_open":       func(b *builder, text string) { b.PinOpen = &text },
	"pin_closed":     func(b *builder, text string) { b.PinClosed = &text },
	"public":         setPublic,
	"status":         func(b *builder, text string) { b.Status = &text },
}

// set reads one property; blank text is none. field and locale are by known.
func (b *builder) set(field, locale, text string) {
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	var texts *map[string]string
	switch field {
	case "title":
		texts = &b.Title
	case "description":
		texts = &b.Description
	case "address":
		texts = &b.Address
	default:
		if part, isPart := strings.CutPrefix(field, "addr:"); isPart {
			if b.parts == nil {
				b.parts = map[string]string{}
			}
			b.parts[part] = text
			return
		}
		setters[field](b, text)
		return
	}
	if *texts == nil {
		*texts = map[string]string{}
	}
	(*texts)[locale] = text
}

// row is what was built. Words that name no language are in the given one, unless there are others in it.
func (b *builder) row(where, locale string) Row {
	if b.Address == nil && len(b.parts) > 0 {
		if address := b.address(); address != "" {
			b.Address = map[string]string{"": address}
		}
	}
	for _, texts := range []map[string]string{b.Title, b.Description, b.Address} {
		words, plain := texts[""]
		if _, taken := texts[locale]; plain && !taken {
			texts[locale] = words
		}
		delete(texts, "")
	}
	switch {
	case b.lat != nil && b.lng != nil:
		b.Position = &Position{*b.lat, *b.lng}
	case b.lat != nil && !b.refused("lng"):
		b.refuse("lng", "must be given together with lat")
	case b.lng != nil && !b.refused("lat"):
		b.refuse("lat", "must be given together with lng")
	}
	if b.categories != nil {
		b.addCategories()
	}
	slices.SortStableFunc(b.problems, func(x, y Problem) int { return strings.Compare(x.Field, y.Field) })
	return Row{Where: where, Record: b.Record, Problems: b.problems}
}

func (b *builder) refused(field string) bool {
	return slices.ContainsFunc(b.problems, func(p Problem) bool { return p.Field == field })
}

// address is the parts as one line: "Gedimino pr. 9, 01103 Vilnius".
func (b *builder) address() string {
	join := func(keys ...string) string {
		var words []string
		for _, key := range keys {
			if text := b.parts[key]; text != "" {
				words = append(words, text)
			}
		}
		return strings.Join(words, " ")
	}
	street := "street"
	if b.parts[street] == "" {
		street = "place"
	}
	var lines []string
	for _, line := range []string{join(street, "housenumber"), join("suburb"), join("postcode", "city"), join("country")} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ", ")
}

// addCategories puts pay categories where they belong.
func (b *builder) addCategories() {
	services := map[string]Service{}
	if b.Services != nil {
		services = *b.Services
	}
	pay, there := services["pay"]
	if !there {
		pay.Available = true
	}
	pay.Categories = append(pay.Categories, b.categories...)
	services["pay"] = pay
	b.Services = &services
}

func setNumber(b *builder, field, text string, to *int64) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		b.refuse(field, "%q is not a number from 1", shortened(text))
		return
	}
	*to = n
}

// degrees reads a coordinate. What is not a finite number of that many degrees at most is refused.
func degrees(b *builder, field, text string, most float64) *float64 {
	value, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil && !math.IsInf(value, 0), math.IsNaN(value), strings.ContainsAny(text, "xX_"): // Go's own ways of writing numbers
		b.refuse(field, "%q is not a number of degrees, such as 54.6872", shortened(text))
	case math.Abs(value) > most:
		b.refuse(field, "is %s, and must be from -%g to %g", shortened(text), most, most)
	default:
		return &value
	}
	return nil
}

func setRadius(b *builder, text string) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		b.refuse("radius", "%q is not a number of metres", shortened(text))
		return
	}
	b.Radius = &n
}

// maxCanonical bounds how many opening hours are kept: the shops of a chain have the same.
const maxCanonical = 10_000

func setHours(b *builder, text string) {
	if known, there := b.canonical[text]; there {
		b.Hours = &known
		return
	}
	schedule, err := hours.Parse(text)
	var wrong *hours.SyntaxError
	switch {
	case errors.As(err, &wrong):
		b.refuse("opening_hours", "%q: character %d: %s", shortened(text), wrong.Column, wrong.Problem)
		return
	case err != nil:
		b.refuse("opening_hours", "%q: %s", shortened(text), err)
		return
	}
	known := schedule.Text()
	b.Hours = &known
	if len(b.canonical) == maxCanonical {
		clear(b.canonical)
	}
	b.canonical[text] = known
}

// splitList are the parts of a list that may be separated by what the marks say.
func splitList(text, marks string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(marks, r) })
}

func setHolidays(b *builder, text string) {
	days := splitList(text, ",; ")
	for i, day := range days {
		date, err := hours.ParseDate(day)
		if err != nil {
			b.refuse("holidays", "%q is not a date, such as 2026-12-25", shortened(day))
			return
		}
		days[i] = date.String()
	}
	slices.Sort(days)
	days = slices.Compact(days)
	b.Holidays = &days
}

// setServices reads "cash_in:contact,bar_code;pay:3,4;!cash_out": what has a mark in front is known, and not
// available.
func setServices(b *builder, text string) {
	services := map[string]Service{}
	for _, part := range splitList(text, "; \n") {
		name, details, _ := strings.Cut(part, ":")
		name, not := strings.CutPrefix(name, "!")
		offer := Service{Available: !not}
		if name == "pay" {
			offer.Categories = numbers(b, "services", details)
		} else {
			for kind := range strings.FieldsFuncSeq(details, func(r rune) bool { return r == ',' }) {
				offer.Types = append(offer.Types, kind)
			}
		}
		if _, twice := services[name]; twice {
			b.refuse("services", "%q stands there twice", shortened(name))
		}
		services[name] = offer
	}
	b.Services = &services
}

func numbers(b *builder, field, text string) (list []int64) {
	for _, part := range splitList(text, ",; ") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n <= 0 {
			b.refuse(field, "%q is not the number of a pay category", shortened(part))
			continue
		}
		list = append(list, n)
	}
	return list
}

func setPrices(b *builder, text string) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	prices := []Price{}
	if err := decoder.Decode(&prices); err != nil || decoder.More() {
		b.refuse("prices", `must be JSON such as [{"title":{"en":"Bread"},"amount":"2.50","currency":"EUR"}]`)
		return
	}
	b.Prices = &prices
}

func setPublic(b *builder, text string) {
	yes := false
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		yes = true
	case "false", "no", "0":
	default:
		b.refuse("public", "must be yes or no, not %q", shortened(text))
		return
	}
	b.Public = &yes
}

// shortened is a text of a file as it is quoted in a refusal.
func shortened(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
