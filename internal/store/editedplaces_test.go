package store

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/nearby"
	"github.com/purserhq/purser/internal/wallet"
)

// listOfEdits is places without a database, and the time of the last edit.
type listOfEdits struct {
	index *nearby.Index
	shelf shelf
	// now is in microseconds; state is what is true of each place.
	now   int64
	state map[int64]nearby.Place
	gone  map[int64]int64
}

// edit makes, changes, hides and shows some places at once.
func (l *listOfEdits) edit(t *rapid.T) {
	l.now += rapid.SampledFrom([]int64{1, 1, 1, 400_000, 1_000_000, 3_000_000}).Draw(t, "later")
	var some []nearby.Place
	for _, id := range rapid.SliceOfNDistinct(rapid.Int64Range(1, 12), 1, 5, rapid.ID).Draw(t, "places") {
		p := nearby.Place{ID: id, UpdatedAt: l.now, Active: rapid.Bool().Draw(t, "active"), Public: rapid.IntRange(0, 3).Draw(t, "public") > 0}
		switch {
		case p.Public:
			delete(l.gone, id)
		case l.state[id].Public:
			l.gone[id] = l.now
		}
		p.Slot = l.shelf.put(l.gone[id], nil)
		l.state[id] = p
		some = append(some, p)
	}
	l.index.Put(some...)
}

// ask is a page as everybody gets it.
func (l *listOfEdits) ask(f wallet.LocationFilter) (found FoundLocations) {
	s := search{sheet: &sheet{View: l.index.View(), shelf: l.shelf}, LocationFilter: &f}
	s.read()
	s.edits(&found)
	return found
}

// An SDK that pages by offset, with pages of any length, and then asks for what is newer than the newest that it has seen, loses
// nothing, whatever is edited between its pages: the pages of a round hold all that stays as it is, and what it did not see is newer.
func TestPagesByOffsetLoseNoEdit(t *testing.T) {
	for range 50 { // times the hundred histories that rapid tells
		rapid.Check(t, func(t *rapid.T) {
			l := &listOfEdits{index: nearby.New(), now: 5_000_000, state: map[int64]nearby.Place{}, gone: map[int64]int64{}}
			copied := map[int64]int64{} // when the state of each public place is of
			newest := time.Unix(1, 0)
			for range rapid.IntRange(2, 6).Draw(t, "rounds") {
				seen := newest
				for offset, more := 0, true; more; {
					for range rapid.IntRange(0, 3).Draw(t, "edits") {
						l.edit(t)
					}
					limit := rapid.IntRange(1, 4).Draw(t, "limit")
					found := l.ask(wallet.LocationFilter{PublicOnly: true, Statuses: []wallet.LocationStatus{wallet.Active, wallet.Inactive}, UpdatedSince: newest, Offset: offset, Limit: limit})
					for _, one := range found.Places {
						if copied[one.ID] = one.UpdatedAt.UnixMicro(); one.Withdrawn {
							delete(copied, one.ID)
						}
						if second := one.UpdatedAt.Truncate(time.Second); second.After(seen) {
							seen = second
						}
					}
					switch rapid.IntRange(0, 2).Draw(t, "how the SDK sees the end") {
					case 0:
						more = len(found.Places) > 0
					case 1:
						more = len(found.Places) == limit
					case 2:
						more = offset+len(found.Places) < found.Total
					}
					offset += limit
				}
				newest = seen
			}
			for _, one := range l.ask(wallet.LocationFilter{PublicOnly: true, Statuses: []wallet.LocationStatus{wallet.Active, wallet.Inactive}, UpdatedSince: newest, Limit: 1000}).Places {
				if copied[one.ID] = one.UpdatedAt.UnixMicro(); one.Withdrawn {
					delete(copied, one.ID)
				}
			}
			for id, p := range l.state {
				if at, ok := copied[id]; ok != p.Public || ok && at != p.UpdatedAt {
					t.Fatalf("place %d, public %v, was edited at %d; the copy has %d, of %d", id, p.Public, p.UpdatedAt, at, len(copied))
				}
			}
		})
	}
}

// A page of edits is what stands there when all are put in order, however far behind, and however the edits lie.
func TestAPageOfEditsIsAPageOfAll(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 4))
	for name, at := range map[string]func(i int64) int64{
		"as imported": func(i int64) int64 { return 1_000_000 + i/1000 }, "backwards": func(i int64) int64 { return 90_000_000 - i },
		"all at once": func(int64) int64 { return 1_000_000 }, "in any order": func(int64) int64 { return 1_000_000 + random.Int64N(20_000) },
	} {
		t.Run(name, func(t *testing.T) {
			const count = 30_000
			l := &listOfEdits{index: nearby.New()}
			slot := l.shelf.put(0, nil)
			places, all := make([]nearby.Place, count), make([]edit, count)
			for i := range places {
				all[i] = edit{at(int64(i)), int64(i) + 1}
				places[i] = nearby.Place{ID: all[i].id, UpdatedAt: all[i].at, Public: true, Active: true, Slot: slot}
			}
			l.index.Replace(places)
			slices.SortFunc(all, byEdit)
			for _, offset := range []int{0, 1, 999, editsAtEase - 1, editsAtEase, count / 2, count - 3, count, 1<<31 - 1} {
				f := wallet.LocationFilter{PublicOnly: true, UpdatedSince: time.Unix(1, 0), Offset: offset, Limit: 20}
				for _, after := range []int{-1, 0, 777, count - 1} {
					want := all[after+1:]
					if f.After = nil; after >= 0 {
						f.After = &wallet.LocationMark{ID: all[after].id, UpdatedAt: fromMicros(all[after].at)}
					}
					want = want[min(offset, len(want)):min(offset+20, len(want))]
					found := l.ask(f)
					var got []edit
					for _, one := range found.Places {
						got = append(got, edit{micros(one.UpdatedAt), one.ID})
					}
					if found.Total != count || !slices.Equal(got, want) {
						t.Fatalf("offset %d after %d: %v of %d, want %v", offset, after, got, found.Total, want)
					}
				}
			}
		})
	}
}

// A million places that were imported by ten thousand are cut in two in no time. (Divided by what stands in the middle, they took a minute.)
func TestEditsOfAnImportAreSplitSoon(t *testing.T) {
	const count, batch, page = 1_000_000, 10_000, 20
	first := firstEdits{most: count/2 + page}
	for i := range int64(count) {
		first.add(edit{i / batch, i})
	}
	got := first.page(count / 2)
	if len(got) != page || got[0] != (edit{count/batch/2 - 1, count/2 - batch}) || got[page-1].id != got[0].id+page-1 {
		t.Errorf("in the middle stand %v", got)
	}
}

// Strangers who ask for what is far behind what there is have nothing collected for them, and no more than sixteen bytes for each
// place before the page where there is one.
func TestAPageFarBehindKeepsLittle(t *testing.T) {
	const count = 100_000
	l := &listOfEdits{index: nearby.New()}
	slot := l.shelf.put(0, nil)
	places := make([]nearby.Place, count)
	for i := range places {
		places[i] = nearby.Place{ID: int64(i) + 1, UpdatedAt: 1_000_000 + int64(i)*7919%count, Public: true, Active: true, Slot: slot}
	}
	l.index.Replace(places)
	for offset, most := range map[int]int64{2_000_000: 16 << 10, count: 16 << 10, count / 2: 16 * count * 5 / 4, 0: 64 << 10} {
		took := int64(1 << 40)
		for range 3 { // something else may take some meanwhile
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			l.ask(wallet.LocationFilter{PublicOnly: true, UpdatedSince: time.Unix(1, 0), Offset: offset, Limit: 20})
			runtime.ReadMemStats(&after)
			took = min(took, int64(after.TotalAlloc-before.TotalAlloc))
		}
		if took > most {
			t.Errorf("offset %d takes %d bytes, want at most %d", offset, took, most)
		}
	}
}
