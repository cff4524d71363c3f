// Package diagnosis finds out why the MAC of a request does not match. It is what `purser mac
// explain` knows.
//
// To a client that cannot sign, the server says no more than that: whatever else it told would
// help those who guess. So somebody who holds the key shows the request here as it was sent,
// and Explain makes the mistakes that clients make, one at a time and two at once, until one
// of them gives the MAC that came. A match is proof, not a guess: nobody hits a MAC by chance.
// What the MAC does not cover, the body, the clock and the nonce, is judged beside it.
//
// The package is pure: it reads no clock, no file and no store. None of its texts holds a key
// or the MAC that the server expects, whatever stands in the request. Its effort is bounded:
// a request that nothing explains costs about a tenth of a second for every address that the
// server accepts, up to half a second with a long text, so a server that offered it would
// limit its rate. It knows the mistakes of testdata/vectors/mac-mistakes.json, and of all
// others says that it does not.
package diagnosis

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/walletapi"
)

// Evidence is what Explain needs to know about a request that was refused.
type Evidence struct {
	// Request is the request as it reached the server.
	Request Request
	// Key is the mac_key of the id that the request names. Explain is only for somebody who
	// holds it: the answer tells what the MAC covers.
	Key string
	// OtherKeys are keys that the client might have taken by mistake, by a name that may be
	// shown: the key of the access token, of another client, the one before rotation.
	OtherKeys map[string]string
	// Now is the server's wall clock when the request came.
	Now time.Time
	// NonceUsed says that the server had seen the same id, ts and nonce before.
	NonceUsed bool
	// Origins are the public addresses of the server beside the Host header's.
	Origins []auth.Origin
	// PlainHTTP says that the server takes plain http, where port 80 goes without saying.
	PlainHTTP bool
}

// Diagnosis is what Explain found out.
type Diagnosis struct {
	// Normalized is what the server signs first to compare: the address of the Host header.
	// Where the client wrote a key into its request, it says [key].
	Normalized walletapi.Request
	// MACMatches says that the MAC is right for an address that the server accepts.
	MACMatches bool
	// Findings is never empty. Two mistakes made at once are two findings.
	Findings []Finding
}

// Finding is one thing that the client did; its cause knows the cure.
type Finding struct {
	Cause Cause
	// Did is a sentence about what the client did, with the values of this request.
	Did string
	// Tolerated says that the request is accepted nevertheless: the client should still
	// change, because other servers of the protocol may refuse it.
	Tolerated bool
}

// Accepted says that nothing found would make the server refuse the request.
func (d Diagnosis) Accepted() bool {
	return d.MACMatches && !slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Cause != allRight && !f.Tolerated })
}

// Causes are the causes of the findings, in order.
func (d Diagnosis) Causes() []Cause {
	causes := make([]Cause, 0, len(d.Findings))
	for _, f := range d.Findings {
		causes = append(causes, f.Cause)
	}
	return causes
}

func (d *Diagnosis) add(found ...Finding) { d.Findings = append(d.Findings, found...) }

func (d *Diagnosis) has(cause Cause) bool { return slices.Contains(d.Causes(), cause) }

// Explain finds out why a MAC does not match, and whatever else is wrong with a signature.
func Explain(in Evidence) Diagnosis {
	places := in.places()
	d := Diagnosis{Normalized: places[0].right.clues.right}
	if in.Key != "" && in.Request.Authorization.ID == in.Key {
		d.add(Finding{Cause: idKeySwapped, Did: "The header names the mac_key as its id."})
	}
	found, matches := in.search(places)
	d.add(found...)
	d.MACMatches = matches
	if !matches && len(d.Findings) == 0 {
		d.add(Finding{Cause: unknown, Did: in.unknown(places[0].right.size())})
	}
	in.judgeBody(&d)
	in.judgeTime(&d)
	if in.NonceUsed {
		d.add(Finding{Cause: nonceUsed, Did: "The server has seen this id, ts and nonce together before."})
	}
	if len(d.Findings) == 0 {
		d.add(Finding{Cause: allRight, Did: "The MAC, the body_hash, the time and the nonce are right."})
	}
	in.redact(&d)
	return d
}

// unknown says what little can be said about a MAC that no mistake accounts for.
func (in Evidence) unknown(size int) string {
	did := "None of the known mistakes, alone or two at once, gives the MAC that was sent."
	if size > longestPair {
		did = "None of the mistakes that are tried with a long text gives the MAC that was sent; with a short path more are tried."
	}
	sums := readings(in.Request.Authorization.MAC)
	switch {
	case len(sums) == 0:
		did += " It is not even base64."
	case len(sums[0].bytes) != sumSize:
		did += fmt.Sprintf(" It holds %d bytes, and an HMAC-SHA-256 has %d.", len(sums[0].bytes), sumSize)
	}
	return did
}

// redact takes every key out of what is shown: a client may have written its key into the
// path, the nonce or ext. What it signed in their place may hold a part of the key, and is not
// shown at all.
func (in Evidence) redact(d *Diagnosis) {
	keys := []string{in.Key}
	for _, key := range in.OtherKeys {
		keys = append(keys, key)
	}
	hidden := spellings(keys)
	r := &d.Normalized
	for _, element := range []*string{&r.TS, &r.Nonce, &r.Method, &r.Target, &r.Host, &r.Port, &r.Ext} {
		*element = hidden.ReplaceAllLiteralString(*element, "[key]")
	}
	for i, f := range d.Findings {
		d.Findings[i].Did = visible(f.Did)
		if hidden.MatchString(f.Did) {
			d.Findings[i].Did = "The request holds a key, so what was signed in its place is not repeated here."
		}
	}
}

// longestKey is how much of a key is looked for, in bytes; of a longer one, all that follows
// is taken for its rest.
const longestKey = 1 << 10

// spellings matches the keys in capitals or not, with any of their characters
// percent-encoded once or more.
func spellings(keys []string) *regexp.Regexp {
	// The longest first, so that a key inside another one leaves no rest of it.
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var patterns []string
	for _, key := range keys {
		pattern := ""
		for i, r := range strings.TrimSpace(key) {
			if i >= longestKey {
				pattern += ".*"
				break
			}
			pattern += "(?:" + regexp.QuoteMeta(string(r)) + "|"
			if r == '+' || r == ' ' {
				pattern += "[+ ]|%(?:25)*2[0b]|"
			}
			for _, b := range []byte(string(r)) {
				pattern += fmt.Sprintf("%%(?:25)*%02x", b)
			}
			pattern += ")"
		}
		if pattern != "" {
			patterns = append(patterns, pattern)
		}
	}
	if patterns == nil {
		return regexp.MustCompile(`[^\s\S]`) // matches nothing
	}
	return regexp.MustCompile("(?is)" + strings.Join(patterns, "|"))
}

// Normalized shows a normalised text for people: one element a line, with its name, and the
// line feed that ends it as \n (spec/wallet-api.md §2.3).
func Normalized(r walletapi.Request) string {
	var text strings.Builder
	for i, element := range elements(r) {
		fmt.Fprintf(&text, "%-6s  %s\\n\n", names[i], visible(element))
	}
	return text.String()
}

// visible writes control characters and bytes that are not UTF-8 as escapes, so that a pasted
// request cannot steer the terminal of whoever reads the diagnosis.
func visible(s string) string {
	quoted := strconv.Quote(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}
