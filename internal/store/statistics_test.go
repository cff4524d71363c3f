package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// counted is all that statistics say of a project by currency, as text.
func counted(t *testing.T, db *store.DB, project int64, by wallet.StatisticsGroup) (lines []string) {
	t.Helper()
	today := wallet.DayOf(wallettest.Epoch)
	s, err := db.Statistics(context.Background(), project, today-100, today+100, by)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range s.Lines {
		for _, kind := range slices.Sorted(maps.Keys(line.Tallies)) {
			tally := line.Tallies[kind]
			lines = append(lines, fmt.Sprintf("%d %d %s %s %d %d", line.Day, line.LocationID, line.Currency, kind, tally.Count, tally.Volume))
		}
	}
	return lines
}

// What batches changed counts at once, and what was taken over counts the same, also twice.
func TestCountersAreTheSameBeforeAndAfterTheyAreAddedUp(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		before := counted(t, db, 1, wallet.ByDay)
		if len(before) < 5 {
			t.Errorf("counted are %v", before)
		}
		behind := raw(t, address)
		waiting := func() (n int) {
			if err := behind.QueryRow(`SELECT count(*) FROM tally_changes`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if waiting() == 0 {
			t.Error("no batch has left what it changed")
		}
		for range 2 {
			if err := db.FoldTallies(context.Background()); err != nil {
				t.Fatal(err)
			}
			if after := counted(t, db, 1, wallet.ByDay); !slices.Equal(before, after) || waiting() != 0 {
				t.Errorf("counted are %v, before they were added up %v; %d batches wait", after, before, waiting())
			}
			verifyClean(t, address)
		}
		closeNow()
	})
}

// Two servers that add up the same changes at once count each once.
func TestTwoServersAddUpTheSameChanges(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		all, closeAll := servers(t, address)
		openMarket(t, all[0])
		before := counted(t, all[0], 1, wallet.ByCurrency)
		crowd(4, func(caller int) {
			if err := all[caller%len(all)].FoldTallies(context.Background()); err != nil {
				t.Error(err)
			}
		})
		if after := counted(t, all[1], 1, wallet.ByCurrency); !slices.Equal(before, after) {
			t.Errorf("counted are %v, want %v", after, before)
		}
		verifyClean(t, address)
		closeAll()
	})
}

// Payments of before there were counters are counted when the database is opened, once.
func TestPaymentsOfBeforeAreCounted(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		before := counted(t, db, 1, wallet.ByDay)
		closeNow()
		behind := raw(t, address)
		for _, statement := range []string{`DELETE FROM tallies`, `DELETE FROM tally_changes`, `DELETE FROM project_flows`, `DELETE FROM settings WHERE name = 'tallies_filled'`} {
			if _, err := behind.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		behind.Close()
		for range 2 {
			db, closeNow = open(t, address)
			if after := counted(t, db, 1, wallet.ByDay); !slices.Equal(before, after) {
				t.Errorf("counted are %v, want %v", after, before)
			}
			verifyClean(t, address)
			closeNow()
		}
	})
}

// A counter that was altered, and a row that was taken away or put there, are named.
func TestVerifyNamesTheFirstCounterThatDiffers(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		if err := db.FoldTallies(context.Background()); err != nil {
			t.Fatal(err)
		}
		closeNow()
		forgive(t, address)
		for _, c := range []tampering{
			{"a count", `UPDATE tallies SET count = count + 1 WHERE kind = 'done'`, `^the counter of done in EUR on 2026-11-21 of project 1: how many payments is stored as \d+, and computed as \d+$`},
			{"a volume", `UPDATE tallies SET volume = volume + 1 WHERE kind = 'refund'`, `^the counter of refund in EUR on 2026-11-21 of project 1: their volume is stored as \d+\.\d\d EUR, and computed as `},
			{"a day", `UPDATE tallies SET day = day + 1 WHERE kind = 'paid'`, `^the counter of paid in EUR on 2026-11-21 of project 1: how many payments is stored as 0, and computed as \d+$`},
			{"a place", `UPDATE tallies SET location_id = 7 WHERE kind = 'reserved'`, `^the counter of reserved in EUR on 2026-11-21 of project 1: how many payments is stored as 0, `},
			{"a counter from nowhere", `INSERT INTO tallies (project_id, day, location_id, currency, kind, count, volume) VALUES (900, 20000, 5, 'EUR', 'paid', 1, 1)`,
				`^the counter of paid in EUR on 2024-10-04 of project 900 at place 5: how many payments is stored as 1, and computed as 0$`},
			{"two that cancel out", `UPDATE tallies SET count = count + CASE kind WHEN 'done' THEN 1 ELSE -1 END WHERE kind IN ('done', 'reserved')`, `^the counter of (done|reserved) in EUR`},
			{"changes that are none", `INSERT INTO tally_changes (id, changes) SELECT 999999, recent FROM project_flows`, `^the counter of `},
			{"the flows of a project", `DELETE FROM project_flows`, `^the flows of projects: the counter of (paid|refund) in EUR on 2026-11-21 of project 1: `},
			{"flows of nobody", `INSERT INTO project_flows (project_id, recent) SELECT 900, recent FROM project_flows`, `^the flows of project 900: `},
			{"when money was given back", `UPDATE entries SET at = at + 86400000000 WHERE kind = 'return'`, `^the counter of refund in EUR on 2026-11-21 of project 1: how many payments is stored as 2, and computed as 0$`},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := store.Verify(context.Background(), tamper(t, address, c.statement), nil)
				var difference *store.Difference
				if !errors.As(err, &difference) || !regexp.MustCompile(c.want).MatchString(err.Error()) {
					t.Errorf("found\n%v, want\n%s", err, c.want)
				}
			})
		}
	})
}
