package main

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// copiesRenewed says whether copies of the places were told to begin anew.
type copiesRenewed struct {
	Applied bool `json:"applied"`
}

func newPlaceRenewCopies(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "renew-copies", Short: "Have apps that keep a copy of the places begin anew, after a backup was restored",
		Long: "Apps that keep a copy of the public places (`GET /locations?sync=…`) ask for what they lack since the last time. After a backup\n" +
			"was restored their copies hold what never happened here: say so with this, before the server answers again, and each of them\n" +
			"begins anew. `purser sandbox restore` does that by itself.",
		Args: cobra.NoArgs,
	}
	return newVerb(p, command, applyFlag, func(v *verb) error {
		if !v.applies() {
			return v.answer(copiesRenewed{}, func(p *page) {
				p.line("This has every app that keeps a copy of the places read all of them anew. %s", notDone)
			})
		}
		done, err := ask[copiesRenewed](v, "place/renew-copies", struct{}{})
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) { p.line("Every copy of the places begins anew.") })
	})
}

// copiesVerb answers the verb on copies of the places.
func copiesVerb(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "place/renew-copies", func(ctx context.Context, c wallet.Caller, _ struct{}) (copiesRenewed, error) {
		err := s.RenewCopies(ctx, c)
		return copiesRenewed{Applied: err == nil}, err
	})
}
