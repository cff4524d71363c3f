// Package wallettest is the kit that tests are written with: databases of both engines, a
// server with the sample world in it, signed requests, the runner of exchange files, and a browser.
//
// It uses no mocks. SQLite is a file in the test's folder; PostgreSQL is the server that
// PURSER_TEST_POSTGRES names (make test starts one), where every test gets a database of its
// own. Without that variable tests fail, so that no half is ever skipped in silence; the
// value "off" leaves PostgreSQL out on purpose. The browser is the Chromium that
// PURSER_TEST_CHROMIUM names, on the same terms.
package wallettest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx", to create databases with

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
)

// PostgresVariable names the environment variable with the address of the test server.
const PostgresVariable = "PURSER_TEST_POSTGRES"

// Epoch is when a test's clock starts: a Saturday at noon in UTC.
var Epoch = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// Clock is a clock that a test moves. It is safe for use by several goroutines.
type Clock struct{ micros atomic.Int64 }

// NewClock returns a clock that stands at Epoch.
func NewClock() *Clock {
	c := &Clock{}
	c.micros.Store(Epoch.UnixMicro())
	return c
}

// Now is the clock's time, in UTC.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micros.Load()).UTC() }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// KEK is the key-encryption key of all test databases.
const KEK secret.Text = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// Quiet is a log that nobody reads.
func Quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// StoreOptions opens a database with the test key and a clock.
func StoreOptions(clock *Clock) store.Options {
	box, err := secret.NewBox(KEK)
	if err != nil {
		panic(err)
	}
	return store.Options{Box: box, Now: clock.Now, Log: Quiet()}
}

// Addresses runs test once per engine, with the address of a new, empty database.
func Addresses(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "purser.db")) })
	server := os.Getenv(PostgresVariable)
	switch server {
	case "off":
		return
	case "":
		t.Fatalf("%s is not set: run the tests with `make test`, which starts a PostgreSQL, or set it to off to leave PostgreSQL out", PostgresVariable)
	}
	t.Run("postgres", func(t *testing.T) { test(t, newPostgres(t, server)) })
}

// Another returns the address of one more new, empty database on the engine of an address that Addresses gave.
func Another(t testing.TB, address string) string {
	t.Helper()
	if strings.HasPrefix(address, "sqlite:") {
		return "sqlite:" + filepath.Join(t.TempDir(), "purser.db")
	}
	return newPostgres(t, os.Getenv(PostgresVariable))
}

// Engines runs test once per engine, on a new database whose clock stands at Epoch.
func Engines(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	Addresses(t, func(t *testing.T, address string) { test(t, Open(t, address, NewClock())) })
}

// Open opens a database and closes it when the test ends.
func Open(t testing.TB, address string, clock *Clock) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), address, StoreOptions(clock))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	return db
}

// Spoil runs a statement on the database at an address of Addresses, behind the back of whoever has it open: what
// a failing disk does, or a hand in the wrong place.
func Spoil(t testing.TB, address, statement string) {
	t.Helper()
	if err := spoil(address, statement); err != nil {
		t.Fatal(err)
	}
}

func spoil(address, statement string) error {
	driver, source := "pgx", address
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	_, err = db.Exec(statement)
	return errors.Join(err, db.Close())
}

var (
	template     sync.Once
	templateName string
	templateErr  error
	databases    atomic.Int64
)

// newPostgres makes a database by copying a template that has the schema already.
func newPostgres(t testing.TB, server string) string {
	t.Helper()
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	template.Do(func() {
		templateName = fmt.Sprintf("purser_template_%d", os.Getpid())
		// A process of the same number may have left its own behind.
		if _, templateErr = admin.Exec("DROP DATABASE IF EXISTS " + templateName + " WITH (FORCE)"); templateErr != nil {
			return
		}
		if _, templateErr = admin.Exec("CREATE DATABASE " + templateName); templateErr != nil {
			return
		}
		var db *store.DB
		if db, templateErr = store.Open(context.Background(), inDatabase(server, templateName), StoreOptions(NewClock())); templateErr == nil {
			templateErr = db.Close()
		}
		if templateErr == nil { // each copy of it gets a lineage of its own
			templateErr = spoil(inDatabase(server, templateName), `UPDATE place_changes SET lineage = 0`)
		}
	})
	if templateErr != nil {
		t.Fatalf("preparing the PostgreSQL template: %v", templateErr)
	}
	name := fmt.Sprintf("purser_test_%d_%d", os.Getpid(), databases.Add(1))
	if _, err := admin.Exec("CREATE DATABASE " + name + " TEMPLATE " + templateName); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin, err := sql.Open("pgx", server)
		if err != nil {
			t.Error(err)
			return
		}
		defer admin.Close()
		if _, err := admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("dropping the test database: %v", err)
		}
	})
	return inDatabase(server, name)
}

// inDatabase is the server's address with another database.
func inDatabase(server, database string) string {
	address, err := url.Parse(server)
	if err != nil {
		panic("the address of the test server is not a URL")
	}
	address.Path = "/" + database
	return address.String()
}

// Times is how often a test does what takes long: what the environment variable says, else so often.
func Times(t testing.TB, variable string, byDefault int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s must be a number above zero, not %q", variable, text)
	}
	return n
}
