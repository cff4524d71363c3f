// Command purser is the whole product in one binary: the sandbox (dev), the server for
// production (serve), and the tools of integrators and operators.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/secret"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &program{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, environ: os.Environ,
		now: time.Now, random: secret.NewIDs([32]byte(secret.RandomBytes(32))),
	})
	stop()
	os.Exit(code)
}

// program is what the commands get from outside: nothing else reads the clock, randomness or
// the environment.
type program struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	// environ is the whole environment, for programs that purser runs.
	environ func() []string
	now     func() time.Time
	// random is where ids come from, never keys; safe for concurrent use.
	random io.Reader
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, p *program) int {
	root := newRoot(p)
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	var quiet exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &quiet):
		return int(quiet)
	case errors.Is(err, errInterrupted):
		fmt.Fprintln(p.err, "\npurser:", err)
		return interrupted
	}
	fmt.Fprintln(p.err, "purser:", err)
	return 1
}

// exitStatus ends the program without another word.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:     "purser",
		Short:   "A self-hosted Wallet API: sandbox and server in one binary",
		Version: version(),
		Long: "purser answers the public Wallet API v1: clients, projects, places, wallets and payments behind\n" +
			"signed requests. Start with `purser dev`, a sandbox with sample data.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newDev(p), newServe(p),
		newRequest(p), newProfile(p), newMACCommand(p),
		newUser(p), newProject(p), newInbox(p), newPlace(p), newSpot(p), newWallet(p), newRate(p), newIdentification(p),
		newClient(p), newCA(p), newCertificate(p), newExplain(p), newAudit(p), newCallback(p), newSandbox(p), newLogs(p),
		newListen(p), newTrigger(p), newConform(p), newVerify(p), newBackup(p), newLog(p), newOnboard(p), newDocs(p),
	)
	root.SetVersionTemplate("purser {{.Version}}\n")
	guard(root)
	return root
}
