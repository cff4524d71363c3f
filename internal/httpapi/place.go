package httpapi

import (
	"fmt"
	"strings"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// wireLocations writes places in one language; an empty list is [].
func wireLocations(places []wallet.Location, locale string) ([]walletapi.Location, error) {
	out := make([]walletapi.Location, len(places))
	for i := range places {
		var err error
		if out[i], err = wireLocation(&places[i], locale); err != nil {
			return nil, err
		}
	}
	return out, nil
}

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
		line := walletapi.Price{Type: "offer", Title: price.Title.In(locale)}
		if price.Amount.Currency != "" {
			cents, err := price.Amount.Cents()
			if err != nil {
				return out, err
			}
			line.Type, line.Price = "price", &walletapi.PriceAmount{Amount: cents, Currency: string(price.Amount.Currency)}
		}
		out.Prices = append(out.Prices, line)
	}
	if l.PinOpen != "" {
		out.Images = &walletapi.Images{PinOpen: l.PinOpen, PinClosed: l.PinClosed}
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
