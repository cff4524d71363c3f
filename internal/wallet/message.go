package wallet

import "time"

// MessageKind says what a message to a person is about; each has a template.
type MessageKind string

// The kinds of messages, with the Values that each carries.
const (
	// ConfirmContact carries code and minutes: who has the address or number gives the code back.
	ConfirmContact MessageKind = "confirm_contact"
	// AlreadyRegistered says to who tried to register, or to add a contact, that it has an account.
	AlreadyRegistered MessageKind = "already_registered"
	// ResetPassword carries code and minutes.
	ResetPassword MessageKind = "reset_password"
	// PasswordChanged and PINChanged warn that it was.
	PasswordChanged MessageKind = "password_changed"
	PINChanged      MessageKind = "pin_changed"
	// ContactChanged carries contact: it warns at the old contact that another one took its place.
	ContactChanged MessageKind = "contact_changed"
	// AppAuthorized carries client: a program now acts for the person.
	AppAuthorized MessageKind = "app_authorized"
	// SessionEnded carries client: its refresh token or code was used twice, so its access was ended.
	SessionEnded MessageKind = "session_ended"
	// ScopeCode carries code, minutes, client and scope: the client asks for an extended scope.
	ScopeCode MessageKind = "scope_code"
	// ProjectInvitation carries project, owner and link: the person may administer the project.
	ProjectInvitation MessageKind = "project_invitation"
	// FlashCode carries code, minutes, amount and project: whoever gives the code away pays that.
	FlashCode MessageKind = "flash_code"
	// PaymentRequested carries amount, project and link: the person is asked to pay.
	PaymentRequested MessageKind = "payment_requested"
	// MoneyWaits carries amount, project and link: money is held for who has no account yet.
	MoneyWaits MessageKind = "money_waits"
	// CashCode carries code, minutes and project: who gives the code back is paid cash in at that contact.
	CashCode MessageKind = "cash_code"
)

// MessageKinds lists every kind of message.
func MessageKinds() []MessageKind {
	return []MessageKind{
		ConfirmContact, AlreadyRegistered, ResetPassword, PasswordChanged, PINChanged, ContactChanged, AppAuthorized,
		SessionEnded, ScopeCode, ProjectInvitation, FlashCode, PaymentRequested, MoneyWaits, CashCode,
	}
}

// Message is something that a person is told outside of this server: a code, an invitation or a
// warning. It waits in an outbox until it has left.
type Message struct {
	ID int64
	// At is when it was written, on the business clock.
	At   time.Time
	Kind MessageKind
	// Email or Phone is where it goes: one of them.
	Email, Phone string
	// Locale is the language of the person, such as lt; English where it is not known.
	Locale string
	// Values fill the template. A code among them is a secret until it has expired.
	Values map[string]string
	// SentAt is when it left, zero while it waits. FailedAt is when it was given up, Attempts how
	// often it was tried.
	SentAt, FailedAt time.Time
	Attempts         int
}

// To is where the message goes.
func (m Message) To() string {
	if m.Email != "" {
		return m.Email
	}
	return m.Phone
}
