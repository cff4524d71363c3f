package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// checkPair refuses currencies that no rate can be of.
func (s *Service) checkPair(refused wallet.FieldErrors, base, quote string) {
	for field, currency := range map[string]string{"base": base, "quote": quote} {
		if !slices.Contains(s.Currencies, money.Currency(currency)) {
			refused.Refuse(field, "%q is not one of the currencies of this server", currency)
		}
	}
	if base == quote {
		refused.Refuse("quote", "is the same currency")
	}
}

// ListRates returns all rates that are set, by currencies. It fails with Forbidden.
func (s *Service) ListRates(ctx context.Context, c wallet.Caller) (wallet.Rates, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	return s.db.Rates(ctx)
}

// SetRate says what one of a currency is worth in another from now on, in the place of what was said before. The other direction
// goes by the inverse, unless that is set too; two rates by which changing there and back makes money are refused. It returns
// the rate as it was kept, and fails with Forbidden and InvalidParameters.
func (s *Service) SetRate(ctx context.Context, c wallet.Caller, base, quote, text string) (wallet.Rate, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return wallet.Rate{}, err
	}
	refused := wallet.FieldErrors{}
	s.checkPair(refused, base, quote)
	canonical, ok := wallet.ParseRate(text)
	if !ok {
		refused.Refuse("rate", "must be a decimal number above zero, such as 1.0875, with at most 9 digits before the point and 12 after it")
	}
	if err := refused.Err(); err != nil {
		return wallet.Rate{}, err
	}
	rate := wallet.Rate{Base: money.Currency(base), Quote: money.Currency(quote), Text: canonical, UpdatedAt: s.BusinessClock()}
	err := s.operate(ctx, c, func(tx *store.Tx) error {
		rates, err := tx.Rates()
		if err != nil {
			return err
		}
		if back := rates.Set(rate.Quote, rate.Base); back != nil && !rate.Inverts(*back) {
			return wallet.FieldError("rate", "together with %s, which one %s is worth in %s, it would make money of changing there and back: change or remove that one first",
				back.Text, back.Base, back.Quote)
		}
		var before any
		if was := rates.Set(rate.Base, rate.Quote); was != nil {
			before = auditedRate(*was)
		}
		if err := s.audit(tx, c, "set", rateObject, 0, before, auditedRate(rate)); err != nil {
			return err
		}
		return tx.SetRate(rate)
	})
	if err != nil {
		return wallet.Rate{}, err
	}
	return rate, nil
}

// rateChange is a rate in the audit trail, in one text: what is the same before and after is not kept there.
type rateChange struct{ Rate string }

func auditedRate(r wallet.Rate) rateChange {
	return rateChange{fmt.Sprintf("1 %s is %s %s", r.Base, r.Text, r.Quote)}
}

// RemoveRate takes a rate away, where agreed; otherwise it only returns which. It fails with Forbidden, InvalidParameters and, where
// none was set in that direction, NotFound.
func (s *Service) RemoveRate(ctx context.Context, c wallet.Caller, base, quote string, agreed bool) (wallet.Rate, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return wallet.Rate{}, err
	}
	var removed wallet.Rate
	err := s.operate(ctx, c, func(tx *store.Tx) error {
		rates, err := tx.Rates()
		if err != nil {
			return err
		}
		set := rates.Set(money.Currency(base), money.Currency(quote))
		if set == nil {
			return wallet.Errorf(wallet.NotFound, "no rate is set from %s to %s.", base, quote)
		}
		if removed = *set; !agreed {
			return nil
		}
		if err := s.audit(tx, c, "remove", rateObject, 0, auditedRate(*set), nil); err != nil {
			return err
		}
		return tx.DropRate(*set)
	})
	if err != nil {
		return wallet.Rate{}, err
	}
	return removed, nil
}

// noRate says that there is none, and who sets it.
func noRate(from, to money.Currency) error {
	return wallet.Errorf(wallet.NotFound, "there is no rate between %s and %s: the operator sets it.", from, to)
}

// amountsOf works out both sides of a conversion at the rate of now: where the first is given, the other one is rounded down, and
// where the second is, the first is rounded up. It fails with InvalidParameters and NotFound.
func (s *Service) amountsOf(ctx context.Context, from, to money.Amount) (pays, gets money.Amount, err error) {
	rates, err := s.db.Rates(ctx)
	if err != nil {
		return pays, gets, err
	}
	rate := rates.Between(from.Currency, to.Currency, s.Currencies)
	if rate == nil {
		return pays, gets, noRate(from.Currency, to.Currency)
	}
	ok, field := true, "from_amount"
	if pays, gets = from, to; to.Minor == 0 {
		gets, ok = wallet.Worth(from, rate, to.Currency)
	} else {
		field = "to_amount"
		pays, ok = wallet.Cost(to, rate, from.Currency)
	}
	switch {
	case !ok:
		return pays, gets, wallet.FieldError(field, "is too much to be converted")
	case gets.Minor == 0:
		return pays, gets, wallet.FieldError(field, "is worth less than the smallest amount of %s", to.Currency)
	}
	return pays, gets, nil
}
