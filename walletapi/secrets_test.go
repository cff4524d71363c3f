package walletapi

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const hidden = "s3cr3t"

// secretive are values with secrets of each exported type that has a field for one, or for a value with one.
func secretive() []any {
	mac, code := MAC{ID: "shop", Secret: hidden}, TokenRequest{GrantType: GrantPassword, Code: hidden, CodeVerifier: hidden, RefreshToken: hidden, Password: hidden}
	held := Credentials{AccessToken: "id", MACKey: hidden}
	user := UserCredentials{Password: hidden}
	locked := NewPaymentPassword{Type: "provided", Value: hidden}
	payment := NewPayment{Price: 100, Currency: "EUR", Password: &locked}
	customer := CashCustomer{OneTimeBarcode: hidden, QRCode: hidden}
	return []any{
		mac, code, held, user, locked, payment, customer, Token{AccessToken: hidden, MACKey: hidden, RefreshToken: hidden}, Session{Key: hidden},
		ClientInfo{ID: 7, Credentials: &held}, NewUser{Credentials: user}, PasswordChange{Password: hidden, OldPassword: hidden, Code: hidden},
		NewTransaction{Payments: []NewPayment{payment}}, Reservation{PIN: hidden, SMSCode: hidden, Code: hidden}, ReserveCode{Code: hidden},
		OneTimeBarcode{Barcode: hidden}, NewCash{Code: hidden, Customer: customer},
	}
}

// Neither fmt nor log/slog shows what is secret in a value, or in what a pointer leads to.
func TestLogsShowNoSecrets(t *testing.T) {
	for _, value := range secretive() {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
				t.Errorf("%T as %s shows the secret: %s", value, verb, text)
			}
		}
		var out bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			out.Reset()
			log := slog.New(handler).With("kept", value)
			log.Info("x", "value", value, slog.Group("g", slog.Any("inner", value)))
			if strings.Contains(out.String(), hidden) {
				t.Errorf("%T in %T shows the secret: %s", value, handler, &out)
			}
		}
	}
}

// Every exported type that has a field for a secret is among those that are looked at.
func TestEveryTypeWithASecretIsLookedAt(t *testing.T) {
	var known []string
	for _, value := range secretive() {
		known = append(known, strings.TrimPrefix(fmt.Sprintf("%T", value), "walletapi."))
	}
	secrets := []string{
		"Secret", "MACKey", "RefreshToken", "Password", "OldPassword", "PIN", "SMSCode", "Code", "CodeVerifier", "Key", "Value", "QRCode", "OneTimeBarcode",
	}
	// These are codes of errors, persons and tables, passwords without what they are, and values of no secret.
	public := []string{"APIError", "PersonCode", "Identity", "Spot", "Payment", "PendingPayment", "ProjectResult", "InquiryResult"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	look := func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		fields, ok := spec.Type.(*ast.StructType)
		if !ok || !spec.Name.IsExported() || slices.Contains(public, spec.Name.Name) {
			return false
		}
		for _, field := range fields.Fields.List {
			for _, name := range field.Names {
				if !slices.Contains(secrets, name.Name) {
					continue
				}
				if found++; !slices.Contains(known, spec.Name.Name) {
					t.Errorf("%s.%s: is it hidden from logs?", spec.Name.Name, name.Name)
				}
			}
		}
		return false
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, look)
	}
	if found < 15 {
		t.Errorf("%d fields were found", found)
	}
}
