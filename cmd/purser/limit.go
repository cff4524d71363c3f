package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// limitAnswer is a limit of what a user pays, or of what is paid out of a wallet, in JSON.
type limitAnswer struct {
	// Kind is limit, or restriction for one that holds for a while.
	Kind     string `json:"kind"`
	Currency string `json:"currency"`
	// Amount is decimal text.
	Amount string `json:"amount"`
	// Within is in seconds; 0 bounds each payment by itself.
	Within int64 `json:"within"`
}

func limitsToAnswer(limits []wallet.SpendingLimit) []limitAnswer {
	all := []limitAnswer{}
	for _, l := range limits {
		all = append(all, limitAnswer{string(l.Kind), string(l.Amount.Currency), l.Amount.Decimal(), int64(l.Within / time.Second)})
	}
	return all
}

// writeLimits shows limits for people.
func writeLimits(p *page, limits []limitAnswer) {
	var rows [][]string
	for _, l := range limits {
		within := span(time.Duration(l.Within) * time.Second)
		row := []string{l.Kind, l.Amount + " " + l.Currency, "each payment"}
		if l.Within > 0 {
			row[2] = "all within " + within.String()
		}
		rows = append(rows, row)
	}
	p.table([]string{"LIMIT", "AMOUNT", "BOUNDS"}, rows)
}

// limitEdit sets a limit, clears all, or both.
type limitEdit struct {
	ID    int64 `json:"id"`
	Clear bool  `json:"clear"`
	// Amount is decimal text; empty sets no limit.
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
	Within    int64  `json:"within"`
	Temporary bool   `json:"temporary"`
	Apply     bool   `json:"apply"`
}

// limitsChange is what the limits of a user or a wallet are before and after, in JSON.
type limitsChange struct {
	Limits []limitAnswer `json:"limits"`
}

func newUserLimit(p *program) *cobra.Command {
	return newLimit(p, "user", "Bound what a user pays", "Sets a limit of what a user pays,")
}

func newWalletLimit(p *program) *cobra.Command {
	return newLimit(p, "wallet", "Bound what is paid out of a wallet", "Sets a limit of what is paid out of a wallet, whoever pays,")
}

// newLimit is the verb on the limits of users, or of wallets.
func newLimit(p *program, object, short, does string) *cobra.Command {
	title := strings.ToUpper(object[:1]) + object[1:]
	var e limitEdit
	var within span
	command := &cobra.Command{
		Use:   "limit " + strings.ToUpper(object),
		Short: short,
		Long: does + " in the place of one for the same currency and time. Without --within it bounds\n" +
			"each payment, otherwise their sum within that time. A payment beyond it fails with limits_exceeded; beyond a\n" +
			"--temporary one, which restricts a " + object + " for a while, with restriction_limits_exceeded. An amount of 0 lets nothing\n" +
			"be paid. Taking limits away needs --apply; without it the command says what it would do.",
		Example: "  purser " + object + " limit 7 --currency EUR --amount 1000.00 --within 30d\n" +
			"  purser " + object + " limit 7 --currency EUR --amount 0 --temporary\n" +
			"  purser " + object + " limit 7 --clear --apply",
		Args: cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&e.Currency, "currency", "", "`currency` of the payments that it bounds, such as EUR")
		flags.StringVar(&e.Amount, "amount", "", "`amount` that may be paid, such as 1000.00")
		flags.Var(&within, "within", "`time` that payments are summed over, such as 720h or 30d; each payment by itself without it")
		flags.BoolVar(&e.Temporary, "temporary", false, "restrict the "+object+" for a while, rather than for good")
		flags.BoolVar(&e.Clear, "clear", false, "take all limits away that there are")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		if e.ID, err = v.id(0, object); err != nil {
			return err
		}
		if v.given("amount") != v.given("currency") || !v.given("amount") && (!e.Clear || v.given("within") || e.Temporary) {
			return errors.New("name a limit with --currency and --amount, or take all away with --clear")
		}
		e.Within, e.Apply = within.seconds(), v.applies()
		done, err := ask[changeAnswer[limitsChange]](v, object+"/limit", e)
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
			if len(done.After.Limits) == 0 {
				p.line("%s %d has no limits.", title, e.ID)
				return
			}
			p.line("%s %d has these limits:", title, e.ID)
			writeLimits(p, done.After.Limits)
		})
	})
}

// limitVerbs answer the verbs on limits.
func limitVerbs(mux *http.ServeMux, s *service.Service) {
	for object, set := range map[string]func(context.Context, wallet.Caller, int64, bool, []wallet.SpendingLimit, bool) (service.Changed[service.Limits], error){
		"user": s.LimitUser, "wallet": s.LimitWallet,
	} {
		handleVerb(mux, object+"/limit", func(ctx context.Context, c wallet.Caller, e limitEdit) (changeAnswer[limitsChange], error) {
			limits, err := e.limits()
			if err != nil {
				return changeAnswer[limitsChange]{}, err
			}
			changed, err := set(ctx, c, e.ID, e.Clear, limits, e.Apply)
			return changeToAnswer(changed, func(l service.Limits) limitsChange { return limitsChange{limitsToAnswer(l.Limits)} }), err
		})
	}
}

// limits are those that the edit sets: one, or none.
func (e limitEdit) limits() ([]wallet.SpendingLimit, error) {
	if e.Amount == "" && e.Currency == "" {
		return nil, nil
	}
	amount, err := parseAmount(e.Amount, e.Currency)
	if err != nil {
		return nil, err
	}
	l := wallet.SpendingLimit{Kind: wallet.OrdinaryLimit, Amount: amount, Within: time.Duration(e.Within) * time.Second}
	if e.Temporary {
		l.Kind = wallet.TemporaryLimit
	}
	return []wallet.SpendingLimit{l}, nil
}
