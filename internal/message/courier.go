package message

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// Courier takes messages out of an outbox and sends them, one after another. All fields but Wake
// are needed.
type Courier struct {
	// Take leases the next message that is due, for longer than SendLimit; nil when there is none.
	Take func(ctx context.Context) (*wallet.Message, error)
	// Done reports what became of it: "" says that it was sent; else why not, for the operator to
	// read, and another try is due as NextTry says.
	Done func(ctx context.Context, id int64, failure string) error
	// Templates are the words.
	Templates *Templates
	// Sender takes a message out.
	Sender Sender
	// Log gets a line for each message, without its values or its full address.
	Log *slog.Logger
	// Wake says that there may be something to send; nil is never.
	Wake <-chan struct{}
	// Interval is how long to wait for Wake before looking again; 0 is without end.
	Interval time.Duration
}

const (
	// reportLimit is how long reporting may take when the server already stops.
	reportLimit = 5 * time.Second
	// mostFailure is how much of a failure is reported and logged, in bytes.
	mostFailure = 500
)

// Run sends what is due, then waits for Wake or Interval, until ctx ends. A message that is under
// way then is stopped, and reported as not sent.
func (c *Courier) Run(ctx context.Context) {
	wake := c.Wake
	for {
		c.round(ctx)
		var look <-chan time.Time
		if c.Interval > 0 {
			look = time.After(c.Interval)
		}
		select {
		case <-ctx.Done():
			return
		case _, open := <-wake:
			if !open {
				wake = nil // a closed channel would wake without end
			}
		case <-look:
		}
	}
}

// round sends until nothing is due, or until the outbox fails: what cannot be reported would only
// be taken again at once.
func (c *Courier) round(ctx context.Context) {
	for ctx.Err() == nil {
		m, err := c.Take(ctx)
		if err != nil {
			if ctx.Err() == nil {
				c.Log.Error("looking for messages to send", "error", err)
			}
			return
		}
		if m == nil {
			return
		}
		failure := c.deliver(ctx, *m)
		if err := c.report(ctx, m.ID, failure); err != nil {
			c.Log.Error("reporting what became of a message", "message", m.ID, "sent", failure == "", "error", err)
			return
		}
	}
}

// report also works when the server stops: what was sent just before must not be sent again.
func (c *Courier) report(ctx context.Context, id int64, failure string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	return c.Done(ctx, id, failure)
}

// deliver renders and sends one message, logs how that went and returns why it failed, or "".
func (c *Courier) deliver(ctx context.Context, m wallet.Message) string {
	log := c.Log.With("message", m.ID, "kind", m.Kind, "to", mask(m.To()), "attempts", m.Attempts)
	text, err := c.attempt(ctx, m, log)
	if err == nil {
		log.Info("a message was sent")
		return ""
	}
	failure := cut(flatten(hide(m, text, err.Error())), mostFailure)
	if failure == "" {
		failure = "failed without a word"
	}
	log.Warn("a message was not sent", "error", failure)
	return failure
}

// attempt is deliver without the words around it. One message that makes a template or a sender
// panic must not keep the others from leaving.
func (c *Courier) attempt(ctx context.Context, m wallet.Message, log *slog.Logger) (text Text, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("sending a message panicked", "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if text, err = c.Templates.Render(m); err != nil {
		return text, err
	}
	return text, c.Sender.Send(ctx, m, text)
}

// tries are how long to wait after each attempt that failed; after the last the time is up.
var tries = []time.Duration{
	time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// NextTry says when to try a message again that was tried so often, the last time included, and
// failed: seven attempts within 21 hours, since the next would come after a whole day.
func NextTry(attempts int) (after time.Duration, giveUp bool) {
	if attempts > len(tries) {
		return 0, true
	}
	return tries[max(attempts, 1)-1], false
}
