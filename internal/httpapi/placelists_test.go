package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// A place is taken off the map by another process at the moment at which somebody looks for what is near: it is found, and when it is read
// it has no position any more. The answer says how far away it was found. A process of PostgreSQL's learns of such a thing soon, so that this
// looks more than once.
func TestAPlaceThatMovesWhileItIsListed(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		elsewhere := wallettest.Open(t, address, server.Business)
		var before []walletapi.Location
		const near = "/rest/v1/project/1222/locations?lat=55.6721&lng=21.1705&distance=100000"
		server.Send("second-shop", "GET", near).Decode(&before)
		if len(before) != 1 || before[0].Distance == nil {
			t.Fatalf("%+v", before)
		}
		place, err := elsewhere.Location(context.Background(), before[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		position, caught := place.Position, false
		for range 20 {
			place.Position = nil
			put := func() {
				if err := elsewhere.Update(context.Background(), func(tx *store.Tx) error { return tx.UpdateLocation(*place) }); err != nil {
					t.Fatal(err)
				}
			}
			put()
			answer := server.Send("second-shop", "GET", near)
			expect(t, answer, 200, "")
			var list []walletapi.Location
			answer.Decode(&list)
			for _, l := range list {
				if caught = l.Lat == nil; l.Distance == nil || *l.Distance != *before[0].Distance {
					t.Errorf("it was found %v metres away, and is said to be %v", *before[0].Distance, l.Distance)
				}
			}
			if caught {
				return
			}
			place.Position = position
			put()
		}
		t.Error("no search found the place while it was taken off the map")
	})
}

// addPlaces gives a project many places more, and returns their ids in order.
func addPlaces(t *testing.T, server *wallettest.Server, project int64, n int) (ids []int64) {
	t.Helper()
	week, err := hours.Parse("Mo-Fr 09:00-18:00; Sa 10:00-14:00")
	if err != nil {
		t.Fatal(err)
	}
	places := make([]wallet.Location, n)
	for i := range places {
		places[i] = wallet.Location{
			ProjectID: project, Title: wallet.Text{"en": fmt.Sprintf("Kiosk <%d>", i), "lt": fmt.Sprintf("Kioskas %d", i)}, Address: wallet.Text{"en": "Gedimino 1"},
			Hours: week, Timezone: "Europe/Vilnius", Status: wallet.Active, UpdatedAt: server.Business.Now(),
		}
		if i%7 == 3 {
			places[i].Status = wallet.Inactive
		}
	}
	for some := range slices.Chunk(places, 500) { // so few at a time are found at once
		if err := server.DB.Update(context.Background(), func(tx *store.Tx) error { return tx.InsertLocations(some) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range places {
		ids = append(ids, l.ID)
	}
	return ids
}

const clientPlaces = "/rest/v1/client/locations?locale=lt"

// A chain has thousands of places, and one call brings them all (spec/wallet-api.md §4.4). They are written as they are read, and are, byte for byte,
// what the pages of the project hold.
func TestThousandsOfPlacesInOneAnswer(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		addPlaces(t, server, 1222, 1500)
		var pages []string
		for offset := 0; ; offset += 200 {
			page := server.Send("second-shop", "GET", fmt.Sprintf("/rest/v1/project/1222/locations?locale=lt&offset=%d", offset)).Body
			if page == "[]" {
				break
			}
			pages = append(pages, page[1:len(page)-1])
		}
		answer := server.Send("second-shop", "GET", clientPlaces)
		expect(t, answer, 200, "")
		if want := "[" + strings.Join(pages, ",") + "]"; answer.Body != want || len(pages) < 5 {
			t.Errorf("%d bytes, and not the %d of %d pages: %.300s", len(answer.Body), len(want), len(pages), answer.Body)
		}
		if answer.Header.Get("Content-Length") != "" {
			t.Errorf("all of it was in memory: %s", answer.Head)
		}
		if short := server.Send("shop", "GET", clientPlaces, wallettest.Ext("project_id=123")); short.Header.Get("Content-Length") != fmt.Sprint(len(short.Body)) {
			t.Errorf("a short list does not say how long it is: %s", short.Head)
		}
		expect(t, server.Send("second-shop", "HEAD", clientPlaces), 200, "")
	})
}

// Reading fails in the middle of such an answer, which has begun with 200: the connection is closed before its end, so that no program
// takes a part for the whole, and the log says why. Before the first byte the same is an error like any other.
func TestHalfAListIsNotTakenForAWholeOne(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		ids := addPlaces(t, server, 1222, 1500)
		spoil := func(id int64) {
			wallettest.Spoil(t, address, fmt.Sprintf("UPDATE locations SET document = '{' WHERE id = %d", id))
		}
		spoil(ids[1400])
		connection, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if _, err := io.WriteString(connection, server.Compose("second-shop", "GET", clientPlaces)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if answer.StatusCode != 200 || len(body) < 100_000 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s, and %d bytes until %v", answer.Status, len(body), err)
		}
		if log := server.Log(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "cut short") || !strings.Contains(log, "error=internal_server_error") {
			t.Errorf("the log says %s", log)
		}
		spoil(ids[0])
		expect(t, server.Send("second-shop", "GET", clientPlaces), 500, wallet.InternalServerError)
	})
}
