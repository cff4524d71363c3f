package main

import (
	"context"
	"fmt"
	"time"

	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/wallet"
)

// courierInterval is how often a server looks for messages that another process wrote, or that are due again.
const courierInterval = 10 * time.Second

// wakeCourier says that there is something to send. It waits for nobody: one word in the channel is enough for
// all that was written before it is heard.
func (s *server) wakeCourier() {
	select {
	case s.told <- struct{}{}:
	default:
	}
}

// openSender makes what sends messages from the settings; its ways are nil where nothing is set.
func (s *server) openSender() (message.Route, error) {
	var route message.Route
	if s.config.messageCommand != "" {
		command, err := message.NewCommand(s.config.messageCommand, s.environ())
		if err != nil {
			return route, err
		}
		route = message.Route{Email: command, SMS: command}
	}
	if s.config.smtp != "" {
		server, err := message.NewSMTP(s.config.smtp, s.config.smtpPassword, s.config.mailFrom, s.now)
		if err != nil {
			return route, err
		}
		route.Email = server
	}
	return route, nil
}

// startCourier sends messages until the server stops. Where no setting says how, they wait for a day, and an
// operator reads them with `purser inbox`.
func (s *server) startCourier(route message.Route) error {
	templates, err := s.templates()
	if err != nil {
		return fmt.Errorf("--message-templates: %w", err)
	}
	switch {
	case route.Email == nil && route.SMS == nil:
		s.log.Warn("nobody is sent any message, and so nobody can register or set a new password: set --smtp and --mail-from for e-mail, and --message-command for phones")
		return nil
	case route.SMS == nil:
		s.log.Warn("nothing is sent to phones: set --message-command")
	}
	ctx, stop := context.WithCancel(context.Background())
	courier := &message.Courier{
		Take: func(ctx context.Context) (*wallet.Message, error) { return s.service.TakeMessage(ctx, itself) },
		Done: func(ctx context.Context, id int64, failure string) error {
			if failure == "" {
				return s.service.MessageSent(ctx, itself, id)
			}
			return s.service.MessageFailed(ctx, itself, id, message.NextTry)
		},
		Templates: templates, Sender: route, Log: s.log, Wake: s.told, Interval: courierInterval,
	}
	done := make(chan struct{})
	go func() { defer close(done); courier.Run(ctx) }()
	s.closing(func() error { stop(); <-done; return nil })
	return nil
}
