package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// Allowances: spec/wallet-api.md §4.9, in all the spellings of spec/php-client.md §8.8 and spec/mobile-sdks.md §5.3.

// allowanceRoutes are those of allowances.
func (a *API) allowanceRoutes() []route {
	return []route{
		{"POST /rest/v1/allowance", a.placed(a.createAllowance)},
		{"GET /rest/v1/allowance/{id}", a.signed(a.allowance)},
		{"DELETE /rest/v1/allowance/{id}", a.signed(a.cancelAllowance)},
		{"GET /rest/v1/allowance/active/{wallet}", a.signed(a.activeAllowance)},
		{"DELETE /rest/v1/allowance/active/{wallet}", a.signed(a.cancelActiveAllowance)},
		{"GET /rest/v1/allowance/limit/{wallet}", a.signed(a.allowanceLimit)},
	}
}

// newAllowance reads an allowance as it is asked for.
func (b *body) newAllowance() service.NewAllowance {
	var n service.NewAllowance
	n.Description = b.textOr("description")
	c := b.currency("currency")
	if n.Currency = c; c == "" && b.refused["currency"] == nil {
		b.refused.Refuse("currency", "must be given: that of all amounts")
	}
	if most, given := b.amount("max_price", c); given {
		if n.Max = most.Minor; most.Minor == 0 && len(b.refused) == 0 {
			b.refused.Refuse("max_price", "must be more than zero; leave it out where limits alone bound what is taken")
		}
	}
	inHours := b.raw("valid_for") != nil
	n.ValidFor, n.ValidUntil, _ = b.period("valid", 1)
	if b.says("limits") {
		limits := listed(b, "limits", func(place string, raw json.RawMessage) (wallet.AllowanceLimit, bool) {
			o, err := newBody(raw)
			if err != nil {
				return wallet.AllowanceLimit{}, false
			}
			limit := o.allowanceLimit(c, inHours)
			b.takeOver(place, o)
			return limit, true
		}, "must be a list of objects")
		if limits != nil {
			n.Limits = *limits
		}
	}
	if b.says("locations") {
		places := listed(b, "locations", func(place string, raw json.RawMessage) (int64, bool) {
			one := &body{fields: map[string]json.RawMessage{place: raw}, refused: b.refused}
			return one.idOr(place), true
		}, "must be a list of the numbers of places")
		if places != nil {
			n.Locations = *places
		}
	}
	return n
}

// allowanceLimit reads how much may be taken within a time: time in seconds, or period, which is in hours beside
// valid_for, as it was in 2012, and in seconds otherwise (spec/wallet-api.md §5, 14).
func (b *body) allowanceLimit(c money.Currency, inHours bool) wallet.AllowanceLimit {
	if own := b.currency("currency"); own != "" && own != c {
		b.refused.Refuse("currency", "must be that of the allowance")
	}
	most, given := b.amount("max_price", c)
	if !given {
		b.refused.Refuse("max_price", "must be given, or max_price_decimal")
	}
	unit, longest := time.Second, int64(maxSeconds)
	field := "time"
	if b.raw("period") != nil {
		if field = "period"; b.raw("time") != nil {
			b.refused.Refuse("period", "is given as time too: give one of them")
		}
		if inHours {
			unit, longest = time.Hour, maxHours
		}
	}
	within := b.number(field, 1, longest)
	if within == nil && b.refused[field] == nil {
		b.refused.Refuse("time", "must be given, in seconds")
	}
	return wallet.AllowanceLimit{Max: most.Minor, Within: lengthOf(within, unit)}
}

// askedAllowance reads the allowance that a transaction asks for: one that is in data, or that exists, by id; or the
// fields of one beside optional.
func (b *body) askedAllowance(n *service.NewTransaction) {
	if !b.says("allowance") {
		return
	}
	o := b.inner("allowance")
	defer b.takeOver("allowance", o)
	n.AllowanceOptional = o.flag("optional")
	id := o.id("id")
	switch {
	case o.says("data") && o.raw("id") != nil:
		o.refused.Refuse("id", "names an allowance, and data asks for another: give one of them")
	case o.says("data"):
		data := o.inner("data")
		asked := data.newAllowance()
		asked.Place = "allowance.data."
		n.Allowance = &asked
		o.takeOver("data", data)
	case id != nil:
		n.MovedAllowance = *id
	case o.raw("id") == nil:
		asked := o.newAllowance()
		asked.Place = "allowance."
		n.Allowance = &asked
	}
}

// wireAllowance writes an allowance.
func wireAllowance(v service.AllowanceView) walletapi.Allowance {
	out := walletapi.Allowance{
		ID: v.ID, TransactionKey: v.Key, CreatedAt: v.CreatedAt.Unix(), Status: string(v.Status), Currency: string(v.Currency), Wallet: v.WalletID,
		ConfirmedAt: unix(v.ConfirmedAt), Description: v.Description, Locations: v.Locations,
	}
	if v.Max > 0 {
		most := v.Amount(v.Max)
		out.MaxPrice, out.MaxPriceDecimal = cents(most), most.Decimal()
	}
	for _, l := range v.Limits {
		out.Limits = append(out.Limits, walletapi.AllowanceLimit{MaxPrice: cents(v.Amount(l.Max)), Time: int64(l.Within / time.Second)})
	}
	if !v.ValidUntil.IsZero() {
		out.ValidUntil = v.ValidUntil.Unix()
		out.Valid = walletapi.Period{Until: out.ValidUntil}
		return out
	}
	out.Valid = lasting(v.ValidFor)
	hours := int64((v.ValidFor + time.Hour - 1) / time.Hour)
	out.ValidFor = &hours
	return out
}

// wireAsked writes the allowance that a transaction asks for; nil where it asks for none.
func wireAsked(v service.TransactionView) *walletapi.AskedAllowance {
	if v.Allowance == nil {
		return nil
	}
	return &walletapi.AskedAllowance{Data: wireAllowance(service.AllowanceView{Allowance: v.Allowance, Key: v.Key}), Optional: v.AllowanceOptional}
}

// createAllowance: POST /allowance (spec/wallet-api.md §4.9).
func (a *API) createAllowance(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	n := b.newAllowance()
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.AllowanceView, error) { return a.Service.CreateAllowance(ctx, c, n) }, wireAllowance)
}

// allowance: GET /allowance/{id} (spec/wallet-api.md §4.9).
func (a *API) allowance(ctx context.Context, r *request) (any, error) {
	return ofAllowance(r, "id", func(id int64) (service.AllowanceView, error) { return a.Service.GetAllowance(ctx, r.caller, id) })
}

// cancelAllowance: DELETE /allowance/{id} (spec/wallet-api.md §4.9).
func (a *API) cancelAllowance(ctx context.Context, r *request) (any, error) {
	return ofAllowance(r, "id", func(id int64) (service.AllowanceView, error) { return a.Service.CancelAllowance(ctx, r.caller, id) })
}

// activeAllowance: GET /allowance/active/{wallet|me} (spec/wallet-api.md §4.9).
func (a *API) activeAllowance(ctx context.Context, r *request) (any, error) {
	return ofAllowance(r, "wallet", func(id int64) (service.AllowanceView, error) { return a.Service.GetActiveAllowance(ctx, r.caller, id) })
}

// cancelActiveAllowance: DELETE /allowance/active/{wallet|me} (spec/wallet-api.md §4.9).
func (a *API) cancelActiveAllowance(ctx context.Context, r *request) (any, error) {
	return ofAllowance(r, "wallet", func(id int64) (service.AllowanceView, error) {
		return a.Service.CancelActiveAllowance(ctx, r.caller, id)
	})
}

// ofAllowance answers with the allowance that the path names: by its number, or by the wallet that gave it.
func ofAllowance(r *request, by string, call func(id int64) (service.AllowanceView, error)) (any, error) {
	field := "allowance_id"
	if by == "wallet" {
		field = "wallet_id"
	}
	id, err := pathID(r, by, field, by == "wallet")
	if err != nil {
		return nil, err
	}
	v, err := call(id)
	if err != nil {
		return nil, err
	}
	return wireAllowance(v), nil
}

// allowanceLimit: GET /allowance/limit/{wallet|me}?currency= (spec/wallet-api.md §4.9). Without a currency it is EUR, as the
// PHP client has it (spec/php-client.md §7.6).
func (a *API) allowanceLimit(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	currency := money.Currency("EUR")
	if q.text("currency") != "" {
		currency = amounts{q.refused, q.text}.currency("currency")
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	left, err := a.Service.AllowanceLimit(ctx, r.caller, id, currency)
	if err != nil {
		return nil, err
	}
	return walletapi.AllowanceLeft{Amount: cents(left), AmountDecimal: left.Decimal(), Currency: string(left.Currency)}, nil
}
