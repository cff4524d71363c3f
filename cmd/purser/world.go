package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
)

// A sandbox is an outside that stays as long as the process, its folder, its listeners and its operator's socket, and a
// world behind two doors: the database and all that works on it. To restore a snapshot the doors are shut, the world is
// closed as when the process ends, and another one is opened: nothing that was kept in memory of the old one is left,
// because there is nothing left of it at all.

// worldFile is what a sandbox keeps beside its database: it must be known before that is opened.
const worldFile = "world.json"

// worldState is its content.
type worldState struct {
	Clock service.ClockState `json:"clock,omitzero"`
	// Seed is where ids and visible tokens come from, empty for chance, and Starts how often a process has begun to draw
	// from it: each goes on with others.
	Seed   string `json:"seed,omitempty"`
	Starts int    `json:"starts,omitempty"`
}

// readWorld reads a file of that kind; the zero state where there is none.
func readWorld(path string) (state worldState, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return state, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		err = fmt.Errorf("reading %s: %w", path, err)
	}
	return state, err
}

// writeWorld writes one, never half.
func writeWorld(path string, state worldState) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// enterWorld takes the clock of the folder's sandbox, and where its ids come from.
func (s *server) enterWorld() error {
	path := s.folder.file(worldFile)
	state, err := readWorld(path)
	if err != nil {
		return err
	}
	if state.Seed != "" {
		state.Starts++
		if err := writeWorld(path, state); err != nil {
			return err
		}
		ours := *s.program
		drawn := func(what string) io.Reader {
			return secret.NewIDs(sha256.Sum256([]byte("purser " + what + " " + strconv.Itoa(state.Starts) + " " + state.Seed)))
		}
		ours.random, s.requestIDs = drawn("ids"), drawn("requests")
		s.program = &ours
	}
	s.seed = state.Seed
	s.clock, err = service.NewClock(s.now, state.Clock, func(clock service.ClockState) error {
		state.Clock = clock
		return writeWorld(path, state)
	})
	return err
}

// requestRandom is where the ids of requests come from. They have a source of their own in a sandbox with a seed: how often
// somebody calls beside must not decide what a token is called.
func (s *server) requestRandom() io.Reader {
	if s.requestIDs == nil {
		return s.random
	}
	return s.requestIDs
}

// businessClock stamps and expires things: the sandbox's own where there is one.
func (s *server) businessClock() func() time.Time {
	if s.clock == nil {
		return s.now
	}
	return s.clock.Now
}

// movable is the business clock for those who may move it; nil in what is no running sandbox.
func (s *server) movable() *service.Clock {
	if s.front == nil {
		return nil
	}
	return s.clock
}

// refuseWorld keeps serve from a folder in which a sandbox keeps its clock.
func (s *server) refuseWorld() error {
	_, err := os.Stat(s.folder.file(worldFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s is the folder of a sandbox, whose clock %s holds: serve from another one", s.config.data, worldFile)
	}
	return err
}

// beginWorld notes where a new sandbox's clock stands and where its ids come from. One that there is already has its own.
func (s *server) beginWorld(isNew bool) error {
	path := s.folder.file(worldFile)
	if !isNew {
		state, err := readWorld(path)
		if err == nil && s.config.seed != "" && s.config.seed != state.Seed {
			err = fmt.Errorf("--seed: the sandbox in %s was made with another seed, or without one: start over with --fresh", s.config.data)
		}
		return err
	}
	state := worldState{Seed: s.config.seed}
	if s.config.clock != "" {
		at, err := parseInstant(s.config.clock)
		if err != nil {
			return fmt.Errorf("--clock: %w", err)
		}
		state.Clock = service.ClockState{At: at, Frozen: true}
	}
	return writeWorld(path, state)
}

// parseInstant reads a time, or a date, which is its beginning in UTC.
func parseInstant(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil && at.Year() >= 1970 {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write a date, such as 2027-03-01, or a time, such as 2027-03-01T12:00:00Z", text)
}

// openWorld opens the database of the folder and what works on it, and lets requests in.
func (s *server) openWorld(ctx context.Context) error {
	outside := s.closers
	s.closers = nil
	defer func() { s.world, s.closers = s.closers, outside }()
	kek, err := s.folder.readSandboxKEK()
	if err != nil {
		return fmt.Errorf("%s holds a database that is no sandbox's (%w): use another folder with --data", s.config.data, err)
	}
	if err := s.enterWorld(); err != nil {
		return err
	}
	uses, db, err := s.openService(ctx, "sqlite:"+s.folder.file(dataFile), kek, true)
	if err != nil {
		return err
	}
	s.closing(db.Close)
	s.service = uses
	s.callbacks = s.callbackCourier(true)
	if err := s.monitor(db); err != nil {
		return err
	}
	if err := s.listen(db, true); err != nil {
		return err
	}
	if _, err := s.templates(); err != nil { // rather now than when somebody reads a message
		return fmt.Errorf("--message-templates: %w", err)
	}
	s.startCallbacks()
	s.desk.open(s.snapshotVerbs(operatorAPI(s.service, s.templates, s.box)))
	return nil
}

// closeWorld lets nobody in any more, and closes what openWorld opened, the last one first.
func (s *server) closeWorld() error {
	s.box.letGo() // or the door would wait for those whom trouble keeps waiting
	err := errors.Join(s.front.shut(s.config.shutdownTimeout), s.desk.shut(s.config.shutdownTimeout))
	for i := len(s.world) - 1; i >= 0; i-- {
		err = errors.Join(err, s.world[i]())
	}
	s.world = nil
	return err
}

// answer has a handler answer the API and the pages: at the sandbox's door, or on a port that is opened for it.
func (s *server) answer(handler http.Handler) error {
	if s.front == nil {
		return s.serve(handler)
	}
	s.front.open(handler)
	return nil
}

// describeWorld writes the manifest of the world that is open, for the addresses at which it answers.
func (s *server) describeWorld(ctx context.Context) (*sandbox.Manifest, error) {
	manifest, err := sandbox.Read(ctx, s.service, s.address)
	if err != nil {
		return nil, err
	}
	if manifest.TLSBaseURL, err = s.serveSandboxTLS(ctx); err != nil {
		return nil, err
	}
	if err := manifest.Write(s.folder.path); err != nil {
		return nil, fmt.Errorf("writing %s: %w", sandbox.ManifestFile, err)
	}
	s.box.world.Store(&sampleWorld{s.service, manifest})
	return manifest, nil
}
