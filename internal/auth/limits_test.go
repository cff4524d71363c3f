package auth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// limitsAt returns Limits at noon and a way to let time pass.
func limitsAt() (l *Limits, pass func(time.Duration)) {
	now := noon
	return NewLimits(func() time.Time { return now }), func(d time.Duration) { now = now.Add(d) }
}

// taken is how many of so many calls pass.
func taken(l *Limits, key string, b Budget, calls int) (passed int) {
	for range calls {
		if _, ok := l.Take(key, b); ok {
			passed++
		}
	}
	return passed
}

func TestLimitsAreExactUnderOverload(t *testing.T) {
	const minute = 60 * time.Second
	// A burst of one loses the part of a token that is earned between two calls: that is no error.
	for _, b := range []Budget{{600, 20}, {600, 2}, {6000, 6000}, {100, 7}, {1, 1}, {7, 100}, {60_000, 100}} {
		for _, arrivals := range []string{"even", "jittered"} {
			t.Run(fmt.Sprintf("%d a minute, %d at once, %s", b.PerMinute, b.Burst, arrivals), func(t *testing.T) {
				l, pass := limitsAt()
				policy := b.PerMinute + b.Burst
				pause := minute / time.Duration(4*policy)
				random := rand.New(rand.NewPCG(1, 2))
				passed, spent := 0, time.Duration(0)
				for spent < minute {
					passed += taken(l, "key", b, 1)
					step := pause
					if arrivals == "jittered" {
						step = time.Duration(random.Int64N(2*int64(pause))) + 1
					}
					spent += step
					pass(step)
				}
				if off := math.Abs(float64(passed - policy)); off > max(1, float64(policy)/100) {
					t.Errorf("%d calls passed, the policy is %d", passed, policy)
				}
			})
		}
	}
}

func TestLimitsOfOneKeyLeaveOthersAlone(t *testing.T) {
	l, _ := limitsAt()
	b := Budget{PerMinute: 60, Burst: 5}
	if passed := taken(l, "loud", b, 100); passed != 5 {
		t.Errorf("%d calls passed", passed)
	}
	if passed := taken(l, "quiet", b, 5); passed != 5 {
		t.Errorf("another key has %d calls", passed)
	}
}

func TestLimitsCanBeAbsent(t *testing.T) {
	l, _ := limitsAt()
	for story, l := range map[string]*Limits{"no limits": nil, "no budget": l} {
		for range 1000 {
			if q, ok := l.Take("key", Budget{}); !ok || q != (Quota{}) {
				t.Fatalf("%s: %v, %+v", story, ok, q)
			}
		}
	}
	if q, ok := l.Take("key", Budget{Burst: 3}); !ok || q != (Quota{}) {
		t.Errorf("a burst of nothing: %v, %+v", ok, q)
	}
	if passed := taken(l, "key", Budget{PerMinute: 60}, 3); passed != 1 {
		t.Errorf("without a burst %d calls pass at once", passed)
	}
	if passed := taken(nil, "key", Budget{PerMinute: 60}, 3); passed != 3 {
		t.Errorf("without limits %d calls pass", passed)
	}
}

func TestQuotaTellsWhatIsLeft(t *testing.T) {
	l, pass := limitsAt()
	b := Budget{PerMinute: 30, Burst: 3}
	for i, want := range []Quota{
		{Limit: 3, Remaining: 2, Reset: 2 * time.Second},
		{Limit: 3, Remaining: 1, Reset: 4 * time.Second},
		{Limit: 3, Remaining: 0, Reset: 6 * time.Second},
		{Limit: 3, Remaining: 0, Reset: 6 * time.Second, RetryAfter: 2 * time.Second},
		{Limit: 3, Remaining: 0, Reset: 6 * time.Second, RetryAfter: 2 * time.Second},
	} {
		if got, ok := l.Take("key", b); got != want || ok != (want.RetryAfter == 0) {
			t.Errorf("call %d: %v, %+v; want %+v", i+1, ok, got, want)
		}
	}
	pass(1500 * time.Millisecond)
	want := Quota{Limit: 3, Reset: 4500 * time.Millisecond, RetryAfter: 500 * time.Millisecond}
	if got, ok := l.Take("key", b); got != want || ok {
		t.Errorf("too early: %v, %+v; want %+v", ok, got, want)
	}
	pass(want.Reset)
	if passed := taken(l, "key", b, 10); passed != 3 {
		t.Errorf("after the reset %d calls pass", passed)
	}
}

func TestQuotaRetryAfterIsLongEnough(t *testing.T) {
	for _, b := range []Budget{{1, 1}, {7, 1}, {60, 5}, {99, 3}, {601, 50}, {59_999, 2}, {3_000_000, 7}} {
		l, pass := limitsAt()
		taken(l, "key", b, b.Burst)
		for range 1000 {
			q, ok := l.Take("key", b)
			if ok {
				t.Fatalf("%+v: a call passes at once after a refusal was due", b)
			}
			pass(q.RetryAfter - 2*time.Nanosecond)
			if _, ok := l.Take("key", b); ok {
				t.Fatalf("%+v: a call passes before %v", b, q.RetryAfter)
			}
			pass(2 * time.Nanosecond)
			if _, ok := l.Take("key", b); !ok {
				t.Fatalf("%+v: no call passes after %v", b, q.RetryAfter)
			}
		}
	}
}

func TestLimitsFollowAChangedBudget(t *testing.T) {
	l, pass := limitsAt()
	small, large := Budget{PerMinute: 60, Burst: 2}, Budget{PerMinute: 600, Burst: 10}
	if passed := taken(l, "key", small, 10); passed != 2 {
		t.Errorf("%d calls passed", passed)
	}
	if q, ok := l.Take("key", large); ok || q.Limit != 10 || q.RetryAfter != 100*time.Millisecond {
		t.Errorf("a larger budget gives nothing for the time before it: %v, %+v", ok, q)
	}
	pass(time.Second)
	if q, ok := l.Take("key", large); !ok || q.Remaining != 9 {
		t.Errorf("then it earns faster: %v, %+v", ok, q)
	}
	if passed := taken(l, "key", small, 10); passed != 2 {
		t.Errorf("a smaller burst cuts what was left: %d calls passed", passed)
	}
	pass(time.Second)
	if passed := taken(l, "key", small, 10); passed != 1 {
		t.Errorf("and earns slower: %d calls passed", passed)
	}
}

func TestLimitsOutliveAClockThatIsSetBack(t *testing.T) {
	l, pass := limitsAt()
	b := Budget{PerMinute: 60, Burst: 2}
	taken(l, "key", b, 5)
	pass(-time.Hour)
	if passed := taken(l, "key", b, 5); passed != 0 {
		t.Errorf("%d calls passed when the clock was set back", passed)
	}
	pass(time.Second)
	if passed := taken(l, "key", b, 5); passed != 1 {
		t.Errorf("%d calls passed a second later", passed)
	}
}

func TestLimitsCountConcurrentCalls(t *testing.T) {
	var ticks, passed atomic.Int64
	// Every look at the clock is a microsecond later than the one before.
	l := NewLimits(func() time.Time { return noon.Add(time.Duration(ticks.Add(1)) * time.Microsecond) })
	b := Budget{PerMinute: 6_000_000, Burst: 500} // a tenth of what comes
	const callers, calls = 32, 1000
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() { passed.Add(int64(taken(l, "key", b, calls))) })
	}
	wg.Wait()
	if want := int64(callers*calls/10 + b.Burst); passed.Load() < want-1 || passed.Load() > want+1 {
		t.Errorf("%d calls passed, want %d", passed.Load(), want)
	}
}

func TestLimitsForgetTheQuietBeforeTheLoud(t *testing.T) {
	l, _ := limitsAt()
	b := Budget{PerMinute: 60, Burst: 10}
	passed := 0
	for i := range 2 * maxBuckets {
		l.Take(fmt.Sprint("stranger ", i), b)
		if i%10 == 0 {
			passed += taken(l, "loud", b, 1)
		}
	}
	if passed != b.Burst {
		t.Errorf("%d calls of a loud key passed among strangers, want %d", passed, b.Burst)
	}
	l.buckets.CleanUp()
	if size := l.buckets.EstimatedSize(); size > maxBuckets {
		t.Errorf("%d buckets are kept", size)
	}
}

func TestQuotaHeaders(t *testing.T) {
	tests := []struct {
		story                               string
		quota                               Quota
		limit, remaining, reset, retryAfter string
	}{
		{"no limit", Quota{}, "", "", "", ""},
		{"allowed", Quota{Limit: 20, Remaining: 19, Reset: time.Second}, "20", "19", "1", ""},
		{"all is there", Quota{Limit: 20, Remaining: 20}, "20", "20", "0", ""},
		{"refused", Quota{Limit: 20, Reset: 61 * time.Second, RetryAfter: 3 * time.Second}, "20", "0", "61", "3"},
		{"rounded up", Quota{Limit: 20, Reset: time.Second + 1, RetryAfter: 1}, "20", "0", "2", "1"},
		{"for ever", Quota{Limit: 20, Reset: math.MaxInt64, RetryAfter: math.MaxInt64}, "20", "0", "9223372037", "9223372037"},
	}
	for _, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			h := http.Header{}
			test.quota.Headers(h)
			for name, want := range map[string]string{
				"RateLimit-Limit": test.limit, "RateLimit-Remaining": test.remaining, "RateLimit-Reset": test.reset, "Retry-After": test.retryAfter,
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if test.limit == "" && len(h) > 0 {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func TestQuotaOfAnAbsurdBudget(t *testing.T) {
	l, _ := limitsAt()
	b := Budget{PerMinute: 1, Burst: math.MaxInt}
	if q, ok := l.Take("key", b); !ok || q.Remaining != q.Limit-1 || q.Reset < 0 {
		t.Errorf("%v, %+v", ok, q)
	}
	taken(l, "key", Budget{PerMinute: 1}, 1)
	if q, ok := l.Take("key", b); ok || q.Reset != math.MaxInt64 || q.RetryAfter != time.Minute {
		t.Errorf("a burst that takes longer than a Duration can tell: %v, %+v", ok, q)
	}
	b = Budget{PerMinute: math.MaxInt, Burst: 1}
	if passed := taken(l, "other", b, 1); passed != 1 {
		t.Errorf("%d calls passed", passed)
	}
}

func BenchmarkTake(b *testing.B) {
	budget := Budget{PerMinute: 600, Burst: 20}
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint("client ", i)
	}
	b.Run("alone", func(b *testing.B) {
		l := NewLimits(time.Now)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			l.Take(keys[i%len(keys)], budget)
		}
	})
	b.Run("at the same time", func(b *testing.B) {
		l := NewLimits(time.Now)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(len(keys)); pb.Next(); i++ {
				l.Take(keys[i%len(keys)], budget)
			}
		})
	})
	b.Run("a new key each", func(b *testing.B) {
		l := NewLimits(time.Now)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			l.Take(fmt.Sprint(i), budget)
		}
	})
}
