package pages

import (
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// request is what a handler sees.
type request struct {
	*http.Request
	id string
	// language is what the page is written in. prefix is what the paths of links begin with:
	// /frontend, and the language where the address names one.
	language *language
	prefix   string
	// path is the page's, below the prefix.
	path string
	// cookie is what the browser sent, and caller who that is.
	cookie secret.Text
	caller wallet.Caller
	// frames are the sites that may show the answer in a frame; none is the rule.
	frames []string
}

// languageInPath are two letters in front of a page's path.
var languageInPath = regexp.MustCompile(`^/([a-z]{2})(/.*)?$`)

// read makes a request of what arrived, and returns the path of the page. A path that is written in any
// other way than ours is no page's.
func (p *pages) read(hr *http.Request) (r *request, below string) {
	var raw [8]byte
	io.ReadFull(p.Random, raw[:])
	r = &request{Request: hr, id: hex.EncodeToString(raw[:]), prefix: root}
	r.path, _ = strings.CutPrefix(hr.URL.Path, root)
	if match := languageInPath.FindStringSubmatch(r.path); match != nil {
		r.language = languageOf(match[1])
		r.prefix, r.path = root+"/"+match[1], match[2]
	} else {
		r.language = accepted(hr.Header.Values("Accept-Language"))
	}
	agent := strings.ToValidUTF8(hr.UserAgent(), "")
	for len(agent) > maxAgent {
		_, size := utf8.DecodeLastRuneInString(agent)
		agent = agent[:len(agent)-size]
	}
	r.caller = wallet.Caller{Kind: wallet.Anonymous, From: wallet.Origin{RequestID: r.id, Address: p.Address(hr), Agent: agent}}
	if cookie, err := hr.Cookie(p.cookieName()); err == nil {
		r.cookie = secret.Text(cookie.Value)
	}
	if hr.URL.RawPath != "" || !strings.HasPrefix(hr.URL.Path, root+"/") {
		return r, ""
	}
	return r, r.path
}

// cookieName is what the cookie is called: browsers take one with that beginning from nobody but the
// very host, over https.
func (p *pages) cookieName() string {
	if p.Secure {
		return "__Host-purser"
	}
	return "purser"
}

// newCookie is the cookie of who signed in; an empty value takes it away. It lasts as long as the browser
// is open, or as the server remembers it.
func (p *pages) newCookie(value secret.Text) *http.Cookie {
	c := &http.Cookie{
		Name: p.cookieName(), Value: value.Reveal(), Path: "/", HttpOnly: true, Secure: p.Secure, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// errForm refuses what no form of ours sends.
var errForm = wallet.Errorf(wallet.InvalidRequest, "the form cannot be read.")

// readForm reads the form of a POST, and the query of any request.
func (r *request) readForm(w http.ResponseWriter) error {
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return told{errForm, "error.query"}
	}
	if r.Method != http.MethodPost {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return errForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	var large *http.MaxBytesError
	switch err := r.ParseForm(); {
	case errors.As(err, &large):
		return wallet.Errorf(wallet.RequestTooLarge, "the form is larger than %d bytes.", maxForm)
	case err != nil:
		return errForm
	}
	return nil
}

// text is what was typed into a field, without blanks around it; password as it is.
func (r *request) text(field string) string { return strings.TrimSpace(r.PostForm.Get(field)) }

func (r *request) password(field string) secret.Text { return secret.Text(r.PostForm.Get(field)) }

// number is the number in the path under a name, 0 where there is none.
func (r *request) number(name string) int64 { return parseID(r.PathValue(name)) }

func parseID(text string) int64 {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0
	}
	return id
}

// link is the address of a page, in the language that the browser is in.
func (r *request) link(path string) string { return r.prefix + path }

// self is the address of the page itself, with its query.
func (r *request) self() string {
	if r.URL.RawQuery == "" {
		return r.link(r.path)
	}
	return r.link(r.path) + "?" + r.URL.RawQuery
}

// selfIn is the address of the page in another language.
func (r *request) selfIn(code string) string {
	return root + "/" + code + strings.TrimPrefix(r.self(), r.prefix)
}

func escape(text string) string { return url.QueryEscape(text) }

// maxNext bounds where somebody goes on to, in bytes: a request for consent, escaped.
const maxNext = 16 << 10

// next is where somebody goes on to after signing in, as the address says; empty where it says nothing
// or what is not a page of ours.
func (r *request) next() string { return localPage(r.URL.Query().Get("next")) }

// localPage is an address that is surely one of our own pages, and empty for every other one. Browsers
// take backslashes for slashes, leave tabs and line breaks out, and resolve dots even when they are
// escaped; what has any of these is not ours.
func localPage(address string) string {
	if len(address) > maxNext || !strings.HasPrefix(address, root+"/") || strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c > '~' || c == '\\' }) {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Fragment != "" || u.RawPath != "" || path.Clean(u.Path) != u.Path || strings.Contains(u.Path, `\`) {
		return ""
	}
	return address
}

// withNext adds where to go on to to the address of a page.
func withNext(address, next string) string {
	if next == "" {
		return address
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + "next=" + escape(next)
}

// preparedIn is the key of the prepared request that somebody goes on to, empty for none.
func preparedIn(next string) secret.Text {
	address, _, _ := strings.Cut(next, "?")
	below := strings.TrimPrefix(address, root)
	if match := languageInPath.FindStringSubmatch(below); match != nil {
		below = match[2]
	}
	key, found := strings.CutPrefix(below, "/oauth/")
	if !found || strings.Contains(key, "/") {
		return ""
	}
	return secret.Text(key)
}

// form is what somebody typed, and what is wrong with it.
type form struct {
	// name tells the forms of a page apart.
	name   string
	values url.Values
	wrong  map[string]string
	// present is the field of the present password or PIN, which a wrong one is put down to; called is
	// what fields are called here that have another name in service.
	present string
	called  map[string]string
	// Problem is about the form as a whole.
	Problem string
	// code is why it was refused, empty while it was not, and wait how long to wait until it is sent again.
	code wallet.Code
	wait time.Duration
}

// empty is a form with these values in it.
func empty(name string, values map[string]string) form {
	f := form{name: name, values: url.Values{}}
	for field, value := range values {
		f.values.Set(field, value)
	}
	return f
}

// typed is the form that was sent. Of the secrets in it nothing is shown again, since the templates do
// not fill in such fields.
func (r *request) typed(name string) form { return form{name: name, values: r.PostForm} }

// Refused says whether the form was sent and not taken.
func (f form) Refused() bool { return f.code != "" }

// Value is what stands in a field.
func (f form) Value(field string) string { return strings.ToValidUTF8(f.values.Get(field), "�") }

// Has says whether a value is among those of a field.
func (f form) Has(field, value string) bool {
	for _, one := range f.values[field] {
		if one == value {
			return true
		}
	}
	return false
}

// refuse puts what is wrong into a form, in the page's language. What no form is to blame for comes
// back as an error.
func (p *pages) refuse(r *request, f form, err error) (form, error) {
	var known *wallet.Error
	if !errors.As(err, &known) {
		return f, err
	}
	f.wrong, f.code, f.wait = map[string]string{}, known.Code, known.RetryAfter
	switch known.Code {
	case wallet.InvalidParameters, wallet.PasswordTooShort, wallet.PasswordTooRisky:
		for field := range known.Properties {
			f.blame(r, p, known.Code, field)
		}
	case wallet.InvalidCode:
		f.wrong["code"] = r.language.text("wrong.code")
	case wallet.InvalidPassword:
		if f.present == "" {
			f.Problem = r.language.text("error.sign_in")
		} else {
			f.wrong[f.present] = r.language.text("wrong.present")
		}
	case wallet.RateLimitExceeded:
		f.Problem = r.language.tooMany(known.RetryAfter)
	case wallet.InvalidState:
		f.Problem = r.language.text("error.invalid_state")
	default:
		return f, err
	}
	if len(f.wrong) > 0 && f.Problem == "" {
		f.Problem = r.language.text("form.refused")
	}
	return f, nil
}

// blame says what is wrong with a field.
func (f *form) blame(r *request, p *pages, code wallet.Code, field string) {
	if name, renamed := f.called[field]; renamed {
		field = name
	}
	switch {
	case code == wallet.PasswordTooShort:
		f.wrong[field] = r.language.text("wrong.password_too_short", p.Service.MinimumPasswordLength)
	case code == wallet.PasswordTooRisky:
		f.wrong[field] = r.language.text("wrong.password_too_risky")
	case field == "address":
		// An address needs three of its fields, and whichever are empty are to blame.
		for _, part := range []string{"address.country", "address.city", "address.street"} {
			if strings.TrimSpace(f.Value(part)) == "" {
				f.wrong[part] = r.language.text("wrong.needed")
			}
		}
	case r.language.has("wrong." + field):
		f.wrong[field] = r.language.text("wrong." + field)
	default:
		f.Problem = r.language.text("error.invalid_parameters")
	}
}

// handle is what a code is given back under.
func (r *request) handle() secret.Text { return secret.Text(r.PathValue("handle")) }
