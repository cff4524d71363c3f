package wallet

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// draw picks some of a list at random.
func draw[T any](r *rand.Rand, all ...T) (some []T) {
	for _, one := range all {
		if r.IntN(2) == 0 {
			some = append(some, one)
		}
	}
	return some
}

func oneOf[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

func randomClient(r *rand.Rand, id int64) *Client {
	c := &Client{
		ID: id, Type: oneOf(r, PrivateClient, PrivateClient, Application, AppClient), Projects: draw(r, int64(1), 2, 3),
		Permissions: draw(r, UseWalletAPI, UseClientAPI, AccessStatements, UseOAuthAPI, UsePasswordGrant, ProvideRegistrationParameters, SearchByPersonCode, AcceptWithPIN, AcceptWithFlash, ManageLocations, ServeCash, IdentifyUsers), CreatedBy: oneOf(r, int64(0), 7, 8),
	}
	for _, id := range draw(r, int64(11), 12) {
		c.WalletRights = append(c.WalletRights, WalletRight{WalletID: id, Scopes: draw(r, ScopeBalance, ScopeStatements)})
	}
	return c
}

func randomCaller(r *rand.Rand) Caller {
	c := Caller{Kind: oneOf(r, Anonymous, ByClient, ByClient, ByClient, ByToken, ByToken, ByPerson, Operator), Client: randomClient(r, 7)}
	switch c.Kind {
	case ByToken:
		c.Token = &Token{UserID: oneOf(r, int64(21), 22), ClientID: 7, Scopes: draw(r, ScopeBalance, ScopeProjects, ScopeWalletList, ScopeCheckFunds, ScopeConvertCurrency, ScopeManageAccount, ScopeStatements, ScopeRecentStatements, ScopeIncomingPayments, ScopeOutgoingPayments), Waiting: draw(r, ScopeEmail)}
		if c.Token.Has(ScopeProjects) {
			c.Token.Projects = map[int64][]int64{21: {1, 2, 3}, 22: {3}}[c.Token.UserID]
		}
	case Anonymous, Operator:
		c.Client = nil
		return c
	case ByPerson:
		c.Client, c.Person = nil, oneOf(r, int64(21), 23)
		return c
	}
	if r.IntN(3) == 0 {
		c.named = &named{oneOf(r, int64(0), 1, 2), oneOf(r, nil, &Location{ID: 31, ProjectID: 1}, &Location{ID: 32, ProjectID: 2})}
	}
	return c
}

// User 21 has wallet 11 and the projects 1 and 2, company 22 wallet 12 and project 3; user 21 acts for
// the company. Wallet 13 is another one's, who has projects that they administer too.
func randomSubject(r *rand.Rand) Subject {
	wallets := []*Wallet{{ID: 11, OwnerID: 21, Projects: draw(r, int64(1), 2)}, {ID: 12, OwnerID: 22, OwnerAdministrators: []int64{21}, Projects: draw(r, int64(3))},
		{ID: 13, OwnerID: 23, Projects: draw(r, int64(2), 3)}}
	s := Subject{
		Project: oneOf(r, &Project{ID: 1}, &Project{ID: 2}), Wallet: oneOf(r, wallets...),
		Client: oneOf(r, randomClient(r, 7), randomClient(r, 9), nil),
	}
	s.Location = &Location{ID: 31, ProjectID: s.Project.ID, Status: oneOf(r, Active, Inactive), Public: r.IntN(2) == 0}
	s.Administrators = draw(r, int64(21), 22)
	s.Transaction = oneOf(r, &Transaction{ProjectID: 1, Status: TransactionWaiting}, &Transaction{ProjectID: 3, Status: TransactionReserved, PayerID: 21}, nil)
	s.User = oneOf(r, &User{ID: 21, Type: Natural, Email: "ona@example.com"}, &User{ID: 22, Type: Legal, Administrators: []int64{21}},
		&User{ID: 23, Type: Natural, RegisteredBy: 7}, nil)
	s.Scope, s.Owner = oneOf(r, "", ScopeEmail, ScopeBalance), oneOf(r, &User{ID: 21}, &User{ID: 22, Administrators: []int64{21}})
	if offline := draw(r, AskedScope{Scope: ScopeEmail, Offline: true}, AskedScope{Scope: ScopeBalance, Offline: true, Optional: true}); len(offline) > 0 {
		s.Consent = &Consent{UserID: 21, ClientID: 7, Scopes: offline, Declined: draw(r, offline...), Inactive: r.IntN(4) == 0}
	}
	s.Giving = Giving{Permissions: draw(r, UseWalletAPI, AcceptWithPIN), Projects: draw(r, int64(1), 3)}
	for _, w := range draw(r, wallets...) {
		s.Giving.Rights = append(s.Giving.Rights, WalletRight{WalletID: w.ID, Scopes: draw(r, ScopeBalance, ScopeStatements)})
		s.Giving.Wallets = append(s.Giving.Wallets, w)
	}
	return s
}

// singleGrants lists single grants that the caller of a decision could be given. A token of somebody
// else than asked about is no grant to a client, but another caller.
func singleGrants(d Decision) (all []Grant) {
	c, s := d.question.Caller, d.question.subject
	if c.Client == nil {
		return nil
	}
	for p := range permissionMeaning {
		if p.Fits(c.Client.Type) {
			all = append(all, Grant{Kind: GrantPermission, Name: string(p)})
		}
	}
	if c.Client.Type == PrivateClient {
		for _, project := range []int64{1, 2, 3} {
			all = append(all, Grant{Kind: GrantProject, ID: project})
		}
	}
	for _, scope := range []Scope{ScopeBalance, ScopeStatements, ScopeProjects, ScopeWalletList, ScopeEmail, ScopeCheckFunds, ScopeConvertCurrency, ScopeManageAccount, ScopeRecentStatements, ScopeIncomingPayments, ScopeOutgoingPayments} {
		if c.Token != nil {
			all = append(all, Grant{Kind: GrantScope, Name: string(scope)})
		} else if s.User != nil && s.User.Type == Natural && (d.Action == ReadUserData || d.Action == ListUserProjects) {
			all = append(all, Grant{Kind: GrantScope, Name: string(scope), ID: s.User.ID})
		}
		for _, id := range []int64{11, 12, 13} {
			all = append(all, Grant{Kind: GrantWalletRight, Name: string(scope), ID: id})
		}
	}
	return all
}

// size orders grants by what they open; a wallet's two scopes are less than its whole project.
func size(g Grant) int {
	return slices.Index([]GrantKind{GrantScope, GrantWalletRight, GrantPermission, GrantProject}, g.Kind)
}

// largest is the size of the largest; where nothing is proposed, any grant would be a smaller one.
func largest(cure []Grant) int {
	if len(cure) == 0 {
		return size(Grant{Kind: GrantProject})
	}
	return size(slices.MaxFunc(cure, func(a, b Grant) int { return size(a) - size(b) }))
}

// Of any refusal, whoever calls and whatever for: the grants that are proposed make the call pass, none
// of them can be left out, no single grant that is not larger passes where several are proposed, and
// where none is proposed, none passes.
func TestTheProposedGrantsAreTheSmallest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 14))
	actions := []Action{}
	for a := range policies {
		actions = append(actions, a)
	}
	slices.Sort(actions)
	cured := map[Action]int{}
	for range 40_000 {
		d := May(randomCaller(r), oneOf(r, actions...), randomSubject(r))
		if d.Allowed {
			if d.Err() != nil || d.Cure() != nil {
				t.Fatalf("%s is allowed, with %v and %v", d.Action, d.Err(), d.Cure())
			}
			continue
		}
		cure := d.Cure()
		if len(cure) > 0 {
			cured[d.Action]++
			if !d.with(cure).Allowed {
				t.Fatalf("%s %s, refused by %s: %v do not help", d.question.Name(), d.Action, d.Refused, cure)
			}
		}
		for i := range cure {
			if fewer := slices.Delete(slices.Clone(cure), i, i+1); d.with(fewer).Allowed {
				t.Fatalf("%s %s, refused by %s: %v would do, proposed are %v", d.question.Name(), d.Action, d.Refused, fewer, cure)
			}
		}
		if len(cure) == 1 {
			continue
		}
		for _, grant := range singleGrants(d) {
			if size(grant) <= largest(cure) && d.with([]Grant{grant}).Allowed {
				t.Fatalf("%s (%+v) %s %+v, refused by %s: %s would do, proposed are %v", d.question.Name(), *d.question.Client, d.Action, d.question.subject,
					d.Refused, grant, cure)
			}
		}
		checkKept(t, d, cure)
	}
	for _, a := range []Action{ReadProject, UpdateProject, ReadWallet, ReadBalance, ReadClient, UpdateClient, ListClients, RegisterDevice, ReadRefusal, ListUserProjects,
		UseOAuth, ExchangePassword, ReadUser, ReadUserData, FindUserByPersonCode, RegisterUser, ChangeUser, ManageAdministrators,
		FindWallet, FindWalletByPersonCode, DescribeWallet, CheckFunds, CalculateConversion, ConvertCurrency,
		ReadStatements, ReadAllStatements, ReadIncomingPayments, ReadOutgoingPayments, TakePaymentBack,
		ReadLocation, ListProjectLocations, ManageLocation, ReadSpot, UseSpot, ServeSpot, ListSpots,
		CashAtPlace, CashInByDocument, CashOutByDocument, MakeOneTimeBarcode, IdentifyUser, ReadIdentification} {
		if cured[a] == 0 {
			t.Errorf("nothing was proposed for %s: this proves nothing", a)
		}
	}
}

// checkKept holds what is kept of a refusal against the decision.
func checkKept(t *testing.T, d Decision, cure []Grant) {
	t.Helper()
	kept := d.Refusal()
	if kept.Refused != d.Refused || kept.Action != d.Action || !slices.Equal(kept.Needs, cure) || kept.Reason == "" || len(kept.Rules) == 0 || kept.Rules[0].Rule == "" {
		t.Fatalf("kept is %+v", kept)
	}
	if refused := kept.Rules[len(kept.Rules)-1]; refused.Holds {
		t.Fatalf("the last rule that was looked at holds: %+v", kept.Rules)
	}
}

// Every action has a policy, and every policy is of an action that somebody may do.
func TestEveryActionCanBeAllowed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	allowed := map[Action]bool{}
	for range 20_000 {
		for a := range policies {
			allowed[a] = allowed[a] || May(randomCaller(r), a, randomSubject(r)).Allowed
		}
	}
	for a := range policies {
		if !allowed[a] {
			t.Errorf("nobody may %s", a)
		}
	}
}

// What a user left open is not found where their yes is all that is missing, and forbidden where it would not help.
func TestOnlyAYesThatIsMissingIsWaitedFor(t *testing.T) {
	client := &Client{ID: 7, Type: PrivateClient, Permissions: []Permission{UseWalletAPI}}
	open := Caller{Kind: ByToken, Client: client, Token: &Token{UserID: 21, ClientID: 7, Waiting: []Scope{ScopeProjects, ScopeEmail}}}
	itself := Caller{Kind: ByClient, Client: client}
	own, company, other := &User{ID: 21, Type: Natural}, &User{ID: 22, Type: Legal, Administrators: []int64{21}}, &User{ID: 23, Type: Natural}
	consent := &Consent{UserID: 21, ClientID: 7, Scopes: []AskedScope{{Scope: ScopeEmail, Offline: true, Optional: true}}}
	consent.Declined = consent.Scopes
	inactive := &Consent{UserID: 21, ClientID: 7, Scopes: consent.Scopes, Inactive: true}
	for what, c := range map[string]struct {
		Decision
		waits bool
	}{
		"their address":                                 {May(open, ReadUserData, Subject{User: own, Scope: ScopeEmail}), true},
		"that of their company":                         {May(open, ReadUserData, Subject{User: company, Scope: ScopeEmail}), true},
		"their phone":                                   {May(open, ReadUserData, Subject{User: own, Scope: ScopePhone}), false},
		"another one's address":                         {May(open, ReadUserData, Subject{User: other, Scope: ScopeEmail}), false},
		"who administers their project":                 {May(open, ManageAdministrators, Subject{Project: &Project{ID: 1}, Owner: company}), true},
		"who administers another":                       {May(open, ManageAdministrators, Subject{Project: &Project{ID: 1}, Owner: other}), false},
		"the address, offline":                          {May(itself, ReadUserData, Subject{User: own, Scope: ScopeEmail, Consent: consent}), true},
		"the number, offline":                           {May(itself, ReadUser, Subject{User: own, Consent: consent}), true},
		"the phone, offline":                            {May(itself, ReadUserData, Subject{User: own, Scope: ScopePhone, Consent: consent}), false},
		"a wallet's number, offline":                    {May(itself, ReadWallet, Subject{Wallet: &Wallet{ID: 11, OwnerID: 21}, Consent: consent}), true},
		"the address of somebody who was made inactive": {May(itself, ReadUserData, Subject{User: own, Scope: ScopeEmail, Consent: inactive}), false},
	} {
		if c.Allowed || c.Waits() != c.waits {
			t.Errorf("%s: allowed %v, waits %v", what, c.Allowed, c.Waits())
		}
		code := Forbidden
		if c.waits {
			code = NotFound
		}
		var e *Error
		if !errors.As(c.Err(), &e) || e.Code != code {
			t.Errorf("%s is answered %v, not %s", what, e, code)
		}
	}
}
