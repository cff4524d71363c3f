package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Limits are what bounds the payments of a user, or those out of a wallet.
type Limits struct{ Limits []wallet.SpendingLimit }

// LimitUser sets limits of what a user pays; each takes the place of one of the same kind, currency and time.
// Clear takes away all that there are first, which is only told, unless agreed. It fails with Forbidden,
// NotFound and InvalidParameters.
func (s *Service) LimitUser(ctx context.Context, c wallet.Caller, user int64, clear bool, limits []wallet.SpendingLimit, agreed bool) (Changed[Limits], error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return Changed[Limits]{}, err
	}
	return s.limit(ctx, c, userObject, user, clear, limits, agreed,
		func(tx *store.Tx) (*Limits, error) {
			kind, err := tx.UserType(user)
			if err != nil || kind == "" {
				return nil, err
			}
			now, err := tx.SpendingLimits(user)
			return &Limits{now}, err
		},
		func(tx *store.Tx, limits []wallet.SpendingLimit) error { return tx.SetSpendingLimits(user, limits) })
}

// LimitWallet sets limits of what is paid out of a wallet, whoever pays; otherwise like LimitUser.
func (s *Service) LimitWallet(ctx context.Context, c wallet.Caller, id int64, clear bool, limits []wallet.SpendingLimit, agreed bool) (Changed[Limits], error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return Changed[Limits]{}, err
	}
	return s.limit(ctx, c, walletObject, id, clear, limits, agreed,
		func(tx *store.Tx) (*Limits, error) {
			owner, err := tx.WalletOwner(id)
			if err != nil || owner == 0 {
				return nil, err
			}
			now, err := tx.WalletLimits(id)
			return &Limits{now}, err
		},
		func(tx *store.Tx, limits []wallet.SpendingLimit) error { return tx.SetWalletLimits(id, limits) })
}

// limit changes the limits of a user or a wallet, which load finds and write stores.
func (s *Service) limit(ctx context.Context, c wallet.Caller, object string, id int64, clear bool, limits []wallet.SpendingLimit, agreed bool,
	load func(*store.Tx) (*Limits, error), write func(*store.Tx, []wallet.SpendingLimit) error,
) (Changed[Limits], error) {
	if err := s.checkLimits(limits); err != nil {
		return Changed[Limits]{}, err
	}
	return alter(ctx, s, c, object, id, agreed, load,
		func(_ *store.Tx, now Limits) (Limits, []string, error) {
			after := now.with(limits)
			if clear {
				after = Limits{}.with(limits)
			}
			return after, lossesOfLimits(now, after), nil
		},
		func(tx *store.Tx, before, after Limits) error {
			if same(before, after) {
				return nil
			}
			return write(tx, after.Limits)
		})
}

// alike says whether one limit takes the place of another.
func alike(a, b wallet.SpendingLimit) bool {
	return a.Kind == b.Kind && a.Amount.Currency == b.Amount.Currency && a.Within == b.Within
}

// with are the limits with some set.
func (l Limits) with(more []wallet.SpendingLimit) Limits {
	all := slices.Clone(l.Limits)
	for _, limit := range more {
		if i := slices.IndexFunc(all, func(other wallet.SpendingLimit) bool { return alike(limit, other) }); i >= 0 {
			all[i] = limit
		} else {
			all = append(all, limit)
		}
	}
	return Limits{all}
}

// checkLimits refuses what cannot bound a payment.
func (s *Service) checkLimits(limits []wallet.SpendingLimit) error {
	refused := wallet.FieldErrors{}
	for _, l := range limits {
		if l.Kind != wallet.OrdinaryLimit && l.Kind != wallet.TemporaryLimit {
			refused.Refuse("kind", "%q is not limit or restriction", l.Kind)
		}
		if !slices.Contains(s.Currencies, l.Amount.Currency) {
			refused.Refuse("currency", "%q is not one of the currencies of this server", l.Amount.Currency)
		}
		if l.Amount.Minor < 0 {
			refused.Refuse("amount", "must not be below zero; zero lets nothing be paid")
		}
		if l.Within < 0 || l.Within%time.Second != 0 {
			refused.Refuse("within", "must be whole seconds, and not below zero")
		}
	}
	return refused.Err()
}

// lossesOfLimits are the limits that bound nothing any more.
func lossesOfLimits(before, after Limits) (losses []string) {
	for _, was := range before.Limits {
		if slices.ContainsFunc(after.Limits, func(is wallet.SpendingLimit) bool { return alike(was, is) }) {
			continue
		}
		within := "in each payment"
		if was.Within > 0 {
			within = "within " + strings.TrimSuffix(strings.TrimSuffix(was.Within.String(), "0s"), "0m")
		}
		losses = append(losses, fmt.Sprintf("the %s of %s %s no longer holds", was.Kind, was.Amount, within))
	}
	return losses
}
