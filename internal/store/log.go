package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// The log: leaves that were committed are put into it in runs, by one server at a time. It only grows. What a batch of leaves
// becomes is computed beside the database, and written in a transaction that looks whether the log still is what it was.

// Limits of the log.
const (
	// sequencedAtOnce is how many leaves are put into the log in one transaction.
	sequencedAtOnce = 1 << 15
	// sequencedWriters is how many writers' leaves are read in one statement, and with it in one state of the database.
	sequencedWriters = 32
	// openedAtOnce is how many transactions, or entries, of before there was a log get their leaves in one transaction, and
	// openedEntries how many entries one leaf has then.
	openedAtOnce, openedEntries = 2048, 256
)

// LogState is how far the log has come.
type LogState struct {
	// Origin is what the log is called; empty while it has no key.
	Origin string
	tlog.Tree
	// Checkpoint is the newest, signed; nil while there is none.
	Checkpoint []byte
}

// logState reads it.
func (db *DB) logState(ctx context.Context, q querier) (s LogState, opened bool, err error) {
	var root []byte
	err = db.queryRow(ctx, q, `SELECT opened, size, root, origin, checkpoint FROM log_state WHERE id = 1`).Scan(&opened, &s.N, &root, &s.Origin, &s.Checkpoint)
	if errors.Is(err, sql.ErrNoRows) {
		s.Hash, err = tlog.TreeHash(0, nil)
		return s, false, err
	}
	copy(s.Hash[:], root)
	if len(s.Checkpoint) == 0 {
		s.Checkpoint = nil
	}
	return s, opened, err
}

// LogState returns how far the log has come.
func (db *DB) LogState(ctx context.Context) (LogState, error) {
	s, _, err := db.logState(ctx, db.read)
	return s, err
}

// LogTile returns the hashes of a tile, nil where there are none.
func (db *DB) LogTile(ctx context.Context, level int, number int64) ([]byte, error) {
	return db.logTile(ctx, db.read, level, number)
}

func (db *DB) logTile(ctx context.Context, q querier, level int, number int64) (hashes []byte, err error) {
	err = db.queryRow(ctx, q, `SELECT hashes FROM log_tiles WHERE level = $1 AND number = $2`, level, number).Scan(&hashes)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return hashes, err
}

// LogTree is the log as it was in a state, with its tiles.
func (db *DB) LogTree(ctx context.Context, s LogState) merkle.Tree {
	return db.logTree(ctx, db.read, s)
}

func (db *DB) logTree(ctx context.Context, q querier, s LogState) merkle.Tree {
	return merkle.Tree{Tree: s.Tree, Read: func(level int, number int64) ([]byte, error) { return db.logTile(ctx, q, level, number) }}
}

// LogKey is a key that signs checkpoints.
type LogKey struct {
	// Public is the public key (C2SP signed-note).
	Public    string
	CreatedAt time.Time
	// RetiresAt is when it ceases to sign; zero for the newest.
	RetiresAt time.Time
	sealed    []byte
}

// logKeyPlace is where a private key is sealed for.
func logKeyPlace(public string) string { return "log_keys:" + public }

// LogKeys returns the keys that sign at that time, the newest first.
func (db *DB) LogKeys(ctx context.Context, now time.Time) ([]LogKey, error) {
	return db.logKeys(ctx, db.read, now)
}

func (db *DB) logKeys(ctx context.Context, q querier, now time.Time) ([]LogKey, error) {
	rows, err := db.query(ctx, q, `SELECT public, sealed, created_at, retires_at FROM log_keys WHERE retires_at IS NULL OR retires_at > $1 ORDER BY id DESC`, micros(now))
	return collect(rows, err, func(rows *sql.Rows) (k LogKey, err error) {
		var created int64
		var retires sql.NullInt64
		err = rows.Scan(&k.Public, &k.sealed, &created, &retires)
		k.CreatedAt = fromMicros(created)
		if retires.Valid {
			k.RetiresAt = fromMicros(retires.Int64)
		}
		return k, err
	})
}

// NameLog gives the log its name and its first key, where it has none. It returns the name that it has.
func (tx *Tx) NameLog(origin string) (string, error) {
	s, _, err := tx.db.logState(tx.ctx, tx.Tx)
	if err != nil || s.Origin != "" {
		return s.Origin, err
	}
	if _, err := tx.exec(`UPDATE log_state SET origin = $1 WHERE id = 1`, origin); err != nil {
		return "", err
	}
	return origin, tx.addLogKey(origin)
}

// RotateLogKey makes a new key; those of before go on signing beside it until they retire.
func (tx *Tx) RotateLogKey(retireAt time.Time) error {
	s, _, err := tx.db.logState(tx.ctx, tx.Tx)
	if err != nil {
		return err
	}
	if s.Origin == "" {
		return wallet.Errorf(wallet.InvalidState, "the log has no key yet: start the server once.")
	}
	if _, err := tx.exec(`UPDATE log_keys SET retires_at = $1 WHERE retires_at IS NULL`, micros(retireAt)); err != nil {
		return err
	}
	if err := tx.addLogKey(s.Origin); err != nil {
		return err
	}
	signed, err := tx.signLog(s.Origin, s.Tree)
	if err != nil {
		return err
	}
	_, err = tx.exec(`UPDATE log_state SET checkpoint = $1, signed_at = $2 WHERE id = 1`, signed, micros(tx.db.Now()))
	return err
}

func (tx *Tx) addLogKey(origin string) error {
	private, public, err := merkle.NewKey(secret.Reader, origin)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO log_keys (id, public, sealed, created_at) SELECT COALESCE(max(id), 0) + 1, $1, $2, CAST($3 AS BIGINT) FROM log_keys`,
		public, tx.db.Box.Seal(secret.Text(private), logKeyPlace(public)), micros(tx.db.Now()))
	return err
}

// signLog signs the log with all keys that sign now.
func (tx *Tx) signLog(origin string, tree tlog.Tree) ([]byte, error) {
	keys, err := tx.db.logKeys(tx.ctx, tx.Tx, tx.db.Now())
	if err != nil {
		return nil, err
	}
	private := make([]string, len(keys))
	for i, k := range keys {
		opened, err := tx.db.Box.Open(k.sealed, logKeyPlace(k.Public))
		if err != nil {
			return nil, err
		}
		private[i] = opened.Reveal()
	}
	return merkle.SignCheckpoint(origin, tree, private...)
}

// committedLeaf is a leaf that may not be in the log yet.
type committedLeaf struct {
	id   int64
	hash tlog.Hash
}

// leafRange are leaves of one writer, after one of them.
type leafRange struct{ after, end int64 }

// unsequenced are the ranges in which leaves may wait for the log.
func (db *DB) unsequenced(ctx context.Context, q querier) ([]leafRange, error) {
	rows, err := db.query(ctx, q, `SELECT writer, leaf FROM log_writers ORDER BY writer`)
	return collect(rows, err, func(rows *sql.Rows) (r leafRange, err error) {
		var writer int64
		err = rows.Scan(&writer, &r.after)
		r.after, r.end = max(r.after, firstLeaf(writer)), firstLeaf(writer+1)
		return r, err
	})
}

// waitingLeaves returns leaves that wait for the log, in the order of their numbers. What one statement reads is one state of
// the database: with a leaf, it sees all that were committed before.
func (db *DB) waitingLeaves(ctx context.Context, q querier, ranges []leafRange) ([]committedLeaf, error) {
	parts, args := make([]string, len(ranges)), make([]any, 0, 2*len(ranges))
	for i, r := range ranges {
		parts[i] = fmt.Sprintf(`SELECT * FROM (SELECT id, hash FROM leaves WHERE id > $%d AND id < $%d ORDER BY id LIMIT %d) AS w%d`, 2*i+1, 2*i+2, sequencedAtOnce, i)
		args = append(args, r.after, r.end)
	}
	rows, err := db.query(ctx, q, strings.Join(parts, ` UNION ALL `), args...)
	return collect(rows, err, func(rows *sql.Rows) (l committedLeaf, err error) {
		var hash []byte
		err = rows.Scan(&l.id, &hash)
		copy(l.hash[:], hash)
		return l, err
	})
}

// errMoved says that another server has put leaves into the log meanwhile.
var errMoved = errors.New("store: the log has grown meanwhile")

// Sequence puts the leaves that were committed into the log, and signs it. It returns how many those were. Several servers may
// do so at once: all but one of them find that the log has grown meanwhile, and have done nothing.
func (db *DB) Sequence(ctx context.Context) (n int, err error) {
	for {
		more, err := db.sequenceOnce(ctx)
		if errors.Is(err, errMoved) {
			return n, nil
		}
		if n += more; err != nil || more < sequencedAtOnce {
			return n, err
		}
	}
}

// SequenceOnce does the same with so many leaves as go into one transaction: a caller who waits does not wait for all that
// others have left.
func (db *DB) SequenceOnce(ctx context.Context) (int, error) {
	n, err := db.sequenceOnce(ctx)
	if errors.Is(err, errMoved) {
		return 0, nil
	}
	return n, err
}

func (db *DB) sequenceOnce(ctx context.Context) (int, error) {
	s, _, err := db.logState(ctx, db.read)
	if err != nil || s.Origin == "" {
		return 0, err
	}
	ranges, err := db.unsequenced(ctx, db.read)
	if err != nil {
		return 0, err
	}
	var leaves []committedLeaf
	for len(ranges) > 0 && len(leaves) < sequencedAtOnce {
		some := ranges[:min(len(ranges), sequencedWriters)]
		more, err := db.waitingLeaves(ctx, db.read, some)
		if err != nil {
			return 0, err
		}
		leaves, ranges = append(leaves, more...), ranges[len(some):]
	}
	leaves = leaves[:min(len(leaves), sequencedAtOnce)]
	if len(leaves) == 0 && s.Checkpoint != nil {
		return 0, nil
	}
	hashes := make([]tlog.Hash, len(leaves))
	for i := range leaves {
		hashes[i] = leaves[i].hash
	}
	root, tiles, err := merkle.Grow(s.N, hashes, s.readEdge(ctx, db))
	if err != nil {
		return 0, err
	}
	grown := tlog.Tree{N: s.N + int64(len(leaves)), Hash: root}
	err = db.Update(ctx, func(tx *Tx) error { return tx.growLog(s, grown, leaves, tiles) })
	return len(leaves), err
}

// readEdge reads the tiles at the right edge of the log.
func (s *LogState) readEdge(ctx context.Context, db *DB) func(level int, number int64) ([]byte, error) {
	return func(level int, number int64) ([]byte, error) { return db.LogTile(ctx, level, number) }
}

// growLog writes what leaves have made of the log.
func (tx *Tx) growLog(was LogState, grown tlog.Tree, leaves []committedLeaf, tiles []merkle.Tile) error {
	signed, err := tx.signLog(was.Origin, grown)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE log_state SET size = $1, root = $2, checkpoint = $3, signed_at = $5 WHERE id = 1 AND size = $4`,
		grown.N, grown.Hash[:], signed, was.N, micros(tx.db.Now()))
	if err == nil && n == 0 {
		err = errMoved
	}
	if err != nil {
		return err
	}
	for _, t := range tiles {
		if _, err := tx.exec(`INSERT INTO log_tiles (level, number, hashes) VALUES ($1, $2, $3)
			ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes`, t.Level, t.Number, t.Hashes); err != nil {
			return err
		}
	}
	for first := 0; first < len(leaves); {
		end := first + 1
		for end < len(leaves) && leaves[end].id == leaves[end-1].id+1 {
			end++
		}
		if err := tx.addRun(was.N+int64(first), leaves[first].id, int64(end-first)); err != nil {
			return err
		}
		if end == len(leaves) || leaves[end].id>>leafBits != leaves[first].id>>leafBits {
			if _, err := tx.exec(`UPDATE log_writers SET leaf = $2 WHERE writer = $1`, leaves[first].id>>leafBits, leaves[end-1].id); err != nil {
				return err
			}
		}
		first = end
	}
	return nil
}

// addRun adds leaves in a row to the log; one run grows as long as it can.
func (tx *Tx) addRun(first, leaf, leaves int64) error {
	n, err := tx.exec(`UPDATE log_runs SET leaves = leaves + CAST($3 AS BIGINT) WHERE first = (SELECT max(first) FROM log_runs)
		AND first + leaves = CAST($1 AS BIGINT) AND leaf + leaves = CAST($2 AS BIGINT)`, first, leaf, leaves)
	if err != nil || n > 0 {
		return err
	}
	_, err = tx.exec(`INSERT INTO log_runs (first, leaf, leaves) VALUES ($1, $2, $3)`, first, leaf, leaves)
	return err
}

// ForgetLogWriters forgets writers that are gone, and whose leaves are all in the log.
func (db *DB) ForgetLogWriters(ctx context.Context) error {
	return db.Update(ctx, func(tx *Tx) error {
		_, err := tx.exec(fmt.Sprintf(`DELETE FROM log_writers WHERE writer > 0 AND NOT EXISTS (SELECT 1 FROM writers w WHERE w.id = log_writers.writer)
			AND NOT EXISTS (SELECT 1 FROM leaves l WHERE l.id > log_writers.leaf AND l.id < (log_writers.writer + 1) * %d)`, int64(1)<<leafBits))
		return err
	})
}

// LoggedLeaf is a leaf with its place in the log.
type LoggedLeaf struct {
	*merkle.Leaf
	// Hash is the one that was committed.
	Hash tlog.Hash
	// Index is its place, -1 while it waits for one.
	Index int64
}

// LeavesOfTransaction returns the leaves that changed a transaction, the newest first, so many at most.
func (db *DB) LeavesOfTransaction(ctx context.Context, t *wallet.Transaction, limit int) ([]LoggedLeaf, error) {
	var all []LoggedLeaf
	for id := t.LastLeaf; id != 0 && len(all) < limit; {
		found, err := db.loadLeaves(ctx, db.read, `id = $1`, id)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("store: transaction %d names leaf %d, which is not there", t.ID, id)
		}
		leaf := found[0]
		if leaf.Index, err = db.indexOf(ctx, id); err != nil {
			return nil, err
		}
		all = append(all, leaf)
		id = 0
		for _, said := range leaf.Transactions {
			if said.ID == t.ID {
				id = said.Previous
			}
		}
	}
	return all, nil
}

// indexOf is the place of a leaf in the log, -1 for none.
func (db *DB) indexOf(ctx context.Context, leaf int64) (int64, error) {
	var first, start, leaves int64
	err := db.queryRow(ctx, db.read, `SELECT first, leaf, leaves FROM log_runs WHERE leaf <= $1 ORDER BY leaf DESC LIMIT 1`, leaf).Scan(&first, &start, &leaves)
	if errors.Is(err, sql.ErrNoRows) || err == nil && leaf >= start+leaves {
		return -1, nil
	}
	return first + leaf - start, err
}

// loadLeaves reads leaves, in the order of their numbers, with their entries as the journal has them.
func (db *DB) loadLeaves(ctx context.Context, q querier, condition string, args ...any) ([]LoggedLeaf, error) {
	rows, err := db.query(ctx, q, `SELECT id, hash, record FROM leaves WHERE `+condition+` ORDER BY id`, args...)
	leaves, err := collect(rows, err, func(rows *sql.Rows) (l LoggedLeaf, err error) {
		var id int64
		var hash, record []byte
		if err := rows.Scan(&id, &hash, &record); err != nil {
			return l, err
		}
		copy(l.Hash[:], hash)
		l.Index = -1
		if l.Leaf, err = merkle.ParseRecord(id, record); err != nil {
			return l, &Difference{fmt.Sprintf("leaf %d", id), "its record", "what cannot be read", "one of the leaf"}
		}
		return l, nil
	})
	if err != nil {
		return nil, err
	}
	return leaves, db.loadEntries(ctx, q, leaves)
}

// entriesAtOnce is how many entries one statement reads by their numbers.
const entriesAtOnce = 1000

// loadEntries completes the entries of leaves. One that is not there stays as it is, with nothing but its number.
func (db *DB) loadEntries(ctx context.Context, q querier, leaves []LoggedLeaf) error {
	want := map[int64][]*merkle.Entry{}
	var ids []any
	for i := range leaves {
		for k := range leaves[i].Entries {
			e := &leaves[i].Entries[k]
			if want[e.ID] == nil {
				ids = append(ids, e.ID)
			}
			want[e.ID] = append(want[e.ID], e)
		}
	}
	for len(ids) > 0 {
		some := ids[:min(len(ids), entriesAtOnce)]
		ids = ids[len(some):]
		rows, err := db.query(ctx, q, selectLeafEntries+` WHERE e.id IN (`+parameters(1, len(some))+`)`, some...)
		found, err := collect(rows, err, scanLeafEntry)
		if err != nil {
			return err
		}
		for _, e := range found {
			for _, to := range want[e.ID] {
				*to = e
			}
		}
	}
	return nil
}

const selectLeafEntries = `SELECT e.id, e.at, e.kind, e.minor, e.debit_part, e.credit_part, e.debit_after, e.credit_after, e.debit_previous, e.credit_previous,
	e.payment_id, e.details, d.purpose, d.wallet_id, d.currency, c.purpose, c.wallet_id, c.currency
	FROM entries e JOIN accounts d ON d.id = e.debit_account JOIN accounts c ON c.id = e.credit_account`

func scanLeafEntry(rows *sql.Rows) (e merkle.Entry, err error) {
	var purposes, currencies [2]string
	var wallets [2]int64
	err = rows.Scan(&e.ID, &e.At, &e.Kind, &e.Minor, &e.DebitPart, &e.CreditPart, &e.DebitAfter, &e.CreditAfter, &e.DebitPrevious, &e.CreditPrevious,
		&e.PaymentID, &e.Details, &purposes[0], &wallets[0], &currencies[0], &purposes[1], &wallets[1], &currencies[1])
	e.Debit, e.Credit = merkle.AccountName(purposes[0], wallets[0], currencies[0]), merkle.AccountName(purposes[1], wallets[1], currencies[1])
	return e, err
}
