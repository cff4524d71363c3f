package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Where a request carries the key under which it has its effect once: the header, or ext, which the MAC covers
// (decisions.md 9).
const (
	keyHeader = "Idempotency-Key"
	keyField  = "idempotency_key"
)

// maxKey bounds such a key, in characters.
const maxKey = 255

// once is what makes a request have its effect once; nil where no key was given. The other methods are not asked
// for one: they read, or can be repeated anyway. It fails with InvalidParameters.
func once(r *http.Request, body []byte, caller wallet.Caller, ext walletapi.Ext) (*wallet.Once, error) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nil, nil
	}
	given := r.Header[keyHeader]
	key, has := ext.IdempotencyKey, ext.HasIdempotencyKey
	switch {
	case len(given) > 1:
		return nil, wallet.FieldError(keyField, "the header %s is given %d times; give it once", keyHeader, len(given))
	case len(given) == 1 && has && given[0] != key:
		return nil, wallet.FieldError(keyField, "is one in ext and another one in the header %s: give it once", keyHeader)
	case len(given) == 1:
		key = given[0]
	case !has:
		return nil, nil
	}
	if !visible(key) {
		return nil, wallet.FieldError(keyField, "must be 1 to %d visible ASCII characters, without blanks", maxKey)
	}
	o := &wallet.Once{
		Key: digest(number(caller.Client.ID), number(caller.UserID()), key),
		Request: digest(r.Method, r.URL.EscapedPath(), r.URL.RawQuery, number(caller.ProjectID), number(caller.LocationID),
			string(body)),
	}
	return o, nil
}

func visible(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return key != "" && len(key) <= maxKey
}

// digest is the SHA-256 of several texts, each after its length, so that none runs into the next.
func digest(parts ...string) (sum [32]byte) {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(number(int64(len(part)))))
		h.Write([]byte(part))
	}
	h.Sum(sum[:0])
	return sum
}

// number is a number as eight bytes.
func number(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
