package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// mostDeals bounds the transactions of a history.
const mostDeals = 32

// vouchers are how many codes a history has by which cash is handed out: one of each dealer but the host, since who makes
// another one replaces it.
const vouchers = 2

// state is what must be known of the world to tell what a call is answered: the funds of the dealers, available and
// reserved, what each still lets the till take, the status of each deal's payment, and which codes have paid.
type state struct {
	funds  [3][2]int64
	left   [3]int64
	status [mostDeals]wallet.PaymentStatus
	used   [vouchers]bool
}

// bargain is a deal of a history: a transaction with one payment.
type bargain struct {
	number   int
	from, to int
	minor    int64
	// frozen ones can be canceled.
	frozen  bool
	how     yes
	key     string
	payment int64
}

// voucher is a code that a dealer made, by which the market hands out so much cash, once.
type voucher struct {
	number, dealer int
	minor          int64
	code           string
}

// The calls of a history.
const (
	reserves = "reserve"
	confirms = "confirm"
	revokes  = "revoke"
	cancels  = "cancel"
	reads    = "read"
	credits  = "credit"
	balances = "balance"
	paysIn   = "cash in"
	paysOut  = "cash out"
	// goesOn is nobody's call: what waits for funds may be reserved at any time, once they are there.
	goesOn = "go on"
)

// asked is a call: about a deal, or about a dealer's wallet.
type asked struct {
	what    string
	deal    *bargain
	voucher *voucher
	dealer  int
	// minor is how much is put in, and reason that of a credit, which no other one has.
	minor  int64
	reason string
	// server is where it went, and number tells it from all others.
	server, number int
}

// told is its answer: a code of refusal, or the status of the payment, or funds; for a credit those that are available.
type told struct {
	code   wallet.Code
	status wallet.PaymentStatus
	funds  [2]int64
	// payment is that of cash.
	payment int64
	// unknown is a call without an answer: it may have taken effect, once, or not.
	unknown bool
}

// posted names what the journal has of a payment, and after is what it says that the accounts then held, in the parts that
// were touched.
type (
	posted struct {
		payment int64
		kind    string
	}
	after struct{ debit, credit int64 }
)

// rules are how the calls of a history may be answered. The journal is evidence: a movement has its place where the accounts
// held just what it says. That also keeps the search for an order of the calls short.
type rules struct{ journal map[posted]after }

// post moves money of a payment between parts of the dealers' accounts, where the journal agrees.
func (r *rules) post(s *state, payment, minor int64, kind string, from, fromPart, to, toPart int) bool {
	s.funds[from][fromPart] -= minor
	s.funds[to][toPart] += minor
	at, ok := r.journal[posted{payment, kind}]
	return ok && at == after{s.funds[from][fromPart], s.funds[to][toPart]}
}

const available, reserved = 0, 1

// accept is what a payer's yes does; no says that the journal contradicts it.
func (r *rules) accept(s *state, b *bargain) (code wallet.Code, ok bool) {
	status := &s.status[b.number]
	switch *status {
	case wallet.PaymentNew:
		switch {
		case b.how == byAllowance && s.left[b.from] < b.minor:
			return wallet.LimitsExceeded, true
		case s.funds[b.from][available] >= b.minor:
			*status = wallet.PaymentReserved
			if b.how == byAllowance {
				s.left[b.from] -= b.minor
			}
			return "", r.post(s, b.payment, b.minor, "hold", b.from, available, b.from, reserved)
		case b.how != byApp:
			return wallet.NotEnoughFunds, true
		}
		*status = wallet.PaymentWaiting
		return "", true
	case wallet.PaymentRevoked, wallet.PaymentDeleted:
		return wallet.InvalidState, true
	}
	return "", true // said again
}

// move is what the shop's calls do.
func (r *rules) move(s *state, b *bargain, what string) (code wallet.Code, ok bool) {
	status := &s.status[b.number]
	becomes := func(next wallet.PaymentStatus) { *status = next }
	post := func(kind string, from, fromPart, to, toPart int) (wallet.Code, bool) {
		return "", r.post(s, b.payment, b.minor, kind, from, fromPart, to, toPart)
	}
	givesBack := func() {
		if b.how == byAllowance {
			s.left[b.from] += b.minor
		}
	}
	switch was := *status; {
	case what == confirms && was == wallet.PaymentReserved && b.frozen:
		becomes(wallet.PaymentConfirmed)
		return post(wallet.KindTransfer, b.from, reserved, b.to, reserved)
	case what == confirms && was == wallet.PaymentReserved:
		becomes(wallet.PaymentDone)
		return post(wallet.KindTransfer, b.from, reserved, b.to, available)
	case what == revokes && was == wallet.PaymentReserved:
		becomes(wallet.PaymentRevoked)
		givesBack()
		return post("release", b.from, reserved, b.from, available)
	case what == cancels && was == wallet.PaymentConfirmed:
		becomes(wallet.PaymentCanceled)
		givesBack()
		return post(wallet.KindReturn, b.to, reserved, b.from, available)
	case what == revokes && was == wallet.PaymentNew:
		becomes(wallet.PaymentDeleted)
	case what == revokes && was == wallet.PaymentWaiting:
		becomes(wallet.PaymentRevoked)
	case what == confirms && (was == wallet.PaymentConfirmed || was == wallet.PaymentDone || was == wallet.PaymentCanceled),
		what == revokes && (was == wallet.PaymentRevoked || was == wallet.PaymentDeleted),
		what == cancels && was == wallet.PaymentCanceled: // said again
	default:
		return wallet.InvalidState, true
	}
	return "", true
}

// cash is what a till does: it pays in from the market's own wallet, and hands out for a voucher, each at once.
func (r *rules) cash(s *state, a asked, payment int64) (code wallet.Code, ok bool) {
	from, to, minor := host, a.dealer, a.minor
	if v := a.voucher; v != nil {
		if s.used[v.number] {
			return wallet.InvalidCode, true
		}
		from, to, minor = v.dealer, host, v.minor
	}
	if s.funds[from][available] < minor {
		return wallet.NotEnoughFunds, true
	}
	if a.voucher != nil {
		s.used[a.voucher.number] = true
	}
	return "", r.post(s, payment, minor, "hold", from, available, from, reserved) &&
		r.post(s, payment, minor, wallet.KindCash, from, reserved, to, available)
}

// host is the dealer whose wallet is the market's.
const host = 1

// step says whether a call can have been answered like that in a state, and what state follows.
func (r *rules) step(before, input, output any) (bool, any) {
	s, a, got := before.(state), input.(asked), output.(told)
	var code wallet.Code
	ok := true
	switch a.what {
	case balances:
		return got.unknown || got.funds == s.funds[a.dealer], before
	case reads:
		return got.unknown || got.status == s.status[a.deal.number], before
	case credits:
		s.funds[a.dealer][available] += a.minor
		if r.journal[posted{kind: a.reason}].credit == s.funds[a.dealer][available] {
			return got.unknown || got.funds[available] == s.funds[a.dealer][available], s
		}
		return got.unknown, before
	case paysIn, paysOut:
		code, ok = r.cash(&s, a, got.payment)
		switch {
		case code != "":
			return got.code == code, before
		case got.unknown:
			return true, before // a history has none
		}
		return ok && got.code == "" && got.status == wallet.PaymentDone, s
	case goesOn:
		if s.status[a.deal.number] != wallet.PaymentWaiting {
			return got.unknown, before
		}
		s.status[a.deal.number] = wallet.PaymentNew
		_, ok = r.accept(&s, a.deal)
		got.status = wallet.PaymentReserved
	case reserves:
		code, ok = r.accept(&s, a.deal)
	default:
		code, ok = r.move(&s, a.deal, a.what)
	}
	switch {
	case got.unknown && !ok:
		return true, before
	case code != "":
		return got.unknown || got.code == code, before
	}
	return ok && (got.unknown || got.code == "" && got.status == s.status[a.deal.number]), s
}

// history is what clients did at the same time, and what they were told.
type history struct {
	*market
	servers []*process
	deals   []*bargain
	// vouchers are codes for cash.
	vouchers []*voucher
	first    state
	began    time.Time
	mu       sync.Mutex
	calls    []porcupine.Operation
	// unknown counts the calls that were not answered, short those that were told of too little money, exceeded those of an
	// allowance that leaves too little, and spent those of a code that had paid already.
	unknown, short, exceeded, spent int
}

// newHistory makes deals that nobody has accepted. Paula's wallet can pay for less than half of what is wanted of it.
func (m *market) newHistory(t *testing.T, servers []*process, deals int) *history {
	t.Helper()
	h := &history{market: m, servers: servers, began: time.Now()}
	for i, d := range m.dealers {
		funds, err := servers[0].funds(d)
		if err != nil {
			t.Fatal(err)
		}
		h.first.funds[i] = funds
	}
	most := max(8*h.first.funds[0][available]/int64(deals), 10_000)
	for i := range deals {
		b := &bargain{number: i, minor: 1 + rand.Int64N(most), frozen: rand.IntN(2) == 0, to: 1 + rand.IntN(2)}
		b.how = []yes{byApp, byApp, byApp, byPIN, byAllowance, byAllowance}[rand.IntN(6)]
		if rand.IntN(3) == 0 {
			b.from, b.to = b.to, b.from
		}
		made, err := h.server().propose(m.shop, "", fmt.Sprint("Deal ", i), m.dealers[b.to].wallet, b.minor, b.frozen)
		if err != nil {
			t.Fatal(err)
		}
		b.key, b.payment, h.first.status[i] = made.TransactionKey, made.Payments[0].ID, wallet.PaymentNew
		h.deals = append(h.deals, b)
	}
	for i, d := range m.dealers {
		h.first.left[i] = 1 + rand.Int64N(2*most)
		if err := h.server().allow(m.shop, d, h.first.left[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range vouchers {
		v := &voucher{number: i, dealer: 2 * i, minor: 1 + rand.Int64N(most)}
		made, err := h.server().as(m.dealers[v.dealer].token).MakeReserveCode(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		v.code = made.Code
		h.vouchers = append(h.vouchers, v)
	}
	return h
}

func (h *history) server() *process { return h.servers[rand.IntN(len(h.servers))] }

// call makes one call and notes it.
func (h *history) call(client int, a asked) {
	a.server = rand.IntN(len(h.servers))
	called := time.Since(h.began)
	answer, err := h.send(h.servers[a.server], a)
	returned := time.Since(h.began).Nanoseconds()
	var refused *walletapi.APIError
	switch {
	case errors.As(err, &refused) && refused.Code == string(wallet.RateLimitExceeded):
		return // too many tries at a PIN at once: nothing happened
	case errors.As(err, &refused) && refused.Status < 500:
		answer.code = wallet.Code(refused.Code)
	case err != nil:
		answer.unknown, returned = true, math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if answer.unknown {
		h.unknown++
	}
	switch {
	case answer.code == wallet.NotEnoughFunds || answer.status == wallet.PaymentWaiting:
		h.short++
	case answer.code == wallet.LimitsExceeded:
		h.exceeded++
	case answer.code == wallet.InvalidCode:
		h.spent++
	}
	a.number = len(h.calls) + 1
	h.calls = append(h.calls, porcupine.Operation{ClientId: client, Input: a, Call: called.Nanoseconds(), Output: answer, Return: returned})
}

// act is one call of a client, of any sort.
func (h *history) act(client int) {
	a := asked{deal: h.deals[rand.IntN(len(h.deals))]}
	switch n := rand.IntN(100); {
	case n < 30:
		a.what = reserves
	case n < 50:
		a.what = confirms
	case n < 57:
		a.what = revokes
	case n < 64:
		a.what = cancels
	case n < 74:
		a.what = reads
	case n < 78:
		a = asked{what: paysOut, voucher: h.vouchers[rand.IntN(len(h.vouchers))]}
	case n < 80:
		a = asked{what: paysIn, dealer: 2 * rand.IntN(2), minor: 1 + rand.Int64N(10_000)}
	case n < 82:
		a = asked{what: credits, minor: 1 + rand.Int64N(10_000), reason: fmt.Sprint("Credit ", rand.Int64())}
	default:
		a = asked{what: balances, dealer: max(rand.IntN(6)-3, 0)}
	}
	h.call(client, a)
}

// run has clients call at the same time. Afterwards one takes back what is open, and asks each server what is left.
func (h *history) run(clients, each int) {
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for range each {
				h.act(client)
			}
		})
	}
	all.Wait()
	for _, b := range h.deals {
		h.call(0, asked{what: revokes, deal: b})
		h.call(0, asked{what: cancels, deal: b})
	}
	for dealer := range h.dealers {
		for range 2 * len(h.servers) {
			h.call(0, asked{what: balances, dealer: dealer})
		}
	}
}

// readJournal reads what the entries of the history's deals and credits say.
func (h *history) readJournal(t *testing.T) map[posted]after {
	t.Helper()
	db := behind(t, h.address)
	defer db.Close()
	first := h.deals[0].payment
	for _, b := range h.deals {
		first = min(first, b.payment) // each server numbers its own
	}
	rows, err := db.Query(`SELECT payment_id, CASE WHEN payment_id = 0 THEN details ELSE kind END, debit_after, credit_after
		FROM entries WHERE payment_id = 0 OR payment_id >= $1`, first)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	journal := map[posted]after{}
	for rows.Next() {
		var p posted
		var a after
		if err := rows.Scan(&p.payment, &p.kind, &a.debit, &a.credit); err != nil {
			t.Fatal(err)
		}
		journal[p] = a
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return journal
}

// checkOutbox holds what the till is told against the journal: of each deal that a dealer accepted in their app, once that it was
// reserved if it ever was, and once at most that it waits; of what the till did itself nothing.
func (h *history) checkOutbox(t *testing.T, journal map[posted]after) {
	t.Helper()
	db := behind(t, h.address)
	defer db.Close()
	told := map[string]map[string]int{}
	rows, err := db.Query(`SELECT event FROM callbacks ORDER BY transaction_id, number`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var event walletapi.Event
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &event); err != nil {
			t.Fatal(err)
		}
		key, what := event.Data.TransactionKey, event.Type
		if told[key] == nil {
			told[key] = map[string]int{}
		}
		if told[key][what]++; what == "waiting_funds" && told[key]["reserved"] > 0 {
			t.Errorf("the till is told that %s waits after it was told that it is reserved", key)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, b := range h.deals {
		want := 0
		if _, held := journal[posted{b.payment, "hold"}]; held && b.how == byApp {
			want = 1
		}
		if got := told[b.key]; got["reserved"] != want || got["waiting_funds"] > 1 || b.how != byApp && len(got) > 0 {
			t.Errorf("the till is told %v of %+v, want to be told %d times that it is reserved", got, *b, want)
		}
	}
}

// goingOn adds what happened by itself: reservations of deals that waited for funds.
func (h *history) goingOn(journal map[posted]after) {
	for _, b := range h.deals {
		if _, held := journal[posted{b.payment, "hold"}]; !held {
			continue
		}
		by := porcupine.Operation{Input: asked{what: goesOn, deal: b}, Output: told{unknown: true}, Call: math.MaxInt64, Return: math.MaxInt64}
		for _, c := range h.calls {
			a, got := c.Input.(asked), c.Output.(told)
			if a.what == reserves && a.deal == b && (got.unknown || got.status == wallet.PaymentWaiting) {
				by.Call = min(by.Call, c.Call)
				if !got.unknown {
					by.Output = told{}
				}
			}
		}
		if by.Call < math.MaxInt64 {
			h.calls = append(h.calls, by)
		}
	}
}

// delayed are the calls of a history, each made as late as an order of them allows: a history that is harder to explain than
// the real one, and quickly explained. Porcupine tries calls in the order in which they were made, and among sixty-four at once it takes
// years to find that many which were refused came before one that was accepted. Where there is no order, late is nil, and longest is as
// much of one as was found.
func (r *rules) delayed(first state, calls []porcupine.Operation) (late []porcupine.Operation, longest []int) {
	o := &ordering{rules: r, calls: calls, done: make([]byte, len(calls)), failed: map[string]bool{}}
	if !o.from(first) {
		return nil, o.longest
	}
	const room = 1 << 10 // for calls at the same time
	late = slices.Clone(calls)
	now := int64(0)
	for _, i := range o.order {
		c := &late[i]
		now = max(now+1, c.Call*room)
		c.Call = now
		if c.Return < math.MaxInt64 {
			c.Return = c.Return*room + room - 1
		}
	}
	return late, nil
}

// ordering is the search for an order. What changes nothing is put where it fits first, by which nothing is lost: only calls that
// change something are tried in turn.
type ordering struct {
	*rules
	calls []porcupine.Operation
	// done marks those that were placed, and failed the sets of them after which nothing fits.
	done   []byte
	failed map[string]bool
	// tried counts the states that were looked at.
	tried int
	// order is what was placed so far, longest the longest that ever was.
	order, longest []int
}

// mostTried bounds that search: one that is so long finds nothing any more.
const mostTried = 100_000

// from puts the rest of the calls into an order, from a state on.
func (o *ordering) from(s state) bool {
	placed := len(o.order)
	undo := func() bool {
		for _, i := range o.order[placed:] {
			o.done[i] = 0
		}
		o.order = o.order[:placed]
		return false
	}
	for again := true; again; {
		again = false
		end := o.end()
		for i, c := range o.calls {
			if o.done[i] != 0 || c.Call > end || c.Return == math.MaxInt64 && end < math.MaxInt64 {
				continue
			}
			if ok, after := o.step(s, c.Input, c.Output); ok && after.(state) == s {
				o.done[i], again = 1, true
				o.order = append(o.order, i)
			}
		}
	}
	if len(o.order) > len(o.longest) {
		o.longest = slices.Clone(o.order)
	}
	key := string(o.done)
	if o.tried++; o.failed[key] || o.tried > mostTried {
		return undo()
	}
	end, left := o.end(), false
	for i, c := range o.calls {
		left = left || o.done[i] == 0
		if o.done[i] != 0 || c.Call > end {
			continue
		}
		if ok, after := o.step(s, c.Input, c.Output); ok && after.(state) != s {
			o.done[i], o.order = 1, append(o.order, i)
			if o.from(after.(state)) {
				return true
			}
			o.done[i], o.order = 0, o.order[:len(o.order)-1]
		}
	}
	if !left {
		return true
	}
	o.failed[key] = true
	return undo()
}

// end is when the first of the calls that are left was answered.
func (o *ordering) end() int64 {
	end := int64(math.MaxInt64)
	for i, c := range o.calls {
		if o.done[i] == 0 {
			end = min(end, c.Return)
		}
	}
	return end
}

// orderLimit is how long an order of the calls is looked for.
const orderLimit = 5 * time.Second

// check looks for an order of all calls, each between when it was made and when it was answered, in which the rules give
// just those answers.
func (h *history) check(t *testing.T) {
	t.Helper()
	r := &rules{journal: h.readJournal(t)}
	h.checkOutbox(t, r.journal)
	h.goingOn(r.journal)
	seed := maphash.MakeSeed()
	model := porcupine.Model{
		Init: func() any { return h.first }, Step: r.step,
		Hash: func(s any) uint64 { return maphash.Comparable(seed, s.(state)) },
	}
	late, longest := r.delayed(h.first, h.calls)
	if late != nil && porcupine.CheckOperationsTimeout(model, late, orderLimit) == porcupine.Ok {
		return
	}
	if result := porcupine.CheckOperationsTimeout(model, h.calls, orderLimit); result != porcupine.Ok {
		t.Fatalf("porcupine says %s: no order of these %d calls explains their answers.\n%s", result, len(h.calls), h.tell(r, longest))
	}
}

// tell tells the history: as far as the longest order that was found explains it, and then the rest.
func (h *history) tell(r *rules, longest []int) string {
	var text strings.Builder
	var at any = h.first
	for _, i := range longest {
		_, at = r.step(at, h.calls[i].Input, h.calls[i].Output)
		fmt.Fprintf(&text, "%s, and then the dealers have %v\n", describe(h.calls[i]), at.(state).funds)
	}
	fmt.Fprintf(&text, "This far goes the longest order, from %v. The rest is:\n", h.first.funds)
	for i, c := range h.calls {
		if !slices.Contains(longest, i) {
			fmt.Fprintf(&text, "%s\n", describe(c))
		}
	}
	return text.String()
}

func describe(c porcupine.Operation) string {
	a, got := c.Input.(asked), c.Output.(told)
	about := fmt.Sprintf("dealer %d", a.dealer)
	if a.deal != nil {
		about = fmt.Sprintf("%+v", *a.deal)
	}
	return fmt.Sprintf("%d to %d µs, client %d at server %d: %s %s %d: %+v", c.Call/1000, c.Return/1000, c.ClientId, a.server, a.what, about, a.minor, got)
}

// Eight to sixty-four clients call at once, for one wallet that cannot pay for all: they reserve, also by allowances that leave too
// little, confirm, revoke, cancel, put money and cash in, take cash out by codes that pay once, and read transactions and balances; on
// PostgreSQL at two servers. Whatever they are told is what they would have been told
// one after another, in an order that no client can tell from the real one.
func TestHistoriesAreLinearizable(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		histories, calls := wallettest.Times(t, "PURSER_TEST_HISTORIES", 15), 0
		unknown, short, exceeded, spent := 0, 0, 0, 0
		for done := 0; done < histories; address = wallettest.Another(t, address) {
			m := newMarket(t, address, 20_000_00)
			var servers []*process
			for _, folder := range m.folders {
				servers = append(servers, m.ready(t, folder))
			}
			for range min(historiesOfMarket, histories-done) {
				h := m.newHistory(t, servers, 8+rand.IntN(mostDeals-7))
				h.run(8+rand.IntN(57), 5)
				h.check(t)
				calls, unknown, short, exceeded, spent = calls+len(h.calls), unknown+h.unknown, short+h.short, exceeded+h.exceeded, spent+h.spent
				done++
			}
			for _, s := range servers {
				s.end()
			}
			mustVerify(t, m.address)
		}
		if unknown > 0 {
			t.Errorf("%d calls were not answered, and nothing was broken", unknown)
		}
		if short == 0 || exceeded == 0 || spent == 0 {
			t.Errorf("%d times was there too little money, %d times was too little allowed, %d times had a code paid: this proves little", short, exceeded, spent)
		}
		t.Logf("%d histories of %d calls, %d times with too little money, %d times with an allowance that left too little, %d times with a code that had paid",
			histories, calls, short, exceeded, spent)
	})
}

// historiesOfMarket is how many are made on one database, whose journal is read for each.
const historiesOfMarket = 100

// send makes one call.
func (h *history) send(to *process, a asked) (answer told, err error) {
	var t walletapi.Transaction
	switch a.what {
	case paysIn, paysOut:
		return h.cash(to, a)
	case balances:
		answer.funds, err = to.funds(h.dealers[a.dealer])
		return answer, err
	case credits:
		var done receipt
		amount := wireMovement(money.Amount{Minor: a.minor, Currency: "EUR"}, a.reason)
		if err = overSocket(to.Socket).call(context.Background(), fmt.Sprintf("/wallet/%d/credit", h.dealers[a.dealer].wallet), amount, &done); err != nil {
			return answer, err
		}
		now, err := money.Parse(strings.TrimSuffix(done.Available, " EUR"), "EUR")
		answer.funds[available] = now.Minor
		return answer, err
	case cancels:
		var p walletapi.Payment
		err = to.call(h.shop, walletapi.Call{Method: "DELETE", Target: fmt.Sprint("/rest/v1/payment/", a.deal.payment)}, nil, &p)
		answer.status = wallet.PaymentStatus(p.Status)
		return answer, err
	case reserves:
		t, err = to.reserve(h.shop, h.dealers[a.deal.from], a.deal.key, a.deal.how)
	case reads:
		t, err = to.transaction(h.shop, "GET", a.deal.key, "", nil)
	case confirms:
		t, err = to.transaction(h.shop, "PUT", a.deal.key, "/confirm", nil)
	case revokes:
		t, err = to.transaction(h.shop, "DELETE", a.deal.key, "", nil)
	}
	if err == nil {
		answer.status = wallet.PaymentStatus(t.Payments[0].Status)
	}
	return answer, err
}

// cash is a call of the till.
func (h *history) cash(to *process, a asked) (answer told, err error) {
	till := to.as(h.shop).AtLocation(cashPlace)
	cash, pay := walletapi.NewCash{Currency: "EUR", Price: a.minor}, till.PayCashIn
	if v := a.voucher; v != nil {
		pay, cash.Price, cash.Customer.QRCode = till.PayCashOut, v.minor, v.code
	} else {
		cash.Customer.Barcode = wallet.WalletCode(h.dealers[a.dealer].wallet)
	}
	t, err := pay(context.Background(), cash)
	if err != nil {
		return answer, err
	}
	return told{status: wallet.PaymentStatus(t.Payments[0].Status), payment: t.Payments[0].ID}, nil
}
