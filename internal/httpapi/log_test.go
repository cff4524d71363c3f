package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// Anybody reads the checkpoint, the keys that signed it and the tiles below it, and computes the root from them.
func TestLogFilesForEverybody(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address)
		file := func(path string, want int) []byte {
			answer, err := http.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			content, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != want {
				t.Fatalf("%s: %d %s %v", path, answer.StatusCode, content, err)
			}
			return content
		}
		if _, err := server.Service.SequenceLog(context.Background(), wallet.Caller{Kind: wallet.Operator}); err != nil {
			t.Fatal(err)
		}
		key := string(file("/log/keys", 200))
		_, tree, err := merkle.OpenCheckpoint(file("/log/checkpoint", 200), key[:len(key)-1])
		if err != nil || tree.N < 1 || tree.N > 255 {
			t.Fatalf("the log is %v, %v", tree, err)
		}
		path := "/log/" + merkle.TilePath(tlog.Tile{H: merkle.TileHeight, N: 0, W: int(tree.N)})
		hashes := file(path, 200)
		root, err := tlog.TreeHash(tree.N, merkle.Tree{Tree: tree, Read: func(int, int64) ([]byte, error) { return hashes, nil }}.Reader())
		if err != nil || root != tree.Hash {
			t.Errorf("the tile comes to %v, %v; signed is %v", root, err, tree.Hash)
		}
		for _, none := range []string{"/log/tile/0/001", "/log/tile/0/000.p/255", "/log/tile/entries/000", "/log/tile/9/000", "/log/entries"} {
			file(none, 404)
		}
	})
}
