package walletapi_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// The examples call a real server with the sample world of `purser dev`: a new one for each, so that what one changes no other one
// sees.

// ctx is what the examples call in.
var ctx = context.Background()

// world is a server of an example's own.
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
