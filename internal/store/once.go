package store

import (
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// answerPlace names the row of a sealed answer.
func answerPlace(key [32]byte) string { return fmt.Sprintf("answer %x", key) }

// requestMark is how a request is stored that a later one is compared with: it may hold a password, which nobody
// must find out by trying from the database alone.
func (db *DB) requestMark(o *wallet.Once) []byte {
	return db.Box.Fingerprint("idempotent request", secret.Text(o.Request[:]))
}

// Answer returns a *wallet.Answered where the request had its effect before, and InvalidState where its key was used
// for another one; nil where the key is new, or there is none. Ask it before anything is changed. Two transactions
// may both be told that a key is new; KeepAnswer has the later one run again, which is then answered here.
func (tx *Tx) Answer(o *wallet.Once) error {
	if o == nil {
		return nil
	}
	var request, body []byte
	var sealed, at int64
	err := tx.queryRow(tx.ctx, `SELECT request, body, sealed, at FROM answers WHERE key = $1`, o.Key[:]).Scan(&request, &body, &sealed, &at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case at < micros(tx.db.Now().Add(-spareAnswers)):
		_, err := tx.exec(`DELETE FROM answers WHERE key = $1`, o.Key[:])
		return err
	case subtle.ConstantTimeCompare(request, tx.db.requestMark(o)) != 1:
		return wallet.Errorf(wallet.InvalidState, wallet.OtherRequest)
	}
	if sealed == 1 {
		text, err := tx.db.Box.Open(body, answerPlace(o.Key))
		if err != nil {
			return err
		}
		body = []byte(text)
	}
	return &wallet.Answered{Body: body}
}

// KeepAnswer stores the answer to a request with a key, in the commit of its effect; a nil one needs none. Where the
// same request has had its effect meanwhile, the transaction is run again.
func (tx *Tx) KeepAnswer(o *wallet.Once, answer any) error {
	if o == nil {
		return nil
	}
	body, err := o.Encode(answer)
	if err != nil {
		return err
	}
	sealed := 0
	if o.Secret {
		body, sealed = tx.db.Box.Seal(secret.Text(body), answerPlace(o.Key)), 1
	}
	_, err = tx.exec(`INSERT INTO answers (key, request, body, sealed, at) VALUES ($1, $2, $3, $4, $5)`,
		o.Key[:], tx.db.requestMark(o), body, sealed, micros(tx.db.Now()))
	return err
}
