package manual_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/manual"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// sandboxed is a sandbox whose manual is at an address of its own.
func sandboxed(t *testing.T) (world *wallettest.Server, address string) {
	t.Helper()
	world = wallettest.NewServer(t, "sqlite:"+t.TempDir()+"/purser.db")
	return world, served(t, boxOf(world))
}

func boxOf(world *wallettest.Server) *manual.Sandbox {
	return &manual.Sandbox{
		Names: world.Manifest.Names,
		Credentials: func(name string) (walletapi.MAC, bool) {
			id, key, ok := world.Manifest.Credentials(name)
			return walletapi.MAC{ID: id, Secret: key.Reveal()}, ok
		},
		Code: func(ctx context.Context) string {
			messages, err := world.Service.ListMessages(ctx, wallettest.Operator, "", 20)
			for _, m := range messages {
				if code := m.Values["code"]; code != "" && err == nil {
					return code
				}
			}
			return ""
		},
		Address: func() string { return world.URL }, Hosts: []string{"sandbox.example"}, Folder: "it's here",
		WallClock: world.Wall.Now, Random: secret.NewIDs([32]byte{1}),
	}
}

var (
	inputs   = regexp.MustCompile(`<input id="[^"]*" name="([^"]*)" value="([^"]*)"`)
	area     = regexp.MustCompile(`(?s)<textarea[^>]*>\n(.*?)</textarea>`)
	selected = regexp.MustCompile(`<option(?: value="([a-z]+)")? selected>([^<]*)<`)
	status   = regexp.MustCompile(`<h2 id="answer">The answer: ([0-9]+) `)
	problem  = regexp.MustCompile(`role="alert">([^<]*)<`)
	listed   = regexp.MustCompile(`href="reference/[a-z]+\.html#([a-zA-Z]+)"><code>([A-Z]+) `)
)

// filledIn is what a browser would send of a page's form as it stands there.
func filledIn(page string) url.Values {
	form := url.Values{}
	for _, input := range inputs.FindAllStringSubmatch(page, -1) {
		form.Set(input[1], html.UnescapeString(input[2]))
	}
	if body := area.FindStringSubmatch(page); body != nil {
		form.Set("body", html.UnescapeString(body[1]))
	}
	if as := selected.FindStringSubmatch(page); as != nil {
		form.Set("as", as[1])
		if as[1] == "" {
			form.Set("as", as[2])
		}
	}
	if strings.Contains(page, `name="prepare" value="yes" checked`) {
		form.Set("prepare", "yes")
	}
	return form
}

// press sends a form as a browser does that shows the page.
func press(t *testing.T, url string, form url.Values, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(headers); i += 2 {
		if request.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	return exchange(t, request)
}

// Each route can be tried with what stands in its form: who opens the page and presses Send sees a success. Routes that change
// something are tried in one world as long as that goes well, and otherwise in a new one.
func TestEveryRouteCanBeTriedAsItStands(t *testing.T) {
	_, address := sandboxed(t)
	_, everything := ask(t, "GET", address+"/docs/everything.html")
	routes := listed.FindAllStringSubmatch(everything, -1)
	if len(routes) < 100 {
		t.Fatalf("only %d routes", len(routes))
	}
	slices.SortStableFunc(routes, func(a, b []string) int { // those that change nothing first
		changes := map[bool]int{true: 1}
		return changes[a[2] != "GET"] - changes[b[2] != "GET"]
	})
	try := func(address, id string) (code, said string) {
		at := address + "/docs/try/" + id
		answer, page := ask(t, "GET", at)
		if answer.StatusCode != 200 {
			t.Fatalf("%s: %d", id, answer.StatusCode)
		}
		_, result := press(t, at, filledIn(page))
		if found := status.FindStringSubmatch(result); found != nil {
			code = found[1]
		}
		return code, result
	}
	for _, r := range routes {
		code, _ := try(address, r[1])
		if code == "200" {
			continue
		}
		var said string
		_, address = sandboxed(t)
		if code, said = try(address, r[1]); code != "200" {
			t.Errorf("%s answers %q: %v %s", r[1], code, problem.FindStringSubmatch(said), said[:min(len(said), strings.Index(said, "<h2>The request")+1)])
		}
	}
}

// The page shows the text that was signed, how curl sends it, how to send it again, and the answer with its headers.
func TestTryingARoute(t *testing.T) {
	_, address := sandboxed(t)
	at := address + "/docs/try/getBalance"
	answer, page := ask(t, "GET", at)
	if answer.Header.Get("Cache-Control") != "no-store" || !strings.Contains(answer.Header.Get("Content-Security-Policy"), "form-action 'self'") || strings.Contains(page, "The answer") {
		t.Errorf("%v %s", answer.Header, page)
	}
	form := filledIn(page)
	form.Set("as", "two-shops")
	form.Set("project", "1221")
	form.Set("param-wallet", "me")
	answer, page = press(t, at, form)
	text := html.UnescapeString(page)
	for _, want := range []string{
		"The answer: 200 OK", "<code>{}</code>", "Paysera-Correlation-Id: ", "Content-Type: application/json",
		"\nGET\n/rest/v1/wallet/me/balance\n127.0.0.1\n", "\nproject_id=1221\n", "curl http://127.0.0.1:", `-H 'Authorization: MAC id="Tw0Shops12", ts="`,
		`purser request GET /wallet/me/balance --as two-shops --project 1221 --sandbox 'it'\''s here'`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if answer.StatusCode != 200 || answer.Header.Get("Cache-Control") != "no-store" || filledIn(page).Get("as") != "two-shops" || filledIn(page).Get("project") != "1221" {
		t.Errorf("%d %v %v", answer.StatusCode, answer.Header, filledIn(page))
	}
	// A refusal is an answer too.
	form.Set("param-wallet", "3300")
	if answer, page = press(t, at, form); answer.StatusCode != 200 || !strings.Contains(page, "The answer: 403 Forbidden") {
		t.Errorf("%d %s", answer.StatusCode, page)
	}
	// Nobody signs.
	form.Set("as", "anonymous")
	form.Set("project", "")
	if _, page = press(t, at, form); !strings.Contains(page, "The answer: 401") || strings.Contains(page, "What was signed") || strings.Contains(page, "purser request") {
		t.Error(page)
	}
}

// What an example needs is sent before it, and the form goes on with what that made.
func TestTryingARouteThatNeedsAnother(t *testing.T) {
	_, address := sandboxed(t)
	at := address + "/docs/try/confirmTransaction"
	_, page := ask(t, "GET", at)
	form := filledIn(page)
	if form.Get("prepare") != "yes" || form.Get("param-key") != "<transaction_key>" {
		t.Fatalf("%v", form)
	}
	_, page = press(t, at, form)
	again := filledIn(page)
	if !strings.Contains(page, "The answer: 200") || !strings.Contains(page, "POST /rest/v1/transaction: 200") || len(again.Get("param-key")) < 20 || again.Get("prepare") != "" {
		t.Fatalf("%v %s", again, page)
	}
	// So that the same transaction is looked at on the page of another route.
	_, page = press(t, address+"/docs/try/getTransaction", url.Values{"as": {"shop"}, "param-key": {again.Get("param-key")}})
	if !strings.Contains(page, "The answer: 200") || !strings.Contains(page, "confirmed") {
		t.Error(page)
	}
}

// Keys and tokens are not shown, neither those that sign nor those that are answered.
func TestTryingShowsNoSecrets(t *testing.T) {
	world, address := sandboxed(t)
	var known []string
	for _, name := range world.Manifest.Names() {
		id, key, _ := world.Manifest.Credentials(name)
		if known = append(known, key.Reveal()); strings.HasPrefix(name, "token:") {
			known = append(known, id)
		}
	}
	for _, as := range world.Manifest.Names() {
		_, page := press(t, address+"/docs/try/getClient", url.Values{"as": {as}})
		for _, one := range known {
			if strings.Contains(page, one) {
				t.Errorf("as %s the page shows a secret: %s", as, page)
			}
		}
		if !strings.Contains(page, "The answer: ") {
			t.Error(page)
		}
	}
	at := address + "/docs/try/issueToken"
	_, page := ask(t, "GET", at)
	_, page = press(t, at, filledIn(page))
	text := html.UnescapeString(page)
	if !strings.Contains(text, `"access_token": "***"`) || !strings.Contains(text, `"mac_key": "***"`) {
		t.Error(text)
	}
	at = address + "/docs/try/activateToken"
	answer, page := ask(t, "GET", at)
	if answer.StatusCode != 200 {
		t.Fatal(answer.StatusCode)
	}
	form := filledIn(page)
	_, page = press(t, at, form)
	if again := filledIn(page); !strings.Contains(page, "The answer: 200") || again.Get("param-access_token") != form.Get("param-access_token") || again.Get("prepare") != "yes" || !strings.Contains(page, "/oauth/v1/tokens/***/activate") {
		t.Errorf("%v %s", again, page)
	}
}

// Another site cannot have anything tried, whatever browser its visitor has, and however its name leads here.
func TestOtherSitesTryNothing(t *testing.T) {
	world, address := sandboxed(t)
	at := address + "/docs/try/createTransaction"
	_, page := ask(t, "GET", at)
	form := filledIn(page)
	before := len(world.Log())
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "same-site", "Origin", "https://sub.example"},
		{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"},
		{"Host", "evil.example", "Origin", "http://evil.example"}, {"Host", "evil.example:8080"}, {"Host", "127.0.0.1.evil.example"},
	} {
		answer, page := press(t, at, form, headers...)
		if answer.StatusCode != http.StatusForbidden || strings.Contains(page, "The answer") {
			t.Errorf("%v: %d %s", headers, answer.StatusCode, page)
		}
	}
	if after := len(world.Log()); after != before {
		t.Error("a request was sent")
	}
	for _, host := range []string{"localhost:1", "[::1]:8080", "sandbox.example", "Sandbox.Example:8080", "purser.localhost"} {
		if answer, page := press(t, at, form, "Host", host); answer.StatusCode != 200 {
			t.Errorf("%s: %d %s", host, answer.StatusCode, page)
		}
	}
}

// What cannot be sent is said on the page, with what was typed still there.
func TestFormsThatCannotBeSent(t *testing.T) {
	world, address := sandboxed(t)
	at := address + "/docs/try/getProject"
	for want, form := range map[string]url.Values{
		"id stands in the path: it cannot be empty": {"as": {"shop"}},
		"id stands in the path":                     {"as": {"shop"}, "param-id": {".."}},
		"Nobody in the sample world is called":      {"as": {"<b>mallory"}, "param-id": {"1221"}},
		"The project is a number, and":              {"as": {"shop"}, "param-id": {"1221"}, "project": {"x"}},
		"The place is a number, and":                {"as": {"shop"}, "param-id": {"1221"}, "place": {"99999999999"}},
		"Nobody signs, so there is nothing":         {"as": {"anonymous"}, "param-id": {"1221"}, "project": {"1221"}},
	} {
		answer, page := press(t, at, form)
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(page, want) || strings.Contains(page, "<b>") || filledIn(page).Get("param-id") != form.Get("param-id") {
			t.Errorf("%v: %d %s", form, answer.StatusCode, page)
		}
	}
	// What somebody types stays within the path and the query that it belongs to.
	_, page := press(t, at, url.Values{"as": {"shop"}, "param-id": {"1221/administrators?x=1#y"}, "param-fields": {"a&b=c, *"}})
	if text := html.UnescapeString(page); !strings.Contains(text, "/rest/v1/project/1221%2Fadministrators%3Fx=1%23y?fields=a%26b%3Dc,+*\n") {
		t.Error(text)
	}
	if answer, page := press(t, at, url.Values{"body": {strings.Repeat("x", 300<<10)}}); answer.StatusCode != 400 || !strings.Contains(page, "The form cannot be read") {
		t.Errorf("%d %s", answer.StatusCode, page)
	}
	if answer, _ := ask(t, "POST", at, "Sec-Fetch-Site", "same-origin"); answer.StatusCode != 400 {
		t.Errorf("without a form: %d", answer.StatusCode)
	}
	if answer, _ := ask(t, "PUT", at); answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
	if answer, page := ask(t, "GET", address+"/docs/try/nothing"); answer.StatusCode != 404 || !strings.Contains(page, `href="../style.css"`) {
		t.Errorf("%d %s", answer.StatusCode, page)
	}
	box := boxOf(world)
	box.Address = func() string { return "http://127.0.0.1:1" }
	if answer, page := press(t, served(t, box)+"/docs/try/getServer", url.Values{"as": {"anonymous"}}); answer.StatusCode != 400 || !strings.Contains(page, "There was no answer") {
		t.Errorf("%d %s", answer.StatusCode, page)
	}
}

// In the sandbox each route leads to where it can be tried.
func TestTheReferenceLeadsToTrying(t *testing.T) {
	_, address := sandboxed(t)
	_, page := ask(t, "GET", address+"/docs/reference/project.html")
	if strings.Count(page, `class="call"`) == 0 || strings.Count(page, `class="call"`) != strings.Count(page, ">Try it<") || !strings.Contains(page, `href="../try/getProject"`) {
		t.Error(page)
	}
}

// Somebody opens the manual, walks to a route, tries it and sees the answer, in a real browser without JavaScript.
func TestTryingARouteInABrowser(t *testing.T) {
	_, address := sandboxed(t)
	b := wallettest.NewBrowser(t, wallettest.WithoutJavaScript())
	b.Open(address + "/docs/")
	b.See("A first signed request")
	b.Follow("API reference")
	b.Follow("GET /rest/v1/project/{id}")
	b.See("For a caller that represents it")
	b.Open(address + "/docs/try/getProject")
	b.Fill("Who signs", "shop")
	b.Fill("id path, needed", "1221")
	b.Press("Send")
	b.See("The answer: 200 OK")
	b.See(`"title": "My E-Commerce Store"`)
	b.See("purser request GET /project/1221")
	if errors := b.ConsoleErrors(); len(errors) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(errors, "\n"))
	}
}

// The site that was written opens from its folder, with its style, and its pages lead to each other.
func TestTheWrittenSiteOpensFromItsFolder(t *testing.T) {
	folder, _ := written(t)
	b := wallettest.NewBrowser(t)
	b.Open("file://" + folder + "/index.html")
	b.See("An open, self-hosted Wallet API")
	b.Follow("Allowances")
	b.See("Allowances")
	b.Follow("API reference")
	b.Follow("POST /rest/v1/transaction")
	b.See("Ask for money")
	b.NotSee("Try it")
	if errors := b.ConsoleErrors(); len(errors) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(errors, "\n"))
	}
}
