package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
)

// A database is backed up while money moves: the copy is of one moment, its books are right, and nobody but its owner may read it. A
// second one does not overwrite it.
func TestABackupWhileMoneyMoves(t *testing.T) {
	source := "sqlite:" + filepath.Join(t.TempDir(), "purser.db")
	db := wallettest.Open(t, source, wallettest.NewClock())
	seed(t, db)
	mustMove(t, db, 1000, outside, purse(1), "before")
	stop, moving := make(chan struct{}), sync.WaitGroup{}
	moving.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := move(db, 1, outside, purse(1), "meanwhile"); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	copied := filepath.Join(t.TempDir(), "copy.db")
	err := store.Backup(t.Context(), source, copied)
	close(stop)
	moving.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if seen, err := store.Verify(t.Context(), "sqlite:"+copied, nil); err != nil || seen.Entries == 0 {
		t.Errorf("the copy: %+v, %v", seen, err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := store.Backup(t.Context(), source, copied); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second copy to the same file: %v", err)
	}
	if err := store.Backup(t.Context(), "postgres://purser@db/purser", copied+"2"); !errors.Is(err, store.ErrNotAFile) {
		t.Errorf("a PostgreSQL: %v", err)
	}
	if err := store.Backup(t.Context(), source, filepath.Join(t.TempDir(), "none", "copy.db")); err == nil {
		t.Error("it was written to a folder that there is not")
	}
}
