package service

import (
	"context"
	"maps"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// tell puts a message to a user into the outbox, at the e-mail address where there is one, else to the
// phone. Who has confirmed neither cannot be told.
func tell(tx *store.Tx, u *wallet.User, kind wallet.MessageKind, values map[string]string) error {
	if u == nil || !u.Reachable() {
		return nil
	}
	contact := u.Email
	if contact == "" {
		contact = u.Phone
	}
	return tellAt(tx, contact, u.Locale, kind, values)
}

// tellAt puts a message to an e-mail address or a phone number into the outbox.
func tellAt(tx *store.Tx, contact, locale string, kind wallet.MessageKind, values map[string]string) error {
	m := wallet.Message{Kind: kind, Locale: locale, Values: maps.Clone(values)}
	if isEmailContact(contact) {
		m.Email = contact
	} else {
		m.Phone = contact
	}
	return tx.Tell(m)
}

// messageLease is how long a process has to send a message before another one tries.
const messageLease = 2 * time.Minute

// TakeMessage returns the next message to send, nil when there is none, and keeps it from other processes
// for two minutes. It fails with Forbidden.
func (s *Service) TakeMessage(ctx context.Context, c wallet.Caller) (*wallet.Message, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	return s.db.TakeMessage(ctx, messageLease)
}

// MessageSent notes that a message has left; its values are erased. It fails with Forbidden.
func (s *Service) MessageSent(ctx context.Context, c wallet.Caller, id int64) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.MessageSent(id) })
}

// MessageFailed notes that a message could not be sent. retry says, of how often it was tried by now, when to
// try again, or that it is given up; its values are erased then. It fails with Forbidden.
func (s *Service) MessageFailed(ctx context.Context, c wallet.Caller, id int64, retry func(attempts int) (after time.Duration, giveUp bool)) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		attempts, err := tx.MessageAttempts(id)
		if err != nil {
			return err
		}
		after, giveUp := retry(attempts + 1)
		if giveUp {
			return tx.MessageFailed(id, time.Time{})
		}
		return tx.MessageFailed(id, s.BusinessClock().Add(after))
	})
}

// maxMessages bounds a list of messages.
const maxMessages = 200

// ListMessages returns the last messages, the latest first: to one e-mail address or phone number, or to
// everybody when it is empty. What was in those that have left is gone. It fails with Forbidden.
func (s *Service) ListMessages(ctx context.Context, c wallet.Caller, to string, limit int) ([]wallet.Message, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	return s.db.Messages(ctx, normalContact(to), min(max(limit, 1), maxMessages))
}

// Inbox returns the last messages to everybody, the latest first, to whoever asks: a sandbox sends none. It
// fails with NotFound anywhere else.
func (s *Service) Inbox(ctx context.Context, c wallet.Caller) ([]wallet.Message, error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	if !s.Sandbox {
		return nil, wallet.Errorf(wallet.NotFound, "this server sends its messages, and shows them to nobody.")
	}
	return s.db.Messages(ctx, "", maxMessages)
}
