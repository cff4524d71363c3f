package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// auditEntry is one change in JSON.
type auditEntry struct {
	ID int64     `json:"id"`
	At time.Time `json:"at"`
	// Actor says who in words, Agent the program or the operator's name.
	Actor    string `json:"actor"`
	Agent    string `json:"agent,omitempty"`
	Address  string `json:"address,omitempty"`
	ClientID int64  `json:"client_id,omitempty"`
	UserID   int64  `json:"user_id,omitempty"`
	Action   string `json:"action"`
	// Object is what it was done to: client, user, project, wallet, location, spot, identification, authority or rate; the last has no number.
	Object    string `json:"object"`
	ObjectID  int64  `json:"object_id"`
	RequestID string `json:"request_id,omitempty"`
	// Before and After are what differs, without secrets.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

type auditAnswer struct {
	Entries []auditEntry `json:"entries"`
}

// auditQuery asks for the changes of one object, or of all when Object is empty.
type auditQuery struct {
	Object string `json:"object"`
	ID     int64  `json:"id"`
	Limit  int    `json:"limit"`
}

// auditObjects are the flags of `purser audit` and the objects of the trail.
var auditObjects = []struct{ flag, object string }{
	{"client", "client"}, {"user", "user"}, {"project", "project"}, {"wallet", "wallet"}, {"place", "location"}, {"spot", "spot"}, {"identification", "identification"},
}

// maxAudit bounds one answer.
const maxAudit = 10_000

// newAudit is `purser audit`: who changed what.
func newAudit(p *program) *cobra.Command {
	var q auditQuery
	ids := make([]int64, len(auditObjects))
	command := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what, newest first",
		Long: "Shows the audit trail: who, what, on which object, from where, before and after. It is only ever added\n" +
			"to, and holds no secrets.",
		Example: "  purser audit --client 7",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		for i, o := range auditObjects {
			flags.Int64Var(&ids[i], o.flag, 0, "changes of this `"+o.flag+"`")
		}
		flags.IntVar(&q.Limit, "limit", 50, "show `N` at most")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		for i, o := range auditObjects {
			if !v.given(o.flag) {
				continue
			}
			if q.Object != "" {
				return errors.New("name one object at a time, such as --client 7")
			}
			if ids[i] <= 0 {
				return fmt.Errorf("--%s must be the number of a %s", o.flag, o.flag)
			}
			q.Object, q.ID = o.object, ids[i]
		}
		found, err := ask[auditAnswer](v, "audit", q)
		if err != nil {
			return err
		}
		return v.answer(found, found.write)
	})
}

func (a auditAnswer) write(p *page) {
	if len(a.Entries) == 0 {
		p.line("There are no such changes.")
		return
	}
	var rows [][]string
	for _, e := range a.Entries {
		who := e.Actor
		if e.ClientID == 0 && e.Agent != "" {
			who = fmt.Sprintf("%s (%s)", who, e.Agent)
		}
		rows = append(rows, []string{
			stamp(e.At), who, e.Action, strings.TrimSpace(e.Object + " " + number(e.ObjectID)), e.Address, strings.Join(e.changes(), "; "),
		})
	}
	p.table([]string{"WHEN", "WHO", "DID", "WHAT", "FROM", "CHANGE"}, rows)
}

// changes say what differs, one by one.
func (e auditEntry) changes() (all []string) {
	before, after := auditMembers(e.Before), auditMembers(e.After)
	names := slices.Sorted(maps.Keys(before))
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		was, is := before[name], after[name]
		switch {
		case name == "ID" || name == "CreatedAt": // they stand in their own columns
		case was == "":
			all = append(all, name+" "+is)
		case is == "":
			all = append(all, fmt.Sprintf("%s %s -> none", name, was))
		default:
			all = append(all, fmt.Sprintf("%s %s -> %s", name, was, is))
		}
	}
	return all
}

func auditMembers(text json.RawMessage) map[string]string {
	var raw map[string]json.RawMessage
	members := map[string]string{}
	if json.Unmarshal(text, &raw) != nil {
		return members
	}
	for name, value := range raw {
		members[name] = string(value)
	}
	return members
}

// auditVerbs answer audit.
func auditVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "audit", func(ctx context.Context, c wallet.Caller, q auditQuery) (auditAnswer, error) {
		if q.Limit < 1 || q.Limit > maxAudit {
			return auditAnswer{}, wallet.FieldError("limit", "must be from 1 to %d", maxAudit)
		}
		trail, err := s.AuditTrail(ctx, c, q.Object, q.ID, q.Limit)
		a := auditAnswer{Entries: []auditEntry{}}
		for _, e := range trail {
			a.Entries = append(a.Entries, auditEntry{
				ID: e.ID, At: instant(e.At), Actor: e.Actor, Agent: e.From.Agent, Address: e.From.Address, ClientID: e.ClientID, UserID: e.UserID,
				Action: e.Action, Object: e.Object, ObjectID: e.ObjectID, RequestID: e.From.RequestID,
				Before: json.RawMessage(e.Before), After: json.RawMessage(e.After),
			})
		}
		return a, err
	})
}
