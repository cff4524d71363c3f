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
	"time"
)

// Client calls a Wallet API server. The zero value, with a BaseURL, calls what needs no
// signature. A Client is safe for concurrent use as long as it is not changed.
type Client struct {
	// BaseURL is scheme, host and port, without a path: https://wallet.example.
	BaseURL string
	// Auth signs the calls; the zero MAC does not.
	Auth MAC
	// HTTP sends the calls; nil means a client with a time-out of a minute.
	HTTP *http.Client
	// Now is the clock that calls are signed by; nil means the machine's.
	Now func() time.Time
	// Random is where nonces come from; nil means the machine's.
	Random io.Reader
}

// Call is one request.
type Call struct {
	// Method is GET, POST, PUT or DELETE.
	Method string
	// Target is the path with its query, as it goes over the wire: /rest/v1/project/1221.
	Target string
	// Body is sent as JSON when it is not empty.
	Body []byte
	// ProjectID and LocationID are the project and place that the call speaks for; 0 for none.
	ProjectID, LocationID int64
	// IdempotencyKey has a POST or PUT take effect once, however often it is sent; empty for none. It is up to
	// 255 visible ASCII characters, and the MAC covers it.
	IdempotencyKey string
}

// Answer is what the server said to a call.
type Answer struct {
	Status int
	// RequestID is what the server calls the request, for its operator.
	RequestID string
	// Body is at most MaxAnswer bytes of JSON.
	Body []byte
}

// MaxAnswer bounds the answer that a Client reads, in bytes.
const MaxAnswer = 16 << 20

// APIError is an answer that is not a success (spec/wallet-api.md §1.4).
type APIError struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// RequestID is what the server calls the request.
	RequestID string `json:"-"`
	// Code is the machine-readable name; empty when the answer was not the protocol's.
	Code string `json:"error"`
	// Description says what happened and what to do next.
	Description string `json:"error_description"`
	// Properties names refused fields.
	Properties map[string][]string `json:"error_properties"`
}

// Error is the code, the status and the description.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s (%d): %s", e.Code, e.Status, e.Description)
}

// userAgent names this SDK.
const userAgent = "purser-walletapi/1"

var defaultHTTP = &http.Client{Timeout: time.Minute}

// Do sends the call once and returns the answer, whatever its status. The error says that
// there was no answer.
func (c *Client) Do(ctx context.Context, call Call) (*Answer, error) {
	request, err := http.NewRequestWithContext(ctx, call.Method, strings.TrimSuffix(c.BaseURL, "/")+call.Target, bytes.NewReader(call.Body))
	if err != nil {
		return nil, fmt.Errorf("walletapi: the address cannot be read: %w", err)
	}
	request.Header.Set("User-Agent", userAgent)
	if len(call.Body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Auth != (MAC{}) {
		header, err := c.authorize(request.URL, call)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", header)
	}
	client := c.HTTP
	if client == nil {
		client = defaultHTTP
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err == nil && len(body) > MaxAnswer {
		err = errors.New("walletapi: the answer is too large")
	}
	return &Answer{Status: response.StatusCode, RequestID: response.Header.Get("paysera-correlation-id"), Body: body}, err
}

// authorize signs a call for the address it goes to.
func (c *Client) authorize(to *url.URL, call Call) (string, error) {
	now, random := c.Now, c.Random
	if now == nil {
		now = time.Now
	}
	if random == nil {
		random = rand.Reader
	}
	var nonce [24]byte
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return "", err
	}
	return Sign(c.Auth, to, call, now(), base64.RawURLEncoding.EncodeToString(nonce[:])), nil
}

// Sign is the Authorization header of a call to an address, at a time and with a nonce. The
// port is the address's own, or its scheme's (spec/wallet-api.md §2.3).
func Sign(auth MAC, to *url.URL, call Call, now time.Time, nonce string) string {
	ext := Ext{}
	if len(call.Body) > 0 {
		ext.BodyHash, ext.HasBodyHash = BodyHash(call.Body), true
	}
	if call.ProjectID != 0 {
		ext.ProjectID = strconv.FormatInt(call.ProjectID, 10)
	}
	if call.LocationID != 0 {
		ext.LocationID = strconv.FormatInt(call.LocationID, 10)
	}
	ext.IdempotencyKey, ext.HasIdempotencyKey = call.IdempotencyKey, call.IdempotencyKey != ""
	host, port := to.Hostname(), to.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" {
		port = map[string]string{"http": "80"}[to.Scheme]
		if port == "" {
			port = "443"
		}
	}
	request := Request{
		TS: strconv.FormatInt(now.Unix(), 10), Nonce: nonce, Method: call.Method, Target: to.RequestURI(),
		Host: strings.ToLower(host), Port: port, Ext: ext.String(),
	}
	return Authorization{ID: auth.ID, TS: request.TS, Nonce: nonce, MAC: request.Sign(auth.Secret), Ext: request.Ext}.String()
}

// Decode reads a successful answer into out; out nil takes none of it. Another answer is
// returned as an *APIError.
func (a *Answer) Decode(out any) error {
	if a.Status == http.StatusOK {
		if out == nil {
			return nil
		}
		return json.Unmarshal(a.Body, out)
	}
	e := &APIError{}
	if json.Unmarshal(a.Body, e) != nil {
		e = &APIError{Description: "the answer is not the Wallet API's"}
	}
	e.Status, e.RequestID = a.Status, a.RequestID
	return e
}
