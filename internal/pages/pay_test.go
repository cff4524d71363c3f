package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Petras has a PIN and 100 euros in wallet 4; Rita has neither, and wallet 3.
const (
	petrasEmail    = "petras@example.com"
	petrasPassword = "žalias vėžlys neskuba"
	petrasPIN      = "4826"
	// shopBack is where the stall has payers come back to.
	shopBack = "https://stall.example/back/7?order=7"
)

func euros(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

// inShop tells a story about payments on each engine.
func inShop(t *testing.T, story func(t *testing.T, w world), change ...func(*service.Options, *pages.Options)) {
	t.Helper()
	inWorld(t, func(t *testing.T, w world) {
		for _, err := range []error{
			second(w.CreateUser(ctx, operator, wallet.User{ID: 4, Type: wallet.Natural, DisplayName: "Petras", Email: petrasEmail, Locale: "en"}, petrasPassword, petrasPIN)),
			second(w.CreateWallet(ctx, operator, wallet.Wallet{ID: 3, OwnerID: 3})),
			second(w.CreateWallet(ctx, operator, wallet.Wallet{ID: 4, OwnerID: 4})),
			second(w.CreditWallet(ctx, operator, 4, euros(100_00), "for the story")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		story(t, w)
	}, change...)
}

func second[T any](_ T, err error) error { return err }

// asks has the stall ask for something: for a payment of 25.99 EUR where payments says nothing.
func (w world) asks(change func(n *service.NewTransaction), payments ...wallet.Payment) service.TransactionView {
	w.t.Helper()
	n := service.NewTransaction{Transaction: wallet.Transaction{RedirectURI: shopBack}}
	if len(payments) == 0 {
		payments = []wallet.Payment{{Description: "Order 88", Price: euros(25_99)}}
	}
	for _, p := range payments {
		n.Payments = append(n.Payments, service.NewPayment{Payment: p})
	}
	if change != nil {
		change(&n)
	}
	view, err := w.CreateTransaction(ctx, w.by(stall), n)
	if err != nil {
		w.t.Fatal(err)
	}
	return view
}

func payPath(t service.TransactionView) string { return "/frontend/wallet/confirm/" + t.Key }

// became is what has become of a transaction, as its client reads it.
func (w world) became(t service.TransactionView) *wallet.Transaction {
	w.t.Helper()
	now, err := w.GetTransaction(ctx, w.by(stall), t.Key, false, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return now.Transaction
}

func (w world) is(t service.TransactionView, want wallet.TransactionStatus) {
	w.t.Helper()
	if got := w.became(t).Status; got != want {
		w.t.Fatalf("the transaction is %s, want %s", got, want)
	}
}

// available is what a wallet of the story has in euros.
func (w world) available(id int64) int64 {
	w.t.Helper()
	funds, err := w.db.Funds(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range funds {
		if f.Available.Currency == "EUR" {
			return f.Available.Minor
		}
	}
	return 0
}

// answers sends the form of a payment as the person whose page it is.
func (b *browser) answers(path, word string, pairs ...string) *answer {
	b.w.t.Helper()
	person := b.get(path).value("person")
	return b.post(path, append([]string{"person", person, "answer", word}, pairs...)...)
}

// Petras follows the link of the stall, signs in, reads what it is about, mistypes his PIN, and is back at the stall with
// the money held. Sending it again, with or without the PIN, changes nothing.
func TestPayingOnThePage(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		place := wallet.At(54.6, 25.2)
		where, err := w.CreateLocation(ctx, operator, wallet.Location{ProjectID: 1, Title: wallet.Text{"en": "Corner", "lt": "Kampas"}, Address: wallet.Text{"en": "Pilies g. 1"},
			Position: &place, Status: wallet.Active, Public: true})
		if err != nil {
			t.Fatal(err)
		}
		client := w.by(stall)
		client.LocationID = where
		asked, err := w.CreateTransaction(ctx, client, service.NewTransaction{
			Transaction: wallet.Transaction{RedirectURI: shopBack, PayerEmail: petrasEmail},
			Payments: []service.NewPayment{{Payment: wallet.Payment{Description: "Order 88", Items: []wallet.Item{
				{Title: "Bun", Description: "with poppy seeds", Price: euros(1_50), Quantity: 2}, {Title: "Cake", Price: euros(22_99), Quantity: 1, ImageURI: "https://stall.example/cake.png"},
			}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		path := payPath(asked)
		b := w.browser("en")
		signIn := b.get(path).leads("/frontend/sign-in?next=" + url.QueryEscape(path))
		if got := b.get(signIn).value("contact"); got != petrasEmail {
			t.Errorf("the payer's address is filled in as %q", got)
		}
		b.post(signIn, "contact", petrasEmail, "password", petrasPassword).leads(path)
		page := b.get(path).shows(200, "Payment to Stall & Co", "a project of Ona Onaitė", "Corner", "Pilies g. 1", "Order 88", "Paid to: Ona Onaitė",
			"with poppy seeds", "2 × 1.50 EUR = 3.00 EUR", "22.99 EUR", "Total: 25.99 EUR", "Petras", "100.00 EUR available", "Your PIN").hides("cake.png", "<img", petrasPIN)
		b.get("/frontend/lt"+strings.TrimPrefix(path, "/frontend")).shows(200, "Kampas", "Iš viso: 25,99 EUR")
		w.is(asked, wallet.TransactionWaiting)
		if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https:;") {
			t.Errorf("the policy is %s", policy)
		}
		if b.answers(path, "pay", "wallet", "4", "payment_pin", "7319").shows(400, "Nothing was paid"); b.at.mistake("payment_pin") != "This is not your PIN." {
			t.Errorf("a wrong PIN is answered %s", b.at.main())
		}
		b.at.hides("7319")
		w.is(asked, wallet.TransactionWaiting)
		b.answers(path, "pay", "wallet", "4", "payment_pin", petrasPIN).leads(shopBack)
		w.is(asked, wallet.TransactionReserved)
		b.answers(path, "pay", "wallet", "4", "payment_pin", petrasPIN)
		b.get(path).shows(200, "Your money is held", "Back to stall.example", "Total: 25.99 EUR").hides(`name="answer"`)
		again := b.post(path, "person", "4", "answer", "pay", "wallet", "4")
		again.leads(shopBack)
		b.post(path, "person", "4", "answer", "refuse").leads(path)
		if got := w.available(4); got != 100_00-25_99 {
			t.Errorf("Petras has %d left", got)
		}
		w.is(asked, wallet.TransactionReserved)
		if _, err := w.ConfirmTransaction(ctx, w.by(stall), asked.Key, nil); err != nil {
			t.Fatal(err)
		}
		b.get(path).shows(200, "Paid.")
		for _, secret := range []string{petrasPIN, asked.Key, "Order 88", petrasEmail} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("the log holds %s", secret)
			}
		}
	})
}

// Who refuses is back at the stall too, pays nothing, and cannot pay any more.
func TestRefusingAPayment(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		asked := w.asks(nil)
		b := w.signedIn("en", ritasPhone, ritasPassword)
		b.answers(payPath(asked), "refuse").leads(shopBack)
		w.is(asked, wallet.TransactionRejected)
		b.answers(payPath(asked), "refuse")
		b.post(payPath(asked), "person", "3", "answer", "refuse").leads(shopBack)
		b.get(payPath(asked)).shows(200, "This payment was refused. Nothing was paid.").hides(`name="answer"`)
		b.post(payPath(asked), "person", "3", "answer", "pay").leads(payPath(asked))
		w.is(asked, wallet.TransactionRejected)

		alone := w.asks(func(n *service.NewTransaction) { n.RedirectURI = "" })
		b.answers(payPath(alone), "refuse").leads(payPath(alone))
		b.get(payPath(alone)).shows(200, "This payment was refused.").hides("Back to")
	})
}

// Without enough money it is paid by itself later, and says how much is missing until then.
func TestTooLittleMoneyOnThePage(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		if _, err := w.CreditWallet(ctx, operator, 3, euros(5_00), "for the story"); err != nil {
			t.Fatal(err)
		}
		asked := w.asks(nil)
		b := w.signedIn("en", ritasPhone, ritasPassword)
		b.get(payPath(asked)).shows(200, "5.00 EUR available").hides("Your PIN")
		b.answers(payPath(asked), "pay", "wallet", "3").leads(payPath(asked))
		w.is(asked, wallet.WaitingFunds)
		until := w.became(asked).Due().Format("2006-01-02 15:04 UTC")
		b.get(payPath(asked)).shows(200, "20.99 EUR is missing", "your wallet holds too little", until, "Back to stall.example")
		if got := b.at.link("stall.example"); got != shopBack {
			t.Errorf("the link leads to %s", got)
		}
		if _, err := w.CreditWallet(ctx, operator, 3, euros(50_00), "for the story"); err != nil {
			t.Fatal(err)
		}
		b.get(payPath(asked)).shows(200, "your wallet holds too little").hides("is missing")
		if _, err := w.DoDue(ctx, operator); err != nil {
			t.Fatal(err)
		}
		w.is(asked, wallet.TransactionReserved)
		b.get(payPath(asked)).shows(200, "Your money is held").hides("missing")
		if _, err := w.RevokeTransaction(ctx, w.by(stall), asked.Key); err != nil {
			t.Fatal(err)
		}
		b.get(payPath(asked)).shows(200, "taken back by who asked for it")
		lapsing := w.asks(nil)
		b.answers(payPath(lapsing), "pay", "wallet", "3").leads(shopBack)
		w.business.Advance(wallet.DefaultReserve + time.Hour)
		if _, err := w.DoDue(ctx, operator); err != nil {
			t.Fatal(err)
		}
		b.get(payPath(lapsing)).shows(200, "The time for this payment is over.")
	})
}

// Where the stall lets the payer choose, the page offers what it allows, and the server takes nothing else.
func TestThePayerChoosesThePrice(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		b := w.signedIn("lt", petrasEmail, petrasPassword)
		between := w.asks(nil, wallet.Payment{Description: "Auka", Price: euros(10_00), PriceRules: &wallet.PriceRules{Min: 5_00, Max: 20_00}})
		id := strconv.FormatInt(between.Payments[0].ID, 10)
		if got := b.get(payPath(between)).shows(200, "Nuo 5,00 EUR iki 20,00 EUR.", "Kiek mokate už: Auka").value("other." + id); got != "10,00" {
			t.Errorf("%q is proposed", got)
		}
		for _, wrong := range []string{"4,99", "20.01", "12.345", "x", "", "-5", "1e1", "99999999999999999999"} {
			b.answers(payPath(between), "pay", "wallet", "4", "payment_pin", petrasPIN, "other."+id, wrong).shows(400)
			if b.at.mistake("other-"+id) == "" {
				t.Errorf("%q is answered %s", wrong, b.at.main())
			}
		}
		b.answers(payPath(between), "pay", "wallet", "4", "payment_pin", petrasPIN, "other."+id, "12,5").leads(shopBack)
		if got := w.became(between).Payments[0].Price; got != euros(12_50) {
			t.Errorf("%s are paid", got)
		}

		choice := w.asks(nil, wallet.Payment{Description: "Tip", Price: euros(1_00), PriceRules: &wallet.PriceRules{Choices: []int64{1_00, 2_00}, Min: 3_00}})
		id = strconv.FormatInt(choice.Payments[0].ID, 10)
		b.get("/frontend/en/wallet/confirm/"+choice.Key).shows(200, "How much for Tip", "1.00 EUR", "2.00 EUR", "Another amount", "3.00 EUR at least.", "Total, unless you choose another price: 1.00 EUR").
			has(`value="1.00" checked`)
		b.answers(payPath(choice), "pay", "wallet", "4", "payment_pin", petrasPIN, "price."+id, "1.50").shows(400)
		if b.at.mistake("price-"+id) == "" {
			t.Errorf("a price that is no choice is answered %s", b.at.main())
		}
		b.answers(payPath(choice), "pay", "wallet", "4", "payment_pin", petrasPIN, "price."+id, "other", "other."+id, "2.50").shows(400)
		if b.at.mistake("other-"+id) == "" {
			t.Errorf("a price that is too low is answered %s", b.at.main())
		}
		b.at.has(`value="other" checked`, `value="2.50"`)
		b.answers(payPath(choice), "pay", "wallet", "4", "payment_pin", petrasPIN, "price."+id, "2.00").leads(shopBack)
		if got := w.became(choice).Payments[0].Price; got != euros(2_00) {
			t.Errorf("%s are paid", got)
		}
		// A price that nobody may choose is not read at all.
		fixed := w.asks(nil)
		id = strconv.FormatInt(fixed.Payments[0].ID, 10)
		b.answers(payPath(fixed), "pay", "wallet", "4", "payment_pin", petrasPIN, "price."+id, "0.01", "other."+id, "0.01").leads(shopBack)
		if got := w.became(fixed).Payments[0].Price; got != euros(25_99) {
			t.Errorf("%s are paid", got)
		}
	})
}

// What is asked of the payer is told only where they tick it, and nothing is ticked beforehand.
func TestInquiriesOnThePage(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		inquiries := func(n *service.NewTransaction) {
			n.Inquiries = []wallet.Inquiry{
				{Identifier: "who", Required: true, Description: "For the invoice", Items: []wallet.InquiryItem{{Identifier: "a", Type: wallet.AskIdentity}}},
				{Identifier: "code", Description: "For the club", Items: []wallet.InquiryItem{{Identifier: "b", Type: wallet.AskPersonCode, Title: "Club"}}},
			}
		}
		b := w.signedIn("en", petrasEmail, petrasPassword)
		asked := w.asks(inquiries)
		b.get(payPath(asked)).shows(200, "What Stall & Co wants to know", "Tell: first name, surname, nationality and person code – For the invoice", "(you cannot pay without it)",
			"Tell: Club: person code – For the club", "(you choose)").hides(" checked")
		b.answers(payPath(asked), "pay", "wallet", "4", "payment_pin", petrasPIN, "inquiry", "1").shows(400, "refuse the payment")
		if b.at.mistake("inquiry-0") == "" || strings.Count(b.at.Body, " checked") != 1 {
			t.Errorf("without the required one it answers %s", b.at.main())
		}
		b.answers(payPath(asked), "pay", "wallet", "4", "payment_pin", petrasPIN, "inquiry", "0").shows(400, "not known of you here")
		if b.at.mistake("inquiry-0") == "" {
			t.Errorf("without an identity on record it answers %s", b.at.main())
		}
		identity := wallet.Identity{Name: "Petras", Surname: "Petraitis", Nationality: "lt", Code: "38812240000"}
		if _, err := w.UpdateUser(ctx, operator, 4, service.UserChange{Identity: &identity}, true); err != nil {
			t.Fatal(err)
		}
		b.answers(payPath(asked), "pay", "wallet", "4", "payment_pin", petrasPIN, "inquiry", "0").leads(shopBack)
		now := w.became(asked)
		if now.Inquiries[0].Answer != wallet.InquiryAccepted || now.Inquiries[1].Answer != wallet.InquiryDeclined {
			t.Errorf("the answers are %+v", now.Inquiries)
		}
		both := w.asks(inquiries)
		b.answers(payPath(both), "pay", "wallet", "4", "payment_pin", petrasPIN, "inquiry", "0", "inquiry", "1", "inquiry", "7").leads(shopBack)
		if told, err := w.InquiredInformation(ctx, w.by(stall), both.Key); err != nil || len(told) != 2 {
			t.Errorf("the stall is told %v, %v", told, err)
		}
	})
}

// A password is told to the payer alone, once they have paid; and so is for how long the payee has nothing of the money.
func TestPasswordsAndFreezesOnThePage(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		b := w.signedIn("en", petrasEmail, petrasPassword)
		asked := w.asks(func(n *service.NewTransaction) { n.Payments[0].PasswordValue = "kregždė" },
			wallet.Payment{Description: "Parcel", Price: euros(10_00), Password: &wallet.Password{Kind: wallet.ProvidedPassword}, FreezeFor: 72 * time.Hour})
		b.get(payPath(asked)).shows(200, "A password protects this payment.", "Ona Onaitė can use the money only 3 days after it was paid.").hides("kregždė")
		b.answers(payPath(asked), "pay", "wallet", "4", "payment_pin", petrasPIN).leads(payPath(asked))
		b.get(payPath(asked)).shows(200, "held until the password is told", "kregždė", "Back to stall.example")
		w.signedIn("en", ritasPhone, ritasPassword).get(payPath(asked)).shows(404).hides("kregždė")
		if _, err := w.GivePassword(ctx, w.by(stall), asked.Payments[0].ID, "kregždė"); err != nil {
			t.Fatal(err)
		}
		b.get(payPath(asked)).shows(200, "Your money is held for this payment.").hides("kregždė")
		if _, err := w.ConfirmTransaction(ctx, w.by(stall), asked.Key, nil); err != nil {
			t.Fatal(err)
		}
		b.get(payPath(asked)).shows(200, "Paid.", "Ona Onaitė cannot use the money before "+w.became(asked).Payments[0].FreezeUntil.Format(time.DateOnly))
		if _, err := w.CancelPayment(ctx, w.by(stall), asked.Payments[0].ID); err != nil {
			t.Fatal(err)
		}
		b.get(payPath(asked)).shows(200, "This was given back to you.")
		optional := w.asks(nil, wallet.Payment{Description: "Coat", Price: euros(1_00), Password: &wallet.Password{Kind: wallet.GeneratedPassword, Optional: true}, FreezeUntil: w.business.Now().Add(90 * time.Minute)})
		b.get(payPath(optional)).shows(200, "cannot use the money before")
		b.answers(payPath(optional), "pay", "wallet", "4", "payment_pin", petrasPIN).leads(payPath(optional))
		b.get(payPath(optional)).shows(200, "The password of this payment")

		stranger := w.asks(nil, wallet.Payment{Description: "Gift", Price: euros(1_00), Beneficiary: wallet.Contact{Email: "nobody@example.com"}, FreezeFor: 90 * time.Minute})
		b.get(payPath(stranger)).shows(200, "Paid to: nobody@example.com", "only 90 min after")
		b.answers(payPath(stranger), "pay", "wallet", "4", "payment_pin", petrasPIN).leads(shopBack)
		b.get(payPath(stranger)).shows(200, "Who is paid has no account yet")
	})
}

// Whoever cannot pay is told why, in their language, and stays on the page.
func TestWhySomebodyCannotPay(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		b := w.signedIn("en", petrasEmail, petrasPassword)
		ona := w.signedIn("en", onasEmail, onasPassword)
		pays := func(asked service.TransactionView, from, words string) {
			t.Helper()
			b.answers(payPath(asked), "pay", "wallet", from, "payment_pin", petrasPIN).shows(400, words)
			w.is(asked, wallet.TransactionWaiting)
		}
		plainly := w.asks(nil)
		pays(plainly, "2", "You may not pay from this wallet.")
		pays(plainly, "777", "You have no wallet yet")
		ona.get(payPath(plainly)).shows(200, "Onos kepykla", "Pay from")
		ona.answers(payPath(plainly), "pay", "wallet", "1", "payment_pin", "2580").shows(400, "from a wallet into itself").has(`value="1" selected`)
		ona.answers(strings.Replace(payPath(plainly), "/wallet", "/lt/wallet", 1), "pay", "wallet", "1", "payment_pin", "2580").shows(400, "Piniginė mokėtų pati sau.")
		pays(w.asks(func(n *service.NewTransaction) { n.Restrictions = &wallet.Restrictions{OwnerType: wallet.Legal} }), "4", "not meant for owners of this wallet")
		pays(w.asks(func(n *service.NewTransaction) { n.Restrictions = &wallet.Restrictions{Identity: true} }), "4", "people who are identified")
		stand := func(user int64, s wallet.Standing) {
			t.Helper()
			if _, err := w.UpdateUser(ctx, operator, user, service.UserChange{Standing: &s}, true); err != nil {
				t.Fatal(err)
			}
		}
		stand(1, wallet.InactiveUser)
		pays(plainly, "4", "Who is to be paid cannot be paid at the moment.")
		stand(1, wallet.ActiveUser)
		stand(4, wallet.RestrictedUser)
		pays(plainly, "4", "You may not make payments at the moment.")
		stand(4, wallet.ActiveUser)
		ona = w.signedIn("en", onasEmail, onasPassword) // being inactive has signed her out
		stand(2, wallet.InactiveUser)
		ona.answers(payPath(plainly), "pay", "wallet", "2", "payment_pin", "2580").shows(400, "because it is inactive")
		for kind, words := range map[wallet.LimitKind]string{wallet.OrdinaryLimit: "more than your limits allow", wallet.TemporaryLimit: "has restricted how much you can pay"} {
			limits := []wallet.SpendingLimit{{Kind: kind, Amount: euros(20_00)}}
			if _, err := w.LimitUser(ctx, operator, 4, true, limits, true); err != nil {
				t.Fatal(err)
			}
			pays(plainly, "4", words)
		}
	})
}

// Guessing a PIN is slowed, and the page says for how long.
func TestGuessingAPINOnThePage(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		asked := w.asks(nil)
		b := w.signedIn("en", petrasEmail, petrasPassword)
		b.get(payPath(asked)).shows(200)
		for range 4 {
			b.post(payPath(asked), "person", "4", "answer", "pay", "wallet", "4", "payment_pin", "1111").shows(400)
		}
		b.post(payPath(asked), "person", "4", "answer", "pay", "wallet", "4", "payment_pin", petrasPIN).shows(429, "There were too many tries. Wait")
		if b.at.Header.Get("Retry-After") == "" {
			t.Error("it does not say how long to wait")
		}
		w.is(asked, wallet.TransactionWaiting)
		w.later(time.Hour)
	})
}

// What is no business of somebody's is answered alike, whatever there is.
func TestPaymentsOfOthersAreNotThere(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		asked := w.asks(nil)
		rita := w.signedIn("en", ritasPhone, ritasPassword)
		rita.get(payPath(asked)).shows(200)
		w.signedIn("en", petrasEmail, petrasPassword).answers(payPath(asked), "pay", "wallet", "4", "payment_pin", petrasPIN).leads(shopBack)
		revoked := w.asks(nil)
		if _, err := w.RevokeTransaction(ctx, w.by(stall), revoked.Key); err != nil {
			t.Fatal(err)
		}
		ids := regexp.MustCompile(`[0-9a-f]{16}|confirm/[^"]*`)
		var first string
		for _, key := range []string{asked.Key, revoked.Key, "x", asked.Key + "x", strings.ToUpper(asked.Key) + "y", "PAYSERA%25" + asked.Key, "%3Cscript%3E"} {
			rita.get("/frontend/wallet/confirm/" + key)
			if strings.Contains(key, "%25") || strings.Contains(key, "%3C") {
				if rita.at.Status != 404 {
					t.Errorf("%s answers %d", key, rita.at.Status)
				}
				continue
			}
			text := ids.ReplaceAllString(rita.at.shows(404, "There is no such payment for you.").main(), "")
			if first == "" {
				first = text
			}
			if text != first {
				t.Errorf("%s answers otherwise: %s", key, text)
			}
			rita.post("/frontend/wallet/confirm/"+key, "person", "3", "answer", "refuse").shows(404)
			rita.post("/frontend/wallet/confirm/"+key, "person", "3", "answer", "pay").shows(404)
		}
		w.is(asked, wallet.TransactionReserved)
	})
}

// Other sites, other sessions and other addresses get nothing out of the page.
func TestAttacksOnThePageOfAPayment(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		asked := w.asks(nil)
		b := w.signedIn("en", petrasEmail, petrasPassword)
		b.get(payPath(asked)).shows(200)
		form := fields("person", "4", "answer", "pay", "wallet", "4", "payment_pin", petrasPIN)
		for _, foreign := range [][]string{{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "same-site", "Origin", "https://sub.example"}, {"Sec-Fetch-Site", "", "Origin", "null"}} {
			b.do(http.MethodPost, payPath(asked), form, foreign...).shows(403, "sent from another site")
			b.do(http.MethodPost, "/frontend/wallet/code", fields(), foreign...).shows(403)
		}
		// A query does nothing, and the answer of a person is nobody else's.
		b.get(payPath(asked) + "?answer=pay&person=4&wallet=4&payment_pin=" + petrasPIN).shows(200)
		b.post(payPath(asked), "person", "3", "answer", "pay", "wallet", "4", "payment_pin", petrasPIN).leads(payPath(asked))
		b.post(payPath(asked), "answer", "pay", "wallet", "4", "payment_pin", petrasPIN).leads(payPath(asked))
		b.post(payPath(asked), "person", "4", "answer", "buy").leads(payPath(asked))
		w.browser("en").post(payPath(asked), "person", "4", "answer", "pay").leads("/frontend/sign-in?next=" + url.QueryEscape(payPath(asked)))
		w.is(asked, wallet.TransactionWaiting)

		// What others have written stays text, however long.
		long := strings.Repeat("ilgas", 50)
		evil := w.asks(func(n *service.NewTransaction) {
			n.RedirectURI = `https://evil.example/"><script>`
			n.Inquiries = []wallet.Inquiry{{Identifier: "<i>", Description: "<script>q", Items: []wallet.InquiryItem{{Identifier: "i", Type: wallet.AskIdentity, Title: "<b>t"}}}}
		}, wallet.Payment{Description: "<script>alert(1)</script>" + long, Items: []wallet.Item{{Title: `"><img src=x>`, Description: "<svg onload=1>", Price: euros(1), Quantity: 1}}, PriceRules: &wallet.PriceRules{Choices: []int64{1}}})
		b.get(payPath(evil)).shows(200, "<script>alert(1)</script>"+long, `"><img src=x>`, "<svg onload=1>").hides("<img", "<svg", "<b>", "<i>")

		// The stall's hosts decide where its payers are led; elsewhere there is a link with the host to read.
		b.answers(payPath(evil), "pay", "wallet", "4", "payment_pin", petrasPIN, "price."+fmt.Sprint(evil.Payments[0].ID), "0.01").leads(payPath(evil))
		b.get(payPath(evil)).shows(200, "Back to evil.example")
		for _, elsewhere := range []string{"https://evil.example/back", "http://stall.example/back", "https://stall.example.evil.example/back", "https://stall.example@evil.example/back"} {
			other := w.asks(func(n *service.NewTransaction) { n.RedirectURI = elsewhere })
			b.answers(payPath(other), "refuse").leads(payPath(other))
			b.get(payPath(other)).shows(200, "Back to ")
			if strings.Contains(elsewhere, "evil") {
				b.at.shows(200, "evil.example")
			}
		}
	})
}

// Only sites of a client with show_in_frame may show the page in a frame. Browsers take no cookie there, so that the page offers a
// window of its own.
func TestThePageInAFrame(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		framed, _, err := w.CreateClient(ctx, operator, wallet.Client{
			Title: "Framing", Type: wallet.PrivateClient, Projects: []int64{1}, Permissions: []wallet.Permission{wallet.ShowInFrame},
			Hosts: []wallet.Host{{Host: "stall.example", Path: "/pay", Protocol: "https", AnySubdomain: true}},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := w.CreateClient(ctx, operator, wallet.Client{
			Title: "Other", Type: wallet.PrivateClient, Projects: []int64{2}, Permissions: []wallet.Permission{wallet.ShowInFrame}, Hosts: []wallet.Host{{Host: "other.example"}},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		asked := w.asks(nil)
		for _, none := range []string{"", "?client_id=", "?client_id=" + stall, "?client_id=" + other.MACID, "?client_id=nobody", "?client_id=" + stall + "&client_id=" + framed.MACID} {
			w.signedIn("en", petrasEmail, petrasPassword).get(payPath(asked)+none).shows(200, "Order 88")
			w.browser("en").get(payPath(asked)+none, "Sec-Fetch-Dest", "iframe").leads("/frontend/sign-in?next=…")
		}
		path := payPath(asked) + "?client_id=" + framed.MACID
		b := w.browser("en")
		b.get(path, "Sec-Fetch-Dest", "document").leads("/frontend/sign-in?next=" + url.QueryEscape(path))
		b.frames = "https://*.stall.example https://stall.example"
		for _, dest := range []string{"iframe", ""} {
			b.get(path, "Sec-Fetch-Dest", dest).shows(200, "browsers do not allow that inside another site", "Open the payment").has(`target="_blank" rel="noopener"`)
			if got := b.at.link("/wallet/confirm/"); got != path && b.at.link("client_id") != path {
				t.Errorf("the link leads to %s", got)
			}
		}
		b.frames = ""
		b.post("/frontend/sign-in", "contact", petrasEmail, "password", petrasPassword).leads("/frontend/account")
		b.frames = "https://*.stall.example https://stall.example"
		b.get(path, "Sec-Fetch-Dest", "iframe").shows(200, "Order 88")
		b.post(path, "person", "4", "answer", "pay", "wallet", "4", "payment_pin", "1").shows(400)
		b.post(path, "person", "4", "answer", "pay", "wallet", "4", "payment_pin", petrasPIN).leads(shopBack)
		b.frames = ""
		b.get("/frontend/account?client_id=" + framed.MACID).shows(200)
	})
}

// One trip does both: the payer pays, and is then asked for consent with the same query.
func TestPayingAndThenConsenting(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		query := strings.TrimPrefix(ask(stall, "email"), "/frontend/oauth")
		asked := w.asks(nil)
		path := "/frontend/en/transaction/confirm-with-oauth/" + asked.Key + query
		b := w.browser("en")
		b.get(path).leads("/frontend/en/sign-in?next=" + url.QueryEscape(path))
		b.post(b.at.Header.Get("Location"), "contact", petrasEmail, "password", petrasPassword).leads(path)
		b.get(path).shows(200, "Order 88", "Afterwards <Stall> shop asks for your consent")
		b.answers(path, "pay", "wallet", "4", "payment_pin", petrasPIN).leads("/frontend/en/oauth" + query)
		w.is(asked, wallet.TransactionReserved)
		consent := "/frontend/en/oauth" + query
		b.get(path).shows(200, "Your money is held", "Go on: what <Stall> shop asks for")
		if got := b.at.link("/oauth?"); got != consent {
			t.Errorf("the link leads to %s", got)
		}
		b.post(consent, "person", b.get(consent).value("person"), "answer", "allow").leads("https://stall.example/back?from=pages&code=…")

		refused := w.asks(nil)
		path = "/frontend/transaction/confirm-with-oauth/" + refused.Key + query
		b.answers(path, "refuse")
		if got := b.at.returned().Get("error"); got != "access_denied" {
			t.Errorf("the stall is told %s", got)
		}
		w.is(refused, wallet.TransactionRejected)

		// Nobody pays first and learns afterwards that the request makes no sense.
		open := w.asks(nil)
		path = "/frontend/transaction/confirm-with-oauth/" + open.Key
		b.get(path).shows(404, "The program that sent you here is not known.")
		b.post(path, "person", "4", "answer", "pay", "wallet", "4", "payment_pin", petrasPIN).shows(404)
		b.get(path + query + "&scope=twice").shows(400)
		b.get(path + strings.TrimPrefix(ask(stall, "nonsense"), "/frontend/oauth")).leads("https://stall.example/back?from=pages&error=invalid_scope…")
		w.is(open, wallet.TransactionNew)
		strange, _, err := w.CreateClient(ctx, operator, wallet.Client{
			Title: "Strange", Type: wallet.PrivateClient, Projects: []int64{2}, Permissions: []wallet.Permission{wallet.UseOAuthAPI},
			Hosts: []wallet.Host{{Host: "stall.example", Path: "/back", Protocol: "https"}},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		b.get(path+strings.TrimPrefix(ask(strange.MACID, "email"), "/frontend/oauth")).shows(400, "a payment of another program")
	})
}

// A code to read out is shown once, and works once for its wallet.
func TestACodeToPayWith(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		w.browser("en").get("/frontend/wallet/code").leads("/frontend/sign-in?next=%2Ffrontend%2Fwallet%2Fcode")
		b := w.signedIn("en", petrasEmail, petrasPassword)
		b.get("/frontend/account").has(`href="/frontend/wallet/code"`)
		grouped := regexp.MustCompile(`[0-9]{4} [0-9]{4} [0-9]{4}`)
		if b.get("/frontend/wallet/code").shows(200, "Make a code"); grouped.MatchString(b.at.main()) {
			t.Error("there is a code before anybody has made one")
		}
		for _, wrong := range []string{"", "0000"} {
			page := b.post("/frontend/wallet/code", "payment_pin", wrong).shows(400)
			if page.mistake("payment_pin") != "This is not your PIN." || grouped.MatchString(page.main()) {
				t.Errorf("who has a PIN and sends %q is answered %s", wrong, page.main())
			}
		}
		first := grouped.FindString(b.post("/frontend/wallet/code", "payment_pin", petrasPIN).shows(200, "Make another code", w.business.Now().Add(5*time.Minute).Format("15:04 UTC")).main())
		code := grouped.FindString(b.post("/frontend/wallet/code", "payment_pin", petrasPIN).main())
		if first == "" || code == "" || first == code || grouped.MatchString(b.get("/frontend/wallet/code").main()) {
			t.Fatalf("the codes are %q and %q", first, code)
		}
		if strings.Contains(w.log.String(), code) {
			t.Error("the log holds the code")
		}
		if _, err := w.CreateUser(ctx, operator, wallet.User{ID: 9, Type: wallet.Natural, DisplayName: "Poor", Email: "poor@example.com"}, onasPassword, ""); err != nil {
			t.Fatal(err)
		}
		poor := w.signedIn("en", "poor@example.com", onasPassword)
		poor.get("/frontend/wallet/code").shows(200).hides("Your PIN")
		poor.post("/frontend/wallet/code").shows(404, "You have no wallet yet")
		poor.get(payPath(w.asks(nil))).shows(200, "You have no wallet yet", "Refuse").hides(`value="pay"`)
	})
}

// Whoever has no account yet registers on the way, with the address that the stall has named, and comes back to the payment.
func TestRegisteringOnTheWayToAPayment(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		asked := w.asks(func(n *service.NewTransaction) { n.PayerEmail = "jonas@example.com" })
		path := "/frontend/en/wallet/confirm/" + asked.Key
		b := w.browser("lt")
		b.get(b.get(path).leads("/frontend/en/sign-in?…")).shows(200)
		register := b.at.link("/register")
		if got := b.get(register).value("contact"); got != "jonas@example.com" {
			t.Errorf("%q is filled in", got)
		}
		confirm := b.post(register, "display_name", "Jonas", "contact", "jonas@example.com", "password", newPassword).leads("/frontend/en/confirm/…")
		signIn := b.post(confirm, "code", w.code("jonas@example.com")).leads("/frontend/en/sign-in?…")
		b.post(signIn, "contact", "jonas@example.com", "password", newPassword).leads(path)
		b.answers(path, "pay").leads(path)
		b.get(path).shows(200, "25.99 EUR is missing in your wallet.")
		w.is(asked, wallet.WaitingFunds)
	})
}

// The form arrives twice at once, as from an impatient hand: it is paid once, and both are led to the stall.
func TestPayingTwiceAtOnce(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		asked := w.asks(nil)
		const hands = 4
		answers := make(chan *answer, hands)
		for range hands {
			b := w.signedIn("en", petrasEmail, petrasPassword)
			b.get(payPath(asked)).shows(200)
			go func() {
				answers <- b.post(payPath(asked), "person", "4", "answer", "pay", "wallet", "4", "payment_pin", petrasPIN)
			}()
		}
		for range hands {
			// A try is counted before it is looked at: the fourth at once may have to wait.
			if a := <-answers; a.Status != http.StatusTooManyRequests {
				a.leads(shopBack)
			}
		}
		w.is(asked, wallet.TransactionReserved)
		if got := w.available(4); got != 100_00-25_99 {
			t.Errorf("Petras has %d left", got)
		}
	})
}
