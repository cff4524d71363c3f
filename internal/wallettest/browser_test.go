package wallettest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// formPage has every kind of field that a page of ours may have, and what makes them hard to find.
const formPage = `<!DOCTYPE html><html lang="en"><title>The form</title>
<style>.away { display: none }</style>
<h1>A form</h1><p>Two
  words</p><p class="away">Nobody sees this</p><noscript>No scripts here</noscript>
<form method="post" action="/form">
<p><label for="name">Your
  name</label> <input id="name" name="name" value="Somebody"></p>
<p><label>Password <input type="password" name="password"></label></p>
<p><label>Left empty <input name="empty" value="full"></label></p>
<p><label>Note <textarea name="note">old</textarea></label></p>
<p><label>Country <select name="country"><option value="lt">Lithuania<option value="lv">Latvia</select></label></p>
<p><label>Born <input type="date" name="born"></label></p>
<p><label><input type="checkbox" name="agree"> I agree</label> <label><input type="checkbox" name="news" checked> News</label></p>
<p><label><input type="radio" name="how" value="now"> Now</label> <label><input type="radio" name="how" value="later"> Later</label></p>
<p class="away"><button>Send</button></p>
<p style="margin-top: 3000px"><button name="do" value="send">Send</button> <input type="submit" name="do" value="Cancel"></p>
</form><p><a href="/other">Another
 page</a> <a href="#part">A part</a></p>`

// somePages serves pages by their path; what is sent to /form is kept and answered with a redirect to /sent.
func somePages(t *testing.T, at map[string]string) (address string, sent *http.Request) {
	t.Helper()
	sent = &http.Request{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := at[r.URL.Path]
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		policy := "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
		switch to, redirect := strings.CutPrefix(text, "-> "); {
		case r.URL.Path == "/form" && r.Method == http.MethodPost:
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			*sent = *r
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "s3", Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode, MaxAge: 60})
			http.Redirect(w, r, "/sent", http.StatusSeeOther)
		case redirect:
			http.Redirect(w, r, to, http.StatusSeeOther)
		case !ok:
			w.Header().Set("Content-Security-Policy", policy)
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "There is no such page")
		case strings.Contains(text, "<!--free-->"):
			fmt.Fprint(w, text)
		default:
			w.Header().Set("Content-Security-Policy", policy)
			fmt.Fprint(w, text)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, sent
}

func TestBrowserTakesTheStepsOfAPersonWithScriptsAndWithout(t *testing.T) {
	for name, options := range map[string][]BrowserOption{"scripts": nil, "no scripts": {WithoutJavaScript()}} {
		t.Run(name, func(t *testing.T) {
			address, sent := somePages(t, map[string]string{"/form": formPage, "/sent": "<title>Done</title><p>It is sent", "/other": "<p>The other page"})
			b := NewBrowser(t, options...)
			b.Open(address + "/form")
			b.See("Two words")
			b.NotSee("Nobody sees this")
			if title := b.Title(); title != "The form" {
				t.Errorf("the title is %q", title)
			}
			if without := strings.Contains(b.Text(), "No scripts here"); without != (options != nil) {
				t.Errorf("that scripts are off is %v", without)
			}
			b.Fill("Your name", "Ąžuolas “& <Co>”")
			b.Fill("Password", "one two")
			b.Fill("Left empty", "")
			b.Fill("Note", "a\nb")
			b.Fill("Country", "Latvia")
			b.Fill("Born", "2001-02-03")
			b.Tick("I agree")
			b.Tick("News")
			b.Tick("Later")
			b.Press("Send")
			want := "agree=on&born=2001-02-03&country=lv&do=send&empty=&how=later&name=Ąžuolas “& <Co>”&news=on&note=a\r\nb&password=one two"
			if got, _ := url.QueryUnescape(sent.PostForm.Encode()); got != want {
				t.Errorf("the form sent\n%q, want\n%q", got, want)
			}
			// What servers defend themselves by must be as in any other browser.
			if origin, site := sent.Header.Get("Origin"), sent.Header.Get("Sec-Fetch-Site"); origin != address || site != "same-origin" {
				t.Errorf("the form was sent from the origin %q, the site %q", origin, site)
			}
			if at := b.URL(); at != address+"/sent" || b.Text() != "It is sent" {
				t.Errorf("%s: %q", at, b.Text())
			}
			c := b.Cookie("session")
			if c == nil || c.Value != "s3" || c.Domain != "127.0.0.1" || c.Path != "/" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Expires.IsZero() {
				t.Errorf("the cookie is %+v", c)
			}
			if c := b.Cookie("other"); c != nil {
				t.Errorf("there is a cookie that nobody set: %+v", c)
			}
			b.Open(address + "/form")
			b.Follow("A part")
			if at := b.URL(); at != address+"/form#part" {
				t.Errorf("the part is at %s", at)
			}
			b.Follow("Another page")
			b.See("The other page")
			b.Open(address + "/nothing")
			b.See("There is no such page")
			if all := b.ConsoleErrors(); len(all) > 0 {
				t.Errorf("a page without faults has %q", all)
			}
		})
	}
}

func TestBrowserLandsWhereNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String() + "/back?code=1"
	listener.Close()
	const shop, number, app, linked = "https://shop.example/back?code=1&state=a%20b#top", "http://192.0.2.1/back", "shop-app://back?code=1", "shop-app:direct"
	address, _ := somePages(t, map[string]string{
		"/":     "<!--free--><form method=post action=/shop><button>Shop</button></form><form action=/number><button>Number</button></form><form action=/closed><button>Closed</button></form><form method=post action=/app><button>App</button></form><a href='" + linked + "'>Linked</a>",
		"/shop": "-> " + shop, "/number": "-> " + number, "/closed": "-> " + closed, "/app": "-> " + app,
	})
	b := NewBrowser(t)
	for button, want := range map[string]string{"Shop": shop, "Number": number, "Closed": closed, "App": app} {
		b.Open(address)
		b.Press(button)
		if got := b.LandedAt(want[:9]); got != want {
			t.Errorf("%s landed at %s, want %s", button, got, want)
		}
		if at := b.URL(); at != want && button != "App" {
			t.Errorf("%s is at %s, want %s", button, at, want)
		}
	}
	b.Open(address)
	b.Follow("Linked")
	if got := b.LandedAt("shop-app:"); got != linked {
		t.Errorf("the link landed at %s, want %s", got, linked)
	}
	b.Open(shop)
	b.See("not part of the test")
}

func TestBrowserRecordsTheFaultsOfPages(t *testing.T) {
	address, _ := somePages(t, map[string]string{
		"/": "<!--free--><script>console.error('at', 7); console.log('fine'); throw new Error('broken')</script>" +
			"<img src=/missing.png><img src=https://pictures.example/a.png>",
		"/strict": "<script>document.title = 'run'</script><p onclick='x()'>",
	})
	b := NewBrowser(t)
	b.Open(address)
	b.Open(address + "/strict")
	if title := b.Title(); title != "" {
		t.Errorf("the policy let a script run: %s", title)
	}
	all := b.ConsoleErrors()
	for _, want := range []string{"console.error at 7", "Error: broken", "404 (Not Found) (" + address + "/missing.png)", "ERR_NAME_NOT_RESOLVED (https://pictures.example/a.png)", "Content Security Policy"} {
		if !slices.ContainsFunc(all, func(e string) bool { return strings.Contains(e, want) }) {
			t.Errorf("%q is not among %q", want, all)
		}
	}
	if strings.Contains(strings.Join(all, ""), "fine") {
		t.Errorf("what is no error is among %q", all)
	}
}

func TestBrowserTakesPictures(t *testing.T) {
	address, _ := somePages(t, map[string]string{"/": formPage})
	b := NewBrowser(t)
	b.Open(address)
	path := filepath.Join(t.TempDir(), "form.png")
	b.Screenshot(path)
	if picture, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(picture, []byte("\x89PNG\r\n")) {
		t.Errorf("%v, %d bytes", err, len(picture))
	}
}

// witness is a test that fails or is skipped without this one.
type witness struct {
	testing.TB
	failed, skipped string
}

func (w *witness) Fatal(args ...any) {
	w.failed = fmt.Sprint(args...)
	runtime.Goexit()
}

func (w *witness) Fatalf(format string, args ...any) { w.Fatal(fmt.Sprintf(format, args...)) }

func (w *witness) Skipf(format string, args ...any) {
	w.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// watch runs what may end a test, as a test of its own.
func watch(t *testing.T, run func(testing.TB)) *witness {
	w := &witness{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(w)
	}()
	<-done
	return w
}

func TestBrowserFailsWithWhatAPersonWouldSee(t *testing.T) {
	address, _ := somePages(t, map[string]string{
		"/": `<p>Look here</p><form method="post" action="/away"><label>Twice <input></label><label>Twice <input></label><label>Nothing</label>
			<label>Off <input disabled></label><label>Fixed <input readonly></label><label>Size <select><option>S<option>M</select></label>
			<label>Day <input type="date"></label><label>Box <input type="checkbox"></label><label>Count <input type="number"></label>
			<button>Leave</button><button disabled>Grey</button></form>
			<p style="position: relative"><button>Under</button><span style="position: absolute; inset: 0">Over</span></p>
			<form action="/"><label>Needed <input required></label><button>Check</button></form>`,
		"/away": "-> https://shop.example/",
	})
	b := NewBrowser(t)
	for _, c := range []struct {
		name string
		step func(*Browser)
		want string
	}{
		{"no such field", func(b *Browser) { b.Fill("Once", "x") }, "cannot fill “Once”: the page has no such label, only: Twice, Twice, Nothing, Off, Fixed, Size, Day, Box, Count, Needed"},
		{"two fields", func(b *Browser) { b.Fill("Twice", "x") }, "the page has 2 of that label"},
		{"a label alone", func(b *Browser) { b.Tick("Nothing") }, "this label belongs to no field"},
		{"a field that is off", func(b *Browser) { b.Fill("Off", "x") }, "it is disabled"},
		{"a field that stays", func(b *Browser) { b.Fill("Fixed", "x") }, "it cannot be changed"},
		{"no such entry", func(b *Browser) { b.Fill("Size", "L") }, "the list has only: S, M"},
		{"no date", func(b *Browser) { b.Fill("Day", "today") }, "it does not take today"},
		{"no number", func(b *Browser) { b.Fill("Count", "many") }, "it takes nothing of the text"},
		{"typing into a box", func(b *Browser) { b.Fill("Box", "x") }, "one does not type into a checkbox"},
		{"ticking a text", func(b *Browser) { b.Tick("Needed") }, "it is nothing to tick"},
		{"no such button", func(b *Browser) { b.Press("Go") }, "the page has no such button, only: Leave, Grey, Under, Check"},
		{"a button under something", func(b *Browser) { b.Press("Under") }, "something lies over it"},
		{"a button that is off", func(b *Browser) { b.Press("Grey") }, "it is disabled"},
		{"no such link", func(b *Browser) { b.Follow("Away") }, "the page has no such link, only: none"},
		{"a field that the browser asks for", func(b *Browser) { b.Press("Check") }, "no other page came"},
		{"a redirect that the page forbids", func(b *Browser) { b.Press("Leave") }, "form-action 'self'"},
		{"text that is not there", func(b *Browser) { b.See("Look there") }, "cannot see “Look there”: the page does not show it"},
		{"text that is there", func(b *Browser) { b.NotSee("Look here") }, "cannot not see “Look here”"},
		{"not landed", func(b *Browser) { b.LandedAt("https://shop") }, "cannot land at https://shop: the page went to " + address},
		{"no address", func(b *Browser) { b.Open("http://127.0.0.1:1/") }, "ERR_"},
	} {
		b.Open(address)
		w := watch(t, func(t testing.TB) {
			b.t, b.limit = t, 500*time.Millisecond
			c.step(b)
		})
		b.t, b.limit = t, 10*time.Second
		if !strings.Contains(w.failed, c.want) || !strings.Contains(w.failed, "--- the page at ") {
			t.Errorf("%s: it says\n%s\nwant %s", c.name, w.failed, c.want)
		}
		if c.name != "no address" && !strings.Contains(w.failed, "Look here") {
			t.Errorf("%s: it does not say what the page shows:\n%s", c.name, w.failed)
		}
	}
}

func TestBrowserIsNeverLeftOutInSilence(t *testing.T) {
	t.Setenv(ChromiumVariable, "")
	if w := watch(t, func(t testing.TB) { NewBrowser(t) }); !strings.Contains(w.failed, "make test") {
		t.Errorf("without a Chromium it says %q", w.failed)
	}
	t.Setenv(ChromiumVariable, "off")
	if w := watch(t, func(t testing.TB) { NewBrowser(t) }); w.failed != "" || !strings.Contains(w.skipped, "is off") {
		t.Errorf("with the Chromium off it says %q, %q", w.failed, w.skipped)
	}
	t.Setenv(ChromiumVariable, "/bin/false")
	if w := watch(t, func(t testing.TB) { NewBrowser(t) }); !strings.Contains(w.failed, "starting /bin/false") {
		t.Errorf("with a Chromium that does not start it says %q", w.failed)
	}
}
