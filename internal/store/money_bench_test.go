package store_test

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// BenchmarkMoneyWriter is the life of a payment in two commands, a new transaction and its payment at once, from many callers: what
// the writer does for each, the disk's sync included. Its transactions are as large as those of a shop with one item.
func BenchmarkMoneyWriter(b *testing.B) {
	addresses := []string{wallettest.Another(b, "sqlite:")}
	if server := os.Getenv(wallettest.PostgresVariable); server != "" && server != "off" {
		addresses = append(addresses, wallettest.Another(b, server))
	}
	for _, address := range addresses {
		b.Run(address[:strings.IndexByte(address, ':')], func(b *testing.B) { benchmarkPayments(b, address) })
	}
}

// benchmarkPayments has 128 callers pay as often as the benchmark asks for.
func benchmarkPayments(b *testing.B, address string) {
	db, err := store.Open(context.Background(), address, wallettest.StoreOptions(wallettest.NewClock()))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	crowd(128, func(caller int) {
		for left.Add(-1) >= 0 {
			if err := payOnce(db, int64(100+caller)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// payOnce makes a transaction and pays it, in two commands.
func payOnce(db *store.DB, payer int64) error {
	made, err := store.Money(context.Background(), db, store.MoneyCommand[int64]{Decide: func(m *store.MoneyTx) (int64, error) {
		t := &wallet.Transaction{ID: m.NewTransactionID(), Status: wallet.TransactionNew, ProjectID: 1, ClientID: 1, CreatedAt: m.Now()}
		t.Payments = []wallet.Payment{{ID: m.NewPaymentID(), Status: wallet.PaymentNew, Description: strings.Repeat("An order of many words. ", 20)}}
		m.Keep(t)
		return t.ID, nil
	}})
	if err != nil {
		return err
	}
	from, to := outside, purse(payer)
	_, err = store.Money(context.Background(), db, store.MoneyCommand[int]{
		Needs: store.Needs{Accounts: []ledger.Key{from, to}, Transactions: []int64{made}},
		Decide: func(m *store.MoneyTx) (int, error) {
			t, err := m.Transaction(made)
			if err != nil {
				return 0, err
			}
			t.Status = wallet.TransactionConfirmed
			t.Payments[0].Status = wallet.PaymentDone
			m.Keep(t)
			_, err = m.Post(ledger.Posting{Debit: from, Credit: to, Amount: money.Amount{Minor: 100, Currency: "EUR"}, Kind: "transfer", PaymentID: t.Payments[0].ID})
			return 0, err
		},
	})
	return err
}
