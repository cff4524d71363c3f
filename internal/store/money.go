package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/ledger"
)

// MoneyCommand is one thing that moves money.
type MoneyCommand struct {
	// Needs are the accounts that Decide looks at or posts to. An account that does not exist
	// yet is there too, empty.
	Needs []ledger.Key
	// Decide judges and posts. It is pure: it sees only the book, may be run more than once,
	// and its error refuses the command without any effect, on it or on others.
	Decide func(book *ledger.Book) error
}

// Limits of the money writer.
const (
	// batchLimit is how many commands one commit takes at most.
	batchLimit = 256
	// batchAttempts is how often a batch is run again when others at the same time got in its way.
	batchAttempts = 20
	// entryBlock and accountBlock are how many numbers a writer takes at once.
	entryBlock, accountBlock = 4096, 16
)

// ErrClosed says that the database is being closed.
var ErrClosed = errors.New("store: the database is closing")

// Money runs the command and returns the entries it posted, once they are committed and on
// disk. Commands that wait at the same time share one commit; each sees the effects of those
// before it. An error of Decide is returned as it is.
func (db *DB) Money(ctx context.Context, c MoneyCommand) ([]ledger.Entry, error) {
	job := &moneyJob{MoneyCommand: c, done: make(chan struct{}), ctx: ctx}
	if err := db.money.submit(ctx, job); err != nil {
		return nil, err
	}
	// Once taken, a command ends in bounded time, and what became of it must not be guessed:
	// so its own context is not watched any more.
	select {
	case <-job.done:
		return job.entries, job.err
	case <-db.money.ended:
	}
	select {
	case <-job.done:
		return job.entries, job.err
	default:
		return nil, ErrClosed // handed over after the writers had looked for the last time
	}
}

type moneyJob struct {
	MoneyCommand
	ctx     context.Context
	done    chan struct{}
	entries []ledger.Entry
	err     error
}

func (j *moneyJob) finish(entries []ledger.Entry, err error) {
	j.entries, j.err = entries, err
	close(j.done)
}

// moneyEngine is how a batch reaches the disk: the one place where the engines differ.
type moneyEngine interface {
	// begin opens a transaction and returns the accounts that exist among the keys, locked.
	begin(ctx context.Context, keys []ledger.Key) (moneyTransaction, []ledger.Account, error)
	// committed says whether the writer's batch reached the disk, after an answer was lost. Once
	// it has said no, that batch cannot reach the disk any more, however late it arrives.
	committed(ctx context.Context, writer, batch int64, at time.Time) (bool, error)
	close()
}

type moneyTransaction interface {
	// commit writes the changed accounts (ID 0 means new) and the entries, and commits.
	commit(ctx context.Context, b effects) error
	rollback()
}

// effects are what one batch writes.
type effects struct {
	writer, batch int64
	at            time.Time
	created       []*ledger.Account
	changed       []*ledger.Account
	entries       []ledger.Entry
	// account gives the number of an account, created ones included.
	account map[ledger.Key]int64
}

// errAgain says that a batch met a change that it could not foresee; run it again.
var errAgain = errors.New("store: an account appeared while a batch was deciding")

// errNotReached says that the engine could not be reached, and nothing was committed.
var errNotReached = errors.New("store: the database cannot be reached")

// moneyWriter collects commands and commits them in batches.
type moneyWriter struct {
	db      *DB
	engine  moneyEngine
	queue   chan *moneyJob
	closing chan struct{}
	// ended is closed when no writer will take anything from the queue any more.
	ended   chan struct{}
	writers []*writer
}

// writer is one goroutine that commits batches: one on SQLite, two on PostgreSQL.
type writer struct {
	*moneyWriter
	id, batch int64
	// entryNumbers and accountNumbers are numbers that this writer owns.
	entryNumbers, accountNumbers numbers
	// entriesWanted is how many entry numbers must be at hand before a batch.
	entriesWanted int64
}

// numbers are a block of a counter: next is the first free one, end the first not owned.
type numbers struct{ next, end int64 }

// take returns the next number; past the end of the block it is not ours to use.
func (n *numbers) take() int64 {
	n.next++
	return n.next - 1
}

func newMoneyWriter(ctx context.Context, db *DB, address string) (*moneyWriter, error) {
	m := &moneyWriter{db: db, queue: make(chan *moneyJob, 4*batchLimit), closing: make(chan struct{}), ended: make(chan struct{})}
	count := 1
	if db.postgres {
		count = 2
		engine, err := newPostgresMoney(ctx, address, count)
		if err != nil {
			return nil, err
		}
		m.engine = engine
	} else {
		engine, err := newSQLiteMoney(ctx, db)
		if err != nil {
			return nil, err
		}
		m.engine = engine
	}
	for range count {
		w := &writer{moneyWriter: m, entriesWanted: 4 * batchLimit}
		if err := w.register(ctx); err != nil {
			m.engine.close()
			return nil, err
		}
		m.writers = append(m.writers, w)
	}
	return m, nil
}

// forgetWriters is how long the row of a writer that is gone is kept.
const forgetWriters = 30 * 24 * time.Hour

// register takes a number for the writer and a row that tells of its last batch.
func (w *writer) register(ctx context.Context) error {
	now := w.db.Now()
	return w.db.Update(ctx, func(tx *Tx) (err error) {
		if w.id, err = tx.nextIDs(writerIDs, 1); err != nil {
			return err
		}
		if _, err := tx.exec(`DELETE FROM writers WHERE seen_at < $1`, micros(now.Add(-forgetWriters))); err != nil {
			return err
		}
		_, err = tx.exec(`INSERT INTO writers (id, last_batch, seen_at) VALUES ($1, 0, $2)`, w.id, micros(now))
		return err
	})
}

func (m *moneyWriter) start(group *errgroup.Group) {
	var running sync.WaitGroup
	for _, w := range m.writers {
		running.Add(1)
		group.Go(func() error { defer running.Done(); w.run(); return nil })
	}
	group.Go(func() error { running.Wait(); close(m.ended); m.engine.close(); return nil })
}

func (m *moneyWriter) submit(ctx context.Context, job *moneyJob) error {
	select {
	case <-m.closing:
		return ErrClosed
	default:
	}
	select {
	case m.queue <- job:
		return nil
	case <-m.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close lets what is queued finish, then ends the writers.
func (m *moneyWriter) close() { close(m.closing) }

// run takes what waits, without ever waiting for more, and commits it.
func (w *writer) run() {
	for {
		select {
		case job := <-w.queue:
			w.commit(w.gather(job))
		case <-w.closing:
			for {
				select {
				case job := <-w.queue:
					w.commit(w.gather(job))
				default:
					return
				}
			}
		}
	}
}

func (w *writer) gather(first *moneyJob) []*moneyJob {
	batch := make([]*moneyJob, 0, batchLimit)
	batch = append(batch, first)
	for len(batch) < batchLimit {
		select {
		case job := <-w.queue:
			batch = append(batch, job)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch and answers its jobs. When the engine refuses a batch for a reason that
// is not the others' doing, its jobs are run one by one, so that only the one to blame fails.
func (w *writer) commit(batch []*moneyJob) {
	batch = slices.DeleteFunc(batch, func(job *moneyJob) bool {
		err := job.ctx.Err()
		if err != nil {
			job.finish(nil, err) // gave up while it waited
		}
		return err != nil
	})
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	results, err := w.attempt(ctx, batch)
	switch {
	case err == nil:
		for i, job := range batch {
			job.finish(results[i].entries, results[i].err)
		}
	case len(batch) == 1 || !divisible(err):
		for _, job := range batch {
			job.finish(nil, fmt.Errorf("committing money: %w", err))
		}
	default:
		for _, job := range batch {
			w.commit([]*moneyJob{job})
		}
	}
}

// divisible says whether the jobs of a failed batch may be run one by one: not when the batch
// may have been committed after all, and in vain when no job is to blame.
func divisible(err error) bool {
	var unknown *lostAnswer
	return !errors.As(err, &unknown) && !errors.Is(err, errNotReached) && !errors.Is(err, context.DeadlineExceeded)
}

type moneyResult struct {
	entries []ledger.Entry
	err     error
}

// attempt runs a batch until it is committed, refused for good, or out of attempts.
func (w *writer) attempt(ctx context.Context, batch []*moneyJob) ([]moneyResult, error) {
	for attempt := 1; ; attempt++ {
		results, err := w.once(ctx, batch)
		if err == nil {
			return results, nil
		}
		if lost := new(lostAnswer); errors.As(err, &lost) {
			done, resolveErr := w.resolve(lost.batch)
			if resolveErr != nil {
				return nil, errors.Join(err, resolveErr) // nobody knows
			}
			if done {
				return results, nil
			}
			err = errors.Join(errNotReached, lost.cause)
		} else if !errors.Is(err, errAgain) && !errors.Is(err, errNotReached) && !repeatable(err) {
			return nil, err
		}
		if attempt == batchAttempts {
			return nil, err
		}
		if ended := pause(ctx, attempt); ended != nil {
			return nil, errors.Join(err, ended)
		}
	}
}

// lostAnswer says that a batch may or may not have reached the disk.
type lostAnswer struct {
	batch int64
	cause error
}

func (l *lostAnswer) Error() string { return "the answer to a commit was lost: " + l.cause.Error() }
func (l *lostAnswer) Unwrap() error { return l.cause }

// resolve finds out what became of a batch whose answer was lost, as soon as the database
// answers again. It never guesses. It has a time of its own, since the batch may have used up
// all of its.
func (w *writer) resolve(batch int64) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		done, err := w.engine.committed(ctx, w.id, batch, w.db.Now())
		if err == nil {
			return done, nil
		}
		if pause(ctx, attempt) != nil {
			return false, err
		}
	}
}

// once decides and writes one batch.
func (w *writer) once(ctx context.Context, batch []*moneyJob) ([]moneyResult, error) {
	keys := unionOfNeeds(batch)
	if err := w.own(ctx, &w.entryNumbers, entryIDs, w.entriesWanted, entryBlock); err != nil {
		return nil, errors.Join(errNotReached, err)
	}
	if err := w.own(ctx, &w.accountNumbers, accountIDs, int64(len(keys)), accountBlock); err != nil {
		return nil, errors.Join(errNotReached, err)
	}
	tx, existing, err := w.engine.begin(ctx, keys)
	if err != nil {
		return nil, err
	}
	book, accounts := w.open(keys, existing)
	results := decide(book, batch)
	if w.entryNumbers.next > w.entryNumbers.end {
		// More was posted than numbers were at hand: take more, and decide again.
		tx.rollback()
		w.entriesWanted *= 2
		return nil, errAgain
	}
	if len(book.Entries()) == 0 {
		tx.rollback()
		return results, nil
	}
	w.batch++
	if err := tx.commit(ctx, w.effects(book, accounts, existing)); err != nil {
		tx.rollback()
		return results, err
	}
	return results, nil
}

// open makes the book of a batch: the accounts that exist, and empty ones for the rest.
func (w *writer) open(keys []ledger.Key, existing []ledger.Account) (*ledger.Book, []*ledger.Account) {
	accounts := make([]*ledger.Account, 0, len(keys))
	known := make(map[ledger.Key]bool, len(existing))
	for _, account := range existing {
		accounts = append(accounts, &account)
		known[account.Key] = true
	}
	for _, key := range keys {
		if !known[key] {
			accounts = append(accounts, &ledger.Account{Key: key})
		}
	}
	return ledger.NewBook(w.db.Now(), w.entryNumbers.take, accounts...), accounts
}

// decide runs the commands one after another on one book; a refused one leaves no trace.
func decide(book *ledger.Book, batch []*moneyJob) []moneyResult {
	results := make([]moneyResult, len(batch))
	for i, job := range batch {
		mark := book.Mark()
		if err := job.decide(book); err != nil {
			book.Rewind(mark)
			results[i].err = err
			continue
		}
		results[i].entries = slices.Clone(book.Entries()[mark:])
	}
	return results
}

// decide runs the command's decision; a panic in it is that command's failure alone.
func (j *moneyJob) decide(book *ledger.Book) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: a money decision panicked: %v", p)
		}
	}()
	return j.Decide(book)
}

// effects compares the accounts with what they were before the batch.
func (w *writer) effects(book *ledger.Book, accounts []*ledger.Account, existing []ledger.Account) effects {
	b := effects{
		writer: w.id, batch: w.batch, at: w.db.Now(), entries: book.Entries(),
		account: make(map[ledger.Key]int64, len(accounts)),
	}
	for i, account := range accounts {
		switch {
		case i >= len(existing) && account.LastEntry != 0:
			account.ID = w.accountNumbers.take()
			b.created = append(b.created, account)
		case i < len(existing) && account.LastEntry != existing[i].LastEntry:
			b.changed = append(b.changed, account)
		}
		b.account[account.Key] = account.ID
	}
	return b
}

func unionOfNeeds(batch []*moneyJob) []ledger.Key {
	var keys []ledger.Key
	for _, job := range batch {
		keys = append(keys, job.Needs...)
	}
	slices.SortFunc(keys, ledger.Key.Compare)
	return slices.Compact(keys)
}

// own makes sure that at least wanted numbers of a counter are at hand, and takes at least a
// block when they are not. Numbers rise within a writer; some are never used.
func (w *writer) own(ctx context.Context, n *numbers, of Counter, wanted, block int64) error {
	if n.end-n.next >= wanted {
		return nil
	}
	take := max(wanted, block)
	var first int64
	err := w.db.Update(ctx, func(tx *Tx) (err error) {
		first, err = tx.nextIDs(of, take)
		return err
	})
	if err != nil {
		return err // whose they are is not known: they are left alone
	}
	n.next, n.end = first, first+take
	return nil
}
