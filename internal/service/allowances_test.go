package service_test

import (
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// allowed is an allowance as the till asks for it.
func allowed(max int64, change ...func(*service.NewAllowance)) service.NewAllowance {
	a := service.NewAllowance{Allowance: wallet.Allowance{Currency: "EUR", Max: max, Description: "Bread each day"}}
	for _, c := range change {
		c(&a)
	}
	return a
}

func perTime(max int64, within time.Duration) func(*service.NewAllowance) {
	return func(a *service.NewAllowance) {
		a.Limits = append(a.Limits, wallet.AllowanceLimit{Max: max, Within: within})
	}
}

func validFor(d time.Duration) func(*service.NewAllowance) {
	return func(a *service.NewAllowance) { a.ValidFor = d }
}

// asks has the till ask for an allowance.
func (w world) asks(a service.NewAllowance) service.AllowanceView {
	w.t.Helper()
	view, err := w.CreateAllowance(ctx, w.by(till), a)
	if err != nil {
		w.t.Fatal(err)
	}
	return view
}

// gaveInApp is an allowance that Rita has given to the till in an app of hers.
func (w world) gaveInApp(a service.NewAllowance) service.AllowanceView {
	w.t.Helper()
	view := w.asks(a)
	given, err := w.paysInApp(view.Key)
	if err != nil || given.Status != wallet.TransactionConfirmed || given.Allowance.Status != wallet.AllowanceActive {
		w.t.Fatalf("giving an allowance: %+v, %v", given, err)
	}
	return w.allowance(view.ID)
}

func (w world) allowance(id int64) service.AllowanceView {
	w.t.Helper()
	view, err := w.GetAllowance(ctx, w.by(till), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return view
}

// takes has the till take money from Rita's wallet by her allowance.
func (w world) takes(price money.Amount, how ...func(*service.NewTransaction)) (service.TransactionView, error) {
	how = append(how, func(n *service.NewTransaction) { n.UseAllowance = true })
	return w.takesFor(w.by(till), w.offers(price, how...).Key)
}

func (w world) takesFor(c wallet.Caller, key string) (service.TransactionView, error) {
	return w.ReserveTransaction(ctx, c, key, service.Reservation{Payer: wallet.Contact{WalletID: 3}})
}

// left expects the largest price that the till could take from Rita's wallet.
func (w world) left(minor int64) {
	w.t.Helper()
	got, err := w.AllowanceLimit(ctx, w.by(till), 3, "EUR")
	if err != nil || got != eur(minor) {
		w.t.Errorf("the till could take %v (%v), want %v", got, err, eur(minor))
	}
}

// counted expects what an allowance has counted.
func (w world) counted(id, spent, open int64, status wallet.AllowanceStatus, end wallet.AllowanceEnd) {
	w.t.Helper()
	a := w.allowance(id)
	if a.Spent != spent || a.Open != open || a.Status != status || a.End != end {
		w.t.Errorf("allowance %d has counted %d, of which %d may come back, and is %s (%s); want %d, %d, %s (%s)", id, a.Spent, a.Open, a.Status, a.End, spent, open, status, end)
	}
}

// What is taken is counted with the hold, what goes back is given back: by revoking, by a lower price, when the time of a
// reservation is over, when a frozen payment is canceled. What was paid for good never comes back, and when that is all,
// the allowance is over.
func TestAllowanceCountsWhatIsTaken(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		a := w.gaveInApp(allowed(5000))
		w.left(5000)
		first, err := w.takes(eur(1500))
		w.is(first, err, wallet.TransactionReserved, wallet.PaymentReserved)
		if first.Type != wallet.ByAllowance || first.WalletID != 3 || first.PaidBy != a.ID {
			t.Errorf("paid by %s, allowance %d from wallet %d", first.Type, first.PaidBy, first.WalletID)
		}
		w.has(3, 8500, 1500)
		w.counted(a.ID, 1500, 1500, wallet.AllowanceActive, "")
		w.left(3500)
		refuses(t, "more than is left", errorOf(w.takes(eur(3501))), wallet.LimitsExceeded)
		if _, err := w.RevokeTransaction(ctx, w.by(till), first.Key); err != nil {
			t.Fatal(err)
		}
		w.counted(a.ID, 0, 0, wallet.AllowanceActive, "")

		second, err := w.takes(eur(2000))
		w.is(second, err, wallet.TransactionReserved, wallet.PaymentReserved)
		lower := map[int64]money.Amount{second.Payments[0].ID: eur(1200)}
		second, err = w.ConfirmTransaction(ctx, w.by(till), second.Key, lower)
		w.is(second, err, wallet.TransactionConfirmed, wallet.PaymentDone)
		w.counted(a.ID, 1200, 0, wallet.AllowanceActive, "")
		w.left(3800)

		third, err := w.takes(eur(800))
		w.is(third, err, wallet.TransactionReserved, wallet.PaymentReserved)
		w.business.Advance(29 * 24 * time.Hour)
		w.doDue()
		w.counted(a.ID, 2000, 800, wallet.AllowanceActive, "")

		frozen, err := w.takes(eur(3000), func(n *service.NewTransaction) {
			n.AutoConfirm, n.Payments[0].FreezeFor = true, time.Hour
		})
		w.is(frozen, err, wallet.TransactionConfirmed, wallet.PaymentConfirmed)
		w.counted(a.ID, 5000, 3800, wallet.AllowanceActive, "")
		w.left(0)
		if _, err := w.CancelPayment(ctx, w.by(till), frozen.Payments[0].ID); err != nil {
			t.Fatal(err)
		}
		w.counted(a.ID, 2000, 800, wallet.AllowanceActive, "")

		if _, err := w.ConfirmTransaction(ctx, w.by(till), third.Key, nil); err != nil {
			t.Fatal(err)
		}
		last, err := w.takes(eur(3000), func(n *service.NewTransaction) { n.AutoConfirm = true })
		w.is(last, err, wallet.TransactionConfirmed, wallet.PaymentDone)
		w.counted(a.ID, 5000, 0, wallet.AllowanceInactive, wallet.AllowanceExhausted)
		refuses(t, "when all was paid", errorOf(w.takes(eur(1))), wallet.InvalidState)
		refuses(t, "the limit of what is over", errorOf(w.AllowanceLimit(ctx, w.by(till), 3, "EUR")), wallet.NotFound)
	})
}

// Time is up for a reservation: the allowance has it back, also when it is over itself.
func TestAllowanceGetsBackWhatRunsOut(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		a := w.gaveInApp(allowed(5000, validFor(time.Hour)))
		held, err := w.takes(eur(1500), func(n *service.NewTransaction) { n.ReserveFor = 2 * time.Hour })
		w.is(held, err, wallet.TransactionReserved, wallet.PaymentReserved)
		w.business.Advance(time.Hour)
		refuses(t, "after its time", errorOf(w.takes(eur(1))), wallet.InvalidState)
		w.doDue()
		w.counted(a.ID, 1500, 1500, wallet.AllowanceInactive, wallet.AllowanceExpired)
		w.business.Advance(time.Hour)
		w.doDue()
		w.counted(a.ID, 0, 0, wallet.AllowanceInactive, wallet.AllowanceExpired)
		w.has(3, 10000, 0)
	})
}

// Windows follow one another from when the allowance was given, whenever something is taken; what goes back, goes back to
// the window that it was taken in.
func TestAllowanceWindowsAreFixed(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		w.gaveInApp(allowed(0, perTime(1000, time.Hour), perTime(1500, 24*time.Hour), validFor(100*24*time.Hour)))
		w.business.Advance(50 * time.Minute)
		first, err := w.takes(eur(900))
		w.is(first, err, wallet.TransactionReserved, wallet.PaymentReserved)
		w.left(100)
		w.business.Advance(10 * time.Minute) // a new window, ten minutes after
		w.left(600)
		if _, err := w.RevokeTransaction(ctx, w.by(till), first.Key); err != nil {
			t.Fatal(err)
		}
		w.left(1000)
		second, err := w.takes(eur(1000))
		w.is(second, err, wallet.TransactionReserved, wallet.PaymentReserved)
		refuses(t, "a cent more", errorOf(w.takes(eur(1))), wallet.LimitsExceeded)
		w.business.Advance(time.Hour)
		refuses(t, "a cent more than a day's", errorOf(w.takes(eur(501))), wallet.LimitsExceeded)
		w.left(500)
		w.business.Advance(22 * time.Hour)
		w.left(1000)
	})
}

// There is one allowance that is active for a client and a wallet: another one takes its place when it is given, not when it
// is asked for.
func TestAllowanceReplacesTheOneBefore(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		first := w.gaveInApp(allowed(1000))
		second := w.asks(allowed(2000))
		w.left(1000)
		held, err := w.takes(eur(100))
		w.is(held, err, wallet.TransactionReserved, wallet.PaymentReserved)
		if _, err := w.paysInApp(second.Key); err != nil {
			t.Fatal(err)
		}
		w.counted(first.ID, 100, 100, wallet.AllowanceInactive, wallet.AllowanceReplaced)
		w.left(2000)
		if _, err := w.ConfirmTransaction(ctx, w.by(till), held.Key, nil); err != nil {
			t.Fatal(err)
		}
		w.counted(first.ID, 100, 0, wallet.AllowanceInactive, wallet.AllowanceReplaced)
		if active, err := w.GetActiveAllowance(ctx, w.by(till), 3); err != nil || active.ID != second.ID {
			t.Errorf("active is %+v (%v)", active, err)
		}
		refuses(t, "another client of the project", errorOf(w.takesFor(w.by(shop), w.offers(eur(1), func(n *service.NewTransaction) { n.UseAllowance = true }).Key)), wallet.InvalidState)
	})
}

// Canceled by the client or by the payer, twice or once: it is over, and what is held by it stays held.
func TestAllowanceIsCanceled(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		first := w.gaveInApp(allowed(1000))
		held, err := w.takes(eur(400))
		w.is(held, err, wallet.TransactionReserved, wallet.PaymentReserved)
		for range 2 {
			if view, err := w.CancelAllowance(ctx, w.by(till), first.ID); err != nil || view.Status != wallet.AllowanceInactive {
				t.Errorf("canceling: %+v, %v", view, err)
			}
			if view, err := w.CancelActiveAllowance(ctx, w.by(till), 3); err != nil || view.ID != first.ID {
				t.Errorf("canceling what is active: %+v, %v", view, err)
			}
		}
		refuses(t, "what was canceled", errorOf(w.takes(eur(1))), wallet.InvalidState)
		refuses(t, "what is active", errorOf(w.GetActiveAllowance(ctx, w.by(till), 3)), wallet.NotFound)
		w.has(3, 9600, 400)
		if _, err := w.ConfirmTransaction(ctx, w.by(till), held.Key, nil); err != nil {
			t.Error(err)
		}
		w.counted(first.ID, 400, 0, wallet.AllowanceInactive, wallet.AllowanceCanceled)
		refuses(t, "canceling a new one", errorOf(w.CancelAllowance(ctx, w.by(till), w.asks(allowed(5)).ID)), wallet.InvalidState)

		second := w.gaveInApp(allowed(1000))
		refuses(t, "somebody else", errorOf(w.CancelOwnAllowance(ctx, person(1), second.ID)), wallet.NotFound)
		if list, err := w.OwnAllowances(ctx, person(3)); err != nil || len(list) != 1 || list[0].ID != second.ID || list[0].ProjectTitle != "Stall" {
			t.Errorf("Rita's own: %+v, %v", list, err)
		}
		if _, err := w.CancelOwnAllowance(ctx, person(3), second.ID); err != nil {
			t.Error(err)
		}
		third := w.gaveInApp(allowed(1000))
		if _, err := w.CancelAllowance(ctx, w.withToken(phone, 3), third.ID); err != nil {
			t.Error(err)
		}
		refuses(t, "a tablet that it was not given to", errorOf(w.CancelAllowance(ctx, w.withToken(tablet, 3), third.ID)), wallet.Forbidden)
	})
}

// Beside payments: given when they are confirmed, and not when they are not; where it is optional, the payer says so.
func TestAllowanceBesidePayments(t *testing.T) {
	beside := func(optional bool) func(*service.NewTransaction) {
		return func(n *service.NewTransaction) {
			a := allowed(700)
			n.Allowance, n.AllowanceOptional = &a, optional
		}
	}
	status := func(w world, view service.TransactionView, want wallet.AllowanceStatus) {
		w.t.Helper()
		if view = w.seen(view.Key); view.Allowance == nil || view.Allowance.Status != want {
			w.t.Errorf("the allowance is %+v, want %s", view.Allowance, want)
		}
	}
	atTheTill(t, func(t *testing.T, w world) {
		revoked := w.reserved(eur(100), beside(false))
		status(w, revoked, wallet.AllowanceNew)
		if view, err := w.RevokeTransaction(ctx, w.by(till), revoked.Key); err != nil || view.Allowance.Status != wallet.AllowanceDeleted {
			t.Errorf("revoking: %+v, %v", view.Allowance, err)
		}
		confirmed := w.reserved(eur(100), beside(false))
		if view, err := w.ConfirmTransaction(ctx, w.by(till), confirmed.Key, nil); err != nil || view.Allowance.Status != wallet.AllowanceActive || view.Allowance.WalletID != 3 {
			t.Errorf("confirming: %+v, %v", view.Allowance, err)
		}
		w.left(700)
		declined := w.reserved(eur(100), beside(true))
		if _, err := w.ConfirmTransaction(ctx, w.by(till), declined.Key, nil); err != nil {
			t.Error(err)
		}
		status(w, declined, wallet.AllowanceDeleted)
		given, err := w.ReserveTransaction(ctx, w.withToken(phone, 3), w.offers(eur(100), beside(true)).Key, service.Reservation{GiveAllowance: true})
		if err == nil {
			_, err = w.ConfirmTransaction(ctx, w.by(till), given.Key, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		status(w, given, wallet.AllowanceActive)
		status(w, confirmed, wallet.AllowanceInactive)

		usable := func(n *service.NewTransaction) { n.UseAllowance = true }
		refuses(t, "by an allowance for another", errorOf(w.takesFor(w.by(till), w.offers(eur(100), beside(false), usable).Key)), wallet.InvalidState)
		if _, err := w.takesFor(w.by(till), w.offers(eur(100), beside(true), usable).Key); err != nil {
			t.Errorf("beside an optional one: %v", err)
		}
		stale := w.asks(allowed(5))
		w.business.Advance(31 * 24 * time.Hour)
		w.doDue()
		if view := w.allowance(stale.ID); view.Status != wallet.AllowanceDeleted {
			t.Errorf("after a month it is %s", view.Status)
		}
	})
}

// A transaction takes an allowance over that was asked for alone, and the transaction that it was in vanishes.
func TestAllowanceMoves(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		alone := w.asks(allowed(700))
		view := w.offers(eur(100), func(n *service.NewTransaction) { n.MovedAllowance, n.AllowanceOptional = alone.ID, true })
		if view.Allowance == nil || view.Allowance.ID != alone.ID || view.Allowance.TransactionID != view.ID {
			t.Errorf("moved: %+v", view.Allowance)
		}
		if was := w.seen(alone.Key); was.Status != wallet.TransactionDeleted || was.Allowance != nil {
			t.Errorf("the transaction before is %s, with %+v", was.Status, was.Allowance)
		}
		given, err := w.ReserveTransaction(ctx, w.withToken(phone, 3), view.Key, service.Reservation{GiveAllowance: true})
		w.is(given, err, wallet.TransactionReserved, wallet.PaymentReserved)
		n := newTransaction(eur(5), func(n *service.NewTransaction) { n.MovedAllowance = alone.ID })
		refuses(t, "one that a payer has agreed to", errorOf(w.CreateTransaction(ctx, w.by(till), n)), wallet.InvalidState)
		n.MovedAllowance = 999
		refuses(t, "none", errorOf(w.CreateTransaction(ctx, w.by(till), n)), wallet.InvalidParameters, "allowance.id")
		other := w.asks(allowed(1))
		n.MovedAllowance = other.ID
		refuses(t, "another project's", errorOf(w.CreateTransaction(ctx, w.by(rita), n)), wallet.NotFound)

		// The payment goes first, and the allowance is all that is left.
		both := w.offers(eur(100), func(n *service.NewTransaction) {
			a := allowed(9)
			n.Allowance, n.AllowanceOptional = &a, true
		})
		if _, err := w.CreateTransaction(ctx, w.by(till), service.NewTransaction{Moved: []int64{both.Payments[0].ID}}); err != nil {
			t.Fatal(err)
		}
		if rest := w.seen(both.Key); rest.Status != wallet.TransactionNew || rest.AllowanceOptional || rest.Allowance == nil {
			t.Errorf("what is left is %s: %+v", rest.Status, rest.Allowance)
		}
	})
}

// What an allowance does not cover is refused, and says why.
func TestAllowanceRefuses(t *testing.T) {
	usable := func(n *service.NewTransaction) { n.UseAllowance = true }
	atTheTill(t, func(t *testing.T, w world) {
		refuses(t, "without any", errorOf(w.takes(eur(1))), wallet.InvalidState)
		refuses(t, "the limit without any", errorOf(w.AllowanceLimit(ctx, w.by(till), 3, "EUR")), wallet.NotFound)
		refuses(t, "the limit of no wallet", errorOf(w.AllowanceLimit(ctx, w.by(till), 999, "EUR")), wallet.NotFound)
		w.gaveInApp(allowed(20000))
		key := w.offers(eur(100)).Key
		refuses(t, "use_allowance false", errorOf(w.takesFor(w.by(till), key)), wallet.InvalidState)
		refuses(t, "another currency", errorOf(w.takes(money.Amount{Minor: 1, Currency: "USD"})), wallet.InvalidState)
		refuses(t, "more than there is", errorOf(w.takes(eur(10001))), wallet.NotEnoughFunds)
		w.left(10000)
		if got, err := w.AllowanceLimit(ctx, w.by(till), 3, "USD"); err != nil || got.Minor != 0 {
			t.Errorf("in USD %v, %v", got, err)
		}
		refuses(t, "no currency", errorOf(w.AllowanceLimit(ctx, w.by(till), 3, "XAU")), wallet.InvalidParameters, "currency")
		day := []wallet.SpendingLimit{{Kind: wallet.OrdinaryLimit, Amount: eur(3000), Within: 24 * time.Hour}}
		if _, err := w.LimitUser(ctx, operator, 3, true, day, true); err != nil {
			t.Fatal(err)
		}
		if _, err := w.takes(eur(1000)); err != nil {
			t.Error(err)
		}
		w.left(2000)
		refuses(t, "more than Rita's limit", errorOf(w.takes(eur(2001))), wallet.LimitsExceeded)
		for what, r := range map[string]struct {
			service.Reservation
			field string
		}{
			"a price":     {service.Reservation{PricesInOrder: []money.Amount{eur(1)}}, "payment_prices"},
			"an answer":   {service.Reservation{Answers: map[string]wallet.InquiryAnswer{"age": wallet.InquiryAccepted}}, "inquiries"},
			"another one": {service.Reservation{GiveAllowance: true}, "accept_allowance"},
		} {
			r.Payer = wallet.Contact{WalletID: 3}
			refuses(t, what, errorOf(w.ReserveTransaction(ctx, w.by(till), w.offers(eur(1), usable).Key, r.Reservation)), wallet.InvalidParameters, r.field)
		}
		asks := w.offers(eur(1), usable, func(n *service.NewTransaction) {
			n.Inquiries = []wallet.Inquiry{{Identifier: "who", Required: true, Items: []wallet.InquiryItem{{Identifier: "code", Type: wallet.AskPersonCode}}}}
		})
		refuses(t, "what the payer has to tell", errorOf(w.takesFor(w.by(till), asks.Key)), wallet.InvalidParameters, "inquiries.who")
		if _, err := w.UpdateUser(ctx, operator, 3, service.UserChange{Standing: ptr(wallet.RestrictedUser)}, true); err != nil {
			t.Fatal(err)
		}
		refuses(t, "a payer who may not pay", errorOf(w.takes(eur(1))), wallet.ClientRestricted)
		w.left(0)
	})
}

// What cannot be asked for is refused, all at once.
func TestAllowanceThatCannotBe(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		for what, try := range map[string]struct {
			a      service.NewAllowance
			fields []string
		}{
			"without bounds": {allowed(0), []string{"max_price"}},
			"too much":       {allowed(wallet.MaxPrice + 1), []string{"max_price"}},
			"limits":         {allowed(0, perTime(0, 0)), []string{"limits[0].max_price", "limits[0].time"}},
			"the past":       {allowed(1, func(a *service.NewAllowance) { a.ValidUntil = w.business.Now() }), []string{"valid"}},
			"no place":       {allowed(1, func(a *service.NewAllowance) { a.Locations = []int64{11, 999} }), []string{"locations"}},
			"no currency":    {allowed(1, func(a *service.NewAllowance) { a.Currency = "XAU" }), []string{"currency"}},
		} {
			refuses(t, what, errorOf(w.CreateAllowance(ctx, w.by(till), try.a)), wallet.InvalidParameters, try.fields...)
		}
		n := service.NewTransaction{Allowance: ptr(allowed(1))}
		n.AllowanceOptional = true
		refuses(t, "nothing but what is optional", errorOf(w.CreateTransaction(ctx, w.by(till), n)), wallet.InvalidParameters, "allowance.optional")
	})
}

// Only a request that comes from one of its places uses it.
func TestAllowanceForPlaces(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		w.gaveInApp(allowed(5000, func(a *service.NewAllowance) { a.Locations = []int64{11} }))
		refuses(t, "from nowhere", errorOf(w.takes(eur(100))), wallet.InvalidState)
		w.left(0)
		at := func() wallet.Caller {
			c := w.by(till)
			c.ProjectID, c.LocationID = 1, 11
			return c
		}
		key := w.offers(eur(100), func(n *service.NewTransaction) { n.UseAllowance = true }).Key
		view, err := w.takesFor(at(), key)
		w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)
		if got, err := w.AllowanceLimit(ctx, at(), 3, "EUR"); err != nil || got != eur(4900) {
			t.Errorf("at the place %v, %v", got, err)
		}
	})
}

// The payer gives one that the shop suggests: as much as they say.
func TestAllowanceIsSuggested(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		suggests := func(n *service.NewTransaction) { n.SuggestAllowance = true }
		key := w.offers(eur(100), suggests).Key
		if offer, err := w.ViewOffer(ctx, person(3), key); err != nil || offer.Suggests != "EUR" {
			t.Errorf("offered in %q, %v", offer.Suggests, err)
		}
		says := service.Approval{WalletID: 3, PIN: ritasPIN, Suggested: eur(4000)}
		refuses(t, "not suggested", errorOf(w.ApproveTransaction(ctx, person(3), w.offers(eur(100)).Key, says)), wallet.InvalidParameters, "allowance")
		view, err := w.ApproveTransaction(ctx, person(3), key, says)
		w.is(view, err, wallet.TransactionReserved, wallet.PaymentReserved)
		if _, err := w.ConfirmTransaction(ctx, w.by(till), key, nil); err != nil {
			t.Fatal(err)
		}
		w.left(4000)
		if offer, err := w.ViewOffer(ctx, person(3), w.offers(eur(100)).Key); err != nil || offer.Suggests != "" {
			t.Errorf("offered in %q, %v", offer.Suggests, err)
		}
	})
}

// Many tills take at once: never more than the allowance lets them, by servers that share the database too.
func TestAllowanceIsNotTakenTwice(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		a := w.gaveInApp(allowed(1000))
		const tries = 40
		keys := make([]string, tries)
		callers := make([]wallet.Caller, tries)
		for i := range keys {
			keys[i] = w.offers(eur(100), func(n *service.NewTransaction) { n.UseAllowance = true }).Key
			callers[i] = w.by(till)
		}
		errs := make([]error, tries)
		crowd(tries, func(i int) { errs[i] = errorOf(w.takesFor(callers[i], keys[i])) })
		taken := 0
		for _, err := range errs {
			if err == nil {
				taken++
			} else {
				refuses(t, "the eleventh", err, wallet.LimitsExceeded)
			}
		}
		if taken != 10 {
			t.Errorf("%d took, want 10", taken)
		}
		w.counted(a.ID, 1000, 1000, wallet.AllowanceActive, "")
		if _, err := store.Verify(ctx, w.address, nil); err != nil {
			t.Error(err)
		}
	})
}

// A code says that it pays once, and shows no terms: it gives no allowance, asked for or suggested. What is asked for beside
// payments and may be declined is.
func TestACodeGivesNoAllowance(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		code := func() service.Reservation {
			made, err := w.MakeReserveCode(ctx, w.withToken(phone, 3))
			if err != nil {
				t.Fatal(err)
			}
			return service.Reservation{Payer: wallet.Contact{WalletID: 3}, Code: made.Code}
		}
		asked := w.asks(allowed(5000))
		_, err := w.ReserveTransaction(ctx, w.by(till), asked.Key, code())
		refuses(t, "an allowance by a code", err, wallet.InvalidState)
		if now := w.allowance(asked.ID); now.Status != wallet.AllowanceNew {
			t.Errorf("the allowance is %s", now.Status)
		}
		optional := func(n *service.NewTransaction) {
			terms := allowed(5000)
			n.Allowance, n.AllowanceOptional = &terms, true
		}
		held, err := w.ReserveTransaction(ctx, w.by(till), w.offers(eur(100), optional).Key, code())
		w.is(held, err, wallet.TransactionReserved, wallet.PaymentReserved)
		gives := code()
		gives.GiveAllowance = true
		_, err = w.ReserveTransaction(ctx, w.by(till), w.offers(eur(100), optional).Key, gives)
		refuses(t, "one that may be declined, by a code", err, wallet.InvalidState)
	})
}

// The transaction of what nobody agreed to vanishes, and the books are right before and after.
func TestAnAllowanceThatNobodyGaveIsDeleted(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		asked := w.asks(allowed(5000))
		for range 3 {
			w.business.Advance(31 * 24 * time.Hour)
			w.doDue()
			if err := w.Prune(ctx, operator); err != nil {
				t.Fatal(err)
			}
			w.balanced()
		}
		if now := w.allowance(asked.ID); now.Status != wallet.AllowanceDeleted {
			t.Errorf("it is %s", now.Status)
		}
	})
}

// A server whose clock is behind lets nothing through in a window that another one has left behind.
func TestALimitCountsInTheWindowOfTheServerThatIsAhead(t *testing.T) {
	given := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	a := &wallet.Allowance{Currency: "EUR", ValidUntil: given.Add(24 * time.Hour), Limits: []wallet.AllowanceLimit{{Max: 1000, Within: time.Hour}}}
	a.Confirm(given, 3)
	later, behind := given.Add(time.Hour), given.Add(time.Hour-100*time.Millisecond)
	if left := a.Left(behind); left != 1000 {
		t.Fatalf("at first %d are left", left)
	}
	a.Count(later, later, wallet.Draw{}, wallet.Draw{Spent: 400, Open: 400})
	if ahead, left := a.Left(later), a.Left(behind); ahead != 600 || left != 0 {
		t.Errorf("%d are left, and %d at the server that is behind", ahead, left)
	}
}

// Who repeats a DELETE is told the same, and the log of the ledger does not grow.
func TestRepeatingADeleteAddsNothingToTheLog(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		made := w.offers(eur(100))
		var leaves []int64
		for range 3 {
			view, err := w.RevokeTransaction(ctx, w.by(till), made.Key)
			w.is(view, err, wallet.TransactionDeleted, wallet.PaymentDeleted)
			seen, err := store.Verify(ctx, w.address, nil)
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, seen.Leaves)
		}
		if leaves[0] != leaves[2] {
			t.Errorf("the log has %v leaves", leaves)
		}
	})
}
