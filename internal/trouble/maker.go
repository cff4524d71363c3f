package trouble

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// Claim is who a request says that it is from. Nobody has proven it yet.
type Claim struct {
	// Client is its number; 0 for nobody that is known.
	Client int64
	// TS is the time of signing in UNIX seconds; 0 where nothing is signed.
	TS float64
	// Token says what access token signed, by a fingerprint; zero where none did.
	Token [16]byte
}

// ClaimsTo reads claims as the proof of requests does.
func ClaimsTo(proof *auth.Authenticator) func(*http.Request) (Claim, error) {
	return func(r *http.Request) (Claim, error) {
		seen, err := proof.Look(r.Context(), r)
		if err != nil || seen.Client == nil {
			return Claim{}, err
		}
		claim := Claim{Client: seen.Client.ID}
		if seen.Header != nil {
			claim.TS, _ = strconv.ParseFloat(seen.Header.TS, 64) // what is no time is refused by the API
		}
		if seen.Token != nil {
			claim.Token = [16]byte(secret.Fingerprint(secret.Text(seen.Header.ID)))
		}
		return claim, nil
	}
}

// Options say what trouble is connected to. All are needed.
type Options struct {
	// Claim reads who a request says that it is from.
	Claim func(r *http.Request) (Claim, error)
	// Refuse answers a request with an error, as if the API had refused it.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// WallClock is what signatures are judged by.
	WallClock func() time.Time
	// Window is how far a signature may be from it.
	Window time.Duration
}

// Maker makes trouble for the clients that it has a plan for. Make one with New.
type Maker struct {
	Options
	stop chan struct{}
	once sync.Once

	mu      sync.Mutex
	clients map[int64]*client
	// misled are those who were refused for their clock last, by address: the time is asked for without a signature.
	misled map[string]misled
}

// client is one that trouble is made for.
type client struct {
	plan      Plan
	requests  uint64
	callbacks uint64
	// tokens are the spells in which access tokens were seen first, and counts what happened how often.
	tokens map[[16]byte]uint64
	counts map[string]int
}

// misled is a client that looks for the time.
type misled struct {
	client int64
	until  time.Time
}

const (
	// maxTokens and maxMisled bound what is remembered.
	maxTokens, maxMisled = 10_000, 1000
	// misledFor is how long one who was refused for the clock has to ask for the time.
	misledFor = 10 * time.Second
)

// New returns a Maker that makes no trouble yet.
func New(o Options) *Maker {
	return &Maker{Options: o, stop: make(chan struct{}), clients: map[int64]*client{}, misled: map[string]misled{}}
}

// Close lets go of all whom trouble keeps waiting.
func (m *Maker) Close() error {
	m.once.Do(func() { close(m.stop) })
	return nil
}

// Status is how trouble stands for a client.
type Status struct {
	Client int64
	Plan   Plan
	// Requests and Callbacks are how many there were since it was switched on, and Counts what happened how often.
	Requests, Callbacks uint64
	Counts              map[string]int
}

// Set makes trouble for a client from its next request on, which is counted as the first. It fails with InvalidParameters.
func (m *Maker) Set(number int64, p Plan) (Status, error) {
	if err := p.Check(); err != nil {
		return Status{}, err
	}
	p.Kinds = slices.Clone(p.Kinds)
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &client{plan: p, tokens: map[[16]byte]uint64{}, counts: map[string]int{}}
	m.clients[number] = c
	return c.status(number), nil
}

// Off makes no more trouble for a client, and says how it stood. It fails with NotFound where none was made.
func (m *Maker) Off(number int64) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.clients[number]
	if c == nil {
		return Status{}, wallet.Errorf(wallet.NotFound, "no trouble is made for client %d.", number)
	}
	delete(m.clients, number)
	return c.status(number), nil
}

// All says how trouble stands for each client that it is made for, by number.
func (m *Maker) All() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []Status{}
	for number, c := range m.clients {
		all = append(all, c.status(number))
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Client, b.Client) })
	return all
}

func (c *client) status(number int64) Status {
	return Status{Client: number, Plan: c.plan, Requests: c.requests, Callbacks: c.callbacks, Counts: maps.Clone(c.counts)}
}

// verdict is what is to become of a request.
type verdict struct {
	event
	plan Plan
	// skew is by how much the server's clock is wrong for the client.
	skew time.Duration
	// expired says that the token has ended.
	expired bool
}

// next counts a request of a client and says what becomes of it; ok is false where no trouble is made.
func (m *Maker) next(claim Claim) (v verdict, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.clients[claim.Client]
	if c == nil {
		return verdict{}, false
	}
	n := c.requests
	c.requests++
	spell := c.plan.spell(n)
	v = verdict{event: c.plan.request(n), plan: c.plan, skew: c.plan.skew(spell, m.most())}
	if claim.Token != ([16]byte{}) && slices.Contains(c.plan.Kinds, Expiry) {
		first, seen := c.tokens[claim.Token]
		if !seen && len(c.tokens) < maxTokens {
			c.tokens[claim.Token] = spell
		}
		v.expired = seen && first < spell
	}
	return v, true
}

// tally counts what has happened to a client.
func (m *Maker) tally(number int64, what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.clients[number]; c != nil {
		c.counts[what]++
	}
}

// most is by how much a clock is wrong. What is signed by the wrong clock must still be good for the server's own, and what
// is signed by that clock refused: so the one stays within the window, and only a third of the window is left around it.
func (m *Maker) most() time.Duration { return m.Window * 2 / 3 }

// offClock says whether a signature is too far from the wrong clock, and to which side.
func (m *Maker) offClock(ts float64, skew time.Duration) (sentence string, off bool) {
	if skew == 0 || ts == 0 {
		return "", false
	}
	ahead := ts - float64(m.WallClock().Add(skew).UnixMilli())/1000
	switch left := (m.Window / 3).Seconds(); {
	case ahead > left:
		return inFuture, true
	case ahead < -left:
		return tooOld, true
	}
	return "", false
}

// mislead remembers who was told that the clock is wrong, and misledBy by how much the time is wrong that it is told next.
func (m *Maker) mislead(who string, number int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.WallClock()
	if len(m.misled) >= maxMisled {
		maps.DeleteFunc(m.misled, func(_ string, one misled) bool { return !now.Before(one.until) })
	}
	if len(m.misled) < maxMisled {
		m.misled[who] = misled{number, now.Add(misledFor)}
	}
}

func (m *Maker) misledBy(who string) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	one, ok := m.misled[who]
	c := m.clients[one.client]
	if !ok || c == nil || !m.WallClock().Before(one.until) {
		return 0
	}
	return c.plan.skew(c.plan.spell(c.requests), m.most())
}

// Callback says what becomes of a client's next callback: whether it is to be sent twice. It returns when it may be sent.
// The error says that ctx ended.
func (m *Maker) Callback(ctx context.Context, number int64) (twice bool, err error) {
	m.mu.Lock()
	c := m.clients[number]
	if c == nil {
		m.mu.Unlock()
		return false, nil
	}
	e, late := c.plan.callback(c.callbacks), c.plan.Late
	c.callbacks++
	if e.kind != "" {
		c.counts[e.name()]++
	}
	m.mu.Unlock()
	if e.kind == Late {
		err = m.wait(ctx, time.Duration((0.5+e.share/2)*float64(late)))
	}
	return e.kind == Duplicate, err
}

// wait waits; it is cut short when the server stops or ctx ends.
func (m *Maker) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-m.stop:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
