package httpapi_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// Requests with an idempotency key. What their answers say stands in the exchange file idempotency.txt.

func key(text string) wallettest.Option { return wallettest.Header("Idempotency-Key", text) }

// repeatable is a request that is good in the sample world. A route that has none fails the test below.
type repeatable struct {
	as, target string
	options    []wallettest.Option
	// secrets says that the answer holds credentials.
	secrets bool
}

// repeatables has one of each route that changes something; what has to happen before is done here.
var repeatables = map[string]func(t *testing.T, server *wallettest.Server) repeatable{
	"POST /rest/v1/client": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "app", target: clientPath, options: body(`{"type":"app_client"}`), secrets: true}
	},
	"PUT /rest/v1/client/{id}": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "app", target: clientPath + "/7", options: body(`{"title":"Till 4"}`)}
	},
	"PUT /rest/v1/project/{id}": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/rest/v1/project/1221", options: body(`{"title":"My Better Store"}`)}
	},
	"POST /rest/v1/project/{id}/administrators": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "token:1234", target: "/rest/v1/project/1221/administrators", options: body(`{"email":"ona@example.com"}`)}
	},
	"POST /rest/v1/user": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/rest/v1/user",
			options: body(`{"email":"ona@example.com","credentials":{"type":"main-password","password":"three blue herons"}}`)}
	},
	"POST /rest/v1/user/{user}/email":        ofPaula("/email", `{"email":"paula@home.example"}`),
	"PUT /rest/v1/user/{user}/email":         ofPaula("/email", `{"email":"paula@home.example"}`),
	"POST /rest/v1/user/{user}/phone":        ofPaula("/phone", `{"phone":"37060000046"}`),
	"PUT /rest/v1/user/{user}/phone":         ofPaula("/phone", `{"phone":"37060000046"}`),
	"PUT /rest/v1/user/{user}/email/confirm": ofPaulaConfirming("/email", `{"email":"paula@home.example"}`),
	"PUT /rest/v1/user/{user}/phone/confirm": ofPaulaConfirming("/phone", `{"phone":"37060000046"}`),
	"POST /rest/v1/user/password/reset": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/rest/v1/user/password/reset", options: body(`{"email":"paula@example.com"}`)}
	},
	"PUT /rest/v1/user/{user}/password": ofPaula("/password", `{"old_password":"paulas-password","password":"three blue herons"}`),
	"PUT /rest/v1/wallet/{wallet}": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "token:5678", target: "/rest/v1/wallet/me", options: body(`{"description":"For bread"}`)}
	},
	"POST /rest/v1/currency-conversion": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "token:5678", target: "/rest/v1/currency-conversion",
			options: body(`{"from_currency":"EUR","to_currency":"USD","from_amount":1000,"account_number":"EVP000000014471"}`)}
	},
	"POST /rest/v1/wallet/{wallet}/code": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "token:5678", target: "/rest/v1/wallet/me/code", secrets: true}
	},
	"POST /rest/v1/wallet/{wallet}/barcode": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "token:5678", target: "/rest/v1/wallet/me/barcode", secrets: true}
	},
	"POST /rest/v1/cash/in": func(t *testing.T, server *wallettest.Server) repeatable {
		expect(t, server.Send("shop", "POST", "/rest/v1/cash/out", body(someCash)...), 200, "")
		return repeatable{as: "shop", target: "/rest/v1/cash/in", options: body(someCash)}
	},
	"POST /rest/v1/cash/out": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/rest/v1/cash/out", options: body(someCash)}
	},
	"POST /rest/v1/cash/code": func(t *testing.T, server *wallettest.Server) repeatable {
		expect(t, server.Send("shop", "PUT", "/rest/v1/location/456", body(`{"hours":{"text":"24/7"}}`)...), 200, "")
		return repeatable{as: "shop", target: "/rest/v1/cash/code", options: body(`{"location_id":456,"customer":{"email":"ona@example.com"}}`)}
	},
	"POST /rest/v1/user/{user}/identification-request": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/rest/v1/user/9012/identification-request", secrets: true,
			options: body(`{"location_id":105,"document":{"type":"passport","number":"LT012345"},"identity":{"name":"Rita","surname":"Rival","nationality":"lt"},"checked_by":"Ona"}`)}
	},
	"POST /rest/v1/transaction": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: transactionPath, options: body(`{"payments":[` + somePayment + `]}`)}
	},
	"POST /rest/v1/allowance": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/rest/v1/allowance", options: body(`{"description":"Bread each day","currency":"EUR","max_price":5000}`)}
	},
	"POST /rest/v1/payment": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/rest/v1/payment", options: body(somePayment)}
	},
	"PUT /rest/v1/transaction/{key}/reserve/{wallet}": ofTransaction("/reserve/14471", `{"pin":"5678"}`),
	"PUT /rest/v1/transaction/{key}/reserve":          ofTransaction("/reserve", `{"wallet_id":14471,"pin":"5678"}`),
	"PUT /rest/v1/transaction/{key}/confirm":          ofTransaction("/confirm", "", "/reserve/me"),
	"PUT /rest/v1/transaction/{key}/flash/{wallet}":   ofTransaction("/flash/14471", ""),
	"POST /rest/v1/transaction/{key}/flash":           ofTransaction("/flash", `{"wallet_id":14471}`),
	"POST /rest/v1/transaction/{key}/request":         ofTransaction("/request", `{"email":"paula@example.com"}`),
	"PUT /rest/v1/payment/{id}/freeze":                ofTransaction("payment/freeze", `{"freeze_for":72}`, "/reserve/me"),
	"PUT /rest/v1/payment/{id}/password":              ofTransaction("payment/password", `{"password":"s3cret"}`, "/reserve/me"),
	"PUT /rest/v1/payment/{id}/finalize":              ofTransaction("payment/finalize", `{"price":1000,"currency":"EUR"}`, "/reserve/me", "/confirm"),
	"POST /rest/v1/project/{id}/location": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/rest/v1/project/1221/location", options: body(`{"title":"Stall","address":"Market","spots":[{"identifier":"TILL"}]}`)}
	},
	"PUT /rest/v1/location/{id}": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: placePath, options: body(`{"title":"Tearoom","spots":[{"id":2},{"identifier":"TILL"}]}`)}
	},
	"PUT /rest/v1/spot/{id}/check-in": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "token:5678", target: spotPath + "/check-in"}
	},
	"PUT /rest/v1/spot/{id}/check-out": func(t *testing.T, server *wallettest.Server) repeatable {
		expect(t, server.Send("token:5678", "PUT", spotPath+"/check-in"), 200, "")
		return repeatable{as: "token:5678", target: spotPath + "/check-out"}
	},
	"POST /rest/v1/spot/{id}/order": func(t *testing.T, server *wallettest.Server) repeatable {
		var made walletapi.Transaction
		server.Send("shop", "POST", transactionPath, body(`{"payments":[`+somePayment+`]}`)...).Decode(&made)
		return repeatable{as: "shop", target: spotPath + "/order", options: body(`{"transaction_key":"` + made.TransactionKey + `"}`)}
	},
	"POST /oauth/v1/token": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "device", target: tokenPath, options: []wallettest.Option{passwordForm("email")}, secrets: true}
	},
	"PUT /oauth/v1/tokens/{access_token}/activate": func(t *testing.T, server *wallettest.Server) repeatable {
		old := ask(t, server, "device", "POST", tokenPath, passwordForm("email"))
		waits := ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token_with_activation", old))
		return repeatable{as: "device", target: "/oauth/v1/tokens/" + waits.AccessToken + "/activate", secrets: true}
	},
	"POST /oauth/v1/session": func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "shop", target: "/oauth/v1/session",
			options: []wallettest.Option{wallettest.Form("response_type=code&redirect_uri=http%3A%2F%2Flocalhost%2F")}, secrets: true}
	},
}

const (
	transactionPath = "/rest/v1/transaction"
	somePayment     = `{"description":"Tea","price":2000,"currency":"EUR","freeze_for":24,"password":{"type":"provided","value":"s3cret","optional":true}}`
)

// ofTransaction is a call about a new transaction, or, where path begins with payment, about its payment; before are done to it.
func ofTransaction(path, text string, before ...string) func(*testing.T, *wallettest.Server) repeatable {
	return func(t *testing.T, server *wallettest.Server) repeatable {
		var made walletapi.Transaction
		server.Send("shop", "POST", transactionPath, body(`{"payments":[`+somePayment+`]}`)...).Decode(&made)
		target := transactionPath + "/" + made.TransactionKey
		for _, step := range before {
			expect(t, server.Send("token:5678", "PUT", target+step), 200, "")
		}
		target += path
		if ofPayment, is := strings.CutPrefix(path, "payment"); is {
			target = fmt.Sprintf("/rest/v1/payment/%d", made.Payments[0].ID) + ofPayment
		}
		return repeatable{as: "shop", target: target, options: body(text)}
	}
}

// someCash is of Paula's, at a place that is always open.
const someCash = `{"location_id":105,"price":100,"currency":"EUR","customer":{"person_code":"49001310000","nationality":"lt"}}`

func body(text string) []wallettest.Option { return []wallettest.Option{wallettest.Body(text)} }

// ofPaula is a call about Paula, with her token.
func ofPaula(path, text string) func(*testing.T, *wallettest.Server) repeatable {
	return func(*testing.T, *wallettest.Server) repeatable {
		return repeatable{as: "token:5678", target: mePath + path, options: body(text)}
	}
}

// ofPaulaConfirming gives the code back that such a call sent.
func ofPaulaConfirming(path, text string) func(*testing.T, *wallettest.Server) repeatable {
	return func(t *testing.T, server *wallettest.Server) repeatable {
		expect(t, server.Send("token:5678", "POST", mePath+path, body(text)...), 200, "")
		return repeatable{as: "token:5678", target: mePath + path + "/confirm", options: body(`{"code":"` + lastCode(t, server) + `"}`)}
	}
}

func lastCode(t *testing.T, server *wallettest.Server) string {
	t.Helper()
	messages, err := server.Service.ListMessages(context.Background(), wallettest.Operator, "", 1)
	if err != nil || len(messages) != 1 {
		t.Fatal(messages, err)
	}
	return messages[0].Values["code"]
}

// Every call of the route table that changes something is sent twice under one key, signed anew. It has its effect
// once: after the repeat not one row of the database differs, but for the nonce that was used up. Both answers are the same
// bytes, with the same header. Another request under the key is refused, and changes nothing either.
func TestEveryChangeHappensOnce(t *testing.T) {
	for _, pattern := range httpapi.Patterns() {
		method, _, _ := strings.Cut(pattern, " ")
		if method != "POST" && method != "PUT" {
			continue
		}
		prepare := repeatables[pattern]
		if prepare == nil {
			t.Errorf("%s: say in repeatables what a good request is", pattern)
			continue
		}
		t.Run(pattern, func(t *testing.T) {
			wallettest.Addresses(t, func(t *testing.T, address string) {
				server := wallettest.NewServer(t, address)
				happensOnce(t, server, address, method, prepare(t, server))
			})
		})
	}
}

func happensOnce(t *testing.T, server *wallettest.Server, address, method string, r repeatable) {
	send := func(target string) *wallettest.Answer {
		return server.Send(r.as, method, target, append(slices.Clone(r.options), key("one"))...)
	}
	begin := rows(t, server, address)
	first := send(r.target)
	expect(t, first, 200, "")
	if first.Header.Get("Idempotent-Replayed") != "" {
		t.Error("the first answer is called a repeat")
	}
	after := rows(t, server, address)
	if cmp.Equal(begin, after) {
		t.Error("the request changes nothing: its repeat would prove nothing")
	}
	again := send(r.target)
	expect(t, again, 200, "")
	if again.Body != first.Body {
		t.Errorf("the repeat is answered\n%s\nand not\n%s", again.Body, first.Body)
	}
	if again.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("the repeat does not say that it is one")
	}
	if diff := cmp.Diff(after, rows(t, server, address)); diff != "" {
		t.Errorf("the repeat has an effect (-before +after)\n%s", diff)
	}
	other := send(r.target + "?other")
	if expect(t, other, 409, wallet.InvalidState); other.Error != nil && other.Error.Description != wallet.OtherRequest {
		t.Errorf("another request reads %q", other.Error.Description)
	}
	if diff := cmp.Diff(after, rows(t, server, address)); diff != "" {
		t.Errorf("another request under the key has an effect (-before +after)\n%s", diff)
	}
	if kept := keptAnswers(t, address); r.secrets && (len(kept) != 1 || bytes.Contains(kept[0], []byte(first.Body))) {
		t.Errorf("the answer, which holds credentials, is not sealed: %q", kept)
	}
}

// asRead opens the database beside the server.
func asRead(t *testing.T, address string) *sql.DB {
	t.Helper()
	driver, name := "pgx", address
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		driver, name = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// rows are all rows of the database as text, by table, but for the nonces that were used up.
func rows(t *testing.T, server *wallettest.Server, address string) map[string][]string {
	t.Helper()
	if err := server.DB.WriteUses(context.Background()); err != nil {
		t.Fatal(err)
	}
	db := asRead(t, address)
	defer db.Close()
	all := map[string][]string{}
	for _, table := range tables(t, db, strings.HasPrefix(address, "sqlite:")) {
		if table != "claimed_nonces" && table != "writers" { // those count what was committed
			condition := ""
			if table == "counters" { // numbers of payments are set aside many at a time, used or not
				condition = " WHERE name NOT IN ('transaction', 'payment')"
			}
			all[table] = texts(t, db, "SELECT * FROM "+table+condition)
		}
	}
	if len(all) < 20 {
		t.Fatalf("there are only %d tables: this is not the database", len(all))
	}
	return all
}

func tables(t *testing.T, db *sql.DB, sqlite bool) (names []string) {
	t.Helper()
	query := `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
	if sqlite {
		query = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	}
	found, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// texts are the rows of a query, sorted.
func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	found, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := found.Scan(values...); err != nil {
			t.Fatal(err)
		}
		var row strings.Builder
		for i, value := range values {
			if raw, ok := (*value.(*any)).([]byte); ok {
				fmt.Fprintf(&row, "%s=%s ", columns[i], hex.EncodeToString(raw))
			} else {
				fmt.Fprintf(&row, "%s=%v ", columns[i], *value.(*any))
			}
		}
		all = append(all, row.String())
	}
	slices.Sort(all)
	return all
}

// keptAnswers are the bodies of the kept answers, as they are stored.
func keptAnswers(t *testing.T, address string) (bodies [][]byte) {
	t.Helper()
	db := asRead(t, address)
	defer db.Close()
	found, err := db.Query(`SELECT body FROM answers`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var body []byte
		if err := found.Scan(&body); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// Somebody reads the whole database after credentials were handed out under a key: none of them is found there, nor is
// the request, which holds a password and could be found by trying.
func TestKeptCredentialsAreSealed(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		token := ask(t, server, "device", "POST", tokenPath, passwordForm("email"), key("one"))
		var device walletapi.ClientInfo
		server.Send("app", "POST", clientPath, append(body(`{"type":"app_client"}`), key("one"))...).Decode(&device)
		all := dump(t, address)
		for what, text := range map[string]string{
			"the token": token.AccessToken, "its key": token.MACKey, "the refresh token": token.RefreshToken, "the device's key": device.Credentials.MACKey,
		} {
			if text == "" || bytes.Contains(all, []byte(text)) || bytes.Contains(all, []byte(hex.EncodeToString([]byte(text)))) {
				t.Errorf("%s stands in the database", what)
			}
		}
		if kept := keptAnswers(t, address); len(kept) != 2 {
			t.Errorf("%d answers are kept", len(kept))
		}
	})
}

// A key belongs to the client, and to the user whose token signs: another one's is another key. The same user's next
// token finds it again.
func TestAKeyBelongsToWhoCalls(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		reset := append(body(`{"email":"paula@example.com"}`), key("one"))
		first := server.Send("shop", "POST", "/rest/v1/user/password/reset", reset...)
		expect(t, first, 200, "")
		others := server.Send("device", "POST", "/rest/v1/user/password/reset", reset...)
		if expect(t, others, 200, ""); others.Body == first.Body || others.Header.Get("Idempotent-Replayed") != "" {
			t.Errorf("another client is answered %s", others.Body)
		}
		old := ask(t, server, "device", "POST", tokenPath, passwordForm("email"))
		change := append(body(`{"email":"paula@home.example"}`), key("one"))
		expect(t, server.Send("", "POST", mePath+"/email", append(change, by(old))...), 200, "")
		next := ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token", old))
		again := server.Send("", "POST", mePath+"/email", append(change, by(next))...)
		if expect(t, again, 200, ""); again.Header.Get("Idempotent-Replayed") != "true" {
			t.Error("with the next token the request is done again")
		}
	})
}

// Who has lost a right is refused, and not told what the answer was; so is who was revoked.
func TestWhoLostARightIsNotToldTheOldAnswer(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		register := append(body(`{"type":"app_client"}`), key("one"))
		expect(t, server.Send("app", "POST", clientPath, register...), 200, "")
		none := []wallet.Permission{wallet.UseWalletAPI}
		if _, err := server.Service.UpdateClient(context.Background(), wallettest.Operator, 5, service.ClientChange{Permissions: &none}); err != nil {
			t.Fatal(err)
		}
		expect(t, server.Send("app", "POST", clientPath, register...), 403, wallet.Forbidden)
	})
}

// A refused request leaves its key free, also where what it did stays: a wrong code is counted.
func TestARefusedRequestLeavesItsKeyFree(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		expect(t, server.Send("token:5678", "POST", mePath+"/email", body(`{"email":"paula@home.example"}`)...), 200, "")
		code := lastCode(t, server)
		confirm := func(code string) *wallettest.Answer {
			return server.Send("token:5678", "PUT", mePath+"/email/confirm", append(body(`{"code":"`+code+`"}`), key("one"))...)
		}
		expect(t, confirm("000000000"), 400, wallet.InvalidCode)
		expect(t, confirm(code), 200, "")
		expect(t, confirm("000000000"), 409, wallet.InvalidState)
		if again := confirm(code); again.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("the repeat is answered %d %s", again.Status, again.Body)
		}
	})
}

// Seven days, to the second, on the business clock; then the row is pruned.
func TestAKeyIsGoodForSevenDays(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		register := append(body(`{"type":"app_client"}`), key("one"))
		first := server.Send("app", "POST", clientPath, register...)
		server.Business.Advance(7 * 24 * time.Hour)
		if again := server.Send("app", "POST", clientPath, register...); again.Body != first.Body {
			t.Errorf("after seven days it is answered\n%s\nand not\n%s", again.Body, first.Body)
		}
		if err := server.Service.Prune(context.Background(), wallettest.Operator); err != nil || len(keptAnswers(t, address)) != 1 {
			t.Errorf("it is pruned too early: %v", err)
		}
		server.Business.Advance(time.Second)
		second := server.Send("app", "POST", clientPath, register...)
		if expect(t, second, 200, ""); second.Body == first.Body {
			t.Error("a second later it is still the same answer")
		}
		server.Business.Advance(7*24*time.Hour + time.Second)
		if err := server.Service.Prune(context.Background(), wallettest.Operator); err != nil || len(keptAnswers(t, address)) != 0 {
			t.Errorf("it is not pruned: %v", err)
		}
	})
}

// A client that lost patience sends a request sixteen times at once, to one server and, where there are two on one
// database, to both. It happens once, and each is answered with the same bytes. A password is changed likewise: none
// of them is refused for the present one being wrong by then, at one server.
func TestSixteenAtOnceHappenOnce(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		servers := []*wallettest.Server{wallettest.NewServer(t, address)}
		if !strings.HasPrefix(address, "sqlite:") {
			servers = append(servers, wallettest.NewServer(t, address))
		}
		for _, call := range []struct {
			as, method, target, text string
			servers                  []*wallettest.Server
		}{
			{"app", "POST", clientPath, `{"type":"app_client","info":{"device_id":"sixteen"}}`, servers},
			{"shop", "POST", "/rest/v1/user/password/reset", `{"email":"paula@example.com"}`, servers},
			{"token:5678", "PUT", mePath + "/password", `{"old_password":"paulas-password","password":"three blue herons"}`, servers[:1]},
		} {
			answers := make([]*wallettest.Answer, 16)
			var all sync.WaitGroup
			for i := range answers {
				server := call.servers[i%len(call.servers)]
				request := server.Compose(call.as, call.method, call.target, append(body(call.text), key("sixteen"))...)
				all.Go(func() { answers[i] = server.SendRaw(request) })
			}
			all.Wait()
			first := 0
			for _, answer := range answers {
				if answer.Status != 200 || answer.Body != answers[0].Body {
					t.Errorf("%s %s is answered %d %s", call.method, call.target, answer.Status, answer.Body)
				}
				if answer.Header.Get("Idempotent-Replayed") == "" {
					first++
				}
			}
			if first != 1 {
				t.Errorf("%s %s: %d of the answers are the first", call.method, call.target, first)
			}
		}
		if kept := keptAnswers(t, address); len(kept) != 3 {
			t.Errorf("%d answers are kept", len(kept))
		}
	})
}
