package service_test

import (
	"cmp"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// commandsVariable names the environment variable with how many commands are tried on SQLite.
const commandsVariable = "PURSER_TEST_COMMANDS"

const (
	// commandsByDefault are tried where the variable does not say; PostgreSQL gets a quarter, and mostPostgres
	// at most.
	commandsByDefault, mostPostgres = 10_000, 5_000
	// commandsPerWorld are tried on average before a new world begins; allEvery is how often everything is
	// looked at, and not only what a command touches.
	commandsPerWorld, allEvery = 400, 1000
)

// Whatever people and programs ask, in whatever order: the product answers as the reference does, and then the same
// is on every account and every transaction has the same status; no money is lost or made, no wallet below its
// credit, nothing reserved that nothing is reserved for, no limit broken, no status gone back.
func TestMoneyAgainstTheReference(t *testing.T) {
	t.Cleanup(service.WithoutHashing("unused"))
	wanted := commandsByDefault
	if text := os.Getenv(commandsVariable); text != "" {
		var err error
		if wanted, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s is %q, want how many commands to try", commandsVariable, text)
		}
	}
	if raceEnabled {
		wanted /= 10
	}
	wallettest.Addresses(t, func(t *testing.T, address string) {
		n := wanted
		if !strings.HasPrefix(address, "sqlite:") {
			n = min(n/4, mostPostgres)
		}
		c := &campaign{t: t, address: address, cells: map[cell]int{}, codes: map[string]int{}}
		c.prepare()
		c.run(n)
	})
}

// campaign is many worlds, with what happened in them.
type campaign struct {
	t       *testing.T
	address string
	// template is a SQLite file of the world as it begins.
	template []byte
	tokens   map[[2]int64]*wallet.Token
	// done counts commands, worlds the worlds; cells and codes count what happened.
	done, worlds int
	cells        map[cell]int
	codes        map[string]int
	// figures, where it is not nil, counts what statistics were held against; then commands come from places as well, and
	// pay in cash.
	figures map[wallet.TallyKind]int
}

// cell is one thing that can happen: a command, to a transaction or payment in a status, with an outcome.
type cell struct{ name, status, code string }

// run tries so many commands, and tells what was met.
func (c *campaign) run(n int) {
	set := func(name string, value int) (restore func()) {
		was := flag.Lookup(name).Value.String()
		if err := flag.Set(name, strconv.Itoa(value)); err != nil {
			c.t.Fatal(err)
		}
		return func() { flag.Set(name, was) }
	}
	defer set("rapid.steps", commandsPerWorld)()
	defer set("rapid.checks", 1)()
	begun := time.Now()
	for c.done < n && !c.t.Failed() {
		set("rapid.checks", max(1, (n-c.done)/commandsPerWorld))
		rapid.Check(c.t, func(t *rapid.T) {
			r, end := c.begin(t)
			defer end()
			t.Repeat(map[string]func(*rapid.T){"command": r.step})
			r.compareAll()
			if c.figures != nil {
				r.compareFigures(r.address)
			}
		})
	}
	c.t.Logf("%d commands in %d worlds, in %s: %d cells of command, status and outcome; outcomes %v", c.done, c.worlds, time.Since(begun).Round(time.Second), len(c.cells), c.codes)
	c.covers(n)
}

// trial is one world in the product and in the reference.
type trial struct {
	*campaign
	// address is that of its world.
	address    string
	t          *rapid.T
	w          world
	m          *reference
	raw        *sql.DB
	accounts   *sql.Stmt
	last       *command
	onceNow    *wallet.Once
	keys       int
	registered int64
	tokens     map[[2]int64]*wallet.Token
	usedCodes  map[int64]service.ReserveCode
	statuses   map[*refTransaction]wallet.TransactionStatus
	payments   map[*refPayment]wallet.PaymentStatus
}

// prepare makes the world once where it can be copied.
func (c *campaign) prepare() {
	file, isFile := strings.CutPrefix(c.address, "sqlite:")
	if !isFile {
		return
	}
	w := c.open(c.address)
	c.tokens = w.forTrial()
	if err := w.db.Close(); err != nil {
		c.t.Fatal(err)
	}
	var err error
	if c.template, err = os.ReadFile(file); err != nil {
		c.t.Fatal(err)
	}
}

func (c *campaign) open(address string) world {
	business := wallettest.NewClock()
	db, err := store.Open(ctx, address, wallettest.StoreOptions(business))
	if err != nil {
		c.t.Fatal(err)
	}
	return newServerOn(c.t, db, address, wallettest.NewClock(), business)
}

// forTrial puts people, their programs and tokens into a world.
func (w world) forTrial() map[[2]int64]*wallet.Token {
	w.t.Helper()
	w.populate()
	w.people()
	jonas := wallet.User{ID: 4, Type: wallet.Natural, DisplayName: "Jonas", Email: "jonas@example.com", Phone: "37060000004"}
	_, err := w.CreateUser(ctx, operator, jonas, "", "")
	if err == nil {
		_, err = w.CreateWallet(ctx, operator, wallet.Wallet{ID: 4, OwnerID: 4})
	}
	if err == nil {
		_, err = w.UpdateUser(ctx, operator, 3, service.UserChange{PIN: ritasPIN}, true)
	}
	for id, project := range map[int64]int64{till: 1, counter: 2} {
		c := wallet.Client{
			ID: id, MACID: fmt.Sprint("Till0000", id), Title: "Till", Type: wallet.PrivateClient, Projects: []int64{project}, MainProject: project,
			Permissions: []wallet.Permission{wallet.UseWalletAPI, wallet.AcceptWithPIN, wallet.AcceptWithFlash, wallet.ServeCash},
		}
		if err == nil {
			_, _, err = w.CreateClient(ctx, operator, c, "")
		}
	}
	if err == nil {
		err = w.servesCash()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	tokens := map[[2]int64]*wallet.Token{}
	for _, user := range people {
		for _, client := range []int64{phone, tablet} {
			tokens[[2]int64{client, user}] = w.withToken(client, user).Token
		}
	}
	return tokens
}

// begin makes a world; end throws it away.
func (c *campaign) begin(t *rapid.T) (r *trial, end func()) {
	r = &trial{
		campaign: c, t: t, tokens: c.tokens, usedCodes: map[int64]service.ReserveCode{},
		statuses: map[*refTransaction]wallet.TransactionStatus{}, payments: map[*refPayment]wallet.PaymentStatus{},
	}
	folder, address := "", ""
	driver, source := "pgx", ""
	if c.template == nil {
		address = wallettest.Another(c.t, c.address)
		source = address
	} else {
		var err error
		if folder, err = os.MkdirTemp("", "purser-model"); err != nil {
			c.t.Fatal(err)
		}
		file := filepath.Join(folder, "purser.db")
		if err := os.WriteFile(file, c.template, 0o600); err != nil {
			c.t.Fatal(err)
		}
		address, driver, source = "sqlite:"+file, "sqlite", "file:"+file+"?_pragma=busy_timeout(5000)"
	}
	r.w, r.address = c.open(address), address
	if c.template == nil {
		r.tokens = r.w.forTrial()
	}
	var err error
	if r.raw, err = sql.Open(driver, source); err != nil {
		c.t.Fatal(err)
	}
	r.raw.SetMaxOpenConns(1)
	if r.accounts, err = r.raw.Prepare(`SELECT purpose, wallet_id, currency, available, reserved, credit_limit FROM accounts`); err != nil {
		c.t.Fatal(err)
	}
	c.worlds++
	r.m = newReference(r.w.business.Now())
	r.m.settle()
	return r, func() {
		if err := errors.Join(r.accounts.Close(), r.raw.Close(), r.w.db.Close()); err != nil {
			c.t.Error(err)
		}
		if folder != "" {
			os.RemoveAll(folder)
		}
	}
}

// settle is the world of forTrial in the reference.
func (m *reference) settle() {
	person := func(email, phone string, wallet int64) *refUser {
		return &refUser{kind: "natural", standing: "active", level: "unidentified", email: email, phone: phone, wallet: wallet}
	}
	m.users = map[int64]*refUser{
		1: person("ona@example.com", "37060000001", 1), 3: person("rita@example.com", "37060000003", 3), 4: person("jonas@example.com", "37060000004", 4),
		2: {kind: "legal", standing: "active", level: "unidentified", wallet: 2},
	}
	m.users[1].companies = []int64{2}
	m.owner = map[int64]int64{1: 1, 2: 2, 3: 3, 4: 4}
	m.projects = map[int64]int64{1: 1, 2: 2}
}

// step is one command, in both.
func (r *trial) step(t *rapid.T) {
	r.t = t
	c := r.drawCommand()
	again := c == r.last
	if !again && c.once && r.oneIn(4, "with an idempotency key") {
		c.key = r.keyed()
	}
	r.w.business.Advance(time.Millisecond)
	r.m.now = r.w.business.Now()
	clear(r.m.touched)
	met := cell{name: c.name}
	switch {
	case c.payment != nil:
		met.status = string(c.payment.status)
	case c.about != nil:
		met.status = string(c.about.status)
	}
	want := "answered"
	if !again || c.key == nil || !c.done {
		want = c.expect()
		r.m.follow()
	}
	r.onceNow = c.key
	view, err := c.act()
	r.onceNow = nil
	met.code = codeOf(err)
	t.Logf("%s (%s): %s", c.name, met.status, cmp.Or(met.code, "yes"))
	if met.code != want && (want != anyLimit || !strings.HasSuffix(met.code, "limits_exceeded")) {
		t.Fatalf("%s of %s was answered %q (%v), want %q", c.name, met.status, met.code, err, want)
	}
	c.done, r.last = met.code == yes || want == "answered", c
	r.cells[met]++
	r.codes[met.code]++
	r.compare(c, view)
	if r.done++; r.done%allEvery == 0 {
		r.compareAll()
	}
}

// codeOf is the code of an error, and its text where it has none.
func codeOf(err error) string {
	var refused *wallet.Error
	var answered *wallet.Answered
	switch {
	case err == nil:
		return yes
	case errors.As(err, &answered):
		return "answered"
	case errors.As(err, &refused):
		return string(refused.Code)
	}
	return err.Error()
}

// compare looks at what a command touched.
func (r *trial) compare(c *command, view *wallet.Transaction) {
	if c.about != nil {
		r.m.touched[c.about] = true
	}
	for t := range r.m.touched {
		got, err := r.w.db.Transaction(ctx, t.id)
		if err != nil || got == nil {
			r.t.Fatalf("transaction %d: %v, %v", t.id, got, err)
		}
		r.compareTransaction(t, got)
		if view != nil && view.ID == t.id {
			r.compareTransaction(t, view)
		}
		r.edges(t)
	}
	r.compareAccounts()
	if len(r.m.allowances) > 0 {
		r.compareAllowances()
	}
	if len(r.m.windows) > 0 {
		r.compareSpent()
	}
}

func (r *trial) compareTransaction(t *refTransaction, got *wallet.Transaction) {
	if got.Status != t.status || got.WalletID != t.payer || got.ProjectID != t.project || t.payer != 0 && got.Type != t.how || len(got.Payments) != len(t.payments) {
		r.t.Fatalf("transaction %d is %s, paid by wallet %d (%s), with %d payments; want %s, %d (%s), %d",
			t.id, got.Status, got.WalletID, got.Type, len(got.Payments), t.status, t.payer, t.how, len(t.payments))
	}
	for i, p := range t.payments {
		g := &got.Payments[i]
		price := money.Amount{Minor: p.price, Currency: p.currency}
		living := t.open() || t.pending() || t.status == wallet.TransactionConfirmed
		if g.ID != p.id || g.Status != p.status || g.Price != price || living && g.BeneficiaryID != p.to ||
			p.status == wallet.PaymentConfirmed && !g.FreezeUntil.Equal(p.freezeUntil) {
			r.t.Fatalf("payment %d of %s is %s, %s to wallet %d, frozen until %s; want %d %s, %s, %d, %s",
				g.ID, t.status, g.Status, g.Price, g.BeneficiaryID, g.FreezeUntil, p.id, p.status, price, p.to, p.freezeUntil)
		}
	}
}

// compareAccounts looks at what is on every account.
func (r *trial) compareAccounts() {
	left := map[refAccount]bool{}
	for _, has := range []map[refAccount]int64{r.m.available, r.m.reserved} {
		for a, minor := range has {
			if minor != 0 {
				left[a] = true
			}
		}
	}
	sums := map[money.Currency]int64{}
	found, err := r.accounts.Query()
	r.each(found, err, func(scan func(...any) error) error {
		var purpose string
		var a refAccount
		var available, reserved, credit int64
		if err := scan(&purpose, &a.wallet, &a.currency, &available, &reserved, &credit); err != nil {
			return err
		}
		if purpose == "commission" {
			a.wallet = fees
		}
		if available != r.m.available[a] || reserved != r.m.reserved[a] || credit != r.m.credit[a] {
			r.t.Fatalf("%s %d has %d and reserved %d, with credit %d, of %s; want %d, %d, %d", purpose, a.wallet, available, reserved, credit, a.currency,
				r.m.available[a], r.m.reserved[a], r.m.credit[a])
		}
		if reserved < 0 || purpose == "wallet" && available < -credit {
			r.t.Fatalf("wallet %d has %d and reserved %d of %s", a.wallet, available, reserved, a.currency)
		}
		delete(left, a)
		sums[a.currency] += available + reserved
		return nil
	})
	for currency, sum := range sums {
		if sum != 0 {
			r.t.Fatalf("all accounts in %s come to %d, want 0", currency, sum)
		}
	}
	if len(left) > 0 {
		r.t.Fatalf("there are no accounts %v", left)
	}
}

// rows reads past the product.
func (r *trial) rows(query string, each func(scan func(...any) error) error) {
	rows, err := r.raw.Query(query)
	r.each(rows, err, each)
}

func (r *trial) each(rows *sql.Rows, err error, each func(scan func(...any) error) error) {
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
}

// compareAll looks at everything: what is reserved is what is reserved for something; entries come to what is on the
// accounts; the columns of transactions and payments say what they are; what was spent is within the limits.
func (r *trial) compareAll() {
	reserved := map[refAccount]int64{}
	byID, payments := map[int64]*refTransaction{}, map[int64]*refPayment{}
	for _, t := range r.m.transactions {
		byID[t.id] = t
		for _, p := range t.payments {
			payments[p.id] = p
			reserved[refAccount{t.payer, p.currency}] += p.held
			reserved[refAccount{p.to, p.currency}] += p.frozen
		}
	}
	for a, minor := range r.m.reserved {
		if minor != reserved[a] {
			r.t.Fatalf("wallet %d has reserved %d of %s, for %d", a.wallet, minor, a.currency, reserved[a])
		}
	}
	r.compareAccounts()
	r.recount()
	r.rows(`SELECT id, status, wallet_id FROM transactions`, func(scan func(...any) error) error {
		var id, payer int64
		var status wallet.TransactionStatus
		err := scan(&id, &status, &payer)
		if t := byID[id]; t == nil || status != t.status || payer != t.payer {
			r.t.Fatalf("the row of transaction %d is %s, wallet %d; want %+v", id, status, payer, t)
		}
		delete(byID, id)
		return err
	})
	r.rows(`SELECT id, transaction_id, status, wallet_id FROM payments`, func(scan func(...any) error) error {
		var id, in, payer int64
		var status wallet.PaymentStatus
		err := scan(&id, &in, &status, &payer)
		if p := payments[id]; p == nil || in != p.in.id || status != p.status || payer != p.in.payer {
			r.t.Fatalf("the row of payment %d is %s in %d, wallet %d; want %+v", id, status, in, payer, p)
		}
		delete(payments, id)
		return err
	})
	if len(byID)+len(payments) > 0 {
		r.t.Fatalf("%d transactions and %d payments have no row", len(byID), len(payments))
	}
	r.compareSpent()
}

// recount adds up the entries of each account.
func (r *trial) recount() {
	r.rows(`SELECT a.purpose, a.wallet_id, a.currency, a.available, a.reserved,
			(SELECT CAST(coalesce(sum(minor), 0) AS BIGINT) FROM entries WHERE credit_account = a.id AND credit_part = 0)
			- (SELECT CAST(coalesce(sum(minor), 0) AS BIGINT) FROM entries WHERE debit_account = a.id AND debit_part = 0),
			(SELECT CAST(coalesce(sum(minor), 0) AS BIGINT) FROM entries WHERE credit_account = a.id AND credit_part = 1)
			- (SELECT CAST(coalesce(sum(minor), 0) AS BIGINT) FROM entries WHERE debit_account = a.id AND debit_part = 1)
		FROM accounts a`, func(scan func(...any) error) error {
		var purpose, currency string
		var id, available, reserved, ofEntries, ofHolds int64
		err := scan(&purpose, &id, &currency, &available, &reserved, &ofEntries, &ofHolds)
		if available != ofEntries || reserved != ofHolds {
			r.t.Fatalf("%s %d has %d and reserved %d of %s, and its entries come to %d and %d", purpose, id, available, reserved, currency, ofEntries, ofHolds)
		}
		return err
	})
}

func (r *trial) compareSpent() {
	left := maps.Clone(r.m.windows)
	maps.DeleteFunc(left, func(_ refWindowKey, w *refWindow) bool { return r.m.now.Sub(w.since) >= w.of.within })
	r.rows(`SELECT holder_id, currency, seconds, since, minor FROM spending`, func(scan func(...any) error) error {
		var k refWindowKey
		var seconds, since, minor int64
		err := scan(&k.user, &k.currency, &seconds, &since, &minor)
		if k.within = time.Duration(seconds) * time.Second; r.m.now.Sub(time.UnixMicro(since)) >= k.within {
			return err
		}
		if w := left[k]; w == nil || w.minor != minor || w.since.UnixMicro() != since {
			r.t.Fatalf("user %d has spent %d %s of %s since %s, want %+v", k.user, minor, k.currency, k.within, time.UnixMicro(since), w)
		}
		delete(left, k)
		return err
	})
	if len(left) > 0 {
		r.t.Fatalf("what was spent is not on record: %v", slices.Collect(maps.Keys(left)))
	}
}
