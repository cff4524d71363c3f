package wallet

import (
	"fmt"
	"slices"
	"strconv"
)

// Action is something that a caller asks to do. Each use case has one.
type Action string

// The actions.
const (
	ReadPublic       Action = "read_public"
	ReadCurrencies   Action = "read_currencies"
	ReadOwnClient    Action = "read_own_client"
	ReadProject      Action = "read_project"
	ListUserProjects Action = "list_user_projects"
	ReadWallet       Action = "read_wallet"
	// ReadWalletDetails is what a wallet's account says beyond its number.
	ReadWalletDetails   Action = "read_wallet_details"
	ReadBalance         Action = "read_balance"
	ListClientLocations Action = "list_client_locations"
	// OperateServer is everything that only the operator does: create users, clients and
	// projects, move money by hand.
	OperateServer Action = "operate_server"
)

// Subject is what an action is about. Fields that an action does not look at stay empty.
type Subject struct {
	Project *Project
	Wallet  *Wallet
	UserID  int64
}

// GrantKind says what sort of grant would cure a refusal.
type GrantKind string

// The kinds of grant, from the smallest to the largest.
const (
	// GrantScope: the user has to agree to Grant.Name.
	GrantScope GrantKind = "scope"
	// GrantWalletRight: the client needs the static right Grant.Name on wallet Grant.ID.
	GrantWalletRight GrantKind = "wallet_right"
	// GrantPermission: the client needs the permission Grant.Name.
	GrantPermission GrantKind = "permission"
	// GrantProject: the client has to be attached to project Grant.ID.
	GrantProject GrantKind = "project"
)

// Grant is the smallest thing that would turn a refusal into a yes.
type Grant struct {
	Kind GrantKind
	Name string
	ID   int64
}

// String says the grant as half a sentence.
func (g Grant) String() string {
	switch g.Kind {
	case GrantScope:
		return "a token with the scope " + g.Name
	case GrantWalletRight:
		return "the static right " + g.Name + " on wallet " + strconv.FormatInt(g.ID, 10)
	case GrantPermission:
		return "the permission " + g.Name
	case GrantProject:
		return "a client that represents project " + strconv.FormatInt(g.ID, 10)
	}
	return ""
}

// Outcome is one rule as it was looked at.
type Outcome struct {
	// Rule is its name, stable enough to write down.
	Rule string
	// Holds says whether it spoke for the caller.
	Holds bool
	// Fact is what it saw.
	Fact string
}

// Decision is the answer to "may this caller do that": a value that can be shown, kept and
// tested. It holds the question, and works out its explanation only when asked, so that the
// usual yes costs next to nothing.
type Decision struct {
	Action  Action
	Allowed bool
	// Refused is the first rule that refused; empty when allowed.
	Refused string
	// Cure is the smallest grant that would allow it; nil when allowed or when none can.
	Cure *Grant

	question question
	refusal  *rule
}

// question is what the rules look at.
type question struct {
	Caller
	subject Subject
}

// rule is one line of the policy.
type rule struct {
	name  string
	holds func(q *question) bool
	// fact says what the rule saw, for both answers.
	fact func(q *question) string
	// cure is the smallest grant that would make it hold; nil when no grant can.
	cure func(q *question) *Grant
}

// policy is how an action is decided: every gate and everything about the subject must hold,
// in this order, and then one of the grounds, if there are any.
type policy struct {
	// gates look at the caller only.
	gates []rule
	// about and grounds look at the subject. They are passed over when it does not exist: the
	// use case then answers not_found, to whoever came through the gates.
	about, grounds []rule
	// missing says that the subject does not exist; nil where that cannot be.
	missing func(s Subject) bool
}

// subjectRules are the rules about the subject, none when it does not exist.
func (p *policy) subjectRules(s Subject) (about, grounds []rule) {
	if p.missing != nil && p.missing(s) {
		return nil, nil
	}
	return p.about, p.grounds
}

// May decides whether the caller may do the action to the subject. It is the only place
// where that is decided: the wire, the pages and the console all come through here.
func May(c Caller, a Action, s Subject) Decision {
	d := Decision{Action: a, question: question{c, s}}
	p := policies[a]
	if p == nil {
		return d.refuse(&rule{name: "unknown_action", fact: func(*question) string { return "nobody may do this" }})
	}
	about, grounds := p.subjectRules(s)
	for _, rules := range [2][]rule{p.gates, about} {
		for i := range rules {
			if !rules[i].holds(&d.question) {
				return d.refuse(&rules[i])
			}
		}
	}
	if len(grounds) == 0 {
		d.Allowed = true
		return d
	}
	for i := range grounds {
		if grounds[i].holds(&d.question) {
			d.Allowed = true
			return d
		}
	}
	return d.refuse(curable(grounds, &d.question))
}

// curable is the first ground that a grant could make hold, else the first of all. Grounds
// stand in the order of the size of their grants.
func curable(grounds []rule, q *question) *rule {
	for i := range grounds {
		if grounds[i].cure != nil && grounds[i].cure(q) != nil {
			return &grounds[i]
		}
	}
	return &grounds[0]
}

func (d Decision) refuse(r *rule) Decision {
	d.Refused, d.refusal = r.name, r
	if r.cure != nil {
		d.Cure = r.cure(&d.question)
	}
	return d
}

// Rules are the rules that were looked at, in order, with the facts they saw.
func (d Decision) Rules() []Outcome {
	p := policies[d.Action]
	if p == nil {
		return []Outcome{{Rule: d.Refused, Fact: d.refusal.fact(&d.question)}}
	}
	var looked []Outcome
	look := func(r *rule) bool {
		holds := r.holds(&d.question)
		looked = append(looked, Outcome{Rule: r.name, Holds: holds, Fact: r.fact(&d.question)})
		return holds
	}
	about, grounds := p.subjectRules(d.question.subject)
	for _, rules := range [2][]rule{p.gates, about} {
		for i := range rules {
			if !look(&rules[i]) {
				return looked
			}
		}
	}
	for i := range grounds {
		if look(&grounds[i]) {
			return looked
		}
	}
	return looked
}

// Err is nil when the action is allowed, otherwise the Forbidden error to answer with: what
// the refusing rule saw and, where there is one, the grant that would help.
func (d Decision) Err() error {
	switch {
	case d.Allowed:
		return nil
	case d.Cure == nil:
		return Errorf(Forbidden, "%s.", d.refusal.fact(&d.question))
	}
	return Errorf(Forbidden, "%s; this call needs %s.", d.refusal.fact(&d.question), d.Cure)
}

// knownCaller lets in whoever proved to be a client or a token, or is the operator.
var knownCaller = rule{
	name:  "known_caller",
	holds: func(q *question) bool { return q.Kind == ByClient || q.Kind == ByToken },
	fact:  func(q *question) string { return q.Name() + " calls" },
}

// somebody refuses the empty Caller, which only a mistake of ours can produce.
var somebody = rule{
	name:  "somebody",
	holds: func(q *question) bool { return q.Kind != Nobody },
	fact:  func(q *question) string { return q.Name() + " calls" },
}

var isOperator = rule{
	name:  "operator",
	holds: func(q *question) bool { return q.Kind == Operator },
	fact:  func(q *question) string { return q.Name() + " is not the operator of this server" },
}

// fullClient keeps an application, whose credentials anybody can read out of an app package,
// to registering devices (seeds: client type comparison).
var fullClient = rule{
	name:  "client_type",
	holds: func(q *question) bool { return q.Client.Type != Application },
	fact: func(q *question) string {
		if q.Client.Type == Application {
			return fmt.Sprintf("client %d is an application, which may only register devices and read itself", q.Client.ID)
		}
		return fmt.Sprintf("client %d is of type %s", q.Client.ID, q.Client.Type)
	},
}

// mayUse asks the client for a permission.
func mayUse(p Permission) rule {
	return rule{
		name:  "permission_" + string(p),
		holds: func(q *question) bool { return q.Client.Has(p) },
		fact: func(q *question) string {
			if q.Client.Has(p) {
				return fmt.Sprintf("client %d has the permission %s", q.Client.ID, p)
			}
			return fmt.Sprintf("client %d lacks the permission %s", q.Client.ID, p)
		},
		cure: func(*question) *Grant { return &Grant{Kind: GrantPermission, Name: string(p)} },
	}
}

// representsProject asks that the caller may speak for the project it asks about.
var representsProject = rule{
	name:  "represents_project",
	holds: func(q *question) bool { return q.Represents(q.subject.Project.ID) },
	fact: func(q *question) string {
		if q.Represents(q.subject.Project.ID) {
			return q.ProjectsSentence()
		}
		return fmt.Sprintf("%s, not %d", q.ProjectsSentence(), q.subject.Project.ID)
	},
	cure: func(q *question) *Grant { return &Grant{Kind: GrantProject, ID: q.subject.Project.ID} },
}

// byToken asks for an access token: only a user's consent opens the way.
var byToken = rule{
	name:  "access_token",
	holds: func(q *question) bool { return q.Kind == ByToken },
	fact: func(q *question) string {
		if q.Kind == ByToken {
			return q.Name() + " calls"
		}
		return q.Name() + " calls with its own credentials, not with a user's access token"
	},
	cure: func(*question) *Grant { return &Grant{Kind: GrantScope, Name: string(ScopeProjects)} },
}

// ownUser asks that a token speaks about its own user.
var ownUser = rule{
	name:  "own_user",
	holds: func(q *question) bool { return q.UserID() == q.subject.UserID },
	fact: func(q *question) string {
		if q.UserID() == q.subject.UserID {
			return fmt.Sprintf("the token is user %d's", q.UserID())
		}
		return fmt.Sprintf("the token is user %d's, not user %d's", q.UserID(), q.subject.UserID)
	},
}

// agreed asks that the user agreed to a scope.
func agreed(s Scope) rule {
	return rule{
		name:  "scope_" + string(s),
		holds: func(q *question) bool { return q.Token.Has(s) },
		fact: func(q *question) string {
			if q.Token.Has(s) {
				return fmt.Sprintf("user %d agreed to the scope %s", q.UserID(), s)
			}
			return fmt.Sprintf("user %d did not agree to the scope %s", q.UserID(), s)
		},
		cure: func(*question) *Grant { return &Grant{Kind: GrantScope, Name: string(s)} },
	}
}

// ownWallet is a user's ground: the wallet is theirs, and they agreed to the scope; an empty
// scope asks for no more than the token.
func ownWallet(s Scope) rule {
	return rule{
		name: "own_wallet",
		holds: func(q *question) bool {
			return q.Kind == ByToken && q.subject.Wallet.BelongsTo(q.UserID()) && (s == "" || q.Token.Has(s))
		},
		fact: func(q *question) string {
			switch {
			case q.Kind != ByToken:
				return q.Name() + " calls with its own credentials, not with a user's access token"
			case !q.subject.Wallet.BelongsTo(q.UserID()):
				return fmt.Sprintf("wallet %d does not belong to user %d", q.subject.Wallet.ID, q.UserID())
			case s != "" && !q.Token.Has(s):
				return fmt.Sprintf("user %d did not agree to the scope %s", q.UserID(), s)
			}
			return fmt.Sprintf("wallet %d belongs to user %d", q.subject.Wallet.ID, q.UserID())
		},
		cure: func(q *question) *Grant {
			if q.Kind == ByToken && q.subject.Wallet.BelongsTo(q.UserID()) {
				return &Grant{Kind: GrantScope, Name: string(s)}
			}
			return nil
		},
	}
}

// projectWallet is a ground of those who stand for a project whose default wallet it is: a
// client by itself (decisions.md 5), or a user who administers the project and agreed to the
// scope; an empty scope asks for no more than that.
func projectWallet(s Scope) rule {
	standsFor := func(q *question, project int64) bool {
		if q.Kind == ByClient {
			return q.Client.Represents(project)
		}
		return slices.Contains(q.Token.Projects, project) && (s == "" || q.Token.Has(s))
	}
	holds := func(q *question) bool {
		return slices.ContainsFunc(q.subject.Wallet.Projects, func(project int64) bool { return standsFor(q, project) })
	}
	return rule{
		name:  "project_wallet",
		holds: holds,
		fact: func(q *question) string {
			if holds(q) {
				return fmt.Sprintf("wallet %d is the wallet of a project of this caller", q.subject.Wallet.ID)
			}
			return fmt.Sprintf("wallet %d is not the wallet of a project of this caller: %s", q.subject.Wallet.ID, q.ProjectsSentence())
		},
		cure: func(q *question) *Grant {
			if q.Kind != ByClient || len(q.subject.Wallet.Projects) == 0 {
				return nil
			}
			return &Grant{Kind: GrantProject, ID: q.subject.Wallet.Projects[0]}
		},
	}
}

// walletRight is a client's ground: a static right on this wallet; an empty scope takes any.
func walletRight(s Scope) rule {
	return rule{
		name: "wallet_right",
		holds: func(q *question) bool {
			if q.Kind != ByClient {
				return false
			}
			for _, scope := range q.Client.WalletScopes(q.subject.Wallet.ID) {
				if s == "" || scope == s {
					return true
				}
			}
			return false
		},
		fact: func(q *question) string {
			if q.Kind != ByClient {
				return "static rights are a client's, and " + q.Name() + " calls"
			}
			if len(q.Client.WalletScopes(q.subject.Wallet.ID)) > 0 {
				return fmt.Sprintf("client %d has a static right on wallet %d", q.Client.ID, q.subject.Wallet.ID)
			}
			return fmt.Sprintf("client %d has no static right on wallet %d, which is not the wallet of one of its projects either (%s)",
				q.Client.ID, q.subject.Wallet.ID, q.ProjectsSentence())
		},
		cure: func(q *question) *Grant {
			if q.Kind != ByClient {
				return nil
			}
			name := s
			if name == "" {
				name = ScopeBalance
			}
			return &Grant{Kind: GrantWalletRight, Name: string(name), ID: q.subject.Wallet.ID}
		},
	}
}

// walletArea are the gates of every call in the wallet API.
var walletArea = []rule{knownCaller, fullClient, mayUse(UseWalletAPI)}

func noWallet(s Subject) bool { return s.Wallet == nil }

// policies is who may do what, on one screen.
var policies = map[Action]*policy{
	ReadPublic:    {gates: []rule{somebody}},
	OperateServer: {gates: []rule{isOperator}},
	ReadOwnClient: {gates: []rule{knownCaller}},

	ReadCurrencies:      {gates: walletArea},
	ListClientLocations: {gates: walletArea},
	ReadProject: {
		gates: walletArea, about: []rule{representsProject},
		missing: func(s Subject) bool { return s.Project == nil },
	},
	ListUserProjects: {gates: walletArea, about: []rule{byToken, ownUser, agreed(ScopeProjects)}},
	ReadWallet: {
		gates: walletArea, missing: noWallet,
		grounds: []rule{ownWallet(""), walletRight(""), projectWallet("")},
	},
	ReadWalletDetails: {
		gates: walletArea, missing: noWallet,
		grounds: []rule{ownWallet(ScopeWalletList), projectWallet(ScopeWalletList)},
	},
	ReadBalance: {
		gates: walletArea, missing: noWallet,
		grounds: []rule{ownWallet(ScopeBalance), walletRight(ScopeBalance), projectWallet(ScopeBalance)},
	},
}
