package walletapi

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Auth proves who calls: a MAC, a *Certificate or a *TokenAuth.
type Auth interface {
	// Authorize puts the proof into a request that is about to be sent, and with it what the call says beside its method, address
	// and body: the project, the place and the idempotency key. now is the server's clock, as far as it is known; nonce is for this
	// request alone. It changes headers only.
	Authorize(r *http.Request, call Call, now time.Time, nonce string) error
}

// Authorize signs the request; the zero MAC does not.
func (m MAC) Authorize(r *http.Request, call Call, now time.Time, nonce string) error {
	if m != (MAC{}) {
		r.Header.Set("Authorization", Sign(m, r.URL, call, now, nonce))
	}
	return nil
}

// String is the id: the secret is not for logs.
func (m MAC) String() string { return "MAC " + m.ID }

// GoString is the same for %#v.
func (m MAC) GoString() string { return fmt.Sprintf("walletapi.MAC{ID: %q}", m.ID) }

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

// Certificate proves who calls by a TLS client certificate (spec/wallet-api.md §2.5): the project, the place and the
// idempotency key go into headers, which TLS protects. Make one with NewCertificate or LoadCertificate.
type Certificate struct{ http *http.Client }

// NewCertificate shows a certificate to a server that one of these authorities vouches for; nil means the machine's. A
// Client with an HTTP of its own has to show the certificate there.
func NewCertificate(certificate tls.Certificate, authorities *x509.CertPool) *Certificate {
	return &Certificate{http: newHTTP(func(t *http.Transport) {
		t.TLSClientConfig = &tls.Config{
			Certificates: []tls.Certificate{certificate}, RootCAs: authorities, MinVersion: tls.VersionTLS12,
		}
	})}
}

// LoadCertificate is NewCertificate from PEM files; authorities may be empty for the machine's. The key's file must be for its owner's
// eyes only (mode 0600).
func LoadCertificate(certificate, key, authorities string) (*Certificate, error) {
	private, err := readSecretFile(key)
	if err != nil {
		return nil, err
	}
	public, err := os.ReadFile(certificate)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(public, private)
	if err != nil {
		return nil, fmt.Errorf("walletapi: %s and %s are no certificate with its key: %w", certificate, key, err)
	}
	if authorities == "" {
		return NewCertificate(pair, nil), nil
	}
	trusted, err := os.ReadFile(authorities)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(trusted) {
		return nil, fmt.Errorf("walletapi: there is no certificate in %s", authorities)
	}
	return NewCertificate(pair, pool), nil
}

// Authorize says in headers what the call is about; the connection proves the rest.
func (*Certificate) Authorize(r *http.Request, call Call, _ time.Time, _ string) error {
	if call.ProjectID != 0 {
		r.Header.Set("Wallet-Api-Project-Id", strconv.FormatInt(call.ProjectID, 10))
	}
	if call.LocationID != 0 {
		r.Header.Set("Wallet-Api-Location-Id", strconv.FormatInt(call.LocationID, 10))
	}
	if call.IdempotencyKey != "" {
		r.Header.Set("Idempotency-Key", call.IdempotencyKey)
	}
	return nil
}

func (c *Certificate) sender() *http.Client { return c.http }

// ErrSignedOut says that a user's token cannot be renewed: the user has to sign in again. The *APIError beside it says why.
var ErrSignedOut = errors.New("walletapi: the user has to sign in again")

// TokenAuth signs as a user, by an access token. When the server says that the token has expired, it is renewed once for all who
// wait, and the call is repeated. Make one with NewTokenAuth, or use Client.WithToken.
type TokenAuth struct {
	by      *Client
	renewed func(Token)
	flight  flight[string, struct{}]

	mu    sync.Mutex
	token Token
	over  error
}

// NewTokenAuth signs with a token and renews it with the client that it was given to. renewed is told of each new token before
// that is used, so that it can be stored; it may be nil.
func NewTokenAuth(by *Client, token Token, renewed func(Token)) *TokenAuth {
	return &TokenAuth{by: by, token: token, renewed: renewed}
}

// WithToken is a client that calls as a user. This one renews the token; renewed is told of each new one, and may be nil.
func (c *Client) WithToken(token Token, renewed func(Token)) *Client {
	d := c.derive()
	d.Auth = NewTokenAuth(c, token, renewed)
	return d
}

// String is not the token, which is not for logs.
func (t *TokenAuth) String() string { return "a user's token" }

// GoString is the same for %#v.
func (t *TokenAuth) GoString() string { return t.String() }

// Token is the token that is used now.
func (t *TokenAuth) Token() Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token
}

// Authorize signs the request with the token that is used now.
func (t *TokenAuth) Authorize(r *http.Request, call Call, now time.Time, nonce string) error {
	return t.mac().Authorize(r, call, now, nonce)
}

func (t *TokenAuth) mac() MAC {
	token := t.Token()
	return MAC{ID: token.AccessToken, Secret: token.MACKey}
}

func (t *TokenAuth) sender() *http.Client { return t.by.sender() }

// renew gets another token for the one that a call was refused with, unless somebody has done so meanwhile.
func (t *TokenAuth) renew(ctx context.Context, refused string) error {
	_, err := t.flight.do(ctx, refused, func(ctx context.Context) (struct{}, error) {
		t.mu.Lock()
		old, over := t.token, t.over
		t.mu.Unlock()
		if over != nil || old.AccessToken != refused {
			return struct{}{}, over
		}
		// A key that is the same in each try, also after this call has given up: the server replays the pair whose answer was lost.
		sum := sha256.Sum256([]byte(old.RefreshToken))
		fresh, err := t.by.Once("refresh-"+hex.EncodeToString(sum[:])).IssueToken(ctx, TokenRequest{GrantType: GrantRefreshToken, RefreshToken: old.RefreshToken})
		if err == nil && (fresh.AccessToken == "" || fresh.MACKey == "") {
			err = errors.New("walletapi: the server gave no new token")
		}
		if HasCode(err, CodeInvalidGrant) {
			err = fmt.Errorf("%w: %w", ErrSignedOut, err)
			t.mu.Lock()
			t.over = err
			t.mu.Unlock()
		}
		if err != nil {
			return struct{}{}, err
		}
		if t.renewed != nil {
			t.renewed(*fresh)
		}
		t.mu.Lock()
		t.token = *fresh
		t.mu.Unlock()
		return struct{}{}, nil
	})
	return err
}

// ended is why the token cannot be used any more; nil while it can.
func (t *TokenAuth) ended() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

// current is what one request is proven by: of a token what it is now.
func current(auth Auth) Auth {
	if token, ok := auth.(*TokenAuth); ok {
		return token.mac()
	}
	return auth
}
