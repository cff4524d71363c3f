package service

import (
	"context"
	"slices"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

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
