package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// What is stored of a client comes back as it was, whether it says little or much.
func TestClientsComeBackAsTheyWere(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		little := wallet.Client{
			ID: 1, MACID: "little", Type: wallet.Application, Permissions: []wallet.Permission{}, CreatedAt: wallettest.Epoch,
		}
		much := wallet.Client{
			ID: 2, MACID: "wkVd93h2uS", Title: "Kepyklos „kasa“ \x01 <&>", Type: wallet.AppClient,
			Permissions: []wallet.Permission{"access_statements", "use_wallet_api"}, Projects: []int64{1, 2, 3}, MainProject: 2,
			Hosts: []wallet.Host{
				{Host: "shop.example", Port: 8443, Path: "/back", Protocol: "https"}, {Host: "example.org", AnyPort: true, AnySubdomain: true},
			},
			WalletRights: []wallet.WalletRight{
				{WalletID: 1, Scopes: []wallet.Scope{wallet.ScopeBalance}}, {WalletID: 2, Scopes: []wallet.Scope{wallet.ScopeBalance, wallet.ScopeStatements}},
			},
			Info: `{"os":"android"}`, ServiceAgreementID: 77, CreatedBy: 1, CreatedAt: wallettest.Epoch.Add(time.Microsecond),
		}
		update(t, db, func(tx *store.Tx) error {
			unsorted := much
			unsorted.Permissions = []wallet.Permission{"use_wallet_api", "access_statements"}
			unsorted.Projects = []int64{3, 1, 2}
			return errors.Join(tx.InsertClient(little, "key 1", time.Time{}), tx.InsertClient(unsorted, "key 2", time.Time{}))
		})
		for _, want := range []wallet.Client{little, much} {
			got, err := db.Client(context.Background(), want.ID)
			if diff := cmp.Diff(&want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("client %d differs (-want +got): %v\n%s", want.ID, err, diff)
			}
			if diff := cmp.Diff(&want, credential(t, db, want.MACID).Client, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s differs (-want +got):\n%s", want.MACID, diff)
			}
		}
		if got, err := db.Client(context.Background(), 99); got != nil || err != nil {
			t.Errorf("a client that does not exist is %v, %v", got, err)
		}
	})
}

// A key that somebody copied to another client's row in the database does not open there.
func TestAKeyOfAnotherRowDoesNotOpen(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, _ := open(t, address)
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertClient(till(1, "mine"), "my key", time.Time{}), tx.InsertClient(till(2, "theirs"), "their key", time.Time{}))
		})
		_, err := raw(t, address).Exec(`UPDATE client_keys SET sealed = (SELECT sealed FROM client_keys WHERE client_id = 1) WHERE client_id = 2`)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := db.Credential(context.Background(), "theirs"); !errors.Is(err, secret.ErrSeal) || got.Client != nil {
			t.Errorf("the copied key opens: %v, %v; want %v", got, err, secret.ErrSeal)
		}
		if got := credential(t, db, "mine"); !slices.Equal(signatures(got), made("my key")) {
			t.Error("the original does not open any more")
		}
	})
}

// An access token stands for a user and a client. With the right scope it carries the projects
// that the user administers: the user's own and those of their companies.
func TestTokens(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		token := store.Token{
			Token: wallet.Token{
				UserID: 1, ClientID: 1, Scopes: []wallet.Scope{wallet.ScopeBalance, wallet.ScopeProjects}, ExpiresAt: wallettest.Epoch.Add(time.Hour),
			},
			Access: "access-1", Refresh: "refresh-1", Key: "key-1", RefreshExpiresAt: wallettest.Epoch.Add(24 * time.Hour),
		}
		narrow := token
		narrow.Access, narrow.Refresh, narrow.Key, narrow.Scopes = "access-2", "refresh-2", "key-2", []wallet.Scope{wallet.ScopeBalance}
		if credential(t, db, "access-1").Known {
			t.Fatal("a token that was not given yet stands for somebody")
		}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertClient(till(1, "till"), "key", time.Time{}), tx.InsertToken(token), tx.InsertToken(narrow))
		})
		got := credential(t, db, "access-1")
		want := token.Token
		want.Projects = []int64{1, 2, 3}
		if diff := cmp.Diff(&want, got.Token); diff != "" {
			t.Errorf("the token differs (-want +got):\n%s", diff)
		}
		if got.Client == nil || got.Client.MACID != "till" || !slices.Equal(signatures(got), made("key-1")) {
			t.Errorf("the token is of client %v and signs with %d keys", got.Client, len(got.Keys))
		}
		if diff := cmp.Diff(&narrow.Token, credential(t, db, "access-2").Token); diff != "" {
			t.Errorf("the narrow token differs (-want +got):\n%s", diff)
		}
		for _, macID := range []string{"refresh-1", "key-1", "", hex.EncodeToString(secret.Fingerprint("access-1"))} {
			if credential(t, db, macID).Known {
				t.Errorf("%q stands for somebody", macID)
			}
		}
		update(t, db, func(tx *store.Tx) error {
			return tx.InsertProject(wallet.Project{ID: 4, Title: "Mill", OwnerID: 2, WalletID: 2})
		})
		if got := credential(t, db, "access-1").Token.Projects; !slices.Equal(got, []int64{1, 2, 3, 4}) {
			t.Errorf("after the company got another project: %v", got)
		}
	})
}

// Whoever gets hold of the database, as tables or as files, finds no secret in it, in whatever
// spelling they look for it.
func TestNoSecretIsInTheDatabase(t *testing.T) {
	secrets := map[string]secret.Text{
		"MAC key": "IamTheMACKeyOfTheClient000000001", "second MAC key": "IamTheSecondMACKeyOfTheClient002",
		"retired MAC key": "IamTheRetiredMACKeyOfTheClient07", "key of the authority": "IamTheKeyOfTheAuthority000000008",
		"access token": "IamTheAccessTokenOfTheUser000003", "refresh token": "IamTheRefreshTokenOfTheUser00004",
		"key of the token": "IamTheMACKeyOfTheToken0000000005", "password": "IamThePasswordOfTheUser000000006", "PIN": "70077007",
		"person code": "39001011234", "code that was sent": "830274", "value of a message": "830274 is the code", "cookie": "IamTheCookieOfTheUser000000009",
		"handle of the code": "IamTheHandleOfTheCode000000010", "authorization code": "IamTheAuthorizationCode00000011", "prepared key": "IamTheKeyOfTheRequest0000000012",
		"number of a document": "IAMTHENUMBEROFTHEDOCUMENT014", "person code in a document": "39001015678",
		"refresh token that waits": "IamTheRefreshTokenThatWaits0013", "key-encryption key": wallettest.KEK, "key-encryption key itself": "0123456789abcdef0123456789abcdef",
	}
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		update(t, db, func(tx *store.Tx) error {
			client := till(1, "till")
			client.Projects, client.MainProject = nil, 0
			user := wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona", Locale: "lt", Level: wallet.Identified,
				Identity: wallet.Identity{Name: "Ona", Surname: "Onaitė", Nationality: "lt", Code: wallet.PersonCode(secrets["person code"])}}
			return errors.Join(
				tx.InsertUser(user, secret.HashPassword(secrets["password"]), db.Box.HashPIN(secrets["PIN"])),
				tx.InsertClient(client, secrets["MAC key"], time.Time{}), tx.AddClientKey(client, 2, secrets["second MAC key"], time.Time{}),
				tx.AddClientKey(client, 3, secrets["retired MAC key"], time.Time{}), second(tx.RetireClientKey(client, 3)),
				second(tx.InsertAuthority(store.Authority{PEM: []byte("certificate"), Key: secrets["key of the authority"]})),
				tx.InsertToken(store.Token{
					Token:  wallet.Token{UserID: 1, ClientID: 1, Scopes: []wallet.Scope{wallet.ScopeBalance}},
					Access: secrets["access token"], Refresh: secrets["refresh token"], Key: secrets["key of the token"],
				}),
				tellSecrets(tx, db, secrets),
				tx.InsertWallet(wallet.Wallet{ID: 1, OwnerID: 1, AccountNumber: "PU0001"}), tx.InsertProject(wallet.Project{ID: 1, OwnerID: 1, WalletID: 1}),
				tx.InsertLocation(wallet.Location{ID: 1, ProjectID: 1, Status: wallet.Active, UpdatedAt: wallettest.Epoch}), second(tx.InsertIdentification(shown(1))),
			)
		})
		if got := credential(t, db, secrets["access token"].Reveal()); !slices.Equal(signatures(got), made(secrets["key of the token"])) {
			t.Fatal("the token does not work: this proves nothing")
		}
		places := dump(t, address)
		fingerprint := sha256.Sum256([]byte(secrets["access token"]))
		if !bytes.Contains(places["tokens.fingerprint"], fingerprint[:]) || len(places) < 150 {
			t.Fatalf("only %d columns were looked at: this proves nothing", len(places))
		}
		if path, isFile := strings.CutPrefix(address, "sqlite:"); isFile {
			for _, file := range []string{path, path + "-wal"} {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				places["the file "+file] = content
			}
			closeNow()
			folded, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(folded, fingerprint[:]) {
				t.Fatalf("the file does not hold the token's fingerprint (%v): this proves nothing", err)
			}
			places["the file "+path+" after closing"] = folded
		}
		for name, plain := range secrets {
			raw := []byte(plain)
			for spelling, form := range map[string]string{
				"as it is": string(raw), "in hex": hex.EncodeToString(raw), "in base64": base64.StdEncoding.EncodeToString(raw)[:len(raw)*4/3/4*4],
				"in URL base64": base64.RawURLEncoding.EncodeToString(raw)[:len(raw)*4/3/4*4],
			} {
				for place, content := range places {
					if bytes.Contains(bytes.ToLower(content), bytes.ToLower([]byte(form))) {
						t.Errorf("the %s stands in %s %s", name, place, spelling)
					}
				}
			}
		}
	})
}

// tellSecrets stores what people are sent and what their browsers hold.
func tellSecrets(tx *store.Tx, db *store.DB, secrets map[string]secret.Text) error {
	later := wallettest.Epoch.Add(time.Hour)
	return errors.Join(
		tx.Tell(wallet.Message{Kind: wallet.ConfirmContact, Email: "ona@example.com", Locale: "lt", Values: map[string]string{
			"code": secrets["code that was sent"].Reveal(), "text": secrets["value of a message"].Reveal(),
		}}),
		tx.InsertConfirmation(secrets["handle of the code"], store.Confirmation{
			ID: 1, Purpose: store.ForContact, UserID: 1, Contact: "ona@example.com", CreatedAt: wallettest.Epoch, ExpiresAt: later,
			CodeHash: db.Box.Fingerprint("code 1", secrets["code that was sent"]),
		}),
		tx.InsertSignIn(secrets["cookie"], 1, wallettest.Epoch),
		tx.InsertCode(secrets["authorization code"], store.Code{UserID: 1, ClientID: 1, ExpiresAt: later}),
		tx.PrepareRequest(secrets["prepared key"], 1, "{}", later),
		tx.InsertPair(store.Pair{FamilyID: 1, Access: "access that waits", Refresh: secrets["refresh token that waits"], Key: "key that waits", ExpiresAt: later, RefreshExpiresAt: later, Waits: true}),
	)
}

// second is the error of a call that answers something beside it.
func second[T any](_ T, err error) error { return err }

// dump is all that stands in all columns of all tables, by "table.column".
func dump(t *testing.T, address string) map[string][]byte {
	t.Helper()
	db := raw(t, address)
	defer db.Close() // the last connection to a SQLite file folds its log into it
	list := `SELECT name FROM sqlite_schema WHERE type = 'table'`
	if isPostgres(address) {
		list = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	}
	content := map[string][]byte{}
	for _, table := range texts(t, db, list) {
		rows, err := db.Query(`SELECT * FROM ` + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		cells, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		for _, column := range columns {
			content[table+"."+column] = []byte{}
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, column := range columns {
				content[table+"."+column] = append(append(content[table+"."+column], cells[i]...), '\n')
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return content
}

func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}
