package diagnosis

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/purserhq/purser/walletapi"
)

// longestRewritten bounds the bodies that are written again in other ways, in bytes: each of
// some hundred ways costs a hash of the whole.
const longestRewritten = 32 << 10

// judgeBody adds what is wrong with body_hash. That is apart from the MAC, which covers ext
// whatever it says.
func (in Evidence) judgeBody(d *Diagnosis) {
	body, raw := in.Request.Body, in.Request.Authorization.Ext
	ext, err := walletapi.ParseExt(raw)
	switch {
	case errors.Is(err, walletapi.ErrExtTwice):
		d.add(Finding{Cause: extUnreadable, Did: "One of body_hash, project_id, location_id and idempotency_key stands twice in ext."})
	case err != nil:
		d.add(Finding{Cause: extUnreadable, Did: "The ext holds a % that does not begin an escape."})
	case !ext.HasBodyHash && (len(body) == 0 || d.has(extNotSent)):
	case !ext.HasBodyHash:
		d.add(Finding{Cause: bodyHashMissing, Did: fmt.Sprintf("The body has %d bytes, and ext has no body_hash.", len(body))})
	case ext.Matches(body):
		if given, _, _ := strings.Cut(raw[strings.Index(raw, "body_hash"):], "&"); strings.Contains(given, "+") {
			d.add(Finding{Cause: bodyHashNotEncoded, Did: "The body_hash holds a bare +, which a query reads as a blank.", Tolerated: true})
		}
	default:
		d.add(in.wrongBodyHash(ext.BodyHash)...)
	}
}

// wrongBodyHash finds which bytes a body_hash is of, and how it is spelled.
func (in Evidence) wrongBodyHash(given string) []Finding {
	body := in.Request.Body
	for _, reading := range readings(given) {
		spelled := reading.spelled.bodyHash()
		is := func(text []byte) bool {
			sum := sha256.Sum256(text)
			return bytes.Equal(sum[:], reading.bytes)
		}
		if is(body) {
			return spelled
		}
		if cause, did := otherBody(body, is); cause != "" {
			return append([]Finding{{Cause: cause, Did: did}}, spelled...)
		}
		md5Sum, sha1Sum, sha512Sum := md5.Sum(body), sha1.Sum(body), sha512.Sum512(body)
		for name, sum := range map[string][]byte{
			"MD5": md5Sum[:], "SHA-1": sha1Sum[:], "SHA-512": sha512Sum[:], "HMAC-SHA-256": hmacSHA256(in.Key, string(body)),
		} {
			if bytes.Equal(sum, reading.bytes) {
				return append([]Finding{{Cause: bodyHashAlgorithm, Did: "The body_hash is the " + name + " of the body."}}, spelled...)
			}
		}
	}
	if len(body) == 0 {
		return []Finding{{Cause: bodyLost, Did: "The body_hash is of some text, and the body came empty."}}
	}
	return []Finding{{Cause: bodyHashWrong, Did: fmt.Sprintf("The body_hash is of other bytes than the %d that were sent.", len(body))}}
}

// otherBody finds the text that was hashed in place of the body; empty when it does not.
func otherBody(body []byte, is func([]byte) bool) (Cause, string) {
	if len(body) > 0 && is(nil) {
		return bodyHashOfNothing, "The body_hash is of an empty text, and the body is not empty."
	}
	trimmed, mark := bytes.TrimRight(body, "\r\n"), []byte("\ufeff")
	for _, other := range []struct {
		text []byte
		did  string
	}{
		{trimmed, "The body_hash is of the body without the line feed at its end. (Check that the line feed did not come with copying.)"},
		{slices.Concat(trimmed, []byte("\n")), "The body_hash is of the body with a line feed at its end, which was not sent."},
		{slices.Concat(trimmed, []byte("\r\n")), "The body_hash is of the body with a line end of two characters, which was not sent."},
		{bytes.TrimSpace(body), "The body_hash is of the body without the blanks around it."},
		{bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), "The body_hash is of the body with single line feeds."},
		{bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")), "The body_hash is of the body with line ends of two characters."},
		{bytes.TrimPrefix(body, mark), "The body_hash is of the body without its byte order mark."},
		{slices.Concat(mark, body), "The body_hash is of the body with a byte order mark, which was not sent."},
	} {
		if len(body) > 0 && is(other.text) {
			return bodyHashLineEnd, other.did
		}
	}
	for _, text := range []string{"{}", "[]", "null", `""`, "Array", "[object Object]"} {
		if is([]byte(text)) {
			return bodyHashReserialised, "The body_hash is of " + text + ", and something else was sent."
		}
	}
	if len(body) > longestRewritten {
		return "", ""
	}
	if how := restyled(body, is); how != "" {
		return bodyHashReserialised, "The body_hash is of the same JSON written again " + how + "."
	}
	form := string(body)
	for _, spelled := range slices.Concat(decodings(form), respellings(form), arrangements(form)) {
		if is([]byte(spelled)) {
			return bodyHashReserialised, "The body_hash is of the same form encoded in another way, or with its fields in another order."
		}
	}
	return "", ""
}
