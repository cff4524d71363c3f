package pages_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

const (
	back  = "https://stall.example/back?from=pages"
	state = `a b+c/ü&"';%00`
)

// ask is the address that a client sends a browser to.
func ask(client, scope string, more ...string) string {
	query := fields("response_type", "code", "client_id", client, "redirect_uri", back, "scope", scope, "state", state)
	for i := 0; i+1 < len(more); i += 2 {
		query.Set(more[i], more[i+1])
		if more[i+1] == "" {
			query.Del(more[i])
		}
	}
	return "/frontend/oauth?" + query.Encode()
}

// returned takes an address apart that a browser was sent back to.
func (a *answer) returned() url.Values {
	a.t.Helper()
	u, err := url.Parse(a.leads("https://stall.example/back?from=pages&…"))
	if err != nil {
		a.t.Fatal(err)
	}
	query := u.Query()
	if got := query.Get("state"); got != state {
		a.t.Errorf("the state came back as %q", got)
	}
	return query
}

// tokens exchanges a code as the client does.
func (w world) tokens(client, code string) service.Tokens {
	w.t.Helper()
	issued, err := w.IssueTokens(ctx, w.by(client), service.TokenRequest{Grant: service.AuthorizationCodeGrant, Code: secret.Text(code), RedirectURI: back})
	if err != nil {
		w.t.Fatal(err)
	}
	return issued
}

// Somebody new comes from a client, registers, signs in, agrees, and is back at the client with a code that
// works and the state as it was.
func TestFromAClientAndBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		in := b.get(ask(stall, "email balance_offline statements_optional")).leads("/frontend/sign-in?next=%2Ffrontend%2Foauth%3F…")
		b.get(in).shows(200, "Sign in")
		register := strings.Replace(in, "/sign-in?", "/register?", 1)
		if got := b.at.link("/register"); got != register {
			t.Errorf("the way to register is %s, want %s", got, register)
		}
		confirm := b.post(register, "display_name", "Jonas", "contact", "jonas@example.com", "password", newPassword).leads("/frontend/confirm/…")
		in = b.post(confirm, "code", w.code("jonas@example.com")).leads("/frontend/sign-in?notice=confirmed&next=…")
		consent := b.post(in, "contact", "jonas@example.com", "password", newPassword).leads(ask(stall, "email balance_offline statements_optional"))

		page := b.get(consent).shows(200, "May <Stall> shop act for you?", "Stall & Co, a project of Ona Onaitė", "Jonas (jonas@example.com)", "Not you?",
			"how much money is in your wallets also when you are not there, until you take it back", "your e-mail address",
			"all that came into and went out of your wallets (you choose)").hides("<Stall>", ">balance")
		page.has(`<input type="checkbox" name="share" value="statements_optional" checked>`)
		if n := strings.Count(page.Body, "checkbox"); n != 1 {
			t.Errorf("there are %d things to choose", n)
		}
		if got := page.Header.Get("Content-Security-Policy"); !strings.Contains(got, "; form-action 'self' https:; ") {
			t.Errorf("the policy is %q", got)
		}
		query := b.post(consent, "person", page.value("person"), "answer", "allow", "share", "statements_optional").returned()
		if w.tokens(stall, query.Get("code")).Access == "" {
			t.Error("the code is worth nothing")
		}
		b.get("/frontend/apps").shows(200, "<Stall> shop", "Since 2026-11-21.", "all that came into and went out of your wallets").hides("Not shared")
	})
}

// What is optional and not ticked is not shared, until the user shares it on the page of programs.
func TestWhatIsNotTickedIsNotShared(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("lt", onasEmail, onasPassword)
		consent := ask(stall, "email phone_optional address_offline_optional")
		page := b.get(consent).shows(200, "Jūsų el. pašto adresas", "taip pat ir tada, kai Jūsų nėra", "(pasirenkate Jūs)")
		b.post(consent, "person", page.value("person"), "answer", "allow", "share", "address_offline_optional", "share", "email", "share", "balance").returned()
		consented := func() (scopes, declined string) {
			apps, err := w.ListGrantedApps(ctx, wallet.Caller{Kind: wallet.ByPerson, Person: 1})
			if err != nil || len(apps) != 1 {
				t.Fatal(apps, err)
			}
			return wallet.ScopeNames(apps[0].Scopes), wallet.ScopeNames(apps[0].Declined)
		}
		if scopes, declined := consented(); scopes != "address_offline_optional email phone_optional" || declined != "phone_optional" {
			t.Errorf("agreed to %q but for %q", scopes, declined)
		}
		apps := b.get("/frontend/apps").shows(200, "Nesidalijama: Jūsų telefono numeris")
		id := strings.Split(strings.SplitAfter(apps.Body, `action="/frontend/apps/`)[1], "/")[0]
		b.post("/frontend/apps/"+id+"/share", "scope", "balance").shows(404)
		b.post("/frontend/apps/"+id+"/share", "scope", "nothing").shows(400)
		b.post("/frontend/apps/"+id+"/share", "scope", "phone_optional").leads("/frontend/apps?notice=shared")
		b.get("/frontend/apps?notice=shared").shows(200, "Pasidalyta.").hides("Nesidalijama")
		if _, declined := consented(); declined != "" {
			t.Errorf("%q is still declined", declined)
		}
		w.signedIn("lt", ritasPhone, ritasPassword).post("/frontend/apps/" + id + "/revoke").leads("/frontend/apps?notice=revoked")
		consented()
		b.post("/frontend/apps/" + id + "/revoke").leads("/frontend/apps?notice=revoked")
		b.get("/frontend/apps").shows(200, "Šiuo metu tokių nėra.")
	})
}

// A no is told to the client, with the state.
func TestARefusalIsToldToTheClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		consent := ask(stall, "email")
		query := b.post(consent, "person", b.get(consent).value("person"), "answer", "refuse").returned()
		if query.Get("error") != "access_denied" || query.Get("code") != "" {
			t.Errorf("the client is told %v", query)
		}
		b.get("/frontend/apps").shows(200, "None at the moment.")
		// Pressing neither button is no answer, and the answer of one person is not another's.
		b.post(consent, "person", "1").leads(consent)
		b.post(consent, "answer", "allow").leads(consent)
		b.post("/frontend/sign-in", "contact", ritasPhone, "password", ritasPassword).leads("/frontend/account")
		b.post(consent, "person", "1", "answer", "allow").leads(consent)
		b.get("/frontend/apps").shows(200, "None at the moment.")
	})
}

// Data that is asked for and missing is asked of the user on the page, kept, and then in their profile.
func TestMissingDataIsAskedForOnThePage(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		consent := ask(stall, "address dob gender full_name identity email_optional")
		page := b.get(consent).shows(200, "What is missing", "Date of birth", "Gender", "Street and house", "Surname", "Nationality", "Person code")
		if strings.Count(page.Body, `name="identity.name"`) != 1 {
			t.Error("the name is asked for twice")
		}
		person := page.value("person")
		page = b.post(consent, "person", person, "answer", "allow", "dob", "1990-02-30", "identity.name", "Ona").shows(400, "This is needed.")
		for field, wants := range map[string]bool{"identity.surname": true, "identity.nationality": true, "gender": true, "address.city": true, "identity.name": false, "dob": false} {
			if (page.mistake(field) != "") != wants {
				t.Errorf("%s is answered %q", field, page.mistake(field))
			}
		}
		if page.value("dob") != "1990-02-30" || page.value("identity.name") != "Ona" || strings.Contains(page.Body, "checked") {
			t.Error("what was typed, or not ticked, is lost")
		}
		filled := []string{"person", person, "answer", "allow", "dob", "1990-02-30", "gender", "female", "address.country", "LT", "address.city", "Vilnius",
			"address.street", "Gedimino pr. 9", "identity.name", "Ona", "identity.surname", "Onaitė", "identity.nationality", "Lietuva", "identity.code", "39001010000"}
		page = b.post(consent, filled...).shows(400, "Write a date", "Write the two letters of the country")
		if page.mistake("dob") == "" || page.mistake("identity.nationality") == "" {
			t.Errorf("the mistakes are not beside their fields: %s", page.main())
		}
		filled[slices.Index(filled, "1990-02-30")], filled[slices.Index(filled, "Lietuva")] = "1990-02-28", "lt"
		b.post(consent, filled...).returned()
		u, err := w.InspectUser(ctx, operator, 1)
		if err != nil {
			t.Fatal(err)
		}
		if u.DateOfBirth != "1990-02-28" || u.Gender != wallet.Female || u.Address.City != "Vilnius" || u.Identity.Surname != "Onaitė" || u.Identity.Code != "39001010000" {
			t.Errorf("the profile is %+v", u.User)
		}
		b.get(consent).shows(200).hides("What is missing")
	})
}

// Whom the operator has identified is asked for nothing that they could not fill in: who they are is not theirs to say any more.
func TestAnIdentifiedPersonIsNotAskedWhoTheyAre(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		identity, level := wallet.Identity{Name: "Ona", Surname: "Onaitė"}, wallet.SemiIdentified
		if _, err := w.UpdateUser(ctx, operator, 1, service.UserChange{Identity: &identity, Level: &level}, true); err != nil {
			t.Fatal(err)
		}
		b := w.signedIn("en", onasEmail, onasPassword)
		consent := ask(stall, "identity full_name")
		page := b.get(consent).shows(200, "May <Stall> shop act for you?").hides("What is missing", "Nationality")
		b.post(consent, "person", page.value("person"), "answer", "allow").returned()
	})
}

// An e-mail address or a phone that is missing is added with a code, and leads back.
func TestAMissingContactIsAddedFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", ritasPhone, ritasPassword)
		consent := ask(stall, "email phone")
		page := b.get(consent).shows(200, "First, how to reach you", "your e-mail address").hides(">Allow<", `name="phone"`)
		person := page.value("person")
		if b.post(consent, "person", person, "answer", "email", "email", "37060077777", "password", ritasPassword).shows(400).mistake("email") == "" {
			t.Error("a phone number is taken for an e-mail address")
		}
		if b.post(consent, "person", person, "answer", "email", "email", "rita@", "password", ritasPassword).shows(400).mistake("email") == "" || b.at.value("email") != "rita@" {
			t.Error("half an address is taken")
		}
		b.post(consent, "person", person, "answer", "allow").leads(consent)
		if b.post(consent, "person", person, "answer", "email", "email", "rita@example.com", "password", "x").shows(400).mistake("password") == "" {
			t.Error("a contact is added without the password")
		}
		confirm := b.post(consent, "person", person, "answer", "email", "email", "rita@example.com", "password", ritasPassword).leads("/frontend/account/confirm/…")
		b.get(confirm).shows(200, "Enter the code").has(`href="/frontend/oauth?`)
		b.post(confirm, "code", w.code("rita@example.com")).leads(consent)
		page = b.get(consent).shows(200, "Rita (rita@example.com)", "Allow").hides("First, how to reach you")
		b.post(consent, "person", page.value("person"), "answer", "allow").returned()

		ona := w.signedIn("en", onasEmail, onasPassword)
		consent = ask(stall, "phone_confirmation")
		page = ona.get(consent).shows(200, "Phone number")
		confirm = ona.post(consent, "person", page.value("person"), "answer", "phone", "phone", "+370 600 88888", "password", onasPassword).leads("/frontend/account/confirm/…")
		ona.post(confirm, "code", w.code("37060088888")).leads(consent)
		ona.post(consent, "person", page.value("person"), "answer", "refuse").returned()
	})
}

// A request that a client has prepared: the address is short, and the e-mail address is filled in. Where the
// client's word is trusted, it needs no code.
func TestAPreparedRequest(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		prepare := func(client, email string) string {
			key, err := w.PrepareAuthorization(ctx, w.by(client), service.AuthorizationRequest{
				ResponseType: "code", RedirectURI: map[string]string{stall: back, phone: "stallapp://done"}[client], Scope: "email", State: state, Email: email})
			if err != nil {
				t.Fatal(err)
			}
			return "/frontend/en/oauth/" + key.Reveal()
		}
		consent := prepare(stall, "jonas@example.com")
		b := w.browser("")
		in := b.get(consent).leads("/frontend/en/sign-in?next=" + url.QueryEscape(consent))
		if got := b.get(in).shows(200).value("contact"); got != "jonas@example.com" {
			t.Errorf("the page to sign in holds %q", got)
		}
		register := "/frontend/en/register?next=" + url.QueryEscape(consent)
		if got := b.get(register).shows(200).value("contact"); got != "jonas@example.com" {
			t.Errorf("the page to register holds %q", got)
		}
		b.post(register, "display_name", "J", "contact", "other@example.com", "password", newPassword).leads("/frontend/en/confirm/…")
		in = b.post(register, "display_name", "J", "contact", "jonas@example.com", "password", newPassword).leads("/frontend/en/sign-in?notice=registered&next=" + url.QueryEscape(consent))
		b.get(in).shows(200, "Your account is ready")
		b.post(in, "contact", "jonas@example.com", "password", newPassword).leads(consent)
		page := b.get(consent).shows(200, "May <Stall> shop act for you?")
		query := b.post(consent, "person", page.value("person"), "answer", "allow").returned()
		w.tokens(stall, query.Get("code"))

		app := prepare(phone, "asta@example.com")
		b.get(app).shows(200, "Stall's app")
		if got := b.at.Header.Get("Content-Security-Policy"); !strings.Contains(got, "form-action 'self' stallapp:;") {
			t.Errorf("the policy is %q", got)
		}
		w.browser("").post("/frontend/en/register?next="+url.QueryEscape(app), "display_name", "A", "contact", "asta@example.com", "password", newPassword).leads("/frontend/en/confirm/…")
		b.post(app, "person", page.value("person"), "answer", "refuse").leads("stallapp://done?error=access_denied&…")
		b.post(app, "person", page.value("person"), "answer", "allow").leads("stallapp://done?code=…")
		// Its project is its only one, on the page of programs as well.
		b.get("/frontend/en/apps").shows(200, "Stall's app It belongs to Stall & Co, a project of Ona Onaitė.")

		b.get("/frontend/en/oauth/nothing").shows(404, "This address is not known, or is too old.")
		w.business.Advance(2 * time.Hour)
		b.get(consent).shows(404, "This address is not known, or is too old.")
		b.get("/frontend/en/sign-in?next=" + url.QueryEscape(consent)).leads(consent)
		w.browser("en").get("/frontend/sign-in?next=" + url.QueryEscape(consent)).shows(200)
	})
}

// Who is not the one who is signed in signs out, and comes back as somebody else.
func TestNotYou(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		consent := ask(stall, "")
		out := "/frontend/sign-out?next=" + url.QueryEscape(consent)
		b.get(consent).shows(200, "only know that it is you")
		if got := b.at.link("/sign-out?"); got != out {
			t.Errorf("the form to sign out leads to %s, want %s", got, out)
		}
		in := b.post(out).leads("/frontend/sign-in?notice=signed-out&next=…")
		b.post(in, "contact", ritasPhone, "password", ritasPassword).leads(consent)
		b.get(consent).shows(200, "You are signed in as Rita ("+ritasPhone+")")
	})
}

// Where the client or its address is wrong, nobody is sent anywhere, signed in or not. What else is wrong, the
// client is told.
func TestWrongRequestsForConsent(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		for _, b := range []*browser{w.browser("en"), w.signedIn("en", onasEmail, onasPassword)} {
			for _, wrong := range [][]string{{"client_id", ""}, {"client_id", "nobody"}, {"client_id", onasEmail}} {
				b.get(ask(stall, "email", wrong...)).shows(404, "The program that sent you here is not known.")
				b.post(ask(stall, "email", wrong...), "person", "1", "answer", "refuse").shows(404)
			}
			for _, address := range []string{"", "https://evil.example/back", "https://stall.example/backdoor", "https://stall.example.evil.example/back",
				"https://stall.example@evil.example/back", "http://stall.example/back", "javascript:alert(1)", "/back", "//stall.example/back", "https://stall.example/back/../x", "stallapp://x"} {
				b.get(ask(stall, "email", "redirect_uri", address)).shows(400, "not among its own")
				b.post(ask(stall, "email", "redirect_uri", address), "person", "1", "answer", "allow").shows(400, "not among its own")
			}
			for code, wrong := range map[string][]string{
				"unsupported_response_type": {"response_type", "token"}, "invalid_scope": {"scope", "everything"}, "invalid_request": {"code_challenge", "short"}, "unauthorized_client": {"client_id", plain},
			} {
				if got := b.get(ask(stall, "email", wrong...)).returned().Get("error"); got != code {
					t.Errorf("%v: the client is told %s", wrong, got)
				}
			}
			if got := b.get(ask(stall, "make_bank_transfers")).returned().Get("error"); got != "invalid_scope" {
				t.Errorf("an extended scope is answered %s", got)
			}
			b.get(ask(stall, "email")+"&client_id=x").shows(400, "said one thing twice")
			b.get(ask(stall, "email")+"&x=%zz").shows(400, "cannot be read")
		}
	})
}

// PKCE goes through the page to the exchange.
func TestAChallengeIsKept(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636
		b := w.signedIn("en", onasEmail, onasPassword)
		consent := ask(stall, "email", "code_challenge", challenge, "code_challenge_method", "S256")
		code := b.post(consent, "person", b.get(consent).value("person"), "answer", "allow").returned().Get("code")
		if _, err := w.IssueTokens(ctx, w.by(stall), service.TokenRequest{Grant: service.AuthorizationCodeGrant, Code: secret.Text(code), RedirectURI: back, Verifier: verifier}); err != nil {
			t.Error(err)
		}
	})
}

// A policy names where a form may lead to: by the scheme, since a client may send people on to another of its hosts.
func TestDestinations(t *testing.T) {
	for address, want := range map[string]string{
		"https://shop.example/pay?x=1":     "https:",
		"HTTPS://Shop.example:8443/":       "https:",
		"http://localhost:3000/cb":         "http:",
		"shopapp://done":                   "shopapp:",
		"com.example.shop://auth/callback": "com.example.shop:",
	} {
		if got := pages.Destination(address); got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
}
