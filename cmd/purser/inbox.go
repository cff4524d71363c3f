package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// The states of a message.
const (
	messageWaits  = "waiting"
	messageSent   = "sent"
	messageFailed = "given up"
)

// messageAnswer is a message as its receiver reads it, in JSON. What was in one that has left is gone.
type messageAnswer struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	To      string    `json:"to"`
	Locale  string    `json:"locale,omitempty"`
	Status  string    `json:"status"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	// Attempts is how often it was tried to send it.
	Attempts int    `json:"attempts"`
	Subject  string `json:"subject,omitempty"`
	Body     string `json:"body,omitempty"`
	// Code is what the receiver has to give back, where the message holds one.
	Code string `json:"code,omitempty"`
	// Problem says why it cannot be put into words.
	Problem string `json:"problem,omitempty"`
}

func messageToAnswer(m wallet.Message, templates *message.Templates) messageAnswer {
	a := messageAnswer{ID: m.ID, At: instant(m.At), Kind: string(m.Kind), To: m.To(), Locale: m.Locale, Status: messageWaits, Attempts: m.Attempts}
	switch {
	case !m.SentAt.IsZero():
		a.Status, a.EndedAt = messageSent, instant(m.SentAt)
		return a
	case !m.FailedAt.IsZero():
		a.Status, a.EndedAt = messageFailed, instant(m.FailedAt)
		return a
	}
	text, err := templates.Render(m)
	a.Code = m.Values["code"]
	if a.Subject, a.Body = text.Subject, text.Body; err != nil {
		a.Problem = err.Error()
	}
	return a
}

// inboxQuery says which messages are asked for.
type inboxQuery struct {
	To    string `json:"to"`
	Limit int    `json:"limit"`
	// After leaves out those up to that number.
	After int64 `json:"after"`
}

// inboxAnswer are messages in JSON, the newest last.
type inboxAnswer struct {
	Messages []messageAnswer `json:"messages"`
}

// followPause is how long `purser inbox --follow` waits before it looks again.
const followPause = time.Second

// anew is how many messages, at most, it shows of another world than the one that it has followed.
const anew = 20

func newInbox(p *program) *cobra.Command {
	q := inboxQuery{}
	var follow bool
	command := &cobra.Command{
		Use:   "inbox",
		Short: "Read the messages that people are sent",
		Long: "Shows what people are told by e-mail and SMS, the newest last: codes, invitations and warnings. A sandbox sends\n" +
			"none of them: they are read here. A server forgets what is in a message once it has left, and shows that it has.",
		Example: "  purser inbox --to john@example.com\n  purser inbox --follow",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&q.To, "to", "", "those to this e-mail `address` or phone number")
		flags.IntVar(&q.Limit, "limit", 20, "show the last `N`, 200 at most")
		flags.BoolVar(&follow, "follow", false, "go on and show each message when it comes, until Ctrl-C")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		if follow && v.json {
			return errors.New("--follow shows text: leave --json out, or ask again from time to time")
		}
		if q.Limit < 1 {
			return wallet.FieldError("limit", "must be more than 0")
		}
		found, err := ask[inboxAnswer](v, "inbox", q)
		if err != nil {
			return err
		}
		if !follow {
			return v.answer(found, found.write)
		}
		if v.operator.start != nil {
			return errors.New("--follow shows what a running server tells people, and none holds this folder: start `purser dev`")
		}
		return followInbox(v, q, found)
	})
}

// followInbox shows messages until the program is told to stop.
func followInbox(v *verb, q inboxQuery, found inboxAnswer) error {
	q.Limit = 0 // the server's most: whatever has come meanwhile
	for {
		if n := len(found.Messages); n > 0 {
			q.After = found.Messages[n-1].ID
			if err := v.answer(found, found.write); err != nil {
				return err
			}
		}
		select {
		case <-v.ctx.Done():
			return nil
		case <-time.After(followPause):
		}
		var err error
		if found, err = ask[inboxAnswer](v, "inbox", q); err != nil {
			if v.ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// write shows messages for people.
func (a inboxAnswer) write(p *page) {
	if len(a.Messages) == 0 {
		p.line("There are no messages.")
		return
	}
	for _, m := range a.Messages {
		p.line("%s  to %s", stamp(m.At), m.To)
		switch {
		case m.Status != messageWaits:
			p.line("  %s: %s on %s, and its text is gone", m.Kind, m.Status, stamp(m.EndedAt))
		case m.Problem != "":
			p.line("  %s: cannot be put into words: %s", m.Kind, m.Problem)
		default:
			if m.Attempts > 0 {
				p.line("  could not be sent so far, %d times; the log says why", m.Attempts)
			}
			if m.Subject != "" {
				p.line("  %s", m.Subject)
				p.line("")
			}
			for line := range strings.SplitSeq(m.Body, "\n") {
				p.line("  %s", line)
			}
		}
		p.line("")
	}
}

// inboxVerb answers the verb on messages, in the words of the process that holds the data.
func inboxVerb(mux *http.ServeMux, s *service.Service, templates func() (*message.Templates, error)) {
	handleVerb(mux, "inbox", func(ctx context.Context, c wallet.Caller, q inboxQuery) (inboxAnswer, error) {
		a := inboxAnswer{Messages: []messageAnswer{}}
		words, err := templates()
		if err != nil {
			return a, err
		}
		found, err := s.ListMessages(ctx, c, q.To, cmp.Or(q.Limit, math.MaxInt)) // it knows how many it shows at most
		if err != nil {
			return a, err
		}
		if len(found) > 0 && found[0].ID < q.After { // a sandbox went back to a snapshot, and numbers them anew
			q.After, found = 0, found[:min(len(found), anew)]
		}
		for _, m := range slices.Backward(found) {
			if m.ID <= q.After {
				continue
			}
			a.Messages = append(a.Messages, messageToAnswer(m, words))
		}
		return a, nil
	})
}
