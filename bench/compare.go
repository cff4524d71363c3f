package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// contestant is a server and the load made for it.
type contestant struct {
	name   string
	server *process
	load   *generator
}

// score is what a contestant did in the turns of a round, added up.
type score struct {
	load
	// server, generator and others are CPU times, the last of everything else on the machine.
	server, generator, others time.Duration
}

// ratios are purser's figures by the bare server's, one for each pair of turns.
type ratios struct{ throughput, cpu []float64 }

func (r *ratios) add(of, by score) {
	r.throughput = append(r.throughput, of.throughput()/by.throughput())
	r.cpu = append(r.cpu, of.perRequest(of.server)/by.perRequest(by.server))
}

// compare runs the contestants in turns and judges the medians of the ratios. Turns are short,
// who goes first changes with each, and a turn is compared with the one beside it only, so that
// a neighbour who makes the machine slow for a while spoils little.
func (b *bench) compare(ctx context.Context, bare, purser contestant) error {
	var all ratios
	var together score
	for round := 1; round <= rounds; round++ {
		var pairs ratios
		var by, of score
		for turn := range turns {
			one, other, err := b.pair(ctx, bare, purser, turn%2 == 1)
			if err != nil {
				return err
			}
			pairs.add(other, one)
			all.add(other, one)
			by.add(one)
			of.add(other)
		}
		together.add(by)
		together.add(of)
		b.say("round %d  %s", round, by.line(bare.name))
		b.say("round %d  %s", round, of.line(purser.name))
		b.say("round %d  ratio of throughput %.2f, of server CPU %.2f", round, median(pairs.throughput), median(pairs.cpu))
	}
	b.judgeRatios(all, together, purser)
	return nil
}

func (b *bench) judgeRatios(all ratios, together score, purser contestant) {
	throughput, cpu := median(all.throughput), median(all.cpu)
	_, unknown := purser.server.cpu()
	b.judge(result{
		what: "throughput against the bare server", limit: fmt.Sprintf(">= %.2f", leastThroughput),
		measured: fmt.Sprintf("%.2f", throughput), verdict: atLeast(throughput, leastThroughput),
	}, nil)
	b.judge(result{
		what: "server CPU per request against the bare server", limit: fmt.Sprintf("<= %.1f", mostCPU),
		measured: fmt.Sprintf("%.2f", cpu), verdict: atMost(cpu, mostCPU),
	}, unknown)
	b.judge(result{
		what: "CPUs that anything else kept busy meanwhile", limit: "-",
		measured: fmt.Sprintf("%.2f", together.othersCPUs()), verdict: informative,
	}, unknown)
}

// pair has both contestants play one turn, bare first unless turned around.
func (b *bench) pair(ctx context.Context, bare, purser contestant, turned bool) (one, other score, err error) {
	if turned {
		if other, err = b.play(ctx, purser); err != nil {
			return one, other, err
		}
		one, err = b.play(ctx, bare)
		return one, other, err
	}
	if one, err = b.play(ctx, bare); err != nil {
		return one, other, err
	}
	other, err = b.play(ctx, purser)
	return one, other, err
}

// play is one turn of one contestant. CPU times that this system does not tell stay 0.
func (b *bench) play(ctx context.Context, c contestant) (score, error) {
	server, generator, machine, err := c.cpu()
	if err != nil {
		return score{}, err
	}
	made, err := c.load.run(ctx, amount{time: turnTime})
	if err != nil {
		return score{}, fmt.Errorf("%s: %w", c.name, err)
	}
	serverAfter, generatorAfter, machineAfter, err := c.cpu()
	if err != nil {
		return score{}, err
	}
	s := score{load: made, server: serverAfter - server, generator: generatorAfter - generator}
	s.others = machineAfter - machine - s.server - s.generator
	return s, nil
}

func (s *score) add(turn score) {
	s.requests += turn.requests
	s.took += turn.took
	s.server += turn.server
	s.generator += turn.generator
	s.others += turn.others
}

// cpu reads the CPU times used so far.
func (c contestant) cpu() (server, generator, machine time.Duration, err error) {
	if server, err = c.server.cpu(); err != nil && !errors.Is(err, errUnmeasured) {
		return 0, 0, 0, err
	}
	if machine, err = machineCPU(); err != nil && !errors.Is(err, errUnmeasured) {
		return 0, 0, 0, err
	}
	return server, ownCPU(), machine, nil
}

func (s score) throughput() float64 { return float64(s.requests) / s.took.Seconds() }

// perRequest is a CPU time per request, in microseconds.
func (s score) perRequest(used time.Duration) float64 { return micros(used) / float64(s.requests) }

func (s score) line(name string) string {
	return fmt.Sprintf("%-6s %6.0f requests/s; CPU per request: server %5.2f µs, generator %5.2f µs; others use %.2f CPUs",
		name, s.throughput(), s.perRequest(s.server), s.perRequest(s.generator), s.othersCPUs())
}

// othersCPUs is how many CPUs everything else kept busy. The clocks behind it differ a little,
// so that it can come out below nothing.
func (s score) othersCPUs() float64 { return max(0, s.others.Seconds()/s.took.Seconds()) }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
