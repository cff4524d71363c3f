package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/walletapi"
)

// selfSigned writes a certificate for 127.0.0.1 and its key, and returns who trusts it.
func selfSigned(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "purser test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(certificate)
	return pool
}

// serving is a `purser serve` inside the test's process.
type serving struct {
	address string
	stop    context.CancelFunc
	status  chan int
}

func startServe(t *testing.T, data string, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{stop: cancel, status: make(chan int, 1)}
	p := &program{
		in: strings.NewReader(""), out: io.Discard, err: io.Discard, now: time.Now, random: secret.NewIDs([32]byte{}),
		env: func(name string) string {
			return map[string]string{"PURSER_KEK": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}[name]
		},
	}
	go func() {
		s.status <- run(ctx, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...), p)
	}()
	t.Cleanup(cancel)
	s.address = awaitHolder(t, data, os.Getpid()).Address
	return s
}

// end stops the server and expects it to go in peace, within the bound.
func (s *serving) end(t *testing.T) {
	t.Helper()
	s.stop()
	select {
	case status := <-s.status:
		if status != 0 {
			t.Errorf("serve ended with status %d", status)
		}
	case <-time.After(15 * time.Second):
		t.Error("serve did not end")
	}
}

// An operator runs purser with a certificate: phones and shops call it over TLS, with HTTP/2
// or without, and a stranger's signature is refused like any other.
func TestServeOverTLS(t *testing.T) {
	data := shortFolder(t)
	trusted := selfSigned(t, data)
	s := startServe(t, data, "--tls-certificate", filepath.Join(data, "cert.pem"), "--tls-key", filepath.Join(data, "key.pem"))
	if !strings.HasPrefix(s.address, "https://127.0.0.1:") {
		t.Fatalf("it answers at %s", s.address)
	}
	for _, http2 := range []bool{false, true} {
		client := walletapi.Client{
			BaseURL: s.address, Auth: walletapi.MAC{ID: "stranger", Secret: "not a key"},
			HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: http2}},
		}
		answer, err := client.Do(context.Background(), walletapi.Call{Method: "GET", Target: "/rest/v1/server"})
		if err != nil || answer.Status != http.StatusOK {
			t.Fatalf("HTTP/2 %v: %v, %v", http2, answer, err)
		}
		answer, err = client.Do(context.Background(), walletapi.Call{Method: "GET", Target: "/rest/v1/project/1221"})
		if err != nil || answer.Status != http.StatusUnauthorized || !json.Valid(answer.Body) {
			t.Fatalf("HTTP/2 %v: %v, %v", http2, answer, err)
		}
	}
	s.end(t)
}

// The server is told to stop while a client is still sending: it takes no new connections, lets
// that request end, and then goes.
func TestStoppingLetsRunningRequestsEnd(t *testing.T) {
	data := shortFolder(t)
	s := startServe(t, data, "--behind-proxy", "--origin", "https://wallet.example")
	host := strings.TrimPrefix(s.address, "http://")
	slow, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprintf(slow, "POST /rest/v1/nothing HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n\r\nab", host)
	time.Sleep(100 * time.Millisecond) // until it is being read
	s.stop()
	for range 100 {
		another, err := net.Dial("tcp", host)
		if err != nil {
			break
		}
		another.Close()
		time.Sleep(10 * time.Millisecond)
	}
	if another, err := net.Dial("tcp", host); err == nil {
		another.Close()
		t.Error("it still takes connections")
	}
	fmt.Fprint(slow, "cd")
	answer, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatalf("the running request got no answer: %v", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusNotFound || !bytes.Contains(body, []byte(`"error":"not_found"`)) {
		t.Errorf("%d %s, %v", answer.StatusCode, body, err)
	}
	s.end(t)
}

// Who stops a server while it starts has stopped it, like anybody who does so later; what else went wrong is said.
func TestAServerIsStoppedWhileItStarts(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	s := &server{program: &program{}}
	broken := errors.New("the disk is full")
	for _, tc := range []struct {
		ctx       context.Context
		err, want error
	}{
		{stopped, fmt.Errorf("opening the database: %w", context.Canceled), nil},
		{stopped, broken, broken},
		{t.Context(), context.Canceled, context.Canceled},
		{t.Context(), nil, nil},
	} {
		if got := s.ended(tc.ctx, tc.err); !errors.Is(got, tc.want) || tc.want == nil && got != nil {
			t.Errorf("%v ends it with %v, want %v", tc.err, got, tc.want)
		}
	}
}
