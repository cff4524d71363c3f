package store

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/purserhq/purser/internal/wallet"
)

// Setting returns a stored setting, nil when there is none.
func (tx *Tx) Setting(name string) ([]byte, error) {
	var value []byte
	err := tx.queryRow(tx.ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	if err == sql.ErrNoRows {
		return nil, nil
	}
	return value, err
}

// SetSetting stores a setting; a secret among them is sealed by the caller.
func (tx *Tx) SetSetting(name string, value []byte) error {
	_, err := tx.exec(`INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// Counter names a kind of number that is handed out.
type Counter string

// The counters. Numbers start at 1 and are never given twice.
const (
	UserIDs     Counter = "user"
	WalletIDs   Counter = "wallet"
	ProjectIDs  Counter = "project"
	ClientIDs   Counter = "client"
	LocationIDs Counter = "location"
	SpotIDs     Counter = "spot"
	OrderIDs    Counter = "spot_order"
	auditIDs    Counter = "audit"
	authorities Counter = "authority"
	accountIDs  Counter = "account"
	entryIDs    Counter = "entry"
	writerIDs   Counter = "writer"

	transactionIDs Counter = "transaction"
	paymentIDs     Counter = "payment"
	allowanceIDs   Counter = "allowance"
	requestIDs     Counter = "transaction_request"

	identificationIDs Counter = "identification"
	// ConfirmationIDs are apart from all users' numbers: both go where the protocol has a user's.
	ConfirmationIDs Counter = "confirmation"
	InvitationIDs   Counter = "invitation"
	familyIDs       Counter = "family"
	messageIDs      Counter = "message"
)

// NextID hands out a number, or takes wanted, where that is not 0, and goes on above it.
func (tx *Tx) NextID(of Counter, wanted int64) (int64, error) {
	if wanted != 0 {
		_, err := tx.exec(`INSERT INTO counters (name, next) VALUES ($1, CAST($2 AS BIGINT) + 1)
			ON CONFLICT (name) DO UPDATE SET next = CASE WHEN counters.next > CAST($2 AS BIGINT) THEN counters.next ELSE excluded.next END`,
			of, wanted)
		return wanted, err
	}
	return tx.nextIDs(of, 1)
}

// nextIDs hands out n numbers in a row and returns the first.
func (tx *Tx) nextIDs(of Counter, n int64) (first int64, err error) {
	err = tx.queryRow(tx.ctx, `INSERT INTO counters (name, next) VALUES ($1, 1 + CAST($2 AS BIGINT))
		ON CONFLICT (name) DO UPDATE SET next = counters.next + CAST($2 AS BIGINT) RETURNING next - CAST($2 AS BIGINT)`, of, n).Scan(&first)
	return first, err
}

// InsertUser adds a person or a company; the hashes may be nil.
func (tx *Tx) InsertUser(u wallet.User, passwordHash, pinHash []byte) error {
	if len(u.Administrators) > 0 {
		tx.alter(alteredAll, "") // what their tokens reach
	}
	values, err := tx.db.userValues(u)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO users (id, display_name, email, phone, locale, company_code, standing, dob, gender, country, city,
			street, post_index, name, surname, nationality, sealed_code, code_fingerprint, level, exposures, default_currency,
			email_hash, phone_hash, type, password_hash, pin_hash, registered_by, created_at)
		VALUES (`+parameters(1, 28)+`)`,
		append(append([]any{u.ID}, values...), u.Type, passwordHash, pinHash, idOrNull(u.RegisteredBy), micros(u.CreatedAt))...)
	if err != nil {
		return err
	}
	for _, administrator := range u.Administrators {
		_, err := tx.exec(`INSERT INTO company_administrators (company_id, user_id) VALUES ($1, $2)`, u.ID, administrator)
		if err != nil {
			return err
		}
	}
	return nil
}

// MarkRegistered notes that a user registered, rather than was made by an operator: who never confirms a
// contact is removed again.
func (tx *Tx) MarkRegistered(id int64) error {
	_, err := tx.exec(`UPDATE users SET registered_at = $2 WHERE id = $1`, id, micros(tx.db.Now()))
	return err
}

// UserType returns whether the user is a person or a company; empty when there is none.
func (tx *Tx) UserType(id int64) (t wallet.UserType, err error) {
	err = tx.queryRow(tx.ctx, `SELECT type FROM users WHERE id = $1`, id).Scan(&t)
	if err == sql.ErrNoRows {
		return "", nil
	}
	return t, err
}

// InsertWallet adds an empty wallet.
func (tx *Tx) InsertWallet(w wallet.Wallet) error {
	tx.alter(alteredHolder, strconv.FormatInt(w.ID, 10))
	_, err := tx.exec(`INSERT INTO wallets (id, owner_id, account_number, description, status, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		w.ID, w.OwnerID, w.AccountNumber, w.Description, walletStatus(w), micros(tx.db.Now()))
	return err
}

// WalletOwner returns the user that a wallet belongs to; 0 when there is no such wallet.
func (tx *Tx) WalletOwner(id int64) (owner int64, err error) {
	err = tx.queryRow(tx.ctx, `SELECT owner_id FROM wallets WHERE id = $1`, id).Scan(&owner)
	if err == sql.ErrNoRows {
		return 0, nil
	}
	return owner, err
}

const walletSelect = `SELECT w.id, w.owner_id, w.account_number, w.description, w.status = 'inactive', u.type, u.display_name
	FROM wallets w JOIN users u ON u.id = w.owner_id`

// Wallet returns the wallet with what is known of its owner; nil when there is none.
func (db *DB) Wallet(ctx context.Context, id int64) (*wallet.Wallet, error) {
	return db.walletWhere(ctx, ` WHERE w.id = $1`, id)
}

// WalletOfUser returns the number of a wallet of a user; 0 when they have none.
func (tx *Tx) WalletOfUser(user int64) (id int64, err error) {
	err = tx.queryRow(tx.ctx, `SELECT COALESCE(min(id), 0) FROM wallets WHERE owner_id = $1`, user).Scan(&id)
	return id, err
}

// WalletOfUser returns the oldest wallet of a user that is in use, the oldest of all where none is; nil when they
// have none.
func (db *DB) WalletOfUser(ctx context.Context, user int64) (*wallet.Wallet, error) {
	return db.walletWhere(ctx, ` WHERE w.owner_id = $1 ORDER BY w.status, w.created_at, w.id LIMIT 1`, user)
}

func scanWallet(rows *sql.Rows) (w wallet.Wallet, err error) {
	err = rows.Scan(&w.ID, &w.OwnerID, &w.AccountNumber, &w.Description, &w.Inactive, &w.OwnerType, &w.OwnerDisplayName)
	return w, err
}

func (db *DB) walletWhere(ctx context.Context, where string, arg any) (*wallet.Wallet, error) {
	rows, err := db.query(ctx, db.read, walletSelect+where, arg)
	found, err := collect(rows, err, scanWallet)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	w := &found[0]
	rows, err = db.query(ctx, db.read, `SELECT id FROM projects WHERE wallet_id = $1 ORDER BY id`, w.ID)
	if w.Projects, err = collect(rows, err, scanID); err != nil {
		return nil, err
	}
	if w.OwnerType == wallet.Legal {
		rows, err = db.query(ctx, db.read, `SELECT user_id FROM company_administrators WHERE company_id = $1 ORDER BY user_id`, w.OwnerID)
		w.OwnerAdministrators, err = collect(rows, err, scanID)
	}
	return w, err
}

// InsertProject adds a project; its wallet must belong to its owner, which the caller checks.
func (tx *Tx) InsertProject(p wallet.Project) error {
	tx.alter(alteredAll, "")
	_, err := tx.exec(`INSERT INTO projects (id, title, description, owner_id, wallet_id, created_at, callback_uri) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		p.ID, p.Title, p.Description, p.OwnerID, p.WalletID, micros(tx.db.Now()), p.CallbackURI)
	return err
}

// ProjectExists says whether there is such a project.
func (tx *Tx) ProjectExists(id int64) (bool, error) {
	var n int
	err := tx.queryRow(tx.ctx, `SELECT count(*) FROM projects WHERE id = $1`, id).Scan(&n)
	return n > 0, err
}

// MACIDTaken says whether some client signs as that.
func (tx *Tx) MACIDTaken(macID string) (bool, error) {
	var n int
	err := tx.queryRow(tx.ctx, `SELECT count(*) FROM clients WHERE mac_id = $1`, macID).Scan(&n)
	return n > 0, err
}

// LocationProject returns the project of a place; 0 when there is no such place.
func (tx *Tx) LocationProject(id int64) (project int64, err error) {
	err = tx.queryRow(tx.ctx, `SELECT project_id FROM locations WHERE id = $1`, id).Scan(&project)
	if err == sql.ErrNoRows {
		return 0, nil
	}
	return project, err
}

// WalletByNumber returns the wallet with the account number; nil when there is none.
func (db *DB) WalletByNumber(ctx context.Context, number string) (*wallet.Wallet, error) {
	if !storable(number) {
		return nil, nil
	}
	return db.walletWhere(ctx, ` WHERE w.account_number = $1`, number)
}

// ClientExists says whether there is such a client.
func (tx *Tx) ClientExists(id int64) (bool, error) {
	var n int
	err := tx.queryRow(tx.ctx, `SELECT count(*) FROM clients WHERE id = $1`, id).Scan(&n)
	return n > 0, err
}

// ProjectsOfUser returns the projects that the user administers, by id: their own, those of
// companies that they act for, and those that they were made an administrator of.
func (db *DB) ProjectsOfUser(ctx context.Context, user int64) ([]wallet.Project, error) {
	return db.projectsWhere(ctx, projectsOfUser, user)
}

// projectsOfUser is the condition for ProjectsOfUser.
const projectsOfUser = `p.owner_id = $1
	OR p.owner_id IN (SELECT company_id FROM company_administrators WHERE user_id = $1)
	OR p.id IN (SELECT project_id FROM project_administrators WHERE user_id = $1)`

func (db *DB) projectsWhere(ctx context.Context, where string, arg int64) ([]wallet.Project, error) {
	return db.projectsIn(ctx, db.read, where, arg)
}

func (db *DB) projectsIn(ctx context.Context, q querier, where string, arg int64) ([]wallet.Project, error) {
	rows, err := db.query(ctx, q, `SELECT p.id, p.title, p.description, p.owner_id, u.display_name, p.wallet_id, p.callback_uri
		FROM projects p JOIN users u ON u.id = p.owner_id WHERE `+where+` ORDER BY p.id`, arg)
	return collect(rows, err, func(rows *sql.Rows) (p wallet.Project, err error) {
		err = rows.Scan(&p.ID, &p.Title, &p.Description, &p.OwnerID, &p.OwnerDisplayName, &p.WalletID, &p.CallbackURI)
		return p, err
	})
}
