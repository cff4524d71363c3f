package pages

import (
	"context"
	"strings"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// codePage is the page of codes that are read out. Code is empty before one was made.
type codePage struct{ Code, Until string }

func (p *pages) showCode(context.Context, *request) (reply, error) {
	return reply{template: "code", content: codePage{}, form: empty("", nil)}, nil
}

// makeCode makes a code and shows it, this once: it is kept nowhere that it could be read from again. Sending the form
// anew makes another one, which replaces it.
func (p *pages) makeCode(ctx context.Context, r *request) (reply, error) {
	code, err := p.Service.MakeOwnReserveCode(ctx, r.caller)
	if err != nil {
		return reply{}, inWords(err, wallet.NotFound, "error.no_wallet")
	}
	return reply{template: "code", content: shown(code), form: empty("", nil)}, nil
}

// shown is a code in groups of four, as people read them out.
func shown(code service.ReserveCode) codePage {
	var groups []string
	for text := code.Code.Reveal(); text != ""; {
		n := min(len(text), 4)
		groups, text = append(groups, text[:n]), text[n:]
	}
	return codePage{Code: strings.Join(groups, " "), Until: moment(code.ExpiresAt)}
}
