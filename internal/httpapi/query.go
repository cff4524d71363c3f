package httpapi

import (
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// query reads the parameters of a request and gathers what is wrong with them, so that a
// caller learns of every refused field at once. Unknown parameters are ignored; a known one
// may be given once. An empty value is no value: some clients send names without one. Only open_at,
// which no such client knows, is now without one.
type query struct {
	raw        string
	parameters []parameter
	refused    wallet.FieldErrors
	// few is where parameters usually stand.
	few [6]parameter
}

type parameter struct{ name, value string }

// newQuery decodes the raw query. It fails with InvalidRequest when that is not URL-encoded.
func newQuery(raw string) (*query, error) {
	q := &query{raw: raw, refused: wallet.FieldErrors{}}
	q.parameters = q.few[:0]
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil || strings.Contains(pair, ";") {
			return nil, wallet.Errorf(wallet.InvalidRequest, "The query cannot be read: write it as URL-encoded name=value pairs joined by &.")
		}
		q.parameters = append(q.parameters, parameter{name, value})
	}
	return q, nil
}

// names are those of the parameters, each once.
func (q *query) names() iter.Seq[string] {
	names := map[string]bool{}
	for _, p := range q.parameters {
		names[p.name] = true
	}
	return maps.Keys(names)
}

// err is nil, or one error that names every refused field.
func (q *query) err() error { return q.refused.Err() }

// text is a parameter's value, empty when it is not there.
func (q *query) text(name string) (value string) {
	given := 0
	for i := range q.parameters {
		if q.parameters[i].name != name {
			continue
		}
		if given++; given == 1 {
			value = q.parameters[i].value
		}
	}
	if given > 1 && q.refused[name] == nil {
		q.refused.Refuse(name, "is given %d times; give it once", given)
	}
	return value
}

// has says whether a parameter is there, be it without a value.
func (q *query) has(name string) bool {
	return slices.ContainsFunc(q.parameters, func(p parameter) bool { return p.name == name })
}

// whole is a whole number between least and most, or otherwise when it is not there.
func (q *query) whole(name string, otherwise, least, most int64) int64 {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		q.refused.Refuse(name, "must be a whole number from %d to %d", least, most)
		return otherwise
	}
	return n
}

// plainNumber says whether number reads a text: no exponents of a thousand, no hexadecimal, no NaN. It is asked for every search,
// and a regular expression would be what takes most of the time.
func plainNumber(text string) bool {
	text = strings.TrimLeft(text[:min(len(text), 1)], "+-") + text[min(len(text), 1):]
	mantissa, exponent, hasExponent := text, "", false
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent, hasExponent = text[:i], text[i+1:], true
		exponent = strings.TrimLeft(exponent[:min(len(exponent), 1)], "+-") + exponent[min(len(exponent), 1):]
	}
	whole, fraction, hasFraction := strings.Cut(mantissa, ".")
	return digits(whole, 15) && (!hasFraction || digits(fraction, 20)) && (!hasExponent || digits(exponent, 2))
}

// digits says whether a text is one to so many digits.
func digits(text string, most int) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= most
}

// number is a decimal number between least and most; given says whether it is there.
func (q *query) number(name string, least, most float64) (n float64, given bool) {
	text := q.text(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !plainNumber(text) || n < least || n > most {
		q.refused.Refuse(name, "must be a number from %s to %s",
			strconv.FormatFloat(least, 'f', -1, 64), strconv.FormatFloat(most, 'f', -1, 64))
		return 0, false
	}
	return n, true
}

// flag is true or false, also written 1 or 0; false when it is not there.
func (q *query) flag(name string) bool {
	switch q.text(name) {
	case "", "false", "0":
		return false
	case "true", "1":
		return true
	}
	q.refused.Refuse(name, "must be true or false")
	return false
}

// seconds is a time in UNIX seconds, the zero time when it is not there.
func (q *query) seconds(name string) time.Time {
	if q.text(name) == "" {
		return time.Time{}
	}
	return time.Unix(q.whole(name, 0, 0, 1<<40), 0).UTC()
}

// words is a comma-separated list, each of which must be one of those known.
func words[T ~string](q *query, name string, known []T) []T {
	var list []T
	for _, word := range q.list(name) {
		if !slices.Contains(known, T(word)) {
			q.refused.Refuse(name, "%q is not one of %s", word, joined(known))
			return nil
		}
		if !slices.Contains(list, T(word)) {
			list = append(list, T(word))
		}
	}
	return list
}

// ids is a comma-separated list of numbers.
func (q *query) ids(name string) []int64 {
	var list []int64
	for _, word := range q.list(name) {
		id, err := strconv.ParseInt(word, 10, 64)
		if err != nil || id <= 0 {
			q.refused.Refuse(name, "must be ids separated by commas, such as 3,4")
			return nil
		}
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// maxList bounds a comma-separated list.
const maxList = 100

func (q *query) list(name string) []string {
	text := q.text(name)
	if text == "" {
		return nil
	}
	list := strings.Split(text, ",")
	if len(list) > maxList {
		q.refused.Refuse(name, "holds more than %d values", maxList)
		return nil
	}
	return list
}

func joined[T ~string](known []T) string {
	words := make([]string, len(known))
	for i, word := range known {
		words[i] = string(word)
	}
	return strings.Join(words, ", ")
}

// pathID reads an id out of the path; "me" is service.Me where that is allowed. It fails with
// InvalidParameters.
func pathID(r *request, name, field string, me bool) (int64, error) {
	text := r.PathValue(name)
	if me && text == "me" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		what := "must be a number"
		if me {
			what += " or me"
		}
		return 0, wallet.FieldError(field, "%s, such as 1221", what)
	}
	return id, nil
}
