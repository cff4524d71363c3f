package message_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/wallet"
)

// outbox is the store's part in a test: it keeps messages in memory, by when they are due.
type outbox struct {
	mu       sync.Mutex
	waiting  []wallet.Message
	due      map[int64]time.Time
	failures map[int64][]string
	sent     []int64
	gone     []int64
	// broken is what both functions fail with.
	broken error
	asked  int
}

func (o *outbox) add(messages ...wallet.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.due == nil {
		o.due, o.failures = map[int64]time.Time{}, map[int64][]string{}
	}
	for _, m := range messages {
		o.waiting = append(o.waiting, m)
		o.due[m.ID] = time.Now()
	}
}

func (o *outbox) take(context.Context) (*wallet.Message, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.broken != nil {
		return nil, o.broken
	}
	for _, m := range o.waiting {
		if !o.due[m.ID].After(time.Now()) {
			o.due[m.ID] = time.Now().Add(2 * message.SendLimit)
			return &m, nil
		}
	}
	return nil, nil
}

func (o *outbox) done(ctx context.Context, id int64, failure string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	i := slices.IndexFunc(o.waiting, func(m wallet.Message) bool { return m.ID == id })
	if failure == "" {
		o.sent = append(o.sent, id)
		o.waiting = slices.Delete(o.waiting, i, i+1)
		return nil
	}
	o.failures[id] = append(o.failures[id], failure)
	o.waiting[i].Attempts++
	after, giveUp := message.NextTry(o.waiting[i].Attempts)
	if giveUp {
		o.gone = append(o.gone, id)
		o.waiting = slices.Delete(o.waiting, i, i+1)
		return nil
	}
	o.due[id] = time.Now().Add(after)
	return nil
}

// courier empties the outbox through the sender, and says what it logged.
func (o *outbox) courier(sender senderFunc) (*message.Courier, *bytes.Buffer) {
	var log bytes.Buffer
	return &message.Courier{
		Take: o.take, Done: o.done, Templates: must(message.Load("")), Sender: sender,
		Log: slog.New(slog.NewTextHandler(&log, nil)), Interval: 30 * time.Second,
	}, &log
}

// run runs the courier in a bubble of its own time for so long.
func run(t *testing.T, c *message.Courier, long time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		c.Run(ctx)
		close(ended)
	}()
	time.Sleep(long)
	synctest.Wait()
	stop()
	<-ended
}

func numbered(id int64, kind wallet.MessageKind, to string) wallet.Message {
	m := filled(kind, "lt", to)
	m.ID = id
	return m
}

func TestTheCourierSendsWhatIsDueAndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outbox
		o.add(numbered(1, wallet.PINChanged, "ona@example.com"), numbered(2, wallet.ResetPassword, "jonas@example.com"), numbered(3, wallet.PINChanged, "37061234545"))
		var times []time.Duration
		begin := time.Now()
		c, log := o.courier(func(_ context.Context, m wallet.Message, text message.Text) error {
			if m.ID != 2 {
				return nil
			}
			if times = append(times, time.Since(begin)); len(times) < 3 {
				return errors.New("450 jonas@example.com is busy; text was: " + text.Body)
			}
			return nil
		})
		run(t, c, time.Hour)
		if diff := cmp.Diff([]int64{1, 3, 2}, o.sent); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]time.Duration{0, time.Minute, 6 * time.Minute}, times); diff != "" {
			t.Error(diff)
		}
		for _, shown := range append(o.failures[2], log.String()) {
			for _, secret := range []string{"482137", "jonas@", "ona@", "37061234545", "slaptažodį", "kodas"} {
				if strings.Contains(shown, secret) {
					t.Errorf("%q holds %q", shown, secret)
				}
			}
		}
		if want := "450 j…@example.com is busy; text was: [message]  [message]"; !strings.HasPrefix(o.failures[2][0], want) {
			t.Errorf("%q, want %q", o.failures[2][0], want)
		}
		if !strings.Contains(log.String(), "to=3706…45") || !strings.Contains(log.String(), "to=j…@example.com") {
			t.Error(log.String())
		}
	})
}

func TestTheCourierGivesUpAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outbox
		o.add(numbered(1, wallet.PINChanged, "ona@example.com"))
		c, _ := o.courier(func(context.Context, wallet.Message, message.Text) error { return errors.New("") })
		run(t, c, 48*time.Hour)
		if diff := cmp.Diff([]int64{1}, o.gone); diff != "" || len(o.failures[1]) != 7 || o.failures[1][0] == "" {
			t.Errorf("%s after %q", diff, o.failures[1])
		}
	})
}

func TestAPanicEndsOneMessageOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outbox
		o.add(numbered(1, wallet.ResetPassword, "ona@example.com"), numbered(2, wallet.PINChanged, "ona@example.com"), numbered(3, "weather", "ona@example.com"))
		c, log := o.courier(func(_ context.Context, m wallet.Message, text message.Text) error {
			if m.ID == 1 {
				panic("cannot send " + text.Body)
			}
			return nil
		})
		run(t, c, time.Second)
		if diff := cmp.Diff([]int64{2}, o.sent); diff != "" {
			t.Error(diff)
		}
		if !strings.HasPrefix(o.failures[1][0], "panic: cannot send [message]") || !strings.Contains(o.failures[3][0], "no text for a message") {
			t.Errorf("%v", o.failures)
		}
		if !strings.Contains(log.String(), "courier_test.go") || strings.Contains(log.String(), "482137") {
			t.Error(log.String())
		}
	})
}

func TestTheCourierWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outbox
		o.add()
		c, _ := o.courier(func(context.Context, wallet.Message, message.Text) error { return nil })
		wake := make(chan struct{}, 1)
		c.Wake, c.Interval = wake, 0
		go func() {
			time.Sleep(time.Minute)
			o.add(numbered(1, wallet.PINChanged, "ona@example.com"))
			wake <- struct{}{}
			time.Sleep(time.Minute)
			close(wake)
		}()
		run(t, c, time.Hour)
		if len(o.sent) != 1 || o.asked != 4 {
			t.Errorf("%d sent, asked %d times", len(o.sent), o.asked)
		}
	})
}

func TestAnOutboxThatFailsIsNotAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := outbox{broken: errors.New("the disk is full")}
		c, log := o.courier(nil)
		run(t, c, 59*time.Second)
		if o.asked != 2 || strings.Count(log.String(), "the disk is full") != 2 {
			t.Errorf("asked %d times:\n%s", o.asked, log)
		}
		// Not to be able to report is no different.
		var kept outbox
		kept.add(numbered(1, wallet.PINChanged, "ona@example.com"))
		sent := 0
		c, log = kept.courier(func(context.Context, wallet.Message, message.Text) error { sent++; return nil })
		c.Done = func(context.Context, int64, string) error { kept.due[1] = time.Now(); return o.broken }
		run(t, c, 59*time.Second)
		if sent != 2 || !strings.Contains(log.String(), "sent=true") {
			t.Errorf("sent %d times:\n%s", sent, log)
		}
	})
}

func TestWhatIsUnderWayWhenTheServerStopsIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outbox
		o.add(numbered(1, wallet.PINChanged, "ona@example.com"), numbered(2, wallet.PINChanged, "ona@example.com"))
		c, _ := o.courier(func(ctx context.Context, _ wallet.Message, _ message.Text) error {
			<-ctx.Done()
			return fmt.Errorf("stopped: %w", ctx.Err())
		})
		run(t, c, time.Second)
		if len(o.failures[1]) != 1 || len(o.failures[2]) != 0 {
			t.Errorf("%v", o.failures)
		}
	})
}

func TestNextTry(t *testing.T) {
	var waits []time.Duration
	total := time.Duration(0)
	for attempts := 1; ; attempts++ {
		after, giveUp := message.NextTry(attempts)
		if giveUp {
			break
		}
		waits = append(waits, after)
		total += after
	}
	want := []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour}
	if diff := cmp.Diff(want, waits); diff != "" || total > 24*time.Hour {
		t.Errorf("%s after %v", diff, total)
	}
	for _, odd := range []int{0, -1} {
		if after, giveUp := message.NextTry(odd); after != time.Minute || giveUp {
			t.Errorf("after %d attempts: %v, %v", odd, after, giveUp)
		}
	}
}
