package service

import (
	"context"
	"strings"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

func isEmailContact(contact string) bool { return strings.Contains(contact, "@") }

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

// ConfirmContact gives a code back that was sent to a contact, under the handle: the contact is then the
// user's. Only who is signed in to it adds one to an account that has a contact: a stranger who has named one of another
// person's must not get the code typed by leading them to the page. It fails with InvalidCode.
func (s *Service) ConfirmContact(ctx context.Context, c wallet.Caller, handle, code secret.Text) error {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return err
	}
	_, err := giveBack(ctx, s, c, code,
		func(tx *store.Tx) (*store.Confirmation, error) {
			f, err := tx.ConfirmationByHandle(handle)
			if err != nil || f == nil || f.Purpose != store.ForContact {
				return nil, err
			}
			u, err := tx.User(f.UserID)
			if err != nil || u == nil || u.Reachable() && c.UserID() != u.ID {
				return nil, err
			}
			return f, nil
		},
		func(tx *store.Tx, c wallet.Caller, f *store.Confirmation) (struct{}, error) {
			return struct{}{}, s.assignContact(tx, c, f.UserID, f.Contact)
		})
	return err
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
	return giveBack(ctx, s, c, code,
		func(tx *store.Tx) (*store.Confirmation, error) {
			return tx.LatestConfirmation(user, store.ForContact, phone)
		},
		func(tx *store.Tx, c wallet.Caller, f *store.Confirmation) (UserView, error) {
			if err := s.assignContact(tx, c, f.UserID, f.Contact); err != nil {
				return UserView{}, err
			}
			return viewAfterChange(tx, c, user)
		})
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
// put in the place of the present one, and returns a handle to give it back under. It takes the password, since who has
// a contact of the account's can set another one. It fails with InvalidParameters, InvalidPassword and RateLimitExceeded.
func (s *Service) AddContact(ctx context.Context, c wallet.Caller, contact string, password secret.Text) (handle secret.Text, err error) {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	contact = normalContact(contact)
	if !isEmail(contact) && !phoneForm.MatchString(contact) {
		return "", wallet.FieldError("contact", "must be an e-mail address, or a phone number with the country code")
	}
	if err := s.knowsPassword(ctx, c, c.UserID(), password); err != nil {
		return "", err
	}
	u, err := s.db.User(ctx, c.UserID())
	if err != nil {
		return "", err
	}
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
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (UserView, error) {
		if taken, err := tx.UserByContact(contact); err != nil {
			return UserView{}, err
		} else if taken != 0 && taken != u.ID && c.Client.Type == wallet.PrivateClient {
			code := wallet.UserAlreadyExists
			if phone {
				code = wallet.PhoneAlreadyAssigned
			}
			return UserView{}, wallet.Errorf(code, "the contact %s is another user's: name another one.", contact)
		}
		if _, _, err := s.sendContactCode(tx, c, u.ID, contact, u.Locale); err != nil {
			return UserView{}, err
		}
		view, err := viewAfterChange(tx, c, u.ID)
		if phone {
			view.User.Phone, view.Phone = contact, true
		} else {
			view.User.Email, view.Email = contact, true
		}
		return view, err
	})
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
