package wallettest

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/exchange"
	"github.com/purserhq/purser/walletapi"
)

// ReadExchanges reads a file of exchanges.
func ReadExchanges(t testing.TB, path string) []exchange.Exchange {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	exchanges, err := exchange.Parse(string(text))
	if err != nil {
		t.Fatalf("%s:%v", path, err)
	}
	return exchanges
}

// Replay makes the requests of a file, one after the other, and compares the answers.
func (s *Server) Replay(exchanges []exchange.Exchange) {
	s.t.Helper()
	differences, err := s.World().Play(context.Background(), exchanges)
	for _, d := range differences {
		s.t.Error(d)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// World is the server for files of exchanges: all that they ask for can be done here.
func (s *Server) World() exchange.World {
	return exchange.World{
		Send: func(_ context.Context, m exchange.Message) (*exchange.Answer, error) {
			s.t.Helper()
			var options []Option
			if m.Certificate != "" {
				options = append(options, OverTLS(s.ShopCertificate()))
			}
			ready := s.message(m.Method, m.Target, append(options, func(there *message) { there.Message = m }))
			answer := s.send(Anonymous, ready)
			return &answer.Answer, nil
		},
		Credentials: func(name string) (walletapi.MAC, bool) {
			id, key, ok := s.Manifest.Credentials(name)
			return walletapi.MAC{ID: id, Secret: key.Reveal()}, ok
		},
		Now:            s.Wall.Now,
		HasCertificate: func(name string) bool { return name == "shop" },
		Later:          func(_ context.Context, by time.Duration) error { s.Business.Advance(by); return nil },
		After: func(_ context.Context, by time.Duration, do func() error) error {
			s.Business.Advance(by)
			defer s.Business.Advance(-by)
			return do()
		},
		Operate: s.operate,
		Code:    func(context.Context) (string, error) { return s.lastCode(), nil },
	}
}

// Memory is what requests refer to of earlier answers.
type Memory struct{ exchange.Memory }

// Learn keeps what later requests may refer to.
func (m *Memory) Learn(a *Answer) { m.Memory.Learn(a.Header, a.Body) }

// Recall puts what is remembered in the place of its words in a request, and the last code that somebody was
// sent.
func (s *Server) Recall(m *Memory, text string) string {
	s.t.Helper()
	if text = m.Memory.Recall(text, false); strings.Contains(text, "<code>") {
		text = strings.ReplaceAll(text, "<code>", s.lastCode())
	}
	return text
}

// lastCode is the last code that somebody was sent.
func (s *Server) lastCode() string {
	s.t.Helper()
	messages, err := s.Service.ListMessages(context.Background(), Operator, "", 1<<10)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range messages {
		if code := m.Values["code"]; code != "" {
			return code
		}
	}
	return "<code>"
}
