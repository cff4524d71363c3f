package walletapi

import (
	"fmt"
	"log/slog"
)

// What this file has is for logs: fmt and log/slog show of these types no more than who reads a log may know. As JSON they are what
// the wire wants, so that a log's JSON must not be made of them without LogValue: of a struct of yours that holds one, for example.

// LogValue is the id, for log/slog.
func (m MAC) LogValue() slog.Value { return slog.StringValue(m.String()) }

// LogValue names the credentials without the key, for log/slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue says how long the token works, for log/slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String says which client it is, without the key of its credentials.
func (c ClientInfo) String() string { return fmt.Sprintf("client %d, %s, %q", c.ID, c.Type, c.Title) }

// GoString is the same for %#v.
func (c ClientInfo) GoString() string { return c.String() }

// LogValue is the same for log/slog.
func (c ClientInfo) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String says how a token is asked for, without what proves that it may be given.
func (r TokenRequest) String() string { return "a request for a token by " + r.GrantType }

// GoString is the same for %#v.
func (r TokenRequest) GoString() string { return r.String() }

// LogValue is the same for log/slog.
func (r TokenRequest) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String is not the key, by which anybody may answer in the user's place.
func (Session) String() string { return "a session" }

// GoString is the same for %#v.
func (s Session) GoString() string { return s.String() }

// LogValue is the same for log/slog.
func (s Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String is without the user's data and password.
func (u NewUser) String() string { return "a new user" }

// GoString is the same for %#v.
func (u NewUser) GoString() string { return u.String() }

// LogValue is the same for log/slog.
func (u NewUser) LogValue() slog.Value { return slog.StringValue(u.String()) }

// String is without the password.
func (u UserCredentials) String() string { return "a password" }

// GoString is the same for %#v.
func (u UserCredentials) GoString() string { return u.String() }

// LogValue is the same for log/slog.
func (u UserCredentials) LogValue() slog.Value { return slog.StringValue(u.String()) }

// String is without passwords and code.
func (p PasswordChange) String() string { return "a change of password" }

// GoString is the same for %#v.
func (p PasswordChange) GoString() string { return p.String() }

// LogValue is the same for log/slog.
func (p PasswordChange) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String is without what the password is.
func (p NewPaymentPassword) String() string { return "a " + p.Type + " password of a payment" }

// GoString is the same for %#v.
func (p NewPaymentPassword) GoString() string { return p.String() }

// LogValue is the same for log/slog.
func (p NewPaymentPassword) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String says what is to be paid, without the password that may protect it.
func (p NewPayment) String() string {
	if p.ID != 0 {
		return fmt.Sprintf("payment %d", p.ID)
	}
	return fmt.Sprintf("a new payment of %d%s %s", p.Price, p.PriceDecimal, p.Currency)
}

// GoString is the same for %#v.
func (p NewPayment) GoString() string { return p.String() }

// LogValue is the same for log/slog.
func (p NewPayment) LogValue() slog.Value { return slog.StringValue(p.String()) }

// LogValue says what is to be paid, for log/slog.
func (t NewTransaction) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(t.Payments)) }

// String says who pays, by the number of a wallet, without PIN and codes.
func (r Reservation) String() string { return fmt.Sprintf("a reservation by wallet %d", r.WalletID) }

// GoString is the same for %#v.
func (r Reservation) GoString() string { return r.String() }

// LogValue is the same for log/slog.
func (r Reservation) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String is without the code, by which anybody may have the wallet pay.
func (ReserveCode) String() string { return "a code of a payer" }

// GoString is the same for %#v.
func (c ReserveCode) GoString() string { return c.String() }

// LogValue is the same for log/slog.
func (c ReserveCode) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String is without the barcode, which works once.
func (OneTimeBarcode) String() string { return "a barcode for cash" }

// GoString is the same for %#v.
func (b OneTimeBarcode) GoString() string { return b.String() }

// LogValue is the same for log/slog.
func (b OneTimeBarcode) LogValue() slog.Value { return slog.StringValue(b.String()) }

// String says how much cash it is, without the customer and the code.
func (c NewCash) String() string {
	return fmt.Sprintf("cash of %d%s %s", c.Price, c.PriceDecimal, c.Currency)
}

// GoString is the same for %#v.
func (c NewCash) GoString() string { return c.String() }

// LogValue is the same for log/slog.
func (c NewCash) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String is without what the customer is known by, which may be a code that pays.
func (CashCustomer) String() string { return "a customer with cash" }

// GoString is the same for %#v.
func (c CashCustomer) GoString() string { return c.String() }

// LogValue is the same for log/slog.
func (c CashCustomer) LogValue() slog.Value { return slog.StringValue(c.String()) }
