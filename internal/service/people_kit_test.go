package service_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// Clients that users sign in through. The site is a private client of project 1, the rival's site one of
// project 9; the phone is a device that takes passwords, the tablet one that does not.
const (
	site      = 11
	ritasSite = 12
	phone     = 13
	tablet    = 14
)

const (
	onasPassword  secret.Text = "onas-quiet-orchard-7"
	ritasPassword secret.Text = "ritas-loud-harbour-9"
	backToSite                = "https://stall.example/back?from=purser"
	verifier                  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// withPeople is a world in which Ona and Rita can sign in, and clients ask them to.
func withPeople(t *testing.T, story func(t *testing.T, w world)) {
	t.Helper()
	inWorld(t, func(t *testing.T, w world) {
		w.people()
		story(t, w)
	})
}

func (w world) people() {
	w.t.Helper()
	for id, who := range map[int64]struct {
		email, phone string
		password     secret.Text
	}{1: {"ona@example.com", "37060000001", onasPassword}, 3: {"rita@example.com", "37060000003", ritasPassword}} {
		change := service.UserChange{Email: &who.email, Phone: &who.phone, Password: who.password}
		if _, err := w.UpdateUser(ctx, operator, id, change, true); err != nil {
			w.t.Fatal(err)
		}
	}
	asks := []wallet.Permission{wallet.UseOAuthAPI, wallet.UseWalletAPI}
	trusted := append([]wallet.Permission{wallet.UsePasswordGrant, wallet.ProvideRegistrationParameters}, asks...)
	hosts := []wallet.Host{{Host: "stall.example", Protocol: "https"}, {Protocol: "stall.app", Path: "/"}}
	for _, c := range []wallet.Client{
		{ID: site, MACID: "Site000011", Type: wallet.PrivateClient, Permissions: trusted, Projects: []int64{1}, MainProject: 1, Hosts: hosts},
		{ID: ritasSite, MACID: "Site000012", Type: wallet.PrivateClient, Permissions: trusted, Projects: []int64{9}, MainProject: 9,
			Hosts: []wallet.Host{{Host: "rita.example", Protocol: "https"}}},
		{ID: phone, MACID: "Phone00013", Type: wallet.AppClient, Permissions: trusted, Projects: []int64{1}, MainProject: 1, Hosts: hosts, CreatedBy: app},
		{ID: tablet, MACID: "Tablet0014", Type: wallet.AppClient, Permissions: asks, Projects: []int64{1}, MainProject: 1, Hosts: hosts, CreatedBy: app},
	} {
		c.Title = c.MACID
		if _, _, err := w.CreateClient(ctx, operator, c, ""); err != nil {
			w.t.Fatal(err)
		}
	}
}

// visitor is somebody at the pages who has not signed in.
func visitor() wallet.Caller {
	return wallet.Caller{Kind: wallet.Anonymous, From: wallet.Origin{RequestID: "0123456789abcdef", Address: "192.0.2.9"}}
}

// person is a user who has signed in on the pages.
func person(id int64) wallet.Caller {
	return wallet.Caller{Kind: wallet.ByPerson, Person: id, From: visitor().From}
}

// challenge is what S256 makes of a verifier.
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request is what the site sends a user to the pages with.
func (w world) request(scope string) service.AuthorizationRequest {
	return service.AuthorizationRequest{
		ResponseType: "code", ClientID: "Site000011", RedirectURI: backToSite, Scope: scope, State: "a b&c=d",
		Challenge: challenge(verifier), ChallengeMethod: "S256",
	}
}

// authorize is a user's yes; it returns the code.
func (w world) authorize(user int64, r service.AuthorizationRequest, declined ...wallet.AskedScope) secret.Text {
	w.t.Helper()
	to, err := w.Authorize(ctx, person(user), r, declined)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret.Text(parameters(w.t, to).Get("code"))
}

func parameters(t testing.TB, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// exchange gives an authorization code back.
func (w world) exchange(client int64, code secret.Text) (service.Tokens, error) {
	return w.IssueTokens(ctx, w.by(client), service.TokenRequest{
		Grant: service.AuthorizationCodeGrant, Code: code, RedirectURI: backToSite, Verifier: verifier,
	})
}

// consent is a whole round: the user agrees to the site's request, which gets tokens.
func (w world) consent(user int64, scope string, declined ...wallet.AskedScope) service.Tokens {
	w.t.Helper()
	issued, err := w.exchange(site, w.authorize(user, w.request(scope), declined...))
	if err != nil {
		w.t.Fatal(err)
	}
	return issued
}

// signInBy is a password grant.
func (w world) signInBy(client int64, username string, password secret.Text, scope string) (service.Tokens, error) {
	return w.IssueTokens(ctx, w.by(client), service.TokenRequest{
		Grant: service.PasswordGrant, Username: username, Password: password, Scope: scope,
	})
}

func (w world) refresh(client int64, refresh secret.Text, scope string) (service.Tokens, error) {
	return w.IssueTokens(ctx, w.by(client), service.TokenRequest{Grant: service.RefreshGrant, RefreshToken: refresh, Scope: scope})
}

// with is a client that calls with an access token, as auth would have it; false for a token that stands for
// nobody.
func (w world) with(access string) (wallet.Caller, bool) {
	w.t.Helper()
	credential, err := w.db.Credential(ctx, access)
	if err != nil {
		w.t.Fatal(err)
	}
	if !credential.Known {
		return wallet.Caller{}, false
	}
	c := w.by(credential.Client.ID)
	c.Kind, c.Token = wallet.ByToken, credential.Token
	return c, true
}

// works says whether an access token is good for calls.
func (w world) works(access string) bool {
	w.t.Helper()
	c, known := w.with(access)
	return known && w.business.Now().Before(c.Token.ExpiresAt)
}

var sixDigits = regexp.MustCompile(`^[0-9]{6}$`)

// codeTo is the code in the last message to a contact; empty where there is none.
func (w world) codeTo(contact string) secret.Text {
	w.t.Helper()
	m := w.lastTo(contact)
	if m == nil || !sixDigits.MatchString(m.Values["code"]) {
		return ""
	}
	return secret.Text(m.Values["code"])
}

// lastTo is the last message to a contact.
func (w world) lastTo(contact string) *wallet.Message {
	w.t.Helper()
	found, err := w.ListMessages(ctx, operator, contact, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

// saysExactly expects an error of a code with a text that clients match.
func saysExactly(t testing.TB, what string, err error, code wallet.Code, text string) {
	t.Helper()
	var refused *wallet.Error
	if !errors.As(err, &refused) || refused.Code != code || !strings.Contains(refused.Description, text) {
		t.Errorf("%s: answered %v, want %s %q", what, err, code, text)
	}
}
