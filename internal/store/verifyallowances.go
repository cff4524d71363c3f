package store

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/wallet"
)

// What was taken by allowances is proven from the transactions that they paid: for half a million allowances at a time, the
// first of them while transactions are read anyway.

// allowancesAtOnce is for how many allowances transactions are read at a time. Tests have fewer.
var allowancesAtOnce int64 = 1 << 19

// allowanceWindow is some allowances in a row, with what transactions say was taken by them.
type allowanceWindow struct {
	from, to int64
	byID     map[int64]*countedAllowance
}

// countedAllowance is an allowance with what transactions come to.
type countedAllowance struct {
	is      *wallet.Allowance
	drawn   wallet.Draw
	windows []int64
	// asked says that its transaction asks for it; last that it is the one that its wallet gave last.
	asked, last bool
}

// firstAllowances loads the first, before the transactions are read.
func (v *verifier) firstAllowances() (err error) {
	v.drawn, err = v.allowances(0)
	return err
}

// allowances loads those from a number on.
func (v *verifier) allowances(from int64) (*allowanceWindow, error) {
	w := &allowanceWindow{from: from, to: from + allowancesAtOnce, byID: map[int64]*countedAllowance{}}
	last, err := v.highest("allowances")
	if err != nil {
		return nil, err
	}
	if w.to > last { // a number beyond the last is nobody's
		w.to = math.MaxInt64
	}
	query := `SELECT a.` + strings.ReplaceAll(allowanceColumns, ", ", ", a.") + `, a.due_at, l.allowance_id FROM allowances a
		LEFT JOIN last_allowances l ON l.client_id = a.client_id AND l.wallet_id = a.wallet_id
		WHERE a.id >= $1 AND a.id < $2 ORDER BY a.id`
	return w, v.each("allowances", last, query, func(rows *sql.Rows) (int64, error) {
		var row allowanceRow
		var due, given sql.NullInt64
		if err := rows.Scan(append(row.fields(), &due, &given)...); err != nil {
			return 0, err
		}
		a, err := row.allowance()
		name := fmt.Sprintf("allowance %d", row.a.ID)
		if err != nil {
			return 0, &Difference{name, "its document", fmt.Sprintf("what cannot be read (%v)", errors.Unwrap(err)), "JSON"}
		}
		if wrong := a.Inconsistency(); wrong != "" {
			return 0, &Difference{name, "its document", "one in which " + wrong, "one that agrees with itself"}
		}
		if at := microsOrNull(a.Due()); due.Valid != at.Valid || due.Valid && due.Int64 != at.Int64 {
			return 0, &Difference{name, "when it is due", dueText(due.Int64, due.Valid), dueText(at.Int64, at.Valid)}
		}
		v.seen.Allowances++
		w.byID[a.ID] = &countedAllowance{is: a, windows: make([]int64, len(a.Limits)), last: given.Int64 == a.ID}
		return a.ID, nil
	}, w.from, w.to)
}

// add takes up what a transaction says of the allowances.
func (w *allowanceWindow) add(t *wallet.Transaction) error {
	if c := w.byID[t.AllowanceID]; c != nil {
		if wrong := c.askedBy(t); wrong != nil {
			return wrong
		}
	} else if w.holds(t.AllowanceID) {
		return &Difference{fmt.Sprintf("transaction %d", t.ID), "the allowance that it asks for", fmt.Sprint(t.AllowanceID), "one that there is"}
	}
	c := w.byID[t.PaidBy]
	if c == nil {
		if w.holds(t.PaidBy) {
			return &Difference{fmt.Sprintf("transaction %d", t.ID), "the allowance that pays it", fmt.Sprint(t.PaidBy), "one that there is"}
		}
		return nil
	}
	if c.is.WalletID != t.WalletID || c.is.ProjectID != t.ProjectID {
		return &Difference{fmt.Sprintf("transaction %d", t.ID), "the allowance that pays it",
			fmt.Sprintf("%d, of wallet %d for project %d", c.is.ID, c.is.WalletID, c.is.ProjectID), fmt.Sprintf("one of wallet %d for project %d", t.WalletID, t.ProjectID)}
	}
	drawn := t.Drawn()
	c.drawn.Spent += drawn.Spent
	c.drawn.Open += drawn.Open
	for i := range c.windows {
		c.windows[i] += c.is.CountedIn(i, t)
	}
	return nil
}

// holds says whether an allowance with that number would have to be there.
func (w *allowanceWindow) holds(id int64) bool { return id != 0 && id >= w.from && id < w.to }

// askedBy compares an allowance with the transaction that asks for it.
func (c *countedAllowance) askedBy(t *wallet.Transaction) error {
	c.asked = true
	given := t.Status == wallet.TransactionConfirmed && !t.AllowanceDeclined
	open := t.Status.Open() || t.Status.Accepted()
	switch a := c.is; {
	case a.TransactionID != t.ID:
		return &Difference{fmt.Sprintf("allowance %d", a.ID), "its transaction", fmt.Sprint(a.TransactionID), fmt.Sprint(t.ID)}
	case given && (a.WalletID != t.WalletID || !a.ConfirmedAt.Equal(t.ConfirmedAt)):
		return &Difference{fmt.Sprintf("allowance %d", a.ID), "when it was given, and by whom", fmt.Sprintf("%s by wallet %d", a.ConfirmedAt, a.WalletID),
			fmt.Sprintf("%s by wallet %d", t.ConfirmedAt, t.WalletID)}
	case !given && (open != (a.Status == wallet.AllowanceNew) || !open != (a.Status == wallet.AllowanceDeleted)):
		return &Difference{fmt.Sprintf("allowance %d", a.ID), "its status", string(a.Status), "what goes with a transaction that is " + string(t.Status)}
	}
	return nil
}

// compare holds the allowances against what the transactions came to.
func (w *allowanceWindow) compare() error {
	for _, id := range slices.Sorted(maps.Keys(w.byID)) {
		c := w.byID[id]
		a, name := c.is, fmt.Sprintf("allowance %d", id)
		switch {
		case !c.asked && a.Status == wallet.AllowanceDeleted:
			// Nobody agreed to it, and its transaction was pruned.
		case !c.asked:
			return &Difference{name, "its transaction", fmt.Sprint(a.TransactionID), "one that asks for it"}
		case a.Status == wallet.AllowanceActive && !c.last:
			return &Difference{name, "its status", string(a.Status), "inactive: its wallet gave the client another one last"}
		case a.Spent != c.drawn.Spent:
			return &Difference{name, "what was taken", a.Amount(a.Spent).String(), a.Amount(c.drawn.Spent).String()}
		case a.Open != c.drawn.Open:
			return &Difference{name, "what of that may come back", a.Amount(a.Open).String(), a.Amount(c.drawn.Open).String()}
		}
		for i, l := range a.Limits {
			if l.Spent != c.windows[i] {
				return &Difference{name, fmt.Sprintf("what was taken in the window %d of %s", l.Window, l.Within), a.Amount(l.Spent).String(), a.Amount(c.windows[i]).String()}
			}
		}
	}
	return nil
}

// restOfAllowances compares the first, and looks at those that are left.
func (v *verifier) restOfAllowances() error {
	if err := v.drawn.compare(); err != nil {
		return err
	}
	last, err := v.highest("allowances")
	if err != nil {
		return err
	}
	for from := v.drawn.to; from <= last; {
		w, err := v.allowances(from)
		if err != nil {
			return err
		}
		if err := v.transactions("transactions again", 0, func(t *wallet.Transaction, _ sql.NullInt64) error { return w.add(t) }); err != nil {
			return err
		}
		if err := w.compare(); err != nil {
			return err
		}
		from = w.to
	}
	return v.lastAllowances()
}

// lastAllowances checks that what is noted as given last was given by that wallet to that client.
func (v *verifier) lastAllowances() error {
	return v.each("allowances", 0, `SELECT l.client_id, l.wallet_id, l.allowance_id FROM last_allowances l
		LEFT JOIN allowances a ON a.id = l.allowance_id AND a.client_id = l.client_id AND a.wallet_id = l.wallet_id
		WHERE a.id IS NULL`, func(rows *sql.Rows) (int64, error) {
		var of wallet.AllowanceOf
		var id int64
		if err := rows.Scan(&of.ClientID, &of.WalletID, &id); err != nil {
			return 0, err
		}
		return 0, &Difference{fmt.Sprintf("what wallet %d gave client %d last", of.WalletID, of.ClientID), "the allowance", fmt.Sprint(id), "one of theirs"}
	})
}
