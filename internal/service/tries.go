package service

import (
	"context"
	"fmt"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Guessing is slowed for each account and for each network that tries: some wrong tries cost nothing
// (decisions.md 17), then each doubles the wait, which counts on the wall clock. A try is counted before it
// is looked at, so that many at once are no better than one after another.
const (
	// accountTries and networkTries are how many wrong tries cost no wait; behind one network are many
	// people.
	accountTries, networkTries = 3, 20
	// clientTries is the same for a server that calls for all of its users.
	clientTries = 1000
	// firstWait is what the next one costs, longestWait the most that any does.
	firstWait, longestWait = time.Second, 15 * time.Minute
	// accountMemory and networkMemory are in how long as many tries are forgotten as cost no wait, one after another: who
	// is always busy must not end up waiting for good. Without a try all is forgotten after as long.
	accountMemory, networkMemory = 24 * time.Hour, time.Hour
)

// guess is one thing that somebody tries to guess, or floods.
type guess struct {
	fingerprint []byte
	free        int
	memory      time.Duration
}

// accountGuess is about one account, which has that name whether or not it exists.
func (s *Service) accountGuess(what, name string) guess {
	return guess{s.Box.Fingerprint("tries of "+what, secret.Text(name)), accountTries, accountMemory}
}

// networkGuess is about the network that a caller tries from. Behind a private client are many people, who do
// not call themselves.
func (s *Service) networkGuess(what string, c wallet.Caller) guess {
	if c.Client != nil && c.Client.Type == wallet.PrivateClient {
		name := fmt.Sprint("client ", c.Client.ID)
		return guess{s.Box.Fingerprint("tries from a server of "+what, secret.Text(name)), clientTries, networkMemory}
	}
	return guess{s.Box.Fingerprint("tries from a network of "+what, secret.Text(c.From.Network())), networkTries, networkMemory}
}

// pinGuesses are about the PIN of a user, whatever it opens.
func (s *Service) pinGuesses(c wallet.Caller, user int64) (account, network guess) {
	return s.accountGuess("PIN", fmt.Sprint(user)), s.networkGuess("PIN", c)
}

// countPhone counts a message to a phone that strangers can cause: each costs the operator money, and whoever calls from many
// networks is bounded by nothing else. It fails with RateLimitExceeded.
func (s *Service) countPhone(tx *store.Tx, contact string) error {
	if s.PhoneCodesPerHour <= 0 || isEmailContact(contact) {
		return nil
	}
	return s.countTryIn(tx, guess{s.Box.Fingerprint("codes to phones", "all"), s.PhoneCodesPerHour, time.Hour})
}

// wait is how long after so many tries in a row the next one has to wait.
func (g guess) wait(tries int) time.Duration {
	over := tries - g.free
	if over <= 0 {
		return 0
	}
	const doublings = 10 // beyond that it is longestWait anyway
	return min(firstWait<<min(over-1, doublings), longestWait)
}

// after is what a try makes of those before it; wait is how long it has to wait instead.
func (g guess) after(a store.Attempts, now time.Time) (next store.Attempts, wait time.Duration) {
	if now.Sub(a.LastAt) > g.memory {
		a = store.Attempts{}
	}
	if wait := a.BlockedUntil.Sub(now); wait > 0 {
		return a, wait
	}
	a = g.forget(a, now)
	a.Failures++
	a.BlockedUntil = now.Add(g.wait(a.Failures))
	return a, 0
}

// forget takes off the tries that are forgotten by now.
func (g guess) forget(a store.Attempts, now time.Time) store.Attempts {
	each := max(g.memory/time.Duration(g.free), 1)
	gone := max(0, int(now.Sub(a.LastAt)/each))
	if gone >= a.Failures {
		return store.Attempts{LastAt: now}
	}
	a.Failures -= gone
	a.LastAt = a.LastAt.Add(time.Duration(gone) * each)
	return a
}

// countTry counts a try under each guess, or fails with RateLimitExceeded when one of them has to wait.
func (s *Service) countTry(ctx context.Context, guesses ...guess) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.countTryIn(tx, guesses...) })
}

func (s *Service) countTryIn(tx *store.Tx, guesses ...guess) error {
	now := s.WallClock()
	for _, g := range guesses {
		a, err := tx.Attempts(g.fingerprint)
		if err != nil {
			return err
		}
		next, wait := g.after(a, now)
		if wait > 0 {
			return tooManyTries(wait)
		}
		if err := tx.SetAttempts(g.fingerprint, next); err != nil {
			return err
		}
	}
	return nil
}

func tooManyTries(wait time.Duration) error {
	seconds := int((wait + time.Second - 1) / time.Second)
	refused := wallet.Errorf(wallet.RateLimitExceeded, "there were too many tries: wait %s and try again.", plural(seconds, "second"))
	refused.RetryAfter = wait
	return refused
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// wasRight takes a try back that was right: the account begins anew.
func (s *Service) wasRight(tx *store.Tx, account, network guess) error {
	if err := tx.SetAttempts(account.fingerprint, store.Attempts{}); err != nil {
		return err
	}
	return s.takeBack(tx, network)
}

// takeBack leaves a network no worse off than before a try that was right. It does not begin anew, or whoever has one
// account could guess those of others without end.
func (s *Service) takeBack(tx *store.Tx, network guess) error {
	a, err := tx.Attempts(network.fingerprint)
	if err != nil || a.Failures == 0 {
		return err
	}
	a.Failures--
	a.BlockedUntil = a.LastAt
	return tx.SetAttempts(network.fingerprint, a)
}

// hashing bounds how many passwords are hashed at a time: each takes 19 MiB.
var hashing = make(chan struct{}, 2)

// checkPassword and makeHash are what compares passwords with hashes and makes these; tests of everything else leave
// out the cost.
var (
	checkPassword = secret.CheckPassword
	makeHash      = secret.HashPassword
)

// rightPassword compares a password with a hash; none costs the same and is nobody's.
func rightPassword(ctx context.Context, hash []byte, password secret.Text) (bool, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
		return checkPassword(hash, password), nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// hashPassword hashes a password, few at a time.
func hashPassword(ctx context.Context, password secret.Text) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
		return makeHash(password), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
