package diagnosis

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/walletapi"
)

func TestEveryMistakeIsExplained(t *testing.T) {
	rows := readMistakes(t)
	if len(rows) < 30 {
		t.Fatalf("only %d rows", len(rows))
	}
	names := make(map[string]bool)
	seen := make(map[Cause]bool)
	for _, m := range rows {
		if names[m.Name] {
			t.Errorf("two rows are called %q", m.Name)
		}
		names[m.Name] = true
		t.Run(m.Name, func(t *testing.T) {
			d := Explain(m.evidence(t))
			if !slices.Equal(d.Causes(), m.Causes) {
				t.Errorf("causes %v, want %v", d.Causes(), m.Causes)
				for _, f := range d.Findings {
					t.Log(f.Did)
				}
			}
			if d.Accepted() != m.Accepted {
				t.Errorf("accepted: %v, want %v", d.Accepted(), m.Accepted)
			}
		})
		for _, cause := range m.Causes {
			seen[cause] = true
		}
	}
	for _, cause := range Causes() {
		if !seen[cause] {
			t.Errorf("no row of %s is about %s", mistakesFile, cause)
		}
	}
}

func TestCausesAreToldInWords(t *testing.T) {
	seen := make(map[Cause]bool)
	for _, cause := range Causes() {
		if seen[cause] {
			t.Errorf("%s is listed twice", cause)
		}
		seen[cause] = true
		if title := cause.Title(); title == "" || strings.HasSuffix(title, ".") || strings.Contains(title, "\n") {
			t.Errorf("%s: the title %q is not one line without a full stop", cause, title)
		}
		if cure := cause.Cure(); !strings.HasSuffix(cure, ".") {
			t.Errorf("%s: the cure %q is not a sentence", cause, cure)
		}
	}
	if stray := Cause("made_up"); stray.Title() != "made_up" || stray.Cure() != "" {
		t.Error("a cause that is not ours explains itself")
	}
}

// Every documented and every client vector is right, apart from the one that is printed wrong.
func TestExplainAgreesWithTheVectors(t *testing.T) {
	var documented []struct {
		Name, ID, Key, TS, Nonce, Method, URI, Host, Ext, Body, MAC string
		Expect                                                      bool
	}
	text, err := os.ReadFile("../../testdata/vectors/documentation-mac.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &documented); err != nil {
		t.Fatal(err)
	}
	for _, v := range documented {
		t.Run(v.Name, func(t *testing.T) {
			ts, _ := strconv.ParseInt(v.TS, 10, 64)
			d := Explain(Evidence{
				Request: Request{
					Method: v.Method, Target: v.URI, Host: v.Host, Body: []byte(v.Body),
					Authorization: walletapi.Authorization{ID: v.ID, TS: v.TS, Nonce: v.Nonce, MAC: v.MAC, Ext: v.Ext},
				},
				Key: v.Key, Now: time.Unix(ts, 0),
			})
			want := allRight
			if !v.Expect {
				want = extOtherProject
			}
			if !slices.Equal(d.Causes(), []Cause{want}) {
				t.Errorf("causes %v, want %v", d.Causes(), want)
			}
		})
	}
}

// spoken is everything that a diagnosis shows to anybody.
func spoken(d Diagnosis) string {
	var all strings.Builder
	fmt.Fprintf(&all, "%+v\n%s\n", d, Normalized(d.Normalized))
	for _, f := range d.Findings {
		fmt.Fprintln(&all, f.Cause, f.Cause.Title(), f.Did, f.Cause.Cure())
	}
	return all.String()
}

// secrets are the spellings of everything that a diagnosis must not show: the keys, and the
// MACs that the server would take.
func secrets(in Evidence) []string {
	var all []string
	add := func(raw string) {
		all = append(all, raw, strings.TrimSpace(raw), strings.ToLower(raw), url.QueryEscape(raw), hex.EncodeToString([]byte(raw)),
			base64.StdEncoding.EncodeToString([]byte(raw)), base64.RawURLEncoding.EncodeToString([]byte(raw)))
	}
	add(in.Key)
	for _, key := range in.OtherKeys {
		add(key)
	}
	for _, place := range in.places() {
		sum := place.right.clues.right.Sum(in.Key)
		add(string(sum[:]))
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

var percentEscape = regexp.MustCompile("%[0-9a-fA-F]{2}")

func TestExplainShowsNoSecret(t *testing.T) {
	check := func(t *testing.T, in Evidence) {
		t.Helper()
		text := spoken(Explain(in))
		text += percentEscape.ReplaceAllStringFunc(text, func(escape string) string {
			raw, _ := hex.DecodeString(escape[1:])
			return string(raw)
		})
		for i, secret := range secrets(in) {
			if strings.Contains(text, secret) {
				t.Errorf("secret %d is shown", i)
			}
		}
	}
	for _, m := range readMistakes(t) {
		t.Run(m.Name, func(t *testing.T) { check(t, m.evidence(t)) })
	}
	right := readMistakes(t)[0].evidence(t)
	for name, change := range map[string]func(*Evidence){
		"key in the path":       func(in *Evidence) { in.Request.Target += "?key=" + sceneKey },
		"key in the nonce":      func(in *Evidence) { in.Request.Authorization.Nonce = sceneKey },
		"key in the ts":         func(in *Evidence) { in.Request.Authorization.TS = sceneKey },
		"key in ext":            func(in *Evidence) { in.Request.Authorization.Ext = "project_id=" + sceneKey },
		"key as host":           func(in *Evidence) { in.Request.Host = sceneKey + ":8443" },
		"key as id":             func(in *Evidence) { in.Request.Authorization.ID = sceneKey },
		"key as mac":            func(in *Evidence) { in.Request.Authorization.MAC = sceneKey },
		"key as body":           func(in *Evidence) { in.Request.Body = []byte(sceneKey) },
		"key as method":         func(in *Evidence) { in.Request.Method = sceneKey },
		"other key in the path": func(in *Evidence) { in.OtherKeys["token"] = "tok/en key+"; in.Request.Target += "?k=tok%2Fen+key%2B" },
		"a key inside another":  func(in *Evidence) { in.OtherKeys["short"] = sceneKey[:8]; in.Request.Target += "/" + sceneKey },
		"key half escaped":      func(in *Evidence) { in.Request.Target += "?k=%49rdT%638uQ" + sceneKey[8:] },
		"key escaped twice":     func(in *Evidence) { in.Request.Target += "?k=%2549" + sceneKey[1:] },
		"key decoded in the text": func(in *Evidence) {
			in.Key, in.Request.Target = "a+b/c d=e+f/g h=", "/x?k=a%2Bb%2Fc+d%3De%2bf%2fg+h%3D"
			r := in.places()[0].right.right
			r.Target = "/x?k=a+b/c+d=e+f/g+h="
			in.Request.Authorization.MAC = r.Sign(in.Key)
		},
		"part of a key in the text": func(in *Evidence) {
			in.Key, in.Request.Target = "abcdefgh/ijklmnopqrstuvwx", "/abcdefgh/ijklmnopqrstuvwx"
			r := in.places()[0].right.right
			r.Target = "/ijklmnopqrstuvwx"
			in.Request.Authorization.MAC = r.Sign(in.Key)
			in.OtherKeys["part"] = "ijklmnopqrstuvwx" // so that it is looked for
		},
		"key with its plus as a blank": func(in *Evidence) { in.Key = "abc+defghijklmnop"; in.Request.Target += "?k=abc%20defghijklmnop" },
		"long key":                     func(in *Evidence) { in.Key = strings.Repeat("key", 500); in.Request.Target += "/" + in.Key },
		"key of other letters":         func(in *Evidence) { in.Key = "ąžuolas ąžuolas ąžuolas"; in.Request.Target += "/" + in.Key },
		"key with blanks around it":    func(in *Evidence) { in.Key = " " + sceneKey + "\n"; in.Request.Target += "/" + sceneKey },
	} {
		t.Run(name, func(t *testing.T) {
			in := right
			in.OtherKeys = make(map[string]string)
			change(&in)
			check(t, in)
		})
	}
}

func TestExplainTellsNumbers(t *testing.T) {
	row := func(name string) Diagnosis {
		i := slices.IndexFunc(readMistakes(t), func(m mistake) bool { return m.Name == name })
		if i < 0 {
			t.Fatalf("no row %q", name)
		}
		return Explain(readMistakes(t)[i].evidence(t))
	}
	for name, words := range map[string]string{
		"clock behind":                "301 seconds behind",
		"clock ahead":                 "301 seconds ahead",
		"time zone":                   "3 h 00 min",
		"clock read twice":            `signed as "1343811600", and that of the request is "1343811601"`,
		"another project":             `signed as "project_id=3", and that of the request is "project_id=1221"`,
		"key of the token":            `"access token"`,
		"port 8080":                   `port was signed as "8080", and that of the request is "443"`,
		"order":                       "method, target, host, port, ts, nonce, ext",
		"compact sent, pretty hashed": "indented by four blanks",
		"hashed as PHP writes it":     `with / as \/, with letters beyond ASCII as \u escapes`,
	} {
		if did := row(name).Findings[0].Did; !strings.Contains(did, words) {
			t.Errorf("%s: %q does not say %q", name, did, words)
		}
	}
}

func TestNormalizedIsVisible(t *testing.T) {
	got := Normalized(walletapi.Request{
		TS: "1343811600", Nonce: " a, b ", Method: "GET", Target: "/x\x1b[2Ją\xff", Host: "wallet.example", Port: "443",
	})
	const want = `ts      1343811600\n
nonce    a, b \n
method  GET\n
target  /x\x1b[2Ją\xff\n
host    wallet.example\n
port    443\n
ext     \n
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A diagnosis forgives exactly the addresses that the server takes.
func TestExplainKnowsTheServersAddresses(t *testing.T) {
	far := "/" + strings.Repeat("x", longestText) // with a long text only addresses are tried
	for _, header := range []string{"wallet.example", "wallet.example:8443", "Wallet.Example:8443", "Wallet.Example", "[::1]:80", "127.0.0.1:443", "10.0.0.7"} {
		for _, origins := range [][]auth.Origin{nil, {{Host: "wallet.example", Port: "443"}}, {{Host: "a.example", Port: "443"}, {Host: "b.example", Port: "8443"}}} {
			for _, plain := range []bool{false, true} {
				accepted := auth.Addresses(nil, header, origins, plain)
				host, port := cutPort(header)
				signed := slices.Clone(accepted)
				for _, h := range []string{host, strings.ToLower(host), "a.example"} {
					for _, p := range []string{port, "80", "443", "8080"} {
						signed = append(signed, auth.Origin{Host: h, Port: p})
					}
				}
				for _, address := range signed {
					r := walletapi.Request{TS: strconv.Itoa(sceneNow), Nonce: "n", Method: "GET", Target: far, Host: address.Host, Port: address.Port}
					d := Explain(Evidence{
						Request: Request{Method: "GET", Target: far, Host: header, Authorization: walletapi.Authorization{
							ID: "i", TS: r.TS, Nonce: r.Nonce, MAC: r.Sign(sceneKey),
						}},
						Key: sceneKey, Now: time.Unix(sceneNow, 0), Origins: origins, PlainHTTP: plain,
					})
					if takes := slices.Contains(accepted, address); d.Accepted() != takes {
						t.Errorf("%s, %v, plain %v: with %v signed accepted is %v, %v", header, origins, plain, address, d.Accepted(), d.Causes())
					}
				}
			}
		}
	}
}

// What costs most stays bounded.
func TestExplainIsBounded(t *testing.T) {
	for name, change := range map[string]func(*Evidence){
		"a long query":      func(in *Evidence) { in.Request.Target += "?" + strings.Repeat("a=%2C&", 150) },
		"a long path":       func(in *Evidence) { in.Request.Target = strings.Repeat("/%2C+", 180) },
		"a long ext":        func(in *Evidence) { in.Request.Authorization.Ext = strings.Repeat("a&", 450) },
		"many projects":     func(in *Evidence) { in.Request.Authorization.Ext = strings.Repeat("project_id=1&", 290) },
		"a long key":        func(in *Evidence) { in.Key = strings.Repeat("k", 1<<20) },
		"a body":            func(in *Evidence) { in.Request.Body = bytes.Repeat([]byte("a"), longestBody) },
		"a long form":       func(in *Evidence) { in.Request.Body = bytes.Repeat([]byte("a=%2C&"), 1<<20/6) },
		"a form":            func(in *Evidence) { in.Request.Body = bytes.Repeat([]byte("a=%2C&"), longestRewritten/6) },
		"JSON that is deep": func(in *Evidence) { in.Request.Body = bytes.Repeat([]byte("["), 9000) },
		"JSON that is wide": func(in *Evidence) { in.Request.Body = []byte("[" + strings.Repeat(`{"a":"b/<"},`, 2600) + "1]") },
		"JSON that indents a lot": func(in *Evidence) {
			in.Request.Body = []byte(strings.Repeat("[", 20) + strings.Repeat("1,", 16000) + "1" + strings.Repeat("]", 20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := Evidence{Key: sceneKey, Now: time.Unix(sceneNow, 0), Request: Request{
				Method: "POST", Target: "/x", Host: "wallet.example",
				Authorization: walletapi.Authorization{ID: "i", TS: strconv.Itoa(sceneNow), Nonce: "n", MAC: "bWFj", Ext: "body_hash=bWFj"},
			}}
			change(&in)
			begun := time.Now()
			if d := Explain(in); !d.has(unknown) {
				t.Errorf("causes %v", d.Causes())
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// FuzzExplain makes a mistake with whatever stands in a request, and holds Explain to its
// promises: the mistake is found, and the key is not shown.
func FuzzExplain(f *testing.F) {
	for i, m := range readMistakes(f) {
		f.Add(render(m.evidence(f).Request), m.Key, uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, text []byte, key string, which uint16) {
		r, err := ParseRequest(text)
		if err != nil || len(strings.TrimSpace(key)) < 16 || len(text)+len(key) > 2048 {
			return
		}
		in := Evidence{Request: r, Key: key, Now: time.Unix(sceneNow, 0)}
		var made []attempt
		for _, kind := range usual {
			made = append(made, kind.mistakes(in.places()[0].right)...)
		}
		mistake := made[int(which)%len(made)]
		in.Request.Authorization.MAC = base64.StdEncoding.EncodeToString(mistake.sum(mistake.key, mistake.text()))
		d := Explain(in)
		if len(d.Findings) == 0 || d.has(unknown) {
			t.Fatalf("found is %v, the mistake was %s", d.Causes(), mistake.cause)
		}
		if strings.Contains(spoken(d), key) {
			t.Fatal("the key is shown")
		}
	})
}

func BenchmarkExplainUnknown(b *testing.B) {
	for _, m := range readMistakes(b) {
		if m.Name == "unknown" {
			in := m.evidence(b)
			for b.Loop() {
				Explain(in)
			}
		}
	}
}
