package wallet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/money"
)

// An allowance is a payer's standing consent: a client takes money from one wallet without asking each time, within
// limits that the payer agreed to (spec/wallet-api.md §4.9). It comes to a payer inside of a transaction, and is given when
// that is confirmed. What is taken by it is counted in the commit that holds the money, and given back in the one that
// gives the money back.

// AllowanceStatus is how far an allowance has come (spec/wallet-api.md §4.9).
type AllowanceStatus string

// The statuses of an allowance.
const (
	// AllowanceNew was asked for; AllowanceActive may be used; AllowanceInactive was once, and not any more;
	// AllowanceDeleted was never given.
	AllowanceNew      AllowanceStatus = "new"
	AllowanceActive   AllowanceStatus = "active"
	AllowanceInactive AllowanceStatus = "inactive"
	AllowanceDeleted  AllowanceStatus = "deleted"
)

// AllowanceEnd is why an allowance is not active any more.
type AllowanceEnd string

// The ends of an allowance: the payer or the client took it back, the payer gave the client another one, all of it was
// paid, its time is over.
const (
	AllowanceCanceled  AllowanceEnd = "canceled"
	AllowanceReplaced  AllowanceEnd = "replaced"
	AllowanceExhausted AllowanceEnd = "exhausted"
	AllowanceExpired   AllowanceEnd = "expired"
)

// DefaultAllowanceLife is how long an allowance is valid where nobody says (spec/wallet-api.md §4.9: 720 hours).
const DefaultAllowanceLife = 720 * time.Hour

// Allowance is a standing consent. It is kept as a document, whose keys these tags are.
type Allowance struct {
	ID      int64           `json:"-"`
	Version int64           `json:"-"`
	Status  AllowanceStatus `json:"-"`
	// ClientID may use it, for payments of ProjectID. TransactionID is the one that it is given in.
	ClientID      int64 `json:"-"`
	ProjectID     int64 `json:"-"`
	TransactionID int64 `json:"-"`
	// WalletID is the one that pays; 0 before it is given.
	WalletID  int64     `json:"-"`
	CreatedAt time.Time `json:"-"`
	// LastLeaf is the leaf of the log that changed it last; 0 for none.
	LastLeaf    int64     `json:"-"`
	ConfirmedAt time.Time `json:"confirmed,omitzero"`
	// Description is for the payer.
	Description string `json:"description,omitempty"`
	// Currency is that of all its amounts, which are in minor units. Max is how much may be taken in all; 0 for no
	// such bound.
	Currency money.Currency   `json:"currency"`
	Max      int64            `json:"max,omitempty"`
	Limits   []AllowanceLimit `json:"limits,omitempty"`
	// ValidFor is how long it is valid from when it is given; ValidUntil is given in its place, and is the end of it
	// once it is given.
	ValidFor   time.Duration `json:"for,omitempty"`
	ValidUntil time.Time     `json:"until,omitzero"`
	// Locations are the places at which it may be used; none for everywhere.
	Locations []int64 `json:"places,omitempty"`
	// Spent is what was taken by it and not given back, Open the part of that which may still be given back.
	Spent int64 `json:"spent,omitempty"`
	Open  int64 `json:"open,omitempty"`
	// End is why it is inactive, EndedAt since when.
	End     AllowanceEnd `json:"end,omitempty"`
	EndedAt time.Time    `json:"ended,omitzero"`
}

// AllowanceLimit bounds what is taken within a time. Windows are fixed: they follow one another from when the allowance is
// given (decisions.md 12).
type AllowanceLimit struct {
	Max    int64         `json:"max"`
	Within time.Duration `json:"within"`
	// Window is the number of the last window in which something was taken, and Spent is what was taken in it and
	// not given back.
	Window int64 `json:"window,omitempty"`
	Spent  int64 `json:"spent,omitempty"`
}

// AllowanceOf names of whom an allowance is: there is at most one that is active for a client and a wallet.
type AllowanceOf struct{ ClientID, WalletID int64 }

// Compare orders them, so that all servers lock them in one order.
func (of AllowanceOf) Compare(other AllowanceOf) int {
	return cmp.Or(cmp.Compare(of.ClientID, other.ClientID), cmp.Compare(of.WalletID, other.WalletID))
}

// Of says for which client and wallet it is.
func (a *Allowance) Of() AllowanceOf { return AllowanceOf{a.ClientID, a.WalletID} }

// Clone is a copy that can be changed.
func (a *Allowance) Clone() *Allowance {
	c := *a
	c.Limits = slices.Clone(a.Limits)
	return &c
}

// Amount is so much of its currency.
func (a *Allowance) Amount(minor int64) money.Amount {
	return money.Amount{Minor: minor, Currency: a.Currency}
}

// window is the number of the window of a limit that a time falls into.
func (a *Allowance) window(l *AllowanceLimit, at time.Time) int64 {
	return int64(at.Sub(a.ConfirmedAt) / l.Within)
}

// Valid says whether it may be used at all at that time.
func (a *Allowance) Valid(now time.Time) bool {
	return a.Status == AllowanceActive && now.Before(a.ValidUntil)
}

// At says whether it may be used by a request at that place; 0 for none.
func (a *Allowance) At(place int64) bool {
	return len(a.Locations) == 0 || slices.Contains(a.Locations, place)
}

// Left is how much it lets be taken now, in minor units: nothing where it is not valid.
func (a *Allowance) Left(now time.Time) int64 {
	if !a.Valid(now) {
		return 0
	}
	left := int64(1<<63 - 1)
	if a.Max > 0 {
		left = a.Max - a.Spent
	}
	for i := range a.Limits {
		l := &a.Limits[i]
		switch window := a.window(l, now); {
		case window < l.Window:
			return 0 // another server's clock has begun the next one: what is left of this nobody knows any more
		case window == l.Window:
			left = min(left, l.Max-l.Spent)
		default:
			left = min(left, l.Max)
		}
	}
	return max(left, 0)
}

// Confirm gives it, from a wallet. One whose time is over by then is given and over at once.
func (a *Allowance) Confirm(now time.Time, walletID int64) {
	a.Status, a.ConfirmedAt, a.WalletID = AllowanceActive, now, walletID
	if a.ValidUntil.IsZero() {
		a.ValidUntil, a.ValidFor = now.Add(a.ValidFor), 0
	}
	a.Expire(now)
}

// Delete is told that it was not given.
func (a *Allowance) Delete() { a.Status = AllowanceDeleted }

// Finish ends an active one. What is held by it stays held.
func (a *Allowance) Finish(now time.Time, why AllowanceEnd) {
	a.Status, a.End, a.EndedAt = AllowanceInactive, why, now
}

// Cancel is what the payer or the client wants. It fails with InvalidState for one that is not active; one that was
// canceled already stays so.
func (a *Allowance) Cancel(now time.Time) error {
	switch {
	case a.End == AllowanceCanceled:
		return nil
	case a.Status != AllowanceActive:
		return Errorf(InvalidState, "the allowance is %s, and only an active one can be canceled.", a.Status)
	}
	a.Finish(now, AllowanceCanceled)
	return nil
}

// Expire ends it where its time has come.
func (a *Allowance) Expire(now time.Time) {
	if a.Status == AllowanceActive && !now.Before(a.ValidUntil) {
		a.Finish(now, AllowanceExpired)
	}
}

// Due is when Expire has something to do; zero for never.
func (a *Allowance) Due() time.Time {
	if a.Status != AllowanceActive {
		return time.Time{}
	}
	return a.ValidUntil
}

// Usable says why a transaction cannot be paid by it at a place, 0 for none: with InvalidState, and with LimitsExceeded
// where it is too much.
func (a *Allowance) Usable(now time.Time, t *Transaction, place int64) error {
	switch {
	case !t.UseAllowance:
		return Errorf(InvalidState, "the transaction does not let an allowance pay (use_allowance): the payer has to accept it.")
	case a == nil || !a.Valid(now):
		return errNoAllowance
	case a.ProjectID != t.ProjectID:
		return Errorf(InvalidState, "the allowance was given to project %d, and the transaction is of project %d.", a.ProjectID, t.ProjectID)
	case !a.At(place):
		return Errorf(InvalidState, "the allowance is for places %s: name the place that the request comes from as location_id in ext.", idList(a.Locations))
	case t.LocationID != 0 && !a.At(t.LocationID):
		return Errorf(InvalidState, "the allowance is for places %s, and the transaction was made at place %d.", idList(a.Locations), t.LocationID)
	case t.AllowanceID != 0 && !t.AllowanceOptional:
		return Errorf(InvalidState, "the transaction asks for an allowance, which the payer gives in person.")
	case len(t.Payments) == 0:
		return Errorf(InvalidState, "the transaction has no payments.")
	}
	sum := int64(0)
	for i := range t.Payments {
		price := t.Payments[i].Price
		if price.Currency != a.Currency {
			return Errorf(InvalidState, "the allowance is in %s, and payment %d in %s.", a.Currency, t.Payments[i].ID, price.Currency)
		}
		sum += price.Minor // at most a hundred times MaxPrice
	}
	if left := a.Left(now); sum > left {
		return Errorf(LimitsExceeded, "the allowance lets %s be taken now, and this is %s.", a.Amount(left), a.Amount(sum))
	}
	return nil
}

// errNoAllowance is what is said where a wallet gave nothing to a client that it could use.
var errNoAllowance = Errorf(InvalidState, "the payer's wallet gave this client no allowance that is active: the payer has to accept with a PIN, a code, or on the page.")

// Draw is how much a transaction has taken by an allowance, and which part of that may still be given back.
type Draw struct{ Spent, Open int64 }

// Drawn is how much the transaction has taken by the allowance that pays it: what the payer has parted with. It is nothing
// where none does.
func (t *Transaction) Drawn() (d Draw) {
	if t.PaidBy == 0 {
		return d
	}
	for i := range t.Payments {
		p := &t.Payments[i]
		switch {
		case t.Status.Holds() || p.Status == PaymentConfirmed:
			d.Spent += p.Price.Minor
			d.Open += p.Price.Minor
		case p.Status == PaymentDone:
			d.Spent += p.Price.Minor - p.Cashback
		}
	}
	return d
}

// Count takes over what a transaction has become: from was, it has come to is. held is when its money was held, which says
// in which windows it counts: what is given back is given back to those. An allowance whose total was paid, so that nothing
// of it can come back, is over.
func (a *Allowance) Count(now, held time.Time, was, is Draw) {
	a.Spent += is.Spent - was.Spent
	a.Open += is.Open - was.Open
	for i := range a.Limits {
		l := &a.Limits[i]
		window := a.window(l, held)
		if window > l.Window && is.Spent > was.Spent {
			l.Window, l.Spent = window, 0
		}
		if window == l.Window {
			l.Spent += is.Spent - was.Spent
		}
	}
	if a.Status == AllowanceActive && a.Max > 0 && a.Spent >= a.Max && a.Open == 0 {
		a.Finish(now, AllowanceExhausted)
	}
}

// Inconsistency says what in the allowance contradicts itself; empty for nothing.
func (a *Allowance) Inconsistency() string {
	given := a.Status == AllowanceActive || a.Status == AllowanceInactive
	switch {
	case !given && a.Status != AllowanceNew && a.Status != AllowanceDeleted:
		return fmt.Sprintf("its status %q is none", a.Status)
	case given && (a.WalletID == 0 || a.ConfirmedAt.IsZero() || a.ValidUntil.IsZero()):
		return fmt.Sprintf("it is %s, and was never given", a.Status)
	case !given && (a.WalletID != 0 || a.Spent != 0):
		return fmt.Sprintf("it is %s, and was used", a.Status)
	case (a.Status == AllowanceInactive) != (a.End != ""):
		return fmt.Sprintf("it is %s, and ended by %q", a.Status, a.End)
	case a.Max < 0 || a.Max == 0 && len(a.Limits) == 0:
		return "nothing bounds it"
	case a.Open < 0 || a.Spent < a.Open || a.Max > 0 && a.Spent > a.Max:
		return fmt.Sprintf("of %d, %d was taken, and %d of that may come back", a.Max, a.Spent, a.Open)
	}
	for _, l := range a.Limits {
		if l.Within <= 0 || l.Spent < 0 || l.Spent > l.Max {
			return fmt.Sprintf("of %d within %s, %d was taken", l.Max, l.Within, l.Spent)
		}
	}
	return ""
}

// CountedIn is how much of what a transaction has taken counts in the last window of the limit with that number.
func (a *Allowance) CountedIn(limit int, t *Transaction) int64 {
	l := &a.Limits[limit]
	if a.ConfirmedAt.IsZero() || a.window(l, t.HeldAt) != l.Window {
		return 0
	}
	return t.Drawn().Spent
}

// Room is how much a spender may still spend in a currency at that time by their limits, in minor units; most where they
// have none.
func Room(now time.Time, who Spender, limits []SpendingLimit, currency money.Currency, spent []Spent, most int64) int64 {
	for _, l := range limits {
		if l.Amount.Currency != currency {
			continue
		}
		left := l.Amount.Minor
		if l.Within > 0 {
			left -= find(spent, who, l).window(now).Minor
		}
		most = min(most, left)
	}
	return max(most, 0)
}

// SuggestedCurrency is the currency in which a payer may give an allowance that a transaction suggests: that of all its
// payments. It is empty where it suggests none, asks for one itself, or has payments in several.
func SuggestedCurrency(t *Transaction) money.Currency {
	if !t.SuggestAllowance || t.AllowanceID != 0 || len(t.Payments) == 0 {
		return ""
	}
	c := t.Payments[0].Price.Currency
	for i := range t.Payments {
		if t.Payments[i].Price.Currency != c {
			return ""
		}
	}
	return c
}

// MostPayable is the largest price of a payment in a currency, in minor units.
func MostPayable(c money.Currency) int64 {
	cents, _ := money.Amount{Minor: 1, Currency: c}.Cents() // a single one fits
	return MaxPrice / cents
}
