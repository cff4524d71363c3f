package service_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
)

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// count is how many errors say that.
func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// until waits for something that happens within seconds.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// A database that fails while the log is to be named ends nothing: it is tried until it goes well, and said once a minute. A
// log of another name is not tried again.
func TestLogGoesOnAfterAFailure(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		const failed = "the log could not be brought up to date"
		said, wall, business := &logged{}, wallettest.NewClock(), wallettest.NewClock()
		options := wallettest.StoreOptions(business)
		options.Log = slog.New(slog.NewTextHandler(said, nil))
		db, err := store.Open(ctx, address, options)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		w := newServerOn(t, db, address, wall, business)
		wallettest.Spoil(t, address, `ALTER TABLE log_keys RENAME TO hidden_keys`)
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- w.RunLog(running, operator) }()
		until(t, "an error", func() bool { return said.count(failed) == 1 })
		time.Sleep(time.Second)
		if n := said.count(failed); n != 1 {
			t.Errorf("the same error was said %d times", n)
		}
		wall.Advance(time.Minute)
		until(t, "the error a minute later", func() bool { return said.count(failed) == 2 })
		wallettest.Spoil(t, address, `ALTER TABLE hidden_keys RENAME TO log_keys`)
		until(t, "a checkpoint", func() bool { _, err := w.LogCheckpoint(ctx, operator); return err == nil })
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		w.LogOrigin = "another/ledger"
		if err := w.RunLog(ctx, operator); !errors.Is(err, service.ErrLogName) {
			t.Errorf("under another name: %v", err)
		}
	})
}

// Who replaces the key of the log is in the audit trail, like who replaces that of callbacks.
func TestRotationOfTheLogsKeyIsAudited(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		if _, err := w.SequenceLog(ctx, operator); err != nil {
			t.Fatal(err)
		}
		if keys, err := w.RotateLogKey(ctx, operator); err != nil || len(keys) != 2 {
			t.Fatalf("%v, %v", keys, err)
		}
		trail, err := w.AuditTrail(ctx, operator, "server", 0, 10)
		if err != nil || len(trail) != 1 || trail[0].Action != "rotate the key of the log" {
			t.Errorf("the trail is %+v, %v", trail, err)
		}
	})
}
