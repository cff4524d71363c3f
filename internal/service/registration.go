package service

import (
	"context"
	"strings"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Nobody learns from registering, or from asking for a new password, whether there is an account: the answer
// is the same, and what there is to know goes to the e-mail address or the phone that was named. A contact
// belongs to nobody until somebody gives the code back that was sent there, so nobody can keep another one
// from registering by naming their address first.

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
	return inTurn(ctx, s, c, func() (wallet.User, error) {
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
		return u, err
	})
}

// register checks and stores a registration and sends the codes. Trusted says that the e-mail address needs
// none. The user is returned with the contacts that were named.
func (s *Service) register(ctx context.Context, c wallet.Caller, r Registration, trusted bool) (u wallet.User, handles []secret.Text, err error) {
	contacts, err := s.checkRegistration(&r)
	if err != nil {
		return u, nil, err
	}
	hash, err := hashPassword(ctx, r.Password)
	if err != nil {
		return u, nil, err
	}
	u, err = answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (u wallet.User, err error) {
		handles = nil
		u = wallet.User{Type: wallet.Natural, DisplayName: r.DisplayName, Locale: r.Locale, Identity: r.Identity, CreatedAt: s.BusinessClock()}
		if c.Client != nil {
			u.RegisteredBy = c.Client.ID
		}
		if u.ID, err = tx.NextID(store.UserIDs, 0); err != nil {
			return u, err
		}
		if err := checkUser(tx, &u); err != nil {
			return u, err
		}
		if err := tx.InsertUser(u, hash, nil); err != nil {
			return u, err
		}
		if err := tx.MarkRegistered(u.ID); err != nil {
			return u, err
		}
		if err := s.audit(tx, c, "register", userObject, u.ID, nil, u); err != nil {
			return u, err
		}
		u.Email, u.Phone = normalContact(r.Email), normalContact(r.Phone)
		if trusted {
			return u, s.trustEmail(tx, c, &u, contacts[0])
		}
		for _, contact := range contacts {
			_, handle, err := s.sendContactCode(tx, c, u.ID, contact, u.Locale)
			if err != nil {
				return u, err
			}
			handles = append(handles, handle)
		}
		return u, nil
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
