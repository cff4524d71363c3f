package store

import (
	"database/sql"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"

	"github.com/purserhq/purser/internal/ledger"
)

// account is what the journal has come to for one account so far.
type account struct {
	// key is the hash of the account's key; 0 where there is no such account.
	key       uint64
	available int64
	reserved  int64
	// last is the newest entry of the chain, entries how many are in it.
	last, entries int64
	// steps are sums over all changes of a part, of what it was before each less what it was after.
	steps [2]uint64
	// marks is a sum over the marks that there must be, less those that there are.
	marks uint64
}

// window is a range of accounts that the journal is read for.
type window struct {
	*verifier
	// from is the first, and last the highest number of any account.
	from, last int64
	accounts   []account
	// parked are entries whose turn has not come: numbers rise within a writer only. By what they follow.
	parked map[link]parkedEntry
}

// link says that an account's next entry follows that one.
type link struct{ account, previous int64 }

type parkedEntry struct{ id, at int64 }

// parkedLimit bounds what is parked. A writer owns some thousand numbers at a time, so that many writers' worth of
// entries stand out of their order at most.
const parkedLimit = 1 << 20

// in is the account with that number, nil where another window has it.
func (w *window) in(id int64) *account {
	if at := id - w.from; at >= 0 && at < int64(len(w.accounts)) {
		return &w.accounts[at]
	}
	return nil
}

const selectAccounts = `SELECT a.id, a.purpose, a.wallet_id, a.currency, a.available, a.reserved, a.credit_limit, a.last_entry, a.entries,
	CASE WHEN w.id IS NULL THEN 0 ELSE 1 END FROM accounts a LEFT JOIN wallets w ON w.id = a.wallet_id`

// each reads the accounts of the window.
func (w *window) each(stage string, do func(a *ledger.Account, walletExists bool) error) error {
	return w.verifier.each(stage, w.last, selectAccounts+` WHERE a.id >= $1 AND a.id < $2 ORDER BY a.id`, func(rows *sql.Rows) (int64, error) {
		a, exists, err := scanAccount(rows)
		if err != nil {
			return 0, err
		}
		return a.ID, do(&a, exists)
	}, w.from, w.from+int64(len(w.accounts)))
}

func scanAccount(rows *sql.Rows) (a ledger.Account, walletExists bool, err error) {
	err = rows.Scan(&a.ID, &a.Purpose, &a.WalletID, &a.Currency, &a.Available, &a.Reserved, &a.CreditLimit, &a.LastEntry, &a.Entries, &walletExists)
	return a, walletExists, err
}

// load judges each account by itself, and adds it to the sums of the currencies.
func (w *window) load(sums currencySums) error {
	return w.each("accounts", func(a *ledger.Account, walletExists bool) error {
		w.seen.Accounts++
		if wrong := judgeAccount(a, walletExists); wrong != nil {
			return wrong
		}
		w.in(a.ID).key = maphash.Comparable(w.seed, a.Key) | 1
		sums.add(a)
		return nil
	})
}

// verifiedEntry is an entry as it stands in columns.
type verifiedEntry struct {
	id, at        int64
	kind          string
	minor         int64
	payment       int64
	debit, credit side
}

// side is an entry on one of its accounts.
type side struct {
	account  int64
	part     ledger.Part
	change   int64
	after    int64
	previous int64
}

func (e *verifiedEntry) within() bool { return e.debit.account == e.credit.account }

func (e *verifiedEntry) scan(rows *sql.Rows) error {
	err := rows.Scan(&e.id, &e.at, &e.kind, &e.minor, &e.payment, &e.debit.account, &e.debit.part, &e.debit.after, &e.debit.previous,
		&e.credit.account, &e.credit.part, &e.credit.after, &e.credit.previous)
	e.debit.change, e.credit.change = -e.minor, e.minor
	return err
}

const selectEntries = `SELECT id, at, kind, minor, payment_id, debit_account, debit_part, debit_after, debit_previous,
	credit_account, credit_part, credit_after, credit_previous FROM entries`

// read takes up all entries on accounts of the window, and those on accounts that cannot be.
func (w *window) read() error {
	first, end := w.from, w.from+int64(len(w.accounts))
	query, args := selectEntries+` WHERE debit_account >= $1 AND debit_account < $2 OR credit_account >= $1 AND credit_account < $2
		OR debit_account < 1 OR debit_account > $3 OR credit_account < 1 OR credit_account > $3 ORDER BY id`, []any{first, end, w.last}
	if first == 0 && end > w.last { // all of them
		query, args = selectEntries+` ORDER BY id`, nil
	}
	last, err := w.highest("entries")
	if err != nil {
		return err
	}
	err = w.verifier.each("entries", last, query, func(rows *sql.Rows) (int64, error) {
		var e verifiedEntry
		if err := e.scan(rows); err != nil {
			return 0, err
		}
		return e.id, w.take(&e)
	}, args...)
	if err != nil || len(w.parked) == 0 {
		return err
	}
	return w.stranded()
}

// stranded says which entry follows one that is not there, or that another one follows already. Those that only wait
// for another one that waits are not to blame.
func (w *window) stranded() error {
	waiting := map[link]bool{}
	for l, e := range w.parked {
		waiting[link{l.account, e.id}] = true
	}
	var blamed link
	for l, e := range w.parked {
		if !waiting[l] && (blamed == (link{}) || e.id < w.parked[blamed].id) {
			blamed = l
		}
	}
	if blamed == (link{}) {
		for blamed = range w.parked { // they follow each other in a circle
			break
		}
	}
	return &Difference{
		fmt.Sprintf("entry %d on account %d", w.parked[blamed].id, blamed.account), "the entry before it",
		strconv.FormatInt(blamed.previous, 10), fmt.Sprintf("%d, with which the account's chain ends", w.in(blamed.account).last),
	}
}

// take takes up an entry.
func (w *window) take(e *verifiedEntry) error {
	if wrong := w.judge(e); wrong != nil {
		return wrong
	}
	if w.in(e.debit.account) != nil {
		w.seen.Entries++
	}
	for _, s := range [2]*side{&e.debit, &e.credit} {
		a := w.in(s.account)
		if a == nil {
			continue
		}
		if a.key == 0 {
			return &Difference{fmt.Sprintf("entry %d", e.id), "an account of it", strconv.FormatInt(s.account, 10), "one that there is"}
		}
		if s.part == ledger.Reserved {
			a.reserved += s.change
		} else {
			a.available += s.change
		}
		a.steps[s.part] += w.hash(s.after-s.change) - w.hash(s.after)
		if e.payment != 0 {
			w.effects[e.payment>>paymentBlock] += w.effect(e.payment, a.key, s.part, s.change)
		}
		if e.within() {
			continue
		}
		if err := w.chain(e, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *window) hash(n int64) uint64 { return maphash.Comparable(w.seed, n) }

// judge is what an entry alone tells to be wrong.
func (w *window) judge(e *verifiedEntry) *Difference {
	name := fmt.Sprintf("entry %d", e.id)
	for _, s := range [2]*side{&e.debit, &e.credit} {
		if s.account < 1 || s.account > w.last {
			return &Difference{name, "an account of it", strconv.FormatInt(s.account, 10), "one that there is"}
		}
	}
	hold, release := e.kind == ledger.KindHold, e.kind == ledger.KindRelease
	reserves := e.debit.part == ledger.Reserved || e.credit.part == ledger.Reserved
	parts := fmt.Sprintf("%s from %s to %s", e.kind, partText(e.debit.part), partText(e.credit.part))
	switch {
	case e.minor <= 0:
		return &Difference{name, "its amount", strconv.FormatInt(e.minor, 10), "more than nothing"}
	case e.within() != (hold || release):
		return &Difference{name, "its kind", e.kind, "hold or release within an account, and another between two"}
	case hold && (e.debit.part != ledger.Available || e.credit.part != ledger.Reserved),
		release && (e.debit.part != ledger.Reserved || e.credit.part != ledger.Available):
		return &Difference{name, "its kind", parts, "from available to reserved for a hold, and back for a release"}
	case reserves && e.payment == 0:
		return &Difference{name, "its payment", "none", "one, since it moves what is reserved"}
	case e.within() && (e.debit.previous != 0 || e.credit.previous != 0):
		return &Difference{name, "the entry before it", strconv.FormatInt(max(e.debit.previous, e.credit.previous), 10), "none, within an account"}
	}
	return nil
}

// chain puts an entry behind the last one of its account, with those that waited for it.
func (w *window) chain(e *verifiedEntry, s *side) error {
	a, next := w.in(s.account), parkedEntry{e.id, e.at}
	if s.previous != a.last {
		l := link{s.account, s.previous}
		if other, twice := w.parked[l]; twice {
			return &Difference{fmt.Sprintf("entry %d on account %d", e.id, s.account), "the entry before it", strconv.FormatInt(s.previous, 10),
				fmt.Sprintf("another one: entry %d follows that", other.id)}
		}
		if w.parked[l] = next; len(w.parked) > parkedLimit {
			return w.stranded()
		}
		return nil
	}
	for ok := true; ok; {
		a.entries++
		a.last = next.id
		if a.entries%markEvery == 0 {
			a.marks += maphash.Comparable(w.seed, [3]int64{a.entries, next.id, next.at})
		}
		l := link{s.account, a.last}
		next, ok = w.parked[l]
		delete(w.parked, l)
	}
	return nil
}

// marks takes the stored marks off what there must be.
func (w *window) marks() error {
	end := w.from + int64(len(w.accounts))
	query := `SELECT account_id, number, entry_id, at FROM entry_marks WHERE account_id >= $1 AND account_id < $2 ORDER BY account_id, number`
	err := w.verifier.each("marks", w.last, query, func(rows *sql.Rows) (int64, error) {
		var id, number, entry, at int64
		if err := rows.Scan(&id, &number, &entry, &at); err != nil {
			return 0, err
		}
		w.in(id).marks -= maphash.Comparable(w.seed, [3]int64{number, entry, at})
		return id, nil
	}, w.from, end)
	if err != nil || w.from != 0 {
		return err
	}
	strays, err := w.one(`SELECT count(*) FROM entry_marks WHERE account_id < 0 OR account_id > $1`, w.last)
	if err == nil && strays > 0 {
		err = &Difference{"marks of entries", "those on accounts that there are not", strconv.FormatInt(strays, 10), "0"}
	}
	return err
}

// compare compares each account with what the journal came to.
func (w *window) compare() error {
	err := w.each("accounts", func(a *ledger.Account, _ bool) error {
		is := w.in(a.ID)
		name := accountText(a.Key, a.ID)
		switch {
		case a.Available != is.available:
			return &Difference{name, "what is available", minorText(a.Available, a.Key), minorText(is.available, a.Key)}
		case a.Reserved != is.reserved:
			return &Difference{name, "what is reserved", minorText(a.Reserved, a.Key), minorText(is.reserved, a.Key)}
		case a.LastEntry != is.last:
			return &Difference{name, "its last entry", strconv.FormatInt(a.LastEntry, 10), strconv.FormatInt(is.last, 10)}
		case a.Entries != is.entries:
			return &Difference{name, "how many entries it has", strconv.FormatInt(a.Entries, 10), strconv.FormatInt(is.entries, 10)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// What is only known by a hash is looked at once more when no rows are being read.
	for at := range w.accounts {
		a, id := &w.accounts[at], w.from+int64(at)
		balances := [2]int64{a.available, a.reserved}
		for part := range balances {
			if a.steps[part] != w.hash(0)-w.hash(balances[part]) {
				return w.explainSteps(id, ledger.Part(part), balances[part])
			}
		}
		if a.marks != 0 {
			return w.explainMarks(id)
		}
	}
	return nil
}

// ofAccount reads the entries of an account alone.
func (w *window) ofAccount(id int64, do func(e *verifiedEntry, s *side) error) error {
	return w.verifier.each("entries again", 0, selectEntries+` WHERE debit_account = $1 OR credit_account = $1 ORDER BY id`, func(rows *sql.Rows) (int64, error) {
		var e verifiedEntry
		if err := e.scan(rows); err != nil {
			return 0, err
		}
		for _, s := range [2]*side{&e.debit, &e.credit} {
			if s.account == id {
				if err := do(&e, s); err != nil {
					return 0, err
				}
			}
		}
		return e.id, nil
	}, id)
}

// explainSteps finds the entry that begins where no other has ended, and ends where no other begins: the books would be
// right with it between two others.
func (w *window) explainSteps(id int64, part ledger.Part, balance int64) error {
	open := map[int64]int{0: 1} // how many entries end at an amount, less how many begin there
	open[balance]--
	err := w.ofAccount(id, func(_ *verifiedEntry, s *side) error {
		if s.part == part {
			open[s.after]++
			open[s.after-s.change]--
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = w.ofAccount(id, func(e *verifiedEntry, s *side) error {
		if s.part != part || open[s.after-s.change] >= 0 || open[s.after] <= 0 {
			return nil
		}
		for _, end := range slices.Sorted(maps.Keys(open)) {
			if open[end] > 0 && open[end+s.change] < 0 {
				return &Difference{fmt.Sprintf("entry %d on account %d", e.id, id), "what it left " + partText(part),
					fmt.Sprintf("%d minor units", s.after), fmt.Sprintf("%d minor units", end+s.change)}
			}
		}
		return nil
	})
	if err == nil {
		err = &Difference{fmt.Sprintf("account %d", id), "what its entries left " + partText(part), "amounts that do not follow each other", "amounts that do"}
	}
	return err
}

// explainMarks finds the first mark that is not where it must be.
func (w *window) explainMarks(id int64) error {
	rows, err := w.db.query(w.ctx, w.tx, `SELECT number, entry_id, at FROM entry_marks WHERE account_id = $1 ORDER BY number`, id)
	stored, err := collect(rows, err, func(rows *sql.Rows) (m [3]int64, err error) {
		err = rows.Scan(&m[0], &m[1], &m[2])
		return m, err
	})
	if err != nil {
		return err
	}
	var must [][3]int64
	next := map[int64]parkedEntry{}
	err = w.ofAccount(id, func(e *verifiedEntry, s *side) error {
		if !e.within() {
			next[s.previous] = parkedEntry{e.id, e.at}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for number, e := int64(1), next[0]; e.id != 0; number, e = number+1, next[e.id] {
		if number%markEvery == 0 {
			must = append(must, [3]int64{number, e.id, e.at})
		}
	}
	text := func(marks [][3]int64, i int) (string, int64) {
		if i >= len(marks) {
			return "none", 0
		}
		return fmt.Sprintf("number %d at entry %d of %s", marks[i][0], marks[i][1], dueText(marks[i][2], true)), marks[i][0]
	}
	for i := range max(len(stored), len(must)) {
		is, number := text(stored, i)
		ought, expected := text(must, i)
		if is != ought {
			if expected == 0 {
				expected = number
			}
			return &Difference{fmt.Sprintf("account %d", id), fmt.Sprintf("the mark of its entry %d", expected), is, ought}
		}
	}
	return fmt.Errorf("account %d: its marks differ by a hash alone; run this again", id)
}
