package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// The tests of this file are stories of phones that sign their users in, and of what is told about people.
// What can be said byte for byte stands in the exchange files phone_app.txt, token.txt, user.txt and
// user_register.txt.

const tokenPath = "/oauth/v1/token"

// passwordForm signs Paula in.
func passwordForm(scope string) wallettest.Option {
	return wallettest.Form("grant_type=password&username=paula%40example.com&password=paulas-password&scope=" + url.QueryEscape(scope))
}

// tokenKeys are the keys of a token in the order of spec/mobile-sdks.md §1.6, whole seconds among them.
var tokenKeys = regexp.MustCompile(`^\{"access_token":"[A-Z2-7]{32}","token_type":"mac","expires_in":[0-9]+,` +
	`"mac_key":"[A-Za-z0-9]{32}","mac_algorithm":"hmac-sha-256","refresh_token":"[A-Za-z0-9]{32}"\}$`)

// ask asks for a token, which must have everything.
func ask(t *testing.T, server *wallettest.Server, as, method, target string, options ...wallettest.Option) walletapi.Token {
	t.Helper()
	answer := server.Send(as, method, target, options...)
	if answer.Status != 200 || !tokenKeys.MatchString(answer.Body) {
		t.Fatalf("%s %s: this is no whole token: %d %s", method, target, answer.Status, answer.Body)
	}
	var token walletapi.Token
	answer.Decode(&token)
	return token
}

func refreshForm(grant string, token walletapi.Token) wallettest.Option {
	return wallettest.Form("grant_type=" + grant + "&refresh_token=" + token.RefreshToken)
}

// by signs with a token.
func by(token walletapi.Token) wallettest.Option {
	return wallettest.SignedBy(walletapi.MAC{ID: token.AccessToken, Secret: token.MACKey})
}

const mePath = "/rest/v1/user/me"

// What holds credentials is not to be kept on the way (RFC 6749 §5.1), when it is repeated neither.
func TestCredentialsAreKeptByNobodyOnTheWay(t *testing.T) {
	server := wallettest.NewServer(t, "sqlite:"+t.TempDir()+"/purser.db")
	for what, answer := range map[string]*wallettest.Answer{
		"tokens":        server.Send("device", "POST", tokenPath, passwordForm("email")),
		"tokens, again": server.Send("device", "POST", tokenPath, passwordForm("email"), wallettest.Header("Idempotency-Key", "lost")),
		"a device":      server.Send("app", "POST", "/rest/v1/client"),
	} {
		if got := answer.Header.Get("Cache-Control"); answer.Status != 200 || got != "no-store" {
			t.Errorf("%s: answered %d with Cache-Control %q", what, answer.Status, got)
		}
	}
}

// Both SDKs keep what an answer holds, also where it holds nothing: without refresh_token the session dies at
// the next expiry, and without expires_in Java never calls again. So every answer has everything, whatever the
// grant and whatever the clock, and no token is ever given twice.
func TestTokensHaveAllTheirKeysAndAreNew(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		seen := map[string]string{}
		isNew := func(what string, token walletapi.Token) walletapi.Token {
			for _, text := range []string{token.AccessToken, token.MACKey, token.RefreshToken} {
				if seen[text] != "" {
					t.Errorf("%s repeats %s", what, seen[text])
				}
				seen[text] = what
			}
			return token
		}
		first := isNew("the password", ask(t, server, "device", "POST", tokenPath, passwordForm("email")))
		isNew("the same password", ask(t, server, "device", "POST", tokenPath, passwordForm("email")))
		server.Business.Advance(1500 * time.Millisecond)
		second := isNew("a refresh", ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token", first)))
		isNew("the same refresh", ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token", first)))
		waits := isNew("a refresh that waits", ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token_with_activation", second)))
		if second.ExpiresIn != 3600 || waits.ExpiresIn != 3600 {
			t.Errorf("new tokens work for %d and %d seconds", second.ExpiresIn, waits.ExpiresIn)
		}
		server.Business.Advance(10*time.Second + 300*time.Millisecond)
		active := ask(t, server, "device", "PUT", "/oauth/v1/tokens/"+waits.AccessToken+"/activate")
		if active.ExpiresIn != 3589 {
			t.Errorf("after 10.3 seconds %d are left", active.ExpiresIn)
		}
		waits.ExpiresIn = active.ExpiresIn
		if active != waits {
			t.Errorf("activated is %+v, not %+v", active, waits)
		}
		server.Business.Advance(2 * time.Hour)
		if active := ask(t, server, "device", "PUT", "/oauth/v1/tokens/"+waits.AccessToken+"/activate"); active.ExpiresIn != 0 {
			t.Errorf("of one that has expired %d seconds are left", active.ExpiresIn)
		}
		ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token", active))
	})
}

// A phone's line breaks at every step of a refresh in two steps. Whatever was lost, it goes on: with the old
// pair until the new one is activated, and with the new one from then on, however often it asks.
func TestALostAnswerLogsNobodyOut(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		old := ask(t, server, "device", "POST", tokenPath, passwordForm("email"))
		lost := ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token_with_activation", old))
		expect(t, server.Send("", "GET", mePath, by(lost)), 401, wallet.Unauthorized)
		server.Business.Advance(50 * time.Minute) // it was out of reach
		expect(t, server.Send("", "GET", mePath, by(old)), 200, "")
		stored := ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token_with_activation", old))
		expect(t, server.Send("", "GET", mePath, by(old)), 200, "")

		activate := "/oauth/v1/tokens/" + stored.AccessToken + "/activate"
		for range 3 {
			if again := ask(t, server, "device", "PUT", activate); again.RefreshToken != stored.RefreshToken || again.MACKey != stored.MACKey {
				t.Errorf("activated again it is %+v, not %+v", again, stored)
			}
			expect(t, server.Send("", "GET", mePath, by(stored)), 200, "")
		}
		expired := server.Send("", "GET", mePath, by(old))
		if expect(t, expired, 400, wallet.InvalidGrant); expired.Error.Description != "Token has expired" {
			t.Errorf("of the old pair the phone reads %q", expired.Error.Description)
		}
		expect(t, server.Send("device", "PUT", "/oauth/v1/tokens/"+lost.AccessToken+"/activate"), 404, wallet.NotFound)

		// What it activates is what it goes on with, the next time in one step.
		next := ask(t, server, "device", "POST", tokenPath, refreshForm("refresh_token", stored))
		expect(t, server.Send("device", "PUT", activate), 404, wallet.NotFound)
		expect(t, server.Send("", "GET", mePath, by(next)), 200, "")
		if answer := server.Send("device", "DELETE", tokenPath+"?access_token="+next.AccessToken); answer.Status != 200 || answer.Body != `{}` {
			t.Errorf("signing out is answered %d %q", answer.Status, answer.Body)
		}
		expect(t, server.Send("", "GET", mePath, by(next)), 401, wallet.Unauthorized)
		for _, token := range []walletapi.Token{old, lost, stored, next} {
			over := server.Send("device", "POST", tokenPath, refreshForm("refresh_token", token))
			finally := []string{service.RefreshTokenExpired, service.NoSuchRefreshToken, service.RefreshTokenInvalid}
			if expect(t, over, 400, wallet.InvalidGrant); !slices.Contains(finally, over.Error.Description) {
				t.Errorf("a session that is over reads %q", over.Error.Description)
			}
		}
	})
}

// An access token expires while the phone sends something. Whatever the call is, it reads what makes it refresh.
func TestExpiredTokensRefreshWhateverTheCall(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		token := ask(t, server, "device", "POST", tokenPath, passwordForm("email wallet_list"))
		server.Business.Advance(time.Duration(token.ExpiresIn) * time.Second)
		for _, call := range []string{"GET " + mePath, "GET /rest/v1/wallet/me", "PUT /rest/v1/user/me/phone", "POST " + tokenPath, "DELETE " + tokenPath, "GET /rest/v1/project/1221"} {
			method, target, _ := strings.Cut(call, " ")
			answer := server.Send("", method, target, by(token))
			if expect(t, answer, 400, wallet.InvalidGrant); answer.Error.Description != "Token has expired" {
				t.Errorf("%s reads %q", call, answer.Error.Description)
			}
		}
	})
}

// The Java SDK names its app's project in every call. A project that does not exist, that is somebody else's,
// or that is no number keeps nobody from a token.
func TestTheOAuthAPILooksAtNoProject(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, context := range []string{"project_id=1300", "project_id=9999", "project_id=x&location_id=y", "location_id=111"} {
			named := wallettest.Ext(context)
			header := wallettest.Header("Wallet-Api-Project-Id", "1300")
			expect(t, server.Send("device", "DELETE", tokenPath+"?access_token=nothing", named, header), 200, "")
			expect(t, server.Send("device", "PUT", "/oauth/v1/tokens/nothing/activate", named, header), 404, wallet.NotFound)
			if answer := server.Send("device", "GET", clientPath, named); answer.Status == 200 {
				t.Errorf("%s: elsewhere it is not looked at either", context)
			}
		}
		certified := wallettest.OverTLS(server.ShopCertificate())
		expect(t, server.Send(wallettest.Anonymous, "POST", tokenPath, certified, wallettest.Header("Wallet-Api-Project-Id", "none"), passwordForm("email")), 200, "")
	})
}

// authorize is Paula's yes on the page, which sends her browser back with a code.
func authorize(t *testing.T, server *wallettest.Server, scope string, declined ...wallet.AskedScope) *url.URL {
	t.Helper()
	request := service.AuthorizationRequest{
		ResponseType: "code", ClientID: "wkVd93h2uS", Scope: scope, State: "6jr0YqU2mXeWv1nP", RedirectURI: "https://shop.example/pay/back?from=x",
	}
	to, err := server.Service.Authorize(context.Background(), paula, request, declined)
	if err != nil {
		t.Fatal(err)
	}
	back, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

var paula = wallet.Caller{Kind: wallet.ByPerson, Person: 5678}

// The PHP client takes code, state, error and error_description off the address of a page to find its own
// redirect_uri again. Any other name that was added, such as RFC 9207's iss, would stay, and the exchange fail.
func TestRedirectsAddNamesThatClientsTakeOffAgain(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		yes := authorize(t, server, "email")
		no, err := server.Service.RefuseAuthorization(context.Background(), paula, service.AuthorizationRequest{
			ResponseType: "code", ClientID: "wkVd93h2uS", State: "6jr0YqU2mXeWv1nP", RedirectURI: "https://shop.example/pay/back?from=x",
		})
		if err != nil {
			t.Fatal(err)
		}
		refused, err := url.Parse(no)
		if err != nil {
			t.Fatal(err)
		}
		for back, want := range map[*url.URL][]string{yes: {"code", "from", "state"}, refused: {"error", "error_description", "from", "state"}} {
			var names []string
			for name := range back.Query() {
				names = append(names, name)
			}
			if slices.Sort(names); !slices.Equal(names, want) || back.Query().Get("from") != "x" {
				t.Errorf("the browser is sent back with %q", back)
			}
		}
		form := url.Values{"grant_type": {"authorization_code"}, "code": {yes.Query().Get("code")}, "redirect_uri": {"https://shop.example/pay/back?from=x"}}
		token := ask(t, server, "shop", "POST", tokenPath, wallettest.Form(form.Encode()))
		if answer := server.Send("", "GET", mePath+"/email", by(token)); answer.Body != `"paula@example.com"` {
			t.Errorf("the token opens %d %s", answer.Status, answer.Body)
		}
		// A code that comes twice was stolen by one of the two: what came of it ends.
		expect(t, server.Send("shop", "POST", tokenPath, wallettest.Form(form.Encode())), 400, wallet.InvalidGrant)
		expect(t, server.Send("", "GET", mePath, by(token)), 401, wallet.Unauthorized)
	})
}

// A user does not want to share her e-mail address yet, which she was asked for as optional, and lets the shop
// look her phone number up when she is away. The first is not found until she shares it, the second is found
// until she takes it back.
func TestOptionalAndOfflineScopesOnTheWire(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		optional := wallet.AskedScope{Scope: wallet.ScopeEmail, Optional: true}
		back := authorize(t, server, "email_optional phone_offline", optional)
		form := url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {"https://shop.example/pay/back?from=x"}}
		token := ask(t, server, "shop", "POST", tokenPath, wallettest.Form(form.Encode()))
		body := func(as, target string, options ...wallettest.Option) string {
			answer := server.Send(as, "GET", target, options...)
			return fmt.Sprintf("%d %s", answer.Status, answer.Body)
		}
		expect(t, server.Send("", "GET", mePath+"/email", by(token)), 404, wallet.NotFound)
		if got := body("", mePath, by(token)); got != `200 {"id":5678,"phone":"37060005678"}` {
			t.Errorf("she shows %s", got)
		}
		if got := body("shop", "/rest/v1/user/5678"); got != `200 {"id":5678,"phone":"37060005678"}` {
			t.Errorf("the shop by itself reads %s", got)
		}
		if got := body("shop", "/rest/v1/user/5678/phone"); got != `200 "37060005678"` {
			t.Errorf("the shop by itself reads %s", got)
		}
		expect(t, server.Send("shop", "GET", "/rest/v1/user/5678/email"), 403, wallet.Forbidden)

		ctx := context.Background()
		if err := server.Service.ShareScopes(ctx, paula, 1, []wallet.AskedScope{optional}); err != nil {
			t.Fatal(err)
		}
		if got := body("", mePath+"/email", by(token)); got != `200 "paula@example.com"` {
			t.Errorf("shared it is %s", got)
		}
		if err := server.Service.RevokeApp(ctx, paula, 1); err != nil {
			t.Fatal(err)
		}
		expect(t, server.Send("shop", "GET", "/rest/v1/user/5678/phone"), 403, wallet.Forbidden)
		expect(t, server.Send("", "GET", mePath, by(token)), 401, wallet.Unauthorized)
	})
}

// A device's key is read out of a phone. Whoever has it registers users all day, and does not learn which
// contacts have an account: whoever reads those is told.
func TestDevicesDoNotLearnWhoHasAnAccount(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		permissions := []wallet.Permission{wallet.UseOAuthAPI, wallet.UsePasswordGrant, wallet.UseWalletAPI, wallet.ProvideRegistrationParameters}
		for _, client := range []int64{5, 7} {
			if _, err := server.Service.UpdateClient(context.Background(), wallettest.Operator, client, service.ClientChange{Permissions: &permissions}); err != nil {
				t.Fatal(err)
			}
		}
		register := func(email string) string {
			answer := server.Send("device", "POST", "/rest/v1/user",
				wallettest.Body(`{"email":"`+email+`","credentials":{"type":"main-password","password":"three blue herons"}}`))
			return fmt.Sprintf("%d %s", answer.Status, strings.ReplaceAll(answer.Body, email, "it"))
		}
		ids := regexp.MustCompile(`"id":[0-9]+`)
		taken, free := register("paula@example.com"), register("ona@example.com")
		if ids.ReplaceAllString(taken, "") != ids.ReplaceAllString(free, "") || !strings.HasPrefix(free, `200 {"id":90`) {
			t.Errorf("a contact of somebody's is answered %s, another one %s", taken, free)
		}
		change := func(phone string) int {
			return server.Send("device", "PUT", "/rest/v1/user/9014/phone", wallettest.Body(`{"phone":"`+phone+`"}`)).Status
		}
		if taken, free := change("37060005678"), change("37060000044"); taken != 200 || free != 200 {
			t.Errorf("a phone number of somebody's is answered %d, another one %d", taken, free)
		}
		reset := func(email string) int {
			return server.Send("device", "POST", "/rest/v1/user/password/reset", wallettest.Body(`{"email":"`+email+`"}`)).Status
		}
		if taken, none := reset("rita@example.com"), reset("nobody@example.com"); taken != 200 || none != 200 {
			t.Errorf("a password of somebody's is answered %d, another one %d", taken, none)
		}
		told := func(to string) (kinds []wallet.MessageKind) {
			messages, err := server.Service.ListMessages(context.Background(), wallettest.Operator, to, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				kinds = append(kinds, m.Kind)
			}
			return kinds
		}
		for to, want := range map[string]wallet.MessageKind{
			"paula@example.com": wallet.AlreadyRegistered, "37060005678": wallet.AlreadyRegistered, "ona@example.com": wallet.ConfirmContact,
			"37060000044": wallet.ConfirmContact, "rita@example.com": wallet.ResetPassword,
		} {
			if got := told(to); len(got) != 1 || got[0] != want {
				t.Errorf("%s is told %v", to, got)
			}
		}
		if got := told("nobody@example.com"); len(got) != 0 {
			t.Errorf("nobody is told %v", got)
		}
		expect(t, server.Send("device", "GET", "/rest/v1/user?email=paula@example.com"), 403, wallet.Forbidden)
	})
}

// Whoever forgot a password gets a number to give the code back under. It is no user's, so that neither the
// user's own number is told nor another one is met by it.
func TestTheNumberOfAResetIsNoUsers(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		var reset walletapi.User
		server.Send("shop", "POST", "/rest/v1/user/password/reset", wallettest.Body(`{"email":"paula@example.com"}`)).Decode(&reset)
		if reset.ID < 1_000_000_000 || reset.ID > 1<<31-1 {
			t.Fatalf("the number is %d", reset.ID)
		}
		expect(t, server.Send("shop", "GET", fmt.Sprint("/rest/v1/user/", reset.ID)), 404, wallet.NotFound)
		for range 5 { // guesses are counted, and then the right one is none either
			wrong := wallettest.Body(`{"code":"000000000","password":"five white swans"}`)
			expect(t, server.Send("shop", "PUT", fmt.Sprintf("/rest/v1/user/%d/password", reset.ID), wrong), 400, wallet.InvalidCode)
		}
		right := wallettest.Body(server.Recall(&wallettest.Memory{}, `{"code":"<code>","password":"five white swans"}`))
		expect(t, server.Send("shop", "PUT", fmt.Sprintf("/rest/v1/user/%d/password", reset.ID), right), 400, wallet.InvalidCode)
	})
}

// An owner asks the whole town to administer a project, until a hundred have not answered. One accepts, and is
// then an administrator until the owner ends it.
func TestInvitationsOfAProjectAreBounded(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		const path = "/rest/v1/project/1221/administrators"
		invite := func(email string) *wallettest.Answer {
			server.Wall.Advance(time.Hour) // for the sake of those who are asked, one is slowed
			return server.Send("token:1234", "POST", path, wallettest.Body(`{"email":"`+email+`"}`))
		}
		for i := range 99 {
			expect(t, invite(fmt.Sprintf("neighbour%d@example.com", i)), 200, "")
		}
		var all walletapi.Administrators
		invite("paula@example.com").Decode(&all)
		expect(t, invite("one-too-many@example.com"), 409, wallet.InvalidState)
		if len(all.Invitations) != 100 || all.Invitations[99].Contact != "paula@example.com" || len(all.Administrators) != 0 {
			t.Fatalf("invited are %+v", all)
		}
		if err := server.Service.AnswerInvitation(context.Background(), paula, all.Invitations[99].ID, true); err != nil {
			t.Fatal(err)
		}
		server.Send("token:1234", "GET", path).Decode(&all)
		if len(all.Invitations) != 99 || !slices.Equal(all.Administrators, []walletapi.Administrator{{ID: 5678, DisplayName: "Paula Payer"}}) {
			t.Errorf("once one has accepted: %+v", all)
		}
		server.Send("token:1234", "DELETE", path+"/5678").Decode(&all)
		if len(all.Administrators) != 0 {
			t.Errorf("ended: %+v", all)
		}
	})
}

// People write what no field can hold, and PostgreSQL stores only UTF-8 without zero bytes: it is refused, or is
// nobody's, and never a mistake of ours.
func TestOddBytesAboutPeopleAreNoReasonToFail(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for _, odd := range []string{"%00", "%FF", "a%00b%40c.d", "%F0%9F%98%80", "%ED%A0%80"} {
			for _, target := range []string{
				"/rest/v1/user?email=" + odd, "/rest/v1/user?phone=" + odd, "/rest/v1/user?person_code[lt]=" + odd, "/rest/v1/user?person_code=1&nationality=" + odd,
				"/rest/v1/user/" + odd, "DELETE /oauth/v1/token?access_token=" + odd, "PUT /oauth/v1/tokens/" + odd + "/activate",
			} {
				method, path, found := strings.Cut(target, " ")
				if !found {
					method, path = "GET", target
				}
				if answer := server.Send("shop", method, path); answer.Status >= 500 {
					t.Errorf("%s %s: %d %s", method, path, answer.Status, answer.Body)
				}
			}
			for _, form := range []string{
				"grant_type=" + odd, "grant_type=password&username=" + odd + "&password=" + odd, "grant_type=password&username=x&password=y&scope=" + odd,
				"grant_type=refresh_token&refresh_token=" + odd, "grant_type=authorization_code&code=" + odd + "&redirect_uri=" + odd,
			} {
				if answer := server.Send("shop", "POST", tokenPath, wallettest.Form(form)); answer.Status >= 500 {
					t.Errorf("%s: %d %s", form, answer.Status, answer.Body)
				}
			}
			session := "response_type=code&redirect_uri=http%3A%2F%2Flocalhost%2F" + odd + "&state=" + odd + "&user[email]=" + odd
			if answer := server.Send("shop", "POST", "/oauth/v1/session", wallettest.Form(session)); answer.Status >= 500 {
				t.Errorf("%s: %d %s", session, answer.Status, answer.Body)
			}
			session = "response_type=code&redirect_uri=http%3A%2F%2Flocalhost%2F&state=" + odd
			if answer := server.Send("shop", "POST", "/oauth/v1/session", wallettest.Form(session)); answer.Status >= 500 {
				t.Errorf("%s: %d %s", session, answer.Status, answer.Body)
			}
		}
		server.Wall.Advance(24 * time.Hour)
		for _, body := range []string{
			`{"email":"a\u0000@b.c","credentials":{"type":"main-password","password":"three blue herons"}}`,
			`{"email":"a@b.example","display_name":"\ud800","locale":"\u0000","credentials":{"type":"main-password","password":"three blue herons"}}`,
			`{"email":"a@b.example","identity":{"name":"\u0000","code":"\u0000"},"credentials":{"type":"main-password","password":"three \u0000 herons"}}`,
		} {
			if answer := server.Send("shop", "POST", "/rest/v1/user", wallettest.Body(body)); answer.Status >= 500 {
				t.Errorf("%s: %d %s", body, answer.Status, answer.Body)
			}
		}
		for _, call := range []string{
			`PUT /rest/v1/user/me/phone {"phone":"\u0000"}`, `PUT /rest/v1/user/me/email {"email":"\u0000@b.example"}`,
			`PUT /rest/v1/user/me/phone/confirm {"code":"\u0000"}`, `POST /rest/v1/user/password/reset {"email":"a\u0000@b.example"}`,
			`POST /rest/v1/user/password/reset {"email":"paula@example.com","identity":{"code":"\u0000"}}`,
			`PUT /rest/v1/user/me/password {"old_password":"\u0000","password":"three \u0000 herons"}`,
			`POST /rest/v1/project/1221/administrators {"email":"\u0000@b.example"}`,
		} {
			parts := strings.SplitN(call, " ", 3)
			for _, as := range []string{"token:5678", "token:1234"} {
				if answer := server.Send(as, parts[0], parts[1], wallettest.Body(parts[2])); answer.Status >= 500 {
					t.Errorf("%s: %d %s", call, answer.Status, answer.Body)
				}
			}
		}
	})
}

// What a form or a JSON body holds means the same, and so does what neither of them gives.
func TestFormsAndJSONAreReadAlike(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		for name, body := range map[string]wallettest.Option{
			"a form":                  passwordForm("email"),
			"a form with empty names": wallettest.Form("grant_type=password&username=paula@example.com&password=paulas-password&scope=email&code=&refresh_token="),
			"an object":               wallettest.Body(`{"grant_type":"password","username":"paula@example.com","password":"paulas-password","scope":"email"}`),
			"an object with null":     wallettest.Body(`{"grant_type":"password","username":"paula@example.com","password":"paulas-password","scope":"email","code":null,"redirect_uri":""}`),
		} {
			token := ask(t, server, "device", "POST", tokenPath, body)
			if answer := server.Send("", "GET", mePath, by(token)); answer.Body != `{"id":5678,"email":"paula@example.com"}` {
				t.Errorf("%s opens %s", name, answer.Body)
			}
		}
		var key walletapi.Session
		for _, body := range []wallettest.Option{
			wallettest.Form("response_type=code&redirect_uri=http%3A%2F%2Flocalhost%2F&user%5Bemail%5D=ona%40example.com"),
			wallettest.Body(`{"response_type":"code","redirect_uri":"http://localhost/","user":{"email":"ona@example.com"}}`),
		} {
			server.Send("shop", "POST", "/oauth/v1/session", body).Decode(&key)
			prepared, err := server.Service.PreparedAuthorization(context.Background(), wallet.Caller{Kind: wallet.Anonymous}, secret.Text(key.Key))
			if err != nil || prepared.Email != "ona@example.com" || !prepared.Trusted || prepared.ClientID != "wkVd93h2uS" {
				t.Errorf("prepared is %+v, %v", prepared, err)
			}
		}
	})
}

// The order of keys is a promise to those who compare bytes; what is not there is left out.
func TestUsersAreWrittenInOrder(t *testing.T) {
	all := walletapi.User{
		ID: 1, Email: "e", Phone: "p", DisplayName: "n", DOB: "d", Gender: "g", Type: "t", CompanyCode: "c", IdentificationLevel: "i", CalculatedLevel: "k",
		Locale: "l", Options: &walletapi.UserOptions{DefaultCurrency: "EUR"}, Wallets: []int64{}, Address: &walletapi.Address{}, Identity: &walletapi.Identity{},
		PEP: []walletapi.Exposed{{}},
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, key := range []string{"id", "email", "phone", "display_name", "dob", "gender", "type", "company_code", "identification_level", "calculated_level",
		"locale", "options", "wallets", "address", "identity", "pep"} {
		next := bytes.Index(text, []byte(`"`+key+`":`))
		if next <= at {
			t.Errorf("%s is not where it should be: %s", key, text)
		}
		at = next
	}
	if text, _ := json.Marshal(walletapi.User{ID: 1}); string(text) != `{"id":1}` {
		t.Errorf("nothing is written as %s", text)
	}
}

// A company has neither a phone number nor a name like a person's. Lists about it are empty, single things are
// not found, and the user as a whole leaves them out.
func TestNothingKnownIsNoMistake(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		issued, err := server.Service.IssueToken(context.Background(), wallettest.Operator, 1234, 1, wallet.OrdinaryScopes(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		john := wallettest.SignedBy(walletapi.MAC{ID: issued.Access, Secret: issued.Key.Reveal()})
		for path, want := range map[string]string{
			"/confirmed-phones": `[]`, "/pes": `[]`, "/email": `"office@johns-company.example"`,
			"": `{"id":1235,"email":"office@johns-company.example","display_name":"John's Company Ltd","type":"legal","company_code":"301234567",` +
				`"identification_level":"unidentified","calculated_level":"unidentified","locale":"en","wallets":[2112,2113]}`,
		} {
			if answer := server.Send("", "GET", "/rest/v1/user/1235"+path, john); answer.Status != 200 || answer.Body != want {
				t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
			}
		}
		for _, path := range []string{"/phone", "/address", "/identity"} {
			expect(t, server.Send("", "GET", "/rest/v1/user/1235"+path, john), 404, wallet.NotFound)
		}
	})
}
