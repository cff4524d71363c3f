package main

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// newRate is `purser rate`: what currencies are worth in each other.
func newRate(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "rate",
		Short: "Set and show what currencies are worth in each other",
		Long: "Rates are what conversions go by. A rate that is set counts for its direction; the other direction goes by its\n" +
			"inverse, unless it is set itself. Two currencies without a rate between them are exchanged through one other\n" +
			"that has a rate with both: the first of --currencies.",
	}
	command.AddCommand(newRateSet(p), newRateList(p), newRateRemove(p))
	return command
}

// rateSpec is a rate to be set.
type rateSpec struct {
	Base  string `json:"base"`
	Quote string `json:"quote"`
	Rate  string `json:"rate"`
}

// rateAnswer is a rate in JSON: what one of base is worth in quote, as decimal text.
type rateAnswer struct {
	Base      string    `json:"base"`
	Quote     string    `json:"quote"`
	Rate      string    `json:"rate"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

func rateToAnswer(r wallet.Rate) rateAnswer {
	return rateAnswer{string(r.Base), string(r.Quote), r.Text, instant(r.UpdatedAt)}
}

func newRateSet(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "set BASE QUOTE RATE",
		Short: "Say what one of a currency is worth in another",
		Long: "Sets what one of BASE is worth in QUOTE, from the next conversion on, in the place of what was set before. It is\n" +
			"kept as the decimal number that it is.",
		Example: "  purser rate set EUR USD 1.0875",
		Args:    cobra.ExactArgs(3),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		set, err := ask[rateAnswer](v, "rate/set", rateSpec{v.args[0], v.args[1], v.args[2]})
		if err != nil {
			return err
		}
		return v.answer(set, func(p *page) { p.line("One %s is worth %s %s.", set.Base, set.Rate, set.Quote) })
	})
}

// rateListAnswer are all rates in JSON.
type rateListAnswer struct {
	Rates []rateAnswer `json:"rates"`
}

func newRateList(p *program) *cobra.Command {
	command := &cobra.Command{Use: "list", Short: "List the rates that are set", Args: cobra.NoArgs}
	return newVerb(p, command, nil, func(v *verb) error {
		found, err := ask[rateListAnswer](v, "rate/list", struct{}{})
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Rates) == 0 {
				p.line("No rates are set: nothing can be converted.")
				return
			}
			var rows [][]string
			for _, r := range found.Rates {
				rows = append(rows, []string{"1 " + r.Base, r.Rate + " " + r.Quote, stamp(r.UpdatedAt)})
			}
			p.table([]string{"ONE", "IS", "SINCE"}, rows)
		})
	})
}

// ratePair names a rate that is to go.
type ratePair struct {
	Base  string `json:"base"`
	Quote string `json:"quote"`
	Apply bool   `json:"apply"`
}

// rateRemoved is a rate that was removed, or would be.
type rateRemoved struct {
	rateAnswer
	Applied bool `json:"applied"`
}

func newRateRemove(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:     "remove BASE QUOTE",
		Short:   "Take a rate away",
		Long:    "Takes away the rate that was set in this direction. Without --apply it only says what it would do.",
		Example: "  purser rate remove EUR USD --apply",
		Args:    cobra.ExactArgs(2),
	}
	return newVerb(p, command, func(flags *pflag.FlagSet) { applyFlag(flags) }, func(v *verb) error {
		gone, err := ask[rateRemoved](v, "rate/remove", ratePair{v.args[0], v.args[1], v.applies()})
		if err != nil {
			return err
		}
		return v.answer(gone, func(p *page) {
			if !gone.Applied {
				p.line("This takes away that one %s is worth %s %s. %s", gone.Base, gone.Rate, gone.Quote, notDone)
				return
			}
			p.line("It is no longer set that one %s is worth %s %s.", gone.Base, gone.Rate, gone.Quote)
		})
	})
}

// rateVerbs answer the verbs on rates.
func rateVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "rate/set", func(ctx context.Context, c wallet.Caller, n rateSpec) (rateAnswer, error) {
		set, err := s.SetRate(ctx, c, n.Base, n.Quote, n.Rate)
		return rateToAnswer(set), err
	})
	handleVerb(mux, "rate/list", func(ctx context.Context, c wallet.Caller, _ struct{}) (rateListAnswer, error) {
		rates, err := s.ListRates(ctx, c)
		answer := rateListAnswer{Rates: []rateAnswer{}}
		for _, r := range rates {
			answer.Rates = append(answer.Rates, rateToAnswer(r))
		}
		return answer, err
	})
	handleVerb(mux, "rate/remove", func(ctx context.Context, c wallet.Caller, n ratePair) (rateRemoved, error) {
		gone, err := s.RemoveRate(ctx, c, n.Base, n.Quote, n.Apply)
		return rateRemoved{rateToAnswer(gone), n.Apply}, err
	})
}
