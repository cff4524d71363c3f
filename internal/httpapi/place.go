package httpapi

import (
	"math"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// wireLocations writes places in one language; an empty list is [].
func (a *API) wireLocations(places []service.LocationView, locale string) ([]walletapi.Location, error) {
	out := make([]walletapi.Location, len(places))
	for i := range places {
		var err error
		if out[i], err = a.wireLocationView(&places[i], locale); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// wireLocationView writes a place with its spots.
func (a *API) wireLocationView(v *service.LocationView, locale string) (walletapi.Location, error) {
	out, err := wireLocation(&v.Location, locale, a.Service.BusinessClock())
	out.OpenNow = openNow(v.Open)
	if !v.NextChange.IsZero() {
		out.NextChangeAt = v.NextChange.Unix()
	}
	for i := range v.Spots {
		out.Spots = append(out.Spots, a.wireSpot(&v.Spots[i], &v.Location, locale))
	}
	return out, err
}

// changedLocation writes the answer to who has written a place.
func (a *API) changedLocation(locale string) func(v service.LocationView) any {
	return func(v service.LocationView) any {
		out, err := a.wireLocationView(&v, locale)
		if err != nil {
			return notWritable{err}
		}
		return out
	}
}

// notWritable is an answer that cannot be written: encoding it fails.
type notWritable struct{ err error }

// MarshalJSON fails.
func (n notWritable) MarshalJSON() ([]byte, error) { return nil, n.err }

// openNow is whether a place is open, nil when that is not known.
func openNow(state hours.State) *bool {
	if state == hours.Unknown {
		return nil
	}
	return new(state == hours.Open)
}

// wireLocation writes a place but for what depends on the time of day and on who asks.
func wireLocation(l *wallet.Location, locale string, now time.Time) (walletapi.Location, error) {
	now = l.ShownAt(now)
	out := walletapi.Location{
		ID: l.ID, ProjectID: l.ProjectID,
		Title: l.Title.In(locale), Description: l.Description.In(locale), Address: l.Address.In(locale),
		Radius: l.Radius, UpdatedAt: l.UpdatedAt.Unix(), Status: string(l.Status), Public: l.Public,
		WorkingHours: wireDays(l, now), Hours: wireHours(l.Hours), Timezone: l.Timezone,
	}
	if l.Position != nil {
		lat, lng := l.Position.Degrees()
		out.Lat, out.Lng = &lat, &lng
	}
	if len(l.Services) > 0 {
		out.Services = make(map[string]walletapi.PlaceService, len(l.Services))
		for service, offer := range l.Services {
			out.Services[string(service)] = walletapi.PlaceService(offer)
		}
	}
	for _, price := range l.Prices {
		line := walletapi.Price{
			Type: offerType, Title: price.Title.In(locale),
			ValidFrom: unix(price.ValidFrom), ValidUntil: unix(price.ValidUntil),
		}
		if price.Amount.Currency != "" {
			cents, err := price.Amount.Cents()
			if err != nil {
				return out, err
			}
			line.Type, line.Price = priceType, &walletapi.PriceAmount{Amount: cents, Currency: string(price.Amount.Currency)}
		}
		out.Prices = append(out.Prices, line)
	}
	if l.PinOpen != "" {
		out.Images = &walletapi.Images{PinOpen: l.PinOpen, PinClosed: l.PinClosed}
	}
	if l.RemoteSpot != 0 {
		out.RemoteOrders = &walletapi.RemoteOrders{SpotID: l.RemoteSpot}
	}
	return out, nil
}

// wireDays writes hours by lower-case English day, as HH:MM: those of the week that an app knows which has one interval a day.
func wireDays(l *wallet.Location, now time.Time) map[string]walletapi.DayHours {
	if l.Hours == nil {
		return nil
	}
	return wireDaily(l.Hours.Daily(service.DateAt(l, now)))
}

func wireDaily(daily map[time.Weekday]hours.Span) map[string]walletapi.DayHours {
	if len(daily) == 0 {
		return nil
	}
	out := make(map[string]walletapi.DayHours, len(daily))
	for day, span := range daily {
		from, to := span.Clock()
		out[strings.ToLower(day.String())] = walletapi.DayHours{OpeningTime: from.String(), ClosingTime: to.String()}
	}
	return out
}

// wireHours writes all that is known of hours, nil when nothing is.
func wireHours(s *hours.Schedule) *walletapi.PlaceHours {
	if s == nil {
		return nil
	}
	out := &walletapi.PlaceHours{Text: s.Text()}
	form, ok := s.Form()
	if !ok {
		for _, date := range s.Holidays() {
			out.HolidayDates = append(out.HolidayDates, date.String())
		}
		return out
	}
	out.HolidayDates = form.HolidayDates
	out.Regular = make(map[string][]walletapi.OpenSpan, len(form.Regular)) // empty for what is always closed
	for day, spans := range form.Regular {
		out.Regular[day] = wireSpans(spans)
	}
	if form.Holidays != nil {
		out.Holidays = new(wireSpans(form.Holidays))
	}
	for _, e := range form.Exceptions {
		out.Exceptions = append(out.Exceptions, walletapi.HoursException{From: e.From, To: e.To, Intervals: wireSpans(e.Intervals), Title: e.Title})
	}
	return out
}

func wireSpans(spans []hours.FormSpan) []walletapi.OpenSpan {
	out := make([]walletapi.OpenSpan, len(spans))
	for i, span := range spans {
		out[i] = walletapi.OpenSpan(span)
	}
	return out
}

// metres is a distance as it is written: to the centimetre.
func metres(distance float64) float64 { return math.Round(distance*100) / 100 }
