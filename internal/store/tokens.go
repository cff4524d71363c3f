package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// Family is all the tokens that come from one consent by refreshing: they end together.
type Family struct {
	ID, UserID, ClientID int64
	// Scopes are all that a token of the family can have.
	Scopes    []wallet.AskedScope
	CreatedAt time.Time
	// EndedAt is zero while its tokens work.
	EndedAt time.Time
}

// Pair is an access token with its refresh token, as it is made.
type Pair struct {
	FamilyID int64
	Scopes   []wallet.AskedScope
	// Access and Refresh are stored as their SHA-256, Key is sealed.
	Access, Refresh, Key secret.Text
	// ExpiresAt and RefreshExpiresAt are on the business clock.
	ExpiresAt, RefreshExpiresAt time.Time
	// Waits says that nobody can use the pair until it is activated. Its refresh token is then kept,
	// sealed, since the answer that shows it may have to be repeated.
	Waits bool
}

// StoredPair is what is known of a pair later.
type StoredPair struct {
	Family Family
	Scopes []wallet.AskedScope
	// ActiveAt is zero for a pair that waits for its activation, RefreshedAt for one whose refresh
	// token was not used.
	ActiveAt, RefreshedAt       time.Time
	ExpiresAt, RefreshExpiresAt time.Time

	fingerprint, sealedKey, sealedRefresh []byte
}

// Token is what InsertToken stores beside the token itself.
type Token struct {
	wallet.Token
	// Access and Refresh are stored as their SHA-256, Key is sealed.
	Access, Refresh, Key secret.Text
	// RefreshExpiresAt is on the business clock.
	RefreshExpiresAt time.Time
}

// tokenPlace names where a token's key is sealed, refreshPlace where its refresh token is.
func tokenPlace(fingerprint []byte) string { return fmt.Sprintf("token %x", fingerprint) }

func refreshPlace(fingerprint []byte) string { return fmt.Sprintf("refresh of token %x", fingerprint) }

// InsertToken adds an access token with a family of its own.
func (tx *Tx) InsertToken(t Token) error {
	f := Family{UserID: t.UserID, ClientID: t.ClientID}
	for _, s := range t.Scopes {
		f.Scopes = append(f.Scopes, wallet.AskedScope{Scope: s})
	}
	var err error
	if f.ID, err = tx.InsertFamily(f); err != nil {
		return err
	}
	return tx.InsertPair(Pair{
		FamilyID: f.ID, Scopes: f.Scopes, Access: t.Access, Refresh: t.Refresh, Key: t.Key,
		ExpiresAt: t.ExpiresAt, RefreshExpiresAt: t.RefreshExpiresAt,
	})
}

// InsertFamily adds a family without tokens and returns its number.
func (tx *Tx) InsertFamily(f Family) (id int64, err error) {
	if id, err = tx.NextID(familyIDs, 0); err != nil {
		return 0, err
	}
	_, err = tx.exec(`INSERT INTO families (id, user_id, client_id, scopes, created_at) VALUES ($1, $2, $3, $4, $5)`,
		id, f.UserID, f.ClientID, wallet.ScopeNames(f.Scopes), micros(tx.db.Now()))
	return id, err
}

// WidenFamily gives a family more scopes: those that are attached when a token is refreshed.
func (tx *Tx) WidenFamily(id int64, scopes []wallet.AskedScope) error {
	_, err := tx.exec(`UPDATE families SET scopes = $2 WHERE id = $1`, id, wallet.ScopeNames(scopes))
	return err
}

// InsertPair adds a pair of tokens to a family.
func (tx *Tx) InsertPair(p Pair) error {
	fingerprint := secret.Fingerprint(p.Access)
	var sealedRefresh []byte
	activeAt := microsOrNull(tx.db.Now())
	if p.Waits {
		sealedRefresh, activeAt = tx.db.Box.Seal(p.Refresh, refreshPlace(fingerprint)), sql.NullInt64{}
	}
	tx.alter(alteredCredential, hex.EncodeToString(fingerprint))
	_, err := tx.exec(`INSERT INTO tokens (fingerprint, refresh_fingerprint, family_id, scopes, sealed_key, sealed_refresh, created_at,
			active_at, expires_at, refresh_expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		fingerprint, secret.Fingerprint(p.Refresh), p.FamilyID, wallet.ScopeNames(p.Scopes), tx.db.Box.Seal(p.Key, tokenPlace(fingerprint)),
		sealedRefresh, micros(tx.db.Now()), activeAt, micros(p.ExpiresAt), micros(p.RefreshExpiresAt))
	return err
}

// PairByRefresh returns the pair of a refresh token, PairByAccess that of an access token; nil when
// there is none.
func (tx *Tx) PairByRefresh(refresh secret.Text) (*StoredPair, error) {
	return tx.pairWhere(`t.refresh_fingerprint = $1`, secret.Fingerprint(refresh))
}

// PairByAccess is described at PairByRefresh.
func (tx *Tx) PairByAccess(access secret.Text) (*StoredPair, error) {
	return tx.pairWhere(`t.fingerprint = $1`, secret.Fingerprint(access))
}

func (tx *Tx) pairWhere(condition string, fingerprint []byte) (*StoredPair, error) {
	row := tx.queryRow(tx.ctx, `SELECT f.id, f.user_id, f.client_id, f.scopes, f.created_at, f.ended_at, t.fingerprint, t.scopes,
			t.sealed_key, t.sealed_refresh, t.active_at, t.expires_at, t.refresh_expires_at, t.refreshed_at
		FROM tokens t JOIN families f ON f.id = t.family_id WHERE `+condition, fingerprint)
	p := &StoredPair{}
	var all, own string
	var createdAt, expiresAt, refreshExpiresAt int64
	var endedAt, activeAt, refreshedAt sql.NullInt64
	err := row.Scan(&p.Family.ID, &p.Family.UserID, &p.Family.ClientID, &all, &createdAt, &endedAt, &p.fingerprint, &own,
		&p.sealedKey, &p.sealedRefresh, &activeAt, &expiresAt, &refreshExpiresAt, &refreshedAt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	p.Family.CreatedAt, p.Family.EndedAt = fromMicros(createdAt), timeOrZero(endedAt)
	p.ActiveAt, p.RefreshedAt = timeOrZero(activeAt), timeOrZero(refreshedAt)
	p.ExpiresAt, p.RefreshExpiresAt = fromMicros(expiresAt), fromMicros(refreshExpiresAt)
	if p.Family.Scopes, err = wallet.ParseScopes(all); err == nil {
		p.Scopes, err = wallet.ParseScopes(own)
	}
	return p, err
}

// OpenPair returns the secrets of a pair that was made to be activated; refresh is empty when it is not
// kept any more.
func (tx *Tx) OpenPair(p *StoredPair) (key, refresh secret.Text, err error) {
	if key, err = tx.db.Box.Open(p.sealedKey, tokenPlace(p.fingerprint)); err != nil || len(p.sealedRefresh) == 0 {
		return key, "", err
	}
	refresh, err = tx.db.Box.Open(p.sealedRefresh, refreshPlace(p.fingerprint))
	return key, refresh, err
}

// MarkRefreshed notes that the refresh token of a pair was used for the first time, and that its access token ends
// soon. It takes the place of all others of its family: those that nobody refreshed, which are there when an answer
// was asked for twice, count as used at the time spent, and those that wait are gone.
func (tx *Tx) MarkRefreshed(p *StoredPair, ends, spent time.Time) error {
	if err := tx.alterTokens(`f.id = $1`, p.Family.ID); err != nil {
		return err
	}
	if _, err := tx.exec(`DELETE FROM tokens WHERE family_id = $1 AND active_at IS NULL`, p.Family.ID); err != nil {
		return err
	}
	_, err := tx.exec(`UPDATE tokens SET refreshed_at = CASE WHEN fingerprint = $2 THEN CAST($3 AS BIGINT) ELSE CAST($4 AS BIGINT) END, sealed_refresh = NULL,
			expires_at = CASE WHEN expires_at > $5 THEN $5 ELSE expires_at END
		WHERE family_id = $1 AND refreshed_at IS NULL`, p.Family.ID, p.fingerprint, micros(tx.db.Now()), micros(spent), micros(ends))
	return err
}

// ActivatePair puts a pair into use in the place of the others of its family: their refresh tokens count
// as used, their access tokens end, and those that waited are gone. Where more than one could have been refreshed,
// nobody can tell which of them this pair came from, and all count as used at the time spent.
func (tx *Tx) ActivatePair(p *StoredPair, spent time.Time) error {
	if err := tx.alterTokens(`f.id = $1`, p.Family.ID); err != nil {
		return err
	}
	now := micros(tx.db.Now())
	if _, err := tx.exec(`UPDATE tokens SET active_at = $2 WHERE fingerprint = $1`, p.fingerprint, now); err != nil {
		return err
	}
	if _, err := tx.exec(`DELETE FROM tokens WHERE family_id = $1 AND active_at IS NULL`, p.Family.ID); err != nil {
		return err
	}
	var open int
	if err := tx.queryRow(tx.ctx, `SELECT count(*) FROM tokens WHERE family_id = $1 AND fingerprint <> $2 AND refreshed_at IS NULL`,
		p.Family.ID, p.fingerprint).Scan(&open); err != nil {
		return err
	}
	used := now
	if open > 1 {
		used = micros(spent)
	}
	_, err := tx.exec(`UPDATE tokens SET refreshed_at = COALESCE(refreshed_at, $4), sealed_refresh = NULL,
			expires_at = CASE WHEN expires_at > $3 THEN $3 ELSE expires_at END
		WHERE family_id = $1 AND fingerprint <> $2`, p.Family.ID, p.fingerprint, now, used)
	return err
}

// DropPair removes a pair that nobody may use any more and that nobody can take for a stolen one.
func (tx *Tx) DropPair(p *StoredPair) error {
	tx.alter(alteredCredential, hex.EncodeToString(p.fingerprint))
	_, err := tx.exec(`DELETE FROM tokens WHERE fingerprint = $1`, p.fingerprint)
	return err
}

// EndFamily ends all tokens of a family; false when they had ended before.
func (tx *Tx) EndFamily(id int64) (bool, error) { return tx.endFamilies(`f.id = $1`, id) }

// EndFamilies ends all tokens of a user for a client, or for every client when that is 0.
func (tx *Tx) EndFamilies(user, client int64) error {
	_, err := tx.endFamilies(`f.user_id = $1 AND (CAST($2 AS BIGINT) = 0 OR f.client_id = $2)`, user, client)
	return err
}

func (tx *Tx) endFamilies(condition string, args ...any) (bool, error) {
	if err := tx.alterTokens(condition, args...); err != nil {
		return false, err
	}
	n, err := tx.exec(fmt.Sprintf(`UPDATE families AS f SET ended_at = $%d WHERE f.ended_at IS NULL AND `, len(args)+1)+condition,
		append(slices.Clone(args), micros(tx.db.Now()))...)
	return n > 0, err
}

// alterTokens notes that the tokens of families are altered that can still be in use.
func (tx *Tx) alterTokens(condition string, args ...any) error {
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT t.fingerprint FROM tokens t JOIN families f ON f.id = t.family_id
		WHERE f.ended_at IS NULL AND `+condition, args...)
	fingerprints, err := collect(rows, err, func(rows *sql.Rows) (f []byte, err error) {
		err = rows.Scan(&f)
		return f, err
	})
	for _, f := range fingerprints {
		tx.alter(alteredCredential, hex.EncodeToString(f))
	}
	return err
}

// loadToken reads an access token with its client and, where its user agreed to that, the
// projects that the user administers; nil when there is no such token in use.
func (db *DB) loadToken(ctx context.Context, access string) (*held, error) {
	fingerprint := secret.Fingerprint(secret.Text(access))
	row := db.queryRow(ctx, db.read, `SELECT f.user_id, f.client_id, t.scopes, COALESCE(c.declined, ''), t.sealed_key, t.expires_at
		FROM tokens t JOIN families f ON f.id = t.family_id JOIN users u ON u.id = f.user_id
		LEFT JOIN consents c ON c.user_id = f.user_id AND c.client_id = f.client_id
		WHERE t.fingerprint = $1 AND t.active_at IS NOT NULL AND f.ended_at IS NULL AND u.standing <> 'inactive'`, fingerprint)
	var t wallet.Token
	var asked, declined string
	var sealed []byte
	var expiresAt int64
	switch err := row.Scan(&t.UserID, &t.ClientID, &asked, &declined, &sealed, &expiresAt); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	t.ExpiresAt = fromMicros(expiresAt)
	var err error
	if t.Scopes, t.Waiting, err = effectiveScopes(asked, declined); err != nil {
		return nil, err
	}
	key, err := db.Box.Open(sealed, tokenPlace(fingerprint))
	if err != nil {
		return nil, err
	}
	if t.Has(wallet.ScopeProjects) {
		projects, err := db.ProjectsOfUser(ctx, t.UserID)
		if err != nil {
			return nil, err
		}
		for _, p := range projects {
			t.Projects = append(t.Projects, p.ID)
		}
	}
	return &held{client: t.ClientID, token: &t, keys: []*Key{{Signer: secret.NewSigner(key)}}}, nil
}

// effectiveScopes are what a token's user agreed to, and what waits for the user.
func effectiveScopes(asked, declined string) (agreed, waiting []wallet.Scope, err error) {
	all, err := wallet.ParseScopes(asked)
	if err != nil {
		return nil, nil, err
	}
	no, err := wallet.ParseScopes(declined)
	if err != nil {
		return nil, nil, err
	}
	yes := wallet.WithoutScopes(all, no)
	agreed = wallet.PlainScopes(yes)
	for _, s := range wallet.PlainScopes(wallet.WithoutScopes(all, yes)) {
		if !slices.Contains(agreed, s) {
			waiting = append(waiting, s)
		}
	}
	return agreed, waiting, nil
}

const consentSelect = `SELECT c.user_id, c.client_id, c.scopes, c.declined, c.agreed_at, u.standing
	FROM consents c JOIN users u ON u.id = c.user_id WHERE `

func scanConsent(rows *sql.Rows) (c wallet.Consent, err error) {
	var scopes, declined string
	var at int64
	var standing wallet.Standing
	if err = rows.Scan(&c.UserID, &c.ClientID, &scopes, &declined, &at, &standing); err != nil {
		return c, err
	}
	c.AgreedAt, c.Inactive = fromMicros(at), standing == wallet.InactiveUser
	if c.Scopes, err = wallet.ParseScopes(scopes); err == nil {
		c.Declined, err = wallet.ParseScopes(declined)
	}
	return c, err
}

// Consent returns what a user agreed that a client may do; nil for nothing.
func (db *DB) Consent(ctx context.Context, user, client int64) (*wallet.Consent, error) {
	return db.consent(ctx, db.read, user, client)
}

// Consent is the consent as the transaction sees it.
func (tx *Tx) Consent(user, client int64) (*wallet.Consent, error) {
	return tx.db.consent(tx.ctx, tx.Tx, user, client)
}

func (db *DB) consent(ctx context.Context, q querier, user, client int64) (*wallet.Consent, error) {
	rows, err := db.query(ctx, q, consentSelect+`c.user_id = $1 AND c.client_id = $2`, user, client)
	found, err := collect(rows, err, scanConsent)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// ConsentsOf returns all that a user agreed to, the latest first.
func (db *DB) ConsentsOf(ctx context.Context, user int64) ([]wallet.Consent, error) {
	rows, err := db.query(ctx, db.read, consentSelect+`c.user_id = $1 ORDER BY c.agreed_at DESC, c.client_id`, user)
	return collect(rows, err, scanConsent)
}

// SetConsent stores what a user agrees to, in the place of what they agreed to before.
func (tx *Tx) SetConsent(c wallet.Consent) error {
	if err := tx.alterTokens(`f.user_id = $1 AND f.client_id = $2`, c.UserID, c.ClientID); err != nil {
		return err
	}
	_, err := tx.exec(`INSERT INTO consents (user_id, client_id, scopes, declined, agreed_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = excluded.scopes, declined = excluded.declined, agreed_at = excluded.agreed_at`,
		c.UserID, c.ClientID, wallet.ScopeNames(c.Scopes), wallet.ScopeNames(c.Declined), micros(tx.db.Now()))
	return err
}

// DropConsent takes back all that a user agreed to for a client, and ends its tokens.
func (tx *Tx) DropConsent(user, client int64) (bool, error) {
	if err := tx.EndFamilies(user, client); err != nil {
		return false, err
	}
	n, err := tx.exec(`DELETE FROM consents WHERE user_id = $1 AND client_id = $2`, user, client)
	return n > 0, err
}

// Code is an authorization code.
type Code struct {
	UserID, ClientID int64
	RedirectURI      string
	Scopes           []wallet.AskedScope
	// Challenge is the code_challenge of PKCE (S256), empty where there was none.
	Challenge string
	ExpiresAt time.Time
	// UsedAt is zero for a code that was not exchanged, FamilyID is what came of one that was.
	UsedAt   time.Time
	FamilyID int64
}

// InsertCode adds an authorization code, which is stored as its SHA-256.
func (tx *Tx) InsertCode(code secret.Text, c Code) error {
	_, err := tx.exec(`INSERT INTO authorization_codes (fingerprint, user_id, client_id, redirect_uri, scopes, challenge, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		secret.Fingerprint(code), c.UserID, c.ClientID, c.RedirectURI, wallet.ScopeNames(c.Scopes), c.Challenge, micros(c.ExpiresAt))
	return err
}

// Code returns the authorization code, nil when there is none.
func (tx *Tx) Code(code secret.Text) (*Code, error) {
	c := &Code{}
	var scopes string
	var expiresAt int64
	var usedAt, family sql.NullInt64
	err := tx.queryRow(tx.ctx, `SELECT user_id, client_id, redirect_uri, scopes, challenge, expires_at, used_at, family_id
		FROM authorization_codes WHERE fingerprint = $1`, secret.Fingerprint(code)).
		Scan(&c.UserID, &c.ClientID, &c.RedirectURI, &scopes, &c.Challenge, &expiresAt, &usedAt, &family)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	c.ExpiresAt, c.UsedAt, c.FamilyID = fromMicros(expiresAt), timeOrZero(usedAt), family.Int64
	c.Scopes, err = wallet.ParseScopes(scopes)
	return c, err
}

// UseCode notes that a code was exchanged for a family, or spoiled when that is 0.
func (tx *Tx) UseCode(code secret.Text, family int64) error {
	_, err := tx.exec(`UPDATE authorization_codes SET used_at = $2, family_id = $3 WHERE fingerprint = $1`,
		secret.Fingerprint(code), micros(tx.db.Now()), idOrNull(family))
	return err
}

// PrepareRequest keeps an authorization request that a client has prepared, under a key that is stored as
// its SHA-256.
func (tx *Tx) PrepareRequest(key secret.Text, client int64, document string, expires time.Time) error {
	_, err := tx.exec(`INSERT INTO prepared_requests (fingerprint, client_id, document, expires_at) VALUES ($1, $2, $3, $4)`,
		secret.Fingerprint(key), client, document, micros(expires))
	return err
}

// PreparedRequest returns a request that was prepared and has not expired; empty when there is none.
func (db *DB) PreparedRequest(ctx context.Context, key secret.Text) (client int64, document string, err error) {
	err = db.queryRow(ctx, db.read, `SELECT client_id, document FROM prepared_requests WHERE fingerprint = $1 AND expires_at > $2`,
		secret.Fingerprint(key), micros(db.Now())).Scan(&client, &document)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", nil
	}
	return client, document, err
}
