package httpapi

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/wallet"
)

// body reads the JSON object of a request and gathers what is wrong with its fields, so that a caller
// learns of all of them at once (decisions.md 7). Unknown fields are ignored, and null is not
// given. [] is an empty object and an object a list with holes, since PHP writes them like that
// (spec/php-client.md §6). What is no UTF-8 is refused: read all the same, each odd byte would become another sign, in silence.
type body struct {
	fields  map[string]json.RawMessage
	refused wallet.FieldErrors
}

// newBody reads the object; no body is an empty one. It fails with InvalidRequest for anything else.
func newBody(raw []byte) (*body, error) {
	b := &body{refused: wallet.FieldErrors{}}
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || isEmptyList(raw) {
		return b, nil
	}
	if !utf8.Valid(raw) {
		return nil, wallet.Errorf(wallet.InvalidRequest, "The body must be UTF-8.")
	}
	if err := json.Unmarshal(raw, &b.fields); err != nil || b.fields == nil {
		return nil, wallet.Errorf(wallet.InvalidRequest, "The body must be a JSON object.")
	}
	return b, nil
}

// newForm reads a form, as most clients of the OAuth API send it, or an object where the content type says
// anything else (spec/wallet-api.md §1.2). A name such as user[email] is a field inside of an object. It fails
// with InvalidRequest for what is neither.
func newForm(r *request) (*body, error) {
	if contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); contentType != "application/x-www-form-urlencoded" {
		return newBody(r.body)
	}
	values, err := url.ParseQuery(string(r.body))
	if err != nil {
		return nil, wallet.Errorf(wallet.InvalidRequest, "The body cannot be read: write it as URL-encoded name=value pairs joined by &.")
	}
	b := &body{fields: map[string]json.RawMessage{}, refused: wallet.FieldErrors{}}
	objects := map[string]map[string]string{}
	for name, given := range values {
		outer, inner, nested := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		switch {
		case len(given) > 1:
			b.refused.Refuse(strings.Trim(outer+"."+inner, "."), "is given %d times; give it once", len(given))
		case given[0] == "": // an empty value is no value: clients send names without one
		case nested && objects[outer] == nil:
			objects[outer] = map[string]string{inner: given[0]}
		case nested:
			objects[outer][inner] = given[0]
		default:
			b.fields[name] = asJSON(given[0])
		}
	}
	for name, object := range objects {
		b.fields[name] = asJSON(object)
	}
	return b, nil
}

// asJSON is a text, or an object of texts, as it stands in a JSON body.
func asJSON(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts always encode
	}
	return raw
}

func isEmptyList(raw []byte) bool {
	var list []json.RawMessage
	return raw[0] == '[' && json.Unmarshal(raw, &list) == nil && len(list) == 0
}

// err is nil, or one error that names every refused field.
func (b *body) err() error { return b.refused.Err() }

// raw is a field as it stands there; nil when it is not given.
func (b *body) raw(field string) json.RawMessage {
	raw := b.fields[field]
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// says whether the field is given and says something: an empty list or object does not.
func (b *body) says(field string) bool {
	raw := bytes.TrimSpace(b.raw(field))
	return len(raw) > 0 && !isEmptyList(raw) && string(raw) != "{}"
}

// textOr is a text, empty when it is not given.
func (b *body) textOr(field string) (text string) {
	if raw := b.raw(field); raw != nil && json.Unmarshal(raw, &text) != nil {
		b.refused.Refuse(field, "must be a text")
	}
	return text
}

// maxBodyID is what fits the phones' numbers.
const maxBodyID = 1<<31 - 1

// id is a whole number from 1, also as text, nil when it is not given.
func (b *body) id(field string) *int64 { return b.whole(field, maxBodyID) }

// whole is a whole number from 1 to most, also as text, nil when it is not given.
func (b *body) whole(field string, most int64) *int64 { return b.number(field, 1, most) }

// idOr is a whole number from 1, 0 when it is not given.
func (b *body) idOr(field string) int64 {
	if id := b.id(field); id != nil {
		return *id
	}
	return 0
}

// flag is true or false, false when it is not given.
func (b *body) flag(field string) (flag bool) {
	if raw := b.raw(field); raw != nil && json.Unmarshal(raw, &flag) != nil {
		b.refused.Refuse(field, "must be true or false")
	}
	return flag
}

// flagOr is the same, otherwise when it is not given.
func (b *body) flagOr(field string, otherwise bool) bool {
	if b.raw(field) == nil {
		return otherwise
	}
	return b.flag(field)
}

// object is an object as it stands there, empty when it is not given. [] is {}.
func (b *body) object(field string) string {
	raw := bytes.TrimSpace(b.raw(field))
	switch {
	case len(raw) == 0:
		return ""
	case isEmptyList(raw):
		return "{}"
	case raw[0] != '{':
		b.refused.Refuse(field, "must be an object")
		return ""
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return ""
	}
	return compact.String()
}

// inner is an object inside, empty when it is not given or none.
func (b *body) inner(field string) *body {
	inner, err := newBody(b.raw(field))
	if err != nil {
		b.refused.Refuse(field, "must be an object")
		return &body{refused: wallet.FieldErrors{}}
	}
	return inner
}

// takeOver names what was refused inside an object after where that stands.
func (b *body) takeOver(place string, inner *body) {
	for field, sentences := range inner.refused {
		b.refused[place+"."+field] = sentences
	}
}

// listed reads a list, nil when it is not given. one is told where an element stands, such as hosts[0].
func listed[T any](b *body, field string, one func(place string, raw json.RawMessage) (T, bool), problem string) *[]T {
	raw := b.raw(field)
	if raw == nil {
		return nil
	}
	elements, ok := elementsOf(raw)
	if !ok || len(elements) > maxList {
		b.refused.Refuse(field, "%s, %d at most", problem, maxList)
		return nil
	}
	list := make([]T, 0, len(elements))
	for i, element := range elements {
		value, ok := one(field+"["+strconv.Itoa(i)+"]", element)
		if !ok {
			b.refused.Refuse(field, "%s", problem)
			return nil
		}
		list = append(list, value)
	}
	return &list
}

// elementsOf are the elements of a list, or of an object that PHP made of one.
func elementsOf(raw json.RawMessage) (list []json.RawMessage, ok bool) {
	if json.Unmarshal(raw, &list) == nil {
		return list, true
	}
	var holes map[int]json.RawMessage
	if json.Unmarshal(raw, &holes) != nil {
		return nil, false
	}
	at := make([]int, 0, len(holes))
	for i := range holes {
		at = append(at, i)
	}
	slices.Sort(at)
	for _, i := range at {
		list = append(list, holes[i])
	}
	return list, true
}
