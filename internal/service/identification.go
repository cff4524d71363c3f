package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// byPolicy is who has decided an identification that counts at once.
const byPolicy = "policy: at-once"

// IdentifyUser records that a user showed a document at the caller's place. Whether that counts at once is the operator's
// policy; a document that contradicts what is known already always waits for a second look. It fails with Forbidden, NotFound,
// InvalidParameters, and InvalidState where the place does not identify people, or the user is no person who can be
// identified (spec/wallet-api.md §4.5).
func (s *Service) IdentifyUser(ctx context.Context, c wallet.Caller, n wallet.IdentificationRequest) (wallet.IdentificationRequest, error) {
	u, err := s.db.User(ctx, n.UserID)
	if err != nil {
		return wallet.IdentificationRequest{}, err
	}
	subject := wallet.Subject{User: u, OwnProject: true}
	if err := mayAboutUser(c, wallet.IdentifyUser, subject, n.UserID); err != nil {
		return wallet.IdentificationRequest{}, err
	}
	place, err := s.atPlace(ctx, c, wallet.Identification, "")
	if err != nil {
		return wallet.IdentificationRequest{}, err
	}
	n.ClientID, n.ProjectID, n.LocationID = c.Client.ID, place.ProjectID, place.ID
	n.Status, n.CreatedAt = wallet.IdentificationPending, s.BusinessClock()
	if err := checkIdentification(&n); err != nil {
		return wallet.IdentificationRequest{}, err
	}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (made wallet.IdentificationRequest, err error) {
		now, err := tx.User(n.UserID)
		switch {
		case err != nil:
			return made, err
		case now == nil || now.Type != wallet.Natural || now.Standing == wallet.InactiveUser:
			return made, wallet.Errorf(wallet.InvalidState, "user %d is not a person in good standing, and cannot be identified.", n.UserID)
		}
		made = n
		if made.ID, err = tx.InsertIdentification(n); err != nil {
			return made, err
		}
		if err := s.audit(tx, c, "create", identificationObject, made.ID, nil, made); err != nil {
			return made, err
		}
		if !s.IdentifyAtOnce || made.Contradicts(now) {
			return made, nil
		}
		accepted, err := s.acceptIdentification(tx, c, made, byPolicy)
		var refused *wallet.Error
		if errors.As(err, &refused) { // another user's person code: nobody at a till is told that
			return made, nil
		}
		return accepted, err
	})
}

// checkIdentification brings a record into the form that is stored, and refuses what is wrong with it.
func checkIdentification(n *wallet.IdentificationRequest) error {
	refused := wallet.FieldErrors{}
	if !slices.Contains(wallet.DocumentKinds(), n.Kind) {
		refused.Refuse("document.type", "must be one of %s", listWords(wallet.DocumentKinds()))
	}
	n.Number = wallet.DocumentNumber(strings.ToUpper(strings.ReplaceAll(string(n.Number), " ", "")))
	if !personCodeForm.MatchString(string(n.Number)) {
		refused.Refuse("document.number", "must be given, as 1 to 40 letters, digits and hyphens")
	}
	checkIdentity(refused, &n.Identity)
	for _, needed := range []struct{ field, text string }{
		{"name", n.Identity.Name}, {"surname", n.Identity.Surname}, {"nationality", n.Identity.Nationality},
	} {
		if field := "identity." + needed.field; needed.text == "" && refused[field] == nil {
			refused.Refuse(field, "must be given, as it stands in the document")
		}
	}
	n.CheckedBy = strings.TrimSpace(n.CheckedBy)
	checkWords(refused, "checked_by", n.CheckedBy, 1, maxTitle)
	const leeway = time.Minute // of two clocks
	switch {
	case n.CheckedAt.IsZero():
		n.CheckedAt = n.CreatedAt
	case n.CheckedAt.After(n.CreatedAt.Add(leeway)):
		refused.Refuse("checked_at", "must not be in the future")
	}
	return refused.Err()
}

// acceptIdentification has a pending identification count, from now on. It fails with InvalidState, and InvalidParameters
// where the user cannot be who the document says.
func (s *Service) acceptIdentification(tx *store.Tx, c wallet.Caller, i wallet.IdentificationRequest, by string) (wallet.IdentificationRequest, error) {
	before, err := tx.User(i.UserID)
	if err != nil {
		return i, err
	}
	if before == nil {
		return i, noSuch(userObject, i.UserID)
	}
	after := i.Accept(*before)
	if err := checkUser(tx, &after); err != nil {
		return i, err
	}
	if i, err = s.decideIdentification(tx, c, i, wallet.IdentificationAccepted, by, ""); err != nil {
		return i, err
	}
	if err := s.audit(tx, c, "identify", userObject, i.UserID, *before, after); err != nil {
		return i, err
	}
	return i, tx.UpdateUser(*before, after)
}

// decideIdentification stores what became of an identification. It fails with InvalidState where that was decided before.
func (s *Service) decideIdentification(tx *store.Tx, c wallet.Caller, i wallet.IdentificationRequest, status wallet.IdentificationStatus, by, reason string) (wallet.IdentificationRequest, error) {
	before := i
	i.Status, i.DecidedAt, i.DecidedBy, i.Reason = status, s.BusinessClock(), by, reason
	stored, err := tx.DecideIdentification(i)
	switch {
	case err != nil:
		return before, err
	case !stored:
		return before, wallet.Errorf(wallet.InvalidState, "identification %d is %s already.", i.ID, before.Status)
	}
	return i, s.audit(tx, c, string(status), identificationObject, i.ID, before, i)
}

// GetIdentification returns an identification to the clients of the project that recorded it. It fails with Forbidden and
// NotFound.
func (s *Service) GetIdentification(ctx context.Context, c wallet.Caller, id int64) (wallet.IdentificationRequest, error) {
	i, err := s.db.Identification(ctx, id)
	if err != nil {
		return wallet.IdentificationRequest{}, err
	}
	subject := wallet.Subject{}
	if i != nil {
		subject.Project = &wallet.Project{ID: i.ProjectID}
	}
	if err := wallet.May(c, wallet.ReadIdentification, subject).Err(); err != nil {
		return wallet.IdentificationRequest{}, err
	}
	if i == nil {
		return wallet.IdentificationRequest{}, noSuch(identificationObject, id)
	}
	return *i, nil
}

// IdentificationFilter says which identifications a list is of.
type IdentificationFilter = store.IdentificationFilter

// ListIdentifications returns identifications for the operator's second look, the oldest first. It fails with Forbidden and
// InvalidParameters.
func (s *Service) ListIdentifications(ctx context.Context, c wallet.Caller, f IdentificationFilter) ([]wallet.IdentificationRequest, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	if f.Status != "" && !slices.Contains(wallet.IdentificationStatuses(), f.Status) {
		return nil, wallet.FieldError("status", "must be one of %s", listWords(wallet.IdentificationStatuses()))
	}
	return s.db.Identifications(ctx, f)
}

// ReadDocument returns an identification to the operator who is to decide about it, and notes in the audit trail that the
// numbers were read. It fails with Forbidden and NotFound.
func (s *Service) ReadDocument(ctx context.Context, c wallet.Caller, id int64) (i wallet.IdentificationRequest, err error) {
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		found, err := storedIdentification(tx, id)
		if err != nil {
			return err
		}
		i = *found
		return s.audit(tx, c, "read document", identificationObject, id, nil, nil)
	})
	return i, err
}

// DecideIdentification is the operator's second look: the identification is accepted, or rejected for a reason. It fails with
// Forbidden, NotFound, InvalidState where it was decided before, and InvalidParameters, naming what keeps the user from
// being who the document says, or a reason that is missing.
func (s *Service) DecideIdentification(ctx context.Context, c wallet.Caller, id int64, accept bool, reason string) (decided wallet.IdentificationRequest, err error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return decided, err
	}
	refused := wallet.FieldErrors{}
	if !accept {
		checkWords(refused, "reason", reason, 1, maxDescription)
	}
	if err := refused.Err(); err != nil {
		return decided, err
	}
	by := c.From.Agent
	if by == "" {
		by = c.Name()
	}
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		found, err := storedIdentification(tx, id)
		if err != nil {
			return err
		}
		if found.Status != wallet.IdentificationPending {
			return wallet.Errorf(wallet.InvalidState, "identification %d is %s already.", id, found.Status)
		}
		if accept {
			decided, err = s.acceptIdentification(tx, c, *found, by)
		} else {
			decided, err = s.decideIdentification(tx, c, *found, wallet.IdentificationRejected, by, reason)
		}
		return err
	})
	return decided, err
}

// storedIdentification is the identification as a transaction sees it. It fails with NotFound.
func storedIdentification(tx *store.Tx, id int64) (*wallet.IdentificationRequest, error) {
	found, err := tx.Identification(id)
	if err == nil && found == nil {
		err = wallet.Errorf(wallet.NotFound, "there is no identification %d: check the number (purser identification list).", id)
	}
	return found, err
}
