package httpapi

import (
	"context"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// server: GET /server (spec/wallet-api.md §4.1).
func (a *API) server(ctx context.Context, r *request) (any, error) {
	now, err := a.Service.Time(ctx, r.caller)
	return walletapi.Server{Time: now.Unix()}, err
}

// configuration: GET /configuration (spec/wallet-api.md §4.1).
func (a *API) configuration(ctx context.Context, r *request) (any, error) {
	c, err := a.Service.Configure(ctx, r.caller)
	return walletapi.Configuration{MinimumPasswordLength: c.MinimumPasswordLength}, err
}

// currencies: GET /currencies, a bare array (spec/wallet-api.md §4.1).
func (a *API) currencies(ctx context.Context, r *request) (any, error) {
	return a.Service.ListCurrencies(ctx, r.caller)
}

// client: GET /client (spec/wallet-api.md §4.2).
func (a *API) client(ctx context.Context, r *request) (any, error) {
	own, err := a.Service.GetClient(ctx, r.caller)
	if err != nil {
		return nil, err
	}
	return wireClient(own, own.Type == wallet.AppClient && r.caller.Kind == wallet.ByClient), nil
}

// project: GET /project/{id} (spec/wallet-api.md §4.3).
func (a *API) project(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "project_id", false)
	if err != nil {
		return nil, err
	}
	fields, err := embedded(r)
	if err != nil {
		return nil, err
	}
	p, err := a.Service.GetProject(ctx, r.caller, id, fields.has("wallet"))
	if err != nil {
		return nil, err
	}
	return wireProject(p), nil
}

// updateProject: PUT /project/{id} (spec/wallet-api.md §4.3, spec/php-client.md §7.2). What the body does not mention stays, but
// for the title, which it must.
func (a *API) updateProject(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "project_id", false)
	if err != nil {
		return nil, err
	}
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	edit := service.ProjectEdit{Title: b.needed("title"), WalletID: b.id("wallet_id")}
	if b.raw("description") != nil {
		edit.Description = new(b.textOr("description"))
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.ProjectView, error) {
		return a.Service.EditProject(ctx, c, id, edit)
	}, wireProject)
}

// userProjects: GET /user/{id|me}/projects, a bare array (spec/wallet-api.md §4.3).
func (a *API) userProjects(ctx context.Context, r *request) (any, error) {
	user, err := pathID(r, "user", "user_id", true)
	if err != nil {
		return nil, err
	}
	fields, err := embedded(r)
	if err != nil {
		return nil, err
	}
	projects, err := a.Service.ListUserProjects(ctx, r.caller, user, fields.has("wallet"))
	if err != nil {
		return nil, err
	}
	out := make([]walletapi.Project, len(projects))
	for i, p := range projects {
		out[i] = wireProject(p)
	}
	return out, nil
}

// wallet: GET /wallet/{id|me} (spec/wallet-api.md §4.6).
func (a *API) wallet(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	w, err := a.Service.GetWallet(ctx, r.caller, id)
	if err != nil {
		return nil, err
	}
	return wireWallet(w), nil
}

// balance: GET /wallet/{id|me}/balance (spec/wallet-api.md §4.6).
func (a *API) balance(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	convertTo := q.text("convert_to")
	if convertTo != "" {
		if _, err := money.ParseCurrency(convertTo); err != nil {
			q.refused.Refuse("convert_to", "must be an ISO 4217 currency code, such as EUR")
		}
	}
	wanted := service.BalanceQuery{
		WithEmpty: q.flag("show_historical_currencies"), ConvertTo: money.Currency(convertTo), WithConvertTo: q.flag("include_convert_to_currency"),
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	lines, err := a.Service.GetBalance(ctx, r.caller, id, wanted)
	if err != nil {
		return nil, err
	}
	return wireBalance(lines)
}

// clientLocations: GET /client/locations, a bare array of any length (spec/mobile-sdks.md §3).
func (a *API) clientLocations(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	locale := q.text("locale")
	if err := q.err(); err != nil {
		return nil, err
	}
	return beginList(ctx, r, func(ctx context.Context, after int64) ([]walletapi.Location, int64, error) {
		places, next, err := a.Service.ListClientLocations(ctx, r.caller, after, listPage)
		if err != nil {
			return nil, 0, err
		}
		page, err := a.wireLocations(places, locale)
		return page, next, err
	})
}

// fields is the list of paths that a request wants embedded (spec/mobile-sdks.md §4).
type fields []string

// embedded reads the parameter fields. What is named is added, nothing is taken away; unknown
// paths are ignored.
func embedded(r *request) (fields, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	list := strings.Split(q.text("fields"), ",")
	return list, q.err()
}

func (f fields) has(path string) bool { return slices.Contains(f, path) }

func wireProject(p service.ProjectView) walletapi.Project {
	out := walletapi.Project{
		ID: p.ID, Title: p.Title, Description: p.Description,
		WalletID: p.WalletID, OwnerDisplayName: p.OwnerDisplayName,
	}
	if p.Wallet != nil {
		w := wireWallet(*p.Wallet)
		out.Wallet = &w
	}
	return out
}

func wireWallet(w service.WalletView) walletapi.Wallet {
	out := walletapi.Wallet{ID: w.ID, Owner: w.OwnerID, Account: walletapi.Account{Number: w.AccountNumber}}
	if w.Detailed {
		out.Account.OwnerTitle = w.OwnerDisplayName
		out.Account.OwnerDisplayName = w.OwnerDisplayName
		out.Account.OwnerType = string(w.OwnerType)
		out.Account.Type = "local"
		out.Account.UserID = w.OwnerID
		out.Account.Status = "active"
		if w.Inactive {
			out.Account.Status = "inactive"
		}
		out.Account.Description = w.Description
	}
	return out
}

// wireBalance writes funds by currency.
func wireBalance(lines []service.BalanceLine) (walletapi.Balance, error) {
	out := make(walletapi.Balance, len(lines))
	for _, l := range lines {
		available, reserved, err := fundsInCents(l.Funds)
		if err != nil {
			return nil, err
		}
		line := walletapi.Funds{
			AtDisposal: available, AtDisposalDecimal: l.Available.Decimal(),
			Reserved: reserved, ReservedDecimal: l.Reserved.Decimal(),
		}
		if l.Converted != nil {
			if available, reserved, err = fundsInCents(*l.Converted); err != nil {
				return nil, err
			}
			line.Converted = &walletapi.Converted{AtDisposal: available, Reserved: reserved}
		}
		out[string(l.Available.Currency)] = line
	}
	return out, nil
}

func fundsInCents(f wallet.Funds) (available, reserved int64, err error) {
	if available, err = f.Available.Cents(); err != nil {
		return 0, 0, err
	}
	reserved, err = f.Reserved.Cents()
	return available, reserved, err
}
