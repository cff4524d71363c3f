package wallettest

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/exchange"
)

// goodHead is how every answer to a signed call begins.
const goodHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nPaysera-Correlation-Id: 0123456789abcdef"

// parsed is an answer without a server.
func parsed(t *testing.T, head, body string) *Answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head+"\r\n\r\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Answer{Answer: exchange.Answer{Status: response.StatusCode, Header: response.Header, Head: head, Body: body}, t: t}
}

// The kit would be worth nothing if it let everything pass. Each of these answers differs from
// a good one in one thing that breaks some client, and is caught for that.
func TestAnswersThatBreakTheContractAreCaught(t *testing.T) {
	const project, list = `{"id":1221,"title":"Store"}`, `{"locations":[],"_metadata":{"total":0,"offset":0,"limit":20}}`
	status := func(line string) string { return strings.Replace(goodHead, "200 OK", line, 1) }
	for _, c := range []struct{ name, target, head, body, problem string }{
		{"good", "/rest/v1/project/1221", goodHead, project, ""},
		{"a charset", "/rest/v1/project/1221", strings.Replace(goodHead, "json", "json; charset=utf-8", 1), project, "exactly"},
		{"two content types", "/rest/v1/project/1221", goodHead + "\r\nContent-Type: application/json", project, "exactly"},
		{"no request id", "/rest/v1/project/1221", strings.Replace(goodHead, "Paysera-", "Other-", 1), project, "paysera-correlation-id"},
		{"another kind of request id", "/rest/v1/project/1221", strings.Replace(goodHead, "0123456789abcdef", "7", 1), project, "Paysera-Correlation-Id"},
		{"nothing", "/rest/v1/project/1221", goodHead, "", "not one JSON value"},
		{"half of it", "/rest/v1/project/1221", goodHead, project[:9], "not one JSON value"},
		{"two values", "/rest/v1/project/1221", goodHead, project + "\n", "not one JSON value"},
		{"null", "/rest/v1/project/1221", goodHead, `{"id":1221,"title":"Store","wallet":null}`, ".wallet is null"},
		{"a missing key", "/rest/v1/project/1221", goodHead, `{"id":1221}`, "openapi"},
		{"a key that is not documented", "/rest/v1/project/1221", goodHead, `{"id":1221,"title":"Store","owner":7}`, "openapi"},
		{"text for a number", "/rest/v1/project/1221", goodHead, `{"id":"1221","title":"Store"}`, "openapi"},
		{"a large id", "/rest/v1/project/1221", goodHead, `{"id":2147483648,"title":"Store"}`, "openapi"},
		{"a status that is not documented", "/rest/v1/project/1221", status("204 No Content"), project, "status is not supported"},
		{"[] for a balance", "/rest/v1/wallet/me/balance", goodHead, `[]`, "openapi"},
		{"{} for a list", "/rest/v1/currencies", goodHead, `{}`, "openapi"},
		{"a currency in a balance", "/rest/v1/wallet/me/balance", goodHead, `{"euro":{"at_disposal":1,"at_disposal_decimal":"0.01","reserved":0,"reserved_decimal":"0.00"}}`, "openapi"},
		{"a good list", "/rest/v1/locations", goodHead, list, ""},
		{"a list with three keys", "/rest/v1/locations", goodHead, strings.Replace(list, "{", `{"more":1,`, 1), "other keys"},
		{"a list without its collection", "/rest/v1/locations", goodHead, `{"_metadata":{"total":0,"offset":0,"limit":20}}`, "other keys"},
		{"an error without a code", "/rest/v1/project/1", status("404 Not Found"), `{"error_description":"no"}`, "an error needs"},
		{"an error without a sentence", "/rest/v1/project/1", status("404 Not Found"), `{"error":"not_found"}`, "an error needs"},
		{"a good error", "/rest/v1/project/1", status("404 Not Found"), `{"error":"not_found","error_description":"no"}`, ""},
		{"empty properties", "/rest/v1/project/1", status("400 Bad Request"), `{"error":"invalid_parameters","error_description":"no","error_properties":{}}`, "openapi"},
		{"an error of another call", "/rest/v1/locations", status("400 Bad Request"), `{"error":"invalid_grant","error_description":"no"}`, "openapi"},
		{"an error of another status", "/rest/v1/project/1", status("403 Forbidden"), `{"error":"not_found","error_description":"no"}`, "openapi"},
		{"401 without WWW-Authenticate", "/rest/v1/project/1", status("401 Unauthorized"), `{"error":"unauthorized","error_description":"no"}`, "WWW-Authenticate"},
		{"a good unknown route", "/rest/v1/nothing", status("404 Not Found"), `{"error":"not_found","error_description":"no"}`, ""},
		{"an unknown route that is forbidden", "/rest/v1/nothing", status("403 Forbidden"), `{"error":"forbidden","error_description":"no"}`, "status is not supported"},
		{"an unknown route that serves", "/rest/v1/nothing", goodHead, `{}`, "status is not supported"},
	} {
		problems := checkAnswer(http.MethodGet, c.target, parsed(t, c.head, c.body))
		if c.problem == "" && len(problems) > 0 {
			t.Errorf("%s: %v", c.name, problems)
		}
		if c.problem != "" && !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, c.problem) }) {
			t.Errorf("%s: caught as %q, want something with %q", c.name, problems, c.problem)
		}
	}
	if problems := checkAnswer(http.MethodPost, "/rest/v1/project/1", parsed(t, status("405 Method Not Allowed"), `{"error":"method_not_allowed","error_description":"no"}`)); len(problems) == 0 {
		t.Error("405 without Allow is let pass")
	}
	if problems := checkAnswer(http.MethodHead, "/rest/v1/project/1", parsed(t, goodHead, project)); len(problems) == 0 {
		t.Error("HEAD with a body is let pass")
	}
}
