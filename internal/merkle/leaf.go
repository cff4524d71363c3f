// Package merkle is the log in which every change of money is a leaf, pure: what a leaf says, the tree over leaves, signed
// checkpoints, proofs, and the text that a whole ledger is exported as and checked from. docs/log.md describes it for those
// who check it with other tools.
//
// The tree is that of RFC 6962, its tiles and checkpoints are those of C2SP (tlog-tiles, tlog-checkpoint, signed-note).
// Tiles are public, so that a leaf must not be guessed from its hash: each leaf has a salt that only the books know, and what
// a leaf says of rows are salted digests of them. The parties of a transaction are shown the leaf's text, without the salt.
package merkle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Leaf is what one command did.
type Leaf struct {
	// ID is its number, which rises within a writer. Its place in the log is told by the log.
	ID int64
	// At is when, in microseconds since 1970.
	At int64
	// Salt keeps digests from being guessed.
	Salt [16]byte
	// Entries were added to the journal, Limits, Transactions and Allowances changed.
	Entries      []Entry
	Limits       []Limit
	Transactions []Transaction
	Allowances   []Allowance
}

// Entry is an entry of the journal, with accounts by name, times in microseconds and amounts in minor units.
type Entry struct {
	ID, At                        int64
	Kind                          string
	Debit, Credit                 string
	DebitPart, CreditPart         int64
	Minor                         int64
	DebitAfter, CreditAfter       int64
	DebitPrevious, CreditPrevious int64
	PaymentID                     int64
	Details                       string
}

// Limit is how far an account may go below zero, before and now, in minor units.
type Limit struct {
	Account  string
	Was, Now int64
}

// Transaction is what a transaction has become.
type Transaction struct {
	ID     int64
	Status string
	// Previous is the leaf that changed it before, 0 for none.
	Previous int64
	// Payments are the numbers of its payments: what its parties know it by.
	Payments []int64
	// Digest is the salted digest of its row.
	Digest [32]byte
}

// Deleted is the status of a transaction that is removed for good after a while: its last leaf may have no row.
const Deleted = "deleted"

// Row is a transaction as it is stored.
type Row struct {
	ID                                        int64
	Status                                    string
	ClientID, ProjectID, LocationID, WalletID int64
	CreatedAt                                 int64
	Document                                  string
}

// Allowance is what an allowance has become.
type Allowance struct {
	ID     int64
	Status string
	// Previous is the leaf that changed it before, 0 for none.
	Previous int64
	// Digest is the salted digest of its row.
	Digest [32]byte
}

// AllowanceRow is an allowance as it is stored.
type AllowanceRow struct {
	ID                                           int64
	Status                                       string
	ClientID, ProjectID, TransactionID, WalletID int64
	CreatedAt                                    int64
	Document                                     string
}

// Rows are the transactions and allowances that a leaf was the last to change, by number, as they are stored.
type Rows struct {
	Transactions map[int64]Row
	Allowances   map[int64]AllowanceRow
}

// AccountName names an account in leaves: its purpose, its wallet (0 for one of the system) and its currency.
func AccountName(purpose string, wallet int64, currency string) string {
	return purpose + ":" + strconv.FormatInt(wallet, 10) + ":" + currency
}

// currencyOf is the last part of an account's name.
func currencyOf(account string) string { return account[strings.LastIndexByte(account, ':')+1:] }

// line builds a line of words.
type line []byte

func (l *line) kind(word string) { *l = append(*l, word...) }

// word adds a word: as it is where it has only letters, digits and signs that need no quotes, else quoted, in ASCII.
func (l *line) word(word string) {
	*l = append(*l, ' ')
	if plain(word) {
		*l = append(*l, word...)
		return
	}
	*l = strconv.AppendQuoteToASCII(*l, word)
}

func plain(word string) bool {
	for i := range len(word) {
		c := word[i]
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '~' {
			return false
		}
	}
	return word != "" && word != "-"
}

func (l *line) quoted(text string) { *l = strconv.AppendQuoteToASCII(append(*l, ' '), text) }

func (l *line) number(numbers ...int64) {
	for _, n := range numbers {
		*l = strconv.AppendInt(append(*l, ' '), n, 10)
	}
}

func (l *line) hex(bytes []byte) { *l = hex.AppendEncode(append(*l, ' '), bytes) }

// list adds numbers with commas between, "-" for none.
func (l *line) list(numbers []int64) {
	*l = append(*l, ' ')
	if len(numbers) == 0 {
		*l = append(*l, '-')
	}
	for i, n := range numbers {
		if i > 0 {
			*l = append(*l, ',')
		}
		*l = strconv.AppendInt(*l, n, 10)
	}
}

// row is the entry as it is exported, and as its digest is of.
func (e *Entry) row(l *line) {
	l.kind("entry")
	l.number(e.ID, e.At)
	l.word(e.Kind)
	l.word(e.Debit)
	l.number(e.DebitPart)
	l.word(e.Credit)
	l.number(e.CreditPart, e.Minor, e.DebitAfter, e.CreditAfter, e.DebitPrevious, e.CreditPrevious, e.PaymentID)
	l.quoted(e.Details)
}

// columns are the words of a row of either kind before its document.
func columns(l *line, kind string, id int64, status string, rest ...int64) {
	l.kind(kind)
	l.number(id)
	l.word(status)
	l.number(rest...)
}

// columns are the words of a transaction's row before its document.
func (r *Row) columns(l *line) {
	columns(l, "row", r.ID, r.Status, r.ClientID, r.ProjectID, r.LocationID, r.WalletID, r.CreatedAt)
}

// row is the transaction as it is exported.
func (r *Row) row(l *line) {
	r.columns(l)
	l.quoted(r.Document)
}

// columns are the words of an allowance's row before its document.
func (r *AllowanceRow) columns(l *line) {
	columns(l, "allowance-row", r.ID, r.Status, r.ClientID, r.ProjectID, r.TransactionID, r.WalletID, r.CreatedAt)
}

// row is the allowance as it is exported.
func (r *AllowanceRow) row(l *line) {
	r.columns(l)
	l.quoted(r.Document)
}

func (a *Allowance) line(l *line) {
	l.kind("allowance")
	l.number(a.ID)
	l.word(a.Status)
	l.number(a.Previous)
	l.hex(a.Digest[:])
}

func (t *Transaction) line(l *line) {
	l.kind("transaction")
	l.number(t.ID)
	l.word(t.Status)
	l.number(t.Previous)
	l.list(t.Payments)
	l.hex(t.Digest[:])
}

func (m *Limit) line(l *line) {
	l.kind("limit")
	l.word(m.Account)
	l.number(m.Was, m.Now)
}

// digest is the salted digest of a row: SHA-256 of the salt followed by the row's line.
func digest(salt *[16]byte, row line) [32]byte {
	salted := make([]byte, 0, len(salt)+len(row))
	return sha256.Sum256(append(append(salted, salt[:]...), row...))
}

// Digest is what a leaf with that salt says of the row: the document, which stands last, is in it as it is stored, without
// quotes.
func (r *Row) Digest(salt [16]byte) [32]byte {
	return documentDigest(salt, r.columns, r.Document)
}

// Digest is the same of an allowance.
func (r *AllowanceRow) Digest(salt [16]byte) [32]byte {
	return documentDigest(salt, r.columns, r.Document)
}

func documentDigest(salt [16]byte, columns func(l *line), document string) [32]byte {
	l := make(line, 0, len(salt)+len(document)+128)
	l = append(l, salt[:]...)
	columns(&l)
	return sha256.Sum256(append(append(l, ' '), document...))
}

// Text is what the leaf says, without its salt: lines of words, each ended by a line feed. Its hash is the leaf's.
func (f *Leaf) Text() []byte {
	text := make(line, 0, 128*(1+len(f.Entries)+len(f.Transactions)+len(f.Allowances)))
	text.kind("purser leaf")
	text.number(f.ID, f.At)
	text = append(text, '\n')
	var row line
	for i := range f.Entries {
		e := &f.Entries[i]
		row = row[:0]
		e.row(&row)
		sum := digest(&f.Salt, row)
		text.kind("entry")
		text.number(e.ID)
		text.word(e.Kind)
		text.number(e.Minor)
		text.word(currencyOf(e.Debit))
		text.number(e.PaymentID)
		text.hex(sum[:])
		text = append(text, '\n')
	}
	for i := range f.Limits {
		row = row[:0]
		f.Limits[i].line(&row)
		sum := digest(&f.Salt, row)
		text.kind("limit")
		text.hex(sum[:])
		text = append(text, '\n')
	}
	for i := range f.Transactions {
		f.Transactions[i].line(&text)
		text = append(text, '\n')
	}
	for i := range f.Allowances {
		f.Allowances[i].line(&text)
		text = append(text, '\n')
	}
	return text
}

// Hash is the leaf's hash in the tree (RFC 6962 §2.1).
func (f *Leaf) Hash() tlog.Hash { return tlog.RecordHash(f.Text()) }

// recordVersion begins what is stored of a leaf.
const recordVersion = 1

// Record is what is stored of a leaf: all that the journal and the transactions do not tell by themselves.
func (f *Leaf) Record() []byte {
	b := make([]byte, 0, 48+8*len(f.Entries)+64*len(f.Transactions)+56*len(f.Allowances))
	b = append(b, recordVersion)
	b = append(b, f.Salt[:]...)
	b = binary.AppendVarint(b, f.At)
	b = binary.AppendUvarint(b, uint64(len(f.Entries)))
	last := int64(0)
	for i := range f.Entries {
		b = binary.AppendVarint(b, f.Entries[i].ID-last)
		last = f.Entries[i].ID
	}
	b = binary.AppendUvarint(b, uint64(len(f.Limits)))
	for _, m := range f.Limits {
		b = appendText(b, m.Account)
		b = binary.AppendVarint(binary.AppendVarint(b, m.Was), m.Now)
	}
	b = binary.AppendUvarint(b, uint64(len(f.Transactions)))
	for i := range f.Transactions {
		t := &f.Transactions[i]
		b = binary.AppendVarint(b, t.ID)
		b = appendText(b, t.Status)
		b = binary.AppendVarint(b, t.Previous)
		b = binary.AppendUvarint(b, uint64(len(t.Payments)))
		for _, id := range t.Payments {
			b = binary.AppendVarint(b, id)
		}
		b = append(b, t.Digest[:]...)
	}
	if len(f.Allowances) > 0 { // most have none
		b = binary.AppendUvarint(b, uint64(len(f.Allowances)))
	}
	for i := range f.Allowances {
		a := &f.Allowances[i]
		b = binary.AppendVarint(b, a.ID)
		b = appendText(b, a.Status)
		b = binary.AppendVarint(b, a.Previous)
		b = append(b, a.Digest[:]...)
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// errRecord says that what is stored of a leaf is not what Record writes.
var errRecord = errors.New("merkle: the record of a leaf cannot be read")

// ParseRecord reads what is stored of a leaf. Of its entries only the numbers are known then.
func ParseRecord(id int64, record []byte) (*Leaf, error) {
	r := &recordReader{left: record, ok: true}
	f := &Leaf{ID: id}
	if v := r.bytes(1); !r.ok || v[0] != recordVersion {
		return nil, errRecord
	}
	copy(f.Salt[:], r.bytes(len(f.Salt)))
	f.At = r.varint()
	last := int64(0)
	for range r.count() {
		last += r.varint()
		f.Entries = append(f.Entries, Entry{ID: last})
	}
	for range r.count() {
		f.Limits = append(f.Limits, Limit{Account: r.text(), Was: r.varint(), Now: r.varint()})
	}
	for range r.count() {
		t := Transaction{ID: r.varint(), Status: r.text(), Previous: r.varint()}
		for range r.count() {
			t.Payments = append(t.Payments, r.varint())
		}
		copy(t.Digest[:], r.bytes(len(t.Digest)))
		f.Transactions = append(f.Transactions, t)
	}
	if len(r.left) > 0 {
		count := r.count()
		r.ok = r.ok && count > 0
		for range count {
			a := Allowance{ID: r.varint(), Status: r.text(), Previous: r.varint()}
			copy(a.Digest[:], r.bytes(len(a.Digest)))
			f.Allowances = append(f.Allowances, a)
		}
	}
	if !r.ok || len(r.left) > 0 {
		return nil, errRecord
	}
	return f, nil
}

// recordReader reads a record; ok turns false at the first thing that is not there.
type recordReader struct {
	left []byte
	ok   bool
}

func (r *recordReader) bytes(n int) []byte {
	if n < 0 || n > len(r.left) {
		r.ok = false
		r.left = nil
		return nil
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

func (r *recordReader) varint() int64 {
	v, n := binary.Varint(r.left)
	if n <= 0 {
		r.ok, r.left = false, nil
		return 0
	}
	r.left = r.left[n:]
	return v
}

// count is how many things follow, never more than there are bytes.
func (r *recordReader) count() int {
	v, n := binary.Uvarint(r.left)
	if n <= 0 || v > uint64(len(r.left)) {
		r.ok, r.left = false, nil
		return 0
	}
	r.left = r.left[n:]
	return int(v)
}

func (r *recordReader) text() string { return string(r.bytes(r.count())) }
