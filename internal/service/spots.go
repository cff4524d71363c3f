package service

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// SpotEdit is what a spot of a place is to be. It is the spot of that number or, without one, of that identifier; a new one
// where there is none.
type SpotEdit struct {
	ID         int64
	Identifier string
	// Title, Description and Address change texts; what is the place's own stays that.
	Title, Description, Address wallet.Words
	// LogoURI is the address of an image, nil as it is.
	LogoURI *string
	// LocationID is the place as the program repeats it, 0 where it does not.
	LocationID int64
	// Unread says that the number or the identifier could not be read: nobody knows which spot it is.
	Unread bool
}

// spots are all that a place has after the edit, by number; new ones are numbered, unless the edit is refused. What is wrong is gathered.
func (e LocationEdit) spots(tx *store.Tx, now, after wallet.Location, had []wallet.Spot, refused wallet.FieldErrors) ([]wallet.Spot, error) {
	if e.SpotEdits == nil {
		return had, nil
	}
	spots := make([]wallet.Spot, 0, len(*e.SpotEdits))
	for i, one := range *e.SpotEdits {
		at := fmt.Sprintf("spots[%d]", i)
		spot, ok := one.base(after.ID, had)
		if !ok {
			refused.Refuse(at+".id", "is no spot of this place")
			continue
		}
		one.on(&spot, at, refused, now, after)
		same := func(s wallet.Spot) bool {
			return s.Identifier == spot.Identifier || s.ID == spot.ID && spot.ID != 0
		}
		if !one.Unread && refused[at+".identifier"] == nil && slices.ContainsFunc(spots, same) {
			refused.Refuse(at+".identifier", "stands there twice")
		}
		spots = append(spots, spot)
	}
	if len(refused)+len(e.Refused) > 0 {
		return spots, nil
	}
	for i := range spots {
		if spots[i].ID == 0 {
			var err error
			if spots[i].ID, err = tx.NextID(store.SpotIDs, 0); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(spots, func(a, b wallet.Spot) int { return cmp.Compare(a.ID, b.ID) })
	return spots, nil
}

// base is the spot that an edit is about, a new one where there is none.
func (e SpotEdit) base(location int64, had []wallet.Spot) (spot wallet.Spot, ok bool) {
	at := slices.IndexFunc(had, func(s wallet.Spot) bool {
		return e.ID != 0 && s.ID == e.ID || e.ID == 0 && s.Identifier == e.Identifier
	})
	if at >= 0 {
		return had[at], true
	}
	return wallet.Spot{LocationID: location, Status: wallet.SpotOpen}, e.ID == 0 || e.Unread
}

// on changes a spot.
func (e SpotEdit) on(spot *wallet.Spot, at string, refused wallet.FieldErrors, now, after wallet.Location) {
	spot.Identifier = cmp.Or(e.Identifier, spot.Identifier)
	if !e.Unread {
		checkIdentifier(refused, at+".identifier", spot.Identifier)
	}
	info := at + ".place_info"
	if e.LocationID != 0 && e.LocationID != spot.LocationID {
		refused.Refuse(info+".location_id", "is another place: a spot stays where it is")
	}
	spot.Title = inherited(spot.Title, e.Title, now.Title, after.Title)
	spot.Description = inherited(spot.Description, e.Description, now.Description, after.Description)
	spot.Address = inherited(spot.Address, e.Address, now.Address, after.Address)
	set(&spot.LogoURI, e.LogoURI)
	checkSpot(refused, *spot, info+".")
}

// checkIdentifier refuses what a spot cannot be called.
func checkIdentifier(refused wallet.FieldErrors, field, identifier string) {
	if !wallet.IsIdentifier(identifier) {
		refused.Refuse(field, "must be 1 to %d bytes of text, without blanks", wallet.MaxIdentifier)
	}
}

// checkSpot refuses what people cannot read of a spot; info stands before the names of its fields.
func checkSpot(refused wallet.FieldErrors, spot wallet.Spot, info string) {
	checkText(refused, info+"title", spot.Title, maxTitle)
	checkText(refused, info+"description", spot.Description, maxDescription)
	checkText(refused, info+"address", spot.Address, maxDescription)
	checkImage(refused, info+"logo_uri", spot.LogoURI)
}

// inherited is a text of a spot after an edit. Words that the place has are the place's, and go on to be: programs write
// back what they read.
func inherited(own wallet.Text, words wallet.Words, places ...wallet.Text) wallet.Text {
	if len(own) == 0 && words.Plain != "" {
		for _, text := range places {
			if words.ChangeOf(text) == nil {
				return own
			}
		}
	}
	return merged(own, words.ChangeOf(own))
}

// chooseRemote finds the spot where people order before they come.
func (e LocationEdit) chooseRemote(after *wallet.Location, now wallet.Location, spots []wallet.Spot, refused wallet.FieldErrors) {
	if e.RemoteIdentifier != "" {
		at := slices.IndexFunc(spots, func(s wallet.Spot) bool { return s.Identifier == e.RemoteIdentifier })
		if at < 0 {
			refused.Refuse("remote_orders.identifier", "is no spot of this place")
			return
		}
		after.RemoteSpot = spots[at].ID
	}
	switch is := func(s wallet.Spot) bool { return s.ID == after.RemoteSpot }; {
	case after.RemoteSpot == 0 || slices.ContainsFunc(spots, is):
	case e.RemoteSpot == nil && after.RemoteSpot == now.RemoteSpot:
		after.RemoteSpot = 0 // it was taken away
	default:
		refused.Refuse("remote_orders.spot_id", "is no spot of this place")
	}
}

// sameSpots says whether two lists of spots say the same.
func sameSpots(a, b []wallet.Spot) bool {
	return slices.EqualFunc(a, b, func(a, b wallet.Spot) bool { return same(a, b) })
}

// writeSpots writes what became of the spots of a place.
func (s *Service) writeSpots(tx *store.Tx, c wallet.Caller, had, spots []wallet.Spot) error {
	find := func(list []wallet.Spot, id int64) *wallet.Spot {
		if at := slices.IndexFunc(list, func(s wallet.Spot) bool { return s.ID == id }); at >= 0 {
			return &list[at]
		}
		return nil
	}
	for _, before := range had {
		after := find(spots, before.ID)
		switch {
		case after == nil:
			if err := tx.RemoveSpot(before.ID); err != nil {
				return err
			}
			if err := s.audit(tx, c, "remove", spotObject, before.ID, before, nil); err != nil {
				return err
			}
		case after.Identifier != before.Identifier:
			// Two spots may change names with each other: neither has one meanwhile that could be another's.
			before.Identifier = fmt.Sprintf("\n%d", before.ID)
			if err := tx.PutSpot(before); err != nil {
				return err
			}
		}
	}
	for _, after := range spots {
		action, was := "create", any(nil)
		if before := find(had, after.ID); before != nil {
			if same(*before, after) {
				continue
			}
			action, was = "update", *before
		}
		if err := tx.PutSpot(after); err != nil {
			return err
		}
		if err := s.audit(tx, c, action, spotObject, after.ID, was, after); err != nil {
			return err
		}
	}
	return nil
}
