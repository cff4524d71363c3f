package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/trouble"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// The operator is let in before the sample world is described: who needs its names then is told to try again.
func TestTheToolboxBeforeItsWorldIsDescribed(t *testing.T) {
	box := &toolbox{}
	_, unnamed := box.client(context.Background(), itself, "shop")
	for _, err := range []error{unnamed, box.answer(context.Background(), payerAnswer{Key: "k"})} {
		var refused *wallet.Error
		if !errors.As(err, &refused) || refused.Code != wallet.ServiceUnavailable {
			t.Errorf("the error is %v", err)
		}
	}
	box.world.Store(&sampleWorld{manifest: &sandbox.Manifest{Clients: []sandbox.Client{{Name: "shop", Number: 7}}}})
	if number, err := box.client(context.Background(), itself, "shop"); number != 7 || err != nil {
		t.Errorf("the shop is %d, %v", number, err)
	}
}

// A listener takes the port of the last one, so that old callbacks find it; or another one, where that is taken or nobody's.
func TestAListenerTakesThePortOfTheLastOne(t *testing.T) {
	first, err := listenAgain("")
	if err != nil {
		t.Fatal(err)
	}
	last := "http://" + first.Addr().String() + "/callback"
	beside, err := listenAgain(last)
	if err != nil || beside.Addr().String() == first.Addr().String() {
		t.Fatalf("a second one listens at %v, %v", beside, err)
	}
	beside.Close()
	first.Close()
	again, err := listenAgain(last)
	if err != nil || again.Addr().String() != first.Addr().String() {
		t.Errorf("the next one listens at %v, %v", again, err)
	}
	again.Close()
	elsewhere, err := listenAgain("http://0.0.0.0:" + fmt.Sprint(first.Addr().(*net.TCPAddr).Port) + "/callback")
	if err != nil || !elsewhere.Addr().(*net.TCPAddr).IP.IsLoopback() {
		t.Errorf("it listens at %v, %v", elsewhere, err)
	}
	elsewhere.Close()
}

// A callback that is sent again comes to a listener that was started since; with --json it says the event and nothing else.
func sendsAgain(t *testing.T, dev *exec.Cmd, data, socket, key string) {
	t.Helper()
	listen := exec.Command(dev.Path, "listen", "--json", "--data", data)
	path := filepath.Join(t.TempDir(), "said")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	listen.Stdout = file
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	defer kill(listen)
	var last listenOrder
	if err := overSocket(socket).call(context.Background(), "/listen/last", struct{}{}, &last); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(last.URI)
	if err != nil {
		t.Fatal(err)
	}
	awaits(t, "somebody listens where the last one did", func() bool {
		c, err := net.Dial("tcp", at.Host)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if out, err := exec.Command(dev.Path, "callback", "send", key, "1", "--data", data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var said []byte
	awaits(t, "it is shown", func() bool {
		said, err = os.ReadFile(path)
		return err == nil && bytes.HasSuffix(said, []byte("\n"))
	})
	var event walletapi.Event
	if err := json.Unmarshal(said, &event); err != nil || event.Data.TransactionKey != key {
		t.Errorf("it says %s: %v", said, err)
	}
}

// What else is in the folder of snapshots hides none, and of several that make one of the same name one does.
func TestSnapshotsAreMadeOneByOne(t *testing.T) {
	data := shortFolder(t)
	d := startSeeded(t, data, "seven")
	stray := filepath.Join(data, snapshotsFolder, "stray")
	if err := errors.Join(os.MkdirAll(filepath.Join(stray, "deep"), 0o700), os.WriteFile(stray+".txt", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var made, refused atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			err := overSocket(d.holder.Socket).call(context.Background(), "/sandbox/snapshot", snapshotName{Name: "one"}, &snapshotDone{})
			switch {
			case err == nil:
				made.Add(1)
			case strings.Contains(err.Error(), "already"):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || refused.Load() != 7 {
		t.Errorf("%d made it, %d were refused", made.Load(), refused.Load())
	}
	var list snapshotListAnswer
	if d.ask("sandbox/list", struct{}{}, &list); len(list.Snapshots) != 1 || list.Snapshots[0].Name != "one" {
		t.Errorf("there are %+v", list)
	}
	d.ask("sandbox/restore", snapshotName{"one", true}, nil)
	if err := d.get(d.holder.Address, nil); err != nil {
		t.Error(err)
	}
}

// A restore does not wait for those whom trouble keeps waiting, and who follows the logs or the inbox sees what comes then.
func TestARestoreBesideTroubleAndFollowers(t *testing.T) {
	d := startSeeded(t, shortFolder(t), "seven")
	reset := func() {
		t.Helper()
		d.call("shop", "POST", "/rest/v1/user/password/reset", `{"email":"paula@example.com"}`, 200)
	}
	reset()
	d.ask("sandbox/snapshot", snapshotName{Name: "new"}, nil)
	reset()
	reset()
	var before inboxAnswer
	var requests logsAnswer
	d.ask("inbox", inboxQuery{Limit: 100}, &before)
	if d.ask("logs", logsQuery{}, &requests); len(before.Messages) < 3 || len(requests.Requests) < 3 {
		t.Fatalf("%d messages, %d requests", len(before.Messages), len(requests.Requests))
	}
	plan := planToAnswer(trouble.Default())
	plan.Rate, plan.Kinds, plan.Hold = 1, []string{"timeout"}, 60
	d.ask("sandbox/trouble", troubleOrder{Client: "shop", Plan: plan}, nil)
	held := make(chan error, 1)
	go func() { held <- d.get(d.holder.Address, nil) }()
	awaits(t, "trouble is made", func() bool {
		var found troubleListAnswer
		d.ask("sandbox/trouble/list", troubleOrder{Client: "shop"}, &found)
		return len(found.Trouble) == 1 && found.Trouble[0].Requests == 1
	})
	began := time.Now()
	d.ask("sandbox/restore", snapshotName{"new", true}, nil)
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the restore waited: %s", took)
	}
	<-held // net/http may have asked anew, and been answered by the other world
	reset()
	d.ask("logs", logsQuery{After: requests.Requests[len(requests.Requests)-1].Number}, &requests)
	if n := len(requests.Requests); n == 0 || !strings.HasSuffix(requests.Requests[n-1].Target, "/password/reset") {
		t.Errorf("who follows the logs sees %+v", requests)
	}
	var after inboxAnswer
	last := before.Messages[len(before.Messages)-1].ID
	d.ask("inbox", inboxQuery{After: last}, &after)
	if n := len(after.Messages); n == 0 || after.Messages[n-1].ID != last-1 {
		t.Errorf("who follows the inbox after message %d sees %+v", last, after)
	}
}
