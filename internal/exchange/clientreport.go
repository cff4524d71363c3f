package exchange

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ClientReport is what a client under test did.
type ClientReport struct {
	Requests int `json:"requests"`
	// Refused were refused for their signature or their fields.
	Refused int `json:"refused"`
	// Called are routes of the API, NotCalled those that nobody called, and Unknown are calls that it has no route for.
	Called    []Counted `json:"called"`
	NotCalled []string  `json:"not_called"`
	Unknown   []Counted `json:"unknown,omitempty"`
	// Agents are what the client calls itself.
	Agents []Counted `json:"agents,omitempty"`
	// Traits are how it signs and spells.
	Traits []Counted `json:"traits,omitempty"`
	// ClockOffset is how far its clock was ahead of the server's at most, in seconds; below zero behind.
	ClockOffset float64 `json:"clock_offset"`
	// Mistakes are those in signatures, Fields those in what was refused by name.
	Mistakes []CountedMistake `json:"mistakes,omitempty"`
	Fields   []Counted        `json:"fields,omitempty"`
	Dialects []Dialect        `json:"dialects,omitempty"`
}

// Counted is something that was seen so often.
type Counted struct {
	What  string `json:"what"`
	Count int    `json:"count"`
}

// CountedMistake is a mistake that was made so often.
type CountedMistake struct {
	Mistake
	Count int `json:"count"`
}

// Dialect is how a known client signs, held against the signatures that were seen.
type Dialect struct {
	Name string `json:"name"`
	Fits bool   `json:"fits"`
	// Against is what is true of that client, and of so many signatures was not.
	Against []Counted `json:"against,omitempty"`
}

// Conforms says that something was asked, and nothing was refused for its signature or its fields.
func (r ClientReport) Conforms() bool { return r.Requests > 0 && r.Refused == 0 }

// Report is what the client did so far.
func (c *Client) Report() ClientReport {
	r := ClientReport{
		Requests: c.requests, Refused: c.refused, Called: counted(c.called), NotCalled: []string{}, Unknown: counted(c.unknown), Agents: counted(c.agents),
		Traits: counted(c.traits), ClockOffset: c.mostOff.Round(1e6).Seconds(), Fields: counted(c.fields),
	}
	for _, route := range c.routes {
		if c.called[route] == 0 {
			r.NotCalled = append(r.NotCalled, route)
		}
	}
	for m, n := range c.mistakes {
		r.Mistakes = append(r.Mistakes, CountedMistake{m, n})
	}
	slices.SortFunc(r.Mistakes, func(a, b CountedMistake) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Cause, b.Cause))
	})
	if c.signed == 0 {
		return r
	}
	for i, d := range dialects {
		r.Dialects = append(r.Dialects, Dialect{Name: d.name, Fits: len(c.against[i]) == 0, Against: counted(c.against[i])})
	}
	return r
}

// counted are the entries of a map, by name.
func counted(all map[string]int) []Counted {
	list := []Counted{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, Counted{name, all[name]})
	}
	return list
}

// String is the report for people, in lines.
func (r ClientReport) String() string {
	var b strings.Builder
	section := func(title string, list []Counted) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, c := range list {
			fmt.Fprintf(&b, "  %5d  %s\n", c.Count, c.What)
		}
	}
	fmt.Fprintf(&b, "\n%d requests, %d refused for their signature or their fields; %d of %d routes were called.\n",
		r.Requests, r.Refused, len(r.Called), len(r.Called)+len(r.NotCalled))
	section("Called", r.Called)
	section("No route of the API", r.Unknown)
	section("Called itself", r.Agents)
	section("How it signs and spells", r.Traits)
	if len(r.Dialects) > 0 {
		fmt.Fprintf(&b, "         clock: %+.1f seconds off the server's at most\n", r.ClockOffset)
	}
	if len(r.Mistakes) > 0 {
		b.WriteString("\nMistakes in signatures\n")
	}
	for _, m := range r.Mistakes {
		title := m.Title
		if m.Tolerated {
			title += " (tolerated here)"
		}
		fmt.Fprintf(&b, "  %5d  %s [%s]\n         %s\n", m.Count, title, m.Cause, m.Cure)
	}
	section("Fields that were refused", r.Fields)
	if len(r.Dialects) > 0 {
		b.WriteString("\nDialects\n")
	}
	for _, d := range r.Dialects {
		if d.Fits {
			fmt.Fprintf(&b, "  fits   %s\n", d.Name)
			continue
		}
		var why []string
		for _, a := range d.Against {
			why = append(why, fmt.Sprintf("%s (%d were not)", a.What, a.Count))
		}
		fmt.Fprintf(&b, "  is not %s: %s\n", d.Name, strings.Join(why, "; "))
	}
	if len(r.NotCalled) > 0 {
		b.WriteString("\nNot called\n")
	}
	for _, route := range r.NotCalled {
		fmt.Fprintf(&b, "         %s\n", route)
	}
	switch {
	case r.Requests == 0:
		b.WriteString("\nNobody asked for anything.\n")
	case r.Refused > 0:
		b.WriteString("\nThe client makes mistakes.\n")
	default:
		b.WriteString("\nNo mistake was seen.\n")
	}
	return b.String()
}
