package exchange

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/url"
	"strings"
)

// madeMAC is a way in which somebody makes a MAC of a key and a text: the right one, or a mistake.
type madeMAC struct {
	// plain says that it is the right way.
	plain bool
	key   func(key, id string) string
	hash  func() hash.Hash
	spell func(sum []byte) string
}

// of makes the MAC that way.
func (m *madeMAC) of(key, id, text string) string {
	h := hmac.New(m.hash, []byte(m.key(key, id)))
	h.Write([]byte(text))
	return m.spell(h.Sum(nil))
}

// madeBy is the way in which the MAC of a vector was made; nil where it is none of those that are known.
func madeBy(key, id, text, mac string) *madeMAC {
	for i, keyOf := range keyMistakes(len(key)) {
		for k, hashOf := range []func() hash.Hash{sha256.New, sha1.New, sha512.New} {
			for n, spell := range spellings {
				m := &madeMAC{plain: i == 0 && k == 0 && n == 0, key: keyOf, hash: hashOf, spell: spell}
				if m.of(key, id, text) == mac {
					return m
				}
			}
		}
	}
	return nil
}

// spellings are how a sum is written; the first is right.
var spellings = []func(sum []byte) string{
	base64.StdEncoding.EncodeToString,
	hex.EncodeToString,
	func(sum []byte) string { return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum))) },
	base64.URLEncoding.EncodeToString,
	base64.RawURLEncoding.EncodeToString,
	base64.RawStdEncoding.EncodeToString,
	func(sum []byte) string { return url.QueryEscape(base64.StdEncoding.EncodeToString(sum)) },
}

// keyMistakes are what is taken for the key, of that length; the first is right.
func keyMistakes(length int) []func(key, id string) string {
	all := []func(key, id string) string{
		func(key, _ string) string { return key },
		func(key, _ string) string { return key + "\n" },
		func(key, _ string) string { return key + " " },
		func(string, string) string { return "" },
		func(_, id string) string { return id },
		func(key, _ string) string { return `"` + key + `"` },
		func(key, _ string) string { return strings.ToLower(key) },
		func(key, _ string) string { return strings.ToUpper(key) },
		func(key, _ string) string {
			decoded, _ := base64.StdEncoding.DecodeString(key) // of what is no base64, its beginning
			return string(decoded)
		},
		func(key, _ string) string { return key[min(1, len(key)):] },
	}
	for n := 1; n < length; n++ {
		all = append(all, func(key, _ string) string { return key[:min(n, len(key)-1)] })
	}
	return all
}
