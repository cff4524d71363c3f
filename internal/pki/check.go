package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Errors of a certificate that may not stand for a client. Each says what to do next, and may
// come wrapped with detail. A certificate may also be refused with ErrKey.
var (
	// ErrIssuer says that a certificate does not come from the authority that should have
	// signed it, or by a chain that does not hold.
	ErrIssuer = errors.New("the certificate was not issued by the authority that this client is bound to: have that one sign it, and send the chain up to it along")
	// ErrNotYetValid says that the time of a certificate has not come.
	ErrNotYetValid = errors.New("the certificate is not valid yet: look at its notBefore, and at the clock of the machine that made it")
	// ErrExpired says that the time of a certificate is over.
	ErrExpired = errors.New("the certificate has expired: have a new one made")
	// ErrUse says that a certificate is for something else.
	ErrUse = errors.New("the certificate is not made for TLS clients: make one with basicConstraints=CA:FALSE, keyUsage=digitalSignature and extendedKeyUsage=clientAuth")
)

// maxChain is how many certificates may come along with a client's own.
const maxChain = 4

// Check says whether a certificate may stand for a client at this moment. For a pinned one,
// whose fingerprint the caller has compared, authority is nil, and its time, use and key are
// looked at. For any other, authority must have issued it, straight or by the chain: the
// certificates that came along with it in the handshake, at most 4.
//
// It returns the first that applies of ErrIssuer (nothing in a certificate that is not
// properly signed is to be believed), ErrNotYetValid, ErrExpired, ErrUse, ErrKey, and again
// ErrIssuer, if the certificate is right but one above it is not valid now.
func Check(c *x509.Certificate, chain []*x509.Certificate, authority *x509.Certificate, now time.Time) error {
	var above error
	if authority != nil {
		if len(chain) > maxChain || CheckAuthority(authority) != nil {
			return ErrIssuer
		}
		above = verify(c, chain, authority, now, x509.ExtKeyUsageClientAuth)
		if above != nil && !issued(c, chain, authority) {
			return ErrIssuer
		}
	}
	switch {
	case now.Before(c.NotBefore):
		return ErrNotYetValid
	case now.After(c.NotAfter):
		return ErrExpired
	case !forClients(c):
		return ErrUse
	case !strong(c.PublicKey):
		return ErrKey
	}
	if above == nil {
		return nil
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](above); ok && invalid.Reason == x509.IncompatibleUsage {
		return fmt.Errorf("%w: an authority above it allows other uses only", ErrUse)
	}
	return fmt.Errorf("%w: %w", ErrIssuer, above)
}

// forClients reads only what the certificate itself says. Without extended key usage it is for
// everything.
func forClients(c *x509.Certificate) bool {
	anyUse := len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0
	return !c.IsCA &&
		(anyUse || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)) &&
		// What a client does in the handshake is to sign.
		(c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageDigitalSignature != 0) &&
		len(c.UnhandledCriticalExtensions) == 0
}

// issued says whether the authority signed a certificate, straight or by the chain, at
// whatever time and for whatever use.
func issued(c *x509.Certificate, chain []*x509.Certificate, authority *x509.Certificate) bool {
	moment := time.Unix(0, 0)
	timeless := func(c *x509.Certificate) *x509.Certificate {
		// Signatures are checked on the Raw bytes, the time on these fields.
		copied := *c
		copied.NotBefore, copied.NotAfter = moment, moment
		return &copied
	}
	leaf := timeless(c)
	leaf.UnhandledCriticalExtensions = nil // a matter of use
	links := make([]*x509.Certificate, len(chain))
	for i, link := range chain {
		links[i] = timeless(link)
	}
	return verify(leaf, links, timeless(authority), moment, x509.ExtKeyUsageAny) == nil
}

func verify(c *x509.Certificate, chain []*x509.Certificate, authority *x509.Certificate, at time.Time, use x509.ExtKeyUsage) error {
	roots, links := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(authority)
	for _, link := range chain {
		links.AddCert(link)
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: links, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{use}})
	return err
}
