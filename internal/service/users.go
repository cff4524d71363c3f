package service

import (
	"context"
	"errors"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// UserView is a user as somebody may see one: User holds all, and the other fields say what of it may be
// shown.
type UserView struct {
	wallet.User
	// Wallets are the numbers of the user's wallets; nil where they are not shown.
	Wallets []int64
	// Each of these is opened by the scope of that name.
	Email, Phone, DateOfBirth, Gender, Address, FullName, Identity, Level, Info, PEP bool
}

// shows are the fields of a view by the scope that opens them.
func (v *UserView) shows() map[wallet.Scope]*bool {
	return map[wallet.Scope]*bool{
		wallet.ScopeEmail: &v.Email, wallet.ScopePhone: &v.Phone, wallet.ScopeDateOfBirth: &v.DateOfBirth, wallet.ScopeGender: &v.Gender,
		wallet.ScopeAddress: &v.Address, wallet.ScopeFullName: &v.FullName, wallet.ScopeIdentity: &v.Identity,
		wallet.ScopeIdentificationLevel: &v.Level, wallet.ScopeUserInfo: &v.Info, wallet.ScopePEP: &v.PEP,
	}
}

// aboutUser is the subject of a question about a user, with what that one agreed to for a client that calls
// with its own credentials.
func (s *Service) aboutUser(ctx context.Context, c wallet.Caller, id int64, scope wallet.Scope) (wallet.Subject, error) {
	u, err := s.db.User(ctx, id)
	if err != nil {
		return wallet.Subject{}, err
	}
	subject := wallet.Subject{User: u, Scope: scope}
	if c.Kind == wallet.ByClient && u != nil {
		subject.Consent, err = s.db.Consent(ctx, u.ID, c.Client.ID)
	}
	return subject, err
}

// mayAboutUser asks whether the caller may do something to a user, which then exists. It is asked once, with all
// that was found, so that what is told to be missing is all that is missing. What is in strangers' hands does not
// learn which numbers users have.
func mayAboutUser(c wallet.Caller, a wallet.Action, subject wallet.Subject, id int64) error {
	missing := subject.User == nil
	if missing && !c.OwnsClient() {
		subject.User = &wallet.User{}
	}
	if err := wallet.May(c, a, subject).Err(); err != nil {
		return err
	}
	if missing {
		return noSuch(userObject, id)
	}
	return nil
}

// GetUser returns the user, or Me, with what the scopes open that the user agreed to. It fails with Forbidden
// and NotFound.
func (s *Service) GetUser(ctx context.Context, c wallet.Caller, id int64) (UserView, error) {
	id, err := ownUser(c, id)
	if err != nil {
		return UserView{}, err
	}
	subject, err := s.aboutUser(ctx, c, id, "")
	if err != nil {
		return UserView{}, err
	}
	if err := mayAboutUser(c, wallet.ReadUser, subject, id); err != nil {
		return UserView{}, err
	}
	return s.userView(ctx, c, subject)
}

// userView opens what the caller may see of a user.
func (s *Service) userView(ctx context.Context, c wallet.Caller, subject wallet.Subject) (UserView, error) {
	return viewOfUser(c, subject, func(user int64) (ids []int64, err error) {
		wallets, _, err := s.db.Wallets(ctx, OwnerFilter{OwnerID: user})
		for _, w := range wallets {
			ids = append(ids, w.ID)
		}
		return ids, err
	})
}

// ownUser is the number of the user that is asked for: Me is the token's. It fails with Forbidden where there
// is no token.
func ownUser(c wallet.Caller, id int64) (int64, error) {
	if id != Me {
		return id, nil
	}
	if c.UserID() == 0 {
		return 0, wallet.May(c, wallet.ReadUserData, wallet.Subject{User: &wallet.User{}}).Err()
	}
	return c.UserID(), nil
}

// viewOfUser is userView with the numbers of a user's wallets as somebody finds them.
func viewOfUser(c wallet.Caller, subject wallet.Subject, walletsOf func(user int64) ([]int64, error)) (UserView, error) {
	v := UserView{User: *subject.User}
	for scope, shown := range v.shows() {
		subject.Scope = scope
		*shown = wallet.May(c, wallet.ReadUserData, subject).Allowed
	}
	subject.Scope = wallet.ScopeWalletList
	if !wallet.May(c, wallet.ReadUserData, subject).Allowed {
		return v, nil
	}
	wallets, err := walletsOf(v.ID)
	v.Wallets = append([]int64{}, wallets...)
	return v, err
}

// viewAfterChange is a user as who has just changed them may see them.
func viewAfterChange(tx *store.Tx, c wallet.Caller, id int64) (UserView, error) {
	u, err := tx.User(id)
	if err != nil {
		return UserView{}, err
	}
	if u == nil {
		return UserView{}, noSuch(userObject, id)
	}
	subject := wallet.Subject{User: u}
	if c.Kind == wallet.ByClient {
		if subject.Consent, err = tx.Consent(id, c.Client.ID); err != nil {
			return UserView{}, err
		}
	}
	return viewOfUser(c, subject, tx.WalletsOf)
}

// GetUserData returns the user, or Me, for a call about what one scope opens. It fails with Forbidden without
// that scope, and with NotFound where the user has not agreed to it yet.
func (s *Service) GetUserData(ctx context.Context, c wallet.Caller, id int64, scope wallet.Scope) (wallet.User, error) {
	u, err := s.userData(ctx, c, id, scope)
	if err != nil {
		return wallet.User{}, err
	}
	return *u, nil
}

func (s *Service) userData(ctx context.Context, c wallet.Caller, id int64, scope wallet.Scope) (*wallet.User, error) {
	id, err := ownUser(c, id)
	if err != nil {
		return nil, err
	}
	subject, err := s.aboutUser(ctx, c, id, scope)
	if err != nil {
		return nil, err
	}
	return subject.User, mayAboutUser(c, wallet.ReadUserData, subject, id)
}

// GetUserIdentity returns who the user, or Me, is; code says whether the nationality and the person code may be
// shown. It fails like GetUserData.
func (s *Service) GetUserIdentity(ctx context.Context, c wallet.Caller, id int64) (i wallet.Identity, code bool, err error) {
	u, err := s.userData(ctx, c, id, wallet.ScopeIdentity)
	if err == nil {
		return u.Identity, true, nil
	}
	var refused *wallet.Error
	if !errors.As(err, &refused) || refused.Code != wallet.Forbidden && refused.Code != wallet.NotFound {
		return wallet.Identity{}, false, err
	}
	u, lesser := s.userData(ctx, c, id, wallet.ScopeFullName)
	var waits *wallet.Error
	if errors.As(lesser, &waits) && waits.Code == wallet.NotFound {
		return wallet.Identity{}, false, lesser
	}
	if lesser != nil {
		return wallet.Identity{}, false, err // what would open more
	}
	return u.Identity, false, nil
}

// ListUserWallets returns the wallets of the user, or Me; those out of use only withInactive. It fails like GetUserData.
func (s *Service) ListUserWallets(ctx context.Context, c wallet.Caller, id int64, withInactive bool) ([]WalletView, error) {
	u, err := s.userData(ctx, c, id, wallet.ScopeWalletList)
	if err != nil {
		return nil, err
	}
	wallets, _, err := s.db.Wallets(ctx, OwnerFilter{OwnerID: u.ID})
	views := []WalletView{}
	for i := range wallets {
		if !wallets[i].Inactive || withInactive {
			views = append(views, WalletView{Wallet: &wallets[i], Detailed: true})
		}
	}
	return views, err
}

// UserQuery names a user by one of these.
type UserQuery struct {
	Email, Phone string
	Code         wallet.PersonCode
	Nationality  string
}

// FindUser returns the user whom the query names, with what the scopes open that the user agreed to: without
// any, the number alone. It fails with Forbidden, InvalidParameters and NotFound.
func (s *Service) FindUser(ctx context.Context, c wallet.Caller, q UserQuery) (UserView, error) {
	action := wallet.FindUser
	if q.Code != "" {
		action = wallet.FindUserByPersonCode
	}
	if err := wallet.May(c, action, wallet.Subject{}).Err(); err != nil {
		return UserView{}, err
	}
	given := 0
	for _, text := range []string{q.Email, q.Phone, string(q.Code)} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		return UserView{}, wallet.FieldError("email", "name the user by exactly one of email, phone and person_code")
	}
	if q.Code != "" && !countryForm.MatchString(q.Nationality) {
		return UserView{}, wallet.FieldError("nationality", "must be two letters, such as lt: person_code[lt]=…, or nationality=lt beside person_code")
	}
	var id int64
	var err error
	if q.Code != "" {
		id, err = s.db.UserByCode(ctx, q.Nationality, q.Code)
	} else {
		id, err = s.db.UserByContact(ctx, normalContact(q.Email+q.Phone))
	}
	if err != nil {
		return UserView{}, err
	}
	if id == 0 {
		return UserView{}, wallet.Errorf(wallet.NotFound, "there is no such user: check what they are named by.")
	}
	subject, err := s.aboutUser(ctx, c, id, "")
	if err != nil {
		return UserView{}, err
	}
	return s.userView(ctx, c, subject)
}
