package wallettest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/exchange"
	"github.com/purserhq/purser/internal/httpapi"
	templates "github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// Server is a purser that answers real HTTP on a port of its own, with the sample world in a
// real database. Nothing of it is simulated but its clocks and where its ids come from.
//
// Every answer that passes through Send or SendRaw is held against the contract: api/openapi.yaml
// and what no schema can say (see Answer). A test that only sends already tests that.
type Server struct {
	// URL is scheme, host and port, without a path. It outlives Restart. TLSURL is the same over TLS,
	// where the server asks for client certificates.
	URL, TLSURL string
	// Manifest names the clients, users, tokens, projects, wallets and places of the world.
	Manifest *sandbox.Manifest
	// Wall is what signatures are judged by and GET /server tells; Business stamps and expires
	// things. Both stand at Epoch until the test moves them.
	Wall, Business *Clock
	*Process

	t testing.TB
	// number tells this server from the others of the same test program.
	number int64
}

// Process is the part of a Server that Restart makes anew: a test reaches through it for what
// no call offers yet.
type Process struct {
	// DB is the database, Service the use cases on it, API the wire in front of them.
	DB      *store.DB
	Service *service.Service
	API     *httpapi.API

	address string
	nonces  *auth.Nonces
	proof   *auth.Authenticator
	folder  string
	// forget has the next start remember no nonces.
	forget  bool
	change  []func(*auth.Options)
	handler atomic.Pointer[http.Handler]
	log     *lockedBuffer
	random  io.Reader
}

// Currencies are those that wallets of a test server may hold: the default of `purser dev`.
var Currencies = []money.Currency{
	"EUR", "USD", "GBP", "PLN", "CHF", "CZK", "DKK", "NOK", "SEK", "HUF", "RON", "UAH", "GEL", "TRY", "JPY", "CAD", "AUD",
}

// servers counts those of this program.
var servers atomic.Int64

// minimumPasswordLength is what a test server tells apps: the default of `purser dev`.
const minimumPasswordLength = 8

// NewServer starts a server on the database at address, loads the sample world unless it is
// there already, and stops everything when the test ends. Like `purser dev` it takes the port
// 80 that clients sign for http:// without a port; change may say otherwise, or add origins.
func NewServer(t testing.TB, address string, change ...func(*auth.Options)) *Server {
	t.Helper()
	s := &Server{Wall: NewClock(), Business: NewClock(), t: t, number: servers.Add(1)}
	s.Process = &Process{
		address: address, folder: t.TempDir(), change: change,
		log: &lockedBuffer{}, random: secret.NewIDs(seed),
	}
	s.start()
	t.Cleanup(s.stop)
	listener := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*s.handler.Load()).ServeHTTP(w, r)
	}))
	listener.Config.ErrorLog = log.New(s.log, "", 0)
	listener.Config.DisableGeneralOptionsHandler = true // it would answer OPTIONS * without JSON
	listener.Start()
	t.Cleanup(listener.Close)
	s.URL = listener.URL
	ctx := context.Background()
	manifest, err := sandbox.Read(ctx, s.Service, s.URL)
	if err != nil {
		if err := sandbox.Load(ctx, s.Service); err != nil {
			t.Fatal(err)
		}
		if manifest, err = sandbox.Read(ctx, s.Service, s.URL); err != nil {
			t.Fatal(err)
		}
	}
	s.Manifest = manifest
	s.startTLS()
	return s
}

// seed makes the same ids in every run.
var seed = [32]byte([]byte("the same ids in every test's run"))

func (s *Server) start() {
	s.t.Helper()
	ctx := context.Background()
	options := StoreOptions(s.Business)
	var err error
	if s.DB, err = store.Open(ctx, s.address, options); err != nil {
		s.t.Fatal(err)
	}
	s.Service, err = service.New(ctx, s.DB, service.Options{
		WallClock: s.Wall.Now, BusinessClock: s.Business.Now, Random: s.random, Box: options.Box,
		Currencies: Currencies, MinimumPasswordLength: minimumPasswordLength, Sandbox: true,
		Event: httpapi.Event, PlainCallbacks: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Service.SequenceLog(ctx, wallet.Caller{Kind: wallet.Operator}); err != nil {
		s.t.Fatal(err)
	}
	if s.forget {
		if err := os.Remove(filepath.Join(s.folder, "nonces")); err != nil {
			s.t.Fatal(err)
		}
	}
	if s.nonces, err = auth.OpenNonces(filepath.Join(s.folder, "nonces"), auth.DefaultWindow, s.Wall.Now()); err != nil {
		s.t.Fatal(err)
	}
	proof := auth.Options{
		DB: s.DB, WallClock: s.Wall.Now, BusinessClock: s.Business.Now,
		Window: auth.DefaultWindow, Nonces: s.nonces, PlainHTTP: true,
	}
	for _, change := range s.change {
		change(&proof)
	}
	s.proof = auth.New(proof)
	s.Limit(httpapi.Budgets{})
}

// Limit puts limits on how often somebody may call; a sandbox has none.
func (s *Server) Limit(budgets httpapi.Budgets) {
	s.API = httpapi.New(httpapi.Options{
		Service: s.Service, Auth: s.proof,
		Log: slog.New(slog.NewTextHandler(s.log, nil)), WallClock: s.Wall.Now, Random: s.random,
		Limits: auth.NewLimits(s.Wall.Now), Budgets: budgets,
	})
	texts, err := templates.Load("")
	if err != nil {
		s.t.Fatal(err)
	}
	site := pages.Beside(s.API, pages.New(pages.Options{
		Service: s.Service, Address: s.proof.Address, Templates: texts, Log: slog.New(slog.NewTextHandler(s.log, nil)),
		WallClock: s.Wall.Now, Random: s.random,
	}))
	s.handler.Store(&site)
}

func (s *Server) stop() {
	if err := errors.Join(s.nonces.Close(), s.DB.Close()); err != nil {
		s.t.Errorf("stopping the server: %v", err)
	}
}

// Restart ends the server's process and starts another on the same database, nonce file and
// port. Nothing else of it survives.
func (s *Server) Restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// In is the server for a subtest, which then is the one that fails.
func (s *Server) In(t testing.TB) *Server {
	view := *s
	view.t = t
	return &view
}

// Log is what the server has logged so far.
func (s *Server) Log() string { return s.log.String() }

// Credentials are what the client of that name, or a token as "token:1234", signs with.
func (s *Server) Credentials(name string) walletapi.MAC {
	s.t.Helper()
	id, key, ok := s.Manifest.Credentials(name)
	if !ok {
		s.t.Fatalf("%q is not in the sample world: it has %s", name, strings.Join(s.Manifest.Names(), ", "))
	}
	return walletapi.MAC{ID: id, Secret: key.Reveal()}
}

// Option changes how Send sends.
type Option func(*message)

// message is a request in the making.
type message struct {
	exchange.Message
	tls *tls.Config
}

// Ext is what stands between the quotes of ext="…", exactly. Without it ext holds the hash of
// the body, where there is one.
func Ext(raw string) Option { return func(m *message) { m.Ext = &raw } }

// Body is the request's body, sent as JSON.
func Body(text string) Option { return func(m *message) { m.Body = text } }

// Form is the request's body, sent as a form.
func Form(text string) Option {
	return func(m *message) { m.Body, m.ContentType = text, "application/x-www-form-urlencoded" }
}

// Host is the Host header. It is signed too: in lower case, and with port 443 where it has none.
func Host(header string) Option { return func(m *message) { m.Host = header } }

// Header adds a header line.
func Header(name, value string) Option {
	return func(m *message) { m.Headers = append(m.Headers, name+": "+value) }
}

// SignedBy signs with credentials that are not in the manifest.
func SignedBy(mac walletapi.MAC) Option { return func(m *message) { m.MAC = mac } }

// Authorization is the whole Authorization header, as it is.
func Authorization(raw string) Option { return func(m *message) { m.Authorization = &raw } }

// Signing changes what is signed before it is: the time, the nonce and ext, which then stand
// in the header, and the method, target, host and port, which nobody sees but the server when
// it compares them with the request that arrived.
func Signing(change func(*walletapi.Request)) Option {
	return func(m *message) { m.Signing = append(m.Signing, change) }
}

// Anonymous is who signs nothing.
const Anonymous = exchange.Anonymous

// Send sends one request over a connection of its own and returns the answer. as is a client's
// name in the manifest, a token as "token:1234", or Anonymous. The target goes over the wire as
// it is written. The nonce is new, and as unpleasant as the PHP client's.
func (s *Server) Send(as, method, target string, options ...Option) *Answer {
	s.t.Helper()
	return s.send(as, s.message(method, target, options))
}

func (s *Server) send(as string, m message) *Answer {
	s.t.Helper()
	if m.tls == nil {
		return s.SendRaw(s.compose(as, m))
	}
	return s.exchange(s.dialTLS(m.tls), s.compose(as, m))
}

func (s *Server) message(method, target string, options []Option) message {
	m := message{Message: exchange.Message{Method: method, Target: target, ContentType: "application/json"}}
	for _, option := range options {
		option(&m)
	}
	switch {
	case m.Host != "":
	case m.tls != nil:
		m.Host = strings.TrimPrefix(s.TLSURL, "https://")
	default:
		m.Host = strings.TrimPrefix(s.URL, "http://")
	}
	return m
}

// Compose returns the bytes that Send sends, to send them twice or in pieces.
func (s *Server) Compose(as, method, target string, options ...Option) string {
	s.t.Helper()
	return s.compose(as, s.message(method, target, options))
}

func (s *Server) compose(as string, m message) string {
	s.t.Helper()
	if m.MAC == (walletapi.MAC{}) && as != Anonymous && m.Authorization == nil {
		m.MAC = s.Credentials(as)
	}
	return m.Compose(s.Wall.Now(), s.newNonce())
}

// newNonce makes a nonce of the whole alphabet: blanks, commas and equals signs included.
func (s *Server) newNonce() string {
	text, err := exchange.Nonce(s.random)
	if err != nil {
		s.t.Fatal(err)
	}
	// All servers draw from the same numbers, and two on one database must not sign with the same nonce.
	size := int64(len(exchange.NonceAlphabet))
	return string(exchange.NonceAlphabet[s.number/size%size]) + string(exchange.NonceAlphabet[s.number%size]) + text[2:]
}

// Answer is what the server said. Of every answer it has been checked already that
//
//   - api/openapi.yaml allows it for that call: status, headers and body;
//   - the header is exactly "Content-Type: application/json", and it names the request;
//   - the body is JSON and not empty, and no null is in it;
//   - an error has a code and a description, and a list has exactly two keys;
//   - one that says that nothing has changed says nothing else.
type Answer struct {
	exchange.Answer
	// Error is the error object of an answer that is not a success, otherwise nil.
	Error *walletapi.APIError

	t testing.TB
}

// Decode reads the body into out.
func (a *Answer) Decode(out any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.Body), out); err != nil {
		a.t.Fatalf("reading %s: %v", a.Body, err)
	}
}

// answerTimeout is longer than any answer may take.
const answerTimeout = httpapi.Timeout + 20*time.Second

// SendRaw sends the bytes of one request, all of them before it reads, as simple clients do,
// and returns the answer. The request must ask to close the connection.
func (s *Server) SendRaw(request string) *Answer {
	s.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.exchange(connection, request)
}

func (s *Server) exchange(connection net.Conn, request string) *Answer {
	s.t.Helper()
	defer connection.Close()
	defer time.AfterFunc(answerTimeout, func() { connection.Close() }).Stop()
	if _, err := io.WriteString(connection, request); err != nil {
		s.t.Fatalf("the server stopped reading, so a client that writes everything first never sees the answer: %v", err)
	}
	raw, err := io.ReadAll(connection)
	if err != nil {
		s.t.Fatalf("reading the answer: %v, after %q", err, raw)
	}
	method, rest, _ := strings.Cut(request, " ")
	target, _, _ := strings.Cut(rest, " ")
	return s.read(method, target, string(raw))
}

// read takes the answer apart and holds it against the contract.
func (s *Server) read(method, target, raw string) *Answer {
	s.t.Helper()
	there, extra, err := exchange.ReadAnswer(method, raw)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, target, err)
	}
	a := &Answer{Answer: *there, t: s.t}
	problems := checkAnswer(method, target, a)
	if extra > 0 {
		problems = append(problems, fmt.Sprintf("%d bytes follow the body", extra))
	}
	for _, problem := range problems {
		s.t.Errorf("%s %s breaks the contract: %s\n%s\n\n%s", method, target, problem, a.Head, a.Body)
	}
	return a
}

// checkAnswer is what Answer promises. It returns what is wrong.
func checkAnswer(method, target string, a *Answer) (problems []string) {
	problems = a.Problems(method)
	if a.Status == http.StatusNotModified || method == http.MethodHead || !json.Valid([]byte(a.Body)) {
		return problems // there is nothing that could be documented
	}
	if a.Status != http.StatusOK {
		a.Error = &walletapi.APIError{Status: a.Status, RequestID: a.Header.Get("paysera-correlation-id")}
		json.Unmarshal([]byte(a.Body), a.Error) // Problems has told
	}
	if err := documented(method, target, a); err != nil {
		problems = append(problems, fmt.Sprintf("api/openapi.yaml: %v", err))
	}
	return problems
}

// Contract is api/openapi.yaml, read once, and made stricter than what it promises to readers:
// here an object has no key that the file does not list.
var Contract = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(Root(), "api", "openapi.yaml"))
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	seen := map[*openapi3.Schema]bool{}
	for _, schema := range doc.Components.Schemas {
		closeObjects(schema, seen)
	}
	return doc, nil
})

// closeObjects allows no further keys in an object that says nothing about them, nor in what
// it is made of.
func closeObjects(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	schema := ref.Value
	seen[schema] = true
	if schema.Type.Is("object") && schema.AdditionalProperties.Has == nil && schema.AdditionalProperties.Schema == nil {
		none := false
		schema.AdditionalProperties.Has = &none
	}
	closeObjects(schema.AdditionalProperties.Schema, seen)
	closeObjects(schema.Items, seen)
	for _, property := range schema.Properties {
		closeObjects(property, seen)
	}
	for _, alternative := range slices.Concat(schema.OneOf, schema.AnyOf, schema.AllOf) {
		closeObjects(alternative, seen)
	}
}

// Root is the folder of go.mod.
func Root() string {
	folder, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(folder, "go.mod")); missing == nil {
			return folder
		}
		if filepath.Dir(folder) == folder {
			break
		}
		folder = filepath.Dir(folder)
	}
	panic("wallettest: the tests do not run inside the repository")
}

// documented says whether api/openapi.yaml allows the answer. Calls that it does not list
// answer as its components say: NoSuchRoute, MethodNotAllowed, and what any request may meet.
func documented(method, target string, a *Answer) error {
	doc, err := Contract()
	if err != nil {
		return err
	}
	request := &http.Request{Method: method, URL: &url.URL{Path: pathOf(target)}, Header: http.Header{}}
	route := &routers.Route{Spec: doc, Method: method, Path: matchingPath(doc, request.URL.Path)}
	if route.PathItem = doc.Paths.Value(route.Path); route.PathItem != nil {
		route.Operation = route.PathItem.GetOperation(method)
	}
	if route.Operation == nil {
		names := []string{"NoSuchRoute", "UnreadableBody", "TooLarge", "TooManyRequests", "Broken", "Unavailable"}
		if route.PathItem != nil {
			names = append(names, "MethodNotAllowed")
		}
		route.Operation = &openapi3.Operation{Responses: openapi3.NewResponsesWithCapacity(len(names))}
		for _, name := range names {
			status := fmt.Sprint(doc.Components.Responses[name].Value.Extensions["x-status"])
			route.Operation.Responses.Set(status, doc.Components.Responses[name])
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, Route: route},
		Status:                 a.Status, Header: a.Header,
		Body:    io.NopCloser(strings.NewReader(a.Body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
}

// pathOf is the path of a request target, which may be a whole URL.
func pathOf(target string) string {
	if _, rest, isURL := strings.Cut(target, "://"); isURL && target[0] != '/' {
		target = rest[max(strings.IndexByte(rest, '/'), 0):]
	}
	path, _, _ := strings.Cut(target, "?")
	return path
}

// matchingPath is the path template that a path falls under, the most literal one; empty when
// there is none.
func matchingPath(doc *openapi3.T, path string) string {
	given := strings.Split(path, "/")
	best, bestWild := "", 0
	for _, template := range doc.Paths.Keys() {
		parts := strings.Split(template, "/")
		wild, fits := 0, len(parts) == len(given)
		for i := 0; fits && i < len(parts); i++ {
			unescaped, err := url.PathUnescape(given[i])
			if strings.HasPrefix(parts[i], "{") {
				wild++
				fits = err == nil && given[i] != ""
			} else {
				fits = err == nil && unescaped == parts[i]
			}
		}
		if fits && (best == "" || wild < bestWild) {
			best, bestWild = template, wild
		}
	}
	return best
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
