package callback

import (
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// pace is how fast an attempt came to its end.
type pace int

// The paces: unknown says nothing about the receiver.
const (
	unknown pace = iota
	fast
	slow
)

const (
	// slowAfter is from when on an answer is as bad as none for those who wait behind it.
	slowAfter = 10 * time.Second
	// patience is how many attempts in a row may be slow before only one leaves at a time.
	patience = 3
	// remembered is how many receivers are known for slow ones. Strangers name receivers: there may be any number.
	remembered = 1024
)

// paceOf says how fast an attempt came to its end.
func paceOf(a wallet.CallbackAttempt) pace {
	switch {
	case a.Outcome == wallet.CallbackInterrupted:
		return unknown
	case a.Outcome == wallet.CallbackTimeout, a.Took >= slowAfter:
		return slow
	}
	return fast
}

// lanes count what is leaving, by receiver or by project, and how many attempts in a row were slow. The zero value is empty.
type lanes[K comparable] struct {
	leaving, slow map[K]int
}

// enter counts one that leaves.
func (l *lanes[K]) enter(lane K) {
	if l.leaving == nil {
		l.leaving, l.slow = map[K]int{}, map[K]int{}
	}
	l.leaving[lane]++
}

// exit counts one that has come to its end, at some pace: a fast one makes up for all slow ones before.
func (l *lanes[K]) exit(lane K, at pace) {
	if l.leaving[lane]--; l.leaving[lane] <= 0 {
		delete(l.leaving, lane)
	}
	switch at {
	case fast:
		delete(l.slow, lane)
	case slow:
		if _, known := l.slow[lane]; !known && len(l.slow) >= remembered {
			for other := range l.slow { // whichever comes first: it is soon known again
				delete(l.slow, other)
				break
			}
		}
		l.slow[lane]++
	}
}

// room says how many more may leave by each lane that something leaves by or that is slow: in any other, most.
func (l *lanes[K]) room(most int) map[K]int {
	left := make(map[K]int, len(l.leaving)+len(l.slow))
	for lane, n := range l.leaving {
		left[lane] = most - n
	}
	for lane, times := range l.slow {
		if times >= patience {
			left[lane] = 1 - l.leaving[lane]
		}
	}
	return left
}
