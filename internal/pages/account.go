package pages

import (
	"context"
	"net/url"
	"slices"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// accountPage is all about who is signed in, with the forms that change it.
type accountPage struct {
	service.AccountView
	Notice string
	// Profile, Added, Password and PIN are the forms; one of them may have been refused.
	Profile, Added, Password, PIN form
	// Identified says that the operator vouches for the name, so that it is shown and not asked for.
	Identified bool
	// Code is the person code on record, masked.
	Code string
	// Locales are the languages that messages can be had in.
	Locales []otherLanguage
}

func (p *pages) showAccount(ctx context.Context, r *request) (reply, error) {
	return p.accountPage(ctx, r, form{})
}

// accountPage shows the account, with one of its forms as it was refused.
func (p *pages) accountPage(ctx context.Context, r *request, refused form) (reply, error) {
	me, err := p.Service.Account(ctx, r.caller)
	if err != nil {
		return reply{}, err
	}
	content := accountPage{
		AccountView: me, Notice: r.notice(), Identified: me.Level != wallet.Unidentified, Code: me.Identity.Code.String(),
		Profile: form{name: "profile", values: profileValues(me.User)},
		Added:   empty("contact", nil), Password: empty("password", nil), PIN: empty("pin", nil),
	}
	for _, f := range []*form{&content.Profile, &content.Added, &content.Password, &content.PIN} {
		if f.name == refused.name {
			*f = refused
		}
	}
	for _, l := range languages {
		content.Locales = append(content.Locales, otherLanguage{Code: l.code, Name: l.name})
	}
	if known := func(l otherLanguage) bool { return l.Code == me.Locale }; !slices.ContainsFunc(content.Locales, known) {
		content.Locales = append(content.Locales, otherLanguage{Code: me.Locale, Name: me.Locale})
	}
	return reply{template: "account", content: content, form: refused}, nil
}

// refuseAccount shows the account with a form that was refused.
func (p *pages) refuseAccount(ctx context.Context, r *request, f form, refusal error) (reply, error) {
	f, err := p.refuse(r, f, refusal)
	if err != nil {
		return reply{}, err
	}
	return p.accountPage(ctx, r, f)
}

// saved leads back to the account.
func (r *request) saved(notice string) (reply, error) {
	return reply{to: r.link("/account?notice=" + notice)}, nil
}

// profileValues are what the fields of a profile hold. A person code is not among them: it is shown masked,
// and stays as it is while nothing is typed.
func profileValues(u wallet.User) url.Values {
	return empty("", map[string]string{
		"display_name": u.DisplayName, "locale": u.Locale, "dob": u.DateOfBirth, "gender": string(u.Gender),
		"address.country": u.Address.Country, "address.city": u.Address.City, "address.street": u.Address.Street, "address.post_index": u.Address.PostIndex,
		"identity.name": u.Identity.Name, "identity.surname": u.Identity.Surname, "identity.nationality": u.Identity.Nationality,
	}).values
}

// profileChange is what the fields that were sent change of a user.
func (r *request) profileChange(u wallet.User) service.ProfileChange {
	var change service.ProfileChange
	into := func(target *string, field string) (given bool) {
		if given = r.PostForm.Has(field); given {
			*target = r.text(field)
		}
		return given
	}
	for field, target := range map[string]**string{"display_name": &change.DisplayName, "locale": &change.Locale, "dob": &change.DateOfBirth} {
		if text := new(string); into(text, field) {
			*target = text
		}
	}
	if gender := new(string); into(gender, "gender") {
		of := wallet.Gender(*gender)
		change.Gender = &of
	}
	address := u.Address
	if some(into(&address.Country, "address.country"), into(&address.City, "address.city"),
		into(&address.Street, "address.street"), into(&address.PostIndex, "address.post_index")) {
		change.Address = &address
	}
	identity := u.Identity
	given := some(into(&identity.Name, "identity.name"), into(&identity.Surname, "identity.surname"), into(&identity.Nationality, "identity.nationality"))
	if code := r.text("identity.code"); code != "" {
		identity.Code, given = wallet.PersonCode(code), true
	}
	if given {
		change.Identity = &identity
	}
	return change
}

// some says whether one of them is so; each is looked at.
func some(all ...bool) bool { return slices.Contains(all, true) }

func (p *pages) saveProfile(ctx context.Context, r *request) (reply, error) {
	me, err := p.Service.Account(ctx, r.caller)
	if err != nil {
		return reply{}, err
	}
	if err := p.Service.UpdateProfile(ctx, r.caller, r.profileChange(me.User)); err != nil {
		return p.refuseAccount(ctx, r, r.typed("profile"), err)
	}
	return r.saved("saved")
}

func (p *pages) addContact(ctx context.Context, r *request) (reply, error) {
	handle, err := p.Service.AddContact(ctx, r.caller, r.text("contact"), r.password("password"))
	if err != nil {
		f := r.typed("contact")
		f.present = "password"
		return p.refuseAccount(ctx, r, f, err)
	}
	return reply{to: r.link("/account/confirm/" + handle.Reveal())}, nil
}

func (p *pages) changePassword(ctx context.Context, r *request) (reply, error) {
	err := p.Service.ChangePassword(ctx, r.caller, r.password("present"), r.password("password"), r.cookie)
	if err != nil {
		f := r.typed("password")
		f.present = "present"
		return p.refuseAccount(ctx, r, f, err)
	}
	return r.saved("password-changed")
}

func (p *pages) setPIN(ctx context.Context, r *request) (reply, error) {
	err := p.Service.SetPIN(ctx, r.caller, r.password("present_pin"), r.password("password"), r.password("pin"))
	if err != nil {
		f := r.typed("pin")
		f.present = "password"
		if r.password("present_pin") != "" {
			f.present = "present_pin"
		}
		return p.refuseAccount(ctx, r, f, err)
	}
	return r.saved("pin-changed")
}

func (p *pages) answerInvitation(ctx context.Context, r *request) (reply, error) {
	accept := r.text("answer") == "accept"
	err := p.Service.AnswerInvitation(ctx, r.caller, r.number("id"), accept)
	if err != nil {
		return reply{}, inWords(err, wallet.NotFound, "invitation.gone")
	}
	if accept {
		return r.saved("accepted")
	}
	return r.saved("declined")
}
