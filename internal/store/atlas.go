package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/nearby"
)

// atlas holds in memory what searches for places look at. It is read when a server starts, beside everything else, or when
// somebody searches, and follows what is written: at once by the process that wrote, soon by others on the same database. Those
// who search wait until it has been read.
type atlas struct {
	db *DB
	// wanted is closed, once, when somebody is going to search: who only writes places needs no atlas. read is closed, once,
	// when they can be searched.
	wanted, read  chan struct{}
	asked, opened sync.Once
	// following says that changes are to be told here, behind that some could not be taken over.
	following, behind atomic.Bool
	// now is what searches look at.
	now atomic.Pointer[sheet]

	// altering is held by who changes what is below, and from before a look at the database until all that was seen there
	// is here. So a change that this process made, and waits with, is never older than what is here already, unless seq says so.
	altering sync.Mutex
	index    *nearby.Index
	shelf    shelf
	// tables are the timetables by number; none has the number 0. holders are how many places have each, and idle is how many
	// timetables no place has any more.
	tables  []*timetable
	named   map[string]uint32
	holders []int32
	idle    int
	plans   *plans
	sets    map[string]nearby.CategorySet
	// seq is the change of places up to which all are here; 0 before the atlas was read.
	seq int64
}

// sheet is the atlas as it was at one moment.
type sheet struct {
	*nearby.View
	shelf  shelf
	tables []*timetable
	// seq is the change of places up to which all are here.
	seq int64
}

// shelf keeps bytes of many places, one after another, by where they begin. What was put there stays until the atlas is
// read anew.
type shelf struct {
	boxes [][]byte
	// used is how much of the last box is.
	used int
	// spoilt is how much belongs to places that were altered since.
	spoilt int
}

// Sizes of a shelf in bytes. What stands on it begins at multiples of shelfStep.
const (
	shelfBox  = 1 << 20
	shelfStep = 4
)

// put keeps some bytes.
func (s *shelf) put(withdrawn int64, words []byte) uint32 {
	need := 2*binary.MaxVarintLen64 + len(words)
	if len(s.boxes) == 0 || s.used+need > shelfBox {
		s.boxes, s.used = append(s.boxes, make([]byte, shelfBox)), 0
	}
	at := s.used
	box := s.boxes[len(s.boxes)-1]
	end := at + binary.PutUvarint(box[at:], uint64(withdrawn))
	end += binary.PutUvarint(box[end:], uint64(len(words)))
	end += copy(box[end:], words)
	s.used = (end + shelfStep - 1) / shelfStep * shelfStep
	return uint32(((len(s.boxes)-1)*shelfBox + at) / shelfStep)
}

// get is what stands at a place of the shelf.
func (s *shelf) get(slot uint32) (withdrawn int64, words []byte) {
	at := int(slot) * shelfStep
	box := s.boxes[at/shelfBox][at%shelfBox:]
	when, n := binary.Uvarint(box)
	length, m := binary.Uvarint(box[n:])
	return int64(when), box[n+m : n+m+int(length)]
}

// timetable is when places are open that have the same hours in the same zone. It is read when it is asked.
type timetable struct {
	key string
	// plans bounds what is read; nil where somebody else bounds the timetables themselves.
	plans *plans
	// read is what stands in it, nil while that is not kept.
	read atomic.Pointer[plan]
	// asked says that it was since releaseIdle last came by, and left that no place has it any more.
	asked, left atomic.Bool
	// last is the answer that was given last.
	last atomic.Pointer[opening]
}

// opening is an answer of a timetable, which holds from one time until before the other, in UNIX seconds.
type opening struct {
	from, until int64
	state       hours.State
	// next is when it changes, 0 when it is not known to.
	next int64
}

// at says what the place is at a time, and when that changes.
func (t *timetable) at(now time.Time) *opening {
	if t == nil {
		return &opening{}
	}
	second := now.Unix()
	if last := t.last.Load(); last != nil && last.from <= second && second < last.until {
		return last
	}
	is := t.opened()
	if is.schedule == nil {
		return &opening{}
	}
	answer := &opening{from: second, until: second + 24*60*60, state: is.schedule.State(now, is.zone)}
	if change, ok := is.schedule.NextChange(now, is.zone); ok {
		answer.next = change.Unix()
		answer.until = min(answer.until, answer.next)
	}
	t.last.Store(answer)
	return answer
}

func newAtlas(db *DB) *atlas {
	return &atlas{db: db, wanted: make(chan struct{}), read: make(chan struct{}), tables: make([]*timetable, 1), named: map[string]uint32{}, holders: make([]int32, 1), plans: &plans{}, sets: map[string]nearby.CategorySet{}, index: nearby.New()}
}

// view is the atlas as it is now, when it has been read.
func (a *atlas) view(ctx context.Context) (*sheet, error) {
	if now := a.now.Load(); now != nil {
		return now, nil
	}
	a.want()
	select {
	case <-a.read:
		return a.now.Load(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// want begins to read the places.
func (a *atlas) want() { a.asked.Do(func() { close(a.wanted) }) }

// ReadPlaces begins to read what searches for places look at, so that the first search finds it there. A process that does
// not search does without.
func (db *DB) ReadPlaces() { db.atlas.want() }

// publish shows what was altered. The caller holds altering.
func (a *atlas) publish() {
	shown := &sheet{View: a.index.View(), tables: a.tables, shelf: a.shelf, seq: a.seq}
	a.now.Store(shown)
}

// enter makes a place of a card, and keeps what belongs to it. The caller holds altering.
func (a *atlas) enter(c card, withdrawn int64) nearby.Place {
	if len(c.timetable) > 0 {
		number, ok := a.named[string(c.timetable)]
		if !ok {
			number = a.name(&timetable{key: string(c.timetable), plans: a.plans})
		}
		a.hold(number)
		c.place.Hours = number
	}
	if len(c.categories) > 0 {
		set, ok := a.sets[string(c.categories)]
		if !ok {
			set = a.index.CategorySet(categoryIDs(c.categories)...)
			a.sets[string(c.categories)] = set
		}
		c.place.Categories = set
	}
	c.place.Slot = a.shelf.put(withdrawn, c.words)
	return c.place
}

// runAtlas reads all places once they are wanted, again and again until that succeeds, and then follows what others write.
func (db *DB) runAtlas(ctx context.Context) {
	select {
	case <-db.atlas.wanted:
	case <-ctx.Done():
		return
	}
	for attempt := 1; ; attempt++ {
		err := db.atlas.load(ctx)
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			db.Log.Warn("cannot read the places; searches for them wait", "error", err)
		}
		if pause(ctx, min(attempt, 10)) != nil {
			return
		}
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var told complaint
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !db.postgres && !db.atlas.behind.Load() {
			continue
		}
		if err := db.atlas.follow(ctx); told.due(err) && ctx.Err() == nil {
			db.Log.Warn("cannot read what was written of places; searches may be stale", "error", err)
		}
	}
}

// loadingAtOnce is how many read the cards side by side, and cardsAtOnce how many they put down together.
const (
	loadingAtOnce = 2
	cardsAtOnce   = 4096
)

// load reads all cards. What is written meanwhile comes after it.
func (a *atlas) load(ctx context.Context) error {
	before, err := a.db.placeChanges(ctx, a.db.read)
	if err != nil {
		return err
	}
	var first, last, count sql.NullInt64
	if err := a.db.queryRow(ctx, a.db.read, `SELECT min(location_id), max(location_id), count(*) FROM location_cards`).Scan(&first, &last, &count); err != nil {
		return err
	}
	fresh := newAtlas(a.db)
	fresh.plans = a.plans
	places := make([]nearby.Place, 0, count.Int64)
	var turn sync.Mutex
	group, inGroup := errgroup.WithContext(ctx)
	step := (last.Int64-first.Int64)/loadingAtOnce + 1
	for part := range int64(loadingAtOnce) {
		from := first.Int64 + part*step
		group.Go(func() error {
			return a.db.readCards(inGroup, from, from+step, func(some []card, withdrawn []int64) {
				turn.Lock()
				defer turn.Unlock()
				for i, c := range some {
					places = append(places, fresh.enter(c, withdrawn[i]))
				}
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fresh.index.Replace(places)
	a.altering.Lock()
	defer a.altering.Unlock()
	a.index, a.shelf, a.tables, a.named, a.sets, a.seq = fresh.index, fresh.shelf, fresh.tables, fresh.named, fresh.sets, before
	a.holders, a.idle = fresh.holders, fresh.idle
	a.following.Store(true) // what was committed until now is found below, what comes later is told
	if err := a.catchUp(ctx); err != nil {
		return err
	}
	a.publish()
	a.opened.Do(func() { close(a.read) })
	return nil
}

// readCards reads the cards of the places with numbers from one until before the other. What it hands on is good until it returns.
func (db *DB) readCards(ctx context.Context, from, until int64, put func(some []card, withdrawn []int64)) error {
	rows, err := db.query(ctx, db.read, `SELECT location_id, withdrawn_at, card FROM location_cards WHERE location_id >= $1 AND location_id < $2`, from, until)
	if err != nil {
		return err
	}
	defer rows.Close()
	var some []card
	var withdrawn []int64
	var kept []byte
	flush := func() {
		put(some, withdrawn)
		some, withdrawn, kept = some[:0], withdrawn[:0], kept[:0]
	}
	for rows.Next() {
		var id int64
		var gone sql.NullInt64
		var raw sql.RawBytes
		if err := rows.Scan(&id, &gone, &raw); err != nil {
			return err
		}
		if len(some) == cardsAtOnce || len(kept)+len(raw) > cap(kept) {
			if len(some) > 0 {
				flush()
			}
			kept = append(make([]byte, 0, max(len(raw), shelfBox)), kept...)
		}
		begin := len(kept)
		kept = append(kept, raw...)
		c, err := readCard(id, kept[begin:])
		if err != nil {
			return err
		}
		some, withdrawn = append(some, c), append(withdrawn, gone.Int64)
	}
	if len(some) > 0 {
		flush()
	}
	return rows.Err()
}

// placeChanges is the number of the last change of places.
func (db *DB) placeChanges(ctx context.Context, q querier) (seq int64, err error) {
	err = db.queryRow(ctx, q, `SELECT seq FROM place_changes WHERE id = 1`).Scan(&seq)
	return seq, err
}

// catchUp takes over what was committed since, all of it at once: it looks at one state of the database. The caller holds altering.
func (a *atlas) catchUp(ctx context.Context) error {
	tx, err := a.db.snapshot(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() // it only reads
	seq, err := a.db.placeChanges(ctx, tx)
	if err != nil || seq == a.seq {
		return err
	}
	// No pages: after an import all of a million cards have one number, and each page would look for its begin among them.
	rows, err := a.db.query(ctx, tx, `SELECT location_id, withdrawn_at, card FROM location_cards WHERE seq > $1 AND seq <= $2`, a.seq, seq)
	if err != nil {
		return err
	}
	defer rows.Close()
	var places []nearby.Place
	view := a.index.View()
	for rows.Next() {
		var row cardRow
		var raw sql.RawBytes
		if err := rows.Scan(&row.id, &row.withdrawn, &raw); err != nil {
			return err
		}
		row.card = raw
		if places, err = a.renew(places, view, row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	a.replace(view, places)
	a.seq = seq
	a.publish()
	return nil
}

// rebuildAbove is from how many places on it may be cheaper to make the index anew than to put them into it.
const rebuildAbove = 20_000

// replace has the index hold places as they are now. The caller holds altering.
func (a *atlas) replace(view *nearby.View, places []nearby.Place) {
	if len(places) < rebuildAbove || len(places) < view.Len()/4 {
		if len(places) > 0 {
			a.index.Put(places...)
		}
		return
	}
	byID := func(p nearby.Place, id int64) int { return cmp.Compare(p.ID, id) }
	slices.SortFunc(places, func(p, q nearby.Place) int { return byID(p, q.ID) })
	all := places
	for old := range view.All(nearby.Filter{}, 0) {
		if _, renewed := slices.BinarySearchFunc(places, old.ID, byID); !renewed {
			all = append(all, *old)
		}
	}
	a.index.Replace(all)
}

// renew adds the place of a card as it is now; view has it as it was. The caller holds altering.
func (a *atlas) renew(places []nearby.Place, view *nearby.View, row cardRow) ([]nearby.Place, error) {
	c, err := readCard(row.id, row.card)
	if err != nil {
		return nil, err
	}
	place := a.enter(c, row.withdrawn.Int64)
	if old, ok := view.Get(row.id); ok {
		_, words := a.shelf.get(old.Slot)
		a.shelf.spoilt += len(words) + shelfStep
		a.release(old.Hours)
	}
	return append(places, place), nil
}

// take puts cards into the atlas; the caller publishes them, and holds altering.
func (a *atlas) take(some []cardRow) (err error) {
	places := make([]nearby.Place, 0, len(some))
	view := a.index.View()
	last := make(map[int64]int, len(some)) // a transaction may write a place twice
	for i, row := range some {
		last[row.id] = i
	}
	for i, row := range some {
		if last[row.id] != i {
			continue
		}
		if places, err = a.renew(places, view, row); err != nil {
			return err
		}
	}
	a.replace(view, places)
	return nil
}

// keepUp has what this process has just committed seen by its searches, where that was too much to be told.
func (a *atlas) keepUp(ctx context.Context) {
	if !a.following.Load() || !a.behind.Load() {
		return
	}
	if err := a.follow(context.WithoutCancel(ctx)); err != nil {
		a.db.Log.Warn("cannot read the places that were written; that is tried again", "error", err)
	}
}

// follow takes over what others have committed.
func (a *atlas) follow(ctx context.Context) error {
	a.altering.Lock()
	defer a.altering.Unlock()
	a.behind.Store(false)
	err := a.catchUp(ctx)
	if err != nil {
		a.behind.Store(true)
		return err
	}
	if a.wasteful() {
		a.tidy()
	}
	return nil
}

// spoiltMost is how much of a shelf may be wasted, in bytes, and idleMost how many timetables no place may have, whatever the
// atlas holds.
const spoiltMost = 8 << 20

var idleMost = 4096

// wasteful says whether so much is kept that belongs to no place any more that the atlas is to be tidied: half of it, and, since
// all places are moved for that, not too little for so many. The caller holds altering.
func (a *atlas) wasteful() bool {
	words := a.shelf.spoilt > spoiltMost && a.shelf.spoilt > len(a.shelf.boxes)*shelfBox/2
	return words || a.idle > idleMost && a.idle > len(a.tables)/2 && a.idle > a.index.View().Len()/16
}

// tidy moves all places to a new shelf, and lets timetables go that no place has any more. The caller holds altering.
func (a *atlas) tidy() {
	old, tables, view := a.shelf, a.tables, a.index.View()
	a.shelf, a.tables, a.named, a.holders, a.idle = shelf{}, make([]*timetable, 1), map[string]uint32{}, make([]int32, 1), 0
	numbers := make([]uint32, len(tables))
	places := make([]nearby.Place, 0, view.Len())
	for p := range view.All(nearby.Filter{}, 0) {
		moved := *p
		moved.Slot = a.shelf.put(old.get(p.Slot))
		if p.Hours != 0 {
			if numbers[p.Hours] == 0 {
				numbers[p.Hours] = a.name(tables[p.Hours])
			}
			moved.Hours = numbers[p.Hours]
			a.hold(moved.Hours)
		}
		places = append(places, moved)
	}
	a.index.Replace(places)
	a.publish()
	for number, t := range tables {
		if t != nil && numbers[number] == 0 {
			t.leave()
		}
	}
}

// apply takes over what a transaction of this process has committed, before the next one begins.
func (a *atlas) apply(seq int64, some []cardRow) {
	if !a.following.Load() {
		return // it is still to be read
	}
	a.altering.Lock()
	defer a.altering.Unlock()
	if seq <= a.seq {
		return // it came with a look at the database
	}
	var err error
	if seq == a.seq+1 {
		if err = a.take(some); err == nil {
			a.seq = seq
			a.publish()
		}
	} else {
		// Others wrote before. Who sees this change must see theirs, or would think that nothing older is to come.
		err = a.catchUp(context.Background())
	}
	if err != nil {
		a.db.Log.Warn("cannot read what was written of places; that is tried again", "error", err)
		a.behind.Store(true)
		return
	}
	if a.wasteful() {
		a.behind.Store(true) // so that it is tidied in the background
	}
}
