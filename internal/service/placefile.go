package service

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/mapfile"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Places as files have them and as they are stored: fromFile and toFile are the only ones who know both.

// timetables are opening hours that were read before, by their text: the shops of a chain have the same.
type timetables map[string]*hours.Schedule

// maxTimetables bounds them.
const maxTimetables = 10_000

func (t timetables) read(text string) (*hours.Schedule, error) {
	if known, there := t[text]; there {
		return known, nil
	}
	schedule, err := hours.Parse(text)
	if err != nil {
		return nil, err
	}
	if len(t) == maxTimetables {
		clear(t)
	}
	t[text] = schedule
	return schedule, nil
}

// hoursOf are the hours that a row asks for, of a place that has those before: rules and holidays stand apart in a file, and
// one that is not given stays as it is. Nil is no change.
func (t timetables) hoursOf(r mapfile.Record, before *hours.Schedule) (**hours.Schedule, error) {
	if r.Hours == nil && r.Holidays == nil {
		return nil, nil
	}
	after, holidays := before, []hours.Date(nil)
	var err error
	if r.Hours != nil {
		if after, err = t.read(*r.Hours); err != nil {
			return nil, err
		}
	}
	if before != nil {
		holidays = before.Holidays()
	}
	if r.Holidays != nil {
		holidays = nil
		for _, day := range *r.Holidays {
			date, err := hours.ParseDate(day)
			if err != nil {
				return nil, err
			}
			holidays = append(holidays, date)
		}
	}
	if after != nil && !slices.Equal(after.Holidays(), holidays) {
		if after, err = hours.New(after.Rules(), holidays); err != nil {
			return nil, err
		}
	}
	if before != nil && before.Equal(after) {
		after = before
	}
	return &after, nil
}

// fromFile is what a row of a file asks to become of a place, but for its hours, which are those of hoursOf.
func fromFile(r mapfile.Record) (change LocationChange, problems []mapfile.Problem) {
	change = LocationChange{
		Title: r.Title, Description: r.Description, Address: r.Address, Radius: r.Radius, Public: r.Public,
		PinOpen: r.PinOpen, PinClosed: r.PinClosed, Status: (*wallet.LocationStatus)(r.Status), Timezone: r.Timezone,
	}
	if r.Position != nil {
		position := wallet.At(r.Position.Lat, r.Position.Lng)
		at := &position
		change.Position = &at
	}
	if r.Services != nil {
		services := map[wallet.Service]wallet.Offer{}
		for name, offer := range *r.Services {
			services[wallet.Service(name)] = wallet.Offer{Available: offer.Available, Types: offer.Types, Categories: offer.Categories}
		}
		change.Services = &services
	}
	if r.Prices != nil {
		prices := make([]wallet.Price, len(*r.Prices))
		for i, p := range *r.Prices {
			price, err := priceFromFile(p)
			if err != nil {
				problems = append(problems, mapfile.Problem{Field: fmt.Sprintf("prices[%d]", i), Reason: err.Error()})
			}
			prices[i] = price
		}
		change.Prices = &prices
	}
	return change, problems
}

func priceFromFile(p mapfile.Price) (price wallet.Price, err error) {
	price.Title = p.Title
	if p.Amount != "" || p.Currency != "" {
		currency, err := money.ParseCurrency(p.Currency)
		if err != nil {
			return price, fmt.Errorf("%q is not a currency, such as EUR", p.Currency)
		}
		if price.Amount, err = money.Parse(p.Amount, currency); err != nil {
			return price, fmt.Errorf("%q is not an amount of %s, such as 12.50", p.Amount, currency)
		}
	}
	if p.ValidFrom != nil {
		price.ValidFrom = p.ValidFrom.UTC()
	}
	if p.ValidUntil != nil {
		price.ValidUntil = p.ValidUntil.UTC()
	}
	return price, nil
}

// toFile is a place as a file has it. What it has not is not given.
func toFile(l wallet.Location) (r mapfile.Record) {
	status := string(l.Status)
	r = mapfile.Record{ID: l.ID, Title: l.Title, Description: l.Description, Address: l.Address, Public: &l.Public, Status: &status}
	if l.Position != nil {
		lat, lng := l.Position.Degrees()
		r.Position = &mapfile.Position{Lat: lat, Lng: lng}
	}
	if l.Radius > 0 {
		r.Radius = &l.Radius
	}
	if l.Hours != nil {
		text := l.Hours.Text()
		r.Hours = &text
		if days := l.Hours.Holidays(); len(days) > 0 {
			holidays := make([]string, len(days))
			for i, day := range days {
				holidays[i] = day.String()
			}
			r.Holidays = &holidays
		}
	}
	if l.TimezoneGiven {
		r.Timezone = &l.Timezone
	}
	if len(l.Services) > 0 {
		services := map[string]mapfile.Service{}
		for name, offer := range l.Services {
			services[string(name)] = mapfile.Service{Available: offer.Available, Types: offer.Types, Categories: offer.Categories}
		}
		r.Services = &services
	}
	if len(l.Prices) > 0 {
		prices := make([]mapfile.Price, len(l.Prices))
		for i, p := range l.Prices {
			prices[i] = priceToFile(p)
		}
		r.Prices = &prices
	}
	if l.PinOpen != "" {
		r.PinOpen, r.PinClosed = &l.PinOpen, &l.PinClosed
	}
	return r
}

func priceToFile(p wallet.Price) mapfile.Price {
	price := mapfile.Price{Title: p.Title}
	if p.Amount.Currency != "" {
		price.Amount, price.Currency = p.Amount.Decimal(), string(p.Amount.Currency)
	}
	if !p.ValidFrom.IsZero() {
		price.ValidFrom = &p.ValidFrom
	}
	if !p.ValidUntil.IsZero() {
		price.ValidUntil = &p.ValidUntil
	}
	return price
}

// addressOf stands in where a file knows no address of a new place: where it is.
func addressOf(p wallet.Position) wallet.Text {
	lat, lng := p.Degrees()
	degrees := func(d float64) string { return strconv.FormatFloat(d, 'f', -1, 64) }
	return wallet.Text{"en": degrees(lat) + ", " + degrees(lng)}
}

// problemsOf are refused fields as problems, by name.
func problemsOf(refused wallet.FieldErrors) (problems []mapfile.Problem) {
	for field, sentences := range refused {
		for _, sentence := range sentences {
			problems = append(problems, mapfile.Problem{Field: field, Reason: sentence})
		}
	}
	slices.SortFunc(problems, func(a, b mapfile.Problem) int {
		if a.Field != b.Field {
			return map[bool]int{true: -1, false: 1}[a.Field < b.Field]
		}
		return 0
	})
	return problems
}
