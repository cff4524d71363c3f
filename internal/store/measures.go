package store

import (
	"slices"
	"sync"
	"time"
)

// Histogram counts values by upper bounds.
type Histogram struct {
	// Bounds are rising, and Counts how many values were at most each of them and above the one before; what was
	// above all of them is in Total alone.
	Bounds []float64
	Counts []uint64
	// Total is how many values there were, and Sum what they come to.
	Total uint64
	Sum   float64
}

func (h *Histogram) observe(value float64) {
	h.Total++
	h.Sum += value
	if at, _ := slices.BinarySearch(h.Bounds, value); at < len(h.Bounds) {
		h.Counts[at]++
	}
}

func (h Histogram) clone() Histogram {
	h.Counts = slices.Clone(h.Counts)
	return h
}

// MoneyMeasures are what the writers of money have done since the database was opened.
type MoneyMeasures struct {
	// Commands is how many were in the batches that were committed; refused ones are among them.
	Commands uint64
	// BatchSize is by commands, CommitSeconds by how long a batch took to be written and committed.
	BatchSize, CommitSeconds Histogram
	// Waiting is how many commands wait for a writer now.
	Waiting int
}

// The bounds of the histograms.
var (
	batchBounds  = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
	commitBounds = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}
)

// measures are gathered by the writers. The zero value is ready.
type measures struct {
	mu       sync.Mutex
	commands uint64
	size     Histogram
	seconds  Histogram
}

// ready makes the histograms.
func (m *measures) ready() {
	if m.size.Bounds == nil {
		m.size = Histogram{Bounds: batchBounds, Counts: make([]uint64, len(batchBounds))}
		m.seconds = Histogram{Bounds: commitBounds, Counts: make([]uint64, len(commitBounds))}
	}
}

// commit begins to measure a commit of so many commands; committed says that it succeeded. It asks the machine's
// clock, since the clock of the business may be moved.
func (m *measures) commit(commands int) (committed func()) {
	began := time.Now()
	return func() {
		took := time.Since(began).Seconds()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ready()
		m.commands += uint64(commands)
		m.size.observe(float64(commands))
		m.seconds.observe(took)
	}
}

// MoneyMeasures returns what the writers of money have done so far.
func (db *DB) MoneyMeasures() MoneyMeasures {
	m := &db.money.measures
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready()
	return MoneyMeasures{Commands: m.commands, BatchSize: m.size.clone(), CommitSeconds: m.seconds.clone(), Waiting: len(db.money.queue)}
}
