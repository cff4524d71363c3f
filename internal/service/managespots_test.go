package service_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// table1 is a table of a place, as it is to be made.
func table1(place int64) wallet.Spot {
	return wallet.Spot{LocationID: place, Identifier: "TABLE1", Title: wallet.Text{"en": " Table 1 ", "lt": "1 staliukas"}, LogoURI: "https://a.example/t.png"}
}

// An operator keeps a table: its place counts as altered each time, so that whoever follows places learns of it, and nothing is
// taken away that was not agreed to.
func TestASpotIsKept(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		place := o.must(o.CreateLocation(o.ctx, o.operator, stall()))
		altered := func(when string) {
			t.Helper()
			l, err := o.InspectLocation(o.ctx, o.operator, place)
			if want := o.clock.Now(); err != nil || !l.UpdatedAt.Equal(want) {
				t.Errorf("%s the place was altered at %s, want %s: %v", when, l.UpdatedAt, want, err)
			}
			o.clock.Advance(time.Hour)
		}
		o.clock.Advance(time.Hour)
		id := o.must(o.CreateSpot(o.ctx, o.operator, table1(place)))
		altered("by the spot")
		want := wallet.Spot{ID: id, LocationID: place, Identifier: "TABLE1", Status: wallet.SpotOpen, Title: wallet.Text{"en": "Table 1", "lt": "1 staliukas"},
			LogoURI: "https://a.example/t.png"}
		d, err := o.InspectSpot(o.ctx, o.operator, id)
		if diff := cmp.Diff(want, d.Spot); diff != "" || err != nil || d.Place.ID != place || d.Remote || d.Visitors != nil || d.Orders != nil {
			t.Fatalf("it is %+v, %v (-want +got):\n%s", d, err, diff)
		}
		more := service.SpotChange{Title: wallet.Text{"en": "Window"}, Address: wallet.Text{"en": "Upstairs"}}
		changed, err := o.UpdateSpot(o.ctx, o.operator, id, more, false)
		want.Title, want.Address = wallet.Text{"en": "Window", "lt": "1 staliukas"}, wallet.Text{"en": "Upstairs"}
		if diff := cmp.Diff(want, changed.After); diff != "" || changed.Planned || changed.Losses != nil || err != nil {
			t.Fatalf("the change is %+v, %v (-want +got):\n%s", changed, err, diff)
		}
		altered("by a title")
		if _, err := o.UpdateSpot(o.ctx, o.operator, id, more, false); err != nil || len(o.entries("spot", id)) != 1 {
			t.Errorf("the same again: %v, %v", o.entries("spot", id), err)
		}
		less := service.SpotChange{Identifier: new("WINDOW"), Title: wallet.Text{"lt": ""}, Address: wallet.Text{"en": ""}, LogoURI: new("")}
		plan, err := o.UpdateSpot(o.ctx, o.operator, id, less, false)
		losses := []string{fmt.Sprintf("the code PAYSERA*%d:TABLE1 leads nowhere, wherever it is printed", place), `takes away the title in lt "1 staliukas"`,
			`takes away the address in en "Upstairs"`, `takes away the image "https://a.example/t.png"`}
		if diff := cmp.Diff(losses, plan.Losses); diff != "" || !plan.Planned || err != nil {
			t.Errorf("the plan is %v, %v (-want +got):\n%s", plan.Planned, err, diff)
		}
		if d, _ := o.InspectSpot(o.ctx, o.operator, id); d.Identifier != "TABLE1" {
			t.Errorf("a plan made it %s", d.Identifier)
		}
		if _, err := o.UpdateSpot(o.ctx, o.operator, id, less, true); err != nil {
			t.Error(err)
		}
		altered("by a name")

		if _, err := o.UpdateLocation(o.ctx, o.operator, place, service.LocationChange{RemoteSpot: &id}, false); err != nil {
			t.Error(err)
		}
		removed, err := o.RemoveSpot(o.ctx, o.operator, id, false)
		losses = []string{fmt.Sprintf("the code PAYSERA*%d:WINDOW leads nowhere, wherever it is printed", place), "nobody can order at the place before they come"}
		if diff := cmp.Diff(losses, removed.Losses); diff != "" || !removed.Planned || err != nil {
			t.Errorf("to take it away is %v, %v (-want +got):\n%s", removed.Planned, err, diff)
		}
		o.clock.Advance(time.Hour)
		if removed, err = o.RemoveSpot(o.ctx, o.operator, id, true); removed.Planned || removed.Identifier != "WINDOW" || err != nil {
			t.Errorf("it was taken away: %+v, %v", removed, err)
		}
		altered("by its end")
		if l, _ := o.InspectLocation(o.ctx, o.operator, place); l.RemoteSpot != 0 {
			t.Errorf("people order at spot %d, which is gone", l.RemoteSpot)
		}
		if trail := o.entries("spot", id); len(trail) != 3 {
			t.Errorf("the trail is %v", trail)
		}
		if trail := o.entries("location", place); len(trail) != 2 {
			t.Errorf("the place's trail is %v", trail)
		}
	})
}

// Refused is what is no spot, by the field; a place has a hundred at most.
func TestSpotsAreRefused(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		place := o.must(o.CreateLocation(o.ctx, o.operator, stall()))
		first := o.must(o.CreateSpot(o.ctx, o.operator, table1(place)))
		for name, tc := range map[string]struct {
			spot   wallet.Spot
			fields []string
		}{
			"no place":      {wallet.Spot{LocationID: 99, Identifier: "T"}, []string{"location_id"}},
			"no name":       {wallet.Spot{LocationID: place}, []string{"identifier"}},
			"a blank":       {wallet.Spot{LocationID: place, Identifier: "A B"}, []string{"identifier"}},
			"another's":     {wallet.Spot{LocationID: place, Identifier: "TABLE1"}, []string{"identifier"}},
			"no language":   {wallet.Spot{LocationID: place, Identifier: "T", Title: wallet.Text{"english": "T"}}, []string{"title"}},
			"no image":      {wallet.Spot{LocationID: place, Identifier: "T", LogoURI: "javascript:x"}, []string{"logo_uri"}},
			"several at it": {wallet.Spot{LocationID: 99, Identifier: "", Address: wallet.Text{"en": "\x00"}}, []string{"address", "identifier", "location_id"}},
		} {
			if _, err := o.CreateSpot(o.ctx, o.operator, tc.spot); err == nil {
				t.Errorf("%s is a spot", name)
			} else {
				o.refused(err, tc.fields...)
			}
		}
		for range 99 {
			n := fmt.Sprint("T", o.clock.Now().Unix())
			o.clock.Advance(time.Second)
			o.must(o.CreateSpot(o.ctx, o.operator, wallet.Spot{LocationID: place, Identifier: n}))
		}
		_, err := o.CreateSpot(o.ctx, o.operator, wallet.Spot{LocationID: place, Identifier: "ONE-MORE"})
		o.refused(err, "location_id")
		_, err = o.UpdateSpot(o.ctx, o.operator, first, service.SpotChange{Identifier: new(fmt.Sprint("T", wallettest.Epoch.Unix()))}, true)
		o.refused(err, "identifier")
		other := o.must(o.CreateLocation(o.ctx, o.operator, stall()))
		_, err = o.UpdateLocation(o.ctx, o.operator, other, service.LocationChange{RemoteSpot: &first}, true)
		o.refused(err, "remote_orders.spot_id")
		o.must(o.CreateSpot(o.ctx, o.operator, table1(other))) // a name is once in its place
	})
}

// The operator sees the spots of all, page by page; nobody else does by this, and a number that nobody has is told to the operator.
func TestTheOperatorLooksAtSpots(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		var ids []int64
		for project := int64(1); project <= 2; project++ {
			l := stall()
			l.ProjectID = project
			place := o.must(o.CreateLocation(o.ctx, o.operator, l))
			ids = append(ids, o.must(o.CreateSpot(o.ctx, o.operator, table1(place))))
		}
		for _, tc := range []struct {
			f     service.SpotFilter
			want  []int64
			total int
		}{
			{service.SpotFilter{AnyProject: true}, ids, 2},
			{service.SpotFilter{AnyProject: true, Limit: 1, Offset: 1}, ids[1:], 2},
			{service.SpotFilter{Projects: []int64{1}}, ids[:1], 1},
			{service.SpotFilter{AnyProject: true, Statuses: []wallet.SpotStatus{wallet.SpotClosed}}, nil, 0},
		} {
			found, total, err := o.ListAllSpots(o.ctx, o.operator, tc.f)
			var got []int64
			for _, d := range found {
				if got = append(got, d.ID); d.Place.ID != d.LocationID {
					t.Errorf("spot %d is at place %d", d.ID, d.Place.ID)
				}
			}
			if !slices.Equal(got, tc.want) || total != tc.total || err != nil {
				t.Errorf("%+v finds %v of %d, %v", tc.f, got, total, err)
			}
		}
		client := &wallet.Client{ID: 1, Type: wallet.PrivateClient, Permissions: wallet.Permissions(), Projects: []int64{1}}
		for code, caller := range map[wallet.Code]wallet.Caller{wallet.NotFound: o.operator, wallet.Forbidden: {Kind: wallet.ByClient, Client: client}} {
			for name, ask := range map[string]func(id int64) error{
				"inspect": func(id int64) error { _, err := o.InspectSpot(o.ctx, caller, id); return err },
				"update": func(id int64) error {
					_, err := o.UpdateSpot(o.ctx, caller, id, service.SpotChange{Identifier: new("X")}, true)
					return err
				},
				"close":  func(id int64) error { _, err := o.EndVisit(o.ctx, caller, id, true); return err },
				"remove": func(id int64) error { _, err := o.RemoveSpot(o.ctx, caller, id, true); return err },
			} {
				var known *wallet.Error
				if err := ask(99); !errors.As(err, &known) || known.Code != code {
					t.Errorf("%s: %v, want %s", name, err, code)
				}
			}
		}
	})
}

// Somebody sits at a table and is to pay: the visit is not ended, nor the table taken away, without the operator having read that.
func TestAVisitIsEndedByHand(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		place, err := w.CreateLocation(ctx, operator, wallet.Location{ProjectID: 1, Status: wallet.Active, Title: wallet.Text{"en": "Café"}, Address: wallet.Text{"en": "Here"}})
		if err != nil {
			t.Fatal(err)
		}
		id, err := w.CreateSpot(ctx, operator, table1(place))
		if err != nil {
			t.Fatal(err)
		}
		if ended, err := w.EndVisit(ctx, operator, id, false); ended.Planned || ended.Status != wallet.SpotOpen || err != nil {
			t.Errorf("nobody is there: %+v, %v", ended, err)
		}
		if _, err := w.CheckIn(ctx, w.withToken(phone, 3), id, false); err != nil {
			t.Fatal(err)
		}
		d, err := w.InspectSpot(ctx, operator, id)
		if err != nil || d.Status != wallet.SpotWaiting || len(d.Visitors) != 1 || d.Visitors[0].ID != 3 || d.Visitors[0].DisplayName == "" {
			t.Errorf("the operator sees %+v, %v", d, err)
		}
		removal, err := w.RemoveSpot(ctx, operator, id, false)
		if len(removal.Losses) != 2 || removal.Losses[1] != "ends the visit of user 3" || !removal.Planned || err != nil {
			t.Errorf("to take it away is %+v, %v", removal, err)
		}
		plan, err := w.EndVisit(ctx, operator, id, false)
		if !slices.Equal(plan.Losses, []string{"ends the visit of user 3"}) || !plan.Planned || err != nil {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		if d, _ := w.InspectSpot(ctx, operator, id); d.Status != wallet.SpotWaiting {
			t.Errorf("a plan made it %s", d.Status)
		}
		for range 2 {
			if _, err := w.EndVisit(ctx, operator, id, true); err != nil {
				t.Error(err)
			}
		}
		if d, _ := w.InspectSpot(ctx, operator, id); d.Status != wallet.SpotClosed {
			t.Errorf("it is %s", d.Status)
		}
	})
}
