package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
)

// MoneyCommand is one thing that moves money, or may come to. It has an answer of type T.
type MoneyCommand[T any] struct {
	// Nonce is claimed in the commit of the effect, and Once, where it is not nil, makes the effect happen
	// once. Both are the caller's.
	Nonce wallet.Nonce
	Once  *wallet.Once
	// Claim is told when that commit is there: a command without an effect has none.
	Claim *wallet.Claim
	// Needs are what Decide looks at. It can ask for more, at the price of another batch.
	Needs Needs
	// Decide judges, and changes what it wants changed. It is pure: it sees only the MoneyTx, may be run more
	// than once, and its error refuses the command without any effect, on it or on others.
	Decide func(m *MoneyTx) (answer T, err error)
}

// Needs are the things that a command looks at. What does not exist yet is there too, empty.
type Needs struct {
	Accounts     []ledger.Key
	Transactions []int64
	Spenders     []wallet.Spender
	// PINs are users whose PIN was proven before: that it still is theirs is for the decision to see.
	PINs []int64
	// Allowances are looked at by number, LastAllowances by whose they are: the one that was given last.
	Allowances     []int64
	LastAllowances []wallet.AllowanceOf
}

// Add takes more in.
func (n *Needs) Add(more Needs) {
	n.Accounts = append(n.Accounts, more.Accounts...)
	n.Transactions = append(n.Transactions, more.Transactions...)
	n.Spenders = append(n.Spenders, more.Spenders...)
	n.PINs = append(n.PINs, more.PINs...)
	n.Allowances = append(n.Allowances, more.Allowances...)
	n.LastAllowances = append(n.LastAllowances, more.LastAllowances...)
}

// sort puts the union into the one order in which things are locked, each once.
func (n *Needs) sort() {
	slices.SortFunc(n.Accounts, ledger.Key.Compare)
	n.Accounts = slices.Compact(n.Accounts)
	slices.Sort(n.Transactions)
	n.Transactions = slices.Compact(n.Transactions)
	slices.SortFunc(n.Spenders, func(a, b wallet.Spender) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	n.Spenders = slices.Compact(n.Spenders)
	slices.Sort(n.PINs)
	n.PINs = slices.Compact(n.PINs)
	n.sortAllowances()
}

// Limits of the money writer.
const (
	// batchLimit is how many commands one commit takes at most.
	batchLimit = 256
	// batchAttempts is how often a batch is run again when others at the same time got in its way.
	batchAttempts = 20
	// comeBack is how long a small batch waits for those of the last one.
	comeBack = 500 * time.Microsecond
	// askAttempts is how often a command may ask for more than it said it needs.
	askAttempts = 3
)

// ErrClosed says that the database is being closed.
var ErrClosed = errors.New("store: the database is closing")

// Money runs the command and returns the answer of Decide, once its effects are committed and on
// disk. Commands that wait at the same time share one commit; each sees the effects of those
// before it. An error of Decide is returned as it is. It returns ErrNonceUsed, and *wallet.Answered or
// InvalidState for what Once says.
func Money[T any](ctx context.Context, db *DB, c MoneyCommand[T]) (answer T, err error) {
	job := &moneyJob{
		ctx: ctx, done: make(chan struct{}), nonce: c.Nonce, claim: c.Claim, once: c.Once, needs: c.Needs,
		run: func(m *MoneyTx) (any, error) {
			answer, err := c.Decide(m)
			return answer, err
		},
	}
	err = db.money.do(ctx, job)
	answer, _ = job.answer.(T)
	return answer, err
}

// do hands a command over and waits for what becomes of it.
func (m *moneyWriter) do(ctx context.Context, job *moneyJob) error {
	if m.db.stopped.Load() {
		return ErrBroken
	}
	if err := m.submit(ctx, job); err != nil {
		return err
	}
	// Once taken, a command ends in bounded time, and what became of it must not be guessed:
	// so its own context is not watched any more.
	select {
	case <-job.done:
		return job.err
	case <-m.ended:
	}
	select {
	case <-job.done:
		return job.err
	default:
		return ErrClosed // handed over after the writer had looked for the last time
	}
}

type moneyJob struct {
	ctx   context.Context
	done  chan struct{}
	nonce wallet.Nonce
	claim *wallet.Claim
	once  *wallet.Once
	needs Needs
	run   func(m *MoneyTx) (any, error)
	// asked counts how often it asked for more.
	asked  int
	answer any
	err    error
}

func (j *moneyJob) finish(answer any, err error) {
	j.answer, j.err = answer, err
	close(j.done)
}

// moneyEngine is how a batch reaches the disk: the one place where the engines differ.
type moneyEngine interface {
	// begin opens a transaction, claims what only one may have, and returns what exists, locked.
	begin(ctx context.Context, w wanted) (moneyTransaction, *loaded, error)
	// committed says whether the writer's batch reached the disk, after an answer was lost. Once
	// it has said no, that batch cannot reach the disk any more, however late it arrives.
	committed(ctx context.Context, writer, batch int64, at time.Time) (bool, error)
	close()
}

type moneyTransaction interface {
	// commit writes the effects, and commits.
	commit(ctx context.Context, e effects) error
	rollback()
}

// wanted is what a batch looks at.
type wanted struct {
	Needs
	nonces []wallet.Nonce
	once   [][32]byte
}

// loaded is what there is of it.
type loaded struct {
	accounts     []ledger.Account
	transactions []*wallet.Transaction
	spent        []wallet.Spent
	// pins are the hashes of PINs by user.
	pins map[int64][]byte
	// allowances are those that exist, lastAllowances the numbers of those that were given last.
	allowances     []*wallet.Allowance
	lastAllowances map[wallet.AllowanceOf]int64
	// used are the nonces that were claimed before.
	used map[wallet.Nonce]bool
	// answers are those that were given before, by key.
	answers map[[32]byte]keptAnswer
}

// effects are what one batch writes.
type effects struct {
	writer, batch int64
	at            time.Time
	created       []*ledger.Account
	changed       []*ledger.Account
	entries       []ledger.Entry
	// account gives the number of an account, created ones included.
	account      map[ledger.Key]int64
	marks        []entryMark
	nonces       []wallet.Nonce
	claims       bool
	transactions transactionEffects
	// leaves are what the commands add to the Merkle log.
	leaves []madeLeaf
	// others are statements for what moves seldom, alike on both engines.
	others []statement
}

// transactionEffects are the rows of transactions and payments that are added or changed.
type transactionEffects struct {
	created, changed                 []*wallet.Transaction
	createdPayments, changedPayments []paymentRow
	// documents are those of transactions, as far as they were written before.
	documents map[*wallet.Transaction]string
}

// paymentRow is what of a payment stands in columns.
type paymentRow struct {
	id, transaction, project int64
	status                   wallet.PaymentStatus
	payer, beneficiary       int64
}

// entryMark says where the entry with that number stands on an account.
type entryMark struct {
	account       ledger.Key
	number, entry int64
	at            time.Time
}

// markEvery is how many entries of an account are read at most to find one by its number or time.
const markEvery = 64

// statement is SQL in PostgreSQL's spelling. It must fail where it cannot have its effect.
type statement struct {
	text string
	args []any
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
	// ended is closed when the writer will not take anything from the queue any more.
	ended    chan struct{}
	writer   *writer
	measures measures
}

// writer is the goroutine that commits batches. A second one would halve the batches, and so pay for a commit and
// for statements twice.
type writer struct {
	*moneyWriter
	id, batch int64
	// last is how many commands the last batch had.
	last   int
	stocks stocks
	leaves leafWriter
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
	var err error
	if db.postgres {
		m.engine, err = newPostgresMoney(ctx, db, address)
	} else {
		m.engine, err = newSQLiteMoney(ctx, db)
	}
	if err != nil {
		return nil, err
	}
	m.writer = &writer{moneyWriter: m, stocks: newStocks()}
	if err := m.writer.register(ctx); err != nil {
		m.engine.close()
		return nil, err
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
	group.Go(func() error { m.writer.run(); close(m.ended); m.engine.close(); return nil })
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

// close lets what is queued finish, then ends the writer.
func (m *moneyWriter) close() { close(m.closing) }

// run takes what waits, and commits it.
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

// gather takes what waits. Where that is little beside the last batch, those who were answered just now are about to come
// back, and get a moment for that: otherwise the first of them would have a commit for themselves, and the rest wait for
// it. Who is alone waits for nobody.
func (w *writer) gather(first *moneyJob) []*moneyJob {
	batch := w.drain(append(make([]*moneyJob, 0, batchLimit), first))
	if len(batch) < w.last*7/8 {
		moment := time.NewTimer(comeBack)
		defer moment.Stop()
	waiting:
		for len(batch) < w.last*7/8 {
			select {
			case job := <-w.queue:
				batch = append(batch, job)
			case <-moment.C:
				break waiting
			case <-w.closing:
				break waiting
			}
		}
		batch = w.drain(batch)
	}
	w.last = len(batch)
	return batch
}

// drain adds what waits to a batch.
func (w *writer) drain(batch []*moneyJob) []*moneyJob {
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
		if again := w.answer(batch, results); len(again) > 0 {
			w.commit(again)
		}
	case len(batch) == 1 && codeUsed(err):
		batch[0].finish(nil, ErrCodeUsed)
	case len(batch) == 1 || !divisible(err):
		for _, job := range batch {
			job.finish(nil, w.failure(err))
		}
	default:
		for _, job := range batch {
			w.commit([]*moneyJob{job})
		}
	}
}

// answer ends the jobs of a batch, and returns those that have to be decided again: with more to look at, or
// after the one that has the same key.
func (w *writer) answer(batch []*moneyJob, results []moneyResult) (again []*moneyJob) {
	for i, job := range batch {
		var more *askMore
		switch err := results[i].err; {
		case errors.Is(err, errAfterwards):
			again = append(again, job)
		case errors.As(err, &more) && job.asked < askAttempts:
			job.asked++
			job.needs.Add(more.needs)
			again = append(again, job)
		default:
			job.finish(results[i].answer, err)
		}
	}
	return again
}

// divisible says whether the jobs of a failed batch may be run one by one: not when the batch
// may have been committed after all, and in vain when no job is to blame.
func divisible(err error) bool {
	var unknown *lostAnswer
	return !errors.As(err, &unknown) && !errors.Is(err, errNotReached) && !errors.Is(err, context.DeadlineExceeded) &&
		!errors.Is(err, ErrBroken) && !diskFull(err)
}

// failure is what the callers of a batch that failed are told.
func (w *writer) failure(err error) error {
	if diskFull(err) {
		return w.db.noSpace(err)
	}
	return fmt.Errorf("committing money: %w", err)
}

type moneyResult struct {
	answer any
	err    error
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
	want := wantedBy(batch)
	if err := w.stocks.fill(ctx, w.db, len(batch), len(want.Accounts)); err != nil {
		return nil, errors.Join(errNotReached, err)
	}
	tx, found, err := w.engine.begin(ctx, want)
	if err != nil {
		return nil, err
	}
	m := w.open(want, found)
	results := m.decideAll(batch)
	if w.stocks.short() {
		tx.rollback()
		return nil, errAgain // decide again, with more numbers
	}
	e, err := m.effects()
	if err != nil {
		tx.rollback()
		return nil, err
	}
	if e.none() {
		tx.rollback()
		return results, nil
	}
	w.batch++
	e.writer, e.batch = w.id, w.batch
	e.countTallies(m)
	committed := w.measures.commit(len(batch))
	if err := tx.commit(ctx, e); err != nil {
		tx.rollback()
		return results, err
	}
	committed()
	for i, job := range batch {
		if results[i].err == nil && job.nonce != (wallet.Nonce{}) {
			job.claim.Commit()
		}
	}
	w.leaves.told(&e)
	return results, nil
}

// none says whether there is nothing to write. What only claims a nonce has no effect.
func (e *effects) none() bool {
	t := &e.transactions
	return !e.claims && len(e.created)+len(e.changed)+len(e.entries)+len(t.created)+len(t.changed)+len(e.others) == 0
}

func wantedBy(batch []*moneyJob) wanted {
	var w wanted
	for _, job := range batch {
		w.Add(job.needs)
		if job.nonce != (wallet.Nonce{}) {
			w.nonces = append(w.nonces, job.nonce)
		}
		if job.once != nil {
			w.once = append(w.once, job.once.Key)
		}
	}
	w.sort()
	return w
}
