package auth_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

var till = walletapi.MAC{ID: knownID, Secret: "the key of the till"}

func code(err error) wallet.Code {
	var refused *wallet.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// A till is based on a place: what it asks for without naming anything, it asks from there. It may
// name another place, or another of its projects, which then has no place.
func TestRequestsSpeakFromWhereTheClientIsBased(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		people(t, db)
		a := prover(t, db)
		token := walletapi.MAC{ID: tokenID, Secret: "the key of the token"}
		web := walletapi.MAC{ID: twoKeysID, Secret: "the new key"}
		for _, c := range []struct {
			what           string
			mac            walletapi.MAC
			ext            string
			project, place int64
			code           wallet.Code
		}{
			{"nothing", till, "", 1, 11, ""}, {"its project", till, "project_id=1", 1, 11, ""}, {"its place", till, "location_id=11", 1, 11, ""},
			{"another of its projects", till, "project_id=2", 2, 0, ""}, {"a place of that", till, "location_id=12", 2, 12, ""},
			{"both", till, "project_id=2&location_id=12", 2, 12, ""}, {"its place in another project", till, "project_id=2&location_id=11", 0, 0, wallet.Forbidden},
			{"a project that it does not represent", till, "project_id=3", 0, 0, wallet.Forbidden}, {"a place there", till, "location_id=13", 0, 0, wallet.Forbidden},
			{"a project that is not there", till, "project_id=99", 0, 0, wallet.NotFound}, {"a place that is not there", till, "location_id=99", 0, 0, wallet.NotFound},
			{"nonsense", till, "project_id=x", 0, 0, wallet.InvalidParameters},
			{"nothing, by a token of Ona", token, "", 1, 11, ""}, {"another project of Ona's", token, "project_id=3", 3, 0, ""},
			{"nothing, by a client on the web", web, "", 0, 0, ""},
		} {
			caller, err := a.Authenticate(context.Background(), signedCall(c.mac, c.ext), nil, "request")
			if err == nil { // whether it may speak so is the first thing that any decision looks at
				err = wallet.May(caller, wallet.ReadOwnClient, wallet.Subject{}).Err()
			}
			if code(err) != c.code || err == nil && (caller.ProjectID != c.project || caller.LocationID != c.place) {
				t.Errorf("%s named: project %d and place %d, %v; want %d, %d and %q", c.what, caller.ProjectID, caller.LocationID, err, c.project, c.place, c.code)
			}
		}
	})
}

// A phone's SDK sends the project and the place of its app with every call, to the token endpoint too, where they
// mean nothing: whatever they are, nobody looks at them there. What proves the request counts as ever.
func TestCallsThatAreAboutNoProject(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		people(t, db)
		a := prover(t, db)
		for _, ext := range []string{"", "project_id=2", "project_id=3", "project_id=99", "project_id=x", "location_id=99", "project_id=2&location_id=11"} {
			r := signedCall(till, ext)
			r.Header.Set("Wallet-Api-Project-Id", "77")
			r.RemoteAddr = "192.0.2.7:4711"
			caller, err := a.AuthenticateAlone(context.Background(), r, nil, "the request")
			if err != nil || caller.Client.ID != 1 || caller.ProjectID != 0 || caller.LocationID != 0 || caller.From.Address != "192.0.2.7" || caller.From.RequestID != "the request" {
				t.Errorf("%q: %+v, %v", ext, caller, err)
			} else if err := wallet.May(caller, wallet.ReadOwnClient, wallet.Subject{}).Err(); err != nil {
				t.Errorf("%q: what is named is looked at: %v", ext, err)
			}
		}
		for what, ext := range map[string]string{"an ext that cannot be read": "project_id=%zz", "a hash of another body": "body_hash=AAAA"} {
			if _, err := a.AuthenticateAlone(context.Background(), signedCall(till, ext), nil, ""); err == nil {
				t.Errorf("%s is taken", what)
			}
		}
		if _, err := a.AuthenticateAlone(context.Background(), signedCall(walletapi.MAC{ID: knownID}, ""), nil, ""); code(err) != wallet.Unauthorized {
			t.Errorf("a wrong signature is answered %v", err)
		}
	})
}

// Who signed, from where and with what is known to the caller; only what changes something carries a
// nonce, the same wherever the request arrives.
func TestTheCallerKnowsWhereTheRequestCameFrom(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		people(t, db)
		r := signedCall(till, "")
		r.RemoteAddr = "192.0.2.7:4711"
		r.Header.Set("User-Agent", "curl/8")
		first, err := prover(t, db).Authenticate(context.Background(), r, nil, "the request")
		if err != nil || first.From != (wallet.Origin{RequestID: "the request", Address: "192.0.2.7", Agent: "curl/8"}) || first.Nonce != (wallet.Nonce{}) {
			t.Errorf("a GET comes from %+v with %v, %v", first.From, first.Nonce, err)
		}
		post := func() *http.Request {
			r := signedCall(till, "")
			r.Method = http.MethodPost
			header, err := walletapi.ParseAuthorization(r.Header.Get("Authorization"))
			if err != nil {
				t.Fatal(err)
			}
			header.Nonce = "one and the same"
			header.MAC = walletapi.Request{TS: header.TS, Nonce: header.Nonce, Method: r.Method, Target: r.RequestURI, Host: r.Host, Port: "443"}.Sign(till.Secret)
			r.Header.Set("Authorization", header.String())
			return r
		}
		here, err1 := prover(t, db).Authenticate(context.Background(), post(), nil, "")
		there, err2 := prover(t, db).Authenticate(context.Background(), post(), nil, "")
		if errors.Join(err1, err2) != nil || here.Nonce != there.Nonce || here.Nonce.TS != wallettest.Epoch.Unix() || here.Nonce.Fingerprint == [16]byte{} {
			t.Errorf("a POST has the nonce %v here and %v there, %v, %v", here.Nonce, there.Nonce, err1, err2)
		}
		if err := db.WriteUses(context.Background()); err != nil {
			t.Fatal(err)
		}
		keys, err := db.ClientKeys(context.Background(), 1)
		if err != nil || keys[0].LastUse.Address == "" || !keys[0].LastUse.At.Equal(wallettest.Epoch) {
			t.Errorf("the last use of the key is %+v, %v", keys, err)
		}
	})
}

// A client is registered, its key is changed, and it is revoked at one server: the first request that
// reaches the other one knows, without waiting for it to look.
func TestTheOtherServerKnowsBeforeItRefuses(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		if !strings.HasPrefix(address, "postgres") {
			return // one process has the database to itself
		}
		here, there := wallettest.Open(t, address, wallettest.NewClock()), wallettest.Open(t, address, wallettest.NewClock())
		a := prover(t, there)
		answers := func(what string, mac walletapi.MAC, want wallet.Code) {
			t.Helper()
			if _, err := a.Authenticate(context.Background(), signedCall(mac, ""), nil, ""); code(err) != want {
				t.Errorf("%s: answered %v, want %q", what, err, want)
			}
		}
		answers("before", till, wallet.Unauthorized)
		people(t, here)
		answers("registered", till, "")
		client, err := here.Client(context.Background(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for number := 2; number < 12; number++ {
			next := walletapi.MAC{ID: knownID, Secret: strings.Repeat("k", number)}
			change(t, here, func(tx *store.Tx) error {
				return tx.AddClientKey(*client, number, secret.Text(next.Secret), time.Time{})
			})
			answers("the next key", next, "")
			change(t, here, func(tx *store.Tx) error {
				_, err := tx.RetireClientKey(*client, number-1)
				return err
			})
		}
		change(t, here, func(tx *store.Tx) error { return tx.RevokeClients([]int64{1}, wallettest.Epoch) })
		// Who is accepted from memory is not asked about: that ends within a second.
		for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			_, err := a.Authenticate(context.Background(), signedCall(walletapi.MAC{ID: tokenID, Secret: "the key of the token"}, ""), nil, "")
			if code(err) == wallet.Unauthorized {
				break
			}
			if time.Since(began) > time.Second {
				t.Fatalf("a second after the client was revoked, its token is answered %v", err)
			}
		}
		answers("revoked", walletapi.MAC{ID: knownID, Secret: strings.Repeat("k", 11)}, wallet.Unauthorized)
	})
}

func change(t *testing.T, db *store.DB, work func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), work); err != nil {
		t.Fatal(err)
	}
}

// A key expires on the business clock, between two requests; a retired one signs nothing; the client's
// other key goes on through all of it. The operator sees why, who calls does not.
func TestWhichKeysSign(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		people(t, db)
		a := prover(t, db)
		client, err := db.Client(context.Background(), 1)
		if err != nil {
			t.Fatal(err)
		}
		add := func(number int, key string, lifetime time.Duration) walletapi.MAC {
			t.Helper()
			change(t, db, func(tx *store.Tx) error {
				return tx.AddClientKey(*client, number, secret.Text(key), clock.Now().Add(lifetime))
			})
			return walletapi.MAC{ID: knownID, Secret: key}
		}
		signs := func(what string, mac walletapi.MAC, want bool) {
			t.Helper()
			_, err := a.Authenticate(context.Background(), signedCall(mac, ""), nil, "")
			if (err == nil) != want {
				t.Errorf("%s signs: %v, want %v", what, err, want)
			}
			var refused *wallet.Error
			if errors.As(err, &refused) && (refused.Description != auth.NotProven || refused.Refusal == nil || refused.Refusal.ClientID != 1 ||
				refused.Refusal.Reason != "The MAC matches none of the client's live keys.") {
				t.Errorf("%s is told %q and kept as %+v", what, refused.Description, refused.Refusal)
			}
		}
		brief := add(2, "the brief key", time.Hour)
		signs("the first key", till, true)
		signs("the brief key", brief, true)
		clock.Advance(time.Hour - time.Microsecond)
		signs("the brief key at the last moment", brief, true)
		clock.Advance(time.Microsecond)
		signs("the brief key then", brief, false)
		signs("the first key then", till, true)
		next := add(3, "the next key", time.Hour)
		signs("the first key beside a dead one and the next", till, true)
		signs("the next key", next, true)
		signs("the brief key", brief, false)
		change(t, db, func(tx *store.Tx) error {
			_, err := tx.RetireClientKey(*client, 1)
			return err
		})
		signs("the retired key", till, false)
		signs("the next key", next, true)
	})
}

// The process remembers the nonce of a change until a commit has claimed it, and of one that came to nothing for good.
func TestWhatACommitClaimedIsTheDatabasesToRemember(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		people(t, db)
		file := filepath.Join(t.TempDir(), "nonces")
		open := func() *auth.Authenticator {
			nonces, err := auth.OpenNonces(file, auth.DefaultWindow, wallettest.Epoch)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { nonces.Close() })
			return prover(t, db, func(o *auth.Options) { o.Nonces = nonces })
		}
		a := open()
		post := func() *http.Request {
			header := walletapi.Authorization{ID: till.ID, TS: strconv.FormatInt(wallettest.Epoch.Unix(), 10), Nonce: rand.Text()}
			r := httptest.NewRequest(http.MethodPost, "/rest/v1/payment", nil)
			header.MAC = walletapi.Request{TS: header.TS, Nonce: header.Nonce, Method: r.Method, Target: r.RequestURI, Host: r.Host, Port: "443"}.Sign(till.Secret)
			r.Header.Set("Authorization", header.String())
			return r
		}
		call := func(a *auth.Authenticator, r *http.Request) (wallet.Caller, error) {
			return a.Authenticate(context.Background(), r, nil, "")
		}
		changed, refused := post(), post()
		c, err := call(a, changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call(a, changed); code(err) != wallet.Unauthorized {
			t.Errorf("the same request while the first is on its way: %v", err)
		}
		c.Claim.Commit()
		a.Settle(c)
		if again, err := call(a, changed); err != nil || again.Nonce != c.Nonce {
			t.Errorf("after the commit it is the database that refuses, not %v", err)
		}
		if c, err = call(a, refused); err != nil {
			t.Fatal(err)
		}
		a.Settle(c)
		for when, a := range map[string]*auth.Authenticator{"afterwards": a, "after a restart": open()} {
			if _, err := call(a, refused); code(err) != wallet.Unauthorized {
				t.Errorf("a request that came to nothing, %s: %v", when, err)
			}
		}
	})
}
