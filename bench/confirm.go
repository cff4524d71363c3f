package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// callers is how many payments are under way at once: over the wire each has a connection of its own.
const callers = 32

// reserved is a payment that only has to be confirmed.
type reserved struct{ id, payer, merchant int64 }

// reserveMany makes so many of them, on and on from the nth.
func (t *town) reserveMany(ctx context.Context, n *atomic.Int64, count int, s spread) ([]reserved, error) {
	made := make([]reserved, count)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * callers)
	for i := range made {
		group.Go(func() error {
			n := n.Add(1)
			payer, merchant := t.payer(n), s.merchant(n)
			one, err := t.create(ctx, merchant)
			if err != nil {
				return err
			}
			made[i] = reserved{one.ID, payer, merchant}
			return t.reserve(ctx, one, payer)
		})
	}
	return made, group.Wait()
}

// pace is how fast something goes: how many a second, and the CPU time of each, this process's and PostgreSQL's together.
type pace struct {
	rate float64
	cpu  time.Duration
}

// confirmAll confirms them from so many callers.
func (b *bench) confirmAll(ctx context.Context, t *town, list []reserved, confirm func(ctx context.Context, one reserved) error) (pace, error) {
	used, err := t.cpuUsed()
	if err != nil {
		return pace{}, err
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := b.now()
	for range callers {
		group.Go(func() error {
			for {
				i := next.Add(1) - 1
				if i >= int64(len(list)) {
					return nil
				}
				if err := confirm(ctx, list[i]); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return pace{}, err
	}
	took := b.now().Sub(began)
	after, err := t.cpuUsed()
	return pace{float64(len(list)) / took.Seconds(), (after - used) / time.Duration(len(list))}, err
}

// The confirm step alone, at the store: how many payments are confirmed in a round.
const (
	ourConfirms, naiveConfirms = 6000, 1500
	leastConfirmUniform        = 4
	leastConfirmHot            = 10
)

// confirmStep compares the step with the control, in turns.
func (b *bench) confirmStep(ctx context.Context, t *town) error {
	control, err := openNaive(ctx, t.address, b.now)
	if err != nil {
		return err
	}
	defer control.pool.Close()
	before, err := t.audit(ctx)
	if err != nil {
		return err
	}
	var n atomic.Int64
	for _, run := range []struct {
		spread
		least float64
	}{{uniform, leastConfirmUniform}, {hot, leastConfirmHot}} {
		// A merchant's first payment makes their account, which the control does not.
		if _, err := b.confirmed(ctx, t, &n, 2*merchants, run.spread, nil); err != nil {
			return err
		}
		var ratios []float64
		for range rounds {
			theirs, err := b.confirmed(ctx, t, &n, naiveConfirms, run.spread, control)
			if err != nil {
				return err
			}
			ours, err := b.confirmed(ctx, t, &n, ourConfirms, run.spread, nil)
			if err != nil {
				return err
			}
			ratio := ours.rate / theirs.rate
			ratios = append(ratios, ratio)
			b.say("confirm at the store, %s: %6.0f/s, %4.0f µs of CPU each; naive %5.0f/s, %4.0f µs; %.1f times", run.spread,
				ours.rate, micros(ours.cpu), theirs.rate, micros(theirs.cpu), ratio)
		}
		b.judge(result{
			what:  fmt.Sprintf("confirm step at the store on PostgreSQL against the naive control, %s", run.spread),
			limit: fmt.Sprintf(">= %.0f times", run.least), measured: fmt.Sprintf("%.1f times", median(ratios)), verdict: atLeast(median(ratios), run.least),
		}, nil)
	}
	return t.check(ctx, before, n.Load())
}

// confirmed reserves so many payments, has them confirmed by the control, or by purser where that is nil, and returns
// how many of them a second.
func (b *bench) confirmed(ctx context.Context, t *town, n *atomic.Int64, count int, s spread, by *naive) (pace, error) {
	list, err := t.reserveMany(ctx, n, count, s)
	if err != nil {
		return pace{}, err
	}
	time.Sleep(100 * time.Millisecond) // what the last ones left to do
	return b.confirmAll(ctx, t, list, func(ctx context.Context, one reserved) error {
		if by == nil {
			return t.confirm(ctx, one.id, one.payer, one.merchant)
		}
		_, err := by.confirm(ctx, newNonce(b.now()), one.id)
		return err
	})
}
