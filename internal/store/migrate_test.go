package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// atVersion makes the schema of an older server, in the place of what is there.
func atVersion(t *testing.T, address string, version int64) *sql.DB {
	t.Helper()
	db := raw(t, address)
	dialect := goose.DialectSQLite3
	if isPostgres(address) { // a test's database comes with the schema of today
		dialect = goose.DialectPostgres
		for _, statement := range []string{`DROP SCHEMA public CASCADE`, `CREATE SCHEMA public`} {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := store.Migrations(isPostgres(address))
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(dialect, db, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(context.Background(), version); err != nil {
		t.Fatal(err)
	}
	return db
}

// An older server is not started on what a newer one has written to: it knows nothing of what that keeps beside the money.
func TestAnOlderServerLeavesTheDatabaseAlone(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		if err := wallettest.Open(t, address, wallettest.NewClock()).Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := raw(t, address).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`); err != nil {
			t.Fatal(err)
		}
		_, err := store.Open(t.Context(), address, wallettest.StoreOptions(wallettest.NewClock()))
		if err == nil || !strings.Contains(err.Error(), "a newer version of purser has had the database") {
			t.Errorf("it is opened with %v", err)
		}
	})
}

// Bringing a large database up to date may take longer than reaching it: a server that gave up would never start.
func TestTheSchemaMayTakeItsTime(t *testing.T) {
	t.Cleanup(store.SetStartTimeout(time.Second))
	wallettest.Addresses(t, func(t *testing.T, address string) {
		begin := `PRAGMA journal_mode = WAL; BEGIN IMMEDIATE`
		if isPostgres(address) {
			begin = `BEGIN; LOCK TABLE location_cards`
		}
		slow, err := atVersion(t, address, 18).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := slow.ExecContext(t.Context(), begin); err != nil {
			t.Fatal(err)
		}
		released := make(chan error, 1)
		time.AfterFunc(2*time.Second, func() {
			_, err := slow.ExecContext(t.Context(), `ROLLBACK`)
			released <- err
		})
		db, err := store.Open(t.Context(), address, wallettest.StoreOptions(wallettest.NewClock()))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(<-released, db.Close()); err != nil {
			t.Error(err)
		}
	})
}

// A server is replaced by a newer one while apps hold tokens: they go on with them, access and refresh
// tokens alike, and their users find on the page what they once agreed to, all of it.
func TestTokensOutliveTheMigration(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		old := atVersion(t, address, 2)
		box := wallettest.StoreOptions(wallettest.NewClock()).Box
		now, later := wallettest.Epoch.UnixMicro(), wallettest.Epoch.Add(time.Hour).UnixMicro()
		insert := func(statement string, args ...any) {
			t.Helper()
			if !isPostgres(address) {
				statement = strings.ReplaceAll(statement, "$", "?")
			}
			if _, err := old.Exec(statement, args...); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		insert(`INSERT INTO users (id, type, display_name, locale, created_at) VALUES (1, 'natural', 'Ona', 'lt', $1)`, now)
		insert(`INSERT INTO clients (id, mac_id, title, type, permissions, hosts, info, created_at) VALUES (1, 'till', 'Till', 'private_client', '', '[]', '', $1)`, now)
		insert(`INSERT INTO client_keys (client_id, number, sealed, created_at) VALUES (1, 1, $1, $2)`, box.Seal("key", "client 1 key 1"), now)
		names := []string{"first", "second"}
		for i := range 300 { // more tokens than a list of scopes may have words
			names = append(names, fmt.Sprint("spare ", i))
		}
		for i, name := range names {
			fingerprint := secret.Fingerprint(secret.Text("access " + name))
			insert(`INSERT INTO tokens (fingerprint, user_id, client_id, scopes, sealed_key, expires_at, refresh_fingerprint, refresh_expires_at, created_at)
				VALUES ($1, 1, 1, $2, $3, $4, $5, $4, $6)`, fingerprint, []string{"balance statements", "phone"}[min(i, 1)],
				box.Seal(secret.Text("key "+name), store.TokenPlace(fingerprint)), later, secret.Fingerprint(secret.Text("refresh "+name)), now+int64(i))
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		db := wallettest.Open(t, address, wallettest.NewClock())
		for i, name := range []string{"first", "second"} {
			got := credential(t, db, "access "+name)
			want := &wallet.Token{UserID: 1, ClientID: 1, ExpiresAt: wallettest.Epoch.Add(time.Hour),
				Scopes: [][]wallet.Scope{{wallet.ScopeBalance, wallet.ScopeStatements}, {wallet.ScopePhone}}[i]}
			if diff := cmp.Diff(want, got.Token); diff != "" || !got.Known {
				t.Errorf("the %s token differs (-want +got):\n%s", name, diff)
			} else if diff := cmp.Diff(made(secret.Text("key "+name)), signatures(got)); diff != "" {
				t.Errorf("the %s token signs with another key", name)
			}
			update(t, db, func(tx *store.Tx) error {
				p, err := tx.PairByRefresh(secret.Text("refresh " + name))
				if err != nil || p == nil || p.Family.ID != int64(i+1) || p.Family.UserID != 1 || p.Family.ClientID != 1 ||
					p.ActiveAt.IsZero() || !p.RefreshedAt.IsZero() || !p.Family.EndedAt.IsZero() || !p.RefreshExpiresAt.Equal(want.ExpiresAt) {
					t.Errorf("the %s refresh token stands for %+v, %v", name, p, err)
				}
				return nil
			})
		}
		consent, err := db.Consent(context.Background(), 1, 1)
		if err != nil || consent == nil || wallet.ScopeNames(consent.Scopes) != "balance phone statements" || len(consent.Declined) != 0 {
			t.Errorf("the consent is %+v, %v", consent, err)
		}
		update(t, db, func(tx *store.Tx) error { // what comes next takes no number that is taken
			family, err := tx.InsertFamily(store.Family{UserID: 1, ClientID: 1})
			if family != int64(len(names)+1) {
				t.Errorf("the next family is %d", family)
			}
			return err
		})
		update(t, db, func(tx *store.Tx) error {
			_, err := tx.EndFamily(1)
			return err
		})
		if credential(t, db, "access first").Known || !credential(t, db, "access second").Known {
			t.Error("ending one family ends the other, or not itself")
		}
	})
}
