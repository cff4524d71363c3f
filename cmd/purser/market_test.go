package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// market is a database of either engine, and who deals there. Its servers are processes of
// their own: `purser serve`, as in production.
type market struct {
	address string
	shop    walletapi.MAC
	// dealers pay, and are paid; the first is Paula, whose wallet all of them want something of.
	dealers [3]dealer
	// folders are the data folders of the servers that may run on it at once: one on SQLite, two on PostgreSQL.
	folders []string
}

// cashPlace is where the market takes cash and hands it out.
const cashPlace = 11

// dealer is somebody with a wallet, a token for it, and a PIN.
type dealer struct {
	wallet int64
	token  walletapi.MAC
	pin    string
}

// newMarket makes people, a shop and its client in a new database, and gives all dealers the same funds, in cents.
func newMarket(t *testing.T, address string, funds int64) *market {
	t.Helper()
	p := &program{in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: os.Getenv, now: time.Now, random: secret.NewIDs([32]byte{})}
	s := &server{program: p}
	settings(p, &cobra.Command{}, &s.config, s.config.common)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.openLog(io.Discard, true))
	uses, db, err := s.openService(t.Context(), address, wallettest.KEK, true)
	must(err)
	m := &market{address: address}
	for i, name := range []string{"Paula", "John", "Rita"} {
		d := &m.dealers[i]
		d.wallet, d.pin = int64(101+i), "5678"
		user := wallet.User{ID: int64(1 + i), Type: wallet.Natural, DisplayName: name, Locale: "en"}
		_, err := uses.CreateUser(t.Context(), itself, user, "", secret.Text(d.pin))
		must(err)
		_, err = uses.CreateWallet(t.Context(), itself, wallet.Wallet{ID: d.wallet, OwnerID: user.ID})
		must(err)
		_, err = uses.CreditWallet(t.Context(), itself, d.wallet, money.Amount{Minor: funds, Currency: "EUR"}, "For the market")
		must(err)
	}
	_, err = uses.CreateProject(t.Context(), itself, wallet.Project{ID: 1, Title: "The market", OwnerID: 2, WalletID: m.dealers[1].wallet})
	must(err)
	// What is told to its till is written down; nobody takes it there, since no server calls its own machine.
	callback := "https://127.0.0.1/callback"
	_, err = uses.UpdateProject(t.Context(), itself, 1, service.ProjectChange{CallbackURI: &callback}, true)
	must(err)
	_, err = uses.CreateLocation(t.Context(), itself, wallet.Location{
		ID: cashPlace, ProjectID: 1, Title: wallet.Text{"en": "The till"}, Address: wallet.Text{"en": "Market Street 1"}, Status: wallet.Active, Public: true,
		Services: map[wallet.Service]wallet.Offer{
			wallet.CashIn:  {Available: true, Types: wallet.ServiceTypes(wallet.CashIn)},
			wallet.CashOut: {Available: true, Types: wallet.ServiceTypes(wallet.CashOut)},
		},
	})
	must(err)
	client, key, err := uses.CreateClient(t.Context(), itself, wallet.Client{
		ID: 1, Title: "The market's till", Type: wallet.PrivateClient, Permissions: wallet.Permissions(), Projects: []int64{1}, MainProject: 1,
	}, "")
	must(err)
	// The dealers pay with an app of their own: what they say there is news to the till.
	_, _, err = uses.CreateClient(t.Context(), itself, wallet.Client{
		ID: 2, Title: "The dealers' app", Type: wallet.PrivateClient, Permissions: wallet.Permissions(), Projects: []int64{1}, MainProject: 1,
	}, "")
	must(err)
	m.shop = walletapi.MAC{ID: client.MACID, Secret: key.Reveal()}
	for i := range m.dealers {
		token, err := uses.IssueToken(t.Context(), itself, int64(1+i), 2, wallet.OrdinaryScopes(), 24*time.Hour)
		must(err)
		m.dealers[i].token = walletapi.MAC{ID: token.Access, Secret: token.Key.Reveal()}
	}
	must(db.Close())
	must(s.close())
	m.folders = []string{shortFolder(t)}
	if strings.HasPrefix(address, "postgres") {
		m.folders = append(m.folders, shortFolder(t))
	}
	return m
}

// process is a server, and how to reach it.
type process struct {
	*exec.Cmd
	holder
	http *http.Client
	log  strings.Builder
}

// begin starts a server in one of the market's folders; ready waits until it answers.
func (m *market) begin(t *testing.T, folder string) *process {
	t.Helper()
	purser, err := exec.LookPath("purser") // this test binary, under the name that TestMain gave it
	if err != nil {
		t.Fatal(err)
	}
	p := &process{http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	p.Cmd = exec.Command(purser, "serve", "--data", folder, "--database", m.address, "--listen", "127.0.0.1:0", "--log-level", "error",
		"--behind-proxy", "--origin", "https://wallet.example", "--rate-limit", "0", "--address-rate-limit", "0", "--verify-every", "0")
	p.Env = append(os.Environ(), "PURSER_KEK="+wallettest.KEK.Reveal())
	p.Stderr = &p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (m *market) ready(t *testing.T, folder string) *process {
	t.Helper()
	p := m.begin(t, folder)
	t.Cleanup(func() {
		if p.end(); t.Failed() {
			t.Logf("a server said: %s", &p.log)
		}
	})
	p.holder = awaitHolder(t, folder, p.Process.Pid)
	return p
}

// end kills it.
func (p *process) end() {
	kill(p.Cmd)
	p.http.CloseIdleConnections()
}

// call sends one signed call. The error is an *walletapi.APIError for an answer that is not a success; after any other one
// nobody knows what became of the call.
func (p *process) call(by walletapi.MAC, c walletapi.Call, body, out any) error {
	if body != nil {
		var err error
		if c.Body, err = json.Marshal(body); err != nil {
			return err
		}
	}
	answer, err := p.as(by).Do(context.Background(), c)
	if err != nil {
		return err
	}
	return answer.Decode(out)
}

// as is the SDK for somebody, at this server.
func (p *process) as(by walletapi.MAC) *walletapi.Client {
	return &walletapi.Client{BaseURL: p.Address, Auth: by, HTTP: p.http}
}

// Calls of the market.

// propose is the call that asks for a payment to a wallet; frozen ones can be given back for an hour after they are confirmed.
func (p *process) propose(by walletapi.MAC, key, title string, to, minor int64, frozen bool) (t walletapi.Transaction, err error) {
	payment := map[string]any{"description": title, "price": minor, "currency": "EUR", "beneficiary": map[string]any{"id": to}}
	if frozen {
		payment["freeze"] = map[string]any{"for": 3600}
	}
	call := walletapi.Call{Method: "POST", Target: "/rest/v1/transaction", IdempotencyKey: key}
	return t, p.call(by, call, map[string]any{"payments": []any{payment}}, &t)
}

// transaction calls something about a transaction: "" reads it.
func (p *process) transaction(by walletapi.MAC, method, key, what string, body any) (t walletapi.Transaction, err error) {
	return t, p.call(by, walletapi.Call{Method: method, Target: "/rest/v1/transaction/" + key + what}, body, &t)
}

// yes is how a dealer accepts.
type yes string

// In their app, by their PIN at the till, or by the allowance that they gave it.
const (
	byApp       yes = "app"
	byPIN       yes = "PIN"
	byAllowance yes = "allowance"
)

// reserve has a dealer accept.
func (p *process) reserve(shop walletapi.MAC, d dealer, key string, how yes) (walletapi.Transaction, error) {
	target := fmt.Sprintf("/reserve/%d", d.wallet)
	switch how {
	case byPIN:
		return p.transaction(shop, "PUT", key, target, map[string]any{"pin": d.pin})
	case byAllowance:
		return p.transaction(shop, "PUT", key, target, nil)
	}
	return p.transaction(d.token, "PUT", key, target, nil)
}

// allow has a dealer let the shop take so much within a week; it replaces what they let it take before.
func (p *process) allow(shop walletapi.MAC, d dealer, minor int64) error {
	made, err := p.as(shop).CreateAllowance(context.Background(), walletapi.NewAllowance{
		Description: "Errands", Currency: "EUR", Limits: []walletapi.NewAllowanceLimit{{MaxPrice: minor, Time: 7 * 24 * 3600}},
	})
	if err != nil {
		return err
	}
	if _, err := p.transaction(d.token, "PUT", made.TransactionKey, fmt.Sprintf("/reserve/%d", d.wallet), nil); err != nil {
		return err
	}
	_, err = p.transaction(shop, "PUT", made.TransactionKey, "/confirm", nil)
	return err
}

// funds are what a dealer has available and reserved, in cents.
func (p *process) funds(d dealer) (funds [2]int64, err error) {
	var told walletapi.Balance
	err = p.call(d.token, walletapi.Call{Method: "GET", Target: fmt.Sprintf("/rest/v1/wallet/%d/balance", d.wallet)}, nil, &told)
	return [2]int64{told["EUR"].AtDisposal, told["EUR"].Reserved}, err
}

// behind is the database behind the servers' backs.
func behind(t *testing.T, address string) *sql.DB {
	t.Helper()
	driver, source := "pgx", address
	if path, isFile := strings.CutPrefix(address, "sqlite:"); isFile {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
