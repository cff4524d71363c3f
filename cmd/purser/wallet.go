package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/money"
)

// newWallet is `purser wallet`: what an operator does to wallets.
func newWallet(p *program) *cobra.Command {
	command := &cobra.Command{Use: "wallet", Short: "Put money into wallets by hand, and take it out"}
	command.AddCommand(
		newMovement(p, "credit", "Put money into a wallet by hand", "puts %s into wallet %d, against the account %q"),
		newMovement(p, "debit", "Take money out of a wallet by hand", "takes %s out of wallet %d, against the account %q"),
	)
	return command
}

func newMovement(p *program, verb, short, plan string) *cobra.Command {
	var c config
	var reason string
	var apply bool
	command := &cobra.Command{
		Use:   verb + " WALLET AMOUNT CURRENCY",
		Short: short,
		Long: short + ", in double entry against the system account \"funding\", which stands for the world\n" +
			"outside. Without --apply it only says what it would do. A server that runs on the same data folder\n" +
			"keeps running and does it itself.",
		Example: "  purser wallet " + verb + " 14471 25.00 EUR --reason \"Cash at the counter\" --apply",
		Args:    cobra.ExactArgs(3),
		RunE: func(command *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || id <= 0 {
				return fmt.Errorf("WALLET must be the number of a wallet, not %q", args[0])
			}
			amount, err := parseAmount(args[1], args[2])
			if err != nil {
				return err
			}
			if !apply {
				fmt.Fprintf(p.out, "This "+plan+". Nothing was done: add --apply to do it.\n", amount, id, "funding")
				return nil
			}
			return p.asOperator(command.Context(), c, func(o *operatorClient) error {
				var done receipt
				path := fmt.Sprintf("/wallet/%d/%s", id, verb)
				if err := o.call(command.Context(), path, wireMovement(amount, reason), &done); err != nil {
					return err
				}
				fmt.Fprintf(p.out, "entry %d: wallet %d has %s available\n", done.Entry, id, done.Available)
				return nil
			})
		},
	}
	settings(p, command, &c, c.common, c.production, func(flags *pflag.FlagSet) {
		flags.StringVar(&reason, "reason", "", "why; kept in the ledger")
		flags.BoolVar(&apply, "apply", false, "do it")
		for _, unused := range []string{"listen", "origin", "clock-skew", "tls-certificate", "tls-key", "behind-proxy", "minimum-password-length"} {
			flags.Lookup(unused).Hidden = true
		}
	})
	return command
}

func wireMovement(amount money.Amount, reason string) movement {
	return movement{Amount: amount.Decimal(), Currency: amount.Currency, Reason: reason}
}
