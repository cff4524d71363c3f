package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// An account's entries are a chain: each knows the one before it. Its entries are counted, and every 64th is marked
// with its number, so that the place where a page begins is found by its number or its time with a few point reads,
// and the page is then read along the chain. What a page costs does not depend on how long the history is. Where
// marks are missing, in the oldest part of a database that was made before there were any, the chain is walked
// instead.

// statementStep is how many entries one statement reads at most.
const statementStep = 1000

// WalletStatements returns a page of what came into a wallet and went out of it. The currencies of a wallet are
// merged by the time of their entries. With a direction or a text all entries between From and To are read, in
// steps; without, no more than the page and a few beside it.
func (db *DB) WalletStatements(ctx context.Context, walletID int64, f wallet.StatementFilter) (page wallet.StatementPage, err error) {
	r := &statementReader{db: db, ctx: ctx, naming: f.Text != "", parties: map[int64]wallet.Party{}}
	if err := r.open(walletID, f); err != nil {
		return page, err
	}
	for _, c := range r.chains {
		page.Total += int(c.newest - c.oldest)
	}
	if f.Reads() {
		err = r.search(f, &page)
	} else {
		err = r.page(f, &page)
	}
	if err == nil && !r.naming {
		others := make([]*wallet.Party, len(page.Statements))
		for i := range page.Statements {
			others[i] = page.Statements[i].Other
		}
		err = r.name(others)
	}
	page.Read = r.read
	return page, err
}

// statementReader reads for one page.
type statementReader struct {
	db     *DB
	ctx    context.Context
	chains []*chain
	// naming says that entries are of use only with the name of the other party. parties are those that were looked
	// up, by the number of their wallet.
	naming  bool
	parties map[int64]wallet.Party
	read    int
}

// chain is one account of the wallet.
type chain struct {
	*statementReader
	account  int64
	currency money.Currency
	// Entries with numbers above oldest, up to newest, are those between From and To.
	oldest, newest int64
	// known are numbers whose entries are known: reading begins there.
	known []point
	// position is where a walk has come: what it still has in front of it is from position down, or from the one
	// after position up. ahead are entries that it has read already.
	position int64
	ahead    []line
}

// point is an entry by its number on an account.
type point struct{ number, entry int64 }

// line is an entry as it is read.
type line struct {
	wallet.Statement
	number int64
}

// open finds the accounts, and what of each is between From and To.
func (r *statementReader) open(walletID int64, f wallet.StatementFilter) error {
	var c conditions
	c.add("purpose = ? AND wallet_id = ?", ledger.OfWallet, walletID)
	in(&c, "currency", f.Currencies)
	rows, err := r.db.query(r.ctx, r.db.read, `SELECT id, currency, last_entry, entries FROM accounts WHERE `+c.where()+` ORDER BY id`, c.args...)
	r.chains, err = collect(rows, err, func(rows *sql.Rows) (*chain, error) {
		c := &chain{statementReader: r}
		var last point
		err := rows.Scan(&c.account, &c.currency, &last.entry, &last.number)
		c.newest, c.known = last.number, []point{last}
		return c, err
	})
	if err != nil {
		return err
	}
	for _, c := range r.chains {
		count := c.newest
		if !f.To.IsZero() {
			if c.newest, err = c.before(f.To, count); err != nil {
				return err
			}
		}
		if !f.From.IsZero() {
			if c.oldest, err = c.before(f.From, c.newest); err != nil {
				return err
			}
		}
	}
	return nil
}

// searchMarks finds the last mark that is earlier than a time, by halves: the numbers of marks are without a gap from
// the first that there is. It gives the number of that mark in marks, and the one before the first.
const searchMarks = `WITH RECURSIVE search (low, high) AS (
		SELECT COALESCE((SELECT min(number) FROM entry_marks WHERE account_id = $1) / 64 - 1, CAST($2 AS BIGINT)), CAST($2 AS BIGINT)
		UNION ALL
		SELECT CASE WHEN m.at < $3 THEN m.number / 64 ELSE s.low END, CASE WHEN m.at < $3 THEN s.high ELSE m.number / 64 - 1 END
		FROM search s JOIN entry_marks m ON m.account_id = $1 AND m.number = (s.low + s.high + 1) / 2 * 64
		WHERE s.low < s.high
	) SELECT min(low), max(low) FROM search`

// before is how many of the first so many entries are earlier than a time. Clocks of several servers may differ:
// then it is one of the numbers that could be meant, and always the same one.
func (c *chain) before(t time.Time, most int64) (int64, error) {
	if most == 0 {
		return 0, nil
	}
	var first, mark int64
	if err := c.db.queryRow(c.ctx, c.db.read, searchMarks, c.account, most/markEvery, micros(t)).Scan(&first, &mark); err != nil {
		return 0, err
	}
	floor, ceiling := mark*markEvery, min((mark+1)*markEvery, most)
	if mark <= first {
		floor = 0 // no mark is earlier
	}
	for ceiling > floor {
		lines, err := c.lines(max(floor, ceiling-statementStep), ceiling)
		if err != nil {
			return 0, err
		}
		for _, l := range lines {
			if l.At.Before(t) {
				return l.number, nil
			}
		}
		if len(lines) == 0 {
			break
		}
		ceiling -= int64(len(lines))
	}
	return floor, nil
}

// start is a known entry with that number or a higher one, as near as there is.
func (c *chain) start(number int64) (best point, err error) {
	best = c.known[0]
	for _, p := range c.known {
		if p.number >= number && p.number < best.number {
			best = p
		}
	}
	if best.number-number < markEvery {
		return best, nil
	}
	rows, err := c.db.query(c.ctx, c.db.read, `SELECT number, entry_id FROM entry_marks WHERE account_id = $1 AND number >= $2 ORDER BY number LIMIT 1`,
		c.account, number)
	marks, err := collect(rows, err, func(rows *sql.Rows) (p point, err error) {
		err = rows.Scan(&p.number, &p.entry)
		return p, err
	})
	if err == nil && len(marks) > 0 && marks[0].number < best.number {
		best = marks[0]
		c.known = append(c.known, best)
	}
	return best, err
}

// entryOf are the columns of a line, as the account $1 sees the entry e.
const entryOf = `e.id, e.at, e.kind, e.minor, e.details, e.payment_id, CASE WHEN e.credit_account = $1 THEN 1 ELSE 0 END,
	CASE WHEN e.credit_account = $1 THEN e.debit_account ELSE e.credit_account END,
	CASE WHEN e.credit_account = $1 THEN e.credit_previous ELSE e.debit_previous END`

// readChain walks from the entry $3, which has the number $2, down to the number $4, and leaves out what is above $5.
const readChain = `WITH RECURSIVE chain (number, id, at, kind, minor, details, payment_id, incoming, other, previous) AS (
		SELECT CAST($2 AS BIGINT), ` + entryOf + ` FROM entries e WHERE e.id = $3
		UNION ALL
		SELECT c.number - 1, ` + entryOf + ` FROM chain c JOIN entries e ON e.id = c.previous WHERE c.number > $4
	) SELECT c.number, c.id, c.at, c.kind, c.minor, c.details, c.payment_id, c.incoming, CASE WHEN a.purpose = 'wallet' THEN a.wallet_id ELSE 0 END, c.previous
	FROM chain c JOIN accounts a ON a.id = c.other WHERE c.number <= $5 OR c.number = $4 ORDER BY c.number DESC`

// lines reads the entries above one number up to another, the newest first.
func (c *chain) lines(above, upTo int64) (lines []line, err error) {
	if upTo <= above {
		return nil, nil
	}
	from, err := c.start(upTo)
	for err == nil && from.number > above && from.entry != 0 {
		lowest := max(above, from.number-statementStep) + 1
		var walked []line
		c.read += int(from.number - lowest + 1)
		var next point
		rows, queryErr := c.db.query(c.ctx, c.db.read, readChain, c.account, from.number, from.entry, lowest, upTo)
		walked, err = collect(rows, queryErr, func(rows *sql.Rows) (l line, err error) {
			l, next.entry, err = c.scan(rows)
			next.number = l.number - 1
			return l, err
		})
		for _, l := range walked {
			if l.number <= upTo {
				lines = append(lines, l)
			}
		}
		from = next
	}
	if from.entry != 0 {
		c.known = append(c.known, from)
	}
	return lines, err
}

func (c *chain) scan(rows *sql.Rows) (l line, previous int64, err error) {
	var at int64
	var incoming, other int64
	err = rows.Scan(&l.number, &l.ID, &at, &l.Kind, &l.Amount.Minor, &l.Details, &l.PaymentID, &incoming, &other, &previous)
	l.At, l.Amount.Currency, l.Incoming = fromMicros(at), c.currency, incoming == 1
	if other != 0 {
		l.Other = &wallet.Party{WalletID: other}
	}
	return l, previous, err
}

// page takes a page by the numbers of its entries.
func (r *statementReader) page(f wallet.StatementFilter, page *wallet.StatementPage) error {
	// A page before a place is read from there, away from it, and turned around.
	turned := f.Before != nil
	up := f.Ascending != turned
	place := f.After
	if turned {
		place = f.Before
	}
	r.begin(up, place)
	skip := int64(0)
	if place == nil {
		skip = int64(min(f.Offset, page.Total))
		page.Offset = f.Offset
	}
	left, err := r.jump(up, skip)
	if err != nil {
		return err
	}
	block := left + int64(f.Limit)
	for ; left > 0 && err == nil; left-- {
		_, err = r.next(up, block)
	}
	first := r.place()
	for err == nil && len(page.Statements) < f.Limit {
		var l *line
		if l, err = r.next(up, block); l == nil {
			break
		}
		page.Statements = append(page.Statements, l.Statement)
	}
	page.Before, page.After = first, r.place()
	if turned {
		slices.Reverse(page.Statements)
		page.Before, page.After = page.After, page.Before
	}
	if place != nil {
		page.Offset = r.passed(f.Ascending, page.Before)
	}
	return err
}

// begin puts all walks at a place, or where they begin.
func (r *statementReader) begin(up bool, place wallet.StatementPlace) {
	for _, c := range r.chains {
		c.position = c.newest
		if up {
			c.position = c.oldest
		}
		if place != nil {
			c.position = min(max(place[c.currency], c.oldest), c.newest)
		}
	}
}

// place is where all walks are.
func (r *statementReader) place() wallet.StatementPlace {
	place := make(wallet.StatementPlace, len(r.chains))
	for _, c := range r.chains {
		place[c.currency] = c.position
	}
	return place
}

// passed is how many entries come before a place.
func (r *statementReader) passed(up bool, place wallet.StatementPlace) (n int) {
	for _, c := range r.chains {
		if up {
			n += int(place[c.currency] - c.oldest)
		} else {
			n += int(c.newest - place[c.currency])
		}
	}
	return n
}

// left is how many entries the walk has in front of it.
func (c *chain) left(up bool) int64 {
	if up {
		return c.newest - c.position
	}
	return c.position - c.oldest
}

// advance moves the walk by so many entries, without reading them.
func (c *chain) advance(up bool, n int64) {
	if up {
		c.position += n
	} else {
		c.position -= n
	}
}

// jump leaves out as many entries as it can without reading them, and returns how many are still to be left out.
// With several currencies, of r entries that are left out of k chains, at least one chain has an r/k-th whose whole
// way up to there is among them: the one whose r/k-th comes first. So that way is left out, and then the same is
// asked about the rest.
func (r *statementReader) jump(up bool, skip int64) (left int64, err error) {
	for skip > 0 {
		var walking []*chain
		for _, c := range r.chains {
			if c.left(up) > 0 {
				walking = append(walking, c)
			}
		}
		if len(walking) == 1 {
			walking[0].advance(up, skip)
			return 0, nil
		}
		furthest, jumped, err := r.furthest(walking, up, skip/int64(len(walking)))
		if err != nil || furthest == nil {
			return skip, err
		}
		furthest.advance(up, jumped)
		skip -= jumped
	}
	return 0, nil
}

// furthest is the chain whose mark, at most so many entries ahead, comes first, and how far that is; nil where that
// cannot be told by marks.
func (r *statementReader) furthest(walking []*chain, up bool, most int64) (first *chain, distance int64, err error) {
	if most < markEvery {
		return nil, 0, nil
	}
	var best mark
	for _, c := range walking {
		number := (c.position - min(most, c.left(up)) + markEvery) / markEvery * markEvery
		jump := c.position - number + 1
		if up {
			number = (c.position + min(most, c.left(up))) / markEvery * markEvery
			jump = number - c.position
		}
		if jump <= 0 {
			continue // all that it has in front of it is less than most
		}
		found, err := c.mark(number)
		if err != nil || found == nil {
			return nil, 0, err
		}
		if first == nil || best.follows(*found, up) {
			first, distance, best = c, jump, *found
		}
	}
	return first, distance, nil
}

// mark is what orders entries of different accounts.
type mark struct{ at, entry int64 }

// follows says whether a walk meets it after the other.
func (m mark) follows(other mark, up bool) bool {
	order := cmp.Or(cmp.Compare(m.at, other.at), cmp.Compare(m.entry, other.entry))
	if up {
		return order > 0
	}
	return order < 0
}

// mark returns the mark with that number; nil where there is none.
func (c *chain) mark(number int64) (*mark, error) {
	rows, err := c.db.query(c.ctx, c.db.read, `SELECT at, entry_id FROM entry_marks WHERE account_id = $1 AND number = $2`, c.account, number)
	found, err := collect(rows, err, func(rows *sql.Rows) (m mark, err error) {
		err = rows.Scan(&m.at, &m.entry)
		return m, err
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// next takes the next entry of all walks; nil at their end. Each walk reads block entries at once.
func (r *statementReader) next(up bool, block int64) (*line, error) {
	var first *chain
	for _, c := range r.chains {
		if err := c.fill(up, block); err != nil {
			return nil, err
		}
		if len(c.ahead) > 0 && (first == nil || first.ahead[0].order().follows(c.ahead[0].order(), up)) {
			first = c
		}
	}
	if first == nil {
		return nil, nil
	}
	l := first.ahead[0]
	first.ahead = first.ahead[1:]
	first.advance(up, 1)
	return &l, nil
}

func (l *line) order() mark { return mark{micros(l.At), l.ID} }

// fill reads what comes next, where nothing is ahead.
func (c *chain) fill(up bool, block int64) (err error) {
	if len(c.ahead) > 0 || c.left(up) == 0 {
		return nil
	}
	block = min(block, statementStep, c.left(up))
	lowest := c.position - block
	if up {
		lowest = c.position
	}
	if c.ahead, err = c.lines(lowest, lowest+block); err != nil {
		return err
	}
	if up {
		slices.Reverse(c.ahead)
	}
	if !c.naming {
		return nil
	}
	others := make([]*wallet.Party, len(c.ahead))
	for i := range c.ahead {
		others[i] = c.ahead[i].Other
	}
	return c.name(others)
}

// name fills in who the parties are.
func (r *statementReader) name(parties []*wallet.Party) error {
	var wanted []int64
	for _, p := range parties {
		if p == nil {
			continue
		}
		if _, known := r.parties[p.WalletID]; !known {
			r.parties[p.WalletID] = *p
			wanted = append(wanted, p.WalletID)
		}
	}
	found, err := r.db.Parties(r.ctx, wanted)
	maps.Copy(r.parties, found)
	for _, p := range parties {
		if p != nil {
			*p = r.parties[p.WalletID]
		}
	}
	return err
}

// search takes a page of what matches out of all entries, each of which it reads.
func (r *statementReader) search(f wallet.StatementFilter, page *wallet.StatementPage) error {
	r.begin(f.Ascending, nil)
	kept := &statementWindow{filter: f}
	for {
		before := r.place()
		l, err := r.next(f.Ascending, statementStep)
		if err != nil {
			return err
		}
		if l == nil {
			break
		}
		if f.Matches(&l.Statement) {
			kept.add(*l, before, r.place())
		}
	}
	kept.fill(page, r.place())
	return nil
}

// statementWindow keeps a page of what passes by.
type statementWindow struct {
	filter  wallet.StatementFilter
	matched int
	kept    []keptStatement
}

// keptStatement is a statement with how many came before it, and the places around it.
type keptStatement struct {
	wallet.Statement
	index         int
	before, after wallet.StatementPlace
}

func (w *statementWindow) add(l line, before, after wallet.StatementPlace) {
	index := w.matched
	w.matched++
	currency := l.Amount.Currency
	past := func(place wallet.StatementPlace) bool { return (l.number > place[currency]) == w.filter.Ascending }
	switch {
	case w.filter.Before != nil && past(w.filter.Before):
		return
	case w.filter.Before != nil:
		if len(w.kept) == w.filter.Limit {
			w.kept = w.kept[1:]
		}
	case w.filter.After != nil && !past(w.filter.After), index < w.filter.Offset, len(w.kept) == w.filter.Limit:
		return
	}
	w.kept = append(w.kept, keptStatement{l.Statement, index, before, after})
}

// fill makes the page; end is where the list ends.
func (w *statementWindow) fill(page *wallet.StatementPage, end wallet.StatementPlace) {
	page.Total = w.matched
	if len(w.kept) > 0 {
		for _, k := range w.kept {
			page.Statements = append(page.Statements, k.Statement)
		}
		page.Offset, page.Before, page.After = w.kept[0].index, w.kept[0].before, w.kept[len(w.kept)-1].after
		return
	}
	page.Offset, page.Before, page.After = w.filter.Offset, end, end
	if w.filter.Before != nil {
		page.Offset, page.Before, page.After = 0, w.filter.Before, w.filter.Before
	} else if w.filter.After != nil {
		page.Offset, page.Before, page.After = w.matched, w.filter.After, w.filter.After
	}
}

// Parties are wallets as others may know them, by number; those that do not exist are left out.
func (db *DB) Parties(ctx context.Context, wallets []int64) (map[int64]wallet.Party, error) {
	found := make(map[int64]wallet.Party, len(wallets))
	for chunk := range slices.Chunk(wallets, 500) {
		rows, err := db.query(ctx, db.read, `SELECT w.id, u.display_name, w.account_number FROM wallets w JOIN users u ON u.id = w.owner_id
			WHERE w.id IN (`+parameters(1, len(chunk))+`)`, anys(chunk)...)
		some, err := collect(rows, err, func(rows *sql.Rows) (p wallet.Party, err error) {
			err = rows.Scan(&p.WalletID, &p.DisplayName, &p.AccountNumber)
			return p, err
		})
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			found[p.WalletID] = p
		}
	}
	return found, nil
}
