package service

import (
	"context"

	"github.com/purserhq/purser/internal/wallet"
)

// ListLocations returns a page of the public places that the filter matches, with the prices and offers that
// count now, and how many it matches in all. Nobody has to prove who they are for that.
func (s *Service) ListLocations(ctx context.Context, c wallet.Caller, f wallet.LocationFilter) ([]wallet.Location, int, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	f.PublicOnly = true
	page, total, err := s.db.Locations(ctx, f)
	for i := range page {
		page[i].Prices = wallet.PricesAt(page[i].Prices, s.BusinessClock())
	}
	return page, total, err
}

// ListPayCategories returns all pay categories by id.
func (s *Service) ListPayCategories(ctx context.Context, c wallet.Caller) ([]wallet.PayCategory, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	return s.db.PayCategories(ctx)
}

// ListClientLocations returns the active places of the project that the request names, else
// of all projects that its client represents, public or not.
func (s *Service) ListClientLocations(ctx context.Context, c wallet.Caller) ([]LocationView, error) {
	if err := wallet.May(c, wallet.ListClientLocations, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	projects := c.Client.Projects
	if c.ProjectID != 0 {
		projects = []int64{c.ProjectID}
	}
	places, _, err := s.db.Locations(ctx, wallet.LocationFilter{
		Projects: append([]int64{}, projects...),
		Statuses: []wallet.LocationStatus{wallet.Active},
	})
	if err != nil {
		return nil, err
	}
	return s.viewPlaces(ctx, c, places)
}
