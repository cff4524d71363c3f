package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// The sizes of towns.
const (
	townPayers                 = 10_000
	smallTown, largeTown       = 1_000, 1_000_000
	largePayments              = 1_000_000
	mostGrowth                 = 3.0
	growthTime                 = 3 * time.Second
	paymentsTogether     int64 = 50_000
)

// money measures payments: whole lives over HTTP on both engines, and the confirm step at the store.
func (b *bench) money(ctx context.Context) error {
	if err := b.inTown(ctx, b.sqliteAddress("town"), townPayers, townPayers, b.overHTTP); err != nil {
		return err
	}
	if b.postgres == "" {
		b.judge(result{what: "payments on PostgreSQL"}, errors.New("needs PURSER_TEST_POSTGRES: run make bench"))
		return nil
	}
	address, drop, err := b.postgresAddress(ctx, "town")
	if err != nil {
		return err
	}
	defer drop()
	return b.inTown(ctx, address, townPayers, townPayers, func(ctx context.Context, t *town) error {
		if err := b.confirmStep(ctx, t); err != nil {
			return err
		}
		return b.overHTTP(ctx, t)
	})
}

// inTown makes a town, measures in it, and closes it.
func (b *bench) inTown(ctx context.Context, address string, payers, withTokens int, measure func(ctx context.Context, t *town) error) error {
	began := b.now()
	t, err := b.newTown(ctx, address, payers, withTokens)
	if err != nil {
		return err
	}
	b.say("a town of %d payers on %s, made in %.1f s", payers, t.engine(), b.now().Sub(began).Seconds())
	return errors.Join(measure(ctx, t), t.close())
}

// large measures what grows with the number of wallets and payments: on SQLite, whose memory is this server's.
func (b *bench) large(ctx context.Context) error {
	return b.inTown(ctx, b.sqliteAddress("small"), smallTown, smallTown, func(ctx context.Context, small *town) error {
		return b.inTown(ctx, b.sqliteAddress("large"), largeTown, townPayers, func(ctx context.Context, large *town) error {
			if err := b.growth(ctx, small, large); err != nil {
				return err
			}
			return b.manyPayments(ctx, large)
		})
	})
}

// growth compares the CPU of whole lives at the store in two towns, in turns.
func (b *bench) growth(ctx context.Context, small, large *town) error {
	var ratios []float64
	var n [2]atomic.Int64
	for range rounds {
		var each [2]time.Duration
		for i, t := range []*town{small, large} {
			before := ownCPU()
			done, _, err := b.together(ctx, 2*callers, growthTime, &n[i], func(ctx context.Context, n int64) error { return t.live(ctx, n, uniform) })
			if err != nil {
				return err
			}
			each[i] = (ownCPU() - before) / time.Duration(done)
		}
		ratios = append(ratios, float64(each[1])/float64(each[0]))
		b.say("CPU of a payment at the store: %.0f µs among %d wallets, %.0f µs among %d", micros(each[0]), small.payers, micros(each[1]), large.payers)
	}
	b.judge(result{
		what:  fmt.Sprintf("CPU of a payment at the store among %d wallets against %d", large.payers, small.payers),
		limit: fmt.Sprintf("<= %.0f times", mostGrowth), measured: fmt.Sprintf("%.1f times", median(ratios)), verdict: atMost(median(ratios), mostGrowth),
	}, nil)
	return nil
}

// manyPayments makes a million payments over HTTP, half of them to one merchant, and looks at the memory of the server after
// them, and at what reading costs then. Those who have a token pay, and there are a million wallets.
func (b *bench) manyPayments(ctx context.Context, t *town) error {
	if err := t.close(); err != nil {
		return err
	}
	t.payers = t.withTokens
	before, err := t.audit(ctx)
	if err != nil {
		return err
	}
	server, err := t.serve(ctx, b)
	if err != nil {
		return err
	}
	defer server.kill()
	crowd := b.newCrowd(server.address, t)
	var counted int64
	for counted < largePayments {
		who := uniform
		if counted < largePayments/2 {
			who = hot // so that one wallet has a long history
		}
		made, err := crowd.lead(ctx, amount{requests: paymentsTogether}, who)
		if err != nil {
			return err
		}
		counted += made.count
	}
	bytes, unknown := server.memory()
	b.judge(result{
		what: fmt.Sprintf("resident memory after %d payments among %d wallets", counted, largeTown), limit: fmt.Sprintf("< %d MiB", mostMemory>>20),
		measured: fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)), verdict: atMost(float64(bytes), mostMemory),
	}, unknown)
	server.kill()
	if err := t.check(ctx, before, counted); err != nil {
		return err
	}
	return b.history(ctx, t)
}
