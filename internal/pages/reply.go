package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

//go:embed templates
var templates embed.FS

//go:embed style.css
var style []byte

// stylePath is where the style sheet is, below /frontend.
const stylePath = "/style.css"

// styleVersion changes with the style sheet, so that browsers may keep each for long.
var styleVersion = func() string {
	sum := sha256.Sum256(style)
	return hex.EncodeToString(sum[:8])
}()

// parseTemplates makes the templates of all languages, once for all handlers.
var parseTemplates = sync.OnceFunc(func() {
	for _, l := range languages {
		l.parse()
	}
})

// templateNames lists the pages, by the names of their files.
func templateNames() []string {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		panic(err) // it is embedded
	}
	var names []string
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), path.Ext(entry.Name())); name != "layout" {
			names = append(names, name)
		}
	}
	return names
}

// serveStyle answers with the style sheet. Whoever asks for this very version need not ask again.
func serveStyle(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(style)))
	h.Set("Cache-Control", "no-cache")
	if r.URL.RawQuery == "v="+styleVersion {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Write(style)
}

// reply is what a handler answers: a page, or where to go on to.
type reply struct {
	// template names the page, and content is what it shows. to is where to go on to instead.
	template string
	content  any
	to       string
	// file is what the answer is instead of a page.
	file *file
	// form is the form that the page shows; where it was refused, the answer says so.
	form form
	// action is where a form of the page may lead to, besides ourselves (see policy).
	action string
	cookie *http.Cookie
}

// file is something to keep rather than to read.
type file struct {
	name, kind string
	body       []byte
}

func (f *file) send(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	w.Write(f.body)
}

// told is a refusal with words of its own, under a key of the texts.
type told struct {
	error
	key string
}

func (t told) Unwrap() error { return t.error }

// statuses are the HTTP statuses of refusals; others are a form's, and 400.
var statuses = map[wallet.Code]int{
	wallet.Forbidden:           http.StatusForbidden,
	wallet.NotFound:            http.StatusNotFound,
	wallet.MethodNotAllowed:    http.StatusMethodNotAllowed,
	wallet.InvalidState:        http.StatusConflict,
	wallet.RequestTooLarge:     http.StatusRequestEntityTooLarge,
	wallet.RateLimitExceeded:   http.StatusTooManyRequests,
	wallet.InternalServerError: http.StatusInternalServerError,
	wallet.ServiceUnavailable:  http.StatusServiceUnavailable,
}

func status(code wallet.Code) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	if code == "" {
		return http.StatusOK
	}
	return http.StatusBadRequest
}

// view is what a template shows: Content is the page's, the rest every page's.
type view struct {
	Lang, Style string
	// Link begins the addresses of pages, Self is the address of this one.
	Link, Self string
	// Languages are the others that the page can be read in.
	Languages []otherLanguage
	SignedIn  bool
	Sandbox   bool
	// Requests says that the sandbox shows the requests to its API.
	Requests bool
	Form     form
	Content  any
}

// otherLanguage is a language that a page can be read in.
type otherLanguage struct{ Code, Name, Address string }

// reply writes the answer and returns its status and its error code.
func (p *pages) reply(w http.ResponseWriter, r *request, out reply, err error) (int, wallet.Code) {
	h := w.Header()
	if out.cookie != nil {
		http.SetCookie(w, out.cookie)
	}
	if err == nil && out.to != "" {
		h.Set("Location", out.to)
		w.WriteHeader(http.StatusSeeOther)
		return http.StatusSeeOther, ""
	}
	if err == nil && out.file != nil {
		out.file.send(w)
		return http.StatusOK, ""
	}
	code := out.form.code
	wait := out.form.wait
	if err != nil {
		out, code, wait = p.failure(h, r, err)
	}
	if wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	var text bytes.Buffer
	if renderErr := p.render(&text, r, out); renderErr != nil {
		if err != nil {
			panic(renderErr) // the page of an error always renders
		}
		p.Log.Error("a page does not render", "id", r.id, "template", out.template, "cause", renderErr.Error())
		return p.reply(w, r, reply{}, fmt.Errorf("rendering %s: %w", out.template, renderErr))
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", r.language.code)
	h.Set("Content-Length", strconv.Itoa(text.Len()))
	h.Set("Content-Security-Policy", policy(out.action, r.frames))
	if len(r.frames) > 0 {
		h.Del("X-Frame-Options") // it has no words for other sites
	}
	w.WriteHeader(status(code))
	w.Write(text.Bytes())
	return status(code), code
}

func (p *pages) render(text *bytes.Buffer, r *request, out reply) error {
	v := view{
		Lang: r.language.code, Style: root + stylePath + "?v=" + styleVersion, Link: r.prefix, Self: r.self(),
		SignedIn: r.caller.Kind == wallet.ByPerson, Sandbox: p.Service.Sandbox, Requests: p.Requests != nil, Form: out.form, Content: out.content,
	}
	for _, l := range languages {
		if l != r.language {
			v.Languages = append(v.Languages, otherLanguage{l.code, l.name, r.selfIn(l.code)})
		}
	}
	return r.language.templates[out.template].ExecuteTemplate(text, "layout", v)
}

// failed is what the page of an error shows.
type failed struct{ Title, Text, ID string }

// failure is the page of an error. What is not a *wallet.Error is ours alone.
func (p *pages) failure(h http.Header, r *request, err error) (out reply, code wallet.Code, wait time.Duration) {
	code = wallet.InternalServerError
	var known *wallet.Error
	switch {
	case errors.As(err, &known):
		code, wait = known.Code, known.RetryAfter
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), service.Unreachable(err):
		code = wallet.ServiceUnavailable
	}
	show := failed{Title: r.language.text("error.title"), Text: r.language.text("error.invalid_request"), ID: r.id}
	if key := "error." + string(code); r.language.has(key) {
		show.Text = r.language.text(key)
	}
	var own told
	if errors.As(err, &own) {
		show.Text = r.language.text(own.key)
	}
	if code == wallet.RateLimitExceeded {
		show.Text = r.language.tooMany(wait)
	}
	var other *wrongMethod
	if errors.As(err, &other) {
		h.Set("Allow", other.header())
	}
	return reply{template: "error", content: show}, code, wait
}

// input is a field of a form as a template shows it.
type input struct {
	ID, Name, Type, Value, Wrong, Hint, Label string
	Autocomplete, Mode                        string
	Required, Focus                           bool
	Length                                    int
}

// newField describes a field of a form. Options are words such as type=email, mode=numeric,
// autocomplete=username, length=2, required, focus for where typing begins, and refocus for where it goes
// on when the form as a whole was refused; hint and label are texts. Passwords, PINs and codes are never
// filled in again.
func newField(f form, name, label, hint, options string) (input, error) {
	in := input{ID: strings.Trim(f.name+"-"+strings.ReplaceAll(name, ".", "-"), "-"), Name: name, Type: "text", Label: label, Hint: hint, Wrong: f.wrong[name]}
	keep := true
	for option := range strings.FieldsSeq(options) {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "type":
			in.Type = value
			keep = keep && value != "password"
		case "mode":
			in.Mode = value
		case "autocomplete":
			// What comes with it in sections, such as "section-a email", is written with a plus sign.
			in.Autocomplete = strings.ReplaceAll(value, "+", " ")
			keep = keep && value != "one-time-code"
		case "length":
			length, err := strconv.Atoi(value)
			if err != nil {
				return input{}, err
			}
			in.Length = length
		case "required":
			in.Required = true
		case "focus":
			in.Focus = !f.Refused()
		case "refocus":
			in.Focus = f.Refused() && len(f.wrong) == 0
		default:
			return input{}, fmt.Errorf("a field has no option %q", option)
		}
	}
	if keep {
		in.Value = f.Value(name)
	}
	in.Focus = in.Focus || in.Wrong != "" // of several, browsers take the first
	return in, nil
}
