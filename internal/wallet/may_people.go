package wallet

import (
	"fmt"
	"slices"
)

// The rules about people: whose data is read, and who acts for whom.

// oauthArea are the gates of every call in the OAuth API: a client's own credentials, never a token.
var oauthArea = []rule{knownCaller, byItself, fullClient, mayUse(UseOAuthAPI)}

// isOrActsFor says whether the user is the one asked about, or a person who acts for that company.
func (u *User) isOrActsFor(user int64) bool {
	return user != 0 && (u.ID == user || slices.Contains(u.Administrators, user))
}

// couldAgreeTo is the grant of a scope by the user, to a client that has no token of theirs; none where nobody in
// particular is asked about, or nobody who could agree.
func (u *User) couldAgreeTo(s Scope) []Grant {
	if u == nil || u.Type != Natural || u.Standing == InactiveUser {
		return nil
	}
	return []Grant{{Kind: GrantScope, Name: string(s), ID: u.ID}}
}

// ownData is a user's ground: they ask about themselves, or a company that they act for, and agreed to the
// scope; an empty scope asks for no more than the token.
var ownData = rule{
	name: "own_data",
	holds: func(q *question) bool {
		return q.Kind == ByToken && q.subject.User.isOrActsFor(q.UserID()) && (q.subject.Scope == "" || q.Token.Has(q.subject.Scope))
	},
	fact: func(q *question) string {
		s := q.subject.Scope
		switch {
		case q.Kind != ByToken:
			return q.Name() + " calls with its own credentials, not with a user's access token"
		case !q.subject.User.isOrActsFor(q.UserID()):
			return fmt.Sprintf("the token is user %d's, not user %d's", q.UserID(), q.subject.User.ID)
		case s != "" && !q.Token.Has(s):
			return fmt.Sprintf("user %d did not agree to the scope %s", q.UserID(), s)
		}
		return fmt.Sprintf("user %d asks about user %d", q.UserID(), q.subject.User.ID)
	},
	cure: func(q *question) []Grant {
		s := q.subject.Scope
		switch {
		case q.Kind == ByToken && q.subject.User.isOrActsFor(q.UserID()) && s != "":
			return []Grant{{Kind: GrantScope, Name: string(s)}}
		case q.Kind == ByClient && s == "":
			return q.subject.User.couldAgreeTo(ScopeUserInfo) // any token of the user would do
		case q.Kind == ByClient:
			return q.subject.User.couldAgreeTo(s)
		}
		return nil
	},
}

// offlineData is a client's ground: the user agreed that it may use the scope without a token; an empty
// scope takes any.
var offlineData = rule{
	name: "offline_consent",
	holds: func(q *question) bool {
		return q.Kind == ByClient && (q.subject.Consent.Offline(q.subject.Scope) || q.subject.Scope == "" && q.subject.Consent.AnyOffline())
	},
	fact: func(q *question) string {
		if q.Kind == ByClient && q.subject.Consent.Offline(q.subject.Scope) {
			return fmt.Sprintf("user %d agreed that client %d may use this without a token", q.subject.User.ID, q.Client.ID)
		}
		return q.noOfflineConsent(q.subject.User.ID)
	},
}

// noOfflineConsent says why a caller may not use something of a user's without a token.
func (q *question) noOfflineConsent(user int64) string {
	if q.Kind != ByClient {
		return q.Name() + " calls, and this is for a client with its own credentials"
	}
	if q.subject.Consent != nil && q.subject.Consent.Inactive {
		return fmt.Sprintf("user %d is inactive, so that nobody acts for them", user)
	}
	return fmt.Sprintf("user %d did not agree that %s may use this without a token", user, q.Name())
}

// answerable lets those look users up who answer for it: a server of the owner's, or a user who signed in.
// A device's own credentials are in strangers' hands, and would tell them who has an account.
var answerable = rule{
	name:  "answerable",
	holds: func(q *question) bool { return q.Kind == ByToken || q.Client.Type == PrivateClient },
	fact: func(q *question) string {
		if q.Kind == ByToken || q.Client.Type == PrivateClient {
			return q.Name() + " may look users up"
		}
		return fmt.Sprintf("client %d is a device, which looks users up with a user's token only", q.Client.ID)
	},
}

// ownUserInOwnApp is the ground of a user who changes what they sign in with, in a program that sees their
// password anyway. Others that act for a user cannot lock them out.
var ownUserInOwnApp = rule{
	name: "own_user_in_own_app",
	holds: func(q *question) bool {
		return q.Kind == ByToken && q.UserID() == q.subject.User.ID && q.Client.Has(UsePasswordGrant)
	},
	fact: func(q *question) string {
		switch {
		case q.Kind != ByToken:
			return q.Name() + " calls with its own credentials, not with a user's access token"
		case q.UserID() != q.subject.User.ID:
			return fmt.Sprintf("the token is user %d's, not user %d's", q.UserID(), q.subject.User.ID)
		case !q.Client.Has(UsePasswordGrant):
			return fmt.Sprintf("client %d lacks the permission %s, without which nobody changes what a user signs in with", q.Client.ID, UsePasswordGrant)
		}
		return fmt.Sprintf("the token is user %d's, in a program that users trust with their password", q.UserID())
	},
	cure: func(q *question) []Grant {
		if q.Kind == ByToken && q.UserID() == q.subject.User.ID {
			return []Grant{{Kind: GrantPermission, Name: string(UsePasswordGrant)}}
		}
		return nil
	},
}

// registeredUser is the ground of a client that registered a user who has not confirmed anything yet.
var registeredUser = rule{
	name: "registered_user",
	holds: func(q *question) bool {
		return q.Kind == ByClient && q.subject.User.RegisteredBy == q.Client.ID && !q.subject.User.Reachable()
	},
	fact: func(q *question) string {
		switch {
		case q.Kind != ByClient || q.subject.User.RegisteredBy != q.Client.ID:
			return fmt.Sprintf("%s did not register user %d", q.Name(), q.subject.User.ID)
		case q.subject.User.Reachable():
			return fmt.Sprintf("user %d has confirmed a contact, and from then on changes it themselves", q.subject.User.ID)
		}
		return fmt.Sprintf("client %d registered user %d", q.Client.ID, q.subject.User.ID)
	},
}

// signedIn asks for a user on the pages.
var signedIn = rule{
	name:  "signed_in",
	holds: func(q *question) bool { return q.Kind == ByPerson && q.Person != 0 },
	fact:  func(q *question) string { return q.Name() + " calls, and this takes a user who signed in on the pages" },
}

// personOrToken asks for a user, on the pages or behind a token.
var personOrToken = rule{
	name:  "user",
	holds: func(q *question) bool { return q.UserID() != 0 && (q.Kind == ByPerson || q.Kind == ByToken) },
	fact: func(q *question) string {
		if q.UserID() != 0 {
			return q.Name() + " calls"
		}
		return q.Name() + " calls, and this takes a user"
	},
}

// onPagesOr asks of a token what a rule asks; on the pages there is no client that could lack anything.
func onPagesOr(r rule) rule {
	holds, fact := r.holds, r.fact
	r.holds = func(q *question) bool { return q.Kind == ByPerson || holds(q) }
	r.fact = func(q *question) string {
		if q.Kind == ByPerson {
			return q.Name() + " calls"
		}
		return fact(q)
	}
	return r
}

// agreedToProjects asks a token for the scope projects; on the pages users act for themselves.
var agreedToProjects = rule{
	name:  "scope_projects",
	holds: func(q *question) bool { return q.Kind == ByPerson || q.Token.Has(ScopeProjects) },
	fact: func(q *question) string {
		if q.Kind == ByPerson || q.Token.Has(ScopeProjects) {
			return fmt.Sprintf("user %d agreed to the scope %s", q.UserID(), ScopeProjects)
		}
		return fmt.Sprintf("user %d did not agree to the scope %s", q.UserID(), ScopeProjects)
	},
	cure: func(*question) []Grant { return []Grant{{Kind: GrantScope, Name: string(ScopeProjects)}} },
}

// ownsProject asks for the owner of the project, or a person who acts for the company that owns it.
var ownsProject = rule{
	name:  "owns_project",
	holds: func(q *question) bool { return q.subject.Owner != nil && q.subject.Owner.isOrActsFor(q.UserID()) },
	fact: func(q *question) string {
		if q.subject.Owner != nil && q.subject.Owner.isOrActsFor(q.UserID()) {
			return fmt.Sprintf("user %d owns project %d", q.UserID(), q.subject.Project.ID)
		}
		return fmt.Sprintf("user %d does not own project %d", q.UserID(), q.subject.Project.ID)
	},
}
