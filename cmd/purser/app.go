package main

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// appAnswer is a client that a user agreed to in JSON.
type appAnswer struct {
	Client  int64  `json:"client"`
	Title   string `json:"title,omitempty"`
	Project string `json:"project,omitempty"`
	// Scopes are what the user agreed to, Declined what they were asked for and did not agree to.
	Scopes   []string  `json:"scopes"`
	Declined []string  `json:"declined"`
	AgreedAt time.Time `json:"agreed_at"`
}

func appToAnswer(app service.GrantedApp) appAnswer {
	a := consentToAnswer(app.Consent)
	if a.Title = app.Client.Title; app.Project != nil {
		a.Project = app.Project.Title
	}
	return a
}

func consentToAnswer(c wallet.Consent) appAnswer {
	a := appAnswer{Client: c.ClientID, Scopes: []string{}, Declined: []string{}, AgreedAt: instant(c.AgreedAt)}
	for _, scope := range wallet.WithoutScopes(c.Scopes, c.Declined) {
		a.Scopes = append(a.Scopes, scope.String())
	}
	for _, scope := range c.Declined {
		a.Declined = append(a.Declined, scope.String())
	}
	return a
}

// appListAnswer are the clients that act for a user in JSON.
type appListAnswer struct {
	Apps []appAnswer `json:"apps"`
}

func writeApps(p *page, apps []appAnswer) {
	for i, a := range apps {
		if i > 0 {
			p.line("")
		}
		p.fields("client", number(a.Client), "title", a.Title, "project", a.Project, "may use", words(a.Scopes), "declined", words(a.Declined), "agreed", stamp(a.AgreedAt))
	}
}

func newUserApps(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "apps USER",
		Short: "List the clients that a user agreed to, and what they may use",
		Args:  cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		id, err := v.id(0, "user")
		if err != nil {
			return err
		}
		found, err := ask[appListAnswer](v, "user/apps", idQuery{id})
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Apps) == 0 {
				p.line("User %d has agreed to nothing.", id)
				return
			}
			writeApps(p, found.Apps)
		})
	})
}

// appRevocation names what a user agreed to.
type appRevocation struct {
	ID     int64 `json:"id"`
	Client int64 `json:"client"`
	Apply  bool  `json:"apply"`
}

// appRevoked says what was, or would be, taken back.
type appRevoked struct {
	Applied bool      `json:"applied"`
	App     appAnswer `json:"app"`
}

func newUserRevokeApp(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "revoke-app USER CLIENT",
		Short: "Take back what a user agreed to for a client",
		Long: "Takes back all that a user agreed to for a client, as the user does on their page: its tokens of that user end\n" +
			"with the next request, and it may ask the user again. Without --apply the command says what it would do.",
		Args: cobra.ExactArgs(2),
	}
	return newVerb(p, command, applyFlag, func(v *verb) error {
		user, err := v.id(0, "user")
		if err != nil {
			return err
		}
		client, err := v.id(1, "client")
		if err != nil {
			return err
		}
		done, err := ask[appRevoked](v, "user/revoke-app", appRevocation{user, client, v.applies()})
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) {
			agreed := words(done.App.Scopes)
			if !done.Applied {
				p.line("User %d agreed that client %d may use %s. That would be taken back, and its tokens of that user would end.", user, client, agreed)
				p.line(notDone)
				return
			}
			p.line("User %d no longer agrees that client %d may use %s, and its tokens of that user have ended.", user, client, agreed)
		})
	})
}

// appVerbs answer the verbs on what users agreed to.
func appVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "user/apps", func(ctx context.Context, c wallet.Caller, q idQuery) (appListAnswer, error) {
		apps, err := s.ListUserApps(ctx, c, q.ID)
		a := appListAnswer{Apps: []appAnswer{}}
		for _, app := range apps {
			a.Apps = append(a.Apps, appToAnswer(app))
		}
		return a, err
	})
	handleVerb(mux, "user/revoke-app", func(ctx context.Context, c wallet.Caller, r appRevocation) (appRevoked, error) {
		consent, err := s.RevokeUserApp(ctx, c, r.ID, r.Client, r.Apply)
		return appRevoked{r.Apply, consentToAnswer(consent)}, err
	})
}
