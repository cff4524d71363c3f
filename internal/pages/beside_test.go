package pages

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A person who opens the server's address is led to their account; everybody else there is the API's.
func TestAPersonIsLedToTheAccount(t *testing.T) {
	side := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Side", name) })
	}
	server := Beside(side("api"), side("pages"))
	for _, story := range []struct{ method, path, accept, side, to string }{
		{"GET", "/", "text/html,*/*;q=0.8", "", "/frontend/account"}, {"HEAD", "/", "text/html", "", "/frontend/account"},
		{"POST", "/", "text/html", "api", ""}, {"GET", "/", "*/*", "api", ""}, {"GET", "/", "", "api", ""}, {"GET", "//", "text/html", "api", ""},
		{"GET", "/rest/v1/server", "text/html", "api", ""}, {"GET", "/frontend/account", "text/html", "pages", ""},
	} {
		request, answer := httptest.NewRequest(story.method, story.path, nil), httptest.NewRecorder()
		request.Header.Set("Accept", story.accept)
		server.ServeHTTP(answer, request)
		if h := answer.Header(); h.Get("Side") != story.side || h.Get("Location") != story.to || story.to != "" && (answer.Code != http.StatusFound || h.Get("Vary") != "Accept") {
			t.Errorf("%+v: %d %v", story, answer.Code, h)
		}
	}
}
