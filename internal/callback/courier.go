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
	// Take leases callbacks that are due, for longer than SendLimit, no more than there is room for.
	Take func(ctx context.Context, room wallet.CallbackRoom) ([]wallet.Callback, error)
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

	mu       sync.Mutex
	total    int
	hosts    lanes[string]
	projects lanes[int64]
	counts   map[wallet.CallbackOutcome]int64
	signer   *Signer
	key      secret.Text
}

const (
	// most is how many callbacks leave at once, mostPerHost how many of them for one receiver, and mostPerProject how many of
	// one project, whose clients may name as many receivers as they like: a slow one must not keep the others waiting.
	most, mostPerHost, mostPerProject = 32, 4, 4
	// giveUpAfter is how long a callback may wait, tried or not, before it is given up: longer than all of its tries take.
	giveUpAfter = 36 * time.Hour
	// catchUp is how long a courier sends what it finds before it gives up what is old: the server may have been away.
	catchUp = 10 * time.Minute
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
	began := c.Sender.options.Clock()
	for {
		for c.begin(ctx, &sending, finished, c.Sender.options.Clock().Sub(began) >= catchUp) {
			continue // there may be more, for others
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

// room says how many more can leave, in all, for whom and of whom.
func (c *Courier) room() wallet.CallbackRoom {
	c.mu.Lock()
	defer c.mu.Unlock()
	return wallet.CallbackRoom{
		Total: most - c.total, PerHost: mostPerHost, PerProject: mostPerProject, Hosts: c.hosts.room(mostPerHost), Projects: c.projects.room(mostPerProject),
	}
}

// begin takes what is due, where there is room for any, and begins to send it; it says whether there was something.
func (c *Courier) begin(ctx context.Context, sending *sync.WaitGroup, finished chan<- struct{}, givesUp bool) bool {
	room := c.room()
	if room.Total <= 0 {
		return false
	}
	if givesUp {
		room.GiveUpAfter = giveUpAfter
	}
	due, err := c.Take(ctx, room)
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Error("looking for callbacks to send", "error", err)
		}
		return false
	}
	for _, one := range due {
		c.leaves(one)
		sending.Go(func() {
			c.arrived(one, c.deliver(ctx, one))
			select {
			case finished <- struct{}{}:
			default: // one word is enough for all that ended before it is heard
			}
		})
	}
	return len(due) > 0
}

// leaves counts a callback that leaves, and arrived one that has come to its end.
func (c *Courier) leaves(one wallet.Callback) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.hosts.enter(one.Receiver())
	c.projects.enter(one.ProjectID)
}

func (c *Courier) arrived(one wallet.Callback, at pace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	c.hosts.exit(one.Receiver(), at)
	c.projects.exit(one.ProjectID, at)
}

// deliver sends one callback, reports how that went, and says how fast. What cannot be reported is sent again when its lease is
// over.
func (c *Courier) deliver(ctx context.Context, one wallet.Callback) pace {
	log := c.Log.With("event", one.EventID(), "type", one.Type, "to", one.Receiver(), "attempt", one.Attempts+1)
	a, err := c.attempt(ctx, one)
	if err != nil {
		log.Error("a callback could not be made", "error", err)
		return unknown
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
	return paceOf(a)
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
