package main

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/inspect"
	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/trouble"
	"github.com/purserhq/purser/internal/wallet"
)

// toolbox is what a sandbox has and a server for production has not.
type toolbox struct {
	service   *service.Service
	trouble   *trouble.Maker
	inspector *inspect.Inspector
	// address is where the server answers: scheme, host and port.
	address func() string
	// now is the wall clock.
	now func() time.Time
	// ear is who listens to callbacks.
	ear ear
	// world is the one that is open, nil until its manifest is written: it names the clients of the sample world. The manual
	// reads it too, which does not wait for the doors.
	world atomic.Pointer[sampleWorld]
	// hear stands before all, for who looks at each request and its answer; nil for nobody.
	hear func(http.Handler) http.Handler
}

// before puts the tools in front of the API.
func (b *toolbox) before(s *server, api *httpapi.API, proof *auth.Authenticator) http.Handler {
	b.service = s.service
	b.trouble = trouble.New(trouble.Options{
		Claim: trouble.ClaimsTo(proof), Refuse: api.Refuse, WallClock: s.now, Window: s.config.clockSkew,
	})
	b.address = func() string { return s.address }
	b.inspector = inspect.New(b.inspector, inspect.Options{Proof: proof, WallClock: s.now, Random: s.random, Count: store.CountStatements})
	return b.inspector.Before(b.trouble.Before(api))
}

// letGo ends what trouble keeps waiting.
func (b *toolbox) letGo() error {
	if b.trouble == nil {
		return nil
	}
	return b.trouble.Close()
}

// watch tells the inspector what the API made of a request.
func (b *toolbox) watch(ctx context.Context, w httpapi.Watched) {
	b.inspector.Decided(ctx, inspect.Decided{ID: w.ID, Route: w.Route, Caller: w.Caller, Decisions: w.Decisions, Code: w.Code, Err: w.Err})
}

// lastRequests are those that the page shows, the newest first.
func (b *toolbox) lastRequests() []inspect.Record {
	found := b.inspector.Last(inspect.Filter{Limit: pageRequests})
	slices.Reverse(found)
	return found
}

// pageRequests is how many requests the page shows.
const pageRequests = 100

// hinder makes trouble for the callbacks of a client that it is made for.
func (b *toolbox) hinder(ctx context.Context, c wallet.Callback) (twice bool, err error) {
	number, err := b.service.ToldClient(ctx, itself, c.TransactionID)
	if err != nil {
		return false, err
	}
	return b.trouble.Callback(ctx, number)
}

// names is the manifest of the world that is open. It fails with ServiceUnavailable while the sandbox starts.
func (b *toolbox) names() (*sandbox.Manifest, error) {
	if w := b.world.Load(); w != nil {
		return w.manifest, nil
	}
	return nil, wallet.Errorf(wallet.ServiceUnavailable, "the sandbox is just starting: try again.")
}

// client finds a client by its number, by its name in the sample world or by what it signs as. It fails with NotFound
// and ServiceUnavailable.
func (b *toolbox) client(ctx context.Context, c wallet.Caller, name string) (int64, error) {
	world, err := b.names()
	if err != nil {
		return 0, err
	}
	for _, one := range world.Clients {
		if one.Name == name || one.ID == name {
			return one.Number, nil
		}
	}
	number, err := strconv.ParseInt(name, 10, 64)
	if err != nil || number <= 0 {
		return 0, wallet.Errorf(wallet.NotFound, "there is no client %q: give its number, or its name in sandbox.json.", name)
	}
	_, err = b.service.GetOtherClient(ctx, c, number)
	return number, err
}

// errNoSandbox refuses a verb that needs a running sandbox.
func errNoSandbox() error {
	return wallet.Errorf(wallet.InvalidState, "that is for sandboxes, and no `purser dev` runs on this folder: start one, or name its folder with --data.")
}
