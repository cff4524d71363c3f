package service

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Who signs in on the pages stays so for a while, on the wall clock, as cookies do.
const (
	// SignInIdle is how long a sign-in lasts that nobody uses, SignInMost how long any lasts.
	SignInIdle, SignInMost = 30 * time.Minute, 12 * time.Hour
	// seenEvery is how exactly it is noted that somebody was there.
	seenEvery = time.Minute
)

// normalContact is an e-mail address in small letters, or a phone number as digits.
func normalContact(text string) string {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "@") {
		return strings.ToLower(text)
	}
	return phoneSigns.Replace(text)
}

// prove finds out whose contact and password these are. It fails with the given refusal, whether there is
// no such user, the password is another one or the user may not sign in, and with RateLimitExceeded.
func (s *Service) prove(ctx context.Context, c wallet.Caller, contact string, password secret.Text, refusal error) (user int64, err error) {
	contact = normalContact(contact)
	user, standing, hash, err := s.db.SignInSecrets(ctx, contact)
	if err != nil {
		return 0, err
	}
	name := "contact " + contact
	if user != 0 {
		name = fmt.Sprint("user ", user)
	}
	account, network := s.accountGuess("password", name), s.networkGuess("password", c)
	if err := s.countTry(ctx, account, network); err != nil {
		return 0, err
	}
	right, err := rightPassword(ctx, hash, password)
	if err != nil {
		return 0, err
	}
	if !right || standing == wallet.InactiveUser {
		return 0, refusal
	}
	return user, s.db.Update(ctx, func(tx *store.Tx) error { return s.wasRight(tx, account, network) })
}

// SignIn signs a user in on the pages, by e-mail address or phone number and password, and returns the
// value of the cookie. It fails with InvalidPassword, which does not say whether there is such a user, and
// with RateLimitExceeded.
func (s *Service) SignIn(ctx context.Context, c wallet.Caller, contact string, password secret.Text) (secret.Text, error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	user, err := s.prove(ctx, c, contact, password, wallet.Errorf(wallet.InvalidPassword, "the e-mail address, the phone number or the password is wrong."))
	if err != nil {
		return "", err
	}
	cookie := secret.NewKey()
	return cookie, s.db.Update(ctx, func(tx *store.Tx) error {
		if err := tx.InsertSignIn(cookie, user, s.WallClock()); err != nil {
			return err
		}
		return s.audit(tx, wallet.Caller{Kind: wallet.ByPerson, Person: user, From: c.From}, "sign in", userObject, user, nil, nil)
	})
}

// PersonOf is the caller as the person who is signed in under the cookie, or as it is when nobody is.
func (s *Service) PersonOf(ctx context.Context, c wallet.Caller, cookie secret.Text) (wallet.Caller, error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return wallet.Caller{}, err
	}
	if cookie == "" {
		return c, nil
	}
	in, err := s.db.SignIn(ctx, cookie)
	if err != nil || in == nil {
		return c, err
	}
	now := s.WallClock()
	if now.Sub(in.SeenAt) > SignInIdle || now.Sub(in.CreatedAt) > SignInMost {
		return c, nil
	}
	if now.Sub(in.SeenAt) > seenEvery {
		if err := s.db.Update(ctx, func(tx *store.Tx) error { return tx.SeeSignIn(cookie, now) }); err != nil {
			return c, err
		}
	}
	c.Kind, c.Person = wallet.ByPerson, in.User
	return c, nil
}

// SignOut ends what the cookie stands for.
func (s *Service) SignOut(ctx context.Context, c wallet.Caller, cookie secret.Text) error {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.DropSignIn(cookie) })
}

// maxPassword bounds a password, in bytes: a hash costs the same, and estimating how risky it is does not.
const maxPassword = 128

// checkNewPassword refuses a password that people choose and that others would guess. personal are words
// that whoever knows the person tries first. It fails with PasswordTooShort and PasswordTooRisky.
func (s *Service) checkNewPassword(password secret.Text, personal ...string) error {
	text := password.Reveal()
	switch {
	case utf8.RuneCountInString(text) < s.MinimumPasswordLength:
		return passwordError(wallet.PasswordTooShort, "must have at least %d characters", s.MinimumPasswordLength)
	case len(text) > maxPassword || !utf8.ValidString(text):
		return passwordError(wallet.PasswordTooRisky, "must be text of at most %d bytes", maxPassword)
	case risky(text, personal):
		return passwordError(wallet.PasswordTooRisky, "is too easy to guess: use several words, or one that is in no list")
	}
	return nil
}

func passwordError(code wallet.Code, format string, args ...any) error {
	refused := wallet.FieldError("password", format, args...)
	refused.Code = code
	return refused
}

// ChangePassword sets a new password for who is signed in, signs them out everywhere else and warns them. It
// fails with InvalidPassword when the present one is wrong, PasswordTooShort, PasswordTooRisky and
// RateLimitExceeded. here is the cookie of who changes it.
func (s *Service) ChangePassword(ctx context.Context, c wallet.Caller, present, password, here secret.Text) error {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return err
	}
	_, err := s.changePassword(ctx, c, c.UserID(), present, password, func(tx *store.Tx, c wallet.Caller) (UserView, error) {
		return UserView{}, tx.DropSignIns(c.UserID(), here)
	})
	return err
}

// changePassword sets a new password for who knows the present one, and does and answers more in the same
// transaction.
func (s *Service) changePassword(ctx context.Context, c wallet.Caller, user int64, present, password secret.Text, more func(tx *store.Tx, c wallet.Caller) (UserView, error)) (UserView, error) {
	if err := s.knowsPassword(ctx, c, user, present); err != nil {
		return UserView{}, err
	}
	return s.setPassword(ctx, c, user, password, more)
}

// knowsPassword asks for the present password of a user. It fails with InvalidPassword and
// RateLimitExceeded.
func (s *Service) knowsPassword(ctx context.Context, c wallet.Caller, user int64, present secret.Text) error {
	account, network := s.accountGuess("password", fmt.Sprint("user ", user)), s.networkGuess("password", c)
	if err := s.countTry(ctx, account, network); err != nil {
		return err
	}
	hash, _, err := s.db.Hashes(ctx, user)
	if err != nil {
		return err
	}
	right, err := rightPassword(ctx, hash, present)
	if err != nil {
		return err
	}
	if !right {
		return wallet.Errorf(wallet.InvalidPassword, "the present password is wrong.")
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.wasRight(tx, account, network) })
}

// setPassword hashes and stores a new password, and does and answers more in the same transaction.
func (s *Service) setPassword(ctx context.Context, c wallet.Caller, user int64, password secret.Text, more func(tx *store.Tx, c wallet.Caller) (UserView, error)) (UserView, error) {
	u, err := s.db.User(ctx, user)
	if err != nil {
		return UserView{}, err
	}
	if u == nil {
		return UserView{}, noSuch(userObject, user)
	}
	if err := s.checkNewPassword(password, personalWords(*u)...); err != nil {
		return UserView{}, err
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return UserView{}, err
	}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (UserView, error) {
		if err := tx.SetPassword(user, hash); err != nil {
			return UserView{}, err
		}
		view, err := more(tx, c)
		if err != nil {
			return UserView{}, err
		}
		if err := s.audit(tx, c, "set password", userObject, user, nil, nil); err != nil {
			return UserView{}, err
		}
		return view, tell(tx, u, wallet.PasswordChanged, nil)
	})
}

// personalWords are what others try first.
func personalWords(u wallet.User) []string {
	words := strings.Fields(u.DisplayName)
	if name, _, found := strings.Cut(u.Email, "@"); found {
		words = append(words, name, u.Email)
	}
	return append(words, u.Phone, "purser", "wallet")
}

// SetPIN sets a new PIN for who is signed in, who proves to be it by the present PIN or, where there is
// none or it is forgotten, by the password. It fails with InvalidPassword, InvalidParameters and
// RateLimitExceeded.
func (s *Service) SetPIN(ctx context.Context, c wallet.Caller, presentPIN, password, pin secret.Text) error {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return err
	}
	_, pinHash, err := s.hashes("", pin)
	if err != nil {
		return err
	}
	if pinHash == nil || tooPlain(pin) {
		return wallet.FieldError("pin", "must be 4 to 12 digits, not all the same and not in a row")
	}
	user := c.UserID()
	if presentPIN != "" {
		err = s.knowsPIN(ctx, c, user, presentPIN)
	} else {
		err = s.knowsPassword(ctx, c, user, password)
	}
	if err != nil {
		return err
	}
	u, err := s.db.User(ctx, user)
	if err != nil {
		return err
	}
	return s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		if err := tx.SetPIN(user, pinHash); err != nil {
			return err
		}
		if err := s.audit(tx, c, "set pin", userObject, user, nil, nil); err != nil {
			return err
		}
		return tell(tx, u, wallet.PINChanged, nil)
	})
}

// tooPlain says whether a PIN is one digit over and over, or digits in a row.
func tooPlain(pin secret.Text) bool {
	digits := pin.Reveal()
	if digits == "" {
		return true
	}
	step := int(digits[min(1, len(digits)-1)]) - int(digits[0])
	for i := 1; i < len(digits); i++ {
		if int(digits[i])-int(digits[i-1]) != step {
			return false
		}
	}
	return step >= -1 && step <= 1
}

// knowsPIN asks for the PIN of a user. It fails with InvalidPassword and RateLimitExceeded.
func (s *Service) knowsPIN(ctx context.Context, c wallet.Caller, user int64, pin secret.Text) error {
	account, network := s.pinGuesses(c, user)
	if err := s.countTry(ctx, account, network); err != nil {
		return err
	}
	_, hash, err := s.db.Hashes(ctx, user)
	if err != nil {
		return err
	}
	if !s.Box.CheckPIN(hash, pin) {
		return wallet.Errorf(wallet.InvalidPassword, "the present PIN is wrong.")
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.wasRight(tx, account, network) })
}
