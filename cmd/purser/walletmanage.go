package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// newWalletManagement are the commands of `purser wallet` that do not move money.
func newWalletManagement(p *program) []*cobra.Command {
	return []*cobra.Command{newWalletCreate(p), newWalletList(p), newShow[walletDetails](p, "wallet", "Show a wallet with what it holds"),
		newWalletUpdate(p), newWalletLimit(p), newCreditLimit(p)}
}

// walletAnswer is a wallet in JSON.
type walletAnswer struct {
	ID               int64  `json:"id"`
	Owner            int64  `json:"owner"`
	OwnerDisplayName string `json:"owner_display_name"`
	AccountNumber    string `json:"account_number"`
	Description      string `json:"description,omitempty"`
	// Status is active or inactive.
	Status string `json:"status"`
	// Projects are those whose payments go there.
	Projects []int64 `json:"projects"`
}

func walletToAnswer(w wallet.Wallet) walletAnswer {
	return walletAnswer{w.ID, w.OwnerID, w.OwnerDisplayName, w.AccountNumber, w.Description, statusOf(w), list(w.Projects)}
}

// inactive is the status of a wallet that is out of use.
const inactive = "inactive"

func statusOf(w wallet.Wallet) string {
	if w.Inactive {
		return inactive
	}
	return "active"
}

// fundsAnswer is what a wallet holds in one currency, as decimal text.
type fundsAnswer struct {
	Currency  string `json:"currency"`
	Available string `json:"available"`
	Reserved  string `json:"reserved"`
}

// walletDetails is all about a wallet in JSON.
type walletDetails struct {
	walletAnswer
	Funds  []fundsAnswer `json:"funds"`
	Limits []limitAnswer `json:"limits"`
}

// walletSpec is a wallet to be made.
type walletSpec struct {
	ID          int64  `json:"id"`
	Owner       int64  `json:"owner"`
	Description string `json:"description"`
}

func newWalletCreate(p *program) *cobra.Command {
	var n walletSpec
	command := &cobra.Command{
		Use:     "create",
		Short:   "Make an empty wallet of a user",
		Example: "  purser wallet create --owner 8 --description Main",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Int64Var(&n.Owner, "owner", 0, "`user` whose it is")
		flags.StringVar(&n.Description, "description", "", "what it is for")
		flags.Int64Var(&n.ID, "id", 0, "`number` to take rather than the next free one")
	}
	command = newVerb(p, command, bind, func(v *verb) error {
		made, err := ask[createdAnswer](v, "wallet/create", n)
		if err != nil {
			return err
		}
		return v.answer(made, func(p *page) { p.line("Wallet %d of user %d was made.", made.ID, n.Owner) })
	})
	needs(command, "owner")
	return command
}

// walletListAnswer is a page of wallets in JSON.
type walletListAnswer struct {
	Wallets []walletAnswer `json:"wallets"`
	Total   int            `json:"total"`
	paging
}

func newWalletList(p *program) *cobra.Command {
	var q ownerQuery
	command := &cobra.Command{Use: "list", Short: "List wallets", Args: cobra.NoArgs}
	return newVerb(p, command, q.bind, func(v *verb) error {
		found, err := ask[walletListAnswer](v, "wallet/list", q)
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Wallets) == 0 {
				p.line("There are no such wallets.")
				return
			}
			writeWallets(p, found.Wallets)
			p.rest(len(found.Wallets), found.Total, found.paging)
		})
	})
}

func writeWallets(p *page, wallets []walletAnswer) {
	var rows [][]string
	for _, w := range wallets {
		rows = append(rows, []string{number(w.ID), w.AccountNumber, fmt.Sprintf("%d %s", w.Owner, w.OwnerDisplayName), w.Description, words(w.Projects)})
	}
	p.table([]string{"WALLET", "ACCOUNT", "OWNER", "DESCRIPTION", "PROJECTS"}, rows)
}

// write shows a wallet for people.
func (d walletDetails) write(p *page) {
	p.fields(
		"id", number(d.ID), "account", d.AccountNumber, "owner", fmt.Sprintf("%d %s", d.Owner, d.OwnerDisplayName),
		"description", d.Description, "status", d.Status, "projects", words(d.Projects),
	)
	if len(d.Limits) > 0 {
		p.line("")
		writeLimits(p, d.Limits)
	}
	p.line("")
	if len(d.Funds) == 0 {
		p.line("It never held anything.")
		return
	}
	var rows [][]string
	for _, f := range d.Funds {
		rows = append(rows, []string{f.Currency, f.Available, f.Reserved})
	}
	p.table([]string{"CURRENCY", "AVAILABLE", "RESERVED"}, rows)
}

// walletEdit is a change as the command line gives it; what is nil stays.
type walletEdit struct {
	ID          int64   `json:"id"`
	Description *string `json:"description"`
	Status      *string `json:"status"`
	Apply       bool    `json:"apply"`
}

func newWalletUpdate(p *program) *cobra.Command {
	var description, status string
	command := &cobra.Command{
		Use:     "update WALLET",
		Short:   "Change a wallet's description, or take it out of use",
		Long:    "Changes what a wallet is described as, and whether it is in use; its owner and account number stay. " + updateHelp,
		Example: "  purser wallet update 12 --description Savings\n  purser wallet update 12 --status inactive --apply",
		Args:    cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&description, "description", "", "what it is for; empty for nothing")
		flags.StringVar(&status, "status", "", "`active`, or inactive: nothing is paid into it or out of it")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "wallet")
		if err != nil {
			return err
		}
		if err := v.namesChange(); err != nil {
			return err
		}
		e := walletEdit{ID: id, Description: value(v, "description", &description), Status: value(v, "status", &status), Apply: v.applies()}
		done, err := ask[changeAnswer[walletAnswer]](v, "wallet/update", e)
		if err != nil {
			return err
		}
		return answerChange(v, done)
	})
}

// walletVerbs answer the verbs on wallets that do not move money.
func walletVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "wallet/create", func(ctx context.Context, c wallet.Caller, n walletSpec) (createdAnswer, error) {
		id, err := s.CreateWallet(ctx, c, wallet.Wallet{ID: n.ID, OwnerID: n.Owner, Description: n.Description})
		return createdAnswer{id}, err
	})
	handleVerb(mux, "wallet/list", func(ctx context.Context, c wallet.Caller, q ownerQuery) (walletListAnswer, error) {
		if err := q.check(); err != nil {
			return walletListAnswer{}, err
		}
		found, total, err := s.ListWallets(ctx, c, q.filter())
		answer := walletListAnswer{Wallets: []walletAnswer{}, Total: total, paging: q.paging}
		for _, w := range found {
			answer.Wallets = append(answer.Wallets, walletToAnswer(w))
		}
		return answer, err
	})
	handleVerb(mux, "wallet/show", func(ctx context.Context, c wallet.Caller, q idQuery) (walletDetails, error) {
		d, err := s.InspectWallet(ctx, c, q.ID)
		a := walletDetails{walletAnswer: walletToAnswer(d.Wallet), Funds: []fundsAnswer{}, Limits: limitsToAnswer(d.Limits)}
		for _, f := range d.Funds {
			a.Funds = append(a.Funds, fundsAnswer{string(f.Available.Currency), f.Available.Decimal(), f.Reserved.Decimal()})
		}
		return a, err
	})
	handleVerb(mux, "wallet/update", func(ctx context.Context, c wallet.Caller, e walletEdit) (changeAnswer[walletAnswer], error) {
		change := service.WalletChange{Description: e.Description}
		if e.Status != nil {
			if *e.Status != inactive && *e.Status != "active" {
				return changeAnswer[walletAnswer]{}, wallet.FieldError("status", "must be active or inactive")
			}
			out := *e.Status == inactive
			change.Inactive = &out
		}
		changed, err := s.UpdateWallet(ctx, c, e.ID, change, e.Apply)
		return changeToAnswer(changed, walletToAnswer), err
	})
}
