package service

import (
	"context"
	"fmt"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

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
	number, err = answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (number int64, err error) {
		id, read, standing, locale, err := tx.ReachedBy(contact)
		if err != nil {
			return 0, err
		}
		to := sending{to: contact, locale: locale, kind: wallet.ResetPassword, nobody: id == 0 || standing == wallet.InactiveUser}
		if code != "" {
			u, err := tx.User(read) // somebody, also where there is nobody: that takes the same time
			if err != nil {
				return 0, err
			}
			to.nobody = to.nobody || u == nil || u.Identity.Code != code
		}
		f := store.Confirmation{Purpose: store.ForPassword, UserID: id, Contact: contact}
		if c.Client != nil {
			f.ClientID = c.Client.ID
		}
		number, handle, err = s.sendCode(tx, c, f, to)
		return number, err
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
	_, err := s.resetPassword(ctx, c, code, password, func(tx *store.Tx) (*store.Confirmation, error) { return tx.ConfirmationByHandle(handle) })
	return err
}

// SetPasswordByCode is ResetPassword for a client, by the number that ResetUserPassword returned, which it returns
// as well. Numbers can be
// counted up: one that another client was given, or that came of the pages, is nobody's here, so that nobody guesses
// at the codes of strangers or uses up their tries. It also fails with Forbidden.
func (s *Service) SetPasswordByCode(ctx context.Context, c wallet.Caller, number int64, code, password secret.Text) (int64, error) {
	if err := wallet.May(c, wallet.ConfirmByCode, wallet.Subject{}).Err(); err != nil {
		return 0, err
	}
	return s.resetPassword(ctx, c, code, password, func(tx *store.Tx) (*store.Confirmation, error) {
		f, err := tx.ConfirmationByID(number)
		if f != nil && f.ClientID != c.Client.ID {
			f = nil
		}
		return f, err
	})
}

// resetPassword returns the number of the code that was given back.
func (s *Service) resetPassword(ctx context.Context, c wallet.Caller, code, password secret.Text, find func(tx *store.Tx) (*store.Confirmation, error)) (number int64, err error) {
	if err := s.checkNewPassword(password); err != nil {
		return 0, err
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return 0, err
	}
	return giveBack(ctx, s, c, code,
		func(tx *store.Tx) (*store.Confirmation, error) {
			f, err := find(tx)
			if f != nil && f.Purpose != store.ForPassword {
				f = nil
			}
			return f, err
		},
		func(tx *store.Tx, c wallet.Caller, f *store.Confirmation) (int64, error) {
			u, err := tx.User(f.UserID)
			if err != nil {
				return 0, err
			}
			if f.Contact != u.Email && f.Contact != u.Phone {
				return 0, errWrongCode // who reads the contact that was given up must not undo that
			}
			if err := s.checkNewPassword(password, personalWords(*u)...); err != nil {
				return 0, err // and the code stays good: nobody else gives it back
			}
			if err := tx.SetPassword(u.ID, hash); err != nil {
				return 0, err
			}
			if err := tx.DropSignIns(u.ID, ""); err != nil {
				return 0, err
			}
			if err := tx.EndFamilies(u.ID, 0); err != nil {
				return 0, err
			}
			// Whoever guessed before must not keep the owner waiting now.
			if err := tx.SetAttempts(s.accountGuess("password", fmt.Sprint("user ", u.ID)).fingerprint, store.Attempts{}); err != nil {
				return 0, err
			}
			if err := s.audit(tx, c, "reset password", userObject, u.ID, nil, nil); err != nil {
				return 0, err
			}
			return f.ID, tell(tx, u, wallet.PasswordChanged, nil)
		})
}

// SetUserPassword sets a new password for a client that may change that, with the present one. It fails with
// Forbidden, NotFound, InvalidPassword, PasswordTooShort, PasswordTooRisky and RateLimitExceeded.
func (s *Service) SetUserPassword(ctx context.Context, c wallet.Caller, user int64, present, password secret.Text) (UserView, error) {
	u, err := s.userToChange(ctx, c, user)
	if err != nil {
		return UserView{}, err
	}
	return inTurn(ctx, s, c, func() (UserView, error) {
		return s.changePassword(ctx, c, u.ID, present, password, func(tx *store.Tx, c wallet.Caller) (UserView, error) {
			if err := tx.DropSignIns(u.ID, ""); err != nil {
				return UserView{}, err
			}
			return viewAfterChange(tx, c, u.ID)
		})
	})
}
