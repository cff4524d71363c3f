package store

import (
	"cmp"
	"context"
	"crypto/sha1"
	"database/sql"
	"encoding/hex"
	"slices"

	"github.com/purserhq/purser/internal/wallet"
)

// contactHash is what an address book asks for a contact by: its SHA-1 in hex (spec/wallet-api.md §4.6). It keeps
// nothing secret: whoever can guess a phone number can hash it.
func contactHash(contact string) string {
	sum := sha1.Sum([]byte(contact))
	return hex.EncodeToString(sum[:])
}

// hashOrNull is the stored hash of a contact, NULL for none.
func hashOrNull(contact string) sql.NullString {
	if contact == "" {
		return sql.NullString{}
	}
	return orNull(contactHash(contact))
}

// unhashedAtOnce is how many users one transaction hashes the contacts of.
const unhashedAtOnce = 500

// hashContacts adds the hashes of contacts that were written before there were any.
func (db *DB) hashContacts(ctx context.Context) error {
	for more := true; more; {
		err := db.Update(ctx, func(tx *Tx) error {
			rows, err := db.query(ctx, tx.Tx, `SELECT id, email, phone FROM users
				WHERE (email IS NOT NULL AND email_hash IS NULL) OR (phone IS NOT NULL AND phone_hash IS NULL)
				ORDER BY id LIMIT $1`, unhashedAtOnce)
			users, err := collect(rows, err, func(rows *sql.Rows) (u wallet.User, err error) {
				var email, phone sql.NullString
				err = rows.Scan(&u.ID, &email, &phone)
				u.Email, u.Phone = email.String, phone.String
				return u, err
			})
			more = len(users) == unhashedAtOnce
			for _, u := range users {
				_, err := tx.exec(`UPDATE users SET email_hash = $2, phone_hash = $3 WHERE id = $1`, u.ID, hashOrNull(u.Email), hashOrNull(u.Phone))
				if err != nil {
					return err
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ContactKind says what a list of contacts holds.
type ContactKind string

// The kinds of contacts. Those that are hashed are the SHA-1 in hex of the others.
const (
	Emails      ContactKind = "email"
	Phones      ContactKind = "phone"
	EmailHashes ContactKind = "email_hash"
	PhoneHashes ContactKind = "phone_hash"
)

// plain is the column that a kind is about.
func (k ContactKind) plain() string {
	if k == Phones || k == PhoneHashes {
		return "phone"
	}
	return "email"
}

// WalletsByContacts returns the wallets that are found by contacts of one kind, by contact as it was given; those that
// nobody has, or nobody with a wallet, are left out. The list is short.
func (db *DB) WalletsByContacts(ctx context.Context, kind ContactKind, contacts []string) (map[string]wallet.Wallet, error) {
	contacts = slices.DeleteFunc(slices.Clone(contacts), func(c string) bool { return !storable(c) })
	if len(contacts) == 0 {
		return nil, nil
	}
	args := make([]any, len(contacts))
	for i, contact := range contacts {
		args[i] = contact
	}
	owners := map[int64]string{}
	rows, err := db.query(ctx, db.read, `SELECT id, `+kind.plain()+` FROM users WHERE `+string(kind)+` IN (`+parameters(1, len(args))+`)`, args...)
	_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var id int64
		var contact sql.NullString
		if err = rows.Scan(&id, &contact); err != nil {
			return struct{}{}, err
		}
		if kind == EmailHashes || kind == PhoneHashes {
			contact.String = contactHash(contact.String) // a server of before these columns may have changed the contact
		}
		owners[id] = contact.String
		return struct{}{}, nil
	})
	if err != nil || len(owners) == 0 {
		return nil, err
	}
	wallets, err := db.walletsOfOwners(ctx, owners)
	found := map[string]wallet.Wallet{}
	for _, w := range wallets {
		if contact := owners[w.OwnerID]; slices.Contains(contacts, contact) {
			found[contact] = w
		}
	}
	return found, err
}

// walletsOfOwners returns for each owner the wallet that WalletOfUser does.
func (db *DB) walletsOfOwners(ctx context.Context, owners map[int64]string) ([]wallet.Wallet, error) {
	var args []any
	for owner := range owners {
		args = append(args, owner)
	}
	first := map[int64]bool{}
	rows, err := db.query(ctx, db.read, `SELECT id, owner_id FROM wallets WHERE owner_id IN (`+parameters(1, len(args))+`)
		ORDER BY status, created_at, id`, args...)
	ids, err := collect(rows, err, func(rows *sql.Rows) (id int64, err error) {
		var owner int64
		if err = rows.Scan(&id, &owner); first[owner] {
			return 0, err
		}
		first[owner] = true
		return id, err
	})
	ids = slices.DeleteFunc(ids, func(id int64) bool { return id == 0 })
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return db.walletsByID(ctx, db.read, ids)
}

// CompanyByCode returns the number of the company with a registration code in a country, in small letters; an empty one
// is any. A company whose country is not known is in every one. It is 0 where there is none, or several are alike.
func (db *DB) CompanyByCode(ctx context.Context, country, code string) (int64, error) {
	if !storable(code) || !storable(country) {
		return 0, nil
	}
	rows, err := db.query(ctx, db.read, `SELECT id FROM users WHERE type = 'legal' AND company_code = $1
		AND (CAST($2 AS TEXT) = '' OR country = '' OR country = $2) ORDER BY id LIMIT 2`, code, country)
	found, err := collect(rows, err, scanID)
	if err != nil || len(found) != 1 {
		return 0, err
	}
	return found[0], nil
}

// walletStatus is the column for a wallet that is in use or not.
func walletStatus(w wallet.Wallet) string {
	if w.Inactive {
		return "inactive"
	}
	return "active"
}

// Rates returns all rates that the operator has set, by currencies.
func (db *DB) Rates(ctx context.Context) (wallet.Rates, error) { return db.rates(ctx, db.read) }

// Rates is the same as the transaction sees it.
func (tx *Tx) Rates() (wallet.Rates, error) { return tx.db.rates(tx.ctx, tx.Tx) }

func (db *DB) rates(ctx context.Context, q querier) (wallet.Rates, error) {
	rows, err := db.query(ctx, q, `SELECT base, quote, rate, updated_at FROM rates`)
	all, err := collect(rows, err, func(rows *sql.Rows) (r wallet.Rate, err error) {
		var at int64
		err = rows.Scan(&r.Base, &r.Quote, &r.Text, &at)
		r.UpdatedAt = fromMicros(at)
		return r, err
	})
	slices.SortFunc(all, func(a, b wallet.Rate) int { return cmp.Or(cmp.Compare(a.Base, b.Base), cmp.Compare(a.Quote, b.Quote)) })
	return all, err
}

// SetRate sets a rate, in the place of one that was set.
func (tx *Tx) SetRate(r wallet.Rate) error {
	_, err := tx.exec(`INSERT INTO rates (base, quote, rate, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (base, quote) DO UPDATE SET rate = excluded.rate, updated_at = excluded.updated_at`,
		r.Base, r.Quote, r.Text, micros(r.UpdatedAt))
	return err
}

// DropRate takes a rate away; that of the other direction stays where it was set.
func (tx *Tx) DropRate(r wallet.Rate) error {
	_, err := tx.exec(`DELETE FROM rates WHERE base = $1 AND quote = $2`, r.Base, r.Quote)
	return err
}
