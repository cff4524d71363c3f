package service

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Places as those change them whose they are, over the wire. What the operator does with them is in manage.go.

// LocationView is a place as somebody may see it.
type LocationView struct {
	wallet.Location
	// Spots are there for who belongs to the project, by number.
	Spots []wallet.Spot
	// Open is whether it is open now, and NextChange when that changes, zero where it is not known to.
	Open       hours.State
	NextChange time.Time
	// Distance in metres is where the place was found by a search around a point; it may have moved since.
	Distance float64
}

// LocationEdit is what somebody asks to become of a place; what is not given stays as it is.
type LocationEdit struct {
	// LocationChange is all of it but what is below.
	LocationChange
	// Locale is the language that plain words are in, English where it is empty.
	Locale string
	// TitleWords, DescriptionWords and AddressWords change texts.
	TitleWords, DescriptionWords, AddressWords wallet.Words
	// PriceEdits are all prices and offers, and SpotEdits all spots, that the place has then.
	PriceEdits *[]PriceEdit
	SpotEdits  *[]SpotEdit
	// RemoteIdentifier names the remote spot by its identifier, as RemoteSpot does by its number; empty where it is not.
	RemoteIdentifier string
	// KeepLat and KeepLng say that this half of Position is to be the one of the place.
	KeepLat, KeepLng bool
	// ID and ProjectID are repeated by programs that write what they read; 0 where they are not.
	ID, ProjectID int64
	// Refused is what of the edit could not be read, by field: it is refused together with what is wrong with the rest.
	Refused wallet.FieldErrors
}

// PriceEdit is a price or an offer as it is to be.
type PriceEdit struct {
	Title wallet.Words
	// Amount is empty for an offer.
	Amount money.Amount
	// ValidFrom and ValidUntil nil stay as they are of a price with that title and amount; zero is no such end.
	ValidFrom, ValidUntil *time.Time
}

// on is price number i after the edit; before are those that the place had, of which it is the one with the same title and
// amount, if there is one.
func (e PriceEdit) on(i int, before []wallet.Price) wallet.Price {
	says := func(p wallet.Price) bool {
		change := e.Title.ChangeOf(p.Title)
		return p.Amount == e.Amount && (e.Title.IsPlain || len(change) > 0) && maps.Equal(merged(p.Title, change), p.Title)
	}
	known := slices.IndexFunc(before, says)
	if i < len(before) && says(before[i]) {
		known = i // there may be two, for two times
	}
	p := wallet.Price{Amount: e.Amount}
	if known >= 0 {
		p = before[known]
	}
	p.Title = merged(p.Title, e.Title.ChangeOf(p.Title))
	set(&p.ValidFrom, e.ValidFrom)
	set(&p.ValidUntil, e.ValidUntil)
	return p
}

// to is the place after the edit, but for its spots.
func (e LocationEdit) to(now wallet.Location) wallet.Location {
	change := e.LocationChange
	change.Title = e.TitleWords.ChangeOf(now.Title)
	change.Description = e.DescriptionWords.ChangeOf(now.Description)
	change.Address = e.AddressWords.ChangeOf(now.Address)
	if e.PriceEdits != nil {
		prices := make([]wallet.Price, len(*e.PriceEdits))
		for i, one := range *e.PriceEdits {
			prices[i] = one.on(i, now.Prices)
		}
		change.Prices = &prices
	}
	change.Position = e.position(now.Position)
	after := change.To(now)
	locate(&after)
	return after
}

// position is where the place is to be, nil where it is.
func (e LocationEdit) position(now *wallet.Position) **wallet.Position {
	if !e.KeepLat && !e.KeepLng {
		return e.Position
	}
	if now == nil {
		return nil // judgeRepeated refuses that
	}
	position := **e.Position
	if e.KeepLat {
		position.Lat = now.Lat
	}
	if e.KeepLng {
		position.Lng = now.Lng
	}
	moved := &position
	return &moved
}

// GetLocation returns a place: one that is public to everybody who may use the wallet API, another to those who represent
// its project. It fails with Forbidden and NotFound.
func (s *Service) GetLocation(ctx context.Context, c wallet.Caller, id int64) (LocationView, error) {
	l, subject, err := s.findPlace(ctx, c, id)
	if err != nil {
		return LocationView{}, err
	}
	if err := wallet.May(c, wallet.ReadLocation, subject).Err(); err != nil {
		return LocationView{}, err
	}
	if l == nil {
		return LocationView{}, noSuch(locationObject, id)
	}
	views, err := s.viewPlaces(ctx, c, []wallet.Location{*l})
	if err != nil {
		return LocationView{}, err
	}
	return views[0], nil
}

// ListProjectLocations returns the places of a project that the filter leaves. It fails with Forbidden and NotFound.
func (s *Service) ListProjectLocations(ctx context.Context, c wallet.Caller, project int64, f wallet.LocationFilter) ([]LocationView, error) {
	subject, err := s.subjectOfProject(ctx, c, project)
	if err != nil {
		return nil, err
	}
	if err := wallet.May(c, wallet.ListProjectLocations, subject).Err(); err != nil {
		return nil, err
	}
	if subject.Project == nil {
		return nil, noSuch(projectObject, project)
	}
	f.Projects = []int64{project}
	found, err := s.db.FindLocations(ctx, f, s.BusinessClock())
	if err != nil {
		return nil, err
	}
	places, err := s.db.FoundDocuments(ctx, found.Places)
	if err != nil {
		return nil, err
	}
	views, err := s.viewPlaces(ctx, c, places)
	for i, at := 0, 0; i < len(views); i, at = i+1, at+1 {
		for found.Places[at].ID != views[i].ID {
			at++ // it is not there any more
		}
		views[i].Distance = found.Places[at].Distance
	}
	return views, err
}

// subjectOfProject is a project with who administers it, as far as a decision about the caller looks at that.
func (s *Service) subjectOfProject(ctx context.Context, c wallet.Caller, id int64) (subject wallet.Subject, err error) {
	if subject.Project, err = s.db.Project(ctx, id); err != nil || subject.Project == nil || c.Kind != wallet.ByToken {
		return subject, err
	}
	if subject.Owner, err = s.db.User(ctx, subject.Project.OwnerID); err != nil {
		return subject, err
	}
	subject.Administrators, _, err = s.db.ProjectAdministrators(ctx, id)
	return subject, err
}

// subjectIn is subjectOfProject as the transaction sees it.
func subjectIn(tx *store.Tx, c wallet.Caller, id int64) (subject wallet.Subject, err error) {
	if subject.Project, err = tx.Project(id); err != nil || subject.Project == nil || c.Kind != wallet.ByToken {
		return subject, err
	}
	if subject.Owner, err = tx.User(subject.Project.OwnerID); err != nil {
		return subject, err
	}
	subject.Administrators, err = tx.ProjectAdministrators(id)
	return subject, err
}

// managedIn is subjectIn for a caller who is to change a place of the project; whether it may is asked of what the transaction
// sees, once more.
func managedIn(tx *store.Tx, c wallet.Caller, project int64, l *wallet.Location) error {
	subject, err := subjectIn(tx, c, project)
	if err != nil {
		return err
	}
	subject.Location = l
	return wallet.May(c, wallet.ManageLocation, subject).Err()
}

// findPlace finds a place, nil where there is none, with what a decision about it looks at.
func (s *Service) findPlace(ctx context.Context, c wallet.Caller, id int64) (*wallet.Location, wallet.Subject, error) {
	l, err := s.db.Location(ctx, id)
	if err != nil || l == nil {
		return nil, wallet.Subject{}, err
	}
	subject, err := s.subjectOfProject(ctx, c, l.ProjectID)
	subject.Location = l
	return l, subject, err
}

// viewPlaces are places as the caller may see them: prices and offers that do not count now are for those who may change
// the place.
func (s *Service) viewPlaces(ctx context.Context, c wallet.Caller, places []wallet.Location) ([]LocationView, error) {
	views := make([]LocationView, len(places))
	manages, ids := map[int64]bool{}, []int64{}
	for i, l := range places {
		may, known := manages[l.ProjectID]
		if !known {
			subject, err := s.subjectOfProject(ctx, c, l.ProjectID)
			if err != nil {
				return nil, err
			}
			may = wallet.May(c, wallet.ManageLocation, subject).Allowed
			manages[l.ProjectID] = may
		}
		if !may {
			l.Prices = wallet.PricesAt(l.Prices, l.ShownAt(s.BusinessClock()))
		}
		if may || c.Represents(l.ProjectID) {
			ids = append(ids, l.ID)
		}
		views[i] = s.viewOf(l, nil)
	}
	spots, err := s.db.SpotsOfPlaces(ctx, ids)
	for i := range views {
		views[i].Spots = spots[views[i].ID]
	}
	return views, err
}

// AddLocation makes a place of a project. It fails with Forbidden, NotFound and InvalidParameters.
func (s *Service) AddLocation(ctx context.Context, c wallet.Caller, project int64, e LocationEdit) (LocationView, error) {
	subject, err := s.subjectOfProject(ctx, c, project)
	if err != nil {
		return LocationView{}, err
	}
	if err := wallet.May(c, wallet.ManageLocation, subject).Err(); err != nil {
		return LocationView{}, err
	}
	if subject.Project == nil {
		return LocationView{}, noSuch(projectObject, project)
	}
	e.readMap()
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (LocationView, error) {
		if err := managedIn(tx, c, project, nil); err != nil {
			return LocationView{}, err
		}
		return s.editPlace(tx, c, nil, wallet.Location{ProjectID: project, Status: wallet.Active}, e)
	})
}

// EditLocation changes a place: texts language by language, prices, services, hours and spots as a whole. It fails with
// Forbidden, NotFound and InvalidParameters.
func (s *Service) EditLocation(ctx context.Context, c wallet.Caller, id int64, e LocationEdit) (LocationView, error) {
	l, subject, err := s.findPlace(ctx, c, id)
	if err != nil {
		return LocationView{}, err
	}
	if err := wallet.May(c, wallet.ManageLocation, subject).Err(); err != nil {
		return LocationView{}, err
	}
	if l == nil {
		return LocationView{}, noSuch(locationObject, id)
	}
	e.readMap()
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (LocationView, error) {
		now, err := tx.Location(id)
		if err != nil {
			return LocationView{}, err
		}
		if now == nil {
			return LocationView{}, noSuch(locationObject, id)
		}
		if err := managedIn(tx, c, now.ProjectID, now); err != nil {
			return LocationView{}, err
		}
		return s.editPlace(tx, c, now, *now, e)
	})
}

// judgeRepeated gathers what is wrong with what an edit says of the place that it is sent to, which is new or not: that it is another
// place, or of another project, or somewhere that is not known.
func (e LocationEdit) judgeRepeated(refused wallet.FieldErrors, isNew bool, now wallet.Location) {
	switch {
	case e.ID == 0 || e.ID == now.ID && !isNew:
	case isNew:
		refused.Refuse("id", "is given by the server: leave it out")
	default:
		refused.Refuse("id", "is %d, and cannot be changed", now.ID)
	}
	if e.ProjectID != now.ProjectID && e.ProjectID != 0 {
		refused.Refuse("project_id", "is %d, and cannot be changed", now.ProjectID)
	}
	switch {
	case now.Position != nil:
	case e.KeepLat:
		refused.Refuse("lat", "must be given with lng")
	case e.KeepLng:
		refused.Refuse("lng", "must be given with lat")
	}
}

// refusal is one error about all that is wrong with an edit, nil when nothing is: what could not be read of it, and what was judged,
// but for what only looks wrong because something in it, or what it is part of, could not be read.
func (e LocationEdit) refusal(judged wallet.FieldErrors) error {
	unread := map[string]bool{}
	for field := range e.Refused {
		for part := range around(field) {
			unread[part] = true
		}
	}
	all := maps.Clone(e.Refused)
	if all == nil {
		all = wallet.FieldErrors{}
	}
	for field, sentences := range judged {
		covered := unread[field] || strings.HasPrefix(field, "remote_orders.") && unread["spots"]
		for part := range around(field) {
			covered = covered || e.Refused[part] != nil
		}
		if !covered {
			all[field] = sentences
		}
	}
	return all.Err()
}

// around are a field and all that it is part of: of spots[0].id also spots[0] and spots.
func around(field string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for field != "" && yield(field) {
			field = field[:max(strings.LastIndexAny(field, ".["), 0)]
		}
	}
}

// editPlace writes what a place becomes; before is nil where it is new. What stays as it is is not written.
func (s *Service) editPlace(tx *store.Tx, c wallet.Caller, before *wallet.Location, now wallet.Location, e LocationEdit) (LocationView, error) {
	e.now = s.BusinessClock()
	after, had := e.to(now), []wallet.Spot(nil)
	action, write, was := "update", tx.UpdateLocation, any(now)
	var err error
	if before == nil {
		action, write, was = "create", tx.InsertLocation, nil
		after.ID, err = tx.NextID(store.LocationIDs, 0)
	} else {
		had, err = tx.SpotsOf(now.ID)
	}
	if err != nil {
		return LocationView{}, err
	}
	refused := wallet.FieldErrors{}
	e.judgeRepeated(refused, before == nil, now)
	spots, err := e.spots(tx, now, after, had, refused)
	if err != nil {
		return LocationView{}, err
	}
	e.chooseRemote(&after, now, spots, refused)
	unchanged := before != nil && same(now, after)
	if unchanged && sameSpots(had, spots) && len(refused)+len(e.Refused) == 0 {
		return s.viewOf(now, had), nil // it may stay as it is, whatever the rules are by now
	}
	e.judgeHours(refused, after)
	if err := s.judgePlace(tx.PayCategoryExists, after, refused); err != nil {
		return LocationView{}, err
	}
	if err := e.refusal(refused); err != nil {
		return LocationView{}, err
	}
	if after.UpdatedAt, err = tx.PlaceTime(e.now); err != nil {
		return LocationView{}, err
	}
	if err := write(after); err != nil {
		return LocationView{}, err
	}
	if !unchanged {
		if err := s.audit(tx, c, action, locationObject, after.ID, was, after); err != nil {
			return LocationView{}, err
		}
	}
	return s.viewOf(after, spots), s.writeSpots(tx, c, had, spots)
}

// viewOf is a place as those see it whose it is.
func (s *Service) viewOf(l wallet.Location, spots []wallet.Spot) LocationView {
	v := LocationView{Location: l, Spots: spots}
	v.Open, v.NextChange = opening(&l, s.BusinessClock())
	return v
}
