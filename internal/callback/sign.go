package callback

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"

	"github.com/purserhq/purser/internal/secret"
)

// Signer signs events with one key.
type Signer struct{ key *rsa.PrivateKey }

// NewSigner reads a key: PEM of an RSA key in PKCS #8.
func NewSigner(key secret.Text) (*Signer, error) {
	parsed, err := secret.ParseRSAKey(key)
	if err != nil {
		return nil, err
	}
	return &Signer{parsed}, nil
}

// Sign is the signature of an event's exact bytes: RSASSA-PKCS1-v1_5 with SHA-256, in base64 (spec/wallet-api.md §4.10).
func (s *Signer) Sign(event string) (string, error) {
	sum := sha256.Sum256([]byte(event))
	signature, err := rsa.SignPKCS1v15(secret.Reader, s.key, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(signature), err
}
