package wallet

import "fmt"

// The rules about transactions: a client speaks for those of its projects, and a payer accepts with a proof.

// The actions about transactions.
const (
	// CreateTransaction is asking for payments, for the project that the caller speaks for.
	CreateTransaction Action = "create_transaction"
	ReadTransaction   Action = "read_transaction"
	// ReadPayment is reading a transaction by the number of one of its payments, which anybody can guess.
	ReadPayment      Action = "read_payment"
	ListTransactions Action = "list_transactions"
	// ManageTransaction is all that the side of the project does with a transaction: confirm, revoke, cancel,
	// freeze, ask somebody to pay.
	ManageTransaction Action = "manage_transaction"
	// SendFlash is having a code sent to a payer's phone.
	SendFlash Action = "send_flash"
	// Accepting takes a proof of the payer's; each way to give one is an action of its own.
	AcceptInApp     Action = "accept_in_app"
	AcceptByPIN     Action = "accept_by_pin"
	AcceptByFlash   Action = "accept_by_flash"
	AcceptByCode    Action = "accept_by_code"
	MakeReserveCode Action = "make_reserve_code"
	// AcceptOnPage is what who signed in on the pages does about a transaction that they were shown.
	AcceptOnPage Action = "accept_on_page"
)

// ofItsProject asks for a caller who represents the project of the transaction, and for a device that made it itself.
var ofItsProject = rule{
	name: "transaction_of_project",
	holds: func(q *question) bool {
		t := q.subject.Transaction
		return q.Represents(t.ProjectID) && (!q.KeptApart(t.ProjectID) || t.ClientID == q.Client.ID)
	},
	fact: func(q *question) string {
		t := q.subject.Transaction
		if q.Represents(t.ProjectID) && q.KeptApart(t.ProjectID) {
			return fmt.Sprintf("client %d made the transaction, and %s is a device, which is kept apart from all others", t.ClientID, q.Name())
		}
		return fmt.Sprintf("the transaction is of project %d: %s", t.ProjectID, q.ProjectsSentence())
	},
	cure: func(q *question) []Grant {
		if q.Represents(q.subject.Transaction.ProjectID) {
			return nil
		}
		return []Grant{{Kind: GrantProject, ID: q.subject.Transaction.ProjectID}}
	},
}

// shownToPayers is the ground of a payer's token: whoever was handed the key of a transaction that nobody has
// accepted may look at it, and who has accepted it may go on looking.
var shownToPayers = rule{
	name: "shown_to_payers",
	holds: func(q *question) bool {
		if q.Kind != ByToken {
			return false
		}
		t := q.subject.Transaction
		return t.Status.Open() || t.PayerID == q.UserID() || q.subject.Wallet != nil && q.subject.Wallet.BelongsTo(q.UserID())
	},
	fact: func(q *question) string {
		if q.Kind != ByToken {
			return q.Name() + " calls with its own credentials, not with a payer's access token"
		}
		return fmt.Sprintf("the transaction is %s, and user %d asks", q.subject.Transaction.Status, q.UserID())
	},
}

// shownToItsPayer is shownToPayers for who knows no key: only who has accepted the transaction reads it.
var shownToItsPayer = rule{
	name:  "shown_to_its_payer",
	holds: func(q *question) bool { return shownToPayers.holds(q) && !q.subject.Transaction.Status.Open() },
	fact:  shownToPayers.fact,
}

// ownApp asks for a payer's token in a program that users trust with their password: for others a token is
// consent to look, and payers prove what they pay with a PIN, a code or on the page.
var ownApp = rule{
	name:  "payers_own_app",
	holds: func(q *question) bool { return q.Kind == ByToken && q.Client.Has(UsePasswordGrant) },
	fact: func(q *question) string {
		switch {
		case q.Kind != ByToken:
			return q.Name() + " calls with its own credentials and gave no proof of the payer's: a PIN, a code, or the payer's access token"
		case !q.Client.Has(UsePasswordGrant):
			return fmt.Sprintf("client %d lacks the permission %s, without which a token alone pays nothing: give a PIN or a code, or send the payer to the page", q.Client.ID, UsePasswordGrant)
		}
		return fmt.Sprintf("user %d pays in a program that they trust with their password", q.UserID())
	},
	cure: func(q *question) []Grant {
		if q.Kind != ByToken {
			return nil
		}
		return []Grant{{Kind: GrantPermission, Name: string(UsePasswordGrant)}}
	},
}

// payersToken is the ground of a payer who is asked for a proof in a program that holds a token of theirs.
var payersToken = rule{
	name: "payers_token",
	holds: func(q *question) bool {
		return q.Kind == ByToken && q.subject.Wallet != nil && q.subject.Wallet.BelongsTo(q.UserID())
	},
	fact: func(q *question) string {
		if q.Kind != ByToken {
			return q.Name() + " calls with its own credentials, not with a payer's access token"
		}
		return fmt.Sprintf("user %d asks, about a wallet that is theirs or not", q.UserID())
	},
}

func noTransaction(s Subject) bool { return s.Transaction == nil }
