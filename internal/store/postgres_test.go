package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
)

// commit is what the last question of a batch of money holds.
var commit = preparedName("COMMIT")

// preparedName is what pgx calls a statement that it has prepared.
func preparedName(statement string) string {
	digest := sha256.Sum256([]byte(statement))
	return "stmtcache_" + hex.EncodeToString(digest[:24])
}

// A pooler hands out another connection, which does not know the statements that were prepared, for each transaction.
// The batch that meets it is decided again, and later ones prepare nothing by name.
func TestAPoolerForgetsPreparedStatements(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		acknowledged := []ledger.Entry{mustMove(t, db, 1000, outside, purse(1), "before")}
		for i := range 2 {
			if err := db.ForgetPrepared(context.Background()); err != nil {
				t.Fatal(err)
			}
			acknowledged = append(acknowledged, mustMove(t, db, 1, purse(1), purse(2), fmt.Sprint("after ", i)))
		}
		if !db.Unnamed() {
			t.Error("statements are still prepared by name")
		}
		closeNow()
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, acknowledged)
		if len(stored.entries) != 3 {
			t.Errorf("%d entries, want 3", len(stored.entries))
		}
	})
}

// The connection breaks while a batch commits. Whatever became of it, its commands are
// answered with the truth, and their effect is there exactly once.
func TestConnectionBreaksAtCommit(t *testing.T) {
	for _, f := range []fault{questionLost, answerLost, questionLate} {
		t.Run(string(f), func(t *testing.T) {
			onPostgres(t, func(t *testing.T, address string) {
				network, through := newProxy(t, address)
				db, closeNow := open(t, through)
				var acknowledged gathered[ledger.Entry]
				within(t, 30*time.Second, func() {
					struck := network.strike(f, commit)
					acknowledged.add(mustMove(t, db, 1000, outside, purse(1), "into a new account"))
					<-struck
					struck = network.strike(f, commit)
					acknowledged.add(mustMove(t, db, 600, purse(1), purse(2), "all but once"))
					<-struck
				})
				if _, err := move(db, 600, purse(1), purse(2), "once more"); !errors.Is(err, ledger.ErrNotCovered) {
					t.Errorf("400 are left, and paying 600 was answered with %v", err)
				}
				acknowledged.add(mustMove(t, db, 400, purse(1), purse(3), "the rest"))
				closeNow()
				stored := readBooks(t, address)
				stored.audit(t)
				stored.holds(t, acknowledged.all)
				if len(stored.entries) != 3 {
					t.Errorf("%d entries, want 3", len(stored.entries))
				}
			})
		})
	}
}

// The same with a crowd, over and over, beside a second server whose network is sound.
func TestConnectionBreaksAtManyCommits(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		network, through := newProxy(t, address)
		shaky, closeShaky := open(t, through)
		sound, closeSound := open(t, address)
		var acknowledged gathered[ledger.Entry]
		stop := make(chan struct{})
		within(t, time.Minute, func() {
			crowd(17, func(caller int) {
				if caller == 16 {
					defer close(stop)
					for i := range 12 {
						<-network.strike([]fault{questionLost, answerLost, questionLate}[i%3], commit)
					}
					return
				}
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					db := []*store.DB{shaky, shaky, shaky, sound}[caller%4]
					entries, err := move(db, 1, outside, purse(int64(1+(caller+i)%5)), fmt.Sprintf("caller %d, %d", caller, i))
					if err != nil {
						t.Errorf("caller %d: %v", caller, err)
						return
					}
					acknowledged.add(entries...)
				}
			})
		})
		closeShaky()
		closeSound()
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, acknowledged.all)
		if len(stored.entries) != len(acknowledged.all) {
			t.Errorf("%d entries, %d were acknowledged", len(stored.entries), len(acknowledged.all))
		}
	})
}

// The network hangs while a batch commits: nothing breaks, and no answer comes. After a while
// the server asks on another connection what became of it, and answers with that.
func TestConnectionHangsAtCommit(t *testing.T) {
	for f, committed := range map[fault]bool{questionStuck: false, answerStuck: true} {
		t.Run(string(f), func(t *testing.T) {
			onPostgres(t, func(t *testing.T, address string) {
				defer store.SetOperationTimeout(1500 * time.Millisecond)()
				network, through := newProxy(t, address)
				db, closeNow := open(t, through)
				mustMove(t, db, 1000, outside, purse(1), "all there is")
				network.strike(f, commit)
				within(t, 10*time.Second, func() {
					if _, err := move(db, 600, purse(1), purse(2), "in doubt"); (err == nil) != committed {
						t.Errorf("answered %v, and it was committed: %v", err, committed)
					}
				})
				network.breakDown(nil) // what hangs does not hang forever
				network.mend()
				mustMove(t, db, 400, purse(1), purse(3), "the rest")
				closeNow()
				stored := readBooks(t, address)
				stored.audit(t)
				if (stored.texts["in doubt"] == 1) != committed {
					t.Errorf("the payment in doubt took effect %d times, and it was answered as committed: %v", stored.texts["in doubt"], committed)
				}
			})
		})
	}
}

// The row that tells of a server's last batch may be gone: it did nothing for a month, and
// another server cleaned up. That must not make it forget what became of a batch.
func TestConnectionBreaksAfterAMonthOfSilence(t *testing.T) {
	for _, f := range []fault{questionLost, answerLost, questionLate} {
		t.Run(string(f), func(t *testing.T) {
			onPostgres(t, func(t *testing.T, address string) {
				network, through := newProxy(t, address)
				db, closeNow := open(t, through)
				mustMove(t, db, 1000, outside, purse(1), "before")
				if _, err := raw(t, address).Exec(`DELETE FROM writers`); err != nil {
					t.Fatal(err)
				}
				within(t, 30*time.Second, func() {
					struck := network.strike(f, commit)
					mustMove(t, db, 600, purse(1), purse(2), "after")
					<-struck
				})
				closeNow()
				stored := readBooks(t, address)
				stored.audit(t)
				if len(stored.entries) != 2 {
					t.Errorf("%d entries, want 2", len(stored.entries))
				}
			})
		})
	}
}

// The answer to a commit is lost and the database stays out of reach. Nobody can know what
// became of that batch, so all of it are told just that, and nothing is tried a second time.
func TestNobodyKnows(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		defer store.SetOperationTimeout(1500 * time.Millisecond)()
		network, through := newProxy(t, address)
		db, closeNow := open(t, through)
		mustMove(t, db, 1000, outside, purse(1), "all there is")
		release := holdWriter(t, db)
		struck := network.strike(answerLostForLong, commit)
		told := make([]string, 20)
		done := make(chan struct{})
		go func() {
			defer close(done)
			crowd(20, func(caller int) {
				_, err := move(db, 10, purse(1), purse(2), fmt.Sprint("command ", caller))
				told[caller] = fmt.Sprint(err)
			})
		}()
		untilWaiting(t, 20)
		release()
		within(t, 10*time.Second, func() { <-struck; <-done })
		network.mend()
		mustMove(t, db, 1, purse(1), purse(3), "again in reach")
		closeNow()
		stored := readBooks(t, address)
		stored.audit(t)
		unknown := 0
		for caller, answer := range told {
			took := stored.texts[fmt.Sprint("command ", caller)]
			switch {
			case strings.Contains(answer, "the answer to a commit was lost"):
				unknown++
				if took != 1 {
					t.Errorf("caller %d, of whom nobody knew: %d effects, want the one that was committed", caller, took)
				}
			case !strings.Contains(answer, "cannot be reached") || took != 0:
				t.Errorf("caller %d was told %q, and there are %d effects", caller, answer, took)
			}
		}
		if unknown == 0 {
			t.Error("the lost batch held no command: this proves nothing")
		}
	})
}

// The connection breaks while a server takes numbers for its entries. The numbers that it
// uses afterwards are its own, and none is 0, which stands for no entry.
func TestConnectionBreaksWhileTakingNumbers(t *testing.T) {
	for _, f := range []fault{questionLost, answerLost} {
		for _, question := range []string{"INTO counters", "commit\x00"} {
			t.Run(fmt.Sprintf("%s at %.12q", f, question), func(t *testing.T) {
				onPostgres(t, func(t *testing.T, address string) {
					network, through := newProxy(t, address)
					shaky, closeShaky := open(t, through)
					sound, closeSound := open(t, address)
					network.strike(f, question)
					var acknowledged gathered[ledger.Entry]
					within(t, 30*time.Second, func() {
						crowd(20, func(caller int) {
							for i := range 10 {
								db := []*store.DB{shaky, sound}[caller%2]
								entries, err := move(db, 1, outside, purse(int64(caller)), fmt.Sprintf("caller %d, %d", caller, i))
								if err != nil {
									t.Errorf("caller %d: %v", caller, err)
								}
								acknowledged.add(entries...)
							}
						})
					})
					closeShaky()
					closeSound()
					stored := readBooks(t, address)
					stored.audit(t)
					stored.holds(t, acknowledged.all)
					if len(stored.entries) != 200 {
						t.Errorf("%d entries, want 200", len(stored.entries))
					}
					if _, ok := stored.entries[0]; ok {
						t.Error("an entry has the number 0")
					}
				})
			})
		}
	}
}

// PostgreSQL throws out all sessions again and again, as in a restart or a failover.
func TestThrownOut(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		all, closeAll := servers(t, address)
		admin := raw(t, address)
		var acknowledged gathered[ledger.Entry]
		within(t, time.Minute, func() {
			stop := make(chan struct{})
			crowd(17, func(caller int) {
				if caller == 16 {
					defer close(stop)
					for range 20 {
						time.Sleep(20 * time.Millisecond)
						_, err := admin.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
							WHERE datname = current_database() AND application_name = 'purser'`)
						if err != nil {
							t.Error(err)
						}
					}
					return
				}
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					entries, err := move(all[caller%2], 1, outside, purse(int64(1+(caller+i)%5)), fmt.Sprintf("caller %d, %d", caller, i))
					if err != nil {
						t.Errorf("caller %d: %v", caller, err)
						return
					}
					acknowledged.add(entries...)
				}
			})
		})
		closeAll()
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, acknowledged.all)
		if len(stored.entries) != len(acknowledged.all) {
			t.Errorf("%d entries, %d were acknowledged", len(stored.entries), len(acknowledged.all))
		}
	})
}

// A text that PostgreSQL cannot store is refused by the engine itself, and the whole batch
// with it. Then only the command to blame fails.
func TestTheEngineRefusesOneOfABatch(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		release := holdWriter(t, db)
		var acknowledged gathered[ledger.Entry]
		done := make(chan struct{})
		go func() {
			defer close(done)
			crowd(30, func(caller int) {
				text := fmt.Sprint("command ", caller)
				if caller == 17 {
					text = "a zero byte: \x00"
				}
				entries, err := store.Money(context.Background(), db, moving(10, outside, purse(int64(caller)), text))
				if (err != nil) != (caller == 17) {
					t.Errorf("caller %d: %v, %v", caller, entries, err)
				}
				acknowledged.add(entries...)
			})
		}()
		untilWaiting(t, 30)
		release()
		within(t, 20*time.Second, func() { <-done })
		closeNow()
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, acknowledged.all)
		if len(stored.entries) != 29 {
			t.Errorf("%d entries, want 29", len(stored.entries))
		}
	})
}
