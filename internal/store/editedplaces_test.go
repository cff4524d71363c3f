package store

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/nearby"
	"github.com/purserhq/purser/internal/wallet"
)

// listOfEdits is places without a database.
type listOfEdits struct {
	index *nearby.Index
	shelf shelf
}

// ask is a page as everybody gets it.
func (l *listOfEdits) ask(f wallet.LocationFilter) (found FoundLocations) {
	s := search{sheet: &sheet{View: l.index.View(), shelf: l.shelf}, LocationFilter: &f}
	s.read()
	s.edits(&found)
	return found
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
