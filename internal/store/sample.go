package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/purserhq/purser/internal/ledger"
)

// Limits of a sample, which must never be in anybody's way.
const (
	// sampledReservations is how many transactions of a wallet are looked through; one that has more under way is left to
	// Verify.
	sampledReservations = 500
	// summedAccounts is up to how many accounts all of them are summed up.
	summedAccounts = 20_000
)

// VerifySample verifies some accounts next to each other, from a random one on, in one snapshot: each by itself, the end
// of its chain of entries back to the last mark, and what is reserved against the transactions under way. Where there
// are few accounts, all of them are summed up too. It returns how many it verified, and the first *Difference as its
// error.
func (db *DB) VerifySample(ctx context.Context, accounts int) (verified int, err error) {
	tx, err := db.snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	v := &verifier{db: db, ctx: ctx, tx: tx}
	last, err := v.highest("accounts")
	if err != nil || last == 0 {
		return 0, err
	}
	sample, err := v.sample(1+rand.Int64N(last), accounts)
	if err != nil {
		return 0, err
	}
	if err := v.walk(sample); err != nil {
		return len(sample), err
	}
	for _, s := range sample {
		if s.Purpose == ledger.OfWallet {
			if err := v.reservations(&s.Account); err != nil {
				return len(sample), err
			}
		}
	}
	if last > summedAccounts {
		return len(sample), nil
	}
	sums := currencySums{}
	err = v.each("accounts", last, selectAccounts, func(rows *sql.Rows) (int64, error) {
		a, _, err := scanAccount(rows)
		sums.add(&a)
		return a.ID, err
	})
	if err != nil {
		return len(sample), err
	}
	return len(sample), sums.judge()
}

// sampled is an account with the entry of its last mark; 0 where it has none.
type sampled struct {
	ledger.Account
	mark int64
	// at is the entry that a walk along the chain has come to, and left how many lie before it up to the mark.
	at, left int64
}

// sample reads accounts from one on, beginning anew where there are no more, and judges each by itself.
func (v *verifier) sample(from int64, n int) ([]*sampled, error) {
	var all []*sampled
	query := fmt.Sprintf(`SELECT s.id, s.purpose, s.wallet_id, s.currency, s.available, s.reserved, s.credit_limit, s.last_entry, s.entries,
			CASE WHEN w.id IS NULL THEN 0 ELSE 1 END, COALESCE(m.entry_id, 0)
		FROM (SELECT id, purpose, wallet_id, currency, available, reserved, credit_limit, last_entry, entries FROM accounts
			WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3) AS s
		LEFT JOIN wallets w ON w.id = s.wallet_id
		LEFT JOIN entry_marks m ON m.account_id = s.id AND m.number = s.entries - s.entries %% %d ORDER BY s.id`, markEvery)
	read := func(from, before int64, n int) error {
		return v.each("accounts", 0, query, func(rows *sql.Rows) (int64, error) {
			s, exists := &sampled{}, false
			a := &s.Account
			err := rows.Scan(&a.ID, &a.Purpose, &a.WalletID, &a.Currency, &a.Available, &a.Reserved, &a.CreditLimit, &a.LastEntry, &a.Entries, &exists, &s.mark)
			if err != nil {
				return 0, err
			}
			if wrong := judgeAccount(a, exists); wrong != nil {
				return 0, wrong
			}
			s.at, s.left = a.LastEntry, a.Entries%markEvery
			all = append(all, s)
			return a.ID, nil
		}, from, before, n)
	}
	err := read(from, 1<<62, n)
	if err == nil && len(all) < n {
		err = read(0, from, n-len(all))
	}
	return all, err
}

// walk goes back along the chains of all accounts at once, one entry at a time.
func (v *verifier) walk(sample []*sampled) error {
	for {
		under := map[int64][]*sampled{}
		for _, s := range sample {
			switch {
			case s.left > 0:
				under[s.at] = append(under[s.at], s)
			case s.at != s.mark:
				return &Difference{accountText(s.Key, s.ID), fmt.Sprintf("its entry number %d", s.Entries-s.Entries%markEvery),
					strconv.FormatInt(s.mark, 10), strconv.FormatInt(s.at, 10)}
			}
		}
		if len(under) == 0 {
			return nil
		}
		if err := v.step(under); err != nil {
			return err
		}
	}
}

// step takes each account to the entry before the one that it has come to.
func (v *verifier) step(under map[int64][]*sampled) error {
	ids := make([]any, 0, len(under))
	for id := range under {
		ids = append(ids, id)
	}
	err := v.each("entries", 0, selectEntries+` WHERE id IN (`+parameters(1, len(ids))+`)`, func(rows *sql.Rows) (int64, error) {
		var e verifiedEntry
		if err := e.scan(rows); err != nil {
			return 0, err
		}
		for _, s := range under[e.id] {
			switch {
			case e.within():
				return 0, &Difference{accountText(s.Key, s.ID), "an entry in its chain", fmt.Sprintf("%d, which stays within it", e.id), "one that does not"}
			case e.debit.account == s.ID:
				s.at = e.debit.previous
			case e.credit.account == s.ID:
				s.at = e.credit.previous
			default:
				return 0, &Difference{accountText(s.Key, s.ID), "an entry in its chain", fmt.Sprintf("%d, of other accounts", e.id), "one of it"}
			}
			s.left--
		}
		delete(under, e.id)
		return e.id, nil
	}, ids...)
	if err != nil {
		return err
	}
	for id, of := range under {
		return &Difference{accountText(of[0].Key, of[0].ID), "an entry in its chain", fmt.Sprintf("%d, which is not there", id), "one that is"}
	}
	return nil
}

// reservations compares what is reserved on an account with the transactions that hold it, or froze it.
func (v *verifier) reservations(a *ledger.Account) error {
	var expected int64
	seen := 0
	take := func(rows *sql.Rows) (int64, error) {
		var row transactionRow
		if err := rows.Scan(row.fields()...); err != nil {
			return 0, err
		}
		seen++
		t, err := row.transaction()
		if err != nil {
			return 0, err
		}
		for i := range t.Payments {
			for _, e := range t.Effects(&t.Payments[i]) {
				if e.Account == a.Key && e.Part == ledger.Reserved {
					expected += e.Minor
				}
			}
		}
		return t.ID, nil
	}
	for _, condition := range []string{
		`wallet_id = $1 AND status IN ('waiting_funds', 'waiting_registration', 'waiting_password', 'reserved')`,
		`id IN (SELECT DISTINCT transaction_id FROM payments
			WHERE beneficiary_id = $1 AND status IN ('waiting_registration', 'reserved', 'confirmed') LIMIT $2)`,
	} {
		seen = 0
		query := `SELECT ` + transactionColumns + ` FROM transactions WHERE ` + condition + ` LIMIT $2`
		if err := v.each("transactions", 0, query, take, a.WalletID, sampledReservations); err != nil {
			return err
		}
		if seen == sampledReservations {
			return nil
		}
	}
	if a.Reserved != expected {
		return &Difference{accountText(a.Key, a.ID), "what is reserved", minorText(a.Reserved, a.Key), minorText(expected, a.Key)}
	}
	return nil
}
