package wallet

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"
)

// Callback tells the client of a transaction what has become of it (spec/wallet-api.md §4.10). It is posted to where the
// client wants to be told, until that is answered.
type Callback struct {
	// TransactionID is what it is about, and Number counts the callbacks of that, from 1. They leave in that order.
	TransactionID, Number int64
	ProjectID             int64
	// Type is the status that it tells of.
	Type TransactionStatus
	// URI is where it goes.
	URI string
	// Event is the text that is signed: JSON, as it was when it happened.
	Event string
	At    time.Time
	// Attempts counts how often it was tried.
	Attempts int
	// NextAt is when it leaves next; zero when it was delivered or given up, at EndedAt.
	NextAt, EndedAt time.Time
	Delivered       bool
}

// eventIDText writes ids of events: small letters and digits.
var eventIDText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// EventID is the same whenever the callback is sent, and another one for each event: receivers know by it what they were
// told before. It is made from what is told, so that a database which was restored from a backup gives none twice.
func (c *Callback) EventID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d.%d\n%s", c.TransactionID, c.Number, c.Event))
	return eventIDText.EncodeToString(sum[:15])
}

// Receiver is host and port of where it goes: how many leave for one at a time is limited.
func (c *Callback) Receiver() string {
	u, err := url.Parse(c.URI)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// CallbackRoom says how many callbacks somebody can send now.
type CallbackRoom struct {
	// Total is how many more, PerHost and PerProject how many more to one receiver and of one project that are not named below.
	Total, PerHost, PerProject int
	// Hosts and Projects say how many more to these receivers and of these projects, 0 or less for none.
	Hosts    map[string]int
	Projects map[int64]int
	// GiveUpAfter is how long a callback may have waited, on the business clock, before it is given up; 0 gives up none.
	GiveUpAfter time.Duration
}

// For is how many more may leave of a project to a receiver; 0 for none.
func (r *CallbackRoom) For(project int64, host string) int {
	toHost, named := r.Hosts[host]
	if !named {
		toHost = r.PerHost
	}
	ofProject, named := r.Projects[project]
	if !named {
		ofProject = r.PerProject
	}
	return max(min(r.Total, toHost, ofProject), 0)
}

// Less is the room that is left when one more leaves of a project to a receiver. r stays as it is.
func (r *CallbackRoom) Less(project int64, host string) CallbackRoom {
	left := *r
	left.Hosts, left.Projects = maps.Clone(r.Hosts), maps.Clone(r.Projects)
	if left.Hosts == nil {
		left.Hosts = map[string]int{}
	}
	if left.Projects == nil {
		left.Projects = map[int64]int{}
	}
	if _, named := left.Hosts[host]; !named {
		left.Hosts[host] = r.PerHost
	}
	if _, named := left.Projects[project]; !named {
		left.Projects[project] = r.PerProject
	}
	left.Total--
	left.Hosts[host]--
	left.Projects[project]--
	return left
}

// CallbackOutcome is what became of an attempt to send a callback.
type CallbackOutcome string

// The outcomes.
const (
	// CallbackDelivered was answered with a status from 200 to 299, CallbackRefused and CallbackRedirected with another
	// one: nobody is followed.
	CallbackDelivered  CallbackOutcome = "delivered"
	CallbackRefused    CallbackOutcome = "refused"
	CallbackRedirected CallbackOutcome = "redirected"
	// CallbackForbidden would have gone to an address that is not public, CallbackInsecure over plain HTTP, and
	// CallbackInvalid to what is no address.
	CallbackForbidden CallbackOutcome = "forbidden_address"
	CallbackInsecure  CallbackOutcome = "insecure"
	CallbackInvalid   CallbackOutcome = "invalid_uri"
	// CallbackUnresolved found no such name, CallbackUnreachable nobody there, CallbackTLS no certificate to trust.
	CallbackUnresolved  CallbackOutcome = "unresolved"
	CallbackUnreachable CallbackOutcome = "unreachable"
	CallbackTLS         CallbackOutcome = "tls"
	CallbackTimeout     CallbackOutcome = "timeout"
	// CallbackInterrupted says that this server stopped meanwhile: it counts as no attempt.
	CallbackInterrupted CallbackOutcome = "interrupted"
)

// CallbackOutcomes lists those that are recorded.
func CallbackOutcomes() []CallbackOutcome {
	return []CallbackOutcome{
		CallbackDelivered, CallbackRefused, CallbackRedirected, CallbackForbidden, CallbackInsecure, CallbackInvalid,
		CallbackUnresolved, CallbackUnreachable, CallbackTLS, CallbackTimeout,
	}
}

// CallbackAttempt is one attempt to send a callback.
type CallbackAttempt struct {
	// Attempt counts those of a callback, from 1.
	Attempt int
	At      time.Time
	Outcome CallbackOutcome
	// Status is what the receiver answered, 0 for nothing.
	Status int
	Took   time.Duration
}

// Tells says whether the transaction's client is told that it has become what it is, since it was before, by what caller
// did: of the statuses of spec/wallet-api.md §4.10, and of those that the client did not bring about itself, whoever's
// token it used. One that confirms by itself is never told of as reserved.
func (t *Transaction) Tells(before TransactionStatus, caller Caller) bool {
	if t.CallbackOff || t.Status == before || caller.Client != nil && caller.Client.ID == t.ClientID {
		return false
	}
	switch t.Status {
	case TransactionReserved:
		return !t.AutoConfirm
	case TransactionRejected, TransactionFailed, TransactionConfirmed, WaitingFunds, WaitingRegistration, WaitingPassword:
		return true
	}
	return false
}
