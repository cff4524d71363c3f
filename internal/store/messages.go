package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// messagePlace names where the values of a message are sealed.
func messagePlace(id int64) string { return fmt.Sprintf("message %d", id) }

// Tell puts a message into the outbox, to leave as soon as the transaction has committed.
func (tx *Tx) Tell(m wallet.Message) error {
	return tx.insertMessage(m, sql.NullInt64{Int64: micros(tx.db.Now()), Valid: true})
}

// TellNobody does what Tell does and has the message never leave: it costs what telling somebody costs.
func (tx *Tx) TellNobody(m wallet.Message) error { return tx.insertMessage(m, sql.NullInt64{}) }

// Told says whether the transaction has put anything into the outbox, TellNobody's messages included.
func (tx *Tx) Told() bool { return tx.told }

func (tx *Tx) insertMessage(m wallet.Message, next sql.NullInt64) error {
	tx.told = true
	id, err := tx.NextID(messageIDs, 0)
	if err != nil {
		return err
	}
	values, err := json.Marshal(m.Values)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO messages (id, at, kind, email, phone, locale, sealed_values, attempts, next_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)`,
		id, micros(tx.db.Now()), m.Kind, m.Email, m.Phone, m.Locale, tx.db.Box.Seal(secret.Text(values), messagePlace(id)), next)
	return err
}

const messageColumns = `id, at, kind, email, phone, locale, sealed_values, attempts, sent_at, failed_at`

func (db *DB) scanMessage(rows *sql.Rows) (m wallet.Message, err error) {
	var at int64
	var sealed []byte
	var sentAt, failedAt sql.NullInt64
	if err = rows.Scan(&m.ID, &at, &m.Kind, &m.Email, &m.Phone, &m.Locale, &sealed, &m.Attempts, &sentAt, &failedAt); err != nil {
		return m, err
	}
	m.At, m.SentAt, m.FailedAt = fromMicros(at), timeOrZero(sentAt), timeOrZero(failedAt)
	if len(sealed) == 0 {
		return m, nil
	}
	values, err := db.Box.Open(sealed, messagePlace(m.ID))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal([]byte(values.Reveal()), &m.Values)
}

// messageLife is how long a message may wait to leave, since what is older tells nothing new, and codeLife how long one with a
// code: that has expired by then, and who is sent it would try it for nothing.
const (
	messageLife = 24 * time.Hour
	codeLife    = 15 * time.Minute
)

// TakeMessage returns the next message that is due, and keeps it from other processes for the time of the
// lease; nil when none is due. Those that have waited for more than a day, or for longer than their code works, are given up.
func (db *DB) TakeMessage(ctx context.Context, lease time.Duration) (*wallet.Message, error) {
	var due int
	now := micros(db.Now())
	if err := db.queryRow(ctx, db.read, `SELECT count(*) FROM messages WHERE next_at <= $1`, now).Scan(&due); err != nil || due == 0 {
		return nil, err
	}
	var taken *wallet.Message
	err := db.Update(ctx, func(tx *Tx) error {
		taken = nil
		if _, err := tx.exec(`UPDATE messages SET failed_at = $1, next_at = NULL, sealed_values = $3 WHERE next_at IS NOT NULL AND
				(at < $2 OR at <= $4 AND kind IN ('confirm_contact', 'reset_password', 'scope_code', 'flash_code', 'cash_code'))`,
			now, micros(db.Now().Add(-messageLife)), []byte{}, micros(db.Now().Add(-codeLife))); err != nil {
			return err
		}
		rows, err := db.query(ctx, tx.Tx, `SELECT `+messageColumns+` FROM messages WHERE next_at <= $1 ORDER BY next_at, id LIMIT 1`, now)
		found, err := collect(rows, err, db.scanMessage)
		if err != nil || len(found) == 0 {
			return err
		}
		taken = &found[0]
		_, err = tx.exec(`UPDATE messages SET next_at = $2 WHERE id = $1`, taken.ID, micros(db.Now().Add(lease)))
		return err
	})
	return taken, err
}

// MessageSent notes that a message has left, and forgets what was in it.
func (tx *Tx) MessageSent(id int64) error {
	_, err := tx.exec(`UPDATE messages SET sent_at = $2, next_at = NULL, attempts = attempts + 1, sealed_values = $3 WHERE id = $1`,
		id, micros(tx.db.Now()), []byte{})
	return err
}

// MessageAttempts returns how often it was tried to send a message; 0 where there is none.
func (tx *Tx) MessageAttempts(id int64) (n int, err error) {
	err = tx.queryRow(tx.ctx, `SELECT COALESCE(max(attempts), 0) FROM messages WHERE id = $1`, id).Scan(&n)
	return n, err
}

// MessageFailed notes that a message could not be sent, until when it waits, or that it was given up when
// that is zero.
func (tx *Tx) MessageFailed(id int64, next time.Time) error {
	if next.IsZero() {
		_, err := tx.exec(`UPDATE messages SET failed_at = $2, next_at = NULL, attempts = attempts + 1, sealed_values = $3 WHERE id = $1`,
			id, micros(tx.db.Now()), []byte{})
		return err
	}
	_, err := tx.exec(`UPDATE messages SET next_at = $2, attempts = attempts + 1 WHERE id = $1`, id, micros(next))
	return err
}

// Messages returns the last messages, the latest first: to one e-mail address or phone number, or to
// everybody when it is empty.
func (db *DB) Messages(ctx context.Context, to string, limit int) ([]wallet.Message, error) {
	rows, err := db.query(ctx, db.read, `SELECT `+messageColumns+` FROM messages
		WHERE (CAST($1 AS TEXT) = '' OR email = $1 OR phone = $1) AND (email <> '' OR phone <> '') ORDER BY id DESC LIMIT $2`, to, limit)
	return collect(rows, err, db.scanMessage)
}
