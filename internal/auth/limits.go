package auth

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// maxBuckets bounds how many keys are counted at a time: some 30 MiB. Beyond that, those that
// call least are forgotten first, and begin again with a whole burst.
const maxBuckets = 100_000

// Budget is how often somebody may call: PerMinute on average, Burst at once. A Budget without
// PerMinute, such as the zero one, has no limit; a Burst below 1 counts as 1.
type Budget struct{ PerMinute, Burst int }

// Limits counts calls. Make one with NewLimits; it is safe for concurrent use. A nil *Limits
// lets everything pass.
type Limits struct {
	now     func() time.Time
	buckets *otter.Cache[string, *bucket]
}

// bucket is what one key has left.
type bucket struct {
	mu     sync.Mutex
	budget Budget
	// last is the time of the latest call.
	last   time.Time
	tokens *rate.Limiter
}

// NewLimits returns Limits by the given clock, in which nobody has called yet.
func NewLimits(now func() time.Time) *Limits {
	return &Limits{
		now:     now,
		buckets: otter.Must(&otter.Options[string, *bucket]{MaximumSize: maxBuckets}),
	}
}

// Quota is what is left of a budget after a call; the zero Quota is that of no limit.
type Quota struct {
	// Limit is the burst, and Remaining what is left of it.
	Limit, Remaining int
	// Reset is the time until the whole burst is there again.
	Reset time.Duration
	// RetryAfter is the time until the next call can pass; 0 when this one did.
	RetryAfter time.Duration
}

// Take counts one call of key under a budget; ok is false when it has none left. A refused
// call costs nothing. The budget of a key may change from call to call: what is left stays,
// up to the new burst.
func (l *Limits) Take(key string, b Budget) (q Quota, ok bool) {
	if l == nil || b.PerMinute <= 0 {
		return Quota{}, true
	}
	b.Burst = min(max(b.Burst, 1), math.MaxInt32)
	found, known := l.buckets.GetIfPresent(key)
	if !known {
		// The key may be a piece of a request's header, which must not be kept along with it.
		found, _ = l.buckets.SetIfAbsent(strings.Clone(key), newBucket(b))
	}
	return found.take(l.now, b)
}

func newBucket(b Budget) *bucket {
	return &bucket{budget: b, tokens: rate.NewLimiter(b.perSecond(), b.Burst)}
}

func (b Budget) perSecond() rate.Limit { return rate.Limit(b.PerMinute) / 60 }

func (k *bucket) take(clock func() time.Time, b Budget) (q Quota, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// The clock is asked under the lock: out of order, two calls would be paid the time between
	// them twice.
	now := clock()
	// When the clock was set back, counting goes on from there, or nothing would be earned until
	// the old time comes again.
	if k.budget != b || now.Before(k.last) {
		k.tokens.SetLimitAt(now, b.perSecond())
		k.tokens.SetBurstAt(now, b.Burst)
		k.budget = b
	}
	k.last = now
	ok = k.tokens.AllowN(now, 1)
	return b.quota(k.tokens.TokensAt(now), ok), ok
}

// quota says what a number of tokens means to who calls.
func (b Budget) quota(tokens float64, ok bool) Quota {
	// A token that only rounding has made less than a whole one is shown as a whole one.
	const rounding = 1e-9
	q := Quota{Limit: b.Burst, Remaining: int(tokens + rounding), Reset: b.earn(float64(b.Burst) - tokens).Round(time.Microsecond)}
	if !ok {
		q.Remaining, q.RetryAfter = 0, max(1, b.earn(1-tokens))
	}
	return q
}

// earn is how long it takes until so many tokens are there, rounded up.
func (b Budget) earn(tokens float64) time.Duration {
	took := math.Ceil(tokens * float64(time.Minute) / float64(b.PerMinute))
	if took >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(max(0, took))
}

// Headers tells who calls what is left: RateLimit-Limit, RateLimit-Remaining and, in seconds,
// RateLimit-Reset and, after a refusal, Retry-After. Without a limit it writes nothing.
func (q Quota) Headers(h http.Header) {
	if q.Limit == 0 {
		return
	}
	// Set would make each name canonical anew, for every answer.
	values := [...]string{strconv.Itoa(q.Limit), strconv.Itoa(q.Remaining), seconds(q.Reset)}
	h["Ratelimit-Limit"], h["Ratelimit-Remaining"], h["Ratelimit-Reset"] = values[0:1:1], values[1:2:2], values[2:3:3]
	if q.RetryAfter > 0 {
		h["Retry-After"] = []string{seconds(q.RetryAfter)}
	}
}

// seconds is a time in whole seconds, rounded up: who waits so long has waited long enough.
func seconds(d time.Duration) string {
	whole := int64(d / time.Second)
	if d%time.Second > 0 {
		whole++
	}
	return strconv.FormatInt(whole, 10)
}
