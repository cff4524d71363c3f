package wallet

import "fmt"

// The rules about allowances: the client that one was given to uses it for its project, and who gave it may take it back.

// The actions about allowances.
const (
	// AcceptByAllowance is taking money by what a payer agreed to before.
	AcceptByAllowance Action = "accept_by_allowance"
	ReadAllowance     Action = "read_allowance"
	CancelAllowance   Action = "cancel_allowance"
	// UseAllowances is asking what Subject.Wallet gave to the client that calls, and giving that back.
	UseAllowances Action = "use_allowances"
	// ManageOwnAllowances is what who signed in on the pages does about those that they gave.
	ManageOwnAllowances Action = "manage_own_allowances"
)

// allowanceOfProject asks for a caller who represents the project of the allowance, and for a device that asked for it
// itself.
var allowanceOfProject = rule{
	name: "allowance_of_project",
	holds: func(q *question) bool {
		a := q.subject.Allowance
		return q.Represents(a.ProjectID) && (!q.KeptApart(a.ProjectID) || a.ClientID == q.Client.ID)
	},
	fact: func(q *question) string {
		a := q.subject.Allowance
		if q.Represents(a.ProjectID) && q.KeptApart(a.ProjectID) {
			return fmt.Sprintf("client %d asked for the allowance, and %s is a device, which is kept apart from all others", a.ClientID, q.Name())
		}
		return fmt.Sprintf("the allowance is of project %d: %s", a.ProjectID, q.ProjectsSentence())
	},
	cure: func(q *question) []Grant {
		if q.Represents(q.subject.Allowance.ProjectID) {
			return nil
		}
		return []Grant{{Kind: GrantProject, ID: q.subject.Allowance.ProjectID}}
	},
}

// givenByUser is the ground of who gave an allowance, in the program that it was given to, or in one that they trust with
// their password: others do not meddle with what is between the two.
var givenByUser = rule{
	name: "given_by_user",
	holds: func(q *question) bool {
		return q.Kind == ByToken && q.subject.Wallet != nil && q.subject.Wallet.BelongsTo(q.UserID()) &&
			(q.subject.Allowance.ClientID == q.Client.ID || q.Client.Has(UsePasswordGrant))
	},
	fact: func(q *question) string {
		switch {
		case q.Kind != ByToken:
			return q.Name() + " calls with its own credentials, not with the access token of who gave the allowance"
		case q.subject.Wallet == nil || !q.subject.Wallet.BelongsTo(q.UserID()):
			return fmt.Sprintf("the allowance was not given by user %d", q.UserID())
		}
		return fmt.Sprintf("the allowance is user %d's, and client %d's", q.UserID(), q.subject.Allowance.ClientID)
	},
	cure: func(q *question) []Grant {
		if q.Kind == ByToken && q.subject.Wallet != nil && q.subject.Wallet.BelongsTo(q.UserID()) {
			return []Grant{{Kind: GrantPermission, Name: string(UsePasswordGrant)}}
		}
		return nil
	},
}

// aboutOwnWallet keeps a token to the wallets of its user; a client asks about whatever gave it something.
var aboutOwnWallet = rule{
	name: "about_own_wallet",
	holds: func(q *question) bool {
		return q.Kind == ByClient || q.subject.Wallet.BelongsTo(q.UserID())
	},
	fact: func(q *question) string {
		return fmt.Sprintf("%s asks about wallet %d", q.Name(), q.subject.Wallet.ID)
	},
}

func noAllowance(s Subject) bool { return s.Allowance == nil }
