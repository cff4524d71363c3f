package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/diagnosis"
	"github.com/purserhq/purser/internal/exchange"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/inspect"
	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

// hearing is `purser conform --listen`: a fresh sandbox that listens to a client under test.
type hearing struct {
	v   *verb
	box *toolbox

	mu     sync.Mutex
	client *exchange.Client
	said   exchange.Memory
	// keys are those of the sample world and those that were given out, by what one signs as.
	keys map[string]string
	// nonces are what was signed with: id, ts and nonce.
	nonces map[[3]string]bool
}

// hear answers a client until the program is told to stop, or for a time, and reports.
func (v *verb) hear(address string, limit time.Duration) (err error) {
	folder, err := os.MkdirTemp("", "purser-conform-")
	if err != nil {
		return err
	}
	s := &server{program: v.program}
	settings(v.program, &cobra.Command{}, &s.config, s.config.common, s.config.sandboxed)
	s.config.data, s.config.listen, s.config.logLevel = folder, address, "error"
	h := &hearing{v: v, client: exchange.NewClient(httpapi.Patterns()), keys: map[string]string{}, nonces: map[[3]string]bool{}}
	err = h.run(s, limit)
	if closed := s.close(); err == nil {
		err = closed
	}
	if removed := os.RemoveAll(folder); err == nil {
		err = removed
	}
	if err != nil {
		return err
	}
	h.mu.Lock() // for who was cut off
	report := h.client.Report()
	h.mu.Unlock()
	if v.json {
		err = v.writeJSON(report)
	} else {
		_, err = io.WriteString(v.out, visibleLines(report.String()))
	}
	if err == nil && !report.Conforms() {
		err = exitStatus(1)
	}
	return err
}

// run is a sandbox for as long as it listens.
func (h *hearing) run(s *server, limit time.Duration) error {
	ctx := h.v.ctx
	if err := s.openLog(s.err, true); err != nil {
		return err
	}
	if err := s.openFolder(); err != nil {
		return err
	}
	s.box = &toolbox{now: s.now, hear: h.before}
	h.box = s.box
	if _, err := s.openSandbox(ctx); err != nil {
		return err
	}
	if err := s.listenOperator(); err != nil {
		return err
	}
	manifest, err := s.describeWorld(ctx)
	if err != nil {
		return err
	}
	h.know(manifest)
	to := h.v.out
	if h.v.json {
		to = h.v.err
	}
	fmt.Fprintf(to, "Listening at %s, and over TLS at %s, until Ctrl-C; credentials are in %s.\n", manifest.BaseURL, manifest.TLSBaseURL, filepath.Join(s.config.data, sandbox.ManifestFile))
	if limit > 0 {
		var stop func()
		ctx, stop = context.WithTimeout(ctx, limit)
		defer stop()
	}
	return s.wait(ctx)
}

// heard puts who looks at each request and its answer before the rest.
func (b *toolbox) heard(rest http.Handler) http.Handler {
	if b.hear == nil {
		return rest
	}
	return b.hear(rest)
}

// know takes in who signs with what.
func (h *hearing) know(m *sandbox.Manifest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range m.Clients {
		h.keys[c.ID] = c.MACKey
	}
	for _, t := range m.Tokens {
		h.keys[t.AccessToken] = t.MACKey
	}
}

// maxHeard bounds what is kept of a body, in bytes.
const maxHeard = 1 << 20

// before looks at each request and its answer.
func (h *hearing) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := exchange.Seen{
			At: h.v.now(), Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone(),
			Certified: r.TLS != nil && len(r.TLS.PeerCertificates) > 0,
		}
		if r.Header.Get("Expect") == "" && r.Body != nil {
			body, err := io.ReadAll(io.LimitReader(r.Body, maxHeard))
			if err == nil { // otherwise the API finds out
				seen.Body = body
			}
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		}
		answer := &heard{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		seen.Status = answer.status
		h.take(seen, answer)
	})
}

// heard is an answer that is kept.
type heard struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader notices the status.
func (a *heard) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *heard) Write(part []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.body.Len()+len(part) <= maxHeard {
		a.body.Write(part)
	}
	return a.ResponseWriter.Write(part)
}

// Unwrap lets the answer be sent in pieces.
func (a *heard) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// take looks at a request and its answer, counts it, and shows it.
func (h *hearing) take(seen exchange.Seen, answer *heard) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var refused walletapi.APIError
	if seen.Status >= http.StatusBadRequest {
		json.Unmarshal(answer.body.Bytes(), &refused) // otherwise there is nothing to say
		seen.Fields = refused.Properties
	}
	d := h.judge(&seen)
	h.said.Learn(answer.Header(), answer.body.String())
	for _, mac := range h.said.Issued() {
		h.keys[mac.ID] = mac.Secret
	}
	h.client.Add(seen)
	if h.v.json {
		return
	}
	record, _ := h.box.inspector.Find(answer.Header().Get("paysera-correlation-id"))
	text := fmt.Sprintf("%s  %s %s  %s  %d", seen.At.UTC().Format("15:04:05"), seen.Method, inspect.MaskTarget(seen.Target), record.Caller, seen.Status)
	if refused.Code != "" {
		text += " " + string(refused.Code)
	}
	fmt.Fprint(h.v.out, visibleLines(text+"\n"+h.wrong(seen, d)))
}

// judge adds what is wrong with a signature. The diagnosis is nil where nothing can be said of it.
func (h *hearing) judge(seen *exchange.Seen) *diagnosis.Diagnosis {
	add := func(cause, title, cure string) {
		seen.Mistakes = append(seen.Mistakes, exchange.Mistake{Cause: cause, Title: title, Cure: cure})
	}
	given := seen.Header.Get("Authorization")
	if given == "" {
		if seen.Status == http.StatusUnauthorized {
			add("not_signed", "The request is not signed", "Send Authorization: MAC id=\"…\", ts=\"…\", nonce=\"…\", mac=\"…\".")
		}
		return nil
	}
	header, err := walletapi.ParseAuthorization(given)
	if err != nil {
		if seen.Status == http.StatusUnauthorized {
			add("header_unreadable", "The Authorization header cannot be read", sentence(macPlain(err).Error()))
		}
		return nil
	}
	seen.Authorization = &header
	once := [3]string{header.ID, header.TS, header.Nonce}
	seen.NonceAgain, h.nonces[once] = h.nonces[once], true
	key, known := h.keys[header.ID]
	if !known {
		if seen.Status == http.StatusUnauthorized {
			add("id_unknown", "The id is nobody's here", "Sign with the id and the mac_key of a client in sandbox.json, or with an access_token and the mac_key that came with it.")
		}
		return nil
	}
	d := diagnosis.Explain(diagnosis.Evidence{
		Request: diagnosis.Request{Method: seen.Method, Target: seen.Target, Host: seen.Host, Authorization: header, Body: seen.Body},
		Key:     key, OtherKeys: h.others(header.ID), Now: seen.At, NonceUsed: seen.NonceAgain && seen.Status == http.StatusUnauthorized, PlainHTTP: true,
	})
	for _, f := range d.Findings {
		if !isRight(f) {
			seen.Mistakes = append(seen.Mistakes, exchange.Mistake{Cause: string(f.Cause), Title: f.Cause.Title(), Cure: f.Cause.Cure(), Tolerated: f.Tolerated || seen.Status < http.StatusBadRequest})
		}
	}
	return &d
}

// isRight says whether a finding is that nothing is wrong.
func isRight(f diagnosis.Finding) bool { return f.Cause == "all_right" }

// others are the keys that a client may have taken by mistake.
func (h *hearing) others(id string) map[string]string {
	all := maps.Clone(h.keys)
	delete(all, id)
	return all
}

// sentence begins with a capital and ends with a point.
func sentence(text string) string {
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// wrong is what is shown below a request: the mistakes of a signature that was refused, and the fields.
func (h *hearing) wrong(seen exchange.Seen, d *diagnosis.Diagnosis) string {
	var b strings.Builder
	if seen.RefusedForSignature() && d != nil {
		for _, f := range d.Findings {
			fmt.Fprintf(&b, "    %s [%s]: %s\n      %s\n", f.Cause.Title(), f.Cause, f.Did, f.Cause.Cure())
		}
		masked := d.Normalized
		masked.Target = inspect.MaskTarget(masked.Target)
		b.WriteString("    what a right client signs here:\n")
		for line := range strings.Lines(diagnosis.Normalized(masked)) {
			b.WriteString("      " + line)
		}
		return b.String()
	}
	for _, m := range seen.Mistakes {
		if m.Tolerated {
			fmt.Fprintf(&b, "    tolerated: %s [%s]\n", m.Title, m.Cause)
		} else {
			fmt.Fprintf(&b, "    %s [%s]\n      %s\n", m.Title, m.Cause, m.Cure)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(seen.Fields)) {
		fmt.Fprintf(&b, "    %s: %s\n", field, strings.Join(seen.Fields[field], "; "))
	}
	return b.String()
}
