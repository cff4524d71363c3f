package walletapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// script is a server that answers one request after another, and what it was sent.
type script struct {
	*httptest.Server
	mu   sync.Mutex
	sent []sent
}

// sent is one request as it arrived.
type sent struct{ method, authorization string }

// answering serves answers, one for each request; the last one again and again.
func answering(t *testing.T, answers ...func(w http.ResponseWriter)) *script {
	s := &script{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		n := min(len(s.sent), len(answers)-1)
		s.sent = append(s.sent, sent{r.Method, r.Header.Get("Authorization")})
		s.mu.Unlock()
		answers[n](w)
	}))
	t.Cleanup(s.Close)
	return s
}

// client calls the script, does not sleep and notes how long it would have.
func (s *script) client(pauses *[]time.Duration) *Client {
	var mu sync.Mutex
	return &Client{BaseURL: s.URL, Auth: MAC{ID: "shop", Secret: "key"}, pause: func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		if pauses != nil {
			*pauses = append(*pauses, d)
		}
		return ctx.Err()
	}}
}

// requests are those that arrived.
func (s *script) requests() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func (s *script) ext(t *testing.T, i int) Ext {
	t.Helper()
	a, err := ParseAuthorization(s.requests()[i].authorization)
	if err != nil {
		t.Fatal(err)
	}
	ext, err := ParseExt(a.Ext)
	if err != nil {
		t.Fatal(err)
	}
	return ext
}

func ok(w http.ResponseWriter) { io.WriteString(w, `{"id":1221}`) }

func refusing(status int, code, description string, headers ...string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
	}
}

// broken ends the connection without an answer.
func broken(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func TestWhatIsRepeatedAndWhatIsNot(t *testing.T) {
	unavailable := refusing(503, CodeServiceUnavailable, "Later.")
	write := func(c *Client) error {
		_, err := c.CreateTransaction(context.Background(), NewTransaction{})
		return err
	}
	read := func(c *Client) error { _, err := c.Project(context.Background(), 1221); return err }
	remove := func(c *Client) error { _, err := c.CancelPayment(context.Background(), 1); return err }
	for _, test := range []struct {
		name   string
		first  func(w http.ResponseWriter)
		call   func(c *Client) error
		repeat bool
	}{
		{"a read after 503", unavailable, read, true},
		{"a read after 500", refusing(500, CodeInternalServerError, "Oh."), read, true},
		{"a read after a proxy's 502", func(w http.ResponseWriter) { w.WriteHeader(502); io.WriteString(w, "<html>") }, read, true},
		{"a read without an answer", broken, read, true},
		{"a write after 503", unavailable, write, true},
		{"a write without an answer", broken, write, true},
		{"a write after 429", refusing(429, CodeRateLimitExceeded, "Wait.", "Retry-After", "1"), write, true},
		{"a write after a conflict that passes", refusing(409, CodeInvalidState, "Busy.", "Retry-After", "1"), write, true},
		{"a write after a conflict", refusing(409, CodeInvalidState, "Confirmed already."), write, false},
		{"a write that a proxy repeated", refusing(401, CodeUnauthorized, "Nonce already used: sign anew."), write, true},
		{"a write that is refused", refusing(401, CodeUnauthorized, "The MAC does not match."), write, false},
		{"a read of nothing", refusing(404, CodeNotFound, "No."), read, false},
		{"a delete after 429", refusing(429, CodeRateLimitExceeded, "Wait."), remove, true},
		{"a delete after 503", unavailable, remove, false},
		{"a delete without an answer", broken, remove, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := answering(t, test.first, ok)
			err := test.call(s.client(nil))
			if repeated := len(s.requests()) == 2; repeated != test.repeat || (err == nil) != test.repeat {
				t.Errorf("it was sent %d times, and the error is %v", len(s.requests()), err)
			}
			if len(s.requests()) == 2 && s.requests()[0].authorization == s.requests()[1].authorization {
				t.Error("the repeat has the signature of the first")
			}
			if len(s.requests()) == 2 && s.ext(t, 0).IdempotencyKey != s.ext(t, 1).IdempotencyKey {
				t.Error("the repeat has another idempotency key")
			}
			if hasKey := s.ext(t, 0).HasIdempotencyKey; hasKey != (s.requests()[0].method == http.MethodPost) {
				t.Errorf("a %s has an idempotency key: %t", s.requests()[0].method, hasKey)
			}
		})
	}
}

func TestRepeatsAreBounded(t *testing.T) {
	var pauses []time.Duration
	s := answering(t, refusing(503, CodeServiceUnavailable, "Later."))
	c := s.client(&pauses)
	c.Retry = Retry{Attempts: 6, Pause: time.Second, Longest: 3 * time.Second}
	if _, err := c.Project(context.Background(), 1221); !HasCode(err, CodeServiceUnavailable) {
		t.Errorf("the error is %v", err)
	}
	if len(s.requests()) != 6 || len(pauses) != 5 {
		t.Fatalf("it was sent %d times with %d pauses", len(s.requests()), len(pauses))
	}
	for i, most := range []time.Duration{1, 2, 3, 3, 3} {
		if pauses[i] <= 0 || pauses[i] > most*time.Second {
			t.Errorf("pause %d is %v", i, pauses[i])
		}
	}

	once := s.client(nil)
	once.Retry.Attempts = 1
	if once.Project(context.Background(), 1); len(s.requests()) != 7 {
		t.Error("one attempt is more than one")
	}
}

func TestServersPauseIsKept(t *testing.T) {
	var pauses []time.Duration
	s := answering(t, refusing(429, CodeRateLimitExceeded, "Wait.", "Retry-After", "7"), refusing(429, CodeRateLimitExceeded, "Wait.", "Retry-After", "3600"))
	_, err := s.client(&pauses).Project(context.Background(), 1221)
	var refused *APIError
	if len(pauses) != 1 || pauses[0] < 7*time.Second || pauses[0] > 8*time.Second {
		t.Errorf("the pauses are %v", pauses)
	}
	if !errors.As(err, &refused) || refused.RetryAfter != time.Hour || refused.Status != 429 {
		t.Errorf("an hour was to be waited for: %v", err)
	}
}

func TestAnEndedContextEndsThePause(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := answering(t, refusing(503, CodeServiceUnavailable, "Later."))
	c := s.client(nil)
	c.pause = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	_, err := c.Project(ctx, 1221)
	if !errors.Is(err, context.Canceled) || !HasCode(err, CodeServiceUnavailable) || len(s.requests()) != 1 {
		t.Errorf("sent %d times: %v", len(s.requests()), err)
	}
	c.pause = nil
	if err := c.wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("the real pause: %v", err)
	}
	if err := c.wait(context.Background(), time.Nanosecond); err != nil {
		t.Errorf("the real pause: %v", err)
	}
}

func TestAGivenKeyIsUsed(t *testing.T) {
	s := answering(t, ok)
	c := s.client(nil)
	c.Once("order-17").CreateTransaction(context.Background(), NewTransaction{})
	c.CreateTransaction(context.Background(), NewTransaction{})
	c.CreateTransaction(context.Background(), NewTransaction{})
	c.Once("order-17").Project(context.Background(), 1)
	keys := [4]string{}
	for i := range keys {
		keys[i] = s.ext(t, i).IdempotencyKey
	}
	if keys[0] != "order-17" || keys[1] == keys[2] || len(keys[1]) != 32 || keys[3] != "" {
		t.Errorf("the keys are %q", keys)
	}
}

// A client whose clock is wrong asks for the time, once however many call, and goes on by it.
func TestClockIsSetByTheServers(t *testing.T) {
	const ahead = 3 * time.Hour
	ours := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var asked, refused atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/rest/v1/server" {
			asked.Add(1)
			if r.Header.Get("Authorization") != "" {
				t.Error("the question for the time is signed")
			}
			time.Sleep(20 * time.Millisecond)
			fmt.Fprintf(w, `{"time":%d}`, ours.Add(ahead).Unix())
			return
		}
		a, _ := ParseAuthorization(r.Header.Get("Authorization"))
		var ts int64
		fmt.Sscan(a.TS, &ts)
		if off := time.Unix(ts, 0).Sub(ours.Add(ahead)); off.Abs() > 5*time.Minute {
			refused.Add(1)
			refusing(401, CodeInvalidTimestamp, "Timestamp lifetime exceeded")(w)
			return
		}
		ok(w)
	}))
	defer server.Close()
	c := &Client{BaseURL: server.URL, Auth: MAC{ID: "shop", Secret: "key"}, Now: func() time.Time { return ours }}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := c.InProject(int64(i)).Project(context.Background(), 1221); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	before, questions := refused.Load(), asked.Load()
	if _, err := c.Project(context.Background(), 1221); err != nil || refused.Load() != before {
		t.Errorf("the clock was not remembered: %v", err)
	}
	if questions != 1 || (c.ClockOffset()-ahead).Abs() > time.Second {
		t.Errorf("the time was asked for %d times, and the offset is %v", questions, c.ClockOffset())
	}
}

func TestClockIsAskedForOnceInACall(t *testing.T) {
	late := refusing(401, CodeInvalidTimestamp, "Timestamp is in future")
	now := func(w http.ResponseWriter) { fmt.Fprintf(w, `{"time":%d}`, time.Now().Unix()) }
	s := answering(t, late, now, late)
	if _, err := s.client(nil).Project(context.Background(), 1221); !HasCode(err, CodeInvalidTimestamp) || len(s.requests()) != 3 {
		t.Errorf("sent %d times: %v", len(s.requests()), err)
	}
	// A server of another age is not believed.
	s = answering(t, late, func(w http.ResponseWriter) { io.WriteString(w, `{"time":1}`) })
	c := s.client(nil)
	if _, err := c.Project(context.Background(), 1221); !HasCode(err, CodeInvalidTimestamp) || c.ClockOffset() != 0 || len(s.requests()) != 2 {
		t.Errorf("sent %d times: %v", len(s.requests()), err)
	}
}

// tokens is a server where an access token expires, and is renewed.
type tokens struct {
	*httptest.Server
	renewals atomic.Int64
	calls    atomic.Int64
	mu       sync.Mutex
	keys     []string // of renewals
	answer   func(w http.ResponseWriter, n int64)
}

func newTokens(t *testing.T, answer func(w http.ResponseWriter, n int64)) *tokens {
	s := &tokens{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := ParseAuthorization(r.Header.Get("Authorization"))
		switch {
		case r.URL.Path == "/oauth/v1/token":
			var asked TokenRequest
			json.NewDecoder(r.Body).Decode(&asked)
			if a.ID != "shop" || asked.GrantType != GrantRefreshToken || !strings.HasPrefix(asked.RefreshToken, "refresh") {
				t.Errorf("%s asks for a token with %s", a.ID, asked.GrantType)
			}
			ext, _ := ParseExt(a.Ext)
			s.mu.Lock()
			s.keys = append(s.keys, ext.IdempotencyKey)
			s.mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			s.answer(w, s.renewals.Add(1))
		case a.ID == "old":
			s.calls.Add(1)
			refusing(400, CodeInvalidGrant, "Token has expired")(w)
		default:
			ok(w)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

var oldToken = Token{AccessToken: "old", MACKey: "k", RefreshToken: "refresh-1"}

func TestATokenIsRenewedOnce(t *testing.T) {
	s := newTokens(t, func(w http.ResponseWriter, n int64) {
		json.NewEncoder(w).Encode(Token{AccessToken: fmt.Sprint("new-", n), MACKey: "k2", RefreshToken: "refresh-2"})
	})
	shop := &Client{BaseURL: s.URL, Auth: MAC{ID: "shop", Secret: "key"}}
	var kept []Token
	user := shop.WithToken(oldToken, func(fresh Token) { kept = append(kept, fresh) })
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			if _, err := user.InProject(int64(i)).UserProjects(context.Background(), Me); err == nil {
				t.Error("an object was read as a list")
			} else if HasCode(err, CodeInvalidGrant) {
				t.Error(err)
			}
			if _, err := user.Project(context.Background(), 1221); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s.renewals.Load() != 1 || len(kept) != 1 || kept[0].AccessToken != "new-1" || user.Auth.(*TokenAuth).Token().AccessToken != "new-1" {
		t.Errorf("%d renewals, and what was kept is %v", s.renewals.Load(), kept)
	}
}

func TestASessionThatIsOverIsNotAskedForAgain(t *testing.T) {
	s := newTokens(t, func(w http.ResponseWriter, _ int64) { refusing(400, CodeInvalidGrant, "Refresh token expired")(w) })
	user := (&Client{BaseURL: s.URL, Auth: MAC{ID: "shop", Secret: "key"}}).WithToken(oldToken, nil)
	for range 3 {
		_, err := user.Project(context.Background(), 1221)
		var refused *APIError
		if !errors.Is(err, ErrSignedOut) || !errors.As(err, &refused) || refused.Description != "Refresh token expired" {
			t.Errorf("the error is %v", err)
		}
	}
	if s.renewals.Load() != 1 || s.calls.Load() != 1 {
		t.Errorf("it was asked %d times, after %d calls", s.renewals.Load(), s.calls.Load())
	}
}

// A renewal whose answers are lost is the same one when it is asked for again, also by another call: the server replays the pair.
func TestARenewalWhoseAnswersAreLost(t *testing.T) {
	s := newTokens(t, func(w http.ResponseWriter, n int64) {
		if n <= 4 {
			broken(w)
		}
		json.NewEncoder(w).Encode(Token{AccessToken: "new", MACKey: "k2", RefreshToken: "refresh-2"})
	})
	shop := &Client{BaseURL: s.URL, Auth: MAC{ID: "shop", Secret: "key"}, Retry: Retry{Attempts: 2, Pause: time.Millisecond}}
	user := shop.WithToken(oldToken, nil)
	for range 2 {
		if _, err := user.Project(context.Background(), 1221); err == nil || errors.Is(err, ErrSignedOut) {
			t.Errorf("the error is %v", err)
		}
	}
	if _, err := user.Project(context.Background(), 1221); err != nil {
		t.Error(err)
	}
	slices.Sort(s.keys)
	if kinds := slices.Compact(slices.Clone(s.keys)); len(s.keys) != 5 || len(kinds) != 1 || !strings.HasPrefix(kinds[0], "refresh-") || strings.Contains(kinds[0], oldToken.RefreshToken) {
		t.Errorf("the keys are %q", s.keys)
	}
}

// Who stops waiting for a renewal does not stop it for the others.
func TestARenewalOutlivesWhoBeganIt(t *testing.T) {
	s := newTokens(t, func(w http.ResponseWriter, _ int64) {
		json.NewEncoder(w).Encode(Token{AccessToken: "new", MACKey: "k2", RefreshToken: "refresh-2"})
	})
	user := (&Client{BaseURL: s.URL, Auth: MAC{ID: "shop", Secret: "key"}}).WithToken(oldToken, nil)
	token := user.Auth.(*TokenAuth)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := token.renew(ended, "old"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if err := token.renew(context.Background(), "old"); err != nil || token.Token().AccessToken != "new" || s.renewals.Load() != 1 {
		t.Errorf("%d renewals: %v", s.renewals.Load(), err)
	}
}

func TestAFlightThatPanicsTellsAll(t *testing.T) {
	var f flight[int, int]
	if _, err := f.do(context.Background(), 1, func(context.Context) (int, error) { panic("oh") }); err == nil || !strings.Contains(err.Error(), "oh") {
		t.Errorf("the error is %v", err)
	}
	if _, err := f.do(context.Background(), 1, func(context.Context) (int, error) { runtime.Goexit(); return 7, nil }); err == nil {
		t.Error("a call that ended its goroutine has no error")
	}
	if n, err := f.do(context.Background(), 1, func(context.Context) (int, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	const secret = "s3cr3t"
	token := Token{AccessToken: secret, MACKey: secret, RefreshToken: secret}
	device := &ClientInfo{Credentials: &Credentials{AccessToken: "id", MACKey: secret}}
	client := (&Client{BaseURL: "http://127.0.0.1:1", Auth: MAC{ID: "shop", Secret: secret}, Retry: Retry{Attempts: 1}})
	err := client.RevokeToken(context.Background(), secret)
	for _, shown := range []any{MAC{ID: "shop", Secret: secret}, token, device.Credentials, *device.Credentials, err, client.Auth, client.WithToken(token, nil).Auth, client.WithToken(token, nil)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, shown); strings.Contains(text, secret) {
				t.Errorf("%T as %s shows the secret: %s", shown, verb, text)
			}
		}
	}
	if err == nil {
		t.Error("nobody is at that address")
	}
}
