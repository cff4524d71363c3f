package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	// since are the times after which places turn next.
	since  map[int64]time.Time
	lastID int64

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
		if rapid.IntRange(0, 2).Draw(t, "price") == 0 {
			from := w.clock.Now().Add(time.Duration(rapid.IntRange(-1000, 4000).Draw(t, "from")) * time.Millisecond)
			l.Prices = []wallet.Price{{Title: wallet.Text{"en": "Soup"}, ValidFrom: from, ValidUntil: from.Add(time.Second)}}
		}
		written[id] = l
		batch = append(batch, l)
	}
	write := db.Update
	if rapid.Bool().Draw(t, "alone") {
		write = func(ctx context.Context, work func(tx *store.Tx) error) error {
			return db.UpdatePlaces(ctx, time.Minute, work)
		}
	}
	err := write(context.Background(), func(tx *store.Tx) error {
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
		w.wrote(l)
	}
	w.lastID = lastID
}

// wrote notes what a place is now.
func (w *syncWorld) wrote(l wallet.Location) {
	w.places[l.ID], w.since[l.ID] = l, l.UpdatedAt
	if now := w.clock.Now(); now.Before(l.UpdatedAt) {
		w.since[l.ID] = now
	}
}

// turn has the places turn whose prices begin or are over; each is altered by that once, and no other.
func (w *syncWorld) turn(t *rapid.T, db *store.DB) {
	now, due := w.clock.Now(), []int64(nil)
	for id, l := range w.places {
		if turn := l.NextTurn(w.since[id], time.UTC); !turn.IsZero() && !turn.After(now) {
			due = append(due, id)
		}
	}
	turned, err := db.TurnPlaces(context.Background(), 1000)
	if err != nil || turned != len(due) {
		t.Fatalf("%d places turn, want %v; %v", turned, due, err)
	}
	for _, id := range due {
		l, err := db.Location(context.Background(), id)
		if err != nil || !l.UpdatedAt.After(w.places[id].UpdatedAt) {
			t.Fatalf("a place that turns becomes %+v, %v", l, err)
		}
		after := w.places[id]
		after.UpdatedAt = l.UpdatedAt
		w.wrote(after)
	}
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
		c.after = found.Mark()
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
// transactions of several servers, some of them abandoned, and turning by themselves, while pages are read, clocks stand still or go back, and servers start
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
	w := &syncWorld{t: t, address: address, clock: wallettest.NewClock(), places: map[int64]wallet.Location{}, since: map[int64]time.Time{}}
	w.open()
	defer func() { w.close() }()
	seed(t, w.dbs[0])
	rapid.Check(t, func(t *rapid.T) {
		w.byCursor, w.byTime, w.byOffset = newCopy(), newCopy(), newCopy()
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			server := rapid.SampledFrom(w.dbs)
			limit := rapid.SampledFrom([]int{1, 2, 3, 50})
			switch step := rapid.SampledFrom([]string{"write", "write", "write", "cursor", "time", "offset", "offset", "clock", "turn", "restart", "settle"}).Draw(t, "step"); step {
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
			case "turn":
				w.turn(t, server.Draw(t, "server"))
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

// begun is where a new copy stands.
func begun(t *testing.T, db *store.DB) store.LocationsSince {
	t.Helper()
	_, since, _, err := db.ChangedLocations(context.Background(), store.LocationsSince{}, 10)
	if err != nil || since.Lineage == 0 {
		t.Fatalf("a copy begins at %+v, %v", since, err)
	}
	return since
}

// follows says whether a copy that stands there can go on with a database; what else goes wrong than that it is foreign fails the test.
func follows(t *testing.T, db *store.DB, since store.LocationsSince) bool {
	t.Helper()
	_, _, _, err := db.ChangedLocations(context.Background(), since, 10)
	if err != nil && !errors.Is(err, store.ErrForeignCopy) {
		t.Fatal(err)
	}
	return err == nil
}

// A copy that is of another database is refused, and so begins anew, wherever the counters of the two stand; one of this database
// goes on, whichever server it asks, and when all were started anew.
func TestACopyOfAnotherDatabaseIsRefused(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		ours := begun(t, db)
		for _, since := range []store.LocationsSince{
			{Lineage: ours.Lineage, Begun: 1, Seq: 1 << 40}, {Lineage: ours.Lineage, Begun: 1 << 40, Seq: 1},
			{Begun: 1, Seq: 1}, {Lineage: ours.Lineage + 1, Begun: ours.Begun, Seq: ours.Seq},
		} {
			if follows(t, db, since) {
				t.Error(fmt.Sprint(since))
			}
		}
		if foreign := begun(t, wallettest.Open(t, wallettest.Another(t, address), wallettest.NewClock())); follows(t, db, foreign) {
			t.Errorf("a copy of another database goes on: %+v", foreign)
		}
		if isPostgres(address) {
			if other, _ := open(t, address); !follows(t, other, ours) {
				t.Error("another server on the database does not know its copies")
			}
		}
		closeNow()
		db, _ = open(t, address)
		if !follows(t, db, ours) {
			t.Error("a server that was started anew does not know its copies")
		}
		update(t, db, func(tx *store.Tx) error { return tx.RenewLineage() })
		if follows(t, db, ours) || !follows(t, db, begun(t, db)) {
			t.Error("after the lineage was renewed old copies go on, or new ones do not")
		}
	})
}

// What CopyTo wrote is another database each time that it is put somewhere: it goes on from there in another way.
func TestACopiedDatabaseIsAnother(t *testing.T) {
	address := "sqlite:" + filepath.Join(t.TempDir(), "purser.db")
	db, _ := open(t, address)
	snapshot := filepath.Join(t.TempDir(), "snapshot.db")
	if err := db.CopyTo(context.Background(), snapshot); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	all := []store.LocationsSince{begun(t, db)}
	for range 2 {
		path := filepath.Join(t.TempDir(), "restored.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		restored, _ := open(t, "sqlite:"+path)
		for _, since := range all {
			if follows(t, restored, since) {
				t.Errorf("a copy of %+v goes on with one that was restored later", since)
			}
		}
		all = append(all, begun(t, restored))
	}
	if !follows(t, db, all[0]) {
		t.Error("that it was copied changes the database")
	}
}

// A lineage comes from the source that is given, and is never none.
func TestLineagesComeFromTheirSource(t *testing.T) {
	for text, want := range map[string]int64{"\x00\x00\x00\x00\x00\x00\x00\x00": 1, "\x05\x01\x00\x00\x00\x00\x00\x80": 261} {
		options := wallettest.StoreOptions(wallettest.NewClock())
		options.Random = strings.NewReader(text)
		db, err := store.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "purser.db"), options)
		if err != nil {
			t.Fatal(err)
		}
		if got := begun(t, db).Lineage; got != want {
			t.Errorf("%q makes %d, want %d", text, got, want)
		}
		if err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.RenewLineage() }); !errors.Is(err, io.EOF) {
			t.Errorf("a source that is empty makes a lineage: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A page of a copy costs what is on it, however much the copy has already, also where everything came by one transaction.
func TestAPageOfACopyCostsTheSameAnywhere(t *testing.T) {
	const many = 20_000
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db := wallettest.Open(t, address, wallettest.NewClock())
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			places := make([]wallet.Location, many)
			for i := range places {
				places[i] = wallet.Location{ProjectID: 1, Status: wallet.Active, Public: true, Title: wallet.Text{"en": "Shop"}, UpdatedAt: wallettest.Epoch}
			}
			return tx.InsertLocations(places)
		})
		page := func(since store.LocationsSince, limit int) store.LocationsSince {
			_, now, _, err := db.ChangedLocations(context.Background(), since, limit)
			if err != nil {
				t.Fatal(err)
			}
			return now
		}
		least := func(since store.LocationsSince) time.Duration {
			best := time.Hour
			for range 20 {
				began := time.Now()
				page(since, 1)
				best = min(best, time.Since(began))
			}
			return best
		}
		begin := page(store.LocationsSince{}, 1)
		end := page(begin, many-10)
		if first, last := least(begin), least(end); last > 8*first+time.Millisecond/5 {
			t.Errorf("a page costs %s at the beginning, and %s at the end", first, last)
		}
	})
}
