package httpapi

import (
	"context"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// Figures come in longer lists than other things: a dashboard wants all of them at once, as they were at one moment.
const (
	defaultFigures = 1000
	maxFigures     = 10_000
)

// figuresPage are the limit and the offset of a list of figures.
func (q *query) figuresPage() (limit, offset int) {
	return int(q.whole("limit", defaultFigures, 1, maxFigures)), int(q.whole("offset", 0, 0, 1<<31-1))
}

// pageOf is a page of a list that is there whole.
func pageOf[T any](all []T, limit, offset int) []T {
	all = all[min(offset, len(all)):]
	return all[:min(limit, len(all))]
}

// statistics: GET /stats (seeds: multi-project dashboard).
func (a *API) statistics(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	asked := service.StatisticsQuery{From: q.seconds("from"), To: q.seconds("to")}
	asked.By = wallet.StatisticsGroup(q.oneOf("group", string(wallet.ByDay), string(wallet.ByLocation), string(wallet.ByCurrency)))
	if asked.By == "" {
		asked.By = wallet.ByCurrency
	}
	limit, offset := q.figuresPage()
	if err := q.err(); err != nil {
		return nil, err
	}
	found, err := a.Service.Statistics(ctx, r.caller, asked)
	if err != nil {
		return nil, err
	}
	out := walletapi.Statistics{
		Stats: []walletapi.StatisticsLine{},
		Metadata: walletapi.StatisticsMetadata{
			Metadata:  walletapi.Metadata{Total: len(found.Lines), Offset: offset, Limit: limit},
			ProjectID: found.ProjectID, Group: string(asked.By),
			From: found.From.Begin().Unix(), To: (found.To + 1).Begin().Unix() - 1, AsOf: found.At.Unix(),
		},
	}
	for _, line := range pageOf(found.Lines, limit, offset) {
		wire, err := wireStatistics(line)
		if err != nil {
			return nil, err
		}
		if asked.By == wallet.ByDay {
			wire.Day = line.Day.String()
		}
		out.Stats = append(out.Stats, wire)
	}
	return out, nil
}

func wireStatistics(line wallet.StatisticsLine) (walletapi.StatisticsLine, error) {
	flows, err := wireFlows(line.Currency, line.Tallies)
	if err != nil {
		return walletapi.StatisticsLine{}, err
	}
	out := walletapi.StatisticsLine{
		LocationID: line.LocationID, Currency: string(line.Currency), Statuses: []walletapi.StatusCount{}, Flows: flows,
	}
	for _, status := range wallet.TallyStatuses() {
		tally, there := line.Tallies[wallet.TallyKind(status)]
		if !there {
			continue
		}
		wire, err := wireTally(line.Currency, tally)
		if err != nil {
			return walletapi.StatisticsLine{}, err
		}
		out.Statuses = append(out.Statuses, walletapi.StatusCount{Status: string(status), Tally: wire})
	}
	return out, nil
}

func wireTally(currency money.Currency, t wallet.Tally) (walletapi.Tally, error) {
	volume := money.Amount{Minor: t.Volume, Currency: currency}
	cents, err := volume.Cents()
	return walletapi.Tally{Count: t.Count, Volume: cents, VolumeDecimal: volume.Decimal()}, err
}

// wireFlows are the events among counters of a currency.
func wireFlows(currency money.Currency, tallies map[wallet.TallyKind]wallet.Tally) (f walletapi.Flows, err error) {
	for kind, to := range map[wallet.TallyKind]*walletapi.Tally{
		wallet.TallyPaid: &f.Paid, wallet.TallyRefund: &f.Refunds, wallet.TallyCashIn: &f.CashIn, wallet.TallyCashOut: &f.CashOut,
	} {
		if *to, err = wireTally(currency, tallies[kind]); err != nil {
			return f, err
		}
	}
	return f, nil
}

// overview: GET /projects/overview, purser's own (field.md M9).
func (a *API) overview(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	limit, offset := q.figuresPage()
	if err := q.err(); err != nil {
		return nil, err
	}
	found, err := a.Service.ProjectsOverview(ctx, r.caller)
	if err != nil {
		return nil, err
	}
	out := walletapi.Overview{
		Projects: []walletapi.ProjectOverview{},
		Metadata: walletapi.OverviewMetadata{
			Metadata: walletapi.Metadata{Total: len(found.Projects), Offset: offset, Limit: limit}, AsOf: found.At.Unix(),
			Today: found.At.UTC().Format(time.DateOnly), From: (wallet.DayOf(found.At) - wallet.OverviewDays + 1).String(),
		},
	}
	for _, project := range pageOf(found.Projects, limit, offset) {
		wire, err := wireOverview(&project)
		if err != nil {
			return nil, err
		}
		out.Projects = append(out.Projects, wire)
	}
	return out, nil
}

func wireOverview(p *wallet.ProjectOverview) (walletapi.ProjectOverview, error) {
	out := walletapi.ProjectOverview{
		ID: p.ID, Title: p.Title, WalletID: p.WalletID, Balance: walletapi.Balance{},
		Locations: walletapi.OpenLocations{Active: p.ActivePlaces, Open: p.OpenPlaces, Unknown: p.UnknownPlaces},
	}
	for _, f := range p.Funds {
		if f.Available.Minor == 0 && f.Reserved.Minor == 0 {
			continue
		}
		available, reserved, err := fundsInCents(f)
		if err != nil {
			return out, err
		}
		out.Balance[string(f.Available.Currency)] = walletapi.Funds{
			AtDisposal: available, AtDisposalDecimal: f.Available.Decimal(), Reserved: reserved, ReservedDecimal: f.Reserved.Decimal(),
		}
	}
	var err error
	if out.Today, err = wireFlowsByCurrency(p.Today); err == nil {
		out.LastDays, err = wireFlowsByCurrency(p.Month)
	}
	return out, err
}

func wireFlowsByCurrency(flows map[money.Currency]map[wallet.TallyKind]wallet.Tally) (map[string]walletapi.Flows, error) {
	out := map[string]walletapi.Flows{}
	for currency, tallies := range flows {
		wire, err := wireFlows(currency, tallies)
		if err != nil {
			return nil, err
		}
		out[string(currency)] = wire
	}
	return out, nil
}
