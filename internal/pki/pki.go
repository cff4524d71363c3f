// Package pki is the X.509 behind TLS client certificates: it signs certificates for clients,
// keeps the list of the revoked ones, reads what people upload and what a proxy passes on, and
// says whether a certificate may stand for a client now.
//
// It is pure: no file, no network, no clock; the time is an argument. What it does not do:
// it asks nobody whether a certificate was revoked (who looks one up by its fingerprint or
// serial knows), and it cannot tell who set a proxy's header. FromProxy reads a certificate
// that was public all along, so its caller believes a header only when it comes, once, from
// the proxy that ended TLS and that removes the header of others.
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
)

// Errors of what a person sends. Each says what to do next, and may come wrapped with detail.
var (
	// ErrTooLarge says that a text is over MaxText, or a header over MaxHeader.
	ErrTooLarge = errors.New("the text is too long for one certificate or signing request: send that alone, without its chain")
	// ErrPrivateKey says that somebody is about to give a private key away.
	ErrPrivateKey = errors.New("the file holds a private key: keep that, and send the certificate or signing request alone")
	// ErrCertificate says that a text is not one certificate.
	ErrCertificate = errors.New("this is not a certificate: send one X.509 certificate as PEM or DER, and nothing after it")
	// ErrSeveral says that a text holds a chain or a bundle: which one is meant must not be guessed.
	ErrSeveral = errors.New("the file holds more than one block: send the one certificate or signing request alone")
	// ErrRequest says that a text is not a signing request, or not signed by the key in it.
	ErrRequest = errors.New("this is not a certificate signing request: make one with openssl req -new, and send it whole, as PEM or DER")
	// ErrKey says that a public key is weak, or of a kind that is not taken.
	ErrKey = errors.New("the key is too weak or of another kind: make an RSA key of 2048 to 8192 bits, an ECDSA key on P-256, P-384 or P-521, or an Ed25519 key")
	// ErrProxy says that a header holds no certificate.
	ErrProxy = errors.New("the proxy's header holds no certificate: have it send nginx's $ssl_client_escaped_cert, RFC 9440's Client-Cert, or the DER in base64, of one certificate")
)

// Bounds, in bytes, of what is read.
const (
	// MaxText bounds an uploaded certificate or signing request.
	MaxText = 64 << 10
	// MaxHeader bounds a proxy's header.
	MaxHeader = 16 << 10
)

const (
	certificateBlock = "CERTIFICATE"
	requestBlock     = "CERTIFICATE REQUEST"
	oldRequestBlock  = "NEW CERTIFICATE REQUEST" // of older tools
	keyBlock         = "PRIVATE KEY"
	armour           = "-----BEGIN "
)

// Parse reads an uploaded file of one certificate: DER, or PEM, before which tools write
// explanations. It returns ErrTooLarge, ErrPrivateKey, ErrSeveral or ErrCertificate.
func Parse(text []byte) (*x509.Certificate, error) {
	der, err := unwrap(text, ErrCertificate, certificateBlock)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, ErrCertificate
	}
	return c, nil
}

// unwrap finds the DER in a text that holds one block of these kinds.
func unwrap(text []byte, unreadable error, kinds ...string) ([]byte, error) {
	if len(text) > MaxText {
		return nil, ErrTooLarge
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // editors on Windows
	if !bytes.Contains(text, []byte(armour)) {
		// Keys and PKCS#12 begin with their version, certificates and requests with a sequence.
		var outer asn1.RawValue
		if _, err := asn1.Unmarshal(text, &outer); err == nil && len(outer.Bytes) > 0 && outer.Bytes[0] == asn1.TagInteger {
			return nil, ErrPrivateKey
		}
		return text, nil
	}
	// Looked for as text, so that a damaged block is told as well.
	if bytes.Contains(text, []byte(keyBlock+"-----")) {
		return nil, ErrPrivateKey
	}
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, unreadable
	}
	if bytes.Count(text, []byte(armour)) > 1 {
		return nil, ErrSeveral
	}
	for _, kind := range kinds {
		if block.Type == kind && len(bytes.TrimSpace(rest)) == 0 {
			return block.Bytes, nil
		}
	}
	return nil, unreadable
}

// PEM is a certificate as the text that people and files hold.
func PEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: c.Raw})
}

// Fingerprint names a certificate: the SHA-256 of its DER.
func Fingerprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }

// FromProxy reads the certificate of a client from the header in which the proxy that ended
// TLS passes it on: URL-escaped PEM (nginx), RFC 9440's ":base64:", or base64 of the DER,
// escaped or not (traefik). An empty header is no certificate. Nor is a list: it could be the
// proxy's value behind one that the client itself sent. It returns ErrTooLarge or ErrProxy.
func FromProxy(header string) (*x509.Certificate, error) {
	if len(header) > MaxHeader {
		return nil, ErrTooLarge
	}
	text := strings.TrimSpace(header)
	if inner, ok := strings.CutPrefix(text, ":"); ok {
		if text, ok = strings.CutSuffix(inner, ":"); !ok {
			return nil, ErrProxy
		}
	} else if text, ok = unescape(text); !ok {
		return nil, ErrProxy
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrProxy
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, ErrProxy
	}
	return c, nil
}

// unescape is the base64 in a text that may be escaped, may be armoured as PEM, and may have
// blanks where PEM had ends of lines. As in a path, a plus is a plus: base64 has it.
func unescape(text string) (string, bool) {
	text, err := url.PathUnescape(text)
	if err != nil {
		return "", false
	}
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "-----BEGIN CERTIFICATE-----"); ok {
		if text, ok = strings.CutSuffix(inner, "-----END CERTIFICATE-----"); !ok {
			return "", false
		}
	}
	return strings.Join(strings.Fields(text), ""), true
}

// strong says whether signatures by a public key are worth checking, and can be at a bearable price.
func strong(public any) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192 && key.E > 2
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return true
	}
	return false
}
