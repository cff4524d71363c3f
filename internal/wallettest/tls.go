package wallettest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/wallet"
)

// Operator is who sets a test's world up beyond the sample one.
var Operator = wallet.Caller{Kind: wallet.Operator, From: wallet.Origin{Address: "local", Agent: "a test"}}

// startTLS answers over TLS too, as `purser dev` does: it asks for a client certificate and leaves
// the rest to auth.
func (s *Server) startTLS() {
	s.t.Helper()
	certificate, key, err := s.Service.ServerCertificate(context.Background(), Operator, []string{"127.0.0.1"})
	if err != nil {
		s.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(pki.PEM(certificate), []byte(key.Reveal()))
	if err != nil {
		s.t.Fatal(err)
	}
	listener := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*s.handler.Load()).ServeHTTP(w, r)
	}))
	listener.Config.ErrorLog = log.New(s.log, "", 0)
	listener.Config.DisableGeneralOptionsHandler = true
	listener.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	listener.StartTLS()
	s.t.Cleanup(listener.Close)
	s.TLSURL = listener.URL
}

// OverTLS sends over TLS, with the client certificate, or without one for nil.
func OverTLS(certificate *tls.Certificate) Option {
	return func(m *message) {
		m.tls = &tls.Config{}
		if certificate != nil {
			m.tls.Certificates = []tls.Certificate{*certificate}
		}
	}
}

// Resuming goes on with the sessions in the cache, and keeps new ones there. It stands behind OverTLS.
func Resuming(cache tls.ClientSessionCache) Option {
	return func(m *message) { m.tls.ClientSessionCache = cache }
}

// TLS is the configuration that trusts the server, by the server's own clock.
func (s *Server) TLS() *tls.Config {
	_, _, authority := s.Manifest.TLSFiles()
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(authority))
	return &tls.Config{RootCAs: trusted, Time: s.Wall.Now}
}

func (s *Server) dialTLS(config *tls.Config) net.Conn {
	s.t.Helper()
	ours := s.TLS()
	ours.Certificates, ours.ClientSessionCache = config.Certificates, config.ClientSessionCache
	connection, err := tls.Dial("tcp", strings.TrimPrefix(s.TLSURL, "https://"), ours)
	if err != nil {
		s.t.Fatal(err)
	}
	return connection
}

// ShopCertificate is the certificate of the sample world's client shop.
func (s *Server) ShopCertificate() *tls.Certificate {
	s.t.Helper()
	certificate, key, _ := s.Manifest.TLSFiles()
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		s.t.Fatal(err)
	}
	return &pair
}

// NewCertificate gives a client another certificate, as an operator would sign it.
func (s *Server) NewCertificate(client int64) *tls.Certificate {
	s.t.Helper()
	key, request, err := pki.NewKey()
	if err != nil {
		s.t.Fatal(err)
	}
	signed, err := s.Service.SignCertificate(context.Background(), Operator, client, request, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(pki.PEM(signed), []byte(key.Reveal()))
	if err != nil {
		s.t.Fatal(err)
	}
	return &pair
}

// ForgetNonces takes the process's own memory of nonces away, as if another process were asked.
func (s *Server) ForgetNonces() {
	s.t.Helper()
	s.forget = true
	s.Restart()
	s.forget = false
}
