package pages_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

const newPassword = "raudonas obuolys krenta"

// The whole way of somebody new: an account, a code, and in.
func TestSomebodyNewRegistersAndSignsIn(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en-GB,en;q=0.9")
		b.get("/frontend/register").shows(200, "Create an account", "E-mail address or phone number").has(`autocomplete="new-password"`, `<html lang="en">`)
		confirm := b.post("/frontend/register", "display_name", "Jonas", "contact", "Jonas@Example.com", "password", newPassword).leads("/frontend/confirm/…")
		b.get(confirm).shows(200, "Enter the code").has(`autocomplete="one-time-code"`, `inputmode="numeric"`)
		if wrong := b.post(confirm, "code", "000000x").shows(400).mistake("code"); !strings.Contains(wrong, "wrong") {
			t.Errorf("a wrong code is answered %q", wrong)
		}
		b.at.hides("000000x")
		in := b.post(confirm, "code", w.code("jonas@example.com")).leads("/frontend/sign-in?notice=confirmed")
		b.get(in).shows(200, "Thank you, that is confirmed. Now sign in.").has(`autocomplete="username"`, `autocomplete="current-password"`)
		b.post(in, "contact", "jonas@example.com", "password", newPassword).leads("/frontend/account")
		b.get("/frontend/account").shows(200, "My account", "jonas@example.com", "EVP")
		b.post("/frontend/sign-out").leads("/frontend/sign-in?notice=signed-out")
		b.get("/frontend/account").leads("/frontend/sign-in?next=%2Ffrontend%2Faccount")
	})
}

// A phone number does as well, in Lithuanian, which is what a browser gets that says nothing.
func TestSomebodyRegistersWithAPhone(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("")
		confirm := b.post("/frontend/register", "display_name", "Jonas", "contact", "+370 600 55555", "password", newPassword).leads("/frontend/confirm/…")
		b.get(confirm).shows(200, "Įveskite kodą")
		in := b.post(confirm, "code", " "+w.code("37060055555")[:3]+" "+w.code("37060055555")[3:]).leads("/frontend/sign-in?notice=confirmed")
		b.post(in, "contact", "+37060055555", "password", newPassword).leads("/frontend/account")
		if locale := w.messages("37060055555")[0].Locale; locale != "lt" {
			t.Errorf("the code was sent in %q", locale)
		}
	})
}

// What is wrong stands beside its field, in the page's language, and what was typed stays but for secrets.
func TestARefusedRegistrationKeepsWhatWasTyped(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		for language, words := range map[string][3]string{
			"en": {"Write an e-mail address", "Use at least 8 characters", "too easy to guess"},
			"lt": {"Įrašykite el. pašto adresą", "mažiausias ženklų skaičius – 8", "lengva atspėti"},
		} {
			b := w.browser("")
			path := "/frontend/" + language + "/register"
			for _, contact := range []string{"jonas", "jonas@", "", "12", "a b@example.com"} {
				page := b.post(path, "display_name", `J"onas`, "contact", contact, "password", newPassword).shows(400)
				if got := page.mistake("contact"); !strings.Contains(got, words[0]) {
					t.Errorf("%q is answered %q", contact, got)
				}
				page.hides(newPassword)
				if page.value("display_name") != "J&#34;onas" || page.value("contact") != contact {
					t.Errorf("the form holds %q and %q", page.value("display_name"), page.value("contact"))
				}
			}
			page := b.post(path, "display_name", "Jonas", "contact", "jonas@example.com", "password", "kort").shows(400)
			if got := page.mistake("password"); !strings.Contains(got, words[1]) {
				t.Errorf("a short password is answered %q", got)
			}
			page = b.post(path, "display_name", "Jonas", "contact", "jonas@example.com", "password", "password1").shows(400).hides("password1")
			if got := page.mistake("password"); !strings.Contains(got, words[2]) {
				t.Errorf("a risky password is answered %q", got)
			}
			page.has(`aria-invalid="true"`, `role="alert"`, `aria-describedby="password-mistake password-hint"`)
		}
	})
}

// handles are what differs between two answers by nature.
var handles = regexp.MustCompile(`[A-Za-z0-9]{32}|[0-9a-f]{16}`)

// alike expects two answers to be the same to the byte, but for handles and request ids.
func alike(t *testing.T, what string, a, b *answer) {
	t.Helper()
	blank := func(x *answer) string {
		var head strings.Builder
		h := x.Header.Clone()
		h.Del("Date")
		if err := h.Write(&head); err != nil {
			t.Fatal(err)
		}
		return handles.ReplaceAllString(head.String()+x.Body, "…")
	}
	if a.Status != b.Status || blank(a) != blank(b) {
		t.Errorf("%s: the answers differ\n%d %s\n%d %s", what, a.Status, blank(a), b.Status, blank(b))
	}
}

// Nobody learns from a page who has an account.
func TestKnownAndUnknownContactsAreAnsweredAlike(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		known, unknown := w.browser("en"), w.browser("en")
		for _, step := range []struct{ path, known, unknown string }{
			{"/frontend/register", onasEmail, "jurga@example.com"},
			{"/frontend/reset-password", onasEmail, "nobody@example.com"},
			{"/frontend/reset-password", ritasPhone, "37060099999"},
		} {
			form := func(contact string) []string {
				return []string{"display_name", "X", "contact", contact, "password", newPassword}
			}
			a, b := known.post(step.path, form(step.known)...), unknown.post(step.path, form(step.unknown)...)
			alike(t, step.path, a, b)
			next, other := a.leads("/frontend/…"), b.leads("/frontend/…")
			alike(t, "the page after "+step.path, known.get(next), unknown.get(other))
			a = known.post(next, "code", "123456", "password", newPassword).shows(400)
			alike(t, "a wrong code after "+step.path, a, unknown.post(other, "code", "123456", "password", newPassword))
		}
		alike(t, "signing in", known.post("/frontend/sign-in", "contact", onasEmail, "password", "x").shows(400, "is wrong").hides(onasPassword),
			unknown.post("/frontend/sign-in", "contact", "a"+onasEmail[1:], "password", "x").swap("a"+onasEmail[1:], onasEmail))
		if kind := w.messages(onasEmail); kind[1].Kind != wallet.AlreadyRegistered {
			t.Errorf("who was registered already was told %v", kind)
		}
	})
}

// swap puts one word in place of another, where an answer repeats what was typed.
func (a *answer) swap(old, with string) *answer {
	other := *a
	other.Body = strings.ReplaceAll(a.Body, old, with)
	return &other
}

// Who forgot the password sets a new one, and is signed out everywhere.
func TestAForgottenPasswordIsSetAnew(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		elsewhere := w.signedIn("lt", onasEmail, onasPassword)
		b := w.browser("en")
		b.post("/frontend/reset-password", "contact", "nobody").shows(400)
		if b.at.mistake("contact") == "" || b.at.value("contact") != "nobody" {
			t.Errorf("what is no contact is answered %s", b.at.main())
		}
		reset := b.post("/frontend/reset-password?next=%2Ffrontend%2Fapps", "contact", onasEmail).leads("/frontend/reset-password/…")
		b.get(reset).shows(200, "Set a new password")
		b.post(reset, "code", w.code(onasEmail), "password", "short").shows(400).hides(w.code(onasEmail))
		if b.at.mistake("password") == "" {
			t.Error("a short password is not refused")
		}
		in := b.post(reset, "code", w.code(onasEmail), "password", newPassword).leads("/frontend/sign-in?notice=password&next=%2Ffrontend%2Fapps")
		b.get(in).shows(200, "Your new password is set.")
		b.post(in, "contact", onasEmail, "password", onasPassword).shows(400, "is wrong")
		b.post(in, "contact", onasEmail, "password", newPassword).leads("/frontend/apps")
		elsewhere.get("/frontend/account").leads("/frontend/sign-in?next=…")
	})
}

// The documented old path shows the same form, and a way back where the client may have people sent there.
func TestTheOldPathOfAForgottenPassword(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		old := "/frontend/lt/wallet/remind-password/1"
		b.get(old).shows(200, "Naujas slaptažodis").hides("Grįžti ten")
		b.get(old+"?client_id="+stall+"&redirect_uri=https%3A%2F%2Fstall.example%2Fback").shows(200, "Grįžti ten").has(`href="https://stall.example/back"`)
		b.get(old + "?client_id=" + phone + "&redirect_uri=stallapp%3A%2F%2Fdone").shows(200).has(`href="stallapp://done"`)
		for _, query := range []string{
			"client_id=" + stall + "&redirect_uri=https%3A%2F%2Fevil.example%2F", "client_id=nobody&redirect_uri=https%3A%2F%2Fstall.example%2Fback",
			"redirect_uri=https%3A%2F%2Fstall.example%2Fback", "client_id=" + stall + "&redirect_uri=javascript%3A%2F%2Fx",
		} {
			b.get(old+"?"+query).shows(200).hides("Grįžti ten", `href="https://evil`, `href="javascript`)
		}
		b.post(old+"?client_id="+stall+"&redirect_uri=https%3A%2F%2Fstall.example%2Fback", "contact", "x").shows(400).has(`href="https://stall.example/back"`)
		b.post(old, "contact", onasEmail).leads("/frontend/lt/reset-password/…")
	})
}

// A sign-in ends by itself, by signing out, and when the password is changed somewhere else.
func TestSignInsEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		page := func(b *browser) { b.get("/frontend/account").shows(200) }
		ended := func(b *browser) { b.get("/frontend/account").leads("/frontend/sign-in?next=%2Ffrontend%2Faccount") }

		idle, busy := w.signedIn("en", onasEmail, onasPassword), w.signedIn("en", onasEmail, onasPassword)
		for range 2 {
			w.later(20 * time.Minute)
			page(busy)
		}
		ended(idle)
		for range 35 {
			w.later(19 * time.Minute)
			busy.get("/frontend/account")
		}
		w.later(2 * time.Minute)
		page(busy)
		w.later(15 * time.Minute)
		ended(busy)

		here, there := w.signedIn("en", onasEmail, onasPassword), w.signedIn("en", onasEmail, onasPassword)
		here.post("/frontend/account/password", "present", onasPassword, "password", newPassword).leads("/frontend/account?notice=password-changed")
		page(here)
		ended(there)

		stolen := here.cookie()
		here.post("/frontend/sign-out").leads("/frontend/sign-in?notice=signed-out")
		if here.cookie() != "" {
			t.Error("the cookie is still there")
		}
		here.get("/frontend/account", "Cookie", stolen)
		ended(here)
	})
}

// cookie is the cookie that the browser would send.
func (b *browser) cookie() string {
	r, err := http.NewRequest(http.MethodGet, b.w.url+"/frontend/account", nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	var all []string
	for _, c := range b.http.Jar.Cookies(r.URL) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

// Each sign-in has a cookie of its own, and the one before it is worth nothing.
func TestEachSignInHasANewCookie(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		first := b.cookie()
		b.get("/frontend/sign-in").leads("/frontend/account")
		b.post("/frontend/sign-in", "contact", ritasPhone, "password", ritasPassword).leads("/frontend/account")
		set := b.at.Header.Get("Set-Cookie")
		if !regexp.MustCompile(`^purser=[A-Za-z0-9]{32}; Path=/; HttpOnly; SameSite=Lax$`).MatchString(set) {
			t.Errorf("the cookie is %q", set)
		}
		if b.cookie() == first {
			t.Error("the cookie is the same")
		}
		b.get("/frontend/account").shows(200, "+"+ritasPhone)
		other := w.browser("en")
		other.get("/frontend/account", "Cookie", first).leads("/frontend/sign-in?next=%2Ffrontend%2Faccount")
	})
}

// Over https the cookie is bound to the host, and never sent over anything else.
func TestTheCookieOverHTTPS(t *testing.T) {
	secure := func(_ *service.Options, o *pages.Options) { o.Secure = true }
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		set := b.post("/frontend/sign-in", "contact", onasEmail, "password", onasPassword).Header.Get("Set-Cookie")
		if !regexp.MustCompile(`^__Host-purser=[A-Za-z0-9]{32}; Path=/; HttpOnly; Secure; SameSite=Lax$`).MatchString(set) {
			t.Errorf("the cookie is %q", set)
		}
		value, _, _ := strings.Cut(strings.TrimPrefix(set, "__Host-purser="), ";")
		b.get("/frontend/account", "Cookie", "__Host-purser="+value).shows(200)
		w.browser("en").get("/frontend/account", "Cookie", "purser="+value).leads("/frontend/sign-in?next=%2Ffrontend%2Faccount")
		out := b.do(http.MethodPost, "/frontend/sign-out", fields(), "Cookie", "__Host-purser="+value)
		if got := out.Header.Get("Set-Cookie"); got != "__Host-purser=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax" {
			t.Errorf("signing out sets %q", got)
		}
	}, secure)
}

// Guessing is slowed, and the page says how long to wait.
func TestGuessingHasToWait(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		for range 4 {
			b.post("/frontend/sign-in", "contact", onasEmail, "password", "x").shows(400, "is wrong")
		}
		b.at.has(`autocomplete="current-password" required autofocus`)
		page := b.post("/frontend/lt/sign-in", "contact", onasEmail, "password", "x").shows(429, "Per daug bandymų. Palaukite 1 s")
		if page.Header.Get("Retry-After") != "1" || page.value("contact") != onasEmail {
			t.Errorf("Retry-After is %q, and the form holds %q", page.Header.Get("Retry-After"), page.value("contact"))
		}
		for range 5 {
			b.post("/frontend/reset-password", "contact", "x@example.com").leads("/frontend/reset-password/…")
		}
		page = b.post("/frontend/en/reset-password", "contact", "x@example.com").shows(429, "Wait 12 min")
		if page.Header.Get("Retry-After") != "720" {
			t.Errorf("Retry-After is %q", page.Header.Get("Retry-After"))
		}
	})
}

// Who signs in goes on to pages of ours only.
func TestNobodyIsSentAwayByNext(t *testing.T) {
	for _, next := range []string{
		"", "/", "/rest/v1/client", "https://evil.example/frontend/", "//evil.example/frontend/", "/\\evil.example/frontend/", "/frontend", "/frontendx/",
		"/frontend/../x", "/frontend/..//evil.example", "/frontend/%2e%2e/x", "/frontend/.%2e//evil.example", "/frontend//evil.example", "/frontend/\\evil.example",
		"/frontend/%5c..", "/frontend/a%2fb", "/frontend/\t/evil", "/frontend/a\r\nSet-Cookie: x", " /frontend/account", "javascript:alert(1)", "/frontend/account#x",
		"/frontend/ą", "/frontend/?" + strings.Repeat("x", 17<<10),
	} {
		if got := pages.LocalPage(next); got != "" {
			t.Errorf("%q leads to %q", next, got)
		}
	}
	for _, next := range []string{"/frontend/account", "/frontend/lt/oauth?client_id=x&redirect_uri=https%3A%2F%2Fa.example%2F&state=%5C%0A", "/frontend/oauth/" + strings.Repeat("k", 32)} {
		if got := pages.LocalPage(next); got != next {
			t.Errorf("%q leads to %q", next, got)
		}
	}
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		evil := "?next=" + "https%3A%2F%2Fevil.example%2F"
		b.get("/frontend/sign-in"+evil).shows(200).hides(`register?next`, `href="https`)
		b.post("/frontend/sign-in"+evil, "contact", onasEmail, "password", onasPassword).leads("/frontend/account")
		b.get("/frontend/sign-in" + evil).leads("/frontend/account")
		b.post("/frontend/sign-out" + evil).leads("/frontend/sign-in?notice=signed-out")
		b.post("/frontend/sign-in?next=%2Ffrontend%2Fen%2Fapps", "contact", onasEmail, "password", onasPassword).leads("/frontend/en/apps")
	})
}
