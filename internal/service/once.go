package service

import (
	"context"
	"errors"
	"sync"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Whoever sends a key with a request that changes something may repeat it: it has its effect once, and is answered
// with the same bytes (decisions.md 9). Whether the caller may do it is asked each time: who has lost a right
// is refused, and not told what it was told then. So permission comes first in a use case, then the answer that was
// given before, then everything else.

// answer is change for a use case that answers with something: work makes that as the transaction sees it, and
// it is kept in the same commit where the request has a key. It fails with *wallet.Answered for a request that had
// its effect before.
func answer[T any](ctx context.Context, s *Service, c wallet.Caller, work func(tx *store.Tx, c wallet.Caller) (T, error)) (T, error) {
	return answerOrRefuse(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (out T, refused, err error) {
		out, err = work(tx, c)
		return out, nil, err
	})
}

// answerOrRefuse is answer for a use case whose refusals count as well: what work stores before it refuses stays, and
// the key is free for another try.
func answerOrRefuse[T any](ctx context.Context, s *Service, c wallet.Caller, work func(tx *store.Tx, c wallet.Caller) (out T, refused, err error)) (T, error) {
	var out, none T
	var refused error
	err := s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) (err error) {
		refused = nil
		var before *wallet.Answered
		if err = tx.Answer(c.Once); errors.As(err, &before) {
			refused = before // and the nonce is used up with the commit
			return nil
		}
		if err != nil {
			return err
		}
		if out, refused, err = work(tx, c); err != nil || refused != nil {
			return err
		}
		return tx.KeepAnswer(c.Once, out)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return none, err
	}
	return out, nil
}

// inTurn is for a use case that does something before its transaction which a repeated request must not do again, or
// must not be refused for: counting a try at a password that the request itself has changed, say. call, all of it
// but permission, is only run where the request has not had its effect. The same request at the same time waits, at
// this server; at another one it may be refused, and finds the answer when it comes again.
func inTurn[T any](ctx context.Context, s *Service, c wallet.Caller, call func() (T, error)) (T, error) {
	var none T
	if c.Once == nil {
		return call()
	}
	leave, err := s.turns.take(ctx, c.Once.Key)
	if err != nil {
		return none, err
	}
	defer leave()
	if err := s.answered(ctx, c); err != nil {
		return none, err
	}
	return call()
}

// answered fails like answer for a request that had its effect before or whose key is another one's. It leaves the
// nonce of a new one as it is.
func (s *Service) answered(ctx context.Context, c wallet.Caller) error {
	isNew := errors.New("the key is new")
	_, err := answer(ctx, s, c, func(*store.Tx, wallet.Caller) (struct{}, error) { return struct{}{}, isNew })
	if errors.Is(err, isNew) {
		return nil
	}
	return err
}

// turns has the requests of one key go one after another.
type turns struct {
	mu   sync.Mutex
	held map[[32]byte]chan struct{}
}

// take waits for the key; whoever has it calls leave.
func (t *turns) take(ctx context.Context, key [32]byte) (leave func(), err error) {
	for {
		t.mu.Lock()
		ahead := t.held[key]
		if ahead == nil {
			mine := make(chan struct{})
			if t.held == nil {
				t.held = map[[32]byte]chan struct{}{}
			}
			t.held[key] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.held, key)
				t.mu.Unlock()
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-ahead:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
