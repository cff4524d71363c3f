package wallet

import (
	"fmt"
	"slices"
)

// The rules about what the owner of a wallet reads about its money, and who may read it in their place.

// Scopes that are asked for here alone.
const (
	ScopeIncomingPayments Scope = "incoming_payments"
	ScopeOutgoingPayments Scope = "outgoing_payments"
	ScopeRecentStatements Scope = "recent_statements"
)

// The actions about statements and payments that are on their way.
const (
	// ReadStatements is reading some statements, ReadAllStatements all of them, and what is reserved.
	ReadStatements    Action = "read_statements"
	ReadAllStatements Action = "read_all_statements"
	// ReadIncomingPayments and ReadOutgoingPayments are about payments that are on their way.
	ReadIncomingPayments Action = "read_incoming_payments"
	ReadOutgoingPayments Action = "read_outgoing_payments"
	// TakePaymentBack is the payer's change of mind.
	TakePaymentBack Action = "take_payment_back"
)

// projectStatements is projectWallet for statements: a client by itself needs the permission access_statements
// (decisions.md 5), a user who administers the project the scope.
func projectStatements(s Scope) rule {
	byToken := projectWallet(s)
	permission := mayUse(AccessStatements)
	return rule{
		name: "project_statements",
		holds: func(q *question) bool {
			return byToken.holds(q) && (q.Kind == ByToken || permission.holds(q))
		},
		fact: func(q *question) string {
			if q.Kind == ByToken || !byToken.holds(q) {
				return byToken.fact(q)
			}
			return fmt.Sprintf("%s, and %s", byToken.fact(q), permission.fact(q))
		},
		cure: func(q *question) (grants []Grant) {
			if !byToken.holds(q) {
				grants = byToken.needs(q)
			}
			if q.Kind == ByClient && len(q.subject.Wallet.Projects) > 0 && !permission.holds(q) {
				grants = append(grants, permission.cure(q)...)
			}
			return grants
		},
	}
}

// administeredWallet is the ground of a user who administers a project whose default wallet it is, and agreed to
// the scope.
func administeredWallet(s Scope) rule {
	standing := projectWallet(s)
	return rule{
		name:  "administered_wallet",
		holds: func(q *question) bool { return q.Kind == ByToken && standing.holds(q) },
		fact: func(q *question) string {
			if q.Kind != ByToken {
				return q.Name() + " calls with its own credentials, not with a user's access token"
			}
			return standing.fact(q)
		},
		cure: func(q *question) []Grant {
			if q.Kind != ByToken {
				return nil
			}
			return standing.needs(q)
		},
	}
}

// withToken asks for an access token: what is on its way is the business of users.
var withToken = rule{
	name:  "with_token",
	holds: func(q *question) bool { return q.Kind == ByToken },
	fact: func(q *question) string {
		if q.Kind == ByToken {
			return q.Name() + " calls"
		}
		return q.Name() + " calls with its own credentials, not with a user's access token"
	},
}

// ownStatements asks a client about the wallet of its project before it is known which that is: none of its own opens
// without this permission.
var ownStatements = rule{
	name: "own_statements",
	holds: func(q *question) bool {
		return !q.subject.OwnProject || q.Kind == ByToken || q.subject.Wallet != nil || q.Client.Has(AccessStatements)
	},
	fact: mayUse(AccessStatements).fact,
	cure: mayUse(AccessStatements).cure,
}

// statementsArea are the gates of statements, pendingArea those of payments that are on their way.
var (
	statementsArea = append(slices.Clone(walletArea), hasProject, ownStatements)
	pendingArea    = append(slices.Clone(walletArea), withToken)
)

// statementsGrounds are those of who may read all statements of a wallet; recentGrounds open the newest alone.
var (
	statementsGrounds = []rule{
		ownWallet(ScopeStatements), walletRight(ScopeStatements), projectStatements(ScopeStatements), offlineWallet(ScopeStatements),
	}
	recentGrounds = []rule{ownWallet(ScopeRecentStatements), administeredWallet(ScopeRecentStatements)}
)
