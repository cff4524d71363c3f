package wallet

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// CallerKind says how a caller proved its identity.
type CallerKind int

// The kinds of caller. The zero kind is nobody, and nobody may do anything: a use case that
// was handed an empty Caller by mistake refuses.
const (
	Nobody CallerKind = iota
	// Anonymous is somebody on the network who proved nothing; public answers only.
	Anonymous
	// ByClient signed with a client's own credentials.
	ByClient
	// ByToken signed with an access token: a user's consent in a client's hands.
	ByToken
	// ByPerson is a user who signed in on the pages, and acts for themselves.
	ByPerson
	// Operator runs this server: the command line beside the database, or its socket.
	Operator
)

// Caller is the proven identity of a request, with the project and place it speaks for.
type Caller struct {
	Kind CallerKind
	// Client is who calls: for ByToken, the client that the token was given to. Shared, never
	// changed.
	Client *Client
	// Token is set for ByToken. Shared, never changed.
	Token *Token
	// Person is the user of ByPerson.
	Person int64
	// ProjectID is the project that the request names, itself or through its place; 0 for none.
	ProjectID int64
	// LocationID is the place that the request names or its client is based on; 0 for none.
	LocationID int64
	// From says where the request came from, for the audit trail.
	From Origin
	// Nonce is what a request that changes something uses up in the commit of its effect; zero
	// for callers that sign nothing.
	Nonce Nonce
	// Claim follows Nonce to that commit; nil for callers whose nonce waits for none.
	Claim *Claim
	// Once is set for a request that has its effect once, nil for one whose caller gave it no key.
	Once *Once
	// Asked is told of each decision about the caller, for who watches a sandbox; nil where nobody does.
	Asked func(Decision)

	// named is what the request names; every decision looks at it first.
	named *named
}

// named are the project and place that a request names; 0 and nil for none.
type named struct {
	project int64
	place   *Location
}

// Origin says where a request came from.
type Origin struct {
	// RequestID is what the server calls the request.
	RequestID string
	// Address is the network address of who sent it.
	Address string
	// Agent is the program, or the operator's name.
	Agent string
}

// Network is what an address is counted under: itself, or for IPv6 the network of 64 bits that one
// subscriber has.
func (o Origin) Network() string {
	ip, err := netip.ParseAddr(o.Address)
	if err != nil || !ip.Is6() || ip.Is4In6() {
		return o.Address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return o.Address
	}
	return prefix.String()
}

// Nonce is the fingerprint of a request's id, ts and nonce, and that ts in seconds.
type Nonce struct {
	Fingerprint [16]byte
	TS          int64
}

// Claim follows a nonce from the signature that was checked to the commit that uses it up. Until then the
// process remembers it, and for good when no commit comes: a refused request does not come again either.
type Claim struct {
	// Record is what the process remembers the nonce as.
	Record    uint64
	committed atomic.Bool
}

// Commit says that the database remembers the nonce from now on.
func (c *Claim) Commit() {
	if c != nil {
		c.committed.Store(true)
	}
}

// Committed says whether it does.
func (c *Claim) Committed() bool { return c.committed.Load() }

// OwnsClient says whether the caller is the owner of the client that calls, or the owner's own
// program: who may read why it was refused. What an application or a device sends comes out of
// strangers' hands.
func (c Caller) OwnsClient() bool {
	switch c.Kind {
	case ByClient:
		return c.Client.Type == PrivateClient
	case ByToken:
		if c.Client.Type == PrivateClient {
			return true
		}
		return slices.ContainsFunc(c.Client.Projects, func(project int64) bool {
			_, administers := slices.BinarySearch(c.Token.Projects, project)
			return administers
		})
	}
	return c.Kind == Operator
}

// KeptApart says whether of that project the caller sees only what its own client made: a device is in a stranger's hands,
// and is kept apart from all others (seeds: app_client), unless who holds it administers the project.
func (c Caller) KeptApart(project int64) bool {
	if c.Client == nil || c.Client.Type == PrivateClient {
		return false
	}
	return c.Token == nil || !slices.Contains(c.Token.Projects, project)
}

// UserID is the user behind an access token, or who signed in on the pages; 0 for other callers.
func (c Caller) UserID() int64 {
	if c.Token == nil {
		return c.Person
	}
	return c.Token.UserID
}

// Projects are the ids of the projects that the caller may represent, sorted: its client's
// and, with the scope projects, those that its user administers (decisions.md 4).
func (c Caller) Projects() []int64 {
	if c.Client == nil {
		return nil
	}
	if c.Token == nil || len(c.Token.Projects) == 0 {
		return c.Client.Projects
	}
	all := slices.Concat(c.Client.Projects, c.Token.Projects)
	slices.Sort(all)
	return slices.Compact(all)
}

// Represents says whether the caller may speak for the project.
func (c Caller) Represents(project int64) bool {
	if c.Client == nil {
		return false
	}
	if c.Client.Represents(project) {
		return true
	}
	if c.Token == nil {
		return false
	}
	_, found := slices.BinarySearch(c.Token.Projects, project)
	return found
}

// Project is the project that the caller speaks for in this request: the one it names, else
// its client's only or main one (decisions.md 4). It returns InvalidParameters when there
// are several and none was named, and Forbidden when there are none at all.
func (c Caller) Project() (int64, error) {
	if c.ProjectID != 0 {
		return c.ProjectID, nil
	}
	if c.Client != nil && c.Client.MainProject != 0 {
		return c.Client.MainProject, nil
	}
	switch projects := c.Projects(); len(projects) {
	case 1:
		return projects[0], nil
	case 0:
		return 0, Errorf(Forbidden, "%s represents no project; attach it to the project that this call is for.", c.Name())
	default:
		return 0, &Error{
			Code: InvalidParameters,
			Description: sentence(fmt.Sprintf("%s represents several projects (%s) and has no main one: name one of them as project_id in ext.",
				c.Name(), idList(projects))),
			Properties: map[string][]string{"project_id": {"must name one of " + idList(projects)}},
		}
	}
}

// Name says who calls, for sentences: "client 7".
func (c Caller) Name() string {
	switch c.Kind {
	case Anonymous:
		return "an anonymous caller"
	case ByClient:
		return "client " + strconv.FormatInt(c.Client.ID, 10)
	case ByToken:
		return fmt.Sprintf("client %d with a token of user %d", c.Client.ID, c.Token.UserID)
	case ByPerson:
		return fmt.Sprintf("user %d on the pages", c.Person)
	case Operator:
		return "the operator"
	}
	return "nobody"
}

// CountedAs is what the calls of this caller are counted under.
func (c Caller) CountedAs() string {
	id := strconv.FormatInt(c.Client.ID, 10)
	if c.Token != nil {
		return "token " + id + " " + strconv.FormatInt(c.Token.UserID, 10)
	}
	return "client " + id
}

// ProjectsSentence says which projects the caller represents.
func (c Caller) ProjectsSentence() string {
	projects := c.Projects()
	switch len(projects) {
	case 0:
		return c.Name() + " represents no project"
	case 1:
		return c.Name() + " represents project " + idList(projects)
	}
	return c.Name() + " represents projects " + idList(projects)
}

// idList is "1221, 1222 and 1223"; long lists are cut, since a sentence is for a person.
func idList(ids []int64) string {
	const most = 12
	cut := len(ids) > most
	if cut {
		ids = ids[:most]
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.FormatInt(id, 10)
	}
	switch {
	case cut:
		return strings.Join(words, ", ") + " and more"
	case len(words) > 1:
		return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
	}
	return strings.Join(words, "")
}

// Named is the context that a request asks to speak in, as its credentials carry it: the
// texts of project_id and location_id, empty where there is none.
type Named struct{ ProjectID, LocationID string }

// IDs reads the texts. It returns InvalidParameters, naming the field, for text that is not
// a positive whole number.
func (n Named) IDs() (project, location int64, err error) {
	refused := FieldErrors{}
	project = contextID(refused, "project_id", n.ProjectID)
	location = contextID(refused, "location_id", n.LocationID)
	return project, location, refused.Err()
}

func contextID(refused FieldErrors, field, text string) int64 {
	if text == "" {
		return 0
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		refused.Refuse(field, "must be the number of a %s", strings.TrimSuffix(field, "_id"))
		return 0
	}
	return id
}

// Names is what the request of the caller names.
func (c Caller) Names() (n Named) {
	if c.named == nil {
		return n
	}
	if c.named.project != 0 {
		n.ProjectID = strconv.FormatInt(c.named.project, 10)
	}
	if c.named.place != nil {
		n.LocationID = strconv.FormatInt(c.named.place.ID, 10)
	}
	return n
}

// InContext is the caller speaking for the project and place that a request names. place is
// the location as loaded, nil when there is none with that id. A place alone brings its
// project with it (decisions.md 4); without either, a client speaks from the place that it is
// based on. Whether the caller may speak for them is the first thing that May looks at. It returns
// NotFound for a place that does not exist.
func (c Caller) InContext(project, location int64, place *Location) (Caller, error) {
	c.ProjectID, c.LocationID, c.named = project, 0, nil
	if project != 0 || place != nil {
		c.named = &named{project, place}
	}
	switch base := c.Client.BaseLocation; {
	case location == 0 && base != 0 && (project == 0 || project == c.Client.BaseProject):
		c.ProjectID, c.LocationID = c.Client.BaseProject, base
		return c, nil
	case location == 0:
		return c, nil
	case place == nil:
		return c, Errorf(NotFound, "there is no place %d, which the request names.", location)
	}
	c.ProjectID, c.LocationID = place.ProjectID, location
	return c, nil
}
