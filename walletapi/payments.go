package walletapi

import (
	"bytes"
	"encoding/json"
)

// Transaction groups payments that one payer accepts or refuses as a whole (spec/wallet-api.md §4.8,
// spec/php-client.md §8.9, spec/mobile-sdks.md §5.1).
type Transaction struct {
	// TransactionKey is what it is called by: an opaque text of small letters and digits.
	TransactionKey string `json:"transaction_key"`
	CreatedAt      int64  `json:"created_at"`
	Status         string `json:"status"`
	// Type is how the payer accepted; absent before.
	Type string `json:"type,omitempty"`
	// Wallet is the payer's, once accepted.
	Wallet      int64 `json:"wallet,omitempty"`
	ConfirmedAt int64 `json:"confirmed_at,omitempty"`
	// Reserve is how long money stays reserved from when it is accepted, and until when once it is.
	Reserve          Period `json:"reserve"`
	UseAllowance     bool   `json:"use_allowance"`
	SuggestAllowance bool   `json:"suggest_allowance"`
	AutoConfirm      bool   `json:"auto_confirm"`
	// RedirectURI is where the payer's browser returns to.
	RedirectURI string `json:"redirect_uri,omitempty"`
	// CallbackURI is absent where the project's own is used.
	CallbackURI CallbackURI `json:"callback_uri,omitzero"`
	// User prefills the page.
	User      *TransactionUser `json:"user,omitempty"`
	ProjectID int64            `json:"project_id,omitempty"`
	// LocationID is the place that it was made at.
	LocationID int64 `json:"location_id,omitempty"`
	// ManagerID is the user whose token it was made with.
	ManagerID int64 `json:"manager_id,omitempty"`
	// Project is embedded when fields=project asks for it.
	Project *Project `json:"project,omitempty"`
	// Payments are always whole objects: one SDK fails on ids.
	Payments []Payment `json:"payments"`
	// Allowance is what the payer is asked for beside them; absent for nothing.
	Allowance    *AskedAllowance `json:"allowance,omitempty"`
	Restrictions *Restrictions   `json:"restrictions,omitempty"`
	// Inquiries is always there and may be empty.
	Inquiries []Inquiry `json:"inquiries"`
	// Cash is there where cash was paid in or out at the place.
	Cash *Cash `json:"cash,omitempty"`
}

// Transactions answers GET /transactions.
type Transactions struct {
	Transactions []Transaction `json:"transactions"`
	Metadata     Metadata      `json:"_metadata"`
}

// Payments answers GET /payments.
type Payments struct {
	Payments []Payment `json:"payments"`
	Metadata Metadata  `json:"_metadata"`
}

// Period is a time in seconds that begins later, or the moment that it ends at: one of the two.
type Period struct {
	For   *int64 `json:"for,omitempty"`
	Until int64  `json:"until,omitempty"`
}

// CallbackURI is where events of a transaction are sent: an address, or false for nowhere. The zero value is
// left out.
type CallbackURI struct {
	URI string
	// Off says that nothing is sent.
	Off bool
}

// MarshalJSON writes the address, or false.
func (c CallbackURI) MarshalJSON() ([]byte, error) {
	if c.Off {
		return []byte("false"), nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(c.URI)
	return text.Bytes(), err
}

// UnmarshalJSON reads the address, or false.
func (c *CallbackURI) UnmarshalJSON(raw []byte) error {
	*c = CallbackURI{}
	if string(raw) == "false" {
		c.Off = true
		return nil
	}
	return json.Unmarshal(raw, &c.URI)
}

// TransactionUser is who is expected to pay.
type TransactionUser struct {
	Email string `json:"email"`
}

// Restrictions are what the payer has to be.
type Restrictions struct {
	AccountOwner OwnerRestrictions `json:"account_owner"`
}

// OwnerRestrictions are what the owner of the payer's wallet has to be.
type OwnerRestrictions struct {
	// Type is natural or legal.
	Type string `json:"type,omitempty"`
	// Requirements holds identity, where the owner's identity has to be known.
	Requirements []string `json:"requirements,omitempty"`
	// Level is the identification level that is asked for at least.
	Level string `json:"level,omitempty"`
}

// Inquiry asks the payer for data (spec/wallet-api.md §4.11).
type Inquiry struct {
	Identifier string `json:"identifier"`
	// Type is required or optional.
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
	// Status is accepted or declined, once the payer has answered.
	Status string        `json:"status,omitempty"`
	Items  []InquiryItem `json:"items"`
}

// InquiryItem is one thing that an inquiry asks for.
type InquiryItem struct {
	Identifier string `json:"identifier"`
	// Type is user_identity or person_code.
	Type  string `json:"type"`
	Title string `json:"title,omitempty"`
}

// InquiryResults answers GET /transaction/{key}/inquired-information.
type InquiryResults struct {
	Items []InquiryResult `json:"items"`
}

// InquiryResult is what a payer agreed to tell.
type InquiryResult struct {
	InquiryIdentifier string `json:"inquiry_identifier"`
	ItemIdentifier    string `json:"item_identifier"`
	ItemType          string `json:"item_type"`
	// Value is an Identity for user_identity, a text for person_code.
	Value json.RawMessage `json:"value"`
}

// TransactionRequest answers POST /transaction/{key}/request: somebody was asked to pay. UserID, Email and Phone
// are as the request named them.
type TransactionRequest struct {
	ID             int64  `json:"id"`
	CreatedAt      int64  `json:"created_at"`
	TransactionKey string `json:"transaction_key"`
	UserID         int64  `json:"user_id,omitempty"`
	Email          string `json:"email,omitempty"`
	Phone          string `json:"phone,omitempty"`
	InitiatorID    int64  `json:"initiator_id,omitempty"`
}

// ReserveCode answers POST /wallet/me/code: a code that a payer reads out. It is purser's own.
type ReserveCode struct {
	Code      string `json:"code"`
	ExpiresAt int64  `json:"expires_at"`
}

// Payment is one priced obligation (spec/wallet-api.md §4.7, spec/php-client.md §8.7, spec/mobile-sdks.md §5.2).
// Integer money is in cents.
type Payment struct {
	ID             int64  `json:"id"`
	TransactionKey string `json:"transaction_key"`
	CreatedAt      int64  `json:"created_at"`
	Status         string `json:"status"`
	// Cancelable says whether the money can be given back now.
	Cancelable      bool        `json:"cancelable"`
	Price           int64       `json:"price"`
	PriceDecimal    string      `json:"price_decimal"`
	Currency        string      `json:"currency"`
	Commission      *Commission `json:"commission,omitempty"`
	Cashback        int64       `json:"cashback,omitempty"`
	CashbackDecimal string      `json:"cashback_decimal,omitempty"`
	// Wallet is the payer's, once accepted.
	Wallet      int64 `json:"wallet,omitempty"`
	ConfirmedAt int64 `json:"confirmed_at,omitempty"`
	// Freeze is how long the beneficiary cannot use the money. The same stands in FreezeFor, in hours, or in
	// FreezeUntil, and never in both: one client would lose the second over the first.
	Freeze      Period       `json:"freeze"`
	FreezeFor   *int64       `json:"freeze_for,omitempty"`
	FreezeUntil int64        `json:"freeze_until,omitempty"`
	Description string       `json:"description,omitempty"`
	Items       []Item       `json:"items,omitempty"`
	Beneficiary *Beneficiary `json:"beneficiary,omitempty"`
	// Parameters are the client's own.
	Parameters  json.RawMessage  `json:"parameters,omitempty"`
	Password    *PaymentPassword `json:"password,omitempty"`
	PriceRules  *PriceRules      `json:"price_rules,omitempty"`
	Purpose     string           `json:"purpose,omitempty"`
	FundsSource *FundsSource     `json:"funds_source,omitempty"`
}

// Commission is what the operator gets of a payment: from the beneficiary, and from the payer.
type Commission struct {
	InCommission         int64  `json:"in_commission"`
	InCommissionDecimal  string `json:"in_commission_decimal"`
	OutCommission        int64  `json:"out_commission"`
	OutCommissionDecimal string `json:"out_commission_decimal"`
}

// Item is a line of what is paid for.
type Item struct {
	Title             string          `json:"title"`
	Description       string          `json:"description,omitempty"`
	ImageURI          string          `json:"image_uri,omitempty"`
	Price             int64           `json:"price"`
	PriceDecimal      string          `json:"price_decimal"`
	Currency          string          `json:"currency"`
	Quantity          int64           `json:"quantity"`
	TotalPrice        int64           `json:"total_price"`
	TotalPriceDecimal string          `json:"total_price_decimal"`
	Parameters        json.RawMessage `json:"parameters,omitempty"`
}

// Beneficiary is who is paid, as the request named them: by one of these.
type Beneficiary struct {
	// ID is a wallet's.
	ID      int64  `json:"id,omitempty"`
	Email   string `json:"email,omitempty"`
	Phone   string `json:"phone,omitempty"`
	Barcode string `json:"barcode,omitempty"`
	// Wallet is embedded when fields=payments.beneficiary.wallet asks for it.
	Wallet *Wallet `json:"wallet,omitempty"`
}

// PaymentPassword protects a payment; its value is never shown.
type PaymentPassword struct {
	// Type is generated or provided.
	Type string `json:"type"`
	// Status is pending, unlocked or disabled.
	Status string `json:"status"`
}

// PriceRules let the payer choose the price, in cents.
type PriceRules struct {
	Min     int64   `json:"min,omitempty"`
	Max     int64   `json:"max,omitempty"`
	Choices []int64 `json:"choices,omitempty"`
}

// FundsSource says where the payer's money comes from.
type FundsSource struct {
	Type    string `json:"type,omitempty"`
	Details string `json:"details,omitempty"`
}
