package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Operator verbs reach the data in one of two ways: through the socket of the server that holds
// the data folder, or, when none does, by holding the folder for a moment themselves. Either way
// they are small HTTP requests to operatorAPI, so there is one road.

// movement is the body of a credit or a debit, and receipt its answer.
type movement struct {
	// Amount is decimal text in Currency.
	Amount   string         `json:"amount"`
	Currency money.Currency `json:"currency"`
	Reason   string         `json:"reason"`
}

type receipt struct {
	Entry     int64  `json:"entry"`
	Available string `json:"available"`
}

// operatorError is a refusal, as it goes over the socket.
type operatorError struct {
	Code        wallet.Code         `json:"error"`
	Description string              `json:"error_description"`
	Properties  map[string][]string `json:"error_properties,omitempty"`
}

// Error is the description.
func (e *operatorError) Error() string { return e.Description }

// maxOperatorBody bounds a request on the socket, in bytes: room for the largest certificate.
const maxOperatorBody = 256 << 10

// verbSets add the operator's verbs, one function for each file that holds some.
var verbSets = []func(*http.ServeMux, *service.Service){
	userVerbs, limitVerbs, rateVerbs, appVerbs, projectVerbs, placeVerbs, placeFileVerbs, codeVerbs, spotVerbs, walletVerbs, movementVerbs, creditVerbs, identificationVerbs, clientVerbs, keyVerbs, certificateVerbs, explainVerbs, auditVerbs, callbackVerbs, onboardVerbs, logVerbs, clockVerbs,
}

// operatorAPI answers operator verbs. Whoever may open the socket is the operator. box is nil where no sandbox runs.
func operatorAPI(s *service.Service, templates func() (*message.Templates, error), box *toolbox) http.Handler {
	mux := http.NewServeMux()
	inboxVerb(mux, s, templates)
	troubleVerbs(mux, box)
	logsVerbs(mux, box)
	listenVerbs(mux, box)
	for _, add := range verbSets {
		add(mux, s)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		replyOperator(w, nil, wallet.Errorf(wallet.NotFound,
			"the process that holds the data folder is of another version and does not know this verb: restart it with this one."))
	})
	return mux
}

// handleVerb answers one verb: it reads its body, which may hold nothing that In does not know, and
// writes its answer.
func handleVerb[In, Out any](mux *http.ServeMux, name string, do func(context.Context, wallet.Caller, In) (Out, error)) {
	mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
		var in In
		body := json.NewDecoder(io.LimitReader(r.Body, maxOperatorBody))
		body.DisallowUnknownFields() // what a newer command line asks for must not be passed over
		if err := body.Decode(&in); err != nil {
			replyOperator(w, nil, wallet.Errorf(wallet.InvalidRequest,
				"the process that holds the data folder cannot read this request (%s): if it is of another version, restart it with this one.", err))
			return
		}
		out, err := do(r.Context(), operatorOf(r), in)
		replyOperator(w, out, err)
	})
}

// operatorHeader carries the name of the person who gives a verb, for the audit trail.
const operatorHeader = "Purser-Operator"

// maxOperatorName bounds that name, in characters.
const maxOperatorName = 60

// operatorOf is the operator, under the name that the command line gives.
func operatorOf(r *http.Request) wallet.Caller {
	name, err := url.QueryUnescape(r.Header.Get(operatorHeader))
	if err != nil || name == "" {
		name = "unknown"
	}
	letters := []rune(strings.ToValidUTF8(name, "?"))
	return wallet.Caller{Kind: wallet.Operator, From: wallet.Origin{Address: "local", Agent: string(letters[:min(len(letters), maxOperatorName)])}}
}

// operatorName is who runs this program, and for whom where sudo says so.
func (p *program) operatorName() string {
	name := "user " + strconv.Itoa(os.Getuid())
	if known, err := user.Current(); err == nil && known.Username != "" {
		name = known.Username
	}
	if behind := p.env("SUDO_USER"); behind != "" && behind != name {
		name = behind + " as " + name
	}
	return name
}

// movementVerbs are credit and debit.
func movementVerbs(mux *http.ServeMux, s *service.Service) {
	type move func(context.Context, wallet.Caller, int64, money.Amount, string) (service.Receipt, error)
	for verb, run := range map[string]move{"credit": s.CreditWallet, "debit": s.DebitWallet} {
		mux.HandleFunc("POST /wallet/{id}/"+verb, func(w http.ResponseWriter, r *http.Request) {
			id, m, amount, err := readMovement(r)
			if err != nil {
				replyOperator(w, nil, err)
				return
			}
			done, err := run(r.Context(), operatorOf(r), id, amount, m.Reason)
			replyOperator(w, receipt{Entry: done.Entry, Available: done.Available.String()}, err)
		})
		// Its own road: a process of an older version, which knows no plans, must not take it for the deed.
		mux.HandleFunc("POST /wallet/{id}/"+verb+"/plan", func(w http.ResponseWriter, r *http.Request) {
			id, m, amount, err := readMovement(r)
			if err == nil {
				err = planMovement(r.Context(), s, operatorOf(r), id, amount, m.Reason, verb == "debit")
			}
			replyOperator(w, struct{}{}, err)
		})
	}
}

// maxReason is how many bytes of a reason the ledger keeps.
const maxReason = 500

// planMovement refuses what a credit or a debit would be refused for, and moves nothing.
func planMovement(ctx context.Context, s *service.Service, c wallet.Caller, id int64, amount money.Amount, reason string, takes bool) error {
	refused := wallet.FieldErrors{}
	if !amount.Positive() {
		refused.Refuse("amount", "must be more than zero")
	}
	if !slices.Contains(s.Currencies, amount.Currency) {
		refused.Refuse("currency", "%q is not one of the currencies of this server", amount.Currency)
	}
	switch reason = strings.TrimSpace(reason); {
	case reason == "":
		refused.Refuse("reason", "must say why, for whoever reads the ledger later")
	case len(reason) > maxReason:
		refused.Refuse("reason", "must be at most %d bytes", maxReason)
	}
	if err := refused.Err(); err != nil {
		return err
	}
	there, err := s.InspectWallet(ctx, c, id)
	if err != nil {
		return err
	}
	held := money.Amount{Currency: amount.Currency}
	for _, f := range there.Funds {
		if f.Available.Currency == amount.Currency {
			held = f.Available
		}
	}
	if takes && held.Minor < amount.Minor {
		return wallet.Errorf(wallet.NotEnoughFunds, "wallet %d holds less than %s: take out no more than it has.", id, amount)
	}
	if _, err := held.Add(amount); err != nil && !takes {
		return wallet.FieldError("amount", "is more than an account can hold")
	}
	return nil
}

func readMovement(r *http.Request) (id int64, m movement, amount money.Amount, err error) {
	if id, err = strconv.ParseInt(r.PathValue("id"), 10, 64); err != nil || id <= 0 {
		return 0, m, amount, wallet.FieldError("wallet", "must be the number of a wallet")
	}
	if err = json.NewDecoder(io.LimitReader(r.Body, maxOperatorBody)).Decode(&m); err != nil {
		return 0, m, amount, wallet.Errorf(wallet.InvalidRequest, "the request is not JSON")
	}
	amount, err = parseAmount(m.Amount, string(m.Currency))
	return id, m, amount, err
}

// parseAmount reads an amount; it fails with InvalidParameters.
func parseAmount(text, code string) (money.Amount, error) {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return money.Amount{}, wallet.FieldError("currency", "must be an ISO 4217 code, such as EUR")
	}
	amount, err := money.Parse(text, currency)
	switch {
	case errors.Is(err, money.ErrDigits):
		return money.Amount{}, wallet.FieldError("amount", "%s has %d decimal digits", currency, currency.Digits())
	case err != nil:
		return money.Amount{}, wallet.FieldError("amount", "must be a decimal number, such as 12.50")
	}
	return amount, nil
}

func replyOperator(w http.ResponseWriter, out any, err error) {
	w.Header()["Content-Type"] = []string{"application/json"}
	if err != nil {
		shown := operatorError{Code: wallet.InternalServerError, Description: err.Error()}
		var known *wallet.Error
		if errors.As(err, &known) {
			shown = operatorError{Code: known.Code, Description: known.Description, Properties: known.Properties}
		}
		w.WriteHeader(httpapi.Status(shown.Code))
		out = shown
	}
	json.NewEncoder(w).Encode(out)
}

// operatorClient calls operatorAPI.
type operatorClient struct {
	http *http.Client
	// name is who calls.
	name string
	// address is where the process that holds the folder answers the API; empty when none does.
	address string
	// origin is what that process is called by from outside; empty when it knows no origin.
	origin string
	// start has the API answer on a loopback port, and returns its address; nil where another process
	// holds the folder.
	start func() (string, error)
}

// errNotSent says that nobody was there to take a request.
var errNotSent = errors.New("nothing was done")

// call posts a request and reads the answer into out. A refusal is an *operatorError.
func (o *operatorClient) call(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://purser"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set(operatorHeader, url.QueryEscape(o.name))
	response, err := o.http.Do(request)
	var failed *net.OpError
	if errors.As(err, &failed) && failed.Op == "dial" {
		return fmt.Errorf("%w: %w", errNotSent, unreachable(err))
	}
	if err != nil {
		return fmt.Errorf("%w; it may have been done all the same, so look before you repeat it", unreachable(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		refused := &operatorError{}
		if err := json.NewDecoder(response.Body).Decode(refused); err != nil || refused.Description == "" {
			return fmt.Errorf("the server answered %s", response.Status)
		}
		return refused
	}
	return json.NewDecoder(response.Body).Decode(out)
}

// operatorTimeout is how long a verb waits for the server: longer than that may take.
const operatorTimeout = time.Minute

// overSocket talks to the process that listens on a socket.
func overSocket(path string) *operatorClient {
	return &operatorClient{http: &http.Client{Timeout: operatorTimeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}}
}

// A process that has just taken the folder, or just gives it back, does not answer for a moment, and
// other verbs hold it for as long as they take: a verb waits that long.
const (
	folderTries = 200
	folderPause = 50 * time.Millisecond
)

// openOperator reaches the data of the configured folder or database. The caller closes.
func (p *program) openOperator(ctx context.Context, c config) (o *operatorClient, done func() error, err error) {
	if _, err := os.Stat(c.data); err != nil && c.database == "" {
		return nil, nil, fmt.Errorf("there is no data folder %s: name it with --data", c.data) // and make none
	}
	if c.logLevel == "info" {
		c.logLevel = "error" // a verb speaks for itself
	}
	s := &server{program: p, config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.openLog(p.err, true); err != nil {
		return nil, nil, err
	}
	for try := 1; ; try++ {
		var soon bool
		if o, soon, err = s.overHolder(); err == nil {
			break
		}
		if !soon || try == folderTries || ctx.Err() != nil {
			return nil, nil, err
		}
		time.Sleep(folderPause)
	}
	if o == nil {
		if o, err = s.holdFolder(ctx); err != nil {
			return nil, nil, err
		}
	}
	o.name = p.operatorName()
	return o, s.close, nil
}

// overHolder talks to the process that holds the folder, or takes the folder and returns nil. soon
// says that it may succeed in a moment.
func (s *server) overHolder() (o *operatorClient, soon bool, err error) {
	var held *heldError
	err = s.openFolder()
	switch {
	case err == nil:
		return nil, false, nil
	case !errors.As(err, &held) || held.Socket == "":
		return nil, true, err
	case s.config.database != "" && databaseMark(s.config.database) != held.Database:
		return nil, false, fmt.Errorf("process %d holds %s and works on another database than --database: name its folder, or another one, with --data", held.PID, s.config.data)
	}
	probe, err := net.Dial("unix", held.Socket)
	if err != nil {
		return nil, true, fmt.Errorf("%w (its socket does not answer: %w)", held, err)
	}
	probe.Close()
	o = overSocket(held.Socket)
	o.address, o.origin = held.Address, held.Origin
	return o, false, nil
}

// inProcess carries requests to a handler of this process. A verb that holds the folder for a moment
// opens no socket: another verb that used it could be cut off when this one ends.
type inProcess struct{ handler http.Handler }

// RoundTrip has the handler answer.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &answerBuffer{status: http.StatusOK, header: http.Header{}}
	p.handler.ServeHTTP(w, r)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answerBuffer is an answer in memory.
type answerBuffer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// Header is what is sent before the body.
func (a *answerBuffer) Header() http.Header { return a.header }

// WriteHeader sets the status.
func (a *answerBuffer) WriteHeader(status int) { a.status = status }

func (a *answerBuffer) Write(body []byte) (int, error) { return a.body.Write(body) }

// holdFolder opens the database of the folder that this process holds, and talks to itself.
func (s *server) holdFolder(ctx context.Context) (*operatorClient, error) {
	kek, err := s.verbKEK()
	if err != nil {
		return nil, err
	}
	if s.config.database == "" && s.refuseWorld() != nil { // a sandbox's: what a verb writes is stamped by its clock
		if err := s.enterWorld(); err != nil {
			return nil, err
		}
	}
	uses, db, err := s.openService(ctx, s.databaseAddress(), kek, true)
	if err != nil {
		return nil, err
	}
	s.closing(db.Close)
	s.service = uses
	o := &operatorClient{http: &http.Client{Timeout: operatorTimeout, Transport: inProcess{operatorAPI(uses, s.templates, nil)}}}
	o.start = func() (string, error) {
		s.config.listen, s.config.tlsCertificate = "127.0.0.1:0", ""
		err := s.listen(db, true)
		return s.address, err
	}
	return o, nil
}

// verbKEK is the key that a verb opens the database with: the configured one, or that of a
// sandbox that is there. A verb makes none.
func (s *server) verbKEK() (secret.Text, error) {
	if s.config.kek != "" {
		return s.config.kek, nil
	}
	if s.config.database == "" {
		if isNew, err := s.folder.isNew(); err != nil || isNew {
			return "", errors.Join(err, fmt.Errorf("there is no database in %s: name its folder with --data", s.config.data))
		}
	}
	kek, err := s.folder.readSandboxKEK()
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("the database's key-encryption key is needed: pass --kek-file, or PURSER_KEK")
	}
	return kek, err
}
