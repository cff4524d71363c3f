package callback

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// Courier takes callbacks out of an outbox and sends them, many at once, but of each transaction one after another. All
// fields but Wake and Hinder are needed.
type Courier struct {
	// Take leases callbacks that are due, for longer than SendLimit: no more than total in all and perHost for one
	// receiver, of which so many are leaving already.
	Take func(ctx context.Context, total, perHost int, leaving map[string]int) ([]wallet.Callback, error)
	// Done reports what became of one. Unless it was delivered or interrupted, another try is due as NextTry says.
	Done func(ctx context.Context, c wallet.Callback, a wallet.CallbackAttempt) error
	// Key is what to sign with now.
	Key func(ctx context.Context) (secret.Text, error)
	// Sender takes a callback out.
	Sender *Sender
	// Hinder makes trouble for a sandbox: it returns when the callback may leave, and says whether it is to leave twice. Nil
	// makes none.
	Hinder func(ctx context.Context, c wallet.Callback) (twice bool, err error)
	// Log gets a line for each attempt, without the path of its address.
	Log *slog.Logger
	// Wake says that there may be something to send; nil is never.
	Wake <-chan struct{}
	// Interval is how long to wait for Wake before looking again.
	Interval time.Duration

	mu      sync.Mutex
	leaving map[string]int
	total   int
	counts  map[wallet.CallbackOutcome]int64
	signer  *Signer
	key     secret.Text
}

const (
	// most is how many callbacks leave at once, mostPerHost how many of them for one receiver: a slow one must not keep
	// the others waiting.
	most, mostPerHost = 16, 4
	// reportLimit is how long reporting may take when the server already stops.
	reportLimit = 5 * time.Second
)

// Run sends what is due, then waits for Wake or Interval, until ctx ends. Those that are under way then are stopped, and
// reported as interrupted.
func (c *Courier) Run(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	finished := make(chan struct{}, 1)
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	for {
		if room, leaving := c.room(); room > 0 {
			c.begin(ctx, &sending, finished, room, leaving)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.Wake:
		case <-finished:
		case <-tick.C:
		}
	}
}

// room says how many more can leave, and who is being sent some.
func (c *Courier) room() (int, map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return most - c.total, maps.Clone(c.leaving)
}

// begin takes what is due and begins to send it.
func (c *Courier) begin(ctx context.Context, sending *sync.WaitGroup, finished chan<- struct{}, room int, leaving map[string]int) {
	due, err := c.Take(ctx, room, mostPerHost, leaving)
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Error("looking for callbacks to send", "error", err)
		}
		return
	}
	for _, one := range due {
		host := one.Receiver()
		c.count(host, 1)
		sending.Go(func() {
			c.deliver(ctx, one)
			c.count(host, -1)
			select {
			case finished <- struct{}{}:
			default: // one word is enough for all that ended before it is heard
			}
		})
	}
}

func (c *Courier) count(host string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving == nil {
		c.leaving = map[string]int{}
	}
	c.total += n
	if c.leaving[host] += n; c.leaving[host] == 0 {
		delete(c.leaving, host)
	}
}

// deliver sends one callback and reports how that went. What cannot be reported is sent again when its lease is over.
func (c *Courier) deliver(ctx context.Context, one wallet.Callback) {
	log := c.Log.With("event", one.EventID(), "type", one.Type, "to", one.Receiver(), "attempt", one.Attempts+1)
	a, err := c.attempt(ctx, one)
	if err != nil {
		log.Error("a callback could not be made", "error", err)
		return
	}
	switch a.Outcome {
	case wallet.CallbackDelivered:
		log.Info("a callback was delivered", "status", a.Status)
	case wallet.CallbackInterrupted:
	default:
		log.Warn("a callback was not delivered", "outcome", a.Outcome, "status", a.Status)
	}
	c.tally(a.Outcome)
	reporting, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	if err := c.Done(reporting, one, a); err != nil {
		log.Error("reporting what became of a callback", "outcome", a.Outcome, "error", err)
	}
}

// attempt signs and sends one. One that panics must not keep the others from leaving.
func (c *Courier) attempt(ctx context.Context, one wallet.Callback) (a wallet.CallbackAttempt, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.Log.Error("sending a callback panicked", "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	signer, err := c.signs(ctx)
	if err != nil {
		return a, err
	}
	sign, err := signer.Sign(one.Event)
	if err != nil {
		return a, err
	}
	twice := false
	if c.Hinder != nil {
		if twice, err = c.Hinder(ctx, one); err != nil {
			return wallet.CallbackAttempt{Outcome: wallet.CallbackInterrupted}, nil
		}
	}
	a = c.Sender.Send(ctx, one, sign)
	if twice && a.Outcome == wallet.CallbackDelivered {
		c.Sender.Send(ctx, one, sign) // that nobody takes it the second time does not matter
	}
	return a, nil
}

// signs is what signs now: the key is asked for each time, since another process may have made a new one, and read when it
// is another one.
func (c *Courier) signs(ctx context.Context) (*Signer, error) {
	key, err := c.Key(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.signer == nil || !key.Equal(c.key) {
		signer, err := NewSigner(key)
		if err != nil {
			return nil, err
		}
		c.signer, c.key = signer, key
	}
	return c.signer, nil
}

func (c *Courier) tally(outcome wallet.CallbackOutcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[wallet.CallbackOutcome]int64{}
	}
	c.counts[outcome]++
}

// Outcomes counts what became of the attempts of this process so far.
func (c *Courier) Outcomes() map[wallet.CallbackOutcome]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// tries are how long to wait after each attempt that failed; after the last of them and one more attempt it is given up.
var tries = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// NextTry says when to try a callback again that was tried so often, the last time included, and failed: eight attempts
// within a day and a half.
func NextTry(attempts int) (after time.Duration, giveUp bool) {
	if attempts > len(tries) {
		return 0, true
	}
	return tries[max(attempts, 1)-1], false
}
