package service_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

var (
	ctx      = context.Background()
	operator = wallet.Caller{Kind: wallet.Operator, From: wallet.Origin{Agent: "ona"}}
)

// The clients of the world. Ona, user 1, has wallet 1 and project 1; her company, user 2, has wallet
// 2 and the projects 2 and 3; Rita, user 3, has wallet 3 and project 9. Place 11 is in project 1.
const (
	manager  = 1 // private, of projects 1 and 2, manages clients
	shop     = 2 // private, of project 1, does not
	wide     = 3 // private, of projects 1 and 9
	nobodys  = 4 // private, without a project
	app      = 5 // application of project 1
	ritasApp = 6 // application of project 9
	rita     = 7 // private, of project 9, manages clients
)

// world is a server's use cases on a database of people, projects and clients.
type world struct {
	*service.Service
	db             *store.DB
	wall, business *wallettest.Clock
	address        string
	nonces         *atomic.Uint64
	t              testing.TB
}

// inWorld tells a story on each engine.
func inWorld(t *testing.T, story func(t *testing.T, w world)) {
	t.Helper()
	wallettest.Addresses(t, func(t *testing.T, address string) {
		w := newServer(t, address, wallettest.NewClock(), wallettest.NewClock())
		w.populate()
		story(t, w)
	})
}

// newServer is one process on the database.
func newServer(t testing.TB, address string, wall, business *wallettest.Clock) world {
	t.Helper()
	return newServerOn(t, wallettest.Open(t, address, business), address, wall, business)
}

// newServerOn is one on a database that is open.
func newServerOn(t testing.TB, db *store.DB, address string, wall, business *wallettest.Clock) world {
	t.Helper()
	w := world{db: db, wall: wall, business: business, address: address, nonces: new(atomic.Uint64), t: t}
	var err error
	w.Service, err = service.New(ctx, w.db, service.Options{
		WallClock: wall.Now, BusinessClock: business.Now, Random: secret.NewIDs([32]byte(secret.RandomBytes(32))), Box: w.db.Box,
		Currencies: wallettest.Currencies, MinimumPasswordLength: 8, PublicURL: "https://wallet.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) populate() {
	w.t.Helper()
	id := func(_ int64, err error) error { return err }
	err := errors.Join(
		id(w.CreateUser(ctx, operator, wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona", Locale: "lt"}, "", "")),
		id(w.CreateUser(ctx, operator, wallet.User{ID: 2, Type: wallet.Legal, DisplayName: "Onos kepykla", Locale: "lt", Administrators: []int64{1}}, "", "")),
		id(w.CreateUser(ctx, operator, wallet.User{ID: 3, Type: wallet.Natural, DisplayName: "Rita", Locale: "lt"}, "", "")),
		id(w.CreateWallet(ctx, operator, wallet.Wallet{ID: 1, OwnerID: 1, Description: "Ona's"})),
		id(w.CreateWallet(ctx, operator, wallet.Wallet{ID: 2, OwnerID: 2, Description: "The bakery's"})),
		id(w.CreateWallet(ctx, operator, wallet.Wallet{ID: 3, OwnerID: 3, Description: "Rita's"})),
		id(w.CreateProject(ctx, operator, wallet.Project{ID: 1, Title: "Stall", OwnerID: 1, WalletID: 1})),
		id(w.CreateProject(ctx, operator, wallet.Project{ID: 2, Title: "Bakery", OwnerID: 2, WalletID: 2})),
		id(w.CreateProject(ctx, operator, wallet.Project{ID: 3, Title: "Café", OwnerID: 2, WalletID: 2})),
		id(w.CreateProject(ctx, operator, wallet.Project{ID: 9, Title: "Rita's", OwnerID: 3, WalletID: 3})),
		id(w.CreateLocation(ctx, operator, wallet.Location{ID: 11, ProjectID: 1, Title: wallet.Text{"en": "Stall"}, Address: wallet.Text{"en": "Vilnius"},
			Status: wallet.Active})),
	)
	if err != nil {
		w.t.Fatal(err)
	}
	manages := []wallet.Permission{wallet.AccessStatements, wallet.UseClientAPI, wallet.UseWalletAPI}
	ofApp := []wallet.Permission{wallet.ShowInFrame, wallet.UseClientAPI, wallet.UseWalletAPI}
	hosts := []wallet.Host{{Host: "stall.example", Protocol: "https"}}
	for _, c := range []wallet.Client{
		{ID: manager, MACID: "Manager0001", Type: wallet.PrivateClient, Permissions: manages, Projects: []int64{1, 2}, MainProject: 1,
			WalletRights: []wallet.WalletRight{{WalletID: 3, Scopes: []wallet.Scope{wallet.ScopeBalance}}}},
		{ID: shop, MACID: "Shop000002", Type: wallet.PrivateClient, Permissions: []wallet.Permission{wallet.UseWalletAPI}, Projects: []int64{1}, MainProject: 1},
		{ID: wide, MACID: "Wide000003", Type: wallet.PrivateClient, Permissions: []wallet.Permission{wallet.UseWalletAPI}, Projects: []int64{1, 9}},
		{ID: nobodys, MACID: "Nobody0004", Type: wallet.PrivateClient, Permissions: manages},
		{ID: app, MACID: "App0000005", Type: wallet.Application, Permissions: ofApp, Projects: []int64{1}, MainProject: 1, Hosts: hosts},
		{ID: ritasApp, MACID: "App0000006", Type: wallet.Application, Permissions: ofApp, Projects: []int64{9}, MainProject: 9},
		{ID: rita, MACID: "Rita000007", Type: wallet.PrivateClient, Permissions: manages, Projects: []int64{9}, MainProject: 9},
	} {
		c.Title = c.MACID
		if _, _, err := w.CreateClient(ctx, operator, c, ""); err != nil {
			w.t.Fatal(err)
		}
	}
}

// by is a client that calls with its own credentials, once.
func (w world) by(id int64) wallet.Caller {
	w.t.Helper()
	client, err := w.db.Client(ctx, id)
	if err != nil || client == nil {
		w.t.Fatalf("client %d: %v, %v", id, client, err)
	}
	c := wallet.Caller{Kind: wallet.ByClient, Client: client, From: wallet.Origin{RequestID: "0123456789abcdef", Address: "192.0.2.7", Agent: "curl/8"}}
	binary.LittleEndian.PutUint64(c.Nonce.Fingerprint[:], w.nonces.Add(1))
	c.Nonce.TS = w.wall.Now().Unix()
	return c
}

// withToken is a client that calls with a token of a user who agreed to these scopes.
func (w world) withToken(client, user int64, scopes ...wallet.Scope) wallet.Caller {
	w.t.Helper()
	issued, err := w.IssueToken(ctx, operator, user, client, scopes, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	credential, err := w.db.Credential(ctx, issued.Access)
	if err != nil || credential.Token == nil {
		w.t.Fatal(credential, err)
	}
	c := w.by(client)
	c.Kind, c.Token = wallet.ByToken, credential.Token
	return c
}

// device is a phone that an application registered.
func (w world) device(application int64, info string) service.ClientView {
	w.t.Helper()
	view, err := w.RegisterDevice(ctx, w.by(application), service.Device{Info: info})
	if err != nil {
		w.t.Fatal(err)
	}
	return view
}

// refuses expects an error of a code, which names these fields.
func refuses(t testing.TB, what string, err error, code wallet.Code, fields ...string) *wallet.Error {
	t.Helper()
	var refused *wallet.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("%s: answered %v, want %s", what, err, code)
		return &wallet.Error{}
	}
	named := []string{}
	for field := range refused.Properties {
		named = append(named, field)
	}
	slices.Sort(named)
	slices.Sort(fields)
	if !slices.Equal(named, append([]string{}, fields...)) {
		t.Errorf("%s: names %v, want %v (%v)", what, named, fields, refused.Properties)
	}
	return refused
}

// errorOf is the error of a use case that also answers something.
func errorOf[T any](_ T, err error) error { return err }

// trail is what the audit trail has of a client, the latest first.
func (w world) trail(client int64) []store.AuditEntry {
	w.t.Helper()
	entries, err := w.AuditTrail(ctx, operator, "client", client, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

func crowd(callers int, each func(caller int)) {
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() { each(caller) })
	}
	all.Wait()
}

func ptr[T any](value T) *T { return &value }

func signer(key secret.Text) *secret.Signer { return secret.NewSigner(key) }

// revocation ends one client.
func revocation(client int64) store.Revocation { return store.Revocation{ClientID: client} }
