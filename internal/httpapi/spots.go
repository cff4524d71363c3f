package httpapi

import (
	"context"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// orderTransactions embeds the transactions of a spot's orders (spec/mobile-sdks.md §4).
const orderTransactions = "orders.transaction"

// wireSpot writes a spot without its orders.
func (a *API) wireSpot(s *wallet.Spot, place *wallet.Location, locale string) walletapi.Spot {
	out := walletapi.Spot{
		ID: s.ID, Status: string(s.Status), Identifier: s.Identifier,
		Code: wallet.SpotCode(a.Service.SpotPrefix, s.LocationID, s.Identifier),
		PlaceInfo: walletapi.PlaceInfo{
			Title: own(s.Title, place.Title).In(locale), Description: own(s.Description, place.Description).In(locale),
			Address: own(s.Address, place.Address).In(locale), LogoURI: s.LogoURI, LocationID: s.LocationID,
		},
	}
	return out
}

// own is a spot's text, or its place's where it has none.
func own(text, places wallet.Text) wallet.Text {
	if len(text) == 0 {
		return places
	}
	return text
}

// wireSpotView writes a spot with its orders, which may be none.
func (a *API) wireSpotView(locale string) func(v service.SpotView) walletapi.Spot {
	return func(v service.SpotView) walletapi.Spot {
		out := a.wireSpot(&v.Spot, &v.Place, locale)
		out.Orders = make([]walletapi.SpotOrder, len(v.Orders))
		for i, o := range v.Orders {
			out.Orders[i] = wireOrder(o)
		}
		return out
	}
}

func wireOrder(o service.OrderView) walletapi.SpotOrder {
	out := walletapi.SpotOrder{ID: o.ID, Status: string(o.Status), TransactionKey: o.Key, UserID: o.UserID}
	if o.Transaction != nil {
		transaction := wireTransaction(*o.Transaction)
		out.Transaction = &transaction
	}
	return out
}

// shownSpot is what a request about spots wants to see: the language, and whether with transactions.
func shownSpot(r *request) (locale string, withTransactions bool, err error) {
	f, err := embedded(r)
	if err != nil {
		return "", false, err
	}
	locale, err = localeOf(r)
	return locale, f.has(orderTransactions), err
}

// findSpot: GET /spot?code= (spec/wallet-api.md §4.12).
func (a *API) findSpot(ctx context.Context, r *request) (any, error) {
	locale, withTransactions, err := shownSpot(r)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	code := q.text("code")
	if err := q.err(); err != nil {
		return nil, err
	}
	v, err := a.Service.FindSpot(ctx, r.caller, code, withTransactions)
	if err != nil {
		return nil, err
	}
	return a.wireSpotView(locale)(v), nil
}

// spot: GET /spot/{id} (spec/mobile-sdks.md §1.2).
func (a *API) spot(ctx context.Context, r *request) (any, error) {
	return a.aboutSpot(ctx, r, false, a.Service.GetSpot)
}

// closeSpot: DELETE /spot/{id} (spec/wallet-api.md §4.12).
func (a *API) closeSpot(ctx context.Context, r *request) (any, error) {
	return a.aboutSpot(ctx, r, false, a.Service.CloseSpot)
}

// checkIn: PUT /spot/{id}/check-in (spec/mobile-sdks.md §1.2).
func (a *API) checkIn(ctx context.Context, r *request) (any, error) {
	return a.aboutSpot(ctx, r, true, a.Service.CheckIn)
}

// checkOut: PUT /spot/{id}/check-out (spec/wallet-api.md §4.12).
func (a *API) checkOut(ctx context.Context, r *request) (any, error) {
	return a.aboutSpot(ctx, r, true, a.Service.CheckOut)
}

// aboutSpot runs a use case about the spot in the path; one that can be repeated under a key is kept.
func (a *API) aboutSpot(ctx context.Context, r *request, kept bool,
	use func(ctx context.Context, c wallet.Caller, id int64, withTransactions bool) (service.SpotView, error),
) (any, error) {
	id, err := pathID(r, "id", "spot_id", false)
	if err != nil {
		return nil, err
	}
	locale, withTransactions, err := shownSpot(r)
	if err != nil {
		return nil, err
	}
	call := func(c wallet.Caller) (service.SpotView, error) { return use(ctx, c, id, withTransactions) }
	if kept {
		return once(r, plain, call, a.wireSpotView(locale))
	}
	v, err := call(r.caller)
	if err != nil {
		return nil, err
	}
	return a.wireSpotView(locale)(v), nil
}

// spots: GET /spots (spec/wallet-api.md §4.12).
func (a *API) spots(ctx context.Context, r *request) (any, error) {
	locale, withTransactions, err := shownSpot(r)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	location := q.whole("location_id", 0, 1, maxBodyID)
	filter := service.SpotFilter{
		Statuses: words(q, "status", wallet.SpotStatuses()),
		Limit:    int(q.whole("limit", defaultLimit, 1, maxLimit)), Offset: int(q.whole("offset", 0, 0, 1<<31-1)),
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	page, total, err := a.Service.ListSpots(ctx, r.caller, location, filter, withTransactions)
	if err != nil {
		return nil, err
	}
	out := walletapi.Spots{
		Spots:    make([]walletapi.Spot, len(page)),
		Metadata: walletapi.Metadata{Total: total, Offset: filter.Offset, Limit: filter.Limit},
	}
	for i, v := range page {
		out.Spots[i] = a.wireSpotView(locale)(v)
	}
	return out, nil
}

// orderAtSpot: POST /spot/{id}/order (spec/wallet-api.md §4.12).
func (a *API) orderAtSpot(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "spot_id", false)
	if err != nil {
		return nil, err
	}
	_, withTransactions, err := shownSpot(r)
	if err != nil {
		return nil, err
	}
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	n := service.NewOrder{TransactionKey: b.textOr("transaction_key"), UserID: b.idOr("user_id")}
	if n.TransactionKey == "" && len(b.refused) == 0 {
		b.refused.Refuse("transaction_key", "must be given: the key of a transaction of the project")
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.OrderView, error) {
		return a.Service.OrderAtSpot(ctx, c, id, n, withTransactions)
	}, wireOrder)
}
