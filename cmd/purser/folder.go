package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/purserhq/purser/internal/secret"
)

// Names in a data folder.
const (
	lockFile    = "purser.lock"
	dataFile    = "purser.db"
	loadingFile = "purser.db.loading"
	kekFile     = "kek"
	nonceFile   = "nonces"
	socketFile  = "purser.sock"
)

// folder is a data folder that this process holds.
type folder struct {
	path string
	lock *os.File
	// database is the lock of a SQLite database that is not the folder's own; nil where there is none.
	database *os.File
}

// holder is what a process writes into the lock of its folder, for the next one to read.
type holder struct {
	PID int `json:"pid"`
	// Address is where it answers; empty until it listens.
	Address string `json:"address,omitempty"`
	// Origin is what it is called by from outside; empty when it was not told.
	Origin string `json:"origin,omitempty"`
	// Socket is where operator verbs reach it.
	Socket string `json:"socket,omitempty"`
	// Database tells databases apart without naming one.
	Database string `json:"database,omitempty"`
}

// databaseMark is a short hash of a database's address, which may hold a password. A file has one mark, however its path is written.
func databaseMark(address string) string {
	if path, is := strings.CutPrefix(address, sqliteScheme); is {
		address = sqliteScheme + realPath(path)
	}
	return hex.EncodeToString(secret.Fingerprint(secret.Text(address))[:8])
}

// sqliteScheme begins the address of a SQLite database.
const sqliteScheme = "sqlite:"

// realPath is the one path of a file that may have several, and need not be there yet.
func realPath(path string) string {
	path = absolute(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// heldError says who holds a data folder, or a database outside of it.
type heldError struct {
	what string
	// instead is what else could be used.
	instead string
	holder
}

func (h *heldError) Error() string {
	text := fmt.Sprintf("%s is held by process %d", h.what, h.PID)
	if h.Address != "" {
		text += ", which answers at " + h.Address
	}
	return text + ": stop it, or use " + h.instead
}

// openFolder makes the folder if need be and takes its lock. It returns a *heldError when
// another process has it.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := takeLock(filepath.Join(path, lockFile), "the data folder "+path, "another folder with --data, and another port with --listen 127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, lock: lock}
	return f, f.announce(holder{PID: os.Getpid()})
}

// takeLock takes a lock file, of what it says. It returns a *heldError when another process has it.
func takeLock(path, what, instead string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of %s: %w", what, err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		held := &heldError{what: what, instead: instead}
		text, _ := io.ReadAll(io.LimitReader(lock, 4096))
		lock.Close()
		if json.Unmarshal(text, &held.holder) != nil {
			return nil, fmt.Errorf("%s is held by another process, which is just starting", what)
		}
		return nil, held
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("locking %s: %w", what, err)
	}
	return lock, nil
}

// holdDatabase takes the lock of a SQLite database that is not the folder's own, or two processes with a folder each would write to
// one file. It is that which the database's own folder has: purser.lock beside purser.db.
func (f *folder) holdDatabase(address string) error {
	path, is := strings.CutPrefix(address, sqliteScheme)
	if !is {
		return nil
	}
	lock := strings.TrimSuffix(realPath(path), filepath.Ext(dataFile)) + filepath.Ext(lockFile)
	if lock == realPath(f.file(lockFile)) {
		return nil
	}
	var err error
	if f.database, err = takeLock(lock, "the database "+path, "another one with --database"); err != nil {
		return err
	}
	return f.announce(holder{PID: os.Getpid()})
}

// announce tells other processes who holds the folder.
func (f *folder) announce(h holder) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	for _, lock := range f.locks() {
		if err := lock.Truncate(0); err != nil {
			return err
		}
		if _, err = lock.WriteAt(text, 0); err != nil {
			return err
		}
	}
	return nil
}

// locks are those that the folder holds.
func (f *folder) locks() []*os.File {
	if f.database == nil {
		return []*os.File{f.lock}
	}
	return []*os.File{f.lock, f.database}
}

// file is the path of a name in the folder.
func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// close gives the folder back.
func (f *folder) close() (err error) {
	for _, lock := range f.locks() {
		err = errors.Join(err, lock.Truncate(0), lock.Close())
	}
	return err
}

// isNew says whether the folder has no database yet.
func (f *folder) isNew() (bool, error) {
	_, err := os.Stat(f.file(dataFile))
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// removeDatabase removes a database of that name, with what SQLite keeps beside it.
func (f *folder) removeDatabase(name string) error {
	if err := ignoreMissing(os.Remove(f.file(name))); err != nil {
		return err
	}
	return f.removeWAL(name)
}

// removeWAL removes what SQLite keeps beside a database that nobody has open.
func (f *folder) removeWAL(name string) error {
	return errors.Join(ignoreMissing(os.Remove(f.file(name+"-wal"))), ignoreMissing(os.Remove(f.file(name+"-shm"))))
}

// syncDir makes renames in the folder durable.
func (f *folder) syncDir() error {
	dir, err := os.Open(f.path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// readSandboxKEK reads the key-encryption key that a sandbox keeps beside its database: there
// it protects nothing, and it needs no setting.
func (f *folder) readSandboxKEK() (secret.Text, error) {
	text, err := os.ReadFile(f.file(kekFile))
	return secret.Text(text), err
}

// sandboxKEK is that key, made when there is none: for a new sandbox.
func (f *folder) sandboxKEK() (secret.Text, error) {
	kek, err := f.readSandboxKEK()
	if !errors.Is(err, os.ErrNotExist) {
		return kek, err
	}
	kek = secret.NewKEK()
	temporary := f.file(kekFile + ".new")
	if err := os.WriteFile(temporary, []byte(kek.Reveal()+"\n"), 0o600); err != nil {
		return "", err
	}
	return kek, os.Rename(temporary, f.file(kekFile))
}

// maxSocketPath is what the systems that purser runs on allow for the path of a socket.
const maxSocketPath = 100

// listenSocket opens the socket for operator verbs: in the folder, or, when its path is too
// long for a socket, in a private temporary folder. Only its owner may connect.
func (f *folder) listenSocket() (net.Listener, string, error) {
	path, err := filepath.Abs(f.file(socketFile))
	if err != nil {
		return nil, "", err
	}
	if len(path) > maxSocketPath {
		dir, err := os.MkdirTemp("", "purser-")
		if err != nil {
			return nil, "", err
		}
		path = filepath.Join(dir, socketFile)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", err
	}
	// Made closed to everybody else from the first moment.
	old := syscall.Umask(0o177)
	listener, err := net.Listen("unix", path)
	syscall.Umask(old)
	return listener, path, err
}
