package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

func TestHostsAreReadAndWrittenAlike(t *testing.T) {
	for text, want := range map[string]wallet.Host{
		"shop.example":              {Host: "shop.example"},
		"https://shop.example/pay":  {Protocol: "https", Host: "shop.example", Path: "/pay"},
		"*.shop.example:*":          {Host: "shop.example", AnySubdomain: true, AnyPort: true},
		"http://localhost:8080/a/b": {Protocol: "http", Host: "localhost", Port: 8080, Path: "/a/b"},
		"https://[::1]:443/x":       {Protocol: "https", Host: "[::1]", Port: 443, Path: "/x"},
		"[::1]":                     {Host: "[::1]"},
		"shopapp:///paid":           {Protocol: "shopapp", Path: "/paid"},
	} {
		got, err := parseHost(text)
		if err != nil || got != want {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
		if back := hostText(got); back != text {
			t.Errorf("%s is written as %s", text, back)
		}
	}
	for _, text := range []string{"", "shop.example:x", "shop.example:0", "shop.example:-1", "javascript://x", "https://", "a b", "*.com", "shop.example/../x"} {
		var refused *wallet.Error
		if h, err := parseHost(text); !errors.As(err, &refused) || refused.Properties["hosts"] == nil {
			t.Errorf("%q is read as %+v, %v", text, h, err)
		}
	}
}

func TestRightsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"14471:balance,statements": "{14471 [balance statements]}", "14471": "{14471 []}", "14471:": "{14471 []}",
	} {
		if got, err := parseRight(text); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x:balance", "0:balance", "-1", "14471:all"} {
		if got, err := parseRight(text); err == nil {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}

func TestSpansAreHoursAndDays(t *testing.T) {
	for text, want := range map[string]string{"720h": "30d", "30d": "30d", "1.5d": "36h0m0s", "90m": "1h30m0s", "0": "0s"} {
		var s span
		if err := s.Set(text); err != nil || s.String() != want {
			t.Errorf("%s is %s, %v", text, s.String(), err)
		}
	}
	for _, text := range []string{"", "30", "-1h", "-1d", "d", "1e9d"} {
		var s span
		if err := s.Set(text); err == nil {
			t.Errorf("%s is %s", text, s.String())
		}
	}
}

func TestPagesDoNotMoveTheCursor(t *testing.T) {
	var p page
	p.table([]string{"ID", "TITLE"}, [][]string{{"7", "Shop\x1b[2J\ttab\nline\u202e"}, {"1234", ""}})
	p.fields("title", "a\x07b", "none", "", "long name", "c")
	want := "ID    TITLE\n7     Shop?[2J?tab?line?\n1234  -\ntitle      a?b\nlong name  c\n"
	if p.text.String() != want {
		t.Errorf("the page is\n%q, want\n%q", p.text.String(), want)
	}
}

// A flag that fills a part of an address or an identity is found by the part's name.
func TestRefusalsNameTheFlagsOfPersons(t *testing.T) {
	v := &verb{flags: newUserUpdate(&program{}).Flags()}
	for field, want := range map[string]string{
		"address.country": "--country", "address.post_index": "--post-index", "address": "--country", "identity.name": "--name",
		"identity.code": "--person-code-stdin", "identity.nationality": "--nationality", "pep": "--pep-file", "dob": "--dob",
		"identification_level": "--identification-level", "default_currency": "--default-currency", "administrators": "--administrator",
	} {
		if got := v.flagOf(field); got != want {
			t.Errorf("%s is filled by %s, want %s", field, got, want)
		}
	}
	if got := (&verb{flags: newPlace(&program{}).Flags()}).flagOf("address"); got == "--country" {
		t.Error("a place has a country")
	}
}

// Settings reach the use cases, whichever way they come.
func TestLifetimesOfTokensAreSettings(t *testing.T) {
	for _, tc := range []struct {
		env             map[string]string
		args            []string
		access, refresh time.Duration
	}{
		{nil, nil, time.Hour, 90 * 24 * time.Hour},
		{map[string]string{"PURSER_ACCESS_TOKEN_LIFETIME": "5m"}, []string{"--refresh-token-lifetime", "7d"}, 5 * time.Minute, 7 * 24 * time.Hour},
	} {
		p := &program{env: func(name string) string { return tc.env[name] }, now: time.Now}
		s, command := &server{program: p}, &cobra.Command{}
		settings(p, command, &s.config, s.config.common)
		if err := errors.Join(command.ParseFlags(tc.args), command.PreRunE(command, nil), s.openLog(io.Discard, true)); err != nil {
			t.Fatal(err)
		}
		uses, db, err := s.openService(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "purser.db"), wallettest.KEK, false)
		if err != nil {
			t.Fatal(err)
		}
		if uses.AccessTokenLifetime != tc.access || uses.RefreshTokenLifetime != tc.refresh {
			t.Errorf("tokens live for %v and %v, want %v and %v", uses.AccessTokenLifetime, uses.RefreshTokenLifetime, tc.access, tc.refresh)
		}
		if err := errors.Join(db.Close(), s.close()); err != nil {
			t.Error(err)
		}
	}
}

// A refusal names the flags, each field on its own line; with --json it is the answer.
func TestRefusalsNameFlags(t *testing.T) {
	v := &verb{program: &program{out: io.Discard}, flags: pflag.NewFlagSet("x", pflag.ContinueOnError)}
	for _, name := range []string{"permission", "location", "wallet-right", "main-project", "wallet"} {
		v.flags.String(name, "", "")
	}
	v.flags.String("title", "", "")
	v.flags.Lookup("title").Hidden = true
	refused := wallet.FieldErrors{}
	for _, field := range []string{"permissions", "base_location", "permissions_to_wallets", "main_project", "wallet_id", "title", "other"} {
		refused.Refuse(field, "no")
	}
	want := "7 things were refused, and nothing was done:\n  --location: no\n  --main-project: no\n  --permission: no\n  --wallet-right: no\n  --wallet: no\n  other: no\n  title: no"
	if got := v.refused(fmt.Errorf("wrapped: %w", refused.Err())); got.Error() != want {
		t.Errorf("got %q, want %q", got, want)
	}
	plain := errors.New("no answer")
	if got := v.refused(plain); got != plain {
		t.Errorf("another error becomes %v", got)
	}
	if got := v.refused(&operatorError{Code: wallet.NotFound, Description: "There is none."}); got.Error() != "There is none." {
		t.Errorf("a refusal without fields becomes %q", got)
	}
	var out bytes.Buffer
	v.json, v.out = true, &out
	if got := v.refused(wallet.FieldError("title", "<no>")); got != exitStatus(1) {
		t.Errorf("with --json it ends with %v", got)
	}
	if !strings.Contains(out.String(), `"error": "invalid_parameters"`) || !strings.Contains(out.String(), `"<no>"`) {
		t.Errorf("with --json it writes %s", out.String())
	}
}

// A newer command line may ask an older server for what it does not know, which must not be passed
// over. Whoever calls is known by name.
func TestVerbsTakeNothingTheyDoNotKnow(t *testing.T) {
	mux := http.NewServeMux()
	handleVerb(mux, "thing/do", func(_ context.Context, c wallet.Caller, q idQuery) (string, error) {
		return fmt.Sprint(c.Kind, c.From.Agent, c.From.Address, q.ID), nil
	})
	call := func(name string, in any) (out string, err error) {
		o := &operatorClient{http: &http.Client{Transport: inProcess{mux}}, name: name}
		return out, o.call(context.Background(), "/thing/do", in, &out)
	}
	if got, err := call("ona & \x00jonas ščiū", idQuery{7}); err != nil || got != fmt.Sprint(wallet.Operator, "ona & \x00jonas ščiū", "local", 7) {
		t.Errorf("it answers %q, %v", got, err)
	}
	if got, err := call(strings.Repeat("ū", 100)+"\xff", idQuery{7}); err != nil || !strings.Contains(got, strings.Repeat("ū", maxOperatorName)+"local") {
		t.Errorf("a long name is %q, %v", got, err)
	}
	var refused *operatorError
	if _, err := call("ona", map[string]any{"id": 7, "apply": true}); !errors.As(err, &refused) || refused.Code != wallet.InvalidRequest {
		t.Errorf("an unknown field is answered with %v", err)
	}
}

// Whatever a command is given too much or too little of, it says so in a sentence.
func TestArgumentsAreRefusedInASentence(t *testing.T) {
	var look func(command *cobra.Command)
	look = func(command *cobra.Command) {
		for _, child := range command.Commands() {
			look(child)
		}
		for n := range 6 {
			args := slices.Repeat([]string{"x"}, n)
			if err := command.ValidateArgs(args); err != nil && strings.TrimSpace(err.Error()) == "" {
				t.Errorf("%s with %d arguments: %q", command.CommandPath(), n, err)
			}
		}
	}
	look(newRoot(&program{env: func(string) string { return "" }}))
}

// Every verb of the operator has --json and shows where the data is, and what destroys has --apply.
func TestVerbsHaveTheirFlags(t *testing.T) {
	applies := map[string]bool{
		"client update": true, "client retire": true, "client revoke": true, "ca init": true, "certificate revoke": true,
		"wallet credit": true, "wallet debit": true, "user update": true, "user limit": true, "user revoke-app": true, "project update": true,
	}
	for _, root := range []*cobra.Command{newUser(&program{}), newProject(&program{}), newInbox(&program{}), newClient(&program{}), newCA(&program{}), newCertificate(&program{}), newExplain(&program{}), newAudit(&program{}), newOnboard(&program{}), newWallet(&program{})} {
		commands := root.Commands()
		if len(commands) == 0 {
			commands = []*cobra.Command{root}
		}
		for _, command := range commands {
			for _, flag := range []string{"json", "data", "kek-file"} {
				if f := command.Flags().Lookup(flag); f == nil || f.Hidden {
					t.Errorf("%s has no --%s", command.CommandPath(), flag)
				}
			}
			if f := command.Flags().Lookup("listen"); f == nil || !f.Hidden {
				t.Errorf("%s shows --listen, or does not take it from the settings' file", command.CommandPath())
			}
			if applies[command.CommandPath()] && command.Flags().Lookup("apply") == nil {
				t.Errorf("%s has no --apply", command.CommandPath())
			}
			if command.Short == "" {
				t.Errorf("%s says nothing of itself", command.CommandPath())
			}
		}
	}
}

// For every kind of grant there is a command, or a sentence that says why there is none.
func TestEveryGrantHasItsCommand(t *testing.T) {
	private := &wallet.Client{ID: 7, Type: wallet.PrivateClient, Projects: []int64{1221}}
	device := &wallet.Client{ID: 8, Type: wallet.AppClient, Projects: []int64{1221}}
	for _, c := range []struct {
		grant        wallet.Grant
		client       *wallet.Client
		command, say string
	}{
		{wallet.Grant{Kind: wallet.GrantPermission, Name: "access_statements"}, private, "purser client update 7 --grant access_statements", ""},
		{wallet.Grant{Kind: wallet.GrantPermission, Name: "access_statements"}, device, "purser client update 8 --grant access_statements", ""},
		{wallet.Grant{Kind: wallet.GrantProject, ID: 1222}, private, "purser client update 7 --attach 1222", ""},
		{wallet.Grant{Kind: wallet.GrantProject}, private, "", "`purser client update 7 --attach PROJECT`"},
		{wallet.Grant{Kind: wallet.GrantWalletRight, Name: "balance", ID: 14471}, private, "purser client update 7 --wallet-right 14471:balance", ""},
		{wallet.Grant{Kind: wallet.GrantScope, Name: "projects"}, private, "", "The user whose token it is has to agree"},
		{wallet.Grant{Kind: wallet.GrantScope, Name: "projects", ID: 1234}, private, "", "User 1234 has to agree to the scope projects"},
	} {
		got := needOf(c.grant, c.client)
		if got.Command != c.command || !strings.Contains(got.Hint, c.say) || (got.Command == "") != (got.Hint != "") {
			t.Errorf("%+v of client %d is %+v", c.grant, c.client.ID, got)
		}
	}
}

// What an edit gives and takes is told, and what it becomes is a whole list.
func TestEditsAddAndTakeAway(t *testing.T) {
	now := &wallet.Client{
		ID: 7, Title: "Shop", Type: wallet.PrivateClient, Permissions: []wallet.Permission{"use_oauth_api", "use_wallet_api"},
		Projects: []int64{1221, 1222}, MainProject: 1221, Hosts: []wallet.Host{{Host: "shop.example"}},
		WalletRights: []wallet.WalletRight{{WalletID: 5, Scopes: []wallet.Scope{"balance", "statements"}}, {WalletID: 6, Scopes: []wallet.Scope{"balance"}}},
	}
	main, title, hosts, permissions := int64(0), "New", []string{"*.shop.example"}, []string{"use_wallet_api"}
	for name, c := range map[string]struct {
		edit         clientEdit
		gives, takes string
	}{
		"nothing":            {clientEdit{}, "[]", "[]"},
		"a title":            {clientEdit{Title: &title}, `[the title "New"]`, "[]"},
		"what is there":      {clientEdit{Grant: []string{"use_oauth_api"}, Attach: []int64{1221}}, "[]", "[]"},
		"another permission": {clientEdit{Grant: []string{"accept_with_pin"}}, "[the permission accept_with_pin]", "[]"},
		"a whole list":       {clientEdit{Permissions: &permissions}, "[]", "[the permission use_oauth_api]"},
		"a project less":     {clientEdit{Detach: []int64{1222}, MainProject: &main}, "[]", "[project 1222 the main project 1221]"},
		"other hosts":        {clientEdit{Hosts: &hosts}, "[the host *.shop.example]", "[the host shop.example]"},
		"no hosts":           {clientEdit{Hosts: &[]string{""}}, "[]", "[the host shop.example]"},
		"one right":          {clientEdit{WithdrawRights: []walletRight{{5, []string{"statements"}}}}, "[]", "[the right statements on wallet 5]"},
		"all on a wallet":    {clientEdit{WithdrawRights: []walletRight{{5, nil}}}, "[]", "[the right balance on wallet 5 the right statements on wallet 5]"},
		"a right more": {clientEdit{WalletRights: []walletRight{{6, []string{"balance", "statements"}}, {9, []string{"balance"}}}},
			"[the right statements on wallet 6 the right balance on wallet 9]", "[]"},
	} {
		change, err := c.edit.change(now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		gives, takes := c.edit.differences(clientToAnswer(now), change)
		if fmt.Sprint(gives) != c.gives || fmt.Sprint(takes) != c.takes {
			t.Errorf("%s gives %v and takes %v", name, gives, takes)
		}
	}
	other := int64(1300)
	if got := (clientEdit{MainProject: &other}).projects(now); got == nil || fmt.Sprint(*got) != "[1221 1222 1300]" {
		t.Errorf("another main project makes %v", got)
	}
	if got := (clientEdit{MainProject: &other}).projects(&wallet.Client{Type: wallet.Application, Projects: []int64{1221}}); got == nil || fmt.Sprint(*got) != "[1300]" {
		t.Errorf("another project of an application makes %v", got)
	}
	if _, err := (clientEdit{Withdraw: []string{"fly"}}).change(now); err == nil {
		t.Error("what is no permission is withdrawn")
	}
	if len(now.Permissions) != 2 || len(now.Projects) != 2 || len(now.WalletRights[0].Scopes) != 2 {
		t.Errorf("the client itself is changed: %+v", now)
	}
}

// The dialogue asks for what no flag said, with what is usual in brackets, and again when it must.
func TestTheDialogue(t *testing.T) {
	none := func(string) bool { return false }
	var o onboarding
	var out strings.Builder
	answers := "Ona\nrobot\ncompany\n\nona at home\nona@example.com\nOna's Books & Maps\n\n\nTill\n\n"
	if err := o.complete(none, newDialogue(context.Background(), strings.NewReader(answers)), &out); err != nil {
		t.Fatal(err)
	}
	want := onboarding{
		Owner: "Ona", OwnerType: "company", Email: "ona@example.com", Project: "Ona's Books & Maps", Title: "Till", Type: "private_client",
		useCase: "shop", profile: "ona-s-books-maps",
	}
	o.Permissions = nil
	if fmt.Sprintf("%+v", o) != fmt.Sprintf("%+v", want) {
		t.Errorf("it understood %+v", o)
	}
	for _, part := range []string{"Person or company [person]: Answer person, company.\nPerson or company [person]: ", "mail address: The owner's e-mail address: That must be an e-mail address, such as ona@example.com.\nThe owner's e-mail address: ", "Its description, which may stay empty: ", "Title of the client [Shop back end]: "} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("it did not ask %q in\n%s", part, out.String())
		}
	}
	if err := (&onboarding{}).complete(none, newDialogue(context.Background(), strings.NewReader("Ona\n")), io.Discard); err == nil || !strings.Contains(err.Error(), "there was no answer for --email, and nothing was done") {
		t.Errorf("an end of input is %v", err)
	}
	some := func(flag string) bool { return flag == "owner" || flag == "email" || flag == "project" }
	o = onboarding{Owner: "Ona", Email: "ona@example.com", Project: "Books"}
	if err := o.complete(some, newDialogue(context.Background(), strings.NewReader("")), nil); err != nil || o.profile != "books" || o.Title != "Shop back end" {
		t.Errorf("with all that is needed in flags it still asks: %v, %+v", err, o)
	}
	if err := (&onboarding{}).complete(none, nil, nil); err == nil || err.Error() != "answer with --owner, --email, --project; on a terminal the command asks" {
		t.Errorf("with nobody to ask: %v", err)
	}
}

// What each use case grants is something that its type of client can hold and use.
func TestUseCasesFit(t *testing.T) {
	for _, u := range useCases {
		for _, p := range u.permissions {
			if p.Meaning() == "" {
				t.Errorf("%s grants %s, which is not a permission", u.name, p)
			}
		}
		client := wallet.Caller{Kind: wallet.ByClient, Client: &wallet.Client{ID: 1, Type: u.kind, Permissions: u.permissions, Projects: []int64{1}}}
		action := wallet.ReadProject
		if u.kind == wallet.Application {
			action = wallet.RegisterDevice
		}
		if d := wallet.May(client, action, wallet.Subject{Project: &wallet.Project{ID: 1}}); !d.Allowed {
			t.Errorf("%s may not do what it is for: %v", u.name, d.Err())
		}
	}
}

// Answers of lists and details hold no secret, whatever a client holds: their types have no place for
// one.
func TestAnswersHaveNoPlaceForSecrets(t *testing.T) {
	at := time.Date(2026, 11, 21, 7, 0, 0, 123, time.FixedZone("EET", 7200))
	c := clientToAnswer(&wallet.Client{ID: 7, MACID: "Shop1", Type: wallet.PrivateClient, CreatedAt: at})
	c.Keys = keysToAnswer([]wallet.ClientKey{{Number: 1, CreatedAt: at, LastUse: wallet.Use{At: at, Address: "127.0.0.1"}}, {Number: 2, ExpiresAt: at}}, at)
	text, err := json.Marshal(c)
	want := `{"id":7,"mac_id":"Shop1","title":"","type":"private_client","status":"active","projects":[],"permissions":[],"hosts":[],"wallet_rights":[],` +
		`"created_at":"2026-11-21T05:00:00Z","keys":[{"number":1,"status":"good","created_at":"2026-11-21T05:00:00Z",` +
		`"last_use":{"at":"2026-11-21T05:00:00Z","address":"127.0.0.1","agent":""}},{"number":2,"status":"expired","created_at":"0001-01-01T00:00:00Z","expires_at":"2026-11-21T05:00:00Z"}]}`
	if err != nil || string(text) != want {
		t.Errorf("the answer is\n%s, want\n%s (%v)", text, want, err)
	}
	if status := clientToAnswer(&wallet.Client{RevokedAt: at}).Status; status != string(service.ClientRevoked) {
		t.Errorf("a revoked client is %s", status)
	}
}

// Who stops the program at a question ends it, and nothing is done.
func TestQuestionsCanBeInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	silent, typing := io.Pipe()
	defer typing.Close()
	time.AfterFunc(10*time.Millisecond, stop)
	err := (&onboarding{}).complete(func(string) bool { return false }, newDialogue(ctx, silent), io.Discard)
	if !errors.Is(err, errInterrupted) {
		t.Errorf("the dialogue ends with %v", err)
	}
	var said strings.Builder
	p := &program{in: silent, out: io.Discard, err: &said, env: func(string) string { return "" }}
	if code := run(ctx, []string{"profile", "add", "x", "--base-url", "https://wallet.example", "--id", "a"}, p); code != interrupted || said.String() != "\npurser: nothing was done\n" {
		t.Errorf("adding a profile ends with %d, %q", code, said.String())
	}
}

// A proposed command names the data as the command line did, without a password.
func TestProposedCommandsNameTheData(t *testing.T) {
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	new(config).common(flags)
	flags.String("database", "", "")
	if err := flags.Parse([]string{"--data", "it's here", "--database", "postgres://ona:secret@db/purser?password=other&sslmode=disable"}); err != nil {
		t.Fatal(err)
	}
	v := &verb{reachGiven: reachGiven(flags)}
	want := `See ` + "`purser client show 7 --data 'it'\\''s here' --database 'postgres://ona:xxxxx@db/purser?password=xxxxx&sslmode=disable'`, or `purser mac explain`."
	if got := v.proposed("See `purser client show 7`, or `purser mac explain`."); got != want {
		t.Errorf("it proposes %s", got)
	}
	for _, address := range []string{"sqlite:a b.db", "postgres://purser@/postgres?host=/tmp/mypg"} {
		if got := withoutPassword(address); got != address {
			t.Errorf("%s becomes %s", address, got)
		}
	}
}
