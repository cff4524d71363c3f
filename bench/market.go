package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// What is promised of the whole life of a payment over HTTP: lives a second on each engine, how much of that is left when
// all pay one merchant, how long the slowest hundredth takes, the CPU of server and database for each, and how much
// better than the control that is.
const (
	leastOnSQLite, leastOnPostgres = 3000.0, 2500.0
	leastOfThatHot                 = 0.8
	mostP99                        = 25 * time.Millisecond
	mostLifeCPU                    = 300 * time.Microsecond
	leastUniform, leastHot         = 2.0, 3.0
	// livesTime is how long each contestant has in each round.
	livesTime = 3 * time.Second
)

// serve starts purser on a town, whose database this process must not have open if it is SQLite's.
func (t *town) serve(ctx context.Context, b *bench) (*process, error) {
	folder, err := os.MkdirTemp(b.folder, "data-")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "kek"), []byte(t.kek.Reveal()), 0o600); err != nil {
		return nil, err
	}
	return startPurser(ctx, b, folder, t.address)
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
	return start(ctx, b, address, "/", self, "-naive", address, "-database", t.address, "-kek-file", kek)
}

// stall is a server of payments with those who come to it.
type stall struct {
	name   string
	server *process
	crowd  *crowd
	// done are its lives, in all rounds of each kind.
	done map[spread][]trade
}

// trade is what a stall did in a round.
type trade struct {
	lives
	// server and engine are CPU times, of the server and of the database's own processes.
	server, engine time.Duration
}

func (t trade) rate() float64 { return float64(t.count) / t.took.Seconds() }

// each is the CPU time of a life.
func (t trade) each() time.Duration { return (t.server + t.engine) / time.Duration(max(t.count, 1)) }

// overHTTP measures whole lives over the wire, purser beside the control where there is one, and has the database
// confirm what was counted.
func (b *bench) overHTTP(ctx context.Context, t *town) error {
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
	stalls := []*stall{{"purser", server, b.newCrowd(server.address, t), map[spread][]trade{}}}
	if !t.isSQLite() {
		control, err := t.serveNaive(ctx, b)
		if err != nil {
			return err
		}
		defer control.kill()
		stalls = append(stalls, &stall{"naive", control, b.newCrowd(control.address, t), map[spread][]trade{}})
	}
	counted, err := b.market(ctx, t, stalls)
	if err != nil {
		return err
	}
	b.judgeLives(t, stalls)
	return t.check(ctx, before, counted)
}

// market has the stalls take turns, after every payer was at each once: their tokens are in memory then, and every
// merchant has an account.
func (b *bench) market(ctx context.Context, t *town, stalls []*stall) (counted int64, err error) {
	for _, s := range stalls {
		made, err := s.crowd.lead(ctx, amount{requests: int64(t.payers)}, uniform)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.name, err)
		}
		counted += made.count
	}
	for _, who := range []spread{uniform, hot} {
		for range rounds {
			for _, s := range stalls {
				made, err := s.trade(ctx, t, who)
				if err != nil {
					return 0, fmt.Errorf("%s: %w", s.name, err)
				}
				counted += made.count
				s.done[who] = append(s.done[who], made)
				b.say("%s, %-6s %-12s %s", t.engine(), s.name, who, made)
			}
		}
	}
	return counted, nil
}

// trade is one round of a stall. CPU times that this system does not tell stay 0.
func (s *stall) trade(ctx context.Context, t *town, who spread) (made trade, err error) {
	server, _ := s.server.cpu()
	engine, err := t.engineCPU()
	if err != nil {
		return made, err
	}
	if made.lives, err = s.crowd.lead(ctx, amount{time: livesTime}, who); err != nil {
		return made, err
	}
	serverAfter, _ := s.server.cpu()
	engineAfter, err := t.engineCPU()
	made.server, made.engine = serverAfter-server, engineAfter-engine
	return made, err
}

func (t trade) String() string {
	n := float64(max(t.count, 1))
	steps := ""
	for i, step := range []string{"create", "reserve", "confirm"} {
		steps += fmt.Sprintf("; %s %.1f/%.1f", step, millis(percentile(t.steps[i], 0.5)), millis(percentile(t.steps[i], 0.99)))
	}
	return fmt.Sprintf("%6.0f lives/s; p50/p99 ms: life %.1f/%.1f%s; CPU each: server %.0f µs, database %.0f µs",
		t.rate(), millis(percentile(t.whole, 0.5)), millis(percentile(t.whole, 0.99)), steps, micros(t.server)/n, micros(t.engine)/n)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// medianOf is the median of something about the rounds.
func medianOf[T ~float64 | ~int64](rounds []trade, of func(trade) T) T {
	var all []T
	for _, t := range rounds {
		all = append(all, of(t))
	}
	return median(all)
}

// judgeLives holds the rounds against the promises.
func (b *bench) judgeLives(t *town, stalls []*stall) {
	least := leastOnPostgres
	if t.isSQLite() {
		least = leastOnSQLite
	}
	for _, who := range []struct {
		spread
		share, naive float64
	}{{uniform, 1, leastUniform}, {hot, leastOfThatHot, leastHot}} {
		ours, what := stalls[0].done[who.spread], fmt.Sprintf("whole payments over HTTP on %s, %s", t.engine(), who.spread)
		rate, p99 := medianOf(ours, trade.rate), medianOf(ours, func(t trade) time.Duration { return percentile(t.whole, 0.99) })
		each := medianOf(ours, trade.each)
		_, unknown := stalls[0].server.cpu()
		b.judge(result{what: what, limit: fmt.Sprintf(">= %.0f/s", least*who.share), measured: fmt.Sprintf("%.0f/s", rate),
			verdict: atLeast(rate, least*who.share)}, nil)
		b.judge(result{what: what + ", p99", limit: fmt.Sprintf("< %.0f ms", millis(mostP99)), measured: fmt.Sprintf("%.1f ms", millis(p99)),
			verdict: atMost(float64(p99), float64(mostP99))}, nil)
		b.judge(result{what: what + ", CPU of server and database", limit: fmt.Sprintf("<= %.0f µs", micros(mostLifeCPU)),
			measured: fmt.Sprintf("%.0f µs", micros(each)), verdict: atMost(float64(each), float64(mostLifeCPU))}, unknown)
		if len(stalls) == 1 {
			continue
		}
		var ratios []float64
		for i, naive := range stalls[1].done[who.spread] {
			ratios = append(ratios, ours[i].rate()/naive.rate())
		}
		b.judge(result{what: what + ", against the naive control", limit: fmt.Sprintf(">= %.0f times", who.naive),
			measured: fmt.Sprintf("%.1f times", median(ratios)), verdict: atLeast(median(ratios), who.naive)}, nil)
	}
}
