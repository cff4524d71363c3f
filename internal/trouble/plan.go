// Package trouble goes wrong on purpose, so that integrators can test what their programs do when a server does: for
// each client that a sandbox makes trouble for, requests and callbacks are lost, late, refused or said twice.
//
// What happens is worked out from the plan's seed and the number of the request alone, so that a run can be repeated.
// Some of it happens before a request takes effect, and some after it: only who survives both repeats safely.
package trouble

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// Kind is a way to go wrong.
type Kind string

// The kinds. Those of requests come first, then those of callbacks, then those of the times that a client is given.
const (
	// Conflict is a 409 with Retry-After, and RateLimit a 429 with it: nothing was done.
	Conflict  Kind = "409"
	RateLimit Kind = "429"
	// Internal and BadGateway are answers of a server and of a proxy that failed: before the request took effect, or
	// after it.
	Internal   Kind = "500"
	BadGateway Kind = "502"
	// Timeout is no answer at all, before the effect or after it.
	Timeout Kind = "timeout"
	// Slow is the true answer, whose body comes in pieces, and Cut one whose body ends halfway.
	Slow Kind = "slow"
	Cut  Kind = "cut"
	// Duplicate is a callback that comes twice, Late one that comes later.
	Duplicate Kind = "duplicate"
	Late      Kind = "late"
	// Clock has the clock that the client is judged by jump, and Expiry ends the tokens in its hands.
	Clock  Kind = "clock"
	Expiry Kind = "expiry"
)

var (
	ofRequests  = []Kind{Conflict, RateLimit, Internal, BadGateway, Timeout, Slow, Cut}
	ofCallbacks = []Kind{Duplicate, Late}
	ofTimes     = []Kind{Clock, Expiry}
)

// Kinds lists all.
func Kinds() []Kind { return slices.Concat(ofRequests, ofCallbacks, ofTimes) }

// Plan says what goes wrong for a client.
type Plan struct {
	// Rate is the share of requests, and of callbacks, that something happens to: more than 0, at most 1.
	Rate float64
	// Kinds are what happens; each as often as another one.
	Kinds []Kind
	// Seed chooses the sequence.
	Seed uint64
	// Every is how many requests lie between two jumps of the clock, and how many a token lives at most.
	Every int
	// Hold is how long a time-out keeps a connection, unless the client gives up before, Slow how long a slow body takes,
	// and Late how late a callback is at most.
	Hold, Slow, Late time.Duration
	// RetryAfter is how long a 409 and a 429 ask to wait.
	RetryAfter time.Duration
}

// The bounds of a plan's times. The server cuts an answer off that takes longer to write than half a minute, and
// another process takes a callback over whose sender is busy for two.
const (
	maxHold  = 5 * time.Minute
	maxSlow  = 20 * time.Second
	maxLate  = 30 * time.Second
	maxRetry = time.Hour
)

// Default is the plan with everything in it.
func Default() Plan {
	return Plan{
		Rate: 0.3, Kinds: Kinds(), Seed: 1, Every: 200,
		Hold: 35 * time.Second, Slow: 3 * time.Second, Late: 5 * time.Second, RetryAfter: time.Second,
	}
}

// Check refuses a plan that cannot be followed, naming its fields.
func (p Plan) Check() error {
	refused := wallet.FieldErrors{}
	if math.IsNaN(p.Rate) || p.Rate <= 0 || p.Rate > 1 {
		refused.Refuse("rate", "must be more than 0 and at most 1, such as 0.3 for three of ten")
	}
	if len(p.Kinds) == 0 {
		refused.Refuse("kinds", "must name at least one of %s", words())
	}
	for _, kind := range p.Kinds {
		if !slices.Contains(Kinds(), kind) {
			refused.Refuse("kinds", "%q is not one of %s", string(kind), words())
		}
	}
	if p.Every < 1 {
		refused.Refuse("every", "must be at least 1")
	}
	for _, bound := range []struct {
		field      string
		time, most time.Duration
	}{{"hold", p.Hold, maxHold}, {"slow", p.Slow, maxSlow}, {"late", p.Late, maxLate}} {
		if bound.time <= 0 || bound.time > bound.most {
			refused.Refuse(bound.field, "must be more than zero and at most %s", bound.most)
		}
	}
	if p.RetryAfter < time.Second || p.RetryAfter > maxRetry || p.RetryAfter%time.Second != 0 {
		refused.Refuse("retry_after", "must be whole seconds, from 1s to %s", maxRetry)
	}
	return refused.Err()
}

func words() string {
	var all []string
	for _, kind := range Kinds() {
		all = append(all, string(kind))
	}
	return strings.Join(all, ", ")
}

// event is what happens to one request or callback.
type event struct {
	// kind is empty where nothing does.
	kind Kind
	// after says that a request takes effect first.
	after bool
	// share says how much of the most it is, from 0 to 1.
	share float64
}

// name is what it is called in an answer's header and in counts.
func (e event) name() string {
	switch {
	case e.kind == Internal || e.kind == BadGateway || e.kind == Timeout:
		if e.after {
			return string(e.kind) + "-after"
		}
		return string(e.kind) + "-before"
	}
	return string(e.kind)
}

// request is what happens to the client's n-th request.
func (p Plan) request(n uint64) event { return p.event("request", n, ofRequests) }

// callback is what happens to the client's n-th callback.
func (p Plan) callback(n uint64) event { return p.event("callback", n, ofCallbacks) }

// event draws one of the plan's kinds among those.
func (p Plan) event(what string, n uint64, among []Kind) event {
	var kinds []Kind
	for _, kind := range among { // in our order, not in that of the command line
		if slices.Contains(p.Kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	drawn := p.draw(what, n)
	if len(kinds) == 0 || unit(drawn[0]) >= p.Rate {
		return event{}
	}
	e := event{kind: kinds[drawn[1]%uint64(len(kinds))], share: unit(drawn[3])}
	switch e.kind {
	case Internal, BadGateway, Timeout:
		e.after = drawn[2]%2 == 1
	case Slow, Cut:
		e.after = true
	}
	return e
}

// spell is which stretch of Every requests the n-th is in.
func (p Plan) spell(n uint64) uint64 { return n / uint64(p.Every) }

// skew is by how much the client's clock is said to be wrong in a spell, where most is the largest amount: behind, ahead
// or not at all, one after another. In the first one it is wrong.
func (p Plan) skew(spell uint64, most time.Duration) time.Duration {
	if !slices.Contains(p.Kinds, Clock) {
		return 0
	}
	drawn := p.draw("clock", 0)
	return []time.Duration{-most, most, 0}[(drawn[0]%2+spell%3*(1+drawn[1]%2))%3]
}

// draw is four numbers that depend on the seed, what they are for, and a number.
func (p Plan) draw(what string, n uint64) (drawn [4]uint64) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", p.Seed, what, n))
	for i := range drawn {
		drawn[i] = binary.LittleEndian.Uint64(sum[8*i:])
	}
	return drawn
}

// unit is a number as one from 0 to 1.
func unit(n uint64) float64 { return float64(n>>11) / (1 << 53) }
