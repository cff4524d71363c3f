package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// town is a database with people who pay and merchants who are paid. A merchant's user, wallet, project and client
// have one number, a payer's user and wallet too.
type town struct {
	address string
	box     *secret.Box
	kek     secret.Text
	// payers have a wallet with money, and the first withTokens of them a token in the app.
	payers, withTokens int
	now                func() time.Time
	// key signs for every client and every token of the town.
	key secret.Text
	db  *store.DB
	// postmaster is PostgreSQL's main process; 0 where there is none on this machine.
	postmaster int
}

// The numbers of a town.
const (
	merchants     = 1000
	firstMerchant = 1001
	appNumber     = 1
	firstPayer    = 100_001
	purse         = 1_000_000_000 // of a payer, in cents
	currency      = money.Currency("EUR")
)

func merchantMACID(id int64) string { return fmt.Sprintf("merchant%d", id) }
func payerToken(id int64) string    { return fmt.Sprintf("token-of-payer-%017d", id) }

// newTown makes a town on a database that is empty.
func (b *bench) newTown(ctx context.Context, address string, payers, withTokens int) (*town, error) {
	t := &town{address: address, payers: payers, withTokens: withTokens, kek: secret.NewKEK(), key: secret.NewKey(), now: b.now}
	var err error
	if t.box, err = secret.NewBox(t.kek); err != nil {
		return nil, err
	}
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	if t.postmaster, err = t.mainProcess(ctx); err != nil {
		return nil, errors.Join(err, t.close())
	}
	if err := t.settle(ctx); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// open opens the town's database in this process.
func (t *town) open(ctx context.Context) (err error) {
	t.db, err = store.Open(ctx, t.address, store.Options{Box: t.box, Now: t.now, Log: slog.Default()})
	return err
}

// close closes it, so that a server can have it.
func (t *town) close() error {
	if t.db == nil {
		return nil
	}
	err := t.db.Close()
	t.db = nil
	return err
}

// settle fills the town.
func (t *town) settle(ctx context.Context) error {
	app := wallet.Client{
		ID: appNumber, MACID: "PayersApp1", Title: "App of the payers", Type: wallet.PrivateClient, CreatedAt: t.now(),
		Permissions: []wallet.Permission{wallet.UseOAuthAPI, wallet.UsePasswordGrant, wallet.UseWalletAPI},
	}
	err := t.db.Update(ctx, func(tx *store.Tx) error { return tx.InsertClient(app, t.key, time.Time{}) })
	if err != nil {
		return err
	}
	if err := t.each(ctx, firstMerchant, merchants, t.addMerchant); err != nil {
		return err
	}
	if t.withTokens > 0 {
		if err := t.each(ctx, firstPayer, t.payers, t.addPayer); err != nil {
			return err
		}
	}
	return t.fund(ctx)
}

// each adds so many of a kind, a thousand to a transaction.
func (t *town) each(ctx context.Context, first int64, count int, add func(tx *store.Tx, id int64) error) error {
	const together = 1000
	for from := 0; from < count; from += together {
		err := t.db.Update(ctx, func(tx *store.Tx) error {
			for i := from; i < min(from+together, count); i++ {
				if err := add(tx, first+int64(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *town) addPerson(tx *store.Tx, id int64) error {
	u := wallet.User{ID: id, Type: wallet.Natural, DisplayName: fmt.Sprint("Person ", id), Locale: "lt", Standing: wallet.ActiveUser,
		Level: wallet.Unidentified, CreatedAt: t.now()}
	if err := tx.InsertUser(u, nil, nil); err != nil {
		return err
	}
	return tx.InsertWallet(wallet.Wallet{ID: id, OwnerID: id, AccountNumber: fmt.Sprintf("EVP%013d", id)})
}

func (t *town) addMerchant(tx *store.Tx, id int64) error {
	if err := t.addPerson(tx, id); err != nil {
		return err
	}
	if err := tx.InsertProject(wallet.Project{ID: id, Title: fmt.Sprint("Shop ", id), OwnerID: id, WalletID: id}); err != nil {
		return err
	}
	return tx.InsertClient(wallet.Client{
		ID: id, MACID: merchantMACID(id), Title: fmt.Sprint("Back end of shop ", id), Type: wallet.PrivateClient, CreatedAt: t.now(),
		Permissions: []wallet.Permission{wallet.UseWalletAPI}, Projects: []int64{id}, MainProject: id,
	}, t.key, time.Time{})
}

func (t *town) addPayer(tx *store.Tx, id int64) error {
	if err := t.addPerson(tx, id); err != nil || id >= int64(firstPayer+t.withTokens) {
		return err
	}
	life := t.now().Add(24 * time.Hour)
	return tx.InsertToken(store.Token{
		Token:  wallet.Token{UserID: id, ClientID: appNumber, Scopes: []wallet.Scope{wallet.ScopeBalance}, ExpiresAt: life},
		Access: secret.Text(payerToken(id)), Refresh: secret.Text("refresh of " + payerToken(id)), Key: t.key, RefreshExpiresAt: life,
	})
}

// fund gives every payer money.
func (t *town) fund(ctx context.Context) error {
	const together = 100
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	outside := ledger.SystemAccount(ledger.Funding, currency)
	for from := 0; from < t.payers; from += together {
		group.Go(func() error {
			command := store.MoneyCommand[int]{Needs: store.Needs{Accounts: []ledger.Key{outside}}}
			var postings []ledger.Posting
			for i := from; i < min(from+together, t.payers); i++ {
				account := ledger.WalletAccount(firstPayer+int64(i), currency)
				command.Needs.Accounts = append(command.Needs.Accounts, account)
				postings = append(postings, ledger.Posting{
					Debit: outside, Credit: account, Amount: money.Amount{Minor: purse, Currency: currency}, Kind: "operator_credit",
				})
			}
			command.Decide = func(m *store.MoneyTx) (int, error) { _, err := m.Post(postings...); return 0, err }
			_, err := store.Money(ctx, t.db, command)
			return err
		})
	}
	return group.Wait()
}

// engine names the town's engine.
func (t *town) engine() string {
	if t.isSQLite() {
		return "SQLite"
	}
	return "PostgreSQL"
}

func (t *town) isSQLite() bool { return strings.HasPrefix(t.address, "sqlite:") }

// pool opens the town's database beside whoever else has it open, to look at it.
func (t *town) pool() (*sql.DB, error) {
	if path, ok := strings.CutPrefix(t.address, "sqlite:"); ok {
		return sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)&_pragma=busy_timeout(5000)")
	}
	return sql.Open("pgx", t.address)
}

// books are what the database says about money.
type books struct {
	// sum is what all accounts hold together, which must be nothing; reserved what is held in all.
	sum, reserved int64
	// confirmed counts the transactions that were, whole lives.
	confirmed int64
	// chains counts the entries that the accounts say they have, two for each movement between two of them;
	// movements counts these in the journal.
	chains, movements int64
}

// audit reads the books.
func (t *town) audit(ctx context.Context) (books, error) {
	pool, err := t.pool()
	if err != nil {
		return books{}, err
	}
	defer pool.Close()
	var b books
	for query, to := range map[string]*int64{
		`SELECT CAST(sum(available) + sum(reserved) AS BIGINT) FROM accounts`: &b.sum,
		`SELECT CAST(sum(reserved) AS BIGINT) FROM accounts`:                  &b.reserved,
		`SELECT CAST(sum(entries) AS BIGINT) FROM accounts`:                   &b.chains,
		`SELECT count(*) FROM entries WHERE debit_account <> credit_account`:  &b.movements,
		`SELECT count(*) FROM transactions WHERE status = 'confirmed'`:        &b.confirmed,
	} {
		if err := pool.QueryRowContext(ctx, query).Scan(to); err != nil {
			return b, err
		}
	}
	return b, nil
}

// check audits the town after so many payments were counted since before.
func (t *town) check(ctx context.Context, before books, counted int64) error {
	after, err := t.audit(ctx)
	switch {
	case err != nil:
		return err
	case after.sum != 0:
		return fmt.Errorf("all accounts together hold %d", after.sum)
	case after.chains != 2*after.movements:
		return fmt.Errorf("the accounts count %d entries, and the journal has %d movements", after.chains, after.movements)
	case after.confirmed-before.confirmed != counted:
		return fmt.Errorf("%d payments were answered with 200, and the database has %d more", counted, after.confirmed-before.confirmed)
	}
	return nil
}

// sqliteAddress is that of a new file in the run's folder.
func (b *bench) sqliteAddress(name string) string {
	return "sqlite:" + filepath.Join(b.folder, name+".db")
}

// postgresAddress makes an empty database on the server that PURSER_TEST_POSTGRES names. drop removes it.
func (b *bench) postgresAddress(ctx context.Context, name string) (address string, drop func(), err error) {
	admin, err := sql.Open("pgx", b.postgres)
	if err != nil {
		return "", nil, err
	}
	defer admin.Close()
	name = "purser_bench_" + name
	if _, err := admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
		return "", nil, err
	}
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	whole, err := url.Parse(b.postgres)
	if err != nil {
		return "", nil, err
	}
	whole.Path = "/" + name
	return whole.String(), func() {
		if admin, err := sql.Open("pgx", b.postgres); err == nil {
			admin.Exec("DROP DATABASE " + name + " WITH (FORCE)")
			admin.Close()
		}
	}, nil
}
