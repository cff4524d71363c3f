package wallet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/money"
)

// The moves of a transaction and its payments (spec/wallet-api.md §4.8). Each is pure: it checks whether the
// move is possible, changes the transaction and returns what it means for the ledger. The money writer posts
// that and keeps the transaction, or does neither. A move that has been made already, by the same request,
// changes nothing and is no error (decisions.md 9): it returns nothing to post.

// Lives of what nobody goes on with.
const (
	// NewLife is how long a transaction waits for a payer.
	NewLife = 30 * 24 * time.Hour
	// DefaultReserve is how long money stays reserved where the client does not say.
	DefaultReserve = 30 * 24 * time.Hour
	// MaxReserve and MaxFreeze bound how long money can be kept from those it belongs to.
	MaxReserve = 366 * 24 * time.Hour
	MaxFreeze  = 366 * 24 * time.Hour
)

// Kinds of the entries that payments make.
const (
	KindTransfer   = "transfer"
	KindCommission = "commission"
	KindReturn     = "return"
	KindCash       = "cash"
)

// Acceptance is a payer's yes to a transaction.
type Acceptance struct {
	Type AcceptanceType
	// Payer is who pays, By the user who said so; 0 where nobody in person did.
	Payer *Holder
	By    int64
	// Beneficiaries are the owners of the wallets that are paid, by wallet.
	Beneficiaries map[int64]*Holder
	// Prices are those that the payer chose, by payment; FundsSources where the money comes from.
	Prices       map[int64]money.Amount
	FundsSources map[int64]FundsSource
	// PricesInOrder and FundsSourcesInOrder are the same in the order of the payments.
	PricesInOrder       []money.Amount
	FundsSourcesInOrder []FundsSource
	// Answers are the payer's to the inquiries, by identifier; Identity is what they have to tell, as it is on record.
	Answers  map[string]InquiryAnswer
	Identity Identity
	// GiveAllowance gives the allowance that the transaction asks for as optional.
	GiveAllowance bool
	// Instead is the transaction that is revoked for it; 0 for none.
	Instead int64
	// Suggested is how much the payer lets be taken from now on, where the transaction suggests that; zero for nothing.
	Suggested money.Amount
	// Allowance is the one that pays, used at Place, where Type is ByAllowance.
	Allowance *Allowance
	Place     int64
}

// Holder is a wallet with what matters of its owner when it pays or is paid.
type Holder struct {
	WalletID int64
	Owner    *User
	// Administrators act for the owner, where that is a company.
	Administrators []int64
	// Inactive wallets neither pay nor are paid.
	Inactive bool
	// UserLimits and WalletLimits bound what is paid.
	UserLimits, WalletLimits []SpendingLimit
}

// BelongsTo says whether the user owns the wallet or acts for the company that does.
func (h *Holder) BelongsTo(user int64) bool {
	return user != 0 && (h.Owner.ID == user || slices.Contains(h.Administrators, user))
}

// inactive says whether nothing moves to or from the wallet.
func (h *Holder) inactive() bool { return h.Inactive || h.Owner.Standing == InactiveUser }

// Pays says whether anything may be paid from the wallet.
func (h *Holder) Pays() bool { return !h.inactive() && h.Owner.Standing != RestrictedUser }

// Accept makes a payer's yes of a transaction that is open, and returns the holds of their money. It fails
// with, first match wins: InvalidState, ClientRestricted, PayerAccountInactive, NoRights,
// PaymentToSameAccount, BeneficiaryAccountInactive, ClientNotVerified, RestrictionViolation and
// InvalidParameters for prices, sources and answers. By an allowance it fails like Allowance.Usable before all these.
func (t *Transaction) Accept(now time.Time, a Acceptance) ([]ledger.Posting, error) {
	if !t.Status.Open() {
		return nil, t.refuse("accepted", "new or waiting")
	}
	if a.Type == ByAllowance {
		if err := a.Allowance.Usable(now, t, a.Place); err != nil {
			return nil, err
		}
	}
	if err := t.acceptable(a); err != nil {
		return nil, err
	}
	if err := t.mayGive(a); err != nil {
		return nil, err
	}
	if err := t.choose(a); err != nil {
		return nil, err
	}
	t.AllowanceDeclined = t.AllowanceID != 0 && t.AllowanceOptional && !a.GiveAllowance
	t.WalletID, t.PayerID, t.Type, t.AcceptedAt = a.Payer.WalletID, a.By, a.Type, now
	if a.Type == ByAllowance {
		t.PaidBy = a.Allowance.ID
	}
	return t.holds(), nil
}

// AcceptedLike says whether the transaction was accepted by the same yes before: by the same payer in the same way, who said the
// same beside it. A price that was lowered since was a higher one then.
func (t *Transaction) AcceptedLike(a Acceptance) bool {
	paid := t.Status == TransactionConfirmed
	if t.WalletID != a.Payer.WalletID || t.PayerID != a.By || t.Type != a.Type || !paid && !t.Status.Accepted() {
		return false
	}
	priced := func(p *Payment, price money.Amount) bool {
		return p != nil && price.Currency == p.Price.Currency && (price.Minor == p.Price.Minor || paid && price.Minor > p.Price.Minor)
	}
	from := func(p *Payment, source FundsSource) bool {
		return p != nil && p.FundsSource != nil && *p.FundsSource == source
	}
	for id, price := range a.Prices {
		if !priced(t.Payment(id), price) {
			return false
		}
	}
	for i, price := range a.PricesInOrder {
		if !priced(t.at(i), price) {
			return false
		}
	}
	for id, source := range a.FundsSources {
		if !from(t.Payment(id), source) {
			return false
		}
	}
	for i, source := range a.FundsSourcesInOrder {
		if !from(t.at(i), source) {
			return false
		}
	}
	asked := t.Clone()
	asked.answer(a, FieldErrors{})
	return slices.EqualFunc(asked.Inquiries, t.Inquiries, func(a, b Inquiry) bool { return a.Answer == b.Answer }) &&
		t.AllowanceDeclined == (t.AllowanceID != 0 && t.AllowanceOptional && !a.GiveAllowance)
}

// mayGive refuses an allowance by a code: the payer was told that it pays once, and has not seen what they would give.
func (t *Transaction) mayGive(a Acceptance) error {
	if a.Type != ByCode && a.Type != ByFlash {
		return nil
	}
	if asked := t.AllowanceID != 0 && !t.AllowanceOptional; asked || a.GiveAllowance {
		return Errorf(InvalidState, "a code pays once and gives no allowance: the payer gives it on the page, or in their app.")
	}
	return nil
}

// holds reserves the price of each payment.
func (t *Transaction) holds() []ledger.Posting {
	postings := make([]ledger.Posting, len(t.Payments))
	for i := range t.Payments {
		p := &t.Payments[i]
		postings[i] = ledger.Hold(ledger.WalletAccount(t.WalletID, p.Price.Currency), p.Price, p.ID)
	}
	return postings
}

// acceptable judges the payer and the beneficiaries.
func (t *Transaction) acceptable(a Acceptance) error {
	payer := a.Payer
	switch {
	case payer.Owner.Standing == RestrictedUser:
		return Errorf(ClientRestricted, "the payer may not make payments at the moment: they should ask the operator of their wallet.")
	case payer.inactive():
		return Errorf(PayerAccountInactive, "wallet %d does not pay: it, or its owner, is inactive.", payer.WalletID)
	case a.By != 0 && !payer.BelongsTo(a.By):
		return Errorf(NoRights, "user %d may not pay from wallet %d: it is another one's.", a.By, payer.WalletID)
	}
	for i := range t.Payments {
		to := t.Payments[i].BeneficiaryID
		switch beneficiary := a.Beneficiaries[to]; {
		case to == payer.WalletID:
			return Errorf(PaymentToSameAccount, "payment %d would go from wallet %d to itself: pay from another wallet.", t.Payments[i].ID, to)
		case to != 0 && (beneficiary == nil || beneficiary.inactive()):
			return Errorf(BeneficiaryAccountInactive, "the beneficiary of payment %d cannot be paid: their wallet is inactive.", t.Payments[i].ID)
		}
	}
	return t.restrict(payer.Owner)
}

// restrict judges the payer by what the transaction asks of them.
func (t *Transaction) restrict(payer *User) error {
	r := t.Restrictions
	if r == nil {
		return nil
	}
	levels := IdentificationLevels()
	switch {
	case r.OwnerType != "" && payer.Type != r.OwnerType:
		return Errorf(RestrictionViolation, "this is for payers of type %s.", r.OwnerType)
	case (r.Identity || r.Level != "") && payer.Level == Unidentified && r.Level != Unidentified:
		return Errorf(ClientNotVerified, "the payer has to be identified first.")
	case slices.Index(levels, payer.Level) < slices.Index(levels, r.Level):
		return Errorf(RestrictionViolation, "this is for payers who are %s, or better.", r.Level)
	}
	return nil
}

// choose takes over what the payer says beside yes.
func (t *Transaction) choose(a Acceptance) error {
	refused := FieldErrors{}
	for id, price := range a.Prices {
		t.Payment(id).choose(refused, fmt.Sprintf("payment_prices.%d", id), price)
	}
	for i, price := range a.PricesInOrder {
		t.at(i).choose(refused, fmt.Sprintf("payment_prices[%d]", i), price)
	}
	for id, source := range a.FundsSources {
		t.Payment(id).comesFrom(refused, fmt.Sprintf("funds_sources.%d", id), source)
	}
	for i, source := range a.FundsSourcesInOrder {
		t.at(i).comesFrom(refused, fmt.Sprintf("funds_sources[%d]", i), source)
	}
	t.answer(a, refused)
	return refused.Err()
}

// at is a payment by its place; nil where there are not so many.
func (t *Transaction) at(i int) *Payment {
	if i >= len(t.Payments) {
		return nil
	}
	return &t.Payments[i]
}

// MaxPrice bounds a price, in cents: the phones count in 31 bits (spec/mobile-sdks.md §0.14).
const MaxPrice = 1<<31 - 1

// Countable says whether a price, or a bound of one, is not more than MaxPrice.
func Countable(price money.Amount) bool {
	cents, err := price.Cents()
	return err == nil && cents <= MaxPrice
}

// noPayment is said of what is about a payment that the transaction does not have.
const noPayment = "the transaction has no such payment"

// choose takes over the price that the payer chose; p is nil where there is no such payment.
func (p *Payment) choose(refused FieldErrors, place string, price money.Amount) {
	switch {
	case p == nil:
		refused.Refuse(place, noPayment)
	case price == p.Price:
	case price.Currency != p.Price.Currency:
		refused.Refuse(place, "must be in %s", p.Price.Currency)
	case p.PriceRules == nil || !p.PriceRules.Allow(price.Minor):
		refused.Refuse(place, "is not a price that the payer may choose")
	case !Countable(price):
		refused.Refuse(place, "must be at most %d cents", MaxPrice)
	case price.Minor < p.taken():
		refused.Refuse(place, "is less than the commissions and the cashback of the payment")
	default:
		p.Price = price
	}
}

// comesFrom takes over where the payer's money comes from; p is nil where there is no such payment.
func (p *Payment) comesFrom(refused FieldErrors, place string, source FundsSource) {
	if p == nil {
		refused.Refuse(place, noPayment)
		return
	}
	p.FundsSource = &source
}

// answer takes over the payer's answers to the inquiries. Required ones must be accepted, by a payer who has on record what
// they ask for: the client would read nothing. An optional one tells what there is.
func (t *Transaction) answer(a Acceptance, refused FieldErrors) {
	for i := range t.Inquiries {
		q := &t.Inquiries[i]
		q.Answer = a.Answers[q.Identifier]
		switch place := "inquiries." + q.Identifier; {
		case !q.Required:
		case q.Answer != InquiryAccepted:
			refused.Refuse(place, "must be accepted: the transaction asks for it")
		default:
			for _, item := range q.Items {
				if !a.Identity.Tells(item.Type) {
					refused.Refuse(place+"."+item.Identifier, "is not on record of the payer: the operator of their wallet has to identify them first")
				}
			}
		}
	}
	for identifier := range a.Answers {
		if !slices.ContainsFunc(t.Inquiries, func(q Inquiry) bool { return q.Identifier == identifier }) {
			refused.Refuse("inquiries."+identifier, "the transaction does not ask for this")
		}
	}
}

// LackFunds lets an accepted transaction wait for the payer to come up with the money.
func (t *Transaction) LackFunds() { t.become(WaitingFunds, PaymentWaiting) }

// Held is told that the holds were posted: what is missing beside money decides the status.
func (t *Transaction) Held(now time.Time) {
	t.HeldAt = now
	t.advance()
}

// advance moves a transaction whose money is held to the next thing that it waits for.
func (t *Transaction) advance() {
	status := TransactionReserved
	for i := range t.Payments {
		p := &t.Payments[i]
		switch {
		case p.BeneficiaryID == 0:
			p.Status, status = PaymentWaitingRegistration, WaitingRegistration
		case p.locked():
			p.Status = PaymentWaitingPassword
			if status != WaitingRegistration {
				status = WaitingPassword
			}
		default:
			p.Status = PaymentReserved
		}
	}
	t.Status = status
}

// locked says whether a password keeps the payment from going on.
func (p *Payment) locked() bool {
	return p.Password != nil && !p.Password.Optional && p.Password.Status == PasswordPending
}

// Retry returns the holds of a transaction that waits for funds; none for another. It fails like Accept where the
// payer or a beneficiary has become one who cannot pay or be paid.
func (t *Transaction) Retry(a Acceptance) ([]ledger.Posting, error) {
	if t.Status != WaitingFunds {
		return nil, nil
	}
	return t.holds(), t.acceptable(a)
}

// Show notes that a payer was shown the transaction.
func (t *Transaction) Show() {
	if t.Status == TransactionNew {
		t.become(TransactionWaiting, PaymentWaiting)
	}
}

// Register tells that a contact has an account now: payments to it go there. Where that is the payer's own wallet the
// transaction is revoked, since nothing goes from a wallet to itself. What is over stays as it is.
func (t *Transaction) Register(contact string, walletID int64) ([]ledger.Posting, error) {
	if !t.Status.Open() && !t.Status.Accepted() {
		return nil, nil
	}
	for i := range t.Payments {
		p := &t.Payments[i]
		if p.BeneficiaryID != 0 || p.Beneficiary.Text() != contact {
			continue // it may have been moved into another transaction
		}
		if walletID == t.WalletID {
			return t.Revoke()
		}
		p.BeneficiaryID = walletID
	}
	if t.Status.Holds() {
		t.advance()
	}
	return nil, nil
}

// Unlock is told that the password of a payment was given rightly. It fails with InvalidState.
func (t *Transaction) Unlock(id int64) error {
	p := t.Payment(id)
	switch {
	case p.Password == nil:
		return Errorf(InvalidState, "payment %d has no password.", id)
	case p.Password.Status == PasswordUnlocked:
		return nil
	case p.Status != PaymentWaitingPassword && p.Status != PaymentReserved && p.Status != PaymentWaitingRegistration:
		return Errorf(InvalidState, "payment %d is %s, and its password is given while it waits for that.", id, p.Status)
	}
	p.Password.Status = PasswordUnlocked
	t.advance() // also while others wait for somebody to register: this payment does not wait any more
	return nil
}

// Confirm moves the money of a reserved transaction to the beneficiaries. prices are lower ones, by payment;
// the difference goes back to the payer. It fails with InvalidState and InvalidParameters.
func (t *Transaction) Confirm(now time.Time, prices map[int64]money.Amount) ([]ledger.Posting, error) {
	if t.Status == TransactionConfirmed && t.confirmedAt(prices) {
		return nil, nil
	}
	if t.Status != TransactionReserved {
		return nil, t.refuse("confirmed", "reserved")
	}
	if err := t.checkLower(prices); err != nil {
		return nil, err
	}
	var postings []ledger.Posting
	for i := range t.Payments {
		p := &t.Payments[i]
		held := p.Price
		if price, lower := prices[p.ID]; lower {
			p.Price = price
		}
		postings = append(postings, p.capture(t.WalletID, held, now)...)
	}
	t.Status, t.ConfirmedAt = TransactionConfirmed, now
	return postings, nil
}

// confirmedAt says whether the transaction was confirmed at those prices.
func (t *Transaction) confirmedAt(prices map[int64]money.Amount) bool {
	for id, price := range prices {
		if p := t.Payment(id); p == nil || p.Price != price {
			return false
		}
	}
	return true
}

func (t *Transaction) checkLower(prices map[int64]money.Amount) error {
	refused := FieldErrors{}
	for id, price := range prices {
		p := t.Payment(id)
		if p == nil {
			refused.Refuse(fmt.Sprint(id), "the transaction has no such payment")
			continue
		}
		if problem := p.lower(price); problem != "" {
			refused.Refuse(fmt.Sprintf("%d.price", id), "%s", problem)
		}
	}
	return refused.Err()
}

// lower says what is wrong with a price in the place of the payment's; empty for nothing.
func (p *Payment) lower(price money.Amount) string {
	switch {
	case price.Currency != p.Price.Currency:
		return "must be in " + string(p.Price.Currency)
	case price.Minor > p.Price.Minor:
		return "may only be reduced, from " + p.Price.String()
	case price.Minor <= 0:
		return "must be more than zero: revoke or cancel what is not to be paid"
	case price.Minor < p.taken():
		return "is less than the commissions and the cashback of the payment"
	}
	return ""
}

func (p *Payment) commissions() int64 { return p.InCommission + p.OutCommission }

// taken is what of the price the beneficiary does not keep. No price is less, or a beneficiary who has nothing else
// could not give the cashback, and what is due would never be done.
func (p *Payment) taken() int64 { return p.commissions() + p.Cashback }

// net is what the beneficiary gets.
func (p *Payment) net() int64 { return p.Price.Minor - p.commissions() }

// minor is so much of the payment's currency.
func (p *Payment) minor(n int64) money.Amount {
	return money.Amount{Minor: n, Currency: p.Price.Currency}
}

// The accounts of a payment.
func (p *Payment) payer(walletID int64) ledger.Key {
	return ledger.WalletAccount(walletID, p.Price.Currency)
}
func (p *Payment) payee() ledger.Key {
	return ledger.WalletAccount(p.BeneficiaryID, p.Price.Currency)
}
func (p *Payment) commission() ledger.Key {
	return ledger.SystemAccount(ledger.Commission, p.Price.Currency)
}

// posting moves so much for the payment.
func (p *Payment) posting(kind string, minor int64, from ledger.Key, fromPart ledger.Part, to ledger.Key, toPart ledger.Part) ledger.Posting {
	return ledger.Posting{
		Debit: from, From: fromPart, Credit: to, To: toPart, Amount: p.minor(minor), Kind: kind, Details: p.Title(), PaymentID: p.ID,
	}
}

// some leaves out what moves nothing.
func some(postings ...ledger.Posting) []ledger.Posting {
	return slices.DeleteFunc(postings, func(p ledger.Posting) bool { return p.Amount.Minor == 0 })
}

// capture confirms one payment whose payer's wallet holds that much for it.
func (p *Payment) capture(payer int64, held money.Amount, now time.Time) []ledger.Posting {
	p.ConfirmedAt = now
	if p.FreezeFor > 0 {
		p.FreezeUntil, p.FreezeFor = now.Add(p.FreezeFor), 0
	}
	kind := KindTransfer
	if p.Purpose == CashPayment {
		kind = KindCash
	}
	from, to, fees := p.payer(payer), p.payee(), p.commission()
	part := ledger.Available
	p.Status = PaymentDone
	if p.FreezeUntil.After(now) {
		part, p.Status = ledger.Reserved, PaymentConfirmed
	}
	postings := some(
		ledger.Release(from, p.minor(held.Minor-p.Price.Minor), p.ID),
		p.posting(kind, p.Price.Minor-p.OutCommission, from, ledger.Reserved, to, part),
		p.posting(KindCommission, p.OutCommission, from, ledger.Reserved, fees, ledger.Available),
		p.posting(KindCommission, p.InCommission, to, part, fees, ledger.Available),
	)
	if p.Status == PaymentDone {
		postings = append(postings, p.cashback(payer)...)
	}
	return postings
}

// cashback gives a part back to the payer, once the beneficiary has the money.
func (p *Payment) cashback(payer int64) []ledger.Posting {
	return some(p.posting(KindReturn, p.Cashback, p.payee(), ledger.Available, p.payer(payer), ledger.Available))
}

// release gives all held money back.
func (t *Transaction) release() []ledger.Posting {
	if !t.Status.Holds() {
		return nil
	}
	postings := make([]ledger.Posting, len(t.Payments))
	for i := range t.Payments {
		p := &t.Payments[i]
		postings[i] = ledger.Release(p.payer(t.WalletID), p.Price, p.ID)
	}
	return postings
}

// Revoke takes a transaction back that is not confirmed. It fails with InvalidState.
func (t *Transaction) Revoke() ([]ledger.Posting, error) {
	switch {
	case t.Status == TransactionRevoked || t.Status == TransactionDeleted:
		return nil, nil
	case t.Status == TransactionNew:
		t.become(TransactionDeleted, PaymentDeleted)
		return nil, nil
	case t.Status == TransactionWaiting || t.Status.Accepted():
		postings := t.release()
		t.become(TransactionRevoked, PaymentRevoked)
		return postings, nil
	}
	return nil, t.refuse("revoked", "not confirmed or over")
}

// Reject is a payer's no. It fails with InvalidState.
func (t *Transaction) Reject() error {
	switch {
	case t.Status == TransactionRejected:
		return nil
	case t.Status.Open():
		t.become(TransactionRejected, PaymentRejected)
		return nil
	}
	return t.refuse("rejected", "new or waiting")
}

// become moves the transaction and all its payments.
func (t *Transaction) become(status TransactionStatus, payments PaymentStatus) {
	t.Status = status
	for i := range t.Payments {
		t.Payments[i].Status = payments
	}
}

// Cancel gives a confirmed payment back to the payer, with its commissions. It fails with InvalidState.
func (t *Transaction) Cancel(id int64) ([]ledger.Posting, error) {
	p := t.Payment(id)
	if p.Status == PaymentCanceled {
		return nil, nil
	}
	if !p.Cancelable() {
		return nil, p.refuse("canceled")
	}
	p.Status = PaymentCanceled
	payer := p.payer(t.WalletID)
	return some(
		p.posting(KindReturn, p.net(), p.payee(), ledger.Reserved, payer, ledger.Available),
		p.posting(KindReturn, p.commissions(), p.commission(), ledger.Available, payer, ledger.Available),
	), nil
}

// Finalize lets the beneficiary use a confirmed payment now, at a lower price where one is given: the
// difference goes back to the payer. It fails with InvalidState and InvalidParameters.
func (t *Transaction) Finalize(now time.Time, id int64, price *money.Amount) ([]ledger.Posting, error) {
	p := t.Payment(id)
	if p.Status == PaymentDone && (price == nil || *price == p.Price) {
		return nil, nil
	}
	if p.Status != PaymentConfirmed {
		return nil, p.refuse("finalized")
	}
	before := p.Price
	if price != nil {
		if problem := p.lower(*price); problem != "" {
			return nil, FieldError("price", "%s", problem)
		}
		p.Price = *price
	}
	p.FreezeUntil = now
	back := some(p.posting(KindReturn, before.Minor-p.Price.Minor, p.payee(), ledger.Reserved, p.payer(t.WalletID), ledger.Available))
	return append(back, t.finish(p)...), nil
}

// finish lets the beneficiary use the money.
func (t *Transaction) finish(p *Payment) []ledger.Posting {
	p.Status = PaymentDone
	return append(some(ledger.Release(p.payee(), p.minor(p.net()), p.ID)), p.cashback(t.WalletID)...)
}

// Freeze is for how long a beneficiary cannot use the money of a payment: For counts from when it is
// confirmed, Until is in its place. Both zero end it.
type Freeze struct {
	For   time.Duration
	Until time.Time
}

// Freeze changes how long a payment is frozen; a time that has passed ends it. It fails with InvalidState.
func (t *Transaction) Freeze(now time.Time, id int64, f Freeze) ([]ledger.Posting, error) {
	p := t.Payment(id)
	if t.Cash != nil {
		return nil, Errorf(InvalidState, "payment %d is cash that changed hands at a place: it is not frozen, and goes on when the customer registers.", id)
	}
	switch p.Status {
	case PaymentDone:
		if !f.Until.After(now) && !p.ConfirmedAt.Add(f.For).After(now) {
			return nil, nil
		}
		return nil, p.refuse("frozen")
	case PaymentConfirmed:
		p.FreezeUntil = f.Until
		if f.For > 0 {
			p.FreezeUntil = p.ConfirmedAt.Add(f.For)
		}
		if p.FreezeUntil.After(now) {
			return nil, nil
		}
		p.FreezeUntil = now
		return t.finish(p), nil
	case PaymentCanceled, PaymentRejected, PaymentRevoked, PaymentFailed, PaymentDeleted:
		return nil, p.refuse("frozen")
	}
	p.FreezeFor, p.FreezeUntil = f.For, f.Until
	return nil, nil
}

// Expire does what the time has come for: what nobody accepted vanishes, what was held too long is given back,
// and what is no longer frozen is the beneficiary's.
func (t *Transaction) Expire(now time.Time) []ledger.Posting {
	if due := t.Due(); due.IsZero() || due.After(now) {
		return nil
	}
	switch {
	case t.Status == TransactionNew:
		t.become(TransactionDeleted, PaymentDeleted)
		return nil
	case t.Status == TransactionWaiting:
		t.become(TransactionFailed, PaymentFailed)
		return nil
	case t.Status.Accepted():
		postings := t.release()
		t.become(TransactionFailed, PaymentFailed)
		return postings
	}
	var postings []ledger.Posting
	for i := range t.Payments {
		if p := &t.Payments[i]; p.Status == PaymentConfirmed && !p.FreezeUntil.After(now) {
			postings = append(postings, t.finish(p)...)
		}
	}
	return postings
}

// Due is when Expire has something to do; zero for never.
func (t *Transaction) Due() (due time.Time) {
	switch {
	case t.Status.Open():
		return t.CreatedAt.Add(NewLife)
	case t.Status.Accepted() && !t.ReserveUntil.IsZero():
		return t.ReserveUntil
	case t.Status.Accepted():
		return t.AcceptedAt.Add(t.ReserveFor)
	}
	for i := range t.Payments {
		if p := &t.Payments[i]; p.Status == PaymentConfirmed && (due.IsZero() || p.FreezeUntil.Before(due)) {
			due = p.FreezeUntil
		}
	}
	return due
}

// refuse says that a transaction in its status cannot be done that to.
func (t *Transaction) refuse(done, unless string) *Error {
	return Errorf(InvalidState, "the transaction is %s, and only one that is %s can be %s.", t.Status, unless, done)
}

// refuse says that a payment in its status cannot be done that to.
func (p *Payment) refuse(done string) *Error {
	return Errorf(InvalidState, "payment %d is %s, and only one that is confirmed, and not done yet, can be %s.", p.ID, p.Status, done)
}

// Accounts are the accounts of the ledger that a move of the transaction may touch, in their order; payer is
// the wallet that pays, where the transaction does not know yet.
func (t *Transaction) Accounts(payer int64) []ledger.Key {
	payer = cmp.Or(t.WalletID, payer)
	var keys []ledger.Key
	for i := range t.Payments {
		p := &t.Payments[i]
		if payer != 0 {
			keys = append(keys, p.payer(payer))
		}
		if p.BeneficiaryID != 0 {
			keys = append(keys, p.payee())
		}
		if p.commissions() > 0 {
			keys = append(keys, p.commission())
		}
	}
	slices.SortFunc(keys, ledger.Key.Compare)
	return slices.Compact(keys)
}
