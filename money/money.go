// Package money holds amounts as integers of minor units with their currency.
//
// An Amount never becomes a float: it is read from decimal text, added and compared as
// integers with checked overflow, and written back as decimal text. Every currency keeps
// the number of decimal digits that ISO 4217 gives it, but at most two, because the Wallet
// API's integer form ("cents") is always the amount times one hundred, whatever the
// currency (spec/mobile-sdks.md §0.14): a third digit could not be put on that wire.
//
// The package knows currencies, not exchange rates: two currencies never mix here.
package money

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bojanz/currency"
)

// wireDigits is how many decimal digits the wire's integer form has for every currency.
const wireDigits = 2

// Errors of this package. They carry no amounts, so they may be shown to anyone.
var (
	// ErrCurrency says that a code is not an ISO 4217 currency.
	ErrCurrency = errors.New("money: not an ISO 4217 currency code")
	// ErrMixed says that amounts of two currencies met in one sum or comparison.
	ErrMixed = errors.New("money: amounts of different currencies")
	// ErrRange says that a sum or a number does not fit 64-bit minor units.
	ErrRange = errors.New("money: amount out of range")
	// ErrFormat says that text is not a plain decimal number.
	ErrFormat = errors.New("money: not a decimal amount such as 12.50")
	// ErrDigits says that an amount is finer than its currency can express.
	ErrDigits = errors.New("money: more decimal digits than the currency has")
)

// Currency is an upper-case ISO 4217 code, such as EUR.
type Currency string

// ParseCurrency returns the currency that code names; ErrCurrency when there is none.
func ParseCurrency(code string) (Currency, error) {
	if code == "" || !currency.IsValid(code) { // the library takes no code for a code
		return "", ErrCurrency
	}
	return Currency(code), nil
}

// Currencies returns every currency this package knows, in alphabetical order.
func Currencies() []Currency {
	codes := currency.GetCurrencyCodes()
	known := make([]Currency, len(codes))
	for i, code := range codes {
		known[i] = Currency(code)
	}
	slices.Sort(known)
	return known
}

// Digits is how many decimal digits an amount of c has: ISO's number, at most two.
func (c Currency) Digits() int {
	digits, _ := currency.GetDigits(string(c))
	return min(int(digits), wireDigits)
}

// Amount is a count of minor units of one currency. The zero Amount has no currency and
// stands for "no amount".
type Amount struct {
	// Minor counts the currency's minor units: 1250 is 12.50 EUR, or 1250 JPY.
	Minor int64
	// Currency says which units these are.
	Currency Currency
}

// decimalText is bounded before anything parses it: 15 digits and 8 decimals are more than
// any amount needs, and no exponent can make a short text expand into a huge number.
var decimalText = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,8})?$`)

// Parse reads decimal text such as "12.5" as an amount of c. It returns ErrFormat for other
// text, ErrDigits when digits that c does not have are not zero, and ErrRange on overflow.
func Parse(text string, c Currency) (Amount, error) {
	if !decimalText.MatchString(text) {
		return Amount{}, ErrFormat
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := c.Digits()
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > digits {
		return Amount{}, ErrDigits
	}
	fraction += strings.Repeat("0", digits-len(fraction))
	minor, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return Amount{}, ErrRange
	}
	return Amount{Minor: minor, Currency: c}, nil
}

// FromCents reads the wire's integer form, the amount times one hundred whatever the
// currency. It returns ErrDigits when c cannot express it: 150 cents of JPY are 1.5 yen.
func FromCents(cents int64, c Currency) (Amount, error) {
	unit := centsPerMinor(c)
	if cents%unit != 0 {
		return Amount{}, ErrDigits
	}
	return Amount{Minor: cents / unit, Currency: c}, nil
}

// Cents is the wire's integer form: the amount times one hundred whatever the currency.
// It returns ErrRange when that does not fit 64 bits.
func (a Amount) Cents() (int64, error) {
	unit := centsPerMinor(a.Currency)
	if a.Minor > math.MaxInt64/unit || a.Minor < math.MinInt64/unit {
		return 0, ErrRange
	}
	return a.Minor * unit, nil
}

func centsPerMinor(c Currency) int64 {
	unit := int64(1)
	for range wireDigits - c.Digits() {
		unit *= 10
	}
	return unit
}

// Decimal is the amount as decimal text with all digits of its currency: "12.50", "1250".
func (a Amount) Decimal() string {
	digits := a.Currency.Digits()
	text := strconv.FormatInt(a.Minor, 10)
	if digits == 0 {
		return text
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	if missing := digits + 1 - len(text); missing > 0 {
		text = strings.Repeat("0", missing) + text
	}
	point := len(text) - digits
	return sign + text[:point] + "." + text[point:]
}

// String is the amount for people and logs: "12.50 EUR".
func (a Amount) String() string { return a.Decimal() + " " + string(a.Currency) }

// Add returns a + b. It returns ErrMixed for two currencies and ErrRange on overflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("%w: %s and %s", ErrMixed, a.Currency, b.Currency)
	}
	sum := a.Minor + b.Minor
	if (sum > a.Minor) != (b.Minor > 0) {
		return Amount{}, ErrRange
	}
	return Amount{Minor: sum, Currency: a.Currency}, nil
}

// Negate returns -a; ErrRange for the one number that has no negative.
func (a Amount) Negate() (Amount, error) {
	if a.Minor == math.MinInt64 {
		return Amount{}, ErrRange
	}
	return Amount{Minor: -a.Minor, Currency: a.Currency}, nil
}

// Positive says that there is an amount and it is more than zero.
func (a Amount) Positive() bool { return a.Currency != "" && a.Minor > 0 }

// Times returns a, n times; ErrRange when that does not fit.
func (a Amount) Times(n int64) (Amount, error) {
	product := a.Minor * n
	if n != 0 && (product/n != a.Minor || n == -1 && a.Minor == math.MinInt64) {
		return Amount{}, ErrRange
	}
	return Amount{Minor: product, Currency: a.Currency}, nil
}
