package wallet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
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
	// RegisterDevice is an application's one purpose.
	RegisterDevice Action = "register_device"
	ReadClient     Action = "read_client"
	ListClients    Action = "list_clients"
	UpdateClient   Action = "update_client"
	// ReadRefusal is asking why a client was refused.
	ReadRefusal Action = "read_refusal"
	// UseOAuth is asking for tokens, and giving them back.
	UseOAuth         Action = "use_oauth"
	ExchangePassword Action = "exchange_password"
	// ReadUser is reading a user's number, ReadUserData what one scope opens of a user.
	ReadUser     Action = "read_user"
	ReadUserData Action = "read_user_data"
	// FindUser is looking a user up by e-mail address or phone number.
	FindUser             Action = "find_user"
	FindUserByPersonCode Action = "find_user_by_person_code"
	RegisterUser         Action = "register_user"
	// ChangeUser is changing what a user signs in with; ConfirmByCode what needs no more than a code that
	// was sent to the user.
	ChangeUser    Action = "change_user"
	ConfirmByCode Action = "confirm_by_code"
	// UpdateProject is changing the title and the description of a project, MoveProject which wallet of its owner its money goes to.
	UpdateProject Action = "update_project"
	MoveProject   Action = "move_project"
	// ManageAdministrators is saying who administers a project.
	ManageAdministrators Action = "manage_administrators"
	// UsePages is what anybody may do on the pages: sign in, register, ask for a new password.
	UsePages Action = "use_pages"
	// ManageAccount is what a user who signed in on the pages does for themselves.
	ManageAccount Action = "manage_account"
	// OperateServer is everything that only the operator does: create users, clients and
	// projects, move money by hand.
	OperateServer Action = "operate_server"
)

// Subject is what an action is about. Fields that an action does not look at stay empty.
type Subject struct {
	Project  *Project
	Location *Location
	Wallet   *Wallet
	// Transaction is the one that is read or moved; Wallet is then its payer's, where there is one.
	Transaction *Transaction
	// Allowance is the one that is read or canceled; Wallet is then the one that gave it, where one did.
	Allowance *Allowance
	// User is the user that is read or changed, Scope what is read of them.
	User  *User
	Scope Scope
	// Owner is the owner of Project, Administrators those users who administer it beside them.
	Owner          *User
	Administrators []int64
	// Consent is what the user, or the owner of the wallet, agreed that the client may do without a
	// token; nil for nothing.
	Consent *Consent
	// OwnProject says that the action is about whatever project the caller speaks for.
	OwnProject bool
	// Client is the client that is read, updated or asked about.
	Client *Client
	// Giving is what a change would give to a client beyond what it has.
	Giving Giving
}

// Giving is what a caller wants to hand to another client.
type Giving struct {
	Permissions []Permission
	Projects    []int64
	Rights      []WalletRight
	// Wallets are those of Rights, one for one.
	Wallets []*Wallet
}

// GrantKind says what sort of grant would cure a refusal.
type GrantKind string

// The kinds of grant, from the smallest to the largest.
const (
	// GrantScope: user Grant.ID has to agree to Grant.Name; 0 for the token's own user.
	GrantScope GrantKind = "scope"
	// GrantWalletRight: the client needs the static right Grant.Name on wallet Grant.ID.
	GrantWalletRight GrantKind = "wallet_right"
	// GrantPermission: the client needs the permission Grant.Name.
	GrantPermission GrantKind = "permission"
	// GrantProject: the client has to be attached to project Grant.ID.
	GrantProject GrantKind = "project"
)

// Grant is one thing that is missing for a yes.
type Grant struct {
	Kind GrantKind `json:"kind"`
	Name string    `json:"name,omitempty"`
	ID   int64     `json:"id,omitempty"`
}

// String says the grant as half a sentence.
func (g Grant) String() string {
	switch g.Kind {
	case GrantScope:
		if g.ID != 0 {
			return fmt.Sprintf("a token of user %d with the scope %s", g.ID, g.Name)
		}
		return "a token with the scope " + g.Name
	case GrantWalletRight:
		return "the static right " + g.Name + " on wallet " + strconv.FormatInt(g.ID, 10)
	case GrantPermission:
		return "the permission " + g.Name
	case GrantProject:
		if g.ID == 0 {
			return "a client that represents a project"
		}
		return "a client that represents project " + strconv.FormatInt(g.ID, 10)
	}
	return ""
}

// to is the caller as it would be with the grant.
func (g Grant) to(c Caller) Caller {
	switch g.Kind {
	case GrantScope:
		var token Token
		if c.Token != nil {
			token = *c.Token
		} else {
			token = Token{UserID: g.ID, ClientID: c.Client.ID}
		}
		token.Scopes = append(slices.Clone(token.Scopes), Scope(g.Name))
		c.Kind, c.Token = ByToken, &token
		return c
	}
	client := *c.Client
	switch g.Kind {
	case GrantPermission:
		client.Permissions = append(slices.Clone(client.Permissions), Permission(g.Name))
	case GrantProject:
		client.Projects = append(slices.Clone(client.Projects), g.ID)
		slices.Sort(client.Projects)
	case GrantWalletRight:
		client.WalletRights = WithRight(client.WalletRights, g.ID, Scope(g.Name))
	}
	c.Client = &client
	return c
}

// WithRight is the list of rights with a scope on a wallet, where it is not there yet.
func WithRight(rights []WalletRight, id int64, scope Scope) []WalletRight {
	more := make([]WalletRight, 0, len(rights)+1)
	found := false
	for _, right := range rights {
		if right.WalletID == id {
			found = true
			if !slices.Contains(right.Scopes, scope) {
				right.Scopes = append(slices.Clone(right.Scopes), scope)
			}
		}
		more = append(more, right)
	}
	if !found {
		more = append(more, WalletRight{WalletID: id, Scopes: []Scope{scope}})
	}
	return more
}

// Outcome is one rule as it was looked at.
type Outcome struct {
	// Rule is its name, stable enough to write down.
	Rule string `json:"rule"`
	// Holds says whether it spoke for the caller.
	Holds bool `json:"holds"`
	// Fact is what it saw.
	Fact string `json:"fact"`
}

// Decision is the answer to "may this caller do that": a value that can be shown, kept and
// tested. It holds the question, and works out its explanation only when asked, so that the
// usual yes costs next to nothing.
type Decision struct {
	Action  Action
	Allowed bool
	// Refused is the first rule that refused; empty when allowed.
	Refused string

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
	// cure is the smallest set of grants that would make it hold; none when no grant can.
	cure func(q *question) []Grant
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
	// operator says that the operator of the server may do it too.
	operator bool
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
	d := decide(c, a, s)
	if c.Asked != nil {
		c.Asked(d)
	}
	return d
}

func decide(c Caller, a Action, s Subject) Decision {
	d := Decision{Action: a, question: question{c, s}}
	p := policies[a]
	if p == nil {
		return d.refuse(&rule{name: "unknown_action", fact: func(*question) string { return "nobody may do this" }})
	}
	if p.operator && c.Kind == Operator {
		d.Allowed = true
		return d
	}
	about, grounds := p.subjectRules(s)
	for _, rules := range [3][]rule{contextRules(c), p.gates, about} {
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

// curable is the first ground that grants could make hold, else the first of all, which is the one that
// is told of. Grounds stand in the order of the size of their grants.
func curable(grounds []rule, q *question) *rule {
	for i := range grounds {
		if len(grounds[i].needs(q)) > 0 {
			return &grounds[i]
		}
	}
	return &grounds[0]
}

// needs is what would make the rule hold; none when nothing can, nor where the client is of a type that
// cannot be given it.
func (r *rule) needs(q *question) []Grant {
	if r.cure == nil {
		return nil
	}
	needs := r.cure(q)
	for _, grant := range needs {
		project := grant.Kind == GrantProject && q.Client.Type != PrivateClient // others have exactly one
		permission := grant.Kind == GrantPermission && !Permission(grant.Name).Fits(q.Client.Type)
		if project || permission {
			return nil
		}
	}
	return needs
}

func (d Decision) refuse(r *rule) Decision {
	d.Refused, d.refusal = r.name, r
	return d
}

// Cure is the smallest set of grants that would allow the action; none when it is allowed, or
// when no grant can. One grant may only show the next thing that is missing, so the question is
// asked again with each; and a later one may make an earlier one needless.
func (d Decision) Cure() []Grant {
	var all []Grant
	for now := d; !now.Allowed; now = d.with(all) {
		needs := now.refusal.needs(&now.question)
		if len(needs) == 0 || len(all) > len(policies) {
			return nil
		}
		all = append(all, needs...)
	}
	for i := 0; i < len(all); {
		if fewer := slices.Delete(slices.Clone(all), i, i+1); d.with(fewer).Allowed {
			all = fewer
		} else {
			i++
		}
	}
	return all
}

// with is the decision on the same question for the caller as it would be with the grants.
func (d Decision) with(grants []Grant) Decision {
	caller := d.question.Caller
	for _, grant := range grants {
		caller = grant.to(caller)
	}
	return decide(caller, d.Action, d.question.subject)
}

// Grounds says in words what allowed the action: what each rule that held saw. It is empty where the action was refused.
func (d Decision) Grounds() string {
	if !d.Allowed {
		return ""
	}
	var facts []string
	for _, looked := range d.Rules() {
		if looked.Holds && !slices.Contains(facts, looked.Fact) {
			facts = append(facts, looked.Fact)
		}
	}
	return string(d.Action) + ": " + strings.Join(facts, "; ")
}

// Rules are the rules that were looked at, in order, with the facts they saw.
func (d Decision) Rules() []Outcome {
	p := policies[d.Action]
	if p == nil {
		return []Outcome{{Rule: d.Refused, Fact: d.refusal.fact(&d.question)}}
	}
	if p.operator && d.question.Kind == Operator {
		return []Outcome{{Rule: "operator", Holds: true, Fact: "the operator calls"}}
	}
	var looked []Outcome
	look := func(r *rule) bool {
		holds := r.holds(&d.question)
		looked = append(looked, Outcome{Rule: r.name, Holds: holds, Fact: r.fact(&d.question)})
		return holds
	}
	about, grounds := p.subjectRules(d.question.subject)
	for _, rules := range [3][]rule{contextRules(d.question.Caller), p.gates, about} {
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

// Err is nil when the action is allowed, otherwise the Forbidden error to answer with. The
// owner of the client reads what the refusing rule saw and what is missing. What an application
// or a device sends comes out of strangers' hands, and learns no more than that it was refused.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	if d.Waits() {
		return Errorf(NotFound, "%s", NotAgreedYet)
	}
	e := Errorf(Forbidden, "%s.", d.sentence())
	if kind := d.question.Kind; (kind == ByClient || kind == ByToken) && !d.question.OwnsClient() {
		e = Errorf(Forbidden, "%s", ForStrangers)
	}
	refusal := d.Refusal()
	e.Refusal = &refusal
	return e
}

// Waits says whether the user was asked for all that is missing, as optional, and has not answered yet: it would be
// allowed if they agreed. Where their yes would not be enough, it is refused for what else is missing.
func (d Decision) Waits() bool {
	c, s := d.question.Caller, d.question.subject
	switch {
	case d.Allowed:
		return false
	case c.Kind == ByToken && len(c.Token.Waiting) > 0:
		token := *c.Token
		token.Scopes, token.Waiting = slices.Concat(token.Scopes, token.Waiting), nil
		c.Token = &token
	case c.Kind == ByClient && s.Consent != nil && len(s.Consent.Declined) > 0:
		consent := *s.Consent
		consent.Declined = nil
		s.Consent = &consent
	default:
		return false
	}
	return decide(c, d.Action, s).Allowed
}

// NotAgreedYet is said where the user was asked for something as optional and has not answered yet.
const NotAgreedYet = "The user has not agreed to this yet: it was asked for as optional."

// ForStrangers is all that is said of a refusal to who is not the owner of the client.
const ForStrangers = "This client may not do this. Its owner can ask why, by the paysera-correlation-id of this answer."

// sentence is what the refusing rule saw and the grants that would help.
func (d Decision) sentence() string {
	text := d.refusal.fact(&d.question)
	if cure := d.Cure(); len(cure) > 0 {
		words := make([]string, len(cure))
		for i, grant := range cure {
			words[i] = grant.String()
		}
		text += "; this call needs " + strings.Join(words, " and ")
	}
	return text
}

// Refusal is a refused request as it is kept for its owner and the operator.
type Refusal struct {
	RequestID string    `json:"request_id"`
	At        time.Time `json:"at"`
	// Request is the method and the route.
	Request string `json:"request"`
	Address string `json:"address,omitempty"`
	// ClientID is the client that was refused, Caller says it in words.
	ClientID   int64  `json:"client_id"`
	Caller     string `json:"caller"`
	ProjectID  int64  `json:"project_id,omitempty"`
	LocationID int64  `json:"location_id,omitempty"`
	// Error is the code that went over the wire.
	Error Code `json:"error"`
	// Reason is the whole of it in one sentence.
	Reason string `json:"reason"`
	// Action and Rules are those of the decision, none where the credentials were refused.
	Action  Action    `json:"action,omitempty"`
	Rules   []Outcome `json:"rules,omitempty"`
	Refused string    `json:"refused,omitempty"`
	// Needs are the grants that would allow it; none when none can.
	Needs []Grant `json:"needs,omitempty"`
}

// Refusal describes the decision; the request's own facts are the caller's to fill in.
func (d Decision) Refusal() Refusal {
	c := d.question.Caller
	r := Refusal{
		Caller: c.Name(), ProjectID: c.ProjectID, LocationID: c.LocationID, Error: Forbidden, Reason: sentence(d.sentence()) + ".",
		Action: d.Action, Rules: d.Rules(), Refused: d.Refused, Needs: d.Cure(),
	}
	if c.Client != nil {
		r.ClientID = c.Client.ID
	}
	return r
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
		cure: func(*question) []Grant { return []Grant{{Kind: GrantPermission, Name: string(p)}} },
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
	cure: func(q *question) []Grant { return []Grant{{Kind: GrantProject, ID: q.subject.Project.ID}} },
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
	cure: func(q *question) []Grant {
		return q.subject.User.couldAgreeTo(ScopeProjects)
	},
}

// ownUser asks that a token speaks about its own user.
var ownUser = rule{
	name:  "own_user",
	holds: func(q *question) bool { return q.UserID() == q.subject.User.ID },
	fact: func(q *question) string {
		if q.UserID() == q.subject.User.ID {
			return fmt.Sprintf("the token is user %d's", q.UserID())
		}
		return fmt.Sprintf("the token is user %d's, not user %d's", q.UserID(), q.subject.User.ID)
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
		cure: func(*question) []Grant { return []Grant{{Kind: GrantScope, Name: string(s)}} },
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
		cure: func(q *question) []Grant {
			if q.Kind == ByToken && q.subject.Wallet.BelongsTo(q.UserID()) {
				return []Grant{{Kind: GrantScope, Name: string(s)}}
			}
			return nil
		},
	}
}

// offlineWallet is a client's ground: the owner of the wallet agreed that it may use the scope without a
// token; an empty scope takes any.
func offlineWallet(s Scope) rule {
	holds := func(q *question) bool {
		return q.Kind == ByClient && (q.subject.Consent.Offline(s) || s == "" && q.subject.Consent.AnyOffline())
	}
	return rule{
		name:  "offline_consent",
		holds: holds,
		fact: func(q *question) string {
			if holds(q) {
				return fmt.Sprintf("user %d agreed that client %d may use this without a token", q.subject.Wallet.OwnerID, q.Client.ID)
			}
			return q.noOfflineConsent(q.subject.Wallet.OwnerID)
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
		return q.Token.administers(project) && (s == "" || q.Token.Has(s))
	}
	holds := func(q *question) bool {
		return slices.ContainsFunc(q.subject.Wallet.Projects, func(project int64) bool { return standsFor(q, project) })
	}
	return rule{
		name:  "project_wallet",
		holds: holds,
		fact: func(q *question) string {
			switch {
			case holds(q):
				return fmt.Sprintf("wallet %d is the wallet of a project of this caller", q.subject.Wallet.ID)
			case q.Kind == ByToken && slices.ContainsFunc(q.subject.Wallet.Projects, q.Token.administers):
				return fmt.Sprintf("wallet %d is the wallet of a project of user %d, who did not agree to the scope %s", q.subject.Wallet.ID, q.UserID(), s)
			}
			return fmt.Sprintf("wallet %d is not the wallet of a project of this caller: %s", q.subject.Wallet.ID, q.ProjectsSentence())
		},
		cure: func(q *question) []Grant {
			switch {
			case q.Kind == ByClient && len(q.subject.Wallet.Projects) > 0:
				return []Grant{{Kind: GrantProject, ID: q.subject.Wallet.Projects[0]}}
			case q.Kind == ByToken && s != "" && slices.ContainsFunc(q.subject.Wallet.Projects, q.Token.administers):
				return []Grant{{Kind: GrantScope, Name: string(s)}}
			}
			return nil
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
		cure: func(q *question) []Grant {
			if q.Kind != ByClient {
				return nil
			}
			name := s
			if name == "" {
				name = ScopeBalance
			}
			return []Grant{{Kind: GrantWalletRight, Name: string(name), ID: q.subject.Wallet.ID}}
		},
	}
}

// byItself asks for the client's own credentials: other clients are no user's business.
var byItself = rule{
	name:  "own_credentials",
	holds: func(q *question) bool { return q.Kind == ByClient },
	fact: func(q *question) string {
		if q.Kind == ByClient {
			return q.Name() + " calls with its own credentials"
		}
		return q.Name() + " calls, and this takes a client's own credentials"
	},
}

// ofType asks for one type of client.
func ofType(t ClientType) rule {
	return rule{
		name:  "client_type",
		holds: func(q *question) bool { return q.Client.Type == t },
		fact: func(q *question) string {
			if q.Client.Type == t {
				return fmt.Sprintf("client %d is of type %s", q.Client.ID, t)
			}
			return fmt.Sprintf("client %d is of type %s, and this is for type %s", q.Client.ID, q.Client.Type, t)
		},
	}
}

// placeInProject asks that a place that is named is in a project of the caller, and in the
// project that is named beside it.
var (
	representsPlace = rule{
		name:  "represents_place",
		holds: func(q *question) bool { return q.Represents(q.subject.Location.ProjectID) },
		fact: func(q *question) string {
			return fmt.Sprintf("place %d is in project %d: %s", q.subject.Location.ID, q.subject.Location.ProjectID, q.ProjectsSentence())
		},
		cure: func(q *question) []Grant { return []Grant{{Kind: GrantProject, ID: q.subject.Location.ProjectID}} },
	}
	placeOfProject = rule{
		name:  "place_of_project",
		holds: func(q *question) bool { return q.subject.Project.ID == q.subject.Location.ProjectID },
		fact: func(q *question) string {
			return fmt.Sprintf("place %d belongs to project %d, and the request names project %d: leave project_id out, or name a place of that project",
				q.subject.Location.ID, q.subject.Location.ProjectID, q.subject.Project.ID)
		},
	}
)

// contextRules are about the project and place that the request names. They come first in every
// decision, so that what is told to be missing is all that is missing.
func contextRules(c Caller) []rule {
	switch {
	case c.named == nil:
		return nil
	case c.named.place == nil:
		return contextOfProjectAndPlace[:1]
	case c.named.project == 0:
		return contextOfProjectAndPlace[1:2]
	}
	return contextOfProjectAndPlace
}

// contextOfProjectAndPlace are the rules about projects and places, asked about those that the
// request names.
var contextOfProjectAndPlace = []rule{aboutNamed(representsProject), aboutNamed(representsPlace), aboutNamed(placeOfProject)}

func aboutNamed(r rule) rule {
	about := func(q *question) *question {
		return &question{q.Caller, Subject{Project: &Project{ID: q.named.project}, Location: q.named.place}}
	}
	return rule{
		name:  r.name,
		holds: func(q *question) bool { return r.holds(about(q)) },
		fact:  func(q *question) string { return r.fact(about(q)) },
		cure:  func(q *question) []Grant { return r.needs(about(q)) },
	}
}

// hasProject asks that a caller who asks about its own project has one.
var hasProject = rule{
	name:  "has_project",
	holds: func(q *question) bool { return !q.subject.OwnProject || q.Kind == ByToken || len(q.Projects()) > 0 },
	fact:  func(q *question) string { return q.ProjectsSentence() },
	cure:  func(*question) []Grant { return []Grant{{Kind: GrantProject}} },
}

// itself is the ground of a client that asks about itself.
var itself = rule{
	name:  "itself",
	holds: func(q *question) bool { return q.subject.Client.ID == q.Client.ID },
	fact: func(q *question) string {
		return fmt.Sprintf("client %d calls about client %d", q.Client.ID, q.subject.Client.ID)
	},
}

// notItself keeps a client from changing what it may do (decisions.md 18).
var notItself = rule{
	name:  "not_itself",
	holds: func(q *question) bool { return q.subject.Client.ID != q.Client.ID },
	fact: func(q *question) string {
		return fmt.Sprintf("client %d calls about client %d, and no client changes itself: ask the operator", q.Client.ID, q.subject.Client.ID)
	},
}

// madeIt is the ground of an application that asks about a device it registered.
var madeIt = rule{
	name:  "made_it",
	holds: func(q *question) bool { return q.registered() && q.Client.Has(UseClientAPI) },
	fact: func(q *question) string {
		switch {
		case !q.registered():
			return fmt.Sprintf("client %d did not register client %d", q.Client.ID, q.subject.Client.ID)
		case !q.Client.Has(UseClientAPI):
			return fmt.Sprintf("client %d registered client %d, and lacks the permission %s", q.Client.ID, q.subject.Client.ID, UseClientAPI)
		}
		return fmt.Sprintf("client %d registered client %d", q.Client.ID, q.subject.Client.ID)
	},
	cure: func(q *question) []Grant {
		if !q.registered() {
			return nil
		}
		return []Grant{{Kind: GrantPermission, Name: string(UseClientAPI)}}
	},
}

// registered says whether the caller is the application that registered the subject.
func (q *question) registered() bool {
	return q.Kind == ByClient && q.Client.Type == Application && q.subject.Client.CreatedBy == q.Client.ID
}

// manages is the ground of a private client that looks after the clients of its projects
// (decisions.md 18).
var manages = rule{
	name:  "manages",
	holds: func(q *question) bool { return q.managing() && len(managerLacks(q)) == 0 },
	fact: func(q *question) string {
		target := q.subject.Client
		switch {
		case q.Kind != ByClient || q.Client.Type != PrivateClient:
			return q.Name() + " calls, and other clients are managed by private clients with their own credentials"
		case len(target.Projects) == 0:
			return fmt.Sprintf("client %d represents no project, so that only the operator manages it", target.ID)
		case len(managerLacks(q)) == 0:
			return fmt.Sprintf("client %d manages the clients of its projects, and client %d is one", q.Client.ID, target.ID)
		}
		return fmt.Sprintf("client %d does not manage client %d", q.Client.ID, target.ID)
	},
	cure: func(q *question) []Grant {
		if !q.managing() {
			return nil
		}
		return managerLacks(q)
	},
}

// managing says whether the caller is of the kind that manages clients, and the subject one
// that can be managed.
func (q *question) managing() bool {
	return q.Kind == ByClient && q.Client.Type == PrivateClient && len(q.subject.Client.Projects) > 0
}

// managerLacks is what keeps a private client from managing the subject.
func managerLacks(q *question) (lacks []Grant) {
	if !q.Client.Has(UseClientAPI) {
		lacks = append(lacks, Grant{Kind: GrantPermission, Name: string(UseClientAPI)})
	}
	for _, project := range q.subject.Client.Projects {
		if !q.Client.Represents(project) {
			lacks = append(lacks, Grant{Kind: GrantProject, ID: project})
		}
	}
	return lacks
}

// givesItsOwn keeps a client from giving away more than it has (decisions.md 18).
var givesItsOwn = rule{
	name:  "gives_its_own",
	holds: func(q *question) bool { return len(giverLacks(q)) == 0 },
	fact: func(q *question) string {
		if lacks := giverLacks(q); len(lacks) > 0 {
			return fmt.Sprintf("client %d cannot give what it does not have itself", q.Client.ID)
		}
		return fmt.Sprintf("client %d gives nothing that it does not have itself", q.Client.ID)
	},
	cure: giverLacks,
}

func giverLacks(q *question) (lacks []Grant) {
	for _, p := range q.subject.Giving.Permissions {
		if !q.Client.Has(p) {
			lacks = append(lacks, Grant{Kind: GrantPermission, Name: string(p)})
		}
	}
	for _, project := range q.subject.Giving.Projects {
		if !q.Client.Represents(project) {
			lacks = append(lacks, Grant{Kind: GrantProject, ID: project})
		}
	}
	for i, right := range q.subject.Giving.Rights {
		projects := slices.ContainsFunc(q.subject.Giving.Wallets[i].Projects, q.Client.Represents)
		for _, scope := range right.Scopes {
			switch {
			case slices.Contains(q.Client.WalletScopes(right.WalletID), scope):
			case projects && (scope == ScopeBalance || q.Client.Has(AccessStatements)):
				// what a client of the project reads by itself (decisions.md 5)
			case projects:
				lacks = append(lacks, Grant{Kind: GrantPermission, Name: string(AccessStatements)})
			default:
				lacks = append(lacks, Grant{Kind: GrantWalletRight, Name: string(scope), ID: right.WalletID})
			}
		}
	}
	return lacks
}

// ownersProgram and ownersToken are the grounds of who asks why a client was refused.
var (
	ownersProgram = rule{
		name: "owners_program",
		holds: func(q *question) bool {
			return q.Kind == ByClient && q.Client.Type == PrivateClient && q.subject.Client.ID == q.Client.ID
		},
		fact: func(q *question) string {
			return fmt.Sprintf("%s calls about client %d", q.Name(), q.subject.Client.ID)
		},
	}
	ownersToken = rule{
		name: "owners_token",
		holds: func(q *question) bool {
			return q.Kind == ByToken && len(q.subject.Client.Projects) > 0 &&
				!slices.ContainsFunc(q.subject.Client.Projects, func(project int64) bool { return !slices.Contains(q.Token.Projects, project) })
		},
		fact: func(q *question) string {
			return fmt.Sprintf("%s calls, about a client of projects %s", q.Name(), idList(q.subject.Client.Projects))
		},
	}
)

// walletArea are the gates of every call in the wallet API.
var walletArea = []rule{knownCaller, fullClient, mayUse(UseWalletAPI)}

func noWallet(s Subject) bool { return s.Wallet == nil }

func noClient(s Subject) bool { return s.Client == nil }

func noUser(s Subject) bool { return s.User == nil }

func noProject(s Subject) bool { return s.Project == nil }

// policies is who may do what, on one screen.
var policies = map[Action]*policy{
	ReadPublic:    {gates: []rule{somebody}},
	OperateServer: {gates: []rule{isOperator}},
	ReadOwnClient: {gates: []rule{knownCaller}},

	RegisterDevice: {gates: []rule{knownCaller, byItself, ofType(Application), mayUse(UseClientAPI)}, about: []rule{givesItsOwn}},
	ListClients:    {gates: []rule{knownCaller, byItself, ofType(PrivateClient), mayUse(UseClientAPI)}, operator: true},
	ReadClient:     {operator: true, gates: []rule{knownCaller}, missing: noClient, grounds: []rule{manages, itself, madeIt}},
	UpdateClient: {
		operator: true,
		gates:    []rule{knownCaller, byItself}, missing: noClient,
		about: []rule{notItself, givesItsOwn}, grounds: []rule{manages, madeIt},
	},
	ReadRefusal: {operator: true, gates: []rule{knownCaller}, missing: noClient, grounds: []rule{manages, ownersProgram, ownersToken}},

	ReadCurrencies:       {gates: walletArea},
	ListClientLocations:  {gates: walletArea},
	ReadLocation:         {operator: true, gates: walletArea, missing: noLocation, grounds: []rule{isPublic, administersPlaces, projectsPlace}},
	ListProjectLocations: {operator: true, gates: walletArea, missing: noProject, about: []rule{representsProject}},
	PrintCodes:           {operator: true, gates: []rule{signedIn}, missing: noProject, about: []rule{administersProject}},
	ManageLocation:       {operator: true, gates: walletArea, missing: noProject, grounds: []rule{administersPlaces, managesPlaces}},
	ReadSpot:             {gates: walletArea, missing: noLocation, grounds: []rule{atThePlace, administersPlaces, servesPlaces}},
	UseSpot:              {gates: append(slices.Clone(walletArea), usersToken), missing: noLocation, about: []rule{placeInUse}},
	ServeSpot:            {gates: walletArea, missing: noLocation, grounds: []rule{administersPlaces, servesPlaces}},
	ListSpots:            {gates: append(slices.Clone(walletArea), merchantsSide)},

	ReadProject: {
		gates: walletArea, about: []rule{representsProject},
		missing: noProject,
	},
	UpdateProject:    {gates: walletArea, missing: noProject, grounds: []rule{administersPlaces, managesProject}},
	MoveProject:      {gates: append(slices.Clone(walletArea), usersToken), missing: noProject, about: []rule{agreedToProjects, ownsProject}},
	ReadStatistics:   {gates: figuresArea, missing: noProject, grounds: []rule{administersFigures, ownFigures}},
	ReadOverview:     {gates: walletArea, about: []rule{byToken, agreed(ScopeProjects), agreed(ScopeBalance)}},
	ListUserProjects: {gates: walletArea, missing: noUser, about: []rule{byToken, ownUser, agreed(ScopeProjects)}},

	UseOAuth:             {gates: oauthArea},
	ExchangePassword:     {gates: append(slices.Clone(oauthArea), mayUse(UsePasswordGrant))},
	ReadUser:             {gates: walletArea, missing: noUser, grounds: []rule{ownData, offlineData}},
	ReadUserData:         {gates: walletArea, missing: noUser, grounds: []rule{ownData, offlineData}},
	FindUser:             {gates: append(slices.Clone(walletArea), answerable)},
	FindUserByPersonCode: {gates: append(slices.Clone(walletArea), answerable, mayUse(SearchByPersonCode))},
	RegisterUser:         {gates: []rule{knownCaller, byItself, fullClient, mayUse(UseOAuthAPI), mayUse(ProvideRegistrationParameters)}},
	ConfirmByCode:        {gates: []rule{knownCaller, fullClient, mayUse(UseOAuthAPI)}},
	ChangeUser: {
		gates: []rule{knownCaller, fullClient, mayUse(UseOAuthAPI)}, missing: noUser,
		grounds: []rule{ownUserInOwnApp, registeredUser},
	},
	ManageAdministrators: {operator: true, gates: []rule{personOrToken, onPagesOr(mayUse(UseWalletAPI))}, missing: noProject, about: []rule{agreedToProjects, ownsProject}},
	UsePages:             {gates: []rule{somebody}},
	ManageAccount:        {gates: []rule{signedIn}},

	CreateTransaction: {gates: append(slices.Clone(walletArea), hasProject)},
	ListTransactions:  {gates: append(slices.Clone(walletArea), hasProject)},
	ReadTransaction:   {gates: walletArea, missing: noTransaction, grounds: []rule{ofItsProject, shownToPayers}},
	ReadPayment:       {gates: walletArea, missing: noTransaction, grounds: []rule{ofItsProject, shownToItsPayer}},
	ManageTransaction: {gates: walletArea, missing: noTransaction, about: []rule{ofItsProject}},
	SendFlash:         {gates: append(slices.Clone(walletArea), mayUse(AcceptWithFlash)), missing: noTransaction, about: []rule{ofItsProject}},
	AcceptInApp:       {gates: append(slices.Clone(walletArea), ownApp)},
	AcceptByPIN:       {gates: append(slices.Clone(walletArea), mayUse(AcceptWithPIN)), missing: noTransaction, grounds: []rule{ofItsProject, payersToken}},
	AcceptByFlash:     {gates: append(slices.Clone(walletArea), mayUse(AcceptWithFlash)), missing: noTransaction, grounds: []rule{ofItsProject, payersToken}},
	AcceptByCode:      {gates: walletArea, missing: noTransaction, grounds: []rule{ofItsProject, payersToken}},
	AcceptByAllowance: {gates: walletArea, missing: noTransaction, grounds: []rule{ofItsProject}},
	MakeReserveCode:   {gates: append(slices.Clone(walletArea), ownApp)},
	AcceptOnPage:      {gates: []rule{signedIn}},

	CashAtPlace:         {gates: cashArea},
	CashInByDocument:    {gates: append(slices.Clone(cashArea), mayUse(SearchByPersonCode))},
	CashOutByDocument:   {gates: append(slices.Clone(cashArea), mayUse(SearchByPersonCode), mayUse(IdentifyUsers))},
	MakeOneTimeBarcode:  {gates: append(slices.Clone(walletArea), ownApp)},
	IdentifyUser:        {gates: identifyArea, missing: noUser},
	ReadIdentification:  {operator: true, gates: identifyArea, missing: noProject, about: []rule{representsProject}},
	ReadAllowance:       {gates: walletArea, missing: noAllowance, grounds: []rule{allowanceOfProject, givenByUser}},
	CancelAllowance:     {gates: walletArea, missing: noAllowance, grounds: []rule{allowanceOfProject, givenByUser}},
	UseAllowances:       {gates: walletArea, missing: noWallet, about: []rule{aboutOwnWallet}},
	ManageOwnAllowances: {gates: []rule{signedIn}},

	ReadWallet: {
		gates: append(slices.Clone(walletArea), hasProject), missing: noWallet,
		grounds: []rule{ownWallet(""), walletRight(""), projectWallet(""), offlineWallet("")},
	},
	ReadWalletDetails: {
		gates: walletArea, missing: noWallet,
		grounds: []rule{ownWallet(ScopeWalletList), projectWallet(ScopeWalletList), offlineWallet(ScopeWalletList)},
	},
	ReadBalance: {
		gates: append(slices.Clone(walletArea), hasProject), missing: noWallet,
		grounds: []rule{ownWallet(ScopeBalance), walletRight(ScopeBalance), projectWallet(ScopeBalance), offlineWallet(ScopeBalance)},
	},
	FindWallet:             {gates: append(slices.Clone(walletArea), answerable)},
	FindWalletByPersonCode: {gates: append(slices.Clone(walletArea), answerable, mayUse(SearchByPersonCode))},
	DescribeWallet:         {gates: append(slices.Clone(walletArea), usersToken), missing: noWallet, grounds: []rule{ownWallet(ScopeManageAccount)}},
	CheckFunds:             {gates: append(slices.Clone(walletArea), hasProject), missing: noWallet, grounds: fundsGrounds},
	CalculateConversion:    {gates: walletArea},
	ConvertCurrency:        {gates: append(slices.Clone(walletArea), usersToken), missing: noWallet, grounds: []rule{ownWallet(ScopeConvertCurrency)}},
	ReadStatements:         {gates: statementsArea, missing: noWallet, grounds: slices.Concat(statementsGrounds, recentGrounds)},
	ReadAllStatements:      {gates: statementsArea, missing: noWallet, grounds: statementsGrounds},
	ReadIncomingPayments:   {gates: pendingArea, missing: noWallet, grounds: []rule{ownWallet(ScopeIncomingPayments), administeredWallet(ScopeIncomingPayments)}},
	ReadOutgoingPayments:   {gates: pendingArea, missing: noWallet, grounds: []rule{ownWallet(ScopeOutgoingPayments)}},
	TakePaymentBack:        {gates: pendingArea, missing: noWallet, grounds: []rule{ownWallet(ScopeOutgoingPayments)}},
}
