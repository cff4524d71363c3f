package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"sync/atomic"
	"time"
)

// atStore measures whole lives at the store.
func (b *bench) atStore(ctx context.Context, t *town, long time.Duration) (err error) {
	before, err := t.audit(ctx)
	if err != nil {
		return err
	}
	var n atomic.Int64
	var counted int64
	for _, s := range []spread{uniform, hot} {
		if f := os.Getenv("BENCH_PROFILE"); f != "" {
			w, _ := os.Create(fmt.Sprintf("%s-%.6s-%.3s", f, t.address, s))
			pprof.StartCPUProfile(w)
		}
		cpu := ownCPU()
		e0, _ := t.engineCPU()
		done, took, err := b.together(ctx, 32, long, &n, func(ctx context.Context, n int64) error { return t.live(ctx, n, s) })
		if err != nil {
			return err
		}
		pprof.StopCPUProfile()
		counted += done
		e1, _ := t.engineCPU()
		b.say("%s: %d lives/s, %.0f µs own CPU each, %.0f engine", s, int(float64(done)/took.Seconds()), micros(ownCPU()-cpu)/float64(done), micros(e1-e0)/float64(done))
	}
	return t.check(ctx, before, counted)
}

func (b *bench) moneyOnly(ctx context.Context) (err error) {
	if b.folder, err = os.MkdirTemp("", "purser-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	pg, drop, err := b.postgresAddress(ctx, "lives")
	if err != nil {
		return err
	}
	defer drop()
	for _, address := range []string{b.sqliteAddress("lives"), pg} {
		if e := os.Getenv("ENGINE"); e != "" && address[:2] != e {
			continue
		}
		began := b.now()
		t, err := b.newTown(ctx, address, 10_000, 10_000)
		if err != nil {
			return err
		}
		b.say("%.10s: settled in %v", address, b.now().Sub(began))
		if os.Getenv("HTTP") != "" {
			if b.purser == "" {
				if b.purser, err = buildPurser(ctx, b.folder); err != nil {
					return err
				}
			}
			if err := b.overHTTP(ctx, t, 2*time.Second); err != nil {
				return err
			}
			continue
		}
		if err := b.atStore(ctx, t, 2*time.Second); err != nil {
			return err
		}
		if !t.isSQLite() {
			if err := b.confirmStep(ctx, t); err != nil {
				return err
			}
		}
		if err := t.close(); err != nil {
			return err
		}
	}
	return nil
}
