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

// keptAnswer is the answer that a request got.
type keptAnswer struct {
	request, body []byte
	sealed, at    int64
}

// fields are where its columns are read to.
func (k *keptAnswer) fields() []any { return []any{&k.request, &k.body, &k.sealed, &k.at} }

// judge is what a request with the same key is told; nil where the answer is so old that the key is free again.
func (k *keptAnswer) judge(db *DB, o *wallet.Once) error {
	switch {
	case k.at < micros(db.Now().Add(-spareAnswers)):
		return nil
	case subtle.ConstantTimeCompare(k.request, db.requestMark(o)) != 1:
		return wallet.Errorf(wallet.InvalidState, wallet.OtherRequest)
	case k.sealed == 0:
		return &wallet.Answered{Body: k.body}
	}
	text, err := db.Box.Open(k.body, answerPlace(o.Key))
	if err != nil {
		return err
	}
	return &wallet.Answered{Body: []byte(text)}
}

// dropAnswer forgets an answer that is too old.
const dropAnswer = `DELETE FROM answers WHERE key = $1`

// keepAnswer is the statement that stores an answer.
func (db *DB) keepAnswer(o *wallet.Once, answer any) (statement, error) {
	if o.Encode == nil {
		return statement{}, errors.New("store: the answer to a request with an idempotency key is to be kept, and nobody says how it is written")
	}
	body, err := o.Encode(answer)
	if err != nil {
		return statement{}, err
	}
	sealed := 0
	if o.Secret {
		body, sealed = db.Box.Seal(secret.Text(body), answerPlace(o.Key)), 1
	}
	return statement{`INSERT INTO answers (key, request, body, sealed, at) VALUES ($1, $2, $3, $4, $5)`,
		[]any{o.Key[:], db.requestMark(o), body, sealed, micros(db.Now())}}, nil
}

// Answer returns a *wallet.Answered where the request had its effect before, and InvalidState where its key was used
// for another one; nil where the key is new, or there is none. Ask it before anything is changed. Two transactions
// may both be told that a key is new; KeepAnswer has the later one run again, which is then answered here.
func (tx *Tx) Answer(o *wallet.Once) error {
	if o == nil {
		return nil
	}
	var kept keptAnswer
	err := tx.queryRow(tx.ctx, selectAnswer, o.Key[:]).Scan(kept.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := kept.judge(tx.db, o); err != nil {
		return err
	}
	_, err = tx.exec(dropAnswer, o.Key[:])
	return err
}

// KeepAnswer stores the answer to a request with a key, in the commit of its effect; a nil one needs none. Where the
// same request has had its effect meanwhile, the transaction is run again.
func (tx *Tx) KeepAnswer(o *wallet.Once, answer any) error {
	if o == nil {
		return nil
	}
	insert, err := tx.db.keepAnswer(o, answer)
	if err != nil {
		return err
	}
	_, err = tx.exec(insert.text, insert.args...)
	return err
}
