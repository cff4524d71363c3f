package walletapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// flightLimit is how long something takes at most that several wait for.
const flightLimit = 2 * time.Minute

// flight has those who want one thing at the same time share one call. The zero value is ready.
type flight[K comparable, T any] struct {
	mu      sync.Mutex
	running map[K]*landing[T]
}

// landing is what a call has come to, once done is closed.
type landing[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// do makes the call, or waits for the one that somebody else makes. Who stops waiting leaves it to the others: the
// call itself is not cancelled, and has a limit of its own.
func (f *flight[K, T]) do(ctx context.Context, key K, call func(ctx context.Context) (T, error)) (T, error) {
	f.mu.Lock()
	l, ok := f.running[key]
	if !ok {
		l = &landing[T]{done: make(chan struct{}), err: errors.New("walletapi: the call ended its goroutine")}
		if f.running == nil {
			f.running = map[K]*landing[T]{}
		}
		f.running[key] = l
		go f.land(context.WithoutCancel(ctx), key, l, call)
	}
	f.mu.Unlock()
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}

func (f *flight[K, T]) land(ctx context.Context, key K, l *landing[T], call func(ctx context.Context) (T, error)) {
	ctx, cancel := context.WithTimeout(ctx, flightLimit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // those who wait are to learn of it
			l.err = fmt.Errorf("walletapi: panic: %v", p)
		}
		f.mu.Lock()
		delete(f.running, key)
		f.mu.Unlock()
		close(l.done)
	}()
	l.value, l.err = call(ctx)
}
