package mapfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// column is what a column of a CSV file is read as; an empty field is ignored.
type column struct{ field, locale string }

// readCSV reads a file whose first line names the columns.
func (r *Reader) readCSV(yield func(Row, error) bool) {
	r.in.next()
	buffered := bufio.NewReader(r.in)
	if mark, _ := buffered.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		buffered.Discard(3)
	}
	all := records{in: r.in, file: buffered, comma: separator(buffered)}
	all.begin()
	columns, err := r.columns(&all)
	if err != nil {
		yield(Row{}, err)
		return
	}
	for {
		cells, line, refused, err := all.next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(Row{}, err)
			return
		}
		where := fmt.Sprintf("line %d", line)
		row := Row{Where: where, Problems: []Problem{{Reason: fmt.Sprintf("cannot be read: %s", refused)}}}
		if refused == nil {
			row = r.csvRow(where, columns, cells)
		}
		if !yield(row, nil) {
			return
		}
	}
}

// separator is what separates the columns: the most frequent of comma, semicolon and tab in the first line.
func separator(in *bufio.Reader) rune {
	head, _ := in.Peek(in.Size())
	line, _, _ := bytes.Cut(head, []byte("\n"))
	best, most := ',', 0
	for _, mark := range []rune{',', ';', '\t'} {
		if n := bytes.Count(line, []byte(string(mark))); n > most {
			best, most = mark, n
		}
	}
	return best
}

// columns reads the first line.
func (r *Reader) columns(all *records) ([]column, error) {
	names, _, refused, err := all.next()
	if err == nil {
		err = refused
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty")
	case err != nil:
		return nil, fmt.Errorf("the first line, which names the columns, cannot be read: %w", err)
	}
	var columns []column
	there := map[column]bool{}
	for _, name := range names {
		if strings.Contains(name, "\r") {
			return nil, errors.New("its lines end with CR alone: save it with LF or CRLF")
		}
		var c column
		if c.field, c.locale = known(name); c.field == "" {
			r.ignore(name)
		} else if there[c] {
			return nil, fmt.Errorf("two columns are read as %s", strings.TrimSuffix(c.field+":"+c.locale, ":"))
		}
		there[c] = true
		columns = append(columns, c)
	}
	has := func(field string) bool {
		for c := range there {
			if c.field == field {
				return true
			}
		}
		return false
	}
	if !has("title") && !has("id") {
		return nil, errors.New("the first line must name the columns, and none is called title, name or id")
	}
	return columns, nil
}

func (r *Reader) csvRow(where string, columns []column, cells []string) Row {
	b := builder{canonical: r.canonical}
	if len(cells) != len(columns) {
		b.refuse("", "has %d cells, and there are %d columns", len(cells), len(columns))
	}
	for i, text := range cells[:min(len(cells), len(columns))] {
		switch c := columns[i]; {
		case c.field == "":
		case !utf8.ValidString(text):
			b.refuse(c.field, "is not UTF-8")
		default:
			b.set(c.field, c.locale, strings.Clone(text)) // the row's memory is used again
		}
	}
	return b.row(where, r.Locale)
}
