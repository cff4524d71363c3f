package httpapi

import (
	"fmt"
	"strings"

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
	out, err := wireLocation(&v.Location, locale)
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

func wireLocation(l *wallet.Location, locale string) (walletapi.Location, error) {
	out := walletapi.Location{
		ID: l.ID, ProjectID: l.ProjectID,
		Title: l.Title.In(locale), Description: l.Description.In(locale), Address: l.Address.In(locale),
		Radius: l.Radius, UpdatedAt: l.UpdatedAt.Unix(), Status: string(l.Status), Public: l.Public,
		WorkingHours: wireHours(l.Hours),
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

// wireHours writes hours by lower-case English day, as HH:MM.
func wireHours(hours wallet.Hours) map[string]walletapi.DayHours {
	if len(hours) == 0 {
		return nil
	}
	out := make(map[string]walletapi.DayHours, len(hours))
	for day, interval := range hours {
		out[strings.ToLower(day.String())] = walletapi.DayHours{
			OpeningTime: clock(interval.Open), ClosingTime: clock(interval.Close),
		}
	}
	return out
}

// clock is minutes since midnight as HH:MM; the end of the day is 24:00.
func clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }
