package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// once gives a caller's request a key.
func once(c wallet.Caller, key, request byte) wallet.Caller {
	c.Once = &wallet.Once{Key: [32]byte{key}, Request: [32]byte{request}, Encode: json.Marshal, Secret: true}
	return c
}

// A repeat uses up its nonce like any request: whoever recorded it does not get the answer by sending it again, at another
// server either. One that is refused under the key of another request leaves no trace.
func TestARepeatUsesUpItsNonce(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		if _, err := w.RegisterDevice(ctx, once(w.by(app), 1, 1), service.Device{}); err != nil {
			t.Fatal(err)
		}
		repeat := once(w.by(app), 1, 1)
		_, err := w.RegisterDevice(ctx, repeat, service.Device{})
		var before *wallet.Answered
		if !errors.As(err, &before) || len(before.Body) == 0 {
			t.Errorf("the repeat is answered %v", err)
		}
		_, err = w.RegisterDevice(ctx, repeat, service.Device{})
		saysExactly(t, "the repeat once more", err, wallet.Unauthorized, wallet.NonceUsed)
		_, err = w.RegisterDevice(ctx, once(w.by(app), 1, 2), service.Device{})
		saysExactly(t, "another request", err, wallet.InvalidState, wallet.OtherRequest)
	})
}

// A repeat of a call that proves a password counts no try and tells nobody: a phone that repeats its sign-in all
// day is not taken for somebody who guesses.
func TestARepeatIsNoTryAtAPassword(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		var woken atomic.Int64
		w.Service.Told = func() { woken.Add(1) }
		signIn := func() error {
			_, err := w.IssueTokens(ctx, once(w.by(phone), 1, 1),
				service.TokenRequest{Grant: service.PasswordGrant, Username: "ona@example.com", Password: onasPassword})
			return err
		}
		if err := signIn(); err != nil {
			t.Fatal(err)
		}
		told := woken.Load()
		for range 30 {
			var before *wallet.Answered
			if err := signIn(); !errors.As(err, &before) {
				t.Fatalf("the repeat is answered %v", err)
			}
		}
		messages, err := w.ListMessages(ctx, operator, "ona@example.com", 10)
		if told != 1 || woken.Load() != told || err != nil || len(messages) != 1 {
			t.Errorf("the courier was woken %d and then %d times for %d messages, %v", told, woken.Load()-told, len(messages), err)
		}
	})
}

// Whoever waits for the same request gives up when its own time is over, and keeps nobody from going on.
func TestWaitingForTheSameRequestEnds(t *testing.T) {
	var turns service.Turns
	leave, err := turns.Take(ctx, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := turns.Take(short, [32]byte{1}); err == nil {
		t.Error("two have the same turn")
	}
	if other, err := turns.Take(ctx, [32]byte{2}); err != nil {
		t.Error(err)
	} else {
		other()
	}
	leave()
	again, err := turns.Take(ctx, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	again()
}
