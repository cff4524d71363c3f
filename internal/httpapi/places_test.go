package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// What real clients choke on in places and spots: spec/mobile-sdks.md §0 and §3, spec/php-client.md §8.3.

const (
	placePath = "/rest/v1/location/106"
	spotPath  = "/rest/v1/spot/1"
)

// put changes a place as the shop, and returns what is answered.
func put(t *testing.T, server *wallettest.Server, path, body string) *wallettest.Answer {
	t.Helper()
	answer := server.Send("shop", "PUT", path, wallettest.Body(body))
	expect(t, answer, 200, "")
	return answer
}

// Trap: "maps are never []" (§0.9). PHP writes an empty map as a list; what comes back has none, in any of the answers that
// hold a place.
func TestTrapAnEmptyMapOfAPlaceIsNoList(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		written := put(t, server, placePath, `{"services":[],"working_hours":[],"images":[],"remote_orders":[],"spots":[],"prices":[],"title":[]}`)
		bodies := []string{written.Body}
		for _, target := range []string{placePath, "/rest/v1/project/1221/locations", "/rest/v1/client/locations"} {
			bodies = append(bodies, server.Send("shop", "GET", target).Body)
		}
		bodies = append(bodies, server.Send(wallettest.Anonymous, "GET", "/rest/v1/locations?limit=200").Body)
		for _, body := range bodies {
			for _, name := range []string{"services", "working_hours", "images", "remote_orders", "place_info"} {
				if strings.Contains(body, `"`+name+`":[`) || strings.Contains(body, `"`+name+`":null`) {
					t.Errorf("%s is a list or null in %.300s", name, body)
				}
			}
		}
		if strings.Contains(written.Body, "working_hours") || !strings.Contains(written.Body, `"title":"Café`) {
			t.Errorf("what is empty is left out, and [] says no title: %s", written.Body)
		}
	})
}

// Trap: "working_hours.<day> and images are closed objects" and "only lower-case days" (§0.10, §3). Whatever a program writes
// into a day, two keys come back, under a small name.
func TestTrapADayHasTwoKeysWhateverWasWritten(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		answer := put(t, server, placePath, `{"working_hours":{"Monday":{"opening_time":"9:5","closing_time":"0:0","note":"x"},"sunday":{},"friday":[]},
			"images":{"pin_open":"https://a.example/o","pin_closed":"https://a.example/c","pin_full":"x"}}`)
		var place struct {
			Hours  map[string]map[string]string `json:"working_hours"`
			Images map[string]string
		}
		answer.Decode(&place)
		if len(place.Hours) != 1 || fmt.Sprint(place.Hours["monday"]) != "map[closing_time:24:00 opening_time:09:05]" || len(place.Images) != 2 {
			t.Errorf("it is answered with %s", answer.Body)
		}
	})
}

// Trap: "0:0 prints as 24:00", "a closing time not later than opening means the next day" (php-client §8.3).
func TestTrapMidnightIsTheEndOfTheDay(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for written, want := range map[string]string{
			`"9:0","closing_time":"0:0"`:       `"opening_time":"09:00","closing_time":"24:00"`,
			`"09:00","closing_time":"24:00"`:   `"opening_time":"09:00","closing_time":"24:00"`,
			`"0:0","closing_time":"0:0"`:       `"opening_time":"00:00","closing_time":"24:00"`,
			`"22:00","closing_time":"3:00"`:    `"opening_time":"22:00","closing_time":"03:00"`,
			`"10:00","closing_time":"10:00"`:   `"opening_time":"10:00","closing_time":"10:00"`,
			`"23:59","closing_time":"0:1"`:     `"opening_time":"23:59","closing_time":"00:01"`,
			`"00:00","closing_time":"00:00"`:   `"opening_time":"00:00","closing_time":"24:00"`,
			`"8:30","closing_time":"17:5"`:     `"opening_time":"08:30","closing_time":"17:05"`,
			`"00:00", "closing_time": "23:59"`: `"opening_time":"00:00","closing_time":"23:59"`,
		} {
			answer := put(t, server, placePath, `{"working_hours":{"monday":{"opening_time":`+written+`}}}`)
			if !strings.Contains(answer.Body, want) {
				t.Errorf("%s: want %s in %s", written, want, answer.Body)
			}
		}
	})
}

// Trap: "public must be a JSON boolean", "categories are ids, not objects", "prices[].price.amount is an integer for PHP",
// "id, radius, updated_at are numbers" (§3): as text they are read, and never written.
func TestTrapTypesOfAPlace(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		answer := put(t, server, placePath, `{"id":"106","radius":"60","lat":"54.668516","lng":25.235055,"public":true,
			"services":{"pay":{"available":true,"categories":["1",2]}},"prices":[{"type":"price","title":"Coffee","price":{"amount":"150","currency":"EUR"}}]}`)
		for _, want := range []string{
			`"id":106,`, `"radius":60,`, `"public":true`, `"categories":[1,2]`, `"price":{"amount":150,"currency":"EUR"}`, `"lat":54.668516,"lng":25.235055`,
		} {
			if !strings.Contains(answer.Body, want) {
				t.Errorf("want %s in %s", want, answer.Body)
			}
		}
		for field, value := range map[string]string{"public": "1", "radius": "100.5", "lat": `"north"`, "prices": `"free"`, "spots": "7"} {
			refused := server.Send("shop", "PUT", placePath, wallettest.Body(`{"`+field+`":`+value+`}`))
			expect(t, refused, 400, wallet.InvalidParameters)
			if refused.Error.Properties[field] == nil {
				t.Errorf("%s: %s", field, refused.Body)
			}
		}
	})
}

// Trap: "lat/lng are cast to float and 0 counts as absent" (php-client §8.3): PHP reads a place on the equator as one without
// a position, and writes null. It stays where it is.
func TestTrapPHPForgetsAPositionOfZero(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		put(t, server, placePath, `{"lat":0,"lng":0}`)
		if answer := put(t, server, placePath, `{"lat":null,"lng":null,"radius":7}`); !strings.Contains(answer.Body, `"lat":0,"lng":0,"radius":7`) {
			t.Errorf("it moved: %s", answer.Body)
		}
		// On the equator, or on the meridian of Greenwich, it is a half that is forgotten; the other may even change.
		put(t, server, placePath, `{"lat":0,"lng":10}`)
		if answer := put(t, server, placePath, `{"lat":null,"lng":11.5}`); !strings.Contains(answer.Body, `"lat":0,"lng":11.5,`) {
			t.Errorf("on the equator: %s", answer.Body)
		}
		put(t, server, placePath, `{"lat":51.5,"lng":0}`)
		if answer := put(t, server, placePath, `{"lat":"51.5","lng":null}`); !strings.Contains(answer.Body, `"lat":51.5,"lng":0,`) {
			t.Errorf("in Greenwich: %s", answer.Body)
		}
		for body, field := range map[string]string{`{"lng":10}`: "lat", `{"lat":10}`: "lng", `{"lat":null,"lng":200}`: "lng"} {
			names(t, server.Send("shop", "PUT", placePath, wallettest.Body(body)), field)
		}
		made := server.Send("shop", "POST", "/rest/v1/project/1222/location", wallettest.Body(`{"title":"Kiosk","address":"Nowhere","lat":null,"lng":10}`))
		names(t, made, "lat")
	})
}

// names expects a refusal of just these fields.
func names(t *testing.T, answer *wallettest.Answer, fields ...string) {
	t.Helper()
	expect(t, answer, 400, wallet.InvalidParameters)
	named := []string{}
	if answer.Error != nil {
		named = slices.Sorted(maps.Keys(answer.Error.Properties))
	}
	slices.Sort(fields)
	if !slices.Equal(named, fields) {
		t.Errorf("it names %v, want %v: %s", named, fields, answer.Body)
	}
}

// Nobody writes hours who does not know them: what is not understood of them is refused by name, and takes no hours away. What a
// program writes back that has read them is understood, and so is PHP, whose empty maps are lists.
func TestHoursAreNotLostInSilence(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		hours := func(answer *wallettest.Answer) string {
			var place walletapi.Location
			answer.Decode(&place)
			if place.Hours == nil {
				return ""
			}
			return place.Hours.Text
		}
		put(t, server, placePath, `{"hours":"Mo-Fr 09:00-18:00"}`)
		for body, fields := range map[string][]string{
			`{"holiday_dates":["2026-12-25"]}`:                    {"hours.regular"},
			`{"text":"","holiday_dates":["2026-12-25"]}`:          {"hours.regular"},
			`{"exceptions":[{"from":"2026-12-24"}]}`:              {"hours.regular"},
			`{"holidays":[]}`:                                     {"hours.regular"},
			`{"regular":null}`:                                    {"hours.regular"},
			`{"text":null}`:                                       {"hours.regular"},
			`{"regluar":{"monday":[]}}`:                           {"hours.regular", "hours.regluar"},
			`{"text":"24/7","note":"x"}`:                          {"hours.note"},
			`{"text":"24/7","holidays":[]}`:                       {"hours.text"},
			`{"text":"Mo 10:00-"}`:                                {"hours.text"},
			`{"text":5}`:                                          {"hours.text"},
			`{"text":"24/7","holiday_dates":["x",7]}`:             {"hours.holiday_dates[0]", "hours.holiday_dates[1]"},
			`{"regular":[1]}`:                                     {"hours.regular"},
			`{"regular":{"monday":5,"Tuesday":[]}}`:               {"hours.regular.monday", "hours.regular.Tuesday"},
			`{"regular":{"monday":[{"opens":"9:00"},7]}}`:         {"hours.regular.monday[0].opens", "hours.regular.monday[0].open", "hours.regular.monday[1]"},
			`{"regular":{},"exceptions":[{"from":9,"till":"x"}]}`: {"hours.exceptions[0].from", "hours.exceptions[0].till"},
			`[1]`: {"hours"}, `5`: {"hours"}, `"Mo 10:00-"`: {"hours"},
		} {
			names(t, server.Send("shop", "PUT", placePath, wallettest.Body(`{"hours":`+body+`}`)), fields...)
		}
		if text := hours(server.Send("shop", "GET", placePath)); text != "Mo-Fr 09:00-18:00" {
			t.Errorf("the hours are %q", text)
		}
		for body, want := range map[string]string{
			`{"regular":[]}`: "off", `{"regular":{}}`: "off", `{"regular":{"monday":[],"tuesday":null}}`: "off",
			`{"regular":[],"exceptions":[{"from":"2026-12-24","intervals":[]}]}`:                                 "off; 2026 Dec 24 off",
			`{"text":"off; 2026 Dec 24 off","exceptions":[{"from":"2026-12-24"}]}`:                               "off; 2026 Dec 24 off",
			`{"regular":{"monday":{"0":{"open":"09:00","close":"18:00"},"2":{"open":"20:00","close":"21:00"}}}}`: "Mo 09:00-18:00,20:00-21:00",
			`{"text":""}`: "", `[]`: "", `{}`: "", `""`: "",
		} {
			put(t, server, placePath, `{"hours":"24/7"}`)
			written := put(t, server, placePath, `{"hours":`+body+`}`)
			if text := hours(written); text != want {
				t.Errorf("%s: the hours are %q, want %q", body, text, want)
			}
			if back := put(t, server, placePath, written.Body); back.Body != written.Body {
				t.Errorf("written back, %s becomes %s", written.Body, back.Body)
			}
		}
	})
}

// All that is wrong with a place is told at once, whoever finds it: who reads the body, who knows the place, who knows the rules. What
// only looks wrong because something was not read is not told.
func TestAllThatIsRefusedOfAPlaceIsToldAtOnce(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		before := server.Send("shop", "GET", placePath).Body
		for body, fields := range map[string][]string{
			`{"radius":1.5,"status":"closed","services":{"foo":{"available":true}},"timezone":"X/Y"}`: {"radius", "status", "services.foo", "timezone"},
			`{"id":7,"radius":-1,"services":{"pay":{"available":true,"categories":[99]}}}`:            {"id", "radius", "services.pay.categories[0]"},
			`{"project_id":1222,"locale":"english","title":"Café","public":"yes"}`:                    {"project_id", "locale", "public"},
			`{"title":7,"status":5,"hours":5,"working_hours":{"monday":{"opening_time":"x"}}}`:        {"title", "status", "hours", "working_hours.monday.opening_time", "working_hours.monday.closing_time"},
			`{"services":{"cash_in":{"available":"x","types":["smell",7]}},"images":{"pin_open":5}}`:  {"services.cash_in.available", "services.cash_in.types[0]", "services.cash_in.types[1]", "images.pin_open"},
			`{"spots":[{"id":"x"},{"identifier":7},{"identifier":"T 1"},{"identifier":"T"},{"identifier":"T"},{"id":99}],"remote_orders":{"identifier":"U"}}`: {
				"spots[0].id", "spots[1].identifier", "spots[2].identifier", "spots[4].identifier", "spots[5].id"},
			`{"spots":[{"identifier":"T"},{"identifier":"T"},{"identifier":"T 1"}],"remote_orders":{"identifier":"U"}}`: {
				"spots[1].identifier", "spots[2].identifier", "remote_orders.identifier"},
			`{"spots":[{"identifier":"A"},{"identifier":"B 1"}],"remote_orders":{"identifier":"A"}}`: {"spots[1].identifier"},
		} {
			names(t, server.Send("shop", "PUT", placePath, wallettest.Body(body)), fields...)
		}
		if after := server.Send("shop", "GET", placePath).Body; after != before {
			t.Errorf("it was %s and is %s", before, after)
		}
		expect(t, server.Send("second-shop", "PUT", placePath, wallettest.Body(`{"radius":1.5}`)), 403, wallet.Forbidden)
	})
}

// A text has so many languages and no more, however often somebody adds some.
func TestTheLanguagesOfATextAreBounded(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		texts := func(first byte, n int, words string) string {
			out := wallet.Text{}
			for i := range n {
				out[string([]byte{first, byte('a' + i/26), byte('a' + i%26)})] = words
			}
			raw, _ := json.Marshal(out)
			return string(raw)
		}
		put(t, server, placePath, `{"description":{"en":"x"}}`)
		put(t, server, placePath, `{"description":`+texts('a', 99, "x")+`}`)
		names(t, server.Send("shop", "PUT", placePath, wallettest.Body(`{"description":`+texts('b', 1, "x")+`}`)), "description")
		names(t, server.Send("shop", "PUT", placePath, wallettest.Body(`{"description":"y","locale":"lt"}`)), "description")
		put(t, server, placePath, `{"description":`+texts('a', 99, "")+`}`)
		put(t, server, placePath, `{"description":`+texts('b', 99, "x")+`}`)
	})
}

// The places of a project are filtered and ordered as all places are; what a plain list cannot answer is refused, and not passed over.
func TestPlacesOfAProjectAreFiltered(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		put(t, server, placePath, `{"hours":"24/7"}`)
		const list = "/rest/v1/project/1221/locations?"
		ids := func(target string) (ids []int64) {
			answer := server.Send("shop", "GET", target)
			expect(t, answer, 200, "")
			var list []walletapi.Location
			answer.Decode(&list)
			for _, l := range list {
				ids = append(ids, l.ID)
			}
			return ids
		}
		all := ids(list)
		day := wallettest.Epoch.Truncate(24 * time.Hour).Unix()
		for _, query := range []string{"q=kiosk", "bbox=25.2,54.6,25.3,54.7", "open_at", "open_at=now", fmt.Sprintf("open_at=%d", day),
			fmt.Sprintf("open_during=%d,%d", day, day+86400), "bbox=20,54,26,56&lat=54.6872&lng=25.2797&distance=3000"} {
			public, _ := listed(t, server, query+"&limit=200")
			var want []int64
			for _, l := range public.Locations {
				if l.ProjectID == 1221 {
					want = append(want, l.ID)
				}
			}
			if got := ids(list + query); !slices.Equal(got, want) || len(got) == 0 || len(got) == len(all) {
				t.Errorf("%s: %v of %v, want %v", query, got, all, want)
			}
		}
		if got := ids(list + "limit=1&offset=1&sync=&after="); !slices.Equal(got, all[1:2]) {
			t.Errorf("the second is %v of %v", got, all)
		}
		names(t, server.Send("shop", "GET", list+"sync=begin&after=x&bbox=1&q=%21&open_at=noon&open_during=5"),
			"sync", "after", "bbox", "q", "open_at", "open_during")
	})
}

// Trap: "bare arrays: wrapping one of these fails in Java", and in PHP a wrapper is read as two broken places (§1.3).
func TestTrapPlacesOfAProjectAreABareArray(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, target := range []string{"/rest/v1/project/1221/locations", "/rest/v1/project/1222/locations?locale=lt", "/rest/v1/client/locations"} {
			var list []walletapi.Location
			answer := server.Send("shop", "GET", target)
			answer.Decode(&list)
			if !strings.HasPrefix(answer.Body, "[") || len(list) == 0 {
				t.Errorf("%s: %.100s", target, answer.Body)
			}
		}
	})
}

// Trap: "deactivated places must remain listed with status=inactive and a bumped updated_at; never hard-delete" (§3). There is
// no DELETE, and whoever syncs sees it go.
func TestTrapADeactivatedPlaceStaysInTheSync(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		var before walletapi.Location
		server.Send("shop", "GET", placePath).Decode(&before)
		server.Business.Advance(time.Minute)
		expect(t, server.Send("shop", "DELETE", placePath), 405, wallet.MethodNotAllowed)
		put(t, server, placePath, `{"status":"inactive"}`)
		var list walletapi.Locations
		server.Send(wallettest.Anonymous, "GET", fmt.Sprintf("/rest/v1/locations?updated_after=%d&status=active%%2Cinactive", before.UpdatedAt+1)).Decode(&list)
		if len(list.Locations) != 1 || list.Locations[0].ID != 106 || list.Locations[0].Status != "inactive" || list.Locations[0].UpdatedAt != before.UpdatedAt+60 {
			t.Errorf("the sync sees %+v", list)
		}
	})
}

// Trap: the PHP client writes all that it read, in the language that it read it in, and repeats any request once after a 502.
// Nothing changes by that, not even the time of the last edit.
func TestTrapWritingBackWhatWasReadChangesNothing(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, locale := range []string{"", "?locale=lt", "?locale=pl"} {
			for _, path := range []string{placePath, "/rest/v1/location/101"} {
				read := server.Send("shop", "GET", path+locale)
				server.Business.Advance(time.Hour)
				if written := put(t, server, path+locale, read.Body); written.Body != read.Body {
					t.Errorf("%s%s changed\nfrom %s\nto   %s", path, locale, read.Body, written.Body)
				}
			}
		}
		var words []wallet.Text
		for _, locale := range []string{"en", "lt"} {
			var place walletapi.Location
			server.Send("shop", "GET", "/rest/v1/location/101?locale="+locale).Decode(&place)
			words = append(words, wallet.Text{locale: place.Title})
		}
		if words[0]["en"] != "Store on Gediminas Avenue" || words[1]["lt"] != "Parduotuvė Gedimino prospekte" {
			t.Errorf("the texts are %v", words)
		}
	})
}

// Two offers of one name, for two times: a program that does not know about times writes both back, and each keeps its own. One
// that does takes a time away with 0, and a price needs a title of its own.
func TestOffersKeepTheirTimes(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		put(t, server, placePath, `{"prices":[{"type":"offer","title":"Sale","valid_until":4000000000},{"type":"offer","title":"Sale","valid_from":4100000000},
			{"type":"price","title":{"en":"Tea","lt":"Arbata"},"price":{"amount":100,"currency":"EUR"},"valid_until":4000000000}]}`)
		for body, want := range map[string]string{
			`{"prices":[{"type":"offer","title":"Sale"},{"type":"offer","title":"Sale"}]}`:                        `[{"type":"offer","title":"Sale","valid_until":4000000000},{"type":"offer","title":"Sale","valid_from":4100000000}]`,
			`{"prices":[{"type":"offer","title":"Sale","valid_until":0},{"type":"offer","title":{"en":"Sale"}}]}`: `[{"type":"offer","title":"Sale"},{"type":"offer","title":"Sale","valid_from":4100000000}]`,
			`{"locale":"lt","prices":[{"title":"Arbata","price":{"amount":100,"currency":"EUR"}}]}`:               `[{"type":"price","title":"Arbata","price":{"amount":100,"currency":"EUR"},"valid_until":4000000000}]`,
			`{"locale":"lt","prices":[{"title":"Arbata","price":{"amount":110,"currency":"EUR"}}]}`:               `[{"type":"price","title":"Arbata","price":{"amount":110,"currency":"EUR"}}]`,
			`{"prices":[{"type":"price","title":"Tea","price":{"amount":100,"currency":"EUR"},"valid_until":0}]}`: `[{"type":"price","title":"Tea","price":{"amount":100,"currency":"EUR"}}]`,
		} {
			before := server.Send("shop", "GET", placePath).Body
			if answer := put(t, server, placePath, body); !strings.Contains(answer.Body, `"prices":`+want) {
				t.Errorf("%s: want %s in %s", body, want, answer.Body)
			}
			put(t, server, placePath, `{"prices":[]}`)
			put(t, server, placePath, `{"prices":[{"type":"offer","title":"Sale","valid_until":4000000000},{"type":"offer","title":"Sale","valid_from":4100000000},
				{"type":"price","title":{"en":"Tea","lt":"Arbata"},"price":{"amount":100,"currency":"EUR"},"valid_until":4000000000}]}`)
			if after := server.Send("shop", "GET", placePath).Body; after != before {
				t.Fatalf("the prices were %s and are %s", before, after)
			}
		}
		refused := server.Send("shop", "PUT", placePath, wallettest.Body(`{"prices":[{"type":"price","price":{"amount":100,"currency":"EUR"}},{"type":"offer"}]}`))
		expect(t, refused, 400, wallet.InvalidParameters)
		if refused.Error.Properties["prices[0].title"] == nil || refused.Error.Properties["prices[1].title"] == nil {
			t.Errorf("prices without a title: %s", refused.Body)
		}
	})
}

// Trap: Swift requires id, status and identifier of a spot, and id, transaction_key and status of an order; Java knows open,
// waiting and closed, and pending, reserved, confirmed and closed (§3).
func TestTrapSpotsAndOrdersAreWhatTheSDKsDecode(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		spot := func(answer *wallettest.Answer) (s walletapi.Spot) {
			t.Helper()
			expect(t, answer, 200, "")
			answer.Decode(&s)
			if s.ID == 0 || s.Identifier == "" || s.PlaceInfo.LocationID != 106 || !slices.Contains([]string{"open", "waiting", "closed"}, s.Status) {
				t.Errorf("the spot is %s", answer.Body)
			}
			for _, o := range s.Orders {
				if o.ID == 0 || o.TransactionKey == "" || !slices.Contains([]string{"pending", "reserved", "confirmed", "closed"}, o.Status) {
					t.Errorf("an order is %+v", o)
				}
			}
			return s
		}
		spot(server.Send("token:5678", "PUT", spotPath+"/check-in?fields=*,orders.transaction"))
		var made walletapi.Transaction
		server.Send("shop", "POST", "/rest/v1/transaction", wallettest.Body(`{"payments":[{"description":"Tea","price":100,"currency":"EUR"}]}`)).Decode(&made)
		server.Send("shop", "POST", spotPath+"/order", wallettest.Body(`{"transaction_key":"`+made.TransactionKey+`","user_id":"5678"}`))
		s := spot(server.Send("token:5678", "GET", spotPath+"?fields=%2A%2Corders.transaction"))
		if len(s.Orders) != 1 || s.Orders[0].Status != "pending" || s.Orders[0].UserID != 5678 || s.Orders[0].Transaction == nil {
			t.Errorf("the orders are %+v", s.Orders)
		}
		if s = spot(server.Send("token:5678", "GET", spotPath+"?fields=")); s.Orders[0].Transaction != nil {
			t.Error("the transaction is embedded, and nobody asked for it")
		}
		server.Send("token:5678", "PUT", "/rest/v1/transaction/"+made.TransactionKey+"/reserve")
		if s = spot(server.Send("shop", "GET", spotPath)); s.Orders[0].Status != "reserved" {
			t.Errorf("a bill that is reserved is %s", s.Orders[0].Status)
		}
		if s = spot(server.Send("shop", "DELETE", spotPath)); s.Orders[0].Status != "reserved" || s.Status != "closed" {
			t.Errorf("money that is held is not forgotten when the spot is closed: %+v", s)
		}
	})
}

// A visit in secret: an order for one of two at a table is shown to that one alone, and whoever is not checked in sees none. The
// next guests see nothing of it, and nobody is at a table for longer than a day.
func TestGuestsSeeTheirOwnOrders(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		ctx := context.Background()
		as := func(user int64) wallettest.Option {
			issued, err := server.Service.IssueToken(ctx, wallettest.Operator, user, 1, nil, 100*time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			return wallettest.SignedBy(walletapi.MAC{ID: issued.Access, Secret: issued.Key.Reveal()})
		}
		paula, rita, john := as(5678), as(9012), as(1234)
		seen := func(who wallettest.Option) (orders int, status string) {
			t.Helper()
			var s walletapi.Spot
			answer := server.Send("", "GET", spotPath, who)
			expect(t, answer, 200, "")
			answer.Decode(&s)
			return len(s.Orders), s.Status
		}
		for _, guest := range []wallettest.Option{paula, rita} {
			expect(t, server.Send("", "PUT", spotPath+"/check-in", guest), 200, "")
		}
		for _, body := range []string{`"}`, `","user_id":9012}`} {
			var made walletapi.Transaction
			server.Send("shop", "POST", "/rest/v1/transaction", wallettest.Body(`{"payments":[{"description":"Tea","price":100,"currency":"EUR"}]}`)).Decode(&made)
			expect(t, server.Send("shop", "POST", spotPath+"/order", wallettest.Body(`{"transaction_key":"`+made.TransactionKey+body)), 200, "")
		}
		for name, tc := range map[string]struct {
			who    wallettest.Option
			orders int
		}{"Paula": {paula, 1}, "Rita": {rita, 2}, "John, who is not there": {john, 0}} {
			if orders, status := seen(tc.who); orders != tc.orders || status != "waiting" {
				t.Errorf("%s sees %d orders at a table that is %s", name, orders, status)
			}
		}
		expect(t, server.Send("", "PUT", spotPath+"/check-out", paula), 200, "")
		if orders, status := seen(paula); orders != 0 || status != "waiting" {
			t.Errorf("Paula has left, and sees %d orders at a table that is %s", orders, status)
		}
		server.Business.Advance(25 * time.Hour)
		if err := server.Service.Prune(ctx, wallettest.Operator); err != nil {
			t.Fatal(err)
		}
		if orders, status := seen(rita); orders != 0 || status != "open" {
			t.Errorf("a day later Rita sees %d orders at a table that is %s", orders, status)
		}
	})
}

// The bounds of a visit: orders are counted, tables of a place that is out of use serve nobody, and one that was taken away is gone.
func TestBoundsOfAVisit(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		order := func() *wallettest.Answer {
			var made walletapi.Transaction
			server.Send("shop", "POST", "/rest/v1/transaction", wallettest.Body(`{"payments":[{"description":"Tea","price":100,"currency":"EUR"}]}`)).Decode(&made)
			return server.Send("shop", "POST", spotPath+"/order", wallettest.Body(`{"transaction_key":"`+made.TransactionKey+`"}`))
		}
		for range 100 {
			expect(t, order(), 200, "")
		}
		expect(t, order(), 409, wallet.InvalidState)
		server.Send("shop", "DELETE", spotPath)
		expect(t, order(), 200, "")
		var s walletapi.Spot
		server.Send("shop", "GET", spotPath).Decode(&s)
		if len(s.Orders) != 1 || s.Status != "open" {
			t.Errorf("after closing, an order begins another visit: %s with %d orders", s.Status, len(s.Orders))
		}
		put(t, server, placePath, `{"status":"inactive"}`)
		expect(t, server.Send("token:5678", "PUT", spotPath+"/check-in"), 403, wallet.Forbidden)
		expect(t, server.Send("token:5678", "GET", spotPath), 403, wallet.Forbidden)
		expect(t, server.Send("shop", "GET", spotPath), 200, "")
		put(t, server, placePath, `{"status":"active","spots":[{"id":2,"identifier":"COUNTER"},{"id":3,"identifier":"TABLE2"}]}`)
		expect(t, server.Send("token:5678", "GET", spotPath), 404, wallet.NotFound)
		var swapped walletapi.Spot
		server.Send("token:5678", "GET", "/rest/v1/spot?code=PAYSERA*106:COUNTER").Decode(&swapped)
		if swapped.ID != 2 {
			t.Errorf("the counter is spot %d", swapped.ID)
		}
	})
}

// What happens to places and spots stands in the audit trail, with who did it.
func TestPlacesLeaveATrail(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		ctx := context.Background()
		put(t, server, placePath, `{"radius":9,"spots":[{"id":1,"place_info":{"title":"First table"}}]}`)
		server.Send("token:5678", "PUT", spotPath+"/check-in")
		server.Send("shop", "DELETE", spotPath)
		for object, want := range map[string]struct {
			id      int64
			actions []string
		}{"location": {106, []string{"update"}}, "spot": {1, []string{"close", "check in", "update"}}} {
			trail, err := server.Service.AuditTrail(ctx, wallettest.Operator, object, want.id, 3)
			if err != nil || len(trail) < len(want.actions) {
				t.Fatalf("%s: %v, %v", object, trail, err)
			}
			for i, action := range want.actions {
				if trail[i].Action != action || trail[i].ClientID != 1 {
					t.Errorf("%s: %+v, want %s", object, trail[i], action)
				}
			}
		}
		for _, id := range []int64{2, 3} {
			if trail, err := server.Service.AuditTrail(ctx, wallettest.Operator, "spot", id, 1); err != nil || trail[0].Action != "remove" {
				t.Errorf("spot %d: %v, %v", id, trail, err)
			}
		}
	})
}

// A project's administrators change its places without owning it, until they are removed.
func TestAdministratorsChangePlaces(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		ctx := context.Background()
		if err := server.Service.AddAdministrator(ctx, wallettest.Operator, 1221, 9012); err != nil {
			t.Fatal(err)
		}
		issued, err := server.Service.IssueToken(ctx, wallettest.Operator, 9012, 6, []wallet.Scope{wallet.ScopeProjects}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		rita := wallettest.SignedBy(walletapi.MAC{ID: issued.Access, Secret: issued.Key.Reveal()})
		expect(t, server.Send("", "PUT", placePath, rita, wallettest.Body(`{"radius":11}`)), 200, "")
		expect(t, server.Send("", "GET", "/rest/v1/spots?location_id=106", rita), 200, "")
		if _, err := server.Service.UpdateProject(ctx, wallettest.Operator, 1221, service.ProjectChange{RemoveAdministrators: []int64{9012}}, true); err != nil {
			t.Fatal(err)
		}
		expect(t, server.Send("", "PUT", placePath, rita, wallettest.Body(`{"radius":12}`)), 403, wallet.Forbidden)
	})
}

// Another prefix than the protocol's is what codes say, and the only one that is read.
func TestThePrefixOfSpotCodes(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		server.Service.SpotPrefix = "CAFE"
		answer := server.Send("token:5678", "GET", "/rest/v1/spot?code=CAFE*106%3ATABLE1")
		expect(t, answer, 200, "")
		if !json.Valid([]byte(answer.Body)) || !strings.Contains(answer.Body, `"code":"CAFE*106:TABLE1"`) {
			t.Errorf("the spot is %s", answer.Body)
		}
		expect(t, server.Send("token:5678", "GET", "/rest/v1/spot?code=PAYSERA*106%3ATABLE1"), 400, wallet.InvalidParameters)
	})
}
