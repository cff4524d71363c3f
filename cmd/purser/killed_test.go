package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// purchase is one payment from its proposal to its end.
type purchase struct {
	title string
	minor int64
	// keyed ones are made with idempotency keys, dear ones cost more than anybody has, kept ones are confirmed.
	keyed, dear, kept bool
	how               yes
	// step is the next one: to propose, to reserve, to end it. asked says that it was asked for, and not answered.
	step  int
	asked bool
	// key is the transaction's, and status the last one that was answered.
	key    string
	status wallet.TransactionStatus
}

// customer makes one purchase after another, at one server after another.
type customer struct {
	*market
	number        int
	payer, seller dealer
	// all are the purchases so far, the last one the present; those before seen were looked up after a kill.
	all  []*purchase
	seen int
	// lost are proposals of which nobody knows what became.
	lost int
}

// tooDear is more than anybody has.
const tooDear = 20_000_000_00

// begin begins a purchase.
func (c *customer) begin() {
	p := &purchase{
		title: fmt.Sprintf("Customer-%d-purchase-%d", c.number, len(c.all)), minor: 1 + rand.Int64N(100),
		keyed: rand.IntN(4) > 0, dear: rand.IntN(8) == 0, kept: rand.IntN(4) > 0,
	}
	if p.how = []yes{byApp, byApp, byAllowance}[rand.IntN(3)]; p.dear {
		p.minor, p.kept, p.how = tooDear, false, byApp
	}
	c.all = append(c.all, p)
}

// want is the status that a step leads to.
func (p *purchase) want(step int) wallet.TransactionStatus {
	switch {
	case step == 0:
		return wallet.TransactionNew
	case step == 1 && p.dear:
		return wallet.WaitingFunds
	case step == 1:
		return wallet.TransactionReserved
	case p.kept:
		return wallet.TransactionConfirmed
	}
	return wallet.TransactionRevoked
}

// take takes a step of a purchase: for the first time, or again after a kill, with the same key.
func (c *customer) take(at *process, p *purchase, step int) (t walletapi.Transaction, err error) {
	call := walletapi.Call{Method: "PUT", Target: "/rest/v1/transaction/" + p.key}
	if p.keyed {
		call.IdempotencyKey = fmt.Sprintf("%s-step-%d", p.title, step)
	}
	switch {
	case step == 0:
		t, err = at.propose(c.shop, call.IdempotencyKey, p.title, c.seller.wallet, p.minor, false)
	case step == 1:
		call.Target += fmt.Sprintf("/reserve/%d", c.payer.wallet)
		by := c.payer.token
		if p.how == byAllowance {
			by = c.shop
		}
		err = at.call(by, call, nil, &t)
	case p.kept:
		call.Target += "/confirm"
		err = at.call(c.shop, call, nil, &t)
	default:
		call.Method = "DELETE"
		err = at.call(c.shop, call, nil, &t)
	}
	return t, err
}

// errWrong is an answer that must not be given.
var errWrong = errors.New("this is wrong")

// buy buys until there is no answer. It returns errWrong for a wrong one.
func (c *customer) buy(at *process) error {
	for {
		p := c.all[len(c.all)-1]
		if p.asked && p.step == 0 && !p.keyed {
			c.lost++ // whoever has no key had better not repeat it
			c.begin()
			continue
		}
		p.asked = true
		t, err := c.take(at, p, p.step)
		var refused *walletapi.APIError
		switch {
		case errors.As(err, &refused):
			return fmt.Errorf("%w: step %d of %+v was refused: %w", errWrong, p.step, *p, err)
		case err != nil:
			return err
		case t.Status != string(p.want(p.step)) || p.step > 0 && t.TransactionKey != p.key:
			return fmt.Errorf("%w: step %d of %+v was answered %+v", errWrong, p.step, *p, t)
		}
		p.key, p.status, p.asked = t.TransactionKey, p.want(p.step), false
		if p.step++; p.step == 3 {
			c.begin()
		}
	}
}

// look compares what the customer was told, since the last time, with what there is. What was asked for without an answer may have
// happened. A proposal that is repeated with its key is answered as it was.
func (c *customer) look(at *process) error {
	for _, p := range c.all[c.seen:] {
		if p.step == 0 {
			continue
		}
		t, err := at.transaction(c.shop, "GET", p.key, "", nil)
		if err != nil {
			return fmt.Errorf("%w: looking for %+v: %w", errWrong, *p, err)
		}
		if is := wallet.TransactionStatus(t.Status); is != p.status && !(p.asked && is == p.want(p.step)) || t.Payments[0].Description != p.title {
			return fmt.Errorf("%w: %+v has become %+v", errWrong, *p, t)
		}
		if !p.keyed {
			continue
		}
		if again, err := c.take(at, p, 0); err != nil || again.TransactionKey != p.key || again.Status != string(wallet.TransactionNew) {
			return fmt.Errorf("%w: %+v was proposed again, and answered %+v, %w", errWrong, *p, again, err)
		}
	}
	c.seen = len(c.all) - 1
	return nil
}

// together has all customers do something at once, and returns when all have done, with what was wrong.
func together(customers []*customer, do func(c *customer) error) error {
	var all sync.WaitGroup
	errs := make([]error, len(customers))
	for i, c := range customers {
		all.Go(func() { errs[i] = do(c) })
	}
	all.Wait()
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return !errors.Is(err, errWrong) })...)
}

// Sixteen customers buy at a server that is killed at any moment, and started again, over and over. Whatever they were told has
// happened, and once; what they ask for again goes on as if nothing had been; and the books are right, as the kill has left them. What
// the shop is to be told of it is in the outbox.
func TestKilledWhileCustomersBuy(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		m := newMarket(t, address, 1_000_000_00)
		var customers []*customer
		for i := range 16 {
			customers = append(customers, &customer{market: m, number: i, payer: m.dealers[i%3], seller: m.dealers[(i+1)%3]})
			customers[i].begin()
		}
		first := m.ready(t, m.folders[0])
		for _, d := range m.dealers {
			if err := first.allow(m.shop, d, 100_000_00); err != nil {
				t.Fatal(err)
			}
		}
		first.end()
		rounds := kills(t)
		for round := range rounds {
			if round%5 == 4 && len(m.folders) == 1 {
				// Not on PostgreSQL: who dies while it looks after the schema keeps the next one waiting for its lock.
				dies := m.begin(t, m.folders[0])
				time.Sleep(rand.N(60 * time.Millisecond))
				dies.end()
			}
			server := m.ready(t, m.folders[0])
			err := together(customers, func(c *customer) error { return c.look(server) })
			time.AfterFunc(rand.N(200*time.Millisecond), func() { server.Process.Kill() })
			err = errors.Join(err, together(customers, func(c *customer) error { return c.buy(server) }))
			server.end()
			if err != nil {
				t.Fatalf("after %d kills: %v", round, err)
			}
			mustVerify(t, m.address)
		}
		last := m.ready(t, m.folders[0])
		if err := together(customers, func(c *customer) error { return c.look(last) }); err != nil {
			t.Fatal(err)
		}
		last.end()
		t.Logf("%d kills: %s; verified %+v", rounds, m.count(t, customers), mustVerify(t, m.address))
	})
}

// owes expects a callback for each yes in an app that was acknowledged, and for none twice; none for what the shop did by an allowance; and of each transaction as many as it counts.
func (m *market) owes(t *testing.T, db *sql.DB, customers []*customer) {
	t.Helper()
	box, err := secret.NewBox(wallettest.KEK)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(`SELECT t.id, t.document, c.number, c.type FROM transactions t LEFT JOIN callbacks c ON c.transaction_id = t.id ORDER BY t.id, c.number`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	owed, counted := map[int64][]string{}, map[int64]int{}
	for rows.Next() {
		var id int64
		var document []byte
		var number sql.NullInt64
		var kind sql.NullString
		if err := rows.Scan(&id, &document, &number, &kind); err != nil {
			t.Fatal(err)
		}
		var counts struct{ Callbacks int }
		if err := json.Unmarshal(document, &counts); err != nil {
			t.Fatal(err)
		}
		counted[id] = counts.Callbacks
		if kind.Valid {
			owed[id] = append(owed[id], kind.String)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for id, n := range counted {
		if len(owed[id]) != n {
			t.Errorf("transaction %d counts %d callbacks, and there are %v", id, n, owed[id])
		}
	}
	for _, c := range customers {
		for _, p := range c.all {
			if p.step < 2 {
				continue
			}
			want := []string{string(p.want(1))}
			if p.how == byAllowance {
				want = nil
			}
			if id, _ := box.Number(p.key); !slices.Equal(owed[id], want) {
				t.Errorf("of %+v the shop is told %v", *p, owed[id])
			}
		}
	}
}

// count compares all purchases with the journal: each has had the effects that were told of it, and none twice.
func (m *market) count(t *testing.T, customers []*customer) string {
	t.Helper()
	db := behind(t, m.address)
	defer db.Close()
	rows, err := db.Query(`SELECT kind, details, CAST(count(*) AS BIGINT) FROM entries WHERE payment_id <> 0 GROUP BY kind, details`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	entries := map[string]int{}
	for rows.Next() {
		var kind, title string
		var n int
		if err := rows.Scan(&kind, &title, &n); err != nil {
			t.Fatal(err)
		}
		if entries[kind+" "+title] = n; n > 1 && title != "" {
			t.Errorf("%s of %s took effect %d times", kind, title, n)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	made, lost, confirmed, unfinished, allowed := 0, 0, 0, 0, 0
	for _, c := range customers {
		lost += c.lost
		for _, p := range c.all {
			switch {
			case p.status != "":
				made++
			case p.asked && p.keyed:
				unfinished++
			}
			if p.status == wallet.TransactionConfirmed {
				if p.how == byAllowance {
					allowed++
				}
				if confirmed++; entries[wallet.KindTransfer+" "+p.title] != 1 {
					t.Errorf("%+v was confirmed, and not paid", *p)
				}
			}
		}
	}
	var there int
	if err := db.QueryRow(`SELECT CAST(count(*) AS BIGINT) - (SELECT count(*) FROM allowances) FROM transactions`).Scan(&there); err != nil {
		t.Fatal(err)
	}
	if there < made || there > made+lost+unfinished {
		t.Errorf("%d purchases were acknowledged, of %d nobody knew, and there are %d", made, lost+unfinished, there)
	}
	if path, isFile := strings.CutPrefix(m.address, "sqlite:"); isFile {
		var report string
		if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&report); err != nil || report != "ok" {
			t.Errorf("%s is damaged: %s, %v", path, report, err)
		}
	}
	m.owes(t, db, customers)
	if confirmed == 0 || allowed == 0 {
		t.Error("no payment, or none by an allowance, was ever acknowledged: this proves nothing")
	}
	return fmt.Sprintf("%d purchases were acknowledged, %d of them confirmed, %d by allowances, and of %d nobody knew", made, confirmed, allowed, lost)
}
