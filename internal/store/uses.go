package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// uses gathers the last uses of credentials and writes them from time to time, so that no request
// waits for that. What is gathered when the process is killed is lost.
type uses struct {
	mu           sync.Mutex
	keys         map[usedKey]wallet.Use
	certificates map[fingerprint]wallet.Use
	refusals     []wallet.Refusal
	unproven     int
	// writing are refusals that are on their way into the database; one goroutine at a time writes.
	writing    []wallet.Refusal
	writingOne sync.Mutex
}

type usedKey struct {
	client int64
	number int
}

// Limits of what is gathered.
const (
	// useInterval is how often what was gathered is written.
	useInterval = 5 * time.Second
	// maxGathered bounds what is gathered until then, of each kind.
	maxGathered = 10_000
	// maxUnproven bounds the refusals of credentials among them: anybody can cause those.
	maxUnproven = 200
	// maxAgent bounds a user agent, in bytes.
	maxAgent = 120
)

func newUses() *uses {
	return &uses{keys: map[usedKey]wallet.Use{}, certificates: map[fingerprint]wallet.Use{}}
}

// NoteKey remembers that a key signed a request; at most once a second for one key.
func (db *DB) NoteKey(k *Key, use wallet.Use) {
	if k.number == 0 || k.notedAt.Swap(use.At.Unix()) == use.At.Unix() {
		return
	}
	use = cutAgent(use)
	db.uses.mu.Lock()
	defer db.uses.mu.Unlock()
	if at := (usedKey{k.client, k.number}); len(db.uses.keys) < maxGathered {
		db.uses.keys[at] = use
	}
}

// NoteCertificate remembers that a certificate proved who sent a request.
func (db *DB) NoteCertificate(sha256 [32]byte, use wallet.Use) {
	use = cutAgent(use)
	db.uses.mu.Lock()
	defer db.uses.mu.Unlock()
	if len(db.uses.certificates) < maxGathered {
		db.uses.certificates[sha256] = use
	}
}

func cutAgent(use wallet.Use) wallet.Use {
	use.Agent = agentText(use.Agent)
	return use
}

// agentText is a user agent as it is stored: a bounded piece of it, without what is not text, which
// PostgreSQL would refuse.
func agentText(agent string) string {
	agent = strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")
	return strings.ReplaceAll(agent, "\x00", "")
}

// NoteRefusal remembers why a request was refused, for a day.
func (db *DB) NoteRefusal(r wallet.Refusal) {
	db.uses.mu.Lock()
	defer db.uses.mu.Unlock()
	if r.Action == "" {
		if db.uses.unproven++; db.uses.unproven > maxUnproven {
			return
		}
	}
	if len(db.uses.refusals) < maxGathered {
		db.uses.refusals = append(db.uses.refusals, r)
	}
}

// run writes what is gathered until the database is closed, and then once more.
func (u *uses) run(ctx context.Context, db *DB) {
	tick := time.NewTicker(useInterval)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		limited, cancel := context.WithTimeout(context.Background(), operationTimeout)
		if err := db.WriteUses(limited); err != nil {
			db.Log.Warn("cannot write the last uses of credentials and the reasons of refusals", "error", err)
		}
		cancel()
	}
}

// WriteUses writes what NoteKey, NoteCertificate and NoteRefusal have gathered.
func (db *DB) WriteUses(ctx context.Context) error {
	u := db.uses
	u.writingOne.Lock()
	defer u.writingOne.Unlock()
	u.mu.Lock()
	keys, certificates, refusals := u.keys, u.certificates, u.refusals
	u.keys, u.certificates, u.refusals = map[usedKey]wallet.Use{}, map[fingerprint]wallet.Use{}, nil
	u.unproven, u.writing = 0, refusals
	u.mu.Unlock()
	if len(keys)+len(certificates)+len(refusals) == 0 {
		return nil
	}
	err := db.writeKeyUses(ctx, keys)
	if err == nil {
		err = db.Update(ctx, func(tx *Tx) error { return tx.writeUses(certificates, refusals) })
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.writing = nil
	if err != nil {
		u.giveBack(keys, certificates, refusals)
	}
	return err
}

// giveBack gathers again what could not be written; the lock is held.
func (u *uses) giveBack(keys map[usedKey]wallet.Use, certificates map[fingerprint]wallet.Use, refusals []wallet.Refusal) {
	maps.Copy(keys, u.keys) // what was gathered meanwhile is newer
	maps.Copy(certificates, u.certificates)
	u.keys, u.certificates = keys, certificates
	all := append(refusals, u.refusals...)
	u.refusals = all[max(0, len(all)-maxGathered):]
}

// refusal is one that is not written yet; nil when there is none with that id.
func (u *uses) refusal(requestID string) *wallet.Refusal {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, list := range [2][]wallet.Refusal{u.writing, u.refusals} {
		if i := slices.IndexFunc(list, func(r wallet.Refusal) bool { return r.RequestID == requestID }); i >= 0 {
			found := list[i]
			return &found
		}
	}
	return nil
}

// usesTogether is how many keys' uses are written in one transaction: money waits for it on SQLite, and on both
// engines when it needs numbers.
const usesTogether = 64

// writeKeyUses notes the uses of keys, in order, so that two servers seldom meet.
func (db *DB) writeKeyUses(ctx context.Context, keys map[usedKey]wallet.Use) error {
	order := slices.SortedFunc(maps.Keys(keys), func(a, b usedKey) int {
		return cmp.Or(cmp.Compare(a.client, b.client), cmp.Compare(a.number, b.number))
	})
	for some := range slices.Chunk(order, usesTogether) {
		rows, args := make([]string, len(some)), make([]any, 0, 5*len(some))
		for i, key := range some {
			n, use := len(args), keys[key]
			rows[i] = fmt.Sprintf("(CAST($%d AS BIGINT), CAST($%d AS BIGINT), CAST($%d AS BIGINT), $%d, $%d)", n+1, n+2, n+3, n+4, n+5)
			args = append(args, key.client, key.number, micros(use.At), use.Address, use.Agent)
		}
		err := db.Update(ctx, func(tx *Tx) error {
			_, err := tx.exec(`UPDATE client_keys SET last_used_at = u.column3, last_used_from = u.column4, last_used_by = u.column5
				FROM (VALUES `+strings.Join(rows, ", ")+`) AS u
				WHERE client_id = u.column1 AND number = u.column2 AND (last_used_at IS NULL OR last_used_at < u.column3)`, args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) writeUses(certificates map[fingerprint]wallet.Use, refusals []wallet.Refusal) error {
	for sha256, use := range certificates {
		_, err := tx.exec(`UPDATE certificates SET last_used_at = $2, last_used_from = $3, last_used_by = $4
			WHERE fingerprint = $1 AND (last_used_at IS NULL OR last_used_at < $2)`,
			sha256[:], micros(use.At), use.Address, use.Agent)
		if err != nil {
			return err
		}
	}
	return tx.insertRefusals(refusals)
}

// storedUse is a use as it stands in its three columns.
type storedUse struct {
	at       sql.NullInt64
	from, by sql.NullString
}

func (s storedUse) use() wallet.Use {
	return wallet.Use{At: timeOrZero(s.at), Address: s.from.String, Agent: s.by.String}
}
