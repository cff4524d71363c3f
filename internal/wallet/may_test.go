package wallet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/wallet"
)

// The cast: a shop's client for projects 1221 (main) and 1222, an app of the same project, and
// users John, who administers the company that owns wallet 2112, and Paula, who owns 14471.
const (
	john    = 1234
	company = 1235
	paula   = 5678
)

func shop() *wallet.Client {
	return &wallet.Client{
		ID: 7, Type: wallet.PrivateClient, Projects: []int64{1221, 1222}, MainProject: 1221,
		Permissions:  []wallet.Permission{wallet.UseWalletAPI},
		WalletRights: []wallet.WalletRight{{WalletID: 14471, Scopes: []wallet.Scope{wallet.ScopeBalance}}},
	}
}

func byClient(c *wallet.Client) wallet.Caller { return wallet.Caller{Kind: wallet.ByClient, Client: c} }

func byToken(user int64, scopes ...wallet.Scope) wallet.Caller {
	return wallet.Caller{Kind: wallet.ByToken, Client: shop(), Token: &wallet.Token{UserID: user, ClientID: 7, Scopes: scopes}}
}

func without(p wallet.Permission) wallet.Caller {
	c := shop()
	c.Permissions = nil
	for _, have := range shop().Permissions {
		if have != p {
			c.Permissions = append(c.Permissions, have)
		}
	}
	return byClient(c)
}

func ofType(t wallet.ClientType) wallet.Caller {
	c := shop()
	c.Type = t
	return byClient(c)
}

var (
	store    = &wallet.Project{ID: 1221}
	foreign  = &wallet.Project{ID: 1300}
	mainW    = &wallet.Wallet{ID: 2112, OwnerID: company, OwnerAdministrators: []int64{john}, Projects: []int64{1221}}
	paulas   = &wallet.Wallet{ID: 14471, OwnerID: paula}
	rivals   = &wallet.Wallet{ID: 3300, OwnerID: 9012, Projects: []int64{1300}}
	anybody  = wallet.Caller{Kind: wallet.Anonymous}
	operator = wallet.Caller{Kind: wallet.Operator}
)

func TestWhoMayDoWhat(t *testing.T) {
	tests := []struct {
		story   string
		caller  wallet.Caller
		action  wallet.Action
		subject wallet.Subject
		refused string // the rule; empty when allowed
		cure    string
	}{
		{"anybody reads what is public", anybody, wallet.ReadPublic, wallet.Subject{}, "", ""},
		{"an empty caller does not even that", wallet.Caller{}, wallet.ReadPublic, wallet.Subject{}, "somebody", ""},
		{"anybody is no client", anybody, wallet.ReadOwnClient, wallet.Subject{}, "known_caller", ""},
		{"only the operator operates", byClient(shop()), wallet.OperateServer, wallet.Subject{}, "operator", ""},
		{"the operator operates", operator, wallet.OperateServer, wallet.Subject{}, "", ""},
		{"the operator is no client", operator, wallet.ReadProject, wallet.Subject{Project: store}, "known_caller", ""},
		{"an action without a policy is nobody's", operator, "made_up", wallet.Subject{}, "unknown_action", ""},

		{"a client reads itself without any permission", without(wallet.UseWalletAPI), wallet.ReadOwnClient, wallet.Subject{}, "", ""},
		{"an application reads itself", ofType(wallet.Application), wallet.ReadOwnClient, wallet.Subject{}, "", ""},
		{"an application reads nothing else", ofType(wallet.Application), wallet.ReadProject, wallet.Subject{Project: store}, "client_type", ""},
		{"a device has the full API", ofType(wallet.AppClient), wallet.ReadProject, wallet.Subject{Project: store}, "", ""},

		{"a client reads its project", byClient(shop()), wallet.ReadProject, wallet.Subject{Project: store}, "", ""},
		{"not without the wallet API", without(wallet.UseWalletAPI), wallet.ReadProject, wallet.Subject{Project: store}, "permission_use_wallet_api", "the permission use_wallet_api"},
		{"not another's", byClient(shop()), wallet.ReadProject, wallet.Subject{Project: foreign}, "represents_project", "a client that represents project 1300"},
		{"one that does not exist is the use case's to tell", byClient(shop()), wallet.ReadProject, wallet.Subject{}, "", ""},
		{"but not to whom the gates refuse", anybody, wallet.ReadProject, wallet.Subject{}, "known_caller", ""},

		{"a user's projects need the user", byClient(shop()), wallet.ListUserProjects, wallet.Subject{UserID: john}, "access_token", "a token with the scope projects"},
		{"and the scope", byToken(john, wallet.ScopeBalance), wallet.ListUserProjects, wallet.Subject{UserID: john}, "scope_projects", "a token with the scope projects"},
		{"and that very user", byToken(john, wallet.ScopeProjects), wallet.ListUserProjects, wallet.Subject{UserID: paula}, "own_user", ""},
		{"then they are told", byToken(john, wallet.ScopeProjects), wallet.ListUserProjects, wallet.Subject{UserID: john}, "", ""},

		{"a project's client reads its wallet's balance", byClient(shop()), wallet.ReadBalance, wallet.Subject{Wallet: mainW}, "", ""},
		{"a static right opens one wallet", byClient(shop()), wallet.ReadBalance, wallet.Subject{Wallet: paulas}, "", ""},
		{"and no other", byClient(shop()), wallet.ReadBalance, wallet.Subject{Wallet: rivals}, "wallet_right", "the static right balance on wallet 3300"},
		{"an owner reads their balance", byToken(paula, wallet.ScopeBalance), wallet.ReadBalance, wallet.Subject{Wallet: paulas}, "", ""},
		{"if they agreed", byToken(paula), wallet.ReadBalance, wallet.Subject{Wallet: paulas}, "own_wallet", "a token with the scope balance"},
		{"who acts for a company reads its balance", byToken(john, wallet.ScopeBalance), wallet.ReadBalance, wallet.Subject{Wallet: mainW}, "", ""},
		{"a payer's token does not open the shop's wallet", byToken(paula, wallet.ScopeBalance), wallet.ReadBalance, wallet.Subject{Wallet: mainW}, "own_wallet", ""},
		{"nor does the client's static right work through a stranger's token", byToken(john, wallet.ScopeBalance), wallet.ReadBalance, wallet.Subject{Wallet: paulas}, "own_wallet", ""},
		{"a token shows the own wallet without any scope", byToken(paula), wallet.ReadWallet, wallet.Subject{Wallet: paulas}, "", ""},
		{"but its details only with wallet_list", byToken(paula), wallet.ReadWalletDetails, wallet.Subject{Wallet: paulas}, "own_wallet", "a token with the scope wallet_list"},
		{"a static right shows the number alone", byClient(shop()), wallet.ReadWalletDetails, wallet.Subject{Wallet: paulas}, "own_wallet", ""},
	}
	for _, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			d := wallet.May(test.caller, test.action, test.subject)
			if d.Refused != test.refused || d.Allowed != (test.refused == "") {
				t.Fatalf("refused by %q, want %q", d.Refused, test.refused)
			}
			cure := ""
			if d.Cure != nil {
				cure = d.Cure.String()
			}
			if cure != test.cure {
				t.Errorf("cure %q, want %q", cure, test.cure)
			}
			checkExplanation(t, d)
		})
	}
}

// checkExplanation holds a decision's explanation against its answer: the rule that refused
// was looked at and does not hold, and the error speaks of what it saw.
func checkExplanation(t *testing.T, d wallet.Decision) {
	t.Helper()
	seen := false
	for _, rule := range d.Rules() {
		if rule.Fact == "" {
			t.Errorf("the rule %s says nothing of what it saw", rule.Rule)
		}
		if rule.Rule == d.Refused {
			seen = true
			if rule.Holds {
				t.Errorf("the rule %s holds and refuses", rule.Rule)
			}
			if fact := rule.Fact[1:]; !strings.Contains(d.Err().Error(), fact) {
				t.Errorf("%q does not say %q", d.Err(), fact)
			}
		}
	}
	if seen == d.Allowed {
		t.Errorf("allowed %v, but the refusing rule was looked at: %v", d.Allowed, seen)
	}
	var refusal *wallet.Error
	if d.Allowed != (d.Err() == nil) || (!d.Allowed && (!errors.As(d.Err(), &refusal) || refusal.Code != wallet.Forbidden)) {
		t.Errorf("the error of the decision is %v", d.Err())
	}
}

func TestAProjectIsNamedOrNotNeeded(t *testing.T) {
	two := shop()
	two.MainProject = 0
	one := shop()
	one.Projects, one.MainProject = []int64{1222}, 0
	none := shop()
	none.Projects, none.MainProject = nil, 0
	named := byClient(two)
	named.ProjectID = 1222
	tests := []struct {
		story  string
		caller wallet.Caller
		want   int64
		code   wallet.Code
		says   string
	}{
		{"a main project needs no naming", byClient(shop()), 1221, "", ""},
		{"nor does the only one", byClient(one), 1222, "", ""},
		{"a named one is taken", named, 1222, "", ""},
		{"several without a main one are a question", byClient(two), 0, wallet.InvalidParameters,
			"Client 7 represents several projects (1221 and 1222) and has no main one: name one of them as project_id in ext."},
		{"none at all are a refusal", byClient(none), 0, wallet.Forbidden, "Client 7 represents no project; attach it to the project that this call is for."},
	}
	for _, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			got, err := test.caller.Project()
			if got != test.want {
				t.Errorf("project %d, want %d", got, test.want)
			}
			checkError(t, err, test.code, test.says)
		})
	}
}

func TestContextOfARequest(t *testing.T) {
	place := &wallet.Location{ID: 456, ProjectID: 1222}
	foreignPlace := &wallet.Location{ID: 999, ProjectID: 1300}
	admin := byToken(john, wallet.ScopeProjects)
	admin.Token.Projects = []int64{123}
	tests := []struct {
		story                  string
		caller                 wallet.Caller
		project, location      int64
		place                  *wallet.Location
		wantProject, wantPlace int64
		says                   string
	}{
		{"nothing named", byClient(shop()), 0, 0, nil, 0, 0, ""},
		{"an own project", byClient(shop()), 1222, 0, nil, 1222, 0, ""},
		{"another's project", byClient(shop()), 1300, 0, nil, 0, 0, "Client 7 represents projects 1221 and 1222, not 1300: name one of its own as project_id."},
		{"a place brings its project", byClient(shop()), 0, 456, place, 1222, 456, ""},
		{"a place of the named project", byClient(shop()), 1222, 456, place, 1222, 456, ""},
		{"a place of another project than the named one", byClient(shop()), 1221, 456, place, 0, 0,
			"Place 456 belongs to project 1222, not to project 1221 that the request names: leave project_id out, or name a place of that project."},
		{"a place of another's project", byClient(shop()), 0, 999, foreignPlace, 0, 0, "Place 999 is not in a project of this caller: client 7 represents projects 1221 and 1222."},
		{"a place that is not there", byClient(shop()), 0, 1000, nil, 0, 0, "There is no place 1000, which the request names."},
		{"a project that the token's user administers", admin, 123, 0, nil, 123, 0, ""},
		{"one that nobody here has", admin, 1300, 0, nil, 0, 0, "Client 7 with a token of user 1234 represents projects 123, 1221 and 1222, not 1300: name one of its own as project_id."},
	}
	for _, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			got, err := test.caller.InContext(test.project, test.location, test.place)
			code := wallet.Code("")
			switch {
			case test.location != 0 && test.place == nil:
				code = wallet.NotFound
			case test.says != "":
				code = wallet.Forbidden
			}
			checkError(t, err, code, test.says)
			if err == nil && (got.ProjectID != test.wantProject || got.LocationID != test.wantPlace) {
				t.Errorf("project %d and place %d, want %d and %d", got.ProjectID, got.LocationID, test.wantProject, test.wantPlace)
			}
		})
	}
}

func TestNamesOfTheContextAreNumbers(t *testing.T) {
	project, location, err := wallet.Named{ProjectID: "1221", LocationID: "456"}.IDs()
	if project != 1221 || location != 456 || err != nil {
		t.Fatal(project, location, err)
	}
	for _, text := range []string{"0", "-1", "1221x", "9223372036854775808", "1.0", " 1"} {
		_, _, err := wallet.Named{ProjectID: text}.IDs()
		var refusal *wallet.Error
		if !errors.As(err, &refusal) || refusal.Code != wallet.InvalidParameters || refusal.Properties["project_id"] == nil {
			t.Errorf("project_id %q: %v", text, err)
		}
	}
}

func TestEveryRefusedFieldIsNamed(t *testing.T) {
	refused := wallet.FieldErrors{}
	if refused.Err() != nil {
		t.Error("nothing was refused")
	}
	refused.Refuse("lng", "is needed with lat")
	refused.Refuse("distance", "must be a number")
	checkError(t, refused.Err(), wallet.InvalidParameters, "distance: must be a number (2 fields in all were refused, see error_properties)")
}

func TestEveryPermissionHasAMeaning(t *testing.T) {
	if len(wallet.Permissions()) != 12 {
		t.Errorf("%d permissions, want the union of all sources: 12", len(wallet.Permissions()))
	}
	for _, p := range wallet.Permissions() {
		if p.Meaning() == "" {
			t.Errorf("%s has no meaning", p)
		}
	}
}

func checkError(t *testing.T, err error, code wallet.Code, says string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	var refusal *wallet.Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Description != says {
		t.Errorf("got  %v\nwant %s: %s", err, code, says)
	}
}
