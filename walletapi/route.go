package walletapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Me stands for the user of the access token, and for that user's wallet, wherever a method takes the number of one.
const Me int64 = -1

// target fills the places of a route: {} takes a number from 1 or a text, {me} also Me. What begins otherwise than with /oauth is
// below /rest/v1.
func target(route string, query params, places []any) (string, error) {
	var b strings.Builder
	if !strings.HasPrefix(route, "/oauth/") {
		b.WriteString("/rest/v1")
	}
	for _, place := range places {
		before, after, _ := strings.Cut(route, "{")
		kind, rest, _ := strings.Cut(after, "}")
		b.WriteString(before)
		route = rest
		text, err := segment(place, kind == "me")
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	b.WriteString(route)
	if encoded := url.Values(query).Encode(); encoded != "" {
		b.WriteString("?" + encoded)
	}
	return b.String(), nil
}

// segment is a number or a text as it stands in a path.
func segment(place any, me bool) (string, error) {
	switch v := place.(type) {
	case int64:
		if v == Me && me {
			return "me", nil
		}
		if v < 1 {
			return "", fmt.Errorf("walletapi: %d is no number of anything: they begin with 1", v)
		}
		return strconv.FormatInt(v, 10), nil
	case string:
		if v == "" || v == "." || v == ".." {
			return "", fmt.Errorf("walletapi: %q cannot stand in a path", v)
		}
		return url.PathEscape(v), nil
	}
	return "", fmt.Errorf("walletapi: a %T cannot stand in a path", place)
}

// get reads what a route answers.
func get[T any](ctx context.Context, c *Client, query params, route string, places ...any) (*T, error) {
	return send[T](ctx, c, http.MethodGet, query, nil, route, places...)
}

// list reads what a route answers that is a bare array.
func list[T any](ctx context.Context, c *Client, query params, route string, places ...any) ([]T, error) {
	all, err := get[[]T](ctx, c, query, route, places...)
	if err != nil {
		return nil, err
	}
	return *all, nil
}

// send sends what is to be written and reads the answer; a nil body sends none.
func send[T any](ctx context.Context, c *Client, method string, query params, body any, route string, places ...any) (*T, error) {
	to, err := target(route, query, places)
	if err != nil {
		return nil, err
	}
	call := Call{Method: method, Target: to}
	if body != nil {
		if call.Body, err = encode(body); err != nil {
			return nil, err
		}
	}
	out := new(T)
	if err := c.Send(ctx, call, out); err != nil {
		return nil, err
	}
	return out, nil
}

// encode writes JSON as it is signed and sent.
func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("walletapi: the body cannot be written: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// params are the parameters of a query; what says nothing is left out.
type params url.Values

func (p params) text(name, value string) {
	if value != "" {
		p[name] = []string{value}
	}
}

func (p params) texts(name string, values []string) { p.text(name, strings.Join(values, ",")) }

func (p params) number(name string, value int64) {
	if value != 0 {
		p.text(name, strconv.FormatInt(value, 10))
	}
}

func (p params) numbers(name string, values []int64) {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = strconv.FormatInt(value, 10)
	}
	p.texts(name, texts)
}

func (p params) degrees(name string, value *float64) {
	if value != nil {
		p.text(name, strconv.FormatFloat(*value, 'f', -1, 64))
	}
}

func (p params) flag(name string, value bool) {
	if value {
		p.text(name, "true")
	}
}

func (p params) time(name string, value time.Time) {
	if !value.IsZero() {
		p.text(name, strconv.FormatInt(value.Unix(), 10))
	}
}

func (p params) page(page Page) {
	p.number("limit", int64(page.Limit))
	p.number("offset", int64(page.Offset))
}

// Page says which part of a list is wanted. The zero value is its beginning, twenty long.
type Page struct {
	// Limit is how long the part is at most, up to 200; 0 means 20, and as many as can be for the methods that read all.
	Limit int
	// Offset is how many are left out before it.
	Offset int
}

// mostPerPage is the most that the server puts into one page.
const mostPerPage = 200

// all reads a list to its end, page after page, as it is asked for. What comes into the list or goes out of it meanwhile
// moves the rest, so that something may be met twice or not at all.
func all[T any](page Page, read func(page Page) ([]T, Metadata, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		page := page
		if page.Limit == 0 {
			page.Limit = mostPerPage
		}
		for {
			part, about, err := read(page)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, one := range part {
				if !yield(one, nil) {
					return
				}
			}
			page.Offset += len(part)
			if len(part) == 0 || page.Offset >= about.Total {
				return
			}
		}
	}
}

// onward reads a list to its end by the places that its pages name to go on from, so that nothing is met twice or missed.
func onward[T any](read func(after string) (part []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after, first := "", true; first || after != ""; first = false {
			part, next, err := read(after)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, one := range part {
				if !yield(one, nil) {
					return
				}
			}
			if next == after {
				return
			}
			after = next
		}
	}
}
