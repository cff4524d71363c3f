package mapfile_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/mapfile"
)

// read reads a whole file of the format that it is found to be; failed is why it could not be read to its end.
func read(t interface{ Fatal(...any) }, name, text string, o mapfile.Options) (rows []mapfile.Row, reader *mapfile.Reader, failed error) {
	in := bufio.NewReader(strings.NewReader(text))
	format, err := mapfile.Detect(name, in)
	if err != nil {
		return nil, nil, err
	}
	reader = mapfile.NewReader(in, format, o, func() (io.Reader, error) { return strings.NewReader(text), nil })
	for row, err := range reader.Rows() {
		if err != nil {
			return rows, reader, err
		}
		rows = append(rows, row)
	}
	return rows, reader, nil
}

// told is a row in one line: where, what is wrong, else what it says.
func told(r mapfile.Row) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s:", r.Where)
	if len(r.Problems) > 0 {
		for _, p := range r.Problems {
			fmt.Fprintf(&line, " [%s] %s", p.Field, p.Reason)
		}
		return line.String()
	}
	fmt.Fprintf(&line, " %v %v", r.Title, r.Address)
	if r.Position != nil {
		fmt.Fprintf(&line, " %g,%g", r.Position.Lat, r.Position.Lng)
	}
	if r.Hours != nil {
		fmt.Fprintf(&line, " %q", *r.Hours)
	}
	if r.Services != nil {
		fmt.Fprintf(&line, " %v", *r.Services)
	}
	return line.String()
}

func wants(t *testing.T, rows []mapfile.Row, want string) {
	t.Helper()
	var got []string
	for _, r := range rows {
		got = append(got, told(r))
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(want), "\n"), got); diff != "" {
		t.Error(diff)
	}
}

func TestCSV(t *testing.T) {
	rows, reader, err := read(t, "places.csv", "\ufeffref;Title;title:lt;address;lat;lng;opening_hours;services;pay_categories;phone\n"+
		"a;Kiosk;Kioskas;Gedimino pr. 9;54.6872;25.2797;mo-fr 9:00-18:00;cash_in:contact,bar_code;3 4;+370\n"+
		"b;\"Two\nlines\";;Here;91;25;Su[1] 10:00-12:00;pay;x;\n"+
		"c;Short;;There\n"+
		"d;Bad\"quote;;x;1;2;;;;\n"+
		"e;Not there;;x;NaN;-Inf;;;;\n"+
		"e;Two to the third;;x;0x1p3;1_0;;;;\n"+
		"f;Half;;x;1;;;;;\n"+
		"g;Last;;x;0;-180;;!pay:3;;\n", mapfile.Options{Locale: "ru"})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, rows, `
line 2: map[lt:Kioskas ru:Kiosk] map[ru:Gedimino pr. 9] 54.6872,25.2797 "Mo-Fr 09:00-18:00" map[cash_in:{true [contact bar_code] []} pay:{true [] [3 4]}]
line 3: [lat] is 91, and must be from -90 to 90 [opening_hours] "Su[1] 10:00-12:00": character 3: the n-th weekday of a month is not supported [pay_categories] "x" is not the number of a pay category
line 5: [] has 4 cells, and there are 10 columns
line 6: [] cannot be read: has a quotation mark that no other one closes: double one that is part of a text, and put the text into quotation marks
line 7: [lat] "NaN" is not a number of degrees, such as 54.6872 [lng] is -Inf, and must be from -180 to 180
line 8: [lat] "0x1p3" is not a number of degrees, such as 54.6872 [lng] "1_0" is not a number of degrees, such as 54.6872
line 9: [lng] must be given together with lat
line 10: map[ru:Last] map[ru:x] 0,-180 map[pay:{false [] [3]}]`)
	if got := reader.Ignored(); !cmp.Equal(got, []string{"phone"}) {
		t.Errorf("ignored are %q", got)
	}
}

// A quotation mark too many costs its own line and no other, wherever the next one stands, and however much is behind it.
func TestAStrayQuotationMarkSwallowsNothing(t *testing.T) {
	many := strings.Repeat("N;x;1;2\n", 200_000) // more than a row may have
	for name, test := range map[string]struct {
		rows string
		want string
		then int
	}{
		"at the end": {
			"A;x;1;2\n\"B;x;1;2\nC;x;1;2\nD;x;1;2",
			"line 2: map[en:A] map[en:x] 1,2\nline 3: [] cannot be read: " + openQuote + "\nline 4: map[en:C] map[en:x] 1,2\nline 5: map[en:D] map[en:x] 1,2", 0,
		},
		"before another one": {
			"\"A;x;1;2\nB;x;1;2\n\"C;x;1;2\nD;x;1;2\n",
			"line 2: [] cannot be read: extraneous or missing \" in quoted-field\nline 3: map[en:B] map[en:x] 1,2\nline 4: [] cannot be read: " + openQuote +
				"\nline 5: map[en:D] map[en:x] 1,2", 0,
		},
		"an inch": {
			"Pipe 2\";x;1;2\nB;x;1;2\r\n\r\n\"C\nc\";x;91;2\nD;x;1;2\n",
			"line 2: [] cannot be read: bare \" in non-quoted-field\nline 3: map[en:B] map[en:x] 1,2\nline 5: [lat] is 91, and must be from -90 to 90\nline 7: map[en:D] map[en:x] 1,2", 0,
		},
		"before very much": {"\"A;x;1;2\n" + many, "line 2: [] cannot be read: " + openQuote, 200_000},
		"a line without end": {
			"A;x;1;2\n" + strings.Repeat("b", 3<<20) + "\nC;x;1;2\n",
			"line 2: map[en:A] map[en:x] 1,2\nline 3: [] cannot be read: a row is longer than 1048576 bytes\nline 4: map[en:C] map[en:x] 1,2", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			rows, _, err := read(t, "places.csv", "title;address;lat;lng\n"+test.rows, mapfile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if test.then > 0 {
				if len(rows) != test.then+1 || told(rows[test.then]) != fmt.Sprintf("line %d: map[en:N] map[en:x] 1,2", test.then+2) {
					t.Fatalf("%d rows, the last one %s", len(rows), told(rows[len(rows)-1]))
				}
				rows = rows[:1]
			}
			wants(t, rows, test.want)
		})
	}
}

const openQuote = "has a quotation mark that no other one closes: double one that is part of a text, and put the text into quotation marks"

func TestGeoJSON(t *testing.T) {
	const text = `{"type":"FeatureCollection","name":"x","crs":{"a":[1]},"features":[
{"type":"Feature","geometry":{"type":"Point","coordinates":[25.2797,54.6872,100]},"properties":{"name":"Kiosk","name:lt":"Kioskas","addr:street":"Gedimino pr.","addr:housenumber":"9","addr:city":"Vilnius","opening_hours":"24/7","amenity":"bank","radius":30,"public":true}},
{"type":"Feature","geometry":{"type":"Polygon","coordinates":[]},"properties":{"name":"Park"}},
{"type":"Feature","geometry":{"type":"Point","coordinates":[1e400,95]},"properties":{"name":{"en":"x"}}},
{"type":"Feature","geometry":{"type":"Point","coordinates":["1","2"]},"properties":null},
{"type":"Feature","geometry":null,"properties":{"title":"Nowhere"}},
{"type":"Feature","properties":[1]}]}`
	rows, reader, err := read(t, "x.json", text, mapfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, rows, `
feature 1: map[en:Kiosk lt:Kioskas] map[en:Gedimino pr. 9, Vilnius] 54.6872,25.2797 "24/7"
feature 2: [geometry] is a "Polygon", and places are Points
feature 3: [lat] is 95, and must be from -90 to 90 [lng] is 1e400, and must be from -180 to 180 [name] must be text
feature 4: map[] map[] 2,1
feature 5: map[en:Nowhere] map[]
feature 6: [properties] must not be array`)
	if got := reader.Ignored(); !cmp.Equal(got, []string{"amenity"}) {
		t.Errorf("ignored are %q", got)
	}
	for broken, want := range map[string]string{
		text[:len(text)-2]:                  "the end of the features: the file ends in the middle",
		text[:620]:                          "the file ends in the middle",
		`{"type":"Topology","features":[]}`: `the file is a "Topology"`,
		`{"type":"FeatureCollection"}`:      "the file has no `features`",
		`[1]`:                               "the file is a JSON array",
		``:                                  "the file is empty",
		"\x1f\x8b123":                       "compressed",
		`{"features":[{"x":"` + strings.Repeat("a", 2<<20): "a row is longer than 1048576 bytes",
	} {
		if _, _, err := read(t, "x.json", broken, mapfile.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q…: %v, want %q", broken, err, want)
		}
	}
}

func TestFeaturesByLine(t *testing.T) {
	rows, _, err := read(t, "x.json", `{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"title":"A"}}
{"type":"Feature",

`+"\x1e"+`{"type":"Feature","geometry":{"type":"Point","coordinates":[3,4]},"properties":{"title":"B"}}
{"type":"Point"}
`, mapfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, rows, `
line 1: map[en:A] map[] 2,1
line 2: [] cannot be read: unexpected end of JSON input
line 4: map[en:B] map[] 4,3
line 5: [type] is "Point", and must be Feature`)
}

const extract = `<?xml version="1.0"?><osm version="0.6"><bounds minlat="1"/>
<node id="1" lat="10" lon="179.99"/><node id="2" lat="12" lon="-179.97"/>
<node id="3" lat="54.6872" lon="25.2797"><tag k="name" v="Bankas &amp; Co"/><tag k="amenity" v="bank"/><tag k="opening_hours" v="Mo-Fr 09:00-18:00; PH off"/><tag k="addr:street" v="Gedimino pr."/><tag k="addr:housenumber" v="9"/><tag k="addr:city" v="Vilnius"/><tag k="name:lt" v="Bankas"/><tag k="name:etymology" v="x"/><tag k="phone" v="1"/></node>
<node id="4" lat="1" lon="2"><tag k="amenity" v="bench"/></node>
<node id="5" lat="1" lon="2"><tag k="name" v="Street corner"/><tag k="highway" v="crossing"/></node>
<node id="6" lat="1" lon="x"><tag k="name" v="Shop"/><tag k="shop" v="yes"/><tag k="opening_hours" v="sunrise-sunset"/></node>
<way id="7"><nd ref="1"/><nd ref="2"/><tag k="name" v="Mall"/><tag k="shop" v="mall"/></way>
<way id="8"><nd ref="99"/><tag k="name" v="Cut"/><tag k="shop" v="mall"/></way>
<relation id="9"><member type="way" ref="7"/><tag k="name" v="Zoo"/><tag k="tourism" v="zoo"/></relation>
<relation id="10"><center lat="5" lon="6"/><tag k="name" v="Park"/><tag k="leisure" v="park"/></relation>
</osm>`

func TestOpenStreetMap(t *testing.T) {
	rows, reader, err := read(t, "x.osm", extract, mapfile.Options{Locale: "lt"})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, rows, `
node 3: map[lt:Bankas] map[lt:Gedimino pr. 9, Vilnius] 54.6872,25.2797 "Mo-Fr 09:00-18:00; PH off"
node 6: [lng] "x" is not a number of degrees, such as 54.6872 [opening_hours] "sunrise-sunset": character 1: hours of the sun are not supported
way 7: map[lt:Mall] map[] 11,-179.99
way 8: [lat] the points of this way are not in the file before it
relation 9: [lat] a relation has a position only where the extract was made with centres (`+"`out center`"+`)
relation 10: map[lt:Park] map[] 5,6`)
	if reader.PassedOver() != 4 {
		t.Errorf("%d were passed over", reader.PassedOver())
	}
	cut, _, err := read(t, "x.osm", extract[:strings.Index(extract, "<relation id")+12], mapfile.Options{Locale: "lt"})
	if err == nil || len(cut) != 4 || told(cut[2]) != told(rows[2]) {
		t.Errorf("of a file that breaks off after four places, %d: %v", len(cut), err)
	}
	rows, _, err = read(t, "x.osm", extract, mapfile.Options{Tags: []string{"amenity=bank", "tourism"}})
	if err != nil || len(rows) != 2 {
		t.Errorf("%d banks and sights, %v", len(rows), err)
	}
	if _, _, err := read(t, "x.osm.pbf", "\x00\x00\x00\x0d\x0a\x09OSMHeader", mapfile.Options{}); err == nil || !strings.Contains(err.Error(), "osmium cat") {
		t.Errorf("a packed extract: %v", err)
	}
	if _, _, err := read(t, "x.gpx", "<gpx></gpx>", mapfile.Options{}); err == nil {
		t.Error("GPX is taken for OpenStreetMap's XML")
	}
}

// What is written is read back as it was, in every format that is written.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.StringMatching(`[a-zž"';,:{}<&] ?[A-Z0-9ė*\n,"]{0,8}[a-z]`)
		texts := rapid.MapOfN(rapid.SampledFrom([]string{"en", "lt", "pt_BR"}), words, 1, 3)
		micro := func(most int) *rapid.Generator[float64] {
			return rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-most*1e6, most*1e6).Draw(t, "micro")) / 1e6 })
		}
		record := rapid.Custom(func(t *rapid.T) mapfile.Record {
			r := mapfile.Record{Title: texts.Draw(t, "title"), ID: rapid.Int64Range(0, 1<<31).Draw(t, "id")}
			if rapid.Bool().Draw(t, "much") {
				radius, public := rapid.IntRange(0, 1000).Draw(t, "radius"), rapid.Bool().Draw(t, "public")
				hours, from := "Mo-Fr 09:00-18:00; PH off", time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
				status, pin, zone := "inactive", "https://a.example/x?y=1,2", "Europe/Vilnius"
				r.Description, r.Address, r.Ref = texts.Draw(t, "description"), texts.Draw(t, "address"), words.Draw(t, "ref")
				r.Position = &mapfile.Position{Lat: micro(90).Draw(t, "lat"), Lng: micro(180).Draw(t, "lng")}
				r.Radius, r.Public, r.Hours, r.Status, r.PinOpen, r.PinClosed, r.Timezone = &radius, &public, &hours, &status, &pin, &pin, &zone
				r.Holidays = &[]string{"2026-05-01", "2026-12-25"}
				r.Services = &map[string]mapfile.Service{
					"pay": {Available: true, Categories: []int64{3, 4}}, "cash_in": {Types: []string{"contact", "document"}}, "identification": {Available: true}}
				r.Prices = &[]mapfile.Price{{Title: texts.Draw(t, "price"), Amount: "2.50", Currency: "EUR", ValidFrom: &from}, {Title: texts.Draw(t, "offer")}}
			}
			return r
		})
		records := rapid.SliceOfN(record, 0, 4).Draw(t, "records")
		for _, format := range []mapfile.Format{mapfile.GeoJSON, mapfile.Lines, mapfile.CSV} {
			var file bytes.Buffer
			w, err := mapfile.NewWriter(&file, format, []string{"en", "lt", "pt_BR"})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				if err := w.Write(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if len(records) == 0 && format == mapfile.Lines {
				continue // an empty file is refused
			}
			rows, _, err := read(t, "x."+string(format), file.String(), mapfile.Options{})
			if err != nil {
				t.Fatalf("%s: %v in\n%s", format, err, &file)
			}
			var back []mapfile.Record
			for _, r := range rows {
				if len(r.Problems) > 0 {
					t.Fatalf("%s: %s in\n%s", format, told(r), &file)
				}
				back = append(back, r.Record)
			}
			if diff := cmp.Diff(records, back); diff != "" && len(records)+len(back) > 0 {
				t.Fatalf("%s: %s in\n%s", format, diff, &file)
			}
		}
	})
}

// Whatever a file holds, reading it ends, and a row is either good or says why not.
func FuzzReaders(f *testing.F) {
	f.Add("a.csv", "title,lat,lng\nA,1,2\n\"B\n")
	f.Add("a.json", `{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"title":"x","prices":[{"title":{}}]}}]}`)
	f.Add("a.json", "{\"type\":\"Feature\"}\n{}")
	f.Add("a.osm", extract)
	f.Fuzz(func(t *testing.T, name, text string) {
		rows, _, _ := read(t, name, text, mapfile.Options{})
		for _, r := range rows {
			if r.Where == "" {
				t.Errorf("a row is nowhere: %+v", r)
			}
			if p := r.Position; p != nil && !(p.Lat >= -90 && p.Lat <= 90 && p.Lng >= -180 && p.Lng <= 180) {
				t.Errorf("%s is at %v", r.Where, *p)
			}
			for _, p := range r.Problems {
				if p.Reason == "" {
					t.Errorf("%s: %s is refused for no reason", r.Where, p.Field)
				}
			}
		}
	})
}

// A file whose lines end as on old Macs is one line of names to everybody else: that is said, rather than that there was nothing in it.
func TestLinesThatEndWithCRAlone(t *testing.T) {
	if rows, _, err := read(t, "places.csv", "title,lat,lng\rShop,54.7,25.3\r", mapfile.Options{}); err == nil || !strings.Contains(err.Error(), "CR alone") {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
