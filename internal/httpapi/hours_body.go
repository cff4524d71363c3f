package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/hours"
)

// All hours of a place as programs write them: the member hours, which is ours. Since nobody writes it who does not know it, what it
// has and what is not understood is refused, and not passed over: it takes the place of all hours that there were.

// schedule reads hours: a text, or an object with one, or with a week and exceptions, or both where they say the same. What is
// empty says that they are not known.
func (b *body) schedule(field string) **hours.Schedule {
	raw := b.raw(field)
	if raw == nil {
		return nil
	}
	if raw[0] == '"' {
		said, err := hours.Parse(b.textOr(field))
		if err != nil {
			b.refused.Refuse(field, "%v", err)
		}
		return &said
	}
	o, err := newBody(raw)
	if err != nil {
		b.refused.Refuse(field, `must be a text such as "Mo-Fr 09:00-18:00", or an object such as {"regular": {"monday": [{"open": "09:00", "close": "18:00"}]}}`)
		return nil
	}
	said, err := o.scheduled()
	b.takeOver(field, o)
	b.refuseForm(field, err)
	if err != nil || len(o.refused) > 0 {
		return nil
	}
	return &said
}

// scheduled reads the object. The error is about its form.
func (b *body) scheduled() (*hours.Schedule, error) {
	const text, week = "text", "regular"
	b.only(text, week, "holidays", "holiday_dates", "exceptions")
	given := strings.TrimSpace(b.textOr(text))
	form := b.form(week)
	if given == "" {
		switch _, alone := b.fields[text]; {
		case len(b.fields) == 0 || alone && len(b.fields) == 1 && b.raw(text) != nil:
			return nil, nil
		case form.Regular == nil:
			b.refused.Refuse(week, "the week is missing; an empty one is closed")
			form.Regular = map[string][]hours.FormSpan{} // so that the rest is judged
		}
		return form.Schedule()
	}
	said, err := hours.Parse(given)
	if err != nil {
		b.refused.Refuse(text, "%v", err)
	}
	isForm := form.Regular != nil || form.Holidays != nil || len(form.Exceptions) > 0
	if form.Regular == nil {
		form.Regular = map[string][]hours.FormSpan{} // the week is in the text
	}
	written, err := form.Schedule()
	switch {
	case err != nil || len(b.refused) > 0:
		return nil, err
	case len(form.HolidayDates) > 0:
		if said, err = hours.New(said.Rules(), written.Holidays()); err != nil {
			return nil, err
		}
	}
	if isForm && !said.Equal(written) && !sameForm(said, written) {
		b.refused.Refuse(text, "says something else than the rest of hours: leave one of them out")
	}
	return said, nil
}

// only refuses members that there are not.
func (b *body) only(known ...string) {
	for name := range b.fields {
		if !slices.Contains(known, name) {
			b.refused.Refuse(name, "is not known here: there are %s", strings.Join(known, ", "))
		}
	}
}

// form reads what stands beside the text; week is the name of the week.
func (b *body) form(week string) (f hours.Form) {
	if b.raw(week) != nil {
		f.Regular = map[string][]hours.FormSpan{}
		days := b.inner(week)
		for name := range days.fields {
			f.Regular[name] = days.spans(name)
		}
		b.takeOver(week, days)
	}
	if b.raw("holidays") != nil {
		f.Holidays = b.spans("holidays")
	}
	b.each("holiday_dates", "must be a list of dates", func(place string, raw json.RawMessage) {
		date, _ := b.textAt(place, raw)
		f.HolidayDates = append(f.HolidayDates, date)
	})
	b.eachObject("exceptions", "must be a list of objects with from and intervals", func(o *body) {
		o.only("from", "to", "intervals", "title")
		f.Exceptions = append(f.Exceptions, hours.FormException{
			From: o.textOr("from"), To: o.textOr("to"), Intervals: o.spans("intervals"), Title: o.textOr("title"),
		})
	})
	return f
}

// spans reads stretches of being open; none is closed.
func (b *body) spans(field string) []hours.FormSpan {
	spans := []hours.FormSpan{}
	b.eachObject(field, "must be a list of objects with open and close", func(o *body) {
		o.only("open", "close")
		spans = append(spans, hours.FormSpan{Open: o.textOr("open"), Close: o.textOr("close")})
	})
	return spans
}

// each reads a list, which is as long as it is.
func (b *body) each(field, problem string, one func(place string, raw json.RawMessage)) {
	raw := b.raw(field)
	if raw == nil {
		return
	}
	elements, ok := elementsOf(raw)
	if !ok {
		b.refused.Refuse(field, "%s", problem)
	}
	for i, element := range elements {
		one(fmt.Sprintf("%s[%d]", field, i), element)
	}
}

// eachObject is each of a list of objects.
func (b *body) eachObject(field, problem string, one func(o *body)) {
	b.each(field, problem, func(place string, raw json.RawMessage) {
		o, err := newBody(raw)
		if err != nil {
			b.refused.Refuse(place, "must be an object")
			return
		}
		one(o)
		b.takeOver(place, o)
	})
}

// sameForm says whether two schedules look the same as forms.
func sameForm(a, b *hours.Schedule) bool {
	one, ok := a.Form()
	other, ok2 := b.Form()
	return ok && ok2 && reflect.DeepEqual(one, other)
}

// refuseForm names every refused field of a form, but for those that could not be read.
func (b *body) refuseForm(field string, err error) {
	var problems hours.FormError
	if err != nil && !errors.As(err, &problems) {
		b.refused.Refuse(field, "%v", err)
	}
	for _, p := range problems {
		if b.refused[p.Field] == nil {
			b.refused.Refuse(p.Field, "%s", p.Problem)
		}
	}
}
