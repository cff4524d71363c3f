package wallet

import (
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/money"
)

// UserType tells persons from companies.
type UserType string

// The two user types, in the wire's words.
const (
	Natural UserType = "natural"
	Legal   UserType = "legal"
)

// Standing says what a user may still do; the operator sets it.
type Standing string

// The standings.
const (
	// ActiveUser may do everything.
	ActiveUser Standing = "active"
	// RestrictedUser may sign in and look, and pays nothing.
	RestrictedUser Standing = "restricted"
	// InactiveUser cannot sign in, and nobody acts for them.
	InactiveUser Standing = "inactive"
)

// Standings lists them.
func Standings() []Standing { return []Standing{ActiveUser, RestrictedUser, InactiveUser} }

// IdentificationLevel says how surely it is known who a person is.
type IdentificationLevel string

// The levels, from the lowest to the highest (spec/wallet-api.md §4.5).
const (
	Unidentified    IdentificationLevel = "unidentified"
	SemiIdentified  IdentificationLevel = "semi_identified"
	Identified      IdentificationLevel = "identified"
	FullyIdentified IdentificationLevel = "fully_identified"
)

// IdentificationLevels lists them, from the lowest to the highest.
func IdentificationLevels() []IdentificationLevel {
	return []IdentificationLevel{Unidentified, SemiIdentified, Identified, FullyIdentified}
}

// Gender is male or female, as the protocol has it; empty when not known.
type Gender string

// The genders that the protocol has words for.
const (
	Male   Gender = "male"
	Female Gender = "female"
)

// PersonCode is the number that a state gives to a person. Formatted or encoded by mistake, in a log or
// in the audit trail, it shows its last two characters only.
type PersonCode string

// String masks the code.
func (c PersonCode) String() string {
	const shown = 2
	if len(c) <= shown {
		return strings.Repeat("…", min(len(c), 1))
	}
	return "…" + string(c[len(c)-shown:])
}

// MarshalText masks the code.
func (c PersonCode) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Identity is who a person is, by their documents.
type Identity struct {
	Name, Surname string
	// Nationality is two small letters, such as lt.
	Nationality string
	Code        PersonCode
}

// Tells says whether so much is on record that an inquiry is answered.
func (i Identity) Tells(asked InquiryItemType) bool {
	if asked == AskPersonCode {
		return i.Code != ""
	}
	return i.Name != "" || i.Surname != ""
}

// Address is where a person lives.
type Address struct {
	// Country is two small letters, such as lt.
	Country      string
	City, Street string
	PostIndex    string
}

// Exposure is a connection of a person to politics (spec/wallet-api.md §4.5, pep).
type Exposure struct {
	Name      string   `json:"name"`
	Relation  string   `json:"relation"`
	Positions []string `json:"positions"`
}

// User is a person or a company: who owns wallets and projects.
type User struct {
	ID          int64
	Type        UserType
	DisplayName string
	// Email in lower case, Phone as digits with the country code; empty when not known. Both are
	// confirmed: a contact that nobody has proven to read stands nowhere but in its Confirmation.
	Email, Phone string
	// Locale is the language for messages, such as lt.
	Locale string
	// CompanyCode is a company's registration code.
	CompanyCode string
	// Administrators are the persons who act for a company.
	Administrators []int64
	Standing       Standing
	// DateOfBirth is yyyy-mm-dd, empty when not known.
	DateOfBirth string
	Gender      Gender
	Address     Address
	Identity    Identity
	// Level is how surely the operator knows who this is.
	Level           IdentificationLevel
	Exposures       []Exposure
	DefaultCurrency money.Currency
	// RegisteredBy is the client that registered this user; 0 for none.
	RegisteredBy int64
	// IdentificationID is the identification at a place that counts of them; 0 for none.
	IdentificationID int64
	CreatedAt        time.Time
}

// CalculatedLevel is the highest level that what is on record would bear out: without a name nobody
// is identified, without a person code or a document that was shown at a place not more than partly, and
// without a person code not fully.
func (u *User) CalculatedLevel() IdentificationLevel {
	levels := IdentificationLevels()
	most := Unidentified
	switch {
	case u.Identity.Name == "" || u.Identity.Surname == "":
	case u.Identity.Code == "" && u.IdentificationID == 0:
		most = SemiIdentified
	case u.Identity.Code == "":
		most = Identified
	default:
		most = FullyIdentified
	}
	return levels[min(slices.Index(levels, most), max(slices.Index(levels, u.Level), 0))]
}

// Reachable says whether a message can reach the user at a confirmed contact.
func (u *User) Reachable() bool { return u.Email != "" || u.Phone != "" }

// LimitKind says whose limit a spending limit is.
type LimitKind string

// The kinds of limits: what breaks one is limits_exceeded or restriction_limits_exceeded.
const (
	// OrdinaryLimit is for good.
	OrdinaryLimit LimitKind = "limit"
	// TemporaryLimit restricts a user for a while, who has to talk to the operator.
	TemporaryLimit LimitKind = "restriction"
)

// SpendingLimit bounds what a user pays within a time.
type SpendingLimit struct {
	Kind   LimitKind
	Amount money.Amount
	// Within is the window that payments are summed over; 0 bounds each payment by itself.
	Within time.Duration
}

// Token is a user's consent for a client, as presented with a request.
type Token struct {
	// UserID is who gave it.
	UserID int64
	// ClientID is whom it was given to.
	ClientID int64
	// Scopes are what the user agreed to, without suffixes.
	Scopes []Scope
	// Waiting are scopes that were asked for as optional and that the user has not agreed to yet.
	Waiting []Scope
	// Projects are the ids of the projects that the user administers, sorted; loaded only
	// with ScopeProjects.
	Projects []int64
	// ExpiresAt is on the business clock.
	ExpiresAt time.Time
}

// Has says whether the user agreed to the scope.
func (t *Token) Has(s Scope) bool { return slices.Contains(t.Scopes, s) }

// administers says whether the token may speak for a project because its user administers that.
func (t *Token) administers(project int64) bool { return slices.Contains(t.Projects, project) }

// Consent is what a user agreed that a client may do, for as long as the user leaves it at that.
type Consent struct {
	UserID, ClientID int64
	// Scopes are all that was asked for and shown, Declined those optional ones among them that the
	// user did not agree to.
	Scopes, Declined []AskedScope
	AgreedAt         time.Time
	// Inactive says that an operator made the user inactive: nobody acts for them, without a token either, until
	// that changes.
	Inactive bool
}

// Offline says whether the client may use the scope with its own credentials, without a token.
func (c *Consent) Offline(s Scope) bool {
	return c != nil && !c.Inactive && slices.ContainsFunc(c.Scopes, func(a AskedScope) bool {
		return a.Scope == s && a.Offline && !slices.Contains(c.Declined, a)
	})
}

// AnyOffline says whether the client may use anything of the user's without a token.
func (c *Consent) AnyOffline() bool {
	return c != nil && slices.ContainsFunc(c.Scopes, func(a AskedScope) bool { return c.Offline(a.Scope) })
}
