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
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// killsOn is how often a server is killed on an engine.
func killsOn(t *testing.T, address string) int {
	t.Helper()
	if isPostgres(address) {
		return wallettest.Times(t, "PURSER_TEST_KILLS", 5)
	}
	return wallettest.Times(t, "PURSER_TEST_KILLS", 20)
}

// dealUntilKilled makes transactions for many callers, accepts them, and confirms or revokes them. After each step it
// says on standard output what was answered: the transaction, the step, its status and its title.
func dealUntilKilled(address, round string) error {
	db, err := store.Open(context.Background(), address, wallettest.StoreOptions(wallettest.NewClock()))
	if err != nil {
		return err
	}
	failed := make(chan error)
	for caller := range victims {
		go func() {
			for i := 0; ; i++ {
				if err := dealOnce(db, int64(1+caller%8), fmt.Sprintf("%s-%d-%d", round, caller, i)); err != nil {
					failed <- err
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

// dealOnce goes through one transaction, with what it costs put into the payer's wallet first.
func dealOnce(db *store.DB, payer int64, title string) error {
	d := deal{to: 9 + rand.Int64N(4), minor: 100 + rand.Int64N(100), in: rand.Int64N(5), out: rand.Int64N(5), cashback: rand.Int64N(20), title: title}
	if rand.IntN(3) == 0 {
		d.freeze = time.Hour
	}
	if _, err := move(db, d.minor, outside, purse(payer), "for "+title); err != nil {
		return err
	}
	end := confirming
	if rand.IntN(3) == 0 {
		end = revoking
	}
	t, err := d.propose(db)
	for step := 1; err == nil; step++ {
		if _, err := fmt.Printf("%d %d %s %s\n", t.ID, step, t.Status, title); err != nil {
			return err // the test has ended
		}
		switch {
		case step == 1:
			t, err = goOn(db, t.ID, accepting(payer))
		case step == 2:
			t, err = goOn(db, t.ID, end)
		case step == 3 && d.freeze > 0 && t.Status == wallet.TransactionConfirmed:
			t, err = goOn(db, t.ID, func(t *wallet.Transaction, _ time.Time) ([]ledger.Posting, error) { return t.Cancel(t.Payments[0].ID) })
		default:
			return nil
		}
	}
	return err
}

// acknowledged is the last step of a transaction that its caller was told of.
type acknowledged struct {
	step          int64
	status, title string
}

// Servers are killed at any moment while they hold, move and give back money for thirty-two callers' transactions. After
// each kill, before and after the next start, the books are right; each transaction is as it was
// answered last, or one step further, and nothing was held or put in twice.
func TestKillDeals(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		wallets(t, db, 12)
		closeNow()
		told, rounds := map[int64]acknowledged{}, killsOn(t, address)
		for round := range rounds {
			killDealing(t, address, round, told)
			verifyClean(t, address)
			checkDeals(t, address, told)
			_, closeNow := open(t, address)
			verifyClean(t, address)
			closeNow()
			if t.Failed() {
				t.Fatalf("after %d kills", round+1)
			}
		}
		seen := verifyClean(t, address)
		if len(told) < 10*rounds {
			t.Errorf("only %d transactions were told: this proves little", len(told))
		}
		t.Logf("%d kills: %d transactions were acknowledged; verified %+v", rounds, len(told), seen)
	})
}

// killDealing starts a server, kills it a while after its first answer, and notes what it had answered.
func killDealing(t *testing.T, address string, round int, told map[int64]acknowledged) {
	t.Helper()
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), victimAddress+"="+address, fmt.Sprintf("%s=%d", victimRound, round), victimStory+"=deals")
	var complaint strings.Builder
	server.Stderr = &complaint
	answers, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(answers)
	for first := true; lines.Scan(); first = false {
		if first {
			time.AfterFunc(rand.N(100*time.Millisecond), func() { server.Process.Kill() })
		}
		var id int64
		var a acknowledged
		if n, _ := fmt.Sscan(lines.Text(), &id, &a.step, &a.status, &a.title); n < 4 {
			continue // cut off by the kill, and so never told
		}
		if before := told[id]; a.step != before.step+1 || a.step > 1 && a.title != before.title {
			t.Fatalf("transaction %d was answered as %+v after %+v", id, a, before)
		}
		told[id] = a
	}
	if err := server.Wait(); server.ProcessState.ExitCode() != -1 {
		t.Fatalf("the server ended by itself: %v: %s", err, complaint.String())
	}
}

// checkDeals compares what was told with what is stored.
func checkDeals(t *testing.T, address string, told map[int64]acknowledged) {
	t.Helper()
	db := raw(t, address)
	defer db.Close()
	rows, err := db.Query(`SELECT id, version, status FROM transactions`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	left := len(told)
	for rows.Next() {
		var id int64
		var is acknowledged
		if err := rows.Scan(&id, &is.step, &is.status); err != nil {
			t.Fatal(err)
		}
		was, ok := told[id]
		if !ok {
			continue
		}
		left--
		if same := is.step == was.step && is.status == was.status; !same && is.step != was.step+1 {
			t.Errorf("transaction %d was acknowledged as %+v, and it is %+v", id, was, is)
		}
	}
	if err := rows.Err(); err != nil || left != 0 {
		t.Errorf("%d acknowledged transactions are not there, %v", left, err)
	}
	twice := texts(t, db, `SELECT CAST(payment_id AS TEXT) FROM entries WHERE kind = 'hold' GROUP BY payment_id HAVING count(*) > 1
		UNION ALL SELECT details FROM entries WHERE details LIKE 'for %' GROUP BY details HAVING count(*) > 1`)
	if len(twice) > 0 {
		t.Errorf("took effect twice: %v", twice)
	}
}
