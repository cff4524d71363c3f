package pages

import (
	"context"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// appsPage is the programs that act for who is signed in.
type appsPage struct {
	Notice string
	Apps   []app
	// Allowances are what others may take from their wallets without asking.
	Allowances []*allowanceAsked
}

// app is one of them.
type app struct {
	ID                    int64
	Title, Project, Owner string
	Since                 time.Time
	Lines                 []scopeLine
}

func (p *pages) showApps(ctx context.Context, r *request) (reply, error) {
	granted, err := p.Service.ListGrantedApps(ctx, r.caller)
	if err != nil {
		return reply{}, err
	}
	content := appsPage{Notice: r.notice()}
	if content.Allowances, err = p.given(ctx, r); err != nil {
		return reply{}, err
	}
	for _, g := range granted {
		one := app{ID: g.Client.ID, Title: g.Client.Title, Since: g.AgreedAt}
		if g.Project != nil {
			one.Project, one.Owner = g.Project.Title, g.Project.OwnerDisplayName
		}
		for _, a := range g.Scopes {
			one.Lines = append(one.Lines, r.language.scopeLine(a, !slices.Contains(g.Declined, a)))
		}
		content.Apps = append(content.Apps, one)
	}
	return reply{template: "apps", content: content}, nil
}

func (p *pages) revokeApp(ctx context.Context, r *request) (reply, error) {
	err := p.Service.RevokeApp(ctx, r.caller, r.number("client"))
	return reply{to: r.link("/apps?notice=revoked")}, err
}

func (p *pages) share(ctx context.Context, r *request) (reply, error) {
	scopes, err := wallet.ParseScopes(r.text("scope"))
	if err != nil {
		return reply{}, err
	}
	err = p.Service.ShareScopes(ctx, r.caller, r.number("client"), scopes)
	return reply{to: r.link("/apps?notice=shared")}, err
}
