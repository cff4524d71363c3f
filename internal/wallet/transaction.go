package wallet

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/purserhq/purser/money"
)

// TransactionStatus is how far a transaction has come (spec/wallet-api.md §4.8).
type TransactionStatus string

// The statuses of a transaction.
const (
	// TransactionNew was made and nobody has looked at it; TransactionWaiting was shown to a payer.
	TransactionNew     TransactionStatus = "new"
	TransactionWaiting TransactionStatus = "waiting"
	// WaitingFunds was accepted, and the payer holds too little; nothing is held yet.
	WaitingFunds TransactionStatus = "waiting_funds"
	// WaitingRegistration and WaitingPassword hold the money until a beneficiary has an account, or a
	// payment's password was given.
	WaitingRegistration TransactionStatus = "waiting_registration"
	WaitingPassword     TransactionStatus = "waiting_password"
	// TransactionReserved holds the money until it is confirmed or revoked.
	TransactionReserved TransactionStatus = "reserved"
	// The rest is final.
	TransactionConfirmed TransactionStatus = "confirmed"
	TransactionRejected  TransactionStatus = "rejected"
	TransactionRevoked   TransactionStatus = "revoked"
	TransactionFailed    TransactionStatus = "failed"
	TransactionDeleted   TransactionStatus = "deleted"
)

// TransactionStatuses lists them, in the order that a transaction passes through them.
func TransactionStatuses() []TransactionStatus {
	return []TransactionStatus{
		TransactionNew, TransactionWaiting, WaitingFunds, WaitingRegistration, WaitingPassword, TransactionReserved,
		TransactionConfirmed, TransactionRejected, TransactionRevoked, TransactionFailed, TransactionDeleted,
	}
}

// Open says whether a payer may still accept the transaction.
func (s TransactionStatus) Open() bool { return s == TransactionNew || s == TransactionWaiting }

// Holds says whether the payer's money is held in that status.
func (s TransactionStatus) Holds() bool {
	return s == WaitingRegistration || s == WaitingPassword || s == TransactionReserved
}

// Accepted says whether a payer has accepted, and it is not over yet.
func (s TransactionStatus) Accepted() bool { return s == WaitingFunds || s.Holds() }

// PaymentStatus is how far a payment has come.
type PaymentStatus string

// The statuses of a payment. Those before PaymentConfirmed follow its transaction.
const (
	PaymentNew                 PaymentStatus = "new"
	PaymentWaiting             PaymentStatus = "waiting"
	PaymentWaitingRegistration PaymentStatus = "waiting_registration"
	PaymentWaitingPassword     PaymentStatus = "waiting_password"
	PaymentReserved            PaymentStatus = "reserved"
	// PaymentConfirmed has moved the money, which is frozen for the beneficiary; PaymentDone lets the
	// beneficiary use it; PaymentCanceled gave it back.
	PaymentConfirmed PaymentStatus = "confirmed"
	PaymentDone      PaymentStatus = "done"
	PaymentCanceled  PaymentStatus = "canceled"
	PaymentRejected  PaymentStatus = "rejected"
	PaymentRevoked   PaymentStatus = "revoked"
	PaymentFailed    PaymentStatus = "failed"
	PaymentDeleted   PaymentStatus = "deleted"
)

// PaymentStatuses lists them, in the order that a payment passes through them.
func PaymentStatuses() []PaymentStatus {
	return []PaymentStatus{
		PaymentNew, PaymentWaiting, PaymentWaitingRegistration, PaymentWaitingPassword, PaymentReserved, PaymentConfirmed,
		PaymentDone, PaymentCanceled, PaymentRejected, PaymentRevoked, PaymentFailed, PaymentDeleted,
	}
}

// AcceptanceType is how a payer accepted (spec/wallet-api.md §4.8).
type AcceptanceType string

// The ways to accept.
const (
	// ByAllowance is without asking: a standing consent pays.
	ByAllowance AcceptanceType = "automatic"
	// ByFlash is with a code that was sent to the payer's phone for this transaction.
	ByFlash AcceptanceType = "flash"
	ByPage  AcceptanceType = "page"
	ByPIN   AcceptanceType = "pin"
	// ByCode is with a code that the payer asked for beforehand and reads out.
	ByCode AcceptanceType = "reservation_code"
	// ByApp is in the wallet's own app, with the payer's token.
	ByApp AcceptanceType = "mobile_app"
	// ByDocument is with a document that the payer showed at a place, to take cash out; ByTill is the project paying cash
	// in that its till was given.
	ByDocument AcceptanceType = "document"
	ByTill     AcceptanceType = "cash_in"
)

// Patient says whether who accepts like that is told to come up with the money; otherwise too little of it
// refuses (decisions.md 8).
func (a AcceptanceType) Patient() bool { return a == ByPage || a == ByApp }

// Transaction bundles payments that one payer accepts or refuses as a whole. It is kept as a document, whose
// keys these tags are.
type Transaction struct {
	ID      int64 `json:"-"`
	Version int64 `json:"-"`
	// LastLeaf is the leaf of the log that changed it last; 0 for none.
	LastLeaf int64             `json:"-"`
	Status   TransactionStatus `json:"-"`
	// ClientID made it for ProjectID, at LocationID; ManagerID is the user whose token it was made with. 0
	// for none.
	ClientID   int64 `json:"-"`
	ProjectID  int64 `json:"-"`
	LocationID int64 `json:"-"`
	ManagerID  int64 `json:"manager,omitempty"`
	// WalletID is the payer's, once accepted; PayerID is the user who accepted.
	WalletID  int64          `json:"-"`
	PayerID   int64          `json:"payer,omitempty"`
	Type      AcceptanceType `json:"type,omitempty"`
	CreatedAt time.Time      `json:"-"`
	// AcceptedAt is when the payer accepted, HeldAt since when money is held.
	AcceptedAt  time.Time `json:"accepted,omitzero"`
	HeldAt      time.Time `json:"held,omitzero"`
	ConfirmedAt time.Time `json:"confirmed,omitzero"`
	// ReserveFor is how long money stays reserved once it is accepted; ReserveUntil is given in its place.
	ReserveFor   time.Duration `json:"for,omitempty"`
	ReserveUntil time.Time     `json:"until,omitzero"`
	// UseAllowance says whether a standing consent may pay, SuggestAllowance whether the payer is offered to
	// give one.
	UseAllowance     bool `json:"use,omitempty"`
	SuggestAllowance bool `json:"suggest,omitempty"`
	AutoConfirm      bool `json:"auto,omitempty"`
	// RedirectURI is where the payer's browser returns to; CallbackURI where events go, the project's where it
	// is empty, and nowhere with CallbackOff.
	RedirectURI string `json:"redirect,omitempty"`
	CallbackURI string `json:"callback,omitempty"`
	CallbackOff bool   `json:"quiet,omitempty"`
	// Callbacks counts those that were owed for it: the number of the last.
	Callbacks    int64         `json:"callbacks,omitempty"`
	PayerEmail   string        `json:"email,omitempty"`
	Restrictions *Restrictions `json:"restrictions,omitempty"`
	Inquiries    []Inquiry     `json:"inquiries,omitempty"`
	Payments     []Payment     `json:"payments"`
	// Cash says how cash was paid in or out by it; nil where none was.
	Cash *Cash `json:"cash,omitempty"`
	// AllowanceID is the allowance that the payer is asked for; 0 for none. Where AllowanceOptional, they may pay and
	// not give it, and AllowanceDeclined says that they did not.
	AllowanceID       int64 `json:"asks,omitempty"`
	AllowanceOptional bool  `json:"optional,omitempty"`
	AllowanceDeclined bool  `json:"declined,omitempty"`
	// PaidBy is the allowance by which it was accepted; 0 where the payer said yes.
	PaidBy int64 `json:"by,omitempty"`
}

// Restrictions are what the payer has to be (spec/wallet-api.md §4.8); empty fields ask for nothing.
type Restrictions struct {
	OwnerType UserType            `json:"type,omitempty"`
	Level     IdentificationLevel `json:"level,omitempty"`
	// Identity asks for a payer whose identity is known.
	Identity bool `json:"identity,omitempty"`
}

// Inquiry asks the payer for data (spec/wallet-api.md §4.11).
type Inquiry struct {
	Identifier  string        `json:"id"`
	Required    bool          `json:"required,omitempty"`
	Description string        `json:"description,omitempty"`
	Items       []InquiryItem `json:"items"`
	// Answer is InquiryAccepted, InquiryDeclined, or empty before the payer has answered.
	Answer InquiryAnswer `json:"answer,omitempty"`
}

// InquiryAnswer is what a payer said to an inquiry.
type InquiryAnswer string

// The answers.
const (
	InquiryAccepted InquiryAnswer = "accepted"
	InquiryDeclined InquiryAnswer = "declined"
)

// InquiryItem is one thing that an inquiry asks for.
type InquiryItem struct {
	Identifier string          `json:"id"`
	Type       InquiryItemType `json:"type"`
	Title      string          `json:"title,omitempty"`
}

// InquiryItemType is what sort of thing is asked for.
type InquiryItemType string

// What can be asked for.
const (
	AskIdentity   InquiryItemType = "user_identity"
	AskPersonCode InquiryItemType = "person_code"
)

// Payment is one priced obligation in a transaction.
type Payment struct {
	ID        int64         `json:"id"`
	Status    PaymentStatus `json:"status"`
	CreatedAt time.Time     `json:"created"`
	// Description is for the payer and for statements; where it is empty the titles of the items are.
	Description string `json:"description,omitempty"`
	// Price is what the payer pays. While money is held, as much is held; a lower one takes its place when the
	// payment is confirmed or finalized.
	Price money.Amount `json:"price"`
	Items []Item       `json:"items,omitempty"`
	// InCommission is what the beneficiary pays of the price, OutCommission what the price includes for the
	// payer to pay; in minor units of the price's currency.
	InCommission  int64 `json:"in,omitempty"`
	OutCommission int64 `json:"out,omitempty"`
	// BeneficiaryID is the wallet that is paid, 0 while it is not known. Beneficiary is how it was named; empty
	// for the project's.
	BeneficiaryID int64        `json:"to,omitempty"`
	Beneficiary   Contact      `json:"contact,omitzero"`
	PriceRules    *PriceRules  `json:"rules,omitempty"`
	Password      *Password    `json:"password,omitempty"`
	Cashback      int64        `json:"cashback,omitempty"`
	Purpose       Purpose      `json:"purpose,omitempty"`
	FundsSource   *FundsSource `json:"source,omitempty"`
	// Parameters are the client's own, a JSON object.
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	ConfirmedAt time.Time       `json:"confirmed,omitzero"`
	// FreezeFor is how long after it is confirmed the beneficiary cannot use the money; FreezeUntil is given in
	// its place, and is the end of it once it is confirmed.
	FreezeFor   time.Duration `json:"freeze,omitempty"`
	FreezeUntil time.Time     `json:"frozen,omitzero"`
}

// Contact names who is paid, or who pays: by one of these.
type Contact struct {
	WalletID int64  `json:"wallet,omitempty"`
	Email    string `json:"email,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Barcode  string `json:"barcode,omitempty"`
}

// Text is the e-mail address or the phone number; empty where neither names it.
func (c Contact) Text() string { return c.Email + c.Phone }

// Item is a line of what is paid for. Money is in minor units of Currency.
type Item struct {
	Title       string          `json:"title"`
	Description string          `json:"description,omitempty"`
	ImageURI    string          `json:"image,omitempty"`
	Price       money.Amount    `json:"price"`
	Quantity    int64           `json:"quantity"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
}

// Total is the price of all of them. It fails when that does not fit.
func (i Item) Total() (money.Amount, error) { return i.Price.Times(i.Quantity) }

// PriceRules let the payer choose the price, in minor units; 0 and none for what does not bound it.
type PriceRules struct {
	Min     int64   `json:"min,omitempty"`
	Max     int64   `json:"max,omitempty"`
	Choices []int64 `json:"choices,omitempty"`
}

// Allow says whether the payer may choose that price.
func (r *PriceRules) Allow(minor int64) bool {
	if len(r.Choices) > 0 && slices.Contains(r.Choices, minor) {
		return true
	}
	bounded := r.Min > 0 || r.Max > 0
	return bounded && minor >= max(r.Min, 1) && (r.Max == 0 || minor <= r.Max)
}

// PasswordKind is where the password of a payment comes from.
type PasswordKind string

// The kinds: made up by the server, or given by the client.
const (
	GeneratedPassword PasswordKind = "generated"
	ProvidedPassword  PasswordKind = "provided"
)

// PasswordStatus is what became of the password.
type PasswordStatus string

// The statuses of a password.
const (
	PasswordPending  PasswordStatus = "pending"
	PasswordUnlocked PasswordStatus = "unlocked"
	PasswordDisabled PasswordStatus = "disabled"
)

// Password protects a payment: whoever is paid has to name it, and the payer tells it to them.
type Password struct {
	Kind PasswordKind `json:"kind"`
	// Sealed is the value, which the payer reads.
	Sealed []byte `json:"sealed"`
	// Optional passwords do not keep the payment from being confirmed.
	Optional bool `json:"optional,omitempty"`
	// Cancelable lets the payer take the payment back while the password was not given.
	Cancelable bool           `json:"cancelable,omitempty"`
	Status     PasswordStatus `json:"status"`
}

// Purpose says what a payment is for, where that matters.
type Purpose string

// The purposes.
const (
	CashPayment Purpose = "cash"
	Tips        Purpose = "tips"
)

// FundsSource says where the payer's money comes from.
type FundsSource struct {
	Type    FundsSourceType `json:"type,omitempty"`
	Details string          `json:"details,omitempty"`
}

// FundsSourceType is one of the sources that the protocol names.
type FundsSourceType string

// FundsSourceTypes lists them.
func FundsSourceTypes() []FundsSourceType {
	return []FundsSourceType{"buy", "sell", "loan", "gift", "inheritance", "dividends"}
}

// Payment returns the payment of a transaction; nil when it is none of its.
func (t *Transaction) Payment(id int64) *Payment {
	for i := range t.Payments {
		if t.Payments[i].ID == id {
			return &t.Payments[i]
		}
	}
	return nil
}

// Clone is a copy whose payments and inquiries can be changed.
func (t *Transaction) Clone() *Transaction {
	c := *t
	c.Payments = slices.Clone(t.Payments)
	for i := range c.Payments {
		if p := c.Payments[i].Password; p != nil {
			password := *p
			c.Payments[i].Password = &password
		}
	}
	c.Inquiries = slices.Clone(t.Inquiries)
	return &c
}

// Title is what the payment is for, in one line.
func (p *Payment) Title() string {
	if p.Description != "" || len(p.Items) == 0 {
		return p.Description
	}
	title := p.Items[0].Title
	for _, item := range p.Items[1:] {
		title += ", " + item.Title
	}
	return title
}

// Cancelable says whether the payment can be canceled: it is confirmed, and the beneficiary cannot use the
// money yet.
func (p *Payment) Cancelable() bool { return p.Status == PaymentConfirmed }
