package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// house is a sandbox inside this process, for what cannot be seen from outside.
type house struct {
	db      *store.DB
	service *service.Service
	nonces  *auth.Nonces
	auth    *auth.Authenticator
	mac     walletapi.MAC
}

// inside measures the MAC check, the statements of a call and group commit.
func (b *bench) inside(ctx context.Context) (err error) {
	h, err := b.openHouse(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.nonces.Close(), h.db.Close()) }()
	if err := b.authentic(ctx, h); err != nil {
		return err
	}
	if err := b.statements(ctx, h); err != nil {
		return err
	}
	return b.groupCommit(ctx, h)
}

func (b *bench) openHouse(ctx context.Context) (*house, error) {
	folder := filepath.Join(b.folder, "inside")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	box, err := secret.NewBox(secret.NewKEK())
	if err != nil {
		return nil, err
	}
	h := &house{}
	h.db, err = store.Open(ctx, "sqlite:"+filepath.Join(folder, "purser.db"), store.Options{Box: box, Now: b.now, Log: slog.Default()})
	if err != nil {
		return nil, err
	}
	if err := b.furnish(ctx, h, box, folder); err != nil {
		return nil, errors.Join(err, h.db.Close())
	}
	return h, nil
}

// furnish loads the sample world and what signs and checks its calls.
func (b *bench) furnish(ctx context.Context, h *house, box *secret.Box, folder string) (err error) {
	h.service, err = service.New(ctx, h.db, service.Options{
		WallClock: b.now, BusinessClock: b.now, Random: noise{}, Box: box,
		Currencies: []money.Currency{"EUR"}, MinimumPasswordLength: 8, Sandbox: true, Event: httpapi.Event,
	})
	if err != nil {
		return err
	}
	if err := sandbox.Load(ctx, h.service); err != nil {
		return err
	}
	manifest, err := sandbox.Read(ctx, h.service, "")
	if err != nil {
		return err
	}
	h.mac = walletapi.MAC{ID: manifest.Clients[0].ID, Secret: manifest.Clients[0].MACKey}
	if h.nonces, err = auth.OpenNonces(filepath.Join(folder, "nonces"), auth.DefaultWindow, b.now()); err != nil {
		return err
	}
	h.auth = auth.New(auth.Options{
		DB: h.db, WallClock: b.now, BusinessClock: b.now, Window: auth.DefaultWindow, Nonces: h.nonces, PlainHTTP: true,
	})
	return nil
}

// noise is where the house's ids come from.
type noise struct{}

func (noise) Read(p []byte) (int, error) { return copy(p, secret.RandomBytes(len(p))), nil }

// Work for the measurements inside.
const (
	insideHost = "127.0.0.1:8080"
	// checks are measured in batches, so that the signed requests which wait are few and the
	// garbage collector works as in a server.
	checkBatches, checkBatch = 50, 10_000
	callsOnWarmCache         = 1000
	commitTime               = 1500 * time.Millisecond
)

// signed is a call as it arrives, with the nth nonce.
func (b *bench) signed(h *house, n int) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = insideHost
	r.Header.Set("Authorization", b.signature(h, n))
	return r
}

func (b *bench) signature(h *house, n int) string {
	request := walletapi.Request{
		TS: fmt.Sprint(b.now().Unix()), Nonce: fmt.Sprintf("a-nonce-of-usual-length-%08d", n),
		Method: http.MethodGet, Target: target, Host: "127.0.0.1", Port: "8080",
	}
	return walletapi.Authorization{
		ID: h.mac.ID, TS: request.TS, Nonce: request.Nonce, MAC: request.Sign(h.mac.Secret),
	}.String()
}

// authentic measures the CPU time of proving a request: the header, the MAC, the time, the
// nonce. Every request is another one. The median batch stands for all, since a busy neighbour
// slows some of them down.
func (b *bench) authentic(ctx context.Context, h *house) error {
	r := b.signed(h, 0)
	if _, err := h.auth.Authenticate(ctx, r, nil, "0123456789abcdef"); err != nil { // fills the cache
		return err
	}
	var used []time.Duration
	headers := make([]string, checkBatch)
	for batch := range checkBatches {
		for i := range headers {
			headers[i] = b.signature(h, 1+batch*checkBatch+i)
		}
		before := ownCPU()
		for _, header := range headers {
			r.Header["Authorization"][0] = header
			if _, err := h.auth.Authenticate(ctx, r, nil, "0123456789abcdef"); err != nil {
				return err
			}
		}
		used = append(used, (ownCPU()-before)/checkBatch)
	}
	each := median(used)
	b.judge(result{
		what: "MAC check with replay protection, CPU", limit: fmt.Sprintf("<= %.0f µs", micros(mostAuthentic)),
		measured: fmt.Sprintf("%.2f µs", micros(each)), verdict: atMost(float64(each), float64(mostAuthentic)),
	}, nil)
	return nil
}

// statements counts what a signed call asks of the database when the cache is warm.
func (b *bench) statements(_ context.Context, h *house) error {
	api := httpapi.New(httpapi.Options{
		Service: h.service, Auth: h.auth, Log: slog.New(slog.DiscardHandler), WallClock: b.now, Random: noise{},
	})
	const firstNonce = 10_000_000
	call := func(n int) error {
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, b.signed(h, firstNonce+n))
		if answer.Code != http.StatusOK {
			return fmt.Errorf("GET %s answers %d: %s", target, answer.Code, answer.Body)
		}
		return nil
	}
	if err := call(0); err != nil {
		return err
	}
	before := h.db.Statements()
	for n := range callsOnWarmCache {
		if err := call(1 + n); err != nil {
			return err
		}
	}
	asked := h.db.Statements() - before
	b.judge(result{
		what: fmt.Sprintf("SQL statements of %d calls on a warm cache", callsOnWarmCache), limit: "0",
		measured: fmt.Sprint(asked), verdict: atMost(float64(asked), 0),
	}, nil)
	return nil
}

// groupCommit compares 64 callers that move money at the same time with one, in turns: what
// committing together gains on this machine's disk.
func (b *bench) groupCommit(ctx context.Context, h *house) error {
	var one, many []float64
	for range rounds {
		for _, callers := range []int{1, connections} {
			rate, err := b.moves(ctx, h.db, callers)
			if err != nil {
				return err
			}
			if callers == 1 {
				one = append(one, rate)
			} else {
				many = append(many, rate)
			}
		}
	}
	b.say("money on SQLite: %.0f commands/s from one caller, %.0f from %d", median(one), median(many), connections)
	b.judge(result{
		what: fmt.Sprintf("money commands on SQLite, %d callers against one", connections), limit: "-",
		measured: fmt.Sprintf("%.1f times", median(many)/median(one)), verdict: informative,
	}, nil)
	return nil
}

// moves has callers put a cent into a wallet of their own, again and again, and returns how
// many such commands were committed per second. All debit one account, as payers of one shop do.
func (b *bench) moves(ctx context.Context, db *store.DB, callers int) (float64, error) {
	const firstWallet = 1_000_000
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := b.now()
	for caller := range callers {
		outside, own := ledger.SystemAccount(ledger.Funding, "EUR"), ledger.WalletAccount(firstWallet+int64(caller), "EUR")
		cent := ledger.Posting{Debit: outside, Credit: own, Amount: money.Amount{Minor: 1, Currency: "EUR"}, Kind: "operator_credit"}
		command := store.MoneyCommand[[]ledger.Entry]{
			Needs:  store.Needs{Accounts: []ledger.Key{outside, own}},
			Decide: func(m *store.MoneyTx) ([]ledger.Entry, error) { return m.Post(cent) },
		}
		group.Go(func() error {
			for b.now().Sub(began) < commitTime {
				if _, err := store.Money(ctx, db, command); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(done.Load()) / b.now().Sub(began).Seconds(), err
}
