package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// Nothing that somebody has spent is forgotten, also where two servers count the first of it at once: from two wallets of
// a user, say, which are no reason to wait for each other.
func TestFirstSpendingIsCountedOnce(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		all = append(all, all[0])[:2]
		spends := func(db *store.DB, who wallet.Spender) error {
			_, err := store.Money(context.Background(), db, store.MoneyCommand[int]{
				Needs: store.Needs{Spenders: []wallet.Spender{who}},
				Decide: func(m *store.MoneyTx) (int, error) {
					limit := wallet.SpendingLimit{Amount: money.Amount{Minor: 1000, Currency: "EUR"}, Within: time.Hour}
					spent, err := m.Spent(who)
					if err != nil {
						return 0, err
					}
					next, err := wallet.Spend(m.Now(), who, []wallet.SpendingLimit{limit}, money.Amount{Minor: 100, Currency: "EUR"}, spent)
					m.KeepSpent(next...)
					return 0, err
				},
			})
			return err
		}
		spent := func(who wallet.Spender) int64 {
			sum, err := store.Money(context.Background(), all[0], store.MoneyCommand[int64]{
				Needs: store.Needs{Spenders: []wallet.Spender{who}},
				Decide: func(m *store.MoneyTx) (int64, error) {
					spent, err := m.Spent(who)
					if err != nil || len(spent) != 1 {
						return 0, err
					}
					return spent[0].Minor, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			return sum
		}
		for user := range int64(60) {
			who := wallet.Spender{Kind: wallet.SpenderUser, ID: 1000 + user}
			var both sync.WaitGroup
			for _, db := range all {
				both.Go(func() {
					if err := spends(db, who); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
			if sum := spent(who); sum != 200 {
				t.Fatalf("user %d has spent 100 twice, and %d is counted", who.ID, sum)
			}
		}
	})
}

// A window is forgotten with its limit, whoever it bounds: when the limit comes back, it counts from then.
func TestSpendingIsForgottenWithItsLimit(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		limits := []wallet.SpendingLimit{{Kind: wallet.OrdinaryLimit, Amount: money.Amount{Minor: 1000, Currency: "EUR"}, Within: time.Hour}}
		for who, set := range map[wallet.Spender]func(tx *store.Tx, limits []wallet.SpendingLimit) error{
			{Kind: wallet.SpenderUser, ID: 1}:   func(tx *store.Tx, limits []wallet.SpendingLimit) error { return tx.SetSpendingLimits(1, limits) },
			{Kind: wallet.SpenderWallet, ID: 1}: func(tx *store.Tx, limits []wallet.SpendingLimit) error { return tx.SetWalletLimits(1, limits) },
		} {
			sets := func(limits []wallet.SpendingLimit) {
				update(t, db, func(tx *store.Tx) error { return set(tx, limits) })
			}
			spent := func(more ...wallet.Spent) (found []wallet.Spent) {
				_, err := store.Money(context.Background(), db, store.MoneyCommand[int]{
					Needs: store.Needs{Spenders: []wallet.Spender{who}},
					Decide: func(m *store.MoneyTx) (_ int, err error) {
						found, err = m.Spent(who)
						m.KeepSpent(more...)
						return 0, err
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				return found
			}
			sets(limits)
			spent(wallet.Spent{Spender: who, Currency: "EUR", Within: time.Hour, Since: time.Unix(1e9, 0), Minor: 900})
			sets(limits)
			if found := spent(); len(found) != 1 || found[0].Minor != 900 {
				t.Errorf("%v, whose limit stays: %v is counted, want 900", who, found)
			}
			sets(nil)
			sets(limits)
			if found := spent(); len(found) != 0 {
				t.Errorf("%v, whose limit was gone: %v is counted still", who, found)
			}
		}
	})
}
