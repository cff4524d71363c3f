package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"time"

	"github.com/purserhq/purser/internal/mapfile"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// ImportOptions say how a file becomes places.
type ImportOptions struct {
	// Project is whose places they are, and File what the audit trail calls the file.
	Project int64
	File    string
	// Apply writes; without it the report says what would be.
	Apply bool
	// AllOrNothing writes in one transaction, and nothing when a row is refused or the rows break off.
	AllOrNothing bool
	// Public shows new places to everybody whose rows do not say.
	Public bool
	// Distance is how far apart, in metres, two places of one name may be and still be the same one.
	Distance float64
	// List is how many rows of each kind the report holds.
	List int
}

// ImportReport says what an import did, or would do.
type ImportReport struct {
	// Applied says that it did.
	Applied                              bool
	Created, Changed, Unchanged, Refused int
	// FirstID and LastID are the numbers that new places have, and perhaps others between them; 0 without --apply.
	FirstID, LastID int64
	// New, Changes and Refusals are the first rows of each kind.
	New      []ImportedPlace
	Changes  []ImportedChange
	Refusals []RefusedRow
}

// ImportedPlace is a row that became a new place.
type ImportedPlace struct {
	Where string
	Place wallet.Location
}

// ImportedChange is a row that changed a place.
type ImportedChange struct {
	Where         string
	Before, After wallet.Location
}

// RefusedRow is a row that became nothing, and why.
type RefusedRow struct {
	Where    string
	Title    wallet.Text
	Problems []mapfile.Problem
}

// Bounds of an import.
const (
	// importBatch is how many rows are looked at together, and written by one transaction where each may go in without the others.
	importBatch = 1000
	// importLimit is how long others may wait for an import that is one transaction.
	importLimit = 5 * time.Minute
	// maxMatchDistance bounds ImportOptions.Distance, in metres.
	maxMatchDistance = 10_000
	// maxListed bounds ImportOptions.List.
	maxListed = 10_000
)

// placeImport is an import while it runs.
type placeImport struct {
	*Service
	ImportOptions
	caller     wallet.Caller
	known      *landmarks
	categories map[int64]bool
	timetables timetables
	report     ImportReport
	begun      bool
	// newest is the number of a place up to which all of the project are known here.
	newest int64
}

// ErrCutOff is the last error of rows that somebody could not read to their end.
var ErrCutOff = errors.New("the rows were cut off")

// errRefused ends a transaction that writes all rows or none.
var errRefused = errors.New("a row was refused")

// ImportPlaces makes places of rows, or changes those that are there: one with the number that a row gives, else the
// nearest of the same name. It goes on past rows that are refused, and writes a thousand at a time, or all in one
// transaction. An error of rows ends it; what came before stays, unless it is to be all. ErrCutOff is no error of the import:
// the report says what became of the rows. It fails with Forbidden, NotFound, InvalidParameters,
// InvalidState where others add places to the project meanwhile and, where it takes too long to be one transaction, ServiceUnavailable.
func (s *Service) ImportPlaces(ctx context.Context, c wallet.Caller, o ImportOptions, rows iter.Seq2[mapfile.Row, error]) (ImportReport, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return ImportReport{}, err
	}
	i := &placeImport{Service: s, ImportOptions: o, caller: c, known: newLandmarks(o.Distance), timetables: timetables{}}
	if err := i.prepare(ctx); err != nil {
		return ImportReport{}, err
	}
	batches, stop := iter.Pull2(inBatches(rows))
	defer stop()
	err := i.run(ctx, batches)
	if errors.Is(err, ErrCutOff) {
		err = nil
	}
	return i.report, err
}

// inBatches are rows by the thousand; the last ones come with the error that ended them.
func inBatches(rows iter.Seq2[mapfile.Row, error]) iter.Seq2[[]mapfile.Row, error] {
	return func(yield func([]mapfile.Row, error) bool) {
		batch := make([]mapfile.Row, 0, importBatch)
		for row, err := range rows {
			if err != nil {
				yield(batch, err)
				return
			}
			if batch = append(batch, row); len(batch) < importBatch {
				continue
			}
			if !yield(batch, nil) {
				return
			}
			batch = batch[:0]
		}
		yield(batch, nil)
	}
}

// pull is the next batch of rows, and whether there was one.
type pull = func() (batch []mapfile.Row, err error, ok bool)

// run imports all batches.
func (i *placeImport) run(ctx context.Context, next pull) error {
	if i.Apply && i.AllOrNothing {
		err := i.atOnce(ctx, next)
		if !errors.Is(err, errRefused) {
			return err
		}
	}
	batch, broken, more := next()
	for ; more && broken == nil; batch, broken, more = next() {
		if err := i.write(ctx, batch); err != nil {
			return cmp.Or(err, i.finish(context.WithoutCancel(ctx)))
		}
	}
	// What was read is written, and what was done is noted, though nobody may wait for it any more.
	ctx = context.WithoutCancel(ctx)
	return cmp.Or(i.write(ctx, batch), i.finish(ctx), broken)
}

// atOnce imports all batches in one transaction. Where a row is refused nothing is written, and it fails with errRefused: what
// follows is still to be looked at.
func (i *placeImport) atOnce(ctx context.Context, next pull) error {
	batch, broken, more := next() // nobody waits for the first
	// It ends when the rows do, which break off where somebody has gone: that is told rather than that a context was cancelled.
	err := i.db.UpdatePlaces(context.WithoutCancel(ctx), importLimit, func(tx *store.Tx) error {
		for ; more; batch, broken, more = next() {
			out, err := i.writePlans(tx, i.plans(batch))
			if err != nil {
				return err
			}
			if i.note(out); broken != nil {
				return broken
			}
			if i.report.Refused > 0 {
				return errRefused
			}
		}
		return i.noteImport(tx, i.caller)
	})
	if i.report.Applied = err == nil; err == nil {
		return nil
	}
	i.Apply, i.report.FirstID, i.report.LastID = false, 0, 0
	for n := range i.report.New {
		i.report.New[n].Place.ID = 0
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return wallet.Errorf(wallet.ServiceUnavailable, "nothing was written: it took longer than %s, and others wait meanwhile. Divide the file, or leave --all-or-nothing away.", importLimit)
	}
	return err
}

// CheckImport refuses what ImportPlaces would refuse before it reads a row.
func (s *Service) CheckImport(ctx context.Context, c wallet.Caller, o ImportOptions) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	project, err := s.db.Project(ctx, o.Project)
	switch {
	case err != nil:
		return err
	case project == nil:
		return wallet.FieldError("project", "there is no project %d", o.Project)
	case !(o.Distance >= 0 && o.Distance <= maxMatchDistance):
		return wallet.FieldError("match_distance", "must be from 0 to %d metres", maxMatchDistance)
	case o.List < 0 || o.List > maxListed:
		return wallet.FieldError("list", "must be from 0 to %d", maxListed)
	}
	return nil
}

// prepare learns which places and pay categories there are.
func (i *placeImport) prepare(ctx context.Context) error {
	if err := i.CheckImport(ctx, i.caller, i.ImportOptions); err != nil {
		return err
	}
	categories, err := i.db.PayCategories(ctx)
	if err != nil {
		return err
	}
	i.categories = map[int64]bool{}
	for _, category := range categories {
		i.categories[category.ID] = true
	}
	if i.newest, err = i.db.NewestLocation(ctx); err != nil {
		return err
	}
	const page = 5000
	for after := int64(0); ; {
		some, err := i.db.Landmarks(ctx, i.Project, after, page)
		if err != nil {
			return err
		}
		for _, l := range some {
			i.known.addStored(l.ID, l.Title, l.Position)
			after = l.ID
		}
		if len(some) < page {
			return nil
		}
	}
}

func (i *placeImport) isCategory(id int64) (bool, error) { return i.categories[id], nil }

// judge says what is wrong with a place.
func (i *placeImport) judge(l wallet.Location) []mapfile.Problem {
	refused := wallet.FieldErrors{}
	if err := i.judgePlace(i.isCategory, l, refused); err != nil {
		refused.Refuse("", "%s", err)
	}
	return problemsOf(refused)
}

// plan is what is to become of a row: of a new place or, with an id, of one that is there.
type plan struct {
	row    mapfile.Row
	id     int64
	change LocationChange
	place  wallet.Location
}

// decide makes a plan, or says why there is none.
func (i *placeImport) decide(row mapfile.Row) (p plan, problems []mapfile.Problem) {
	var err error
	if len(row.Problems) > 0 {
		return p, row.Problems
	}
	change, problems := fromFile(row.Record)
	if len(problems) > 0 {
		return p, problems
	}
	p = plan{row: row, change: change}
	ref := i.known.refOf(row.Ref)
	if row.ID != 0 {
		mark := i.known.ofPlace(row.ID)
		switch {
		case mark == 0:
			return p, []mapfile.Problem{{Field: "id", Reason: fmt.Sprintf("there is no place %d in project %d: leave the number out for a new one", row.ID, i.Project)}}
		case i.known.at(mark).row != 0:
			return p, []mapfile.Problem{{Field: "id", Reason: fmt.Sprintf("place %d is that of %s already", row.ID, i.known.where(i.known.at(mark)))}}
		}
		if row.Position != nil && i.known.isOther(mark, i.known.namesOf(row.Title), **change.Position) {
			return p, []mapfile.Problem{{Field: "id", Reason: fmt.Sprintf("place %d has another name and is elsewhere: leave the ids out where they are not those that `place export` wrote, "+
				"and give a place a new name and a new position one after the other", row.ID)}}
		}
		p.id = row.ID
		i.known.claim(p.id, row.Where, ref)
		return p, nil
	}
	switch {
	case len(row.Title) == 0:
		problems = append(problems, mapfile.Problem{Field: "title", Reason: "must be given"})
	case row.Position == nil:
		problems = append(problems, mapfile.Problem{Field: "lat", Reason: "must be given, with lng: a place is recognised by its name and where it is"})
	}
	if len(problems) > 0 {
		return p, problems
	}
	at, names := **change.Position, i.known.namesOf(row.Title)
	twin, metres := i.known.nearest(names, at, func(l *landmark) bool { return l.row != 0 && !(l.ref != 0 && ref != 0 && l.ref != ref) })
	if twin != nil {
		return p, []mapfile.Problem{{Field: "title", Reason: fmt.Sprintf("is the same place as %s, by its name and at %.0f m", i.known.where(twin), metres)}}
	}
	if known, _ := i.known.nearest(names, at, func(l *landmark) bool { return l.row == 0 }); known != nil {
		p.id = known.id
		i.known.claim(p.id, row.Where, ref)
		return p, nil
	}
	if change.Hours, err = i.timetables.hoursOf(row.Record, nil); err != nil {
		return p, hoursProblem(err)
	}
	p.place = i.fresh(change, at)
	if problems := i.judge(p.place); len(problems) > 0 {
		return p, problems
	}
	i.known.addRow(row.Where, ref, names, at)
	return p, nil
}

func hoursProblem(err error) []mapfile.Problem {
	return []mapfile.Problem{{Field: "opening_hours", Reason: err.Error()}}
}

// fresh is the new place that a row asks for.
func (i *placeImport) fresh(change LocationChange, at wallet.Position) wallet.Location {
	if len(change.Address) == 0 {
		change.Address = addressOf(at)
	}
	l := change.To(wallet.Location{ProjectID: i.Project, Status: wallet.Active, Public: i.Public, UpdatedAt: i.BusinessClock()})
	locate(&l)
	return l
}

// outcome is what becomes of a batch.
type outcome struct {
	// newest is what placeImport.newest becomes when it is committed.
	newest    int64
	created   []wallet.Location
	rows      []string // of created, where they stand
	changed   []ImportedChange
	unchanged int
	refused   []RefusedRow
}

// none says whether there is nothing to write.
func (o *outcome) none() bool { return len(o.created)+len(o.changed) == 0 }

// carryOut works out what plans do to the places as they are now.
func (i *placeImport) carryOut(plans []plan, now []wallet.Location) (out outcome) {
	current := make(map[int64]wallet.Location, len(now))
	for _, l := range now {
		current[l.ID] = l
	}
	for _, p := range plans {
		if p.id == 0 {
			out.created, out.rows = append(out.created, p.place), append(out.rows, p.row.Where)
			continue
		}
		before := current[p.id]
		change := p.change
		var err error
		if change.Hours, err = i.timetables.hoursOf(p.row.Record, before.Hours); err != nil {
			out.refused = append(out.refused, RefusedRow{p.row.Where, p.row.Title, hoursProblem(err)})
			continue
		}
		after := change.To(before)
		locate(&after)
		if reflect.DeepEqual(before, after) || same(before, after) {
			out.unchanged++
			continue
		}
		after.UpdatedAt = i.BusinessClock()
		if problems := i.judge(after); len(problems) > 0 {
			out.refused = append(out.refused, RefusedRow{p.row.Where, p.row.Title, problems})
			continue
		}
		out.changed = append(out.changed, ImportedChange{p.row.Where, before, after})
	}
	return out
}

// plans decides about a batch of rows.
func (i *placeImport) plans(rows []mapfile.Row) (plans []plan) {
	for _, row := range rows {
		p, problems := i.decide(row)
		if len(problems) > 0 {
			i.refuse(RefusedRow{row.Where, row.Title, problems})
			continue
		}
		plans = append(plans, p)
	}
	return plans
}

// idsOf are the numbers of the places that plans are about.
func idsOf(plans []plan) (ids []int64) {
	for _, p := range plans {
		if p.id != 0 {
			ids = append(ids, p.id)
		}
	}
	return ids
}

// write decides about a batch of rows, and writes it where that is wanted.
func (i *placeImport) write(ctx context.Context, rows []mapfile.Row) error {
	plans := i.plans(rows)
	if len(plans) == 0 {
		return nil
	}
	if !i.Apply {
		now, err := i.db.LocationsByID(ctx, idsOf(plans))
		if err != nil {
			return err
		}
		i.note(i.carryOut(plans, now))
		return nil
	}
	return i.changeBatch(ctx, plans)
}

// changeBatch writes a batch in a transaction of its own.
func (i *placeImport) changeBatch(ctx context.Context, plans []plan) error {
	var out outcome
	err := i.change(ctx, i.caller, func(tx *store.Tx, c wallet.Caller) (err error) {
		if out, err = i.writePlans(tx, plans); err != nil || i.begun || out.none() {
			return err
		}
		return i.audit(tx, c, "begin import", projectObject, i.Project, nil, struct{ File string }{i.File})
	})
	if err != nil {
		return err
	}
	i.begun = i.begun || !out.none()
	i.note(out)
	return nil
}

// writePlans carries plans out in a transaction.
func (i *placeImport) writePlans(tx *store.Tx, plans []plan) (out outcome, err error) {
	overtaken, newest, err := tx.NewerLocations(i.Project, i.newest)
	if err != nil {
		return out, err
	}
	if overtaken {
		return out, wallet.Errorf(wallet.InvalidState, "Somebody else has added places to project %d meanwhile, which the rest of the file was not compared with: "+
			"run the import again. What it has written so far stays, with --all-or-nothing it has written nothing.", i.Project)
	}
	now, err := tx.LocationsByID(idsOf(plans))
	if err != nil {
		return out, err
	}
	out = i.carryOut(plans, now)
	out.newest = newest
	changed := make([]wallet.Location, len(out.changed))
	for n, change := range out.changed {
		changed[n] = change.After
	}
	if err := tx.PutLocations(changed); err != nil {
		return out, err
	}
	if len(out.created) == 0 {
		return out, nil
	}
	err = tx.InsertLocations(out.created)
	out.newest = out.created[len(out.created)-1].ID
	return out, err
}

func (i *placeImport) refuse(row RefusedRow) {
	i.report.Refused++
	if len(i.report.Refusals) < i.List {
		i.report.Refusals = append(i.report.Refusals, row)
	}
}

// note adds a batch to the report.
func (i *placeImport) note(out outcome) {
	r := &i.report
	i.newest = max(i.newest, out.newest)
	r.Created += len(out.created)
	r.Changed += len(out.changed)
	r.Unchanged += out.unchanged
	for _, row := range out.refused {
		i.refuse(row)
	}
	for n, place := range out.created {
		if place.ID != 0 {
			r.FirstID, r.LastID = cmp.Or(r.FirstID, place.ID), place.ID
		}
		if len(r.New) < i.List {
			r.New = append(r.New, ImportedPlace{out.rows[n], place})
		}
	}
	r.Changes = append(r.Changes, out.changed[:min(len(out.changed), i.List-len(r.Changes))]...)
}

// finish notes in the audit trail what was done a batch after another.
func (i *placeImport) finish(ctx context.Context) error {
	if !i.Apply {
		return nil
	}
	i.report.Applied = true
	return i.change(ctx, i.caller, i.noteImport)
}

func (i *placeImport) noteImport(tx *store.Tx, c wallet.Caller) error {
	r := i.report
	return i.audit(tx, c, "import", projectObject, i.Project, nil, struct {
		File                                 string
		Created, Changed, Unchanged, Refused int
		FirstID, LastID                      int64
	}{i.File, r.Created, r.Changed, r.Unchanged, r.Refused, r.FirstID, r.LastID})
}

// maxExportPage bounds how many places ExportPlaces returns.
const maxExportPage = 1000

// ExportPlaces returns places of a project, of all for 0, as a file has them: by number, the first above after, at most
// limit of them, of which 0 is as many as it ever returns. It fails with Forbidden.
func (s *Service) ExportPlaces(ctx context.Context, c wallet.Caller, project, after int64, limit int) ([]mapfile.Record, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	if limit <= 0 || limit > maxExportPage {
		limit = maxExportPage
	}
	places, err := s.db.LocationsAfter(ctx, project, after, limit)
	if err != nil {
		return nil, err
	}
	records := make([]mapfile.Record, len(places))
	for i, l := range places {
		records[i] = toFile(l)
	}
	return records, nil
}
