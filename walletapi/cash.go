package walletapi

// Cash says of a transaction that cash was paid in or out by it. It is purser's own.
type Cash struct {
	// Service is cash_in or cash_out, Type how the customer was identified: one of the types of that service of the place.
	Service string `json:"service"`
	Type    string `json:"type"`
}

// CashCode answers POST /cash/code: a code was sent to a contact. It is purser's own.
type CashCode struct {
	Email     string `json:"email,omitempty"`
	Phone     string `json:"phone,omitempty"`
	ExpiresAt int64  `json:"expires_at"`
}

// OneTimeBarcode answers POST /wallet/me/barcode: a barcode by which cash is paid in once. It is purser's own.
type OneTimeBarcode struct {
	Barcode   string `json:"barcode"`
	ExpiresAt int64  `json:"expires_at"`
}

// IdentificationRequest is the record of a place that a user showed a document there (spec/wallet-api.md §4.5; all but id,
// status and provider is purser's own).
type IdentificationRequest struct {
	ID     int64 `json:"id"`
	UserID int64 `json:"user_id"`
	// Status is pending or reviewed; Result is then accepted or rejected, with a Reason.
	Status     string        `json:"status"`
	Result     string        `json:"result,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Provider   string        `json:"provider"`
	ProjectID  int64         `json:"project_id"`
	LocationID int64         `json:"location_id"`
	Document   ShownDocument `json:"document"`
	Identity   Identity      `json:"identity"`
	// CheckedBy is the person at the place who looked at the document.
	CheckedBy  string `json:"checked_by"`
	CheckedAt  int64  `json:"checked_at"`
	CreatedAt  int64  `json:"created_at"`
	ReviewedAt int64  `json:"reviewed_at,omitempty"`
}

// ShownDocument is a document; of its number only the last two characters.
type ShownDocument struct {
	Type   string `json:"type"`
	Number string `json:"number"`
}
