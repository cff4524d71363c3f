package service

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/mapfile"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Places as files have them and as they are stored: fromFile and toFile are the only ones who know both.

// timetables are opening hours that were read before, by their text: the shops of a chain have the same.
type timetables map[string]wallet.Hours

// maxTimetables bounds them.
const maxTimetables = 10_000

func (t timetables) read(text string) (wallet.Hours, error) {
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
	t[text] = dailyHours(schedule)
	return t[text], nil
}

// fromFile is what a row of a file asks to become of a place.
func fromFile(r mapfile.Record, known timetables) (change LocationChange, problems []mapfile.Problem) {
	change = LocationChange{
		Title: r.Title, Description: r.Description, Address: r.Address, Radius: r.Radius, Public: r.Public,
		PinOpen: r.PinOpen, PinClosed: r.PinClosed, Status: (*wallet.LocationStatus)(r.Status),
	}
	if r.Position != nil {
		position := wallet.At(r.Position.Lat, r.Position.Lng)
		at := &position
		change.Position = &at
	}
	if r.Hours != nil {
		daily, err := known.read(*r.Hours)
		if err != nil {
			problems = append(problems, mapfile.Problem{Field: "opening_hours", Reason: err.Error()})
		}
		change.Hours = &daily
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

// dailyHours are opening hours as places have them, nil for unknown ones.
func dailyHours(schedule *hours.Schedule) wallet.Hours {
	var daily wallet.Hours
	for day, span := range schedule.Daily(hours.Date{Year: 2000, Month: 1, Day: 3}) {
		from, to := span.Clock()
		if daily == nil {
			daily = wallet.Hours{}
		}
		daily[day] = wallet.Interval{Open: int(from), Close: int(to)}
	}
	return daily
}

// toFile is a place as a file has it. What it has not is not given.
func toFile(l wallet.Location) (r mapfile.Record, err error) {
	status := string(l.Status)
	r = mapfile.Record{ID: l.ID, Title: l.Title, Description: l.Description, Address: l.Address, Public: &l.Public, Status: &status}
	if l.Position != nil {
		lat, lng := l.Position.Degrees()
		r.Position = &mapfile.Position{Lat: lat, Lng: lng}
	}
	if l.Radius > 0 {
		r.Radius = &l.Radius
	}
	if len(l.Hours) > 0 {
		days := map[time.Weekday]hours.Span{}
		for day, i := range l.Hours {
			days[day] = hours.Between(hours.Minute(i.Open), hours.Minute(i.Close))
		}
		schedule, err := hours.FromDaily(days)
		if err != nil {
			return r, fmt.Errorf("the hours of place %d: %w", l.ID, err)
		}
		text := schedule.Text()
		r.Hours = &text
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
	return r, nil
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
