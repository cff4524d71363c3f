package wallet

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/purserhq/purser/money"
)

func amount(minor int64, c money.Currency) money.Amount {
	return money.Amount{Minor: minor, Currency: c}
}

// A rate is what an operator writes, without the digits that say nothing; what could be read in two ways, or blown up, is none.
func TestRatesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]string{"1.0875": "1.0875", "0187.250": "187.25", "10": "10", "0.5": "0.5", "000.000000000001": "0.000000000001", "100": "100"} {
		if got, ok := ParseRate(text); got != want || !ok {
			t.Errorf("%q is %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "0", "0.00", "-1", "+1", "1e3", "1,5", ".5", "5.", "1/3", " 1", "0x1", "1234567890", "1.0000000000001", "NaN"} {
		if got, ok := ParseRate(text); ok {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}

// Which rate counts: the one that is set, else the inverse, else one step through another currency, in the given order.
func TestTheRateBetweenTwoCurrencies(t *testing.T) {
	rates := Rates{
		{Base: "EUR", Quote: "USD", Text: "1.25"}, {Base: "USD", Quote: "EUR", Text: "0.79"}, {Base: "EUR", Quote: "GBP", Text: "0.8"},
		{Base: "PLN", Quote: "EUR", Text: "0.25"}, {Base: "USD", Quote: "PLN", Text: "3"}, {Base: "PLN", Quote: "CZK", Text: "6"},
	}
	order := []money.Currency{"EUR", "USD", "PLN"}
	for _, c := range []struct {
		from, to money.Currency
		want     string // empty for none
	}{
		{"EUR", "EUR", "1"}, {"EUR", "USD", "5/4"}, {"USD", "EUR", "79/100"}, {"GBP", "EUR", "5/4"}, {"EUR", "PLN", "4"},
		{"USD", "GBP", "79/125"}, // by the rate that is set from USD, not by the inverse
		{"PLN", "GBP", "1/5"}, {"USD", "PLN", "3"}, {"CZK", "EUR", "1/24"}, {"USD", "CZK", "18"},
		{"GBP", "CZK", ""}, {"JPY", "EUR", ""}, {"JPY", "JPY", "1"},
	} {
		got := rates.Between(c.from, c.to, order)
		if (got == nil) != (c.want == "") || got != nil && got.RatString() != c.want {
			t.Errorf("%s to %s is %v, want %s", c.from, c.to, got, c.want)
		}
	}
	if got := rates.Between("USD", "GBP", nil); got != nil {
		t.Errorf("through nothing: %v", got)
	}
	there, back, dear := Rate{Text: "1.25"}, Rate{Text: "0.8"}, Rate{Text: "0.8000001"}
	if !there.Inverts(back) || there.Inverts(dear) || there.Inverts(Rate{}) {
		t.Error("which two rates make money is not told")
	}
}

// Rounding takes less than one minor unit, always from whoever exchanges, and there and back is never more than before.
func TestRatesAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	currencies := []money.Currency{"EUR", "JPY", "USD", "HUF"}
	for range 20_000 {
		from, to := oneOf(r, currencies...), oneOf(r, currencies...)
		rate := big.NewRat(1+r.Int64N(1_000_000_000), 1+r.Int64N(1_000_000))
		given := amount(r.Int64N(1_000_000_000)-1000, from)
		got, ok := Worth(given, rate, to)
		if !ok {
			t.Fatalf("%v at %v does not fit", given, rate)
		}
		// lost is what the rounding took, in minor units.
		lost := new(big.Rat).Sub(exchanged(given, rate, to), new(big.Rat).SetInt64(got.Minor))
		if lost.Sign() < 0 || lost.Cmp(big.NewRat(1, 1)) >= 0 {
			t.Fatalf("%v at %v is %v, off by %v", given, rate, got, lost)
		}
		cost, ok := Cost(got, rate, from)
		if !ok || cost.Minor > given.Minor {
			t.Fatalf("%v is worth %v, which costs %v", given, got, cost)
		}
		wanted := amount(r.Int64N(1_000_000_000), to)
		if cost, ok = Cost(wanted, rate, from); !ok {
			t.Fatalf("%v at %v costs too much", wanted, rate)
		}
		more := new(big.Rat).Sub(new(big.Rat).SetInt64(cost.Minor), exchanged(wanted, new(big.Rat).Inv(rate), from))
		if more.Sign() < 0 || more.Cmp(big.NewRat(1, 1)) >= 0 {
			t.Fatalf("%v at %v costs %v, off by %v", wanted, rate, cost, more)
		}
		if worth, ok := Worth(cost, rate, to); !ok || worth.Minor < wanted.Minor {
			t.Fatalf("%v costs %v, which is worth %v", wanted, cost, worth)
		}
	}
	for _, c := range []struct {
		given money.Amount
		rate  string
		to    money.Currency
		want  int64
	}{
		{amount(10000, "EUR"), "1.0875", "USD", 10875}, {amount(1, "EUR"), "1.0875", "USD", 1}, {amount(-1, "EUR"), "1.0875", "USD", -2},
		{amount(1000, "EUR"), "164.37", "JPY", 1643}, {amount(1643, "JPY"), "0.01", "EUR", 1643}, {amount(1, "EUR"), "0.5", "USD", 0},
	} {
		rate, _ := new(big.Rat).SetString(c.rate)
		if got, ok := Worth(c.given, rate, c.to); !ok || got != amount(c.want, c.to) {
			t.Errorf("%v at %s is %v, want %d", c.given, c.rate, got, c.want)
		}
	}
	huge := amount(1<<62, "EUR")
	if got, ok := Worth(huge, big.NewRat(1000, 1), "USD"); ok {
		t.Errorf("what does not fit is %v", got)
	}
	if got, ok := Worth(amount(1<<60, "EUR"), big.NewRat(1, 1), "JPY"); !ok {
		t.Errorf("what fits is %v", got)
	}
	if got, ok := Cost(huge, big.NewRat(1, 1000), "USD"); ok {
		t.Errorf("what does not fit costs %v", got)
	}
}
