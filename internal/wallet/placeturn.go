package wallet

import "time"

// ClockSkew is how far apart the clocks of servers on one database may be without a copy of the places missing anything.
const ClockSkew = time.Minute

// ShownAt is the moment as of which a place is shown now. A place counts as altered when it begins to look different by
// itself, and a server whose clock is a little behind must not hand it on under its new time as it looked before: it is shown as of
// that time then, unless that is so far ahead that a clock was wrong.
func (l *Location) ShownAt(now time.Time) time.Time {
	if ahead := l.UpdatedAt.Sub(now); ahead > 0 && ahead <= ClockSkew {
		return l.UpdatedAt
	}
	return now
}

// NextTurn is the first moment after now at which everybody sees the place differently though nobody alters it: a price or offer
// begins or is over, or its hours as one interval a day turn with a season. It is zero where there is none. The zone is that of
// the place, or UTC where that is not known. What changes with every hour, such as whether the place is open, is no turn.
func (l *Location) NextTurn(now time.Time, in *time.Location) (turn time.Time) {
	sooner := func(t time.Time) {
		if t.After(now) && (turn.IsZero() || t.Before(turn)) {
			turn = t
		}
	}
	for _, price := range l.Prices {
		sooner(price.ValidFrom)
		sooner(price.ValidUntil)
	}
	if t, ok := l.Hours.NextDaily(now, in); ok {
		sooner(t)
	}
	return turn
}
