package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// The tests of this file are named after what real clients choke on: the fourteen rules of
// spec/mobile-sdks.md §0 and the traps of spec/php-client.md §11. Further down are stories of requests that prove who sent them, or
// fail to, and of a server in trouble.

// onBothEngines runs a story on a new sample world in each engine.
func onBothEngines(t *testing.T, story func(t *testing.T, server *wallettest.Server)) {
	t.Helper()
	wallettest.Addresses(t, func(t *testing.T, address string) { story(t, wallettest.NewServer(t, address)) })
}

// expect reports an answer that is not the one meant.
func expect(t *testing.T, answer *wallettest.Answer, status int, code wallet.Code) {
	t.Helper()
	got := wallet.Code("")
	if answer.Error != nil {
		got = wallet.Code(answer.Error.Code)
	}
	if answer.Status != status || got != code {
		t.Errorf("answered %d %s, want %d %s: %.300s", answer.Status, got, status, code, answer.Body)
	}
}

// ts signs a time that is off by so much from the server's.
func ts(server *wallettest.Server, off time.Duration) wallettest.Option {
	at := server.Wall.Now().Add(off)
	text := strconv.FormatInt(at.Unix(), 10)
	if fraction := at.Nanosecond() / 1000; fraction != 0 {
		text += fmt.Sprintf(".%06d", fraction)
	}
	return signed(func(r *walletapi.Request) { r.TS = text })
}

func signed(change func(*walletapi.Request)) wallettest.Option { return wallettest.Signing(change) }

// tokenLifetime is how long the sample tokens live.
const tokenLifetime = 10 * 365 * 24 * time.Hour

const (
	clientPath   = "/rest/v1/client"
	projectPath  = "/rest/v1/project/1221"
	projectsPath = "/rest/v1/user/me/projects"
	balancePath  = "/rest/v1/wallet/14471/balance"
	serverPath   = "/rest/v1/server"
)

// A phone's access token expires while it is asleep. The Swift SDK refreshes on status 400 with
// this code and this very text, and on nothing else: with 401 an iPhone would never refresh.
func TestRule01ExpiredTokenIs400(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		server.Business.Advance(tokenLifetime - time.Second)
		expect(t, server.Send("token:1234", "GET", projectsPath), 200, "")
		server.Business.Advance(time.Second)
		expired := server.Send("token:1234", "GET", projectsPath)
		expect(t, expired, 400, wallet.InvalidGrant)
		if expired.Error.Description != "Token has expired" {
			t.Errorf("the text is %q", expired.Error.Description)
		}
		expect(t, server.Send("shop", "GET", clientPath), 200, "") // a client's own key does not expire
	})
}

// A phone's clock is five minutes slow. Its SDK asks GET /server for the time and repeats the
// call when it sees 401 with this code and text.
func TestRule02ClockSkewIs401(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for off, text := range map[time.Duration]string{
			-301 * time.Second: "Timestamp lifetime exceeded", -365 * 24 * time.Hour: "Timestamp lifetime exceeded",
			301 * time.Second: "Timestamp is in future", 365 * 24 * time.Hour: "Timestamp is in future",
		} {
			answer := server.Send("token:1234", "GET", projectsPath, ts(server, off))
			expect(t, answer, 401, wallet.InvalidTimestamp)
			if answer.Error.Description != text {
				t.Errorf("off by %s: the text is %q, want %q", off, answer.Error.Description, text)
			}
			if answer.Header.Get("WWW-Authenticate") != `MAC error="invalid_timestamp"` {
				t.Errorf("WWW-Authenticate is %q", answer.Header.Get("WWW-Authenticate"))
			}
		}
		// Java signs milliseconds in no version, but somebody will: it is the future, not nonsense.
		milliseconds := strconv.FormatInt(server.Wall.Now().UnixMilli(), 10)
		expect(t, server.Send("shop", "GET", clientPath, signed(func(r *walletapi.Request) { r.TS = milliseconds })), 401, wallet.InvalidTimestamp)
	})
}

// Both SDKs repeat a call for ever while they are told that their clock is off: 43 rounds in
// four seconds were measured. So nothing but a clock that is off may be answered so, and the
// time that GET /server tells must be the one that heals it.
func TestRule03OnlyAWrongClockIsInvalidTimestamp(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		once := server.Compose("shop", "GET", clientPath)
		expect(t, server.SendRaw(once), 200, "")
		expect(t, server.SendRaw(once), 401, wallet.Unauthorized) // a replay

		wrongKey := walletapi.MAC{ID: server.Credentials("shop").ID, Secret: "somebody else's key"}
		expect(t, server.Send("", "GET", clientPath, wallettest.SignedBy(wrongKey), ts(server, -time.Hour)), 401, wallet.Unauthorized)
		for _, text := range []string{"now", "-1", "1e9", "0x5e0be100", "1343811600.", ".5", " 1343811600", "1343811600,5"} {
			answer := server.Send("shop", "GET", clientPath, signed(func(r *walletapi.Request) { r.TS = text }))
			expect(t, answer, 401, wallet.Unauthorized)
		}

		// The phone's clock is a day behind until it asks; business time is another matter.
		server.Wall.Advance(24 * time.Hour)
		server.Business.Advance(-24 * time.Hour)
		var now walletapi.Server
		server.Send(wallettest.Anonymous, "GET", serverPath).Decode(&now)
		told := strconv.FormatInt(now.Time, 10)
		expect(t, server.Send("token:1234", "GET", projectsPath, signed(func(r *walletapi.Request) { r.TS = told })), 200, "")
	})
}

// The call that a phone sets its clock by is signed with the clock that is wrong. If it were
// refused, Java's call would hang for ever.
func TestRule04PublicCallsIgnoreTheHeader(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, path := range []string{serverPath, "/rest/v1/configuration", "/rest/v1/locations?limit=1", "/rest/v1/locations/pay-categories"} {
			plain := server.Send(wallettest.Anonymous, "GET", path)
			stale := server.Compose("token:1234", "GET", path, ts(server, -24*time.Hour), wallettest.Ext("project_id=1300&project_id=x"))
			for name, answer := range map[string]*wallettest.Answer{
				"unsigned":      plain,
				"a stale time":  server.SendRaw(stale),
				"a used nonce":  server.SendRaw(stale),
				"an unknown id": server.Send("", "GET", path, wallettest.SignedBy(walletapi.MAC{ID: "nobody", Secret: "x"})),
				"nonsense":      server.Send("", "GET", path, wallettest.Authorization(`MAC id="`)),
				"another kind":  server.Send("", "GET", path, wallettest.Authorization("Bearer abc"), wallettest.Header("Authorization", "Basic YTpi")),
			} {
				if answer.Status != 200 || answer.Body != plain.Body {
					t.Errorf("%s with %s: %d %.200s", path, name, answer.Status, answer.Body)
				}
			}
		}
	})
}

// Java and PHP sign the port that they call; Swift and every sample of the documentation sign
// 443, whatever they call.
func TestRule05SignedPortIsTheRealOneOr443(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		expect(t, server.Send("shop", "GET", clientPath), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, signed(func(r *walletapi.Request) { r.Port = "443" })), 200, "")
		for _, port := range []string{"8443", "", "0443", "0"} {
			expect(t, server.Send("shop", "GET", clientPath, signed(func(r *walletapi.Request) { r.Port = port })), 401, wallet.Unauthorized)
		}
	})
}

// PHP leaves ext out when it has nothing to say, Java and Swift send ext="", and Swift begins
// with an ampersand. The MAC covers what stands between the quotes; its meaning is read after.
func TestRule06ExtIsOpaqueAndRaw(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		absent := server.Compose("shop", "GET", clientPath)
		empty := regexp.MustCompile(`mac="[^"]*"`).ReplaceAllString(absent, `$0, ext=""`)
		if absent == empty {
			t.Fatal("the header could not be changed")
		}
		expect(t, server.SendRaw(empty), 200, "")

		// The body's hash has a slash, which PHP and Java encode and Swift does not.
		body := `{"type":"app_client","info":{"device_id":"d3"}}`
		hash := walletapi.BodyHash([]byte(body))
		lower := strings.NewReplacer("%2F", "%2f", "%2B", "%2b", "%3D", "%3d")
		for name, ext := range map[string]string{
			"PHP":               "body_hash=" + url.QueryEscape(hash) + "&project_id=1221",
			"Swift":             "body_hash=" + strings.NewReplacer("+", "%2B", "=", "%3D").Replace(hash) + "&project_id=1221",
			"Java, other order": "project_id=1221&body_hash=" + url.QueryEscape(hash),
			"lower-case escape": "body_hash=" + lower.Replace(url.QueryEscape(hash)),
			"nothing encoded":   "body_hash=" + hash,
			"no padding":        "body_hash=" + url.QueryEscape(strings.TrimRight(hash, "=")),
		} {
			if answer := server.Send("shop", "GET", clientPath, wallettest.Body(body), wallettest.Ext(ext)); answer.Status != 200 {
				t.Errorf("%s: ext=%q: %s", name, ext, answer.Body)
			}
		}
		for _, ext := range []string{"&project_id=1222", "&&project_id=1222&", "project_id=%31222", "a=b&project%5Fid=1222"} {
			var w walletapi.Wallet
			server.Send("shop", "GET", "/rest/v1/wallet/me", wallettest.Ext(ext)).Decode(&w)
			if w.ID != 2113 {
				t.Errorf("ext=%q: it was taken for the project of wallet %d", ext, w.ID)
			}
		}
	})
}

// The Python connector signs str(time.time()).
func TestRule07TimeMayHaveAFraction(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		seconds := strconv.FormatInt(server.Wall.Now().Unix(), 10)
		for _, fraction := range []string{".1", ".12", ".0", ".9999999", ".123456789012345678"} {
			expect(t, server.Send("shop", "GET", clientPath, signed(func(r *walletapi.Request) { r.TS = seconds + fraction })), 200, "")
		}
		// It counts: a hair beyond the window is out of it.
		expect(t, server.Send("shop", "GET", clientPath, ts(server, -300*time.Second-time.Microsecond)), 401, wallet.InvalidTimestamp)
		expect(t, server.Send("shop", "GET", clientPath, ts(server, -300*time.Second+time.Microsecond)), 200, "")
	})
}

// Swift takes the first key that is not _metadata from a dictionary without order: a third key
// would break iPhones at random.
func TestRule08ListsHaveTwoKeys(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, query := range []string{"", "?limit=1", "?lat=0&lng=0", "?status=active,inactive&offset=100"} {
			var list map[string]json.RawMessage
			answer := server.Send(wallettest.Anonymous, "GET", "/rest/v1/locations"+query)
			answer.Decode(&list)
			keys := slices.Sorted(maps.Keys(list))
			if !slices.Equal(keys, []string{"_metadata", "locations"}) || !strings.HasPrefix(answer.Body, `{"locations":[`) {
				t.Errorf("%q: the keys are %v: %.200s", query, keys, answer.Body)
			}
			var metadata map[string]any
			if err := json.Unmarshal(list["_metadata"], &metadata); err != nil || len(metadata) < 3 {
				t.Errorf("%q: _metadata is %s: %v", query, list["_metadata"], err)
			}
		}
	})
}

// PHP writes an empty map as [], and one such thing makes a whole answer unreadable in Java.
// A place that has nothing but a name leaves everything else out.
func TestRule09MapsAreNeverLists(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		operator := wallet.Caller{Kind: wallet.Operator}
		bare := wallet.Location{
			ProjectID: 1222, Title: wallet.Text{"en": "Bare"}, Address: wallet.Text{"en": "Nowhere"}, Status: wallet.Active,
			Services: map[wallet.Service]wallet.Offer{}, Prices: []wallet.Price{},
		}
		id, err := server.Service.CreateLocation(context.Background(), operator, bare)
		if err != nil {
			t.Fatal(err)
		}
		answer := server.Send("second-shop", "GET", "/rest/v1/client/locations")
		want := fmt.Sprintf(`{"id":%d,"project_id":1222,"title":"Bare","address":"Nowhere","radius":0,"updated_at":%d,"status":"active","public":false}`,
			id, wallettest.Epoch.Unix())
		if !strings.Contains(answer.Body, want) {
			t.Errorf("want %s in %s", want, answer.Body)
		}
		if body := server.Send("second-shop", "GET", "/rest/v1/wallet/me/balance").Body; body != "{}" {
			t.Errorf("an empty balance is %s", body)
		}

		// A right that lost its scopes is still a list, and not null.
		mute := wallet.Client{
			MACID: "MuteRights", Title: "Rights without scopes", Type: wallet.PrivateClient,
			WalletRights: []wallet.WalletRight{{WalletID: 14471}},
		}
		made, key, err := server.Service.CreateClient(context.Background(), operator, mute, "")
		if err != nil {
			t.Fatal(err)
		}
		own := server.Send("", "GET", clientPath, wallettest.SignedBy(walletapi.MAC{ID: made.MACID, Secret: key.Reveal()}))
		if !strings.Contains(own.Body, `"scopes":[]`) {
			t.Errorf("the right is shown as %s", own.Body)
		}
	})
}

// In Java a day of working_hours, and images, are closed objects: one more key, or a null, and
// the whole list is lost.
func TestRule10DaysAndImagesAreClosed(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		var list struct {
			Locations []struct {
				Hours  map[string]map[string]string `json:"working_hours"`
				Images map[string]string
			}
		}
		server.Send(wallettest.Anonymous, "GET", "/rest/v1/locations?status=active,inactive&limit=200").Decode(&list)
		days := []string{"friday", "monday", "saturday", "sunday", "thursday", "tuesday", "wednesday"}
		for _, place := range list.Locations {
			for day, hours := range place.Hours {
				if !slices.Contains(days, day) || len(hours) != 2 || hours["opening_time"] == "" || hours["closing_time"] == "" {
					t.Errorf("%s: %v", day, hours)
				}
			}
			if len(place.Images) != 2 || place.Images["pin_open"] == "" || place.Images["pin_closed"] == "" {
				t.Errorf("images: %v", place.Images)
			}
		}
	})
}

// Java reads the amount of a statement from the key amount and whatever two keys come next: a field that stands between
// amount, amount_decimal and currency is lost, and another order loses the whole page.
func TestRule11AmountsStandInOrder(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		acceptedPayment(t, server)
		for target, collection := range map[string]string{
			"/rest/v1/wallet/14471/statements": "statements", "/rest/v1/wallet/14471/reservation-statements": "reservation_statements",
			"/rest/v1/wallet/14471/pending-payments?direction=out": "pending_payments",
		} {
			answer := server.Send("token:5678", "GET", target)
			expect(t, answer, 200, "")
			var page map[string]json.RawMessage
			answer.Decode(&page)
			var items []json.RawMessage
			if err := json.Unmarshal(page[collection], &items); err != nil || len(items) == 0 || len(page) != 2 {
				t.Fatalf("%s: %v, %d items in %s", target, err, len(items), answer.Body)
			}
			for _, item := range items {
				keys := keysInOrder(t, item)
				at := slices.Index(keys, "amount")
				if at < 0 || at+3 > len(keys) || !slices.Equal(keys[at:at+3], []string{"amount", "amount_decimal", "currency"}) {
					t.Errorf("%s: the keys are %v", target, keys)
				}
				var amount struct {
					Amount  int64  `json:"amount"`
					Decimal string `json:"amount_decimal"`
				}
				if err := json.Unmarshal(item, &amount); err != nil || fmt.Sprintf("%d.%02d", amount.Amount/100, amount.Amount%100) != amount.Decimal {
					t.Errorf("%s: %d cents are %q, %v", target, amount.Amount, amount.Decimal, err)
				}
			}
		}
	})
}

// acceptedPayment has Paula accept to pay 19.99 to the shop's owner.
func acceptedPayment(t *testing.T, server *wallettest.Server) (payment int64) {
	t.Helper()
	payment, err := store.Money(context.Background(), server.DB, store.MoneyCommand[int64]{Decide: func(m *store.MoneyTx) (int64, error) {
		p := wallet.Payment{
			ID: m.NewPaymentID(), Status: wallet.PaymentNew, CreatedAt: m.Now(), BeneficiaryID: 2112, Description: "A teapot",
			Price: money.Amount{Minor: 1999, Currency: "EUR"},
		}
		tx := &wallet.Transaction{
			ID: m.NewTransactionID(), ClientID: 1, ProjectID: 1221, CreatedAt: m.Now(), Status: wallet.TransactionNew, ReserveFor: time.Hour,
			Payments: []wallet.Payment{p},
		}
		holds, err := tx.Accept(m.Now(), wallet.Acceptance{
			Type: wallet.ByApp, By: matrixPaula, Payer: &wallet.Holder{WalletID: 14471, Owner: &wallet.User{ID: matrixPaula}},
			Beneficiaries: map[int64]*wallet.Holder{2112: {WalletID: 2112, Owner: &wallet.User{ID: 1235}}},
		})
		if err == nil {
			_, err = m.Post(holds...)
		}
		if err != nil {
			return 0, err
		}
		tx.Held(m.Now())
		m.Keep(tx)
		return p.ID, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return payment
}

// keysInOrder are the keys of an object as they stand in it.
func keysInOrder(t *testing.T, object []byte) (keys []string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(object))
	for depth, wantKey := 0, false; ; {
		token, err := decoder.Token()
		if err == io.EOF {
			return keys
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			wantKey = depth == 1
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			wantKey = depth == 1
			continue
		}
		if depth == 1 && wantKey {
			keys = append(keys, token.(string))
		}
		wantKey = depth == 1 && !wantKey
	}
}

// Without a JSON object that has "error", Java tells its user that the network is down.
// error_properties is there with content, or not at all. (Send checks the rest of every answer.)
func TestRule12ErrorsAreObjectsWithAnError(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, c := range []struct {
			as, method, target string
			status             int
			code               wallet.Code
			properties         []string
		}{
			{wallettest.Anonymous, "GET", clientPath, 401, wallet.Unauthorized, nil},
			{wallettest.Anonymous, "GET", "/", 404, wallet.NotFound, nil},
			{wallettest.Anonymous, "GET", "/favicon.ico", 404, wallet.NotFound, nil},
			{wallettest.Anonymous, "POST", "/oauth/v1/nothing", 404, wallet.NotFound, nil},
			{wallettest.Anonymous, "BREW", serverPath, 405, wallet.MethodNotAllowed, nil},
			{wallettest.Anonymous, "BREW", "/rest/v1/cards", 404, wallet.NotFound, nil},
			{"shop", "GET", "/rest/v1/project/x", 400, wallet.InvalidParameters, []string{"project_id"}},
			{"shop", "GET", "/rest/v1/project/1300", 403, wallet.Forbidden, nil},
			{wallettest.Anonymous, "GET", "/rest/v1/locations?limit=0&lat=1", 400, wallet.InvalidParameters, []string{"limit"}},
			{wallettest.Anonymous, "GET", "/rest/v1/locations?a=%", 400, wallet.InvalidRequest, nil},
		} {
			answer := server.Send(c.as, c.method, c.target)
			expect(t, answer, c.status, c.code)
			if got := slices.Sorted(maps.Keys(answer.Error.Properties)); !slices.Equal(got, c.properties) {
				t.Errorf("%s %s: error_properties names %v, want %v", c.method, c.target, got, c.properties)
			}
			if strings.Contains(answer.Body, `"error_properties"`) != (c.properties != nil) {
				t.Errorf("%s %s: %s", c.method, c.target, answer.Body)
			}
		}
		// A body that breaks off in the middle of a chunk can be answered, since it says so.
		answer := server.SendRaw("POST /rest/v1/server HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
		expect(t, answer, 400, wallet.InvalidRequest)
	})
}

// Success is 200 with the whole object. Anything else fails somewhere: 204 where a result is
// read, an empty 200 in PHP, a header with a charset everywhere.
func TestRule13AnswersAreFullObjects(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, path := range []string{
			serverPath, "/rest/v1/configuration", "/rest/v1/currencies", clientPath, "/rest/v1/client/locations", projectPath,
			"/rest/v1/wallet/me", "/rest/v1/wallet/me/balance", "/rest/v1/locations", "/rest/v1/locations/pay-categories",
		} {
			answer := server.Send("shop", "GET", path)
			if !strings.HasPrefix(answer.Head, "HTTP/1.1 200 OK\r\n") || !strings.Contains(answer.Head+"\r\n", "\r\nContent-Type: application/json\r\n") {
				t.Errorf("%s: %s", path, answer.Head)
			}
			if answer.Header.Get("Content-Length") != strconv.Itoa(len(answer.Body)) || answer.Body == "" || answer.Body == "null" {
				t.Errorf("%s: %q", path, answer.Body)
			}
		}
	})
}

// Java's ids are 32-bit numbers. Its money is cents, the amount times one hundred even in yen,
// and an unknown currency loses the whole balance. What does not fit its 32 bits cannot be
// helped here: the decimal says the same without that limit.
func TestRule14Numbers(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		operator := wallet.Caller{Kind: wallet.Operator}
		for _, amount := range []money.Amount{{Minor: 1500, Currency: "JPY"}, {Minor: 7, Currency: "GBP"}, {Minor: 30_000_000_00, Currency: "USD"}} {
			if _, err := server.Service.CreditWallet(context.Background(), operator, 14471, amount, "A gift"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := server.Service.DebitWallet(context.Background(), operator, 14471, money.Amount{Minor: 7, Currency: "GBP"}, "Taken back"); err != nil {
			t.Fatal(err)
		}
		const held = `{"EUR":{"at_disposal":100000,"at_disposal_decimal":"1000.00","reserved":0,"reserved_decimal":"0.00"},` +
			`"JPY":{"at_disposal":150000,"at_disposal_decimal":"1500","reserved":0,"reserved_decimal":"0"},` +
			`"USD":{"at_disposal":3000000000,"at_disposal_decimal":"30000000.00","reserved":0,"reserved_decimal":"0.00"}}`
		if got := server.Send("shop", "GET", balancePath).Body; got != held {
			t.Errorf("the balance is\n%s, want\n%s", got, held)
		}
		// What was held once is shown on demand.
		all := strings.Replace(held, `"JPY"`, `"GBP":{"at_disposal":0,"at_disposal_decimal":"0.00","reserved":0,"reserved_decimal":"0.00"},"JPY"`, 1)
		if got := server.Send("shop", "GET", balancePath+"?show_historical_currencies=1").Body; got != all {
			t.Errorf("the balance with historical currencies is\n%s, want\n%s", got, all)
		}
		// Ids stay small: new ones go on behind the sample world's. (The contract bounds them all.)
		id, err := server.Service.CreateProject(context.Background(), operator, wallet.Project{Title: "New", OwnerID: 1235, WalletID: 2112})
		if err != nil || id != 1301 {
			t.Errorf("the next project is %d: %v", id, err)
		}
	})
}

// PHP compares the whole header with application/json, on errors too: with a charset behind it
// the error loses its code, and the token is never refreshed. Every header line has one space.
func TestPHPTrap01ContentTypeIsExact(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		line := regexp.MustCompile(`^[A-Za-z-]+: [^ ].*$`)
		for _, target := range []string{projectPath, "/rest/v1/project/1300", "/nothing", "/rest/v1/project/x"} {
			lines := strings.Split(server.Send("shop", "GET", target).Head, "\r\n")
			if !slices.Contains(lines, "Content-Type: application/json") {
				t.Errorf("%s: %q", target, lines)
			}
			for _, header := range lines[1:] {
				if !line.MatchString(header) {
					t.Errorf("%s: %q", target, header)
				}
			}
		}
	})
}

// PHP takes an empty 200 for a broken server, follows no redirect, trips over a 1xx, and sends
// a request again after 502.
func TestPHPTrap02NoEmptyAnswersRedirectsOrInterimOnes(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, target := range []string{"//rest/v1/client", "/rest/v1/client/", "/rest/v1/client/.", "/rest/v1//client", "/transfer", "/transfer/", "/rest/v1/card/"} {
			expect(t, server.Send("shop", "GET", target), 404, wallet.NotFound)
		}
		for _, body := range []string{"", "{}", strings.Repeat(" ", 100_000)} {
			expect(t, server.Send("shop", "GET", clientPath, wallettest.Body(body)), 200, "")
		}
	})
}

// PHP draws nonces from all printable characters but two. One of them looks like the rest of
// the header; another begins and ends with a blank, which is not trimmed.
func TestPHPTrap03NoncesHoldCommasBlanksAndEqualsSigns(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, nonce := range []string{
			" , =', mac=, ext=project_id=1300 ", "  leading and trailing blanks    ", "=,=,=,=,=,=,=,=,=,=,=,=,=,=,=,=,",
			"!#$%&'()*+-./:;<>?@[]^_`{|}~    ", "MAC id=", "1",
		} {
			expect(t, server.Send("shop", "GET", clientPath, signed(func(r *walletapi.Request) { r.Nonce = nonce })), 200, "")
		}
		for range 50 {
			expect(t, server.Send("shop", "GET", clientPath), 200, "")
		}
	})
}

// An application may put anything into ext, nested header names too; it is signed and ignored.
// The MAC covers a body only through its hash, so there is no body without one.
func TestPHPTrap04UnknownExtKeysAndTheBodysHash(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Ext("headers%5BAccept-Language%5D=lt&body_Hash=x&=&a")), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Body("{}"), wallettest.Ext("project_id=1221")), 401, wallet.Unauthorized)
	})
}

// PHP sets a body on every request, an empty one too, so that GET arrives with a length of 0
// and the content type of a form. Neither is refused, nor is anything parsed.
func TestPHPTrap05GetCarriesFormContentType(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, as := range []string{"shop", "token:1234"} {
			answer := server.Send(as, "GET", projectPath,
				wallettest.Header("User-Agent", "Paysera WalletApi PHP library"), wallettest.Header("Accept", "*/*"),
				wallettest.Header("Content-Length", "0"), wallettest.Header("Content-Type", "application/x-www-form-urlencoded"))
			expect(t, answer, 200, "")
		}
	})
}

// PHP loops over permissions and hosts without asking whether they are there.
func TestPHPTrap09PermissionsAndHostsAreAlwaysThere(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		made, key, err := server.Service.CreateClient(context.Background(), wallet.Caller{Kind: wallet.Operator},
			wallet.Client{Title: "May nothing", Type: wallet.PrivateClient}, "")
		if err != nil {
			t.Fatal(err)
		}
		answer := server.Send("", "GET", clientPath, wallettest.SignedBy(walletapi.MAC{ID: made.MACID, Secret: key.Reveal()}))
		want := fmt.Sprintf(`{"id":%d,"title":"May nothing","type":"private_client","permissions":[],"hosts":[]}`, made.ID)
		if answer.Body != want {
			t.Errorf("the client is %s, want %s", answer.Body, want)
		}
	})
}

// The text of a date would be a TypeError in PHP 8: times are whole seconds, also when things
// happened between two of them.
func TestPHPTrap10TimesAreWholeSeconds(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		server.Wall.Advance(1999 * time.Millisecond)
		want := fmt.Sprintf(`{"time":%d}`, wallettest.Epoch.Unix()+1)
		if got := server.Send(wallettest.Anonymous, "GET", serverPath).Body; got != want {
			t.Errorf("the time is %s, want %s", got, want)
		}
		var list walletapi.Locations
		server.Send(wallettest.Anonymous, "GET", "/rest/v1/locations?limit=200").Decode(&list)
		for _, place := range list.Locations {
			if place.UpdatedAt != wallettest.Epoch.Unix() {
				t.Errorf("place %d was edited at %d", place.ID, place.UpdatedAt)
			}
		}
	})
}

// PHP answers invalid_grant by refreshing the token: nothing that a refresh would not cure may
// be called so.
func TestPHPTrap11InvalidGrantIsForExpiryOnly(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		once := server.Compose("token:1234", "GET", projectsPath)
		wrongKey := walletapi.MAC{ID: server.Credentials("token:1234").ID, Secret: "not the token's"}
		gone := walletapi.MAC{ID: "ATOKENTHATNEVERWAS", Secret: "x"}
		server.SendRaw(once)
		server.Business.Advance(tokenLifetime)
		for name, answer := range map[string]*wallettest.Answer{
			"a replay":         server.SendRaw(once),
			"a wrong key":      server.Send("", "GET", projectsPath, wallettest.SignedBy(wrongKey)),
			"an unknown token": server.Send("", "GET", projectsPath, wallettest.SignedBy(gone)),
			"a changed body":   server.Send("token:1234", "GET", projectsPath, wallettest.Body("{}"), wallettest.Ext("body_hash=x")),
			"a stale time":     server.Send("token:1234", "GET", projectsPath, ts(server, -time.Hour)),
		} {
			if answer.Status != 401 || answer.Error.Code == string(wallet.InvalidGrant) {
				t.Errorf("%s of an expired token: %d %s", name, answer.Status, answer.Body)
			}
		}
		// What else is wrong with an expired token's request comes after the refresh.
		expect(t, server.Send("token:1234", "GET", projectsPath, wallettest.Ext("project_id=1300")), 400, wallet.InvalidGrant)
	})
}

// PHP puts keys and tokens into paths and quotes without escaping them.
func TestPHPTrap12IdsAreURLSafe(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		plain := regexp.MustCompile(`^[A-Za-z0-9]+$`)
		made, _, err := server.Service.CreateClient(context.Background(), wallet.Caller{Kind: wallet.Operator},
			wallet.Client{Title: "New", Type: wallet.PrivateClient}, "")
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{made.MACID}
		for _, name := range server.Manifest.Names() {
			ids = append(ids, server.Credentials(name).ID)
		}
		for _, id := range ids {
			if !plain.MatchString(id) {
				t.Errorf("%q has to be escaped somewhere", id)
			}
		}
	})
}

// Some lists are wrapped, others are plain arrays, and clients know which: wrapped the wrong way
// a list of places is read as two broken places.
func TestPHPTrap13WrappedAndPlainLists(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for target, begin := range map[string]string{
			"/rest/v1/locations":                `{"locations":[{"id":101,`,
			"/rest/v1/locations?lat=0&lng=0":    `{"locations":[],"_metadata":{"total":0,`,
			"/rest/v1/client/locations":         `[{"id":101,`,
			"/rest/v1/locations/pay-categories": `[{"id":1,`,
			"/rest/v1/currencies":               `["EUR",`,
			projectsPath:                        `[{"id":123,`,
		} {
			if body := server.Send("token:1234", "GET", target).Body; !strings.HasPrefix(body, begin) {
				t.Errorf("%s begins with %.60s, want %s", target, body, begin)
			}
		}
	})
}

// A device that reads itself: Swift fails without a credentials object, and PHP, which is never
// a device, would read a key in it. So it is there, and holds no key.
func TestDeviceSeesItsCredentialsWithoutTheKey(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		device := wallet.Client{
			MACID: "Device0001", Title: "Phone", Type: wallet.AppClient, Projects: []int64{1221}, MainProject: 1221,
			Permissions: []wallet.Permission{wallet.UseWalletAPI}, Info: `{"os":"Android 15","rooted":false}`, ServiceAgreementID: 12,
		}
		made, key, err := server.Service.CreateClient(context.Background(), wallet.Caller{Kind: wallet.Operator}, device, "")
		if err != nil {
			t.Fatal(err)
		}
		answer := server.Send("", "GET", clientPath, wallettest.SignedBy(walletapi.MAC{ID: made.MACID, Secret: key.Reveal()}))
		var own walletapi.ClientInfo
		answer.Decode(&own)
		want := &walletapi.Credentials{AccessToken: "Device0001", MACAlgorithm: "hmac-sha-256"}
		if diff := cmp.Diff(want, own.Credentials); diff != "" || string(own.Info) != device.Info || own.ServiceAgreementID != 12 {
			t.Errorf("the device sees %s\n%s", answer.Body, diff)
		}
		if strings.Contains(answer.Body, key.Reveal()) {
			t.Error("the device's key is shown")
		}
	})
}

// Somebody guesses. The answer does not tell whether the id exists: to a known id with a wrong
// key and to an unknown one it is the same, byte for byte.
func TestAuthorizationUnknownIDIsIndistinguishable(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		known := []string{server.Credentials("shop").ID, server.Credentials("token:1234").ID, server.Credentials("app").ID}
		var first *wallettest.Answer
		for _, id := range append([]string{"nobody", "n", strings.Repeat("x", 900), `id with 'odd' =, signs`}, known...) {
			guess := walletapi.MAC{ID: id, Secret: "a guess"}
			answer := server.Send("", "GET", clientPath, wallettest.SignedBy(guess))
			expect(t, answer, 401, wallet.Unauthorized)
			answer.Header.Del("Paysera-Correlation-Id")
			answer.Header.Del("Date")
			if first == nil {
				first = answer
			}
			if answer.Body != first.Body || !cmp.Equal(answer.Header, first.Header) {
				t.Errorf("id %.20q is told apart:\n%v\n%s", id, answer.Header, answer.Body)
			}
		}
		if strings.Contains(first.Body, "nobody") {
			t.Error("the answer repeats the id")
		}
	})
}

// Somebody recorded a request and sends it again. It worked once, also when it was refused then,
// and a restart of the server does not make it work again.
func TestAuthorizationReplay(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		good, refused := server.Compose("shop", "GET", clientPath), server.Compose("shop", "GET", "/rest/v1/project/1300")
		expect(t, server.SendRaw(good), 200, "")
		expect(t, server.SendRaw(refused), 403, wallet.Forbidden)
		for range 3 {
			for _, request := range []string{good, refused} {
				replayed := server.SendRaw(request)
				expect(t, replayed, 401, wallet.Unauthorized)
				if !strings.HasPrefix(replayed.Error.Description, "Nonce already used") {
					t.Errorf("the text is %q", replayed.Error.Description)
				}
			}
			server.Restart()
		}
		// Minutes later it is also too old, and that is what it is told then.
		server.Wall.Advance(299 * time.Second)
		expect(t, server.SendRaw(good), 401, wallet.Unauthorized)
		server.Wall.Advance(2 * time.Second)
		expect(t, server.SendRaw(good), 401, wallet.InvalidTimestamp)
	})
}

// The nonce is a one-time value of an id and a time, not of the world; and who cannot sign
// cannot use up somebody else's.
func TestAuthorizationNonceBelongsToIDAndTime(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		same := signed(func(r *walletapi.Request) { r.Nonce = "the same one" })
		thief := walletapi.MAC{ID: server.Credentials("shop").ID, Secret: "a guess"}
		expect(t, server.Send("", "GET", clientPath, wallettest.SignedBy(thief), same), 401, wallet.Unauthorized)
		expect(t, server.Send("shop", "GET", clientPath, same), 200, "")
		expect(t, server.Send("two-shops", "GET", clientPath, same), 200, "")
		expect(t, server.Send("token:1234", "GET", clientPath, same), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, same, ts(server, time.Second)), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, same, ts(server, time.Millisecond)), 200, "")
		expect(t, server.Send("shop", "GET", projectPath, same), 401, wallet.Unauthorized) // another call, the same three
	})
}

// The MAC covers a body through body_hash. A body that was changed on the way, one without a
// hash, one with the hash of another, and a hash without its body are refused; so are hashes
// that are not base64 of SHA-256.
func TestAuthorizationBodyHash(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		request := server.Compose("shop", "GET", clientPath, wallettest.Body(`{"price":1299}`))
		expect(t, server.SendRaw(strings.Replace(request, "1299", "9999", 1)), 401, wallet.Unauthorized)
		expect(t, server.SendRaw(request), 200, "") // the thief did not use its nonce up

		body := "the body"
		hash := walletapi.BodyHash([]byte(body))
		for name, ext := range map[string]string{
			"no hash":       "",
			"empty hash":    "body_hash=",
			"another's":     "body_hash=" + url.QueryEscape(walletapi.BodyHash([]byte("another body"))),
			"in hex":        "body_hash=" + fmt.Sprintf("%x", secret.Fingerprint(secret.Text(body))),
			"encoded twice": "body_hash=" + url.QueryEscape(url.QueryEscape(hash)),
			"cut":           "body_hash=" + url.QueryEscape(hash[:20]),
		} {
			answer := server.Send("shop", "GET", clientPath, wallettest.Body(body), wallettest.Ext(ext))
			if answer.Status != 401 || answer.Error.Code != string(wallet.Unauthorized) {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
		twice := walletapi.Ext{BodyHash: hash, HasBodyHash: true}.String()
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Body(body), wallettest.Ext(twice+"&"+twice)), 400, wallet.InvalidParameters)

		// Without a body, the hash of nothing is right and that of something is not.
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Ext("body_hash="+url.QueryEscape(walletapi.BodyHash(nil)))), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Ext("body_hash="+url.QueryEscape(hash))), 401, wallet.Unauthorized)
	})
}

// Three hundred seconds to either side are in, to the second and beyond, wherever between two
// seconds the server's own clock stands.
func TestAuthorizationClockEdges(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		const window, hair = 300 * time.Second, time.Microsecond
		for range 3 {
			for off, status := range map[time.Duration]int{
				0: 200, window: 200, -window: 200, window - hair: 200, -window + hair: 200,
				window + hair: 401, -window - hair: 401, window + time.Second: 401, -window - time.Second: 401,
			} {
				answer := server.Send("shop", "GET", clientPath, ts(server, off))
				if answer.Status != status {
					t.Errorf("at %s, off by %s: %d %s", server.Wall.Now().Format("05.000000"), off, answer.Status, answer.Body)
				}
			}
			server.Wall.Advance(333_333 * time.Microsecond)
		}
	})
}

// Every part of the request is covered: with any other in its place the MAC is not the
// request's.
func TestAuthorizationCoversEveryPart(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		const target = "/rest/v1/project/1222?fields=*,wallet"
		for name, change := range map[string]func(*walletapi.Request){
			"method":        func(r *walletapi.Request) { r.Method = "POST" },
			"lower case":    func(r *walletapi.Request) { r.Method = "get" },
			"path":          func(r *walletapi.Request) { r.Target = "/rest/v1/project/1221?fields=*,wallet" },
			"query":         func(r *walletapi.Request) { r.Target = "/rest/v1/project/1222" },
			"host":          func(r *walletapi.Request) { r.Host = "wallet.example" },
			"host and port": func(r *walletapi.Request) { r.Host += ":" + r.Port },
		} {
			answer := server.Send("shop", "GET", target, signed(change))
			if answer.Status != 401 || answer.Error.Code != string(wallet.Unauthorized) {
				t.Errorf("another %s: %d %s", name, answer.Status, answer.Body)
			}
		}
		request := server.Compose("shop", "GET", target, wallettest.Ext("project_id=1222"))
		for from, to := range map[string]string{
			`ts="`: `ts="1`, `nonce="`: `nonce="x`, `ext="project_id=1222"`: `ext="project_id=1223"`, `, ext="project_id=1222"`: "", `mac="`: `mac="AAAA`,
		} {
			expect(t, server.SendRaw(strings.Replace(request, from, to, 1)), 401, wallet.Unauthorized)
		}
		expect(t, server.SendRaw(request), 200, "") // nobody used its nonce up
	})
}

// A client that calls http:// without a port signs 80. The sandbox takes that; a server behind
// TLS does not, as nobody can have called it so.
func TestAuthorizationPort80IsForPlainHTTP(t *testing.T) {
	port80 := signed(func(r *walletapi.Request) { r.Port = "80" })
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		expect(t, server.Send("shop", "GET", clientPath, port80), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Host("wallet.example"), port80), 200, "")
	})
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address, func(o *auth.Options) { o.PlainHTTP = false })
		expect(t, server.Send("shop", "GET", clientPath, port80), 401, wallet.Unauthorized)
		expect(t, server.Send("shop", "GET", clientPath), 200, "")
	})
}

// Somebody writes the host in capitals. Java signs it in lower case, PHP as it is written.
func TestAuthorizationHostUpperCase(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, header := range []string{"Wallet.Example", "Wallet.Example:8443"} {
			capitals := signed(func(r *walletapi.Request) { r.Host = "Wallet.Example" })
			expect(t, server.Send("shop", "GET", clientPath, wallettest.Host(header)), 200, "")
			expect(t, server.Send("shop", "GET", clientPath, wallettest.Host(header), capitals), 200, "")
		}
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Host("[::1]:8443")), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Host("[::1]")), 200, "")
	})
}

// A proxy in front changes the Host header. Clients sign the name that they call; the operator
// told the server which that is.
func TestAuthorizationConfiguredOrigin(t *testing.T) {
	outside := func(port string) wallettest.Option {
		return signed(func(r *walletapi.Request) { r.Host, r.Port = "wallet.paysera.com", port })
	}
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address, func(o *auth.Options) {
			o.Origins = []auth.Origin{{Host: "wallet.paysera.com", Port: "443"}, {Host: "wallet.paysera.com", Port: "8443"}}
		})
		expect(t, server.Send("shop", "GET", clientPath, outside("443")), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, outside("8443")), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, outside("80")), 401, wallet.Unauthorized)
		expect(t, server.Send("shop", "GET", clientPath), 200, "") // and the real address
	})
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		expect(t, server.Send("shop", "GET", clientPath, outside("443")), 401, wallet.Unauthorized)
	})
}

// What is signed is the target as it stands on the request line: encoded as the client chose,
// in the client's order, and the path of it where a proxy asks for a whole URL.
func TestAuthorizationTargetIsRaw(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, target := range []string{
			"/rest/v1/project/1222?fields=*,wallet", "/rest/v1/project/1222?fields=%2A%2Cwallet", "/rest/v1/project/1222?fields=%2a%2cwallet",
			"/rest/v1/project/1222?", "/rest/v1/project/1222?&&", "/rest/v1/project/1222?b=2&a=1&b=%20+", "/rest/v1/%70roject/%31222",
			"/rest/v1/project/1222?u=http://elsewhere/rest",
		} {
			expect(t, server.Send("shop", "GET", target), 200, "")
		}
		respelled := signed(func(r *walletapi.Request) { r.Target = "/rest/v1/project/1222?fields=*,wallet" })
		expect(t, server.Send("shop", "GET", "/rest/v1/project/1222?fields=%2A%2Cwallet", respelled), 401, wallet.Unauthorized)

		path := signed(func(r *walletapi.Request) { r.Target = "/rest/v1/project/1222?fields=*,wallet" })
		expect(t, server.Send("shop", "GET", server.URL+"/rest/v1/project/1222?fields=*,wallet", path), 200, "")
	})
}

// Seed code sends the project as a header beside a MAC, which does not cover it. Whoever is on
// the way could make it another project, so it may only repeat what ext says.
func TestAuthorizationContextHeaders(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		project := func(id string) wallettest.Option { return wallettest.Header("Wallet-Api-Project-Id", id) }
		place := func(id string) wallettest.Option { return wallettest.Header("Wallet-Api-Location-Id", id) }
		both := wallettest.Ext("project_id=1222&location_id=111")
		expect(t, server.Send("shop", "GET", clientPath, both, project("1222"), place("111")), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, both, place("111")), 200, "")
		for _, options := range [][]wallettest.Option{
			{project("1221")}, // the main project, but not covered all the same
			{both, project("1221")}, {both, place("101")}, {both, project("1222"), project("1223")},
			{wallettest.Ext("location_id=111"), project("1222")}, {both, project("01222")},
		} {
			answer := server.Send("shop", "GET", clientPath, options...)
			expect(t, answer, 400, wallet.InvalidParameters)
			for _, sentences := range answer.Error.Properties {
				if !strings.Contains(sentences[0], "into ext instead") {
					t.Errorf("the cure is not named: %s", answer.Body)
				}
			}
		}
		expect(t, server.Send(wallettest.Anonymous, "GET", serverPath, project("1300")), 200, "")
	})
}

// A client's key is being changed: for a while both sign, for the next request already.
func TestAuthorizationBothLiveKeys(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		first := server.Credentials("two-shops")
		second := walletapi.MAC{ID: first.ID, Secret: "the key that comes next"}
		expect(t, server.Send("", "GET", clientPath, wallettest.SignedBy(second)), 401, wallet.Unauthorized)
		err := server.DB.Update(context.Background(), func(tx *store.Tx) error {
			client, err := tx.Client(2)
			if err != nil {
				return err
			}
			return tx.AddClientKey(*client, 2, secret.Text(second.Secret), time.Time{})
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			expect(t, server.Send("", "GET", clientPath, wallettest.SignedBy(first)), 200, "")
			expect(t, server.Send("", "GET", clientPath, wallettest.SignedBy(second)), 200, "")
			server.Restart()
		}
	})
}

// What went wrong with signatures goes into the log by its code. Keys, tokens, nonces, queries
// and bodies never do.
func TestAuthorizationLeavesNoSecretsInTheLog(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		nonce := signed(func(r *walletapi.Request) { r.Nonce = "a-nonce-to-find" })
		server.Send("token:1234", "GET", projectsPath+"?fields=a-query-to-find", nonce)
		server.Send("token:1234", "GET", projectsPath, nonce, wallettest.Body(`{"password":"a-body-to-find"}`))
		server.Send("", "GET", clientPath, wallettest.Authorization("MAC a-header-to-find"))
		log := server.Log()
		if !strings.Contains(log, "error=unauthorized") || !strings.Contains(log, "user=1234") {
			t.Errorf("the log does not say what happened: %s", log)
		}
		secrets := []string{"to-find"}
		for _, name := range server.Manifest.Names() {
			secrets = append(secrets, server.Credentials(name).Secret)
		}
		for _, token := range server.Manifest.Tokens {
			secrets = append(secrets, token.AccessToken, token.RefreshToken)
		}
		for _, text := range secrets {
			if strings.Contains(log, text) {
				t.Errorf("the log holds %q", text)
			}
		}
	})
}

// Somebody posts two megabytes. A simple client writes all of them before it reads, and must
// then find the answer; one that asks first is answered before it sends any.
func TestBodyTooLarge(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		const most = 1 << 20
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Body(strings.Repeat("x", most))), 200, "")
		expect(t, server.Send("shop", "GET", clientPath, wallettest.Body(strings.Repeat("x", most+1))), 413, wallet.RequestTooLarge)
		for _, path := range []string{clientPath, serverPath, "/nothing"} {
			request := server.Compose("shop", "POST", path, wallettest.Body(strings.Repeat("x", 2*most)))
			expect(t, server.SendRaw(request), 413, wallet.RequestTooLarge)

			asking := strings.Replace(request, "Connection: close\r\n", "Connection: close\r\nExpect: 100-continue\r\n", 1)
			head, _, _ := strings.Cut(asking, "\r\n\r\n")
			expect(t, server.SendRaw(head+"\r\n\r\n"), 413, wallet.RequestTooLarge)
		}
		// Without a length it is found out while it is read.
		chunk := fmt.Sprintf("%x\r\n%s\r\n", most, strings.Repeat("x", most))
		expect(t, server.SendRaw("POST /rest/v1/server HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"+
			chunk+chunk+"0\r\n\r\n"), 413, wallet.RequestTooLarge)
	})
}

// HEAD is GET without the body, signed as HEAD. OPTIONS is a method like others, and there is
// no general answer to it.
func TestHeadAndOptions(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, path := range []string{projectPath, serverPath, "/rest/v1/project/1300", "/nothing", "/rest/v1/cards"} {
			get, head := server.Send("shop", "GET", path), server.Send("shop", "HEAD", path)
			if head.Status != get.Status || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") {
				t.Errorf("HEAD %s is not GET without its body:\n%s\n%s", path, head.Head, get.Head)
			}
		}
		asGet := signed(func(r *walletapi.Request) { r.Method = "GET" })
		if head := server.Send("shop", "HEAD", clientPath, asGet); head.Status != 401 {
			t.Errorf("HEAD with the signature of GET: %d", head.Status)
		}
		options := server.Send(wallettest.Anonymous, "OPTIONS", clientPath)
		expect(t, options, 405, wallet.MethodNotAllowed)
		if options.Header.Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("Allow is %q", options.Header.Get("Allow"))
		}
		expect(t, server.Send(wallettest.Anonymous, "OPTIONS", "/nothing"), 404, wallet.NotFound)
		expect(t, server.Send(wallettest.Anonymous, "OPTIONS", "*"), 404, wallet.NotFound)
		expect(t, server.Send(wallettest.Anonymous, "GET", "*"), 404, wallet.NotFound)
		expect(t, server.Send(wallettest.Anonymous, "CONNECT", "wallet.example:443"), 404, wallet.NotFound)
	})
}

// Paths are taken as they are. The usual mux would redirect these, and clients follow none.
func TestUncleanPaths(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, path := range []string{
			"/rest/v1/server/", "//rest/v1/server", "/rest//v1/server", "/rest/v1/x/../server", "/../rest/v1/server", "/./rest/v1/server",
			"/rest/v1/%2e%2e/v1/server", "/rest/v1/server%2F", "/rest/v1/server%20", "/rest%2Fv1%2Fserver", "/REST/v1/server", "/rest/v1/project/",
			"/rest/v1/wallet//balance", "/rest/v1/transfers/", "/rest/v1/transfers//x", "///", "/rest/v1",
		} {
			for _, method := range []string{"GET", "POST", "HEAD"} {
				if answer := server.Send("shop", method, path); answer.Status != 404 {
					t.Errorf("%s %s: %s", method, path, answer.Head)
				}
			}
		}
		// A slash inside an id is part of the id, which then is none.
		expect(t, server.Send("shop", "GET", "/rest/v1/project/1221%2F1222"), 400, wallet.InvalidParameters)
	})
}

// A program that writes Latin-1 is told so: read all the same, its letters would be stored as signs that nobody wrote.
func TestABodyIsUTF8(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, body := range []string{
			`{"description":"Caf` + "\xe9" + `","price":100,"currency":"EUR"}`, `{"description":"x","price":100,"currency":"EUR","parameters":{"` + "\xff" + `":1}}`,
		} {
			answer := server.Send("shop", "POST", "/rest/v1/payment", wallettest.Body(body))
			expect(t, answer, 400, wallet.InvalidRequest)
			if answer.Error.Description != "The body must be UTF-8." {
				t.Errorf("%q: %s", body, answer.Body)
			}
		}
		expect(t, server.Send("shop", "POST", "/rest/v1/payment", wallettest.Body(`{"description":"Café","price":100,"currency":"EUR"}`)), 200, "")
	})
}

// What the protocol has and this server leaves out is told apart from a mistyped path, whichever
// method it is asked with; the slash at the end is still a mistake.
func TestWhatIsNotOffered(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, exchange := range wallettest.ReadExchanges(t, "../../testdata/exchange/not_offered.txt") {
			for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
				answer := server.Send(wallettest.Anonymous, method, exchange.Target)
				expect(t, answer, 404, wallet.NotFound)
				if !strings.HasPrefix(answer.Error.Description, "This server does not offer ") {
					t.Errorf("%s %s: %s", method, exchange.Target, answer.Body)
				}
			}
			if answer := server.Send(wallettest.Anonymous, "GET", exchange.Target+"/"); !strings.HasPrefix(answer.Error.Description, "There is no such route") {
				t.Errorf("%s/: %s", exchange.Target, answer.Body)
			}
		}
	})
}

// The machine's clock breaks in the middle of a call, which panics. The caller gets an error
// object that tells nothing, the log gets everything, and the next call is served.
func TestPanicIsAnErrorObject(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		server.Service.WallClock = func() time.Time { panic("the clock fell off the wall") }
		answer := server.Send(wallettest.Anonymous, "GET", serverPath)
		expect(t, answer, 500, wallet.InternalServerError)
		if strings.Contains(answer.Body, "clock") {
			t.Errorf("the caller is told: %s", answer.Body)
		}
		for _, want := range []string{"the clock fell off the wall", "goroutine", "id=" + answer.Header.Get("paysera-correlation-id"), "level=ERROR"} {
			if !strings.Contains(server.Log(), want) {
				t.Errorf("the log lacks %q: %s", want, server.Log())
			}
		}
		server.Service.WallClock = server.Wall.Now
		expect(t, server.Send(wallettest.Anonymous, "GET", serverPath), 200, "")
	})
}

// change runs statements in the server's database.
func change(t *testing.T, server *wallettest.Server, statements ...string) {
	t.Helper()
	err := server.DB.Update(context.Background(), func(tx *store.Tx) (err error) {
		for _, statement := range statements {
			_, failed := tx.Exec(statement)
			err = errors.Join(err, failed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A table is lost. Neither its name nor the statement is anybody's business but the operator's.
func TestBrokenDatabaseIsAnErrorObject(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		change(t, server, "ALTER TABLE locations RENAME TO mislaid")
		for as, path := range map[string]string{wallettest.Anonymous: "/rest/v1/locations", "shop": "/rest/v1/client/locations"} {
			answer := server.Send(as, "GET", path)
			expect(t, answer, 500, wallet.InternalServerError)
			if strings.Contains(answer.Body, "locations") || strings.Contains(strings.ToLower(answer.Body), "sql") {
				t.Errorf("the caller is told: %s", answer.Body)
			}
		}
		if !strings.Contains(server.Log(), "cause=") {
			t.Errorf("the log does not say why: %s", server.Log())
		}
		change(t, server, "ALTER TABLE mislaid RENAME TO locations")
		expect(t, server.Send("shop", "GET", "/rest/v1/client/locations"), 200, "")
	})
}

// A statement does not come back: places have become endlessly many. The request is given up
// in time, the caller is told to try again, and others are still served. A server that is
// stopping answers alike.
func TestNoAnswerInTimeIsAnErrorObject(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		// Who the shop is, is known, and stays so: it may be based on a place, and what made the sample world must not be
		// learned of afterwards.
		if _, err := server.DB.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		expect(t, server.Send("shop", "GET", balancePath), 200, "")
		change(t, server, "ALTER TABLE locations RENAME TO mislaid", `CREATE VIEW locations AS
			WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless)
			SELECT -n AS id, 1 AS project_id, 'active' AS status, 1 AS public, 0 AS lat, 0 AS lng, 0 AS updated_at, '' AS document FROM endless`)
		impatient, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		expect(t, within(t, server, impatient).Send(wallettest.Anonymous, "GET", "/rest/v1/locations"), 503, wallet.ServiceUnavailable)
		expect(t, server.Send("shop", "GET", balancePath), 200, "")

		stopping, stop := context.WithCancel(context.Background())
		stop()
		expect(t, within(t, server, stopping).Send("shop", "GET", "/rest/v1/wallet/2113/balance"), 503, wallet.ServiceUnavailable)
	})
}

// within is the same server on another port, whose requests end with ctx.
func within(t *testing.T, server *wallettest.Server, ctx context.Context) *wallettest.Server {
	t.Helper()
	other := httptest.NewUnstartedServer(server.API)
	other.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	other.Start()
	t.Cleanup(other.Close)
	view := server.In(t)
	view.URL = other.URL
	return view
}

// A client goes away before it has sent what it announced. Nobody is there to be answered, and
// the server takes no harm.
func TestClientThatGoesAway(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		request := server.Compose("shop", "GET", clientPath, wallettest.Body("all of it"))
		connection, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, strings.TrimSuffix(request, "of it")); err != nil {
			t.Fatal(err)
		}
		connection.Close()
		expect(t, server.Send("shop", "GET", clientPath), 200, "")
		// The nonce of the request that never arrived whole was not used up.
		if answer := server.SendRaw(request); answer.Status != http.StatusOK {
			t.Errorf("sent again whole: %d %s", answer.Status, answer.Body)
		}
	})
}

// Programs call themselves what they like, in Latin-1 too, and devices say odd things of themselves.
// PostgreSQL stores only UTF-8 without zero bytes: that is no reason to fail, nor to forget the
// refusals and last uses that are written along.
func TestOddBytesAreNoReasonToFail(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		agent := wallettest.Header("User-Agent", "caf\xe9 \xff\xfe"+strings.Repeat("\xc5\xbe", 100))
		device := server.Send("app", "POST", clientPath, agent, wallettest.Body(`{"info":{"device_id":"a\u0000b","\u0000":1,"os":"\ud800"}}`))
		expect(t, device, 200, "")
		expect(t, server.Send("shop", "GET", clientPath, agent), 200, "")
		refused := server.Send("shop", "GET", "/rest/v1/project/1300", agent)
		expect(t, refused, 403, wallet.Forbidden)
		if err := server.DB.WriteUses(context.Background()); err != nil {
			t.Errorf("the last uses cannot be written: %v", err)
		}
		expect(t, server.Send("shop", "GET", "/rest/v1/refusal/"+refused.Header.Get("Paysera-Correlation-Id")), 200, "")
		for _, id := range []string{"%00", "%FF", "a%00b", "%F0%9F%98%80"} {
			expect(t, server.Send("shop", "GET", "/rest/v1/refusal/"+id), 404, wallet.NotFound)
		}
		for _, query := range []string{"info[os]=%00", "info[%00]=x", "info[os]=%FF", "info[%FF]=%FF"} {
			answer := server.Send("two-shops", "GET", "/rest/v1/clients?"+query)
			if answer.Status != 200 || !strings.HasPrefix(answer.Body, `{"clients":[],`) {
				t.Errorf("%s: %d %.200s", query, answer.Status, answer.Body)
			}
		}
		var made walletapi.ClientInfo
		device.Decode(&made)
		for body, status := range map[string]int{
			`{"title":"a\u0000b"}`: 400, `{"permissions_to_wallets":[{"account_number":"EVP\u0000","scopes":["balance"]}]}`: 400,
			`{"info":{"os":"\u0000"}}`: 200,
		} {
			path := fmt.Sprintf("/rest/v1/client/%d", made.ID)
			if answer := server.Send("two-shops", "PUT", path, wallettest.Body(body)); answer.Status != status {
				t.Errorf("%s: %d %.200s", body, answer.Status, answer.Body)
			}
		}
	})
}
