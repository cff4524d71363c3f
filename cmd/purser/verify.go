package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/store"
)

// verifiedAnswer is what was verified, in JSON, with the first difference where there is one.
type verifiedAnswer struct {
	Right        bool              `json:"right"`
	Accounts     int64             `json:"accounts"`
	Entries      int64             `json:"entries"`
	Transactions int64             `json:"transactions"`
	Payments     int64             `json:"payments"`
	Leaves       int64             `json:"leaves"`
	Difference   *differenceAnswer `json:"difference,omitempty"`
	// Behind says how the log does not go on from a checkpoint that was kept.
	Behind string `json:"behind,omitempty"`
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
			"compares transactions and payments with what was moved for them, and the leaves of the log with all of that. It changes nothing, needs no key, and may run beside\n" +
			"a server. The first difference ends it, with exit status 1.\n\n" +
			"That the books are right does not say that they are the latest: a database that was restored from a backup is right, and behind\n" +
			"what was published since. Name checkpoints that were kept (GET /log/checkpoint) with --checkpoint, and it says so.",
		Example: "  purser verify --data /var/lib/purser\n  purser verify --database postgres://purser@db/purser\n  purser verify --export ledger.txt --key PUBLIC-KEY",
		Args:    cobra.NoArgs,
	}
	var export string
	var keys, checkpoints []string
	var allowWaiting bool
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&export, "export", "", "check an exported ledger instead, offline: the `file` that purser log export wrote")
		flags.StringSliceVar(&keys, "key", nil, "with --export: a public `key` that you trust; one that signed must be among them")
		flags.StringSliceVar(&checkpoints, "checkpoint", nil, "a checkpoint of the log that was kept, as a `file`: the log must go on from it")
		flags.BoolVar(&allowWaiting, "allow-waiting", false, "with --export: let leaves pass that were not in the log yet, and that nobody has signed")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		if export != "" {
			if len(checkpoints) > 0 {
				return errors.New("--checkpoint is about the database: leave it out with --export, or check with purser log consistency")
			}
			return v.verifyExport(export, allowWaiting, keys)
		}
		address, err := v.address()
		if err != nil {
			return err
		}
		kept, err := keptCheckpoints(checkpoints)
		if err != nil {
			return err
		}
		progress, done := v.progress()
		seen, err := store.Verify(v.ctx, address, progress, kept...)
		done()
		a := verifiedAnswer{Right: err == nil, Accounts: seen.Accounts, Entries: seen.Entries, Transactions: seen.Transactions, Payments: seen.Payments, Leaves: seen.Leaves}
		var found *store.Difference
		var behind *store.Behind
		switch {
		case errors.As(err, &behind) && v.json:
			a.Behind = behind.Error()
			return errors.Join(v.writeJSON(a), exitStatus(1))
		case behind != nil:
			return fmt.Errorf("the books are right by themselves, and not what was published: %w", behind)
		case errors.As(err, &found) && v.json:
			a.Difference = &differenceAnswer{found.Of, found.What, found.Stored, found.Computed}
			return errors.Join(v.writeJSON(a), exitStatus(1))
		case found != nil:
			return fmt.Errorf("the books are not right: %w", found)
		case err != nil:
			return err
		}
		return v.answer(a, func(p *page) {
			p.line("The books are right: %d accounts, %d entries, %d transactions, %d payments and %d leaves of the log.",
				a.Accounts, a.Entries, a.Transactions, a.Payments, a.Leaves)
			switch {
			case len(kept) > 0:
				p.line("The log goes on from each checkpoint that was named.")
			case a.Leaves > 0:
				p.line("Whether they are the latest, or a backup that is behind what was published, only a checkpoint that was kept can tell: --checkpoint.")
			}
		})
	})
}

// keptCheckpoints reads checkpoints that somebody has kept.
func keptCheckpoints(files []string) (all []store.KeptCheckpoint, err error) {
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var k store.KeptCheckpoint
		if k.Origin, k.Tree, err = merkle.ParseCheckpoint(text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, k)
	}
	return all, nil
}

// ledgerAnswer is what an exported ledger holds, in JSON, with its first fault where there is one.
type ledgerAnswer struct {
	Right        bool         `json:"right"`
	Origin       string       `json:"origin"`
	Keys         []string     `json:"public_keys"`
	Leaves       int64        `json:"leaves"`
	Waiting      int64        `json:"waiting"`
	Unsigned     int64        `json:"unsigned_rows"`
	Root         string       `json:"root"`
	Entries      int64        `json:"entries"`
	Transactions int64        `json:"transactions"`
	Allowances   int64        `json:"allowances"`
	Accounts     int64        `json:"accounts"`
	Fault        *faultAnswer `json:"fault,omitempty"`
}

type faultAnswer struct {
	Line   int64  `json:"line"`
	Column int64  `json:"column,omitempty"`
	Field  string `json:"field"`
	Is     string `json:"is"`
	Must   string `json:"must"`
}

// verifyExport checks an exported ledger.
func (v *verb) verifyExport(path string, allowWaiting bool, keys []string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	seen, err := merkle.VerifyExport(file, allowWaiting, keys...)
	a := ledgerAnswer{
		Right: err == nil, Origin: seen.Origin, Keys: list(seen.Keys), Leaves: seen.N, Waiting: seen.Waiting, Unsigned: seen.Unsigned, Root: seen.Hash.String(),
		Entries: seen.Entries, Transactions: seen.Transactions, Allowances: seen.Allowances, Accounts: seen.Accounts,
	}
	var fault *merkle.Fault
	switch {
	case errors.As(err, &fault) && v.json:
		a.Fault = &faultAnswer{fault.Line, fault.Column, fault.Field, fault.Is, fault.Must}
		return errors.Join(v.writeJSON(a), exitStatus(1))
	case fault != nil:
		return fmt.Errorf("this is not the ledger that was signed: %w", fault)
	case err != nil:
		return err
	}
	return v.answer(a, func(p *page) {
		p.line("Every byte is as it was signed for %s: %d leaves, %d entries, %d transactions, %d allowances and %d accounts.", a.Origin, a.Leaves, a.Entries, a.Transactions, a.Allowances, a.Accounts)
		if a.Waiting > 0 {
			p.line("%d more leaves were not in the log yet when this was written. Nobody signed them: they are in no balance, and %d transactions and allowances stand as they say.", a.Waiting, a.Unsigned)
		}
		if len(keys) == 0 {
			p.line("The key was taken from the file itself: compare it with one that you have from elsewhere, or name that with --key.")
			for _, key := range a.Keys {
				p.line("  %s", key)
			}
		}
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
