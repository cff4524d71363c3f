package pages

import (
	"context"
	"strings"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// codePage is the page of codes that are read out. Code is empty before one was made; NeedsPIN says that who makes one has a
// PIN, and makes it with that.
type codePage struct {
	Code, Until string
	NeedsPIN    bool
}

func (p *pages) showCode(ctx context.Context, r *request) (reply, error) {
	return p.codePage(ctx, r, codePage{}, empty("", nil))
}

func (p *pages) codePage(ctx context.Context, r *request, content codePage, f form) (reply, error) {
	me, err := p.Service.Account(ctx, r.caller)
	content.NeedsPIN = me.HasPIN
	return reply{template: "code", content: content, form: f}, err
}

// makeCode makes a code and shows it, this once: it is kept nowhere that it could be read from again. Sending the form
// anew makes another one, which replaces it.
func (p *pages) makeCode(ctx context.Context, r *request) (reply, error) {
	code, err := p.Service.MakeOwnReserveCode(ctx, r.caller, r.password("payment_pin"))
	if err != nil {
		f := r.typed("")
		f.called = map[string]string{"pin": "payment_pin"}
		if f, err = p.refuse(r, f, inWords(err, wallet.NotFound, "error.no_wallet")); err != nil {
			return reply{}, err
		}
		return p.codePage(ctx, r, codePage{}, f)
	}
	return p.codePage(ctx, r, shown(code), empty("", nil))
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
