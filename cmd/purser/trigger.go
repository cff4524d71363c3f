package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Who plays the parts of a triggered event: the shop asks for money in its first project, and the payer answers on the page.
const (
	triggerProject = 1221
	triggerPayer   = "payer"
)

// triggers are what leads to each event of docs/callbacks.md: how the shop asks. All but one are accepted by the payer.
var triggers = map[wallet.TransactionStatus]func(n *walletapi.NewTransaction){
	wallet.TransactionReserved:  func(*walletapi.NewTransaction) {},
	wallet.TransactionConfirmed: func(n *walletapi.NewTransaction) { n.AutoConfirm = true },
	wallet.TransactionRejected:  func(*walletapi.NewTransaction) {},
	// The money is held for a second, and given back.
	wallet.TransactionFailed: func(n *walletapi.NewTransaction) { n.Reserve = walletapi.For(time.Second) },
	// More than the payer has, and too little for anybody to mind that they are asked.
	wallet.WaitingFunds: func(n *walletapi.NewTransaction) { n.Payments[0].Price = 100_000_000 },
	wallet.WaitingRegistration: func(n *walletapi.NewTransaction) {
		n.Payments[0].Beneficiary = &walletapi.Beneficiary{Email: "not-registered@example.com"}
	},
	wallet.WaitingPassword: func(n *walletapi.NewTransaction) {
		n.Payments[0].Password = &walletapi.NewPaymentPassword{Type: "generated"}
	},
}

// triggerNames are the events that can be triggered, sorted.
func triggerNames() []string {
	var names []string
	for status := range maps.Keys(triggers) {
		names = append(names, "transaction."+string(status))
	}
	slices.Sort(names)
	return names
}

// triggered is what was done for an event, in JSON.
type triggered struct {
	Event       string `json:"event"`
	Transaction string `json:"transaction_key"`
}

func newTrigger(p *program) *cobra.Command {
	var to string
	command := &cobra.Command{
		Use:   "trigger EVENT",
		Short: "Have a sandbox's payer do what leads to a callback",
		Long: "Makes a payment in a running `purser dev` and has the payer of the sample world answer it, so that the event happens and\n" +
			"its callback leaves. Events:\n\n  " + strings.Join(triggerNames(), "\n  ") + "\n\n" +
			"The shop asks in project 1221. transaction.failed comes some two seconds later, and transaction.reserved before it.",
		Example: "  purser trigger transaction.confirmed\n  purser trigger transaction.rejected --callback-uri http://localhost:3000/hook",
		Args:    cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&to, "callback-uri", "", "`address` that the callback goes to; without it the project's, or `purser listen`")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		name, _ := strings.CutPrefix(v.args[0], "transaction.")
		shape, known := triggers[wallet.TransactionStatus(name)]
		if !known {
			return fmt.Errorf("%q is not an event that can be triggered: there are %s", v.args[0], strings.Join(triggerNames(), ", "))
		}
		shop, err := v.credentials(v.config.data, defaultClient)
		if err != nil {
			return err
		}
		order := walletapi.NewTransaction{
			CallbackURI: walletapi.CallbackURI{URI: to},
			Payments:    []walletapi.NewPayment{{Price: 1, Currency: "EUR", Description: "purser trigger " + v.args[0]}},
		}
		shape(&order)
		made, err := shop.InProject(triggerProject).CreateTransaction(v.ctx, order)
		if err != nil {
			return unreachable(err)
		}
		answer := payerAnswer{Key: made.TransactionKey, No: name == string(wallet.TransactionRejected)}
		if _, err := ask[struct{}](v, "trigger/answer", answer); err != nil {
			return err
		}
		done := triggered{"transaction." + name, made.TransactionKey}
		return v.answer(done, func(p *page) {
			p.line("%s of %s", done.Event, done.Transaction)
		})
	})
}

// payerAnswer has the payer of the sample world answer a transaction on the page.
type payerAnswer struct {
	Key string `json:"transaction_key"`
	No  bool   `json:"no"`
}

// answer does what the payer does on the page.
func (b *toolbox) answer(ctx context.Context, a payerAnswer) error {
	world, err := b.names()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(world.Users, func(u sandbox.User) bool { return u.Name == triggerPayer })
	if at < 0 {
		return errNoPayer
	}
	payer := world.Users[at]
	person := wallet.Caller{Kind: wallet.ByPerson, Person: payer.ID, From: itself.From}
	if a.No {
		_, err = b.service.RejectTransaction(ctx, person, a.Key)
	} else {
		_, err = b.service.ApproveTransaction(ctx, person, a.Key, service.Approval{WalletID: payer.Wallets[0], PIN: secret.Text(payer.PIN)})
	}
	return err
}
