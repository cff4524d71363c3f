package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/secret"
)

// The house makes its authority once and stores it; after a restart it is the same one.
func TestAnAuthorityComesBackFromItsText(t *testing.T) {
	made := must(pki.NewAuthority("the house", noon, 365*day))
	c := made.Certificate
	if c.Subject.CommonName != "the house" || !c.IsCA || !c.BasicConstraintsValid || !c.MaxPathLenZero || c.MaxPathLen != 0 ||
		c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign || len(c.SubjectKeyId) == 0 {
		t.Errorf("made %+v", c)
	}
	if c.PublicKey.(*ecdsa.PublicKey).Curve != elliptic.P256() || c.CheckSignatureFrom(c) != nil {
		t.Error("it is not a root with a P-256 key")
	}
	if !c.NotBefore.Equal(noon.Add(-5*time.Minute)) || !c.NotAfter.Equal(noon.Add(365*day)) {
		t.Errorf("valid from %s to %s", c.NotBefore, c.NotAfter)
	}
	loaded, err := pki.LoadAuthority(made.CertificatePEM(), must(made.KeyPEM()))
	if err != nil {
		t.Fatal(err)
	}
	signed := must(loaded.SignClient(request(newKey()), till, noon, day, ""))
	wantError(t, "signed after the restart", pki.Check(signed, nil, c, noon), nil)
}

// The key leaves by KeyPEM alone.
func TestAnAuthorityDoesNotPrintItsKey(t *testing.T) {
	a := house()
	key := must(a.KeyPEM()).Reveal()
	block, _ := pem.Decode([]byte(key))
	d := must(x509.ParsePKCS8PrivateKey(block.Bytes)).(*ecdsa.PrivateKey)
	scalar := must(d.Bytes())
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "authority", a, "value", *a)
	texts := []string{fmt.Sprint(a), fmt.Sprintf("%v %+v %#v %s %d", a, a, *a, *a, a), log.String(), string(must(json.Marshal(a)))}
	for _, text := range texts {
		for _, form := range []string{key, fmt.Sprintf("%x", scalar), new(big.Int).SetBytes(scalar).String(), strings.Trim(fmt.Sprint(scalar), "[]")} {
			if strings.Contains(text, form) {
				t.Errorf("the key is in %q", text)
			}
		}
	}
}

// An authority is brought from outside, in each of the spellings that tools write.
func TestAuthoritiesFromOutside(t *testing.T) {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	rsaKey, ecKey := must(rsa.GenerateKey(rand.Reader, 2048)), newKey()
	pkcs8 := func(key crypto.Signer) []byte { return pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))) }
	sec1 := pemOf("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecKey)))
	parameters := pemOf("EC PARAMETERS", must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})))
	for name, brought := range map[string]struct {
		key  crypto.Signer
		text []byte
	}{
		"RSA as PKCS#8":                {rsaKey, pkcs8(rsaKey)},
		"RSA as PKCS#1":                {rsaKey, pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		"ECDSA as PKCS#8":              {ecKey, pkcs8(ecKey)},
		"ECDSA as SEC1":                {ecKey, sec1},
		"ECDSA as openssl ecparam has": {ecKey, append(parameters, sec1...)},
		"Ed25519":                      {ed, pkcs8(ed)},
	} {
		root := outsiderWith(brought.key, "their root", nil, asAuthority)
		a, err := pki.LoadAuthority(pki.PEM(root.Certificate), secret.Text(brought.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		signed, err := a.SignClient(request(newKey()), till, noon, day, "")
		if err != nil {
			t.Errorf("%s: sign: %v", name, err)
			continue
		}
		wantError(t, name, pki.Check(signed, nil, root.Certificate, noon), nil)
		list := must(x509.ParseRevocationList(must(a.CRL(1, nil, noon, noon.Add(day)))))
		wantError(t, name+": list", list.CheckSignatureFrom(root.Certificate), nil)
	}
}

func TestWhatIsNoAuthority(t *testing.T) {
	key := newKey()
	own := secret.Text(pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))))
	root := pki.PEM(outsiderWith(key, "root", nil, asAuthority).Certificate)
	small := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	for name, brought := range map[string]struct {
		certificate []byte
		key         secret.Text
		want        error
	}{
		"a client's":                {pki.PEM(outsiderWith(key, "client", nil, nil).Certificate), own, pki.ErrNotAuthority},
		"one for lists alone":       {pki.PEM(outsiderWith(key, "r", nil, all(asAuthority, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })).Certificate), own, pki.ErrCertSign},
		"one with a weak key":       {pki.PEM(outsiderWith(small, "r", nil, asAuthority).Certificate), own, pki.ErrKey},
		"another's key":             {root, must(house().KeyPEM()), pki.ErrMismatch},
		"a key of another kind":     {root, secret.Text(pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(must(rsa.GenerateKey(rand.Reader, 2048)))))), pki.ErrMismatch},
		"no key":                    {root, "", pki.ErrAuthorityKey},
		"a key that is none":        {root, secret.Text(pemOf("PRIVATE KEY", []byte("none"))), pki.ErrAuthorityKey},
		"a locked key":              {root, secret.Text(pemOf("ENCRYPTED PRIVATE KEY", []byte{0x30, 0})), pki.ErrAuthorityKey},
		"the certificate as key":    {root, secret.Text(root), pki.ErrAuthorityKey},
		"the key among the public":  {append(bytes.Clone(root), own.Reveal()...), own, pki.ErrPrivateKey},
		"no certificate":            {nil, own, pki.ErrCertificate},
		"a bundle":                  {append(bytes.Clone(root), root...), own, pki.ErrSeveral},
		"key and certificate mixed": {[]byte(own.Reveal()), secret.Text(root), pki.ErrPrivateKey},
	} {
		a, err := pki.LoadAuthority(brought.certificate, brought.key)
		wantError(t, name, err, brought.want)
		if a != nil {
			t.Errorf("%s: made an authority", name)
		}
	}
}

// The request in testdata, made by OpenSSL, asks to be an authority and a server of another
// name. Nothing but its key is taken over.
func TestOnlyTheKeyOfARequestIsTakenOver(t *testing.T) {
	text := testdata(t, "rsa2048.csr")
	block, _ := pem.Decode(text)
	asked := must(x509.ParseCertificateRequest(block.Bytes))
	if len(asked.DNSNames) != 1 || len(asked.Extensions) != 3 {
		t.Fatalf("the request asks for %v, %v", asked.DNSNames, asked.Extensions)
	}
	const list = "https://purser.example/crl"
	for name, csr := range map[string][]byte{
		"PEM": text, "DER": block.Bytes, "PEM of an older tool": pemOf("NEW CERTIFICATE REQUEST", block.Bytes),
		"PEM of Windows": bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")),
	} {
		c, err := house().SignClient(csr, till, noon, 30*day, list)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !asked.PublicKey.(*rsa.PublicKey).Equal(c.PublicKey) {
			t.Errorf("%s: another key", name)
		}
		if c.Subject.String() != "CN=wkVd93h2uS" || len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses) != 0 ||
			len(c.URIs) != 1 || c.URIs[0].String() != "urn:purser:client:7" {
			t.Errorf("%s: it is for %s, %v, %v", name, c.Subject, c.URIs, c.DNSNames)
		}
		if !c.BasicConstraintsValid || c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature || len(c.ExtKeyUsage) != 1 ||
			c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || len(c.UnknownExtKeyUsage) != 0 {
			t.Errorf("%s: it is for %v %v", name, c.KeyUsage, c.ExtKeyUsage)
		}
		if !c.NotBefore.Equal(noon.Add(-5*time.Minute)) || !c.NotAfter.Equal(noon.Add(30*day)) {
			t.Errorf("%s: valid from %s to %s", name, c.NotBefore, c.NotAfter)
		}
		if len(c.CRLDistributionPoints) != 1 || c.CRLDistributionPoints[0] != list {
			t.Errorf("%s: lists at %v", name, c.CRLDistributionPoints)
		}
	}
}

func TestSerialNumbersAreRandomAndPositive(t *testing.T) {
	seen := map[string]bool{}
	csr := request(newKey())
	for range 50 {
		c := must(house().SignClient(csr, till, noon, day, ""))
		if c.SerialNumber.Sign() != 1 || c.SerialNumber.BitLen() != 128 || seen[c.SerialNumber.String()] {
			t.Errorf("serial %x", c.SerialNumber)
		}
		seen[c.SerialNumber.String()] = true
		if len(c.CRLDistributionPoints) != 0 {
			t.Error("a place for lists that nobody gave")
		}
	}
}

func TestKeysThatAreSigned(t *testing.T) {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for name, asked := range map[string]struct {
		csr  []byte
		want error
	}{
		"RSA 1024":      {testdata(t, "rsa1024.csr"), pki.ErrKey},
		"RSA 9216":      {testdata(t, "rsa9216.csr"), pki.ErrKey},
		"RSA 3072":      {request(must(rsa.GenerateKey(rand.Reader, 3072))), nil},
		"ECDSA P-224":   {request(must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))), pki.ErrKey},
		"ECDSA P-256":   {request(newKey()), nil},
		"ECDSA P-384":   {request(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))), nil},
		"ECDSA P-521":   {request(must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))), nil},
		"Ed25519":       {request(ed), nil},
		"one of NewKey": {func() []byte { _, csr, _ := pki.NewKey(); return csr }(), nil},
	} {
		_, err := house().SignClient(asked.csr, till, noon, day, "")
		wantError(t, name, err, asked.want)
	}
}

func TestWhatIsNoRequest(t *testing.T) {
	der := request(newKey())
	forged := bytes.Clone(der)
	// The last bytes are the signature's second number.
	forged[len(forged)-1] ^= 1
	text := pemOf("CERTIFICATE REQUEST", der)
	key, csr, _ := pki.NewKey()
	for name, asked := range map[string]struct {
		csr  []byte
		want error
	}{
		"nothing":                     {nil, pki.ErrRequest},
		"words":                       {[]byte("please sign"), pki.ErrRequest},
		"a certificate":               {house().CertificatePEM(), pki.ErrRequest},
		"a certificate in DER":        {house().Certificate.Raw, pki.ErrRequest},
		"signed by another":           {forged, pki.ErrRequest},
		"cut":                         {der[:len(der)-1], pki.ErrRequest},
		"DER and more":                {append(bytes.Clone(der), 0), pki.ErrRequest},
		"PEM and more":                {append(bytes.Clone(text), "thanks"...), pki.ErrRequest},
		"two":                         {append(bytes.Clone(text), text...), pki.ErrSeveral},
		"with its key":                {append([]byte(key.Reveal()), csr...), pki.ErrPrivateKey},
		"64 KiB":                      {append(bytes.Clone(text), bytes.Repeat([]byte("\n"), 64<<10-len(text))...), nil},
		"a byte more than 64 KiB":     {append(bytes.Clone(text), bytes.Repeat([]byte("\n"), 64<<10-len(text)+1)...), pki.ErrTooLarge},
		"with OpenSSL's explanations": {append([]byte("Certificate Request:\n    Data:\n"), text...), nil},
	} {
		c, err := house().SignClient(asked.csr, till, noon, day, "")
		wantError(t, name, err, asked.want)
		if (c == nil) != (asked.want != nil) {
			t.Errorf("%s: signed %v", name, c)
		}
	}
}

// No certificate outlives the authority, and none is signed while the authority is not valid.
func TestAnAuthorityPromisesNothingBeyondItsOwnTime(t *testing.T) {
	a := must(pki.NewAuthority("short", noon, 10*day))
	csr := request(newKey())
	c := must(a.SignClient(csr, till, noon.Add(9*day), 30*day, ""))
	if !c.NotAfter.Equal(a.Certificate.NotAfter) {
		t.Errorf("valid to %s, its authority to %s", c.NotAfter, a.Certificate.NotAfter)
	}
	for _, moment := range []time.Time{noon.Add(-day), noon.Add(11 * day)} {
		_, err := a.SignClient(csr, till, moment, day, "")
		wantError(t, moment.String(), err, pki.ErrAuthorityTime)
		_, _, err = a.SignServer([]string{"localhost"}, moment, day)
		wantError(t, moment.String(), err, pki.ErrAuthorityTime)
	}
	_, err := a.SignClient(csr, till, noon, -day, "")
	wantError(t, "a lifetime that is over", err, pki.ErrExpired)
}

// An authority from outside that is bound to servers, or to names of its own, is told so at
// the first signature, not by a client's first call.
func TestAnAuthorityThatIsBoundToOtherThings(t *testing.T) {
	load := func(change func(*x509.Certificate)) *pki.Authority {
		root := outsider("bound", nil, all(asAuthority, change))
		key := secret.Text(pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(root.key))))
		return must(pki.LoadAuthority(pki.PEM(root.Certificate), key))
	}
	servers := load(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	_, err := servers.SignClient(request(newKey()), till, noon, time.Hour, "")
	wantError(t, "servers only", err, pki.ErrUse)
	names := load(func(c *x509.Certificate) { c.PermittedURIDomains = []string{"elsewhere.example"} })
	_, err = names.SignClient(request(newKey()), till, noon, time.Hour, "")
	wantError(t, "other names", err, pki.ErrIssuer)
	mute := load(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	_, err = mute.CRL(1, nil, noon, noon.Add(day))
	wantError(t, "no lists", err, pki.ErrCRLSign)
	// An authority that states no use may sign clients, but its lists would be refused.
	silent := load(func(c *x509.Certificate) { c.KeyUsage = 0 })
	_, err = silent.SignClient(request(newKey()), till, noon, time.Hour, "")
	wantError(t, "no use stated", err, nil)
	_, err = silent.CRL(1, nil, noon, noon.Add(day))
	wantError(t, "no use stated, lists", err, pki.ErrCRLSign)
	nameless := load(func(*x509.Certificate) {})
	nameless.Certificate.SubjectKeyId = nil
	_, err = nameless.CRL(1, nil, noon, noon.Add(day))
	wantError(t, "no key identifier", err, pki.ErrCRLSign)
}

func TestTheListOfTheRevoked(t *testing.T) {
	a := house()
	c := must(a.SignClient(request(newKey()), till, noon, day, ""))
	der, err := a.CRL(42, []pki.Revoked{{Serial: c.SerialNumber, At: noon.Add(time.Hour)}}, noon.Add(2*time.Hour), noon.Add(day))
	if err != nil {
		t.Fatal(err)
	}
	list := must(x509.ParseRevocationList(der))
	wantError(t, "signature", list.CheckSignatureFrom(a.Certificate), nil)
	if list.Number.Int64() != 42 || !list.ThisUpdate.Equal(noon.Add(2*time.Hour-5*time.Minute)) || !list.NextUpdate.Equal(noon.Add(day)) {
		t.Errorf("number %s from %s to %s", list.Number, list.ThisUpdate, list.NextUpdate)
	}
	entries := list.RevokedCertificateEntries
	if len(entries) != 1 || entries[0].SerialNumber.Cmp(c.SerialNumber) != 0 || !entries[0].RevocationTime.Equal(noon.Add(time.Hour)) {
		t.Errorf("revoked: %+v", entries)
	}
	if empty := must(x509.ParseRevocationList(must(a.CRL(43, nil, noon, noon.Add(day))))); len(empty.RevokedCertificateEntries) != 0 {
		t.Error("somebody is on an empty list")
	}
}

func TestAServersCertificate(t *testing.T) {
	c, _, err := house().SignServer([]string{"purser.example", "localhost", "127.0.0.1", "::1"}, noon, day)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"purser.example", "localhost", "127.0.0.1", "::1"} {
		wantError(t, host, c.VerifyHostname(host), nil)
	}
	if c.IsCA || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("it is for %v", c.ExtKeyUsage)
	}
	wantError(t, "as a client", pki.Check(c, nil, house().Certificate, noon), pki.ErrUse)
	_, _, err = house().SignServer(nil, noon, day)
	wantError(t, "no hosts", err, pki.ErrNoHosts)
}

// The whole story: a client makes a key, the house signs it, and in a real handshake the
// server asks for the certificate without judging it; Check does.
func TestAHandshake(t *testing.T) {
	a := house()
	clientKey, csr, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	clientCertificate := must(a.SignClient(csr, till, noon, day, ""))
	serverCertificate, serverKey, err := a.SignServer([]string{"localhost"}, noon, day)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate)
	clock := func() time.Time { return noon }
	for name, offered := range map[string][]tls.Certificate{
		"with a certificate": {must(tls.X509KeyPair(pki.PEM(clientCertificate), []byte(clientKey.Reveal())))},
		"without":            nil,
	} {
		serverEnd, clientEnd := net.Pipe()
		server := tls.Server(serverEnd, &tls.Config{
			Certificates: []tls.Certificate{must(tls.X509KeyPair(pki.PEM(serverCertificate), []byte(serverKey.Reveal())))},
			ClientAuth:   tls.RequestClientCert, Time: clock,
		})
		client := tls.Client(clientEnd, &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: offered, Time: clock})
		done := make(chan error, 1)
		go func() {
			err := client.Handshake()
			if err == nil {
				_, err = client.Write([]byte("hello"))
			}
			done <- err
		}()
		if _, err := server.Read(make([]byte, 5)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := <-done; err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		peer := server.ConnectionState().PeerCertificates
		if len(peer) != len(offered) {
			t.Fatalf("%s: %d certificates came", name, len(peer))
		}
		if len(peer) > 0 {
			wantError(t, name, pki.Check(peer[0], peer[1:], a.Certificate, noon), nil)
			if pki.Fingerprint(peer[0]) != pki.Fingerprint(clientCertificate) {
				t.Error("another certificate came")
			}
		}
		serverEnd.Close()
		clientEnd.Close()
	}
}

func FuzzSignClient(f *testing.F) {
	f.Add(testdata(f, "rsa2048.csr"))
	f.Add(testdata(f, "rsa1024.csr"))
	f.Add(request(newKey()))
	f.Add(pemOf("CERTIFICATE REQUEST", request(newKey())))
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"))
	a := house()
	f.Fuzz(func(t *testing.T, csr []byte) {
		c, err := a.SignClient(csr, till, noon, day, "")
		if err != nil {
			return
		}
		if len(csr) > pki.MaxText || c.Subject.String() != "CN=wkVd93h2uS" || c.IsCA ||
			len(c.URIs) != 1 || *c.URIs[0] != (url.URL{Scheme: "urn", Opaque: "purser:client:7"}) {
			t.Errorf("signed %+v", c)
		}
		wantError(t, "signed", pki.Check(c, nil, a.Certificate, noon), nil)
	})
}
