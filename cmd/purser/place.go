package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// newPlace is `purser place`: where projects are in the world.
func newPlace(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "place",
		Short: "Make, show and change places, and deactivate them",
		Long: "A place is where a project is in the world: what maps show, and what a client can be based on. Places\n" +
			"are never deleted, so that apps which keep copies learn that one is gone: `place update --status inactive`.",
	}
	command.AddCommand(
		newPlaceCreate(p), newPlaceList(p), newShow[placeDocument](p, "place", "Show all about a place"),
		newPlaceUpdate(p), newPlaceImport(p), newPlaceExport(p), newPlaceCodes(p), newPlaceRenewCopies(p),
	)
	return command
}

// placeDocument is a place in JSON, as --json shows it and --file takes it: named as on the wire, with
// texts by language and prices as decimal text. What is left out is not given.
type placeDocument struct {
	ID          int64       `json:"id,omitempty"`
	ProjectID   int64       `json:"project_id,omitempty"`
	Status      *string     `json:"status,omitempty"`
	Public      *bool       `json:"public,omitempty"`
	Title       wallet.Text `json:"title,omitempty"`
	Description wallet.Text `json:"description,omitempty"`
	Address     wallet.Text `json:"address,omitempty"`
	Lat         *float64    `json:"lat,omitempty"`
	Lng         *float64    `json:"lng,omitempty"`
	// Radius is in metres.
	Radius       *int                           `json:"radius,omitempty"`
	WorkingHours *map[string]walletapi.DayHours `json:"working_hours,omitempty"`
	// Hours are all hours, in the words of OpenStreetMap, with the dates of the place's holidays; docs/hours.md.
	Hours        *string                            `json:"hours,omitempty"`
	HolidayDates []string                           `json:"holiday_dates,omitempty"`
	Timezone     *string                            `json:"timezone,omitempty"`
	Services     *map[string]walletapi.PlaceService `json:"services,omitempty"`
	Prices       *[]placePrice                      `json:"prices,omitempty"`
	Images       *walletapi.Images                  `json:"images,omitempty"`
	// RemoteSpot is the spot where people order before they come, 0 for none.
	RemoteSpot *int64     `json:"remote_spot,omitempty"`
	UpdatedAt  *time.Time `json:"updated_at,omitempty"`
}

// placePrice is a price or, without an amount, a special offer.
type placePrice struct {
	Title wallet.Text `json:"title"`
	// Amount is decimal text in Currency.
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	// ValidFrom and ValidUntil are when it counts; left out where there is no such end.
	ValidFrom  time.Time `json:"valid_from,omitzero"`
	ValidUntil time.Time `json:"valid_until,omitzero"`
}

func placeToAnswer(l wallet.Location) placeDocument {
	status, updated := string(l.Status), instant(l.UpdatedAt)
	d := placeDocument{
		ID: l.ID, ProjectID: l.ProjectID, Status: &status, Public: &l.Public, Title: l.Title, Description: l.Description, Address: l.Address,
		Radius: &l.Radius, UpdatedAt: &updated,
	}
	if l.Position != nil {
		lat, lng := l.Position.Degrees()
		d.Lat, d.Lng = &lat, &lng
	}
	if l.Hours != nil {
		days := map[string]walletapi.DayHours{}
		for day, span := range l.Hours.Daily(hours.DateOf(l.UpdatedAt)) {
			from, to := span.Clock()
			days[dayName(day)] = walletapi.DayHours{OpeningTime: from.String(), ClosingTime: to.String()}
		}
		d.WorkingHours, d.Hours = &days, new(l.Hours.Text())
		for _, date := range l.Hours.Holidays() {
			d.HolidayDates = append(d.HolidayDates, date.String())
		}
	}
	if l.Timezone != "" {
		d.Timezone = &l.Timezone
	}
	if len(l.Services) > 0 {
		services := map[string]walletapi.PlaceService{}
		for name, offer := range l.Services {
			services[string(name)] = walletapi.PlaceService(offer)
		}
		d.Services = &services
	}
	if len(l.Prices) > 0 {
		prices := []placePrice{}
		for _, price := range l.Prices {
			one := placePrice{Title: price.Title, ValidFrom: price.ValidFrom, ValidUntil: price.ValidUntil}
			if price.Amount.Currency != "" {
				one.Amount, one.Currency = price.Amount.Decimal(), string(price.Amount.Currency)
			}
			prices = append(prices, one)
		}
		d.Prices = &prices
	}
	if l.RemoteSpot != 0 {
		d.RemoteSpot = &l.RemoteSpot
	}
	if l.PinOpen != "" {
		d.Images = &walletapi.Images{PinOpen: l.PinOpen, PinClosed: l.PinClosed}
	}
	return d
}

func dayName(day time.Weekday) string { return strings.ToLower(day.String()) }

// parseClock reads a time of day.
func parseClock(text string) (hours.Minute, error) {
	minute, err := hours.ParseMinute(text)
	if err != nil || minute > hours.DayEnd {
		return 0, wallet.FieldError("working_hours", "%q is not a time, such as 09:00", text)
	}
	return minute, nil
}

// weekdays are the days of a week as opening hours are told.
var weekdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}

// parseDay reads a day by its name or its first letters, three at least.
func parseDay(text string) (int, error) {
	for i, day := range weekdays {
		if len(text) >= 3 && strings.HasPrefix(dayName(day), strings.ToLower(text)) {
			return i, nil
		}
	}
	return 0, wallet.FieldError("working_hours", "%q is not a day, such as mon", text)
}

// ownDays is how hours begin that are in parseHours' words.
var ownDays = regexp.MustCompile(`^(daily|[a-z]{3,})\b`)

// parseHours reads opening hours such as "mon-fri 09:00-18:00", one text for some days; none at all
// are not known.
func parseHours(texts []string) (map[string]walletapi.DayHours, error) {
	all := map[string]walletapi.DayHours{}
	for _, text := range texts {
		if text == "" {
			continue
		}
		days, times, _ := strings.Cut(strings.TrimSpace(text), " ")
		opening, closing, ok := strings.Cut(strings.TrimSpace(times), "-")
		if !ok {
			return nil, wallet.FieldError("working_hours", "%q must be days and times, such as mon-fri 09:00-18:00", text)
		}
		if days == "daily" {
			days = "mon-sun"
		}
		for part := range strings.SplitSeq(days, ",") {
			from, to, isRange := strings.Cut(part, "-")
			if !isRange {
				to = from
			}
			first, err := parseDay(from)
			if err != nil {
				return nil, err
			}
			last, err := parseDay(to)
			if err != nil {
				return nil, err
			}
			for i := first; ; i = (i + 1) % len(weekdays) {
				all[dayName(weekdays[i])] = walletapi.DayHours{OpeningTime: opening, ClosingTime: closing}
				if i == last {
					break
				}
			}
		}
	}
	return all, nil
}

// parseServices reads services such as "cash_in:contact,bar_code" and "pay:3,4".
func parseServices(texts []string) (map[string]walletapi.PlaceService, error) {
	services := map[string]walletapi.PlaceService{}
	for _, text := range texts {
		name, details, _ := strings.Cut(text, ":")
		if name == "" {
			continue
		}
		offer := walletapi.PlaceService{Available: true}
		for detail := range strings.SplitSeq(details, ",") {
			switch {
			case detail == "":
			case name == string(wallet.Pay):
				ids, err := parseIDs([]string{detail}, "services")
				if err != nil {
					return nil, err
				}
				offer.Categories = append(offer.Categories, ids...)
			default:
				offer.Types = append(offer.Types, detail)
			}
		}
		services[name] = offer
	}
	return services, nil
}

// languageForm is a text with its language in front.
var languageForm = regexp.MustCompile(`^([a-z]{2,3}(?:[_-][A-Z]{2})?)=(?s:(.*))$`)

// parseTexts reads a text in several languages: LANGUAGE=TEXT each, English where none is named.
func parseTexts(texts []string) wallet.Text {
	all := wallet.Text{}
	for _, text := range texts {
		language := "en"
		if parts := languageForm.FindStringSubmatch(text); parts != nil {
			language, text = parts[1], parts[2]
		}
		all[language] = text
	}
	return all
}

// change is what the document gives; the fields that it leaves out stay as they are.
func (d placeDocument) change() (change service.LocationChange, err error) {
	change = service.LocationChange{
		Title: d.Title, Description: d.Description, Address: d.Address, Radius: d.Radius, Public: d.Public, RemoteSpot: d.RemoteSpot,
		Status: (*wallet.LocationStatus)(d.Status),
	}
	if d.Lat != nil && d.Lng != nil {
		position := new(wallet.Position)
		*position = wallet.At(*d.Lat, *d.Lng)
		change.Position = &position
	} else if d.Lat != nil || d.Lng != nil {
		return change, wallet.FieldError("lat", "must be given together with lng")
	}
	if err := d.changeHours(&change); err != nil {
		return change, err
	}
	if d.Services != nil {
		services := map[wallet.Service]wallet.Offer{}
		for name, offer := range *d.Services {
			services[wallet.Service(name)] = wallet.Offer(offer)
		}
		change.Services = &services
	}
	if d.Prices != nil {
		prices := []wallet.Price{}
		for _, one := range *d.Prices {
			price := wallet.Price{Title: one.Title, ValidFrom: one.ValidFrom.UTC(), ValidUntil: one.ValidUntil.UTC()}
			if one.Amount != "" || one.Currency != "" {
				if price.Amount, err = priceOf(one); err != nil {
					return change, err
				}
			}
			prices = append(prices, price)
		}
		change.Prices = &prices
	}
	if d.Images != nil {
		change.PinOpen, change.PinClosed = &d.Images.PinOpen, &d.Images.PinClosed
	}
	return change, nil
}

// changeHours is what the document gives of hours and the zone. Hours go before working hours, which hold less of them.
func (d placeDocument) changeHours(change *service.LocationChange) error {
	change.Timezone = d.Timezone
	if d.Hours != nil {
		schedule, err := hours.Parse(*d.Hours)
		if err != nil {
			return wallet.FieldError("hours", "%v", err)
		}
		var holidays []hours.Date
		for _, text := range d.HolidayDates {
			date, err := hours.ParseDate(text)
			if err != nil {
				return wallet.FieldError("holiday_dates", "%v", err)
			}
			holidays = append(holidays, date)
		}
		if schedule, err = hours.New(schedule.Rules(), holidays); err != nil {
			return wallet.FieldError("hours", "%v", err)
		}
		change.Hours = &schedule
		return nil
	}
	if d.WorkingHours == nil {
		return nil
	}
	spans := map[time.Weekday]hours.Span{}
	for name, times := range *d.WorkingHours {
		day, err := parseDay(name)
		if err != nil {
			return err
		}
		opening, err := parseClock(times.OpeningTime)
		if err != nil {
			return err
		}
		closing, err := parseClock(times.ClosingTime)
		if err != nil {
			return err
		}
		spans[weekdays[day]] = hours.Between(opening, closing)
	}
	change.Days = &spans
	return nil
}

func priceOf(p placePrice) (money.Amount, error) {
	amount, err := parseAmount(p.Amount, p.Currency)
	if err != nil {
		return amount, wallet.FieldError("prices", "%q %q is not an amount, such as 12.50 EUR", p.Amount, p.Currency)
	}
	return amount, nil
}

// placeFlags are a place on the command line.
type placeFlags struct {
	file                        string
	project, id                 int64
	title, address, description []string
	lat, lng                    float64
	noPosition                  bool
	radius                      int
	hours, services             []string
	timezone                    string
	public                      bool
	status                      string
	pinOpen, pinClosed          string
	remoteSpot                  int64
}

func (f *placeFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "file", "", "JSON `file` with the place, as `purser place show --json` writes it; - for standard input; what a flag says too, the flag decides")
	flags.StringArrayVar(&f.title, "title", nil, "`text` that people call it by, in English; lt=TEXT in another language")
	flags.StringArrayVar(&f.address, "address", nil, "postal `address`; lt=TEXT in another language than English")
	flags.StringArrayVar(&f.description, "description", nil, "`text` for people; lt=TEXT in another language than English")
	flags.Float64Var(&f.lat, "lat", 0, "latitude in `degrees`, north is positive")
	flags.Float64Var(&f.lng, "lng", 0, "longitude in `degrees`, east is positive")
	flags.IntVar(&f.radius, "radius", 0, "radius in `metres`; 0 for none")
	flags.StringArrayVar(&f.hours, "hours", nil, "working `hours`, such as \"mon-fri 09:00-18:00\", or as OpenStreetMap writes them: \"Mo-Fr 09:00-13:00,14:00-18:00; PH off\"; all of them, in one flag or several")
	flags.StringVar(&f.timezone, "timezone", "", "time `zone`, such as Europe/Vilnius; that of its position where none is named")
	flags.StringArrayVar(&f.services, "service", nil, "`service` that it offers, such as cash_in:contact,bar_code or pay:3,4 by pay category; all of them, one flag each")
	flags.BoolVar(&f.public, "public", false, "show it to everybody, not only to the project's clients")
	flags.StringVar(&f.pinOpen, "pin-open", "", "`address` of the image that marks it on a map while it is open; both pins or none")
	flags.StringVar(&f.pinClosed, "pin-closed", "", "`address` of the image while it is closed")
}

// document is what the file and the flags say together.
func (f *placeFlags) document(v *verb) (d placeDocument, err error) {
	if f.file != "" {
		if d, err = v.readPlace(f.file); err != nil {
			return d, err
		}
	}
	for flag, texts := range map[string]struct {
		into *wallet.Text
		from []string
	}{"title": {&d.Title, f.title}, "address": {&d.Address, f.address}, "description": {&d.Description, f.description}} {
		if v.given(flag) {
			*texts.into = parseTexts(texts.from)
		}
	}
	replace(v, "lat", &d.Lat, &f.lat)
	replace(v, "lng", &d.Lng, &f.lng)
	replace(v, "radius", &d.Radius, &f.radius)
	replace(v, "public", &d.Public, &f.public)
	replace(v, "status", &d.Status, &f.status)
	replace(v, "timezone", &d.Timezone, &f.timezone)
	replace(v, "remote-spot", &d.RemoteSpot, &f.remoteSpot)
	if v.given("hours") {
		d.Hours, d.WorkingHours = new(strings.Join(f.hours, "; ")), nil
		if _, err := hours.Parse(*d.Hours); err != nil {
			days, ownErr := parseHours(f.hours)
			if ownErr != nil && !ownDays.MatchString(*d.Hours) {
				ownErr = wallet.FieldError("hours", "%v", err)
			}
			if ownErr != nil {
				return d, ownErr
			}
			d.Hours, d.WorkingHours = nil, &days
		}
	}
	if v.given("service") {
		services, err := parseServices(f.services)
		if err != nil {
			return d, err
		}
		d.Services = &services
	}
	if v.given("pin-open") || v.given("pin-closed") {
		if d.Images == nil {
			d.Images = &walletapi.Images{}
		}
		if v.given("pin-open") {
			d.Images.PinOpen = f.pinOpen
		}
		if v.given("pin-closed") {
			d.Images.PinClosed = f.pinClosed
		}
	}
	return d, nil
}

// replace sets a field to what a flag was set to.
func replace[T any](v *verb, flag string, field **T, to *T) {
	if v.flags.Lookup(flag) != nil && v.given(flag) {
		*field = to
	}
}

// readPlace reads a place from a JSON file, or from standard input for "-".
func (v *verb) readPlace(path string) (d placeDocument, err error) {
	var text []byte
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(v.in, maxOperatorBody))
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return d, fmt.Errorf("reading the place: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("%s cannot be read as a place, which `purser place show --json` shows the form of: %w", path, err)
	}
	return d, nil
}

func newPlaceCreate(p *program) *cobra.Command {
	var f placeFlags
	command := &cobra.Command{
		Use:   "create",
		Short: "Make a place of a project",
		Long: "Makes an active place, from flags, a JSON file, or both: what a flag says too, the flag decides. Prices and\n" +
			"special offers come from a file only.",
		Example: "  purser place create --project 1221 --title \"Kiosk\" --title lt=Kioskas --address \"Gedimino pr. 9, Vilnius\" \\\n" +
			"    --lat 54.6872 --lng 25.2797 --hours \"mon-fri 09:00-18:00\" --hours \"sat 10:00-15:00\" \\\n" +
			"    --service cash_in:contact,bar_code --service pay:3,4 --public\n" +
			"  purser place create --file place.json",
		Args: cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Int64Var(&f.project, "project", 0, "`project` whose it is")
		f.bind(flags)
		flags.Int64Var(&f.id, "id", 0, "`number` to take rather than the next free one")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		d, err := f.document(v)
		if err != nil {
			return err
		}
		if v.given("project") {
			d.ProjectID = f.project
		}
		d.ID, d.RemoteSpot = f.id, nil // a copy of a place that is there is another place, and has no spots
		made, err := ask[createdAnswer](v, "place/create", d)
		if err != nil {
			return err
		}
		return v.answerCreated(made, "Place", d.Title.In(""))
	})
}

// placeQuery is what a list is of.
type placeQuery struct {
	Project int64  `json:"project_id"`
	Status  string `json:"status"`
	paging
}

// placeListAnswer is a page of places in JSON.
type placeListAnswer struct {
	Places []placeDocument `json:"places"`
	Total  int             `json:"total"`
	paging
}

func newPlaceList(p *program) *cobra.Command {
	var q placeQuery
	command := &cobra.Command{Use: "list", Short: "List places, public or not", Args: cobra.NoArgs}
	bind := func(flags *pflag.FlagSet) {
		flags.Int64Var(&q.Project, "project", 0, "those of this `project`")
		flags.StringVar(&q.Status, "status", "", "active or inactive")
		q.bind(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		found, err := ask[placeListAnswer](v, "place/list", q)
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Places) == 0 {
				p.line("There are no such places.")
				return
			}
			var rows [][]string
			for _, d := range found.Places {
				rows = append(rows, []string{number(d.ID), number(d.ProjectID), *d.Status, yesNo(*d.Public), d.Title.In(""), d.Address.In(""), d.position()})
			}
			p.table([]string{"PLACE", "PROJECT", "STATUS", "PUBLIC", "TITLE", "ADDRESS", "POSITION"}, rows)
			p.rest(len(found.Places), found.Total, found.paging)
		})
	})
}

func (d placeDocument) position() string {
	if d.Lat == nil || d.Lng == nil {
		return ""
	}
	return fmt.Sprintf("%.6f, %.6f", *d.Lat, *d.Lng)
}

// write shows a place for people.
func (d placeDocument) write(p *page) {
	pairs := []string{"id", number(d.ID), "project", number(d.ProjectID), "status", *d.Status, "public", yesNo(*d.Public)}
	pairs = slices.Concat(pairs, spoken("title", d.Title), spoken("description", d.Description), spoken("address", d.Address))
	pairs = append(pairs, "position", d.position())
	if *d.Radius > 0 {
		pairs = append(pairs, "radius", fmt.Sprintf("%d m", *d.Radius))
	}
	if d.WorkingHours != nil {
		for _, day := range weekdays {
			if times, open := (*d.WorkingHours)[dayName(day)]; open {
				pairs = append(pairs, dayName(day), times.OpeningTime+"-"+times.ClosingTime)
			}
		}
	}
	if d.Hours != nil {
		pairs = append(pairs, "hours", *d.Hours)
	}
	if d.Timezone != nil {
		pairs = append(pairs, "time zone", *d.Timezone)
	}
	if d.Services != nil {
		for _, name := range sortedKeys(*d.Services) {
			offer := (*d.Services)[name]
			details := append([]string{}, offer.Types...)
			for _, category := range offer.Categories {
				details = append(details, number(category))
			}
			shown := "not available"
			if offer.Available {
				shown = strings.TrimRight("yes: "+strings.Join(details, ", "), ": ")
			}
			pairs = append(pairs, name, shown)
		}
	}
	if d.Prices != nil {
		for _, price := range *d.Prices {
			pairs = append(pairs, "price", strings.TrimSpace(price.Title.In("")+" "+price.Amount+" "+price.Currency))
		}
	}
	if d.Images != nil {
		pairs = append(pairs, "pin open", d.Images.PinOpen, "pin closed", d.Images.PinClosed)
	}
	if d.RemoteSpot != nil {
		pairs = append(pairs, "orders before visits", fmt.Sprintf("at spot %d", *d.RemoteSpot))
	}
	p.fields(append(pairs, "updated", stamp(*d.UpdatedAt))...)
}

func sortedKeys[V any](all map[string]V) []string {
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// placeEdit is a change as the command line gives it.
type placeEdit struct {
	ID int64 `json:"id"`
	// Place holds what is to change; NoPosition says that its position is not known any more.
	Place      placeDocument `json:"place"`
	NoPosition bool          `json:"no_position"`
	Apply      bool          `json:"apply"`
}

func newPlaceUpdate(p *program) *cobra.Command {
	var f placeFlags
	command := &cobra.Command{
		Use:   "update PLACE",
		Short: "Change a place, deactivate it, or take it into use again",
		Long: "Changes what is named and nothing else: texts language by language, an empty one takes that language\n" +
			"away; working hours, services and prices as a whole, an empty one for none. The project stays. " + updateHelp,
		Example: "  purser place update 456 --title lt=Kioskas --hours \"daily 08:00-22:00\"\n" +
			"  purser place update 456 --status inactive --apply",
		Args: cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		f.bind(flags)
		flags.BoolVar(&f.noPosition, "no-position", false, "its position is not known any more")
		flags.StringVar(&f.status, "status", "", "active or inactive")
		flags.Int64Var(&f.remoteSpot, "remote-spot", 0, "`spot` of it where people order before they come; 0 for none")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "place")
		if err != nil {
			return err
		}
		if err := v.namesChange(); err != nil {
			return err
		}
		d, err := f.document(v)
		if err != nil {
			return err
		}
		if d.ID != 0 && d.ID != id {
			return fmt.Errorf("%s describes place %d, not place %d", f.file, d.ID, id)
		}
		done, err := ask[changeAnswer[placeDocument]](v, "place/update", placeEdit{ID: id, Place: d, NoPosition: f.noPosition, Apply: v.applies()})
		if err != nil {
			return err
		}
		return answerChange(v, done)
	})
}

// placeVerbs answer the verbs on places.
func placeVerbs(mux *http.ServeMux, s *service.Service) {
	copiesVerb(mux, s)
	handleVerb(mux, "place/create", func(ctx context.Context, c wallet.Caller, d placeDocument) (createdAnswer, error) {
		change, err := d.change()
		if err != nil {
			return createdAnswer{}, err
		}
		id, err := s.CreateLocation(ctx, c, change.To(wallet.Location{ID: d.ID, ProjectID: d.ProjectID, Status: wallet.Active}))
		return createdAnswer{id}, err
	})
	handleVerb(mux, "place/list", func(ctx context.Context, c wallet.Caller, q placeQuery) (placeListAnswer, error) {
		if err := errors.Join(q.check(), oneOf("status", q.Status, wallet.Active, wallet.Inactive)); err != nil {
			return placeListAnswer{}, err
		}
		f := wallet.LocationFilter{Limit: q.Limit, Offset: q.Offset}
		if q.Project != 0 {
			f.Projects = []int64{q.Project}
		}
		if q.Status != "" {
			f.Statuses = []wallet.LocationStatus{wallet.LocationStatus(q.Status)}
		}
		found, total, err := s.ListAllLocations(ctx, c, f)
		answer := placeListAnswer{Places: []placeDocument{}, Total: total, paging: q.paging}
		for _, l := range found {
			answer.Places = append(answer.Places, placeToAnswer(l))
		}
		return answer, err
	})
	handleVerb(mux, "place/show", func(ctx context.Context, c wallet.Caller, q idQuery) (placeDocument, error) {
		l, err := s.InspectLocation(ctx, c, q.ID)
		return placeToAnswer(l), err
	})
	handleVerb(mux, "place/update", func(ctx context.Context, c wallet.Caller, e placeEdit) (changeAnswer[placeDocument], error) {
		change, err := e.Place.change()
		if err != nil {
			return changeAnswer[placeDocument]{}, err
		}
		if e.Place.ProjectID != 0 {
			l, err := s.InspectLocation(ctx, c, e.ID)
			if err != nil {
				return changeAnswer[placeDocument]{}, err
			}
			if l.ProjectID != e.Place.ProjectID {
				return changeAnswer[placeDocument]{}, wallet.FieldError("project_id", "is %d, and cannot be changed", l.ProjectID)
			}
		}
		if e.NoPosition {
			var nowhere *wallet.Position
			change.Position = &nowhere
		}
		changed, err := s.UpdateLocation(ctx, c, e.ID, change, e.Apply)
		return changeToAnswer(changed, placeToAnswer), err
	})
}
