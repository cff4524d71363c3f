// Package inspect keeps the last requests of a sandbox as the server saw them, for the integrators who sent them: what was signed,
// who was recognised, what was decided and why. It is never part of a server for production.
//
// What is secret in a request is masked before it is shown. The request itself is kept beside it, in memory alone, so that it
// can be sent again.
package inspect

import (
	"encoding/hex"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/auth"
)

// Record is a request as the server saw it, and its answer. No secret is in it.
type Record struct {
	// Number counts the requests of the process; ID is the request's own, which answers carry.
	Number  int64     `json:"number"`
	ID      string    `json:"request_id"`
	At      time.Time `json:"at"`
	Method  string    `json:"method"`
	Target  string    `json:"target"`
	Address string    `json:"address"`
	Agent   string    `json:"agent,omitempty"`
	// Body is how many bytes it had.
	Body int `json:"body_bytes,omitempty"`
	// Signed is the text that a MAC of it covers, line by line, for the address that it was good for, and Signature what was
	// found of it.
	Signed    []string `json:"signed,omitempty"`
	Signature string   `json:"signature"`
	// ClientID and User are whom it was taken for, in words Caller; ProjectID and LocationID what it was made for.
	ClientID   int64  `json:"client_id,omitempty"`
	UserID     int64  `json:"user_id,omitempty"`
	Caller     string `json:"caller"`
	ProjectID  int64  `json:"project_id,omitempty"`
	LocationID int64  `json:"location_id,omitempty"`
	// Route is what answered it. Decision is allowed or refused, and Reason what it saw that allowed it, or why it
	// was refused; empty where the API has not seen it.
	Route    string `json:"route,omitempty"`
	Decision string `json:"decision,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Statements is how many SQL statements it took, beside those that payments share.
	Statements int64 `json:"statements"`
	// Status is that of the answer as it left, 0 for none; Code its error's.
	Status int    `json:"status"`
	Code   string `json:"error,omitempty"`
	// Trouble is what the sandbox had go wrong.
	Trouble string  `json:"trouble,omitempty"`
	Seconds float64 `json:"seconds"`

	sent sent
}

// Milliseconds is how long it took.
func (r Record) Milliseconds() float64 { return r.Seconds * 1000 }

// sent is what can be sent again.
type sent struct {
	method, target, host string
	header               http.Header
	body                 []byte
	seen                 auth.Seen
	// whole says that the body is all there, and certified that a certificate proved it.
	whole, certified bool
}

// Options say what an Inspector watches. All are needed.
type Options struct {
	// Proof reads who a request says that it is from.
	Proof *auth.Authenticator
	// WallClock times requests.
	WallClock func() time.Time
	// Random is where the ids of those requests come from that never get to the API; safe for concurrent use.
	Random io.Reader
	// Count counts the SQL statements that are sent in a context.
	Count CountStatements
}

// Inspector keeps requests. Make one with New; it is safe for concurrent use.
type Inspector struct {
	Options

	mu    sync.Mutex
	last  int64
	ring  []*Record
	bytes int
}

// The bounds of what is kept: requests, the bytes of one body, and those of all.
const (
	maxRecords = 1000
	maxBody    = 64 << 10
	maxBytes   = 16 << 20
)

// New returns an Inspector that has seen nothing. It counts on from the one before, if any: who follows that goes on.
func New(before *Inspector, o Options) *Inspector {
	i := &Inspector{Options: o}
	if before != nil {
		before.mu.Lock()
		i.last = before.last
		before.mu.Unlock()
	}
	return i
}

// add keeps a request, and lets go of the oldest where there are too many.
func (i *Inspector) add(r *Record) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last++
	r.Number = i.last
	i.ring = append(i.ring, r)
	i.bytes += len(r.sent.body)
	for len(i.ring) > maxRecords || i.bytes > maxBytes {
		i.bytes -= len(i.ring[0].sent.body)
		i.ring[0] = nil
		i.ring = i.ring[1:]
	}
}

// Filter says which requests are asked for.
type Filter struct {
	// Client 0 is all of them.
	Client int64
	// After leaves out those up to that number.
	After int64
	// Limit is how many there are at most, the last ones; 0 is no limit.
	Limit int
}

// Last returns requests, the newest last.
func (i *Inspector) Last(f Filter) []Record {
	i.mu.Lock()
	defer i.mu.Unlock()
	found := []Record{}
	for _, r := range i.ring {
		if r.Number > f.After && (f.Client == 0 || r.ClientID == f.Client) {
			found = append(found, *r)
		}
	}
	if f.Limit > 0 && len(found) > f.Limit {
		found = found[len(found)-f.Limit:]
	}
	return found
}

// Find returns the request of that id; false where it is not kept.
func (i *Inspector) Find(id string) (Record, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.ring {
		if r.ID == id {
			return *r, true
		}
	}
	return Record{}, false
}

// newID is an id for a request that has none.
func (i *Inspector) newID() string {
	var raw [8]byte
	io.ReadFull(i.Random, raw[:])
	return hex.EncodeToString(raw[:])
}
