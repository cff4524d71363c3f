package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// Taken says whether a number of a kind that is handed out is somebody's.
func (tx *Tx) Taken(of Counter, id int64) (bool, error) {
	table := map[Counter]string{
		UserIDs: "users", WalletIDs: "wallets", ProjectIDs: "projects", ClientIDs: "clients", LocationIDs: "locations",
	}[of]
	var n int
	err := tx.queryRow(tx.ctx, `SELECT count(*) FROM `+table+` WHERE id = $1`, id).Scan(&n)
	return n > 0, err
}

// UserFilter says which users a list is of. The zero filter is of all.
type UserFilter struct {
	Type wallet.UserType
	// Text is part of the name, the e-mail address or the phone number, in capitals or not.
	Text string
	// Limit 0 is no limit.
	Limit, Offset int
}

// matches says whether the user holds the filter's text. SQLite knows the capitals of ASCII alone,
// so this is not for the engine to decide.
func (f UserFilter) matches(name, email, phone string) bool {
	text := folded(f.Text)
	if strings.Contains(folded(name), text) || strings.Contains(folded(email), text) {
		return true
	}
	digits := strings.NewReplacer("+", "", " ", "", "-", "").Replace(text)
	return digits != "" && strings.Contains(phone, digits)
}

// folded is a text without the difference between capitals and small letters.
func folded(text string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, text)
}

// Users returns a page of the users that the filter leaves, by number, and how many it leaves in
// all.
func (db *DB) Users(ctx context.Context, f UserFilter) (page []wallet.User, total int, err error) {
	ids, err := db.usersMatching(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	total = len(ids)
	ids = ids[min(max(f.Offset, 0), total):]
	if f.Limit > 0 {
		ids = ids[:min(f.Limit, len(ids))]
	}
	for chunk := range slices.Chunk(ids, 500) {
		some, err := db.usersByID(ctx, db.read, chunk)
		if err != nil {
			return nil, 0, err
		}
		page = append(page, some...)
	}
	return page, total, nil
}

// usersMatching returns the numbers of all users that the filter leaves.
func (db *DB) usersMatching(ctx context.Context, f UserFilter) ([]int64, error) {
	var ids []int64
	rows, err := db.query(ctx, db.read, `SELECT id, display_name, email, phone FROM users
		WHERE CAST($1 AS TEXT) = '' OR type = $1 ORDER BY id`, f.Type)
	_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var id int64
		var name string
		var email, phone sql.NullString
		if err = rows.Scan(&id, &name, &email, &phone); err == nil && f.matches(name, email.String, phone.String) {
			ids = append(ids, id)
		}
		return struct{}{}, err
	})
	return ids, err
}

const userColumns = `id, type, display_name, email, phone, locale, company_code, standing, dob, gender, country, city, street,
	post_index, name, surname, nationality, sealed_code, level, exposures, default_currency, registered_by, identification_id, created_at`

// usersByID returns users by number, leaving out what is not there.
func (db *DB) usersByID(ctx context.Context, q querier, ids []int64) ([]wallet.User, error) {
	args := numbers64(ids)
	in := ` IN (` + parameters(1, len(ids)) + `)`
	rows, err := db.query(ctx, q, `SELECT `+userColumns+` FROM users WHERE id`+in+` ORDER BY id`, args...)
	users, err := collect(rows, err, db.scanUser)
	if err != nil {
		return nil, err
	}
	administrators, err := db.pairs(ctx, q, `SELECT company_id, user_id FROM company_administrators
		WHERE company_id`+in+` ORDER BY company_id, user_id`, args)
	for i := range users {
		users[i].Administrators = administrators[users[i].ID]
	}
	return users, err
}

func (db *DB) scanUser(rows *sql.Rows) (u wallet.User, err error) {
	var email, phone, company sql.NullString
	var sealed []byte
	var exposures string
	var registeredBy sql.NullInt64
	var createdAt int64
	err = rows.Scan(&u.ID, &u.Type, &u.DisplayName, &email, &phone, &u.Locale, &company, &u.Standing, &u.DateOfBirth, &u.Gender,
		&u.Address.Country, &u.Address.City, &u.Address.Street, &u.Address.PostIndex,
		&u.Identity.Name, &u.Identity.Surname, &u.Identity.Nationality, &sealed, &u.Level, &exposures, &u.DefaultCurrency, &registeredBy, &u.IdentificationID, &createdAt)
	if err != nil {
		return u, err
	}
	u.Email, u.Phone, u.CompanyCode, u.CreatedAt, u.RegisteredBy = email.String, phone.String, company.String, fromMicros(createdAt), registeredBy.Int64
	if exposures != "" {
		if err := json.Unmarshal([]byte(exposures), &u.Exposures); err != nil {
			return u, err
		}
	}
	if len(sealed) > 0 {
		code, err := db.Box.Open(sealed, codePlace(u.ID))
		if err != nil {
			return u, err
		}
		u.Identity.Code = wallet.PersonCode(code.Reveal())
	}
	return u, nil
}

// codePlace names where a user's person code is sealed.
func codePlace(user int64) string { return "user " + strconv.FormatInt(user, 10) + " person code" }

// codeFingerprint is what a person code is found by.
func (db *DB) codeFingerprint(nationality string, code wallet.PersonCode) []byte {
	return db.Box.Fingerprint("person code", secret.Text(nationality+" "+string(code)))
}

// userValues are the values of userColumns from the name on, but for registered_by, identification_id and created_at, as they are stored, and
// the hashes of the contacts.
func (db *DB) userValues(u wallet.User) ([]any, error) {
	exposures := ""
	if len(u.Exposures) > 0 {
		text, err := json.Marshal(u.Exposures)
		if err != nil {
			return nil, err
		}
		exposures = string(text)
	}
	var sealed, print []byte
	if u.Identity.Code != "" {
		sealed = db.Box.Seal(secret.Text(u.Identity.Code), codePlace(u.ID))
		// What people say of themselves keeps nobody else from saying it, and finds nobody.
		if u.Level != "" && u.Level != wallet.Unidentified {
			print = db.codeFingerprint(u.Identity.Nationality, u.Identity.Code)
		}
	}
	return []any{
		u.DisplayName, orNull(u.Email), orNull(u.Phone), u.Locale, orNull(u.CompanyCode), cmp.Or(u.Standing, wallet.ActiveUser),
		u.DateOfBirth, u.Gender, u.Address.Country, u.Address.City, u.Address.Street, u.Address.PostIndex,
		u.Identity.Name, u.Identity.Surname, u.Identity.Nationality, sealed, print, cmp.Or(u.Level, wallet.Unidentified),
		exposures, u.DefaultCurrency, hashOrNull(u.Email), hashOrNull(u.Phone),
	}, nil
}

// numbers64 are numbers as arguments.
func numbers64(ids []int64) []any {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return args
}

// pairs reads rows of two numbers: for each first one the second ones.
func (db *DB) pairs(ctx context.Context, q querier, query string, args []any) (map[int64][]int64, error) {
	found := map[int64][]int64{}
	rows, err := db.query(ctx, q, query, args...)
	_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var first, second int64
		if err = rows.Scan(&first, &second); err == nil {
			found[first] = append(found[first], second)
		}
		return struct{}{}, err
	})
	return found, err
}

// User returns the user, nil when there is none.
func (db *DB) User(ctx context.Context, id int64) (*wallet.User, error) {
	return db.user(ctx, db.read, id)
}

// User returns the user as the transaction sees it, nil when there is none.
func (tx *Tx) User(id int64) (*wallet.User, error) { return tx.db.user(tx.ctx, tx.Tx, id) }

func (db *DB) user(ctx context.Context, q querier, id int64) (*wallet.User, error) {
	found, err := db.usersByID(ctx, q, []int64{id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// UserSecrets says whether a user has a password and a PIN.
func (db *DB) UserSecrets(ctx context.Context, id int64) (password, pin bool, err error) {
	var passwords, pins int
	err = db.queryRow(ctx, db.read, `SELECT count(password_hash), count(pin_hash) FROM users WHERE id = $1`, id).Scan(&passwords, &pins)
	return passwords > 0, pins > 0, err
}

// CompaniesOf returns the numbers of the companies that a person acts for, sorted.
func (db *DB) CompaniesOf(ctx context.Context, person int64) ([]int64, error) {
	rows, err := db.query(ctx, db.read, `SELECT company_id FROM company_administrators WHERE user_id = $1 ORDER BY company_id`, person)
	return collect(rows, err, scanID)
}

// UserByEmail returns the number of the user with that e-mail address, in lower case; 0 when
// there is none.
func (tx *Tx) UserByEmail(email string) (int64, error) { return tx.userWhere(`email = $1`, email) }

// UserByPhone returns the number of the user with that phone number, digits; 0 when there is none.
func (tx *Tx) UserByPhone(phone string) (int64, error) { return tx.userWhere(`phone = $1`, phone) }

func (tx *Tx) userWhere(condition, value string) (int64, error) {
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT id FROM users WHERE `+condition, value)
	found, err := collect(rows, err, scanID)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// UpdateUser replaces what is known of a user but its type, who registered it and its secrets. before
// is the user as the transaction sees it.
func (tx *Tx) UpdateUser(before, u wallet.User) error {
	values, err := tx.db.userValues(u)
	if err != nil {
		return err
	}
	_, err = tx.exec(`UPDATE users SET display_name = $2, email = $3, phone = $4, locale = $5, company_code = $6, standing = $7,
		dob = $8, gender = $9, country = $10, city = $11, street = $12, post_index = $13, name = $14, surname = $15,
		nationality = $16, sealed_code = $17, code_fingerprint = $18, level = $19, exposures = $20, default_currency = $21,
		email_hash = $22, phone_hash = $23, identification_id = $24 WHERE id = $1`,
		append(append([]any{u.ID}, values...), u.IdentificationID)...)
	if err != nil {
		return err
	}
	if before.Standing != u.Standing || before.Level != u.Level || before.DisplayName != u.DisplayName {
		if err := tx.alterHolders(u.ID); err != nil {
			return err
		}
	}
	if before.Standing != u.Standing {
		if err := tx.alterTokens(`f.user_id = $1`, u.ID); err != nil {
			return err
		}
	}
	if before.DisplayName != u.DisplayName {
		if err := tx.alterProjectsOf(u.ID); err != nil {
			return err
		}
	}
	if slices.Equal(before.Administrators, u.Administrators) {
		return nil
	}
	tx.alter(alteredAll, "") // tokens hold the projects that their users administer
	if _, err := tx.exec(`DELETE FROM company_administrators WHERE company_id = $1`, u.ID); err != nil {
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

// alterProjectsOf notes that a user's projects are altered: they carry the owner's name.
func (tx *Tx) alterProjectsOf(owner int64) error {
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT id FROM projects WHERE owner_id = $1`, owner)
	ids, err := collect(rows, err, scanID)
	for _, id := range ids {
		tx.alter(alteredProject, strconv.FormatInt(id, 10))
	}
	return err
}

// SetPassword replaces the hash of a user's password.
func (tx *Tx) SetPassword(user int64, hash []byte) error {
	_, err := tx.exec(`UPDATE users SET password_hash = $2 WHERE id = $1`, user, hash)
	return err
}

// SetPIN replaces the hash of a user's PIN.
func (tx *Tx) SetPIN(user int64, hash []byte) error {
	_, err := tx.exec(`UPDATE users SET pin_hash = $2 WHERE id = $1`, user, hash)
	return err
}

// OwnerFilter says whose wallets or projects a list is of.
type OwnerFilter struct {
	// OwnerID 0 is everybody.
	OwnerID int64
	// Limit 0 is no limit.
	Limit, Offset int
}

// where narrows a list to an owner.
func (f OwnerFilter) where() string { return ` WHERE (CAST($1 AS BIGINT) = 0 OR owner_id = $1)` }

// ids returns a page of the numbers in a table that belong to the owner, and how many do in all.
func (f OwnerFilter) ids(ctx context.Context, db *DB, q querier, table string) (page []int64, total int, err error) {
	if err := db.queryRow(ctx, q, `SELECT count(*) FROM `+table+f.where(), f.OwnerID).Scan(&total); err != nil {
		return nil, 0, err
	}
	limit := int64(f.Limit)
	if limit <= 0 {
		limit = int64(total) + 1
	}
	rows, err := db.query(ctx, q, `SELECT id FROM `+table+f.where()+` ORDER BY id LIMIT $2 OFFSET $3`, f.OwnerID, limit, max(f.Offset, 0))
	page, err = collect(rows, err, scanID)
	return page, total, err
}

// ownedPage returns a page of what is in a table, as byID reads it, and how many there are in all.
func ownedPage[T any](ctx context.Context, db *DB, f OwnerFilter, table string, byID func(ctx context.Context, q querier, ids []int64) ([]T, error)) (page []T, total int, err error) {
	err = db.inSnapshot(ctx, func(q querier) error {
		ids, n, err := f.ids(ctx, db, q, table)
		if err != nil {
			return err
		}
		total = n
		for chunk := range slices.Chunk(ids, 500) {
			some, err := byID(ctx, q, chunk)
			if err != nil {
				return err
			}
			page = append(page, some...)
		}
		return nil
	})
	return page, total, err
}

// Projects returns a page of an owner's projects, or of all, by number, and how many there are.
func (db *DB) Projects(ctx context.Context, f OwnerFilter) (page []wallet.Project, total int, err error) {
	return ownedPage(ctx, db, f, "projects", db.projectsByID)
}

func (db *DB) projectsByID(ctx context.Context, q querier, ids []int64) ([]wallet.Project, error) {
	rows, err := db.query(ctx, q, `SELECT p.id, p.title, p.description, p.owner_id, u.display_name, p.wallet_id, p.callback_uri
		FROM projects p JOIN users u ON u.id = p.owner_id WHERE p.id IN (`+parameters(1, len(ids))+`) ORDER BY p.id`, numbers64(ids)...)
	return collect(rows, err, func(rows *sql.Rows) (p wallet.Project, err error) {
		err = rows.Scan(&p.ID, &p.Title, &p.Description, &p.OwnerID, &p.OwnerDisplayName, &p.WalletID, &p.CallbackURI)
		return p, err
	})
}

// Project returns the project as the transaction sees it, nil when there is none.
func (tx *Tx) Project(id int64) (*wallet.Project, error) {
	found, err := tx.db.projectsByID(tx.ctx, tx.Tx, []int64{id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// UpdateProject replaces a project's title, description, address for callbacks and wallet, which must belong to its
// owner; the caller checks that.
func (tx *Tx) UpdateProject(p wallet.Project) error {
	tx.alter(alteredProject, strconv.FormatInt(p.ID, 10))
	_, err := tx.exec(`UPDATE projects SET title = $2, description = $3, wallet_id = $4, callback_uri = $5 WHERE id = $1`,
		p.ID, p.Title, p.Description, p.WalletID, p.CallbackURI)
	return err
}

// Wallets returns a page of an owner's wallets, or of all, by number, and how many there are.
func (db *DB) Wallets(ctx context.Context, f OwnerFilter) (page []wallet.Wallet, total int, err error) {
	return ownedPage(ctx, db, f, "wallets", db.walletsByID)
}

// walletsByID returns wallets by number with what is known of their owners, leaving out what is
// not there.
func (db *DB) walletsByID(ctx context.Context, q querier, ids []int64) ([]wallet.Wallet, error) {
	args := numbers64(ids)
	in := ` IN (` + parameters(1, len(ids)) + `)`
	rows, err := db.query(ctx, q, walletSelect+` WHERE w.id`+in+` ORDER BY w.id`, args...)
	wallets, err := collect(rows, err, scanWallet)
	if err != nil {
		return nil, err
	}
	projects, err := db.pairs(ctx, q, `SELECT wallet_id, id FROM projects WHERE wallet_id`+in+` ORDER BY wallet_id, id`, args)
	if err != nil {
		return nil, err
	}
	administrators, err := db.pairs(ctx, q, `SELECT w.id, a.user_id FROM wallets w
		JOIN company_administrators a ON a.company_id = w.owner_id WHERE w.id`+in+` ORDER BY w.id, a.user_id`, args)
	for i := range wallets {
		wallets[i].Projects, wallets[i].OwnerAdministrators = projects[wallets[i].ID], administrators[wallets[i].ID]
	}
	return wallets, err
}

// WalletsOf are the numbers of a user's wallets as the transaction sees them.
func (tx *Tx) WalletsOf(user int64) ([]int64, error) {
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT id FROM wallets WHERE owner_id = $1 ORDER BY id`, user)
	return collect(rows, err, scanID)
}

// Wallet returns the wallet as the transaction sees it, nil when there is none.
func (tx *Tx) Wallet(id int64) (*wallet.Wallet, error) {
	found, err := tx.db.walletsByID(tx.ctx, tx.Tx, []int64{id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// UpdateWallet replaces a wallet's description and whether it is in use: nothing else about it changes.
func (tx *Tx) UpdateWallet(w wallet.Wallet) error {
	tx.alter(alteredHolder, strconv.FormatInt(w.ID, 10))
	_, err := tx.exec(`UPDATE wallets SET description = $2, status = $3 WHERE id = $1`, w.ID, w.Description, walletStatus(w))
	return err
}

// PayCategoryExists says whether there is such a pay category.
func (tx *Tx) PayCategoryExists(id int64) (bool, error) {
	var n int
	err := tx.queryRow(tx.ctx, `SELECT count(*) FROM pay_categories WHERE id = $1`, id).Scan(&n)
	return n > 0, err
}
