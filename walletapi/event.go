package walletapi

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
)

// Event is what a callback tells of (spec/wallet-api.md §4.10): that a transaction has become what Type says.
type Event struct {
	// Type is rejected, failed, reserved, confirmed, waiting_funds, waiting_registration or waiting_password; there may be
	// others some day, which a receiver acknowledges and passes over.
	Type string `json:"type"`
	// Object is transaction; of any other, Data is another thing.
	Object string      `json:"object"`
	Data   Transaction `json:"data"`
}

// EventIDHeader of a callback is the same whenever an event is sent: who has seen it before passes it over. It is purser's
// own, and not signed.
const EventIDHeader = "Purser-Event-Id"

// ErrSignature says that an event is not what the server signed.
var ErrSignature = errors.New("walletapi: the callback is not signed with a key of the server")

// OpenEvent checks a callback and reads it: its form fields event and sign, with the public keys that GET /publickey
// answers. It returns ErrSignature for one that is not signed with one of them. Ask for the keys anew then: there may be
// another one.
func OpenEvent(publicKeys []byte, event, sign string) (Event, error) {
	var e Event
	signature, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		return e, ErrSignature
	}
	sum := sha256.Sum256([]byte(event))
	for rest := publicKeys; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return e, ErrSignature
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			continue
		}
		if key, ok := parsed.(*rsa.PublicKey); ok && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil {
			return e, json.Unmarshal([]byte(event), &e)
		}
	}
}
