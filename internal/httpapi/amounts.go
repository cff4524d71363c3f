package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/purserhq/purser/money"
)

// Money, times and lists by payment in a body. Each is read in one place, since the clients spell them differently
// (spec/wallet-api.md §1.2, spec/php-client.md §6).

// decimalSuffix tells the decimal form of an amount from its form in cents.
const decimalSuffix = "_decimal"

// currency is a currency code, empty when it is not given.
func (b *body) currency(field string) money.Currency {
	text := b.textOr(field)
	if text == "" {
		return ""
	}
	c, err := money.ParseCurrency(text)
	if err != nil && b.refused[field] == nil {
		b.refused.Refuse(field, "must be an ISO 4217 currency code, such as EUR")
	}
	return c
}

// amount is an amount of a currency, given as cents under its name, or as decimal text, or a number, under the same
// name with _decimal: as one of the two. given says whether it is there. Where the currency is not known its form
// alone is judged: what is wrong with the currency is said elsewhere.
func (b *body) amount(field string, c money.Currency) (a money.Amount, given bool) {
	cents, decimal := b.raw(field), b.raw(field+decimalSuffix)
	switch {
	case cents == nil && decimal == nil:
		return money.Amount{}, false
	case cents != nil && decimal != nil:
		b.refused.Refuse(field, "is given in cents and as %s%s: give one of them", field, decimalSuffix)
		return money.Amount{}, true
	case decimal != nil:
		return b.decimal(field+decimalSuffix, decimal, c), true
	}
	n := b.number(field, 0, maxCents)
	if n == nil || c == "" {
		return money.Amount{}, true
	}
	a, err := money.FromCents(*n, c)
	if err != nil {
		b.refused.Refuse(field, "is finer than %s can be: cents are the amount times one hundred", c)
	}
	return a, true
}

// decimal reads an amount in its decimal form.
func (b *body) decimal(field string, raw json.RawMessage, c money.Currency) money.Amount {
	text := string(raw)
	if raw[0] == '"' {
		text = b.textOr(field)
	}
	a, err := money.Parse(text, cmp.Or(c, "EUR"))
	switch {
	case errors.Is(err, money.ErrDigits) && c == "":
	case errors.Is(err, money.ErrDigits):
		b.refused.Refuse(field, "has more decimal digits than %s", c)
	case err != nil:
		b.refused.Refuse(field, "must be an amount such as \"12.50\"")
	}
	if c == "" {
		return money.Amount{}
	}
	return a
}

// priced is an amount with its currency beside it, both or none of them.
func (b *body) priced(field string) (a money.Amount, given bool) {
	c := b.currency("currency")
	a, given = b.amount(field, c)
	if given && c == "" && b.refused["currency"] == nil {
		b.refused.Refuse("currency", "must be given with %s", field)
	}
	return a, given
}

// number is a whole number between least and most, also as text, nil when it is not given.
func (b *body) number(field string, least, most int64) *int64 {
	raw := b.raw(field)
	if raw == nil {
		return nil
	}
	text := string(bytes.Trim(raw, `"`))
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most || strconv.FormatInt(n, 10) != text {
		b.refused.Refuse(field, "must be a whole number from %d to %d", least, most)
		return nil
	}
	return &n
}

// Bounds of times in a body: what a 64-bit duration of Go holds by far, and the year 9999.
const (
	maxSeconds = 1<<31 - 1
	maxHours   = maxSeconds / 3600
	maxMoment  = 253402300799
)

// period is how long something lasts, or until when, in one of its spellings: an object with for, in seconds, or
// until, in UNIX seconds; or field_for, in hours, or field_until (spec/wallet-api.md §5, 15). A length is at
// least that many seconds. given says whether it is there.
func (b *body) period(field string, least int64) (length time.Duration, until time.Time, given bool) {
	o := b.inner(field)
	said := 0
	if seconds := o.number("for", least, maxSeconds); o.raw("for") != nil {
		said++
		length = lengthOf(seconds, time.Second)
	}
	if moment := o.number("until", 0, maxMoment); o.raw("until") != nil {
		said++
		until = momentOf(moment)
	}
	b.takeOver(field, o)
	if hours := b.number(field+"_for", min(least, 1), maxHours); b.raw(field+"_for") != nil {
		said++
		length = lengthOf(hours, time.Hour)
	}
	if moment := b.number(field+"_until", 0, maxMoment); b.raw(field+"_until") != nil {
		said++
		until = momentOf(moment)
	}
	if said > 1 {
		b.refused.Refuse(field, "is said in %d ways: give one of %s.for, %s.until, %s_for and %s_until", said, field, field, field, field)
	}
	return length, until, said > 0
}

// lengthOf is so many units; none where they were refused.
func lengthOf(n *int64, unit time.Duration) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * unit
}

// momentOf is a time; 0, which ends what lasts until then, and what was refused is the zero time.
func momentOf(n *int64) time.Time {
	if n == nil || *n == 0 {
		return time.Time{}
	}
	return time.Unix(*n, 0).UTC()
}

// byPayment reads what is said by payment: an object whose names are the numbers of payments, or a list in the order
// of the payments. one is told where an element stands, and refuses what is wrong in it.
func byPayment[T any](b *body, field string, one func(place string, o *body) T) (byID map[int64]T, inOrder []T) {
	raw := b.raw(field)
	if raw == nil {
		return nil, nil
	}
	if raw[0] == '[' {
		list := listed(b, field, func(place string, raw json.RawMessage) (T, bool) {
			o, err := newBody(raw)
			if err != nil {
				return *new(T), false
			}
			out := one(place, o)
			b.takeOver(place, o)
			return out, true
		}, "must be a list of objects, or an object of them by the number of the payment")
		if list == nil {
			return nil, nil
		}
		return nil, *list
	}
	return paymentsByID(b, field, b.inner(field), one), nil
}

// paymentsByID reads an object whose names are the numbers of payments; field is where it stands, empty for the body
// itself.
func paymentsByID[T any](b *body, field string, all *body, one func(place string, o *body) T) map[int64]T {
	if field != "" {
		field += "."
	}
	if len(all.fields) > maxList {
		b.refused.Refuse(field+"payments", "names more than %d payments", maxList)
		return nil
	}
	byID := make(map[int64]T, len(all.fields))
	for name, raw := range all.fields {
		id, err := strconv.ParseInt(name, 10, 64)
		if err != nil || id < 1 || id > maxBodyID || strconv.FormatInt(id, 10) != name {
			b.refused.Refuse(field+name, "must be the number of a payment")
			continue
		}
		o, err := newBody(raw)
		if err != nil {
			b.refused.Refuse(field+name, "must be an object")
			continue
		}
		byID[id] = one(field+name, o)
		b.takeOver(field+name, o)
	}
	return byID
}

// oneText is a text that goes by several names, of which one may be given.
func (b *body) oneText(names ...string) (text string) {
	given := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return b.raw(name) == nil })
	for _, name := range given {
		text = b.textOr(name)
	}
	if len(given) > 1 {
		b.refused.Refuse(given[0], "is given as %s too: give one of them", given[1])
	}
	return text
}
