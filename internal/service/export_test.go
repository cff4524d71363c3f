package service

import (
	"context"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// WithoutHashing has passwords compared at no cost, for tests of everything else, and returns how to take that
// back. The only right password is then the one given.
func WithoutHashing(right secret.Text) (restore func()) {
	check, hash := checkPassword, makeHash
	checkPassword = func(hash []byte, password secret.Text) bool { return len(hash) > 0 && password == right }
	makeHash = func(secret.Text) []byte { return make([]byte, 48) }
	return func() { checkPassword, makeHash = check, hash }
}

// Turns are how requests of one key wait for each other.
type Turns = turns

// Take waits for the key.
func (t *turns) Take(ctx context.Context, key [32]byte) (leave func(), err error) {
	return t.take(ctx, key)
}

// PINStillIs is what a decision asks about a PIN that was proven before it.
var PINStillIs = pinStillIs

// PINGuess counts tries at the PIN of a user, as paying with it does.
func PINGuess(s *Service, c wallet.Caller, user int64) func(ctx context.Context) error {
	account, network := s.pinGuesses(c, user)
	return func(ctx context.Context) error { return s.countTry(ctx, account, network) }
}
