package service_test

import (
	"encoding/json"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Allowances in the model: the reference counts nothing. What was taken by one is what the transactions that it paid come
// to, added up anew each time.

// refAllowance is an allowance in the reference; in is the transaction that it is given in.
type refAllowance struct {
	id, client, project, payer int64
	in                         *refTransaction
	currency                   money.Currency
	max, limit                 int64
	within, validFor           time.Duration
	status                     wallet.AllowanceStatus
	end                        wallet.AllowanceEnd
	confirmed, until           time.Time
}

// drawn is what was taken by an allowance, the part of that which may come back, and what was taken in the window that
// a time is in.
func (m *reference) drawn(a *refAllowance, at time.Time) (spent, open, inWindow int64) {
	for _, t := range m.transactions {
		if t.paidBy != a {
			continue
		}
		taken := int64(0)
		for _, p := range t.payments {
			switch {
			case t.holds() || p.status == wallet.PaymentConfirmed:
				taken += p.price
				open += p.price
			case p.status == wallet.PaymentDone:
				taken += p.price - p.cashback
			}
		}
		spent += taken
		if a.within > 0 && t.accepted.Sub(a.confirmed)/a.within == at.Sub(a.confirmed)/a.within {
			inWindow += taken
		}
	}
	return spent, open, inWindow
}

// active is the allowance that a wallet gave to a client; nil for none.
func (m *reference) active(client, payer int64) *refAllowance {
	for _, a := range m.allowances {
		if a.client == client && a.payer == payer && a.status == wallet.AllowanceActive {
			return a
		}
	}
	return nil
}

// left is how much may be taken by an allowance now.
func (m *reference) left(a *refAllowance) int64 {
	spent, _, inWindow := m.drawn(a, m.now)
	left := int64(1 << 50)
	if a.max > 0 {
		left = a.max - spent
	}
	if a.limit > 0 {
		left = min(left, a.limit-inWindow)
	}
	return left
}

// usable says whether a transaction may be paid by an allowance.
func (m *reference) usable(t *refTransaction, a *refAllowance) string {
	sum := int64(0)
	for _, p := range t.payments {
		if a != nil && p.currency != a.currency {
			return "invalid_state"
		}
		sum += p.price
	}
	switch {
	case a == nil || !t.use || !m.now.Before(a.until) || t.asked != nil || len(t.payments) == 0:
		return "invalid_state"
	case sum > m.left(a):
		return "limits_exceeded"
	}
	return yes
}

// follow lets allowances follow what a command has done.
func (m *reference) follow() {
	for _, a := range m.allowances {
		switch {
		case a.status == wallet.AllowanceNew && a.in.status == wallet.TransactionConfirmed:
			if before := m.active(a.client, a.in.payer); before != nil {
				before.status, before.end = wallet.AllowanceInactive, wallet.AllowanceReplaced
			}
			a.status, a.payer, a.confirmed, a.until = wallet.AllowanceActive, a.in.payer, m.now, m.now.Add(a.validFor)
		case a.status == wallet.AllowanceNew && !a.in.open() && !a.in.pending():
			a.status = wallet.AllowanceDeleted
		}
		if a.status == wallet.AllowanceActive && a.max > 0 {
			if spent, open, _ := m.drawn(a, m.now); spent >= a.max && open == 0 {
				a.status, a.end = wallet.AllowanceInactive, wallet.AllowanceExhausted
			}
		}
	}
}

// expireAllowances ends those whose time is over; it says whether there were any.
func (m *reference) expireAllowances() (any bool) {
	for _, a := range m.allowances {
		if a.status == wallet.AllowanceActive && !m.now.Before(a.until) {
			a.status, a.end, any = wallet.AllowanceInactive, wallet.AllowanceExpired, true
		}
	}
	return any
}

// granting asks for an allowance, and has somebody give it, or not.
func (r *trial) granting() *command {
	project, client := int64(1), int64(till)
	if r.oneIn(4, "the other project") {
		project, client = 2, counter
	}
	user := pick(r, "payer", people)
	like := refAllowance{client: client, project: project, currency: pick(r, "currency", currencies), validFor: pick(r, "valid for", []time.Duration{time.Hour, 30 * time.Hour, 40 * 24 * time.Hour})}
	if r.oneIn(2, "in all") {
		like.max = rapid.Int64Range(1, 9000).Draw(r.t, "in all")
	}
	if like.max == 0 || r.oneIn(2, "a limit") {
		like.limit, like.within = rapid.Int64Range(1, 4000).Draw(r.t, "within"), pick(r, "time", []time.Duration{time.Minute, time.Hour, 24 * time.Hour})
	}
	asked := service.NewAllowance{Allowance: wallet.Allowance{Currency: like.currency, Max: like.max, ValidFor: like.validFor}}
	if like.limit > 0 {
		asked.Limits = []wallet.AllowanceLimit{{Max: like.limit, Within: like.within}}
	}
	given := !r.oneIn(5, "only asked for")
	made, in := &like, &refTransaction{project: project, reserveFor: wallet.DefaultReserve, auto: true}
	return &command{name: "grant", single: true,
		expect: func() string {
			made.in, made.status, in.asked = in, wallet.AllowanceNew, made
			in.created, in.status = r.m.now, wallet.TransactionNew
			r.m.transactions, r.m.allowances = append(r.m.transactions, in), append(r.m.allowances, made)
			if !given {
				return yes
			}
			return r.m.accept(in, r.m.users[user].wallet, user, wallet.ByApp, nil)
		},
		act: func() (*wallet.Transaction, error) {
			view, err := r.w.CreateAllowance(ctx, r.by(client), asked)
			if err != nil {
				return nil, err
			}
			made.id, in.id, in.key = view.ID, view.TransactionID, view.Key
			if !given {
				return nil, nil
			}
			return ofTransaction(r.w.ReserveTransaction(ctx, r.ofUser(phone, user), in.key, service.Reservation{}))
		}}
}

// taking is paying by allowance, mostly what the payer has let be taken.
func (r *trial) taking() *command {
	var a *refAllowance
	if active := slices.DeleteFunc(slices.Clone(r.m.allowances), func(a *refAllowance) bool { return a.status != wallet.AllowanceActive }); len(active) > 0 && !r.oneIn(8, "whatever") {
		a = pick(r, "allowance", active)
	}
	t := r.transaction(func(t *refTransaction) bool {
		return t.open() && (a == nil || t.use && t.project == a.project && len(t.payments) > 0 && t.payments[0].currency == a.currency)
	})
	client, own := r.teller(t.project)
	payer := pick(r, "payer", []int64{3, 4, 1})
	if a != nil {
		payer = a.payer
	}
	return &command{name: "pay by allowance", about: t, once: true,
		expect: forbidding(own, func() string {
			again := t.payer == payer && t.by == 0 && t.how == wallet.ByAllowance && (t.pending() || t.status == wallet.TransactionConfirmed)
			if again {
				return yes
			}
			if !t.open() {
				return "invalid_state"
			}
			by := r.m.active(client, payer)
			if why := r.m.usable(t, by); why != yes {
				return why
			}
			t.paidBy = by
			why := r.m.accept(t, payer, 0, wallet.ByAllowance, nil)
			if why != yes {
				t.paidBy = nil
			}
			return why
		}),
		act: func() (*wallet.Transaction, error) {
			return ofTransaction(r.w.ReserveTransaction(ctx, r.by(client), t.key, service.Reservation{Payer: wallet.Contact{WalletID: payer}}))
		}}
}

// fitting is a transaction of one payment that fits an allowance, up to what it lets be taken and one more.
func (r *trial) fitting() *command {
	active := slices.DeleteFunc(slices.Clone(r.m.allowances), func(a *refAllowance) bool { return a.status != wallet.AllowanceActive || a.client != till })
	if len(active) == 0 {
		return r.granting()
	}
	a := pick(r, "allowance", active)
	like := &refPayment{currency: a.currency, price: max(1, min(r.m.left(a), 3000)+int64(r.index(2, "one more")))}
	if r.oneIn(2, "less") {
		like.price = max(1, like.price/3)
	}
	if r.oneIn(3, "cashback") {
		like.cashback = like.price / 4
	}
	if r.oneIn(3, "frozen") {
		like.freezeFor = time.Hour
	}
	asked, made := like.asked(), &refTransaction{}
	return &command{name: "create for an allowance", once: true,
		expect: func() string {
			p := *like
			made = &refTransaction{project: 1, use: true, reserveFor: wallet.DefaultReserve, payments: []*refPayment{&p}}
			return r.m.create(made, nil)
		},
		act: func() (*wallet.Transaction, error) {
			view, err := r.w.CreatePayment(ctx, r.by(till), asked)
			return r.made(made, view.TransactionView, err)
		}}
}

// takingBack cancels an allowance.
func (r *trial) takingBack() *command {
	if len(r.m.allowances) == 0 {
		return r.granting()
	}
	a := pick(r, "allowance", r.m.allowances)
	client, own := r.teller(a.project)
	return &command{name: "cancel an allowance", once: true,
		expect: forbidding(own, func() string {
			switch {
			case a.end == wallet.AllowanceCanceled:
			case a.status != wallet.AllowanceActive:
				return "invalid_state"
			default:
				a.status, a.end = wallet.AllowanceInactive, wallet.AllowanceCanceled
			}
			return yes
		}),
		act: func() (*wallet.Transaction, error) {
			_, err := r.w.CancelAllowance(ctx, r.by(client), a.id)
			return nil, err
		}}
}

// compareAllowances looks at each allowance, and at what it has counted.
func (r *trial) compareAllowances() {
	byID := map[int64]*refAllowance{}
	for _, a := range r.m.allowances {
		byID[a.id] = a
	}
	r.rows(`SELECT id, status, wallet_id, document FROM allowances`, func(scan func(...any) error) error {
		var got wallet.Allowance
		var document []byte
		if err := scan(&got.ID, &got.Status, &got.WalletID, &document); err != nil {
			return err
		}
		if err := json.Unmarshal(document, &got); err != nil {
			return err
		}
		a := byID[got.ID]
		if a == nil || got.Status != a.status || got.End != a.end || got.WalletID != a.payer {
			r.t.Fatalf("allowance %d is %s (%s), of wallet %d; want %+v", got.ID, got.Status, got.End, got.WalletID, a)
		}
		delete(byID, got.ID)
		spent, open, inWindow := r.m.drawn(a, r.m.now)
		if got.Spent != spent || got.Open != open {
			r.t.Fatalf("allowance %d has counted %d, of which %d may come back; want %d, %d", got.ID, got.Spent, got.Open, spent, open)
		}
		if a.within > 0 && a.payer != 0 {
			counted := int64(0)
			if l := got.Limits[0]; r.m.now.Sub(a.confirmed)/a.within == time.Duration(l.Window) {
				counted = l.Spent
			}
			if counted != inWindow {
				r.t.Fatalf("allowance %d has counted %d in its window, want %d", got.ID, counted, inWindow)
			}
		}
		return nil
	})
	if len(byID) > 0 {
		r.t.Fatalf("%d allowances have no row", len(byID))
	}
}
