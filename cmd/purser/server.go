package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/inspect"
	"github.com/purserhq/purser/internal/manual"
	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// server is a running purser: a data folder, a database, the wire and the operator's socket.
// Its parts are closed in the reverse order of opening.
type server struct {
	*program
	config  config
	log     *slog.Logger
	folder  *folder
	service *service.Service
	// templates are the words for messages, read when they are first asked for.
	templates func() (*message.Templates, error)
	// told wakes who sends messages; nil where nobody does.
	told chan struct{}
	// callbacks sends what clients are told of their transactions, and owed wakes it; nil where nobody does.
	callbacks *callback.Courier
	owed      chan struct{}
	http      *http.Server
	// box is what a sandbox alone has; nil in production, and for verbs that hold a folder for a moment.
	box *toolbox
	// address is scheme, host and port as really bound.
	address string
	// socket is where operator verbs reach it.
	socket  string
	closers []func() error
	failed  chan error
	// broken tells that the database's disk cannot be relied on.
	broken <-chan error

	// What follows is a sandbox's alone, and otherwise nil or empty: its clock, the seed of its ids and what those of requests are drawn from; the doors to its
	// world, of the API and of the operator, and what closes that; what is to be done by the goroutine that opened it,
	// which stops the server with an error; who works on its snapshots; its TLS port and the certificate there.
	clock       *service.Clock
	seed        string
	requestIDs  io.Reader
	front, desk *door
	world       []func() error
	nonces      *auth.Nonces
	jobs        chan func(context.Context) error
	snapshots   chan struct{}
	tlsAddress  string
	tlsPair     atomic.Pointer[tls.Certificate]
}

// Limits of connections. Writing may take as long as a slow phone needs for an answer.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 20 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// closing adds something to close when the server stops.
func (s *server) closing(c func() error) { s.closers = append(s.closers, c) }

// close closes everything that was opened, the last one first.
func (s *server) close() error {
	var all error
	for i := len(s.closers) - 1; i >= 0; i-- {
		all = errors.Join(all, s.closers[i]())
	}
	s.closers = nil
	return all
}

// openFolder takes the data folder, and a database outside of it that one process alone may write to.
func (s *server) openFolder() error {
	held, err := openFolder(s.config.data)
	if err != nil {
		return err
	}
	if err := held.holdDatabase(s.config.database); err != nil {
		return errors.Join(err, held.close())
	}
	s.folder = held
	s.closing(held.close)
	return nil
}

// openService opens a database and the use cases on it; the caller closes the database.
func (s *server) openService(ctx context.Context, database string, kek secret.Text, sandbox bool) (*service.Service, *store.DB, error) {
	box, err := secret.NewBox(kek)
	if err != nil {
		return nil, nil, err
	}
	if s.seed != "" {
		if box, err = box.WithHandles(sha256.Sum256([]byte("purser handles " + s.seed))); err != nil {
			return nil, nil, err
		}
	}
	if s.config.minimumPassword < 1 {
		return nil, nil, errors.New("--minimum-password-length must be at least 1")
	}
	if !spotPrefixForm.MatchString(s.config.spotPrefix) {
		return nil, nil, errors.New("--spot-prefix must be 1 to 20 letters or digits")
	}
	if origin := s.config.logOrigin; origin != "" && !merkle.ValidOrigin(origin) {
		return nil, nil, errors.New("--log-origin must be 1 to 200 letters, digits and signs without blanks and +, such as purser.example/ledger")
	}
	if !isCodeLink(s.config.codeLink) {
		return nil, nil, errors.New("--code-link must be an address that ends in /app, such as https://pay.example/app")
	}
	currencies, err := s.config.parseCurrencies()
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(s.config.checkLifetimes(), s.config.checkSigns()); err != nil {
		return nil, nil, err
	}
	s.templates = sync.OnceValues(func() (*message.Templates, error) { return message.Load(s.config.messageTemplates) })
	var listener func() string
	if s.box != nil {
		listener = s.box.listener
	}
	db, err := store.Open(ctx, database, store.Options{Box: box, Now: s.businessClock(), Log: s.log})
	if err != nil {
		return nil, nil, err
	}
	uses, err := service.New(ctx, db, service.Options{
		WallClock: s.now, BusinessClock: s.businessClock(), Movable: s.movable(), Random: s.random, Box: box,
		Currencies: currencies, MinimumPasswordLength: s.config.minimumPassword, Sandbox: sandbox,
		RegistrationsPerHour: s.config.registrationsPerHour, PhoneCodesPerHour: s.config.phoneCodesPerHour, QuietKeyDays: s.config.retireQuietKeys, IdentifyAtOnce: s.config.identification == atOnce, PublicURL: s.publicURL(),
		AccessTokenLifetime: time.Duration(s.config.accessTokenLifetime), RefreshTokenLifetime: time.Duration(s.config.refreshTokenLifetime),
		Told: s.wakeCourier, Event: httpapi.Event, Owed: s.wakeCallbacks, DefaultCallback: listener, PlainCallbacks: s.config.plainCallbacks || sandbox, SpotPrefix: s.config.spotPrefix, CodeLink: s.config.codeLink, LogOrigin: s.config.logOrigin,
	})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	s.broken = db.Broken()
	return uses, db, nil
}

// spotPrefixForm is what codes of spots may begin with: what stands in an address without being encoded.
var spotPrefixForm = regexp.MustCompile(`^[A-Za-z0-9]{1,20}$`)

// isCodeLink says whether codes may stand in the address: it is one that wallet.ParseSpotCode reads, or none.
func isCodeLink(address string) bool {
	u, err := url.Parse(address)
	return address == "" || err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && strings.HasSuffix(u.Path, "/app") &&
		u.RawQuery == "" && u.Fragment == "" && u.User == nil && len(address) <= 200
}

// publicURL is what the server is called by from outside: its first origin; empty when it has none.
func (s *server) publicURL() string {
	if len(s.config.origins) == 0 {
		return ""
	}
	return strings.TrimSuffix(s.config.origins[0], "/")
}

// listen opens the port and answers from then on.
func (s *server) listen(db *store.DB, sandbox bool) error {
	db.ReadPlaces()
	if s.config.clockSkew <= 0 || s.config.clockSkew > auth.MaxWindow {
		return fmt.Errorf("--clock-skew must be more than zero and at most %s", auth.MaxWindow)
	}
	origins, err := s.config.parseOrigins()
	if err != nil {
		return err
	}
	proxies, err := auth.ParseProxies(s.config.trustedProxies)
	if err != nil {
		return fmt.Errorf("--trusted-proxy: %w", err)
	}
	nonces, err := auth.OpenNonces(s.folder.file(nonceFile), s.config.clockSkew, s.now())
	if err != nil {
		return err
	}
	s.closing(nonces.Close)
	s.nonces = nonces
	proof := auth.New(auth.Options{
		DB: db, WallClock: s.now, BusinessClock: s.businessClock(), Window: s.config.clockSkew,
		Nonces: nonces, Origins: origins, PlainHTTP: sandbox,
		Proxies: proxies, CertificateHeader: s.config.certificateHeader,
	})
	limits := auth.NewLimits(s.now)
	var watch func(context.Context, httpapi.Watched)
	if s.box != nil {
		watch = s.box.watch
	}
	api := httpapi.New(httpapi.Options{
		Watch:   watch,
		Service: s.service, Auth: proof, Log: s.log, WallClock: s.now, Random: s.requestRandom(), Limits: limits,
		Budgets: httpapi.Budgets{
			Address: perMinute(s.config.addressRateLimit), Client: perMinute(s.config.rateLimit), Device: perMinute(s.config.deviceRateLimit),
		},
	})
	front, err := s.pages(proof, limits, !sandbox) // a sandbox is called over plain HTTP
	if err != nil {
		return err
	}
	var wire http.Handler = api
	if s.box != nil {
		wire = s.box.heard(s.box.before(s, api, proof))
	}
	handler := pages.Beside(wire, front)
	if s.config.docs { // a sandbox's stands before its doors
		handler = manual.Beside(handler, s.manual())
	}
	if err := s.answer(handler); err != nil {
		return err
	}
	if s.box != nil {
		s.closing(s.box.trouble.Close) // or the server would wait for those whom trouble keeps waiting
	}
	s.keepUp()
	s.startTimers()
	s.startLog()
	return nil
}

// ended closes the server, and says how it ended. Who stops it while it starts has stopped it, like anybody who does so later.
func (s *server) ended(ctx context.Context, err error) error {
	closed := s.close()
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return closed
	}
	return err
}

// startTimers does what is due about payments, until the server stops.
func (s *server) startTimers() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.closing(func() error { stop(); <-done; return nil })
	go func() {
		defer close(done)
		if err := s.service.RunTimers(ctx, itself); err != nil {
			s.log.Error("nothing is done about payments whose time has come", "error", err)
		}
	}()
}

// startLog puts what is committed into the Merkle log, until the server stops.
func (s *server) startLog() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.closing(func() error { stop(); <-done; return nil })
	go func() {
		defer close(done)
		if err := s.service.RunLog(ctx, itself); err != nil {
			s.log.Error("nothing is put into the log of the ledger", "error", err)
		}
	}()
}

// pages are what people meet in a browser. Calls count on the same budget of a network address as those of the API.
func (s *server) pages(proof *auth.Authenticator, limits *auth.Limits, secure bool) (http.Handler, error) {
	templates, err := s.templates()
	if err != nil {
		return nil, fmt.Errorf("--message-templates: %w", err)
	}
	var requests func() []inspect.Record
	if s.box != nil {
		requests = s.box.lastRequests
	}
	return pages.New(pages.Options{
		Requests: requests,
		Service:  s.service, Address: proof.Address, Templates: templates, Log: s.log, WallClock: s.now, Random: s.requestRandom(), Secure: secure,
		Allow: func(network string) (time.Duration, bool) {
			quota, ok := limits.Take("address "+network, perMinute(s.config.addressRateLimit))
			return quota.RetryAfter, ok
		},
	}), nil
}

// perMinute is a budget that may be spent at once.
func perMinute(calls int) auth.Budget { return auth.Budget{PerMinute: calls, Burst: calls} }

func (s *server) serve(handler http.Handler) error {
	listener, err := net.Listen("tcp", s.config.listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program has %s: stop it, or choose another port with --listen, such as 127.0.0.1:0 for any that is free", s.config.listen)
	}
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.config.listen, err)
	}
	listener = httpapi.WholeAnswers(listener)
	s.http = &http.Server{
		ConnContext: httpapi.ConnContext,
		Handler:     handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: log.New(&logWriter{s.log}, "", 0), DisableGeneralOptionsHandler: true,
	}
	s.failed = make(chan error, 2)
	s.address = "http://" + callable(listener.Addr())
	serve := func() error { return s.http.Serve(listener) }
	if s.config.tlsCertificate != "" {
		files := &certificateFiles{certificate: s.config.tlsCertificate, key: s.config.tlsKey, now: s.now, log: s.log}
		if err := files.read(); err != nil {
			return errors.Join(fmt.Errorf("reading the TLS certificate: %w", err), listener.Close())
		}
		s.http.TLSConfig = tlsConfig(s.config.clientCertificates)
		s.http.TLSConfig.GetCertificate = files.current
		s.address = "https://" + callable(listener.Addr())
		serve = func() error { return s.http.ServeTLS(listener, "", "") }
	}
	go func() { s.failed <- serve() }()
	s.closing(s.stopServing)
	return nil
}

// tlsConfig asks for a client certificate and does not verify it: auth does, for every request, also
// on a connection that was resumed (decisions.md 30).
func tlsConfig(clientCertificates bool) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if clientCertificates {
		config.ClientAuth = tls.RequestClientCert
	}
	return config
}

// serveSandboxTLS answers over TLS too, with a certificate of the sandbox's own authority, and returns
// scheme, host and port. Called again, after another world was restored, it renews the certificate alone.
func (s *server) serveSandboxTLS(ctx context.Context) (string, error) {
	listener, err := s.listenTLS()
	if err != nil {
		return "", err
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(s.tlsAddress); err == nil && !slices.Contains(hosts, host) {
		hosts = append(hosts, host)
	}
	pair, err := s.sandboxCertificate(ctx, hosts)
	if err != nil {
		if listener != nil {
			err = errors.Join(err, listener.Close())
		}
		return "", err
	}
	s.tlsPair.Store(pair)
	if listener != nil {
		config := tlsConfig(true)
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.tlsPair.Load(), nil }
		secure := tls.NewListener(httpapi.WholeAnswers(listener), config)
		go func() { s.failed <- s.http.Serve(secure) }()
	}
	return "https://" + s.tlsAddress, nil
}

// sandboxCertificate is a new certificate for TLS.
func (s *server) sandboxCertificate(ctx context.Context, hosts []string) (*tls.Certificate, error) {
	certificate, key, err := s.service.ServerCertificate(ctx, itself, hosts)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(pki.PEM(certificate), []byte(key.Reveal()))
	return &pair, err
}

// listenTLS opens the sandbox's port for TLS; nil when it is open.
func (s *server) listenTLS() (net.Listener, error) {
	if s.tlsAddress != "" {
		return nil, nil
	}
	address, err := s.config.tlsAddress()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if host, _, split := net.SplitHostPort(address); errors.Is(err, syscall.EADDRINUSE) && s.config.tlsListen == "" && split == nil {
		listener, err = net.Listen("tcp", net.JoinHostPort(host, "0")) // nobody asked for that port
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s for TLS: %w; name another address with --tls-listen", address, err)
	}
	s.tlsAddress = callable(listener.Addr())
	return listener, nil
}

// upkeepInterval is how often the server looks after keys and certificates, and clears up, and idleInterval how often it lets go
// of memory that nobody needs.
const (
	upkeepInterval = time.Hour
	idleInterval   = 5 * time.Minute
)

// keepUp looks after keys and certificates, and removes what has served its time, until the server stops: at once, and every hour.
func (s *server) keepUp() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.closing(func() error { stop(); <-done; return nil })
	go func() {
		defer close(done)
		tick := time.NewTicker(upkeepInterval)
		defer tick.Stop()
		warned := map[string]time.Duration{}
		for {
			s.upkeep(ctx, warned)
			if err := s.service.Prune(ctx, itself); err != nil && ctx.Err() == nil {
				s.log.Error("removing what has served its time failed", "error", err)
			}
			if !s.idle(ctx, tick.C) {
				return
			}
		}
	}()
}

// idle waits for the next tick, and lets go of memory meanwhile. It says whether the server still runs.
func (s *server) idle(ctx context.Context, next <-chan time.Time) bool {
	look := time.NewTicker(idleInterval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-next:
			return true
		case <-look.C:
			if err := s.service.ReleaseIdle(ctx, itself); err != nil {
				s.log.Error("letting go of memory failed", "error", err)
			}
		}
	}
}

// warnings are how long before the end of a key or a certificate the log says so, once each.
var warnings = []time.Duration{0, 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour}

// itself is the server where it does what an operator may.
var itself = wallet.Caller{Kind: wallet.Operator, From: wallet.Origin{Agent: "purser"}}

func (s *server) upkeep(ctx context.Context, warned map[string]time.Duration) {
	endings, err := s.service.Upkeep(ctx, itself, warnings[len(warnings)-1])
	if err != nil {
		if ctx.Err() == nil {
			s.log.Error("looking after keys and certificates failed", "error", err)
		}
		return
	}
	for _, e := range endings {
		credential := fmt.Sprintf("key %d", e.Key)
		if e.Key == 0 {
			credential = fmt.Sprintf("certificate %x", e.Certificate)
		}
		if e.Retired {
			s.log.Warn("a key that was replaced and not used since was retired", "client", e.ClientID, "credential", credential, "last_used", e.At)
			continue
		}
		now := s.now
		if e.Key != 0 {
			now = s.businessClock()
		}
		left := e.At.Sub(now())
		at := slices.IndexFunc(warnings, func(w time.Duration) bool { return left <= w })
		name := fmt.Sprint(e.ClientID, " ", credential)
		if last, ok := warned[name]; at < 0 || ok && last <= warnings[at] {
			continue
		}
		warned[name] = warnings[at]
		s.log.Warn("a credential ends", "client", e.ClientID, "credential", credential, "at", e.At)
	}
}

// callable is an address to call a listener by: one that listens everywhere answers on this
// machine too.
func callable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}

// logWriter puts what net/http has to say into the log.
type logWriter struct{ log *slog.Logger }

func (l *logWriter) Write(line []byte) (int, error) {
	l.log.Warn("http server", "message", string(line[:max(len(line)-1, 0)]))
	return len(line), nil
}

// stopServing stops accepting and lets running requests end, within the bound.
func (s *server) stopServing() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.shutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
		return fmt.Errorf("some requests did not end within %s and were cut off", s.config.shutdownTimeout)
	}
	return nil
}

// listenOperator opens the socket for operator verbs and tells others about it.
func (s *server) listenOperator() error {
	listener, path, err := s.folder.listenSocket()
	if err != nil {
		return fmt.Errorf("opening the operator's socket: %w", err)
	}
	s.socket = path
	operator := &http.Server{
		Handler: s.operatorHandler(), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: 2 * writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	go operator.Serve(listener)
	s.closing(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.config.shutdownTimeout)
		defer cancel()
		err := errors.Join(operator.Shutdown(ctx), ignoreMissing(os.Remove(path)))
		if filepath.Dir(path) != absolute(s.folder.path) {
			err = errors.Join(err, ignoreMissing(os.Remove(filepath.Dir(path))))
		}
		return err
	})
	return s.folder.announce(holder{
		PID: os.Getpid(), Address: s.address, Origin: s.publicURL(), Socket: path, Database: databaseMark(s.databaseAddress()),
	})
}

// absolute is the path from the root, as it was when the process started there.
func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// ignoreMissing is err unless that says that a file is not there: closing a socket removes it.
func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// wait runs until the server is told to stop or fails.
func (s *server) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case job := <-s.jobs:
		if err := job(ctx); err != nil {
			return err
		}
		return s.wait(ctx)
	case err := <-s.failed:
		return err
	case err := <-s.broken:
		s.log.Error("purser stops: the disk failed while something was committed. Nothing that is written now could be relied on; "+
			"look after the disk and start again, which goes on from what is on it", "error", err)
		// Closing the database would write to it, and requests that wait can only be told that nobody knows.
		s.closers = s.closers[:1] // the log
		return errors.New("the disk failed")
	}
}

// openLog makes the log: text for people, JSON for machines.
func (s *server) openLog(to io.Writer, forPeople bool) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.config.logLevel)); err != nil {
		return fmt.Errorf("--log-level %q: use debug, info, warn or error", s.config.logLevel)
	}
	buffer := newLogBuffer(to)
	s.closing(buffer.close)
	options := &slog.HandlerOptions{Level: level}
	if forPeople {
		s.log = slog.New(slog.NewTextHandler(buffer, options))
	} else {
		s.log = slog.New(slog.NewJSONHandler(buffer, options))
	}
	return nil
}

// logBuffer collects log lines and writes them ten times a second, so that a request does not
// wait for its line.
type logBuffer struct {
	mu     sync.Mutex
	buffer *bufio.Writer
	stop   chan struct{}
	done   chan struct{}
}

const (
	logBufferSize = 64 << 10
	logInterval   = 100 * time.Millisecond
)

func newLogBuffer(to io.Writer) *logBuffer {
	l := &logBuffer{buffer: bufio.NewWriterSize(to, logBufferSize), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *logBuffer) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(line)
}

func (l *logBuffer) run() {
	defer close(l.done)
	tick := time.NewTicker(logInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush()
		case <-l.stop:
			return
		}
	}
}

func (l *logBuffer) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Flush()
}

func (l *logBuffer) close() error {
	close(l.stop)
	<-l.done
	return l.flush()
}
