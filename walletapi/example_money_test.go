package walletapi_test

import (
	"fmt"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// A payer agrees once, and the shop takes money from then on without asking: as long as it is within what was agreed to.
func ExampleClient_CreateAllowance() {
	world := newWorld()
	defer world.close()
	shop, paula := world.as("shop").InProject(1221), world.as("token:5678")
	week := int64(7 * 24 * time.Hour / time.Second)
	asked, err := shop.CreateAllowance(ctx, walletapi.NewAllowance{
		Description: "Bread each day", Currency: "EUR", MaxPrice: 50_00, Valid: walletapi.For(90 * 24 * time.Hour),
		Limits: []walletapi.NewAllowanceLimit{{MaxPrice: 20_00, Time: week}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// The payer agrees: in an app as here, or on the page /frontend/wallet/confirm/ and the transaction's key.
	if _, err := paula.ReserveFrom(ctx, asked.TransactionKey, walletapi.Me, walletapi.Reservation{}); err != nil {
		fmt.Println(err)
		return
	}
	for _, price := range []int64{15_00, 5_01} {
		bread, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{
			Payments: []walletapi.NewPayment{{Price: price, Currency: "EUR", Description: "Bread"}}, AutoConfirm: true,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		taken, err := shop.ReserveFrom(ctx, bread.TransactionKey, 14471, walletapi.Reservation{}) // no proof: by the allowance
		if walletapi.HasCode(err, walletapi.CodeLimitsExceeded) {
			left, err := shop.AllowanceLeft(ctx, 14471, "EUR")
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println("this week there is left", left.AmountDecimal, left.Currency)
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(taken.Status, taken.Type, taken.Payments[0].PriceDecimal)
	}
	over, err := shop.CancelActiveAllowance(ctx, 14471)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(over.Status)
	// Output:
	// confirmed automatic 15.00
	// this week there is left 5.00 EUR
	// inactive
}

// A till hands out cash to a customer who shows a code, and takes cash from one who shows a barcode.
func ExampleClient_PayCashOut() {
	world := newWorld()
	defer world.close()
	till, paula := world.as("kiosk"), world.as("token:5678")
	// The customer's app makes the code, and shows it: it is their yes, once.
	code, err := paula.MakeReserveCode(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Once makes sure that the money is handed out once, also when the till begins anew after a crash.
	out, err := till.Once("receipt-17").PayCashOut(ctx, walletapi.NewCash{
		Price: 50_00, Currency: "EUR", Customer: walletapi.CashCustomer{QRCode: code.Code},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out.Status, out.Cash.Service, out.Cash.Type, out.Payments[0].PriceDecimal)

	barcode, err := paula.MakeOneTimeBarcode(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	in, err := till.Once("receipt-18").PayCashIn(ctx, walletapi.NewCash{
		Price: 20_00, Currency: "EUR", Customer: walletapi.CashCustomer{OneTimeBarcode: barcode.Barcode},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(in.Status, in.Cash.Service, in.Cash.Type, in.Payments[0].PriceDecimal)
	// Output:
	// confirmed cash_out qr_code 50.00
	// confirmed cash_in one_time_bar_code 20.00
}

// The statistics of all projects of a user, asked for at once. (Samples: "Multi-Project Dashboard", getAllStats.)
func ExampleClient_ProjectStatistics() {
	world := newWorld()
	defer world.close()
	shop, john := world.as("shop"), world.as("token:1234")
	for _, cents := range []int64{5_00, 7_50} {
		if _, err := pay(shop.InProject(1222), cents); err != nil {
			fmt.Println(err)
			return
		}
	}
	all, err := john.ProjectStatistics(ctx, walletapi.StatisticsFilter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range all {
		if p.Err != nil {
			fmt.Printf("Error for project %d: %v\n", p.Project.ID, p.Err)
			continue
		}
		for _, line := range p.Value.Stats {
			fmt.Printf("%s: %d paid, %s %s\n", p.Project.Title, line.Paid.Count, line.Paid.VolumeDecimal, line.Currency)
		}
	}
	// Output: My Second Project: 2 paid, 12.50 EUR
}

// All projects of a user in one call, as they were at one moment.
func ExampleClient_ProjectsOverview() {
	world := newWorld()
	defer world.close()
	shop, john := world.as("shop"), world.as("token:1234")
	if _, err := pay(shop.InProject(1221), 12_50); err != nil {
		fmt.Println(err)
		return
	}
	overview, err := john.ProjectsOverview(ctx, walletapi.Page{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range overview.Projects {
		fmt.Printf("%s: wallet %d, %d paid today, %d places\n", p.Title, p.WalletID, p.Today["EUR"].Paid.Count, p.Locations.Active)
	}
	// Output:
	// My Kiosk: wallet 2112, 0 paid today, 1 places
	// My E-Commerce Store: wallet 2112, 1 paid today, 9 places
	// My Second Project: wallet 2113, 0 paid today, 1 places
	// My Marketplace Stand: wallet 2112, 0 paid today, 0 places
}
