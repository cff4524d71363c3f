package service

import (
	"context"
	"errors"
	"slices"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// What happens at a spot: people check in, are told what to pay, pay, and are told that it is over.

// SpotView is a spot as somebody may see it.
type SpotView struct {
	wallet.Spot
	// Place is where it is.
	Place wallet.Location
	// Orders are those that the caller may see.
	Orders []OrderView
}

// OrderView is an order as somebody may see it.
type OrderView struct {
	wallet.SpotOrder
	Status wallet.OrderStatus
	// Key is the transaction's, Transaction itself is there where it was asked for.
	Key         string
	Transaction *TransactionView
}

// NewOrder is what people at a spot are to pay.
type NewOrder struct {
	// TransactionKey is a transaction of the project of the place.
	TransactionKey string
	// UserID is the only one who is shown it; 0 is everybody who is checked in.
	UserID int64
}

// SpotFilter says which spots a list is of.
type SpotFilter = store.SpotFilter

// maxOrders bounds the orders of one visit.
const maxOrders = 100

// errNoSpot is what is said where there is none.
var errNoSpot error = wallet.Errorf(wallet.NotFound, "there is no such spot: check the code or the number.")

// FindSpot returns the spot that a code says. It fails with Forbidden, InvalidParameters for what is no code of a spot,
// and NotFound.
func (s *Service) FindSpot(ctx context.Context, c wallet.Caller, code string, withTransactions bool) (SpotView, error) {
	location, identifier, isCode := wallet.ParseSpotCode(s.SpotPrefix, code)
	var spot *store.SpotState
	if isCode {
		var err error
		if spot, err = s.db.SpotNamed(ctx, location, identifier); err != nil {
			return SpotView{}, err
		}
	}
	view, err := s.lookAtSpot(ctx, c, spot, withTransactions)
	if !isCode && errors.Is(err, errNoSpot) {
		return SpotView{}, wallet.FieldError("code", "must be the code of a spot, such as %s, or an address with it as qr", wallet.SpotCode(s.SpotPrefix, 3, "TABLE1"))
	}
	return view, err
}

// GetSpot returns a spot. It fails with Forbidden and NotFound.
func (s *Service) GetSpot(ctx context.Context, c wallet.Caller, id int64, withTransactions bool) (SpotView, error) {
	spot, err := s.db.Spot(ctx, id)
	if err != nil {
		return SpotView{}, err
	}
	return s.lookAtSpot(ctx, c, spot, withTransactions)
}

func (s *Service) lookAtSpot(ctx context.Context, c wallet.Caller, spot *store.SpotState, withTransactions bool) (SpotView, error) {
	subject, err := s.subjectOfSpot(ctx, c, spot)
	if err != nil {
		return SpotView{}, err
	}
	if err := wallet.May(c, wallet.ReadSpot, subject).Err(); err != nil {
		return SpotView{}, err
	}
	if spot == nil {
		return SpotView{}, errNoSpot
	}
	return s.spotView(c, subject, spot, withTransactions), nil
}

// subjectOfSpot is what a decision about a spot looks at; nothing where there is no spot.
func (s *Service) subjectOfSpot(ctx context.Context, c wallet.Caller, spot *store.SpotState) (wallet.Subject, error) {
	if spot == nil {
		return wallet.Subject{}, nil
	}
	_, subject, err := s.findPlace(ctx, c, spot.LocationID)
	return subject, err
}

// spotView is a spot as the caller may see it: the orders of a visit are for the merchant, and for who is checked in.
func (s *Service) spotView(c wallet.Caller, subject wallet.Subject, spot *store.SpotState, withTransactions bool) SpotView {
	view := SpotView{Spot: spot.Spot, Place: *subject.Location}
	serves := wallet.May(c, wallet.ServeSpot, subject).Allowed
	for _, o := range spot.Orders {
		mine := slices.Contains(spot.Visitors, c.UserID()) && (o.UserID == 0 || o.UserID == c.UserID())
		if serves || mine {
			view.Orders = append(view.Orders, s.orderView(c, spot, o, withTransactions))
		}
	}
	return view
}

func (s *Service) orderView(c wallet.Caller, spot *store.SpotState, o wallet.SpotOrder, withTransactions bool) OrderView {
	view := OrderView{SpotOrder: o, Status: wallet.OrderClosed, Key: s.transactionKey(o.TransactionID)}
	t := spot.Transactions[o.TransactionID]
	if t == nil {
		return view // it was never accepted, and forgotten
	}
	view.Status = wallet.OrderStatusOf(t.Status, spot.Status)
	// Who may not read the transaction by itself does not read it here either.
	if withTransactions && wallet.May(c, wallet.ReadTransaction, wallet.Subject{Transaction: t}).Allowed {
		transaction := s.transactionView(t)
		transaction.Allowance = spot.Allowances[t.AllowanceID]
		view.Transaction = &transaction
	}
	return view
}

// ListSpots returns a page of the spots of the projects that the caller speaks for, by number, and how many there are in
// all. location narrows it to one place, 0 to the one that the request speaks from, if any. It fails with Forbidden and
// NotFound.
func (s *Service) ListSpots(ctx context.Context, c wallet.Caller, location int64, f SpotFilter, withTransactions bool) ([]SpotView, int, error) {
	if err := s.mayListSpots(ctx, c, location); err != nil {
		return nil, 0, err
	}
	if f.LocationID = location; location == 0 {
		f.LocationID = c.LocationID
	}
	f.Projects = spotProjects(c)
	found, total, err := s.db.Spots(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	views := make([]SpotView, len(found))
	places := map[int64]wallet.Subject{}
	for i := range found {
		subject, known := places[found[i].LocationID]
		if !known {
			if subject, err = s.subjectOfSpot(ctx, c, &found[i]); err != nil {
				return nil, 0, err
			}
			places[found[i].LocationID] = subject
		}
		views[i] = s.spotView(c, subject, &found[i], withTransactions)
	}
	return views, total, nil
}

// mayListSpots asks whether the caller may see the spots of a place, or of all its own for 0.
func (s *Service) mayListSpots(ctx context.Context, c wallet.Caller, location int64) error {
	if location == 0 {
		return wallet.May(c, wallet.ListSpots, wallet.Subject{}).Err()
	}
	l, subject, err := s.findPlace(ctx, c, location)
	if err != nil {
		return err
	}
	if err := wallet.May(c, wallet.ServeSpot, subject).Err(); err != nil {
		return err
	}
	if l == nil {
		return noSuch(locationObject, location)
	}
	return nil
}

// spotProjects are the projects whose spots a caller serves: those of a server, or those that a user administers; the one
// among them that the request names.
func spotProjects(c wallet.Caller) []int64 {
	projects := c.Client.Projects
	if c.Kind == wallet.ByToken {
		projects = c.Token.Projects
	}
	if c.Names().ProjectID == "" {
		return projects
	}
	return slices.DeleteFunc(slices.Clone(projects), func(id int64) bool { return id != c.ProjectID })
}

// atSpot runs what a caller changes about a spot, and answers with it.
func atSpot[T any](ctx context.Context, s *Service, c wallet.Caller, id int64, action wallet.Action,
	work func(tx *store.Tx, c wallet.Caller, subject wallet.Subject, spot *store.SpotState) (T, error),
) (T, error) {
	var none T
	found, err := s.db.Spot(ctx, id)
	if err != nil {
		return none, err
	}
	subject, err := s.subjectOfSpot(ctx, c, found)
	if err != nil {
		return none, err
	}
	if err := wallet.May(c, action, subject).Err(); err != nil {
		return none, err
	}
	if found == nil {
		return none, errNoSpot
	}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (T, error) {
		if err := wallet.May(c, action, subject).Err(); err != nil {
			return none, err
		}
		spot, err := tx.Spot(id)
		if err != nil {
			return none, err
		}
		if spot == nil {
			return none, errNoSpot
		}
		return work(tx, c, subject, spot)
	})
}

// after is a spot as it is after a change.
func (s *Service) after(tx *store.Tx, c wallet.Caller, subject wallet.Subject, id int64, withTransactions bool) (SpotView, error) {
	spot, err := tx.Spot(id)
	if err != nil {
		return SpotView{}, err
	}
	return s.spotView(c, subject, spot, withTransactions), nil
}

// turnSpot changes the status of a spot, where it is another one.
func (s *Service) turnSpot(tx *store.Tx, c wallet.Caller, action string, spot *store.SpotState, status wallet.SpotStatus) error {
	if spot.Status != status {
		if err := tx.SetSpotStatus(spot.ID, status); err != nil {
			return err
		}
	}
	after := spot.Spot
	after.Status = status
	return s.audit(tx, c, action, spotObject, spot.ID, spot.Spot, after)
}

// CheckIn tells the merchant that the user of the token is at a spot and waits. At a closed spot a new visit begins, which
// knows nothing of the one before. Who is checked in already stays so. It fails with Forbidden and NotFound.
func (s *Service) CheckIn(ctx context.Context, c wallet.Caller, id int64, withTransactions bool) (SpotView, error) {
	return atSpot(ctx, s, c, id, wallet.UseSpot, func(tx *store.Tx, c wallet.Caller, subject wallet.Subject, spot *store.SpotState) (SpotView, error) {
		if spot.Status == wallet.SpotClosed {
			if err := tx.ForgetVisit(id); err != nil {
				return SpotView{}, err
			}
		} else if slices.Contains(spot.Visitors, c.UserID()) {
			return s.spotView(c, subject, spot, withTransactions), nil
		}
		if err := tx.CheckIn(id, c.UserID()); err != nil {
			return SpotView{}, err
		}
		if err := s.turnSpot(tx, c, "check in", spot, wallet.SpotWaiting); err != nil {
			return SpotView{}, err
		}
		return s.after(tx, c, subject, id, withTransactions)
	})
}

// CheckOut is the user's leaving. When nobody is left, nobody waits. Who is not checked in is no error. It fails with
// Forbidden and NotFound.
func (s *Service) CheckOut(ctx context.Context, c wallet.Caller, id int64, withTransactions bool) (SpotView, error) {
	return atSpot(ctx, s, c, id, wallet.UseSpot, func(tx *store.Tx, c wallet.Caller, subject wallet.Subject, spot *store.SpotState) (SpotView, error) {
		if !slices.Contains(spot.Visitors, c.UserID()) {
			return s.spotView(c, subject, spot, withTransactions), nil
		}
		if err := tx.CheckOut(id, c.UserID()); err != nil {
			return SpotView{}, err
		}
		status := spot.Status
		if len(spot.Visitors) == 1 && status == wallet.SpotWaiting {
			status = wallet.SpotOpen
		}
		if err := s.turnSpot(tx, c, "check out", spot, status); err != nil {
			return SpotView{}, err
		}
		return s.after(tx, c, subject, id, withTransactions)
	})
}

// OrderAtSpot shows people at a spot what to pay. At a closed spot a new visit begins. An order for the same transaction is
// the one that there is. It fails with Forbidden, NotFound, InvalidParameters, and InvalidState for a transaction that is over, and
// where there are too many.
func (s *Service) OrderAtSpot(ctx context.Context, c wallet.Caller, id int64, n NewOrder, withTransactions bool) (OrderView, error) {
	number, isKey := s.Box.Number(n.TransactionKey)
	return atSpot(ctx, s, c, id, wallet.ServeSpot, func(tx *store.Tx, c wallet.Caller, subject wallet.Subject, spot *store.SpotState) (OrderView, error) {
		t, err := tx.Transaction(number)
		if err != nil {
			return OrderView{}, err
		}
		if !isKey || t == nil || t.ProjectID != subject.Project.ID {
			return OrderView{}, wallet.FieldError("transaction_key", "is no transaction of project %d, which the spot belongs to", subject.Project.ID)
		}
		asked, err := tx.AllowancesByID(t.AllowanceID)
		if err != nil {
			return OrderView{}, err
		}
		if spot.Status == wallet.SpotClosed {
			if err := tx.ForgetVisit(id); err != nil {
				return OrderView{}, err
			}
			if err := s.turnSpot(tx, c, "open", spot, wallet.SpotOpen); err != nil {
				return OrderView{}, err
			}
			spot = &store.SpotState{Spot: spot.Spot}
			spot.Status = wallet.SpotOpen
		}
		if spot.Transactions == nil {
			spot.Transactions = map[int64]*wallet.Transaction{}
		}
		spot.Transactions[t.ID], spot.Allowances = t, asked
		for _, o := range spot.Orders {
			if o.TransactionID == t.ID {
				return s.orderView(c, spot, o, withTransactions), nil
			}
		}
		switch {
		case !t.Status.Open() && !t.Status.Accepted():
			return OrderView{}, wallet.Errorf(wallet.InvalidState, "the transaction is %s: order with one that can still be paid.", t.Status)
		case len(spot.Orders) >= maxOrders:
			return OrderView{}, wallet.Errorf(wallet.InvalidState, "%d orders are as many as a spot may have: close it when they are paid.", maxOrders)
		case n.UserID != 0 && !slices.Contains(spot.Visitors, n.UserID):
			return OrderView{}, wallet.FieldError("user_id", "is not checked in at this spot")
		}
		o := wallet.SpotOrder{SpotID: id, TransactionID: t.ID, UserID: n.UserID}
		if o.ID, err = tx.NextID(store.OrderIDs, 0); err != nil {
			return OrderView{}, err
		}
		if err := tx.InsertSpotOrder(o); err != nil {
			return OrderView{}, err
		}
		return s.orderView(c, spot, o, withTransactions), s.audit(tx, c, "order", spotObject, id, nil, o)
	})
}

// CloseSpot ends a visit: what is not paid is not an order any more. A closed one stays closed. It fails with Forbidden and
// NotFound.
func (s *Service) CloseSpot(ctx context.Context, c wallet.Caller, id int64, withTransactions bool) (SpotView, error) {
	return atSpot(ctx, s, c, id, wallet.ServeSpot, func(tx *store.Tx, c wallet.Caller, subject wallet.Subject, spot *store.SpotState) (SpotView, error) {
		if spot.Status != wallet.SpotClosed {
			if err := s.turnSpot(tx, c, "close", spot, wallet.SpotClosed); err != nil {
				return SpotView{}, err
			}
		}
		return s.after(tx, c, subject, id, withTransactions)
	})
}
