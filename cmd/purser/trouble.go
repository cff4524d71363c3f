package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/trouble"
	"github.com/purserhq/purser/internal/wallet"
)

// troublePlan is what goes wrong for a client, in JSON. Times are in seconds.
type troublePlan struct {
	Rate       float64  `json:"rate"`
	Kinds      []string `json:"kinds"`
	Seed       uint64   `json:"seed"`
	Every      int      `json:"every"`
	Hold       float64  `json:"hold"`
	Slow       float64  `json:"slow"`
	Late       float64  `json:"late"`
	RetryAfter float64  `json:"retry_after"`
}

// troubleOrder asks for trouble, or for none.
type troubleOrder struct {
	// Client is a number, or a name in the sample world.
	Client string       `json:"client"`
	Plan   *troublePlan `json:"plan,omitempty"`
}

// troubleAnswer is how trouble stands for a client, in JSON.
type troubleAnswer struct {
	Client    int64          `json:"client"`
	On        bool           `json:"on"`
	Plan      troublePlan    `json:"plan"`
	Requests  uint64         `json:"requests"`
	Callbacks uint64         `json:"callbacks"`
	Happened  map[string]int `json:"happened"`
}

// troubleListAnswer is how trouble stands for all.
type troubleListAnswer struct {
	Trouble []troubleAnswer `json:"trouble"`
}

func newTrouble(p *program) *cobra.Command {
	plan := trouble.Default()
	kinds := kindNames(plan.Kinds)
	command := &cobra.Command{
		Use:   "trouble [CLIENT [off|show]]",
		Short: "Have requests of a client fail on purpose, or show what happened to them",
		Long: "Has so many of a client's requests and callbacks fail, by a seeded plan: the n-th request meets the same whenever the\n" +
			"command is given anew with the same settings. CLIENT is a number, or a name in sandbox.json; without one the command\n" +
			"shows for whom trouble is made. It ends with `off`, or with the sandbox. Kinds:\n\n" +
			"  409, 429      refused with Retry-After, and nothing was done\n" +
			"  500, 502      the server, or a proxy, failed: before the request took effect, or after\n" +
			"  timeout       no answer: before the effect, or after\n" +
			"  slow, cut     the true answer, in pieces, or half of it\n" +
			"  duplicate     a callback comes twice\n" +
			"  late          a callback comes later\n" +
			"  clock         the server's clock is wrong, and jumps\n" +
			"  expiry        access tokens end early",
		Example: "  purser sandbox trouble shop --rate 0.3 --seed 7\n" +
			"  purser sandbox trouble shop --kinds 502,timeout --hold 2s\n" +
			"  purser sandbox trouble shop show\n" +
			"  purser sandbox trouble shop off",
		Args: cobra.MaximumNArgs(2),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Float64Var(&plan.Rate, "rate", plan.Rate, "`share` of requests and callbacks that something happens to, up to 1")
		flags.StringSliceVar(&kinds, "kinds", kinds, "`kinds` of what happens, each as often as another")
		flags.Uint64Var(&plan.Seed, "seed", plan.Seed, "`number` that chooses the sequence")
		flags.IntVar(&plan.Every, "every", plan.Every, "`requests` between two jumps of the clock, and before tokens end")
		flags.DurationVar(&plan.Hold, "hold", plan.Hold, "how `long` a time-out keeps a connection, unless the client gives up before")
		flags.DurationVar(&plan.Slow, "slow", plan.Slow, "how `long` a slow body takes")
		flags.DurationVar(&plan.Late, "late", plan.Late, "how `late` callbacks are at most")
		flags.DurationVar(&plan.RetryAfter, "retry-after", plan.RetryAfter, "how `long` a 409 and a 429 ask to wait, in whole seconds")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		act := ""
		if len(v.args) == 2 {
			act = v.args[1]
		}
		switch {
		case act != "" && act != "off" && act != "show":
			return fmt.Errorf("%q is not something to do: write off or show, or leave it out to make trouble", act)
		case (act != "" || len(v.args) == 0) && slices.ContainsFunc(v.own, v.given):
			return errors.New("flags say what trouble to make: they go with a client alone")
		case len(v.args) == 0:
			return showTrouble(v, "")
		case act == "show":
			return showTrouble(v, v.args[0])
		}
		order := troubleOrder{Client: v.args[0]}
		if act == "" {
			order.Plan = planToAnswer(plan)
			order.Plan.Kinds = kinds
		}
		done, err := ask[troubleAnswer](v, "sandbox/trouble", order)
		if err != nil {
			return err
		}
		return v.answer(done, done.write)
	})
}

// showTrouble shows how trouble stands for a client, or for all.
func showTrouble(v *verb, client string) error {
	found, err := ask[troubleListAnswer](v, "sandbox/trouble/list", troubleOrder{Client: client})
	if err != nil {
		return err
	}
	return v.answer(found, func(p *page) {
		if len(found.Trouble) == 0 {
			p.line("No trouble is made.")
		}
		for i, one := range found.Trouble {
			if i > 0 {
				p.line("")
			}
			one.write(p)
		}
	})
}

// write shows how trouble stands, for people.
func (a troubleAnswer) write(p *page) {
	state := "made"
	if !a.On {
		state = "off"
	}
	var happened []string
	for _, name := range slices.Sorted(maps.Keys(a.Happened)) {
		happened = append(happened, fmt.Sprintf("%s %d", name, a.Happened[name]))
	}
	p.fields("client", number(a.Client), "trouble", state, "rate", strconv.FormatFloat(a.Plan.Rate, 'g', -1, 64), "kinds", words(a.Plan.Kinds),
		"seed", strconv.FormatUint(a.Plan.Seed, 10), "requests", strconv.FormatUint(a.Requests, 10),
		"callbacks", strconv.FormatUint(a.Callbacks, 10), "happened", cmp.Or(words(happened), "nothing so far"))
}

func kindNames(kinds []trouble.Kind) []string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return names
}

func planToAnswer(p trouble.Plan) *troublePlan {
	return &troublePlan{
		Rate: p.Rate, Kinds: kindNames(p.Kinds), Seed: p.Seed, Every: p.Every,
		Hold: p.Hold.Seconds(), Slow: p.Slow.Seconds(), Late: p.Late.Seconds(), RetryAfter: p.RetryAfter.Seconds(),
	}
}

func (a *troublePlan) plan() trouble.Plan {
	length := func(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
	p := trouble.Plan{
		Rate: a.Rate, Seed: a.Seed, Every: a.Every,
		Hold: length(a.Hold), Slow: length(a.Slow), Late: length(a.Late), RetryAfter: length(a.RetryAfter),
	}
	for _, kind := range a.Kinds {
		p.Kinds = append(p.Kinds, trouble.Kind(kind))
	}
	return p
}

func troubleToAnswer(s trouble.Status, on bool) troubleAnswer {
	return troubleAnswer{Client: s.Client, On: on, Plan: *planToAnswer(s.Plan), Requests: s.Requests, Callbacks: s.Callbacks, Happened: s.Counts}
}

// troubleVerbs answer the verbs on trouble; they are refused where no sandbox runs.
func troubleVerbs(mux *http.ServeMux, box *toolbox) {
	handleVerb(mux, "sandbox/trouble", func(ctx context.Context, c wallet.Caller, o troubleOrder) (troubleAnswer, error) {
		if box == nil {
			return troubleAnswer{}, errNoSandbox()
		}
		number, err := box.client(ctx, c, o.Client)
		if err != nil {
			return troubleAnswer{}, err
		}
		if o.Plan == nil {
			was, err := box.trouble.Off(number)
			return troubleToAnswer(was, false), err
		}
		now, err := box.trouble.Set(number, o.Plan.plan())
		return troubleToAnswer(now, true), err
	})
	handleVerb(mux, "sandbox/trouble/list", func(ctx context.Context, c wallet.Caller, o troubleOrder) (troubleListAnswer, error) {
		answer := troubleListAnswer{Trouble: []troubleAnswer{}}
		if box == nil {
			return answer, errNoSandbox()
		}
		var number int64
		var err error
		if o.Client != "" {
			if number, err = box.client(ctx, c, o.Client); err != nil {
				return answer, err
			}
		}
		for _, one := range box.trouble.All() {
			if o.Client == "" || one.Client == number {
				answer.Trouble = append(answer.Trouble, troubleToAnswer(one, true))
			}
		}
		return answer, nil
	})
}
