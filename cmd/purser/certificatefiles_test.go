package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A certificate is renewed under a running server: who connects then gets the new one. As long as only one of the two files is written,
// or they cannot be read, it is the one before, and the log says why.
func TestTheCertificateIsRenewedWithoutARestart(t *testing.T) {
	folder, now := t.TempDir(), time.Now()
	var log bytes.Buffer
	f := &certificateFiles{
		certificate: filepath.Join(folder, "cert.pem"), key: filepath.Join(folder, "key.pem"),
		now: func() time.Time { return now }, log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		now = now.Add(certificateInterval)
		if err := os.Chtimes(name, now, now); err != nil { // however coarse its clock is
			t.Fatal(err)
		}
	}
	leaf := func() string {
		t.Helper()
		pair, err := f.current(nil)
		if err != nil || pair == nil {
			t.Fatalf("no certificate: %v", err)
		}
		return string(pair.Leaf.Raw)
	}
	selfSigned(t, folder)
	if err := f.read(); err != nil {
		t.Fatal(err)
	}
	first := leaf()
	oldKey, err := os.ReadFile(f.key)
	if err != nil {
		t.Fatal(err)
	}
	selfSigned(t, folder)
	newKey, err := os.ReadFile(f.key)
	if err != nil {
		t.Fatal(err)
	}
	write(f.key, oldKey)
	if leaf() != first || !strings.Contains(log.String(), "cannot be read; the one before is used") {
		t.Errorf("half of a renewal is used, or not told: %s", &log)
	}
	write(f.key, newKey)
	second := leaf()
	if second == first || !strings.Contains(log.String(), "was renewed") {
		t.Errorf("the certificate was not renewed: %s", &log)
	}
	if err := os.Remove(f.certificate); err != nil {
		t.Fatal(err)
	}
	if now = now.Add(certificateInterval); leaf() != second {
		t.Error("a file that is gone has taken the certificate away")
	}
}
