package callback_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

func sandboxed(limit time.Duration) *callback.Sender {
	return callback.NewSender(callback.SenderOptions{PlainHTTP: true, Loopback: true, Clock: time.Now, Limit: limit})
}

// What a receiver answers, or does not, is told in a word. Nobody is followed anywhere, and nobody is read without end.
func TestOutcomes(t *testing.T) {
	elsewhere := 0
	mux := http.NewServeMux()
	answer := func(path string, status int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	for path, status := range map[string]int{"/ok": 200, "/created": 201, "/empty": 204, "/bad": 400, "/gone": 410, "/broken": 500} {
		answer(path, status)
	}
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere++ })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 100<<10)) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	})
	mux.HandleFunc("/dies", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	shop := httptest.NewServer(mux)
	defer shop.Close()
	stranger := httptest.NewTLSServer(mux) // with a certificate that nobody trusts
	defer stranger.Close()
	closed := httptest.NewServer(mux)
	closed.Close()
	for uri, want := range map[string]wallet.CallbackAttempt{
		shop.URL + "/ok": {Outcome: wallet.CallbackDelivered, Status: 200}, shop.URL + "/created": {Outcome: wallet.CallbackDelivered, Status: 201},
		shop.URL + "/empty": {Outcome: wallet.CallbackDelivered, Status: 204}, shop.URL + "/endless#x": {Outcome: wallet.CallbackDelivered, Status: 200},
		shop.URL + "/bad": {Outcome: wallet.CallbackRefused, Status: 400}, shop.URL + "/gone": {Outcome: wallet.CallbackRefused, Status: 410},
		shop.URL + "/broken": {Outcome: wallet.CallbackRefused, Status: 500}, shop.URL + "/moved": {Outcome: wallet.CallbackRedirected, Status: 307},
		shop.URL + "/slow": {Outcome: wallet.CallbackTimeout}, shop.URL + "/dies": {Outcome: wallet.CallbackUnreachable},
		shop.URL + "/headers": {Outcome: wallet.CallbackUnreachable}, closed.URL: {Outcome: wallet.CallbackUnreachable},
		stranger.URL: {Outcome: wallet.CallbackTLS}, strings.Replace(shop.URL, "http:", "https:", 1): {Outcome: wallet.CallbackTLS},
		"mailto:shop@example.com": {Outcome: wallet.CallbackInvalid},
	} {
		got := sandboxed(500*time.Millisecond).Send(t.Context(), wallet.Callback{URI: uri, Event: "{}"}, "c2lnbg==")
		if got.Outcome != want.Outcome || got.Status != want.Status {
			t.Errorf("%s: %+v, want %+v", uri, got, want)
		}
	}
	if elsewhere != 0 {
		t.Error("a redirect was followed")
	}
	strict := callback.NewSender(callback.SenderOptions{Loopback: true, Clock: time.Now})
	if got := strict.Send(t.Context(), wallet.Callback{URI: shop.URL + "/ok"}, ""); got.Outcome != wallet.CallbackInsecure {
		t.Errorf("over http: %+v", got)
	}
	stopped, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	if got := sandboxed(time.Minute).Send(stopped, wallet.Callback{URI: shop.URL + "/slow"}, ""); got.Outcome != wallet.CallbackInterrupted {
		t.Errorf("of a server that stops: %+v", got)
	}
}

// An event is signed byte for byte, and its id is its own.
func TestSigning(t *testing.T) {
	key, err := secret.NewRSAKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := callback.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := secret.PublicRSAKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	const event = `{"type":"reserved","object":"transaction","data":{"transaction_key":"ąč & +"}}`
	sign, err := signer.Sign(event)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := walletapi.OpenEvent(public, event, sign); err != nil || e.Data.TransactionKey != "ąč & +" {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := walletapi.OpenEvent(public, event+" ", sign); err != walletapi.ErrSignature {
		t.Errorf("other bytes: %v", err)
	}
	for _, wrong := range []secret.Text{"", "no PEM", secret.Text(public)} {
		if _, err := callback.NewSigner(wrong); err == nil {
			t.Error("what is no private key signs")
		}
	}
	first := wallet.Callback{TransactionID: 7, Number: 1, Event: event}
	ids := map[string]bool{first.EventID(): true}
	for _, other := range []wallet.Callback{{TransactionID: 7, Number: 2, Event: event}, {TransactionID: 8, Number: 1, Event: event}, {TransactionID: 7, Number: 1, Event: "{}"}} {
		ids[other.EventID()] = true
	}
	if len(ids) != 4 {
		t.Errorf("four events have the ids %v", ids)
	}
}

// Eight attempts, the last of them more than a day after the first.
func TestNextTry(t *testing.T) {
	var all time.Duration
	for attempts := 1; ; attempts++ {
		after, giveUp := callback.NextTry(attempts)
		if giveUp {
			if attempts != 8 || all < 24*time.Hour || all > 36*time.Hour {
				t.Errorf("it is given up after %d attempts in %s", attempts, all)
			}
			return
		}
		all += after
	}
}
