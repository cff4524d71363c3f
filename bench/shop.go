package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// serve starts purser on a town, whose database this process must not have open if it is SQLite's. Budgets are there
// and too large to be met.
func (t *town) serve(ctx context.Context, b *bench) (*process, error) {
	folder, err := os.MkdirTemp(b.folder, "data-")
	if err != nil {
		return nil, err
	}
	kek := filepath.Join(folder, "kek")
	if err := os.WriteFile(kek, []byte(t.kek.Reveal()), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	const much = "100000000"
	return start(ctx, b, address, "/rest/v1/server", b.purser, "serve", "--data", folder, "--kek-file", kek, "--database", t.address,
		"--listen", address, "--behind-proxy", "--origin", "https://wallet.example", "--log-level", "info", "--rate-limit", much, "--device-rate-limit", much, "--address-rate-limit", much)
}

// serveNaive starts the control on the town.
func (t *town) serveNaive(ctx context.Context, b *bench) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	kek := filepath.Join(b.folder, "naive-kek")
	if err := os.WriteFile(kek, []byte(t.kek.Reveal()), 0o600); err != nil {
		return nil, err
	}
	return start(ctx, b, address, "/", self, "-naive", address, "-naive-database", t.address, "-naive-kek", kek)
}

// naiveShop answers the three calls of a payment's life by the control's means, after the same MAC check as purser's.
type naiveShop struct {
	*naive
	auth *auth.Authenticator
}

// serveNaiveShop is the process of the control.
func serveNaiveShop(ctx context.Context, address, database, kekFile string) error {
	kek, err := os.ReadFile(kekFile)
	if err != nil {
		return err
	}
	box, err := secret.NewBox(secret.Text(kek))
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, database, store.Options{Box: box, Now: time.Now, Log: slog.Default()})
	if err != nil {
		return err
	}
	defer db.Close()
	nonces, err := auth.OpenNonces(kekFile+".nonces", auth.DefaultWindow, time.Now())
	if err != nil {
		return err
	}
	defer nonces.Close()
	control, err := openNaive(ctx, database, time.Now)
	if err != nil {
		return err
	}
	shop := &naiveShop{control, auth.New(auth.Options{
		DB: db, WallClock: time.Now, BusinessClock: time.Now, Window: auth.DefaultWindow, Nonces: nonces, PlainHTTP: true,
	})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /rest/v1/transaction", shop.signed(shop.post))
	mux.HandleFunc("PUT /rest/v1/transaction/{key}/reserve", shop.signed(shop.putReserve))
	mux.HandleFunc("PUT /rest/v1/transaction/{key}/confirm", shop.signed(shop.putConfirm))
	server := &http.Server{Addr: address, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 30 * time.Second, Handler: mux}
	return server.ListenAndServe()
}

// signed proves a request and answers it with the transaction.
func (s *naiveShop) signed(step func(r *http.Request, c wallet.Caller, body []byte) (*wallet.Transaction, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		caller, err := s.auth.Authenticate(r.Context(), r, body, "0123456789abcdef")
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		t, err := step(r, caller, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		jsonTo(w, naiveAnswer{strconv.FormatInt(t.ID, 10), t.Status, t.Payments})
	}
}

// naiveAnswer is what the control says of a transaction.
type naiveAnswer struct {
	Key      string                   `json:"transaction_key"`
	Status   wallet.TransactionStatus `json:"status"`
	Payments []wallet.Payment         `json:"payments"`
}

func (s *naiveShop) post(r *http.Request, c wallet.Caller, body []byte) (*wallet.Transaction, error) {
	var asked struct {
		Payments []struct {
			Description string         `json:"description"`
			Price       int64          `json:"price"`
			Currency    money.Currency `json:"currency"`
		} `json:"payments"`
	}
	if err := fromJSON(body, &asked); err != nil {
		return nil, err
	}
	if len(asked.Payments) != 1 || asked.Payments[0].Price != price.Minor {
		return nil, errors.New("the control knows one kind of payment")
	}
	project, err := c.Project()
	if err != nil {
		return nil, err
	}
	return s.create(r.Context(), c.Nonce, project)
}

func (s *naiveShop) putReserve(r *http.Request, c wallet.Caller, _ []byte) (*wallet.Transaction, error) {
	id, err := strconv.ParseInt(r.PathValue("key"), 10, 64)
	if err != nil {
		return nil, err
	}
	return s.reserve(r.Context(), c.Nonce, id, c.UserID())
}

func (s *naiveShop) putConfirm(r *http.Request, c wallet.Caller, _ []byte) (*wallet.Transaction, error) {
	id, err := strconv.ParseInt(r.PathValue("key"), 10, 64)
	if err != nil {
		return nil, err
	}
	return s.confirm(r.Context(), c.Nonce, id)
}

// overHTTP measures whole lives over the wire, purser beside the control where there is one, and has the database
// confirm what was counted.
func (b *bench) overHTTP(ctx context.Context, t *town, long time.Duration) (err error) {
	if err := t.close(); err != nil {
		return err
	}
	before, err := t.audit(ctx)
	if err != nil {
		return err
	}
	server, err := t.serve(ctx, b)
	if err != nil {
		return err
	}
	defer server.kill()
	type stall struct {
		name   string
		server *process
		crowd  *crowd
	}
	stalls := []stall{{"purser", server, b.newCrowd(server.address, t)}}
	if !t.isSQLite() {
		control, err := t.serveNaive(ctx, b)
		if err != nil {
			return err
		}
		defer control.kill()
		stalls = append(stalls, stall{"naive", control, b.newCrowd(control.address, t)})
	}
	for _, s := range stalls { // every merchant has an account, and the memories are warm
		if _, err := s.crowd.lead(ctx, amount{requests: 2 * merchants}, uniform); err != nil {
			return err
		}
	}
	var counted int64
	for _, spread := range []spread{uniform, hot} {
		for range rounds {
			for _, s := range stalls {
				used, err := s.server.cpu()
				if err != nil {
					return err
				}
				engine, err := t.engineCPU()
				if err != nil {
					return err
				}
				made, err := s.crowd.lead(ctx, amount{time: long}, spread)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				usedAfter, _ := s.server.cpu()
				engineAfter, _ := t.engineCPU()
				each := func(d time.Duration) float64 { return micros(d) / float64(made.count) }
				counted += made.count
				b.say("%-6s %-12s %6.0f lives/s; p50 %5.1f ms, p99 %5.1f ms; CPU each: server %4.0f µs, PostgreSQL %4.0f µs", s.name, spread,
					float64(made.count)/made.took.Seconds(), micros(percentile(made.whole, 0.5))/1000, micros(percentile(made.whole, 0.99))/1000,
					each(usedAfter-used), each(engineAfter-engine))
			}
		}
	}
	return t.check(ctx, before, counted+int64(2*merchants*len(stalls)))
}

var _ = strings.TrimSpace
