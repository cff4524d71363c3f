package service_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// Ona agrees on the page, and the site exchanges the code: state and the parameters of the address come back
// as they were, and the tokens speak for Ona as far as she agreed.
func TestAuthorizationCode(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		to, err := w.Authorize(ctx, person(1), w.request("balance projects"), nil)
		if err != nil {
			t.Fatal(err)
		}
		back := parameters(t, to)
		if !strings.HasPrefix(to, "https://stall.example/back?from=purser&") || back.Get("state") != "a b&c=d" || len(back) != 3 {
			t.Errorf("sent back to %s", to)
		}
		issued, err := w.exchange(site, secret.Text(back.Get("code")))
		if err != nil {
			t.Fatal(err)
		}
		c, known := w.with(issued.Access)
		if !known || c.Token.UserID != 1 || c.Client.ID != site || !c.Token.Has(wallet.ScopeProjects) || c.Token.Has(wallet.ScopeEmail) {
			t.Errorf("the token is %+v", c.Token)
		}
		if issued.ExpiresIn != time.Hour || len(issued.Refresh.Reveal()) != 32 {
			t.Errorf("issued %+v", issued)
		}
		if m := w.lastTo("ona@example.com"); m == nil || m.Kind != wallet.AppAuthorized {
			t.Errorf("Ona is told %+v", m)
		}
	})
}

// RFC 9700 §2.1, §4.1, §4.2, §4.5, §4.8 and §4.9, as far as a server can hold them: each attack on the authorization
// code is refused, and nothing comes of it.
func TestAttacksOnAuthorizationCodes(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		spoiled := func(what string, change func(r *service.TokenRequest), by int64) {
			t.Helper()
			code := w.authorize(1, w.request("balance"))
			r := service.TokenRequest{Grant: service.AuthorizationCodeGrant, Code: code, RedirectURI: backToSite, Verifier: verifier}
			change(&r)
			_, err := w.IssueTokens(ctx, w.by(by), r)
			refuses(t, what, err, wallet.InvalidGrant)
			if r.Code != code {
				return
			}
			_, err = w.exchange(site, code)
			refuses(t, what+", and then as it should be", err, wallet.InvalidGrant)
		}
		nothing := func(*service.TokenRequest) {}
		spoiled("another client brings the code", nothing, ritasSite)
		spoiled("another redirect_uri of the same client", func(r *service.TokenRequest) { r.RedirectURI = "https://stall.example/other" }, site)
		spoiled("no redirect_uri", func(r *service.TokenRequest) { r.RedirectURI = "" }, site)
		spoiled("another verifier", func(r *service.TokenRequest) { r.Verifier = verifier[1:] + "x" }, site)
		spoiled("no verifier", func(r *service.TokenRequest) { r.Verifier = "" }, site)
		spoiled("the challenge as verifier", func(r *service.TokenRequest) { r.Verifier = challenge(verifier) }, site)
		spoiled("a code that nobody was given", func(r *service.TokenRequest) { r.Code = secret.NewKey() }, site)
		spoiled("a code after its minute", func(*service.TokenRequest) { w.business.Advance(time.Minute) }, site)

		// Somebody took the challenge out of the request on its way (PKCE downgrade).
		plain := w.request("balance")
		plain.Challenge, plain.ChallengeMethod = "", ""
		_, err := w.exchange(site, w.authorize(1, plain))
		saysExactly(t, "a verifier for a code without a challenge", err, wallet.InvalidGrant, "without code_challenge")

		// The user takes everything back between the page and the exchange.
		code := w.authorize(1, w.request("balance"))
		if err := w.RevokeApp(ctx, person(1), site); err != nil {
			t.Fatal(err)
		}
		_, err = w.exchange(site, code)
		refuses(t, "a code whose consent was taken back", err, wallet.InvalidGrant)
	})
}

// A code that comes a second time was stolen from one of the two who bring it: what came of it ends, and Ona is told.
func TestACodeThatComesTwiceEndsItsTokens(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		code := w.authorize(1, w.request("balance"))
		issued, err := w.exchange(site, code)
		if err != nil || !w.works(issued.Access) {
			t.Fatal(issued, err)
		}
		other := w.consent(1, "balance")
		_, err = w.exchange(site, code)
		refuses(t, "the code again", err, wallet.InvalidGrant)
		if w.works(issued.Access) {
			t.Error("the tokens of the stolen code still work")
		}
		if _, err = w.refresh(site, issued.Refresh, ""); err == nil {
			t.Error("they can be refreshed")
		}
		if !w.works(other.Access) {
			t.Error("tokens of another consent have ended too")
		}
		if m := w.lastTo("ona@example.com"); m == nil || m.Kind != wallet.SessionEnded || m.Values["client"] != "Site000011" {
			t.Errorf("Ona is told %+v", m)
		}
		told := w.lastTo("ona@example.com").ID
		for range 3 {
			_, err = w.exchange(site, code)
			refuses(t, "the code over and over", err, wallet.InvalidGrant)
		}
		if m := w.lastTo("ona@example.com"); m.ID != told {
			t.Errorf("Ona is told again: %+v", m)
		}
	})
}

// ask reads a changed request of the site, and has Ona agree to it.
func (w world) ask(change func(r *service.AuthorizationRequest)) error {
	w.t.Helper()
	r := w.request("balance")
	change(&r)
	_, err := w.ReadAuthorization(ctx, visitor(), r)
	if _, authorized := w.Authorize(ctx, person(1), r, nil); (err == nil) != (authorized == nil) {
		w.t.Errorf("reading says %v, authorizing %v", err, authorized)
	}
	return err
}

// The page sends nobody to an address that is not the client's, whatever else is wrong with the request
// (RFC 9700 §4.1, §4.11).
func TestNobodyIsSentToAnotherAddress(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		for what, change := range map[string]func(r *service.AuthorizationRequest){
			"no client":             func(r *service.AuthorizationRequest) { r.ClientID = "" },
			"an unknown client":     func(r *service.AuthorizationRequest) { r.ClientID = "Nobody1234" },
			"a token for a client":  func(r *service.AuthorizationRequest) { r.ClientID = w.consent(1, "balance").Access },
			"no address":            func(r *service.AuthorizationRequest) { r.RedirectURI = "" },
			"another host":          func(r *service.AuthorizationRequest) { r.RedirectURI = "https://evil.example/back" },
			"a host that begins so": func(r *service.AuthorizationRequest) { r.RedirectURI = "https://stall.example.evil.example/back" },
			"a user in the address": func(r *service.AuthorizationRequest) { r.RedirectURI = "https://stall.example@evil.example/back" },
			"another scheme":        func(r *service.AuthorizationRequest) { r.RedirectURI = "http://stall.example/back" },
			"a script":              func(r *service.AuthorizationRequest) { r.RedirectURI = "javascript:alert(1)//stall.example" },
			"another client's":      func(r *service.AuthorizationRequest) { r.RedirectURI = "https://rita.example/back" },
			"bad in every way": func(r *service.AuthorizationRequest) {
				*r = service.AuthorizationRequest{RedirectURI: "https://evil.example"}
			},
			"a path that leads up":    func(r *service.AuthorizationRequest) { r.RedirectURI = "https://stall.example/back/../../x" },
			"a backslash in the host": func(r *service.AuthorizationRequest) { r.RedirectURI = `https://stall.example\.evil.example/` },
		} {
			err := w.ask(change)
			var redirect *service.Redirect
			if err == nil || errors.As(err, &redirect) {
				t.Errorf("%s: answered %v", what, err)
			}
		}
	})
}

// What is wrong with a request of an address that is good, the client is told.
func TestTheClientIsToldWhatIsWrongWithItsRequest(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		for what, c := range map[string]struct {
			code   string
			change func(r *service.AuthorizationRequest)
		}{
			"the implicit grant":            {"unsupported_response_type", func(r *service.AuthorizationRequest) { r.ResponseType = "token" }},
			"a scope that there is not":     {"invalid_scope", func(r *service.AuthorizationRequest) { r.Scope = "balance everything" }},
			"capitals":                      {"invalid_scope", func(r *service.AuthorizationRequest) { r.Scope = "EMAIL" }},
			"an extended scope":             {"invalid_scope", func(r *service.AuthorizationRequest) { r.Scope = "convert_currency" }},
			"a scope that is never offline": {"invalid_scope", func(r *service.AuthorizationRequest) { r.Scope = "projects_offline" }},
			"a plain challenge":             {"invalid_request", func(r *service.AuthorizationRequest) { r.ChallengeMethod = "plain" }},
			"a method without challenge":    {"invalid_request", func(r *service.AuthorizationRequest) { r.Challenge = "" }},
			"a challenge of no hash":        {"invalid_request", func(r *service.AuthorizationRequest) { r.Challenge = "short" }},
			"an app without PKCE": {"invalid_request", func(r *service.AuthorizationRequest) {
				r.ClientID, r.Challenge, r.ChallengeMethod = "Phone00013", "", ""
			}},
			"a client without the permission": {"unauthorized_client", func(r *service.AuthorizationRequest) {
				r.ClientID, r.RedirectURI = "Shop000002", "https://shop.example/"
			}},
			"an application": {"unauthorized_client", func(r *service.AuthorizationRequest) { r.ClientID = "App0000005" }},
		} {
			if what == "a client without the permission" {
				hosts := []wallet.Host{{Host: "shop.example", Protocol: "https"}}
				if _, err := w.UpdateClient(ctx, operator, shop, service.ClientChange{Hosts: &hosts}); err != nil {
					t.Fatal(err)
				}
			}
			err := w.ask(c.change)
			var redirect *service.Redirect
			if !errors.As(err, &redirect) {
				t.Errorf("%s: answered %v", what, err)
				continue
			}
			told := parameters(t, redirect.To)
			if told.Get("error") != c.code || told.Get("error_description") == "" || told.Get("state") != "a b&c=d" || told.Get("code") != "" {
				t.Errorf("%s: the client is told %v", what, told)
			}
		}
		// An app's own scheme is an address too.
		r := w.request("balance")
		r.ClientID, r.RedirectURI = "Phone00013", "stall.app://back"
		to, err := w.Authorize(ctx, person(1), r, nil)
		if err != nil || !strings.HasPrefix(to, "stall.app://back?") {
			t.Errorf("an app's own scheme: %s, %v", to, err)
		}
		to, err = w.RefuseAuthorization(ctx, person(1), r)
		if err != nil || parameters(t, to).Get("error") != "access_denied" {
			t.Errorf("the user's no: %s, %v", to, err)
		}
	})
}

// A refresh token yields a new pair, and counts as used: for half a minute it yields others, since an answer may be
// lost, and after that it was stolen.
func TestRefreshing(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		first := w.consent(1, "balance email")
		w.business.Advance(2 * time.Hour)
		if w.works(first.Access) {
			t.Fatal("an access token outlives its hour")
		}
		second, err := w.refresh(site, first.Refresh, "")
		if err != nil || second.Refresh == first.Refresh || second.Access == first.Access || !w.works(second.Access) {
			t.Fatalf("refreshed to %+v, %v", second, err)
		}
		lost, err := w.refresh(site, first.Refresh, "")
		if err != nil || !w.works(lost.Access) || !w.works(second.Access) {
			t.Errorf("a lost answer is not made up for: %v", err)
		}
		narrow, err := w.refresh(site, second.Refresh, "balance")
		if c, _ := w.with(narrow.Access); err != nil || !c.Token.Has(wallet.ScopeBalance) || c.Token.Has(wallet.ScopeEmail) {
			t.Errorf("fewer scopes: %+v, %v", c.Token, err)
		}
		whole, err := w.refresh(site, narrow.Refresh, "")
		if c, _ := w.with(whole.Access); err != nil || !c.Token.Has(wallet.ScopeEmail) {
			t.Errorf("all scopes again: %+v, %v", c.Token, err)
		}
		_, err = w.refresh(site, whole.Refresh, "balance phone")
		saysExactly(t, "a scope that the user has not agreed to", err, wallet.InvalidScope, "phone")

		_, err = w.refresh(site, secret.NewKey(), "")
		saysExactly(t, "no refresh token", err, wallet.InvalidGrant, service.NoSuchRefreshToken)
		_, err = w.refresh(ritasSite, whole.Refresh, "")
		saysExactly(t, "another client's", err, wallet.InvalidGrant, service.NoSuchRefreshToken)
		if !w.works(whole.Access) {
			t.Error("another client could end the tokens")
		}
		w.business.Advance(31 * time.Second)
		_, err = w.refresh(site, first.Refresh, "")
		saysExactly(t, "a stolen one", err, wallet.InvalidGrant, service.RefreshTokenInvalid)
		for what, tokens := range map[string]service.Tokens{"the second": second, "the lost": lost, "the last": whole} {
			if w.works(tokens.Access) {
				t.Errorf("%s pair still works", what)
			}
			_, err := w.refresh(site, tokens.Refresh, "")
			saysExactly(t, what, err, wallet.InvalidGrant, service.RefreshTokenInvalid)
		}
		old := w.consent(1, "balance")
		w.business.Advance(90 * 24 * time.Hour)
		_, err = w.refresh(site, old.Refresh, "")
		saysExactly(t, "after 90 days", err, wallet.InvalidGrant, service.RefreshTokenExpired)
	})
}

// Who is quick with a stolen refresh token gets a pair of their own, as whoever lost an answer would. With the next
// refresh it comes out: two go on, and the session ends.
func TestTheGraceForksNoSession(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		prepare := func(refresh secret.Text) service.Tokens {
			pair, err := w.IssueTokens(ctx, w.by(site), service.TokenRequest{Grant: service.ActivationGrant, RefreshToken: refresh})
			if err != nil {
				t.Fatal(err)
			}
			return pair
		}
		activate := func(pair service.Tokens) service.Tokens {
			active, err := w.ActivateTokens(ctx, w.by(site), secret.Text(pair.Access))
			if err != nil {
				t.Fatal(err)
			}
			return active
		}
		refresh := func(token secret.Text) service.Tokens {
			pair, err := w.refresh(site, token, "")
			if err != nil {
				t.Fatal(err)
			}
			return pair
		}
		for what, goOn := range map[string]func(secret.Text) service.Tokens{
			"refreshing": refresh, "activating": func(token secret.Text) service.Tokens { return activate(prepare(token)) },
		} {
			first := w.consent(1, "balance")
			owners := goOn(first.Refresh)
			thiefs := refresh(first.Refresh)
			w.business.Advance(time.Hour - time.Minute)
			owners = goOn(owners.Refresh)
			_, err := w.refresh(site, thiefs.Refresh, "") // at once: the thief sees the own access token end
			saysExactly(t, what+": the thief goes on", err, wallet.InvalidGrant, service.RefreshTokenInvalid)
			if w.works(owners.Access) {
				t.Errorf("%s: the session goes on, with a thief about", what)
			}
		}

		first := w.consent(1, "balance")
		stolen := prepare(first.Refresh)
		second := refresh(first.Refresh)
		_, err := w.ActivateTokens(ctx, w.by(site), secret.Text(stolen.Access))
		refuses(t, "a pair that waited while another way was gone", err, wallet.NotFound)
		if !w.works(second.Access) {
			t.Error("the session ended")
		}
	})
}

// A phone refreshes in two steps: the old pair works until the new one is activated, and the activation can be repeated
// with the very same answer.
func TestActivation(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		first, err := w.signInBy(phone, "37060000001", onasPassword, "balance")
		if err != nil {
			t.Fatal(err)
		}
		prepare := func(refresh secret.Text) (service.Tokens, error) {
			return w.IssueTokens(ctx, w.by(phone), service.TokenRequest{Grant: service.ActivationGrant, RefreshToken: refresh})
		}
		lost, err := prepare(first.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		second, err := prepare(first.Refresh)
		if err != nil || w.works(second.Access) || w.works(lost.Access) || !w.works(first.Access) {
			t.Fatalf("before activation: new %v, old %v, %v", w.works(second.Access), w.works(first.Access), err)
		}
		_, err = w.refresh(phone, second.Refresh, "")
		saysExactly(t, "the refresh token of a pair that waits", err, wallet.InvalidGrant, service.RefreshTokenInvalid)
		_, err = w.ActivateTokens(ctx, w.by(tablet), secret.Text(second.Access))
		refuses(t, "another device activates", err, wallet.NotFound)

		activated, err := w.ActivateTokens(ctx, w.by(phone), secret.Text(second.Access))
		if err != nil || activated != second {
			t.Fatalf("activated %+v, not %+v: %v", activated, second, err)
		}
		if !w.works(second.Access) || w.works(first.Access) {
			t.Error("after activation not exactly the new pair works")
		}
		w.business.Advance(time.Minute)
		again, err := w.ActivateTokens(ctx, w.by(phone), secret.Text(second.Access))
		if err != nil || again.Access != second.Access || again.Key != second.Key || again.Refresh != second.Refresh || again.ExpiresIn != time.Hour-time.Minute {
			t.Errorf("repeated: %+v, %v", again, err)
		}
		_, err = w.ActivateTokens(ctx, w.by(phone), secret.Text(lost.Access))
		refuses(t, "the pair that was not activated", err, wallet.NotFound)

		third, err := w.refresh(phone, second.Refresh, "")
		if err != nil || !w.works(third.Access) {
			t.Errorf("refreshing goes on: %v", err)
		}
		_, err = w.refresh(phone, first.Refresh, "")
		saysExactly(t, "the pair before", err, wallet.InvalidGrant, service.RefreshTokenInvalid)
		if w.works(third.Access) {
			t.Error("the family outlives a stolen refresh token")
		}
	})
}

// Extended scopes are attached when a token is refreshed, with a code that the user was sent; nothing else is.
func TestExtendedScopes(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		first := w.consent(1, "balance")
		ask := func(code secret.Text) (service.Tokens, error) {
			return w.IssueTokens(ctx, w.by(site), service.TokenRequest{
				Grant: service.RefreshGrant, RefreshToken: first.Refresh, Scope: "balance convert_currency", Code: code,
			})
		}
		_, err := ask("")
		saysExactly(t, "without a code", err, wallet.InvalidCode, "sent")
		code := w.codeTo("37060000001")
		if m := w.lastTo("37060000001"); m.Kind != wallet.ScopeCode || m.Values["scope"] != "convert_currency" {
			t.Errorf("Ona is told %+v", m)
		}
		_, err = ask(wrong(code))
		saysExactly(t, "a wrong code", err, wallet.InvalidCode, "wrong")
		if !w.works(first.Access) {
			t.Error("the token ended over a wrong code")
		}
		second, err := ask(code)
		if c, _ := w.with(second.Access); err != nil || !c.Token.Has("convert_currency") || !c.Token.Has(wallet.ScopeBalance) {
			t.Fatalf("attached: %+v, %v", c.Token, err)
		}
		third, err := w.refresh(site, second.Refresh, "")
		if c, _ := w.with(third.Access); err != nil || !c.Token.Has("convert_currency") {
			t.Errorf("it is lost with the next refresh: %v", err)
		}
		if apps, err := w.ListGrantedApps(ctx, person(1)); err != nil || len(apps) != 1 || wallet.ScopeNames(apps[0].Scopes) != "balance convert_currency" {
			t.Errorf("Ona sees among her programs %+v, %v", apps, err)
		}
		other := w.consent(3, "balance")
		_, err = w.IssueTokens(ctx, w.by(site), service.TokenRequest{Grant: service.RefreshGrant, RefreshToken: other.Refresh, Scope: "convert_currency", Code: code})
		refuses(t, "Ona's code for Rita's token", err, wallet.InvalidCode)
	})
}

// A user is sent five codes for scopes an hour, for whatever scopes; others are sent theirs all the same.
func TestCodesForScopesAreEachUsersOwn(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		onas, ritas := w.consent(1, "balance"), w.consent(3, "balance")
		ask := func(of service.Tokens, scope string) error {
			_, err := w.refresh(site, of.Refresh, scope)
			return err
		}
		for i := range 6 {
			err := ask(onas, []string{"convert_currency", "make_bank_transfers"}[i%2])
			if i < 5 {
				refuses(t, "a scope without a code", err, wallet.InvalidCode)
			} else {
				refuses(t, "the sixth code within an hour", err, wallet.RateLimitExceeded)
			}
		}
		saysExactly(t, "Rita's", ask(ritas, "convert_currency"), wallet.InvalidCode, "was sent just now")
	})
}

// For an inactive user nobody acts, by whatever they agreed to while they were active.
func TestNobodyActsForTheInactive(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		tokens := w.consent(1, "email_offline balance_offline")
		read := func() error {
			_, err := w.GetUserData(ctx, w.by(site), 1, wallet.ScopeEmail)
			return err
		}
		if err := read(); err != nil || !w.works(tokens.Access) {
			t.Fatal("Ona agreed to it:", err)
		}
		stand := func(as wallet.Standing) {
			if _, err := w.UpdateUser(ctx, operator, 1, service.UserChange{Standing: &as}, true); err != nil {
				t.Fatal(err)
			}
		}
		stand(wallet.InactiveUser)
		refuses(t, "her address, offline", read(), wallet.Forbidden)
		if w.works(tokens.Access) {
			t.Error("the token of an inactive user works")
		}
		stand(wallet.ActiveUser)
		if err := read(); err != nil {
			t.Error("active again:", err)
		}
	})
}

// wrong is another code.
func wrong(code secret.Text) secret.Text {
	digits := []byte(code.Reveal())
	digits[0] = '0' + (digits[0]-'0'+1)%10
	return secret.Text(digits)
}

// A password is exchanged by clients that users trust with it, for what can be given without a page.
func TestPasswordGrant(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		for _, username := range []string{"ona@example.com", "ONA@example.com", "37060000001", "+370 600 00001"} {
			issued, err := w.signInBy(phone, username, onasPassword, "")
			if c, known := w.with(issued.Access); err != nil || !known || c.Token.UserID != 1 || len(c.Token.Scopes) != 0 {
				t.Errorf("%s: %+v, %v", username, c.Token, err)
			}
		}
		_, err := w.signInBy(tablet, "ona@example.com", onasPassword, "")
		refuses(t, "a client without the permission", err, wallet.Forbidden)
		_, err = w.signInBy(app, "ona@example.com", onasPassword, "")
		refuses(t, "an application", err, wallet.Forbidden)
		c, _ := w.with(w.consent(1, "balance").Access)
		_, err = w.IssueTokens(ctx, c, service.TokenRequest{Grant: service.PasswordGrant, Username: "ona@example.com", Password: onasPassword})
		refuses(t, "a token instead of the client's own credentials", err, wallet.Forbidden)
		_, err = w.signInBy(phone, "ona@example.com", onasPassword, "balance_offline")
		refuses(t, "an offline scope", err, wallet.InvalidScope)
		_, err = w.signInBy(phone, "ona@example.com", onasPassword, "make_bank_transfers")
		refuses(t, "an extended scope", err, wallet.InvalidScope)
		_, err = w.signInBy(phone, "", "", "")
		refuses(t, "neither name nor password", err, wallet.InvalidParameters, "username", "password")
		_, known := w.signInBy(phone, "ona@example.com", "another", "")
		_, unknown := w.signInBy(phone, "nobody@example.com", "another", "")
		if known == nil || unknown == nil || known.Error() != unknown.Error() {
			t.Errorf("a wrong password is %v, an unknown name %v", known, unknown)
		}
		inactive := wallet.InactiveUser
		if _, err := w.UpdateUser(ctx, operator, 3, service.UserChange{Standing: &inactive}, true); err != nil {
			t.Fatal(err)
		}
		_, err = w.signInBy(phone, "rita@example.com", ritasPassword, "")
		if err == nil || err.Error() != unknown.Error() {
			t.Errorf("an inactive user: %v", err)
		}
		_, err = w.IssueTokens(ctx, w.by(phone), service.TokenRequest{Grant: "client_credentials"})
		refuses(t, "another grant", err, wallet.UnsupportedGrantType)
		_, err = w.IssueTokens(ctx, w.by(phone), service.TokenRequest{})
		refuses(t, "no grant", err, wallet.InvalidParameters, "grant_type")
	})
}

// A user said no to an optional scope on the page; signing in by password afterwards does not turn that into a yes.
func TestAPasswordTakesNoNoBack(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		open := wallet.AskedScope{Scope: wallet.ScopeEmail, Optional: true}
		w.consent(1, "balance email_optional", open)
		issued, err := w.signInBy(site, "ona@example.com", onasPassword, "balance email_optional")
		if c, _ := w.with(issued.Access); err != nil || c.Token.Has(wallet.ScopeEmail) || !slices.Contains(c.Token.Waiting, wallet.ScopeEmail) || !c.Token.Has(wallet.ScopeBalance) {
			t.Errorf("the token is %+v, %v", c.Token, err)
		}
	})
}

// What a user takes back works no more with the next request, and neither does what an inactive user gave.
func TestTakingBack(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		byPage, other := w.consent(1, "balance projects"), w.consent(3, "balance")
		byPhone, err := w.signInBy(phone, "ona@example.com", onasPassword, "balance")
		if err != nil {
			t.Fatal(err)
		}
		apps, err := w.ListGrantedApps(ctx, person(1))
		if err != nil || len(apps) != 2 || apps[0].Client.ID != site && apps[1].Client.ID != site {
			t.Fatalf("Ona's apps are %+v, %v", apps, err)
		}
		if err := w.RevokeApp(ctx, person(1), site); err != nil {
			t.Fatal(err)
		}
		if w.works(byPage.Access) || !w.works(byPhone.Access) || !w.works(other.Access) {
			t.Error("not exactly Ona's tokens of the site have ended")
		}
		_, err = w.refresh(site, byPage.Refresh, "")
		saysExactly(t, "refreshing what was taken back", err, wallet.InvalidGrant, service.RefreshTokenInvalid)
		if err := w.RevokeTokens(ctx, w.by(ritasSite), secret.Text(byPhone.Access)); err != nil || !w.works(byPhone.Access) {
			t.Errorf("another client ends a token: %v", err)
		}
		for range 2 { // the second time there is nothing left, which is no error
			if err := w.RevokeTokens(ctx, w.by(phone), secret.Text(byPhone.Access)); err != nil || w.works(byPhone.Access) {
				t.Errorf("a client's own token: %v", err)
			}
		}
		inactive := wallet.InactiveUser
		if _, err := w.UpdateUser(ctx, operator, 3, service.UserChange{Standing: &inactive}, true); err != nil || w.works(other.Access) {
			t.Errorf("an inactive user's token works: %v", err)
		}
	})
}

// Two processes share a PostgreSQL. A refresh token that was used at one is used at the other as well; a family that
// ends at one ends at the other within a second; and a code is exchanged once, however many bring it at once.
func TestTokensAcrossProcesses(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		if strings.HasPrefix(address, "sqlite:") {
			return // one process owns a SQLite folder
		}
		wall, business := wallettest.NewClock(), wallettest.NewClock()
		one, two := newServer(t, address, wall, business), newServer(t, address, wall, business)
		two.nonces = one.nonces
		one.populate()
		one.people()
		first := one.consent(1, "balance")
		second, err := two.refresh(site, first.Refresh, "")
		if err != nil || !two.works(second.Access) {
			t.Fatal(err)
		}
		business.Advance(time.Minute)
		_, err = one.refresh(site, first.Refresh, "")
		saysExactly(t, "the stolen token at the other process", err, wallet.InvalidGrant, service.RefreshTokenInvalid)
		for began := time.Now(); two.works(second.Access); time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > time.Second {
				t.Fatal("the family works at the other process after a second")
			}
		}
		code := one.authorize(1, one.request("balance"))
		var mu sync.Mutex
		exchanged := 0
		crowd(16, func(caller int) {
			w := []world{one, two}[caller%2]
			if _, err := w.exchange(site, code); err == nil {
				mu.Lock()
				exchanged++
				mu.Unlock()
			}
		})
		if exchanged != 1 {
			t.Errorf("the code was exchanged %d times", exchanged)
		}
	})
}
