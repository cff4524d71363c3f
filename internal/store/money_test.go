package store_test

import (
	"context"
	"testing"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

func TestMoneySmoke(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		in, out := ledger.WalletAccount(7, "EUR"), ledger.SystemAccount(ledger.Funding, "EUR")
		for range 3 {
			entries, err := db.Money(context.Background(), store.MoneyCommand{
				Needs: []ledger.Key{in, out},
				Decide: func(b *ledger.Book) error {
					_, err := b.Post(ledger.Posting{Debit: out, Credit: in, Amount: money.Amount{Minor: 100, Currency: "EUR"}, Kind: "credit"})
					return err
				},
			})
			if err != nil || len(entries) != 1 {
				t.Fatal(entries, err)
			}
			t.Log(entries[0])
		}
		f, err := db.Funds(context.Background(), 7)
		if err != nil || f[0].Available.Minor != 300 {
			t.Fatal(f, err)
		}
	})
}
