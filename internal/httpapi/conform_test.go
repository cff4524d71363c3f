package httpapi_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/exchange"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/wallettest"
)

// The vectors are true of this server as calls: a right signature is never refused, and each mistake is; and it understands each known client.
func TestVectorsAsCalls(t *testing.T) {
	server := wallettest.NewServer(t, "sqlite:"+filepath.Join(t.TempDir(), "purser.db"))
	live := exchange.Live{
		Scheme: "http", Host: strings.TrimPrefix(server.URL, "http://"), MAC: server.Credentials("shop"), Now: server.Wall.Now,
		Nonce: func() string {
			var raw [16]byte
			rand.Read(raw[:])
			return hex.EncodeToString(raw[:])
		},
		Routes: httpapi.Patterns(),
	}
	vectors, err := exchange.Vectors(os.DirFS("../../testdata/vectors"), live)
	if err != nil {
		t.Fatal(err)
	}
	run := exchange.Run{World: server.World(), Vectors: append(vectors, exchange.Dialects(live)), Change: true}
	report, err := run.All(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		t.Log(result)
	}
	if !report.Conforms() {
		t.Error(report)
	}
}
