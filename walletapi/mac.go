package walletapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// Algorithm is the only MAC algorithm of the protocol (spec/wallet-api.md §2.1).
const Algorithm = "hmac-sha-256"

// MaxAuthorization bounds the Authorization header that ParseAuthorization reads, in bytes.
const MaxAuthorization = 4096

// MAC holds the credentials of a client, or of an access token: the two are signed alike
// (spec/wallet-api.md §2). The zero MAC signs nothing.
type MAC struct {
	// ID is the client id or the access token.
	ID string
	// Secret is the mac_key, used as the bytes it is written with, not base64-decoded.
	Secret string
}

// Request is what a MAC covers, each part exactly as it goes over the wire.
type Request struct {
	// TS is the time of signing in UNIX seconds, as text: some clients send a fraction.
	TS string
	// Nonce is the client's one-time value.
	Nonce string
	// Method is the HTTP method in upper case.
	Method string
	// Target is the path and query of the request line, never re-encoded.
	Target string
	// Host is the host without its port.
	Host string
	// Port is the decimal port.
	Port string
	// Ext is the text between the quotes of ext="…", still URL-encoded; often empty.
	Ext string
}

// Normalized is the text that is signed: seven elements, each followed by a line feed, the
// last one too (spec/wallet-api.md §2.3).
func (r Request) Normalized() string {
	return string(r.AppendNormalized(nil))
}

// AppendNormalized appends the text that is signed, for who signs many.
func (r Request) AppendNormalized(to []byte) []byte {
	for _, element := range [...]string{r.TS, r.Nonce, r.Method, r.Target, r.Host, r.Port, r.Ext} {
		to = append(to, element...)
		to = append(to, '\n')
	}
	return to
}

// Sum is the HMAC-SHA256 of the request under secret.
func (r Request) Sum(secret string) [sha256.Size]byte {
	var text [512]byte
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(r.AppendNormalized(text[:0]))
	var sum [sha256.Size]byte
	mac.Sum(sum[:0])
	return sum
}

// Sign is the MAC of the request under secret as the header carries it, in base64.
func (r Request) Sign(secret string) string {
	sum := r.Sum(secret)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Authorization is a parsed Authorization header of the MAC scheme. All values are as they
// stand between the quotes.
type Authorization struct {
	ID, TS, Nonce, MAC, Ext string
}

// ErrAuthorization says that a header is not a MAC Authorization header. Its text names
// what is wrong and never repeats a value.
type ErrAuthorization string

// Error is what is wrong with the header.
func (e ErrAuthorization) Error() string { return "walletapi: " + string(e) }

// ParseAuthorization reads `MAC id="…", ts="…", nonce="…", mac="…"[, ext="…"]`
// (spec/wallet-api.md §2.2). Values may hold commas, spaces and equals signs, so it honours
// quotes; there are no escapes. Order is free, ext may be absent. The error is an
// ErrAuthorization.
func ParseAuthorization(header string) (Authorization, error) {
	var a Authorization
	if len(header) > MaxAuthorization {
		return a, ErrAuthorization("the Authorization header is longer than 4096 bytes")
	}
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "MAC") {
		return a, ErrAuthorization(`the Authorization header must begin with the scheme MAC`)
	}
	seen := 0
	for rest = trimSpace(rest); rest != ""; rest = trimSpace(rest) {
		name, after, ok := strings.Cut(rest, `="`)
		if !ok {
			return a, ErrAuthorization(`every part of the Authorization header must look like name="value"`)
		}
		value, after, ok := strings.Cut(after, `"`)
		if !ok {
			return a, ErrAuthorization(`a value of the Authorization header has no closing quote`)
		}
		if !printable(value) {
			return a, ErrAuthorization(`a value of the Authorization header holds a character outside printable ASCII, or a backslash`)
		}
		bit, field := a.field(trimSpace(name))
		if field == nil {
			return a, ErrAuthorization("the Authorization header knows the names id, ts, nonce, mac and ext only")
		}
		if seen&bit != 0 {
			return a, ErrAuthorization("a name stands twice in the Authorization header")
		}
		seen |= bit
		*field = value
		rest = trimSpace(after)
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return a, ErrAuthorization("the parts of the Authorization header must be separated by commas")
		}
		rest = rest[1:]
	}
	if a.ID == "" || a.TS == "" || a.Nonce == "" || a.MAC == "" {
		return a, ErrAuthorization("the Authorization header needs id, ts, nonce and mac")
	}
	return a, nil
}

// field maps a name to its place and to a bit that tells whether it was seen before.
func (a *Authorization) field(name string) (int, *string) {
	switch name {
	case "id":
		return 1, &a.ID
	case "ts":
		return 2, &a.TS
	case "nonce":
		return 4, &a.Nonce
	case "mac":
		return 8, &a.MAC
	case "ext":
		return 16, &a.Ext
	}
	return 0, nil
}

// trimSpace removes blanks and the line folding that some documents show.
func trimSpace(s string) string { return strings.Trim(s, " \t\r\n") }

// printable says that s has only %x20-21 / %x23-5B / %x5D-7E, the protocol's alphabet
// (spec/wallet-api.md §2.2).
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// String is the header: the parts in the order that every known client uses. An empty ext
// is left out, as the PHP client does.
func (a Authorization) String() string {
	header := `MAC id="` + a.ID + `", ts="` + a.TS + `", nonce="` + a.Nonce + `", mac="` + a.MAC + `"`
	if a.Ext != "" {
		header += `, ext="` + a.Ext + `"`
	}
	return header
}

// BodyHash is what ext carries as body_hash: the SHA-256 of the raw body in base64, not yet
// URL-encoded (spec/wallet-api.md §2.4).
func BodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Ext is what a client may say about a request beside its method, address and body
// (spec/wallet-api.md §2.4).
type Ext struct {
	// BodyHash is body_hash as given, URL-decoded; empty when there was none.
	BodyHash string
	// HasBodyHash tells an empty body_hash from a missing one.
	HasBodyHash bool
	// ProjectID and LocationID are the texts given, empty when there were none.
	ProjectID, LocationID string
	// IdempotencyKey is the key under which the request has its effect once, where the MAC is to cover it;
	// HasIdempotencyKey tells an empty one from a missing one.
	IdempotencyKey    string
	HasIdempotencyKey bool
}

// ErrExt says that an ext cannot be read; its text names what is wrong.
var (
	// ErrExtEncoding says that ext is not a query string.
	ErrExtEncoding = errors.New("walletapi: ext is not a URL-encoded query string")
	// ErrExtTwice says that body_hash, project_id, location_id or idempotency_key stands twice in ext.
	ErrExtTwice = errors.New("walletapi: body_hash, project_id, location_id and idempotency_key may stand once each in ext")
)

// ParseExt reads an ext. Unknown keys are ignored, empty pairs too (one client's ext begins
// with "&"). It returns ErrExtEncoding and ErrExtTwice.
func ParseExt(raw string) (Ext, error) {
	var ext Ext
	seen := 0
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		rawKey, rawValue, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(rawKey)
		if err != nil {
			return Ext{}, ErrExtEncoding
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return Ext{}, ErrExtEncoding
		}
		bit := 0
		switch key {
		case "body_hash":
			// A bare + is a base64 character that somebody forgot to encode: base64 has no space.
			ext.BodyHash, ext.HasBodyHash = strings.ReplaceAll(value, " ", "+"), true
			bit = 1
		case "project_id":
			ext.ProjectID, bit = value, 2
		case "location_id":
			ext.LocationID, bit = value, 4
		case "idempotency_key":
			ext.IdempotencyKey, ext.HasIdempotencyKey, bit = value, true, 8
		}
		if seen&bit != 0 {
			return Ext{}, ErrExtTwice
		}
		seen |= bit
	}
	return ext, nil
}

// Matches says that body is the one BodyHash was made from. Hashes are compared as bytes,
// with or without base64 padding.
func (e Ext) Matches(body []byte) bool {
	given, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(e.BodyHash, "="))
	sum := sha256.Sum256(body)
	return err == nil && hmac.Equal(given, sum[:])
}

// String is the ext as the PHP client writes it: body_hash first, then the context, each
// URL-encoded; empty values are left out. The idempotency key, which that client does not know, comes last.
func (e Ext) String() string {
	var pairs []string
	if e.HasBodyHash {
		pairs = append(pairs, "body_hash="+url.QueryEscape(e.BodyHash))
	}
	if e.ProjectID != "" {
		pairs = append(pairs, "project_id="+url.QueryEscape(e.ProjectID))
	}
	if e.LocationID != "" {
		pairs = append(pairs, "location_id="+url.QueryEscape(e.LocationID))
	}
	if e.HasIdempotencyKey {
		pairs = append(pairs, "idempotency_key="+url.QueryEscape(e.IdempotencyKey))
	}
	return strings.Join(pairs, "&")
}
