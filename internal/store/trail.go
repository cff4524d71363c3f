package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// ErrNonceUsed says that a request which changes something was here before, at this process or at
// another one.
var ErrNonceUsed = errors.New("store: the nonce was used before")

// nonceLife is how long a claimed nonce is kept: longer than any request's ts is accepted, to both
// sides.
const nonceLife = 20 * time.Minute

// ClaimNonce uses up the nonce of a request in the commit of its effect; the zero one is nobody's.
// It returns ErrNonceUsed.
func (tx *Tx) ClaimNonce(n wallet.Nonce) error {
	if n == (wallet.Nonce{}) {
		return nil
	}
	added, err := tx.exec(`INSERT INTO claimed_nonces (ts, fingerprint) VALUES ($1, $2) ON CONFLICT (ts, fingerprint) DO NOTHING`,
		n.TS, n.Fingerprint[:])
	if err == nil && added == 0 {
		err = ErrNonceUsed
	}
	return err
}

// ForgetNonces drops what was claimed so long ago that its time alone is refused. now is the wall
// clock.
func (db *DB) ForgetNonces(ctx context.Context, now time.Time) error {
	return db.Update(ctx, func(tx *Tx) error {
		_, err := tx.exec(`DELETE FROM claimed_nonces WHERE ts < $1`, now.Add(-nonceLife).Unix())
		return err
	})
}

// AuditEntry is one change that somebody made.
type AuditEntry struct {
	ID int64
	At time.Time
	// Actor says who in words; ClientID and UserID are 0 where it was none.
	Actor            string
	ClientID, UserID int64
	// Action is what was done, Object and ObjectID what it was done to.
	Action   string
	Object   string
	ObjectID int64
	From     wallet.Origin
	// Before and After are JSON without secrets; empty for nothing.
	Before, After string
}

// Audit adds an entry to the audit trail.
func (tx *Tx) Audit(e AuditEntry) error {
	id, err := tx.nextAuditID()
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO audit (`+auditColumns+`, id) VALUES (`+parameters(1, 13)+`)`, append(e.values(tx.db.Now()), id)...)
	return err
}

const auditColumns = `at, actor, client_id, user_id, action, object, object_id, request_id, address, agent, before_text, after_text`

// values are those of auditColumns.
func (e *AuditEntry) values(at time.Time) []any {
	return []any{
		micros(at), e.Actor, idOrNull(e.ClientID), idOrNull(e.UserID), e.Action, e.Object, e.ObjectID,
		e.From.RequestID, e.From.Address, agentText(e.From.Agent), e.Before, e.After,
	}
}

// Audit adds an entry to the audit trail, in the commit of the money. Its number comes from the counter itself, so that
// the trail stays in order; that row is locked until then, which is why only what people do by hand is noted so.
func (m *MoneyTx) Audit(e AuditEntry) {
	m.do(`INSERT INTO counters (name, next) VALUES ($1, 2) ON CONFLICT (name) DO UPDATE SET next = counters.next + 1`, string(auditIDs))
	m.do(`INSERT INTO audit (`+auditColumns+`, id) VALUES (`+parameters(1, 12)+`, (SELECT next - 1 FROM counters WHERE name = $13))`,
		append(e.values(m.now), string(auditIDs))...)
}

// auditBlock is how many numbers a transaction takes that makes several entries.
const auditBlock = 256

// nextAuditID is the number of the next entry: one for one, and a block for more.
func (tx *Tx) nextAuditID() (id int64, err error) {
	if n := &tx.auditIDs; n.next == n.end {
		take := int64(1)
		if n.end != 0 {
			take = auditBlock
		}
		if n.next, err = tx.nextIDs(auditIDs, take); err != nil {
			return 0, err
		}
		n.end = n.next + take
	}
	return tx.auditIDs.take(), nil
}

// AuditTrail returns the last entries, newest first: of one object, or of all when object is empty.
func (db *DB) AuditTrail(ctx context.Context, object string, id int64, limit int) ([]AuditEntry, error) {
	rows, err := db.query(ctx, db.read, `SELECT id, at, actor, client_id, user_id, action, object, object_id, request_id, address, agent,
			before_text, after_text FROM audit
		WHERE (CAST($1 AS TEXT) = '' OR object = $1) AND (CAST($2 AS BIGINT) = 0 OR object_id = $2)
		ORDER BY id DESC LIMIT $3`, object, id, limit)
	return collect(rows, err, func(rows *sql.Rows) (e AuditEntry, err error) {
		var at int64
		var client, user sql.NullInt64
		err = rows.Scan(&e.ID, &at, &e.Actor, &client, &user, &e.Action, &e.Object, &e.ObjectID,
			&e.From.RequestID, &e.From.Address, &e.From.Agent, &e.Before, &e.After)
		e.At, e.ClientID, e.UserID = fromMicros(at), client.Int64, user.Int64
		return e, err
	})
}

// Limits of the memory for refusals (decisions.md 31).
const (
	refusalLife = 24 * time.Hour
	maxRefusals = 100_000
	// maxUnprovenRefusals bounds those of credentials, which anybody can cause.
	maxUnprovenRefusals = 10_000
)

func (tx *Tx) insertRefusals(refusals []wallet.Refusal) error {
	for _, r := range refusals {
		document, err := json.Marshal(r)
		if err != nil {
			return err
		}
		proven := 1
		if r.Action == "" {
			proven = 0
		}
		_, err = tx.exec(`INSERT INTO refusals (request_id, proven, at, client_id, document) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (request_id) DO NOTHING`, r.RequestID, proven, micros(r.At), r.ClientID, string(document))
		if err != nil {
			return err
		}
	}
	if len(refusals) == 0 {
		return nil
	}
	if _, err := tx.exec(`DELETE FROM refusals WHERE at < $1`, micros(tx.db.Now().Add(-refusalLife))); err != nil {
		return err
	}
	for proven, most := range []int{maxUnprovenRefusals, maxRefusals} {
		_, err := tx.exec(`DELETE FROM refusals WHERE proven = $1 AND at < (SELECT at FROM refusals WHERE proven = $1
			ORDER BY at DESC LIMIT 1 OFFSET $2)`, proven, most)
		if err != nil {
			return err
		}
	}
	return nil
}

// Refusal returns why a request was refused, nil when that is not known, or not any more.
func (db *DB) Refusal(ctx context.Context, requestID string) (*wallet.Refusal, error) {
	if !storable(requestID) {
		return nil, nil
	}
	if r := db.uses.refusal(requestID); r != nil && db.Now().Sub(r.At) <= refusalLife {
		return r, nil
	}
	var document string
	err := db.queryRow(ctx, db.read, `SELECT document FROM refusals WHERE request_id = $1 AND at >= $2`,
		requestID, micros(db.Now().Add(-refusalLife))).Scan(&document)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	r := &wallet.Refusal{}
	return r, json.Unmarshal([]byte(document), r)
}
