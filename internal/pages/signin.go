package pages

import (
	"context"
	"errors"
	"html/template"
	"strings"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// entrance is what the pages before signing in show: a notice, where to go on to, and where back to.
type entrance struct {
	Notice, Next string
	// Back is an address of the program that somebody came from; empty for none.
	Back template.URL
	// Added says that a contact is confirmed which is added to an account.
	Added bool
}

// notice is the text under the name that the address gives, which is one of a few.
func (r *request) notice() string { return r.language.text("notice." + r.URL.Query().Get("notice")) }

func (r *request) entrance() entrance { return entrance{Notice: r.notice(), Next: r.next()} }

// preparedEmail is the e-mail address that a client has named in the request, or the payment, which somebody goes on to.
func (p *pages) preparedEmail(ctx context.Context, r *request) string {
	if payment := paymentIn(r.next()); payment != "" {
		entrance, err := p.Service.EnterOffer(ctx, r.caller, payment, "")
		if err != nil {
			return "" // the page itself will say so
		}
		return entrance.Email
	}
	key := preparedIn(r.next())
	if key == "" {
		return ""
	}
	prepared, err := p.Service.PreparedAuthorization(ctx, r.caller, key)
	if err != nil {
		return "" // the page itself will say so
	}
	return prepared.Email
}

func (p *pages) showSignIn(ctx context.Context, r *request) (reply, error) {
	if r.caller.Kind == wallet.ByPerson {
		return reply{to: r.onward()}, nil
	}
	f := empty("", map[string]string{"contact": p.preparedEmail(ctx, r)})
	return reply{template: "signin", content: r.entrance(), form: f}, nil
}

// onward is where somebody goes who is signed in.
func (r *request) onward() string {
	if next := r.next(); next != "" {
		return next
	}
	return r.link("/account")
}

// signIn gives a new cookie each time, and ends what the old one stood for.
func (p *pages) signIn(ctx context.Context, r *request) (reply, error) {
	cookie, err := p.Service.SignIn(ctx, r.anonymous(), r.text("contact"), r.password("password"))
	if err != nil {
		f, err := p.refuse(r, r.typed(""), err)
		return reply{template: "signin", content: r.entrance(), form: f}, err
	}
	if r.cookie != "" {
		if err := p.Service.SignOut(ctx, r.caller, r.cookie); err != nil {
			return reply{}, err
		}
	}
	return reply{to: r.onward(), cookie: p.newCookie(cookie)}, nil
}

// anonymous is the caller as somebody who has proven nothing.
func (r *request) anonymous() wallet.Caller {
	return wallet.Caller{Kind: wallet.Anonymous, From: r.caller.From}
}

func (p *pages) signOut(ctx context.Context, r *request) (reply, error) {
	if r.cookie != "" {
		if err := p.Service.SignOut(ctx, r.caller, r.cookie); err != nil {
			return reply{}, err
		}
	}
	return reply{to: withNext(r.link("/sign-in?notice=signed-out"), r.next()), cookie: p.newCookie("")}, nil
}

func (p *pages) showRegister(ctx context.Context, r *request) (reply, error) {
	f := empty("", map[string]string{"contact": p.preparedEmail(ctx, r)})
	return reply{template: "register", content: r.entrance(), form: f}, nil
}

// register answers the same whether or not the contact is somebody's: only who reads it learns that.
func (p *pages) register(ctx context.Context, r *request) (reply, error) {
	registration := service.Registration{
		DisplayName: r.text("display_name"), Locale: r.language.code, Password: r.password("password"), Prepared: preparedIn(r.next()),
	}
	if contact := r.text("contact"); strings.Contains(contact, "@") {
		registration.Email = contact
	} else {
		registration.Phone = contact
	}
	handle, err := p.Service.Register(ctx, r.anonymous(), registration)
	if err != nil {
		f := r.typed("")
		f.called = map[string]string{"email": "contact", "phone": "contact"}
		f, err = p.refuse(r, f, err)
		return reply{template: "register", content: r.entrance(), form: f}, err
	}
	if handle == "" {
		return reply{to: withNext(r.link("/sign-in?notice=registered"), r.next())}, nil
	}
	return reply{to: withNext(r.link("/confirm/"+handle.Reveal()), r.next())}, nil
}

// showConfirm asks for a code. Whether there is such a handle is found out with the code.
func (p *pages) showConfirm(_ context.Context, r *request) (reply, error) {
	content := r.entrance()
	content.Added = strings.HasPrefix(r.path, "/account/")
	return reply{template: "confirm", content: content, form: empty("", nil)}, nil
}

// giveBack confirms a contact with the code, and goes on to an address.
func (p *pages) giveBack(ctx context.Context, r *request, onward string) (reply, error) {
	err := p.Service.ConfirmContact(ctx, r.caller, r.handle(), r.password("code"))
	if err != nil {
		out, _ := p.showConfirm(ctx, r)
		out.form, err = p.refuse(r, r.typed(""), err)
		return out, err
	}
	return reply{to: onward}, nil
}

func (p *pages) confirm(ctx context.Context, r *request) (reply, error) {
	return p.giveBack(ctx, r, withNext(r.link("/sign-in?notice=confirmed"), r.next()))
}

func (p *pages) confirmAdded(ctx context.Context, r *request) (reply, error) {
	onward := r.next()
	if onward == "" {
		onward = r.link("/account?notice=saved")
	}
	return p.giveBack(ctx, r, onward)
}

// showReset asks for the contact of who forgot their password. A program that sends somebody here with
// client_id and redirect_uri may be gone back to, where it may have people sent back to that address.
func (p *pages) showReset(ctx context.Context, r *request) (reply, error) {
	back, err := p.wayBack(ctx, r)
	if err != nil {
		return reply{}, err
	}
	content := r.entrance()
	content.Back = back
	return reply{template: "reset", content: content, form: empty("", nil)}, nil
}

func (p *pages) wayBack(ctx context.Context, r *request) (template.URL, error) {
	query := r.URL.Query()
	ask := service.AuthorizationRequest{ResponseType: "code", ClientID: query.Get("client_id"), RedirectURI: query.Get("redirect_uri")}
	if ask.ClientID == "" || ask.RedirectURI == "" {
		return "", nil
	}
	_, err := p.Service.ReadAuthorization(ctx, r.anonymous(), ask)
	var back *service.Redirect
	var known *wallet.Error
	switch {
	case err == nil, errors.As(err, &back):
		// Whatever else may be wrong, it is an address of the client's, and of no scheme that runs code.
		return template.URL(ask.RedirectURI), nil
	case errors.As(err, &known):
		return "", nil
	}
	return "", err
}

// requestReset answers the same whether or not there is such a user.
func (p *pages) requestReset(ctx context.Context, r *request) (reply, error) {
	handle, _, err := p.Service.RequestPasswordReset(ctx, r.anonymous(), r.text("contact"))
	if err != nil {
		f, err := p.refuse(r, r.typed(""), err)
		if err != nil {
			return reply{}, err
		}
		out, err := p.showReset(ctx, r)
		out.form = f
		return out, err
	}
	return reply{to: withNext(r.link("/reset-password/"+handle.Reveal()), r.next())}, nil
}

func (p *pages) showNewPassword(_ context.Context, r *request) (reply, error) {
	return reply{template: "newpassword", content: r.entrance(), form: empty("", nil)}, nil
}

// resetPassword signs nobody in: who reads the contact proves the new password like any other.
func (p *pages) resetPassword(ctx context.Context, r *request) (reply, error) {
	err := p.Service.ResetPassword(ctx, r.anonymous(), r.handle(), r.password("code"), r.password("password"))
	if err != nil {
		f, err := p.refuse(r, r.typed(""), err)
		return reply{template: "newpassword", content: r.entrance(), form: f}, err
	}
	return reply{to: withNext(r.link("/sign-in?notice=password"), r.next())}, nil
}
