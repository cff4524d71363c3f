package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// Ona's wallet is given 20.00 and pays 7.50 to another: the answers are what stands in the
// database, and so is what the wallets hold.
func TestMoneyMoves(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, _ := open(t, address)
		first := mustMove(t, db, 2000, outside, purse(1), "a gift")
		second := mustMove(t, db, 750, purse(1), purse(2), "bread")
		want := ledger.Entry{
			ID: second.ID, At: wallettest.Epoch,
			Posting: ledger.Posting{
				Debit: purse(1), Credit: purse(2), Amount: money.Amount{Minor: 750, Currency: "EUR"}, Kind: "transfer", Details: "bread",
			},
			DebitAfter: 1250, CreditAfter: 750, DebitPrevious: first.ID, DebitNumber: 2, CreditNumber: 1,
		}
		if diff := cmp.Diff(want, second); diff != "" {
			t.Errorf("the answer differs (-want +got):\n%s", diff)
		}
		mustMove(t, db, 300, ledger.SystemAccount(ledger.Funding, "JPY"), ledger.WalletAccount(1, "JPY"), "yen")
		funds, err := db.Funds(context.Background(), 1)
		held := []wallet.Funds{
			{Available: money.Amount{Minor: 1250, Currency: "EUR"}, Reserved: money.Amount{Currency: "EUR"}},
			{Available: money.Amount{Minor: 300, Currency: "JPY"}, Reserved: money.Amount{Currency: "JPY"}},
		}
		if diff := cmp.Diff(held, funds); diff != "" || err != nil {
			t.Errorf("wallet 1 holds (-want +got): %v\n%s", err, diff)
		}
		if funds, err := db.Funds(context.Background(), 3); len(funds) != 0 || err != nil {
			t.Errorf("a wallet that never had anything holds %v, %v", funds, err)
		}
		stored := readBooks(t, address)
		stored.holds(t, []ledger.Entry{first, second})
		stored.audit(t)
	})
}

// A restart changes nothing: the next entry follows the last one before it.
func TestMoneyGoesOnAfterARestart(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		before := mustMove(t, db, 500, outside, purse(1), "before")
		closeNow()
		db, _ = open(t, address)
		after := mustMove(t, db, 200, purse(1), purse(2), "after")
		if after.DebitPrevious != before.ID || after.DebitAfter != 300 || after.ID <= before.ID {
			t.Errorf("after the restart: %+v, want an entry that follows %d and leaves 300", after, before.ID)
		}
		readBooks(t, address).audit(t)
	})
}

// crowdPattern says who pays whom.
type crowdPattern func(r *rand.Rand, caller int) (from, to ledger.Key)

var crowdPatterns = map[string]crowdPattern{
	"anybody pays anybody": func(r *rand.Rand, _ int) (from, to ledger.Key) {
		from, to = purse(1+r.Int64N(100)), purse(101+r.Int64N(100))
		if r.IntN(2) == 0 {
			return to, from
		}
		return from, to
	},
	"everybody pays one shop": func(r *rand.Rand, caller int) (from, to ledger.Key) {
		if r.IntN(8) == 0 {
			return purse(1), purse(int64(2 + caller)) // a refund
		}
		return purse(int64(2 + caller)), purse(1)
	},
	"pairs pay each other at once": func(_ *rand.Rand, caller int) (from, to ledger.Key) {
		a, b := purse(int64(1+caller/2%4)), purse(int64(101+caller/2%4))
		if caller%2 == 0 {
			return a, b
		}
		return b, a
	},
}

// Sixty-four callers fund wallets and move money between them as fast as they can, through
// two servers where the engine allows it. Every answer is true, whatever was refused left no
// trace, and nobody ever got in another's way for good.
func TestCrowd(t *testing.T) {
	for name, pattern := range crowdPatterns {
		t.Run(name, func(t *testing.T) {
			wallettest.Addresses(t, func(t *testing.T, address string) {
				all, closeAll := servers(t, address)
				var acknowledged gathered[ledger.Entry]
				var refused gathered[string]
				within(t, time.Minute, func() {
					crowd(64, func(caller int) {
						payFortyTimes(t, all[caller%len(all)], caller, pattern, &acknowledged, &refused)
					})
				})
				closeAll()
				if len(refused.all) == 0 || len(acknowledged.all) < 64*10 {
					t.Fatalf("%d commands were acknowledged and %d refused: this proves nothing", len(acknowledged.all), len(refused.all))
				}
				stored := readBooks(t, address)
				stored.audit(t)
				stored.holds(t, acknowledged.all)
				if len(stored.entries) != len(acknowledged.all) {
					t.Errorf("%d entries stand in the database, %d were acknowledged", len(stored.entries), len(acknowledged.all))
				}
				for _, text := range refused.all {
					if stored.texts[text] != 0 {
						t.Errorf("%q was refused and yet stands in the entries", text)
					}
				}
				if n := commits(t, address); n > int64(len(acknowledged.all))/2 {
					t.Errorf("%d commits for %d entries: commands do not share them", n, len(acknowledged.all))
				}
				if n := deadlocks(t, address); n != 0 {
					t.Errorf("the servers deadlocked %d times", n)
				}
			})
		})
	}
}

func payFortyTimes(t *testing.T, db *store.DB, caller int, pattern crowdPattern, acknowledged *gathered[ledger.Entry], refused *gathered[string]) {
	r := rand.New(rand.NewPCG(uint64(caller), 7))
	for i := range 40 {
		text := fmt.Sprintf("caller %d, payment %d", caller, i)
		from, to := pattern(r, caller)
		minor := 1 + r.Int64N(500)
		switch i % 8 {
		case 0, 4:
			from, minor = outside, 100
		case 7:
			minor = 1_000_000 // more than anybody ever has, so that some are refused in any order
		}
		entries, err := move(db, minor, from, to, text)
		switch {
		case err == nil && len(entries) == 1:
			acknowledged.add(entries...)
		case errors.Is(err, ledger.ErrNotCovered):
			refused.add(text)
		default:
			t.Errorf("%s: %v, %v", text, entries, err)
		}
	}
}

// deadlocks is how many deadlocks PostgreSQL has seen in the database; on SQLite none can be.
func deadlocks(t *testing.T, address string) (n int64) {
	t.Helper()
	if isPostgres(address) {
		if err := raw(t, address).QueryRow(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// A hundred and fifty commands wait while the writer is busy, a third of them for more than
// there is. The others share a few commits, each sees what those before it left, and the
// refused ones harm nobody.
func TestNeighboursInABatch(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		mustMove(t, db, 1000, outside, purse(1), "all there is")
		before := commits(t, address)
		release := holdWriter(t, db)
		var acknowledged gathered[ledger.Entry]
		var refused gathered[string]
		done := make(chan struct{})
		go func() {
			defer close(done)
			crowd(150, func(caller int) {
				text := fmt.Sprint("command ", caller)
				minor := int64(10) // a hundred of these are all that there is
				if caller%3 == 0 {
					minor = 1001
				}
				entries, err := move(db, minor, purse(1), purse(int64(2+caller%5)), text)
				switch {
				case err == nil:
					acknowledged.add(entries...)
				case errors.Is(err, ledger.ErrNotCovered):
					refused.add(text)
				default:
					t.Errorf("%s: %v", text, err)
				}
			})
		}()
		untilWaiting(t, 150)
		release()
		within(t, 20*time.Second, func() { <-done })
		if len(acknowledged.all) != 100 || len(refused.all) != 50 {
			t.Errorf("%d commands were acknowledged and %d refused, want 100 and 50", len(acknowledged.all), len(refused.all))
		}
		if n := commits(t, address) - before; n > 10 {
			t.Errorf("%d commits for 100 commands that waited together", n)
		}
		closeNow()
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, acknowledged.all)
		if len(stored.entries) != 101 {
			t.Errorf("%d entries, want the first and 100 more", len(stored.entries))
		}
	})
}

// What a command posts before it changes its mind is taken back with it.
func TestACommandThatChangesItsMind(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, _ := open(t, address)
		mustMove(t, db, 1000, outside, purse(1), "all there is")
		onSecondThought := errors.New("on second thought")
		entries, err := store.Money(context.Background(), db, store.MoneyCommand[[]ledger.Entry]{
			Needs: store.Needs{Accounts: []ledger.Key{purse(1), purse(2)}},
			Decide: func(m *store.MoneyTx) ([]ledger.Entry, error) {
				if _, err := moving(600, purse(1), purse(2), "never mind").Decide(m); err != nil {
					return nil, err
				}
				return nil, onSecondThought
			},
		})
		if err != onSecondThought || entries != nil {
			t.Errorf("answered %v, %v; want the command's own error", entries, err)
		}
		mustMove(t, db, 1000, purse(1), purse(3), "still there")
		stored := readBooks(t, address)
		stored.audit(t)
		if stored.texts["never mind"] != 0 || len(stored.accounts) != 3 {
			t.Errorf("the refused command left a trace: %v", stored)
		}
	})
}

// A command may post to an account that nobody asked for only by mistake; a command may also
// only look.
func TestNeeds(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		mustMove(t, db, 400, outside, purse(1), "all there is")
		_, err := store.Money(context.Background(), db, store.MoneyCommand[[]ledger.Entry]{
			Needs: store.Needs{Accounts: []ledger.Key{purse(1)}}, Decide: moving(1, purse(1), purse(2), "unasked").Decide,
		})
		if err != nil {
			t.Errorf("an account that was not asked for: %v, want it asked for by itself", err)
		}
		var seen, empty ledger.Account
		entries, err := store.Money(context.Background(), db, store.MoneyCommand[[]ledger.Entry]{
			Needs: store.Needs{Accounts: []ledger.Key{purse(1), purse(9), purse(1)}},
			Decide: func(m *store.MoneyTx) ([]ledger.Entry, error) {
				seen, _ = m.Account(purse(1))
				empty, _ = m.Account(purse(9))
				return nil, nil
			},
		})
		if err != nil || len(entries) != 0 || seen.Available != 399 {
			t.Errorf("looking at a wallet: %v, %v; saw %+v, want 400", entries, err, seen)
		}
		if empty != (ledger.Account{Key: purse(9)}) {
			t.Errorf("an account that does not exist yet is %+v, want it empty", empty)
		}
	})
}

// One command may post more than a block of numbers holds.
func TestAVeryLargeCommand(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, _ := open(t, address)
		const many = 6000
		entries, err := store.Money(context.Background(), db, store.MoneyCommand[[]ledger.Entry]{
			Needs: store.Needs{Accounts: []ledger.Key{outside, purse(1)}},
			Decide: func(m *store.MoneyTx) (all []ledger.Entry, err error) {
				for i := range many {
					entries, err := moving(1, outside, purse(1), fmt.Sprint("cent ", i)).Decide(m)
					if err != nil {
						return nil, err
					}
					all = append(all, entries...)
				}
				return all, nil
			},
		})
		if err != nil || len(entries) != many {
			t.Fatalf("%d entries, %v; want %d", len(entries), err, many)
		}
		mustMove(t, db, many, purse(1), purse(2), "all of it")
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, entries)
	})
}

// Forty times, eight callers of all servers are the first to use the same new wallet and the
// same new currency, at the same moment. There is one account in the end, with all their money.
func TestFirstUseOfAnAccountByAllAtOnce(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, closeAll := servers(t, address)
		currencies := money.Currencies()
		var acknowledged gathered[ledger.Entry]
		within(t, time.Minute, func() {
			for round := range 40 {
				fresh := ledger.WalletAccount(int64(1000+round), currencies[round])
				funding := ledger.SystemAccount(ledger.Funding, currencies[round])
				crowd(8, func(caller int) {
					entries, err := move(all[caller%len(all)], 25, funding, fresh, fmt.Sprintf("round %d, caller %d", round, caller))
					if err != nil {
						t.Errorf("round %d: %v", round, err)
					}
					acknowledged.add(entries...)
				})
			}
		})
		closeAll()
		stored := readBooks(t, address)
		stored.audit(t)
		stored.holds(t, acknowledged.all)
		if len(stored.accounts) != 80 || len(stored.entries) != 320 {
			t.Errorf("%d accounts and %d entries, want 80 and 320", len(stored.accounts), len(stored.entries))
		}
		for _, account := range stored.accounts {
			if account.Purpose == ledger.OfWallet && account.Available != 200 {
				t.Errorf("%s holds %d, want 200", account.Key, account.Available)
			}
		}
	})
}

// The SQLite writer remembers accounts. When another process changes one behind its back, it
// must not write what it believes over that: it refuses, looks again, and goes on.
func TestAnotherProcessInTheSQLiteFile(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		if isPostgres(address) {
			return
		}
		db, _ := open(t, address)
		mustMove(t, db, 1000, outside, purse(1), "all there is")
		if _, err := raw(t, address).Exec(`UPDATE accounts SET available = available - 900, version = version + 1 WHERE wallet_id = 1`); err != nil {
			t.Fatal(err)
		}
		if entries, err := move(db, 500, purse(1), purse(2), "more than is left"); err == nil || !strings.Contains(err.Error(), "another process") {
			t.Errorf("answered %v, %v; want a word about another process", entries, err)
		}
		if _, err := move(db, 500, purse(1), purse(2), "more than is left"); !errors.Is(err, ledger.ErrNotCovered) {
			t.Errorf("100 are left, and paying 500 was answered with %v", err)
		}
		mustMove(t, db, 100, purse(1), purse(2), "all that is left")
	})
}

// Who gives up while the command still waits gets no effect. A command that was taken is
// answered with what became of it.
func TestGivingUpWhileWaiting(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, _ := open(t, address)
		mustMove(t, db, 100, outside, purse(1), "all there is")
		release := holdWriter(t, db)
		impatient, giveUp := context.WithCancel(context.Background())
		answer := make(chan error)
		go func() {
			_, err := store.Money(impatient, db, moving(100, purse(1), purse(2), "too late"))
			answer <- err
		}()
		untilWaiting(t, 1)
		giveUp()
		release()
		within(t, 10*time.Second, func() {
			if err := <-answer; !errors.Is(err, context.Canceled) {
				t.Errorf("answered %v, want %v", err, context.Canceled)
			}
		})
		if _, err := store.Money(impatient, db, moving(1, purse(1), purse(2), "too late")); !errors.Is(err, context.Canceled) {
			t.Errorf("a command of a caller who is gone: %v, want %v", err, context.Canceled)
		}
		mustMove(t, db, 100, purse(1), purse(3), "still there")
		if n := readBooks(t, address).texts["too late"]; n != 0 {
			t.Errorf("%d commands ran whose callers had given up", n)
		}

		taken, giveUp := context.WithCancel(context.Background())
		command := moving(100, purse(3), purse(1), "given up too late")
		decide := command.Decide
		command.Decide = func(m *store.MoneyTx) ([]ledger.Entry, error) { giveUp(); return decide(m) }
		if entries, err := store.Money(taken, db, command); err != nil || len(entries) != 1 {
			t.Errorf("a command that was taken: %v, %v; want what became of it", entries, err)
		}
	})
}

// A mistake of ours in one decision is that command's failure: its neighbours commit, and the
// server goes on.
func TestAPanicInADecisionFailsItAlone(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		account, outside := ledger.WalletAccount(1, "EUR"), ledger.SystemAccount(ledger.Funding, "EUR")
		broken := store.MoneyCommand[[]ledger.Entry]{Needs: store.Needs{Accounts: []ledger.Key{account}}, Decide: func(*store.MoneyTx) ([]ledger.Entry, error) { panic("a mistake of ours") }}
		if _, err := store.Money(t.Context(), db, broken); err == nil || !strings.Contains(err.Error(), "panicked") {
			t.Errorf("got %v", err)
		}
		works := store.MoneyCommand[[]ledger.Entry]{Needs: store.Needs{Accounts: []ledger.Key{account, outside}}, Decide: func(m *store.MoneyTx) ([]ledger.Entry, error) {
			return m.Post(ledger.Posting{Debit: outside, Credit: account, Amount: money.Amount{Minor: 1, Currency: "EUR"}, Kind: "test"})
		}}
		if _, err := store.Money(t.Context(), db, works); err != nil {
			t.Error(err)
		}
	})
}

// A wallet goes below zero within its credit limit, which is not taken back from who uses it.
func TestCreditLimits(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		lend := func(minor int64) error {
			_, err := store.Money(context.Background(), db, store.MoneyCommand[int]{
				Needs:  store.Needs{Accounts: []ledger.Key{purse(1)}},
				Decide: func(m *store.MoneyTx) (int, error) { return 0, m.SetCreditLimit(purse(1), minor) },
			})
			return err
		}
		if err := lend(500); err != nil {
			t.Fatal(err)
		}
		mustMove(t, db, 300, purse(1), purse(2), "on credit")
		if err := lend(299); !errors.Is(err, ledger.ErrNotCovered) {
			t.Errorf("lending less than is owed: %v", err)
		}
		if err := lend(300); err != nil {
			t.Errorf("lending what is owed: %v", err)
		}
		if _, err := move(db, 1, purse(1), purse(2), "too much"); !errors.Is(err, ledger.ErrNotCovered) {
			t.Errorf("paying more than is lent: %v", err)
		}
		mustMove(t, db, 300, purse(2), purse(1), "paid back")
		if err := lend(0); err != nil {
			t.Error(err)
		}
	})
}
