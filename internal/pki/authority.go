package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/secret"
)

// Errors of an authority. Each says what to do next, and may come wrapped with detail.
var (
	// ErrNotAuthority says that a certificate is not one of an authority.
	ErrNotAuthority = errors.New("the certificate is not an authority's: bring one with basicConstraints=CA:TRUE")
	// ErrCertSign says that an authority may not sign certificates.
	ErrCertSign = errors.New("the authority may not sign certificates: bring one whose keyUsage has keyCertSign")
	// ErrCRLSign says that an authority may not sign a list of revoked certificates.
	ErrCRLSign = errors.New("the authority may not sign a CRL: bring one with cRLSign in its keyUsage and with a subjectKeyIdentifier")
	// ErrAuthorityKey says that the key of an authority cannot be read.
	ErrAuthorityKey = errors.New("the authority's private key cannot be read: bring it as PEM, and without a passphrase (openssl pkey -in locked.pem -out key.pem)")
	// ErrMismatch says that the key of an authority is another one's.
	ErrMismatch = errors.New("the private key does not belong to the authority's certificate: bring the two that were made together")
	// ErrAuthorityTime says that an authority is not valid yet, or no longer.
	ErrAuthorityTime = errors.New("the authority's own certificate is not valid at this time: make a new authority, or set the clock")
	// ErrNoHosts says that a server's certificate would be for no server.
	ErrNoHosts = errors.New("a server's certificate needs at least one DNS name or IP address")
)

// Tolerance is how far what is signed here reaches back, for those whose clocks are behind.
const Tolerance = 5 * time.Minute

// Authority is a small certificate authority: it signs the certificates of clients and the
// list of those that were revoked. It is safe for concurrent use.
type Authority struct {
	// Certificate is what checks the signatures; it is public.
	Certificate *x509.Certificate
	key         crypto.Signer
}

// Format hides the key from fmt.
func (Authority) Format(f fmt.State, _ rune) { io.WriteString(f, "[authority]") }

// NewAuthority makes an authority with a fresh key (ECDSA P-256), its own root. It signs
// certificates of clients and servers, no authorities below it.
func NewAuthority(name string, now time.Time, lifetime time.Duration) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-Tolerance),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // the SubjectKeyId is made from the key
	}
	c, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &Authority{Certificate: c, key: key}, nil
}

// LoadAuthority makes an authority from its stored text, or from one brought from outside:
// RSA, ECDSA or Ed25519, the key in PEM as PKCS#8, PKCS#1 or SEC1. It returns the errors of
// Parse and of CheckAuthority, ErrAuthorityKey or ErrMismatch. An authority whose time is over
// loads: what it signed has yet to be checked and revoked.
func LoadAuthority(certificatePEM []byte, keyPEM secret.Text) (*Authority, error) {
	c, err := Parse(certificatePEM)
	if err != nil {
		return nil, err
	}
	if err := CheckAuthority(c); err != nil {
		return nil, err
	}
	var block *pem.Block
	rest := []byte(keyPEM.Reveal())
	for { // OpenSSL writes the parameters of a curve in front of its key
		if block, rest = pem.Decode(rest); block == nil {
			return nil, ErrAuthorityKey
		}
		if strings.HasSuffix(block.Type, keyBlock) {
			break
		}
	}
	parsed, err := parseKey(block.Bytes)
	key, signs := parsed.(crypto.Signer)
	if err != nil || !signs {
		return nil, ErrAuthorityKey
	}
	public, comparable := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !comparable || !public.Equal(c.PublicKey) {
		return nil, ErrMismatch
	}
	return &Authority{Certificate: c, key: key}, nil
}

// parseKey reads a private key as PKCS#8, SEC1 or PKCS#1.
func parseKey(der []byte) (any, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParsePKCS1PrivateKey(der)
}

// CheckAuthority says whether a certificate can be that of an authority, at whatever time. It
// returns ErrNotAuthority, ErrCertSign or ErrKey.
func CheckAuthority(c *x509.Certificate) error {
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return ErrNotAuthority
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0: // absent allows all
		return ErrCertSign
	case !strong(c.PublicKey):
		return ErrKey
	}
	return nil
}

// CertificatePEM is the authority's certificate, to store and to hand out.
func (a *Authority) CertificatePEM() []byte { return PEM(a.Certificate) }

// KeyPEM is the authority's key as PKCS#8, to be sealed and stored.
func (a *Authority) KeyPEM() (secret.Text, error) { return keyText(a.key) }

// Client is whom a certificate is for.
type Client struct {
	// ID is the client's number in this house, which the certificate carries as the URI
	// urn:purser:client:ID.
	ID int64
	// MACID is what the client is known by outside: the certificate's common name.
	MACID string
}

// SignClient signs the key in a signing request (PEM or DER) for a client. Nothing else of the
// request is taken over. The certificate ends with the authority at the latest; crlURL, unless
// empty, is where it says to look for revoked ones. It returns ErrTooLarge, ErrPrivateKey,
// ErrSeveral, ErrRequest or ErrKey for a request, ErrAuthorityTime, and the errors of Check if
// the authority itself keeps its certificates from standing for clients.
func (a *Authority) SignClient(csr []byte, c Client, now time.Time, lifetime time.Duration, crlURL string) (*x509.Certificate, error) {
	der, err := unwrap(csr, ErrRequest, requestBlock, oldRequestBlock)
	if err != nil {
		return nil, err
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, ErrRequest
	}
	if !strong(request.PublicKey) { // before the signature, whose price grows with the key
		return nil, ErrKey
	}
	if request.CheckSignature() != nil {
		return nil, fmt.Errorf("%w: its signature is not of the key in it", ErrRequest)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: c.MACID},
		URIs:        []*url.URL{{Scheme: "urn", Opaque: "purser:client:" + strconv.FormatInt(c.ID, 10)}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if crlURL != "" {
		template.CRLDistributionPoints = []string{crlURL}
	}
	made, err := a.issue(template, request.PublicKey, now, lifetime)
	if err != nil {
		return nil, err
	}
	// An authority from outside may be bound to other names or uses. Better told now than to
	// the client at its first call.
	if err := Check(made, nil, a.Certificate, now); err != nil {
		return nil, err
	}
	return made, nil
}

// SignServer makes a key and its certificate for a server that is reached by these DNS names
// and IP addresses. It returns ErrNoHosts or ErrAuthorityTime.
func (a *Authority) SignServer(hosts []string, now time.Time, lifetime time.Duration) (*x509.Certificate, secret.Text, error) {
	if len(hosts) == 0 {
		return nil, "", ErrNoHosts
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: hosts[0]},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, err := newKey()
	if err != nil {
		return nil, "", err
	}
	made, err := a.issue(template, key.Public(), now, lifetime)
	if err != nil {
		return nil, "", err
	}
	text, err := keyText(key)
	return made, text, err
}

// issue signs a certificate that is nobody's authority.
func (a *Authority) issue(template *x509.Certificate, public crypto.PublicKey, now time.Time, lifetime time.Duration) (*x509.Certificate, error) {
	if now.Before(a.Certificate.NotBefore) || now.After(a.Certificate.NotAfter) {
		return nil, ErrAuthorityTime
	}
	template.SerialNumber = serial()
	template.NotBefore = now.Add(-Tolerance)
	template.NotAfter = now.Add(lifetime)
	if template.NotAfter.After(a.Certificate.NotAfter) {
		template.NotAfter = a.Certificate.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	return sign(template, a.Certificate, public, a.key)
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(secret.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Revoked is a certificate that its authority took back.
type Revoked struct {
	// Serial is the certificate's serial number.
	Serial *big.Int
	// At is when it was revoked.
	At time.Time
}

// CRL is the signed list of revoked certificates, in DER. Its number grows with every list; it
// says to come back for another by nextUpdate. It returns ErrCRLSign.
func (a *Authority) CRL(number int64, revoked []Revoked, now, nextUpdate time.Time) ([]byte, error) {
	if a.Certificate.KeyUsage&x509.KeyUsageCRLSign == 0 || len(a.Certificate.SubjectKeyId) == 0 {
		return nil, ErrCRLSign
	}
	list := &x509.RevocationList{
		Number: big.NewInt(number),
		// A proxy whose clock is behind would refuse everybody by a list of the future.
		ThisUpdate: now.Add(-Tolerance),
		NextUpdate: nextUpdate,
	}
	for _, r := range revoked {
		entry := x509.RevocationListEntry{SerialNumber: r.Serial, RevocationTime: r.At}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, entry)
	}
	return x509.CreateRevocationList(secret.Reader, list, a.Certificate, a.key)
}

// NewKey makes a key (ECDSA P-256, as PKCS#8 PEM) and a signing request (PEM) of it, for
// those who have no OpenSSL at hand.
func NewKey() (secret.Text, []byte, error) {
	key, err := newKey()
	if err != nil {
		return "", nil, err
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "purser client"}}
	der, err := x509.CreateCertificateRequest(secret.Reader, template, key)
	if err != nil {
		return "", nil, err
	}
	text, err := keyText(key)
	return text, pem.EncodeToMemory(&pem.Block{Type: requestBlock, Bytes: der}), err
}

func newKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), secret.Reader) }

func keyText(key crypto.Signer) (secret.Text, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return secret.Text(pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})), nil
}

// serial is a random serial number: 128 bits, the first of them set, so that all have 32
// digits in hex.
func serial() *big.Int {
	random := secret.RandomBytes(16)
	random[0] |= 0x80
	return new(big.Int).SetBytes(random)
}
