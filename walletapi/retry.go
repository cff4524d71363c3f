package walletapi

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Retry says how a call is repeated that got no answer, or one that says that another try may help. That is done only where
// it cannot do harm: GET is repeated, and POST and PUT are under their idempotency key. DELETE, which takes none, is repeated only
// when it was refused for coming too often. The zero value has the defaults.
type Retry struct {
	// Attempts is how often a call is sent at most; 0 means 4, and 1 never repeats.
	Attempts int
	// Pause is the longest first pause; each further one may be twice as long, and each is cut by chance, so that many clients
	// do not come back at the same moment. 0 means 250 ms.
	Pause time.Duration
	// Longest bounds one pause, also where the server asks for one: when it asks for more, its refusal is returned. 0 means 20 s.
	Longest time.Duration
}

func (r Retry) attempts() int {
	if r.Attempts > 0 {
		return r.Attempts
	}
	return 4
}

func (r Retry) longest() time.Duration {
	if r.Longest > 0 {
		return r.Longest
	}
	return 20 * time.Second
}

// before is the longest pause before a repeat, the first of which is 1.
func (r Retry) before(repeat int) time.Duration {
	pause := r.Pause
	if pause <= 0 {
		pause = 250 * time.Millisecond
	}
	for ; repeat > 1 && pause < r.longest(); repeat-- {
		pause *= 2
	}
	return min(pause, r.longest())
}

// maxOffset is how far another clock may be from ours and still be believed.
const maxOffset = 2 * 366 * 24 * time.Hour

// What the server says of an access token that has expired, and how it begins of a nonce that came twice: some proxy repeated the
// request, and hid the answer.
const (
	tokenExpired = "Token has expired"
	nonceUsed    = "Nonce already used"
)

// Send sends a call and reads the answer into out; out nil takes none of it. A POST or PUT without an idempotency key gets one. It repeats
// as Retry says; renews an expired token and, when the server finds the clock wrong, asks it for the time: each of these once in a
// call. The error is an *APIError for what the server refused.
//
// It is for calls that have no method: all others use it.
func (c *Client) Send(ctx context.Context, call Call, out any) error {
	if call.IdempotencyKey == "" && (call.Method == http.MethodPost || call.Method == http.MethodPut) {
		call.IdempotencyKey = c.key
	}
	if call.IdempotencyKey == "" && (call.Method == http.MethodPost || call.Method == http.MethodPut) {
		key, err := c.token()
		if err != nil {
			return err
		}
		call.IdempotencyKey = key
	}
	answer, err := c.repeat(ctx, call, c.Auth)
	if err != nil {
		return err
	}
	return answer.Decode(out)
}

// repeat sends a call until there is an answer that another try would not change.
func (c *Client) repeat(ctx context.Context, call Call, auth Auth) (*Answer, error) {
	if token, ok := auth.(*TokenAuth); ok {
		if err := token.ended(); err != nil {
			return nil, err
		}
	}
	cured := cures{client: c, auth: auth}
	for attempt := 1; ; attempt++ {
		proof, offset := current(auth), c.state().offset.Load()
		answer, err := c.do(ctx, call, proof)
		if err == nil && answer.Status == http.StatusOK {
			return answer, nil
		}
		if again, cureErr := cured.try(ctx, answer, proof, offset); cureErr != nil {
			return nil, cureErr
		} else if again {
			attempt--
			continue
		}
		if ctx.Err() != nil || attempt >= c.Retry.attempts() || !mayRepeat(call, answer, err) {
			return answer, err
		}
		pause, ok, randomErr := c.pauseBefore(attempt, answer)
		if randomErr != nil || !ok {
			return answer, errors.Join(err, randomErr)
		}
		if stopped := c.wait(ctx, pause); stopped != nil {
			if answer != nil {
				err = answer.Decode(nil)
			}
			return nil, errors.Join(stopped, err)
		}
	}
}

// mayRepeat says whether a repeat does no harm and may help.
func mayRepeat(call Call, answer *Answer, err error) bool {
	safe := call.Method == http.MethodGet || call.IdempotencyKey != ""
	if err != nil {
		return safe
	}
	switch answer.Status {
	case http.StatusTooManyRequests: // it was not looked at
		return true
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return safe
	case http.StatusConflict: // only where the server says that it will pass
		return safe && answer.RetryAfter > 0
	case http.StatusUnauthorized:
		var refused *APIError
		return safe && errors.As(answer.Decode(nil), &refused) && strings.HasPrefix(refused.Description, nonceUsed)
	}
	return false
}

// pauseBefore is how long to wait before the next attempt; ok says whether that is bearable.
func (c *Client) pauseBefore(repeat int, answer *Answer) (pause time.Duration, ok bool, err error) {
	var random [8]byte
	if err := c.random(random[:]); err != nil {
		return 0, false, err
	}
	most := c.Retry.before(repeat)
	pause = time.Duration(binary.LittleEndian.Uint64(random[:])%uint64(most)) + 1
	if answer != nil && answer.RetryAfter > 0 {
		return answer.RetryAfter + pause, answer.RetryAfter <= c.Retry.longest(), nil
	}
	return pause, true, nil
}

// wait sleeps, and is woken when the context ends.
func (c *Client) wait(ctx context.Context, pause time.Duration) error {
	if c.pause != nil {
		return c.pause(ctx, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cures are what helps against two refusals, each once in a call.
type cures struct {
	client       *Client
	auth         Auth
	clock, token bool
}

// try does what helps against the answer to what was proven like that, by a clock so far off; again says that the call is to be sent
// once more.
func (u *cures) try(ctx context.Context, answer *Answer, proof Auth, offset int64) (again bool, err error) {
	var refused *APIError
	if answer == nil || answer.Status != http.StatusBadRequest && answer.Status != http.StatusUnauthorized || !errors.As(answer.Decode(nil), &refused) {
		return false, nil
	}
	if refused.Code == CodeInvalidTimestamp && !u.clock {
		u.clock = true
		return u.client.setClock(ctx, offset) == nil, nil // else what was refused says more
	}
	token, isToken := u.auth.(*TokenAuth)
	if refused.Code == CodeInvalidGrant && refused.Description == tokenExpired && isToken && !u.token {
		u.token = true
		mac, _ := proof.(MAC)
		return true, token.renew(ctx, mac.ID)
	}
	return false, nil
}

// setClock asks the server for the time, without a signature, and remembers how far ours is off; unless somebody has done so since
// it was thought to be so far off.
func (c *Client) setClock(ctx context.Context, thought int64) error {
	s := c.state()
	_, err := s.clock.do(ctx, struct{}{}, func(ctx context.Context) (none struct{}, err error) {
		if s.offset.Load() != thought {
			return none, nil
		}
		before := c.now()
		answer, err := c.do(ctx, Call{Method: http.MethodGet, Target: "/rest/v1/server"}, nil)
		if err != nil {
			return none, err
		}
		var server Server
		if err := answer.Decode(&server); err != nil {
			return none, err
		}
		// The server's second may be anywhere between full and over, and the answer took as long as it took.
		after := c.now()
		offset := time.Unix(server.Time, 0).Add(time.Second / 2).Sub(before.Add(after.Sub(before) / 2))
		if offset.Abs() > maxOffset {
			return none, errors.New("walletapi: the server's clock is years away")
		}
		s.offset.Store(int64(offset))
		return none, nil
	})
	return err
}

// ClockOffset is how far the server's clock is ahead of ours, as far as it had to be asked for.
func (c *Client) ClockOffset() time.Duration { return time.Duration(c.state().offset.Load()) }
