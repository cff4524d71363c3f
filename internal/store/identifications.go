package store

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// numberPlace and idCodePlace name where the numbers of an identification are sealed.
func numberPlace(id int64) string { return "identification " + strconv.FormatInt(id, 10) + " number" }
func idCodePlace(id int64) string {
	return "identification " + strconv.FormatInt(id, 10) + " person code"
}

// InsertIdentification adds an identification and returns its number.
func (tx *Tx) InsertIdentification(i wallet.IdentificationRequest) (id int64, err error) {
	if i.ID, err = tx.NextID(identificationIDs, 0); err != nil {
		return 0, err
	}
	var code []byte
	if i.Identity.Code != "" {
		code = tx.db.Box.Seal(secret.Text(i.Identity.Code), idCodePlace(i.ID))
	}
	_, err = tx.exec(`INSERT INTO identifications (id, user_id, client_id, project_id, location_id, status, kind, sealed_number,
		name, surname, nationality, sealed_code, checked_by, checked_at, created_at, decided_by, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		i.ID, i.UserID, i.ClientID, i.ProjectID, i.LocationID, i.Status, i.Kind, tx.db.Box.Seal(secret.Text(i.Number), numberPlace(i.ID)),
		i.Identity.Name, i.Identity.Surname, i.Identity.Nationality, code, i.CheckedBy, micros(i.CheckedAt), micros(i.CreatedAt), i.DecidedBy, i.Reason)
	return i.ID, err
}

// DecideIdentification stores what became of a pending identification; false where it is not pending any more.
func (tx *Tx) DecideIdentification(i wallet.IdentificationRequest) (bool, error) {
	n, err := tx.exec(`UPDATE identifications SET status = $2, decided_at = $3, decided_by = $4, reason = $5 WHERE id = $1 AND status = 'pending'`,
		i.ID, i.Status, micros(i.DecidedAt), i.DecidedBy, i.Reason)
	return n > 0, err
}

// Identification returns the identification with that number; nil when there is none.
func (db *DB) Identification(ctx context.Context, id int64) (*wallet.IdentificationRequest, error) {
	return db.identification(ctx, db.read, id)
}

// Identification returns an identification as the transaction sees it; nil when there is none.
func (tx *Tx) Identification(id int64) (*wallet.IdentificationRequest, error) {
	return tx.db.identification(tx.ctx, tx.Tx, id)
}

func (db *DB) identification(ctx context.Context, q querier, id int64) (*wallet.IdentificationRequest, error) {
	found, err := db.identificationsWhere(ctx, q, `id = $1`, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// IdentificationFilter says which identifications a list is of; empty fields do not filter.
type IdentificationFilter struct {
	Status wallet.IdentificationStatus
	UserID int64
	// Limit is how many are returned at most.
	Limit int
}

// Identifications returns identifications, the oldest first, so that who waits longest comes first.
func (db *DB) Identifications(ctx context.Context, f IdentificationFilter) ([]wallet.IdentificationRequest, error) {
	return db.identificationsWhere(ctx, db.read, `(status = $1 OR $1 = '') AND (user_id = $2 OR $2 = 0) ORDER BY id LIMIT $3`,
		string(f.Status), f.UserID, f.Limit)
}

func (db *DB) identificationsWhere(ctx context.Context, q querier, condition string, args ...any) ([]wallet.IdentificationRequest, error) {
	rows, err := db.query(ctx, q, `SELECT id, user_id, client_id, project_id, location_id, status, kind, sealed_number, name, surname,
		nationality, sealed_code, checked_by, checked_at, created_at, decided_at, decided_by, reason FROM identifications WHERE `+condition, args...)
	return collect(rows, err, db.scanIdentification)
}

func (db *DB) scanIdentification(rows *sql.Rows) (i wallet.IdentificationRequest, err error) {
	var number, code []byte
	var checked, created int64
	var decided sql.NullInt64
	err = rows.Scan(&i.ID, &i.UserID, &i.ClientID, &i.ProjectID, &i.LocationID, &i.Status, &i.Kind, &number, &i.Identity.Name, &i.Identity.Surname,
		&i.Identity.Nationality, &code, &i.CheckedBy, &checked, &created, &decided, &i.DecidedBy, &i.Reason)
	if err != nil {
		return i, err
	}
	i.CheckedAt, i.CreatedAt = fromMicros(checked), fromMicros(created)
	if decided.Valid {
		i.DecidedAt = fromMicros(decided.Int64)
	}
	text, err := db.Box.Open(number, numberPlace(i.ID))
	if err != nil {
		return i, err
	}
	i.Number = wallet.DocumentNumber(text.Reveal())
	if len(code) > 0 {
		if text, err = db.Box.Open(code, idCodePlace(i.ID)); err != nil {
			return i, err
		}
		i.Identity.Code = wallet.PersonCode(text.Reveal())
	}
	return i, nil
}
