package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

func nonce(n int, at time.Time) wallet.Nonce {
	return wallet.Nonce{Fingerprint: [16]byte{byte(n), byte(n >> 8)}, TS: at.Unix()}
}

// takeANumber is a change with the nonce of the request that asked for it.
func takeANumber(db *store.DB, n wallet.Nonce) error {
	return db.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.ClaimNonce(n); err != nil {
			return err
		}
		_, err := tx.NextID(store.UserIDs, 0)
		return err
	})
}

// A request that changes something is sent again: to the same server, to another one on the same
// database, after a restart, and to all of them at the same moment. It changes something once.
func TestARequestTakesEffectOnce(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, closeAll := servers(t, address)
		if err := takeANumber(all[0], nonce(1, wallettest.Epoch)); err != nil {
			t.Fatal(err)
		}
		for i, db := range all {
			if err := takeANumber(db, nonce(1, wallettest.Epoch)); !errors.Is(err, store.ErrNonceUsed) {
				t.Errorf("again at server %d: %v", i, err)
			}
		}
		const rounds, callers = 10, 8
		var won atomic.Int64
		for round := range rounds {
			crowd(callers, func(caller int) {
				switch err := takeANumber(all[caller%len(all)], nonce(100+round, wallettest.Epoch)); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, store.ErrNonceUsed):
					t.Errorf("at the same moment: %v", err)
				}
			})
		}
		if won.Load() != rounds {
			t.Errorf("%d of %d requests took effect, each sent %d times at once", won.Load(), rounds, callers)
		}
		closeAll()
		again, _ := open(t, address)
		if err := takeANumber(again, nonce(1, wallettest.Epoch)); !errors.Is(err, store.ErrNonceUsed) {
			t.Errorf("after a restart: %v", err)
		}
		// What is signed by nobody is not counted.
		for range 2 {
			if err := takeANumber(again, wallet.Nonce{}); err != nil {
				t.Errorf("without a nonce: %v", err)
			}
		}
		update(t, again, func(tx *store.Tx) error {
			id, err := tx.NextID(store.UserIDs, 0)
			if id != 1+rounds+2+1 {
				t.Errorf("%d numbers were taken, want %d", id-1, 1+rounds+2)
			}
			return err
		})
	})
}

// A change that fails has used nothing up: the same request may be sent again.
func TestAFailedChangeLeavesItsNonce(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		failed := errors.New("it does not work out")
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			return errors.Join(tx.ClaimNonce(nonce(1, wallettest.Epoch)), failed)
		})
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		if err := takeANumber(db, nonce(1, wallettest.Epoch)); err != nil {
			t.Errorf("after the failure: %v", err)
		}
		// Twice within one change is no replay of another request, but a mistake of ours: refused too.
		err = db.Update(context.Background(), func(tx *store.Tx) error {
			return errors.Join(tx.ClaimNonce(nonce(2, wallettest.Epoch)), tx.ClaimNonce(nonce(2, wallettest.Epoch)))
		})
		if !errors.Is(err, store.ErrNonceUsed) {
			t.Errorf("claimed twice: %v", err)
		}
	})
}

// A command that shares a commit with another one has to see more, and is decided again in the next batch: its own nonce does not
// stand in its way. So it is for who is refused and whose use case tries once more. Who repeats the request afterwards is refused.
func TestACommandThatComesAgainHasItsNonce(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		release := holdWriter(t, db)
		asking, refused := moving(1, outside, purse(2), "asks for more"), moving(1, purse(3), purse(4), "not covered")
		asking.Needs, asking.Nonce, refused.Nonce = store.Needs{}, nonce(1, wallettest.Epoch), nonce(2, wallettest.Epoch)
		var all errgroup.Group
		all.Go(func() error { _, err := move(db, 1, outside, purse(1), "has an effect"); return err })
		all.Go(func() error { _, err := store.Money(t.Context(), db, asking); return err })
		all.Go(func() error {
			if _, err := store.Money(t.Context(), db, refused); !errors.Is(err, ledger.ErrNotCovered) {
				return fmt.Errorf("what is not covered was answered %v", err)
			}
			return nil
		})
		untilWaiting(t, 3)
		release()
		if err := all.Wait(); err != nil {
			t.Error(err)
		}
		mustMove(t, db, 1, outside, purse(3), "and so it is covered")
		if _, err := store.Money(t.Context(), db, refused); err != nil {
			t.Errorf("tried once more: %v", err)
		}
		for _, again := range []store.MoneyCommand[[]ledger.Entry]{asking, refused} {
			if _, err := store.Money(t.Context(), db, again); !errors.Is(err, store.ErrNonceUsed) {
				t.Errorf("a repeated request was answered %v", err)
			}
		}
	})
}

// Nonces are forgotten when no window reaches them any more, to either side of now, and not before.
func TestOldNoncesAreForgotten(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		now := wallettest.Epoch
		// The widest window is 500 seconds, and a ts may be as far ahead of the clock.
		ages := []time.Duration{-500 * time.Second, 0, 500 * time.Second, 1000 * time.Second, 20 * time.Minute, 20*time.Minute + time.Second, time.Hour}
		for i, age := range ages {
			if err := takeANumber(db, nonce(i, now.Add(-age))); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.ForgetNonces(context.Background(), now); err != nil {
			t.Fatal(err)
		}
		for i, age := range ages {
			err := takeANumber(db, nonce(i, now.Add(-age)))
			if remembered := errors.Is(err, store.ErrNonceUsed); remembered != (age <= 20*time.Minute) {
				t.Errorf("a nonce of %v ago is remembered: %v (%v)", age, remembered, err)
			}
		}
	})
}

// Who did what comes back as it was written, the latest first, of one object or of all.
func TestAuditTrail(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, address string) {
		entries := []store.AuditEntry{
			{Actor: "the operator", Action: "create", Object: "client", ObjectID: 7, After: `{"Title":"Kasa „1“"}`,
				From: wallet.Origin{Agent: "ona"}},
			{Actor: "client 2", ClientID: 2, Action: "update", Object: "client", ObjectID: 7, Before: `{"a":1}`, After: `{"a":2}`,
				From: wallet.Origin{RequestID: "0123456789abcdef", Address: "192.0.2.7", Agent: "caf\xe9" + strings.Repeat("ž", 100)}},
			{Actor: "client 2 with a token of user 1", ClientID: 2, UserID: 1, Action: "update", Object: "project", ObjectID: 7},
			{Actor: "the operator", Action: "revoke", Object: "client", ObjectID: 8},
		}
		for i := range entries {
			update(t, db, func(tx *store.Tx) error { return tx.Audit(entries[i]) })
			entries[i].ID, entries[i].At = int64(i+1), clock.Now()
			clock.Advance(time.Second)
		}
		entries[1].From.Agent = "caf" + strings.Repeat("ž", 58)
		ctx := context.Background()
		for _, look := range []struct {
			object string
			id     int64
			limit  int
			want   []store.AuditEntry
		}{
			{"", 0, 10, []store.AuditEntry{entries[3], entries[2], entries[1], entries[0]}}, {"", 0, 2, []store.AuditEntry{entries[3], entries[2]}},
			{"client", 7, 10, []store.AuditEntry{entries[1], entries[0]}}, {"client", 0, 10, []store.AuditEntry{entries[3], entries[1], entries[0]}},
			{"project", 7, 10, []store.AuditEntry{entries[2]}}, {"wallet", 7, 10, nil},
		} {
			got, err := db.AuditTrail(ctx, look.object, look.id, look.limit)
			if diff := cmp.Diff(look.want, got); diff != "" || err != nil {
				t.Errorf("%q %d (-want +got): %v\n%s", look.object, look.id, err, diff)
			}
		}
		// An entry of a change that fails is not there.
		db.Update(ctx, func(tx *store.Tx) error { return errors.Join(tx.Audit(entries[0]), errors.New("it does not work out")) })
		if got, err := db.AuditTrail(ctx, "", 0, 10); len(got) != 4 || err != nil {
			t.Errorf("after a change that failed: %d entries, %v", len(got), err)
		}
	})
}

// refused is a refusal of a permission; without an action, one of credentials.
func refused(id string, at time.Time, action wallet.Action) wallet.Refusal {
	return wallet.Refusal{
		RequestID: id, At: at, Request: "GET /rest/v1/project/{id}", Address: "192.0.2.7", ClientID: 7, Caller: "client 7", Error: wallet.Forbidden,
		Reason: "client 7 represents projects 1 and 2, not 3", Action: action, Refused: "represents_project",
		Rules: []wallet.Outcome{{Rule: "represents_project", Fact: "it does not"}}, Needs: []wallet.Grant{{Kind: wallet.GrantProject, ID: 3}},
	}
}

func refusal(t *testing.T, db *store.DB, id string) *wallet.Refusal {
	t.Helper()
	if err := db.WriteUses(context.Background()); err != nil { // as it is some seconds later
		t.Fatal(err)
	}
	r, err := db.Refusal(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Why a request was refused can be asked the next moment, and for a day; then it is forgotten.
func TestRefusalsAreKeptForADay(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, _ string) {
		first := refused("first", clock.Now(), wallet.ReadProject)
		first.Address = "caf\xe9"
		db.NoteRefusal(first)
		first.Address = "caf\ufffd"
		if diff := cmp.Diff(&first, refusal(t, db, "first")); diff != "" {
			t.Errorf("it comes back changed (-want +got):\n%s", diff)
		}
		for _, id := range []string{"", "never", "first\x00", "\xff", strings.Repeat("x", 100_000)} {
			if got := refusal(t, db, id); got != nil {
				t.Errorf("%.10q is %+v", id, got)
			}
		}
		// The same id again does not replace it.
		second := refused("first", clock.Now(), wallet.ReadWallet)
		db.NoteRefusal(second)
		if got := refusal(t, db, "first"); got.Action != wallet.ReadProject {
			t.Errorf("it was replaced by %+v", got)
		}
		clock.Advance(day)
		db.NoteRefusal(refused("a day later", clock.Now(), wallet.ReadProject))
		if refusal(t, db, "a day later") == nil || refusal(t, db, "first") == nil {
			t.Error("it is forgotten within a day")
		}
		clock.Advance(time.Microsecond)
		db.NoteRefusal(refused("later", clock.Now(), wallet.ReadProject))
		if refusal(t, db, "later") == nil || refusal(t, db, "first") != nil {
			t.Error("it is kept for more than a day")
		}
	})
}

// Somebody guesses keys as fast as the network carries it. Those refusals are kept in a small number
// at a time, and do not crowd out the others'.
func TestRefusalsOfGuessersAreFew(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, address string) {
		for i := range 3000 {
			db.NoteRefusal(refused(fmt.Sprint("guess-", i), clock.Now(), ""))
		}
		for i := range 10 {
			db.NoteRefusal(refused(fmt.Sprint("owner-", i), clock.Now(), wallet.ReadProject))
		}
		if refusal(t, db, "guess-0") == nil || refusal(t, db, "owner-9") == nil {
			t.Error("the first guess, or an owner's refusal, is not kept")
		}
		var n int
		if err := raw(t, address).QueryRow(`SELECT count(*) FROM refusals`).Scan(&n); err != nil || n > 300 {
			t.Errorf("%d refusals are kept, %v", n, err)
		}
		for i := range 30_000 {
			db.NoteRefusal(refused(fmt.Sprint("more-", i), clock.Now(), wallet.ReadProject))
		}
		if refusal(t, db, "more-0") == nil {
			t.Error("the first of many is not kept")
		}
		if err := raw(t, address).QueryRow(`SELECT count(*) FROM refusals`).Scan(&n); err != nil || n > 11_000 {
			t.Errorf("%d refusals are kept of one moment, %v", n, err)
		}
	})
}

// A hundred thousand refusals are kept and no more, the latest.
func TestRefusalsAreBounded(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, address string) {
		_, err := raw(t, address).Exec(fmt.Sprintf(`INSERT INTO refusals (request_id, proven, at, client_id, document)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT 'old-' || i, 1, %d + i, 7, '{}' FROM n`, clock.Now().UnixMicro()))
		if err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Minute)
		for i := range 10 {
			clock.Advance(time.Microsecond)
			db.NoteRefusal(refused(fmt.Sprint("new-", i), clock.Now(), wallet.ReadProject))
		}
		for id, kept := range map[string]bool{"new-9": true, "new-0": true, "old-100000": true, "old-20": true, "old-5": false, "old-1": false} {
			if got := refusal(t, db, id) != nil; got != kept {
				t.Errorf("%s is kept: %v, want %v", id, got, kept)
			}
		}
		var n int
		if err := raw(t, address).QueryRow(`SELECT count(*) FROM refusals`).Scan(&n); err != nil || n < 100_000 || n > 100_001 {
			t.Errorf("%d refusals are kept, %v", n, err)
		}
	})
}

// The database does not answer when what was gathered is to be written: it is gathered still, and
// written the next time.
func TestWhatCannotBeWrittenIsNotLost(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, _ string) {
		db.NoteRefusal(refused("kept", clock.Now(), wallet.ReadProject))
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if err := db.WriteUses(gone); err == nil {
			t.Fatal("it was written by somebody who is gone")
		}
		if r, err := db.Refusal(gone, "kept"); r == nil || err != nil { // not written yet, and known all the same
			t.Errorf("%v, %v", r, err)
		}
		if err := db.WriteUses(context.Background()); err != nil {
			t.Fatal(err)
		}
		if refusal(t, db, "kept") == nil {
			t.Error("it was lost")
		}
	})
}
