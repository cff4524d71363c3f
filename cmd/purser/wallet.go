package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/money"
)

// newWallet is `purser wallet`: what an operator does to wallets.
func newWallet(p *program) *cobra.Command {
	command := &cobra.Command{Use: "wallet", Short: "Make, show and change wallets; put money into them by hand, and take it out"}
	command.AddCommand(newWalletManagement(p)...)
	command.AddCommand(
		newMovement(p, "credit", "Put money into a wallet by hand", "puts %s into wallet %d, against the account %q"),
		newMovement(p, "debit", "Take money out of a wallet by hand", "takes %s out of wallet %d, against the account %q"),
	)
	return command
}

func newMovement(p *program, name, short, planned string) *cobra.Command {
	var reason string
	command := &cobra.Command{
		Use:   name + " WALLET AMOUNT CURRENCY",
		Short: short,
		Long: short + ", in double entry against the system account \"funding\", which stands for the world\n" +
			"outside. Without --apply it only says what it would do. A server that runs on the same data folder\n" +
			"keeps running and does it itself.",
		Example: "  purser wallet " + name + " 14471 25.00 EUR --reason \"Cash at the counter\" --apply",
		Args:    cobra.ExactArgs(3),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&reason, "reason", "", "why; kept in the ledger")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "wallet")
		if err != nil {
			return err
		}
		amount, err := parseAmount(v.args[1], v.args[2])
		if err != nil {
			return err
		}
		plan := moved{Wallet: id, Amount: amount.Decimal(), Currency: amount.Currency}
		if !v.applies() {
			if _, err := ask[struct{}](v, fmt.Sprintf("wallet/%d/%s/plan", id, name), wireMovement(amount, reason)); err != nil {
				return err
			}
			return v.answer(plan, func(p *page) { p.line("This "+planned+". "+notDone, amount, id, "funding") })
		}
		done, err := ask[receipt](v, fmt.Sprintf("wallet/%d/%s", id, name), wireMovement(amount, reason))
		if err != nil {
			return err
		}
		plan.Applied, plan.Entry, plan.Available = true, done.Entry, done.Available
		return v.answer(plan, func(p *page) { p.line("entry %d: wallet %d has %s available", done.Entry, id, done.Available) })
	})
}

// moved is the answer of a credit or a debit in JSON.
type moved struct {
	Applied  bool           `json:"applied"`
	Wallet   int64          `json:"wallet_id"`
	Amount   string         `json:"amount"`
	Currency money.Currency `json:"currency"`
	// Entry and Available are those of a movement that was done.
	Entry     int64  `json:"entry,omitempty"`
	Available string `json:"available,omitempty"`
}

func wireMovement(amount money.Amount, reason string) movement {
	return movement{Amount: amount.Decimal(), Currency: amount.Currency, Reason: reason}
}
