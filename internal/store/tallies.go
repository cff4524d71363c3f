package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Counters of payments. A batch of money would change some five of them for each payment's life, at random in a large
// table, and two servers would wait for each other's. So it adds one row that says what changes, and every few seconds the rows of many
// batches are added up, in which most changes cancel out, and taken over into the counters. Who reads takes both together.

const insertTallyChanges = `INSERT INTO tally_changes (id, changes) VALUES ($1, $2)`

// batchBits are how many bits of the number of changes are the writer's batch; the rest is the writer. So they stand in the order
// in which each writer commits, in one tree.
const batchBits = 40

// countTallies adds what the batch changes of the counters to its effects.
func (e *effects) countTallies(m *MoneyTx) {
	changes := wallet.Tallies{}
	payments := map[int64]tallied{}
	for _, h := range m.transactions {
		if h.now == h.before {
			continue
		}
		if h.before != nil {
			countStatuses(h.before, -1, changes)
		}
		countStatuses(h.now, 1, changes)
		if len(e.entries) > 0 {
			for i := range h.now.Payments {
				p := &h.now.Payments[i]
				payments[p.ID] = tallied{h.now, p}
			}
		}
	}
	countEvents(e.entries, payments, changes)
	if len(changes) > 0 {
		e.others = append(e.others, statement{insertTallyChanges, []any{e.writer<<batchBits | e.batch, packTallies(changes)}})
	}
}

// tallied is a payment with its transaction.
type tallied struct {
	t *wallet.Transaction
	p *wallet.Payment
}

// countStatuses counts the payments of a transaction by their status, or takes them away again.
func countStatuses(t *wallet.Transaction, sign int64, into wallet.Tallies) {
	for i := range t.Payments {
		if k, tally, counted := t.StatusTally(&t.Payments[i]); counted {
			into.Count(k, wallet.Tally{Count: sign * tally.Count, Volume: sign * tally.Volume})
		}
	}
}

// countEvents counts what entries did. Those of one event follow each other, and a payment has each event once.
func countEvents(entries []ledger.Entry, payments map[int64]tallied, into wallet.Tallies) {
	var last struct {
		payment int64
		kind    wallet.TallyKind
	}
	for i := range entries {
		entry := &entries[i]
		of, known := payments[entry.PaymentID]
		if !known {
			continue
		}
		kind := of.t.EventOf(of.p, entry)
		if kind == "" {
			continue
		}
		tally := wallet.Tally{Volume: entry.Amount.Minor}
		if last.payment != entry.PaymentID || last.kind != kind {
			tally.Count, last.payment, last.kind = 1, entry.PaymentID, kind
		}
		into.Count(wallet.TallyKey{
			ProjectID: of.t.ProjectID, Day: wallet.DayOf(entry.At), LocationID: of.t.LocationID, Currency: entry.Amount.Currency, Kind: kind,
		}, tally)
	}
}

// tallyForm is the first byte of packed tallies, so that another form can follow.
const tallyForm = 1

func compareTallyKeys(a, b wallet.TallyKey) int {
	return cmp.Or(cmp.Compare(a.ProjectID, b.ProjectID), cmp.Compare(a.Day, b.Day), cmp.Compare(a.LocationID, b.LocationID),
		cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Kind, b.Kind))
}

// tallyCodes are what stands for the kinds in bytes; the numbers are never given to others.
var tallyCodes = map[wallet.TallyKind]byte{
	wallet.TallyKind(wallet.PaymentNew): 1, wallet.TallyKind(wallet.PaymentWaiting): 2, wallet.TallyKind(wallet.PaymentWaitingRegistration): 3,
	wallet.TallyKind(wallet.PaymentWaitingPassword): 4, wallet.TallyKind(wallet.PaymentReserved): 5, wallet.TallyKind(wallet.PaymentConfirmed): 6,
	wallet.TallyKind(wallet.PaymentDone): 7, wallet.TallyKind(wallet.PaymentCanceled): 8, wallet.TallyKind(wallet.PaymentRejected): 9,
	wallet.TallyKind(wallet.PaymentRevoked): 10, wallet.TallyKind(wallet.PaymentFailed): 11,
	wallet.TallyPaid: 32, wallet.TallyRefund: 33, wallet.TallyCashIn: 34, wallet.TallyCashOut: 35,
}

// tallyKinds are the kinds by their codes.
var tallyKinds = func() (kinds [64]wallet.TallyKind) {
	for kind, code := range tallyCodes {
		kinds[code] = kind
	}
	return kinds
}()

// packTallies writes tallies as bytes.
func packTallies(all wallet.Tallies) []byte {
	packed := make([]byte, 1, 1+20*len(all))
	packed[0] = tallyForm
	for k, tally := range all {
		packed = binary.AppendUvarint(packed, uint64(k.ProjectID))
		packed = binary.AppendVarint(packed, int64(k.Day))
		packed = binary.AppendUvarint(packed, uint64(k.LocationID))
		packed = append(packed, tallyCodes[k.Kind], byte(len(k.Currency)))
		packed = append(packed, k.Currency...)
		packed = binary.AppendVarint(packed, tally.Count)
		packed = binary.AppendVarint(packed, tally.Volume)
	}
	return packed
}

var errTallies = errors.New("the changes of counters are damaged")

// unpackTallies reads packed tallies.
func unpackTallies(packed []byte, each func(k wallet.TallyKey, t wallet.Tally)) error {
	if len(packed) == 0 || packed[0] != tallyForm {
		return errTallies
	}
	r := unpacker{rest: packed[1:]}
	for len(r.rest) > 0 {
		k := wallet.TallyKey{ProjectID: int64(r.unsigned()), Day: wallet.Day(r.signed()), LocationID: int64(r.unsigned())}
		k.Kind, k.Currency = r.kind(), money.Currency(r.text())
		tally := wallet.Tally{Count: r.signed(), Volume: r.signed()}
		if r.failed {
			return errTallies
		}
		each(k, tally)
	}
	return nil
}

// unpacker reads numbers and texts off bytes.
type unpacker struct {
	rest   []byte
	failed bool
}

func (r *unpacker) skip(n int) {
	if n <= 0 || n > len(r.rest) {
		r.rest, r.failed = nil, true
		return
	}
	r.rest = r.rest[n:]
}

func (r *unpacker) unsigned() uint64 {
	value, n := binary.Uvarint(r.rest)
	r.skip(n)
	return value
}

func (r *unpacker) signed() int64 {
	value, n := binary.Varint(r.rest)
	r.skip(n)
	return value
}

func (r *unpacker) kind() wallet.TallyKind {
	if len(r.rest) == 0 || int(r.rest[0]) >= len(tallyKinds) || tallyKinds[r.rest[0]] == "" {
		r.rest, r.failed = nil, true
		return ""
	}
	kind := tallyKinds[r.rest[0]]
	r.skip(1)
	return kind
}

func (r *unpacker) text() string {
	if len(r.rest) == 0 || len(r.rest) < 1+int(r.rest[0]) {
		r.rest, r.failed = nil, true
		return ""
	}
	text := string(r.rest[1 : 1+int(r.rest[0])])
	r.skip(1 + len(text))
	return text
}

// Limits of taking over what batches changed. Money waits for it on SQLite.
const (
	// foldInterval is how often that is done.
	foldInterval = 15 * time.Second
	// foldBatches is of how many batches in one transaction, foldKeys of about how many counters.
	foldBatches, foldKeys = 4000, 4000
	// tallyRows is how many counters one statement changes.
	tallyRows = 100
)

// runTallies takes over what batches changed until the database is closed.
func (db *DB) runTallies(ctx context.Context) {
	tick := time.NewTicker(foldInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := db.FoldTallies(ctx); err != nil && ctx.Err() == nil {
			db.Log.Warn("cannot add up the counters of payments; reading them takes longer until that is done", "error", err)
		}
	}
}

// FoldTallies takes over into the counters what batches of money changed of them until now. It does so by itself every few
// seconds; no answer depends on it.
func (db *DB) FoldTallies(ctx context.Context) error {
	for {
		var waits int64
		if err := db.queryRow(ctx, db.read, `SELECT count(*) FROM (SELECT 1 FROM tally_changes LIMIT 1) AS waits`).Scan(&waits); err != nil || waits == 0 {
			return err
		}
		if err := db.Update(ctx, (*Tx).foldTallies); err != nil {
			return err
		}
	}
}

// foldTallies takes over the changes of the first batches. Each writer's come in their order, and so go.
func (tx *Tx) foldTallies() error {
	changes, until := wallet.Tallies{}, map[int64]int64{}
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT id, changes FROM tally_changes ORDER BY id LIMIT $1`, foldBatches)
	if err != nil {
		return err
	}
	defer rows.Close()
	taken := int64(0)
	for len(changes) < foldKeys && rows.Next() {
		var id int64
		var packed sql.RawBytes
		if err := rows.Scan(&id, &packed); err != nil {
			return err
		}
		if err := unpackTallies(packed, changes.Count); err != nil {
			return fmt.Errorf("batch %d of writer %d: %w", id&(1<<batchBits-1), id>>batchBits, err)
		}
		until[id>>batchBits] = id
		taken++
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if err := tx.addTallies(changes); err != nil {
		return err
	}
	for _, writer := range slices.Sorted(maps.Keys(until)) {
		n, err := tx.exec(`DELETE FROM tally_changes WHERE id > $1 AND id <= $2`, writer<<batchBits, until[writer])
		if err != nil {
			return err
		}
		taken -= n
	}
	if taken != 0 {
		return errors.New("store: changes of counters came or went while they were taken over")
	}
	return nil
}

// addTallies adds to the counters, in the order of their keys.
func (tx *Tx) addTallies(changes wallet.Tallies) error {
	for some := range slices.Chunk(slices.SortedFunc(maps.Keys(changes), compareTallyKeys), tallyRows) {
		rows, args := make([]string, len(some)), make([]any, 0, 7*len(some))
		for i, k := range some {
			rows[i] = "(" + parameters(len(args)+1, 7) + ")"
			args = append(args, k.ProjectID, int64(k.Day), k.LocationID, string(k.Currency), string(k.Kind), changes[k].Count, changes[k].Volume)
		}
		_, err := tx.exec(`INSERT INTO tallies (project_id, day, location_id, currency, kind, count, volume) VALUES `+strings.Join(rows, ", ")+`
			ON CONFLICT (project_id, day, location_id, currency, kind) DO UPDATE
			SET count = tallies.count + excluded.count, volume = tallies.volume + excluded.volume`, args...)
		if err != nil {
			return err
		}
	}
	return tx.addFlows(changes)
}

// isEvent says whether a counter is of an event.
func isEvent(kind wallet.TallyKind) bool { return slices.Contains(wallet.TallyEvents(), kind) }

// keptFlowDays is how many days before its newest one the row of a project's flows reaches back: more than an overview
// looks at, for the case that clocks differ.
const keptFlowDays = 2 * wallet.OverviewDays

// addFlows adds to the flows of projects.
func (tx *Tx) addFlows(changes wallet.Tallies) error {
	byProject := map[int64]wallet.Tallies{}
	for k, tally := range changes {
		if !isEvent(k.Kind) {
			continue
		}
		if byProject[k.ProjectID] == nil {
			byProject[k.ProjectID] = wallet.Tallies{}
		}
		k.LocationID = 0
		byProject[k.ProjectID].Count(k, tally)
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(byProject)), tallyRows) {
		err := tx.db.eachFlow(tx.ctx, tx.Tx, some, func(k wallet.TallyKey, t wallet.Tally) { byProject[k.ProjectID].Count(k, t) })
		if err != nil {
			return err
		}
		rows, args := make([]string, len(some)), make([]any, 0, 2*len(some))
		for i, project := range some {
			rows[i] = "(" + parameters(len(args)+1, 2) + ")"
			args = append(args, project, packTallies(recentFlows(byProject[project])))
		}
		_, err = tx.exec(`INSERT INTO project_flows (project_id, recent) VALUES `+strings.Join(rows, ", ")+`
			ON CONFLICT (project_id) DO UPDATE SET recent = excluded.recent`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// recentFlows are those that are kept.
func recentFlows(all wallet.Tallies) wallet.Tallies {
	var newest wallet.Day
	for k := range all {
		newest = max(newest, k.Day)
	}
	maps.DeleteFunc(all, func(k wallet.TallyKey, _ wallet.Tally) bool { return k.Day <= newest-keptFlowDays })
	return all
}

// eachFlow reads the flows of some projects.
func (db *DB) eachFlow(ctx context.Context, q querier, projects []int64, each func(k wallet.TallyKey, t wallet.Tally)) error {
	rows, err := db.query(ctx, q, `SELECT project_id, recent FROM project_flows WHERE project_id IN (`+parameters(1, len(projects))+`)`, anys(projects)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var project int64
		var packed sql.RawBytes
		if err := rows.Scan(&project, &packed); err != nil {
			return err
		}
		if err := unpackTallies(packed, each); err != nil {
			return fmt.Errorf("the flows of project %d: %w", project, err)
		}
	}
	return rows.Err()
}

// eachChange reads what was not taken over yet, of all projects.
func (db *DB) eachChange(ctx context.Context, q querier, each func(k wallet.TallyKey, t wallet.Tally)) error {
	rows, err := db.query(ctx, q, `SELECT changes FROM tally_changes`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var packed sql.RawBytes
		if err := rows.Scan(&packed); err != nil {
			return err
		}
		if err := unpackTallies(packed, each); err != nil {
			return err
		}
	}
	return rows.Err()
}
