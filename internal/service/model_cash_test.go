package service_test

import (
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Cash in the trial: place 11 of project 1 pays it in by contacts and barcodes, and out by QR codes.

// cashPlace is where cash goes in and out.
const cashPlace = 11

// servesCash has the place of the trial do that.
func (w world) servesCash() error {
	_, err := w.UpdateLocation(ctx, operator, cashPlace, service.LocationChange{Services: &map[wallet.Service]wallet.Offer{
		wallet.CashIn:  {Available: true, Types: wallet.ServiceTypes(wallet.CashIn)},
		wallet.CashOut: {Available: true, Types: wallet.ServiceTypes(wallet.CashOut)},
	}}, true)
	return err
}

// cash is an offer, a yes to it and its confirmation in one, or nothing of them.
func (m *reference) cash(t *refTransaction, payer int64, how wallet.AcceptanceType) string {
	before := m.transactions
	t.served = true
	why := m.create(t, nil)
	if why != yes {
		return why
	}
	if why = m.accept(t, payer, m.owner[payer], how, nil); why != yes {
		m.transactions = before
		delete(m.touched, t)
	}
	return why
}

// atCashPlace is the till where that is.
func (r *trial) atCashPlace() wallet.Caller {
	c := r.by(till)
	c.ProjectID, c.LocationID = 1, cashPlace
	return c
}

func (r *trial) payingCashIn() *command {
	price := money.Amount{Minor: r.amount("price"), Currency: pick(r, "currency", currencies)}
	user, how := pick(r, "customer", []int64{3, 4, 1}), pick(r, "way", []string{"barcode", "right", "right", "replaced", "wrong", "contact"})
	contact := pick(r, "contact", guests)
	made := &refTransaction{}
	return &command{name: "cash in", single: true,
		expect: func() string {
			p := &refPayment{price: price.Minor, currency: price.Currency, to: r.m.users[user].wallet}
			switch how {
			case "replaced", "wrong":
				return "invalid_code"
			case "contact":
				p.to, p.contact = 0, contact
			}
			made = &refTransaction{project: 1, auto: true, reserveFor: wallet.DefaultReserve, payments: []*refPayment{p}}
			return r.m.cash(made, r.m.projects[1], wallet.ByTill)
		},
		act: func() (*wallet.Transaction, error) {
			defer r.forgive()
			n := service.NewCash{Price: price}
			switch how {
			case "barcode":
				w, err := r.w.db.Wallet(ctx, r.m.users[user].wallet)
				if err != nil {
					return nil, err
				}
				n.Customer.Barcode = w.AccountNumber
			case "contact":
				named := contactNamed(contact)
				n.Customer.Email, n.Customer.Phone = named.Email, named.Phone
				if _, err := r.w.SendCashCode(ctx, r.atCashPlace(), n.Customer); err != nil {
					return nil, err
				}
				n.Code = r.w.codeTo(contact)
			default:
				n.Customer.OneTimeBarcode = r.barcode(user, how)
			}
			view, err := r.w.PayCashIn(ctx, r.atCashPlace(), n)
			return r.made(made, view, err)
		}}
}

// barcode is one that works once.
func (r *trial) barcode(user int64, how string) secret.Text {
	made, err := r.w.MakeOneTimeBarcode(ctx, r.ofUser(phone, user))
	if err == nil && how == "replaced" {
		_, err = r.w.MakeOneTimeBarcode(ctx, r.ofUser(phone, user))
	}
	if err != nil {
		r.t.Fatalf("making a barcode: %v", err)
	}
	if how == "wrong" {
		made.Code += "0"
	}
	return made.Code
}

func (r *trial) payingCashOut() *command {
	price := money.Amount{Minor: r.amount("price"), Currency: pick(r, "currency", currencies)}
	user, how := pick(r, "customer", []int64{3, 4, 1}), pick(r, "code", []string{"right", "right", "right", "replaced", "wrong"})
	made := &refTransaction{}
	return &command{name: "cash out", single: true,
		expect: func() string {
			if how != "right" {
				return "invalid_code"
			}
			p := &refPayment{price: price.Minor, currency: price.Currency, to: r.m.projects[1]}
			made = &refTransaction{project: 1, auto: true, reserveFor: wallet.DefaultReserve, payments: []*refPayment{p}}
			return r.m.cash(made, r.m.users[user].wallet, wallet.ByCode)
		},
		act: func() (*wallet.Transaction, error) {
			defer r.forgive()
			n := service.NewCash{Price: price, Customer: service.CashCustomer{QRCode: r.code(user, how).Code}}
			view, err := r.w.PayCashOut(ctx, r.atCashPlace(), n)
			return r.made(made, view, err)
		}}
}
