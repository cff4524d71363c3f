package inspect

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Replayed is what became of a request that was sent again.
type Replayed struct {
	// ID is what it is called this time; empty where no answer says so.
	ID     string `json:"request_id,omitempty"`
	Status int    `json:"status"`
	// Body is the answer without what is secret in it.
	Body string `json:"body"`
}

// maxAnswer is how much of an answer is shown, in bytes.
const maxAnswer = 1 << 20

// Replay sends a request again to the server at an address, scheme, host and port: as it was, with a new time, nonce and
// signature. An idempotency key is the same as before. It fails with NotFound and InvalidState.
func (i *Inspector) Replay(ctx context.Context, id, address string) (Replayed, error) {
	var out Replayed
	r, ok := i.Find(id)
	if !ok {
		return out, wallet.Errorf(wallet.NotFound, "there is no request %q among the last ones that this sandbox keeps: `purser logs` shows them.", id)
	}
	s := r.sent
	switch {
	case !s.whole:
		return out, wallet.Errorf(wallet.InvalidState, "the body of this request was too long to be kept: send it again from where it came.")
	case s.certified:
		return out, wallet.Errorf(wallet.InvalidState, "a certificate proved this request, and its key is not here: send it again from where it came.")
	}
	request, err := http.NewRequestWithContext(ctx, s.method, address, bytes.NewReader(s.body))
	if err != nil {
		return out, fmt.Errorf("making the request again: %w", err)
	}
	path, query, _ := strings.Cut(s.target, "?")
	request.URL.Opaque, request.URL.RawQuery = path, query // as it was written, never encoded anew
	if !strings.HasPrefix(path, "/") {
		return out, wallet.Errorf(wallet.InvalidState, "this request has no path: send it again from where it came.")
	}
	request.Host, request.Header = s.host, s.header.Clone()
	for _, name := range []string{"Content-Length", "Connection", "Accept-Encoding"} {
		request.Header.Del(name)
	}
	if s.seen.Header != nil {
		header, err := i.signAnew(s)
		if err != nil {
			return out, err
		}
		request.Header.Set("Authorization", header)
	}
	answer, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(request)
	if err != nil {
		return out, wallet.Errorf(wallet.ServiceUnavailable, "there was no answer: the request is among the last ones all the same.")
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return out, wallet.Errorf(wallet.ServiceUnavailable, "the answer broke off: the request is among the last ones all the same.")
	}
	return Replayed{ID: answer.Header.Get("Paysera-Correlation-Id"), Status: answer.StatusCode, Body: MaskJSON(body)}, nil
}

// signAnew is the Authorization header of a request that is sent now.
func (i *Inspector) signAnew(s sent) (string, error) {
	var nonce [16]byte
	if _, err := io.ReadFull(i.Random, nonce[:]); err != nil {
		return "", err
	}
	signed := s.seen.Signed
	signed.TS, signed.Nonce = strconv.FormatInt(i.WallClock().Unix(), 10), hex.EncodeToString(nonce[:])
	mac, ok := i.Proof.Sign(s.seen, signed)
	if !ok {
		return "", wallet.Errorf(wallet.InvalidState, "nobody is known who could sign this request: its id is nobody's, or its keys have ended.")
	}
	return walletapi.Authorization{
		ID: s.seen.Header.ID, TS: signed.TS, Nonce: signed.Nonce, MAC: base64.StdEncoding.EncodeToString(mac[:]), Ext: signed.Ext,
	}.String(), nil
}
