package service_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// command is one thing that somebody asks: expect has the reference do it, act the product. Both may be done
// again, which is the same request sent twice.
type command struct {
	name string
	// about is the transaction that it is about, of the payment where that is not nil; nil for none.
	about   *refTransaction
	payment *refPayment
	expect  func() (code string)
	act     func() (*wallet.Transaction, error)
	// once says that an idempotency key may come with it, which is key; done that it was answered with yes.
	once bool
	key  *wallet.Once
	done bool
	// single commands make no sense twice.
	single bool
}

// commands are all of them with how often each is drawn.
var commands = []struct {
	often int
	draw  func(*trial) *command
}{
	{16, (*trial).creating}, {3, (*trial).creatingAlone}, {14, (*trial).payingInApp}, {4, (*trial).payingByPIN}, {3, (*trial).payingByCode},
	{1, (*trial).payingByFlash}, {4, (*trial).viewing}, {7, (*trial).approving}, {2, (*trial).rejecting}, {14, (*trial).confirming},
	{5, (*trial).revoking}, {6, (*trial).canceling}, {6, (*trial).finalizing}, {5, (*trial).freezing}, {6, (*trial).givingPassword},
	{6, (*trial).crediting}, {3, (*trial).debiting}, {1, (*trial).lending}, {4, (*trial).limiting}, {2, (*trial).judging},
	{2, (*trial).registering}, {3, (*trial).renaming}, {6, (*trial).waiting}, {5, (*trial).repeating}, {4, (*trial).payingCashIn}, {3, (*trial).payingCashOut},
	{3, (*trial).granting}, {5, (*trial).fitting}, {9, (*trial).taking}, {1, (*trial).takingBack},
}

// drawCommand draws one of them.
func (r *trial) drawCommand() *command {
	sum := 0
	for _, c := range commands {
		sum += c.often
	}
	if len(r.m.transactions) == 0 {
		return r.creatingAlone()
	}
	n := r.index(sum, "command")
	for _, c := range commands {
		if n -= c.often; n < 0 {
			return c.draw(r)
		}
	}
	panic("no command")
}

// Whom and what commands are about. Ona, 1, acts for the bakery, 2; Rita, 3, has a PIN; Jonas is 4. Wallet 999
// and contacts of guests are nobody's, at first.
var (
	people     = []int64{3, 4, 3, 4, 1}
	currencies = []money.Currency{"EUR", "EUR", "EUR", "USD", "JPY"}
	guests     = []string{"guest1@example.com", "guest2@example.com", "37069900001", "guest3@example.com", "37069900002"}
)

const (
	counter   = 22 // private client of project 2
	nowhere   = 999
	rightWord = "s3cret"
)

// even are numbers of 12 bits, all as often: rapid's own draw small ones more often, and so nearly nothing but the
// first commands.
var even = rapid.Custom(func(t *rapid.T) (n int) {
	for range 12 {
		n <<= 1
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

// index is a number below n.
func (r *trial) index(n int, what string) int { return even.Draw(r.t, what) * n >> 12 }

func (r *trial) oneIn(n int, what string) bool { return r.index(n, what) == n-1 }

func pick[T any](r *trial, what string, from []T) T { return from[r.index(len(from), what)] }

// amount is mostly what wallets can pay.
func (r *trial) amount(what string) int64 {
	return rapid.Int64Range(1, pick(r, "size", []int64{10, 1000, 1000, 5000})).Draw(r.t, what)
}

// transaction is mostly one that fits, else any, of each status alike.
func (r *trial) transaction(fits func(*refTransaction) bool) *refTransaction {
	if !r.oneIn(6, "any transaction") {
		if fitting := slices.DeleteFunc(slices.Clone(r.m.transactions), func(t *refTransaction) bool { return !fits(t) }); len(fitting) > 0 {
			return pick(r, "transaction", fitting)
		}
	}
	var there []wallet.TransactionStatus
	for _, status := range wallet.TransactionStatuses() {
		if slices.ContainsFunc(r.m.transactions, func(t *refTransaction) bool { return t.status == status }) {
			there = append(there, status)
		}
	}
	status := pick(r, "status", there)
	return pick(r, "transaction", slices.DeleteFunc(slices.Clone(r.m.transactions), func(t *refTransaction) bool { return t.status != status }))
}

// paymentOf is mostly one that fits, else any.
func (r *trial) paymentOf(fits func(*refPayment) bool) *refPayment {
	t := r.transaction(func(t *refTransaction) bool { return slices.ContainsFunc(t.payments, fits) })
	if len(t.payments) == 0 { // they were moved, or never there
		paid := slices.DeleteFunc(slices.Clone(r.m.transactions), func(t *refTransaction) bool { return len(t.payments) == 0 })
		t = paid[len(paid)-1]
	}
	fitting := slices.DeleteFunc(slices.Clone(t.payments), func(p *refPayment) bool { return !fits(p) })
	if len(fitting) == 0 {
		fitting = t.payments
	}
	return pick(r, "payment", fitting)
}

// teller is a client of the transaction's project; another one in some cases.
func (r *trial) teller(project int64) (client int64, own bool) {
	own = !r.oneIn(16, "another project's client")
	if (project == 1) == own {
		return till, own
	}
	return counter, own
}

// by is who calls, with the key of the request where it has one.
func (r *trial) by(client int64) wallet.Caller {
	c := r.w.by(client)
	if r.figures != nil && client == till && r.done%3 == 0 {
		c.LocationID = 11
	}
	c.Once = r.onceNow
	return c
}

// ofUser calls with a token of a user.
func (r *trial) ofUser(client, user int64) wallet.Caller {
	c := r.by(client)
	c.Kind, c.Token = wallet.ByToken, r.tokens[[2]int64{client, user}]
	return c
}

// forbidding is the expectation for a caller who may, or may not.
func forbidding(may bool, expect func() string) func() string {
	return func() string {
		if !may {
			return "forbidden"
		}
		return expect()
	}
}

func ofTransaction(view service.TransactionView, err error) (*wallet.Transaction, error) {
	return view.Transaction, err
}

func ofPayment(view service.PaymentView, err error) (*wallet.Transaction, error) {
	return view.Transaction, err
}

// newPayment draws what a payment is to be; wrong in one of several ways now and then.
func (r *trial) newPayment() *refPayment {
	p := &refPayment{currency: pick(r, "currency", currencies), price: r.amount("price")}
	p.cash = r.figures != nil && p.price%4 == 0
	if r.oneIn(6, "to the limit") {
		p.price = max(1, r.m.room(pick(r, "whose", []int64{3, 4}), p.currency)+int64(r.index(2, "one more")))
	}
	switch r.index(8, "beneficiary") {
	case 5:
		p.to = pick(r, "wallet", []int64{2, 3, 4, 1})
	case 6, 7:
		p.contact = pick(r, "contact", guests)
	}
	part := func(what string) int64 {
		if !r.oneIn(4, what) {
			return 0
		}
		return rapid.Int64Range(0, p.price/3).Draw(r.t, what)
	}
	p.commIn, p.commOut, p.cashback = part("in commission"), part("out commission"), part("cashback")
	switch r.index(6, "freeze") {
	case 4:
		p.freezeFor = pick(r, "freeze for", []time.Duration{time.Minute, time.Hour, 24 * time.Hour})
	case 5:
		p.freezeUntil = r.m.now.Add(pick(r, "freeze until", []time.Duration{-time.Hour, time.Hour, 24 * time.Hour}))
	}
	if r.oneIn(6, "password") {
		p.password, p.optional = rightWord, r.oneIn(3, "optional")
	}
	if r.oneIn(4, "price rules") {
		p.rules = pick(r, "rules", []*wallet.PriceRules{{Min: 5}, {Max: 3000}, {Min: 1, Max: 3000}, {Choices: []int64{7, 70, 700}}})
	}
	if r.oneIn(40, "wrong") {
		switch r.index(4, "how wrong") {
		case 0:
			p.price, p.commIn, p.commOut, p.cashback = 0, 0, 0, 0
		case 1:
			p.commIn, p.commOut, p.cashback = p.price, 0, 1
		case 2:
			p.currency = "XAU"
		case 3:
			p.to, p.contact = nowhere, ""
		}
	}
	return p
}

// asked is the payment as a client asks for it.
func (p *refPayment) asked() service.NewPayment {
	n := service.NewPayment{Payment: wallet.Payment{
		Description: "Bread", Price: money.Amount{Minor: p.price, Currency: p.currency}, InCommission: p.commIn, OutCommission: p.commOut,
		Cashback: p.cashback, PriceRules: p.rules, FreezeFor: p.freezeFor, FreezeUntil: p.freezeUntil,
	}}
	n.Beneficiary.WalletID = p.to
	if p.contact != "" {
		n.Beneficiary = contactNamed(p.contact)
	}
	if p.cash {
		n.Purpose = wallet.CashPayment
	}
	if p.password != "" {
		n.Password, n.PasswordValue = &wallet.Password{Kind: wallet.ProvidedPassword, Optional: p.optional}, secret.Text(p.password)
	}
	return n
}

func contactNamed(text string) wallet.Contact {
	if text[0] == '3' {
		return wallet.Contact{Phone: text}
	}
	return wallet.Contact{Email: text}
}

func (r *trial) creating() *command {
	like := refTransaction{project: pick(r, "project", []int64{1, 1, 2}), auto: r.oneIn(4, "auto confirm"), reserveFor: wallet.DefaultReserve, use: !r.oneIn(4, "no allowance")}
	n := service.NewTransaction{Transaction: wallet.Transaction{AutoConfirm: like.auto, UseAllowance: like.use}}
	switch r.index(6, "reserve") {
	case 3, 4:
		like.reserveFor = pick(r, "reserve for", []time.Duration{10 * time.Minute, 3 * time.Hour})
		n.ReserveFor = like.reserveFor
	case 5:
		like.reserveUntil = r.m.now.Add(pick(r, "reserve until", []time.Duration{time.Hour, 30 * time.Hour, 30 * time.Hour, 0}))
		n.ReserveUntil = like.reserveUntil
	}
	if r.oneIn(8, "restrictions") {
		like.asks = pick(r, "what is asked of the payer", []*wallet.Restrictions{
			{OwnerType: wallet.Natural}, {OwnerType: wallet.Legal}, {Identity: true}, {Level: wallet.Identified}, {Level: wallet.Unidentified}})
		n.Restrictions = like.asks
	}
	var payments []refPayment
	for range pick(r, "payments", []int{1, 1, 2, 3, 4}) {
		p := r.newPayment()
		payments, n.Payments = append(payments, *p), append(n.Payments, p.asked())
	}
	var moved []*refPayment
	for range pick(r, "moved", []int{0, 0, 0, 1, 2}) {
		contact := r.oneIn(2, "of a contact")
		p := r.paymentOf(func(p *refPayment) bool {
			fits := p.status == wallet.PaymentNew && p.in.project == like.project && len(p.in.payments) < 3
			return fits && (!contact || p.to == 0 && len(p.in.payments) == 2)
		})
		moved, n.Moved = append(moved, p), append(n.Moved, p.id)
	}
	client := int64(till)
	if like.project == 2 {
		client = counter
	}
	made := &refTransaction{}
	return &command{name: "create", once: true,
		expect: func() string {
			made = new(refTransaction)
			*made = like
			for _, p := range payments {
				made.payments = append(made.payments, &p)
			}
			return r.m.create(made, moved)
		},
		act: func() (*wallet.Transaction, error) {
			again := n
			again.Payments = slices.Clone(n.Payments)
			view, err := r.w.CreateTransaction(ctx, r.by(client), again)
			return r.made(made, view, err)
		}}
}

// made tells the reference what the product calls a new transaction.
func (r *trial) made(t *refTransaction, view service.TransactionView, err error) (*wallet.Transaction, error) {
	if err != nil {
		return nil, err
	}
	if len(view.Payments) != len(t.payments) {
		r.t.Fatalf("made with %d payments, want %d", len(view.Payments), len(t.payments))
	}
	t.id, t.key = view.ID, view.Key
	for i, p := range t.payments {
		if p.id != 0 && p.id != view.Payments[i].ID {
			r.t.Fatalf("payment %d was moved, and is payment %d", p.id, view.Payments[i].ID)
		}
		p.id = view.Payments[i].ID
	}
	return view.Transaction, nil
}

func (r *trial) creatingAlone() *command {
	like := r.newPayment()
	asked := like.asked()
	made := &refTransaction{}
	return &command{name: "create alone", once: true,
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

// offered is mostly a transaction that can be paid.
func (r *trial) offered() *refTransaction { return r.transaction((*refTransaction).open) }

// chosen are prices that a payer chooses for a transaction, for the reference and for the product.
func (r *trial) chosen(t *refTransaction) (map[*refPayment]money.Amount, map[int64]money.Amount) {
	if !r.oneIn(3, "chosen prices") {
		return nil, nil
	}
	return r.prices(t, func(p *refPayment) int64 {
		switch {
		case p.rules == nil:
			return p.price
		case len(p.rules.Choices) > 0:
			return pick(r, "choice", p.rules.Choices)
		}
		return rapid.Int64Range(max(p.rules.Min, 1), max(p.rules.Max, 1000)).Draw(r.t, "choice")
	})
}

// prices are those that seem good for some payments of a transaction, with a wrong one now and then.
func (r *trial) prices(t *refTransaction, good func(*refPayment) int64) (map[*refPayment]money.Amount, map[int64]money.Amount) {
	want, told := map[*refPayment]money.Amount{}, map[int64]money.Amount{}
	for _, p := range t.payments {
		if r.oneIn(3, "left alone") {
			continue
		}
		price := money.Amount{Minor: good(p), Currency: p.currency}
		switch r.index(16, "price") {
		case 12:
			price.Minor = p.price + 1
		case 13:
			price.Minor = rapid.Int64Range(0, p.price).Draw(r.t, "any price")
		case 14:
			price.Currency = "GBP"
		case 15:
			want[nil], told[1<<30] = price, price
		}
		want[p], told[p.id] = price, price
	}
	return want, told
}

func (r *trial) payingInApp() *command {
	t, user := r.offered(), pick(r, "payer", people)
	from := pick(r, "wallet", []int64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 3, nowhere})
	device := pick(r, "device", slices.Concat(slices.Repeat([]int64{phone}, 20), []int64{tablet}))
	want, told := r.chosen(t)
	payer := from
	if from == 0 {
		payer = r.m.users[user].wallet
	}
	return &command{name: "pay in app", about: t, once: true,
		expect: forbidding(device == phone, func() string {
			if payer == nowhere {
				return "invalid_parameters"
			}
			return r.m.accept(t, payer, user, wallet.ByApp, want)
		}),
		act: func() (*wallet.Transaction, error) {
			reservation := service.Reservation{Payer: wallet.Contact{WalletID: from}, Prices: told}
			return ofTransaction(r.w.ReserveTransaction(ctx, r.ofUser(device, user), t.key, reservation))
		}}
}

// replacing is, now and then, a transaction that is to be revoked before another one is paid.
func (r *trial) replacing() *refTransaction {
	if !r.oneIn(4, "revoke another first") {
		return nil
	}
	return r.transaction(func(t *refTransaction) bool { return t.pending() })
}

// acceptAfter is accepting after revoking another transaction: both, or neither.
func (r *trial) acceptAfter(first, t *refTransaction, client, payer int64, how wallet.AcceptanceType) string {
	switch {
	case first == nil:
		return r.m.accept(t, payer, r.m.owner[payer], how, nil)
	case (first.project == 1) != (client == till):
		return "forbidden"
	case first == t:
		return "invalid_parameters"
	}
	repeated := t.payer == payer && t.how == how && (t.pending() || t.status == wallet.TransactionConfirmed)
	if repeated && (first.status == wallet.TransactionRevoked || first.status == wallet.TransactionDeleted) {
		return yes
	}
	undo := r.m.remember(first, t)
	code := r.m.revoke(first)
	switch {
	case code != yes:
	case repeated:
		code = "invalid_state" // what was accepted before revokes nothing any more
	default:
		code = r.m.accept(t, payer, r.m.owner[payer], how, nil)
	}
	if code != yes {
		undo()
	}
	return code
}

func (r *trial) payingByPIN() *command {
	t, user := r.offered(), pick(r, "payer", []int64{3, 3, 3, 4})
	client, own := r.teller(t.project)
	first := r.replacing()
	pin := ritasPIN
	if r.oneIn(6, "wrong PIN") {
		pin = "0000"
	}
	payer := r.m.users[user].wallet
	return &command{name: "pay by PIN", about: t,
		expect: forbidding(own, func() string {
			if user != 3 || pin != ritasPIN {
				return "invalid_parameters"
			}
			return r.acceptAfter(first, t, client, payer, wallet.ByPIN)
		}),
		act: func() (*wallet.Transaction, error) {
			defer r.forgive()
			reservation := service.Reservation{Payer: wallet.Contact{WalletID: payer}, PIN: pin, RevokeKey: keyOf(first)}
			return ofTransaction(r.w.ReserveTransaction(ctx, r.by(client), t.key, reservation))
		}}
}

func keyOf(t *refTransaction) string {
	if t == nil {
		return ""
	}
	return t.key
}

// forgive lets the time pass that is asked of who guesses.
func (r *trial) forgive() { r.w.wall.Advance(25 * time.Hour) }

func (r *trial) payingByCode() *command {
	t, user := r.offered(), pick(r, "payer", []int64{3, 4})
	client, own := r.teller(t.project)
	first := r.replacing()
	payer := r.m.users[user].wallet
	how := pick(r, "code", []string{"right", "right", "right", "right", "wrong", "replaced", "used"})
	if how == "used" && r.usedCodes[user].Code == "" {
		how = "wrong"
	}
	return &command{name: "pay by code", about: t,
		expect: forbidding(own, func() string {
			used := how == "used" && t.payer == payer && r.usedCodes[user].ExpiresAt.After(r.m.now)
			if how != "right" && !used {
				return "invalid_code"
			}
			return r.acceptAfter(first, t, client, payer, wallet.ByCode)
		}),
		act: func() (*wallet.Transaction, error) {
			defer r.forgive()
			code := r.code(user, how)
			got, err := ofTransaction(r.w.ReserveTransaction(ctx, r.by(client), t.key, service.Reservation{Code: code.Code, RevokeKey: keyOf(first)}))
			if err == nil && t.accepted.Equal(r.m.now) { // and not before, by another code
				r.usedCodes[user] = code
			}
			return got, err
		}}
}

// code is one that a payer reads out.
func (r *trial) code(user int64, how string) service.ReserveCode {
	if how == "used" {
		return r.usedCodes[user]
	}
	made, err := r.w.MakeReserveCode(ctx, r.ofUser(phone, user))
	if err == nil && how == "replaced" {
		_, err = r.w.MakeReserveCode(ctx, r.ofUser(phone, user))
	}
	if err != nil {
		r.t.Fatalf("making a code: %v", err)
	}
	if how == "wrong" {
		made.Code += "0"
	}
	return made
}

func (r *trial) payingByFlash() *command {
	t, user := r.offered(), pick(r, "payer", []int64{3, 4})
	client, own := r.teller(t.project)
	payer := r.m.users[user].wallet
	return &command{name: "pay by flash", about: t,
		expect: forbidding(own, func() string {
			if !t.open() {
				return "invalid_state"
			}
			r.m.show(t)
			return r.m.accept(t, payer, user, wallet.ByFlash, nil)
		}),
		act: func() (*wallet.Transaction, error) {
			defer r.forgive()
			if _, err := r.w.SendFlash(ctx, r.by(client), t.key, wallet.Contact{WalletID: payer}); err != nil {
				return nil, err
			}
			code := r.w.codeTo(r.m.users[user].phone)
			return ofTransaction(r.w.ReserveTransaction(ctx, r.by(client), t.key, service.Reservation{Payer: wallet.Contact{WalletID: payer}, FlashCode: code}))
		}}
}

func (r *trial) viewing() *command {
	t, user := r.offered(), pick(r, "who", people)
	return &command{name: "view", about: t,
		expect: func() string { return r.m.view(t, user) },
		act: func() (*wallet.Transaction, error) {
			offer, err := r.w.ViewOffer(ctx, person(user), t.key)
			return offer.Transaction, err
		}}
}

func (r *trial) approving() *command {
	t, user := r.offered(), pick(r, "payer", people)
	from := pick(r, "wallet", []int64{0, 0, 0, 0, 0, 0, 2, 2, 3, nowhere})
	want, told := r.chosen(t)
	var pin secret.Text
	if user == 3 && !r.oneIn(8, "no PIN") {
		pin = ritasPIN
	}
	payer := from
	if from == 0 {
		payer = r.m.users[user].wallet
	}
	return &command{name: "approve", about: t,
		expect: func() string {
			if payer == nowhere || user == 3 && pin == "" {
				return "invalid_parameters"
			}
			return r.m.accept(t, payer, user, wallet.ByPage, want)
		},
		act: func() (*wallet.Transaction, error) {
			defer r.forgive()
			return ofTransaction(r.w.ApproveTransaction(ctx, person(user), t.key, service.Approval{WalletID: from, PIN: pin, Prices: told}))
		}}
}

func (r *trial) rejecting() *command {
	t := r.offered()
	return &command{name: "reject", about: t,
		expect: func() string { return r.m.reject(t) },
		act: func() (*wallet.Transaction, error) {
			return ofTransaction(r.w.RejectTransaction(ctx, person(4), t.key))
		}}
}

func (r *trial) confirming() *command {
	t := r.transaction(func(t *refTransaction) bool { return t.status == wallet.TransactionReserved })
	client, own := r.teller(t.project)
	var want map[*refPayment]money.Amount
	var told map[int64]money.Amount
	if r.oneIn(2, "lower prices") {
		want, told = r.prices(t, func(p *refPayment) int64 {
			return rapid.Int64Range(min(p.price, max(1, p.commIn+p.commOut+p.cashback)), p.price).Draw(r.t, "lower price")
		})
	}
	return &command{name: "confirm", about: t, once: true,
		expect: forbidding(own, func() string { return r.m.confirm(t, want) }),
		act: func() (*wallet.Transaction, error) {
			return ofTransaction(r.w.ConfirmTransaction(ctx, r.by(client), t.key, told))
		}}
}

func (r *trial) revoking() *command {
	t := r.transaction(func(t *refTransaction) bool { return t.open() || t.pending() })
	client, own := r.teller(t.project)
	return &command{name: "revoke", about: t, once: true,
		expect: forbidding(own, func() string { return r.m.revoke(t) }),
		act: func() (*wallet.Transaction, error) {
			return ofTransaction(r.w.RevokeTransaction(ctx, r.by(client), t.key))
		}}
}

// confirmed is mostly a payment that is frozen.
func (r *trial) confirmed() *refPayment {
	return r.paymentOf(func(p *refPayment) bool { return p.status == wallet.PaymentConfirmed })
}

func (r *trial) canceling() *command {
	p := r.confirmed()
	client, own := r.teller(p.in.project)
	return &command{name: "cancel", about: p.in, payment: p, once: true,
		expect: forbidding(own, func() string { return r.m.cancel(p) }),
		act:    func() (*wallet.Transaction, error) { return ofPayment(r.w.CancelPayment(ctx, r.by(client), p.id)) }}
}

func (r *trial) finalizing() *command {
	p := r.confirmed()
	client, own := r.teller(p.in.project)
	var price *money.Amount
	if r.oneIn(2, "final price") {
		price = &money.Amount{Minor: rapid.Int64Range(0, p.price+1).Draw(r.t, "price"), Currency: p.currency}
	}
	return &command{name: "finalize", about: p.in, payment: p, once: true,
		expect: forbidding(own, func() string { return r.m.finalize(p, price) }),
		act: func() (*wallet.Transaction, error) {
			return ofPayment(r.w.FinalizePayment(ctx, r.by(client), p.id, price))
		}}
}

func (r *trial) freezing() *command {
	p := r.paymentOf(func(p *refPayment) bool { return p.status == wallet.PaymentConfirmed || p.in.open() || p.in.pending() })
	client, own := r.teller(p.in.project)
	f := wallet.Freeze{}
	switch r.index(4, "freeze") {
	case 1, 2:
		f.For = pick(r, "for", []time.Duration{time.Second, time.Hour, 48 * time.Hour})
	case 3:
		f.Until = r.m.now.Add(pick(r, "until", []time.Duration{-time.Second, time.Hour, 48 * time.Hour}))
	}
	return &command{name: "freeze", about: p.in, payment: p, once: true,
		expect: forbidding(own, func() string { return r.m.freeze(p, f) }),
		act:    func() (*wallet.Transaction, error) { return ofPayment(r.w.FreezePayment(ctx, r.by(client), p.id, f)) }}
}

func (r *trial) givingPassword() *command {
	p := r.paymentOf(func(p *refPayment) bool { return p.password != "" && !p.unlocked && p.in.holds() })
	client, own := r.teller(p.in.project)
	word := pick(r, "word", []string{rightWord, rightWord, rightWord, "wrong"})
	return &command{name: "give password", about: p.in, payment: p,
		expect: forbidding(own, func() string { return r.m.give(p, word) }),
		act: func() (*wallet.Transaction, error) {
			defer r.forgive()
			return ofPayment(r.w.GivePassword(ctx, r.by(client), p.id, secret.Text(word)))
		}}
}

func (r *trial) crediting() *command {
	id, currency := pick(r, "wallet", []int64{3, 4, 2, 3, 1, nowhere}), pick(r, "currency", currencies)
	minor := rapid.Int64Range(0, 20000).Draw(r.t, "minor")
	return &command{name: "credit",
		expect: func() string { return r.m.byHand(id, currency, minor) },
		act: func() (*wallet.Transaction, error) {
			_, err := r.w.CreditWallet(ctx, operator, id, money.Amount{Minor: minor, Currency: currency}, "a gift")
			return nil, err
		}}
}

func (r *trial) debiting() *command {
	id, currency := pick(r, "wallet", []int64{3, 4, 2, 1}), pick(r, "currency", currencies)
	minor := rapid.Int64Range(0, 4000).Draw(r.t, "minor")
	return &command{name: "debit",
		expect: func() string { return r.m.byHand(id, currency, -minor) },
		act: func() (*wallet.Transaction, error) {
			_, err := r.w.DebitWallet(ctx, operator, id, money.Amount{Minor: minor, Currency: currency}, "taken out")
			return nil, err
		}}
}

// lending sets how far a wallet may go below zero.
func (r *trial) lending() *command {
	a := refAccount{pick(r, "wallet", []int64{3, 1, 2}), pick(r, "currency", currencies)}
	limit := pick(r, "limit", []int64{0, 0, 500})
	return &command{name: "lend",
		expect: func() string {
			if r.m.available[a] < -limit {
				return "not_enough_funds"
			}
			r.m.credit[a] = limit
			return yes
		},
		act: func() (*wallet.Transaction, error) {
			key := ledger.WalletAccount(a.wallet, a.currency)
			_, err := store.Money(ctx, r.w.db, store.MoneyCommand[struct{}]{
				Needs:  store.Needs{Accounts: []ledger.Key{key}},
				Decide: func(m *store.MoneyTx) (struct{}, error) { return struct{}{}, m.SetCreditLimit(key, limit) },
			})
			if errors.Is(err, ledger.ErrNotCovered) {
				err = wallet.Errorf(wallet.NotEnoughFunds, "the wallet owes more")
			}
			return nil, err
		}}
}

func (r *trial) limiting() *command {
	user, clear := pick(r, "user", []int64{3, 4}), r.oneIn(3, "clear")
	var limits []wallet.SpendingLimit
	for range r.index(3, "limits") {
		l := wallet.SpendingLimit{
			Kind:   pick(r, "kind", []wallet.LimitKind{wallet.OrdinaryLimit, wallet.OrdinaryLimit, wallet.TemporaryLimit}),
			Amount: money.Amount{Minor: pick(r, "amount", []int64{3000, 10000, 500, 30000}), Currency: pick(r, "currency", currencies)},
			Within: pick(r, "within", []time.Duration{time.Hour, 24 * time.Hour, 0}),
		}
		limits = append(limits, l)
	}
	return &command{name: "limit",
		expect: func() string { r.m.limit(user, clear, limits); return yes },
		act: func() (*wallet.Transaction, error) {
			_, err := r.w.LimitUser(ctx, operator, user, clear, limits, true)
			return nil, err
		}}
}

// judging changes what a user may do, or how well they are known.
func (r *trial) judging() *command {
	user := pick(r, "user", []int64{4, 3, 2})
	change := service.UserChange{Standing: ptr(pick(r, "standing", []wallet.Standing{
		wallet.ActiveUser, wallet.ActiveUser, wallet.ActiveUser, wallet.ActiveUser, wallet.RestrictedUser, wallet.InactiveUser}))}
	if user != 2 && r.oneIn(3, "level") {
		change = service.UserChange{Level: ptr(pick(r, "level", wallet.IdentificationLevels()))}
	}
	return &command{name: "judge",
		expect: func() string {
			u := r.m.users[user]
			if change.Level != nil {
				u.level = *change.Level
				return yes
			}
			u.standing = *change.Standing
			return yes
		},
		act: func() (*wallet.Transaction, error) {
			_, err := r.w.UpdateUser(ctx, operator, user, change, true)
			return nil, err
		}}
}

// registering gives a contact that is nobody's a user and, mostly at once, a wallet.
func (r *trial) registering() *command {
	var free []string
	for _, contact := range guests {
		if r.m.ofContact(contact) == 0 {
			free = append(free, contact)
		}
	}
	for id, u := range r.m.users {
		if u.wallet == 0 {
			return &command{name: "open a wallet",
				expect: func() string { u.wallet = id; r.m.owner[id] = id; return yes },
				act: func() (*wallet.Transaction, error) {
					_, err := r.w.CreateWallet(ctx, operator, wallet.Wallet{ID: id, OwnerID: id})
					return nil, err
				}, single: true}
		}
	}
	if len(free) == 0 {
		return r.waiting()
	}
	r.registered++
	id, contact, open := 100+r.registered, pick(r, "contact", free), !r.oneIn(3, "no wallet yet")
	return &command{name: "register", single: true,
		expect: func() string {
			c := contactNamed(contact)
			r.m.users[id] = &refUser{kind: wallet.Natural, standing: wallet.ActiveUser, level: wallet.Unidentified, email: c.Email, phone: c.Phone}
			if open {
				r.m.users[id].wallet, r.m.owner[id] = id, id
			}
			return yes
		},
		act: func() (*wallet.Transaction, error) {
			c := contactNamed(contact)
			_, err := r.w.CreateUser(ctx, operator, wallet.User{ID: id, Type: wallet.Natural, DisplayName: "Guest", Email: c.Email, Phone: c.Phone}, "", "")
			if err == nil && open {
				_, err = r.w.CreateWallet(ctx, operator, wallet.Wallet{ID: id, OwnerID: id})
			}
			return nil, err
		}}
}

// renaming gives Rita or Jonas another e-mail address: one that somebody is paid by, perhaps themselves.
func (r *trial) renaming() *command {
	user := pick(r, "user", []int64{3, 4})
	to := pick(r, "address", []string{"guest1@example.com", "guest2@example.com", "guest3@example.com", "other" + fmt.Sprint(user) + "@example.com"})
	if r.m.ofContact(to) != 0 {
		return r.waiting()
	}
	return &command{name: "rename", single: true,
		expect: func() string { r.m.users[user].email = to; return yes },
		act: func() (*wallet.Transaction, error) {
			_, err := r.w.UpdateUser(ctx, operator, user, service.UserChange{Email: &to}, true)
			return nil, err
		}}
}

// waiting lets time pass, and mostly what is due be done.
func (r *trial) waiting() *command {
	pass := pick(r, "time", append(slices.Repeat([]time.Duration{0, time.Second, time.Minute, 10 * time.Minute, time.Hour}, 5), 25*time.Hour, 25*time.Hour, 31*24*time.Hour))
	work := !r.oneIn(4, "only time")
	var until time.Time
	if next := r.m.next(); len(next) > 0 && r.oneIn(3, "until something ends") {
		// To the microsecond, or one before.
		until = pick(r, "what ends", next[:min(len(next), 4)]).Add(-time.Duration(r.index(2, "just before")) * time.Microsecond)
	}
	return &command{name: "wait",
		expect: func() string {
			if !until.IsZero() {
				pass = max(0, until.Sub(r.m.now))
			}
			r.w.business.Advance(pass)
			r.m.now = r.w.business.Now()
			for work && r.m.due() {
			}
			return yes
		},
		act: func() (*wallet.Transaction, error) {
			for work {
				if done, err := r.w.DoDue(ctx, operator); err != nil || done == 0 {
					return nil, err
				}
			}
			return nil, nil
		}}
}

// repeating sends the last request once more.
func (r *trial) repeating() *command {
	if r.last == nil || r.last.single {
		return r.waiting()
	}
	return r.last
}

// keyed is a new idempotency key.
func (r *trial) keyed() *wallet.Once {
	r.keys++
	return &wallet.Once{
		Key: sha256.Sum256(fmt.Append(nil, "key ", r.keys)), Request: sha256.Sum256(fmt.Append(nil, "request ", r.keys)),
		Encode: func(any) ([]byte, error) { return fmt.Append(nil, "answer ", r.keys), nil },
	}
}
