package service

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Spots as the operator keeps them, one at a time. Merchants write all spots of a place with the place: see spots.go. Either way the
// place counts as altered, since its answer holds them.

// maxSpots bounds the spots of a place, as on the wire.
const maxSpots = 100

// SpotDetails is a spot as the operator sees it.
type SpotDetails struct {
	wallet.Spot
	// Place is where it is; Remote says that people order here before they come.
	Place  wallet.Location
	Remote bool
	// Code is what its QR code says.
	Code string
	// Visitors are those who are checked in, by number. Only InspectSpot knows more of them than that, where they still are users.
	Visitors []wallet.User
	// Orders are those of this visit, in the order that they were made.
	Orders []OrderDetails
}

// OrderDetails is an order as the operator sees it.
type OrderDetails struct {
	OrderView
	// Amounts are what it asks for, one for each currency; nil for a transaction that was never accepted and is forgotten.
	Amounts []money.Amount
}

// spotDetails is a spot of that place as the operator sees it.
func (s *Service) spotDetails(c wallet.Caller, spot *store.SpotState, place wallet.Location) SpotDetails {
	d := SpotDetails{
		Spot: spot.Spot, Place: place, Remote: place.RemoteSpot == spot.ID,
		Code: wallet.SpotCode(s.SpotPrefix, spot.LocationID, spot.Identifier),
	}
	for _, id := range spot.Visitors {
		d.Visitors = append(d.Visitors, wallet.User{ID: id})
	}
	for _, o := range spot.Orders {
		order := OrderDetails{OrderView: s.orderView(c, spot, o, false)}
		if t := spot.Transactions[o.TransactionID]; t != nil {
			order.Amounts = Totals(t)
		}
		d.Orders = append(d.Orders, order)
	}
	return d
}

// ListAllSpots returns a page of the spots that the filter leaves, by number, and how many it leaves in all. It fails with
// Forbidden.
func (s *Service) ListAllSpots(ctx context.Context, c wallet.Caller, f SpotFilter) ([]SpotDetails, int, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	found, total, err := s.db.Spots(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	var ids []int64
	for _, spot := range found {
		ids = append(ids, spot.LocationID)
	}
	slices.Sort(ids)
	places, err := s.db.LocationsByID(ctx, slices.Compact(ids))
	if err != nil {
		return nil, 0, err
	}
	byID := map[int64]wallet.Location{}
	for _, l := range places {
		byID[l.ID] = l
	}
	all := make([]SpotDetails, len(found))
	for i := range found {
		all[i] = s.spotDetails(c, &found[i], byID[found[i].LocationID])
	}
	return all, total, nil
}

// InspectSpot returns a spot with who is checked in and what they are to pay. It fails with Forbidden and NotFound.
func (s *Service) InspectSpot(ctx context.Context, c wallet.Caller, id int64) (SpotDetails, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return SpotDetails{}, err
	}
	spot, err := s.db.Spot(ctx, id)
	if err != nil {
		return SpotDetails{}, err
	}
	if spot == nil {
		return SpotDetails{}, noSuch(spotObject, id)
	}
	place, err := s.db.Location(ctx, spot.LocationID)
	if err != nil {
		return SpotDetails{}, err
	}
	d := s.spotDetails(c, spot, *place)
	for i := range d.Visitors {
		u, err := s.db.User(ctx, d.Visitors[i].ID)
		if err != nil {
			return SpotDetails{}, err
		}
		if u != nil { // who never confirmed anything is forgotten some day
			d.Visitors[i] = *u
		}
	}
	return d, nil
}

// CreateSpot adds a spot to a place and returns its number; it is open. It fails with Forbidden and InvalidParameters.
func (s *Service) CreateSpot(ctx context.Context, c wallet.Caller, spot wallet.Spot) (id int64, err error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return 0, err
	}
	spot = SpotChange{Title: spot.Title, Description: spot.Description, Address: spot.Address}.to(
		wallet.Spot{LocationID: spot.LocationID, Identifier: spot.Identifier, LogoURI: spot.LogoURI, Status: wallet.SpotOpen})
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		refused := wallet.FieldErrors{}
		had, err := s.lockSpots(tx, spot.LocationID)
		if err != nil {
			return err
		}
		place, err := tx.Location(spot.LocationID)
		switch {
		case err != nil:
			return err
		case place == nil:
			refused.Refuse("location_id", "there is no place %d", spot.LocationID)
		case len(had) >= maxSpots:
			refused.Refuse("location_id", "has %d spots, which is as many as a place may have", len(had))
		}
		if checkAmong(refused, spot, had); len(refused) > 0 {
			return refused.Err()
		}
		if spot.ID, err = tx.NextID(store.SpotIDs, 0); err != nil {
			return err
		}
		if err := tx.PutSpot(spot); err != nil {
			return err
		}
		if err := s.audit(tx, c, "create", spotObject, spot.ID, nil, spot); err != nil {
			return err
		}
		return s.renewPlace(tx, c, spot.LocationID, 0)
	})
	if err != nil {
		return 0, err
	}
	return spot.ID, nil
}

// SpotChange is what is to become of a spot; what is nil stays as it is. A spot stays where it is, and what happens at it is not
// changed by this.
type SpotChange struct {
	Identifier *string
	// Title, Description and Address are merged, language by language; an empty text takes a language away. What a spot has no words
	// of its own for is its place's.
	Title, Description, Address wallet.Text
	// LogoURI is the address of an image, empty for none.
	LogoURI *string
}

// to is the spot after the change.
func (change SpotChange) to(spot wallet.Spot) wallet.Spot {
	set(&spot.Identifier, change.Identifier)
	spot.Title = merged(spot.Title, change.Title)
	spot.Description = merged(spot.Description, change.Description)
	spot.Address = merged(spot.Address, change.Address)
	set(&spot.LogoURI, change.LogoURI)
	return spot
}

// UpdateSpot changes a spot. What it takes away is only told, unless agreed. It fails with Forbidden, NotFound and
// InvalidParameters.
func (s *Service) UpdateSpot(ctx context.Context, c wallet.Caller, id int64, change SpotChange, agreed bool) (Changed[wallet.Spot], error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return Changed[wallet.Spot]{}, err
	}
	return alter(ctx, s, c, spotObject, id, agreed,
		func(tx *store.Tx) (*wallet.Spot, error) {
			spot, err := tx.Spot(id)
			if err != nil || spot == nil {
				return nil, err
			}
			return &spot.Spot, nil
		},
		func(tx *store.Tx, now wallet.Spot) (wallet.Spot, []string, error) {
			after := change.to(now)
			if same(now, after) {
				return now, nil, nil // it may stay as it is, whatever the rules are by now
			}
			all, err := s.lockSpots(tx, now.LocationID)
			if err != nil {
				return after, nil, err
			}
			refused := wallet.FieldErrors{}
			checkAmong(refused, after, all)
			return after, s.lossesOfSpot(now, after), refused.Err()
		},
		func(tx *store.Tx, before, after wallet.Spot) error {
			if same(before, after) {
				return nil
			}
			if err := tx.PutSpot(after); err != nil {
				return err
			}
			return s.renewPlace(tx, c, after.LocationID, 0)
		})
}

func (s *Service) lossesOfSpot(before, after wallet.Spot) (losses []string) {
	if before.Identifier != after.Identifier {
		losses = append(losses, "the code "+wallet.SpotCode(s.SpotPrefix, before.LocationID, before.Identifier)+" leads nowhere, wherever it is printed")
	}
	for _, text := range []struct {
		name          string
		before, after wallet.Text
	}{{"title", before.Title, after.Title}, {"description", before.Description, after.Description}, {"address", before.Address, after.Address}} {
		for _, locale := range slices.Sorted(maps.Keys(text.before)) {
			losses = lost(losses, "the "+text.name+" in "+locale, text.before[locale], text.after[locale])
		}
	}
	return lost(losses, "the image", before.LogoURI, after.LogoURI)
}

// SpotEnded is a spot that was taken away, or whose visit was ended.
type SpotEnded struct {
	// SpotDetails are what it was before.
	SpotDetails
	// Losses say what that takes away or ends, half a sentence each; Planned says that nothing was done, since nobody agreed to it.
	Losses  []string
	Planned bool
}

// RemoveSpot takes a spot away, with all that happens at it; its number is never another one's. Without agreement it is only told.
// Its name can be another spot's then, which has the same code. It fails with Forbidden and NotFound.
func (s *Service) RemoveSpot(ctx context.Context, c wallet.Caller, id int64, agreed bool) (SpotEnded, error) {
	return s.endSpot(ctx, c, id, func(tx *store.Tx, spot *store.SpotState, ended *SpotEnded) error {
		ended.Losses = s.lossesOfRemoval(ended.SpotDetails)
		if ended.Planned = !agreed; ended.Planned {
			return nil
		}
		if _, err := tx.PlaceTime(s.BusinessClock()); err != nil { // as whoever writes the place: first that, then its spots
			return err
		}
		if err := tx.RemoveSpot(id); err != nil {
			return err
		}
		if err := s.audit(tx, c, "remove", spotObject, id, spot.Spot, nil); err != nil {
			return err
		}
		return s.renewPlace(tx, c, spot.LocationID, id)
	})
}

// EndVisit closes a spot, as its merchant does: what is not paid is not an order any more. Where somebody would lose something by
// that, it is only told, unless agreed. A closed one stays closed. It fails with Forbidden and NotFound.
func (s *Service) EndVisit(ctx context.Context, c wallet.Caller, id int64, agreed bool) (SpotEnded, error) {
	return s.endSpot(ctx, c, id, func(tx *store.Tx, spot *store.SpotState, ended *SpotEnded) error {
		if spot.Status == wallet.SpotClosed {
			return nil
		}
		ended.Losses = lossesOfVisit(ended.SpotDetails)
		if ended.Planned = len(ended.Losses) > 0 && !agreed; ended.Planned {
			return nil
		}
		return s.turnSpot(tx, c, "close", spot, wallet.SpotClosed)
	})
}

// endSpot finds a spot and has work end it, or what happens at it.
func (s *Service) endSpot(ctx context.Context, c wallet.Caller, id int64, work func(tx *store.Tx, spot *store.SpotState, ended *SpotEnded) error) (SpotEnded, error) {
	var ended SpotEnded
	err := s.operate(ctx, c, func(tx *store.Tx) error {
		spot, err := tx.Spot(id)
		if err != nil {
			return err
		}
		if spot == nil {
			return noSuch(spotObject, id)
		}
		place, err := tx.Location(spot.LocationID)
		if err != nil {
			return err
		}
		ended = SpotEnded{SpotDetails: s.spotDetails(c, spot, *place)}
		return work(tx, spot, &ended)
	})
	if err != nil {
		return SpotEnded{}, err
	}
	return ended, nil
}

// lossesOfVisit say what is lost when a visit ends now.
func lossesOfVisit(d SpotDetails) (losses []string) {
	for _, u := range d.Visitors {
		losses = append(losses, fmt.Sprintf("ends the visit of user %d", u.ID))
	}
	for _, o := range d.Orders {
		if o.Status == wallet.OrderPending {
			losses = append(losses, fmt.Sprintf("closes order %d, transaction %s, which is not paid", o.ID, o.Key))
		}
	}
	return losses
}

// lossesOfRemoval say what is lost with a spot.
func (s *Service) lossesOfRemoval(d SpotDetails) (losses []string) {
	losses = s.lossesOfSpot(wallet.Spot{LocationID: d.LocationID, Identifier: d.Identifier}, wallet.Spot{})
	if d.Remote {
		losses = append(losses, "nobody can order at the place before they come")
	}
	for _, u := range d.Visitors {
		if d.Status != wallet.SpotClosed {
			losses = append(losses, fmt.Sprintf("ends the visit of user %d", u.ID))
		}
	}
	for _, o := range d.Orders {
		if o.Status == wallet.OrderPending || o.Status == wallet.OrderReserved {
			losses = append(losses, fmt.Sprintf("forgets order %d, transaction %s, which is %s", o.ID, o.Key, o.Status))
		}
	}
	return losses
}

// lockSpots returns the spots of a place, which nobody else alters until the transaction ends.
func (s *Service) lockSpots(tx *store.Tx, place int64) ([]wallet.Spot, error) {
	if _, err := tx.PlaceTime(s.BusinessClock()); err != nil {
		return nil, err
	}
	return tx.SpotsOf(place)
}

// checkAmong refuses a spot that cannot be one among those of its place, which may hold it.
func checkAmong(refused wallet.FieldErrors, spot wallet.Spot, all []wallet.Spot) {
	checkIdentifier(refused, "identifier", spot.Identifier)
	checkSpot(refused, spot, "")
	taken := func(s wallet.Spot) bool { return s.Identifier == spot.Identifier && s.ID != spot.ID }
	if at := slices.IndexFunc(all, taken); at >= 0 {
		refused.Refuse("identifier", "%q is spot %d of the place already", spot.Identifier, all[at].ID)
	}
}

// renewPlace notes that the spots of a place are others now: it counts as altered. removed is the spot that was taken away, 0 for
// none.
func (s *Service) renewPlace(tx *store.Tx, c wallet.Caller, id, removed int64) error {
	now, err := tx.Location(id)
	if err != nil {
		return err
	}
	after := *now
	if after.RemoteSpot == removed {
		after.RemoteSpot = 0
	}
	if after.UpdatedAt, err = tx.PlaceTime(s.BusinessClock()); err != nil {
		return err
	}
	if after.RemoteSpot != now.RemoteSpot {
		if err := s.audit(tx, c, "update", locationObject, id, *now, after); err != nil {
			return err
		}
	}
	return tx.UpdateLocation(after)
}
