package walletapi

// Allowance is a payer's standing consent: a client takes money from one wallet without asking each time
// (spec/wallet-api.md §4.9, spec/php-client.md §8.8, spec/mobile-sdks.md §5.3). Integer money is in cents.
type Allowance struct {
	ID int64 `json:"id"`
	// TransactionKey is that of the transaction that it is given in.
	TransactionKey string `json:"transaction_key"`
	CreatedAt      int64  `json:"created_at"`
	// Status is new, active, inactive or deleted.
	Status   string `json:"status"`
	Currency string `json:"currency"`
	// Wallet is the one that pays, once it is given.
	Wallet      int64  `json:"wallet,omitempty"`
	ConfirmedAt int64  `json:"confirmed_at,omitempty"`
	Description string `json:"description,omitempty"`
	// MaxPrice is how much may be taken in all; absent where only Limits bound it.
	MaxPrice        int64            `json:"max_price,omitempty"`
	MaxPriceDecimal string           `json:"max_price_decimal,omitempty"`
	Limits          []AllowanceLimit `json:"limits,omitempty"`
	// Valid is how long it is valid from when it is given, and until when once it is. The same stands in ValidFor,
	// in hours, or in ValidUntil, and never in both.
	Valid      Period `json:"valid"`
	ValidFor   *int64 `json:"valid_for,omitempty"`
	ValidUntil int64  `json:"valid_until,omitempty"`
	// Locations are the places at which it may be used; absent for everywhere. They are purser's own.
	Locations []int64 `json:"locations,omitempty"`
}

// AllowanceLimit is how much may be taken within a time in seconds. Such times follow one another from when the allowance
// is given.
type AllowanceLimit struct {
	MaxPrice int64 `json:"max_price"`
	Time     int64 `json:"time"`
}

// AskedAllowance is the allowance that a transaction asks for.
type AskedAllowance struct {
	Data Allowance `json:"data"`
	// Optional lets the payer pay and not give it.
	Optional bool `json:"optional"`
}

// AllowanceLeft answers GET /allowance/limit/{wallet}: the largest price that could be reserved now.
type AllowanceLeft struct {
	Amount        int64  `json:"amount"`
	AmountDecimal string `json:"amount_decimal"`
	Currency      string `json:"currency"`
}
