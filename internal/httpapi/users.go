package httpapi

import (
	"context"
	"errors"
	"strings"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// userID reads {user} out of the path.
func userID(r *request) (int64, error) { return pathID(r, "user", "user_id", true) }

// user: GET /user/{id|me} (spec/wallet-api.md §4.5).
func (a *API) user(ctx context.Context, r *request) (any, error) {
	id, err := userID(r)
	if err != nil {
		return nil, err
	}
	v, err := a.Service.GetUser(ctx, r.caller, id)
	if err != nil {
		return nil, err
	}
	return wireUser(v), nil
}

// codeOfState reads a code with the state that gave it, in small letters: person_code[lt]=39001010000, or both apart.
func (q *query) codeOfState(name, stateName string) (code, state string) {
	code, state = q.text(name), strings.ToLower(q.text(stateName))
	for bracketed := range q.names() {
		inner, is := strings.CutPrefix(bracketed, name+"[")
		inner, closed := strings.CutSuffix(inner, "]")
		if !is || !closed || q.text(bracketed) == "" {
			continue
		}
		if code != "" {
			q.refused.Refuse(name, "is given twice; give it once")
		}
		code, state = q.text(bracketed), strings.ToLower(inner)
	}
	return code, state
}

// findUser: GET /user?email=, phone= or person_code[lt]= (spec/wallet-api.md §4.5). The Java SDK sends a person
// code and its nationality apart.
func (a *API) findUser(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	wanted := service.UserQuery{Email: q.text("email"), Phone: q.text("phone")}
	code, state := q.codeOfState("person_code", "nationality")
	wanted.Code, wanted.Nationality = wallet.PersonCode(code), state
	if err := q.err(); err != nil {
		return nil, err
	}
	v, err := a.Service.FindUser(ctx, r.caller, wanted)
	if err != nil {
		return nil, err
	}
	return wireUser(v), nil
}

// userData answers a call about what one scope opens of a user.
func (a *API) userData(ctx context.Context, r *request, scope wallet.Scope) (wallet.User, error) {
	id, err := userID(r)
	if err != nil {
		return wallet.User{}, err
	}
	return a.Service.GetUserData(ctx, r.caller, id, scope)
}

// nothingKnown is the answer where the user agreed, and there is nothing to tell.
func nothingKnown(what string) error {
	return wallet.Errorf(wallet.NotFound, "the user has no %s.", what)
}

// userEmail: GET /user/{id|me}/email, a bare text (spec/php-client.md §7.4).
func (a *API) userEmail(ctx context.Context, r *request) (any, error) {
	u, err := a.userData(ctx, r, wallet.ScopeEmail)
	if err == nil && u.Email == "" {
		err = nothingKnown("confirmed e-mail address")
	}
	return u.Email, err
}

// userPhone: GET /user/{id|me}/phone, a bare text (spec/php-client.md §7.4).
func (a *API) userPhone(ctx context.Context, r *request) (any, error) {
	u, err := a.userData(ctx, r, wallet.ScopePhone)
	if err == nil && u.Phone == "" {
		err = nothingKnown("confirmed phone number")
	}
	return u.Phone, err
}

// confirmedPhones: GET /user/{id|me}/confirmed-phones, a bare array (spec/php-client.md §7.4).
func (a *API) confirmedPhones(ctx context.Context, r *request) (any, error) {
	u, err := a.userData(ctx, r, wallet.ScopePhoneConfirmation)
	phones := []string{}
	if u.Phone != "" {
		phones = append(phones, u.Phone)
	}
	return phones, err
}

// userAddress: GET /user/{id|me}/address (spec/php-client.md §7.4).
func (a *API) userAddress(ctx context.Context, r *request) (any, error) {
	u, err := a.userData(ctx, r, wallet.ScopeAddress)
	if err != nil {
		return nil, err
	}
	if address := wireAddress(u.Address); address != nil {
		return address, nil
	}
	return nil, nothingKnown("address")
}

// userIdentity: GET /user/{id|me}/identity (spec/php-client.md §7.4).
func (a *API) userIdentity(ctx context.Context, r *request) (any, error) {
	id, err := userID(r)
	if err != nil {
		return nil, err
	}
	who, code, err := a.Service.GetUserIdentity(ctx, r.caller, id)
	if err != nil {
		return nil, err
	}
	if identity := wireIdentity(who, code); identity != nil {
		return identity, nil
	}
	return nil, nothingKnown("name on record")
}

// userExposures: GET /user/{id|me}/pes, a bare array (spec/php-client.md §7.4).
func (a *API) userExposures(ctx context.Context, r *request) (any, error) {
	u, err := a.userData(ctx, r, wallet.ScopePEP)
	return wireExposures(u.Exposures), err
}

// userWallets: GET /user/{id|me}/wallets, a bare array (spec/mobile-sdks.md §1.2).
func (a *API) userWallets(ctx context.Context, r *request) (any, error) {
	id, err := userID(r)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	withInactive := q.flag("inactive_included")
	if err := q.err(); err != nil {
		return nil, err
	}
	wallets, err := a.Service.ListUserWallets(ctx, r.caller, id, withInactive)
	out := make([]walletapi.Wallet, len(wallets))
	for i, w := range wallets {
		out[i] = wireWallet(w)
	}
	return out, err
}

// mainPassword is the one kind of credentials that a user is registered with.
const mainPassword = "main-password"

// registerUser: POST /user (spec/mobile-sdks.md §1.2). What the apps send as parameters, such as links to put
// into messages, purser has no use for: its messages hold codes.
func (a *API) registerUser(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	asked := service.Registration{
		DisplayName: b.textOr("display_name"), Locale: b.textOr("locale"), Email: b.textOr("email"), Phone: b.textOr("phone"),
	}
	identity, credentials := b.inner("identity"), b.inner("credentials")
	asked.Identity = wallet.Identity{
		Name: identity.textOr("name"), Surname: identity.textOr("surname"),
		Nationality: identity.textOr("nationality"), Code: wallet.PersonCode(identity.textOr("code")),
	}
	if kind := credentials.textOr("type"); kind != mainPassword && len(credentials.refused) == 0 {
		credentials.refused.Refuse("type", "must be %s", mainPassword)
	}
	asked.Password = secret.Text(credentials.needed("password"))
	b.takeOver("identity", identity)
	b.takeOver("credentials", credentials)
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, sealed, func(c wallet.Caller) (wallet.User, error) {
		return a.Service.RegisterUser(ctx, c, asked)
	}, func(u wallet.User) walletapi.User { return walletapi.User{ID: u.ID, Email: u.Email, Phone: u.Phone} })
}

// needed is a text that must be given.
func (b *body) needed(field string) string {
	text := b.textOr(field)
	if text == "" && b.refused[field] == nil {
		b.refused.Refuse(field, "must be given")
	}
	return text
}

// changeEmail: POST and PUT /user/{id|me}/email (spec/mobile-sdks.md §1.2).
func (a *API) changeEmail(ctx context.Context, r *request) (any, error) {
	return a.changeContact(ctx, r, "email")
}

// changePhone: POST and PUT /user/{id|me}/phone (spec/mobile-sdks.md §1.2).
func (a *API) changePhone(ctx context.Context, r *request) (any, error) {
	return a.changeContact(ctx, r, "phone")
}

func (a *API) changeContact(ctx context.Context, r *request, field string) (any, error) {
	id, contact, err := userAndField(r, field)
	if err != nil {
		return nil, err
	}
	return once(r, sealed, func(c wallet.Caller) (service.UserView, error) {
		return a.Service.ChangeContact(ctx, c, id, field == "phone", contact)
	}, wireUser)
}

// userAndField reads a call about a user with one text in its body.
func userAndField(r *request, field string) (user int64, text string, err error) {
	if user, err = userID(r); err != nil {
		return 0, "", err
	}
	b, err := newBody(r.body)
	if err != nil {
		return 0, "", err
	}
	text = b.needed(field)
	return user, text, b.err()
}

// confirmEmail: PUT /user/{id|me}/email/confirm (spec/mobile-sdks.md §1.2).
func (a *API) confirmEmail(ctx context.Context, r *request) (any, error) {
	return a.confirmContact(ctx, r, false)
}

// confirmPhone: PUT /user/{id|me}/phone/confirm (spec/mobile-sdks.md §1.2).
func (a *API) confirmPhone(ctx context.Context, r *request) (any, error) {
	return a.confirmContact(ctx, r, true)
}

func (a *API) confirmContact(ctx context.Context, r *request, phone bool) (any, error) {
	id, code, err := userAndField(r, "code")
	if err != nil {
		return nil, err
	}
	return once(r, sealed, func(c wallet.Caller) (service.UserView, error) {
		return a.Service.ConfirmUserContact(ctx, c, id, phone, secret.Text(code))
	}, wireUser)
}

// resetPassword: POST /user/password/reset (spec/mobile-sdks.md §1.2). The number that it answers with stands
// for the user when the code is given back.
func (a *API) resetPassword(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	contact, field := b.contact()
	identity := b.inner("identity")
	code := wallet.PersonCode(identity.textOr("code"))
	b.takeOver("identity", identity)
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (int64, error) {
		number, err := a.Service.ResetUserPassword(ctx, c, contact, code)
		return number, namedAs(err, field)
	}, wireNumber)
}

// wireNumber writes of a user the number alone.
func wireNumber(id int64) walletapi.User { return walletapi.User{ID: id} }

// setPassword: PUT /user/{id|me}/password (spec/mobile-sdks.md §1.2), with the present password, or with a code
// and, in the place of the user, the number that came with it.
func (a *API) setPassword(ctx context.Context, r *request) (any, error) {
	id, err := userID(r)
	if err != nil {
		return nil, err
	}
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	code, old, password := secret.Text(b.textOr("code")), secret.Text(b.textOr("old_password")), secret.Text(b.needed("password"))
	if (code == "") == (old == "") {
		b.refused.Refuse("old_password", "give it, or the code that was sent, and not both")
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	if code != "" {
		return once(r, plain, func(c wallet.Caller) (int64, error) {
			return a.Service.SetPasswordByCode(ctx, c, id, code, password)
		}, wireNumber)
	}
	return once(r, sealed, func(c wallet.Caller) (service.UserView, error) {
		return a.Service.SetUserPassword(ctx, c, id, old, password)
	}, wireUser)
}

// contact is an e-mail address or a phone number, one of them, with the name of its field.
func (b *body) contact() (text, field string) {
	email, phone := b.textOr("email"), b.textOr("phone")
	switch {
	case len(b.refused) > 0:
	case email != "" && phone != "":
		b.refused.Refuse("phone", "is given beside email; give one of them")
	case phone != "":
		return phone, "phone"
	case email == "":
		b.refused.Refuse("email", "must be given, or phone")
	}
	return email, "email"
}

// namedAs tells of a refused contact by the field that it stood in.
func namedAs(err error, field string) error {
	var refused *wallet.Error
	if errors.As(err, &refused) && len(refused.Properties["contact"]) > 0 {
		return wallet.FieldError(field, "%s", refused.Properties["contact"][0])
	}
	return err
}

// wireUser writes of a user what the view shows.
func wireUser(v service.UserView) walletapi.User {
	out := walletapi.User{ID: v.ID, Wallets: v.Wallets}
	if v.Email {
		out.Email = v.User.Email
	}
	if v.Phone {
		out.Phone = v.User.Phone
	}
	if v.DateOfBirth {
		out.DOB = v.User.DateOfBirth
	}
	if v.Gender {
		out.Gender = string(v.User.Gender)
	}
	if v.Level {
		out.IdentificationLevel, out.CalculatedLevel = string(v.User.Level), string(v.CalculatedLevel())
	}
	if v.Info {
		out.DisplayName, out.Type, out.CompanyCode, out.Locale = v.DisplayName, string(v.Type), v.CompanyCode, v.Locale
		if v.DefaultCurrency != "" {
			out.Options = &walletapi.UserOptions{DefaultCurrency: string(v.DefaultCurrency)}
		}
	}
	if v.Address {
		out.Address = wireAddress(v.User.Address)
	}
	if v.FullName || v.Identity {
		out.Identity = wireIdentity(v.User.Identity, v.Identity)
	}
	if v.PEP {
		out.PEP = wireExposures(v.Exposures)
	}
	return out
}

// wireAddress is nil for no address.
func wireAddress(address wallet.Address) *walletapi.Address {
	if address == (wallet.Address{}) {
		return nil
	}
	return &walletapi.Address{Country: address.Country, City: address.City, Street: address.Street, PostIndex: address.PostIndex}
}

// wireIdentity is nil for nobody; code says whether the nationality and the person code are shown.
func wireIdentity(i wallet.Identity, code bool) *walletapi.Identity {
	if i.Name == "" && i.Surname == "" {
		return nil
	}
	out := &walletapi.Identity{Name: i.Name, Surname: i.Surname}
	if code {
		out.Nationality, out.Code = i.Nationality, string(i.Code)
	}
	return out
}

func wireExposures(list []wallet.Exposure) []walletapi.Exposed {
	out := make([]walletapi.Exposed, len(list))
	for i, e := range list {
		out[i] = walletapi.Exposed{Name: e.Name, Relation: e.Relation, Positions: append([]string{}, e.Positions...)}
	}
	return out
}
