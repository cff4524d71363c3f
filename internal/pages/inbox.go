package pages

import (
	"context"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// letter is a message as the inbox of a sandbox shows it.
type letter struct {
	To, Subject, Body string
	At                time.Time
}

// showInbox shows what a sandbox would have sent, to everybody. A message without its values has been
// sent somewhere after all, and has no words any more.
func (p *pages) showInbox(ctx context.Context, r *request) (reply, error) {
	messages, err := p.Service.Inbox(ctx, r.caller)
	if err != nil {
		return reply{}, err
	}
	var letters []letter
	for _, m := range messages {
		letters = append(letters, p.letter(r, m))
	}
	return reply{template: "inbox", content: letters}, nil
}

func (p *pages) letter(r *request, m wallet.Message) letter {
	l := letter{To: m.To(), At: m.At}
	if text, err := p.Templates.Render(m); err != nil {
		l.Subject, l.Body = string(m.Kind), r.language.text("inbox.gone")
	} else {
		l.Subject, l.Body = text.Subject, text.Body
	}
	return l
}
