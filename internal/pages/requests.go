package pages

import (
	"context"

	"github.com/purserhq/purser/internal/wallet"
)

// showRequests shows the last requests to a sandbox as its server saw them, to everybody. No secret is in them.
func (p *pages) showRequests(_ context.Context, r *request) (reply, error) {
	if p.Requests == nil {
		return reply{}, wallet.Errorf(wallet.NotFound, "there is no such page.")
	}
	return reply{template: "requests", content: p.Requests()}, nil
}
