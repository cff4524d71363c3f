package walletapi_test

import (
	"context"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// twins are routes that do what another one does, under another method.
var twins = []string{"PUT /rest/v1/user/{user}/email", "PUT /rest/v1/user/{user}/phone"}

// files are what the server offers beside its routes and that is no JSON.
var files = []string{"GET /publickey", "GET /log/checkpoint", "GET /log/keys", "GET /log/tile/{path...}"}

// Every route of the server has a method that calls it: all methods are called with arguments that their types make up, and the
// paths that arrive are held against the route table.
func TestEveryRouteHasAMethod(t *testing.T) {
	mux, called := http.NewServeMux(), map[string]bool{}
	var mu sync.Mutex
	all := append(httpapi.Patterns(), files...)
	for _, pattern := range all {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			called[r.Pattern] = true
			w.Write([]byte("{}"))
		})
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	client := &walletapi.Client{BaseURL: server.URL}
	methods := reflect.ValueOf(client)
	for i := range methods.NumMethod() {
		callMethod(methods.Method(i))
	}
	for _, pattern := range all {
		if !called[pattern] && !slices.Contains(twins, pattern) {
			t.Errorf("no method of Client calls %s: add one beside those in calls*.go", pattern)
		}
	}
}

// callMethod calls a method that takes a context, and takes one step of an iterator.
func callMethod(method reflect.Value) {
	kind := method.Type()
	if kind.NumIn() == 0 || kind.In(0) != reflect.TypeFor[context.Context]() {
		return
	}
	in := []reflect.Value{reflect.ValueOf(context.Background())}
	for i := 1; i < kind.NumIn() && !(kind.IsVariadic() && i == kind.NumIn()-1); i++ {
		in = append(in, made(kind.In(i)))
	}
	for _, out := range method.Call(in) {
		if out.Kind() == reflect.Func {
			for range out.Seq2() {
				break
			}
		}
	}
}

func made(kind reflect.Type) reflect.Value {
	value := reflect.New(kind).Elem()
	switch kind.Kind() {
	case reflect.Int64:
		value.SetInt(1)
	case reflect.String:
		value.SetString("x")
	case reflect.Struct:
		if kind == reflect.TypeFor[walletapi.Call]() {
			value.Set(reflect.ValueOf(walletapi.Call{Method: http.MethodGet, Target: "/rest/v1/server"}))
		}
	}
	return value
}

// Who imports the package gets nothing else with it.
func TestTheStandardLibraryIsAllItNeeds(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if first, _, _ := strings.Cut(spec.Path.Value, "/"); strings.Contains(first, ".") {
				t.Errorf("%s imports %s", name, spec.Path.Value)
			}
		}
	}
}

// The codes of errors are the server's, all of them.
func TestCodesAreTheServers(t *testing.T) {
	ours := []string{
		walletapi.CodeInvalidRequest, walletapi.CodeInvalidParameters, walletapi.CodeUnauthorized, walletapi.CodeInvalidTimestamp,
		walletapi.CodeInvalidGrant, walletapi.CodeInvalidScope, walletapi.CodeUnsupportedGrantType, walletapi.CodeInvalidCode,
		walletapi.CodeInvalidPassword, walletapi.CodePasswordTooShort, walletapi.CodePasswordTooRisky, walletapi.CodeForbidden,
		walletapi.CodeNotFound, walletapi.CodeMethodNotAllowed, walletapi.CodeInvalidState, walletapi.CodeUserAlreadyExists,
		walletapi.CodePhoneAlreadyAssigned, walletapi.CodeExpectationFailed, walletapi.CodeNotEnoughFunds, walletapi.CodeLimitsExceeded,
		walletapi.CodeRestrictionLimitsExceeded, walletapi.CodeNoRights, walletapi.CodePaymentToSameAccount,
		walletapi.CodeRestrictionViolation, walletapi.CodeClientNotVerified, walletapi.CodeBeneficiaryAccountInactive,
		walletapi.CodePayerAccountInactive, walletapi.CodeClientRestricted, walletapi.CodeRequestTooLarge,
		walletapi.CodeRateLimitExceeded, walletapi.CodeInternalServerError, walletapi.CodeServiceUnavailable,
	}
	var theirs []string
	for _, code := range wallet.Codes() {
		theirs = append(theirs, string(code))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if !slices.Equal(ours, theirs) {
		t.Errorf("errors.go has %s\nthe server has %s", strings.Join(ours, " "), strings.Join(theirs, " "))
	}
	for _, words := range [][2]string{
		{walletapi.StatusNew, string(wallet.TransactionNew)}, {walletapi.StatusWaitingFunds, string(wallet.WaitingFunds)},
		{walletapi.StatusReserved, string(wallet.TransactionReserved)}, {walletapi.StatusConfirmed, string(wallet.TransactionConfirmed)},
		{walletapi.StatusRejected, string(wallet.TransactionRejected)}, {walletapi.StatusRevoked, string(wallet.TransactionRevoked)},
		{walletapi.StatusFailed, string(wallet.TransactionFailed)}, {walletapi.StatusWaitingPassword, string(wallet.WaitingPassword)},
		{walletapi.StatusWaitingRegistration, string(wallet.WaitingRegistration)},
		{walletapi.AllowanceNew, string(wallet.AllowanceNew)}, {walletapi.AllowanceActive, string(wallet.AllowanceActive)},
		{walletapi.AllowanceInactive, string(wallet.AllowanceInactive)}, {walletapi.AllowanceDeleted, string(wallet.AllowanceDeleted)},
		{walletapi.ByCurrency, string(wallet.ByCurrency)}, {walletapi.ByDay, string(wallet.ByDay)}, {walletapi.ByLocation, string(wallet.ByLocation)},
	} {
		if words[0] != words[1] {
			t.Errorf("%s is called %s by the server", words[0], words[1])
		}
	}
	documents := []wallet.DocumentKind{
		walletapi.DocumentPassport, walletapi.DocumentIdentityCard, walletapi.DocumentResidencePermit, walletapi.DocumentDrivingLicence,
	}
	if !slices.Equal(documents, wallet.DocumentKinds()) {
		t.Errorf("requests.go has %v\nthe server has %v", documents, wallet.DocumentKinds())
	}
}
