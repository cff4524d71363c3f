package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

// Each event is triggered by really doing what leads to it, and arrives at a program behind `purser listen`: signed by the
// server, and twice where that was asked for.
func TestCallbacksArriveOnALaptop(t *testing.T) {
	data := shortFolder(t)
	dev := startDev(t, data)
	defer kill(dev)
	at := awaitHolder(t, data, dev.Process.Pid)
	if _, err := readWhenThere(t, filepath.Join(data, sandbox.ManifestFile)); err != nil {
		t.Fatal(err)
	}
	type arrival struct{ id, event, sign string }
	arrived := make(chan arrival, 64)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- arrival{r.Header.Get(walletapi.EventIDHeader), r.PostFormValue("event"), r.PostFormValue("sign")}
	}))
	defer hook.Close()
	var shown strings.Builder
	ends := listens(t, dev, data, &shown, "--forward-to", hook.URL+"/hook", "--repeat", "2")
	keys := publishedKeys(t, at.Address)
	next := func() walletapi.Event {
		t.Helper()
		var got [2]arrival
		for i := range got {
			select {
			case got[i] = <-arrived:
			case <-time.After(20 * time.Second):
				t.Fatal("no callback arrives")
			}
		}
		event, err := walletapi.OpenEvent(keys, got[0].event, got[0].sign)
		if err != nil || got[0] != got[1] || got[0].id == "" {
			t.Errorf("%v: %+v", err, got)
		}
		return event
	}
	key := ""
	for _, name := range triggerNames() {
		if said, err := exec.Command(dev.Path, "trigger", name, "--data", data).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, said)
		}
		event := next()
		if name == "transaction.failed" && event.Type == "reserved" {
			event = next()
		}
		if got := event.Object + "." + event.Type; got != name || event.Data.Status != event.Type {
			t.Errorf("%s leads to %s", name, got)
		}
		key = event.Data.TransactionKey
	}
	ends()
	for _, want := range append(triggerNames(), "answered 200", "(time 2)") {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("%s was not shown: %s", want, shown.String())
		}
	}
	if said, err := exec.Command(dev.Path, "trigger", "transaction.rejected", "--data", data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	select { // nobody listens any more
	case one := <-arrived:
		t.Errorf("%s arrives", one.event)
	case <-time.After(500 * time.Millisecond):
	}
	sendsAgain(t, dev, data, at.Socket, key)
}

// listens starts `purser listen`; what it says is in shown after it was ended.
func listens(t *testing.T, dev *exec.Cmd, data string, shown *strings.Builder, flags ...string) (ends func()) {
	t.Helper()
	listen := exec.Command(dev.Path, append([]string{"listen", "--data", data}, flags...)...)
	said, err := listen.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, len("Listening"))
	if _, err := io.ReadFull(said, first); err != nil || string(first) != "Listening" {
		t.Fatalf("it says %q, %v", first, err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(shown, said)
	}()
	return func() {
		t.Helper()
		if err := listen.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		<-read
		if err := listen.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// What docs/callbacks.md lists can be triggered, and nothing else.
func TestEveryEventCanBeTriggered(t *testing.T) {
	raw, err := os.ReadFile("../../docs/callbacks.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	listed := strings.SplitN(strings.SplitN(text, "## What is told", 2)[1], "**What the client", 2)[0]
	var names []string
	for line := range strings.Lines(listed) {
		if cell, ok := strings.CutPrefix(line, "| `"); ok && !strings.HasPrefix(line, "| `type`") {
			for name := range strings.SplitSeq(strings.TrimSuffix(strings.SplitN(cell, " |", 2)[0], "`"), "`, `") {
				names = append(names, "transaction."+name)
			}
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, triggerNames()) {
		t.Errorf("listed are %v, triggered %v", names, triggerNames())
	}
}
