package message

import (
	"context"
	"errors"
	"fmt"

	"github.com/purserhq/purser/internal/wallet"
)

// ErrNoWay says that no setting tells how to send a message of this sort.
var ErrNoWay = errors.New("there is no way to send this message")

// Route is a Sender that gives e-mail to one sender and messages to phones to another. A field
// that is nil is a way that the operator has not set up.
type Route struct {
	Email, SMS Sender
}

// Send sends by the way that the message takes. It fails with ErrNoWay where there is none.
func (r Route) Send(ctx context.Context, m wallet.Message, t Text) error {
	sender, settings := r.Email, "--smtp and --mail-from, or --message-command, send e-mail"
	if channel(m) == channelSMS {
		sender, settings = r.SMS, "--message-command sends to phones"
	}
	if sender == nil {
		return fmt.Errorf("%w: %s", ErrNoWay, settings)
	}
	return sender.Send(ctx, m, t)
}
