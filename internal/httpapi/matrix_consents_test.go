package httpapi_test

import (
	"context"
	"fmt"
	"net/url"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// Who calls in the matrix by what a user agreed to on the page, rather than by a token that an operator gave out.

// The users whom the sample world lacks: Ina is inactive and had agreed to what Paula agreed to, Adam administers the
// rival's project without owning it.
const (
	matrixIna       = 7101
	matrixAdam      = 7102
	matrixInaWallet = 7110
)

// consent is what a user agreed to for a client, and what became of that.
type consent struct {
	by    int64
	asked []wallet.AskedScope
	// open says that the user left all of it open, shared that they agreed to it later.
	open, shared bool
	// takenBack says that the user took it back, inactive that an operator made the user inactive afterwards.
	takenBack, inactive bool
}

// consentKinds are the callers that there are by a consent.
func consentKinds() []kind {
	everything := asked(wallet.OrdinaryScopes(), wallet.AskedScope{Optional: true})
	offline := asked(wallet.LastingScopes(), wallet.AskedScope{Offline: true})
	optional := asked(wallet.LastingScopes(), wallet.AskedScope{Offline: true, Optional: true})
	return []kind{
		{name: "paula-open", client: "partner", user: matrixPaula, consent: &consent{by: matrixPaula, asked: everything, open: true}},
		{name: "paula-shared", client: "partner", user: matrixPaula, scopes: allScopes(),
			consent: &consent{by: matrixPaula, asked: everything, open: true, shared: true}},
		{name: "offline", client: "partner", consent: &consent{by: matrixPaula, asked: offline}},
		{name: "offline-open", client: "partner", consent: &consent{by: matrixPaula, asked: optional, open: true}},
		{name: "taken-back", client: "partner", consent: &consent{by: matrixPaula, asked: offline, takenBack: true}},
		{name: "offline-inactive", client: "partner", consent: &consent{by: matrixIna, asked: offline, inactive: true}},
		{name: "inactive", client: "partner", user: matrixIna, scopes: allScopes(),
			consent: &consent{by: matrixIna, asked: everything, inactive: true}},
	}
}

// asked are scopes as a client asks for them, all in one way.
func asked(scopes []wallet.Scope, how wallet.AskedScope) (list []wallet.AskedScope) {
	for _, scope := range scopes {
		how.Scope = scope
		list = append(list, how)
	}
	return list
}

// backToPartner is where users are sent back to.
const backToPartner = "https://partner.example/back"

// partner is the client that users agree to things for; without those it is like any other of project 1221.
func partner() wallet.Client {
	client := privateClient(34, 1221, wallet.UseOAuthAPI, wallet.UseWalletAPI)
	client.Hosts = []wallet.Host{{Host: "partner.example", Protocol: "https"}}
	return client
}

// addPeople makes the users whom the sample world lacks. Of Ina everything is known that a scope can be about.
func (c *cast) addPeople() {
	ctx := context.Background()
	must(c.Service.CreateUser(ctx, wallettest.Operator, wallet.User{
		ID: matrixIna, Type: wallet.Natural, DisplayName: "Ina Inactive", Email: "ina@example.com", Phone: "37060007101", Locale: "lt",
		DateOfBirth: "1990-01-31", Gender: wallet.Female,
		Address:  wallet.Address{Country: "lt", City: "Vilnius", Street: "Gedimino pr. 1", PostIndex: "01103"},
		Identity: wallet.Identity{Name: "Ina", Surname: "Inactive", Nationality: "lt", Code: "49001317101"}, Level: wallet.FullyIdentified,
	}, "", ""))
	must(c.Service.CreateWallet(ctx, wallettest.Operator, wallet.Wallet{ID: matrixInaWallet, OwnerID: matrixIna}))
	must(c.Service.CreateUser(ctx, wallettest.Operator, wallet.User{
		ID: matrixAdam, Type: wallet.Natural, DisplayName: "Adam Administrator", Email: "adam@example.com", Locale: "lt",
	}, "", ""))
	c.check(c.Service.AddAdministrator(ctx, wallettest.Operator, 1300, matrixAdam))
}

// agree has the user of a caller's consent go through the page for the caller's client, and do what became of the
// consent later. A caller with a user gets the token that comes of it; another keeps its own credentials.
func (c *cast) agree(a *actor) {
	c.t.Helper()
	ctx, of := context.Background(), a.consent
	person := wallet.Caller{Kind: wallet.ByPerson, Person: of.by}
	if of.inactive {
		c.setStanding(of.by, wallet.ActiveUser)
	}
	var declined []wallet.AskedScope
	if of.open {
		declined = of.asked
	}
	to, err := c.Service.Authorize(ctx, person, service.AuthorizationRequest{
		ResponseType: "code", ClientID: a.client.MACID, RedirectURI: backToPartner, Scope: wallet.ScopeNames(of.asked),
	}, declined)
	c.check(err)
	if a.user != 0 {
		c.exchange(a, to)
	}
	if of.shared {
		c.check(c.Service.ShareScopes(ctx, person, a.client.ID, of.asked))
	}
	if of.takenBack {
		c.check(c.Service.RevokeApp(ctx, person, a.client.ID))
	}
	if of.inactive {
		c.setStanding(of.by, wallet.InactiveUser)
	}
}

// exchange gets a caller the token for the code that stands in an address.
func (c *cast) exchange(a *actor, address string) {
	c.t.Helper()
	back, err := url.Parse(address)
	c.check(err)
	issued, err := c.Service.IssueTokens(context.Background(), wallet.Caller{Kind: wallet.ByClient, Client: &a.client}, service.TokenRequest{
		Grant: service.AuthorizationCodeGrant, Code: secret.Text(back.Query().Get("code")), RedirectURI: backToPartner,
	})
	c.check(err)
	a.mac = walletapi.MAC{ID: issued.Access, Secret: issued.Key.Reveal()}
}

func (c *cast) setStanding(user int64, standing wallet.Standing) {
	c.t.Helper()
	_, err := c.Service.UpdateUser(context.Background(), wallettest.Operator, user, service.UserChange{Standing: &standing}, true)
	c.check(err)
}

// register has a client register a user, as its own way to do it goes.
func (c *cast) register(a *actor) int64 {
	c.t.Helper()
	u, err := c.Service.RegisterUser(context.Background(), wallet.Caller{
		Kind: wallet.ByClient, Client: &a.client, From: wallet.Origin{Address: fmt.Sprintf("2001:db8:%x::1", a.client.ID)},
	}, service.Registration{Email: fmt.Sprintf("new-%d@example.com", a.client.ID), Password: "three blue herons"})
	c.check(err)
	return u.ID
}
