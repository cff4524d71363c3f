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

// managing calls with the client API, application registers devices, deviceCaller is one.
func managing() wallet.Caller {
	c := shop()
	c.Permissions = append(c.Permissions, wallet.UseClientAPI)
	return byClient(c)
}

func application() wallet.Caller {
	c := managing()
	c.Client.Type = wallet.Application
	return c
}

func deviceCaller() wallet.Caller {
	c := device(7)
	c.ID = 70
	return byClient(c)
}

// device is one that an application made, of is a client of these projects.
func device(by int64) *wallet.Client {
	return &wallet.Client{ID: 71, Type: wallet.AppClient, CreatedBy: by, Projects: []int64{1221}, MainProject: 1221}
}

func of(projects ...int64) *wallet.Client {
	return &wallet.Client{ID: 72, Type: wallet.PrivateClient, Projects: projects}
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
	checkDecisions(t, []decided{
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

		{"a user's projects need the user", byClient(shop()), wallet.ListUserProjects, wallet.Subject{User: &wallet.User{ID: john, Type: wallet.Natural}}, "access_token", "a token of user 1234 with the scope projects"},
		{"which a company cannot agree to", byClient(shop()), wallet.ListUserProjects, wallet.Subject{User: &wallet.User{ID: company, Type: wallet.Legal}}, "access_token", ""},
		{"and the scope", byToken(john, wallet.ScopeBalance), wallet.ListUserProjects, wallet.Subject{User: &wallet.User{ID: john, Type: wallet.Natural}}, "scope_projects", "a token with the scope projects"},
		{"and that very user", byToken(john, wallet.ScopeProjects), wallet.ListUserProjects, wallet.Subject{User: &wallet.User{ID: paula, Type: wallet.Natural}}, "own_user", ""},
		{"one who does not exist is the use case's to tell", byToken(john), wallet.ListUserProjects, wallet.Subject{}, "", ""},
		{"then they are told", byToken(john, wallet.ScopeProjects), wallet.ListUserProjects, wallet.Subject{User: &wallet.User{ID: john, Type: wallet.Natural}}, "", ""},

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
	})
}

// The same for what is done to other clients.
func TestWhoMayDoWhatToClients(t *testing.T) {
	checkDecisions(t, []decided{
		{"an application registers devices", application(), wallet.RegisterDevice, wallet.Subject{}, "", ""},
		{"not without the client API", ofType(wallet.Application), wallet.RegisterDevice, wallet.Subject{}, "permission_use_client_api", "the permission use_client_api"},
		{"nobody else does", managing(), wallet.RegisterDevice, wallet.Subject{}, "client_type", ""},
		{"an application reads the device that it made", application(), wallet.ReadClient, wallet.Subject{Client: device(7)}, "", ""},
		{"and no other", application(), wallet.ReadClient, wallet.Subject{Client: device(8)}, "manages", ""},
		{"a device reads itself", deviceCaller(), wallet.ReadClient, wallet.Subject{Client: deviceCaller().Client}, "", ""},
		{"and no other of its application", deviceCaller(), wallet.ReadClient, wallet.Subject{Client: device(7)}, "manages", ""},
		{"a manager reads the clients of its projects", managing(), wallet.ReadClient, wallet.Subject{Client: device(8)}, "", ""},
		{"not those that reach further", managing(), wallet.ReadClient, wallet.Subject{Client: of(1221, 1300)}, "manages", "a client that represents project 1300"},
		{"nor those without a project", managing(), wallet.ReadClient, wallet.Subject{Client: of()}, "manages", ""},
		{"what is missing is said whole", byClient(shop()), wallet.ReadClient, wallet.Subject{Client: of(1221, 1300)}, "manages",
			"the permission use_client_api and a client that represents project 1300"},
		{"nobody changes itself", managing(), wallet.UpdateClient, wallet.Subject{Client: managing().Client}, "not_itself", ""},
		{"nobody gives what it does not have", managing(), wallet.UpdateClient,
			wallet.Subject{Client: device(8), Giving: wallet.Giving{Permissions: []wallet.Permission{wallet.AcceptWithPIN}}}, "gives_its_own", "the permission accept_with_pin"},
		{"the operator gives anything", operator, wallet.UpdateClient,
			wallet.Subject{Client: device(8), Giving: wallet.Giving{Permissions: []wallet.Permission{wallet.AcceptWithPIN}}}, "", ""},
		{"the owner of a client asks why it was refused", byClient(shop()), wallet.ReadRefusal, wallet.Subject{Client: shop()}, "", ""},
		{"a device does not", deviceCaller(), wallet.ReadRefusal, wallet.Subject{Client: deviceCaller().Client}, "manages", ""},
	})
}

// decided is a question with the rule that refuses, empty when none does, and what would help.
type decided struct {
	story         string
	caller        wallet.Caller
	action        wallet.Action
	subject       wallet.Subject
	refused, cure string
}

func checkDecisions(t *testing.T, tests []decided) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			d := wallet.May(test.caller, test.action, test.subject)
			if d.Refused != test.refused || d.Allowed != (test.refused == "") {
				t.Fatalf("refused by %q, want %q", d.Refused, test.refused)
			}
			if cure := words(d.Cure()); cure != test.cure {
				t.Errorf("cure %q, want %q", cure, test.cure)
			}
			checkExplanation(t, test.caller, d)
		})
	}
}

// words says the grants of a cure.
func words(cure []wallet.Grant) string {
	all := make([]string, len(cure))
	for i, grant := range cure {
		all[i] = grant.String()
	}
	return strings.Join(all, " and ")
}

// checkExplanation holds a decision's explanation against its answer: the rule that refused
// was looked at and does not hold, and the error speaks of what it saw, but not to strangers.
func checkExplanation(t *testing.T, c wallet.Caller, d wallet.Decision) {
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
			stranger := (c.Kind == wallet.ByClient || c.Kind == wallet.ByToken) && !c.OwnsClient()
			if fact := rule.Fact[1:]; strings.Contains(d.Err().Error(), fact) == stranger {
				t.Errorf("to a stranger (%v) it is said %q", stranger, d.Err())
			}
			if why := d.Refusal(); !strings.Contains(why.Reason, rule.Fact[1:]) || why.Refused != rule.Rule || why.Caller != c.Name() {
				t.Errorf("the refusal that is kept is %+v", why)
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
		{"another's project", byClient(shop()), 1300, 0, nil, 0, 0, "Client 7 represents projects 1221 and 1222, not 1300; this call needs a client that represents project 1300."},
		{"a place brings its project", byClient(shop()), 0, 456, place, 1222, 456, ""},
		{"a place of the named project", byClient(shop()), 1222, 456, place, 1222, 456, ""},
		{"a place of another project than the named one", byClient(shop()), 1221, 456, place, 0, 0,
			"Place 456 belongs to project 1222, and the request names project 1221: leave project_id out, or name a place of that project."},
		{"a place of another's project", byClient(shop()), 0, 999, foreignPlace, 0, 0, "Place 999 is in project 1300: client 7 represents projects 1221 and 1222; this call needs a client that represents project 1300."},
		{"a place that is not there", byClient(shop()), 0, 1000, nil, 0, 0, "There is no place 1000, which the request names."},
		{"a project that the token's user administers", admin, 123, 0, nil, 123, 0, ""},
		{"one that nobody here has", admin, 1300, 0, nil, 0, 0, "Client 7 with a token of user 1234 represents projects 123, 1221 and 1222, not 1300; this call needs a client that represents project 1300."},
	}
	for _, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			got, err := speaking(test.caller, test.project, test.location, test.place)
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

// speaking is the caller in the context that its request names, and why it may not speak so: that is
// the first thing that any decision looks at.
func speaking(c wallet.Caller, project, location int64, place *wallet.Location) (wallet.Caller, error) {
	got, err := c.InContext(project, location, place)
	if err == nil {
		err = wallet.May(got, wallet.ReadOwnClient, wallet.Subject{}).Err()
	}
	return got, err
}

// A till stands at a place: its requests speak from there, unless they name another place, or another
// of its projects.
func TestAClientSpeaksFromWhereItIsBased(t *testing.T) {
	till := shop()
	till.BaseLocation, till.BaseProject = 456, 1222
	base := &wallet.Location{ID: 456, ProjectID: 1222}
	second := &wallet.Location{ID: 457, ProjectID: 1222}
	elsewhere := &wallet.Location{ID: 101, ProjectID: 1221}
	foreignPlace := &wallet.Location{ID: 999, ProjectID: 1300}
	token := byToken(john)
	token.Client = till
	for _, test := range []struct {
		story                  string
		caller                 wallet.Caller
		project, location      int64
		place                  *wallet.Location
		wantProject, wantPlace int64
		code                   wallet.Code
	}{
		{"nothing named", byClient(till), 0, 0, nil, 1222, 456, ""},
		{"nothing named, by a token", token, 0, 0, nil, 1222, 456, ""},
		{"its project named", byClient(till), 1222, 0, nil, 1222, 456, ""},
		{"another project named", byClient(till), 1221, 0, nil, 1221, 0, ""},
		{"its place named", byClient(till), 0, 456, base, 1222, 456, ""},
		{"another place of its project", byClient(till), 0, 457, second, 1222, 457, ""},
		{"a place of another project", byClient(till), 0, 101, elsewhere, 1221, 101, ""},
		{"both named", byClient(till), 1221, 101, elsewhere, 1221, 101, ""},
		{"its own place and another project", byClient(till), 1221, 456, base, 0, 0, wallet.Forbidden},
		{"a place that it does not represent", byClient(till), 0, 999, foreignPlace, 0, 0, wallet.Forbidden},
		{"a project that it does not represent", byClient(till), 1300, 0, nil, 0, 0, wallet.Forbidden},
		{"a place that is not there", byClient(till), 0, 1000, nil, 0, 0, wallet.NotFound},
	} {
		got, err := speaking(test.caller, test.project, test.location, test.place)
		var refusal *wallet.Error
		if errors.As(err, &refusal) != (test.code != "") || refusal != nil && refusal.Code != test.code {
			t.Errorf("%s: %v, want %s", test.story, err, test.code)
		}
		if err == nil && (got.ProjectID != test.wantProject || got.LocationID != test.wantPlace) {
			t.Errorf("%s: project %d and place %d, want %d and %d", test.story, got.ProjectID, got.LocationID, test.wantProject, test.wantPlace)
		}
	}
}

// Who owns a client reads why it was refused; what an application or a device sends comes out of
// strangers' hands, unless with a token of somebody who administers the project.
func TestWhoOwnsTheClient(t *testing.T) {
	of := func(kind wallet.ClientType, projects ...int64) wallet.Caller {
		c := byToken(john)
		c.Client.Type, c.Token.Projects = kind, projects
		return c
	}
	for story, test := range map[string]struct {
		caller wallet.Caller
		owns   bool
	}{
		"nobody": {wallet.Caller{}, false}, "anybody": {anybody, false}, "the operator": {operator, true},
		"a private client": {byClient(shop()), true}, "an application": {application(), false}, "a device": {deviceCaller(), false},
		"a private client's token": {of(wallet.PrivateClient), true}, "a payer on a device": {of(wallet.AppClient), false},
		"the owner on a device": {of(wallet.AppClient, 1222), true}, "another owner on a device": {of(wallet.AppClient, 1300), false},
	} {
		if got := test.caller.OwnsClient(); got != test.owns {
			t.Errorf("%s owns the client: %v", story, got)
		}
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
	if len(wallet.Permissions()) != 15 {
		t.Errorf("%d permissions, want the union of all sources, 12, and three of purser's own", len(wallet.Permissions()))
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
