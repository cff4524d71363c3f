package manual

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/inspect"
	"github.com/purserhq/purser/walletapi"
)

// Sandbox is what requests can be tried with. All but Hosts and Folder are needed.
type Sandbox struct {
	// Names are those who can sign, and Credentials what one of them signs with.
	Names       func() []string
	Credentials func(name string) (walletapi.MAC, bool)
	// Code is the last code that somebody was sent; empty for none.
	Code func(context.Context) string
	// Address is where the server answers: scheme, host and port.
	Address func() string
	// Hosts are names that the server is called by, beside localhost and addresses.
	Hosts []string
	// Folder is the sandbox's, as a shell reads it, where commands have to name it; empty where they have not.
	Folder string
	// WallClock times requests, and Random makes nonces; safe for concurrent use.
	WallClock func() time.Time
	Random    io.Reader
}

// Limits of a request that is tried.
const (
	// maxForm is how much of a form is read, in bytes.
	maxForm = 256 << 10
	// patience is how long an answer may take: less than the page itself may.
	patience = 25 * time.Second
	// maxAnswer is how much of an answer is shown, in bytes.
	maxAnswer = 1 << 20
)

// attempt is what the page of a route shows.
type attempt struct {
	*trial
	Form  filled
	Names []string
	// Needs are the requests that the example needs before it, and Prepare says that they are sent.
	Needs   []string
	Prepare bool
	// Problem is what kept the request from being sent.
	Problem string
	Done    *done
	Root    string
}

// input is a parameter of the form.
type input struct {
	parameter
	Value string
}

// Inputs are the parameters with what stands in them.
func (a attempt) Inputs() []input {
	var all []input
	for _, p := range a.Params {
		all = append(all, input{p, a.Form.Values[p.Name]})
	}
	return all
}

// done is a request that was sent, and its answer.
type done struct {
	Steps []string
	// Signed is the text that was signed, line by line; none where nobody signed.
	Signed        []string
	Curl, Command string
	Status        int
	Text          string
	Headers       []string
	Body          string
	Took          string
	RequestID     string
}

// serveTrial answers with the page on which a route can be tried, and sends what was typed there.
func (s *Site) serveTrial(w http.ResponseWriter, r *http.Request, id string) {
	if _, err := s.file(referenceFolder + indexPage); err != nil { // it makes the list of routes
		s.fail(w, err)
		return
	}
	s.mu.Lock()
	t, ok := s.routes[id]
	s.mu.Unlock()
	if !ok {
		s.missing(w, r)
		return
	}
	a := attempt{trial: t, Form: t.first, Names: s.Sandbox.Names(), Prepare: t.needs()}
	for _, before := range t.before {
		a.Needs = append(a.Needs, before.Method+" "+before.Target+" as "+before.As)
	}
	status := http.StatusOK
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		if status = s.mayTry(r); status == http.StatusOK {
			status = s.try(w, r, &a)
		} else {
			a.Problem = "The form was sent from another site, or this server is called by a name that it does not know: --origin tells it."
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "this page does not take "+r.Method, http.StatusMethodNotAllowed)
		return
	}
	html, err := s.dynamic("try", t.Method+" "+t.Pattern, r.URL.Path, a)
	if err != nil {
		s.fail(w, err)
		return
	}
	sendPage(w, status, html)
}

// mayTry says whether a form is from a page of this very site. A name that leads to this machine only since a moment ago
// makes another site's pages look like ours to a browser, so the name has to be one of ours too.
func (s *Site) mayTry(r *http.Request) int {
	if s.foreign.Check(r) != nil || !s.isOurs(r.Host) {
		return http.StatusForbidden
	}
	return http.StatusOK
}

func (s *Site) isOurs(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	_, err = netip.ParseAddr(host)
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(s.Sandbox.Hosts, host)
}

// try reads the form, sends the request, and returns the status of the page.
func (s *Site) try(w http.ResponseWriter, r *http.Request, a *attempt) int {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if !isForm(r) || r.ParseForm() != nil {
		a.Problem = "The form cannot be read."
		return http.StatusBadRequest
	}
	typed := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	a.Form = filled{
		As: typed("as"), Project: typed("project"), Place: typed("place"), Key: typed("key"),
		Body: strings.ReplaceAll(typed("body"), "\r\n", "\n"), Values: map[string]string{},
	}
	for _, p := range a.Params {
		a.Form.Values[p.Name] = typed("param-" + p.Name)
	}
	a.Prepare = a.needs() && typed("prepare") != ""
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	known := memory{}
	result := &done{}
	if a.Prepare {
		for _, before := range a.before {
			out, err := s.send(ctx, known.step(before), filled{})
			if err != nil {
				a.Problem = err.Error()
				return http.StatusBadGateway
			}
			known.learn(out)
			result.Steps = append(result.Steps, fmt.Sprintf("%s %s: %d", before.Method, before.Target, out.status))
		}
	}
	known["code"] = s.Sandbox.Code(ctx)
	if a.Problem = s.perform(ctx, a, known, result); a.Problem != "" {
		return http.StatusBadRequest
	}
	a.Done, a.Prepare = result, a.Prepare && a.holdsSecrets()
	return http.StatusOK
}

// holdsSecrets says whether the form goes on to need what the example sends before it: what that makes is not shown.
func (a *attempt) holdsSecrets() bool {
	all := a.Form.Body
	for _, value := range a.Form.Values {
		all += value
	}
	return slices.ContainsFunc(secrets, func(name string) bool { return strings.Contains(all, "<"+name+">") })
}

// perform sends the request itself. What is wrong with the form comes back in words.
func (s *Site) perform(ctx context.Context, a *attempt, known memory, result *done) (problem string) {
	if a.Prepare { // so that the form goes on with what was made
		for name, value := range a.Form.Values {
			a.Form.Values[name] = known.public(value)
		}
		a.Form.Body = known.public(a.Form.Body)
	}
	secretly := map[string]string{}
	for name, value := range a.Form.Values {
		secretly[name] = known.recall(value)
	}
	target, empty := a.target(secretly)
	if empty != "" {
		return empty + " stands in the path: it cannot be empty."
	}
	sent := step{As: a.Form.As, Method: a.Method, Target: target, Body: known.recall(a.Form.Body), Kind: a.Kind}
	out, err := s.send(ctx, sent, a.Form)
	if err != nil {
		return err.Error()
	}
	shown := sent
	shown.Body = a.Form.Body
	shown.Target, _ = a.target(a.Form.Values)
	shown.Target = inspect.MaskTarget(shown.Target)
	result.show(out, shown, a.Form, s.Sandbox)
	return ""
}

// outcome is what was sent and answered.
type outcome struct {
	signed  *walletapi.Request
	request *http.Request
	status  int
	header  http.Header
	body    []byte
	took    time.Duration
}

// errTry is what keeps a request from being sent, in words for the page.
type errTry string

func (e errTry) Error() string { return string(e) }

// send signs a request and sends it to this server. Of the form it takes what goes into ext, and headers.
func (s *Site) send(ctx context.Context, what step, f filled) (*outcome, error) {
	request, err := http.NewRequestWithContext(ctx, what.Method, s.Sandbox.Address()+what.Target, strings.NewReader(what.Body))
	if err != nil {
		return nil, errTry("The request cannot be made: something in its path or query is no part of an address.")
	}
	request.Header.Set("User-Agent", "purser-manual/1")
	if what.Body != "" {
		request.Header.Set("Content-Type", cmp.Or(what.Kind, jsonKind))
	}
	if tag := f.Values["If-None-Match"]; tag != "" {
		request.Header.Set("If-None-Match", strings.Map(printable, tag))
	}
	out := &outcome{request: request}
	if what.As != nobody {
		if out.signed, err = s.sign(request, what, f); err != nil {
			return nil, err
		}
	} else if f.Project != "" || f.Place != "" {
		return nil, errTry("Nobody signs, so there is nothing that a project or a place could stand in: leave both empty.")
	}
	began := s.Sandbox.WallClock()
	answer, err := direct.Do(request)
	if err != nil {
		return nil, errTry(fmt.Sprintf("There was no answer within %s, or the connection ended. Does `purser sandbox trouble` trouble this client?", patience))
	}
	defer answer.Body.Close()
	out.status, out.header = answer.StatusCode, answer.Header
	if out.body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return nil, errTry("The answer broke off.")
	}
	out.took = s.Sandbox.WallClock().Sub(began)
	return out, nil
}

// direct sends requests to this server and nowhere else: through no proxy, and to no other address that an answer names.
var direct = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// printable leaves out what cannot stand in a header.
func printable(c rune) rune {
	if c < ' ' || c > '~' {
		return -1
	}
	return c
}

// sign puts the signature into a request, and returns what it covers.
func (s *Site) sign(request *http.Request, what step, f filled) (*walletapi.Request, error) {
	mac, ok := s.Sandbox.Credentials(what.As)
	if !ok {
		return nil, errTry(fmt.Sprintf("Nobody in the sample world is called %q.", what.As))
	}
	call := walletapi.Call{Method: what.Method, Target: what.Target, Body: []byte(what.Body), IdempotencyKey: f.Key}
	for _, context := range []struct {
		name, typed string
		into        *int64
	}{{"project", f.Project, &call.ProjectID}, {"place", f.Place, &call.LocationID}} {
		if context.typed == "" {
			continue
		}
		id, err := strconv.ParseInt(context.typed, 10, 32)
		if err != nil || id <= 0 {
			return nil, errTry(fmt.Sprintf("The %s is a number, and %q is none.", context.name, context.typed))
		}
		*context.into = id
	}
	var random [16]byte
	if _, err := io.ReadFull(s.Sandbox.Random, random[:]); err != nil {
		return nil, errTry("There is no nonce to be had.")
	}
	header := walletapi.Sign(mac, request.URL, call, s.Sandbox.WallClock(), hex.EncodeToString(random[:]))
	request.Header.Set("Authorization", header)
	a, err := walletapi.ParseAuthorization(header)
	if err != nil {
		return nil, errTry("The id in the path, or an idempotency key, holds what no signature can.")
	}
	host := request.URL.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return &walletapi.Request{
		TS: a.TS, Nonce: a.Nonce, Method: what.Method, Target: request.URL.RequestURI(), Host: host, Port: request.URL.Port(), Ext: a.Ext,
	}, nil
}

// show puts what was sent and answered into words, without secrets.
func (d *done) show(out *outcome, sent step, f filled, box *Sandbox) {
	if out.signed != nil {
		shown := *out.signed
		shown.Target = inspect.MaskTarget(shown.Target)
		d.Signed = strings.Split(strings.TrimSuffix(shown.Normalized(), "\n"), "\n")
	}
	d.Status, d.Text, d.Took = out.status, http.StatusText(out.status), out.took.Round(10*time.Microsecond).String()
	d.RequestID = out.header.Get("Paysera-Correlation-Id")
	for name, values := range out.header {
		d.Headers = append(d.Headers, name+": "+strings.Join(values, ", "))
	}
	sort.Strings(d.Headers)
	if len(out.body) > 0 {
		d.Body = pretty(out.body)
	}
	d.Curl = curl(out.request, sent, strings.HasPrefix(f.As, "token:"))
	if f.As == nobody {
		return
	}
	words := []string{"purser", "request", sent.Method, quote(strings.TrimPrefix(sent.Target, "/rest/v1"))}
	if f.As != "shop" {
		words = append(words, "--as", quote(f.As))
	}
	for _, option := range [][2]string{{"--project", f.Project}, {"--location", f.Place}, {"--sandbox", box.Folder}} {
		if option[1] != "" {
			words = append(words, option[0], quote(option[1]))
		}
	}
	if sent.Body != "" && sent.Kind != formKind {
		words = append(words, "--data", quote(sent.Body))
	}
	if sent.Kind != formKind {
		d.Command = strings.Join(words, " ")
	}
}

// pretty is an answer as it is shown: the order of its members is kept where nothing in it is secret.
func pretty(body []byte) string {
	masked := inspect.MaskJSON(body)
	if strings.Contains(masked, inspect.Mask) {
		return masked
	}
	var text bytes.Buffer
	if json.Indent(&text, body, "", "  ") != nil {
		return masked
	}
	return text.String()
}

// curl is the request as that program would send it. An access token, which is what a token signs as, is not in it.
func curl(request *http.Request, sent step, masked bool) string {
	words := []string{"curl"}
	if sent.Method != http.MethodGet {
		words = append(words, "-X", sent.Method)
	}
	words = append(words, quote(request.URL.Scheme+"://"+request.URL.Host+sent.Target))
	for _, name := range []string{"Authorization", "Content-Type", "If-None-Match"} {
		value := request.Header.Get(name)
		if value == "" {
			continue
		}
		if a, err := walletapi.ParseAuthorization(value); name == "Authorization" && masked && err == nil {
			a.ID = inspect.Mask
			value = a.String()
		}
		words = append(words, "\\\n  -H", quote(name+": "+value))
	}
	if sent.Body != "" {
		words = append(words, "\\\n  --data-raw", quote(sent.Body))
	}
	return strings.Join(words, " ")
}

// quote is a word for a shell.
func quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:,@") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// memory is what the words of examples stand for: <transaction_key> and the like.
type memory map[string]string

// secrets are those of them that are not shown.
var secrets = []string{"access_token", "refresh_token", "code"}

// learn takes what an answer made.
func (m memory) learn(out *outcome) {
	m["request_id"] = out.header.Get("Paysera-Correlation-Id")
	var answer any
	decoder := json.NewDecoder(bytes.NewReader(out.body))
	decoder.UseNumber()
	if decoder.Decode(&answer) == nil {
		m.look(answer)
	}
}

func (m memory) look(part any) {
	switch v := part.(type) {
	case []any:
		for _, element := range v {
			m.look(element)
		}
	case map[string]any:
		for _, name := range []string{"transaction_key", "access_token", "refresh_token"} {
			if text, ok := v[name].(string); ok {
				m[name] = text
			}
		}
		if id, ok := v["id"].(json.Number); ok && v["price"] != nil {
			m["payment_id"] = id.String()
		}
		for _, name := range []string{"payments", "credentials"} {
			m.look(v[name])
		}
	}
}

// recall puts in what the words stand for; those that nothing is known of stay.
func (m memory) recall(text string) string {
	for name, value := range m {
		if value != "" {
			text = strings.ReplaceAll(text, "<"+name+">", value)
		}
	}
	return text
}

// public is recall for what may be shown.
func (m memory) public(text string) string {
	shown := memory{}
	for name, value := range m {
		if !slices.Contains(secrets, name) {
			shown[name] = value
		}
	}
	return shown.recall(text)
}

// step is one with its words put in.
func (m memory) step(s step) step {
	s.Target = m.recall(s.Target)
	if s.Kind == formKind {
		escaped := memory{}
		for name, value := range m {
			escaped[name] = url.QueryEscape(value)
		}
		s.Body = escaped.recall(s.Body)
		return s
	}
	s.Body = m.recall(s.Body)
	return s
}
