package wallettest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// ChromiumVariable names the environment variable with the path of the Chromium that tests drive.
const ChromiumVariable = "PURSER_TEST_CHROMIUM"

// Browser is a person in front of a real, headless Chromium: every method is a step that a person
// takes, and fails the test with the address and the text of the page if it cannot be taken
// within ten seconds. Steps wait for what they need, so that a test never sleeps. It is for the
// test's own goroutine, and has one tab.
//
// Fields, buttons and links are named by the whole text that they show, blanks and line breaks
// between words taken alike. Two of one name fail too, because a person could not tell
// them apart either.
//
// It reaches this machine only. Any page of another is an empty one of the kit: see LandedAt.
type Browser struct {
	t     testing.TB
	ctx   context.Context
	tab   *chromedp.Target
	limit time.Duration

	mu   sync.Mutex
	seen sights
}

// sights are what the browser has reported so far of its page.
type sights struct {
	// url is where the page is, asked the last address that it was told to go to.
	url, asked string
	// loader names the document that is shown, arrivals counts those that ever were, a jump to another
	// part of one included, and loaded says whether the last is complete.
	loader   cdp.LoaderID
	arrivals int
	loaded   bool
	// stays counts the times that the page was told to go elsewhere and stayed, why is the last reason.
	stays int
	why   string
	// documents are the requests that asked for a whole page.
	documents map[network.RequestID]bool
	errors    []string
}

// BrowserOption changes how NewBrowser starts.
type BrowserOption func(*browserOptions)

type browserOptions struct{ withoutJavaScript bool }

// WithoutJavaScript has the browser run no scripts of pages. Every method still works.
func WithoutJavaScript() BrowserOption {
	return func(o *browserOptions) { o.withoutJavaScript = true }
}

// NewBrowser starts a Chromium without cookies or history, and ends it with the test. Without the
// variable PURSER_TEST_CHROMIUM the test fails, so that pages are never left untested in silence;
// the value "off" skips it on purpose.
func NewBrowser(t testing.TB, options ...BrowserOption) *Browser {
	t.Helper()
	path := os.Getenv(ChromiumVariable)
	switch path {
	case "off":
		t.Skipf("%s is off, and this test needs a browser", ChromiumVariable)
	case "":
		t.Fatalf("%s is not set: run the tests with `make test`, which finds or fetches a Chromium, or set it to off to leave out what needs a browser", ChromiumVariable)
	}
	var o browserOptions
	for _, option := range options {
		option(&o)
	}
	b := &Browser{t: t, limit: 10 * time.Second}
	b.seen.documents = map[network.RequestID]bool{}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromiumFlags(path), noOtherPrograms(t))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(b.listen))
	t.Cleanup(func() {
		// Asked to close, it ends its many processes itself; killed, it leaves them to whoever collects orphans.
		closing, done := context.WithTimeout(ctx, 5*time.Second)
		defer done()
		_ = chromedp.Cancel(closing)
		cancel()
	})
	b.ctx = ctx
	// The browser lives as long as the context of the call that starts it, so a deadline would end
	// it in the middle of the test: a timer watches over the start instead.
	watch := time.AfterFunc(time.Minute, cancel)
	defer watch.Stop()
	prepare := func(ctx context.Context, tab *chromedp.Target) error { return b.prepare(ctx, tab, o) }
	if err := chromedp.Do(ctx, chromedp.Func(prepare)); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return b
}

// chromiumFlags start a browser that keeps to itself: it finds no other machine, and does nothing
// of its own accord.
func chromiumFlags(path string) []chromedp.ExecAllocatorOption {
	return append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Flag("headless", "new"),
		chromedp.Flag("no-sandbox", os.Geteuid() == 0), // with its sandbox, Chromium refuses to run as root
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("disable-field-trial-config", true),
		chromedp.Flag("disable-auto-reload", true),
		chromedp.Flag("disable-features", "Translate,MediaRouter,OptimizationHints,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable"),
		chromedp.Flag("no-pings", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.WindowSize(1280, 1024),
	)
}

// noOtherPrograms keeps the browser from asking whether it may hand an address such as myapp://paid to
// another program: a little later it would stop listening to the mouse until somebody answers.
// It asks nothing where xdg-settings says that it is itself the program for such addresses.
func noOtherPrograms(t testing.TB) chromedp.ExecAllocatorOption {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "xdg-settings"), []byte("#!/bin/sh\necho yes\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return chromedp.Env("PATH=" + folder + string(os.PathListSeparator) + os.Getenv("PATH"))
}

func (b *Browser) prepare(ctx context.Context, tab *chromedp.Target, o browserOptions) error {
	b.mu.Lock()
	b.tab = tab
	b.mu.Unlock()
	// Requests for whole pages wait for answerPage. Nothing else does: host-resolver-rules end it.
	pages := []*fetch.RequestPattern{{URLPattern: "*", ResourceType: network.ResourceTypeDocument}}
	if _, err := cdp.Call(ctx, tab, fetch.Enable, fetch.EnableParams{Patterns: pages}); err != nil {
		return err
	}
	// Without it, fields of a window that nobody looks at take no text.
	focus := emulation.SetFocusEmulationEnabledParams{Enabled: true}
	if _, err := cdp.Call(ctx, tab, emulation.SetFocusEmulationEnabled, focus); err != nil {
		return err
	}
	scripts := emulation.SetScriptExecutionDisabledParams{Value: o.withoutJavaScript}
	_, err := cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, scripts)
	return err
}

// Open goes to the URL and waits until the page is complete.
func (b *Browser) Open(url string) {
	b.t.Helper()
	step := "open " + url
	b.leave(step, func() {
		b.t.Helper()
		b.once(step, func(ctx context.Context) error {
			result, err := cdp.Call(ctx, b.tab, page.Navigate, page.NavigateParams{URL: url})
			if err == nil && result.ErrorText != "" {
				err = errors.New(result.ErrorText)
			}
			return err
		})
	})
}

// Fill puts the text into the field with that label, in place of what stands there. Of a list it
// chooses the entry that shows the text; for a date and its like the text is as HTML writes it, 2026-11-21.
func (b *Browser) Fill(label, text string) {
	b.t.Helper()
	step := fmt.Sprintf("fill “%s”", label)
	field := b.find(step, "field", label)
	b.await(step, func(ctx context.Context) error {
		answer, err := b.ask(ctx, field, fillIn, text)
		if err != nil || answer != "type" {
			return errors.Join(err, complaint(answer))
		}
		if _, err := cdp.Call(ctx, b.tab, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
			return err
		}
		answer, err = b.ask(ctx, field, isFilled, "")
		return errors.Join(err, complaint(answer))
	})
}

// Tick ticks the box, or takes the choice, with that label; one that is ticked stays so.
func (b *Browser) Tick(label string) {
	b.t.Helper()
	step := fmt.Sprintf("tick “%s”", label)
	box := b.find(step, "field", label)
	ticked := false
	b.once(step, func(ctx context.Context) error {
		answer, err := b.ask(ctx, box, mayTick, "")
		if ticked = answer == "ticked"; ticked {
			return err
		}
		return errors.Join(err, complaint(answer))
	})
	if ticked {
		return
	}
	b.click(step, box)
	b.await(step, func(ctx context.Context) error {
		answer, err := b.ask(ctx, box, isTicked, "")
		return errors.Join(err, complaint(answer))
	})
}

// Press presses the button with that text and waits until the page that it leads to is complete. It
// fails when the page stays, as when the browser itself finds a field wrong.
func (b *Browser) Press(button string) {
	b.t.Helper()
	step := fmt.Sprintf("press “%s”", button)
	found := b.find(step, "button", button)
	b.leave(step, func() { b.t.Helper(); b.click(step, found) })
}

// Follow clicks the link with that text and waits until the page that it leads to is complete.
func (b *Browser) Follow(link string) {
	b.t.Helper()
	step := fmt.Sprintf("follow “%s”", link)
	found := b.find(step, "link", link)
	b.leave(step, func() { b.t.Helper(); b.click(step, found) })
}

// URL is where the page is, with its fragment.
func (b *Browser) URL() string { return b.sights().url }

// LandedAt waits until the page has gone to a URL that begins with prefix, and returns all of it.
//
// Nobody need listen there. The browser stops on the way to every page (the Fetch domain of its
// protocol) and asks the kit, which lets pages of this machine pass and answers those of any other
// with an empty page: nothing leaves the machine, and the browser stands at the URL as if
// somebody had answered, with all that it judges itself, as the page's own policy on where its
// forms may lead. On this machine a port where nobody listens will do as well. For an address that
// is no web page, such as myapp://paid, it is enough that the browser was sent there.
func (b *Browser) LandedAt(prefix string) string {
	b.t.Helper()
	var landed string
	b.await("land at "+prefix, func(context.Context) error {
		now := b.sights()
		if landed = now.url; isApp(now.asked) {
			landed = now.asked
		}
		if !strings.HasPrefix(landed, prefix) {
			return fmt.Errorf("the page went to %s", landed)
		}
		return nil
	})
	return landed
}

// isApp says whether an address is handed to another program, instead of being shown.
func isApp(address string) bool {
	scheme, _, _ := strings.Cut(address, ":")
	return !slices.Contains([]string{"", "http", "https", "about", "data", "blob", "file"}, scheme)
}

// Text is what the page shows, as lines.
func (b *Browser) Text() string {
	b.t.Helper()
	return b.read("read the page", pageText)
}

// Title is the title of the page.
func (b *Browser) Title() string {
	b.t.Helper()
	return b.read("read the title", "document.title")
}

// See waits until the page shows the text, blanks and line breaks taken alike.
func (b *Browser) See(text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("see “%s”", text), func(ctx context.Context) error {
		shown, err := b.evaluate(ctx, pageText)
		if err == nil && !strings.Contains(words(shown.text()), words(text)) {
			err = errors.New("the page does not show it")
		}
		return err
	})
}

// NotSee fails if the page shows the text now. It does not wait: the step before it has.
func (b *Browser) NotSee(text string) {
	b.t.Helper()
	if strings.Contains(words(b.Text()), words(text)) {
		b.fail(fmt.Sprintf("not see “%s”", text), errors.New("the page shows it"))
	}
}

// words is a text with one blank between any two words.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// Cookie is the cookie of that name, whichever site set it, with all that the browser knows of it; nil
// when there is none. Its Domain begins with a dot when other hosts below it get it too.
func (b *Browser) Cookie(name string) *http.Cookie {
	b.t.Helper()
	var found *http.Cookie
	b.once("look for the cookie "+name, func(ctx context.Context) error {
		all, err := cdp.Call(ctx, b.tab, storage.GetCookies, storage.GetCookiesParams{})
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all.Cookies, func(c *network.Cookie) bool { return c.Name == name })
		if at >= 0 {
			found = cookie(all.Cookies[at])
		}
		return nil
	})
	return found
}

func cookie(c *network.Cookie) *http.Cookie {
	modes := map[network.CookieSameSite]http.SameSite{
		network.CookieSameSiteStrict: http.SameSiteStrictMode,
		network.CookieSameSiteLax:    http.SameSiteLaxMode,
		network.CookieSameSiteNone:   http.SameSiteNoneMode,
	}
	found := &http.Cookie{
		Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path,
		HttpOnly: c.HTTPOnly, Secure: c.Secure, SameSite: modes[c.SameSite],
	}
	if !c.Session {
		found.Expires = time.Unix(int64(c.Expires), 0).UTC()
	}
	return found
}

// Screenshot writes a picture of the whole page to a PNG file.
func (b *Browser) Screenshot(path string) {
	b.t.Helper()
	b.once("take a picture", func(ctx context.Context) error {
		const lossless = 100
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(lossless))
		if err != nil {
			return err
		}
		return os.WriteFile(path, picture, 0o644)
	})
}

// ConsoleErrors are the errors that pages have logged since the start: what their content security
// policy forbids, scripts that fail, and parts that do not load. The status of a page itself
// is not among them, nor is the icon that browsers ask every site for.
func (b *Browser) ConsoleErrors() []string {
	b.t.Helper()
	b.read("wait for the console", `""`) // the browser answers after it has reported what was before
	return b.sights().errors
}

// --- What the browser reports ---

func (b *Browser) sights() sights {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.seen
	now.errors = slices.Clone(now.errors)
	return now
}

// listen notes what the browser reports, in that order. It must not wait for the browser.
func (b *Browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *fetch.EventRequestPaused:
		go b.answerPage(b.tab, e)
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument && b.inTab(e.FrameID) {
			b.seen.documents[e.RequestID] = true
			b.seen.asked = e.Request.URL + e.Request.URLFragment
		}
	case *network.EventLoadingFailed:
		if e.Canceled && b.seen.documents[e.RequestID] {
			b.seen.stays++
			b.seen.why = e.ErrorText
		}
	case *page.EventFrameNavigated:
		if b.inTab(e.Frame.ID) {
			b.arrive(e.Frame)
		}
	case *page.EventNavigatedWithinDocument:
		if b.inTab(e.FrameID) {
			b.seen.url, b.seen.asked = e.URL, e.URL
			b.seen.arrivals++
		}
	case *page.EventLifecycleEvent:
		if e.Name == "load" && e.LoaderID == b.seen.loader {
			b.seen.loaded = true
		}
	default:
		if text := consoleError(event, b.seen.documents); text != "" {
			b.seen.errors = append(b.seen.errors, text)
		}
	}
}

// inTab tells the page itself from frames in it: its frame is named as the tab is.
func (b *Browser) inTab(frame cdp.FrameID) bool {
	return b.tab != nil && string(frame) == string(b.tab.TargetID)
}

func (b *Browser) arrive(frame *cdp.Frame) {
	b.seen.url, b.seen.loader, b.seen.loaded = frame.URL+frame.URLFragment, frame.LoaderID, false
	if frame.UnreachableURL != "" {
		b.seen.url = frame.UnreachableURL
	}
	b.seen.asked = b.seen.url
	b.seen.arrivals++
}

// consoleError is what an event says about a fault of a page; empty for any other.
func consoleError(event any, documents map[network.RequestID]bool) string {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		return exception(e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		if e.Type != runtime.ConsoleAPICalledTypeError && e.Type != runtime.ConsoleAPICalledTypeAssert {
			return ""
		}
		text := "console." + string(e.Type)
		for _, argument := range e.Args {
			text += " " + remote{argument}.text()
		}
		return text
	case *log.EventEntryAdded:
		icon := strings.HasSuffix(e.Entry.URL, "/favicon.ico")
		if e.Entry.Level != log.EntryLevelError || icon || documents[e.Entry.NetworkRequestID] {
			return ""
		}
		return strings.TrimSpace(e.Entry.Text) + " (" + e.Entry.URL + ")"
	}
	return ""
}

func exception(d *runtime.ExceptionDetails) string {
	if d.Exception == nil {
		return d.Text
	}
	return d.Text + " " + remote{d.Exception}.text()
}

// answerPage lets a request for a page of this machine, or for a file on it, pass, and answers any other.
func (b *Browser) answerPage(tab *chromedp.Target, e *fetch.EventRequestPaused) {
	// An error of both calls means that the browser does not want the page any more.
	address, err := url.Parse(e.Request.URL)
	if err != nil || address.Hostname() == "127.0.0.1" || address.Hostname() == "localhost" || address.Scheme == "file" {
		_, _ = cdp.Call(b.ctx, tab, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
		return
	}
	const nobody = `<!DOCTYPE html><title>Nobody is here</title><link rel="icon" href="data:,"><p>This address is not part of the test.</p>`
	_, _ = cdp.Call(b.ctx, tab, fetch.FulfillRequest, fetch.FulfillRequestParams{
		RequestID: e.RequestID, ResponseCode: http.StatusOK, Body: []byte(nobody),
		ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type", Value: "text/html; charset=utf-8"}},
	})
}

// --- Taking a step ---

// pause is how long a step waits before it tries again.
const pause = 20 * time.Millisecond

// await tries until there is no error. The last one says why the test fails.
func (b *Browser) await(step string, try func(context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, b.limit)
	defer cancel()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			b.fail(step, last)
		case <-time.After(pause):
		}
	}
}

// once tries once.
func (b *Browser) once(step string, try func(context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, b.limit)
	defer cancel()
	if err := try(ctx); err != nil {
		b.fail(step, err)
	}
}

// leave does what leads to another page, and waits for that.
func (b *Browser) leave(step string, act func()) {
	b.t.Helper()
	before := b.sights()
	act()
	stayed := false
	b.await(step, func(context.Context) error {
		now := b.sights()
		switch {
		case now.arrivals > before.arrivals && now.loaded:
			return nil
		case now.arrivals > before.arrivals:
			return errors.New("the page that came is not complete")
		case now.stays > before.stays:
			stayed = !isApp(now.asked)
			return nil
		}
		return errors.New("no other page came")
	})
	if stayed {
		b.fail(step, fmt.Errorf("the page stayed: %s", b.sights().why))
	}
}

// fail ends the test with all that a person would look at.
func (b *Browser) fail(step string, err error) {
	b.t.Helper()
	text := "(it does not answer)"
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	if shown, err := b.evaluate(ctx, pageText); err == nil {
		text = strings.TrimSpace(shown.text())
	}
	now := b.sights()
	message := fmt.Sprintf("cannot %s: %v\n--- the page at %s\n%s", step, err, now.url, text)
	if len(now.errors) > 0 {
		message += "\n--- its errors\n" + strings.Join(now.errors, "\n")
	}
	b.t.Fatal(message)
}

// complaint is what a function of the page found wrong; nil for nothing.
func complaint(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

// click presses the mouse in the middle of an element, and releases it there once the element shows that
// it is down: a press that something else caught, or a page that is still being painted lost, is tried again.
func (b *Browser) click(step string, element runtime.RemoteObjectID) {
	b.t.Helper()
	b.await(step, func(ctx context.Context) error {
		x, y, err := b.middle(ctx, element)
		if err != nil {
			return err
		}
		mouse := input.DispatchMouseEventParams{X: x, Y: y, Button: input.MouseButtonLeft, ClickCount: 1}
		mouse.Type = input.DispatchMouseEventTypeMousePressed
		if _, err := cdp.Call(ctx, b.tab, input.DispatchMouseEvent, mouse); err != nil {
			return err
		}
		answer, err := b.ask(ctx, element, isPressed, "")
		if answer != "" || err != nil {
			mouse.X, mouse.Y = 0, 0 // where it clicks nothing
		}
		mouse.Type = input.DispatchMouseEventTypeMouseReleased
		// The page may be gone before it confirms this, which is no reason for a second click.
		_, _ = cdp.Call(ctx, b.tab, input.DispatchMouseEvent, mouse)
		return errors.Join(err, complaint(answer))
	})
}

// middle scrolls to an element and returns where its middle is in the window.
func (b *Browser) middle(ctx context.Context, element runtime.RemoteObjectID) (x, y float64, err error) {
	if _, err := cdp.Call(ctx, b.tab, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{ObjectID: element}); err != nil {
		return 0, 0, err
	}
	shape, err := cdp.Call(ctx, b.tab, dom.GetContentQuads, dom.GetContentQuadsParams{ObjectID: element})
	if err != nil {
		return 0, 0, err
	}
	const corners = 4
	if len(shape.Quads) == 0 || len(shape.Quads[0]) != 2*corners {
		return 0, 0, errors.New("it has no place on the page")
	}
	for i := range corners {
		x += shape.Quads[0][2*i] / corners
		y += shape.Quads[0][2*i+1] / corners
	}
	return x, y, nil
}

// --- Asking the page ---
//
// The questions are JavaScript of the browser's own console, which runs whatever the page's policy
// says and even where the page's own scripts may not run.

// pageText is the text that the page shows.
const pageText = `document.body ? document.body.innerText : ""`

// finders find the one visible element of a name, or say what there is instead.
const finders = `
const words = text => text.trim().split(/\s+/).join(" ");
const shown = e => e.checkVisibility({visibilityProperty: true});
const one = (kind, name, selector, called) => {
	const all = [...document.querySelectorAll(selector)].filter(shown);
	const found = all.filter(e => called(e) === words(name));
	if (found.length === 0) return "the page has no such " + kind + ", only: " + (all.map(called).join(", ") || "none");
	return found.length === 1 ? found[0] : "the page has " + found.length + " of that " + kind;
};
// A list in its label shows its entries there too, and they are not part of the name.
const label = name => one("label", name, "label", e =>
	words(e.control && e.contains(e.control) ? e.innerText.replace(e.control.innerText, "") : e.innerText));
const able = e => e.disabled ? "it is disabled" : e;
const field = name => {
	const found = label(name);
	return typeof found === "string" ? found : found.control ? able(found.control) : "this label belongs to no field";
};
const button = name => able(one("button", name, "button, input[type=submit]", e => words(e.innerText || e.value)));
const link = name => one("link", name, "a[href]", e => words(e.innerText));
`

// These run on a field. They return what is wrong with it, or how to go on.
const (
	// fillIn does all but the typing, for which it makes place.
	fillIn = `function(text = "") {
		const changed = () => {
			this.dispatchEvent(new Event("input", {bubbles: true}));
			this.dispatchEvent(new Event("change", {bubbles: true}));
			return "";
		};
		if (this.readOnly) return "it cannot be changed";
		if (this.localName === "select") {
			const entry = [...this.options].find(o => o.text === text);
			if (!entry) return "the list has only: " + [...this.options].map(o => o.text).join(", ");
			entry.selected = true;
			return changed();
		}
		if (/^(checkbox|radio|file|button|submit|reset|image)$/.test(this.type)) return "one does not type into a " + this.type;
		if (/^(date|time|month|week|datetime-local|color|range)$/.test(this.type)) {
			this.value = text;
			return this.value === text ? changed() : "it does not take " + text;
		}
		this.focus();
		this.value = "";
		return text === "" ? changed() : "type";
	}`
	isFilled = `function() { return this.value === "" ? "it takes nothing of the text" : ""; }`
	mayTick  = `function() {
		if (this.type !== "checkbox" && this.type !== "radio") return "it is nothing to tick";
		return this.checked ? "ticked" : "";
	}`
	isPressed = `function() { return this.matches(this.localName + ":active") ? "" : "something lies over it, or it does not react"; }`
	isTicked  = `function() { return this.checked ? "" : "the click did not tick it"; }`
)

// remote is a value that the browser holds.
type remote struct{ *runtime.RemoteObject }

// text is the value of a string, and a description of anything else.
func (r remote) text() string {
	var text string
	if json.Unmarshal(r.Value, &text) == nil {
		return text
	}
	if r.Description != "" {
		return r.Description
	}
	return string(r.Value)
}

// find waits for the one element of the name and returns the browser's word for it.
func (b *Browser) find(step, finder, name string) (element runtime.RemoteObjectID) {
	b.t.Helper()
	quoted, err := json.Marshal(name)
	if err != nil {
		b.fail(step, err)
	}
	b.await(step, func(ctx context.Context) error {
		found, err := b.evaluate(ctx, "(() => {"+finders+"return "+finder+"("+string(quoted)+")})()")
		if err != nil {
			return err
		}
		if element = found.ObjectID; element == "" {
			return errors.New(found.text())
		}
		return nil
	})
	return element
}

func (b *Browser) read(step, expression string) (text string) {
	b.t.Helper()
	b.await(step, func(ctx context.Context) error {
		result, err := b.evaluate(ctx, expression)
		if err == nil {
			text = result.text()
		}
		return err
	})
	return text
}

func (b *Browser) evaluate(ctx context.Context, expression string) (remote, error) {
	result, err := cdp.Call(ctx, b.tab, runtime.Evaluate, runtime.EvaluateParams{Expression: expression})
	if err == nil && result.ExceptionDetails != nil {
		err = errors.New(exception(result.ExceptionDetails))
	}
	return remote{result.Result}, err
}

// ask calls a function on an element of the page, and returns its answer.
func (b *Browser) ask(ctx context.Context, element runtime.RemoteObjectID, function, argument string) (string, error) {
	quoted, err := json.Marshal(argument)
	if err != nil {
		return "", err
	}
	result, err := cdp.Call(ctx, b.tab, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: function, ObjectID: element, Arguments: []*runtime.CallArgument{{Value: quoted}},
	})
	if err != nil {
		return "", err
	}
	if result.ExceptionDetails != nil {
		return "", errors.New(exception(result.ExceptionDetails))
	}
	return remote{result.Result}.text(), nil
}
