package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
)

// A copy of a database is a database, in which nobody holds a lease; PostgreSQL has tools of its own for that.
func TestACopyOfADatabaseIsNobodys(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		ctx := context.Background()
		db, _ := open(t, address)
		wall := wallettest.NewClock().Now()
		if taken, err := db.TakeLease(ctx, "timers", wall, time.Hour); err != nil || !taken {
			t.Fatal(taken, err)
		}
		path := filepath.Join(t.TempDir(), "copy?.db")
		err := db.CopyTo(ctx, path)
		if isPostgres(address) {
			if !errors.Is(err, store.ErrNotAFile) {
				t.Errorf("a copy of PostgreSQL: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		copied, _ := open(t, "sqlite:"+path)
		if taken, err := copied.TakeLease(ctx, "timers", wall, time.Hour); err != nil || !taken {
			t.Errorf("the copy's lease is taken: %t, %v", taken, err)
		}
		if err := db.CopyTo(ctx, path); err == nil {
			t.Error("a copy is written over a file that there is")
		}
	})
}

// Nothing is due where there is nothing.
func TestNothingIsDueInANewDatabase(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		due, err := db.NextDue(context.Background(), db.Now())
		if err != nil || due != (store.NextDue{}) {
			t.Errorf("due is %+v, %v", due, err)
		}
		if n, err := db.CallbacksDue(context.Background(), db.Now()); err != nil || n != 0 {
			t.Errorf("%d callbacks are due, %v", n, err)
		}
	})
}
