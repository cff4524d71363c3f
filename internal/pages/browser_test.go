package pages_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// The shop of the sample world sends people here, and takes them back there.
const shopsPage = "https://shop.example/pay/back?order=7"

// shopAsks is the address that the shop sends a browser to.
func shopAsks(s *wallettest.Server, scope string) string {
	return s.URL + "/frontend/en/oauth?" + url.Values{
		"response_type": {"code"}, "client_id": {"wkVd93h2uS"}, "redirect_uri": {shopsPage}, "scope": {scope}, "state": {"a b&c"},
	}.Encode()
}

// shopCalls is a call that the shop signs for itself at the token endpoint.
func shopCalls(t *testing.T, s *wallettest.Server, form url.Values) walletapi.Token {
	t.Helper()
	answer := s.Send("shop", http.MethodPost, "/oauth/v1/token", wallettest.Form(form.Encode()))
	if answer.Status != http.StatusOK {
		t.Fatalf("the token endpoint answers %d %s", answer.Status, answer.Body)
	}
	var token walletapi.Token
	answer.Decode(&token)
	return token
}

func signedBy(token walletapi.Token) wallettest.Option {
	return wallettest.SignedBy(walletapi.MAC{ID: token.AccessToken, Secret: token.MACKey})
}

var (
	sixDigits   = regexp.MustCompile(`\b[0-9]{6}\b`)
	bothProject = regexp.MustCompile(`"id":1221,.*"id":1222,`)
)

// A person's whole way, in a real browser without JavaScript. Jonas comes from the shop, has no account, registers, takes the code
// from the sandbox's inbox, signs in, accepts John's invitations to two projects, reads what the shop asks for and allows it. The
// shop exchanges the code, sees both projects, refreshes; Jonas takes it back on the page of programs, and the shop is refused.
func TestAPersonsWholeWayInABrowser(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := wallettest.NewServer(t, address)
		b := wallettest.NewBrowser(t, wallettest.WithoutJavaScript())
		b.Open(shopAsks(s, "projects balance_optional email"))
		b.Follow("Create an account")
		b.Fill("Your name", "Jonas Jonaitis")
		b.Fill("E-mail address or phone number", "jonas@example.com")
		b.Fill("New password", "seven kind otters")
		b.Press("Create the account")
		b.See("Enter the code")
		enterCode := b.URL()

		b.Open(s.URL + "/frontend/en/inbox")
		code := sixDigits.FindString(b.Text())
		b.Open(enterCode)
		b.Fill("Code", code)
		b.Press("Confirm")
		b.See("Thank you, that is confirmed.")
		b.Fill("E-mail address or phone number", "jonas@example.com")
		b.Fill("Password", "seven kind otters")
		b.Press("Sign in")

		b.See("May Back end of the store act for you?")
		b.See("My E-Commerce Store")
		b.See("John's Company Ltd")
		b.See("Jonas Jonaitis")
		for _, scope := range []wallet.Scope{wallet.ScopeProjects, wallet.ScopeBalance, wallet.ScopeEmail} {
			b.See(scope.Meaning())
		}
		asked := b.URL()
		acceptInvitations(t, s, b)
		b.Open(asked)
		b.Press("Allow")
		landed := b.LandedAt("https://shop.example/pay/back")
		back, err := url.Parse(landed)
		if err != nil || back.Query().Get("state") != "a b&c" || back.Query().Get("order") != "7" || back.Query().Get("code") == "" {
			t.Fatalf("the shop gets Jonas back at %s", landed)
		}

		token := shopCalls(t, s, url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {shopsPage}})
		projects := s.Send(wallettest.Anonymous, http.MethodGet, "/rest/v1/user/me/projects", signedBy(token))
		if projects.Status != http.StatusOK || !bothProject.MatchString(projects.Body) {
			t.Fatalf("Jonas' projects are %d %s", projects.Status, projects.Body)
		}
		token = shopCalls(t, s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}})
		if again := s.Send(wallettest.Anonymous, http.MethodGet, "/rest/v1/user/me/projects", signedBy(token)); again.Body != projects.Body {
			t.Fatalf("after refreshing they are %d %s", again.Status, again.Body)
		}

		b.Open(s.URL + "/frontend/en/apps")
		b.See("Back end of the store")
		b.Press("Take everything back")
		b.See("The program may no longer act for you.")
		b.See("None at the moment.")
		if refused := s.Send(wallettest.Anonymous, http.MethodGet, "/rest/v1/user/me/projects", signedBy(token)); refused.Status != http.StatusUnauthorized {
			t.Errorf("the shop is still answered %d %s", refused.Status, refused.Body)
		}
		if errors := b.ConsoleErrors(); len(errors) > 0 {
			t.Errorf("the browser complains: %s", strings.Join(errors, "\n"))
		}
	})
}

// acceptInvitations has John ask Jonas to administer one project after the other, and Jonas accept on the account page.
func acceptInvitations(t *testing.T, s *wallettest.Server, b *wallettest.Browser) {
	t.Helper()
	john := wallet.Caller{Kind: wallet.ByPerson, Person: 1234}
	for project, title := range map[int64]string{1221: "My E-Commerce Store", 1222: "My Second Project"} {
		if _, err := s.Service.InviteAdministrator(ctx, john, project, "jonas@example.com"); err != nil {
			t.Fatal(err)
		}
		b.Open(s.URL + "/frontend/en/account")
		b.See("asks you to administer " + title + ".")
		b.Press("Accept")
		b.See("You administer the project now.")
	}
}

// The user's no goes back to the shop as well, in Lithuanian, with JavaScript on.
func TestRefusingInABrowser(t *testing.T) {
	s := wallettest.NewServer(t, "sqlite:"+t.TempDir()+"/purser.db")
	b := wallettest.NewBrowser(t)
	b.Open(strings.Replace(shopAsks(s, "balance"), "/en/", "/lt/", 1))
	b.Fill("El. pašto adresas arba telefono numeris", "paula@example.com")
	b.Fill("Slaptažodis", "paulas-password")
	b.Press("Prisijungti")
	b.See("Back end of the store")
	b.Press("Neleisti")
	landed := b.LandedAt("https://shop.example/pay/back")
	if !strings.Contains(landed, "error=access_denied") || strings.Contains(landed, "code=") {
		t.Errorf("the shop gets Paula back at %s", landed)
	}
	if errors := b.ConsoleErrors(); len(errors) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(errors, "\n"))
	}
}
