package httpapi

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// A place as programs write it (spec/php-client.md §8.3, spec/wallet-api.md §4.4).

// The types of prices[].
const (
	priceType = "price"
	offerType = "offer"
)

// place reads a place, and what is refused of it, which is told together with what is wrong with the place; locale is what the query
// says of the language that plain texts are in.
func (b *body) place(locale string) service.LocationEdit {
	if own := b.textOr("locale"); own != "" && locale != "" && own != locale {
		b.refused.Refuse("locale", "is %s in the query: give one of them", locale)
	} else if own != "" {
		locale = own
	}
	if locale != "" && !service.IsLocale(locale) {
		b.refused.Refuse("locale", "%q is not a language, such as lt or lt_LT", locale)
		locale = ""
	}
	e := service.LocationEdit{
		Locale: locale, ID: b.idOr("id"), ProjectID: b.idOr("project_id"),
		TitleWords: b.words("title", locale), DescriptionWords: b.words("description", locale), AddressWords: b.words("address", locale),
		PriceEdits: b.prices("prices", locale), SpotEdits: b.spots("spots", locale),
	}
	b.position(&e)
	e.Days, e.Hours, e.Services = b.days("working_hours"), b.schedule("hours"), b.services("services")
	if b.raw("timezone") != nil {
		e.Timezone = new(b.textOr("timezone"))
	}
	if radius := b.number("radius", 0, maxBodyID); radius != nil {
		e.Radius = new(int(*radius))
	}
	if b.raw("public") != nil {
		e.Public = new(b.flag("public"))
	}
	if b.raw("status") != nil {
		e.Status = new(wallet.LocationStatus(b.textOr("status")))
	}
	if b.raw("images") != nil {
		o := b.inner("images")
		e.PinOpen, e.PinClosed = new(o.textOr("pin_open")), new(o.textOr("pin_closed"))
		b.takeOver("images", o)
	}
	if b.raw("remote_orders") != nil {
		o := b.inner("remote_orders")
		e.RemoteSpot, e.RemoteIdentifier = new(o.idOr("spot_id")), o.textOr("identifier")
		b.takeOver("remote_orders", o)
	}
	e.Refused = b.refused
	return e
}

// words are a text, in the request's language; or an object of texts by language, of which null takes one away.
func (b *body) words(field, locale string) wallet.Words {
	raw := b.raw(field)
	switch {
	case raw == nil:
		return wallet.Words{}
	case raw[0] == '"':
		return wallet.Words{IsPlain: true, Plain: strings.TrimSpace(b.textOr(field)), Locale: locale}
	case isEmptyList(raw):
		return wallet.Words{}
	}
	var texts wallet.Text
	if json.Unmarshal(raw, &texts) != nil || len(texts) > maxList {
		b.refused.Refuse(field, `must be a text, or texts by language such as {"en": "…", "lt": "…"}`)
		return wallet.Words{}
	}
	return wallet.Words{Texts: texts}
}

// position reads lat and lng, where they are given. A half that is null stays as it is: PHP reads 0 as no number, and writes that as
// null (spec/php-client.md §8.3).
func (b *body) position(e *service.LocationEdit) {
	lat, lng := b.degrees("lat", 90), b.degrees("lng", 180)
	_, namesLat := b.fields["lat"]
	_, namesLng := b.fields["lng"]
	switch {
	case b.raw("lat") != nil && !namesLng:
		b.refused.Refuse("lng", "must be given with lat")
	case b.raw("lng") != nil && !namesLat:
		b.refused.Refuse("lat", "must be given with lng")
	case lat == nil && lng == nil:
	default:
		e.KeepLat, e.KeepLng = b.raw("lat") == nil, b.raw("lng") == nil
		position := new(wallet.Position)
		*position = wallet.At(orZero(lat), orZero(lng))
		e.Position = &position
	}
}

func orZero(n *float64) float64 {
	if n == nil {
		return 0
	}
	return *n
}

// degrees is a coordinate, also as text, nil when it is not given.
func (b *body) degrees(field string, most float64) *float64 {
	raw := b.raw(field)
	if raw == nil {
		return nil
	}
	text := strings.Trim(string(raw), `"`)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !plainNumber(text) || n < -most || n > most {
		b.refused.Refuse(field, "must be a number of degrees from -%g to %g", most, most)
		return nil
	}
	return &n
}

// days reads working hours by day, an interval each; a day with nothing in it is closed, as one that is left out.
func (b *body) days(field string) *map[time.Weekday]hours.Span {
	if b.raw(field) == nil {
		return nil
	}
	days := b.inner(field)
	spans := map[time.Weekday]hours.Span{}
	if len(days.fields) > maxList {
		b.refused.Refuse(field, "must be an object with monday to sunday")
		return nil
	}
	for name := range days.fields {
		day, ok := dayNamed(name)
		switch {
		case !ok:
			days.refused.Refuse(name, "is not a day: write monday to sunday")
		case days.says(name):
			o := days.inner(name)
			spans[day] = hours.Between(o.timeOfDay("opening_time", false), o.timeOfDay("closing_time", true))
			days.takeOver(name, o)
		}
	}
	b.takeOver(field, days)
	return &spans
}

// dayNamed reads a day by its English name.
func dayNamed(name string) (time.Weekday, bool) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(day.String(), name) {
			return day, true
		}
	}
	return 0, false
}

// timeOfDay is a time of day. At the end of a day midnight is 24:00, which the PHP client writes as 0:0.
func (b *body) timeOfDay(field string, atEnd bool) hours.Minute {
	minute, err := hours.ParseMinute(b.textOr(field))
	switch {
	case len(b.refused[field]) > 0:
	case err != nil || minute > hours.DayEnd || minute == hours.DayEnd && !atEnd:
		b.refused.Refuse(field, "must be a time, such as 09:00")
		return 0
	case minute == 0 && atEnd:
		return hours.DayEnd
	}
	return minute
}

// services reads what a place offers, all of it.
func (b *body) services(field string) *map[wallet.Service]wallet.Offer {
	if b.raw(field) == nil {
		return nil
	}
	all := b.inner(field)
	services := map[wallet.Service]wallet.Offer{}
	if len(all.fields) > maxList {
		b.refused.Refuse(field, "names more than %d services", maxList)
		return nil
	}
	for name := range all.fields {
		if all.raw(name) == nil {
			continue
		}
		o := all.inner(name)
		if o.raw("available") == nil {
			o.refused.Refuse("available", "must be given")
		}
		offer := wallet.Offer{Available: o.flag("available")}
		if ids := listed(o, "categories", o.idAt, "must be a list of pay categories, by id"); ids != nil {
			offer.Categories = *ids
		}
		if types := listed(o, "types", o.textAt, "must be a list of texts"); types != nil {
			offer.Types = *types
		}
		services[wallet.Service(name)] = offer
		all.takeOver(name, o)
	}
	b.takeOver(field, all)
	return &services
}

// idAt and textAt read an element of a list, and refuse it where it stands.
func (b *body) idAt(place string, raw json.RawMessage) (int64, bool) {
	one := &body{fields: map[string]json.RawMessage{place: raw}, refused: b.refused}
	if one.raw(place) == nil {
		b.refused.Refuse(place, "must be a number")
	}
	return one.idOr(place), true
}

func (b *body) textAt(place string, raw json.RawMessage) (string, bool) {
	one := &body{fields: map[string]json.RawMessage{place: raw}, refused: b.refused}
	return one.textOr(place), true
}

// objects reads a list of objects, nil when it is not given.
func objects[T any](b *body, field string, one func(o *body) T) *[]T {
	return listed(b, field, func(place string, raw json.RawMessage) (T, bool) {
		o, err := newBody(raw)
		if err != nil || string(raw) == "null" {
			return *new(T), false
		}
		value := one(o)
		b.takeOver(place, o)
		return value, true
	}, "must be a list of objects")
}

// prices reads prices and offers, all of them.
func (b *body) prices(field, locale string) *[]service.PriceEdit {
	return objects(b, field, func(o *body) service.PriceEdit {
		e := service.PriceEdit{Title: o.words("title", locale), ValidFrom: o.moment("valid_from"), ValidUntil: o.moment("valid_until")}
		kind := o.textOr("type")
		switch {
		case len(o.refused["type"]) > 0:
		case kind == "" && o.says("price") || kind == priceType:
			price := o.inner("price")
			amount, given := price.priced("amount")
			if !given && len(price.refused) == 0 {
				o.refused.Refuse("price", "must be given: cents as amount, and their currency")
			}
			e.Amount = amount
			o.takeOver("price", price)
		case kind != "" && kind != offerType:
			o.refused.Refuse("type", "must be price or offer")
		case o.says("price"):
			o.refused.Refuse("price", "is none of an offer: its type must be price")
		}
		return e
	})
}

// moment is a time in UNIX seconds, the zero time for 0, nil when it is not given.
func (b *body) moment(field string) *time.Time {
	if b.raw(field) == nil {
		return nil
	}
	return new(momentOf(b.number(field, 0, maxMoment)))
}

// spots reads the spots of a place, all of them. Their status is not written: checking in and out and closing make it.
func (b *body) spots(field, locale string) *[]service.SpotEdit {
	return objects(b, field, func(o *body) service.SpotEdit {
		e := service.SpotEdit{ID: o.idOr("id"), Identifier: o.textOr("identifier")}
		switch status := o.textOr("status"); wallet.SpotStatus(status) {
		case "", wallet.SpotOpen, wallet.SpotWaiting, wallet.SpotClosed, "active":
		default:
			o.refused.Refuse("status", "must be open, waiting or closed")
		}
		e.Unread = len(o.refused["id"])+len(o.refused["identifier"]) > 0
		info := o.inner("place_info")
		e.Title, e.Description, e.Address = info.words("title", locale), info.words("description", locale), info.words("address", locale)
		e.LocationID = info.idOr("location_id")
		if info.raw("logo_uri") != nil {
			e.LogoURI = new(info.textOr("logo_uri"))
		}
		o.takeOver("place_info", info)
		return e
	})
}
