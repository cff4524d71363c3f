package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// view reads in one snapshot. What work sees happened before at, by the business clock.
func (db *DB) view(ctx context.Context, work func(q querier, at time.Time) error) error {
	return db.inSnapshot(ctx, func(q querier) error {
		var one int64
		// The first statement that reads is when both engines take the snapshot.
		if err := db.queryRow(ctx, q, `SELECT count(*) FROM settings WHERE name = $1`, filledTallies).Scan(&one); err != nil {
			return err
		}
		return work(q, db.Now())
	})
}

// tallyColumns are what the lines of statistics are told apart by, beside currency and kind.
var tallyColumns = map[wallet.StatisticsGroup]string{wallet.ByDay: "day", wallet.ByLocation: "location_id", wallet.ByCurrency: "0"}

// Statistics adds up the counters of a project from one day to another, in one snapshot. Lines are in the order of their days,
// places and currencies.
func (db *DB) Statistics(ctx context.Context, project int64, from, to wallet.Day, by wallet.StatisticsGroup) (wallet.Statistics, error) {
	s := wallet.Statistics{ProjectID: project, From: from, To: to}
	lines := statisticsLines{}
	err := db.view(ctx, func(q querier, at time.Time) error {
		s.At = at
		rows, err := db.query(ctx, q, `SELECT `+tallyColumns[by]+`, currency, kind, CAST(sum(count) AS BIGINT), CAST(sum(volume) AS BIGINT) FROM tallies
			WHERE project_id = $1 AND day >= $2 AND day <= $3 GROUP BY 1, 2, 3`, project, int64(from), int64(to))
		_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			var of lineKey
			var kind wallet.TallyKind
			var t wallet.Tally
			err := rows.Scan(&of.of, &of.currency, &kind, &t.Count, &t.Volume)
			lines.count(of, kind, t)
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
		return db.eachChange(ctx, q, func(k wallet.TallyKey, t wallet.Tally) {
			if k.ProjectID != project || k.Day < from || k.Day > to {
				return
			}
			of := lineKey{0, k.Currency}
			switch by {
			case wallet.ByDay:
				of.of = int64(k.Day)
			case wallet.ByLocation:
				of.of = k.LocationID
			}
			lines.count(of, k.Kind, t)
		})
	})
	s.Lines = lines.sorted(by)
	return s, err
}

// lineKey is what a line of statistics is of: a day or a place, 0 where neither was asked, and a currency.
type lineKey struct {
	of       int64
	currency money.Currency
}

// statisticsLines are lines that are being added up.
type statisticsLines map[lineKey]map[wallet.TallyKind]wallet.Tally

func (lines statisticsLines) count(of lineKey, kind wallet.TallyKind, t wallet.Tally) {
	if lines[of] == nil {
		lines[of] = map[wallet.TallyKind]wallet.Tally{}
	}
	lines[of][kind] = lines[of][kind].Add(t)
}

// sorted are the lines in their order, without what comes to nothing.
func (lines statisticsLines) sorted(by wallet.StatisticsGroup) []wallet.StatisticsLine {
	var all []wallet.StatisticsLine
	for of, tallies := range lines {
		maps.DeleteFunc(tallies, func(_ wallet.TallyKind, t wallet.Tally) bool { return t == wallet.Tally{} })
		if len(tallies) == 0 {
			continue
		}
		line := wallet.StatisticsLine{Currency: of.currency, Tallies: tallies}
		switch by {
		case wallet.ByDay:
			line.Day = wallet.Day(of.of)
		case wallet.ByLocation:
			line.LocationID = of.of
		}
		all = append(all, line)
	}
	slices.SortFunc(all, func(a, b wallet.StatisticsLine) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.LocationID, b.LocationID), cmp.Compare(a.Currency, b.Currency))
	})
	return all
}

// Overview returns what there is to see of all projects that a user administers, in one snapshot: everything is as it was at
// one moment, and at says which.
func (db *DB) Overview(ctx context.Context, user int64) (all []wallet.ProjectOverview, at time.Time, err error) {
	err = db.view(ctx, func(q querier, now time.Time) error {
		at = now
		projects, err := db.projectsIn(ctx, q, projectsOfUser, user)
		if err != nil {
			return err
		}
		all = make([]wallet.ProjectOverview, len(projects))
		byID := make(map[int64]*wallet.ProjectOverview, len(projects))
		for i, p := range projects {
			all[i] = wallet.ProjectOverview{Project: p, Today: flowsByCurrency{}, Month: flowsByCurrency{}}
			byID[p.ID] = &all[i]
		}
		for some := range slices.Chunk(all, overviewAtOnce) {
			if err := db.overviewOf(ctx, q, now, some); err != nil {
				return err
			}
		}
		return db.eachChange(ctx, q, func(k wallet.TallyKey, t wallet.Tally) { countFlow(byID[k.ProjectID], wallet.DayOf(now), k, t) })
	})
	return all, at, err
}

// overviewAtOnce is of how many projects one statement reads.
const overviewAtOnce = 500

type flowsByCurrency = map[money.Currency]map[wallet.TallyKind]wallet.Tally

// countFlow adds an event to the flows of a project, nil where it is nobody's here.
func countFlow(o *wallet.ProjectOverview, today wallet.Day, k wallet.TallyKey, t wallet.Tally) {
	if o == nil || !isEvent(k.Kind) || k.Day > today || k.Day <= today-wallet.OverviewDays {
		return
	}
	add := func(flows flowsByCurrency) {
		if flows[k.Currency] == nil {
			flows[k.Currency] = map[wallet.TallyKind]wallet.Tally{}
		}
		flows[k.Currency][k.Kind] = flows[k.Currency][k.Kind].Add(t)
	}
	add(o.Month)
	if k.Day == today {
		add(o.Today)
	}
}

// overviewOf reads funds, flows and places of some projects.
func (db *DB) overviewOf(ctx context.Context, q querier, now time.Time, some []wallet.ProjectOverview) error {
	byID, projects := make(map[int64]*wallet.ProjectOverview, len(some)), make([]int64, len(some))
	for i := range some {
		projects[i] = some[i].ID
		byID[some[i].ID] = &some[i]
	}
	if err := db.overviewFunds(ctx, q, some); err != nil {
		return err
	}
	today := wallet.DayOf(now)
	err := db.eachFlow(ctx, q, projects, func(k wallet.TallyKey, t wallet.Tally) { countFlow(byID[k.ProjectID], today, k, t) })
	if err != nil {
		return err
	}
	rows, err := db.query(ctx, q, `SELECT c.card FROM locations l JOIN location_cards c ON c.location_id = l.id
		WHERE l.project_id IN (`+parameters(1, len(projects))+`)`, anys(projects)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		c, err := readCard(0, raw)
		if err != nil {
			return err
		}
		if o := byID[c.place.Project]; o != nil && c.place.Active {
			db.timetables.countPlace(o, c.timetable, now)
		}
	}
	return rows.Err()
}

// overviewFunds reads what the default wallets of some projects hold; several may share one.
func (db *DB) overviewFunds(ctx context.Context, q querier, some []wallet.ProjectOverview) error {
	wallets := make([]int64, len(some))
	for i := range some {
		wallets[i] = some[i].WalletID
	}
	slices.Sort(wallets)
	wallets = slices.Compact(wallets)
	rows, err := db.query(ctx, q, `SELECT wallet_id, currency, available, reserved FROM accounts
		WHERE purpose = $1 AND wallet_id IN (`+parameters(2, len(wallets))+`) ORDER BY wallet_id, currency`, append([]any{ledger.OfWallet}, anys(wallets)...)...)
	funds := map[int64][]wallet.Funds{}
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var id int64
		var f wallet.Funds
		err := rows.Scan(&id, &f.Available.Currency, &f.Available.Minor, &f.Reserved.Minor)
		f.Reserved.Currency = f.Available.Currency
		funds[id] = append(funds[id], f)
		return struct{}{}, err
	})
	for i := range some {
		some[i].Funds = funds[some[i].WalletID]
	}
	return err
}

// timetables keeps the hours of places that were asked for lately, so that those which many places share are read once.
type timetables struct {
	mu    sync.Mutex
	known map[string]*timetable
}

// keptTimetables bounds them.
const keptTimetables = 10_000

// countPlace counts a place that is in use, by whether it is open now.
func (t *timetables) countPlace(o *wallet.ProjectOverview, key []byte, now time.Time) {
	o.ActivePlaces++
	state := hours.Unknown
	if len(key) > 0 {
		state = t.named(key).at(now).state
	}
	switch state {
	case hours.Open:
		o.OpenPlaces++
	case hours.Unknown:
		o.UnknownPlaces++
	}
}

// named is the timetable with a key.
func (t *timetables) named(key []byte) *timetable {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.known[string(key)]
	if found == nil {
		if t.known == nil || len(t.known) >= keptTimetables {
			t.known = map[string]*timetable{}
		}
		found = &timetable{key: string(key)}
		t.known[found.key] = found
	}
	return found
}
