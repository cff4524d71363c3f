package store

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
)

// MoneyTx is what a money command decides on: what it said it needs, as the commands before it in the batch
// have left it. Its methods are only to be used inside Decide.
type MoneyTx struct {
	w     *writer
	now   time.Time
	book  *ledger.Book
	found *loaded
	// accounts are those of book, in the order of the needs; the ones that exist first.
	accounts     []*ledger.Account
	transactions map[int64]*decided
	spent        map[wallet.Spender][]wallet.Spent
	allowances   allowanceBook
	// given are the answers of this batch, by key.
	given  map[[32]byte]bool
	nonces []wallet.Nonce
	// claims says that nonces are to be used up even where nothing else happens.
	claims bool
	others []statement
	// owed are the callbacks of the batch, kept what the command that is deciding has kept.
	owed []wallet.Callback
	kept []keptChange
	// log is what the commands add to the Merkle log.
	log batchLog
	// undo takes back what the command that is deciding has changed.
	undo []func()
}

// decided is a transaction as it was loaded, nil for a new one, and as it has become.
type decided struct{ before, now *wallet.Transaction }

// askMore is the error of a decision that has to see more.
type askMore struct{ needs Needs }

func (a *askMore) Error() string { return "store: a money decision did not say what it needs" }

// errAfterwards sends a command into the next batch: another of this one has the same key.
var errAfterwards = errors.New("store: to be decided after the command with the same key")

// open makes what a batch decides on: the things that exist, and empty ones for the rest.
func (w *writer) open(want wanted, found *loaded) *MoneyTx {
	m := &MoneyTx{
		w: w, now: w.db.Now().Truncate(time.Microsecond), found: found,
		transactions: make(map[int64]*decided, len(want.Transactions)),
		given:        map[[32]byte]bool{},
	}
	known := make(map[ledger.Key]bool, len(found.accounts))
	m.accounts = make([]*ledger.Account, 0, len(want.Accounts))
	for _, account := range found.accounts {
		m.accounts = append(m.accounts, &account)
		known[account.Key] = true
	}
	for _, key := range want.Accounts {
		if !known[key] {
			m.accounts = append(m.accounts, &ledger.Account{Key: key})
		}
	}
	m.book = ledger.NewBook(m.now, w.stocks.entries.take, m.accounts...)
	for _, id := range want.Transactions {
		m.transactions[id] = &decided{}
	}
	for _, t := range found.transactions {
		m.transactions[t.ID] = &decided{t, t}
	}
	m.spent = make(map[wallet.Spender][]wallet.Spent, len(want.Spenders))
	for _, who := range want.Spenders {
		m.spent[who] = nil
	}
	m.allowances.open(want, found)
	for _, s := range found.spent {
		m.spent[s.Spender] = append(m.spent[s.Spender], s)
	}
	return m
}

// decideAll runs the commands one after another; a refused one leaves no trace.
func (m *MoneyTx) decideAll(batch []*moneyJob) []moneyResult {
	results := make([]moneyResult, len(batch))
	for i, job := range batch {
		mark := m.book.Mark()
		m.undo, m.kept = m.undo[:0], m.kept[:0]
		m.log.begin()
		answer, err := m.decide(job)
		if err == nil {
			err = m.addLeaves(mark)
		}
		if err != nil {
			m.book.Rewind(mark)
			for _, undo := range slices.Backward(m.undo) {
				undo()
			}
		}
		results[i] = moneyResult{answer, err}
	}
	return results
}

// decide runs one command.
func (m *MoneyTx) decide(job *moneyJob) (any, error) {
	if m.found.used[job.nonce] {
		return nil, ErrNonceUsed
	}
	if job.once != nil {
		if m.given[job.once.Key] {
			return nil, errAfterwards
		}
		if kept, ok := m.found.answers[job.once.Key]; ok {
			if err := kept.judge(m.w.db, job.once); err != nil {
				if before := new(wallet.Answered); errors.As(err, &before) {
					m.claimOnly(job.nonce)
				}
				return nil, err
			}
			m.do(dropAnswer, job.once.Key[:])
		}
	}
	answer, err := job.decide(m)
	if err != nil {
		return nil, err
	}
	if job.once != nil {
		insert, err := m.w.db.keepAnswer(job.once, answer)
		if err != nil {
			return nil, err
		}
		m.given[job.once.Key] = true
		m.do(insert.text, insert.args...)
	}
	if job.nonce != (wallet.Nonce{}) {
		m.nonces = append(m.nonces, job.nonce)
		m.undo = append(m.undo, func() { m.nonces = m.nonces[:len(m.nonces)-1] })
		m.found.used[job.nonce] = true
	}
	return answer, nil
}

// claimOnly uses up the nonce of a request that has no effect but is told what an earlier one was told: who
// recorded it must not be told the same at another server.
func (m *MoneyTx) claimOnly(nonce wallet.Nonce) {
	if nonce != (wallet.Nonce{}) {
		m.nonces = append(m.nonces, nonce)
		m.found.used[nonce] = true
		m.claims = true
	}
}

// decide runs the command's decision; a panic in it is that command's failure alone.
func (j *moneyJob) decide(m *MoneyTx) (answer any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: a money decision panicked: %v", p)
		}
	}()
	return j.run(m)
}

// Now is the time of the batch, on the business clock.
func (m *MoneyTx) Now() time.Time { return m.now }

// Post records the postings: all of them, or none when it returns an error, which is one of ledger's.
func (m *MoneyTx) Post(postings ...ledger.Posting) ([]ledger.Entry, error) {
	entries, err := m.book.Post(postings...)
	if errors.Is(err, ledger.ErrNotInBook) {
		more := Needs{}
		for _, p := range postings {
			more.Accounts = append(more.Accounts, p.Debit, p.Credit)
		}
		return nil, &askMore{more}
	}
	return slices.Clone(entries), err
}

// Account returns the account, empty where it does not exist yet.
func (m *MoneyTx) Account(k ledger.Key) (ledger.Account, error) {
	if a, ok := m.book.Account(k); ok {
		return a, nil
	}
	return ledger.Account{}, &askMore{Needs{Accounts: []ledger.Key{k}}}
}

// Transaction returns a transaction, to be changed and kept; nil when there is none with that number.
func (m *MoneyTx) Transaction(id int64) (*wallet.Transaction, error) {
	found, ok := m.transactions[id]
	switch {
	case !ok:
		return nil, &askMore{Needs{Transactions: []int64{id}}}
	case found.now == nil:
		return nil, nil
	}
	return found.now.Clone(), nil
}

// Keep stores a transaction in the place of what it was. It is not to be changed any more.
func (m *MoneyTx) Keep(t *wallet.Transaction) {
	found := m.transactions[t.ID]
	if found == nil {
		found = &decided{}
		m.transactions[t.ID] = found
	}
	was := found.now
	found.now = t
	m.kept = append(m.kept, keptChange{was, t})
	m.undo = append(m.undo, func() { found.now = was })
}

// Unchanged says whether a transaction is as the command has found it.
func (m *MoneyTx) Unchanged(t *wallet.Transaction) bool {
	found := m.transactions[t.ID]
	return found != nil && reflect.DeepEqual(found.now, t)
}

// NewTransactionID returns the number of a new transaction, NewPaymentID that of a new payment.
func (m *MoneyTx) NewTransactionID() int64 { return m.w.stocks.transactions.take() }

// NewPaymentID is described at NewTransactionID.
func (m *MoneyTx) NewPaymentID() int64 { return m.w.stocks.payments.take() }

// Spent returns what a spender has spent, under each window that was ever counted.
func (m *MoneyTx) Spent(who wallet.Spender) ([]wallet.Spent, error) {
	spent, ok := m.spent[who]
	if !ok {
		return nil, &askMore{Needs{Spenders: []wallet.Spender{who}}}
	}
	return spent, nil
}

// What a spender has spent under a window for the first time, and after that. A row that is not there cannot be locked: of
// two servers that both count the first of it, the later one finds its batch refused, and then the row there.
const (
	firstSpent = `INSERT INTO spending (holder, holder_id, currency, seconds, since, minor) VALUES ($1, $2, $3, $4, $5, $6)`
	moreSpent  = firstSpent + ` ON CONFLICT (holder, holder_id, currency, seconds) DO UPDATE SET since = excluded.since, minor = excluded.minor`
)

// KeepSpent stores what was spent in the place of what it was.
func (m *MoneyTx) KeepSpent(changes ...wallet.Spent) {
	for _, change := range changes {
		who := change.Spender
		was := m.spent[who]
		next := slices.DeleteFunc(slices.Clone(was), func(s wallet.Spent) bool {
			return s.Currency == change.Currency && s.Within == change.Within
		})
		text := moreSpent
		if len(next) == len(was) {
			text = firstSpent
		}
		m.spent[who] = append(next, change)
		m.undo = append(m.undo, func() { m.spent[who] = was })
		m.do(text, who.Kind, who.ID, string(change.Currency), int64(change.Within/time.Second), micros(change.Since), change.Minor)
	}
}

// Await notes that a transaction waits for somebody to have a contact.
func (m *MoneyTx) Await(contact string, transaction int64) {
	m.do(`INSERT INTO awaited_contacts (contact, transaction_id) VALUES ($1, $2) ON CONFLICT (contact, transaction_id) DO NOTHING`, contact, transaction)
}

// Arrived ends the waiting of a transaction for a contact.
func (m *MoneyTx) Arrived(contact string, transaction int64) {
	m.do(`DELETE FROM awaited_contacts WHERE contact = $1 AND transaction_id = $2`, contact, transaction)
}

// ErrCodeUsed is what a command fails with whose code another one has used meanwhile.
var ErrCodeUsed = errors.New("store: the code was used meanwhile")

// codeUsed says whether a batch failed for that.
func codeUsed(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23502" && pg.TableName == "reserve_codes" // not-null violation
	}
	return strings.Contains(err.Error(), "NOT NULL constraint failed: reserve_codes.used_at")
}

// UseCode uses up a code that a payer read out. Where it was used meanwhile, the command fails with ErrCodeUsed.
func (m *MoneyTx) UseCode(hash []byte) {
	m.do(`UPDATE reserve_codes SET used_at = CASE WHEN used_at = 0 THEN CAST($2 AS BIGINT) END WHERE fingerprint = $1`, hash, micros(m.now))
}

// SetCreditLimit lets a wallet go below zero in a currency, so far in minor units. It returns ledger.ErrNotCovered where
// the wallet is further down than that.
func (m *MoneyTx) SetCreditLimit(k ledger.Key, minor int64) error {
	a, err := m.Account(k)
	if err != nil {
		return err
	}
	if a.Available < -minor {
		return fmt.Errorf("%w: %s", ledger.ErrNotCovered, k)
	}
	m.book.SetCreditLimit(k, minor)
	m.log.limit(k, a.CreditLimit, minor)
	m.undo = append(m.undo, func() { m.book.SetCreditLimit(k, a.CreditLimit) })
	return nil
}

// PINHash is the hash of a user's PIN, nil where they have none.
func (m *MoneyTx) PINHash(user int64) ([]byte, error) {
	hash, ok := m.found.pins[user]
	if !ok {
		return nil, &askMore{Needs{PINs: []int64{user}}}
	}
	return hash, nil
}

// do adds a statement to the effects.
func (m *MoneyTx) do(text string, args ...any) {
	m.others = append(m.others, statement{text, args})
	m.undo = append(m.undo, func() { m.others = m.others[:len(m.others)-1] })
}

// effects compares what there is with what there was before the batch.
func (m *MoneyTx) effects() (effects, error) {
	e := effects{at: m.now, entries: m.book.Entries(), nonces: m.nonces, claims: m.claims, others: m.others, account: make(map[ledger.Key]int64, len(m.accounts))}
	for i, account := range m.accounts {
		switch {
		case i >= len(m.found.accounts) && *account != (ledger.Account{Key: account.Key}):
			account.ID = m.w.stocks.accounts.take()
			e.created = append(e.created, account)
		case i < len(m.found.accounts) && *account != m.found.accounts[i]:
			e.changed = append(e.changed, account)
		}
		e.account[account.Key] = account.ID
	}
	for _, entry := range e.entries {
		for k, number := range map[ledger.Key]int64{entry.Debit: entry.DebitNumber, entry.Credit: entry.CreditNumber} {
			if number > 0 && number%markEvery == 0 {
				e.marks = append(e.marks, entryMark{k, number, entry.ID, entry.At})
			}
		}
	}
	var err error
	if e.others, err = m.allowances.effects(e.others, &m.log); err != nil {
		return e, err
	}
	e.others = append(e.others, insertCallbacks(m.owed)...)
	m.announce(&e)
	return e, m.transactionEffects(&e.transactions)
}

func (m *MoneyTx) transactionEffects(e *transactionEffects) error {
	ids := slices.Sorted(maps.Keys(m.transactions))
	before := map[int64]paymentRow{}
	for _, id := range ids {
		if h := m.transactions[id]; h.before != nil && h.now != h.before {
			for _, row := range rowsOf(h.before) {
				before[row.id] = row
			}
		}
	}
	for _, id := range ids {
		h := m.transactions[id]
		if h.now == h.before {
			continue
		}
		if h.before == nil {
			e.created = append(e.created, h.now)
		} else {
			e.changed = append(e.changed, h.now)
		}
		for _, row := range rowsOf(h.now) {
			was, existed := before[row.id]
			switch {
			case !existed:
				e.createdPayments = append(e.createdPayments, row)
			case was != row:
				e.changedPayments = append(e.changedPayments, row)
			}
		}
	}
	slices.SortFunc(e.changedPayments, func(a, b paymentRow) int { return cmp.Compare(a.id, b.id) })
	return nil
}

// rowsOf are the payments of a transaction as they stand in columns.
func rowsOf(t *wallet.Transaction) []paymentRow {
	rows := make([]paymentRow, len(t.Payments))
	for i := range t.Payments {
		p := &t.Payments[i]
		rows[i] = paymentRow{p.ID, t.ID, t.ProjectID, p.Status, t.WalletID, p.BeneficiaryID}
	}
	return rows
}
