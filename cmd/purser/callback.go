package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// newCallback is `purser callback`: what clients are told of their transactions, and whether they were reached.
func newCallback(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "callback",
		Short: "See which callbacks arrived, send one again, change the key that signs them",
		Long: "Callbacks tell clients what has become of their transactions. They leave by themselves, and are tried eight times\n" +
			"within a day and a half. docs/callbacks.md says more.",
	}
	key := &cobra.Command{Use: "key", Short: "Change the key that callbacks are signed with"}
	key.AddCommand(newCallbackKeyRotate(p))
	command.AddCommand(newCallbackList(p), newCallbackShow(p), newCallbackSend(p), key)
	return command
}

// callbackAnswer is a callback in JSON.
type callbackAnswer struct {
	Transaction string              `json:"transaction_key"`
	Number      int64               `json:"number"`
	EventID     string              `json:"event_id"`
	Project     int64               `json:"project_id"`
	Type        string              `json:"type"`
	URI         string              `json:"uri"`
	State       string              `json:"state"`
	At          time.Time           `json:"at"`
	Attempts    int                 `json:"attempts"`
	NextAt      *time.Time          `json:"next_at,omitempty"`
	EndedAt     *time.Time          `json:"ended_at,omitempty"`
	Tries       []callbackTryAnswer `json:"tries,omitempty"`
	Event       string              `json:"event,omitempty"`
}

// callbackTryAnswer is one attempt in JSON.
type callbackTryAnswer struct {
	Attempt int       `json:"attempt"`
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Status  int       `json:"status,omitempty"`
	Seconds float64   `json:"seconds"`
}

func callbackToAnswer(v service.CallbackView) callbackAnswer {
	a := callbackAnswer{
		Transaction: v.Key, Number: v.Number, EventID: v.EventID(), Project: v.ProjectID, Type: string(v.Type), URI: v.URI,
		State: string(store.CallbackWaiting), At: instant(v.At), Attempts: v.Attempts,
	}
	moment := func(t time.Time) *time.Time { t = instant(t); return &t }
	switch {
	case !v.NextAt.IsZero():
		a.NextAt = moment(v.NextAt)
	case v.Delivered:
		a.State, a.EndedAt = string(store.CallbackDelivered), moment(v.EndedAt)
	default:
		a.State, a.EndedAt = string(store.CallbackGivenUp), moment(v.EndedAt)
	}
	for _, t := range v.Tries {
		a.Tries = append(a.Tries, callbackTryAnswer{t.Attempt, instant(t.At), string(t.Outcome), t.Status, t.Took.Seconds()})
	}
	return a
}

// when says in words how far it has come.
func (a callbackAnswer) when() string {
	if a.NextAt != nil {
		return "next " + stamp(*a.NextAt)
	}
	return stamp(*a.EndedAt)
}

// callbackQuery says which callbacks a list is of.
type callbackQuery struct {
	Key     string `json:"transaction_key"`
	Project int64  `json:"project"`
	State   string `json:"state"`
	paging
}

func (q *callbackQuery) bind(flags *pflag.FlagSet) {
	flags.StringVar(&q.Key, "transaction", "", "those of the transaction with this `key`")
	flags.Int64Var(&q.Project, "project", 0, "those of this `project`")
	flags.StringVar(&q.State, "state", "", "those in this `state`: waiting, delivered or given_up")
	q.paging.bind(flags)
}

// callbackListAnswer is a page of callbacks in JSON.
type callbackListAnswer struct {
	Callbacks []callbackAnswer `json:"callbacks"`
	Total     int              `json:"total"`
	paging
}

func newCallbackList(p *program) *cobra.Command {
	var q callbackQuery
	command := &cobra.Command{
		Use:     "list",
		Short:   "List callbacks, those of the latest transactions first",
		Example: "  purser callback list --state waiting\n  purser callback list --project 1221",
		Args:    cobra.NoArgs,
	}
	return newVerb(p, command, q.bind, func(v *verb) error {
		found, err := ask[callbackListAnswer](v, "callback/list", q)
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Callbacks) == 0 {
				p.line("There are no such callbacks.")
				return
			}
			var rows [][]string
			for _, c := range found.Callbacks {
				rows = append(rows, []string{c.Transaction, number(c.Number), c.Type, c.State, number(int64(c.Attempts)), c.when(), c.URI})
			}
			p.table([]string{"TRANSACTION", "NO", "TYPE", "STATE", "TRIES", "WHEN", "TO"}, rows)
			p.rest(len(found.Callbacks), found.Total, found.paging)
		})
	})
}

// callbackName names the callbacks of a transaction, or one of them.
type callbackName struct {
	Key    string `json:"transaction_key"`
	Number int64  `json:"number"`
}

func newCallbackShow(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "show TRANSACTION",
		Short: "Show the callbacks of a transaction, by its key, with every attempt to send them",
		Args:  cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		found, err := ask[callbackListAnswer](v, "callback/show", callbackName{Key: v.args[0]})
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			for i, c := range found.Callbacks {
				if i > 0 {
					p.line("")
				}
				p.fields("callback", number(c.Number), "type", c.Type, "event id", c.EventID, "to", c.URI, "state", c.State+", "+c.when())
				var rows [][]string
				for _, t := range c.Tries {
					status := ""
					if t.Status != 0 {
						status = strconv.Itoa(t.Status)
					}
					rows = append(rows, []string{number(int64(t.Attempt)), stamp(t.At), t.Outcome, status, fmt.Sprintf("%.3f s", t.Seconds)})
				}
				if len(rows) > 0 {
					p.table([]string{"TRY", "WHEN", "OUTCOME", "STATUS", "TOOK"}, rows)
				}
				p.line("%s", c.Event)
			}
		})
	})
}

func newCallbackSend(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "send TRANSACTION NUMBER",
		Short: "Send a callback again, whether it arrived or was given up",
		Long: "Sends a callback again: the same event, under the same id. It leaves when a server runs, and what is said of its\n" +
			"transaction afterwards waits for it.",
		Example: "  purser callback send k4mfeqrz5iw7p2c3l6tnvxyabe 1",
		Args:    cobra.ExactArgs(2),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		n, err := v.id(1, "callback")
		if err != nil {
			return err
		}
		sent, err := ask[callbackName](v, "callback/send", callbackName{v.args[0], n})
		if err != nil {
			return err
		}
		return v.answer(sent, func(p *page) { p.line("Callback %d of %s leaves now.", sent.Number, sent.Key) })
	})
}

// callbackKeyAnswer is what callbacks are checked with in JSON.
type callbackKeyAnswer struct {
	PublicKeys string `json:"public_keys"`
}

func newCallbackKeyRotate(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "rotate",
		Short: "Make another key to sign callbacks with",
		Long: "Makes another key, which signs from now on. GET /publickey answers with both, the new one first; the one before\n" +
			"that is gone. Receivers that keep the key have to ask for it again when a signature does not hold.",
		Args: cobra.NoArgs,
	}
	return newVerb(p, command, nil, func(v *verb) error {
		made, err := ask[callbackKeyAnswer](v, "callback/key/rotate", struct{}{})
		if err != nil {
			return err
		}
		return v.answer(made, func(p *page) {
			p.line("Callbacks are signed with another key from now on. GET /publickey answers:")
			p.line("%s", made.PublicKeys)
		})
	})
}

// callbackVerbs answer the verbs on callbacks.
func callbackVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "callback/list", func(ctx context.Context, c wallet.Caller, q callbackQuery) (callbackListAnswer, error) {
		if err := q.check(); err != nil {
			return callbackListAnswer{}, err
		}
		state := store.CallbackState(q.State)
		if state != "" && !slices.Contains(service.CallbackStates(), state) {
			return callbackListAnswer{}, wallet.FieldError("state", "must be one of %v", service.CallbackStates())
		}
		found, total, err := s.ListCallbacks(ctx, c, service.CallbackFilter{Key: q.Key, ProjectID: q.Project, State: state, Limit: q.Limit, Offset: q.Offset})
		answer := callbackListAnswer{Callbacks: []callbackAnswer{}, Total: total, paging: q.paging}
		for _, v := range found {
			answer.Callbacks = append(answer.Callbacks, callbackToAnswer(v))
		}
		return answer, err
	})
	handleVerb(mux, "callback/show", func(ctx context.Context, c wallet.Caller, n callbackName) (callbackListAnswer, error) {
		found, err := s.InspectCallbacks(ctx, c, n.Key)
		answer := callbackListAnswer{Callbacks: []callbackAnswer{}, Total: len(found)}
		for _, v := range found {
			one := callbackToAnswer(v)
			one.Event = v.Event
			answer.Callbacks = append(answer.Callbacks, one)
		}
		return answer, err
	})
	handleVerb(mux, "callback/send", func(ctx context.Context, c wallet.Caller, n callbackName) (callbackName, error) {
		return n, s.SendCallback(ctx, c, n.Key, n.Number)
	})
	handleVerb(mux, "callback/key/rotate", func(ctx context.Context, c wallet.Caller, _ struct{}) (callbackKeyAnswer, error) {
		public, err := s.RotateCallbackKey(ctx, c)
		return callbackKeyAnswer{string(public)}, err
	})
}
