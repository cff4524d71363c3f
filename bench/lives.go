package main

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// The life of a payment at the store, without use cases and wire: the commands that those come down to.

// price is what every payment costs.
var price = money.Amount{Minor: 123, Currency: currency}

// spread says who is paid.
type spread string

const (
	// uniform is everybody in turn, hot is one merchant for all.
	uniform spread = "uniform"
	hot     spread = "one merchant"
)

// merchant is who is paid the nth time.
func (s spread) merchant(n int64) int64 {
	if s == hot {
		return firstMerchant
	}
	return firstMerchant + n*7919%merchants
}

// payer is who pays the nth time: everybody in an order that jumps about.
func (t *town) payer(n int64) int64 { return firstPayer + n*7_368_787%int64(t.payers) }

// newNonce is one that nobody has used.
func newNonce(now time.Time) wallet.Nonce {
	return wallet.Nonce{TS: now.Unix(), Fingerprint: [16]byte(secret.RandomBytes(16))}
}

// newTransaction is one payment that a merchant asks for.
func newTransaction(id, payment, merchant int64, now time.Time) *wallet.Transaction {
	return &wallet.Transaction{
		ID: id, Status: wallet.TransactionNew, ClientID: merchant, ProjectID: merchant, CreatedAt: now,
		ReserveFor: wallet.DefaultReserve, UseAllowance: true,
		Payments: []wallet.Payment{{
			ID: payment, Status: wallet.PaymentNew, CreatedAt: now, Description: "Coffee", Price: price, BeneficiaryID: merchant,
		}},
	}
}

// acceptance is a payer's yes to it.
func acceptance(t *wallet.Transaction, payer int64) wallet.Acceptance {
	holder := func(id int64) *wallet.Holder {
		return &wallet.Holder{WalletID: id, Owner: &wallet.User{ID: id, Type: wallet.Natural, Standing: wallet.ActiveUser}}
	}
	merchant := t.Payments[0].BeneficiaryID
	return wallet.Acceptance{Type: wallet.ByApp, Payer: holder(payer), By: payer, Beneficiaries: map[int64]*wallet.Holder{merchant: holder(merchant)}}
}

// create asks for a payment.
func (t *town) create(ctx context.Context, merchant int64) (*wallet.Transaction, error) {
	return store.Money(ctx, t.db, store.MoneyCommand[*wallet.Transaction]{
		Nonce: newNonce(t.now()),
		Decide: func(m *store.MoneyTx) (*wallet.Transaction, error) {
			made := newTransaction(m.NewTransactionID(), m.NewPaymentID(), merchant, m.Now())
			m.Keep(made)
			return made, nil
		},
	})
}

// reserve has a payer accept it.
func (t *town) reserve(ctx context.Context, made *wallet.Transaction, payer int64) error {
	a := acceptance(made, payer)
	_, err := store.Money(ctx, t.db, store.MoneyCommand[int]{
		Nonce: newNonce(t.now()),
		Needs: store.Needs{Accounts: made.Accounts(payer), Transactions: []int64{made.ID}},
		Decide: func(m *store.MoneyTx) (int, error) {
			now, err := m.Transaction(made.ID)
			if err != nil {
				return 0, err
			}
			holds, err := now.Accept(m.Now(), a)
			if err != nil {
				return 0, err
			}
			if _, err := m.Post(holds...); err != nil {
				return 0, err
			}
			now.Held(m.Now())
			m.Keep(now)
			return 0, nil
		},
	})
	return err
}

// confirm moves the money.
func (t *town) confirm(ctx context.Context, id, payer, merchant int64) error {
	_, err := store.Money(ctx, t.db, store.MoneyCommand[int]{
		Nonce: newNonce(t.now()),
		Needs: store.Needs{
			Accounts:     []ledger.Key{ledger.WalletAccount(payer, currency), ledger.WalletAccount(merchant, currency)},
			Transactions: []int64{id},
		},
		Decide: func(m *store.MoneyTx) (int, error) {
			now, err := m.Transaction(id)
			if err != nil {
				return 0, err
			}
			postings, err := now.Confirm(m.Now(), nil)
			if err != nil {
				return 0, err
			}
			if _, err := m.Post(postings...); err != nil {
				return 0, err
			}
			m.Keep(now)
			return 0, nil
		},
	})
	return err
}

// live is a whole life.
func (t *town) live(ctx context.Context, n int64, s spread) error {
	payer, merchant := t.payer(n), s.merchant(n)
	made, err := t.create(ctx, merchant)
	if err != nil {
		return err
	}
	if err := t.reserve(ctx, made, payer); err != nil {
		return err
	}
	return t.confirm(ctx, made.ID, payer, merchant)
}

// together runs work from so many callers at once until a time is over, and returns how often. n counts on from
// where the last run ended.
func (b *bench) together(ctx context.Context, callers int, long time.Duration, n *atomic.Int64, work func(ctx context.Context, n int64) error) (done int64, took time.Duration, err error) {
	var made atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := b.now()
	for range callers {
		group.Go(func() error {
			for b.now().Sub(began) < long {
				if err := work(ctx, n.Add(1)); err != nil {
					return err
				}
				made.Add(1)
			}
			return nil
		})
	}
	err = group.Wait()
	return made.Load(), b.now().Sub(began), err
}
