package service_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

func euro(cents int64) money.Amount { return money.Amount{Minor: cents, Currency: "EUR"} }

// give puts money into a wallet by hand.
func (w world) give(walletID, cents int64, reason string) {
	w.t.Helper()
	if _, err := w.CreditWallet(ctx, operator, walletID, euro(cents), reason); err != nil {
		w.t.Fatal(err)
	}
}

// accepted is a transaction of project 1 that Rita has accepted to pay from wallet 3, as far as her money goes.
func (w world) accepted(payments ...wallet.Payment) *wallet.Transaction {
	w.t.Helper()
	payer := &wallet.Holder{WalletID: 3, Owner: &wallet.User{ID: 3, Type: wallet.Natural}}
	beneficiaries := map[int64]*wallet.Holder{}
	for _, p := range payments {
		beneficiaries[p.BeneficiaryID] = &wallet.Holder{WalletID: p.BeneficiaryID, Owner: &wallet.User{ID: 1, Type: wallet.Natural}}
	}
	return w.decide(func(m *store.MoneyTx) (*wallet.Transaction, error) {
		t := &wallet.Transaction{
			ID: m.NewTransactionID(), ClientID: shop, ProjectID: 1, CreatedAt: m.Now(), Status: wallet.TransactionNew, ReserveFor: wallet.DefaultReserve,
			Payments: slices.Clone(payments),
		}
		for i := range t.Payments {
			p := &t.Payments[i]
			p.ID, p.Status, p.CreatedAt = m.NewPaymentID(), wallet.PaymentNew, m.Now()
			if p.Password != nil {
				password := *p.Password
				password.Sealed = w.db.Box.Seal("open sesame", fmt.Sprint("payment password ", p.ID))
				p.Password = &password
			}
		}
		holds, err := t.Accept(m.Now(), wallet.Acceptance{Type: wallet.ByApp, Payer: payer, By: 3, Beneficiaries: beneficiaries})
		if err != nil {
			return nil, err
		}
		switch _, err := m.Post(holds...); {
		case errors.Is(err, ledger.ErrNotCovered):
			t.LackFunds()
		case err != nil:
			return nil, err
		default:
			t.Held(m.Now())
		}
		m.Keep(t)
		return t, nil
	})
}

// confirmed confirms a transaction.
func (w world) confirmed(id int64) *wallet.Transaction {
	w.t.Helper()
	return w.decide(func(m *store.MoneyTx) (*wallet.Transaction, error) {
		t, err := m.Transaction(id)
		if err != nil {
			return nil, err
		}
		postings, err := t.Confirm(m.Now(), nil)
		if err == nil {
			_, err = m.Post(postings...)
		}
		if err != nil {
			return nil, err
		}
		m.Keep(t)
		return t, nil
	})
}

func (w world) decide(decide func(m *store.MoneyTx) (*wallet.Transaction, error)) *wallet.Transaction {
	w.t.Helper()
	t, err := store.Money(ctx, w.db, store.MoneyCommand[*wallet.Transaction]{Decide: decide})
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func paying(to, cents int64, text string) wallet.Payment {
	return wallet.Payment{BeneficiaryID: to, Price: euro(cents), Description: text}
}

func locked(p wallet.Payment, cancelable bool) wallet.Payment {
	p.Password = &wallet.Password{Kind: wallet.ProvidedPassword, Cancelable: cancelable, Status: wallet.PasswordPending}
	return p
}

// Everybody who may read Ona's statements reads the same; her scope recent_statements opens the newest alone.
func TestWhoReadsStatements(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		for n := range 25 {
			w.give(1, 100, fmt.Sprint("old ", n))
		}
		w.business.Advance(wallet.RecentStatementsAge)
		for n := range 15 {
			w.give(1, 100, fmt.Sprint("new ", n))
		}
		read := func(c wallet.Caller, f wallet.StatementFilter) (wallet.StatementPage, error) {
			f.Limit = max(f.Limit, 10)
			return w.ListStatements(ctx, c, 1, f)
		}
		view, _, err := w.CreateClient(ctx, operator, wallet.Client{
			Title: "An accountant's", Type: wallet.PrivateClient, Permissions: []wallet.Permission{wallet.UseWalletAPI},
			WalletRights: []wallet.WalletRight{{WalletID: 1, Scopes: []wallet.Scope{wallet.ScopeStatements}}},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]wallet.Caller{
			"a client of the project": w.by(manager), "a client with the static right": w.by(view.ID),
			"her token": w.withToken(shop, 1, wallet.ScopeStatements, wallet.ScopeRecentStatements),
		} {
			page, err := read(c, wallet.StatementFilter{})
			if err != nil || page.Total != 40 || len(page.Statements) != 10 || page.Statements[0].Details != "new 14" || page.After == nil {
				t.Errorf("%s reads %d of %d, %v", what, len(page.Statements), page.Total, err)
			}
		}
		_, err = read(w.by(shop), wallet.StatementFilter{})
		refuses(t, "a client without access_statements", err, wallet.Forbidden)
		_, err = read(w.by(rita), wallet.StatementFilter{})
		refuses(t, "a client of another project", err, wallet.Forbidden)
		_, err = read(w.withToken(shop, 3, wallet.ScopeStatements), wallet.StatementFilter{})
		refuses(t, "another one's token", err, wallet.Forbidden)
		_, err = w.ListStatements(ctx, w.by(manager), 99, wallet.StatementFilter{Limit: 1})
		refuses(t, "a wallet that is not there", err, wallet.NotFound)

		recent := w.withToken(shop, 1, wallet.ScopeRecentStatements)
		page, err := read(recent, wallet.StatementFilter{Limit: 200})
		if err != nil || page.Total != 20 || len(page.Statements) != 20 || page.Statements[19].Details != "old 20" || page.After != nil {
			t.Errorf("of the recent ones %d of %d are shown, %v", len(page.Statements), page.Total, err)
		}
		w.business.Advance(time.Second)
		page, err = read(recent, wallet.StatementFilter{Limit: 200, Ascending: true, Text: "new", Offset: 2})
		if err != nil || page.Total != 15 || len(page.Statements) != 13 || page.Statements[0].Details != "new 2" {
			t.Errorf("a moment later %d of %d are shown, %v", len(page.Statements), page.Total, err)
		}
		_, err = read(recent, wallet.StatementFilter{After: wallet.StatementPlace{}})
		refuses(t, "a cursor among the recent ones", err, wallet.InvalidParameters, "after")
		_, _, err = w.ListReservations(ctx, recent, 1, 0, 20)
		refuses(t, "reservations by recent_statements", err, wallet.Forbidden)
	})
}

// Rita's payments to Ona are on their way: each side reads its own, and together they are what the balance says is
// reserved. The password is for Rita alone.
func TestWhatIsReservedAndOnItsWay(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		w.give(3, 10_000, "Rita's")
		frozen := paying(1, 700, "a frozen payment")
		frozen.FreezeFor, frozen.InCommission = time.Hour, 50
		w.confirmed(w.accepted(frozen).ID)
		w.business.Advance(time.Minute)
		held := w.accepted(paying(1, 300, "bread"), locked(paying(2, 200, "milk"), false))
		w.business.Advance(time.Minute)
		unfunded := w.accepted(paying(1, 1_000_000, "a house"))

		for walletID, c := range map[int64]wallet.Caller{1: w.by(manager), 3: w.by(rita)} {
			list, total, err := w.ListReservations(ctx, c, walletID, 0, 200)
			funds, err2 := w.db.Funds(ctx, walletID)
			sum := int64(0)
			for _, s := range list {
				sum += s.Amount.Minor
			}
			if err != nil || err2 != nil || total != len(list) || sum != funds[0].Reserved.Minor || sum == 0 {
				t.Errorf("wallet %d: %d lines of %d come to %d, and %v are reserved: %v %v", walletID, len(list), total, sum, funds, err, err2)
			}
		}
		outgoing, total, err := w.ListPendingPayments(ctx, w.withToken(shop, 3, wallet.ScopeOutgoingPayments), 3, service.PendingFilter{Limit: 10})
		if err != nil || total != 3 || len(outgoing) != 3 {
			t.Fatalf("%d of %d payments go out: %v", len(outgoing), total, err)
		}
		house, milk, bread := outgoing[0], outgoing[1], outgoing[2]
		if house.PaymentID != unfunded.Payments[0].ID || !house.Cancelable || house.Incoming || house.Other.DisplayName != "Ona" || house.TransactionKey == "" {
			t.Errorf("the house is %+v", house)
		}
		if milk.PaymentID != held.Payments[1].ID || milk.Password.Reveal() != "open sesame" || milk.Cancelable || !milk.ValidUntil.Equal(held.AcceptedAt.Add(wallet.DefaultReserve)) {
			t.Errorf("the milk is %+v", milk)
		}
		if bread.Password != "" || bread.Amount != euro(300) {
			t.Errorf("the bread is %+v", bread)
		}
		incoming, total, err := w.ListPendingPayments(ctx, w.withToken(shop, 1, wallet.ScopeIncomingPayments, wallet.ScopeOutgoingPayments), 1, service.PendingFilter{Limit: 10})
		if err != nil || total != 2 || incoming[0].Amount != euro(300) || incoming[1].Amount != euro(650) || incoming[1].Other.WalletID != 3 || incoming[0].Cancelable {
			t.Errorf("%d payments come in: %+v, %v", total, incoming, err)
		}
		locked, _, err := w.ListPendingPayments(ctx, w.withToken(shop, 1, wallet.ScopeIncomingPayments), 2, service.PendingFilter{Incoming: true, Limit: 10})
		if err != nil || len(locked) != 1 || locked[0].Password != "" || locked[0].Amount != euro(200) {
			t.Errorf("to the bakery come %+v, %v", locked, err)
		}
		none, total, err := w.ListPendingPayments(ctx, w.withToken(shop, 1, wallet.ScopeIncomingPayments), 1, service.PendingFilter{Type: wallet.KindCash, Limit: 10})
		if err != nil || total != 0 || len(none) != 0 {
			t.Errorf("of type cash are %d, %v", total, err)
		}
		_, _, err = w.ListPendingPayments(ctx, w.withToken(shop, 3, wallet.ScopeIncomingPayments), 3, service.PendingFilter{Outgoing: true, Limit: 10})
		refuses(t, "what goes out, with the scope for what comes in", err, wallet.Forbidden)
		_, _, err = w.ListPendingPayments(ctx, w.withToken(shop, 3, wallet.ScopeBalance), 3, service.PendingFilter{Limit: 10})
		refuses(t, "neither scope", err, wallet.Forbidden)
		_, _, err = w.ListPendingPayments(ctx, w.by(rita), 3, service.PendingFilter{Incoming: true, Limit: 10})
		refuses(t, "a client by itself", err, wallet.Forbidden)
	})
}

// Rita changes her mind. While a payment waits for her money, for somebody's account or for a password that allows it,
// the whole transaction is taken back, and what was held is hers again; otherwise nothing happens.
func TestAPayerTakesAPaymentBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		w.give(3, 1000, "Rita's")
		toNobody := paying(0, 100, "a gift")
		toNobody.Beneficiary = wallet.Contact{Email: "nobody@example.com"}
		token := func() wallet.Caller { return w.withToken(rita, 3, wallet.ScopeOutgoingPayments) }
		for what, c := range map[string]struct {
			payments []wallet.Payment
			taken    bool
		}{
			"too little money":                {[]wallet.Payment{paying(1, 5000, "a car")}, true},
			"nobody's account":                {[]wallet.Payment{paying(1, 200, "bread"), toNobody}, true},
			"a password":                      {[]wallet.Payment{locked(paying(1, 200, "bread"), true), paying(2, 100, "milk")}, true},
			"a password that holds it":        {[]wallet.Payment{paying(1, 200, "bread"), locked(paying(2, 100, "milk"), false)}, false},
			"nobody, and such a password":     {[]wallet.Payment{toNobody, locked(paying(2, 100, "milk"), false)}, false},
			"the merchant's confirmation":     {[]wallet.Payment{paying(1, 200, "bread")}, false},
			"nothing, since it was confirmed": {[]wallet.Payment{paying(1, 1, "a sweet")}, false},
		} {
			before, _ := w.db.Funds(ctx, 3)
			made := w.accepted(c.payments...)
			if len(c.payments) == 1 && c.payments[0].Price == euro(1) {
				w.confirmed(made.ID)
			}
			caller := token()
			taken, err := w.TakePaymentBack(ctx, caller, service.Me, made.Payments[0].ID)
			now, _ := w.db.Transaction(ctx, made.ID)
			if !c.taken {
				refuses(t, what, err, wallet.InvalidState)
				if now.Status == wallet.TransactionRevoked {
					t.Errorf("%s: the transaction is %s", what, now.Status)
				}
				continue
			}
			after, _ := w.db.Funds(ctx, 3)
			if err != nil || taken.PaymentID != made.Payments[0].ID || taken.Cancelable || now.Status != wallet.TransactionRevoked || !slices.Equal(before, after) {
				t.Errorf("%s: %+v, %v, the transaction is %s, and Rita has %v", what, taken, err, now.Status, after)
			}
			again, err := w.TakePaymentBack(ctx, token(), 3, made.Payments[0].ID)
			if err != nil || again.PaymentID != taken.PaymentID || again.TransactionKey != taken.TransactionKey || !again.ValidUntil.Equal(taken.ValidUntil) {
				t.Errorf("%s, again: %+v, %v", what, again, err)
			}
		}
		mine := w.accepted(paying(1, 5000, "a car"))
		used := token()
		other := w.accepted(paying(1, 5000, "another car"))
		if _, err := w.TakePaymentBack(ctx, used, 3, other.Payments[0].ID); err != nil {
			t.Fatal(err)
		}
		_, err := w.TakePaymentBack(ctx, used, 3, mine.Payments[0].ID)
		refuses(t, "a nonce that was used", err, wallet.Unauthorized)
		_, err = w.TakePaymentBack(ctx, w.withToken(shop, 1, wallet.ScopeOutgoingPayments), 1, mine.Payments[0].ID)
		refuses(t, "by who is paid", err, wallet.NotFound)
		_, err = w.TakePaymentBack(ctx, token(), 3, 999)
		refuses(t, "what is not there", err, wallet.NotFound)
		_, err = w.TakePaymentBack(ctx, w.withToken(rita, 3, wallet.ScopeIncomingPayments), 3, mine.Payments[0].ID)
		refuses(t, "without the scope", err, wallet.Forbidden)
		_, err = w.TakePaymentBack(ctx, w.by(rita), 3, mine.Payments[0].ID)
		refuses(t, "by a client itself", err, wallet.Forbidden)
		var none secret.Text
		if listed, _, _ := w.ListPendingPayments(ctx, token(), 3, service.PendingFilter{Limit: 10}); len(listed) == 0 || listed[0].Password != none {
			t.Errorf("on their way are %+v", listed)
		}
	})
}
