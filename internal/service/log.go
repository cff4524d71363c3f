package service

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// The Merkle log, for those who check it: the newest checkpoint, tiles and proofs of consistency for everybody, leaves for the
// parties of a transaction alone (docs/log.md).

const (
	// logEvery is how often leaves are put into the log, logLease how long one process does so for all, unless it goes on.
	logEvery = 400 * time.Millisecond
	logLease = 4 * time.Second
	// forgetEvery is how often writers that are gone are forgotten.
	forgetEvery = time.Hour
	// keyOverlap is how long a key that was replaced goes on signing.
	keyOverlap = 30 * 24 * time.Hour
	// ReceiptLeaves is how many leaves a receipt has at most, the newest.
	ReceiptLeaves = 100
	// sayAgainEvery is how often an error is logged that does not go away.
	sayAgainEvery = time.Minute
	// DefaultLogOrigin is what a log is called whose operator gives it no name.
	DefaultLogOrigin = "purser/ledger"
)

// RunLog puts what was committed into the log, and signs it, until ctx ends. It fails with Forbidden, and where the log
// is called otherwise than LogOrigin says.
func (s *Service) RunLog(ctx context.Context, c wallet.Caller) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	tick := time.NewTicker(logEvery)
	defer tick.Stop()
	k := logKeeper{Service: s}
	for {
		err := k.tick(ctx)
		if errors.Is(err, ErrLogName) {
			return err
		}
		if err != nil && ctx.Err() == nil && k.again.say(err, s.WallClock()) {
			s.db.Log.Error("the log could not be brought up to date; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// repeated keeps an error from being said each time that it happens.
type repeated struct {
	text string
	said time.Time
}

// say says whether an error is to be logged now: another one than before is, the same once a minute.
func (r *repeated) say(err error, now time.Time) bool {
	if text := err.Error(); text != r.text || now.Sub(r.said) >= sayAgainEvery || now.Before(r.said) {
		r.text, r.said = text, now
		return true
	}
	return false
}

// ErrLogName says that the log has another name than the setting.
var ErrLogName = errors.New("the log is called otherwise than --log-origin says, and a log keeps its name: leave the setting out")

func (s *Service) nameLog(ctx context.Context) error {
	origin := s.LogOrigin
	if origin == "" {
		origin = DefaultLogOrigin
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		name, err := tx.NameLog(origin)
		if err == nil && name != origin && s.LogOrigin != "" {
			err = ErrLogName
		}
		return err
	})
}

// logKeeper brings the log up to date.
type logKeeper struct {
	*Service
	// named says that the log has its name; mine is until when this process looks after it, forgot when it looked for
	// writers that are gone.
	named        bool
	mine, forgot time.Time
	again        repeated
}

func (k *logKeeper) tick(ctx context.Context) error {
	if !k.named {
		if err := k.nameLog(ctx); err != nil {
			return err
		}
		k.named = true
	}
	now := k.WallClock()
	if k.mine.Sub(now) < logLease/2 {
		taken, err := k.db.TakeLease(ctx, "log", now, logLease)
		if err != nil || !taken {
			return err
		}
		k.mine = now.Add(logLease)
	}
	if _, err := k.db.Sequence(ctx); err != nil {
		return err
	}
	if now.Sub(k.forgot) < forgetEvery {
		return nil
	}
	k.forgot = now
	return k.db.ForgetLogWriters(ctx)
}

// SequenceLog puts what was committed into the log now, gives it its name and key where it has none, and returns how many leaves
// that were. It fails with Forbidden.
func (s *Service) SequenceLog(ctx context.Context, c wallet.Caller) (int, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return 0, err
	}
	if err := s.nameLog(ctx); err != nil {
		return 0, err
	}
	return s.db.Sequence(ctx)
}

// RotateLogKey makes a new key that signs checkpoints from now on. Those of before sign beside it for 30 days. It fails with
// Forbidden, and with InvalidState where there is no key yet.
func (s *Service) RotateLogKey(ctx context.Context, c wallet.Caller) ([]store.LogKey, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	now := s.BusinessClock()
	err := s.operate(ctx, c, func(tx *store.Tx) error {
		if err := tx.RotateLogKey(now.Add(keyOverlap)); err != nil {
			return err
		}
		return s.audit(tx, c, "rotate the key of the log", serverObject, 0, nil, nil)
	})
	if err != nil {
		return nil, err
	}
	return s.db.LogKeys(ctx, now)
}

// LogCheckpoint returns the newest checkpoint of the log (C2SP tlog-checkpoint). It fails with NotFound before there is one.
func (s *Service) LogCheckpoint(ctx context.Context, c wallet.Caller) ([]byte, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	state, err := s.signedLog(ctx)
	return state.Checkpoint, err
}

// signedLog is the log as it was signed last.
func (s *Service) signedLog(ctx context.Context) (store.LogState, error) {
	state, err := s.db.LogState(ctx)
	if err == nil && state.Checkpoint == nil {
		err = wallet.Errorf(wallet.NotFound, "The log has no checkpoint yet: ask again in a second.")
	}
	return state, err
}

// LogKeys returns the public keys that sign checkpoints now, one a line, the newest first (C2SP signed-note).
func (s *Service) LogKeys(ctx context.Context, c wallet.Caller) ([]byte, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	keys, err := s.publicLogKeys(ctx)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	return []byte(strings.Join(keys, "\n") + "\n"), nil
}

func (s *Service) publicLogKeys(ctx context.Context) (public []string, err error) {
	keys, err := s.db.LogKeys(ctx, s.BusinessClock())
	for _, k := range keys {
		public = append(public, k.Public)
	}
	return public, err
}

// LogTile returns the hashes of a tile by its path, such as tile/0/000 (C2SP tlog-tiles). It fails with NotFound for one that
// the log does not have.
func (s *Service) LogTile(ctx context.Context, c wallet.Caller, path string) ([]byte, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	if tile, ok := merkle.ParseTilePath(path); ok {
		hashes, err := s.db.LogTile(ctx, tile.L, tile.N)
		if width := tile.W * tlog.HashSize; err != nil || len(hashes) >= width {
			return hashes[:min(width, len(hashes))], err
		}
	}
	return nil, wallet.Errorf(wallet.NotFound, "The log has no such tile: a path is tile/LEVEL/NUMBER, with .p/WIDTH behind it where it is not full yet.")
}

// LogConsistency proves that the log with To leaves begins with the one of From leaves.
type LogConsistency struct {
	From, To         int64
	FromRoot, ToRoot tlog.Hash
	Proof            []tlog.Hash
	// Checkpoint is the newest.
	Checkpoint []byte
}

// ProveLogConsistency returns that proof (RFC 6962 §2.1.2); to below 0 is the newest size. It fails with NotFound for
// sizes that the log does not have, and before there is a checkpoint.
func (s *Service) ProveLogConsistency(ctx context.Context, c wallet.Caller, from, to int64) (LogConsistency, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return LogConsistency{}, err
	}
	state, err := s.signedLog(ctx)
	if err != nil {
		return LogConsistency{}, err
	}
	if to < 0 {
		to = state.N
	}
	if from < 0 || from > to || to > state.N {
		return LogConsistency{}, wallet.Errorf(wallet.NotFound, "The log has no such sizes: ask for a proof from a size to a larger one, neither beyond the newest checkpoint.")
	}
	tree := s.db.LogTree(ctx, state)
	proven := LogConsistency{From: from, To: to, Checkpoint: state.Checkpoint}
	if proven.ToRoot, err = tree.Root(to); err != nil {
		return LogConsistency{}, err
	}
	if proven.FromRoot, err = tree.Root(from); err != nil {
		return LogConsistency{}, err
	}
	tree.Tree = tlog.Tree{N: to, Hash: proven.ToRoot}
	if from > 0 { // every log begins with the empty one
		proven.Proof, err = tree.Consistency(from)
	}
	return proven, err
}

// LogReceipt is what the log says of a transaction, with proofs.
type LogReceipt struct {
	TransactionKey string
	// Leaves are the newest first.
	Leaves []ReceiptLeaf
	// Checkpoint is the newest; nil before there is one.
	Checkpoint []byte
	// Keys are the public keys that sign now.
	Keys []string
}

// ReceiptLeaf is a leaf with its proof of inclusion under the receipt's checkpoint.
type ReceiptLeaf struct {
	// Index is its place in the log, -1 while it waits for one; it has no proof then.
	Index int64
	Text  []byte
	Hash  tlog.Hash
	Proof []tlog.Hash
}

// GetLogReceipt returns the receipt of a transaction, to those who may read it: the newest 100 leaves that changed it. It fails
// like GetTransaction.
func (s *Service) GetLogReceipt(ctx context.Context, c wallet.Caller, key string) (LogReceipt, error) {
	t, err := s.subjectTransaction(ctx, c, key, wallet.ReadTransaction)
	if err != nil {
		return LogReceipt{}, err
	}
	if t, err = s.db.Transaction(ctx, t.ID); err != nil {
		return LogReceipt{}, err
	}
	if err := s.mayAbout(ctx, c, wallet.ReadTransaction, t); err != nil {
		return LogReceipt{}, err
	}
	leaves, err := s.db.LeavesOfTransaction(ctx, t, ReceiptLeaves)
	if err == nil && len(leaves) > 0 && leaves[0].Index < 0 {
		if _, err = s.db.SequenceOnce(ctx); err == nil { // so that hardly anybody has to ask twice
			leaves, err = s.db.LeavesOfTransaction(ctx, t, ReceiptLeaves)
		}
	}
	if err != nil {
		return LogReceipt{}, err
	}
	state, err := s.db.LogState(ctx) // after the leaves: those that have an index are in it
	if err != nil {
		return LogReceipt{}, err
	}
	r := LogReceipt{TransactionKey: key, Checkpoint: state.Checkpoint}
	if r.Keys, err = s.publicLogKeys(ctx); err != nil {
		return LogReceipt{}, err
	}
	tree := s.db.LogTree(ctx, state)
	for _, l := range leaves {
		leaf := ReceiptLeaf{Index: l.Index, Text: l.Text(), Hash: l.Hash}
		if l.Index >= 0 {
			if leaf.Proof, err = tree.Inclusion(l.Index); err != nil {
				return LogReceipt{}, err
			}
		}
		r.Leaves = append(r.Leaves, leaf)
	}
	return r, nil
}
