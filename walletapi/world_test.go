package walletapi_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// The examples call a real server with the sample world of `purser dev`: one that they share, and one of its own for an example that
// changes what others would see.

// ctx is what the examples call in.
var ctx = context.Background()

// world is a server for examples.
type world struct {
	*wallettest.Server
	kit *exampleKit
}

// newWorld starts a server; close stops it.
func newWorld() *world {
	folder, err := os.MkdirTemp("", "walletapi-example-")
	if err != nil {
		panic(err)
	}
	kit := &exampleKit{folder: folder}
	return &world{wallettest.NewServer(kit, "sqlite:"+filepath.Join(folder, "purser.db")), kit}
}

func (w *world) close() {
	for i := len(w.kit.ends) - 1; i >= 0; i-- {
		w.kit.ends[i]()
	}
	os.RemoveAll(w.kit.folder)
}

var (
	started sync.Once
	shared  *world
)

// sandbox is the server that examples share.
func sandbox() *world {
	started.Do(func() { shared = newWorld() })
	return shared
}

func TestMain(m *testing.M) {
	status := m.Run()
	if shared != nil {
		shared.close()
	}
	os.Exit(status)
}

// as is a client that signs as somebody of the sample world: shop, app, or a user's token as token:1234.
func (w *world) as(name string) *walletapi.Client { return as(w.Server, name) }

func as(s *wallettest.Server, name string) *walletapi.Client {
	return &walletapi.Client{BaseURL: s.URL, Auth: s.Credentials(name), Now: s.Wall.Now}
}

// exampleKit is what the test kit needs of a test, for an example, which is given none.
type exampleKit struct {
	testing.TB
	folder string
	ends   []func()
}

func (k *exampleKit) Helper()                   {}
func (k *exampleKit) Cleanup(end func())        { k.ends = append(k.ends, end) }
func (k *exampleKit) TempDir() string           { return k.folder }
func (k *exampleKit) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (k *exampleKit) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (k *exampleKit) Errorf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (k *exampleKit) Logf(string, ...any)       {}

// newServer is a server for a test.
func newServer(t *testing.T) *wallettest.Server {
	t.Helper()
	return wallettest.NewServer(t, "sqlite:"+filepath.Join(t.TempDir(), "purser.db"))
}

// pay has the payer of the sample world pay a shop's project.
func pay(shop *walletapi.Client, cents int64) (*walletapi.Transaction, error) {
	t, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{
		Payments: []walletapi.NewPayment{{Price: cents, Currency: "EUR", Description: "Books"}},
	})
	if err != nil {
		return nil, err
	}
	by := walletapi.Reservation{Payer: walletapi.Payer{WalletID: 14471}, PIN: "5678"}
	if _, err := shop.Reserve(ctx, t.TransactionKey, by); err != nil {
		return nil, err
	}
	return shop.Confirm(ctx, t.TransactionKey, nil)
}
