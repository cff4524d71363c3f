package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/zone"
	"github.com/purserhq/purser/money"
)

// Cash is paid in and out at the places of projects. The till has taken the notes, or hands them out; here the same amount
// goes the other way: from the project's wallet to the customer's for cash in, and back for cash out. It is an ordinary
// payment with the purpose cash, made, accepted and confirmed in one command of the money core.

// CashCustomer is whose wallet cash goes into or comes out of, by one of these.
type CashCustomer struct {
	Email, Phone string
	// Barcode is the long-lived one of a wallet, as it was scanned.
	Barcode string
	// OneTimeBarcode is what MakeOneTimeBarcode made, and QRCode what MakeReserveCode made, as they were scanned.
	OneTimeBarcode, QRCode secret.Text
	// Code is the person code of a document, with the state that gave it.
	Code        wallet.PersonCode
	Nationality string
}

// ways are those that the customer is named by, each with its field.
func (k *CashCustomer) ways() (ways, fields []string) {
	for _, one := range []struct {
		way, field string
		given      bool
	}{
		{wallet.WayContact, "email", k.Email != ""}, {wallet.WayContact, "phone", k.Phone != ""}, {wallet.WayBarcode, "barcode", k.Barcode != ""},
		{wallet.WayOneTimeBarcode, "one_time_barcode", k.OneTimeBarcode != ""}, {wallet.WayQRCode, "qr_code", k.QRCode != ""},
		{wallet.WayDocument, "person_code", k.Code != ""},
	} {
		if one.given {
			ways, fields = append(ways, one.way), append(fields, one.field)
		}
	}
	return ways, fields
}

// way is how the customer is named. It fails with InvalidParameters unless that is in one way.
func (k *CashCustomer) way() (string, error) {
	ways, fields := k.ways()
	switch {
	case len(ways) == 0:
		return "", wallet.FieldError("customer", "must name exactly one of email, phone, barcode, one_time_barcode, qr_code and person_code")
	case len(ways) > 1:
		return "", wallet.FieldError("customer."+fields[1], "is given beside %s: name the customer by one of them", fields[0])
	case k.Code != "" && !countryForm.MatchString(k.Nationality):
		return "", wallet.FieldError("customer.nationality", "must be two letters, such as lt: the state that gave the person code")
	}
	return ways[0], nil
}

// NewCash is cash that a till took, or is to hand out.
type NewCash struct {
	Customer CashCustomer
	Price    money.Amount
	// Description is for both statements; empty for a usual one.
	Description string
	// Code is what SendCashCode sent to the customer's contact, given back; empty for none.
	Code secret.Text
}

// PayCashIn puts cash that was taken at the caller's place into the customer's wallet, from the project's. Who is named by a
// contact that nobody has confirmed gives back the code of SendCashCode, and gets the money once they register with that
// contact. It fails with, first match wins: Forbidden; InvalidParameters for a customer who is not named, or no place;
// InvalidState, saying what the place offers or when it opens; InvalidParameters, NotFound, InvalidCode and
// RateLimitExceeded for the customer; NotEnoughFunds where the project's wallet holds too little, and why the project
// cannot pay, or the customer be paid: see wallet.Transaction.Accept.
func (s *Service) PayCashIn(ctx context.Context, c wallet.Caller, n NewCash) (TransactionView, error) {
	return s.payCash(ctx, c, wallet.CashIn, n)
}

// PayCashOut takes money for cash that is handed out at the caller's place from the customer's wallet, to the project's. A QR
// code is the customer's yes; of a document the till answers for that. It fails like PayCashIn, with NotEnoughFunds where
// the customer has too little.
func (s *Service) PayCashOut(ctx context.Context, c wallet.Caller, n NewCash) (TransactionView, error) {
	return s.payCash(ctx, c, wallet.CashOut, n)
}

func (s *Service) payCash(ctx context.Context, c wallet.Caller, of wallet.Service, n NewCash) (TransactionView, error) {
	ways, _ := n.Customer.ways()
	if err := wallet.May(c, wallet.CashAction(of, strings.Join(ways, " ")), wallet.Subject{OwnProject: true}).Err(); err != nil {
		return TransactionView{}, err
	}
	way, err := n.Customer.way()
	if err != nil {
		return TransactionView{}, err
	}
	return inTurn(ctx, s, c, func() (TransactionView, error) {
		place, err := s.atPlace(ctx, c, of, way)
		if err != nil {
			return TransactionView{}, err
		}
		if err := s.checkCash(of, &n); err != nil {
			return TransactionView{}, err
		}
		who, err := s.cashCustomer(ctx, c, place, way, n)
		if err != nil {
			return TransactionView{}, err
		}
		return s.moveCash(ctx, c, place, wallet.Cash{Service: of, Way: way}, n, who)
	})
}

// atPlace is the place that the caller speaks for, where it is open and offers a service by a way of identification, empty
// where the service has none. It fails with InvalidParameters without a place, and with InvalidState.
func (s *Service) atPlace(ctx context.Context, c wallet.Caller, of wallet.Service, way string) (*wallet.Location, error) {
	if c.LocationID == 0 {
		return nil, wallet.FieldError("location_id", "must be given in ext or the body: %s happens at a place", of)
	}
	place, err := s.db.Location(ctx, c.LocationID)
	if err != nil {
		return nil, err
	}
	if place == nil {
		return nil, noSuch(locationObject, c.LocationID)
	}
	if err := place.CheckOffer(of, way); err != nil {
		return nil, err
	}
	now := s.BusinessClock()
	if state, _ := opening(place, now); state != hours.Closed || of == wallet.Identification {
		return place, nil // unknown hours do not block (decisions.md 13)
	}
	in, err := zone.Named(place.Timezone)
	if err != nil {
		return nil, err
	}
	opens, _ := place.Hours.NextOpening(now, in)
	if !opens.IsZero() {
		opens = opens.In(in)
	}
	return nil, place.Closed(opens)
}

// checkCash refuses what is wrong with an amount of cash and what is said about it.
func (s *Service) checkCash(of wallet.Service, n *NewCash) error {
	if n.Description == "" {
		n.Description = map[wallet.Service]string{wallet.CashIn: "Cash in", wallet.CashOut: "Cash out"}[of]
	}
	refused := wallet.FieldErrors{}
	p := NewPayment{Payment: wallet.Payment{Description: n.Description, Price: n.Price}}
	s.checkPayment(refused, "", s.BusinessClock(), &p)
	if of == wallet.CashOut && n.Code != "" {
		refused.Refuse("code", "is for cash in by a contact: to take cash out, the customer's code is customer.qr_code")
	}
	return refused.Err()
}

// customer is a customer who was found: WalletID, or 0 with the contact that is nobody's yet.
type customer struct {
	wallet.Contact
	// user is who made the code that they are known by; 0 where it is none of that kind.
	user int64
	// code is used up with the payment; nil for none.
	code *store.ReserveCode
}

// cashCustomer finds whose wallet cash goes into or comes out of.
func (s *Service) cashCustomer(ctx context.Context, c wallet.Caller, place *wallet.Location, way string, n NewCash) (customer, error) {
	if n.Code != "" && way != wallet.WayContact {
		return customer{}, wallet.FieldError("code", "is for cash in by a contact: it was sent to an e-mail address or a phone")
	}
	k := n.Customer
	switch way {
	case wallet.WayContact:
		return s.customerByContact(ctx, c, place, wallet.Contact{Email: k.Email, Phone: k.Phone}, n.Code)
	case wallet.WayBarcode:
		id, missing, err := s.walletOfContact(ctx, &wallet.Contact{Barcode: k.Barcode})
		if err == nil && missing != "" {
			err = wallet.Errorf(wallet.NotFound, "%s: scan it again.", missing)
		}
		return customer{Contact: wallet.Contact{WalletID: id}}, err
	case wallet.WayDocument:
		user, err := s.db.UserByCode(ctx, k.Nationality, k.Code)
		if err != nil {
			return customer{}, err
		}
		id, err := s.db.OwnWallet(ctx, user)
		if err == nil && (user == 0 || id == 0) {
			err = wallet.Errorf(wallet.NotFound, "nobody who was identified with that person code has a wallet.")
		}
		return customer{Contact: wallet.Contact{WalletID: id}}, err
	case wallet.WayOneTimeBarcode:
		return s.customerByCode(ctx, c, s.barcodeHash(secret.Text(walletCode(k.OneTimeBarcode.Reveal()))))
	}
	return s.customerByCode(ctx, c, s.reserveHash(0, secret.Text(walletCode(k.QRCode.Reveal()))))
}

// customerByCode finds whose code that is which works once. It fails with InvalidCode and RateLimitExceeded.
func (s *Service) customerByCode(ctx context.Context, c wallet.Caller, hash []byte) (customer, error) {
	network := s.networkGuess("cash code", c)
	if err := s.countTry(ctx, network); err != nil {
		return customer{}, err
	}
	code, err := s.db.ReserveCode(ctx, hash)
	if err != nil {
		return customer{}, err
	}
	if code == nil || code.Used || !code.ExpiresAt.After(s.BusinessClock()) {
		return customer{}, errWrongCode
	}
	who := customer{Contact: wallet.Contact{WalletID: code.WalletID}, user: code.UserID, code: code}
	return who, s.db.Update(ctx, func(tx *store.Tx) error { return s.takeBack(tx, network) })
}

// customerByContact finds who is paid at a contact. One that nobody has confirmed takes the code that was sent to it: whoever
// gave the till a wrong number would have paid a stranger. A code that is given is looked at, whoever's the contact is.
func (s *Service) customerByContact(ctx context.Context, c wallet.Caller, place *wallet.Location, contact wallet.Contact, code secret.Text) (customer, error) {
	id, missing, err := s.walletOfContact(ctx, &contact)
	switch {
	case err != nil:
		return customer{}, err
	case missing != "" && missing != notRegistered:
		return customer{}, wallet.FieldError("customer", "%s", missing)
	case id == 0 && code == "":
		return customer{}, wallet.FieldError("code", "must be given, since nobody has confirmed that contact: have one sent to it (POST /cash/code), and ask the customer for it")
	}
	contact.WalletID = id
	if code == "" {
		return customer{Contact: contact}, nil
	}
	account := s.accountGuess("cash code", contact.Text())
	if err := s.countTry(ctx, account); err != nil {
		return customer{}, err
	}
	who, err := s.customerByCode(ctx, c, s.contactHash(place.ID, contact.Text(), code))
	if err != nil {
		return customer{}, err
	}
	who.Contact = contact
	return who, s.db.Update(ctx, func(tx *store.Tx) error { return tx.SetAttempts(account.fingerprint, store.Attempts{}) })
}

// moveCash is the command that pays.
func (s *Service) moveCash(ctx context.Context, c wallet.Caller, place *wallet.Location, cash wallet.Cash, n NewCash, who customer) (TransactionView, error) {
	project, err := s.db.Project(ctx, place.ProjectID)
	if err != nil {
		return TransactionView{}, err
	}
	from, to, a := project.WalletID, who.WalletID, wallet.Acceptance{Type: wallet.ByTill}
	p := wallet.Payment{Status: wallet.PaymentNew, Description: n.Description, Price: n.Price, Purpose: wallet.CashPayment, Beneficiary: who.Contact}
	if who.Text() != "" {
		p.Beneficiary.WalletID = 0 // it was named by the contact
	}
	if cash.Service == wallet.CashOut {
		from, to, p.Beneficiary = who.WalletID, project.WalletID, wallet.Contact{}
		a.Type, a.By = wallet.ByCode, who.user
	}
	p.BeneficiaryID = to
	if a.Payer, err = s.db.Holder(ctx, from); err != nil {
		return TransactionView{}, err
	}
	if cash.Service == wallet.CashOut && cash.Way == wallet.WayDocument {
		a.Type, a.By = wallet.ByDocument, a.Payer.Owner.ID // who stands there
	}
	t := wallet.Transaction{
		Status: wallet.TransactionNew, ClientID: c.Client.ID, ProjectID: project.ID, LocationID: place.ID,
		ReserveFor: wallet.DefaultReserve, AutoConfirm: true, Payments: []wallet.Payment{p}, Cash: &cash,
	}
	if err := s.withBeneficiaries(ctx, &t, &a); err != nil {
		return TransactionView{}, err
	}
	needs := store.Needs{Accounts: t.Accounts(from), Spenders: spenders(a.Payer)}
	view, err := moneyAs(ctx, s, c, needs, func(m *store.MoneyTx) (TransactionView, error) { return s.cashMoved(m, t, a, who) })
	err = s.spentMeanwhile(ctx, who.code, err)
	var refused *wallet.Error
	if cash.Service == wallet.CashIn && errors.As(err, &refused) && refused.Code == wallet.NotEnoughFunds {
		err = wallet.Errorf(wallet.NotEnoughFunds, "wallet %d of project %d holds less than that: cash is paid in from it.", from, project.ID)
	}
	return view, err
}

// cashMoved makes a transaction of cash, has it accepted and confirms it, inside of a command. A code is used up with it.
func (s *Service) cashMoved(m *store.MoneyTx, t wallet.Transaction, a wallet.Acceptance, who customer) (TransactionView, error) {
	made := *t.Clone()
	made.ID, made.CreatedAt = m.NewTransactionID(), m.Now()
	p := &made.Payments[0]
	p.ID, p.CreatedAt = m.NewPaymentID(), m.Now()
	holds, err := made.Accept(m.Now(), a)
	if err != nil {
		return TransactionView{}, err
	}
	if err := s.hold(m, &made, a.Payer, holds); err != nil {
		return TransactionView{}, err
	}
	if who.code != nil {
		m.UseCode(who.code.Hash)
	}
	if p.BeneficiaryID == 0 {
		m.Await(p.Beneficiary.Text(), made.ID)
	}
	m.Keep(&made)
	return s.transactionView(&made), nil
}

// Codes that cash is paid in by.
const (
	// barcodeLife is how long a barcode works that works once, cashCodeLife a code that was sent to a contact.
	barcodeLife  = 15 * time.Minute
	cashCodeLife = 15 * time.Minute
	// barcodePrefix tells a barcode that works once from the long-lived one of a wallet.
	barcodePrefix = "EVO"
)

func (s *Service) barcodeHash(barcode secret.Text) []byte {
	return s.Box.Fingerprint("one-time barcode", trimCode(barcode))
}

// contactHash is that of a code that was sent for one place: who reads it out at another one is told that it is wrong.
func (s *Service) contactHash(place int64, contact string, code secret.Text) []byte {
	return s.Box.Fingerprint(fmt.Sprintf("cash code %d %s", place, contact), trimCode(code))
}

// MakeOneTimeBarcode makes a barcode by which cash is paid in once to the wallet of the token's user, within a quarter of an
// hour. Nobody can pay with it. It replaces the one before. It fails with Forbidden and NotFound.
func (s *Service) MakeOneTimeBarcode(ctx context.Context, c wallet.Caller) (ReserveCode, error) {
	if err := wallet.May(c, wallet.MakeOneTimeBarcode, wallet.Subject{}).Err(); err != nil {
		return ReserveCode{}, err
	}
	id, err := s.ownWallet(ctx, c)
	if err != nil {
		return ReserveCode{}, err
	}
	made := ReserveCode{barcodePrefix + secret.NewDigits(reserveDigits), s.BusinessClock().Add(barcodeLife)}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (ReserveCode, error) {
		if err := tx.DropBarcodes(c.UserID()); err != nil {
			return ReserveCode{}, err
		}
		return made, tx.InsertReserveCode(store.ReserveCode{
			Kind: store.BarcodeCode, Hash: s.barcodeHash(made.Code), UserID: c.UserID(), WalletID: id, ExpiresAt: made.ExpiresAt,
		})
	})
}

// CashCode says where a code went that the customer gives back.
type CashCode struct {
	Email, Phone string
	ExpiresAt    time.Time
}

// SendCashCode sends a code to a contact, which the customer at the caller's place gives back to be paid cash in there. It
// fails with Forbidden, InvalidParameters, InvalidState where the place does not do that, and RateLimitExceeded.
func (s *Service) SendCashCode(ctx context.Context, c wallet.Caller, k CashCustomer) (CashCode, error) {
	if err := wallet.May(c, wallet.CashAtPlace, wallet.Subject{OwnProject: true}).Err(); err != nil {
		return CashCode{}, err
	}
	if way, err := k.way(); err != nil || way != wallet.WayContact {
		return CashCode{}, wallet.FieldError("customer", "must name exactly one of email and phone: a code is sent to it")
	}
	place, err := s.atPlace(ctx, c, wallet.CashIn, wallet.WayContact)
	if err != nil {
		return CashCode{}, err
	}
	contact := wallet.Contact{Email: k.Email, Phone: k.Phone}
	id, missing, err := s.walletOfContact(ctx, &contact)
	switch {
	case err != nil:
		return CashCode{}, err
	case missing != "" && missing != notRegistered:
		return CashCode{}, wallet.FieldError("customer", "%s", missing)
	}
	project, err := s.db.Project(ctx, place.ProjectID)
	if err != nil {
		return CashCode{}, err
	}
	code := secret.NewDigits(flashDigits)
	sent := CashCode{contact.Email, contact.Phone, s.BusinessClock().Add(cashCodeLife)}
	defer s.Told()
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (CashCode, error) {
		if err := s.countTryIn(tx, s.accountGuess("cash codes sent", contact.Text()), s.networkGuess("cash codes sent", c)); err != nil {
			return CashCode{}, err
		}
		err := tx.InsertReserveCode(store.ReserveCode{
			Kind: store.ContactCode, Hash: s.contactHash(place.ID, contact.Text(), code), WalletID: id, ExpiresAt: sent.ExpiresAt,
		})
		if err != nil {
			return CashCode{}, err
		}
		values := map[string]string{"code": code.Reveal(), "minutes": fmt.Sprint(int(cashCodeLife / time.Minute)), "project": project.Title}
		return sent, tellAt(tx, contact.Text(), "", wallet.CashCode, values)
	})
}
