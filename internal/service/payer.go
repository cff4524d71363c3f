package service

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Codes that payers read out to whom they pay (decisions.md 11).
const (
	// reserveCodeLife is how long one works, flashLife one that was sent for a transaction.
	reserveCodeLife = 5 * time.Minute
	flashLife       = 15 * time.Minute
	// reserveDigits make a code that names its payer; a flash code is for one transaction and payer.
	reserveDigits, flashDigits = 12, 6
)

// ReserveCode is a code that a payer reads out.
type ReserveCode struct {
	Code      secret.Text
	ExpiresAt time.Time
}

func (s *Service) reserveHash(transaction int64, code secret.Text) []byte {
	return s.Box.Fingerprint("reserve code "+strconv.FormatInt(transaction, 10), trimCode(code))
}

// MakeReserveCode makes a code by which the wallet of the token's user pays once, within five minutes. It replaces the
// one before. It fails with Forbidden and NotFound.
func (s *Service) MakeReserveCode(ctx context.Context, c wallet.Caller) (ReserveCode, error) {
	if err := wallet.May(c, wallet.MakeReserveCode, wallet.Subject{}).Err(); err != nil {
		return ReserveCode{}, err
	}
	return s.makeReserveCode(ctx, c)
}

// MakeOwnReserveCode is the same for who is signed in on the pages. Who has a PIN proves it, as for every payment there: the
// code pays whatever is asked for. It also fails with InvalidParameters naming the PIN, and RateLimitExceeded.
func (s *Service) MakeOwnReserveCode(ctx context.Context, c wallet.Caller, pin secret.Text) (ReserveCode, error) {
	if err := wallet.May(c, wallet.AcceptOnPage, wallet.Subject{}).Err(); err != nil {
		return ReserveCode{}, err
	}
	_, hash, err := s.db.Hashes(ctx, c.UserID())
	if err != nil {
		return ReserveCode{}, err
	}
	if hash != nil {
		if _, err := s.provePIN(ctx, c, c.UserID(), pin); err != nil {
			return ReserveCode{}, err
		}
	}
	return s.makeReserveCode(ctx, c)
}

func (s *Service) makeReserveCode(ctx context.Context, c wallet.Caller) (code ReserveCode, err error) {
	id, err := s.ownWallet(ctx, c)
	if err != nil {
		return ReserveCode{}, err
	}
	code = ReserveCode{secret.NewDigits(reserveDigits), s.BusinessClock().Add(reserveCodeLife)}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (ReserveCode, error) {
		if err := tx.DropReserveCodes(c.UserID(), 0); err != nil {
			return ReserveCode{}, err
		}
		return code, tx.InsertReserveCode(store.ReserveCode{Hash: s.reserveHash(0, code.Code), UserID: c.UserID(), WalletID: id, ExpiresAt: code.ExpiresAt})
	})
}

// ownWallet is the wallet that the caller's user pays from and is paid to. It fails with NotFound.
func (s *Service) ownWallet(ctx context.Context, c wallet.Caller) (int64, error) {
	id, err := s.db.OwnWallet(ctx, c.UserID())
	if err == nil && id == 0 {
		err = wallet.Errorf(wallet.NotFound, "user %d has no wallet: create one for them first.", c.UserID())
	}
	return id, err
}

// codeOf finds the code that proves a reservation, nil where none was given. It fails with InvalidCode and
// RateLimitExceeded.
func (s *Service) codeOf(ctx context.Context, c wallet.Caller, t *wallet.Transaction, r Reservation) (*store.ReserveCode, error) {
	if r.PIN != "" || r.Code == "" && r.FlashCode == "" {
		return nil, nil
	}
	network := s.networkGuess("reserve code", c)
	if err := s.countTry(ctx, network); err != nil {
		return nil, err
	}
	hash := s.reserveHash(0, r.Code)
	if r.FlashCode != "" {
		hash = s.reserveHash(t.ID, r.FlashCode)
		if err := s.countTry(ctx, s.accountGuess("flash code", strconv.FormatInt(t.ID, 10))); err != nil {
			return nil, err
		}
	}
	code, err := s.db.ReserveCode(ctx, hash)
	if err != nil {
		return nil, err
	}
	if code == nil || !code.ExpiresAt.After(s.BusinessClock()) {
		return nil, errWrongCode
	}
	if code.Used {
		// Whoever repeats the request that used it is told what came of that.
		now, err := s.db.Transaction(ctx, t.ID)
		if err != nil || now.WalletID != code.WalletID {
			return nil, errWrongCode
		}
	}
	return code, s.db.Update(ctx, func(tx *store.Tx) error { return s.takeBack(tx, network) })
}

// spentMeanwhile is why a command was refused that would have used up a code: where it has paid elsewhere at the same instant, that,
// and not that there is too little money now. nil for the code says that there was none.
func (s *Service) spentMeanwhile(ctx context.Context, code *store.ReserveCode, err error) error {
	var refused *wallet.Error
	if code == nil || !errors.As(err, &refused) || refused.Code != wallet.NotEnoughFunds && refused.Code != wallet.LimitsExceeded {
		return err
	}
	now, lost := s.db.ReserveCode(ctx, code.Hash)
	switch {
	case lost != nil:
		return lost
	case now == nil || now.Used:
		return errWrongCode
	}
	return err
}

// SendFlash sends a code to the phone of a payer, who reads it out to accept this one transaction. It fails with
// Forbidden, NotFound, InvalidParameters, InvalidState and RateLimitExceeded.
func (s *Service) SendFlash(ctx context.Context, c wallet.Caller, key string, payer wallet.Contact) (TransactionView, error) {
	once, err := s.subjectTransaction(ctx, c, key, wallet.SendFlash)
	if err != nil {
		return TransactionView{}, err
	}
	return inTurn(ctx, s, c, func() (TransactionView, error) { return s.sendFlash(ctx, c, once, payer) })
}

func (s *Service) sendFlash(ctx context.Context, c wallet.Caller, once *wallet.Transaction, payer wallet.Contact) (TransactionView, error) {
	h, err := s.payerOf(ctx, c, Reservation{Payer: payer}, nil)
	if err != nil {
		return TransactionView{}, err
	}
	u, err := s.db.User(ctx, h.Owner.ID)
	if err != nil {
		return TransactionView{}, err
	}
	now, err := s.db.Transaction(ctx, once.ID)
	switch {
	case err != nil:
		return TransactionView{}, err
	case u.Phone == "":
		return TransactionView{}, wallet.FieldError("payer", "has no confirmed phone number")
	case !now.Status.Open():
		return TransactionView{}, wallet.Errorf(wallet.InvalidState, "the transaction is %s, and a payer is asked while it is new or waiting.", now.Status)
	}
	code := secret.NewDigits(flashDigits)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := s.countTryIn(tx, s.accountGuess("flash", u.Phone), s.networkGuess("flash", c)); err != nil {
			return err
		}
		if err := tx.DropReserveCodes(u.ID, once.ID); err != nil {
			return err
		}
		err := tx.InsertReserveCode(store.ReserveCode{
			Hash: s.reserveHash(once.ID, code), UserID: u.ID, WalletID: h.WalletID, TransactionID: once.ID, ExpiresAt: s.BusinessClock().Add(flashLife),
		})
		if err != nil {
			return err
		}
		values := s.offerValues(ctx, now)
		values["code"], values["minutes"] = string(code), strconv.Itoa(int(flashLife/time.Minute))
		return tellAt(tx, u.Phone, u.Locale, wallet.FlashCode, values)
	})
	if err != nil {
		return TransactionView{}, err
	}
	defer s.Told()
	return s.show(ctx, c, once)
}

// show notes that a transaction was shown to a payer.
func (s *Service) show(ctx context.Context, c wallet.Caller, once *wallet.Transaction) (TransactionView, error) {
	return s.move(ctx, c, once, func(_ *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) {
		t.Show()
		return nil, nil
	})
}

// offerValues say in a message what is to be paid to whom.
func (s *Service) offerValues(ctx context.Context, t *wallet.Transaction) map[string]string {
	values := map[string]string{"amount": amounts(t), "link": s.PublicURL + "/frontend/wallet/confirm/" + s.transactionKey(t.ID)}
	if p, err := s.db.Project(ctx, t.ProjectID); err == nil && p != nil {
		values["project"] = p.Title
	}
	return values
}

// Totals are what a transaction comes to, by currency in the order of its payments.
func Totals(t *wallet.Transaction) (sums []money.Amount) {
	for i := range t.Payments {
		price := t.Payments[i].Price
		at := slices.IndexFunc(sums, func(a money.Amount) bool { return a.Currency == price.Currency })
		if at < 0 {
			sums = append(sums, price)
			continue
		}
		sums[at].Minor += price.Minor
	}
	return sums
}

func amounts(t *wallet.Transaction) (text string) {
	for i, sum := range Totals(t) {
		if i > 0 {
			text += ", "
		}
		text += sum.String()
	}
	return text
}

// AcceptanceTypes are the ways in which the owner of a wallet may accept a transaction at this client. It fails with
// Forbidden, NotFound and InvalidParameters.
func (s *Service) AcceptanceTypes(ctx context.Context, c wallet.Caller, key string, payer int64) ([]wallet.AcceptanceType, error) {
	t, err := s.subjectTransaction(ctx, c, key, wallet.ReadTransaction)
	if err != nil {
		return nil, err
	}
	h, err := s.payerOf(ctx, c, Reservation{Payer: wallet.Contact{WalletID: payer}}, nil)
	if err != nil {
		return nil, err
	}
	u, err := s.db.User(ctx, h.Owner.ID)
	if err != nil {
		return nil, err
	}
	_, pin, err := s.db.Hashes(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	if now, err := s.db.Transaction(ctx, t.ID); err != nil || !now.Status.Open() {
		return []wallet.AcceptanceType{}, err
	}
	types := []wallet.AcceptanceType{wallet.ByPage, wallet.ByCode}
	subject := wallet.Subject{Transaction: t, Wallet: walletOf(h)}
	if u.Phone != "" && wallet.May(c, wallet.AcceptByFlash, subject).Allowed {
		types = append(types, wallet.ByFlash)
	}
	if pin != nil && wallet.May(c, wallet.AcceptByPIN, subject).Allowed {
		types = append(types, wallet.ByPIN)
	}
	if h.BelongsTo(c.UserID()) && wallet.May(c, wallet.AcceptInApp, subject).Allowed {
		types = append(types, wallet.ByApp)
	}
	if how, action := new(Reservation).proof(c); how == wallet.ByAllowance && wallet.May(c, action, subject).Allowed {
		last, err := s.db.LastAllowance(ctx, wallet.AllowanceOf{ClientID: c.Client.ID, WalletID: h.WalletID})
		if err != nil {
			return nil, err
		}
		if last.Usable(s.BusinessClock(), t, c.LocationID) == nil {
			types = append(types, wallet.ByAllowance)
		}
	}
	slices.Sort(types)
	return types, nil
}

// NewTransactionRequest says who is to be asked.
type NewTransactionRequest = store.TransactionRequest

// TransactionRequest asks somebody to accept a transaction.
type TransactionRequest struct {
	store.TransactionRequest
	Key string
}

// RequestTransaction asks a user, by number or contact, to accept a transaction: they are sent a link. initiator is
// the user in whose name they are asked, 0 for none. It fails with Forbidden, NotFound, InvalidParameters,
// InvalidState and RateLimitExceeded.
func (s *Service) RequestTransaction(ctx context.Context, c wallet.Caller, key string, r NewTransactionRequest) (TransactionRequest, error) {
	once, err := s.subjectTransaction(ctx, c, key, wallet.ManageTransaction)
	if err != nil {
		return TransactionRequest{}, err
	}
	contact, locale, err := s.asked(ctx, &r)
	if err != nil {
		return TransactionRequest{}, err
	}
	if r.InitiatorID != 0 && r.InitiatorID != c.UserID() {
		initiator, err := s.db.User(ctx, r.InitiatorID)
		if err := unless(initiator != nil, err, "initiator_id", "there is no user %d", r.InitiatorID); err != nil {
			return TransactionRequest{}, err
		}
	}
	now, err := s.db.Transaction(ctx, once.ID)
	if err != nil {
		return TransactionRequest{}, err
	}
	if !now.Status.Open() {
		return TransactionRequest{}, wallet.Errorf(wallet.InvalidState, "the transaction is %s, and a payer is asked while it is new or waiting.", now.Status)
	}
	r.TransactionID, r.CreatedAt = once.ID, s.BusinessClock()
	defer s.Told()
	made, err := answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (TransactionRequest, error) {
		if err := s.countTryIn(tx, s.accountGuess("transaction request", contact), s.networkGuess("transaction requests", c)); err != nil {
			return TransactionRequest{}, err
		}
		id, err := tx.InsertTransactionRequest(r)
		if err != nil {
			return TransactionRequest{}, err
		}
		r.ID = id
		return TransactionRequest{r, key}, tellAt(tx, contact, locale, wallet.PaymentRequested, s.offerValues(ctx, now))
	})
	if err != nil {
		return TransactionRequest{}, err
	}
	c.Nonce, c.Once = wallet.Nonce{}, nil // used by now
	_, err = s.show(ctx, c, once)
	return made, err
}

// asked finds who is asked to pay, and where they are told.
func (s *Service) asked(ctx context.Context, r *store.TransactionRequest) (contact, locale string, err error) {
	r.Email, r.Phone = normalContact(r.Email), normalContact(r.Phone)
	named := 0
	for _, given := range []bool{r.UserID != 0, r.Email != "", r.Phone != ""} {
		if given {
			named++
		}
	}
	switch {
	case named != 1:
		return "", "", wallet.FieldError("user_id", "must be given, or email or phone: exactly one of them")
	case r.Email != "" && !isEmail(r.Email):
		return "", "", wallet.FieldError("email", "must be an e-mail address, such as ona@example.com")
	case r.Phone != "" && !phoneForm.MatchString(r.Phone):
		return "", "", wallet.FieldError("phone", "must be 8 to 15 digits with the country code, such as 37060012345")
	case r.UserID == 0:
		if r.UserID, err = s.db.UserByContact(ctx, r.Email+r.Phone); err != nil || r.UserID == 0 {
			return r.Email + r.Phone, "", err
		}
	}
	u, err := s.db.User(ctx, r.UserID)
	switch {
	case err != nil:
		return "", "", err
	case u == nil || !u.Reachable():
		return "", "", wallet.FieldError("user_id", "there is no user %d, or they have no confirmed contact", r.UserID)
	case r.Email+r.Phone != "":
		return r.Email + r.Phone, u.Locale, nil
	case u.Email != "":
		return u.Email, u.Locale, nil
	}
	return u.Phone, u.Locale, nil
}

// InquiryResult is what a payer agreed to tell.
type InquiryResult struct {
	Inquiry, Item string
	Type          wallet.InquiryItemType
	Identity      wallet.Identity
}

// InquiredInformation is what the payer of an accepted transaction agreed to tell, as it is on record now; empty
// before. It fails with Forbidden and NotFound.
func (s *Service) InquiredInformation(ctx context.Context, c wallet.Caller, key string) ([]InquiryResult, error) {
	t, err := s.subjectTransaction(ctx, c, key, wallet.ManageTransaction)
	if err != nil {
		return nil, err
	}
	if t, err = s.db.Transaction(ctx, t.ID); err != nil {
		return nil, err
	}
	results := []InquiryResult{}
	if !t.Status.Holds() && t.Status != wallet.TransactionConfirmed {
		return results, nil
	}
	h, err := s.db.Holder(ctx, t.WalletID)
	if err != nil {
		return nil, err
	}
	payer, err := s.db.User(ctx, h.Owner.ID)
	if err != nil {
		return nil, err
	}
	for _, q := range t.Inquiries {
		if q.Answer != wallet.InquiryAccepted {
			continue
		}
		for _, item := range q.Items {
			results = append(results, InquiryResult{q.Identifier, item.Identifier, item.Type, payer.Identity})
		}
	}
	return results, nil
}
