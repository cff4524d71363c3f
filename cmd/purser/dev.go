package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/manual"
	"github.com/purserhq/purser/internal/sandbox"
)

// newDev is `purser dev`: the sandbox.
func newDev(p *program) *cobra.Command {
	s := &server{program: p}
	var fresh bool
	command := &cobra.Command{
		Use:   "dev",
		Short: "Run a sandbox with sample data",
		Long: "Runs a Wallet API with sample data on this machine. The first start in a data folder loads the\n" +
			"sample world: the very ids and credentials of the public documentation's examples. All credentials\n" +
			"are in sandbox.json in that folder. `purser sandbox` moves its clock, and keeps and restores snapshots.\n" +
			"Each setting can also be given as the environment variable named behind it.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return runDev(command.Context(), s, fresh) },
	}
	settings(p, command, &s.config, s.config.common, s.config.sandboxed, func(flags *pflag.FlagSet) {
		flags.BoolVar(&fresh, "fresh", false, "throw the folder's database away and start over")
	})
	return command
}

func runDev(ctx context.Context, s *server, fresh bool) (err error) {
	defer func() { err = s.ended(ctx, err) }()
	if err := s.openLog(s.err, true); err != nil {
		return err
	}
	if err := s.openFolder(); err != nil {
		return err
	}
	if fresh {
		if err := s.startOver(); err != nil {
			return err
		}
	}
	s.box = &toolbox{now: s.now}
	isNew, err := s.openSandbox(ctx)
	if err != nil {
		return err
	}
	if err := s.listenOperator(); err != nil {
		return err
	}
	s.closing(s.box.letGo) // before the port waits for them
	manifest, err := s.describeWorld(ctx)
	if err != nil {
		return err
	}
	if isNew {
		lipgloss.Fprintln(s.out, welcome(manifest, s.config.data)) // without colours where nobody sees them
	} else {
		fmt.Fprintf(s.out, "purser answers at %s; credentials are in %s, and the manual is at %s\n\n",
			manifest.BaseURL, filepath.Join(s.config.data, sandbox.ManifestFile), manifest.BaseURL+manual.Root)
		lipgloss.Fprintln(s.out, invitation(s.config.data))
	}
	return s.wait(ctx)
}

// startOver throws the sandbox's database away, and no other's.
func (s *server) startOver() error {
	isNew, err := s.folder.isNew()
	if err != nil || isNew {
		return err
	}
	if _, err := os.Stat(s.folder.file(sandbox.ManifestFile)); err != nil {
		return fmt.Errorf("%s holds a database, but no %s: --fresh throws away sandboxes only", s.config.data, sandbox.ManifestFile)
	}
	if err := s.folder.removeDatabase(dataFile); err != nil {
		return err
	}
	return ignoreMissing(os.Remove(s.folder.file(worldFile)))
}

// openSandbox opens the folder's database, loading the sample world first when there is none,
// and answers from then on. The world is loaded under another name and renamed when it is
// whole: a load that was cut off leaves nothing behind but a file to throw away.
func (s *server) openSandbox(ctx context.Context) (isNew bool, err error) {
	if isNew, err = s.folder.isNew(); err != nil {
		return false, err
	}
	if err := s.beginWorld(isNew); err != nil {
		return false, err
	}
	s.owed, s.jobs = make(chan struct{}, 1), make(chan func(context.Context) error)
	s.snapshots = make(chan struct{}, 1)
	s.front, s.desk = newDoor(), newDoor()
	s.closing(s.closeWorld)
	if err := s.serve(manual.Beside(s.front, s.sandboxManual())); err != nil {
		return false, err
	}
	if isNew {
		if err := s.loadWorld(ctx); err != nil {
			return false, err
		}
	}
	return isNew, s.openWorld(ctx)
}

func (s *server) loadWorld(ctx context.Context) error {
	kek, err := s.folder.sandboxKEK()
	if err != nil {
		return err
	}
	for _, name := range []string{loadingFile, dataFile} { // a stray WAL must not join the new file
		if err := s.folder.removeDatabase(name); err != nil {
			return err
		}
	}
	if err := s.enterWorld(); err != nil {
		return err
	}
	uses, db, err := s.openService(ctx, "sqlite:"+s.folder.file(loadingFile), kek, true)
	if err != nil {
		return err
	}
	if err := sandbox.Load(ctx, uses); err != nil {
		db.Close()
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Rename(s.folder.file(loadingFile), s.folder.file(dataFile)); err != nil {
		return err
	}
	return s.folder.syncDir()
}

// welcome is what a new sandbox says: where it is, who may call it, and one command to paste.
func welcome(m *sandbox.Manifest, data string) string {
	bold, faint := lipgloss.NewStyle().Bold(true), lipgloss.NewStyle().Faint(true)
	var text strings.Builder
	line := func(name, value string) {
		fmt.Fprintf(&text, "%s%s\n", faint.Render(fmt.Sprintf("%-13s", name)), value)
	}
	fmt.Fprintf(&text, "%s  a Wallet API of your own, with sample data\n\n", bold.Render("purser"))
	line("API", m.BaseURL+"/rest/v1")
	line("over TLS", m.TLSBaseURL+"/rest/v1")
	line("pages", m.PagesURL+"/account")
	line("messages", m.PagesURL+"/inbox")
	line("manual", m.BaseURL+manual.Root)
	line("client", m.Clients[0].ID)
	line("key", m.Clients[0].MACKey)
	line("projects", "1221, 1222, 1223 and 123 with place 456")
	line("payer", fmt.Sprintf("wallet 14471 with 1,000.00 EUR, %s, PIN %s", m.Users[1].Email, m.Users[1].PIN))
	line("everything", filepath.Join(data, sandbox.ManifestFile))
	box := lipgloss.NewStyle().Border(lipgloss.RoundedBorder()).Padding(0, 2).Render(strings.TrimSuffix(text.String(), "\n"))
	return box + "\n\n" + invitation(data)
}

// invitation is a command to begin with.
func invitation(data string) string {
	return "Paste this into another terminal for a signed call and its answer:\n\n  " + lipgloss.NewStyle().Bold(true).Render(sampleCommand(data)) + "\n"
}

// sampleCommand is the command to paste, spelled as the running one was.
func sampleCommand(data string) string {
	self := os.Args[0]
	switch executable, err := os.Executable(); {
	case err == nil && strings.Contains(filepath.ToSlash(executable), "/go-build"):
		self = "go run ./cmd/purser" // started by `go run`, whose binary is gone when it ends
	case filepath.Base(self) == self:
		self = "purser"
	}
	command := self + " request GET /project/1221"
	if filepath.Clean(data) != filepath.Clean(defaultData) {
		command += " --sandbox " + shellWord(data)
	}
	return command
}

// shellWord quotes a word for a shell where that is needed.
func shellWord(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:,@") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
