package sandbox

import (
	"slices"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// The people and the company of the seeds' examples.
const (
	john    = 1234
	company = 1235
	payer   = 5678
	rival   = 9012
)

// The wallets. 2112, 2113 and 14471 are the seeds' own.
const (
	johnsWallet   = 2110
	firstWallet   = 2112
	secondWallet  = 2113
	rivalsWallet  = 3300
	payerWallet   = 14471
	shopNumber    = 1
	shopMACID     = "wkVd93h2uS"
	storeProject  = 1221
	secondProject = 1222
	sharedProject = 1223
	kioskProject  = 123
	rivalProject  = 1300
	kioskPlace    = 456
	cafePlace     = 106
)

// cafeSpots are where people order and pay at the café; at the counter before they come.
func cafeSpots() service.LocationEdit {
	words := func(text string) wallet.Words { return wallet.Words{IsPlain: true, Plain: text} }
	return service.LocationEdit{
		SpotEdits: &[]service.SpotEdit{
			{Identifier: "TABLE1", Title: words("Table 1"), Description: words("By the window")},
			{Identifier: "TABLE2", Title: words("Table 2")},
			{Identifier: "COUNTER"},
		},
		RemoteIdentifier: "COUNTER",
	}
}

// rates are made up, and stay as they are: what currencies are worth in each other changes every day.
var rates = [][3]string{{"EUR", "USD", "1.0875"}, {"EUR", "GBP", "0.8412"}, {"EUR", "PLN", "4.2615"}, {"EUR", "JPY", "164.37"}}

// payerFunds is what the payer starts with.
var payerFunds = money.Amount{Minor: 1000_00, Currency: "EUR"}

type person struct {
	name string
	wallet.User
	password, pin secret.Text
}

var people = []person{
	{"john", wallet.User{ID: john, Type: wallet.Natural, DisplayName: "John Smith", Email: "john@example.com", Phone: "37060001234", Locale: "en",
		Identity: wallet.Identity{Name: "John", Surname: "Smith"}, Level: wallet.SemiIdentified},
		"johns-password", "1234"},
	{"company", wallet.User{ID: company, Type: wallet.Legal, DisplayName: "John's Company Ltd", Email: "office@johns-company.example", Locale: "en",
		CompanyCode: "301234567", Administrators: []int64{john}}, "", ""},
	// Of the payer everything is known, of the rival nothing but how to reach her.
	{"payer", wallet.User{ID: payer, Type: wallet.Natural, DisplayName: "Paula Payer", Email: "paula@example.com", Phone: "37060005678", Locale: "lt",
		DateOfBirth: "1990-01-31", Gender: wallet.Female,
		Address:  wallet.Address{Country: "lt", City: "Vilnius", Street: "Gedimino pr. 1", PostIndex: "01103"},
		Identity: wallet.Identity{Name: "Paula", Surname: "Payer", Nationality: "lt", Code: "49001310000"}, Level: wallet.FullyIdentified,
		Exposures:       []wallet.Exposure{{Name: "Petras Payer", Relation: "spouse", Positions: []string{"mayor"}}},
		DefaultCurrency: "EUR"},
		"paulas-password", "5678"},
	{"rival", wallet.User{ID: rival, Type: wallet.Natural, DisplayName: "Rita Rival", Email: "rita@example.com", Phone: "37060009012", Locale: "lt"},
		"ritas-password", "9012"},
}

var wallets = []wallet.Wallet{
	{ID: johnsWallet, OwnerID: john, Description: "John's own"},
	{ID: firstWallet, OwnerID: company, Description: "Main"},
	{ID: secondWallet, OwnerID: company, Description: "Second"},
	{ID: rivalsWallet, OwnerID: rival},
	{ID: payerWallet, OwnerID: payer},
}

// projects: the first and the shared one use one wallet, as in the seed's scenario.
var projects = []wallet.Project{
	{ID: storeProject, Title: "My E-Commerce Store", Description: "Online payment processing for my store", OwnerID: company, WalletID: firstWallet},
	{ID: secondProject, Title: "My Second Project", OwnerID: company, WalletID: secondWallet},
	{ID: sharedProject, Title: "My Marketplace Stand", Description: "Shares the store's wallet", OwnerID: company, WalletID: firstWallet},
	{ID: kioskProject, Title: "My Kiosk", OwnerID: company, WalletID: firstWallet},
	{ID: rivalProject, Title: "Rita's Rival Shop", OwnerID: rival, WalletID: rivalsWallet},
}

type client struct {
	name string
	wallet.Client
	// key is made up when empty.
	key secret.Text
}

var clients = []client{
	{"shop", wallet.Client{
		ID: shopNumber, MACID: shopMACID, Title: "Back end of the store", Type: wallet.PrivateClient, Permissions: wallet.Permissions(),
		Projects: []int64{storeProject, secondProject, sharedProject, kioskProject}, MainProject: storeProject,
		Hosts:        []wallet.Host{{Host: "shop.example", Path: "/pay", Protocol: "https", AnySubdomain: true}, {Host: "localhost", AnyPort: true}},
		WalletRights: []wallet.WalletRight{{WalletID: payerWallet, Scopes: []wallet.Scope{wallet.ScopeBalance}}},
	}, service.PublishedKey},
	{"two-shops", wallet.Client{
		ID: 2, MACID: "Tw0Shops12", Title: "Dashboard of two projects", Type: wallet.PrivateClient,
		Permissions: []wallet.Permission{wallet.AccessStatements, wallet.UseWalletAPI, wallet.UseOAuthAPI, wallet.UseClientAPI},
		Projects:    []int64{storeProject, secondProject},
	}, ""},
	{"second-shop", wallet.Client{
		ID: 3, MACID: "OneShop122", Title: "Reader of the second project", Type: wallet.PrivateClient,
		Permissions: []wallet.Permission{wallet.UseWalletAPI}, Projects: []int64{secondProject}, MainProject: secondProject,
	}, ""},
	{"no-project", wallet.Client{
		ID: 4, MACID: "NoProject0", Title: "Client without a project", Type: wallet.PrivateClient,
		Permissions: []wallet.Permission{wallet.UseWalletAPI, wallet.UseOAuthAPI},
	}, ""},
	{"app", wallet.Client{
		ID: 5, MACID: "ShopApp122", Title: "Store app", Type: wallet.Application,
		// The client API is its own; the rest is what its devices get, which sign users in by password.
		Permissions: []wallet.Permission{wallet.UseClientAPI, wallet.UseOAuthAPI, wallet.UsePasswordGrant, wallet.UseWalletAPI},
		Projects:    []int64{storeProject}, MainProject: storeProject,
	}, ""},
	{"kiosk", wallet.Client{
		ID: 6, MACID: "Kiosk12345", Title: "Till at the kiosk", Type: wallet.PrivateClient,
		Permissions: []wallet.Permission{wallet.UseWalletAPI, wallet.ServeCash}, Projects: []int64{kioskProject}, MainProject: kioskProject,
		BaseLocation: kioskPlace,
	}, ""},
}

// The device is a phone that the application registered.
const (
	appNumber  = 5
	deviceName = "device"
	deviceInfo = `{"device_id":"d-81f2","os":"Android 15","model":"Pixel 9","app_version":"1.0"}`
)

// tokens: John sees his projects, the payer agreed to everything but projects, to exchanging currencies too.
func tokens() []wallet.Token {
	all := slices.DeleteFunc(wallet.OrdinaryScopes(), func(s wallet.Scope) bool { return s == wallet.ScopeProjects })
	return []wallet.Token{
		{UserID: john, ClientID: shopNumber, Scopes: []wallet.Scope{wallet.ScopeProjects, wallet.ScopeBalance, wallet.ScopeWalletList}},
		{UserID: payer, ClientID: shopNumber, Scopes: append(all, wallet.ScopeConvertCurrency)},
	}
}

var categories = []wallet.PayCategory{
	{ID: 1, Title: wallet.Text{"en": "Food", "lt": "Maistas"},
		ActiveURI: "https://shop.example/icons/food-active.png", InactiveURI: "https://shop.example/icons/food-inactive.png"},
	{ID: 2, Title: wallet.Text{"en": "Cafés", "lt": "Kavinės"}, ParentID: 1},
	{ID: 3, Title: wallet.Text{"en": "Pizza", "lt": "Picerijos"}, ParentID: 1},
	{ID: 4, Title: wallet.Text{"en": "Shopping", "lt": "Prekyba"},
		ActiveURI: "https://shop.example/icons/shopping-active.png", InactiveURI: "https://shop.example/icons/shopping-inactive.png"},
	{ID: 5, Title: wallet.Text{"en": "Books", "lt": "Knygynai"}, ParentID: 4},
	{ID: 6, Title: wallet.Text{"en": "Clothes", "lt": "Drabužiai"}, ParentID: 4},
	{ID: 7, Title: wallet.Text{"en": "Services", "lt": "Paslaugos"}},
}

// open are hours in the words of OpenStreetMap.
func open(text string) *hours.Schedule {
	schedule, err := hours.Parse(text)
	if err != nil {
		panic("sandbox: " + err.Error()) // a test makes the world
	}
	return schedule
}

func pay(categories ...int64) wallet.Offer {
	return wallet.Offer{Available: true, Categories: categories}
}
func by(types ...string) wallet.Offer { return wallet.Offer{Available: true, Types: types} }

// timezone is that of all the sandbox's places.
const timezone = "Europe/Vilnius"

// place is a public, active place with pins; the exceptions are made below.
func place(id, project int64, title, address string, lat, lng float64, hours *hours.Schedule, services map[wallet.Service]wallet.Offer) wallet.Location {
	position := wallet.At(lat, lng)
	return wallet.Location{
		ID: id, ProjectID: project, Title: wallet.Text{"en": title}, Address: wallet.Text{"en": address},
		Position: &position, Status: wallet.Active, Public: true, Hours: hours, Timezone: timezone, Services: services,
		PinOpen: "https://shop.example/pins/open.png", PinClosed: "https://shop.example/pins/closed.png",
	}
}

// places are a dozen in Vilnius, Kaunas and Klaipėda. 456 is the seeds' own, a few hundred
// metres from 54.6, 25.2.
func places() []wallet.Location {
	type services = map[wallet.Service]wallet.Offer
	list := []wallet.Location{
		place(101, storeProject, "Store on Gediminas Avenue", "Gedimino pr. 9, Vilnius", 54.6872, 25.2797, open("Mo-Fr 08:00-18:00"),
			services{wallet.Pay: pay(4, 5), wallet.CashIn: by("contact", "bar_code", "document", "one_time_bar_code"), wallet.CashOut: by("qr_code", "document"), wallet.Identification: {Available: true}}),
		place(102, storeProject, "Night kiosk", "Aušros Vartų g. 3, Vilnius", 54.6747, 25.2895, open("Mo-Th 12:00-22:00; Fr,Sa 18:00-03:00"),
			services{wallet.Pay: pay(1, 3), wallet.CashIn: by("contact", "bar_code")}),
		place(103, storeProject, "Akropolis Vilnius", "Ozo g. 25, Vilnius", 54.7103, 25.2631, open("Mo-Su 10:00-22:00"),
			services{wallet.Pay: pay(4, 6)}),
		place(104, storeProject, "Ozas pick-up point", "Ozo g. 18, Vilnius", 54.7141, 25.2765, open("Mo-Su 09:00-21:00"),
			services{wallet.Pay: pay(4), wallet.CashOut: by("qr_code")}),
		place(105, storeProject, "Airport desk", "Rodūnios kel. 10A, Vilnius", 54.6370, 25.2876, open("24/7"),
			services{wallet.Pay: pay(7), wallet.CashIn: by("document"), wallet.CashOut: by("document"), wallet.Identification: {Available: true}}),
		place(cafePlace, storeProject, "Café on Freedom Avenue", "Laisvės al. 60, Kaunas", 54.8966, 23.9126, open("Mo-Su 08:00-23:00"),
			services{wallet.Pay: pay(1, 2)}),
		place(107, storeProject, "Akropolis Kaunas", "Karaliaus Mindaugo pr. 49, Kaunas", 54.8913, 23.9183, nil,
			services{wallet.Pay: {Available: false}}),
		place(108, storeProject, "Kaunas station", "M. K. Čiurlionio g. 16, Kaunas", 54.8858, 23.9312, open("Mo-Su 06:30-23:30"),
			services{wallet.CashIn: by("one_time_bar_code"), wallet.Pay: pay(7)}),
		place(109, storeProject, "Old ferry", "Danės g. 1, Klaipėda", 55.7074, 21.1270, open("Mo-Su 07:00-22:00"),
			services{wallet.Pay: pay(7)}),
		place(110, storeProject, "Pier 4", "Žvejų g. 4, Klaipėda", 55.7033, 21.1443, open("Mo-Fr 09:00-18:00"),
			services{wallet.Pay: pay(4, 5), wallet.CashIn: by("contact", "document")}),
		place(111, secondProject, "Warehouse", "Minijos g. 180, Klaipėda", 55.6721, 21.1705, open("Mo-Fr 08:00-17:00"),
			services{wallet.Pay: pay(7)}),
		place(kioskPlace, kioskProject, "Village kiosk", "Pagirių g. 6, Vilnius", 54.6025, 25.2030, open("Mo-Su 09:00-20:00"),
			services{wallet.Pay: pay(1), wallet.CashIn: by("contact", "bar_code", "one_time_bar_code"), wallet.CashOut: by("qr_code"), wallet.Identification: {Available: true}}),
	}
	list[0].Title["lt"], list[0].Radius = "Parduotuvė Gedimino prospekte", 50
	list[0].Description = wallet.Text{"en": "Books and parcels, entrance from the avenue", "lt": "Knygos ir siuntos, įėjimas iš prospekto"}
	list[0].Prices = []wallet.Price{
		{Title: wallet.Text{"en": "Parcel", "lt": "Siunta"}, Amount: money.Amount{Minor: 250, Currency: "EUR"}},
		{Title: wallet.Text{"en": "Two books, one free", "lt": "Dvi knygos už vieną"}},
	}
	list[5].Prices = []wallet.Price{{Title: wallet.Text{"en": "Coffee", "lt": "Kava"}, Amount: money.Amount{Minor: 150, Currency: "EUR"}}}
	list[6].Status = wallet.Inactive
	list[10].Public = false
	return list
}
