package walletapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Client calls a Wallet API server. The zero value, with a BaseURL, calls what needs no
// signature. A Client is safe for concurrent use as long as its fields are not changed; InProject, AtLocation, Once
// and WithToken make others of it, and leave it as it is.
type Client struct {
	// BaseURL is scheme, host and port, without a path: https://wallet.example.
	BaseURL string
	// Auth proves who calls; nil, and the zero MAC, do not.
	Auth Auth
	// HTTP sends the calls. Nil means one that waits half a minute for an answer, follows no redirects and, where
	// Auth is a *Certificate, shows that.
	HTTP *http.Client
	// Now is the clock that calls are signed by; nil means the machine's.
	Now func() time.Time
	// Random is where nonces, idempotency keys and the length of pauses come from; nil means the machine's.
	Random io.Reader
	// Retry says how often a call is repeated that can be; the zero value does a few times.
	Retry Retry

	project, location int64
	key               string
	// pause waits; nil sleeps.
	pause  func(ctx context.Context, d time.Duration) error
	shared atomic.Pointer[state]
}

// state is what a client and those that are made of it learn together.
type state struct {
	// offset is how many nanoseconds the server's clock is ahead of ours.
	offset atomic.Int64
	clock  flight[struct{}, struct{}]
}

func (c *Client) state() *state {
	if s := c.shared.Load(); s != nil {
		return s
	}
	c.shared.CompareAndSwap(nil, new(state))
	return c.shared.Load()
}

// derive is another client that is the same.
func (c *Client) derive() *Client {
	d := &Client{
		BaseURL: c.BaseURL, Auth: c.Auth, HTTP: c.HTTP, Now: c.Now, Random: c.Random, Retry: c.Retry,
		project: c.project, location: c.location, key: c.key, pause: c.pause,
	}
	d.shared.Store(c.state())
	return d
}

// InProject is a client whose calls speak for a project (spec/wallet-api.md §2.4); 0 names none.
func (c *Client) InProject(id int64) *Client {
	d := c.derive()
	d.project = id
	return d
}

// AtLocation is a client whose calls are made at a place; 0 names none.
func (c *Client) AtLocation(id int64) *Client {
	d := c.derive()
	d.location = id
	return d
}

// Once is a client for one POST or PUT, which takes effect once however often it is sent under this key: also by
// another process, after a crash. Without it every such call gets a key of its own, which covers the repeats that the
// client makes itself. A key is 1 to 255 visible ASCII characters, and kept for seven days.
func (c *Client) Once(key string) *Client {
	d := c.derive()
	d.key = key
	return d
}

// ProjectID and LocationID are what InProject and AtLocation named, 0 for nothing.
func (c *Client) ProjectID() int64 { return c.project }

// LocationID is what AtLocation named, 0 for nothing.
func (c *Client) LocationID() int64 { return c.location }

// Call is one request.
type Call struct {
	// Method is GET, POST, PUT or DELETE.
	Method string
	// Target is the path with its query, as it goes over the wire: /rest/v1/project/1221.
	Target string
	// Body is sent as JSON when it is not empty.
	Body []byte
	// ProjectID and LocationID are the project and place that the call speaks for; 0 for those of the client.
	ProjectID, LocationID int64
	// IdempotencyKey has a POST or PUT take effect once, however often it is sent; empty for none. It is up to
	// 255 visible ASCII characters, and a MAC covers it.
	IdempotencyKey string
}

// Answer is what the server said to a call.
type Answer struct {
	Status int
	// RequestID is what the server calls the request, for its operator.
	RequestID string
	// RetryAfter is how long the server asks to wait; 0 where it says nothing.
	RetryAfter time.Duration
	// Replayed says that the call had taken effect before, and that this is the answer of then.
	Replayed bool
	// Body is at most MaxAnswer bytes of JSON.
	Body []byte
}

// MaxAnswer bounds the answer that a Client reads, in bytes.
const MaxAnswer = 16 << 20

// userAgent names this SDK.
const userAgent = "purser-walletapi/1"

// answerLimit is how long the whole of one answer may take, where Client.HTTP says nothing else: longer than the server takes.
const answerLimit = 30 * time.Second

var defaultHTTP = newHTTP(nil)

// newHTTP sends calls; change, if any, is told its transport.
func newHTTP(change func(*http.Transport)) *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = standard.Clone()
	}
	// All goes to one host: connections stay for as many as call at once.
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 64
	if change != nil {
		change(transport)
	}
	return &http.Client{
		Timeout: answerLimit, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Do sends the call once and returns the answer, whatever its status. The error says that
// there was no answer. Most programs use Send, or a method that does.
func (c *Client) Do(ctx context.Context, call Call) (*Answer, error) {
	return c.do(ctx, call, current(c.Auth))
}

// do sends the call once, proven by auth.
func (c *Client) do(ctx context.Context, call Call, auth Auth) (*Answer, error) {
	if call.ProjectID == 0 {
		call.ProjectID = c.project
	}
	if call.LocationID == 0 {
		call.LocationID = c.location
	}
	request, err := http.NewRequestWithContext(ctx, call.Method, strings.TrimSuffix(c.BaseURL, "/")+call.Target, bytes.NewReader(call.Body))
	if err != nil {
		return nil, errors.New("walletapi: the address cannot be read: BaseURL is scheme, host and port, such as https://wallet.example")
	}
	request.Header.Set("User-Agent", userAgent)
	if len(call.Body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if auth != nil {
		nonce, err := c.token()
		if err != nil {
			return nil, err
		}
		if err := auth.Authorize(request, call, c.serverTime(), nonce); err != nil {
			return nil, err
		}
	}
	response, err := c.sender().Do(request)
	if err != nil {
		return nil, withoutTarget(err, c.BaseURL)
	}
	defer response.Body.Close()
	body, err := readAnswer(response)
	if err != nil {
		return nil, err
	}
	return &Answer{
		Status: response.StatusCode, RequestID: response.Header.Get("paysera-correlation-id"), Body: body,
		RetryAfter: retryAfter(response.Header.Get("Retry-After")), Replayed: response.Header.Get("Idempotent-Replayed") == "true",
	}, nil
}

// readAnswer reads a bounded answer.
func readAnswer(response *http.Response) ([]byte, error) {
	var body bytes.Buffer
	if n := response.ContentLength; n > 0 && n <= MaxAnswer {
		body.Grow(int(n) + bytes.MinRead)
	}
	switch _, err := body.ReadFrom(io.LimitReader(response.Body, MaxAnswer+1)); {
	case err != nil:
		return nil, fmt.Errorf("walletapi: the answer broke off: %w", err)
	case body.Len() > MaxAnswer:
		return nil, errors.New("walletapi: the answer is too large")
	}
	return body.Bytes(), nil
}

// withoutTarget takes out of an error what may be secret in an address: an access token, a person code.
func withoutTarget(err error, base string) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		failed.URL = base
	}
	return err
}

// sender is who sends the calls.
func (c *Client) sender() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	if own, ok := c.Auth.(interface{ sender() *http.Client }); ok {
		return own.sender()
	}
	return defaultHTTP
}

// now is our clock.
func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// serverTime is the server's clock, as far as we know.
func (c *Client) serverTime() time.Time { return c.now().Add(time.Duration(c.state().offset.Load())) }

// random fills bytes.
func (c *Client) random(bytes []byte) error {
	from := c.Random
	if from == nil {
		from = rand.Reader
	}
	_, err := io.ReadFull(from, bytes)
	return err
}

// token is a text that nobody else makes: a nonce, or a key.
func (c *Client) token() (string, error) {
	var random [24]byte
	if err := c.random(random[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(random[:]), nil
}

// retryAfter is how many seconds a header says; dates are not used by this API.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 || seconds > 1<<30 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// Decode reads a successful answer into out; out nil takes none of it. Another answer is
// returned as an *APIError.
func (a *Answer) Decode(out any) error {
	if a.Status == http.StatusOK {
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(a.Body, out); err != nil {
			return fmt.Errorf("walletapi: the answer cannot be read: %w", err)
		}
		return nil
	}
	e := &APIError{}
	if json.Unmarshal(a.Body, e) != nil {
		e = &APIError{Description: "the answer is not the Wallet API's"}
	}
	e.Status, e.RequestID, e.RetryAfter = a.Status, a.RequestID, a.RetryAfter
	return e
}
