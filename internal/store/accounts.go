package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// UserByContact returns the number of the user with that e-mail address or phone number; 0 when there
// is none.
func (db *DB) UserByContact(ctx context.Context, contact string) (int64, error) {
	return db.userByContact(ctx, db.read, contact)
}

// UserByContact is the same as the transaction sees it.
func (tx *Tx) UserByContact(contact string) (int64, error) {
	return tx.db.userByContact(tx.ctx, tx.Tx, contact)
}

func (db *DB) userByContact(ctx context.Context, q querier, contact string) (id int64, err error) {
	if !storable(contact) {
		return 0, nil
	}
	err = db.queryRow(ctx, q, `SELECT f.id`+userWithContact, contact).Scan(&id)
	return id, err
}

// UserByCode returns the number of the user with that person code; 0 when there is none.
func (db *DB) UserByCode(ctx context.Context, nationality string, code wallet.PersonCode) (id int64, err error) {
	err = db.queryRow(ctx, db.read, `SELECT id FROM users WHERE code_fingerprint = $1`, db.codeFingerprint(nationality, code)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// CodeTaken returns whose that person code is as the transaction sees it; 0 for nobody's.
func (tx *Tx) CodeTaken(nationality string, code wallet.PersonCode) (id int64, err error) {
	err = tx.queryRow(tx.ctx, `SELECT id FROM users WHERE code_fingerprint = $1`, tx.db.codeFingerprint(nationality, code)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// userWithContact finds the number of the user with a contact, 0 where there is none, by both indexes either way.
const userWithContact = ` FROM (SELECT COALESCE((SELECT id FROM users WHERE email = $1), 0)
	+ COALESCE((SELECT id FROM users WHERE phone = $1), 0) AS id) AS f`

// someUser finds the user with a contact, and some other one where there is none, whose number is then 0: it reads as
// many pages either way, so that both take the same time. A contact is never an e-mail address and a phone number at once.
const someUser = userWithContact + `
	JOIN users u ON u.id = CASE WHEN f.id = 0 THEN (SELECT min(id) FROM users) ELSE f.id END`

// SignInSecrets are what somebody who gives a contact is compared with. For an unknown contact it is the
// number 0 without a hash, at the cost of another.
func (db *DB) SignInSecrets(ctx context.Context, contact string) (user int64, standing wallet.Standing, passwordHash []byte, err error) {
	if !storable(contact) {
		contact = ""
	}
	err = db.queryRow(ctx, db.read, `SELECT f.id, u.standing, u.password_hash`+someUser, contact).Scan(&user, &standing, &passwordHash)
	if errors.Is(err, sql.ErrNoRows) { // there are no users at all
		return 0, wallet.ActiveUser, nil, nil
	}
	if user == 0 {
		standing, passwordHash = wallet.ActiveUser, nil
	}
	return user, standing, passwordHash, err
}

// ReachedBy returns the user whose contact it is as the transaction sees it, with the language they are written to in;
// the number 0 for nobody, at the cost of another. read is the number of the one that was read either way.
func (tx *Tx) ReachedBy(contact string) (user, read int64, standing wallet.Standing, locale string, err error) {
	err = tx.queryRow(tx.ctx, `SELECT f.id, u.id, u.standing, u.locale`+someUser, contact).Scan(&user, &read, &standing, &locale)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil // there are no users at all
	}
	if user == 0 {
		standing, locale = wallet.ActiveUser, ""
	}
	return user, read, standing, locale, err
}

// Hashes returns the hashes of a user's password and PIN, nil where there is none.
func (db *DB) Hashes(ctx context.Context, user int64) (password, pin []byte, err error) {
	err = db.queryRow(ctx, db.read, `SELECT password_hash, pin_hash FROM users WHERE id = $1`, user).Scan(&password, &pin)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, nil
	}
	return password, pin, err
}

// InsertSignIn notes that a user signed in on the pages, under a cookie that is stored as its SHA-256. now
// is the wall clock.
func (tx *Tx) InsertSignIn(cookie secret.Text, user int64, now time.Time) error {
	_, err := tx.exec(`INSERT INTO sign_ins (fingerprint, user_id, created_at, seen_at) VALUES ($1, $2, $3, $3)`,
		secret.Fingerprint(cookie), user, micros(now))
	return err
}

// SignIn is somebody who is signed in on the pages.
type SignIn struct {
	User              int64
	CreatedAt, SeenAt time.Time
}

// SignIn returns who is signed in under a cookie, nil when nobody is, or nobody who may.
func (db *DB) SignIn(ctx context.Context, cookie secret.Text) (*SignIn, error) {
	var s SignIn
	var createdAt, seenAt int64
	err := db.queryRow(ctx, db.read, `SELECT s.user_id, s.created_at, s.seen_at FROM sign_ins s JOIN users u ON u.id = s.user_id
		WHERE s.fingerprint = $1 AND u.standing <> 'inactive'`, secret.Fingerprint(cookie)).Scan(&s.User, &createdAt, &seenAt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	s.CreatedAt, s.SeenAt = fromMicros(createdAt), fromMicros(seenAt)
	return &s, err
}

// SeeSignIn notes that somebody who is signed in was there. now is the wall clock.
func (tx *Tx) SeeSignIn(cookie secret.Text, now time.Time) error {
	_, err := tx.exec(`UPDATE sign_ins SET seen_at = $2 WHERE fingerprint = $1`, secret.Fingerprint(cookie), micros(now))
	return err
}

// DropSignIn signs somebody out, DropSignIns a user everywhere but where they do it from; an empty cookie
// is nowhere.
func (tx *Tx) DropSignIn(cookie secret.Text) error {
	_, err := tx.exec(`DELETE FROM sign_ins WHERE fingerprint = $1`, secret.Fingerprint(cookie))
	return err
}

// DropSignIns is described at DropSignIn.
func (tx *Tx) DropSignIns(user int64, but secret.Text) error {
	_, err := tx.exec(`DELETE FROM sign_ins WHERE user_id = $1 AND fingerprint <> $2`, user, secret.Fingerprint(but))
	return err
}

// ConfirmationPurpose says what a code is for.
type ConfirmationPurpose string

// The purposes of codes.
const (
	// ForContact proves that somebody reads an e-mail address or a phone.
	ForContact ConfirmationPurpose = "contact"
	// ForPassword lets somebody set a new password.
	ForPassword ConfirmationPurpose = "password"
	// ForScope attaches an extended scope to a token.
	ForScope ConfirmationPurpose = "scope"
)

// Confirmation is a code that somebody was sent and has to give back.
type Confirmation struct {
	ID      int64
	Purpose ConfirmationPurpose
	// UserID is whom it is for; 0 where there is nobody, which is not told.
	UserID   int64
	ClientID int64
	// Contact is where the code went; for a scope, the scope that it is for.
	Contact string
	// CodeHash is the keyed hash of the code, empty where none was sent.
	CodeHash             []byte
	Attempts             int
	CreatedAt, ExpiresAt time.Time
	// UsedAt is zero while the code was not given back.
	UsedAt time.Time
}

// Live says whether the code may still be given back.
func (c *Confirmation) Live(now time.Time, mostAttempts int) bool {
	return c.UsedAt.IsZero() && now.Before(c.ExpiresAt) && c.Attempts < mostAttempts
}

// InsertConfirmation adds a confirmation, under a handle that is stored as its SHA-256.
func (tx *Tx) InsertConfirmation(handle secret.Text, c Confirmation) error {
	_, err := tx.exec(`INSERT INTO confirmations (id, fingerprint, purpose, user_id, client_id, contact, code_hash, attempts, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)`,
		c.ID, secret.Fingerprint(handle), c.Purpose, idOrNull(c.UserID), idOrNull(c.ClientID), c.Contact,
		append([]byte{}, c.CodeHash...), micros(c.CreatedAt), micros(c.ExpiresAt))
	return err
}

const confirmationSelect = `SELECT id, purpose, user_id, client_id, contact, code_hash, attempts, created_at, expires_at, used_at
	FROM confirmations WHERE `

func scanConfirmation(rows *sql.Rows) (c Confirmation, err error) {
	var user, client, usedAt sql.NullInt64
	var createdAt, expiresAt int64
	err = rows.Scan(&c.ID, &c.Purpose, &user, &client, &c.Contact, &c.CodeHash, &c.Attempts, &createdAt, &expiresAt, &usedAt)
	c.UserID, c.ClientID = user.Int64, client.Int64
	c.CreatedAt, c.ExpiresAt, c.UsedAt = fromMicros(createdAt), fromMicros(expiresAt), timeOrZero(usedAt)
	return c, err
}

func (tx *Tx) confirmationWhere(condition string, args ...any) (*Confirmation, error) {
	rows, err := tx.db.query(tx.ctx, tx.Tx, confirmationSelect+condition, args...)
	found, err := collect(rows, err, scanConfirmation)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// ConfirmationByHandle returns the confirmation under a handle, ConfirmationByID the one with a number;
// nil when there is none.
func (tx *Tx) ConfirmationByHandle(handle secret.Text) (*Confirmation, error) {
	return tx.confirmationWhere(`fingerprint = $1`, secret.Fingerprint(handle))
}

// ConfirmationByID is described at ConfirmationByHandle.
func (tx *Tx) ConfirmationByID(id int64) (*Confirmation, error) {
	return tx.confirmationWhere(`id = $1`, id)
}

// LatestConfirmation returns the latest confirmation of a user for a purpose, whose contact is an e-mail
// address or, where phone is set, a phone number; nil when there is none.
func (tx *Tx) LatestConfirmation(user int64, purpose ConfirmationPurpose, phone bool) (*Confirmation, error) {
	form := `contact LIKE '%@%'`
	if phone {
		form = `contact NOT LIKE '%@%'`
	}
	return tx.confirmationWhere(`user_id = $1 AND purpose = $2 AND `+form+` ORDER BY id DESC LIMIT 1`, user, purpose)
}

// LatestScopeCode returns the latest confirmation for an extended scope of a user's token in a client's
// hands; nil when there is none.
func (tx *Tx) LatestScopeCode(user, client int64, scope string) (*Confirmation, error) {
	return tx.confirmationWhere(`user_id = $1 AND purpose = 'scope' AND client_id = $2 AND contact = $3 ORDER BY id DESC LIMIT 1`, user, client, scope)
}

// RecentConfirmations counts the codes since a time that went where one like this goes: to its contact or, for a
// scope, to its user, whichever scopes and clients they were for.
func (tx *Tx) RecentConfirmations(like Confirmation, since time.Time) (n int, err error) {
	if like.Purpose == ForScope {
		err = tx.queryRow(tx.ctx, `SELECT count(*) FROM confirmations WHERE user_id = $1 AND purpose = 'scope' AND created_at > $2`,
			like.UserID, micros(since)).Scan(&n)
		return n, err
	}
	err = tx.queryRow(tx.ctx, `SELECT count(*) FROM confirmations WHERE contact = $1 AND purpose <> 'scope' AND created_at > $2`,
		like.Contact, micros(since)).Scan(&n)
	return n, err
}

// CountAttempt counts a wrong code, UseConfirmation ends a confirmation whose code was right.
func (tx *Tx) CountAttempt(id int64) error {
	_, err := tx.exec(`UPDATE confirmations SET attempts = attempts + 1 WHERE id = $1`, id)
	return err
}

// UseConfirmation is described at CountAttempt.
func (tx *Tx) UseConfirmation(id int64) error {
	_, err := tx.exec(`UPDATE confirmations SET used_at = $2 WHERE id = $1`, id, micros(tx.db.Now()))
	return err
}

// Attempts are wrong tries in a row.
type Attempts struct {
	Failures int
	// LastAt is since when none was forgotten, the last one or a while before; BlockedUntil is when the next one is heard. Both
	// are on the wall clock.
	LastAt, BlockedUntil time.Time
}

// Attempts returns the wrong tries under a fingerprint, none when there were none.
func (db *DB) Attempts(ctx context.Context, fingerprint []byte) (Attempts, error) {
	return db.attempts(ctx, db.read, fingerprint)
}

// Attempts is the same as the transaction sees it.
func (tx *Tx) Attempts(fingerprint []byte) (Attempts, error) {
	return tx.db.attempts(tx.ctx, tx.Tx, fingerprint)
}

func (db *DB) attempts(ctx context.Context, q querier, fingerprint []byte) (a Attempts, err error) {
	var lastAt, blockedUntil int64
	err = db.queryRow(ctx, q, `SELECT failures, last_at, blocked_until FROM attempts WHERE fingerprint = $1`, fingerprint).
		Scan(&a.Failures, &lastAt, &blockedUntil)
	if errors.Is(err, sql.ErrNoRows) {
		return Attempts{}, nil
	}
	a.LastAt, a.BlockedUntil = fromMicros(lastAt), fromMicros(blockedUntil)
	return a, err
}

// SetAttempts replaces the wrong tries under a fingerprint; none forgets them.
func (tx *Tx) SetAttempts(fingerprint []byte, a Attempts) error {
	if a.Failures == 0 {
		_, err := tx.exec(`DELETE FROM attempts WHERE fingerprint = $1`, fingerprint)
		return err
	}
	_, err := tx.exec(`INSERT INTO attempts (fingerprint, failures, last_at, blocked_until) VALUES ($1, $2, $3, $4)
		ON CONFLICT (fingerprint) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, blocked_until = excluded.blocked_until`,
		fingerprint, a.Failures, micros(a.LastAt), micros(a.BlockedUntil))
	return err
}

// Invitation asks whoever reads a contact to administer a project.
type Invitation struct {
	ID, ProjectID int64
	Contact       string
	InvitedBy     int64
	CreatedAt     time.Time
}

// ProjectAdministrators returns the users who were made administrators of a project, by number, and whom
// it waits for. The owner and who acts for the owner are not among them.
func (db *DB) ProjectAdministrators(ctx context.Context, project int64) (users []int64, invited []Invitation, err error) {
	if users, err = db.projectAdministrators(ctx, db.read, project); err != nil {
		return nil, nil, err
	}
	invited, err = db.invitationsWhere(ctx, db.read, `project_id = $1`, project)
	return users, invited, err
}

// ProjectAdministrators are those users as the transaction sees them.
func (tx *Tx) ProjectAdministrators(project int64) ([]int64, error) {
	return tx.db.projectAdministrators(tx.ctx, tx.Tx, project)
}

// InvitationsOf are the invitations to administer a project as the transaction sees them.
func (tx *Tx) InvitationsOf(project int64) ([]Invitation, error) {
	return tx.db.invitationsWhere(tx.ctx, tx.Tx, `project_id = $1`, project)
}

func (db *DB) projectAdministrators(ctx context.Context, q querier, project int64) ([]int64, error) {
	rows, err := db.query(ctx, q, `SELECT user_id FROM project_administrators WHERE project_id = $1 ORDER BY user_id`, project)
	return collect(rows, err, scanID)
}

func (db *DB) invitationsWhere(ctx context.Context, q querier, condition string, args ...any) ([]Invitation, error) {
	rows, err := db.query(ctx, q, `SELECT id, project_id, contact, invited_by, created_at FROM project_invitations WHERE `+condition+` ORDER BY id`, args...)
	return collect(rows, err, func(rows *sql.Rows) (i Invitation, err error) {
		var at int64
		err = rows.Scan(&i.ID, &i.ProjectID, &i.Contact, &i.InvitedBy, &at)
		i.CreatedAt = fromMicros(at)
		return i, err
	})
}

// InvitationsTo returns the invitations to those contacts; an empty one is nobody's.
func (db *DB) InvitationsTo(ctx context.Context, email, phone string) ([]Invitation, error) {
	return db.invitationsWhere(ctx, db.read, `contact <> '' AND (contact = $1 OR contact = $2)`, email, phone)
}

// Invitation returns the invitation, nil when there is none.
func (tx *Tx) Invitation(id int64) (*Invitation, error) {
	found, err := tx.db.invitationsWhere(tx.ctx, tx.Tx, `id = $1`, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// InsertInvitation adds an invitation, unless that contact is invited to the project already; false then.
func (tx *Tx) InsertInvitation(i Invitation) (bool, error) {
	n, err := tx.exec(`INSERT INTO project_invitations (id, project_id, contact, invited_by, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (project_id, contact) DO NOTHING`, i.ID, i.ProjectID, i.Contact, i.InvitedBy, micros(tx.db.Now()))
	return n > 0, err
}

// DropInvitation takes an invitation to a project back; false when there is none.
func (tx *Tx) DropInvitation(project, id int64) (bool, error) {
	n, err := tx.exec(`DELETE FROM project_invitations WHERE id = $2 AND project_id = $1`, project, id)
	return n > 0, err
}

// AddAdministrator makes a user an administrator of a project, DropAdministrator ends that; false when
// nothing changes by it.
func (tx *Tx) AddAdministrator(project, user int64) (bool, error) {
	n, err := tx.exec(`INSERT INTO project_administrators (project_id, user_id) VALUES ($1, $2) ON CONFLICT (project_id, user_id) DO NOTHING`, project, user)
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.alterTokens(`f.user_id = $1`, user)
}

// DropAdministrator is described at AddAdministrator.
func (tx *Tx) DropAdministrator(project, user int64) (bool, error) {
	n, err := tx.exec(`DELETE FROM project_administrators WHERE project_id = $1 AND user_id = $2`, project, user)
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.alterTokens(`f.user_id = $1`, user)
}

// spare says how long what is spent stays before it is pruned: long enough to tell a stolen token from one
// that never was.
const (
	spareTokens   = 7 * 24 * time.Hour
	spareCodes    = 24 * time.Hour
	spareAttempts = 24 * time.Hour
	spareMessages = 30 * 24 * time.Hour
	// spareTransactions is how long after it was made a transaction that nobody accepted can still be read.
	spareTransactions = 2 * wallet.NewLife
	// spareAnswers is how long a request can be repeated under its idempotency key.
	spareAnswers = 7 * 24 * time.Hour
	// longestVisit ends the visit of who never checked out of a spot.
	longestVisit = 24 * time.Hour
	// spareUsers is how long somebody who registered may take to confirm a contact.
	spareUsers = 7 * 24 * time.Hour
)

// Prune removes what has served its time: tokens, codes, sign-ins that are older than idle, wrong tries, old
// messages and answers, visits to spots, and those who registered and never confirmed a contact. wall is the wall clock.
func (db *DB) Prune(ctx context.Context, wall time.Time, idle time.Duration) error {
	now := db.Now()
	err := db.Update(ctx, func(tx *Tx) error {
		for _, statement := range []struct {
			text   string
			before time.Time
		}{
			{`DELETE FROM tokens WHERE refresh_expires_at < $1`, now.Add(-spareTokens)},
			{`DELETE FROM tokens WHERE active_at IS NULL AND created_at < $1`, now.Add(-spareTokens)},
			{`DELETE FROM authorization_codes WHERE expires_at < $1`, now.Add(-spareCodes)},
			{`DELETE FROM families WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM tokens t WHERE t.family_id = families.id)
				AND NOT EXISTS (SELECT 1 FROM authorization_codes c WHERE c.family_id = families.id)`, now.Add(-spareTokens)},
			{`DELETE FROM prepared_requests WHERE expires_at < $1`, now},
			{`DELETE FROM confirmations WHERE expires_at < $1`, now.Add(-spareCodes)},
			{`DELETE FROM sign_ins WHERE seen_at < $1`, wall.Add(-idle)},
			{`DELETE FROM attempts WHERE last_at < $1`, wall.Add(-spareAttempts)},
			{`DELETE FROM messages WHERE at < $1`, now.Add(-spareMessages)},
			{`DELETE FROM reserve_codes WHERE expires_at < $1`, now.Add(-spareCodes)},
			{`DELETE FROM payments WHERE status = 'deleted' AND transaction_id IN (SELECT id FROM transactions WHERE status = 'deleted' AND created_at < $1)`, now.Add(-spareTransactions)},
			{`DELETE FROM transactions WHERE status = 'deleted' AND created_at < $1`, now.Add(-spareTransactions)},
			{`DELETE FROM awaited_contacts WHERE transaction_id IN (SELECT a.transaction_id FROM awaited_contacts a LEFT JOIN transactions t ON t.id = a.transaction_id
				WHERE t.id IS NULL OR t.created_at < $1 AND t.status IN ('rejected', 'revoked', 'failed', 'deleted'))`, now},
			{`DELETE FROM answers WHERE at < $1`, now.Add(-spareAnswers)},
			{`UPDATE spots SET status = 'open' WHERE status = 'waiting' AND NOT EXISTS
				(SELECT 1 FROM spot_visitors v WHERE v.spot_id = spots.id AND v.came_at >= $1)`, now.Add(-longestVisit)},
			{`DELETE FROM spot_visitors WHERE came_at < $1`, now.Add(-longestVisit)},
			{`DELETE FROM users WHERE registered_at < $1 AND ` + neverConfirmed, now.Add(-spareUsers)},
		} {
			if _, err := tx.exec(statement.text, micros(statement.before)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = db.directory.loadIDs(ctx)
	}
	return errors.Join(err, db.pruneCallbacks(ctx))
}

// neverConfirmed are persons without a contact and whom nothing hangs on.
const neverConfirmed = `email IS NULL AND phone IS NULL AND type = 'natural'
	AND NOT EXISTS (SELECT 1 FROM wallets w WHERE w.owner_id = users.id) AND NOT EXISTS (SELECT 1 FROM projects p WHERE p.owner_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM families f WHERE f.user_id = users.id) AND NOT EXISTS (SELECT 1 FROM consents c WHERE c.user_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM confirmations c WHERE c.user_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM company_administrators a WHERE a.user_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM project_administrators a WHERE a.user_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM user_limits l WHERE l.user_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM authorization_codes c WHERE c.user_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM sign_ins s WHERE s.user_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM identifications i WHERE i.user_id = users.id)
	AND NOT EXISTS (SELECT 1 FROM project_invitations i WHERE i.invited_by = users.id)`
