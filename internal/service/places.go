package service

import (
	"context"

	"github.com/purserhq/purser/internal/wallet"
)

// ListLocations returns a page of the public places that the filter matches, and how many it
// matches in all. Nobody has to prove who they are for that.
func (s *Service) ListLocations(ctx context.Context, c wallet.Caller, f wallet.LocationFilter) ([]wallet.Location, int, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	f.PublicOnly = true
	return s.db.Locations(ctx, f)
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
func (s *Service) ListClientLocations(ctx context.Context, c wallet.Caller) ([]wallet.Location, error) {
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
	return places, err
}
