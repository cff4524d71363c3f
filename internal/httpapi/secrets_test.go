package httpapi_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// Somebody reads over the operator's shoulder: the log, every answer that is an error, and the whole
// database. After a run in which keys, tokens and certificates of all kinds were made, used, rotated and
// revoked, not one secret is found there, as it is or in another spelling.
func TestNoSecretIsLeftLyingAround(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		run := &secretRun{server: server, secrets: map[string]string{}}
		run.all(t)
		if err := server.DB.WriteUses(context.Background()); err != nil {
			t.Fatal(err)
		}
		places := map[string][]byte{"the log": []byte(server.Log()), "an error": run.errors.Bytes(), "the database": dump(t, address)}
		if len(run.secrets) < 25 {
			t.Errorf("only %d secrets were gathered", len(run.secrets))
		}
		for place, text := range places {
			if len(text) < 1000 {
				t.Errorf("%s has only %d bytes: nothing was looked at", place, len(text))
			}
			for what, value := range run.secrets {
				for _, spelled := range [][]byte{
					[]byte(value), []byte(base64.StdEncoding.EncodeToString([]byte(value))), []byte(hex.EncodeToString([]byte(value))),
					[]byte(strings.ReplaceAll(value, "\n", `\n`)),
				} {
					if bytes.Contains(text, spelled) {
						t.Errorf("%s holds %s", place, what)
					}
				}
			}
		}
		if !bytes.Contains(places["the database"], []byte("Tw0Shops12")) {
			t.Error("what is no secret is not found in the database either: nothing was looked at")
		}
	})
}

// secretRun does what makes and uses secrets, and remembers them.
type secretRun struct {
	server  *wallettest.Server
	secrets map[string]string
	errors  bytes.Buffer
}

func (r *secretRun) keep(what string, value string) {
	r.secrets[what] = value
	if block, _ := pem.Decode([]byte(value)); block != nil {
		r.secrets[what+" as DER"] = string(block.Bytes)
		r.secrets[what+" as base64"] = base64.StdEncoding.EncodeToString(block.Bytes)
	}
}

func (r *secretRun) send(as, method, target string, options ...wallettest.Option) *wallettest.Answer {
	answer := r.server.Send(as, method, target, options...)
	if answer.Status != 200 {
		r.errors.WriteString(answer.Head + answer.Body)
	}
	return answer
}

func (r *secretRun) all(t *testing.T) {
	ctx, uses := context.Background(), r.server.Service
	for _, c := range r.server.Manifest.Clients {
		r.keep("the key of "+c.Name, c.MACKey)
	}
	for _, u := range r.server.Manifest.Users {
		r.keep("the password of "+u.Name, u.Password)
	}
	for _, token := range r.server.Manifest.Tokens {
		r.keep(fmt.Sprint("the token of ", token.User), token.AccessToken)
		r.keep(fmt.Sprint("the token key of ", token.User), token.MACKey)
		r.keep(fmt.Sprint("the refresh token of ", token.User), token.RefreshToken)
	}
	_, key, _ := r.server.Manifest.TLSFiles()
	r.keep("the private key of shop", key)
	authority, err := r.server.DB.Authority(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.keep("the authority's private key", authority.Key.Reveal())

	var device walletapi.ClientInfo
	r.send("app", "POST", clientPath, wallettest.Body(`{"type":"app_client","info":{"device_id":"grep"}}`)).Decode(&device)
	r.keep("the key of a new device", device.Credentials.MACKey)
	next, err := uses.RotateKey(ctx, wallettest.Operator, 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r.keep("a rotated key", next.Key.Reveal())
	issued, err := uses.IssueToken(ctx, wallettest.Operator, 1234, 2, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r.keep("an issued token", issued.Access)
	r.keep("an issued token's key", issued.Key.Reveal())
	r.keep("an issued refresh token", issued.Refresh.Reveal())

	mac := wallettest.SignedBy(walletapi.MAC{ID: device.Credentials.AccessToken, Secret: device.Credentials.MACKey})
	for _, path := range []string{clientPath, "/rest/v1/client/1", "/rest/v1/client/99", "/rest/v1/project/1300", "/rest/v1/nowhere"} {
		r.send("", "GET", path, mac)
		r.send("two-shops", "GET", path, wallettest.Ext("project_id=1300"))
		r.send("", "GET", path, wallettest.SignedBy(walletapi.MAC{ID: issued.Access, Secret: issued.Key.Reveal()}))
		r.send("", "GET", path, wallettest.SignedBy(walletapi.MAC{ID: issued.Access, Secret: "wrong"}))
		r.send("", "GET", path, wallettest.SignedBy(walletapi.MAC{ID: issued.Key.Reveal(), Secret: issued.Access})) // swapped
		r.send(wallettest.Anonymous, "GET", path, wallettest.OverTLS(r.server.ShopCertificate()))
	}
	r.tokens()
	r.send("app", "POST", clientPath, wallettest.Body(`{"type":"`+next.Key.Reveal()+`"}`)) // pasted into the wrong field
	if _, err := uses.Revoke(ctx, wallettest.Operator, service.Revocation{ClientID: device.ID}, true); err != nil {
		t.Fatal(err)
	}
	r.send("", "GET", clientPath, mac)
	if err := uses.SealSetting(ctx, wallettest.Operator, "a setting", secret.Text("a-sealed-setting")); err != nil {
		t.Fatal(err)
	}
	r.keep("a sealed setting", "a-sealed-setting")
	signing, err := uses.CallbackKey(ctx, wallettest.Operator)
	if err != nil {
		t.Fatal(err)
	}
	r.keep("the key that callbacks are signed with", signing.Reveal())
}

// tokens asks for tokens and gives them back. An access token stands in a path and in a query there, which
// others may write down on the way.
func (r *secretRun) tokens() {
	var pair, next walletapi.Token
	r.send("device", "POST", tokenPath, passwordForm("email")).Decode(&pair)
	r.send("device", "POST", tokenPath, wallettest.Form("grant_type=refresh_token_with_activation&refresh_token="+pair.RefreshToken)).Decode(&next)
	for what, token := range map[string]walletapi.Token{"a token": pair, "a token that waits": next} {
		r.keep(what, token.AccessToken)
		r.keep("the key of "+what, token.MACKey)
		r.keep("the refresh token of "+what, token.RefreshToken)
	}
	activate := "/oauth/v1/tokens/" + next.AccessToken + "/activate"
	for _, as := range []string{"shop", "kiosk", "app", wallettest.Anonymous, "device"} {
		r.send(as, "POST", activate)
		r.send(as, "PUT", activate)
		r.send(as, "PUT", activate+"/")
		r.send(as, "GET", "/oauth/v1/token?access_token="+next.AccessToken)
		r.send(as, "POST", tokenPath, wallettest.Form("grant_type=refresh_token&refresh_token="+pair.RefreshToken+"&scope=nothing"))
		r.send(as, "DELETE", "/oauth/v1/token?access_token="+next.AccessToken)
		r.send(as, "DELETE", "/oauth/v1/token?access_token="+next.AccessToken+"&access_token="+pair.AccessToken)
		r.send(as, "PUT", "/rest/v1/user/me/password", wallettest.Body(`{"old_password":"paulas-password","password":"a-new-secret"}`))
		r.send(as, "POST", "/rest/v1/user", wallettest.Body(`{"email":"new@example.com","credentials":{"type":"main-password","password":"a-new-secret"}}`))
	}
	r.keep("a new user's password", "a-new-secret")
}

// dump is all that stands in a database.
func dump(t *testing.T, address string) []byte {
	t.Helper()
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		var all []byte
		for _, suffix := range []string{"", "-wal"} {
			text, err := os.ReadFile(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text...)
		}
		return all
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables, err := db.Query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	var all bytes.Buffer
	for tables.Next() {
		var table string
		if err := tables.Scan(&table); err != nil {
			t.Fatal(err)
		}
		var text sql.NullString
		if err := db.QueryRow(`SELECT string_agg(x::text, ' ') FROM ` + table + ` x`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		all.WriteString(text.String)
	}
	return all.Bytes()
}
