package walletapi

import (
	"context"
	"net/http"
)

// What is about allowances: payers agree once that a client takes money without asking each time (spec/wallet-api.md §4.9).
// wallet is a number, or Me.

// CreateAllowance asks for an allowance in a transaction of its own, whose key the answer has: the payer gives it by accepting that.
// NewTransaction.Allowance asks for one beside payments.
func (c *Client) CreateAllowance(ctx context.Context, a NewAllowance) (*Allowance, error) {
	return send[Allowance](ctx, c, http.MethodPost, nil, a, "/allowance")
}

// Allowance is an allowance by its number.
func (c *Client) Allowance(ctx context.Context, id int64) (*Allowance, error) {
	return get[Allowance](ctx, c, nil, "/allowance/{}", id)
}

// CancelAllowance ends an allowance; who does so twice is answered twice.
func (c *Client) CancelAllowance(ctx context.Context, id int64) (*Allowance, error) {
	return send[Allowance](ctx, c, http.MethodDelete, nil, nil, "/allowance/{}", id)
}

// ActiveAllowance is the one that a wallet has given to this client and that may be used now.
func (c *Client) ActiveAllowance(ctx context.Context, wallet int64) (*Allowance, error) {
	return get[Allowance](ctx, c, nil, "/allowance/active/{me}", wallet)
}

// CancelActiveAllowance ends what ActiveAllowance reads.
func (c *Client) CancelActiveAllowance(ctx context.Context, wallet int64) (*Allowance, error) {
	return send[Allowance](ctx, c, http.MethodDelete, nil, nil, "/allowance/active/{me}", wallet)
}

// AllowanceLeft is the largest price in a currency, or in EUR, that could be reserved by the allowance at this moment, at the
// place of the client. It promises nothing.
func (c *Client) AllowanceLeft(ctx context.Context, wallet int64, currency string) (*AllowanceLeft, error) {
	p := params{}
	p.text("currency", currency)
	return get[AllowanceLeft](ctx, c, p, "/allowance/limit/{me}", wallet)
}
