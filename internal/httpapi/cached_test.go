package httpapi

import (
	"bytes"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// Strangers ask for a place in languages that they make up. It is written once for each that it has and once for all others, and
// everybody gets what a text in their language would be; another state of it is written anew, even when it lost a language.
func TestLanguagesThatAreMadeUpCostNothing(t *testing.T) {
	a := &API{}
	a.documents, a.shared = newDocuments(documentsMost, sharedHoursMost)
	place := wallet.Location{
		ID: 7, ProjectID: 1, Status: wallet.Active, Public: true, UpdatedAt: time.UnixMicro(5),
		Title:       wallet.Text{"en": "Books", "lt": "Knygos", "lt_LT": "Knygos Lietuvoje", "fil_PH": "Mga aklat"},
		Description: wallet.Text{"lt": "Daug"}, Address: wallet.Text{"pl": "Wilno"}, Prices: []wallet.Price{{Title: wallet.Text{"de": "Buch"}}},
	}
	locales := []string{"", "en", "EN", "en_US", "lt", "lt_LT", "LT-lt", "lt-LT", "pl", "de", "de_AT", "fil", "fil_PH", "en,lt", ",", "lt,lt_LT"}
	for a := 'a'; a <= 'z'; a++ {
		for _, country := range []string{"", "_XX", "-yy", "_of_the_moon"} {
			locales = append(locales, "x"+string(a)+country)
		}
	}
	ask := func(most int) {
		t.Helper()
		now, written := time.UnixMicro(9), 0
		for range 2 {
			for _, locale := range locales {
				want, err := a.document(&service.PublicLocation{Location: place}, locale, now)
				if err != nil {
					t.Fatal(err)
				}
				got := a.kept(&service.FoundLocation{ID: 7, UpdatedAt: place.UpdatedAt}, locale, now.UnixMicro())
				if got == nil {
					written++
					a.keep(7, locale, want)
				} else if !bytes.Equal(got.json, want.json) {
					t.Errorf("in %q it is %s, and should be %s", locale, got.json, want.json)
				}
			}
		}
		if written != most {
			t.Errorf("it was written %d times, want %d", written, most)
		}
	}
	ask(7)
	place.UpdatedAt, place.Title = time.UnixMicro(6), wallet.Text{"en": "Books"}
	place.Address, place.Prices = wallet.Text{"en": "Vilnius"}, nil
	ask(3)
}
