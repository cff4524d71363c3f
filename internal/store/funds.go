package store

import (
	"context"
	"database/sql"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Funds returns what a wallet holds, by currency; currencies that it never held are left out.
func (db *DB) Funds(ctx context.Context, walletID int64) ([]wallet.Funds, error) {
	rows, err := db.query(ctx, db.read, `SELECT currency, available, reserved, credit_limit FROM accounts
		WHERE purpose = $1 AND wallet_id = $2 ORDER BY currency`, ledger.OfWallet, walletID)
	return collect(rows, err, func(rows *sql.Rows) (f wallet.Funds, err error) {
		var currency money.Currency
		err = rows.Scan(&currency, &f.Available.Minor, &f.Reserved.Minor, &f.CreditLimit)
		f.Available.Currency, f.Reserved.Currency = currency, currency
		return f, err
	})
}

// Payable is how much can be paid from a wallet in a currency, in minor units: what is available and what it may go below
// zero.
func (db *DB) Payable(ctx context.Context, walletID int64, currency money.Currency) (minor int64, err error) {
	rows, err := db.query(ctx, db.read, `SELECT available + credit_limit FROM accounts WHERE purpose = $1 AND wallet_id = $2 AND currency = $3`,
		ledger.OfWallet, walletID, currency)
	found, err := collect(rows, err, scanID)
	for _, n := range found {
		minor = n
	}
	return minor, err
}
