package wallet_test

import (
	"testing"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// The code of a table is read out of a QR code as it is, or wrapped in the address of an app.
func TestCodesOfSpots(t *testing.T) {
	if code := wallet.SpotCode("PAYSERA", 3, "TABLE1"); code != "PAYSERA*3:TABLE1" {
		t.Errorf("the code is %q", code)
	}
	for code, want := range map[string]struct {
		place int64
		spot  string
		ok    bool
	}{
		"PAYSERA*3:TABLE1": {3, "TABLE1", true},
		"PAYSERA*3:a:b":    {3, "a:b", true},
		"https://paysera.com/app?qr=PAYSERA*3%3ATABLE1":         {3, "TABLE1", true},
		"https://wallet.example/lt/app?x=1&qr=PAYSERA%2A3:Tòp1": {3, "Tòp1", true},
		"http://localhost:8080/app?qr=PAYSERA*3:T":              {3, "T", true},
		"https://paysera.com/shop?qr=PAYSERA*3:TABLE1":          {},
		"https://paysera.com/app":                               {},
		"javascript:/app?qr=PAYSERA*3:TABLE1":                   {},
		"PURSER*3:TABLE1":                                       {},
		"paysera*3:TABLE1":                                      {},
		"PAYSERA%abc":                                           {},
		"PAYSERA*3:":                                            {3, "", false},
		"PAYSERA*0:T":                                           {0, "T", false},
		"PAYSERA*x:T":                                           {0, "T", false},
		"PAYSERA*-3:T":                                          {-3, "T", false},
		"PAYSERA*99999999999999999999:T":                        {},
		"EVP000000014471":                                       {},
		"":                                                      {},
	} {
		place, spot, ok := wallet.ParseSpotCode("PAYSERA", code)
		if ok != want.ok || ok && (place != want.place || spot != want.spot) {
			t.Errorf("%q is read as place %d, spot %q, %v", code, place, spot, ok)
		}
	}
	if _, _, ok := wallet.ParseSpotCode("CAFE", "CAFE*3:TABLE1"); !ok {
		t.Error("another prefix is not read")
	}
}

// An order counts as paid when its transaction is confirmed, whatever else is so, and at no other time.
func TestAnOrderIsPaidWhenItIsConfirmed(t *testing.T) {
	want := map[wallet.TransactionStatus]wallet.OrderStatus{
		wallet.TransactionNew: wallet.OrderPending, wallet.TransactionWaiting: wallet.OrderPending, wallet.WaitingFunds: wallet.OrderPending,
		wallet.WaitingPassword: wallet.OrderPending, wallet.WaitingRegistration: wallet.OrderPending,
		wallet.TransactionReserved: wallet.OrderReserved, wallet.TransactionConfirmed: wallet.OrderConfirmed,
	}
	for _, status := range wallet.TransactionStatuses() {
		expected, open := want[status]
		if !open {
			expected = wallet.OrderClosed
		}
		if got := wallet.OrderStatusOf(status, wallet.SpotWaiting); got != expected {
			t.Errorf("a transaction that is %s makes the order %s", status, got)
		}
		if expected == wallet.OrderPending {
			expected = wallet.OrderClosed
		}
		if got := wallet.OrderStatusOf(status, wallet.SpotClosed); got != expected {
			t.Errorf("a transaction that is %s makes the order of a closed spot %s", status, got)
		}
	}
}

// A program shows a text in one language and writes it back: nothing changes, whatever language it really is.
func TestWordsChangeTheLanguageTheyAreReadIn(t *testing.T) {
	plain := func(text, locale string) wallet.Words {
		return wallet.Words{IsPlain: true, Plain: text, Locale: locale}
	}
	both := wallet.Text{"en": "Books", "lt": "Knygos"}
	for name, tc := range map[string]struct {
		words wallet.Words
		now   wallet.Text
		want  wallet.Text
	}{
		"what one reads":                {plain("Knygos", "lt"), both, nil},
		"what one reads in its stead":   {plain("Books", "pl"), both, nil},
		"other words":                   {plain("Knygynas", "lt"), both, wallet.Text{"lt": "Knygynas"}},
		"no language is English":        {plain("Shop", ""), both, wallet.Text{"en": "Shop"}},
		"a phone's name of a language":  {plain("Knygynas", "lt_LT"), both, wallet.Text{"lt": "Knygynas"}},
		"a browser's":                   {plain("Knygynas", "lt-LT"), both, wallet.Text{"lt": "Knygynas"}},
		"one that is there by its name": {plain("書店", "zh_TW"), wallet.Text{"zh_TW": "書", "zh": "书"}, wallet.Text{"zh_TW": "書店"}},
		"a language is taken away":      {plain("", "lt"), both, wallet.Text{"lt": ""}},
		"one that is not there is not":  {plain("", "pl"), both, nil},
		"several":                       {wallet.Words{Texts: wallet.Text{"en": "A", "lt": ""}}, both, wallet.Text{"en": "A", "lt": ""}},
		"nothing":                       {wallet.Words{}, both, nil},
	} {
		got := tc.words.ChangeOf(tc.now)
		if len(got) != len(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
		for locale, text := range tc.want {
			if value, there := got[locale]; !there || value != text {
				t.Errorf("%s: %v, want %v", name, got, tc.want)
			}
		}
	}
}

func TestPricesCountFromTheirFirstSecondToTheirLast(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	p := wallet.Price{ValidFrom: noon, ValidUntil: noon.Add(time.Hour)}
	for at, want := range map[time.Duration]bool{-time.Second: false, 0: true, time.Hour - time.Second: true, time.Hour: false} {
		if p.ValidAt(noon.Add(at)) != want {
			t.Errorf("%s after its beginning it counts: %v", at, !want)
		}
	}
	if list := wallet.PricesAt([]wallet.Price{{}, p, {ValidFrom: noon}}, noon.Add(2*time.Hour)); len(list) != 2 {
		t.Errorf("later, %d prices count", len(list))
	}
}
