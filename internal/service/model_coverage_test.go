package service_test

import (
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/wallet"
)

// transactionEdges are where a transaction may go next (spec/wallet-api.md §4.8).
var transactionEdges = map[wallet.TransactionStatus]string{
	"new":                  "waiting waiting_funds waiting_registration waiting_password reserved rejected deleted",
	"waiting":              "waiting_funds waiting_registration waiting_password reserved rejected revoked failed",
	"waiting_funds":        "waiting_registration waiting_password reserved revoked failed",
	"waiting_registration": "waiting_password reserved revoked failed",
	"waiting_password":     "reserved revoked failed",
	"reserved":             "confirmed revoked failed",
}

// paymentEdges are where a payment may go next; one that waits follows its transaction.
var paymentEdges = map[wallet.PaymentStatus]string{
	"new":                  "waiting waiting_registration waiting_password reserved rejected deleted",
	"waiting":              "waiting_registration waiting_password reserved rejected revoked failed",
	"waiting_registration": "waiting_password reserved revoked failed",
	"waiting_password":     "reserved revoked failed",
	"reserved":             "confirmed revoked failed",
	"confirmed":            "done canceled",
}

// leads says whether a status is reached from another one along edges: one command may make several moves.
func leads[S ~string](edges map[S]string, from, to S) bool {
	return from == to || slices.ContainsFunc(strings.Fields(edges[from]), func(next string) bool { return leads(edges, S(next), to) })
}

// edges checks that a transaction and its payments moved along edges.
func (r *trial) edges(t *refTransaction) {
	if was, known := r.statuses[t]; known && !leads(transactionEdges, was, t.status) {
		r.t.Fatalf("transaction %d went from %s to %s", t.id, was, t.status)
	}
	r.statuses[t] = t.status
	for _, p := range t.payments {
		if was, known := r.payments[p]; known && !leads(paymentEdges, was, p.status) {
			r.t.Fatalf("payment %d went from %s to %s", p.id, was, p.status)
		}
		r.payments[p] = p.status
	}
}

// What has to be met: each of these commands about a transaction, or a payment, in each status, whatever the
// outcome, and each code that money is refused with.
var (
	aboutTransactions = []string{"pay in app", "pay by PIN", "pay by code", "pay by flash", "view", "approve", "reject", "confirm", "revoke"}
	aboutPayments     = []string{"cancel", "finalize", "freeze", "give password"}
	refusals          = []string{
		"answered", "beneficiary_account_inactive", "client_not_verified", "client_restricted", "forbidden", "invalid_code", "invalid_parameters",
		"invalid_state", "limits_exceeded", "no_rights", "not_enough_funds", "not_found", "payer_account_inactive", "payment_to_same_account",
		"restriction_limits_exceeded", "restriction_violation",
	}
)

// The least that commandsByDefault commands have to meet: so many of a hundred pairs of command and status, and so
// many cells.
const leastPairs, leastCells = 85, 250

// covers tells how much was met, and fails where that is too little to mean anything.
func (c *campaign) covers(n int) {
	met := map[cell]bool{}
	for at := range c.cells {
		met[cell{name: at.name, status: at.status}] = true
	}
	var missing []string
	all := 0
	pair := func(name, status string) {
		if all++; !met[cell{name: name, status: status}] {
			missing = append(missing, name+" "+status)
		}
	}
	for _, status := range wallet.TransactionStatuses() {
		for _, name := range aboutTransactions {
			pair(name, string(status))
		}
	}
	for _, status := range wallet.PaymentStatuses() {
		for _, name := range aboutPayments {
			pair(name, string(status))
		}
	}
	part := (all - len(missing)) * 100 / all
	c.t.Logf("%d%% of %d pairs of command and status; not %v", part, all, missing)
	if n < commandsByDefault || c.t.Failed() {
		return
	}
	if part < leastPairs || len(c.cells) < leastCells {
		c.t.Errorf("%d%% of the pairs and %d cells were met, want %d%% and %d: the commands do not get far enough", part, len(c.cells), leastPairs, leastCells)
	}
	for _, code := range refusals {
		if c.codes[code] == 0 {
			c.t.Errorf("nothing was refused with %s", code)
		}
	}
}
