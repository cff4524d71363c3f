package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

// seededDev is a `purser dev` with a seed and a frozen clock, a shop's callbacks, and all that it answered.
type seededDev struct {
	t      *testing.T
	holder holder
	world  *sandbox.Manifest
	// moving is how long the clock took to be moved.
	moving time.Duration
	// story is every answer and every callback, without keys.
	mu    sync.Mutex
	story strings.Builder
}

// keysAside are what the seed does not decide: MAC keys, and refresh tokens, which are secrets too.
var keysAside = regexp.MustCompile(`"(mac_key|refresh_token)":"[^"]*"`)

func startSeeded(t *testing.T, data, seed string) *seededDev {
	t.Helper()
	purser, err := exec.LookPath("purser") // this test binary
	if err != nil {
		t.Fatal(err)
	}
	dev := exec.Command(purser, "dev", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "error", "--seed", seed, "--clock", "2027-03-01")
	var log strings.Builder
	dev.Stderr = &log
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if kill(dev); strings.Contains(log.String(), "DATA RACE") {
			t.Error("the sandbox's goroutines race")
		}
		if t.Failed() {
			t.Logf("the sandbox said: %s", &log)
		}
	})
	d := &seededDev{t: t, holder: awaitHolder(t, data, dev.Process.Pid)}
	for try := 0; d.world == nil && try < 400; try++ {
		d.world, err = sandbox.ReadFile(data)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d.tell("callback %s", r.FormValue("event")) // and a signature
	}))
	t.Cleanup(receiver.Close)
	d.ask("project/update", map[string]any{"id": 1221, "callback_uri": receiver.URL}, nil)
	return d
}

func (d *seededDev) tell(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(&d.story, format+"\n", args...)
}

// ask has the operator ask.
func (d *seededDev) ask(name string, in, out any) {
	d.t.Helper()
	if out == nil {
		out = &json.RawMessage{}
	}
	if err := overSocket(d.holder.Socket).call(context.Background(), "/"+name, in, out); err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
}

// move moves the clock.
func (d *seededDev) move(m clockMove) clockAnswer {
	d.t.Helper()
	var a clockAnswer
	began := time.Now()
	d.ask("sandbox/clock/move", m, &a)
	d.moving += time.Since(began)
	d.tell("clock %s, %d done at %d instants, %d wait", a.Now.Format(time.RFC3339), a.Moved.Done, a.Moved.Steps, a.Moved.Waiting)
	return a
}

// call signs and sends one call, and wants the status; it returns the answer.
func (d *seededDev) call(by, method, target, body string, want int) (answer map[string]any) {
	d.t.Helper()
	auth := walletapi.MAC{ID: by}
	if id, key, ok := d.world.Credentials(by); ok {
		auth = walletapi.MAC{ID: id, Secret: key.Reveal()}
	} else if id, key, ok := strings.Cut(by, " "); ok {
		auth = walletapi.MAC{ID: id, Secret: key}
	}
	client := walletapi.Client{BaseURL: d.holder.Address, Auth: auth}
	got, err := client.Do(context.Background(), walletapi.Call{Method: method, Target: target, Body: []byte(body)})
	var refused *walletapi.APIError
	text, status := "", 0
	switch {
	case errors.As(err, &refused):
		text, status = fmt.Sprintf("%s %s", refused.Code, refused.Description), refused.Status
	case err != nil:
		d.t.Fatalf("%s %s: %v", method, target, err)
	default:
		text, status = string(keysAside.ReplaceAll(got.Body, []byte(`"$1":"aside"`))), got.Status
		answer = map[string]any{}
		var bare *json.UnmarshalTypeError
		if err := json.Unmarshal(got.Body, &answer); err != nil && !errors.As(err, &bare) { // an address is a text alone
			d.t.Fatal(err)
		}
	}
	d.tell("%s %s %d %s", method, target, status, text)
	if status != want {
		d.t.Fatalf("%s %s as %s answers %d, want %d: %s", method, target, by, status, want, text)
	}
	return answer
}

// buy has the shop take money by the allowance, and confirm it or not; it returns the key.
func (d *seededDev) buy(confirm bool) string {
	d.t.Helper()
	key := d.call("shop", "POST", "/rest/v1/transaction", `{"payments":[{"description":"Bread","price":1500,"currency":"EUR"}]}`, 200)["transaction_key"].(string)
	d.call("shop", "PUT", "/rest/v1/transaction/"+key+"/reserve/14471", "", 200)
	if confirm {
		d.call("shop", "PUT", "/rest/v1/transaction/"+key+"/confirm", "", 200)
	}
	return key
}

// live is a year of an allowance's life, a change to summer time and the end of a token.
func (d *seededDev) live() {
	d.t.Helper()
	asked := d.call("shop", "POST", "/rest/v1/allowance", `{"description":"Bread","currency":"EUR","max_price":50000,"limits":[{"max_price":2000,"time":604800}],"valid":{"for":31536000}}`, 200)
	allowance := fmt.Sprintf("/rest/v1/allowance/%v", asked["id"])
	d.call("token:5678", "PUT", "/rest/v1/transaction/"+asked["transaction_key"].(string)+"/reserve/me", "", 200)
	token := d.call("device", "POST", "/oauth/v1/token", `{"grant_type":"password","username":"paula@example.com","password":"paulas-password","scope":"email"}`, 200)
	phone := token["access_token"].(string) + " " + token["mac_key"].(string)
	d.call(phone, "GET", "/rest/v1/user/me/email", "", 200)
	d.move(clockMove{Event: "token-expiry", Before: time.Second})
	d.call(phone, "GET", "/rest/v1/user/me/email", "", 200)
	d.move(clockMove{Event: "token-expiry"})
	d.call(phone, "GET", "/rest/v1/user/me/email", "", 400)

	left := []string{d.buy(false)} // nobody confirms it: the payer's money goes back, and the shop is told
	for month := range 12 {
		if month == 0 {
			d.move(clockMove{Event: "dst", Place: 456, Before: time.Second})
			d.call("shop", "GET", "/rest/v1/location/456", "", 200)
			if a := d.move(clockMove{Event: "dst", Place: 456}); a.Now.Format(time.RFC3339) != "2027-03-28T01:00:00Z" {
				d.t.Errorf("summer begins at %s", a.Now)
			}
			d.call("shop", "GET", "/rest/v1/location/456", "", 200)
		}
		d.move(clockMove{To: time.Date(2027, time.Month(4+month), 1, 12, 0, 0, 0, time.UTC)})
		if month < 10 {
			d.buy(true)
		}
		if month == 5 {
			d.move(clockMove{By: 8 * 24 * time.Hour})
			left = append(left, d.buy(false))
		}
		if month == 10 {
			if a := d.move(clockMove{Event: "allowance-expiry", Before: time.Second}); a.Now.Format(time.RFC3339) != "2028-02-28T23:59:59Z" {
				d.t.Errorf("the allowance ends a second after %s", a.Now)
			}
			d.call("shop", "GET", "/rest/v1/allowance/active/14471", "", 200)
			d.move(clockMove{Event: "allowance-expiry"})
			d.call("shop", "GET", "/rest/v1/allowance/active/14471", "", 404)
			d.call("shop", "GET", allowance, "", 200)
		}
	}
	for _, key := range left {
		if t := d.call("shop", "GET", "/rest/v1/transaction/"+key, "", 200); t["status"] != "failed" {
			d.t.Errorf("a reservation that nobody confirmed is %s a year later", t["status"])
		}
	}
	d.call("token:5678", "GET", "/rest/v1/wallet/me/balance", "", 200)
	d.call("token:5678", "GET", "/rest/v1/wallet/me/statements?from=1772000000&to=1900000000", "", 200)
}

// A year passes in the sandbox's clock in less than three seconds, and twice alike: to the byte, but for keys.
func TestAYearPassesTwiceAlike(t *testing.T) {
	var stories []string
	fastest := time.Hour
	for range 2 {
		data := shortFolder(t)
		d := startSeeded(t, data, "seven")
		d.live()
		stories, fastest = append(stories, d.story.String()), min(fastest, d.moving)
		if told := strings.Count(d.story.String(), "callback {"); told != 2 {
			t.Errorf("the shop was told %d times, want of two reservations that ended", told)
		}
		mustVerify(t, "sqlite:"+filepath.Join(data, dataFile))
	}
	t.Logf("the clock was moved by a year in %s", fastest)
	if fastest > 3*time.Second && !raceEnabled {
		t.Errorf("moving the clock by a year took %s, want less than three seconds", fastest)
	}
	one, other := strings.Split(stories[0], "\n"), strings.Split(stories[1], "\n")
	for i := range min(len(one), len(other)) {
		if one[i] != other[i] {
			t.Fatalf("the same year is told in two ways, in line %d:\n%s\n%s", i, one[i], other[i])
		}
	}
	if len(one) != len(other) {
		t.Errorf("the same year is told in %d lines and in %d", len(one), len(other))
	}
	third := startSeeded(t, shortFolder(t), "eight")
	third.call("shop", "GET", "/rest/v1/clients", "", 200)
	if id, _, _ := third.world.Credentials("device"); strings.Contains(stories[0], id) || id == "" {
		t.Error("another seed makes the same ids")
	}
	if os.Getenv("PURSER_TEST_STORY") != "" {
		t.Log(stories[0])
	}
}

// get reads project 1221 at an address, signed for it, and fails for anything but that.
func (d *seededDev) get(address string, through *http.Client) error {
	id, key, _ := d.world.Credentials("shop")
	client := walletapi.Client{BaseURL: address, Auth: walletapi.MAC{ID: id, Secret: key.Reveal()}, HTTP: through, Retry: walletapi.Retry{Attempts: 1}}
	project, err := client.Project(context.Background(), 1221)
	if err == nil && project.Title != "My E-Commerce Store" {
		err = fmt.Errorf("project 1221 is %q", project.Title)
	}
	return err
}

// A world is restored while others call: they wait a moment, and nobody is refused. Nothing is left of the one that was
// thrown away, ids go on as they did the last time, and TLS goes on with what is its authority now.
func TestARestoredWorldIsWhole(t *testing.T) {
	data := shortFolder(t)
	d := startSeeded(t, data, "seven")
	d.ask("sandbox/snapshot", snapshotName{Name: "new"}, nil)
	stop, callers := make(chan struct{}), sync.WaitGroup{}
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := d.get(d.holder.Address, nil); err != nil {
					t.Errorf("while a world is restored: %v", err)
					return
				}
			}
		})
	}
	var made []string
	var token map[string]any
	slowest := time.Duration(0)
	for range 5 {
		began := time.Now()
		d.ask("sandbox/restore", snapshotName{"new", true}, nil)
		slowest = max(slowest, time.Since(began))
		made = append(made, fmt.Sprint(d.call("shop", "POST", "/rest/v1/transaction", `{"payments":[{"description":"Bread","price":1500,"currency":"EUR"}]}`, 200)))
		token = d.call("device", "POST", "/oauth/v1/token", `{"grant_type":"password","username":"paula@example.com","password":"paulas-password","scope":"email"}`, 200)
		d.call("token:5678", "GET", "/rest/v1/wallet/me/balance", "", 200)
	}
	close(stop)
	callers.Wait()
	t.Logf("the slowest of five restores took %s beside four callers", slowest)
	for _, m := range made {
		if m != made[0] {
			t.Errorf("after a restore a transaction is\n%s, and after another\n%s", made[0], m)
		}
	}
	d.ask("sandbox/restore", snapshotName{"new", true}, nil)
	d.call(token["access_token"].(string)+" "+token["mac_key"].(string), "GET", "/rest/v1/user/me/email", "", 401) // of a world that is gone
	trusted := x509.NewCertPool()
	authority, err := os.ReadFile(d.world.TLSCA)
	if err != nil || !trusted.AppendCertsFromPEM(authority) {
		t.Fatal(err)
	}
	through := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	if err := d.get(d.world.TLSBaseURL, through); err != nil {
		t.Errorf("over TLS, after a restore: %v", err)
	}
}

// A snapshot that is not a database any more is refused, and the world is the one that it was.
func TestASpoiltSnapshotChangesNothing(t *testing.T) {
	data := shortFolder(t)
	d := startSeeded(t, data, "seven")
	d.ask("sandbox/snapshot", snapshotName{Name: "spoilt"}, nil)
	d.move(clockMove{By: time.Hour})
	if err := os.WriteFile(filepath.Join(data, snapshotsFolder, "spoilt", dataFile), []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := overSocket(d.holder.Socket).call(context.Background(), "/sandbox/restore", snapshotName{"spoilt", true}, &json.RawMessage{})
	if err == nil || !strings.Contains(err.Error(), "database") {
		t.Errorf("a snapshot that is no database is restored: %v", err)
	}
	if err := d.get(d.holder.Address, nil); err != nil {
		t.Errorf("after a restore that failed: %v", err)
	}
	var a clockAnswer
	if d.ask("sandbox/clock/show", struct{}{}, &a); a.Now.Format(time.RFC3339) != "2027-03-01T01:00:00Z" {
		t.Errorf("after a restore that failed the clock shows %s", a.Now)
	}
}

// A receiver that is down gets its callback when it is up again, in the sandbox's time.
func TestCallbacksAreTriedAgainOnTheWay(t *testing.T) {
	d := startSeeded(t, shortFolder(t), "seven")
	tried := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if tried++; tried < 4 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer receiver.Close()
	d.ask("project/update", map[string]any{"id": 1221, "callback_uri": receiver.URL}, nil)
	asked := d.call("shop", "POST", "/rest/v1/allowance", `{"description":"Bread","currency":"EUR","max_price":50000}`, 200)
	d.call("token:5678", "PUT", "/rest/v1/transaction/"+asked["transaction_key"].(string)+"/reserve/me", "", 200)
	key := d.buy(false)
	if a := d.move(clockMove{By: 30*24*time.Hour + time.Hour}); a.Moved.Waiting != 0 {
		t.Errorf("%d callbacks wait", a.Moved.Waiting)
	}
	views := callbackListAnswer{}
	d.ask("callback/show", callbackName{Key: key}, &views)
	if len(views.Callbacks) != 1 {
		t.Fatalf("the callbacks are %+v", views)
	}
	got := ""
	for _, try := range views.Callbacks[0].Tries {
		got += fmt.Sprintf("%s %s; ", try.At.Sub(views.Callbacks[0].Tries[0].At), try.Outcome)
	}
	if want := "0s refused; 1m0s refused; 6m0s refused; 21m0s delivered; "; got != want {
		t.Errorf("the receiver is tried at %q, want %q", got, want)
	}
}
