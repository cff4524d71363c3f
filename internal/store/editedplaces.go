package store

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"github.com/purserhq/purser/internal/nearby"
	"github.com/purserhq/purser/internal/wallet"
)

// edit is when a place was altered last, in microseconds: all that a list of edits is ordered by, and so little because
// a page far behind has to keep it of all places before.
type edit struct{ at, id int64 }

// byEdit is the order of a list of edits: the newest first. Whatever is edited while somebody pages by offset goes to the front and
// moves the rest to the back, so that pages show something twice and leave out nothing that stays as it is; and what they did not
// show is newer than all that they did.
func byEdit(a, b edit) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.id, b.id)) }

// editsAtEase is how far behind a page may be that edits are collected for before they are counted.
const editsAtEase = 10_000

// edits finds places in the order of their last edits, with those that are no longer public where that matters.
func (s *search) edits(found *FoundLocations) {
	after := edit{at: 1<<63 - 1}
	if s.After != nil {
		after = edit{micros(s.After.UpdatedAt), s.After.ID}
	}
	most := s.Offset + s.limit()
	if most > editsAtEase {
		behind := 0
		for one := range s.eachEdit {
			if byEdit(one, after) > 0 {
				behind++
			}
		}
		most = min(most, behind)
	}
	first := firstEdits{most: most}
	for one := range s.eachEdit {
		found.Total++
		if s.Offset < most && byEdit(one, after) > 0 {
			first.add(one)
		}
	}
	for _, one := range first.page(s.Offset) {
		p, _ := s.Get(one.id)
		place := foundAs(&p)
		place.UpdatedAt, place.Told = fromMicros(one.at), s.WithWithdrawn()
		place.Withdrawn = place.Told && !p.Public
		found.Places = append(found.Places, place)
	}
}

// eachEdit goes through what a list of edits holds, by id.
func (s *search) eachEdit(yield func(edit) bool) {
	f := s.filter
	withdrawn := s.WithWithdrawn()
	if withdrawn {
		f.PublicOnly, f.Status = false, nearby.AnyStatus
	}
	for p := range s.All(f, 0) {
		one := edit{p.UpdatedAt, p.ID}
		if withdrawn && !p.Public {
			if one.at, _ = s.shelf.get(p.Slot); one.at == 0 || one.at < f.UpdatedFrom {
				continue
			}
		} else if withdrawn && p.Active && s.filter.Status == nearby.OnlyInactive {
			continue
		}
		if !yield(one) {
			return
		}
	}
}

// firstEdits keeps the first of many edits, at most so many.
type firstEdits struct {
	most int
	kept []edit
}

// roomForEdits is how many are kept before any are thrown away.
const roomForEdits = 1024

func (f *firstEdits) add(one edit) {
	if len(f.kept) == cap(f.kept) && f.most > editsAtEase {
		f.kept = slices.Grow(f.kept, f.most+f.most/4-len(f.kept)) // and never again
	}
	if f.kept = append(f.kept, one); len(f.kept) >= max(f.most+f.most/4, roomForEdits) {
		split(f.kept, f.most)
		f.kept = f.kept[:min(f.most, len(f.kept))]
	}
}

// page is what is left of the first behind the offset, in order.
func (f *firstEdits) page(offset int) []edit {
	split(f.kept, f.most)
	f.kept = f.kept[:min(f.most, len(f.kept))]
	if offset >= len(f.kept) {
		return nil
	}
	split(f.kept, offset)
	page := f.kept[offset:]
	slices.SortFunc(page, byEdit)
	return page
}

// split moves edits so that the first so many stand before all others. That takes as long as looking at each some times.
func split(some []edit, first int) {
	seed := uint32(len(some))
	for tries := 2 * bits.Len(uint(len(some))); len(some) > 1 && first > 0 && first < len(some); tries-- {
		if tries == 0 { // what it was divided by was badly chosen again and again
			slices.SortFunc(some, byEdit)
			return
		}
		var three [3]edit
		for i := range three {
			seed = seed*1664525 + 1013904223 // anywhere: what comes here is partly in order, in ways that would mislead the ends and the middle
			three[i] = some[uint64(seed)*uint64(len(some))>>32]
		}
		slices.SortFunc(three[:], byEdit)
		pivot := three[1]
		low, high := 0, len(some)-1
		for low <= high {
			for byEdit(some[low], pivot) < 0 {
				low++
			}
			for byEdit(some[high], pivot) > 0 {
				high--
			}
			if low <= high {
				some[low], some[high] = some[high], some[low]
				low, high = low+1, high-1
			}
		}
		switch { // up to high come before or are the pivot, from low on after or are it, and between them stands the pivot
		case first <= high:
			some = some[:high+1]
		case first > low:
			some, first = some[low:], first-low
		default:
			return
		}
	}
}

// caughtUp has the atlas of this process hold all that is committed by now, and returns it. A list of edits must not show less than the
// page before, which may have come from another server.
func (a *atlas) caughtUp(ctx context.Context) (*sheet, error) {
	last, err := a.db.placeChanges(ctx, a.db.read)
	if err != nil {
		return nil, err
	}
	if a.now.Load().seq < last {
		if err := a.follow(ctx); err != nil {
			return nil, err
		}
	}
	return a.now.Load(), nil
}

// placesAtEase is how many places a search for strangers may look at without waiting for its turn: a fraction of a millisecond to some
// milliseconds of work. Tests have fewer.
var placesAtEase = 1 << 15

// crowd lets only a few in at a time.
type crowd chan struct{}

// enter waits for its turn until ctx ends, and then fails with ServiceUnavailable. The caller calls leave at the end.
func (c crowd) enter(ctx context.Context) (leave func(), err error) {
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, wallet.Errorf(wallet.ServiceUnavailable,
			"Too many searches that must look at very many places are under way: ask for a smaller area, fewer filters or a page less far behind, or try again.")
	}
}
