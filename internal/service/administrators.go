package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// A project's owner asks others to administer it, by e-mail address or phone number: whoever reads that contact
// finds the invitation on their page, and accepts it or not. So the owner does not learn who has an account.

// Administrators are who administers a project beside its owner.
type Administrators struct {
	Users []wallet.User
	// Invited are those who have not answered.
	Invited []store.Invitation
}

// ownProject finds a project whose administrators the caller may manage.
func (s *Service) ownProject(ctx context.Context, c wallet.Caller, id int64) (*wallet.Project, error) {
	p, err := s.db.Project(ctx, id)
	if err != nil {
		return nil, err
	}
	subject := wallet.Subject{Project: p}
	if p != nil {
		if subject.Owner, err = s.db.User(ctx, p.OwnerID); err != nil {
			return nil, err
		}
	}
	if err := wallet.May(c, wallet.ManageAdministrators, subject).Err(); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, noSuch(projectObject, id)
	}
	return p, nil
}

// ListAdministrators returns who administers a project beside its owner. It fails with Forbidden and NotFound.
func (s *Service) ListAdministrators(ctx context.Context, c wallet.Caller, project int64) (Administrators, error) {
	if _, err := s.ownProject(ctx, c, project); err != nil {
		return Administrators{}, err
	}
	return s.administrators(ctx, project)
}

func (s *Service) administrators(ctx context.Context, project int64) (Administrators, error) {
	ids, invited, err := s.db.ProjectAdministrators(ctx, project)
	if err != nil {
		return Administrators{}, err
	}
	all := Administrators{Invited: invited}
	for _, id := range ids {
		u, err := s.db.User(ctx, id)
		if err != nil {
			return Administrators{}, err
		}
		all.Users = append(all.Users, *u)
	}
	return all, nil
}

// maxInvitations bounds how many invitations of a project wait at a time.
const maxInvitations = 100

// InviteAdministrator asks whoever reads a contact to administer a project, and returns who administers it and is
// invited then. Asking again sends nothing. It fails with Forbidden, NotFound, InvalidParameters, InvalidState and
// RateLimitExceeded.
func (s *Service) InviteAdministrator(ctx context.Context, c wallet.Caller, project int64, contact string) (Administrators, error) {
	p, err := s.ownProject(ctx, c, project)
	if err != nil {
		return Administrators{}, err
	}
	contact = normalContact(contact)
	if !isEmail(contact) && !phoneForm.MatchString(contact) {
		return Administrators{}, wallet.FieldError("contact", "must be an e-mail address, or a phone number with the country code")
	}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (Administrators, error) {
		invited, err := tx.InvitationsOf(project)
		if err != nil {
			return Administrators{}, err
		}
		if len(invited) >= maxInvitations {
			return Administrators{}, wallet.Errorf(wallet.InvalidState, "%d invitations wait for an answer, which is as many as a project may have: take some back.", maxInvitations)
		}
		if err := s.invite(tx, c, p, contact); err != nil {
			return Administrators{}, err
		}
		return administratorsIn(tx, project)
	})
}

// invite adds an invitation and sends it, unless the contact has one.
func (s *Service) invite(tx *store.Tx, c wallet.Caller, p *wallet.Project, contact string) error {
	by := c.UserID()
	if by == 0 {
		by = p.OwnerID
	}
	id, err := tx.NextID(store.InvitationIDs, 0)
	if err != nil {
		return err
	}
	added, err := tx.InsertInvitation(store.Invitation{ID: id, ProjectID: p.ID, Contact: contact, InvitedBy: by})
	if err != nil || !added {
		return err
	}
	// Taken back and sent again, an invitation would ring as often as its sender likes.
	if err := s.countTryIn(tx, s.networkGuess("invitations", c), s.accountGuess("invitations", contact)); err != nil {
		return err
	}
	if err := s.countPhone(tx, contact); err != nil {
		return err
	}
	if err := s.audit(tx, c, "invite administrator", projectObject, p.ID, nil, struct{ Contact string }{contact}); err != nil {
		return err
	}
	owner, err := tx.User(by)
	if err != nil {
		return err
	}
	return tellAt(tx, contact, owner.Locale, wallet.ProjectInvitation, map[string]string{
		"project": p.Title, "owner": p.OwnerDisplayName, "link": s.PublicURL + "/frontend/account",
	})
}

// administratorsIn is who administers a project as the transaction sees it.
func administratorsIn(tx *store.Tx, project int64) (all Administrators, err error) {
	if all.Invited, err = tx.InvitationsOf(project); err != nil {
		return Administrators{}, err
	}
	ids, err := tx.ProjectAdministrators(project)
	if err != nil {
		return Administrators{}, err
	}
	for _, id := range ids {
		u, err := tx.User(id)
		if err != nil {
			return Administrators{}, err
		}
		all.Users = append(all.Users, *u)
	}
	return all, nil
}

// WithdrawInvitation takes an invitation back, RemoveAdministrator ends what one led to. What is so already is no
// error. They fail with Forbidden and NotFound.
func (s *Service) WithdrawInvitation(ctx context.Context, c wallet.Caller, project, invitation int64) error {
	if _, err := s.ownProject(ctx, c, project); err != nil {
		return err
	}
	return s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		dropped, err := tx.DropInvitation(project, invitation)
		if err != nil || !dropped {
			return err
		}
		return s.audit(tx, c, "withdraw invitation", projectObject, project, nil, nil)
	})
}

// RemoveAdministrator is described at WithdrawInvitation.
func (s *Service) RemoveAdministrator(ctx context.Context, c wallet.Caller, project, user int64) error {
	if _, err := s.ownProject(ctx, c, project); err != nil {
		return err
	}
	return s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error { return s.dropAdministrator(tx, c, project, user) })
}

func (s *Service) dropAdministrator(tx *store.Tx, c wallet.Caller, project, user int64) error {
	dropped, err := tx.DropAdministrator(project, user)
	if err != nil || !dropped {
		return err
	}
	return s.audit(tx, c, "remove administrator", projectObject, project, nil, struct{ User int64 }{user})
}

// lossesOfAdministrators tells of those who administer a project and are to do so no longer.
func lossesOfAdministrators(tx *store.Tx, project int64, removed []int64) (losses []string, err error) {
	now, err := tx.ProjectAdministrators(project)
	for _, user := range removed {
		if slices.Contains(now, user) {
			losses = append(losses, fmt.Sprintf("user %d no longer administers the project", user))
		}
	}
	return losses, err
}

// AddAdministrator makes a person an administrator of a project without asking them: the operator answers for
// that. It fails with Forbidden, NotFound and InvalidParameters.
func (s *Service) AddAdministrator(ctx context.Context, c wallet.Caller, project, user int64) error {
	return s.operate(ctx, c, func(tx *store.Tx) error {
		there, err := tx.ProjectExists(project)
		if err != nil {
			return err
		}
		if !there {
			return noSuch(projectObject, project)
		}
		return s.addAdministrator(tx, c, project, user)
	})
}

func (s *Service) addAdministrator(tx *store.Tx, c wallet.Caller, project, user int64) error {
	kind, err := tx.UserType(user)
	if err := unless(kind == wallet.Natural, err, "administrator", "user %d is not a person", user); err != nil {
		return err
	}
	added, err := tx.AddAdministrator(project, user)
	if err != nil || !added {
		return err
	}
	return s.audit(tx, c, "add administrator", projectObject, project, nil, struct{ User int64 }{user})
}

// AnswerInvitation is the yes or the no of who is signed in to an invitation to one of their contacts. It fails
// with NotFound.
func (s *Service) AnswerInvitation(ctx context.Context, c wallet.Caller, invitation int64, accept bool) error {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		i, err := tx.Invitation(invitation)
		if err != nil {
			return err
		}
		u, err := tx.User(c.UserID())
		if err != nil {
			return err
		}
		if i == nil || i.Contact != u.Email && i.Contact != u.Phone {
			return wallet.Errorf(wallet.NotFound, "there is no such invitation: it may have been taken back.")
		}
		if _, err := tx.DropInvitation(i.ProjectID, i.ID); err != nil {
			return err
		}
		action := "decline invitation"
		if accept {
			action = "accept invitation"
			if _, err := tx.AddAdministrator(i.ProjectID, u.ID); err != nil {
				return err
			}
		}
		return s.audit(tx, c, action, projectObject, i.ProjectID, nil, struct{ User int64 }{u.ID})
	})
}
