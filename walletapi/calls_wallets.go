package walletapi

import (
	"context"
	"iter"
	"net/http"
)

// What is about wallets and their money. wallet is a number, or Me.

// Wallet is a wallet (spec/wallet-api.md §4.6).
func (c *Client) Wallet(ctx context.Context, wallet int64) (*Wallet, error) {
	return get[Wallet](ctx, c, nil, "/wallet/{me}", wallet)
}

// FindWallet is a wallet by what it or its owner is known by (spec/wallet-api.md §4.6).
func (c *Client) FindWallet(ctx context.Context, q WalletQuery) (*Wallet, error) {
	return get[Wallet](ctx, c, q.params(), "/wallet")
}

// FindWallets are the wallets of many contacts, by contact; those that are not known are not there (spec/wallet-api.md §4.6).
func (c *Client) FindWallets(ctx context.Context, q WalletContacts) (map[string]Wallet, error) {
	found, err := get[map[string]Wallet](ctx, c, q.params(), "/wallets")
	if err != nil {
		return nil, err
	}
	return *found, nil
}

// WalletBarcode is the barcode of a wallet (spec/php-client.md §7.3).
func (c *Client) WalletBarcode(ctx context.Context, q WalletQuery) (*Barcode, error) {
	return get[Barcode](ctx, c, q.params(), "/wallet/barcode")
}

// DescribeWallet gives a wallet a description (spec/mobile-sdks.md §1.2).
func (c *Client) DescribeWallet(ctx context.Context, wallet int64, description string) (*Wallet, error) {
	return send[Wallet](ctx, c, http.MethodPut, nil, map[string]string{"description": description}, "/wallet/{me}", wallet)
}

// UndescribeWallet takes the description away (spec/mobile-sdks.md §1.2).
func (c *Client) UndescribeWallet(ctx context.Context, wallet int64) (*Wallet, error) {
	return send[Wallet](ctx, c, http.MethodDelete, nil, nil, "/wallet/{me}/description", wallet)
}

// Balance is the funds of a wallet by currency (spec/wallet-api.md §4.6).
func (c *Client) Balance(ctx context.Context, wallet int64) (Balance, error) {
	return c.BalanceBy(ctx, wallet, BalanceQuery{})
}

// BalanceBy is Balance with more in it.
func (c *Client) BalanceBy(ctx context.Context, wallet int64, q BalanceQuery) (Balance, error) {
	balance, err := get[Balance](ctx, c, q.params(), "/wallet/{me}/balance", wallet)
	if err != nil {
		return nil, err
	}
	return *balance, nil
}

// HasFunds says whether a wallet holds that many cents, without telling how many it holds (spec/wallet-api.md §4.6).
func (c *Client) HasFunds(ctx context.Context, wallet, cents int64, currency string) (bool, error) {
	p := params{"amount": {"0"}}
	p.number("amount", cents)
	p.text("currency", currency)
	answer, err := get[Sufficient](ctx, c, p, "/wallet/{me}/sufficient-amount", wallet)
	return err == nil && answer.IsSufficient, err
}

// BalanceReceipt is the balance as a text to print, so many characters wide, in a language; zero values leave both to the server
// (spec/wallet-api.md §4.6).
func (c *Client) BalanceReceipt(ctx context.Context, wallet int64, locale string, width int) (*Receipt, error) {
	p := params{}
	p.text("locale", locale)
	p.number("width", int64(width))
	return get[Receipt](ctx, c, p, "/wallet/{me}/receipt/balance", wallet)
}

// MakeReserveCode makes a code that the user of the token reads out to pay with; purser's own.
func (c *Client) MakeReserveCode(ctx context.Context) (*ReserveCode, error) {
	return send[ReserveCode](ctx, c, http.MethodPost, nil, nil, "/wallet/me/code")
}

// Statements is a page of what came into a wallet and went out of it (spec/wallet-api.md §4.6).
func (c *Client) Statements(ctx context.Context, wallet int64, f StatementFilter) (*Statements, error) {
	return get[Statements](ctx, c, f.params(), "/wallet/{me}/statements", wallet)
}

// AllStatements reads Statements to the end, and misses nothing and meets nothing twice whatever moves meanwhile.
func (c *Client) AllStatements(ctx context.Context, wallet int64, f StatementFilter) iter.Seq2[Statement, error] {
	if f.Limit == 0 {
		f.Limit = mostPerPage
	}
	return onward(func(after string) ([]Statement, string, error) {
		f := f
		if after != "" {
			f.After, f.Before, f.Offset = after, "", 0
		}
		out, err := c.Statements(ctx, wallet, f)
		if err != nil {
			return nil, "", err
		}
		next := ""
		if out.Metadata.HasNext && out.Metadata.Cursors != nil {
			next = out.Metadata.Cursors.After
		}
		return out.Statements, next, nil
	})
}

// ReservationStatements is a page of what is reserved on a wallet now (spec/wallet-api.md §4.6).
func (c *Client) ReservationStatements(ctx context.Context, wallet int64, page Page) (*ReservationStatements, error) {
	p := params{}
	p.page(page)
	return get[ReservationStatements](ctx, c, p, "/wallet/{me}/reservation-statements", wallet)
}

// AllReservationStatements reads ReservationStatements to the end.
func (c *Client) AllReservationStatements(ctx context.Context, wallet int64) iter.Seq2[ReservationStatement, error] {
	return all(Page{}, func(page Page) ([]ReservationStatement, Metadata, error) {
		out, err := c.ReservationStatements(ctx, wallet, page)
		if err != nil {
			return nil, Metadata{}, err
		}
		return out.ReservationStatements, out.Metadata, nil
	})
}

// PendingPayments is a page of the payments of a wallet that are on their way (spec/wallet-api.md §4.6).
func (c *Client) PendingPayments(ctx context.Context, wallet int64, f PendingFilter) (*PendingPayments, error) {
	return get[PendingPayments](ctx, c, f.params(), "/wallet/{me}/pending-payments", wallet)
}

// AllPendingPayments reads PendingPayments to the end.
func (c *Client) AllPendingPayments(ctx context.Context, wallet int64, f PendingFilter) iter.Seq2[PendingPayment, error] {
	return all(f.Page, func(page Page) ([]PendingPayment, Metadata, error) {
		f.Page = page
		out, err := c.PendingPayments(ctx, wallet, f)
		if err != nil {
			return nil, Metadata{}, err
		}
		return out.PendingPayments, out.Metadata, nil
	})
}

// TakePaymentBack takes back a payment that is on its way (spec/wallet-api.md §4.6).
func (c *Client) TakePaymentBack(ctx context.Context, wallet, payment int64) (*PendingPayment, error) {
	return send[PendingPayment](ctx, c, http.MethodDelete, nil, nil, "/wallet/{me}/pending-payment/{}", wallet, payment)
}

// CalculateConversion is what an amount is worth in another currency (spec/wallet-api.md §4.13).
func (c *Client) CalculateConversion(ctx context.Context, r ConversionRequest) (*CurrencyConversion, error) {
	return get[CurrencyConversion](ctx, c, r.params(), "/currency-conversion")
}

// ConvertCurrency exchanges money in an account (spec/wallet-api.md §4.13).
func (c *Client) ConvertCurrency(ctx context.Context, r ConversionRequest) (*CurrencyConversion, error) {
	return send[CurrencyConversion](ctx, c, http.MethodPost, nil, r, "/currency-conversion")
}
