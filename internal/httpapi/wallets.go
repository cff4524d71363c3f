package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// walletQuery reads what a wallet is named by: email, phone, account_number, person_code[lt], company_code[lt], user_id. It fails
// with NotFound for what purser leaves out (decisions.md 14).
func walletQuery(q *query) (wanted service.WalletQuery, err error) {
	for name := range q.names() {
		switch {
		case name == "card" || strings.HasPrefix(name, "card["):
			return wanted, leftOutError("payment cards")
		case name == "licence_plate":
			return wanted, leftOutError("licence plates")
		}
	}
	wanted = service.WalletQuery{
		Email: q.text("email"), Phone: q.text("phone"), AccountNumber: q.text("account_number"), UserID: q.whole("user_id", 0, 1, maxBodyID),
	}
	code, state := q.codeOfState("person_code", "nationality")
	wanted.Code, wanted.Nationality = wallet.PersonCode(code), state
	wanted.CompanyCode, wanted.Country = q.codeOfState("company_code", "country")
	return wanted, nil
}

// findWallet: GET /wallet?email=, phone=, … (spec/wallet-api.md §4.6).
func (a *API) findWallet(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	wanted, err := walletQuery(q)
	if err != nil {
		return nil, err
	}
	wanted.Barcode = q.text("barcode")
	if err := q.err(); err != nil {
		return nil, err
	}
	w, err := a.Service.FindWallet(ctx, r.caller, wanted)
	if err != nil {
		return nil, err
	}
	return wireWallet(w), nil
}

// walletBarcode: GET /wallet/barcode?id=, email=, … (spec/php-client.md §7.3).
func (a *API) walletBarcode(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	wanted, err := walletQuery(q)
	if err != nil {
		return nil, err
	}
	wanted.WalletID = q.whole("wallet_id", 0, 1, maxBodyID)
	if id := q.whole("id", 0, 1, maxBodyID); id != 0 && wanted.WalletID != 0 {
		q.refused.Refuse("id", "is given beside wallet_id; give one of them")
	} else if id != 0 {
		wanted.WalletID = id
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	code, err := a.Service.WalletBarcode(ctx, r.caller, wanted)
	if err != nil {
		return nil, err
	}
	return walletapi.Barcode{Barcode: code}, nil
}

// findWallets: GET /wallets?email=a,b&phone=1,2&email_hash=&phone_hash=, a map by what was asked for (spec/wallet-api.md §4.6).
func (a *API) findWallets(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	contacts := service.WalletContacts{
		Emails: q.list("email"), Phones: q.list("phone"), EmailHashes: q.list("email_hash"), PhoneHashes: q.list("phone_hash"),
		Limit: int(q.whole("limit", maxLimit, 1, maxLimit)),
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	found, err := a.Service.FindWallets(ctx, r.caller, contacts)
	if err != nil {
		return nil, err
	}
	out := make(map[string]walletapi.Wallet, len(found))
	for contact, w := range found {
		out[contact] = wireWallet(w)
	}
	return out, nil
}

// describeWallet: PUT /wallet/{id|me} (spec/mobile-sdks.md §1.2).
func (a *API) describeWallet(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	text := b.textOr("description")
	if err := b.err(); err != nil {
		return nil, err
	}
	description := &text
	if b.raw("description") == nil {
		description = nil
	}
	return once(r, plain, func(c wallet.Caller) (service.WalletView, error) {
		return a.Service.DescribeWallet(ctx, c, id, description)
	}, wireWallet)
}

// undescribeWallet: DELETE /wallet/{id|me}/description; the Swift SDK decodes the wallet (spec/mobile-sdks.md §1.2).
func (a *API) undescribeWallet(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	w, err := a.Service.DescribeWallet(ctx, r.caller, id, new(string))
	if err != nil {
		return nil, err
	}
	return wireWallet(w), nil
}

// sufficientAmount: GET /wallet/{id|me}/sufficient-amount?amount=&currency= (spec/wallet-api.md §4.6).
func (a *API) sufficientAmount(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	in := amounts{q.refused, q.text}
	amount := in.cents("amount", in.currency("currency"))
	if amount == nil {
		q.refused.Refuse("amount", "must be given")
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	enough, err := a.Service.HasFunds(ctx, r.caller, id, *amount)
	return walletapi.Sufficient{IsSufficient: enough}, err
}

// balanceReceipt: GET /wallet/{id|me}/receipt/balance?locale=&width= (spec/wallet-api.md §4.6).
func (a *API) balanceReceipt(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	locale := q.text("locale")
	width := q.whole("width", service.DefaultReceiptWidth, service.MinReceiptWidth, service.MaxReceiptWidth)
	if err := q.err(); err != nil {
		return nil, err
	}
	text, err := a.Service.BalanceReceipt(ctx, r.caller, id, locale, int(width))
	return walletapi.Receipt{Text: text}, err
}

// calculateConversion: GET /currency-conversion (spec/wallet-api.md §4.13).
func (a *API) calculateConversion(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	wanted := amounts{q.refused, q.text}.conversion()
	if err := q.err(); err != nil {
		return nil, err
	}
	c, err := a.Service.CalculateConversion(ctx, r.caller, wanted)
	if err != nil {
		return nil, err
	}
	return wireConversion(c), nil
}

// convertCurrency: POST /currency-conversion (spec/wallet-api.md §4.13).
func (a *API) convertCurrency(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	in := amounts{b.refused, b.scalar}
	wanted := in.conversion()
	wanted.MaxFrom = in.amount("max_from_amount", wanted.From.Currency)
	wanted.MinTo = in.amount("min_to_amount", wanted.To.Currency)
	if wanted.AccountNumber == "" && b.refused["account_number"] == nil {
		b.refused.Refuse("account_number", "must be given: the account whose money is converted")
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.Conversion, error) { return a.Service.ConvertCurrency(ctx, c, wanted) }, wireConversion)
}

func wireConversion(c service.Conversion) walletapi.CurrencyConversion {
	return walletapi.CurrencyConversion{
		ID: c.Entry, Date: unix(c.At), FromCurrency: string(c.From.Currency), ToCurrency: string(c.To.Currency),
		FromAmount: cents(c.From), FromAmountDecimal: c.From.Decimal(), ToAmount: cents(c.To), ToAmountDecimal: c.To.Decimal(),
		AccountNumber: c.AccountNumber,
	}
}

// scalar is a text, or a number as it stands there; empty when it is not given.
func (b *body) scalar(field string) string {
	raw := bytes.TrimSpace(b.raw(field))
	if len(raw) == 0 {
		return ""
	}
	var text string
	var number json.Number
	switch {
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
		return text
	case raw[0] != '"' && json.Unmarshal(raw, &number) == nil:
		return number.String()
	}
	if b.refused[field] == nil {
		b.refused.Refuse(field, "must be a text or a number")
	}
	return ""
}

// amounts reads amounts out of a query or a body, which has each field as a text.
type amounts struct {
	refused wallet.FieldErrors
	text    func(field string) string
}

// maxCents bounds amounts that are given: more than there is of any currency.
const maxCents = 1_000_000_000_000_000

// accountForm is an account number, of this server or any other.
var accountForm = regexp.MustCompile(`^[A-Za-z0-9]{1,34}$`)

// currency is one that must be given; empty where it is refused.
func (a amounts) currency(field string) money.Currency {
	text := a.text(field)
	if a.refused[field] != nil {
		return ""
	}
	currency, err := money.ParseCurrency(text)
	if err != nil {
		a.refused.Refuse(field, "must be an ISO 4217 currency code, such as EUR")
	}
	return currency
}

// cents is an amount in cents, nil where it is not given; without a currency only its form is looked at.
func (a amounts) cents(field string, c money.Currency) *money.Amount {
	text := a.text(field)
	if text == "" {
		return nil
	}
	cents, err := strconv.ParseInt(text, 10, 64)
	if err != nil || cents < 0 || cents > maxCents {
		if a.refused[field] == nil {
			a.refused.Refuse(field, "must be a whole number of cents from 0 to %d", maxCents)
		}
		return &money.Amount{}
	}
	if c == "" {
		return &money.Amount{}
	}
	amount, err := money.FromCents(cents, c)
	if err != nil {
		a.refused.Refuse(field, "%s has no such amount: cents are always the amount × 100", c)
	}
	return &amount
}

// amount is an amount in cents, or as decimal text in the field with that ending; nil where neither is given.
func (a amounts) amount(field string, c money.Currency) *money.Amount {
	cents, decimal := a.cents(field, c), field+"_decimal"
	text := a.text(decimal)
	switch {
	case text == "":
		return cents
	case cents != nil:
		a.refused.Refuse(decimal, "is given beside %s; give one of them", field)
		return cents
	case c == "":
		return &money.Amount{}
	}
	amount, err := money.Parse(text, c)
	switch {
	case errors.Is(err, money.ErrDigits):
		a.refused.Refuse(decimal, "%s has %d decimal digits", c, c.Digits())
	case err != nil || amount.Minor < 0:
		a.refused.Refuse(decimal, "must be a decimal number, such as 12.50")
	default:
		if all, err := amount.Cents(); err != nil || all > maxCents {
			a.refused.Refuse(decimal, "is more than there is")
		}
	}
	return &amount
}

// conversion reads what both calls about conversions have in common.
func (a amounts) conversion() (r service.ConversionRequest) {
	r.From.Currency, r.To.Currency = a.currency("from_currency"), a.currency("to_currency")
	from, to := a.amount("from_amount", r.From.Currency), a.amount("to_amount", r.To.Currency)
	switch {
	case from != nil && to != nil:
		a.refused.Refuse("to_amount", "is given beside from_amount; give one of them")
	case from == nil && to == nil && (a.refused["from_amount"] != nil || a.refused["to_amount"] != nil ||
		a.refused["from_amount_decimal"] != nil || a.refused["to_amount_decimal"] != nil): // given, but not understood
	case from == nil && to == nil:
		a.refused.Refuse("from_amount", "must be given, or to_amount; each in cents, or as a decimal number in the field with _decimal at its end")
	case from != nil:
		r.From.Minor = from.Minor
	default:
		r.To.Minor = to.Minor
	}
	if r.AccountNumber = a.text("account_number"); r.AccountNumber != "" && !accountForm.MatchString(r.AccountNumber) {
		a.refused.Refuse("account_number", "must be an account number, such as EVP000000014471")
	}
	return r
}
