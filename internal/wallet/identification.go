package wallet

import (
	"slices"
	"time"
)

// DocumentKind is what sort of document somebody showed.
type DocumentKind string

// DocumentKinds are those by which a place can tell who somebody is.
func DocumentKinds() []DocumentKind {
	return []DocumentKind{"passport", "identity_card", "residence_permit", "driving_licence"}
}

// DocumentNumber is the number of a document. Formatted or encoded by mistake, in a log or in the audit trail, it shows its
// last two characters only.
type DocumentNumber string

// String masks the number.
func (n DocumentNumber) String() string { return PersonCode(n).String() }

// MarshalText masks the number.
func (n DocumentNumber) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// IdentificationRequest is the record of a place that a user showed a document there.
type IdentificationRequest struct {
	ID     int64
	UserID int64
	// ClientID recorded it for ProjectID, at the place LocationID.
	ClientID, ProjectID, LocationID int64
	Status                          IdentificationStatus
	Kind                            DocumentKind
	Number                          DocumentNumber
	// Identity is who the document says the user is. Its person code may be empty: not every document has one.
	Identity Identity
	// CheckedBy is the person at the place who looked at the document, CheckedAt when that was.
	CheckedBy string
	CheckedAt time.Time
	// CreatedAt is when it was recorded, DecidedAt when it was decided: zero while it is pending.
	CreatedAt, DecidedAt time.Time
	// DecidedBy is who decided: the operator's name, or the server's policy. Reason is why it was rejected.
	DecidedBy, Reason string
}

// IdentificationStatus says whether an identification counts.
type IdentificationStatus string

// The statuses: a pending one waits for the operator's second look.
const (
	IdentificationPending  IdentificationStatus = "pending"
	IdentificationAccepted IdentificationStatus = "accepted"
	IdentificationRejected IdentificationStatus = "rejected"
)

// IdentificationStatuses lists them.
func IdentificationStatuses() []IdentificationStatus {
	return []IdentificationStatus{IdentificationPending, IdentificationAccepted, IdentificationRejected}
}

// Contradicts says whether the document says something else than what is known already of who the user is: then somebody has
// to look a second time, whatever the policy. What people only say of themselves is not known.
func (i *IdentificationRequest) Contradicts(u *User) bool {
	if u.Level == Unidentified || u.Level == "" {
		return false
	}
	differs := func(known, shown string) bool { return known != "" && shown != "" && Fold(known) != Fold(shown) }
	return differs(u.Identity.Name, i.Identity.Name) || differs(u.Identity.Surname, i.Identity.Surname) ||
		differs(u.Identity.Nationality, i.Identity.Nationality) || differs(string(u.Identity.Code), string(i.Identity.Code))
}

// Accept is the user as they are known once the identification counts: by what the document says, and Identified at least. A
// person code that the document does not have stays known where it is the same state's.
func (i *IdentificationRequest) Accept(u User) User {
	code := u.Identity.Code
	if i.Identity.Code != "" || u.Identity.Nationality != i.Identity.Nationality {
		code = i.Identity.Code
	}
	u.Identity = i.Identity
	u.Identity.Code = code
	u.IdentificationID = i.ID
	if levels := IdentificationLevels(); slices.Index(levels, u.Level) < slices.Index(levels, Identified) {
		u.Level = Identified
	}
	return u
}
