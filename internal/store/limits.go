package store

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// limitTable is where the limits of one kind of spender stand.
type limitTable struct{ table, column, spender string }

var (
	userLimits   = limitTable{"user_limits", "user_id", wallet.SpenderUser}
	walletLimits = limitTable{"wallet_limits", "wallet_id", wallet.SpenderWallet}
)

// SpendingLimits returns what bounds the payments of a user.
func (db *DB) SpendingLimits(ctx context.Context, user int64) ([]wallet.SpendingLimit, error) {
	return db.limits(ctx, db.read, userLimits, user)
}

// SpendingLimits is the same as the transaction sees it.
func (tx *Tx) SpendingLimits(user int64) ([]wallet.SpendingLimit, error) {
	return tx.db.limits(tx.ctx, tx.Tx, userLimits, user)
}

// WalletLimits returns what bounds the payments out of a wallet, whoever makes them.
func (db *DB) WalletLimits(ctx context.Context, id int64) ([]wallet.SpendingLimit, error) {
	return db.limits(ctx, db.read, walletLimits, id)
}

// WalletLimits is the same as the transaction sees it.
func (tx *Tx) WalletLimits(id int64) ([]wallet.SpendingLimit, error) {
	return tx.db.limits(tx.ctx, tx.Tx, walletLimits, id)
}

func (db *DB) limits(ctx context.Context, q querier, of limitTable, id int64) ([]wallet.SpendingLimit, error) {
	rows, err := db.query(ctx, q, `SELECT kind, currency, seconds, minor FROM `+of.table+` WHERE `+of.column+` = $1 ORDER BY kind, currency, seconds`, id)
	return collect(rows, err, func(rows *sql.Rows) (l wallet.SpendingLimit, err error) {
		var seconds int64
		err = rows.Scan(&l.Kind, &l.Amount.Currency, &seconds, &l.Amount.Minor)
		l.Within = time.Duration(seconds) * time.Second
		return l, err
	})
}

// SetSpendingLimits replaces what bounds the payments of a user.
func (tx *Tx) SetSpendingLimits(user int64, limits []wallet.SpendingLimit) error {
	if err := tx.alterHolders(user); err != nil {
		return err
	}
	return tx.setLimits(userLimits, user, limits)
}

// SetWalletLimits replaces what bounds the payments out of a wallet.
func (tx *Tx) SetWalletLimits(id int64, limits []wallet.SpendingLimit) error {
	tx.alter(alteredHolder, strconv.FormatInt(id, 10))
	return tx.setLimits(walletLimits, id, limits)
}

func (tx *Tx) setLimits(of limitTable, id int64, limits []wallet.SpendingLimit) error {
	if _, err := tx.exec(`DELETE FROM `+of.table+` WHERE `+of.column+` = $1`, id); err != nil {
		return err
	}
	for _, l := range limits {
		_, err := tx.exec(`INSERT INTO `+of.table+` (`+of.column+`, kind, currency, seconds, minor) VALUES ($1, $2, $3, $4, $5)`,
			id, l.Kind, l.Amount.Currency, int64(l.Within/time.Second), l.Amount.Minor)
		if err != nil {
			return err
		}
	}
	// A window is forgotten with its limit. Else it would go on later, and know nothing of what was paid and given back
	// in the meantime.
	_, err := tx.exec(`DELETE FROM spending WHERE holder = $1 AND holder_id = $2 AND NOT EXISTS
		(SELECT 1 FROM `+of.table+` l WHERE l.`+of.column+` = $2 AND l.currency = spending.currency AND l.seconds = spending.seconds)`, of.spender, id)
	return err
}
