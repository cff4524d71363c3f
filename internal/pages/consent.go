package pages

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// scopeLine is a scope as a person reads it.
type scopeLine struct {
	// Text is what it opens, Value what it is called on the wire.
	Text, Value       string
	Offline, Optional bool
	// On says that it is agreed to, or about to be.
	On bool
}

func (l *language) scopeLine(a wallet.AskedScope, on bool) scopeLine {
	return scopeLine{Text: l.scope(a.Scope), Value: a.String(), Offline: a.Offline, Optional: a.Optional, On: on}
}

// consentPage is what a person sees before they say yes.
type consentPage struct {
	Client, Project, Owner string
	// Person and Contact say who is signed in, and ID is sent back with the answer: the answer of one
	// person is not another's.
	Person, Contact string
	ID              int64
	Lines           []scopeLine
	// NeedsEmail and NeedsPhone come before everything else, since they take a code; what Needs names is
	// filled in on the page.
	NeedsEmail, NeedsPhone bool
	Needs                  map[string]bool
	// Code is the person code on record, masked.
	Code string
}

// asked is a request for consent, as its address has it, or the client that prepared it.
func (p *pages) asked(ctx context.Context, r *request) (service.AuthorizationRequest, error) {
	if key := r.PathValue("key"); key != "" {
		ask, err := p.Service.PreparedAuthorization(ctx, r.caller, secret.Text(key))
		return ask, inWords(err, wallet.NotFound, "consent.too_old")
	}
	query := r.URL.Query()
	for _, values := range query {
		if len(values) > 1 {
			// Two readers could each take another one (RFC 6749 §3.1).
			return service.AuthorizationRequest{}, told{errForm, "consent.twice"}
		}
	}
	return service.AuthorizationRequest{
		ResponseType: query.Get("response_type"), ClientID: query.Get("client_id"), RedirectURI: query.Get("redirect_uri"),
		Scope: query.Get("scope"), State: query.Get("state"),
		Challenge: query.Get("code_challenge"), ChallengeMethod: query.Get("code_challenge_method"),
	}, nil
}

// inWords gives a refusal with that code words of its own.
func inWords(err error, code wallet.Code, key string) error {
	var known *wallet.Error
	if errors.As(err, &known) && known.Code == code {
		return told{err, key}
	}
	return err
}

// sendBack is the reply to an error that the client is told. Every other error concerns the person, who
// is sent nowhere.
func sendBack(err error) (reply, error) {
	var back *service.Redirect
	if errors.As(err, &back) && back.To != "" {
		return reply{to: back.To}, nil
	}
	return reply{}, inWords(inWords(err, wallet.NotFound, "consent.unknown_client"), wallet.InvalidParameters, "consent.wrong_address")
}

// readConsent reads a request and who is asked; where done is true, the reply is all there is to say.
func (p *pages) readConsent(ctx context.Context, r *request) (a service.Authorization, me service.AccountView, done bool, out reply, err error) {
	ask, err := p.asked(ctx, r)
	if err != nil {
		return a, me, true, reply{}, err
	}
	if a, err = p.Service.ReadAuthorization(ctx, r.caller, ask); err != nil {
		out, err = sendBack(err)
		return a, me, true, out, err
	}
	if r.caller.Kind != wallet.ByPerson {
		return a, me, true, reply{to: r.link("/sign-in?next=" + escape(r.self()))}, nil
	}
	me, err = p.Service.Account(ctx, r.caller)
	return a, me, err != nil, reply{}, err
}

func (p *pages) showConsent(ctx context.Context, r *request) (reply, error) {
	a, me, done, out, err := p.readConsent(ctx, r)
	if done {
		return out, err
	}
	return r.consentPage(a, me, empty("", nil)), nil
}

// inline are the scopes whose data can be filled in beside the question, with the fields that it takes.
var inline = map[wallet.Scope][]string{
	wallet.ScopeAddress:     {"address.country", "address.city", "address.street"},
	wallet.ScopeDateOfBirth: {"dob"},
	wallet.ScopeGender:      {"gender"},
	wallet.ScopeFullName:    {"identity.name", "identity.surname"},
	wallet.ScopeIdentity:    {"identity.name", "identity.surname", "identity.nationality"},
}

// consentPage shows the question. A form that was not sent yet is filled in with what is on record.
func (r *request) consentPage(a service.Authorization, me service.AccountView, f form) reply {
	c := consentPage{
		Client: a.Client.Title, Person: me.DisplayName, Contact: contactOf(me.User), ID: me.ID,
		NeedsEmail: slices.Contains(a.Missing, wallet.ScopeEmail),
		NeedsPhone: slices.Contains(a.Missing, wallet.ScopePhone) || slices.Contains(a.Missing, wallet.ScopePhoneConfirmation),
		Needs:      map[string]bool{}, Code: me.Identity.Code.String(),
	}
	if a.Project != nil {
		c.Project, c.Owner = a.Project.Title, a.Project.OwnerDisplayName
	}
	for _, asked := range a.Asked {
		on := !f.Refused() || f.Has("share", asked.String())
		c.Lines = append(c.Lines, r.language.scopeLine(asked, on))
	}
	for _, missing := range a.Missing {
		if _, ok := inline[missing]; ok {
			c.Needs[string(missing)] = true
		}
	}
	if !f.Refused() {
		f.values = profileValues(me.User)
	}
	return reply{template: "consent", content: c, form: f, action: destination(a.Request.RedirectURI)}
}

// contactOf is what a person is recognized by.
func contactOf(u wallet.User) string {
	if u.Email != "" {
		return u.Email
	}
	return u.Phone
}

// destination is where a client has people sent back to, as a Content-Security-Policy names it: the scheme, not the host,
// since browsers that are built on Chromium hold the policy against every hop that follows, and a client may well send people on
// from its own address to another.
func destination(address string) string {
	scheme, _, found := strings.Cut(address, ":")
	if !found {
		return ""
	}
	return strings.ToLower(scheme) + ":"
}

// consent takes the answer of who is signed in.
func (p *pages) consent(ctx context.Context, r *request) (reply, error) {
	a, me, done, out, err := p.readConsent(ctx, r)
	if done {
		return out, err
	}
	if r.text("person") != strconv.FormatInt(me.ID, 10) {
		return reply{to: r.self()}, nil // somebody else signed in meanwhile, who has not seen the question
	}
	switch r.text("answer") {
	case "refuse":
		to, err := p.Service.RefuseAuthorization(ctx, r.caller, a.Request)
		if err != nil {
			return sendBack(err)
		}
		return reply{to: to}, nil
	case "allow":
		return p.allow(ctx, r, a, me)
	case "email", "phone":
		return p.addMissing(ctx, r, a, me)
	}
	return reply{to: r.self()}, nil
}

// allow is the yes. What is missing is saved first, and asked for again where it was left empty.
func (p *pages) allow(ctx context.Context, r *request, a service.Authorization, me service.AccountView) (reply, error) {
	f := r.typed("")
	refused := wallet.FieldErrors{}
	for _, missing := range a.Missing {
		for _, field := range inline[missing] {
			if r.text(field) == "" {
				refused.Refuse(field, "must be given")
			}
		}
	}
	err := refused.Err()
	if err != nil {
		f, _ = p.refuse(r, f, err)
		for field := range refused {
			f.wrong[field] = r.language.text("wrong.needed")
		}
		return r.consentPage(a, me, f), nil
	}
	if len(a.Missing) > 0 {
		if err := p.Service.UpdateProfile(ctx, r.caller, r.profileChange(me.User)); err != nil {
			f, err = p.refuse(r, f, err)
			return r.consentPage(a, me, f), err
		}
	}
	var declined []wallet.AskedScope
	for _, asked := range a.Asked {
		if asked.Optional && !f.Has("share", asked.String()) {
			declined = append(declined, asked)
		}
	}
	to, err := p.Service.Authorize(ctx, r.caller, a.Request, declined)
	var known *wallet.Error
	switch {
	case err == nil:
		return reply{to: to}, nil
	case errors.As(err, &known) && known.Code == wallet.InvalidState:
		return reply{to: r.self()}, nil // what is missing still, or again
	}
	return sendBack(err)
}

// addMissing sends a code to the e-mail address or the phone that is missing, and comes back.
func (p *pages) addMissing(ctx context.Context, r *request, a service.Authorization, me service.AccountView) (reply, error) {
	kind := r.text("answer")
	contact := r.text(kind)
	f := r.typed("")
	f.called, f.present = map[string]string{"contact": kind}, "password"
	if strings.Contains(contact, "@") != (kind == "email") {
		f, err := p.refuse(r, f, wallet.FieldError("contact", "is of another kind"))
		return r.consentPage(a, me, f), err
	}
	handle, err := p.Service.AddContact(ctx, r.caller, contact, r.password("password"))
	if err != nil {
		f, err = p.refuse(r, f, err)
		return r.consentPage(a, me, f), err
	}
	return reply{to: withNext(r.link("/account/confirm/"+handle.Reveal()), r.self())}, nil
}
