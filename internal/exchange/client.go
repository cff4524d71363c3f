package exchange

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// Seen is a request of a client under test, and what became of it.
type Seen struct {
	At time.Time
	// Method, Target and Header are the request's; Target is as it came.
	Method, Target, Host string
	Header               http.Header
	Body                 []byte
	// Authorization is the header of a signature; nil where there is none, or where it cannot be read.
	Authorization *walletapi.Authorization
	// Certified says that a TLS client certificate came with it.
	Certified bool
	// NonceAgain says that the same id, ts and nonce were seen before.
	NonceAgain bool
	// Mistakes are what is wrong with the signature, also what the server tolerates.
	Mistakes []Mistake
	// Status is the answer's, Fields what it refused, by name.
	Status int
	Fields map[string][]string
}

// Mistake is something that is wrong with a signature.
type Mistake struct {
	// Cause names it, Title says what it is and Cure what to do about it.
	Cause string `json:"cause"`
	Title string `json:"title"`
	Cure  string `json:"cure"`
	// Tolerated says that the server lets it pass.
	Tolerated bool `json:"tolerated,omitempty"`
}

// RefusedForSignature says that the request was refused because of how it was signed.
func (s Seen) RefusedForSignature() bool {
	return s.Status == http.StatusUnauthorized || s.Status >= http.StatusBadRequest && slices.ContainsFunc(s.Mistakes, func(m Mistake) bool { return !m.Tolerated })
}

// Client collects the requests of a client under test. Make one with NewClient; it is not safe for concurrent use.
type Client struct {
	routes   []string
	requests int
	called   map[string]int
	unknown  map[string]int
	traits   map[string]int
	agents   map[string]int
	mistakes map[Mistake]int
	fields   map[string]int
	signed   int
	against  []map[string]int
	refused  int
	mostOff  time.Duration
}

// NewClient collects for a server that has those routes, such as "GET /rest/v1/project/{id}".
func NewClient(routes []string) *Client {
	c := &Client{routes: routes}
	for _, m := range []*map[string]int{&c.called, &c.unknown, &c.traits, &c.agents, &c.fields} {
		*m = map[string]int{}
	}
	c.mistakes = map[Mistake]int{}
	for range dialects {
		c.against = append(c.against, map[string]int{})
	}
	return c
}

// Add takes a request in.
func (c *Client) Add(s Seen) {
	c.requests++
	path, query, _ := strings.Cut(s.Target, "?")
	if route := c.routeOf(s.Method, path); route != "" {
		c.called[route]++
	} else {
		c.unknown[s.Method+" "+shape(path)]++
	}
	if agent := s.Header.Get("User-Agent"); agent != "" {
		c.agents[agent]++
	}
	for _, m := range s.Mistakes {
		c.mistakes[m]++
	}
	for field, sentences := range s.Fields {
		for _, sentence := range sentences {
			c.fields[field+": "+sentence]++
		}
	}
	if s.RefusedForSignature() || len(s.Fields) > 0 {
		c.refused++
	}
	for _, trait := range slices.Concat(contentTraits(s), listTraits(query), contextTraits(s, query)) {
		c.traits[trait]++
	}
	switch {
	case s.Authorization != nil:
		c.sign(s)
	case s.Certified:
		c.traits["proof: a TLS client certificate"]++
	default:
		c.traits["proof: none"]++
	}
}

// sign takes a signature in.
func (c *Client) sign(s Seen) {
	c.signed++
	c.traits["proof: a MAC"]++
	m := markOf(s)
	for _, trait := range m.traits() {
		c.traits[trait]++
	}
	if s.NonceAgain {
		c.traits["nonce: used twice"]++
	}
	if seconds, err := strconv.ParseFloat(s.Authorization.TS, 64); err == nil {
		if off := time.Duration((seconds - float64(s.At.UnixNano())/1e9) * float64(time.Second)); off.Abs() > c.mostOff.Abs() {
			c.mostOff = off
		}
	}
	for i, dialect := range dialects {
		for _, rule := range dialect.rules {
			if !rule.holds(m) {
				c.against[i][rule.says]++
			}
		}
	}
}

// routeOf is the route that a request falls under, the most literal one; empty where there is none.
func (c *Client) routeOf(method, path string) (best string) {
	for _, pattern := range c.routes {
		if Matches(pattern, method, path) && (best == "" || strings.Count(pattern, "{") < strings.Count(best, "{")) {
			best = pattern
		}
	}
	return best
}

// longWord is what may be a secret in a path.
var longWord = regexp.MustCompile(`[^/]{20,}`)

// shape is a path without what may be a secret in it.
func shape(path string) string { return longWord.ReplaceAllString(path, hidden) }

// contentTraits are what bodies are sent as.
func contentTraits(s Seen) []string {
	if len(s.Body) == 0 {
		return nil
	}
	return []string{"body: " + cmp.Or(s.Header.Get("Content-Type"), "without a Content-Type")}
}

// contextTraits are where a request says for which project and place it is, and where its idempotency key.
func contextTraits(s Seen, query string) (traits []string) {
	ext := ""
	if s.Authorization != nil {
		ext = s.Authorization.Ext
	}
	for _, context := range []struct{ name, header string }{{"project_id", "Wallet-Api-Project-Id"}, {"location_id", "Wallet-Api-Location-Id"}, {"idempotency_key", "Idempotency-Key"}} {
		for where, there := range map[string]bool{
			"in ext":       strings.Contains("&"+ext, "&"+context.name+"="),
			"in a header":  s.Header.Get(context.header) != "",
			"in the body":  strings.Contains(string(s.Body), `"`+context.name+`":`) || strings.Contains("&"+string(s.Body), "&"+context.name+"="),
			"in the query": strings.Contains("&"+query, "&"+context.name+"="),
		} {
			if there {
				traits = append(traits, context.name+": "+where)
			}
		}
	}
	return traits
}

// The spellings of a list in a query.
var (
	indexed = regexp.MustCompile(`^[^\[\]]+\[[0-9]+\]`)
	nested  = regexp.MustCompile(`^[^\[\]]+\[[^\[\]0-9][^\[\]]*\]`)
)

// listTraits are how a query spells lists and maps.
func listTraits(query string) (traits []string) {
	counts := map[string]int{}
	found := map[string]bool{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if whole, err := url.QueryUnescape(name); err == nil {
			name = whole
		}
		counts[name]++
		found["list: a[]=1"] = found["list: a[]=1"] || strings.HasSuffix(name, "[]")
		found["list: a[0]=1"] = found["list: a[0]=1"] || indexed.MatchString(name)
		found["map: a[b]=1"] = found["map: a[b]=1"] || nested.MatchString(name)
		found["list: a=1,2"] = found["list: a=1,2"] || strings.Contains(value, ",")
		found["list: a=1%2C2"] = found["list: a=1%2C2"] || strings.Contains(strings.ToUpper(value), "%2C")
		found["list: a=1&a=2"] = found["list: a=1&a=2"] || counts[name] > 1 && !strings.HasSuffix(name, "]")
	}
	for _, trait := range slices.Sorted(maps.Keys(found)) {
		if found[trait] {
			traits = append(traits, trait)
		}
	}
	return traits
}
