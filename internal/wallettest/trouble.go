package wallettest

import (
	"net/http"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/trouble"
)

// Trouble has the server make trouble for the client of that name, by a plan, and returns who makes it. Only one client at a
// time has any.
func (s *Server) Trouble(client string, p trouble.Plan) *trouble.Maker {
	s.t.Helper()
	calm := *s.handler.Load()
	maker := trouble.New(trouble.Options{
		Claim: trouble.ClaimsTo(s.proof), Refuse: s.API.Refuse, WallClock: s.Wall.Now, Window: auth.DefaultWindow,
	})
	for _, c := range s.Manifest.Clients {
		if c.Name != client {
			continue
		}
		if _, err := maker.Set(c.Number, p); err != nil {
			s.t.Fatal(err)
		}
		troubled := http.Handler(maker.Before(calm))
		s.handler.Store(&troubled)
		s.t.Cleanup(func() { maker.Close() })
		return maker
	}
	s.t.Fatalf("%q is not in the sample world", client)
	return nil
}
