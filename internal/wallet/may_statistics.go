package wallet

import (
	"fmt"
	"slices"
)

// The rules about figures of projects: who may read a project's statements may read what they add up to.

// The actions about figures.
const (
	// ReadStatistics is reading the counters of a project.
	ReadStatistics Action = "read_statistics"
	// ReadOverview is reading funds and flows of all projects that a user administers.
	ReadOverview Action = "read_overview"
)

// administersFigures is the ground of a user who administers the project, and agreed to the scope projects.
var administersFigures = rule{name: "administers_statistics", holds: administersPlaces.holds, fact: administersPlaces.fact, cure: administersPlaces.cure}

// ownFigures is the ground of a server of the project that may read its statements. A device may not: it is in a stranger's
// hands, and figures are about all others.
var ownFigures = rule{
	name:  "project_statistics",
	holds: func(q *question) bool { return q.isServer() && len(lacksFigures(q)) == 0 },
	fact: func(q *question) string {
		switch {
		case !q.isServer():
			return q.Name() + " calls, and this takes a private client with its own credentials, or a token of who administers the project"
		case !q.Client.Represents(q.subject.Project.ID):
			return fmt.Sprintf("%s, not %d", q.ProjectsSentence(), q.subject.Project.ID)
		}
		return mayUse(AccessStatements).fact(q)
	},
	cure: func(q *question) []Grant {
		if !q.isServer() {
			return nil
		}
		return lacksFigures(q)
	},
}

// isServer says whether a private client calls with its own credentials.
func (q *question) isServer() bool { return q.Kind == ByClient && q.Client.Type == PrivateClient }

func lacksFigures(q *question) (lacks []Grant) {
	if !q.Client.Has(AccessStatements) {
		lacks = append(lacks, Grant{Kind: GrantPermission, Name: string(AccessStatements)})
	}
	return append(lacks, lacksProject(q)...)
}

// figuresOfOwn asks a client about whatever project it speaks for before it is known which that is: without the permission
// it may not for any.
var figuresOfOwn = rule{
	name:  "own_statistics",
	holds: func(q *question) bool { return q.Kind == ByToken || q.isServer() && q.Client.Has(AccessStatements) },
	fact: func(q *question) string {
		if !q.isServer() && q.Kind != ByToken {
			return ownFigures.fact(q)
		}
		return mayUse(AccessStatements).fact(q)
	},
	cure: func(q *question) []Grant {
		if !q.isServer() {
			return nil
		}
		return mayUse(AccessStatements).cure(q)
	},
}

// figuresArea are the gates of statistics.
var figuresArea = append(slices.Clone(walletArea), hasProject, figuresOfOwn)
