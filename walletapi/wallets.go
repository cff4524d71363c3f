package walletapi

// Sufficient says whether a wallet holds enough for an amount (spec/wallet-api.md §4.6).
type Sufficient struct {
	IsSufficient bool `json:"is_sufficient"`
}

// Barcode is the text of a wallet's barcode (spec/php-client.md §7.3).
type Barcode struct {
	Barcode string `json:"barcode"`
}

// Receipt is a text to print, lines ended by line feeds (spec/wallet-api.md §4.6).
type Receipt struct {
	Text string `json:"text"`
}

// CurrencyConversion is what an amount is worth in another currency, or an exchange that was made (spec/wallet-api.md §4.13).
type CurrencyConversion struct {
	// ID is the number of the entry that took the money, Date its time in UNIX seconds; both are there for what was made.
	ID           int64  `json:"id,omitempty"`
	FromCurrency string `json:"from_currency"`
	ToCurrency   string `json:"to_currency"`
	// FromAmount is what is given and ToAmount what one gets, in cents.
	FromAmount        int64  `json:"from_amount"`
	FromAmountDecimal string `json:"from_amount_decimal"`
	ToAmount          int64  `json:"to_amount"`
	ToAmountDecimal   string `json:"to_amount_decimal"`
	AccountNumber     string `json:"account_number,omitempty"`
	Date              int64  `json:"date,omitempty"`
}
