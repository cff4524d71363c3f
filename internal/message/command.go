package message

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// Command is a Sender that runs a program of the operator for each message, without a shell and
// without arguments. The program reads one JSON object from its standard input, with the texts
// to, channel ("email" or "sms"), locale, kind, subject ("" for an SMS) and body; its exit code 0
// says that the message is sent, and anything else that it is not. Make one with NewCommand.
type Command struct {
	program string
	environ []string
	limit   time.Duration
}

// NewCommand finds the program. It gets the environment without the variables that begin with
// PURSER_ or PG, since those may hold this server's own secrets.
func NewCommand(program string, environ []string) (*Command, error) {
	found, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("--message-command: %w", err)
	}
	environ = slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		return strings.HasPrefix(variable, "PURSER_") || strings.HasPrefix(variable, "PG")
	})
	return &Command{program: found, environ: environ, limit: SendLimit}, nil
}

// order is what the program reads.
type order struct {
	To      string `json:"to"`
	Channel string `json:"channel"`
	Locale  string `json:"locale"`
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

const (
	// mostHeard is how much of what a program says is kept, mostTold how much of that is passed on.
	mostHeard, mostTold = 64 << 10, 200
	// outputDelay is how long a program that has ended may keep its output open through others.
	outputDelay = time.Second
)

// Send runs the program. Its error carries the beginning of what the program wrote to its standard
// error, with the message itself taken out.
func (c *Command) Send(ctx context.Context, m wallet.Message, t Text) error {
	limited, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	said := &beginning{}
	run := exec.CommandContext(limited, c.program)
	// Nil would mean the whole environment.
	run.Env = append([]string{}, c.environ...)
	run.Stdin = bytes.NewReader(encodeJSON(order{
		To: m.To(), Channel: channel(m), Locale: m.Locale, Kind: string(m.Kind), Subject: t.Subject, Body: t.Body,
	}))
	run.Stderr = said
	run.WaitDelay = outputDelay
	endTogether(run)
	err := run.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		// The program ended well; what it started keeps the output open, and may.
		return nil
	}
	failure := fmt.Sprintf("the program of --message-command: %v", err)
	switch {
	case ctx.Err() != nil:
		failure = "the program of --message-command was stopped, since the server stops"
	case limited.Err() != nil:
		failure = fmt.Sprintf("the program of --message-command took longer than %v", c.limit)
	}
	// First hidden and then cut: half a code is still half a code.
	if told := cut(flatten(hide(m, t, said.String())), mostTold); told != "" {
		failure += ": " + told
	}
	return errors.New(failure)
}

// beginning keeps the first mostHeard bytes that are written to it, and lets the rest go. It may
// still be written to while it is read, by what outlives a program.
type beginning struct {
	mu   sync.Mutex
	kept []byte
}

// Write takes everything, so that no program fails for talking.
func (b *beginning) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, p[:min(len(p), mostHeard-len(b.kept))]...)
	return len(p), nil
}

// String is what was kept.
func (b *beginning) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.kept)
}
