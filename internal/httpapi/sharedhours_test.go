package httpapi

import (
	"fmt"
	"strings"
	"testing"
	"unique"
)

// Documents that have their hours to themselves weigh them, and others share them, counted once. What is kept is never more than may
// be, whichever documents are let go, and what they no longer share is not counted any more.
func TestDocumentsWeighTheirHours(t *testing.T) {
	const most, mostShared, length = 200_000, 20_000, 1000
	documents, shared := newDocuments(most, mostShared)
	keep := func(id int64, hours string) {
		d := &document{json: make([]byte, 100), hours: unique.Make(hours)}
		shared.hold(d)
		documents.Set(documentKey{id: id}, d)
	}
	holds := func() (n, size int) {
		documents.CleanUp()
		texts := map[string]bool{}
		for _, d := range documents.All() {
			n++
			if size += documentCost + len(d.json); !d.shared || !texts[d.hours.Value()] {
				size += sharedCost(d)
			}
			if d.shared {
				texts[d.hours.Value()] = true
			}
		}
		shared.mu.Lock()
		defer shared.mu.Unlock()
		if len(shared.holders) != len(texts) || shared.size > mostShared {
			t.Errorf("%d shared hours of %d bytes, and documents share %d", len(shared.holders), shared.size, len(texts))
		}
		return n, size
	}
	for id := range int64(1000) { // each its own
		keep(id, fmt.Sprintf("%d%s", id, strings.Repeat(" ", length)))
	}
	n, size := holds()
	if n < 100 || n > 200 || size > most+mostShared {
		t.Errorf("%d documents that have their hours to themselves take %d bytes", n, size)
	}
	for id := range int64(1000) { // a handful for all
		keep(id, fmt.Sprintf("%d%s", id%5, strings.Repeat("-", length)))
	}
	if n, size = holds(); n < 400 || size > most+mostShared {
		t.Errorf("%d documents that share their hours take %d bytes", n, size)
	}
	documents.InvalidateAll()
	if n, _ := holds(); n != 0 || shared.size != 0 {
		t.Errorf("%d documents, and shared hours of %d bytes, after all were let go", n, shared.size)
	}
}
