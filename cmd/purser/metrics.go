package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// figures are what monitoring reads, at /metrics in Prometheus' text form.
type figures struct {
	db *store.DB
	// callbacks sends callbacks.
	callbacks *callback.Courier
	now       func() time.Time
	// verified and differences count accounts and findings of the samples; last is when one was right, in seconds since
	// 1970, 0 for never.
	verified, differences, last atomic.Int64
}

// What there is to read.
var (
	verifyAccounts   = prometheus.NewDesc("purser_verify_accounts_total", "Accounts that samples have recomputed from the journal.", nil, nil)
	verifyFound      = prometheus.NewDesc("purser_verify_differences_total", "Samples in which something was not what the journal comes to.", nil, nil)
	verifyLast       = prometheus.NewDesc("purser_verify_last_timestamp_seconds", "When a sample was last found right; 0 for never.", nil, nil)
	moneyBatches     = prometheus.NewDesc("purser_money_batches_total", "Batches of money commands that were committed.", nil, nil)
	moneyCommands    = prometheus.NewDesc("purser_money_commands_total", "Commands in those batches.", nil, nil)
	moneyBatchSize   = prometheus.NewDesc("purser_money_batch_commands", "Commands in a batch.", nil, nil)
	moneyCommit      = prometheus.NewDesc("purser_money_commit_seconds", "How long it took to write a batch and commit it.", nil, nil)
	callbackWaiting  = prometheus.NewDesc("purser_callbacks_waiting", "Callbacks that wait to be delivered, on this database; counted to 10000.", nil, nil)
	callbackOldest   = prometheus.NewDesc("purser_callbacks_oldest_seconds", "How long the oldest of them has waited; 0 for none.", nil, nil)
	callbackAttempts = prometheus.NewDesc("purser_callback_attempts_total", "Attempts of this process to deliver one, by what became of them.", []string{"outcome"}, nil)
	logWaiting       = prometheus.NewDesc("purser_log_waiting", "Leaves that are committed and not in the log of the ledger yet; of each writer 1,000 at most are counted.", nil, nil)
	logOldest        = prometheus.NewDesc("purser_log_oldest_seconds", "How long the oldest of them has waited; 0 for none.", nil, nil)
	logCheckpointAge = prometheus.NewDesc("purser_log_checkpoint_seconds", "How old the newest checkpoint is; 0 before there is one.", nil, nil)
	moneyWaiting     = prometheus.NewDesc("purser_money_waiting", "Commands that wait for a writer now.", nil, nil)
)

// Describe names all figures.
func (f *figures) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, to) }

// Collect reads all figures.
func (f *figures) Collect(to chan<- prometheus.Metric) {
	count := func(what *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(what, prometheus.CounterValue, value)
	}
	gauge := func(what *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(what, prometheus.GaugeValue, value)
	}
	spread := func(what *prometheus.Desc, h store.Histogram) {
		buckets, below := make(map[float64]uint64, len(h.Bounds)), uint64(0)
		for i, bound := range h.Bounds {
			below += h.Counts[i]
			buckets[bound] = below
		}
		to <- prometheus.MustNewConstHistogram(what, h.Total, h.Sum, buckets)
	}
	m := f.db.MoneyMeasures()
	count(verifyAccounts, float64(f.verified.Load()))
	count(verifyFound, float64(f.differences.Load()))
	gauge(verifyLast, float64(f.last.Load()))
	count(moneyBatches, float64(m.BatchSize.Total))
	count(moneyCommands, float64(m.Commands))
	spread(moneyBatchSize, m.BatchSize)
	spread(moneyCommit, m.CommitSeconds)
	gauge(moneyWaiting, float64(m.Waiting))
	f.collectCallbacks(to)
	f.collectLog(to)
}

// collectLog reads how far the log is behind.
func (f *figures) collectLog(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	m, err := f.db.LogMeasures(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(logWaiting, err)
		return
	}
	to <- prometheus.MustNewConstMetric(logWaiting, prometheus.GaugeValue, float64(m.Waiting))
	to <- prometheus.MustNewConstMetric(logOldest, prometheus.GaugeValue, m.Oldest.Seconds())
	to <- prometheus.MustNewConstMetric(logCheckpointAge, prometheus.GaugeValue, m.Signed.Seconds())
}

// collectCallbacks reads the figures of callbacks.
func (f *figures) collectCallbacks(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	waiting, oldest, err := f.db.CallbacksWaiting(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(callbackWaiting, err)
		return
	}
	age := 0.0
	if !oldest.IsZero() {
		age = max(f.now().Sub(oldest).Seconds(), 0)
	}
	to <- prometheus.MustNewConstMetric(callbackWaiting, prometheus.GaugeValue, float64(waiting))
	to <- prometheus.MustNewConstMetric(callbackOldest, prometheus.GaugeValue, age)
	tried := f.callbacks.Outcomes()
	for _, outcome := range wallet.CallbackOutcomes() {
		to <- prometheus.MustNewConstMetric(callbackAttempts, prometheus.CounterValue, float64(tried[outcome]), string(outcome))
	}
}

// sampledAccounts is how many accounts a sample has.
const sampledAccounts = 50

// sampleTimeout bounds a sample.
const sampleTimeout = 30 * time.Second

// monitor verifies samples until the server stops, and answers /metrics where an address is set.
func (s *server) monitor(db *store.DB) error {
	f := &figures{db: db, callbacks: s.callbacks, now: s.businessClock()}
	if s.config.verifyEvery < 0 {
		return errors.New("--verify-every must not be negative; 0 verifies nothing")
	}
	if err := s.serveMetrics(f); err != nil {
		return err
	}
	if s.config.verifyEvery == 0 {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.closing(func() error { stop(); <-done; return nil })
	go func() {
		defer close(done)
		tick := time.NewTicker(s.config.verifyEvery)
		defer tick.Stop()
		for {
			s.sample(ctx, f)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return nil
}

// sample verifies one sample.
func (s *server) sample(ctx context.Context, f *figures) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	n, err := f.db.VerifySample(ctx, sampledAccounts)
	var found *store.Difference
	switch {
	case errors.As(err, &found):
		f.differences.Add(1)
		s.log.Error("the books are not right", "of", found.Of, "what", found.What, "stored", found.Stored, "computed", found.Computed)
	case err != nil && !errors.Is(err, context.Canceled):
		s.log.Warn("a sample of the books could not be verified", "error", err)
	case err == nil:
		f.last.Store(s.now().Unix())
	}
	f.verified.Add(int64(n))
}

// readyTimeout is how long the database may take to say that it is there.
const readyTimeout = 2 * time.Second

// ready tells a load balancer whether requests are answered: not while the database is away.
func (f *figures) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := f.db.Ready(ctx); err != nil {
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// serveMetrics answers /metrics and /ready on the operator's address.
func (s *server) serveMetrics(f *figures) error {
	if s.config.metrics == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(s.config.metrics)
	if err != nil {
		return fmt.Errorf("--metrics %q: write a port, or host and port, such as :9090", s.config.metrics)
	}
	address := s.config.metrics
	if host == "" { // nobody but this machine, unless it is said
		address = "127.0.0.1" + address
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %s for --metrics: %w", address, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(f)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /ready", f.ready)
	metrics := &http.Server{
		Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	go metrics.Serve(listener)
	s.closing(metrics.Close)
	s.log.Info("metrics", "address", "http://"+callable(listener.Addr())+"/metrics")
	return nil
}
