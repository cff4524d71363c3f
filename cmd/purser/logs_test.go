package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/inspect"
	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

// sandboxOf starts a sandbox and returns its world, and what runs a command on it.
func sandboxOf(t *testing.T) (world *sandbox.Manifest, operates func(arguments ...string) string) {
	t.Helper()
	data := shortFolder(t)
	dev := startDev(t, data)
	t.Cleanup(func() { kill(dev) })
	awaitHolder(t, data, dev.Process.Pid)
	awaits(t, "the manifest is there", func() bool {
		var err error
		world, err = sandbox.ReadFile(data)
		return err == nil
	})
	return world, func(arguments ...string) string {
		t.Helper()
		said, err := exec.Command(dev.Path, append(arguments, "--data", data)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", arguments, err, said)
		}
		return string(said)
	}
}

func clientIn(t *testing.T, world *sandbox.Manifest, name string) *walletapi.Client {
	t.Helper()
	id, key, ok := world.Credentials(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return &walletapi.Client{BaseURL: world.BaseURL, Auth: walletapi.MAC{ID: id, Secret: key.Reveal()}, Retry: walletapi.Retry{Attempts: 1}}
}

// Whatever secrets are in requests and in the answers to them, the inspector shows none: neither on the command line nor on the
// page, nor when a request is sent again.
func TestTheInspectorShowsNoSecrets(t *testing.T) {
	world, operates := sandboxOf(t)
	ctx := context.Background()
	shop, device := clientIn(t, world, "shop").InProject(1221), clientIn(t, world, "device")
	token, err := device.IssueToken(ctx, walletapi.TokenRequest{GrantType: walletapi.GrantPassword, Username: "paula@example.com", Password: "paulas-password", Scope: "balance"})
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := device.IssueToken(ctx, walletapi.TokenRequest{GrantType: walletapi.GrantRefreshToken, RefreshToken: token.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	paula := device.WithToken(*renewed, nil)
	if _, err := paula.Balance(ctx, walletapi.Me); err != nil {
		t.Fatal(err)
	}
	made, err := shop.CreatePayment(ctx, walletapi.NewPayment{Price: 100, Currency: "EUR", Description: "Tea"})
	if err != nil {
		t.Fatal(err)
	}
	sold, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{Payments: []walletapi.NewPayment{{ID: made.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	const wrongPIN = "934715"
	if _, err := shop.Reserve(ctx, sold.TransactionKey, walletapi.Reservation{Payer: walletapi.Payer{WalletID: 14471}, PIN: wrongPIN}); err == nil {
		t.Fatal("the PIN is wrong")
	}
	for _, call := range []walletapi.Call{
		{Method: "PUT", Target: "/oauth/v1/tokens/" + renewed.AccessToken + "/activate", Body: []byte(`{"code":"773311"}`)},
		{Method: "DELETE", Target: "/oauth/v1/token?access_token=" + renewed.AccessToken},
	} {
		if _, err := device.Do(ctx, call); err != nil {
			t.Fatal(err)
		}
	}

	shown := operates("logs", "--limit", "1000", "--json")
	var list struct{ Requests []inspect.Record }
	if err := json.Unmarshal([]byte(shown), &list); err != nil || len(list.Requests) < 8 {
		t.Fatalf("%d requests, %v", len(list.Requests), err)
	}
	for _, r := range list.Requests[:2] { // with the tokens in their answers
		shown += operates("logs", "replay", r.ID)
	}
	shown += operates("logs", "--limit", "1000")
	shown += requestsPage(t, world, "/rest/v1/transaction/"+sold.TransactionKey+"/reserve")
	secrets := []string{
		wrongPIN, "773311", "paulas-password", token.AccessToken, token.RefreshToken, token.MACKey, renewed.AccessToken, renewed.RefreshToken, renewed.MACKey,
	}
	for _, c := range world.Clients {
		secrets = append(secrets, c.MACKey)
	}
	for _, secret := range secrets {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	for _, said := range []string{"taken for", "token of user 5678", "***"} {
		if !strings.Contains(shown, said) && !strings.Contains(strings.ToLower(shown), said) {
			t.Errorf("%q is not shown", said)
		}
	}
}

// requestsPage is the page of the sandbox that shows requests, which has this among them.
func requestsPage(t *testing.T, world *sandbox.Manifest, has string) string {
	t.Helper()
	answer, err := http.Get(world.PagesURL + "/en/requests")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 || !strings.Contains(string(page), has) {
		t.Fatalf("the page answers %d, %v: %s", answer.StatusCode, err, page)
	}
	return string(page)
}

// A request is shown as the server saw it, and sent again: under its idempotency key it has its effect once.
func TestTheInspectorSendsARequestAgain(t *testing.T) {
	world, operates := sandboxOf(t)
	shop := clientIn(t, world, "shop").InProject(1221)
	order := walletapi.NewTransaction{Payments: []walletapi.NewPayment{{Price: 100, Currency: "EUR", Description: "Tea & <cake>"}}}
	made, err := shop.CreateTransaction(context.Background(), order)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.Project(context.Background(), 1300); err == nil {
		t.Fatal("it is the rival's")
	}
	last := func() []inspect.Record {
		t.Helper()
		var list struct{ Requests []inspect.Record }
		if err := json.Unmarshal([]byte(operates("logs", "--client", "shop", "--json")), &list); err != nil {
			t.Fatal(err)
		}
		return list.Requests
	}
	seen := last()
	if len(seen) != 2 {
		t.Fatalf("%d requests", len(seen))
	}
	first, second := seen[0], seen[1]
	if first.Status != 200 || first.Decision != "allowed" || !strings.Contains(first.Reason, "use_wallet_api") || first.Signature != "matches" || first.ProjectID != 1221 || first.ClientID != 1 ||
		first.Statements == 0 || len(first.Signed) != 7 || first.Signed[2] != "POST" || first.Signed[3] != "/rest/v1/transaction" || !strings.Contains(first.Signed[6], "body_hash=") {
		t.Errorf("%+v", first)
	}
	if second.Status != 403 || second.Code != "forbidden" || second.Decision != "refused" || second.Reason == "" || second.Route != "GET /rest/v1/project/{id}" {
		t.Errorf("%+v", second)
	}
	if again := operates("logs", "replay", first.ID); !strings.Contains(again, made.TransactionKey) {
		t.Errorf("it was done twice: %s", again)
	}
	if again := last(); len(again) != 3 || again[2].Status != 200 || again[2].Signed[1] == first.Signed[1] || again[2].Signed[6] != first.Signed[6] {
		t.Errorf("%+v", again)
	}
}
