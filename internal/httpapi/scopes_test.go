package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// scopeProbe is what a scope opens: a field of GET /user/{id}, where it has one, and a call of its own, where it has
// one; in its target USER and WALLET stand for the user's. empty takes the data away that the scope is about; nil where
// that cannot be.
type scopeProbe struct {
	field, call string
	empty       func(change *service.UserChange)
}

var none = ""

// scopeProbes are the scopes that calls of today ask for.
var scopeProbes = map[wallet.Scope]scopeProbe{
	"email":                {"email", "/user/USER/email", func(c *service.UserChange) { c.Email = &none }},
	"phone":                {"phone", "/user/USER/phone", func(c *service.UserChange) { c.Phone = &none }},
	"phone_confirmation":   {"", "/user/USER/confirmed-phones", nil},
	"address":              {"address", "/user/USER/address", func(c *service.UserChange) { c.Address = &wallet.Address{} }},
	"dob":                  {"dob", "", func(c *service.UserChange) { c.DateOfBirth = &none }},
	"gender":               {"gender", "", func(c *service.UserChange) { c.Gender = new(wallet.Gender) }},
	"full_name":            {"identity.surname", "/user/USER/identity", func(c *service.UserChange) { c.Identity = &wallet.Identity{} }},
	"identity":             {"identity.code", "/user/USER/identity", func(c *service.UserChange) { c.Identity = &wallet.Identity{} }},
	"identification_level": {"identification_level", "", nil},
	"user_info":            {"display_name", "", nil},
	"pep":                  {"pep", "/user/USER/pes", nil},
	"wallet_list":          {"wallets", "/user/USER/wallets", nil},
	"balance":              {"", "/wallet/WALLET/balance", nil},
	"projects":             {"", "/user/USER/projects", nil},

	"check_has_sufficient_balance": {"", "/wallet/WALLET/sufficient-amount?amount=0&currency=EUR", nil},
}

// vera has everything that a scope can be about.
const (
	vera       = 7001
	verasEmail = "vera@example.com"
)

type scopeWorld struct {
	*wallettest.Server
	t      *testing.T
	wallet int64
	// shop is the client that Vera agrees to things for; it is no client of hers otherwise.
	shop wallet.Client
	own  walletapi.MAC
}

func newScopeWorld(t *testing.T, address string) *scopeWorld {
	t.Helper()
	s := &scopeWorld{Server: wallettest.NewServer(t, address), t: t}
	ctx := context.Background()
	must(s.Service.CreateUser(ctx, wallettest.Operator, wallet.User{ID: vera, Type: wallet.Natural, DisplayName: "Vera", Locale: "lt"}, "", ""))
	s.fill()
	s.wallet = must(s.Service.CreateWallet(ctx, wallettest.Operator, wallet.Wallet{OwnerID: vera}))
	must(s.Service.CreateProject(ctx, wallettest.Operator, wallet.Project{Title: "Vera's", OwnerID: vera, WalletID: s.wallet}))
	made, key, err := s.Service.CreateClient(ctx, wallettest.Operator, wallet.Client{
		Title: "Asks Vera", Type: wallet.PrivateClient, Permissions: []wallet.Permission{wallet.UseOAuthAPI, wallet.UseWalletAPI},
		Projects: []int64{1300}, MainProject: 1300, Hosts: []wallet.Host{{Host: "asks.example", Protocol: "https"}},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.shop, s.own = made, walletapi.MAC{ID: made.MACID, Secret: key.Reveal()}
	return s
}

func set[T any](value T) *T { return &value }

// fill gives Vera all the data there is.
func (s *scopeWorld) fill() {
	s.t.Helper()
	s.update(func(c *service.UserChange) {
		*c = service.UserChange{
			Email: set(verasEmail), Phone: set("37060070001"), DateOfBirth: set("1990-01-31"), Gender: set(wallet.Female),
			Address:  &wallet.Address{Country: "lt", City: "Vilnius", Street: "Gedimino pr. 1", PostIndex: "01103"},
			Identity: &wallet.Identity{Name: "Vera", Surname: "Veraitė", Nationality: "lt", Code: "48812240000"}, Level: set(wallet.Identified),
			Exposures: &[]wallet.Exposure{{Name: "Petras P.", Relation: "spouse", Positions: []string{"mayor"}}},
		}
	})
}

func (s *scopeWorld) update(change func(*service.UserChange)) {
	s.t.Helper()
	var c service.UserChange
	change(&c)
	if _, err := s.Service.UpdateUser(context.Background(), wallettest.Operator, vera, c, true); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scopeWorld) vera() wallet.Caller { return wallet.Caller{Kind: wallet.ByPerson, Person: vera} }

// consent has Vera agree on the page, and returns what the client then signs with for her.
func (s *scopeWorld) consent(scope string, declined ...wallet.AskedScope) walletapi.MAC {
	s.t.Helper()
	const back = "https://asks.example/back"
	to, err := s.Service.Authorize(context.Background(), s.vera(), service.AuthorizationRequest{
		ResponseType: "code", ClientID: s.shop.MACID, RedirectURI: back, Scope: scope,
	}, declined)
	if err != nil {
		s.t.Fatal(scope, err)
	}
	address, err := url.Parse(to)
	if err != nil {
		s.t.Fatal(err)
	}
	issued, err := s.Service.IssueTokens(context.Background(), wallet.Caller{Kind: wallet.ByClient, Client: &s.shop}, service.TokenRequest{
		Grant: service.AuthorizationCodeGrant, Code: secret.Text(address.Query().Get("code")), RedirectURI: back,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return walletapi.MAC{ID: issued.Access, Secret: issued.Key.Reveal()}
}

// get asks by number, as a token or as the client itself.
func (s *scopeWorld) get(mac walletapi.MAC, call string) *wallettest.Answer {
	s.t.Helper()
	target := strings.NewReplacer("USER", "7001", "WALLET", walletNumber(s.wallet)).Replace("/rest/v1" + call)
	return s.Send(wallettest.Anonymous, http.MethodGet, target, wallettest.SignedBy(mac))
}

func walletNumber(id int64) string { text, _ := json.Marshal(id); return string(text) }

// shows says whether an answer holds a field, such as identity.code.
func shows(t *testing.T, a *wallettest.Answer, field string) bool {
	t.Helper()
	var value any
	a.Decode(&value)
	for name := range strings.SplitSeq(field, ".") {
		object, ok := value.(map[string]any)
		if !ok || object[name] == nil {
			return false
		}
		value = object[name]
	}
	return true
}

// expect holds what a scope opens against what it should: status 200 with the field, 403 without, or 404 without.
func (s *scopeWorld) expect(what string, scope wallet.Scope, mac walletapi.MAC, status int) {
	s.t.Helper()
	probe := scopeProbes[scope]
	if probe.field != "" {
		a := s.get(mac, "/user/USER")
		if a.Status == http.StatusOK && shows(s.t, a, probe.field) != (status == http.StatusOK) {
			s.t.Errorf("%s, %s: the user is %s", what, scope, a.Body)
		}
		if a.Status != http.StatusOK && status == http.StatusOK {
			s.t.Errorf("%s, %s: the user is answered %d %s", what, scope, a.Status, a.Body)
		}
	}
	if probe.call == "" {
		return
	}
	if a := s.get(mac, probe.call); a.Status != status {
		s.t.Errorf("%s, %s: %s is answered %d %s, want %d", what, scope, probe.call, a.Status, a.Body, status)
	}
}

// With a scope the field and the call are there, without it they are not, whatever else the user agreed to.
func TestEveryScopeOpensWhatItNames(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := newScopeWorld(t, address)
		for scope := range scopeProbes {
			s.expect("with it", scope, s.consent(string(scope)), http.StatusOK)
			others := slices.DeleteFunc(wallet.OrdinaryScopes(), func(o wallet.Scope) bool {
				return o == scope || scope == wallet.ScopeFullName && o == wallet.ScopeIdentity || scope == wallet.ScopeCheckFunds && o == wallet.ScopeBalance
			})
			words := make([]string, len(others))
			for i, o := range others {
				words[i] = string(o)
			}
			if scope == wallet.ScopeIdentity {
				// The call shows the name with full_name; the person code it does not.
				a := s.get(s.consent(strings.Join(words, " ")), "/user/USER/identity")
				if a.Status != http.StatusOK || shows(t, a, "code") || shows(t, a, "nationality") || !shows(t, a, "surname") {
					t.Errorf("without identity, with full_name: %d %s", a.Status, a.Body)
				}
				words = slices.DeleteFunc(words, func(w string) bool { return w == "full_name" })
			}
			s.expect("with all others", scope, s.consent(strings.Join(words, " ")), http.StatusForbidden)
		}
		bare := s.get(s.consent(""), "/user/me")
		if bare.Status != http.StatusOK || bare.Body != `{"id":7001}` {
			t.Errorf("without any scope: %d %s", bare.Status, bare.Body)
		}
	})
}

// What was agreed to offline, the client reads with its own credentials, and no longer than the user leaves it at that.
func TestOfflineScopesNeedNoToken(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := newScopeWorld(t, address)
		for _, scope := range wallet.LastingScopes() {
			if _, probed := scopeProbes[scope]; !probed {
				continue
			}
			s.expect("before", scope, s.own, http.StatusForbidden)
			s.consent(string(scope))
			s.expect("agreed with a token in mind", scope, s.own, http.StatusForbidden)
			token := s.consent(string(scope) + "_offline")
			s.expect("offline", scope, s.own, http.StatusOK)
			s.expect("with the token of that", scope, token, http.StatusOK)
			s.update(func(c *service.UserChange) { c.Standing = set(wallet.InactiveUser) })
			s.expect("of a user for whom nobody may act", scope, s.own, http.StatusForbidden)
			s.update(func(c *service.UserChange) { c.Standing = set(wallet.ActiveUser) })
			s.expect("who is active again", scope, s.own, http.StatusOK)
			if err := s.Service.RevokeApp(context.Background(), s.vera(), s.shop.ID); err != nil {
				t.Fatal(err)
			}
			s.expect("taken back", scope, s.own, http.StatusForbidden)
			if a := s.get(token, "/client"); a.Status != http.StatusUnauthorized {
				t.Errorf("%s: the token of what was taken back is answered %d", scope, a.Status)
			}
		}
	})
}

// Nobody acts for a user whom an operator made inactive, without a token either; what they agreed to holds again once
// they are active.
func TestNobodyActsOfflineForWhoIsInactive(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := newScopeWorld(t, address)
		s.consent("email_offline balance_offline")
		for standing, status := range map[wallet.Standing]int{wallet.InactiveUser: 403, wallet.RestrictedUser: 200, wallet.ActiveUser: 200} {
			s.update(func(c *service.UserChange) { c.Standing = &standing })
			s.expect(string(standing), wallet.ScopeEmail, s.own, status)
			s.expect(string(standing), wallet.ScopeBalance, s.own, status)
		}
	})
}

// An optional scope that the user leaves open is not found, with a token and offline, until the user agrees to it.
func TestOptionalScopesAreNotFoundUntilTheyAreAgreedTo(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := newScopeWorld(t, address)
		for scope := range scopeProbes {
			if scope == wallet.ScopeIdentity {
				continue // full_name would open a part of the same call
			}
			asked := []wallet.AskedScope{{Scope: scope, Optional: true}}
			if slices.Contains(wallet.LastingScopes(), scope) {
				asked = append(asked, wallet.AskedScope{Scope: scope, Offline: true, Optional: true})
			}
			token := s.consent(wallet.ScopeNames(asked), asked...)
			s.expect("left open", scope, token, http.StatusNotFound)
			if len(asked) > 1 && scope != "identity" {
				s.expect("left open, offline", scope, s.own, http.StatusNotFound)
			}
			if err := s.Service.ShareScopes(context.Background(), s.vera(), s.shop.ID, asked); err != nil {
				t.Fatal(err)
			}
			s.expect("agreed to later", scope, token, http.StatusOK)
			if len(asked) > 1 {
				s.expect("agreed to later, offline", scope, s.own, http.StatusOK)
			}
			if err := s.Service.RevokeApp(context.Background(), s.vera(), s.shop.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// An optional scope without data is agreed to all the same; what it opens is not found until the data is there.
func TestOptionalScopesWaitForData(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := newScopeWorld(t, address)
		for scope, probe := range scopeProbes {
			if probe.empty == nil {
				continue
			}
			s.update(func(c *service.UserChange) { c.Level = set(wallet.Unidentified); probe.empty(c) })
			if _, err := s.Service.Authorize(context.Background(), s.vera(), service.AuthorizationRequest{
				ResponseType: "code", ClientID: s.shop.MACID, RedirectURI: "https://asks.example/back", Scope: string(scope),
			}, nil); err == nil {
				t.Errorf("%s: agreed to without the data, though it is not optional", scope)
			}
			token := s.consent(string(scope) + "_optional")
			s.expect("without the data", scope, token, http.StatusNotFound)
			s.fill()
			s.expect("with the data", scope, token, http.StatusOK)
		}
	})
}

// Whoever writes a client finds every scope in the docs, with whether it can be used offline.
func TestEveryScopeIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(wallettest.Root(), "docs", "accounts.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[wallet.Scope]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| .* \\| *(yes)? *\\|$").FindAllStringSubmatch(string(text), -1) {
		if scope := wallet.Scope(row[1]); scope.Meaning() != "" {
			documented[scope] = true
			if lasting := slices.Contains(wallet.LastingScopes(), scope); lasting != (row[2] == "yes") {
				t.Errorf("docs/accounts.md says of %s offline %q, and it is %v", scope, row[2], lasting)
			}
		}
	}
	for _, scope := range append(wallet.OrdinaryScopes(), wallet.ExtendedScopes()...) {
		if !documented[scope] {
			t.Errorf("docs/accounts.md does not list the scope %s", scope)
		}
	}
}
