package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

const shopsCallback = "https://stall.example/callback"

// owing has the world owe callbacks, in a few words each.
func (w world) owing() *int {
	woken := new(int)
	w.Event = func(kind string, t service.TransactionView) ([]byte, error) {
		return fmt.Appendf(nil, "%s %s", kind, t.Key), nil
	}
	w.Owed = func() { *woken++ }
	return woken
}

// owed are the callbacks of a transaction, in their order, as type and address.
func (w world) owed(key string) (all []string) {
	w.t.Helper()
	views, _, err := w.ListCallbacks(ctx, operator, service.CallbackFilter{Key: key})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range slices.Backward(views) {
		if v.Event != fmt.Sprintf("%s %s", v.Type, key) || v.Number != int64(len(all)+1) {
			w.t.Errorf("callback %d tells %q, and it is of %s", v.Number, v.Event, v.Type)
		}
		all = append(all, string(v.Type)+" "+v.URI)
	}
	return all
}

func tellsAt(n *service.NewTransaction) { n.CallbackURI = shopsCallback }

// isTold expects what the till is told of a transaction, in its order.
func (w world) isTold(name, key string, types ...string) {
	w.t.Helper()
	for i := range types {
		types[i] += " " + shopsCallback
	}
	if got := w.owed(key); !slices.Equal(got, types) {
		w.t.Errorf("%s: the till is told %q, want %q", name, got, types)
	}
}

// done expects that something was done.
func (w world) done(_ service.TransactionView, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Rita pays in an app of hers, and others decide for the till: the till is told. It is not told what it does itself.
func TestWhatTheTillIsTold(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		woken, want, do := w.owing(), w.isTold, w.done
		inApp := w.offers(eur(100), tellsAt)
		do(w.paysInApp(inApp.Key))
		want("in an app", inApp.Key, "reserved")
		do(w.paysInApp(inApp.Key)) // says so again
		do(w.ConfirmTransaction(ctx, w.by(till), inApp.Key, nil))
		want("in an app, and confirmed by the till", inApp.Key, "reserved")
		if *woken != 1 {
			t.Errorf("the courier was woken %d times", *woken)
		}

		byPIN := w.offers(eur(100), tellsAt)
		do(w.ReserveTransaction(ctx, w.by(till), byPIN.Key, service.Reservation{Payer: wallet.Contact{WalletID: 3}, PIN: ritasPIN}))
		do(w.RevokeTransaction(ctx, w.by(till), byPIN.Key))
		want("by PIN at the till", byPIN.Key)

		byOther := w.offers(eur(100), tellsAt)
		do(w.paysInApp(byOther.Key))
		do(w.ConfirmTransaction(ctx, w.by(shop), byOther.Key, nil))
		want("confirmed by another client of the project", byOther.Key, "reserved", "confirmed")

		revoked := w.offers(eur(100), tellsAt)
		do(w.paysInApp(revoked.Key))
		do(w.RevokeTransaction(ctx, w.by(shop), revoked.Key))
		want("revoked by another client", revoked.Key, "reserved") // there is no event for that

		auto := w.offers(eur(100), tellsAt, func(n *service.NewTransaction) { n.AutoConfirm = true })
		do(w.paysInApp(auto.Key))
		want("confirmed by itself", auto.Key, "confirmed")
	})
}

// Rita refuses, has too little, or forgets; or who she pays has no account yet.
func TestWhatTheTillIsToldBesideYes(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		w.owing()
		want, do := w.isTold, w.done
		person := wallet.Caller{Kind: wallet.ByPerson, Person: 3}
		refused := w.offers(eur(100), tellsAt)
		do(w.RejectTransaction(ctx, person, refused.Key))
		do(w.RejectTransaction(ctx, person, refused.Key))
		want("refused on the page", refused.Key, "rejected")

		dear := w.offers(eur(50000), tellsAt, func(n *service.NewTransaction) { n.ReserveFor = 2 * time.Hour })
		do(w.paysInApp(dear.Key))
		w.gives(3, eur(50000))
		w.doDue()
		w.business.Advance(2 * time.Hour)
		w.doDue()
		want("too dear, then covered, then forgotten", dear.Key, "waiting_funds", "reserved", "failed")

		quiet := w.offers(eur(100), tellsAt, func(n *service.NewTransaction) { n.CallbackOff = true })
		do(w.paysInApp(quiet.Key))
		want("with callbacks off", quiet.Key)

		stranger := w.offers(eur(100), tellsAt, func(n *service.NewTransaction) {
			n.Payments[0].Beneficiary = wallet.Contact{Email: "nobody@example.com"}
		})
		do(w.paysInApp(stranger.Key))
		want("to somebody without an account", stranger.Key, "waiting_registration")
		if again, err := w.GetTransaction(ctx, w.by(till), dear.Key, false, false); err != nil || again.Callbacks != 3 {
			t.Errorf("the transaction counts %d callbacks, %v", again.Callbacks, err)
		}
	})
}

// Where a transaction names no address its project's is taken, as it is when something happens. The operator sets it.
func TestTheProjectsAddressForCallbacks(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		w.owing()
		pay := func(how ...func(*service.NewTransaction)) []string {
			t.Helper()
			return w.owed(w.reserved(eur(100), how...).Key)
		}
		if got := pay(); got != nil {
			t.Errorf("without any address: %q", got)
		}
		set := func(uri string, agreed bool) (service.Changed[wallet.Project], error) {
			return w.UpdateProject(ctx, operator, 1, service.ProjectChange{CallbackURI: &uri}, agreed)
		}
		for _, wrong := range []string{"ftp://stall.example", "stall.example", "https://", "http://stall.example/callback"} {
			if _, err := set(wrong, true); !isCode(err, wallet.InvalidParameters) {
				t.Errorf("%s: %v", wrong, err)
			}
		}
		if _, err := set("https://stall.example/default", false); err != nil {
			t.Fatal(err)
		}
		if got := pay(); !slices.Equal(got, []string{"reserved https://stall.example/default"}) {
			t.Errorf("with the project's address: %q", got)
		}
		if got := pay(tellsAt); !slices.Equal(got, []string{"reserved " + shopsCallback}) {
			t.Errorf("with its own: %q", got)
		}
		if got := pay(func(n *service.NewTransaction) { n.CallbackOff = true }); got != nil {
			t.Errorf("with none: %q", got)
		}
		if changed, err := set("", false); err != nil || !changed.Planned || len(changed.Losses) != 1 {
			t.Errorf("taking it away: %+v, %v", changed, err)
		}
		if _, err := set("", true); err != nil {
			t.Fatal(err)
		}
		if got := pay(); got != nil {
			t.Errorf("after it was taken away: %q", got)
		}
		if _, err := w.CreateTransaction(ctx, w.by(till), newTransaction(eur(1), func(n *service.NewTransaction) { n.CallbackURI = "http://stall.example" })); !isCode(err, wallet.InvalidParameters) {
			t.Errorf("an address over plain http: %v", err)
		}
		w.PlainCallbacks = true
		if got := pay(func(n *service.NewTransaction) { n.CallbackURI = "http://stall.example" }); !slices.Equal(got, []string{"reserved http://stall.example"}) {
			t.Errorf("over plain http: %q", got)
		}
	})
}

// collects takes the callbacks that are due, and returns what they tell.
func (w world) collects(room wallet.CallbackRoom) (all []string) {
	w.t.Helper()
	taken, err := w.TakeCallbacks(ctx, operator, room)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range taken {
		all = append(all, c.Event)
	}
	return all
}

// reports says what became of an attempt; another one is due in an hour, unless it is given up.
func (w world) reports(key string, number int64, outcome wallet.CallbackOutcome, giveUp bool) {
	w.t.Helper()
	id, _ := w.Box.Number(key)
	err := w.CallbackTried(ctx, operator, id, number, wallet.CallbackAttempt{Outcome: outcome, Took: time.Second}, func(int) (time.Duration, bool) { return time.Hour, giveUp })
	if err != nil {
		w.t.Fatal(err)
	}
}

// A callback that fails is tried until it is given up, holds back the later ones of its transaction and no others, and leaves
// again when the operator says so.
func TestTheOutboxOfCallbacks(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		w.owing()
		first := w.offers(eur(90000), tellsAt)
		if _, err := w.paysInApp(first.Key); err != nil { // waiting_funds
			t.Fatal(err)
		}
		roomy, take := wallet.CallbackRoom{Total: 10, PerHost: 10, PerProject: 10}, w.collects
		report := func(number int64, outcome wallet.CallbackOutcome, giveUp bool) {
			t.Helper()
			w.reports(first.Key, number, outcome, giveUp)
		}
		if got := take(wallet.CallbackRoom{Total: 10, PerHost: 2, PerProject: 10, Hosts: map[string]int{"stall.example": 0}}); got != nil {
			t.Errorf("a receiver that is busy is sent %q", got)
		}
		if got := take(roomy); !slices.Equal(got, []string{"waiting_funds " + first.Key}) {
			t.Errorf("there leave %q", got)
		}
		if got := take(roomy); got != nil {
			t.Errorf("%q leave twice", got)
		}
		w.wall.Advance(3 * time.Minute) // whoever had it is gone
		if got := take(roomy); len(got) != 1 {
			t.Errorf("after its lease there leave %q", got)
		}
		report(1, wallet.CallbackInterrupted, false)
		if got := take(roomy); len(got) != 1 {
			t.Errorf("after it was interrupted there leave %q", got)
		}
		w.gives(3, eur(90000))
		w.doDue() // reserved
		report(1, wallet.CallbackRefused, false)
		other := w.reserved(eur(100), tellsAt)
		if got := take(roomy); !slices.Equal(got, []string{"reserved " + other.Key}) {
			t.Errorf("while the first is held back there leave %q", got)
		}
		w.business.Advance(time.Hour)
		if got := take(roomy); !slices.Equal(got, []string{"waiting_funds " + first.Key}) {
			t.Errorf("an hour later there leave %q", got)
		}
		report(1, wallet.CallbackTimeout, true) // given up
		if got := take(roomy); !slices.Equal(got, []string{"reserved " + first.Key}) {
			t.Errorf("after it was given up there leave %q", got)
		}
		report(2, wallet.CallbackDelivered, false)
		views, err := w.InspectCallbacks(ctx, operator, first.Key)
		if err != nil || len(views) != 2 || len(views[0].Tries) != 2 || views[0].Delivered || views[0].EndedAt.IsZero() || !views[1].Delivered {
			t.Errorf("there is on record %+v, %v", views, err)
		}
		if err := w.SendCallback(ctx, operator, first.Key, 1); err != nil {
			t.Fatal(err)
		}
		if got := take(roomy); !slices.Equal(got, []string{"waiting_funds " + first.Key}) {
			t.Errorf("when the operator says so there leave %q", got)
		}
		report(1, wallet.CallbackDelivered, false)
		report(1, wallet.CallbackRefused, false) // said by a process that had it before: it has arrived all the same
		if err := w.SendCallback(ctx, operator, first.Key, 7); !isCode(err, wallet.NotFound) {
			t.Errorf("one that there is not: %v", err)
		}
		id, _ := w.Box.Number(first.Key)
		trail, err := w.AuditTrail(ctx, operator, "transaction", id, 10)
		if err != nil || len(trail) != 1 || trail[0].Action != "send callback 1" {
			t.Errorf("the audit trail says %+v, %v", trail, err)
		}
		w.forgets(first.Key, other.Key)
	})
}

// forgets expects that what was delivered is forgotten after a month, and what waits is not.
func (w world) forgets(gone, stays string) {
	w.t.Helper()
	w.business.Advance(31 * 24 * time.Hour)
	if err := w.Prune(ctx, operator); err != nil {
		w.t.Fatal(err)
	}
	if got := w.owed(gone); got != nil {
		w.t.Errorf("after a month there are %q", got)
	}
	if got := w.owed(stays); len(got) == 0 {
		w.t.Error("what waits was forgotten")
	}
	n, oldest, err := w.db.CallbacksWaiting(ctx)
	if err != nil || n == 0 || oldest.IsZero() {
		w.t.Errorf("%d wait, since %s, %v", n, oldest, err)
	}
}

// Two servers that share a database send each callback once between them.
func TestTwoServersShareTheOutbox(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		if strings.HasPrefix(w.address, "sqlite:") {
			return // one process has the file
		}
		w.owing()
		var keys []string
		for range 20 {
			keys = append(keys, w.reserved(eur(1), tellsAt).Key)
		}
		other := newServer(t, w.address, w.wall, w.business)
		taken := make(chan []wallet.Callback)
		for _, server := range []*service.Service{w.Service, other.Service} {
			go func() {
				var all []wallet.Callback
				for range 20 {
					some, err := server.TakeCallbacks(ctx, operator, wallet.CallbackRoom{Total: 2, PerHost: 2, PerProject: 2})
					if err != nil {
						t.Error(err)
					}
					all = append(all, some...)
				}
				taken <- all
			}()
		}
		seen := map[int64]int{}
		for _, c := range append(<-taken, <-taken...) {
			seen[c.TransactionID]++
		}
		for _, key := range keys {
			if id, _ := w.Box.Number(key); seen[id] != 1 {
				t.Errorf("callback of %s was taken %d times", key, seen[id])
			}
		}
	})
}

// The key that signs is made once, whoever asks first, and is stored sealed.
func TestTheKeyOfCallbacks(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		anybody := wallet.Caller{Kind: wallet.Anonymous}
		public, err := w.PublicKeys(ctx, anybody)
		if err != nil {
			t.Fatal(err)
		}
		key, err := w.CallbackKey(ctx, operator)
		if err != nil {
			t.Fatal(err)
		}
		if of, err := secret.PublicRSAKeys(key); err != nil || string(of) != string(public) {
			t.Errorf("%s is published for a key with %s, %v", public, of, err)
		}
		stored, err := w.db.Setting(ctx, "callback keys")
		if err != nil || len(stored) == 0 || strings.Contains(string(stored), key.Reveal()[60:90]) {
			t.Errorf("the key is not sealed, %v", err)
		}
		if _, err := w.CallbackKey(ctx, anybody); !isCode(err, wallet.Forbidden) {
			t.Errorf("anybody is given the key: %v", err)
		}
		if _, err := w.RotateCallbackKey(ctx, w.by(manager)); !isCode(err, wallet.Forbidden) {
			t.Errorf("a client makes another key: %v", err)
		}
	})
}

// A batch of many events costs one statement more than one of none.
func TestCallbacksCostOneStatement(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		cost := func(uri string) int64 {
			asked := w.offers(eur(100), func(n *service.NewTransaction) { n.CallbackURI = uri })
			caller := w.withToken(phone, 3)
			if _, err := w.GetTransaction(ctx, w.by(till), asked.Key, false, false); err != nil {
				t.Fatal(err)
			}
			before := w.db.Statements()
			if _, err := w.ReserveTransaction(ctx, caller, asked.Key, service.Reservation{}); err != nil {
				t.Fatal(err)
			}
			return w.db.Statements() - before
		}
		cost("") // warms up
		plain := cost("")
		w.owing()
		cost("")
		if got := cost(""); got != plain {
			t.Errorf("without an address a payment costs %d statements, %d before", got, plain)
		}
		if got := cost(shopsCallback); got > plain+1 {
			t.Errorf("with one it costs %d statements, %d without", got, plain)
		}
	})
}

func isCode(err error, code wallet.Code) bool {
	known, ok := err.(*wallet.Error)
	return ok && known.Code == code
}
