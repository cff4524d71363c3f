package diagnosis

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// reading is one way to read the mac of the header, or a body_hash, as bytes.
type reading struct {
	bytes   []byte
	spelled *spelling
}

// spelling is a way to write bytes down.
type spelling struct {
	// macCause and bodyHashCause say what is wrong with it; empty when nothing is.
	macCause, bodyHashCause Cause
	how                     string
}

var (
	padded      = &spelling{}
	unpadded    = &spelling{macUnpadded, "", "stands in base64 without its = at the end"} // forgiven in body_hash (spec/wallet-api.md §2.4)
	urlSafe     = &spelling{macURLSafe, bodyHashURLSafe, "stands in the URL-safe alphabet, with - and _ for + and /"}
	hexadecimal = &spelling{macHex, bodyHashHex, "stands in hexadecimal digits, or is the base64 of such digits"}
	escaped     = &spelling{macURLEncoded, bodyHashTwiceEncoded, "was URL-encoded or URL-decoded once too often"}
)

func (s *spelling) mac() []Finding { return s.findings(s.macCause, "The mac ") }

func (s *spelling) bodyHash() []Finding { return s.findings(s.bodyHashCause, "The body_hash ") }

func (s *spelling) findings(cause Cause, what string) []Finding {
	if cause == "" {
		return nil
	}
	return []Finding{{Cause: cause, Did: what + s.how + "."}}
}

// readings are all ways to read a text as bytes; the right one first.
func readings(text string) []reading {
	var all []reading
	decode := func(text string, encoding *base64.Encoding, spelled *spelling) {
		raw, err := encoding.DecodeString(text)
		if err != nil {
			return
		}
		all = append(all, reading{raw, spelled})
		// Languages whose hash function answers in hex invite the base64 of that hex.
		if inner, err := hex.DecodeString(string(raw)); err == nil && len(inner) > 0 {
			all = append(all, reading{inner, hexadecimal})
		}
	}
	decode(text, base64.StdEncoding, padded)
	if !strings.Contains(text, "=") && len(text)%4 != 0 {
		decode(text, base64.RawStdEncoding, unpadded)
	}
	if strings.ContainsAny(text, "-_") {
		decode(strings.TrimRight(text, "="), base64.RawURLEncoding, urlSafe)
	}
	if raw, err := hex.DecodeString(text); err == nil && len(raw) > 0 {
		all = append(all, reading{raw, hexadecimal})
	}
	if plain, err := url.PathUnescape(strings.ReplaceAll(text, " ", "+")); err == nil && plain != text {
		decode(plain, base64.StdEncoding, escaped)
	}
	return all
}

// decodings are a text URL-decoded, as a query and as a path.
func decodings(text string) []string {
	var all []string
	for _, decode := range []func(string) (string, error){url.QueryUnescape, url.PathUnescape} {
		if plain, err := decode(text); err == nil {
			all = append(all, plain)
		}
	}
	return all
}

// respellers write characters with or without escapes, as the many URL builders, query
// parsers and proxies see fit.
var respellers = func() []*strings.Replacer {
	all := []*strings.Replacer{strings.NewReplacer("+", "%20"), strings.NewReplacer("%20", "+"), strings.NewReplacer("%", "%25")}
	for _, set := range append(strings.Split(",/:@!*'()~=+;$| ", ""), "[]") {
		var encode, decode []string
		for _, c := range set {
			upper := fmt.Sprintf("%%%02X", c)
			encode = append(encode, string(c), upper)
			decode = append(decode, upper, string(c), strings.ToLower(upper), string(c))
		}
		all = append(all, strings.NewReplacer(encode...), strings.NewReplacer(decode...))
	}
	return all
}()

// asScript writes a form as JavaScript's encodeURIComponent does.
var asScript = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

// respellings are the other percent-encodings of a path, a query or a form, its parameters in
// their order. Some may equal the text itself.
func respellings(text string) []string {
	all := []string{escapes(text, strings.ToLower), escapes(text, strings.ToUpper), url.QueryEscape(text)}
	if form, ok := encodedAgain(text); ok {
		all = append(all, form, strings.ReplaceAll(form, "+", "%20"), asScript.Replace(form))
	}
	for _, respeller := range respellers {
		all = append(all, respeller.Replace(text))
	}
	return all
}

// encodedAgain decodes and encodes every key and value, as a library does that takes the
// parameters as a map or a list.
func encodedAgain(query string) (string, bool) {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		parts := strings.SplitN(pair, "=", 2)
		for j, part := range parts {
			plain, err := url.QueryUnescape(part)
			if err != nil {
				return "", false
			}
			// A body_hash that was not encoded has its plus signs, not blanks.
			if parts[0] == "body_hash" {
				plain = strings.ReplaceAll(plain, " ", "+")
			}
			parts[j] = url.QueryEscape(plain)
		}
		pairs[i] = strings.Join(parts, "=")
	}
	return strings.Join(pairs, "&"), true
}

// escapes changes the two digits of every percent escape.
func escapes(text string, change func(string) string) string {
	parts := strings.Split(text, "%")
	for i, part := range parts[1:] {
		if len(part) >= 2 {
			parts[i+1] = change(part[:2]) + part[2:]
		}
	}
	return strings.Join(parts, "%")
}

// arrangements are a query's parameters sorted, sorted and encoded again, reversed, and in
// every order of up to four.
func arrangements(query string) []string {
	pairs := strings.Split(query, "&")
	all := []string{strings.Join(slices.Sorted(slices.Values(pairs)), "&")}
	if values, err := url.ParseQuery(query); err == nil && len(pairs) > 1 {
		all = append(all, values.Encode())
	}
	reversed := slices.Clone(pairs)
	slices.Reverse(reversed)
	all = append(all, strings.Join(reversed, "&"))
	if len(pairs) > 4 {
		return all
	}
	for _, order := range permutations(len(pairs)) {
		arranged := make([]string, len(pairs))
		for to, from := range order {
			arranged[to] = pairs[from]
		}
		all = append(all, strings.Join(arranged, "&"))
	}
	return all
}

// permutations are all orders of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, order := range permutations(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(order), at, n-1))
		}
	}
	return all
}
