package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// How large the overview is that is measured: so many projects of one user, each with two places, and with a payment on each
// of the last days.
const (
	manyProjects = 1000
	paidDays     = 30
)

// BenchmarkOverview asks for all projects of a user over HTTP. p95-ms is what field.md M9 bounds.
func BenchmarkOverview(b *testing.B) {
	engines := map[string]string{"sqlite": "sqlite:" + filepath.Join(b.TempDir(), "purser.db")}
	if server := os.Getenv(wallettest.PostgresVariable); server != "" && server != "off" {
		engines["postgres"] = wallettest.Another(b, "postgres:")
	}
	for name, address := range engines {
		server := wallettest.NewServer(b, address)
		fillProjects(b, server)
		b.Run(name, func(b *testing.B) {
			server := server.In(b)
			var took []time.Duration
			for b.Loop() {
				request := server.Compose("token:1234", "GET", "/rest/v1/projects/overview?limit=10000")
				begun := time.Now()
				answer := fetch(b, server.URL, request)
				took = append(took, time.Since(begun))
				if !strings.HasPrefix(answer, "HTTP/1.1 200 ") || strings.Count(answer, `"last_30_days":{"EUR":{"paid":{"count":30,`) != manyProjects {
					b.Fatalf("the answer is %.2000s", answer)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
		})
	}
}

// fetch sends a request and returns the whole answer. Server.Send would also hold a megabyte of answer against its schema, which
// takes five times as long as making it.
func fetch(b *testing.B, url, request string) string {
	connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, request); err != nil {
		b.Fatal(err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil {
		b.Fatal(err)
	}
	return string(answer)
}

// fillProjects makes the projects, and lets them be paid.
func fillProjects(b *testing.B, s *wallettest.Server) {
	const first = 100_000
	ctx := context.Background()
	schedule, err := hours.Parse("Mo-Fr 08:00-18:00; Sa 10:00-14:00")
	if err != nil {
		b.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(s.DB.UpdateWithin(ctx, time.Hour, func(tx *store.Tx) error {
		for id := int64(first); id < first+manyProjects; id++ {
			must(tx.InsertWallet(wallet.Wallet{ID: id, OwnerID: 1234, AccountNumber: fmt.Sprint("MANY", id)}))
			must(tx.InsertProject(wallet.Project{ID: id, Title: fmt.Sprint("Shop ", id), OwnerID: 1234, WalletID: id}))
			for n := range int64(2) {
				at := wallet.At(54.5, 25.1)
				must(tx.InsertLocation(wallet.Location{ID: 2*id + n, ProjectID: id, Title: wallet.Text{"en": "Shop"}, Status: wallet.Active, Public: true,
					Position: &at, Timezone: "Europe/Vilnius", Hours: schedule, UpdatedAt: s.Business.Now()}))
			}
		}
		return nil
	}))
	payer := ledger.WalletAccount(14471, "EUR")
	s.Business.Advance(-paidDays * 24 * time.Hour)
	for range paidDays {
		s.Business.Advance(24 * time.Hour)
		for from := int64(first); from < first+manyProjects; from += 50 {
			needs := store.Needs{Accounts: []ledger.Key{payer, ledger.SystemAccount(ledger.Funding, "EUR")}}
			for id := from; id < from+50; id++ {
				needs.Accounts = append(needs.Accounts, ledger.WalletAccount(id, "EUR"))
			}
			_, err := store.Money(ctx, s.DB, store.MoneyCommand[int]{Needs: needs, Decide: func(m *store.MoneyTx) (int, error) {
				_, err := m.Post(ledger.Posting{Debit: ledger.SystemAccount(ledger.Funding, "EUR"), Credit: payer, Amount: money.Amount{Minor: 50_000, Currency: "EUR"}, Kind: "gift"})
				for id := from; id < from+50 && err == nil; id++ {
					err = pay(m, id)
				}
				return 0, err
			}})
			must(err)
		}
		must(s.DB.FoldTallies(ctx))
	}
}

// pay has Paula pay a project.
func pay(m *store.MoneyTx, project int64) error {
	t := &wallet.Transaction{
		ID: m.NewTransactionID(), Status: wallet.TransactionNew, ClientID: 1, ProjectID: project, CreatedAt: m.Now(), ReserveFor: time.Hour,
		Payments: []wallet.Payment{{ID: m.NewPaymentID(), Status: wallet.PaymentNew, CreatedAt: m.Now(), BeneficiaryID: project, Price: money.Amount{Minor: 1000, Currency: "EUR"}}},
	}
	holder := func(id int64) *wallet.Holder { return &wallet.Holder{WalletID: id, Owner: &wallet.User{ID: 1}} }
	postings, err := t.Accept(m.Now(), wallet.Acceptance{Type: wallet.ByPIN, Payer: holder(14471), Beneficiaries: map[int64]*wallet.Holder{project: holder(project)}})
	if err == nil {
		_, err = m.Post(postings...)
	}
	if err == nil {
		t.Held(m.Now())
		postings, err = t.Confirm(m.Now(), nil)
	}
	if err == nil {
		_, err = m.Post(postings...)
	}
	m.Keep(t)
	return err
}
