package wallettest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/walletapi"
)

// Exchange is one request and the answer to it, as files in testdata/exchange write them; the
// README.md there says how.
type Exchange struct {
	// Line is where it begins in its file.
	Line int
	// Method and Target are the request line's, As is who signs, and Certificate whose TLS client
	// certificate the connection has; empty for plain HTTP.
	Method, Target, As, Certificate string
	// Ext is the context of the request, Body its body; empty for none. Form says that the body is a form.
	Ext, Body string
	Form      bool
	// Before is what the operator does before the request, in the order of the lines.
	Before []string
	// TS is how many seconds the signer's clock is ahead of the server's, After how much later
	// on the business clock this request arrives, and Later how much later it and all below it do.
	TS           float64
	After, Later time.Duration
	// Headers are further header lines of the request, by name and value.
	Headers [][2]string
	// Status, AnswerHeaders and Answer are what comes back; see Blank for what Answer leaves open.
	Status        int
	AnswerHeaders [][2]string
	Answer        string
}

// Change says whether one of the exchanges changes the world that it is played in, or the time there.
func Change(exchanges []Exchange) bool {
	return slices.ContainsFunc(exchanges, func(e Exchange) bool {
		return e.Later != 0 || len(e.Before) > 0 || e.Status == http.StatusOK && e.Method != http.MethodGet && e.Method != http.MethodHead
	})
}

// ReadExchanges reads a file of exchanges.
func ReadExchanges(t testing.TB, path string) []Exchange {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	exchanges, err := parseExchanges(string(text))
	if err != nil {
		t.Fatalf("%s:%v", path, err)
	}
	return exchanges
}

// parseExchanges is ReadExchanges on a text; an error begins with the number of its line.
func parseExchanges(text string) ([]Exchange, error) {
	if !strings.HasPrefix(text, "# ") {
		return nil, fmt.Errorf("1: begin with a sentence on why this exchange exists")
	}
	var all []Exchange
	var before []string
	for i, line := range strings.Split(text, "\n") {
		kind, rest := line, ""
		if len(line) > 1 {
			kind, rest = line[:1], strings.TrimSpace(line[1:])
		}
		var err error
		switch {
		case strings.TrimSpace(line) == "" || kind == "#":
		case kind == "!":
			before = append(before, rest)
		case kind == ">" && !strings.Contains(strings.SplitN(rest, " ", 2)[0], ":"):
			method, target, _ := strings.Cut(rest, " ")
			all = append(all, Exchange{Line: i + 1, Method: method, Target: target, As: Anonymous, Before: before})
			before = nil
		case len(all) == 0:
			err = fmt.Errorf("begin an exchange with > METHOD TARGET")
		case kind == ">":
			err = all[len(all)-1].request(rest)
		case kind == "<":
			err = all[len(all)-1].answer(rest)
		default:
			err = fmt.Errorf("a line begins with #, !, > or <")
		}
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	for _, e := range all {
		if e.Status == 0 {
			return nil, fmt.Errorf("%d: this exchange has no answer", e.Line)
		}
	}
	return all, nil
}

// request reads a line of a request below its first.
func (e *Exchange) request(line string) error {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	var err error
	switch name {
	case "as":
		e.As = value
	case "ext":
		e.Ext = value
	case "certificate":
		e.Certificate = value
	case "body", "form":
		e.Body, e.Form = value, name == "form"
	case "ts":
		e.TS, err = strconv.ParseFloat(value, 64)
	case "after":
		e.After, err = time.ParseDuration(value + "s")
	case "later":
		e.Later, err = time.ParseDuration(value + "s")
	default:
		if name == strings.ToLower(name) {
			return fmt.Errorf("%q is none of as, certificate, ext, ts, after, later, body and form, and the names of headers begin with a capital", name)
		}
		e.Headers = append(e.Headers, [2]string{name, value})
	}
	return err
}

var headerLine = regexp.MustCompile(`^([A-Z][A-Za-z-]*): (.*)$`)

// answer reads a line of an answer: its status, then headers, then the body.
func (e *Exchange) answer(line string) (err error) {
	if e.Status == 0 {
		e.Status, err = strconv.Atoi(line)
		return err
	}
	if header := headerLine.FindStringSubmatch(line); header != nil && e.Answer == "" {
		e.AnswerHeaders = append(e.AnswerHeaders, [2]string{header[1], header[2]})
		return nil
	}
	e.Answer += line
	return nil
}

// Replay makes the requests of a file, one after the other, and compares the answers: byte for byte,
// but for what a server makes up anew.
func (s *Server) Replay(exchanges []Exchange) {
	s.t.Helper()
	var said Memory
	for _, e := range exchanges {
		s.replay(e, &said)
	}
}

// Memory is what requests refer to of earlier answers.
type Memory struct {
	// requestID names the request before this one.
	requestID string
	// registered signs for the client that was registered last.
	registered walletapi.MAC
	// tokens are those that were given out, each once.
	tokens []walletapi.Token
	// keys are those of transactions, payments the numbers of payments, each once; code is the last that a payer made, and
	// barcode the last that works once.
	keys     []string
	payments []int64
	code     string
	barcode  string
}

// Words of an exchange for what is remembered. A token's word may have a number: the first is 1, and
// without one the last is meant.
const (
	requestIDWord = "<request_id>"
	codeWord      = "<code>"
	// What is made up for payments: the key of a transaction, the number of a payment, a code that a payer made.
	keyWord         = "<transaction_key>"
	paymentIDWord   = "<payment_id>"
	reserveCodeWord = "<reserve_code>"
	barcodeWord     = "<one_time_barcode>"
	registeredName  = "registered"
	tokenName       = "token"
)

// Learn keeps what later requests may refer to.
func (m *Memory) Learn(a *Answer) {
	m.requestID = a.Header.Get("paysera-correlation-id")
	var client walletapi.ClientInfo
	if json.Unmarshal([]byte(a.Body), &client) == nil && client.Credentials != nil && client.Credentials.MACKey != "" {
		m.registered = walletapi.MAC{ID: client.Credentials.AccessToken, Secret: client.Credentials.MACKey}
	}
	var token walletapi.Token
	known := func(t walletapi.Token) bool { return t.AccessToken == token.AccessToken }
	m.learnPayments(a.Body)
	if json.Unmarshal([]byte(a.Body), &token) == nil && token.MACKey != "" && !slices.ContainsFunc(m.tokens, known) {
		m.tokens = append(m.tokens, token)
	}
}

// keysAndPayments are the keys of transactions in an answer, and the numbers of payments.
var keysAndPayments = regexp.MustCompile(`(?:"id":([0-9]+),)?"transaction_key":"([a-z2-7]{26})"`)

// learnPayments keeps the keys of transactions, the numbers of payments and a payer's code.
func (m *Memory) learnPayments(body string) {
	for _, found := range keysAndPayments.FindAllStringSubmatch(body, -1) {
		if !slices.Contains(m.keys, found[2]) {
			m.keys = append(m.keys, found[2])
		}
		if id, _ := strconv.ParseInt(found[1], 10, 64); id != 0 && !slices.Contains(m.payments, id) {
			m.payments = append(m.payments, id)
		}
	}
	var code walletapi.ReserveCode
	if json.Unmarshal([]byte(body), &code) == nil && code.ExpiresAt != 0 && code.Code != "" {
		m.code = code.Code
	}
	var barcode walletapi.OneTimeBarcode
	if json.Unmarshal([]byte(body), &barcode) == nil && barcode.ExpiresAt != 0 && barcode.Barcode != "" {
		m.barcode = barcode.Barcode
	}
}

// paymentWord is the key of a transaction, or the number of a payment, such as <transaction_key> or <payment_id 2>.
var paymentWord = regexp.MustCompile(`<(transaction_key|payment_id)( [0-9]+)?>`)

// recallPayments puts keys and numbers in the place of their words, as recall does.
func (m *Memory) recallPayments(text string, isAnswer bool) string {
	if !isAnswer && m.code != "" {
		text = strings.ReplaceAll(text, reserveCodeWord, m.code)
	}
	if !isAnswer && m.barcode != "" {
		text = strings.ReplaceAll(text, barcodeWord, m.barcode)
	}
	return paymentWord.ReplaceAllStringFunc(text, func(word string) string {
		found := paymentWord.FindStringSubmatch(word)
		all := m.keys
		if found[1] == "payment_id" {
			all = make([]string, len(m.payments))
			for i, id := range m.payments {
				all[i] = strconv.FormatInt(id, 10)
			}
		}
		at := len(all)
		if number := strings.TrimSpace(found[2]); number != "" {
			at, _ = strconv.Atoi(number)
		}
		if isAnswer && found[2] == "" || at < 1 || at > len(all) {
			return word
		}
		return all[at-1]
	})
}

// tokenWord is a token of an earlier answer, such as <refresh_token> or <access_token 2>.
var tokenWord = regexp.MustCompile(`<(access_token|refresh_token)( [0-9]+)?>`)

// Recall puts what is remembered in the place of its words in a request, and the last code that somebody was
// sent.
func (s *Server) Recall(m *Memory, text string) string {
	s.t.Helper()
	text = m.recall(text, false)
	if strings.Contains(text, codeWord) {
		text = strings.ReplaceAll(text, codeWord, s.lastCode())
	}
	return text
}

// recall puts what is remembered in the place of its words: in an answer of those with a number alone, since
// the others stand for what is made up anew.
func (m *Memory) recall(text string, isAnswer bool) string {
	text = m.recallPayments(strings.ReplaceAll(text, requestIDWord, m.requestID), isAnswer)
	return tokenWord.ReplaceAllStringFunc(text, func(word string) string {
		found := tokenWord.FindStringSubmatch(word)
		token, ok := m.token(found[2])
		switch {
		case isAnswer && found[2] == "" || !ok:
			return word
		case found[1] == "access_token":
			return token.AccessToken
		}
		return token.RefreshToken
	})
}

// token is the one of that number, the last one for none.
func (m *Memory) token(number string) (walletapi.Token, bool) {
	at := len(m.tokens)
	if number = strings.TrimSpace(number); number != "" {
		at, _ = strconv.Atoi(number)
	}
	if at < 1 || at > len(m.tokens) {
		return walletapi.Token{}, false
	}
	return m.tokens[at-1], true
}

// signer signs for who is named by what is remembered; nil for anybody else.
func (m *Memory) signer(as string) []Option {
	if as == registeredName {
		return []Option{SignedBy(m.registered)}
	}
	if number, ok := strings.CutPrefix(as, tokenName); ok && !strings.HasPrefix(number, ":") {
		token, _ := m.token(number)
		return []Option{SignedBy(walletapi.MAC{ID: token.AccessToken, Secret: token.MACKey})}
	}
	return nil
}

// lastCode is the last code that somebody was sent.
func (s *Server) lastCode() string {
	s.t.Helper()
	messages, err := s.Service.ListMessages(context.Background(), Operator, "", 1<<10)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range messages {
		if code := m.Values["code"]; code != "" {
			return code
		}
	}
	return codeWord
}

func (s *Server) replay(e Exchange, said *Memory) {
	s.t.Helper()
	for _, line := range e.Before {
		s.operate(e.Line, line)
	}
	target, want := s.Recall(said, e.Target), said.recall(e.Answer, true)
	e.Body = s.Recall(said, e.Body)
	s.Business.Advance(e.Later + e.After)
	answer := s.Send(e.As, e.Method, target, append(s.options(e), said.signer(e.As)...)...)
	s.Business.Advance(-e.After)
	said.Learn(answer)

	if answer.Status != e.Status {
		s.t.Errorf("line %d: %s %s: status %d, want %d\n%s", e.Line, e.Method, target, answer.Status, e.Status, answer.Body)
		return
	}
	for _, header := range e.AnswerHeaders {
		if got := answer.Header.Get(header[0]); got != header[1] {
			s.t.Errorf("line %d: %s %s: the header %s is %q, want %q", e.Line, e.Method, target, header[0], got, header[1])
		}
	}
	if want, got := blankAlike(want, answer.Body); want != got {
		s.t.Errorf("line %d: %s %s: the body differs (-want +got)\n%s", e.Line, e.Method, target, cmp.Diff(indented(want), indented(got)))
	}
}

// options are how an exchange is sent.
func (s *Server) options(e Exchange) []Option {
	s.t.Helper()
	body := Body(e.Body)
	if e.Form {
		body = Form(e.Body)
	}
	options := []Option{body, Signing(func(r *walletapi.Request) {
		if e.TS != 0 {
			now := float64(s.Wall.Now().Unix())
			r.TS = strconv.FormatFloat(now+e.TS, 'f', -1, 64)
		}
	})}
	if e.Ext != "" {
		ext := e.Ext
		if e.Body != "" {
			ext = walletapi.Ext{BodyHash: walletapi.BodyHash([]byte(e.Body)), HasBodyHash: true}.String() + "&" + ext
		}
		options = append(options, Ext(ext))
	}
	switch e.Certificate {
	case "":
	case "shop":
		options = append(options, OverTLS(s.ShopCertificate()))
	default:
		s.t.Fatalf("line %d: %q has no certificate in the sample world", e.Line, e.Certificate)
	}
	for _, header := range e.Headers {
		options = append(options, Header(header[0], header[1]))
	}
	return options
}

// madeUp is what a server makes up anew every time: the word that stands in an expected answer in
// place of it, what it looks like, and the member that holds it.
var madeUp = []struct{ word, form, member string }{
	{`"<mac_id>"`, `"[A-Z2-7]{10}"`, "access_token"},
	{`"<mac_key>"`, `"[A-Za-z0-9]{32}"`, "mac_key"},
	{`"<access_token>"`, `"[A-Z2-7]{32}"`, "access_token"},
	{`"<refresh_token>"`, `"[A-Za-z0-9]{32}"`, "refresh_token"},
	{`"<key>"`, `"[A-Za-z0-9]{32}"`, "key"},
	{`"` + requestIDWord + `"`, `"[0-9a-f]{16}"`, "request_id"},
	{`"` + keyWord + `"`, `"[a-z2-7]{26}"`, "transaction_key"},
	{`"` + reserveCodeWord + `"`, `"[0-9]{12}"`, "code"},
	{`"` + barcodeWord + `"`, `"EVO[0-9]{12}"`, "barcode"},
	{`"<after>"`, `"[A-Za-z0-9_-]{39}"`, "after"},
	{`"<sync>"`, `"[A-Za-z0-9_-]+"`, "sync"},
	{`"<leaf>"`, `"purser leaf [^"]*"`, "leaf"},
	{`"<index>"`, `[0-9]+`, "index"},
	{`"<hash>"`, `"[A-Za-z0-9+/]{43}="`, "(?:hash|from_root|to_root)"},
	{`"<proof>"`, `\[[^\]]*\]`, "proof"},
	{`"<checkpoint>"`, `"purser/ledger\\n[^"]*"`, "checkpoint"},
	{`"<public_keys>"`, `\[[^\]]*\]`, "public_keys"},
}

// Blank puts words in place of what a server makes up anew, in the members that hold it: <mac_id> or
// <access_token>, <mac_key>, <refresh_token>, <key> and <request_id>, and <minute> in place of times inside texts. What does not look like such a value stays.
func Blank(text string) string {
	for _, m := range madeUp {
		text = regexp.MustCompile(`("`+m.member+`": ?)`+m.form).ReplaceAllString(text, "${1}"+m.word)
	}
	return anyMinute.ReplaceAllString(text, minuteWord)
}

// minuteWord stands inside a text for a time that people read.
const minuteWord = "<minute>"

var (
	anyMinute = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}`)
	anyTime   = regexp.MustCompile(`("[a-z_]+"):<(?:seconds|entry)>`)
)

// truthWord stands for whether a place is open, which depends on when one asks.
const truthWord = "<truth>"

var anyTruth = regexp.MustCompile(`"open_now":(?:true|false)`)

// paymentID is the number of a payment where it stands.
var paymentID = regexp.MustCompile(`"id":[0-9]+,"transaction_key"`)

// blankAlike gives what the expected answer leaves open one and the same text in both.
func blankAlike(want, got string) (string, string) {
	for _, m := range madeUp {
		if strings.Contains(want, m.word) {
			got = regexp.MustCompile(`("`+m.member+`":)`+m.form).ReplaceAllString(got, "${1}"+m.word)
		}
	}
	if strings.Contains(want, paymentIDWord) {
		got = paymentID.ReplaceAllString(got, `"id":`+paymentIDWord+`,"transaction_key"`)
	}
	if strings.Contains(want, minuteWord) {
		got = anyMinute.ReplaceAllString(got, minuteWord)
	}
	if strings.Contains(want, truthWord) {
		want, got = strings.ReplaceAll(want, truthWord, `"`+truthWord+`"`), anyTruth.ReplaceAllString(got, `"open_now":"`+truthWord+`"`)
	}
	for _, found := range anyTime.FindAllStringSubmatch(want, -1) {
		times := regexp.MustCompile(regexp.QuoteMeta(found[1]) + `:[0-9]+`)
		got = times.ReplaceAllString(got, found[1]+`:"<seconds>"`)
	}
	return anyTime.ReplaceAllString(want, `$1:"<seconds>"`), got
}

// indented is JSON on many lines, for a difference that can be read.
func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}
