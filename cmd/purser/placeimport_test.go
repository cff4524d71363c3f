package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/mapfile"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// placesToImport are more than fit into what SQLite keeps in memory of a transaction.
const placesToImport = 60_000

// stallRow is a row of a file of so many stalls.
func stallRow(i int) mapfile.Row {
	return mapfile.Row{Where: fmt.Sprint("line ", i), Record: mapfile.Record{
		Title: map[string]string{"en": fmt.Sprint("Stall ", i)}, Position: &mapfile.Position{Lat: 54, Lng: float64(i) / 1000}}}
}

// stallFile is that file.
func stallFile(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("title,lat,lng\n")
	for i := range placesToImport {
		row := stallRow(i)
		fmt.Fprintf(&text, "%s,%f,%f\n", row.Title["en"], row.Position.Lat, row.Position.Lng)
	}
	path := filepath.Join(t.TempDir(), "stalls.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wrote waits until a transaction that is open has written a good deal to the disk.
func (m *market) wrote(t *testing.T) error {
	const good = 1 << 20
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(5 * time.Millisecond) {
		var size int64
		if path, isFile := strings.CutPrefix(m.address, "sqlite:"); isFile {
			if info, err := os.Stat(path + "-wal"); err == nil {
				size = info.Size()
			}
		} else {
			size = m.number(t, `SELECT pg_relation_size('locations')`)
		}
		if size > good {
			return nil
		}
	}
	return errors.New("nothing was written in a minute")
}

// number asks the database for one.
func (m *market) number(t *testing.T, query string) (n int64) {
	t.Helper()
	db := behind(t, m.address)
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Error(err)
	}
	return n
}

// places are how many there are.
func (m *market) places(t *testing.T) int64 {
	t.Helper()
	return m.number(t, `SELECT count(*) FROM locations`)
}

// A server is killed when it has written half of a file that is to go in as a whole. Nothing of it is there then, and the same import
// again writes all.
func TestKilledWhileItImportsAllOrNothing(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		m := newMarket(t, address, 1_00)
		server := m.ready(t, m.folders[0])
		over := overSocket(server.Socket)
		query := importQuery{Project: 1, File: "stalls.csv", Apply: true, AllOrNothing: true, Distance: 50}
		_, err := over.stream(t.Context(), "/place/import", query, func(send func(any) error) error {
			for i := range placesToImport {
				row := stallRow(i)
				if err := send(importLine{Row: &row}); err != nil {
					return err
				}
			}
			err := m.wrote(t)
			server.end()
			return cmp.Or(err, send(importLine{End: true}))
		})
		if err == nil || !strings.Contains(err.Error(), "the same import again does the rest") {
			t.Fatalf("a server that was killed has answered: %v", err)
		}
		if n := m.places(t); n != 1 {
			t.Errorf("%d places are there, of which one was before", n)
		}
		m.ready(t, m.folders[0])
		purser, err := exec.LookPath("purser")
		if err != nil {
			t.Fatal(err)
		}
		again := exec.Command(purser, "place", "import", stallFile(t), "--project", "1", "--all-or-nothing", "--apply", "--list", "0",
			"--data", m.folders[0], "--database", address)
		again.Env = append(os.Environ(), "PURSER_KEK="+wallettest.KEK.Reveal())
		if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), fmt.Sprint(placesToImport, " new, 0 changed, 0 as they were, 0 refused")) {
			t.Errorf("again: %v, %s", err, out)
		}
		if n := m.places(t); n != placesToImport+1 {
			t.Errorf("%d places are there after that", n)
		}
	})
}

// Whoever stops sending rows, in the middle of an import that others wait for, is refused after a while: nothing was written, and the
// others go on.
func TestAnImportThatStandsStillIsGivenUp(t *testing.T) {
	before := rowPatience
	rowPatience = 300 * time.Millisecond
	t.Cleanup(func() { rowPatience = before })
	wallettest.Addresses(t, func(t *testing.T, address string) {
		m := newMarket(t, address, 1_00)
		p := &program{in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: os.Getenv, now: time.Now, random: secret.NewIDs([32]byte{})}
		s := &server{program: p}
		settings(p, &cobra.Command{}, &s.config, s.config.common)
		if err := s.openLog(io.Discard, true); err != nil {
			t.Fatal(err)
		}
		uses, db, err := s.openService(t.Context(), address, wallettest.KEK, true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		listens := httptest.NewServer(operatorAPI(uses, s.templates, nil))
		t.Cleanup(listens.Close)
		over := &operatorClient{http: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", listens.Listener.Addr().String())
		}}}}
		query := importQuery{Project: 1, Apply: true, AllOrNothing: true}
		_, err = over.stream(t.Context(), "/place/import", query, func(send func(any) error) error {
			for i := range 3000 {
				row := stallRow(i)
				if err := send(importLine{Row: &row}); err != nil {
					return err
				}
			}
			_, err := uses.CreditWallet(t.Context(), itself, m.dealers[0].wallet, money.Amount{Minor: 1, Currency: "EUR"}, "Beside an import")
			if err != nil {
				return err
			}
			time.Sleep(10 * rowPatience) // the rows that were sent are to be written first
			return send(importLine{End: true})
		})
		var refused *operatorError
		if !errors.As(err, &refused) || refused.Code != wallet.InvalidRequest || !strings.HasPrefix(refused.Description, "Nothing was written: no row came for 300ms") {
			t.Errorf("it was answered %v", err)
		}
		if n := m.places(t); n != 1 {
			t.Errorf("%d places are there, of which one was before", n)
		}
	})
}
