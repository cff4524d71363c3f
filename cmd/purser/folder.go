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

// databaseMark is a short hash of a database's address, which may hold a password.
func databaseMark(address string) string {
	return hex.EncodeToString(secret.Fingerprint(secret.Text(address))[:8])
}

// heldError says who holds a data folder.
type heldError struct {
	path string
	holder
}

func (h *heldError) Error() string {
	text := fmt.Sprintf("the data folder %s is held by process %d", h.path, h.PID)
	if h.Address != "" {
		text += ", which answers at " + h.Address
	}
	return text + ": stop it, or use another folder with --data, and another port with --listen 127.0.0.1:0"
}

// openFolder makes the folder if need be and takes its lock. It returns a *heldError when
// another process has it.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data folder: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		held := &heldError{path: path}
		text, _ := io.ReadAll(io.LimitReader(lock, 4096))
		lock.Close()
		if json.Unmarshal(text, &held.holder) != nil {
			return nil, fmt.Errorf("the data folder %s is held by another process, which is just starting", path)
		}
		return nil, held
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	f := &folder{path: path, lock: lock}
	return f, f.announce(holder{PID: os.Getpid()})
}

// announce tells other processes who holds the folder.
func (f *folder) announce(h holder) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := f.lock.Truncate(0); err != nil {
		return err
	}
	_, err = f.lock.WriteAt(text, 0)
	return err
}

// file is the path of a name in the folder.
func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// close gives the folder back.
func (f *folder) close() error {
	return errors.Join(f.lock.Truncate(0), f.lock.Close())
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
