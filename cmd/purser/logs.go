package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/inspect"
	"github.com/purserhq/purser/internal/wallet"
)

// logsQuery says which requests are asked for.
type logsQuery struct {
	// Client is a number or a name in the sample world; empty is all of them.
	Client string `json:"client"`
	After  int64  `json:"after"`
	Limit  int    `json:"limit"`
}

// logsAnswer are requests in JSON, the newest last.
type logsAnswer struct {
	Requests []inspect.Record `json:"requests"`
}

// replayOrder has a request sent again.
type replayOrder struct {
	RequestID string `json:"request_id"`
}

// logsPause is how long `purser logs --follow` waits before it looks again.
const logsPause = 300 * time.Millisecond

func newLogs(p *program) *cobra.Command {
	q := logsQuery{}
	var follow bool
	command := &cobra.Command{
		Use:   "logs [replay REQUEST]",
		Short: "See the requests of a sandbox as the server saw them, or send one again",
		Long: "Shows the last requests to a running `purser dev`, the newest last: the text that a MAC covers, whom the request was\n" +
			"taken for, project and place, what was decided and why, the answer, and what it took. Tokens, codes and passwords are\n" +
			"masked. `replay` takes the paysera-correlation-id of a request and sends it again as it was, signed anew, under the\n" +
			"same idempotency key. What is kept is in the memory of the sandbox: a thousand requests.",
		Example: "  purser logs --follow --client shop\n  purser logs replay 0d467082f39cb64a",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) == 2 && args[0] == "replay" {
				return nil
			}
			return errors.New("no such form")
		},
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&q.Client, "client", "", "those of this `client`: its number, or its name in sandbox.json")
		flags.IntVar(&q.Limit, "limit", 20, "show the last `N`")
		flags.BoolVar(&follow, "follow", false, "go on and show each request when it was answered, until Ctrl-C")
	}
	logs := newVerb(p, command, bind, func(v *verb) error {
		switch {
		case len(v.args) == 2:
			return replay(v, v.args[1])
		case follow && v.json:
			return errors.New("--follow shows text: leave --json out, or ask again from time to time")
		case q.Limit < 1:
			return wallet.FieldError("limit", "must be more than 0")
		}
		found, err := ask[logsAnswer](v, "logs", q)
		if err != nil {
			return err
		}
		if follow {
			return followLogs(v, q, found)
		}
		return v.answer(found, func(p *page) {
			if len(found.Requests) == 0 {
				p.line("There are no such requests.")
			}
			found.write(p)
		})
	})
	return logs
}

// followLogs shows requests until the program is told to stop.
func followLogs(v *verb, q logsQuery, found logsAnswer) error {
	for q.Limit = 0; ; {
		if n := len(found.Requests); n > 0 {
			q.After = found.Requests[n-1].Number
			if err := v.answer(found, found.write); err != nil {
				return err
			}
		}
		select {
		case <-v.ctx.Done():
			return nil
		case <-time.After(logsPause):
		}
		var err error
		if found, err = ask[logsAnswer](v, "logs", q); err != nil {
			if v.ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// replay sends a request again and shows the answer.
func replay(v *verb, id string) error {
	done, err := ask[inspect.Replayed](v, "logs/replay", replayOrder{id})
	if err != nil {
		return err
	}
	return v.answer(done, func(p *page) {
		p.fields("request", done.ID, "status", strconv.Itoa(done.Status))
		p.verbatim(done.Body + "\n")
	})
}

// write shows requests for people.
func (a logsAnswer) write(p *page) {
	for _, r := range a.Requests {
		status := "no answer"
		if r.Status != 0 {
			status = strconv.Itoa(r.Status)
		}
		p.line("%s  %s %s", r.At.UTC().Format("15:04:05.000"), r.Method, r.Target)
		decision := r.Decision
		if r.Reason != "" {
			decision += ": " + r.Reason
		}
		p.fields("  request", r.ID, "  from", r.Address+" "+r.Agent, "  signature", r.Signature)
		for i, line := range r.Signed {
			p.line("    %-7s %s", signedNames[i], line)
		}
		p.fields("  taken for", r.Caller, "  project", number(r.ProjectID), "  place", number(r.LocationID), "  route", r.Route,
			"  decision", decision, "  trouble", r.Trouble,
			"  answer", fmt.Sprintf("%s %s in %.1f ms, %d SQL statements", status, r.Code, r.Seconds*1000, r.Statements))
		p.line("")
	}
}

// signedNames are the parts of the text that a MAC covers, in its order.
var signedNames = []string{"ts", "nonce", "method", "target", "host", "port", "ext"}

// logsVerbs answer the verbs on requests; they are refused where no sandbox runs.
func logsVerbs(mux *http.ServeMux, box *toolbox) {
	handleVerb(mux, "logs", func(ctx context.Context, c wallet.Caller, q logsQuery) (logsAnswer, error) {
		answer := logsAnswer{Requests: []inspect.Record{}}
		if box == nil {
			return answer, errNoSandbox()
		}
		filter := inspect.Filter{After: q.After, Limit: q.Limit}
		if q.Client != "" {
			var err error
			if filter.Client, err = box.client(ctx, c, q.Client); err != nil {
				return answer, err
			}
		}
		answer.Requests = box.inspector.Last(filter)
		return answer, nil
	})
	handleVerb(mux, "logs/replay", func(ctx context.Context, _ wallet.Caller, o replayOrder) (inspect.Replayed, error) {
		if box == nil {
			return inspect.Replayed{}, errNoSandbox()
		}
		return box.inspector.Replay(ctx, o.RequestID, box.address())
	})
}
