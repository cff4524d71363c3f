package httpapi_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// matrix is testdata/matrix/matrix.txt: who may do what, every route by every kind of caller. The
// file's first lines say how to read it.
type matrix struct {
	callers []string
	// sets are names for several callers, those made of others below them.
	sets []matrixSet
	rows []*matrixRow
}

type matrixSet struct {
	name    string
	callers []string
}

// matrixRow is one request, and what each caller gets for it.
type matrixRow struct {
	line                                    int
	pattern, subject                        string
	method, target, project, location, body string
	// outcomes are what is expected, by caller.
	outcomes map[string]string
}

func (r *matrixRow) String() string {
	return fmt.Sprintf("matrix.txt:%d: %s %s, %s", r.line, r.method, r.target, r.subject)
}

var (
	callerLine  = regexp.MustCompile(`^caller ([a-z-]+) {2,}(\S.*)$`)
	setLine     = regexp.MustCompile(`^set ([a-z-]+) = (.+)$`)
	routeLine   = regexp.MustCompile(`^([A-Z]+) (/\S+)$`)
	rowLine     = regexp.MustCompile(`^  (\S[^:]*): (/.*?)(?:  ext (\S+))?(?:  body (\{.*\}))?$`)
	outcomeLine = regexp.MustCompile(`^    (\S+(?: \S+)*) {2,}(\S.*)$`)
)

// parseMatrix reads the table. problems are what is missing, superfluous or not understood.
func parseMatrix(text string, patterns, callers []string) (m matrix, problems []string) {
	wrong := func(line int, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("matrix.txt:%d: ", line)+fmt.Sprintf(format, args...))
	}
	sets := map[string][]string{}
	pattern, seen := "", map[string]bool{}
	var row *matrixRow
	for i, line := range strings.Split(text, "\n") {
		at := i + 1
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		if found := callerLine.FindStringSubmatch(line); found != nil {
			m.callers = append(m.callers, found[1])
			sets[found[1]] = []string{found[1]}
		} else if found := setLine.FindStringSubmatch(line); found != nil {
			for _, name := range strings.Split(found[2], ", ") {
				if sets[name] == nil {
					wrong(at, "%q is neither a caller nor a set above this line", name)
				}
				sets[found[1]] = append(sets[found[1]], sets[name]...)
			}
			m.sets = append(m.sets, matrixSet{found[1], sets[found[1]]})
		} else if found := routeLine.FindStringSubmatch(line); found != nil {
			pattern, row = line, nil
			if !slices.Contains(patterns, pattern) || seen[pattern] {
				wrong(at, "%s is not a route, or stands here twice", pattern)
			}
			seen[pattern] = true
		} else if found := rowLine.FindStringSubmatch(line); found != nil && pattern != "" {
			row = newMatrixRow(at, pattern, found)
			m.rows = append(m.rows, row)
			if !row.isOf(pattern) || seen[pattern+line] {
				wrong(at, "%s is not a path of %s, or stands here twice", row.target, pattern)
			}
			seen[pattern+line] = true
		} else if found := outcomeLine.FindStringSubmatch(line); found != nil && row != nil {
			for _, problem := range row.expect(found[1], found[2], sets) {
				wrong(at, "%s", problem)
			}
		} else {
			wrong(at, "cannot be understood: %q", line)
		}
	}
	return m, append(problems, m.gaps(patterns, callers, seen)...)
}

func newMatrixRow(line int, pattern string, found []string) *matrixRow {
	method, _, _ := strings.Cut(pattern, " ")
	ext, _ := url.ParseQuery(found[3])
	return &matrixRow{
		line: line, pattern: pattern, subject: found[1], method: method, target: found[2],
		project: ext.Get("project_id"), location: ext.Get("location_id"), body: found[4], outcomes: map[string]string{},
	}
}

var pathVariable = regexp.MustCompile(`\\\{[a-z_]+\\\}`)

// isOf says whether the row asks for a path of the route.
func (r *matrixRow) isOf(pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	expression := pathVariable.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
	target, _, _ := strings.Cut(r.target, "?")
	return regexp.MustCompile("^" + expression + "$").MatchString(target)
}

// expect notes that those callers, or sets of callers, get that outcome.
func (r *matrixRow) expect(outcome, names string, sets map[string][]string) (problems []string) {
	for _, name := range strings.Split(strings.TrimSuffix(names, ","), ", ") {
		if sets[name] == nil {
			problems = append(problems, fmt.Sprintf("%q is neither a caller nor a set", name))
		}
		for _, caller := range sets[name] {
			if r.outcomes[caller] != "" {
				problems = append(problems, caller+" stands here twice")
			}
			r.outcomes[caller] = outcome
		}
	}
	return problems
}

// shorten writes callers as the table does: sets where all of them are there.
func (m *matrix) shorten(callers []string) string {
	rest := slices.Clone(callers)
	var words []string
	for _, set := range slices.Backward(m.sets) {
		in := func(name string) bool { return slices.Contains(rest, name) }
		if slices.IndexFunc(set.callers, func(name string) bool { return !in(name) }) < 0 {
			words = append(words, set.name)
			rest = slices.DeleteFunc(rest, func(name string) bool { return slices.Contains(set.callers, name) })
		}
	}
	slices.Reverse(words)
	return strings.Join(append(rest, words...), ", ")
}

// gaps are what makes the table less than complete.
func (m *matrix) gaps(patterns, callers []string, seen map[string]bool) (problems []string) {
	for _, pattern := range patterns {
		if !slices.ContainsFunc(m.rows, func(r *matrixRow) bool { return r.pattern == pattern }) {
			problems = append(problems, fmt.Sprintf("matrix.txt: the route %s has no row: say who may call it", pattern))
		}
	}
	for _, caller := range callers {
		if !slices.Contains(m.callers, caller) {
			problems = append(problems, fmt.Sprintf("matrix.txt: the kind of caller %s is not listed", caller))
		}
	}
	for _, caller := range m.callers {
		if !slices.Contains(callers, caller) {
			problems = append(problems, fmt.Sprintf("matrix.txt: the test does not know the caller %s", caller))
		}
	}
	for _, row := range m.rows {
		for _, caller := range m.callers {
			if row.outcomes[caller] == "" {
				problems = append(problems, fmt.Sprintf("%s: there is no cell for %s", row, caller))
			}
		}
	}
	return problems
}

// readMatrix reads the table, which has to be complete.
func readMatrix(t *testing.T) matrix {
	t.Helper()
	m, problems := parseMatrix(matrixText(t), httpapi.Patterns(), kindNames())
	for _, problem := range problems {
		t.Error(problem)
	}
	if t.Failed() {
		t.FailNow()
	}
	return m
}

func matrixText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(wallettest.Root(), "testdata", "matrix", "matrix.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A table with a hole would prove nothing: each kind of hole is noticed.
func TestMatrixIsCompleteByConstruction(t *testing.T) {
	text := matrixText(t)
	const heading = "\nGET /rest/v1/currencies\n"
	for _, c := range []struct{ what, problem, old, new string }{
		{"a route without rows", "GET /rest/v1/currencies has no row", heading, "\n"},
		{"rows of no route", "is not a route", heading, "\nGET /rest/v1/currency\n"},
		{"a row of another route", "is not a path of", ": /rest/v1/currencies\n", ": /rest/v1/clients\n"},
		{"a caller that is not listed", "kiosk is not listed", "\ncaller kiosk ", "\ncaller kiosks "},
		{"a caller that nobody plays", "does not know the caller kiosks", "\ncaller kiosk ", "\ncaller kiosks "},
		{"a cell that is missing", "there is no cell for anonymous", "\nset unproven = anonymous, ", "\nset unproven = "},
		{"a cell that is there twice", "anonymous stands here twice", "\nset unproven = ", "\nset unproven = anonymous, "},
		{"a line that says nothing", "cannot be understood", heading, heading + "nobody knows\n"},
	} {
		if !strings.Contains(text, c.old) {
			t.Fatalf("%s: matrix.txt does not hold %q any more", c.what, c.old)
		}
		_, problems := parseMatrix(strings.Replace(text, c.old, c.new, 1), httpapi.Patterns(), kindNames())
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, c.problem) }) {
			t.Errorf("%s is not noticed", c.what)
		}
	}
	_, problems := parseMatrix(text, append(httpapi.Patterns(), "GET /rest/v1/new"), append(kindNames(), "newcomer"))
	if len(problems) != 2 {
		t.Errorf("a new route and a new caller: %q", problems)
	}
}

// The users of the sample world: John administers the company of all projects but 1300, Paula
// owns the wallet 14471.
const (
	matrixJohn  = 1234
	matrixPaula = 5678
)

// kind is one kind of caller; the table says in words what each is.
type kind struct {
	name string
	// client is the client that calls, or that the token was given to: of the sample world or of
	// castClients.
	client string
	// user gave a token with these scopes; 0 for a client by itself.
	user   int64
	scopes []wallet.Scope
	// certified callers prove themselves by a TLS certificate.
	certified bool
	// spoil takes away what the caller proves itself with, from a copy that nobody else uses.
	spoil func(*cast, *actor)
	// consent is what a user agreed to on the page for the client, which is one that nobody else uses.
	consent *consent
}

func allScopes() []wallet.Scope { return wallet.OrdinaryScopes() }

func kinds() []kind { return slices.Concat(plainKinds(), consentKinds(), unprovenKinds()) }

func plainKinds() []kind {
	projects := []wallet.Scope{wallet.ScopeProjects}
	return []kind{
		{name: "shop", client: "shop"}, {name: "two-shops", client: "two-shops"}, {name: "store", client: "store"},
		{name: "certificate", client: "store", certified: true}, {name: "second-shop", client: "second-shop"},
		{name: "kiosk", client: "kiosk"}, {name: "manager", client: "manager"}, {name: "mute", client: "mute"},
		{name: "no-project", client: "no-project"}, {name: "rival", client: "rival"},

		{name: "app", client: "app"}, {name: "bare-app", client: "bare-app"}, {name: "rival-app", client: "rival-app"},
		{name: "device", client: "device"}, {name: "device-b", client: "device-b"},
		{name: "bare-device", client: "bare-device"}, {name: "rival-device", client: "rival-device"},
		{name: "registrar", client: "registrar"},

		{name: "john", client: "shop", user: matrixJohn, scopes: allScopes()},
		{name: "john-no-scope", client: "shop", user: matrixJohn},
		{name: "john-projects", client: "shop", user: matrixJohn, scopes: projects},
		{name: "john-at-store", client: "store", user: matrixJohn, scopes: allScopes()},
		{name: "john-at-mute", client: "mute", user: matrixJohn, scopes: allScopes()},
		{name: "john-at-device", client: "device", user: matrixJohn, scopes: allScopes()},
		{name: "paula", client: "shop", user: matrixPaula, scopes: allScopes()},
		{name: "paula-at-device", client: "device", user: matrixPaula, scopes: allScopes()},
		{name: "paula-no-scope", client: "device", user: matrixPaula},
		{name: "administrator", client: "store", user: matrixAdam, scopes: allScopes()},
		{name: "administrator-projects", client: "store", user: matrixAdam, scopes: projects},
	}
}

func unprovenKinds() []kind {
	return []kind{
		{name: "anonymous"},
		{name: "unknown", client: "store", spoil: func(_ *cast, a *actor) { a.mac.ID = "Nobody1234" }},
		{name: "wrong-key", client: "store", spoil: func(_ *cast, a *actor) { a.mac.Secret = "another key" }},
		{name: "expired-key", client: "store", spoil: (*cast).expireKey},
		{name: "retired-key", client: "store", spoil: (*cast).retireKey},
		{name: "revoked", client: "store", spoil: (*cast).revoke},
		{name: "revoked-device", client: "device", spoil: (*cast).revoke},
		{name: "token-of-revoked", client: "store", user: matrixJohn, scopes: allScopes(), spoil: (*cast).revoke},
		{name: "expired-token", client: "store", user: matrixJohn, scopes: allScopes(), spoil: (*cast).expireToken},
		{name: "revoked-certificate", client: "store", certified: true, spoil: (*cast).revokeCertificate},
		{name: "expired-certificate", client: "store", certified: true, spoil: (*cast).expireCertificate},
		{name: "certificate-of-revoked", client: "store", certified: true, spoil: (*cast).revoke},
		{name: "other-certificate", client: "store", spoil: func(c *cast, a *actor) {
			a.certificate = c.certify(c.copyClient(c.named["store"]).ID, 0)
		}},
	}
}

func kindNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// castClients are those that the sample world lacks. Some only ever are subjects.
var castClients = []struct {
	name string
	wallet.Client
}{
	{"store", privateClient(21, 1221, wallet.UseWalletAPI)},
	{"sibling", privateClient(22, 1221, wallet.UseWalletAPI)},
	{"manager", privateClient(23, 1221, wallet.UseClientAPI)},
	{"mute", privateClient(24, 1221)},
	{"rival", privateClient(25, 1300, wallet.UseClientAPI, wallet.UseWalletAPI)},
	{"bare-app", ofTypeWith(26, wallet.Application, 1221, 0)},
	{"rival-app", ofTypeWith(27, wallet.Application, 1300, 0, wallet.UseClientAPI, wallet.UseWalletAPI)},
	{"device-b", ofTypeWith(28, wallet.AppClient, 1221, 5, wallet.UseOAuthAPI, wallet.UsePasswordGrant, wallet.UseWalletAPI)},
	{"bare-device", ofTypeWith(29, wallet.AppClient, 1221, 5)},
	{"rival-device", ofTypeWith(30, wallet.AppClient, 1300, 27, wallet.UseWalletAPI)},
	{"bare-apps-device", ofTypeWith(31, wallet.AppClient, 1221, 26)},
	{"registrar", ofTypeWith(33, wallet.AppClient, 1221, 5, wallet.UseOAuthAPI, wallet.UseWalletAPI, wallet.ProvideRegistrationParameters)},
	{"partner", partner()},
	{"marketplace", wallet.Client{ID: 32, Title: "Of two owners", Type: wallet.PrivateClient, Projects: []int64{1221, 1300}}},
}

func privateClient(id, project int64, permissions ...wallet.Permission) wallet.Client {
	return ofTypeWith(id, wallet.PrivateClient, project, 0, permissions...)
}

func ofTypeWith(id int64, t wallet.ClientType, project, createdBy int64, permissions ...wallet.Permission) wallet.Client {
	return wallet.Client{
		ID: id, Title: "One of the cast", Type: t, Permissions: permissions, Projects: []int64{project}, MainProject: project,
		CreatedBy: createdBy,
	}
}

// cast is everybody of the table, at a real server.
type cast struct {
	*wallettest.Server
	t *testing.T
	// named are the clients by name, keys what they sign with.
	named map[string]wallet.Client
	keys  map[int64]walletapi.MAC
	// actors are those of the table, by name.
	actors map[string]*actor
	nonces int
	// ownUsers are users whom clients registered, by client.
	ownUsers map[int64]int64
	// refusals are requests that were refused, by client.
	refusals map[int64]string
	// transactions are of project 1221: one that is new, and one that Paula has paid.
	transactions map[string]walletapi.Transaction
	// grown are callers that were given more, by name; turn is which grant is tried next.
	grown map[string]*actor
	turn  int

	cells, refused, cures, others, more int
}

// actor is somebody who calls.
type actor struct {
	kind
	client wallet.Client
	// first is the client that it is a copy of, or its own.
	first       int64
	copied      bool
	mac         walletapi.MAC
	certificate *tls.Certificate
}

func newCast(t *testing.T, address string) *cast {
	t.Helper()
	c := &cast{
		Server: wallettest.NewServer(t, address), t: t, named: map[string]wallet.Client{}, keys: map[int64]walletapi.MAC{},
		actors: map[string]*actor{}, refusals: map[int64]string{}, grown: map[string]*actor{},
		ownUsers: map[int64]int64{},
	}
	for _, sample := range c.Manifest.Clients {
		view := must(c.Service.GetOtherClient(context.Background(), wallettest.Operator, sample.Number))
		c.named[sample.Name], c.keys[sample.Number] = *view.Client, c.Credentials(sample.Name)
	}
	for _, more := range castClients {
		c.named[more.name] = c.makeClient(more.Client)
	}
	c.addPeople()
	c.addTransactions()
	for _, k := range kinds() {
		a := &actor{kind: k}
		if k.client != "" {
			a.client = c.named[k.client]
			if k.spoil != nil || k.certified || k.consent != nil {
				a.client = c.copyClient(a.client)
				c.named[k.name] = a.client
			}
			a.first = a.client.ID
			c.equip(a)
		}
		if k.spoil != nil {
			k.spoil(c, a)
		}
		c.actors[k.name] = a
	}
	return c
}

// addTransactions asks for money twice, and has Paula pay once.
func (c *cast) addTransactions() {
	c.transactions = map[string]walletapi.Transaction{}
	for _, name := range []string{"new transaction", "paid transaction"} {
		var made walletapi.Transaction
		c.Send("shop", "POST", "/rest/v1/transaction", wallettest.Body(`{"payments":[{"description":"Tea","price":100,"currency":"EUR"}]}`)).Decode(&made)
		c.transactions[name] = made
	}
	paid := "/rest/v1/transaction/" + c.transactions["paid transaction"].TransactionKey
	c.Send("token:5678", "PUT", paid+"/reserve/me")
	if answer := c.Send("shop", "PUT", paid+"/confirm"); answer.Status != http.StatusOK {
		c.t.Fatal(answer.Body)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func (c *cast) makeClient(n wallet.Client) wallet.Client {
	made, key, err := c.Service.CreateClient(context.Background(), wallettest.Operator, n, "")
	if err != nil {
		c.t.Fatal(err)
	}
	c.keys[made.ID] = walletapi.MAC{ID: made.MACID, Secret: key.Reveal()}
	return made
}

// copyClient makes a client that differs in its number and credentials alone.
func (c *cast) copyClient(of wallet.Client) wallet.Client {
	of.ID, of.MACID = 0, ""
	return c.makeClient(of)
}

// copy makes a caller that nobody else is, and that may do the same.
func (c *cast) copy(a *actor) *actor {
	fresh := *a
	fresh.client, fresh.copied = c.copyClient(a.client), true
	c.equip(&fresh)
	return &fresh
}

// equip gives a caller what it proves itself with.
func (c *cast) equip(a *actor) {
	a.mac = c.keys[a.client.ID]
	switch {
	case a.consent != nil:
		c.agree(a)
	case a.certified:
		a.mac, a.certificate = walletapi.MAC{}, c.certify(a.client.ID, 0)
	case a.user != 0:
		c.issue(a, time.Hour)
	}
}

func (c *cast) issue(a *actor, lifetime time.Duration) {
	issued, err := c.Service.IssueToken(context.Background(), wallettest.Operator, a.user, a.client.ID, a.scopes, lifetime)
	if err != nil {
		c.t.Fatal(err)
	}
	a.mac = walletapi.MAC{ID: issued.Access, Secret: issued.Key.Reveal()}
}

func (c *cast) certify(client int64, lifetime time.Duration) *tls.Certificate {
	key, request, err := pki.NewKey()
	c.check(err)
	signed, err := c.Service.SignCertificate(context.Background(), wallettest.Operator, client, request, lifetime)
	c.check(err)
	pair, err := tls.X509KeyPair(pki.PEM(signed), []byte(key.Reveal()))
	c.check(err)
	return &pair
}

// check fails the test where something that has to work does not.
func (c *cast) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cast) expireKey(a *actor) {
	next := must(c.Service.RotateKey(context.Background(), wallettest.Operator, a.client.ID, time.Second))
	a.mac.Secret = next.Key.Reveal()
	c.Business.Advance(2 * time.Second)
}

func (c *cast) retireKey(a *actor) {
	must(c.Service.RotateKey(context.Background(), wallettest.Operator, a.client.ID, 0))
	c.check(c.Service.RetireKey(context.Background(), wallettest.Operator, a.client.ID, 1))
}

func (c *cast) revoke(a *actor) {
	must(c.Service.Revoke(context.Background(), wallettest.Operator, store.Revocation{ClientID: a.client.ID}, true))
}

func (c *cast) expireToken(a *actor) {
	c.issue(a, time.Second)
	c.Business.Advance(2 * time.Second)
}

func (c *cast) revokeCertificate(a *actor) {
	c.check(c.Service.RevokeCertificate(context.Background(), wallettest.Operator, a.client.ID, pki.Fingerprint(a.certificate.Leaf)))
}

// expireCertificate waits for the end of a certificate; nothing else of the cast ends by then.
func (c *cast) expireCertificate(a *actor) {
	a.certificate = c.certify(a.client.ID, time.Hour)
	c.Wall.Advance(2 * time.Hour)
}

// reply is what came back.
type reply struct {
	status          int
	id, code, words string
}

// passes says whether credentials and permission let the request through.
func (r reply) passes() bool {
	return r.status != http.StatusUnauthorized && r.status != http.StatusForbidden && !r.waits()
}

// waits says whether the user was asked, and has not agreed yet.
func (r reply) waits() bool { return r.status == http.StatusNotFound && r.words == wallet.NotAgreedYet }

var placeholder = regexp.MustCompile(`<([a-z -]+)>`)

// send makes the row's request as that caller.
func (c *cast) send(a *actor, row *matrixRow) reply {
	c.t.Helper()
	return c.request(a, row, placeholder.ReplaceAllStringFunc(row.target, func(word string) string {
		word = strings.Trim(word, "<>")
		if of, isRefusal := strings.CutPrefix(word, "refusal of "); isRefusal {
			return c.refusalOf(c.subject(a, row, of))
		}
		switch word {
		case "waiting token":
			return c.waitingToken(a)
		case "new transaction", "paid transaction":
			return c.transactions[word].TransactionKey
		case "new payment", "paid payment":
			return strconv.FormatInt(c.transactions[strings.Replace(word, "payment", "transaction", 1)].Payments[0].ID, 10)
		case "own transaction":
			return c.ownTransaction(a).Key
		case "own payment":
			return strconv.FormatInt(c.ownTransaction(a).Payments[0].ID, 10)
		case "own allowance":
			return strconv.FormatInt(c.ownAllowance(a).ID, 10)
		case "giving wallet":
			return strconv.FormatInt(c.giveAllowance(a), 10)
		case "own user":
			return strconv.FormatInt(c.ownUser(a), 10)
		}
		return strconv.FormatInt(c.subject(a, row, word), 10)
	}))
}

// subject is the client of that name as the caller sees it: itself, a device that it registered
// where the one of the table is such, and one that was never changed.
func (c *cast) subject(a *actor, row *matrixRow, name string) int64 {
	client, known := c.named[name]
	switch {
	case name == "self" || known && client.ID == a.first:
		return a.client.ID
	case !known:
		c.t.Fatalf("%s: there is no client %s", row, name)
	}
	its := client.CreatedBy != 0 && client.CreatedBy == a.first
	if row.method == http.MethodGet && (!its || a.client.ID == a.first) || a.spoil != nil || a.name == "anonymous" {
		return client.ID
	}
	if its {
		client.CreatedBy = a.client.ID
	}
	return c.copyClient(client).ID
}

// refusalOf is a request of a client that was refused: no client may change itself.
func (c *cast) refusalOf(client int64) string {
	if c.refusals[client] == "" && client != 0 {
		row := &matrixRow{method: http.MethodPut, body: `{"title":"Myself"}`}
		c.refusals[client] = c.request(&actor{mac: c.keys[client], copied: true}, row, fmt.Sprintf("/rest/v1/client/%d", client)).id
	}
	return c.refusals[client] + strings.Repeat("0", 16-len(c.refusals[client]))
}

// waitingToken is an access token of the caller's client that waits to be activated; none where the client gets
// no tokens.
func (c *cast) waitingToken(a *actor) string {
	if a.client.ID == 0 || !a.client.Has(wallet.UseOAuthAPI) {
		return "NONE"
	}
	issued, err := c.Service.IssueToken(context.Background(), wallettest.Operator, matrixPaula, a.client.ID, nil, time.Hour)
	if err != nil {
		return "NONE" // the client was revoked
	}
	pair, err := c.Service.IssueTokens(context.Background(), wallet.Caller{Kind: wallet.ByClient, Client: &a.client},
		service.TokenRequest{Grant: service.ActivationGrant, RefreshToken: issued.Refresh})
	if err != nil {
		return "NONE" // an application gets none
	}
	return pair.Access
}

// ownTransaction is a new one of 1221 that the caller's client has made.
func (c *cast) ownTransaction(a *actor) service.TransactionView {
	maker := wallet.Client{
		ID: a.client.ID, Type: wallet.PrivateClient, Permissions: []wallet.Permission{wallet.UseWalletAPI}, Projects: []int64{1221}, MainProject: 1221,
	}
	tea := service.NewPayment{Payment: wallet.Payment{Description: "Tea", Price: money.Amount{Minor: 100, Currency: "EUR"}}}
	return must(c.Service.CreateTransaction(context.Background(), wallet.Caller{Kind: wallet.ByClient, Client: &maker}, service.NewTransaction{Payments: []service.NewPayment{tea}}))
}

// ownAllowance is a new allowance that the caller's client has asked for.
func (c *cast) ownAllowance(a *actor) service.AllowanceView {
	maker := wallet.Client{
		ID: a.client.ID, Type: wallet.PrivateClient, Permissions: []wallet.Permission{wallet.UseWalletAPI}, Projects: []int64{1221}, MainProject: 1221,
	}
	asked := service.NewAllowance{Allowance: wallet.Allowance{Currency: "EUR", Max: 100}}
	return must(c.Service.CreateAllowance(context.Background(), wallet.Caller{Kind: wallet.ByClient, Client: &maker}, asked))
}

// giveAllowance has Paula give one to the caller's client, and returns her wallet.
func (c *cast) giveAllowance(a *actor) int64 {
	own := wallet.Client{ID: a.client.ID, Type: wallet.AppClient, Permissions: []wallet.Permission{wallet.UseWalletAPI, wallet.UsePasswordGrant}}
	paula := wallet.Caller{Kind: wallet.ByToken, Client: &own, Token: &wallet.Token{UserID: matrixPaula, ClientID: own.ID}}
	must(c.Service.ReserveTransaction(context.Background(), paula, c.ownAllowance(a).Key, service.Reservation{}))
	return 14471
}

// ownUser is a user whom the caller's client has registered, and who has not confirmed anything yet. The registrar does
// that itself; most clients may not do it any more, if they ever could.
func (c *cast) ownUser(a *actor) int64 {
	if c.ownUsers[a.client.ID] == 0 {
		if a.first == c.named["registrar"].ID {
			c.ownUsers[a.client.ID] = c.register(a)
		} else {
			u := wallet.User{Type: wallet.Natural, DisplayName: "A new user", RegisteredBy: a.client.ID}
			c.ownUsers[a.client.ID] = must(c.Service.CreateUser(context.Background(), wallettest.Operator, u, "", ""))
		}
	}
	return c.ownUsers[a.client.ID]
}

// request sends a request: for those of the table over a connection, where the answer is held against
// api/openapi.yaml too; for the many that were given more straight into the API.
func (c *cast) request(a *actor, row *matrixRow, target string) reply {
	c.t.Helper()
	if a.copied {
		return c.inProcess(a, row, target)
	}
	options := []wallettest.Option{wallettest.SignedBy(a.mac), wallettest.Ext(row.ext()), wallettest.Body(row.body)}
	if a.certificate != nil {
		options = append(options, wallettest.OverTLS(a.certificate))
	}
	for _, header := range a.context(row) {
		options = append(options, wallettest.Header(header[0], header[1]))
	}
	answer := c.Send(wallettest.Anonymous, row.method, target, options...)
	r := reply{status: answer.Status, id: answer.Header.Get("paysera-correlation-id")}
	if answer.Error != nil {
		r.code, r.words = answer.Error.Code, answer.Error.Description
	}
	return r
}

// ext is what a signature covers beside the request line.
func (r *matrixRow) ext() string {
	ext := walletapi.Ext{ProjectID: r.project, LocationID: r.location}
	if r.body != "" {
		ext.HasBodyHash, ext.BodyHash = true, walletapi.BodyHash([]byte(r.body))
	}
	return ext.String()
}

// context are the headers that carry the context of a request which nothing signs.
func (a *actor) context(row *matrixRow) (headers [][2]string) {
	if a.certificate == nil || a.mac != (walletapi.MAC{}) {
		return nil
	}
	if row.project != "" {
		headers = append(headers, [2]string{"Wallet-Api-Project-Id", row.project})
	}
	if row.location != "" {
		headers = append(headers, [2]string{"Wallet-Api-Location-Id", row.location})
	}
	return headers
}

func (c *cast) inProcess(a *actor, row *matrixRow, target string) reply {
	const host = "purser.example"
	r := httptest.NewRequest(row.method, target, strings.NewReader(row.body))
	r.Host = host
	if a.mac != (walletapi.MAC{}) {
		c.nonces++
		signed := walletapi.Request{
			TS: strconv.FormatInt(c.Wall.Now().Unix(), 10), Nonce: strconv.Itoa(c.nonces), Method: row.method, Target: target,
			Host: host, Port: "443", Ext: row.ext(),
		}
		r.Header.Set("Authorization", walletapi.Authorization{
			ID: a.mac.ID, TS: signed.TS, Nonce: signed.Nonce, MAC: signed.Sign(a.mac.Secret), Ext: signed.Ext,
		}.String())
	}
	if a.certificate != nil {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{a.certificate.Leaf}}
	}
	for _, header := range a.context(row) {
		r.Header.Set(header[0], header[1])
	}
	w := httptest.NewRecorder()
	c.API.ServeHTTP(w, r)
	answer := reply{status: w.Code, id: w.Header().Get("paysera-correlation-id")}
	if w.Code != http.StatusOK {
		var e walletapi.APIError
		c.check(json.Unmarshal(w.Body.Bytes(), &e))
		answer.code, answer.words = e.Code, e.Description
	}
	return answer
}

// Who may do what, as the table says it, on both engines. Each refusal that a grant can cure is
// cured by exactly that grant, and by no less.
func TestMatrix(t *testing.T) {
	m := readMatrix(t)
	wallettest.Addresses(t, func(t *testing.T, address string) {
		c := newCast(t, address)
		for _, row := range m.rows {
			c.judge(m, row)
		}
		c.grow(m)
		t.Logf("%d rows × %d callers = %d cells: %d refusals, %d of them cured by the grants that were named; %d other sets of grants "+
			"tried, none cured; %d times somebody who passes was given more", len(m.rows), len(m.callers), c.cells, c.refused, c.cures, c.others, c.more)
	})
}

// judge makes a row's request as everybody, and holds the answers against the table.
func (c *cast) judge(m matrix, row *matrixRow) {
	c.t.Helper()
	if row.method != http.MethodGet {
		c.Wall.Advance(time.Hour + time.Minute) // after that, nobody has to wait for what others tried
	}
	replies := make([]reply, len(m.callers))
	for i, name := range m.callers {
		replies[i] = c.send(c.actors[name], row)
	}
	right := map[string][]string{}
	var changed []string
	for i, name := range m.callers {
		c.cells++
		outcome := fmt.Sprint(replies[i].status)
		switch {
		case replies[i].status == http.StatusForbidden:
			c.refused++
			outcome = c.explained(c.actors[name], row, replies[i])
		case replies[i].waits():
			outcome += " open"
			c.agreeLater(c.actors[name], row)
		case replies[i].status != http.StatusOK && replies[i].status != http.StatusNotFound:
			outcome += " " + replies[i].code
		}
		right[outcome] = append(right[outcome], name)
		if want := row.outcomes[name]; outcome != want {
			c.t.Errorf("%s: %s gets %s, not %s", row, name, outcome, want)
			changed = append(changed, outcome)
		}
	}
	slices.Sort(changed)
	for _, outcome := range slices.Compact(changed) {
		c.t.Errorf("%s: the line would be\n    %-44s  %s", row, outcome, m.shorten(right[outcome]))
	}
}

// explained reads why a caller was refused, as the operator does, and returns the outcome.
func (c *cast) explained(a *actor, row *matrixRow, r reply) string {
	c.t.Helper()
	why, err := c.Service.ExplainRefusal(context.Background(), wallettest.Operator, r.id)
	if err != nil {
		c.t.Errorf("%s: %s: the refusal is not explained: %v", row, a.name, err)
		return "403 unexplained"
	}
	refusing := slices.IndexFunc(why.Rules, func(o wallet.Outcome) bool { return o.Rule == why.Refused })
	switch last := len(why.Rules) - 1; {
	case why.RequestID != r.id || why.Request != row.pattern || why.ClientID != a.client.ID || why.Error != wallet.Forbidden:
		c.t.Errorf("%s: %s: the explanation is of another request: %+v", row, a.name, why)
	case why.Action == "" || refusing < 0 || why.Rules[refusing].Holds || why.Rules[last].Holds:
		c.t.Errorf("%s: %s: %q refused, and the rules were %+v", row, a.name, why.Refused, why.Rules)
	}
	if c.isStranger(a) {
		if r.words != wallet.ForStrangers {
			c.t.Errorf("%s: %s is a stranger, and reads %q", row, a.name, r.words)
		}
	} else if r.words != why.Reason {
		c.t.Errorf("%s: %s reads %q, not %q", row, a.name, r.words, why.Reason)
	}
	for _, grant := range why.Needs {
		if !strings.Contains(why.Reason, grant.String()) {
			c.t.Errorf("%s: %s: %q does not say %q", row, a.name, why.Reason, grant)
		}
	}
	if len(why.Needs) == 0 {
		c.giveEverything(a, row)
		return "403 never"
	}
	c.cure(a, row, why.Needs)
	return "403 " + grantWords(why.Needs)
}

// isStranger says whether what the caller sends comes out of strangers' hands.
func (c *cast) isStranger(a *actor) bool {
	ownersToken := a.user == matrixJohn && slices.Contains(a.scopes, wallet.ScopeProjects)
	return a.client.Type != wallet.PrivateClient && !ownersToken
}

// grantWords are grants as the table writes them.
func grantWords(grants []wallet.Grant) string {
	words := make([]string, len(grants))
	for i, grant := range grants {
		switch grant.Kind {
		case wallet.GrantPermission:
			words[i] = grant.Name
		case wallet.GrantWalletRight:
			words[i] = fmt.Sprintf("right %s on wallet %d", grant.Name, grant.ID)
		case wallet.GrantProject:
			words[i] = "any project"
			if grant.ID != 0 {
				words[i] = fmt.Sprintf("project %d", grant.ID)
			}
		case wallet.GrantScope:
			words[i] = "scope " + grant.Name
			if grant.ID != 0 {
				words[i] += fmt.Sprintf(" of user %d", grant.ID)
			}
		}
	}
	slices.Sort(words)
	return strings.Join(words, " + ")
}

// with is a copy of the caller that has more. It is made once, since no request changes who makes it.
// It fails where nobody can be given that.
func (c *cast) with(a *actor, grants []wallet.Grant) (*actor, error) {
	name := a.name + " with " + grantWords(grants)
	if c.grown[name] == nil {
		more := c.copy(a)
		more.name = name
		if err := c.give(more, grants); err != nil {
			return nil, err
		}
		c.grown[name] = more
	}
	return c.grown[name], nil
}

// cure gives the grants to a copy of the caller, which must then pass; other copies get any smaller set of
// them, or another grant instead of several, and must not.
func (c *cast) cure(a *actor, row *matrixRow, grants []wallet.Grant) {
	c.t.Helper()
	cured, err := c.with(a, grants)
	if err != nil {
		c.t.Errorf("%s: %s: nobody can give %s, so that the cell must say never: %v", row, a.name, grantWords(grants), err)
		return
	}
	if r := c.send(cured, row); !r.passes() {
		c.t.Errorf("%s: %s still gets %d: %s", row, cured.name, r.status, r.words)
		return
	}
	c.cures++
	smaller := subsets(grants)
	if len(grants) > 1 {
		smaller = append(smaller, c.nextGrants()...)
	}
	smaller = append(smaller, otherScopes(grants)...)
	for _, set := range smaller {
		less, err := c.with(a, set)
		if err != nil {
			continue // a device cannot be given another project, say
		}
		if c.send(less, row).passes() {
			c.t.Errorf("%s: %s passes, and %s is said to be needed", row, less.name, grantWords(grants))
		}
		c.others++
	}
}

// otherScopes are the grants to a token with all scopes but the one that was named. Where that is the one of two which
// opens more, the lesser one is left out as well, and so is the balance, which tells more than whether it is enough.
func otherScopes(grants []wallet.Grant) (all [][]wallet.Grant) {
	for i, named := range grants {
		if named.Kind != wallet.GrantScope || named.ID != 0 {
			continue
		}
		others := slices.Delete(slices.Clone(grants), i, i+1)
		for _, scope := range wallet.OrdinaryScopes() {
			lesser := named.Name == string(wallet.ScopeIdentity) && scope == wallet.ScopeFullName ||
				named.Name == string(wallet.ScopeStatements) && scope == wallet.ScopeRecentStatements
			more := named.Name == string(wallet.ScopeCheckFunds) && scope == wallet.ScopeBalance
			if string(scope) != named.Name && !lesser && !more {
				others = append(others, wallet.Grant{Kind: wallet.GrantScope, Name: string(scope), ID: named.ID})
			}
		}
		all = append(all, others)
	}
	return all
}

// nextGrants are some of the single grants, by turns, so that all are tried on something.
func (c *cast) nextGrants() [][]wallet.Grant {
	const many = 5
	all, some := everySingleGrant(), make([][]wallet.Grant, many)
	for i := range some {
		c.turn++
		some[i] = all[c.turn%len(all):][:1]
	}
	return some
}

// subsets are all sets of some of the grants but the whole.
func subsets(grants []wallet.Grant) (all [][]wallet.Grant) {
	for set := range 1<<len(grants) - 1 {
		var some []wallet.Grant
		for i, grant := range grants {
			if set>>i&1 == 1 {
				some = append(some, grant)
			}
		}
		all = append(all, some)
	}
	return all
}

// giveEverything gives a copy of the caller all that it can be given, which must not help where the
// table says never. What stays is who calls: its type, its user, and whether a user calls at all.
func (c *cast) giveEverything(a *actor, row *matrixRow) {
	c.t.Helper()
	var grants []wallet.Grant
	for _, grant := range everySingleGrant() {
		switch permission := wallet.Permission(grant.Name); {
		case grant.Kind == wallet.GrantPermission && !permission.Fits(a.client.Type):
		case grant.Kind == wallet.GrantProject && a.client.Type != wallet.PrivateClient:
		default:
			grants = append(grants, grant)
		}
	}
	for _, scope := range wallet.OrdinaryScopes() {
		if a.user != 0 {
			grants = append(grants, wallet.Grant{Kind: wallet.GrantScope, Name: string(scope)})
		}
	}
	full, err := c.with(a, grants)
	c.check(err)
	if c.send(full, row).passes() {
		c.t.Errorf("%s: %s passes with all that it can be given, so that never is not true", row, a.name)
	}
	c.others++
}

// agreeLater has the user of a copy of the caller agree to all that was left open, and nothing else; the copy must
// then pass.
func (c *cast) agreeLater(a *actor, row *matrixRow) {
	c.t.Helper()
	if a.consent == nil {
		c.t.Errorf("%s: %s is told to wait for a user who was not asked for anything as optional", row, a.name)
		return
	}
	name := a.name + " with all that was left open"
	if c.grown[name] == nil {
		more := *a
		later := *a.consent
		later.shared = true
		more.name, more.consent = name, &later
		c.grown[name] = c.copy(&more)
	}
	if r := c.send(c.grown[name], row); !r.passes() {
		c.t.Errorf("%s: %s still gets %d: %s", row, name, r.status, r.words)
		return
	}
	c.cures++
}

// give gives grants to a caller, as the operator does it.
func (c *cast) give(a *actor, grants []wallet.Grant) error {
	client, scopes := a.client, len(a.scopes)
	a.scopes = slices.Clone(a.scopes)
	for _, grant := range grants {
		scope := wallet.Scope(grant.Name)
		switch grant.Kind {
		case wallet.GrantPermission:
			client.Permissions = append(slices.Clone(client.Permissions), wallet.Permission(grant.Name))
		case wallet.GrantProject:
			client.Projects = append(slices.Clone(client.Projects), cmp.Or(grant.ID, 1221))
		case wallet.GrantWalletRight:
			if !slices.Contains(client.WalletScopes(grant.ID), scope) {
				client.WalletRights = wallet.WithRight(client.WalletRights, grant.ID, scope)
			}
		case wallet.GrantScope:
			a.user = cmp.Or(a.user, grant.ID)
			if !slices.Contains(a.scopes, scope) {
				a.scopes = append(a.scopes, scope)
			}
		}
	}
	rights := []service.RightChange{}
	for _, right := range client.WalletRights {
		rights = append(rights, service.RightChange{WalletID: right.WalletID, Scopes: right.Scopes})
	}
	change := service.ClientChange{Permissions: &client.Permissions, Projects: &client.Projects, Rights: &rights}
	view, err := c.Service.UpdateClient(context.Background(), wallettest.Operator, a.client.ID, change)
	if err != nil {
		return err
	}
	a.client = *view.Client
	if len(a.scopes) == scopes {
		return nil
	}
	issued, err := c.Service.IssueToken(context.Background(), wallettest.Operator, a.user, a.client.ID, a.scopes, time.Hour)
	a.mac, a.certificate = walletapi.MAC{ID: issued.Access, Secret: issued.Key.Reveal()}, nil
	return err
}

// grow gives private clients that pass a grant that they do not need: none may then be refused. Those whose consent
// counts for nothing are like one without any, and left out for the time that it takes.
func (c *cast) grow(m matrix) {
	c.t.Helper()
	for _, name := range m.callers {
		a := c.actors[name]
		useless := a.consent != nil && (a.consent.takenBack || a.consent.inactive)
		if a.client.Type != wallet.PrivateClient || a.user != 0 || a.spoil != nil || useless {
			continue
		}
		for _, row := range m.rows {
			if outcome := row.outcomes[name]; strings.HasPrefix(outcome, "401") || strings.HasPrefix(outcome, "403") {
				continue
			}
			for _, grants := range c.nextGrants() {
				more, err := c.with(a, grants)
				c.check(err)
				if r := c.send(more, row); !r.passes() && !r.waits() {
					c.t.Errorf("%s: %s is refused for having more: %d %s", row, more.name, r.status, r.words)
				}
				c.more++
			}
		}
	}
}

func everySingleGrant() (grants []wallet.Grant) {
	for _, permission := range wallet.Permissions() {
		grants = append(grants, wallet.Grant{Kind: wallet.GrantPermission, Name: string(permission)})
	}
	for _, project := range []int64{123, 1221, 1222, 1223, 1300} {
		grants = append(grants, wallet.Grant{Kind: wallet.GrantProject, ID: project})
	}
	for _, id := range []int64{2110, 2112, 2113, 3300, 14471} {
		for _, scope := range []wallet.Scope{wallet.ScopeBalance, wallet.ScopeStatements} {
			grants = append(grants, wallet.Grant{Kind: wallet.GrantWalletRight, Name: string(scope), ID: id})
		}
	}
	return grants
}

// The comparison of the three client types in the seeds, for every route, is what the table says.
func TestMatrixOfClientTypes(t *testing.T) {
	m := readMatrix(t)
	text, err := os.ReadFile(filepath.Join(wallettest.Root(), "testdata", "matrix", "types.txt"))
	if err != nil {
		t.Fatal(err)
	}
	// One of each type that has all that its type can have.
	of := map[wallet.ClientType]string{wallet.PrivateClient: "shop", wallet.Application: "app", wallet.AppClient: "device"}
	types := []wallet.ClientType{wallet.PrivateClient, wallet.Application, wallet.AppClient}
	columns := regexp.MustCompile(` {2,}`)
	var routes []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		cells := columns.Split(line, -1)
		if len(cells) != 1+len(types) {
			t.Fatalf("types.txt: %q has not %d columns", line, 1+len(types))
		}
		routes = append(routes, cells[0])
		for i, clientType := range types {
			if problem := m.holdsForType(cells[0], of[clientType], cells[1+i]); problem != "" {
				t.Errorf("types.txt: %s × %s: %s", cells[0], clientType, problem)
			}
		}
	}
	if slices.Sort(routes); !slices.Equal(routes, httpapi.Patterns()) {
		t.Errorf("types.txt has not the server's routes: %q", routes)
	}
}

// holdsForType compares what the short table says of a route with what the caller gets: "no" is
// refused or finds nothing, whatever it is granted, "yes" passes or could with a grant, and other words are
// the only subjects that pass.
func (m *matrix) holdsForType(pattern, caller, says string) string {
	var passes, open []string
	for _, row := range m.rows {
		if row.pattern != pattern {
			continue
		}
		subject, _, _ := strings.Cut(row.subject, ",")
		switch outcome := row.outcomes[caller]; {
		case outcome == "200" && !slices.Contains(passes, subject):
			passes = append(passes, subject)
		case outcome == "200":
		case outcome != "403 never" && outcome != "404" && !strings.Contains(outcome, " of user "):
			open = append(open, subject)
		}
	}
	switch {
	case says == "no" && len(passes)+len(open) > 0:
		return fmt.Sprintf("says no, and %s passes for %q, and can for %q", caller, passes, open)
	case says == "yes" && len(passes)+len(open) == 0:
		return fmt.Sprintf("says yes, and %s passes for nothing", caller)
	case says != "no" && says != "yes" && says != strings.Join(passes, "; "):
		return fmt.Sprintf("says %q, and %s passes for %q", says, caller, strings.Join(passes, "; "))
	}
	return ""
}
