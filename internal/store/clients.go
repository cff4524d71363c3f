package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

const clientColumns = `id, mac_id, title, type, permissions, main_project_id, hosts, info,
	service_agreement_id, created_by, base_location_id, created_at, registered_at, revoked_at`

const clientSelect = `SELECT c.id, c.mac_id, c.title, c.type, c.permissions, c.main_project_id, c.hosts, c.info,
	c.service_agreement_id, c.created_by, c.base_location_id, l.project_id, c.created_at, c.revoked_at
	FROM clients c LEFT JOIN locations l ON l.id = c.base_location_id WHERE `

// clientsWhere reads clients with their projects and rights.
func (db *DB) clientsWhere(ctx context.Context, q querier, where string, args ...any) ([]*wallet.Client, error) {
	rows, err := db.query(ctx, q, clientSelect+where, args...)
	found, err := collect(rows, err, scanClient)
	for chunk := range slices.Chunk(found, 500) {
		if err := db.completeClients(ctx, q, chunk); err != nil {
			return nil, err
		}
	}
	return found, err
}

// completeClients reads the projects and rights of clients.
func (db *DB) completeClients(ctx context.Context, q querier, clients []*wallet.Client) error {
	ids, byID := make([]any, len(clients)), make(map[int64]*wallet.Client, len(clients))
	for i, c := range clients {
		ids[i], byID[c.ID] = c.ID, c
	}
	in := `client_id IN (` + parameters(1, len(ids)) + `)`
	rows, err := db.query(ctx, q, `SELECT client_id, project_id FROM client_projects WHERE `+in+` ORDER BY client_id, project_id`, ids...)
	_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var client, project int64
		if err = rows.Scan(&client, &project); err == nil {
			byID[client].Projects = append(byID[client].Projects, project)
		}
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	rows, err = db.query(ctx, q, `SELECT client_id, wallet_id, scopes FROM wallet_rights WHERE `+in+` ORDER BY client_id, wallet_id`, ids...)
	_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var client int64
		var right wallet.WalletRight
		var scopes string
		if err = rows.Scan(&client, &right.WalletID, &scopes); err == nil {
			right.Scopes = words[wallet.Scope](scopes)
			byID[client].WalletRights = append(byID[client].WalletRights, right)
		}
		return struct{}{}, err
	})
	return err
}

func scanClient(rows *sql.Rows) (*wallet.Client, error) {
	var c wallet.Client
	var permissions, hosts string
	var mainProject, agreement, createdBy, base, baseProject, revokedAt sql.NullInt64
	var createdAt int64
	err := rows.Scan(&c.ID, &c.MACID, &c.Title, &c.Type, &permissions, &mainProject, &hosts, &c.Info,
		&agreement, &createdBy, &base, &baseProject, &createdAt, &revokedAt)
	if err != nil {
		return nil, err
	}
	c.Permissions = words[wallet.Permission](permissions)
	c.MainProject, c.ServiceAgreementID, c.CreatedBy = mainProject.Int64, agreement.Int64, createdBy.Int64
	c.BaseLocation, c.BaseProject = base.Int64, baseProject.Int64
	c.CreatedAt, c.RevokedAt = fromMicros(createdAt), timeOrZero(revokedAt)
	if hosts != "[]" {
		err = json.Unmarshal([]byte(hosts), &c.Hosts)
	}
	return &c, err
}

// ClientFilter says which clients a list is of. The zero filter is of all.
type ClientFilter struct {
	// Within leaves clients all of whose projects are among these, and that have one at least;
	// nil asks for none of that.
	Within []int64
	// ProjectID leaves clients that represent it, Type those of a type, CreatedBy the devices of an
	// application.
	ProjectID int64
	Type      wallet.ClientType
	CreatedBy int64
	// Info leaves devices that said all this of themselves.
	Info map[string]string
	// WithRevoked includes those that are revoked.
	WithRevoked bool
	// Limit 0 is no limit.
	Limit, Offset int
}

// where is the filter as a condition with its arguments.
func (f ClientFilter) where() (string, []any) {
	condition, args := `1 = 1`, []any(nil)
	and := func(format string, values ...any) {
		numbers := make([]any, len(values))
		for i := range values {
			numbers[i] = "$" + strconv.Itoa(len(args)+i+1)
		}
		condition += " AND " + fmt.Sprintf(format, numbers...)
		args = append(args, values...)
	}
	if f.Within != nil {
		list := parameters(len(args)+1, len(f.Within))
		if len(f.Within) == 0 {
			list = "NULL"
		}
		condition += ` AND EXISTS (SELECT 1 FROM client_projects p WHERE p.client_id = c.id)
			AND NOT EXISTS (SELECT 1 FROM client_projects p WHERE p.client_id = c.id AND p.project_id NOT IN (` + list + `))`
		if len(f.Within) == 0 {
			condition += ` AND 1 = 0`
		}
		for _, project := range f.Within {
			args = append(args, project)
		}
	}
	if f.ProjectID != 0 {
		and(`EXISTS (SELECT 1 FROM client_projects p WHERE p.client_id = c.id AND p.project_id = %s)`, f.ProjectID)
	}
	if f.Type != "" {
		and(`c.type = %s`, f.Type)
	}
	if f.CreatedBy != 0 {
		and(`c.created_by = %s`, f.CreatedBy)
	}
	for name, value := range f.Info {
		if !storable(name) || !storable(value) {
			condition += ` AND 1 = 0`
			continue
		}
		and(`EXISTS (SELECT 1 FROM client_info i WHERE i.client_id = c.id AND i.name = %s AND i.value = %s)`, name, value)
	}
	if !f.WithRevoked {
		condition += ` AND c.revoked_at IS NULL`
	}
	return condition, args
}

// Clients returns a page of the clients that the filter leaves, by number, and how many it leaves
// in all.
func (db *DB) Clients(ctx context.Context, f ClientFilter) (page []*wallet.Client, total int, err error) {
	condition, args := f.where()
	err = db.inSnapshot(ctx, func(q querier) error {
		if err := db.queryRow(ctx, q, `SELECT count(*) FROM clients c WHERE `+condition, args...).Scan(&total); err != nil {
			return err
		}
		condition += ` ORDER BY c.id`
		if f.Limit > 0 {
			args = append(args, f.Limit, f.Offset)
			condition += fmt.Sprintf(` LIMIT $%d OFFSET $%d`, len(args)-1, len(args))
		}
		page, err = db.clientsWhere(ctx, q, condition, args...)
		return err
	})
	return page, total, err
}

// deviceID is the member of info by which devices are told apart, appVersion one by which they are
// revoked.
const (
	deviceID   = "device_id"
	appVersion = "app_version"
)

// maxSameDevice is how many other clients of a device are told.
const maxSameDevice = 10

// SameDevice returns for each of those clients the latest of the other clients, not revoked, that the
// same application registered for the same device, by number.
func (db *DB) SameDevice(ctx context.Context, clients []*wallet.Client) (map[int64][]int64, error) {
	type device struct {
		application int64
		id          string
	}
	devices, args := map[device][]*wallet.Client{}, []any{deviceID}
	for _, c := range clients {
		if id := plainMembers(c.Info)[deviceID]; c.CreatedBy != 0 && id != "" {
			if devices[device{c.CreatedBy, id}] == nil {
				args = append(args, id)
			}
			devices[device{c.CreatedBy, id}] = append(devices[device{c.CreatedBy, id}], c)
		}
	}
	same := map[int64][]int64{}
	if len(devices) == 0 {
		return same, nil
	}
	for chunk := range slices.Chunk(args[1:], 500) {
		rows, err := db.query(ctx, db.read, `SELECT c.created_by, i.value FROM client_info i JOIN clients c ON c.id = i.client_id
			WHERE i.name = $1 AND i.value IN (`+parameters(2, len(chunk))+`) AND c.created_by IS NOT NULL AND c.revoked_at IS NULL
			GROUP BY c.created_by, i.value HAVING count(*) > 1`, append([]any{deviceID}, chunk...)...)
		several, err := collect(rows, err, func(rows *sql.Rows) (d device, err error) {
			err = rows.Scan(&d.application, &d.id)
			return d, err
		})
		if err != nil {
			return nil, err
		}
		for _, d := range several {
			rows, err := db.query(ctx, db.read, `SELECT i.client_id FROM client_info i JOIN clients c ON c.id = i.client_id
				WHERE i.name = $1 AND i.value = $2 AND c.created_by = $3 AND c.revoked_at IS NULL
				ORDER BY i.client_id DESC LIMIT $4`, deviceID, d.id, d.application, maxSameDevice+1)
			all, err := collect(rows, err, scanID)
			if err != nil {
				return nil, err
			}
			slices.Sort(all)
			for _, c := range devices[d] {
				others := slices.DeleteFunc(slices.Clone(all), func(id int64) bool { return id == c.ID })
				same[c.ID] = others[max(0, len(others)-maxSameDevice):]
			}
		}
	}
	return same, nil
}

// loadCredential reads whom a MAC id stands for: a client's id, else an access token.
func (db *DB) loadCredential(ctx context.Context, macID string, known bool) (*held, error) {
	stranger := &held{keys: Strangers[:]}
	if !known {
		return stranger, nil
	}
	var client int64
	err := db.queryRow(ctx, db.read, `SELECT id FROM clients WHERE mac_id = $1`, macID).Scan(&client)
	switch {
	case err == nil:
		keys, err := db.signingKeys(ctx, client)
		if len(keys) == 0 {
			keys = stranger.keys
		}
		return &held{client: client, keys: keys}, err
	case !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	h, err := db.loadToken(ctx, macID)
	if h == nil {
		h = stranger // another id with the same short fingerprint is known
	}
	return h, err
}

// keyPlace names where a client's key is sealed.
func keyPlace(client int64, number int) string {
	return fmt.Sprintf("client %d key %d", client, number)
}

// signingKeys are the keys of a client that are neither retired nor expired, the newest first.
func (db *DB) signingKeys(ctx context.Context, client int64) ([]*Key, error) {
	rows, err := db.query(ctx, db.read, `SELECT number, sealed, expires_at FROM client_keys
		WHERE client_id = $1 AND retired_at IS NULL AND (expires_at IS NULL OR expires_at > $2) ORDER BY number DESC`,
		client, micros(db.Now()))
	return collect(rows, err, func(rows *sql.Rows) (*Key, error) {
		k := &Key{client: client}
		var sealed []byte
		var expiresAt sql.NullInt64
		if err := rows.Scan(&k.number, &sealed, &expiresAt); err != nil {
			return nil, err
		}
		key, err := db.Box.Open(sealed, keyPlace(client, k.number))
		k.Signer, k.expiresAt = secret.NewSigner(key), timeOrZero(expiresAt)
		return k, err
	})
}

// AllClientKeys calls each with every key of every client: serve looks for the published one.
func (db *DB) AllClientKeys(ctx context.Context, each func(client int64, key secret.Text) error) error {
	rows, err := db.query(ctx, db.read, `SELECT client_id, number, sealed FROM client_keys WHERE retired_at IS NULL ORDER BY client_id, number`)
	_, err = collect(rows, err, func(rows *sql.Rows) (_ struct{}, err error) {
		var client int64
		var number int
		var sealed []byte
		if err = rows.Scan(&client, &number, &sealed); err != nil {
			return struct{}{}, err
		}
		key, err := db.Box.Open(sealed, keyPlace(client, number))
		if err == nil {
			err = each(client, key)
		}
		return struct{}{}, err
	})
	return err
}

// ClientKeys returns what is known of all keys that a client ever had, by number.
func (db *DB) ClientKeys(ctx context.Context, client int64) ([]wallet.ClientKey, error) {
	return db.keysWhere(ctx, db.read, `client_id = $1 ORDER BY number`, client)
}

func (db *DB) keysWhere(ctx context.Context, q querier, where string, args ...any) ([]wallet.ClientKey, error) {
	rows, err := db.query(ctx, q, `SELECT number, created_at, expires_at, retired_at, last_used_at, last_used_from, last_used_by
		FROM client_keys WHERE `+where, args...)
	return collect(rows, err, func(rows *sql.Rows) (k wallet.ClientKey, err error) {
		var createdAt int64
		var expiresAt, retiredAt sql.NullInt64
		var use storedUse
		err = rows.Scan(&k.Number, &createdAt, &expiresAt, &retiredAt, &use.at, &use.from, &use.by)
		k.CreatedAt, k.ExpiresAt, k.RetiredAt, k.LastUse = fromMicros(createdAt), timeOrZero(expiresAt), timeOrZero(retiredAt), use.use()
		return k, err
	})
}

// Client returns the client by number as the transaction sees it, nil when there is none.
func (tx *Tx) Client(id int64) (*wallet.Client, error) {
	found, err := tx.db.clientsWhere(tx.ctx, tx.Tx, `c.id = $1`, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// InsertClient adds a client with its projects, rights and first key. registeredAt, on the wall
// clock, is set for a device that an application registers.
func (tx *Tx) InsertClient(c wallet.Client, key secret.Text, registeredAt time.Time) error {
	hosts, err := json.Marshal(append([]wallet.Host{}, c.Hosts...))
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		c.ID, c.MACID, c.Title, c.Type, join(sorted(c.Permissions)), idOrNull(c.MainProject), string(hosts), c.Info,
		idOrNull(c.ServiceAgreementID), idOrNull(c.CreatedBy), idOrNull(c.BaseLocation), micros(c.CreatedAt),
		microsOrNull(registeredAt), microsOrNull(c.RevokedAt))
	if err != nil {
		return err
	}
	if err := tx.insertClientParts(c); err != nil {
		return err
	}
	return tx.AddClientKey(c, 1, key, time.Time{})
}

// sorted is the list in order, each once.
func sorted[T ~string](list []T) []T { return slices.Compact(slices.Sorted(slices.Values(list))) }

// insertClientParts adds what stands in other tables than clients.
func (tx *Tx) insertClientParts(c wallet.Client) error {
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
	for name, value := range plainMembers(c.Info) {
		if _, err := tx.exec(`INSERT INTO client_info (client_id, name, value) VALUES ($1, $2, $3)`, c.ID, name, value); err != nil {
			return err
		}
	}
	return nil
}

// Limits of what of a device's info can be searched by.
const (
	maxInfoName, maxInfoValue = 64, 256
	maxInfoMembers            = 64
)

// plainMembers are the members of a JSON object that can be searched by, as text.
func plainMembers(info string) map[string]string {
	plain := map[string]string{}
	var object map[string]json.RawMessage
	if info == "" || json.Unmarshal([]byte(info), &object) != nil {
		return plain
	}
	// Where there are more than can be searched by, what devices are told apart and revoked by comes
	// first, and then it goes by the name.
	names := append([]string{deviceID, appVersion}, slices.Sorted(maps.Keys(object))...)
	for _, name := range names {
		raw, there := object[name]
		if !there {
			continue
		}
		text := string(raw)
		switch raw[0] {
		case '{', '[', 'n':
			continue
		case '"':
			if json.Unmarshal(raw, &text) != nil {
				continue
			}
		}
		fits := len(name) <= maxInfoName && len(text) <= maxInfoValue && storable(name) && storable(text)
		if fits && len(plain) < maxInfoMembers {
			plain[name] = text
		}
	}
	return plain
}

// UpdateClient replaces all of a client but its credentials and what it was born with.
func (tx *Tx) UpdateClient(c wallet.Client) error {
	tx.alter(alteredClient, strconv.FormatInt(c.ID, 10))
	hosts, err := json.Marshal(append([]wallet.Host{}, c.Hosts...))
	if err != nil {
		return err
	}
	_, err = tx.exec(`UPDATE clients SET title = $2, permissions = $3, main_project_id = $4, hosts = $5, info = $6,
			service_agreement_id = $7, base_location_id = $8 WHERE id = $1`,
		c.ID, c.Title, join(sorted(c.Permissions)), idOrNull(c.MainProject), string(hosts), c.Info,
		idOrNull(c.ServiceAgreementID), idOrNull(c.BaseLocation))
	if err != nil {
		return err
	}
	for _, table := range []string{"client_projects", "wallet_rights", "client_info"} {
		if _, err := tx.exec(`DELETE FROM `+table+` WHERE client_id = $1`, c.ID); err != nil {
			return err
		}
	}
	return tx.insertClientParts(c)
}

// Registrations counts the devices that an application has registered since a time of the wall
// clock.
func (tx *Tx) Registrations(application int64, since time.Time) (n int, err error) {
	err = tx.queryRow(tx.ctx, `SELECT count(*) FROM clients WHERE created_by = $1 AND registered_at > $2`, application, micros(since)).Scan(&n)
	return n, err
}

// LiveKeys returns the keys of a client that sign, by number.
func (tx *Tx) LiveKeys(client int64) ([]wallet.ClientKey, error) {
	keys, err := tx.db.keysWhere(tx.ctx, tx.Tx, `client_id = $1 AND retired_at IS NULL ORDER BY number`, client)
	return slices.DeleteFunc(keys, func(k wallet.ClientKey) bool { return !k.Live(tx.db.Now()) }), err
}

// NextKeyNumber is the number that a client's next key gets.
func (tx *Tx) NextKeyNumber(client int64) (number int, err error) {
	err = tx.queryRow(tx.ctx, `SELECT COALESCE(max(number), 0) + 1 FROM client_keys WHERE client_id = $1`, client).Scan(&number)
	return number, err
}

// AddClientKey gives a client another key, which signs until expiresAt, or for good when that is
// zero.
func (tx *Tx) AddClientKey(c wallet.Client, number int, key secret.Text, expiresAt time.Time) error {
	tx.alterKeys(c)
	_, err := tx.exec(`INSERT INTO client_keys (client_id, number, sealed, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		c.ID, number, tx.db.Box.Seal(key, keyPlace(c.ID, number)), micros(tx.db.Now()), microsOrNull(expiresAt))
	return err
}

func (tx *Tx) alterKeys(c wallet.Client) {
	id := macFingerprint(c.MACID)
	tx.alter(alteredCredential, hex.EncodeToString(id[:]))
}

// RetireClientKey ends a key for good and erases it; false when the client has no such key that
// is not retired.
func (tx *Tx) RetireClientKey(c wallet.Client, number int) (bool, error) {
	tx.alterKeys(c)
	n, err := tx.exec(`UPDATE client_keys SET retired_at = $3, sealed = $4 WHERE client_id = $1 AND number = $2 AND retired_at IS NULL`,
		c.ID, number, micros(tx.db.Now()), []byte{})
	return n > 0, err
}

// Revocation says which clients are revoked: all that every condition given leaves, and at least
// one condition must be given.
type Revocation struct {
	// ClientID is one client, Application the devices that it registered, AppVersion the devices
	// that say they are of that version.
	ClientID, Application int64
	AppVersion            string
}

func (r Revocation) where() (string, []any) {
	filter := ClientFilter{CreatedBy: r.Application}
	if r.AppVersion != "" {
		filter.Info = map[string]string{appVersion: r.AppVersion}
	}
	condition, args := filter.where()
	if r.ClientID != 0 {
		args = append(args, r.ClientID)
		condition += ` AND c.id = $` + strconv.Itoa(len(args))
	}
	return condition, args
}

// Revocable returns the clients that a revocation would end, by number.
func (tx *Tx) Revocable(r Revocation) ([]int64, error) {
	condition, args := r.where()
	rows, err := tx.db.query(tx.ctx, tx.Tx, `SELECT c.id FROM clients c WHERE `+condition+` ORDER BY c.id`, args...)
	return collect(rows, err, scanID)
}

// RevokeClients ends clients for good: their keys are erased, and their certificates are revoked, at
// that time of the wall clock. Their tokens end with them.
func (tx *Tx) RevokeClients(clients []int64, wall time.Time) error {
	at := micros(tx.db.Now())
	for chunk := range slices.Chunk(clients, 500) {
		args := []any{at}
		for _, id := range chunk {
			args = append(args, id)
			tx.alter(alteredClient, strconv.FormatInt(id, 10))
		}
		in := ` IN (` + parameters(2, len(chunk)) + `)`
		for _, statement := range []string{
			`UPDATE clients SET revoked_at = $1 WHERE id` + in,
			`UPDATE client_keys SET retired_at = $1 WHERE retired_at IS NULL AND client_id` + in,
		} {
			if _, err := tx.exec(statement, args...); err != nil {
				return err
			}
		}
		args[0] = micros(wall)
		if _, err := tx.exec(`UPDATE certificates SET revoked_at = $1 WHERE revoked_at IS NULL AND client_id`+in, args...); err != nil {
			return err
		}
		args[0] = []byte{}
		if _, err := tx.exec(`UPDATE client_keys SET sealed = $1 WHERE client_id`+in, args...); err != nil {
			return err
		}
	}
	return nil
}
