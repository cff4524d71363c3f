package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/store"
)

// verifiedAnswer is what was verified, in JSON, with the first difference where there is one.
type verifiedAnswer struct {
	Right        bool              `json:"right"`
	Accounts     int64             `json:"accounts"`
	Entries      int64             `json:"entries"`
	Transactions int64             `json:"transactions"`
	Payments     int64             `json:"payments"`
	Difference   *differenceAnswer `json:"difference,omitempty"`
}

type differenceAnswer struct {
	Of       string `json:"of"`
	What     string `json:"what"`
	Stored   string `json:"stored"`
	Computed string `json:"computed"`
}

// newVerify is `purser verify`: are the books right?
func newVerify(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "verify",
		Short: "Recompute all balances and reservations from the journal",
		Long: "Recomputes every balance and every reservation from the journal, follows each account's chain of entries, and\n" +
			"compares transactions and payments with what was moved for them. It changes nothing, needs no key, and may run beside\n" +
			"a server. The first difference ends it, with exit status 1.",
		Example: "  purser verify --data /var/lib/purser\n  purser verify --database postgres://purser@db/purser",
		Args:    cobra.NoArgs,
	}
	return newVerb(p, command, nil, func(v *verb) error {
		address := v.config.database
		if address == "" {
			path := filepath.Join(v.config.data, dataFile)
			if _, err := os.Stat(path); err != nil {
				return fmt.Errorf("there is no database in %s: name its folder with --data", v.config.data)
			}
			address = "sqlite:" + path
		}
		progress, done := v.progress()
		seen, err := store.Verify(v.ctx, address, progress)
		done()
		a := verifiedAnswer{Right: err == nil, Accounts: seen.Accounts, Entries: seen.Entries, Transactions: seen.Transactions, Payments: seen.Payments}
		var found *store.Difference
		switch {
		case errors.As(err, &found) && v.json:
			a.Difference = &differenceAnswer{found.Of, found.What, found.Stored, found.Computed}
			return errors.Join(v.writeJSON(a), exitStatus(1))
		case found != nil:
			return fmt.Errorf("the books are not right: %w", found)
		case err != nil:
			return err
		}
		return v.answer(a, func(p *page) {
			p.line("The books are right: %d accounts, %d entries, %d transactions and %d payments.", a.Accounts, a.Entries, a.Transactions, a.Payments)
		})
	})
}

// progress shows how far Verify has come, on a terminal; done takes it away.
func (p *program) progress() (show func(store.Progress), done func()) {
	terminal, ok := p.err.(*os.File)
	if !ok || !isTerminal(terminal) {
		return nil, func() {}
	}
	const clear = "\r\x1b[K"
	show = func(at store.Progress) {
		fmt.Fprintf(terminal, "%s%s: %d of %d", clear, at.Stage, at.Done, at.Of)
	}
	return show, func() { io.WriteString(terminal, clear) }
}
