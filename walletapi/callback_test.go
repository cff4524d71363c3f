package walletapi

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func readVector(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// posted has a handler take a callback, and returns the status.
func posted(h http.Handler, id, event, sign string) int {
	r := httptest.NewRequest(http.MethodPost, "/callback", strings.NewReader(url.Values{"event": {event}, "sign": {sign}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		r.Header.Set(EventIDHeader, id)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// The callback that the real platform signed in 2012 is taken, once.
func TestTheHandlerTakesTheVector(t *testing.T) {
	event, sign := readVector(t, "callback.event"), strings.TrimSpace(readVector(t, "callback.sign"))
	var taken []Callback
	h := &CallbackHandler{PublicKeys: []byte(readVector(t, "callback.pem")), Handle: func(_ context.Context, c Callback) error {
		taken = append(taken, c)
		return nil
	}}
	if status := posted(h, "", event, sign); status != 200 {
		t.Fatalf("the status is %d", status)
	}
	if status := posted(h, "", event, sign); status != 200 || len(taken) != 1 {
		t.Errorf("the second time: %d, and it was taken %d times", status, len(taken))
	}
	c := taken[0]
	if c.Type != StatusReserved || c.Object != "transaction" || c.Data.TransactionKey != "9fPQMV4oZOPHwGN04oQQDT5sDpNIknet" ||
		c.Data.Payments[0].Price != 501 || c.Data.CallbackURI.URI != "http://sandbox.loc/wallet/callback.php" || string(c.Raw) != event || len(c.ID) != 64 {
		t.Errorf("it is read as %+v", c)
	}
	if status := posted(h, "", " "+event, sign); status != 403 {
		t.Errorf("with a blank in front: %d", status)
	}
}

// signer signs events as a server does.
type signer struct{ key *rsa.PrivateKey }

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key}
}

func (s signer) sign(t *testing.T, event string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(event))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

func (s signer) pem(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func event(kind, key string) string {
	return fmt.Sprintf(`{"type":%q,"object":"transaction","data":{"transaction_key":%q,"payments":[],"inquiries":[]}}`, kind, key)
}

func TestTheHandlerTakesEachEventOnce(t *testing.T) {
	by := newSigner(t)
	var taken atomic.Int64
	var failing atomic.Bool
	h := &CallbackHandler{PublicKeys: by.pem(t), Handle: func(context.Context, Callback) error {
		if failing.Load() {
			return errors.New("the database is away")
		}
		time.Sleep(10 * time.Millisecond)
		taken.Add(1)
		return nil
	}}
	confirmed := event(StatusConfirmed, "abc")
	sign := by.sign(t, confirmed)
	failing.Store(true)
	if status := posted(h, "e-1", confirmed, sign); status != 500 {
		t.Errorf("what could not be taken: %d", status)
	}
	failing.Store(false)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if status := posted(h, "e-1", confirmed, sign); status != 200 {
				t.Errorf("the status is %d", status)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 {
		t.Errorf("one event was taken %d times", taken.Load())
	}
	// The id is not signed: the same words under another one are no other event, and other words under the same one are.
	posted(h, "e-2", confirmed, sign)
	posted(h, "", confirmed, sign)
	other := event(StatusConfirmed, "def")
	posted(h, "e-1", other, by.sign(t, other))
	if taken.Load() != 2 {
		t.Errorf("%d events were taken", taken.Load())
	}
}

func TestTheHandlerRefuses(t *testing.T) {
	by, stranger := newSigner(t), newSigner(t)
	var failed atomic.Int64
	var others []string
	h := &CallbackHandler{
		PublicKeys: by.pem(t), Handle: func(context.Context, Callback) error { t.Error("it was taken"); return nil },
		Failed: func(*http.Request, error) { failed.Add(1) },
	}
	confirmed := event(StatusConfirmed, "abc")
	unreadable, other := `{"type":"x","object":"transaction","data":[]}`, `{"type":"active","object":"allowance","data":{"id":1,"status":7}}`
	for name, test := range map[string]struct {
		event, sign string
		status      int
	}{
		"no event":                    {"", by.sign(t, ""), 400},
		"no signature":                {confirmed, "", 400},
		"a signature that is none":    {confirmed, "???", 403},
		"a stranger's signature":      {confirmed, stranger.sign(t, confirmed), 403},
		"another event's signature":   {confirmed, by.sign(t, event(StatusConfirmed, "def")), 403},
		"an event that is not JSON":   {"x", by.sign(t, "x"), 400},
		"an event that is not itself": {unreadable, by.sign(t, unreadable), 400},
	} {
		if status := posted(h, "", test.event, test.sign); status != test.status {
			t.Errorf("%s: %d", name, status)
		}
	}
	if failed.Load() != 7 {
		t.Errorf("%d failures were told", failed.Load())
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/callback", nil)); w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d", w.Code)
	}
	if status := posted(h, "", strings.Repeat("x", maxCallback+1), "y"); status != 400 {
		t.Errorf("one that is too large: %d", status)
	}
	// What it does not know is acknowledged, so that it does not come again.
	if status := posted(h, "", other, by.sign(t, other)); status != 200 {
		t.Errorf("another object: %d", status)
	}
	h.Other = func(_ context.Context, c Callback) error { others = append(others, c.Object+"."+c.Type); return nil }
	another := strings.Replace(other, `"id":1`, `"id":2`, 1)
	posted(h, "", another, by.sign(t, another))
	if len(others) != 1 || others[0] != "allowance.active" {
		t.Errorf("the others are %v", others)
	}
	if status := posted(&CallbackHandler{}, "", confirmed, "x"); status != 500 {
		t.Errorf("a handler without keys: %d", status)
	}
}

// The keys are fetched once, anew when there is another one, and not for everybody who sends nonsense.
func TestTheHandlerFetchesTheKeys(t *testing.T) {
	old, fresh := newSigner(t), newSigner(t)
	var mu sync.Mutex
	var fetched int
	published, status := old.pem(t), 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fetched++
		if r.URL.Path != "/publickey" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s with %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		w.WriteHeader(status)
		w.Write(published)
	}))
	defer server.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	h := &CallbackHandler{Client: &Client{BaseURL: server.URL, Auth: MAC{ID: "shop", Secret: "key"}, Now: func() time.Time { return now }}}
	take := func(by signer, key string, status, fetches int) {
		t.Helper()
		e := event(StatusConfirmed, key)
		if got := posted(h, "", e, by.sign(t, e)); got != status || fetched != fetches {
			t.Errorf("%s: %d after %d fetches, instead of %d after %d", key, got, fetched, status, fetches)
		}
	}
	take(old, "a", 200, 1)
	take(old, "b", 200, 1)
	take(fresh, "c", 403, 1) // nonsense, for all that one can know within a minute
	published = append(fresh.pem(t), old.pem(t)...)
	now = now.Add(time.Minute)
	take(fresh, "d", 200, 2)
	take(old, "e", 200, 2)
	now = now.Add(time.Hour)
	status, published = 404, []byte("{}")
	take(old, "f", 200, 3) // those from before are better than none
	take(newSigner(t), "g", 403, 3)
	none := &CallbackHandler{Client: &Client{BaseURL: server.URL}}
	if got := posted(none, "", "e", "s"); got != 503 {
		t.Errorf("without any keys: %d", got)
	}
	status, published = 200, []byte("<html>")
	if got := posted(none, "", "e", "s"); got != 503 {
		t.Errorf("with something else in their place: %d", got)
	}
}

func TestTheMemoryOfEventsIsBounded(t *testing.T) {
	var m recent
	for i := range 3 * recentMost {
		m.Remember(context.Background(), fmt.Sprint(i))
	}
	last, _ := m.Seen(context.Background(), fmt.Sprint(3*recentMost-recentMost/2))
	first, _ := m.Seen(context.Background(), "0")
	if !last || first || len(m.young)+len(m.old) > 2*recentMost {
		t.Errorf("last %t, first %t, %d kept", last, first, len(m.young)+len(m.old))
	}
}
