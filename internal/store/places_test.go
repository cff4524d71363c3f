package store_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/nearby"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// opening is a schedule of a text.
func opening(t *testing.T, text string) *hours.Schedule {
	t.Helper()
	schedule, err := hours.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return schedule
}

// A bakery comes back as it was stored, and so does a place of which next to nothing is known.
func TestPlacesComeBackAsTheyWere(t *testing.T) {
	bakery := wallet.Location{
		ID: 1, ProjectID: 2, Title: wallet.Text{"lt": "Kepykla „Ona“", "en": "Ona's <bakery> & café"},
		Description: wallet.Text{"en": "Bread."}, Address: wallet.Text{"en": "Pilies 1, Vilnius"},
		Position: &wallet.Position{Lat: 54_682_133, Lng: 25_288_954}, Radius: 40,
		UpdatedAt: wallettest.Epoch.Add(1234 * time.Microsecond), Status: wallet.Active, Public: true,
		Hours: opening(t, "Mo 08:00-12:00,13:00-18:00; Su 22:00-02:00; Dec 24-26 off"), Timezone: "Europe/Vilnius", TimezoneGiven: true,
		Services: map[wallet.Service]wallet.Offer{
			wallet.Pay: {Available: true, Categories: []int64{3, 1}}, wallet.CashIn: {Available: true, Types: []string{"bar_code"}},
			wallet.CashOut: {Available: false, Types: []string{"document"}},
		},
		Prices: []wallet.Price{
			{Title: wallet.Text{"en": "Loaf"}, Amount: money.Amount{Minor: 250, Currency: "EUR"}}, {Title: wallet.Text{"en": "Free coffee"}},
		},
		PinOpen: "https://pins.example/open.png", PinClosed: "https://pins.example/closed.png",
	}
	unknown := wallet.Location{ID: 2, ProjectID: 1, UpdatedAt: wallettest.Epoch.Add(time.Second), Status: wallet.Inactive}
	nullIsland := wallet.Location{ID: 3, ProjectID: 1, UpdatedAt: wallettest.Epoch.Add(time.Minute), Status: wallet.Active, Position: &wallet.Position{}}
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		for _, want := range []wallet.Location{bakery, unknown, nullIsland} {
			update(t, db, func(tx *store.Tx) error { return tx.InsertLocation(want) })
			got, err := db.Location(context.Background(), want.ID)
			if diff := cmp.Diff(&want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("place %d differs (-want +got): %v\n%s", want.ID, err, diff)
			}
		}
		if got, err := db.Location(context.Background(), 99); got != nil || err != nil {
			t.Errorf("a place that does not exist is %v, %v", got, err)
		}
	})
}

func TestPayCategories(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		food := wallet.PayCategory{ID: 1, Title: wallet.Text{"en": "Food"}, ActiveURI: "/on.png", InactiveURI: "/off.png"}
		bread := wallet.PayCategory{ID: 2, Title: wallet.Text{"lt": "Duona"}, ParentID: 1}
		update(t, db, func(tx *store.Tx) error {
			if err := tx.InsertPayCategory(food); err != nil {
				return err
			}
			return tx.InsertPayCategory(bread)
		})
		got, err := db.PayCategories(context.Background())
		if diff := cmp.Diff([]wallet.PayCategory{food, bread}, got); diff != "" || err != nil {
			t.Errorf("the categories differ (-want +got): %v\n%s", err, diff)
		}
	})
}

// Where geometry is hard: the poles, the date line on both of its sides, and the place where
// the numbers begin. Vilnius is there for comparison.
var corners = []wallet.Position{
	{Lat: 54_687_157, Lng: 25_279_652}, {}, {Lat: 90_000_000}, {Lat: 90_000_000, Lng: 135_000_000}, {Lat: -90_000_000, Lng: -180_000_000},
	{Lat: 89_999_000, Lng: -45_000_000}, {Lat: -89_999_999, Lng: 1}, {Lng: 180_000_000}, {Lng: -180_000_000}, {Lat: 65_000_000, Lng: 179_999_999},
	{Lat: -16_500_000, Lng: -179_999_000}, {Lat: -16_500_000, Lng: 179_990_000},
}

// atlas is four hundred places: on the corners, close to them, all over the world, and nowhere.
func atlas() []wallet.Location {
	r := rand.New(rand.NewPCG(7, 11))
	clamp := func(v, limit int64) int64 { return max(-limit, min(v, limit)) }
	places := make([]wallet.Location, 400)
	for i := range places {
		place := wallet.Location{
			ID: int64(i + 1), ProjectID: 1 + r.Int64N(3), Title: wallet.Text{"en": "A place"}, Public: r.IntN(3) > 0, Status: wallet.Active,
			UpdatedAt: wallettest.Epoch.Add(time.Duration(r.IntN(5)) * time.Microsecond), Services: map[wallet.Service]wallet.Offer{},
		}
		if r.IntN(4) == 0 {
			place.Status = wallet.Inactive
		}
		corner := corners[r.IntN(len(corners))]
		switch spread := int64(math.Pow(10, float64(r.IntN(7)))); r.IntN(5) {
		case 0:
			place.Position = &corner
		case 1, 2:
			place.Position = &wallet.Position{
				Lat: clamp(corner.Lat+r.Int64N(2*spread)-spread, 90_000_000), Lng: clamp(corner.Lng+r.Int64N(2*spread)-spread, 180_000_000),
			}
		case 3:
			place.Position = &wallet.Position{Lat: r.Int64N(180_000_001) - 90_000_000, Lng: r.Int64N(360_000_001) - 180_000_000}
		}
		for _, service := range wallet.Services() {
			switch r.IntN(3) {
			case 0:
				place.Services[service] = wallet.Offer{Available: true}
			case 1: // it is offered at other times: no list may find it by that
				place.Services[service] = wallet.Offer{Available: false}
			}
			// Categories mean something with pay only: with other services no list may find them.
			if offer, ok := place.Services[service]; ok {
				offer.Categories = []int64{1, 2, 3, 4}[r.IntN(3) : 2+r.IntN(3)]
				place.Services[service] = offer
			}
		}
		places[i] = place
	}
	return places
}

// matches says whether the filter holds for a place, in the words of the filter's comment.
func matches(f wallet.LocationFilter, l wallet.Location) bool {
	offers := func(s wallet.Service) bool { return l.Services[s].Available }
	pays := func(category int64) bool {
		return offers(wallet.Pay) && slices.Contains(l.Services[wallet.Pay].Categories, category)
	}
	return (len(f.Statuses) == 0 || slices.Contains(f.Statuses, l.Status)) &&
		(f.Projects == nil || slices.Contains(f.Projects, l.ProjectID)) &&
		(!f.PublicOnly || l.Public) &&
		(f.UpdatedSince.IsZero() || !l.UpdatedAt.Before(f.UpdatedSince)) &&
		(len(f.Services) == 0 || slices.ContainsFunc(f.Services, offers)) &&
		(len(f.Categories) == 0 || slices.ContainsFunc(f.Categories, pays)) &&
		(f.Near == nil || l.Position != nil && f.Near.Distance(*l.Position) <= f.Distance)
}

// bruteForce is the list that the filter stands for, found by looking at every place.
func bruteForce(f wallet.LocationFilter, places []wallet.Location) (ids []int64) {
	var found []wallet.Location
	for _, place := range places {
		if matches(f, place) {
			found = append(found, place)
		}
	}
	if f.Near != nil {
		slices.SortStableFunc(found, func(a, b wallet.Location) int {
			if a, b := f.Near.Distance(*a.Position), f.Near.Distance(*b.Position); a != b {
				return int(math.Copysign(1, a-b))
			}
			return 0
		})
	}
	if f.Near == nil && !f.UpdatedSince.IsZero() {
		slices.SortStableFunc(found, func(a, b wallet.Location) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	}
	for _, place := range found {
		ids = append(ids, place.ID)
	}
	return ids
}

// drawFilter draws any filter, with and without a circle around somewhere.
func drawFilter(t *rapid.T, places []wallet.Location) wallet.LocationFilter {
	some := func(name string, n int) bool { return rapid.IntRange(0, n).Draw(t, name) == 0 }
	f := wallet.LocationFilter{PublicOnly: some("public only", 3)}
	if some("by status", 3) {
		f.Statuses = rapid.SliceOfDistinct(rapid.SampledFrom([]wallet.LocationStatus{wallet.Active, wallet.Inactive}), rapid.ID).Draw(t, "statuses")
	}
	if some("by project", 3) {
		f.Projects = append([]int64{}, rapid.SliceOfNDistinct(rapid.Int64Range(1, 4), 0, 3, rapid.ID).Draw(t, "projects")...)
	}
	if some("by edit", 3) {
		f.UpdatedSince = wallettest.Epoch.Add(time.Duration(rapid.IntRange(-1, 5).Draw(t, "updated since")) * time.Microsecond)
	}
	if some("by service", 3) {
		f.Services = rapid.SliceOfDistinct(rapid.SampledFrom(wallet.Services()), rapid.ID).Draw(t, "services")
	}
	if some("by category", 3) {
		f.Categories = rapid.SliceOfNDistinct(rapid.Int64Range(1, 5), 0, 3, rapid.ID).Draw(t, "categories")
	}
	if some("anywhere", 3) {
		return f
	}
	center := rapid.OneOf(rapid.SampledFrom(corners), rapid.Custom(func(t *rapid.T) wallet.Position {
		return wallet.Position{Lat: rapid.Int64Range(-90_000_000, 90_000_000).Draw(t, "lat"), Lng: rapid.Int64Range(-180_000_000, 180_000_000).Draw(t, "lng")}
	})).Draw(t, "near")
	f.Near = &center
	f.Distance = rapid.OneOf(
		rapid.SampledFrom([]float64{0, 1e-9, 0.2, 111, 1e5, nearby.Farthest / 2, nearby.Farthest, 1e9, math.MaxFloat64}),
		rapid.Float64Range(0, 3e7), rapid.Float64Range(0, 3e3),
		rapid.Map(rapid.SampledFrom(places), func(l wallet.Location) float64 { // as far as to some place, to the last bit
			if l.Position == nil {
				return 0
			}
			return center.Distance(*l.Position)
		}),
	).Draw(t, "distance")
	return f
}

// Whatever is asked for, the list holds what looking at every place would find, in the same
// order; its pages together are the list, and every page tells the exact total.
func TestPlacesAgainstBruteForce(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		places := atlas()
		update(t, db, func(tx *store.Tx) error {
			for _, place := range places {
				if err := tx.InsertLocation(place); err != nil {
					return err
				}
			}
			return nil
		})
		rapid.Check(t, func(t *rapid.T) {
			f := drawFilter(t, places)
			want := bruteForce(f, places)
			got, total := listed(t, db, f)
			if total != len(want) || !slices.Equal(got, want) {
				t.Fatalf("%d places in all, and they are (-want +got):\n%s", total, cmp.Diff(want, got))
			}
			f.Limit = rapid.IntRange(1, 60).Draw(t, "limit")
			var paged []int64
			for f.Offset = 0; f.Offset <= len(want); f.Offset += f.Limit {
				page, total := listed(t, db, f)
				if total != len(want) || len(page) > f.Limit {
					t.Fatalf("a page of %d of %d places, want at most %d of %d", len(page), total, f.Limit, len(want))
				}
				paged = append(paged, page...)
			}
			if !slices.Equal(paged, want) {
				t.Fatalf("the pages together differ from the list (-want +got):\n%s", cmp.Diff(want, paged))
			}
		})
	})
}

// listed is the ids that the database finds.
func listed(t *rapid.T, db *store.DB, f wallet.LocationFilter) (ids []int64, total int) {
	page, total, err := db.Locations(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range page {
		ids = append(ids, place.ID)
	}
	return ids, total
}

// Whoever opens a place finds it at once at the server that wrote it, and within two seconds at another; and whoever moves it finds
// it where it is. Machines that are busy with other things may take longer now and then: the quickest of three is what counts.
func TestAPlaceIsFoundAsSoonAsItIsWritten(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		here := wallettest.Open(t, address, wallettest.NewClock())
		elsewhere := here
		if isPostgres(address) {
			elsewhere = wallettest.Open(t, address, wallettest.NewClock())
		}
		seed(t, here)
		near := wallet.At(54.68, 25.28)
		found := func(db *store.DB) int {
			_, total, err := db.Locations(context.Background(), wallet.LocationFilter{Near: &near, Distance: 100})
			if err != nil {
				t.Fatal(err)
			}
			return total
		}
		if found(here) != 0 || found(elsewhere) != 0 {
			t.Fatal("there is a place already")
		}
		var took []time.Duration
		for id := int64(1); id <= 3; id++ {
			update(t, here, func(tx *store.Tx) error {
				return tx.PutLocations([]wallet.Location{{ID: id, ProjectID: 1, Status: wallet.Active, UpdatedAt: wallettest.Epoch, Position: &near}})
			})
			written := time.Now()
			if n := found(here); n != int(id) {
				t.Errorf("%d of %d places are found where they were written", n, id)
			}
			for found(elsewhere) != int(id) && time.Since(written) < time.Minute {
				time.Sleep(5 * time.Millisecond)
			}
			took = append(took, time.Since(written))
		}
		if least := slices.Min(took); least > 2*time.Second {
			t.Errorf("another server finds a place after %s at the earliest", least)
		}
		away := wallet.At(-33.9, 18.4)
		update(t, here, func(tx *store.Tx) error {
			return tx.PutLocations([]wallet.Location{{ID: 1, ProjectID: 1, Status: wallet.Active, UpdatedAt: wallettest.Epoch.Add(time.Second), Position: &away}})
		})
		if n := found(here); n != 2 {
			t.Errorf("%d places are found where one of three has left", n)
		}
	})
}

// A place at the date line is found from its other side, and a place near the pole from the
// other side of the pole.
func TestNearAcrossTheEdgeOfTheMap(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		for i, at := range []wallet.Position{wallet.At(-16.5, 179.999), wallet.At(-16.5, -179.999), wallet.At(89.9995, 10), wallet.At(89.9995, -170)} {
			update(t, db, func(tx *store.Tx) error {
				return tx.InsertLocation(wallet.Location{ID: int64(i + 1), ProjectID: 1, Status: wallet.Active, UpdatedAt: wallettest.Epoch, Position: &at})
			})
		}
		for _, tc := range []struct {
			near   wallet.Position
			metres float64
			want   []int64
		}{
			{wallet.At(-16.5, 179.9985), 270, []int64{1, 2}}, // 53 m to the first, 266 m to the second
			{wallet.At(-16.5, 179.9985), 260, []int64{1}},
			{wallet.At(-16.5, -179.9985), 270, []int64{2, 1}},
			{wallet.At(89.9995, 10), 112, []int64{3, 4}}, // 111 m over the pole
			{wallet.At(89.9995, 10), 110, []int64{3}},
			{wallet.At(89.9995, 10), 0, []int64{3}},
		} {
			page, total, err := db.Locations(context.Background(), wallet.LocationFilter{Near: &tc.near, Distance: tc.metres})
			var got []int64
			for _, place := range page {
				got = append(got, place.ID)
			}
			if !slices.Equal(got, tc.want) || total != len(tc.want) || err != nil {
				t.Errorf("within %v m of %v: %v of %d, %v; want %v", tc.metres, tc.near, got, total, err, tc.want)
			}
		}
	})
}
