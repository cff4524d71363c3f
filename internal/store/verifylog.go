package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/merkle"
)

// leavesChecked is how many leaves are read at a time.
const leavesChecked = 1000

// storedRow is a transaction as it stands, with the leaf that it says changed it last.
type storedRow struct {
	merkle.Row
	lastLeaf int64
}

// storedRows reads transactions as they stand, by number.
func (db *DB) storedRows(ctx context.Context, q querier, ids []int64) (map[int64]storedRow, error) {
	found := make(map[int64]storedRow, len(ids))
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for some := range slices.Chunk(ids, entriesAtOnce) {
		rows, err := db.query(ctx, q, `SELECT id, status, client_id, project_id, location_id, wallet_id, created_at, document, last_leaf
			FROM transactions WHERE id IN (`+parameters(1, len(some))+`)`, anys(some)...)
		_, err = collect(rows, err, func(rows *sql.Rows) (r storedRow, err error) {
			err = rows.Scan(&r.ID, &r.Status, &r.ClientID, &r.ProjectID, &r.LocationID, &r.WalletID, &r.CreatedAt, &r.Document, &r.lastLeaf)
			found[r.ID] = r
			return r, err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// storedAllowance is an allowance as it stands, with the leaf that it says changed it last.
type storedAllowance struct {
	merkle.AllowanceRow
	lastLeaf int64
}

// storedAllowances reads allowances as they stand, by number.
func (db *DB) storedAllowances(ctx context.Context, q querier, ids []int64) (map[int64]storedAllowance, error) {
	found := make(map[int64]storedAllowance, len(ids))
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for some := range slices.Chunk(ids, entriesAtOnce) {
		rows, err := db.query(ctx, q, `SELECT id, status, client_id, project_id, transaction_id, wallet_id, created_at, document, last_leaf
			FROM allowances WHERE id IN (`+parameters(1, len(some))+`)`, anys(some)...)
		_, err = collect(rows, err, func(rows *sql.Rows) (r storedAllowance, err error) {
			err = rows.Scan(&r.ID, &r.Status, &r.ClientID, &r.ProjectID, &r.TransactionID, &r.WalletID, &r.CreatedAt, &r.Document, &r.lastLeaf)
			found[r.ID] = r
			return r, err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// allowancesOfLeaves are the allowances that leaves speak of.
func (v *verifier) allowancesOfLeaves(leaves []LoggedLeaf) (map[int64]storedAllowance, error) {
	var ids []int64
	for i := range leaves {
		for _, a := range leaves[i].Allowances {
			ids = append(ids, a.ID)
		}
	}
	return v.db.storedAllowances(v.ctx, v.tx, ids)
}

// rowsOfLeaves are the transactions that leaves speak of.
func (v *verifier) rowsOfLeaves(leaves []LoggedLeaf) (map[int64]storedRow, error) {
	var ids []int64
	for i := range leaves {
		for _, t := range leaves[i].Transactions {
			ids = append(ids, t.ID)
		}
	}
	return v.db.storedRows(v.ctx, v.tx, ids)
}

// leaves reads all leaves, some at a time: those of the log in its order, then those that wait for it.
func (v *verifier) leaves(size int64, do func(leaves []LoggedLeaf) error) error {
	rows, err := v.db.query(v.ctx, v.tx, `SELECT first, leaf, leaves FROM log_runs ORDER BY first`)
	runs, err := collect(rows, err, func(rows *sql.Rows) (r [3]int64, err error) {
		err = rows.Scan(&r[0], &r[1], &r[2])
		return r, err
	})
	if err != nil {
		return err
	}
	next := int64(0)
	for _, r := range runs {
		if r[0] != next || r[2] < 1 {
			return &Difference{"the log", "where its run at leaf " + strconv.FormatInt(r[1], 10) + " begins", strconv.FormatInt(r[0], 10), strconv.FormatInt(next, 10)}
		}
		for from := r[1]; from < r[1]+r[2]; from += leavesChecked {
			n := min(leavesChecked, r[1]+r[2]-from)
			leaves, err := v.db.loadLeaves(v.ctx, v.tx, `id >= $1 AND id < $2`, from, from+n)
			if err != nil {
				return err
			}
			for i := range n {
				if i >= int64(len(leaves)) || leaves[i].ID != from+i {
					return &Difference{fmt.Sprintf("leaf %d", from+i), "its row", "none", fmt.Sprintf("one: it is number %d of the log", next)}
				}
				leaves[i].Index = next
				next++
			}
			if err := do(leaves); err != nil {
				return err
			}
			if v.progress != nil {
				v.progress(Progress{"leaves", next, max(next, size)})
			}
		}
	}
	if next != size {
		return &Difference{"the log", "how many leaves its runs have", strconv.FormatInt(next, 10), strconv.FormatInt(size, 10)}
	}
	return v.waiting(do)
}

// waiting reads the leaves that are not in the log yet.
func (v *verifier) waiting(do func(leaves []LoggedLeaf) error) error {
	ranges, err := v.db.unsequenced(v.ctx, v.tx)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		for {
			leaves, err := v.db.loadLeaves(v.ctx, v.tx, `id IN (SELECT id FROM leaves WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3)`, r.after, r.end, leavesChecked)
			if err != nil {
				return err
			}
			if len(leaves) == 0 {
				break
			}
			if err := do(leaves); err != nil {
				return err
			}
			r.after = leaves[len(leaves)-1].ID
		}
	}
	return nil
}

// logVerifier compares the log with the journal and the transactions.
type logVerifier struct {
	*verifier
	state LogState
	// edge are the tiles that grow, as they were computed, and the tree so far.
	edge map[int]merkle.Tile
	tree tlog.Tree
	// named sums up the entries that leaves name, less those of the journal, by block.
	named  map[int64]uint64
	limits map[string]int64
	// transactions and allowances are the chains of leaves that changed them.
	transactions, allowances *chains
}

// chains are those of the leaves that changed things of one kind.
type chains struct {
	// what names a thing, table has them.
	what, table string
	// turns sums up the leaves that changed them, less those that another follows and those that the things name, by block.
	turns map[int64]uint64
	// changes tells what a leaf has changed.
	changes func(f *merkle.Leaf) []chained
	// removed are those that were deleted, and have no row any more: transactions alone.
	removed merkle.Deletions
}

// chained is a thing that a leaf changed, and the leaf before.
type chained struct{ id, previous int64 }

// transactionChains are those of transactions.
func transactionChains() *chains {
	return &chains{"transaction", "transactions", map[int64]uint64{}, func(f *merkle.Leaf) (all []chained) {
		for _, t := range f.Transactions {
			all = append(all, chained{t.ID, t.Previous})
		}
		return all
	}, merkle.Deletions{}}
}

// allowanceChains are those of allowances.
func allowanceChains() *chains {
	return &chains{"allowance", "allowances", map[int64]uint64{}, func(f *merkle.Leaf) (all []chained) {
		for _, a := range f.Allowances {
			all = append(all, chained{a.ID, a.Previous})
		}
		return all
	}, nil}
}

// log verifies that the leaves say what the journal and the transactions say, that the tree is of them, and that it is signed.
func (v *verifier) log() error {
	state, opened, err := v.db.logState(v.ctx, v.tx)
	if err != nil || !opened {
		return err
	}
	w := &logVerifier{verifier: v, state: state, edge: map[int]merkle.Tile{}, named: map[int64]uint64{}, limits: map[string]int64{}, transactions: transactionChains(), allowances: allowanceChains()}
	for _, step := range []func() error{
		func() error { return v.leaves(state.N, w.take) }, w.signed, w.entries, func() error { return w.chains(w.transactions) }, func() error { return w.chains(w.allowances) }, w.accounts,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *logVerifier) entryHash(id int64) uint64 { return maphash.Comparable(w.seed, [2]int64{-1, id}) }

func (w *logVerifier) turn(of, leaf int64) uint64 {
	return maphash.Comparable(w.seed, [3]int64{-2, of, leaf})
}

// take verifies some leaves.
func (w *logVerifier) take(leaves []LoggedLeaf) error {
	stored, err := w.rowsOfLeaves(leaves)
	if err != nil {
		return err
	}
	allowances, err := w.allowancesOfLeaves(leaves)
	if err != nil {
		return err
	}
	var logged []tlog.Hash
	for i := range leaves {
		f := &leaves[i]
		w.seen.Leaves++
		if wrong := w.judgeLeaf(f); wrong != nil {
			return wrong
		}
		if wrong := w.judgeRows(f, stored, allowances); wrong != nil {
			return wrong
		}
		w.link(w.transactions, f)
		w.link(w.allowances, f)
		if f.Index >= 0 {
			logged = append(logged, f.Hash)
		}
	}
	return w.grow(logged)
}

// name names a leaf.
func (f *LoggedLeaf) name() string {
	name := fmt.Sprintf("leaf %d", f.ID)
	if f.Index >= 0 {
		name += fmt.Sprintf(", number %d of the log", f.Index)
	}
	return name
}

// judgeLeaf compares a leaf with its hash and the journal.
func (w *logVerifier) judgeLeaf(f *LoggedLeaf) error {
	name := f.name()
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Kind == "" && e.At == 0 {
			return &Difference{name, fmt.Sprintf("its entry %d", e.ID), "not there", "in the journal"}
		}
		w.named[e.ID>>paymentBlock] += w.entryHash(e.ID)
	}
	if hash := f.Leaf.Hash(); hash != f.Hash {
		return &Difference{name, "its hash (of the journal's entries, and what it says of transactions)", hex.EncodeToString(f.Hash[:]), hex.EncodeToString(hash[:])}
	}
	for _, m := range f.Limits {
		w.limits[m.Account] += m.Now - m.Was
	}
	return nil
}

// judgeRows compares the rows of what a leaf was the last to change with what it says of them.
func (w *logVerifier) judgeRows(f *LoggedLeaf, transactions map[int64]storedRow, allowances map[int64]storedAllowance) error {
	differ := func(what string, id int64, said string, saidSum [32]byte, status string, sum [32]byte) error {
		if said == status && saidSum == sum {
			return nil
		}
		return &Difference{fmt.Sprintf("%s %d", what, id), "what " + f.name() + " says of its row", fmt.Sprintf("%s, of digest %x", said, saidSum),
			fmt.Sprintf("%s, of digest %x", status, sum)}
	}
	for _, t := range f.Transactions {
		row, exists := transactions[t.ID]
		if !exists {
			w.transactions.removed.Add(&t, f.ID)
		}
		if exists && row.lastLeaf == f.ID {
			if wrong := differ("transaction", t.ID, t.Status, t.Digest, row.Status, row.Digest(f.Salt)); wrong != nil {
				return wrong
			}
		}
	}
	for _, a := range f.Allowances {
		if row, exists := allowances[a.ID]; exists && row.lastLeaf == f.ID {
			if wrong := differ("allowance", a.ID, a.Status, a.Digest, row.Status, row.Digest(f.Salt)); wrong != nil {
				return wrong
			}
		}
	}
	return nil
}

// link takes up a leaf of the chains.
func (w *logVerifier) link(c *chains, f *LoggedLeaf) {
	for _, one := range c.changes(f.Leaf) {
		block := one.id >> paymentBlock
		c.turns[block] += w.turn(one.id, f.ID)
		if one.previous != 0 {
			c.turns[block] -= w.turn(one.id, one.previous)
		}
	}
}

// grow puts leaves into the tree that is computed, and compares whole tiles with those that are stored.
func (w *logVerifier) grow(hashes []tlog.Hash) error {
	if len(hashes) == 0 {
		return nil
	}
	root, tiles, err := merkle.Grow(w.tree.N, hashes, func(level int, _ int64) ([]byte, error) { return w.edge[level].Hashes, nil })
	if err != nil {
		return err
	}
	w.tree = tlog.Tree{N: w.tree.N + int64(len(hashes)), Hash: root}
	for _, t := range tiles {
		w.edge[t.Level] = t
		if len(t.Hashes) == tlog.HashSize<<merkle.TileHeight {
			if err := w.compareTile(t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *logVerifier) compareTile(t merkle.Tile) error {
	stored, err := w.db.logTile(w.ctx, w.tx, t.Level, t.Number)
	if err == nil && string(stored) != string(t.Hashes) {
		err = &Difference{fmt.Sprintf("tile %d of level %d", t.Number, t.Level), "its hashes", fmt.Sprintf("other than the leaves' (%d bytes)", len(stored)), "the leaves'"}
	}
	return err
}

// signed compares the tree with what is stored of it, and with what is signed.
func (w *logVerifier) signed() error {
	for _, level := range slices.Sorted(maps.Keys(w.edge)) {
		if err := w.compareTile(w.edge[level]); err != nil {
			return err
		}
	}
	if w.tree.N > 0 && w.tree.Hash != w.state.Hash {
		return &Difference{"the log", "its root", w.state.Hash.String(), w.tree.Hash.String()}
	}
	if w.state.Checkpoint == nil {
		return nil
	}
	keys, err := w.db.allLogKeys(w.ctx, w.tx)
	if err != nil {
		return err
	}
	origin, tree, err := merkle.OpenCheckpoint(w.state.Checkpoint, keys...)
	switch {
	case err != nil:
		return &Difference{"the log", "its checkpoint", err.Error(), "one that a key of the log has signed"}
	case origin != w.state.Origin || tree != w.state.Tree:
		return &Difference{"the log", "its checkpoint", fmt.Sprintf("of %s, with %d leaves and the root %v", origin, tree.N, tree.Hash),
			fmt.Sprintf("of %s, with %d leaves and the root %v", w.state.Origin, w.state.N, w.state.Hash)}
	}
	return nil
}

// KeptCheckpoint is a checkpoint of the log that somebody has kept.
type KeptCheckpoint struct {
	Origin string
	tlog.Tree
}

// Behind is the error of a log that does not go on from a checkpoint that was kept.
type Behind struct {
	Kept KeptCheckpoint
	// Origin is what the log is called, Size how many leaves it has.
	Origin string
	Size   int64
}

// Error says so, and how that comes about.
func (b *Behind) Error() string {
	const see = "docs/log.md, After a backup was restored"
	switch {
	case b.Kept.Origin != b.Origin:
		return fmt.Sprintf("the checkpoint that was kept is of the log %s, and this log is called %s: another one, or one that was begun anew (%s)", b.Kept.Origin, b.Origin, see)
	case b.Kept.N > b.Size:
		return fmt.Sprintf("the log has %d leaves, and had %d when the checkpoint that was kept was signed: what came last is gone, as after a backup was restored (%s)", b.Size, b.Kept.N, see)
	}
	return fmt.Sprintf("the log has %d leaves, and its first %d are not those of the checkpoint that was kept: it was altered, or went on in another way after a backup was restored (%s)", b.Size, b.Kept.N, see)
}

// goesOnFrom looks whether the log is that of the checkpoints with more behind it, or nothing.
func (v *verifier) goesOnFrom(kept []KeptCheckpoint) error {
	state, _, err := v.db.logState(v.ctx, v.tx)
	for _, k := range kept {
		if err != nil {
			return err
		}
		behind := &Behind{k, state.Origin, state.N}
		if k.Origin != state.Origin || k.N > state.N {
			return behind
		}
		var root tlog.Hash
		if root, err = v.db.logTree(v.ctx, v.tx, state).Root(k.N); err == nil && root != k.Hash {
			return behind
		}
	}
	return err
}

// allLogKeys are the public keys of the log, retired ones too.
func (db *DB) allLogKeys(ctx context.Context, q querier) ([]string, error) {
	rows, err := db.query(ctx, q, `SELECT public FROM log_keys ORDER BY id DESC`)
	return collect(rows, err, func(rows *sql.Rows) (public string, err error) {
		err = rows.Scan(&public)
		return public, err
	})
}

// entries compares the entries that leaves name with those that there are: each once.
func (w *logVerifier) entries() error {
	last, err := w.highest("entries")
	if err != nil {
		return err
	}
	err = w.each("entries of leaves", last, `SELECT id FROM entries ORDER BY id`, func(rows *sql.Rows) (int64, error) {
		id, err := scanID(rows)
		w.named[id>>paymentBlock] -= w.entryHash(id)
		return id, err
	})
	if err != nil {
		return err
	}
	for _, block := range slices.Sorted(maps.Keys(w.named)) {
		if w.named[block] != 0 {
			return w.explainNamed(block)
		}
	}
	return nil
}

// explainNamed finds the entry that no leaf names, or more than one.
func (w *logVerifier) explainNamed(block int64) error {
	times := map[int64]int{}
	err := w.leaves(w.state.N, func(leaves []LoggedLeaf) error {
		for i := range leaves {
			for _, e := range leaves[i].Entries {
				if e.ID>>paymentBlock == block {
					times[e.ID]++
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows, err := w.db.query(w.ctx, w.tx, `SELECT id FROM entries WHERE id >= $1 AND id < $2 ORDER BY id`, block<<paymentBlock, (block+1)<<paymentBlock)
	ids, err := collect(rows, err, scanID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if times[id] != 1 {
			return &Difference{fmt.Sprintf("entry %d", id), "how many leaves of the log name it", strconv.Itoa(times[id]), "1"}
		}
	}
	return fmt.Errorf("entries %d to %d: leaves and journal differ by a hash alone; run this again", block<<paymentBlock, (block+1)<<paymentBlock)
}

// chains compares the chains of leaves with the last ones that things name.
func (w *logVerifier) chains(c *chains) error {
	last, err := w.highest(c.table)
	if err != nil {
		return err
	}
	err = w.each(c.table+" of leaves", last, `SELECT id, last_leaf FROM `+c.table+` ORDER BY id`, func(rows *sql.Rows) (int64, error) {
		var id, leaf int64
		err := rows.Scan(&id, &leaf)
		c.turns[id>>paymentBlock] -= w.turn(id, leaf)
		return id, err
	})
	if err != nil {
		return err
	}
	for id := range c.removed {
		if leaf, ok := c.removed.Last(id); ok { // else it is explained below
			c.turns[id>>paymentBlock] -= w.turn(id, leaf)
		}
	}
	for _, block := range slices.Sorted(maps.Keys(c.turns)) {
		if c.turns[block] != 0 {
			return w.explain(c, block)
		}
	}
	return nil
}

// explain finds the thing whose chain of leaves is none, or does not end where it says. Of transactions that were removed for
// good, deleted ones, the leaves remain. It never returns nil.
func (w *logVerifier) explain(c *chains, block int64) error {
	told := map[int64]map[int64]int{} // by its number, how often leaves are told of, less how often they are followed
	err := w.leaves(w.state.N, func(leaves []LoggedLeaf) error {
		for i := range leaves {
			for _, one := range c.changes(leaves[i].Leaf) {
				if one.id>>paymentBlock != block {
					continue
				}
				if told[one.id] == nil {
					told[one.id] = map[int64]int{}
				}
				told[one.id][leaves[i].ID]++
				told[one.id][one.previous]--
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows, err := w.db.query(w.ctx, w.tx, `SELECT id, last_leaf FROM `+c.table+` WHERE id >= $1 AND id < $2`, block<<paymentBlock, (block+1)<<paymentBlock)
	lasts := map[int64]int64{}
	if _, err = collect(rows, err, func(rows *sql.Rows) (id int64, err error) {
		var leaf int64
		err = rows.Scan(&id, &leaf)
		lasts[id] = leaf
		return id, err
	}); err != nil {
		return err
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(told)), slices.Collect(maps.Keys(lasts))...)))) {
		last, exists := lasts[id]
		if !exists {
			last, exists = c.removed.Last(id)
		}
		ends := []int64{}
		for leaf, n := range told[id] {
			if leaf != 0 && n != 0 {
				ends = append(ends, leaf)
			}
		}
		if !exists || len(ends) != 1 || ends[0] != last {
			slices.Sort(ends)
			is := "no row"
			if exists {
				is = strconv.FormatInt(last, 10)
			}
			return &Difference{fmt.Sprintf("%s %d", c.what, id), "the leaf that changed it last", is, fmt.Sprint(ends)}
		}
	}
	return fmt.Errorf("%s %d to %d: leaves and rows differ by a hash alone; run this again", c.table, block<<paymentBlock, (block+1)<<paymentBlock)
}

// accounts compares the credit limits with what the leaves come to.
func (w *logVerifier) accounts() error {
	rows, err := w.db.query(w.ctx, w.tx, `SELECT purpose, wallet_id, currency, credit_limit FROM accounts WHERE credit_limit <> 0 ORDER BY id`)
	limits, err := collect(rows, err, func(rows *sql.Rows) (a merkle.Account, err error) {
		var purpose, currency string
		var wallet int64
		err = rows.Scan(&purpose, &wallet, &currency, &a.CreditLimit)
		a.Name = merkle.AccountName(purpose, wallet, currency)
		return a, err
	})
	if err != nil {
		return err
	}
	for _, a := range limits {
		if w.limits[a.Name] != a.CreditLimit {
			return &Difference{"account " + a.Name, "its credit limit", strconv.FormatInt(a.CreditLimit, 10), strconv.FormatInt(w.limits[a.Name], 10) + ", by the leaves"}
		}
		delete(w.limits, a.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(w.limits)) {
		if w.limits[name] != 0 {
			return &Difference{"account " + name, "its credit limit", "0", strconv.FormatInt(w.limits[name], 10) + ", by the leaves"}
		}
	}
	return nil
}

// ErrNotSigned says that the log has no checkpoint yet: a server that runs makes one.
var ErrNotSigned = errors.New("the log has no checkpoint yet: start the server once, which makes its key and signs it")

// A snapshot seldom has no leaf that waits for the log, and a moment later there may be one that has none: exportTries is how
// many are looked at, exportPause how long between them.
const (
	exportTries = 6
	exportPause = 250 * time.Millisecond
)

// Export writes the whole ledger as text (merkle.VerifyExport reads it), of one state of the database at that address, which
// it only reads. It looks for a state in which all leaves are signed, for a second or so. It returns how many leaves that were,
// and how many of them wait for the log and are not signed; they are in no balance.
func Export(ctx context.Context, address string, to io.Writer, progress func(Progress)) (leaves, waiting int64, err error) {
	db, err := openReading(address)
	if err != nil {
		return 0, 0, err
	}
	defer db.read.Close()
	v := &verifier{db: db, ctx: ctx, progress: progress}
	if err := v.signedSnapshot(); err != nil {
		return 0, 0, err
	}
	defer v.tx.Rollback()
	state, _, err := db.logState(ctx, v.tx)
	if err != nil {
		return 0, 0, err
	}
	if state.Checkpoint == nil {
		return 0, 0, ErrNotSigned
	}
	keys, err := db.signersOf(ctx, v.tx, state.Checkpoint)
	if err != nil {
		return 0, 0, err
	}
	x := &exporter{verifier: v, to: merkle.NewExporter(to, state.Origin, keys, state.Checkpoint), unsigned: map[string]*unsignedAccount{}}
	if err = v.leaves(state.N, x.leaves); err == nil {
		err = x.accounts()
	}
	return x.written, x.waiting, err
}

// signedSnapshot begins a snapshot, one without leaves that wait for the log where such a one comes by.
func (v *verifier) signedSnapshot() (err error) {
	for try := 1; ; try++ {
		if v.tx, err = v.db.snapshot(v.ctx); err != nil {
			return err
		}
		waiting := false
		if err = v.schema(); err == nil {
			err = v.waiting(func([]LoggedLeaf) error { waiting = true; return errEnough })
		}
		if err != nil && !errors.Is(err, errEnough) {
			return errors.Join(err, v.tx.Rollback())
		}
		if !waiting || try == exportTries {
			return nil
		}
		if err = v.tx.Rollback(); err != nil {
			return err
		}
		select {
		case <-v.ctx.Done():
			return v.ctx.Err()
		case <-time.After(exportPause):
		}
	}
}

// errEnough ends the reading of leaves.
var errEnough = errors.New("store: no more leaves are wanted")

// exporter writes a ledger.
type exporter struct {
	*verifier
	to               *merkle.Exporter
	written, waiting int64
	// unsigned is what leaves come to that wait for the log, by account.
	unsigned map[string]*unsignedAccount
}

// unsignedAccount is what an account holds by leaves that nobody has signed, and of how many entries.
type unsignedAccount struct {
	parts          [2]int64
	limit, entries int64
}

// leaves writes some leaves.
func (x *exporter) leaves(some []LoggedLeaf) error {
	stored, err := x.rowsOfLeaves(some)
	if err != nil {
		return err
	}
	allowances, err := x.allowancesOfLeaves(some)
	if err != nil {
		return err
	}
	for i := range some {
		f, rows := &some[i], merkle.Rows{Transactions: map[int64]merkle.Row{}, Allowances: map[int64]merkle.AllowanceRow{}}
		for _, t := range f.Transactions {
			if row, ok := stored[t.ID]; ok && row.lastLeaf == f.ID {
				rows.Transactions[t.ID] = row.Row
			}
		}
		for _, a := range f.Allowances {
			if row, ok := allowances[a.ID]; ok && row.lastLeaf == f.ID {
				rows.Allowances[a.ID] = row.AllowanceRow
			}
		}
		x.written++
		if f.Index < 0 {
			x.waiting++
			x.leaveOut(f)
		}
		if err := x.to.Leaf(f.Leaf, f.Hash, f.Index < 0, rows); err != nil {
			return err
		}
	}
	return nil
}

// leaveOut notes what a leaf that waits has done to accounts.
func (x *exporter) leaveOut(f *LoggedLeaf) {
	of := func(account string) *unsignedAccount {
		if x.unsigned[account] == nil {
			x.unsigned[account] = &unsignedAccount{}
		}
		return x.unsigned[account]
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		from, to := of(e.Debit), of(e.Credit)
		from.parts[e.DebitPart&1] -= e.Minor
		to.parts[e.CreditPart&1] += e.Minor
		from.entries++
		if from != to {
			to.entries++
		}
	}
	for _, m := range f.Limits {
		of(m.Account).limit += m.Now - m.Was
	}
}

// signersOf are the public keys that signed a checkpoint.
func (db *DB) signersOf(ctx context.Context, q querier, signed []byte) (signers []string, err error) {
	keys, err := db.allLogKeys(ctx, q)
	for _, key := range keys {
		if _, _, wrong := merkle.OpenCheckpoint(signed, key); wrong == nil {
			signers = append(signers, key)
		}
	}
	return signers, err
}

// accounts ends an exported ledger, with what the signed leaves come to.
func (x *exporter) accounts() error {
	rows, err := x.db.query(x.ctx, x.tx, `SELECT purpose, wallet_id, currency, available, reserved, credit_limit, entries FROM accounts`)
	all, err := collect(rows, err, func(rows *sql.Rows) (a merkle.Account, err error) {
		var purpose, currency string
		var wallet, entries int64
		err = rows.Scan(&purpose, &wallet, &currency, &a.Available, &a.Reserved, &a.CreditLimit, &entries)
		name := merkle.AccountName(purpose, wallet, currency)
		if less := x.unsigned[name]; less != nil {
			a.Available, a.Reserved, a.CreditLimit = a.Available-less.parts[0], a.Reserved-less.parts[1], a.CreditLimit-less.limit
			entries -= less.entries
		}
		if entries > 0 || a != (merkle.Account{}) {
			a.Name = name
		}
		return a, err
	})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(a merkle.Account) bool { return a.Name == "" })
	slices.SortFunc(all, func(a, b merkle.Account) int { return cmp.Compare(a.Name, b.Name) })
	for _, a := range all {
		if err := x.to.Account(a); err != nil {
			return err
		}
	}
	return x.to.End()
}
