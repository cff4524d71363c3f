package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// setup makes what an onboarding asks for and is not there yet.
type setup struct {
	ctx     context.Context
	service *service.Service
	caller  wallet.Caller
	asked   onboarding
	done    onboarded
	// project and client are those that are there; nil for none.
	project *wallet.Project
	client  *wallet.Client
	// found says that the owner is there.
	found bool
}

// Limits of what is asked, in bytes: those of the use cases that are called later.
const (
	maxOnboardTitle = 200
	maxOnboardText  = 4000
)

// onboardVerbs answer onboard.
func onboardVerbs(mux *http.ServeMux, s *service.Service) {
	var one sync.Mutex // what is there is looked up before anything is made
	handleVerb(mux, "onboard", func(ctx context.Context, c wallet.Caller, asked onboarding) (onboarded, error) {
		one.Lock()
		defer one.Unlock()
		// Who gives up waiting does not leave half of it.
		run := &setup{ctx: context.WithoutCancel(ctx), service: s, caller: c, asked: asked, done: onboarded{Made: []string{}}}
		for _, step := range []func() error{run.check, run.find, run.makeOwner, run.makeWallet, run.makeProject, run.makeClient} {
			if err := step(); err != nil {
				return onboarded{}, err
			}
		}
		return run.done, nil
	})
}

// wrongEmail says what is wrong with an e-mail address; empty for nothing.
func wrongEmail(address string) string {
	if name, domain, ok := strings.Cut(address, "@"); !ok || name == "" || !strings.Contains(domain, ".") || strings.ContainsAny(address, " \t") {
		return "must be an e-mail address, such as ona@example.com"
	}
	return ""
}

// check refuses, all at once, what a later step would refuse.
func (r *setup) check() error {
	a := &r.asked
	a.Owner, a.Email = strings.TrimSpace(a.Owner), strings.ToLower(strings.TrimSpace(a.Email))
	a.Project, a.Description, a.Title = strings.TrimSpace(a.Project), strings.TrimSpace(a.Description), strings.TrimSpace(a.Title)
	refused := wallet.FieldErrors{}
	for field, text := range map[string]string{"owner": a.Owner, "project": a.Project, "title": a.Title} {
		if text == "" || len(text) > maxOnboardTitle {
			refused.Refuse(field, "must be given, in at most %d bytes", maxOnboardTitle)
		}
	}
	if len(a.Description) > maxOnboardText {
		refused.Refuse("description", "must be at most %d bytes", maxOnboardText)
	}
	if wrong := wrongEmail(a.Email); wrong != "" {
		refused.Refuse("email", "%s", wrong)
	}
	if t := wallet.UserType(a.OwnerType); t != wallet.Natural && t != wallet.Legal {
		refused.Refuse("owner_type", "must be natural or legal")
	}
	if t := wallet.ClientType(a.Type); t != wallet.PrivateClient && t != wallet.Application {
		refused.Refuse("type", "must be private_client or application")
	}
	for _, p := range a.Permissions {
		if wallet.Permission(p).Meaning() == "" {
			refused.Refuse("permissions", "%q is not a permission; `purser client permissions` lists them", p)
		}
	}
	return refused.Err()
}

// find looks up what is there, and refuses what does not fit to it.
func (r *setup) find() error {
	users, _, err := r.service.ListUsers(r.ctx, r.caller, service.UserFilter{Text: r.asked.Email})
	if err != nil {
		return err
	}
	at := slices.IndexFunc(users, func(u wallet.User) bool { return u.Email == r.asked.Email })
	if at < 0 {
		if r.asked.Wallet != 0 {
			return wallet.FieldError("wallet", "the owner is new and has no wallet yet: leave it out, and one is made")
		}
		return nil
	}
	owner := users[at]
	if owner.DisplayName != r.asked.Owner || owner.Type != wallet.UserType(r.asked.OwnerType) {
		kind := map[wallet.UserType]string{wallet.Natural: "person", wallet.Legal: "company"}[owner.Type]
		return wallet.FieldError("email", "is that of user %d, the %s %q: give that name and type, or another address", owner.ID, kind, owner.DisplayName)
	}
	r.found, r.done.UserID = true, owner.ID
	projects, _, err := r.service.ListProjects(r.ctx, r.caller, service.OwnerFilter{OwnerID: owner.ID})
	if err != nil {
		return err
	}
	if at := slices.IndexFunc(projects, func(p wallet.Project) bool { return p.Title == r.asked.Project }); at >= 0 {
		r.project = &projects[at]
	}
	if err := r.findWallet(owner.ID); err != nil || r.project == nil {
		return err
	}
	return r.findClient()
}

// findWallet takes the wallet of the project that is there, the one that is asked for, or one that an
// interrupted run has left without a project.
func (r *setup) findWallet(owner int64) error {
	if r.project != nil {
		if r.asked.Wallet != 0 && r.asked.Wallet != r.project.WalletID {
			return wallet.FieldError("wallet", "project %d is there already and uses wallet %d: leave it out, or choose another title", r.project.ID, r.project.WalletID)
		}
		r.done.WalletID = r.project.WalletID
		return nil
	}
	wallets, _, err := r.service.ListWallets(r.ctx, r.caller, service.OwnerFilter{OwnerID: owner})
	if err != nil {
		return err
	}
	for _, w := range wallets {
		if w.ID == r.asked.Wallet || r.asked.Wallet == 0 && len(w.Projects) == 0 && w.Description == r.asked.Project {
			r.done.WalletID = w.ID
		}
	}
	if r.asked.Wallet != 0 && r.done.WalletID == 0 {
		return wallet.FieldError("wallet", "user %d has no wallet %d", owner, r.asked.Wallet)
	}
	return nil
}

// findClient looks for the client, and whether anybody has ever signed with a key of it.
func (r *setup) findClient() error {
	clients, _, err := r.service.ListClients(r.ctx, r.caller, service.ClientFilter{ProjectID: r.project.ID, Type: wallet.ClientType(r.asked.Type)})
	if err != nil {
		return err
	}
	at := slices.IndexFunc(clients, func(c service.ClientView) bool { return c.Title == r.asked.Title })
	if at < 0 {
		return nil
	}
	r.client = clients[at].Client
	held, err := r.service.ListCredentials(r.ctx, r.caller, r.client.ID)
	if err != nil {
		return err
	}
	r.done.Unused = !slices.ContainsFunc(held.Keys, func(k wallet.ClientKey) bool { return !k.LastUse.At.IsZero() })
	return nil
}

func (r *setup) made(what string) { r.done.Made = append(r.done.Made, what) }

func (r *setup) makeOwner() (err error) {
	if r.found {
		return nil
	}
	r.made("user")
	r.done.UserID, err = r.service.CreateUser(r.ctx, r.caller, wallet.User{
		Type: wallet.UserType(r.asked.OwnerType), DisplayName: r.asked.Owner, Email: r.asked.Email,
	}, "", "")
	return err
}

func (r *setup) makeWallet() (err error) {
	if r.done.WalletID != 0 {
		return nil
	}
	r.made("wallet")
	r.done.WalletID, err = r.service.CreateWallet(r.ctx, r.caller, wallet.Wallet{OwnerID: r.done.UserID, Description: r.asked.Project})
	return err
}

func (r *setup) makeProject() (err error) {
	if r.project != nil {
		r.done.ProjectID = r.project.ID
		return nil
	}
	r.made("project")
	r.done.ProjectID, err = r.service.CreateProject(r.ctx, r.caller, wallet.Project{
		Title: r.asked.Project, Description: r.asked.Description, OwnerID: r.done.UserID, WalletID: r.done.WalletID,
	})
	return err
}

func (r *setup) makeClient() error {
	if r.client == nil {
		r.made("client")
		client, key, err := r.service.CreateClient(r.ctx, r.caller, wallet.Client{
			Title: r.asked.Title, Type: wallet.ClientType(r.asked.Type), Permissions: named[wallet.Permission](r.asked.Permissions),
			Projects: []int64{r.done.ProjectID}, MainProject: r.done.ProjectID,
		}, "")
		if err != nil {
			return err
		}
		r.client, r.done.MACKey = &client, key.Reveal()
	}
	r.done.ClientID, r.done.MACID, r.done.Client = r.client.ID, r.client.MACID, r.client.Type
	return nil
}
