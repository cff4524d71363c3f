package main

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateFiles are the server's own TLS certificate and its key. Whoever renews them writes the files anew; new connections get
// what is in them then, and the process goes on.
type certificateFiles struct {
	certificate, key string
	now              func() time.Time
	log              *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	seen   [2]fileState
	looked time.Time
}

// fileState tells a file from what it was before.
type fileState struct {
	changed time.Time
	size    int64
}

// certificateInterval is how often the files are looked at, where anybody connects.
const certificateInterval = 10 * time.Second

// current is the certificate for a new connection.
func (f *certificateFiles) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.looked) >= certificateInterval {
		f.looked = now
		f.renew()
	}
	return f.pair, nil
}

// renew reads files that have changed. The two are written one after the other: until they fit, the certificate before is used.
func (f *certificateFiles) renew() {
	state, err := f.state()
	if err == nil && state == f.seen {
		return
	}
	if err = errors.Join(err, f.read()); err != nil {
		f.log.Warn("the TLS certificate has changed and cannot be read; the one before is used", "error", err)
		return
	}
	f.log.Info("the TLS certificate was renewed", "until", f.pair.Leaf.NotAfter)
}

// read reads the files, and leaves all as it was where that fails.
func (f *certificateFiles) read() error {
	state, err := f.state() // before they are read: what is written meanwhile is read again
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
	if err != nil {
		return err
	}
	f.pair, f.seen, f.looked = &pair, state, f.now()
	return nil
}

func (f *certificateFiles) state() (state [2]fileState, err error) {
	for i, name := range []string{f.certificate, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return state, err
		}
		state[i] = fileState{info.ModTime(), info.Size()}
	}
	return state, nil
}
