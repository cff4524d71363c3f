package store

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/purserhq/purser/internal/wallet"
)

// Holder returns a wallet with what matters of its owner when it pays or is paid; nil when there is none. From
// memory, as a rule; shared, never to be changed.
func (db *DB) Holder(ctx context.Context, walletID int64) (*wallet.Holder, error) {
	d := db.directory
	if h, ok := d.holders.GetIfPresent(walletID); ok {
		return h, nil
	}
	since := d.now()
	rows, err := db.query(ctx, db.read, `SELECT w.id, w.status, u.id, u.type, u.display_name, u.standing, u.level
		FROM wallets w JOIN users u ON u.id = w.owner_id WHERE w.id = $1`, walletID)
	found, err := collect(rows, err, func(rows *sql.Rows) (*wallet.Holder, error) {
		h := &wallet.Holder{Owner: &wallet.User{}}
		var status string
		err := rows.Scan(&h.WalletID, &status, &h.Owner.ID, &h.Owner.Type, &h.Owner.DisplayName, &h.Owner.Standing, &h.Owner.Level)
		h.Inactive = status != "active"
		return h, err
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	h := found[0]
	if h.Owner.Type == wallet.Legal {
		rows, err := db.query(ctx, db.read, `SELECT user_id FROM company_administrators WHERE company_id = $1 ORDER BY user_id`, h.Owner.ID)
		if h.Administrators, err = collect(rows, err, scanID); err != nil {
			return nil, err
		}
	}
	if h.UserLimits, err = db.SpendingLimits(ctx, h.Owner.ID); err != nil {
		return nil, err
	}
	if h.WalletLimits, err = db.WalletLimits(ctx, walletID); err != nil {
		return nil, err
	}
	d.keep(since, alteredHolder, strconv.FormatInt(walletID, 10), func() { d.holders.Set(walletID, h) })
	return h, nil
}

// OwnWallet returns the number of the wallet that a user pays from and is paid to, the oldest of those in use; 0 when they have
// none. From memory, as a rule.
func (db *DB) OwnWallet(ctx context.Context, user int64) (int64, error) {
	if id, ok := db.directory.ownWallets.GetIfPresent(user); ok {
		return id, nil
	}
	since := db.directory.now()
	w, err := db.WalletOfUser(ctx, user)
	if err != nil || w == nil {
		return 0, err
	}
	db.directory.keep(since, alteredHolder, anyName, func() { db.directory.ownWallets.Set(user, w.ID) })
	return w.ID, nil
}

// alterHolders notes that something about a user changes that matters when their wallets pay or are paid.
func (tx *Tx) alterHolders(user int64) error {
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT id FROM wallets WHERE owner_id = $1`, user)
	wallets, err := collect(rows, err, scanID)
	for _, id := range wallets {
		tx.alter(alteredHolder, strconv.FormatInt(id, 10))
	}
	return err
}
