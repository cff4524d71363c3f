package wallet

import (
	"fmt"
	"slices"

	"github.com/purserhq/purser/internal/ledger"
)

// What a transaction and its payments must look like at any time, whatever moves have brought them there: what a
// check of the books holds them against.

// Effect is what a payment has moved so far on one part of one account.
type Effect struct {
	Account ledger.Key
	Part    ledger.Part
	Minor   int64
}

// Effects are what all entries of one of the transaction's payments come to, by account and part, without
// those that come to nothing.
func (t *Transaction) Effects(p *Payment) []Effect {
	payer, payee, fees := p.payer(t.WalletID), p.payee(), p.commission()
	var all []Effect
	add := func(account ledger.Key, part ledger.Part, minor int64) {
		if minor != 0 {
			all = append(all, Effect{account, part, minor})
		}
	}
	switch {
	case t.Status.Holds():
		add(payer, ledger.Available, -p.Price.Minor)
		add(payer, ledger.Reserved, p.Price.Minor)
	case p.Status == PaymentConfirmed:
		add(payer, ledger.Available, -p.Price.Minor)
		add(payee, ledger.Reserved, p.net())
		add(fees, ledger.Available, p.commissions())
	case p.Status == PaymentDone:
		add(payer, ledger.Available, p.Cashback-p.Price.Minor)
		add(payee, ledger.Available, p.net()-p.Cashback)
		add(fees, ledger.Available, p.commissions())
	}
	return all
}

// paymentsIn are the statuses that payments have in a transaction of a status.
var paymentsIn = map[TransactionStatus][]PaymentStatus{
	TransactionNew:       {PaymentNew},
	TransactionWaiting:   {PaymentWaiting},
	WaitingFunds:         {PaymentWaiting},
	TransactionConfirmed: {PaymentConfirmed, PaymentDone, PaymentCanceled},
	TransactionRejected:  {PaymentRejected},
	TransactionRevoked:   {PaymentRevoked},
	TransactionFailed:    {PaymentFailed},
	TransactionDeleted:   {PaymentDeleted},
}

// Inconsistency says what in the transaction contradicts itself: its status and those of its payments, who pays
// and is paid, and when that was decided. Empty for nothing.
func (t *Transaction) Inconsistency() string {
	if !slices.Contains(TransactionStatuses(), t.Status) {
		return fmt.Sprintf("its status %q is none", t.Status)
	}
	if len(t.Payments) == 0 && t.AllowanceID == 0 && t.Status != TransactionDeleted { // they may have moved to another, which ended this one
		return "it has no payments"
	}
	paid := t.Status == TransactionConfirmed
	switch {
	case (t.Status.Accepted() || paid) && (t.WalletID == 0 || t.AcceptedAt.IsZero()):
		return fmt.Sprintf("it is %s, and nobody has accepted it", t.Status)
	case (t.Status.Holds() || paid) && t.HeldAt.IsZero():
		return fmt.Sprintf("it is %s, and nothing was ever held for it", t.Status)
	case paid && t.ConfirmedAt.IsZero():
		return "it is confirmed, and does not say when"
	case t.Type == ByAllowance != (t.PaidBy != 0):
		return fmt.Sprintf("it was accepted by %q, and allowance %d pays it", t.Type, t.PaidBy)
	}
	expected := t.Clone()
	if t.Status.Holds() {
		expected.advance()
	}
	if expected.Status != t.Status {
		return fmt.Sprintf("it is %s, and what it waits for makes it %s", t.Status, expected.Status)
	}
	for i := range t.Payments {
		if wrong := t.inconsistency(&t.Payments[i], expected.Payments[i].Status); wrong != "" {
			return fmt.Sprintf("payment %d %s", t.Payments[i].ID, wrong)
		}
	}
	return ""
}

// inconsistency is the same for one payment; held is its status where money is held.
func (t *Transaction) inconsistency(p *Payment, held PaymentStatus) string {
	paid := t.Status == TransactionConfirmed
	switch {
	case p.ID == 0 || !p.Price.Positive() || p.net() < 0:
		return fmt.Sprintf("costs %s, with %d of commissions", p.Price, p.commissions())
	case t.Status.Holds() && p.Status != held:
		return fmt.Sprintf("is %s, and must be %s", p.Status, held)
	case !t.Status.Holds() && !slices.Contains(paymentsIn[t.Status], p.Status):
		return fmt.Sprintf("is %s in a transaction that is %s", p.Status, t.Status)
	case paid && (p.BeneficiaryID == 0 || p.BeneficiaryID == t.WalletID || p.ConfirmedAt.IsZero()):
		return "was paid to nobody else, or at no time"
	case p.Status == PaymentConfirmed && !p.FreezeUntil.After(p.ConfirmedAt):
		return "is frozen and was so for no time"
	}
	return ""
}
