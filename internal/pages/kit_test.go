package pages_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

var (
	ctx      = context.Background()
	operator = wallet.Caller{Kind: wallet.Operator, From: wallet.Origin{Agent: "ona"}}
)

// What the people of the world sign in with.
const (
	onasPassword  = "geltona gervė plaukia"
	ritasPassword = "mėlynas arklys skrenda"
	onasEmail     = "ona@example.com"
	ritasPhone    = "37060012345"
)

// The clients of the world.
const (
	stall = "Stall00001" // private, of Ona's project 1
	plain = "Plain00002" // private, without use_oauth_api
	phone = "Phone00003" // an app: goes back to stallapp://
)

// world is the pages over real HTTP, on a real database. Ona, user 1, has an e-mail address and project 1,
// and her company, user 2, has project 2; Rita, user 3, has a phone and nothing else.
type world struct {
	*service.Service
	db             *store.DB
	wall, business *wallettest.Clock
	url, address   string
	log            *lockedBuffer
	options        pages.Options
	t              *testing.T
}

// inWorld tells a story on each engine.
func inWorld(t *testing.T, story func(t *testing.T, w world), change ...func(*service.Options, *pages.Options)) {
	t.Helper()
	wallettest.Addresses(t, func(t *testing.T, address string) {
		w := newWorld(t, address, change...)
		w.populate()
		story(t, w)
	})
}

func newWorld(t *testing.T, address string, change ...func(*service.Options, *pages.Options)) world {
	t.Helper()
	w := world{wall: wallettest.NewClock(), business: wallettest.NewClock(), log: &lockedBuffer{}, address: address, t: t}
	w.db = wallettest.Open(t, address, w.business)
	ids := secret.NewIDs([32]byte(secret.RandomBytes(32)))
	behind := service.Options{
		WallClock: w.wall.Now, BusinessClock: w.business.Now, Random: ids, Box: w.db.Box,
		Currencies: wallettest.Currencies, MinimumPasswordLength: 8, PublicURL: "https://wallet.example", Sandbox: true,
	}
	templates, err := message.Load("")
	if err != nil {
		t.Fatal(err)
	}
	front := pages.Options{
		Address: func(r *http.Request) string { return r.Header.Get("X-Test-Address") }, Templates: templates,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), WallClock: w.wall.Now, Random: ids,
	}
	for _, c := range change {
		c(&behind, &front)
	}
	if w.Service, err = service.New(ctx, w.db, behind); err != nil {
		t.Fatal(err)
	}
	front.Service = w.Service
	w.options = front
	server := httptest.NewServer(pages.New(front))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w world) populate() {
	w.t.Helper()
	must := func(_ int64, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	must(w.CreateUser(ctx, operator, wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona Onaitė", Email: onasEmail, Locale: "lt"}, onasPassword, "2580"))
	must(w.CreateUser(ctx, operator, wallet.User{ID: 2, Type: wallet.Legal, DisplayName: "Onos kepykla", Locale: "lt", CompanyCode: "301234567", Administrators: []int64{1}}, "", ""))
	must(w.CreateUser(ctx, operator, wallet.User{ID: 3, Type: wallet.Natural, DisplayName: "Rita", Phone: ritasPhone, Locale: "en"}, ritasPassword, ""))
	must(w.CreateWallet(ctx, operator, wallet.Wallet{ID: 1, OwnerID: 1, Description: "Ona's"}))
	must(w.CreateWallet(ctx, operator, wallet.Wallet{ID: 2, OwnerID: 2}))
	must(w.CreateProject(ctx, operator, wallet.Project{ID: 1, Title: "Stall & Co", OwnerID: 1, WalletID: 1}))
	must(w.CreateProject(ctx, operator, wallet.Project{ID: 2, Title: "Bakery", OwnerID: 2, WalletID: 2}))
	web := []wallet.Host{{Host: "stall.example", Path: "/back", Protocol: "https", AnyPort: true}}
	for _, c := range []wallet.Client{
		{MACID: stall, Title: "<Stall> shop", Type: wallet.PrivateClient, Hosts: web, Projects: []int64{1}, MainProject: 1,
			Permissions: []wallet.Permission{wallet.GiveTrustedUserInfo, wallet.UseOAuthAPI, wallet.UseWalletAPI}},
		{MACID: plain, Title: "Plain", Type: wallet.PrivateClient, Hosts: web, Permissions: []wallet.Permission{wallet.UseWalletAPI}},
		{MACID: phone, Title: "Stall's app", Type: wallet.PrivateClient, Hosts: []wallet.Host{{Protocol: "stallapp"}},
			Projects: []int64{1}, Permissions: []wallet.Permission{wallet.UseOAuthAPI, wallet.UseWalletAPI}},
	} {
		if _, _, err := w.CreateClient(ctx, operator, c, ""); err != nil {
			w.t.Fatal(err)
		}
	}
}

// by is a client as it calls with its own credentials, once.
func (w world) by(macID string) wallet.Caller {
	w.t.Helper()
	found, err := w.db.Credential(ctx, macID)
	if err != nil || !found.Known {
		w.t.Fatalf("%s: %v, %v", macID, found, err)
	}
	c := wallet.Caller{Kind: wallet.ByClient, Client: found.Client}
	binary.LittleEndian.PutUint64(c.Nonce.Fingerprint[:], counter.Add(1))
	c.Nonce.TS = w.wall.Now().Unix()
	return c
}

// counter makes nonces and networks that are new.
var counter atomic.Uint64

// browser is somebody's browser: it keeps cookies, follows nothing by itself, and sends what Chromium sends.
type browser struct {
	w       world
	http    *http.Client
	address string
	headers http.Header
	// frames are the sites that may show its pages in a frame, where that is not none.
	frames string
	// at is the page that it shows.
	at *answer
}

// browser is a new one, from a network of its own.
func (w world) browser(language string) *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	follow := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{
		w: w, http: &http.Client{Jar: jar, CheckRedirect: follow}, address: fmt.Sprintf("10.0.%d.%d", counter.Add(1)/250%250, counter.Load()%250),
		headers: http.Header{"Accept-Language": {language}},
	}
}

// answer is what a page answered.
type answer struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   string
	// Path is the path and query that was asked for.
	Path   string
	frames string
}

func (b *browser) do(method, path string, form url.Values, headers ...string) *answer {
	b.w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, b.w.url+path, body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header = b.headers.Clone()
	r.Header.Set("X-Test-Address", b.address)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Origin", b.w.url)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.http.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.at = &answer{t: b.w.t, Status: response.StatusCode, Header: response.Header, Body: string(text), Path: path, frames: b.frames}
	b.at.check(method)
	return b.at
}

// get asks for a page, post sends a form.
func (b *browser) get(path string, headers ...string) *answer {
	b.w.t.Helper()
	return b.do(http.MethodGet, path, nil, headers...)
}

func (b *browser) post(path string, pairs ...string) *answer {
	b.w.t.Helper()
	return b.do(http.MethodPost, path, fields(pairs...))
}

func fields(pairs ...string) url.Values {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}

// signedIn is a browser in which somebody is signed in.
func (w world) signedIn(language, contact, password string) *browser {
	w.t.Helper()
	b := w.browser(language)
	b.post("/frontend/sign-in", "contact", contact, "password", password).leads("/frontend/account")
	return b
}

// codes are the codes that a contact was sent, the latest first.
func (w world) codes(contact string) (codes []string) {
	w.t.Helper()
	for _, m := range w.messages(contact) {
		if code := m.Values["code"]; code != "" {
			codes = append(codes, code)
		}
	}
	return codes
}

func (w world) messages(contact string) []wallet.Message {
	w.t.Helper()
	messages, err := w.ListMessages(ctx, operator, contact, 50)
	if err != nil {
		w.t.Fatal(err)
	}
	return messages
}

// code is the latest code that a contact was sent.
func (w world) code(contact string) string {
	w.t.Helper()
	codes := w.codes(contact)
	if len(codes) == 0 {
		w.t.Fatalf("%s was sent no code", contact)
	}
	return codes[0]
}

// leads expects an answer that leads to an address; one that ends in … begins like that. It returns the
// address.
func (a *answer) leads(to string) string {
	a.t.Helper()
	got := a.Header.Get("Location")
	begins, open := strings.CutSuffix(to, "…")
	if a.Status != http.StatusSeeOther || got != to && !(open && strings.HasPrefix(got, begins)) {
		a.t.Fatalf("%s answered %d and leads to %q, want 303 to %q\n%s", a.Path, a.Status, got, to, a.main())
	}
	return got
}

// shows expects a page with a status that has these words in it, as a reader sees them.
func (a *answer) shows(status int, words ...string) *answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s answered %d to %q, want %d\n%s", a.Path, a.Status, a.Header.Get("Location"), status, a.main())
	}
	for _, w := range words {
		if !strings.Contains(a.read(), w) {
			a.t.Errorf("%s does not say %q:\n%s", a.Path, w, a.read())
		}
	}
	return a
}

// hides expects none of these in the page's source.
func (a *answer) hides(words ...string) *answer {
	a.t.Helper()
	for _, w := range words {
		if strings.Contains(a.Body, w) {
			a.t.Errorf("%s holds %q:\n%s", a.Path, w, a.Body)
		}
	}
	return a
}

// has expects all of these in the page's source.
func (a *answer) has(words ...string) *answer {
	a.t.Helper()
	for _, w := range words {
		if !strings.Contains(a.Body, w) {
			a.t.Errorf("%s does not hold %q:\n%s", a.Path, w, a.Body)
		}
	}
	return a
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	blanks = regexp.MustCompile(`\s+`)
)

// read is the page as a reader sees it.
func (a *answer) read() string {
	text := strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&#39;", "'", "&#34;", `"`, "&#43;", "+").Replace(tags.ReplaceAllString(a.Body, " "))
	return blanks.ReplaceAllString(text, " ")
}

// main is the page without what every page has.
func (a *answer) main() string {
	_, rest, _ := strings.Cut(a.Body, "<main")
	main, _, _ := strings.Cut(rest, "</main>")
	return main
}

// mistake is what is said beside a field, empty where nothing is.
func (a *answer) mistake(field string) string {
	id := regexp.QuoteMeta(strings.ReplaceAll(field, ".", "-"))
	found := regexp.MustCompile(`id="(?:[a-z]+-)?` + id + `-mistake">([^<]*)<`).FindStringSubmatch(a.Body)
	if found == nil {
		return ""
	}
	return strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(found[1])
}

// value is what stands in a field.
func (a *answer) value(field string) string {
	found := regexp.MustCompile(`<input[^>]* name="` + regexp.QuoteMeta(field) + `"[^>]* value="([^"]*)"`).FindStringSubmatch(a.Body)
	if found == nil {
		return ""
	}
	return found[1]
}

// link is where the first link or form leads to whose address holds a text. The escapes of an address are
// written in capitals.
func (a *answer) link(part string) string {
	for _, found := range regexp.MustCompile(`(?:href|action)="([^"]*)"`).FindAllStringSubmatch(a.Body, -1) {
		if address := html.UnescapeString(found[1]); strings.Contains(address, part) {
			return regexp.MustCompile(`%[0-9a-f]{2}`).ReplaceAllStringFunc(address, strings.ToUpper)
		}
	}
	return ""
}

// check holds every answer against what all of them promise.
func (a *answer) check(method string) {
	a.t.Helper()
	wrong := func(format string, args ...any) {
		a.t.Helper()
		a.t.Errorf("%s %s: "+format, append([]any{method, a.Path}, args...)...)
	}
	frames, old := "'none'", "DENY"
	if a.frames != "" && a.Status != http.StatusSeeOther {
		frames, old = a.frames, ""
	}
	for name, value := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": old, "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := a.Header.Get(name); got != value {
			wrong("%s is %q", name, got)
		}
	}
	policy := a.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'", "; frame-ancestors " + frames + "; ", "base-uri 'none'"} {
		if !strings.Contains(policy, part) {
			wrong("the policy is %q", policy)
		}
	}
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(a.Header.Get("paysera-correlation-id")) {
		wrong("the request id is %q", a.Header.Get("paysera-correlation-id"))
	}
	if a.Header.Get("Content-Type") != "text/html; charset=utf-8" || method == http.MethodHead {
		return
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		wrong("may be kept: %q", a.Header.Get("Cache-Control"))
	}
	a.checkHTML(wrong)
}

// checkHTML looks for what makes a page hard to use, or unsafe.
func (a *answer) checkHTML(wrong func(string, ...any)) {
	for _, no := range []string{"<script", "<style", " style=", " onclick", "javascript:", "ZgotmplZ", "%!", "<no value>"} {
		if strings.Contains(a.Body, no) {
			wrong("holds %s\n%s", no, a.Body)
		}
	}
	if n := strings.Count(a.Body, "<h1"); n != 1 {
		wrong("has %d h1", n)
	}
	if !strings.Contains(a.Body, `<html lang="`+a.Header.Get("Content-Language")+`">`) {
		wrong("does not say its language")
	}
	var ids []string
	for _, found := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(a.Body, -1) {
		if slices.Contains(ids, found[1]) {
			wrong("has the id %s twice", found[1])
		}
		ids = append(ids, found[1])
	}
	for _, found := range regexp.MustCompile(` (?:for|aria-describedby)="([^"]*)"`).FindAllStringSubmatch(a.Body, -1) {
		for _, id := range strings.Fields(found[1]) {
			if !slices.Contains(ids, id) {
				wrong("names the id %s, which is nowhere", id)
			}
		}
	}
	for _, found := range regexp.MustCompile(`<(?:input|select)[^>]*>`).FindAllString(a.Body, -1) {
		id := regexp.MustCompile(` id="([^"]*)"`).FindStringSubmatch(found)
		isNamed := id != nil && strings.Contains(a.Body, `for="`+id[1]+`"`)
		if !isNamed && !strings.Contains(found, `type="hidden"`) && !strings.Contains(found, `type="checkbox"`) && !strings.Contains(found, `aria-hidden="true"`) {
			wrong("has a field without a label: %s", found)
		}
		if strings.Contains(found, `type="password"`) && strings.Contains(found, " value=") {
			wrong("fills a secret in: %s", found)
		}
	}
}

// lockedBuffer lets several goroutines write to one text.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// later moves the wall clock, which sign-ins and tries are judged by.
func (w world) later(d time.Duration) { w.wall.Advance(d) }
