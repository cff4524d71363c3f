package walletapi

// RemoteOrders names the spot of a place where people order before they come (spec/mobile-sdks.md §3).
type RemoteOrders struct {
	SpotID int64 `json:"spot_id"`
}

// Spot is a table, a till or another point of a place where people order and pay (spec/wallet-api.md §4.12).
type Spot struct {
	ID int64 `json:"id"`
	// Status is open, waiting (somebody has checked in) or closed.
	Status string `json:"status"`
	// Identifier is what it is called in its code, such as TABLE1.
	Identifier string `json:"identifier"`
	// Code is what its QR code says, such as PAYSERA*3:TABLE1; purser's own.
	Code      string    `json:"code"`
	PlaceInfo PlaceInfo `json:"place_info"`
	// Orders are there in answers about spots, and may be empty; a place's spots have none.
	Orders []SpotOrder `json:"orders,omitzero"`
}

// PlaceInfo says where a spot is. What the spot has no words of its own for is its place's.
type PlaceInfo struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Address     string `json:"address"`
	LogoURI     string `json:"logo_uri,omitempty"`
	LocationID  int64  `json:"location_id"`
}

// SpotOrder is a transaction that people at a spot are to pay. It is paid when it is confirmed, and not before.
type SpotOrder struct {
	ID int64 `json:"id"`
	// Status is pending, reserved, confirmed or closed.
	Status         string `json:"status"`
	TransactionKey string `json:"transaction_key"`
	// UserID is the only user who is shown it; absent for an order of everybody at the spot.
	UserID int64 `json:"user_id,omitempty"`
	// Transaction is embedded when fields=orders.transaction asks for it.
	Transaction *Transaction `json:"transaction,omitempty"`
}

// Spots is a page of spots.
type Spots struct {
	Spots    []Spot   `json:"spots"`
	Metadata Metadata `json:"_metadata"`
}
