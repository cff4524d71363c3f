package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// FoundLocation is a place as a search finds it.
type FoundLocation = store.FoundLocation

// LocationsSince is where a copy of the public places stands.
type LocationsSince = store.LocationsSince

// SearchLocations finds a page of the public places that the filter matches. Nobody has to prove who they are for that. It
// waits until the places are in memory.
func (s *Service) SearchLocations(ctx context.Context, c wallet.Caller, f wallet.LocationFilter) (store.FoundLocations, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return store.FoundLocations{}, err
	}
	f.PublicOnly = true
	return s.db.FindLocations(ctx, f, s.BusinessClock())
}

// ReadFoundLocations reads places that were found, in their order, with the prices and offers that count now. What is not
// public any more is left out, or comes as nothing but a place that is not in use where the list tells of such.
func (s *Service) ReadFoundLocations(ctx context.Context, c wallet.Caller, found []store.FoundLocation) ([]PublicLocation, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	places, err := s.db.FoundDocuments(ctx, found)
	if err != nil {
		return nil, err
	}
	told := map[int64]bool{}
	for _, one := range found {
		told[one.ID] = one.Told
	}
	var public []PublicLocation
	for _, l := range places {
		if !l.Public && !told[l.ID] {
			continue
		}
		if !l.Public { // since it was found, or before
			l = store.WithdrawnPlace(l.ID, l.ProjectID, l.UpdatedAt)
		}
		public = append(public, s.public(l))
	}
	return public, nil
}

// PublicLocation is a place as everybody sees it.
type PublicLocation struct {
	wallet.Location
	// Until is how long it looks so while nobody alters it, zero for ever: see wallet.Location.NextTurn.
	Until time.Time
}

func (s *Service) public(l wallet.Location) PublicLocation {
	now := l.ShownAt(s.BusinessClock())
	p := PublicLocation{Location: l, Until: store.NextTurn(&l, now)}
	p.Prices = wallet.PricesAt(l.Prices, now)
	return p
}

// LocationsCopied is a page of what a copy of the public places lacks.
type LocationsCopied struct {
	Places []LocationView
	// Now is where the copy then stands, and More whether it lacks more.
	Now  store.LocationsSince
	More bool
	// Total is how many public places there are.
	Total int
}

// CopyLocations returns what a copy of the public places lacks that stands somewhere; the zero value begins one. What is
// no longer public comes once more, as nothing but a place that is not in use. It fails with InvalidParameters for a copy that
// is of another database.
func (s *Service) CopyLocations(ctx context.Context, c wallet.Caller, since store.LocationsSince, limit int) (LocationsCopied, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return LocationsCopied{}, err
	}
	all, err := s.db.FindLocations(ctx, wallet.LocationFilter{PublicOnly: true, Limit: 1}, s.BusinessClock())
	if err != nil {
		return LocationsCopied{}, err
	}
	page, now, more, err := s.db.ChangedLocations(ctx, since, limit)
	if errors.Is(err, store.ErrForeignCopy) {
		return LocationsCopied{}, wallet.FieldError("sync", "is of another database, or of one that was restored since: begin anew with sync=begin")
	}
	copied := LocationsCopied{Now: now, More: more, Total: all.Total}
	for _, l := range page {
		copied.Places = append(copied.Places, s.viewOf(s.public(l).Location, nil))
	}
	return copied, err
}

// ListPayCategories returns all pay categories by id.
func (s *Service) ListPayCategories(ctx context.Context, c wallet.Caller) ([]wallet.PayCategory, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	return s.db.PayCategories(ctx)
}

// ListClientLocations returns active places of the project that the request names, else of all projects that its client
// represents, public or not: in the order of their ids, from the first above after on, at most so many; and the id after which
// it goes on, zero where it does not. One that is altered between two pages is on none twice, and one that stays is on one.
func (s *Service) ListClientLocations(ctx context.Context, c wallet.Caller, after int64, limit int) (views []LocationView, next int64, err error) {
	if err := wallet.May(c, wallet.ListClientLocations, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	projects := c.Client.Projects
	if c.ProjectID != 0 {
		projects = []int64{c.ProjectID}
	}
	found, err := s.db.FindLocationsAfter(ctx, wallet.LocationFilter{
		Projects: append([]int64{}, projects...),
		Statuses: []wallet.LocationStatus{wallet.Active},
	}, after, limit)
	if err != nil || len(found) == 0 {
		return nil, 0, err
	}
	if len(found) == limit {
		next = found[limit-1].ID
	}
	places, err := s.db.FoundDocuments(ctx, found)
	if err != nil {
		return nil, 0, err
	}
	places = slices.DeleteFunc(places, func(l wallet.Location) bool { return l.Status != wallet.Active }) // since they were found
	views, err = s.viewPlaces(ctx, c, places)
	return views, next, err
}
