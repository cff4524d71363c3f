package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/pki"
)

// A certificate comes back from each text that tools and editors make of it.
func TestAnUploadIsRead(t *testing.T) {
	c := house().Certificate
	text := pki.PEM(c)
	for name, upload := range map[string][]byte{
		"PEM":                         text,
		"DER":                         c.Raw,
		"PEM of Windows":              append([]byte("\xef\xbb\xbf"), bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))...),
		"with OpenSSL's explanations": append([]byte("Certificate:\n    Data:\n        Version: 3 (0x2)\n"), text...),
		"without the last new line":   bytes.TrimSpace(text),
		"with blank lines after it":   append(bytes.Clone(text), "\n \r\n"...),
		"64 KiB":                      append(bytes.Clone(text), bytes.Repeat([]byte("\n"), 64<<10-len(text))...),
	} {
		got, err := pki.Parse(upload)
		wantError(t, name, err, nil)
		if got == nil || !got.Equal(c) || pki.Fingerprint(got) != sha256.Sum256(c.Raw) {
			t.Errorf("%s: read another certificate", name)
		}
	}
}

func TestWhatIsNoUpload(t *testing.T) {
	c := house().Certificate
	text := pki.PEM(c)
	keyText, csr, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key := []byte(keyText.Reveal())
	block, _ := pem.Decode(key)
	sec1 := must(x509.MarshalECPrivateKey(must(x509.ParsePKCS8PrivateKey(block.Bytes)).(*ecdsa.PrivateKey)))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, made := range map[string]struct {
		upload []byte
		want   error
	}{
		"nothing":                {nil, pki.ErrCertificate},
		"words":                  {[]byte("see attachment"), pki.ErrCertificate},
		"a request":              {csr, pki.ErrCertificate},
		"damaged":                {bytes.Replace(text, []byte("MII"), []byte("!!!"), 1), pki.ErrCertificate},
		"words after it":         {join(text, []byte("regards")), pki.ErrCertificate},
		"cut":                    {text[:len(text)/2], pki.ErrCertificate},
		"DER cut":                {c.Raw[:len(c.Raw)-1], pki.ErrCertificate},
		"DER and more":           {join(c.Raw, []byte{0}), pki.ErrCertificate},
		"DER and more in PEM":    {pemOf("CERTIFICATE", join(c.Raw, []byte{0})), pki.ErrCertificate},
		"another kind":           {pemOf("TRUSTED CERTIFICATE", c.Raw), pki.ErrCertificate},
		"a chain":                {join(text, text), pki.ErrSeveral},
		"a request with it":      {join(text, csr), pki.ErrSeveral},
		"a byte over 64 KiB":     {join(text, bytes.Repeat([]byte("\n"), 64<<10-len(text)+1)), pki.ErrTooLarge},
		"a key":                  {key, pki.ErrPrivateKey},
		"a key before it":        {join(key, text), pki.ErrPrivateKey},
		"a key after it":         {join(text, key), pki.ErrPrivateKey},
		"a damaged key after it": {join(text, bytes.Replace(key, []byte("MIG"), []byte("!!!"), 1)), pki.ErrPrivateKey},
		"a SEC1 key":             {pemOf("EC PRIVATE KEY", sec1), pki.ErrPrivateKey},
		"a locked key":           {join(text, pemOf("ENCRYPTED PRIVATE KEY", []byte{0x30, 0})), pki.ErrPrivateKey},
		"a key in DER":           {block.Bytes, pki.ErrPrivateKey},
		"a SEC1 key in DER":      {sec1, pki.ErrPrivateKey},
		"the beginning of a p12": {[]byte{0x30, 0x05, 0x02, 0x01, 0x03, 0x30, 0x00}, pki.ErrPrivateKey},
	} {
		got, err := pki.Parse(made.upload)
		wantError(t, name, err, made.want)
		if got != nil {
			t.Errorf("%s: read a certificate", name)
		}
	}
}

// What a person sends wrong is answered with a sentence that says what to do.
func TestErrorsSayWhatToDo(t *testing.T) {
	for _, err := range []error{
		pki.ErrTooLarge, pki.ErrPrivateKey, pki.ErrCertificate, pki.ErrSeveral, pki.ErrRequest, pki.ErrKey, pki.ErrProxy,
		pki.ErrIssuer, pki.ErrNotYetValid, pki.ErrExpired, pki.ErrUse,
		pki.ErrNotAuthority, pki.ErrCertSign, pki.ErrCRLSign, pki.ErrAuthorityKey, pki.ErrMismatch, pki.ErrAuthorityTime,
	} {
		if what, next, found := strings.Cut(err.Error(), ": "); !found || what == "" || next == "" {
			t.Errorf("%v does not say what to do", err)
		}
	}
}

// plusses is a certificate with every sign of base64 in its text, which proxies escape.
func plusses(t testing.TB) (*x509.Certificate, string) {
	t.Helper()
	for range 1000 {
		c := must(house().SignClient(request(newKey()), till, noon, day, ""))
		text := base64.StdEncoding.EncodeToString(c.Raw)
		if strings.Contains(text, "+") && strings.Contains(text, "/") && strings.HasSuffix(text, "=") {
			return c, text
		}
	}
	t.Fatal("no certificate has a plus, a slash and an equals sign")
	return nil, ""
}

func TestWhatProxiesSend(t *testing.T) {
	c, text := plusses(t)
	armoured := string(pki.PEM(c))
	// nginx escapes all but letters, digits and -._~; some others leave the plus.
	nginx := strings.ReplaceAll(url.QueryEscape(armoured), "+", "%20")
	for name, header := range map[string]string{
		"nginx":                           nginx,
		"nginx, but for the plus":         strings.ReplaceAll(nginx, "%2B", "+"),
		"nginx without the last new line": strings.TrimSuffix(nginx, "%0A"),
		"RFC 9440":                        ":" + text + ":",
		"traefik":                         text,
		"traefik, escaped":                url.QueryEscape(text),
		"apache: blanks for new lines":    strings.TrimSpace(strings.ReplaceAll(armoured, "\n", " ")),
		"with blanks around":              " " + text + " ",
	} {
		got, err := pki.FromProxy(header)
		wantError(t, name, err, nil)
		if got == nil || !got.Equal(c) {
			t.Errorf("%s: read another certificate", name)
		}
	}
}

func TestWhatNoProxySends(t *testing.T) {
	_, text := plusses(t)
	for name, header := range map[string]string{
		"nothing":                         "",
		"colons":                          "::",
		"one colon":                       ":" + text,
		"RFC 9440 with parameters":        ":" + text + ":;a=1",
		"words":                           "(null)",
		"two, as a merged header has":     text + ", " + text,
		"two, as traefik has for a chain": text + "," + text,
		"two certificates in PEM":         url.PathEscape(string(house().CertificatePEM()) + string(house().CertificatePEM())),
		"blanks for plusses":              strings.ReplaceAll(text, "+", " "),
		"a damaged escape":                "%4" + text,
		"cut":                             text[:len(text)/2],
		"no end":                          "-----BEGIN%20CERTIFICATE-----%0A" + url.PathEscape(text),
		"something else":                  base64.StdEncoding.EncodeToString([]byte("something else")),
		"more than the certificate":       base64.StdEncoding.EncodeToString(append(bytes.Clone(house().Certificate.Raw), 0)),
	} {
		got, err := pki.FromProxy(header)
		wantError(t, name, err, pki.ErrProxy)
		if got != nil {
			t.Errorf("%s: read a certificate", name)
		}
	}
	_, err := pki.FromProxy(text + strings.Repeat(" ", 16<<10-len(text)))
	wantError(t, "16 KiB", err, nil)
	_, err = pki.FromProxy(text + strings.Repeat(" ", 16<<10-len(text)+1))
	wantError(t, "a byte over 16 KiB", err, pki.ErrTooLarge)
}

func FuzzParse(f *testing.F) {
	key, csr, err := pki.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	text := house().CertificatePEM()
	f.Add(text)
	f.Add(house().Certificate.Raw)
	f.Add([]byte(key.Reveal()))
	f.Add(append(bytes.Clone(text), csr...))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := pki.Parse(text)
		if err != nil {
			return
		}
		if len(text) > pki.MaxText {
			t.Error("read too much")
		}
		if again, err := pki.Parse(pki.PEM(c)); err != nil || !again.Equal(c) {
			t.Errorf("it does not come back: %v", err)
		}
		// Whatever was read can be judged.
		if err := pki.Check(c, nil, house().Certificate, noon); err == nil {
			t.Error("the house issued no such client")
		}
	})
}

func FuzzFromProxy(f *testing.F) {
	c, text := plusses(f)
	f.Add(text)
	f.Add(":" + text + ":")
	f.Add(url.PathEscape(string(pki.PEM(c))))
	f.Add("-----BEGIN CERTIFICATE----- " + text + " -----END CERTIFICATE-----")
	f.Fuzz(func(t *testing.T, header string) {
		c, err := pki.FromProxy(header)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v and %v", c, err)
		}
		if err != nil {
			if !errors.Is(err, pki.ErrProxy) && !errors.Is(err, pki.ErrTooLarge) {
				t.Errorf("%v", err)
			}
			return
		}
		if len(header) > pki.MaxHeader || len(c.Raw) > len(header) {
			t.Errorf("%d bytes from %d", len(c.Raw), len(header))
		}
		pki.Check(c, []*x509.Certificate{c}, house().Certificate, noon)
		if again, err := pki.FromProxy(":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"); err != nil || !again.Equal(c) {
			t.Errorf("it does not come back: %v", err)
		}
	})
}
