package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
)

// postmaster is a PostgreSQL of a test's own, as durable as in production.
type postmaster struct {
	dir     string
	bin     string
	process *exec.Cmd
	exited  chan struct{}
}

// command is a program of PostgreSQL, which refuses to run as root: root lends it another user.
func (p *postmaster) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(filepath.Join(p.bin, name), args...)
	c.Dir, c.Env = p.dir, append(os.Environ(), "LC_ALL=C")
	if libs := os.Getenv("PURSER_TEST_POSTGRES_LIBS"); libs != "" {
		c.Env = append(c.Env, "LD_LIBRARY_PATH="+libs)
	}
	if os.Geteuid() != 0 {
		return c
	}
	lent, err := user.Lookup("postgres")
	if err != nil {
		if lent, err = user.Lookup("nobody"); err != nil {
			t.Fatal(err)
		}
	}
	uid, _ := strconv.Atoi(lent.Uid)
	gid, _ := strconv.Atoi(lent.Gid)
	if err := os.Chown(p.dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return c
}

// newPostmaster makes and starts one; nil where PostgreSQL is left out on purpose.
func newPostmaster(t *testing.T) *postmaster {
	t.Helper()
	if os.Getenv(wallettest.PostgresVariable) == "off" {
		return nil
	}
	dir, err := os.MkdirTemp("/tmp", "purser-postgres.") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &postmaster{dir: dir, bin: os.Getenv("PURSER_TEST_POSTGRES_BIN")}
	if p.bin == "" {
		t.Fatal("PURSER_TEST_POSTGRES_BIN does not say where PostgreSQL's programs are: scripts/with-postgres does")
	}
	if out, err := p.command(t, "initdb", "-D", "data", "-U", "purser", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	p.start(t)
	t.Cleanup(func() { p.kill() })
	return p
}

func (p *postmaster) address() string {
	return fmt.Sprintf("postgres://purser@/postgres?host=%s&port=5432&sslmode=disable", p.dir)
}

// start starts it, again and again while the children of one that was killed are still there, until it answers.
func (p *postmaster) start(t *testing.T) {
	t.Helper()
	db, err := sql.Open("pgx", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 100 {
		p.process = p.command(t, "postgres", "-D", "data", "-k", p.dir, "-c", "listen_addresses=", "-c", "jit=off", "-c", "max_connections=100")
		if err := p.process.Start(); err != nil {
			t.Fatal(err)
		}
		process, exited := p.process, make(chan struct{})
		p.exited = exited
		go func() { process.Wait(); close(exited) }()
		for alive := true; alive; {
			select {
			case <-exited:
				alive = false
			case <-time.After(20 * time.Millisecond):
				if db.Ping() == nil {
					return
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("PostgreSQL did not come back")
}

// kill ends it with no warning.
func (p *postmaster) kill() {
	p.process.Process.Kill()
	<-p.exited
}

// While PostgreSQL is away whoever reads, writes or moves money learns that it is, rather than that something went wrong; and the server
// is not ready. When it is back all goes on.
func TestPostgresThatIsAway(t *testing.T) {
	postgres := newPostmaster(t)
	if postgres == nil {
		return
	}
	db, closeNow := open(t, postgres.address())
	defer closeNow()
	wallets(t, db, 1)
	mustMove(t, db, 100, outside, purse(1), "before")
	if err := postgres.process.Process.Signal(syscall.SIGQUIT); err != nil { // with all its children, at once
		t.Fatal(err)
	}
	<-postgres.exited
	_, reading := db.UserByContact(t.Context(), "nobody@example.com")
	writing := db.Update(t.Context(), func(tx *store.Tx) error { return tx.SetSetting("away", []byte{1}) })
	_, moving := move(db, 1, outside, purse(1), "while it is away")
	for what, err := range map[string]error{"reading": reading, "writing": writing, "money": moving, "ready": db.Ready(t.Context())} {
		if !store.Unreachable(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	postgres.start(t)
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("it is back, and the server is not ready: %v", err)
	}
	mustMove(t, db, 1, outside, purse(1), "after all")
}

// PostgreSQL itself is killed, and started again at once, while a server moves money for sixteen callers. The server
// goes on by itself; all that it acknowledged is there once, and the books are right.
func TestKillPostgres(t *testing.T) {
	kills := wallettest.Times(t, "PURSER_TEST_POSTGRES_KILLS", 2)
	postgres := newPostmaster(t)
	if postgres == nil {
		return
	}
	db, closeNow := open(t, postgres.address())
	wallets(t, db, 20)
	var told gathered[ledger.Entry]
	var failures atomic.Int64
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		crowd(16, func(caller int) {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				from, to := outside, purse(int64(1+rand.IntN(10)))
				if i%2 == 1 {
					from, to = to, purse(int64(11+rand.IntN(10)))
				}
				entries, err := move(db, 1+rand.Int64N(100), from, to, fmt.Sprintf("caller %d, payment %d", caller, i))
				switch {
				case err == nil:
					told.add(entries...)
				case !errors.Is(err, ledger.ErrNotCovered):
					failures.Add(1) // what became of it, nobody was told
				}
			}
		})
	}()
	for range kills {
		time.Sleep(200*time.Millisecond + rand.N(300*time.Millisecond))
		postgres.kill()
		postgres.start(t)
		verifyClean(t, postgres.address())
	}
	time.Sleep(500 * time.Millisecond)
	close(stop)
	within(t, time.Minute, func() { <-done })
	mustMove(t, db, 1, outside, purse(1), "after all")
	closeNow()
	seen := verifyClean(t, postgres.address())
	stored := readBooks(t, postgres.address())
	stored.holds(t, told.all)
	for text, n := range stored.texts {
		if n > 1 {
			t.Errorf("%q took effect %d times", text, n)
		}
	}
	if len(told.all) < 20*kills {
		t.Errorf("only %d payments were acknowledged: this proves little", len(told.all))
	}
	if untold := int64(len(stored.entries)-1-len(told.all)) - failures.Load(); untold > 0 {
		t.Errorf("%d entries are there that nobody asked for", untold)
	}
	t.Logf("%d kills: %d payments were acknowledged, of %d nobody knew; verified %+v", kills, len(told.all), failures.Load(), seen)
}
