package merkle

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Verified is what an exported ledger holds that was verified.
type Verified struct {
	Origin string
	// Keys are the public keys that the text names, by one of which the checkpoint is signed.
	Keys []string
	tlog.Tree
	// Entries are those of signed leaves.
	Entries, Transactions, Allowances, Accounts int64
	// Waiting is how many leaves at the end were not in the log yet: nobody has signed what they say. Unsigned is how many
	// transactions and allowances stand as one of them says.
	Waiting, Unsigned int64
}

// VerifyExport reads an exported ledger and checks every byte of it: each line is the only way to write what it says; what
// leaves, entries, limits, transactions and allowances say comes to the leaves' hashes, those to the root in the checkpoint, and that is
// signed; rows are what the last leaf of each transaction and allowance says, and there is one for each; accounts hold what the entries of signed
// leaves come to. It returns the first *Fault. trusted are public keys, one of which must have signed; with none the keys in
// the text are believed, which then prove nothing about who signed.
//
// A leaf that nobody has signed is a fault, for anybody can write one, unless allowWaiting says otherwise: then it is in no
// balance, and Verified tells how much stands as nobody has signed it.
func VerifyExport(r io.Reader, allowWaiting bool, trusted ...string) (Verified, error) {
	v := &exportVerifier{
		lines: lineReader{r: bufio.NewReaderSize(r, 1<<16)}, allowWaiting: allowWaiting, accounts: map[string]*totals{}, deletions: Deletions{}, seed: maphash.MakeSeed(),
	}
	err := v.run(trusted)
	return v.seen, err
}

// totals are what the signed leaves come to for one account.
type totals struct {
	parts [2]sum128
	limit int64
}

// sum128 is a sum of 64-bit numbers that cannot overflow.
type sum128 struct{ hi, lo uint64 }

func (s *sum128) add(n int64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, uint64(n), 0)
	s.hi += uint64(n>>63) + carry
}

func (s *sum128) is(n int64) bool { return s.lo == uint64(n) && s.hi == uint64(n>>63) }

type exportVerifier struct {
	lines lineReader
	seen  Verified
	stack stack
	// leaf is the one that is being read, at its line, with the hash that stands there.
	leaf     *Leaf
	leafLine int64
	leafHash tlog.Hash
	// waits says that nobody has signed it, allowWaiting that there may be such.
	waits, allowWaiting bool
	accounts            map[string]*totals
	// last is the name of the account that was read last.
	last string
	// open sums up the leaves that changed transactions and allowances, less those that another leaf follows, and those with a row.
	open uint64
	seed maphash.Seed
	// rowOf counts the transactions and allowances that have a row, or need none any more: those are among the deletions.
	rowOf     int64
	deletions Deletions
}

// wrong is a fault of the line that was read last.
func (v *exportVerifier) wrong(field, is, must string) *Fault {
	return &Fault{v.lines.number, 0, field, is, must}
}

func (v *exportVerifier) run(trusted []string) error {
	if err := v.head(trusted); err != nil {
		return err
	}
	for {
		content, err := v.lines.next()
		if err != nil {
			return err
		}
		f := &fields{content: content, ok: true}
		kind, rest, _ := cut(content)
		f.rest = rest
		switch kind {
		case "leaf", "waiting":
			err = v.beginLeaf(f, kind)
		case "entry":
			err = v.entry(f)
		case "limit":
			err = v.limit(f)
		case "transaction":
			err = v.transaction(f)
		case "row":
			err = v.row(f)
		case "allowance":
			err = v.allowance(f)
		case "allowance-row":
			err = v.allowanceRow(f)
		case "account":
			err = v.account(f)
		case "end":
			return v.end(f)
		default:
			err = v.wrong("the kind of the line", strconv.QuoteToASCII(kind), "one that there is")
		}
		if err != nil {
			return err
		}
	}
}

// head reads the first lines.
func (v *exportVerifier) head(trusted []string) error {
	content, err := v.lines.next()
	if err != nil {
		return err
	}
	f := &fields{content: content, ok: true}
	kind, rest, _ := cut(content)
	f.rest = rest
	version := f.number()
	v.seen.Origin = f.word()
	var l line
	l.kind("purser-ledger")
	l.number(exportVersion)
	l.word(v.seen.Origin)
	if kind != "purser-ledger" || version != exportVersion || !f.same(l) {
		return v.wrong("the line", "that of another text", fmt.Sprintf("purser-ledger %d ORIGIN", exportVersion))
	}
	for {
		if content, err = v.lines.next(); err != nil {
			return err
		}
		kind, rest, _ := cut(content)
		f := &fields{content: content, rest: rest, ok: true}
		if kind == "checkpoint" {
			return v.checkpoint(f, trusted)
		}
		key := f.word()
		l = line("key")
		l.word(key)
		if kind != "key" || !f.same(l) {
			return v.wrong("the line", "none of a key or the checkpoint", "one of them")
		}
		v.seen.Keys = append(v.seen.Keys, key)
	}
}

// checkpoint reads the checkpoint. Each key must have signed it, and nobody else: then every byte of it is covered. One of them
// must be trusted; while a key is replaced, the other may not be known yet, or any more.
func (v *exportVerifier) checkpoint(f *fields, trusted []string) error {
	signed := f.quoted()
	l := line("checkpoint")
	l.quoted(signed)
	if !f.same(l) {
		return v.wrong("checkpoint's signed note", "a text that is not written like that", "a quoted text")
	}
	if len(v.seen.Keys) == 0 {
		return v.wrong("the line", "the checkpoint", "a key first")
	}
	if len(trusted) > 0 && !slices.ContainsFunc(v.seen.Keys, func(key string) bool { return slices.Contains(trusted, key) }) {
		return v.wrong("checkpoint's signed note", "signed by "+strings.Join(v.seen.Keys, " and "), "signed by one key that is trusted")
	}
	for _, key := range v.seen.Keys {
		origin, tree, err := OpenCheckpoint([]byte(signed), key)
		if err != nil {
			return v.wrong("checkpoint's signed note", err.Error(), "signed by "+key)
		}
		if origin != v.seen.Origin {
			return v.wrong("checkpoint's signed note", "of "+origin, "of "+v.seen.Origin)
		}
		v.seen.Tree = tree
	}
	if n := strings.Count(signed, "\n— "); n != len(v.seen.Keys) {
		return v.wrong("checkpoint's signed note", fmt.Sprintf("signed by %d keys", n), fmt.Sprintf("signed by the %d that are listed", len(v.seen.Keys)))
	}
	return nil
}

// endLeaf judges the leaf that was read.
func (v *exportVerifier) endLeaf() error {
	if v.leaf == nil {
		return nil
	}
	if hash := v.leaf.Hash(); hash != v.leafHash {
		return &Fault{v.leafLine, 0, fmt.Sprintf("leaf %d: its hash, or a line below it,", v.stack.n+v.seen.Waiting), hex.EncodeToString(v.leafHash[:]), hex.EncodeToString(hash[:])}
	}
	if v.stack.n < v.seen.N {
		v.stack.add(v.leafHash)
	} else {
		v.seen.Waiting++
	}
	v.leaf = nil
	return nil
}

func (v *exportVerifier) beginLeaf(f *fields, kind string) error {
	if err := v.endLeaf(); err != nil {
		return err
	}
	index := f.number()
	leaf := &Leaf{}
	f.hex(v.leafHash[:])
	leaf.ID, leaf.At = f.number(), f.number()
	f.hex(leaf.Salt[:])
	l := line(kind)
	l.number(index)
	l.hex(v.leafHash[:])
	l.number(leaf.ID, leaf.At)
	l.hex(leaf.Salt[:])
	if !f.same(l) {
		return v.wrong(kind, "not written like that", kind+" INDEX HASH ID AT SALT")
	}
	if index != v.stack.n+v.seen.Waiting || (index >= v.seen.N) != (kind == "waiting") || v.last != "" {
		return v.wrong(kind+"'s index", strconv.FormatInt(index, 10), fmt.Sprintf("%d, with %d in the log and the rest waiting, before all accounts", v.stack.n+v.seen.Waiting, v.seen.N))
	}
	if v.waits = kind == "waiting"; v.waits && !v.allowWaiting {
		return v.wrong("the line", "a leaf that nobody has signed", "one of the log: export again when it has taken that up, or allow leaves that wait (--allow-waiting)")
	}
	v.leaf, v.leafLine = leaf, v.lines.number
	return nil
}

// below refuses a line that stands below no leaf.
func (v *exportVerifier) below(kind string, written bool) error {
	switch {
	case v.leaf == nil:
		return v.wrong("the line", kind, "below a leaf")
	case !written:
		return v.wrong(kind, "not written like that", kind+" "+strings.ToUpper(strings.Join(fieldNames[kind], ", ")))
	}
	return nil
}

func (v *exportVerifier) of(account string) *totals {
	t := v.accounts[account]
	if t == nil {
		t = &totals{}
		v.accounts[account] = t
	}
	return t
}

func (v *exportVerifier) entry(f *fields) error {
	var e Entry
	e.ID, e.At, e.Kind = f.number(), f.number(), f.word()
	e.Debit, e.DebitPart = f.word(), f.number()
	e.Credit, e.CreditPart = f.word(), f.number()
	for _, to := range []*int64{&e.Minor, &e.DebitAfter, &e.CreditAfter, &e.DebitPrevious, &e.CreditPrevious, &e.PaymentID} {
		*to = f.number()
	}
	e.Details = f.quoted()
	var l line
	e.row(&l)
	if err := v.below("entry", f.same(l)); err != nil {
		return err
	}
	if e.DebitPart|e.CreditPart|1 != 1 || e.Minor <= 0 || currencyOf(e.Debit) != currencyOf(e.Credit) {
		return v.wrong("entry", "no movement", "one of more than nothing, in one currency, between parts 0 and 1")
	}
	v.leaf.Entries = append(v.leaf.Entries, e)
	if v.waits {
		return nil
	}
	v.of(e.Debit).parts[e.DebitPart].add(-e.Minor)
	v.of(e.Credit).parts[e.CreditPart].add(e.Minor)
	v.seen.Entries++
	return nil
}

func (v *exportVerifier) limit(f *fields) error {
	m := Limit{Account: f.word(), Was: f.number(), Now: f.number()}
	var l line
	m.line(&l)
	if err := v.below("limit", f.same(l)); err != nil {
		return err
	}
	if !v.waits {
		v.of(m.Account).limit += m.Now - m.Was
	}
	v.leaf.Limits = append(v.leaf.Limits, m)
	return nil
}

// turn stands for a leaf that changed a transaction, or an allowance, whose number is below 0 then.
func (v *exportVerifier) turn(of, leaf int64) uint64 {
	return maphash.Comparable(v.seed, [2]int64{of, leaf})
}

func (v *exportVerifier) transaction(f *fields) error {
	t := f.transaction()
	var l line
	t.line(&l)
	if err := v.below("transaction", f.same(l)); err != nil {
		return err
	}
	v.deletions.Add(&t, v.leaf.ID)
	v.open += v.turn(t.ID, v.leaf.ID)
	if t.Previous != 0 {
		v.open -= v.turn(t.ID, t.Previous)
	} else {
		v.seen.Transactions++
	}
	v.leaf.Transactions = append(v.leaf.Transactions, t)
	return nil
}

func (v *exportVerifier) row(f *fields) error {
	var r Row
	if err := v.rowLine("row", f, &r.ID, &r.Status, &r.Document, r.row, &r.ClientID, &r.ProjectID, &r.LocationID, &r.WalletID, &r.CreatedAt); err != nil {
		return err
	}
	if len(v.leaf.Transactions) == 0 {
		return v.wrong("the line", "row", "below a transaction")
	}
	t := &v.leaf.Transactions[len(v.leaf.Transactions)-1]
	if err := v.rowIs("row", "transaction", stamp{r.ID, r.Status, r.Digest(v.leaf.Salt)}, stamp{t.ID, t.Status, t.Digest}); err != nil {
		return err
	}
	if t.Status == Deleted {
		v.deletions.addRow(t.ID)
	}
	v.takeRow(t.ID)
	return nil
}

// rowLine reads a row of either kind, and holds the line against how the row is written.
func (v *exportVerifier) rowLine(kind string, f *fields, id *int64, status, document *string, write func(*line), columns ...*int64) error {
	*id, *status = f.number(), f.word()
	for _, to := range columns {
		*to = f.number()
	}
	*document = f.quoted()
	var l line
	write(&l)
	return v.below(kind, f.same(l))
}

// stamp is what a leaf says of a row: whose it is, its status, and the digest of the rest.
type stamp struct {
	id     int64
	status string
	digest [32]byte
}

// rowIs holds a row against what the leaf above it says.
func (v *exportVerifier) rowIs(kind, noun string, is, said stamp) error {
	if is == said {
		return nil
	}
	tell := func(s stamp) string { return fmt.Sprintf("%s %d, %s, of digest %x", noun, s.id, s.status, s.digest) }
	return v.wrong(kind, tell(is), tell(said))
}

func (v *exportVerifier) account(f *fields) error {
	if err := v.endLeaf(); err != nil {
		return err
	}
	a := Account{Name: f.word(), Available: f.number(), Reserved: f.number(), CreditLimit: f.number()}
	l := line("account")
	l.word(a.Name)
	l.number(a.Available, a.Reserved, a.CreditLimit)
	switch t := v.accounts[a.Name]; {
	case !f.same(l):
		return v.wrong("account", "not written like that", "account NAME AVAILABLE RESERVED LIMIT")
	case a.Name <= v.last:
		return v.wrong("account's name", a.Name, "one behind "+v.last)
	case t == nil:
		return v.wrong("account's name", a.Name, "one that the leaves speak of")
	case !t.parts[0].is(a.Available):
		return v.wrong("account's available", strconv.FormatInt(a.Available, 10), strconv.FormatInt(int64(t.parts[0].lo), 10)+", which its signed entries come to")
	case !t.parts[1].is(a.Reserved):
		return v.wrong("account's reserved", strconv.FormatInt(a.Reserved, 10), strconv.FormatInt(int64(t.parts[1].lo), 10)+", which its signed entries come to")
	case t.limit != a.CreditLimit:
		return v.wrong("account's credit limit", strconv.FormatInt(a.CreditLimit, 10), strconv.FormatInt(t.limit, 10)+", which its signed limits come to")
	}
	v.last = a.Name
	delete(v.accounts, a.Name)
	v.seen.Accounts++
	return nil
}

// allowance reads what a leaf says of an allowance.
func (v *exportVerifier) allowance(f *fields) error {
	a := Allowance{ID: f.number(), Status: f.word(), Previous: f.number()}
	f.hex(a.Digest[:])
	var l line
	a.line(&l)
	if err := v.below("allowance", f.same(l)); err != nil {
		return err
	}
	v.open += v.turn(-a.ID, v.leaf.ID)
	if a.Previous != 0 {
		v.open -= v.turn(-a.ID, a.Previous)
	} else {
		v.seen.Allowances++
	}
	v.leaf.Allowances = append(v.leaf.Allowances, a)
	return nil
}

func (v *exportVerifier) allowanceRow(f *fields) error {
	var r AllowanceRow
	if err := v.rowLine("allowance-row", f, &r.ID, &r.Status, &r.Document, r.row, &r.ClientID, &r.ProjectID, &r.TransactionID, &r.WalletID, &r.CreatedAt); err != nil {
		return err
	}
	if len(v.leaf.Allowances) == 0 {
		return v.wrong("the line", "allowance-row", "below an allowance")
	}
	a := &v.leaf.Allowances[len(v.leaf.Allowances)-1]
	if err := v.rowIs("allowance-row", "allowance", stamp{r.ID, r.Status, r.Digest(v.leaf.Salt)}, stamp{a.ID, a.Status, a.Digest}); err != nil {
		return err
	}
	v.takeRow(-a.ID)
	return nil
}

// takeRow notes a row below the leaf that changed it last.
func (v *exportVerifier) takeRow(of int64) {
	v.open -= v.turn(of, v.leaf.ID)
	v.rowOf++
	if v.waits {
		v.seen.Unsigned++
	}
}

// removed takes up the transactions that were deleted and have no row any more.
func (v *exportVerifier) removed() error {
	for _, id := range slices.Sorted(maps.Keys(v.deletions)) {
		last, ok := v.deletions.last(id)
		if !ok {
			return v.wrong(fmt.Sprintf("what leaves say of transaction %d", id), "that it was deleted last by none of them, or by several", "a chain")
		}
		if !last.row {
			v.open -= v.turn(id, last.leaf)
			v.rowOf++
		}
	}
	return nil
}

func (v *exportVerifier) end(f *fields) error {
	if err := v.endLeaf(); err != nil {
		return err
	}
	if err := v.removed(); err != nil {
		return err
	}
	lines := f.number()
	l := line("end")
	l.number(lines)
	root := v.stack.root()
	switch {
	case !f.same(l) || lines != v.lines.number-1:
		return v.wrong("end's lines", strconv.FormatInt(lines, 10), strconv.FormatInt(v.lines.number-1, 10))
	case v.stack.n != v.seen.N:
		return v.wrong("how many leaves there are", strconv.FormatInt(v.stack.n, 10), strconv.FormatInt(v.seen.N, 10)+", of which the checkpoint is")
	case root != v.seen.Hash:
		return v.wrong("the root of the leaves", root.String(), v.seen.Hash.String()+", which is signed")
	case v.open != 0 || v.rowOf != v.seen.Transactions+v.seen.Allowances:
		return v.wrong("how many transactions and allowances have their last row", strconv.FormatInt(v.rowOf, 10), strconv.FormatInt(v.seen.Transactions+v.seen.Allowances, 10)+", each below the last leaf that changed it")
	}
	for _, name := range slices.Sorted(maps.Keys(v.accounts)) {
		if *v.accounts[name] != (totals{}) {
			return v.wrong("the accounts", "without "+name, "all that hold something")
		}
	}
	if rest, err := v.lines.r.Peek(1); err != io.EOF {
		if err != nil {
			return err
		}
		return &Fault{v.lines.number + 1, 1, "the text", byteText(rest[0]), "at its end"}
	}
	return nil
}

// fields reads the words of a line.
type fields struct {
	content, rest []byte
	ok            bool
}

// same says whether all could be read, and the line is the one way to write that.
func (f *fields) same(l line) bool { return f.ok && bytes.Equal(f.content, l) }

// next takes the next word, quotes included.
func (f *fields) next() string {
	if len(f.rest) == 0 {
		f.ok = false
		return ""
	}
	end := bytes.IndexByte(f.rest, ' ')
	if f.rest[0] == '"' {
		prefix, err := strconv.QuotedPrefix(string(f.rest))
		if err != nil {
			f.ok = false
			return ""
		}
		end = len(prefix)
	}
	if end < 0 || end >= len(f.rest) {
		word := string(f.rest)
		f.rest = nil
		return word
	}
	word := string(f.rest[:end])
	f.rest = f.rest[end+1:]
	return word
}

func (f *fields) word() string {
	word := f.next()
	if strings.HasPrefix(word, `"`) {
		return f.unquote(word)
	}
	return word
}

func (f *fields) quoted() string { return f.unquote(f.next()) }

func (f *fields) unquote(word string) string {
	text, err := strconv.Unquote(word)
	f.ok = f.ok && err == nil
	return text
}

func (f *fields) number() int64 {
	n, err := strconv.ParseInt(f.next(), 10, 64)
	f.ok = f.ok && err == nil
	return n
}

func (f *fields) list() (numbers []int64) {
	word := f.next()
	if word == "-" {
		return nil
	}
	for text := range strings.SplitSeq(word, ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		f.ok = f.ok && err == nil
		numbers = append(numbers, n)
	}
	return numbers
}

// transaction reads the words of what a leaf says of a transaction.
func (f *fields) transaction() Transaction {
	t := Transaction{ID: f.number(), Status: f.word(), Previous: f.number(), Payments: f.list()}
	f.hex(t.Digest[:])
	return t
}

func (f *fields) hex(to []byte) {
	word := f.next()
	if len(word) != hex.EncodedLen(len(to)) {
		f.ok = false
		return
	}
	_, err := hex.Decode(to, []byte(word))
	f.ok = f.ok && err == nil
}
