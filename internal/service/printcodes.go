package service

import (
	"cmp"
	"context"
	"slices"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Codes are what a project prints.
type Codes struct {
	Project wallet.Project
	// Place is whose codes they are, nil where they are the project's.
	Place *wallet.Location
	// Wallet is that of the project's wallet. Addresses in which codes stand are in.
	Wallet Printed
	// Spots are those of the place, or of all places of the project, by place and number; More says that there are others,
	// past the first maxPrinted.
	Spots []SpotPrinted
	More  bool
}

// Printed is one code.
type Printed struct {
	// Code is what it says, and Text what its picture says: the code, or an address with it.
	Code, Text string
}

// SpotPrinted is the code of a spot.
type SpotPrinted struct {
	wallet.Spot
	Printed
	// Place is the title of the spot's place.
	Place wallet.Text
}

// maxPrinted bounds how many codes a page has.
const maxPrinted = 1000

// ListCodes returns the codes of a project, or of one of its places where that is not 0. It fails with Forbidden and
// NotFound.
func (s *Service) ListCodes(ctx context.Context, c wallet.Caller, project, place int64) (Codes, error) {
	subject := wallet.Subject{}
	var err error
	if subject.Project, err = s.db.Project(ctx, project); err != nil {
		return Codes{}, err
	}
	if subject.Project != nil {
		if subject.Owner, err = s.db.User(ctx, subject.Project.OwnerID); err != nil {
			return Codes{}, err
		}
		if subject.Administrators, _, err = s.db.ProjectAdministrators(ctx, project); err != nil {
			return Codes{}, err
		}
	}
	if err := wallet.May(c, wallet.PrintCodes, subject).Err(); err != nil {
		return Codes{}, err
	}
	if subject.Project == nil {
		return Codes{}, noSuch(projectObject, project)
	}
	codes := Codes{Project: *subject.Project, Wallet: s.printed(wallet.WalletCode(subject.Project.WalletID))}
	if place != 0 {
		if codes.Place, err = s.db.Location(ctx, place); err != nil {
			return Codes{}, err
		}
		if codes.Place == nil || codes.Place.ProjectID != project {
			return Codes{}, noSuch(locationObject, place)
		}
	}
	return s.spotCodes(ctx, codes, place)
}

func (s *Service) printed(code string) Printed {
	return Printed{code, wallet.WrapCode(s.CodeLink, code)}
}

// spotCodes adds the codes of spots.
func (s *Service) spotCodes(ctx context.Context, codes Codes, place int64) (Codes, error) {
	spots, total, err := s.db.Spots(ctx, store.SpotFilter{Projects: []int64{codes.Project.ID}, LocationID: place, Limit: maxPrinted})
	if err != nil {
		return Codes{}, err
	}
	codes.More = total > len(spots)
	var ids []int64
	for _, spot := range spots {
		ids = append(ids, spot.LocationID)
	}
	slices.Sort(ids)
	places, err := s.db.LocationsByID(ctx, slices.Compact(ids))
	if err != nil {
		return Codes{}, err
	}
	titles := map[int64]wallet.Text{}
	for _, l := range places {
		titles[l.ID] = l.Title
	}
	for _, spot := range spots {
		codes.Spots = append(codes.Spots, SpotPrinted{
			Spot: spot.Spot, Place: titles[spot.LocationID],
			Printed: s.printed(wallet.SpotCode(s.SpotPrefix, spot.LocationID, spot.Identifier)),
		})
	}
	slices.SortFunc(codes.Spots, func(a, b SpotPrinted) int {
		return cmp.Or(cmp.Compare(a.LocationID, b.LocationID), cmp.Compare(a.ID, b.ID))
	})
	return codes, nil
}
