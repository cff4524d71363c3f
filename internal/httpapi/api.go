package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// Limits of a request.
const (
	// maxBody is how much of a body is read, in bytes.
	maxBody = 1 << 20
	// maxDrain is how much more is thrown away before a body that is too large is refused, so
	// that a client which sends everything first gets to read the answer.
	maxDrain = 16 << 20
	// Timeout is how long a request may take.
	Timeout = 10 * time.Second
)

// Options say what the wire is connected to. Fields without a word on their zero value are needed.
type Options struct {
	Service *service.Service
	Auth    *auth.Authenticator
	// Log gets one line per request.
	Log *slog.Logger
	// WallClock times requests.
	WallClock func() time.Time
	// Random is where request ids come from; safe for concurrent use.
	Random io.Reader
	// Limits count calls by these budgets; a budget of zero has no limit.
	Limits  *auth.Limits
	Budgets Budgets
	// Watch is told of each answer before the request ends, for who watches a sandbox; nil where nobody does.
	Watch func(ctx context.Context, w Watched)
}

// Watched is a request that was answered.
type Watched struct {
	// ID is what answers call the request, and Route what answered it.
	ID, Route string
	// Caller is who was recognised; the zero Caller where nobody was.
	Caller wallet.Caller
	// Decisions are what was decided about the caller, in turn.
	Decisions []wallet.Decision
	// Code is the error's that the caller read, and Err the whole of it; empty and nil where all went well.
	Code wallet.Code
	Err  error
}

// Budgets say how often somebody may call: each network address, whoever calls from there, and each
// client or token. A device has a budget of its own, since one of the phone SDKs never recovers
// from being refused for that (spec/mobile-sdks.md §1.4).
type Budgets struct{ Address, Client, Device auth.Budget }

// API answers the Wallet API. Make one with New.
type API struct {
	Options
	handler   *http.ServeMux
	noRoute   http.HandlerFunc
	documents *documents
	shared    *sharedHours
}

// New returns the API as an http.Handler.
func New(o Options) *API {
	a := &API{Options: o}
	a.documents, a.shared = newDocuments(documentsMost, sharedHoursMost)
	a.noRoute = a.endpoint("no route", a.notFound)
	a.handler = a.mux()
	return a
}

// request is what a handler sees.
type request struct {
	*http.Request
	body []byte
	id   string
	// caller is set for signed routes, and Anonymous for public ones.
	caller wallet.Caller
	// quota is what the caller has left, zero where nothing is counted.
	quota auth.Quota
	// decisions are those about the caller, where somebody watches.
	decisions []wallet.Decision
	// secret says that the answer holds credentials, which nobody on the way may keep (RFC 6749 §5.1).
	secret bool
}

// handler answers a request with a value that is encoded as JSON, or an error.
type handler func(ctx context.Context, r *request) (any, error)

// public serves anybody. The Authorization header is not looked at, right or wrong: clients
// set their clock by such calls, with a header that is stale for that very reason
// (spec/mobile-sdks.md §0.4).
func public(h handler) handler {
	return func(ctx context.Context, r *request) (any, error) {
		r.caller = wallet.Caller{Kind: wallet.Anonymous}
		return h(ctx, r)
	}
}

// signed serves whoever proves to be somebody, for the project and place that the request names.
func (a *API) signed(h handler) handler { return a.proven(h, a.Auth.Authenticate) }

// alone serves like signed, and does not look at the project and place: apps name them in every call, also
// in those of the OAuth API, which are about none (decisions.md 3).
func (a *API) alone(h handler) handler { return a.proven(h, a.Auth.AuthenticateAlone) }

// proof finds out who sent a request.
type proof func(ctx context.Context, r *http.Request, body []byte, requestID string) (wallet.Caller, error)

func (a *API) proven(h handler, who proof) handler {
	return func(ctx context.Context, r *request) (any, error) {
		caller, err := who(ctx, r.Request, r.body, r.id)
		if err != nil {
			return nil, err
		}
		defer a.Auth.Settle(caller)
		if a.Watch != nil {
			caller.Asked = func(d wallet.Decision) { r.decisions = append(r.decisions, d) }
		}
		r.caller = caller
		if err := a.count(r, caller.CountedAs(), a.budget(caller)); err != nil {
			return nil, err
		}
		out, err := h(ctx, r)
		return keptOrRefused(r, out, err)
	}
}

func (a *API) budget(c wallet.Caller) auth.Budget {
	if c.Client.Type == wallet.PrivateClient {
		return a.Budgets.Client
	}
	return a.Budgets.Device
}

// count takes one call off a budget. It fails with RateLimitExceeded.
func (a *API) count(r *request, key string, b auth.Budget) error {
	if b == (auth.Budget{}) {
		return nil
	}
	quota, ok := a.Limits.Take(key, b)
	r.quota = quota
	if ok {
		return nil
	}
	return wallet.Errorf(wallet.RateLimitExceeded, "%d calls a minute are allowed: wait as long as Retry-After says.", b.PerMinute)
}

// ServeHTTP answers every request. Paths are taken as they are: the mux would redirect one with
// // or .. in it, and clients follow no redirects.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !cleanPath(r.URL.Path) {
		a.noRoute(w, r)
		return
	}
	a.handler.ServeHTTP(w, r)
}

// cleanPath says whether the mux would take a path as it is.
func cleanPath(p string) bool { return strings.HasPrefix(p, "/") && path.Clean(p) == p }

// endpoint is the one road from HTTP to a handler and back.
func (a *API) endpoint(pattern string, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		started := a.WallClock()
		id := a.requestID()
		ctx := &lazyTimeout{Context: r.Context()}
		defer ctx.cancel()
		req := &request{Request: r, id: id}
		out, err := a.answer(ctx, req, h)
		req.quota.Headers(w.Header())
		status, code, err := a.reply(w, req, out, err)
		a.explain(req, pattern, err)
		if a.Watch != nil {
			a.Watch(r.Context(), Watched{ID: id, Route: pattern, Caller: req.caller, Decisions: req.decisions, Code: code, Err: err})
		}
		a.record(ctx, req, entry{id: id, pattern: pattern, status: status, code: code, err: err, took: a.WallClock().Sub(started)})
		cut(err)
	}
}

// Refuse answers a request with an error that somebody in front of the API has found, as if it were the API's own.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	a.endpoint("refused", func(context.Context, *request) (any, error) { return nil, err })(w, r)
}

// lazyTimeout is a request's context whose timer starts when somebody first waits on it: most
// answers come from memory, and nobody does.
type lazyTimeout struct {
	context.Context // the connection's
	start           sync.Once
	timed           context.Context
	stop            context.CancelFunc
}

func (l *lazyTimeout) waited() context.Context {
	l.start.Do(func() { l.timed, l.stop = context.WithTimeout(l.Context, Timeout) })
	return l.timed
}

// Done is closed when the time is up or the client went away.
func (l *lazyTimeout) Done() <-chan struct{} { return l.waited().Done() }

// Err says whether Done is closed, and why.
func (l *lazyTimeout) Err() error { return l.waited().Err() }

// Deadline is when the time will be up.
func (l *lazyTimeout) Deadline() (time.Time, bool) { return l.waited().Deadline() }

// Value hides the connection's own cancellation, so that contexts made from this one follow
// this one's.
func (l *lazyTimeout) Value(key any) any { return l.waited().Value(key) }

// cancel ends the timer, if it was ever started.
func (l *lazyTimeout) cancel() {
	if l.stop != nil {
		l.stop()
	}
}

// answer reads the body and runs the handler; a panic becomes an error.
func (a *API) answer(ctx context.Context, r *request, h handler) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, &panicked{value: p, stack: debug.Stack()}
		}
	}()
	if a.Budgets.Address != (auth.Budget{}) {
		if err := a.count(r, "address "+wallet.Origin{Address: a.Auth.Address(r.Request)}.Network(), a.Budgets.Address); err != nil {
			return nil, err
		}
	}
	if r.body, err = readBody(r.Request); err != nil {
		return nil, err
	}
	return h(ctx, r)
}

// panicked is a mistake of ours, for the log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return "panic in a handler" }

// readBody reads a bounded body. GET and DELETE may have one too: some clients send a content
// type and a length of 0 with them (spec/php-client.md §2).
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 || r.Body == nil {
		return nil, nil
	}
	tooLarge := wallet.Errorf(wallet.RequestTooLarge, "The body is larger than %d bytes: send less.", maxBody)
	if r.ContentLength > maxBody && r.Header.Get("Expect") != "" {
		return nil, tooLarge // the client waits for a word before it sends the body
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, wallet.Errorf(wallet.InvalidRequest, "The body took too long to arrive: send it in one go, or over a faster line.")
	}
	if err != nil {
		return nil, wallet.Errorf(wallet.InvalidRequest, "The body could not be read to its end: send as many bytes as Content-Length says.")
	}
	if len(body) > maxBody {
		io.CopyN(io.Discard, r.Body, maxDrain)
		return nil, tooLarge
	}
	return body, nil
}

// statuses is the one map from codes to HTTP (spec/wallet-api.md §1.5).
var statuses = map[wallet.Code]int{
	wallet.InvalidRequest:             http.StatusBadRequest,
	wallet.InvalidParameters:          http.StatusBadRequest,
	wallet.Unauthorized:               http.StatusUnauthorized,
	wallet.InvalidTimestamp:           http.StatusUnauthorized,
	wallet.InvalidGrant:               http.StatusBadRequest,
	wallet.InvalidScope:               http.StatusBadRequest,
	wallet.UnsupportedGrantType:       http.StatusBadRequest,
	wallet.InvalidCode:                http.StatusBadRequest,
	wallet.InvalidPassword:            http.StatusBadRequest,
	wallet.PasswordTooShort:           http.StatusBadRequest,
	wallet.PasswordTooRisky:           http.StatusBadRequest,
	wallet.UserAlreadyExists:          http.StatusConflict,
	wallet.PhoneAlreadyAssigned:       http.StatusConflict,
	wallet.Forbidden:                  http.StatusForbidden,
	wallet.NotFound:                   http.StatusNotFound,
	wallet.MethodNotAllowed:           http.StatusMethodNotAllowed,
	wallet.InvalidState:               http.StatusConflict,
	wallet.ExpectationFailed:          http.StatusConflict,
	wallet.NotEnoughFunds:             http.StatusConflict,
	wallet.LimitsExceeded:             http.StatusConflict,
	wallet.RestrictionLimitsExceeded:  http.StatusConflict,
	wallet.NoRights:                   http.StatusForbidden,
	wallet.PaymentToSameAccount:       http.StatusConflict,
	wallet.RestrictionViolation:       http.StatusConflict,
	wallet.ClientNotVerified:          http.StatusForbidden,
	wallet.BeneficiaryAccountInactive: http.StatusConflict,
	wallet.PayerAccountInactive:       http.StatusConflict,
	wallet.ClientRestricted:           http.StatusForbidden,
	wallet.RateLimitExceeded:          http.StatusTooManyRequests,
	wallet.RequestTooLarge:            http.StatusRequestEntityTooLarge,
	wallet.InternalServerError:        http.StatusInternalServerError,
	wallet.ServiceUnavailable:         http.StatusServiceUnavailable,
}

// Status is the HTTP status of a code; 500 for one that is not known.
func Status(code wallet.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// wireError is the error object (spec/wallet-api.md §1.4). Properties is never an empty
// object, nor are its lists empty: one client loses the whole error over that.
type wireError struct {
	Error       wallet.Code         `json:"error"`
	Description string              `json:"error_description,omitempty"`
	Properties  map[string][]string `json:"error_properties,omitempty"`
}

// shown is what a caller may see of an error; anything but a *wallet.Error is ours alone.
func shown(err error) *wallet.Error {
	var known *wallet.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return wallet.Errorf(wallet.ServiceUnavailable, "The server could not answer in time; try again.")
	case service.Unreachable(err):
		return wallet.Errorf(wallet.ServiceUnavailable, "The server cannot reach its database at the moment; try again.")
	}
	return wallet.Errorf(wallet.InternalServerError, "Something went wrong in the server; its log has this request's paysera-correlation-id.")
}

var noStore = []string{"no-store"}

// jsonHeader is compared byte for byte by one client (spec/mobile-sdks.md §0.13).
var jsonHeader = []string{"application/json"}

// jsonBuffer is a buffer with its encoder.
type jsonBuffer struct {
	bytes.Buffer
	*json.Encoder
}

var buffers = sync.Pool{New: func() any {
	b := &jsonBuffer{}
	b.Encoder = json.NewEncoder(&b.Buffer)
	b.SetEscapeHTML(false)
	return b
}}

// reply writes the answer and returns its status, its error code and what is to be logged.
func (a *API) reply(w http.ResponseWriter, r *request, out any, err error) (status int, code wallet.Code, cause error) {
	status = http.StatusOK
	header := w.Header()
	if r.secret {
		header["Cache-Control"] = noStore
	}
	var before *wallet.Answered
	if errors.As(err, &before) {
		header["Idempotent-Replayed"] = []string{"true"}
		out, err = rawAnswer{"application/json", before.Body}, nil
	}
	if err != nil {
		e := shown(err)
		status, code = Status(e.Code), e.Code
		out = wireError{Error: e.Code, Description: e.Description, Properties: e.Properties}
		if status == http.StatusUnauthorized {
			header["Www-Authenticate"] = []string{`MAC error="` + string(code) + `"`}
		}
		if e.RetryAfter > 0 {
			header.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
		}
		var allowed *wrongMethod
		if errors.As(err, &allowed) {
			header["Allow"] = []string{allowed.header()}
		}
	}
	if kept, ok := out.(*cachedAnswer); ok && err == nil {
		return kept.write(w, r), "", nil
	}
	if list, ok := out.(*longList); ok && err == nil {
		return replyList(w, r.id, list)
	}
	if raw, ok := out.(rawAnswer); ok && err == nil {
		header["Content-Type"] = []string{raw.contentType}
		header["Content-Length"] = []string{strconv.Itoa(len(raw.content))}
		header["Paysera-Correlation-Id"] = []string{r.id}
		inOnePiece(r, len(raw.content))
		w.Write(raw.content)
		return status, "", nil
	}
	buffer := buffers.Get().(*jsonBuffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	if encodeErr := buffer.Encode(out); encodeErr != nil {
		if err != nil {
			panic(encodeErr) // an error object always encodes
		}
		return a.reply(w, r, nil, fmt.Errorf("encoding the answer: %w", encodeErr))
	}
	body := bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
	header["Content-Type"] = jsonHeader
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	header["Paysera-Correlation-Id"] = []string{r.id}
	inOnePiece(r, len(body))
	w.WriteHeader(status)
	w.Write(body)
	return status, code, err
}

// explain keeps why a request was refused, for those who own the client. It costs the request a place
// in a list.
func (a *API) explain(r *request, pattern string, err error) {
	if err == nil {
		return
	}
	var refused *wallet.Error
	if !errors.As(err, &refused) || refused.Refusal == nil {
		return
	}
	kept := *refused.Refusal
	kept.RequestID, kept.Request, kept.Address = r.id, pattern, a.Auth.Address(r.Request)
	a.Service.KeepRefusal(wallet.Caller{Kind: wallet.Anonymous}, kept)
}

// entry is one line of the request log.
type entry struct {
	id, pattern string
	status      int
	code        wallet.Code
	err         error
	took        time.Duration
}

// record writes the request log: never a header, a query or a body, which may hold secrets.
func (a *API) record(ctx context.Context, r *request, e entry) {
	level := slog.LevelInfo
	var attributes [10]slog.Attr // a line of five, the usual one, costs no memory
	list := append(attributes[:0],
		slog.String("id", e.id),
		slog.String("route", e.pattern),
		slog.Int("status", e.status),
		slog.Duration("took", e.took),
	)
	if e.code == wallet.NotFound || e.code == wallet.MethodNotAllowed {
		list = append(list, slog.String("method", r.Method)) // which a route says otherwise
	}
	if r.caller.Client != nil {
		list = append(list, slog.Int64("client", r.caller.Client.ID))
	}
	if user := r.caller.UserID(); user != 0 {
		list = append(list, slog.Int64("user", user))
	}
	if e.code != "" {
		list = append(list, slog.String("error", string(e.code)))
	}
	if short := (*cutShort)(nil); errors.As(e.err, &short) {
		list = append(list, slog.Bool("cut_short", true)) // whatever the status was that it began with
	}
	if (e.status >= http.StatusInternalServerError || failedMidway(e.err)) && e.err != nil {
		level = slog.LevelError
		list = append(list, slog.String("cause", e.err.Error()))
		var p *panicked
		if errors.As(e.err, &p) {
			list = append(list, slog.Any("panic", p.value), slog.String("stack", string(p.stack)))
		}
	}
	a.Log.LogAttrs(ctx, level, "request", list...)
}

const hexDigits = "0123456789abcdef"

// requestID is 16 hex digits from the injected source.
func (a *API) requestID() string {
	var raw [8]byte
	io.ReadFull(a.Random, raw[:])
	var text [16]byte
	for i, b := range raw {
		text[2*i], text[2*i+1] = hexDigits[b>>4], hexDigits[b&15]
	}
	return string(text[:])
}

// notFound answers a path that is no route, or that takes other methods.
func (a *API) notFound(ctx context.Context, r *request) (any, error) {
	if id, ok := strings.CutPrefix(r.URL.Path, mposCredentials); ok && id != "" && !strings.Contains(id, "/") {
		return leftOut("MPOS credentials")(ctx, r)
	}
	if methods := a.otherMethods(r.Request); len(methods) > 0 && cleanPath(r.URL.Path) {
		return nil, &wrongMethod{methods: methods, refusal: wallet.Errorf(wallet.MethodNotAllowed,
			"This path does not take %s: use %s.", r.Method, strings.Join(methods, " or "))}
	}
	return nil, wallet.Errorf(wallet.NotFound, "There is no such route: the Wallet API lives under /rest/v1, and paths have no slash at their end.")
}

// leftOut answers a path of the protocol that purser does not offer.
func leftOut(what string) handler {
	return func(context.Context, *request) (any, error) {
		return nil, leftOutError(what)
	}
}

func leftOutError(what string) error {
	return wallet.Errorf(wallet.NotFound, "This server does not offer %s: docs/divergences.md lists what is left out.", what)
}

// wrongMethod is the refusal of a path's other methods.
type wrongMethod struct {
	refusal *wallet.Error
	methods []string
}

func (w *wrongMethod) Error() string { return w.refusal.Error() }
func (w *wrongMethod) Unwrap() error { return w.refusal }

// header is the value of Allow; what takes GET takes HEAD too.
func (w *wrongMethod) header() string {
	return strings.Replace(strings.Join(w.methods, ", "), http.MethodGet, "GET, HEAD", 1)
}
