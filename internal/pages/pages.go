// Package pages is what a person meets in a browser: signing in, registering, agreeing to what a
// program asks for, paying, and looking after an account.
//
// Pages are rendered on the server, in Lithuanian or English, and hold no script at all: a GET
// shows, a POST acts and then leads elsewhere, or shows the same form again with what was typed
// and, beside each field, what is wrong with it. The table below is the table of contents. A
// handler reads a form, calls one use case of service and picks a template; rules and permissions
// live there. Words live in english.go and lithuanian.go, as data that tests compare.
//
// What is not here: the session is a row that service keeps, and the cookie only its name; whether
// a contact is known is never said, because service answers the same either way; nothing is sent
// from here. A path, a query, a form or a cookie may hold a secret, so none of them is logged.
// Pages are never shown inside another site's frame, but for that of a payment, where the client may
// have it so.
package pages

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/inspect"
	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// root is where all pages live.
const root = "/frontend"

// Limits of a request.
const (
	// maxForm is how much of a form is read, in bytes.
	maxForm = 64 << 10
	// timeout is how long a request may take.
	timeout = 10 * time.Second
	// maxAgent is how much of a browser's name is kept, in bytes.
	maxAgent = 300
)

// Options say what the pages are connected to. Fields without a word on their zero value are needed.
type Options struct {
	Service *service.Service
	// Address is the network address of who calls.
	Address func(*http.Request) string
	// Templates put the messages of a sandbox's inbox into words.
	Templates *message.Templates
	// Requests are the last ones to a sandbox's API, the newest first; nil where there is no sandbox.
	Requests func() []inspect.Record
	// Log gets one line per request.
	Log *slog.Logger
	// WallClock times requests.
	WallClock func() time.Time
	// Random is where request ids come from; safe for concurrent use.
	Random io.Reader
	// Secure says that browsers call over https, so that the cookie travels over nothing else.
	Secure bool
	// Allow counts a call of a network address, and says how long it has to wait where it may not call now; nil
	// counts nothing.
	Allow func(network string) (wait time.Duration, ok bool)
}

// pages answers browsers. Make it with New.
type pages struct {
	Options
	table   []page
	foreign http.CrossOriginProtection
}

// New returns the pages as an http.Handler for everything at and below /frontend.
func New(o Options) http.Handler {
	parseTemplates()
	p := &pages{Options: o}
	p.table = p.contents()
	return p
}

// Beside is an API, and the pages at and below /frontend. What the protocol has there and purser leaves out stays
// the API's to refuse. A person who opens the server's address is led to their account; programs do not ask for HTML there.
func Beside(api, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html") {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Vary", "Accept")
			http.Redirect(w, r, root+"/account", http.StatusFound)
			return
		}
		below, ours := strings.CutPrefix(r.URL.Path, root)
		if ours && (below == "" || below[0] == '/') && !strings.HasPrefix(below, "/wallet/upload-funds") {
			pages.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// page is one line of the table of contents. A handler that is nil is another method's page.
type page struct {
	path      string
	get, post handler
}

// handler answers a request with a reply, or an error.
type handler func(ctx context.Context, r *request) (reply, error)

// contents is the table of contents. Paths are below /frontend, with or without a language in front.
func (p *pages) contents() []page {
	return []page{
		{"/sign-in", p.showSignIn, p.signIn},
		{"/sign-out", nil, p.signOut},
		{"/register", p.showRegister, p.register},
		{"/confirm/{handle}", p.showConfirm, p.confirm},
		{"/reset-password", p.showReset, p.requestReset},
		{"/reset-password/{handle}", p.showNewPassword, p.resetPassword},
		{"/wallet/remind-password/{user}", p.showReset, p.requestReset},
		{"/oauth", p.showConsent, p.consent},
		{"/oauth/{key}", p.showConsent, p.consent},
		{"/wallet/confirm/{transaction}", p.showPayment, p.answerPayment},
		{"/transaction/confirm-with-oauth/{transaction}", p.showPayment, p.answerPayment},
		{"/wallet/code", p.person(p.showCode), p.person(p.makeCode)},
		{"/account", p.person(p.showAccount), nil},
		{"/account/profile", nil, p.person(p.saveProfile)},
		{"/account/contact", nil, p.person(p.addContact)},
		{"/account/confirm/{handle}", p.person(p.showConfirm), p.person(p.confirmAdded)},
		{"/account/password", nil, p.person(p.changePassword)},
		{"/account/pin", nil, p.person(p.setPIN)},
		{"/account/invitation/{id}", nil, p.person(p.answerInvitation)},
		{"/projects/{id}", p.person(p.showProject), nil},
		{"/projects/{id}/invite", nil, p.person(p.invite)},
		{"/projects/{id}/withdraw", nil, p.person(p.withdraw)},
		{"/projects/{id}/remove", nil, p.person(p.remove)},
		{"/projects/{id}/codes", p.person(p.showCodes), nil},
		{"/projects/{id}/codes/{file}", p.person(p.saveCode), nil},
		{"/projects/{id}/places/{place}/codes", p.person(p.showCodes), nil},
		{"/projects/{id}/places/{place}/codes/{file}", p.person(p.saveCode), nil},
		{"/apps", p.person(p.showApps), nil},
		{"/apps/{client}/revoke", nil, p.person(p.revokeApp)},
		{"/apps/{client}/share", nil, p.person(p.share)},
		{"/allowances/{allowance}/cancel", nil, p.person(p.cancelAllowance)},
		{"/inbox", p.showInbox, nil},
		{"/requests", p.showRequests, nil},
	}
}

// find returns the page at a path below /frontend, and notes what the path holds where the page has
// braces.
func (p *pages) find(path string, r *http.Request) page {
	given := strings.Split(path, "/")
	for _, candidate := range p.table {
		parts := strings.Split(candidate.path, "/")
		if len(parts) != len(given) || !fits(parts, given) {
			continue
		}
		for i, part := range parts {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				r.SetPathValue(strings.TrimSuffix(name, "}"), given[i])
			}
		}
		return candidate
	}
	return page{path: noPage, get: notFound, post: notFound}
}

// noPage is what the log calls every path that is no page.
const noPage = "/no page"

// fits says whether each part of a path is the one that the page has, or anything where it has braces.
func fits(parts, given []string) bool {
	for i, part := range parts {
		if part != given[i] && (given[i] == "" || !strings.HasPrefix(part, "{")) {
			return false
		}
	}
	return true
}

func notFound(context.Context, *request) (reply, error) {
	return reply{}, wallet.Errorf(wallet.NotFound, "there is no such page.")
}

// ServeHTTP is the one road from HTTP to a handler and back.
func (p *pages) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	started := p.WallClock()
	r, path := p.read(hr)
	p.secure(w.Header(), r)
	if path == stylePath {
		serveStyle(w, hr)
		return
	}
	found := p.find(path, hr)
	ctx, cancel := context.WithTimeout(hr.Context(), timeout)
	defer cancel()
	out, err := p.answer(ctx, w, r, found)
	status, code := p.reply(w, r, out, err)
	p.record(ctx, r, entry{pattern: found.path, status: status, code: code, err: err, took: p.WallClock().Sub(started)})
}

// secure sets the headers that every answer has. The policy on referrers is not no-referrer: with that,
// browsers send "Origin: null" with a form, and over plain http nothing else tells a form of ours from
// another site's. No other site is sent one this way either.
func (p *pages) secure(h http.Header, r *request) {
	h.Set("Paysera-Correlation-Id", r.id)
	h.Set("Content-Security-Policy", policy("", nil))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// policy is the Content-Security-Policy of a page whose forms may lead to one more place: browsers that
// are built on Chromium hold it against where a form's answer redirects to as well. frames are the sites that may show the
// page in a frame.
func policy(formAction string, frames []string) string {
	ancestors := "'none'"
	if len(frames) > 0 {
		ancestors = strings.Join(frames, " ")
	}
	return "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action " +
		strings.TrimSpace("'self' "+formAction) + "; frame-ancestors " + ancestors + "; base-uri 'none'"
}

// answer runs the handler; a panic becomes an error.
func (p *pages) answer(ctx context.Context, w http.ResponseWriter, r *request, found page) (out reply, err error) {
	defer func() {
		if value := recover(); value != nil {
			out, err = reply{}, &panicked{value: value, stack: debug.Stack()}
		}
	}()
	h := found.get
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if h == nil && found.post != nil && found.path != "/sign-out" {
			return reply{to: r.formsPage()}, nil // of a form that was refused: its link to another language, or the address once more
		}
	case http.MethodPost:
		h = found.post
	default:
		h = nil
	}
	if h == nil && found.path == noPage {
		h = notFound
	}
	if h == nil {
		return reply{}, &wrongMethod{page: found, error: wallet.Errorf(wallet.MethodNotAllowed, "this page does not take %s.", r.Method)}
	}
	if err := p.count(r); err != nil {
		return reply{}, err
	}
	if err := p.foreign.Check(r.Request); err != nil {
		return reply{}, told{wallet.Errorf(wallet.Forbidden, "the form was sent from another site."), "error.foreign"}
	}
	if err := r.readForm(w); err != nil {
		return reply{}, err
	}
	if r.caller, err = p.Service.PersonOf(ctx, r.caller, r.cookie); err != nil {
		return reply{}, err
	}
	return h(ctx, r)
}

// count takes one call off what a network address may make. It fails with RateLimitExceeded.
func (p *pages) count(r *request) error {
	if p.Allow == nil {
		return nil
	}
	wait, ok := p.Allow(r.caller.From.Network())
	if ok {
		return nil
	}
	refused := wallet.Errorf(wallet.RateLimitExceeded, "too many calls from this network address.")
	refused.RetryAfter = wait
	return refused
}

// panicked is a mistake of ours, for the log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return "panic in a handler" }

// wrongMethod is the refusal of a page's other methods.
type wrongMethod struct {
	error
	page page
}

func (w *wrongMethod) Unwrap() error { return w.error }

// header is the value of Allow; what takes GET takes HEAD too.
func (w *wrongMethod) header() string {
	var methods []string
	if w.page.get != nil {
		methods = append(methods, http.MethodGet, http.MethodHead)
	}
	if w.page.post != nil {
		methods = append(methods, http.MethodPost)
	}
	return strings.Join(methods, ", ")
}

// person lets only those through who are signed in. Others sign in first and come back to the page, or
// to the one whose form they sent: what they typed is lost, since it may hold a password.
func (p *pages) person(h handler) handler {
	return func(ctx context.Context, r *request) (reply, error) {
		if r.caller.Kind == wallet.ByPerson {
			return h(ctx, r)
		}
		next := r.self()
		if p.find(r.path, r.Request).get == nil {
			next = r.formsPage()
		}
		return reply{to: r.link("/sign-in?next=" + escape(next))}, nil
	}
}

// formsPage is the address of the page that a form stands on whose own address shows nothing: /account/pin belongs to /account.
func (r *request) formsPage() string {
	switch first := strings.Split(r.path, "/")[1]; first {
	case "projects":
		return r.link("/projects/" + r.PathValue("id"))
	case "allowances":
		return r.link("/apps")
	default:
		return r.link("/" + first)
	}
}

// entry is one line of the request log.
type entry struct {
	pattern string
	status  int
	code    wallet.Code
	err     error
	took    time.Duration
}

// record writes the request log: never a path, a query, a form or a cookie, which may hold secrets.
func (p *pages) record(ctx context.Context, r *request, e entry) {
	level := slog.LevelInfo
	list := []slog.Attr{
		slog.String("id", r.id),
		slog.String("route", r.Method+" "+root+e.pattern),
		slog.Int("status", e.status),
		slog.Duration("took", e.took),
	}
	if user := r.caller.UserID(); user != 0 {
		list = append(list, slog.Int64("user", user))
	}
	if e.code != "" {
		list = append(list, slog.String("error", string(e.code)))
	}
	if e.status >= http.StatusInternalServerError && e.err != nil {
		level = slog.LevelError
		list = append(list, slog.String("cause", e.err.Error()))
		var mistake *panicked
		if errors.As(e.err, &mistake) {
			list = append(list, slog.Any("panic", mistake.value), slog.String("stack", string(mistake.stack)))
		}
	}
	p.Log.LogAttrs(ctx, level, "page", list...)
}
