package httpapi_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

func exchangeFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/exchange/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no exchange files: %v", err)
	}
	return files
}

// Every exchange that a foreign SDK author reads is true on both engines. All of them are
// reads, so that one world serves all.
func TestExchanges(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		for _, file := range exchangeFiles(t) {
			t.Run(filepath.Base(file), func(t *testing.T) {
				for _, exchange := range wallettest.ReadExchanges(t, file) {
					server.In(t).Replay(exchange)
				}
			})
		}
	})
}

// Each route has an exchange of success, each signed one also what it answers to whom it does
// not know, and each error that a healthy server can answer with is shown somewhere.
func TestExchangesShowEveryRouteAndError(t *testing.T) {
	shown := map[string][]int{}
	var bodies strings.Builder
	for _, file := range exchangeFiles(t) {
		for _, e := range wallettest.ReadExchanges(t, file) {
			path, _, _ := strings.Cut(e.Target, "?")
			for _, pattern := range httpapi.Patterns() {
				if matches(pattern, e.Method, path) {
					shown[pattern] = append(shown[pattern], e.Status)
				}
			}
			bodies.WriteString(e.Answer + "\n")
		}
	}
	doc, err := wallettest.Contract()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range httpapi.Patterns() {
		_, path, _ := strings.Cut(pattern, " ")
		for status := range doc.Paths.Value(path).Get.Responses.Map() {
			switch status {
			case "413", "500", "503": // no exchange of a healthy server, nor a short one
				continue
			case "400", "403":
				// Where the context alone can be refused, context.txt shows it once for all.
				if slices.Contains([]string{"/rest/v1/server", "/rest/v1/configuration", "/rest/v1/currencies", "/rest/v1/client"}, path) {
					continue
				}
			}
			want := map[string]int{"200": 200, "400": 400, "401": 401, "403": 403, "404": 404}[status]
			if !slices.Contains(shown[pattern], want) {
				t.Errorf("%s: no exchange shows the status %s", pattern, status)
			}
		}
	}
	for _, code := range wallet.Codes() {
		switch code {
		case wallet.RequestTooLarge, wallet.InternalServerError, wallet.ServiceUnavailable, wallet.NotEnoughFunds:
			continue
		}
		if !strings.Contains(bodies.String(), `"error":"`+string(code)+`"`) {
			t.Errorf("no exchange shows the error %s", code)
		}
	}
}

// matches says whether a request falls under a pattern such as "GET /rest/v1/project/{id}".
func matches(pattern, method, path string) bool {
	wanted, template, _ := strings.Cut(pattern, " ")
	parts, given := strings.Split(template, "/"), strings.Split(path, "/")
	if method != wanted || len(parts) != len(given) {
		return false
	}
	for i, part := range parts {
		if part != given[i] && !strings.HasPrefix(part, "{") {
			return false
		}
	}
	return true
}
