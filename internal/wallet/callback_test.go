package wallet_test

import (
	"testing"

	"github.com/purserhq/purser/internal/wallet"
)

// The client of a transaction is told of what it did not bring about itself, and of nothing else.
func TestWhatClientsAreTold(t *testing.T) {
	own := &wallet.Client{ID: 7}
	other := &wallet.Client{ID: 8}
	callers := map[string]struct {
		c    wallet.Caller
		told bool
	}{
		"the client":                  {wallet.Caller{Kind: wallet.ByClient, Client: own}, false},
		"a payer's token in its hand": {wallet.Caller{Kind: wallet.ByToken, Client: own, Token: &wallet.Token{UserID: 3}}, false},
		"another client":              {wallet.Caller{Kind: wallet.ByClient, Client: other}, true},
		"a payer's token elsewhere":   {wallet.Caller{Kind: wallet.ByToken, Client: other, Token: &wallet.Token{UserID: 3}}, true},
		"the page":                    {wallet.Caller{Kind: wallet.ByPerson, Person: 3}, true},
		"a timer or the operator":     {wallet.Caller{Kind: wallet.Operator}, true},
	}
	statuses := map[wallet.TransactionStatus]bool{
		wallet.WaitingFunds: true, wallet.WaitingRegistration: true, wallet.WaitingPassword: true, wallet.TransactionReserved: true,
		wallet.TransactionConfirmed: true, wallet.TransactionRejected: true, wallet.TransactionFailed: true,
		wallet.TransactionNew: false, wallet.TransactionWaiting: false, wallet.TransactionRevoked: false, wallet.TransactionDeleted: false,
	}
	if len(statuses) != len(wallet.TransactionStatuses()) {
		t.Error("a status is missing here")
	}
	for name, caller := range callers {
		for status, told := range statuses {
			t1 := &wallet.Transaction{ClientID: 7, Status: status}
			if got := t1.Tells("before", caller.c); got != (caller.told && told) {
				t.Errorf("%s makes it %s: told %v", name, status, got)
			}
			if t1.Tells(status, caller.c) {
				t.Errorf("%s leaves it %s, and that is told", name, status)
			}
			t1.CallbackOff = true
			if t1.Tells("before", caller.c) {
				t.Errorf("%s makes it %s, and that is told though nobody wants to know", name, status)
			}
		}
	}
	auto := &wallet.Transaction{ClientID: 7, AutoConfirm: true, Status: wallet.TransactionReserved}
	if auto.Tells(wallet.TransactionWaiting, wallet.Caller{Kind: wallet.ByPerson}) {
		t.Error("one that confirms by itself is told of as reserved")
	}
}
