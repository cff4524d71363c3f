// Package manual is the documentation as a small site of plain pages: the Markdown of the repository, and a reference
// made of api/openapi.yaml. `serve` and `dev` answer with it at /docs, and `purser docs` writes it into a folder.
//
// Nothing of it comes from elsewhere, and what scripts there are, for searching and for choosing a language, nothing else depends on. All links are relative, so that the site works below any
// address and from a folder. A page is rendered when it is first asked for, and kept compressed. In a sandbox each route of
// the reference can be tried: the server signs the request as one of the sample world's clients, sends it to itself over
// HTTP, and shows what was signed and what was answered.
package manual

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Root is where the site is answered, without the slash behind it.
const Root = "/docs"

//go:embed style.css
var style []byte

// Options say what the site is made of.
type Options struct {
	// Files holds README.md, docs and api/openapi.yaml, as they stand in the repository.
	Files fs.FS
	// Exchanges holds testdata/exchange and testdata/vectors, which the site shows as they are; nil for a site without them.
	Exchanges fs.FS
	// Version is that of the program, for the foot of each page; empty for none.
	Version string
	// Log is told of pages that cannot be rendered; nil where nobody answers with them.
	Log *slog.Logger
	// Sandbox is what requests can be tried with; nil for a site on which nothing can be tried.
	Sandbox *Sandbox
}

// Site answers with the pages, or writes them. Make one with New; it is safe for concurrent use.
type Site struct {
	Options
	foreign http.CrossOriginProtection

	mu sync.Mutex
	// pages are those of Markdown, by their paths in the site, and order is theirs in the navigation; nil until somebody asks.
	pages map[string]*page
	order []*page
	// routes are the calls that can be tried, by their ids, and names the pages of the reference; nil until it is rendered.
	routes map[string]*trial
	names  []string
	kept   map[string]kept
}

// kept is a file of the site as it is answered.
type kept struct {
	kind, tag string
	// packed is the content, compressed with gzip.
	packed []byte
}

// New returns the site, and reads nothing yet.
func New(o Options) *Site { return &Site{Options: o, kept: map[string]kept{}} }

// Beside is a server with a site at /docs, to which a browser is led that opens the address of the API or, of a sandbox, the server's
// own. Programs do not ask for HTML there, and are answered by the server.
func Beside(server http.Handler, site *Site) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to, ok := entrances[r.URL.Path]; ok && isBrowser(r) && (to != "/" || site.Sandbox != nil) {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Vary", "Accept")
			http.Redirect(w, r, Root+to, http.StatusFound)
			return
		}
		if below, ours := strings.CutPrefix(r.URL.Path, Root); ours && (below == "" || below[0] == '/') {
			site.ServeHTTP(w, r)
			return
		}
		server.ServeHTTP(w, r)
	})
}

// entrances are the addresses that people open who have been told where the server is, and where in the site they are led.
var entrances = map[string]string{"/": "/", "/rest/v1": "/" + referenceFolder, "/rest/v1/": "/" + referenceFolder}

// isBrowser says whether somebody wants to read: browsers alone ask for HTML by name.
func isBrowser(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html")
}

// ServeHTTP answers with a page or a file of the site, at and below /docs.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, Root)
	s.secure(w.Header(), !strings.HasPrefix(name, "/"+tryFolder))
	if name == "" {
		http.Redirect(w, r, Root+"/", http.StatusPermanentRedirect)
		return
	}
	name = name[1:]
	if id, ok := strings.CutPrefix(name, tryFolder); ok && s.Sandbox != nil {
		s.serveTrial(w, r, id)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this page does not take "+r.Method, http.StatusMethodNotAllowed)
		return
	}
	if name == "" || strings.HasSuffix(name, "/") {
		name += indexPage
	}
	file, err := s.file(name)
	if err != nil {
		s.fail(w, err)
		return
	}
	if file == nil {
		s.missing(w, r)
		return
	}
	file.send(w, r)
}

// secure sets the headers that every answer has. The referrer's policy is not no-referrer: with that, browsers send "Origin:
// null" with a form, and over plain http nothing else tells a form of ours from another site's. Scripts of ours
// run where nothing is shown that somebody typed.
func (s *Site) secure(h http.Header, scripted bool) {
	policy := "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	if scripted {
		policy += "; script-src 'self'"
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
}

// fail says that a page cannot be rendered; why is for the log.
func (s *Site) fail(w http.ResponseWriter, err error) {
	if s.Log != nil {
		s.Log.Error("a page of the manual does not render", "cause", err.Error())
	}
	http.Error(w, "this page cannot be shown: the log of the server says why", http.StatusInternalServerError)
}

// missing is the answer for what is no page.
func (s *Site) missing(w http.ResponseWriter, r *http.Request) {
	html, err := s.dynamic("missing", "There is no such page", r.URL.Path, nil)
	if err != nil {
		s.fail(w, err)
		return
	}
	sendPage(w, http.StatusNotFound, html)
}

// sendPage answers with a page that nobody keeps.
func sendPage(w http.ResponseWriter, status int, html []byte) {
	h := w.Header()
	h.Set("Content-Type", pageKind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(html)))
	w.WriteHeader(status)
	w.Write(html)
}

// Media types of pages and of texts.
const (
	pageKind  = "text/html; charset=utf-8"
	plainKind = "text/plain; charset=utf-8"
)

// keep compresses a file and keeps it under its name.
func (s *Site) keep(name, kind string, content []byte) {
	sum := sha256.Sum256(content)
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	writer.Write(content) // into memory
	writer.Close()
	// It is weak, since it stands for the content, however that is compressed.
	s.kept[name] = kept{kind: kind, tag: `W/"` + hex.EncodeToString(sum[:12]) + `"`, packed: bytes.Clone(packed.Bytes())}
}

// content is what was kept.
func (k *kept) content() ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(k.packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// send answers with the file, compressed where the other end reads that.
func (k *kept) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", k.tag)
	h.Set("Vary", "Accept-Encoding")
	if holds(r.Header.Values("If-None-Match"), k.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := k.packed
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
	} else {
		body, _ = k.content() // of our own making
	}
	h.Set("Content-Type", k.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// holds says whether a tag is among those of a condition.
func holds(conditions []string, tag string) bool {
	for _, line := range conditions {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == tag || one == "*" || "W/"+one == tag {
				return true
			}
		}
	}
	return false
}

// takesGzip says whether whoever asks reads gzip.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") || name == "*" {
			q, err := strconv.ParseFloat(strings.TrimPrefix(quality, "q="), 64)
			return err != nil || q > 0
		}
	}
	return false
}

// file returns a file of the site, rendered if it has to be; nil where there is none.
func (s *Site) file(name string) (*kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if file, ok := s.kept[name]; ok {
		return &file, nil
	}
	if err := s.make(name); err != nil {
		return nil, err
	}
	if file, ok := s.kept[name]; ok {
		return &file, nil
	}
	return nil, nil
}

// make renders a file, and what can only be rendered with it.
func (s *Site) make(name string) error {
	if err := s.list(); err != nil {
		return err
	}
	p, isPage := s.pages[name]
	switch {
	case name == styleFile:
		s.keep(name, "text/css; charset=utf-8", style)
	case isPage:
		return s.renderPage(p)
	case name == searchPage:
		return s.fill(name, "search", view{Title: "Search", Scripts: []string{passagesFile, searchScript}}, nil)
	case name == searchScript:
		s.keep(name, scriptKind, searching)
	case name == sheetsScript:
		s.keep(name, scriptKind, choosing)
	case name == passagesFile:
		err := s.index()
		debug.FreeOSMemory() // of the reference, as below
		return err
	case name == everythingPage || strings.HasPrefix(name, referenceFolder):
		err := s.reference()
		debug.FreeOSMemory() // of the description as it was read, which is some twenty times what is kept
		return err
	default:
		return s.asset(name)
	}
	return nil
}

// Names of what is no page of Markdown.
const (
	indexPage       = "index.html"
	styleFile       = "style.css"
	contractFile    = "openapi.yaml"
	everythingPage  = "everything.html"
	referenceFolder = "reference/"
	tryFolder       = "try/"
	contract        = "api/" + contractFile
)

// asset keeps a file that stands beside the Markdown, such as a picture, or the description of the API as it is.
func (s *Site) asset(name string) error {
	kind, known := assetKinds[path.Ext(name)]
	if !known || !fs.ValidPath(name) {
		return nil
	}
	source := "docs/" + name
	switch folder, _, _ := strings.Cut(name, "/"); {
	case name == contractFile:
		source = contract
	case slices.Contains(exchangeFolders, folder):
		source = exchangesRoot + name
	}
	content, err := s.read(source)
	if err != nil {
		return nil // there is no such file
	}
	s.keep(name, kind, content)
	return nil
}

// exchangesRoot is where exchanges and vectors are in the repository, and exchangeFolders are they, in the site too.
const exchangesRoot = "testdata/"

var exchangeFolders = []string{"exchange", "vectors"}

// read reads a file of the repository.
func (s *Site) read(source string) ([]byte, error) {
	from := s.Files
	if strings.HasPrefix(source, exchangesRoot) {
		if from = s.Exchanges; from == nil {
			return nil, fs.ErrNotExist
		}
	}
	content, err := fs.ReadFile(from, source)
	if err != nil {
		err = fmt.Errorf("reading the manual: %w", err)
	}
	return content, err
}

// assetKinds are the files that the site passes on as they are, by the ends of their names.
var assetKinds = map[string]string{
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp",
	".txt": plainKind, ".json": "application/json", ".yaml": plainKind, ".pem": plainKind, ".event": plainKind, ".sign": plainKind,
}

// isForm says whether a request brings a form.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// files are the names of everything that the site has, in the order of the navigation.
func (s *Site) files() ([]string, error) {
	if _, err := s.file(referenceFolder + indexPage); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, p := range s.order {
		names = append(names, p.path)
	}
	names = append(append(names, s.names...), styleFile, contractFile, searchPage, searchScript, passagesFile, sheetsScript)
	for _, folder := range []string{"docs/", exchangesRoot} {
		assets, err := s.assets(folder)
		if err != nil {
			return nil, err
		}
		names = append(names, assets...)
	}
	return names, nil
}

// assets are the files below a folder of the repository that the site passes on as they are, by their names in it.
func (s *Site) assets(folder string) (names []string, err error) {
	from := s.Files
	if folder == exchangesRoot {
		if from = s.Exchanges; from == nil {
			return nil, nil
		}
	}
	err = fs.WalkDir(from, strings.TrimSuffix(folder, "/"), func(name string, entry fs.DirEntry, err error) error {
		if _, known := assetKinds[path.Ext(name)]; err == nil && !entry.IsDir() && known {
			names = append(names, strings.TrimPrefix(name, folder))
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("listing the files of the manual: %w", err)
	}
	return names, err
}
