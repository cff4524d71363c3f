package walletapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/purserhq/purser/walletapi"
)

// A back end with the credentials that its operator gave it. (Samples: "For Backend Integration".)
func ExampleClient() {
	client := &walletapi.Client{
		BaseURL: sandbox().URL, // https://wallet.example
		Auth:    walletapi.MAC{ID: "wkVd93h2uS", Secret: "IrdTc8uQodU7PRpLzzLTW6wqZAO6tAMU"},
		Now:     sandbox().Wall.Now, // the sandbox of these examples has a clock of its own
	}
	info, err := client.ClientInfo(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(info.Type, slices.Contains(info.Permissions, "use_wallet_api"))
	// Output: private_client true
}

// A phone's first run: the application registers the device, which has credentials of its own from then on. (Samples: "For Mobile App".)
func ExampleClient_RegisterDevice() {
	application := sandbox().as("app")
	made, err := application.RegisterDevice(ctx, walletapi.NewDevice{
		Info: map[string]string{"device_id": "d-4711", "os": "Android 13", "model": "Samsung Galaxy S23"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mac, err := made.Credentials.MAC() // store them now: the key is shown once
	if err != nil {
		fmt.Println(err)
		return
	}
	device := &walletapi.Client{BaseURL: sandbox().URL, Auth: mac, Now: sandbox().Wall.Now}
	info, err := device.ClientInfo(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(info.Type, info.Project.ID)
	// Output: app_client 1221
}

// Why a call is forbidden: the error says what would be needed, and GET /client what there is. (Samples: "Forbidden when accessing
// project".)
func ExampleAPIError() {
	reader := sandbox().as("second-shop")
	_, err := reader.Project(ctx, 1221)
	var refused *walletapi.APIError
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Code, refused.RequestID != "")
	}
	info, err := reader.ClientInfo(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("Its project:", info.Project.ID)
	// Output:
	// 403 forbidden true
	// Its project: 1222
}

// A till names the place it stands at, and by that its project. (Samples: "location_id Parameter".)
func ExampleClient_AtLocation() {
	till := sandbox().as("shop").AtLocation(456)
	made, err := till.CreateTransaction(ctx, walletapi.NewTransaction{
		Payments: []walletapi.NewPayment{{PriceDecimal: "2.20", Currency: "EUR", Description: "Coffee"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(made.LocationID, made.ProjectID)
	// Output: 456 123
}

// A client certificate in place of a MAC; project and place then stand in headers. (Samples: "With SSL Certificate".)
func ExampleLoadCertificate() {
	folder, err := os.MkdirTemp("", "certificate-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	in := func(name string) string { return filepath.Join(folder, name) }
	public, private, authority := sandbox().Manifest.TLSFiles()
	os.WriteFile(in("shop.pem"), []byte(public), 0o644)
	os.WriteFile(in("shop.key"), []byte(private), 0o600)
	os.WriteFile(in("ca.pem"), []byte(authority), 0o644)

	certificate, err := walletapi.LoadCertificate(in("shop.pem"), in("shop.key"), in("ca.pem"))
	if err != nil {
		fmt.Println(err)
		return
	}
	certificate.SetClock(sandbox().Wall.Now) // of these examples' sandbox; other programs have no use for that
	shop := &walletapi.Client{BaseURL: sandbox().TLSURL, Auth: certificate}
	made, err := shop.InProject(1222).CreateTransaction(ctx, walletapi.NewTransaction{
		Payments: []walletapi.NewPayment{{Price: 300, Currency: "EUR", Description: "Tea"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(made.ProjectID, made.Status)
	// Output: 1222 new
}

// Places near a point, the nearest first, and page after page as they are read. (Samples: "Get Nearby Locations".)
func ExampleClient_AllLocations() {
	anybody := &walletapi.Client{BaseURL: sandbox().URL} // public calls need no signature
	near := walletapi.LocationQuery{Near: &walletapi.Point{Lat: 54.6, Lng: 25.2}, Distance: 1000}
	for place, err := range anybody.AllLocations(ctx, near) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s, %.0f m, cash in by %v\n", place.Title, *place.Distance, place.Services[walletapi.ServiceCashIn].Types)
	}
	// Output: Village kiosk, 339 m, cash in by [contact bar_code one_time_bar_code]
}

// A shop with one project asks for money; its payer accepts with a PIN, and the shop takes it. (Samples: "Single Project Integration".)
func ExampleClient_CreateTransaction() {
	world := newWorld()
	defer world.close()
	shop := world.as("shop").InProject(1221)
	order, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{
		Payments: []walletapi.NewPayment{{Price: 12_50, Currency: "EUR", Description: "Order 17"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	accepted, err := shop.Reserve(ctx, order.TransactionKey, walletapi.Reservation{
		Payer: walletapi.Payer{Payer: &walletapi.Beneficiary{Email: "paula@example.com"}}, PIN: "5678",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	paid, err := shop.Confirm(ctx, order.TransactionKey, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(order.Status, accepted.Status, paid.Status)
	// Output: new reserved confirmed
}

// A key of one's own has an order be made once, whatever happens in between: the process may die and ask again.
func ExampleClient_Once() {
	shop := sandbox().as("shop").InProject(1221)
	order := walletapi.NewTransaction{Payments: []walletapi.NewPayment{{Price: 700, Currency: "EUR", Description: "Order 18"}}}
	first, err := shop.Once("order-18").CreateTransaction(ctx, order)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := shop.Once("order-18").CreateTransaction(ctx, order)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(first.TransactionKey == again.TransactionKey)
	// Output: true
}

// A user signs in at a device; the token is renewed when it expires, once for all goroutines, and stored each time.
func ExampleClient_WithToken() {
	device := sandbox().as("device")
	token, err := device.IssueToken(ctx, walletapi.TokenRequest{
		GrantType: walletapi.GrantPassword, Username: "paula@example.com", Password: "paulas-password", Scope: "balance",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	paula := device.WithToken(*token, func(renewed walletapi.Token) {
		// Here a program stores the token.
	})
	balance, err := paula.Balance(ctx, walletapi.Me)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(balance["EUR"].AtDisposalDecimal)
	// Output: 1000.00
}

// What came in and went out, page after page; nothing is missed or met twice, whatever moves meanwhile.
func ExampleClient_AllStatements() {
	world := newWorld()
	defer world.close()
	shop := world.as("shop").InProject(1221)
	for _, cents := range []int64{1_00, 2_00, 3_00} {
		if _, err := pay(shop, cents); err != nil {
			fmt.Println(err)
			return
		}
	}
	filter := walletapi.StatementFilter{Direction: walletapi.In, OldestFirst: true, Page: walletapi.Page{Limit: 2}}
	for s, err := range shop.AllStatements(ctx, 2112, filter) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(s.AmountDecimal, s.Currency, s.Details)
	}
	// Output:
	// 1.00 EUR Books
	// 2.00 EUR Books
	// 3.00 EUR Books
}

// What has no method is sent like what has one: signed, repeated where that is safe, with errors read.
func ExampleClient_Send() {
	shop := sandbox().as("shop")
	var answer json.RawMessage
	err := shop.Send(ctx, walletapi.Call{Method: http.MethodGet, Target: "/rest/v1/wallet/14471/balance"}, &answer)
	fmt.Println(string(answer), err)
	// Output: {"EUR":{"at_disposal":100000,"at_disposal_decimal":"1000.00","reserved":0,"reserved_decimal":"0.00"}} <nil>
}

// A server for callbacks: only what is signed arrives, and each event once.
func ExampleCallbackHandler() {
	handler := &walletapi.CallbackHandler{
		Client: &walletapi.Client{BaseURL: "https://wallet.example"}, // whose public keys are fetched
		Handle: func(ctx context.Context, c walletapi.Callback) error {
			switch c.Type {
			case walletapi.StatusConfirmed:
				return ship(ctx, c.Data.TransactionKey)
			case walletapi.StatusRejected, walletapi.StatusFailed:
				return cancel(ctx, c.Data.TransactionKey)
			}
			return nil // what it does not know is passed over
		},
	}
	mux := http.NewServeMux()
	mux.Handle("POST /callback", handler)
	fmt.Println("ready")
	// Output: ready
}

func ship(context.Context, string) error   { return nil }
func cancel(context.Context, string) error { return nil }
