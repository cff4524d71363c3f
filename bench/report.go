package main

import (
	"fmt"
	"slices"
	"text/tabwriter"
)

// verdict says whether a promise holds.
type verdict string

const (
	kept       verdict = "PASS"
	broken     verdict = "FAIL"
	unmeasured verdict = "not measured"
	// informative is what nothing was promised about.
	informative verdict = "-"
)

// result is one line of the table.
type result struct {
	what, measured, limit string
	verdict               verdict
}

// judge notes a result. An error says that it could not be measured here: that breaks no
// promise, and is said.
func (b *bench) judge(r result, err error) {
	if err != nil {
		r.measured, r.verdict = err.Error(), unmeasured
	}
	b.results = append(b.results, r)
}

func (b *bench) table() {
	table := tabwriter.NewWriter(b.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\nmeasured\t\tpromised\t")
	for _, r := range b.results {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.what, r.measured, r.limit, r.verdict)
	}
	table.Flush()
}

func atMost(measured, limit float64) verdict {
	if measured <= limit {
		return kept
	}
	return broken
}

func atLeast(measured, limit float64) verdict {
	if measured >= limit {
		return kept
	}
	return broken
}

// median is the middle one, or halfway between the two in the middle.
func median[T ~float64 | ~int64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
