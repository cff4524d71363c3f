package httpapi_test

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/exchange"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/service"
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

// Every exchange that a foreign SDK author reads is true on both engines. Those that only read share
// one world; a file that changes something has one of its own.
func TestExchanges(t *testing.T) {
	var changing []string
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		changing = nil
		for _, file := range exchangeFiles(t) {
			exchanges := wallettest.ReadExchanges(t, file)
			if exchange.Changes(exchanges) {
				changing = append(changing, file)
				continue
			}
			t.Run(filepath.Base(file), func(t *testing.T) { server.In(t).Replay(exchanges) })
		}
	})
	for _, file := range changing {
		t.Run(filepath.Base(file), func(t *testing.T) {
			wallettest.Addresses(t, func(t *testing.T, address string) {
				wallettest.NewServer(t, address).Replay(wallettest.ReadExchanges(t, file))
			})
		})
	}
}

// Each route has an exchange of success, each signed one also what it answers to whom it does
// not know, and each error that a healthy server can answer with is shown somewhere.
func TestExchangesShowEveryRouteAndError(t *testing.T) {
	shown := map[string][]string{}
	var bodies strings.Builder
	for _, file := range exchangeFiles(t) {
		for _, e := range wallettest.ReadExchanges(t, file) {
			path, _, _ := strings.Cut(e.Target, "?")
			if pattern := patternOf(e.Method, path); pattern != "" {
				shown[pattern] = append(shown[pattern], strconv.Itoa(e.Status))
			}
			bodies.WriteString(e.Answer + "\n")
		}
	}
	for pattern, call := range operations(t) {
		for status := range call.Responses.Map() {
			if !slices.Contains(shown[pattern], status) && !isShownElsewhere(pattern, status) {
				t.Errorf("%s: no exchange shows the status %s", pattern, status)
			}
		}
	}
	for _, code := range wallet.Codes() {
		switch code {
		case wallet.RequestTooLarge, wallet.RateLimitExceeded, wallet.InternalServerError, wallet.ServiceUnavailable: // as below
			continue
		}
		if !strings.Contains(bodies.String(), `"error":"`+string(code)+`"`) {
			t.Errorf("no exchange shows the error %s", code)
		}
	}
}

// isShownElsewhere says whether a status needs no exchange for every call that can have it.
func isShownElsewhere(pattern, status string) bool {
	switch status {
	case "413", "429", "500", "503": // no exchange of a healthy server without limits, nor a short one
		return true
	case "409":
		return pattern == "POST /rest/v1/project/{id}/administrators" // TestInvitationsOfAProjectAreBounded
	case "400", "403":
		// Where the context alone can be refused, context.txt shows it once for all.
		return slices.Contains([]string{
			"GET /rest/v1/server", "GET /rest/v1/configuration", "GET /rest/v1/currencies", "GET /rest/v1/client", "GET /rest/v1/refusal/{request}",
		}, pattern)
	}
	return false
}

// patternOf is the route that a request falls under, the most literal one; empty when there is none.
func patternOf(method, path string) (best string) {
	for _, pattern := range httpapi.Patterns() {
		if exchange.Matches(pattern, method, path) && (best == "" || strings.Count(pattern, "{") < strings.Count(best, "{")) {
			best = pattern
		}
	}
	return best
}

// A device is lost, and the operator revokes it. It is not let in any more, is left out of lists unless
// they ask for it, and says what became of it to who may read it.
func TestRevokedClientsAreShown(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		if _, err := server.Service.Revoke(context.Background(), wallettest.Operator, service.Revocation{ClientID: 7}, true); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			as, target string
			status     int
			part       string
		}{
			{"device", "/rest/v1/client", 401, `"error":"unauthorized"`},
			{"app", "/rest/v1/client/info/7/status", 200, `{"status":"revoked"}`},
			{"two-shops", "/rest/v1/client/7", 200, `"status":"revoked"`},
			{"two-shops", "/rest/v1/clients?type=app_client", 200, `"total":0`},
			{"two-shops", "/rest/v1/clients?type=app_client&revoked=1", 200, `"status":"revoked"`},
			{"two-shops", "/rest/v1/client/3", 200, `"id":3`},
		} {
			answer := server.Send(c.as, "GET", c.target)
			if answer.Status != c.status || !strings.Contains(answer.Body, c.part) {
				t.Errorf("%s %s: %d %s, want %d and %s", c.as, c.target, answer.Status, answer.Body, c.status, c.part)
			}
		}
		if body := server.Send("two-shops", "GET", "/rest/v1/client/3").Body; strings.Contains(body, `"status"`) {
			t.Errorf("a client that is not revoked says so: %s", body)
		}
	})
}
