package walletapi

// Statistics answers GET /stats, which the protocol names only in an example (seeds: multi-project dashboard); its form is purser's own.
type Statistics struct {
	Stats    []StatisticsLine   `json:"stats"`
	Metadata StatisticsMetadata `json:"_metadata"`
}

// StatisticsMetadata says what the lines are of, beside where the page stands among them.
type StatisticsMetadata struct {
	Metadata
	ProjectID int64 `json:"project_id"`
	// Group is day, location or currency.
	Group string `json:"group"`
	// From and To are the first and the last second that is counted: whole days in UTC.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// AsOf is the moment up to which everything is counted.
	AsOf int64 `json:"as_of"`
}

// StatisticsLine are the counters of one currency, and of one day or place where the lines are by those.
type StatisticsLine struct {
	// Day is a day in UTC, as 2026-11-21.
	Day string `json:"day,omitempty"`
	// LocationID is absent for what happened at no place.
	LocationID int64  `json:"location_id,omitempty"`
	Currency   string `json:"currency"`
	// Statuses are the payments that were made on the days asked for, by the status that they have now.
	Statuses []StatusCount `json:"statuses"`
	Flows
}

// StatusCount are the payments in a status.
type StatusCount struct {
	Status string `json:"status"`
	Tally
}

// Flows are what happened on the days asked for, whenever the payments were made.
type Flows struct {
	// Paid are payments that were confirmed, but for those in cash; Refunds what went back to payers after that.
	Paid    Tally `json:"paid"`
	Refunds Tally `json:"refunds"`
	// CashIn was paid out to users for cash that they brought, CashOut by users for cash that they got.
	CashIn  Tally `json:"cash_in"`
	CashOut Tally `json:"cash_out"`
}

// Tally is how many payments, and how much they come to, in cents.
type Tally struct {
	Count         int64  `json:"count"`
	Volume        int64  `json:"volume"`
	VolumeDecimal string `json:"volume_decimal"`
}

// Overview answers GET /projects/overview, purser's own: all projects of a user as they were at one moment.
type Overview struct {
	Projects []ProjectOverview `json:"projects"`
	Metadata OverviewMetadata  `json:"_metadata"`
}

// OverviewMetadata says when everything was so, and which days are counted.
type OverviewMetadata struct {
	Metadata
	AsOf int64 `json:"as_of"`
	// Today is the day of AsOf in UTC, From the first of those that are counted as the last ones.
	Today string `json:"today"`
	From  string `json:"from"`
}

// ProjectOverview is one of them.
type ProjectOverview struct {
	ID       int64  `json:"id"`
	Title    string `json:"title"`
	WalletID int64  `json:"wallet_id,omitempty"`
	// Balance is that of the default wallet, which projects may share.
	Balance Balance `json:"balance"`
	// Today and LastDays are by currency.
	Today     map[string]Flows `json:"today"`
	LastDays  map[string]Flows `json:"last_30_days"`
	Locations OpenLocations    `json:"locations"`
}

// OpenLocations are how many places are in use, and how many of those are open; of unknown ones nobody has told the hours.
type OpenLocations struct {
	Active  int `json:"active"`
	Open    int `json:"open"`
	Unknown int `json:"unknown"`
}
