package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// syncWorld is servers with places, what is true of the places, and three who keep copies of those that are public.
type syncWorld struct {
	t       *testing.T
	address string
	clock   *wallettest.Clock
	dbs     []*store.DB
	places  map[int64]wallet.Location
	lastID  int64

	byCursor, byTime, byOffset copyOfPlaces
}

// copyOfPlaces is what somebody keeps: the public places, and where the copy stands.
type copyOfPlaces struct {
	places map[int64]wallet.Location
	since  store.LocationsSince
	// newest is the newest updated_at, in whole seconds as the wire shows it, of the rounds that were read to their end. It is what
	// a round asks for; seen is the newest of the round under way.
	newest, seen time.Time
	// after and offset are where the round under way goes on.
	after  *wallet.LocationMark
	offset int
}

// newCopy is an empty copy.
func newCopy() copyOfPlaces {
	return copyOfPlaces{places: map[int64]wallet.Location{}, newest: time.Unix(0, 0).UTC()}
}

func (c *copyOfPlaces) take(page []wallet.Location) {
	for _, l := range page {
		if l.Public {
			c.places[l.ID] = l
		} else {
			delete(c.places, l.ID)
		}
	}
}

func (w *syncWorld) open() {
	n := 1
	if isPostgres(w.address) {
		n = 2
	}
	for range n {
		db, err := store.Open(context.Background(), w.address, wallettest.StoreOptions(w.clock))
		if err != nil {
			w.t.Fatal(err)
		}
		w.dbs = append(w.dbs, db)
	}
}

func (w *syncWorld) close() {
	for _, db := range w.dbs {
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	}
	w.dbs = nil
}

var errAbandoned = errors.New("somebody went away")

// write changes some places in one transaction, which may be abandoned.
func (w *syncWorld) write(t *rapid.T) {
	db := rapid.SampledFrom(w.dbs).Draw(t, "server")
	abandoned := rapid.IntRange(0, 4).Draw(t, "abandoned") == 0
	written := map[int64]wallet.Location{}
	lastID := w.lastID
	var batch []wallet.Location
	for range rapid.SampledFrom([]int{1, 1, 1, 2, 7}).Draw(t, "places") {
		id := lastID + 1
		if lastID > 0 && rapid.IntRange(0, 2).Draw(t, "edit") > 0 {
			id = rapid.Int64Range(1, lastID).Draw(t, "place")
		}
		lastID = max(lastID, id)
		if _, twice := written[id]; twice {
			continue
		}
		l := wallet.Location{ID: id, ProjectID: 1, Title: wallet.Text{"en": rapid.StringMatching("[a-z]{1,4}").Draw(t, "title")},
			Status: wallet.Active, Public: rapid.IntRange(0, 2).Draw(t, "public") > 0}
		if rapid.IntRange(0, 3).Draw(t, "inactive") == 0 {
			l.Status = wallet.Inactive
		}
		written[id] = l
		batch = append(batch, l)
	}
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		at, err := tx.PlaceTime(w.clock.Now())
		if err != nil {
			return err
		}
		for i := range batch {
			batch[i].UpdatedAt = at
		}
		if err := tx.PutLocations(batch); err != nil {
			return err
		}
		if abandoned {
			return errAbandoned
		}
		return nil
	})
	if abandoned {
		if !errors.Is(err, errAbandoned) {
			t.Fatalf("an abandoned transaction ended with %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range batch {
		w.places[l.ID] = l
	}
	w.lastID = lastID
}

// cursor takes one page by the cursor, and says whether there is more.
func (w *syncWorld) cursor(t *rapid.T, db *store.DB, limit int) bool {
	c := &w.byCursor
	page, now, more, err := db.ChangedLocations(context.Background(), c.since, limit)
	if err != nil || len(page) > limit {
		t.Fatalf("%d places, %v", len(page), err)
	}
	c.take(page)
	c.since = now
	return more
}

// timed takes one page by updated_after, after the one before or, as today's SDKs do, by offset. It says whether the round goes on.
func (w *syncWorld) timed(t *rapid.T, db *store.DB, c *copyOfPlaces, byOffset bool, limit int) bool {
	f := wallet.LocationFilter{PublicOnly: true, Statuses: []wallet.LocationStatus{wallet.Active, wallet.Inactive},
		UpdatedSince: c.newest, After: c.after, Offset: c.offset, Limit: limit}
	found, err := db.FindLocations(context.Background(), f, w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	page, err := db.FoundDocuments(context.Background(), found.Places)
	if err != nil {
		t.Fatal(err)
	}
	c.take(page)
	for _, l := range page {
		if second := l.UpdatedAt.Truncate(time.Second); second.After(c.seen) {
			c.seen = second
		}
	}
	more := false
	if byOffset {
		c.offset += len(page)
		more = c.offset < found.Total && len(page) > 0
	} else {
		c.after = found.Mark(&f)
		more = c.after != nil
	}
	if !more {
		if c.after, c.offset = nil, 0; c.seen.After(c.newest) {
			c.newest = c.seen
		}
	}
	return more
}

// public are the places that a copy must be.
func (w *syncWorld) public() map[int64]wallet.Location {
	public := map[int64]wallet.Location{}
	for id, l := range w.places {
		if l.Public {
			public[id] = l
		}
	}
	return public
}

// settle lets all finish, and compares.
func (w *syncWorld) settle(t *rapid.T) {
	for i, db := range w.dbs {
		if err := db.FollowPlaces(context.Background()); err != nil {
			t.Fatal(err)
		}
		for w.cursor(t, db, 3) {
		}
		for _, c := range []*copyOfPlaces{&w.byTime, &w.byOffset} {
			for w.timed(t, db, c, c == &w.byOffset, 3) {
			}
			for w.timed(t, db, c, c == &w.byOffset, 200) { // a round that began before the last write ended; this one sees it
			}
		}
		want := w.public()
		if diff := cmp.Diff(want, w.byCursor.places, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the copy by cursor differs at server %d (-true +copy):\n%s", i, diff)
		}
		if diff := cmp.Diff(want, w.byTime.places, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the copy by time differs at server %d (-true +copy):\n%s", i, diff)
		}
		if diff := cmp.Diff(want, w.byOffset.places, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the copy of an SDK that pages by offset differs at server %d (-true +copy):\n%s", i, diff)
		}
	}
}

// syncs is how many histories are told, 1,000 unless PURSER_TEST_SYNC says another number.
func syncs(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("PURSER_TEST_SYNC"))
	if err != nil {
		n = 1000
	}
	if testing.Short() {
		n /= 10
	}
	return n
}

// Whatever happens in whatever order, a copy becomes what is public: made, edited, deactivated, hidden and shown again by
// transactions of several servers, some of them abandoned, while pages are read, clocks stand still or go back, and servers start
// anew. A database is used by a hundred histories, one after another, so that they begin with what others left.
func TestCopiesConverge(t *testing.T) {
	const each = 100 // which is how many rapid tells
	wallettest.Addresses(t, func(t *testing.T, address string) {
		for told := 0; told < syncs(t) && !t.Failed(); told += each {
			t.Run(strconv.Itoa(told), func(t *testing.T) { tellOfCopies(t, wallettest.Another(t, address)) })
		}
	})
}

// tellOfCopies has rapid tell its histories on a new database.
func tellOfCopies(t *testing.T, address string) {
	w := &syncWorld{t: t, address: address, clock: wallettest.NewClock(), places: map[int64]wallet.Location{}}
	w.open()
	defer func() { w.close() }()
	seed(t, w.dbs[0])
	rapid.Check(t, func(t *rapid.T) {
		w.byCursor, w.byTime, w.byOffset = newCopy(), newCopy(), newCopy()
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			server := rapid.SampledFrom(w.dbs)
			limit := rapid.SampledFrom([]int{1, 2, 3, 50})
			switch step := rapid.SampledFrom([]string{"write", "write", "write", "cursor", "time", "offset", "offset", "clock", "restart", "settle"}).Draw(t, "step"); step {
			case "write":
				w.write(t)
			case "cursor":
				w.cursor(t, server.Draw(t, "server"), limit.Draw(t, "limit"))
			case "time":
				w.timed(t, server.Draw(t, "server"), &w.byTime, false, limit.Draw(t, "limit"))
			case "offset":
				w.timed(t, server.Draw(t, "server"), &w.byOffset, true, limit.Draw(t, "limit"))
			case "clock":
				w.clock.Advance(time.Duration(rapid.IntRange(-2000, 3000).Draw(t, "milliseconds")) * time.Millisecond)
			case "restart":
				if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
					w.close()
					w.open()
				}
			case "settle":
				w.settle(t)
			}
		}
		w.settle(t)
	})
}

// A copy that stands where the database has not been is refused, and so begins anew.
func TestACopyOfAnotherDatabaseIsRefused(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		for _, since := range []store.LocationsSince{{Begun: 1, Seq: 1 << 40}, {Begun: 1 << 40, Seq: 1}} {
			if _, _, _, err := db.ChangedLocations(context.Background(), since, 10); !errors.Is(err, store.ErrForeignCopy) {
				t.Error(fmt.Sprint(since), err)
			}
		}
	})
}
