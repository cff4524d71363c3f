package httpapi_test

import (
	"encoding/json"
	"fmt"
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

	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
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
	var documented []string
	for path, item := range contract(t).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	slices.Sort(documented)
	if diff := cmp.Diff(httpapi.Patterns(), documented); diff != "" {
		t.Errorf("routes and api/openapi.yaml differ (-server +document)\n%s", diff)
	}
}

// Each answer is documented as what it is: exactly application/json, and named for the log.
func TestOpenAPIAnswersAreJSON(t *testing.T) {
	for _, a := range documentedAnswers(t) {
		if len(a.response.Content) != 1 || a.response.Content["application/json"] == nil {
			t.Errorf("%s: answers are application/json and nothing else", a.name)
		}
		if a.response.Headers["Paysera-Correlation-Id"] == nil {
			t.Errorf("%s: the header Paysera-Correlation-Id is not documented", a.name)
		}
	}
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
	for path, item := range doc.Paths.Map() {
		for status, ref := range item.Get.Responses.Map() {
			if ref.Ref == "" {
				answers = append(answers, documentedAnswer{path + " " + status, status, ref.Value})
			}
		}
	}
	for name, ref := range doc.Components.Responses {
		answers = append(answers, documentedAnswer{name, fmt.Sprint(ref.Value.Extensions["x-status"]), ref.Value})
	}
	slices.SortFunc(answers, func(a, b documentedAnswer) int { return strings.Compare(a.name, b.name) })
	return answers
}

// Whoever copies an example out of the document gets what it shows. Each says with x-sandbox
// who sends what; the sandbox answers, and the two are compared as JSON.
func TestOpenAPIExamplesAreTrueInTheSandbox(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		for _, a := range documentedAnswers(t) {
			examples := a.response.Content["application/json"].Examples
			if len(examples) == 0 && strings.HasSuffix(a.name, " 200") {
				t.Errorf("%s: there is no example", a.name)
			}
			for name, example := range examples {
				t.Run(a.name+" "+name, func(t *testing.T) {
					server := server.In(t)
					answer := send(server, sandboxRequest(t, example.Value))
					if got := strconv.Itoa(answer.Status); got != a.status {
						t.Fatalf("status %s, want %s: %s", got, a.status, answer.Body)
					}
					var got any
					answer.Decode(&got)
					if diff := cmp.Diff(plain(t, example.Value.Value), got); diff != "" {
						t.Errorf("the example is not what the sandbox answers (-document +sandbox)\n%s", diff)
					}
				})
			}
		}
	})
}

// sandboxed is the extension x-sandbox of an example.
type sandboxed struct{ As, Method, Target, Ext string }

func sandboxRequest(t *testing.T, example *openapi3.Example) sandboxed {
	t.Helper()
	text, err := json.Marshal(example.Extensions["x-sandbox"])
	if err != nil {
		t.Fatal(err)
	}
	request := sandboxed{Method: http.MethodGet}
	if err := json.Unmarshal(text, &request); err != nil || request.As == "" || request.Target == "" {
		t.Fatalf("x-sandbox must say as whom and what to send: %s %v", text, err)
	}
	return request
}

func send(server *wallettest.Server, r sandboxed) *wallettest.Answer {
	var options []wallettest.Option
	if r.Ext != "" {
		options = append(options, wallettest.Ext(r.Ext))
	}
	return server.Send(r.As, r.Method, r.Target, options...)
}

// plain is a value of the document as JSON has it.
func plain(t *testing.T, value any) (out any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The documented limits are the real ones: for each parameter of a query the values at its
// limits are taken, those just beyond are refused by its name, and so is giving it twice.
// Giving the default is the same as giving nothing.
func TestOpenAPILimitsAreTheServers(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		for path, item := range contract(t).Paths.Map() {
			for _, ref := range item.Get.Parameters {
				if ref.Value.In == "query" {
					t.Run(path+" "+ref.Value.Name, func(t *testing.T) {
						checkParameter(t, server.In(t), item.Get, ref.Value)
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
	path, _, _ := strings.Cut(request.Target, "?")
	// A point and the distance from it belong together.
	companions := map[string]string{"lat": "&lng=25.2", "lng": "&lat=54.6", "distance": "&lat=54.6&lng=25.2"}[p.Name]
	ask := func(query string) *wallettest.Answer {
		request.Target = path + "?" + query + companions
		return send(server, request)
	}
	good, bad := probes(p.Schema.Value)
	for _, value := range good {
		if answer := ask(p.Name + "=" + url.QueryEscape(value)); answer.Status != http.StatusOK {
			t.Errorf("%q is documented, but refused: %s", value, answer.Body)
		}
	}
	for _, value := range bad {
		if answer := ask(p.Name + "=" + url.QueryEscape(value)); answer.Error == nil || answer.Error.Properties[p.Name] == nil {
			t.Errorf("%q is not documented, but taken: %d %.200s", value, answer.Status, answer.Body)
		}
	}
	twice := p.Name + "=" + url.QueryEscape(good[0])
	if answer := ask(twice + "&" + twice); answer.Error == nil || len(answer.Error.Properties[p.Name]) != 1 {
		t.Errorf("given twice it is not refused in one sentence: %d %.200s", answer.Status, answer.Body)
	}
	if value := p.Schema.Value.Default; value != nil {
		given := ask(p.Name + "=" + defaultText(value))
		if left := ask(p.Name + "="); given.Body != left.Body {
			t.Errorf("the default %v is not what the server takes:\n%s\n%s", value, given.Body, left.Body)
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
		many := strings.Repeat(good[0]+",", int(*s.MaxItems)-1) + good[0]
		return append(good, many), append(bad, "x", many+","+good[0])
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
	for _, found := range regexp.MustCompile("(?m)^## `([a-z_]+)`\n\n([0-9]{3})").FindAllStringSubmatch(string(text), -1) {
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
