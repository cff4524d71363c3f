package walletapi_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/purserhq/purser/walletapi"
)

func vector(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// A callback of 2012, signed by the real platform: RSA PKCS#1 v1.5 with SHA-256 over the exact
// bytes of the event (spec/php-client.md §9). Its content is of its time, its signature is what
// counts: it holds for these bytes and for no others. Receivers that check with OpenEvent see the same.
func TestCallbackVector(t *testing.T) {
	block, _ := pem.Decode(vector(t, "callback.pem"))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key := parsed.(*rsa.PublicKey)
	sign, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(vector(t, "callback.sign"))))
	if err != nil {
		t.Fatal(err)
	}
	event := vector(t, "callback.event")
	if !json.Valid(event) {
		t.Error("the event is not JSON")
	}
	holds := func(event []byte) bool {
		sum := sha256.Sum256(event)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sign) == nil
	}
	if !holds(event) {
		t.Error("the signature does not hold")
	}
	if holds(append([]byte(" "), event...)) {
		t.Error("the signature holds for other bytes too")
	}
	if sum := sha1.Sum(event); rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], sign) == nil {
		t.Error("the signature holds with SHA-1")
	}
	told, err := walletapi.OpenEvent(vector(t, "callback.pem"), string(event), strings.TrimSpace(string(vector(t, "callback.sign"))))
	if err != nil || told.Type != "reserved" || told.Object != "transaction" || told.Data.TransactionKey != "9fPQMV4oZOPHwGN04oQQDT5sDpNIknet" || told.Data.Payments[0].Price != 501 {
		t.Errorf("it is opened as %+v, %v", told, err)
	}
	if _, err := walletapi.OpenEvent(vector(t, "callback.pem"), " "+string(event), base64.StdEncoding.EncodeToString(sign)); !errors.Is(err, walletapi.ErrSignature) {
		t.Errorf("other bytes are opened: %v", err)
	}
}
