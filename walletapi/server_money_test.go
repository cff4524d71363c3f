package walletapi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// What the SDK writes of allowances, cash, documents and figures is what the server reads.

func TestAllowancesAreWritten(t *testing.T) {
	s := newServer(t)
	shop, paula := as(s, "shop").InProject(123), as(s, "token:5678")
	until := s.Business.Now().Add(48 * time.Hour)
	made, err := shop.CreateAllowance(ctx, walletapi.NewAllowance{
		Description: "Papers", Currency: "EUR", MaxPriceDecimal: "50.00", Valid: walletapi.Until(until), Locations: []int64{456},
		Limits: []walletapi.NewAllowanceLimit{{MaxPrice: 2000, Time: 3600}, {MaxPriceDecimal: "30.00", Time: 7200}},
	})
	if err != nil {
		t.Fatal(err)
	}
	limits := []walletapi.AllowanceLimit{{MaxPrice: 2000, Time: 3600}, {MaxPrice: 3000, Time: 7200}}
	if made.Status != walletapi.AllowanceNew || made.Description != "Papers" || made.MaxPrice != 5000 || made.ValidUntil != until.Unix() ||
		!slices.Equal(made.Locations, []int64{456}) || !slices.Equal(made.Limits, limits) {
		t.Errorf("made: %+v", made)
	}
	// It is taken over beside a payment, and given because the payer says so.
	asked, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{
		Payments:  []walletapi.NewPayment{{Price: 100, Currency: "EUR", Description: "Paper"}},
		Allowance: &walletapi.AllowanceRequest{ID: made.ID, Optional: true},
	})
	if err != nil || asked.Allowance == nil || asked.Allowance.Data.ID != made.ID || !asked.Allowance.Optional {
		t.Fatalf("%+v, %v", asked, err)
	}
	if _, err := paula.ReserveFrom(ctx, asked.TransactionKey, walletapi.Me, walletapi.Reservation{AcceptAllowance: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := shop.Confirm(ctx, asked.TransactionKey, nil); err != nil {
		t.Fatal(err)
	}
	if active, err := shop.ActiveAllowance(ctx, 14471); err != nil || active.ID != made.ID || active.Status != walletapi.AllowanceActive {
		t.Errorf("active: %+v, %v", active, err)
	}
	left, err := shop.AtLocation(456).AllowanceLeft(ctx, 14471, "EUR")
	if err != nil || left.Amount != 2000 || left.AmountDecimal != "20.00" || left.Currency != "EUR" {
		t.Errorf("left: %+v, %v", left, err)
	}
	if none, err := shop.AllowanceLeft(ctx, 14471, ""); err != nil || none.Amount != 0 || none.Currency != "EUR" {
		t.Errorf("away from its place: %+v, %v", none, err)
	}
	for range 2 { // who cancels twice is answered twice
		if over, err := shop.CancelAllowance(ctx, made.ID); err != nil || over.Status != walletapi.AllowanceInactive {
			t.Errorf("canceled: %+v, %v", over, err)
		}
	}
	if _, err := shop.ActiveAllowance(ctx, 14471); !walletapi.HasCode(err, walletapi.CodeNotFound) {
		t.Errorf("the error is %v", err)
	}
}

// A transaction may ask for an allowance and nothing else.
func TestAnAllowanceAloneIsATransaction(t *testing.T) {
	s := newServer(t)
	shop, paula := as(s, "shop").InProject(1221), as(s, "token:5678")
	asked, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{
		Allowance: &walletapi.AllowanceRequest{Data: &walletapi.NewAllowance{Currency: "EUR", MaxPrice: 500, Valid: walletapi.For(time.Hour)}},
	})
	if err != nil || len(asked.Payments) != 0 || asked.Allowance.Data.Valid.For == nil || *asked.Allowance.Data.Valid.For != 3600 {
		t.Fatalf("%+v, %v", asked, err)
	}
	given, err := paula.ReserveFrom(ctx, asked.TransactionKey, walletapi.Me, walletapi.Reservation{})
	if err != nil || given.Status != walletapi.StatusConfirmed { // there is nothing else to confirm
		t.Fatalf("%+v, %v", given, err)
	}
	if over, err := shop.CancelActiveAllowance(ctx, 14471); err != nil || over.ID != given.Allowance.Data.ID {
		t.Errorf("canceled: %+v, %v", over, err)
	}
}

func TestCashAndDocumentsAreWritten(t *testing.T) {
	s := newServer(t)
	shop, paula := as(s, "shop"), as(s, "token:5678")
	desk := shop.AtLocation(105)
	if err := openAlways(shop, 105); err != nil {
		t.Fatal(err)
	}
	if _, err := pay(shop.InProject(1221), 100_00); err != nil { // cash in comes out of the project's wallet
		t.Fatal(err)
	}
	record, err := desk.IdentifyUser(ctx, 9012, walletapi.NewIdentification{
		Document:  walletapi.Document{Type: walletapi.DocumentPassport, Number: "LT 012345"},
		Identity:  walletapi.Identity{Name: "Rita", Surname: "Rival", Nationality: "lt", Code: "48801010000"},
		CheckedBy: "Ona at desk 2", CheckedAt: wallettest.Epoch.Add(-time.Hour).Unix(),
	})
	if err != nil || record.Status != "pending" || record.Identity.Surname != "Rival" || record.Document.Type != walletapi.DocumentPassport ||
		record.CheckedBy != "Ona at desk 2" || record.CheckedAt != wallettest.Epoch.Add(-time.Hour).Unix() || record.LocationID != 105 {
		t.Fatalf("%+v, %v", record, err)
	}
	if same, err := desk.Identification(ctx, record.ID); err != nil || *same != *record {
		t.Errorf("%+v, %v", same, err)
	}
	till := as(s, "kiosk")
	if err := openAlways(shop, 456); err != nil {
		t.Fatal(err)
	}
	barcode, err := paula.MakeOneTimeBarcode(ctx)
	if err != nil {
		t.Fatal(err)
	}
	in, err := till.PayCashIn(ctx, walletapi.NewCash{
		PriceDecimal: "20.00", Currency: "EUR", Description: "Savings", Customer: walletapi.CashCustomer{OneTimeBarcode: barcode.Barcode},
	})
	if err != nil || in.Status != walletapi.StatusConfirmed || in.Payments[0].Description != "Savings" || in.Payments[0].Price != 2000 ||
		*in.Cash != (walletapi.Cash{Service: walletapi.ServiceCashIn, Type: "one_time_bar_code"}) {
		t.Fatalf("%+v, %v", in, err)
	}
	code, err := paula.MakeReserveCode(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out, err := till.PayCashOut(ctx, walletapi.NewCash{Price: 500, Currency: "EUR", Customer: walletapi.CashCustomer{QRCode: code.Code}})
	if err != nil || out.Cash.Service != walletapi.ServiceCashOut {
		t.Fatalf("%+v, %v", out, err)
	}
	// A contact that nobody has confirmed: without the code that was sent there the cash is not taken.
	nobody := walletapi.CashCustomer{Phone: "37060000077"}
	if sent, err := till.SendCashCode(ctx, nobody); err != nil || sent.Phone != nobody.Phone || sent.ExpiresAt == 0 {
		t.Errorf("%+v, %v", sent, err)
	}
	if _, err := till.PayCashIn(ctx, walletapi.NewCash{Price: 100, Currency: "EUR", Customer: nobody, Code: "wrong"}); !walletapi.HasCode(err, walletapi.CodeInvalidCode) {
		t.Errorf("the error is %v", err)
	}
	passport := walletapi.CashCustomer{PersonCode: "49001310000", Nationality: "lt"}
	if paid, err := desk.PayCashIn(ctx, walletapi.NewCash{Price: 100, Currency: "EUR", Customer: passport}); err != nil || paid.Cash.Type != "document" {
		t.Errorf("%+v, %v", paid, err)
	}
}

// openAlways has a place offer all of it, around the clock.
func openAlways(shop *walletapi.Client, place int64) error {
	_, err := shop.UpdateLocation(ctx, place, walletapi.LocationEdit{Hours: &walletapi.HoursEdit{Text: "24/7"}})
	return err
}

func TestFiguresAreAskedFor(t *testing.T) {
	s := newServer(t)
	shop, john := as(s, "shop"), as(s, "token:1234")
	for _, in := range []*walletapi.Client{shop.InProject(1221), shop.InProject(123).AtLocation(456)} {
		if _, err := pay(in, 12_50); err != nil {
			t.Fatal(err)
		}
	}
	now := s.Business.Now()
	days, err := john.InProject(1221).Statistics(ctx, walletapi.StatisticsFilter{
		From: now.AddDate(0, 0, -1), To: now, Group: walletapi.ByDay, Page: walletapi.Page{Limit: 5},
	})
	if err != nil || len(days.Stats) != 1 || days.Stats[0].Day != now.UTC().Format(time.DateOnly) || days.Stats[0].Paid.Volume != 1250 ||
		days.Metadata.Limit != 5 || days.Metadata.Group != walletapi.ByDay || days.Metadata.To-days.Metadata.From != 2*24*3600-1 {
		t.Errorf("%+v, %v", days, err)
	}
	places, err := john.InProject(123).Statistics(ctx, walletapi.StatisticsFilter{Group: walletapi.ByLocation})
	if err != nil || len(places.Stats) != 1 || places.Stats[0].LocationID != 456 {
		t.Errorf("%+v, %v", places, err)
	}
	overview, err := john.ProjectsOverview(ctx, walletapi.Page{Limit: 2, Offset: 1})
	if err != nil || len(overview.Projects) != 2 || overview.Metadata.Total != 4 || overview.Projects[0].ID != 1221 ||
		overview.Projects[0].Today["EUR"].Paid.Count != 1 || overview.Projects[0].Balance["EUR"].AtDisposal != 2500 {
		t.Errorf("%+v, %v", overview, err)
	}
}

func TestTheLogIsRead(t *testing.T) {
	s := newServer(t)
	shop, anybody := as(s, "shop").InProject(1221), &walletapi.Client{BaseURL: s.URL}
	paid, err := pay(shop, 100)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := shop.TransactionReceipt(ctx, paid.TransactionKey)
	if err != nil || receipt.TransactionKey != paid.TransactionKey || len(receipt.Leaves) != 3 {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if _, err := s.Service.SequenceLog(ctx, wallet.Caller{Kind: wallet.Operator}); err != nil {
		t.Fatal(err)
	}
	checkpoint, err := anybody.LogCheckpoint(ctx)
	if err != nil || !strings.HasPrefix(string(checkpoint), "purser/ledger\n") {
		t.Fatalf("%s, %v", checkpoint, err)
	}
	keys, err := anybody.LogKeys(ctx)
	if err != nil || strings.TrimSpace(string(keys)) != receipt.PublicKeys[0] {
		t.Errorf("%s, %v", keys, err)
	}
	grown, err := anybody.LogConsistency(ctx, 1, 0)
	if err != nil || grown.From != 1 || grown.To < 3 || grown.Checkpoint != string(checkpoint) {
		t.Fatalf("%+v, %v", grown, err)
	}
	if hashes, err := anybody.LogTile(ctx, 0, 0, 2); err != nil || len(hashes) != 64 {
		t.Errorf("%x, %v", hashes, err)
	}
	for _, tile := range [][3]int{{0, 1234067, 0}, {0, 0, 256}, {9, 9, 9}} {
		if _, err := anybody.LogTile(ctx, tile[0], int64(tile[1]), tile[2]); !walletapi.HasCode(err, walletapi.CodeNotFound) {
			t.Errorf("the error is %v", err)
		}
	}
	for _, tile := range [][3]int{{-1, 0, 0}, {0, -1, 0}, {0, 0, 257}} {
		if _, err := anybody.LogTile(ctx, tile[0], int64(tile[1]), tile[2]); err == nil || walletapi.HasCode(err, walletapi.CodeNotFound) {
			t.Errorf("it was sent: %v", err)
		}
	}
	if key, err := anybody.PublicKeys(ctx); err != nil || !strings.HasPrefix(string(key), "-----BEGIN PUBLIC KEY-----") {
		t.Errorf("%s, %v", key, err)
	}
}
