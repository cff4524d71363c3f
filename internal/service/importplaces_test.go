package service_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/mapfile"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// rowsOf reads a file.
func rowsOf(text string, format mapfile.Format) iter.Seq2[mapfile.Row, error] {
	return mapfile.NewReader(strings.NewReader(text), format, mapfile.Options{}, nil).Rows()
}

// counts are what an import did, in a line.
func counts(r service.ImportReport) string {
	return fmt.Sprintf("%d created, %d changed, %d unchanged, %d refused", r.Created, r.Changed, r.Unchanged, r.Refused)
}

// refusedRows are the refused rows and why, a line each.
func refusedRows(r service.ImportReport) (lines []string) {
	for _, row := range r.Refusals {
		for _, p := range row.Problems {
			lines = append(lines, fmt.Sprintf("%s %s: %s", row.Where, p.Field, p.Reason))
		}
	}
	return lines
}

const townMap = `title,title:lt,ref,address,lat,lng,opening_hours,services,public
STÁLL,,,,54.6873,25.2798,,,
Kiosk,Kioskas,k1,Gedimino pr. 9,54.69,25.28,Mo-Fr 09:00-18:00,pay:1;cash_in:contact,yes
Kiosk,,k2,,54.69,25.28,,,
kiosk,,,,54.69001,25.28,,,
Kiosk,,,,54.70,25.28,,,
Far,,,,0,,,,
,,,,1,1,,,
Bad,,,,1,1,,sleep;pay:9,
Nowhere,,,,,,,,
`

// A town's map is looked at first, then imported: a stall that is there already is recognised though it is spelled
// otherwise, a row that is another's twin is refused, and everything else is new. The same map again changes nothing.
func TestATownsMapIsImported(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		if err := o.CreatePayCategory(o.ctx, o.operator, wallet.PayCategory{ID: 1, Title: wallet.Text{"en": "Food"}}); err != nil {
			t.Fatal(err)
		}
		id := o.must(o.CreateLocation(o.ctx, o.operator, stall()))
		o.clock.Advance(time.Hour)
		options := service.ImportOptions{Project: 1, File: "town.csv", Distance: 50, List: 100}
		plan, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(townMap, mapfile.CSV))
		const want = "3 created, 1 changed, 0 unchanged, 5 refused"
		if err != nil || counts(plan) != want || plan.FirstID != 0 {
			t.Fatalf("the plan is %s, %v", counts(plan), err)
		}
		wantRefused := []string{
			"line 5 title: is the same place as line 3, by its name and at 1 m",
			"line 7 lng: must be given together with lat",
			"line 8 title: must be given",
			"line 9 services.pay.categories[0]: there is no pay category 9",
			`line 9 services.sleep: "sleep" is not a service: there are cash_in, cash_out, pay and identification`,
			"line 10 lat: must be given, with lng: a place is recognised by its name and where it is",
		}
		if diff := cmp.Diff(wantRefused, refusedRows(plan)); diff != "" {
			t.Error(diff)
		}
		if c := plan.Changes[0]; c.Where != "line 2" || c.Before.ID != id || c.After.Title["en"] != "STÁLL" || c.After.Title["lt"] != "Prekystalis" || *c.After.Position != wallet.At(54.6873, 25.2798) {
			t.Errorf("the change is %+v", c)
		}
		if all, _, err := o.ListAllLocations(o.ctx, o.operator, wallet.LocationFilter{}); err != nil || len(all) != 1 || all[0].Title["en"] != "Stall" {
			t.Fatalf("the plan left %v, %v", all, err)
		}

		options.Apply = true
		done, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(townMap, mapfile.CSV))
		if err != nil || counts(done) != want || done.FirstID != id+1 || done.LastID != id+3 {
			t.Fatalf("it did %s, numbers %d to %d, %v", counts(done), done.FirstID, done.LastID, err)
		}
		kiosk, err := o.InspectLocation(o.ctx, o.operator, id+1)
		wantKiosk := wallet.Location{
			ID: id + 1, ProjectID: 1, Title: wallet.Text{"en": "Kiosk", "lt": "Kioskas"}, Address: wallet.Text{"en": "Gedimino pr. 9"},
			Status: wallet.Active, Public: true, UpdatedAt: o.clock.Now(), Position: &wallet.Position{Lat: 54_690_000, Lng: 25_280_000}, Timezone: "Europe/Vilnius",
			Services: map[wallet.Service]wallet.Offer{wallet.Pay: {Available: true, Categories: []int64{1}}, wallet.CashIn: {Available: true, Types: []string{"contact"}}},
		}
		if diff := cmp.Diff(wantKiosk, kiosk, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(wallet.Location{}, "Hours", "UpdatedAt")); diff != "" || err != nil || kiosk.Hours.Text() != "Mo-Fr 09:00-18:00" {
			t.Errorf("the kiosk is %+v, %v", diff, err)
		}
		if bare, err := o.InspectLocation(o.ctx, o.operator, id+2); err != nil || bare.Public || bare.Address["en"] != "54.69, 25.28" {
			t.Errorf("the other kiosk is %+v, %v", bare, err)
		}
		again, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(townMap, mapfile.CSV))
		if err != nil || counts(again) != "0 created, 0 changed, 4 unchanged, 5 refused" {
			t.Errorf("the same again did %s, %v", counts(again), err)
		}
		wantTrail := []string{
			`import  {"File":"town.csv","Refused":5,"Unchanged":4}`,
			fmt.Sprintf(`import  {"Changed":1,"Created":3,"File":"town.csv","FirstID":%d,"LastID":%d,"Refused":5}`, id+1, id+3),
			`begin import  {"File":"town.csv"}`,
		}
		if diff := cmp.Diff(wantTrail, o.entries("project", 1)); diff != "" {
			t.Error(diff)
		}
	})
}

// What is exported and imported again is what is there, field by field, even where several places cannot be told apart.
func TestAnExportIsNoNews(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		bare := wallet.Location{ProjectID: 1, Title: wallet.Text{"lt": "Be nieko"}, Address: wallet.Text{"lt": "Niekur"}, Status: wallet.Inactive}
		alwaysOpen, night := stall(), stall()
		var err error
		if alwaysOpen.Hours, err = hours.Parse("24/7"); err != nil {
			t.Fatal(err)
		}
		if night.Hours, err = hours.Restore("Fr 22:00-02:00; Sa 10:00-24:00; PH off"); err != nil {
			t.Fatal(err)
		}
		if night.Hours, err = hours.New(night.Hours.Rules(), []hours.Date{{Year: 2026, Month: 12, Day: 25}}); err != nil {
			t.Fatal(err)
		}
		night.Timezone, night.TimezoneGiven = "Europe/Paris", true
		night.Services = map[wallet.Service]wallet.Offer{wallet.Pay: {}, wallet.CashOut: {Types: []string{"document"}}}
		offer := stall()
		offer.Prices = []wallet.Price{{Title: wallet.Text{"en": "Two for one"}, ValidFrom: o.clock.Now().Add(time.Hour)}}
		elsewhere := stall()
		elsewhere.ProjectID = 2
		for _, l := range []wallet.Location{stall(), bare, alwaysOpen, night, stall(), offer, elsewhere} {
			o.must(o.CreateLocation(o.ctx, o.operator, l))
		}
		for _, format := range []mapfile.Format{mapfile.CSV, mapfile.GeoJSON} {
			var file bytes.Buffer
			w, err := mapfile.NewWriter(&file, format, []string{"en", "lt"})
			if err != nil {
				t.Fatal(err)
			}
			for after := int64(0); ; {
				page, err := o.ExportPlaces(o.ctx, o.operator, 1, after, 2)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				for _, r := range page {
					if err := w.Write(r); err != nil {
						t.Fatal(err)
					}
					after = r.ID
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			options := service.ImportOptions{Project: 1, Apply: true, Distance: 50, List: 100}
			report, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(file.String(), format))
			if err != nil || counts(report) != "0 created, 0 changed, 6 unchanged, 0 refused" {
				t.Errorf("%s: %s, %v, %v, %+v", format, counts(report), err, refusedRows(report), report.Changes)
			}
			options.Project = 2
			other, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(file.String(), format))
			if err != nil || other.Refused != 6 || !strings.Contains(refusedRows(other)[0], "there is no place 1 in project 2") {
				t.Errorf("%s into another project: %s, %v", format, counts(other), err)
			}
		}
	})
}

// Of many shops with one name, each row finds the nearest: as a search through all of them would.
func TestTheNearestNamesakeIsFound(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		random := rand.New(rand.NewPCG(1, 2))
		var file strings.Builder
		file.WriteString("title,lat,lng\n")
		at := func() (lat, lng float64) { return 54 + random.Float64()/1000, 179.9995 + random.Float64()/1000 }
		wrap := func(lng float64) float64 {
			if lng > 180 {
				return lng - 360
			}
			return lng
		}
		for range 100 {
			lat, lng := at()
			fmt.Fprintf(&file, "Maxima,%f,%f\n", lat, wrap(lng))
		}
		options := service.ImportOptions{Project: 1, Apply: true, Distance: 3, List: 1000}
		first, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(file.String(), mapfile.CSV))
		if err != nil || first.Created < 60 || first.Created == 100 {
			t.Fatalf("%s, %v", counts(first), err)
		}
		for i, a := range first.New { // no two new ones are within 3 m of each other
			for _, b := range first.New[:i] {
				if d := a.Place.Position.Distance(*b.Place.Position); d <= 3 {
					t.Errorf("%s and %s are %g m apart", a.Where, b.Where, d)
				}
			}
		}
		again, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(file.String(), mapfile.CSV))
		if err != nil || again.Unchanged != first.Created || again.Refused != first.Refused {
			t.Errorf("the same again: %s, %v", counts(again), err)
		}
	})
}

// Two who import the same file at once do not double the map: one of them is told to begin again, and then finds all there.
func TestTwoImportsAtOnceDoubleNothing(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		var file strings.Builder
		file.WriteString("title,lat,lng\n")
		const all = 5000
		for n := range all {
			fmt.Fprintf(&file, "Shop %d,%f,25\n", n, 54+float64(n)/10_000)
		}
		for _, options := range []service.ImportOptions{
			{Project: 1, Apply: true, Distance: 5, List: 5}, {Project: 2, Apply: true, Distance: 5, List: 5, AllOrNothing: true},
		} {
			created, told := [2]int{}, [2]error{}
			var both sync.WaitGroup
			for n := range 2 {
				both.Go(func() {
					report, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(file.String(), mapfile.CSV))
					created[n], told[n] = report.Created, err
					if options.AllOrNothing && !report.Applied {
						created[n] = 0
					}
				})
			}
			both.Wait()
			var known *wallet.Error
			if told[0] == nil && told[1] == nil && created[0]+created[1] != all {
				t.Errorf("both went well, with %d places", created)
			}
			for _, err := range told {
				if err != nil && (!errors.As(err, &known) || known.Code != wallet.InvalidState) {
					t.Errorf("one ended with %v", err)
				}
			}
			again, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(file.String(), mapfile.CSV))
			if sum := created[0] + created[1] + again.Created; err != nil || sum != all || again.Created+again.Unchanged != all {
				t.Errorf("together they made %d places, the last time %s, %v", sum, counts(again), err)
			}
		}
	})
}

// A file that breaks off leaves what came before, and the trail says how much that is. What is no import is refused.
func TestAnImportBreaksOff(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		broken := errors.New("the line was cut")
		rows := rowsUntil(1500, nil, broken)
		options := service.ImportOptions{Project: 1, Apply: true, Distance: 50, List: 5}
		report, err := o.ImportPlaces(o.ctx, o.operator, options, rows)
		if !errors.Is(err, broken) || report.Created != 1500 || len(report.New) != 5 {
			t.Errorf("%s, %d listed, %v", counts(report), len(report.New), err)
		}
		if trail := o.entries("project", 1); len(trail) != 2 || !strings.Contains(trail[0], `"Created":1500`) {
			t.Errorf("the trail is %v", trail)
		}
		for field, wrong := range map[string]service.ImportOptions{"project": {Project: 99}, "match_distance": {Project: 1, Distance: -1}, "list": {Project: 1, List: 1e6}} {
			_, err := o.ImportPlaces(o.ctx, o.operator, wrong, rows)
			o.refused(err, field)
			o.refused(o.CheckImport(o.ctx, o.operator, wrong), field)
		}
		nobody := slices.Values([]wallet.Caller{{}, {Kind: wallet.ByPerson, Person: 1}})
		for c := range nobody {
			if _, err := o.ExportPlaces(o.ctx, c, 1, 0, 1); err == nil {
				t.Errorf("%+v exports places", c)
			}
		}
	})
}

// rowsUntil are so many stalls, whatever comes after them, and an error unless it is nil.
func rowsUntil(n int, more []mapfile.Row, end error) iter.Seq2[mapfile.Row, error] {
	return func(yield func(mapfile.Row, error) bool) {
		for i := range n {
			row := mapfile.Row{Where: fmt.Sprint("line ", i), Record: mapfile.Record{
				Title: map[string]string{"en": fmt.Sprint("Stall ", i)}, Position: &mapfile.Position{Lat: 1, Lng: 1}}}
			if !yield(row, nil) {
				return
			}
		}
		for _, row := range more {
			if !yield(row, nil) {
				return
			}
		}
		if end != nil {
			yield(mapfile.Row{}, end)
		}
	}
}

// badFile are rows of which one is refused for what place id has become, and two for what they say, one of them long after.
func badFile(id int64) iter.Seq2[mapfile.Row, error] {
	bad := []mapfile.Row{
		{Where: "line 1500", Record: mapfile.Record{ID: id, PinOpen: new("https://pins.example/open.png")}},
		{Where: "line 1501", Record: mapfile.Record{Title: map[string]string{"en": "Nowhere"}}},
	}
	return func(yield func(mapfile.Row, error) bool) {
		for row, err := range rowsUntil(1500, bad, nil) {
			if !yield(row, err) {
				return
			}
		}
		for row, err := range rowsUntil(2200, nil, nil) {
			row.Title["en"] += " again"
			if row.Where == "line 2000" {
				row.Position.Lat = 91
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// All of a file goes in, or nothing: not where a row is refused while others are written already, one for what its place has become,
// and not where the rows break off. All that is wrong is told, and a file that was mended goes in.
func TestAllOfAFileOrNothing(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		bare := stall()
		bare.PinOpen, bare.PinClosed = "", ""
		id := o.must(o.CreateLocation(o.ctx, o.operator, bare))
		options := service.ImportOptions{Project: 1, File: "big.csv", Apply: true, AllOrNothing: true, Distance: 50, List: 5000}
		nothing := func(what string) {
			t.Helper()
			if _, total, err := o.ListAllLocations(o.ctx, o.operator, wallet.LocationFilter{}); err != nil || total != 1 {
				t.Fatalf("%s left %d places, %v", what, total, err)
			}
			if trail := o.entries("project", 1); trail != nil {
				t.Fatalf("%s left %v in the trail", what, trail)
			}
		}
		report, err := o.ImportPlaces(o.ctx, o.operator, options, badFile(id))
		if err != nil || report.Applied || counts(report) != "3699 created, 0 changed, 0 unchanged, 3 refused" || report.FirstID != 0 || report.New[0].Place.ID != 0 {
			t.Fatalf("%s, applied: %v, numbers from %d, %v", counts(report), report.Applied, report.FirstID, err)
		}
		want := []string{
			"line 1501 lat: must be given, with lng: a place is recognised by its name and where it is",
			"line 1500 images: give both pins or none",
			"line 2000 lat: must be from -90 to 90, and lng from -180 to 180",
		}
		if diff := cmp.Diff(want, refusedRows(report)); diff != "" {
			t.Error(diff)
		}
		nothing("a refused row")
		if report, err := o.ImportPlaces(o.ctx, o.operator, options, rowsUntil(1500, nil, service.ErrCutOff)); err != nil || report.Applied || report.Created != 1500 {
			t.Errorf("what was cut off: %s, applied: %v, %v", counts(report), report.Applied, err)
		}
		nothing("a file that was cut off")
		broken := errors.New("the line was cut")
		if _, err := o.ImportPlaces(o.ctx, o.operator, options, rowsUntil(1500, nil, broken)); !errors.Is(err, broken) {
			t.Error(err)
		}
		nothing("a line that was cut")

		report, err = o.ImportPlaces(o.ctx, o.operator, options, rowsUntil(1500, nil, nil))
		if err != nil || !report.Applied || counts(report) != "1500 created, 0 changed, 0 unchanged, 0 refused" || report.FirstID != id+1 || report.LastID != id+1500 {
			t.Fatalf("%s, applied: %v, %v", counts(report), report.Applied, err)
		}
		if _, total, err := o.ListAllLocations(o.ctx, o.operator, wallet.LocationFilter{}); err != nil || total != 1501 {
			t.Errorf("there are %d places, %v", total, err)
		}
		again, err := o.ImportPlaces(o.ctx, o.operator, options, rowsUntil(1500, nil, nil))
		if err != nil || !again.Applied || counts(again) != "0 created, 0 changed, 1500 unchanged, 0 refused" {
			t.Errorf("the same again: %s, %v", counts(again), err)
		}
		wantTrail := []string{
			`import  {"File":"big.csv","Unchanged":1500}`,
			fmt.Sprintf(`import  {"Created":1500,"File":"big.csv","FirstID":%d,"LastID":%d}`, id+1, id+1500),
		}
		if diff := cmp.Diff(wantTrail, o.entries("project", 1)); diff != "" {
			t.Error(diff)
		}
	})
}

// A file from elsewhere numbers its rows as it likes. A number that is a place's here changes nothing of that place, unless the row has
// its name or stands where it is.
func TestNumbersOfAStrangerAreNotOurs(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		options := service.ImportOptions{Project: 1, Apply: true, Distance: 50, List: 100}
		const lat = "54.6873,25.2798"
		for n, tc := range []struct{ row, want string }{
			{"Pharmacy,55.7,21.1", "0 created, 0 changed, 0 unchanged, 1 refused"},
			{"Stall %[1]d,54.70,25.28", "0 created, 1 changed, 0 unchanged, 0 refused"}, // it moved
			{"Bakery," + lat, "0 created, 1 changed, 0 unchanged, 0 refused"},           // or was renamed
			{"Pharmacy,,", "0 created, 1 changed, 0 unchanged, 0 refused"},              // somebody wrote this for purser
		} {
			at := wallet.At(54.6873, 25.2798)
			id := o.must(o.CreateLocation(o.ctx, o.operator, wallet.Location{ProjectID: 1, Title: wallet.Text{"en": fmt.Sprint("Stall ", n)}, Address: wallet.Text{"en": "Vilnius"},
				Position: &at, Status: wallet.Active}))
			file := fmt.Sprintf("id,title,lat,lng\n%d,%s\n", id, strings.ReplaceAll(tc.row, "%[1]d", fmt.Sprint(n)))
			report, err := o.ImportPlaces(o.ctx, o.operator, options, rowsOf(file, mapfile.CSV))
			if err != nil || counts(report) != tc.want {
				t.Errorf("%s: %s, %v, %v, want %s", tc.row, counts(report), err, refusedRows(report), tc.want)
			}
			if report.Refused > 0 && !strings.Contains(refusedRows(report)[0], fmt.Sprintf("id: place %d has another name and is elsewhere", id)) {
				t.Errorf("%s: %q", tc.row, refusedRows(report))
			}
		}
	})
}
