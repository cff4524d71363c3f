package service_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// statisticsVariable names the environment variable with how many random commands are counted on each engine.
const statisticsVariable = "PURSER_TEST_STATISTICS"

// After whatever commands, at places and in cash among them, statistics and overview are what the entries and the rows of
// payments come to when they are read past the product; and a check of the books says so as well.
func TestStatisticsEqualARecomputationFromTheEntries(t *testing.T) {
	t.Cleanup(service.WithoutHashing("unused"))
	wallettest.Addresses(t, func(t *testing.T, address string) {
		n := wallettest.Times(t, statisticsVariable, 1600) // fewer do not reach every kind
		c := &campaign{t: t, address: address, cells: map[cell]int{}, codes: map[string]int{}, figures: map[wallet.TallyKind]int{}}
		c.prepare()
		c.run(n)
		t.Logf("counted were %v", c.figures)
		for _, kind := range wallet.TallyEvents() {
			if c.figures[kind] == 0 {
				t.Errorf("nothing was counted as %s", kind)
			}
		}
	})
}

// readPayment is a payment read past the product.
type readPayment struct {
	wallet.TallyKey
	status   string
	created  time.Time
	cashback int64
	cash     string // the service, for cash at a place
	minor    int64
	// out is what its entries took from the payer, back what they gave back, each with the last time they did.
	out, back     int64
	outAt, backAt time.Time
}

// readPayments reads all payments with what their entries moved from and to the payer.
func (r *trial) readPayments() map[int64]*readPayment {
	all := map[int64]*readPayment{}
	r.rows(`SELECT project_id, location_id, document FROM transactions`, func(scan func(...any) error) error {
		var project, place int64
		var document string
		if err := scan(&project, &place, &document); err != nil {
			return err
		}
		var t struct {
			Payments []struct {
				ID       int64
				Status   string
				Created  time.Time
				Price    money.Amount
				Cashback int64
			}
			Cash struct{ Service string }
		}
		if err := json.Unmarshal([]byte(document), &t); err != nil {
			return err
		}
		for _, p := range t.Payments {
			all[p.ID] = &readPayment{
				TallyKey: wallet.TallyKey{ProjectID: project, LocationID: place, Currency: p.Price.Currency},
				status:   p.Status, created: p.Created, cashback: p.Cashback, cash: t.Cash.Service, minor: p.Price.Minor,
			}
		}
		return nil
	})
	r.rows(`SELECT e.payment_id, e.at, e.minor, CASE WHEN d.wallet_id = t.wallet_id THEN 1 ELSE 0 END, CASE WHEN c.wallet_id = t.wallet_id THEN 1 ELSE 0 END
		FROM entries e JOIN accounts d ON d.id = e.debit_account JOIN accounts c ON c.id = e.credit_account
		JOIN payments p ON p.id = e.payment_id JOIN transactions t ON t.id = p.transaction_id
		WHERE e.debit_account <> e.credit_account`, func(scan func(...any) error) error {
		var payment, at, minor, from, to int64
		err := scan(&payment, &at, &minor, &from, &to)
		p := all[payment]
		switch {
		case from == 1:
			p.out, p.outAt = p.out+minor, time.UnixMicro(at).UTC()
		case to == 1:
			p.back, p.backAt = p.back+minor, time.UnixMicro(at).UTC()
		}
		return err
	})
	return all
}

// recounted are the counters of all projects, worked out from payments read past the product.
func (r *trial) recounted() wallet.Tallies {
	all := wallet.Tallies{}
	for _, p := range r.readPayments() {
		count := func(at time.Time, kind wallet.TallyKind, minor int64) {
			k := p.TallyKey
			k.Day, k.Kind = wallet.Day(at.Truncate(24*time.Hour).Unix()/86400), kind
			all.Count(k, wallet.Tally{Count: 1, Volume: minor})
		}
		if p.status != "deleted" {
			count(p.created, wallet.TallyKind(p.status), p.minor)
		}
		if p.out > 0 {
			kind := wallet.TallyPaid
			if p.cash != "" {
				kind = wallet.TallyKind(p.cash)
			}
			count(p.outAt, kind, p.out)
		}
		if p.status == "done" {
			p.back -= p.cashback
		}
		if p.back > 0 {
			count(p.backAt, wallet.TallyRefund, p.back)
		}
	}
	return all
}

// compareFigures holds statistics and overviews against a recomputation, before and after counters are added up.
func (r *trial) compareFigures(address string) {
	all := r.recounted()
	for k, tally := range all {
		r.figures[k.Kind] += int(tally.Count)
	}
	for range 2 {
		for project, client := range map[int64]int64{1: till, 2: counter} {
			r.compareStatistics(project, client, all)
		}
		r.compareOverview(all)
		if _, err := store.Verify(ctx, address, nil); err != nil {
			r.t.Fatal(err)
		}
		if err := r.w.db.FoldTallies(ctx); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *trial) compareStatistics(project, client int64, all wallet.Tallies) {
	c := r.w.by(client)
	granted := *c.Client
	granted.Permissions = append([]wallet.Permission{wallet.AccessStatements}, granted.Permissions...)
	c.Client = &granted
	begun, now := r.w.business.Now(), r.w.business.Now()
	for k := range all {
		if day := k.Day.Begin(); day.Before(begun) {
			begun = day
		}
	}
	for begun := begun; !begun.After(now); begun = begun.AddDate(0, 0, wallet.MaxStatisticsDays) {
		for _, by := range []wallet.StatisticsGroup{wallet.ByDay, wallet.ByLocation, wallet.ByCurrency} {
			q := service.StatisticsQuery{From: begun, To: begun.AddDate(0, 0, wallet.MaxStatisticsDays-1), By: by}
			got, err := r.w.Statistics(ctx, c, q)
			if err != nil {
				r.t.Fatal(err)
			}
			is, ought := wallet.Tallies{}, wallet.Tallies{}
			for _, line := range got.Lines {
				for kind, tally := range line.Tallies {
					is.Count(wallet.TallyKey{ProjectID: project, Day: line.Day, LocationID: line.LocationID, Currency: line.Currency, Kind: kind}, tally)
				}
			}
			for k, tally := range all {
				if k.ProjectID != project || k.Day < got.From || k.Day > got.To {
					continue
				}
				if by != wallet.ByDay {
					k.Day = 0
				}
				if by != wallet.ByLocation {
					k.LocationID = 0
				}
				ought.Count(k, tally)
			}
			if !maps.Equal(is, ought) {
				r.t.Fatalf("statistics of project %d by %s are\n%v, want\n%v", project, by, is, ought)
			}
		}
	}
}

// compareOverview is Ona's, who owns project 1 and acts for the owner of 2 and 3.
func (r *trial) compareOverview(all wallet.Tallies) {
	c := r.w.withToken(till, 1, wallet.ScopeProjects, wallet.ScopeBalance)
	got, err := r.w.ProjectsOverview(ctx, c)
	if err != nil || len(got.Projects) != 3 {
		r.t.Fatalf("the overview has %d projects, %v", len(got.Projects), err)
	}
	funds := map[refAccount][2]int64{}
	r.rows(`SELECT a.wallet_id, a.currency, e.minor, e.credit_part, 1 FROM entries e JOIN accounts a ON a.id = e.credit_account WHERE a.purpose = 'wallet'
		UNION ALL SELECT a.wallet_id, a.currency, e.minor, e.debit_part, -1 FROM entries e JOIN accounts a ON a.id = e.debit_account WHERE a.purpose = 'wallet'`, func(scan func(...any) error) error {
		var a refAccount
		var minor, part, sign int64
		err := scan(&a.wallet, &a.currency, &minor, &part, &sign)
		has := funds[a]
		has[part] += sign * minor
		funds[a] = has
		return err
	})
	today := wallet.DayOf(got.At)
	for _, p := range got.Projects {
		for _, f := range p.Funds {
			if has := funds[refAccount{p.WalletID, f.Available.Currency}]; has != [2]int64{f.Available.Minor, f.Reserved.Minor} {
				r.t.Fatalf("project %d has %v, and its entries come to %v", p.ID, f, has)
			}
		}
		month, day := wallet.Tallies{}, wallet.Tallies{}
		for k, tally := range all {
			isStatus := k.Kind != wallet.TallyPaid && k.Kind != wallet.TallyRefund && k.Kind != wallet.TallyCashIn && k.Kind != wallet.TallyCashOut
			if k.ProjectID != p.ID || isStatus || k.Day > today || k.Day < today-29 {
				continue
			}
			is := k.Day
			k = wallet.TallyKey{Currency: k.Currency, Kind: k.Kind}
			month.Count(k, tally)
			if is == today {
				day.Count(k, tally)
			}
		}
		for what, of := range map[string][2]wallet.Tallies{"last days": {flows(p.Month), month}, "today": {flows(p.Today), day}} {
			if !maps.Equal(of[0], of[1]) {
				r.t.Fatalf("the flows of project %d, %s, are %v, want %v", p.ID, what, of[0], of[1])
			}
		}
		want := [3]int{0, 0, 0}
		if p.ID == 1 {
			want = [3]int{1, 0, 1} // a place whose hours nobody has told
		}
		if is := [3]int{p.ActivePlaces, p.OpenPlaces, p.UnknownPlaces}; is != want {
			r.t.Fatalf("project %d has the places %v, want %v", p.ID, is, want)
		}
	}
}

func flows(of map[money.Currency]map[wallet.TallyKind]wallet.Tally) wallet.Tallies {
	all := wallet.Tallies{}
	for currency, tallies := range of {
		for kind, tally := range tallies {
			all.Count(wallet.TallyKey{Currency: currency, Kind: kind}, tally)
		}
	}
	return all
}

// Who may read figures, and for which days.
func TestWhoReadsStatistics(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		w := (&campaign{t: t, address: address}).open(address)
		t.Cleanup(func() { w.db.Close() })
		w.forTrial()
		day := w.business.Now()
		ask := func(c wallet.Caller, project int64, q service.StatisticsQuery) error {
			c.ProjectID = project
			_, err := w.Statistics(ctx, c, q)
			return err
		}
		refuses(t, "a client without access_statements", ask(w.by(shop), 1, service.StatisticsQuery{}), wallet.Forbidden)
		refuses(t, "a device", ask(w.by(phone), 1, service.StatisticsQuery{}), wallet.Forbidden)
		refuses(t, "a payer", ask(w.withToken(manager, 3, wallet.ScopeProjects), 1, service.StatisticsQuery{}), wallet.Forbidden)
		refuses(t, "a client of no project", ask(w.by(nobodys), 0, service.StatisticsQuery{}), wallet.Forbidden)
		refuses(t, "days in the wrong order", ask(w.by(manager), 1, service.StatisticsQuery{From: day.AddDate(0, 0, 1), To: day}), wallet.InvalidParameters, "from")
		refuses(t, "too many days", ask(w.by(manager), 1, service.StatisticsQuery{From: day.AddDate(0, 0, -wallet.MaxStatisticsDays), To: day}), wallet.InvalidParameters, "from")
		for _, c := range []wallet.Caller{w.by(manager), w.withToken(shop, 1, wallet.ScopeProjects)} {
			if err := ask(c, 1, service.StatisticsQuery{}); err != nil {
				t.Errorf("%s: %v", c.Name(), err)
			}
		}
		_, err := w.ProjectsOverview(ctx, w.withToken(shop, 1, wallet.ScopeProjects))
		if refused := refuses(t, "an overview without the scope balance", err, wallet.Forbidden); !strings.Contains(refused.Error(), "balance") {
			t.Error(refused)
		}
		_, err = w.ProjectsOverview(ctx, w.by(manager))
		refuses(t, "an overview of no user", err, wallet.Forbidden)
	})
}
