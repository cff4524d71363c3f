package trouble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The n-th request meets the same under the same seed, another under another one; as much goes wrong as was asked for, of each kind
// as much, and of what can be on either side of the effect about half is on each.
func TestAPlanIsDrawnByItsSeed(t *testing.T) {
	const n = 20_000
	p, counts, same := Default(), map[string]int{}, 0
	other := p
	other.Seed++
	for i := range uint64(n) {
		e := p.request(i)
		if e != p.request(i) {
			t.Fatalf("request %d meets %v once and %v once", i, e, p.request(i))
		}
		if e == other.request(i) {
			same++
		}
		if e.kind != "" {
			counts[e.name()]++
			counts["all"]++
		}
	}
	near := func(what string, got int, share float64) {
		if math.Abs(float64(got)-n*share) > n*0.012 {
			t.Errorf("%s: %d of %d instead of %.0f", what, got, n, n*share)
		}
	}
	near("all", counts["all"], 0.3)
	each := 0.3 / float64(len(ofRequests))
	for _, name := range []string{"409", "429", "slow", "cut"} {
		near(name, counts[name], each)
	}
	for _, name := range []string{"500", "502", "timeout"} {
		near(name+" before", counts[name+"-before"], each/2)
		near(name+" after", counts[name+"-after"], each/2)
	}
	if near("the same under another seed", same, 0.7*0.7); same == n {
		t.Error("the seed does not matter")
	}
	p.Kinds = []Kind{BadGateway, Late}
	for i := range uint64(200) {
		if e := p.request(i); e.kind != "" && e.kind != BadGateway {
			t.Fatalf("nobody asked for %v", e)
		}
		if e := p.callback(i); e.kind != "" && e.kind != Late {
			t.Fatalf("nobody asked for %v", e)
		}
	}
}

// In each spell the clock is wrong in another way, and in one of three it is right.
func TestTheClockJumps(t *testing.T) {
	for seed := range uint64(20) {
		p := Default()
		p.Seed = seed
		seen := map[time.Duration]int{}
		for spell := range uint64(9) {
			skew := p.skew(spell, time.Minute)
			seen[skew]++
			if spell > 0 && skew == p.skew(spell-1, time.Minute) || spell == 0 && skew == 0 {
				t.Errorf("seed %d, spell %d: %v", seed, spell, skew)
			}
		}
		if seen[0] != 3 || seen[time.Minute] != 3 || seen[-time.Minute] != 3 {
			t.Errorf("seed %d: %v", seed, seen)
		}
	}
}

func TestPlansThatCannotBeFollowed(t *testing.T) {
	for field, change := range map[string]func(*Plan){
		"rate": func(p *Plan) { p.Rate = math.NaN() }, "kinds": func(p *Plan) { p.Kinds = []Kind{"404"} }, "every": func(p *Plan) { p.Every = 0 },
		"hold": func(p *Plan) { p.Hold = time.Hour }, "slow": func(p *Plan) { p.Slow = 0 }, "late": func(p *Plan) { p.Late = time.Hour },
		"retry_after": func(p *Plan) { p.RetryAfter = 1500 * time.Millisecond },
	} {
		p := Default()
		change(&p)
		var refused *wallet.Error
		if err := p.Check(); !errors.As(err, &refused) || refused.Code != wallet.InvalidParameters || len(refused.Properties[field]) == 0 {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
}

// server is a handler with trouble before it, which counts what took effect.
type server struct {
	*httptest.Server
	maker   *Maker
	effects atomic.Int64
}

// newServer makes only this kind of trouble, for each request that says that it is from client 7.
func newServer(t *testing.T, change func(*Plan)) *server {
	t.Helper()
	s := &server{}
	s.maker = New(Options{
		Claim: func(r *http.Request) (c Claim, err error) {
			if r.Header.Get("Client") == "7" {
				c.Client = 7
			}
			fmt.Sscan(r.Header.Get("TS"), &c.TS)
			copy(c.Token[:], r.Header.Get("Token"))
			return c, nil
		},
		Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			var refused *wallet.Error
			errors.As(err, &refused)
			w.Header().Set("Retry-After", fmt.Sprint(refused.RetryAfter.Seconds()))
			w.WriteHeader(map[wallet.Code]int{wallet.InvalidState: 409, wallet.RateLimitExceeded: 429, wallet.InternalServerError: 500, wallet.InvalidTimestamp: 401, wallet.InvalidGrant: 400}[refused.Code])
			io.WriteString(w, refused.Description)
		},
		WallClock: func() time.Time { return epoch }, Window: 300 * time.Second,
	})
	s.Server = httptest.NewServer(s.maker.Before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.effects.Add(1)
		if r.URL.Path == timePath {
			fmt.Fprintf(w, `{"time":%d}`, epoch.Unix())
			return
		}
		io.WriteString(w, "the true answer")
	})))
	t.Cleanup(s.Close)
	p := Default()
	p.Rate, p.Hold, p.Slow, p.Late = 1, time.Millisecond, time.Millisecond, time.Millisecond
	change(&p)
	if _, err := s.maker.Set(7, p); err != nil {
		t.Fatal(err)
	}
	return s
}

// send returns what is answered; the error is that of reading it.
func (s *server) send(t *testing.T, method, path string, headers ...string) (status int, body, header string, err error) {
	t.Helper()
	r, _ := http.NewRequest(method, s.URL+path, strings.NewReader(""))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, "", "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), answer.Header.Get(Header), err
}

// What happens before the effect leaves none, and what happens after it leaves one.
func TestTroubleIsBeforeTheEffectOrAfterIt(t *testing.T) {
	for _, kind := range ofRequests {
		s := newServer(t, func(p *Plan) { p.Kinds = []Kind{kind} })
		for n := range uint64(12) {
			e, before := s.maker.All()[0].Plan.request(n), s.effects.Load()
			status, body, header, err := s.send(t, "POST", "/pay", "Client", "7")
			if effect := s.effects.Load() - before; effect != map[bool]int64{true: 1}[e.after] {
				t.Errorf("%s: %d effects", e.name(), effect)
			}
			switch kind {
			case Timeout:
				if err == nil {
					t.Errorf("%s: %d %s", e.name(), status, body)
				}
				continue
			case Cut:
				if err == nil && body == "the true answer" {
					t.Errorf("cut: it is whole")
				}
				continue
			case Slow:
				if status != 200 || body != "the true answer" {
					t.Errorf("slow: %d %q, %v", status, body, err)
				}
			default:
				if fmt.Sprint(status) != string(kind) {
					t.Errorf("%s: %d", kind, status)
				}
			}
			if header != e.name() {
				t.Errorf("%s is called %q", e.name(), header)
			}
		}
		if counts := s.maker.All()[0].Counts; len(counts) == 0 {
			t.Errorf("%s: nothing was counted", kind)
		}
	}
}

// Others, and those whose trouble is over, meet none.
func TestTroubleIsForOneClient(t *testing.T) {
	s := newServer(t, func(p *Plan) { p.Kinds = []Kind{BadGateway} })
	for _, client := range []string{"", "8"} {
		if status, _, header, err := s.send(t, "GET", "/x", "Client", client); status != 200 || header != "" || err != nil {
			t.Errorf("%d %s %v", status, header, err)
		}
	}
	was, err := s.maker.Off(7)
	if err != nil || was.Requests != 0 {
		t.Errorf("%+v, %v", was, err)
	}
	if status, _, _, _ := s.send(t, "GET", "/x", "Client", "7"); status != 200 {
		t.Errorf("after off: %d", status)
	}
	if _, err := s.maker.Off(7); err == nil {
		t.Error("it was off")
	}
}

// A client that gives up is not waited for, nor is anybody when the server stops.
func TestATimeOutEndsEarly(t *testing.T) {
	s := newServer(t, func(p *Plan) { p.Kinds, p.Hold = []Kind{Timeout}, time.Minute })
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	r, _ := http.NewRequestWithContext(ctx, "GET", s.URL+"/x", nil)
	r.Header.Set("Client", "7")
	if _, err := http.DefaultTransport.RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { s.maker.Close() })
	if _, _, _, err := s.send(t, "GET", "/x", "Client", "7"); err == nil {
		t.Error("it was answered")
	}
}

// A client whose clock is right is refused by one that is wrong, is told that one's time, signed or from the same address, and
// then believed. Others are told the true time.
func TestTheWrongClockIsTold(t *testing.T) {
	s := newServer(t, func(p *Plan) { p.Kinds, p.Every = []Kind{Clock}, 100 })
	skew := s.maker.All()[0].Plan.skew(0, s.maker.most())
	now := fmt.Sprint(epoch.Unix())
	told := func(agent string) string {
		_, body, _, _ := s.send(t, "GET", timePath, "User-Agent", agent)
		return body
	}

	right, wrong := fmt.Sprintf(`{"time":%d}`, epoch.Unix()), fmt.Sprintf(`{"time":%d}`, epoch.Add(skew).Unix())
	if told("sdk") != right {
		t.Error("nobody was refused yet")
	}
	status, body, header, _ := s.send(t, "GET", "/x", "Client", "7", "TS", now, "User-Agent", "sdk")
	if status != 401 || body != map[bool]string{true: tooOld, false: inFuture}[skew > 0] || header != "clock" || s.effects.Load() != 1 {
		t.Errorf("%d %s %s", status, body, header)
	}
	if told("sdk") != wrong || told("another") != wrong {
		t.Errorf("told %s and %s", told("sdk"), told("another"))
	}
	clear(s.maker.misled)
	if told("sdk") != right {
		t.Error("it goes on")
	}
	if status, body, _, _ := s.send(t, "GET", "/x", "Client", "7", "TS", fmt.Sprint(epoch.Add(skew).Unix())); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if _, body, _, _ := s.send(t, "GET", timePath, "Client", "7", "TS", now); body != wrong {
		t.Errorf("signed: %s", body)
	}
	if skew.Abs() > 300*time.Second || skew.Abs() <= 100*time.Second {
		t.Errorf("a signature by that clock would be refused, or one by the true clock accepted: %v", skew)
	}
}

// A token that was used before ends with the spell; a new one goes on.
func TestTokensEndEarly(t *testing.T) {
	s := newServer(t, func(p *Plan) { p.Kinds, p.Every = []Kind{Expiry}, 3 })
	for n, token := range []string{"a", "a", "a", "a", "a", "b", "b", "a", "c"} {
		status, body, _, _ := s.send(t, "GET", "/x", "Client", "7", "Token", token)
		if ended := n == 3 || n == 4 || n == 6 || n == 7; ended != (status == 400 && body == expired) || !ended && status != 200 {
			t.Errorf("request %d: %d %s", n, status, body)
		}
	}
}

func TestCallbacksAreLateOrComeTwice(t *testing.T) {
	s := newServer(t, func(p *Plan) { p.Kinds, p.Rate, p.Late = ofCallbacks, 0.5, time.Millisecond })
	p := s.maker.All()[0].Plan
	for n := range uint64(50) {
		twice, err := s.maker.Callback(context.Background(), 7)
		if err != nil || twice != (p.callback(n).kind == Duplicate) {
			t.Errorf("callback %d: %v, %v", n, twice, err)
		}
	}
	if counts := s.maker.All()[0].Counts; counts["late"] == 0 || counts["duplicate"] == 0 {
		t.Errorf("%v", counts)
	}
	if twice, err := s.maker.Callback(context.Background(), 8); twice || err != nil {
		t.Error("nobody asked for it")
	}
}
