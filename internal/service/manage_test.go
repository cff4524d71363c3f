package service_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// Who sees whom: everybody itself, an application its devices, a manager the clients of its projects,
// the operator all. A device sees no other, of the same application or not.
func TestWhoSeesWhichClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		first, second, ritas := w.device(app, "").ID, w.device(app, "").ID, w.device(ritasApp, "").ID
		all := []int64{manager, shop, wide, nobodys, app, ritasApp, rita, first, second, ritas}
		for caller, sees := range map[int64][]int64{
			manager: {manager, shop, app, first, second}, shop: {shop}, wide: {wide}, nobodys: {nobodys},
			app: {app, first, second}, ritasApp: {ritasApp, ritas}, rita: {rita, ritasApp, ritas}, first: {first}, second: {second}, ritas: {ritas},
		} {
			for _, id := range all {
				view, err := w.GetOtherClient(ctx, w.by(caller), id)
				switch {
				case slices.Contains(sees, id):
					if err != nil || view.ID != id {
						t.Errorf("client %d sees client %d as %+v, %v", caller, id, view.Client, err)
					}
				default:
					refusal := refuses(t, fmt.Sprintf("client %d about client %d", caller, id), err, wallet.Forbidden)
					if refusal.Refusal == nil || refusal.Refusal.ClientID != caller {
						t.Errorf("client %d about client %d: kept %+v", caller, id, refusal.Refusal)
					}
				}
			}
			for _, id := range []int64{99, -1, 0} {
				// Strangers do not learn which numbers there are.
				want := wallet.NotFound
				if c := w.by(caller); !c.OwnsClient() {
					want = wallet.Forbidden
				}
				refuses(t, fmt.Sprintf("client %d about client %d", caller, id), unanswered(w.GetOtherClient(ctx, w.by(caller), id)), want)
			}
		}
		for _, id := range all {
			if view, err := w.GetOtherClient(ctx, operator, id); err != nil || view.ID != id || !view.ShowInfo {
				t.Errorf("the operator sees client %d as %+v, %v", id, view.Client, err)
			}
		}
		// A user's token opens the client that it was given to, and none beside it.
		token := w.withToken(manager, 1, wallet.ScopeProjects)
		if view, err := w.GetOtherClient(ctx, token, manager); err != nil || view.ID != manager {
			t.Errorf("a token sees its client as %+v, %v", view.Client, err)
		}
		refuses(t, "a token about another client", unanswered(w.GetOtherClient(ctx, token, shop)), wallet.Forbidden)
		refuses(t, "nobody in particular", unanswered(w.GetOtherClient(ctx, wallet.Caller{Kind: wallet.Anonymous}, shop)), wallet.Forbidden)
	})
}

// unanswered is the error of a call; one that fails must answer nothing beside it.
func unanswered(view service.ClientView, err error) error {
	if err != nil && view.Client != nil {
		return fmt.Errorf("it fails with %w and answers client %d", err, view.ID)
	}
	return err
}

// A list is of the clients that a manager manages, revoked ones on demand; no filter widens it.
func TestListsOfClients(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		device := w.device(app, `{"os":"ios"}`).ID
		gone := w.device(app, `{"os":"ios"}`).ID
		if _, err := w.Revoke(ctx, operator, revocation(gone), true); err != nil {
			t.Fatal(err)
		}
		everybody := []int64{manager, shop, wide, nobodys, app, ritasApp, rita, device}
		for _, list := range []struct {
			what   string
			caller wallet.Caller
			filter service.ClientFilter
			want   []int64
		}{
			{"a manager", w.by(manager), service.ClientFilter{}, []int64{manager, shop, app, device}},
			{"a manager, with those that are gone", w.by(manager), service.ClientFilter{WithRevoked: true}, []int64{manager, shop, app, device, gone}},
			{"a manager who names Rita's project", w.by(manager), service.ClientFilter{ProjectID: 9}, []int64{}},
			{"a manager who says what it is within", w.by(manager), service.ClientFilter{Within: []int64{1, 9}}, []int64{manager, shop, app, device}},
			{"a manager without a project", w.by(nobodys), service.ClientFilter{}, []int64{}},
			{"Rita", w.by(rita), service.ClientFilter{}, []int64{ritasApp, rita}},
			{"Rita, by what Ona's device said", w.by(rita), service.ClientFilter{Info: map[string]string{"os": "ios"}}, []int64{}},
			{"the operator", operator, service.ClientFilter{}, everybody},
			{"the operator, within a project", operator, service.ClientFilter{Within: []int64{9}}, []int64{ritasApp, rita}},
		} {
			views, total, err := w.ListClients(ctx, list.caller, list.filter)
			ids := []int64{}
			for _, view := range views {
				ids = append(ids, view.ID)
				if view.Key != "" || !view.ShowInfo {
					t.Errorf("%s: client %d is shown with its key %v, its info %v", list.what, view.ID, view.Key != "", view.ShowInfo)
				}
			}
			if !slices.Equal(ids, list.want) || total != len(list.want) || err != nil {
				t.Errorf("%s: %v, %d in all, %v; want %v", list.what, ids, total, err, list.want)
			}
		}
		for what, c := range map[string]wallet.Caller{
			"a client without the client API": w.by(shop), "an application": w.by(app), "a device": w.by(device),
			"a token": w.withToken(manager, 1, wallet.ScopeProjects), "nobody in particular": {Kind: wallet.Anonymous},
		} {
			views, _, err := w.ListClients(ctx, c, service.ClientFilter{})
			refuses(t, what, err, wallet.Forbidden)
			if views != nil {
				t.Errorf("%s is refused, and sees %v", what, views)
			}
		}
		refusal := refuses(t, "a client without the client API", listError(w.ListClients(ctx, w.by(shop), service.ClientFilter{})), wallet.Forbidden)
		if want := "Client 2 lacks the permission use_client_api; this call needs the permission use_client_api."; refusal.Description != want {
			t.Errorf("it is told %q, want %q", refusal.Description, want)
		}
	})
}

func listError(_ []service.ClientView, _ int, err error) error { return err }

// A manager changes a client of its projects. What the change does not mention stays as it is; the
// change stands in the audit trail once, and repeating it is no error and no entry.
func TestAClientIsChanged(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		before, err := w.db.Client(ctx, shop)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			what   string
			change service.ClientChange
			to     func(c *wallet.Client)
		}{
			{"nothing", service.ClientChange{}, nil},
			{"its type, as it is", service.ClientChange{Type: wallet.PrivateClient}, nil},
			{"its title", service.ClientChange{Title: ptr("Stall 2")}, func(c *wallet.Client) { c.Title = "Stall 2" }},
			{"its permissions", service.ClientChange{Permissions: &[]wallet.Permission{wallet.UseWalletAPI, wallet.AccessStatements, wallet.UseWalletAPI}},
				func(c *wallet.Client) {
					c.Permissions = []wallet.Permission{wallet.AccessStatements, wallet.UseWalletAPI}
				}},
			{"its main project, which is attached", service.ClientChange{MainProject: ptr(int64(2))}, func(c *wallet.Client) { c.MainProject, c.Projects = 2, []int64{1, 2} }},
			{"its hosts", service.ClientChange{Hosts: &[]wallet.Host{{Host: "stall.example", Port: 8443}}},
				func(c *wallet.Client) { c.Hosts = []wallet.Host{{Host: "stall.example", Port: 8443}} }},
			{"its rights", service.ClientChange{Rights: &[]service.RightChange{
				{AccountNumber: "EVP000000000003", Scopes: []wallet.Scope{wallet.ScopeBalance}}, {WalletID: 1, Scopes: []wallet.Scope{wallet.ScopeStatements, wallet.ScopeBalance}},
			}}, func(c *wallet.Client) {
				c.WalletRights = []wallet.WalletRight{
					{WalletID: 1, Scopes: []wallet.Scope{wallet.ScopeStatements, wallet.ScopeBalance}}, {WalletID: 3, Scopes: []wallet.Scope{wallet.ScopeBalance}},
				}
			}},
			{"its contract", service.ClientChange{ServiceAgreementID: ptr(int64(77))}, func(c *wallet.Client) { c.ServiceAgreementID = 77 }},
			{"its info", service.ClientChange{Info: ptr(`{"till":2}`)}, func(c *wallet.Client) { c.Info = `{"till":2}` }},
			{"fewer permissions, no hosts and no rights", service.ClientChange{
				Permissions: &[]wallet.Permission{}, Hosts: &[]wallet.Host{}, Rights: &[]service.RightChange{},
			}, func(c *wallet.Client) { c.Permissions, c.Hosts, c.WalletRights = nil, nil, nil }},
		} {
			want := *before
			if step.to != nil {
				step.to(&want)
			}
			for time := range 2 {
				entries := len(w.trail(shop))
				view, err := w.UpdateClient(ctx, w.by(manager), shop, step.change)
				stored, err2 := w.db.Client(ctx, shop)
				if diff := cmp.Diff(want, *stored, cmpopts.EquateEmpty()); diff != "" || err != nil || err2 != nil || view.ID != shop || view.Title != want.Title {
					t.Fatalf("%s (-want +got): %v, %v\n%s", step.what, err, err2, diff)
				}
				if added := len(w.trail(shop)) - entries; added == 1 != (step.to != nil && time == 0) {
					t.Errorf("%s, time %d: %d entries were added to the audit trail", step.what, time+1, added)
				}
			}
			before, err = w.db.Client(ctx, shop)
			if err != nil {
				t.Fatal(err)
			}
		}
		last := w.trail(shop)[len(w.trail(shop))-2]
		if last.Action != "update" || last.ClientID != manager || last.Actor != "client 1" || last.Before != `{"Title":"Shop000002"}` ||
			last.After != `{"Title":"Stall 2"}` || last.From.RequestID != "0123456789abcdef" || last.From.Agent != "curl/8" {
			t.Errorf("the audit trail says %+v", last)
		}
	})
}

// An application looks after the devices that it made, and after nothing else of them than what was
// its own to give.
func TestAnApplicationChangesItsDevices(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		device, ritas := w.device(app, `{"os":"ios 17"}`).ID, w.device(ritasApp, "").ID
		view, err := w.UpdateClient(ctx, w.by(app), device, service.ClientChange{Info: ptr(`{"os":"ios 18"}`), Title: ptr("Ona's phone"), Permissions: &[]wallet.Permission{wallet.UseWalletAPI, wallet.ShowInFrame}, MainProject: ptr(int64(1))})
		if err != nil || view.Info != `{"os":"ios 18"}` || view.ShowInfo || view.Title != "Ona's phone" || len(view.Permissions) != 2 {
			t.Errorf("answered %+v, %v", view, err)
		}
		for _, c := range []struct {
			what   string
			change service.ClientChange
			fields []string
		}{
			{"hosts, rights and a contract", service.ClientChange{Hosts: &[]wallet.Host{}, Rights: &[]service.RightChange{}, ServiceAgreementID: ptr(int64(1))},
				[]string{"hosts", "permissions_to_wallets", "service_agreement_id"}},
			{"another type", service.ClientChange{Type: wallet.PrivateClient}, []string{"type"}},
			{"fewer permissions, by somebody who read its key", service.ClientChange{Permissions: &[]wallet.Permission{}}, []string{"permissions"}},
			{"what no device can hold", service.ClientChange{Permissions: &[]wallet.Permission{wallet.UseClientAPI}}, []string{"permissions"}},
			{"a made-up permission that it does not need to have", service.ClientChange{Info: ptr(`[]`), Title: ptr("")}, []string{"info", "title"}},
		} {
			refuses(t, c.what, unanswered(w.UpdateClient(ctx, w.by(app), device, c.change)), wallet.InvalidParameters, c.fields...)
		}
		for what, err := range map[string]error{
			"itself":            unanswered(w.UpdateClient(ctx, w.by(app), app, service.ClientChange{Title: ptr("x")})),
			"another's device":  unanswered(w.UpdateClient(ctx, w.by(app), ritas, service.ClientChange{Title: ptr("x")})),
			"a private client":  unanswered(w.UpdateClient(ctx, w.by(app), shop, service.ClientChange{Title: ptr("x")})),
			"more than its own": unanswered(w.UpdateClient(ctx, w.by(app), device, service.ClientChange{Permissions: &[]wallet.Permission{wallet.AcceptWithPIN}})),
			"another's project": unanswered(w.UpdateClient(ctx, w.by(app), device, service.ClientChange{MainProject: ptr(int64(9))})),
		} {
			refusal := refuses(t, what, err, wallet.Forbidden)
			if refusal.Description != wallet.ForStrangers {
				t.Errorf("%s: the application is told %q", what, refusal.Description)
			}
		}
		if n := len(w.trail(device)); n != 2 {
			t.Errorf("the audit trail has %d entries of the device, want 2", n)
		}
	})
}

// Nobody changes itself, and nobody gives what it does not have: no permission, no project, no right
// on a wallet. What is missing is said whole.
func TestNobodyGivesMoreThanItHas(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		device := w.device(app, "").ID
		permissions := func(all ...wallet.Permission) service.ClientChange { return service.ClientChange{Permissions: &all} }
		right := func(id int64, scopes ...wallet.Scope) service.ClientChange {
			return service.ClientChange{Rights: &[]service.RightChange{{WalletID: id, Scopes: scopes}}}
		}
		for _, c := range []struct {
			what   string
			caller wallet.Caller
			id     int64
			change service.ClientChange
			rule   string
			needs  string
		}{
			{"itself", w.by(manager), manager, service.ClientChange{Title: ptr("x")}, "not_itself", "[]"},
			{"itself, as an application", w.by(app), app, service.ClientChange{Title: ptr("x")}, "not_itself", "[]"},
			{"itself, as a device", w.by(device), device, service.ClientChange{Title: ptr("x")}, "not_itself", "[]"},
			{"another, as a device", w.by(device), shop, service.ClientChange{Title: ptr("x")}, "manages", "[]"},
			{"by a token", w.withToken(manager, 1, wallet.ScopeProjects), shop, service.ClientChange{Title: ptr("x")}, "own_credentials", "[]"},
			{"without the client API", w.by(shop), app, service.ClientChange{Title: ptr("x")}, "manages", "[the permission use_client_api]"},
			{"a client that reaches further", w.by(manager), wide, service.ClientChange{Title: ptr("x")}, "manages", "[a client that represents project 9]"},
			{"a client without a project", w.by(manager), nobodys, service.ClientChange{Title: ptr("x")}, "manages", "[]"},
			{"a permission", w.by(manager), shop, permissions(wallet.UseWalletAPI, wallet.AcceptWithPIN), "gives_its_own", "[the permission accept_with_pin]"},
			{"two permissions", w.by(manager), shop, permissions(wallet.AcceptWithPIN, wallet.AcceptWithFlash), "gives_its_own",
				"[the permission accept_with_flash the permission accept_with_pin]"},
			{"a project", w.by(manager), shop, service.ClientChange{MainProject: ptr(int64(9))}, "gives_its_own", "[a client that represents project 9]"},
			{"projects", w.by(manager), shop, service.ClientChange{Projects: &[]int64{1, 2, 3}, MainProject: ptr(int64(1))}, "gives_its_own", "[a client that represents project 3]"},
			{"a wallet's statements", w.by(manager), shop, right(3, wallet.ScopeBalance, wallet.ScopeStatements), "gives_its_own", "[the static right statements on wallet 3]"},
			{"a client that it may not manage, what it does not have", w.by(rita), shop, permissions(wallet.AcceptWithPIN), "gives_its_own",
				"[the permission accept_with_pin a client that represents project 1]"},
		} {
			refusal := refuses(t, c.what, unanswered(w.UpdateClient(ctx, c.caller, c.id, c.change)), wallet.Forbidden)
			if r := refusal.Refusal; r == nil || r.Refused != c.rule || fmt.Sprint(r.Needs) != c.needs {
				t.Errorf("%s: kept is %+v, want %s and %s", c.what, r, c.rule, c.needs)
			}
		}
		// A wallet of its project and one that it has a right on: those it can give.
		for _, change := range []service.ClientChange{right(1, wallet.ScopeBalance, wallet.ScopeStatements), right(2, wallet.ScopeStatements), right(3, wallet.ScopeBalance)} {
			if _, err := w.UpdateClient(ctx, w.by(manager), shop, change); err != nil {
				t.Errorf("of what it has: %v", err)
			}
		}
		// What a client has already, a manager may leave, though it does not have that itself.
		if _, err := w.UpdateClient(ctx, operator, shop, permissions(wallet.AcceptWithPIN, wallet.UseWalletAPI)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateClient(ctx, w.by(manager), shop, permissions(wallet.AcceptWithPIN)); err != nil {
			t.Errorf("leaving what is there: %v", err)
		}
		refuses(t, "no such client", unanswered(w.UpdateClient(ctx, w.by(manager), 99, service.ClientChange{})), wallet.NotFound)
		refuses(t, "client 0", unanswered(w.UpdateClient(ctx, operator, 0, service.ClientChange{})), wallet.NotFound)
	})
}

// What a client cannot be is refused by name, to the operator too.
func TestWhatAClientCannotBecome(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		device := w.device(app, "").ID
		rights := func(r ...service.RightChange) service.ClientChange { return service.ClientChange{Rights: &r} }
		balance := []wallet.Scope{wallet.ScopeBalance}
		for _, c := range []struct {
			what   string
			id     int64
			change service.ClientChange
			fields []string
		}{
			{"another type", shop, service.ClientChange{Type: wallet.Application}, []string{"type"}},
			{"without a title", shop, service.ClientChange{Title: ptr("")}, []string{"title"}},
			{"with a long title", shop, service.ClientChange{Title: ptr(strings.Repeat("x", 201))}, []string{"title"}},
			{"with a made-up permission", shop, service.ClientChange{Permissions: &[]wallet.Permission{"fly"}}, []string{"permissions"}},
			{"a device with the client API", device, service.ClientChange{Permissions: &[]wallet.Permission{wallet.UseClientAPI}}, []string{"permissions"}},
			{"a device of two projects", device, service.ClientChange{Projects: &[]int64{1, 2}}, []string{"projects"}},
			{"a device of none", device, service.ClientChange{Projects: &[]int64{}, MainProject: nil}, []string{"main_project", "projects"}},
			{"of a project that is not there", shop, service.ClientChange{Projects: &[]int64{1, 99}}, []string{"projects"}},
			{"based on a place of another project", shop, service.ClientChange{Projects: &[]int64{2}, MainProject: ptr(int64(2)), BaseLocation: ptr(int64(11))}, []string{"base_location"}},
			{"based on no place", shop, service.ClientChange{BaseLocation: ptr(int64(99))}, []string{"base_location"}},
			{"a device based on a place", device, service.ClientChange{BaseLocation: ptr(int64(11))}, []string{"base_location"}},
			{"with a host that is none", shop, service.ClientChange{Hosts: &[]wallet.Host{{Host: "a.example"}, {Host: "a b"}}}, []string{"hosts[1].host"}},
			{"with info that is no object", shop, service.ClientChange{Info: ptr("1")}, []string{"info"}},
			{"with a right on no wallet", shop, rights(service.RightChange{WalletID: 99, Scopes: balance}), []string{"permissions_to_wallets"}},
			{"with a right on no account", shop, rights(service.RightChange{AccountNumber: "EVP9\x00", Scopes: balance}), []string{"permissions_to_wallets"}},
			{"with a right on two wallets in one", shop, rights(service.RightChange{WalletID: 1, AccountNumber: "EVP000000000002", Scopes: balance}), []string{"permissions_to_wallets"}},
			{"with a right to anything", shop, rights(service.RightChange{WalletID: 1, Scopes: []wallet.Scope{"projects"}}), []string{"permissions_to_wallets"}},
		} {
			refuses(t, c.what, unanswered(w.UpdateClient(ctx, operator, c.id, c.change)), wallet.InvalidParameters, c.fields...)
		}
		if n := len(w.trail(shop)); n != 1 {
			t.Errorf("the audit trail has %d entries of the shop, want 1", n)
		}
	})
}

// PostgreSQL stores neither a zero byte nor what is not UTF-8: such a title is refused by name, and
// alike by both engines.
func TestATitleIsText(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		for _, title := range []string{"a\x00b", "\xff\xfe"} {
			refuses(t, fmt.Sprintf("%q", title), unanswered(w.UpdateClient(ctx, w.by(manager), shop, service.ClientChange{Title: &title})), wallet.InvalidParameters, "title")
		}
	})
}

// A client is based on a place: its requests speak from there from then on.
func TestAClientIsBasedOnAPlace(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		view, err := w.UpdateClient(ctx, operator, shop, service.ClientChange{BaseLocation: ptr(int64(11))})
		if err != nil || view.BaseLocation != 11 || view.BaseProject != 1 {
			t.Fatalf("it is based on %d of project %d, %v", view.BaseLocation, view.BaseProject, err)
		}
		c, err := w.by(shop).InContext(0, 0, nil)
		if err != nil || c.LocationID != 11 || c.ProjectID != 1 {
			t.Errorf("it speaks from place %d for project %d, %v", c.LocationID, c.ProjectID, err)
		}
	})
}

// Why a request was refused is told to those who own the client, who manage it, and the operator.
// To others there is no such refusal; which ids there are is nothing to be found out by trying.
func TestWhoMayAskWhyARequestWasRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		device, other := w.device(app, "").ID, w.device(app, "").ID
		keep := func(id string, client int64) {
			t.Helper()
			err := w.KeepRefusal(wallet.Caller{Kind: wallet.Anonymous}, wallet.Refusal{RequestID: id, ClientID: client, Action: wallet.ReadProject, Reason: "because"})
			if err != nil {
				t.Fatal(err)
			}
		}
		keep("of-the-shop", shop)
		keep("of-the-device", device)
		keep("of-rita", rita)
		keep("of-nobodys", nobodys)
		keep("of-the-wide", wide)
		keep("of-a-stranger", 0)
		keep("of-one-that-is-gone", 99)
		all := []string{"of-the-shop", "of-the-device", "of-rita", "of-nobodys", "of-the-wide", "of-a-stranger", "of-one-that-is-gone", "never"}
		for _, c := range []struct {
			who    string
			caller wallet.Caller
			may    []string
		}{
			{"the shop itself", w.by(shop), []string{"of-the-shop"}},
			{"the manager", w.by(manager), []string{"of-the-shop", "of-the-device"}},
			{"Rita's manager", w.by(rita), []string{"of-rita"}},
			{"the application", w.by(app), nil},
			{"the device", w.by(device), nil},
			{"another device", w.by(other), nil},
			{"Ona, who administers project 1, through the shop", w.withToken(shop, 1, wallet.ScopeProjects), []string{"of-the-shop", "of-the-device"}},
			{"Ona, who did not agree to that", w.withToken(shop, 1, wallet.ScopeBalance), nil},
			{"Rita through Ona's shop", w.withToken(shop, 3, wallet.ScopeProjects), []string{"of-rita"}},
			{"a client without a project", w.by(nobodys), []string{"of-nobodys"}},
			{"the operator", operator, []string{"of-the-shop", "of-the-device", "of-rita", "of-nobodys", "of-the-wide", "of-a-stranger"}},
		} {
			var missing string
			for _, id := range all {
				why, err := w.ExplainRefusal(ctx, c.caller, id)
				if slices.Contains(c.may, id) {
					if err != nil || why.Reason != "because" || why.RequestID != id || !why.At.Equal(w.business.Now()) {
						t.Errorf("%s about %s: %+v, %v", c.who, id, why, err)
					}
					continue
				}
				refusal := refuses(t, c.who+" about "+id, err, wallet.NotFound)
				if missing != "" && refusal.Description != missing || why.Reason != "" {
					t.Errorf("%s about %s: told %q, elsewhere %q", c.who, id, refusal.Description, missing)
				}
				missing = refusal.Description
			}
		}
		refuses(t, "nobody in particular", second(w.ExplainRefusal(ctx, wallet.Caller{Kind: wallet.Anonymous}, "of-the-shop")), wallet.Forbidden)
		w.business.Advance(24*time.Hour + time.Second)
		keep("another", shop)
		refuses(t, "a day later", second(w.ExplainRefusal(ctx, w.by(shop), "of-the-shop")), wallet.NotFound)
	})
}

// A client is revoked between the moment its request was proven and the moment that request changes
// something: it changes nothing any more. One that lost a permission meanwhile gives it to nobody.
func TestWhoLostItsRightsMeanwhileChangesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		application, head := w.by(app), w.by(manager)
		device := w.device(app, "").ID
		if _, err := w.EditClient(ctx, operator, manager, func(now *wallet.Client) (service.ClientChange, bool, error) {
			return service.ClientChange{Permissions: &[]wallet.Permission{}}, true, nil
		}); err != nil {
			t.Fatal(err)
		}
		refuses(t, "a manager no more", unanswered(w.UpdateClient(ctx, head, shop, service.ClientChange{Title: ptr("x")})), wallet.Forbidden)
		for _, id := range []int64{app, manager} {
			if _, err := w.Revoke(ctx, operator, service.Revocation{ClientID: id}, true); err != nil {
				t.Fatal(err)
			}
		}
		refuses(t, "register", unanswered(w.RegisterDevice(ctx, application, service.Device{})), wallet.Unauthorized)
		refuses(t, "update", unanswered(w.UpdateClient(ctx, application, device, service.ClientChange{Title: ptr("x")})), wallet.Unauthorized)
		_, err := w.IssueToken(ctx, operator, 1, app, nil, time.Hour)
		refuses(t, "a token for it", err, wallet.InvalidState)
	})
}

// Two operators change a client at once, one takes a permission away and one gives another: neither
// undoes what the other did, since each works on what the transaction sees.
func TestEditsWorkOnWhatIsThere(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		edit := func(change func(now []wallet.Permission) []wallet.Permission) error {
			_, err := w.EditClient(ctx, operator, shop, func(now *wallet.Client) (service.ClientChange, bool, error) {
				permissions := change(slices.Clone(now.Permissions))
				return service.ClientChange{Permissions: &permissions}, true, nil
			})
			return err
		}
		var both sync.WaitGroup
		for _, p := range []wallet.Permission{wallet.AcceptWithPIN, wallet.AcceptWithFlash, wallet.AccessStatements, wallet.UseOAuthAPI} {
			both.Go(func() {
				if err := edit(func(now []wallet.Permission) []wallet.Permission { return append(now, p) }); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		view, err := w.GetOtherClient(ctx, operator, shop)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []wallet.Permission{wallet.AcceptWithPIN, wallet.AcceptWithFlash, wallet.AccessStatements, wallet.UseOAuthAPI} {
			if !view.Has(p) {
				t.Errorf("%s was lost: %v", p, view.Permissions)
			}
		}
	})
}
