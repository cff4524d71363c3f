package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
)

// naive is the control: payments on the same PostgreSQL and schema as one would write them at first, a database
// transaction for each step that locks what it looks at. It has as many connections as callers, and the rules and the
// documents of purser. It is spared what would slow it down more: numbers come from memory.
type naive struct {
	pool *pgxpool.Pool
	now  func() time.Time
	// id is the last number that was given to anything.
	id atomic.Int64
}

// naiveIDs are above all numbers that purser gives in a run.
const naiveIDs = 1_000_000_000

func openNaive(ctx context.Context, address string, now func() time.Time) (*naive, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	config.MaxConns = callers
	n := &naive{now: now}
	n.pool, err = pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	var last int64
	err = n.pool.QueryRow(ctx, `SELECT greatest($1::BIGINT, (SELECT max(id) FROM entries), (SELECT max(id) FROM payments))`, naiveIDs).Scan(&last)
	n.id.Store(last)
	return n, err
}

// step is a database transaction that claims a nonce.
func (n *naive) step(ctx context.Context, nonce wallet.Nonce, work func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, n.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO claimed_nonces (ts, fingerprint) VALUES ($1, $2)`, nonce.TS, nonce.Fingerprint[:]); err != nil {
			return err
		}
		return work(tx)
	})
}

// create asks for a payment.
func (n *naive) create(ctx context.Context, nonce wallet.Nonce, merchant int64) (t *wallet.Transaction, err error) {
	t = newTransaction(n.id.Add(1), n.id.Add(1), merchant, n.now())
	document, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return t, n.step(ctx, nonce, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO transactions (id, version, status, client_id, project_id, location_id, wallet_id, created_at, due_at, document)
			VALUES ($1, 1, $2, $3, $4, 0, 0, $5, $6, $7)`, t.ID, t.Status, t.ClientID, t.ProjectID, t.CreatedAt.UnixMicro(), t.Due().UnixMicro(), string(document))
		if err != nil {
			return err
		}
		p := &t.Payments[0]
		_, err = tx.Exec(ctx, `INSERT INTO payments (id, transaction_id, project_id, status, wallet_id, beneficiary_id) VALUES ($1, $2, $3, $4, 0, $5)`,
			p.ID, t.ID, t.ProjectID, p.Status, p.BeneficiaryID)
		return err
	})
}

// reserve has a payer accept it.
func (n *naive) reserve(ctx context.Context, nonce wallet.Nonce, id, payer int64) (t *wallet.Transaction, err error) {
	return t, n.step(ctx, nonce, func(tx pgx.Tx) error {
		if t, err = lockTransaction(ctx, tx, id); err != nil {
			return err
		}
		holds, err := t.Accept(n.now(), acceptance(t, payer))
		if err != nil {
			return err
		}
		t.Held(n.now())
		return n.write(ctx, tx, t, holds)
	})
}

// confirm moves the money.
func (n *naive) confirm(ctx context.Context, nonce wallet.Nonce, id int64) (t *wallet.Transaction, err error) {
	return t, n.step(ctx, nonce, func(tx pgx.Tx) error {
		if t, err = lockTransaction(ctx, tx, id); err != nil {
			return err
		}
		postings, err := t.Confirm(n.now(), nil)
		if err != nil {
			return err
		}
		return n.write(ctx, tx, t, postings)
	})
}

func lockTransaction(ctx context.Context, tx pgx.Tx, id int64) (*wallet.Transaction, error) {
	t := &wallet.Transaction{}
	var at int64
	var document []byte
	err := tx.QueryRow(ctx, `SELECT id, version, status, client_id, project_id, location_id, wallet_id, created_at, document
		FROM transactions WHERE id = $1 FOR UPDATE`, id).
		Scan(&t.ID, &t.Version, &t.Status, &t.ClientID, &t.ProjectID, &t.LocationID, &t.WalletID, &at, &document)
	if err != nil {
		return nil, err
	}
	t.CreatedAt = time.UnixMicro(at).UTC()
	return t, json.Unmarshal(document, t)
}

// write posts what a move means for the ledger, and stores the transaction.
func (n *naive) write(ctx context.Context, tx pgx.Tx, t *wallet.Transaction, postings []ledger.Posting) error {
	if err := n.post(ctx, tx, postings); err != nil {
		return err
	}
	document, err := json.Marshal(t)
	if err != nil {
		return err
	}
	var due *int64
	if at := t.Due(); !at.IsZero() {
		us := at.UnixMicro()
		due = &us
	}
	_, err = tx.Exec(ctx, `UPDATE transactions SET version = version + 1, status = $2, wallet_id = $3, due_at = $4, document = $5 WHERE id = $1`,
		t.ID, t.Status, t.WalletID, due, string(document))
	if err != nil {
		return err
	}
	for i := range t.Payments {
		p := &t.Payments[i]
		_, err := tx.Exec(ctx, `UPDATE payments SET status = $2, wallet_id = $3 WHERE id = $1`, p.ID, p.Status, t.WalletID)
		if err != nil {
			return err
		}
	}
	return nil
}

// post locks the accounts in order, and moves money between them.
func (n *naive) post(ctx context.Context, tx pgx.Tx, postings []ledger.Posting) error {
	var keys []ledger.Key
	for _, p := range postings {
		keys = append(keys, p.Debit, p.Credit)
	}
	slices.SortFunc(keys, ledger.Key.Compare)
	accounts := make([]*ledger.Account, 0, 2)
	for _, key := range slices.Compact(keys) {
		a := &ledger.Account{Key: key}
		err := tx.QueryRow(ctx, `SELECT id, available, reserved, credit_limit, last_entry, entries FROM accounts
			WHERE purpose = $1 AND wallet_id = $2 AND currency = $3 FOR UPDATE`, key.Purpose, key.WalletID, key.Currency).
			Scan(&a.ID, &a.Available, &a.Reserved, &a.CreditLimit, &a.LastEntry, &a.Entries)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		accounts = append(accounts, a)
	}
	entries, err := ledger.NewBook(n.now(), func() int64 { return n.id.Add(1) }, accounts...).Post(postings...)
	if err != nil {
		return err
	}
	ids := map[ledger.Key]int64{}
	for _, a := range accounts {
		ids[a.Key] = a.ID
		_, err := tx.Exec(ctx, `UPDATE accounts SET available = $2, reserved = $3, last_entry = $4, entries = $5, version = version + 1 WHERE id = $1`,
			a.ID, a.Available, a.Reserved, a.LastEntry, a.Entries)
		if err != nil {
			return err
		}
	}
	for _, e := range entries {
		_, err := tx.Exec(ctx, `INSERT INTO entries (id, at, kind, debit_account, credit_account, minor, debit_after, credit_after,
				debit_previous, credit_previous, details, debit_part, credit_part, payment_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			e.ID, e.At.UnixMicro(), e.Kind, ids[e.Debit], ids[e.Credit], e.Amount.Minor, e.DebitAfter, e.CreditAfter,
			e.DebitPrevious, e.CreditPrevious, e.Details, int64(e.From), int64(e.To), e.PaymentID)
		if err != nil {
			return err
		}
	}
	return nil
}
