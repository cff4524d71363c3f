package store

import (
	"context"
	"database/sql"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Counters worked out again: for what there was before there were any, and to prove them. Statuses and what was paid
// stand in transactions; what was given back, and when, in entries alone.

// countTransaction counts what a transaction says by itself.
func countTransaction(t *wallet.Transaction, count func(k wallet.TallyKey, tally wallet.Tally)) {
	for i := range t.Payments {
		p := &t.Payments[i]
		if k, tally, counted := t.StatusTally(p); counted {
			count(k, tally)
		}
		if k, tally, counted := t.CaptureTally(p); counted {
			count(k, tally)
		}
	}
}

// selectRefunds are the entries that wallet.GivesBack says, with their transactions.
const selectRefunds = `SELECT e.id, e.at, e.minor, e.debit_part, e.payment_id,
		t.id, t.version, t.status, t.client_id, t.project_id, t.location_id, t.wallet_id, t.created_at, t.last_leaf, t.document
	FROM entries e JOIN accounts d ON d.id = e.debit_account JOIN payments p ON p.id = e.payment_id JOIN transactions t ON t.id = p.transaction_id
	WHERE e.kind = $1 AND (e.debit_part = $2 OR d.purpose = $3)`

// countRefund counts one of selectRefunds, and returns its number.
func countRefund(rows *sql.Rows, count func(k wallet.TallyKey, tally wallet.Tally)) (entry int64, err error) {
	var at, minor, payment int64
	var part ledger.Part
	var row transactionRow
	if err := rows.Scan(append([]any{&entry, &at, &minor, &part, &payment}, row.fields()...)...); err != nil {
		return 0, err
	}
	t, err := row.transaction()
	if err != nil {
		return 0, err
	}
	p := t.Payment(payment)
	if p == nil {
		return 0, fmt.Errorf("transaction %d has no payment %d", t.ID, payment)
	}
	k, tally, lowered := t.RefundTally(p, fromMicros(at), part, minor)
	count(k, tally)
	if captured, _, counted := t.CaptureTally(p); lowered && counted {
		count(captured, wallet.Tally{Volume: minor})
	}
	return entry, nil
}

// filledTallies is the setting that says that all payments are counted.
const filledTallies = "tallies_filled"

// fillLimit is how long counting the payments of before may take: some minutes for ten million.
const fillLimit = 2 * time.Hour

// fillTallies counts the payments of before there were counters, once.
func (db *DB) fillTallies(ctx context.Context) error {
	return db.UpdateWithin(ctx, fillLimit, func(tx *Tx) error {
		done, err := tx.Setting(filledTallies)
		if err != nil || done != nil {
			return err
		}
		all := wallet.Tallies{}
		rows, err := db.query(tx.ctx, tx.Tx, `SELECT `+transactionColumns+` FROM transactions`)
		_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
			var row transactionRow
			if err = rows.Scan(row.fields()...); err != nil {
				return struct{}{}, err
			}
			t, err := row.transaction()
			if err == nil {
				countTransaction(t, all.Count)
			}
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
		rows, err = db.query(tx.ctx, tx.Tx, selectRefunds, wallet.KindReturn, ledger.Reserved, ledger.Commission)
		if _, err = collect(rows, err, func(rows *sql.Rows) (int64, error) { return countRefund(rows, all.Count) }); err != nil {
			return err
		}
		if err := tx.addTallies(all); err != nil {
			return err
		}
		return tx.SetSetting(filledTallies, []byte{1})
	})
}

// tallyBlock is how many projects share a sum, as a power of two.
const tallyBlock = 6

// tallied takes up what a counter comes to.
func (v *verifier) tallied(k wallet.TallyKey, t wallet.Tally) {
	type number struct {
		of     wallet.TallyKey
		volume bool
	}
	v.tallies[k.ProjectID>>tallyBlock] += (maphash.Comparable(v.seed, number{k, false})|1)*uint64(t.Count) + (maphash.Comparable(v.seed, number{k, true})|1)*uint64(t.Volume)
}

// refunds reads the entries that gave something back.
func (v *verifier) refunds(count func(k wallet.TallyKey, t wallet.Tally)) error {
	last, err := v.highest("entries")
	if err != nil {
		return err
	}
	return v.each("refunds", last, selectRefunds, func(rows *sql.Rows) (int64, error) { return countRefund(rows, count) },
		wallet.KindReturn, ledger.Reserved, ledger.Commission)
}

// stored reads the counters as they are stored, in both tables.
func (v *verifier) stored(count func(k wallet.TallyKey, t wallet.Tally)) error {
	last, err := v.one(`SELECT COALESCE(max(project_id), 0) FROM tallies`)
	if err != nil {
		return err
	}
	err = v.each("counters", last, `SELECT project_id, day, location_id, currency, kind, count, volume FROM tallies`, func(rows *sql.Rows) (int64, error) {
		var k wallet.TallyKey
		var t wallet.Tally
		err := rows.Scan(&k.ProjectID, &k.Day, &k.LocationID, &k.Currency, &k.Kind, &t.Count, &t.Volume)
		count(k, t)
		return k.ProjectID, err
	})
	if err != nil {
		return err
	}
	if err := v.db.eachChange(v.ctx, v.tx, count); err != nil {
		return &Difference{"the changes of counters", "what a batch has changed", "what cannot be read (" + err.Error() + ")", "counters and numbers"}
	}
	return nil
}

// compareTallies compares the counters with what documents, which were taken up before, and entries come to.
func (v *verifier) compareTallies() error {
	if err := v.refunds(v.tallied); err != nil {
		return err
	}
	err := v.stored(func(k wallet.TallyKey, t wallet.Tally) { v.tallied(k, wallet.Tally{}.Minus(t)) })
	if err != nil {
		return err
	}
	for _, block := range slices.Sorted(maps.Keys(v.tallies)) {
		if v.tallies[block] != 0 {
			return v.explainTallies(block)
		}
	}
	return nil
}

// explainTallies finds the first counter of a block of projects that is not what it must be.
func (v *verifier) explainTallies(block int64) error {
	into := func(all wallet.Tallies) func(k wallet.TallyKey, t wallet.Tally) {
		return func(k wallet.TallyKey, t wallet.Tally) {
			if k.ProjectID>>tallyBlock == block {
				all.Count(k, t)
			}
		}
	}
	is, ought := wallet.Tallies{}, wallet.Tallies{}
	err := v.transactions("payments again", 0, func(t *wallet.Transaction, _ sql.NullInt64) error {
		countTransaction(t, into(ought))
		return nil
	})
	if err == nil {
		err = v.refunds(into(ought))
	}
	if err == nil {
		err = v.stored(into(is))
	}
	if err != nil {
		return err
	}
	all := maps.Clone(is)
	maps.Copy(all, ought)
	for _, k := range slices.SortedFunc(maps.Keys(all), compareTallyKeys) {
		if is[k] != ought[k] {
			return tallyDifference(k, is[k], ought[k])
		}
	}
	return fmt.Errorf("the counters of projects %d to %d differ by a hash alone; run this again", block<<tallyBlock, (block+1)<<tallyBlock)
}

func tallyDifference(k wallet.TallyKey, is, ought wallet.Tally) *Difference {
	name := fmt.Sprintf("the counter of %s in %s on %s of project %d", k.Kind, k.Currency, k.Day, k.ProjectID)
	if k.LocationID != 0 {
		name += fmt.Sprintf(" at place %d", k.LocationID)
	}
	if is.Count != ought.Count {
		return &Difference{name, "how many payments", strconv.FormatInt(is.Count, 10), strconv.FormatInt(ought.Count, 10)}
	}
	text := func(minor int64) string { return money.Amount{Minor: minor, Currency: k.Currency}.String() }
	return &Difference{name, "their volume", text(is.Volume), text(ought.Volume)}
}

// flows compares what overviews read with the counters, of which it is a copy. Projects are read in pages.
func (v *verifier) flows() error {
	stray, err := v.one(`SELECT COALESCE(min(project_id), 0) FROM project_flows WHERE project_id NOT IN (SELECT project_id FROM tallies)`)
	if err != nil {
		return err
	}
	if stray != 0 {
		return &Difference{fmt.Sprintf("the flows of project %d", stray), "what they are", "some", "none: it has no counters"}
	}
	for after := int64(0); ; {
		rows, err := v.db.query(v.ctx, v.tx, `SELECT DISTINCT project_id FROM tallies WHERE project_id > $1 ORDER BY project_id LIMIT $2`, after, tallyRows)
		projects, err := collect(rows, err, scanID)
		if err != nil || len(projects) == 0 {
			return err
		}
		is := map[int64]wallet.Tallies{}
		for _, project := range projects {
			is[project] = wallet.Tallies{}
		}
		strange := int64(0)
		err = v.db.eachFlow(v.ctx, v.tx, projects, func(k wallet.TallyKey, t wallet.Tally) {
			if is[k.ProjectID] == nil {
				strange = k.ProjectID
				return
			}
			is[k.ProjectID].Count(k, t)
		})
		if err == nil && strange != 0 {
			err = fmt.Errorf("they name project %d", strange)
		}
		if err != nil {
			return &Difference{"the flows of projects", "what they are", "what cannot be read (" + err.Error() + ")", "counters and numbers"}
		}
		for _, project := range projects {
			if err := v.flowsOf(project, is[project]); err != nil {
				return err
			}
		}
		after = projects[len(projects)-1]
	}
}

// flowsOf compares the flows of one project.
func (v *verifier) flowsOf(project int64, is wallet.Tallies) error {
	events := wallet.TallyEvents()
	args := []any{project}
	for _, kind := range events {
		args = append(args, string(kind))
	}
	ofEvents := ` FROM tallies WHERE project_id = $1 AND kind IN (` + parameters(2, len(events)) + `)`
	rows, err := v.db.query(v.ctx, v.tx, `SELECT day, currency, kind, count, volume`+ofEvents+` AND day > (SELECT max(day)`+ofEvents+`) - `+strconv.Itoa(keptFlowDays), args...)
	ought := wallet.Tallies{}
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		k := wallet.TallyKey{ProjectID: project}
		var t wallet.Tally
		err := rows.Scan(&k.Day, &k.Currency, &k.Kind, &t.Count, &t.Volume)
		ought.Count(k, t)
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	ought = recentFlows(ought)
	all := maps.Clone(ought)
	maps.Copy(all, is)
	for _, k := range slices.SortedFunc(maps.Keys(all), compareTallyKeys) {
		if is[k] != ought[k] {
			d := tallyDifference(k, is[k], ought[k])
			d.Of = "the flows of projects: " + d.Of
			return d
		}
	}
	return nil
}
