package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/walletapi"
)

// crowd makes payments over the wire: callers who each lead one whole life after another, over a keep-alive
// connection of their own.
type crowd struct {
	*generator
	town *town
	// n counts the lives that were begun, in all runs.
	n atomic.Int64
}

func (b *bench) newCrowd(address string, t *town) *crowd {
	return &crowd{generator: newGenerator(address, walletapi.MAC{}, "", b.now), town: t}
}

// lives are what a crowd did.
type lives struct {
	count int64
	took  time.Duration
	// whole is how long each life took, steps how long each of its calls did.
	whole []time.Duration
	steps [3][]time.Duration
}

// purchase is the body of the first call.
var purchase = []byte(fmt.Sprintf(`{"payments":[{"description":"Coffee","price":%d,"currency":"%s"}]}`, price.Minor, currency))

// keyMember comes before the key of a transaction in an answer.
const keyMember = `"transaction_key":"`

// run leads lives until the time is over, or so many of them. Any answer but a 200, and any transaction that is not
// confirmed at its end, ends it with an error.
func (c *crowd) lead(ctx context.Context, a amount, s spread) (lives, error) {
	var made lives
	var collecting sync.Mutex
	left := new(atomic.Int64)
	left.Store(1 << 62)
	if a.requests > 0 {
		left.Store(a.requests)
	}
	group, ctx := errgroup.WithContext(ctx)
	began := c.now()
	for range callers {
		group.Go(func() error {
			line, err := c.dial(ctx)
			if err != nil {
				return err
			}
			defer line.Close()
			defer context.AfterFunc(ctx, func() { line.Close() })()
			own := lives{}
			for left.Add(-1) >= 0 && (a.time == 0 || c.now().Sub(began) < a.time) {
				if err := c.live(line, &own, s); err != nil {
					return errors.Join(ctx.Err(), err)
				}
			}
			collecting.Lock()
			defer collecting.Unlock()
			made.add(own)
			return nil
		})
	}
	err := group.Wait()
	made.took = c.now().Sub(began)
	return made, err
}

func (l *lives) add(other lives) {
	l.count += other.count
	l.whole = append(l.whole, other.whole...)
	for i := range l.steps {
		l.steps[i] = append(l.steps[i], other.steps[i]...)
	}
}

// live leads one life.
func (c *crowd) live(line *connection, l *lives, s spread) error {
	n := c.n.Add(1)
	merchant := walletapi.MAC{ID: merchantMACID(s.merchant(n)), Secret: c.town.key.Reveal()}
	payer := walletapi.MAC{ID: payerToken(c.town.payer(n)), Secret: c.town.key.Reveal()}
	times := [4]time.Time{c.now()}
	answer, err := line.ask(merchant, "POST", "/rest/v1/transaction", purchase)
	if err != nil {
		return err
	}
	times[1] = c.now()
	_, rest, _ := bytes.Cut(answer, []byte(keyMember))
	key, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok {
		return fmt.Errorf("an answer without a key: %s", answer)
	}
	path := "/rest/v1/transaction/" + string(key)
	if _, err := line.ask(payer, "PUT", path+"/reserve", nil); err != nil {
		return err
	}
	times[2] = c.now()
	if answer, err = line.ask(merchant, "PUT", path+"/confirm", nil); err != nil {
		return err
	}
	times[3] = c.now()
	if !bytes.Contains(answer, []byte(`"status":"confirmed"`)) {
		return fmt.Errorf("not confirmed: %s", answer)
	}
	l.count++
	l.whole = append(l.whole, times[3].Sub(times[0]))
	for i := range l.steps {
		l.steps[i] = append(l.steps[i], times[i+1].Sub(times[i]))
	}
	return nil
}

// ask makes one signed call and returns the body of its answer, which must be a 200.
func (c *connection) ask(auth walletapi.MAC, method, target string, body []byte) ([]byte, error) {
	c.calls++
	signed := walletapi.Request{
		TS: strconv.FormatInt(c.now().Unix(), 10), Nonce: string(strconv.AppendInt(c.nonce, c.calls, 10)),
		Method: method, Target: target, Host: c.host, Port: c.port,
	}
	if len(body) > 0 {
		signed.Ext = walletapi.Ext{BodyHash: walletapi.BodyHash(body), HasBodyHash: true}.String()
	}
	header := walletapi.Authorization{ID: auth.ID, TS: signed.TS, Nonce: signed.Nonce, MAC: signed.Sign(auth.Secret), Ext: signed.Ext}
	c.request = fmt.Appendf(c.request[:0], "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: purser-bench\r\nAuthorization: %s\r\nContent-Length: %d\r\n",
		method, target, c.address, header.String(), len(body))
	if len(body) > 0 {
		c.request = append(c.request, "Content-Type: application/json\r\n"...)
	}
	c.request = append(append(c.request, "\r\n"...), body...)
	if _, err := c.Write(c.request); err != nil {
		return nil, err
	}
	return c.read(true)
}

// percentile is the value that so much of all, from 0 to 1, are not above.
func percentile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
