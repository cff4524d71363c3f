package exchange

import (
	"fmt"
	"strings"
)

// mostShown is how many differences of one file are shown to people.
const mostShown = 10

// String is the result for people, in a line, with what differs in lines below it. A line feed ends it.
func (r Result) String() string {
	var b strings.Builder
	said := fmt.Sprintf("%d calls", r.Calls)
	if r.Outcome == LeftOut {
		said = r.Reason
	}
	if n := len(r.Differences); n > 0 {
		said += fmt.Sprintf(", %d differences", n)
	}
	if n := len(r.Left); n > 0 {
		said += fmt.Sprintf(", %d left out", n)
	}
	if r.OnWorldAsItIs {
		said += "; it changes the world, and was played on the world as it is"
	}
	fmt.Fprintf(&b, "%-8s  %-32s  %s\n", r.Outcome, r.File, said)
	for i, d := range r.Differences {
		if i == mostShown {
			fmt.Fprintf(&b, "  and %d more\n", len(r.Differences)-i)
			break
		}
		for line := range strings.SplitSeq(r.File+" "+d.String(), "\n") {
			b.WriteString("  " + line + "\n")
		}
	}
	for _, reason := range reasons(r.Left) {
		fmt.Fprintf(&b, "  left out, as %s\n", reason)
	}
	return b.String()
}

// reasons are why vectors were left out, each with the names of those.
func reasons(left []Omission) (all []string) {
	var order []string
	names := map[string][]string{}
	for _, l := range left {
		if names[l.Reason] == nil {
			order = append(order, l.Reason)
		}
		names[l.Reason] = append(names[l.Reason], l.What)
	}
	for _, reason := range order {
		all = append(all, reason+": "+strings.Join(names[reason], "; "))
	}
	return all
}

// String is the total for people, in one line and a verdict. A line feed ends it.
func (r Report) String() string {
	text := fmt.Sprintf("\n%d files ok, %d differ, %d left out; %d calls, %d differences", r.OK, r.Differ, r.LeftOut, r.Calls, r.Differences)
	if r.PartsLeft > 0 {
		text += fmt.Sprintf(", %d vectors and exchanges of others left out", r.PartsLeft)
	}
	switch {
	case r.Differ > 0:
		return text + ".\nThe server does not answer as the files say.\n"
	case r.OK == 0:
		return text + ".\nNothing was looked at.\n"
	case r.LeftOut+r.PartsLeft > 0:
		return text + ".\nNothing differs of what was looked at; what was left out was not.\n"
	}
	return text + ".\nThe server answers as the files say.\n"
}
