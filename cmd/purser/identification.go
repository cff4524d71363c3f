package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// identificationPolicy says whether a document that was shown at a place counts at once.
type identificationPolicy string

// The policies.
const (
	atOnce     identificationPolicy = "at-once"
	secondLook identificationPolicy = "second-look"
)

// String, Set and Type make it a flag.
func (i *identificationPolicy) String() string { return string(*i) }

// Set is described at String.
func (i *identificationPolicy) Set(text string) error {
	switch policy := identificationPolicy(text); policy {
	case atOnce, secondLook:
		*i = policy
		return nil
	}
	return fmt.Errorf("must be %s or %s", atOnce, secondLook)
}

// Type is described at String.
func (i *identificationPolicy) Type() string { return "policy" }

// newIdentification is `purser identification`: the operator's second look at documents.
func newIdentification(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "identification",
		Short: "Look a second time at documents that users showed at places",
		Long: "Places record that a user showed a document there. With the setting --identification second-look it counts\n" +
			"once it is accepted here; with at-once only what contradicts what is known already waits.",
	}
	command.AddCommand(newIdentificationList(p), newIdentificationShow(p), newIdentificationAccept(p), newIdentificationReject(p))
	return command
}

// identificationAnswer is an identification in JSON. The numbers are there where it is shown alone.
type identificationAnswer struct {
	ID          int64     `json:"id"`
	UserID      int64     `json:"user_id"`
	Status      string    `json:"status"`
	Document    string    `json:"document"`
	Number      string    `json:"number"`
	Name        string    `json:"name"`
	Surname     string    `json:"surname"`
	Nationality string    `json:"nationality"`
	PersonCode  string    `json:"person_code,omitempty"`
	ClientID    int64     `json:"client_id"`
	ProjectID   int64     `json:"project_id"`
	LocationID  int64     `json:"location_id"`
	CheckedBy   string    `json:"checked_by"`
	CheckedAt   time.Time `json:"checked_at"`
	CreatedAt   time.Time `json:"created_at"`
	DecidedAt   time.Time `json:"decided_at,omitzero"`
	DecidedBy   string    `json:"decided_by,omitempty"`
	Reason      string    `json:"reason,omitempty"`
}

func identificationToAnswer(i wallet.IdentificationRequest) identificationAnswer {
	return identificationAnswer{
		ID: i.ID, UserID: i.UserID, Status: string(i.Status), Document: string(i.Kind), Number: i.Number.String(),
		Name: i.Identity.Name, Surname: i.Identity.Surname, Nationality: i.Identity.Nationality, PersonCode: i.Identity.Code.String(),
		ClientID: i.ClientID, ProjectID: i.ProjectID, LocationID: i.LocationID, CheckedBy: i.CheckedBy, CheckedAt: instant(i.CheckedAt),
		CreatedAt: instant(i.CreatedAt), DecidedAt: instant(i.DecidedAt), DecidedBy: i.DecidedBy, Reason: i.Reason,
	}
}

// identificationQuery asks for a list.
type identificationQuery struct {
	Status string `json:"status"`
	UserID int64  `json:"user_id"`
	Limit  int    `json:"limit"`
}

type identificationList struct {
	Identifications []identificationAnswer `json:"identifications"`
}

func newIdentificationList(p *program) *cobra.Command {
	q := identificationQuery{}
	command := &cobra.Command{
		Use: "list", Short: "List documents that were shown, the oldest first", Args: cobra.NoArgs,
		Example: "  purser identification list\n  purser identification list --status rejected --user 7",
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&q.Status, "status", string(wallet.IdentificationPending), "`status`: pending, accepted or rejected; empty for all")
		flags.Int64Var(&q.UserID, "user", 0, "those of this `user`")
		flags.IntVar(&q.Limit, "limit", 50, "show `N` at most")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		if q.Limit < 1 || q.Limit > maxAudit {
			return fmt.Errorf("--limit must be 1 to %d", maxAudit)
		}
		found, err := ask[identificationList](v, "identification/list", q)
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Identifications) == 0 {
				p.line("There are none.")
				return
			}
			var rows [][]string
			for _, i := range found.Identifications {
				rows = append(rows, []string{
					strconv.FormatInt(i.ID, 10), strconv.FormatInt(i.UserID, 10), i.Name + " " + i.Surname, i.Document, strconv.FormatInt(i.LocationID, 10),
					i.CheckedBy, stamp(i.CheckedAt), i.Status,
				})
			}
			p.table([]string{"ID", "USER", "NAME", "DOCUMENT", "PLACE", "CHECKED BY", "AT", "STATUS"}, rows)
		})
	})
}

// identificationNamed is an identification by its number, and a decision about it.
type identificationNamed struct {
	ID     int64  `json:"id"`
	Accept bool   `json:"accept,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func newIdentificationShow(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "show IDENTIFICATION", Short: "Show a document with its numbers, which the audit trail notes", Args: cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		id, err := v.id(0, "identification")
		if err != nil {
			return err
		}
		i, err := ask[identificationAnswer](v, "identification/show", identificationNamed{ID: id})
		if err != nil {
			return err
		}
		return v.answer(i, func(p *page) {
			p.fields("identification", strconv.FormatInt(i.ID, 10), "user", strconv.FormatInt(i.UserID, 10), "status", i.Status, "reason", i.Reason,
				"document", i.Document, "number", i.Number, "name", i.Name+" "+i.Surname, "nationality", i.Nationality, "person code", i.PersonCode,
				"place", strconv.FormatInt(i.LocationID, 10), "checked by", i.CheckedBy, "checked at", stamp(i.CheckedAt), "decided by", i.DecidedBy)
		})
	})
}

func newIdentificationAccept(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "accept IDENTIFICATION", Short: "Have a document count: the user is who it says", Args: cobra.ExactArgs(1),
		Long: "The user then has the names, the nationality and the person code of the document, and is identified at least.",
	}
	return newVerb(p, command, nil, func(v *verb) error { return decideIdentification(v, true, "") })
}

func newIdentificationReject(p *program) *cobra.Command {
	var reason string
	command := &cobra.Command{
		Use: "reject IDENTIFICATION --reason TEXT", Short: "Have a document not count, and say why", Args: cobra.ExactArgs(1),
		Long: "The reason is told to who recorded it.", Example: `  purser identification reject 7 --reason "The passport had expired"`,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&reason, "reason", "", "`text` that says why")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		if strings.TrimSpace(reason) == "" {
			return errors.New("--reason is needed: it is told to who recorded the document")
		}
		return decideIdentification(v, false, strings.TrimSpace(reason))
	})
}

func decideIdentification(v *verb, accept bool, reason string) error {
	id, err := v.id(0, "identification")
	if err != nil {
		return err
	}
	i, err := ask[identificationAnswer](v, "identification/decide", identificationNamed{id, accept, reason})
	if err != nil {
		return err
	}
	return v.answer(i, func(p *page) { p.line("Identification %d of user %d is %s.", i.ID, i.UserID, i.Status) })
}

// identificationVerbs answer the verbs on identifications.
func identificationVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "identification/list", func(ctx context.Context, c wallet.Caller, q identificationQuery) (identificationList, error) {
		found, err := s.ListIdentifications(ctx, c, service.IdentificationFilter{Status: wallet.IdentificationStatus(q.Status), UserID: q.UserID, Limit: q.Limit})
		list := identificationList{Identifications: []identificationAnswer{}}
		for _, i := range found {
			list.Identifications = append(list.Identifications, identificationToAnswer(i))
		}
		return list, err
	})
	handleVerb(mux, "identification/show", func(ctx context.Context, c wallet.Caller, n identificationNamed) (identificationAnswer, error) {
		i, err := s.ReadDocument(ctx, c, n.ID)
		answer := identificationToAnswer(i)
		answer.Number, answer.PersonCode = string(i.Number), string(i.Identity.Code)
		return answer, err
	})
	handleVerb(mux, "identification/decide", func(ctx context.Context, c wallet.Caller, n identificationNamed) (identificationAnswer, error) {
		i, err := s.DecideIdentification(ctx, c, n.ID, n.Accept, n.Reason)
		return identificationToAnswer(i), err
	})
}
