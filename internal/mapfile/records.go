package mapfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
)

// errOpenQuote is what is wrong with a line that begins a quotation which never ends.
var errOpenQuote = errors.New(`has a quotation mark that no other one closes: double one that is part of a text, and put the text into quotation marks`)

// records reads the records of a CSV file. Most are a line; one whose text is quoted may go on over several. A quotation mark too many
// must not swallow the lines behind it, so what turns out to be no record is given back but for its first line, which is refused.
type records struct {
	in   *bounded
	file *bufio.Reader
	// given are lines that were given back, the next one last.
	given [][]byte
	// line is the number of the last line that was taken.
	line int
	text bytes.Reader
	csv  *csv.Reader
	// comma is what separates the columns.
	comma rune
}

// begin makes the reader of a record. One that has failed is of no use any more.
func (r *records) begin() {
	r.csv = csv.NewReader(&r.text)
	r.csv.Comma, r.csv.ReuseRecord, r.csv.FieldsPerRecord = r.comma, true, -1
}

// next returns the cells of a record, good until the next one is asked for, and the number of its first line. It is refused when that line
// is no record; err, which is io.EOF at the end, says that the file cannot be read any further.
func (r *records) next() (cells []string, line int, refused, err error) {
	for {
		first, refused, err := r.take()
		line = r.line
		if err != nil || refused != nil {
			return nil, line, refused, err
		}
		text, more := first, [][]byte(nil)
		if odd(first) {
			text, more, refused, err = r.quoted(first)
		}
		if err == nil && refused == nil {
			r.text.Reset(text)
			cells, refused = r.csv.Read()
		}
		switch {
		case err != nil:
			return nil, line, nil, err
		case errors.Is(refused, io.EOF):
			continue // an empty line
		case refused != nil:
			var wrong *csv.ParseError
			if errors.As(refused, &wrong) {
				refused = wrong.Err
				r.begin()
			}
			slices.Reverse(more)
			r.given, r.line = append(r.given, more...), line
			return nil, line, refused, nil
		}
		return cells, line, nil, nil
	}
}

// odd says whether a quotation is open at the end of a text.
func odd(text []byte) bool { return bytes.Count(text, []byte{'"'})%2 == 1 }

// quoted takes lines until the quotation of the first one ends, and returns them together, and those after the first apart.
func (r *records) quoted(first []byte) (text []byte, more [][]byte, refused, err error) {
	text = bytes.Clone(first)
	for len(text) <= maxRow {
		line, refused, err := r.take()
		if errors.Is(err, io.EOF) || refused != nil {
			// A line that is too long is lost, which who reads on is not told again: it is a part of this one.
			return nil, more, errOpenQuote, nil
		}
		if err != nil {
			return nil, nil, nil, err
		}
		more = append(more, bytes.Clone(line))
		if text = append(text, line...); odd(line) {
			return text, more, nil, nil
		}
	}
	return nil, more, errOpenQuote, nil
}

// take returns a line with its end, good until the next one is taken. One that is too long is read to its end and refused.
func (r *records) take() (line []byte, refused, err error) {
	r.line++
	if last := len(r.given) - 1; last >= 0 {
		line, r.given = r.given[last], r.given[:last]
		return line, nil, nil
	}
	var long []byte
	for {
		r.in.next()
		piece, err := r.file.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(long) <= maxRow {
				long = append(long, piece...)
			}
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, nil, err
		case len(long) > maxRow:
			return nil, errLongRow, nil
		case long != nil:
			piece = append(long, piece...)
		}
		if len(piece) == 0 {
			return nil, nil, io.EOF
		}
		return piece, nil, nil
	}
}
