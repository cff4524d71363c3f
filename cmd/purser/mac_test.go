package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

const (
	macTestKey   = "IrdTc8uQodU7PRpLzzLTW6wqZAO6tAMU"
	macTestNonce = "nQnNaSNyubfPErjRO55yaaEYo9YZfKHN"
)

// macResult is what a run of `purser mac` left behind.
type macResult struct {
	out, err string
	failed   error
}

// runMAC runs `purser mac` in this process, at 1 August 2012 09:00:00 UTC, with no key in the
// environment.
func runMAC(t *testing.T, in string, args ...string) macResult {
	t.Helper()
	return runMACWithKey(t, "", in, args...)
}

// runMACWithKey does so with a key in the environment.
func runMACWithKey(t *testing.T, key, in string, args ...string) macResult {
	t.Helper()
	var out, err bytes.Buffer
	command := newMACCommand(&program{
		in: strings.NewReader(in), out: &out, err: &err, random: strings.NewReader("0123456789abcdef"),
		env: func(name string) string { return map[string]string{keyVariable: key}[name] },
		now: func() time.Time { return time.Unix(1343811600, 0) },
	})
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetArgs(args)
	failed := command.Execute()
	return macResult{out.String(), err.String(), failed}
}

// macFile writes a file that is gone after the test.
func macFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// macHidden fails when a run showed the key.
func macHidden(t *testing.T, r macResult) {
	t.Helper()
	if strings.Contains(r.out+r.err, macTestKey) || r.failed != nil && strings.Contains(r.failed.Error(), macTestKey) {
		t.Error("the key is shown")
	}
}

func TestMACSignMakesTheClientVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/client-mac.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, ID, Key, TS, Nonce, Method, URL, Body, Authorization string
		Params                                                     map[string]any
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if _, nested := v.Params["headers"]; nested {
			continue // ext of other keys is beyond the command line
		}
		t.Run(v.Name, func(t *testing.T) {
			args := []string{"sign", v.Method, v.URL, "--id", v.ID, "--ts", v.TS, "--nonce", v.Nonce, "--key-file", macFile(t, "key", v.Key+"\n")}
			if v.Body != "" {
				args = append(args, "--data", "@"+macFile(t, "body", v.Body))
			}
			for param, flag := range map[string]string{"project_id": "--project", "location_id": "--location"} {
				if id, ok := v.Params[param].(float64); ok {
					args = append(args, flag, strconv.Itoa(int(id)))
				}
			}
			r := runMAC(t, "", args...)
			if r.failed != nil || r.out != "Authorization: "+v.Authorization+"\n" {
				t.Errorf("%v, wrote %s\nwant %s", r.failed, r.out, v.Authorization)
			}
		})
	}
}

func TestMACSignShowsWhatIsSigned(t *testing.T) {
	r := runMAC(t, macTestKey+"\n", "sign", "get", "https://Wallet.Example:8443/rest/v1/client?a=b%2Cc#part", "--id", "wkVd93h2uS", "--key-file", "-", "--project", "3")
	if r.failed != nil {
		t.Fatal(r.failed)
	}
	const want = `ts      1343811600\n
nonce   30313233343536373839616263646566\n
method  GET\n
target  /rest/v1/client?a=b%2Cc\n
host    wallet.example\n
port    8443\n
ext     project_id=3\n
`
	if r.err != want {
		t.Errorf("standard error\n%swant\n%s", r.err, want)
	}
	if !strings.HasPrefix(r.out, `Authorization: MAC id="wkVd93h2uS", ts="1343811600", nonce="30313233343536373839616263646566", mac="`) || strings.Count(r.out, "\n") != 1 {
		t.Errorf("standard output %q", r.out)
	}
	macHidden(t, r)

	same := runMACWithKey(t, macTestKey, "", "sign", "GET", "https://wallet.example:8443/rest/v1/client?a=b%2Cc", "--id", "wkVd93h2uS", "--project", "3")
	if same.failed != nil || same.out != r.out {
		t.Errorf("with the key of the environment: %v, %s", same.failed, same.out)
	}
}

// A client of the sandbox is named as `purser request` names it, and its request is accepted.
func TestMACSignAsAClientOfTheSandbox(t *testing.T) {
	data := shortFolder(t)
	dev := startDev(t, data)
	defer kill(dev)
	at := awaitHolder(t, data, dev.Process.Pid)
	if _, err := readWhenThere(t, filepath.Join(data, sandbox.ManifestFile)); err != nil {
		t.Fatal(err)
	}
	url := "http://" + strings.TrimPrefix(at.Address, "http://") + "/rest/v1/user/me/projects"
	header, err := exec.Command(dev.Path, "mac", "sign", "GET", url, "--as", "token:1234", "--quiet", "--sandbox", data).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, header)
	}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(strings.TrimSpace(string(header)), ": ")
	request.Header.Set(name, value)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%d for %s", answer.StatusCode, header)
	}
	r := runMAC(t, "", "sign", "GET", url, "--as", "shop", "--id", "wkVd93h2uS", "--sandbox", data)
	if r.failed == nil || !strings.Contains(r.failed.Error(), "leave --id") {
		t.Errorf("with --as and --id: %v", r.failed)
	}
}

func TestMACSignRefuses(t *testing.T) {
	key := macFile(t, "key", macTestKey)
	const url = "https://wallet.example/rest/v1/client"
	for _, story := range []struct {
		name string
		args []string
		why  string
	}{
		{"no key", []string{"sign", "GET", url, "--id", "i"}, "no key"},
		{"no such file", []string{"sign", "GET", url, "--id", "i", "--key-file", key + ".lost"}, "no such file"},
		{"an empty key", []string{"sign", "GET", url, "--id", "i", "--key-file", macFile(t, "empty", "\n")}, "empty"},
		{"a long key", []string{"sign", "GET", url, "--id", "i", "--key-file", macFile(t, "long", strings.Repeat("k", longestKey+1))}, "longer than"},
		{"two lines", []string{"sign", "GET", url, "--id", "i", "--key-file", macFile(t, "two", "a\nb\n")}, "one line"},
		{"blanks", []string{"sign", "GET", url, "--id", "i", "--key-file", macFile(t, "blank", " "+macTestKey)}, "blanks"},
		{"no id", []string{"sign", "GET", url, "--key-file", key}, "--id"},
		{"a quote in the id", []string{"sign", "GET", url, "--key-file", key, "--id", `a", ts="1`}, "--id"},
		{"a quote in the nonce", []string{"sign", "GET", url, "--key-file", key, "--id", "i", "--nonce", `"`}, "--nonce"},
		{"an empty nonce", []string{"sign", "GET", url, "--key-file", key, "--id", "i", "--nonce", ""}, "--nonce"},
		{"no scheme", []string{"sign", "GET", "wallet.example/x", "--key-file", key, "--id", "i"}, "https://"},
		{"no URL", []string{"sign", "GET", "--key-file", key}, "2 arg"},
		{"standard input twice", []string{"sign", "POST", url, "--key-file", "-", "--id", "i", "--data", "@-"}, "standard input"},
	} {
		t.Run(story.name, func(t *testing.T) {
			r := runMAC(t, macTestKey, story.args...)
			if r.failed == nil || !strings.Contains(r.failed.Error(), story.why) {
				t.Errorf("error %v, want one about %q", r.failed, story.why)
			}
			if r.out != "" {
				t.Errorf("wrote %q", r.out)
			}
			macHidden(t, r)
		})
	}
}

// macRequest is a right request as it goes over the wire, after a change of what is signed.
func macRequest(change func(*walletapi.Request)) string {
	r := walletapi.Request{
		TS: "1343811600", Nonce: macTestNonce, Method: "GET", Target: "/rest/v1/client?a=b%2Cc", Host: "wallet.example", Port: "443",
	}
	signed := r
	change(&signed)
	header := walletapi.Authorization{ID: "wkVd93h2uS", TS: r.TS, Nonce: r.Nonce, MAC: signed.Sign(macTestKey)}
	return "GET " + r.Target + " HTTP/1.1\r\nHost: wallet.example\r\nAuthorization: " + header.String() + "\r\n\r\n"
}

func TestMACExplain(t *testing.T) {
	key := macFile(t, "key", macTestKey+"\n")
	right := macRequest(func(*walletapi.Request) {})
	for _, story := range []struct {
		name, in string
		args     []string
		accepted bool
		says     []string
	}{
		{"a right request", right, []string{"--key-file", key}, true, []string{"The MAC matches.", "[all_right]", `  target  /rest/v1/client?a=b%2Cc\n`, "would accept"}},
		{"a mistake", macRequest(func(r *walletapi.Request) { r.Port = "80" }), []string{"--key-file", key, "-"}, false,
			[]string{"does not match", "1. Another port is signed [port_wrong]", `signed as "80"`, "would refuse"}},
		{"two mistakes", macRequest(func(r *walletapi.Request) { r.Port, r.Method = "80", "get" }), []string{"--key-file", key}, false,
			[]string{"[port_wrong]", "[method_case]"}},
		{"a clock that is off", right, []string{"--key-file", key, "--now", "1343812000"}, false, []string{"The MAC matches.", "400 seconds behind"}},
		{"a used nonce", right, []string{"--key-file", key, "--nonce-used"}, false, []string{"[nonce_used]"}},
		{"plain http", macRequest(func(r *walletapi.Request) { r.Port = "80" }), []string{"--key-file", key, "--port", "80"}, true, []string{"[all_right]"}},
		{"behind a proxy", macRequest(func(r *walletapi.Request) { r.Host, r.Port = "pay.example", "8443" }),
			[]string{"--key-file", key, "--origin", "https://a.example", "--origin", "https://pay.example:8443"}, true, []string{"[all_right]"}},
		{"another key", right, []string{"--key-file", macFile(t, "other", "another-key"), "--other-key", "token=" + key}, false,
			[]string{`the key called "token"`}},
	} {
		t.Run(story.name, func(t *testing.T) {
			checkExplained(t, runMAC(t, story.in, append([]string{"explain"}, story.args...)...), story.accepted, story.says)
			if !strings.Contains(strings.Join(story.args, " "), " -") {
				file := macFile(t, "request.txt", story.in)
				checkExplained(t, runMAC(t, "", append([]string{"explain", file}, story.args...)...), story.accepted, story.says)
			}
		})
	}
}

func checkExplained(t *testing.T, r macResult, accepted bool, says []string) {
	t.Helper()
	var status exitStatus
	switch {
	case accepted && r.failed != nil:
		t.Errorf("ended with %v", r.failed)
	case !accepted && (!errors.As(r.failed, &status) || status != 1):
		t.Errorf("ended with %v, want status 1", r.failed)
	}
	for _, words := range says {
		if !strings.Contains(r.out, words) {
			t.Errorf("does not say %q:\n%s", words, r.out)
		}
	}
	macHidden(t, r)
}

func TestMACExplainFromFlags(t *testing.T) {
	const body = `{"price":1299}`
	signed := walletapi.Request{TS: "1343811600", Nonce: macTestNonce, Method: "POST", Target: "/rest/v1/payment", Host: "localhost", Port: "8080"}
	signed.Ext = walletapi.Ext{BodyHash: walletapi.BodyHash([]byte(body)), HasBodyHash: true}.String()
	header := walletapi.Authorization{ID: "i", TS: signed.TS, Nonce: signed.Nonce, MAC: signed.Sign(macTestKey), Ext: signed.Ext}
	for _, prefix := range []string{"", "Authorization: "} {
		r := runMACWithKey(t, macTestKey, body, "explain", "--url", "http://localhost:8080/rest/v1/payment", "--authorization", prefix+header.String(), "--data", "@-")
		checkExplained(t, r, true, []string{"[all_right]", `method  POST\n`, `port    8080\n`})
	}
	r := runMACWithKey(t, macTestKey, "", "explain", "--url", "http://localhost:8080/rest/v1/payment", "--authorization", header.String(), "--data", body+"\n", "--method", "PUT")
	checkExplained(t, r, false, []string{"[method_other]", "[body_hash_line_end]"})

	// What sign writes is right in the eyes of explain, also for a port that goes without saying.
	made := runMACWithKey(t, macTestKey, "", "sign", "GET", "http://localhost/rest/v1/client", "--id", "i")
	r = runMACWithKey(t, macTestKey, "", "explain", "--url", "http://localhost/rest/v1/client", "--authorization", strings.TrimSpace(made.out))
	checkExplained(t, r, true, []string{"[all_right]", `port    80\n`})
}

func TestMACExplainRefuses(t *testing.T) {
	key := macFile(t, "key", macTestKey)
	right := macRequest(func(*walletapi.Request) {})
	for _, story := range []struct {
		name, in string
		args     []string
		why      string
	}{
		{"no key", right, nil, "no key"},
		{"nothing pasted", "", []string{"--key-file", key}, "the text is empty"},
		{"no Authorization", "GET /x HTTP/1.1\nHost: h\n\n", []string{"--key-file", key}, "the Authorization header is missing"},
		{"another scheme", "GET /x HTTP/1.1\nHost: h\nAuthorization: Bearer b\n\n", []string{"--key-file", key}, "the scheme MAC"},
		{"standard input twice", macTestKey, []string{"--key-file", "-"}, "standard input"},
		{"the request for a key", right, []string{"--key-file", "-"}, "more than one line"},
		{"file and flags", right, []string{"request.txt", "--key-file", key, "--url", "https://h/"}, "not both"},
		{"half of the flags", right, []string{"--key-file", key, "--url", "https://h/"}, "--authorization"},
		{"a broken URL", right, []string{"--key-file", key, "--url", "h", "--authorization", "MAC"}, "https://"},
		{"a broken origin", right, []string{"--key-file", key, "--origin", "wallet.example"}, "--origin"},
		{"a broken other key", right, []string{"--key-file", key, "--other-key", macTestKey}, "NAME=FILE"},
		{"a lost other key", right, []string{"--key-file", key, "--other-key", "token=" + key + ".lost"}, "token"},
		{"another port", right, []string{"--key-file", key, "--port", "8080"}, "--port"},
		{"too much", strings.Repeat("x", longestInput+1), []string{"--key-file", key}, "longer than"},
	} {
		t.Run(story.name, func(t *testing.T) {
			r := runMAC(t, story.in, append([]string{"explain"}, story.args...)...)
			var status exitStatus
			if r.failed == nil || errors.As(r.failed, &status) || !strings.Contains(r.failed.Error(), story.why) {
				t.Errorf("error %v, want one about %q", r.failed, story.why)
			}
			macHidden(t, r)
		})
	}
}
