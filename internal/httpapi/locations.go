package httpapi

import (
	"context"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// localeOf reads the parameter locale.
func localeOf(r *request) (string, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	locale := q.text("locale")
	return locale, q.err()
}

// location: GET /location/{id}, which is ours.
func (a *API) location(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "location_id", false)
	if err != nil {
		return nil, err
	}
	locale, err := localeOf(r)
	if err != nil {
		return nil, err
	}
	v, err := a.Service.GetLocation(ctx, r.caller, id)
	if err != nil {
		return nil, err
	}
	return a.wireLocationView(&v, locale)
}

// projectLocations: GET /project/{id}/locations, a bare array (spec/php-client.md §7, decisions.md 1). It says no total, so
// that it holds as many as it may where no limit is given.
func (a *API) projectLocations(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "project_id", false)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	filter, locale := locationFilter(q, maxLimit), q.text("locale")
	a.openFilter(q, &filter)
	ownFilter(q, &filter)
	for _, name := range []string{"after", "sync"} {
		if q.text(name) != "" && q.refused[name] == nil {
			q.refused.Refuse(name, "is of GET /locations: a plain list does not say where to go on, page with offset")
		}
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	places, err := a.Service.ListProjectLocations(ctx, r.caller, id, filter)
	if err != nil {
		return nil, err
	}
	out, err := a.wireLocations(places, locale)
	if filter.Near != nil {
		for i := range out {
			out[i].Distance = new(metres(places[i].Distance))
		}
	}
	return out, err
}

// createLocation: POST /project/{id}/location (spec/wallet-api.md §4.4).
func (a *API) createLocation(ctx context.Context, r *request) (any, error) {
	return a.writeLocation(ctx, r, "project_id", a.Service.AddLocation)
}

// updateLocation: PUT /location/{id} (spec/wallet-api.md §4.4).
func (a *API) updateLocation(ctx context.Context, r *request) (any, error) {
	return a.writeLocation(ctx, r, "location_id", a.Service.EditLocation)
}

func (a *API) writeLocation(ctx context.Context, r *request, field string,
	write func(context.Context, wallet.Caller, int64, service.LocationEdit) (service.LocationView, error),
) (any, error) {
	id, err := pathID(r, "id", field, false)
	if err != nil {
		return nil, err
	}
	locale, err := localeOf(r)
	if err != nil {
		return nil, err
	}
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	e := b.place(locale)
	return once(r, plain, func(c wallet.Caller) (service.LocationView, error) { return write(ctx, c, id, e) }, a.changedLocation(e.Locale))
}
