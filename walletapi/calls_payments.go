package walletapi

import (
	"context"
	"iter"
	"net/http"
)

// What is about transactions and payments (spec/wallet-api.md §4.7, §4.8).

// CreateTransaction asks for money: its payments are accepted or refused by the payer as a whole.
func (c *Client) CreateTransaction(ctx context.Context, t NewTransaction) (*Transaction, error) {
	return send[Transaction](ctx, c, http.MethodPost, nil, t, "/transaction")
}

// Transaction is a transaction; embed may name project, project.wallet and payments.beneficiary.wallet.
func (c *Client) Transaction(ctx context.Context, key string, embed ...string) (*Transaction, error) {
	return get[Transaction](ctx, c, embedding(embed), "/transaction/{}", key)
}

// RevokeTransaction takes back a transaction that is not confirmed; what is reserved for it is free again.
func (c *Client) RevokeTransaction(ctx context.Context, key string) (*Transaction, error) {
	return send[Transaction](ctx, c, http.MethodDelete, nil, nil, "/transaction/{}", key)
}

// TransactionTypes are the ways in which a payer can accept, who is a wallet or Me.
func (c *Client) TransactionTypes(ctx context.Context, key string, wallet int64) ([]string, error) {
	return list[string](ctx, c, nil, "/transaction/{}/type/{me}", key, wallet)
}

// Reserve has a payer accept whom the reservation names.
func (c *Client) Reserve(ctx context.Context, key string, r Reservation) (*Transaction, error) {
	return send[Transaction](ctx, c, http.MethodPut, nil, r, "/transaction/{}/reserve", key)
}

// ReserveFrom has a payer accept who is a wallet, or Me; the reservation names none.
func (c *Client) ReserveFrom(ctx context.Context, key string, wallet int64, r Reservation) (*Transaction, error) {
	return send[Transaction](ctx, c, http.MethodPut, nil, r, "/transaction/{}/reserve/{me}", key, wallet)
}

// Confirm takes the money that is reserved: all of it, or less where prices names payments, by their numbers.
func (c *Client) Confirm(ctx context.Context, key string, prices map[int64]PaymentPrice) (*Transaction, error) {
	var body any
	if len(prices) > 0 {
		body = prices
	}
	return send[Transaction](ctx, c, http.MethodPut, nil, body, "/transaction/{}/confirm", key)
}

// SendFlash sends the payer a code, with which the transaction is reserved.
func (c *Client) SendFlash(ctx context.Context, key string, payer Payer) (*Transaction, error) {
	return send[Transaction](ctx, c, http.MethodPost, nil, payer, "/transaction/{}/flash", key)
}

// SendFlashTo is SendFlash to a wallet, or Me.
func (c *Client) SendFlashTo(ctx context.Context, key string, wallet int64) (*Transaction, error) {
	return send[Transaction](ctx, c, http.MethodPut, nil, nil, "/transaction/{}/flash/{me}", key, wallet)
}

// RequestTransaction asks somebody to pay a transaction.
func (c *Client) RequestTransaction(ctx context.Context, key string, r NewTransactionRequest) (*TransactionRequest, error) {
	return send[TransactionRequest](ctx, c, http.MethodPost, nil, r, "/transaction/{}/request", key)
}

// InquiredInformation is what the payer agreed to tell (spec/wallet-api.md §4.11).
func (c *Client) InquiredInformation(ctx context.Context, key string) (*InquiryResults, error) {
	return get[InquiryResults](ctx, c, nil, "/transaction/{}/inquired-information", key)
}

// Transactions is a page of transactions.
func (c *Client) Transactions(ctx context.Context, f TransactionFilter) (*Transactions, error) {
	return get[Transactions](ctx, c, f.params(), "/transactions")
}

// AllTransactions reads Transactions to the end.
func (c *Client) AllTransactions(ctx context.Context, f TransactionFilter) iter.Seq2[Transaction, error] {
	return all(f.Page, func(page Page) ([]Transaction, Metadata, error) {
		f.Page = page
		out, err := c.Transactions(ctx, f)
		if err != nil {
			return nil, Metadata{}, err
		}
		return out.Transactions, out.Metadata, nil
	})
}

// CreatePayment prices an obligation that a transaction is made of later.
func (c *Client) CreatePayment(ctx context.Context, p NewPayment) (*Payment, error) {
	return send[Payment](ctx, c, http.MethodPost, nil, p, "/payment")
}

// Payment is a payment.
func (c *Client) Payment(ctx context.Context, id int64) (*Payment, error) {
	return get[Payment](ctx, c, nil, "/payment/{}", id)
}

// CancelPayment cancels a payment; money that was paid goes back.
func (c *Client) CancelPayment(ctx context.Context, id int64) (*Payment, error) {
	return send[Payment](ctx, c, http.MethodDelete, nil, nil, "/payment/{}", id)
}

// FreezePayment says how long the beneficiary cannot use the money; Until(time.Time{}) ends that.
func (c *Client) FreezePayment(ctx context.Context, id int64, freeze Period) (*Payment, error) {
	body := map[string]any{"freeze": freeze}
	if freeze == (Period{}) {
		body = map[string]any{"freeze_until": 0}
	}
	return send[Payment](ctx, c, http.MethodPut, nil, body, "/payment/{}/freeze", id)
}

// GivePassword unlocks a payment that is protected by a password.
func (c *Client) GivePassword(ctx context.Context, id int64, password string) (*Payment, error) {
	return send[Payment](ctx, c, http.MethodPut, nil, map[string]string{"password": password}, "/payment/{}/password", id)
}

// FinalizePayment ends the freeze of a payment: all of it, or less where a lower price is given.
func (c *Client) FinalizePayment(ctx context.Context, id int64, price *PaymentPrice) (*Payment, error) {
	var body any
	if price != nil {
		body = price
	}
	return send[Payment](ctx, c, http.MethodPut, nil, body, "/payment/{}/finalize", id)
}

// Payments is a page of payments.
func (c *Client) Payments(ctx context.Context, f PaymentFilter) (*Payments, error) {
	return get[Payments](ctx, c, f.params(), "/payments")
}

// AllPayments reads Payments to the end.
func (c *Client) AllPayments(ctx context.Context, f PaymentFilter) iter.Seq2[Payment, error] {
	return all(f.Page, func(page Page) ([]Payment, Metadata, error) {
		f.Page = page
		out, err := c.Payments(ctx, f)
		if err != nil {
			return nil, Metadata{}, err
		}
		return out.Payments, out.Metadata, nil
	})
}

// PaymentIDs are the numbers of payments, up to 1000.
func (c *Client) PaymentIDs(ctx context.Context, f PaymentFilter) ([]int64, error) {
	return list[int64](ctx, c, f.params(), "/payments/id")
}
