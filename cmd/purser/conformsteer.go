package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// steering is a running sandbox in the hands of `purser conform`: its clock, its operator, its messages, and its world, which
// is put back.
type steering struct {
	v *verb
	// names of the snapshots begin with.
	name string
	// made are the snapshots that there are.
	made []string
	// onTime says that the clock ran with the wall clock before.
	onTime bool
}

// The snapshots: the world of the beginning as it was, the same with a clock that stands, and the one that a look into
// the future begins at.
const (
	worldBefore = "-before"
	worldFresh  = "-fresh"
	worldAfter  = "-after"
)

// begin keeps the world, and has its clock stand.
func (s *steering) begin() error {
	operator, err := s.v.reach()
	if err != nil {
		return err
	}
	if operator.start != nil {
		return fmt.Errorf("no `purser dev` runs on %s: start it, or leave --data out", s.v.config.data)
	}
	var bits [4]byte
	if _, err := io.ReadFull(s.v.random, bits[:]); err != nil {
		return err
	}
	clock, err := ask[clockAnswer](s.v, "sandbox/clock/show", struct{}{})
	if err != nil {
		return err
	}
	s.onTime = !clock.Frozen && clock.Wall.Sub(clock.Now).Abs() < time.Second
	s.name = "conform-" + hex.EncodeToString(bits[:])
	if err := s.keep(worldBefore); err != nil {
		return err
	}
	if _, err := ask[clockAnswer](s.v, "sandbox/clock/freeze", struct{}{}); err != nil {
		return errors.Join(err, s.end())
	}
	if err := s.keep(worldFresh); err != nil {
		return errors.Join(err, s.end())
	}
	return nil
}

// end puts the world back as it was, also when the program is told to stop.
func (s *steering) end() error {
	ctx := s.v.ctx
	s.v.ctx = context.WithoutCancel(ctx)
	defer func() { s.v.ctx = ctx }()
	err := s.restore(worldBefore)
	if err != nil {
		return fmt.Errorf("the sandbox was not put back: `purser sandbox restore %s --apply` does it: %w", s.name+worldBefore, err)
	}
	if s.onTime { // it stands where the snapshot was made
		_, err = ask[clockAnswer](s.v, "sandbox/clock/move", clockMove{Event: service.WallTime})
	}
	for _, name := range s.made {
		_, failed := ask[snapshotDone](s.v, "sandbox/remove", snapshotName{Name: name, Apply: true})
		err = errors.Join(err, failed)
	}
	return err
}

// keep makes a snapshot.
func (s *steering) keep(which string) error {
	if _, err := ask[snapshotDone](s.v, "sandbox/snapshot", snapshotName{Name: s.name + which}); err != nil {
		return err
	}
	s.made = append(s.made, s.name+which)
	return nil
}

// restore goes back to one.
func (s *steering) restore(which string) error {
	_, err := ask[snapshotDone](s.v, "sandbox/restore", snapshotName{Name: s.name + which, Apply: true})
	return err
}

// renew puts the world of the beginning back, with a clock that stands.
func (s *steering) renew(context.Context) error { return s.restore(worldFresh) }

// later moves the clock on.
func (s *steering) later(_ context.Context, by time.Duration) error {
	_, err := ask[clockAnswer](s.v, "sandbox/clock/move", clockMove{By: by})
	return err
}

// after does something at a later time and throws away all that it brought about.
func (s *steering) after(ctx context.Context, by time.Duration, do func() error) error {
	if err := s.keep(worldAfter); err != nil {
		return err
	}
	err := s.later(ctx, by)
	if err == nil {
		err = do()
	}
	err = errors.Join(err, s.restore(worldAfter))
	_, failed := ask[snapshotDone](s.v, "sandbox/remove", snapshotName{Name: s.name + worldAfter, Apply: true})
	s.made = slices.DeleteFunc(s.made, func(name string) bool { return failed == nil && name == s.name+worldAfter })
	return errors.Join(err, failed)
}

// operate does what a line of the operator says; testdata/exchange/README.md lists the lines.
func (s *steering) operate(ctx context.Context, line string) (err error) {
	words := strings.Fields(line)
	switch {
	case line == "due":
		_, err = ask[clockAnswer](s.v, "sandbox/clock/move", clockMove{By: time.Microsecond}) // on the way everything due is done
	case len(words) == 2 && words[0] == "wait":
		seconds, wrong := strconv.ParseInt(words[1], 10, 32)
		if err = wrong; err == nil {
			err = s.later(ctx, time.Duration(seconds)*time.Second)
		}
	case len(words) == 4 && words[0] == "credit":
		m := movement{Amount: words[2], Currency: money.Currency(words[3]), Reason: "Credit for an exchange"}
		_, err = ask[receipt](s.v, "wallet/"+words[1]+"/credit", m)
	case len(words) == 3 && words[0] == "standing":
		edit := userEdit{personEdit: personEdit{Standing: &words[2]}, Apply: true}
		if edit.ID, err = strconv.ParseInt(words[1], 10, 64); err == nil {
			_, err = ask[changeAnswer[userAnswer]](s.v, "user/update", edit)
		}
	case len(words) == 5 && (words[0] == string(wallet.OrdinaryLimit) || words[0] == string(wallet.TemporaryLimit)):
		edit := limitEdit{Clear: true, Amount: words[2], Currency: words[3], Temporary: words[0] == string(wallet.TemporaryLimit), Apply: true}
		if edit.ID, err = strconv.ParseInt(words[1], 10, 64); err == nil {
			if edit.Within, err = strconv.ParseInt(words[4], 10, 64); err == nil {
				_, err = ask[changeAnswer[limitsChange]](s.v, "user/limit", edit)
			}
		}
	default:
		err = fmt.Errorf("%q is nothing that the operator does", line)
	}
	return err
}

// errNobodyWasSentOne says that there is no code.
var errNobodyWasSentOne = errors.New("nobody was sent a code")

// code is the last code that somebody was sent.
func (s *steering) code(context.Context) (string, error) {
	found, err := ask[inboxAnswer](s.v, "inbox", inboxQuery{})
	if err != nil {
		return "", err
	}
	for _, m := range slices.Backward(found.Messages) {
		if m.Code != "" {
			return m.Code, nil
		}
	}
	return "", errNobodyWasSentOne
}
