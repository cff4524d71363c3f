package walletapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Callback is one callback that was verified.
type Callback struct {
	Event
	// ID is the same whenever this event comes, and another for each other one: what to remember it by. It is a hash of Raw.
	ID string
	// Raw is the event as it was signed, for what Event has no fields for.
	Raw []byte
}

// CallbackHandler takes callbacks (spec/wallet-api.md §4.10): it verifies the signature, reads the event, passes over what was taken
// before, and answers so that the server comes again with what was not. It is an http.Handler, and safe for concurrent use.
//
// A callback says what has become of a transaction; it may come late. Where it matters, read the transaction.
type CallbackHandler struct {
	// Client is whose server the public keys are fetched from; they are kept for an hour, and fetched anew, once a minute at most,
	// when a signature matches none of them. It needs no Auth.
	Client *Client
	// PublicKeys are the keys as PEM, where they are known; then nothing is fetched.
	PublicKeys []byte
	// Handle takes an event about a transaction. On an error the server comes again with it. The context does not end when the server
	// stops waiting, so that what was begun is finished.
	Handle func(ctx context.Context, c Callback) error
	// Other takes events about anything else; nil passes them over.
	Other func(ctx context.Context, c Callback) error
	// Seen remembers events that were taken; nil remembers the last ten thousand, in this process.
	Seen Seen
	// Failed is told why a callback was not taken, for a log; nil tells nobody.
	Failed func(r *http.Request, err error)

	memory   recent
	flight   flight[string, struct{}]
	fetching flight[struct{}, struct{}]
	mu       sync.Mutex
	keys     []byte
	at       time.Time
}

// Seen remembers callbacks by their IDs, best in the database that Handle writes to.
type Seen interface {
	// Seen says whether a callback was taken.
	Seen(ctx context.Context, id string) (bool, error)
	// Remember says that one was. It is called after Handle.
	Remember(ctx context.Context, id string) error
}

// Limits of a callback and of the keys.
const (
	maxCallback = 1 << 20
	keysFor     = time.Hour
	keysAgain   = time.Minute
)

// ServeHTTP answers 200 to what was taken, now or before; 403 to what is not signed; 400 to what is no callback; and 500 or 503 to what
// the server is to send again.
func (h *CallbackHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, err := h.take(w, r)
	if err != nil && h.Failed != nil {
		h.Failed(r, err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, http.StatusText(status))
}

func (h *CallbackHandler) take(w http.ResponseWriter, r *http.Request) (status int, err error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed, fmt.Errorf("walletapi: a callback is a POST, not a %s", r.Method)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxCallback)
	if err := r.ParseForm(); err != nil {
		return http.StatusBadRequest, fmt.Errorf("walletapi: the callback is no form: %w", err)
	}
	event, sign := r.PostForm.Get("event"), r.PostForm.Get("sign")
	if event == "" || sign == "" {
		return http.StatusBadRequest, errors.New("walletapi: a callback has the fields event and sign")
	}
	if status, err := h.verify(r.Context(), event, sign); err != nil {
		return status, err
	}
	c, err := readCallback(event)
	if err != nil {
		return http.StatusBadRequest, err
	}
	// The same one twice at the same time is taken once.
	if _, err := h.flight.do(r.Context(), c.ID, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, h.once(ctx, c)
	}); err != nil {
		return http.StatusInternalServerError, err
	}
	return http.StatusOK, nil
}

// readCallback reads what was verified. It is remembered by the event alone, since the header with the id is not signed: whoever
// has recorded a callback could send it again under another id. No two events have the same text, since a transaction, whose key is
// in it, comes into each status that is told of once.
func readCallback(event string) (Callback, error) {
	sum := sha256.Sum256([]byte(event))
	c := Callback{ID: hex.EncodeToString(sum[:]), Raw: []byte(event)}
	var about struct {
		Type   string `json:"type"`
		Object string `json:"object"`
	}
	err := json.Unmarshal(c.Raw, &about)
	c.Type, c.Object = about.Type, about.Object
	if err == nil && c.Object == "transaction" {
		err = json.Unmarshal(c.Raw, &c.Event)
	}
	if err != nil {
		return c, fmt.Errorf("walletapi: the event cannot be read: %w", err)
	}
	return c, nil
}

func (h *CallbackHandler) once(ctx context.Context, c Callback) error {
	seen := h.Seen
	if seen == nil {
		seen = &h.memory
	}
	if before, err := seen.Seen(ctx, c.ID); err != nil || before {
		return err
	}
	take := h.Other
	if c.Object == "transaction" {
		take = h.Handle
	}
	if take != nil {
		if err := take(ctx, c); err != nil {
			return err
		}
	}
	return seen.Remember(ctx, c.ID)
}

// verify says whether the event is signed, by the keys that are known or by those that there are now.
func (h *CallbackHandler) verify(ctx context.Context, event, sign string) (status int, err error) {
	if h.PublicKeys != nil {
		return signed(h.PublicKeys, event, sign)
	}
	if h.Client == nil {
		return http.StatusInternalServerError, errors.New("walletapi: the handler has neither PublicKeys nor a Client to fetch them with")
	}
	keys, err := h.publicKeys(ctx, keysFor)
	if err != nil {
		return http.StatusServiceUnavailable, err
	}
	if status, err := signed(keys, event, sign); err == nil {
		return status, nil
	}
	if keys, err = h.publicKeys(ctx, keysAgain); err != nil {
		return http.StatusServiceUnavailable, err
	}
	return signed(keys, event, sign)
}

func signed(keys []byte, event, sign string) (status int, err error) {
	if _, err := OpenEvent(keys, event, sign); errors.Is(err, ErrSignature) {
		return http.StatusForbidden, err
	}
	return http.StatusOK, nil
}

// publicKeys are the keys, no older than that unless they cannot be had.
func (h *CallbackHandler) publicKeys(ctx context.Context, age time.Duration) ([]byte, error) {
	known := func() ([]byte, bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.keys, h.keys != nil && h.Client.now().Sub(h.at) < age
	}
	if keys, fresh := known(); fresh {
		return keys, nil
	}
	_, err := h.fetching.do(ctx, struct{}{}, func(ctx context.Context) (none struct{}, err error) {
		if _, fresh := known(); fresh {
			return none, nil
		}
		keys, err := h.Client.PublicKeys(ctx)
		if block, _ := pem.Decode(keys); err == nil && block == nil {
			err = errors.New("walletapi: what the server answers for its public key is none")
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if err == nil {
			h.keys = keys
		}
		if h.keys != nil {
			h.at, err = h.Client.now(), nil // those from before are better than none, and the server is left alone for a while
		}
		return none, err
	})
	keys, _ := known()
	return keys, err
}

// recent remembers the last ids: two heaps, of which the older one is thrown away when the younger is full.
type recent struct {
	mu         sync.Mutex
	young, old map[string]bool
}

const recentMost = 10_000

// Seen says whether the id is among the last.
func (m *recent) Seen(_ context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.young[id] || m.old[id], nil
}

// Remember adds an id.
func (m *recent) Remember(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= recentMost {
		m.old, m.young = m.young, map[string]bool{}
	}
	m.young[id] = true
	return nil
}
