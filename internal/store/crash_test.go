package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
)

// With these variables the test binary is the server that gets killed, not the test.
const (
	victimAddress = "PURSER_TEST_VICTIM_ADDRESS"
	victimRound   = "PURSER_TEST_VICTIM_ROUND"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(victimAddress); address != "" {
		fmt.Fprintln(os.Stderr, payUntilKilled(address, os.Getenv(victimRound)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// killsOn is how often a server is killed on an engine.
func killsOn(t *testing.T, address string) int {
	t.Helper()
	if isPostgres(address) {
		return wallettest.Times(t, "PURSER_TEST_KILLS", 5)
	}
	return wallettest.Times(t, "PURSER_TEST_KILLS", 20)
}

// victims is how many callers a victim serves.
const victims = 32

// payUntilKilled moves money for many callers and reports every answer on standard output,
// after it was given: one line, written at once.
func payUntilKilled(address, round string) error {
	db, err := store.Open(context.Background(), address, wallettest.StoreOptions(wallettest.NewClock()))
	if err != nil {
		return err
	}
	failed := make(chan error)
	for caller := range victims {
		go func() {
			r := rand.New(rand.NewPCG(rand.Uint64(), 0))
			for i := 0; ; i++ {
				text := fmt.Sprintf("round %s, caller %d, payment %d", round, caller, i)
				from, to := purse(1+r.Int64N(10)), purse(11+r.Int64N(10))
				if i%2 == 0 {
					from = outside
				}
				entries, err := move(db, 1+r.Int64N(300), from, to, text)
				switch {
				case errors.Is(err, ledger.ErrNotCovered):
					_, err = fmt.Printf("refused 0 0 %s\n", text)
				case err == nil:
					_, err = fmt.Printf("paid %d %d %s\n", entries[0].ID, entries[0].Amount.Minor, text)
				}
				if err != nil {
					failed <- err // the test has ended, or the database failed
				}
			}
		}()
	}
	select {
	case err = <-failed:
	case <-time.After(time.Minute):
		err = errors.New("nobody came to kill this server")
	}
	return err
}

// witness is what a killed server had told its callers.
type witness struct {
	paid    map[int64]string // the entry's number, to its amount and text
	refused map[string]bool
}

// killOnce starts a server on the database and kills it with no warning: a while after its
// first answer, or perhaps before it.
func (w *witness) killOnce(t *testing.T, address string, round int, early bool) {
	t.Helper()
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), victimAddress+"="+address, fmt.Sprintf("%s=%d", victimRound, round))
	var complaint strings.Builder
	server.Stderr = &complaint
	answers, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { server.Process.Kill() }
	if early {
		time.AfterFunc(rand.N(150*time.Millisecond), kill)
	}
	lines := bufio.NewScanner(answers)
	for first := true; lines.Scan(); first = false {
		if first && !early {
			time.AfterFunc(rand.N(60*time.Millisecond), kill)
		}
		var answer, text string
		var id, minor int64
		if _, err := fmt.Sscan(lines.Text(), &answer, &id, &minor); err != nil {
			t.Fatalf("the server answered %q: %v", lines.Text(), err)
		}
		text = strings.SplitN(lines.Text(), " ", 4)[3]
		if answer == "refused" {
			w.refused[text] = true
			continue
		}
		if before, ok := w.paid[id]; ok {
			t.Fatalf("entry %d was given twice: %s and %s", id, before, text)
		}
		w.paid[id] = fmt.Sprint(minor, " ", text)
	}
	if err := server.Wait(); server.ProcessState.ExitCode() != -1 {
		t.Fatalf("the server ended by itself: %v: %s", err, complaint.String())
	}
}

// A server is killed at any moment while it moves money for thirty-two callers, and started
// again, over and over on the same database. Every payment that was acknowledged is there, no
// refused one is, nothing took effect twice, and the books are right.
func TestKill(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		rounds := killsOn(t, address)
		told := &witness{paid: map[int64]string{}, refused: map[string]bool{}}
		for round := range rounds {
			// On PostgreSQL a server that dies while it looks after the schema keeps the others
			// waiting until its lock runs out: that is not what this is about.
			told.killOnce(t, address, round, round%4 == 3 && !isPostgres(address))
			db, closeNow := open(t, address)
			mustMove(t, db, 1, outside, purse(1), fmt.Sprintf("after round %d", round))
			closeNow()
			stored := readBooks(t, address)
			stored.audit(t)
			told.check(t, stored, round+1)
			if t.Failed() {
				t.Fatalf("after %d kills", round+1)
			}
		}
		if len(told.paid) < 10*rounds || len(told.refused) == 0 {
			t.Errorf("only %d payments and %d refusals were told: this proves little", len(told.paid), len(told.refused))
		}
		if path, isFile := strings.CutPrefix(address, "sqlite:"); isFile {
			if report := texts(t, raw(t, address), `PRAGMA integrity_check`); len(report) != 1 || report[0] != "ok" {
				t.Errorf("%s is damaged: %v", path, report)
			}
		}
	})
}

// check compares what was told with what is stored.
func (w *witness) check(t *testing.T, stored books, kills int) {
	t.Helper()
	for id, payment := range w.paid {
		if e := stored.entries[id]; fmt.Sprint(e.Amount.Minor, " ", e.Details) != payment {
			t.Fatalf("entry %d was acknowledged as %s, and it is %+v", id, payment, e)
		}
	}
	for text, n := range stored.texts {
		if n > 1 {
			t.Errorf("%q took effect %d times", text, n)
		}
		if w.refused[text] {
			t.Errorf("%q was refused, and it took effect", text)
		}
	}
	// Each kill may have come between a commit and its answers: one payment of each caller.
	if untold := len(stored.entries) - len(w.paid) - kills; untold > kills*victims {
		t.Errorf("%d entries were never acknowledged, at most %d can be", untold, kills*victims)
	}
}
