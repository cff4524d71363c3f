package wallet_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

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

// Whatever is done with a transaction, it comes into each status that is told of once: receivers know an event by its text.
func TestNoStatusIsToldTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		tr := drawTransaction(rt, now)
		told := map[wallet.TransactionStatus]bool{}
		for range rapid.IntRange(0, 20).Draw(rt, "moves") {
			now = now.Add(time.Duration(rapid.IntRange(0, 12).Draw(rt, "hours")) * time.Hour)
			before := tr.Status
			if drawMove(rt, tr, now); !tr.Tells(before, wallet.Caller{Kind: wallet.Operator}) {
				continue
			}
			if told[tr.Status] {
				rt.Fatalf("it is told twice that it is %s", tr.Status)
			}
			told[tr.Status] = true
		}
	})
}
