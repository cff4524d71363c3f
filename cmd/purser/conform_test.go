package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/exchange"
	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

// A sandbox answers as every file and vector says, with its clock, its operator and its messages in the hands of the kit; and is
// afterwards as it was, without a snapshot left.
func TestASandboxConforms(t *testing.T) {
	world, operates := sandboxOf(t)
	var report exchange.Report
	if err := json.Unmarshal([]byte(operates("conform", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Differ != 0 || report.OK < 58 || report.Calls < 1500 {
		t.Errorf("%+v", report)
	}
	for _, r := range report.Results {
		if r.Outcome == exchange.LeftOut && strings.HasSuffix(r.File, ".txt") {
			t.Error(r)
		}
	}
	shop := clientIn(t, world, "shop").InProject(1221)
	made, err := shop.CreateTransaction(t.Context(), walletapi.NewTransaction{Payments: []walletapi.NewPayment{{Description: "From before", Price: 1, Currency: "EUR"}}})
	if err != nil {
		t.Fatal(err)
	}
	operates("conform", "confirm", "project.txt") // the first changes what it meets
	if list := operates("sandbox", "list"); !strings.Contains(list, "There are no snapshots") {
		t.Error(list)
	}
	if _, err := shop.Transaction(t.Context(), made.TransactionKey); err != nil {
		t.Errorf("what was there before: %v", err)
	}
	if clock := operates("sandbox", "clock"); strings.Contains(clock, "frozen") {
		t.Error(clock)
	}
}

// brokenProxy passes calls on to a server, and answers altered by a function.
func brokenProxy(t *testing.T, to string, alter func(r *http.Response, body string) string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(client.CloseIdleConnections)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		on, err := http.NewRequest(r.Method, to, r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		on.URL.Opaque, on.URL.RawQuery, _ = strings.Cut(r.RequestURI, "?") // as it was written: it is signed, and so is the Host header
		on.Host, on.Header, on.ContentLength = r.Host, r.Header, r.ContentLength
		answer, err := client.Do(on)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Error(err)
		}
		changed := alter(answer, string(body))
		maps.Copy(w.Header(), answer.Header)
		w.Header().Set("Content-Length", fmt.Sprint(len(changed)))
		w.WriteHeader(answer.StatusCode)
		io.WriteString(w, changed)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A server that is broken on purpose is found out: the report names the file, the line and the first difference, and ends with status
// 1, without a key in it.
func TestABrokenServerIsFoundOut(t *testing.T) {
	world, _ := sandboxOf(t)
	manifest := filepath.Join(t.TempDir(), "other.json") // such as another implementation would write
	text, err := json.Marshal(map[string]any{"base_url": "http://nowhere.invalid", "clients": world.Clients, "tokens": world.Tokens})
	if err == nil {
		err = os.WriteFile(manifest, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	purser, err := exec.LookPath("purser") // this test binary
	if err != nil {
		t.Fatal(err)
	}
	exchanges, err := os.ReadFile("../../testdata/exchange/project.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(exchanges), "\n")
	firstLine := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "> GET /rest/v1/project/1221") }) + 1
	swapped := regexp.MustCompile(`"id":1221,("title":"[^"]*",)`)
	for name, c := range map[string]struct {
		alter   func(r *http.Response, body string) string
		pattern string
		told    []string
	}{
		"right": {func(_ *http.Response, body string) string { return body }, "project.txt", []string{"ok        project.txt", "The server answers as the files say."}},
		"a key is dropped": {func(_ *http.Response, body string) string {
			return strings.ReplaceAll(body, `"title":"My E-Commerce Store",`, "")
		}, "project.txt", []string{fmt.Sprintf("project.txt line %d: GET /rest/v1/project/1221", firstLine), `expected: the key "title"`, `-  "title": "My E-Commerce Store",`}},
		"the order is another": {func(_ *http.Response, body string) string { return swapped.ReplaceAllString(body, `$1"id":1221,`) },
			"project.txt", []string{`expected: the key "id"`, `came:     the key "title"`}},
		"a status is another": {func(r *http.Response, body string) string {
			if r.StatusCode == http.StatusNotFound {
				r.StatusCode = http.StatusForbidden
			}
			return body
		}, "project.txt", []string{"expected: 404", "came:     403"}},
		"a charset": {func(r *http.Response, body string) string {
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
			return body
		}, "project", []string{`the header is not exactly "Content-Type: application/json"`}},
		"nobody looks at signatures": {func(r *http.Response, body string) string {
			if r.StatusCode == http.StatusUnauthorized {
				r.StatusCode = http.StatusOK
				return `{}`
			}
			return body
		}, "*mac*", []string{"mac-mistakes.json no last newline: GET ", "get-payment: another key: GET /rest/v1/payment/10145", "expected: 401, because of its signature\n      came:     200", "and "}},
	} {
		proxy := brokenProxy(t, world.BaseURL, c.alter)
		said, err := exec.Command(purser, "conform", "--against", proxy, "--sandbox", manifest, c.pattern).CombinedOutput()
		var ended *exec.ExitError
		if code := errors.As(err, &ended) && ended.ExitCode() == 1; code == (name == "right") || err != nil && !code {
			t.Errorf("%s: %v", name, err)
		}
		for _, part := range c.told {
			if !bytes.Contains(said, []byte(part)) {
				t.Errorf("%s: %q is not told:\n%.3000s", name, part, said)
			}
		}
		for _, client := range world.Clients {
			if bytes.Contains(said, []byte(client.MACKey)) {
				t.Errorf("%s: a key is told", name)
			}
		}
	}
}

// What is no server is said once, and what is no file too: neither is a difference, and neither passes.
func TestConformSaysWhatItCannotTry(t *testing.T) {
	folder := t.TempDir()
	manifest := filepath.Join(folder, "other.json")
	if err := os.WriteFile(manifest, []byte(`{"clients":[{"name":"shop","id":"a","mac_key":"b"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	purser, err := exec.LookPath("purser")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer server.Close()
	for _, story := range []struct {
		args []string
		said string
	}{
		{[]string{"--against", "http://127.0.0.1:1"}, "purser: nothing can be said of the server at http://127.0.0.1:1: "},
		{[]string{"--against", server.URL, "server.txt", "walet.txt"}, "purser: no file is called walet.txt\n"},
		{[]string{"--against", server.URL, "server.txt"}, "differs   server.txt"},
	} {
		said, err := exec.Command(purser, append([]string{"conform", "--sandbox", manifest}, story.args...)...).CombinedOutput()
		if err == nil || !strings.HasPrefix(string(said), story.said) {
			t.Errorf("%v: %v\n%.500s", story.args, err, said)
		}
	}
	t.Setenv("PURSER_DATA", folder) // which is for other commands
	if said, _ := exec.Command(purser, "conform", "--listen", "127.0.0.1:0", "--for", "1ms").CombinedOutput(); !strings.HasPrefix(string(said), "Listening at ") {
		t.Errorf("%.500s", said)
	}
	said, err := exec.Command(purser, "conform", "--listen", "127.0.0.1:0", "--for", "1ms", "--data", folder).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(said), "purser: --listen is for a client") {
		t.Errorf("a folder that is not looked at: %v\n%.500s", err, said)
	}
}

// heardBy runs `purser conform --listen` with a client, and returns what was said and the status that it ended with.
func heardBy(t *testing.T, client func(world *sandbox.Manifest), flags ...string) (said string, code int) {
	t.Helper()
	purser, err := exec.LookPath("purser")
	if err != nil {
		t.Fatal(err)
	}
	// Its folder is made below this one, so that the manifest is found however it reports.
	folder := shortFolder(t)
	command := exec.Command(purser, append([]string{"conform", "--listen", "127.0.0.1:0"}, flags...)...)
	command.Env = append(os.Environ(), "TMPDIR="+folder)
	var out bytes.Buffer
	command.Stdout = &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var world *sandbox.Manifest
	awaits(t, "it listens", func() bool {
		found, _ := filepath.Glob(filepath.Join(folder, "*", sandbox.ManifestFile))
		if len(found) == 0 {
			return false
		}
		world, err = sandbox.ReadFile(filepath.Dir(found[0]))
		return err == nil
	})
	client(world)
	command.Process.Signal(os.Interrupt)
	err = command.Wait()
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("%s is left behind", left[0].Name())
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return out.String(), ended.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), 0
}

// The Go SDK makes no mistake, and its dialect is told; so is what it called.
func TestTheKitHearsTheGoSDK(t *testing.T) {
	said, code := heardBy(t, func(world *sandbox.Manifest) {
		shop := clientIn(t, world, "shop").InProject(1221)
		if _, err := shop.Project(t.Context(), 1221); err != nil {
			t.Error(err)
		}
		if _, err := shop.CreateTransaction(t.Context(), walletapi.NewTransaction{Payments: []walletapi.NewPayment{{Description: "Tea", Price: 250, Currency: "EUR"}}}); err != nil {
			t.Error(err)
		}
		device := clientIn(t, world, "device")
		token, err := device.IssueToken(context.Background(), walletapi.TokenRequest{GrantType: walletapi.GrantPassword, Username: "paula@example.com", Password: "paulas-password", Scope: "balance"})
		if err != nil {
			t.Fatal(err)
		}
		paula := &walletapi.Client{BaseURL: world.BaseURL, Auth: walletapi.MAC{ID: token.AccessToken, Secret: token.MACKey}}
		if _, err := paula.Balance(t.Context(), 14471); err != nil {
			t.Error(err)
		}
	})
	if code != 0 {
		t.Errorf("it ends with %d", code)
	}
	for _, part := range []string{
		"GET /rest/v1/project/1221  client 1  200", "POST /rest/v1/transaction  client 1  200", "4 requests, 0 refused", "fits   walletapi (Go) and purser-wallet (JavaScript)", "project_id: in ext",
		"is not lib-wallet-php-client (PHP)", "GET /rest/v1/wallet/{wallet}/balance", "No mistake was seen.",
	} {
		if !strings.Contains(said, part) {
			t.Errorf("%q is not told", part)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

// A client that a person wrote with mistakes hears each by its name, with the text that a right one signs, and what to do about it; its keys
// are not shown.
func TestTheKitHearsAWrongClient(t *testing.T) {
	var keys []string
	client := func(world *sandbox.Manifest) {
		id, key, _ := world.Credentials("shop")
		address, _ := url.Parse(world.BaseURL)
		keys = append(keys, key.Reveal())
		call := func(target, body string, change func(r *walletapi.Request), header func(a *walletapi.Authorization)) {
			r := walletapi.Request{TS: fmt.Sprint(time.Now().Unix()), Nonce: fmt.Sprintf("%032x", time.Now().UnixNano()), Method: "GET", Target: target, Host: address.Hostname(), Port: address.Port()}
			if body != "" {
				r.Method, r.Ext = "POST", walletapi.Ext{BodyHash: walletapi.BodyHash([]byte(body)), HasBodyHash: true}.String()
			}
			sent := walletapi.Authorization{ID: id, TS: r.TS, Nonce: r.Nonce, Ext: r.Ext}
			request, err := http.NewRequest(r.Method, world.BaseURL+target, strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			change(&r)
			sent.MAC = r.Sign(key.Reveal())
			header(&sent)
			request.Header.Set("Authorization", sent.String())
			request.Header.Set("Content-Type", "application/json")
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			answer.Body.Close()
		}
		same, sent := func(*walletapi.Request) {}, func(*walletapi.Authorization) {}
		call("/rest/v1/project/1221", "", same, sent)
		call("/rest/v1/project/1221", "", func(r *walletapi.Request) { r.Target = strings.TrimPrefix(r.Target, "/rest/v1") }, sent)
		call("/rest/v1/project/1221?access_token=verysecret", "", func(r *walletapi.Request) { r.Method = "get" }, sent)
		call("/rest/v1/project/1221", "", same, func(a *walletapi.Authorization) { a.ID = "Nobody1234" })
		call("/rest/v1/project/1221", "", func(r *walletapi.Request) { r.Port = "443" }, sent)
		call("/rest/v1/payment", `{"price":"much"}`, same, sent)
	}
	said, code := heardBy(t, client)
	if code != 1 {
		t.Errorf("it ends with %d", code)
	}
	for _, part := range []string{
		"[prefix_left_out]", "[method_case]", "[id_unknown]", "tolerated: ", "[port_always]", "target  /rest/v1/project/1221\\n", "price: must be a whole number", "6 requests, 4 refused", "The client makes mistakes.",
	} {
		if !strings.Contains(said, part) {
			t.Errorf("%q is not told", part)
		}
	}
	for _, secret := range append(keys, "verysecret") {
		if strings.Contains(said, secret) {
			t.Errorf("%q is told", secret)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
	said, code = heardBy(t, client, "--json")
	var report exchange.ClientReport
	if err := json.Unmarshal([]byte(said), &report); err != nil || code != 1 || report.Requests != 6 || report.Refused != 4 {
		t.Errorf("%d %v: %s", code, err, said)
	}
}
