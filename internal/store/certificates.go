package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

const certificateColumns = `fingerprint, client_id, authority_id, der, not_after, created_at, revoked_at,
	last_used_at, last_used_from, last_used_by`

func (db *DB) certificatesWhere(ctx context.Context, where string, args ...any) ([]wallet.Certificate, error) {
	rows, err := db.query(ctx, db.read, `SELECT `+certificateColumns+` FROM certificates WHERE `+where, args...)
	return collect(rows, err, func(rows *sql.Rows) (c wallet.Certificate, err error) {
		var sha256 []byte
		var authority, revokedAt sql.NullInt64
		var notAfter, createdAt int64
		var use storedUse
		err = rows.Scan(&sha256, &c.ClientID, &authority, &c.DER, &notAfter, &createdAt, &revokedAt, &use.at, &use.from, &use.by)
		if err != nil {
			return c, err
		}
		copy(c.Fingerprint[:], sha256)
		c.AuthorityID, c.NotAfter, c.CreatedAt = authority.Int64, fromMicros(notAfter), fromMicros(createdAt)
		c.RevokedAt, c.LastUse = timeOrZero(revokedAt), use.use()
		return c, nil
	})
}

// Certificates returns all certificates that a client ever had, oldest first.
func (db *DB) Certificates(ctx context.Context, client int64) ([]wallet.Certificate, error) {
	return db.certificatesWhere(ctx, `client_id = $1 ORDER BY created_at, fingerprint`, client)
}

// RevokedCertificates returns the certificates of an authority that are revoked and would be valid
// otherwise. now is the wall clock.
func (db *DB) RevokedCertificates(ctx context.Context, authority int64, now time.Time) ([]wallet.Certificate, error) {
	return db.certificatesWhere(ctx, `authority_id = $1 AND revoked_at IS NOT NULL AND not_after > $2 ORDER BY revoked_at, fingerprint`,
		authority, micros(now))
}

// InsertCertificate gives a client a certificate; false when somebody has it already.
func (tx *Tx) InsertCertificate(c wallet.Certificate) (bool, error) {
	tx.alter(alteredCertificate, hex.EncodeToString(c.Fingerprint[:]))
	n, err := tx.exec(`INSERT INTO certificates (fingerprint, client_id, authority_id, der, not_after, created_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (fingerprint) DO NOTHING`,
		c.Fingerprint[:], c.ClientID, idOrNull(c.AuthorityID), c.DER, micros(c.NotAfter), micros(tx.db.Now()))
	return n > 0, err
}

// LiveCertificates counts the certificates of a client that are neither revoked nor expired. now is
// the wall clock.
func (tx *Tx) LiveCertificates(client int64, now time.Time) (n int, err error) {
	err = tx.queryRow(tx.ctx, `SELECT count(*) FROM certificates WHERE client_id = $1 AND revoked_at IS NULL AND not_after > $2`,
		client, micros(now)).Scan(&n)
	return n, err
}

// RevokeCertificate ends a certificate of a client for good, at that time of the wall clock; false when
// it has no such certificate that is not revoked.
func (tx *Tx) RevokeCertificate(client int64, sha256 [32]byte, wall time.Time) (bool, error) {
	tx.alter(alteredCertificate, hex.EncodeToString(sha256[:]))
	n, err := tx.exec(`UPDATE certificates SET revoked_at = $3 WHERE fingerprint = $1 AND client_id = $2 AND revoked_at IS NULL`,
		sha256[:], client, micros(wall))
	return n > 0, err
}

// Authority is a certificate authority of this server; the newest one signs.
type Authority struct {
	ID int64
	// PEM is its certificate, Key its private key.
	PEM []byte
	Key secret.Text
}

func authorityPlace(id int64) string { return fmt.Sprintf("authority %d", id) }

// InsertAuthority adds an authority, which signs from then on, and returns its number.
func (tx *Tx) InsertAuthority(a Authority) (id int64, err error) {
	if id, err = tx.NextID(authorities, 0); err != nil {
		return 0, err
	}
	_, err = tx.exec(`INSERT INTO authorities (id, certificate, sealed_key, created_at) VALUES ($1, $2, $3, $4)`,
		id, a.PEM, tx.db.Box.Seal(a.Key, authorityPlace(id)), micros(tx.db.Now()))
	return id, err
}

// HasAuthority says whether there is an authority that signs.
func (tx *Tx) HasAuthority() (bool, error) {
	var n int
	err := tx.queryRow(tx.ctx, `SELECT count(*) FROM authorities`).Scan(&n)
	return n > 0, err
}

// Authority returns an authority, the one that signs for number 0; nil when there is none.
func (db *DB) Authority(ctx context.Context, id int64) (*Authority, error) {
	row := db.queryRow(ctx, db.read, `SELECT id, certificate, sealed_key FROM authorities
		WHERE id = $1 OR CAST($1 AS BIGINT) = 0 ORDER BY id DESC LIMIT 1`, id)
	var a Authority
	var sealed []byte
	switch err := row.Scan(&a.ID, &a.PEM, &sealed); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var err error
	a.Key, err = db.Box.Open(sealed, authorityPlace(a.ID))
	return &a, err
}

// Ending is a credential that ends soon, or that stands in the way of nothing any more.
type Ending struct {
	ClientID int64
	// Key is the number of a key, or 0 with the fingerprint of a certificate.
	Key         int
	Certificate [32]byte
	// At is when it ends, or when it was used last.
	At time.Time
}

// Expiring returns the keys that expire until keysUntil, on the business clock, and the certificates
// that do until certificatesUntil, on the wall clock, of clients that are not revoked. Those that
// have expired are among them.
func (db *DB) Expiring(ctx context.Context, keysUntil, certificatesUntil time.Time) ([]Ending, error) {
	rows, err := db.query(ctx, db.read, `SELECT k.client_id, k.number, k.expires_at FROM client_keys k
		JOIN clients c ON c.id = k.client_id
		WHERE c.revoked_at IS NULL AND k.retired_at IS NULL AND k.expires_at <= $1 ORDER BY k.expires_at, k.client_id`, micros(keysUntil))
	keys, err := collect(rows, err, scanKeyEnding)
	if err != nil {
		return nil, err
	}
	found, err := db.certificatesWhere(ctx, `revoked_at IS NULL AND not_after <= $1 ORDER BY not_after, client_id`, micros(certificatesUntil))
	for _, c := range found {
		keys = append(keys, Ending{ClientID: c.ClientID, Certificate: c.Fingerprint, At: c.NotAfter})
	}
	return keys, err
}

// QuietKeys returns the keys that a newer key of the same client, which has been used and still
// signs, replaced before a time, and that have not been used since that time either.
func (tx *Tx) QuietKeys(since time.Time) ([]Ending, error) {
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT o.client_id, o.number, COALESCE(o.last_used_at, o.created_at) FROM client_keys o
		WHERE o.retired_at IS NULL AND COALESCE(o.last_used_at, o.created_at) < $1 AND EXISTS (SELECT 1 FROM client_keys n
			WHERE n.client_id = o.client_id AND n.number > o.number AND n.retired_at IS NULL
				AND (n.expires_at IS NULL OR n.expires_at > $2) AND n.last_used_at IS NOT NULL AND n.created_at < $1)
		ORDER BY o.client_id, o.number`, micros(since), micros(tx.db.Now()))
	return collect(rows, err, scanKeyEnding)
}

func scanKeyEnding(rows *sql.Rows) (e Ending, err error) {
	var at int64
	err = rows.Scan(&e.ClientID, &e.Key, &at)
	e.At = fromMicros(at)
	return e, err
}
