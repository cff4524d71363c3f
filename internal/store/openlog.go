package store

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/secret"
)

// What there was before there was a log gets leaves of its own, when a server of a version that has one opens the database for
// the first time: as many entries as a leaf may have, in the order of their numbers, then the limits, then each transaction
// as it stands in a leaf of its own, so that its receipt tells nothing of others, then each allowance in one of its own. From then on the log covers everything.
// Nothing moves money meanwhile; servers of older versions must have been stopped.

// openedUpTo is the setting that holds up to which entry, and then which transaction, has its leaf.
const (
	openedEntryUpTo       = "log_opened_entry"
	openedLimits          = "log_opened_limits"
	openedTransactionUpTo = "log_opened_transaction"
	// openedAllowances says that allowances have theirs: a log may be older than that they are in it.
	openedAllowances = "log_opened_allowances"
)

// openLog makes those leaves, where that is still to be done.
func (db *DB) openLog(ctx context.Context) error {
	_, opened, err := db.logState(ctx, db.read)
	if err != nil {
		return err
	}
	if done, err := db.Setting(ctx, openedAllowances); err != nil || opened && done != nil {
		return err
	}
	var rows int64
	if err := db.queryRow(ctx, db.read, `SELECT (SELECT count(*) FROM entries) + (SELECT count(*) FROM transactions) + (SELECT count(*) FROM allowances)`).Scan(&rows); err != nil {
		return err
	}
	began := db.Log.With("entries_transactions_allowances", rows)
	if rows > 0 { // otherwise the database is new
		began.Info("what there was before the ledger had a log gets its leaves, once: nothing is answered before that is done")
	}
	for again := 1; ; again++ {
		var done bool
		err := db.Update(ctx, func(tx *Tx) (err error) {
			done, err = tx.openSome()
			return err
		})
		if err != nil {
			return err
		}
		if done && rows > 0 {
			began.Info("what there was before the ledger had a log has its leaves")
		}
		if done {
			return nil
		}
		if again%openingSaid == 0 {
			began.Info("what there was before the ledger had a log gets its leaves", "done_at_most", again*openedAtOnce)
		}
	}
}

// openingSaid is after how many of these updates the operator is told how far it has come.
const openingSaid = 16

// openSome makes some of them; done says that none are left.
func (tx *Tx) openSome() (done bool, err error) {
	s, opened, err := tx.db.logState(tx.ctx, tx.Tx)
	if err != nil {
		return true, err
	}
	if opened {
		more, err := tx.openAllowances()
		return !more, err
	}
	if _, err := tx.exec(`INSERT INTO log_state (id, opened, size, root, origin, checkpoint) VALUES (1, 0, 0, $1, '', $2)
		ON CONFLICT (id) DO NOTHING`, s.Hash[:], []byte{}); err != nil {
		return false, err
	}
	for _, step := range []func() (bool, error){tx.openEntries, tx.openLimits, tx.openTransactions} {
		if some, err := step(); err != nil || some {
			return false, err
		}
	}
	_, err = tx.exec(`UPDATE log_state SET opened = 1 WHERE id = 1`)
	return false, err
}

// upTo reads how far a step has come.
func (tx *Tx) upTo(name string) (n int64, err error) {
	text, err := tx.Setting(name)
	for _, c := range text {
		n = n*10 + int64(c-'0')
	}
	return n, err
}

func (tx *Tx) openEntries() (bool, error) {
	after, err := tx.upTo(openedEntryUpTo)
	if err != nil {
		return false, err
	}
	rows, err := tx.db.query(tx.ctx, tx.Tx, selectLeafEntries+` WHERE e.id > $1 ORDER BY e.id LIMIT $2`, after, openedAtOnce)
	entries, err := collect(rows, err, scanLeafEntry)
	if err != nil || len(entries) == 0 {
		return false, err
	}
	var leaves []merkle.Leaf
	for len(entries) > 0 {
		some := entries[:min(len(entries), openedEntries)]
		leaves = append(leaves, merkle.Leaf{Entries: some})
		after, entries = some[len(some)-1].ID, entries[len(some):]
	}
	_, err = tx.addOpening(leaves)
	if err == nil {
		err = tx.setUpTo(openedEntryUpTo, after)
	}
	return true, err
}

// openLimits makes one leaf of all credit limits, once.
func (tx *Tx) openLimits() (bool, error) {
	if done, err := tx.upTo(openedLimits); err != nil || done > 0 {
		return false, err
	}
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT purpose, wallet_id, currency, credit_limit FROM accounts WHERE credit_limit <> 0 ORDER BY id`)
	limits, err := collect(rows, err, func(rows *sql.Rows) (m merkle.Limit, err error) {
		var purpose, currency string
		var wallet int64
		err = rows.Scan(&purpose, &wallet, &currency, &m.Now)
		m.Account = merkle.AccountName(purpose, wallet, currency)
		return m, err
	})
	if err != nil {
		return false, err
	}
	if len(limits) > 0 {
		if _, err := tx.addOpening([]merkle.Leaf{{Limits: limits}}); err != nil {
			return false, err
		}
	}
	return true, tx.setUpTo(openedLimits, 1)
}

func (tx *Tx) openTransactions() (bool, error) {
	after, err := tx.upTo(openedTransactionUpTo)
	if err != nil {
		return false, err
	}
	found, err := tx.db.transactionsIn(tx.ctx, tx.Tx, `id > $1 ORDER BY id LIMIT $2`, after, openedAtOnce)
	if err != nil || len(found) == 0 {
		return false, err
	}
	ids := make([]int64, len(found))
	for i, t := range found {
		ids[i] = t.ID
	}
	stored, err := tx.db.storedRows(tx.ctx, tx.Tx, ids)
	if err != nil {
		return false, err
	}
	leaves := make([]merkle.Leaf, len(found))
	for i, t := range found {
		leaves[i].Salt = [16]byte(secret.RandomBytes(16))
		leaves[i].Transactions = []merkle.Transaction{leafTransaction(t, 0, stored[t.ID].Document, leaves[i].Salt)}
	}
	first, err := tx.addOpening(leaves)
	if err != nil {
		return false, err
	}
	for i, t := range found {
		if _, err := tx.exec(`UPDATE transactions SET last_leaf = $2 WHERE id = $1`, t.ID, first+int64(i)); err != nil {
			return false, err
		}
		after = t.ID
	}
	return true, tx.setUpTo(openedTransactionUpTo, after)
}

// openAllowances makes leaves of some that have none.
func (tx *Tx) openAllowances() (more bool, err error) {
	found, err := tx.db.allowancesIn(tx.ctx, tx.Tx, `last_leaf = 0 ORDER BY id LIMIT $1`, openedAtOnce)
	if err != nil {
		return false, err
	}
	if len(found) == 0 {
		return false, tx.setUpTo(openedAllowances, 1)
	}
	ids := make([]int64, len(found))
	for i, a := range found {
		ids[i] = a.ID
	}
	stored, err := tx.db.storedAllowances(tx.ctx, tx.Tx, ids)
	if err != nil {
		return false, err
	}
	leaves := make([]merkle.Leaf, len(found))
	for i, a := range found {
		leaves[i].Salt = [16]byte(secret.RandomBytes(16))
		leaves[i].Allowances = []merkle.Allowance{leafAllowance(a, 0, stored[a.ID].Document, leaves[i].Salt)}
	}
	first, err := tx.addOpening(leaves)
	if err != nil {
		return false, err
	}
	for i, a := range found {
		if _, err := tx.exec(`UPDATE allowances SET last_leaf = $2 WHERE id = $1`, a.ID, first+int64(i)); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (tx *Tx) setUpTo(name string, n int64) error {
	return tx.SetSetting(name, strconv.AppendInt(nil, n, 10))
}

// addOpening adds leaves of writer 0, which made those of before there was a log. It returns the number of the first.
func (tx *Tx) addOpening(leaves []merkle.Leaf) (first int64, err error) {
	if err := tx.queryRow(tx.ctx, `SELECT COALESCE(max(id), 0) + 1 FROM leaves WHERE id < $1`, firstLeaf(1)).Scan(&first); err != nil {
		return 0, err
	}
	at := micros(tx.db.Now())
	for i := range leaves {
		f := &leaves[i]
		f.ID, f.At = first+int64(i), at
		if f.Salt == ([16]byte{}) {
			f.Salt = [16]byte(secret.RandomBytes(16))
		}
		hash := f.Hash()
		if _, err := tx.exec(insertLeaf, f.ID, hash[:], f.Record()); err != nil {
			return 0, err
		}
	}
	return first, nil
}
