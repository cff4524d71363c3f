package service_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// The tills of project 1 that serve cash: one that may also look people up and identify them by documents, and one that
// may not.
const (
	cashTill, plainTill = 31, 32
	// village offers all but documents, desk documents alone, and closed nothing.
	village, desk, closedPlace = 456, 457, 458
)

const ritasCode wallet.PersonCode = "48801010000"

// atTheVillage is a world in which cash goes in and out at Ona's places: the stall's wallet, 1, and Rita's, 3, have 100 euros.
func atTheVillage(t *testing.T, story func(t *testing.T, w world)) {
	t.Helper()
	atTheTill(t, func(t *testing.T, w world) {
		w.gives(1, eur(10000))
		w.opens(village, map[wallet.Service]wallet.Offer{
			wallet.CashIn:         {Available: true, Types: []string{wallet.WayContact, wallet.WayBarcode, wallet.WayOneTimeBarcode}},
			wallet.CashOut:        {Available: true, Types: []string{wallet.WayQRCode}},
			wallet.Identification: {Available: true},
		})
		w.opens(desk, map[wallet.Service]wallet.Offer{
			wallet.CashIn:  {Available: true, Types: []string{wallet.WayDocument}},
			wallet.CashOut: {Available: true, Types: []string{wallet.WayDocument}},
		})
		w.opens(closedPlace, nil)
		all := []wallet.Permission{wallet.UseWalletAPI, wallet.ServeCash, wallet.SearchByPersonCode, wallet.IdentifyUsers}
		for id, permissions := range map[int64][]wallet.Permission{cashTill: all, plainTill: all[:2]} {
			c := wallet.Client{ID: id, Title: "Till", Type: wallet.PrivateClient, Projects: []int64{1}, MainProject: 1, Permissions: permissions}
			if _, _, err := w.CreateClient(ctx, operator, c, ""); err != nil {
				t.Fatal(err)
			}
		}
		identity := wallet.Identity{Name: "Rita", Surname: "Ritaitė", Nationality: "lt", Code: ritasCode}
		if _, err := w.UpdateUser(ctx, operator, 3, service.UserChange{Identity: &identity, Level: ptr(wallet.Identified)}, true); err != nil {
			t.Fatal(err)
		}
		story(t, w)
	})
}

// opens makes a place of project 1 that is open around the clock, as far as one knows.
func (w world) opens(id int64, services map[wallet.Service]wallet.Offer) {
	w.t.Helper()
	_, err := w.CreateLocation(ctx, operator, wallet.Location{
		ID: id, ProjectID: 1, Title: wallet.Text{"en": "Kiosk"}, Address: wallet.Text{"en": "Pagirių g. 6"}, Status: wallet.Active,
		Timezone: "Europe/Vilnius", TimezoneGiven: true, Services: services,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// at is a till that speaks for a place.
func (w world) at(place, till int64) wallet.Caller {
	c := w.by(till)
	c.ProjectID, c.LocationID = 1, place
	return c
}

func cash(minor int64, who service.CashCustomer) service.NewCash {
	return service.NewCash{Customer: who, Price: eur(minor)}
}

// oneTime makes a one-time barcode of Rita's, qr a code of hers that pays.
func (w world) oneTime() secret.Text {
	w.t.Helper()
	code, err := w.MakeOneTimeBarcode(ctx, w.withToken(phone, 3))
	if err != nil {
		w.t.Fatal(err)
	}
	return code.Code
}

func (w world) qr() secret.Text {
	w.t.Helper()
	code, err := w.MakeReserveCode(ctx, w.withToken(phone, 3))
	if err != nil {
		w.t.Fatal(err)
	}
	return code.Code
}

// Each way that a place offers moves the money at once, as cash; each that it does not offer is refused, with those that it
// does; and nothing else is there to find.
func TestCashByEachWayThatThePlaceOffers(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		byDocument := service.CashCustomer{Code: ritasCode, Nationality: "lt"}
		project, ritas := int64(10000), int64(10000)
		for _, one := range []struct {
			what  string
			place int64
			out   bool
			who   service.CashCustomer
			type_ wallet.AcceptanceType
		}{
			{"an e-mail address", village, false, service.CashCustomer{Email: "Rita@Example.com"}, wallet.ByTill},
			{"a phone number", village, false, service.CashCustomer{Phone: "+370 600 00003"}, wallet.ByTill},
			{"a barcode", village, false, service.CashCustomer{Barcode: "EVP000000000003"}, wallet.ByTill},
			{"a barcode in the app's address", village, false, service.CashCustomer{Barcode: "https://paysera.com/app?qr=EVP000000000003"}, wallet.ByTill},
			{"a one-time barcode", village, false, service.CashCustomer{OneTimeBarcode: w.oneTime()}, wallet.ByTill},
			{"a document", desk, false, byDocument, wallet.ByTill},
			{"a QR code", village, true, service.CashCustomer{QRCode: "https://paysera.com/app?qr=" + w.qr()}, wallet.ByCode},
			{"a document", desk, true, byDocument, wallet.ByDocument},
		} {
			call, change := w.PayCashIn, int64(700)
			if one.out {
				call, change = w.PayCashOut, -700
			}
			view, err := call(ctx, w.at(one.place, cashTill), cash(700, one.who))
			w.is(view, err, wallet.TransactionConfirmed, wallet.PaymentDone)
			if err != nil {
				t.Fatal(one.what, err)
			}
			project, ritas = project-change, ritas+change
			w.has(1, project, 0)
			w.has(3, ritas, 0)
			if p := view.Payments[0]; p.Purpose != wallet.CashPayment || view.LocationID != one.place || view.Type != one.type_ || view.Cash == nil {
				t.Errorf("%s: %+v, %+v", one.what, view.Transaction, p)
			}
			page, err := w.ListStatements(ctx, w.withToken(phone, 3, wallet.ScopeStatements), 3, wallet.StatementFilter{Limit: 1})
			if err != nil || len(page.Statements) != 1 || page.Statements[0].Kind != wallet.KindCash || page.Statements[0].Incoming == one.out {
				t.Errorf("%s: the statement is %+v, %v", one.what, page.Statements, err)
			}
		}
	})
}

// What a place does not offer is refused by name, and the refusal says what it does offer.
func TestCashByAWayThatThePlaceDoesNotOffer(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		byDocument := service.CashCustomer{Code: ritasCode, Nationality: "lt"}
		for _, one := range []struct {
			place int64
			out   bool
			who   service.CashCustomer
			says  string
		}{
			{village, false, byDocument, "cash_in by document: it offers it by contact, bar_code and one_time_bar_code."},
			{village, false, service.CashCustomer{QRCode: w.qr()}, "cash_in by qr_code"},
			{village, true, byDocument, "cash_out by document: it offers it by qr_code."},
			{village, true, service.CashCustomer{Email: "rita@example.com"}, "cash_out by contact"},
			{village, true, service.CashCustomer{Barcode: "EVP000000000003"}, "cash_out by bar_code"},
			{village, true, service.CashCustomer{OneTimeBarcode: w.oneTime()}, "cash_out by one_time_bar_code"},
			{desk, false, service.CashCustomer{Phone: "37060000003"}, "cash_in by contact: it offers it by document."},
			{desk, false, service.CashCustomer{Barcode: "EVP000000000003"}, "cash_in by bar_code"},
			{desk, false, service.CashCustomer{OneTimeBarcode: "EVO123456789012"}, "cash_in by one_time_bar_code"},
			{desk, true, service.CashCustomer{QRCode: w.qr()}, "cash_out by qr_code"},
			{closedPlace, false, service.CashCustomer{Barcode: "EVP000000000003"}, "does not offer cash_in: it offers nothing."},
		} {
			call := w.PayCashIn
			if one.out {
				call = w.PayCashOut
			}
			refused := refuses(t, one.says, errorOf(call(ctx, w.at(one.place, cashTill), cash(700, one.who))), wallet.InvalidState)
			if !strings.Contains(refused.Description, one.says) {
				t.Errorf("%q does not say %q", refused.Description, one.says)
			}
		}
		if _, err := w.UpdateLocation(ctx, operator, village, service.LocationChange{Status: ptr(wallet.Inactive)}, true); err != nil {
			t.Fatal(err)
		}
		refuses(t, "at a place that is not in use", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(1, service.CashCustomer{Barcode: "EVP000000000003"}))), wallet.InvalidState)
		w.has(1, 10000, 0)
		w.has(3, 10000, 0)
	})
}

// A one-time barcode is spent with the payment: two tills that scan it at the same instant pay once, and so it is with two
// servers, where the database is shared. Nobody can pay with it.
func TestOneTimeBarcodeAtTwoTills(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		paid := int64(0)
		for range 10 {
			code := w.oneTime()
			refuses(t, "paying with a barcode", errorOf(w.PayCashOut(ctx, w.at(village, cashTill), cash(100, service.CashCustomer{QRCode: code}))), wallet.InvalidCode)
			tills := []wallet.Caller{w.at(village, cashTill), w.at(village, plainTill)}
			var once sync.WaitGroup
			answers := make([]error, len(tills))
			for i, till := range tills {
				once.Go(func() { _, answers[i] = w.PayCashIn(ctx, till, cash(100, service.CashCustomer{OneTimeBarcode: code})) })
			}
			once.Wait()
			if (answers[0] == nil) == (answers[1] == nil) {
				t.Fatalf("two tills were answered %v", answers)
			}
			for _, err := range answers {
				if err != nil {
					refuses(t, "the other till", err, wallet.InvalidCode)
				}
			}
			refuses(t, "once more", errorOf(w.PayCashIn(ctx, tills[0], cash(100, service.CashCustomer{OneTimeBarcode: code}))), wallet.InvalidCode)
			paid += 100
			w.has(3, 10000+paid, 0)
		}
		w.has(1, 10000-paid, 0)
		code := w.oneTime()
		w.business.Advance(16 * time.Minute)
		refuses(t, "a quarter of an hour later", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(100, service.CashCustomer{OneTimeBarcode: code}))), wallet.InvalidCode)
		first := w.oneTime()
		w.oneTime()
		refuses(t, "one that another replaced", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(100, service.CashCustomer{OneTimeBarcode: first}))), wallet.InvalidCode)
	})
}

// A refused payment spends no code: the customer need not make another one because the till was short of money.
func TestCodeOfRefusedCashStaysGood(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		code, qr := w.oneTime(), w.qr()
		refuses(t, "more than the project has", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(10001, service.CashCustomer{OneTimeBarcode: code}))), wallet.NotEnoughFunds)
		refuses(t, "more than Rita has", errorOf(w.PayCashOut(ctx, w.at(village, cashTill), cash(10001, service.CashCustomer{QRCode: qr}))), wallet.NotEnoughFunds)
		if _, err := w.PayCashIn(ctx, w.at(village, cashTill), cash(10000, service.CashCustomer{OneTimeBarcode: code})); err != nil {
			t.Error(err)
		}
		if _, err := w.PayCashOut(ctx, w.at(village, cashTill), cash(20000, service.CashCustomer{QRCode: qr})); err != nil {
			t.Error(err)
		}
		w.has(1, 20000, 0)
		w.has(3, 0, 0)
	})
}

// Outside of its hours a place pays nothing in or out, and says when it opens; hours that nobody knows block nothing.
func TestCashOutsideOfHours(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		schedule, err := hours.Parse("Mo-Fr 09:00-18:00")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateLocation(ctx, operator, village, service.LocationChange{Hours: &schedule}, true); err != nil {
			t.Fatal(err)
		}
		vilnius, err := time.LoadLocation("Europe/Vilnius")
		if err != nil {
			t.Fatal(err)
		}
		friday := w.business.Now().In(vilnius)
		for friday.Weekday() != time.Friday {
			friday = friday.AddDate(0, 0, 1)
		}
		friday = time.Date(friday.Year(), friday.Month(), friday.Day()+7, 17, 59, 0, 0, vilnius)
		w.business.Advance(friday.Sub(w.business.Now()))
		in := func() error {
			return errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(100, service.CashCustomer{Barcode: "EVP000000000003"})))
		}
		if err := in(); err != nil {
			t.Error("a minute before it closes:", err)
		}
		w.business.Advance(time.Minute)
		monday := friday.AddDate(0, 0, 3).Format("2006-01-02")
		if refused := refuses(t, "after it closed", in(), wallet.InvalidState); !strings.Contains(refused.Description, "it opens on Monday, "+monday+", at 09:00 (E") {
			t.Error(refused.Description)
		}
		refuses(t, "cash out", errorOf(w.PayCashOut(ctx, w.at(village, cashTill), cash(100, service.CashCustomer{QRCode: w.qr()}))), wallet.InvalidState)
		refuses(t, "a code", errorOf(w.SendCashCode(ctx, w.at(village, cashTill), service.CashCustomer{Email: "new@example.com"})), wallet.InvalidState)
		w.reserved(eur(100)) // other payments are never blocked by hours
		w.has(3, 10000, 100)
	})
}

// Who has no account is paid by a contact that is proven with a code, which works for that contact and place, once.
func TestCashInForAContactThatNobodyHasConfirmed(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		who := service.CashCustomer{Phone: "37060000099"}
		in := func(code secret.Text) (service.TransactionView, error) {
			n := cash(500, who)
			n.Code = code
			return w.PayCashIn(ctx, w.at(village, cashTill), n)
		}
		refuses(t, "without a code", errorOf(in("")), wallet.InvalidParameters, "code")
		sent, err := w.SendCashCode(ctx, w.at(village, cashTill), who)
		if err != nil || sent.Phone != who.Phone {
			t.Fatal(sent, err)
		}
		code := w.codeTo(who.Phone)
		refuses(t, "a wrong code", errorOf(in("000000x")), wallet.InvalidCode)
		other := cash(500, service.CashCustomer{Phone: "37060000098"})
		other.Code = code
		refuses(t, "for another contact", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), other)), wallet.InvalidCode)
		view, err := in(code)
		w.is(view, err, wallet.WaitingRegistration, wallet.PaymentWaitingRegistration)
		refuses(t, "the code once more", errorOf(in(code)), wallet.InvalidCode)
		w.has(1, 9500, 500)

		id, err := w.CreateUser(ctx, operator, wallet.User{Type: wallet.Natural, DisplayName: "New", Phone: who.Phone, Locale: "lt"}, "", "")
		if err != nil {
			t.Fatal(err)
		}
		own, err := w.CreateWallet(ctx, operator, wallet.Wallet{OwnerID: id})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.DoDue(ctx, operator); err != nil {
			t.Fatal(err)
		}
		w.has(own, 500, 0)
		if _, err := in(""); err != nil { // somebody has confirmed it now
			t.Error(err)
		}
		w.has(own, 1000, 0)
		refuses(t, "a code that was not sent, for a contact that needs none", errorOf(in("123456")), wallet.InvalidCode)
	})
}

// Permissions: cash takes serve_cash, documents more, a place one's own project; devices and tokens are no tills.
func TestWhoServesCash(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		barcode := service.CashCustomer{Barcode: "EVP000000000003"}
		document := service.CashCustomer{Code: ritasCode, Nationality: "lt"}
		refuses(t, "a till without the permission", errorOf(w.PayCashIn(ctx, w.at(village, till), cash(1, barcode))), wallet.Forbidden)
		refuses(t, "by document without search_by_person_code", errorOf(w.PayCashIn(ctx, w.at(desk, plainTill), cash(1, document))), wallet.Forbidden)
		refuses(t, "out by document without identify_users", errorOf(w.PayCashOut(ctx, w.at(desk, plainTill), cash(1, document))), wallet.Forbidden)
		token := w.withToken(cashTill, 1, wallet.ScopeProjects)
		token.ProjectID, token.LocationID = 1, village
		refuses(t, "a token of the owner's", errorOf(w.PayCashIn(ctx, token, cash(1, barcode))), wallet.Forbidden)
		nowhere := w.by(cashTill)
		refuses(t, "without a place", errorOf(w.PayCashIn(ctx, nowhere, cash(1, barcode))), wallet.InvalidParameters, "location_id")
		refuses(t, "nobody", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(1, service.CashCustomer{}))), wallet.InvalidParameters, "customer")
		refuses(t, "two ways", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(1, service.CashCustomer{Barcode: "EVP000000000003", Email: "rita@example.com"}))), wallet.InvalidParameters, "customer.barcode")
		refuses(t, "a document without a state", errorOf(w.PayCashIn(ctx, w.at(desk, cashTill), cash(1, service.CashCustomer{Code: ritasCode}))), wallet.InvalidParameters, "customer.nationality")
		refuses(t, "a document of nobody's", errorOf(w.PayCashIn(ctx, w.at(desk, cashTill), cash(1, service.CashCustomer{Code: "1", Nationality: "lt"}))), wallet.NotFound)
		refuses(t, "a barcode of nobody's", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(1, service.CashCustomer{Barcode: "EVP000000000099"}))), wallet.NotFound)
		refuses(t, "no amount", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(0, barcode))), wallet.InvalidParameters, "price")
		refuses(t, "to the project's own wallet", errorOf(w.PayCashIn(ctx, w.at(village, cashTill), cash(1, service.CashCustomer{Barcode: "EVP000000000001"}))), wallet.PaymentToSameAccount)
		if err := errorOf(w.UpdateUser(ctx, operator, 3, service.UserChange{Standing: ptr(wallet.RestrictedUser)}, true)); err != nil {
			t.Fatal(err)
		}
		refuses(t, "out for who is restricted", errorOf(w.PayCashOut(ctx, w.at(desk, cashTill), cash(1, document))), wallet.ClientRestricted)
		if _, err := w.PayCashIn(ctx, w.at(village, plainTill), cash(1, barcode)); err != nil {
			t.Error("who is restricted may be paid:", err)
		}
	})
}

// shown is a passport as a place records it.
func shown(user int64, number wallet.DocumentNumber, identity wallet.Identity) wallet.IdentificationRequest {
	return wallet.IdentificationRequest{UserID: user, Kind: "passport", Number: number, Identity: identity, CheckedBy: "Ona"}
}

var onasIdentity = wallet.Identity{Name: "Ona", Surname: "Onaitė", Nationality: "lt"}

// A document that was shown at a place counts once the operator has looked a second time: the user is identified from then
// on, as every transaction that asks for that sees, at once.
func TestIdentificationWithASecondLook(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		identity := func(n *service.NewTransaction) { n.Restrictions = &wallet.Restrictions{Identity: true} }
		w.gives(1, eur(5000))
		pays := func() error {
			offer, err := w.CreateTransaction(ctx, w.by(rita), newTransaction(eur(100), identity))
			if err != nil {
				t.Fatal(err)
			}
			return errorOf(w.ReserveTransaction(ctx, w.withToken(phone, 1), offer.Key, service.Reservation{}))
		}
		refuses(t, "before", pays(), wallet.ClientNotVerified)
		i, err := w.IdentifyUser(ctx, w.at(village, cashTill), shown(1, "lt 123 456", onasIdentity))
		if err != nil || i.Status != wallet.IdentificationPending {
			t.Fatal(i, err)
		}
		refuses(t, "while it is pending", pays(), wallet.ClientNotVerified)
		waiting, err := w.ListIdentifications(ctx, operator, service.IdentificationFilter{Status: wallet.IdentificationPending, Limit: 10})
		if err != nil || len(waiting) != 1 || waiting[0].Number != "LT123456" {
			t.Fatal(waiting, err)
		}
		done, err := w.DecideIdentification(ctx, operator, i.ID, true, "")
		if err != nil || done.Status != wallet.IdentificationAccepted || done.DecidedBy != "ona" {
			t.Fatal(done, err)
		}
		u, err := w.db.User(ctx, 1)
		if err != nil || u.Level != wallet.Identified || u.CalculatedLevel() != wallet.Identified || u.Identity != onasIdentity {
			t.Fatal(u, err)
		}
		if err := pays(); err != nil {
			t.Error(err)
		}
		refuses(t, "decided twice", errorOf(w.DecideIdentification(ctx, operator, i.ID, false, "late")), wallet.InvalidState)
		read, err := w.GetIdentification(ctx, w.by(cashTill), i.ID)
		if err != nil || read.Status != wallet.IdentificationAccepted || read.CheckedBy != "Ona" || read.LocationID != village {
			t.Error(read, err)
		}

		i, err = w.IdentifyUser(ctx, w.at(village, cashTill), shown(1, "AB9", wallet.Identity{Name: "Jonas", Surname: "Onaitis", Nationality: "lt"}))
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, "rejected without a reason", errorOf(w.DecideIdentification(ctx, operator, i.ID, false, "")), wallet.InvalidParameters, "reason")
		if done, err = w.DecideIdentification(ctx, operator, i.ID, false, "Not her passport"); err != nil || done.Status != wallet.IdentificationRejected {
			t.Fatal(done, err)
		}
		if u, _ = w.db.User(ctx, 1); u.Identity != onasIdentity || u.Level != wallet.Identified {
			t.Error(u)
		}
		trail, err := w.AuditTrail(ctx, operator, "identification", i.ID, 10)
		if err != nil || len(trail) != 2 || trail[0].Action != "rejected" || strings.Contains(trail[1].After, "AB9") {
			t.Error(trail, err)
		}
	})
}

// With the policy at-once a document counts at once, unless it contradicts what is known or is somebody else's.
func TestIdentificationAtOnce(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		w.Options.IdentifyAtOnce = true
		i, err := w.IdentifyUser(ctx, w.at(village, cashTill), shown(1, "LT1", onasIdentity))
		if err != nil || i.Status != wallet.IdentificationAccepted {
			t.Fatal(i, err)
		}
		if u, _ := w.db.User(ctx, 1); u.Level != wallet.Identified {
			t.Error(u)
		}
		for what, identity := range map[string]wallet.Identity{
			"another name":                {Name: "Jonas", Surname: "Onaitė", Nationality: "lt"},
			"the person code of Rita":     {Name: "Ona", Surname: "Onaitė", Nationality: "lt", Code: ritasCode},
			"a nationality that is other": {Name: "Ona", Surname: "Onaitė", Nationality: "lv"},
		} {
			i, err := w.IdentifyUser(ctx, w.at(village, cashTill), shown(1, "LT1", identity))
			if err != nil || i.Status != wallet.IdentificationPending {
				t.Error(what, i.Status, err)
			}
		}
		waiting, err := w.ListIdentifications(ctx, operator, service.IdentificationFilter{Status: wallet.IdentificationPending, UserID: 1, Limit: 10})
		if err != nil || len(waiting) != 3 {
			t.Fatal(waiting, err)
		}
		for _, i := range waiting {
			if i.Identity.Code == ritasCode {
				refuses(t, "accepting Rita's code for Ona", errorOf(w.DecideIdentification(ctx, operator, i.ID, true, "")), wallet.InvalidParameters, "identity.code")
			}
		}
		if u, _ := w.db.User(ctx, 1); u.Identity != onasIdentity {
			t.Error(u)
		}
		if i, err = w.IdentifyUser(ctx, w.at(village, cashTill), shown(1, "LT1", wallet.Identity{Name: "ona", Surname: "Onaite", Nationality: "LT", Code: "47701010000"})); err != nil {
			t.Fatal(err)
		}
		if u, _ := w.db.User(ctx, 1); u.Identity.Code != "47701010000" || u.Level != wallet.Identified || u.CalculatedLevel() != wallet.Identified {
			t.Error("a person code was added:", u)
		}
		if _, err := w.PayCashIn(ctx, w.at(desk, cashTill), cash(100, service.CashCustomer{Code: "47701010000", Nationality: "lt"})); err == nil {
			t.Error("the project's own wallet is paid cash in")
		}
	})
}

// Who identifies people, where, and what of a record is refused.
func TestWhoIdentifiesWhom(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		right := shown(1, "LT1", onasIdentity)
		identify := func(c wallet.Caller, n wallet.IdentificationRequest) error { return errorOf(w.IdentifyUser(ctx, c, n)) }
		refuses(t, "without the permission", identify(w.at(village, plainTill), right), wallet.Forbidden)
		refuses(t, "at a place that does not", identify(w.at(desk, cashTill), right), wallet.InvalidState)
		refuses(t, "at no place", identify(w.by(cashTill), right), wallet.InvalidParameters, "location_id")
		nobody, company := right, right
		nobody.UserID, company.UserID = 99, 2
		refuses(t, "nobody", identify(w.at(village, cashTill), nobody), wallet.NotFound)
		refuses(t, "a company", identify(w.at(village, cashTill), company), wallet.InvalidState)
		refuses(t, "an empty record", identify(w.at(village, cashTill), wallet.IdentificationRequest{UserID: 1}), wallet.InvalidParameters,
			"document.type", "document.number", "identity.name", "identity.surname", "identity.nationality", "checked_by")
		future := right
		future.CheckedAt = w.business.Now().Add(time.Hour)
		refuses(t, "tomorrow's", identify(w.at(village, cashTill), future), wallet.InvalidParameters, "checked_at")
		refuses(t, "one that does not exist", errorOf(w.GetIdentification(ctx, w.by(cashTill), 99)), wallet.NotFound)
		i, err := w.IdentifyUser(ctx, w.at(village, cashTill), right)
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, "read without the permission", errorOf(w.GetIdentification(ctx, w.by(plainTill), i.ID)), wallet.Forbidden)
		refuses(t, "read by another project", errorOf(w.GetIdentification(ctx, w.by(rita), i.ID)), wallet.Forbidden)
		read, err := w.ReadDocument(ctx, operator, i.ID)
		if err != nil || read.Number != "LT1" {
			t.Error(read, err)
		}
		if trail, err := w.AuditTrail(ctx, operator, "identification", i.ID, 10); err != nil || len(trail) != 2 || trail[0].Action != "read document" {
			t.Error(trail, err)
		}
	})
}

// A customer makes another code while two tills have the first one in their hands: neither is paid by that one, whichever
// came first, or one of them was before it was replaced.
func TestACodeThatIsReplacedPaysOnceAtMost(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		w.gives(1, eur(10000))
		paid := 0
		for range 15 {
			code, answers := w.oneTime(), make([]error, 3)
			var once sync.WaitGroup
			for i := range answers[:2] {
				once.Go(func() {
					_, answers[i] = w.PayCashIn(ctx, w.at(village, cashTill), cash(100, service.CashCustomer{OneTimeBarcode: code}))
				})
			}
			once.Go(func() { _, answers[2] = w.MakeOneTimeBarcode(ctx, w.withToken(phone, 3)) })
			once.Wait()
			if answers[2] != nil {
				t.Fatal(answers[2])
			}
			now := 0
			for _, err := range answers[:2] {
				if err == nil {
					now++
				} else {
					refuses(t, "a till", err, wallet.InvalidCode)
				}
			}
			if now > 1 {
				t.Fatalf("one code paid %d times", now)
			}
			paid += now
		}
		w.has(3, 10000+int64(paid)*100, 0)
	})
}

// The answer to cash out at closing time is lost. The till asks again under its key when the place has closed, and is told
// what happened; without a key it would be another payment.
func TestCashIsRepeatedAfterClosing(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		schedule, err := hours.Parse("Mo-Su 09:00-18:00")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateLocation(ctx, operator, village, service.LocationChange{Hours: &schedule}, true); err != nil {
			t.Fatal(err)
		}
		out := cash(2500, service.CashCustomer{QRCode: w.qr()})
		key := func() wallet.Caller { return once(w.at(village, cashTill), 7, 7) }
		if _, err := w.PayCashOut(ctx, key(), out); err != nil {
			t.Fatal(err)
		}
		w.business.Advance(12 * time.Hour)
		var told *wallet.Answered
		if _, err := w.PayCashOut(ctx, key(), out); !errors.As(err, &told) {
			t.Errorf("the repeat is told %v", err)
		}
		refuses(t, "another payment", errorOf(w.PayCashOut(ctx, w.at(village, cashTill), out)), wallet.InvalidState)
		w.has(3, 7500, 0)
	})
}

// Cash that waits for somebody to register is not frozen: it changed hands. The place takes it back by handing the notes back.
func TestCashIsNotFrozen(t *testing.T) {
	atTheVillage(t, func(t *testing.T, w world) {
		nobody := service.CashCustomer{Phone: "37060000077"}
		if _, err := w.SendCashCode(ctx, w.at(village, cashTill), nobody); err != nil {
			t.Fatal(err)
		}
		asked := cash(500, nobody)
		asked.Code = w.codeTo(nobody.Phone)
		waits, err := w.PayCashIn(ctx, w.at(village, cashTill), asked)
		if err != nil || waits.Status != wallet.WaitingRegistration {
			t.Fatal(waits.Status, err)
		}
		_, err = w.FreezePayment(ctx, w.by(till), waits.Payments[0].ID, wallet.Freeze{For: 300 * 24 * time.Hour})
		refuses(t, "freezing", err, wallet.InvalidState)
		w.has(1, 9500, 500)
		back, err := w.RevokeTransaction(ctx, w.by(till), waits.Key)
		w.is(back, err, wallet.TransactionRevoked, wallet.PaymentRevoked)
		w.has(1, 10000, 0)
	})
}
