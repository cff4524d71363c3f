package service

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// change runs what a caller changes in one transaction, together with the nonce of its request: who
// sends the request again, to this process or another, changes nothing (decisions.md 22). work gets the
// caller as the transaction sees it, who may have lost rights since its request was proven; one that
// was revoked meanwhile changes nothing. Where work has told somebody something, the courier is woken.
func (s *Service) change(ctx context.Context, c wallet.Caller, work func(tx *store.Tx, c wallet.Caller) error) error {
	var told bool
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if err := tx.ClaimNonce(c.Nonce); err != nil {
			return err
		}
		now := c
		if c.Client != nil {
			var err error
			if now.Client, err = tx.Client(c.Client.ID); err != nil {
				return err
			}
			if now.Client == nil || now.Client.Revoked() {
				return wallet.Errorf(wallet.Unauthorized, "this client was revoked.")
			}
		}
		err := work(tx, now)
		told = tx.Told()
		return err
	})
	if err == nil {
		c.Claim.Commit()
	}
	if err == nil && told {
		s.Told()
	}
	if errors.Is(err, store.ErrNonceUsed) {
		return wallet.Errorf(wallet.Unauthorized, wallet.NonceUsed)
	}
	return err
}

// Objects of the audit trail.
const (
	clientObject    = "client"
	userObject      = "user"
	projectObject   = "project"
	walletObject    = "wallet"
	locationObject  = "location"
	spotObject      = "spot"
	authorityObject = "authority"
	rateObject      = "rate"
	// transactionObject has the number, not the key; serverObject is 0.
	transactionObject = "transaction"
	serverObject      = "server"

	identificationObject = "identification"
)

// audit notes who changed what. before and after are nouns, which hold no secrets; nil for nothing.
// Only what differs is kept of them.
func (s *Service) audit(tx *store.Tx, c wallet.Caller, action, object string, id int64, before, after any) error {
	return tx.Audit(auditEntry(c, action, object, id, before, after))
}

// auditEntry is what audit notes; money notes it in its own commit.
func auditEntry(c wallet.Caller, action, object string, id int64, before, after any) store.AuditEntry {
	e := store.AuditEntry{Actor: c.Name(), UserID: c.UserID(), Action: action, Object: object, ObjectID: id, From: c.From}
	if c.Client != nil {
		e.ClientID = c.Client.ID
	}
	e.Before, e.After = differences(before, after)
	return e
}

// differences are two nouns as JSON, without what is the same in both; empty where nothing is left.
func differences(before, after any) (was, is string) {
	old, fresh := members(before), members(after)
	for name, value := range old {
		if other, both := fresh[name]; both && string(other) == string(value) {
			delete(old, name)
			delete(fresh, name)
		}
	}
	return objectText(old), objectText(fresh)
}

// members are the fields of a noun that say something.
func members(noun any) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	if noun == nil {
		return all
	}
	value := reflect.ValueOf(noun)
	for i := range value.NumField() {
		field := value.Field(i)
		if field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0 {
			continue
		}
		text, err := json.Marshal(field.Interface())
		if err == nil {
			all[value.Type().Field(i).Name] = text
		}
	}
	return all
}

func objectText(members map[string]json.RawMessage) string {
	if len(members) == 0 {
		return ""
	}
	text, err := json.Marshal(members)
	if err != nil {
		return ""
	}
	return string(text)
}

// AuditTrail returns the last changes, newest first: of one object, such as client 7, or of all
// when object is empty. It fails with Forbidden.
func (s *Service) AuditTrail(ctx context.Context, c wallet.Caller, object string, id int64, limit int) ([]store.AuditEntry, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	return s.db.AuditTrail(ctx, object, id, limit)
}
