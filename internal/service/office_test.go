package service_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// office is an operator's desk: the use cases on a new database, where Ona is user 1 and her bakery
// user 2, with wallets 1 and 2 and projects 1 and 2.
type office struct {
	*service.Service
	t        *testing.T
	ctx      context.Context
	operator wallet.Caller
	clock    *wallettest.Clock
}

func offices(t *testing.T, story func(t *testing.T, o *office)) {
	t.Helper()
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		uses, err := service.New(context.Background(), db, service.Options{
			WallClock: clock.Now, BusinessClock: clock.Now, Random: secret.NewIDs([32]byte{}), Box: db.Box,
			Currencies: wallettest.Currencies, MinimumPasswordLength: 8,
		})
		if err != nil {
			t.Fatal(err)
		}
		o := &office{Service: uses, t: t, ctx: context.Background(), clock: clock,
			operator: wallet.Caller{Kind: wallet.Operator, From: wallet.Origin{Agent: "Petras"}}}
		o.must(o.CreateUser(o.ctx, o.operator, wallet.User{Type: wallet.Natural, DisplayName: "Ona", Email: "Ona@Example.com", Phone: "+370 600 00001", Locale: "lt"}, "", ""))
		o.must(o.CreateUser(o.ctx, o.operator, wallet.User{Type: wallet.Legal, DisplayName: "Onos kepykla", CompanyCode: "300100200", Administrators: []int64{1}}, "", ""))
		for id := int64(1); id <= 2; id++ {
			o.must(o.CreateWallet(o.ctx, o.operator, wallet.Wallet{OwnerID: id}))
			o.must(o.CreateProject(o.ctx, o.operator, wallet.Project{Title: fmt.Sprint("Project ", id), OwnerID: id, WalletID: id}))
		}
		story(t, o)
	})
}

func (o *office) must(id int64, err error) int64 {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
	return id
}

// refused checks that an error refuses just these fields.
func (o *office) refused(err error, fields ...string) {
	o.t.Helper()
	var known *wallet.Error
	if !errors.As(err, &known) || known.Code != wallet.InvalidParameters {
		o.t.Errorf("the error is %v, want a refusal of %v", err, fields)
		return
	}
	if got := slices.Sorted(maps.Keys(known.Properties)); !slices.Equal(got, fields) {
		o.t.Errorf("refused are %v (%v), want %v", got, err, fields)
	}
}

// entries is what the audit trail says of a thing, newest first, beyond its making.
func (o *office) entries(object string, id int64) (entries []string) {
	o.t.Helper()
	all, err := o.AuditTrail(o.ctx, o.operator, object, id, 100)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, e := range all {
		if e.Action != "create" {
			entries = append(entries, e.Action+" "+e.Before+" "+e.After)
		}
		if e.Actor != "the operator" || e.From.Agent != "Petras" {
			o.t.Errorf("%+v does not say who it was", e)
		}
	}
	return entries
}

// An operator keeps a person's data: what changes is written once with an entry in the trail, what
// does not is not, and secrets never stand there.
func TestAPersonIsKept(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		change := service.UserChange{DisplayName: new(" Ona Onaitė "), Email: new("ONA@shop.example"), Phone: new("+370 (600) 00-002"), Locale: new("lt_LT")}
		changed, err := o.UpdateUser(o.ctx, o.operator, 1, change, false)
		want := wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona Onaitė", Email: "ona@shop.example", Phone: "37060000002", Locale: "lt_LT",
			Standing: wallet.ActiveUser, Level: wallet.Unidentified, CreatedAt: wallettest.Epoch}
		if diff := cmp.Diff(want, changed.After); diff != "" || changed.Planned || changed.Losses != nil || err != nil {
			t.Fatalf("the change is %+v, %v (-want +got):\n%s", changed, err, diff)
		}
		if again, err := o.UpdateUser(o.ctx, o.operator, 1, change, false); again.Planned || err != nil {
			t.Errorf("the same again is %+v, %v", again, err)
		}
		if _, err := o.UpdateUser(o.ctx, o.operator, 1, service.UserChange{Password: "a long password", PIN: "1234"}, false); err != nil {
			t.Error(err)
		}
		wantTrail := []string{"set pin  ", "set password  ",
			`update {"DisplayName":"Ona","Email":"ona@example.com","Locale":"lt","Phone":"37060000001"} ` +
				`{"DisplayName":"Ona Onaitė","Email":"ona@shop.example","Locale":"lt_LT","Phone":"37060000002"}`}
		if diff := cmp.Diff(wantTrail, o.entries("user", 1)); diff != "" {
			t.Errorf("the trail differs (-want +got):\n%s", diff)
		}
		got, err := o.InspectUser(o.ctx, o.operator, 1)
		if err != nil || !got.HasPassword || !got.HasPIN || !slices.Equal(got.Companies, []int64{2}) || len(got.Wallets) != 1 || len(got.Projects) != 2 {
			t.Errorf("Ona is %+v, %v", got, err)
		}
		if diff := cmp.Diff(want, got.User); diff != "" {
			t.Errorf("Ona differs (-want +got):\n%s", diff)
		}
		if users, total, err := o.ListUsers(o.ctx, o.operator, service.UserFilter{Text: "onaitė"}); len(users) != 1 || total != 1 || err != nil {
			t.Errorf("found are %v of %d, %v", users, total, err)
		}
		_, _, err = o.ListUsers(o.ctx, o.operator, service.UserFilter{Type: "robot\x00"})
		o.refused(err, "type")
	})
}

// What a change takes away is told first, and nothing is done until somebody agrees.
func TestNothingIsTakenAwayUnasked(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		change := service.UserChange{DisplayName: new("Kepykla"), CompanyCode: new(""), Administrators: &[]int64{}, Password: "a long password"}
		plan, err := o.UpdateUser(o.ctx, o.operator, 2, change, false)
		if err != nil || !plan.Planned || len(plan.Losses) != 2 || plan.After.DisplayName != "Kepykla" {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		got, err := o.InspectUser(o.ctx, o.operator, 2)
		if err != nil || got.DisplayName != "Onos kepykla" || len(got.Administrators) != 1 || got.HasPassword || len(o.entries("user", 2)) != 0 {
			t.Errorf("a plan changed the company to %+v, %v", got, err)
		}
		if done, err := o.UpdateUser(o.ctx, o.operator, 2, change, true); err != nil || done.Planned {
			t.Errorf("the change is %+v, %v", done, err)
		}
		got, err = o.InspectUser(o.ctx, o.operator, 2)
		if err != nil || got.DisplayName != "Kepykla" || len(got.Administrators) != 0 || !got.HasPassword || len(o.entries("user", 2)) != 2 {
			t.Errorf("the company is %+v, %v", got, err)
		}
		if p, err := o.InspectProject(o.ctx, o.operator, 2); err != nil || p.OwnerDisplayName != "Kepykla" {
			t.Errorf("its project is %+v, %v", p, err)
		}
	})
}

// Refused are malformed data, somebody else's address, and what is not there: by the field, whether
// somebody is made or changed.
func TestUsersAreRefused(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		o.must(o.CreateUser(o.ctx, o.operator, wallet.User{ID: 70, Type: wallet.Natural, DisplayName: "Jonas", Email: "jonas@example.com", Phone: "37060000070"}, "", ""))
		for _, tc := range []struct {
			with   wallet.User
			fields []string
		}{
			{wallet.User{Email: "ona"}, []string{"email"}}, {wallet.User{Email: "ona@localhost"}, []string{"email"}},
			{wallet.User{Email: "Ona <ona@example.org>"}, []string{"email"}}, {wallet.User{Email: `"o na"@example.org`}, []string{"email"}},
			{wallet.User{Email: "a@example.org, b@example.org"}, []string{"email"}}, {wallet.User{Email: "a\x00@example.org"}, []string{"email"}},
			{wallet.User{Phone: "00370600000"}, []string{"phone"}}, {wallet.User{Phone: "1234567"}, []string{"phone"}},
			{wallet.User{Phone: "1234567890123456"}, []string{"phone"}}, {wallet.User{Phone: "+370 abc 00000"}, []string{"phone"}},
			{wallet.User{Locale: "Lithuanian"}, []string{"locale"}}, {wallet.User{Locale: "LT"}, []string{"locale"}},
			{wallet.User{Email: "JONAS@example.com", Phone: "+37060000070"}, []string{"email", "phone"}},
			{wallet.User{CompanyCode: "1"}, []string{"company_code"}}, {wallet.User{Administrators: []int64{70}}, []string{"administrators"}},
			{wallet.User{DisplayName: strings.Repeat("ž", 200)}, []string{"display_name"}}, {wallet.User{DisplayName: " "}, []string{"display_name"}},
			{wallet.User{DisplayName: "a\x00b"}, []string{"display_name"}}, {wallet.User{DisplayName: "\xff\xfe"}, []string{"display_name"}},
		} {
			n := tc.with
			n.Type, n.DisplayName = wallet.Natural, or(tc.with.DisplayName, "Antanas")
			_, err := o.CreateUser(o.ctx, o.operator, n, "", "")
			o.refused(err, tc.fields...)
			_, err = o.UpdateUser(o.ctx, o.operator, 1, service.UserChange{
				DisplayName: &n.DisplayName, Email: &n.Email, Phone: &n.Phone, Locale: &n.Locale, CompanyCode: &n.CompanyCode, Administrators: &n.Administrators,
			}, true)
			o.refused(err, tc.fields...)
		}
		_, err := o.UpdateUser(o.ctx, o.operator, 2, service.UserChange{Administrators: &[]int64{1, 2, 99}}, true)
		o.refused(err, "administrators")
		_, err = o.UpdateUser(o.ctx, o.operator, 1, service.UserChange{Password: "short", PIN: "12"}, true)
		o.refused(err, "password", "pin")
		for _, n := range []wallet.User{{ID: 70, Type: wallet.Natural, DisplayName: "Another"}, {ID: -1, Type: wallet.Natural, DisplayName: "Another"}} {
			_, err = o.CreateUser(o.ctx, o.operator, n, "", "")
			o.refused(err, "id")
		}
		_, err = o.CreateUser(o.ctx, o.operator, wallet.User{DisplayName: "Another"}, "", "")
		o.refused(err, "type")
		// Somebody's own address is no clash.
		if _, err := o.UpdateUser(o.ctx, o.operator, 70, service.UserChange{Email: new("Jonas@example.com")}, false); err != nil {
			t.Error(err)
		}
		for id := range int64(71) {
			if trail := o.entries("user", id); id > 0 && trail != nil {
				t.Errorf("refused changes left %v", trail)
			}
		}
	})
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// Many take one address, or one number, at the same moment: one gets it, the others are refused by
// the field.
func TestOneAddressIsOneUsers(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		for field, twin := range map[string]wallet.User{
			"email": {Type: wallet.Natural, DisplayName: "Twin", Email: "twin@example.com"},
			"id":    {Type: wallet.Natural, DisplayName: "Twin", ID: 50},
		} {
			results := make(chan error, 8)
			for range cap(results) {
				go func() {
					_, err := o.CreateUser(o.ctx, o.operator, twin, "", "")
					results <- err
				}()
			}
			made := 0
			for range cap(results) {
				if err := <-results; err == nil {
					made++
				} else {
					o.refused(err, field)
				}
			}
			if made != 1 {
				t.Errorf("%d users have one %s", made, field)
			}
		}
	})
}

// A project gets another name and another wallet, of its owner; what is paid to it then goes
// elsewhere, so that is asked first.
func TestAProjectIsKept(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		if _, err := o.UpdateProject(o.ctx, o.operator, 1, service.ProjectChange{Title: new("Market stall"), Description: new("On Saturdays")}, false); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			change service.ProjectChange
			fields []string
		}{
			{service.ProjectChange{Title: new(" ")}, []string{"title"}}, {service.ProjectChange{Title: new("a\x00")}, []string{"title"}},
			{service.ProjectChange{WalletID: new(int64(99))}, []string{"wallet_id"}}, {service.ProjectChange{Description: new("\xff")}, []string{"description"}},
			{service.ProjectChange{WalletID: new(int64(2)), Title: new("")}, []string{"title", "wallet_id"}},
		} {
			_, err := o.UpdateProject(o.ctx, o.operator, 1, tc.change, true)
			o.refused(err, tc.fields...)
		}
		savings := o.must(o.CreateWallet(o.ctx, o.operator, wallet.Wallet{OwnerID: 1, Description: "Savings"}))
		plan, err := o.UpdateProject(o.ctx, o.operator, 1, service.ProjectChange{WalletID: &savings}, false)
		if err != nil || !plan.Planned || len(plan.Losses) != 1 || plan.After.WalletID != savings {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		if _, err := o.UpdateProject(o.ctx, o.operator, 1, service.ProjectChange{WalletID: &savings}, true); err != nil {
			t.Error(err)
		}
		o.must(o.CreateLocation(o.ctx, o.operator, stall()))
		for kind, clients := range map[wallet.ClientType]int{wallet.PrivateClient: 1, wallet.AppClient: 2} {
			for range clients {
				_, _, err = o.CreateClient(o.ctx, o.operator, wallet.Client{Title: "Till", Type: kind, Projects: []int64{1}}, "")
				o.must(0, err)
			}
		}
		got, err := o.InspectProject(o.ctx, o.operator, 1)
		if err != nil || got.WalletID != savings || got.Title != "Market stall" || len(got.Clients) != 1 || got.Devices != 2 || got.ActivePlaces != 1 || got.InactivePlaces != 0 {
			t.Errorf("the project is %+v, %v", got, err)
		}
		if trail := o.entries("project", 1); len(trail) != 2 {
			t.Errorf("the trail is %v", trail)
		}
		projects, total, err := o.ListProjects(o.ctx, o.operator, service.OwnerFilter{OwnerID: 1})
		if err != nil || total != 1 || len(projects) != 1 || projects[0].ID != 1 {
			t.Errorf("Ona's projects are %v of %d, %v", projects, total, err)
		}
		_, err = o.CreateProject(o.ctx, o.operator, wallet.Project{ID: 1, Title: "Again", OwnerID: 1, WalletID: 1})
		o.refused(err, "id")
		_, err = o.CreateProject(o.ctx, o.operator, wallet.Project{OwnerID: 1, WalletID: 2})
		o.refused(err, "title", "wallet_id")
	})
}

// A wallet's description is all that changes; what it holds is shown.
func TestAWalletIsKept(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		if _, err := o.CreditWallet(o.ctx, o.operator, 1, money.Amount{Minor: 1234, Currency: "EUR"}, "Cash"); err != nil {
			t.Fatal(err)
		}
		if _, err := o.UpdateWallet(o.ctx, o.operator, 1, service.WalletChange{Description: new(" Daily ")}, false); err != nil {
			t.Error(err)
		}
		got, err := o.InspectWallet(o.ctx, o.operator, 1)
		want := []wallet.Funds{{Available: money.Amount{Minor: 1234, Currency: "EUR"}, Reserved: money.Amount{Currency: "EUR"}}}
		if diff := cmp.Diff(want, got.Funds); diff != "" || got.Description != "Daily" || got.OwnerDisplayName != "Ona" || err != nil {
			t.Errorf("the wallet is %+v, %v\n%s", got, err, diff)
		}
		if plan, err := o.UpdateWallet(o.ctx, o.operator, 1, service.WalletChange{Description: new("")}, false); err != nil || !plan.Planned {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		for _, text := range []string{strings.Repeat("a", 4001), "a\x00"} {
			_, err = o.UpdateWallet(o.ctx, o.operator, 1, service.WalletChange{Description: &text}, true)
			o.refused(err, "description")
		}
		_, err = o.CreateWallet(o.ctx, o.operator, wallet.Wallet{ID: 1, OwnerID: 1})
		o.refused(err, "id")
		if wallets, total, err := o.ListWallets(o.ctx, o.operator, service.OwnerFilter{}); len(wallets) != 2 || total != 2 || err != nil {
			t.Errorf("the wallets are %v of %d, %v", wallets, total, err)
		}
		// What was paid in by hand, and the change.
		if trail := o.entries("wallet", 1); len(trail) != 2 {
			t.Errorf("the trail is %v", trail)
		}
	})
}

// opening is a schedule of a text.
func opening(text string) *hours.Schedule {
	schedule, err := hours.Parse(text)
	if err != nil {
		panic(err)
	}
	return schedule
}

// stall is a place of project 1 of which all is known.
func stall() wallet.Location {
	position := wallet.At(54.6872, 25.2797)
	return wallet.Location{
		ProjectID: 1, Title: wallet.Text{"en": "Stall", "lt": "Prekystalis"}, Address: wallet.Text{"lt": "Turgaus a. 1"}, Position: &position,
		Radius: 30, Status: wallet.Active, Public: true, Hours: opening("Sa 08:00-15:00; Su 09:00-15:00"), Timezone: "Europe/Vilnius",
		Services: map[wallet.Service]wallet.Offer{
			wallet.CashIn: {Available: true, Types: []string{"contact", "bar_code"}}, wallet.Pay: {Available: true},
		},
		Prices:  []wallet.Price{{Title: wallet.Text{"lt": "Duona"}, Amount: money.Amount{Minor: 250, Currency: "EUR"}}},
		PinOpen: "https://pins.example/open.png", PinClosed: "https://pins.example/closed.png",
	}
}

// A place changes field by field. It is never deleted: taking something away, hiding or deactivating
// it is asked first, and taking it into use again is not.
func TestAPlaceIsKept(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		if err := o.CreatePayCategory(o.ctx, o.operator, wallet.PayCategory{ID: 1, Title: wallet.Text{"en": "Food"}}); err != nil {
			t.Fatal(err)
		}
		id := o.must(o.CreateLocation(o.ctx, o.operator, stall()))
		o.clock.Advance(time.Hour)
		services := maps.Clone(stall().Services)
		services[wallet.Pay] = wallet.Offer{Available: true, Categories: []int64{1}}
		more := service.LocationChange{Title: wallet.Text{"en": "Bread stall"}, Address: wallet.Text{"en": "Market square 1"}, Services: &services}
		changed, err := o.UpdateLocation(o.ctx, o.operator, id, more, false)
		want := stall()
		want.ID, want.UpdatedAt, want.Services = id, wallettest.Epoch.Add(time.Hour), services
		want.Title, want.Address = wallet.Text{"en": "Bread stall", "lt": "Prekystalis"}, wallet.Text{"en": "Market square 1", "lt": "Turgaus a. 1"}
		if diff := cmp.Diff(want, changed.After); diff != "" || changed.Planned || err != nil {
			t.Fatalf("the change is %+v, %v (-want +got):\n%s", changed, err, diff)
		}
		o.clock.Advance(time.Hour)
		if _, err := o.UpdateLocation(o.ctx, o.operator, id, more, false); err != nil {
			t.Error(err)
		}
		if got, err := o.InspectLocation(o.ctx, o.operator, id); err != nil || cmp.Diff(want, got, cmpopts.EquateEmpty()) != "" {
			t.Errorf("the same again made it %+v, %v", got, err)
		}
		less := service.LocationChange{
			Title: wallet.Text{"en": ""}, Position: new(*wallet.Position), Radius: new(int), Hours: new(opening("Su 00:00-24:00")),
			Services: &map[wallet.Service]wallet.Offer{wallet.CashIn: {Available: true, Types: []string{"contact"}}}, Prices: &[]wallet.Price{},
			PinOpen: new(""), PinClosed: new(""), Public: new(false), Status: new(wallet.Inactive),
		}
		plan, err := o.UpdateLocation(o.ctx, o.operator, id, less, false)
		wantLosses := []string{"deactivates the place", "hides the place from the public", "takes away the position", "takes away the radius",
			`takes away the title in en "Bread stall"`, "the place no longer opens on Saturday", "the place no longer offers cash_in by bar_code",
			"the place no longer offers pay", `takes away the price or offer "Duona"`, `takes away the pin "https://pins.example/open.png"`}
		if diff := cmp.Diff(wantLosses, plan.Losses); diff != "" || !plan.Planned || err != nil {
			t.Errorf("the plan is %v, %v (-want +got):\n%s", plan.Planned, err, diff)
		}
		if _, err := o.UpdateLocation(o.ctx, o.operator, id, less, true); err != nil {
			t.Error(err)
		}
		if hidden, err := o.SearchLocations(o.ctx, wallet.Caller{Kind: wallet.Anonymous}, wallet.LocationFilter{}); len(hidden.Places) != 0 || err != nil {
			t.Errorf("the public sees %v, %v", hidden, err)
		}
		if back, err := o.UpdateLocation(o.ctx, o.operator, id, service.LocationChange{Status: new(wallet.Active)}, false); back.Planned || err != nil {
			t.Errorf("to take it into use again is %+v, %v", back, err)
		}
		all, total, err := o.ListAllLocations(o.ctx, o.operator, wallet.LocationFilter{Projects: []int64{1}, Statuses: []wallet.LocationStatus{wallet.Active}})
		if len(all) != 1 || total != 1 || err != nil {
			t.Errorf("the operator sees %v, %v", all, err)
		}
		_, _, err = o.ListAllLocations(o.ctx, o.operator, wallet.LocationFilter{Statuses: []wallet.LocationStatus{"closed"}})
		o.refused(err, "status")
		if trail := o.entries("location", id); len(trail) != 3 {
			t.Errorf("the trail is %v", trail)
		}
	})
}

// Refused is what the protocol does not know or could not carry, whether a place is made or changed.
func TestPlacesAreRefused(t *testing.T) {
	type services = map[wallet.Service]wallet.Offer
	offices(t, func(t *testing.T, o *office) {
		id := o.must(o.CreateLocation(o.ctx, o.operator, stall()))
		nowhere := wallet.At(91, 0)
		for _, tc := range []struct {
			change service.LocationChange
			fields []string
		}{
			{service.LocationChange{Title: wallet.Text{"en": "", "lt": ""}}, []string{"title"}}, {service.LocationChange{Title: wallet.Text{"lt": "a\x00"}}, []string{"title"}},
			{service.LocationChange{Title: wallet.Text{"english": "Stall"}, Description: wallet.Text{"EN": "Bread"}}, []string{"description", "title"}},
			{service.LocationChange{Position: new(&nowhere)}, []string{"lat"}},
			{service.LocationChange{Radius: new(-1)}, []string{"radius"}}, {service.LocationChange{Radius: new(1_000_000)}, []string{"radius"}},
			{service.LocationChange{Timezone: new("Europe/Vilna")}, []string{"timezone"}}, {service.LocationChange{Timezone: new("Local")}, []string{"timezone"}},
			{service.LocationChange{Services: &services{"sleep": {Available: true}}}, []string{"services.sleep"}},
			{service.LocationChange{Services: &services{wallet.CashIn: {Available: true, Types: []string{"contact", "smell"}}}}, []string{"services.cash_in.types[1]"}},
			{service.LocationChange{Services: &services{wallet.CashIn: {Available: true, Categories: []int64{1}}}}, []string{"services.cash_in.categories"}},
			{service.LocationChange{Services: &services{wallet.Pay: {Available: true, Categories: []int64{99}}}}, []string{"services.pay.categories[0]"}},
			{service.LocationChange{Prices: &[]wallet.Price{{Title: wallet.Text{"en": "Bread"}, Amount: money.Amount{Minor: 1, Currency: "XAF"}}}}, []string{"prices[0].price"}},
			{service.LocationChange{Prices: &[]wallet.Price{{Amount: money.Amount{Minor: 1, Currency: "EUR"}}}}, []string{"prices[0].title"}},
			{service.LocationChange{PinOpen: new("")}, []string{"images"}}, {service.LocationChange{PinOpen: new("javascript:alert(1)")}, []string{"images.pin_open"}},
			{service.LocationChange{PinOpen: new("https://pins.example/\xff")}, []string{"images.pin_open"}},
			{service.LocationChange{Status: new(wallet.LocationStatus("closed"))}, []string{"status"}},
		} {
			_, err := o.UpdateLocation(o.ctx, o.operator, id, tc.change, true)
			o.refused(err, tc.fields...)
			_, err = o.CreateLocation(o.ctx, o.operator, tc.change.To(stall()))
			o.refused(err, tc.fields...)
		}
		again := stall()
		again.ID = id
		_, err := o.CreateLocation(o.ctx, o.operator, again)
		o.refused(err, "id")
		if trail := o.entries("location", id); trail != nil {
			t.Errorf("refused changes left %v", trail)
		}
	})
}

// A number that nobody has is told to the operator, and nothing to others.
func TestWhatTheOperatorAsksForIsThere(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		client := &wallet.Client{ID: 1, Type: wallet.PrivateClient, Permissions: wallet.Permissions(), Projects: []int64{1}}
		callers := map[wallet.Code]wallet.Caller{wallet.NotFound: o.operator, wallet.Forbidden: {Kind: wallet.ByClient, Client: client}}
		for name, ask := range map[string]func(c wallet.Caller, id int64) error{
			"user":     func(c wallet.Caller, id int64) error { _, err := o.InspectUser(o.ctx, c, id); return err },
			"project":  func(c wallet.Caller, id int64) error { _, err := o.InspectProject(o.ctx, c, id); return err },
			"wallet":   func(c wallet.Caller, id int64) error { _, err := o.InspectWallet(o.ctx, c, id); return err },
			"location": func(c wallet.Caller, id int64) error { _, err := o.InspectLocation(o.ctx, c, id); return err },
			"user update": func(c wallet.Caller, id int64) error {
				_, err := o.UpdateUser(o.ctx, c, id, service.UserChange{DisplayName: new("X"), Password: "a long password"}, true)
				return err
			},
			"project update": func(c wallet.Caller, id int64) error {
				_, err := o.UpdateProject(o.ctx, c, id, service.ProjectChange{Title: new("X")}, true)
				return err
			},
			"wallet update": func(c wallet.Caller, id int64) error {
				_, err := o.UpdateWallet(o.ctx, c, id, service.WalletChange{Description: new("X")}, true)
				return err
			},
			"location update": func(c wallet.Caller, id int64) error {
				_, err := o.UpdateLocation(o.ctx, c, id, service.LocationChange{Public: new(true)}, true)
				return err
			},
		} {
			for code, caller := range callers {
				var known *wallet.Error
				if err := ask(caller, 99); !errors.As(err, &known) || known.Code != code {
					t.Errorf("%s: %v, want %s", name, err, code)
				}
			}
		}
	})
}
