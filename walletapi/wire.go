package walletapi

import "encoding/json"

// The types of this file are the protocol's JSON objects. The server encodes them and the
// client decodes them, so there is one definition of the wire. Key order is field order;
// what is absent is left out, never null, and an empty map is never written as [].
// Times are UNIX seconds, positions decimal degrees, lengths metres, and integer money is
// "cents": the amount times one hundred, whatever the currency (spec/mobile-sdks.md §0).

// Server answers GET /server (spec/wallet-api.md §4.1).
type Server struct {
	// Time is the server's wall clock in UNIX seconds, the one that MACs are checked against.
	Time int64 `json:"time"`
}

// Configuration answers GET /configuration (spec/wallet-api.md §4.1).
type Configuration struct {
	// MinimumPasswordLength is how many characters a user's password must have.
	MinimumPasswordLength int `json:"minimum_password_length"`
}

// ClientInfo is a program that calls the API (spec/wallet-api.md §4.2, spec/php-client.md §8.1).
type ClientInfo struct {
	// ID is the client's number; its MAC id is another thing and stands in Credentials.
	ID int64 `json:"id"`
	// Title is the name that the operator gave it.
	Title string `json:"title"`
	// Type is private_client, application or app_client.
	Type string `json:"type"`
	// Permissions is always there and may be empty.
	Permissions []string `json:"permissions"`
	// Hosts is always there and may be empty.
	Hosts []Host `json:"hosts"`
	// Project is the client's main project; absent when it has none.
	Project *Project `json:"project,omitempty"`
	// PermissionsToWallets are static rights on single wallets.
	PermissionsToWallets []WalletPermission `json:"permissions_to_wallets,omitempty"`
	// ServiceAgreementID refers to a contract outside the API.
	ServiceAgreementID int64 `json:"service_agreement_id,omitempty"`
	// Info describes the device of an app_client: an object as the device sent it.
	Info json.RawMessage `json:"info,omitempty"`
	// LocationID is the place that a private client is based on; purser's own.
	LocationID int64 `json:"location_id,omitempty"`
	// SameDevice are other clients of the same device, in a list; purser's own.
	SameDevice []int64 `json:"same_device,omitempty"`
	// Status is revoked for a client that is, and absent for others; purser's own.
	Status string `json:"status,omitempty"`
	// Credentials come whole when a client is registered, and without the key when a device
	// reads itself.
	Credentials *Credentials `json:"credentials,omitempty"`
}

// Clients answers GET /clients.
type Clients struct {
	Clients  []ClientInfo `json:"clients"`
	Metadata Metadata     `json:"_metadata"`
}

// ClientStatus answers GET /client/info/{id}/status.
type ClientStatus struct {
	// Status is active or revoked.
	Status string `json:"status"`
}

// Refusal answers GET /refusal/{request}: why a request was refused. It is purser's own.
type Refusal struct {
	RequestID string `json:"request_id"`
	// At is on the server's business clock.
	At int64 `json:"at"`
	// Request is the method and the route.
	Request string `json:"request"`
	// Address is where it came from.
	Address  string `json:"address,omitempty"`
	ClientID int64  `json:"client_id,omitempty"`
	// Caller says who called, in words.
	Caller     string `json:"caller,omitempty"`
	ProjectID  int64  `json:"project_id,omitempty"`
	LocationID int64  `json:"location_id,omitempty"`
	// Error is the code that it was answered with, Reason the whole of it in one sentence.
	Error  string `json:"error"`
	Reason string `json:"reason"`
	// Action is what was asked, Rules what was looked at, and Refused the rule that refused.
	Action  string `json:"action,omitempty"`
	Rules   []Rule `json:"rules,omitempty"`
	Refused string `json:"refused,omitempty"`
	// Needs are the grants that would allow it together; absent when none can.
	Needs []Grant `json:"needs,omitempty"`
}

// Rule is one rule as it was looked at.
type Rule struct {
	Rule  string `json:"rule"`
	Holds bool   `json:"holds"`
	Fact  string `json:"fact"`
}

// Grant is one thing that was missing: a permission, a scope, a wallet_right or a project.
type Grant struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	// ID is the wallet's, the project's or the user's number.
	ID int64 `json:"id,omitempty"`
	// Description says it in words.
	Description string `json:"description"`
}

// Host is an address that a client may be returned to (spec/wallet-api.md §4.2).
type Host struct {
	Host         string `json:"host"`
	Port         int    `json:"port,omitempty"`
	Path         string `json:"path,omitempty"`
	Protocol     string `json:"protocol,omitempty"`
	AnyPort      bool   `json:"any_port"`
	AnySubdomain bool   `json:"any_subdomain"`
}

// WalletPermission is a static right of a client on one wallet.
type WalletPermission struct {
	Wallet Wallet `json:"wallet"`
	// Scopes are balance and statements.
	Scopes []string `json:"scopes"`
}

// Credentials are what a client signs with.
type Credentials struct {
	// AccessToken is the MAC id.
	AccessToken string `json:"access_token"`
	// MACKey is shown once, when the client is registered.
	MACKey string `json:"mac_key,omitempty"`
	// MACAlgorithm is hmac-sha-256.
	MACAlgorithm string `json:"mac_algorithm"`
}

// Token is an access token with what it signs and is refreshed by (spec/mobile-sdks.md §1.6). All keys are
// always there: an SDK that misses one keeps nothing in its place, and the session dies.
type Token struct {
	// AccessToken is what requests are signed as, with MACKey.
	AccessToken string `json:"access_token"`
	// TokenType is mac.
	TokenType string `json:"token_type"`
	// ExpiresIn is how long the access token works, in whole seconds.
	ExpiresIn int64  `json:"expires_in"`
	MACKey    string `json:"mac_key"`
	// MACAlgorithm is hmac-sha-256.
	MACAlgorithm string `json:"mac_algorithm"`
	RefreshToken string `json:"refresh_token"`
}

// Session answers POST /oauth/v1/session.
type Session struct {
	// Key is what the browser is sent to the pages with.
	Key string `json:"key"`
}

// User is a person or a company, as far as the scopes go that the user agreed to (spec/wallet-api.md §4.5,
// spec/php-client.md §8.6). The number alone is always there.
type User struct {
	ID          int64  `json:"id"`
	Email       string `json:"email,omitempty"`
	Phone       string `json:"phone,omitempty"`
	DisplayName string `json:"display_name,omitempty"`
	// DOB is yyyy-mm-dd.
	DOB    string `json:"dob,omitempty"`
	Gender string `json:"gender,omitempty"`
	// Type is natural or legal.
	Type                string `json:"type,omitempty"`
	CompanyCode         string `json:"company_code,omitempty"`
	IdentificationLevel string `json:"identification_level,omitempty"`
	// CalculatedLevel is the highest level that what is on record bears out.
	CalculatedLevel string       `json:"calculated_level,omitempty"`
	Locale          string       `json:"locale,omitempty"`
	Options         *UserOptions `json:"options,omitempty"`
	// Wallets are numbers; an empty list is there, and says that there are none.
	Wallets  []int64   `json:"wallets,omitzero"`
	Address  *Address  `json:"address,omitempty"`
	Identity *Identity `json:"identity,omitempty"`
	PEP      []Exposed `json:"pep,omitempty"`
}

// UserOptions are what a user has chosen.
type UserOptions struct {
	DefaultCurrency string `json:"default_currency"`
}

// Address is where a user lives. Country is two small letters.
type Address struct {
	Country   string `json:"country"`
	City      string `json:"city"`
	Street    string `json:"street"`
	PostIndex string `json:"post_index,omitempty"`
}

// Identity is who a person is: the name alone, or also the nationality and the person code.
type Identity struct {
	Name        string `json:"name"`
	Surname     string `json:"surname"`
	Nationality string `json:"nationality,omitempty"`
	Code        string `json:"code,omitempty"`
}

// Exposed is a connection of a user to politics.
type Exposed struct {
	Name      string   `json:"name"`
	Relation  string   `json:"relation"`
	Positions []string `json:"positions"`
}

// Administrators are who administers a project beside its owner, and who was asked to. They are purser's own.
type Administrators struct {
	Administrators []Administrator `json:"administrators"`
	Invitations    []Invitation    `json:"invitations"`
}

// Administrator is a user who administers a project.
type Administrator struct {
	ID          int64  `json:"id"`
	DisplayName string `json:"display_name"`
}

// Invitation was sent to an e-mail address or a phone number, and is not answered yet.
type Invitation struct {
	ID        int64  `json:"id"`
	Contact   string `json:"contact"`
	CreatedAt int64  `json:"created_at"`
}

// Project is an owner's business unit (spec/wallet-api.md §4.3).
type Project struct {
	ID          int64  `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	// WalletID is the default wallet, which incoming money goes to.
	WalletID         int64  `json:"wallet_id,omitempty"`
	OwnerDisplayName string `json:"owner_display_name,omitempty"`
	// Wallet is embedded when fields=wallet asks for it.
	Wallet *Wallet `json:"wallet,omitempty"`
}

// Wallet is what an owner holds funds in (spec/wallet-api.md §4.6).
type Wallet struct {
	ID int64 `json:"id"`
	// Owner is the id of the user that it belongs to.
	Owner   int64   `json:"owner"`
	Account Account `json:"account"`
}

// Account describes a wallet. Who may not list wallets sees the number only.
type Account struct {
	Number           string `json:"number"`
	OwnerTitle       string `json:"owner_title,omitempty"`
	OwnerDisplayName string `json:"owner_display_name,omitempty"`
	OwnerType        string `json:"owner_type,omitempty"`
	Type             string `json:"type,omitempty"`
	UserID           int64  `json:"user_id,omitempty"`
	Status           string `json:"status,omitempty"`
	Description      string `json:"description,omitempty"`
}

// Balance maps a currency code to the funds in it (spec/wallet-api.md §4.6). It has no
// other keys, and a wallet without money is {}.
type Balance map[string]Funds

// Funds are the funds of one wallet in one currency.
type Funds struct {
	// AtDisposal can be spent now, in cents.
	AtDisposal        int64  `json:"at_disposal"`
	AtDisposalDecimal string `json:"at_disposal_decimal"`
	// Reserved is held for reservations, in cents.
	Reserved        int64  `json:"reserved"`
	ReservedDecimal string `json:"reserved_decimal"`
	// Converted is the same in the currency that convert_to names.
	Converted *Converted `json:"converted,omitempty"`
}

// Converted is Funds in another currency, in cents of that currency.
type Converted struct {
	AtDisposal int64 `json:"at_disposal"`
	Reserved   int64 `json:"reserved"`
}

// Locations is a page of places.
type Locations struct {
	Locations []Location        `json:"locations"`
	Metadata  LocationsMetadata `json:"_metadata"`
}

// LocationsMetadata describes a page of places.
type LocationsMetadata struct {
	Metadata
	// After is to be given back as after for the next page, which nothing is missed or met twice on whatever changes
	// meanwhile; absent on the last page. Purser's own, as is what follows.
	After string `json:"after,omitempty"`
	// Sync is to be given back as sync, and More says that there is more already.
	Sync string `json:"sync,omitempty"`
	More bool   `json:"more,omitempty"`
	// Clusters are the places of the part of a map that bbox named, in groups.
	Clusters *[]LocationCluster `json:"clusters,omitempty"`
}

// LocationCluster is a group of places next to each other on a map.
type LocationCluster struct {
	// Lat and Lng are the middle of them.
	Lat   float64 `json:"lat"`
	Lng   float64 `json:"lng"`
	Count int     `json:"count"`
	// ID is the place's if it is alone.
	ID int64 `json:"id,omitempty"`
}

// Metadata describes a page of a list.
type Metadata struct {
	// Total counts what the filter matches, on all pages.
	Total  int `json:"total"`
	Offset int `json:"offset"`
	Limit  int `json:"limit"`
}

// Statements is a page of what came into a wallet and went out of it.
type Statements struct {
	Statements []Statement    `json:"statements"`
	Metadata   CursorMetadata `json:"_metadata"`
}

// CursorMetadata describes a page of a list that has places to go on from.
type CursorMetadata struct {
	Metadata
	HasNext     bool     `json:"has_next"`
	HasPrevious bool     `json:"has_previous"`
	Cursors     *Cursors `json:"cursors,omitempty"`
}

// Cursors are the places where a page ends and where it begins, to be given back as after and before.
type Cursors struct {
	After  string `json:"after"`
	Before string `json:"before"`
}

// Statement is one line of what the owner of a wallet reads about its money (spec/wallet-api.md §4.6). Amount,
// AmountDecimal and Currency stand next to each other, in this order: one client reads them as one
// (spec/mobile-sdks.md §5.4).
type Statement struct {
	ID int64 `json:"id"`
	// Amount is in cents, and never below zero: Direction says whether it came in or went out.
	Amount        int64  `json:"amount"`
	AmountDecimal string `json:"amount_decimal"`
	Currency      string `json:"currency"`
	Date          int64  `json:"date"`
	Details       string `json:"details"`
	// Direction is in or out.
	Direction string `json:"direction"`
	// Type is transfer, commission, currency, tax, return, cash or automatic_payment.
	Type string `json:"type"`
	// OtherParty is absent where there is none: money that the operator moved, or a commission.
	OtherParty *OtherParty `json:"other_party,omitempty"`
}

// OtherParty is who is on the other side.
type OtherParty struct {
	DisplayName   string `json:"display_name,omitempty"`
	AccountNumber string `json:"account_number,omitempty"`
	WalletID      int64  `json:"wallet_id,omitempty"`
}

// ReservationStatements is a page of what is reserved on a wallet now.
type ReservationStatements struct {
	ReservationStatements []ReservationStatement `json:"reservation_statements"`
	Metadata              Metadata               `json:"_metadata"`
}

// ReservationStatement is a Statement of money that is reserved, and has no number yet.
type ReservationStatement struct {
	Amount        int64       `json:"amount"`
	AmountDecimal string      `json:"amount_decimal"`
	Currency      string      `json:"currency"`
	Date          int64       `json:"date"`
	Details       string      `json:"details"`
	Direction     string      `json:"direction"`
	Type          string      `json:"type"`
	OtherParty    *OtherParty `json:"other_party,omitempty"`
}

// PendingPayments is a page of payments that are on their way.
type PendingPayments struct {
	PendingPayments []PendingPayment `json:"pending_payments"`
	Metadata        Metadata         `json:"_metadata"`
}

// PendingPayment is a payment that is on its way (spec/wallet-api.md §4.6). Its first four keys stand in this order,
// next to each other, like those of a Statement.
type PendingPayment struct {
	ID            int64  `json:"id"`
	Amount        int64  `json:"amount"`
	AmountDecimal string `json:"amount_decimal"`
	Currency      string `json:"currency"`
	Details       string `json:"details"`
	Direction     string `json:"direction"`
	Type          string `json:"type"`
	// Cancelable says whether the payer can take it back.
	Cancelable bool `json:"cancelable"`
	// Date is when the payer accepted it, ValidUntil when it is over by itself.
	Date       int64 `json:"date"`
	ValidUntil int64 `json:"valid_until,omitempty"`
	// Password is what the payer tells the beneficiary, who has to name it; only the payer reads it.
	Password       string      `json:"password,omitempty"`
	TransactionKey string      `json:"transaction_key"`
	OtherParty     *OtherParty `json:"other_party,omitempty"`
}

// Location is a physical place of a project (spec/wallet-api.md §4.4).
type Location struct {
	ID          int64  `json:"id"`
	ProjectID   int64  `json:"project_id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Address     string `json:"address"`
	// Lat and Lng are decimal degrees; absent when the position is not known.
	Lat *float64 `json:"lat,omitempty"`
	Lng *float64 `json:"lng,omitempty"`
	// Radius is in metres, 0 when there is none.
	Radius int `json:"radius"`
	// UpdatedAt is when the place was last edited, in UNIX seconds.
	UpdatedAt int64 `json:"updated_at"`
	// Status is active or inactive.
	Status string `json:"status"`
	Public bool   `json:"public"`
	// Services maps pay, cash_in, cash_out and identification to what the place offers.
	Services map[string]PlaceService `json:"services,omitempty"`
	Prices   []Price                 `json:"prices,omitempty"`
	Images   *Images                 `json:"images,omitempty"`
	// RemoteOrders names where people order before they come.
	RemoteOrders *RemoteOrders `json:"remote_orders,omitempty"`
	// Spots are shown to those who belong to the project, without their orders.
	Spots []Spot `json:"spots,omitempty"`
	// WorkingHours maps monday…sunday to that day's hours. A day that is missing is closed;
	// no hours at all means that they are not known.
	WorkingHours map[string]DayHours `json:"working_hours,omitempty"`
	// Hours are all that is known of when the place is open, and Timezone is the IANA zone that its clocks show; purser's own,
	// as is what follows.
	Hours    *PlaceHours `json:"hours,omitempty"`
	Timezone string      `json:"timezone,omitempty"`
	// OpenNow is absent when it is not known, NextChangeAt when no change is.
	OpenNow      *bool `json:"open_now,omitempty"`
	NextChangeAt int64 `json:"next_change_at,omitempty"`
	// Distance is in metres, in answers to a search around a point.
	Distance *float64 `json:"distance,omitempty"`
}

// PlaceHours say when a place is open. Hours that no week with exceptions can say have a text only.
type PlaceHours struct {
	// Text is in the words of OpenStreetMap's opening_hours.
	Text string `json:"text"`
	// Regular is the week by lower-case English day; a day that is missing is closed. Nil where the text alone can say it.
	Regular map[string][]OpenSpan `json:"regular,omitzero"`
	// Holidays are the hours of holidays: absent, they are days like others; empty, closed.
	Holidays *[]OpenSpan `json:"holidays,omitempty"`
	// HolidayDates are the holidays that the place keeps, such as 2026-12-25, or 12-25 for every year.
	HolidayDates []string `json:"holiday_dates,omitempty"`
	// Exceptions go before the week and the holidays.
	Exceptions []HoursException `json:"exceptions,omitempty"`
}

// OpenSpan is from one time to another, as HH:MM; a closing that is not after the opening is on the next day. Without it the
// place opens, and it is not known when it closes.
type OpenSpan struct {
	Open  string `json:"open"`
	Close string `json:"close,omitempty"`
}

// HoursException is what is on some dates, From to To, which is From when it is absent: without intervals it is closed.
type HoursException struct {
	From      string     `json:"from"`
	To        string     `json:"to,omitempty"`
	Intervals []OpenSpan `json:"intervals"`
	Title     string     `json:"title,omitempty"`
}

// DayHours are the hours of one day as HH:MM. One client refuses any further key here
// (spec/mobile-sdks.md §0.10).
type DayHours struct {
	OpeningTime string `json:"opening_time"`
	ClosingTime string `json:"closing_time"`
}

// PlaceService is one service of a place.
type PlaceService struct {
	Available bool `json:"available"`
	// Categories are the ids of the pay categories, for pay.
	Categories []int64 `json:"categories,omitempty"`
	// Types are the ways of identification, for cash_in and cash_out.
	Types []string `json:"types,omitempty"`
}

// Price is a price or, without an amount, a special offer.
type Price struct {
	// Type is price or offer.
	Type  string       `json:"type"`
	Title string       `json:"title"`
	Price *PriceAmount `json:"price,omitempty"`
	// ValidFrom and ValidUntil are UNIX seconds: the first that it counts, and the first that it counts no more. purser's own.
	ValidFrom  int64 `json:"valid_from,omitempty"`
	ValidUntil int64 `json:"valid_until,omitempty"`
}

// PriceAmount is an amount in cents.
type PriceAmount struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Images are the pins of a place on a map. One client refuses any further key here.
type Images struct {
	PinOpen   string `json:"pin_open"`
	PinClosed string `json:"pin_closed"`
}

// PayCategory is a kind of shop (spec/mobile-sdks.md §3).
type PayCategory struct {
	ID       int64           `json:"id"`
	Title    string          `json:"title"`
	ParentID int64           `json:"parent_id,omitempty"`
	Images   *CategoryImages `json:"images,omitempty"`
}

// CategoryImages are the icons of a pay category.
type CategoryImages struct {
	ActiveURI   string `json:"active_uri"`
	InactiveURI string `json:"inactive_uri"`
}
