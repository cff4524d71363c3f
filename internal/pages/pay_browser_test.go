package pages_test

import (
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// till is the shop of the sample world with a web site of its own, where payers come back to.
type till struct {
	*wallettest.Server
	site *httptest.Server
	t    *testing.T
}

func newTill(t *testing.T, address string) till {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte("Thank you for order " + r.URL.Query().Get("order")))
	}))
	t.Cleanup(site.Close)
	return till{wallettest.NewServer(t, address), site, t}
}

// back is where payers come back to.
func (s till) back() string {
	return strings.Replace(s.site.URL, "127.0.0.1", "localhost", 1) + "/done?order=88"
}

// shop is the shop's client as it calls with its own credentials, from its store in Gediminas Avenue.
func (s till) shop() wallet.Caller {
	s.t.Helper()
	found, err := s.DB.Credential(ctx, "wkVd93h2uS")
	if err != nil || !found.Known {
		s.t.Fatal(found, err)
	}
	c := wallet.Caller{Kind: wallet.ByClient, Client: found.Client, ProjectID: 1221, LocationID: 101}
	binary.LittleEndian.PutUint64(c.Nonce.Fingerprint[:], counter.Add(1))
	c.Nonce.TS = s.Wall.Now().Unix()
	return c
}

// asks returns the link that the shop sends a payer, and what it stands for.
func (s till) asks(language string, n service.NewTransaction) (link string, view service.TransactionView) {
	s.t.Helper()
	n.RedirectURI = s.back()
	view, err := s.Service.CreateTransaction(ctx, s.shop(), n)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.URL + "/frontend/" + language + "/wallet/confirm/" + view.Key, view
}

func order(price int64) service.NewTransaction {
	return service.NewTransaction{Payments: []service.NewPayment{{Payment: wallet.Payment{Description: "Order 88", Price: euros(price)}}}}
}

func (s till) became(view service.TransactionView) *wallet.Transaction {
	s.t.Helper()
	now, err := s.Service.GetTransaction(ctx, s.shop(), view.Key, false, false)
	if err != nil {
		s.t.Fatal(err)
	}
	return now.Transaction
}

func (s till) is(view service.TransactionView, want wallet.TransactionStatus) {
	s.t.Helper()
	if got := s.became(view).Status; got != want {
		s.t.Fatalf("the transaction is %s, want %s", got, want)
	}
}

// opensAs opens a link that leads to signing in, and signs somebody in.
func opensAs(b *wallettest.Browser, link, contact, password string) {
	b.Open(link)
	b.Fill("E-mail address or phone number", contact)
	b.Fill("Password", password)
	b.Press("Sign in")
}

func noComplaints(t *testing.T, b *wallettest.Browser) {
	t.Helper()
	if errors := b.ConsoleErrors(); len(errors) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(errors, "\n"))
	}
}

// Paula opens the shop's link, signs in, sees who asks for how much and where, mistypes her PIN, approves with the right
// one, and lands at the shop; her money is held. The next payment she refuses, and lands there too.
func TestPayingInABrowser(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := newTill(t, address)
		b := wallettest.NewBrowser(t, wallettest.WithoutJavaScript())
		link, asked := s.asks("en", order(25_99))
		opensAs(b, link, "paula@example.com", "paulas-password")
		for _, seen := range []string{"Payment to My E-Commerce Store", "John's Company Ltd", "Store on Gediminas Avenue", "Gedimino pr. 9, Vilnius", "Order 88", "Paid to: John's Company Ltd", "Total: 25.99 EUR", "1000.00 EUR available"} {
			b.See(seen)
		}
		b.Fill("Your PIN", "1111")
		b.Press("Pay")
		b.See("This is not your PIN.")
		b.Fill("Your PIN", "5678")
		b.Press("Pay")
		b.LandedAt(s.back())
		b.See("Thank you for order 88")
		s.is(asked, wallet.TransactionReserved)
		b.Open(link)
		b.See("Your money is held for this payment.")

		link, refused := s.asks("en", order(5_00))
		b.Open(link)
		b.Press("Refuse")
		b.LandedAt(s.back())
		s.is(refused, wallet.TransactionRejected)
		noComplaints(t, b)
	})
}

// Rita has no money: she is told how much is missing, and once the operator has credited her wallet it is paid by itself.
func TestTooLittleMoneyInABrowser(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := newTill(t, address)
		b := wallettest.NewBrowser(t, wallettest.WithoutJavaScript())
		link, asked := s.asks("en", order(30_00))
		opensAs(b, link, "rita@example.com", "ritas-password")
		b.Fill("Your PIN", "9012")
		b.Press("Pay")
		b.See("your wallet holds too little")
		b.See("30.00 EUR is missing in your wallet.")
		s.is(asked, wallet.WaitingFunds)
		if _, err := s.Service.CreditWallet(ctx, operator, 3300, euros(40_00), "found under the sofa"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Service.DoDue(ctx, operator); err != nil {
			t.Fatal(err)
		}
		s.is(asked, wallet.TransactionReserved)
		b.Open(link)
		b.See("Your money is held for this payment.")
		b.NotSee("missing")
		b.Follow("Back to " + strings.TrimPrefix(strings.TrimSuffix(s.back(), "/done?order=88"), "http://"))
		b.See("Thank you for order 88")
		noComplaints(t, b)
	})
}

// Paula chooses what she gives, and what she tells beside what she has to, in Lithuanian.
func TestChoosingInABrowser(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		s := newTill(t, address)
		b := wallettest.NewBrowser(t, wallettest.WithoutJavaScript())
		n := service.NewTransaction{Payments: []service.NewPayment{
			{Payment: wallet.Payment{Description: "Auka", Price: euros(10_00), PriceRules: &wallet.PriceRules{Min: 1_00, Choices: []int64{10_00, 20_00}}}},
			{Payment: wallet.Payment{Description: "Kava", Price: euros(1_50), PriceRules: &wallet.PriceRules{Min: 1_00, Max: 9_00}}},
		}}
		n.Inquiries = []wallet.Inquiry{
			{Identifier: "who", Required: true, Description: "Sąskaitai", Items: []wallet.InquiryItem{{Identifier: "a", Type: wallet.AskIdentity}}},
			{Identifier: "code", Items: []wallet.InquiryItem{{Identifier: "b", Type: wallet.AskPersonCode}}},
		}
		link, asked := s.asks("lt", n)
		b.Open(link)
		b.Fill("El. pašto adresas arba telefono numeris", "paula@example.com")
		b.Fill("Slaptažodis", "paulas-password")
		b.Press("Prisijungti")
		for _, seen := range []string{"Mokėjimas: My E-Commerce Store", "Parduotuvė Gedimino prospekte", "10,00 EUR", "20,00 EUR", "Mažiausiai 1,00 EUR.", "Nuo 1,00 EUR iki 9,00 EUR."} {
			b.See(seen)
		}
		b.Tick("Kita suma")
		b.Fill("Kokia suma", "12,34")
		b.Fill("Kiek mokate už: Kava", "0,5")
		b.Tick("Pasakyti: vardas, pavardė, pilietybė ir asmens kodas – Sąskaitai")
		b.Fill("Jūsų PIN kodas", "5678")
		b.Press("Mokėti")
		b.See("Nesumokėta: pataisykite, kas pažymėta.")
		b.Fill("Kiek mokate už: Kava", "2")
		b.Fill("Jūsų PIN kodas", "5678")
		b.Press("Mokėti")
		b.LandedAt(s.back())
		now := s.became(asked)
		if now.Status != wallet.TransactionReserved || now.Payments[0].Price != euros(12_34) || now.Payments[1].Price != euros(2_00) {
			t.Errorf("it became %+v", now)
		}
		if now.Inquiries[0].Answer != wallet.InquiryAccepted || now.Inquiries[1].Answer != wallet.InquiryDeclined {
			t.Errorf("the answers are %+v", now.Inquiries)
		}
		noComplaints(t, b)
	})
}

// Inside the frame of the shop's site the page offers a window of its own; inside the frame of another site it is not shown at all.
func TestThePageInAFrameOfABrowser(t *testing.T) {
	s := newTill(t, "sqlite:"+t.TempDir()+"/purser.db")
	link, _ := s.asks("en", order(25_99))
	var inside string
	framing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(`<!doctype html><title>Shop</title><h1>The shop</h1><iframe src="` + inside + `"></iframe>`))
	}))
	t.Cleanup(framing.Close)
	b := wallettest.NewBrowser(t, wallettest.WithoutJavaScript())
	inside = link
	b.Open(strings.Replace(framing.URL, "127.0.0.1", "localhost", 1))
	b.See("The shop")
	if errors := b.ConsoleErrors(); len(errors) == 0 || !strings.Contains(strings.Join(errors, "\n"), "frame-ancestors") {
		t.Errorf("without client_id the browser says %q", errors)
	}
	inside = link + "?client_id=wkVd93h2uS"
	before := len(b.ConsoleErrors())
	b.Open(strings.Replace(framing.URL, "127.0.0.1", "localhost", 1))
	b.See("The shop")
	if errors := b.ConsoleErrors(); len(errors) != before {
		t.Errorf("with client_id the browser complains: %s", strings.Join(errors[before:], "\n"))
	}
}
