package httpapi

import (
	"encoding/json"
	"slices"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// What clients write of transactions and payments: objects of spec/wallet-api.md §4.7 and §4.8, in all the spellings of
// spec/php-client.md §8.7 and §8.9. What a rule can judge is left to service; here is refused what cannot be read.

// newTransaction reads the body of POST /transaction.
func (b *body) newTransaction() service.NewTransaction {
	var n service.NewTransaction
	if b.raw("payments") != nil {
		b.payments(&n)
	}
	b.askedAllowance(&n)
	n.ReserveFor, n.ReserveUntil, _ = b.period("reserve", 1)
	n.UseAllowance = b.flagOr("use_allowance", true)
	n.SuggestAllowance, n.AutoConfirm = b.flag("suggest_allowance"), b.flag("auto_confirm")
	n.RedirectURI = b.textOr("redirect_uri")
	if raw := b.raw("callback_uri"); string(raw) == "false" {
		n.CallbackOff = true
	} else if raw != nil && json.Unmarshal(raw, &n.CallbackURI) != nil {
		b.refused.Refuse("callback_uri", "must be an address, or false for no callbacks")
	}
	user := b.inner("user")
	n.PayerEmail = user.textOr("email")
	b.takeOver("user", user)
	n.Restrictions = b.restrictions("restrictions")
	n.Inquiries = b.inquiries("inquiries")
	return n
}

// payments reads a list of payments, objects and numbers of those that exist.
func (b *body) payments(n *service.NewTransaction) {
	const problem = "must be a list of payments, or of their numbers"
	listed(b, "payments", func(place string, raw json.RawMessage) (struct{}, bool) {
		if raw[0] != '{' && raw[0] != '[' {
			one := &body{fields: map[string]json.RawMessage{place: raw}, refused: b.refused}
			id := one.id(place)
			if id != nil {
				n.Moved = append(n.Moved, *id)
			}
			return struct{}{}, id != nil || b.refused[place] != nil
		}
		o, err := newBody(raw)
		if err != nil {
			return struct{}{}, false
		}
		p := o.newPayment()
		p.Place = place + "."
		b.takeOver(place, o)
		n.Payments = append(n.Payments, p)
		return struct{}{}, true
	}, problem)
}

// newPayment reads a payment as it is asked for.
func (b *body) newPayment() service.NewPayment {
	var n service.NewPayment
	p := &n.Payment
	p.Description = b.textOr("description")
	c := b.currency("currency")
	p.Items = b.items("items", c)
	if c == "" && len(p.Items) > 0 {
		c = p.Items[0].Price.Currency
	}
	price, hasPrice := b.amount("price", c)
	p.Price = price
	cashback, hasCashback := b.amount("cashback", c)
	p.Cashback = cashback.Minor
	hasCommission := b.commission(p, c)
	p.PriceRules = b.priceRules("price_rules", c)
	if c == "" && (hasPrice || hasCashback || hasCommission || p.PriceRules != nil) && b.refused["currency"] == nil {
		b.refused.Refuse("currency", "must be given with an amount")
	}
	if !hasPrice && slices.ContainsFunc(p.Items, func(i wallet.Item) bool { return i.Price.Currency != "" && i.Price.Currency != c }) {
		b.refused.Refuse("currency", "must be that of the items")
	}
	p.Beneficiary = b.walletContact("beneficiary")
	p.FreezeFor, p.FreezeUntil, _ = b.period("freeze", 0)
	b.password(&n)
	p.Purpose = wallet.Purpose(b.textOr("purpose"))
	if b.says("funds_source") {
		source := b.inner("funds_source")
		read := fundsSource("", source)
		p.FundsSource = &read
		b.takeOver("funds_source", source)
	}
	p.Parameters = json.RawMessage(b.object("parameters"))
	return n
}

// items reads the lines of a payment in a currency, which each may name itself.
func (b *body) items(field string, c money.Currency) []wallet.Item {
	if !b.says(field) {
		return nil
	}
	list := listed(b, field, func(place string, raw json.RawMessage) (wallet.Item, bool) {
		o, err := newBody(raw)
		if err != nil {
			return wallet.Item{}, false
		}
		item := o.item(c)
		b.takeOver(place, o)
		return item, true
	}, "must be a list of objects")
	if list == nil {
		return nil
	}
	return *list
}

func (b *body) item(c money.Currency) wallet.Item {
	item := wallet.Item{
		Title: b.textOr("title"), Description: b.textOr("description"), ImageURI: b.textOr("image_uri"),
		Quantity: 1, Parameters: json.RawMessage(b.object("parameters")),
	}
	if own := b.currency("currency"); own != "" {
		c = own
	}
	if c == "" && b.refused["currency"] == nil {
		b.refused.Refuse("currency", "must be given, here or for the payment")
	}
	price, given := b.amount("price", c)
	if item.Price = price; !given {
		b.refused.Refuse("price", "must be given, or price_decimal")
	}
	if quantity := b.number("quantity", 0, maxBodyID); quantity != nil {
		item.Quantity = *quantity
	}
	if total, given := b.amount("total_price", c); given && len(b.refused) == 0 {
		if is, err := item.Total(); err != nil || is != total {
			b.refused.Refuse("total_price", "is not the price times the quantity")
		}
	}
	return item
}

// commission reads what the operator is to get of a payment.
func (b *body) commission(p *wallet.Payment, c money.Currency) (given bool) {
	o := b.inner("commission")
	in, hasIn := o.amount("in_commission", c)
	out, hasOut := o.amount("out_commission", c)
	p.InCommission, p.OutCommission = in.Minor, out.Minor
	b.takeOver("commission", o)
	return hasIn || hasOut
}

// priceRules reads between what, or among which prices the payer may choose: in cents.
func (b *body) priceRules(field string, c money.Currency) *wallet.PriceRules {
	if !b.says(field) {
		return nil
	}
	o := b.inner(field)
	rules := &wallet.PriceRules{}
	least, _ := o.amount("min", c)
	most, _ := o.amount("max", c)
	rules.Min, rules.Max = least.Minor, most.Minor
	if o.says("choices") {
		choices := listed(o, "choices", func(place string, raw json.RawMessage) (int64, bool) {
			one := &body{fields: map[string]json.RawMessage{place: raw}, refused: o.refused}
			a, given := one.amount(place, c)
			return a.Minor, given
		}, "must be a list of prices in cents")
		if choices != nil {
			rules.Choices = *choices
		}
	}
	b.takeOver(field, o)
	return rules
}

// walletContact reads who is paid or pays: an object with one of id, email, phone and barcode, or the number of a wallet.
func (b *body) walletContact(field string) wallet.Contact {
	raw := b.raw(field)
	if !b.says(field) {
		return wallet.Contact{}
	}
	if raw[0] != '{' && raw[0] != '[' {
		return wallet.Contact{WalletID: b.idOr(field)}
	}
	o := b.inner(field)
	contact := wallet.Contact{WalletID: o.idOr("id"), Email: o.textOr("email"), Phone: o.textOr("phone"), Barcode: o.textOr("barcode")}
	if o.says("card") {
		o.refused.Refuse("card", "is not offered by this server: name a wallet, an e-mail address or a phone number")
	} else if contact == (wallet.Contact{}) && len(o.refused) == 0 {
		b.refused.Refuse(field, "must name one of id, email, phone and barcode")
	}
	b.takeOver(field, o)
	return contact
}

// password reads how a payment is protected.
func (b *body) password(n *service.NewPayment) {
	if !b.says("password") {
		return
	}
	o := b.inner("password")
	n.Password = &wallet.Password{Kind: wallet.PasswordKind(o.textOr("type")), Optional: o.flag("optional"), Cancelable: o.flag("cancelable")}
	n.PasswordValue = secret.Text(o.textOr("value"))
	b.takeOver("password", o)
}

// fundsSource reads where money comes from.
func fundsSource(_ string, o *body) wallet.FundsSource {
	return wallet.FundsSource{Type: wallet.FundsSourceType(o.textOr("type")), Details: o.textOr("details")}
}

// restrictions reads what the payer has to be.
func (b *body) restrictions(field string) *wallet.Restrictions {
	outer := b.inner(field)
	defer b.takeOver(field, outer)
	if !outer.says("account_owner") {
		return nil
	}
	o := outer.inner("account_owner")
	defer outer.takeOver("account_owner", o)
	r := &wallet.Restrictions{OwnerType: wallet.UserType(o.textOr("type")), Level: wallet.IdentificationLevel(o.textOr("level"))}
	listed(o, "requirements", func(_ string, raw json.RawMessage) (struct{}, bool) {
		r.Identity = true
		return struct{}{}, string(raw) == `"identity"`
	}, `must be a list of "identity" or of nothing`)
	if *r == (wallet.Restrictions{}) {
		return nil
	}
	return r
}

// The types of an inquiry.
const (
	inquiryRequired = "required"
	inquiryOptional = "optional"
)

// inquiries reads what the payer is asked for.
func (b *body) inquiries(field string) []wallet.Inquiry {
	if !b.says(field) {
		return nil
	}
	list := listed(b, field, func(place string, raw json.RawMessage) (wallet.Inquiry, bool) {
		o, err := newBody(raw)
		if err != nil {
			return wallet.Inquiry{}, false
		}
		inquiry := wallet.Inquiry{Identifier: o.textOr("identifier"), Description: o.textOr("description")}
		kind := o.textOr("type")
		if inquiry.Required = kind == inquiryRequired; !inquiry.Required && kind != inquiryOptional && o.refused["type"] == nil {
			o.refused.Refuse("type", "must be %s or %s", inquiryRequired, inquiryOptional)
		}
		items := listed(o, "items", func(place string, raw json.RawMessage) (wallet.InquiryItem, bool) {
			i, err := newBody(raw)
			if err != nil {
				return wallet.InquiryItem{}, false
			}
			item := wallet.InquiryItem{Identifier: i.textOr("identifier"), Type: wallet.InquiryItemType(i.textOr("type")), Title: i.textOr("title")}
			o.takeOver(place, i)
			return item, true
		}, "must be a list of objects")
		if items != nil {
			inquiry.Items = *items
		}
		b.takeOver(place, o)
		return inquiry, true
	}, "must be a list of objects")
	if list == nil {
		return nil
	}
	return *list
}

// reservation reads how a payer accepts; payer is who the path names, nil for nobody.
func (b *body) reservation(payer *int64) service.Reservation {
	r := service.Reservation{
		PIN: secret.Text(b.oneText("pin", "pin_code")), FlashCode: secret.Text(b.textOr("sms_code")),
		Code: secret.Text(b.oneText("code", "reservation_code")), RevokeKey: b.textOr("revoke_transaction_key"),
		Answers: b.answers("inquiries"), GiveAllowance: b.flag("accept_allowance"),
	}
	b.payer(payer, &r)
	given := ""
	for _, proof := range []struct {
		field string
		value secret.Text
	}{{"pin", r.PIN}, {"sms_code", r.FlashCode}, {"code", r.Code}} {
		if proof.value != "" && given != "" {
			b.refused.Refuse(proof.field, "is a second proof beside %s: give one", given)
		} else if proof.value != "" {
			given = proof.field
		}
	}
	b.flag("notification")
	r.Prices, r.PricesInOrder = byPayment(b, "payment_prices", mustBePriced)
	sources := "funds_sources"
	if b.raw("payment_funds_sources") != nil {
		if sources = "payment_funds_sources"; b.raw("funds_sources") != nil {
			b.refused.Refuse(sources, "is given as funds_sources too: give one of them")
		}
	}
	r.FundsSources, r.FundsSourcesInOrder = byPayment(b, sources, fundsSource)
	return r
}

// mustBePriced reads a price with its currency.
func mustBePriced(_ string, o *body) money.Amount {
	price, given := o.priced("price")
	if !given {
		o.refused.Refuse("price", "must be given, or price_decimal")
	}
	return price
}

// payer reads who pays, where the path does not say.
func (b *body) payer(inPath *int64, r *service.Reservation) {
	contact, id := b.walletContact("payer"), b.idOr("wallet_id")
	switch {
	case inPath != nil && (contact != (wallet.Contact{}) || id != 0):
		b.refused.Refuse("payer", "is named by the path already: leave payer and wallet_id out")
	case inPath != nil:
		r.Payer.WalletID = *inPath
	case id != 0 && contact != (wallet.Contact{}):
		b.refused.Refuse("payer", "is given as wallet_id too: give one of them")
	case id != 0:
		r.Payer.WalletID = id
	default:
		r.Payer = contact
	}
}

// answers reads the payer's answers to inquiries.
func (b *body) answers(field string) map[string]wallet.InquiryAnswer {
	answers := map[string]wallet.InquiryAnswer{}
	listed(b, field, func(place string, raw json.RawMessage) (struct{}, bool) {
		o, err := newBody(raw)
		if err != nil {
			return struct{}{}, false
		}
		identifier, answer := o.needed("identifier"), wallet.InquiryAnswer(o.textOr("status"))
		if answer != wallet.InquiryAccepted && answer != wallet.InquiryDeclined {
			o.refused.Refuse("status", "must be %s or %s", wallet.InquiryAccepted, wallet.InquiryDeclined)
		}
		answers[identifier] = answer
		b.takeOver(place, o)
		return struct{}{}, true
	}, "must be a list of objects")
	return answers
}
