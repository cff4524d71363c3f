package manual_test

import (
	"compress/gzip"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/manual"
	"github.com/purserhq/purser/internal/wallettest"
)

// written is the whole site as `purser docs` writes it, by the names of its files.
func written(t *testing.T) (folder string, files map[string]string) {
	t.Helper()
	folder, files = t.TempDir(), map[string]string{}
	site := manual.New(manual.Options{Files: purser.Manual, Exchanges: purser.Exchanges, Version: "test"})
	count, err := site.Write(folder)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(folder, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		below, _ := filepath.Rel(folder, name)
		files[filepath.ToSlash(below)] = string(content)
		return err
	})
	if err != nil || len(files) != count || count < 35 {
		t.Fatalf("%d of %d files, %v", len(files), count, err)
	}
	return folder, files
}

var (
	leads    = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	anchored = regexp.MustCompile(`id="([^"]*)"`)
)

// Every link of every page leads to a file of the site and to a place in it, and an anchor stands once on a page.
func TestLinksOfTheSiteLeadSomewhere(t *testing.T) {
	_, files := written(t)
	anchors := map[string][]string{}
	for name, content := range files {
		if path.Ext(name) != ".html" {
			continue
		}
		for _, match := range anchored.FindAllStringSubmatch(content, -1) {
			if id := html.UnescapeString(match[1]); slices.Contains(anchors[name], id) {
				t.Errorf("%s has two places called %s", name, id)
			} else {
				anchors[name] = append(anchors[name], id)
			}
		}
	}
	reached := map[string]bool{"index.html": true, "style.css": true}
	for name, content := range files {
		if path.Ext(name) != ".html" {
			continue
		}
		for _, match := range leads.FindAllStringSubmatch(content, -1) {
			to := html.UnescapeString(match[1])
			if strings.HasPrefix(to, "https://") || to == "data:," {
				continue
			}
			file, fragment, _ := strings.Cut(to, "#")
			target := path.Join(path.Dir(name), file)
			if file == "" {
				target = name
			}
			reached[target] = true
			if _, there := files[target]; !there {
				t.Errorf("%s: %s leads nowhere", name, to)
			} else if fragment != "" && !slices.Contains(anchors[target], fragment) {
				t.Errorf("%s: %s leads to no place on that page", name, to)
			}
		}
	}
	for name := range files {
		if !reached[name] {
			t.Errorf("nothing leads to %s", name)
		}
	}
}

// ownScript is one of the site's own.
var ownScript = regexp.MustCompile(`<script src="(?:(?:\.\./)*sheets|passages|search)\.js" defer>`)

// The site is read offline, and without scripts of others: nothing is loaded but its own style sheet and pictures, and
// pages have a title and say what they are.
func TestTheSiteLoadsNothingFromElsewhere(t *testing.T) {
	_, files := written(t)
	foreign := regexp.MustCompile(`<script|<iframe|<object|<embed|<form [^>]*method| style="| on[a-z]+="|javascript:|<(?:img|link|source)[^>]*(?:src|href)="(?:https?:)?//|@import|url\(`)
	for name, content := range files {
		if path.Ext(name) != ".html" && path.Ext(name) != ".css" {
			continue
		}
		content = ownScript.ReplaceAllString(content, "")
		if bad := foreign.FindString(content); bad != "" {
			t.Errorf("%s holds %s", name, bad)
		}
		if path.Ext(name) == ".html" && (strings.Count(content, "<h1") != 1 || !strings.Contains(content, `<html lang="en">`) || !strings.Contains(content, `name="viewport"`) ||
			regexp.MustCompile(`<title>[^<]+</title>`).FindString(content) == "" || !strings.Contains(content, "can be tried in the manual of a sandbox")) {
			t.Errorf("%s lacks a heading, a title, its language, what phones need, or a word on where routes can be tried", name)
		}
	}
	if !strings.Contains(files["style.css"], "prefers-color-scheme: dark") {
		t.Error("there is no style for the dark")
	}
}

// Blocks of code that say the same in several languages are shown one at a time, and those of the guides alone do: on other pages each
// is another step, and must not be hidden behind the one before.
func TestStepsAreNotHiddenBehindEachOther(t *testing.T) {
	_, files := written(t)
	for name, content := range files {
		inGuides := strings.HasPrefix(name, "guides/") && name != "guides/index.html"
		if has := strings.Contains(content, `<div class="sheets"`); has != inGuides && strings.HasSuffix(name, ".html") {
			t.Errorf("%s: code in several languages side by side: %v; put a sentence between blocks that are steps", name, has)
		}
	}
}

// The site stays small: it is carried by every binary, and read over phone networks.
func TestTheSiteIsSmall(t *testing.T) {
	_, files := written(t)
	const most, page, sheet = 5 << 20, 400 << 10, 12 << 10
	total := 0
	for name, content := range files {
		if total += len(content); len(content) > page && name != "openapi.yaml" && name != "passages.js" {
			t.Errorf("%s has %d bytes, more than %d", name, len(content), page)
		}
	}
	if total > most || len(files["style.css"]) > sheet {
		t.Errorf("%d bytes, and %d of style", total, len(files["style.css"]))
	}
}

var route = regexp.MustCompile(`<h2 id="[^"]+"><span class="method [A-Z]+">([A-Z]+)</span> <code>([^<]+)</code>`)

// A reader of the reference learns of every route, and of none that does not exist; of each parameter, field, answer,
// refusal and example.
func TestTheReferenceHasTheServersRoutes(t *testing.T) {
	_, files := written(t)
	sections := map[string]string{}
	for name, content := range files {
		if !strings.HasPrefix(name, "reference/") {
			continue
		}
		for section := range strings.SplitSeq(content, `<section class="call">`) {
			if found := route.FindStringSubmatch(section); found != nil {
				sections[found[1]+" "+html.UnescapeString(found[2])] = section
			}
		}
	}
	var shown []string
	for pattern := range sections {
		shown = append(shown, pattern)
	}
	slices.Sort(shown)
	if diff := cmp.Diff(httpapi.Patterns(), shown); diff != "" {
		t.Errorf("routes and the reference differ (-server +reference)\n%s", diff)
	}
	doc, err := wallettest.Contract()
	if err != nil {
		t.Fatal(err)
	}
	for route, item := range doc.Paths.Map() {
		for method, call := range item.Operations() {
			section := sections[method+" "+route]
			wants := []string{call.Summary}
			for _, p := range append(item.Parameters, call.Parameters...) {
				wants = append(wants, "<code>"+p.Value.Name+"</code>")
			}
			if call.RequestBody != nil {
				for kind, content := range call.RequestBody.Value.Content {
					wants = append(wants, "<code>"+kind+"</code>")
					for name := range content.Schema.Value.Properties {
						wants = append(wants, "<code>"+name+"</code>")
					}
				}
			}
			examples := 0
			for status, response := range call.Responses.Map() {
				if !slices.Contains([]string{"413", "429", "500", "503"}, status) {
					wants = append(wants, ">"+status+"</")
				}
				if content := response.Value.Content["application/json"]; response.Ref == "" && content != nil {
					examples += len(content.Examples)
				}
			}
			for _, want := range wants {
				if !strings.Contains(section, html.EscapeString(want)) && !strings.Contains(section, want) {
					t.Errorf("%s %s: the reference lacks %q", method, route, want)
				}
			}
			if got := strings.Count(section, "<summary>Example: "); got < examples {
				t.Errorf("%s %s: %d of %d examples", method, route, got, examples)
			}
		}
	}
}

// Objects have all of their fields, and error codes lead to where they are explained.
func TestTheReferenceHasTheObjects(t *testing.T) {
	_, files := written(t)
	doc, err := wallettest.Contract()
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]string{}
	for section := range strings.SplitSeq(files["reference/objects.html"], "<section>") {
		if id := anchored.FindStringSubmatch(section); id != nil {
			objects[id[1]] = section
		}
	}
	for name, schema := range doc.Components.Schemas {
		for field := range schema.Value.Properties {
			if !strings.Contains(objects[name], "<code>"+field+"</code>") {
				t.Errorf("%s lacks %s", name, field)
			}
		}
	}
	for _, code := range doc.Components.Schemas["ErrorCode"].Value.Enum {
		if link := `errors.html#` + code.(string) + `"`; !strings.Contains(files["reference/refusals.html"], link) && !strings.Contains(files["reference/objects.html"], link) {
			t.Errorf("nothing leads to %s", code)
		}
	}
}

// served is the site at /docs, beside a server that knows nothing.
func served(t *testing.T, box *manual.Sandbox) string {
	t.Helper()
	site := manual.New(manual.Options{Files: purser.Manual, Exchanges: purser.Exchanges, Sandbox: box})
	server := httptest.NewServer(manual.Beside(http.NotFoundHandler(), site))
	t.Cleanup(server.Close)
	return server.URL
}

// ask sends a request without a body, and follows nothing.
func ask(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return exchange(t, request)
}

func exchange(t *testing.T, request *http.Request) (*http.Response, string) {
	t.Helper()
	answer, err := (&http.Transport{DisableCompression: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// Pages are answered as files are: with a tag, compressed, asked for again without being sent again, under a policy that
// allows nothing but their style.
func TestServingTheSite(t *testing.T) {
	url := served(t, nil)
	if answer, _ := ask(t, "GET", url+"/docs"); answer.StatusCode != 308 || answer.Header.Get("Location") != "/docs/" {
		t.Errorf("/docs: %d %v", answer.StatusCode, answer.Header)
	}
	answer, plain := ask(t, "GET", url+"/docs/")
	h := answer.Header
	tag := h.Get("ETag")
	if answer.StatusCode != 200 || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Cache-Control") != "no-cache" || tag == "" || h.Get("Vary") != "Accept-Encoding" || !strings.Contains(plain, "<h1") {
		t.Errorf("%d %v", answer.StatusCode, h)
	}
	if policy := h.Get("Content-Security-Policy"); policy != "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; script-src 'self'" {
		t.Errorf("the policy is %s", policy)
	}
	answer, packed := ask(t, "GET", url+"/docs/index.html", "Accept-Encoding", "br, gzip;q=0.5")
	unpacked, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v %v", answer.Header, err)
	}
	if text, err := io.ReadAll(unpacked); err != nil || string(text) != plain || answer.Header.Get("ETag") != tag {
		t.Errorf("compressed it is another page, %v", err)
	}
	if answer, _ := ask(t, "GET", url+"/docs/", "Accept-Encoding", "gzip;q=0"); answer.Header.Get("Content-Encoding") != "" {
		t.Error("gzip is sent to who does not read it")
	}
	if answer, body := ask(t, "GET", url+"/docs/", "If-None-Match", `"x", `+tag); answer.StatusCode != 304 || body != "" || answer.Header.Get("ETag") != tag {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
	if answer, body := ask(t, "HEAD", url+"/docs/"); answer.StatusCode != 200 || body != "" || answer.Header.Get("ETag") != tag || answer.ContentLength != int64(len(plain)) {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
	if answer, body := ask(t, "GET", url+"/docs/openapi.yaml"); answer.StatusCode != 200 || !strings.HasPrefix(body, "# The Wallet API") || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
	for name, want := range map[string]int{
		"/docs/nowhere.html": 404, "/docs/reference/nowhere.html": 404, "/docs/nothing/": 404, "/docs/../README.md": 404, "/docs/README.md": 404, "/docs/sandbox.md": 404, "/docs/%00.svg": 404,
		"/docs/reference/": 200, "/docs/style.css": 200, "/docs/reference/project.html": 200, "/docs/everything.html": 200, "/documents": 404, "/docs/try/getProject": 404,
	} {
		answer, body := ask(t, "GET", url+name)
		if answer.StatusCode != want || answer.StatusCode == 404 && name != "/documents" && !strings.Contains(body, "There is no such page") && strings.HasPrefix(name, "/docs/") && !strings.Contains(name, "..") {
			t.Errorf("%s: %d, want %d: %.200s", name, answer.StatusCode, want, body)
		}
		if strings.Contains(body, "<form method") || strings.Contains(body, "/try/") {
			t.Errorf("%s has something to try, and there is no sandbox", name)
		}
	}
	for _, name := range []string{"/docs/", "/docs/try/getProject", "/docs/style.css"} {
		if answer, _ := ask(t, "POST", url+name); answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d %v", name, answer.StatusCode, answer.Header)
		}
	}
}

// A folder that holds other things is left alone; an earlier manual is written over.
func TestWritingIntoAFolder(t *testing.T) {
	folder, _ := written(t)
	site := manual.New(manual.Options{Files: purser.Manual, Exchanges: purser.Exchanges})
	if _, err := site.Write(folder); err != nil {
		t.Errorf("over an earlier one: %v", err)
	}
	other := t.TempDir()
	for _, name := range []string{"style.css", "index.html"} {
		if err := os.WriteFile(filepath.Join(other, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := site.Write(other); err == nil || !strings.Contains(err.Error(), "holds something else") {
			t.Errorf("over something else: %v", err)
		}
	}
	if mine, err := os.ReadFile(filepath.Join(other, "index.html")); err != nil || string(mine) != "mine" {
		t.Errorf("%s %v", mine, err)
	}
	if _, err := site.Write(filepath.Join(other, "index.html")); err == nil {
		t.Error("a file is no folder")
	}
}
