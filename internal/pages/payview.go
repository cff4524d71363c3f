package pages

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// paymentPage is what a payer reads: what they are asked for, and once they have answered what became of it.
type paymentPage struct {
	// Open says whether it is still a question.
	Open           bool
	Project, Owner string
	// Place and Where are the title and the address of the place, in the reader's language; empty for none.
	Place, Where string
	// Person and Contact say who is signed in, and ID is sent back with the answer.
	Person, Contact string
	ID              int64
	Lines           []paymentLine
	Totals          []string
	// Chosen says that the payer may choose other prices than those in Totals.
	Chosen    bool
	Wallets   []payingWallet
	NeedsPIN  bool
	Inquiries []inquiryLine
	// Allowance is what is asked for beside the payments, and Suggested a field for one that the payer may give; nil for
	// none.
	Allowance *allowanceAsked
	Suggested *input
	// Program is what asks for consent afterwards; empty for none.
	Program string
	// Status says what became of it, Missing how much money does.
	Status  string
	Missing []string
	// Back leads to where the payer came from, Onward to the consent that follows.
	Back   back
	Onward string
}

// paymentLine is one payment as the payer reads it.
type paymentLine struct {
	ID                        int64
	Title, Payee, Price, Note string
	Items                     []itemLine
	// Choices and Other are how the payer chooses the price; empty and nil for a price that is fixed.
	Choices []priceChoice
	Other   *input
	Legend  string
	// Wrong is what is wrong with the choice.
	Wrong string
	// Protected says that a password will protect it, Password is what the payer tells who is paid.
	Protected bool
	Password  string
}

type itemLine struct{ Title, Description, Price string }

type priceChoice struct {
	ID, Value, Text string
	On              bool
}

type payingWallet struct {
	ID   int64
	Text string
	On   bool
}

type inquiryLine struct {
	Number            int
	Text, Told, Wrong string
	Required, On      bool
}

// paymentPage shows a payment, with the form as it was sent.
func (r *request) paymentPage(pay payment, f form) reply {
	l := r.language
	c := paymentPage{
		Open: pay.Status.Open(), Project: pay.ProjectTitle, Owner: pay.Owner, NeedsPIN: pay.NeedsPIN,
		Person: pay.me.DisplayName, Contact: contactOf(pay.me.User), ID: pay.me.ID, Back: backTo(pay),
	}
	if pay.Place != nil {
		c.Place, c.Where = pay.Place.Title.In(l.code), pay.Place.Address.In(l.code)
	}
	for i := range pay.Payments {
		c.Lines = append(c.Lines, r.paymentLine(pay, &pay.Payments[i], f))
		c.Chosen = c.Chosen || c.Open && pay.Payments[i].PriceRules != nil
	}
	for _, sum := range service.Totals(pay.Transaction) {
		c.Totals = append(c.Totals, l.amount(sum))
	}
	c.Allowance = r.offeredAllowance(pay, f)
	action := destination(c.Back.Address)
	if pay.consent != nil {
		c.Program, action = pay.consent.Client.Title, destination(pay.consent.Request.RedirectURI)
	}
	if !c.Open {
		c.Status = l.paymentStatus(pay)
		c.Missing = l.missing(pay)
		if pay.consent != nil && pay.accepted() {
			c.Onward = r.consentAfter()
		}
		return reply{template: "payment", content: c, form: f}
	}
	c.Suggested = r.suggestedAllowance(pay, f)
	for i, w := range pay.Wallets {
		c.Wallets = append(c.Wallets, payingWallet{w.ID, l.payingWallet(w.Owner, w.Number, w.Available), i == 0 && !f.Refused() || f.Value("wallet") == strconv.FormatInt(w.ID, 10)})
	}
	for i, q := range pay.Inquiries {
		number := strconv.Itoa(i)
		c.Inquiries = append(c.Inquiries, inquiryLine{i, q.Description, l.inquired(q.Items), f.wrong["inquiry."+number], q.Required, f.Has("inquiry", number)})
	}
	return reply{template: "payment", content: c, form: f, action: action}
}

func (r *request) paymentLine(pay payment, one *wallet.Payment, f form) paymentLine {
	l := r.language
	line := paymentLine{
		ID: one.ID, Title: one.Description, Payee: pay.Payees[one.ID], Price: l.amount(one.Price),
		Password: pay.Passwords[one.ID].Reveal(), Note: l.paymentNote(pay, one),
		Protected: pay.Status.Open() && one.Password != nil,
	}
	for _, item := range one.Items {
		price := l.amount(item.Price)
		if total, err := item.Total(); err == nil && item.Quantity != 1 {
			price = strconv.FormatInt(item.Quantity, 10) + " × " + price + " = " + l.amount(total)
		}
		line.Items = append(line.Items, itemLine{item.Title, item.Description, price})
	}
	if pay.Status.Open() && one.PriceRules != nil {
		l.choosePrice(&line, one, f)
	}
	return line
}

// choosePrice offers the prices that the payer may choose, the proposed one among them.
func (l *language) choosePrice(line *paymentLine, one *wallet.Payment, f form) {
	id, rules := strconv.FormatInt(one.ID, 10), one.PriceRules
	line.Legend = l.text("pay.price", one.Title())
	chosen := one.Price.Decimal()
	if f.Refused() {
		chosen = f.Value("price." + id)
	}
	if len(rules.Choices) > 0 {
		prices := rules.Choices
		if !slices.Contains(prices, one.Price.Minor) {
			prices = append([]int64{one.Price.Minor}, prices...)
		}
		for i, minor := range prices {
			price := money.Amount{Minor: minor, Currency: one.Price.Currency}
			line.Choices = append(line.Choices, priceChoice{"price-" + id + "-" + strconv.Itoa(i), price.Decimal(), l.amount(price), price.Decimal() == chosen})
		}
		line.Wrong = f.wrong["price."+id]
	}
	if rules.Min == 0 && rules.Max == 0 {
		return
	}
	label, value := line.Legend, l.decimal(one.Price)
	if len(rules.Choices) > 0 {
		line.Choices = append(line.Choices, priceChoice{"price-" + id + "-" + otherPrice, otherPrice, l.text("pay.price.other"), chosen == otherPrice})
		label, value = l.text("pay.price.which"), ""
	}
	if f.Refused() {
		value = f.Value("other." + id)
	}
	line.Other = &input{
		ID: "other-" + id, Name: "other." + id, Type: "text", Value: value, Label: label, Mode: "decimal", Autocomplete: "off",
		Hint: l.bounds(rules, one.Price.Currency), Wrong: f.wrong["other."+id], Focus: f.wrong["other."+id] != "",
	}
}

// bounds says between what a price may be chosen.
func (l *language) bounds(rules *wallet.PriceRules, c money.Currency) string {
	least, most := l.amount(money.Amount{Minor: rules.Min, Currency: c}), l.amount(money.Amount{Minor: rules.Max, Currency: c})
	switch {
	case rules.Max == 0:
		return l.text("pay.price.least", least)
	case rules.Min == 0:
		return l.text("pay.price.most", most)
	}
	return l.text("pay.price.between", least, most)
}

// decimal is an amount as people of that language write it, without its currency.
func (l *language) decimal(a money.Amount) string {
	if l == lithuanian {
		return strings.ReplaceAll(a.Decimal(), ".", ",")
	}
	return a.Decimal()
}

func (l *language) amount(a money.Amount) string { return l.decimal(a) + " " + string(a.Currency) }

// payingWallet says whose wallet it is, which, and what is available there.
func (l *language) payingWallet(owner, number string, available []money.Amount) string {
	var has []string
	for _, a := range available {
		has = append(has, l.amount(a))
	}
	return l.text("pay.wallet", owner, number, strings.Join(has, ", "))
}

// inquired says what the payer would tell.
func (l *language) inquired(items []wallet.InquiryItem) string {
	var told []string
	for _, item := range items {
		what := l.text("pay.tells.identity")
		if item.Type == wallet.AskPersonCode {
			what = l.text("pay.tells.code")
		}
		if item.Title != "" {
			what = item.Title + ": " + what
		}
		told = append(told, what)
	}
	return strings.Join(told, "; ")
}

// paymentNote says when the payee can use the money, where that is not at once, and that it was given back.
func (l *language) paymentNote(pay payment, one *wallet.Payment) string {
	payee := pay.Payees[one.ID]
	over := !pay.Status.Open() && !pay.accepted()
	switch {
	case one.Status == wallet.PaymentCanceled:
		return l.text("pay.note.canceled")
	case over || one.Status == wallet.PaymentDone:
		return ""
	case one.FreezeFor > 0:
		return l.text("pay.note.frozen_for", payee, l.span(one.FreezeFor))
	case !one.FreezeUntil.IsZero():
		return l.text("pay.note.frozen_until", payee, moment(one.FreezeUntil))
	}
	return ""
}

// span is how long something lasts.
func (l *language) span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 3*day && d%day == 0:
		return l.text("span.days", int(d/day))
	case d >= time.Hour && d%time.Hour == 0:
		return l.text("span.hours", int(d/time.Hour))
	}
	return l.text("span.minutes", int((d+time.Minute-1)/time.Minute))
}

// missing is how much money a payment waits for.
func (l *language) missing(pay payment) (amounts []string) {
	if pay.Status != wallet.WaitingFunds {
		return nil
	}
	for _, w := range pay.Wallets {
		if w.ID != pay.WalletID {
			continue
		}
		for i, sum := range service.Totals(pay.Transaction) {
			if short := sum.Minor - w.Available[i].Minor; short > 0 {
				amounts = append(amounts, l.amount(money.Amount{Minor: short, Currency: sum.Currency}))
			}
		}
	}
	return amounts
}

// paymentStatus says what became of a payment that was answered.
func (l *language) paymentStatus(pay payment) string {
	until := moment(pay.Due())
	switch pay.Status {
	case wallet.WaitingFunds:
		return l.text("pay.status.waiting_funds", until)
	case wallet.WaitingRegistration:
		return l.text("pay.status.waiting_registration", until)
	case wallet.WaitingPassword:
		return l.text("pay.status.waiting_password", until)
	case wallet.TransactionReserved:
		return l.text("pay.status.reserved", pay.ProjectTitle, until)
	case wallet.TransactionConfirmed:
		if len(pay.Payments) == 0 {
			return l.text("allow.given", pay.ProjectTitle)
		}
		return l.text("pay.status.confirmed")
	case wallet.TransactionRejected:
		return l.text("pay.status.rejected")
	case wallet.TransactionRevoked:
		return l.text("pay.status.revoked")
	}
	return l.text("pay.status.failed")
}
