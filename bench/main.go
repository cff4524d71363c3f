// Command bench measures what purser costs beside a bare net/http server, on the machine that
// it runs on, and says whether the promises of docs/performance.md hold there.
//
// Figures of different days and machines cannot be compared: what is judged are ratios of two
// servers that are measured in turns in one run, and CPU time, which a busy neighbour changes
// less than it changes throughput. `make bench` runs it; it ends with status 1 when a promise
// is broken.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// The promises, and how much work they are measured with.
const (
	leastThroughput = 0.70
	mostCPU         = 1.5
	mostAuthentic   = 2 * time.Microsecond
	mostStart       = 300 * time.Millisecond
	mostMemory      = 100 << 20

	connections = 64
	rounds      = 3
	turns       = 6
	turnTime    = time.Second
	warmUp      = 2 * time.Second
	signedCalls = 1_000_000
	starts      = 5
)

func main() {
	bare := flag.String("bare", "", "be the bare server on this `address`: how the benchmark starts the one it compares with")
	purser := flag.String("purser", "", "measure this `binary` instead of building one, to compare two of them")
	part := flag.String("part", "", "measure only this `part`: reads, payments, places, or large or strangers, which the rest leaves out")
	bareSize := flag.Int("bare-answer", 0, "the bare server answers with so many `bytes`")
	naive := flag.String("naive", "", "be the naive control on this `address`, for the database and key below")
	database := flag.String("database", "", "`address` of the control's database")
	kekFile := flag.String("kek-file", "", "`file` with the key-encryption key of the control's database")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *bare != "" {
		err = serveBare(*bare, *bareSize)
	} else if *naive != "" {
		err = serveNaiveShop(ctx, *naive, *database, *kekFile)
	} else {
		err = newBench(os.Stdout, time.Now, *purser, *part).run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// bench is one run of all measurements.
type bench struct {
	out io.Writer
	now func() time.Time
	// folder holds everything that the run makes, and goes when it ends.
	folder string
	// purser is the binary under test.
	purser string
	// part is what to measure; empty for all but what takes long.
	part string
	// postgres is the server that databases are made on; empty where there is none.
	postgres string
	results  []result
}

func newBench(out io.Writer, now func() time.Time, purser, part string) *bench {
	return &bench{out: out, now: now, purser: purser, part: part, postgres: os.Getenv("PURSER_TEST_POSTGRES")}
}

// errBroken says that a promise does not hold here; the table has said which one.
var errBroken = errors.New("a promise does not hold on this machine in this run")

func (b *bench) run(ctx context.Context) (err error) {
	if b.folder, err = os.MkdirTemp("", "purser-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	b.say("%d CPUs, %s/%s, %s, %d keep-alive connections", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), connections)
	if b.purser == "" {
		if b.purser, err = buildPurser(ctx, b.folder); err != nil {
			return err
		}
	}
	if err := b.parts(ctx); err != nil {
		return err
	}
	b.table()
	if slices.ContainsFunc(b.results, func(r result) bool { return r.verdict == broken }) {
		return errBroken
	}
	return nil
}

// parts measures what was asked for.
func (b *bench) parts(ctx context.Context) error {
	all := []struct {
		part, what string
		measure    func(ctx context.Context) error
	}{
		{"reads", "inside this process", b.inside},
		{"reads", "over the wire", b.overWire},
		{"payments", "payments", b.money},
		{"places", "places", b.places},
		{"large", "many wallets and payments", b.large},
		{"strangers", "searches that strangers make large", b.strangers},
	}
	for _, one := range all {
		if b.part != one.part && (b.part != "" || one.part == "large" || one.part == "strangers") {
			continue
		}
		if err := one.measure(ctx); err != nil {
			return fmt.Errorf("measuring %s: %w", one.what, err)
		}
	}
	return nil
}

// overWire measures servers as their callers see them. The comparison and the million calls
// begin on a fresh folder each: a server that has just started collects garbage most often, and
// the memory is to be that of a million calls and no more.
func (b *bench) overWire(ctx context.Context) error {
	data, auth, err := b.newFolder(ctx, "compare")
	if err != nil {
		return err
	}
	if err := b.startTimes(ctx, data, "start to first answer on an existing folder"); err != nil {
		return err
	}
	if err := b.sideBySide(ctx, data, auth); err != nil {
		return err
	}
	if data, auth, err = b.newFolder(ctx, "million"); err != nil {
		return err
	}
	if err := b.million(ctx, data, auth); err != nil {
		return err
	}
	return b.startTimes(ctx, data, "the same, with a million nonces to remember")
}

// newFolder makes a data folder with the sample world, and with a client of it that signs by auth. A sandbox's own folder is no
// server's, so the world moves out of it.
func (b *bench) newFolder(ctx context.Context, name string) (data string, auth walletapi.MAC, err error) {
	made := filepath.Join(b.folder, name+"-sandbox")
	first, err := startSandbox(ctx, b, made)
	if err != nil {
		return "", auth, err
	}
	first.kill()
	if auth, err = b.ownKey(ctx, made); err != nil {
		return "", auth, err
	}
	data = filepath.Join(b.folder, name)
	if err := os.Mkdir(data, 0o700); err != nil {
		return "", auth, err
	}
	files, err := filepath.Glob(filepath.Join(made, "purser.db*"))
	for _, file := range append(files, filepath.Join(made, "kek")) {
		err = errors.Join(err, os.Rename(file, filepath.Join(data, filepath.Base(file))))
	}
	return data, auth, err
}

// sideBySide starts both servers and compares them.
func (b *bench) sideBySide(ctx context.Context, data string, auth walletapi.MAC) error {
	purser, err := startPurser(ctx, b, data, "")
	if err != nil {
		return err
	}
	defer purser.kill()
	bare, err := startBare(ctx, b)
	if err != nil {
		return err
	}
	defer bare.kill()
	toBare := newGenerator(bare.address, auth, string(bareAnswer), b.now)
	toPurser := newGenerator(purser.address, auth, projectPart, b.now)
	for _, to := range []*generator{toBare, toPurser} {
		if _, err := to.run(ctx, amount{time: warmUp}); err != nil {
			return err
		}
	}
	if err := b.compare(ctx, contestant{"bare", bare, toBare}, contestant{"purser", purser, toPurser}); err != nil {
		return err
	}
	return b.checkLog(purser, toPurser.sent)
}

// million makes a million signed calls and looks at the memory of the server after them.
func (b *bench) million(ctx context.Context, data string, auth walletapi.MAC) error {
	purser, err := startPurser(ctx, b, data, "")
	if err != nil {
		return err
	}
	defer purser.kill()
	made, err := newGenerator(purser.address, auth, projectPart, b.now).run(ctx, amount{requests: signedCalls})
	if err != nil {
		return err
	}
	bytes, err := purser.memory()
	b.judge(result{
		what: fmt.Sprintf("resident memory after %d signed calls", made.requests), limit: fmt.Sprintf("< %d MiB", mostMemory>>20),
		measured: fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)), verdict: atMost(float64(bytes), mostMemory),
	}, err)
	return nil
}

// startTimes kills and starts purser on a folder that exists.
func (b *bench) startTimes(ctx context.Context, data, what string) error {
	var took []time.Duration
	for range starts {
		began := b.now()
		p, err := startPurser(ctx, b, data, "")
		if err != nil {
			return err
		}
		took = append(took, b.now().Sub(began))
		p.kill()
	}
	middle := median(took)
	b.judge(result{
		what: what, limit: fmt.Sprintf("< %d ms", mostStart.Milliseconds()),
		measured: fmt.Sprintf("%d ms", middle.Milliseconds()), verdict: atMost(float64(middle), float64(mostStart)),
	}, nil)
	return nil
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }
