package wallet

import (
	"fmt"
	"slices"
)

// The rules about places and their spots: everybody reads what is public, the project's own clients read the rest, and
// those who administer the project, or run it by a program that was given that, change it.

// The actions about places.
const (
	ReadLocation         Action = "read_location"
	ListProjectLocations Action = "list_project_locations"
	// ManageLocation is creating a place of Subject.Project, or changing one.
	ManageLocation Action = "manage_location"
	ReadSpot       Action = "read_spot"
	// UseSpot is checking in and out, ServeSpot is ordering at a spot and closing it.
	UseSpot   Action = "use_spot"
	ServeSpot Action = "serve_spot"
	ListSpots Action = "list_spots"
	// PrintCodes is reading the codes of a project and its places, to print them.
	PrintCodes Action = "print_codes"
)

// isPublic is everybody's ground.
var isPublic = rule{
	name:  "public_place",
	holds: func(q *question) bool { return q.subject.Location.Public },
	fact: func(q *question) string {
		if q.subject.Location.Public {
			return fmt.Sprintf("place %d is public", q.subject.Location.ID)
		}
		return fmt.Sprintf("place %d is not public", q.subject.Location.ID)
	},
}

// projectsPlace is the ground of who represents the project of a place.
var projectsPlace = rule{
	name:  "projects_place",
	holds: func(q *question) bool { return q.Represents(q.subject.Location.ProjectID) },
	fact: func(q *question) string {
		return fmt.Sprintf("place %d is in project %d: %s", q.subject.Location.ID, q.subject.Location.ProjectID, q.ProjectsSentence())
	},
	cure: func(q *question) []Grant { return []Grant{{Kind: GrantProject, ID: q.subject.Location.ProjectID}} },
}

// administersProject asks for the owner of the project, who acts for it, or who was made its administrator.
var administersProject = rule{
	name:  "administers_project",
	holds: func(q *question) bool { return q.administrates() },
	fact: func(q *question) string {
		if q.administrates() {
			return fmt.Sprintf("user %d administers project %d", q.UserID(), q.subject.Project.ID)
		}
		return fmt.Sprintf("user %d does not administer project %d", q.UserID(), q.subject.Project.ID)
	},
}

// administrates says whether the user, signed in on the pages or behind a token, administers the project.
func (q *question) administrates() bool {
	s := &q.subject
	return s.Owner != nil && s.Owner.isOrActsFor(q.UserID()) || slices.Contains(s.Administrators, q.UserID())
}

// administers says whether the user behind a token owns the project, acts for its owner, or was made its administrator.
func (q *question) administers() bool {
	return q.Kind == ByToken && q.administrates()
}

// administersPlaces is the ground of a user who administers the project, and agreed to the scope projects.
var administersPlaces = rule{
	name:  "administers_places",
	holds: func(q *question) bool { return q.administers() && q.Token.Has(ScopeProjects) },
	fact: func(q *question) string {
		switch {
		case q.Kind != ByToken:
			return q.Name() + " calls with its own credentials, not with a user's access token"
		case !q.administers():
			return fmt.Sprintf("user %d does not administer project %d", q.UserID(), q.subject.Project.ID)
		case !q.Token.Has(ScopeProjects):
			return fmt.Sprintf("user %d did not agree to the scope %s", q.UserID(), ScopeProjects)
		}
		return fmt.Sprintf("user %d administers project %d", q.UserID(), q.subject.Project.ID)
	},
	cure: func(q *question) []Grant {
		if q.administers() {
			return []Grant{{Kind: GrantScope, Name: string(ScopeProjects)}}
		}
		return nil
	},
}

// managesPlaces is the ground of a server of the project that was given the permission to change its places.
var managesPlaces = byServer("manages_places", func(q *question) (lacks []Grant) {
	if !q.Client.Has(ManageLocations) {
		lacks = append(lacks, Grant{Kind: GrantPermission, Name: string(ManageLocations)})
	}
	return append(lacks, lacksProject(q)...)
})

// managesProject is the ground of a server of the project that manages its other clients too.
var managesProject = byServer("manages_project", func(q *question) (lacks []Grant) {
	if !q.Client.Has(UseClientAPI) {
		lacks = append(lacks, Grant{Kind: GrantPermission, Name: string(UseClientAPI)})
	}
	return append(lacks, lacksProject(q)...)
})

// servesPlaces is the ground of a server of the project: what a till does. A device does it with the token of who
// administers the project, since its own credentials may be in the hands of any customer.
var servesPlaces = byServer("serves_places", lacksProject)

func lacksProject(q *question) []Grant {
	if q.Client.Represents(q.subject.Project.ID) {
		return nil
	}
	return []Grant{{Kind: GrantProject, ID: q.subject.Project.ID}}
}

// byServer is the ground of a private client with its own credentials that lacks nothing.
func byServer(name string, lacks func(q *question) []Grant) rule {
	isServer := func(q *question) bool { return q.Kind == ByClient && q.Client.Type == PrivateClient }
	return rule{
		name:  name,
		holds: func(q *question) bool { return isServer(q) && len(lacks(q)) == 0 },
		fact: func(q *question) string {
			switch {
			case !isServer(q):
				return q.Name() + " calls, and this takes a private client with its own credentials"
			case !q.Client.Represents(q.subject.Project.ID):
				return fmt.Sprintf("%s, not %d", q.ProjectsSentence(), q.subject.Project.ID)
			case len(lacks(q)) > 0:
				return fmt.Sprintf("client %d lacks the permission %s", q.Client.ID, lacks(q)[0].Name)
			}
			return q.ProjectsSentence()
		},
		cure: func(q *question) []Grant {
			if !isServer(q) {
				return nil
			}
			return lacks(q)
		},
	}
}

// atThePlace is the ground of any user: whoever came to a place may look at its spots.
var atThePlace = rule{
	name:  "at_the_place",
	holds: func(q *question) bool { return q.Kind == ByToken && q.subject.Location.Status == Active },
	fact: func(q *question) string {
		if q.Kind != ByToken {
			return q.Name() + " calls with its own credentials, not with a user's access token"
		}
		return fmt.Sprintf("place %d is %s, and user %d asks", q.subject.Location.ID, q.subject.Location.Status, q.UserID())
	},
}

// placeInUse asks for a place that is in use.
var placeInUse = rule{
	name:  "place_in_use",
	holds: func(q *question) bool { return q.subject.Location.Status == Active },
	fact: func(q *question) string {
		return fmt.Sprintf("place %d is %s", q.subject.Location.ID, q.subject.Location.Status)
	},
}

// merchantsSide asks for who can be on the merchant's side: a server, or a user with the scope projects. Which places
// those speak for is another question.
var merchantsSide = rule{
	name: "merchants_side",
	holds: func(q *question) bool {
		if q.Kind == ByToken {
			return q.Token.Has(ScopeProjects)
		}
		return q.Client.Type == PrivateClient
	},
	fact: func(q *question) string {
		if q.Kind == ByToken && !q.Token.Has(ScopeProjects) {
			return fmt.Sprintf("user %d did not agree to the scope %s", q.UserID(), ScopeProjects)
		}
		return fmt.Sprintf("%s calls, of type %s", q.Name(), q.Client.Type)
	},
	cure: func(q *question) []Grant {
		if q.Kind == ByToken {
			return []Grant{{Kind: GrantScope, Name: string(ScopeProjects)}}
		}
		return nil
	},
}

func noLocation(s Subject) bool { return s.Location == nil }
