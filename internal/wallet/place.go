package wallet

import (
	"math"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/nearby"
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
	if text, ok := t[Language(locale)]; ok {
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

// Language is the language of a locale: that of lt_LT is lt.
func Language(locale string) string {
	if i := strings.IndexAny(locale, "_-"); i >= 0 {
		locale = locale[:i]
	}
	return strings.ToLower(locale)
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

// Distance is the great-circle distance to q in metres; see [nearby.Distance]. Both are on the earth.
func (p Position) Distance(q Position) float64 {
	return nearby.Distance(int32(p.Lat), int32(p.Lng), int32(q.Lat), int32(q.Lng))
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
	Hours *hours.Schedule
	// Timezone is the IANA name of the zone that the place's clocks show, empty when that is not known. It is
	// the one of its position, unless TimezoneGiven says that somebody named it.
	Timezone      string
	TimezoneGiven bool
	Services      map[Service]Offer
	Prices        []Price
	// PinOpen and PinClosed are addresses of images; both or none.
	PinOpen, PinClosed string
	// RemoteSpot is the spot where people order before they come; 0 for none.
	RemoteSpot int64
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
