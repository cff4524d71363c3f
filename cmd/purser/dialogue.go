package main

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// errInterrupted ends the program when it is told to stop while it waits for a person.
var errInterrupted = errors.New("nothing was done")

// interrupted is the exit status then: what shells say of a program that Ctrl-C ended.
const interrupted = 130

// dialogue reads lines that a person types, until the program is told to stop.
type dialogue struct {
	ctx context.Context
	in  *bufio.Reader
}

func newDialogue(ctx context.Context, in io.Reader) *dialogue {
	return &dialogue{ctx, bufio.NewReader(in)}
}

// line reads one line. When the program is told to stop it fails with errInterrupted, and the line
// that nobody waits for any more ends with the program.
func (d *dialogue) line() (string, error) {
	type typed struct {
		line string
		err  error
	}
	answer := make(chan typed, 1)
	go func() {
		line, err := d.in.ReadString('\n')
		answer <- typed{line, err}
	}()
	select {
	case <-d.ctx.Done():
		return "", errInterrupted
	case t := <-answer:
		return t.line, t.err
	}
}
