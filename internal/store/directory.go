package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/maypok86/otter/v2"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// Credential is whom a MAC id stands for: a client, or an access token of a user for a client.
// What it points to is shared between requests and never changed.
type Credential struct {
	// Known is false for nobody: then there is a client that does not exist, with a key that
	// nobody has, so that to judge it costs what to judge another one costs.
	Known  bool
	Client *wallet.Client
	// Token is set when the MAC id is an access token.
	Token *wallet.Token
	// Keys sign; one or two.
	Keys []*Key
}

// Key is a key that signs, until it expires.
type Key struct {
	*secret.Signer
	// number is 0 for the key of a token.
	client    int64
	number    int
	expiresAt time.Time
	notedAt   atomic.Int64
}

// Live says whether the key signs at that time, on the business clock.
func (k *Key) Live(now time.Time) bool { return k.expiresAt.IsZero() || now.Before(k.expiresAt) }

// LiveKeys is how many keys of a client sign at a time, and how many are tried before anybody is refused.
const LiveKeys = 2

// Strangers are keys that nobody has: as many as a client can have.
var Strangers = [LiveKeys]*Key{{Signer: secret.NewSigner(secret.NewKey())}, {Signer: secret.NewSigner(secret.NewKey())}}

// IsStranger says whether the key is one of Strangers.
func (k *Key) IsStranger() bool { return slices.Contains(Strangers[:], k) }

// held is what is kept of a credential; its client is kept by itself.
type held struct {
	client int64
	token  *wallet.Token
	keys   []*Key
	// last is the client as it was found last; it is so still while nothing was forgotten since.
	last atomic.Pointer[foundClient]
}

type foundClient struct {
	client  *wallet.Client
	changes int64
}

// kept is how many credentials, clients, projects and certificates stay in memory, of each.
const kept = 20_000

// fingerprint is the SHA-256 of a MAC id.
type fingerprint [32]byte

// nobody is the fingerprint that an unknown MAC id is looked up by.
var nobody fingerprint

// directory keeps in memory who may call: all MAC ids, as fingerprints, and the credentials,
// clients, projects and certificates that were asked for lately. A change tells what it altered, and
// that alone is forgotten: at once by the process that made it, soon by others on the same
// database. A value that was read while what it describes was changing is not kept.
type directory struct {
	db *DB

	credentials  *otter.Cache[fingerprint, *held]
	clients      *otter.Cache[int64, *wallet.Client]
	projects     *otter.Cache[int64, *wallet.Project]
	certificates *otter.Cache[fingerprint, *wallet.Certificate]
	// holders are by wallet, ownWallets by user.
	holders    *otter.Cache[int64, *wallet.Holder]
	ownWallets *otter.Cache[int64, int64]
	// transactions are those that this process committed last, as they then were. Their writer alone puts them
	// here, so that on SQLite, where there is one, they are what is in the file. What matters of them is how lately:
	// a cache that keeps what was asked for often would keep those that are over, and never let new ones in.
	transactions *lru.Cache[int64, *wallet.Transaction]

	idsLock sync.RWMutex
	// loadingOne is held by who reads all ids anew: of two at once, one would forget what came meanwhile.
	loadingOne sync.Mutex
	// ids are the first eight bytes of the fingerprints of all clients' MAC ids and of the access
	// tokens in use.
	ids map[uint64]struct{}
	// added are those that came while all are read anew; nil while they are not.
	added map[uint64]struct{}

	// changes counts what was forgotten so far; recent are the last of them, oldest first.
	changes atomic.Int64
	mu      sync.Mutex
	recent  []forgotten

	// followed is the state of the database up to which others' changes are known here. Looks are
	// numbered; looked is the last one that was answered.
	followed   int64
	looks      atomic.Int64
	looked     int64
	lookingOne sync.Mutex
}

// alteration is one thing that a transaction altered.
type alteration struct{ kind, name string }

// The kinds of alteration: what is forgotten for each. Names are numbers, and fingerprints in hex.
const (
	alteredCredential  = "credential"
	alteredClient      = "client"
	alteredProject     = "project"
	alteredCertificate = "certificate"
	alteredHolder      = "holder"
	alteredAll         = "all"
)

type forgotten struct {
	change int64
	alteration
}

// Limits of the memory for changes.
const (
	// recentChanges is how many changes a slow reader may have missed before what it read is
	// not kept.
	recentChanges = 512
	// followedChanges is how many changes stay in the database for other processes to follow; a
	// process that is further behind forgets everything.
	followedChanges = 4096
)

func newDirectory(ctx context.Context, db *DB) (*directory, error) {
	d := &directory{db: db}
	var err error
	if d.credentials, err = otter.New(&otter.Options[fingerprint, *held]{MaximumSize: kept}); err != nil {
		return nil, err
	}
	if d.clients, err = otter.New(&otter.Options[int64, *wallet.Client]{MaximumSize: kept}); err != nil {
		return nil, err
	}
	if d.projects, err = otter.New(&otter.Options[int64, *wallet.Project]{MaximumSize: kept}); err != nil {
		return nil, err
	}
	if d.certificates, err = otter.New(&otter.Options[fingerprint, *wallet.Certificate]{MaximumSize: kept}); err != nil {
		return nil, err
	}
	if d.holders, err = otter.New(&otter.Options[int64, *wallet.Holder]{MaximumSize: kept}); err != nil {
		return nil, err
	}
	if d.ownWallets, err = otter.New(&otter.Options[int64, int64]{MaximumSize: kept}); err != nil {
		return nil, err
	}
	if d.transactions, err = lru.New[int64, *wallet.Transaction](keptTransactions); err != nil {
		return nil, err
	}
	if d.followed, err = db.changes(ctx); err != nil {
		return nil, err
	}
	return d, d.loadIDs(ctx)
}

// changes reads the row that every relevant transaction raises.
func (db *DB) changes(ctx context.Context) (seq int64, err error) {
	err = db.queryRow(ctx, db.read, `SELECT seq FROM changes WHERE id = 1`).Scan(&seq)
	return seq, err
}

// loadIDs reads all MAC ids. What is known meanwhile is kept.
func (d *directory) loadIDs(ctx context.Context) error {
	d.loadingOne.Lock()
	defer d.loadingOne.Unlock()
	ids := map[uint64]struct{}{}
	d.idsLock.Lock()
	d.added = map[uint64]struct{}{}
	d.idsLock.Unlock()
	rows, err := d.db.query(ctx, d.db.read, `SELECT mac_id FROM clients`)
	_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var id string
		err = rows.Scan(&id)
		ids[shortFingerprint(macFingerprint(id))] = struct{}{}
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	rows, err = d.db.query(ctx, d.db.read, `SELECT fingerprint FROM tokens WHERE active_at IS NOT NULL AND (refreshed_at IS NULL OR expires_at > $1)`,
		micros(d.db.Now()))
	_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var whole []byte
		err = rows.Scan(&whole)
		ids[binary.LittleEndian.Uint64(whole)] = struct{}{}
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	d.idsLock.Lock()
	defer d.idsLock.Unlock()
	maps.Copy(ids, d.added)
	d.ids, d.added = ids, nil
	return nil
}

// macFingerprint is what secret.Fingerprint makes of a MAC id, without taking memory for it.
func macFingerprint(macID string) fingerprint { return sha256.Sum256([]byte(macID)) }

func shortFingerprint(f fingerprint) uint64 { return binary.LittleEndian.Uint64(f[:]) }

// forget drops what a change altered from memory.
func (d *directory) forget(altered []alteration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range altered {
		switch a.kind {
		case alteredCredential:
			if raw, err := hex.DecodeString(a.name); err == nil && len(raw) == len(fingerprint{}) {
				d.idsLock.Lock()
				d.ids[binary.LittleEndian.Uint64(raw)] = struct{}{}
				if d.added != nil {
					d.added[binary.LittleEndian.Uint64(raw)] = struct{}{}
				}
				d.idsLock.Unlock()
				d.credentials.Invalidate(fingerprint(raw))
			}
		case alteredCertificate:
			if raw, err := hex.DecodeString(a.name); err == nil && len(raw) == len(fingerprint{}) {
				d.certificates.Invalidate(fingerprint(raw))
			}
		case alteredClient:
			d.clients.Invalidate(numbered(a.name))
		case alteredProject:
			d.projects.Invalidate(numbered(a.name))
		case alteredHolder:
			d.holders.Invalidate(numbered(a.name))
			d.ownWallets.InvalidateAll()
		default:
			d.credentials.InvalidateAll()
			d.clients.InvalidateAll()
			d.projects.InvalidateAll()
			d.holders.InvalidateAll()
			d.ownWallets.InvalidateAll()
			d.certificates.InvalidateAll()
		}
		// Counted when it is gone: who reads the count first and a value then has not read an old one.
		d.recent = append(d.recent, forgotten{d.changes.Add(1), a})
	}
	if len(d.recent) > 2*recentChanges {
		d.recent = append([]forgotten(nil), d.recent[len(d.recent)-recentChanges:]...)
	}
}

// numbered reads a name that is a number; 0, which nothing has, for another.
func numbered(name string) int64 {
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// now counts the changes so far: a reader notes it before it reads.
func (d *directory) now() int64 { return d.changes.Load() }

// anyName is the name of what any alteration of its kind alters.
const anyName = "*"

// keep puts what was read since a count of changes into memory, unless it was altered meanwhile.
func (d *directory) keep(since int64, kind, name string, put func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if since < d.changes.Load() && (len(d.recent) == 0 || d.recent[0].change > since+1) {
		return // too long ago to tell
	}
	for i := len(d.recent) - 1; i >= 0 && d.recent[i].change > since; i-- {
		if a := d.recent[i]; a.kind == alteredAll || a.kind == kind && (name == anyName || a.name == name) {
			return
		}
	}
	put()
}

// complaint lets what is tried every pollInterval say that it fails once, and every minute from then on.
type complaint struct{ failed int }

// due says whether a try that ended so is to be told.
func (c *complaint) due(err error) bool {
	if err == nil {
		c.failed = 0
		return false
	}
	c.failed++
	return c.failed%int(time.Minute/pollInterval) == 1
}

// followChanges learns of what other processes on the same database changed.
func (db *DB) followChanges(ctx context.Context) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var told complaint
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := db.Refresh(ctx)
		if told.due(err) && ctx.Err() == nil {
			db.Log.Warn("cannot read what others changed; what is in memory may be stale", "error", err)
		}
	}
}

// Refresh returns when this process knows of everything that was committed before it was called, by
// whichever process. It says whether that may be more than the caller saw before, which may also be
// because somebody else's look came in between; on SQLite, where there is one process, it never is.
func (db *DB) Refresh(ctx context.Context) (more bool, err error) {
	if !db.postgres {
		return false, nil
	}
	d := db.directory
	enough := d.looks.Load() + 1 // a look that begins from now on
	d.lookingOne.Lock()
	defer d.lookingOne.Unlock()
	if d.looked >= enough {
		return true, nil // somebody else's look told
	}
	// Others wait for this look: it does not end with the request that began it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pollTimeout)
	defer cancel()
	look := d.looks.Add(1)
	if err := db.look(ctx); err != nil {
		return false, err
	}
	d.looked = look
	return true, nil
}

// look reads what was altered since the last look, and forgets it.
func (db *DB) look(ctx context.Context) error {
	d := db.directory
	seq, err := db.changes(ctx)
	if err != nil || seq == d.followed {
		return err
	}
	if seq-d.followed >= followedChanges {
		if err := d.loadIDs(ctx); err != nil {
			return err
		}
		d.forget([]alteration{{kind: alteredAll}})
		d.followed = seq
		return nil
	}
	rows, err := db.query(ctx, db.read, `SELECT kind, name FROM changed WHERE seq > $1 AND seq <= $2 ORDER BY seq`, d.followed, seq)
	altered, err := collect(rows, err, func(rows *sql.Rows) (a alteration, err error) {
		err = rows.Scan(&a.kind, &a.name)
		return a, err
	})
	if err != nil {
		return err
	}
	d.forget(altered)
	d.followed = seq
	return nil
}

// Credential returns whom the MAC id stands for. From memory, as a rule; and nobody's from memory
// always, at the cost of somebody's.
func (db *DB) Credential(ctx context.Context, macID string) (Credential, error) {
	d := db.directory
	id := macFingerprint(macID)
	d.idsLock.RLock()
	_, known := d.ids[shortFingerprint(id)]
	d.idsLock.RUnlock()
	if !known {
		id = nobody
	}
	h, ok := d.credentials.GetIfPresent(id)
	if !ok {
		since := d.now()
		var err error
		if h, err = db.loadCredential(ctx, macID, known); err != nil {
			return Credential{}, err
		}
		d.keep(since, alteredCredential, hex.EncodeToString(id[:]), func() { d.credentials.Set(id, h) })
	}
	last := h.last.Load()
	if now := d.now(); last == nil || last.changes != now {
		client, err := db.Client(ctx, h.client)
		if err != nil {
			return Credential{}, err
		}
		last = &foundClient{client, now}
		h.last.Store(last)
	}
	return Credential{Known: h.client != 0, Client: last.client, Token: h.token, Keys: h.keys}, nil
}

// noClient stands for the client of a stranger.
var noClient = &wallet.Client{}

// Client returns the client by number, nil when there is none. From memory, as a rule; shared,
// never to be changed. Number 0 is a client that does not exist.
func (db *DB) Client(ctx context.Context, id int64) (*wallet.Client, error) {
	d := db.directory
	if c, ok := d.clients.GetIfPresent(id); ok {
		return c, nil
	}
	since := d.now()
	c := noClient
	if id != 0 {
		found, err := db.clientsWhere(ctx, db.read, `c.id = $1`, id)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		c = found[0]
	}
	d.keep(since, alteredClient, strconv.FormatInt(id, 10), func() { d.clients.Set(id, c) })
	return c, nil
}

// Project returns the project, nil when there is none. From memory, as a rule; shared, never
// to be changed.
func (db *DB) Project(ctx context.Context, id int64) (*wallet.Project, error) {
	d := db.directory
	if p, ok := d.projects.GetIfPresent(id); ok {
		return p, nil
	}
	since := d.now()
	found, err := db.projectsWhere(ctx, `p.id = $1`, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	p := &found[0]
	d.keep(since, alteredProject, strconv.FormatInt(id, 10), func() { d.projects.Set(id, p) })
	return p, nil
}

// Certificate returns the certificate with that fingerprint, nil when no client has it. From
// memory, as a rule; shared, never to be changed.
func (db *DB) Certificate(ctx context.Context, sha256 [32]byte) (*wallet.Certificate, error) {
	d := db.directory
	id := fingerprint(sha256)
	if c, ok := d.certificates.GetIfPresent(id); ok {
		return c, nil
	}
	since := d.now()
	found, err := db.certificatesWhere(ctx, `fingerprint = $1`, id[:])
	if err != nil {
		return nil, err
	}
	var c *wallet.Certificate // nobody's is kept too: what is refused again costs no statement
	if len(found) > 0 {
		c = &found[0]
	}
	d.keep(since, alteredCertificate, hex.EncodeToString(id[:]), func() { d.certificates.Set(id, c) })
	return c, nil
}
