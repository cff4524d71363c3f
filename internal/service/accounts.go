package service

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Nobody learns from registering, or from asking for a new password, whether there is an account: the answer
// is the same, and what there is to know goes to the e-mail address or the phone that was named. A contact
// belongs to nobody until somebody gives the code back that was sent there, so nobody can keep another one
// from registering by naming their address first.

// Codes that people are sent.
const (
	codeLifetime = 15 * time.Minute
	// codeTries is how often a code may be given back wrongly.
	codeTries = 5
	// codesPerHour and codesPerDay are how many codes one contact is sent, whoever asks: what strangers can have a
	// phone ring, and with codeTries how often they can guess.
	codesPerHour, codesPerDay = 5, 15
)

func isEmailContact(contact string) bool { return strings.Contains(contact, "@") }

// Registration is who wants an account.
type Registration struct {
	DisplayName, Locale string
	// Email and Phone are contacts of theirs; at least one.
	Email, Phone string
	Password     secret.Text
	Identity     wallet.Identity
	// Prepared is the key of an authorization request that a trusted client has prepared with the e-mail
	// address: then that needs no code.
	Prepared secret.Text
}

// Register adds a user who cannot sign in yet, and sends a code to the e-mail address or, without one, to the
// phone. It returns a handle to give the code back under; empty where none is needed. Whether there is such a
// user already is told to nobody but who reads that contact. It fails with InvalidParameters, PasswordTooShort,
// PasswordTooRisky and RateLimitExceeded.
func (s *Service) Register(ctx context.Context, c wallet.Caller, r Registration) (handle secret.Text, err error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	trusted, err := s.vouchedFor(ctx, r.Prepared, normalContact(r.Email))
	if err != nil {
		return "", err
	}
	_, handles, err := s.register(ctx, c, r, trusted)
	if err != nil || trusted {
		return "", err
	}
	return handles[0], nil
}

// vouchedFor says whether a client whose word is trusted has named the e-mail address.
func (s *Service) vouchedFor(ctx context.Context, key secret.Text, email string) (bool, error) {
	if key == "" || email == "" {
		return false, nil
	}
	r, err := s.preparedRequest(ctx, key)
	if err != nil || !r.Trusted || normalContact(r.Email) != email {
		return false, ignoreKnown(err)
	}
	by, err := s.db.Credential(ctx, r.ClientID) // which may have lost that trust since
	return err == nil && by.Known && !by.Client.Revoked() && by.Client.Has(wallet.GiveTrustedUserInfo), err
}

// RegisterUser adds a user for a client, like Register; every contact that is named gets a code, which the
// client gives back with ConfirmContact. The user is returned with those contacts, though they are not
// confirmed. A client that may look users up anyway is told with UserAlreadyExists when one of them is
// somebody's. It also fails with Forbidden.
func (s *Service) RegisterUser(ctx context.Context, c wallet.Caller, r Registration) (wallet.User, error) {
	if err := wallet.May(c, wallet.RegisterUser, wallet.Subject{}).Err(); err != nil {
		return wallet.User{}, err
	}
	if c.Client.Type == wallet.PrivateClient {
		for _, contact := range []string{normalContact(r.Email), normalContact(r.Phone)} {
			taken, err := s.db.UserByContact(ctx, contact)
			if err != nil {
				return wallet.User{}, err
			}
			if taken != 0 && contact != "" {
				return wallet.User{}, wallet.Errorf(wallet.UserAlreadyExists, "the contact %s is a user's already: have them sign in.", contact)
			}
		}
	}
	u, _, err := s.register(ctx, c, r, false)
	u.Email, u.Phone = normalContact(r.Email), normalContact(r.Phone)
	return u, err
}

// register checks and stores a registration and sends the codes. Trusted says that the e-mail address needs
// none.
func (s *Service) register(ctx context.Context, c wallet.Caller, r Registration, trusted bool) (u wallet.User, handles []secret.Text, err error) {
	contacts, err := s.checkRegistration(&r)
	if err != nil {
		return u, nil, err
	}
	hash, err := hashPassword(ctx, r.Password)
	if err != nil {
		return u, nil, err
	}
	defer s.Told()
	err = s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		handles = nil
		u = wallet.User{Type: wallet.Natural, DisplayName: r.DisplayName, Locale: r.Locale, Identity: r.Identity, CreatedAt: s.BusinessClock()}
		if c.Client != nil {
			u.RegisteredBy = c.Client.ID
		}
		if u.ID, err = tx.NextID(store.UserIDs, 0); err != nil {
			return err
		}
		if err := checkUser(tx, &u); err != nil {
			return err
		}
		if err := tx.InsertUser(u, hash, nil); err != nil {
			return err
		}
		if err := tx.MarkRegistered(u.ID); err != nil {
			return err
		}
		if err := s.audit(tx, c, "register", userObject, u.ID, nil, u); err != nil {
			return err
		}
		if trusted {
			return s.trustEmail(tx, c, &u, contacts[0])
		}
		for _, contact := range contacts {
			_, handle, err := s.sendContactCode(tx, c, u.ID, contact, u.Locale)
			if err != nil {
				return err
			}
			handles = append(handles, handle)
		}
		return nil
	})
	return u, handles, err
}

// trustEmail confirms an e-mail address on a trusted client's word; where it is somebody's already, that
// one is told, as often as anybody is told anything that strangers cause, and nothing else happens.
func (s *Service) trustEmail(tx *store.Tx, c wallet.Caller, u *wallet.User, email string) error {
	taken, err := tx.UserByContact(email)
	if err != nil {
		return err
	}
	if taken != 0 {
		_, _, err := s.sendContactCode(tx, c, u.ID, email, u.Locale)
		return err
	}
	return s.assignContact(tx, c, u.ID, email)
}

// checkRegistration brings a registration into the form that is stored, and returns its contacts.
func (s *Service) checkRegistration(r *Registration) (contacts []string, err error) {
	r.DisplayName = strings.TrimSpace(r.DisplayName)
	refused := wallet.FieldErrors{}
	for _, contact := range []struct {
		field, text, problem string
		ok                   func(string) bool
	}{
		{"email", normalContact(r.Email), "must be an e-mail address, such as ona@example.com", isEmail},
		{"phone", normalContact(r.Phone), "must be 8 to 15 digits with the country code, such as 37060012345", phoneForm.MatchString},
	} {
		switch {
		case contact.text == "":
		case !contact.ok(contact.text):
			refused.Refuse(contact.field, "%s", contact.problem)
		default:
			contacts = append(contacts, contact.text)
		}
	}
	if len(contacts) == 0 && len(refused) == 0 {
		refused.Refuse("email", "must be given, or a phone number")
	}
	checkIdentity(refused, &r.Identity)
	if r.DisplayName == "" {
		r.DisplayName = strings.TrimSpace(r.Identity.Name + " " + r.Identity.Surname)
	}
	if r.DisplayName == "" && len(contacts) > 0 {
		r.DisplayName, _, _ = strings.Cut(contacts[0], "@")
	}
	if err := refused.Err(); err != nil {
		return nil, err
	}
	return contacts, s.checkNewPassword(r.Password, append(strings.Fields(r.DisplayName), contacts...)...)
}

// checkIdentity brings an identity into the form that is stored, and refuses what is none.
func checkIdentity(refused wallet.FieldErrors, i *wallet.Identity) {
	i.Name, i.Surname = strings.TrimSpace(i.Name), strings.TrimSpace(i.Surname)
	i.Nationality = strings.ToLower(strings.TrimSpace(i.Nationality))
	i.Code = wallet.PersonCode(strings.TrimSpace(string(i.Code)))
	checkWords(refused, "identity.name", i.Name, 0, maxTitle)
	checkWords(refused, "identity.surname", i.Surname, 0, maxTitle)
	if i.Nationality != "" && !countryForm.MatchString(i.Nationality) {
		refused.Refuse("identity.nationality", "must be two letters, such as lt")
	}
	if i.Code != "" && !personCodeForm.MatchString(string(i.Code)) {
		refused.Refuse("identity.code", "must be letters, digits and dashes, 40 at most")
	}
	if i.Code != "" && i.Nationality == "" {
		refused.Refuse("identity.nationality", "must be given with a code")
	}
}

// sendContactCode sends a code to a contact that a user says is theirs. Where it is somebody's already, that
// one is told instead, and no code will do.
func (s *Service) sendContactCode(tx *store.Tx, c wallet.Caller, user int64, contact, locale string) (id int64, handle secret.Text, err error) {
	taken, err := tx.UserByContact(contact)
	if err != nil {
		return 0, "", err
	}
	kind := wallet.ConfirmContact
	if taken != 0 {
		kind = wallet.AlreadyRegistered
	}
	return s.sendCode(tx, c, store.Confirmation{Purpose: store.ForContact, UserID: user, Contact: contact}, sending{to: contact, locale: locale, kind: kind, noCode: taken != 0})
}

// sending says how a code goes out.
type sending struct {
	to, locale string
	kind       wallet.MessageKind
	values     map[string]string
	// noCode sends the message without a code. nobody sends it to nobody, at the same cost: nothing of that is
	// told.
	noCode, nobody bool
}

// sendCode stores a confirmation and sends its code. It fails with RateLimitExceeded.
func (s *Service) sendCode(tx *store.Tx, c wallet.Caller, f store.Confirmation, to sending) (id int64, handle secret.Text, err error) {
	if err := s.countTryIn(tx, s.networkGuess("codes", c)); err != nil {
		return 0, "", err
	}
	now := s.BusinessClock()
	for _, limit := range []struct {
		codes  int
		within time.Duration
	}{{codesPerHour, time.Hour}, {codesPerDay, 24 * time.Hour}} {
		recent, err := tx.RecentConfirmations(f, now.Add(-limit.within))
		if err != nil {
			return 0, "", err
		}
		if recent >= limit.codes {
			return 0, "", tooManyTries(limit.within / time.Duration(limit.codes))
		}
	}
	code := secret.NewCode()
	handle = secret.NewKey()
	if f.ID, err = tx.NextID(store.ConfirmationIDs, 0); err != nil {
		return 0, "", err
	}
	f.CreatedAt, f.ExpiresAt = now, now.Add(codeLifetime)
	hash := s.codeHash(f.ID, code)
	if !to.noCode && !to.nobody {
		f.CodeHash = hash
	}
	if err := tx.InsertConfirmation(handle, f); err != nil {
		return 0, "", err
	}
	values := map[string]string{}
	if !to.noCode {
		values = map[string]string{"code": code.Reveal(), "minutes": strconv.Itoa(int(codeLifetime / time.Minute))}
	}
	for name, value := range to.values {
		values[name] = value
	}
	if to.nobody {
		return f.ID, handle, tx.TellNobody(wallet.Message{Kind: to.kind, Locale: to.locale, Values: values})
	}
	return f.ID, handle, tellAt(tx, to.to, to.locale, to.kind, values)
}

// codeHash is how a code is kept: nobody finds it out from the database alone.
func (s *Service) codeHash(confirmation int64, code secret.Text) []byte {
	return s.Box.Fingerprint(fmt.Sprintf("code %d", confirmation), code)
}

var errWrongCode = wallet.Errorf(wallet.InvalidCode, "the code is wrong, was used, or has expired: look at the latest message, or ask for another code.")

// giveBack checks a code, and does what it opens in the same transaction. find finds the confirmation, nil for
// none. A wrong code is counted, and fails with InvalidCode; so does one for nobody.
func (s *Service) giveBack(ctx context.Context, c wallet.Caller, code secret.Text, find func(tx *store.Tx) (*store.Confirmation, error), open func(tx *store.Tx, c wallet.Caller, f *store.Confirmation) error) error {
	var wrong error
	err := s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		wrong = nil
		network := s.networkGuess("code", c)
		if err := s.countTryIn(tx, network); err != nil {
			return err
		}
		f, err := find(tx)
		if err != nil {
			return err
		}
		if f == nil || !f.Live(s.BusinessClock(), codeTries) {
			wrong = errWrongCode
			return nil
		}
		if subtle.ConstantTimeCompare(s.codeHash(f.ID, trimCode(code)), f.CodeHash) != 1 {
			wrong = errWrongCode
			return tx.CountAttempt(f.ID)
		}
		if err := tx.UseConfirmation(f.ID); err != nil {
			return err
		}
		if err := s.takeBack(tx, network); err != nil {
			return err
		}
		return open(tx, c, f)
	})
	if err != nil {
		return err
	}
	return wrong
}

// trimCode is a code without the blanks that people type into it.
func trimCode(code secret.Text) secret.Text {
	return secret.Text(strings.ReplaceAll(strings.TrimSpace(code.Reveal()), " ", ""))
}

// ConfirmContact gives a code back that was sent to a contact, under the handle: the contact is then the
// user's. It fails with InvalidCode.
func (s *Service) ConfirmContact(ctx context.Context, c wallet.Caller, handle, code secret.Text) error {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return err
	}
	defer s.Told()
	return s.giveBack(ctx, c, code,
		func(tx *store.Tx) (*store.Confirmation, error) {
			f, err := tx.ConfirmationByHandle(handle)
			if f != nil && f.Purpose != store.ForContact {
				f = nil
			}
			return f, err
		}, s.takeContact)
}

// ConfirmUserContact gives a code back for a client: that of the latest e-mail address or phone number which a
// user has named. It fails with Forbidden and InvalidCode.
func (s *Service) ConfirmUserContact(ctx context.Context, c wallet.Caller, user int64, phone bool, code secret.Text) (UserView, error) {
	user, err := userOfToken(c, user)
	if err != nil {
		return UserView{}, err
	}
	if err := wallet.May(c, wallet.ConfirmByCode, wallet.Subject{}).Err(); err != nil {
		return UserView{}, err
	}
	defer s.Told()
	err = s.giveBack(ctx, c, code,
		func(tx *store.Tx) (*store.Confirmation, error) {
			return tx.LatestConfirmation(user, store.ForContact, phone)
		}, s.takeContact)
	if err != nil {
		return UserView{}, err
	}
	return s.viewAfterChange(ctx, c, user)
}

func (s *Service) takeContact(tx *store.Tx, c wallet.Caller, f *store.Confirmation) error {
	return s.assignContact(tx, c, f.UserID, f.Contact)
}

// assignContact makes a contact a user's. Whoever confirms the first one gets a wallet. What waits for
// somebody with that contact goes on from here. It fails with InvalidCode where it has become another one's
// meanwhile.
func (s *Service) assignContact(tx *store.Tx, c wallet.Caller, user int64, contact string) error {
	taken, err := tx.UserByContact(contact)
	if err != nil {
		return err
	}
	if taken != 0 {
		return errWrongCode
	}
	before, err := tx.User(user)
	if err != nil {
		return err
	}
	after := *before
	replaced := &after.Phone
	if isEmailContact(contact) {
		replaced = &after.Email
	}
	old := *replaced
	*replaced = contact
	if err := tx.UpdateUser(*before, after); err != nil {
		return err
	}
	if err := s.audit(tx, c, "confirm contact", userObject, user, *before, after); err != nil {
		return err
	}
	if old != "" {
		return tellAt(tx, old, before.Locale, wallet.ContactChanged, map[string]string{"contact": contact})
	}
	if before.Reachable() {
		return nil
	}
	return s.firstWallet(tx, c, user)
}

// firstWallet gives a person who has none a wallet.
func (s *Service) firstWallet(tx *store.Tx, c wallet.Caller, user int64) error {
	w, err := tx.WalletOfUser(user)
	if err != nil || w != 0 {
		return err
	}
	_, err = s.addWallet(tx, c, wallet.Wallet{OwnerID: user}, 0)
	return err
}

// AddContact sends a code to an e-mail address or a phone number that who is signed in wants to add, or to
// put in the place of the present one, and returns a handle to give it back under. It fails with
// InvalidParameters and RateLimitExceeded.
func (s *Service) AddContact(ctx context.Context, c wallet.Caller, contact string) (handle secret.Text, err error) {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	contact = normalContact(contact)
	if !isEmail(contact) && !phoneForm.MatchString(contact) {
		return "", wallet.FieldError("contact", "must be an e-mail address, or a phone number with the country code")
	}
	u, err := s.db.User(ctx, c.UserID())
	if err != nil {
		return "", err
	}
	defer s.Told()
	err = s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) (err error) {
		_, handle, err = s.sendContactCode(tx, c, u.ID, contact, u.Locale)
		return err
	})
	return handle, err
}

// ChangeContact sends a code to an e-mail address or, where phone is set, a phone number that is to become a
// user's, for a client that may change that. A client that may look users up anyway is told with
// PhoneAlreadyAssigned or UserAlreadyExists when it is somebody's. It fails with Forbidden, NotFound,
// InvalidParameters and RateLimitExceeded.
func (s *Service) ChangeContact(ctx context.Context, c wallet.Caller, user int64, phone bool, contact string) (UserView, error) {
	u, err := s.userToChange(ctx, c, user)
	if err != nil {
		return UserView{}, err
	}
	contact = normalContact(contact)
	switch {
	case phone && !phoneForm.MatchString(contact):
		return UserView{}, wallet.FieldError("phone", "must be 8 to 15 digits with the country code, such as 37060012345")
	case !phone && !isEmail(contact):
		return UserView{}, wallet.FieldError("email", "must be an e-mail address, such as ona@example.com")
	}
	if taken, err := s.db.UserByContact(ctx, contact); err != nil {
		return UserView{}, err
	} else if taken != 0 && taken != u.ID && c.Client.Type == wallet.PrivateClient {
		code := wallet.UserAlreadyExists
		if phone {
			code = wallet.PhoneAlreadyAssigned
		}
		return UserView{}, wallet.Errorf(code, "the contact %s is another user's: name another one.", contact)
	}
	defer s.Told()
	err = s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		_, _, err := s.sendContactCode(tx, c, u.ID, contact, u.Locale)
		return err
	})
	if err != nil {
		return UserView{}, err
	}
	view, err := s.viewAfterChange(ctx, c, u.ID)
	if phone {
		view.User.Phone, view.Phone = contact, true
	} else {
		view.User.Email, view.Email = contact, true
	}
	return view, err
}

// userOfToken is the number of the user who is to be changed: Me is the token's. It fails with Forbidden where
// there is no token.
func userOfToken(c wallet.Caller, user int64) (int64, error) {
	if user == Me && c.UserID() == 0 {
		return 0, wallet.May(c, wallet.ChangeUser, wallet.Subject{User: &wallet.User{}}).Err()
	}
	if user == Me {
		return c.UserID(), nil
	}
	return user, nil
}

// userToChange finds a user whose means to sign in a caller may change.
func (s *Service) userToChange(ctx context.Context, c wallet.Caller, user int64) (*wallet.User, error) {
	user, err := userOfToken(c, user)
	if err != nil {
		return nil, err
	}
	u, err := s.db.User(ctx, user)
	if err != nil {
		return nil, err
	}
	if u == nil && !c.OwnsClient() {
		u = &wallet.User{} // strangers do not learn which numbers users have
	}
	if err := wallet.May(c, wallet.ChangeUser, wallet.Subject{User: u}).Err(); err != nil {
		return nil, err
	}
	if u == nil {
		return nil, noSuch(userObject, user)
	}
	return u, nil
}

// RequestPasswordReset sends a code to a contact with which a user sets a new password, and returns a handle,
// and a number, to give it back under. Where there is no such user nothing is sent, and nobody is told. It
// fails with RateLimitExceeded.
func (s *Service) RequestPasswordReset(ctx context.Context, c wallet.Caller, contact string) (handle secret.Text, number int64, err error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return "", 0, err
	}
	return s.requestReset(ctx, c, contact, "")
}

// ResetUserPassword is RequestPasswordReset for a client: the number stands for the user in
// SetPasswordByCode. A person code, where one is given, must be the user's as well. It also fails with
// Forbidden.
func (s *Service) ResetUserPassword(ctx context.Context, c wallet.Caller, contact string, code wallet.PersonCode) (number int64, err error) {
	if err := wallet.May(c, wallet.ConfirmByCode, wallet.Subject{}).Err(); err != nil {
		return 0, err
	}
	_, number, err = s.requestReset(ctx, c, contact, code)
	return number, err
}

func (s *Service) requestReset(ctx context.Context, c wallet.Caller, contact string, code wallet.PersonCode) (handle secret.Text, number int64, err error) {
	contact = normalContact(contact)
	if !isEmail(contact) && !phoneForm.MatchString(contact) {
		return "", 0, wallet.FieldError("contact", "must be an e-mail address, or a phone number with the country code")
	}
	defer s.Told()
	err = s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		id, read, standing, locale, err := tx.ReachedBy(contact)
		if err != nil {
			return err
		}
		to := sending{to: contact, locale: locale, kind: wallet.ResetPassword, nobody: id == 0 || standing == wallet.InactiveUser}
		if code != "" {
			u, err := tx.User(read) // somebody, also where there is nobody: that takes the same time
			if err != nil {
				return err
			}
			to.nobody = to.nobody || u == nil || u.Identity.Code != code
		}
		f := store.Confirmation{Purpose: store.ForPassword, UserID: id, Contact: contact}
		if c.Client != nil {
			f.ClientID = c.Client.ID
		}
		number, handle, err = s.sendCode(tx, c, f, to)
		return err
	})
	return handle, number, err
}

// ResetPassword sets a new password with the code that was sent for it. The user is signed out everywhere and
// all tokens end: whoever forgot a password may have lost it to somebody. It fails with InvalidCode,
// PasswordTooShort and PasswordTooRisky.
func (s *Service) ResetPassword(ctx context.Context, c wallet.Caller, handle, code, password secret.Text) error {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.resetPassword(ctx, c, code, password, func(tx *store.Tx) (*store.Confirmation, error) { return tx.ConfirmationByHandle(handle) })
}

// SetPasswordByCode is ResetPassword for a client, by the number that ResetUserPassword returned. Numbers can be
// counted up: one that another client was given, or that came of the pages, is nobody's here, so that nobody guesses
// at the codes of strangers or uses up their tries. It also fails with Forbidden.
func (s *Service) SetPasswordByCode(ctx context.Context, c wallet.Caller, number int64, code, password secret.Text) error {
	if err := wallet.May(c, wallet.ConfirmByCode, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.resetPassword(ctx, c, code, password, func(tx *store.Tx) (*store.Confirmation, error) {
		f, err := tx.ConfirmationByID(number)
		if f != nil && f.ClientID != c.Client.ID {
			f = nil
		}
		return f, err
	})
}

func (s *Service) resetPassword(ctx context.Context, c wallet.Caller, code, password secret.Text, find func(tx *store.Tx) (*store.Confirmation, error)) error {
	if err := s.checkNewPassword(password); err != nil {
		return err
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return err
	}
	defer s.Told()
	return s.giveBack(ctx, c, code,
		func(tx *store.Tx) (*store.Confirmation, error) {
			f, err := find(tx)
			if f != nil && f.Purpose != store.ForPassword {
				f = nil
			}
			return f, err
		},
		func(tx *store.Tx, c wallet.Caller, f *store.Confirmation) error {
			u, err := tx.User(f.UserID)
			if err != nil {
				return err
			}
			if f.Contact != u.Email && f.Contact != u.Phone {
				return errWrongCode // who reads the contact that was given up must not undo that
			}
			if err := tx.SetPassword(u.ID, hash); err != nil {
				return err
			}
			if err := tx.DropSignIns(u.ID, ""); err != nil {
				return err
			}
			if err := tx.EndFamilies(u.ID, 0); err != nil {
				return err
			}
			// Whoever guessed before must not keep the owner waiting now.
			if err := tx.SetAttempts(s.accountGuess("password", fmt.Sprint("user ", u.ID)).fingerprint, store.Attempts{}); err != nil {
				return err
			}
			if err := s.audit(tx, c, "reset password", userObject, u.ID, nil, nil); err != nil {
				return err
			}
			return tell(tx, u, wallet.PasswordChanged, nil)
		})
}

// SetUserPassword sets a new password for a client that may change that, with the present one. It fails with
// Forbidden, NotFound, InvalidPassword, PasswordTooShort, PasswordTooRisky and RateLimitExceeded.
func (s *Service) SetUserPassword(ctx context.Context, c wallet.Caller, user int64, present, password secret.Text) (UserView, error) {
	u, err := s.userToChange(ctx, c, user)
	if err != nil {
		return UserView{}, err
	}
	if err := s.changePassword(ctx, c, u.ID, present, password, ""); err != nil {
		return UserView{}, err
	}
	return s.viewAfterChange(ctx, c, u.ID)
}

// AccountView is what who is signed in sees of themselves.
type AccountView struct {
	wallet.User
	HasPassword, HasPIN bool
	// Companies are those that the user acts for.
	Companies []wallet.User
	Wallets   []wallet.Wallet
	// Projects are those that the user administers; Owned says which of them are theirs, or their
	// companies', to give away.
	Projects []wallet.Project
	Owned    map[int64]bool
	// Invitations are projects that the user is asked to administer.
	Invitations []InvitationView
}

// InvitationView is a project that somebody is asked to administer, and who asks.
type InvitationView struct {
	ID      int64
	Project wallet.Project
	From    string
}

// Account returns all about who is signed in.
func (s *Service) Account(ctx context.Context, c wallet.Caller) (AccountView, error) {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return AccountView{}, err
	}
	d, err := s.userDetails(ctx, c.UserID())
	if err != nil {
		return AccountView{}, err
	}
	v := AccountView{User: d.User, HasPassword: d.HasPassword, HasPIN: d.HasPIN, Wallets: d.Wallets, Projects: d.Projects, Owned: map[int64]bool{}}
	for _, company := range d.Companies {
		u, err := s.db.User(ctx, company)
		if err != nil {
			return AccountView{}, err
		}
		v.Companies = append(v.Companies, *u)
	}
	for _, p := range v.Projects {
		v.Owned[p.ID] = p.OwnerID == v.ID || slices.Contains(d.Companies, p.OwnerID)
	}
	invitations, err := s.db.InvitationsTo(ctx, v.Email, v.Phone)
	for _, i := range invitations {
		p, err := s.db.Project(ctx, i.ProjectID)
		if err != nil {
			return AccountView{}, err
		}
		v.Invitations = append(v.Invitations, InvitationView{ID: i.ID, Project: *p, From: p.OwnerDisplayName})
	}
	return v, err
}

// ProfileChange is what a user changes of themselves; what is nil stays as it is.
type ProfileChange struct {
	DisplayName, Locale, DateOfBirth *string
	Gender                           *wallet.Gender
	Address                          *wallet.Address
	// Identity can be changed by the user until an operator has identified them.
	Identity *wallet.Identity
}

// UpdateProfile changes what who is signed in says of themselves. It fails with InvalidParameters and, for
// an identity that an operator vouches for, InvalidState.
func (s *Service) UpdateProfile(ctx context.Context, c wallet.Caller, change ProfileChange) error {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		before, err := tx.User(c.UserID())
		if err != nil {
			return err
		}
		after := *before
		set(&after.DisplayName, change.DisplayName)
		set(&after.Locale, change.Locale)
		set(&after.DateOfBirth, change.DateOfBirth)
		set(&after.Gender, change.Gender)
		set(&after.Address, change.Address)
		set(&after.Identity, change.Identity)
		if err := checkUser(tx, &after); err != nil {
			return err
		}
		if after.Identity != before.Identity && before.Level != wallet.Unidentified {
			return wallet.Errorf(wallet.InvalidState, "you have been identified: ask the operator to change your name, nationality or person code.")
		}
		if err := s.audit(tx, c, "update", userObject, before.ID, *before, after); err != nil {
			return err
		}
		return tx.UpdateUser(*before, after)
	})
}
