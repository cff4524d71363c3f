package service

import (
	"context"
	"fmt"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// ProjectEdit is a project as its clients write it; what is nil stays as it is.
type ProjectEdit struct {
	Title       string
	Description *string
	// WalletID must be a wallet of the project's owner.
	WalletID *int64
}

// EditProject changes what a project is called, and, for its owner alone, which wallet its money goes to: a client that could
// choose among the owner's wallets would open them all to itself. It fails with Forbidden, NotFound and InvalidParameters.
func (s *Service) EditProject(ctx context.Context, c wallet.Caller, id int64, e ProjectEdit) (ProjectView, error) {
	subject, err := s.subjectOfProject(ctx, c, id)
	if err != nil {
		return ProjectView{}, err
	}
	if err := e.may(c, subject); err != nil {
		return ProjectView{}, err
	}
	if subject.Project == nil {
		return ProjectView{}, noSuch(projectObject, id)
	}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (ProjectView, error) {
		subject, err := subjectIn(tx, c, id)
		if err != nil {
			return ProjectView{}, err
		}
		if err := e.may(c, subject); err != nil {
			return ProjectView{}, err
		}
		before := *subject.Project
		after := before
		after.Title = e.Title
		set(&after.Description, e.Description)
		if e.moves(&before) {
			// Who owns which wallet is nobody else's business.
			if owner, err := tx.WalletOwner(*e.WalletID); err != nil {
				return ProjectView{}, err
			} else if owner != before.OwnerID {
				return ProjectView{}, wallet.FieldError("wallet_id", "must be a wallet of the project's owner")
			}
			after.WalletID = *e.WalletID
		}
		if err := checkProject(tx, &after); err != nil {
			return ProjectView{}, err
		}
		if same(before, after) {
			return ProjectView{Project: &before}, nil
		}
		if err := tx.UpdateProject(after); err != nil {
			return ProjectView{}, fmt.Errorf("updating project %d: %w", id, err)
		}
		return ProjectView{Project: &after}, s.audit(tx, c, "update", projectObject, id, before, after)
	})
}

// moves says whether the project's money is to go to another wallet.
func (e ProjectEdit) moves(p *wallet.Project) bool {
	return p != nil && e.WalletID != nil && *e.WalletID != p.WalletID
}

// may asks for what the edit takes: who owns a project may change it as well.
func (e ProjectEdit) may(c wallet.Caller, subject wallet.Subject) error {
	action := wallet.UpdateProject
	if e.moves(subject.Project) {
		action = wallet.MoveProject
	}
	return wallet.May(c, action, subject).Err()
}
