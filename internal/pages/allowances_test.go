package pages_test

import (
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// yearOfAnAllowance is what Petras agrees to: 50 euros in all, 20 within a week, for a year, at place 456.
const (
	week = 7 * 24 * time.Hour
	year = 365 * 24 * time.Hour
)

// subscriber is the stall, which takes from Petras's wallet by his allowance, at a place or at none.
type subscriber struct {
	w     world
	place int64
}

func (s subscriber) calls() wallet.Caller {
	c := s.w.by(stall)
	if s.place != 0 {
		c.ProjectID, c.LocationID = 1, s.place
	}
	return c
}

// takes makes a transaction and takes the money for it; it is confirmed at once.
func (s subscriber) takes(minor int64) error {
	n := service.NewTransaction{Payments: []service.NewPayment{{Payment: wallet.Payment{Description: "Bread", Price: euros(minor)}}}}
	n.UseAllowance, n.AutoConfirm = true, true
	asked, err := s.w.CreateTransaction(ctx, s.calls(), n)
	if err != nil {
		return err
	}
	_, err = s.w.ReserveTransaction(ctx, s.calls(), asked.Key, service.Reservation{Payer: wallet.Contact{WalletID: 4}})
	return err
}

// asks has the stall ask for an allowance, and returns where Petras is asked.
func (s subscriber) asks(a wallet.Allowance) (service.AllowanceView, string) {
	s.w.t.Helper()
	view, err := s.w.CreateAllowance(ctx, s.calls(), service.NewAllowance{Allowance: a})
	if err != nil {
		s.w.t.Fatal(err)
	}
	return view, "/frontend/wallet/confirm/" + view.Key
}

func (s subscriber) is(id int64, status wallet.AllowanceStatus, end wallet.AllowanceEnd) {
	s.w.t.Helper()
	a, err := s.w.GetAllowance(ctx, s.calls(), id)
	if err != nil || a.Status != status || a.End != end {
		s.w.t.Fatalf("allowance %d is %+v (%v), want %s (%s)", id, a.Allowance, err, status, end)
	}
}

func (s subscriber) refused(what string, err error, code wallet.Code) {
	s.w.t.Helper()
	if known, ok := err.(*wallet.Error); !ok || known.Code != code {
		s.w.t.Errorf("%s: answered %v, want %s", what, err, code)
	}
}

func (s subscriber) due() {
	s.w.t.Helper()
	if _, err := s.w.DoDue(ctx, operator); err != nil {
		s.w.t.Fatal(err)
	}
}

// The life of allowances over a year: Petras gives one to the stall on the page, who takes money without asking, no more
// than he agreed to within a week, and only at place 456, until all of it was paid. Another one lasts until its time is
// over, and a third one until he takes it back.
func TestTheYearOfAnAllowance(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		begun := time.Now()
		petras := w.signedIn("en", petrasEmail, petrasPassword)
		begin := w.business.Now()
		if _, err := w.CreateLocation(ctx, operator, wallet.Location{ID: 456, ProjectID: 1, Title: wallet.Text{"en": "Corner", "lt": "Kampas"}, Address: wallet.Text{"en": "Pilies g. 1"}, Status: wallet.Active}); err != nil {
			t.Fatal(err)
		}
		here, nowhere := subscriber{w, 456}, subscriber{w, 0}
		agrees := func(path string) {
			t.Helper()
			petras.answers(path, "pay", "wallet", "4", "payment_pin", petrasPIN).leads(path)
			petras.get(path).shows(200, "You have agreed")
		}
		first, path := here.asks(wallet.Allowance{Description: "Bread each day", Currency: "EUR", Max: 50_00,
			Limits: []wallet.AllowanceLimit{{Max: 20_00, Within: week}}, ValidFor: year, Locations: []int64{456}})
		petras.get(path).shows(200, "What Stall & Co wants to take without asking you each time", "Bread each day", "Up to 50.00 EUR in all.",
			"Up to 20.00 EUR within 7 days.", "For 365 days from when you agree.", "Only at: Corner.", "Place: Corner", "Agree").hides("Total:")
		petras.get("/frontend/lt"+path[len("/frontend"):]).shows(200, "Iš viso ne daugiau kaip 50,00 EUR.", "Tik čia: Kampas.", "Sutikti")
		here.refused("before he agrees", here.takes(1_00), wallet.InvalidState)
		agrees(path)
		here.is(first.ID, wallet.AllowanceActive, "")

		if err := here.takes(15_00); err != nil {
			t.Fatal(err)
		}
		here.refused("more than a week's", here.takes(5_01), wallet.LimitsExceeded)
		here.refused("from no place", nowhere.takes(1_00), wallet.InvalidState)
		petras.get("/frontend/apps").shows(200, "Payments without asking", "Stall & Co may take money without asking you", "Taken so far: 15.00 EUR.")
		w.business.Advance(week)
		if err := here.takes(20_00); err != nil {
			t.Fatal(err)
		}
		w.business.Advance(20 * week)
		here.due()
		here.refused("more than all", here.takes(15_01), wallet.LimitsExceeded)
		if err := here.takes(15_00); err != nil {
			t.Fatal(err)
		}
		here.is(first.ID, wallet.AllowanceInactive, wallet.AllowanceExhausted)
		here.refused("when all is paid", here.takes(1), wallet.InvalidState)
		if got := w.available(4); got != 100_00-50_00 {
			t.Errorf("Petras has %d left", got)
		}

		second, path := here.asks(wallet.Allowance{Currency: "EUR", Limits: []wallet.AllowanceLimit{{Max: 1_00, Within: week}}, ValidUntil: begin.Add(year)})
		petras.get(path).shows(200, "Until ")
		agrees(path)
		if err := nowhere.takes(1_00); err != nil {
			t.Error(err)
		}
		w.business.Advance(begin.Add(year).Sub(w.business.Now()))
		here.refused("a year after", here.takes(1), wallet.InvalidState)
		here.due()
		here.is(second.ID, wallet.AllowanceInactive, wallet.AllowanceExpired)

		third, path := here.asks(wallet.Allowance{Currency: "EUR", Max: 1_00})
		agrees(path)
		page := petras.get("/frontend/apps")
		petras.post(page.link("/allowances/")).leads("/frontend/apps?notice=allowance-canceled")
		petras.get("/frontend/apps?notice=allowance-canceled").shows(200, "You took it back.", "You have agreed to none.")
		here.is(third.ID, wallet.AllowanceInactive, wallet.AllowanceCanceled)
		here.refused("when he took it back", here.takes(1), wallet.InvalidState)
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("the year took %s, want two seconds at most", took)
		}
		w.proven()
	})
}

// Beside a payment Petras ticks a box, or does not; a shop that suggests one is told how much, and what cannot be read is
// said beside the field.
func TestAllowancesBesideAPayment(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		petras := w.signedIn("en", petrasEmail, petrasPassword)
		stands := func(asked service.TransactionView, want wallet.AllowanceStatus) {
			t.Helper()
			if _, err := w.ConfirmTransaction(ctx, w.by(stall), asked.Key, nil); err != nil {
				t.Fatal(err)
			}
			if view, err := w.GetTransaction(ctx, w.by(stall), asked.Key, false, false); err != nil || view.Allowance == nil || view.Allowance.Status != want {
				t.Errorf("the allowance is %+v (%v), want %s", view.Allowance, err, want)
			}
		}
		optional := func(n *service.NewTransaction) {
			n.Allowance = &service.NewAllowance{Allowance: wallet.Allowance{Currency: "EUR", Max: 7_00}}
			n.AllowanceOptional = true
		}
		declined := w.asks(optional)
		petras.get(payPath(declined)).shows(200, "Up to 7.00 EUR in all.", "I agree to that.", "(you choose)", "Total: 25.99 EUR").hides(`value="yes" checked`)
		petras.answers(payPath(declined), "pay", "wallet", "4", "payment_pin", petrasPIN).leads(shopBack)
		stands(declined, wallet.AllowanceDeleted)
		given := w.asks(optional)
		petras.answers(payPath(given), "pay", "wallet", "4", "payment_pin", "0000", "allowance", "yes").shows(400).has(`value="yes" checked`)
		petras.answers(payPath(given), "pay", "wallet", "4", "payment_pin", petrasPIN, "allowance", "yes").leads(shopBack)
		stands(given, wallet.AllowanceActive)

		suggested := w.asks(func(n *service.NewTransaction) { n.SuggestAllowance = true })
		petras.get(payPath(suggested)).shows(200, "How much may Stall & Co take without asking you, in EUR, within the next 30 days?")
		if petras.answers(payPath(suggested), "pay", "wallet", "4", "payment_pin", petrasPIN, "suggested", "much").shows(400); petras.at.mistake("suggested") == "" {
			t.Error("an amount that cannot be read is not marked")
		}
		petras.answers(payPath(suggested), "pay", "wallet", "4", "payment_pin", petrasPIN, "suggested", "12,50").leads(shopBack)
		stands(suggested, wallet.AllowanceActive)
		if a, err := w.GetActiveAllowance(ctx, w.by(stall), 4); err != nil || a.Amount(a.Max) != (money.Amount{Minor: 12_50, Currency: "EUR"}) {
			t.Errorf("he gave %+v (%v)", a.Allowance, err)
		}
		together := w.asks(func(n *service.NewTransaction) { optional(n); n.AllowanceOptional = false })
		petras.get(payPath(together)).shows(200, "It belongs to this payment")
		w.proven()
	})
}

// proven expects that all that is stored follows from the journal.
func (w world) proven() {
	w.t.Helper()
	if _, err := store.Verify(ctx, w.address, nil); err != nil {
		w.t.Error(err)
	}
}
