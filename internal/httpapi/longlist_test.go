package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// pagesWritten is an answer that counts what has been read and not been written yet.
type pagesWritten struct {
	*httptest.ResponseRecorder
	held, most int
	fail       bool
}

func (w *pagesWritten) Write(raw []byte) (int, error) {
	w.most, w.held = max(w.most, w.held), 0
	if w.fail {
		return 0, errors.New("the client went away")
	}
	return w.ResponseRecorder.Write(raw)
}

// However long a list is, no more of it is in memory than the part that a short list may have, and a page.
func TestLongListsAreNotHeldInMemory(t *testing.T) {
	const pages = 1000
	word := strings.Repeat("x", 100)
	r := &request{Request: httptest.NewRequest("GET", "/", nil)}
	w := &pagesWritten{ResponseRecorder: httptest.NewRecorder()}
	begin := func(last int64) *longList {
		out, err := beginList(context.Background(), r, func(_ context.Context, after int64) ([]string, int64, error) {
			w.held++
			if after+1 == last {
				return nil, 0, nil // nothing has to be on the last page
			}
			return []string{word, word}, after + 1, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.(*longList)
	}
	if err := begin(pages*10).write(w, "id"); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	if want := "[" + strings.TrimSuffix(strings.Repeat(`"`+word+`",`, 2*(pages*10-1)), ",") + "]"; body != want {
		t.Errorf("%d bytes, want %d: %.200s", len(body), len(want), body)
	}
	if per := len(`"",`)*2 + 2*len(word); w.most > heldList/per+2 {
		t.Errorf("%d pages were held at once", w.most)
	}
	// Whoever goes away is not read for any more, and nobody is told that this was our mistake.
	w.fail = true
	err := begin(pages*10).write(w, "id")
	if w.held != 0 || failedMidway(err) {
		t.Errorf("%d pages were read for nobody: %v", w.held, err)
	}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("the connection stays: %v", p)
		}
	}()
	cut(err)
}

// A list is written as long as it is read, however long the server lets an answer take that it has in memory.
func TestALongListMayTakeLongerThanAnAnswer(t *testing.T) {
	const pages, limit = 12, 400 * time.Millisecond
	word := strings.Repeat("x", heldList)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list, err := beginList(r.Context(), &request{Request: r}, func(ctx context.Context, after int64) ([]string, int64, error) {
			select {
			case <-time.After(limit / 4):
			case <-ctx.Done():
			}
			return []string{word}, (after + 1) % pages, ctx.Err()
		})
		if err != nil {
			t.Error(err)
			return
		}
		if err := list.(*longList).write(w, "id"); err != nil {
			t.Error(err)
			cut(err)
		}
	}))
	server.Config.ReadTimeout, server.Config.WriteTimeout = limit, limit
	server.Start()
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if want := pages*(len(word)+len(`"",`)) + len("[]") - 1; err != nil || len(raw) != want {
		t.Errorf("%d bytes of %d arrived: %v", len(raw), want, err)
	}
}

// The log says of an answer that began with 200 that it did not end.
func TestAListThatWasCutShortIsLogged(t *testing.T) {
	var log strings.Builder
	a := &API{Options: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	r := &request{Request: httptest.NewRequest("GET", "/", nil)}
	a.record(context.Background(), r, entry{status: http.StatusOK, err: &cutShort{err: io.ErrClosedPipe, gone: true}})
	if !strings.Contains(log.String(), "level=INFO") || !strings.Contains(log.String(), "cut_short=true") {
		t.Error(log.String())
	}
}
