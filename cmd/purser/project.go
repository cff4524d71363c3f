package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// newProject is `purser project`: an owner's business units.
func newProject(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "project",
		Short: "Make, show and change projects",
		Long:  "A project is an owner's business unit: what clients speak for, and where its payments go.",
	}
	command.AddCommand(newProjectCreate(p), newProjectList(p), newShow[projectDetails](p, "project", "Show a project with its clients and how many places it has"), newProjectUpdate(p))
	return command
}

// projectAnswer is a project in JSON.
type projectAnswer struct {
	ID               int64  `json:"id"`
	Title            string `json:"title"`
	Description      string `json:"description,omitempty"`
	Owner            int64  `json:"owner"`
	OwnerDisplayName string `json:"owner_display_name"`
	WalletID         int64  `json:"wallet_id"`
	CallbackURI      string `json:"callback_uri,omitempty"`
}

func projectToAnswer(p wallet.Project) projectAnswer {
	return projectAnswer{p.ID, p.Title, p.Description, p.OwnerID, p.OwnerDisplayName, p.WalletID, p.CallbackURI}
}

// projectDetails is all about a project in JSON.
type projectDetails struct {
	projectAnswer
	// Clients represent it: all but devices, which are counted.
	Clients        []projectClient `json:"clients"`
	Devices        int             `json:"devices"`
	ActivePlaces   int             `json:"active_places"`
	InactivePlaces int             `json:"inactive_places"`
	// Administrators administer it beside its owner, Invitations wait for an answer.
	Administrators []projectPerson     `json:"administrators"`
	Invitations    []projectInvitation `json:"invitations"`
}

// projectPerson is a person in short.
type projectPerson struct {
	ID          int64  `json:"id"`
	DisplayName string `json:"display_name"`
}

// projectInvitation asks whoever reads a contact to administer a project.
type projectInvitation struct {
	ID        int64     `json:"id"`
	Contact   string    `json:"contact"`
	InvitedBy int64     `json:"invited_by"`
	CreatedAt time.Time `json:"created_at"`
}

func (d *projectDetails) setAdministrators(all service.Administrators) {
	d.Administrators, d.Invitations = []projectPerson{}, []projectInvitation{}
	for _, u := range all.Users {
		d.Administrators = append(d.Administrators, projectPerson{u.ID, u.DisplayName})
	}
	for _, i := range all.Invited {
		d.Invitations = append(d.Invitations, projectInvitation{i.ID, i.Contact, i.InvitedBy, instant(i.CreatedAt)})
	}
}

// projectClient is a client of a project in short.
type projectClient struct {
	ID    int64  `json:"id"`
	Title string `json:"title"`
	Type  string `json:"type"`
	MACID string `json:"mac_id"`
}

// projectSpec is a project to be made.
type projectSpec struct {
	ID          int64  `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Owner       int64  `json:"owner"`
	WalletID    int64  `json:"wallet_id"`
	CallbackURI string `json:"callback_uri"`
}

func newProjectCreate(p *program) *cobra.Command {
	var n projectSpec
	command := &cobra.Command{
		Use:     "create",
		Short:   "Make a project",
		Long:    "Makes a project of a user. Its payments go to a wallet of the same user; several projects may share one.",
		Example: "  purser project create --title \"Web shop\" --owner 8 --wallet 12",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&n.Title, "title", "", "what people call it")
		flags.StringVar(&n.Description, "description", "", "what it is")
		flags.Int64Var(&n.Owner, "owner", 0, "`user` whose it is")
		flags.Int64Var(&n.WalletID, "wallet", 0, "`wallet` of that user that its payments go to")
		flags.StringVar(&n.CallbackURI, "callback-uri", "", "`address` that callbacks go to where a client names none")
		flags.Int64Var(&n.ID, "id", 0, "`number` to take rather than the next free one")
	}
	command = newVerb(p, command, bind, func(v *verb) error {
		made, err := ask[createdAnswer](v, "project/create", n)
		if err != nil {
			return err
		}
		return v.answerCreated(made, "Project", n.Title)
	})
	needs(command, "title", "owner", "wallet")
	return command
}

// needs says which flags a command cannot do without.
func needs(command *cobra.Command, flags ...string) {
	for _, flag := range flags {
		if err := command.MarkFlagRequired(flag); err != nil {
			panic(err) // there is no such flag
		}
	}
}

// ownerQuery is whose things a list is of.
type ownerQuery struct {
	Owner int64 `json:"owner"`
	paging
}

func (q *ownerQuery) bind(flags *pflag.FlagSet) {
	flags.Int64Var(&q.Owner, "owner", 0, "those of this `user`")
	q.paging.bind(flags)
}

func (q ownerQuery) filter() service.OwnerFilter {
	return service.OwnerFilter{OwnerID: q.Owner, Limit: q.Limit, Offset: q.Offset}
}

// projectListAnswer is a page of projects in JSON.
type projectListAnswer struct {
	Projects []projectAnswer `json:"projects"`
	Total    int             `json:"total"`
	paging
}

func newProjectList(p *program) *cobra.Command {
	var q ownerQuery
	command := &cobra.Command{Use: "list", Short: "List projects", Args: cobra.NoArgs}
	return newVerb(p, command, q.bind, func(v *verb) error {
		found, err := ask[projectListAnswer](v, "project/list", q)
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Projects) == 0 {
				p.line("There are no such projects.")
				return
			}
			writeProjects(p, found.Projects)
			p.rest(len(found.Projects), found.Total, found.paging)
		})
	})
}

func writeProjects(p *page, projects []projectAnswer) {
	var rows [][]string
	for _, one := range projects {
		rows = append(rows, []string{number(one.ID), one.Title, fmt.Sprintf("%d %s", one.Owner, one.OwnerDisplayName), number(one.WalletID)})
	}
	p.table([]string{"PROJECT", "TITLE", "OWNER", "WALLET"}, rows)
}

// write shows a project for people.
func (d projectDetails) write(p *page) {
	p.fields(
		"id", number(d.ID), "title", d.Title, "description", d.Description, "owner", fmt.Sprintf("%d %s", d.Owner, d.OwnerDisplayName),
		"wallet", number(d.WalletID), "places", fmt.Sprintf("%d active, %d inactive", d.ActivePlaces, d.InactivePlaces),
		"callbacks to", d.CallbackURI, "devices", fmt.Sprint(d.Devices), "administrators", d.administratorWords(),
	)
	for _, i := range d.Invitations {
		p.line("invited %s on %s, by user %d", i.Contact, stamp(i.CreatedAt), i.InvitedBy)
	}
	p.line("")
	if len(d.Clients) == 0 {
		p.line("No client represents it.")
		return
	}
	var rows [][]string
	for _, c := range d.Clients {
		rows = append(rows, []string{number(c.ID), c.Title, c.Type, c.MACID})
	}
	p.table([]string{"CLIENT", "TITLE", "TYPE", "SIGNS AS"}, rows)
}

// administratorWords are those who administer the project beside its owner.
func (d projectDetails) administratorWords() string {
	var names []string
	for _, u := range d.Administrators {
		names = append(names, fmt.Sprintf("%d %s", u.ID, u.DisplayName))
	}
	return words(names)
}

// projectEdit is a change as the command line gives it; what is nil stays.
type projectEdit struct {
	ID          int64   `json:"id"`
	Title       *string `json:"title"`
	Description *string `json:"description"`
	WalletID    *int64  `json:"wallet_id"`
	CallbackURI *string `json:"callback_uri,omitempty"`
	// AddAdministrators and RemoveAdministrators are persons.
	AddAdministrators    []int64 `json:"add_administrators,omitempty"`
	RemoveAdministrators []int64 `json:"remove_administrators,omitempty"`
	Apply                bool    `json:"apply"`
}

// projectUpdated is a project that changes in JSON, with who administers it beside its owner.
type projectUpdated struct {
	projectAnswer
	Administrators []int64 `json:"administrators,omitempty"`
}

// with are the administrators after the edit.
func (e projectEdit) with(now []int64) []int64 {
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(now, e.AddAdministrators))))
	return slices.DeleteFunc(all, func(id int64) bool { return slices.Contains(e.RemoveAdministrators, id) })
}

func newProjectUpdate(p *program) *cobra.Command {
	var title, description, callbackURI string
	var walletID int64
	var add, remove []int64
	command := &cobra.Command{
		Use:   "update PROJECT",
		Short: "Change a project",
		Long: "Changes what is named and nothing else; the owner stays. An administrator sees the project and acts for it with\n" +
			"their own token; they are not asked whether they want to, as those are whom the owner invites. " + updateHelp,
		Example: "  purser project update 1221 --wallet 13 --apply\n" +
			"  purser project update 1221 --add-administrator 7",
		Args: cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&title, "title", "", "what people call it")
		flags.StringVar(&description, "description", "", "what it is; empty for nothing")
		flags.Int64Var(&walletID, "wallet", 0, "`wallet` of its owner that its payments go to from now on")
		flags.StringVar(&callbackURI, "callback-uri", "", "`address` that callbacks go to where a client names none; empty for nowhere")
		flags.Int64SliceVar(&add, "add-administrator", nil, "`person` who administers it too, beside the owner")
		flags.Int64SliceVar(&remove, "remove-administrator", nil, "`person` who administers it no longer")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "project")
		if err != nil {
			return err
		}
		if err := v.namesChange(); err != nil {
			return err
		}
		done, err := ask[changeAnswer[projectUpdated]](v, "project/update", projectEdit{
			ID: id, Title: value(v, "title", &title), Description: value(v, "description", &description),
			WalletID: value(v, "wallet", &walletID), CallbackURI: value(v, "callback-uri", &callbackURI), AddAdministrators: add, RemoveAdministrators: remove, Apply: v.applies(),
		})
		if err != nil {
			return err
		}
		return answerChange(v, done)
	})
}

// projectVerbs answer the verbs on projects.
func projectVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "project/create", func(ctx context.Context, c wallet.Caller, n projectSpec) (createdAnswer, error) {
		id, err := s.CreateProject(ctx, c, wallet.Project{ID: n.ID, Title: n.Title, Description: n.Description, OwnerID: n.Owner, WalletID: n.WalletID, CallbackURI: n.CallbackURI})
		return createdAnswer{id}, err
	})
	handleVerb(mux, "project/list", func(ctx context.Context, c wallet.Caller, q ownerQuery) (projectListAnswer, error) {
		if err := q.check(); err != nil {
			return projectListAnswer{}, err
		}
		found, total, err := s.ListProjects(ctx, c, q.filter())
		answer := projectListAnswer{Projects: []projectAnswer{}, Total: total, paging: q.paging}
		for _, p := range found {
			answer.Projects = append(answer.Projects, projectToAnswer(p))
		}
		return answer, err
	})
	handleVerb(mux, "project/show", func(ctx context.Context, c wallet.Caller, q idQuery) (projectDetails, error) {
		d, err := s.InspectProject(ctx, c, q.ID)
		a := projectDetails{
			projectAnswer: projectToAnswer(d.Project), Clients: []projectClient{}, Devices: d.Devices,
			ActivePlaces: d.ActivePlaces, InactivePlaces: d.InactivePlaces,
		}
		for _, client := range d.Clients {
			a.Clients = append(a.Clients, projectClient{client.ID, client.Title, string(client.Type), client.MACID})
		}
		a.setAdministrators(d.Administrators)
		return a, err
	})
	handleVerb(mux, "project/update", func(ctx context.Context, c wallet.Caller, e projectEdit) (changeAnswer[projectUpdated], error) {
		now, err := s.ListAdministrators(ctx, c, e.ID)
		if err != nil {
			return changeAnswer[projectUpdated]{}, err
		}
		var administrators []int64
		for _, u := range now.Users {
			administrators = append(administrators, u.ID)
		}
		changed, err := s.UpdateProject(ctx, c, e.ID, service.ProjectChange{
			Title: e.Title, Description: e.Description, WalletID: e.WalletID, CallbackURI: e.CallbackURI,
			AddAdministrators: e.AddAdministrators, RemoveAdministrators: e.RemoveAdministrators,
		}, e.Apply)
		a := changeToAnswer(changed, func(p wallet.Project) projectUpdated { return projectUpdated{projectToAnswer(p), administrators} })
		a.After.Administrators = e.with(administrators)
		return a, err
	})
}
