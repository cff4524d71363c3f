package wallet

import (
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/money"
)

// What is counted of payments, and under which day. Each counter can be worked out again from transactions and
// entries, so that a check of the books proves it; what that cannot see is not counted.

// TallyKind is what a counter counts: payments in a status, by that status's name, or one of the events below.
type TallyKind string

// The events, counted on the day on which money moved.
const (
	// TallyPaid are payments that were confirmed, at the price that was paid then. Cash in and out is counted apart.
	TallyPaid TallyKind = "paid"
	// TallyRefund is what went back to the payer after that: a payment that was canceled, or finalized for less.
	TallyRefund TallyKind = "refund"
	// TallyCashIn and TallyCashOut are payments by which a place took cash or handed it out.
	TallyCashIn  TallyKind = "cash_in"
	TallyCashOut TallyKind = "cash_out"
)

// TallyEvents lists the events.
func TallyEvents() []TallyKind { return []TallyKind{TallyPaid, TallyRefund, TallyCashIn, TallyCashOut} }

// TallyStatuses lists the statuses that are counted: all but deleted, since what was deleted vanishes after a while.
func TallyStatuses() []PaymentStatus {
	all := PaymentStatuses()
	return all[:len(all)-1]
}

// Day is a day in UTC, counted from 1970-01-01.
type Day int64

// secondsPerDay is how long a day in UTC is.
const secondsPerDay = 24 * 60 * 60

// DayOf is the day of a time.
func DayOf(t time.Time) Day {
	seconds := t.Unix()
	day := seconds / secondsPerDay
	if seconds%secondsPerDay < 0 {
		day--
	}
	return Day(day)
}

// Begin is when the day begins.
func (d Day) Begin() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// String is the day as 2026-11-21.
func (d Day) String() string { return d.Begin().Format(time.DateOnly) }

// TallyKey says what one counter counts. LocationID is 0 for what happened at no place.
type TallyKey struct {
	ProjectID  int64
	Day        Day
	LocationID int64
	Currency   money.Currency
	Kind       TallyKind
}

// Tally is how many payments, and how much they come to in minor units. As a change it may be below zero.
type Tally struct{ Count, Volume int64 }

// Add is both together.
func (t Tally) Add(more Tally) Tally { return Tally{t.Count + more.Count, t.Volume + more.Volume} }

// Minus takes the other away.
func (t Tally) Minus(less Tally) Tally { return Tally{t.Count - less.Count, t.Volume - less.Volume} }

// Tallies are counters, or changes of them.
type Tallies map[TallyKey]Tally

// Count adds to a counter; what comes to nothing is left out.
func (all Tallies) Count(k TallyKey, more Tally) {
	sum := all[k].Add(more)
	if sum == (Tally{}) {
		delete(all, k)
		return
	}
	all[k] = sum
}

// StatusTally is where a payment is counted by its status, and as what: on the day on which it was made. counted is false
// for a status that is not counted.
func (t *Transaction) StatusTally(p *Payment) (k TallyKey, tally Tally, counted bool) {
	return t.tallyKey(p, p.CreatedAt, TallyKind(p.Status)), Tally{1, p.Price.Minor}, p.Status != PaymentDeleted
}

// CaptureTally is where a payment that was confirmed is counted for that, at the price it has now; finalizing may have
// lowered it since. counted is false for one that never was.
func (t *Transaction) CaptureTally(p *Payment) (k TallyKey, tally Tally, counted bool) {
	return t.tallyKey(p, p.ConfirmedAt, t.captureKind()), Tally{1, p.Price.Minor}, !p.ConfirmedAt.IsZero()
}

// RefundTally is where an entry that gave money of a payment back, at a time and from a part of an account, is counted. Two
// of them may make one refund, the second being commissions: a payment has one at most. A payment that was finalized for less was
// confirmed at more, which lowered says.
func (t *Transaction) RefundTally(p *Payment, at time.Time, from ledger.Part, minor int64) (k TallyKey, tally Tally, lowered bool) {
	tally.Volume = minor
	if from == ledger.Reserved || p.net() == 0 {
		tally.Count = 1
	}
	return t.tallyKey(p, at, TallyRefund), tally, p.Status == PaymentDone
}

func (t *Transaction) tallyKey(p *Payment, at time.Time, kind TallyKind) TallyKey {
	return TallyKey{t.ProjectID, DayOf(at), t.LocationID, p.Price.Currency, kind}
}

// captureKind is what the transaction's payments count as when they are confirmed.
func (t *Transaction) captureKind() TallyKind {
	switch {
	case t.Cash == nil:
		return TallyPaid
	case t.Cash.Service == CashIn:
		return TallyCashIn
	}
	return TallyCashOut
}

// EventOf is the event that an entry of a payment is part of; empty where it is none: holds, commissions that the
// beneficiary pays, cashback. The entries of one event add up to what it moved from the payer or back.
func (t *Transaction) EventOf(p *Payment, e *ledger.Entry) TallyKind {
	switch e.Kind {
	case KindTransfer, KindCash, KindCommission:
		if e.Debit == p.payer(t.WalletID) {
			return t.captureKind()
		}
	case KindReturn:
		if GivesBack(e.Debit.Purpose, e.From) {
			return TallyRefund
		}
	}
	return ""
}

// GivesBack says whether an entry that returns money does so because the payment was canceled or finalized for less, by
// where it takes it from: cashback is paid out of what the beneficiary has available.
func GivesBack(debit ledger.Purpose, part ledger.Part) bool {
	return part == ledger.Reserved || debit == ledger.Commission
}

// ProjectOverview is what a user sees of one of their projects at a moment.
type ProjectOverview struct {
	Project
	// Funds are what the default wallet holds, by currency.
	Funds []Funds
	// Today and Month are the events of the day and of the OverviewDays that end with it.
	Today, Month map[money.Currency]map[TallyKind]Tally
	// ActivePlaces are in use, OpenPlaces of them open; of UnknownPlaces nobody has told the hours.
	ActivePlaces, OpenPlaces, UnknownPlaces int
}

// OverviewDays is how many days the flows of an overview look back, the present one included.
const OverviewDays = 30

// Statistics are the counters of a project over some days, added up as was asked.
type Statistics struct {
	ProjectID int64
	// From and To are the first and the last day.
	From, To Day
	// At is the moment up to which everything is counted.
	At    time.Time
	Lines []StatisticsLine
}

// StatisticsLine are the counters of one currency, and of one day or place where that was asked. LocationID is 0 for what
// happened at no place, and where places were not asked.
type StatisticsLine struct {
	Day        Day
	LocationID int64
	Currency   money.Currency
	Tallies    map[TallyKind]Tally
}

// StatisticsGroup is what the lines of statistics are by, beside the currency.
type StatisticsGroup string

// The groups.
const (
	ByDay      StatisticsGroup = "day"
	ByLocation StatisticsGroup = "location"
	ByCurrency StatisticsGroup = "currency"
)

// MaxStatisticsDays is over how many days statistics go at most.
const MaxStatisticsDays = 366
