package pages

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// payment is what a page about a transaction is made of.
type payment struct {
	service.Offer
	me service.AccountView
	// consent is the request for consent that follows the payment, in confirm-with-oauth; nil for none.
	consent *service.Authorization
}

// consentFollows says whether the address is of a payment that a request for consent follows
// (spec/wallet-api.md §3.2): its query is that of /oauth.
func (r *request) consentFollows() bool { return strings.HasPrefix(r.path, "/transaction/") }

// readPayment reads which transaction is asked about, and who is asked; where done is true, the reply is all there is to
// say.
func (p *pages) readPayment(ctx context.Context, r *request) (pay payment, done bool, out reply, err error) {
	key := r.PathValue("transaction")
	entrance, err := p.Service.EnterOffer(ctx, r.caller, key, r.URL.Query().Get("client_id"))
	if err != nil {
		return pay, true, reply{}, err
	}
	r.frames = entrance.Frames
	if r.consentFollows() {
		// Before anybody pays it is known whether they can go on afterwards.
		ask, err := p.asked(ctx, r)
		if err != nil {
			return pay, true, reply{}, err
		}
		a, err := p.Service.ReadAuthorization(ctx, r.caller, ask)
		if err != nil {
			out, err = sendBack(err)
			return pay, true, out, err
		}
		pay.consent = &a
	}
	if r.caller.Kind != wallet.ByPerson {
		return pay, true, r.beforePaying(), nil
	}
	if pay.Offer, err = p.Service.ViewOffer(ctx, r.caller, key); err != nil {
		return pay, true, reply{}, inWords(err, wallet.NotFound, "pay.gone")
	}
	if pay.consent != nil && !service.SpeaksFor(pay.consent.Client, pay.Transaction) {
		return pay, true, reply{}, told{wallet.Errorf(wallet.InvalidRequest, "client_id is not the client of the transaction."), "pay.other_program"}
	}
	pay.me, err = p.Service.Account(ctx, r.caller)
	return pay, err != nil, reply{}, err
}

// beforePaying has somebody sign in first. In a frame of another site nobody can: browsers send no cookie there, since
// ours are SameSite=Lax. There is a link to a window of its own then. Browsers that do not say where they show a page get
// the link too.
func (r *request) beforePaying() reply {
	if len(r.frames) > 0 && r.Header.Get("Sec-Fetch-Dest") != "document" {
		return reply{template: "window", form: empty("", nil)}
	}
	return reply{to: r.link("/sign-in?next=" + escape(r.self()))}
}

// paymentIn is the key of the transaction that somebody goes on to, empty for none.
func paymentIn(next string) string {
	address, _, _ := strings.Cut(next, "?")
	below := strings.TrimPrefix(address, root)
	if match := languageInPath.FindStringSubmatch(below); match != nil {
		below = match[2]
	}
	for _, path := range []string{"/wallet/confirm/", "/transaction/confirm-with-oauth/"} {
		if key, found := strings.CutPrefix(below, path); found && !strings.Contains(key, "/") {
			return key
		}
	}
	return ""
}

// showPayment asks whether somebody pays, or says what became of it. It acts on nothing but that the payer has seen it.
func (p *pages) showPayment(ctx context.Context, r *request) (reply, error) {
	pay, done, out, err := p.readPayment(ctx, r)
	if done {
		return out, err
	}
	return r.paymentPage(pay, empty("", nil)), nil
}

// answerPayment takes the answer of who is signed in. A second one of the same sort changes nothing and leads where the
// first has led.
func (p *pages) answerPayment(ctx context.Context, r *request) (reply, error) {
	pay, done, out, err := p.readPayment(ctx, r)
	if done {
		return out, err
	}
	if r.text("person") != strconv.FormatInt(pay.me.ID, 10) {
		return reply{to: r.self()}, nil // somebody else signed in meanwhile, who has not seen the question
	}
	switch answer := r.text("answer"); {
	case answer == "pay" && pay.Status.Open():
		return p.pay(ctx, r, pay)
	case answer == "pay" && pay.accepted():
		return r.paid(pay), nil
	case answer == "refuse" && (pay.Status.Open() || pay.Status == wallet.TransactionRejected):
		return p.refusePayment(ctx, r, pay)
	}
	return reply{to: r.self()}, nil
}

// accepted says whether this person has said yes, and nothing has ended it since.
func (pay payment) accepted() bool {
	return pay.Owned && (pay.Status.Accepted() || pay.Status == wallet.TransactionConfirmed)
}

// pay is the yes.
func (p *pages) pay(ctx context.Context, r *request, pay payment) (reply, error) {
	f := r.typed("")
	approval := r.approval(pay, &f)
	if len(f.wrong) > 0 {
		f.code, f.Problem = wallet.InvalidParameters, r.language.text("pay.refused")
		return r.paymentPage(pay, f), nil
	}
	view, err := p.Service.ApproveTransaction(ctx, r.caller, pay.Key, approval)
	var known *wallet.Error
	switch {
	case err == nil:
		pay.TransactionView = view
		return r.paid(pay), nil
	case errors.As(err, &known) && known.Code == wallet.InvalidState:
		return reply{to: r.self()}, nil // which says what it has become meanwhile
	}
	f, err = r.cannotPay(pay, f, err)
	return r.paymentPage(pay, f), err
}

// approval reads what the payer says beside yes. What cannot be read is put into the form.
func (r *request) approval(pay payment, f *form) service.Approval {
	a := service.Approval{
		WalletID: parseID(r.text("wallet")), PIN: r.password("payment_pin"),
		Prices: map[int64]money.Amount{}, Answers: map[string]wallet.InquiryAnswer{},
	}
	f.wrong = map[string]string{}
	r.readAllowance(pay, &a, f)
	for i := range pay.Payments {
		one := &pay.Payments[i]
		if one.PriceRules == nil {
			continue
		}
		field := priceField(one, f)
		text := strings.ReplaceAll(strings.ReplaceAll(r.text(field), " ", ""), ",", ".")
		price, err := money.Parse(text, one.Price.Currency)
		if err != nil {
			f.wrong[field] = r.language.text("wrong.price")
			continue
		}
		a.Prices[one.ID] = price
	}
	for i, q := range pay.Inquiries {
		switch {
		case f.Has("inquiry", strconv.Itoa(i)):
			a.Answers[q.Identifier] = wallet.InquiryAccepted
		case q.Required:
			f.wrong["inquiry."+strconv.Itoa(i)] = r.language.text("wrong.inquiry")
		default:
			a.Answers[q.Identifier] = wallet.InquiryDeclined
		}
	}
	return a
}

// priceField is the field that holds the price of a payment: one of several choices, or an amount that is typed.
func priceField(one *wallet.Payment, f *form) string {
	id := strconv.FormatInt(one.ID, 10)
	if len(one.PriceRules.Choices) > 0 && f.Value("price."+id) != otherPrice {
		return "price." + id
	}
	return "other." + id
}

// otherPrice is the choice of an amount that is typed.
const otherPrice = "other"

// refusals are why somebody cannot pay, beside what is wrong with the form; each has a sentence under "error." in both
// languages.
var refusals = []wallet.Code{
	wallet.NotEnoughFunds, wallet.LimitsExceeded, wallet.RestrictionLimitsExceeded, wallet.NoRights, wallet.PaymentToSameAccount,
	wallet.RestrictionViolation, wallet.ClientNotVerified, wallet.BeneficiaryAccountInactive, wallet.PayerAccountInactive, wallet.ClientRestricted,
}

// cannotPay puts a refusal into the form. What the payer is not told of comes back as an error.
func (r *request) cannotPay(pay payment, f form, err error) (form, error) {
	var known *wallet.Error
	if !errors.As(err, &known) {
		return f, err
	}
	f.code, f.wait, f.Problem = known.Code, known.RetryAfter, r.language.text("pay.refused")
	switch {
	case known.Code == wallet.RateLimitExceeded:
		f.Problem = r.language.tooMany(known.RetryAfter)
	case slices.Contains(refusals, known.Code):
		f.Problem = r.language.text("error." + string(known.Code))
	case known.Code == wallet.InvalidParameters:
		for field := range known.Properties {
			r.blamePayment(pay, &f, field)
		}
	default:
		return f, err
	}
	return f, nil
}

// blamePayment says what is wrong with a field that the service names.
func (r *request) blamePayment(pay payment, f *form, field string) {
	kind, name, _ := strings.Cut(field, ".")
	switch kind {
	case "pin":
		f.wrong["payment_pin"] = r.language.text("wrong.payment_pin")
	case "payment_prices":
		if one := pay.Payment(parseID(name)); one != nil && one.PriceRules != nil {
			f.wrong[priceField(one, f)] = r.language.text("wrong.price")
		}
	case "inquiries":
		for i, q := range pay.Inquiries {
			field := "inquiry." + strconv.Itoa(i)
			if q.Identifier == name {
				f.wrong[field] = r.language.text("wrong.inquiry")
			} else if slices.ContainsFunc(q.Items, func(item wallet.InquiryItem) bool { return q.Identifier+"."+item.Identifier == name }) {
				f.wrong[field] = r.language.text("wrong.inquiry.unknown")
			}
		}
	case "payer":
		f.Problem = r.language.text("error.no_wallet")
	}
}

// paid leads on from a payment that was accepted: to the consent that follows, or back to where the payer came from. Where
// there is something to tell first, the page itself says it.
func (r *request) paid(pay payment) reply {
	back := backTo(pay)
	switch {
	case pay.mustTell():
	case pay.consent != nil:
		return reply{to: r.consentAfter()}
	case back.Leads:
		return reply{to: back.Address}
	}
	return reply{to: r.self()}
}

// mustTell says whether the payer has to read something before they leave: that money is missing, or a password.
func (pay payment) mustTell() bool {
	secret := func(one wallet.Payment) bool {
		return one.Password != nil && one.Password.Status == wallet.PasswordPending
	}
	return pay.Status == wallet.WaitingFunds || pay.Status.Holds() && slices.ContainsFunc(pay.Payments, secret)
}

// consentAfter is the address of the consent that follows.
func (r *request) consentAfter() string { return r.link("/oauth") + "?" + r.URL.RawQuery }

// refusePayment is the no. It ends the consent that would have followed too: the client is told that.
func (p *pages) refusePayment(ctx context.Context, r *request, pay payment) (reply, error) {
	_, err := p.Service.RejectTransaction(ctx, r.caller, pay.Key)
	var known *wallet.Error
	switch {
	case errors.As(err, &known) && known.Code == wallet.InvalidState:
		return reply{to: r.self()}, nil
	case err != nil:
		return reply{}, err
	}
	if pay.consent != nil {
		to, err := p.Service.RefuseAuthorization(ctx, r.caller, pay.consent.Request)
		if err != nil {
			return sendBack(err)
		}
		return reply{to: to}, nil
	}
	if back := backTo(pay); back.Leads {
		return reply{to: back.Address}, nil
	}
	return reply{to: r.self()}, nil
}

// back is where a payer came from.
type back struct {
	// Address is empty where there is none; Host is what the payer reads of it.
	Address, Host string
	// Leads says whether the browser goes there by itself (wallet.Client.SendsPayersTo).
	Leads bool
}

func backTo(pay payment) back {
	to, err := url.Parse(pay.RedirectURI)
	if err != nil || pay.RedirectURI == "" {
		return back{}
	}
	return back{Address: pay.RedirectURI, Host: to.Host, Leads: pay.Client != nil && pay.Client.SendsPayersTo(pay.RedirectURI)}
}
