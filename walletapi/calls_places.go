package walletapi

import (
	"context"
	"iter"
	"net/http"
)

// What is about places and their spots (spec/wallet-api.md §4.4, §4.12). locale is the language that texts come in, such as lt; empty
// leaves it to the server.

func inLanguage(locale string) params {
	p := params{}
	p.text("locale", locale)
	return p
}

// ClientLocations are the places of the client's projects (spec/mobile-sdks.md §3).
func (c *Client) ClientLocations(ctx context.Context, locale string) ([]Location, error) {
	return list[Location](ctx, c, inLanguage(locale), "/client/locations")
}

// Locations is a page of public places.
func (c *Client) Locations(ctx context.Context, q LocationQuery) (*Locations, error) {
	return get[Locations](ctx, c, q.params(), "/locations")
}

// AllLocations reads Locations to the end, and misses nothing and meets nothing twice whatever changes meanwhile.
func (c *Client) AllLocations(ctx context.Context, q LocationQuery) iter.Seq2[Location, error] {
	if q.Limit == 0 {
		q.Limit = mostPerPage
	}
	return onward(func(after string) ([]Location, string, error) {
		q := q
		if after != "" {
			q.After, q.Offset = after, 0
		}
		out, err := c.Locations(ctx, q)
		if err != nil {
			return nil, "", err
		}
		return out.Locations, out.Metadata.After, nil
	})
}

// SyncBegin is what SyncLocations is given for a copy that begins.
const SyncBegin = "begin"

// SyncLocations is what a copy of all public places lacks; purser's own. since is SyncBegin, and then Metadata.Sync of the answer before.
// While Metadata.More says so, there is more already. Places that are public no more come with the status inactive.
func (c *Client) SyncLocations(ctx context.Context, since, locale string) (*Locations, error) {
	p := inLanguage(locale)
	p.text("sync", since)
	return get[Locations](ctx, c, p, "/locations")
}

// PayCategories are the kinds of shops (spec/mobile-sdks.md §3).
func (c *Client) PayCategories(ctx context.Context, locale string) ([]PayCategory, error) {
	return list[PayCategory](ctx, c, inLanguage(locale), "/locations/pay-categories")
}

// ProjectLocations are the places of a project, in the order and by the filters of Locations; the query has no After.
func (c *Client) ProjectLocations(ctx context.Context, project int64, q LocationQuery) ([]Location, error) {
	return list[Location](ctx, c, q.params(), "/project/{}/locations", project)
}

// CreateLocation adds a place to a project.
func (c *Client) CreateLocation(ctx context.Context, project int64, l LocationEdit) (*Location, error) {
	return send[Location](ctx, c, http.MethodPost, nil, l, "/project/{}/location", project)
}

// Location is a place; purser's own.
func (c *Client) Location(ctx context.Context, id int64, locale string) (*Location, error) {
	return get[Location](ctx, c, inLanguage(locale), "/location/{}", id)
}

// UpdateLocation changes of a place what the edit mentions.
func (c *Client) UpdateLocation(ctx context.Context, id int64, l LocationEdit) (*Location, error) {
	return send[Location](ctx, c, http.MethodPut, nil, l, "/location/{}", id)
}

// EmbedTransactions has the methods about spots embed the transactions of the orders.
const EmbedTransactions = "orders.transaction"

// FindSpot is a spot by the text of its QR code, such as PAYSERA*106:TABLE1; embed may name EmbedTransactions.
func (c *Client) FindSpot(ctx context.Context, code string, embed ...string) (*Spot, error) {
	p := embedding(embed)
	p.text("code", code)
	return get[Spot](ctx, c, p, "/spot")
}

// Spots is a page of the spots of a place.
func (c *Client) Spots(ctx context.Context, q SpotQuery) (*Spots, error) {
	return get[Spots](ctx, c, q.params(), "/spots")
}

// AllSpots reads Spots to the end.
func (c *Client) AllSpots(ctx context.Context, q SpotQuery) iter.Seq2[Spot, error] {
	return all(q.Page, func(page Page) ([]Spot, Metadata, error) {
		q.Page = page
		out, err := c.Spots(ctx, q)
		if err != nil {
			return nil, Metadata{}, err
		}
		return out.Spots, out.Metadata, nil
	})
}

// Spot is a spot; embed may name EmbedTransactions.
func (c *Client) Spot(ctx context.Context, id int64, embed ...string) (*Spot, error) {
	return get[Spot](ctx, c, embedding(embed), "/spot/{}", id)
}

// CloseSpot ends what goes on at a spot.
func (c *Client) CloseSpot(ctx context.Context, id int64, embed ...string) (*Spot, error) {
	return send[Spot](ctx, c, http.MethodDelete, embedding(embed), nil, "/spot/{}", id)
}

// CheckIn says that the user of the token is at a spot.
func (c *Client) CheckIn(ctx context.Context, id int64, embed ...string) (*Spot, error) {
	return send[Spot](ctx, c, http.MethodPut, embedding(embed), nil, "/spot/{}/check-in", id)
}

// CheckOut says that the user of the token is there no more.
func (c *Client) CheckOut(ctx context.Context, id int64, embed ...string) (*Spot, error) {
	return send[Spot](ctx, c, http.MethodPut, embedding(embed), nil, "/spot/{}/check-out", id)
}

// OrderAtSpot puts a transaction before those who are at a spot, or before one of them.
func (c *Client) OrderAtSpot(ctx context.Context, id int64, o NewOrder, embed ...string) (*SpotOrder, error) {
	return send[SpotOrder](ctx, c, http.MethodPost, embedding(embed), o, "/spot/{}/order", id)
}
