package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// Without a sandbox there is no inbox, and nothing leads there.
func TestARealServerHasNoInbox(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("lt")
		b.get("/frontend/inbox").shows(404, "Tokio puslapio nėra.")
		b.get("/frontend/sign-in").shows(200).hides("/inbox\"")
	}, func(o *service.Options, _ *pages.Options) { o.Sandbox = false })
}

// Another site cannot have a form of ours sent, whatever browser its visitor has.
func TestFormsOfOtherSitesDoNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		consent := ask(stall, "email")
		person := b.get(consent).value("person")
		for _, foreign := range [][]string{
			{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "same-site", "Origin", "https://sub.example"},
			{"Sec-Fetch-Site", "cross-site", "Origin", "null"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"},
		} {
			for path, form := range map[string]url.Values{
				consent:                      fields("person", person, "answer", "allow"),
				"/frontend/sign-out":         fields(),
				"/frontend/sign-in":          fields("contact", ritasPhone, "password", ritasPassword),
				"/frontend/account/profile":  fields("display_name", "Changed"),
				"/frontend/account/password": fields("present", onasPassword, "password", newPassword),
			} {
				b.do(http.MethodPost, path, form, foreign...).shows(403, "sent from another site")
			}
		}
		b.get("/frontend/account").shows(200, onasEmail).hides("Changed")
		b.get("/frontend/apps").shows(200, "None at the moment.")
		// An old browser over plain http says where a form is from, and nothing else.
		b.do(http.MethodPost, "/frontend/account/profile", fields("display_name", "Changed"), "Sec-Fetch-Site", "", "Origin", w.url).leads("/frontend/account?notice=saved")
	})
}

// A GET acts on nothing, and what is for people who are signed in is for them alone.
func TestPagesForPeopleWhoAreSignedIn(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		for _, path := range []string{"/account", "/apps", "/projects/1", "/account/confirm/x"} {
			b.get("/frontend/lt" + path).leads("/frontend/lt/sign-in?next=" + url.QueryEscape("/frontend/lt"+path))
		}
		for path, next := range map[string]string{
			"/account/profile": "/account", "/account/contact": "/account", "/account/password": "/account", "/account/pin": "/account", "/account/invitation/7": "/account",
			"/account/confirm/x": "/account/confirm/x", "/projects/1/invite": "/projects/1", "/projects/1/withdraw": "/projects/1", "/projects/1/remove": "/projects/1",
			"/apps/1/revoke": "/apps", "/apps/1/share": "/apps", "/allowances/1/cancel": "/apps",
		} {
			if next != path {
				b.get("/frontend/lt" + path).leads("/frontend/lt" + next)
			}
			b.post("/frontend"+path, "contact", "x@example.com", "display_name", "x").leads("/frontend/sign-in?next=" + url.QueryEscape("/frontend"+next))
		}
		consent := ask(stall, "email")
		b.post(consent, "person", "1", "answer", "allow").leads("/frontend/sign-in?next=" + url.QueryEscape(consent))
	})
}

// Every page takes its methods and no others, and HEAD is GET without the body.
func TestMethods(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		for path, allow := range map[string]string{
			"/sign-in": "GET, HEAD, POST", "/sign-out": "POST", "/oauth": "GET, HEAD, POST", "/account": "GET, HEAD", "/account/pin": "POST", "/inbox": "GET, HEAD", "/apps/1/revoke": "POST",
		} {
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, "BREW"} {
				page := b.do(method, "/frontend"+path, nil).shows(405, "cannot be asked for like that")
				if got := page.Header.Get("Allow"); got != allow {
					t.Errorf("%s allows %q", path, got)
				}
			}
		}
		b.get("/frontend/sign-out").shows(405)
		b.post("/frontend/account").shows(405)
		page := b.get("/frontend/sign-in")
		head := b.do(http.MethodHead, "/frontend/sign-in", nil).shows(200)
		if head.Body != "" || head.Header.Get("Content-Length") != page.Header.Get("Content-Length") {
			t.Errorf("HEAD answers %q with a length of %s", head.Body, head.Header.Get("Content-Length"))
		}
	})
}

// What is no page is a page that says so.
func TestWhatIsNoPage(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		for _, path := range []string{
			"/frontend", "/frontend/", "/frontend/en", "/frontend/en/", "/frontend/eng/sign-in", "/frontend/nothing", "/frontend/sign-in/", "/frontend//sign-in", "/frontend/./sign-in",
			"/frontend/../frontend/sign-in", "/frontend/EN/sign-in", "/frontend/sign%2Din", "/frontend/sign%2Fin", "/frontend/oauth/", "/frontend/oauth/a/b", "/frontend/oauth/%2e%2e",
			"/frontend/en/lt/sign-in", "/frontend/wallet/upload-funds", "/sign-in", "/frontend/no%20page", "/frontendsign-in", "/", "/frontend/%22%3E%3Cscript%3E",
		} {
			b.get(path)
			if b.at.Status != 404 || !strings.Contains(b.at.read(), "There is no such page.") {
				t.Errorf("%s answers %d %s", path, b.at.Status, b.at.read())
			}
			b.at.has(b.at.Header.Get("Paysera-Correlation-Id"))
		}
		b.do(http.MethodPut, "/frontend/nothing", nil).shows(404)
		b.get("/frontend/confirm/%3Cscript%3E")
	})
}

// The language is the address's, else the browser's, else Lithuanian; links stay in the address's.
func TestLanguages(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		const english, lithuanian = "Sign in", "Prisijungimas"
		for header, want := range map[string]string{
			"": lithuanian, "en": english, "lt": lithuanian, "en-US,en;q=0.9,lt;q=0.8": english, "lt-LT,lt;q=0.9,en;q=0.8": lithuanian, "de,en;q=0.5,lt;q=0.4": english,
			"de,lt;q=0.5,en;q=0.4": lithuanian, "de-DE": english, "*": lithuanian, "lt;q=0,en": english, "EN": english, "en;q=x,lt;q=0.1": lithuanian, ";;,,": lithuanian,
		} {
			b := w.browser(header)
			b.get("/frontend/sign-in").shows(200, want).has(`action="/frontend/sign-in"`)
			b.get("/frontend/en/sign-in").shows(200, english).has(`href="/frontend/lt/sign-in"`, `action="/frontend/en/sign-in"`, `href="/frontend/en/register"`)
			b.get("/frontend/lt/sign-in").shows(200, lithuanian).has(`href="/frontend/en/sign-in"`)
			b.get("/frontend/de/sign-in?next=%2Ffrontend%2Fapps").shows(200, english).has(`action="/frontend/de/sign-in?next=%2Ffrontend%2Fapps"`, `href="/frontend/lt/sign-in?next=%2Ffrontend%2Fapps"`)
		}
	})
}

// The style sheet is kept for long under an address that changes with it.
func TestTheStyleSheet(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		address := regexp.MustCompile(`href="(/frontend/style\.css\?v=[0-9a-f]{16})"`).FindStringSubmatch(b.get("/frontend/en/sign-in").Body)[1]
		sheet := b.get(address)
		if sheet.Status != 200 || sheet.Header.Get("Content-Type") != "text/css; charset=utf-8" || sheet.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("the style sheet is answered %d %v", sheet.Status, sheet.Header)
		}
		for _, need := range []string{"prefers-color-scheme: dark", ":focus-visible"} {
			if !strings.Contains(sheet.Body, need) {
				t.Errorf("the style sheet has no %s", need)
			}
		}
		if got := b.get("/frontend/style.css?v=old").Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("another version is kept: %s", got)
		}
		if got := b.do(http.MethodPut, "/frontend/style.css", nil).Status; got != http.StatusMethodNotAllowed {
			t.Errorf("PUT answers %d", got)
		}
	})
}

// A form that is too large, or not a form, is refused before anything is done.
func TestForms(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		b.post("/frontend/sign-in", "contact", strings.Repeat("x", 64<<10)).shows(413, "too large")
		b.do(http.MethodPost, "/frontend/sign-in", fields(), "Content-Type", "application/json").shows(400, "cannot be read")
		b.do(http.MethodPost, "/frontend/sign-in", fields(), "Content-Type", "").shows(400)
		b.post("/frontend/sign-in", "contact", "\xff\x00<b>", "password", "\xff").shows(400).hides("<b>")
		b.post("/frontend/register", "display_name", "\xff\x00", "contact", "\x00@example.com", "password", newPassword).shows(400)
		b.post("/frontend/register", "display_name", "J\x00", "contact", "j@example.com", "password", newPassword).shows(400)
		if b.at.mistake("display_name") == "" {
			t.Errorf("a control character is answered %s", b.at.main())
		}
		b.post("/frontend/sign-in", "contact", onasEmail, "contact", ritasPhone, "password", onasPassword).leads("/frontend/account")
	})
}

// The log has a line for each request, and none of its secrets.
func TestTheLogHoldsNoSecrets(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		confirm := b.post("/frontend/register", "display_name", "Jonas", "contact", "jonas@example.com", "password", newPassword).leads("/frontend/confirm/…")
		b.get(confirm)
		code := w.code("jonas@example.com")
		b.post(confirm, "code", code).leads("/frontend/sign-in?notice=confirmed")
		b.post("/frontend/sign-in", "contact", "jonas@example.com", "password", newPassword).leads("/frontend/account")
		consent := ask(stall, "email")
		b.get(consent).shows(200)
		b.get("/frontend/geheim").shows(404)
		log := w.log.String()
		for _, secret := range []string{"jonas", newPassword, code, strings.TrimPrefix(confirm, "/frontend/confirm/"), strings.TrimPrefix(b.cookie(), "purser="), "stall.example", "geheim", "next="} {
			if strings.Contains(log, secret) {
				t.Errorf("the log holds %q:\n%s", secret, log)
			}
		}
		for _, line := range []string{`msg=page id=`, `route="POST /frontend/confirm/{handle}" status=303`, `route="GET /frontend/oauth" status=200 took=0s user=4`, `route="GET /frontend/no page" status=404 took=0s user=4 error=not_found`} {
			if !strings.Contains(log, line) {
				t.Errorf("the log has no %q:\n%s", line, log)
			}
		}
		if strings.Count(log, "\n") != 6 {
			t.Errorf("the log has %d lines for 6 requests", strings.Count(log, "\n"))
		}
		trail, err := w.AuditTrail(ctx, operator, "user", 4, 20)
		if err != nil || len(trail) == 0 || trail[0].From.Address != b.address || !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(trail[0].From.RequestID) {
			t.Errorf("the audit trail says %+v, %v", trail, err)
		}
	})
}

// A mistake of ours is a page, an error in the log, and nothing of it on the page.
func TestAPanicIsAPage(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		handler := pages.New(w.options)
		pages.Broken(handler)
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		w.url = server.URL
		w.browser("en").get("/frontend/broken").shows(500, "Something went wrong with us.").hides("a mistake", "goroutine")
		if log := w.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, `panic="a mistake"`) || !strings.Contains(log, "safety_test") && !strings.Contains(log, "export_test") {
			t.Errorf("the log says %s", log)
		}
	})
}

// When the database is gone, people are told so in their language.
func TestWithoutADatabase(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		b := w.browser("lt")
		b.get("/frontend/sign-in").shows(200)
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		r := httptest.NewRequest(http.MethodPost, "/frontend/sign-in", strings.NewReader("contact=x&password=y")).WithContext(cancelled)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		answer := httptest.NewRecorder()
		pages.New(w.options).ServeHTTP(answer, r)
		if answer.Code != 503 || !strings.Contains(answer.Body.String(), "Nespėjome atsakyti laiku") {
			t.Errorf("answered %d %s", answer.Code, answer.Body)
		}
	})
}

// Every page is there for the operator's eyes, so that nobody adds one without a thought for its methods.
func TestPaths(t *testing.T) {
	for _, path := range pages.Paths() {
		if !strings.HasPrefix(path, "/") || regexp.MustCompile(`^/[a-z]{2}(/|$)`).MatchString(path) {
			t.Errorf("%s could be taken for a language", path)
		}
	}
}

// Whoever is made inactive is out at once.
func TestWhoIsMadeInactiveIsOut(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		out := wallet.InactiveUser
		if _, err := w.UpdateUser(ctx, operator, 1, service.UserChange{Standing: &out}, true); err != nil {
			t.Fatal(err)
		}
		b.get("/frontend/account").leads("/frontend/sign-in?next=%2Ffrontend%2Faccount")
		b.post("/frontend/sign-in", "contact", onasEmail, "password", onasPassword).shows(400, "is wrong")
	})
}
