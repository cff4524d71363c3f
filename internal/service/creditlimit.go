package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// LimitCredit lets a wallet go below zero in a currency, so far and no further (decisions.md 12); an amount of zero
// ends that. Less than before is only told, unless agreed. It fails with Forbidden, NotFound, InvalidParameters and,
// where the wallet is further below zero, InvalidState.
func (s *Service) LimitCredit(ctx context.Context, c wallet.Caller, id int64, limit money.Amount, agreed bool) (Changed[money.Amount], error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return Changed[money.Amount]{}, err
	}
	refused := wallet.FieldErrors{}
	if limit.Minor < 0 {
		refused.Refuse("amount", "must be zero or more")
	}
	if !slices.Contains(s.Currencies, limit.Currency) {
		refused.Refuse("currency", "%q is not one of the currencies of this server", limit.Currency)
	}
	if err := refused.Err(); err != nil {
		return Changed[money.Amount]{}, err
	}
	w, err := s.db.Wallet(ctx, id)
	if err != nil {
		return Changed[money.Amount]{}, err
	}
	if w == nil {
		return Changed[money.Amount]{}, noSuch(walletObject, id)
	}
	account := ledger.WalletAccount(id, limit.Currency)
	return moneyAs(ctx, s, c, store.Needs{Accounts: []ledger.Key{account}}, func(m *store.MoneyTx) (Changed[money.Amount], error) {
		now, err := m.Account(account)
		if err != nil {
			return Changed[money.Amount]{}, err
		}
		changed := Changed[money.Amount]{Before: money.Amount{Minor: now.CreditLimit, Currency: limit.Currency}, After: limit}
		if now.Available < -limit.Minor {
			below := money.Amount{Minor: -now.Available, Currency: limit.Currency}
			return Changed[money.Amount]{}, wallet.Errorf(wallet.InvalidState, "wallet %d is %s below zero: put so much into it first.", id, below)
		}
		if limit.Minor < now.CreditLimit {
			changed.Losses = []string{fmt.Sprintf("the credit limit of wallet %d goes from %s to %s", id, changed.Before, limit)}
		}
		if changed.Planned = len(changed.Losses) > 0 && !agreed; changed.Planned {
			return changed, nil
		}
		if changed.Before != changed.After {
			type limit struct{ CreditLimit string }
			m.Audit(auditEntry(c, "credit limit", walletObject, id, limit{changed.Before.String()}, limit{changed.After.String()}))
		}
		return changed, m.SetCreditLimit(account, limit.Minor)
	})
}
