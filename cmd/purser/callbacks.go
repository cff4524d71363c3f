package main

import (
	"context"

	"time"

	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// callbackInterval is how often a server looks for callbacks that another process owes, or that are due again.
const callbackInterval = 2 * time.Second

// wakeCallbacks says that there is a callback to send, and waits for nobody, like wakeCourier.
func (s *server) wakeCallbacks() {
	select {
	case s.owed <- struct{}{}:
	default:
	}
}

// callbackCourier makes what sends callbacks; a sandbox may send them to this machine.
func (s *server) callbackCourier(sandbox bool) *callback.Courier {
	courier := &callback.Courier{
		Take: func(ctx context.Context, room wallet.CallbackRoom) ([]wallet.Callback, error) {
			return s.service.TakeCallbacks(ctx, itself, room)
		},
		Done: func(ctx context.Context, c wallet.Callback, a wallet.CallbackAttempt) error {
			return s.service.CallbackTried(ctx, itself, c.TransactionID, c.Number, a, callback.NextTry)
		},
		Key:    func(ctx context.Context) (secret.Text, error) { return s.service.CallbackKey(ctx, itself) },
		Sender: callback.NewSender(callback.SenderOptions{PlainHTTP: s.config.plainCallbacks || sandbox, Loopback: sandbox, Clock: s.now}),
		Log:    s.log, Wake: s.owed, Interval: callbackInterval,
	}
	if s.box != nil {
		courier.Hinder = s.box.hinder
	}
	return courier
}

// startCallbacks sends callbacks until the server stops. The first start makes the key that they are signed with; nobody
// waits for that.
func (s *server) startCallbacks() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := s.service.CallbackKey(ctx, itself); err != nil && ctx.Err() == nil {
			s.log.Error("making the key that callbacks are signed with; it is tried again with the first of them", "error", err)
		}
		s.callbacks.Run(ctx)
	}()
	s.closing(func() error { stop(); <-done; return nil })
}
