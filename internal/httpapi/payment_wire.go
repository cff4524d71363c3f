package httpapi

import (
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// Paths that fields= embeds in a transaction (spec/mobile-sdks.md §4).
const (
	projectField       = "project"
	projectWalletField = "project.wallet"
	payeeWalletField   = "payments.beneficiary.wallet"
)

// withProject and withWallets say what a transaction is read with.
func (f fields) withProject() bool { return f.has(projectField) || f.has(projectWalletField) }
func (f fields) withWallets() bool { return f.has(projectWalletField) || f.has(payeeWalletField) }

// wireTransaction writes a transaction without anything embedded, as every change of one is answered.
func wireTransaction(v service.TransactionView) walletapi.Transaction {
	return wireTransactionWith(v, nil)
}

// wireTransactionWith writes a transaction with what a request wants embedded.
func wireTransactionWith(v service.TransactionView, f fields) walletapi.Transaction {
	out := walletapi.Transaction{
		TransactionKey: v.Key, CreatedAt: v.CreatedAt.Unix(), Status: string(v.Status), Type: string(v.Type),
		Wallet: v.WalletID, ConfirmedAt: unix(v.ConfirmedAt), Reserve: wireReserve(v.Transaction),
		UseAllowance: v.UseAllowance, SuggestAllowance: v.SuggestAllowance, AutoConfirm: v.AutoConfirm,
		RedirectURI: v.RedirectURI, CallbackURI: walletapi.CallbackURI{URI: v.CallbackURI, Off: v.CallbackOff},
		ProjectID: v.ProjectID, LocationID: v.LocationID, ManagerID: v.ManagerID,
		Payments: make([]walletapi.Payment, len(v.Payments)), Allowance: wireAsked(v),
		Restrictions: wireRestrictions(v.Restrictions), Inquiries: wireInquiries(v.Inquiries),
	}
	if v.Cash != nil {
		out.Cash = &walletapi.Cash{Service: string(v.Cash.Service), Type: v.Cash.Way}
	}
	if v.PayerEmail != "" {
		out.User = &walletapi.TransactionUser{Email: v.PayerEmail}
	}
	if v.Project != nil {
		project := *v.Project
		if !f.has(projectWalletField) {
			project.Wallet = nil
		}
		p := wireProject(project)
		out.Project = &p
	}
	for i := range v.Payments {
		p := &v.Payments[i]
		out.Payments[i] = wirePayment(service.PaymentView{TransactionView: v, Payment: p})
		if w, ok := v.BeneficiaryWallets[p.BeneficiaryID]; ok && f.has(payeeWalletField) {
			if out.Payments[i].Beneficiary == nil {
				out.Payments[i].Beneficiary = &walletapi.Beneficiary{ID: p.BeneficiaryID}
			}
			embedded := wireWallet(w)
			out.Payments[i].Beneficiary.Wallet = &embedded
		}
	}
	return out
}

// unix is a time in UNIX seconds, 0 for none.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// wireReserve says how long money stays reserved: until when, once that is known.
func wireReserve(t *wallet.Transaction) walletapi.Period {
	switch {
	case !t.ReserveUntil.IsZero():
		return walletapi.Period{Until: t.ReserveUntil.Unix()}
	case !t.AcceptedAt.IsZero():
		return walletapi.Period{Until: t.AcceptedAt.Add(t.ReserveFor).Unix()}
	}
	return lasting(t.ReserveFor)
}

// lasting is a length of time in seconds, 0 included.
func lasting(length time.Duration) walletapi.Period {
	seconds := int64(length / time.Second)
	return walletapi.Period{For: &seconds}
}

func wireRestrictions(r *wallet.Restrictions) *walletapi.Restrictions {
	if r == nil {
		return nil
	}
	owner := walletapi.OwnerRestrictions{Type: string(r.OwnerType), Level: string(r.Level)}
	if r.Identity {
		owner.Requirements = []string{"identity"}
	}
	return &walletapi.Restrictions{AccountOwner: owner}
}

func wireInquiries(list []wallet.Inquiry) []walletapi.Inquiry {
	out := make([]walletapi.Inquiry, len(list))
	for i, q := range list {
		out[i] = walletapi.Inquiry{
			Identifier: q.Identifier, Type: inquiryOptional, Description: q.Description, Status: string(q.Answer),
			Items: make([]walletapi.InquiryItem, len(q.Items)),
		}
		if q.Required {
			out[i].Type = inquiryRequired
		}
		for j, item := range q.Items {
			out[i].Items[j] = walletapi.InquiryItem{Identifier: item.Identifier, Type: string(item.Type), Title: item.Title}
		}
	}
	return out
}

// wirePayment writes a payment.
func wirePayment(v service.PaymentView) walletapi.Payment {
	p := v.Payment
	out := walletapi.Payment{
		ID: p.ID, TransactionKey: v.Key, CreatedAt: p.CreatedAt.Unix(), Status: string(p.Status), Cancelable: p.Cancelable(),
		Price: cents(p.Price), PriceDecimal: p.Price.Decimal(), Currency: string(p.Price.Currency),
		Wallet: v.WalletID, ConfirmedAt: unix(p.ConfirmedAt),
		Description: p.Description, Beneficiary: wireBeneficiary(p.Beneficiary), Parameters: p.Parameters, Purpose: string(p.Purpose),
	}
	wireFreeze(p, &out)
	if p.InCommission != 0 || p.OutCommission != 0 {
		in, fees := money.Amount{Minor: p.InCommission, Currency: p.Price.Currency}, money.Amount{Minor: p.OutCommission, Currency: p.Price.Currency}
		out.Commission = &walletapi.Commission{
			InCommission: cents(in), InCommissionDecimal: in.Decimal(), OutCommission: cents(fees), OutCommissionDecimal: fees.Decimal(),
		}
	}
	if p.Cashback != 0 {
		back := money.Amount{Minor: p.Cashback, Currency: p.Price.Currency}
		out.Cashback, out.CashbackDecimal = cents(back), back.Decimal()
	}
	for _, item := range p.Items {
		total, _ := item.Total() // it fits, or there would be no such payment
		out.Items = append(out.Items, walletapi.Item{
			Title: item.Title, Description: item.Description, ImageURI: item.ImageURI,
			Price: cents(item.Price), PriceDecimal: item.Price.Decimal(), Currency: string(item.Price.Currency), Quantity: item.Quantity,
			TotalPrice: cents(total), TotalPriceDecimal: total.Decimal(), Parameters: item.Parameters,
		})
	}
	if p.Password != nil {
		out.Password = &walletapi.PaymentPassword{Type: string(p.Password.Kind), Status: string(p.Password.Status)}
	}
	if p.PriceRules != nil {
		out.PriceRules = wirePriceRules(p.PriceRules, p.Price.Currency)
	}
	if p.FundsSource != nil {
		out.FundsSource = &walletapi.FundsSource{Type: string(p.FundsSource.Type), Details: p.FundsSource.Details}
	}
	return out
}

// cents is an amount of a payment or an exchange in cents, which fit: service has seen to that.
func cents(a money.Amount) int64 {
	n, _ := a.Cents()
	return n
}

// wireFreeze says how long the beneficiary cannot use the money. freeze_for and freeze_until never stand together
// (spec/php-client.md §8.7).
func wireFreeze(p *wallet.Payment, out *walletapi.Payment) {
	if !p.FreezeUntil.IsZero() {
		out.FreezeUntil = p.FreezeUntil.Unix()
		out.Freeze = walletapi.Period{Until: out.FreezeUntil}
		return
	}
	out.Freeze = lasting(p.FreezeFor)
	hours := int64((p.FreezeFor + time.Hour - 1) / time.Hour)
	out.FreezeFor = &hours
}

// wireBeneficiary names who is paid as the request did; nil where that is the project.
func wireBeneficiary(c wallet.Contact) *walletapi.Beneficiary {
	if c == (wallet.Contact{}) {
		return nil
	}
	return &walletapi.Beneficiary{ID: c.WalletID, Email: c.Email, Phone: c.Phone, Barcode: c.Barcode}
}

func wirePriceRules(r *wallet.PriceRules, c money.Currency) *walletapi.PriceRules {
	inCents := func(minor int64) int64 { return cents(money.Amount{Minor: minor, Currency: c}) }
	out := &walletapi.PriceRules{Min: inCents(r.Min), Max: inCents(r.Max)}
	for _, choice := range r.Choices {
		out.Choices = append(out.Choices, inCents(choice))
	}
	return out
}

// wireInquiryResults writes what a payer agreed to tell; what is not on record is left out.
func wireInquiryResults(results []service.InquiryResult) walletapi.InquiryResults {
	out := walletapi.InquiryResults{Items: []walletapi.InquiryResult{}}
	for _, r := range results {
		if !r.Identity.Tells(r.Type) {
			continue
		}
		value := asJSON(string(r.Identity.Code))
		if r.Type == wallet.AskIdentity {
			value = asJSON(wireIdentity(r.Identity, true))
		}
		out.Items = append(out.Items, walletapi.InquiryResult{InquiryIdentifier: r.Inquiry, ItemIdentifier: r.Item, ItemType: string(r.Type), Value: value})
	}
	return out
}
