package wallet

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/money"
)

// Rate is what one of a currency is worth in another, as the operator set it.
type Rate struct {
	// One of Base is worth Text of Quote.
	Base, Quote money.Currency
	// Text is a decimal number above zero without needless digits, such as 1.0875: never a float.
	Text      string
	UpdatedAt time.Time
}

// rateText bounds a rate before anything works with it.
var rateText = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,12})?$`)

// ParseRate reads a rate as a person writes it, and returns its text without needless digits. ok is false for what is
// not a decimal number above zero with at most nine digits before the point and twelve after it.
func ParseRate(text string) (canonical string, ok bool) {
	if !rateText.MatchString(text) {
		return "", false
	}
	whole, fraction, _ := strings.Cut(text, ".")
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	switch {
	case whole+fraction == "":
		return "", false
	case whole == "":
		whole = "0"
	}
	if fraction == "" {
		return whole, true
	}
	return whole + "." + fraction, true
}

// exact is the rate as a fraction; ok is false where the text is none.
func (r Rate) exact() (*big.Rat, bool) {
	if !rateText.MatchString(r.Text) {
		return nil, false
	}
	value, ok := new(big.Rat).SetString(r.Text)
	return value, ok && value.Sign() > 0
}

// Inverts says whether both rates together let nobody gain by going there and back: their product is one at most.
func (r Rate) Inverts(back Rate) bool {
	there, ok1 := r.exact()
	and, ok2 := back.exact()
	return ok1 && ok2 && there.Mul(there, and).Cmp(big.NewRat(1, 1)) <= 0
}

// Rates are all that are set.
type Rates []Rate

// Set returns the rate that was set for exactly these currencies in this direction; nil where none was.
func (r Rates) Set(base, quote money.Currency) *Rate {
	if i := slices.IndexFunc(r, func(one Rate) bool { return one.Base == base && one.Quote == quote }); i >= 0 {
		return &r[i]
	}
	return nil
}

// pair is what one of a currency is worth in another by a rate that was set in this direction or, where none was, the
// inverse of that of the other; nil where neither was.
func (r Rates) pair(from, to money.Currency) *big.Rat {
	if set := r.Set(from, to); set != nil {
		if value, ok := set.exact(); ok {
			return value
		}
	}
	if set := r.Set(to, from); set != nil {
		if value, ok := set.exact(); ok {
			return value.Inv(value)
		}
	}
	return nil
}

// Between is what one of a currency is worth in another: one for the same; by the rate of the two; or through one other
// currency, the first in the order given that has a rate with both. It is nil where there is no rate.
func (r Rates) Between(from, to money.Currency, through []money.Currency) *big.Rat {
	if from == to {
		return big.NewRat(1, 1)
	}
	if direct := r.pair(from, to); direct != nil {
		return direct
	}
	for _, middle := range through {
		if middle == from || middle == to {
			continue
		}
		first, second := r.pair(from, middle), r.pair(middle, to)
		if first != nil && second != nil {
			return first.Mul(first, second)
		}
	}
	return nil
}

// minors is one minor unit of a currency as a part of the whole.
func minors(c money.Currency) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Digits())), nil))
}

// Worth is what an amount is worth in another currency at a rate, rounded down to a minor unit: whoever gives the amount
// gets at most that. ok is false where it does not fit.
func Worth(a money.Amount, rate *big.Rat, to money.Currency) (worth money.Amount, ok bool) {
	exact := exchanged(a, rate, to)
	// Div rounds down, below zero as well, since the denominator is above zero.
	return fitting(new(big.Int).Div(exact.Num(), exact.Denom()), to)
}

// Cost is what has to be given in another currency to get an amount at a rate, rounded up to a minor unit. The rate is what
// one of that currency is worth in the amount's. ok is false where it does not fit.
func Cost(a money.Amount, rate *big.Rat, from money.Currency) (cost money.Amount, ok bool) {
	exact := exchanged(a, new(big.Rat).Inv(rate), from)
	down := new(big.Int).Div(new(big.Int).Neg(exact.Num()), exact.Denom())
	return fitting(down.Neg(down), from)
}

// exchanged is an amount in minor units of another currency, exactly.
func exchanged(a money.Amount, rate *big.Rat, to money.Currency) *big.Rat {
	exact := new(big.Rat).SetInt64(a.Minor)
	exact.Mul(exact, minors(a.Currency))
	exact.Mul(exact, rate)
	return exact.Quo(exact, minors(to))
}

// fitting is a count of minor units as an amount that the wire's cents can tell.
func fitting(minor *big.Int, c money.Currency) (money.Amount, bool) {
	if !minor.IsInt64() {
		return money.Amount{}, false
	}
	a := money.Amount{Minor: minor.Int64(), Currency: c}
	_, err := a.Cents()
	return a, err == nil
}
