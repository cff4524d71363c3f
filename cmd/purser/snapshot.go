package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// A snapshot is a folder in the data folder: the database, the key-encryption key, the nonces and the clock, each under
// its name there.

const (
	snapshotsFolder = "snapshots"
	// makingSuffix ends what is not whole yet, beforeSuffix the database that another one takes the place of.
	makingSuffix = "~making"
	beforeSuffix = ".before"
)

// snapshotForm is what a snapshot may be called.
var snapshotForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$`)

// snapshotName names a snapshot.
type snapshotName struct {
	Name  string `json:"name"`
	Apply bool   `json:"apply,omitempty"`
}

// snapshotFork says where a snapshot becomes a sandbox of its own: Folder is an absolute path.
type snapshotFork struct {
	Name   string `json:"name"`
	Folder string `json:"folder"`
}

// snapshotAnswer is a snapshot in JSON: when it was made, what the sandbox's clock shows in it, and its size in bytes.
type snapshotAnswer struct {
	Name   string    `json:"name"`
	MadeAt time.Time `json:"made_at"`
	Clock  time.Time `json:"clock"`
	Frozen bool      `json:"frozen"`
	Bytes  int64     `json:"bytes"`
}

// snapshotListAnswer are all snapshots of a sandbox, by name.
type snapshotListAnswer struct {
	Snapshots []snapshotAnswer `json:"snapshots"`
}

// snapshotDone says what was done with a snapshot, or would be.
type snapshotDone struct {
	Applied  bool           `json:"applied"`
	Snapshot snapshotAnswer `json:"snapshot"`
	Folder   string         `json:"folder,omitempty"`
}

// snapshotPath is the folder of a snapshot of that name. It fails with InvalidParameters.
func (s *server) snapshotPath(name string) (string, error) {
	if !snapshotForm.MatchString(name) {
		return "", wallet.FieldError("name", "%q cannot be the name of a snapshot: use 1 to 60 letters, digits, and . _ - behind the first", name)
	}
	return filepath.Join(s.folder.file(snapshotsFolder), name), nil
}

// snapshotAt is the snapshot of that name and its folder. It fails with NotFound and InvalidParameters.
func (s *server) snapshotAt(name string) (a snapshotAnswer, path string, err error) {
	if path, err = s.snapshotPath(name); err != nil {
		return a, path, err
	}
	file, err := os.Stat(filepath.Join(path, dataFile))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return a, path, wallet.Errorf(wallet.NotFound, "there is no snapshot %s: `purser sandbox list` shows them.", name)
	}
	if err != nil {
		return a, path, err
	}
	state, err := readWorld(filepath.Join(path, worldFile))
	return snapshotAnswer{Name: name, MadeAt: instant(file.ModTime()), Clock: instant(state.Clock.At), Frozen: state.Clock.Frozen, Bytes: file.Size()}, path, err
}

// makeSnapshot keeps the world as it is.
func (s *server) makeSnapshot(ctx context.Context, c wallet.Caller, n snapshotName) (snapshotDone, error) {
	path, err := s.snapshotPath(n.Name)
	if err != nil {
		return snapshotDone{}, err
	}
	if _, err := os.Stat(path); err == nil {
		return snapshotDone{}, wallet.Errorf(wallet.InvalidState, "there is a snapshot %s already: remove it first, or use another name.", n.Name)
	}
	making := path + makingSuffix
	if err := errors.Join(os.RemoveAll(making), os.MkdirAll(making, 0o700)); err != nil {
		return snapshotDone{}, err
	}
	if err := s.fillSnapshot(ctx, c, making); err != nil {
		return snapshotDone{}, errors.Join(err, os.RemoveAll(making))
	}
	if err := os.Rename(making, path); err != nil {
		return snapshotDone{}, err
	}
	a, _, err := s.snapshotAt(n.Name)
	return snapshotDone{Applied: true, Snapshot: a}, err
}

// fillSnapshot writes the files of a snapshot.
func (s *server) fillSnapshot(ctx context.Context, c wallet.Caller, path string) error {
	clock, err := s.service.Snapshot(ctx, c, filepath.Join(path, dataFile))
	if err != nil {
		return err
	}
	state, err := readWorld(s.folder.file(worldFile))
	if err != nil {
		return err
	}
	state.Clock = clock
	return errors.Join(
		writeWorld(filepath.Join(path, worldFile), state),
		os.WriteFile(filepath.Join(path, nonceFile), s.nonces.Copy(), 0o600),
		copyFile(s.folder.file(kekFile), filepath.Join(path, kekFile)),
	)
}

// listSnapshots lists what there is.
func (s *server) listSnapshots(context.Context, wallet.Caller, struct{}) (snapshotListAnswer, error) {
	all := snapshotListAnswer{Snapshots: []snapshotAnswer{}}
	entries, err := os.ReadDir(s.folder.file(snapshotsFolder))
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	for _, entry := range entries {
		if !snapshotForm.MatchString(entry.Name()) {
			continue // one that is being made
		}
		a, _, err := s.snapshotAt(entry.Name())
		var none *wallet.Error
		if errors.As(err, &none) && none.Code == wallet.NotFound {
			continue // something else that somebody put there
		}
		if err != nil {
			return all, err
		}
		all.Snapshots = append(all.Snapshots, a)
	}
	slices.SortFunc(all.Snapshots, func(a, b snapshotAnswer) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// removeSnapshot removes one for good.
func (s *server) removeSnapshot(_ context.Context, _ wallet.Caller, n snapshotName) (snapshotDone, error) {
	a, path, err := s.snapshotAt(n.Name)
	if err == nil && n.Apply {
		err = os.RemoveAll(path)
	}
	return snapshotDone{Applied: n.Apply, Snapshot: a}, err
}

// forkSnapshot makes the data folder of another sandbox of a snapshot. Its database comes last: a folder without one is no
// sandbox.
func (s *server) forkSnapshot(_ context.Context, _ wallet.Caller, f snapshotFork) (snapshotDone, error) {
	a, path, err := s.snapshotAt(f.Name)
	if err != nil {
		return snapshotDone{}, err
	}
	if !filepath.IsAbs(f.Folder) {
		return snapshotDone{}, wallet.FieldError("folder", "must be an absolute path")
	}
	if err := os.MkdirAll(f.Folder, 0o700); err != nil {
		return snapshotDone{}, wallet.FieldError("folder", "cannot be made: %s", err)
	}
	switch entries, err := os.ReadDir(f.Folder); {
	case err != nil:
		return snapshotDone{}, wallet.FieldError("folder", "cannot be read: %s", err)
	case len(entries) > 0:
		return snapshotDone{}, wallet.Errorf(wallet.InvalidState, "%s is not empty: name a new folder.", f.Folder)
	}
	for _, name := range []string{kekFile, nonceFile, worldFile} {
		if err := copyFile(filepath.Join(path, name), filepath.Join(f.Folder, name)); err != nil {
			return snapshotDone{}, err
		}
	}
	loading := filepath.Join(f.Folder, loadingFile)
	err = copyFile(filepath.Join(path, dataFile), loading)
	if err == nil {
		err = os.Rename(loading, filepath.Join(f.Folder, dataFile))
	}
	return snapshotDone{Applied: err == nil, Snapshot: a, Folder: f.Folder}, err
}

// copyFile copies a file, for its owner alone.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// restoreSnapshot has the goroutine that opened the world exchange it, and waits for that.
func (s *server) restoreSnapshot(_ context.Context, _ wallet.Caller, n snapshotName) (done snapshotDone, err error) {
	a, path, err := s.snapshotAt(n.Name)
	if err != nil || !n.Apply {
		return snapshotDone{Snapshot: a}, err
	}
	const restoreWait = 5 * time.Second
	ended := make(chan struct{})
	job := func(ctx context.Context) (fatal error) {
		defer close(ended)
		err, fatal = s.exchangeWorld(ctx, path)
		return fatal
	}
	select {
	case s.jobs <- job:
		<-ended // also when nobody waits for the answer: it is done all the same
	case <-time.After(restoreWait):
		return done, wallet.Errorf(wallet.ServiceUnavailable, "the sandbox is just stopping, or restores another snapshot: try again.")
	}
	return snapshotDone{Applied: err == nil, Snapshot: a}, err
}

// exchangeWorld puts the world of a snapshot into the place of the one that is open. Where that fails it opens the old one
// again; fatal says that this failed too.
func (s *server) exchangeWorld(ctx context.Context, path string) (err, fatal error) {
	kek, err := os.ReadFile(filepath.Join(path, kekFile))
	ours, failed := os.ReadFile(s.folder.file(kekFile))
	if err = errors.Join(err, failed); err != nil {
		return err, nil
	}
	if string(kek) != string(ours) {
		return wallet.Errorf(wallet.InvalidState, "the snapshot was sealed with another key than this folder holds: fork it into a folder of its own."), nil
	}
	if err := copyFile(filepath.Join(path, dataFile), s.folder.file(loadingFile)); err != nil {
		return err, nil
	}
	old, err := readWorld(s.folder.file(worldFile))
	if err != nil {
		return err, nil
	}
	if err := s.closeWorld(); err != nil {
		s.log.Warn("the world that a snapshot takes the place of did not close well", "error", err)
	}
	err = s.enterSnapshot(path)
	if err == nil {
		err = s.openWorld(ctx)
	}
	if err == nil {
		if _, err = s.describeWorld(ctx); err != nil {
			return err, err
		}
		return ignoreMissing(os.Remove(s.folder.file(dataFile + beforeSuffix))), nil
	}
	return err, s.reopenWorld(ctx, old)
}

// enterSnapshot puts the files of a snapshot into their places; the database that was there is kept beside it.
func (s *server) enterSnapshot(path string) error {
	data, before := s.folder.file(dataFile), s.folder.file(dataFile+beforeSuffix)
	if err := errors.Join(ignoreMissing(os.Remove(before)), os.Link(data, before)); err != nil {
		return err
	}
	if err := s.folder.removeWAL(dataFile); err != nil { // somebody who reads the old database may have kept it
		return err
	}
	nonces, err := os.ReadFile(filepath.Join(path, nonceFile))
	if err != nil {
		return err
	}
	if err := overwrite(s.folder.file(nonceFile), nonces); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(path, worldFile), s.folder.file(worldFile)); err != nil {
		return err
	}
	return os.Rename(s.folder.file(loadingFile), data)
}

// overwrite writes over the beginning of a file that this process has mapped, and goes on having mapped: another file
// would keep the old one's room on the disk for as long as the process lives.
func overwrite(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(content, 0)
	return errors.Join(err, file.Close())
}

// reopenWorld goes back to the world of before, after a snapshot could not be opened.
func (s *server) reopenWorld(ctx context.Context, state worldState) error {
	err := s.closeWorld()
	before := s.folder.file(dataFile + beforeSuffix)
	if _, missing := os.Stat(before); missing == nil {
		err = errors.Join(err, s.folder.removeWAL(dataFile), os.Rename(before, s.folder.file(dataFile)))
	}
	if err = errors.Join(err, writeWorld(s.folder.file(worldFile), state)); err == nil {
		err = s.openWorld(ctx)
	}
	if err != nil {
		return fmt.Errorf("neither the snapshot nor what was there before can be opened: %w", err)
	}
	return nil
}

// snapshotWait is how long a verb on snapshots waits for another one: no longer, since a restore that is under way waits for it.
const snapshotWait = 2 * time.Second

// alone has a verb change snapshots, or read one, while no other one does.
func alone[In, Out any](s *server, do func(context.Context, wallet.Caller, In) (Out, error)) func(context.Context, wallet.Caller, In) (Out, error) {
	return func(ctx context.Context, c wallet.Caller, in In) (out Out, err error) {
		select {
		case s.snapshots <- struct{}{}:
			defer func() { <-s.snapshots }()
			return do(ctx, c, in)
		case <-time.After(snapshotWait):
			return out, wallet.Errorf(wallet.ServiceUnavailable, "the sandbox is just busy with another snapshot: try again.")
		}
	}
}

// snapshotVerbs add the verbs on snapshots to the operator's.
func (s *server) snapshotVerbs(others http.Handler) http.Handler {
	mux := http.NewServeMux()
	handleVerb(mux, "sandbox/snapshot", alone(s, s.makeSnapshot))
	handleVerb(mux, "sandbox/list", s.listSnapshots)
	handleVerb(mux, "sandbox/remove", alone(s, s.removeSnapshot))
	handleVerb(mux, "sandbox/fork", alone(s, s.forkSnapshot))
	mux.Handle("/", others)
	return mux
}

// operatorHandler answers the operator. A restore is not behind the door that it shuts.
func (s *server) operatorHandler() http.Handler {
	if s.desk == nil {
		return operatorAPI(s.service, s.templates, s.box)
	}
	mux := http.NewServeMux()
	handleVerb(mux, "sandbox/restore", alone(s, s.restoreSnapshot))
	mux.Handle("/", s.desk)
	return mux
}
