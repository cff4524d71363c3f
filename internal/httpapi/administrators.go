package httpapi

import (
	"context"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// administrators: GET /project/{id}/administrators, which is ours.
func (a *API) administrators(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "project_id", false)
	if err != nil {
		return nil, err
	}
	return a.listAdministrators(ctx, r, id)
}

// listAdministrators is the answer to every call about them.
func (a *API) listAdministrators(ctx context.Context, r *request, project int64) (any, error) {
	all, err := a.Service.ListAdministrators(ctx, r.caller, project)
	if err != nil {
		return nil, err
	}
	return wireAdministrators(all), nil
}

func wireAdministrators(all service.Administrators) walletapi.Administrators {
	out := walletapi.Administrators{
		Administrators: make([]walletapi.Administrator, len(all.Users)),
		Invitations:    make([]walletapi.Invitation, len(all.Invited)),
	}
	for i, u := range all.Users {
		out.Administrators[i] = walletapi.Administrator{ID: u.ID, DisplayName: u.DisplayName}
	}
	for i, invited := range all.Invited {
		out.Invitations[i] = walletapi.Invitation{ID: invited.ID, Contact: invited.Contact, CreatedAt: invited.CreatedAt.Unix()}
	}
	return out
}

// inviteAdministrator: POST /project/{id}/administrators, which is ours.
func (a *API) inviteAdministrator(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "project_id", false)
	if err != nil {
		return nil, err
	}
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	contact, field := b.contact()
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, sealed, func(c wallet.Caller) (service.Administrators, error) {
		all, err := a.Service.InviteAdministrator(ctx, c, id, contact)
		return all, namedAs(err, field)
	}, wireAdministrators)
}

// removeAdministrator: DELETE /project/{id}/administrators/{user}, which is ours.
func (a *API) removeAdministrator(ctx context.Context, r *request) (any, error) {
	return a.withoutAdministrator(ctx, r, "user", "user_id", a.Service.RemoveAdministrator)
}

// withdrawInvitation: DELETE /project/{id}/invitations/{invitation}, which is ours.
func (a *API) withdrawInvitation(ctx context.Context, r *request) (any, error) {
	return a.withoutAdministrator(ctx, r, "invitation", "invitation_id", a.Service.WithdrawInvitation)
}

func (a *API) withoutAdministrator(ctx context.Context, r *request, name, field string, end func(context.Context, wallet.Caller, int64, int64) error) (any, error) {
	project, err := pathID(r, "id", "project_id", false)
	if err != nil {
		return nil, err
	}
	which, err := pathID(r, name, field, false)
	if err != nil {
		return nil, err
	}
	if err := end(ctx, r.caller, project, which); err != nil {
		return nil, err
	}
	return a.listAdministrators(ctx, r, project)
}
