package store_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// BenchmarkLives leads whole lives of payments through the money writer, 32 at a time, for a thousand projects in turn: what of
// a life is the store's. cpu-us is the CPU time of one, in which the syncs of the disk and other processes do not count.
func BenchmarkLives(b *testing.B) {
	const merchants = 1000
	db, err := store.Open(context.Background(), "sqlite:"+filepath.Join(b.TempDir(), "purser.db"), wallettest.StoreOptions(wallettest.NewClock()))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	purses := make([]ledger.Key, merchants)
	for i := range purses {
		purses[i] = purse(int64(i + 1))
		if _, err := move(db, 1_000_000_000, outside, purses[i], "money"); err != nil {
			b.Fatal(err)
		}
	}
	var next atomic.Int64
	b.SetParallelism(32)
	before := cpuTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := lead(db, next.Add(1), merchants); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// lead leads one life: asked for, accepted and confirmed.
func lead(db *store.DB, n, merchants int64) error {
	project, payer := 1+n%merchants, 1+(n*7919)%merchants
	if payer == project {
		payer = 1 + payer%merchants
	}
	t, err := store.Money(context.Background(), db, store.MoneyCommand[*wallet.Transaction]{Decide: func(m *store.MoneyTx) (*wallet.Transaction, error) {
		t := &wallet.Transaction{
			ID: m.NewTransactionID(), Status: wallet.TransactionNew, ClientID: 1, ProjectID: project, CreatedAt: m.Now(), ReserveFor: time.Hour,
			Payments: []wallet.Payment{{
				ID: m.NewPaymentID(), Status: wallet.PaymentNew, CreatedAt: m.Now(), Description: "Order 88", BeneficiaryID: project,
				Price: money.Amount{Minor: 2599, Currency: "EUR"},
			}},
		}
		m.Keep(t)
		return t, nil
	}})
	if err != nil {
		return err
	}
	for _, step := range []func(*wallet.Transaction, time.Time) ([]ledger.Posting, error){accepting(payer), confirming} {
		_, err := store.Money(context.Background(), db, store.MoneyCommand[int]{
			Needs: store.Needs{Transactions: []int64{t.ID}, Accounts: []ledger.Key{purse(payer), purse(project)}},
			Decide: func(m *store.MoneyTx) (int, error) {
				t, err := m.Transaction(t.ID)
				if err != nil {
					return 0, err
				}
				postings, err := step(t, m.Now())
				if err == nil {
					_, err = m.Post(postings...)
				}
				m.Keep(t)
				return 0, err
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
