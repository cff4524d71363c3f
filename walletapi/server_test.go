package walletapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// What the SDK writes is what the server reads: most of what a transaction can have is sent once, and looked for in the answer.
func TestTheServerReadsWhatIsWritten(t *testing.T) {
	s := newServer(t)
	shop := as(s, "shop").InProject(1221)
	made, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{
		Reserve: walletapi.For(2 * time.Hour), UseAllowance: new(bool), AutoConfirm: true, RedirectURI: "https://shop.example/pay/back",
		CallbackURI: walletapi.CallbackURI{Off: true}, User: &walletapi.TransactionUser{Email: "paula@example.com"},
		Restrictions: &walletapi.Restrictions{AccountOwner: walletapi.OwnerRestrictions{Type: "natural", Requirements: []string{"identity"}}},
		Inquiries: []walletapi.Inquiry{{Identifier: "who", Type: "optional", Description: "Who?", Items: []walletapi.InquiryItem{
			{Identifier: "name", Type: "user_identity", Title: "Name"},
		}}},
		Payments: []walletapi.NewPayment{{
			PriceDecimal: "10.00", Currency: "EUR", Description: "Books & <more>", Cashback: 10, Commission: &walletapi.NewCommission{InCommission: 5},
			PriceRules: &walletapi.PriceRules{Min: 500, Max: 2000}, Beneficiary: &walletapi.Beneficiary{ID: 2112}, Freeze: walletapi.For(time.Hour),
			Purpose: "tips", Parameters: map[string]int{"order": 17}, FundsSource: &walletapi.FundsSource{Type: "sell", Details: "May"},
		}, {
			Currency: "EUR", Items: []walletapi.NewItem{{Title: "Tea", PriceDecimal: "1.50", Quantity: 2, Parameters: map[string]string{"kind": "green"}}},
			Password: &walletapi.NewPaymentPassword{Type: "provided", Value: "sesame"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	first, second := made.Payments[0], made.Payments[1]
	for what, holds := range map[string]bool{
		"reserve": made.Reserve.For != nil && *made.Reserve.For == 7200, "allowance": !made.UseAllowance, "auto": made.AutoConfirm,
		"redirect": made.RedirectURI == "https://shop.example/pay/back", "callback": made.CallbackURI.Off, "user": made.User.Email == "paula@example.com",
		"restrictions": made.Restrictions != nil && made.Restrictions.AccountOwner.Type == "natural" && len(made.Restrictions.AccountOwner.Requirements) == 1,
		"inquiries":    len(made.Inquiries) == 1 && made.Inquiries[0].Items[0].Title == "Name", "price": first.Price == 1000,
		"description": first.Description == "Books & <more>", "cashback": first.Cashback == 10, "commission": first.Commission.InCommission == 5,
		"rules": first.PriceRules.Max == 2000, "beneficiary": first.Beneficiary.ID == 2112, "freeze": first.FreezeFor != nil && *first.FreezeFor == 1,
		"purpose": first.Purpose == "tips", "parameters": string(first.Parameters) == `{"order":17}`, "source": first.FundsSource.Details == "May",
		"items":    second.Price == 300 && second.Items[0].Quantity == 2 && string(second.Items[0].Parameters) == `{"kind":"green"}`,
		"password": second.Password.Type == "provided",
	} {
		if !holds {
			t.Errorf("%s: %+v", what, made)
		}
	}
	paid, err := shop.Reserve(ctx, made.TransactionKey, walletapi.Reservation{
		Payer: walletapi.Payer{WalletID: 14471}, PIN: "5678", Inquiries: []walletapi.InquiryAnswer{{Identifier: "who", Status: "accepted"}},
		Prices:       map[int64]walletapi.PaymentPrice{first.ID: {Price: 1100, Currency: "EUR"}},
		FundsSources: map[int64]walletapi.FundsSource{first.ID: {Type: "gift"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if paid.Wallet != 14471 || paid.Payments[0].Price != 1100 || paid.Payments[0].FundsSource.Type != "gift" || paid.Inquiries[0].Status != "accepted" {
		t.Errorf("accepted as %+v", paid)
	}
	if told, err := shop.InquiredInformation(ctx, made.TransactionKey); err != nil || len(told.Items) != 1 {
		t.Errorf("what the payer agreed to tell: %v, %v", told, err)
	}
}

func TestThePaymentsOfThePast(t *testing.T) {
	s := newServer(t)
	shop := as(s, "shop").InProject(1221)
	alone, err := shop.CreatePayment(ctx, walletapi.NewPayment{Price: 900, Currency: "EUR", Description: "Alone", Freeze: walletapi.For(2 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	made, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{Payments: []walletapi.NewPayment{{ID: alone.ID}}})
	if err != nil || made.Payments[0].Description != "Alone" {
		t.Fatalf("%v, %v", made, err)
	}
	if _, err := shop.Reserve(ctx, made.TransactionKey, walletapi.Reservation{Payer: walletapi.Payer{WalletID: 14471}, PIN: "5678"}); err != nil {
		t.Fatal(err)
	}
	lower := map[int64]walletapi.PaymentPrice{alone.ID: {PriceDecimal: "8.00", Currency: "EUR"}}
	if paid, err := shop.Confirm(ctx, made.TransactionKey, lower); err != nil || paid.Payments[0].Price != 800 {
		t.Fatalf("%v, %v", paid, err)
	}
	frozen, err := shop.FreezePayment(ctx, alone.ID, walletapi.Until(s.Business.Now().Add(time.Hour)))
	if err != nil || frozen.FreezeUntil != s.Business.Now().Add(time.Hour).Unix() {
		t.Errorf("frozen: %v, %v", frozen, err)
	}
	if done, err := shop.FinalizePayment(ctx, alone.ID, &walletapi.PaymentPrice{Price: 700, Currency: "EUR"}); err != nil || done.Price != 700 {
		t.Errorf("finalized: %v, %v", done, err)
	}
	for range 5 {
		if _, err := pay(shop, 100); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for one, err := range shop.AllTransactions(ctx, walletapi.TransactionFilter{ProjectID: 1221, Statuses: []string{walletapi.StatusConfirmed}, Page: walletapi.Page{Limit: 2}}) {
		if err != nil || seen[one.TransactionKey] {
			t.Fatalf("%s, %v", one.TransactionKey, err)
		}
		seen[one.TransactionKey] = true
	}
	var payments []int64
	for one, err := range shop.AllPayments(ctx, walletapi.PaymentFilter{WalletID: 14471, Page: walletapi.Page{Limit: 4}}) {
		if err != nil {
			t.Fatal(err)
		}
		payments = append(payments, one.ID)
	}
	ids, err := shop.PaymentIDs(ctx, walletapi.PaymentFilter{WalletID: 14471})
	if err != nil || len(seen) != 6 || len(payments) != 6 || len(ids) != 6 {
		t.Errorf("%d transactions, %d payments, %d numbers: %v", len(seen), len(payments), len(ids), err)
	}
	statements := map[int64]bool{}
	for one, err := range shop.AllStatements(ctx, 2112, walletapi.StatementFilter{Page: walletapi.Page{Limit: 2}}) {
		if err != nil || statements[one.ID] {
			t.Fatalf("%d, %v", one.ID, err)
		}
		statements[one.ID] = true
		if len(statements) == 3 {
			pay(shop, 100) // what comes meanwhile moves nothing
		}
	}
	if page, err := shop.Statements(ctx, 2112, walletapi.StatementFilter{}); err != nil || len(statements) != page.Metadata.Total-1 {
		t.Errorf("%d statements, and then there are %v: %v", len(statements), page, err)
	}
	for range shop.AllTransactions(ctx, walletapi.TransactionFilter{Page: walletapi.Page{Limit: 1}}) {
		break // who stops is not asked on
	}
	for _, err := range shop.InProject(1300).AllTransactions(ctx, walletapi.TransactionFilter{}) {
		if !walletapi.HasCode(err, walletapi.CodeForbidden) {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestPlacesAreWrittenAndCopied(t *testing.T) {
	s := newServer(t)
	shop := as(s, "shop")
	closed := []walletapi.OpenSpan{}
	lat, lng, radius, public := 54.7, 25.3, 30, true
	made, err := shop.CreateLocation(ctx, 1221, walletapi.LocationEdit{
		Locale: "en", Title: walletapi.Words{"en": "New shop", "lt": "Nauja"}, Address: walletapi.Plain("New street 1"), Description: walletapi.Plain("Books"),
		Lat: &lat, Lng: &lng, Radius: &radius, Public: &public, Status: "active", Timezone: "Europe/Vilnius",
		Hours:    &walletapi.HoursEdit{Regular: map[string][]walletapi.OpenSpan{"monday": {{Open: "09:00", Close: "18:00"}}}, Holidays: &closed},
		Services: map[string]walletapi.PlaceService{walletapi.ServicePay: {Available: true, Categories: []int64{5}}},
		Prices: []walletapi.PriceEdit{
			{Type: "price", Title: walletapi.Plain("Parcel"), Price: &walletapi.PriceAmount{Amount: 250, Currency: "EUR"}, ValidUntil: 1893456000},
			{Type: "offer", Title: walletapi.Words{"en": "Two for one"}},
		},
		Images:       &walletapi.Images{PinOpen: "https://shop.example/open.png", PinClosed: "https://shop.example/closed.png"},
		RemoteOrders: &walletapi.RemoteOrdersEdit{Identifier: "TILL"},
		Spots:        []walletapi.SpotEdit{{Identifier: "TILL", PlaceInfo: &walletapi.PlaceInfoEdit{Title: walletapi.Plain("Till")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if made.Title != "New shop" || made.Address != "New street 1" || *made.Lat != lat || made.Radius != 30 || len(made.Hours.Regular) != 1 ||
		made.Hours.Holidays == nil || len(made.Prices) != 2 || made.Prices[0].Price.Amount != 250 || made.Images.PinOpen == "" ||
		made.RemoteOrders == nil || made.Spots[0].PlaceInfo.Title != "Till" {
		t.Errorf("written: %+v", made)
	}
	edited, err := shop.UpdateLocation(ctx, made.ID, walletapi.LocationEdit{
		Title: walletapi.Words{"lt": ""}, Prices: []walletapi.PriceEdit{}, WorkingHours: map[string]walletapi.DayHours{"friday": {OpeningTime: "10:00", ClosingTime: "12:00"}},
	})
	if err != nil || edited.Title != "New shop" || len(edited.Prices) != 0 || len(edited.Spots) != 1 || edited.WorkingHours["friday"].OpeningTime != "10:00" {
		t.Errorf("edited: %+v, %v", edited, err)
	}
	if in, err := shop.Location(ctx, made.ID, "lt"); err != nil || in.Title != "New shop" {
		t.Errorf("a language was not taken away: %+v, %v", in, err)
	}
	anybody := &walletapi.Client{BaseURL: s.URL}
	var seen []int64
	for one, err := range anybody.AllLocations(ctx, walletapi.LocationQuery{Page: walletapi.Page{Limit: 3}}) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, one.ID)
	}
	copied := 0
	for since := walletapi.SyncBegin; ; {
		part, err := anybody.SyncLocations(ctx, since, "en")
		if err != nil {
			t.Fatal(err)
		}
		copied, since = copied+len(part.Locations), part.Metadata.Sync
		if !part.Metadata.More {
			break
		}
	}
	if len(seen) != 11 || copied < len(seen) {
		t.Errorf("seen %v, and copied %d", seen, copied)
	}
	open := walletapi.LocationQuery{
		Text: "village", Services: []string{walletapi.ServiceCashIn}, Categories: []int64{1}, BBox: "25.1,54.5,25.3,54.7",
		OpenFrom: wallettest.Epoch, OpenUntil: wallettest.Epoch.Add(time.Hour), UpdatedAfter: time.Unix(1, 0), Locale: "lt",
	}
	if found, err := anybody.Locations(ctx, open); err != nil || len(found.Locations) != 1 || found.Metadata.Clusters == nil {
		t.Errorf("found %+v: %v", found, err)
	}
	if found, err := anybody.Locations(ctx, walletapi.LocationQuery{OpenNow: true}); err != nil || len(found.Locations) == 0 {
		t.Errorf("open now %+v: %v", found, err)
	}
}

func TestClientsAreWritten(t *testing.T) {
	s := newServer(t)
	shop, john := as(s, "shop"), as(s, "token:1234")
	device, err := as(s, "app").RegisterDevice(ctx, walletapi.NewDevice{Info: map[string]string{"device_id": "x&y"}, Permissions: []string{"use_wallet_api"}, ProjectID: 1221})
	if err != nil {
		t.Fatal(err)
	}
	changed, err := as(s, "app").UpdateClient(ctx, device.ID, walletapi.ClientChange{Info: map[string]string{"device_id": "z"}})
	if err != nil || changed.ID != device.ID {
		t.Errorf("changed: %+v, %v", changed, err)
	}
	found := 0
	for one, err := range shop.AllClients(ctx, walletapi.ClientFilter{ProjectID: 1221, Type: walletapi.TypeAppClient, Info: map[string]string{"device_id": "z"}, Page: walletapi.Page{Limit: 1}}) {
		if err != nil || one.ID != device.ID {
			t.Errorf("%+v, %v", one, err)
		}
		found++
	}
	if status, err := shop.ClientStatus(ctx, device.ID); err != nil || status.Status != "active" || found != 1 {
		t.Errorf("%d found; %v, %v", found, status, err)
	}
	if all, err := john.InviteAdministrator(ctx, 1221, walletapi.Contact{Email: "rita@example.com"}); err == nil {
		if left, err := john.WithdrawInvitation(ctx, 1221, all.Invitations[0].ID); err != nil || len(left.Invitations) != 0 {
			t.Errorf("%+v, %v", left, err)
		}
	} else if !walletapi.HasCode(err, walletapi.CodeForbidden) {
		t.Error(err)
	}
}

func TestWalletsAreFoundAndExchanged(t *testing.T) {
	s := newServer(t)
	shop, paula := as(s, "shop"), as(s, "token:5678")
	if w, err := shop.FindWallet(ctx, walletapi.WalletQuery{PersonCode: "49001310000", Nationality: "lt"}); err != nil || w.ID != 14471 {
		t.Errorf("%+v, %v", w, err)
	}
	if all, err := shop.FindWallets(ctx, walletapi.WalletContacts{Emails: []string{"paula@example.com", "nobody@example.com"}}); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if enough, err := paula.HasFunds(ctx, walletapi.Me, 1000_00, "EUR"); err != nil || !enough {
		t.Errorf("%t, %v", enough, err)
	}
	if email, err := paula.UserEmail(ctx, walletapi.Me); err != nil || email != "paula@example.com" {
		t.Errorf("%s, %v", email, err)
	}
	if all, err := paula.UserWallets(ctx, 5678, true); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	balance, err := paula.BalanceBy(ctx, walletapi.Me, walletapi.BalanceQuery{WithEmpty: true, ConvertTo: "USD", WithConvertTo: true})
	if err != nil || balance["EUR"].Converted.AtDisposal != 108750 {
		t.Errorf("%+v, %v", balance, err)
	}
	exchange := walletapi.ConversionRequest{FromCurrency: "EUR", ToCurrency: "USD", FromAmountDecimal: "10.00"}
	if worth, err := paula.CalculateConversion(ctx, exchange); err != nil || worth.ToAmountDecimal != "10.87" && worth.ToAmountDecimal != "10.88" {
		t.Errorf("%+v, %v", worth, err)
	}
	for _, w := range s.Manifest.Wallets {
		if w.ID == 14471 {
			exchange.AccountNumber = w.AccountNumber
		}
	}
	if made, err := paula.ConvertCurrency(ctx, exchange); err != nil || made.ID == 0 {
		t.Errorf("%+v, %v", made, err)
	}
}

func TestOrdersArePutAtSpots(t *testing.T) {
	s := newServer(t)
	shop, paula := as(s, "shop"), as(s, "token:5678")
	table, err := paula.FindSpot(ctx, "PAYSERA*106:TABLE1", walletapi.EmbedTransactions)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := paula.CheckIn(ctx, table.ID); err != nil || at.Status != "waiting" {
		t.Errorf("%+v, %v", at, err)
	}
	order, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{Payments: []walletapi.NewPayment{{Price: 150, Currency: "EUR", Description: "Coffee"}}})
	if err != nil {
		t.Fatal(err)
	}
	if put, err := shop.OrderAtSpot(ctx, table.ID, walletapi.NewOrder{TransactionKey: order.TransactionKey}); err != nil || put.Status != "pending" {
		t.Errorf("%+v, %v", put, err)
	}
	spots := 0
	for _, err := range shop.AllSpots(ctx, walletapi.SpotQuery{LocationID: 106, Page: walletapi.Page{Limit: 2}}) {
		if err != nil {
			t.Fatal(err)
		}
		spots++
	}
	if spots != 3 {
		t.Errorf("%d spots", spots)
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	shop := &walletapi.Client{BaseURL: "http://127.0.0.1:1", Retry: walletapi.Retry{Attempts: 1}}
	for _, err := range []error{
		second(shop.Project(ctx, 0)), second(shop.Project(ctx, walletapi.Me)), second(shop.Wallet(ctx, 0)), second(shop.Balance(ctx, -2)),
		second(shop.Transaction(ctx, "")), second(shop.Transaction(ctx, "..")), second(shop.ReserveFrom(ctx, "key", 0, walletapi.Reservation{})),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "walletapi: ") {
			t.Errorf("it was sent: %v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A token that expires at a real server is renewed there, once for all who call.
func TestATokenIsRenewedAtTheServer(t *testing.T) {
	s := newServer(t)
	device := as(s, "device")
	token, err := device.IssueToken(ctx, walletapi.TokenRequest{GrantType: walletapi.GrantPassword, Username: "paula@example.com", Password: "paulas-password", Scope: "balance"})
	if err != nil {
		t.Fatal(err)
	}
	var renewed atomic.Int64
	paula := device.WithToken(*token, func(walletapi.Token) { renewed.Add(1) })
	s.Business.Advance(time.Duration(token.ExpiresIn+1) * time.Second)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := paula.Balance(ctx, walletapi.Me); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if renewed.Load() != 1 {
		t.Errorf("renewed %d times", renewed.Load())
	}
	s.Business.Advance(400 * 24 * time.Hour)
	if _, err := paula.Balance(ctx, walletapi.Me); !errors.Is(err, walletapi.ErrSignedOut) {
		t.Errorf("after a year: %v", err)
	}
}

func TestAWrongClockIsSetAtTheServer(t *testing.T) {
	s := newServer(t)
	shop := as(s, "shop")
	shop.Now = func() time.Time { return s.Wall.Now().Add(-100 * 24 * time.Hour) }
	if p, err := shop.Project(ctx, 1221); err != nil || p.ID != 1221 {
		t.Fatal(err)
	}
	if off := shop.ClockOffset() - 100*24*time.Hour; off.Abs() > time.Second {
		t.Errorf("the offset is off by %v", off)
	}
	if in := shop.InProject(1222); in.ClockOffset() != shop.ClockOffset() {
		t.Error("a derived client does not know it")
	}
}

// trouble loses requests, loses answers, and answers in the server's place.
type trouble struct {
	http.RoundTripper
	n atomic.Int64
}

func (x *trouble) RoundTrip(r *http.Request) (*http.Response, error) {
	// Six of each twenty calls go wrong.
	switch x.n.Add(1) * 7 % 20 {
	case 1:
		return nil, errors.New("the line broke before the request")
	case 2, 3:
		answer, err := x.RoundTripper.RoundTrip(r)
		if err == nil {
			answer.Body.Close()
		}
		return nil, errors.New("the line broke before the answer")
	case 4:
		return answered(r, 502, "<html>"), nil
	case 5:
		return answered(r, 429, `{"error":"rate_limit_exceeded","error_description":"Wait."}`), nil
	case 6:
		answer, err := x.RoundTripper.RoundTrip(r)
		if err == nil {
			answer.Body.Close()
		}
		return answered(r, 500, `{"error":"internal_server_error","error_description":"Oh."}`), err
	}
	return x.RoundTripper.RoundTrip(r)
}

func answered(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

// With trouble at 30 %, every payment is made, once.
func TestPaymentsAreMadeOnceInTrouble(t *testing.T) {
	const payments, cents = 100, 125
	s := newServer(t)
	shop := as(s, "shop").InProject(1221)
	shop.HTTP = &http.Client{Transport: &trouble{RoundTripper: http.DefaultTransport}}
	shop.Retry = walletapi.Retry{Attempts: 15, Pause: time.Millisecond, Longest: 2 * time.Second}
	var all sync.WaitGroup
	slots := make(chan struct{}, 3) // more tries of one PIN at a time look like guessing
	for range payments {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if _, err := pay(shop, cents); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	calm := as(s, "shop")
	balance, err := calm.Balance(ctx, 14471)
	if want := int64(1000_00 - payments*cents); err != nil || balance["EUR"].AtDisposal != want || balance["EUR"].Reserved != 0 {
		t.Errorf("the payer has %+v instead of %d: %v", balance["EUR"], want, err)
	}
	made := map[string]int{}
	for one, err := range calm.AllTransactions(ctx, walletapi.TransactionFilter{ProjectID: 1221}) {
		if err != nil {
			t.Fatal(err)
		}
		made[one.Status]++
	}
	if fmt.Sprint(made) != fmt.Sprintf("map[confirmed:%d]", payments) {
		t.Errorf("made were %v", made)
	}
}

// The zero value calls what needs no signature.
func TestTheZeroValueWorks(t *testing.T) {
	s := newServer(t)
	anybody := walletapi.Client{BaseURL: s.URL + "/"}
	if now, err := anybody.ServerTime(context.Background()); err != nil || !now.Equal(wallettest.Epoch) {
		t.Errorf("%v, %v", now, err)
	}
	if c, err := anybody.Configuration(ctx); err != nil || c.MinimumPasswordLength == 0 {
		t.Errorf("%v, %v", c, err)
	}
	if all, err := anybody.PayCategories(ctx, "lt"); err != nil || all[0].Title != "Maistas" {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := anybody.ClientInfo(ctx); !walletapi.HasCode(err, walletapi.CodeUnauthorized) {
		t.Errorf("the error is %v", err)
	}
	if _, err := (&walletapi.Client{Retry: walletapi.Retry{Attempts: 1}}).ServerTime(ctx); err == nil {
		t.Error("there is no address")
	}
}
