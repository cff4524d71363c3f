package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
)

// Wallet 1 has paid wallets 2 and 3 in every way there is: the books are right, while the server runs and after it
// has stopped. An empty database is right too.
func TestVerify(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		if seen := verifyClean(t, address); seen != (store.Verified{}) {
			t.Errorf("an empty database has %+v", seen)
		}
		openMarket(t, db)
		want := store.Verified{Accounts: 5, Entries: 92, Transactions: 7, Payments: 7, Leaves: 91}
		var stages []string
		seen, err := store.Verify(context.Background(), address, func(p store.Progress) {
			if p.Done > p.Of {
				t.Errorf("%+v is more than all", p)
			}
			stages = append(stages, p.Stage)
		})
		if err != nil || seen != want {
			t.Errorf("verified %+v, %v; want %+v", seen, err, want)
		}
		if len(stages) == 0 {
			t.Error("nobody was told how far it has come")
		}
		closeNow()
		if seen := verifyClean(t, address); seen != want {
			t.Errorf("after the server has stopped: verified %+v, want %+v", seen, want)
		}
	})
}

// tampering is one thing that is altered behind the server's back, and the words that find it.
type tampering struct {
	name, statement, want string
}

// What is tampered with is found by what it is: numbers differ between the engines.
const (
	ofWallet1 = `(SELECT id FROM accounts WHERE wallet_id = 1)`
	ofWallet2 = `(SELECT id FROM accounts WHERE wallet_id = 2)`
	ofWallet3 = `(SELECT id FROM accounts WHERE wallet_id = 3)`
	someGift  = `(SELECT id FROM entries WHERE details = 'gift 11')`
	aHold     = `(SELECT e.id FROM entries e JOIN payments p ON p.id = e.payment_id WHERE p.status = 'reserved')`
	aTransfer = `(SELECT min(id) FROM entries WHERE kind = 'transfer' AND payment_id > 0)`
	isFrozen  = `(SELECT id FROM payments WHERE status = 'confirmed')`
)

var tamperings = []tampering{
	{"an account's id", `UPDATE accounts SET id = id + 1000 WHERE wallet_id = 2`, `^the counter of accounts: the next number is stored as \d+, and computed as more than \d+, which is in use$`},
	{"an account's purpose", `UPDATE accounts SET purpose = 'gift' WHERE wallet_id = 2`, `^account \d+, of gift in EUR: its purpose is stored as "gift", and computed as one that there is$`},
	{"an account's purpose, to one that there is", `UPDATE accounts SET purpose = 'commission' WHERE wallet_id = 2`, `^account \d+, of commission in EUR: its wallet is stored as 2, `},
	{"an account's wallet", `UPDATE accounts SET wallet_id = 4 WHERE wallet_id = 2`, `^payment \d+ on wallet \d in EUR: what it has moved in what is (reserved|available) is stored as `},
	{"an account's wallet, to none", `UPDATE accounts SET wallet_id = 99 WHERE wallet_id = 2`, `^account \d+, of wallet 99 in EUR: its wallet is stored as 99, and computed as one that there is`},
	{"an account's currency", `UPDATE accounts SET currency = 'USD' WHERE wallet_id = 3`, `^all accounts in EUR: their sum is stored as -\d+ minor units, and computed as 0$`},
	{"an account's currency, to none", `UPDATE accounts SET currency = 'ZZZ' WHERE wallet_id = 3`, `^account \d+, of wallet 3 in ZZZ: its currency is stored as "ZZZ", `},
	{"available", `UPDATE accounts SET available = available + 1 WHERE wallet_id = 3`, `^account \d+, of wallet 3 in EUR: what is available is stored as 19\.\d\d EUR, and computed as 19\.\d\d EUR$`},
	{"available, from nowhere to nowhere", `UPDATE accounts SET available = available + CASE wallet_id WHEN 3 THEN 1 ELSE -1 END WHERE wallet_id IN (1, 3)`, `^account \d+, of wallet [13] in EUR: what is available is stored as `},
	{"available, below nothing", `UPDATE accounts SET available = -5 WHERE wallet_id = 3`, `^account \d+, of wallet 3 in EUR: what is available is stored as -0.05 EUR, and computed as no less than 0.00 EUR$`},
	{"reserved", `UPDATE accounts SET reserved = reserved + 1 WHERE wallet_id = 1`, `^account \d+, of wallet 1 in EUR: what is reserved is stored as 1.01 EUR, and computed as 1.00 EUR$`},
	{"reserved, below nothing", `UPDATE accounts SET reserved = -5 WHERE wallet_id = 3`, `^account \d+, of wallet 3 in EUR: what is reserved is stored as -0.05 EUR, and computed as nothing, or more`},
	{"last_entry", `UPDATE accounts SET last_entry = ` + someGift + ` WHERE wallet_id = 1`, `^account \d+, of wallet 1 in EUR: its last entry is stored as \d+, and computed as \d+$`},
	{"entries", `UPDATE accounts SET entries = entries - 1 WHERE wallet_id = 1`, `^account \d+, of wallet 1 in EUR: how many entries it has is stored as \d+, and computed as \d+$`},
	{"an account is deleted", `DELETE FROM accounts WHERE wallet_id = 3`, `^entry \d+: an account of it is stored as \d+, and computed as one that there is$`},
	{"an entry's id", `UPDATE entries SET id = id + 1000 WHERE id = ` + someGift, `^entry \d+ on account \d+: the entry before it is stored as \d+, and computed as \d+, with which the account's chain ends$`},
	{"an entry's kind", `UPDATE entries SET kind = 'hold' WHERE id = ` + someGift, `^entry \d+: its kind is stored as hold, `},
	{"a hold's kind", `UPDATE entries SET kind = 'release' WHERE id = ` + aHold, `^entry \d+: its kind is stored as release from available to reserved, and computed as from available to reserved for a hold`},
	{"an entry's debit_account", `UPDATE entries SET debit_account = ` + ofWallet3 + ` WHERE id = ` + someGift, `^entry \d+ on account \d+: the entry before it is stored as \d+, and computed as `},
	{"an entry's credit_account", `UPDATE entries SET credit_account = ` + ofWallet3 + ` WHERE id = ` + someGift, `^entry \d+ on account \d+: the entry before it is stored as \d+, and computed as `},
	{"an entry's credit_account, to none", `UPDATE entries SET credit_account = 999 WHERE id = ` + someGift, `^entry \d+: an account of it is stored as 999, and computed as one that there is$`},
	{"an entry's minor", `UPDATE entries SET minor = minor + 1 WHERE id = ` + someGift, `^account \d+, of (wallet 1|funding) in EUR: what is available is stored as `},
	{"a hold's minor", `UPDATE entries SET minor = minor + 1 WHERE id = ` + aHold, `^account \d+, of wallet 1 in EUR: what is available is stored as `},
	{"an entry's debit_part", `UPDATE entries SET debit_part = 1 - debit_part WHERE id = ` + aTransfer, `^account \d+, of wallet 1 in EUR: what is available is stored as `},
	{"an entry's credit_part", `UPDATE entries SET credit_part = 1 - credit_part WHERE id = ` + aTransfer, `^account \d+, of wallet 3 in EUR: what is available is stored as `},
	{"an entry's part without a payment", `UPDATE entries SET credit_part = 1 WHERE id = ` + someGift, `^entry \d+: its payment is stored as none, and computed as one, since it moves what is reserved$`},
	{"an entry's debit_after", `UPDATE entries SET debit_after = debit_after + 7 WHERE id = ` + someGift, `^entry \d+ on account \d+: what it left available is stored as -\d+ minor units, and computed as -\d+000 minor units$`},
	{"an entry's credit_after", `UPDATE entries SET credit_after = credit_after - 7 WHERE id = ` + someGift, `^entry \d+ on account \d+: what it left available is stored as \d+993 minor units, and computed as \d+000 minor units$`},
	{"a hold's credit_after", `UPDATE entries SET credit_after = credit_after + 1 WHERE id = ` + aHold, `^entry \d+ on account \d+: what it left reserved is stored as \d+1 minor units, and computed as \d+0 minor units$`},
	{"an entry's debit_previous", `UPDATE entries SET debit_previous = debit_previous - 1 WHERE id = ` + someGift, `^entry \d+ on account \d+: the entry before it is stored as \d+, and computed as \d+, with which `},
	{"an entry's credit_previous", `UPDATE entries SET credit_previous = 0 WHERE id = ` + someGift, `^entry \d+ on account \d+: the entry before it is stored as 0, and computed as \d+, with which `},
	{"a hold's previous", `UPDATE entries SET debit_previous = ` + someGift + ` WHERE id = ` + aHold, `^entry \d+: the entry before it is stored as \d+, and computed as none, within an account$`},
	{"an entry's payment_id", `UPDATE entries SET payment_id = 0 WHERE id = (SELECT min(id) FROM entries WHERE kind = 'return')`, `(?s)^entry \d+: its payment is stored as none|^payment \d+ on `},
	{"an entry's payment_id, to another", `UPDATE entries SET payment_id = payment_id + 1 WHERE id = ` + aHold, `^payment \d+ on wallet 1 in EUR: what it has moved in what is reserved is stored as 1.00 EUR, and computed as 0.00 EUR$`},
	{"an entry is deleted", `DELETE FROM entries WHERE id = ` + someGift, `^entry \d+ on account \d+: the entry before it is stored as \d+, and computed as \d+, with which `},
	{"the last entry is deleted", `DELETE FROM entries WHERE id = (SELECT last_entry FROM accounts WHERE wallet_id = 1)`, `^account \d+, of wallet [13] in EUR: what is available is stored as `},
	{"a hold is deleted", `DELETE FROM entries WHERE id = ` + aHold, `^account \d+, of wallet 1 in EUR: what is available is stored as `},
	{"an entry is repeated", `INSERT INTO entries (id, at, kind, debit_account, credit_account, minor, debit_after, credit_after, debit_previous, credit_previous, details, debit_part, credit_part, payment_id)
		SELECT id + 1000, at, kind, debit_account, credit_account, minor, debit_after, credit_after, debit_previous, credit_previous, details, debit_part, credit_part, payment_id
		FROM entries WHERE id = ` + someGift, `^entry \d+ on account \d+: the entry before it is stored as \d+, and computed as \d+, with which `},
	{"a mark's account", `UPDATE entry_marks SET account_id = ` + ofWallet3 + ` WHERE account_id = ` + ofWallet1, `^account \d+: the mark of its entry 64 is stored as none, and computed as number 64 at entry \d+ of 2026-11-21T12:00:00Z$`},
	{"a mark's account, to none", `UPDATE entry_marks SET account_id = 999 WHERE account_id = ` + ofWallet1, `^marks of entries: those on accounts that there are not is stored as 1, and computed as 0$`},
	{"a mark's number", `UPDATE entry_marks SET number = 128 WHERE account_id = ` + ofWallet1, `^account \d+: the mark of its entry 64 is stored as number 128 at entry \d+ of 2026-11-21T12:00:00Z, and computed as number 64 at entry \d+ of 2026-11-21T12:00:00Z$`},
	{"a mark's entry", `UPDATE entry_marks SET entry_id = entry_id - 1 WHERE account_id = ` + ofWallet1, `^account \d+: the mark of its entry 64 is stored as number 64 at entry \d+ `},
	{"a mark's time", `UPDATE entry_marks SET at = at - 1 WHERE account_id = ` + ofWallet1, `^account \d+: the mark of its entry 64 is stored as number 64 at entry \d+ of 2026-11-21T11:59:59.999999Z, `},
	{"a mark is deleted", `DELETE FROM entry_marks WHERE account_id = ` + ofWallet1, `^account \d+: the mark of its entry 64 is stored as none, `},
	{"a transaction's status", `UPDATE transactions SET status = 'confirmed' WHERE status = 'reserved'`, `^transaction \d+: its document is stored as one in which it is confirmed, and does not say when, and computed as one that agrees with itself$`},
	{"a transaction's status, to an end", `UPDATE transactions SET status = 'revoked' WHERE status = 'reserved'`, `^transaction \d+: its document is stored as one in which payment \d+ is reserved in a transaction that is revoked, `},
	{"a transaction's payer", `UPDATE transactions SET wallet_id = 4 WHERE status = 'reserved'`, `^payment \d+: its row is stored as reserved, of transaction \d+ in project 1, from wallet 1 to wallet 2, and computed as reserved, of transaction \d+ in project 1, from wallet 4 to wallet 2$`},
	{"a transaction's project", `UPDATE transactions SET project_id = 2 WHERE status = 'reserved'`, `^payment \d+: its row is stored as reserved, of transaction \d+ in project 1, `},
	{"a transaction's due_at", `UPDATE transactions SET due_at = due_at + 1 WHERE status = 'reserved'`, `^transaction \d+: when it is due is stored as 2026-11-21T13:00:00.000001Z, and computed as 2026-11-21T13:00:00Z$`},
	{"a transaction's due_at, to never", `UPDATE transactions SET due_at = NULL WHERE status = 'reserved'`, `^transaction \d+: when it is due is stored as never, and computed as 2026-11-21T13:00:00Z$`},
	{"a document's price", `UPDATE transactions SET document = replace(document, '"price":{"Minor":100,', '"price":{"Minor":99,') WHERE status = 'reserved'`, `^payment \d+ on wallet 1 in EUR: what it has moved in what is reserved is stored as 0.99 EUR, and computed as 1.00 EUR$`},
	{"a document's commission", `UPDATE transactions SET document = replace(document, '"in":7,', '"in":8,') WHERE id = (SELECT transaction_id FROM payments WHERE id = ` + isFrozen + `)`, `^payment \d+ on wallet 2 in EUR: what it has moved in what is reserved is stored as 2.91 EUR, and computed as 2.92 EUR$`},
	{"a document's beneficiary", `UPDATE transactions SET document = replace(document, '"to":2', '"to":3') WHERE status = 'reserved'`, `^payment \d+: its row is stored as reserved, .* to wallet 2, and computed as reserved, .* to wallet 3$`},
	{"a document's payment status", `UPDATE transactions SET document = replace(document, '"status":"confirmed"', '"status":"done"')`, `^transaction \d+: when it is due is stored as 2026-11-21T13:00:00Z, and computed as never$`},
	{"a document that is none", `UPDATE transactions SET document = 'bread' WHERE status = 'reserved'`, `^transaction \d+: its document is stored as what cannot be read \(.*\), and computed as JSON$`},
	{"a transaction is deleted", `DELETE FROM transactions WHERE status = 'reserved'`, `^payment \d+: its row is stored as reserved, .*, and computed as none: no transaction has such a payment$`},
	{"a payment's id", `UPDATE payments SET id = id + 10000 WHERE status = 'reserved'`, `^the counter of payments: the next number is stored as \d+, and computed as more than \d+, which is in use$`},
	{"a payment's transaction", `UPDATE payments SET transaction_id = transaction_id + 1 WHERE status = 'reserved'`, `^payment \d+: its row is stored as reserved, of transaction \d+ in `},
	{"a payment's project", `UPDATE payments SET project_id = 2 WHERE status = 'reserved'`, `^payment \d+: its row is stored as reserved, of transaction \d+ in project 2, `},
	{"a payment's status", `UPDATE payments SET status = 'done' WHERE status = 'reserved'`, `^payment \d+: its row is stored as done, of `},
	{"a payment's payer", `UPDATE payments SET wallet_id = 4 WHERE status = 'reserved'`, `^payment \d+: its row is stored as reserved, .* from wallet 4 to wallet 2, `},
	{"a payment's beneficiary", `UPDATE payments SET beneficiary_id = 4 WHERE status = 'reserved'`, `^payment \d+: its row is stored as reserved, .* from wallet 1 to wallet 4, `},
	{"a payment is deleted", `DELETE FROM payments WHERE status = 'reserved'`, `^payment \d+: its row is stored as none, .*, and computed as reserved, `},
	{"a counter", `UPDATE counters SET next = 10 WHERE name = 'entry'`, `^the counter of entries: the next number is stored as 10, and computed as more than \d+, which is in use$`},
}

// Whatever of the books is altered behind the server's back, verify finds it, and says where.
func TestVerifyFindsWhatWasTamperedWith(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		openMarket(t, db)
		closeNow()
		forgive(t, address)
		for _, c := range tamperings {
			t.Run(c.name, func(t *testing.T) {
				altered := tamper(t, address, c.statement)
				_, err := store.Verify(context.Background(), altered, nil)
				var found *store.Difference
				if !errors.As(err, &found) {
					t.Fatalf("found %v, want a difference", err)
				}
				if !regexp.MustCompile(c.want).MatchString(err.Error()) {
					t.Errorf("found\n%v, want\n%s", err, c.want)
				}
				defer store.SetAccountsAtOnce(2)()
				if _, err := store.Verify(context.Background(), altered, nil); !errors.As(err, &found) {
					t.Errorf("reading for two accounts at a time, found %v", err)
				}
			})
		}
		verifyClean(t, address)
		defer store.SetAccountsAtOnce(2)()
		if seen := verifyClean(t, address); seen.Entries != 92 || seen.Accounts != 5 {
			t.Errorf("reading for two accounts at a time, verified %+v", seen)
		}
	})
}

// forgive drops what the schema itself forbids, which the tampering is to pass; on SQLite a setting of the
// connection does.
func forgive(t *testing.T, address string) {
	t.Helper()
	if !isPostgres(address) {
		return
	}
	db := raw(t, address)
	defer db.Close()
	for _, name := range texts(t, db, `SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 'accounts'::regclass`) {
		if _, err := db.Exec(`ALTER TABLE accounts DROP CONSTRAINT ` + name); err != nil {
			t.Fatal(err)
		}
	}
}

// tamper alters one thing: in a copy of the file, or in the database itself, which is put right when the test ends.
func tamper(t *testing.T, address, statement string) (altered string) {
	t.Helper()
	if path, isFile := strings.CutPrefix(address, "sqlite:"); isFile {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "purser.db")
		if err := os.WriteFile(copied, content, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", "file:"+copied+"?_pragma=ignore_check_constraints(1)")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		alter(t, db, statement)
		return "sqlite:" + copied
	}
	db := raw(t, address)
	tables := []string{"accounts", "entries", "entry_marks", "transactions", "payments", "allowances", "last_allowances", "counters", "writers", "tallies", "tally_changes", "project_flows"}
	for _, table := range tables {
		if _, err := db.Exec(fmt.Sprintf(`CREATE TABLE kept_%s AS SELECT * FROM %[1]s`, table)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, table := range tables {
			if _, err := db.Exec(fmt.Sprintf(`DELETE FROM %s; INSERT INTO %[1]s SELECT * FROM kept_%[1]s; DROP TABLE kept_%[1]s`, table)); err != nil {
				t.Error(err)
			}
		}
	})
	alter(t, db, statement)
	return address
}

func alter(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	result, err := db.Exec(statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		t.Fatalf("%s altered %d rows, %v", statement, n, err)
	}
}

// A database of another version, a file that is no database and an address that is none are not taken for right books.
func TestVerifyRefusesWhatItDoesNotKnow(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		_, closeNow := open(t, address)
		closeNow()
		alter(t, raw(t, address), `DELETE FROM goose_db_version WHERE version_id > 3`)
		_, err := store.Verify(context.Background(), address, nil)
		if err == nil || !strings.Contains(err.Error(), "the schema of the database is at version 3, and this program's at ") {
			t.Errorf("an older schema: %v", err)
		}
		for _, nowhere := range []string{"sqlite:" + filepath.Join(t.TempDir(), "none.db"), "mysql://here", "postgres://%zz"} {
			if _, err := store.Verify(context.Background(), nowhere, nil); err == nil {
				t.Errorf("%s was verified", nowhere)
			}
		}
	})
}

// A sample of a few accounts finds nothing in right books, while they are being written, and what it looks at when
// they are not.
func TestVerifySample(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		if n, err := db.VerifySample(context.Background(), 50); n != 0 || err != nil {
			t.Errorf("an empty database: %d, %v", n, err)
		}
		openMarket(t, db)
		crowd(8, func(caller int) {
			for i := range 30 {
				if _, err := move(db, 1, outside, purse(int64(1+caller%4)), fmt.Sprint(caller, " ", i)); err != nil {
					t.Error(err)
				}
				if n, err := db.VerifySample(context.Background(), 3); n != 3 || err != nil {
					t.Errorf("verified %d of 3 accounts: %v", n, err)
				}
			}
		})
		if n, err := db.VerifySample(context.Background(), 50); n != 6 || err != nil {
			t.Errorf("verified %d of 6 accounts: %v", n, err)
		}
		closeNow()
		forgive(t, address)
		for _, c := range []tampering{
			{"available", `UPDATE accounts SET available = available + 1 WHERE wallet_id = 3`, `^all accounts in EUR: their sum is stored as 1 minor units, and computed as 0$`},
			{"reserved", `UPDATE accounts SET reserved = reserved + 1 WHERE wallet_id = 1`, `^account \d+, of wallet 1 in EUR: what is reserved is stored as 1.01 EUR, and computed as 1.00 EUR$`},
			{"frozen", `UPDATE accounts SET reserved = 0 WHERE wallet_id = 2`, `^account \d+, of wallet 2 in EUR: what is reserved is stored as 0.00 EUR, and computed as 2.92 EUR$`},
			{"below nothing", `UPDATE accounts SET available = -5 WHERE wallet_id = 3`, `^account \d+, of wallet 3 in EUR: what is available is stored as -0.05 EUR`},
			{"entries", `UPDATE accounts SET entries = entries + 1 WHERE wallet_id = 1`, `^account \d+, of wallet 1 in EUR: its entry number \d+ is stored as \d+, and computed as \d+$`},
			{"a chain", `UPDATE entries SET credit_previous = 0 WHERE id = (SELECT last_entry FROM accounts WHERE wallet_id = 2)`, `^account \d+, of wallet 2 in EUR: (its entry number|an entry in its chain)`},
			{"another's entry", `UPDATE accounts SET last_entry = (SELECT last_entry FROM accounts WHERE wallet_id = 2) WHERE wallet_id = 3`, `^account \d+, of wallet 3 in EUR: an entry in its chain is stored as \d+, of other accounts, and computed as one of it$`},
			{"an entry is deleted", `DELETE FROM entries WHERE id = (SELECT last_entry FROM accounts WHERE wallet_id = 2)`, `^account \d+, of (wallet 2|funding) in EUR: an entry in its chain is stored as \d+, which is not there, and computed as one that is$`},
		} {
			t.Run(c.name, func(t *testing.T) {
				altered, closeNow := open(t, tamper(t, address, c.statement))
				defer closeNow()
				if _, err := altered.VerifySample(context.Background(), 50); err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
					t.Errorf("found\n%v, want\n%s", err, c.want)
				}
			})
		}
	})
}

// What the writers have done is measured.
func TestMoneyMeasures(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		if m := db.MoneyMeasures(); m.Commands != 0 || m.BatchSize.Total != 0 || m.Waiting != 0 {
			t.Errorf("before any command: %+v", m)
		}
		release := holdWriter(t, db)
		done := make(chan struct{})
		go func() {
			defer close(done)
			crowd(20, func(caller int) { move(db, 1, outside, purse(1), fmt.Sprint(caller)) })
		}()
		untilWaiting(t, 20)
		if m := db.MoneyMeasures(); m.Waiting != 20 {
			t.Errorf("%d commands wait, want 20", m.Waiting)
		}
		release()
		<-done
		m := db.MoneyMeasures()
		var counted uint64
		for _, n := range m.CommitSeconds.Counts {
			counted += n
		}
		if m.Commands != 20 || m.BatchSize.Sum != 20 || m.BatchSize.Total != m.CommitSeconds.Total || m.BatchSize.Total == 0 || m.BatchSize.Total > 5 ||
			counted != m.CommitSeconds.Total || m.CommitSeconds.Sum <= 0 || m.Waiting != 0 {
			t.Errorf("after twenty commands: %+v", m)
		}
	})
}
