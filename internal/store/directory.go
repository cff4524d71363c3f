package store

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// Credential is whom a MAC id stands for: a client, or an access token of a user for a client.
// It is shared between requests and never changed.
type Credential struct {
	Client *wallet.Client
	// Token is set when the MAC id is an access token.
	Token *wallet.Token
	// Keys sign; one or two.
	Keys []*secret.Signer
}

// kept is how many clients and tokens, and how many projects, stay in memory.
const kept = 50_000

// directory keeps clients, tokens and projects in memory. Every key carries the state of the
// database that was current when its value was read: when that state moves on, nothing that
// was read before can be found again, not even what a slow reader puts in late.
type directory struct {
	db  *DB
	seq atomic.Int64

	credentials *otter.Cache[keptKey[string], *Credential]
	projects    *otter.Cache[keptKey[int64], *wallet.Project]
}

type keptKey[K comparable] struct {
	seq int64
	key K
}

func newDirectory(ctx context.Context, db *DB) (*directory, error) {
	d := &directory{db: db}
	var err error
	if d.credentials, err = otter.New(&otter.Options[keptKey[string], *Credential]{MaximumSize: kept}); err != nil {
		return nil, err
	}
	if d.projects, err = otter.New(&otter.Options[keptKey[int64], *wallet.Project]{MaximumSize: kept}); err != nil {
		return nil, err
	}
	seq, err := db.changes(ctx)
	d.seq.Store(seq)
	return d, err
}

// changes reads the row that every relevant transaction raises.
func (db *DB) changes(ctx context.Context) (seq int64, err error) {
	err = db.queryRow(ctx, db.read, `SELECT seq FROM changes WHERE id = 1`).Scan(&seq)
	return seq, err
}

// advance forgets what was read in earlier states than seq.
func (d *directory) advance(seq int64) {
	for {
		now := d.seq.Load()
		if seq <= now {
			return
		}
		if d.seq.CompareAndSwap(now, seq) {
			d.credentials.InvalidateAll()
			d.projects.InvalidateAll()
			return
		}
	}
}

// followChanges learns of what other processes on the same database changed.
func (db *DB) followChanges(ctx context.Context) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		limited, cancel := context.WithTimeout(ctx, pollTimeout)
		seq, err := db.changes(limited)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				db.Log.Warn("cannot read the change counter; what is in memory may be stale", "error", err)
			}
			continue
		}
		db.directory.advance(seq)
	}
}

// Credential returns whom the MAC id stands for, nil when for nobody. From memory, as a rule.
func (db *DB) Credential(ctx context.Context, macID string) (*Credential, error) {
	key := keptKey[string]{db.directory.seq.Load(), macID}
	if c, ok := db.directory.credentials.GetIfPresent(key); ok {
		return c, nil
	}
	c, err := db.loadCredential(ctx, macID)
	if err != nil {
		return nil, err
	}
	// The id is a piece of the request's header, which must not be kept along with it.
	key.key = strings.Clone(macID)
	// Nobody is kept too: asking again for an id that does not exist costs no statement.
	db.directory.credentials.Set(key, c)
	return c, nil
}

// Project returns the project, nil when there is none. From memory, as a rule; shared, never
// to be changed.
func (db *DB) Project(ctx context.Context, id int64) (*wallet.Project, error) {
	key := keptKey[int64]{db.directory.seq.Load(), id}
	if p, ok := db.directory.projects.GetIfPresent(key); ok {
		return p, nil
	}
	found, err := db.projectsWhere(ctx, `p.id = $1`, id)
	if err != nil {
		return nil, err
	}
	var p *wallet.Project
	if len(found) > 0 {
		p = &found[0]
	}
	db.directory.projects.Set(key, p)
	return p, nil
}
