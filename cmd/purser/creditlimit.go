package main

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// creditEdit sets how far a wallet may go below zero.
type creditEdit struct {
	ID int64 `json:"id"`
	// Amount is decimal text.
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Apply    bool   `json:"apply"`
}

// creditAnswer is a credit limit in JSON.
type creditAnswer struct {
	Limit    string         `json:"limit"`
	Currency money.Currency `json:"currency"`
}

func newCreditLimit(p *program) *cobra.Command {
	var e creditEdit
	command := &cobra.Command{
		Use:   "credit-limit WALLET AMOUNT CURRENCY",
		Short: "Let a wallet go below zero, so far",
		Long: "Sets how far a wallet may go below zero in a currency; it cannot without. An amount of 0 ends that. A lower\n" +
			"limit than before needs --apply, and is refused while the wallet is further below zero.",
		Example: "  purser wallet credit-limit 2112 500.00 EUR\n  purser wallet credit-limit 2112 0 EUR --apply",
		Args:    cobra.ExactArgs(3),
	}
	return newVerb(p, command, applyFlag, func(v *verb) (err error) {
		if e.ID, err = v.id(0, "wallet"); err != nil {
			return err
		}
		e.Amount, e.Currency, e.Apply = v.args[1], v.args[2], v.applies()
		done, err := ask[changeAnswer[creditAnswer]](v, "wallet/credit-limit", e)
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) {
			if !done.Applied {
				p.line("That would take something away:")
				for _, taken := range done.Takes {
					p.line("  %s", taken)
				}
				p.line(notDone)
				return
			}
			p.line("Wallet %d may go %s %s below zero.", e.ID, done.After.Limit, done.After.Currency)
		})
	})
}

// creditVerbs answer the verb on credit limits.
func creditVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "wallet/credit-limit", func(ctx context.Context, c wallet.Caller, e creditEdit) (changeAnswer[creditAnswer], error) {
		limit, err := parseAmount(e.Amount, e.Currency)
		if err != nil {
			return changeAnswer[creditAnswer]{}, err
		}
		changed, err := s.LimitCredit(ctx, c, e.ID, limit, e.Apply)
		return changeToAnswer(changed, func(a money.Amount) creditAnswer { return creditAnswer{a.Decimal(), a.Currency} }), err
	})
}
