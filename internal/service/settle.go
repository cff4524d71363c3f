package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Reservation is how a client says that a payer accepts a transaction: who, and one proof of it. No proof at all
// is the payer's token itself.
type Reservation struct {
	// Payer names the wallet that pays; empty, or WalletID Me, for the token's own, or the one that a code was
	// made for.
	Payer wallet.Contact
	PIN   secret.Text
	// Code is one that the payer reads out, FlashCode one that was sent to the payer for this transaction.
	Code, FlashCode secret.Text
	// Prices are those that the payer chose, by payment; the rest is what the payer says beside yes.
	Prices       map[int64]money.Amount
	FundsSources map[int64]wallet.FundsSource
	Answers      map[string]wallet.InquiryAnswer
	// PricesInOrder and FundsSourcesInOrder are the same in the order of the payments.
	PricesInOrder       []money.Amount
	FundsSourcesInOrder []wallet.FundsSource
	// RevokeKey is a transaction that is revoked first; empty for none.
	RevokeKey string
	// GiveAllowance gives the allowance that is asked for as optional.
	GiveAllowance bool
}

// proof says how the payer accepts. Without any proof a token of theirs is one in a program that they trust with their
// password; otherwise what they agreed to before has to do.
func (r *Reservation) proof(c wallet.Caller) (wallet.AcceptanceType, wallet.Action) {
	switch {
	case r.PIN != "":
		return wallet.ByPIN, wallet.AcceptByPIN
	case r.FlashCode != "":
		return wallet.ByFlash, wallet.AcceptByFlash
	case r.Code != "":
		return wallet.ByCode, wallet.AcceptByCode
	case c.Kind == wallet.ByToken && c.Client.Has(wallet.UsePasswordGrant):
		return wallet.ByApp, wallet.AcceptInApp
	}
	return wallet.ByAllowance, wallet.AcceptByAllowance
}

// checkSources refuses what is wrong with where the payer says the money comes from.
func (r *Reservation) checkSources() error {
	refused := wallet.FieldErrors{}
	for id, source := range r.FundsSources {
		checkFundsSource(refused, fmt.Sprintf("funds_sources.%d", id), source)
	}
	for i, source := range r.FundsSourcesInOrder {
		checkFundsSource(refused, fmt.Sprintf("funds_sources[%d]", i), source)
	}
	return refused.Err()
}

// ReserveTransaction has a payer accept a transaction: their money is held, all of it or none. Too little money makes
// it wait where the payer is there to come up with it (decisions.md 8). It fails with Forbidden, NotFound,
// InvalidParameters, InvalidState, RateLimitExceeded for too many wrong proofs, and why a payer cannot pay: see
// wallet.Transaction.Accept, LimitsExceeded, RestrictionLimitsExceeded, NotEnoughFunds.
func (s *Service) ReserveTransaction(ctx context.Context, c wallet.Caller, key string, r Reservation) (TransactionView, error) {
	how, action := r.proof(c)
	t, err := s.findTransaction(ctx, key)
	if err != nil {
		return TransactionView{}, err
	}
	subject := wallet.Subject{}
	if c.Kind != wallet.ByToken || how == wallet.ByAllowance { // a token may pay for another project, from a wallet that is not known yet
		subject.Transaction = t
	}
	if err := wallet.May(c, action, subject).Err(); err != nil {
		return TransactionView{}, err
	}
	if t == nil {
		return TransactionView{}, errNoTransaction()
	}
	if err := r.checkSources(); err != nil {
		return TransactionView{}, err
	}
	return inTurn(ctx, s, c, func() (TransactionView, error) { return s.reserve(ctx, c, t, r) })
}

// reserve has a payer accept a transaction that was found.
func (s *Service) reserve(ctx context.Context, c wallet.Caller, t *wallet.Transaction, r Reservation) (TransactionView, error) {
	how, action := r.proof(c)
	code, err := s.codeOf(ctx, c, t, r)
	if err != nil {
		return TransactionView{}, err
	}
	payer, err := s.payerOf(ctx, c, r, code)
	if err != nil {
		return TransactionView{}, err
	}
	if err := wallet.May(c, action, wallet.Subject{Transaction: t, Wallet: walletOf(payer)}).Err(); err != nil {
		return TransactionView{}, err
	}
	needs, proven := store.Needs{}, []byte(nil)
	if r.PIN != "" {
		if proven, err = s.provePIN(ctx, c, payer.Owner.ID, r.PIN); err != nil {
			return TransactionView{}, err
		}
		needs.PINs = []int64{payer.Owner.ID}
	}
	a := wallet.Acceptance{
		Type: how, Payer: payer, Prices: r.Prices, FundsSources: r.FundsSources, Answers: r.Answers,
		PricesInOrder: r.PricesInOrder, FundsSourcesInOrder: r.FundsSourcesInOrder, GiveAllowance: r.GiveAllowance, Place: c.LocationID,
	}
	switch {
	case how == wallet.ByAllowance:
		if err := r.unattended(t); err != nil {
			return TransactionView{}, err
		}
	case how == wallet.ByApp:
		a.By = c.UserID()
	case code != nil:
		a.By = code.UserID
	default:
		a.By = payer.Owner.ID // whose PIN it is
	}
	first, err := s.revokedFirst(ctx, c, r.RevokeKey)
	if err != nil {
		return TransactionView{}, err
	}
	if first != nil && first.ID == t.ID {
		return TransactionView{}, wallet.FieldError("revoke_transaction_key", "is that of this very transaction")
	}
	before := func(m *store.MoneyTx) error {
		if code != nil {
			m.UseCode(code.Hash)
		}
		return pinStillIs(m, payer.Owner.ID, proven)
	}
	if first == nil {
		view, err := s.accept(ctx, c, t, a, needs, before)
		return view, s.spentMeanwhile(ctx, code, err)
	}
	a.Instead = first.ID
	view, err := withPayer(ctx, s, first.WalletID, func(other *wallet.Holder) (TransactionView, error) {
		needs.Add(moveNeeds(first, other))
		return s.accept(ctx, c, t, a, needs, func(m *store.MoneyTx) error {
			if _, err := moved(m, first.ID, other, revoking); err != nil {
				return err
			}
			return before(m)
		})
	})
	return view, s.spentMeanwhile(ctx, code, err)
}

// revokedFirst is the transaction that is to be revoked before another is accepted; nil for none.
func (s *Service) revokedFirst(ctx context.Context, c wallet.Caller, key string) (*wallet.Transaction, error) {
	if key == "" {
		return nil, nil
	}
	return s.subjectTransaction(ctx, c, key, wallet.ManageTransaction)
}

// transactionByKey is findTransaction. It fails with NotFound.
func (s *Service) transactionByKey(ctx context.Context, key string) (*wallet.Transaction, error) {
	t, err := s.findTransaction(ctx, key)
	if err == nil && t == nil {
		err = errNoTransaction()
	}
	return t, err
}

// payerOf finds the wallet that is to pay. It fails with InvalidParameters and NotFound.
func (s *Service) payerOf(ctx context.Context, c wallet.Caller, r Reservation, code *store.ReserveCode) (*wallet.Holder, error) {
	id, problem := r.Payer.WalletID, ""
	var err error
	switch {
	case r.Payer != (wallet.Contact{}):
		id, problem, err = s.walletOfContact(ctx, &r.Payer)
		if err == nil && problem == "" && code != nil && id != code.WalletID {
			return nil, errWrongCode // somebody else's than of whom the client means
		}
	case code != nil:
		id = code.WalletID
	case c.UserID() != 0:
		if id, err = s.db.OwnWallet(ctx, c.UserID()); id == 0 {
			problem = "must be given: the token's user has no wallet"
		}
	default:
		problem = "must be given: name the wallet that pays in the path, or as payer or wallet_id"
	}
	if err != nil {
		return nil, err
	}
	if problem != "" {
		return nil, wallet.FieldError("payer", "%s", problem)
	}
	h, err := s.db.Holder(ctx, id)
	if err == nil && h == nil {
		err = wallet.FieldError("payer", "there is no wallet %d", id)
	}
	return h, err
}

// provePIN compares a PIN with a user's, whom wrong ones slow down, and returns its hash. It fails with
// InvalidParameters naming the PIN, and RateLimitExceeded.
func (s *Service) provePIN(ctx context.Context, c wallet.Caller, user int64, pin secret.Text) ([]byte, error) {
	account, network := s.pinGuesses(c, user)
	if err := s.countTry(ctx, account, network); err != nil {
		return nil, err
	}
	_, hash, err := s.db.Hashes(ctx, user)
	if err != nil {
		return nil, err
	}
	if !s.Box.CheckPIN(hash, pin) {
		return nil, errWrongPIN
	}
	return hash, s.db.Update(ctx, func(tx *store.Tx) error { return s.wasRight(tx, account, network) })
}

var errWrongPIN = wallet.FieldError("pin", "is wrong")

// pinStillIs looks in the decision whether a PIN that was proven before it is still the user's: nobody pays with one that
// was changed because somebody else knew it. nil proved none.
func pinStillIs(m *store.MoneyTx, user int64, proven []byte) error {
	if proven == nil {
		return nil
	}
	hash, err := m.PINHash(user)
	if err == nil && !bytes.Equal(hash, proven) {
		err = errWrongPIN
	}
	return err
}

// accept is the command of a payer's yes. before runs first in it, and looks at needs. It is prepared with once, which may
// be what this server remembers, and again with what there is where a payment has got a beneficiary since.
func (s *Service) accept(ctx context.Context, c wallet.Caller, once *wallet.Transaction, a wallet.Acceptance, needs store.Needs, before func(m *store.MoneyTx) error) (TransactionView, error) {
	needs.Add(store.Needs{Accounts: once.Accounts(a.Payer.WalletID), Transactions: []int64{once.ID}, Spenders: spenders(a.Payer)})
	allowances, err := s.acceptNeeds(ctx, c, once, a)
	if err != nil {
		return TransactionView{}, err
	}
	needs.Add(allowances)
	if len(once.Inquiries) > 0 {
		payer, err := s.db.User(ctx, a.Payer.Owner.ID)
		if err != nil {
			return TransactionView{}, err
		}
		a.Identity = payer.Identity
	}
	const attempts = 3
	for attempt := 1; ; attempt++ {
		if err := s.withBeneficiaries(ctx, once, &a); err != nil {
			return TransactionView{}, err
		}
		view, err := moneyAs(ctx, s, c, needs, func(m *store.MoneyTx) (TransactionView, error) { return s.accepted(m, c, once.ID, a, before) })
		if !errors.Is(err, errOtherBeneficiary) || attempt == attempts {
			return view, err
		}
		if once, err = s.db.Transaction(ctx, once.ID); err != nil {
			return TransactionView{}, err
		}
	}
}

// errOtherBeneficiary is the error of a yes that was prepared before it was known who is paid.
var errOtherBeneficiary = errors.New("service: a beneficiary was not known when the yes was prepared")

// accepted accepts a transaction inside of a command.
func (s *Service) accepted(m *store.MoneyTx, c wallet.Caller, id int64, a wallet.Acceptance, before func(m *store.MoneyTx) error) (TransactionView, error) {
	t, err := m.Transaction(id)
	if err != nil {
		return TransactionView{}, err
	}
	repeated := t.AcceptedLike(a)
	if repeated && a.Instead != 0 {
		first, err := m.Transaction(a.Instead)
		if err != nil {
			return TransactionView{}, err
		}
		repeated = first.Status == wallet.TransactionRevoked || first.Status == wallet.TransactionDeleted
	}
	if repeated {
		return s.moneyView(m, t)
	}
	if err := before(m); err != nil {
		return TransactionView{}, err
	}
	if t, err = m.Transaction(id); err != nil { // as it is now: it may be what was revoked
		return TransactionView{}, err
	}
	for i := range t.Payments {
		to := t.Payments[i].BeneficiaryID
		if _, known := a.Beneficiaries[to]; to != 0 && !known {
			return TransactionView{}, errOtherBeneficiary
		}
	}
	if a.Type == wallet.ByAllowance {
		if a.Allowance, err = m.LastAllowance(wallet.AllowanceOf{ClientID: c.Client.ID, WalletID: a.Payer.WalletID}); err != nil {
			return TransactionView{}, err
		}
	}
	was := stageOf(t)
	if err := suggest(m, t, a); err != nil {
		return TransactionView{}, err
	}
	holds, err := t.Accept(m.Now(), a)
	if err != nil {
		return TransactionView{}, err
	}
	if err := s.hold(m, t, a.Payer, holds); err != nil {
		return TransactionView{}, err
	}
	if err := allowancesFollow(m, was, t); err != nil {
		return TransactionView{}, err
	}
	m.Keep(t)
	return s.moneyView(m, t)
}

// withBeneficiaries finds the owners of the wallets that a transaction pays.
func (s *Service) withBeneficiaries(ctx context.Context, t *wallet.Transaction, a *wallet.Acceptance) error {
	a.Beneficiaries = make(map[int64]*wallet.Holder, len(t.Payments))
	for i := range t.Payments {
		id := t.Payments[i].BeneficiaryID
		if id == 0 || a.Beneficiaries[id] != nil {
			continue
		}
		h, err := s.db.Holder(ctx, id)
		if err != nil {
			return err
		}
		a.Beneficiaries[id] = h
	}
	return nil
}

// spenders are whose spending has to be looked at when a wallet pays: those who have limits within a time.
func spenders(h *wallet.Holder) (list []wallet.Spender) {
	timed := func(l wallet.SpendingLimit) bool { return l.Within > 0 }
	if slices.ContainsFunc(h.UserLimits, timed) {
		list = append(list, wallet.Spender{Kind: wallet.SpenderUser, ID: h.Owner.ID})
	}
	if slices.ContainsFunc(h.WalletLimits, timed) {
		list = append(list, wallet.Spender{Kind: wallet.SpenderWallet, ID: h.WalletID})
	}
	return list
}

// hold posts the holds of an accepted transaction within the payer's limits, and confirms it where that is wanted.
// Without enough money it waits for that where the payer is patient, else it fails with NotEnoughFunds.
func (s *Service) hold(m *store.MoneyTx, t *wallet.Transaction, payer *wallet.Holder, holds []ledger.Posting) error {
	changes, err := spend(m, payer, wallet.Held(payer.WalletID, holds))
	if err != nil {
		return err
	}
	switch err := post(m, holds); {
	case errors.Is(err, ledger.ErrNotCovered) && t.Type.Patient():
		t.LackFunds()
		return nil
	case errors.Is(err, ledger.ErrNotCovered):
		return wallet.Errorf(wallet.NotEnoughFunds, "the payer's wallet holds less than the transaction takes.")
	case err != nil:
		return err
	}
	m.KeepSpent(changes...)
	t.Held(m.Now())
	return goOn(m, t, payer)
}

// post records what there is to record: an allowance that is asked for alone moves nothing.
func post(m *store.MoneyTx, postings []ledger.Posting) error {
	if len(postings) == 0 {
		return nil
	}
	_, err := m.Post(postings...)
	return err
}

// goOn confirms a transaction that is reserved, where its client wants that at once, and where nothing but an allowance is
// asked for: then the payer's yes is all there is to it.
func goOn(m *store.MoneyTx, t *wallet.Transaction, payer *wallet.Holder) error {
	if t.Status != wallet.TransactionReserved || !t.AutoConfirm && len(t.Payments) > 0 {
		return nil
	}
	postings, err := t.Confirm(m.Now(), nil)
	if err != nil {
		return err
	}
	return settle(m, t, payer, postings)
}

// bound is a spender with their limits.
type bound struct {
	who    wallet.Spender
	limits []wallet.SpendingLimit
}

// bounds are what bounds the payments of a payer.
func bounds(payer *wallet.Holder) [2]bound {
	return [2]bound{
		{wallet.Spender{Kind: wallet.SpenderUser, ID: payer.Owner.ID}, payer.UserLimits},
		{wallet.Spender{Kind: wallet.SpenderWallet, ID: payer.WalletID}, payer.WalletLimits},
	}
}

// spend counts amounts against the limits of a payer, and returns what changes by that.
func spend(m *store.MoneyTx, payer *wallet.Holder, amounts []money.Amount) (changes []wallet.Spent, err error) {
	for _, bound := range bounds(payer) {
		if len(bound.limits) == 0 {
			continue
		}
		var spent []wallet.Spent
		if slices.Contains(spenders(payer), bound.who) {
			if spent, err = m.Spent(bound.who); err != nil {
				return nil, err
			}
		}
		for _, amount := range amounts {
			next, err := wallet.Spend(m.Now(), bound.who, bound.limits, amount, spent)
			if err != nil {
				return nil, err
			}
			changes = append(changes, next...)
		}
	}
	return changes, nil
}

// otherPayer is the error of a move that was prepared for another payer than the one who has accepted meanwhile.
type otherPayer struct{ walletID int64 }

func (*otherPayer) Error() string {
	return "service: the payer was not known when the move was prepared"
}

// settle posts what a move means for the ledger, and takes what goes back to the payer off what they have spent.
// payer is nil where nobody had accepted.
func settle(m *store.MoneyTx, t *wallet.Transaction, payer *wallet.Holder, postings []ledger.Posting) error {
	if len(postings) == 0 {
		return nil
	}
	if payer == nil || payer.WalletID != t.WalletID {
		return &otherPayer{t.WalletID}
	}
	if _, err := m.Post(postings...); err != nil {
		if errors.Is(err, ledger.ErrNotCovered) {
			return wallet.Errorf(wallet.NotEnoughFunds, "the beneficiary's wallet holds less than the cashback takes.")
		}
		return err
	}
	for _, amount := range wallet.Held(t.WalletID, postings) {
		if amount.Minor >= 0 {
			continue
		}
		amount.Minor = -amount.Minor
		for _, who := range spenders(payer) {
			spent, err := m.Spent(who)
			if err != nil {
				return err
			}
			m.KeepSpent(wallet.Unspend(m.Now(), t.HeldAt, amount, spent)...)
		}
	}
	return nil
}

// withPayer runs a command about a transaction whose payer it gives to it, and again with another one where somebody
// has accepted meanwhile.
func withPayer[T any](ctx context.Context, s *Service, walletID int64, command func(payer *wallet.Holder) (T, error)) (T, error) {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		var payer *wallet.Holder
		var none T
		if walletID != 0 {
			var err error
			if payer, err = s.db.Holder(ctx, walletID); err != nil {
				return none, err
			}
		}
		answer, err := command(payer)
		var other *otherPayer
		if !errors.As(err, &other) || attempt == attempts {
			return answer, err
		}
		walletID = other.walletID
	}
}

// moveNeeds are what a move of a transaction looks at.
func moveNeeds(once *wallet.Transaction, payer *wallet.Holder) store.Needs {
	needs := store.Needs{Transactions: []int64{once.ID}}
	needs.Add(allowancesOf(once, payer))
	if payer == nil {
		needs.Accounts = once.Accounts(0)
		return needs
	}
	needs.Accounts, needs.Spenders = once.Accounts(payer.WalletID), spenders(payer)
	return needs
}

// move runs a command that moves one transaction. A move that posts nothing and leaves it as it was is no error.
func (s *Service) move(ctx context.Context, c wallet.Caller, once *wallet.Transaction, how func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error)) (TransactionView, error) {
	return withPayer(ctx, s, once.WalletID, func(payer *wallet.Holder) (TransactionView, error) {
		return moneyAs(ctx, s, c, moveNeeds(once, payer), func(m *store.MoneyTx) (TransactionView, error) {
			t, err := moved(m, once.ID, payer, how)
			if err != nil {
				return TransactionView{}, err
			}
			return s.moneyView(m, t)
		})
	})
}

// moved moves a transaction inside of a command.
func moved(m *store.MoneyTx, id int64, payer *wallet.Holder, how func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error)) (*wallet.Transaction, error) {
	t, err := m.Transaction(id)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, errNoTransaction()
	}
	was := stageOf(t)
	postings, err := how(m, t)
	if err != nil {
		return nil, err
	}
	if err := settle(m, t, payer, postings); err != nil {
		return nil, err
	}
	if err := goOn(m, t, payer); err != nil {
		return nil, err
	}
	if len(postings) == 0 && m.Unchanged(t) {
		return t, nil // it was moved like that before
	}
	if err := allowancesFollow(m, was, t); err != nil {
		return nil, err
	}
	m.Keep(t)
	return t, nil
}

// ConfirmTransaction moves the money of a reserved transaction to who is paid. prices are lower ones, by payment. It
// fails with Forbidden, NotFound, InvalidState and InvalidParameters.
func (s *Service) ConfirmTransaction(ctx context.Context, c wallet.Caller, key string, prices map[int64]money.Amount) (TransactionView, error) {
	once, err := s.subjectTransaction(ctx, c, key, wallet.ManageTransaction)
	if err != nil {
		return TransactionView{}, err
	}
	return s.move(ctx, c, once, func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) {
		return t.Confirm(m.Now(), prices)
	})
}

// RevokeTransaction takes a transaction back that is not confirmed; what is held goes back to the payer. It fails
// with Forbidden, NotFound and InvalidState.
func (s *Service) RevokeTransaction(ctx context.Context, c wallet.Caller, key string) (TransactionView, error) {
	once, err := s.subjectTransaction(ctx, c, key, wallet.ManageTransaction)
	if err != nil {
		return TransactionView{}, err
	}
	return s.move(ctx, c, once, revoking)
}

// revoking is the move that revokes.
func revoking(_ *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) { return t.Revoke() }

// paymentMove runs a command that moves one payment of a transaction.
func (s *Service) paymentMove(ctx context.Context, c wallet.Caller, id int64, how func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error)) (PaymentView, error) {
	once, err := s.subjectPayment(ctx, c, id, wallet.ManageTransaction)
	if err != nil {
		return PaymentView{}, err
	}
	return withPayer(ctx, s, once.WalletID, func(payer *wallet.Holder) (PaymentView, error) {
		return moneyAs(ctx, s, c, moveNeeds(once, payer), func(m *store.MoneyTx) (PaymentView, error) {
			t, err := moved(m, once.ID, payer, func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) {
				if t.Payment(id) == nil {
					return nil, wallet.Errorf(wallet.InvalidState, "payment %d was moved into another transaction just now: try again.", id)
				}
				return how(m, t)
			})
			if err != nil {
				return PaymentView{}, err
			}
			return s.paymentView(t, id), nil
		})
	})
}

// CancelPayment gives a confirmed payment back to the payer while the beneficiary cannot use it yet. It fails with
// Forbidden, NotFound and InvalidState.
func (s *Service) CancelPayment(ctx context.Context, c wallet.Caller, id int64) (PaymentView, error) {
	return s.paymentMove(ctx, c, id, func(_ *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) { return t.Cancel(id) })
}

// FinalizePayment lets the beneficiary use a confirmed payment now, at a lower price where one is given. It fails
// with Forbidden, NotFound, InvalidState and InvalidParameters.
func (s *Service) FinalizePayment(ctx context.Context, c wallet.Caller, id int64, price *money.Amount) (PaymentView, error) {
	return s.paymentMove(ctx, c, id, func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) {
		return t.Finalize(m.Now(), id, price)
	})
}

// FreezePayment changes for how long the beneficiary cannot use a payment. It fails with Forbidden, NotFound,
// InvalidState and InvalidParameters.
func (s *Service) FreezePayment(ctx context.Context, c wallet.Caller, id int64, f wallet.Freeze) (PaymentView, error) {
	if f.For < 0 || f.For > wallet.MaxFreeze || f.Until.Sub(s.BusinessClock()) > wallet.MaxFreeze {
		return PaymentView{}, wallet.FieldError("freeze", "must be at most %d days", wallet.MaxFreeze/(24*time.Hour))
	}
	return s.paymentMove(ctx, c, id, func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) {
		return t.Freeze(m.Now(), id, f)
	})
}

// GivePassword names the password of a payment that waits for it. It fails with Forbidden, NotFound,
// InvalidParameters, InvalidState and RateLimitExceeded for too many wrong ones.
func (s *Service) GivePassword(ctx context.Context, c wallet.Caller, id int64, value secret.Text) (PaymentView, error) {
	t, err := s.subjectPayment(ctx, c, id, wallet.ManageTransaction)
	if err != nil {
		return PaymentView{}, err
	}
	return inTurn(ctx, s, c, func() (PaymentView, error) { return s.givePassword(ctx, c, t, id, value) })
}

// givePassword names the password of a payment that was found.
func (s *Service) givePassword(ctx context.Context, c wallet.Caller, t *wallet.Transaction, id int64, value secret.Text) (PaymentView, error) {
	password := t.Payment(id).Password
	if password == nil {
		return PaymentView{}, wallet.Errorf(wallet.InvalidState, "payment %d has no password.", id)
	}
	account, network := s.accountGuess("payment password", fmt.Sprint(id)), s.networkGuess("payment password", c)
	if err := s.countTry(ctx, account, network); err != nil {
		return PaymentView{}, err
	}
	right, err := s.Box.Open(password.Sealed, passwordPlace(id))
	if err != nil {
		return PaymentView{}, err
	}
	if !value.Equal(right) {
		return PaymentView{}, wallet.FieldError("password", "is wrong")
	}
	if err := s.db.Update(ctx, func(tx *store.Tx) error { return s.wasRight(tx, account, network) }); err != nil {
		return PaymentView{}, err
	}
	return s.paymentMove(ctx, c, id, func(_ *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) { return nil, t.Unlock(id) })
}
