package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/purserhq/purser/internal/wallet"
)

// SpotState is a spot with what happens at it.
type SpotState struct {
	wallet.Spot
	// Visitors are the users who are checked in, by number; Orders are those of this visit, in the order that they were made.
	Visitors []int64
	Orders   []wallet.SpotOrder
	// Transactions are those of the orders as they are now, by number; one that was forgotten is not there.
	Transactions map[int64]*wallet.Transaction
	// Allowances are those that these ask for, by number.
	Allowances map[int64]*wallet.Allowance
}

// SpotFilter says which spots a list is of.
type SpotFilter struct {
	// Projects are those whose places count; none means no spot at all, unless AnyProject says that all count.
	Projects   []int64
	AnyProject bool
	// LocationID is the place, 0 for all.
	LocationID int64
	// Statuses nil is all.
	Statuses []wallet.SpotStatus
	// Limit 0 is no limit.
	Limit, Offset int
}

// spotDocument is the part of a spot that nothing is found by.
type spotDocument struct {
	Title       wallet.Text `json:",omitempty"`
	Description wallet.Text `json:",omitempty"`
	Address     wallet.Text `json:",omitempty"`
	LogoURI     string      `json:",omitempty"`
}

const spotColumns = `s.id, s.location_id, s.identifier, s.status, s.document`

func scanSpot(rows *sql.Rows) (s wallet.Spot, err error) {
	var text string
	if err := rows.Scan(&s.ID, &s.LocationID, &s.Identifier, &s.Status, &text); err != nil {
		return s, err
	}
	var doc spotDocument
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return s, err
	}
	s.Title, s.Description, s.Address, s.LogoURI = doc.Title, doc.Description, doc.Address, doc.LogoURI
	return s, nil
}

// Spot returns a spot with what happens at it, nil when there is none or it was taken away.
func (db *DB) Spot(ctx context.Context, id int64) (*SpotState, error) {
	return db.spot(ctx, db.read, id)
}

// Spot is the same as the transaction sees it.
func (tx *Tx) Spot(id int64) (*SpotState, error) { return tx.db.spot(tx.ctx, tx.Tx, id) }

func (db *DB) spot(ctx context.Context, q querier, id int64) (*SpotState, error) {
	return oneSpot(db.spotsWhere(ctx, q, `s.id = $1 AND s.removed_at IS NULL`, id))
}

// SpotNamed returns the spot of a place by its identifier, nil when there is none.
func (db *DB) SpotNamed(ctx context.Context, location int64, identifier string) (*SpotState, error) {
	if !storable(identifier) {
		return nil, nil
	}
	return oneSpot(db.spotsWhere(ctx, db.read, `s.location_id = $1 AND s.identifier = $2 AND s.removed_at IS NULL`, location, identifier))
}

func oneSpot(found []SpotState, err error) (*SpotState, error) {
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// SpotsOfPlaces returns the spots of places by place, each place's by number.
func (db *DB) SpotsOfPlaces(ctx context.Context, locations []int64) (map[int64][]wallet.Spot, error) {
	return db.spotsOfPlaces(ctx, db.read, locations)
}

// SpotsOf are the spots of a place as the transaction sees them.
func (tx *Tx) SpotsOf(location int64) ([]wallet.Spot, error) {
	found, err := tx.db.spotsOfPlaces(tx.ctx, tx.Tx, []int64{location})
	return found[location], err
}

func (db *DB) spotsOfPlaces(ctx context.Context, q querier, locations []int64) (map[int64][]wallet.Spot, error) {
	found := map[int64][]wallet.Spot{}
	for chunk := range slices.Chunk(locations, 500) {
		rows, err := db.query(ctx, q, `SELECT `+spotColumns+` FROM spots s
			WHERE s.location_id IN (`+parameters(1, len(chunk))+`) AND s.removed_at IS NULL ORDER BY s.id`, anys(chunk)...)
		spots, err := collect(rows, err, scanSpot)
		if err != nil {
			return nil, err
		}
		for _, s := range spots {
			found[s.LocationID] = append(found[s.LocationID], s)
		}
	}
	return found, nil
}

// Spots returns a page of the spots that the filter leaves, by number, and how many it leaves in all.
func (db *DB) Spots(ctx context.Context, f SpotFilter) (page []SpotState, total int, err error) {
	if len(f.Projects) == 0 && !f.AnyProject {
		return nil, 0, nil
	}
	var c conditions
	c.add("s.removed_at IS NULL")
	if !f.AnyProject {
		c.ids("l.project_id", f.Projects)
	}
	in(&c, "s.status", f.Statuses)
	if f.LocationID != 0 {
		c.add("s.location_id = ?", f.LocationID)
	}
	rows, err := db.query(ctx, db.read, `SELECT s.id FROM spots s JOIN locations l ON l.id = s.location_id
		WHERE `+c.where()+` ORDER BY s.id`, c.args...)
	ids, err := collect(rows, err, scanID)
	if err != nil {
		return nil, 0, err
	}
	total = len(ids)
	ids = ids[min(f.Offset, total):]
	if f.Limit > 0 {
		ids = ids[:min(f.Limit, len(ids))]
	}
	for chunk := range slices.Chunk(ids, 500) {
		some, err := db.spotsWhere(ctx, db.read, `s.id IN (`+parameters(1, len(chunk))+`)`, anys(chunk)...)
		if err != nil {
			return nil, 0, err
		}
		page = append(page, some...)
	}
	return page, total, nil
}

// spotsWhere returns spots by number with what happens at them.
func (db *DB) spotsWhere(ctx context.Context, q querier, condition string, args ...any) ([]SpotState, error) {
	rows, err := db.query(ctx, q, `SELECT `+spotColumns+` FROM spots s WHERE `+condition+` ORDER BY s.id`, args...)
	spots, err := collect(rows, err, scanSpot)
	if err != nil || len(spots) == 0 {
		return nil, err
	}
	states, ids := make([]SpotState, len(spots)), make([]int64, len(spots))
	for i, s := range spots {
		states[i].Spot, ids[i] = s, s.ID
	}
	list := parameters(1, len(ids))
	visitors, err := db.pairs(ctx, q, `SELECT spot_id, user_id FROM spot_visitors WHERE spot_id IN (`+list+`) ORDER BY spot_id, user_id`, anys(ids))
	if err != nil {
		return nil, err
	}
	rows, err = db.query(ctx, q, `SELECT id, spot_id, transaction_id, user_id FROM spot_orders WHERE spot_id IN (`+list+`) ORDER BY id`, anys(ids)...)
	orders, err := collect(rows, err, func(rows *sql.Rows) (o wallet.SpotOrder, err error) {
		var user sql.NullInt64
		err = rows.Scan(&o.ID, &o.SpotID, &o.TransactionID, &user)
		o.UserID = user.Int64
		return o, err
	})
	if err != nil {
		return nil, err
	}
	transactions, err := db.transactionsOfOrders(ctx, q, orders)
	if err != nil {
		return nil, err
	}
	allowances, err := db.allowancesAsked(ctx, q, transactions)
	for i := range states {
		states[i].Visitors, states[i].Transactions, states[i].Allowances = visitors[states[i].ID], transactions, allowances
		for _, o := range orders {
			if o.SpotID == states[i].ID {
				states[i].Orders = append(states[i].Orders, o)
			}
		}
	}
	return states, err
}

func (db *DB) transactionsOfOrders(ctx context.Context, q querier, orders []wallet.SpotOrder) (map[int64]*wallet.Transaction, error) {
	byID := map[int64]*wallet.Transaction{}
	for chunk := range slices.Chunk(orders, 500) {
		ids := make([]any, len(chunk))
		for i, o := range chunk {
			ids[i] = o.TransactionID
		}
		found, err := db.transactionsIn(ctx, q, `id IN (`+parameters(1, len(ids))+`)`, ids...)
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			byID[t.ID] = t
		}
	}
	return byID, nil
}

// PutSpot adds a spot, or replaces what is written of one; its status stays, and its place.
func (tx *Tx) PutSpot(s wallet.Spot) error {
	doc, err := json.Marshal(spotDocument{Title: s.Title, Description: s.Description, Address: s.Address, LogoURI: s.LogoURI})
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO spots (id, location_id, identifier, status, document) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET identifier = excluded.identifier, document = excluded.document`,
		s.ID, s.LocationID, s.Identifier, s.Status, string(doc))
	return err
}

// RemoveSpot takes a spot away, with all that happens at it.
func (tx *Tx) RemoveSpot(id int64) error {
	if err := tx.ForgetVisit(id); err != nil {
		return err
	}
	_, err := tx.exec(`UPDATE spots SET removed_at = $2, status = 'closed' WHERE id = $1`, id, micros(tx.db.Now()))
	return err
}

// ForgetVisit forgets who is checked in at a spot, and its orders.
func (tx *Tx) ForgetVisit(id int64) error {
	if _, err := tx.exec(`DELETE FROM spot_visitors WHERE spot_id = $1`, id); err != nil {
		return err
	}
	_, err := tx.exec(`DELETE FROM spot_orders WHERE spot_id = $1`, id)
	return err
}

// SetSpotStatus changes the status of a spot.
func (tx *Tx) SetSpotStatus(id int64, status wallet.SpotStatus) error {
	_, err := tx.exec(`UPDATE spots SET status = $2 WHERE id = $1`, id, status)
	return err
}

// CheckIn notes that a user is at a spot; CheckOut that they are not. What is so already is no error.
func (tx *Tx) CheckIn(spot, user int64) error {
	_, err := tx.exec(`INSERT INTO spot_visitors (spot_id, user_id, came_at) VALUES ($1, $2, $3)
		ON CONFLICT (spot_id, user_id) DO NOTHING`, spot, user, micros(tx.db.Now()))
	return err
}

// CheckOut is described at CheckIn.
func (tx *Tx) CheckOut(spot, user int64) error {
	_, err := tx.exec(`DELETE FROM spot_visitors WHERE spot_id = $1 AND user_id = $2`, spot, user)
	return err
}

// Transaction returns a transaction as the database transaction sees it, nil when there is none.
func (tx *Tx) Transaction(id int64) (*wallet.Transaction, error) {
	found, err := tx.db.transactionsIn(tx.ctx, tx.Tx, `id = $1`, id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// InsertSpotOrder adds an order.
func (tx *Tx) InsertSpotOrder(o wallet.SpotOrder) error {
	_, err := tx.exec(`INSERT INTO spot_orders (id, spot_id, transaction_id, user_id) VALUES ($1, $2, $3, $4)`,
		o.ID, o.SpotID, o.TransactionID, idOrNull(o.UserID))
	return err
}
