package wallet

import (
	"math"
	"strings"
	"time"

	"github.com/purserhq/purser/money"
)

// Text is a text in several languages, by locale such as "lt".
type Text map[string]string

// fallbackLocale is read when a text has no words in the language that was asked for.
const fallbackLocale = "en"

// In is the text in the locale; "lt_LT" reads "lt". Where it has none it is in English,
// else in the first language by name.
func (t Text) In(locale string) string {
	if text, ok := t[locale]; ok {
		return text
	}
	language := strings.ToLower(locale)
	if i := strings.IndexAny(language, "_-"); i >= 0 {
		language = language[:i]
	}
	if text, ok := t[language]; ok {
		return text
	}
	if text, ok := t[fallbackLocale]; ok {
		return text
	}
	first := ""
	for name := range t {
		if first == "" || name < first {
			first = name
		}
	}
	return t[first]
}

// Words are a text as somebody writes it who sees it in one language: Plain in Locale, where an empty one takes it
// away; or Texts in several languages, likewise. The zero Words say nothing.
type Words struct {
	IsPlain       bool
	Plain, Locale string
	Texts         Text
}

// ChangeOf is what the words change about a text, by language. What one reads in that language already is no
// change: a program writes back what it has read, and would put English words into another language.
func (w Words) ChangeOf(now Text) Text {
	if !w.IsPlain {
		return w.Texts
	}
	locale := w.Locale
	if locale == "" {
		locale = fallbackLocale
	}
	if _, exact := now[locale]; !exact {
		locale, _, _ = strings.Cut(strings.ReplaceAll(locale, "-", "_"), "_")
	}
	if _, there := now[locale]; now.In(locale) == w.Plain || w.Plain == "" && !there {
		return nil
	}
	return Text{locale: w.Plain}
}

// LocationStatus says whether a place is in use. Places are never deleted, so that apps
// which sync learn that one is gone.
type LocationStatus string

// The two location statuses.
const (
	Active   LocationStatus = "active"
	Inactive LocationStatus = "inactive"
)

// Service is what a place offers (seeds: location services).
type Service string

// The four services.
const (
	CashIn         Service = "cash_in"
	CashOut        Service = "cash_out"
	Pay            Service = "pay"
	Identification Service = "identification"
)

// Services lists the four services.
func Services() []Service { return []Service{CashIn, CashOut, Pay, Identification} }

// ServiceTypes are the ways of identification that the seeds list for a service; pay and
// identification have none.
func ServiceTypes(s Service) []string {
	switch s {
	case CashIn:
		return []string{"contact", "bar_code", "document", "one_time_bar_code"}
	case CashOut:
		return []string{"qr_code", "document"}
	}
	return nil
}

// Offer is one service as a place offers it.
type Offer struct {
	Available bool
	// Categories are pay category ids, for Pay.
	Categories []int64
	// Types are ways of identification, for CashIn and CashOut.
	Types []string
}

// Hours maps a day to its opening hours. A day that is missing is closed.
type Hours map[time.Weekday]Interval

// Interval is a span of one day in minutes since midnight; a Close that is not after Open
// is on the next day, and 1440 is midnight at the end of the day.
type Interval struct{ Open, Close int }

// dayMinutes is how many minutes a day has.
const dayMinutes = 24 * 60

// Valid says whether the interval begins on its day and ends by the end of it or of the next.
func (i Interval) Valid() bool {
	return i.Open >= 0 && i.Open < dayMinutes && i.Close >= 0 && i.Close <= dayMinutes
}

// ParseTime reads a time of day as minutes since midnight: HH:MM, or H:M as one client writes it
// (spec/php-client.md §8.3). 24:00 is 1440.
func ParseTime(text string) (minutes int, ok bool) {
	hour, minute, found := strings.Cut(text, ":")
	h, ok1 := twoDigits(hour)
	m, ok2 := twoDigits(minute)
	minutes = 60*h + m
	return minutes, found && ok1 && ok2 && m < 60 && minutes <= dayMinutes
}

// twoDigits is a number of one digit or two.
func twoDigits(text string) (n int, ok bool) {
	if len(text) < 1 || len(text) > 2 {
		return 0, false
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = 10*n + int(r-'0')
	}
	return n, true
}

// Price is a price of a place or, without an amount, a special offer.
type Price struct {
	Title  Text
	Amount money.Amount
	// ValidFrom and ValidUntil are the first moment that it counts and the first that it counts no more, on the
	// business clock; zero where there is no such end.
	ValidFrom, ValidUntil time.Time `json:",omitzero"`
}

// ValidAt says whether the price counts at that moment.
func (p Price) ValidAt(now time.Time) bool {
	return !now.Before(p.ValidFrom) && (p.ValidUntil.IsZero() || now.Before(p.ValidUntil))
}

// PricesAt are those prices that count at a moment.
func PricesAt(prices []Price, now time.Time) []Price {
	var valid []Price
	for _, p := range prices {
		if p.ValidAt(now) {
			valid = append(valid, p)
		}
	}
	return valid
}

// Position is a point on the earth in millionths of a degree.
type Position struct{ Lat, Lng int64 }

// microdegrees in a degree: coordinates are kept to six decimals (decisions.md 15).
const microdegrees = 1e6

// At is the position of decimal degrees, rounded to six decimals.
func At(lat, lng float64) Position {
	return Position{Lat: int64(math.Round(lat * microdegrees)), Lng: int64(math.Round(lng * microdegrees))}
}

// Degrees are the position's decimal degrees.
func (p Position) Degrees() (lat, lng float64) {
	return float64(p.Lat) / microdegrees, float64(p.Lng) / microdegrees
}

// OnEarth says whether there is such a point.
func (p Position) OnEarth() bool {
	return p.Lat >= -90*microdegrees && p.Lat <= 90*microdegrees && p.Lng >= -180*microdegrees && p.Lng <= 180*microdegrees
}

// EarthRadius is the mean radius of the earth in metres (decisions.md 15).
const EarthRadius = 6_371_008.8

// Distance is the great-circle distance to q in metres.
func (p Position) Distance(q Position) float64 {
	lat1, lng1 := p.radians()
	lat2, lng2 := q.radians()
	sinLat, sinLng := math.Sin((lat2-lat1)/2), math.Sin((lng2-lng1)/2)
	h := sinLat*sinLat + math.Cos(lat1)*math.Cos(lat2)*sinLng*sinLng
	return 2 * EarthRadius * math.Asin(math.Sqrt(min(h, 1)))
}

func (p Position) radians() (lat, lng float64) {
	lat, lng = p.Degrees()
	return lat * math.Pi / 180, lng * math.Pi / 180
}

// Location is a physical place of a project.
type Location struct {
	ID        int64
	ProjectID int64
	Title     Text
	// Description and Address are for people.
	Description, Address Text
	// Position is nil when it is not known.
	Position *Position
	// Radius of the place in metres.
	Radius    int
	UpdatedAt time.Time
	Status    LocationStatus
	// Public places are shown to everybody, others to the project's clients only.
	Public bool
	// Hours is nil when they are not known.
	Hours    Hours
	Services map[Service]Offer
	Prices   []Price
	// PinOpen and PinClosed are addresses of images; both or none.
	PinOpen, PinClosed string
	// RemoteSpot is the spot where people order before they come; 0 for none.
	RemoteSpot int64
}

// LocationFilter says which places a list holds. A zero field does not narrow it.
type LocationFilter struct {
	Statuses []LocationStatus
	// Projects nil means all projects; empty means none.
	Projects   []int64
	PublicOnly bool
	// UpdatedAfter leaves out what was not edited since.
	UpdatedAfter time.Time
	// Services: places that offer any of these; Categories: where one pays in any of these.
	Services   []Service
	Categories []int64
	// Near and Distance, in metres, give the circle, nearest places first.
	Near     *Position
	Distance float64
	// Limit 0 means all.
	Limit, Offset int
}

// PayCategory is a kind of shop; categories form a tree.
type PayCategory struct {
	ID    int64
	Title Text
	// ParentID is 0 at the top.
	ParentID int64
	// ActiveURI and InactiveURI are icons; both or none.
	ActiveURI, InactiveURI string
}
