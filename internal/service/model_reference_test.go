package service_test

import (
	"maps"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// The reference is what spec/wallet-api.md §4.7–4.8 says about money, written down a second time: with maps, one
// command after another, and nothing of the code that it is compared with. It says what each command is to
// answer, the code of an error or nothing for yes, and what is then on which account and in which status.

// refAccount is what a wallet holds in a currency; 0 is the world outside and -1 whom commissions go to.
type refAccount struct {
	wallet   int64
	currency money.Currency
}

const outside, fees = 0, -1

type refUser struct {
	kind         wallet.UserType
	standing     wallet.Standing
	level        wallet.IdentificationLevel
	email, phone string
	wallet       int64
	companies    []int64 // the users whom this one acts for
	limits       []wallet.SpendingLimit
}

// refPayment is one payment: held is the payer's money that is kept for it, frozen the beneficiary's.
type refPayment struct {
	// cash says that its purpose is that; nothing but statistics depends on it.
	cash                             bool
	id                               int64
	in                               *refTransaction
	status                           wallet.PaymentStatus
	currency                         money.Currency
	price, commIn, commOut, cashback int64
	to                               int64
	contact                          string
	rules                            *wallet.PriceRules
	password                         string
	optional, unlocked               bool
	freezeFor                        time.Duration
	freezeUntil, confirmed           time.Time
	held, frozen                     int64
}

type refTransaction struct {
	id, project, payer, by int64
	key                    string
	status                 wallet.TransactionStatus
	how                    wallet.AcceptanceType
	created, accepted      time.Time
	reserveFor             time.Duration
	reserveUntil           time.Time
	auto                   bool
	asks                   *wallet.Restrictions
	payments               []*refPayment
	counted                []*refWindow
	use                    bool          // an allowance may pay
	served                 bool          // a place took or gave cash for it
	asked, paidBy          *refAllowance // the one that is asked for, and the one that pays
}

// refWindow is what a user has spent since a window of theirs began.
type refWindow struct {
	of    refWindowKey
	since time.Time
	minor int64
}

type refWindowKey struct {
	user     int64
	currency money.Currency
	within   time.Duration
}

type reference struct {
	now                         time.Time
	available, reserved, credit map[refAccount]int64
	users                       map[int64]*refUser
	owner                       map[int64]int64 // of a wallet
	projects                    map[int64]int64 // the wallet of a project
	windows                     map[refWindowKey]*refWindow
	transactions                []*refTransaction
	allowances                  []*refAllowance
	touched                     map[*refTransaction]bool
}

// The codes that the reference answers with; anyLimit is for one of two that both hold.
const (
	yes      = ""
	anyLimit = "limits_exceeded or restriction_limits_exceeded"
)

func newReference(now time.Time) *reference {
	return &reference{
		now: now, available: map[refAccount]int64{}, reserved: map[refAccount]int64{}, credit: map[refAccount]int64{},
		users: map[int64]*refUser{}, owner: map[int64]int64{}, projects: map[int64]int64{}, windows: map[refWindowKey]*refWindow{},
		touched: map[*refTransaction]bool{},
	}
}

func (t *refTransaction) open() bool {
	return t.status == wallet.TransactionNew || t.status == wallet.TransactionWaiting
}

func (t *refTransaction) holds() bool {
	return t.status == wallet.WaitingRegistration || t.status == wallet.WaitingPassword || t.status == wallet.TransactionReserved
}

func (t *refTransaction) pending() bool { return t.holds() || t.status == wallet.WaitingFunds }

// become moves a transaction and all its payments.
func (m *reference) become(t *refTransaction, status wallet.TransactionStatus, payments wallet.PaymentStatus) {
	m.touched[t] = true
	t.status = status
	for _, p := range t.payments {
		p.status = payments
	}
}

// ofContact is whose contact that is; 0 for nobody's.
func (m *reference) ofContact(contact string) int64 {
	for id, u := range m.users {
		if contact != "" && (u.email == contact || u.phone == contact) {
			return id
		}
	}
	return 0
}

// create judges a new transaction; moved are payments that are to be put into it.
func (m *reference) create(t *refTransaction, moved []*refPayment) string {
	if len(t.payments)+len(moved) == 0 || !t.reserveUntil.IsZero() && !t.reserveUntil.After(m.now) {
		return "invalid_parameters"
	}
	for _, p := range t.payments {
		parts := p.commIn + p.commOut + p.cashback
		if p.price <= 0 || p.currency == "XAU" || parts > p.price || p.to != 0 && m.owner[p.to] == 0 {
			return "invalid_parameters"
		}
		switch user := m.ofContact(p.contact); {
		case p.contact == "" && p.to == 0:
			p.to = m.projects[t.project]
		case user != 0 && m.users[user].wallet == 0:
			return "invalid_parameters"
		case user != 0:
			p.to = m.users[user].wallet
		}
	}
	for i, p := range moved {
		if slices.Contains(moved[:i], p) {
			return "invalid_parameters"
		}
	}
	for _, p := range moved {
		if p.in.project != t.project {
			return "not_found"
		}
		if p.status != wallet.PaymentNew || p.in.status != wallet.TransactionNew {
			return "invalid_state"
		}
	}
	for _, p := range moved {
		from := p.in
		from.payments = slices.DeleteFunc(slices.Clone(from.payments), func(other *refPayment) bool { return other == p })
		if m.touched[from] = true; len(from.payments) == 0 {
			from.status = wallet.TransactionDeleted
		}
		t.payments = append(t.payments, p)
	}
	t.created, t.status = m.now, wallet.TransactionNew
	for _, p := range t.payments {
		p.in, p.status = t, wallet.PaymentNew
	}
	m.transactions, m.touched[t] = append(m.transactions, t), true
	return yes
}

// show is somebody looking at an offer on the page.
func (m *reference) show(t *refTransaction) {
	if t.status == wallet.TransactionNew {
		m.become(t, wallet.TransactionWaiting, wallet.PaymentWaiting)
	}
}

// view says whether a person is shown the offer.
func (m *reference) view(t *refTransaction, user int64) string {
	m.show(t)
	if t.open() || t.status == wallet.TransactionRejected || t.payer != 0 && m.acts(user, m.owner[t.payer]) {
		return yes
	}
	return "not_found"
}

// acts says whether a user is, or acts for, another one.
func (m *reference) acts(user, owner int64) bool {
	return user == owner || m.users[user] != nil && slices.Contains(m.users[user].companies, owner)
}

// accept is a payer's yes; prices are those that the payer chose, nil standing for a payment that is not there.
func (m *reference) accept(t *refTransaction, payer, by int64, how wallet.AcceptanceType, prices map[*refPayment]money.Amount) string {
	paid := t.status == wallet.TransactionConfirmed
	repeated := t.payer == payer && t.by == by && t.how == how && (t.pending() || paid)
	for p, price := range prices { // what was confirmed may cost less than the payer said
		repeated = repeated && p != nil && price.Currency == p.currency && (price.Minor == p.price || paid && price.Minor > p.price)
	}
	if repeated {
		return yes
	}
	if !t.open() {
		return "invalid_state"
	}
	if why := m.payable(t, payer, by); why != yes {
		return why
	}
	if t.asked != nil && (how == wallet.ByCode || how == wallet.ByFlash) {
		return "invalid_state" // a code pays once
	}
	for p, price := range prices {
		if p == nil || price.Currency != p.currency || price.Minor != p.price && (!p.chosen(price.Minor) || price.Minor < p.commIn+p.commOut+p.cashback) {
			return "invalid_parameters"
		}
	}
	before := map[*refPayment]int64{}
	for p, price := range prices {
		before[p], p.price = p.price, price.Minor
	}
	t.payer, t.by = payer, by
	why := m.hold(t)
	switch {
	case why == "not_enough_funds" && (how == wallet.ByApp || how == wallet.ByPage):
		m.become(t, wallet.WaitingFunds, wallet.PaymentWaiting)
	case why != yes:
		t.payer = 0
		for p, price := range before {
			p.price = price
		}
		return why
	}
	t.how, t.accepted, m.touched[t] = how, m.now, true
	return yes
}

// chosen says whether the payer may choose the price.
func (p *refPayment) chosen(minor int64) bool {
	r := p.rules
	if r == nil || minor <= 0 {
		return false
	}
	within := (r.Min != 0 || r.Max != 0) && minor >= r.Min && (r.Max == 0 || minor <= r.Max)
	return within || slices.Contains(r.Choices, minor)
}

// payable judges a payer and the beneficiaries.
func (m *reference) payable(t *refTransaction, payer, by int64) string {
	u := m.users[m.owner[payer]]
	switch {
	case u.standing == wallet.RestrictedUser:
		return "client_restricted"
	case u.standing == wallet.InactiveUser:
		return "payer_account_inactive"
	case by != 0 && !m.acts(by, m.owner[payer]):
		return "no_rights"
	}
	for _, p := range t.payments {
		switch {
		case p.to == payer:
			return "payment_to_same_account"
		case p.to != 0 && m.users[m.owner[p.to]].standing == wallet.InactiveUser:
			return "beneficiary_account_inactive"
		}
	}
	if t.asks == nil {
		return yes
	}
	ladder := []wallet.IdentificationLevel{"", wallet.Unidentified, wallet.SemiIdentified, wallet.Identified, wallet.FullyIdentified}
	has, needs := slices.Index(ladder, u.level), slices.Index(ladder, t.asks.Level)
	switch {
	case t.asks.OwnerType != "" && t.asks.OwnerType != u.kind:
		return "restriction_violation"
	case has == 1 && (t.asks.Identity || needs > 1):
		return "client_not_verified"
	case has < needs:
		return "restriction_violation"
	}
	return yes
}

// hold keeps the payer's money for all payments, or for none, and goes on.
func (m *reference) hold(t *refTransaction) string {
	sums := map[money.Currency]int64{}
	for _, p := range t.payments {
		sums[p.currency] += p.price
	}
	counted, why := m.within(m.owner[t.payer], sums)
	if why != yes {
		return why
	}
	for currency, sum := range sums {
		a := refAccount{t.payer, currency}
		if m.available[a]-sum < -m.credit[a] {
			return "not_enough_funds"
		}
	}
	t.counted = counted
	for _, w := range counted {
		m.windows[w.of] = w
		w.minor += sums[w.of.currency]
	}
	for _, p := range t.payments {
		p.held = p.price
		m.move(refAccount{t.payer, p.currency}, -p.price, p.price)
	}
	m.goOn(t)
	return yes
}

// within says whether a user may spend that much, and under which windows it counts.
func (m *reference) within(user int64, sums map[money.Currency]int64) (counted []*refWindow, why string) {
	broken := map[wallet.LimitKind]bool{}
	for _, l := range m.users[user].limits {
		sum, spends := sums[l.Amount.Currency]
		if !spends {
			continue
		}
		if l.Within > 0 {
			w := m.windows[refWindowKey{user, l.Amount.Currency, l.Within}]
			if w == nil || m.now.Sub(w.since) >= l.Within {
				w = &refWindow{of: refWindowKey{user, l.Amount.Currency, l.Within}, since: m.now}
			}
			sum += w.minor
			if !slices.ContainsFunc(counted, func(other *refWindow) bool { return other.of == w.of }) {
				counted = append(counted, w)
			}
		}
		broken[l.Kind] = broken[l.Kind] || sum > l.Amount.Minor
	}
	switch {
	case broken[wallet.OrdinaryLimit] && broken[wallet.TemporaryLimit]:
		return nil, anyLimit
	case broken[wallet.OrdinaryLimit]:
		return nil, "limits_exceeded"
	case broken[wallet.TemporaryLimit]:
		return nil, "restriction_limits_exceeded"
	}
	return counted, yes
}

// room is how much a user can still pay in one payment: the least of what is there and what limits leave.
func (m *reference) room(user int64, currency money.Currency) int64 {
	a := refAccount{m.users[user].wallet, currency}
	room := m.available[a] + m.credit[a]
	for _, l := range m.users[user].limits {
		if l.Amount.Currency != currency {
			continue
		}
		left := l.Amount.Minor
		if w := m.windows[refWindowKey{user, currency, l.Within}]; w != nil && m.now.Sub(w.since) < l.Within {
			left -= w.minor
		}
		room = min(room, left)
	}
	return room
}

// unspend takes what goes back to the payer off the windows that it counted under and that have not ended.
func (m *reference) unspend(t *refTransaction, currency money.Currency, minor int64) {
	for _, w := range t.counted {
		if m.windows[w.of] == w && w.of.currency == currency && m.now.Sub(w.since) < w.of.within {
			w.minor -= minor
		}
	}
}

func (m *reference) move(a refAccount, available, reserved int64) {
	m.available[a] += available
	m.reserved[a] += reserved
}

// goOn finds what a transaction whose money is held waits for; nothing may let it be confirmed at once.
func (m *reference) goOn(t *refTransaction) {
	m.touched[t] = true
	t.status = wallet.TransactionReserved
	for _, p := range t.payments {
		switch {
		case p.to == 0:
			p.status, t.status = wallet.PaymentWaitingRegistration, wallet.WaitingRegistration
		case p.password != "" && !p.optional && !p.unlocked:
			p.status = wallet.PaymentWaitingPassword
			if t.status == wallet.TransactionReserved {
				t.status = wallet.WaitingPassword
			}
		default:
			p.status = wallet.PaymentReserved
		}
	}
	if t.status == wallet.TransactionReserved && t.auto {
		m.confirm(t, nil)
	}
}

// lower says whether a price may take the place of the payment's: less, but for what is taken out of it.
func (p *refPayment) lower(price money.Amount) bool {
	return price.Currency == p.currency && price.Minor > 0 && price.Minor <= p.price && price.Minor >= p.commIn+p.commOut+p.cashback
}

func (m *reference) confirm(t *refTransaction, prices map[*refPayment]money.Amount) string {
	if t.status == wallet.TransactionConfirmed {
		same := true
		for p, price := range prices {
			same = same && p != nil && price == money.Amount{Minor: p.price, Currency: p.currency}
		}
		if same {
			return yes
		}
	}
	if t.status != wallet.TransactionReserved {
		return "invalid_state"
	}
	for p, price := range prices {
		if p == nil || !p.lower(price) {
			return "invalid_parameters"
		}
	}
	t.status, m.touched[t] = wallet.TransactionConfirmed, true
	for _, p := range t.payments {
		if price, lower := prices[p]; lower {
			p.price = price.Minor
		}
		payer := refAccount{t.payer, p.currency}
		m.move(payer, p.held-p.price, -p.held)
		m.unspend(t, p.currency, p.held-p.price)
		p.held, p.confirmed = 0, m.now
		m.move(refAccount{fees, p.currency}, p.commIn+p.commOut, 0)
		p.frozen = p.price - p.commIn - p.commOut
		m.move(refAccount{p.to, p.currency}, 0, p.frozen)
		if p.freezeFor > 0 {
			p.freezeFor, p.freezeUntil = 0, m.now.Add(p.freezeFor)
		}
		p.status = wallet.PaymentConfirmed
		if !p.freezeUntil.After(m.now) {
			m.done(p)
		}
	}
	return yes
}

// done gives a payment to the beneficiary, and the cashback of it to the payer.
func (m *reference) done(p *refPayment) {
	m.touched[p.in] = true
	p.status = wallet.PaymentDone
	m.move(refAccount{p.to, p.currency}, p.frozen-p.cashback, -p.frozen)
	m.move(refAccount{p.in.payer, p.currency}, p.cashback, 0)
	m.unspend(p.in, p.currency, p.cashback)
	p.frozen = 0
}

// release gives all that is held back to the payer.
func (m *reference) release(t *refTransaction) {
	for _, p := range t.payments {
		m.move(refAccount{t.payer, p.currency}, p.held, -p.held)
		m.unspend(t, p.currency, p.held)
		p.held = 0
	}
}

func (m *reference) revoke(t *refTransaction) string {
	switch {
	case t.status == wallet.TransactionRevoked || t.status == wallet.TransactionDeleted:
	case t.status == wallet.TransactionNew:
		m.become(t, wallet.TransactionDeleted, wallet.PaymentDeleted)
	case t.status == wallet.TransactionWaiting || t.pending():
		m.release(t)
		m.become(t, wallet.TransactionRevoked, wallet.PaymentRevoked)
	default:
		return "invalid_state"
	}
	return yes
}

func (m *reference) reject(t *refTransaction) string {
	switch {
	case t.status == wallet.TransactionRejected:
	case t.open():
		m.become(t, wallet.TransactionRejected, wallet.PaymentRejected)
	default:
		return "invalid_state"
	}
	return yes
}

func (m *reference) cancel(p *refPayment) string {
	if p.status == wallet.PaymentCanceled {
		return yes
	}
	if p.status != wallet.PaymentConfirmed {
		return "invalid_state"
	}
	m.touched[p.in], p.status = true, wallet.PaymentCanceled
	m.move(refAccount{p.to, p.currency}, 0, -p.frozen)
	m.move(refAccount{fees, p.currency}, p.frozen-p.price, 0)
	m.move(refAccount{p.in.payer, p.currency}, p.price, 0)
	m.unspend(p.in, p.currency, p.price)
	p.frozen = 0
	return yes
}

func (m *reference) finalize(p *refPayment, price *money.Amount) string {
	if p.status == wallet.PaymentDone && (price == nil || *price == money.Amount{Minor: p.price, Currency: p.currency}) {
		return yes
	}
	if p.status != wallet.PaymentConfirmed {
		return "invalid_state"
	}
	if price != nil {
		if !p.lower(*price) {
			return "invalid_parameters"
		}
		back := p.price - price.Minor
		m.move(refAccount{p.to, p.currency}, 0, -back)
		m.move(refAccount{p.in.payer, p.currency}, back, 0)
		m.unspend(p.in, p.currency, back)
		p.price, p.frozen = price.Minor, p.frozen-back
	}
	m.done(p)
	return yes
}

func (m *reference) freeze(p *refPayment, f wallet.Freeze) string {
	if p.in.served {
		return "invalid_state"
	}
	m.touched[p.in] = true
	until := f.Until
	if f.For > 0 {
		until = p.confirmed.Add(f.For)
	}
	switch {
	case p.status == wallet.PaymentConfirmed:
		if p.freezeUntil = until; !until.After(m.now) {
			m.done(p)
		}
	case p.status == wallet.PaymentDone && !until.After(m.now):
	case p.status == wallet.PaymentDone || !p.in.open() && !p.in.pending():
		return "invalid_state"
	default:
		p.freezeFor, p.freezeUntil = f.For, f.Until
	}
	return yes
}

func (m *reference) give(p *refPayment, password string) string {
	switch {
	case p.password == "":
		return "invalid_state"
	case p.password != password:
		return "invalid_parameters"
	case p.unlocked:
	case !p.in.holds():
		return "invalid_state"
	default:
		p.unlocked = true
		m.goOn(p.in)
	}
	return yes
}

// credit puts money into a wallet, or takes it out.
func (m *reference) byHand(id int64, currency money.Currency, minor int64) string {
	a := refAccount{id, currency}
	switch {
	case minor == 0:
		return "invalid_parameters"
	case m.owner[id] == 0:
		return "not_found"
	case minor < 0 && m.available[a]+minor < -m.credit[a]:
		return "not_enough_funds"
	}
	m.move(a, minor, 0)
	m.move(refAccount{outside, currency}, -minor, 0)
	return yes
}

// limit sets limits of a user, after taking all away where clear says so; windows that no limit asks for are
// forgotten.
func (m *reference) limit(user int64, clear bool, limits []wallet.SpendingLimit) {
	u := m.users[user]
	if clear {
		u.limits = nil
	}
	for _, l := range limits {
		u.limits = slices.DeleteFunc(slices.Clone(u.limits), func(old wallet.SpendingLimit) bool {
			return old.Kind == l.Kind && old.Within == l.Within && old.Amount.Currency == l.Amount.Currency
		})
		u.limits = append(u.limits, l)
	}
	maps.DeleteFunc(m.windows, func(k refWindowKey, _ *refWindow) bool {
		return k.user == user && !slices.ContainsFunc(u.limits, func(l wallet.SpendingLimit) bool {
			return l.Within == k.within && l.Amount.Currency == k.currency
		})
	})
}

// due does what time, people who registered, and money that came have made due; it says whether anything was.
func (m *reference) due() (any bool) {
	for _, t := range m.transactions {
		any = m.expire(t) || any
	}
	m.follow()
	any = m.expireAllowances() || any
	for _, t := range m.transactions {
		any = m.arrive(t) || any
	}
	waiting := slices.DeleteFunc(slices.Clone(m.transactions), func(t *refTransaction) bool { return t.status != wallet.WaitingFunds })
	slices.SortFunc(waiting, func(a, b *refTransaction) int { return int(a.id - b.id) })
	for _, t := range waiting {
		if m.payable(t, t.payer, m.owner[t.payer]) == yes && m.hold(t) == yes {
			any = true
		}
	}
	return any
}

func (m *reference) expire(t *refTransaction) bool {
	accepted := t.accepted.Add(t.reserveFor)
	if !t.reserveUntil.IsZero() {
		accepted = t.reserveUntil
	}
	switch {
	case t.open() && m.now.Sub(t.created) >= 30*24*time.Hour:
		if t.status == wallet.TransactionNew {
			m.become(t, wallet.TransactionDeleted, wallet.PaymentDeleted)
		} else {
			m.become(t, wallet.TransactionFailed, wallet.PaymentFailed)
		}
		return true
	case t.pending() && !accepted.After(m.now):
		m.release(t)
		m.become(t, wallet.TransactionFailed, wallet.PaymentFailed)
		return true
	}
	any := false
	for _, p := range t.payments {
		if p.status == wallet.PaymentConfirmed && !p.freezeUntil.After(m.now) {
			m.done(p)
			any = true
		}
	}
	return any
}

// next are the moments to come at which something ends: reservations, freezes, windows, offers.
func (m *reference) next() (moments []time.Time) {
	add := func(at time.Time) {
		if at.After(m.now) {
			moments = append(moments, at)
		}
	}
	for _, t := range m.transactions {
		switch {
		case t.open():
			add(t.created.Add(30 * 24 * time.Hour))
		case t.pending() && !t.reserveUntil.IsZero():
			add(t.reserveUntil)
		case t.pending():
			add(t.accepted.Add(t.reserveFor))
		}
		for _, p := range t.payments {
			if p.status == wallet.PaymentConfirmed {
				add(p.freezeUntil)
			}
		}
	}
	for _, w := range m.windows {
		add(w.since.Add(w.of.within))
	}
	for _, a := range m.allowances {
		if a.status == wallet.AllowanceActive {
			add(a.until)
			if a.within > 0 {
				add(a.confirmed.Add((m.now.Sub(a.confirmed)/a.within + 1) * a.within))
			}
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	return moments
}

// arrive lets payments go to contacts that have become somebody's.
func (m *reference) arrive(t *refTransaction) bool {
	if !t.open() && !t.pending() {
		return false
	}
	any := false
	for _, p := range t.payments {
		user := m.ofContact(p.contact)
		if p.to != 0 || user == 0 || m.users[user].wallet == 0 {
			continue
		}
		if any = true; m.users[user].wallet == t.payer {
			m.revoke(t) // nothing is paid from a wallet to itself
			return true
		}
		p.to = m.users[user].wallet
	}
	if m.touched[t] = m.touched[t] || any; any && t.holds() {
		m.goOn(t)
	}
	return any
}

// remember keeps what a command about these transactions may change; undo brings it back.
func (m *reference) remember(about ...*refTransaction) (undo func()) {
	available, reserved, windows := maps.Clone(m.available), maps.Clone(m.reserved), maps.Clone(m.windows)
	var back []func()
	for _, w := range windows {
		was := *w
		back = append(back, func() { *w = was })
	}
	for _, t := range about {
		was := *t
		back = append(back, func() { *t = was })
		for _, p := range t.payments {
			was := *p
			back = append(back, func() { *p = was })
		}
	}
	return func() {
		m.available, m.reserved, m.windows = available, reserved, windows
		for _, undo := range back {
			undo()
		}
	}
}
