package merkle

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// An exported ledger is lines of ASCII words. Each line ends in a check of itself that tells which byte was altered:
//
//	purser-ledger 1 ORIGIN
//	key PUBLIC-KEY                          one for each key that signed
//	checkpoint "NOTE"
//	leaf INDEX HASH ID AT SALT              for each leaf, in the order of the log, and below it
//	entry …, limit …, transaction …,        what it did; entries as they stand in the journal
//	allowance …
//	row …, allowance-row …                  a transaction or an allowance as it stands, below the last leaf that changed it
//	waiting …                               a leaf that is not in the log yet, as leaf
//	account NAME AVAILABLE RESERVED LIMIT   what the leaves of the log come to, without waiting ones, in the order of names
//	end LINES

// Account is what an account holds by the leaves of the log, in minor units.
type Account struct {
	Name                             string
	Available, Reserved, CreditLimit int64
}

// exportVersion is that of the text.
const exportVersion = 1

// Exporter writes a ledger. The order of its calls is that of the text.
type Exporter struct {
	w     *bufio.Writer
	lines int64
	index int64
	err   error
}

// NewExporter begins the text of a ledger with its newest checkpoint, and the public keys that signed it.
func NewExporter(w io.Writer, origin string, public []string, checkpoint []byte) *Exporter {
	x := &Exporter{w: bufio.NewWriterSize(w, 1<<16)}
	var l line
	l.kind("purser-ledger")
	l.number(exportVersion)
	l.word(origin)
	x.put(l)
	for _, key := range public {
		l = line("key")
		l.word(key)
		x.put(l)
	}
	l = line("checkpoint")
	l.quoted(string(checkpoint))
	x.put(l)
	return x
}

// put writes a line and its check.
func (x *Exporter) put(l line) {
	if x.err == nil {
		_, x.err = x.w.Write(append(appendCheck(l), '\n'))
	}
	x.lines++
}

// Leaf writes the next leaf, with the rows of what it was the last to change. hash is the one that stands in the log, whatever
// the leaf comes to. Leaves that wait for the log come last.
func (x *Exporter) Leaf(f *Leaf, hash tlog.Hash, waiting bool, rows Rows) error {
	l := make(line, 0, 512)
	if waiting {
		l.kind("waiting")
	} else {
		l.kind("leaf")
	}
	l.number(x.index)
	l.hex(hash[:])
	l.number(f.ID, f.At)
	l.hex(f.Salt[:])
	x.put(l)
	x.index++
	for i := range f.Entries {
		l = l[:0]
		f.Entries[i].row(&l)
		x.put(l)
	}
	for i := range f.Limits {
		l = l[:0]
		f.Limits[i].line(&l)
		x.put(l)
	}
	for i := range f.Transactions {
		l = l[:0]
		f.Transactions[i].line(&l)
		x.put(l)
		if row, ok := rows.Transactions[f.Transactions[i].ID]; ok {
			l = l[:0]
			row.row(&l)
			x.put(l)
		}
	}
	for i := range f.Allowances {
		l = l[:0]
		f.Allowances[i].line(&l)
		x.put(l)
		if row, ok := rows.Allowances[f.Allowances[i].ID]; ok {
			l = l[:0]
			row.row(&l)
			x.put(l)
		}
	}
	return x.err
}

// Account writes the next account.
func (x *Exporter) Account(a Account) error {
	l := line("account")
	l.word(a.Name)
	l.number(a.Available, a.Reserved, a.CreditLimit)
	x.put(l)
	return x.err
}

// End ends the text.
func (x *Exporter) End() error {
	l := line("end")
	l.number(x.lines)
	x.put(l)
	if x.err == nil {
		x.err = x.w.Flush()
	}
	return x.err
}

// The check of a line: " ~" and two sums over its bytes, in hex. The second sum weighs each byte with its column, so
// that the two tell which byte was altered, and by how much. They find accidents; what somebody altered on purpose, the
// sums included, is found by the leaf's hash.
const (
	checkMark   = " ~"
	checkLength = len(checkMark) + 16
	checkPrime  = 1<<31 - 1
)

func checkSums(content []byte) (sum, weighed int64) {
	for i, c := range content {
		sum += int64(c)
		weighed = (weighed + int64(c)*int64(i+1)) % checkPrime
	}
	return sum % checkPrime, weighed
}

// appendCheck puts the check behind a line.
func appendCheck(content []byte) []byte {
	sum, weighed := checkSums(content)
	var both [8]byte
	for i := range 4 {
		both[i], both[4+i] = byte(sum>>(24-8*i)), byte(weighed>>(24-8*i))
	}
	return hex.AppendEncode(append(content, checkMark...), both[:])
}

// whole says whether a line is as it was written.
func whole(raw []byte) bool {
	n := len(raw) - checkLength
	return n > 0 && string(raw[n:]) == string(appendCheck(raw[:n:n])[n:])
}

// Fault is the first thing in an exported ledger that is not what was signed.
type Fault struct {
	// Line is its number, from 1 on, and Column the byte in it, from 1 on; 0 where it is not one byte.
	Line, Column int64
	// Field names what stands there.
	Field string
	// Is and Must are what stands there, and what must.
	Is, Must string
}

// Error is the fault in a sentence.
func (f *Fault) Error() string {
	at := fmt.Sprintf("line %d", f.Line)
	if f.Column > 0 {
		at += fmt.Sprintf(", byte %d", f.Column)
	}
	return fmt.Sprintf("%s: %s is %s, and must be %s", at, f.Field, f.Is, f.Must)
}

// byteText shows a byte to people.
func byteText(c byte) string { return strconv.QuoteToASCII(string(rune(c))) }

// altered finds the one byte by which a line differs from what was written; ok is false where it is not one. column begins
// at 0.
func altered(raw []byte) (column int, must byte, ok bool) {
	n := len(raw) - checkLength
	if n <= 0 {
		return 0, 0, false
	}
	expected := appendCheck(raw[:n:n])[n:]
	for i, c := range raw[n:] {
		if c != expected[i] {
			if ok {
				ok = false
				break
			}
			column, must, ok = n+i, expected[i], true
		}
	}
	if ok {
		return column, must, true // an altered byte of the content would have altered both sums
	}
	var both [8]byte
	if _, err := hex.Decode(both[:], raw[n+len(checkMark):]); err != nil || string(raw[n:n+len(checkMark)]) != checkMark {
		return 0, 0, false
	}
	var sum, weighed int64
	for i := range 4 {
		sum, weighed = sum<<8|int64(both[i]), weighed<<8|int64(both[4+i])
	}
	is, isWeighed := checkSums(raw[:n])
	more, at := is-sum, (isWeighed-weighed+checkPrime)%checkPrime
	if more == 0 || more < -255 || more > 255 || at == 0 {
		return 0, 0, false
	}
	for i := range n { // more * column = at, modulo the prime
		if (int64(i+1)*((more+checkPrime)%checkPrime))%checkPrime == at {
			was := int64(raw[i]) - more
			return i, byte(was), was >= 0 && was <= 255
		}
	}
	return 0, 0, false
}

// fieldNames are the words of each kind of line, after its kind.
var fieldNames = map[string][]string{
	"purser-ledger": {"version", "origin"},
	"key":           {"public key"},
	"checkpoint":    {"signed note"},
	"leaf":          {"index", "hash", "id", "at", "salt"},
	"waiting":       {"index", "hash", "id", "at", "salt"},
	"entry": {"id", "at", "kind", "debit account", "debit part", "credit account", "credit part", "minor", "debit after", "credit after",
		"debit previous", "credit previous", "payment", "details"},
	"limit":         {"account", "was", "now"},
	"transaction":   {"id", "status", "previous leaf", "payments", "digest"},
	"row":           {"id", "status", "client", "project", "location", "wallet", "created", "document"},
	"allowance":     {"id", "status", "previous leaf", "digest"},
	"allowance-row": {"id", "status", "client", "project", "transaction", "wallet", "created", "document"},
	"account":       {"name", "available", "reserved", "credit limit"},
	"end":           {"lines"},
}

// fieldAt names what stands in a column of a line, which is right.
func fieldAt(content []byte, column int) string {
	if column >= len(content) {
		return "the check of the line"
	}
	word, quoted := 0, false
	for i := range column {
		switch c := content[i]; {
		case c == '\\' && quoted:
			// The next byte is not what ends the word: a quote stands behind a backslash there.
		case c == '"' && (i == 0 || content[i-1] != '\\' || evenBackslashes(content[:i])):
			quoted = !quoted
		case c == ' ' && !quoted:
			word++
		}
	}
	kind, _, _ := cut(content)
	name := func(word int) string {
		names := fieldNames[kind]
		if word < 1 || word > len(names) {
			return "the kind of the line"
		}
		return kind + "'s " + names[word-1]
	}
	if content[column] == ' ' && !quoted {
		return "the space before " + name(word+1)
	}
	return name(word)
}

// evenBackslashes says whether a text ends in an even number of backslashes.
func evenBackslashes(text []byte) bool {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n%2 == 0
}

// cut takes the first word off a line.
func cut(content []byte) (word string, rest []byte, found bool) {
	for i, c := range content {
		if c == ' ' {
			return string(content[:i]), content[i+1:], true
		}
	}
	return string(content), nil, false
}

// lineReader reads the lines of an exported ledger.
type lineReader struct {
	r      *bufio.Reader
	number int64
}

// next returns the next line without its check.
func (r *lineReader) next() ([]byte, error) {
	raw, err := r.r.ReadBytes('\n')
	if err != nil && err != io.EOF {
		return nil, err
	}
	r.number++
	if err == io.EOF && len(raw) == 0 {
		return nil, &Fault{r.number, 0, "the text", "at its end", "a line that says so"}
	}
	ended := raw[len(raw)-1] == '\n'
	if ended {
		raw = raw[:len(raw)-1]
	}
	if whole(raw) && ended {
		return raw[:len(raw)-checkLength], nil
	}
	return nil, r.locate(raw, ended)
}

// locate finds what is wrong with a line that is not as it was written.
func (r *lineReader) locate(raw []byte, ended bool) error {
	const end = "the end of the line"
	for i := checkLength + 1; i <= len(raw); i++ {
		if (i < len(raw) || !ended) && string(raw[i-checkLength:i-checkLength+len(checkMark)]) == checkMark && whole(raw[:i]) {
			is := "the end of the text"
			if i < len(raw) {
				is = byteText(raw[i])
			}
			return &Fault{r.number, int64(i + 1), end, is, byteText('\n')}
		}
	}
	if column, must, ok := altered(raw); ok {
		return r.fault(raw, column, must)
	}
	if ended { // the line may have been cut in two
		rest, err := r.r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if len(rest) > 0 && rest[len(rest)-1] == '\n' {
			rest = rest[:len(rest)-1]
		}
		joined := append(append(append([]byte(nil), raw...), '\n'), rest...)
		if column, must, ok := altered(joined); ok && column == len(raw) {
			return r.fault(joined, column, must)
		}
	}
	return &Fault{r.number, 0, "the line", "not as it was written, in more than one byte", "a line whose check is right"}
}

// fault is that of one altered byte.
func (r *lineReader) fault(raw []byte, column int, must byte) *Fault {
	is := raw[column]
	right := append([]byte(nil), raw...)
	right[column] = must
	return &Fault{r.number, int64(column + 1), fieldAt(right[:len(right)-checkLength], column), byteText(is), byteText(must)}
}
