// Package callback takes events out of the house: it signs what has become of a transaction, posts it to where its client
// wants to be told (spec/wallet-api.md §4.10), and tries again until somebody is there to take it.
//
// Where that is, strangers say. So nobody is reached but public addresses: a name is resolved here, every address that it
// has is looked at, and the connection goes to the very one that was, which is looked at once more when it is made.
package callback

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// Limits of an attempt.
const (
	// SendLimit is how long a receiver has, from its name to the status of its answer.
	SendLimit = 30 * time.Second
	// connectLimit is how long one of its addresses has to take a connection.
	connectLimit = 10 * time.Second
	// maxAnswer is how much of an answer is read, in bytes, and thrown away.
	maxAnswer = 64 << 10
)

// EventIDHeader carries the id of an event, the same whenever it is sent. It is purser's own.
const EventIDHeader = "Purser-Event-Id"

// Sender posts callbacks. Make one with NewSender.
type Sender struct {
	options SenderOptions
	client  *http.Client
}

// SenderOptions say where callbacks may go.
type SenderOptions struct {
	// PlainHTTP lets them go over http, Loopback to this machine: for a sandbox.
	PlainHTTP, Loopback bool
	// Resolve finds the addresses of a name; nil asks the machine's resolver.
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
	// Clock measures how long attempts take.
	Clock func() time.Time
	// Limit is SendLimit where it is 0.
	Limit time.Duration
}

// NewSender makes a sender.
func NewSender(o SenderOptions) *Sender {
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	if o.Limit == 0 {
		o.Limit = SendLimit
	}
	s := &Sender{options: o}
	s.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:       nil, // a proxy would resolve the name anew, and reach what this machine must not
			DialContext: s.dial, TLSHandshakeTimeout: connectLimit, MaxResponseHeaderBytes: maxAnswer,
			DisableCompression: true, MaxIdleConns: 32, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		},
	}
	return s
}

// Send posts a callback once, with its signature, and says what became of it.
func (s *Sender) Send(ctx context.Context, c wallet.Callback, sign string) wallet.CallbackAttempt {
	began := s.options.Clock()
	limited, cancel := context.WithTimeout(ctx, s.options.Limit)
	defer cancel()
	var a wallet.CallbackAttempt
	a.Outcome, a.Status = s.post(limited, c, sign)
	if ctx.Err() != nil && a.Status == 0 {
		a.Outcome = wallet.CallbackInterrupted
	}
	a.Took = s.options.Clock().Sub(began)
	return a
}

func (s *Sender) post(ctx context.Context, c wallet.Callback, sign string) (wallet.CallbackOutcome, int) {
	target, err := url.Parse(c.URI)
	switch {
	case err != nil || target.Hostname() == "" || target.Opaque != "" || target.Scheme != "https" && target.Scheme != "http":
		return wallet.CallbackInvalid, 0
	case target.Scheme == "http" && !s.options.PlainHTTP:
		return wallet.CallbackInsecure, 0
	}
	target.Fragment = ""
	form := url.Values{"event": {c.Event}, "sign": {sign}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return wallet.CallbackInvalid, 0
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", "purser-callback/1")
	request.Header.Set(EventIDHeader, c.EventID())
	answer, err := s.client.Do(request)
	if err != nil {
		return outcomeOf(err), 0
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // the status is all that counts, come what may behind it
	switch answer.StatusCode / 100 {
	case 2:
		return wallet.CallbackDelivered, answer.StatusCode
	case 3:
		return wallet.CallbackRedirected, answer.StatusCode
	}
	return wallet.CallbackRefused, answer.StatusCode
}

// outcomeOf says in a word why there was no answer. What the error says itself may hold an address in full, with a
// password in it.
func outcomeOf(err error) wallet.CallbackOutcome {
	var unresolved *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var slow net.Error
	switch {
	case errors.Is(err, errForbidden):
		return wallet.CallbackForbidden
	case errors.Is(err, errNoName) || errors.As(err, &unresolved) && !unresolved.IsTimeout:
		return wallet.CallbackUnresolved
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return wallet.CallbackTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return wallet.CallbackTimeout
	}
	return wallet.CallbackUnreachable
}

// errNoName says that a name has no address.
var errNoName = errors.New("callback: the name has no address")

// dial connects to a host: to one of its addresses that were looked at, and to none of its where one of them is closed.
func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := s.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: connectLimit, Control: s.control}
	for _, ip := range addresses {
		var connection net.Conn
		if connection, err = dialer.DialContext(ctx, network, net.JoinHostPort(ip.String(), port)); err == nil {
			return connection, nil
		}
	}
	return nil, err
}

// addresses are those of a host, all of them open to callbacks.
func (s *Sender) addresses(ctx context.Context, host string) (list []netip.Addr, err error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		list = []netip.Addr{ip}
	} else if list, err = s.options.Resolve(ctx, host); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errNoName
	}
	for _, ip := range list {
		if err := check(ip, s.options.Loopback); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// control looks at the address of a connection that is about to be made.
func (s *Sender) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errForbidden
	}
	return check(at.Addr(), s.options.Loopback)
}
