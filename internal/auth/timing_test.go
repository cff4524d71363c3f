package auth_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// prover is an Authenticator on a database.
func prover(t testing.TB, db *store.DB, change ...func(*auth.Options)) *auth.Authenticator {
	t.Helper()
	clock := wallettest.NewClock()
	nonces, err := auth.OpenNonces("", auth.DefaultWindow, clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nonces.Close() })
	o := auth.Options{DB: db, WallClock: clock.Now, BusinessClock: db.Now, Window: auth.DefaultWindow, Nonces: nonces, PlainHTTP: true}
	for _, c := range change {
		c(&o)
	}
	return auth.New(o)
}

// signedCall is a GET of the client, signed by credentials; an empty key signs with nonsense.
func signedCall(mac walletapi.MAC, ext string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/rest/v1/client", nil)
	r.Host = "wallet.example"
	signature := walletapi.Request{
		TS: strconv.FormatInt(wallettest.Epoch.Unix(), 10), Nonce: base64.StdEncoding.EncodeToString(secret.RandomBytes(18)), Method: r.Method,
		Target: r.RequestURI, Host: r.Host, Port: "443", Ext: ext,
	}
	header := walletapi.Authorization{ID: mac.ID, TS: signature.TS, Nonce: signature.Nonce, MAC: signature.Sign(mac.Secret), Ext: ext}
	if mac.Secret == "" {
		header.MAC = base64.StdEncoding.EncodeToString(secret.RandomBytes(32))
	}
	r.Header.Set("Authorization", header.String())
	return r
}

const (
	knownID, twoKeysID = "wkVd93h2uS", "Tw0Keys123"
	tokenID            = "ATOKENOFONATHATISKNOWNHEREOK1234"
)

// people makes a client with one key, one with two, and a token of the first.
func people(t testing.TB, db *store.DB) {
	t.Helper()
	client := wallet.Client{
		ID: 1, MACID: knownID, Title: "Till", Type: wallet.PrivateClient, Projects: []int64{1, 2}, MainProject: 1, BaseLocation: 11,
		Permissions: []wallet.Permission{wallet.UseWalletAPI}, CreatedAt: wallettest.Epoch,
	}
	second := client
	second.ID, second.MACID, second.BaseLocation = 2, twoKeysID, 0
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		for _, step := range []func() error{
			func() error {
				return tx.InsertUser(wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona", CreatedAt: wallettest.Epoch}, nil, nil)
			},
			func() error { return tx.InsertWallet(wallet.Wallet{ID: 1, OwnerID: 1, AccountNumber: "1"}) },
			func() error { return tx.InsertProject(wallet.Project{ID: 1, Title: "One", OwnerID: 1, WalletID: 1}) },
			func() error { return tx.InsertProject(wallet.Project{ID: 2, Title: "Two", OwnerID: 1, WalletID: 1}) },
			func() error { return tx.InsertProject(wallet.Project{ID: 3, Title: "Three", OwnerID: 1, WalletID: 1}) },
			func() error { return tx.InsertLocation(wallet.Location{ID: 11, ProjectID: 1, Status: wallet.Active}) },
			func() error { return tx.InsertLocation(wallet.Location{ID: 12, ProjectID: 2, Status: wallet.Active}) },
			func() error { return tx.InsertLocation(wallet.Location{ID: 13, ProjectID: 3, Status: wallet.Active}) },
			func() error { return tx.InsertClient(client, "the key of the till", time.Time{}) },
			func() error { return tx.InsertClient(second, "the old key", time.Time{}) },
			func() error { return tx.AddClientKey(second, 2, "the new key", time.Time{}) },
			func() error {
				return tx.InsertToken(store.Token{
					Token:  wallet.Token{UserID: 1, ClientID: 1, Scopes: []wallet.Scope{wallet.ScopeProjects}, ExpiresAt: wallettest.Epoch.Add(time.Hour)},
					Access: tokenID, Refresh: "refresh", Key: "the key of the token", RefreshExpiresAt: wallettest.Epoch.Add(time.Hour),
				})
			},
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Somebody looks for ids that exist, with a stopwatch: to a known id with a wrong signature and to an
// unknown one the answer takes the same time. Welch's t-test of 100,000 answers sees no difference
// beyond 4.5; a machine that is busy with other things may try three times.
func TestUnknownIDsTakeAsLongAsWrongSignatures(t *testing.T) {
	db := wallettest.Open(t, "sqlite:"+t.TempDir()+"/purser.db", wallettest.NewClock())
	people(t, db)
	a := prover(t, db)
	for _, pair := range []struct{ what, known, unknown string }{
		{"a client", knownID, "wkVd93h2uX"}, {"a client with two keys", twoKeysID, "Tw0Keys12X"},
		{"a token", tokenID, "ATOKENOFONATHATISKNOWNHEREOK123X"},
	} {
		t.Run(pair.what, func(t *testing.T) {
			const tries, enough = 3, 4.5
			least := math.Inf(1)
			for try := 1; try <= tries && least >= enough; try++ {
				value := stopwatch(t, a, pair.known, pair.unknown)
				least = min(least, value)
				t.Logf("try %d: |t| = %.2f", try, value)
			}
			if least >= enough {
				t.Errorf("told apart by time: |t| = %.2f of three tries, want less than %v", least, enough)
			}
		})
	}
}

// stopwatch is how far apart refusals of two ids are by the time they take.
func stopwatch(t *testing.T, a *auth.Authenticator, ids ...string) float64 {
	t.Helper()
	requests := [2]*http.Request{signedCall(walletapi.MAC{ID: ids[0]}, ""), signedCall(walletapi.MAC{ID: ids[1]}, "")}
	mac := make([]byte, 32)
	var err error
	return wallettest.Apart(100_000, 5_000, func(way int) {
		if err != nil && err.Error() != "unauthorized: "+auth.NotProven {
			t.Fatalf("answered %v", err)
		}
		for at := range mac {
			mac[at] = byte(rand.Uint32())
		}
		header := walletapi.Authorization{ID: ids[way], TS: strconv.FormatInt(wallettest.Epoch.Unix(), 10), Nonce: fmt.Sprintf("%032d", rand.Uint64()),
			MAC: base64.StdEncoding.EncodeToString(mac)}
		requests[way].Header["Authorization"] = []string{header.String()}
	}, func(way int) { _, err = a.Authenticate(context.Background(), requests[way], nil, "request") })
}
