package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

const clientColumns = `id, mac_id, title, type, permissions, main_project_id, hosts, info,
	service_agreement_id, created_by, created_at`

// clientWhere reads one client with its projects and rights; nil when there is none.
func (db *DB) clientWhere(ctx context.Context, q querier, where string, arg any) (*wallet.Client, error) {
	rows, err := db.query(ctx, q, `SELECT `+clientColumns+` FROM clients WHERE `+where, arg)
	found, err := collect(rows, err, scanClient)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	c := found[0]
	rows, err = db.query(ctx, q, `SELECT project_id FROM client_projects WHERE client_id = $1 ORDER BY project_id`, c.ID)
	if c.Projects, err = collect(rows, err, scanID); err != nil {
		return nil, err
	}
	rows, err = db.query(ctx, q, `SELECT wallet_id, scopes FROM wallet_rights WHERE client_id = $1 ORDER BY wallet_id`, c.ID)
	c.WalletRights, err = collect(rows, err, func(rows *sql.Rows) (right wallet.WalletRight, err error) {
		var scopes string
		err = rows.Scan(&right.WalletID, &scopes)
		right.Scopes = words[wallet.Scope](scopes)
		return right, err
	})
	return c, err
}

func scanClient(rows *sql.Rows) (*wallet.Client, error) {
	var c wallet.Client
	var permissions, hosts string
	var mainProject, agreement, createdBy sql.NullInt64
	var createdAt int64
	err := rows.Scan(&c.ID, &c.MACID, &c.Title, &c.Type, &permissions, &mainProject, &hosts, &c.Info,
		&agreement, &createdBy, &createdAt)
	if err != nil {
		return nil, err
	}
	c.Permissions = words[wallet.Permission](permissions)
	c.MainProject, c.ServiceAgreementID, c.CreatedBy = mainProject.Int64, agreement.Int64, createdBy.Int64
	c.CreatedAt = fromMicros(createdAt)
	if hosts != "[]" {
		err = json.Unmarshal([]byte(hosts), &c.Hosts)
	}
	return &c, err
}

// loadCredential reads whom a MAC id stands for: a client's id, else an access token.
func (db *DB) loadCredential(ctx context.Context, macID string) (*Credential, error) {
	client, err := db.clientWhere(ctx, db.read, `mac_id = $1`, macID)
	if err != nil {
		return nil, err
	}
	if client != nil {
		keys, err := db.clientKeys(ctx, client.ID)
		return &Credential{Client: client, Keys: signers(keys...)}, err
	}
	return db.loadToken(ctx, macID)
}

func signers(keys ...secret.Text) []*secret.Signer {
	ready := make([]*secret.Signer, len(keys))
	for i, key := range keys {
		ready[i] = secret.NewSigner(key)
	}
	return ready
}

// keyPlace names where a client's key is sealed.
func keyPlace(client int64, number int) string {
	return fmt.Sprintf("client %d key %d", client, number)
}

func (db *DB) clientKeys(ctx context.Context, client int64) ([]secret.Text, error) {
	rows, err := db.query(ctx, db.read, `SELECT number, sealed FROM client_keys WHERE client_id = $1 ORDER BY number`, client)
	return collect(rows, err, func(rows *sql.Rows) (secret.Text, error) {
		var number int
		var sealed []byte
		if err := rows.Scan(&number, &sealed); err != nil {
			return "", err
		}
		return db.Box.Open(sealed, keyPlace(client, number))
	})
}

// AllClientKeys calls each with every key of every client: serve looks for the published one.
func (db *DB) AllClientKeys(ctx context.Context, each func(client int64, key secret.Text) error) error {
	rows, err := db.query(ctx, db.read, `SELECT DISTINCT client_id FROM client_keys ORDER BY client_id`)
	clients, err := collect(rows, err, scanID)
	if err != nil {
		return err
	}
	for _, client := range clients {
		keys, err := db.clientKeys(ctx, client)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := each(client, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// Client returns the client by number, nil when there is none.
func (db *DB) Client(ctx context.Context, id int64) (*wallet.Client, error) {
	return db.clientWhere(ctx, db.read, `id = $1`, id)
}

// InsertClient adds a client with its projects, rights and first key.
func (tx *Tx) InsertClient(c wallet.Client, key secret.Text) error {
	tx.touch()
	hosts, err := json.Marshal(append([]wallet.Host{}, c.Hosts...))
	if err != nil {
		return err
	}
	permissions := slices.Clone(c.Permissions)
	slices.Sort(permissions)
	at := micros(c.CreatedAt)
	_, err = tx.exec(`INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		c.ID, c.MACID, c.Title, c.Type, join(permissions), idOrNull(c.MainProject), string(hosts), c.Info,
		idOrNull(c.ServiceAgreementID), idOrNull(c.CreatedBy), at)
	if err != nil {
		return err
	}
	for _, project := range c.Projects {
		if _, err := tx.exec(`INSERT INTO client_projects (client_id, project_id) VALUES ($1, $2)`, c.ID, project); err != nil {
			return err
		}
	}
	for _, right := range c.WalletRights {
		_, err := tx.exec(`INSERT INTO wallet_rights (client_id, wallet_id, scopes) VALUES ($1, $2, $3)`,
			c.ID, right.WalletID, join(right.Scopes))
		if err != nil {
			return err
		}
	}
	return tx.SetClientKey(c.ID, 1, key)
}

// SetClientKey puts a key of a client in place; number is 1 or 2, and both sign.
func (tx *Tx) SetClientKey(client int64, number int, key secret.Text) error {
	tx.touch()
	_, err := tx.exec(`INSERT INTO client_keys (client_id, number, sealed, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (client_id, number) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at`,
		client, number, tx.db.Box.Seal(key, keyPlace(client, number)), micros(tx.db.Now()))
	return err
}

// Token is what InsertToken stores beside the token itself.
type Token struct {
	wallet.Token
	// Access and Refresh are stored as their SHA-256, Key is sealed.
	Access, Refresh, Key secret.Text
	// RefreshExpiresAt is on the business clock.
	RefreshExpiresAt time.Time
}

// tokenPlace names where a token's key is sealed.
func tokenPlace(fingerprint []byte) string { return fmt.Sprintf("token %x", fingerprint) }

// InsertToken adds an access token.
func (tx *Tx) InsertToken(t Token) error {
	tx.touch()
	fingerprint := secret.Fingerprint(t.Access)
	_, err := tx.exec(`INSERT INTO tokens (fingerprint, user_id, client_id, scopes, sealed_key, expires_at,
			refresh_fingerprint, refresh_expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		fingerprint, t.UserID, t.ClientID, join(t.Scopes), tx.db.Box.Seal(t.Key, tokenPlace(fingerprint)),
		micros(t.ExpiresAt), secret.Fingerprint(t.Refresh), micros(t.RefreshExpiresAt), micros(tx.db.Now()))
	return err
}

// loadToken reads an access token with its client and, where its user agreed to that, the
// projects that the user administers; nil when there is no such token.
func (db *DB) loadToken(ctx context.Context, access string) (*Credential, error) {
	fingerprint := secret.Fingerprint(secret.Text(access))
	row := db.queryRow(ctx, db.read, `SELECT user_id, client_id, scopes, sealed_key, expires_at FROM tokens WHERE fingerprint = $1`, fingerprint)
	var t wallet.Token
	var scopes string
	var sealed []byte
	var expiresAt int64
	switch err := row.Scan(&t.UserID, &t.ClientID, &scopes, &sealed, &expiresAt); {
	case err == sql.ErrNoRows:
		return nil, nil
	case err != nil:
		return nil, err
	}
	t.Scopes, t.ExpiresAt = words[wallet.Scope](scopes), fromMicros(expiresAt)
	key, err := db.Box.Open(sealed, tokenPlace(fingerprint))
	if err != nil {
		return nil, err
	}
	client, err := db.Client(ctx, t.ClientID)
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
	return &Credential{Client: client, Token: &t, Keys: signers(key)}, nil
}
