package callback_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// outbox is the store's part in a test: it keeps callbacks in memory, and none is tried again.
type outbox struct {
	mu      sync.Mutex
	waiting []wallet.Callback
	// leaving counts those of each project that are under way, most how many those were at once since it was last asked.
	leaving, most map[int64]int
	outcomes      map[int64][]wallet.CallbackOutcome
	// age is what room told to give up after.
	age time.Duration
}

func (o *outbox) take(_ context.Context, room wallet.CallbackRoom) (taken []wallet.Callback, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.age = room.GiveUpAfter
	o.waiting = slices.DeleteFunc(o.waiting, func(c wallet.Callback) bool {
		if room.For(c.ProjectID, c.Receiver()) == 0 {
			return false
		}
		room = room.Less(c.ProjectID, c.Receiver())
		taken = append(taken, c)
		o.leaving[c.ProjectID]++
		o.most[c.ProjectID] = max(o.most[c.ProjectID], o.leaving[c.ProjectID])
		return true
	})
	return taken, nil
}

func (o *outbox) done(_ context.Context, c wallet.Callback, a wallet.CallbackAttempt) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leaving[c.ProjectID]--
	o.outcomes[c.ProjectID] = append(o.outcomes[c.ProjectID], a.Outcome)
	return nil
}

// sees waits until so many of a project came to an end, and returns how many of it were under way at once.
func (o *outbox) sees(t *testing.T, project int64, ended int) (most int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		o.mu.Lock()
		if most = o.most[project]; len(o.outcomes[project]) >= ended {
			o.most[project] = o.leaving[project]
			o.mu.Unlock()
			return most
		}
		o.mu.Unlock()
	}
	t.Fatalf("after twenty seconds %d of project %d came to no end", ended, project)
	return 0
}

// adds owes callbacks of a project, each to another host, all of them at the same machine.
func (o *outbox) adds(n int, project int64, port, path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range n {
		o.waiting = append(o.waiting, wallet.Callback{TransactionID: project*100 + int64(i), Number: 1, ProjectID: project, URI: fmt.Sprintf("http://h%d-%d.example:%s%s", project, i, port, path), Event: "{}"})
	}
}

// A project whose receivers all hang, each under a name of its own, has four places and then one, and another project's callback
// leaves at once meanwhile. Once one is answered there are four again.
func TestAProjectThatHangsHasOnePlace(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/hangs", func(_ http.ResponseWriter, r *http.Request) {
		r.ParseForm() // so that it is seen when the other end goes
		<-r.Context().Done()
	})
	mux.HandleFunc("/answers", func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) })
	server := httptest.NewServer(mux)
	defer server.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := secret.NewRSAKey()
	if err != nil {
		t.Fatal(err)
	}
	var clock sync.Mutex
	later := time.Duration(0)
	wake := make(chan struct{}, 1)
	o := &outbox{leaving: map[int64]int{}, most: map[int64]int{}, outcomes: map[int64][]wallet.CallbackOutcome{}}
	courier := &callback.Courier{
		Take: o.take, Done: o.done, Key: func(context.Context) (secret.Text, error) { return key, nil },
		Sender: callback.NewSender(callback.SenderOptions{
			PlainHTTP: true, Loopback: true, Limit: 300 * time.Millisecond,
			Clock: func() time.Time { clock.Lock(); defer clock.Unlock(); return time.Now().Add(later) },
			Resolve: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			},
		}),
		Log: wallettest.Quiet(), Wake: wake, Interval: time.Hour,
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	o.adds(9, 1, port, "/hangs")
	o.adds(1, 2, port, "/answers")
	go func() { defer close(ended); courier.Run(running) }()
	defer func() { stop(); <-ended }()
	if o.sees(t, 2, 1); len(o.outcomes[1]) != 0 || o.outcomes[2][0] != wallet.CallbackDelivered {
		t.Errorf("the other project's callback is %v after %v", o.outcomes[2], o.outcomes[1])
	}
	if most := o.sees(t, 1, 4); most != 4 {
		t.Errorf("%d leave at once of a project", most)
	}
	o.sees(t, 1, 7) // two more have left while it was not yet known for one that hangs
	if most := o.sees(t, 1, 9); most != 1 {
		t.Errorf("%d leave at once of a project that hangs", most)
	}
	if o.age != 0 {
		t.Errorf("a server that has just started gives up what is older than %s", o.age)
	}
	clock.Lock()
	later = 11 * time.Minute
	clock.Unlock()
	o.adds(9, 1, port, "/answers")
	wake <- struct{}{}
	if most := o.sees(t, 1, 18); most != 4 {
		t.Errorf("%d leave at once of a project that answers again", most)
	}
	if o.age != 36*time.Hour {
		t.Errorf("what is older than %s is given up", o.age)
	}
}
