package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

// A sandbox tells a program on this machine: the payer of the sample world says yes in one client, another one that asked
// is told, and checks who says so. The operator sees that it arrived, and sends it again: under the same id.
func TestASandboxSendsCallbacks(t *testing.T) {
	data := shortFolder(t)
	dev := startDev(t, data)
	defer kill(dev)
	at := process{holder: awaitHolder(t, data, dev.Process.Pid), http: http.DefaultClient}
	text, err := readWhenThere(t, filepath.Join(data, sandbox.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var manifest sandbox.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	signs := func(name string) walletapi.MAC {
		id, key, ok := manifest.Credentials(name)
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		return walletapi.MAC{ID: id, Secret: key.Reveal()}
	}
	type arrival struct{ id, event, sign string }
	arrived := make(chan arrival, 8)
	shop := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- arrival{r.Header.Get(walletapi.EventIDHeader), r.PostFormValue("event"), r.PostFormValue("sign")}
	}))
	defer shop.Close()
	var asked walletapi.Transaction
	body := map[string]any{"payments": []any{map[string]any{"description": "Order 88", "price": 2599, "currency": "EUR"}}, "callback_uri": shop.URL + "/callback"}
	if err := at.call(signs("two-shops"), walletapi.Call{Method: "POST", Target: "/rest/v1/transaction", ProjectID: 1221}, body, &asked); err != nil {
		t.Fatal(err)
	}
	if _, err := at.transaction(signs("token:5678"), "PUT", asked.TransactionKey, "/reserve/me", nil); err != nil {
		t.Fatal(err)
	}
	next := func() arrival {
		t.Helper()
		select {
		case one := <-arrived:
			return one
		case <-time.After(20 * time.Second):
			t.Fatal("no callback arrives")
		}
		return arrival{}
	}
	first := next()
	if told, err := walletapi.OpenEvent(publishedKeys(t, at.Address), first.event, first.sign); err != nil || told.Type != "reserved" || told.Data.TransactionKey != asked.TransactionKey {
		t.Errorf("the shop is told %s, %v", first.event, err)
	}
	operates := func(arguments ...string) string {
		t.Helper()
		said, err := exec.Command(dev.Path, append(arguments, "--data", data)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", arguments, err, said)
		}
		return string(said)
	}
	awaits(t, "the operator sees that it arrived", func() bool {
		return strings.Contains(operates("callback", "list", "--state", "delivered"), asked.TransactionKey)
	})
	if said := operates("callback", "show", asked.TransactionKey); !strings.Contains(said, first.id) || !strings.Contains(said, "delivered") || !strings.Contains(said, "200") {
		t.Errorf("the operator sees %s", said)
	}
	operates("callback", "send", asked.TransactionKey, "1")
	if again := next(); again != first {
		t.Errorf("sent again it is %+v, and was %+v", again, first)
	}
}

// publishedKeys are what a server publishes for those who check callbacks.
func publishedKeys(t *testing.T, address string) []byte {
	t.Helper()
	answer, err := http.Get(address + "/publickey")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	keys, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// readWhenThere reads a file that another process is about to write.
func readWhenThere(t *testing.T, path string) (text []byte, err error) {
	t.Helper()
	awaits(t, path, func() bool {
		text, err = os.ReadFile(path)
		return err == nil
	})
	return text, err
}

// awaits waits until something is so.
func awaits(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 400 {
		if is() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("after twenty seconds it is not so: %s", what)
}
