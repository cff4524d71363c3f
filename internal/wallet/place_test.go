package wallet_test

import (
	"math"
	"testing"

	"github.com/purserhq/purser/internal/nearby"
	"github.com/purserhq/purser/internal/wallet"
)

func TestATextFallsBackToALanguageItHas(t *testing.T) {
	text := wallet.Text{"en": "Books", "lt": "Knygos"}
	for locale, want := range map[string]string{"lt": "Knygos", "lt_LT": "Knygos", "LT-lt": "Knygos", "en": "Books", "pl": "Books", "": "Books"} {
		if got := text.In(locale); got != want {
			t.Errorf("in %q: %q, want %q", locale, got, want)
		}
	}
	if got := (wallet.Text{"pl": "Książki", "lt": "Knygos"}).In("de"); got != "Knygos" {
		t.Errorf("without English the first language by name is taken, not %q", got)
	}
	if got := wallet.Text(nil).In("en"); got != "" {
		t.Errorf("no text is empty, not %q", got)
	}
}

func TestDistancesAreGreatCircles(t *testing.T) {
	tests := []struct {
		story string
		a, b  wallet.Position
		want  float64 // metres
	}{
		{"the same point", wallet.At(54.6, 25.2), wallet.At(54.6, 25.2), 0},
		{"a degree of latitude", wallet.At(0, 0), wallet.At(1, 0), 111195.08},
		{"across the date line", wallet.At(0, 179.5), wallet.At(0, -179.5), 111195.08},
		{"over the pole", wallet.At(89.5, 0), wallet.At(89.5, 180), 111195.08},
		{"to the other side of the earth", wallet.At(0, 0), wallet.At(0, 180), math.Pi * nearby.EarthRadius},
		{"Vilnius to Kaunas", wallet.At(54.6872, 25.2797), wallet.At(54.8966, 23.9126), 90682.35},
	}
	for _, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			got := test.a.Distance(test.b)
			if math.Abs(got-test.want) > 1+test.want/1000 {
				t.Errorf("%.2f m, want %.2f m", got, test.want)
			}
			if back := test.b.Distance(test.a); math.Abs(back-got) > 1e-6 {
				t.Errorf("%.2f m there and %.2f m back", got, back)
			}
		})
	}
}
