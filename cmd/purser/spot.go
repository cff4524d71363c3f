package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// newSpot is `purser spot`: the tables and tills of places.
func newSpot(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "spot",
		Short: "Make, show and change the tables and tills of places, and look who is there",
		Long: "A spot is a table, a till or a seat of a place with a code of its own, which guests scan to check in and to see\n" +
			"what they are to pay. `purser place codes` draws the codes.",
	}
	command.AddCommand(
		newSpotCreate(p), newSpotList(p), newShow[spotDetails](p, "spot", "Show a table or a till, who is checked in, and what they are to pay"),
		newSpotUpdate(p), newSpotClose(p), newSpotRemove(p),
	)
	return command
}

// spotAnswer is a spot in JSON, named as on the wire, with its own texts by language.
type spotAnswer struct {
	ID         int64  `json:"id"`
	LocationID int64  `json:"location_id"`
	Identifier string `json:"identifier"`
	// Status is open, waiting for somebody who is checked in, or closed.
	Status      string      `json:"status"`
	Title       wallet.Text `json:"title,omitempty"`
	Description wallet.Text `json:"description,omitempty"`
	Address     wallet.Text `json:"address,omitempty"`
	LogoURI     string      `json:"logo_uri,omitempty"`
}

func spotToAnswer(s wallet.Spot) spotAnswer {
	return spotAnswer{s.ID, s.LocationID, s.Identifier, string(s.Status), s.Title, s.Description, s.Address, s.LogoURI}
}

// spotDetails is all about a spot in JSON.
type spotDetails struct {
	spotAnswer
	ProjectID int64 `json:"project_id"`
	// Place is what the place is called.
	Place string `json:"place"`
	Code  string `json:"code"`
	// Remote says that people order here before they come.
	Remote bool `json:"remote_orders"`
	// Visitors are checked in, Orders what they are to pay.
	Visitors []spotVisitor `json:"visitors"`
	Orders   []spotOrder   `json:"orders"`
}

// spotVisitor is somebody who is checked in.
type spotVisitor struct {
	ID          int64  `json:"id"`
	DisplayName string `json:"display_name,omitempty"`
}

// spotOrder is an order in JSON. Amounts are decimal text with a currency.
type spotOrder struct {
	ID             int64    `json:"id"`
	Status         string   `json:"status"`
	TransactionKey string   `json:"transaction_key"`
	Amounts        []string `json:"amounts"`
	// UserID is the only one who is shown it, left out where everybody is who is checked in.
	UserID int64 `json:"user_id,omitempty"`
}

func spotDetailsToAnswer(d service.SpotDetails) spotDetails {
	a := spotDetails{
		spotAnswer: spotToAnswer(d.Spot), ProjectID: d.Place.ProjectID, Place: d.Place.Title.In(""), Code: d.Code, Remote: d.Remote,
		Visitors: []spotVisitor{}, Orders: []spotOrder{},
	}
	for _, u := range d.Visitors {
		a.Visitors = append(a.Visitors, spotVisitor{u.ID, u.DisplayName})
	}
	for _, o := range d.Orders {
		order := spotOrder{ID: o.ID, Status: string(o.Status), TransactionKey: o.Key, Amounts: []string{}, UserID: o.UserID}
		for _, amount := range o.Amounts {
			order.Amounts = append(order.Amounts, amount.String())
		}
		a.Orders = append(a.Orders, order)
	}
	return a
}

// spotFlags are a spot on the command line.
type spotFlags struct {
	identifier                  string
	title, address, description []string
	logo                        string
}

func (f *spotFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.identifier, "identifier", "", "`name` in its code, such as TABLE1: once in its place, without blanks")
	flags.StringArrayVar(&f.title, "title", nil, "`text` that people call it by, in English; lt=TEXT in another language; the place's without one")
	flags.StringArrayVar(&f.description, "description", nil, "`text` for people; lt=TEXT in another language than English; the place's without one")
	flags.StringArrayVar(&f.address, "address", nil, "`address`, where it is another one than the place's; lt=TEXT in another language than English")
	flags.StringVar(&f.logo, "logo", "", "`address` of an image")
}

// spotEdit is a change as the command line gives it, or a spot to be made; what is nil stays.
type spotEdit struct {
	ID int64 `json:"id"`
	// LocationID is the place of one to be made.
	LocationID  int64       `json:"location_id"`
	Identifier  *string     `json:"identifier"`
	Title       wallet.Text `json:"title"`
	Description wallet.Text `json:"description"`
	Address     wallet.Text `json:"address"`
	LogoURI     *string     `json:"logo_uri"`
	Apply       bool        `json:"apply"`
}

// edit is what the flags say.
func (f *spotFlags) edit(v *verb) spotEdit {
	return spotEdit{
		Identifier: value(v, "identifier", &f.identifier), Title: parseTexts(f.title), Description: parseTexts(f.description),
		Address: parseTexts(f.address), LogoURI: value(v, "logo", &f.logo),
	}
}

func newSpotCreate(p *program) *cobra.Command {
	var f spotFlags
	var place int64
	command := &cobra.Command{
		Use:   "create",
		Short: "Make a table or a till of a place",
		Long:  "Makes a spot, which is open at once. A place has a hundred at most.",
		Example: "  purser spot create --place 106 --identifier TABLE3 --title \"Table 3\" --title lt=\"3 staliukas\"\n" +
			"  purser place codes 106 --identifier TABLE3 --out codes",
		Args: cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Int64Var(&place, "place", 0, "`place` that it is at")
		f.bind(flags)
	}
	command = newVerb(p, command, bind, func(v *verb) error {
		e := f.edit(v)
		e.LocationID = place
		made, err := ask[createdAnswer](v, "spot/create", e)
		if err != nil {
			return err
		}
		return v.answerCreated(made, "Spot", f.identifier)
	})
	needs(command, "place", "identifier")
	return command
}

// spotQuery is what a list is of.
type spotQuery struct {
	LocationID int64  `json:"location_id"`
	Project    int64  `json:"project_id"`
	Status     string `json:"status"`
	paging
}

// spotListAnswer is a page of spots in JSON.
type spotListAnswer struct {
	Spots []spotDetails `json:"spots"`
	Total int           `json:"total"`
	paging
}

func newSpotList(p *program) *cobra.Command {
	var q spotQuery
	command := &cobra.Command{
		Use:     "list",
		Short:   "List tables and tills, with how many are there and what is to be paid",
		Example: "  purser spot list --place 106\n  purser spot list --status waiting",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Int64Var(&q.LocationID, "place", 0, "those of this `place`")
		flags.Int64Var(&q.Project, "project", 0, "those of this `project`")
		flags.StringVar(&q.Status, "status", "", "open, waiting or closed")
		q.bind(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		found, err := ask[spotListAnswer](v, "spot/list", q)
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Spots) == 0 {
				p.line("There are no such spots.")
				return
			}
			var rows [][]string
			for _, d := range found.Spots {
				rows = append(rows, []string{number(d.ID), fmt.Sprintf("%d %s", d.LocationID, d.Place), d.Identifier, d.Status,
					number(len(d.Visitors)), number(len(d.Orders)), d.Title.In("")})
			}
			p.table([]string{"SPOT", "PLACE", "IDENTIFIER", "STATUS", "CHECKED IN", "ORDERS", "TITLE"}, rows)
			p.rest(len(found.Spots), found.Total, found.paging)
		})
	})
}

// write shows a spot for people.
func (d spotDetails) write(p *page) {
	pairs := []string{"id", number(d.ID), "place", fmt.Sprintf("%d %s", d.LocationID, d.Place), "project", number(d.ProjectID),
		"identifier", d.Identifier, "code", d.Code, "status", d.Status}
	pairs = slices.Concat(pairs, spoken("title", d.Title), spoken("description", d.Description), spoken("address", d.Address))
	pairs = append(pairs, "logo", d.LogoURI)
	if d.Remote {
		pairs = append(pairs, "orders before visits", "here")
	}
	for _, u := range d.Visitors {
		pairs = append(pairs, "checked in", fmt.Sprintf("%d %s", u.ID, u.DisplayName))
	}
	p.fields(pairs...)
	p.line("")
	if len(d.Orders) == 0 {
		p.line("Nothing was ordered.")
		return
	}
	var rows [][]string
	for _, o := range d.Orders {
		user := number(o.UserID)
		if user == "" {
			user = "all"
		}
		rows = append(rows, []string{number(o.ID), o.Status, words(o.Amounts), user, o.TransactionKey})
	}
	p.table([]string{"ORDER", "STATUS", "AMOUNT", "FOR USER", "TRANSACTION"}, rows)
}

func newSpotUpdate(p *program) *cobra.Command {
	var f spotFlags
	command := &cobra.Command{
		Use:   "update SPOT",
		Short: "Change what a table or a till is called",
		Long: "Changes what is named and nothing else: texts language by language, an empty one takes that language away. It\n" +
			"stays at its place, and whoever is checked in stays so. With another identifier it has another code, and the one\n" +
			"that is printed leads nowhere. " + updateHelp,
		Example: "  purser spot update 1 --title lt=\"Staliukas prie lango\"\n  purser spot update 1 --identifier WINDOW1 --apply",
		Args:    cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		f.bind(flags)
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "spot")
		if err != nil {
			return err
		}
		if err := v.namesChange(); err != nil {
			return err
		}
		e := f.edit(v)
		e.ID, e.Apply = id, v.applies()
		done, err := ask[changeAnswer[spotAnswer]](v, "spot/update", e)
		if err != nil {
			return err
		}
		return answerChange(v, done)
	})
}

// spotEnd names a spot that is to be taken away, or whose visit is to end.
type spotEnd struct {
	ID    int64 `json:"id"`
	Apply bool  `json:"apply"`
}

// spotEnded says what that did, or would do.
type spotEnded struct {
	Applied bool `json:"applied"`
	// Takes says what is lost by it, half a sentence each; Spot is what it was before.
	Takes []string    `json:"takes"`
	Spot  spotDetails `json:"spot"`
}

// write shows it for people; planned and done are the sentences about it.
func (e spotEnded) write(p *page, planned, done string) {
	sentence := planned
	if e.Applied {
		sentence = done
	}
	p.line(sentence, e.Spot.ID, e.Spot.Code)
	for _, taken := range e.Takes {
		p.line("  %s", taken)
	}
	if !e.Applied {
		p.line(notDone)
	}
}

func newSpotClose(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "close SPOT",
		Short: "End the visit at a table or a till, as its merchant does",
		Long: "Closes a spot: orders that are not paid are closed with it. Whoever checks in next begins another visit, so this\n" +
			"takes no table out of use. Where somebody is checked in, or has to pay, it needs --apply; without it the command\n" +
			"says what it would do.",
		Example: "  purser spot close 1 --apply",
		Args:    cobra.ExactArgs(1),
	}
	return newVerb(p, command, applyFlag, func(v *verb) error {
		return v.endSpot("spot/close", func(p *page, e spotEnded) {
			if e.Spot.Status == string(wallet.SpotClosed) {
				p.line("Nothing is changed by that: spot %d is closed already.", e.Spot.ID)
				return
			}
			e.write(p, "Spot %d, %s, would be closed:", "Spot %d, %s, is closed.")
		})
	})
}

func newSpotRemove(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "remove SPOT",
		Short: "Take a table or a till away",
		Long: "Takes a spot away, with all that happens at it: its code leads nowhere, wherever it is printed. What is being paid\n" +
			"stays as it is. A spot that is made later under the same identifier has the same code, and another number.\n" +
			"Without --apply the command says what it would do.",
		Example: "  purser spot remove 2 --apply",
		Args:    cobra.ExactArgs(1),
	}
	return newVerb(p, command, applyFlag, func(v *verb) error {
		return v.endSpot("spot/remove", func(p *page, e spotEnded) {
			e.write(p, "Spot %d, %s, would be taken away:", "Spot %d, %s, is taken away.")
		})
	})
}

// endSpot asks for the end of a spot, or of the visit there.
func (v *verb) endSpot(name string, people func(*page, spotEnded)) error {
	id, err := v.id(0, "spot")
	if err != nil {
		return err
	}
	done, err := ask[spotEnded](v, name, spotEnd{id, v.applies()})
	if err != nil {
		return err
	}
	return v.answer(done, func(p *page) { people(p, done) })
}

// spotVerbs answer the verbs on spots.
func spotVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "spot/create", func(ctx context.Context, c wallet.Caller, e spotEdit) (createdAnswer, error) {
		spot := wallet.Spot{LocationID: e.LocationID, Title: e.Title, Description: e.Description, Address: e.Address}
		if e.Identifier != nil {
			spot.Identifier = *e.Identifier
		}
		if e.LogoURI != nil {
			spot.LogoURI = *e.LogoURI
		}
		id, err := s.CreateSpot(ctx, c, spot)
		return createdAnswer{id}, err
	})
	handleVerb(mux, "spot/list", func(ctx context.Context, c wallet.Caller, q spotQuery) (spotListAnswer, error) {
		if err := errors.Join(q.check(), oneOf("status", q.Status, wallet.SpotStatuses()...)); err != nil {
			return spotListAnswer{}, err
		}
		f := service.SpotFilter{AnyProject: q.Project == 0, LocationID: q.LocationID, Limit: q.Limit, Offset: q.Offset}
		if q.Project != 0 {
			f.Projects = []int64{q.Project}
		}
		if q.Status != "" {
			f.Statuses = []wallet.SpotStatus{wallet.SpotStatus(q.Status)}
		}
		found, total, err := s.ListAllSpots(ctx, c, f)
		answer := spotListAnswer{Spots: []spotDetails{}, Total: total, paging: q.paging}
		for _, d := range found {
			answer.Spots = append(answer.Spots, spotDetailsToAnswer(d))
		}
		return answer, err
	})
	handleVerb(mux, "spot/show", func(ctx context.Context, c wallet.Caller, q idQuery) (spotDetails, error) {
		d, err := s.InspectSpot(ctx, c, q.ID)
		return spotDetailsToAnswer(d), err
	})
	handleVerb(mux, "spot/update", func(ctx context.Context, c wallet.Caller, e spotEdit) (changeAnswer[spotAnswer], error) {
		change := service.SpotChange{Identifier: e.Identifier, Title: e.Title, Description: e.Description, Address: e.Address, LogoURI: e.LogoURI}
		changed, err := s.UpdateSpot(ctx, c, e.ID, change, e.Apply)
		return changeToAnswer(changed, spotToAnswer), err
	})
	for name, end := range map[string]func(context.Context, wallet.Caller, int64, bool) (service.SpotEnded, error){
		"spot/close": s.EndVisit, "spot/remove": s.RemoveSpot,
	} {
		handleVerb(mux, name, func(ctx context.Context, c wallet.Caller, e spotEnd) (spotEnded, error) {
			ended, err := end(ctx, c, e.ID, e.Apply)
			return spotEnded{!ended.Planned, list(ended.Losses), spotDetailsToAnswer(ended.SpotDetails)}, err
		})
	}
}
