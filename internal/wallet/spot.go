package wallet

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SpotStatus says what happens at a spot (spec/wallet-api.md §4.12, spec/mobile-sdks.md §3).
type SpotStatus string

// The statuses of a spot.
const (
	// SpotOpen has nobody who is checked in.
	SpotOpen SpotStatus = "open"
	// SpotWaiting has somebody who is.
	SpotWaiting SpotStatus = "waiting"
	// SpotClosed was closed by the merchant: that visit is over. Whoever checks in next begins another.
	SpotClosed SpotStatus = "closed"
)

// SpotStatuses lists them.
func SpotStatuses() []SpotStatus { return []SpotStatus{SpotOpen, SpotWaiting, SpotClosed} }

// Spot is a table, a till or another point of a place where people order and pay.
type Spot struct {
	ID         int64
	LocationID int64
	// Identifier is what the spot is called in its code, such as TABLE1: once in its place.
	Identifier string
	Status     SpotStatus
	// Title, Description and Address are for people; what is empty is the place's.
	Title, Description, Address Text
	// LogoURI is the address of an image; empty for none.
	LogoURI string
}

// OrderStatus is how far an order at a spot has come (spec/mobile-sdks.md §3).
type OrderStatus string

// The statuses of an order. It is paid when it is confirmed, and not before.
const (
	OrderPending   OrderStatus = "pending"
	OrderReserved  OrderStatus = "reserved"
	OrderConfirmed OrderStatus = "confirmed"
	OrderClosed    OrderStatus = "closed"
)

// SpotOrder is a transaction that people at a spot are to pay.
type SpotOrder struct {
	ID, SpotID, TransactionID int64
	// UserID is the only one who is shown it; 0 is everybody who is checked in.
	UserID int64
}

// OrderStatusOf is how far an order has come whose transaction is in that status, at a spot that is closed or not.
func OrderStatusOf(t TransactionStatus, spot SpotStatus) OrderStatus {
	switch {
	case t == TransactionConfirmed:
		return OrderConfirmed
	case t == TransactionReserved:
		return OrderReserved
	case (t.Open() || t.Accepted()) && spot != SpotClosed:
		return OrderPending
	}
	return OrderClosed
}

// MaxIdentifier bounds what a spot is called in its code, in bytes.
const MaxIdentifier = 64

// IsIdentifier says whether a spot may be called that in its code.
func IsIdentifier(text string) bool {
	return text != "" && len(text) <= MaxIdentifier && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == ' ' })
}

// DefaultSpotPrefix is what codes of spots begin with in the protocol.
const DefaultSpotPrefix = "PAYSERA"

// SpotCode is what the QR code of a spot says: PREFIX*PLACE:IDENTIFIER.
func SpotCode(prefix string, location int64, identifier string) string {
	return prefix + "*" + strconv.FormatInt(location, 10) + ":" + identifier
}

// WalletCode is what the QR code of a wallet says (spec/wallet-api.md §4.12): as its account number, EVP and twelve digits.
func WalletCode(id int64) string { return fmt.Sprintf("EVP%012d", id) }

// WrapCode is a code as an address for people who scan it with another program (spec/wallet-api.md §4.12); the code as
// it is without an address.
func WrapCode(address, code string) string {
	if address == "" {
		return code
	}
	return address + "?qr=" + url.QueryEscape(code)
}

// ParseSpotCode reads the code of a spot, also one that stands in an address for those who scan it with another
// program: https://…/app?qr=CODE. ok is false for what is none.
func ParseSpotCode(prefix, text string) (location int64, identifier string, ok bool) {
	if u, err := url.Parse(text); err == nil && (u.Scheme == "https" || u.Scheme == "http") && strings.HasSuffix(u.Path, "/app") {
		text = u.Query().Get("qr")
	}
	rest, ok := strings.CutPrefix(text, prefix+"*")
	if !ok {
		return 0, "", false
	}
	place, identifier, ok := strings.Cut(rest, ":")
	location, err := strconv.ParseInt(place, 10, 64)
	return location, identifier, ok && err == nil && location > 0 && identifier != ""
}
