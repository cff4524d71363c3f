package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// nameLog gives the log its name and key.
func nameLog(t *testing.T, db *store.DB) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.NameLog("purser.example/ledger")
		return err
	})
}

// sequence puts what was committed into the log.
func sequence(t *testing.T, db *store.DB) store.LogState {
	t.Helper()
	if _, err := db.Sequence(context.Background()); err != nil {
		t.Fatal(err)
	}
	state, err := db.LogState(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// exportText is the exported ledger.
func exportText(t *testing.T, address string) string {
	t.Helper()
	var text bytes.Buffer
	if _, _, err := store.Export(context.Background(), address, &text, nil); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// Several servers move money at once, and several put it into the log at once: each command is in the log once, the log only grows, and
// what is exported is what is stored.
func TestLogOfManyServers(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, closeAll := servers(t, address)
		openMarket(t, all[0])
		nameLog(t, all[0])
		before := sequence(t, all[0])
		if before.N == 0 || before.Checkpoint == nil {
			t.Fatalf("the log is %+v", before)
		}
		const callers, each = 8, 40
		crowd(callers, func(caller int) {
			db := all[caller%len(all)]
			for n := range each {
				if _, err := move(db, 1, outside, purse(int64(1+(caller+n)%4)), "x"); err != nil {
					t.Error(err)
				}
				if n%10 == caller {
					if _, err := db.Sequence(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
		update(t, all[0], func(tx *store.Tx) error { return tx.RotateLogKey(wallettest.Epoch.Add(time.Hour)) })
		after := sequence(t, all[len(all)-1])
		if after.N != before.N+callers*each {
			t.Errorf("the log has %d leaves, after %d there were %d commands", after.N, before.N, callers*each)
		}
		proof, err := all[0].LogTree(context.Background(), after).Consistency(before.N)
		if err != nil || tlog.CheckTree(proof, after.N, after.Hash, before.N, before.Hash) != nil {
			t.Errorf("the log has not only grown: %v", err)
		}
		keys, err := all[0].LogKeys(context.Background(), wallettest.Epoch)
		if err != nil || len(keys) != 2 {
			t.Fatalf("the keys are %v, %v", keys, err)
		}
		if seen := verifyClean(t, address); seen.Leaves != after.N {
			t.Errorf("%d leaves were verified of %d", seen.Leaves, after.N)
		}
		for _, key := range keys {
			if _, tree, err := merkle.OpenCheckpoint(after.Checkpoint, key.Public); err != nil || tree != after.Tree {
				t.Errorf("by %s the checkpoint is %v, %v", key.Public, tree, err)
			}
		}
		seen, err := merkle.VerifyExport(strings.NewReader(exportText(t, address)), false, keys[0].Public)
		if err != nil || seen.Tree != after.Tree || seen.Transactions != 7 || seen.Waiting != 0 {
			t.Errorf("the exported ledger is %+v, %v", seen, err)
		}
		entries := seen.Entries
		mustMove(t, all[0], 1, outside, purse(1), "later")
		text := exportText(t, address)
		if seen, err = merkle.VerifyExport(strings.NewReader(text), true, keys[1].Public); err != nil || seen.Waiting != 1 || seen.Entries != entries {
			t.Errorf("with a leaf that waits, the exported ledger is %+v, %v", seen, err)
		}
		if _, err = merkle.VerifyExport(strings.NewReader(text), false); err == nil {
			t.Error("a leaf that nobody has signed is believed")
		}
		closeAll()
		verifyClean(t, address)
	})
}

// A transaction leads to its leaves, and each is proven to be in the log.
func TestLeavesOfTransaction(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		m := openMarket(t, db)
		nameLog(t, db)
		state := sequence(t, db)
		now, err := db.Transaction(context.Background(), m.done.ID)
		if err != nil {
			t.Fatal(err)
		}
		leaves, err := db.LeavesOfTransaction(context.Background(), now, 100)
		if err != nil || len(leaves) != 4 {
			t.Fatalf("%d leaves, %v", len(leaves), err)
		}
		for i, l := range leaves {
			proof, err := db.LogTree(context.Background(), state).Inclusion(l.Index)
			if err != nil || tlog.CheckRecord(proof, state.N, state.Hash, l.Index, tlog.RecordHash(l.Text())) != nil {
				t.Errorf("leaf %d, number %d of the log: %v", i, l.Index, err)
			}
		}
		if text := string(leaves[0].Text()); !strings.Contains(text, "transaction ") || !strings.Contains(text, " confirmed ") || strings.Contains(text, "wallet:") {
			t.Errorf("the newest leaf says %q", text)
		}
		if some, err := db.LeavesOfTransaction(context.Background(), now, 2); err != nil || len(some) != 2 {
			t.Errorf("of two: %d, %v", len(some), err)
		}
	})
}

// What there was before there was a log is in it, once, however often the server starts.
func TestLogOfWhatWasBefore(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		m := openMarket(t, db)
		if _, err := store.Money(context.Background(), db, store.MoneyCommand[int]{
			Needs:  store.Needs{Accounts: []ledger.Key{purse(4)}},
			Decide: func(tx *store.MoneyTx) (int, error) { return 0, tx.SetCreditLimit(purse(4), 700) },
		}); err != nil {
			t.Fatal(err)
		}
		closeNow()
		behind := raw(t, address)
		for _, statement := range []string{
			`DELETE FROM leaves`, `DELETE FROM log_state`, `DELETE FROM settings WHERE name LIKE 'log_opened%'`, `DELETE FROM log_writers WHERE writer > 0`, `UPDATE transactions SET last_leaf = 0`,
		} {
			alterBehind(t, behind, statement)
		}
		var told bytes.Buffer
		for range 2 { // the operator is told why the first start takes long
			options := wallettest.StoreOptions(wallettest.NewClock())
			options.Log = slog.New(slog.NewTextHandler(&told, nil))
			again, err := store.Open(context.Background(), address, options)
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range []string{"gets its leaves, once", "has its leaves"} {
			if n := strings.Count(told.String(), text); n != 1 {
				t.Errorf("%q is told %d times in %s", text, n, told.String())
			}
		}
		db, _ = open(t, address)
		nameLog(t, db)
		if state := sequence(t, db); state.N != 1+1+7 { // of all entries, of the limit, and of each transaction
			t.Errorf("the log begins with %d leaves", state.N)
		}
		if _, err := goOn(db, m.reserved.ID, confirming); err != nil {
			t.Fatal(err)
		}
		now, err := db.Transaction(context.Background(), m.reserved.ID)
		if err != nil {
			t.Fatal(err)
		}
		if leaves, err := db.LeavesOfTransaction(context.Background(), now, 10); err != nil || len(leaves) != 2 {
			t.Errorf("it has %d leaves, %v", len(leaves), err)
		}
		sequence(t, db)
		verifyClean(t, address)
		if seen, err := merkle.VerifyExport(strings.NewReader(exportText(t, address)), false); err != nil || seen.N != 10 {
			t.Errorf("the exported ledger is %+v, %v", seen, err)
		}
	})
}

func alterBehind(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// What is altered behind the server's back, in the log or in what it speaks of, is named.
func TestVerifyFindsWhatTheLogContradicts(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		nameLog(t, db)
		sequence(t, db)
		mustMove(t, db, 5, outside, purse(1), "waits")
		closeNow()
		behind := raw(t, address)
		newest := `(SELECT max(id) FROM transactions)`
		for _, c := range []struct{ name, do, undo, want string }{
			{"an entry's text", `UPDATE entries SET details = 'gift 99' WHERE details = 'gift 11'`, `UPDATE entries SET details = 'gift 11' WHERE details = 'gift 99'`,
				`^leaf \d+, number 11 of the log: its hash`},
			{"an entry that waits", `UPDATE entries SET details = 'y' WHERE details = 'waits'`, `UPDATE entries SET details = 'waits' WHERE details = 'y'`, `^leaf \d+: its hash`},
			{"a transaction's column", `UPDATE transactions SET client_id = 2 WHERE id = ` + newest, `UPDATE transactions SET client_id = 1 WHERE id = ` + newest,
				`^transaction \d+: what leaf \d+, number \d+ of the log says of its row is stored as confirmed, of digest [0-9a-f]{64}, and computed as`},
			{"a document's text", `UPDATE transactions SET document = replace(document, 'bread', 'cakes') WHERE id = ` + newest,
				`UPDATE transactions SET document = replace(document, 'cakes', 'bread') WHERE id = ` + newest, `^transaction \d+: what leaf`},
			{"a transaction's last leaf", `UPDATE transactions SET last_leaf = last_leaf - 1 WHERE id = ` + newest,
				`UPDATE transactions SET last_leaf = last_leaf + 1 WHERE id = ` + newest, `^transaction \d+: what leaf \d+, number \d+ of the log says of its row`},
			{"a transaction's last leaf, to none", `UPDATE transactions SET last_leaf = -last_leaf WHERE id = ` + newest,
				`UPDATE transactions SET last_leaf = -last_leaf WHERE id = ` + newest, `^transaction \d+: the leaf that changed it last is stored as -\d+, and computed as \[\d+\]$`},
			{"a limit", `UPDATE accounts SET credit_limit = 5 WHERE wallet_id = 1`, `UPDATE accounts SET credit_limit = 0 WHERE wallet_id = 1`,
				`^account wallet:1:EUR: its credit limit is stored as 5, and computed as 0, by the leaves$`},
			{"the log's root", `UPDATE log_state SET root = (SELECT hash FROM leaves ORDER BY id LIMIT 1)`, "", `^the log: its root is stored as`},
		} {
			alterBehind(t, behind, c.do)
			_, err := store.Verify(context.Background(), address, nil)
			var found *store.Difference
			if !errors.As(err, &found) || !regexp.MustCompile(c.want).MatchString(err.Error()) {
				t.Errorf("%s: %v", c.name, err)
			}
			if c.undo != "" {
				alterBehind(t, behind, c.undo)
				verifyClean(t, address)
			}
		}
	})
}

// A command that changes nothing but an allowance is in the log too, and what is altered in an allowance is named.
func TestLogOfAllowances(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		nameLog(t, db)
		given := gives(t, db)
		takes(t, db)
		before := sequence(t, db)
		if _, err := store.Money(context.Background(), db, store.MoneyCommand[struct{}]{Decide: func(m *store.MoneyTx) (none struct{}, err error) {
			a, err := m.Allowance(given.ID)
			if err != nil {
				return none, err
			}
			a.Description = "Milk"
			m.KeepAllowance(a)
			if a, err = m.Allowance(given.ID); err != nil {
				return none, err
			}
			a.Finish(m.Now(), wallet.AllowanceCanceled)
			m.KeepAllowance(a)
			return none, nil
		}}); err != nil {
			t.Fatal(err)
		}
		after := sequence(t, db)
		if after.N != before.N+1 {
			t.Errorf("that it was taken back made %d leaves", after.N-before.N)
		}
		closeNow()
		if seen, err := merkle.VerifyExport(strings.NewReader(exportText(t, address)), false); err != nil || seen.Allowances != 1 {
			t.Errorf("the exported ledger is %+v, %v", seen, err)
		}
		verifyClean(t, address)
		for _, c := range []struct{ name, do, want string }{
			{"its text", `UPDATE allowances SET document = replace(document, 'Milk', 'Wine')`, `^allowance \d+: what leaf \d+, number \d+ of the log says of its row is stored as inactive, of digest`},
			{"its last leaf", `UPDATE allowances SET last_leaf = last_leaf + 1`, `^allowance \d+: the leaf that changed it last is stored as \d+, and computed as \[\d+\]$`},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := store.Verify(context.Background(), tamper(t, address, c.do), nil)
				if found := new(store.Difference); !errors.As(err, &found) || !regexp.MustCompile(c.want).MatchString(err.Error()) {
					t.Errorf("%s: %v", c.do, err)
				}
			})
		}
		// A log that is older than that allowances are in it takes them up when a server opens it.
		behind := raw(t, address)
		for _, statement := range []string{`UPDATE allowances SET last_leaf = 0`, `DELETE FROM settings WHERE name = 'log_opened_allowances'`} {
			alterBehind(t, behind, statement)
		}
		db, _ = open(t, address)
		if now := sequence(t, db); now.N != after.N+1 {
			t.Errorf("taken up, it made %d leaves", now.N-after.N)
		}
	})
}

// A transaction that was deleted twice is one chain of leaves, whether its row is still there or not.
func TestVerifyDeletedTwice(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		nameLog(t, db)
		var id int64
		for step, status := range []wallet.TransactionStatus{wallet.TransactionNew, wallet.TransactionDeleted, wallet.TransactionDeleted} {
			if _, err := store.Money(context.Background(), db, store.MoneyCommand[struct{}]{Decide: func(m *store.MoneyTx) (none struct{}, err error) {
				now := &wallet.Transaction{ClientID: 1, ProjectID: 1, CreatedAt: m.Now()}
				if step == 0 {
					id = m.NewTransactionID()
					now.ID = id
				} else if now, err = m.Transaction(id); err != nil {
					return none, err
				}
				now.Status = status
				m.Keep(now)
				return none, nil
			}}); err != nil {
				t.Fatal(err)
			}
		}
		sequence(t, db)
		closeNow()
		for _, removed := range []bool{false, true} {
			if removed {
				alterBehind(t, raw(t, address), `DELETE FROM transactions WHERE status = 'deleted'`)
			}
			verifyClean(t, address)
			if seen, err := merkle.VerifyExport(strings.NewReader(exportText(t, address)), false); err != nil || seen.Transactions != 8 {
				t.Errorf("removed: %t: the exported ledger is %+v, %v", removed, seen, err)
			}
		}
	})
}

// Monitoring is told how far the log is behind.
func TestLogMeasures(t *testing.T) {
	clock := wallettest.NewClock()
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db := wallettest.Open(t, address, clock)
		measure := func(want store.LogMeasures) {
			t.Helper()
			if m, err := db.LogMeasures(context.Background()); err != nil || m != want {
				t.Errorf("%+v, %v, want %+v", m, err, want)
			}
		}
		measure(store.LogMeasures{})
		openMarket(t, db)
		nameLog(t, db)
		n := sequence(t, db)
		clock.Advance(time.Minute)
		measure(store.LogMeasures{Signed: time.Minute})
		for range 3 {
			mustMove(t, db, 5, outside, purse(1), "waits")
			clock.Advance(time.Second)
		}
		measure(store.LogMeasures{Waiting: 3, Oldest: 3 * time.Second, Signed: 63 * time.Second})
		if some, err := db.SequenceOnce(context.Background()); err != nil || some != 3 {
			t.Errorf("%d, %v, after %d", some, err, n.N)
		}
		measure(store.LogMeasures{})
	})
}

// After a backup was restored the log begins anew under another name, as docs/log.md says.
func TestLogBeginsAnew(t *testing.T) {
	manual, err := os.ReadFile("../../docs/log.md")
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for line := range strings.Lines(string(manual)) {
		if strings.HasPrefix(line, "       ") {
			for statement := range strings.SplitSeq(strings.TrimSpace(line), ";") {
				if statement != "" {
					statements = append(statements, statement)
				}
			}
		}
	}
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		gives(t, db)
		nameLog(t, db)
		sequence(t, db)
		closeNow()
		behind := raw(t, address)
		for _, statement := range statements {
			alterBehind(t, behind, statement)
		}
		db, closeNow = open(t, address)
		update(t, db, func(tx *store.Tx) error {
			name, err := tx.NameLog("purser.example/ledger-2")
			if name != "purser.example/ledger-2" {
				t.Errorf("it is called %s", name)
			}
			return err
		})
		mustMove(t, db, 5, outside, purse(1), "after")
		if state := sequence(t, db); state.N != 1+8+1+1 { // of all entries, of each transaction, of the allowance, and of the command
			t.Errorf("the log has %d leaves", state.N)
		}
		closeNow()
		verifyClean(t, address)
		if seen, err := merkle.VerifyExport(strings.NewReader(exportText(t, address)), false); err != nil || seen.Origin != "purser.example/ledger-2" || len(seen.Keys) != 1 {
			t.Errorf("the exported ledger is %+v, %v", seen, err)
		}
	})
}

// A database that was restored from a backup is right by itself. Whoever has kept a checkpoint is told that it is behind, and that it
// is still another one when it has grown again.
func TestVerifyKnowsABackupByAKeptCheckpoint(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		nameLog(t, db)
		kept := store.KeptCheckpoint{Origin: "purser.example/ledger", Tree: sequence(t, db).Tree}
		mustMove(t, db, 5, outside, purse(1), "as before")
		sequence(t, db)
		closeNow()
		empty, err := tlog.TreeHash(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, right := range []store.KeptCheckpoint{kept, {Origin: kept.Origin, Tree: tlog.Tree{Hash: empty}}} {
			if _, err := store.Verify(context.Background(), address, nil, right); err != nil {
				t.Errorf("%d leaves: %v", right.N, err)
			}
		}
		longer, forked, renamed := kept, kept, kept
		longer.N += 5
		forked.Hash[0] ^= 1
		renamed.Origin = "purser.example/ledger-0"
		for text, wrong := range map[string]store.KeptCheckpoint{"what came last is gone": longer, "went on in another way": forked, "is of the log purser.example/ledger-0": renamed} {
			var behind *store.Behind
			if _, err := store.Verify(context.Background(), address, nil, kept, wrong); !errors.As(err, &behind) || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}
