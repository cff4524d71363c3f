package auth

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/purserhq/purser/walletapi"
)

// Evidence is what Explain needs to know about a request that was refused.
type Evidence struct {
	// Request is the request as it reached the server.
	Request RawRequest
	// Key is the mac_key of the id that the request names. Explain is only for somebody who
	// holds it: the answer tells what the MAC covers.
	Key string
	// OtherKeys are keys that the client might have taken by mistake, by a name that may be
	// shown: the key of the access token, of another client, the one before rotation.
	OtherKeys map[string]string
	// Now is the server's wall clock when the request came.
	Now time.Time
	// Window is how far ts may be from Now; zero means DefaultWindow.
	Window time.Duration
	// NonceUsed says that the server had seen the same id, ts and nonce before.
	NonceUsed bool
	// Origins are the public addresses of the server beside the Host header's.
	Origins []Origin
	// DefaultPort is the port that a Host header without one means: 443, or 80 where the
	// server takes plain http; zero means 443.
	DefaultPort int
}

// Diagnosis is what Explain found out. None of its texts ever holds a key or the MAC that
// the server expects: where a client wrote a key into its request, they say [key].
type Diagnosis struct {
	// Normalized is what the server signs first to compare: the address of the Host header.
	Normalized walletapi.Request
	// MACMatches says that the MAC is right for an address that the server accepts.
	MACMatches bool
	// Findings is never empty. Two mistakes made at once are two findings.
	Findings []Finding
}

// Finding is one thing that the client did.
type Finding struct {
	Cause Cause
	// Did is a sentence about what the client did, with the values of this request.
	Did string
	// Cure is a sentence about what to do next.
	Cure string
	// Tolerated says that the request is accepted nevertheless: the client should still
	// change, because other servers of the protocol may refuse it.
	Tolerated bool
}

// Accepted says that nothing found would make the server refuse the request.
func (d Diagnosis) Accepted() bool {
	return d.MACMatches && !slices.ContainsFunc(d.Findings, func(f Finding) bool {
		return f.Cause != causeAllRight && !f.Tolerated
	})
}

// Causes are the causes of the findings, in order.
func (d Diagnosis) Causes() []Cause {
	causes := make([]Cause, 0, len(d.Findings))
	for _, f := range d.Findings {
		causes = append(causes, f.Cause)
	}
	return causes
}

// ExplainNormalized shows a normalised text for people: one element a line, with its name,
// and the line feed that ends it as \n (spec/wallet-api.md §2.3).
func ExplainNormalized(r walletapi.Request) string {
	var text strings.Builder
	for i, element := range explainElements(r) {
		fmt.Fprintf(&text, "%-6s  %s\\n\n", explainNames[i], explainVisible(element))
	}
	return text.String()
}

var explainNames = [...]string{"ts", "nonce", "method", "target", "host", "port", "ext"}

const (
	explainPortAt = 5
	explainExtAt  = 6
)

func explainElements(r walletapi.Request) [7]string {
	return [7]string{r.TS, r.Nonce, r.Method, r.Target, r.Host, r.Port, r.Ext}
}

// explainVisible writes control characters and bytes that are not UTF-8 as \x.., so that a
// pasted request cannot steer the terminal of whoever reads the diagnosis.
func explainVisible(s string) string {
	var text strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || !strconv.IsPrint(r) {
			for _, b := range []byte(s[i : i+size]) {
				fmt.Fprintf(&text, `\x%02x`, b)
			}
		} else {
			text.WriteString(s[i : i+size])
		}
		i += size
	}
	return text.String()
}

// Explain finds out why a MAC does not match, by making the mistakes that clients make, one
// at a time and two at once, until one of them gives the MAC that was sent. A match is
// proof, not a guess: nobody hits a MAC by chance. Body hash, clock and nonce are judged
// beside it. It reads no clock. A refusal that nothing explains costs tens of milliseconds,
// and up to a second with a long text and many origins, so a server that offers it limits
// its rate.
func Explain(in Evidence) Diagnosis {
	places := in.explainPlaces()
	d := Diagnosis{Normalized: places[0].signing.Request}
	found, matches := in.explainMAC(places)
	d.MACMatches = matches
	if in.Request.Authorization.ID == in.Key && in.Key != "" {
		found = append([]Finding{explainFinding(causeIDKeySwapped, "The header names the mac_key as its id.")}, found...)
	}
	if !matches && len(found) == 0 {
		found = append(found, explainFinding(causeUnknown, in.explainUnknown(places[0].signing.text())))
	}
	found = in.explainBody(found)
	found = in.explainClock(found)
	if in.NonceUsed {
		found = append(found, explainFinding(causeNonceUsed, "The server has seen this id, ts and nonce together before."))
	}
	if len(found) == 0 {
		found = append(found, explainFinding(causeAllRight, "The MAC, the body_hash, the time and the nonce are right."))
	}
	d.Findings = found
	return in.explainRedacted(d)
}

func explainFinding(cause Cause, did string) Finding {
	return Finding{Cause: cause, Did: did, Cure: cause.Cure()}
}

// explainUnknown says what little can be said about a MAC that no mistake accounts for.
func (in Evidence) explainUnknown(text string) string {
	did := "None of the known mistakes, alone or two at once, gives the MAC that was sent."
	if len(text) > explainLongestPair {
		did = "None of the mistakes that are tried with a long text gives the MAC that was sent; with a short path more are tried."
	}
	readings := explainReadings(in.Request.Authorization.MAC)
	if len(readings) == 0 {
		return did + " It is not even base64."
	}
	if size := len(readings[0].sum); size != sha256.Size {
		return did + " It holds " + strconv.Itoa(size) + " bytes, and an HMAC-SHA-256 has 32."
	}
	return did
}

// explainRedacted takes every key out of what is shown: a client may have written its key
// into the path, the nonce or ext.
func (in Evidence) explainRedacted(d Diagnosis) Diagnosis {
	var spellings []string
	for _, key := range append(slices.Collect(maps.Values(in.OtherKeys)), in.Key) {
		for _, key := range []string{key, strings.TrimSpace(key)} {
			spellings = append(spellings, key, strings.ToLower(key), strings.ToUpper(key), url.QueryEscape(key), url.PathEscape(key))
		}
	}
	// The longest first, so that a key inside another one leaves no rest of it.
	slices.SortFunc(spellings, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, spelling := range spellings {
		if spelling != "" {
			pairs = append(pairs, spelling, "[key]")
		}
	}
	hide := strings.NewReplacer(pairs...)
	r := &d.Normalized
	for _, element := range []*string{&r.TS, &r.Nonce, &r.Method, &r.Target, &r.Host, &r.Port, &r.Ext} {
		*element = hide.Replace(*element)
	}
	for i := range d.Findings {
		d.Findings[i].Did = explainVisible(hide.Replace(d.Findings[i].Did))
	}
	return d
}

// explainPlace is an address under which the server accepts a MAC.
type explainPlace struct {
	signing explainSigning
	// notes is what is said about a client that uses this address; nil when it is right.
	notes []Finding
}

// explainPlaces are the addresses that the server accepts, the one that a right client signs
// first: the Host header's, the configured ones, and 443 for clients that sign it whatever
// the port is (spec/wallet-api.md §2.3). They are those of Authenticator.addresses.
func (in Evidence) explainPlaces() []explainPlace {
	auth := in.Request.Authorization
	signing := explainSigning{
		Request: walletapi.Request{
			TS: auth.TS, Nonce: auth.Nonce, Method: in.Request.Method, Target: in.Request.Target, Ext: auth.Ext,
		},
		key: in.Key, about: &explainAbout{Evidence: in, bodyHash: walletapi.BodyHash(in.Request.Body)},
	}
	if len(in.Request.Body) <= explainLongestBody {
		signing.about.body = string(in.Request.Body)
	}
	host, port := splitHost(in.Request.Host)
	if absolute, err := ExplainURL(in.Request.Target); err == nil {
		signing.Target, host, port = absolute.Target, absolute.Host, absolute.Port
	}
	lower, standard := strings.ToLower(host), strconv.Itoa(cmp.Or(in.DefaultPort, 443))
	port = cmp.Or(port, standard)

	var places []explainPlace
	add := func(host, port string, notes ...Finding) {
		for _, place := range places {
			if place.signing.Host == host && place.signing.Port == port {
				return
			}
		}
		s := signing
		s.Host, s.Port = host, port
		places = append(places, explainPlace{s, notes})
	}
	tolerated := func(cause Cause, did string) Finding {
		f := explainFinding(cause, did)
		f.Tolerated = true
		return f
	}
	capitals := tolerated(causeHostCase, `The host was signed as "`+host+`", with the capitals of the Host header.`)
	if host != "" || len(in.Origins) == 0 {
		add(lower, port)
		add(host, port, capitals)
	}
	for _, origin := range in.Origins {
		add(origin.Host, origin.Port)
	}
	for _, always := range []string{"443", standard} {
		did := "The port was signed as " + always + ", and the request went to port " + port + "."
		add(lower, always, tolerated(causePortAlways, did))
		add(host, always, tolerated(causePortAlways, did), capitals)
	}
	for _, place := range places {
		signing.about.ports = append(signing.about.ports, place.signing.Port)
	}
	return places
}

// explainSigning is a way to make a MAC. The zero values of its functions are the right way.
type explainSigning struct {
	walletapi.Request
	// order lists the elements that stand in the text; nil for all seven in their order.
	order []int
	// before and after are lines that do not belong into the text.
	before, after []string
	// join makes the text of its lines.
	join func(lines []string) string
	// key is what the HMAC is keyed with.
	key string
	// sum is the MAC of a text.
	sum func(key, text string) []byte
	// about is what the mistakes may look at beside the request.
	about *explainAbout
}

// explainAbout is the evidence, with what would cost too much to find out for every mistake.
type explainAbout struct {
	Evidence
	// body is the body that may stand in a signed text by mistake; empty when it is long.
	body string
	// bodyHash is the body's hash as body_hash has it, before URL-encoding.
	bodyHash string
	// ports are those of the addresses that the server accepts.
	ports []string
}

// What is searched for in texts of which length, in bytes: a search of thousands of long
// texts would keep a server busy, and the usual text has some hundred bytes.
const (
	explainLongestText = 4 << 10
	explainLongestPair = 1 << 10
	explainLongestBody = 4 << 10
)

func (s explainSigning) text() string {
	elements := explainElements(s.Request)
	lines := make([]string, 0, len(elements)+2)
	lines = append(lines, s.before...)
	for _, i := range s.places() {
		lines = append(lines, elements[i])
	}
	lines = append(lines, s.after...)
	if s.join != nil {
		return s.join(lines)
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s explainSigning) places() []int {
	if s.order != nil {
		return s.order
	}
	return []int{0, 1, 2, 3, 4, 5, 6}
}

func (s explainSigning) mac() []byte {
	if s.sum != nil {
		return s.sum(s.key, s.text())
	}
	return explainHMAC(sha256.New, s.key, s.text())
}

func explainHMAC(algorithm func() hash.Hash, key, text string) []byte {
	mac := hmac.New(algorithm, []byte(key))
	io.WriteString(mac, text)
	return mac.Sum(nil)
}

// explainReading is one way to read the mac of the header, or a body_hash, as bytes.
type explainReading struct {
	sum     []byte
	spelled explainSpelling
}

type explainSpelling int

const (
	spelledRight explainSpelling = iota
	spelledUnpadded
	spelledURLSafe
	spelledHex
	spelledEscaped
)

// explainReadings are all ways to read a text as bytes; the right one, padded base64, first.
func explainReadings(text string) []explainReading {
	var readings []explainReading
	decode := func(text string, encoding *base64.Encoding, spelled explainSpelling) {
		sum, err := encoding.DecodeString(text)
		if err != nil {
			return
		}
		readings = append(readings, explainReading{sum, spelled})
		// Languages whose hash function answers in hex invite the base64 of that hex.
		if inner, err := hex.DecodeString(string(sum)); err == nil && len(inner) > 0 {
			readings = append(readings, explainReading{inner, spelledHex})
		}
	}
	decode(text, base64.StdEncoding, spelledRight)
	if !strings.Contains(text, "=") && len(text)%4 != 0 {
		decode(text, base64.RawStdEncoding, spelledUnpadded)
	}
	if strings.ContainsAny(text, "-_") {
		decode(strings.TrimRight(text, "="), base64.RawURLEncoding, spelledURLSafe)
	}
	if sum, err := hex.DecodeString(text); err == nil && len(sum) > 0 {
		readings = append(readings, explainReading{sum, spelledHex})
	}
	if decoded, err := url.PathUnescape(text); err == nil && decoded != text {
		decode(decoded, base64.StdEncoding, spelledEscaped)
	}
	if strings.Contains(text, " ") {
		decode(strings.ReplaceAll(text, " ", "+"), base64.StdEncoding, spelledEscaped)
	}
	return readings
}

// explainSpelledMAC is what is said about a mac that is not written in padded base64.
func explainSpelledMAC(spelled explainSpelling) []Finding {
	switch spelled {
	case spelledUnpadded:
		return []Finding{explainFinding(causeMACUnpadded, "The mac stands in base64 without its = at the end.")}
	case spelledURLSafe:
		return []Finding{explainFinding(causeMACURLSafe, "The mac stands in the URL-safe alphabet, with - and _ for + and /.")}
	case spelledHex:
		return []Finding{explainFinding(causeMACHex, "The mac stands in hexadecimal digits, or is the base64 of such digits.")}
	case spelledEscaped:
		return []Finding{explainFinding(causeMACURLEncoded, "The mac was URL-encoded or URL-decoded on its way into the header.")}
	}
	return nil
}

// explainTry is a way to make a MAC with one mistake more.
type explainTry struct {
	cause   Cause
	did     string
	signing explainSigning
}

// explainTries collects the ways to make mistakes of one kind.
type explainTries struct {
	right explainSigning
	list  []explainTry
}

// set tries value at one element, unless it stands there already.
func (t *explainTries) set(cause Cause, at func(*explainSigning) *string, value, did string) {
	s := t.right
	if element := at(&s); *element != value {
		*element = value
		t.list = append(t.list, explainTry{cause, did, s})
	}
}

// change tries anything else.
func (t *explainTries) change(cause Cause, did string, change func(*explainSigning)) {
	s := t.right
	change(&s)
	t.list = append(t.list, explainTry{cause, did, s})
}

// leaveOut tries the text without the line of one element.
func (t *explainTries) leaveOut(cause Cause, element int, did string) {
	order := slices.DeleteFunc(slices.Clone(t.right.places()), func(i int) bool { return i == element })
	if len(order) < len(t.right.places()) {
		t.change(cause, did, func(s *explainSigning) { s.order = order })
	}
}

func explainTS(s *explainSigning) *string     { return &s.TS }
func explainNonce(s *explainSigning) *string  { return &s.Nonce }
func explainMethod(s *explainSigning) *string { return &s.Method }
func explainTarget(s *explainSigning) *string { return &s.Target }
func explainHost(s *explainSigning) *string   { return &s.Host }
func explainPort(s *explainSigning) *string   { return &s.Port }
func explainExt(s *explainSigning) *string    { return &s.Ext }
func explainKey(s *explainSigning) *string    { return &s.key }

// explainKinds are the kinds of mistakes that also happen two at once, the usual ones first.
func explainKinds() []func(explainSigning) []explainTry {
	return []func(explainSigning) []explainTry{
		explainLayoutMistakes, explainLineMistakes, explainExtMistakes, explainTargetMistakes, explainHostMistakes,
		explainPortMistakes, explainMethodMistakes, explainTimeMistakes, explainNonceMistakes,
		explainKeyMistakes, explainSumMistakes,
	}
}

// explainMAC looks for what the client did to make its MAC. It answers what there is to say,
// and whether the MAC is right.
func (in Evidence) explainMAC(places []explainPlace) ([]Finding, bool) {
	readings := explainReadings(in.Request.Authorization.MAC)
	read := func(s explainSigning) (explainReading, bool) {
		sum := s.mac()
		i := slices.IndexFunc(readings, func(r explainReading) bool { return hmac.Equal(r.sum, sum) })
		if i < 0 {
			return explainReading{}, false
		}
		return readings[i], true
	}
	for _, place := range places {
		if reading, ok := read(place.signing); ok {
			return append(slices.Clone(place.notes), explainSpelledMAC(reading.spelled)...), reading.spelled == spelledRight
		}
	}
	// Two mistakes at once, for a client that also signs an address that is only tolerated,
	// would be three, and cost as much again.
	exact := slices.DeleteFunc(slices.Clone(places), func(p explainPlace) bool { return p.notes != nil })
	for _, search := range []struct {
		places  []explainPlace
		longest int
		made    func(explainSigning, func(...explainTry) bool)
	}{
		{places, explainLongestText, explainSingles},
		{places, explainLongestText, explainRarities},
		{exact, explainLongestPair, explainPairs},
	} {
		for _, place := range search.places {
			if len(place.signing.text()) > search.longest {
				continue
			}
			var found []Finding
			search.made(place.signing, func(made ...explainTry) bool {
				reading, ok := read(made[len(made)-1].signing)
				if !ok {
					return false
				}
				for _, try := range made {
					found = append(found, explainFinding(try.cause, try.did))
				}
				found = append(found, explainSpelledMAC(reading.spelled)...)
				return true
			})
			if found != nil {
				return append(found, place.notes...), false
			}
		}
	}
	return nil, false
}

// explainSingles makes every usual mistake once, until fits says that it was the one.
func explainSingles(right explainSigning, fits func(...explainTry) bool) {
	for _, kind := range explainKinds() {
		for _, try := range kind(right) {
			if fits(try) {
				return
			}
		}
	}
}

// explainPairs makes two usual mistakes at once. They are combined in one order only: two
// mistakes in different places do not disturb each other.
func explainPairs(right explainSigning, fits func(...explainTry) bool) {
	kinds := explainKinds()
	for i, kind := range kinds {
		for _, first := range kind(right) {
			for _, other := range kinds[i:] {
				for _, second := range other(first.signing) {
					if second.cause != first.cause && fits(first, second) {
						return
					}
				}
			}
		}
	}
}

// explainLayoutMistakes put the right elements together wrongly.
func explainLayoutMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	join := func(cause Cause, separator, end, did string) {
		t.change(cause, did, func(s *explainSigning) {
			s.join = func(lines []string) string { return strings.Join(lines, separator) + end }
		})
	}
	if right.Ext == "" {
		join(causeNoLastNewline, "\n", "", "The signed text ends after the port and its line feed: "+
			"the line feed of the empty ext is missing.")
	} else {
		join(causeNoLastNewline, "\n", "", "The signed text ends with ext, without a line feed after it.")
	}
	join(causeNoNewlines, "", "", "The elements were signed one right after the other, without line feeds.")
	for _, end := range []string{"", " ", "\n"} {
		join(causeSpaces, " ", end, "The elements were signed with blanks between them.")
	}
	for _, end := range []string{`\n`, "", "\n"} {
		join(causeEscapedNewlines, `\n`, end, `A backslash and the letter n were signed where a line feed belongs.`)
	}
	join(causeCRLF, "\r\n", "\r\n", "The lines were signed with carriage return and line feed.")
	join(causeCRLF, "\r\n", "", "The lines were signed with carriage return and line feed, the last one with neither.")
	for _, separator := range []string{",", "|", "&", ":", ";", "\t", "\r", "."} {
		for _, end := range []string{"", separator, "\n"} {
			join(causeOtherSeparator, separator, end, "The elements were signed with "+strconv.Quote(separator)+" between them.")
		}
	}
	join(causeExtraNewline, "\n", "\n\n", "The signed text ends with one line feed too many.")
	join(causeExtraNewline, "\n", "\n ", "The signed text goes on after the last line feed.")
	t.change(causeExtraNewline, "The signed text begins with an empty line.", func(s *explainSigning) {
		s.before = []string{""}
	})
	return t.list
}

// explainLineMistakes sign the wrong lines, or the right ones in another order.
func explainLineMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	for i, name := range explainNames {
		switch {
		case i == explainPortAt:
			t.leaveOut(causePortLeftOut, i, "The signed text has no line for the port.")
		case i == explainExtAt && right.Ext == "":
			t.change(causeExtLineLeftOut, "The signed text ends with the port: the line of ext is missing, and the line feed of the port too.",
				func(s *explainSigning) {
					s.order = slices.DeleteFunc(slices.Clone(right.places()), func(i int) bool { return i == explainExtAt })
					s.join = func(lines []string) string { return strings.Join(lines, "\n") }
				})
		case i != explainExtAt:
			t.leaveOut(causeElementLeftOut, i, "The signed text has no line for "+name+".")
		}
	}
	if at := slices.Index(right.places(), 0); at >= 0 && at+1 < len(right.places()) && right.places()[at+1] == 1 {
		t.change(causeTSNonceSwapped, "The nonce and the ts have changed places.", func(s *explainSigning) {
			s.order = slices.Clone(right.places())
			s.order[at], s.order[at+1] = 1, 0
		})
	}
	add := func(did string, before, after []string) {
		t.change(causeElementAdded, did, func(s *explainSigning) {
			s.before, s.after = slices.Concat(before, right.before), slices.Concat(right.after, after)
		})
	}
	id := right.about.Request.Authorization.ID
	add("The signed text begins with a line for the id.", []string{id}, nil)
	add("The signed text ends with a line for the id.", nil, []string{id})
	add("The signed text begins with a line for the scheme.", []string{"MAC"}, nil)
	add("The signed text begins with a line for the algorithm.", []string{walletapi.Algorithm}, nil)
	if right.about.body != "" {
		add("The signed text ends with a line that holds the body.", nil, []string{right.about.body})
	}
	add("The signed text ends with a line that holds the hash of the body.", nil, []string{right.about.bodyHash})
	return t.list
}

// explainHostMistakes sign another spelling of the host, or another host.
func explainHostMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	host, port := right.Host, right.Port
	try := func(cause Cause, value, did string) {
		t.set(cause, explainHost, value, `The host was signed as "`+value+`"`+did)
	}
	_, sentPort := splitHost(right.about.Request.Host)
	try(causeHostCase, strings.ToUpper(host), ", in capitals.")
	if host != "" {
		try(causeHostCase, strings.ToUpper(host[:1])+host[1:], ", with a capital.")
	}
	ports := []string{port}
	if sentPort != "" && sentPort != port {
		ports = append(ports, sentPort)
	}
	for _, port := range ports {
		try(causeHostWithPort, host+":"+port, ", with its port.")
		for _, scheme := range []string{"https://", "http://"} {
			try(causeHostWithScheme, scheme+host+":"+port, ", with its scheme and port.")
		}
	}
	for _, scheme := range []string{"https://", "http://"} {
		try(causeHostWithScheme, scheme+host, ", with its scheme.")
		try(causeHostWithScheme, scheme+host+"/", ", with its scheme.")
	}
	if bare, ok := strings.CutPrefix(host, "["); ok {
		try(causeHostBrackets, strings.TrimSuffix(bare, "]"), ", without the brackets of an IPv6 address.")
	}
	// The first one stands in every sample of the public documentation, and scripts keep it.
	others := []string{"wallet.paysera.com", "localhost", "127.0.0.1", "0.0.0.0", "[::1]", "www." + host, strings.TrimPrefix(host, "www.")}
	if _, parent, ok := strings.Cut(host, "."); ok {
		others = append(others, parent)
	}
	for _, other := range others {
		try(causeHostOther, other, `, and the request went to "`+host+`".`)
	}
	try(causeHostOther, host+".", ", with a dot at its end.")
	try(causeHostOther, strings.TrimSuffix(host, "."), ", without the dot at its end.")
	t.set(causeHostOther, explainHost, "", "The line of the host was signed empty.")
	return t.list
}

// explainPortMistakes sign another port, or no number at all.
func explainPortMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	ports := []string{"80", "443", "8080", "8443", "8000", "8008", "8888", "3000", "5000", "9000"}
	for _, port := range right.about.ports {
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	for _, port := range ports {
		t.set(causePortWrong, explainPort, port, "The port was signed as "+port+", and the request went to port "+right.Port+".")
	}
	t.set(causePortEmpty, explainPort, "", "The line of the port was signed empty.")
	for _, word := range []string{"-1", "0", "null", "None", "nil", "undefined", "NaN"} {
		t.set(causePortUnset, explainPort, word, "The port was signed as "+word+", which is how the language says that the URL has none.")
	}
	t.set(causePortUnset, explainPort, ":"+right.Port, "The port was signed with a colon before it.")
	return t.list
}

// explainMethodMistakes sign another spelling of the method, or another method.
func explainMethodMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	method := right.Method
	if method == "" {
		return nil
	}
	for _, spelling := range []string{strings.ToLower(method), strings.ToUpper(method), method[:1] + strings.ToLower(method[1:])} {
		t.set(causeMethodCase, explainMethod, spelling, `The method was signed as "`+spelling+`".`)
	}
	for _, other := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", ""} {
		t.set(causeMethodOther, explainMethod, other, `The method was signed as "`+other+`", and the request was a `+method+`.`)
	}
	return t.list
}

// explainTargetMistakes sign the path or the query otherwise than the request line has them.
func explainTargetMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	target := right.Target
	path, query, hasQuery := strings.Cut(target, "?")
	tail := target[len(path):]
	try := func(cause Cause, value, did string) { t.set(cause, explainTarget, value, did) }

	for _, host := range []string{right.Host, right.Host + ":" + right.Port, right.about.Request.Host} {
		for _, scheme := range []string{"https://", "http://", "//", ""} {
			try(causeFullURL, scheme+host+target, `The whole URL was signed, beginning with "`+scheme+host+`".`)
		}
	}
	if hasQuery {
		try(causeQueryLeftOut, path, "The path was signed without its query.")
		if path != "" {
			try(causeQueryLeftOut, path+query, "The question mark between path and query was not signed.")
		}
		try(causePathLeftOut, query, "The query was signed without its path.")
		try(causePathLeftOut, "?"+query, "The query was signed without its path.")
	} else {
		try(causeQueryReencoded, path+"?", "A question mark without a query was signed, and not sent.")
	}
	for _, spelling := range explainRespellings(query) {
		try(causeQueryReencoded, path+"?"+spelling.text, "The query was signed "+spelling.how+".")
	}
	sorted := strings.Split(query, "&")
	slices.Sort(sorted)
	try(causeQuerySorted, path+"?"+strings.Join(sorted, "&"), "The parameters of the query were signed in alphabetical order.")
	if values, err := url.ParseQuery(query); err == nil && len(values) > 1 {
		try(causeQuerySorted, path+"?"+values.Encode(), "The parameters of the query were signed in alphabetical order, each URL-encoded again.")
	}
	slices.Reverse(sorted)
	try(causeQuerySorted, path+"?"+strings.Join(sorted, "&"), "The parameters of the query were signed in reverse alphabetical order.")
	try(causeQuerySorted, path+"?"+explainReversed(query), "The parameters of the query were signed in reverse order.")
	for _, spelling := range explainRespellings(path) {
		if spelling.path {
			try(causePathReencoded, spelling.text+tail, "The path was signed "+spelling.how+".")
		}
	}
	try(causePathReencoded, strings.ToLower(path)+tail, "The path was signed in lower case.")
	try(causeSlashAdded, path+"/"+tail, "A slash was signed at the end of the path, and not sent.")
	try(causeSlashLeftOut, strings.TrimSuffix(path, "/")+tail, "The slash at the end of the path was not signed.")
	try(causeFirstSlashLeftOut, strings.TrimPrefix(target, "/"), "The path was signed without its first slash.")
	return append(t.list, explainPrefixMistakes(right, path, tail)...)
}

// explainPrefixMistakes sign the path relative to a base URL, or with a prefix that a proxy
// takes away.
func explainPrefixMistakes(right explainSigning, path, tail string) []explainTry {
	t := explainTries{right: right}
	try := func(cause Cause, value, did string) { t.set(cause, explainTarget, value+tail, did) }
	rest := path
	for range 4 {
		segment, after, ok := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		if !ok || segment == "" {
			break
		}
		rest = "/" + after
		did := `The path was signed without "` + strings.TrimSuffix(path, rest) + `" at its beginning.`
		try(causePrefixLeftOut, rest, did)
		try(causePrefixLeftOut, after, did)
	}
	for _, prefix := range []string{"/wallet", "/rest/v1", "/wallet/rest/v1", "/rest", "/v1", "/api", "/api/v1", "/"} {
		try(causePrefixAdded, prefix+path, `The path was signed with "`+prefix+`" before it.`)
	}
	return t.list
}

// explainReversed is a query with its pairs in the opposite order.
func explainReversed(query string) string {
	pairs := strings.Split(query, "&")
	slices.Reverse(pairs)
	return strings.Join(pairs, "&")
}

// explainRespelling is another percent-encoding of a text.
type explainRespelling struct {
	text, how string
	// decoded says that the text is URL-decoded as a whole; path, that the spelling makes
	// sense for a path too.
	decoded, path bool
}

// explainRespellings are the encodings that URL builders, query parsers and proxies make out
// of a query, its parameters in their order. Some may equal the text itself.
func explainRespellings(query string) []explainRespelling {
	if query == "" {
		return nil
	}
	var list []explainRespelling
	if text, err := url.QueryUnescape(query); err == nil {
		list = append(list, explainRespelling{text: text, how: "URL-decoded", decoded: true})
	}
	if text, err := url.PathUnescape(query); err == nil {
		list = append(list, explainRespelling{text: text, how: "URL-decoded, with + left as it is", decoded: true, path: true})
	}
	if form, ok := explainEncodedAgain(query); ok {
		blanks := strings.ReplaceAll(form, "+", "%20")
		script := strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(blanks)
		list = append(list,
			explainRespelling{text: form, how: "with every parameter URL-encoded again"},
			explainRespelling{text: blanks, how: "with every parameter URL-encoded again and blanks as %20"},
			explainRespelling{text: script, how: "with every parameter encoded again as JavaScript does"})
	}
	list = append(list,
		explainRespelling{text: strings.ReplaceAll(query, "+", "%20"), how: "with %20 where the request has +"},
		explainRespelling{text: strings.ReplaceAll(query, "%20", "+"), how: "with + where the request has %20"},
		explainRespelling{text: explainEscapesIn(query, strings.ToLower), how: "with its escapes in lower case", path: true},
		explainRespelling{text: explainEscapesIn(query, strings.ToUpper), how: "with its escapes in upper case", path: true},
		explainRespelling{text: strings.ReplaceAll(query, "%", "%25"), how: "with its escapes escaped again", path: true},
		explainRespelling{text: url.QueryEscape(query), how: "URL-encoded as a whole"},
		explainRespelling{text: strings.NewReplacer("[", "%5B", "]", "%5D").Replace(query), how: "with %5B and %5D where the request has [ and ]"},
		explainRespelling{text: explainDecodeOnly(query, "[]"), how: "with [ and ] where the request has %5B and %5D"},
		explainRespelling{text: strings.TrimPrefix(query, "&"), how: "without its first ampersand"},
		explainRespelling{text: "&" + query, how: "with an ampersand before it"},
	)
	for _, c := range ",/:@!*'()~=+;$| " {
		escape := fmt.Sprintf("%%%02X", c)
		list = append(list, explainRespelling{
			text: explainDecodeOnly(query, string(c)), how: "with " + string(c) + " where the request has " + escape, path: true,
		})
		if c != '=' {
			list = append(list, explainRespelling{
				text: strings.ReplaceAll(query, string(c), escape), how: "with " + escape + " where the request has " + string(c), path: c != '/',
			})
		}
	}
	return list
}

// explainEncodedAgain decodes and encodes every key and value, as a library does that takes
// the parameters as a map or a list.
func explainEncodedAgain(query string) (string, bool) {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		rawKey, rawValue, hasValue := strings.Cut(pair, "=")
		key, keyErr := url.QueryUnescape(rawKey)
		value, valueErr := url.QueryUnescape(rawValue)
		if keyErr != nil || valueErr != nil {
			return "", false
		}
		// A body_hash that was not encoded has its plus signs, not blanks.
		if key == "body_hash" {
			value = strings.ReplaceAll(value, " ", "+")
		}
		pairs[i] = url.QueryEscape(key)
		if hasValue {
			pairs[i] += "=" + url.QueryEscape(value)
		}
	}
	return strings.Join(pairs, "&"), true
}

// explainDecodeOnly decodes the escapes of the given characters and leaves all others.
func explainDecodeOnly(text, characters string) string {
	for _, c := range []byte(characters) {
		text = strings.ReplaceAll(text, fmt.Sprintf("%%%02X", c), string(rune(c)))
		text = strings.ReplaceAll(text, fmt.Sprintf("%%%02x", c), string(rune(c)))
	}
	return text
}

// explainEscapesIn changes the two digits of every percent escape.
func explainEscapesIn(text string, change func(string) string) string {
	parts := strings.Split(text, "%")
	for i, part := range parts[1:] {
		if len(part) >= 2 {
			parts[i+1] = change(part[:2]) + part[2:]
		}
	}
	return strings.Join(parts, "%")
}

// explainExtMistakes sign another ext than the header carries.
func explainExtMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	ext := right.Ext
	try := func(cause Cause, value, did string) { t.set(cause, explainExt, value, did) }
	if ext != "" {
		try(causeExtNotSigned, "", "The header carries ext, and its line in the signed text is empty.")
		t.leaveOut(causeExtNotSigned, explainExtAt, "The header carries ext, and the signed text ends with the port.")
		if !slices.Contains(right.places(), explainExtAt) {
			return nil
		}
		t.change(causeExtNotSigned, "The header carries ext, and the signed text ends with the port and no line feed.", func(s *explainSigning) {
			s.order = slices.DeleteFunc(slices.Clone(right.places()), func(i int) bool { return i == explainExtAt })
			s.join = func(lines []string) string { return strings.Join(lines, "\n") }
		})
	}
	for _, spelling := range explainRespellings(ext) {
		cause := causeExtReencoded
		if spelling.decoded {
			cause = causeExtDecoded
		}
		try(cause, spelling.text, "The header carries ext one way, and it was signed "+spelling.how+".")
	}
	for _, part := range explainParts(ext) {
		try(causeExtPartlySigned, part, "Only a part of ext was signed.")
	}
	for _, order := range explainArrangements(ext) {
		try(causeExtReordered, order, "The parameters of ext were signed in another order than the header has them.")
	}
	for _, text := range []string{`"` + ext + `"`, `ext="` + ext + `"`, "ext=" + ext, "?" + ext} {
		try(causeExtOtherText, text, "The line of ext was signed with more than the text between its quotes.")
	}
	if ext == "" {
		for _, word := range []string{"null", "None", "nil", "undefined", "false", "[]", "{}"} {
			try(causeExtOtherText, word, "The line of the empty ext was signed as "+word+".")
		}
	}
	return append(t.list, explainUnsentMistakes(right)...)
}

// explainUnsentMistakes sign a body_hash that the header does not carry as such.
func explainUnsentMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	about := right.about
	try := func(cause Cause, value, did string) { t.set(cause, explainExt, value, did) }
	try(causeExtOtherText, about.bodyHash, "The line of ext was signed as the bare hash of the body.")
	try(causeExtOtherText, url.QueryEscape(about.bodyHash), "The line of ext was signed as the bare hash of the body, URL-encoded.")
	if about.body != "" {
		try(causeExtOtherText, about.body, "The line of ext was signed as the body itself.")
	}
	if strings.Contains(right.Ext, "body_hash") {
		return t.list
	}
	hashes := []string{about.bodyHash}
	if len(about.Request.Body) == 0 {
		for _, body := range []string{"{}", "[]", "null"} {
			hashes = append(hashes, walletapi.BodyHash([]byte(body)))
		}
	}
	for _, hash := range hashes {
		for _, spelling := range []string{url.QueryEscape(hash), hash, strings.ReplaceAll(url.QueryEscape(hash), "%2F", "/")} {
			pair := "body_hash=" + spelling
			if right.Ext == "" {
				try(causeExtNotSent, pair, "A body_hash was signed as ext, and the header carries no ext.")
				continue
			}
			try(causeExtNotSent, pair+"&"+strings.TrimPrefix(right.Ext, "&"), "A body_hash was signed as a part of ext, and the header does not carry it.")
			try(causeExtNotSent, right.Ext+"&"+pair, "A body_hash was signed as a part of ext, and the header does not carry it.")
		}
	}
	return t.list
}

// explainParts are an ext with one pair alone, and with one pair missing.
func explainParts(ext string) []string {
	pairs := strings.Split(ext, "&")
	if len(pairs) < 2 {
		return nil
	}
	var parts []string
	for i, pair := range pairs {
		if pair != "" {
			parts = append(parts, pair, strings.Join(slices.Concat(pairs[:i], pairs[i+1:]), "&"))
		}
	}
	return parts
}

// explainArrangements are the orders of up to four pairs; of more, the alphabetical one and
// its reverse.
func explainArrangements(ext string) []string {
	pairs := strings.Split(ext, "&")
	if len(pairs) < 2 {
		return nil
	}
	if len(pairs) > 4 {
		slices.Sort(pairs)
		sorted := strings.Join(pairs, "&")
		return []string{sorted, explainReversed(sorted), explainReversed(ext)}
	}
	var orders []string
	explainPermute(len(pairs), func(order []int) bool {
		arranged := make([]string, len(pairs))
		for to, from := range order {
			arranged[to] = pairs[from]
		}
		orders = append(orders, strings.Join(arranged, "&"))
		return false
	})
	return orders
}

// explainPermute shows every order of n things to visit, the given one first, until it says
// true. The slice is its own again after each visit.
func explainPermute(n int, visit func([]int) bool) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var from func(at int) bool
	from = func(at int) bool {
		if at == n {
			return visit(order)
		}
		for i := at; i < n; i++ {
			order[at], order[i] = order[i], order[at]
			if from(at + 1) {
				return true
			}
			order[at], order[i] = order[i], order[at]
		}
		return false
	}
	from(0)
}

// explainTimeMistakes sign another spelling of ts than the header carries.
func explainTimeMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	seconds, fraction, fractional := strings.Cut(right.TS, ".")
	if fractional {
		t.set(causeTSRounded, explainTS, seconds, "The header carries ts with a fraction of a second, and it was signed without.")
		if n, err := strconv.ParseInt(seconds, 10, 64); err == nil && fraction != "" {
			t.set(causeTSRounded, explainTS, strconv.FormatInt(n+1, 10), "The header carries ts with a fraction of a second, and it was signed rounded up.")
		}
	} else {
		t.set(causeTSRounded, explainTS, right.TS+".0", "The header carries ts without a fraction, and it was signed as a number with one.")
	}
	if len(right.TS) == 13 {
		t.set(causeTSMilliseconds, explainTS, right.TS[:10], "The header carries ts in milliseconds, and it was signed in seconds.")
	}
	t.set(causeTSMillisecondsSigned, explainTS, right.TS+"000", "The header carries ts in seconds, and it was signed in milliseconds.")
	return t.list
}

// explainNonceMistakes sign another spelling of the nonce than the header carries.
func explainNonceMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	nonce := right.Nonce
	for _, trimmed := range []string{strings.TrimSpace(nonce), strings.TrimLeft(nonce, " "), strings.TrimRight(nonce, " ")} {
		t.set(causeNonceTrimmed, explainNonce, trimmed, "The header carries a nonce with blanks at its ends, and it was signed without them.")
	}
	try := func(value, how string) {
		t.set(causeNonceChanged, explainNonce, value, "The nonce was signed "+how+".")
	}
	try(url.QueryEscape(nonce), "URL-encoded")
	try(url.PathEscape(nonce), "URL-encoded")
	if decoded, err := url.QueryUnescape(nonce); err == nil {
		try(decoded, "URL-decoded")
	}
	try(strings.ToLower(nonce), "in lower case")
	try(strings.ToUpper(nonce), "in upper case")
	try(`"`+nonce+`"`, "with its quotes")
	try("", "as an empty line")
	try(base64.StdEncoding.EncodeToString([]byte(nonce)), "in base64")
	if decoded, err := base64.StdEncoding.DecodeString(nonce); err == nil {
		try(string(decoded), "as the bytes that it is the base64 of")
	}
	if decoded, err := hex.DecodeString(nonce); err == nil {
		try(string(decoded), "as the bytes that it is the hexadecimal text of")
	}
	return t.list
}

// explainKeyMistakes use another key than the bytes that the mac_key is written with.
func explainKeyMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	key := right.key
	try := func(cause Cause, value, did string) { t.set(cause, explainKey, value, did) }
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if decoded, err := encoding.DecodeString(key); err == nil {
			try(causeKeyBase64, string(decoded), "The mac_key was read as base64 and decoded.")
		}
	}
	if decoded, err := hex.DecodeString(key); err == nil {
		try(causeKeyHex, string(decoded), "The mac_key was read as hexadecimal and decoded.")
	}
	try(causeKeyWhitespace, strings.TrimSpace(key), "The mac_key at hand has blanks or a line feed around it, and it was used without them.")
	for _, around := range [][2]string{{"", "\n"}, {"", "\r\n"}, {"", "\r"}, {"", " "}, {" ", ""}, {"\t", ""}, {"", "\t"}, {"\n", ""}, {" ", " "}} {
		try(causeKeyWhitespace, around[0]+key+around[1], "The mac_key was used with "+strconv.Quote(around[0]+around[1])+" around it.")
	}
	try(causeKeyEmpty, "", "The MAC was made with an empty key.")
	try(causeKeyRespelled, "\ufeff"+key, "The mac_key was used with a byte order mark before it.")
	try(causeKeyRespelled, `"`+key+`"`, "The mac_key was used with quotes around it.")
	try(causeKeyRespelled, "'"+key+"'", "The mac_key was used with quotes around it.")
	try(causeKeyRespelled, url.QueryEscape(key), "The mac_key was URL-encoded before use.")
	if decoded, err := url.QueryUnescape(key); err == nil {
		try(causeKeyRespelled, decoded, "The mac_key was URL-decoded before use.")
	}
	try(causeKeyRespelled, base64.StdEncoding.EncodeToString([]byte(key)), "The mac_key was encoded in base64 before use.")
	try(causeKeyRespelled, hex.EncodeToString([]byte(key)), "The mac_key was encoded in hexadecimal before use.")
	try(causeKeyRespelled, strings.ToLower(key), "The mac_key was used in lower case.")
	try(causeKeyRespelled, strings.ToUpper(key), "The mac_key was used in upper case.")
	try(causeIDAsKey, right.about.Request.Authorization.ID, "The MAC was made with the id as its key.")
	for _, name := range slices.Sorted(maps.Keys(right.about.OtherKeys)) {
		try(causeKeyOther, right.about.OtherKeys[name], `The MAC was made with the key called "`+name+`".`)
	}
	return t.list
}

// explainSumMistakes make something else than an HMAC-SHA-256 of the text under the key.
func explainSumMistakes(right explainSigning) []explainTry {
	t := explainTries{right: right}
	try := func(cause Cause, did string, sum func(key, text string) []byte) {
		t.change(cause, did, func(s *explainSigning) { s.sum = sum })
	}
	for _, other := range []struct {
		name      string
		algorithm func() hash.Hash
	}{{"SHA-1", sha1.New}, {"MD5", md5.New}, {"SHA-512", sha512.New}, {"SHA-384", sha512.New384}, {"SHA-224", sha256.New224}} {
		try(causeHMACOther, "The MAC is an HMAC with "+other.name+".", func(key, text string) []byte {
			return explainHMAC(other.algorithm, key, text)
		})
	}
	plain := func(text string) []byte {
		sum := sha256.Sum256([]byte(text))
		return sum[:]
	}
	try(causePlainHash, "The MAC is the plain SHA-256 of the key and the text.", func(key, text string) []byte { return plain(key + text) })
	try(causePlainHash, "The MAC is the plain SHA-256 of the text and the key.", func(key, text string) []byte { return plain(text + key) })
	try(causePlainHash, "The MAC is the plain SHA-256 of the text, without any key.", func(_, text string) []byte { return plain(text) })
	try(causeKeyTextSwapped, "The HMAC took the text for its key and the key for its text.", func(key, text string) []byte {
		return explainHMAC(sha256.New, text, key)
	})
	try(causeUTF16, "The text was signed in UTF-16.", func(key, text string) []byte {
		return explainHMAC(sha256.New, key, explainUTF16(text))
	})
	try(causeUTF16, "The text was signed in UTF-16, and the key used in UTF-16.", func(key, text string) []byte {
		return explainHMAC(sha256.New, explainUTF16(key), explainUTF16(text))
	})
	try(causeUTF16, "The key was used in UTF-16.", func(key, text string) []byte {
		return explainHMAC(sha256.New, explainUTF16(key), text)
	})
	return t.list
}

// explainUTF16 is a text in UTF-16 with the low byte first, as .NET calls Unicode.
func explainUTF16(text string) string {
	var wide []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	return string(wide)
}

// explainRarities are mistakes with thousands of variants, which are made alone only.
func explainRarities(right explainSigning, fits func(...explainTry) bool) {
	made := false
	try := func(cause Cause, did string, s explainSigning) bool {
		made = made || fits(explainTry{cause, did, s})
		return made
	}
	if ts, ok := explainSeconds(right.TS); ok && !strings.Contains(right.TS, ".") {
		s := right
		for ms := range int64(1000) {
			s.TS = strconv.FormatInt(ts*1000+ms, 10)
			if try(causeTSMillisecondsSigned, "The header carries ts in seconds, and it was signed in milliseconds.", s) {
				return
			}
		}
		for apart := int64(1); apart <= 600; apart++ {
			for _, other := range []int64{ts - apart, ts + apart} {
				s.TS = strconv.FormatInt(other, 10)
				did := "The header carries one ts, and the text was signed with another, " + strconv.FormatInt(apart, 10) + " s apart."
				if try(causeTSTwice, did, s) {
					return
				}
			}
		}
	}
	if explainOtherProject(right, try) {
		return
	}
	for n := 1; n < min(len(right.key), 256); n++ {
		s := right
		for _, s.key = range []string{right.key[:n], right.key[n:]} {
			if try(causeKeyCut, "The MAC was made with a part of the mac_key.", s) {
				return
			}
		}
	}
	explainPermute(len(explainNames), func(order []int) bool {
		s := right
		s.order = order
		names := make([]string, len(order))
		for to, from := range order {
			names[to] = explainNames[from]
		}
		return try(causeOrderWrong, "The elements were signed in the order "+strings.Join(names, ", ")+".", s)
	})
}

// explainOtherProject tries the small numbers of other projects and places, as in a worked
// example of the public documentation, which prints one project and signs another
// (spec/wallet-api.md §2.8).
func explainOtherProject(right explainSigning, try func(Cause, string, explainSigning) bool) bool {
	pairs := strings.Split(right.Ext, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if name != "project_id" && name != "location_id" {
			continue
		}
		for id := range 2000 {
			pairs[i] = name + "=" + strconv.Itoa(id)
			s := right
			s.Ext = strings.Join(pairs, "&")
			if try(causeExtOtherProject, "The header carries "+pair+", and "+pairs[i]+" was signed.", s) {
				return true
			}
		}
		pairs[i] = pair
	}
	return false
}

// explainSeconds is the whole seconds of a ts; not ok for what is not a decimal number.
func explainSeconds(ts string) (seconds int64, ok bool) {
	whole, fraction, fractional := strings.Cut(ts, ".")
	if whole == "" || !digits(whole) || fractional && fraction == "" || !digits(fraction) {
		return 0, false
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	return seconds, err == nil
}

// explainClock adds what is wrong with ts, unless the MAC has told it already.
func (in Evidence) explainClock(found []Finding) []Finding {
	told := func(cause Cause) bool {
		return slices.ContainsFunc(found, func(f Finding) bool { return f.Cause == cause })
	}
	if told(causeTSMilliseconds) {
		return found
	}
	seconds, numeric := explainSeconds(in.Request.Authorization.TS)
	if !numeric {
		if told(causeTSNonceSwapped) {
			return found
		}
		if nonce, numeric := explainSeconds(in.Request.Authorization.Nonce); numeric && in.explainNear(nonce) {
			return append(found, explainFinding(causeTSNonceSwapped, "The header carries the time as its nonce, and something else as its ts."))
		}
		return append(found, explainFinding(causeTSNotANumber, "The ts of the header is not a decimal number."))
	}
	us, readable := parseTS(in.Request.Authorization.TS)
	window := cmp.Or(in.Window, DefaultWindow).Microseconds()
	off := in.Now.UnixMicro() - us
	if readable && -window <= off && off <= window {
		return found
	}
	for _, unit := range []struct {
		size int64
		name string
	}{{1e3, "milliseconds"}, {1e6, "microseconds"}, {1e9, "nanoseconds"}} {
		if in.explainNear(seconds / unit.size) {
			return append(found, explainFinding(causeTSMilliseconds, "The ts of the header counts "+unit.name+"."))
		}
	}
	switch {
	case !readable:
		return append(found, explainFinding(causeTSNotANumber, "The ts of the header is no time that can be."))
	case off > 0:
		return append(found, explainFinding(causeClockBehind, explainSkew(off/1e6, "behind", in.Now)))
	}
	return append(found, explainFinding(causeClockAhead, explainSkew(-off/1e6, "ahead of", in.Now)))
}

// explainNear says that seconds is a time within ten years of the server's.
func (in Evidence) explainNear(seconds int64) bool {
	const tenYears = 10 * 365 * 24 * 3600
	off := in.Now.Unix() - seconds
	return -tenYears < off && off < tenYears
}

// explainSkew says how far a clock is off, and whether that looks like a time zone.
func explainSkew(off int64, direction string, now time.Time) string {
	did := fmt.Sprintf("The ts is %d seconds %s the server's clock, which read %d.", off, direction, now.Unix())
	const quarter = 15 * 60
	if near := (off + quarter/2) / quarter * quarter; near >= 3600 && near <= 14*3600 && max(off-near, near-off) <= 60 {
		did += fmt.Sprintf(" That is a time zone's distance (%d h %02d min): local time may have been taken for UTC.", near/3600, near%3600/60)
	}
	return did
}

// explainLongestJSON bounds the bodies that are written again in other styles, in bytes:
// each of some hundred styles costs a hash of the whole.
const explainLongestJSON = 64 << 10

// explainBody adds what is wrong with body_hash. That is apart from the MAC, which covers
// ext whatever it says.
func (in Evidence) explainBody(found []Finding) []Finding {
	body := in.Request.Body
	raw := in.Request.Authorization.Ext
	ext, err := walletapi.ParseExt(raw)
	add := func(cause Cause, did string) []Finding { return append(found, explainFinding(cause, did)) }
	switch {
	case errors.Is(err, walletapi.ErrExtTwice):
		return add(causeExtUnreadable, "One of body_hash, project_id and location_id stands twice in ext.")
	case err != nil:
		return add(causeExtUnreadable, "The ext holds a % that does not begin an escape.")
	case !ext.HasBodyHash && len(body) == 0:
		return found
	case !ext.HasBodyHash:
		if slices.ContainsFunc(found, func(f Finding) bool { return f.Cause == causeExtNotSent }) {
			return found
		}
		return add(causeBodyHashMissing, fmt.Sprintf("The body has %d bytes, and ext has no body_hash.", len(body)))
	case ext.Matches(body):
		if given, _, _ := strings.Cut(raw[strings.Index(raw, "body_hash"):], "&"); strings.Contains(given, "+") {
			f := explainFinding(causeBodyHashNotEncoded, "The body_hash holds a bare +, which a query reads as a blank.")
			f.Tolerated = true
			return append(found, f)
		}
		return found
	}
	if more := in.explainBodyHash(explainReadings(ext.BodyHash)); more != nil {
		return append(found, more...)
	}
	if len(body) == 0 {
		return add(causeBodyLost, "The body_hash is of some text, and the body came empty.")
	}
	return add(causeBodyHashWrong, fmt.Sprintf("The body_hash is of other bytes than the %d that were sent.", len(body)))
}

// explainBodyHash finds which bytes a body_hash is of, and how it is spelled; nil when that
// stays unknown.
func (in Evidence) explainBodyHash(readings []explainReading) []Finding {
	body := in.Request.Body
	var found []Finding
	for _, reading := range readings {
		is := func(text []byte) bool {
			sum := sha256.Sum256(text)
			return bytes.Equal(sum[:], reading.sum)
		}
		spelled := explainSpelledBodyHash(reading.spelled)
		if is(body) {
			return spelled
		}
		if cause, did := explainOtherBody(body, is); cause != "" {
			return append([]Finding{explainFinding(cause, did)}, spelled...)
		}
		md5Sum, sha1Sum, sha512Sum := md5.Sum(body), sha1.Sum(body), sha512.Sum512(body)
		for _, other := range []struct {
			name string
			sum  []byte
		}{{"MD5", md5Sum[:]}, {"SHA-1", sha1Sum[:]}, {"SHA-512", sha512Sum[:]}, {"HMAC-SHA-256", explainHMAC(sha256.New, in.Key, string(body))}} {
			if bytes.Equal(other.sum, reading.sum) {
				found = append(found, explainFinding(causeBodyHashAlgorithm, "The body_hash is the "+other.name+" of the body."))
				return append(found, spelled...)
			}
		}
	}
	return nil
}

// explainSpelledBodyHash is what is said about a body_hash that is not written in base64 and
// URL-encoded once. Missing padding is forgiven (spec/wallet-api.md §2.4).
func explainSpelledBodyHash(spelled explainSpelling) []Finding {
	switch spelled {
	case spelledURLSafe:
		return []Finding{explainFinding(causeBodyHashURLSafe, "The body_hash stands in the URL-safe alphabet, with - and _ for + and /.")}
	case spelledHex:
		return []Finding{explainFinding(causeBodyHashHex, "The body_hash stands in hexadecimal digits, or is the base64 of such digits.")}
	case spelledEscaped:
		return []Finding{explainFinding(causeBodyHashTwiceEncoded, "The body_hash was URL-encoded twice.")}
	}
	return nil
}

// explainOtherBody finds the text that was hashed in place of the body.
func explainOtherBody(body []byte, is func([]byte) bool) (Cause, string) {
	if len(body) > 0 && is(nil) {
		return causeBodyHashOfNothing, "The body_hash is of an empty text, and the body is not empty."
	}
	trimmed := bytes.TrimRight(body, "\r\n")
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
		{bytes.TrimPrefix(body, []byte("\ufeff")), "The body_hash is of the body without its byte order mark."},
		{slices.Concat([]byte("\ufeff"), body), "The body_hash is of the body with a byte order mark, which was not sent."},
	} {
		if len(body) > 0 && is(other.text) {
			return causeBodyHashLineEnd, other.did
		}
	}
	for _, text := range []string{"{}", "[]", "null", `""`, "Array", "[object Object]"} {
		if is([]byte(text)) {
			return causeBodyHashReserialised, "The body_hash is of " + text + ", and something else was sent."
		}
	}
	if len(body) > explainLongestJSON {
		return "", ""
	}
	if how := explainRestyled(body, is); how != "" {
		return causeBodyHashReserialised, "The body_hash is of the same JSON written again " + how + "."
	}
	for _, spelling := range explainRespellings(string(body)) {
		if is([]byte(spelling.text)) {
			return causeBodyHashReserialised, "The body_hash is of the body " + spelling.how + "."
		}
	}
	if values, err := url.ParseQuery(string(body)); err == nil && is([]byte(values.Encode())) {
		return causeBodyHashReserialised, "The body_hash is of the same form with its fields in alphabetical order."
	}
	return "", ""
}

// explainStyle is how a library writes JSON.
type explainStyle struct {
	// indent is written once a level, with line feeds, when pretty says so.
	indent string
	pretty bool
	// comma and colon are the separators of JSON on one line.
	comma, colon string
	// sorted says that keys stand in alphabetical order; slashes, that / is written \/;
	// ascii, that other letters are written \u....; html, that < > & are.
	sorted, slashes, ascii, html bool
}

// explainRestyled writes the body, if it is JSON, in the styles of the usual libraries, until
// is says that it was that one. It answers in words, empty when none was.
func explainRestyled(body []byte, is func([]byte) bool) string {
	value, ok := explainReadJSON(body)
	if !ok {
		return ""
	}
	layouts := []struct {
		style explainStyle
		how   string
	}{
		{explainStyle{comma: ",", colon: ":"}, "on one line without blanks"},
		{explainStyle{comma: ", ", colon: ": "}, "on one line with blanks after commas and colons"},
		{explainStyle{comma: ",", colon: ": ", pretty: true, indent: "    "}, "indented by four blanks"},
		{explainStyle{comma: ",", colon: ": ", pretty: true, indent: "  "}, "indented by two blanks"},
		{explainStyle{comma: ",", colon: ": ", pretty: true, indent: "\t"}, "indented by tabs"},
	}
	for _, layout := range layouts {
		for choice := range 16 {
			style, how := layout.style, layout.how
			style.slashes, style.ascii = choice&1 != 0, choice&2 != 0
			style.html, style.sorted = choice&4 != 0, choice&8 != 0
			for _, said := range []struct {
				chosen bool
				words  string
			}{
				{style.slashes, `, with / as \/`},
				{style.ascii, `, with letters beyond ASCII as \u escapes`},
				{style.html, `, with <, > and & as \u escapes`},
				{style.sorted, ", with its keys in alphabetical order"},
			} {
				if said.chosen {
					how += said.words
				}
			}
			text := value.append(nil, style, 0)
			if is(text) {
				return how
			}
			if is(append(text, '\n')) {
				return how + ", with a line feed at its end"
			}
		}
	}
	return ""
}

// explainJSON is a JSON value that remembers the order of its keys and the spelling of its
// numbers, which a map would lose.
type explainJSON struct {
	// kind is '{', '[', '"', or 0 for a number, true, false and null.
	kind byte
	// text is the string, or the spelling of the rest.
	text string
	// keys are those of an object, each for the item of the same index.
	keys  []string
	items []explainJSON
}

// explainReadJSON reads one JSON value, not nested deeper than a hundred levels.
func explainReadJSON(text []byte) (explainJSON, bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	value, err := explainReadValue(decoder, 0)
	if err != nil {
		return value, false
	}
	_, err = decoder.Token()
	return value, errors.Is(err, io.EOF)
}

func explainReadValue(decoder *json.Decoder, depth int) (explainJSON, error) {
	token, err := decoder.Token()
	if err != nil {
		return explainJSON{}, err
	}
	switch token := token.(type) {
	case json.Delim:
		return explainReadItems(decoder, token, depth+1)
	case string:
		return explainJSON{kind: '"', text: token}, nil
	case json.Number:
		return explainJSON{text: token.String()}, nil
	case bool:
		return explainJSON{text: strconv.FormatBool(token)}, nil
	}
	return explainJSON{text: "null"}, nil
}

func explainReadItems(decoder *json.Decoder, open json.Delim, depth int) (explainJSON, error) {
	value := explainJSON{kind: byte(open)}
	if depth > 100 {
		return value, errors.New("auth: the JSON is nested too deeply")
	}
	for decoder.More() {
		if open == '{' {
			key, err := decoder.Token()
			if err != nil {
				return value, err
			}
			value.keys = append(value.keys, key.(string))
		}
		item, err := explainReadValue(decoder, depth)
		if err != nil {
			return value, err
		}
		value.items = append(value.items, item)
	}
	_, err := decoder.Token()
	return value, err
}

func (v explainJSON) append(to []byte, style explainStyle, depth int) []byte {
	switch v.kind {
	case 0:
		return append(to, v.text...)
	case '"':
		return explainAppendString(to, v.text, style)
	}
	to = append(to, v.kind)
	order := make([]int, len(v.items))
	for i := range order {
		order[i] = i
	}
	if style.sorted && v.kind == '{' {
		slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(v.keys[a], v.keys[b]) })
	}
	line := func(to []byte, depth int) []byte {
		if !style.pretty || len(v.items) == 0 {
			return to
		}
		return append(append(to, '\n'), strings.Repeat(style.indent, depth)...)
	}
	for i, at := range order {
		if i > 0 {
			to = append(to, style.comma...)
		}
		to = line(to, depth+1)
		if v.kind == '{' {
			to = append(explainAppendString(to, v.keys[at], style), style.colon...)
		}
		to = v.items[at].append(to, style, depth+1)
	}
	// The closing brackets of JSON stand two characters after the opening ones in ASCII.
	return append(line(to, depth), v.kind+2)
}

func explainAppendString(to []byte, text string, style explainStyle) []byte {
	to = append(to, '"')
	for _, r := range text {
		short := strings.IndexRune("\"\\\b\f\n\r\t", r)
		switch {
		case short >= 0:
			to = append(to, '\\', `"\bfnrt`[short])
		case r == '/' && style.slashes:
			to = append(to, `\/`...)
		case r < 0x20, style.html && strings.ContainsRune("<>&\u2028\u2029", r), style.ascii && r > 0x7e:
			for _, unit := range utf16.Encode([]rune{r}) {
				to = fmt.Appendf(to, `\u%04x`, unit)
			}
		default:
			to = utf8.AppendRune(to, r)
		}
	}
	return append(to, '"')
}

// MaxRawRequest bounds the text that ParseRawRequest reads, in bytes: a body of the largest
// size that the server takes, and its headers.
const MaxRawRequest = 1<<20 + 64<<10

// RawRequest is a request as it goes over the wire, as far as a MAC is concerned.
type RawRequest struct {
	// Method is as sent.
	Method string
	// Target is the path and query of the request line, or a whole URL, never re-encoded.
	Target string
	// Host is the value of the Host header, with its port when it has one.
	Host string
	// Authorization is the parsed header.
	Authorization walletapi.Authorization
	// Body is the bytes of the body.
	Body []byte
}

// ErrRawRequest says that a text is not a request with a MAC. Its text names what is missing
// and never repeats a value.
type ErrRawRequest string

// Error is what is wrong with the text.
func (e ErrRawRequest) Error() string { return "auth: " + string(e) }

// ParseRawRequest reads a request that somebody pasted: request line, headers, an empty
// line, and the body to the last byte. In the headers it forgives line feeds without
// carriage return, folded lines (also those of an Authorization header that is folded
// without indentation, as documents print it) and a missing HTTP/1.1. Where a
// Content-Length is given, line feeds after the body are not the body's. The error is an
// ErrRawRequest, or a walletapi.ErrAuthorization for the header of that name.
func ParseRawRequest(text []byte) (RawRequest, error) {
	var r RawRequest
	if len(text) > MaxRawRequest {
		return r, ErrRawRequest(fmt.Sprintf("the request is longer than %d bytes", MaxRawRequest))
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	line, rest, _ := explainCutLine(bytes.TrimLeft(text, "\r\n"))
	if err := r.explainRequestLine(line); err != nil {
		return RawRequest{}, err
	}
	headers, body, err := explainHeaders(rest)
	if err != nil {
		return RawRequest{}, err
	}
	if r.Host = headers["host"]; r.Host == "" {
		absolute, err := ExplainURL(r.Target)
		if err != nil {
			return RawRequest{}, ErrRawRequest("the Host header is missing")
		}
		r.Host = absolute.Host
	}
	header, ok := headers["authorization"]
	if !ok {
		return RawRequest{}, ErrRawRequest("the Authorization header is missing")
	}
	if r.Authorization, err = walletapi.ParseAuthorization(header); err != nil {
		return RawRequest{}, err
	}
	r.Body, err = explainBodyOf(body, headers)
	if err != nil {
		return RawRequest{}, err
	}
	return r, nil
}

// explainRequestLine reads `METHOD target [HTTP/1.1]`.
func (r *RawRequest) explainRequestLine(line string) error {
	method, target, _ := strings.Cut(strings.TrimSpace(line), " ")
	target = strings.TrimSpace(target)
	if at := strings.LastIndex(target, " HTTP/"); at >= 0 {
		target = strings.TrimSpace(target[:at])
	}
	switch {
	case method == "":
		return ErrRawRequest("the text is empty: it must begin with a request line such as GET /rest/v1/client HTTP/1.1")
	case !explainToken(method) || strings.HasPrefix(target, "HTTP/"):
		return ErrRawRequest("the text must begin with a request line such as GET /rest/v1/client HTTP/1.1")
	case target == "":
		return ErrRawRequest("the request line has no path")
	case strings.ContainsAny(target, " \t\r"):
		return ErrRawRequest("the path of the request line holds a blank; on the wire it is %20 or +")
	case target[0] != '/' && !strings.Contains(target, "://"):
		return ErrRawRequest("the path of the request line must begin with a slash")
	}
	r.Method, r.Target = method, target
	return nil
}

// explainHeaders reads header lines up to an empty one, and answers them by their names in
// lower case, with what comes after the empty line.
func explainHeaders(text []byte) (map[string]string, []byte, error) {
	headers := make(map[string]string)
	last := ""
	for number := 2; len(text) > 0; number++ {
		line, rest, _ := explainCutLine(text)
		text = rest
		if strings.TrimSpace(line) == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		folded := line[0] == ' ' || line[0] == '\t' || last == "authorization" && !(ok && explainToken(name))
		if folded && last != "" {
			headers[last] = strings.TrimSpace(headers[last] + " " + strings.TrimSpace(line))
			continue
		}
		if !ok || !explainToken(name) {
			return nil, nil, ErrRawRequest(fmt.Sprintf("line %d of the headers is not of the form Name: value", number))
		}
		last = strings.ToLower(name)
		if _, twice := headers[last]; twice && slices.Contains([]string{"host", "authorization", "content-length"}, last) {
			return nil, nil, ErrRawRequest("the header " + last + " stands twice")
		}
		headers[last] = strings.TrimSpace(value)
	}
	return headers, text, nil
}

// explainCutLine cuts a line off, without its line end.
func explainCutLine(text []byte) (line string, rest []byte, found bool) {
	head, rest, found := bytes.Cut(text, []byte("\n"))
	return strings.TrimSuffix(string(head), "\r"), rest, found
}

// explainToken says that s may be a method or the name of a header.
func explainToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// explainBodyOf is the body as long as Content-Length says. Editors end a file with a line
// feed of their own, so one more is not the body's; any other difference is a mistake of
// copying that would lead the diagnosis astray.
func explainBodyOf(body []byte, headers map[string]string) ([]byte, error) {
	given, ok := headers["content-length"]
	if !ok {
		return body, nil
	}
	length, err := strconv.ParseUint(given, 10, 31)
	if err != nil {
		return nil, ErrRawRequest("the Content-Length header is not a number")
	}
	if n := int(length); n <= len(body) && len(bytes.Trim(body[n:], "\r\n")) == 0 {
		return body[:n], nil
	}
	return nil, ErrRawRequest(fmt.Sprintf("Content-Length says %d bytes, and %d bytes follow the headers; "+
		"paste the body as it was sent, or take the Content-Length line out", length, len(body)))
}

// ExplainURL is what a right client signs of the absolute http or https URL that it calls:
// Target, Host and Port are set, the rest is empty. Nothing is re-encoded, because the
// target has to be the one of the request line. The error is an ErrRawRequest.
func ExplainURL(raw string) (walletapi.Request, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	port := map[string]string{"https": "443", "http": "80"}[strings.ToLower(scheme)]
	if !ok || port == "" {
		return walletapi.Request{}, ErrRawRequest("the URL must begin with https:// or http://")
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, explicit := splitHost(strings.ToLower(rest[:end]))
	if _, err := strconv.ParseUint(cmp.Or(explicit, port), 10, 16); err != nil {
		return walletapi.Request{}, ErrRawRequest("the port of the URL is not a number up to 65535")
	}
	if host == "" || strings.ContainsAny(host, "@ \t\r\n") {
		return walletapi.Request{}, ErrRawRequest("the URL needs a host, and no user before it")
	}
	target := rest[end:]
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	if strings.ContainsAny(target, " \t\r\n") {
		return walletapi.Request{}, ErrRawRequest("the URL holds a blank; write %20 or +")
	}
	return walletapi.Request{Target: target, Host: host, Port: cmp.Or(explicit, port)}, nil
}

// Cause names a mistake. The names are stable: testdata/vectors/mac-mistakes.json tells the
// story of each, for the authors of other clients.
type Cause string

// Title says in one line what the cause is.
func (c Cause) Title() string { return c.text().title }

// Cure says in one sentence or two what to do about it.
func (c Cause) Cure() string { return c.text().cure }

func (c Cause) text() explainText {
	i := slices.IndexFunc(explainTexts, func(t explainText) bool { return t.cause == c })
	if i < 0 {
		return explainText{c, string(c), ""}
	}
	return explainTexts[i]
}

// Causes lists every cause, grouped by what the mistake is about.
func Causes() []Cause {
	all := make([]Cause, 0, len(explainTexts))
	for _, t := range explainTexts {
		all = append(all, t.cause)
	}
	return all
}

// What explainTexts says about each is the comment on these.
const (
	causeAllRight Cause = "all_right"
	causeUnknown  Cause = "unknown"

	causeNoLastNewline   Cause = "no_last_newline"
	causeNoNewlines      Cause = "no_newlines"
	causeSpaces          Cause = "spaces_for_newlines"
	causeEscapedNewlines Cause = "escaped_newlines"
	causeCRLF            Cause = "crlf"
	causeOtherSeparator  Cause = "other_separator"
	causeExtraNewline    Cause = "extra_newline"
	causePortLeftOut     Cause = "port_left_out"
	causeExtLineLeftOut  Cause = "ext_line_left_out"
	causeElementLeftOut  Cause = "element_left_out"
	causeElementAdded    Cause = "element_added"
	causeTSNonceSwapped  Cause = "ts_nonce_swapped"
	causeOrderWrong      Cause = "order_wrong"

	causeHostCase       Cause = "host_case"
	causeHostWithPort   Cause = "host_with_port"
	causeHostWithScheme Cause = "host_with_scheme"
	causeHostBrackets   Cause = "host_brackets"
	causeHostOther      Cause = "host_other"
	causePortWrong      Cause = "port_wrong"
	causePortAlways     Cause = "port_always"
	causePortEmpty      Cause = "port_empty"
	causePortUnset      Cause = "port_unset"

	causeMethodCase        Cause = "method_case"
	causeMethodOther       Cause = "method_other"
	causeFullURL           Cause = "full_url"
	causeQueryLeftOut      Cause = "query_left_out"
	causePathLeftOut       Cause = "path_left_out"
	causeQueryReencoded    Cause = "query_reencoded"
	causeQuerySorted       Cause = "query_sorted"
	causePathReencoded     Cause = "path_reencoded"
	causePrefixLeftOut     Cause = "prefix_left_out"
	causePrefixAdded       Cause = "prefix_added"
	causeSlashAdded        Cause = "slash_added"
	causeSlashLeftOut      Cause = "slash_left_out"
	causeFirstSlashLeftOut Cause = "first_slash_left_out"

	causeExtDecoded      Cause = "ext_decoded"
	causeExtReencoded    Cause = "ext_reencoded"
	causeExtNotSigned    Cause = "ext_not_signed"
	causeExtPartlySigned Cause = "ext_partly_signed"
	causeExtNotSent      Cause = "ext_not_sent"
	causeExtReordered    Cause = "ext_reordered"
	causeExtOtherText    Cause = "ext_other_text"
	causeExtOtherProject Cause = "ext_other_project"
	causeExtUnreadable   Cause = "ext_unreadable"

	causeBodyHashMissing      Cause = "body_hash_missing"
	causeBodyHashOfNothing    Cause = "body_hash_of_nothing"
	causeBodyHashLineEnd      Cause = "body_hash_line_end"
	causeBodyHashReserialised Cause = "body_hash_reserialised"
	causeBodyHashHex          Cause = "body_hash_hex"
	causeBodyHashURLSafe      Cause = "body_hash_url_safe"
	causeBodyHashTwiceEncoded Cause = "body_hash_twice_encoded"
	causeBodyHashNotEncoded   Cause = "body_hash_not_encoded"
	causeBodyHashAlgorithm    Cause = "body_hash_algorithm"
	causeBodyHashWrong        Cause = "body_hash_wrong"
	causeBodyLost             Cause = "body_lost"

	causeMACHex        Cause = "mac_hex"
	causeMACURLSafe    Cause = "mac_url_safe"
	causeMACUnpadded   Cause = "mac_unpadded"
	causeMACURLEncoded Cause = "mac_url_encoded"

	causeKeyBase64      Cause = "key_base64_decoded"
	causeKeyHex         Cause = "key_hex_decoded"
	causeKeyWhitespace  Cause = "key_whitespace"
	causeKeyEmpty       Cause = "key_empty"
	causeKeyRespelled   Cause = "key_respelled"
	causeKeyCut         Cause = "key_cut"
	causeKeyOther       Cause = "key_other"
	causeIDAsKey        Cause = "id_as_key"
	causeIDKeySwapped   Cause = "id_key_swapped"
	causeHMACOther      Cause = "hmac_other"
	causePlainHash      Cause = "plain_hash"
	causeKeyTextSwapped Cause = "key_text_swapped"
	causeUTF16          Cause = "utf16"

	causeTSMilliseconds       Cause = "ts_milliseconds"
	causeTSMillisecondsSigned Cause = "ts_milliseconds_signed"
	causeTSRounded            Cause = "ts_rounded"
	causeTSTwice              Cause = "ts_twice"
	causeTSNotANumber         Cause = "ts_not_a_number"
	causeClockBehind          Cause = "clock_behind"
	causeClockAhead           Cause = "clock_ahead"
	causeNonceTrimmed         Cause = "nonce_trimmed"
	causeNonceChanged         Cause = "nonce_changed"
	causeNonceUsed            Cause = "nonce_used"
)

// explainText is what people read about a cause.
type explainText struct {
	cause       Cause
	title, cure string
}

var explainTexts = []explainText{
	{causeAllRight, "Everything is right",
		"Nothing to do. If the server refuses the request, ask whether it has another key for this id, and compare the request that it received."},
	{causeUnknown, "The MAC matches nothing that is known",
		"Compare the normalised text, character by character, with the one that the client signs. Check that the key is the one of this id, " +
			"and that one ts and one nonce are made and used in both places."},

	{causeNoLastNewline, "The last line feed is missing",
		`Follow every element by \n, the last one too, also when ext is empty: the text ends with \n\n then.`},
	{causeNoNewlines, "The line feeds are missing", `Follow every element by one line feed (\n, byte 0x0A).`},
	{causeSpaces, "Blanks stand where line feeds belong", `Follow every element by one line feed (\n, byte 0x0A).`},
	{causeEscapedNewlines, `The two characters \n stand where line feeds belong`,
		`Write the line feed so that the language makes one byte 0x0A of it, in PHP "\n" with double quotes.`},
	{causeCRLF, "The lines end with carriage return and line feed", `Use \n alone, whatever the line end of the system is.`},
	{causeOtherSeparator, "Another separator stands where line feeds belong", `Follow every element by one line feed (\n, byte 0x0A).`},
	{causeExtraNewline, "There is an empty line or a blank too many", `Begin with ts and end with the one \n after ext; mind functions that add a line end of their own.`},
	{causePortLeftOut, "The port is missing", "Sign seven elements: the port stands between host and ext, also when it is the usual one."},
	{causeExtLineLeftOut, "The line of the empty ext is missing", `Sign seven elements: without ext the last line is empty, so the text ends with the port and \n\n.`},
	{causeElementLeftOut, "An element is missing", "Sign seven elements: ts, nonce, method, path with query, host, port, ext."},
	{causeElementAdded, "Something was signed that does not belong there", "Sign seven elements and nothing else: ts, nonce, method, path with query, host, port, ext."},
	{causeTSNonceSwapped, "The ts and the nonce have changed places", "Put ts first and nonce second, in the signed text and under their own names in the header."},
	{causeOrderWrong, "The elements stand in another order", "Sign them in this order: ts, nonce, method, path with query, host, port, ext."},

	{causeHostCase, "The host is signed with capitals", "Sign the host in lower case."},
	{causeHostWithPort, "The host is signed with its port", "Sign the host alone; the port has a line of its own."},
	{causeHostWithScheme, "The host is signed with its scheme", "Sign the host alone, without https:// and without a slash."},
	{causeHostBrackets, "The IPv6 address is signed without its brackets", "Sign the host as it stands in the URL, with the brackets."},
	{causeHostOther, "Another host is signed", "Sign the host of the URL that is called. Behind a proxy that changes it, have the server's public address configured."},
	{causePortWrong, "Another port is signed", "Sign the port of the URL that is called: the one written there, else 443 for https and 80 for http."},
	{causePortAlways, "The usual port is signed whatever the port is",
		"Nothing has to be done for this server. Others may want the port of the URL: the one written there, else 443 for https and 80 for http."},
	{causePortEmpty, "The line of the port is empty", "Sign a number also when the URL has none: 443 for https and 80 for http."},
	{causePortUnset, "The port is signed as no number", "Sign a number also when the URL has none: 443 for https and 80 for http."},

	{causeMethodCase, "The method is signed in another case than it is sent", "Send and sign the method in capitals."},
	{causeMethodOther, "Another method is signed than is sent", "Sign the method that is sent; mind libraries that turn a GET with data into a POST, and redirects."},
	{causeFullURL, "The whole URL is signed", "Sign path and query only, beginning with the slash after the host."},
	{causeQueryLeftOut, "The query is not signed", "Sign the path, a question mark and the query, as on the request line."},
	{causePathLeftOut, "The path is not signed", "Sign the path, a question mark and the query, as on the request line."},
	{causeQueryReencoded, "The query is signed in another encoding than it is sent",
		"Build the URL once, and sign the text after the host of the very URL that is sent."},
	{causeQuerySorted, "The parameters of the query are signed in another order", "Keep the order of the request line."},
	{causePathReencoded, "The path is signed in another encoding than it is sent",
		"Build the URL once, and sign the text after the host of the very URL that is sent."},
	{causePrefixLeftOut, "The beginning of the path is not signed",
		"Sign the whole path of the request line, with /rest/v1. If a proxy in front of the server adds a prefix, have it pass the path on unchanged."},
	{causePrefixAdded, "The path is signed with a beginning that was not sent",
		"Sign the path of the request line. If a proxy in front of the server takes a prefix away, have it pass the path on unchanged."},
	{causeSlashAdded, "A slash at the end of the path is signed and not sent", "Sign the path exactly as it is sent."},
	{causeSlashLeftOut, "The slash at the end of the path is sent and not signed", "Sign the path exactly as it is sent."},
	{causeFirstSlashLeftOut, "The first slash of the path is not signed", "Begin the path with its slash."},

	{causeExtDecoded, "The ext is signed URL-decoded", "Sign the very text that stands between the quotes of ext, still URL-encoded."},
	{causeExtReencoded, "The ext is signed in another encoding than it is sent", "Make the text of ext once, and use it both in the header and in the signed text."},
	{causeExtNotSigned, "The ext is sent and not signed", "Make ext the last line of the signed text."},
	{causeExtPartlySigned, "Only a part of ext is signed", "Make the text of ext once, with all its parameters, and use it both in the header and in the signed text."},
	{causeExtNotSent, "The ext is signed and not sent", `Put the signed text of ext into the header: , ext="…".`},
	{causeExtReordered, "The parameters of ext are signed in another order", "Make the text of ext once, and use it both in the header and in the signed text."},
	{causeExtOtherText, "The line of ext is not what stands between its quotes", "Sign the very text between the quotes of ext, and an empty line when there is none."},
	{causeExtOtherProject, "Another project or place is signed than is sent", "Make the text of ext once, and use it both in the header and in the signed text."},
	{causeExtUnreadable, "The ext is not a query string", "Write ext as key=value pairs joined by &, each part URL-encoded, each key once."},

	{causeBodyHashMissing, "The body has no body_hash", "Put body_hash into ext: the SHA-256 of the raw body, in base64, URL-encoded."},
	{causeBodyHashOfNothing, "The body_hash is of an empty text", "Hash the body that is sent; mind streams that were read before, and bodies that are made after signing."},
	{causeBodyHashLineEnd, "The body_hash is of other line ends or blanks around the body", "Hash exactly the bytes that are sent, after the last change to them."},
	{causeBodyHashReserialised, "The body_hash is of the same body written in another way",
		"Make the bytes of the body once, hash them and send those very bytes; do not hand the library an object to write again."},
	{causeBodyHashHex, "The body_hash is hexadecimal", "Encode the 32 raw bytes of the SHA-256 in base64; in PHP hash('sha256', $body, true)."},
	{causeBodyHashURLSafe, "The body_hash stands in URL-safe base64", "Use the standard alphabet with + and /, then URL-encode it."},
	{causeBodyHashTwiceEncoded, "The body_hash is URL-encoded twice", "URL-encode it once; mind functions that build a query string and encode by themselves."},
	{causeBodyHashNotEncoded, "The body_hash is not URL-encoded", "Nothing has to be done for this server. Others may read the + as a blank: URL-encode it."},
	{causeBodyHashAlgorithm, "The body_hash is not a plain SHA-256", "Use the SHA-256 of the raw body, without a key."},
	{causeBodyHashWrong, "The body_hash is of another body", "Hash exactly the bytes that are sent, after the last change to them."},
	{causeBodyLost, "The body is empty, and its hash is not", "Send the body that was hashed, or no body_hash; mind redirects and proxies that drop the body."},

	{causeMACHex, "The mac is hexadecimal", "Encode the 32 raw bytes of the HMAC in base64; in PHP hash_hmac('sha256', $text, $key, true)."},
	{causeMACURLSafe, "The mac stands in URL-safe base64", "Use the standard alphabet with + and /, and = at the end."},
	{causeMACUnpadded, "The mac has no padding", "Keep the = at the end of the base64."},
	{causeMACURLEncoded, "The mac is URL-encoded or URL-decoded", "Put the base64 into the header as it is."},

	{causeKeyBase64, "The key is decoded from base64", "Use the mac_key as the bytes that it is written with, although it looks like base64."},
	{causeKeyHex, "The key is decoded from hexadecimal", "Use the mac_key as the bytes that it is written with, although it looks like hexadecimal."},
	{causeKeyWhitespace, "The key has blanks or a line feed around it", "Trim the key after reading it from a file or a form."},
	{causeKeyEmpty, "The key is empty", "Check that the setting or variable that holds the key is there where the program runs."},
	{causeKeyRespelled, "The key is used in another spelling", "Use the mac_key as the bytes that it is written with."},
	{causeKeyCut, "A part of the key is missing", "Copy the whole key; mind columns and fields that cut it."},
	{causeKeyOther, "Another key is used", "Use the key that was issued with the id in the header: a client's with its client_id, a token's with its access_token."},
	{causeIDAsKey, "The id is used as the key", "Sign with the mac_key; the id stands in the header only."},
	{causeIDKeySwapped, "The key stands in the header where the id belongs",
		"Swap them. The key has travelled in a header and may stand in logs: have a new one issued."},
	{causeHMACOther, "The HMAC uses another hash", "Use HMAC with SHA-256."},
	{causePlainHash, "The MAC is a hash and not an HMAC", "Use the HMAC function of the language; a hash over key and text is another thing."},
	{causeKeyTextSwapped, "Key and text are swapped", "Mind the order of arguments: some functions take the text first, others the key."},
	{causeUTF16, "The text or the key is in UTF-16", "Turn both into bytes as UTF-8; in .NET Encoding.UTF8, not Encoding.Unicode."},

	{causeTSMilliseconds, "The ts is not in seconds", "Send and sign whole UNIX seconds: divide what the language's clock gives."},
	{causeTSMillisecondsSigned, "The ts is signed in milliseconds and sent in seconds", "Make the text of ts once, and use it both in the header and in the signed text."},
	{causeTSRounded, "The ts is signed with another precision than it is sent", "Make the text of ts once, and use it both in the header and in the signed text."},
	{causeTSTwice, "The clock was read twice", "Make the text of ts once, and use it both in the header and in the signed text."},
	{causeTSNotANumber, "The ts is not a number", "Send UNIX seconds, such as 1343811600."},
	{causeClockBehind, "The client's clock is behind", "Set the clock by NTP, or ask GET /rest/v1/server for the time and keep the difference."},
	{causeClockAhead, "The client's clock is ahead", "Set the clock by NTP, or ask GET /rest/v1/server for the time and keep the difference."},
	{causeNonceTrimmed, "The nonce is signed without its blanks", "Make the text of the nonce once, and use it both in the header and in the signed text."},
	{causeNonceChanged, "The nonce is signed in another form than it is sent", "Make the text of the nonce once, and use it both in the header and in the signed text."},
	{causeNonceUsed, "The nonce was used before", "Make a new nonce for every request, a repeated one too, and sign it anew."},
}
