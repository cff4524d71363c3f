package main

import (
	"context"
	"fmt"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// What a page of statements and the look-up of a transaction may cost more after a long history than after a short one.
const (
	mostHistory = 2.0
	lookUps     = 500
)

// history compares reading in a wallet that was paid half a million times with one that was paid some hundred times, and the
// first transaction with the last.
func (b *bench) history(ctx context.Context, t *town) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	long, short := hot.merchant(0), uniform.merchant(1)
	counts := [2]int{}
	for i, walletID := range []int64{long, short} {
		page, err := t.db.WalletStatements(ctx, walletID, wallet.StatementFilter{Limit: 1})
		if err != nil {
			return err
		}
		counts[i] = page.Total
	}
	var ratios []float64
	for range 2 * rounds {
		var each [2]time.Duration
		for i, walletID := range []int64{long, short} {
			began := b.now()
			for n := range lookUps {
				f := wallet.StatementFilter{Limit: 20, Ascending: n%2 == 1, Offset: counts[i] / 2 * (n % 3)} // near, in the middle, at the end
				if _, err := t.db.WalletStatements(ctx, walletID, f); err != nil {
					return err
				}
			}
			each[i] = b.now().Sub(began) / lookUps
		}
		ratios = append(ratios, float64(each[0])/float64(each[1]))
		b.say("a page of 20 statements: %.0f µs among %d, %.0f µs among %d", micros(each[0]), counts[0], micros(each[1]), counts[1])
	}
	b.judge(result{
		what: fmt.Sprintf("a page of statements among %d against one among %d", counts[0], counts[1]), limit: fmt.Sprintf("<= %.1f times", mostHistory),
		measured: fmt.Sprintf("%.1f times", median(ratios)), verdict: atMost(median(ratios), mostHistory),
	}, nil)
	return t.lookUp(ctx, b)
}

// lookUp compares the look-up of the first transactions of the town with that of the last.
func (t *town) lookUp(ctx context.Context, b *bench) error {
	last, err := t.lastTransaction(ctx)
	if err != nil {
		return err
	}
	var ratios []float64
	for range 2 * rounds {
		var each [2]time.Duration
		for i, from := range []int64{1, last - lookUps} {
			began := b.now()
			for n := range int64(lookUps) {
				if _, err := t.db.Transaction(ctx, from+n); err != nil {
					return err
				}
			}
			each[i] = b.now().Sub(began) / lookUps
		}
		ratios = append(ratios, float64(each[1])/float64(each[0]))
		b.say("looking a transaction up: %.1f µs the first, %.1f µs the last of %d", micros(each[0]), micros(each[1]), last)
	}
	b.judge(result{
		what: fmt.Sprintf("looking up the last of %d transactions against the first", last), limit: fmt.Sprintf("<= %.1f times", mostHistory),
		measured: fmt.Sprintf("%.1f times", median(ratios)), verdict: atMost(median(ratios), mostHistory),
	}, nil)
	return nil
}

// lastTransaction is the largest number that a transaction has.
func (t *town) lastTransaction(ctx context.Context) (id int64, err error) {
	pool, err := t.pool()
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	err = pool.QueryRowContext(ctx, `SELECT max(id) FROM transactions`).Scan(&id)
	return id, err
}
