package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// The disk is full: what moves money is refused as such, and so is everything else that writes; reading goes on. As soon as
// there is space, so does writing, and nothing of what was refused is there.
func TestDiskFull(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		if isPostgres(address) {
			return
		}
		db, closeNow := open(t, address)
		wallets(t, db, 30)
		mustMove(t, db, 1000, outside, purse(1), "before")
		if err := db.LimitPages(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		refusal := func(err error) bool {
			var refused *wallet.Error
			return errors.As(err, &refused) && refused.Code == wallet.ServiceUnavailable
		}
		long := strings.Repeat("bread ", 200)
		var refused gathered[string]
		crowd(16, func(caller int) {
			for i := range 20 {
				text := fmt.Sprint(caller, " ", i, " ", long)
				switch _, err := move(db, 1, outside, purse(int64(2+caller)), text); {
				case refusal(err):
					refused.add(text)
				case err != nil:
					t.Errorf("want service_unavailable, not %v", err)
				}
			}
		})
		if len(refused.all) < 100 {
			t.Errorf("only %d commands were refused: this proves little", len(refused.all))
		}
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			for id := int64(100); id < 200; id++ {
				if err := tx.InsertWallet(wallet.Wallet{ID: id, OwnerID: 1, AccountNumber: fmt.Sprint(id), Description: long}); err != nil {
					return err
				}
			}
			return nil
		})
		if !refusal(err) {
			t.Errorf("making wallets: %v, want service_unavailable", err)
		}
		if funds, err := db.Funds(context.Background(), 1); err != nil || len(funds) != 1 || funds[0].Available.Minor != 1000 {
			t.Errorf("reading: %v, %v", funds, err)
		}
		verifyClean(t, address)
		if err := db.LimitPages(context.Background(), 0); err != nil {
			t.Fatal(err)
		}
		mustMove(t, db, 1000, purse(1), purse(30), "after")
		closeNow()
		verifyClean(t, address)
		stored := readBooks(t, address)
		for _, text := range refused.all {
			if stored.texts[text] != 0 {
				t.Errorf("%q was refused, and is there", text[:10])
			}
		}
	})
}
