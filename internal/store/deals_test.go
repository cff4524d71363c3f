package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// wallets makes so many wallets of one owner, from number 1 on.
func wallets(t *testing.T, db *store.DB, n int64) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		err := tx.InsertUser(wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona", Locale: "lt", CreatedAt: wallettest.Epoch}, nil, nil)
		for id := int64(1); id <= n && err == nil; id++ {
			err = tx.InsertWallet(wallet.Wallet{ID: id, OwnerID: 1, AccountNumber: fmt.Sprintf("PU%04d", id)})
		}
		return err
	})
}

// deal is a transaction with one payment, as the stories make them.
type deal struct {
	to, minor, in, out, cashback int64
	freeze                       time.Duration
	title                        string
}

// propose makes the transaction.
func (d deal) propose(db *store.DB) (*wallet.Transaction, error) {
	return store.Money(context.Background(), db, store.MoneyCommand[*wallet.Transaction]{Decide: func(m *store.MoneyTx) (*wallet.Transaction, error) {
		t := &wallet.Transaction{
			ID: m.NewTransactionID(), Status: wallet.TransactionNew, ClientID: 1, ProjectID: 1, CreatedAt: m.Now(), ReserveFor: time.Hour,
			Payments: []wallet.Payment{{
				ID: m.NewPaymentID(), Status: wallet.PaymentNew, CreatedAt: m.Now(), Description: d.title, BeneficiaryID: d.to, FreezeFor: d.freeze,
				Price: money.Amount{Minor: d.minor, Currency: "EUR"}, InCommission: d.in, OutCommission: d.out, Cashback: d.cashback,
			}},
		}
		m.Keep(t)
		return t, nil
	}})
}

// goOn makes a move of a transaction, posts what it means, and keeps both.
func goOn(db *store.DB, id int64, move func(t *wallet.Transaction, now time.Time) ([]ledger.Posting, error)) (*wallet.Transaction, error) {
	return store.Money(context.Background(), db, store.MoneyCommand[*wallet.Transaction]{
		Needs: store.Needs{Transactions: []int64{id}},
		Decide: func(m *store.MoneyTx) (*wallet.Transaction, error) {
			t, err := m.Transaction(id)
			if err != nil {
				return nil, err
			}
			postings, err := move(t, m.Now())
			if err != nil {
				return nil, err
			}
			if len(postings) > 0 {
				if _, err := m.Post(postings...); err != nil {
					return nil, err
				}
			}
			m.Keep(t)
			return t, nil
		},
	})
}

// accepting is a payer's yes.
func accepting(payer int64) func(t *wallet.Transaction, now time.Time) ([]ledger.Posting, error) {
	return func(t *wallet.Transaction, now time.Time) ([]ledger.Posting, error) {
		holder := func(id int64) *wallet.Holder { return &wallet.Holder{WalletID: id, Owner: &wallet.User{ID: 1}} }
		a := wallet.Acceptance{Type: wallet.ByPIN, Payer: holder(payer), Beneficiaries: map[int64]*wallet.Holder{}}
		for _, p := range t.Payments {
			a.Beneficiaries[p.BeneficiaryID] = holder(p.BeneficiaryID)
		}
		postings, err := t.Accept(now, a)
		t.Held(now)
		return postings, err
	}
}

func confirming(t *wallet.Transaction, now time.Time) ([]ledger.Posting, error) {
	return t.Confirm(now, nil)
}

func revoking(t *wallet.Transaction, _ time.Time) ([]ledger.Posting, error) { return t.Revoke() }

// market is some wallets with money, and transactions in every state between them.
type market struct{ reserved, confirmed, frozen, canceled, revoked, done *wallet.Transaction }

// openMarket makes one: wallet 1 pays wallets 2 and 3.
func openMarket(t *testing.T, db *store.DB) (m market) {
	t.Helper()
	wallets(t, db, 4)
	for i := range 70 { // enough for a mark
		mustMove(t, db, 1000, outside, purse(1), fmt.Sprint("gift ", i))
	}
	mustMove(t, db, 1234, outside, purse(3), "more")
	must := func(of *wallet.Transaction, err error) *wallet.Transaction {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return of
	}
	make := func(d deal, moves ...func(*wallet.Transaction, time.Time) ([]ledger.Posting, error)) *wallet.Transaction {
		t.Helper()
		d.title = "bread"
		made := must(d.propose(db))
		for _, move := range moves {
			made = must(goOn(db, made.ID, move))
		}
		return made
	}
	make(deal{to: 2, minor: 50})
	m.reserved = make(deal{to: 2, minor: 100, in: 3}, accepting(1))
	m.confirmed = make(deal{to: 3, minor: 200, in: 3, out: 5}, accepting(1), confirming)
	m.frozen = make(deal{to: 2, minor: 300, in: 7, out: 1, freeze: time.Hour}, accepting(1), confirming)
	m.canceled = make(deal{to: 2, minor: 400, in: 7, freeze: time.Hour}, accepting(1), confirming, func(t *wallet.Transaction, _ time.Time) ([]ledger.Posting, error) {
		return t.Cancel(t.Payments[0].ID)
	})
	m.revoked = make(deal{to: 3, minor: 500}, accepting(1), revoking)
	m.done = make(deal{to: 3, minor: 600, cashback: 60, freeze: time.Hour}, accepting(1), confirming, func(t *wallet.Transaction, now time.Time) ([]ledger.Posting, error) {
		lower := money.Amount{Minor: 550, Currency: "EUR"}
		return t.Finalize(now, t.Payments[0].ID, &lower)
	})
	return m
}

// verifyClean fails the test when the books are not right.
func verifyClean(t *testing.T, address string) store.Verified {
	t.Helper()
	seen, err := store.Verify(context.Background(), address, nil)
	if err != nil {
		var difference *store.Difference
		t.Fatalf("the books are not right (a difference: %t): %v", errors.As(err, &difference), err)
	}
	return seen
}
