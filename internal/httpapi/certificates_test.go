package httpapi_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// The seeds' example: a balance in the context of a project, which stands in ext beside a MAC and in
// a header beside a certificate. Both answer the same.
func TestCertificatesAndMACsSpeakForAProject(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		byMAC := server.Send("shop", "GET", "/rest/v1/wallet/14471/balance", wallettest.Ext("project_id=1221"))
		expect(t, byMAC, 200, "")
		shop := wallettest.OverTLS(server.ShopCertificate())
		byCertificate := server.Send(wallettest.Anonymous, "GET", "/rest/v1/wallet/14471/balance", shop, wallettest.Header("Wallet-Api-Project-Id", "1221"))
		expect(t, byCertificate, 200, "")
		if byMAC.Body != byCertificate.Body || !strings.Contains(byMAC.Body, `"at_disposal":100000`) {
			t.Errorf("%s\n%s", byMAC.Body, byCertificate.Body)
		}
		expect(t, server.Send(wallettest.Anonymous, "GET", clientPath, shop), 200, "")
		expect(t, server.Send(wallettest.Anonymous, "GET", clientPath, wallettest.OverTLS(nil)), 401, wallet.Unauthorized)
		expect(t, server.Send("shop", "GET", clientPath, wallettest.OverTLS(nil)), 200, "")
		// A body needs no hash beside a certificate: the connection protects it.
		expect(t, server.Send(wallettest.Anonymous, "PUT", "/rest/v1/client/3", shop, wallettest.Body(`{}`)), 200, "")
	})
}

// A browser shows its certificate to whichever page has it send something: what another site's page sends is refused,
// whatever it is called, while programs, which name no site, and whoever signs are served.
func TestABrowserIsNotLedByAnotherSite(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		shop, paid := wallettest.OverTLS(server.ShopCertificate()), wallettest.Body(`{"description":"x","price":100,"currency":"EUR"}`)
		for _, header := range [][2]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
			from := wallettest.Header(header[0], header[1])
			expect(t, server.Send(wallettest.Anonymous, "POST", "/rest/v1/payment", shop, paid, from), 403, wallet.Forbidden)
			expect(t, server.Send("shop", "POST", "/rest/v1/payment", paid, from), 200, "")
			expect(t, server.Send(wallettest.Anonymous, "GET", clientPath, shop, from), 200, "")
		}
		expect(t, server.Send(wallettest.Anonymous, "POST", "/rest/v1/payment", shop, paid, wallettest.Header("Sec-Fetch-Site", "same-origin")), 200, "")
		expect(t, server.Send(wallettest.Anonymous, "POST", "/rest/v1/payment", shop, paid), 200, "")
	})
}

// Headers that do not say a number are refused by the name of the field.
func TestContextHeadersBesideACertificate(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, c := range []struct {
			headers [][2]string
			status  int
			code    wallet.Code
			field   string
		}{
			{[][2]string{{"Wallet-Api-Project-Id", "1222"}}, 200, "", ""},
			{[][2]string{{"wallet-api-location-id", "456"}}, 200, "", ""},
			{[][2]string{{"Wallet-Api-Project-Id", "123"}, {"Wallet-Api-Location-Id", "456"}}, 200, "", ""},
			{[][2]string{{"Wallet-Api-Project-Id", "1222"}, {"Wallet-Api-Location-Id", "456"}}, 403, wallet.Forbidden, ""},
			{[][2]string{{"Wallet-Api-Project-Id", "1300"}}, 403, wallet.Forbidden, ""},
			{[][2]string{{"Wallet-Api-Project-Id", "9999"}}, 404, wallet.NotFound, ""},
			{[][2]string{{"Wallet-Api-Location-Id", "9999"}}, 404, wallet.NotFound, ""},
			{[][2]string{{"Wallet-Api-Project-Id", "abc"}}, 400, wallet.InvalidParameters, "project_id"},
			{[][2]string{{"Wallet-Api-Project-Id", ""}}, 400, wallet.InvalidParameters, "project_id"},
			{[][2]string{{"Wallet-Api-Project-Id", "1221, 1222"}}, 400, wallet.InvalidParameters, "project_id"},
			{[][2]string{{"Wallet-Api-Project-Id", "1221"}, {"Wallet-Api-Project-Id", "1221"}}, 400, wallet.InvalidParameters, "project_id"},
			{[][2]string{{"Wallet-Api-Location-Id", "-1"}}, 400, wallet.InvalidParameters, "location_id"},
			{[][2]string{{"Wallet-Api-Location-Id", "4.5"}}, 400, wallet.InvalidParameters, "location_id"},
		} {
			options := []wallettest.Option{wallettest.OverTLS(server.ShopCertificate())}
			for _, h := range c.headers {
				options = append(options, wallettest.Header(h[0], h[1]))
			}
			answer := server.Send(wallettest.Anonymous, "GET", clientPath, options...)
			expect(t, answer, c.status, c.code)
			if c.field != "" && answer.Error.Properties[c.field] == nil {
				t.Errorf("%v: %s is not named: %s", c.headers, c.field, answer.Body)
			}
		}
	})
}

// isCode says whether an error is the one with that code.
func isCode(err error, code wallet.Code) bool {
	var known *wallet.Error
	return errors.As(err, &known) && known.Code == code
}

// issued is a certificate that somebody made, with its key.
type issued struct {
	x   *x509.Certificate
	key crypto.Signer
}

func (i issued) pair() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{i.x.Raw}, PrivateKey: i.key}
}

// selfMade is a certificate that its holder signed, as one would bring it to be pinned.
func selfMade(t *testing.T, key *ecdsa.PrivateKey, from time.Time, change ...func(*x509.Certificate)) issued {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(from.Unix()), Subject: pkix.Name{CommonName: "a shop"}, NotBefore: from, NotAfter: from.Add(30 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	for _, c := range change {
		c(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issued{x, key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// byCertificate asks who the certificate stands for, and holds the reason that the operator sees
// against what it should be; empty when it should be let in.
func byCertificate(t *testing.T, server *wallettest.Server, certificate *tls.Certificate, reason string) {
	t.Helper()
	answer := server.Send(wallettest.Anonymous, "GET", clientPath, wallettest.OverTLS(certificate))
	if reason == "" {
		expect(t, answer, 200, "")
		return
	}
	refusedFor(t, server, answer, reason)
}

func refusedFor(t *testing.T, server *wallettest.Server, answer *wallettest.Answer, reason string) {
	t.Helper()
	expect(t, answer, 401, wallet.Unauthorized)
	if answer.Status != 401 {
		return
	}
	why, err := server.Service.ExplainRefusal(context.Background(), wallettest.Operator, answer.Header.Get("paysera-correlation-id"))
	if err != nil || !strings.Contains(strings.ToLower(why.Reason), strings.ToLower(reason)) {
		t.Errorf("refused for %q, %v; want %q", why.Reason, err, reason)
	}
	if strings.Contains(answer.Body, reason) {
		t.Errorf("the stranger is told why: %s", answer.Body)
	}
}

// A certificate is good while it is valid, made for clients, this server's or pinned, and not revoked:
// for each of these one that is not is refused, and the operator can see for which.
func TestCertificatesThatAreNotGood(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		ctx, now := context.Background(), server.Wall.Now()
		byCertificate(t, server, server.ShopCertificate(), "")

		_, csr, err := pki.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.Service.SignCertificate(ctx, wallettest.Operator, 99, csr, 0); !isCode(err, wallet.NotFound) {
			t.Errorf("signed for nobody: %v", err)
		}

		// Another authority signs for the very name of the shop: it is not ours.
		other, err := pki.NewAuthority("another authority", now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		text, csr, err := pki.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		signed, err := other.SignClient(csr, pki.Client{ID: 1, MACID: "wkVd93h2uS"}, now, time.Hour, "")
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := tls.X509KeyPair(pki.PEM(signed), []byte(text.Reveal()))
		if err != nil {
			t.Fatal(err)
		}
		byCertificate(t, server, &foreign, "no client has this certificate")

		// Our own authority's, but made for a server.
		certificate, key, err := server.Service.ServerCertificate(ctx, wallettest.Operator, []string{"127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		servers, err := tls.X509KeyPair(pki.PEM(certificate), []byte(key.Reveal()))
		if err != nil {
			t.Fatal(err)
		}
		byCertificate(t, server, &servers, "not made for TLS clients")
		if _, err := server.Service.PinCertificate(ctx, wallettest.Operator, 3, pki.PEM(certificate)); !isCode(err, wallet.InvalidParameters) {
			t.Errorf("a server's certificate can be pinned: %v", err)
		}

		// Valid from tomorrow on, and for a month.
		future := selfMade(t, newKey(t), now.Add(24*time.Hour))
		if _, err := server.Service.PinCertificate(ctx, wallettest.Operator, 3, pki.PEM(future.x)); err != nil {
			t.Fatal(err)
		}
		byCertificate(t, server, future.pair(), "not valid yet")
		server.Wall.Advance(25 * time.Hour)
		byCertificate(t, server, future.pair(), "")
		server.Wall.Advance(30 * 24 * time.Hour)
		byCertificate(t, server, future.pair(), "has expired")
	})
}

// What was pinned is that very certificate: made anew, even for the same key, it is another one until
// it is pinned too.
func TestAPinnedCertificateThatChanged(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		key := newKey(t)
		old := selfMade(t, key, server.Wall.Now().Add(-time.Hour))
		renewed := selfMade(t, key, server.Wall.Now().Add(-time.Minute))
		if _, err := server.Service.PinCertificate(context.Background(), wallettest.Operator, 2, old.x.Raw); err != nil {
			t.Fatal(err)
		}
		byCertificate(t, server, old.pair(), "")
		byCertificate(t, server, renewed.pair(), "no client has this certificate")
		if _, err := server.Service.PinCertificate(context.Background(), wallettest.Operator, 2, renewed.x.Raw); err != nil {
			t.Fatal(err)
		}
		byCertificate(t, server, renewed.pair(), "")
		byCertificate(t, server, old.pair(), "") // both, until the old one is revoked
	})
}

// A certificate is revoked while its holder is connected, and while it holds a session to resume: the
// next request is refused all the same, and the list of revoked certificates tells others.
func TestRevokedCertificates(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		ctx := context.Background()
		certificate := server.NewCertificate(3)
		x, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		sessions := tls.NewLRUClientSessionCache(4)
		resumed := func() *wallettest.Answer {
			return server.Send(wallettest.Anonymous, "GET", clientPath, wallettest.OverTLS(certificate), wallettest.Resuming(sessions))
		}
		expect(t, resumed(), 200, "")
		config := server.TLS()
		config.Certificates, config.ClientSessionCache = []tls.Certificate{*certificate}, sessions
		probe, err := tls.Dial("tcp", strings.TrimPrefix(server.TLSURL, "https://"), config)
		if err != nil {
			t.Fatal(err)
		}
		if !probe.ConnectionState().DidResume {
			t.Fatal("sessions are not resumed, so that this test shows nothing")
		}
		probe.Close()
		expect(t, resumed(), 200, "")

		if err := server.Service.RevokeCertificate(ctx, wallettest.Operator, 3, pki.Fingerprint(x)); err != nil {
			t.Fatal(err)
		}
		refusedFor(t, server, resumed(), "the certificate was revoked")
		byCertificate(t, server, certificate, "the certificate was revoked")
		der, err := server.Service.RevocationList(ctx, wallet.Caller{Kind: wallet.Anonymous}, 1)
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil || len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].SerialNumber.Cmp(x.SerialNumber) != 0 {
			t.Errorf("the list: %+v, %v", list, err)
		}
		// A MAC of the same client over the revoked certificate does not save it; without it, it signs.
		mac := wallettest.SignedBy(server.Credentials("second-shop"))
		refusedFor(t, server, server.Send("", "GET", clientPath, mac, wallettest.OverTLS(certificate)), "the certificate was revoked")
		expect(t, server.Send("", "GET", clientPath, mac, wallettest.OverTLS(nil)), 200, "")
	})
}

// A client and its token may sign on a connection with its certificate, and nobody else may.
func TestSignaturesOverACertificate(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		shop, other := wallettest.OverTLS(server.ShopCertificate()), wallettest.OverTLS(server.NewCertificate(2))
		expect(t, server.Send("shop", "GET", clientPath, shop), 200, "")
		expect(t, server.Send("token:1234", "GET", projectsPath, shop), 200, "")
		refusedFor(t, server, server.Send("shop", "GET", clientPath, other), "client 1 signed on a connection with a certificate of client 2")
		refusedFor(t, server, server.Send("token:1234", "GET", projectsPath, other), "client 1 signed on a connection with a certificate of client 2")
		// Some programs send a certificate to whoever asks: one that nobody has here says nothing.
		stranger := wallettest.OverTLS(selfMade(t, newKey(t), server.Wall.Now().Add(-time.Hour)).pair())
		expect(t, server.Send("shop", "GET", clientPath, stranger), 200, "")
		// A wrong MAC is not healed by a right certificate.
		expect(t, server.Send("shop", "GET", clientPath, shop, wallettest.Authorization("MAC id=\"wkVd93h2uS\", ts=\"1\", nonce=\"n\", mac=\"AAAA\"")), 401, wallet.Unauthorized)
	})
}

// A proxy ends TLS and passes the certificate on in a header. It is believed when it comes from the
// proxy, and says nothing when it comes from anybody else.
func TestTheProxysCertificateHeader(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		const header = "X-Client-Certificate"
		behind := func(proxies ...string) func(*auth.Options) {
			return func(o *auth.Options) {
				var err error
				if o.Proxies, err = auth.ParseProxies(proxies); err != nil {
					t.Fatal(err)
				}
				o.CertificateHeader = header
			}
		}
		trusting := wallettest.NewServer(t, address, behind("127.0.0.1"))
		pem, _, _ := trusting.Manifest.TLSFiles()
		passedOn := wallettest.Header(header, url.PathEscape(pem))
		expect(t, trusting.Send(wallettest.Anonymous, "GET", clientPath, passedOn), 200, "")
		expect(t, trusting.Send("two-shops", "GET", clientPath, passedOn), 401, wallet.Unauthorized)
		expect(t, trusting.Send("two-shops", "GET", clientPath, wallettest.Header(header, "")), 200, "")
		expect(t, trusting.Send(wallettest.Anonymous, "GET", clientPath, passedOn, passedOn), 401, wallet.Unauthorized)
		refusedFor(t, trusting, trusting.Send(wallettest.Anonymous, "GET", clientPath, wallettest.Header(header, "nonsense")), "the proxy's header holds no certificate")
		// The proxy's own certificate on its connection is not the client's.
		expect(t, trusting.Send(wallettest.Anonymous, "GET", clientPath, wallettest.OverTLS(trusting.ShopCertificate())), 401, wallet.Unauthorized)

		doubting := wallettest.NewServer(t, address, behind("10.0.0.0/8"))
		forged := doubting.Send(wallettest.Anonymous, "GET", clientPath, passedOn)
		expect(t, forged, 401, wallet.Unauthorized)
		expect(t, doubting.Send(wallettest.Anonymous, "GET", clientPath, passedOn, wallettest.Header("X-Forwarded-For", "10.0.0.1")), 401, wallet.Unauthorized)
		expect(t, doubting.Send("two-shops", "GET", clientPath, passedOn), 200, "")
	})
}

// A client is ended while its connection is open and its certificate is known from memory: the next
// request is refused, at the other server within a second.
func TestACertificateEndsWithItsClient(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		certificate := server.NewCertificate(3)
		byCertificate(t, server, certificate, "")
		if _, err := server.Service.Revoke(context.Background(), wallettest.Operator, service.Revocation{ClientID: 3}, true); err != nil {
			t.Fatal(err)
		}
		byCertificate(t, server, certificate, "the client was revoked")
		server.Restart()
		byCertificate(t, server, certificate, "was revoked")
	})
}
