package httpapi_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/exchange"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

func contract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := wallettest.Contract()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// A reader of api/openapi.yaml learns of every route, and of none that does not exist.
func TestOpenAPIHasTheServersRoutes(t *testing.T) {
	documented := slices.Sorted(maps.Keys(operations(t)))
	if diff := cmp.Diff(httpapi.Patterns(), documented); diff != "" {
		t.Errorf("routes and api/openapi.yaml differ (-server +document)\n%s", diff)
	}
}

// Each answer is documented as what it is: exactly application/json, and named for the log. That nothing has changed is said without words.
func TestOpenAPIAnswersAreJSON(t *testing.T) {
	for _, a := range documentedAnswers(t) {
		if unchanged := strings.HasSuffix(a.name, " 304"); unchanged && len(a.response.Content) > 0 {
			t.Errorf("%s: it has a body", a.name)
		} else if !unchanged && (len(a.response.Content) != 1 || a.response.Content["application/json"] == nil) {
			t.Errorf("%s: answers are application/json and nothing else", a.name)
		}
		if a.response.Headers["Paysera-Correlation-Id"] == nil {
			t.Errorf("%s: the header Paysera-Correlation-Id is not documented", a.name)
		}
	}
}

// operations are the document's calls by method and path.
func operations(t *testing.T) map[string]*openapi3.Operation {
	t.Helper()
	all := map[string]*openapi3.Operation{}
	for path, item := range contract(t).Paths.Map() {
		for method, call := range item.Operations() {
			all[method+" "+path] = call
		}
	}
	return all
}

// documentedAnswer is one response of the document.
type documentedAnswer struct {
	name     string
	status   string
	response *openapi3.Response
}

// documentedAnswers lists the responses that calls have of their own and those they share.
func documentedAnswers(t *testing.T) (answers []documentedAnswer) {
	t.Helper()
	doc := contract(t)
	for pattern, call := range operations(t) {
		for status, ref := range call.Responses.Map() {
			if ref.Ref == "" {
				answers = append(answers, documentedAnswer{pattern + " " + status, status, ref.Value})
			}
		}
	}
	for name, ref := range doc.Components.Responses {
		answers = append(answers, documentedAnswer{name, fmt.Sprint(ref.Value.Extensions["x-status"]), ref.Value})
	}
	slices.SortFunc(answers, func(a, b documentedAnswer) int { return strings.Compare(a.name, b.name) })
	return answers
}

// Beside the API stand three files that programs read: the authority's certificate, what it has revoked, and the keys that
// callbacks are checked with. Their errors are like all others.
func TestFilesBesideTheAPI(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		file := func(path, contentType string) []byte {
			answer, err := http.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			content, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != contentType || answer.Header.Get("paysera-correlation-id") == "" {
				t.Fatalf("%s: %d %v %q %v", path, answer.StatusCode, answer.Header, content, err)
			}
			return content
		}
		block, rest := pem.Decode(file("/ca", "application/x-pem-file"))
		if block == nil || len(rest) > 0 {
			t.Fatal("/ca is not one PEM block")
		}
		authority, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !authority.IsCA {
			t.Fatalf("%+v, %v", authority, err)
		}
		list, err := x509.ParseRevocationList(file("/crl/1", "application/pkix-crl"))
		if err != nil || list.CheckSignatureFrom(authority) != nil {
			t.Errorf("/crl/1 is not the authority's: %v", err)
		}
		keys := file("/publickey", "application/x-pem-file")
		if public, err := server.Service.PublicKeys(t.Context(), wallettest.Operator); err != nil || !bytes.Equal(keys, public) || !bytes.HasPrefix(keys, []byte("-----BEGIN PUBLIC KEY-----\n")) {
			t.Errorf("/publickey is %s, %v", keys, err)
		}
		// The Java SDK names its project everywhere, and phones sign with a stale clock.
		stale, err := http.NewRequest("GET", server.URL+"/publickey?x=y", nil)
		if err != nil {
			t.Fatal(err)
		}
		stale.Header.Set("Authorization", `MAC id="nobody", ts="1", nonce="n", ext="project_id=1221", mac="bQ=="`)
		if answer, err := http.DefaultClient.Do(stale); err != nil || answer.StatusCode != http.StatusOK || answer.Body.Close() != nil {
			t.Errorf("with a header that is not looked at: %+v, %v", answer, err)
		}
		for path, want := range map[string]int{"/publickey/1": 404, "/crl/99": 404, "/crl/none": 400, "/crl/0": 400, "/crl": 404, "/ca/1": 404} {
			answer, err := http.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			var refused walletapi.APIError
			if err := json.NewDecoder(answer.Body).Decode(&refused); err != nil || answer.StatusCode != want || refused.Code == "" {
				t.Errorf("%s: %d %+v %v", path, answer.StatusCode, refused, err)
			}
		}
	})
}

// Every call can be refused for being made too often, and fail in the ways that any call can.
func TestOpenAPIListsWhatAnyCallCanMeet(t *testing.T) {
	for pattern, call := range operations(t) {
		for _, name := range []string{"TooLarge", "TooManyRequests", "Broken", "Unavailable"} {
			status := fmt.Sprint(contract(t).Components.Responses[name].Value.Extensions["x-status"])
			if ref := call.Responses.Value(status); ref == nil || ref.Ref != "#/components/responses/"+name {
				t.Errorf("%s: the answer %s must be %s", pattern, status, name)
			}
		}
	}
}

// Whoever copies an example out of the document gets what it shows. Each says with x-sandbox
// who sends what; the sandbox answers, and the two are compared as JSON. What changes something
// has a world of its own.
func TestOpenAPIExamplesAreTrueInTheSandbox(t *testing.T) {
	bodies := requestExamples(t)
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		eachExample(t, func(t *testing.T, a documentedAnswer, example *openapi3.Example, request sandboxed) {
			if !request.changes(a.status) {
				checkExample(t, server.In(t), bodies, a, example, request)
			}
		})
	})
	eachExample(t, func(t *testing.T, a documentedAnswer, example *openapi3.Example, request sandboxed) {
		if request.changes(a.status) {
			wallettest.Addresses(t, func(t *testing.T, address string) {
				checkExample(t, wallettest.NewServer(t, address), bodies, a, example, request)
			})
		}
	})
}

func eachExample(t *testing.T, do func(*testing.T, documentedAnswer, *openapi3.Example, sandboxed)) {
	t.Helper()
	for _, a := range documentedAnswers(t) {
		if strings.HasSuffix(a.name, " 304") {
			continue
		}
		examples := a.response.Content["application/json"].Examples
		if len(examples) == 0 && strings.HasSuffix(a.name, " 200") {
			t.Errorf("%s: there is no example", a.name)
		}
		for name, example := range examples {
			t.Run(a.name+" "+name, func(t *testing.T) { do(t, a, example.Value, sandboxRequest(t, example.Value)) })
		}
	}
}

func checkExample(t *testing.T, server *wallettest.Server, bodies map[string]string, a documentedAnswer, example *openapi3.Example, request sandboxed) {
	t.Helper()
	var said wallettest.Memory
	for _, before := range request.After {
		said.Learn(send(server, &said, bodies, before))
	}
	answer := send(server, &said, bodies, request)
	if got := strconv.Itoa(answer.Status); got != a.status {
		t.Fatalf("status %s, want %s: %s", got, a.status, answer.Body)
	}
	if diff := cmp.Diff(blank(t, example.Value), blank(t, json.RawMessage(answer.Body))); diff != "" {
		t.Errorf("the example is not what the sandbox answers (-document +sandbox)\n%s", diff)
	}
}

// blank is a value as JSON has it, without what a server makes up anew.
func blank(t *testing.T, value any) (out any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal([]byte(exchange.Blank(string(text))), &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	if conversion, ok := out.(map[string]any); ok && conversion["to_currency"] != nil {
		delete(conversion, "id") // an entry's number depends on which writer was free
	}
	forgetPayments(out)
	return out
}

// forgetPayments takes the numbers of payments out of a value: they depend on that too.
func forgetPayments(value any) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			forgetPayments(element)
		}
	case map[string]any:
		if v["transaction_key"] != nil && (v["price"] != nil || v["amount"] != nil) {
			delete(v, "id")
		}
		for _, member := range v {
			forgetPayments(member)
		}
	}
}

// requestExamples are the bodies of requests that the document shows, by name.
func requestExamples(t *testing.T) map[string]string {
	t.Helper()
	bodies := map[string]string{}
	for pattern, call := range operations(t) {
		if call.RequestBody == nil {
			continue
		}
		for name, example := range call.RequestBody.Value.Content["application/json"].Examples {
			var text strings.Builder
			encoder := json.NewEncoder(&text)
			encoder.SetEscapeHTML(false) // or the words in it are not found
			if err := encoder.Encode(example.Value.Value); err != nil || bodies[name] != "" {
				t.Fatalf("%s: the example %s must have a name of its own: %v", pattern, name, err)
			}
			bodies[name] = strings.TrimSpace(text.String())
		}
	}
	return bodies
}

// Every body that the document shows is sent by one of its examples.
func TestOpenAPIRequestExamplesAreSent(t *testing.T) {
	sent := map[string]bool{}
	eachExample(t, func(_ *testing.T, _ documentedAnswer, _ *openapi3.Example, request sandboxed) {
		sent[request.Body] = true
	})
	for name := range requestExamples(t) {
		if !sent[name] {
			t.Errorf("no example of an answer sends the body %s", name)
		}
	}
}

// sandboxed is the extension x-sandbox of an example.
type sandboxed struct {
	As, Method, Target, Ext string
	// Body names an example of a request, Text is a body as it is, Form a form.
	Body, Text, Form string
	// After was sent before.
	After []sandboxed
}

// changes says whether a request that is answered with the status changes the sandbox.
func (r sandboxed) changes(status string) bool {
	return status == "200" && r.Method != http.MethodGet || slices.ContainsFunc(r.After, func(before sandboxed) bool { return before.changes("200") })
}

func sandboxRequest(t *testing.T, example *openapi3.Example) sandboxed {
	t.Helper()
	text, err := json.Marshal(example.Extensions["x-sandbox"])
	if err != nil {
		t.Fatal(err)
	}
	var request sandboxed
	if err := json.Unmarshal(text, &request); err != nil || request.As == "" || request.Target == "" {
		t.Fatalf("x-sandbox must say as whom and what to send: %s %v", text, err)
	}
	request.complete()
	return request
}

func (r *sandboxed) complete() {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	for i := range r.After {
		r.After[i].complete()
	}
}

func send(server *wallettest.Server, said *wallettest.Memory, bodies map[string]string, r sandboxed) *wallettest.Answer {
	var options []wallettest.Option
	if r.Ext != "" {
		options = append(options, wallettest.Ext(r.Ext))
	}
	if body := bodies[r.Body] + r.Text; body != "" {
		options = append(options, wallettest.Body(server.Recall(said, body)))
	}
	if r.Form != "" {
		options = append(options, wallettest.Form(server.Recall(said, r.Form)))
	}
	return server.Send(r.As, r.Method, server.Recall(said, r.Target), options...)
}

// The documented limits are the real ones: for each parameter of a query the values at its
// limits are taken, those just beyond are refused by its name, and so is giving it twice.
// Giving the default is the same as giving nothing.
func TestOpenAPILimitsAreTheServers(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		for pattern, call := range operations(t) {
			for _, ref := range call.Parameters {
				if ref.Value.In == "query" {
					t.Run(pattern+" "+ref.Value.Name, func(t *testing.T) {
						checkParameter(t, server.In(t), call, ref.Value)
					})
				}
			}
		}
	})
}

func checkParameter(t *testing.T, server *wallettest.Server, call *openapi3.Operation, p *openapi3.Parameter) {
	var request sandboxed
	for _, example := range call.Responses.Status(200).Value.Content["application/json"].Examples {
		request = sandboxRequest(t, example.Value)
	}
	var said wallettest.Memory
	for _, before := range request.After {
		said.Learn(send(server, &said, nil, before))
	}
	path, _, _ := strings.Cut(request.Target, "?")
	name, schema := p.Name, p.Schema.Value
	if p.Style == "deepObject" {
		name, schema = name+"[any]", schema.AdditionalProperties.Schema.Value
	}
	// A point and the distance from it belong together, and so does a person code with its state.
	companions := map[string]string{"lat": "&lng=25.2", "lng": "&lat=54.6", "distance": "&lat=54.6&lng=25.2",
		"person_code": "&nationality=lt", "nationality": "&person_code=49001310000", "amount": "&currency=EUR", "currency": "&amount=100",
		"from_currency": "&to_currency=USD&from_amount=1000", "to_currency": "&from_currency=USD&from_amount=1000",
		"from_amount": "&from_currency=EUR&to_currency=USD", "to_amount": "&from_currency=EUR&to_currency=USD",
		"from_amount_decimal": "&from_currency=EUR&to_currency=USD", "to_amount_decimal": "&from_currency=EUR&to_currency=USD",
		"account_number": "&from_currency=EUR&to_currency=USD&from_amount=1000"}[name]
	if name == "account_number" && path == "/rest/v1/wallet" || name == "account_number" && path == "/rest/v1/wallet/barcode" {
		companions = ""
	}
	if path == "/rest/v1/spot" && name != "code" {
		companions = "&code=PAYSERA*106:TABLE1"
	}
	ask := func(query string) *wallettest.Answer {
		request.Target = path + "?" + query + companions
		return send(server, &said, nil, request)
	}
	good, bad := probes(schema)
	if example, isText := p.Example.(string); isText && bad == nil {
		good = []string{example} // a text that finds something
	}
	if p.Extensions["x-exists"] != nil {
		good = []string{fmt.Sprint(p.Example)} // the number of something that there is
	}
	for _, value := range good {
		if answer := ask(name + "=" + url.QueryEscape(value)); answer.Status != http.StatusOK {
			t.Errorf("%q is documented, but refused: %s", value, answer.Body)
		}
	}
	for _, value := range bad {
		if answer := ask(name + "=" + url.QueryEscape(value)); answer.Error == nil || answer.Error.Properties[name] == nil {
			t.Errorf("%q is not documented, but taken: %d %.200s", value, answer.Status, answer.Body)
		}
	}
	twice := name + "=" + url.QueryEscape(good[0])
	if answer := ask(twice + "&" + twice); answer.Error == nil || len(answer.Error.Properties[name]) != 1 {
		t.Errorf("given twice it is not refused in one sentence: %d %.200s", answer.Status, answer.Body)
	}
	empty, without := ask(name+"="), ""
	if p.AllowEmptyValue { // then it says what the example says
		without = name + "=" + url.QueryEscape(good[0])
	}
	if nothing := ask(without); empty.Body != nothing.Body && companions == "" {
		t.Errorf("an empty value is not as good as none:\n%s\n%s", empty.Body, nothing.Body)
	}
	if schema.Default != nil {
		if given := ask(name + "=" + defaultText(schema.Default)); given.Body != empty.Body {
			t.Errorf("the default %v is not what the server takes:\n%s\n%s", schema.Default, given.Body, empty.Body)
		}
	}
}

// probes are values at the limits of a schema and just beyond them.
func probes(s *openapi3.Schema) (good, bad []string) {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	switch {
	case s.Type.Is("boolean"):
		return []string{"true", "false", "1", "0"}, []string{"yes"}
	case s.Type.Is("integer"):
		bad = append(bad, "1.5", "x")
		fallthrough
	case s.Type.Is("number"):
		good = append(good, number(*s.Min))
		bad = append(bad, number(*s.Min-1), "NaN")
		if s.Max != nil {
			good, bad = append(good, number(*s.Max)), append(bad, number(*s.Max+1))
		}
	case s.Type.Is("array") && s.MaxItems != nil:
		item := s.Items.Value
		if item.Type.Is("integer") {
			good, bad = probes(item)
		}
		for _, word := range item.Enum {
			good = append(good, word.(string))
		}
		if item.Pattern != "" {
			good, bad = probes(item)
		}
		many := strings.Repeat(good[0]+",", int(*s.MaxItems)-1) + good[0]
		return append(good, many), append(bad, "x", many+","+good[0])
	case len(s.Enum) > 0:
		for _, word := range s.Enum {
			good = append(good, word.(string))
		}
		return good, []string{"x"}
	case s.Pattern != "":
		return []string{"EUR"}, []string{"eur", "EURO", "XX1"}
	default:
		return []string{"anything"}, nil
	}
	return good, bad
}

// defaultText is a default as it stands in a query.
func defaultText(value any) string {
	if list, ok := value.([]any); ok {
		var words []string
		for _, word := range list {
			words = append(words, fmt.Sprint(word))
		}
		return strings.Join(words, ",")
	}
	return fmt.Sprint(value)
}

// Whoever meets an error code finds its status and what to do next: in docs/errors.md, one
// section per code, and in the document's table.
func TestEveryErrorCodeIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(wallettest.Root(), "docs", "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, found := range regexp.MustCompile("(?m)^## `([a-z_]+)`\n\n\\*\\*([0-9]{3})\\.\\*\\* ").FindAllStringSubmatch(string(text), -1) {
		sections[found[1]] = found[2]
	}
	schema := contract(t).Components.Schemas["ErrorCode"].Value
	if len(sections) != len(wallet.Codes()) || len(schema.Enum) != len(wallet.Codes()) {
		t.Errorf("there are %d codes, %d sections in docs/errors.md and %d codes in api/openapi.yaml",
			len(wallet.Codes()), len(sections), len(schema.Enum))
	}
	for _, code := range wallet.Codes() {
		status := httpapi.Status(code)
		if status == http.StatusInternalServerError && code != wallet.InternalServerError {
			t.Errorf("%s has no status", code)
		}
		if sections[string(code)] != strconv.Itoa(status) {
			t.Errorf("docs/errors.md: the section of %s must exist and begin with %d", code, status)
		}
		if row := fmt.Sprintf("| `%s` | %d |", code, status); !strings.Contains(schema.Description, row) || !slices.Contains(schema.Enum, any(string(code))) {
			t.Errorf("api/openapi.yaml: ErrorCode lacks %q, or the row %q", code, row)
		}
	}
}

// The README of the exchanges leads to all of them, and the register of divergences names none
// that is not there.
func TestExchangeFilesAreListed(t *testing.T) {
	text, err := os.ReadFile("../../testdata/exchange/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range exchangeFiles(t) {
		if name := filepath.Base(file); !strings.Contains(string(text), "]("+name+")") {
			t.Errorf("testdata/exchange/README.md does not mention %s", name)
		}
	}
	divergences, err := os.ReadFile("../../docs/divergences.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("`([a-z_]+\\.txt)`").FindAllStringSubmatch(string(divergences), -1) {
		if _, err := os.Stat("../../testdata/exchange/" + found[1]); err != nil {
			t.Errorf("docs/divergences.md names %s: %v", found[1], err)
		}
	}
}
