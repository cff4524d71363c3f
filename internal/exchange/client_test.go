package exchange

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// signedSeen is a request that was signed like that.
func signedSeen(nonce, ts, ext string, header string) Seen {
	a := walletapi.Authorization{ID: "wkVd93h2uS", TS: ts, Nonce: nonce, MAC: "x", Ext: ext}
	text := a.String()
	if header != "" {
		text += header
	}
	return Seen{
		At: time.Unix(1795262400, 0), Method: "GET", Target: "/rest/v1/client", Host: "127.0.0.1:8080", Status: 200,
		Header: http.Header{"Authorization": {text}}, Authorization: &a,
	}
}

// Each known client is told by its signatures, and taken for no other one (the table of the clients' own code, field.md §7).
func TestDialectsAreTold(t *testing.T) {
	const coded, bare = "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh%2BIfmPAgwbHyH3%2FWwAuQ%3D", "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh%2BIfmPAgwbHyH3/WwAuQ%3D"
	always := []Mistake{{Cause: "port_always", Tolerated: true}}
	for name, requests := range map[string][]Seen{
		"lib-wallet-php-client (PHP)": {
			signedSeen(" , =', mac=, ext=project_id=1300", "1795262400", "", ""), signedSeen("nQnNaSNyubfPErjRO55yaaEYo9YZfK ~", "1795262401", coded, ""),
		},
		"java-lib-wallet-sdk (Java)": {
			signedSeen("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "1795262400", "", `, ext=""`), signedSeen("//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=", "1795262400", coded, ""),
		},
		"swift-lib-wallet-sdk (Swift)": {
			signedSeen(strings.Repeat("aB3d", 16), "1795262400", "&project_id=1221", ""), signedSeen(strings.Repeat("xY9z", 16), "1795262400", bare, ""),
		},
		"the accounting connector (Python)":             {signedSeen("qwertyuiop123", "1795262400.25", "", "")},
		"the samples of the documentation":              {signedSeen("0123456789abcdef0123456789abcdef", "1795262400", coded, "")},
		"walletapi (Go) and purser-wallet (JavaScript)": {signedSeen("AbCdEfGhIjKlMnOpQrStUvWxYz01_-89", "1795262400", coded, "")},
	} {
		c := NewClient(nil)
		for _, seen := range requests {
			if strings.Contains(name, "Swift") {
				seen.Mistakes = always
			}
			c.Add(seen)
		}
		var fits []string
		for _, d := range c.Report().Dialects {
			if d.Fits {
				fits = append(fits, d.Name)
			}
			if d.Fits != (len(d.Against) == 0) {
				t.Errorf("%s: %+v", name, d)
			}
		}
		if !slices.Equal(fits, []string{name}) {
			t.Errorf("%s is taken for %q: %+v", name, fits, c.Report().Dialects)
		}
	}
}

// What the kit says in a dialect is told as that dialect: the two tables agree.
func TestWhatIsSpokenIsTold(t *testing.T) {
	n := 0
	l := Live{Scheme: "http", Host: "127.0.0.1:8080", MAC: walletapi.MAC{ID: "wkVd93h2uS", Secret: "key"}, Now: func() time.Time { return time.Unix(1795262400, 0) }}
	l.Nonce = func() string { n++; return fmt.Sprintf("%x", hashed(fmt.Sprint(n))[:16]) }
	clients := map[string]*Client{}
	for _, p := range Dialects(l).Probes {
		name, _, _ := strings.Cut(p.Name, ": ")
		if clients[name] == nil {
			clients[name] = NewClient(nil)
		}
		m := p.Messages()[0]
		a, err := walletapi.ParseAuthorization(*m.Authorization)
		if err != nil || !slices.Contains(l.rightMACs(m, a), a.MAC) {
			t.Errorf("%s: %v", p.Name, err)
		}
		seen := Seen{At: l.Now(), Method: m.Method, Target: m.Target, Host: l.Host, Status: 200, Header: http.Header{"Authorization": {*m.Authorization}}, Body: []byte(m.Body), Authorization: &a}
		if name == dialectSwift {
			seen.Mistakes = []Mistake{{Cause: "port_always", Tolerated: true}}
		}
		clients[name].Add(seen)
	}
	for name, c := range clients {
		for _, d := range c.Report().Dialects {
			if d.Fits != (d.Name == name) {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
	if len(clients) != len(dialects) {
		t.Errorf("%d are spoken, and %d told", len(clients), len(dialects))
	}
}

// What a client does is counted: routes, spellings, contexts, mistakes and fields.
func TestClientsAreReported(t *testing.T) {
	c := NewClient([]string{"GET /rest/v1/client", "GET /rest/v1/project/{id}", "PUT /rest/v1/client/{id}"})
	mistake := Mistake{Cause: "host_case", Title: "The host is signed with capitals", Cure: "Sign the host in lower case."}
	refused := signedSeen("0123456789abcdef0123456789abcdef", "1795262460", "&project_id=1221&idempotency_key=a", "")
	refused.Status, refused.Mistakes, refused.NonceAgain = http.StatusUnauthorized, []Mistake{mistake}, true
	put := Seen{
		Method: "PUT", Target: "/rest/v1/client/7?a[]=1&b[0]=2&c=1,2&d=1%2C2&e=1&e=2&f[g]=1&project_id=3", Status: 400, Body: []byte(`{"location_id":5}`),
		Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Till/1"}, "Wallet-Api-Project-Id": {"3"}}, Certified: true,
		Fields: map[string][]string{"tittle": {"is not known"}},
	}
	for _, seen := range []Seen{refused, put, {Method: "GET", Target: "/oauth/v1/tokens/ABCDEFGHIJKLMNOPQRSTUVWXYZ234567/x", Status: 404, Header: http.Header{}}} {
		c.Add(seen)
	}
	r := c.Report()
	if r.Requests != 3 || r.Refused != 2 || r.Conforms() || r.ClockOffset != 60 || !slices.Equal(r.NotCalled, []string{"GET /rest/v1/project/{id}"}) {
		t.Errorf("%+v", r)
	}
	text := r.String()
	for _, part := range []string{
		"3 requests, 2 refused", "2 of 3 routes", "1  PUT /rest/v1/client/{id}", "GET /oauth/v1/tokens/***/x", "1  Till/1",
		"list: a[]=1", "list: a[0]=1", "list: a=1,2", "list: a=1%2C2", "list: a=1&a=2", "map: a[b]=1", "project_id: in ext", "project_id: in a header", "project_id: in the query",
		"location_id: in the body", "idempotency_key: in ext", "ext: begins with &", "nonce: used twice", "body: application/json", "proof: a TLS client certificate", "proof: none",
		"clock: +60.0 seconds", "The host is signed with capitals [host_case]", "Sign the host in lower case.", "tittle: is not known", "The client makes mistakes.",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	if strings.Contains(text, "ABCDEFGHIJ") {
		t.Error("an access token is in the report")
	}
	if empty := NewClient(nil).Report(); empty.Conforms() || !strings.Contains(empty.String(), "Nobody asked") {
		t.Error("a client that asks for nothing conforms")
	}
	good := NewClient(nil)
	good.Add(signedSeen("0123456789abcdef0123456789abcdef", "1795262400", "", ""))
	if r := good.Report(); !r.Conforms() || !strings.Contains(r.String(), "No mistake was seen") {
		t.Errorf("%+v", r)
	}
}

// Most mistakes of mac-mistakes.json can be made again, with another key at another address; a right text never comes out of one, and
// what cannot be made is named.
func TestMistakesAreMadeAgain(t *testing.T) {
	folder := os.DirFS("../../testdata/vectors")
	routes := []string{"GET /rest/v1/wallet/{id}/balance", "GET /rest/v1/clients", "GET /rest/v1/client", "POST /rest/v1/payment", "POST /oauth/v1/token"}
	for _, l := range []Live{
		{Scheme: "http", Host: "localhost:8080"}, {Scheme: "https", Host: "wallet.other"}, {Scheme: "https", Host: "wallet.other:9443", Prefix: "/base"},
	} {
		n := 0
		l.MAC, l.Routes = walletapi.MAC{ID: "OneShop122", Secret: "abcdefghijABCDEFGHIJ0123456789Xy"}, routes
		l.Now = func() time.Time { return time.Unix(1800000000, 0) }
		l.Nonce = func() string {
			n++
			return strings.Repeat("n", 20) + string(rune('a'+n%26)) + string(rune('a'+n/26%26)) + "0000000000"
		}
		files, err := Vectors(folder, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			made, left := 0, 0
			for _, p := range file.Probes {
				if (p.LeftOut == "") == (p.Messages == nil) {
					t.Errorf("%s: %+v", p.Name, p)
				}
				if p.LeftOut != "" {
					left++
					continue
				}
				made++
				m := p.Messages()[0]
				a, err := walletapi.ParseAuthorization(*m.Authorization)
				if err != nil {
					t.Errorf("%s %s: %v", file.Name, p.Name, err)
				}
				if strings.Contains(*m.Authorization, "1343811600") || a.ID == "wkVd93h2uS" {
					t.Errorf("%s %s is still of then: %s", file.Name, p.Name, *m.Authorization)
				}
				if right := slices.Contains(l.rightMACs(m, a), a.MAC); p.Refused == 0 && !right {
					t.Errorf("%s %s is not right: %s %s", file.Name, p.Name, m.Target, *m.Authorization)
				}
			}
			if file.Name == "mac-mistakes.json" && (made < 125 || left > 23) {
				t.Errorf("at %s, %d mistakes are made and %d left out", l.Host, made, left)
			}
			if file.LeftOut == "" && made == 0 {
				t.Errorf("%s: nothing is made", file.Name)
			}
		}
	}
	if _, err := Vectors(os.DirFS(t.TempDir()), Live{}); err != nil {
		t.Errorf("a folder without vectors: %v", err)
	}
}
