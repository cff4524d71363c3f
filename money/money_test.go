package money_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/purserhq/purser/money"
)

// One amount has three spellings: decimal text, minor units, and the wire's cents, which are
// the amount times one hundred whatever the currency.
func TestThreeSpellingsOfOneAmount(t *testing.T) {
	for _, tc := range []struct {
		text    string
		in      money.Currency
		minor   int64
		cents   int64
		printed string
	}{
		{"12.50", "EUR", 1250, 1250, "12.50 EUR"},
		{"12.5", "EUR", 1250, 1250, "12.50 EUR"},
		{"12", "EUR", 1200, 1200, "12.00 EUR"},
		{"0.05", "EUR", 5, 5, "0.05 EUR"},
		{"-0.05", "EUR", -5, -5, "-0.05 EUR"},
		{"-3.40", "EUR", -340, -340, "-3.40 EUR"},
		{"0", "EUR", 0, 0, "0.00 EUR"},
		{"-0.00", "EUR", 0, 0, "0.00 EUR"},
		{"007.10000000", "EUR", 710, 710, "7.10 EUR"},
		// A yen has no smaller coin, yet the wire counts it in hundredths.
		{"1250", "JPY", 1250, 125000, "1250 JPY"},
		{"1250.00", "JPY", 1250, 125000, "1250 JPY"},
		{"-1", "JPY", -1, -100, "-1 JPY"},
		// ISO 4217 gives the Kuwaiti dinar three digits; the wire's cents can carry two.
		{"1.25", "KWD", 125, 125, "1.25 KWD"},
		{"1.250", "KWD", 125, 125, "1.25 KWD"},
		{"999999999999999.99", "EUR", 99999999999999999, 99999999999999999, "999999999999999.99 EUR"},
	} {
		t.Run(tc.text+" "+string(tc.in), func(t *testing.T) {
			read, err := money.Parse(tc.text, tc.in)
			if err != nil || read != (money.Amount{Minor: tc.minor, Currency: tc.in}) {
				t.Fatalf("read as %+v, %v; want %d minor units", read, err, tc.minor)
			}
			if cents, err := read.Cents(); err != nil || cents != tc.cents {
				t.Errorf("in cents: %d, %v; want %d", cents, err, tc.cents)
			}
			if back, err := money.FromCents(tc.cents, tc.in); err != nil || back != read {
				t.Errorf("from %d cents: %v, %v; want %v", tc.cents, back, err, read)
			}
			if read.String() != tc.printed {
				t.Errorf("printed as %q, want %q", read, tc.printed)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct {
		text string
		in   money.Currency
		want error
	}{
		{"", "EUR", money.ErrFormat},
		{" 1", "EUR", money.ErrFormat},
		{"1\n", "EUR", money.ErrFormat},
		{"+1", "EUR", money.ErrFormat},
		{"--1", "EUR", money.ErrFormat},
		{"1.", "EUR", money.ErrFormat},
		{".5", "EUR", money.ErrFormat},
		{"1,50", "EUR", money.ErrFormat},
		{"1 000", "EUR", money.ErrFormat},
		{"1e3", "EUR", money.ErrFormat},
		{"0x10", "EUR", money.ErrFormat},
		{"NaN", "EUR", money.ErrFormat},
		{"١٢", "EUR", money.ErrFormat},
		{"1.000000000", "EUR", money.ErrFormat},
		{"1000000000000000", "EUR", money.ErrFormat},
		{"1.505", "EUR", money.ErrDigits},
		{"1.00000001", "EUR", money.ErrDigits},
		{"1.5", "JPY", money.ErrDigits},
		{"1.255", "KWD", money.ErrDigits},
	} {
		if got, err := money.Parse(tc.text, tc.in); !errors.Is(err, tc.want) || got != (money.Amount{}) {
			t.Errorf("%q in %s reads as %v, %v; want %v", tc.text, tc.in, got, err, tc.want)
		}
	}
}

// What a currency cannot express is refused, never rounded.
func TestCentsThatTheCurrencyCannotExpress(t *testing.T) {
	for _, cents := range []int64{150, 1, -99, math.MaxInt64} {
		if got, err := money.FromCents(cents, "JPY"); !errors.Is(err, money.ErrDigits) {
			t.Errorf("%d cents of JPY are %v, %v; want %v", cents, got, err, money.ErrDigits)
		}
	}
}

func TestCentsOutOfRange(t *testing.T) {
	const most = math.MaxInt64 / 100 // yen that still fit the wire
	if cents, err := (money.Amount{Minor: most, Currency: "JPY"}).Cents(); err != nil || cents != most*100 {
		t.Errorf("the most that fits: %d, %v", cents, err)
	}
	for _, minor := range []int64{most + 1, -most - 1, math.MaxInt64, math.MinInt64} {
		if cents, err := (money.Amount{Minor: minor, Currency: "JPY"}).Cents(); !errors.Is(err, money.ErrRange) {
			t.Errorf("%d JPY in cents: %d, %v; want %v", minor, cents, err, money.ErrRange)
		}
	}
	if cents, err := (money.Amount{Minor: math.MinInt64, Currency: "EUR"}).Cents(); err != nil || cents != math.MinInt64 {
		t.Errorf("the smallest euro amount in cents: %d, %v", cents, err)
	}
}

func TestAdd(t *testing.T) {
	eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	const most, least = math.MaxInt64, math.MinInt64
	for _, tc := range []struct {
		a, b money.Amount
		want int64
		err  error
	}{
		{a: eur(1250), b: eur(-50), want: 1200},
		{a: eur(7), b: eur(0), want: 7},
		{a: eur(most - 1), b: eur(1), want: most},
		{a: eur(least), b: eur(most), want: -1},
		{a: eur(most), b: eur(1), err: money.ErrRange},
		{a: eur(least), b: eur(-1), err: money.ErrRange},
		{a: eur(least), b: eur(least), err: money.ErrRange},
		{a: eur(1), b: money.Amount{Minor: 1, Currency: "JPY"}, err: money.ErrMixed},
		{a: eur(1), b: money.Amount{Minor: 1}, err: money.ErrMixed},
	} {
		got, err := tc.a.Add(tc.b)
		if !errors.Is(err, tc.err) || got.Minor != tc.want {
			t.Errorf("%v + %v = %v, %v; want %d minor units, %v", tc.a, tc.b, got, err, tc.want, tc.err)
		}
	}
}

func TestNegate(t *testing.T) {
	if got, err := (money.Amount{Minor: 5, Currency: "EUR"}).Negate(); err != nil || got.Decimal() != "-0.05" {
		t.Errorf("-(0.05) = %v, %v", got, err)
	}
	if got, err := (money.Amount{Minor: math.MinInt64, Currency: "EUR"}).Negate(); !errors.Is(err, money.ErrRange) {
		t.Errorf("the number without a negative: %v, %v; want %v", got, err, money.ErrRange)
	}
}

// An amount without a currency is no amount, however much it is.
func TestPositive(t *testing.T) {
	for amount, want := range map[money.Amount]bool{
		{Minor: 1, Currency: "EUR"}:  true,
		{Minor: 0, Currency: "EUR"}:  false,
		{Minor: -1, Currency: "EUR"}: false,
		{Minor: 1}:                   false,
		{}:                           false,
	} {
		if amount.Positive() != want {
			t.Errorf("%+v is positive: %v, want %v", amount, !want, want)
		}
	}
}

func TestParseCurrency(t *testing.T) {
	for _, code := range []string{"EUR", "USD", "JPY", "KWD"} {
		if c, err := money.ParseCurrency(code); err != nil || string(c) != code {
			t.Errorf("%s: %q, %v", code, c, err)
		}
	}
	for _, code := range []string{"", "eur", "EURO", "EU", "ABC", "EUR ", "€"} {
		if c, err := money.ParseCurrency(code); !errors.Is(err, money.ErrCurrency) || c != "" {
			t.Errorf("%q is the currency %q, %v; want %v", code, c, err, money.ErrCurrency)
		}
	}
}

func TestEveryCurrencyFitsTheWire(t *testing.T) {
	known := money.Currencies()
	if len(known) < 150 {
		t.Fatalf("only %d currencies are known", len(known))
	}
	for i, c := range known {
		if i > 0 && known[i-1] >= c {
			t.Errorf("%s stands after %s", c, known[i-1])
		}
		if _, err := money.ParseCurrency(string(c)); err != nil {
			t.Errorf("%s is listed and not parsed: %v", c, err)
		}
		if digits := c.Digits(); digits < 0 || digits > 2 {
			t.Errorf("%s has %d digits", c, digits)
		}
	}
}

// Whatever the amount and the currency: writing it and reading it back gives the same amount,
// as decimal text and as cents.
func TestRoundTrip(t *testing.T) {
	currencies := money.Currencies()
	rapid.Check(t, func(t *rapid.T) {
		a := money.Amount{
			Minor:    rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999).Draw(t, "minor"),
			Currency: rapid.SampledFrom(currencies).Draw(t, "currency"),
		}
		if back, err := money.Parse(a.Decimal(), a.Currency); err != nil || back != a {
			t.Fatalf("%v is written %q and reads as %v, %v", a, a.Decimal(), back, err)
		}
		cents, err := a.Cents()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := money.FromCents(cents, a.Currency); err != nil || back != a {
			t.Fatalf("%v is %d cents, which are %v, %v", a, cents, back, err)
		}
		inCurrency := new(big.Rat).SetFrac64(cents, 100)
		if written, _ := new(big.Rat).SetString(a.Decimal()); written.Cmp(inCurrency) != 0 {
			t.Fatalf("%v is %d cents", a, cents)
		}
	})
}

// FuzzParse holds Parse against exact fractions: what it accepts has exactly the value that
// the text says, and what it refuses it could not have expressed.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"12.50", "-0.05", "1e9", "007.100", "99999999999999999999", "1.005", "", "-", "0.00000001"} {
		f.Add(seed, "EUR")
		f.Add(seed, "JPY")
		f.Add(seed, "KWD")
	}
	f.Fuzz(func(t *testing.T, text, code string) {
		c, err := money.ParseCurrency(code)
		if err != nil {
			return
		}
		a, err := money.Parse(text, c)
		if err != nil {
			if a != (money.Amount{}) {
				t.Fatalf("%q is refused and yet gives %v", text, a)
			}
			if errors.Is(err, money.ErrDigits) && inMinor(t, text, c).IsInt() {
				t.Fatalf("%q is %s in minor units of %s, and was refused: %v", text, inMinor(t, text, c), c, err)
			}
			return
		}
		if inMinor(t, text, c).Cmp(big.NewRat(a.Minor, 1)) != 0 {
			t.Fatalf("%q of %s reads as %d minor units", text, c, a.Minor)
		}
		if back, err := money.Parse(a.Decimal(), c); err != nil || back != a {
			t.Fatalf("%v is written %q and reads as %v, %v", a, a.Decimal(), back, err)
		}
	})
}

// inMinor is the exact value of decimal text, in minor units.
func inMinor(t interface{ Fatalf(string, ...any) }, text string, c money.Currency) *big.Rat {
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	for range c.Digits() {
		exact.Mul(exact, big.NewRat(10, 1))
	}
	return exact
}

func ExampleParse() {
	price, err := money.Parse("12.5", "EUR")
	if err != nil {
		fmt.Println(err)
		return
	}
	cents, err := price.Cents()
	fmt.Println(price, cents, err)

	_, err = money.Parse("12.5", "JPY")
	fmt.Println(err)
	// Output:
	// 12.50 EUR 1250 <nil>
	// money: more decimal digits than the currency has
}
