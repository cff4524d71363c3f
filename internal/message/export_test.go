package message

import (
	"context"
	"crypto/x509"
	"net"
	"time"
)

// Carries lets tests fill every kind of message.
var Carries = carries

// Mask and SampleValues are what tests look at directly.
var (
	Mask         = mask
	SampleValues = sample
)

// Elsewhere makes the server's name lead to an address of this machine, where a test listens with
// a certificate of its own authority.
func (s *SMTP) Elsewhere(address string, roots *x509.CertPool) {
	s.roots = roots
	s.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

// Hurry shortens the time limit.
func (c *Command) Hurry(limit time.Duration) { c.limit = limit }
