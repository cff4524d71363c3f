package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
		for _, query := range []string{"open_at", "open_at="} { // now, unless it says otherwise
			list, ids := listed(t, server, query+"&limit=1")
			if list.Metadata.Total != now.Metadata.Total || len(ids) != 1 || ids[0] != nowIDs[0] {
				t.Errorf("%s finds %v of %d, and there are %d", query, ids, list.Metadata.Total, now.Metadata.Total)
			}
			if _, ids = listed(t, server, "open_at=now&limit=1&after="+list.Metadata.After); len(ids) != 1 || ids[0] != nowIDs[1] {
				t.Errorf("%s goes on as open_at=now with %v", query, ids)
			}
			expect(t, server.Send(wallettest.Anonymous, "GET", placesPath+"?limit=1&after="+list.Metadata.After), 400, wallet.InvalidParameters)
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
		for _, query := range []string{"lat=1&lng=1", "offset=1", "status=inactive", "q=a", "open_at"} {
			expect(t, server.Send(wallettest.Anonymous, "GET", placesPath+"?sync=begin&"+query), 400, wallet.InvalidParameters)
		}
	})
}

// Pages that go on after a place hold every place once, though places come, go and move meanwhile; and a mark is good for its search only.
func TestPagesGoOnAfterAPlace(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, query := range []string{"", "lat=54.6872&lng=25.2797&distance=500000", "updated_after=0&status=active,inactive", "bbox=20,54,26,56", "q=vilnius"} {
			_, want := listed(t, server, query+"&limit=200")
			for limit := 1; limit <= 2; limit++ {
				var got []int64
				for after := ""; ; {
					list, ids := listed(t, server, fmt.Sprintf("%s&limit=%d%s", query, limit, after))
					if got = append(got, ids...); len(ids) == 0 {
						t.Errorf("%q: a page said that more follows, and there was none", query)
					}
					if after = "&after=" + list.Metadata.After; list.Metadata.After == "" {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%q: pages of %d hold %v, the list %v", query, limit, got, want)
				}
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

// copyOf keeps a copy of the public places by sync.
type copyOf struct {
	server *wallettest.Server
	cursor string
}

// lacks is what the copy lacks, and then has.
func (c *copyOf) lacks(t *testing.T) (places []walletapi.Location) {
	t.Helper()
	for more := true; more; {
		list, _ := listed(t, c.server, "sync="+url.QueryEscape(c.cursor))
		places, c.cursor, more = append(places, list.Locations...), list.Metadata.Sync, list.Metadata.More
	}
	return places
}

// A copy of another state of the database begins anew, and one whose cursor an older server gave.
func TestACopyOfAnotherStateBeginsAnew(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		c := copyOf{server, "begin"}
		c.lacks(t)
		refused := func(cursor string) {
			t.Helper()
			answer := server.Send(wallettest.Anonymous, "GET", placesPath+"?sync="+url.QueryEscape(cursor))
			expect(t, answer, 400, wallet.InvalidParameters)
			if answer.Error != nil && !strings.Contains(strings.Join(answer.Error.Properties["sync"], " "), "begin anew with sync=begin") {
				t.Errorf("%s is refused with %s", cursor, answer.Body)
			}
		}
		refused("AQEBAQ") // of before copies were told apart: 1, and three numbers
		if lacks := c.lacks(t); len(lacks) != 0 {
			t.Errorf("the copy lacks %+v", lacks)
		}
		if err := server.Service.RenewCopies(t.Context(), wallettest.Operator); err != nil {
			t.Fatal(err)
		}
		put(t, server, placePath, `{"title":"Of another time"}`)
		refused(c.cursor)
		c.cursor = "begin"
		if all := c.lacks(t); len(all) != 11 {
			t.Errorf("a copy begins with %d places", len(all))
		}
	})
}

// due has a server do what is due after its clock was moved on.
func due(t *testing.T, server *wallettest.Server, by time.Duration) {
	t.Helper()
	server.Business.Advance(by)
	if _, err := server.Service.DoDue(t.Context(), wallettest.Operator); err != nil {
		t.Fatal(err)
	}
}

// Trap: a price that begins, or an offer that is over, is a change that copies learn of, once, though nobody wrote anything.
func TestTrapAPriceThatBeginsReachesCopies(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		second := func(n int) int64 { return server.Business.Now().Unix() + int64(n) }
		put(t, server, placePath, fmt.Sprintf(`{"prices":[{"type":"price","title":"Soup","price":{"amount":300,"currency":"EUR"},"valid_from":%d},
			{"type":"offer","title":"Happy hour","valid_until":%d},{"type":"offer","title":"Late hour","valid_from":%d}]}`, second(6), second(6), second(3600)))
		put(t, server, "/rest/v1/location/103", fmt.Sprintf(`{"public":false,"prices":[{"type":"offer","title":"Sale","valid_from":%d}]}`, second(6)))
		c := copyOf{server, "begin"}
		var before walletapi.Location
		for _, l := range c.lacks(t) {
			if l.ID == 106 {
				before = l
			}
		}
		if len(before.Prices) != 1 || before.Prices[0].Title != "Happy hour" {
			t.Errorf("the copy begins with %+v", before.Prices)
		}
		due(t, server, 5*time.Second)
		if lacks := c.lacks(t); len(lacks) != 0 {
			t.Errorf("before anything begins the copy lacks %+v", lacks)
		}
		due(t, server, 4*time.Second)
		newer := fmt.Sprintf("updated_after=%d&status=active,inactive", before.UpdatedAt+1)
		list, ids := listed(t, server, newer)
		if !slices.Equal(ids, []int64{106}) || list.Locations[0].Prices[0].Title != "Soup" || list.Locations[0].UpdatedAt != server.Business.Now().Unix() {
			t.Errorf("newer is %+v", list.Locations)
		}
		// A server whose clock is a little behind knows that the place looks different already.
		server.Business.Advance(-4 * time.Second)
		lacks := c.lacks(t)
		if len(lacks) != 1 || lacks[0].ID != 106 || len(lacks[0].Prices) != 1 || lacks[0].Prices[0].Title != "Soup" || lacks[0].UpdatedAt <= before.UpdatedAt {
			t.Errorf("the copy lacks %+v", lacks)
		}
		if list, _ := listed(t, server, newer); len(list.Locations) != 1 || list.Locations[0].Prices[0].Title != "Soup" {
			t.Errorf("beside it a search finds %+v", list.Locations)
		}
		due(t, server, 4*time.Second)
		if lacks := c.lacks(t); len(lacks) != 0 {
			t.Errorf("it is told twice: %+v", lacks)
		}
		due(t, server, 60*24*time.Hour)
		if lacks := c.lacks(t); len(lacks) != 1 || len(lacks[0].Prices) != 2 {
			t.Errorf("two months later the copy lacks %+v", lacks)
		}
		// Who represents a project has a copy of what is not public, too.
		own := server.Send("shop", "GET", "/rest/v1/project/1221/locations?"+newer)
		if expect(t, own, 200, ""); !strings.Contains(own.Body, `"id":103`) || !strings.Contains(own.Body, "Late hour") {
			t.Errorf("its own are %s", own.Body)
		}
	})
}

// Trap: another season is another week for apps that know one interval a day: copies learn of it, once however much time went by.
func TestTrapASeasonThatBeginsReachesCopies(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		put(t, server, placePath, `{"hours":"Apr-Sep 08:00-22:00; Oct-Mar 10:00-18:00; 2026 Dec 24 off"}`)
		c := copyOf{server, "begin"}
		c.lacks(t)
		due(t, server, 40*24*time.Hour) // exceptions are no turn
		if lacks := c.lacks(t); len(lacks) != 0 {
			t.Errorf("at New Year the copy lacks %+v", lacks)
		}
		due(t, server, 110*24*time.Hour)
		lacks := c.lacks(t)
		if len(lacks) != 1 || lacks[0].WorkingHours["monday"] != (walletapi.DayHours{OpeningTime: "08:00", ClosingTime: "22:00"}) || lacks[0].UpdatedAt != server.Business.Now().Unix() {
			t.Errorf("in April the copy lacks %+v", lacks)
		}
		due(t, server, 24*time.Hour)
		if lacks := c.lacks(t); len(lacks) != 0 {
			t.Errorf("it is told twice: %+v", lacks)
		}
	})
}

// Two servers on one database see a place turn at once, and it changes once.
func TestAPlaceTurnsOnceForAllServers(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		servers := []*wallettest.Server{wallettest.NewServer(t, address)}
		if strings.HasPrefix(address, "postgres") {
			servers = append(servers, wallettest.NewServer(t, address))
		}
		put(t, servers[0], placePath, fmt.Sprintf(`{"prices":[{"type":"offer","title":"Soup","valid_from":%d}]}`, servers[0].Business.Now().Unix()+6))
		copies := make([]copyOf, len(servers))
		for i, server := range servers {
			copies[i] = copyOf{server, "begin"}
			copies[i].lacks(t)
			server.Business.Advance(6 * time.Second)
		}
		var done atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			for _, server := range servers {
				all.Go(func() {
					n, err := server.Service.DoDue(t.Context(), wallettest.Operator)
					if err != nil {
						t.Error(err)
					}
					done.Add(int64(n))
				})
			}
		}
		all.Wait()
		if done.Load() != 1 {
			t.Errorf("it turns %d times", done.Load())
		}
		var times []int64
		for i := range copies {
			lacks := copies[i].lacks(t)
			if len(lacks) != 1 || len(lacks[0].Prices) != 1 {
				t.Fatalf("the copy of server %d lacks %+v", i, lacks)
			}
			if times = append(times, lacks[0].UpdatedAt); times[i] != times[0] {
				t.Errorf("servers say that it turned at %v", times)
			}
		}
	})
}

// The 180th meridian is one line, whichever way it is written: what stands on it is in every area that reaches it, and a map
// counts the same places as it lists.
func TestTheDateLineIsOneLine(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		put(t, server, placePath, `{"lat":0,"lng":180}`)
		put(t, server, "/rest/v1/location/101", `{"lat":0,"lng":-180}`)
		edges := []int{-180, -179, 0, 179, 180}
		for _, west := range edges {
			for _, east := range edges {
				list, ids := listed(t, server, fmt.Sprintf("limit=200&bbox=%d,-1,%d,1", west, east))
				sum := 0
				for _, c := range *list.Metadata.Clusters {
					sum += c.Count
				}
				reaches := west > east || max(west, -west, east, -east) == 180
				if want := map[bool]int{true: 2}[reaches]; sum != want || list.Metadata.Total != want || len(ids) != want {
					t.Errorf("from %d to %d: %d are counted, total %d, listed %v; want %d", west, east, sum, list.Metadata.Total, ids, want)
				}
			}
		}
	})
}
