package service_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// A phone registers through the app that it runs: it becomes a client of the app's project, with the
// app's hosts and what of its permissions a phone can hold, and its credentials come once.
func TestADeviceIsRegistered(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		w.business.Advance(time.Hour)
		const info = `{"device_id":"d-1","os":"android","nested":{"a":[1,2]}}`
		view, err := w.RegisterDevice(ctx, w.by(app), service.Device{Type: wallet.AppClient, Info: info, ProjectID: 1})
		if err != nil {
			t.Fatal(err)
		}
		want := wallet.Client{
			ID: view.ID, MACID: view.MACID, Title: "App0000005", Type: wallet.AppClient, Projects: []int64{1}, MainProject: 1,
			Permissions: []wallet.Permission{wallet.ShowInFrame, wallet.UseWalletAPI}, Hosts: []wallet.Host{{Host: "stall.example", Protocol: "https"}},
			Info: info, CreatedBy: app, CreatedAt: w.business.Now(),
		}
		credential, err := w.db.Credential(ctx, view.MACID)
		if diff := cmp.Diff(&want, credential.Client); diff != "" || err != nil {
			t.Errorf("the device is (-want +got): %v\n%s", err, diff)
		}
		if diff := cmp.Diff(&want, view.Client); diff != "" {
			t.Errorf("the device is answered as (-want +got):\n%s", diff)
		}
		if !view.ShowInfo || view.MainProject == nil || view.MainProject.ID != 1 || len(view.Key.Reveal()) != 32 || len(credential.Keys) != 1 {
			t.Errorf("the answer is %+v", view)
		}
		sum, signed := credential.Keys[0].Sum([]byte("m")), signer(view.Key).Sum([]byte("m"))
		if sum != signed {
			t.Error("the key that was handed out does not sign")
		}
		// Nobody sees the key again, and its application not what the device said.
		for _, c := range []wallet.Caller{w.by(view.ID), w.by(app), w.by(manager)} {
			again, err := w.GetOtherClient(ctx, c, view.ID)
			if err != nil || again.Key != "" || again.ShowInfo != (c.Client.ID != app) {
				t.Errorf("%s sees key %v and info %v, %v", c.Name(), again.Key != "", again.ShowInfo, err)
			}
		}
		entries := w.trail(view.ID)
		if len(entries) != 1 || entries[0].Action != "register" || entries[0].ClientID != app || entries[0].Before != "" || entries[0].From.Address != "192.0.2.7" ||
			!strings.Contains(entries[0].After, view.MACID) || strings.Contains(entries[0].After, view.Key.Reveal()) {
			t.Errorf("the audit trail says %+v", entries)
		}
	})
}

// Each of many phones gets credentials of its own, also when they say the same of themselves; then
// the list says that they are one device.
func TestADeviceThatRegistersTwiceIsTwoClients(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		first, second := w.device(app, `{"device_id":"d-1"}`), w.device(app, `{"device_id":"d-1"}`)
		third := w.device(app, `{"device_id":"d-2"}`)
		if first.ID == second.ID || first.MACID == second.MACID || first.Key == second.Key {
			t.Fatal("two registrations share something")
		}
		list, total, err := w.ListClients(ctx, w.by(manager), service.ClientFilter{Type: wallet.AppClient})
		if err != nil || total != 3 || len(list) != 3 {
			t.Fatal(list, total, err)
		}
		for i, want := range [][]int64{{second.ID}, {first.ID}, nil} {
			if !slices.Equal(list[i].SameDevice, want) {
				t.Errorf("client %d is the same device as %v, want %v", list[i].ID, list[i].SameDevice, want)
			}
		}
		found, _, err := w.ListClients(ctx, w.by(manager), service.ClientFilter{Info: map[string]string{"device_id": "d-2"}})
		if err != nil || len(found) != 1 || found[0].ID != third.ID {
			t.Errorf("searched by device_id: %+v, %v", found, err)
		}
	})
}

// Only an application registers devices, with the client API, by its own credentials.
func TestWhoMayRegisterDevices(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		device := w.device(app, "")
		mute := *w.by(app).Client
		mute.Permissions = []wallet.Permission{wallet.UseWalletAPI}
		mutely := w.by(app)
		mutely.Client = &mute
		for what, c := range map[string]wallet.Caller{
			"a private client": w.by(manager), "a device": w.by(device.ID), "the operator": operator, "an anonymous caller": {Kind: wallet.Anonymous},
			"an application without the client API": mutely, "a token given to an application": w.withToken(app, 1, wallet.ScopeProjects),
		} {
			_, err := w.RegisterDevice(ctx, c, service.Device{})
			refuses(t, what, err, wallet.Forbidden)
		}
		refusal := refuses(t, "an application without the client API", second(w.RegisterDevice(ctx, mutely, service.Device{})), wallet.Forbidden)
		if refusal.Description != wallet.ForStrangers || refusal.Refusal == nil || fmt.Sprint(refusal.Refusal.Needs) != "[the permission use_client_api]" {
			t.Errorf("it is told %q, and its owner %+v", refusal.Description, refusal.Refusal)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// What an application cannot give, or a device cannot be, is refused by name, all of it at once.
func TestWhatADeviceCannotBe(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		big := `{"a":"` + strings.Repeat("x", 16<<10) + `"}`
		for _, c := range []struct {
			what   string
			device service.Device
			fields []string
		}{
			{"a private client", service.Device{Type: wallet.PrivateClient}, []string{"type"}},
			{"an application", service.Device{Type: wallet.Application}, []string{"type"}},
			{"of no type", service.Device{Type: "phone"}, []string{"type"}},
			{"of another's project", service.Device{ProjectID: 9}, []string{"project_id"}},
			{"with hosts and rights", service.Device{Refused: []string{"hosts", "permissions_to_wallets"}}, []string{"hosts", "permissions_to_wallets"}},
			{"with the client API", service.Device{Permissions: []wallet.Permission{wallet.UseClientAPI}}, []string{"permissions"}},
			{"with a server's permission", service.Device{Permissions: []wallet.Permission{wallet.GiveTrustedUserInfo}}, []string{"permissions"}},
			{"with a list for info", service.Device{Info: `[]`}, []string{"info"}},
			{"with null for info", service.Device{Info: `null`}, []string{"info"}},
			{"with broken info", service.Device{Info: `{"a":`}, []string{"info"}},
			{"with two infos", service.Device{Info: `{}{}`}, []string{"info"}},
			{"with bytes for info", service.Device{Info: "{\"a\":\"\xff\"}"}, []string{"info"}},
			{"with a novel for info", service.Device{Info: big}, []string{"info"}},
			{"all of that", service.Device{Type: "phone", ProjectID: 9, Info: "x", Refused: []string{"hosts"}}, []string{"type", "project_id", "info", "hosts"}},
		} {
			_, err := w.RegisterDevice(ctx, w.by(app), c.device)
			refuses(t, c.what, err, wallet.InvalidParameters, c.fields...)
		}
		if _, total, err := w.db.Clients(ctx, service.ClientFilter{CreatedBy: app}); total != 0 || err != nil {
			t.Errorf("%d devices were made of that, %v", total, err)
		}
		// What the application does not have is a matter of permission.
		_, err := w.RegisterDevice(ctx, w.by(app), service.Device{Permissions: []wallet.Permission{wallet.AcceptWithPIN}})
		refusal := refuses(t, "more than the application has", err, wallet.Forbidden)
		if refusal.Refusal == nil || refusal.Refusal.Refused != "gives_its_own" {
			t.Errorf("refused by %+v", refusal.Refusal)
		}
		for _, c := range []struct {
			asked, got []wallet.Permission
		}{
			{[]wallet.Permission{}, []wallet.Permission{}},
			{[]wallet.Permission{wallet.UseWalletAPI}, []wallet.Permission{wallet.UseWalletAPI}},
			{[]wallet.Permission{wallet.UseWalletAPI, wallet.ShowInFrame, wallet.UseWalletAPI}, []wallet.Permission{wallet.ShowInFrame, wallet.UseWalletAPI}},
		} {
			view, err := w.RegisterDevice(ctx, w.by(app), service.Device{Permissions: c.asked})
			if err != nil {
				t.Fatal(err)
			}
			stored, err := w.db.Client(ctx, view.ID)
			if err != nil || !slices.Equal(stored.Permissions, c.got) {
				t.Errorf("asked for %v, it has %v, %v", c.asked, stored.Permissions, err)
			}
		}
		// A megabyte of members is kept whole as long as it is small enough, odd texts too.
		for _, info := range []string{
			`{"a":"` + strings.Repeat("x", 16<<10-8) + `"}`, `{"a":"\u0000","b\u0000":1}`, `{"a":"\ud800"}`, `{"a":1e999,"a":2}`, "{\"ž\":\"„“\"}",
		} {
			view := w.device(app, info)
			if stored, err := w.db.Client(ctx, view.ID); err != nil || stored.Info != info {
				t.Errorf("%.40q is kept as %.40q, %v", info, stored.Info, err)
			}
		}
	})
}

// Somebody read the application's key out of its package and registers devices with a crowd of
// machines at both servers. Five an hour get through, exactly; the rest is told to wait. Devices
// made before, by other applications or by hand, do not count, nor does the business clock.
func TestRegistrationsAreLimited(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		servers := []world{w}
		if strings.HasPrefix(w.address, "postgres") {
			servers = append(servers, newServer(t, w.address, w.wall, w.business))
			servers[1].nonces = w.nonces
		}
		for _, s := range servers {
			s.RegistrationsPerHour = 5
		}
		rush := func(application int64) (made, limited int64) {
			var ok, refused atomic.Int64
			crowd(20, func(caller int) {
				s := servers[caller%len(servers)]
				_, err := s.RegisterDevice(ctx, s.by(application), service.Device{Info: fmt.Sprintf(`{"device_id":"d-%d"}`, caller)})
				var e *wallet.Error
				switch {
				case err == nil:
					ok.Add(1)
				case errors.As(err, &e) && e.Code == wallet.RateLimitExceeded && e.RetryAfter > 0:
					refused.Add(1)
				default:
					t.Errorf("answered %v", err)
				}
			})
			return ok.Load(), refused.Load()
		}
		for _, round := range []struct {
			what          string
			application   int64
			wall          time.Duration
			made, limited int64
		}{
			{"at first", app, 0, 5, 15}, {"at once again", app, 0, 0, 20}, {"another application", ritasApp, 0, 5, 15},
			{"a moment before the hour is over", app, time.Hour - time.Microsecond, 0, 20}, {"when it is over", app, time.Microsecond, 5, 15},
		} {
			w.wall.Advance(round.wall)
			w.business.Advance(24 * time.Hour)
			if made, limited := rush(round.application); made != round.made || limited != round.limited {
				t.Errorf("%s: %d were made and %d limited, want %d and %d", round.what, made, limited, round.made, round.limited)
			}
		}
		if _, total, err := w.db.Clients(ctx, service.ClientFilter{CreatedBy: app}); total != 10 || err != nil {
			t.Errorf("%d devices there are, %v", total, err)
		}
		for _, s := range servers {
			s.RegistrationsPerHour = 0
		}
		if made, _ := rush(app); made != 20 {
			t.Errorf("without a limit, %d of 20 were made", made)
		}
	})
}

// A registration whose answer was lost is sent again, the same bytes: it is refused as a replay and
// makes no second device.
func TestARegistrationIsNotReplayed(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		once := w.by(app)
		if _, err := w.RegisterDevice(ctx, once, service.Device{}); err != nil {
			t.Fatal(err)
		}
		_, err := w.RegisterDevice(ctx, once, service.Device{})
		if refusal := refuses(t, "again", err, wallet.Unauthorized); refusal.Description != wallet.NonceUsed {
			t.Errorf("it is told %q", refusal.Description)
		}
		// One that was refused for what it asked may be sent again, and so may one that was limited.
		w.RegistrationsPerHour = 1
		twice := w.by(app)
		refuses(t, "limited", second(w.RegisterDevice(ctx, twice, service.Device{})), wallet.RateLimitExceeded)
		w.wall.Advance(time.Hour)
		if _, err := w.RegisterDevice(ctx, twice, service.Device{}); err != nil {
			t.Errorf("an hour later: %v", err)
		}
		if _, total, err := w.db.Clients(ctx, store.ClientFilter{CreatedBy: app}); total != 2 || err != nil {
			t.Errorf("%d devices there are, %v", total, err)
		}
	})
}
