package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// World is what files are played in: how a server is reached, and what can be done to it from outside. A function that is nil
// is something that cannot be done; Lacks says which files need it.
type World struct {
	// Send sends a message, fills in its Host, and signs it at Now.
	Send func(ctx context.Context, m Message) (*Answer, error)
	// Credentials are what a client of that name, or a token as "token:1234", signs with.
	Credentials func(name string) (walletapi.MAC, bool)
	// Secrets are texts that must not be in a report, beside those that the files themselves bring about.
	Secrets []string
	// Now is the clock that signatures are judged by.
	Now func() time.Time
	// HasCertificate says whether Send knows a TLS client certificate of that client.
	HasCertificate func(name string) bool
	// Later moves the business clock on.
	Later func(ctx context.Context, by time.Duration) error
	// After does something at a time that is so much later by the business clock, and goes back.
	After func(ctx context.Context, by time.Duration, do func() error) error
	// Operate does what a line of the operator says.
	Operate func(ctx context.Context, line string) error
	// Code is the last code that somebody was sent.
	Code func(ctx context.Context) (string, error)
}

// Lacks says what the world cannot do of what a file needs; empty when nothing is missing.
func (w World) Lacks(exchanges []Exchange) string {
	var missing []string
	lacks := func(what string) {
		if !slices.Contains(missing, what) {
			missing = append(missing, what)
		}
	}
	for _, e := range exchanges {
		switch {
		case len(e.Before) > 0 && w.Operate == nil:
			lacks("an operator (!)")
		case e.Later != 0 && w.Later == nil || e.After != 0 && w.After == nil:
			lacks("a clock that can be moved (later, after)")
		case strings.Contains(e.said(), codeWord) && w.Code == nil:
			lacks("to read what people are sent (<code>)")
		case e.Certificate != "" && (w.HasCertificate == nil || !w.HasCertificate(e.Certificate)):
			lacks("TLS with the certificate of " + e.Certificate)
		default:
			if why := w.lacksSigner(e.As); why != "" {
				lacks(why)
			}
		}
	}
	if missing == nil {
		return ""
	}
	return "it needs " + strings.Join(missing, ", ")
}

// lacksSigner says that nobody of that name can sign.
func (w World) lacksSigner(as string) string {
	if as == Anonymous || as == registeredName || as == tokenName || strings.HasPrefix(as, tokenName+" ") {
		return ""
	}
	if _, ok := w.Credentials(as); ok {
		return ""
	}
	return "the credentials of " + as
}

// Play makes the requests of a file, one after the other, and compares the answers: byte for byte, but for what a server
// makes up anew. An error says that a request got no answer.
func (w World) Play(ctx context.Context, exchanges []Exchange) ([]Difference, error) {
	var said Memory
	var all []Difference
	for _, e := range exchanges {
		found, err := w.play(ctx, e, &said)
		for i := range found {
			found[i].mask(slices.Concat(w.Secrets, said.secrets()))
		}
		if all = append(all, found...); err != nil {
			return all, fmt.Errorf("line %d: %s %s: %w", e.Line, e.Method, e.Target, err)
		}
	}
	return all, nil
}

func (w World) play(ctx context.Context, e Exchange, said *Memory) (differences []Difference, err error) {
	for _, line := range e.Before {
		if err := w.Operate(ctx, line); err != nil {
			differences = append(differences, Difference{
				Line: e.Line, Request: e.Method + " " + e.Target, What: "before", Want: "! " + line, Got: err.Error(),
			})
		}
	}
	m, err := w.message(ctx, e, said)
	if err != nil {
		return differences, err
	}
	want := said.Recall(e.Answer, true)
	if e.Later != 0 {
		if err := w.Later(ctx, e.Later); err != nil {
			return differences, err
		}
	}
	var answer *Answer
	send := func() (err error) {
		answer, err = w.Send(ctx, m)
		return err
	}
	if e.After != 0 {
		err = w.After(ctx, e.After, send)
	} else {
		err = send()
	}
	if err != nil {
		return differences, err
	}
	said.Learn(answer.Header, answer.Body)
	return append(differences, compare(e, want, answer)...), nil
}

// message is the request of an exchange, with what is remembered in the place of words.
func (w World) message(ctx context.Context, e Exchange, said *Memory) (m Message, err error) {
	m = Message{Method: e.Method, Certificate: e.Certificate, ContentType: "application/json"}
	if e.Form {
		m.ContentType = "application/x-www-form-urlencoded"
	}
	if m.Target, err = w.recall(ctx, said, e.Target); err != nil {
		return m, err
	}
	if m.Body, err = w.recall(ctx, said, e.Body); err != nil {
		return m, err
	}
	for _, header := range e.Headers {
		value, err := w.recall(ctx, said, header[1])
		if err != nil {
			return m, err
		}
		m.Headers = append(m.Headers, header[0]+": "+value)
	}
	if e.TS != 0 {
		m.Signing = append(m.Signing, func(r *walletapi.Request) {
			r.TS = strconv.FormatFloat(float64(w.Now().Unix())+e.TS, 'f', -1, 64)
		})
	}
	if e.Ext != "" {
		ext := e.Ext
		if m.Body != "" {
			ext = walletapi.Ext{BodyHash: walletapi.BodyHash([]byte(m.Body)), HasBodyHash: true}.String() + "&" + ext
		}
		m.Ext = &ext
	}
	known := false
	if m.MAC, known = said.Signer(e.As); known || e.As == Anonymous {
		return m, nil
	}
	if m.MAC, known = w.Credentials(e.As); !known {
		return m, fmt.Errorf("nobody is called %q", e.As)
	}
	return m, nil
}

// errNoCode says that a request needs a code, and nobody can read one.
var errNoCode = errors.New("what people are sent cannot be read here")

// recall puts what is remembered in the place of its words in a request, and the last code that somebody was sent.
func (w World) recall(ctx context.Context, said *Memory, text string) (string, error) {
	text = said.Recall(text, false)
	if !strings.Contains(text, codeWord) {
		return text, nil
	}
	if w.Code == nil {
		return "", errNoCode
	}
	code, err := w.Code(ctx)
	return strings.ReplaceAll(text, codeWord, code), err
}
