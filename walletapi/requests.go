package walletapi

import (
	"encoding/json"
	"time"
)

// The types of this file are what a client writes: bodies, and what stands in a query. The zero value of a field says nothing, unless
// its comment says otherwise. The server reads more spellings than these.

// The types of clients.
const (
	TypePrivateClient = "private_client"
	TypeApplication   = "application"
	TypeAppClient     = "app_client"
)

// NewDevice is a device that an application registers.
type NewDevice struct {
	// Type is TypeAppClient, also when it is empty.
	Type string `json:"type"`
	// Info is an object about the device, such as a map: device_id, os and model are known to many apps.
	Info any `json:"info,omitempty"`
	// Permissions are fewer than the application's devices get without them.
	Permissions []string `json:"permissions,omitzero"`
	// ProjectID is the application's project.
	ProjectID int64 `json:"project_id,omitempty"`
}

// ClientChange changes what it mentions of a client.
type ClientChange struct {
	Title string `json:"title,omitempty"`
	Info  any    `json:"info,omitempty"`
	// Permissions, Hosts and PermissionsToWallets are all that there are to be; an empty list that is not nil takes them away.
	Permissions          []string      `json:"permissions,omitzero"`
	Hosts                []Host        `json:"hosts,omitzero"`
	PermissionsToWallets []WalletRight `json:"permissions_to_wallets,omitzero"`
	ProjectID            int64         `json:"project_id,omitempty"`
	ServiceAgreementID   int64         `json:"service_agreement_id,omitempty"`
}

// WalletRight is a static right on a wallet, by its number or that of its account.
type WalletRight struct {
	WalletID      int64  `json:"wallet_id,omitempty"`
	AccountNumber string `json:"account_number,omitempty"`
	// Scopes are balance and statements.
	Scopes []string `json:"scopes"`
}

// ClientFilter says which clients are wanted.
type ClientFilter struct {
	ProjectID int64
	Type      string
	// Info is what the devices said of themselves, by its name.
	Info        map[string]string
	WithRevoked bool
	Page
}

func (f ClientFilter) params() params {
	p := params{}
	p.number("project_id", f.ProjectID)
	p.text("type", f.Type)
	p.flag("revoked", f.WithRevoked)
	for name, value := range f.Info {
		p.text("info["+name+"]", value)
	}
	p.page(f.Page)
	return p
}

// Contact is an e-mail address or a phone number, one of them.
type Contact struct {
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// The ways to ask for a token (spec/wallet-api.md §3.3).
const (
	GrantAuthorizationCode     = "authorization_code"
	GrantPassword              = "password"
	GrantRefreshToken          = "refresh_token"
	GrantRefreshWithActivation = "refresh_token_with_activation"
)

// TokenRequest asks for a token.
type TokenRequest struct {
	// GrantType is one of the constants that begin with Grant.
	GrantType string `json:"grant_type"`
	// Code, RedirectURI and CodeVerifier belong to GrantAuthorizationCode. Code is also what a user was sent for a refresh with more
	// than before.
	Code         string `json:"code,omitempty"`
	RedirectURI  string `json:"redirect_uri,omitempty"`
	CodeVerifier string `json:"code_verifier,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Username     string `json:"username,omitempty"`
	Password     string `json:"password,omitempty"`
	// Scope are scopes separated by blanks.
	Scope string `json:"scope,omitempty"`
}

// SessionRequest is what a user is asked to agree to.
type SessionRequest struct {
	// ResponseType is code, also when it is empty.
	ResponseType        string           `json:"response_type"`
	ClientID            string           `json:"client_id"`
	RedirectURI         string           `json:"redirect_uri"`
	Scope               string           `json:"scope,omitempty"`
	State               string           `json:"state,omitempty"`
	CodeChallenge       string           `json:"code_challenge,omitempty"`
	CodeChallengeMethod string           `json:"code_challenge_method,omitempty"`
	User                *TransactionUser `json:"user,omitempty"`
}

// UserQuery names a user by one of these.
type UserQuery struct {
	Email, Phone string
	// PersonCode is of the state that Nationality names by two small letters.
	PersonCode, Nationality string
}

func (q UserQuery) params() params {
	p := params{}
	p.text("email", q.Email)
	p.text("phone", q.Phone)
	p.text("person_code", q.PersonCode)
	p.text("nationality", q.Nationality)
	return p
}

// NewUser is a person who registers.
type NewUser struct {
	DisplayName string          `json:"display_name,omitempty"`
	Locale      string          `json:"locale,omitempty"`
	Email       string          `json:"email,omitempty"`
	Phone       string          `json:"phone,omitempty"`
	Identity    *Identity       `json:"identity,omitempty"`
	Credentials UserCredentials `json:"credentials"`
}

// UserCredentials are what a user signs in with.
type UserCredentials struct {
	// Type is main-password, also when it is empty.
	Type     string `json:"type"`
	Password string `json:"password"`
}

// PasswordReset names who has forgotten a password.
type PasswordReset struct {
	Contact
	// Identity holds the person code where the server asks for it.
	Identity *PersonCode `json:"identity,omitempty"`
}

// PersonCode is a person's code alone.
type PersonCode struct {
	Code string `json:"code"`
}

// PasswordChange is a new password with the present one, or with a code that was sent.
type PasswordChange struct {
	Password    string `json:"password"`
	OldPassword string `json:"old_password,omitempty"`
	Code        string `json:"code,omitempty"`
}

// WalletQuery names a wallet by what it or its owner is known by.
type WalletQuery struct {
	Email, Phone, AccountNumber string
	// UserID is the owner's number.
	UserID int64
	// PersonCode is of the state that Nationality names, CompanyCode of Country: two small letters.
	PersonCode, Nationality string
	CompanyCode, Country    string
	// Barcode is for FindWallet, WalletID for WalletBarcode.
	Barcode  string
	WalletID int64
}

func (q WalletQuery) params() params {
	p := params(UserQuery{Email: q.Email, Phone: q.Phone, PersonCode: q.PersonCode, Nationality: q.Nationality}.params())
	p.text("account_number", q.AccountNumber)
	p.number("user_id", q.UserID)
	p.text("company_code", q.CompanyCode)
	p.text("country", q.Country)
	p.text("barcode", q.Barcode)
	p.number("wallet_id", q.WalletID)
	return p
}

// WalletContacts name many wallets by contact, in clear or as SHA-1.
type WalletContacts struct {
	Emails, Phones, EmailHashes, PhoneHashes []string
	Limit                                    int
}

func (q WalletContacts) params() params {
	p := params{}
	p.texts("email", q.Emails)
	p.texts("phone", q.Phones)
	p.texts("email_hash", q.EmailHashes)
	p.texts("phone_hash", q.PhoneHashes)
	p.number("limit", int64(q.Limit))
	return p
}

// BalanceQuery says what a balance is to hold beside the funds that there are.
type BalanceQuery struct {
	// WithEmpty has currencies that the wallet held once.
	WithEmpty bool
	// ConvertTo has each currency also in this one; WithConvertTo has a line for it even where there are no funds in it.
	ConvertTo     string
	WithConvertTo bool
}

func (q BalanceQuery) params() params {
	p := params{}
	p.flag("show_historical_currencies", q.WithEmpty)
	p.text("convert_to", q.ConvertTo)
	p.flag("include_convert_to_currency", q.WithConvertTo)
	return p
}

// The directions of payments.
const (
	In  = "in"
	Out = "out"
)

// StatementFilter says which statements are wanted.
type StatementFilter struct {
	Currencies []string
	// Direction is In, Out or empty for both.
	Direction string
	// Text is looked for in the details and the other party.
	Text string
	// From is the first second, To the first that is not wanted any more.
	From, To time.Time
	// OldestFirst turns the order around.
	OldestFirst bool
	// After and Before are places that an answer named in its Cursors.
	After, Before string
	Page
}

func (f StatementFilter) params() params {
	p := params{}
	p.texts("currency", f.Currencies)
	p.text("direction", f.Direction)
	p.text("text", f.Text)
	p.time("from", f.From)
	p.time("to", f.To)
	p.text("after", f.After)
	p.text("before", f.Before)
	p.oldestFirst(f.OldestFirst)
	p.page(f.Page)
	return p
}

func (p params) oldestFirst(oldest bool) {
	if oldest {
		p.text("order_direction", "asc")
	}
}

// PendingFilter says which payments on their way are wanted.
type PendingFilter struct {
	// Direction is In, Out or empty for both.
	Direction string
	// Type is transfer, cash or empty for both.
	Type string
	Page
}

func (f PendingFilter) params() params {
	p := params{}
	p.text("direction", f.Direction)
	p.text("type", f.Type)
	p.page(f.Page)
	return p
}

// ConversionRequest says what is exchanged for what: the amount of one of the two currencies, in cents or as decimal text.
type ConversionRequest struct {
	FromCurrency      string `json:"from_currency"`
	ToCurrency        string `json:"to_currency"`
	FromAmount        int64  `json:"from_amount,omitempty"`
	FromAmountDecimal string `json:"from_amount_decimal,omitempty"`
	ToAmount          int64  `json:"to_amount,omitempty"`
	ToAmountDecimal   string `json:"to_amount_decimal,omitempty"`
	// AccountNumber is the account whose money is exchanged.
	AccountNumber string `json:"account_number,omitempty"`
	// MaxFromAmount and MinToAmount are as far as ConvertCurrency may go, in cents.
	MaxFromAmount int64 `json:"max_from_amount,omitempty"`
	MinToAmount   int64 `json:"min_to_amount,omitempty"`
}

func (r ConversionRequest) params() params {
	p := params{}
	p.text("from_currency", r.FromCurrency)
	p.text("to_currency", r.ToCurrency)
	p.number("from_amount", r.FromAmount)
	p.text("from_amount_decimal", r.FromAmountDecimal)
	p.number("to_amount", r.ToAmount)
	p.text("to_amount_decimal", r.ToAmountDecimal)
	p.text("account_number", r.AccountNumber)
	return p
}

// For is a Period of that length, which begins later; it is cut to whole seconds.
func For(length time.Duration) Period {
	seconds := int64(length / time.Second)
	return Period{For: &seconds}
}

// Until is a Period that ends at a moment; the zero time is no period.
func Until(moment time.Time) Period {
	if moment.IsZero() {
		return Period{}
	}
	return Period{Until: moment.Unix()}
}

// NewTransaction asks for money (spec/wallet-api.md §4.8). Which project and place it is for says the Client: InProject, AtLocation.
type NewTransaction struct {
	// Payments are new ones, or those of CreatePayment by their ID alone.
	Payments []NewPayment `json:"payments"`
	// Reserve is how long accepted money stays reserved.
	Reserve Period `json:"reserve,omitzero"`
	// UseAllowance is true where it is nil.
	UseAllowance     *bool `json:"use_allowance,omitempty"`
	SuggestAllowance bool  `json:"suggest_allowance,omitempty"`
	// Allowance is what the payer is asked for beside the payments.
	Allowance *AllowanceRequest `json:"allowance,omitempty"`
	// AutoConfirm has the money taken as soon as the payer accepts.
	AutoConfirm bool        `json:"auto_confirm,omitempty"`
	RedirectURI string      `json:"redirect_uri,omitempty"`
	CallbackURI CallbackURI `json:"callback_uri,omitzero"`
	// User prefills the page.
	User         *TransactionUser `json:"user,omitempty"`
	Restrictions *Restrictions    `json:"restrictions,omitempty"`
	Inquiries    []Inquiry        `json:"inquiries,omitempty"`
}

// NewPayment is what is to be paid. An amount is given in cents, or as decimal text, as one of the two.
type NewPayment struct {
	// ID alone names a payment that CreatePayment made.
	ID              int64          `json:"-"`
	Price           int64          `json:"price,omitempty"`
	PriceDecimal    string         `json:"price_decimal,omitempty"`
	Currency        string         `json:"currency,omitempty"`
	Description     string         `json:"description,omitempty"`
	Items           []NewItem      `json:"items,omitempty"`
	Cashback        int64          `json:"cashback,omitempty"`
	CashbackDecimal string         `json:"cashback_decimal,omitempty"`
	Commission      *NewCommission `json:"commission,omitempty"`
	PriceRules      *PriceRules    `json:"price_rules,omitempty"`
	// Beneficiary is who is paid; nil for the project.
	Beneficiary *Beneficiary `json:"beneficiary,omitempty"`
	// Freeze is how long the beneficiary cannot use the money.
	Freeze      Period              `json:"freeze,omitzero"`
	Password    *NewPaymentPassword `json:"password,omitempty"`
	Purpose     string              `json:"purpose,omitempty"`
	FundsSource *FundsSource        `json:"funds_source,omitempty"`
	// Parameters are an object of your own, such as a map.
	Parameters any `json:"parameters,omitempty"`
}

// MarshalJSON writes the payment, or the number of one.
func (p NewPayment) MarshalJSON() ([]byte, error) {
	if p.ID != 0 {
		return json.Marshal(p.ID)
	}
	type plain NewPayment
	return encode(plain(p))
}

// NewItem is a line of what is paid for.
type NewItem struct {
	Title        string `json:"title"`
	Description  string `json:"description,omitempty"`
	ImageURI     string `json:"image_uri,omitempty"`
	Price        int64  `json:"price,omitempty"`
	PriceDecimal string `json:"price_decimal,omitempty"`
	// Currency is the payment's where it is empty, Quantity 1 where it is 0.
	Currency   string `json:"currency,omitempty"`
	Quantity   int64  `json:"quantity,omitempty"`
	Parameters any    `json:"parameters,omitempty"`
}

// NewCommission is what the operator gets of a payment, in cents: from the beneficiary, and from the payer.
type NewCommission struct {
	InCommission  int64 `json:"in_commission,omitempty"`
	OutCommission int64 `json:"out_commission,omitempty"`
}

// NewPaymentPassword protects a payment.
type NewPaymentPassword struct {
	// Type is generated or provided; Value is what is provided.
	Type       string `json:"type"`
	Value      string `json:"value,omitempty"`
	Optional   bool   `json:"optional,omitempty"`
	Cancelable bool   `json:"cancelable,omitempty"`
}

// Reservation is how a payer accepts (spec/wallet-api.md §4.8): by one of PIN, SMSCode and Code, or by the token that calls.
type Reservation struct {
	Payer
	PIN string `json:"pin,omitempty"`
	// SMSCode is what SendFlash sent, Code what the payer made with MakeReserveCode.
	SMSCode string `json:"sms_code,omitempty"`
	Code    string `json:"code,omitempty"`
	// AcceptAllowance gives the allowance too that the transaction asks for, where that is optional.
	AcceptAllowance bool `json:"accept_allowance,omitempty"`
	// RevokeKey is a transaction that ends with this one's being accepted.
	RevokeKey string          `json:"revoke_transaction_key,omitempty"`
	Inquiries []InquiryAnswer `json:"inquiries,omitempty"`
	// Prices and FundsSources are by the numbers of payments.
	Prices       map[int64]PaymentPrice `json:"payment_prices,omitempty"`
	FundsSources map[int64]FundsSource  `json:"funds_sources,omitempty"`
}

// Payer is who pays, by the number of a wallet or otherwise, where the call does not say.
type Payer struct {
	WalletID int64        `json:"wallet_id,omitempty"`
	Payer    *Beneficiary `json:"payer,omitempty"`
}

// InquiryAnswer is what a payer says to an inquiry.
type InquiryAnswer struct {
	Identifier string `json:"identifier"`
	// Status is accepted or declined.
	Status string `json:"status"`
}

// PaymentPrice is a price with its currency, in cents or as decimal text.
type PaymentPrice struct {
	Price        int64  `json:"price,omitempty"`
	PriceDecimal string `json:"price_decimal,omitempty"`
	Currency     string `json:"currency"`
}

// NewTransactionRequest names who is asked to pay.
type NewTransactionRequest struct {
	UserID      int64  `json:"user_id,omitempty"`
	Email       string `json:"email,omitempty"`
	Phone       string `json:"phone,omitempty"`
	InitiatorID int64  `json:"initiator_id,omitempty"`
}

// The statuses of transactions and of payments.
const (
	StatusNew                 = "new"
	StatusReserved            = "reserved"
	StatusConfirmed           = "confirmed"
	StatusRejected            = "rejected"
	StatusRevoked             = "revoked"
	StatusFailed              = "failed"
	StatusWaitingFunds        = "waiting_funds"
	StatusWaitingRegistration = "waiting_registration"
	StatusWaitingPassword     = "waiting_password"
)

// TransactionFilter says which transactions are wanted.
type TransactionFilter struct {
	Statuses []string
	// ProjectID is one of those that the caller speaks for; 0 for all of them.
	ProjectID, LocationID int64
	// WalletID is the payer's.
	WalletID int64
	// From is the first second, To the first that is not wanted any more.
	From, To    time.Time
	OldestFirst bool
	// Embed names what Client.Transaction can embed.
	Embed []string
	Page
}

func (f TransactionFilter) params() params {
	p := embedding(f.Embed)
	p.texts("status", f.Statuses)
	p.number("project_id", f.ProjectID)
	p.number("location_id", f.LocationID)
	p.number("wallet", f.WalletID)
	p.time("from", f.From)
	p.time("to", f.To)
	p.oldestFirst(f.OldestFirst)
	p.page(f.Page)
	return p
}

// PaymentFilter says which payments are wanted.
type PaymentFilter struct {
	Statuses []string
	// WalletID is the payer's, BeneficiaryID that of the wallet that is paid.
	WalletID, BeneficiaryID int64
	// NoBeneficiary has those alone whose beneficiary has no account yet.
	NoBeneficiary bool
	Page
}

func (f PaymentFilter) params() params {
	p := params{}
	p.texts("status", f.Statuses)
	p.number("wallet", f.WalletID)
	p.number("beneficiary", f.BeneficiaryID)
	if f.NoBeneficiary {
		p.text("beneficiary", "none")
	}
	p.page(f.Page)
	return p
}

// The services of places.
const (
	ServicePay            = "pay"
	ServiceCashIn         = "cash_in"
	ServiceCashOut        = "cash_out"
	ServiceIdentification = "identification"
)

// LocationQuery says which places are wanted (spec/wallet-api.md §4.4).
type LocationQuery struct {
	// Near has those within Distance of a point, the nearest first; 0 means 500 metres.
	Near     *Point
	Distance float64
	// Statuses are active and inactive; none means active.
	Statuses []string
	// Services are of those constants; Categories are the numbers of pay categories.
	Services   []string
	Categories []int64
	// UpdatedAfter has what was changed since, the last changed first. To keep a copy there is SyncLocations, which misses nothing.
	UpdatedAfter time.Time
	Locale       string
	// OpenAt has those that are open then, OpenFrom and OpenUntil those that are open all the while. These, Text and BBox are purser's own.
	OpenAt, OpenFrom, OpenUntil time.Time
	// OpenNow is OpenAt by the server's clock.
	OpenNow bool
	// Text has those with these words.
	Text string
	// BBox is a part of a map, west, south, east, north, such as 25.1,54.6,25.4,54.8; the answer has its places in clusters too.
	BBox string
	// After is where the page before ended (Metadata.After).
	After string
	Page
}

// Point is a position in decimal degrees.
type Point struct{ Lat, Lng float64 }

func (q LocationQuery) params() params {
	p := inLanguage(q.Locale)
	if q.Near != nil {
		p.degrees("lat", &q.Near.Lat)
		p.degrees("lng", &q.Near.Lng)
	}
	if q.Distance != 0 {
		p.degrees("distance", &q.Distance)
	}
	p.texts("status", q.Statuses)
	p.texts("service", q.Services)
	p.numbers("pay_category", q.Categories)
	p.time("updated_after", q.UpdatedAfter)
	p.time("open_at", q.OpenAt)
	if q.OpenNow {
		p.text("open_at", "now")
	}
	if !q.OpenFrom.IsZero() || !q.OpenUntil.IsZero() {
		p.numbers("open_during", []int64{q.OpenFrom.Unix(), q.OpenUntil.Unix()})
	}
	p.text("q", q.Text)
	p.text("bbox", q.BBox)
	p.text("after", q.After)
	p.page(q.Page)
	return p
}

// Words are a text by language, such as {"en": "Café", "lt": "Kavinė"}; an empty one takes a language away. Plain makes one in the
// language of the edit.
type Words map[string]string

// Plain is a text in the language of the edit that it stands in.
func Plain(text string) Words { return Words{"": text} }

// MarshalJSON writes the texts by language, or the plain one.
func (w Words) MarshalJSON() ([]byte, error) {
	if plain, ok := w[""]; ok {
		return encode(plain)
	}
	texts := make(map[string]*string, len(w))
	for language, text := range w {
		texts[language] = nil
		if text != "" {
			texts[language] = &text
		}
	}
	return encode(texts)
}

// ProjectEdit is a project as programs write it (spec/wallet-api.md §4.3): what is nil stays.
type ProjectEdit struct {
	Title       string  `json:"title"`
	Description *string `json:"description,omitempty"`
	// WalletID is a wallet of the project's owner, who alone may name another one than the project has.
	WalletID *int64 `json:"wallet_id,omitempty"`
}

// LocationEdit is a place as programs write it (spec/wallet-api.md §4.4): what it does not mention stays. Lists and maps are all
// that there is to be; an empty one that is not nil takes what there was away.
type LocationEdit struct {
	// Locale is the language of plain texts.
	Locale      string `json:"locale,omitempty"`
	Title       Words  `json:"title,omitempty"`
	Description Words  `json:"description,omitempty"`
	Address     Words  `json:"address,omitempty"`
	// Lat and Lng are decimal degrees, both or none; Radius is in metres.
	Lat    *float64 `json:"lat,omitempty"`
	Lng    *float64 `json:"lng,omitempty"`
	Radius *int     `json:"radius,omitempty"`
	// Status is active or inactive.
	Status   string `json:"status,omitempty"`
	Public   *bool  `json:"public,omitempty"`
	Timezone string `json:"timezone,omitempty"`
	// WorkingHours have one interval a day; Hours say anything.
	WorkingHours map[string]DayHours     `json:"working_hours,omitzero"`
	Hours        *HoursEdit              `json:"hours,omitempty"`
	Services     map[string]PlaceService `json:"services,omitzero"`
	Prices       []PriceEdit             `json:"prices,omitzero"`
	Images       *Images                 `json:"images,omitempty"`
	RemoteOrders *RemoteOrdersEdit       `json:"remote_orders,omitempty"`
	Spots        []SpotEdit              `json:"spots,omitzero"`
}

// HoursEdit are the hours of a place: a text in the words of OpenStreetMap's opening_hours, or a week with exceptions.
type HoursEdit struct {
	Text         string                `json:"text,omitempty"`
	Regular      map[string][]OpenSpan `json:"regular,omitempty"`
	Holidays     *[]OpenSpan           `json:"holidays,omitempty"`
	HolidayDates []string              `json:"holiday_dates,omitempty"`
	Exceptions   []HoursException      `json:"exceptions,omitempty"`
}

// PriceEdit is a price, or an offer where there is no Price.
type PriceEdit struct {
	Type       string       `json:"type,omitempty"`
	Title      Words        `json:"title,omitempty"`
	Price      *PriceAmount `json:"price,omitempty"`
	ValidFrom  int64        `json:"valid_from,omitempty"`
	ValidUntil int64        `json:"valid_until,omitempty"`
}

// RemoteOrdersEdit names the spot where people order before they come, by its number or its identifier.
type RemoteOrdersEdit struct {
	SpotID     int64  `json:"spot_id,omitempty"`
	Identifier string `json:"identifier,omitempty"`
}

// SpotEdit is a spot of a place; the ID of one that is there keeps it.
type SpotEdit struct {
	ID         int64          `json:"id,omitempty"`
	Identifier string         `json:"identifier,omitempty"`
	PlaceInfo  *PlaceInfoEdit `json:"place_info,omitempty"`
}

// PlaceInfoEdit are the words of a spot that are not its place's.
type PlaceInfoEdit struct {
	Title       Words  `json:"title,omitempty"`
	Description Words  `json:"description,omitempty"`
	Address     Words  `json:"address,omitempty"`
	LogoURI     string `json:"logo_uri,omitempty"`
}

// SpotQuery says which spots are wanted.
type SpotQuery struct {
	LocationID int64
	// Statuses are open, waiting and closed.
	Statuses []string
	Locale   string
	// Embed may name EmbedTransactions.
	Embed []string
	Page
}

func (q SpotQuery) params() params {
	p := embedding(q.Embed)
	p.number("location_id", q.LocationID)
	p.texts("status", q.Statuses)
	p.text("locale", q.Locale)
	p.page(q.Page)
	return p
}

// NewOrder is a transaction that is put before those at a spot, or before one user there.
type NewOrder struct {
	TransactionKey string `json:"transaction_key"`
	UserID         int64  `json:"user_id,omitempty"`
}

// The statuses of allowances.
const (
	AllowanceNew      = "new"
	AllowanceActive   = "active"
	AllowanceInactive = "inactive"
	AllowanceDeleted  = "deleted"
)

// NewAllowance is what a payer is to agree to (spec/wallet-api.md §4.9): MaxPrice in cents or as decimal text, or Limits, or both.
type NewAllowance struct {
	Description string `json:"description,omitempty"`
	// Currency is that of all amounts.
	Currency string `json:"currency"`
	// MaxPrice is how much may be taken in all.
	MaxPrice        int64               `json:"max_price,omitempty"`
	MaxPriceDecimal string              `json:"max_price_decimal,omitempty"`
	Limits          []NewAllowanceLimit `json:"limits,omitempty"`
	// Valid is how long, from when it is given; 30 days where it says nothing.
	Valid Period `json:"valid,omitzero"`
	// Locations are places of the project, at which alone it may be used; purser's own.
	Locations []int64 `json:"locations,omitempty"`
}

// NewAllowanceLimit is how much may be taken, in cents or as decimal text, within a time in seconds.
type NewAllowanceLimit struct {
	MaxPrice        int64  `json:"max_price,omitempty"`
	MaxPriceDecimal string `json:"max_price_decimal,omitempty"`
	Time            int64  `json:"time"`
}

// AllowanceRequest is the allowance that a transaction asks for: a new one, or one of CreateAllowance by its ID.
type AllowanceRequest struct {
	ID   int64         `json:"id,omitempty"`
	Data *NewAllowance `json:"data,omitempty"`
	// Optional lets the payer pay and not give it.
	Optional bool `json:"optional,omitempty"`
}

// NewCash is cash that a customer brings or gets, in cents or as decimal text.
type NewCash struct {
	Customer     CashCustomer `json:"customer"`
	Price        int64        `json:"price,omitempty"`
	PriceDecimal string       `json:"price_decimal,omitempty"`
	Currency     string       `json:"currency"`
	Description  string       `json:"description,omitempty"`
	// Code is what SendCashCode sent.
	Code string `json:"code,omitempty"`
}

// CashCustomer is whose wallet cash goes into or comes out of, in one of the ways that the place offers.
type CashCustomer struct {
	// Email, Phone, Barcode (of a wallet) and OneTimeBarcode are for cash in.
	Email          string `json:"email,omitempty"`
	Phone          string `json:"phone,omitempty"`
	Barcode        string `json:"barcode,omitempty"`
	OneTimeBarcode string `json:"one_time_barcode,omitempty"`
	// QRCode is for cash out: what the customer made with MakeReserveCode.
	QRCode string `json:"qr_code,omitempty"`
	// PersonCode is of the state that Nationality names by two small letters, from a document.
	PersonCode  string `json:"person_code,omitempty"`
	Nationality string `json:"nationality,omitempty"`
}

// The types of documents.
const (
	DocumentPassport        = "passport"
	DocumentIdentityCard    = "identity_card"
	DocumentResidencePermit = "residence_permit"
	DocumentDrivingLicence  = "driving_licence"
)

// NewIdentification says that a user showed a document.
type NewIdentification struct {
	Document Document `json:"document"`
	// Identity is what the document says.
	Identity Identity `json:"identity"`
	// CheckedBy is the person who looked at it.
	CheckedBy string `json:"checked_by"`
	// CheckedAt is in UNIX seconds; 0 means now.
	CheckedAt int64 `json:"checked_at,omitempty"`
}

// Document is a document by its type, one of the constants that begin with Document, and its number.
type Document struct {
	Type   string `json:"type"`
	Number string `json:"number"`
}

// What lines of statistics may be by.
const (
	ByCurrency = "currency"
	ByDay      = "day"
	ByLocation = "location"
)

// StatisticsFilter says which figures are wanted.
type StatisticsFilter struct {
	// From and To are any moment of the first and of the last day, in UTC; the last 30 days without them, and 366 at most.
	From, To time.Time
	// Group is ByDay, ByLocation, or ByCurrency, also when it is empty.
	Group string
	// Page is a thousand lines long where it says nothing, and ten thousand at most.
	Page
}

func (f StatisticsFilter) params() params {
	p := params{}
	p.time("from", f.From)
	p.time("to", f.To)
	p.text("group", f.Group)
	p.page(f.Page)
	return p
}
