package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
)

// Two hundred commands wait when the server is told to stop: all of them are still run and
// answered, and nothing is taken after that.
func TestCloseFinishesWhatWaits(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		release := holdWriter(t, db)
		var acknowledged gathered[ledger.Entry]
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			crowd(200, func(caller int) {
				entries, err := move(db, 5, outside, purse(int64(caller)), fmt.Sprint("caller ", caller))
				if err != nil {
					t.Errorf("caller %d: %v", caller, err)
				}
				acknowledged.add(entries...)
			})
		}()
		untilWaiting(t, 200)
		closed := make(chan struct{})
		go func() { defer close(closed); closeNow() }()
		untilStanding(t, 1, "store.(*DB).Close")
		if _, err := move(db, 1, outside, purse(1), "too late"); !errors.Is(err, store.ErrClosed) {
			t.Errorf("while it closes: %v, want %v", err, store.ErrClosed)
		}
		select {
		case <-closed:
			t.Error("closed before the waiting commands were answered")
		default:
		}
		release()
		within(t, 20*time.Second, func() { <-answered; <-closed })
		if _, err := move(db, 1, outside, purse(1), "too late"); !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: %v, want %v", err, store.ErrClosed)
		}
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, acknowledged.all)
		if len(stored.entries) != 200 {
			t.Errorf("%d entries, want 200", len(stored.entries))
		}
	})
}

// Callers go on asking while the server stops, many times over. Each is either told the
// truth or that the server closes; nobody waits forever, and no command runs unanswered.
func TestCommandsRacingClose(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		var acknowledged gathered[ledger.Entry]
		rounds := 40
		if isPostgres(address) {
			rounds = 15
		}
		for round := range rounds {
			db, closeNow := open(t, address)
			var asked atomic.Int64
			within(t, 20*time.Second, func() {
				crowd(17, func(caller int) {
					if caller == 16 {
						for asked.Load() < 30 {
							time.Sleep(50 * time.Microsecond)
						}
						closeNow()
						return
					}
					for i := 0; ; i++ {
						asked.Add(1)
						entries, err := move(db, 1, outside, purse(int64(caller)), fmt.Sprintf("round %d, caller %d, %d", round, caller, i))
						if errors.Is(err, store.ErrClosed) {
							return
						}
						if err != nil {
							t.Errorf("round %d: %v", round, err)
							return
						}
						acknowledged.add(entries...)
					}
				})
			})
		}
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, acknowledged.all)
		if len(stored.entries) != len(acknowledged.all) {
			t.Errorf("%d entries, %d were acknowledged", len(stored.entries), len(acknowledged.all))
		}
	})
}

// heldUp is the context of a caller who is held up in the middle of handing over a command: its
// Done is asked for just before that.
type heldUp struct {
	context.Context
	until <-chan struct{}
}

func (h heldUp) Done() <-chan struct{} {
	<-h.until
	return h.Context.Done()
}

// Twenty callers have found the server open and are about to hand over their commands when it
// closes. They come too late, and are told so.
func TestHandingOverACommandWhileItCloses(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		closed := make(chan struct{})
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			crowd(20, func(caller int) {
				slow := heldUp{context.Background(), closed}
				if _, err := store.Money(slow, db, moving(1, outside, purse(1), "too late")); !errors.Is(err, store.ErrClosed) {
					t.Errorf("caller %d: %v, want %v", caller, err, store.ErrClosed)
				}
			})
		}()
		untilWaiting(t, 20)
		closeNow()
		close(closed)
		within(t, 10*time.Second, func() { <-answered })
		if n := len(readBooks(t, address).entries); n != 0 {
			t.Errorf("%d commands ran after the server had closed", n)
		}
	})
}

// A closed database leaves nothing running.
func TestCloseLeavesNothingBehind(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		before := goleak.IgnoreCurrent()
		db, closeNow := open(t, address)
		mustMove(t, db, 1, outside, purse(1), "cent")
		credential(t, db, "nobody")
		closeNow()
		goleak.VerifyNone(t, before)
	})
}

// After Close a SQLite database is one file again, which can be copied as it is.
func TestCloseFoldsTheSQLiteFiles(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		path, isFile := strings.CutPrefix(address, "sqlite:")
		if !isFile {
			return
		}
		db, closeNow := open(t, address)
		mustMove(t, db, 1, outside, purse(1), "cent")
		if _, err := os.Stat(path + "-wal"); err != nil {
			t.Errorf("while it is open: %v", err)
		}
		closeNow()
		if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after Close its log is still there: %v", err)
		}
	})
}
