package walletapi

import (
	"context"
	"net/http"
)

// What a till does with cash and documents; all but the identification is purser's own. The place says the Client: AtLocation, or it is
// the one that the client is based on.

// PayCashIn puts the cash that a customer has brought into their wallet. The answer is confirmed, or waits until the customer
// registers whose contact nobody has confirmed. Have the till give a key of its own (Once): only that keeps a program that begins anew
// after a crash from paying twice.
func (c *Client) PayCashIn(ctx context.Context, cash NewCash) (*Transaction, error) {
	return send[Transaction](ctx, c, http.MethodPost, nil, cash, "/cash/in")
}

// PayCashOut takes from a customer's wallet what the till hands out once the answer is there.
func (c *Client) PayCashOut(ctx context.Context, cash NewCash) (*Transaction, error) {
	return send[Transaction](ctx, c, http.MethodPost, nil, cash, "/cash/out")
}

// SendCashCode sends a customer a code, to a contact that nobody has confirmed; the customer reads it out, and it is NewCash.Code.
func (c *Client) SendCashCode(ctx context.Context, to CashCustomer) (*CashCode, error) {
	return send[CashCode](ctx, c, http.MethodPost, nil, map[string]CashCustomer{"customer": to}, "/cash/code")
}

// MakeOneTimeBarcode makes a barcode by which the user of the token is paid cash in, once.
func (c *Client) MakeOneTimeBarcode(ctx context.Context) (*OneTimeBarcode, error) {
	return send[OneTimeBarcode](ctx, c, http.MethodPost, nil, nil, "/wallet/me/barcode")
}

// IdentifyUser records that a user showed a document (spec/wallet-api.md §4.5).
func (c *Client) IdentifyUser(ctx context.Context, user int64, r NewIdentification) (*IdentificationRequest, error) {
	return send[IdentificationRequest](ctx, c, http.MethodPost, nil, r, "/user/{}/identification-request", user)
}

// Identification is what became of such a record (spec/wallet-api.md §4.5).
func (c *Client) Identification(ctx context.Context, id int64) (*IdentificationRequest, error) {
	return get[IdentificationRequest](ctx, c, nil, "/identification-request/{}", id)
}
