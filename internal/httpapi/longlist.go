package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/purserhq/purser/internal/wallet"
)

// A bare array says no total and knows no pages, so that it has to hold everything, be it a hundred thousand places. It
// is read and written in pages, and never stands in memory as a whole.

// listPage is how many elements are read at a time, and heldList how many bytes are kept until the answer begins: a list that
// ends before is an answer like any other, and an error before is one.
const (
	listPage = 200
	heldList = 256 << 10
)

// longList is a bare array that has been begun.
type longList struct {
	// content is what there is of it so far, and after where it goes on, zero when that is all.
	content []byte
	after   int64
	// more adds the next page to some bytes, and says where it goes on.
	more func(ctx context.Context, to []byte, after int64) ([]byte, int64, error)
	r    *request
}

// beginList reads a list up to its end, or so much of it that it is to be written in pages. The page after zero is the first, and
// the one after which it goes on at zero the last.
func beginList[T any](ctx context.Context, r *request, page func(ctx context.Context, after int64) ([]T, int64, error)) (any, error) {
	l, some := &longList{r: r, content: []byte{'['}}, false
	l.more = func(ctx context.Context, to []byte, after int64) ([]byte, int64, error) {
		elements, next, err := page(ctx, after)
		if err != nil {
			return nil, 0, err
		}
		raw, err := marshal(elements)
		if err != nil {
			return nil, 0, fmt.Errorf("encoding the answer: %w", err)
		}
		if len(elements) > 0 {
			if some {
				to = append(to, ',')
			}
			to, some = append(to, raw[1:len(raw)-1]...), true
		}
		if next == 0 {
			to = append(to, ']')
		}
		return to, next, nil
	}
	for first := true; first || l.after != 0 && len(l.content) < heldList; first = false {
		var err error
		if l.content, l.after, err = l.more(ctx, l.content, l.after); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// cutShort is why an answer ends that has begun: the connection is closed then, so that nobody takes half of it for all of it.
type cutShort struct {
	err error
	// gone says that it was the client that went away, or that took too long.
	gone bool
}

func (c *cutShort) Error() string { return "the answer was cut short: " + c.err.Error() }
func (c *cutShort) Unwrap() error { return c.err }

// write sends the list. An error is a *cutShort.
func (l *longList) write(w http.ResponseWriter, id string) error {
	header := w.Header()
	header["Content-Type"] = jsonHeader
	header["Paysera-Correlation-Id"] = []string{id}
	if l.after == 0 {
		header["Content-Length"] = []string{strconv.Itoa(len(l.content))}
	}
	if l.r.Method == http.MethodHead {
		return nil
	}
	control, inPages := http.NewResponseController(w), l.after != 0
	for {
		if inPages {
			l.allow(control)
		}
		if _, err := w.Write(l.content); err != nil {
			return &cutShort{err: err, gone: true}
		}
		if l.after == 0 {
			return nil
		}
		if err := l.goOn(); err != nil {
			return &cutShort{err: err, gone: l.r.Context().Err() != nil}
		}
	}
}

// allow gives the next piece of a list that is written in pages as much time as the server gives a whole answer, be it that the client is
// slow or the list long: who reads on gets all of it. Reading counts too, since a server that may not read any more takes its client for gone.
func (l *longList) allow(control *http.ResponseController) {
	server, ok := l.r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok || server.WriteTimeout <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), server.WriteTimeout)
	defer cancel()
	until, _ := ctx.Deadline()
	_ = control.SetReadDeadline(until) // what is no connection has no deadline
	_ = control.SetWriteDeadline(until)
}

// goOn reads the next page, which may take as long as a whole answer; a panic becomes an error.
func (l *longList) goOn() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{value: p, stack: debug.Stack()}
		}
	}()
	ctx, cancel := context.WithTimeout(l.r.Context(), Timeout)
	defer cancel()
	l.content, l.after, err = l.more(ctx, l.content[:0], l.after)
	return err
}

// replyList sends a list, and returns what reply does. Nobody reads the code of an answer that has begun: it is for the log.
func replyList(w http.ResponseWriter, id string, l *longList) (status int, code wallet.Code, cause error) {
	err := l.write(w, id)
	if failedMidway(err) {
		code = shown(err).Code
	}
	return http.StatusOK, code, err
}

// cut closes the connection of an answer that was cut short.
func cut(err error) {
	var short *cutShort
	if errors.As(err, &short) {
		panic(http.ErrAbortHandler)
	}
}

// failedMidway says whether an answer was cut short by a failure of ours.
func failedMidway(err error) bool {
	var short *cutShort
	return errors.As(err, &short) && !short.gone
}
