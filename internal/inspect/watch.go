package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/trouble"
	"github.com/purserhq/purser/internal/wallet"
)

// CountStatements is a context in which SQL statements are counted, and their count so far.
type CountStatements func(context.Context) (counted context.Context, statements func() int64)

// Decided is what the API made of a request.
type Decided struct {
	// ID and Route are the API's names of the request and of what answered it.
	ID, Route string
	// Caller is who was recognised; nobody where the request was not proven.
	Caller wallet.Caller
	// Decisions are what was decided about the caller, in turn.
	Decisions []wallet.Decision
	// Code is that of Err, empty where there is none.
	Code wallet.Code
	Err  error
}

// recordKey is where the record of a request is in its context.
type recordKey struct{}

// Before is a handler that keeps each request that another one answers.
func (i *Inspector) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := i.WallClock()
		record := &Record{
			At: began.UTC(), Method: r.Method, Target: MaskTarget(r.RequestURI), Address: i.Proof.Address(r), Agent: r.UserAgent(),
		}
		i.look(record, r)
		counted, statements := i.Count(context.WithValue(r.Context(), recordKey{}, record))
		answer := &watched{ResponseWriter: w}
		ended := false
		defer func() { // also where there is no answer at all
			if record.Seconds, record.Statements = i.WallClock().Sub(began).Seconds(), statements(); ended && answer.status == 0 {
				answer.status = http.StatusOK
			}
			record.Status, record.Trouble = answer.status, w.Header().Get(trouble.Header)
			if record.ID == "" {
				record.ID = i.newID()
			}
			i.add(record)
		}()
		next.ServeHTTP(answer, r.WithContext(counted))
		ended = true
	})
}

// look fills in what is known before anybody decides, and keeps what can be sent again.
func (i *Inspector) look(record *Record, r *http.Request) {
	s := &record.sent
	*s = sent{method: r.Method, target: r.RequestURI, host: r.Host, header: r.Header.Clone(), whole: r.Header.Get("Expect") == ""}
	if s.whole && r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		s.whole = err == nil && len(body) <= maxBody
		r.Body = rest{io.MultiReader(bytes.NewReader(body), failing{err, r.Body}), r.Body}
		if s.whole {
			s.body = body
		}
	}
	record.Body = max(len(s.body), int(r.ContentLength))
	record.Caller = "nobody"
	seen, err := i.Proof.Look(r.Context(), r)
	if err != nil {
		record.Signature = "could not be looked at: " + err.Error()
		return
	}
	s.seen, s.certified = seen, seen.Header == nil && seen.Client != nil
	record.Signature = signature(seen, len(r.Header["Authorization"]) > 0)
	if seen.Header != nil {
		signed := seen.Signed
		signed.Target = MaskTarget(signed.Target)
		record.Signed = strings.Split(strings.TrimSuffix(signed.Normalized(), "\n"), "\n")
	}
	if seen.Client != nil {
		record.ClientID = seen.Client.ID
		record.Caller = fmt.Sprintf("says to be client %d", seen.Client.ID)
	}
	if seen.Token != nil {
		record.UserID = seen.Token.UserID
		record.Caller = fmt.Sprintf("says to have a token of user %d in client %d", seen.Token.UserID, seen.Token.ClientID)
	}
}

// signature says what was found of one.
func signature(seen auth.Seen, given bool) string {
	switch {
	case seen.Header == nil && seen.Client != nil:
		return "none, but a certificate"
	case seen.Header == nil && given:
		return "cannot be read"
	case seen.Header == nil:
		return "none"
	case seen.Client == nil:
		return "by nobody that is known"
	case seen.Matches:
		return "matches"
	}
	return "does not match"
}

// Decided adds what the API made of a request, which is the one of the context.
func (i *Inspector) Decided(ctx context.Context, d Decided) {
	record, ok := ctx.Value(recordKey{}).(*Record)
	if !ok {
		return
	}
	record.ID, record.Route, record.Code, record.Decision = d.ID, d.Route, string(d.Code), "allowed"
	if c := d.Caller; c.Client != nil {
		record.ClientID, record.UserID, record.Caller = c.Client.ID, c.UserID(), c.Name()
		record.ProjectID, record.LocationID = c.ProjectID, c.LocationID
	} else if d.Caller.Kind == wallet.Anonymous {
		record.Caller = "anybody: nobody looks at the signature"
	}
	if d.Err == nil {
		record.Reason = grounds(d.Decisions)
		return
	}
	record.Decision = "refused"
	var known *wallet.Error
	if !errors.As(d.Err, &known) {
		record.Decision, record.Reason = "failed", "the log of the server says why"
		return
	}
	record.Reason = known.Description
	if refusal := known.Refusal; refusal != nil {
		record.Reason = refusal.Reason
		record.ProjectID, record.LocationID = max(record.ProjectID, refusal.ProjectID), max(record.LocationID, refusal.LocationID)
	}
}

// grounds says why a request was allowed: what each decision saw, once.
func grounds(decisions []wallet.Decision) string {
	var all []string
	for _, d := range decisions {
		if said := d.Grounds(); said != "" && !slices.Contains(all, said) {
			all = append(all, said)
		}
	}
	return strings.Join(all, ". ")
}

// rest is a body of which some was read already.
type rest struct {
	io.Reader
	io.Closer
}

// failing goes on where reading was, unless that had failed.
type failing struct {
	err  error
	from io.Reader
}

func (f failing) Read(to []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.from.Read(to)
}

// watched is an answer whose status is noticed.
type watched struct {
	http.ResponseWriter
	status int
}

// WriteHeader notices the status.
func (a *watched) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *watched) Write(part []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(part)
}

// Unwrap lets the answer be sent in pieces.
func (a *watched) Unwrap() http.ResponseWriter { return a.ResponseWriter }
