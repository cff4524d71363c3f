package diagnosis

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/walletapi"
)

// What is searched for when text and key together have which length, in bytes: a search of
// thousands of long texts would keep a server busy, and the usual text has some hundred bytes.
const (
	longestText = 4 << 10
	longestPair = 1 << 10
	longestBody = 4 << 10
)

// element is one of the seven that a MAC covers, in their order.
type element int

const (
	stray element = iota - 1 // a line that does not belong
	lineTS
	lineNonce
	lineMethod
	lineTarget
	lineHost
	linePort
	lineExt
)

var names = [...]string{"ts", "nonce", "method", "target", "host", "port", "ext"}

func elements(r walletapi.Request) [len(names)]string {
	return [...]string{r.TS, r.Nonce, r.Method, r.Target, r.Host, r.Port, r.Ext}
}

// line is one line of a signed text.
type line struct {
	element element
	text    string
}

// signing is a way to make a MAC.
type signing struct {
	*clues
	lines []line
	// separator stands between two lines, end after the last one.
	separator, end string
	key            string
	// sum is the MAC of a text.
	sum func(key, text string) []byte
}

// clues are what the mistakes may look at: the evidence, and what would cost too much to find
// out for every mistake.
type clues struct {
	in Evidence
	// right is what a right client signs for the address at hand.
	right walletapi.Request
	// body is the body that may stand in a signed text by mistake; empty when it is long.
	body string
	// bodyHash is the body's hash as body_hash has it, before URL-encoding.
	bodyHash string
}

// rightSigning is how the server makes the MAC of a request.
func (in Evidence) rightSigning(r walletapi.Request) signing {
	about := &clues{in: in, right: r, bodyHash: walletapi.BodyHash(in.Request.Body)}
	if len(in.Request.Body) <= longestBody {
		about.body = string(in.Request.Body)
	}
	s := signing{clues: about, separator: "\n", end: "\n", key: in.Key, sum: hmacSHA256}
	for i, text := range elements(r) {
		s.lines = append(s.lines, line{element(i), text})
	}
	return s
}

func (s signing) text() string {
	texts := make([]string, len(s.lines))
	for i, line := range s.lines {
		texts[i] = line.text
	}
	return strings.Join(texts, s.separator) + s.end
}

// size is what one attempt has to hash, in bytes.
func (s signing) size() int { return len(s.text()) + len(s.key) }

// at is the index of an element's line, -1 when it is left out.
func (s signing) at(e element) int {
	return slices.IndexFunc(s.lines, func(l line) bool { return l.element == e })
}

// value is what an element's line says, empty when it is left out.
func (s signing) value(e element) string {
	if at := s.at(e); at >= 0 {
		return s.lines[at].text
	}
	return ""
}

const sumSize = sha256.Size

func hmacSHA256(key, text string) []byte { return hmacWith(sha256.New, key, text) }

func hmacWith(algorithm func() hash.Hash, key, text string) []byte {
	mac := hmac.New(algorithm, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// attempt is a way to make a MAC with one mistake more.
type attempt struct {
	cause Cause
	// did tells the mistake; when it is empty, what the line of element says does.
	did     string
	element element
	signing
}

// finding tells of an attempt that proved right; signed is what was signed in the end.
func (a attempt) finding(signed signing) Finding {
	if a.did == "" {
		a.did = fmt.Sprintf(`The %s was signed as "%s", and that of the request is "%s".`,
			names[a.element], signed.value(a.element), elements(signed.right)[a.element])
	}
	return Finding{Cause: a.cause, Did: a.did}
}

// attempts collects the ways to make mistakes of one kind.
type attempts struct {
	signing
	list []attempt
}

// kind makes all mistakes of one kind.
type kind func(*attempts)

func (k kind) mistakes(from signing) []attempt {
	a := attempts{signing: from}
	k(&a)
	return a.list
}

// sign tries each value at the line of one element, unless it stands there already.
func (a *attempts) sign(cause Cause, e element, values ...string) {
	at := a.at(e)
	if at < 0 {
		return
	}
	for _, value := range values {
		if value != a.lines[at].text {
			a.change(cause, "", func(s *signing) { s.lines[at].text = value })
			a.list[len(a.list)-1].element = e
		}
	}
}

// leaveOut tries the text without the line of one element, and with that end.
func (a *attempts) leaveOut(cause Cause, e element, end string) {
	if at := a.at(e); at >= 0 {
		a.change(cause, "The signed text has no line for "+names[e]+".", func(s *signing) { s.lines, s.end = slices.Delete(s.lines, at, at+1), end })
	}
}

// use tries other keys, unless they are the one in use.
func (a *attempts) use(cause Cause, did string, keys ...string) {
	for _, key := range keys {
		if key != a.key {
			a.change(cause, did, func(s *signing) { s.key = key })
		}
	}
}

// change tries anything else.
func (a *attempts) change(cause Cause, did string, change func(*signing)) {
	s := a.signing
	s.lines = slices.Clone(s.lines)
	change(&s)
	a.list = append(a.list, attempt{cause: cause, did: did, signing: s})
}

// place is an address under which the server accepts a MAC.
type place struct {
	right signing
	// notes is what is said about a client that signs this address; nil when it is right.
	notes []Finding
}

// places are the addresses that the server accepts, the one that a right client signs first.
func (in Evidence) places() []place {
	header, path := in.Request.Host, in.Request.Target
	if _, authority, rest, ok := cutURL(path); ok {
		header, path = authority, rest
	}
	written, port := cutPort(header)
	right := auth.Addresses(nil, header, nil, in.PlainHTTP)[0]
	if port == "" && in.PlainHTTP {
		right.Port = "80"
	}
	given := in.Request.Authorization
	var places []place
	for _, address := range auth.Addresses([]auth.Origin{right}, header, in.Origins, in.PlainHTTP) {
		places = append(places, place{in.rightSigning(walletapi.Request{
			TS: given.TS, Nonce: given.Nonce, Method: in.Request.Method, Target: path,
			Host: address.Host, Port: address.Port, Ext: given.Ext,
		}), nil})
		if slices.Contains(in.Origins, address) {
			continue
		}
		notes := &places[len(places)-1].notes
		if address.Port != right.Port {
			*notes = append(*notes, Finding{Cause: portAlways, Tolerated: true,
				Did: "The port was signed as " + address.Port + ", and the request went to port " + right.Port + "."})
		}
		if address.Host != right.Host {
			*notes = append(*notes, Finding{Cause: hostCase, Tolerated: true,
				Did: `The host was signed as "` + written + `", with the capitals of the Host header.`})
		}
	}
	return places
}

// cutPort parts the host from its port; the brackets of an IPv6 address stay.
func cutPort(authority string) (host, port string) {
	colon := strings.LastIndexByte(authority, ':')
	if colon < 0 || strings.HasSuffix(authority, "]") {
		return authority, ""
	}
	return authority[:colon], authority[colon+1:]
}

// search looks for what the client did to make its MAC. It answers what there is to say, and
// whether the MAC is right.
func (in Evidence) search(places []place) ([]Finding, bool) {
	given := readings(in.Request.Authorization.MAC)
	spelled := func(s signing) *spelling {
		sum := s.sum(s.key, s.text())
		for _, reading := range given {
			if hmac.Equal(reading.bytes, sum) {
				return reading.spelled
			}
		}
		return nil
	}
	for _, p := range places {
		if how := spelled(p.right); how != nil {
			return append(how.mac(), p.notes...), how == padded
		}
	}
	// try makes mistakes of some kinds, on top of one that was made before.
	try := func(p place, kinds []kind, from signing, before ...attempt) []Finding {
		if from.size() > longestText {
			return nil
		}
		for _, kind := range kinds {
			for _, mistake := range kind.mistakes(from) {
				if len(before) > 0 && before[0].cause == mistake.cause {
					continue
				}
				how := spelled(mistake.signing)
				if how == nil {
					continue
				}
				var found []Finding
				for _, made := range append(before, mistake) {
					found = append(found, made.finding(mistake.signing))
				}
				return slices.Concat(found, how.mac(), p.notes)
			}
		}
		return nil
	}
	for _, kinds := range [][]kind{usual, rare} {
		for _, p := range places {
			if found := try(p, kinds, p.right); found != nil {
				return found, false
			}
		}
	}
	for _, p := range places {
		// Two mistakes at once, for a client that also signs an address that is only tolerated,
		// would be three, and cost as much again.
		if p.notes != nil || p.right.size() > longestPair {
			continue
		}
		for i, kind := range usual {
			for _, first := range kind.mistakes(p.right) {
				// In one order only: two mistakes in different places do not disturb each other.
				if found := try(p, usual[i:], first.signing, first); found != nil {
					return found, false
				}
			}
		}
	}
	return nil, false
}
