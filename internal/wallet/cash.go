package wallet

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ways of identification at a place, as the seeds name them for the services CashIn and CashOut: a contact, the
// long-lived barcode of a wallet, one that works once, a document; to take cash out, a code of the customer's that pays, or a
// document.
const (
	WayContact        = "contact"
	WayBarcode        = "bar_code"
	WayOneTimeBarcode = "one_time_bar_code"
	WayDocument       = "document"
	WayQRCode         = "qr_code"
)

// Cash says of a transaction that cash was paid in or out at its place, and how it was known whose wallet that is.
type Cash struct {
	// Service is CashIn or CashOut.
	Service Service `json:"service"`
	// Way is one of ServiceTypes(Service).
	Way string `json:"way"`
}

// The actions about cash and documents at a place.
const (
	// CashAtPlace is paying cash in or out for who is known by anything but a document.
	CashAtPlace       Action = "cash_at_place"
	CashInByDocument  Action = "cash_in_by_document"
	CashOutByDocument Action = "cash_out_by_document"
	// MakeOneTimeBarcode is making a barcode by which cash is paid in once.
	MakeOneTimeBarcode Action = "make_one_time_barcode"
	// IdentifyUser is recording that a user showed a document, ReadIdentification reading what became of that.
	IdentifyUser       Action = "identify_user"
	ReadIdentification Action = "read_identification"
)

// aTill asks for a private client: a device's credentials are in strangers' hands.
var aTill = rule{
	name:  "private_client",
	holds: func(q *question) bool { return q.Client.Type == PrivateClient },
	fact: func(q *question) string {
		if q.Client.Type == PrivateClient {
			return fmt.Sprintf("client %d is a private client", q.Client.ID)
		}
		return fmt.Sprintf("client %d is of type %s, and this takes a private client", q.Client.ID, q.Client.Type)
	},
}

// cashArea and identifyArea are the gates of cash and documents: a till of the project with its own credentials.
var (
	cashArea     = append(slices.Clone(walletArea), byItself, aTill, mayUse(ServeCash), hasProject)
	identifyArea = append(slices.Clone(walletArea), byItself, aTill, mayUse(IdentifyUsers), hasProject)
)

// CashAction is what has to be allowed for a service by a way of identification.
func CashAction(s Service, way string) Action {
	switch {
	case way != WayDocument:
		return CashAtPlace
	case s == CashIn:
		return CashInByDocument
	}
	return CashOutByDocument
}

// CheckOffer says whether the place offers a service, by a way of identification where the service has ways. It fails with
// InvalidState, which says what the place offers instead.
func (l *Location) CheckOffer(s Service, way string) error {
	offer := l.Services[s]
	switch {
	case l.Status != Active:
		return Errorf(InvalidState, "place %d is %s, so that it offers nothing.", l.ID, l.Status)
	case !offer.Available:
		return Errorf(InvalidState, "place %d does not offer %s: it offers %s.", l.ID, s, listed(l.offered()))
	case way != "" && !slices.Contains(offer.Types, way):
		return Errorf(InvalidState, "place %d does not offer %s by %s: it offers it by %s.", l.ID, s, way, listed(offer.Types))
	}
	return nil
}

// offered are the names of the services that the place offers.
func (l *Location) offered() (names []string) {
	for _, s := range Services() {
		if l.Services[s].Available {
			names = append(names, string(s))
		}
	}
	return names
}

// listed is a list as half a sentence.
func listed(names []string) string {
	switch n := len(names); n {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// Closed is the error of what a place does not do outside of its hours (decisions.md 13). opens is when it is open next, on
// its own clocks; zero where that is not known.
func (l *Location) Closed(opens time.Time) error {
	next := "it is not known when it opens next"
	if !opens.IsZero() {
		next = fmt.Sprintf("it opens on %s", opens.Format("Monday, 2006-01-02, at 15:04 (MST)"))
	}
	return Errorf(InvalidState, "place %d is closed now: %s.", l.ID, next)
}
