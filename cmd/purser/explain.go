package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// explanation is why a request was refused, in JSON.
type explanation struct {
	RequestID string    `json:"request_id"`
	At        time.Time `json:"at"`
	// Request is the method and the route, Address where it came from.
	Request string `json:"request"`
	Address string `json:"address,omitempty"`
	// ClientID is the client that was refused, Caller says it in words.
	ClientID   int64  `json:"client_id,omitempty"`
	Caller     string `json:"caller,omitempty"`
	ProjectID  int64  `json:"project_id,omitempty"`
	LocationID int64  `json:"location_id,omitempty"`
	// Error is the code that it was answered with, Reason the whole of it in one sentence.
	Error  string `json:"error"`
	Reason string `json:"reason"`
	// Action is what was asked, Rules what was looked at, in order, and Refused the rule that refused.
	Action  string           `json:"action,omitempty"`
	Rules   []wallet.Outcome `json:"rules"`
	Refused string           `json:"refused,omitempty"`
	// Needs are the grants that would allow it together; empty when none can.
	Needs []need `json:"needs"`
}

// need is a grant that is missing.
type need struct {
	wallet.Grant
	Description string `json:"description"`
	// Command gives it; empty where no command can, and Hint says what can.
	Command string `json:"command,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// newExplain is `purser explain`: why a request was refused.
func newExplain(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "explain REQUEST",
		Short: "Say why a request was refused, and which grants would allow it",
		Long: "Shows who was refused, what was looked at, and the commands that would allow it. REQUEST is the\n" +
			"paysera-correlation-id of the answer, which is also the id in the log. Refusals are kept for a day.",
		Example: "  purser explain 0d467082f39cb64a",
		Args:    cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		e, err := ask[explanation](v, "explain", explainQuery{v.args[0]})
		if err != nil {
			return err
		}
		for i, n := range e.Needs {
			if n.Command != "" {
				e.Needs[i].Command = v.onData(n.Command)
			}
			e.Needs[i].Hint = v.proposed(n.Hint)
		}
		return v.answer(e, func(p *page) { e.write(v, p) })
	})
}

type explainQuery struct {
	RequestID string `json:"request_id"`
}

func (e explanation) write(v *verb, p *page) {
	p.fields(
		"request", e.RequestID, "what", e.Request, "when", stamp(e.At), "from", e.Address, "who", e.Caller, "client", number(e.ClientID),
		"for project", number(e.ProjectID), "at place", number(e.LocationID), "answered", e.Error, "action", e.Action, "because", e.Reason,
	)
	if len(e.Rules) > 0 {
		p.line("")
		var rows [][]string
		for _, rule := range e.Rules {
			rows = append(rows, []string{map[bool]string{true: "holds", false: "refused"}[rule.Holds], rule.Rule, rule.Fact})
		}
		p.table([]string{"ANSWER", "RULE", "WHAT IT SAW"}, rows)
	}
	p.line("")
	switch {
	case len(e.Needs) > 0:
		p.line("These grants, and no fewer, would allow it:")
	case e.Action == "":
		p.line("%s", v.proposed("No grant can allow it: the request did not prove who sent it."+e.wayOut()))
	default:
		p.line("No grant can allow it.")
	}
	for _, n := range e.Needs {
		p.line("")
		p.line("  %s", n.Description)
		if n.Command != "" {
			p.line("    %s", n.Command)
		} else {
			p.line("    %s", n.Hint)
		}
	}
}

// clientRevoked is how auth says that the client is revoked.
var clientRevoked = regexp.MustCompile(`(?i)\bclient( [0-9]+)? was revoked`)

// wayOut says what to do about a request that did not prove who sent it; it begins with a blank.
func (e explanation) wayOut() string {
	client := cmp.Or(number(e.ClientID), "CLIENT")
	switch {
	case clientRevoked.MatchString(e.Reason):
		return " A client that was revoked stays so: make a new client: `purser client create`."
	case strings.Contains(e.Reason, "certificate"):
		return fmt.Sprintf(" `purser certificate list %s` shows which certificates a client has; "+
			"`purser certificate sign %[1]s --request csr.pem` or `purser certificate pin %[1]s --file cert.pem` gives it another.", client)
	case strings.Contains(e.Reason, "MAC matches"):
		return " `purser mac explain` finds the mistake in a signature."
	}
	return ""
}

// needOf is a grant with the command that gives it to that client.
func needOf(g wallet.Grant, c *wallet.Client) need {
	n := need{Grant: g, Description: g.String()}
	update := fmt.Sprintf("purser client update %d ", c.ID)
	switch g.Kind {
	case wallet.GrantPermission:
		n.Command = update + "--grant " + g.Name
	case wallet.GrantProject:
		if g.ID == 0 {
			n.Hint = fmt.Sprintf("Any project will do: `purser client update %d --attach PROJECT`, with a number that `purser project list` shows.", c.ID)
			break
		}
		n.Command = update + fmt.Sprintf("--attach %d", g.ID)
	case wallet.GrantWalletRight:
		n.Command = update + fmt.Sprintf("--wallet-right %d:%s", g.ID, g.Name)
	case wallet.GrantScope:
		who := "The user whose token it is"
		if g.ID != 0 {
			who = fmt.Sprintf("User %d", g.ID)
		}
		n.Hint = fmt.Sprintf("%s has to agree to the scope %s: ask for it when client %d asks for a token. No command stands in for that.", who, g.Name, c.ID)
	}
	return n
}

// explainVerbs answer explain.
func explainVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "explain", func(ctx context.Context, c wallet.Caller, q explainQuery) (explanation, error) {
		r, err := s.ExplainRefusal(ctx, c, q.RequestID)
		if err != nil {
			return explanation{}, err
		}
		e := explanation{
			RequestID: r.RequestID, At: instant(r.At), Request: r.Request, Address: r.Address, ClientID: r.ClientID, Caller: r.Caller,
			ProjectID: r.ProjectID, LocationID: r.LocationID, Error: string(r.Error), Reason: r.Reason, Action: string(r.Action),
			Rules: list(r.Rules), Refused: r.Refused, Needs: []need{},
		}
		if len(r.Needs) == 0 {
			return e, nil
		}
		view, err := s.GetOtherClient(ctx, c, r.ClientID)
		if err != nil {
			return explanation{}, err
		}
		for _, g := range r.Needs {
			e.Needs = append(e.Needs, needOf(g, view.Client))
		}
		return e, nil
	})
}
