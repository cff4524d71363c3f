package service

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Bounds of what a client asks for, texts in bytes.
const (
	maxItems           = 200
	maxQuantity        = 1_000_000
	maxParameters      = 16 << 10
	maxURI             = 2000
	maxInquiries       = 20
	maxPaymentPassword = 100
)

// checkTransaction refuses what is wrong with a transaction, all at once, and fills in what follows from the
// rest: prices from items, and who is paid.
func (s *Service) checkTransaction(ctx context.Context, now time.Time, project int64, n *NewTransaction) error {
	refused := wallet.FieldErrors{}
	count := len(n.Payments) + len(n.Moved)
	switch {
	case count == 0 && n.Allowance == nil && n.MovedAllowance == 0:
		refused.Refuse("payments", "must be given: a list of payments, or of their ids; or an allowance")
	case count > maxPayments:
		refused.Refuse("payments", "must be %d at most", maxPayments)
	case len(slices.Compact(slices.Sorted(slices.Values(n.Moved)))) < len(n.Moved):
		refused.Refuse("payments", "must name each payment once")
	}
	if problem := reserveWindow(now, &n.Transaction); problem != "" {
		refused.Refuse("reserve", "%s", problem)
	}
	checkURI(refused, "redirect_uri", n.RedirectURI)
	s.checkCallbackURI(refused, n.CallbackURI)
	if n.PayerEmail != "" && !isEmail(normalContact(n.PayerEmail)) {
		refused.Refuse("user.email", "must be an e-mail address")
	}
	checkRestrictions(refused, n.Restrictions)
	checkInquiries(refused, n.Inquiries)
	if n.AllowanceOptional && count == 0 {
		refused.Refuse("allowance.optional", "must be false where there are no payments: the payer refuses the whole")
	}
	if err := s.checkAllowance(ctx, refused, now, project, n.Allowance); err != nil {
		return err
	}
	for i := range n.Payments[:min(len(n.Payments), maxPayments)] {
		s.checkPayment(refused, n.Payments[i].Place, now, &n.Payments[i])
	}
	if err := refused.Err(); err != nil {
		return err
	}
	for i := range n.Payments {
		if err := s.findBeneficiary(ctx, refused, n.Payments[i].Place, project, &n.Payments[i].Payment); err != nil {
			return err
		}
	}
	return refused.Err()
}

// checkURI refuses what no browser can be sent to.
func checkURI(refused wallet.FieldErrors, field, uri string) {
	if uri == "" {
		return
	}
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" || len(uri) > maxURI || !isWords(uri) {
		refused.Refuse(field, "must be an http or https address of at most %d bytes", maxURI)
	}
}

// checkCallbackURI refuses where no callback can be sent to. That the address is a public one is seen when it leaves.
func (s *Service) checkCallbackURI(refused wallet.FieldErrors, uri string) {
	checkURI(refused, callbackField, uri)
	if !s.PlainCallbacks && len(refused[callbackField]) == 0 && strings.HasPrefix(strings.ToLower(uri), "http:") {
		refused.Refuse(callbackField, "must be an https address: this server sends no callbacks over plain http")
	}
}

// callbackField is the address for callbacks, of a transaction and of a project.
const callbackField = "callback_uri"

func checkRestrictions(refused wallet.FieldErrors, r *wallet.Restrictions) {
	if r == nil {
		return
	}
	if r.OwnerType != "" && r.OwnerType != wallet.Natural && r.OwnerType != wallet.Legal {
		refused.Refuse("restrictions.account_owner.type", "must be natural or legal")
	}
	if r.Level != "" && !slices.Contains(wallet.IdentificationLevels(), r.Level) {
		refused.Refuse("restrictions.account_owner.level", "must be one of %s", listWords(wallet.IdentificationLevels()))
	}
}

func checkInquiries(refused wallet.FieldErrors, list []wallet.Inquiry) {
	if len(list) > maxInquiries {
		refused.Refuse("inquiries", "must be %d at most", maxInquiries)
		return
	}
	known := map[string]bool{}
	for i, q := range list {
		at := fmt.Sprintf("inquiries[%d].", i)
		checkWords(refused, at+"identifier", q.Identifier, 1, maxTitle)
		checkWords(refused, at+"description", q.Description, 0, maxDescription)
		if known[q.Identifier] {
			refused.Refuse(at+"identifier", "is another inquiry's")
		}
		known[q.Identifier] = true
		if len(q.Items) == 0 || len(q.Items) > maxInquiries {
			refused.Refuse(at+"items", "must be 1 to %d", maxInquiries)
			continue
		}
		for j, item := range q.Items {
			at := fmt.Sprintf("%sitems[%d].", at, j)
			checkWords(refused, at+"identifier", item.Identifier, 1, maxTitle)
			checkWords(refused, at+"title", item.Title, 0, maxTitle)
			if item.Type != wallet.AskIdentity && item.Type != wallet.AskPersonCode {
				refused.Refuse(at+"type", "must be %s or %s", wallet.AskIdentity, wallet.AskPersonCode)
			}
		}
	}
}

// checkPayment refuses what is wrong with a payment, and takes its price from its items where it has none.
func (s *Service) checkPayment(refused wallet.FieldErrors, at string, now time.Time, n *NewPayment) {
	p := &n.Payment
	checkWords(refused, at+"description", p.Description, 0, maxDescription)
	if p.Description == "" && len(p.Items) == 0 {
		refused.Refuse(at+"description", "must be given where there are no items")
	}
	total, ok := s.checkItems(refused, at, p.Items)
	switch {
	case !ok:
	case p.Price.Currency == "" && len(p.Items) > 0:
		p.Price = total
	case len(p.Items) > 0 && total != p.Price:
		refused.Refuse(at+"price", "is %s, and the items come to %s", p.Price, total)
	case p.Price.Currency == "":
		refused.Refuse(at+"price", "must be given with a currency, or items with theirs")
	}
	if p.Price.Currency != "" {
		s.checkPrice(refused, at, p)
	}
	freeze := p.FreezeUntil.Sub(now)
	if p.FreezeFor < 0 || p.FreezeFor > wallet.MaxFreeze || freeze > wallet.MaxFreeze {
		refused.Refuse(at+"freeze", "must be at most %d days", wallet.MaxFreeze/(24*time.Hour))
	}
	if p.Purpose != "" && p.Purpose != wallet.CashPayment && p.Purpose != wallet.Tips {
		refused.Refuse(at+"purpose", "must be %s or %s", wallet.CashPayment, wallet.Tips)
	}
	if p.FundsSource != nil {
		checkFundsSource(refused, at+"funds_source", *p.FundsSource)
	}
	checkParameters(refused, at+"parameters", p.Parameters)
	checkPaymentPassword(refused, at+"password", n)
}

// checkItems returns what the items come to; ok is false where that cannot be told.
func (s *Service) checkItems(refused wallet.FieldErrors, at string, items []wallet.Item) (total money.Amount, ok bool) {
	if len(items) > maxItems {
		refused.Refuse(at+"items", "must be %d at most", maxItems)
		return total, false
	}
	ok = true
	for i, item := range items {
		at := fmt.Sprintf("%sitems[%d].", at, i)
		checkWords(refused, at+"title", item.Title, 1, maxTitle)
		checkWords(refused, at+"description", item.Description, 0, maxDescription)
		checkURI(refused, at+"image_uri", item.ImageURI)
		checkParameters(refused, at+"parameters", item.Parameters)
		switch sum, err := item.Total(); {
		case item.Quantity < 1 || item.Quantity > maxQuantity:
			refused.Refuse(at+"quantity", "must be a whole number from 1 to %d", maxQuantity)
			ok = false
		case item.Price.Currency == "":
			ok = false // the wire has refused it already
		case item.Price.Minor < 0 || err != nil:
			refused.Refuse(at+"price", "must not be negative, or more than can be counted")
			ok = false
		case i == 0 || total.Currency == "":
			total = sum
		default:
			if total, err = total.Add(sum); err != nil {
				refused.Refuse(at+"currency", "must be that of the other items, and all of them must come to what can be counted")
				ok = false
			}
		}
	}
	return total, ok
}

// checkPrice judges a price with what is said about it.
func (s *Service) checkPrice(refused wallet.FieldErrors, at string, p *wallet.Payment) {
	if !slices.Contains(s.Currencies, p.Price.Currency) {
		refused.Refuse(at+"currency", "%q is not one of the currencies of this server", p.Price.Currency)
		return
	}
	switch {
	case !p.Price.Positive():
		refused.Refuse(at+"price", "must be more than zero")
		return
	case !wallet.Countable(p.Price):
		refused.Refuse(at+"price", "must be at most %d cents", wallet.MaxPrice)
		return
	}
	taken := int64(0)
	for _, part := range []struct {
		field string
		minor int64
	}{{"commission.in_commission", p.InCommission}, {"commission.out_commission", p.OutCommission}, {"cashback", p.Cashback}} {
		if part.minor < 0 || part.minor > p.Price.Minor {
			refused.Refuse(at+part.field, "must be zero to the price")
			return
		}
		taken += part.minor
	}
	if taken > p.Price.Minor {
		refused.Refuse(at+"commission", "commissions and cashback must not be more than the price together")
	}
	checkPriceRules(refused, at+"price_rules", p.PriceRules, p.Price.Currency)
}

// checkPriceRules judges what lets the payer choose a price; nil rules are none.
func checkPriceRules(refused wallet.FieldErrors, field string, rules *wallet.PriceRules, c money.Currency) {
	if rules == nil {
		return
	}
	bounds := append([]int64{rules.Min, rules.Max}, rules.Choices...)
	if slices.ContainsFunc(bounds, func(minor int64) bool { return !wallet.Countable(money.Amount{Minor: minor, Currency: c}) }) {
		refused.Refuse(field, "must hold prices of at most %d cents", wallet.MaxPrice)
		return
	}
	if rules.Min < 0 || rules.Max < 0 || rules.Max > 0 && rules.Min > rules.Max || len(rules.Choices) > maxItems ||
		slices.ContainsFunc(rules.Choices, func(minor int64) bool { return minor < 1 }) || rules.Min == 0 && rules.Max == 0 && len(rules.Choices) == 0 {
		refused.Refuse(field, "must hold min, max or choices, all of them prices, and min at most max")
	}
}

func checkFundsSource(refused wallet.FieldErrors, at string, source wallet.FundsSource) {
	if source.Type != "" && !slices.Contains(wallet.FundsSourceTypes(), source.Type) {
		refused.Refuse(at+".type", "must be one of %s", listWords(wallet.FundsSourceTypes()))
	}
	if source.Type == "" && source.Details == "" {
		refused.Refuse(at, "must say a type, or details")
	}
	checkWords(refused, at+".details", source.Details, 0, maxDescription)
}

func checkParameters(refused wallet.FieldErrors, field string, raw json.RawMessage) {
	if len(raw) > maxParameters || !utf8.Valid(raw) {
		refused.Refuse(field, "must be a JSON object of at most %d bytes", maxParameters)
	}
}

// checkPaymentPassword judges a password, and makes one up where that is asked for.
func checkPaymentPassword(refused wallet.FieldErrors, at string, n *NewPayment) {
	password := n.Payment.Password
	if password == nil {
		return
	}
	password.Status = wallet.PasswordPending
	switch password.Kind {
	case wallet.GeneratedPassword:
		if n.PasswordValue != "" {
			refused.Refuse(at+".value", "is made up by the server for a generated password: leave it out")
		}
		n.PasswordValue = secret.NewCode()
	case wallet.ProvidedPassword:
		if value := string(n.PasswordValue); value == "" || len(value) > maxPaymentPassword || !isWords(value) {
			refused.Refuse(at+".value", "must be given, as text of at most %d bytes", maxPaymentPassword)
		}
	default:
		refused.Refuse(at+".type", "must be %s or %s", wallet.GeneratedPassword, wallet.ProvidedPassword)
	}
}

// findBeneficiary finds the wallet that a payment goes to: the project's where it names none.
func (s *Service) findBeneficiary(ctx context.Context, refused wallet.FieldErrors, at string, project int64, p *wallet.Payment) error {
	at += "beneficiary"
	b := p.Beneficiary
	if b == (wallet.Contact{}) {
		owner, err := s.db.Project(ctx, project)
		if err == nil {
			p.BeneficiaryID = owner.WalletID
		}
		return err
	}
	id, missing, err := s.walletOfContact(ctx, &b)
	switch {
	case err != nil:
		return err
	case missing == "" || b.Text() != "" && missing == notRegistered:
		p.Beneficiary, p.BeneficiaryID = b, id
	default:
		refused.Refuse(at, "%s", missing)
	}
	return nil
}

// notRegistered is said of a contact that is nobody's.
const notRegistered = "nobody has that contact"

// walletOfContact finds a wallet by whatever names it, and brings that into the form that is kept. missing says why
// there is none.
func (s *Service) walletOfContact(ctx context.Context, b *wallet.Contact) (id int64, missing string, err error) {
	named := 0
	for _, given := range []bool{b.WalletID != 0, b.Email != "", b.Phone != "", b.Barcode != ""} {
		if given {
			named++
		}
	}
	switch {
	case named != 1:
		return 0, "must name exactly one of id, email, phone and barcode", nil
	case b.WalletID != 0:
		h, err := s.db.Holder(ctx, b.WalletID)
		if err != nil || h == nil {
			return 0, fmt.Sprintf("there is no wallet %d", b.WalletID), err
		}
		return h.WalletID, "", nil
	case b.Barcode != "":
		w, err := s.db.WalletByNumber(ctx, walletCode(b.Barcode))
		if err != nil || w == nil {
			return 0, "there is no wallet with that barcode", err
		}
		return w.ID, "", nil
	}
	b.Email, b.Phone = normalContact(b.Email), normalContact(b.Phone)
	if b.Email != "" && !isEmail(b.Email) || b.Phone != "" && !phoneForm.MatchString(b.Phone) {
		return 0, "must be an e-mail address, or a phone number with the country code", nil
	}
	user, err := s.db.UserByContact(ctx, b.Text())
	if err != nil || user == 0 {
		return 0, notRegistered, err
	}
	if id, err = s.db.OwnWallet(ctx, user); err != nil || id == 0 {
		return 0, "who has that contact has no wallet", err
	}
	return id, "", nil
}
