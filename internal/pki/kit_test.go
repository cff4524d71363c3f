package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/pki"
)

const day = 24 * time.Hour

var (
	noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	till = pki.Client{ID: 7, MACID: "wkVd93h2uS"}
	// house is an authority that most tests share.
	house = sync.OnceValue(func() *pki.Authority { return must(pki.NewAuthority("the house", noon, 365*day)) })
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// pemOf wraps DER as text of a kind.
func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// request is a signing request by a key, in DER.
func request(key crypto.Signer) []byte {
	return must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key))
}

// party is somebody outside the house with a certificate and its key.
type party struct {
	*x509.Certificate
	key crypto.Signer
}

// outsider makes a certificate as another authority, or a careless one, would: for a client,
// valid for a day around noon, signed by itself unless there is an issuer; change may change
// all of that.
func outsider(name string, issuer *party, change func(*x509.Certificate)) *party {
	return outsiderWith(newKey(), name, issuer, change)
}

func outsiderWith(key crypto.Signer, name string, issuer *party, change func(*x509.Certificate)) *party {
	template := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    noon.Add(-day),
		NotAfter:     noon.Add(day),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	if issuer == nil {
		issuer = &party{template, key}
	}
	der := must(x509.CreateCertificate(rand.Reader, template, issuer.Certificate, key.Public(), issuer.key))
	return &party{must(x509.ParseCertificate(der)), key}
}

// asAuthority makes a template that of an authority.
func asAuthority(c *x509.Certificate) {
	c.BasicConstraintsValid, c.IsCA = true, true
	c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	c.ExtKeyUsage = nil
}

// during makes a template valid between two moments, told from noon.
func during(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.Add(from), noon.Add(to) }
}

// all applies several changes to a template.
func all(changes ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, change := range changes {
			change(c)
		}
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || (want == nil) != (got == nil) {
		t.Errorf("%s: got %v; want %v", what, got, want)
	}
}
