package service

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/zone"
)

// What is refused of a place is named by where it stands on the wire, such as services.cash_in.types[1].

// Bounds of a place.
const (
	// maxPlaceRadius bounds the radius of a place, in metres.
	maxPlaceRadius = 100_000
	// maxPlacePrices bounds its prices and offers.
	maxPlacePrices = 100
	// maxLanguages bounds the languages of a text, however many writes they come with.
	maxLanguages = 100
)

// checkPlace refuses what the protocol does not know or could not carry, and what is not there.
func (s *Service) checkPlace(tx *store.Tx, l wallet.Location, change LocationChange) error {
	refused := wallet.FieldErrors{}
	change.judgeHours(refused, l)
	if err := s.judgePlace(tx.PayCategoryExists, l, refused); err != nil {
		return err
	}
	if change.RemoteSpot != nil && l.RemoteSpot != 0 {
		spots, err := tx.SpotsOf(l.ID)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(spots, func(s wallet.Spot) bool { return s.ID == l.RemoteSpot }) {
			refused.Refuse("remote_orders.spot_id", "is no spot of this place")
		}
	}
	return refused.Err()
}

// judgePlace gathers what is wrong with a place; isCategory says whether there is a pay category.
func (s *Service) judgePlace(isCategory func(int64) (bool, error), l wallet.Location, refused wallet.FieldErrors) error {
	if l.Status != wallet.Active && l.Status != wallet.Inactive {
		refused.Refuse("status", "must be active or inactive")
	}
	if len(l.Title) == 0 {
		refused.Refuse("title", "a place needs a title and an address")
	}
	if len(l.Address) == 0 {
		refused.Refuse("address", "a place needs a title and an address")
	}
	checkText(refused, "title", l.Title, maxTitle)
	checkText(refused, "address", l.Address, maxDescription)
	checkText(refused, "description", l.Description, maxDescription)
	switch {
	case l.Radius < 0:
		refused.Refuse("radius", "must not be negative")
	case l.Radius > maxPlaceRadius:
		refused.Refuse("radius", "must be at most %d metres", maxPlaceRadius)
	}
	if p := l.Position; p != nil && !p.OnEarth() {
		refused.Refuse("lat", "must be from -90 to 90, and lng from -180 to 180")
	}
	if (l.PinOpen == "") != (l.PinClosed == "") {
		refused.Refuse("images", "give both pins or none")
	}
	checkImage(refused, "images.pin_open", l.PinOpen)
	checkImage(refused, "images.pin_closed", l.PinClosed)
	if l.Timezone != "" {
		if _, err := zone.Named(l.Timezone); err != nil {
			refused.Refuse("timezone", "%q is not a time zone, such as Europe/Vilnius", l.Timezone)
		}
	}
	s.judgePrices(refused, l.Prices)
	return judgeServices(isCategory, refused, l.Services)
}

// checkImage refuses what is not the address of an image; none at all is one.
func checkImage(refused wallet.FieldErrors, field, address string) {
	u, err := url.Parse(address)
	if address != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(address) > maxURL || !isWords(address)) {
		refused.Refuse(field, "%q is not the address of an image", address)
	}
}

func (s *Service) judgePrices(refused wallet.FieldErrors, prices []wallet.Price) {
	if len(prices) > maxPlacePrices {
		refused.Refuse("prices", "are %d, and a place has %d at most", len(prices), maxPlacePrices)
		return
	}
	for i, price := range prices {
		field := fmt.Sprintf("prices[%d]", i)
		if len(price.Title) == 0 {
			refused.Refuse(field+".title", "must be given")
		}
		checkText(refused, field+".title", price.Title, maxTitle)
		if a := price.Amount; a.Currency != "" {
			if _, err := a.Cents(); err != nil || !a.Positive() || !slices.Contains(s.Currencies, a.Currency) {
				refused.Refuse(field+".price", "%s is not a price in a currency of this server", a)
			}
		}
		if !price.ValidUntil.IsZero() && !price.ValidUntil.After(price.ValidFrom) {
			refused.Refuse(field+".valid_until", "must be after valid_from")
		}
	}
}

func judgeServices(isCategory func(int64) (bool, error), refused wallet.FieldErrors, services map[wallet.Service]wallet.Offer) error {
	for service, offer := range services {
		field := "services." + string(service)
		if !slices.Contains(wallet.Services(), service) {
			refused.Refuse(field, "%q is not a service: there are cash_in, cash_out, pay and identification", service)
			continue
		}
		for i, kind := range offer.Types {
			at := fmt.Sprintf("%s.types[%d]", field, i)
			switch {
			case !slices.Contains(wallet.ServiceTypes(service), kind):
				refused.Refuse(at, "%q is not a type of %s", kind, service)
			case slices.Index(offer.Types, kind) < i:
				refused.Refuse(at, "%s stands there twice", kind)
			}
		}
		if service != wallet.Pay && len(offer.Categories) > 0 {
			refused.Refuse(field+".categories", "%s has no pay categories", service)
			continue
		}
		for i, category := range offer.Categories {
			at := fmt.Sprintf("%s.categories[%d]", field, i)
			if slices.Index(offer.Categories, category) < i {
				refused.Refuse(at, "%d stands there twice", category)
				continue
			}
			there, err := isCategory(category)
			if err != nil {
				return err
			}
			if !there {
				refused.Refuse(at, "there is no pay category %d", category)
			}
		}
	}
	return nil
}

// IsLocale says whether a text may have a language of that name, such as lt or lt_LT.
func IsLocale(name string) bool { return localeForm.MatchString(name) }

// checkText refuses languages that are none or too many, and words that are missing or too many.
func checkText(refused wallet.FieldErrors, field string, text wallet.Text, most int) {
	if len(text) > maxLanguages {
		refused.Refuse(field, "would be in %d languages, and may be in %d at most", len(text), maxLanguages)
		return
	}
	for locale, words := range text {
		if !IsLocale(locale) {
			refused.Refuse(field, "%q is not a language, such as lt or lt_LT", locale)
		}
		checkWords(refused, field, strings.TrimSpace(words), 1, most)
	}
}
