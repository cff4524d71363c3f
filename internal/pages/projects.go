package pages

import (
	"context"
	"slices"
	"strconv"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// projectPage is who administers a project, for its owner.
type projectPage struct {
	service.Administrators
	Project wallet.Project
	Notice  string
}

func (p *pages) showProject(ctx context.Context, r *request) (reply, error) {
	return p.projectPage(ctx, r, empty("", nil))
}

func (p *pages) projectPage(ctx context.Context, r *request, f form) (reply, error) {
	id := r.number("id")
	all, err := p.Service.ListAdministrators(ctx, r.caller, id)
	if err != nil {
		return reply{}, err
	}
	me, err := p.Service.Account(ctx, r.caller)
	if err != nil {
		return reply{}, err
	}
	at := slices.IndexFunc(me.Projects, func(project wallet.Project) bool { return project.ID == id })
	if at < 0 {
		return notFound(ctx, r) // it was given away just now
	}
	content := projectPage{Administrators: all, Project: me.Projects[at], Notice: r.notice()}
	return reply{template: "project", content: content, form: f}, nil
}

// savedProject leads back to the project.
func (r *request) savedProject(notice string) reply {
	return reply{to: r.link("/projects/" + strconv.FormatInt(r.number("id"), 10) + "?notice=" + notice)}
}

func (p *pages) invite(ctx context.Context, r *request) (reply, error) {
	_, err := p.Service.InviteAdministrator(ctx, r.caller, r.number("id"), r.text("contact"))
	if err == nil {
		return r.savedProject("invited"), nil
	}
	f, err := p.refuse(r, r.typed(""), err)
	if err != nil {
		return reply{}, err
	}
	return p.projectPage(ctx, r, f)
}

func (p *pages) withdraw(ctx context.Context, r *request) (reply, error) {
	err := p.Service.WithdrawInvitation(ctx, r.caller, r.number("id"), parseID(r.text("invitation")))
	return r.savedProject("withdrawn"), err
}

func (p *pages) remove(ctx context.Context, r *request) (reply, error) {
	err := p.Service.RemoveAdministrator(ctx, r.caller, r.number("id"), parseID(r.text("user")))
	return r.savedProject("removed"), err
}
