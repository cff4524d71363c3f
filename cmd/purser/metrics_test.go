package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// A sample is counted, and so is one that finds something; what was committed is there too.
func TestMetrics(t *testing.T) {
	db := wallettest.Open(t, "sqlite:"+filepath.Join(t.TempDir(), "purser.db"), wallettest.NewClock())
	pay := func(from, to ledger.Key) {
		t.Helper()
		_, err := store.Money(t.Context(), db, store.MoneyCommand[[]ledger.Entry]{Decide: func(m *store.MoneyTx) ([]ledger.Entry, error) {
			return m.Post(ledger.Posting{Debit: from, Credit: to, Amount: money.Amount{Minor: 100, Currency: "EUR"}, Kind: "test"})
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertUser(wallet.User{ID: 1, Type: wallet.Natural, Locale: "lt"}, nil, nil); err != nil {
			return err
		}
		return tx.InsertWallet(wallet.Wallet{ID: 1, OwnerID: 1, AccountNumber: "PU0001"})
	}); err != nil {
		t.Fatal(err)
	}
	funding := ledger.SystemAccount(ledger.Funding, "EUR")
	pay(funding, ledger.WalletAccount(1, "EUR"))
	pay(funding, ledger.WalletAccount(1, "EUR"))

	var log strings.Builder
	s := &server{program: &program{now: func() time.Time { return time.Unix(1_800_000_000, 0) }}, config: config{logLevel: "info"}}
	if err := s.openLog(&log, true); err != nil {
		t.Fatal(err)
	}
	f := &figures{db: db, callbacks: &callback.Courier{}, now: s.now}
	s.sample(context.Background(), f)
	pay(ledger.WalletAccount(1, "EUR"), ledger.WalletAccount(99, "EUR")) // which is no wallet
	s.sample(context.Background(), f)
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), `level=ERROR msg="the books are not right" of="account 3, of wallet 99 in EUR" what="its wallet"`) {
		t.Errorf("the log says %s", log.String())
	}

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(f)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"purser_verify_accounts_total 2", "purser_verify_differences_total 1", "purser_verify_last_timestamp_seconds 1.8e+09",
		"purser_money_batches_total 3", "purser_money_commands_total 3", `purser_money_batch_commands_bucket{le="1"} 3`,
		"purser_money_batch_commands_sum 3", "purser_money_commit_seconds_count 3", "purser_money_waiting 0",
		"purser_log_waiting 3", "purser_log_oldest_seconds 0", "purser_log_checkpoint_seconds 0",
	} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) != 0 {
		t.Errorf("what promtool would say: %v, %v", problems, err)
	}
}

// A load balancer sends nobody to a server whose database does not answer.
func TestReady(t *testing.T) {
	f := &figures{db: wallettest.Open(t, "sqlite:"+filepath.Join(t.TempDir(), "purser.db"), wallettest.NewClock())}
	gone, cancel := context.WithCancel(t.Context())
	cancel() // the database answers nothing in no time
	for want, ctx := range map[int]context.Context{http.StatusOK: t.Context(), http.StatusServiceUnavailable: gone} {
		w := httptest.NewRecorder()
		if f.ready(w, httptest.NewRequest("GET", "/ready", nil).WithContext(ctx)); w.Code != want {
			t.Errorf("/ready answers %d, want %d", w.Code, want)
		}
	}
}
