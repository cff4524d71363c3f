package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

const placesPath = "/rest/v1/locations"

func listed(t *testing.T, server *wallettest.Server, query string) (list walletapi.Locations, ids []int64) {
	t.Helper()
	answer := server.Send(wallettest.Anonymous, "GET", placesPath+"?"+query)
	expect(t, answer, 200, "")
	answer.Decode(&list)
	for _, l := range list.Locations {
		ids = append(ids, l.ID)
	}
	return list, ids
}

// It is Saturday noon in Vilnius, or so: see wallettest.Epoch.
func TestSearchesOfOurOwn(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		day := wallettest.Epoch.Truncate(24 * time.Hour).Unix()
		for query, want := range map[string][]int64{
			"q=kiosk":                      {102, 456},
			"q=KIOSK+vilag":                nil,
			"q=kiosk+villag":               {456},
			"q=ausros":                     {102},
			"q=Auš":                        {102},
			"q=osk":                        nil,
			"q=parduotuve":                 {101},
			"bbox=21,55.6,21.2,55.8":       {109, 110},
			"bbox=179,-1,-179,1":           nil,
			"bbox=21,55.705,21.2,56":       {109},
			fmt.Sprintf("open_at=%d", day): {102, 105},
			fmt.Sprintf("open_during=%d,%d", day, day+86400):            {105},
			fmt.Sprintf("open_during=%d,%d", day+36000, day+36000+3600): {103, 104, 105, 106, 108, 109, 456},
			"lat=54.6872&lng=25.2797&distance=0":                        {101},
		} {
			if _, ids := listed(t, server, query+"&limit=200"); !slices.Equal(ids, want) {
				t.Errorf("%s finds %v, want %v", query, ids, want)
			}
		}
		now, nowIDs := listed(t, server, "open_at=now&limit=200")
		for _, l := range now.Locations {
			if l.OpenNow == nil || !*l.OpenNow {
				t.Errorf("place %d is not open", l.ID)
			}
		}
		if len(nowIDs) == 0 {
			t.Error("nothing is open")
		}
		clusters, _ := listed(t, server, "bbox=20,54,26,56&limit=1")
		sum := 0
		for _, c := range *clusters.Metadata.Clusters {
			sum += c.Count
		}
		if sum != clusters.Metadata.Total || sum == 0 {
			t.Errorf("%d places in clusters, %d in all", sum, clusters.Metadata.Total)
		}
		for _, refused := range []string{"q=%21", "q=a+b+c+d+e+f+g+h+i+j+k", "bbox=1,2,3", "bbox=0,5,1,4", "bbox=181,0,1,1", "open_at=noon", "open_during=5", "open_during=5,4",
			"open_during=0,99999999", "after=x", "sync=x", "sync=AQ"} {
			field, _, _ := strings.Cut(refused, "=")
			if answer := server.Send(wallettest.Anonymous, "GET", placesPath+"?"+refused); answer.Error == nil || len(answer.Error.Properties[field]) != 1 {
				t.Errorf("%s: %s", refused, answer.Body)
			}
		}
		for _, query := range []string{"lat=1&lng=1", "offset=1", "status=inactive", "q=a"} {
			expect(t, server.Send(wallettest.Anonymous, "GET", placesPath+"?sync=begin&"+query), 400, wallet.InvalidParameters)
		}
	})
}

// Pages that go on after a place hold every place once, though places come, go and move meanwhile; and a mark is good for its search only.
func TestPagesGoOnAfterAPlace(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, query := range []string{"", "lat=54.6872&lng=25.2797&distance=500000", "updated_after=0&status=active,inactive", "bbox=20,54,26,56", "q=vilnius"} {
			_, want := listed(t, server, query+"&limit=200")
			var got []int64
			after := ""
			for range want {
				list, ids := listed(t, server, query+"&limit=2"+after)
				got = append(got, ids...)
				if list.Metadata.After == "" {
					break
				}
				after = "&after=" + list.Metadata.After
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q: pages hold %v, the list %v", query, got, want)
			}
		}
		list, _ := listed(t, server, "limit=1")
		expect(t, server.Send(wallettest.Anonymous, "GET", placesPath+"?q=a&after="+list.Metadata.After), 400, wallet.InvalidParameters)
	})
}

// Today's apps page by offset and then ask for what is newer than the newest that they have. What is edited between their pages, a place of
// a page already read above all, makes them lose nothing: the last edited comes first.
func TestAnSDKThatPagesByOffsetLosesNothing(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		have, newest := map[int64]walletapi.Location{}, int64(0)
		round := func(between func(page int)) {
			seen := newest
			for offset, page := 0, 0; ; page++ {
				list, ids := listed(t, server, fmt.Sprintf("updated_after=%d&status=active%%2Cinactive&limit=3&offset=%d", newest, offset))
				for _, l := range list.Locations {
					have[l.ID], seen = l, max(seen, l.UpdatedAt)
				}
				if offset += len(ids); offset >= list.Metadata.Total {
					break
				}
				between(page)
			}
			newest = seen
		}
		round(func(page int) {
			server.Business.Advance(2 * time.Second)
			put(t, server, placePath, fmt.Sprintf(`{"title":"Edited after page %d"}`, page))
			if page == 1 {
				put(t, server, "/rest/v1/location/105", `{"status":"inactive"}`)
			}
		})
		round(func(int) {})
		truth, _ := listed(t, server, "status=active,inactive&limit=200")
		if len(have) != len(truth.Locations) {
			t.Errorf("the app has %d of %d places", len(have), len(truth.Locations))
		}
		for _, l := range truth.Locations {
			if got := have[l.ID]; got.UpdatedAt != l.UpdatedAt || got.Title != l.Title || got.Status != l.Status {
				t.Errorf("of place %d the app has %+v, want %+v", l.ID, got, l)
			}
		}
		_, ids := listed(t, server, "updated_after=1&status=active,inactive&limit=2")
		if !slices.Equal(ids, []int64{105, 106}) && !slices.Equal(ids, []int64{106, 105}) {
			t.Errorf("the last edited are %v", ids)
		}
	})
}

// A copy learns of what is new, of what changes, and of what is hidden.
func TestACopyIsKeptOverTheWire(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		copied := map[int64]walletapi.Location{}
		cursor := "begin"
		follow := func() {
			t.Helper()
			for more := true; more; {
				list, _ := listed(t, server, "sync="+url.QueryEscape(cursor)+"&limit=3")
				for _, l := range list.Locations {
					if l.Public {
						copied[l.ID] = l
					} else {
						delete(copied, l.ID)
					}
				}
				cursor, more = list.Metadata.Sync, list.Metadata.More
			}
		}
		follow()
		if len(copied) != 11 { // all but the warehouse
			t.Errorf("%d places are public", len(copied))
		}
		put(t, server, placePath, `{"title":"Another name"}`)
		follow()
		if copied[106].Title != "Another name" {
			t.Errorf("the copy has %+v", copied[106])
		}
		answer := put(t, server, placePath, `{"public":false}`)
		list, _ := listed(t, server, "sync="+url.QueryEscape(cursor))
		if len(list.Locations) != 1 || list.Locations[0].Title != "" || list.Locations[0].Status != "inactive" || list.Locations[0].Hours != nil {
			t.Errorf("what is hidden is told as %+v, after %s", list.Locations, answer.Body)
		}
		follow()
		if _, still := copied[106]; still || len(copied) != 10 {
			t.Errorf("%d places are left", len(copied))
		}
	})
}

// Who has an answer is not sent it again while it is the same; and it is another one when a place opens, though nobody wrote anything.
func TestUnchangedAnswersAreNotSent(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		const target = placesPath + "?lat=54.6&lng=25.2&distance=1000"
		first := server.Send(wallettest.Anonymous, "GET", target)
		again := func() *wallettest.Answer {
			return server.Send(wallettest.Anonymous, "GET", target, wallettest.Header("If-None-Match", first.Header.Get("ETag")))
		}
		if answer := again(); answer.Status != http.StatusNotModified || answer.Header.Get("ETag") != first.Header.Get("ETag") || answer.Header.Get("Cache-Control") != "public, no-cache" {
			t.Errorf("the same again is %d %s", answer.Status, answer.Head)
		}
		var list walletapi.Locations
		first.Decode(&list)
		server.Business.Advance(time.Unix(list.Locations[0].NextChangeAt, 0).Sub(server.Business.Now()))
		answer := again()
		expect(t, answer, 200, "")
		was := *list.Locations[0].OpenNow
		answer.Decode(&list)
		if *list.Locations[0].OpenNow == was {
			t.Errorf("after next_change_at it is as before: %s", answer.Body)
		}
	})
}

// Trap: "one interval per day" (§3): a day with a break is shown as the one stretch that is wrong for the fewest minutes, with both times and nothing else.
func TestTrapADayIsOneInterval(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		var place walletapi.Location
		put(t, server, placePath, `{"hours":"Mo-Fr 09:00-13:00,14:00-18:00; Sa 22:00-03:00; Su off; PH off"}`).Decode(&place)
		if got := fmt.Sprint(place.WorkingHours); !strings.Contains(got, "monday:{09:00 18:00}") || !strings.Contains(got, "saturday:{22:00 03:00}") || strings.Contains(got, "sunday") {
			t.Errorf("the days are %s", got)
		}
		if place.Hours.Text != "Mo-Fr 09:00-13:00,14:00-18:00; Sa 22:00-03:00; Su off; PH off" || len(place.Hours.Regular["monday"]) != 2 || place.Hours.Holidays == nil {
			t.Errorf("the hours are %+v", place.Hours)
		}
	})
}

// Trap: the PHP client writes back the working_hours that it read, and nothing of what it does not know.
func TestTrapWritingBackTheDaysKeepsTheHours(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		var before, after, other walletapi.Location
		put(t, server, placePath, `{"hours":"Mo-Fr 09:00-13:00,14:00-18:00; PH off"}`).Decode(&before)
		put(t, server, placePath, `{"working_hours":{"monday":{"opening_time":"9:0","closing_time":"18:0"},"tuesday":{"opening_time":"9:0","closing_time":"18:0"},
			"wednesday":{"opening_time":"9:0","closing_time":"18:0"},"thursday":{"opening_time":"9:0","closing_time":"18:0"},"friday":{"opening_time":"9:0","closing_time":"18:0"}}}`).Decode(&after)
		if after.Hours.Text != before.Hours.Text || after.UpdatedAt != before.UpdatedAt {
			t.Errorf("the hours became %q", after.Hours.Text)
		}
		put(t, server, placePath, `{"working_hours":{"monday":{"opening_time":"9:0","closing_time":"18:0"}}}`).Decode(&other)
		if other.Hours.Text != "Mo 09:00-18:00" {
			t.Errorf("other days make %q", other.Hours.Text)
		}
		for body, field := range map[string]string{
			`{"hours":"Mo 10:00-11:00","working_hours":{"monday":{"opening_time":"9:0","closing_time":"18:0"}}}`: "working_hours",
			`{"hours":"Mo 10:00-"}`: "hours", `{"timezone":"Europe/Vilna"}`: "timezone",
			`{"hours":{"regular":{"monday":[{"open":"9","close":"18:00"}]}}}`:                             "hours.regular.monday[0].open",
			`{"hours":{"text":"Mo 10:00-11:00","regular":{"monday":[{"open":"09:00","close":"18:00"}]}}}`: "hours.text",
		} {
			answer := server.Send("shop", "PUT", placePath, wallettest.Body(body))
			if answer.Error == nil || len(answer.Error.Properties[field]) == 0 {
				t.Errorf("%s: %s", body, answer.Body)
			}
		}
	})
}

// Trap: "no working_hours at all must not be read as always open" (§3): unknown hours are not there, and so is nothing that would follow from them.
func TestTrapUnknownHoursAreNotOpen(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		answer := put(t, server, placePath, `{"working_hours":{}}`)
		for _, key := range []string{"working_hours", "hours", "open_now", "next_change_at"} {
			if strings.Contains(answer.Body, `"`+key+`"`) {
				t.Errorf("%s is in %s", key, answer.Body)
			}
		}
		if _, ids := listed(t, server, "open_at=now&limit=200"); slices.Contains(ids, 106) {
			t.Error("a place of unknown hours is found as open")
		}
	})
}

// Trap: "the official PHP SDK evaluates hours in the viewer's zone": a place says its zone, which follows its position until somebody names one.
func TestTrapAPlaceHasAZone(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, step := range []struct{ body, want string }{
			{`{"lat":52.2297,"lng":21.0122}`, "Europe/Warsaw"}, {`{"timezone":"America/New_York"}`, "America/New_York"}, {`{"lat":54.8966,"lng":23.9126}`, "America/New_York"},
			{`{"timezone":""}`, "Europe/Vilnius"}, {`{"lat":0,"lng":-30}`, "Etc/GMT+2"},
		} {
			var place walletapi.Location
			put(t, server, placePath, step.body).Decode(&place)
			if place.Timezone != step.want {
				t.Errorf("after %s it is %s, want %s", step.body, place.Timezone, step.want)
			}
		}
	})
}
