package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// visitor is somebody at the pages who has not signed in.
var visitor = wallet.Caller{Kind: wallet.Anonymous, From: wallet.Origin{Address: "192.0.2.9"}}

// TestMain lets scripts, and the tests that kill servers, run this very binary as purser.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"purser": main})
}

// TestScripts runs the command line as people use it: testdata/script/*.txt.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("..", "..", "testdata", "script"),
		Setup: func(env *testscript.Env) error {
			// A socket's path must be short, and a script's folder is not.
			data, err := os.MkdirTemp("", "purser")
			env.Defer(func() { os.RemoveAll(data) })
			env.Setenv("DATA", data)
			env.Setenv("HOME", env.WorkDir)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":    await,
			"manifest": inManifest,
			"capture":  capture,
			"forget":   forget,
			"tamper":   tamper,
		},
	})
}

// forget has people ask for a new password, in the database of a folder that no process holds: forget DATABASE
// KEY CONTACT…. The key-encryption key is in a file.
func forget(ts *testscript.TestScript, _ bool, args []string) {
	kek, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	p := &program{in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: func(string) string { return "" }, now: time.Now, random: secret.NewIDs([32]byte{})}
	s := &server{program: p}
	settings(p, &cobra.Command{}, &s.config, s.config.common)
	ts.Check(s.openLog(io.Discard, true))
	uses, db, err := s.openService(context.Background(), "sqlite:"+ts.MkAbs(args[0]), secret.Text(kek), true)
	ts.Check(err)
	for _, contact := range args[2:] {
		_, _, err := uses.RequestPasswordReset(context.Background(), visitor, contact)
		ts.Check(err)
	}
	ts.Check(db.Close())
	ts.Check(s.close())
}

// tamper alters a SQLite file behind everybody's back: tamper FILE STATEMENT.
func tamper(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(err)
	ts.Check(db.Close())
}

// await waits until a file holds a text.
func await(ts *testscript.TestScript, _ bool, args []string) {
	name, text := args[0], strings.Join(args[1:], " ")
	for range 400 {
		if content, err := os.ReadFile(ts.MkAbs(name)); err == nil && strings.Contains(string(content), text) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("%s does not hold %q after ten seconds", name, text)
}

// inManifest sets an environment variable to a text of sandbox.json: manifest VARIABLE KEY.
func inManifest(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(filepath.Join(ts.Getenv("DATA"), sandbox.ManifestFile))
	ts.Check(err)
	var manifest map[string]any
	ts.Check(json.Unmarshal(text, &manifest))
	ts.Setenv(args[0], fmt.Sprint(manifest[args[1]]))
}

// capture sets an environment variable to what the first group of an expression matches in stdout,
// stderr or a file: capture VARIABLE FILE EXPRESSION.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	match := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(match) < 2 {
		ts.Fatalf("%s does not match %s", args[1], args[2])
	}
	ts.Setenv(args[0], match[1])
}
