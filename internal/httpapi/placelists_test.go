package httpapi_test

import (
	"context"
	"testing"

	"github.com/purserhq/purser/internal/store"
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

