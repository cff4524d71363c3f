package httpapi

import (
	"errors"
	"fmt"
	"math"
	"net"
	"syscall"
	"testing"

	"github.com/purserhq/purser/internal/wallet"
)

func TestEveryRefusedParameterIsNamedAtOnce(t *testing.T) {
	q, err := newQuery("limit=0&offset=x&lat=91&status=open&service=pay,sleep&pay_category=3,-4&distance=NaN&updated_after=1.5")
	if err != nil {
		t.Fatal(err)
	}
	locationFilter(q, defaultLimit)
	var refusal *wallet.Error
	if !errors.As(q.err(), &refusal) || refusal.Code != wallet.InvalidParameters {
		t.Fatalf("got %v", q.err())
	}
	for _, field := range []string{"limit", "offset", "lat", "status", "service", "pay_category", "distance", "updated_after"} {
		if len(refusal.Properties[field]) != 1 {
			t.Errorf("%s: %q", field, refusal.Properties[field])
		}
	}
	if len(refusal.Properties) != 8 {
		t.Errorf("%d fields were refused: %v", len(refusal.Properties), refusal.Properties)
	}
}

func TestParametersMayBeMissingEmptyOrUnknown(t *testing.T) {
	for _, raw := range []string{"", "limit=&offset=&status=&lat=&lng=&distance=&service=&pay_category=&updated_after=", "unknown=1&statuses%5B%5D=a"} {
		q, err := newQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		f := locationFilter(q, defaultLimit)
		if q.err() != nil || f.Limit != defaultLimit || f.Offset != 0 || len(f.Statuses) != 1 || f.Near != nil {
			t.Errorf("%q: %+v, %v", raw, f, q.err())
		}
	}
}

func TestAParameterIsGivenOnce(t *testing.T) {
	q, err := newQuery("limit=5&limit=5")
	if err != nil {
		t.Fatal(err)
	}
	q.whole("limit", 20, 1, 200)
	if q.err() == nil {
		t.Error("a second value was taken in silence")
	}
}

// FuzzQuery: whatever stands behind the question mark, the decoder answers with values inside
// their bounds or with an error that names a field.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"locale=en&lat=54.6&lng=25.2&distance=1000.0&updated_after=1382969000&status=active%2Cinactive&limit=20&offset=0",
		"limit=10&offset=0&lat=54.6&lng=25.2&distance=1000&status=active&pay_category=3%2C4&service=pay%2Ccash_in",
		"lat=NaN&lng=Inf&distance=1e309", "limit=%zz", "a;b", "%00=%ff&=&&==", "lat=0x1p-2&lng=-0&distance=0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := newQuery(raw)
		if err != nil {
			var refusal *wallet.Error
			if !errors.As(err, &refusal) || refusal.Code != wallet.InvalidRequest {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		filter := locationFilter(q, defaultLimit)
		if err := q.err(); err != nil {
			var refusal *wallet.Error
			if !errors.As(err, &refusal) || refusal.Code != wallet.InvalidParameters || len(refusal.Properties) == 0 {
				t.Fatalf("%q: %v", raw, err)
			}
			for field, sentences := range refusal.Properties {
				if field == "" || len(sentences) == 0 {
					t.Fatalf("%q: the field %q is refused with %q", raw, field, sentences)
				}
			}
			return
		}
		if filter.Limit < 1 || filter.Limit > maxLimit || filter.Offset < 0 || len(filter.Statuses) == 0 || len(filter.Statuses) > 2 {
			t.Fatalf("%q: %+v", raw, filter)
		}
		if filter.Near != nil {
			lat, lng := filter.Near.Degrees()
			if math.Abs(lat) > 90 || math.Abs(lng) > 180 || !(filter.Distance >= 0 && filter.Distance <= maxDistance) {
				t.Fatalf("%q: %+v", raw, filter)
			}
		}
	})
}

// While the database is away, or the server stops, callers are told to come again; nobody is at fault.
func TestADatabaseThatIsAwayIsNoFaultOfTheServer(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	if e := shown(fmt.Errorf("reading a wallet: %w", refused)); e.Code != wallet.ServiceUnavailable {
		t.Errorf("it is answered %s", e.Code)
	}
	if e := shown(errors.New("a bug")); e.Code != wallet.InternalServerError {
		t.Errorf("a fault is answered %s", e.Code)
	}
}
