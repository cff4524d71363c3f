package httpapi

import (
	"sync"
	"unique"
)

// sharedHoursMost is how much memory hours take that documents share, in bytes, beside what the documents themselves take; and
// sharedHoursCost is what each takes beside its own length.
const (
	sharedHoursMost = 8 << 20
	sharedHoursCost = 160
)

// sharedHours counts the hours that kept documents share: each once, as long as any of them has it. So a few that are those of a
// million places weigh next to nothing; and where every place has its own, documents have to weigh theirs as soon as these
// take as much as they may.
type sharedHours struct {
	most int

	mu      sync.Mutex
	holders map[unique.Handle[string]]int
	size    int
}

// hold counts the hours of a document that is going to be kept.
func (s *sharedHours) hold(d *document) {
	if d.hours == (unique.Handle[string]{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holders[d.hours] == 0 {
		if s.size+sharedCost(d) > s.most {
			return
		}
		s.size += sharedCost(d)
	}
	s.holders[d.hours]++
	d.shared = true
}

// release is told that a document is not kept any more.
func (s *sharedHours) release(d *document) {
	if !d.shared {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holders[d.hours]--; s.holders[d.hours] == 0 {
		delete(s.holders, d.hours)
		s.size -= sharedCost(d)
	}
}

func sharedCost(d *document) int { return sharedHoursCost + len(d.hours.Value()) }

// weight is how many bytes the document takes, its hours included where nothing else counts them.
func (d *document) weight() int {
	if d.shared || d.hours == (unique.Handle[string]{}) {
		return len(d.json)
	}
	return len(d.json) + sharedCost(d)
}
