package manual_test

import (
	"encoding/json"
	"html"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/wallettest"
)

// looked are the passages that the site can be searched for, as the page for that has them.
func looked(t *testing.T, script string) (all [][4]string) {
	t.Helper()
	text, ours := strings.CutPrefix(script, "const passages = ")
	if err := json.Unmarshal([]byte(strings.TrimSuffix(text, ";\n")), &all); err != nil || !ours {
		t.Fatalf("%v: %.80s", err, script)
	}
	return all
}

// Whatever stands on a page can be found: each passage leads to the heading that it stands under, and no anchor of a heading is left out.
func TestEveryHeadingCanBeSearched(t *testing.T) {
	_, files := written(t)
	found := map[string]string{}
	for _, passage := range looked(t, files["passages.js"]) {
		to, title, heading, text := passage[0], passage[1], passage[2], passage[3]
		page, anchor, _ := strings.Cut(to, "#")
		if title == "" || heading == "" || found[to] != "" || strings.Contains(text, "</") && page != "exchange/index.html" {
			t.Errorf("%q", passage)
		}
		if anchor != "" && !strings.Contains(files[page], `id="`+html.EscapeString(anchor)+`"`) {
			t.Errorf("%s leads nowhere", to)
		}
		found[to] = heading + " " + text
	}
	for to, words := range map[string]string{
		"index.html": "An open, self-hosted Wallet API", "start.html#1-start": "go build -o bin/purser ./cmd/purser",
		"reference/transaction.html#createTransaction": "POST /rest/v1/transaction Ask for money.", "errors.html#invalid_grant": "invalid_grant 400. The description",
		"reference/objects.html#Transaction": "transaction_key", "callbacks.html": "webhook", "concepts.html#places": "one_time_bar_code",
	} {
		if !strings.Contains(found[to], words) {
			t.Errorf("%s lacks %q: %q", to, words, found[to])
		}
	}
	for name, page := range files {
		if !strings.HasSuffix(name, ".html") || name == "everything.html" || name == "search.html" {
			continue
		}
		for _, h := range anchored.FindAllStringSubmatchIndex(page, -1) {
			before := page[:h[0]]
			if tag := before[strings.LastIndex(before, "<")+1:]; tag != "h2 " && tag != "h3 " {
				continue
			}
			if to := name + "#" + html.UnescapeString(page[h[2]:h[3]]); found[to] == "" {
				t.Errorf("%s cannot be found", to)
			}
		}
	}
}

// Scripts of the site run, and none that stands in a page; and none where it is shown what somebody typed.
func TestScriptsRunWhereNobodyTypes(t *testing.T) {
	_, url := sandboxed(t)
	for name, scripts := range map[string]bool{"search.html": true, "search.html?q=%3Cscript%3E": true, "": true, "guides/till.html": true, "reference/": true, "try/getProject": false} {
		answer, page := ask(t, "GET", url+"/docs/"+name)
		if policy := answer.Header.Get("Content-Security-Policy"); strings.Contains(policy, "script-src 'self'") != scripts || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", name, policy)
		}
		if !strings.Contains(page, `search.html"><label for="search.words">Search</label> <input id="search.words" type="search" name="q"`) || strings.Contains(page, "<script>") {
			t.Errorf("%s cannot be searched from", name)
		}
	}
	for _, name := range []string{"search.js", "passages.js", "sheets.js"} {
		if answer, _ := ask(t, "GET", url+"/docs/"+name); answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("%s: %d %v", name, answer.StatusCode, answer.Header)
		}
	}
}

// Somebody searches: served, and from a folder; without JavaScript they are led to the index.
func TestSearching(t *testing.T) {
	folder, _ := written(t)
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{served(t, nil) + "/docs/", "file://" + folder + "/"} {
		b := wallettest.NewBrowser(t)
		b.Open(root + "search.html?q=%22idempotency%22+keys")
		b.See("Nothing has all of these words")
		for query, want := range map[string]string{
			"idempotency+keys": "Repeating a request safely", "webhooks": "Callbacks", "invalid_grant": "invalid_grant in Errors", "POST+transaction": "POST /rest/v1/transaction in Transaction",
			"%3Cscript%3Ealert(1)": "Nothing has all of these words", "": "Type some words above", "a+(b": "place", "signature+mac": "first 40",
		} {
			b.Open(root + "search.html?q=" + query)
			b.See(want)
		}
		b.Open(root + "guides/index.html")
		b.Fill("Search", "refund")
		b.Open(root + "search.html?q=invalid_scope")
		b.Follow("invalid_scope")
		b.LandedAt(root + "errors.html#invalid_scope")
		if faults := b.ConsoleErrors(); len(faults) > 0 {
			t.Error(faults)
		}
	}
	b := wallettest.NewBrowser(t, wallettest.WithoutJavaScript())
	b.Open(served(t, nil) + "/docs/search.html?q=token")
	b.See("Searching takes JavaScript")
	b.Follow("index of everything")
	b.See("Index of everything")
}

// Who opens the address of a sandbox or of an API in a browser is led to the manual; programs learn from the server what there is.
func TestABrowserIsLedToTheManual(t *testing.T) {
	production := served(t, nil)
	if answer, _ := ask(t, "GET", production+"/", "Accept", "text/html"); answer.StatusCode != 404 {
		t.Errorf("people who come to a server for production are not the manual's: %d", answer.StatusCode)
	}
	if answer, _ := ask(t, "GET", production+"/rest/v1", "Accept", "text/html"); answer.Header.Get("Location") != "/docs/reference/" {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
	_, url := sandboxed(t)
	for _, story := range []struct {
		method, path, accept string
		status               int
		to                   string
	}{
		{"GET", "/", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", 302, "/docs/"}, {"HEAD", "/", "text/html", 302, "/docs/"},
		{"GET", "/rest/v1", "text/html", 302, "/docs/reference/"}, {"GET", "/rest/v1/", "text/html", 302, "/docs/reference/"},
		{"GET", "/", "*/*", 404, ""}, {"GET", "/", "application/json", 404, ""}, {"GET", "/", "", 404, ""}, {"POST", "/", "text/html", 404, ""},
		{"GET", "/rest/v1/project/1221", "text/html", 404, ""}, {"GET", "//", "text/html", 404, ""},
	} {
		headers := []string{"Accept", story.accept}
		if story.accept == "" {
			headers = nil
		}
		answer, _ := ask(t, story.method, url+story.path, headers...)
		if answer.StatusCode != story.status || answer.Header.Get("Location") != story.to {
			t.Errorf("%s %s, %s: %d %s", story.method, story.path, story.accept, answer.StatusCode, answer.Header.Get("Location"))
		}
		if story.status == http.StatusFound && answer.Header.Get("Vary") != "Accept" {
			t.Errorf("%s is kept for programs too: %v", story.path, answer.Header)
		}
	}
}

// A language that is chosen once holds for the whole page, and for the next one.
func TestALanguageIsChosenOnce(t *testing.T) {
	root := served(t, nil) + "/docs/guides/"
	b := wallettest.NewBrowser(t)
	b.Open(root + "dashboard.html")
	b.See("walletapi.EachProject")
	b.NotSee("Promise.allSettled")
	b.Tick("Command line") // there is one; elsewhere the shell calls curl
	b.See("for wallet in 2112 2113")
	b.See("projects/overview --as $as")
	b.NotSee("walletapi.EachProject")
	b.Open(root + "configuration.html")
	b.See("setting() { sed")
	b.NotSee("walletapi.LoadConfig")
	if faults := b.ConsoleErrors(); len(faults) > 0 {
		t.Error(faults)
	}
}
