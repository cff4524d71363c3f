package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/nearby"
	"github.com/purserhq/purser/internal/wallet"
)

// FoundLocation is a place as a search finds it; what it looks like is read apart.
type FoundLocation struct {
	ID, ProjectID int64
	// UpdatedAt is when it was altered last: never the same for two states of a place.
	UpdatedAt time.Time
	// Distance in metres, of a search around a point or, from its middle, in an area.
	Distance float64
	// Withdrawn says that it is no longer public, and is there for those who keep copies. Told says that the list would tell so.
	Withdrawn, Told bool
	// State is whether it is open, and NextChange when that changes in UNIX seconds, 0 where it is not known to.
	State      hours.State
	NextChange int64

	timetable uint32
}

// FoundLocations are a page of what a search finds, all of one moment.
type FoundLocations struct {
	Places []FoundLocation
	// Total is how many there are on all pages.
	Total int
	// Clusters are what there is in the area of the search; nil where none is given.
	Clusters []nearby.Cluster

	// more says that places follow behind the page.
	more bool
}

// Mark is where a page ends that more follows, nil at the end of the list.
func (f FoundLocations) Mark() *wallet.LocationMark {
	if !f.more {
		return nil
	}
	last := f.Places[len(f.Places)-1]
	return &wallet.LocationMark{ID: last.ID, Distance: last.Distance, UpdatedAt: last.UpdatedAt}
}

// clustersMost is how many clusters a map gets at most.
const clustersMost = 256

// FindLocations returns a page of the places that the filter matches, in the order of their ids, nearest first, or the last
// edited first where edits count. Whether they are open is said of now. It waits until the places were read. What anybody may search
// for, but has to look at very many places for, is searched for by a few at once, and the others wait: it fails with ServiceUnavailable
// when their time is over.
func (db *DB) FindLocations(ctx context.Context, f wallet.LocationFilter, now time.Time) (FoundLocations, error) {
	if !f.PublicOnly {
		return db.find(ctx, f, now, nil)
	}
	effort := nearby.NewEffort(placesAtEase)
	if found, err := db.find(ctx, f, now, effort); err != nil || !effort.Spent() {
		return found, err
	}
	leave, err := db.crowd.enter(ctx)
	if err != nil {
		return FoundLocations{}, err
	}
	defer leave()
	return db.find(ctx, f, now, nil)
}

// find searches as long as the effort lasts; where that is spent, what it returns is worth nothing.
func (db *DB) find(ctx context.Context, f wallet.LocationFilter, now time.Time, effort *nearby.Effort) (FoundLocations, error) {
	sheet, err := db.atlas.view(ctx)
	edits := f.Near == nil && f.Area == nil && !f.UpdatedSince.IsZero()
	if err == nil && edits && db.postgres {
		sheet, err = db.atlas.caughtUp(ctx)
	}
	if err != nil {
		return FoundLocations{}, err
	}
	var found FoundLocations
	limit := f.Limit
	if f.After != nil && limit > 0 {
		f.Limit++ // whether more follows
	}
	s := search{sheet: sheet, LocationFilter: &f}
	s.read()
	s.filter.Effort = effort
	if f.Area != nil {
		found.Clusters = sheet.Clusters(s.filter, nearby.Box{
			South: int32(f.Area.South), West: int32(f.Area.West), North: int32(f.Area.North), East: int32(f.Area.East),
		}, clustersMost)
	}
	switch {
	case f.Near != nil:
		s.around(&found, *f.Near, f.Distance)
	case f.Area != nil:
		middle, radius := f.Area.Circle()
		s.around(&found, middle, radius)
	case edits:
		s.edits(&found)
	default:
		s.listed(&found)
	}
	found.more = f.After == nil && len(found.Places) > 0 && found.Total > f.Offset+len(found.Places)
	if limit > 0 && len(found.Places) > limit {
		found.Places, found.more = found.Places[:limit], true
	}
	for i := range found.Places {
		if one := &found.Places[i]; one.timetable != 0 && !one.Withdrawn {
			is := sheet.tables[one.timetable].at(now)
			one.State, one.NextChange = is.state, is.next
		}
	}
	return found, nil
}

// search is one search under way.
type search struct {
	*sheet
	*wallet.LocationFilter
	filter nearby.Filter
}

// read makes the filter of the index.
func (s *search) read() {
	f := s.LocationFilter
	s.filter = nearby.Filter{PublicOnly: f.PublicOnly, Projects: f.Projects, Categories: f.Categories}
	if len(f.Statuses) == 1 {
		s.filter.Status = nearby.OnlyActive
		if f.Statuses[0] == wallet.Inactive {
			s.filter.Status = nearby.OnlyInactive
		}
	}
	if !f.UpdatedSince.IsZero() {
		s.filter.UpdatedFrom = micros(f.UpdatedSince)
	}
	for _, service := range f.Services {
		s.filter.Services |= serviceBit(service)
	}
	var all []func(*nearby.Place) bool
	if len(f.Words) > 0 {
		all = append(all, s.hasWords())
	}
	if !f.OpenAt.IsZero() {
		all = append(all, s.open(func(is *plan) hours.State { return is.schedule.State(f.OpenAt, is.zone) }))
	}
	if !f.OpenFrom.IsZero() {
		all = append(all, s.open(func(is *plan) hours.State { return is.schedule.OpenDuring(f.OpenFrom, f.OpenUntil, is.zone) }))
	}
	if f.Area != nil && f.Near != nil {
		all = append(all, s.inArea)
	}
	if len(all) > 0 {
		s.filter.Match = every(all)
	}
}

// every says yes to what all say yes to.
func every(all []func(*nearby.Place) bool) func(*nearby.Place) bool {
	return func(p *nearby.Place) bool {
		for _, one := range all {
			if !one(p) {
				return false
			}
		}
		return true
	}
}

// hasWords finds places by words, which are folded.
func (s *search) hasWords() func(*nearby.Place) bool {
	words := make([][]byte, len(s.Words))
	for i, word := range s.Words {
		words[i] = []byte(" " + word)
	}
	return func(p *nearby.Place) bool {
		_, text := s.shelf.get(p.Slot)
		for _, word := range words {
			if !bytes.Contains(text, word) {
				return false
			}
		}
		return true
	}
}

// open finds places that are known to be open; each timetable is asked once.
func (s *search) open(state func(*plan) hours.State) func(*nearby.Place) bool {
	const asked, is = 1, 2
	answers := make([]uint8, len(s.tables))
	return func(p *nearby.Place) bool {
		if p.Hours == 0 {
			return false
		}
		answer := answers[p.Hours]
		if answer == 0 {
			answer = asked
			if at := s.tables[p.Hours].opened(); at.schedule != nil && state(at) == hours.Open {
				answer |= is
			}
			answers[p.Hours] = answer
		}
		return answer&is != 0
	}
}

func (s *search) inArea(p *nearby.Place) bool {
	return p.Located && s.Area.Holds(wallet.Position{Lat: int64(p.Lat), Lng: int64(p.Lng)})
}

// and adds a condition to a filter.
func and(f nearby.Filter, one func(*nearby.Place) bool) nearby.Filter {
	if f.Match == nil {
		f.Match = one
	} else {
		f.Match = every([]func(*nearby.Place) bool{f.Match, one})
	}
	return f
}

// around finds the nearest.
func (s *search) around(found *FoundLocations, middle wallet.Position, radius float64) {
	q := nearby.Query{Filter: s.filter, Lat: int32(middle.Lat), Lng: int32(middle.Lng), Radius: radius, Offset: s.Offset, Limit: s.limit()}
	if s.Near == nil { // an area: the circle encloses it
		q.Filter = and(q.Filter, s.inArea)
	}
	if s.After != nil {
		after := s.After
		count := q
		count.Limit = 0
		_, found.Total = s.Search(count)
		q.Filter = and(q.Filter, func(p *nearby.Place) bool {
			d := nearby.Distance(q.Lat, q.Lng, p.Lat, p.Lng)
			return d > after.Distance || d == after.Distance && p.ID > after.ID
		})
	}
	places, total := s.Search(q)
	if s.After == nil {
		found.Total = total
	}
	found.Places = make([]FoundLocation, len(places))
	for i := range places {
		found.Places[i] = foundAs(places[i].Place)
		found.Places[i].Distance = places[i].Distance
	}
}

func foundAs(p *nearby.Place) FoundLocation {
	return FoundLocation{ID: p.ID, ProjectID: p.Project, UpdatedAt: fromMicros(p.UpdatedAt), timetable: p.Hours}
}

// limit is how many places a page may have.
func (s *search) limit() int {
	if s.Limit == 0 {
		return s.Len()
	}
	return s.Limit
}

// listed finds places by id.
func (s *search) listed(found *FoundLocations) {
	if s.After == nil {
		var page []nearby.Place
		page, found.Total = s.List(s.filter, s.Offset, s.limit())
		for i := range page {
			found.Places = append(found.Places, foundAs(&page[i]))
		}
		return
	}
	_, found.Total = s.List(s.filter, 0, 0)
	skip := s.Offset
	for p := range s.All(s.filter, s.After.ID) {
		if skip--; skip >= 0 {
			continue
		}
		if found.Places = append(found.Places, foundAs(p)); len(found.Places) == s.limit() {
			return
		}
	}
}

// FindLocationsAfter finds places that the filter matches in the order of their ids, from the first above after on, at most so many
// of them. It counts none and says nothing of their hours: who goes on until the end looks at each place once.
func (db *DB) FindLocationsAfter(ctx context.Context, f wallet.LocationFilter, after int64, limit int) (found []FoundLocation, err error) {
	sheet, err := db.atlas.view(ctx)
	if err != nil {
		return nil, err
	}
	s := search{sheet: sheet, LocationFilter: &f}
	s.read()
	for p := range s.All(s.filter, after) {
		if found = append(found, foundAs(p)); len(found) >= limit {
			break
		}
	}
	return found, nil
}

// Locations returns a page of the places that the filter matches, and how many it matches in all, in the order of
// FindLocations. What is no longer public comes as nothing but a place that is not in use.
func (db *DB) Locations(ctx context.Context, f wallet.LocationFilter) (page []wallet.Location, total int, err error) {
	if f.Projects != nil && len(f.Projects) == 0 {
		return nil, 0, nil
	}
	found, err := db.FindLocations(ctx, f, db.Now())
	if err != nil {
		return nil, 0, err
	}
	page, err = db.FoundDocuments(ctx, found.Places)
	return page, found.Total, err
}

// FoundDocuments reads places that were found, in their order. What was edited since is as it is now, but for UpdatedAt: who asks
// for what is newer than all that was found must not miss what was edited between.
func (db *DB) FoundDocuments(ctx context.Context, found []FoundLocation) ([]wallet.Location, error) {
	page := make([]wallet.Location, 0, len(found))
	for some := range slices.Chunk(found, 500) {
		ids := make([]int64, 0, len(some))
		for _, one := range some {
			if !one.Withdrawn {
				ids = append(ids, one.ID)
			}
		}
		places, err := db.locationsByID(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			switch {
			case one.Withdrawn:
				page = append(page, WithdrawnPlace(one.ID, one.ProjectID, one.UpdatedAt))
			case len(places) > 0 && places[0].ID == one.ID:
				if places[0].UpdatedAt.After(one.UpdatedAt) {
					places[0].UpdatedAt = one.UpdatedAt
				}
				page, places = append(page, places[0]), places[1:]
			}
		}
	}
	return page, nil
}

// WithdrawnPlace is all that is told of a place that is no longer public.
func WithdrawnPlace(id, project int64, at time.Time) wallet.Location {
	return wallet.Location{ID: id, ProjectID: project, UpdatedAt: at, Status: wallet.Inactive}
}

// LocationsSince is where a copy of the public places stands: all changes up to Seq are in it, and of those of Seq the places
// up to ID. What was withdrawn until Begun was never in it. Lineage is which database it is a copy of.
type LocationsSince struct{ Lineage, Begun, Seq, ID int64 }

// ErrForeignCopy refuses to go on with a copy of another database, or of another state of this one, such as after it was
// restored from a backup.
var ErrForeignCopy = errors.New("the copy is not one of this database")

// ChangedLocations returns what a copy of the public places lacks, at most so many, where it then stands, and whether there
// is more. Those that are no longer public come as nothing but a place that is not in use. A zero LocationsSince begins a copy.
func (db *DB) ChangedLocations(ctx context.Context, since LocationsSince, limit int) (page []wallet.Location, now LocationsSince, more bool, err error) {
	last, lineage, err := db.copyState(ctx)
	if err != nil {
		return nil, since, false, err
	}
	if since == (LocationsSince{}) {
		since.Lineage, since.Begun = lineage, last
	}
	if since.Lineage != lineage || since.Seq > last || since.Begun > last {
		return nil, since, false, ErrForeignCopy
	}
	// Every change that has a number below one that is seen here was committed before: whatever alters a place later
	// gives it a greater number, and it comes again.
	rows, err := db.query(ctx, db.read, db.changedPlaces(), since.Seq, since.ID, since.Begun, limit+1)
	now = since
	page, err = collect(rows, err, func(rows *sql.Rows) (l wallet.Location, err error) {
		var seq int64
		var withdrawn sql.NullInt64
		if l, err = scanLocationWith(rows, &seq, &withdrawn); err != nil {
			return l, err
		}
		if withdrawn.Valid {
			l = WithdrawnPlace(l.ID, l.ProjectID, fromMicros(withdrawn.Int64))
		}
		if more = limit == 0; !more {
			now.Seq, now.ID = seq, l.ID
			limit--
		}
		return l, nil
	})
	if more {
		page = page[:len(page)-1]
	}
	return page, now, more, err
}

// changedPlaces is the statement of ChangedLocations: the first $4 places behind change $1 and, of that one, place $2. SQLite would look
// through all before them: it does not find a pair by both of its halves, and finds by the index what is asked of it first.
func (db *DB) changedPlaces() string {
	behind := func(where string) string {
		return `SELECT ` + joinedLocationColumns + `, c.public_seq, c.withdrawn_at FROM location_cards c JOIN locations l ON l.id = c.location_id
			WHERE ` + where + ` AND c.public_seq > 0 AND (c.withdrawn_at IS NULL OR c.public_seq > $3)
			ORDER BY c.public_seq, c.location_id LIMIT $4`
	}
	if db.postgres { // which would find the second half below by the places' own numbers, whatever changed them
		return behind(`(c.public_seq, c.location_id) > ($1, $2)`)
	}
	return `SELECT * FROM (` + behind(`c.public_seq > $1`) + `) UNION ALL SELECT * FROM (` + behind(`c.public_seq = $1 AND c.location_id > $2`) + `)
		ORDER BY public_seq, id LIMIT $4`
}
