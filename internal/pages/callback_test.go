package pages_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// told is a callback that a receiver has taken.
type told struct {
	id, event, sign string
	walletapi.Event
}

// receiver is a shop's program that takes callbacks.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	mood  string // "", or why it takes none
	calls int
	taken []told
	t     *testing.T
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// Moods of a receiver.
const (
	down   = "down"
	slow   = "slow"
	broken = "broken"
)

// slowness is how long the sender waits for a receiver that is slow, and patience for one that is not, however busy the
// machine is that the tests run on.
const slowness, patience = time.Second, 20 * time.Second

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	mood := r.mood
	r.calls++
	r.mu.Unlock()
	switch mood {
	case down:
		panic(http.ErrAbortHandler)
	case slow:
		time.Sleep(2 * slowness)
		return
	case broken:
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		r.t.Errorf("a callback is %s %v", q.Method, q.Header)
	}
	if err := q.ParseForm(); err != nil || len(q.PostForm) != 2 {
		r.t.Errorf("the form of a callback is %v, %v", q.PostForm, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, told{id: q.Header.Get(walletapi.EventIDHeader), event: q.PostForm.Get("event"), sign: q.PostForm.Get("sign")})
}

func (r *receiver) feel(mood string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mood = mood
}

// count says how many callbacks it took, of how many that came.
func (r *receiver) count() (taken, calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.taken), r.calls
}

// has are the callbacks that it took, all of them signed with one of the keys.
func (r *receiver) has(keys []byte) []told {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.taken)
	for i := range all {
		var err error
		if all[i].Event, err = walletapi.OpenEvent(keys, all[i].event, all[i].sign); err != nil {
			r.t.Fatalf("%v: %s", err, all[i].event)
		}
	}
	return all
}

// sends has callbacks leave, as a server does, until the test ends.
func (w world) sends(limit time.Duration) {
	w.t.Helper()
	courier := &callback.Courier{
		Take: func(ctx context.Context, room wallet.CallbackRoom) ([]wallet.Callback, error) {
			return w.TakeCallbacks(ctx, operator, room)
		},
		Done: func(ctx context.Context, c wallet.Callback, a wallet.CallbackAttempt) error {
			return w.CallbackTried(ctx, operator, c.TransactionID, c.Number, a, callback.NextTry)
		},
		Key:    func(ctx context.Context) (secret.Text, error) { return w.CallbackKey(ctx, operator) },
		Sender: callback.NewSender(callback.SenderOptions{PlainHTTP: true, Loopback: true, Clock: time.Now, Limit: limit}),
		Log:    wallettest.Quiet(), Interval: 5 * time.Millisecond,
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); courier.Run(running) }()
	w.t.Cleanup(func() { stop(); <-done })
}

// settles waits until nothing is due now that could leave, and returns how many callbacks still wait: those of the list
// itself, since its total is counted a moment earlier and may know one that has left by then.
func (w world) settles() int {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		waiting, _, err := w.ListCallbacks(ctx, operator, service.CallbackFilter{State: "waiting"})
		if err != nil {
			w.t.Fatal(err)
		}
		if !slices.ContainsFunc(waiting, func(v service.CallbackView) bool { return !v.NextAt.After(w.business.Now()) }) {
			return len(waiting)
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("these do not leave: %+v", waiting)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// telling has a server owe callbacks.
func telling(o *service.Options, _ *pages.Options) { o.Event, o.PlainCallbacks = httpapi.Event, true }

// opensslVerifies asks the openssl command about a signature, with the first of the public keys.
func opensslVerifies(t *testing.T, keys []byte, event, sign string) bool {
	t.Helper()
	signature, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, content := range map[string][]byte{"publickey": keys, "event": []byte(event), "sign": signature} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := exec.Command("openssl", "dgst", "-sha256", "-verify", "publickey", "-signature", "sign", "event")
	verify.Dir = folder
	said, err := verify.CombinedOutput()
	t.Logf("openssl: %s", said)
	return err == nil && strings.TrimSpace(string(said)) == "Verified OK"
}

// Petras pays on the page, and the shop is told: by a callback that openssl verifies with the public key, and with no other
// byte in it. With another key it is the first of the published ones that verifies.
func TestCallbackOfAPageVerifiesWithOpenSSL(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		shop := newReceiver(t)
		w.sends(patience)
		pay := func() told {
			before := len(shop.has(must(w.PublicKeys(ctx, wallet.Caller{Kind: wallet.Anonymous}))))
			asked := w.asks(func(n *service.NewTransaction) { n.CallbackURI = shop.URL + "/callback?shop=1" })
			w.signedIn("en", petrasEmail, petrasPassword).answers(payPath(asked), "pay", "wallet", "4", "payment_pin", petrasPIN).leads(shopBack)
			if left := w.settles(); left != 0 {
				t.Fatalf("%d callbacks wait", left)
			}
			all := shop.has(must(w.PublicKeys(ctx, wallet.Caller{Kind: wallet.Anonymous})))
			if len(all) != before+1 {
				t.Fatalf("the shop was told %+v", all)
			}
			got := all[before]
			if got.Type != "reserved" || got.Object != "transaction" || got.Data.TransactionKey != asked.Key || got.Data.Status != "reserved" || got.Data.Type != "page" || got.Data.Wallet != 4 {
				t.Errorf("the shop was told %s", got.event)
			}
			// What was told is what is answered.
			now, err := w.GetTransaction(ctx, w.by(stall), asked.Key, false, false)
			if err != nil {
				t.Fatal(err)
			}
			if want := string(must(httpapi.Event("reserved", now))); got.event != want {
				t.Errorf("the shop was told\n%s\nand would be answered\n%s", got.event, want)
			}
			return got
		}
		first := pay()
		keys := must(w.PublicKeys(ctx, wallet.Caller{Kind: wallet.Anonymous}))
		if !opensslVerifies(t, keys, first.event, first.sign) {
			t.Error("openssl does not verify the callback")
		}
		if opensslVerifies(t, keys, " "+first.event, first.sign) {
			t.Error("openssl verifies other bytes too")
		}
		both := must(w.RotateCallbackKey(ctx, operator))
		if strings.Count(string(both), "BEGIN PUBLIC KEY") != 2 || !strings.HasSuffix(string(both), string(keys)) {
			t.Errorf("after a rotation the keys are\n%s", both)
		}
		second := pay()
		if !opensslVerifies(t, both, second.event, second.sign) || opensslVerifies(t, keys, second.event, second.sign) {
			t.Error("the first of the keys is not the one that signs")
		}
		if third := must(w.RotateCallbackKey(ctx, operator)); strings.Count(string(third), "BEGIN PUBLIC KEY") != 2 || strings.Contains(string(third), string(keys)) {
			t.Errorf("after another rotation the keys are\n%s", third)
		}
	}, telling)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// For an hour the shop's receiver is down, slow, or broken. Afterwards it gets everything, once each, and of each
// transaction in the order in which it happened.
func TestAReceiverThatFailsForAnHourGetsEverything(t *testing.T) {
	inShop(t, func(t *testing.T, w world) {
		shop := newReceiver(t)
		w.sends(slowness)
		shop.feel(down)
		// Rita has nothing: her payment waits for funds, is reserved once they come, and fails when its time is over.
		long := w.asks(func(n *service.NewTransaction) { n.CallbackURI, n.ReserveFor = shop.URL, 50*time.Minute })
		w.signedIn("en", ritasPhone, ritasPassword).answers(payPath(long), "pay", "wallet", "3")
		want := map[string][]string{long.Key: {"waiting_funds", "reserved", "failed"}}
		b := w.signedIn("en", petrasEmail, petrasPassword)
		moods := []string{down, broken, slow}
		for step := range 12 {
			shop.feel(moods[step%len(moods)])
			quick := w.asks(func(n *service.NewTransaction) { n.CallbackURI, n.AutoConfirm = shop.URL, step%2 == 0 }, wallet.Payment{Description: "Tea", Price: euros(1_00)})
			b.answers(payPath(quick), "pay", "wallet", "4", "payment_pin", petrasPIN).leads(shopBack)
			want[quick.Key] = []string{map[bool]string{true: "confirmed", false: "reserved"}[step%2 == 0]}
			if step == 3 {
				if _, err := w.CreditWallet(ctx, operator, 3, euros(30_00), "for the story"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.DoDue(ctx, operator); err != nil {
				t.Fatal(err)
			}
			w.settles()
			w.business.Advance(5 * time.Minute)
		}
		w.settles()
		if taken, calls := shop.count(); taken != 0 || calls < 30 {
			t.Errorf("in the hour the shop took %d callbacks of %d", taken, calls)
		}
		shop.feel("")
		for range 6 {
			w.business.Advance(15 * time.Minute)
			w.settles()
		}
		got, ids := map[string][]string{}, map[string]int{}
		for _, one := range shop.has(must(w.PublicKeys(ctx, wallet.Caller{Kind: wallet.Anonymous}))) {
			got[one.Data.TransactionKey] = append(got[one.Data.TransactionKey], one.Type)
			if ids[one.id]++; one.id == "" || ids[one.id] > 1 || one.Data.Status != one.Type {
				t.Errorf("told %d times under %q: %s", ids[one.id], one.id, one.event)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the shop was told\n%v\nwant\n%v", got, want)
		}
		views, err := w.InspectCallbacks(ctx, operator, long.Key)
		if err != nil || len(views) != 3 || !views[2].Delivered || len(views[0].Tries) < 4 || views[0].Tries[0].Outcome != wallet.CallbackUnreachable {
			t.Errorf("of Rita's payment there is on record %+v, %v", views, err)
		}
	}, telling)
}
