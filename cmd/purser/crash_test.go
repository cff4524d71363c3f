package main

import (
	"bufio"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// kills is how often each of these tests pulls the plug.
func kills(t *testing.T) int { return wallettest.Times(t, "PURSER_TEST_KILLS", 20) }

// shortFolder is a data folder whose path leaves room for a socket's name.
func shortFolder(t *testing.T) string {
	t.Helper()
	data, err := os.MkdirTemp("", "purser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(data) })
	return data
}

// startDev starts `purser dev` as a process of its own; prepareDev does all but start it.
func startDev(t *testing.T, data string) *exec.Cmd {
	t.Helper()
	dev := prepareDev(t, data)
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	return dev
}

func prepareDev(t *testing.T, data string) *exec.Cmd {
	t.Helper()
	purser, err := exec.LookPath("purser") // this test binary, under the name that TestMain gave it
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(purser, "dev", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "error")
}

// kill ends a process the way a power cut or the kernel would: it gets to do nothing more.
func kill(dev *exec.Cmd) {
	dev.Process.Kill()
	dev.Wait()
}

// awaitHolder waits until a process of that number answers in the folder, and returns how to
// reach it.
func awaitHolder(t *testing.T, data string, pid int) holder {
	t.Helper()
	for range 1200 {
		var h holder
		text, err := os.ReadFile(filepath.Join(data, lockFile))
		if err == nil && json.Unmarshal(text, &h) == nil && h.PID == pid && h.Socket != "" {
			return h
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the server did not come back within six seconds")
	return holder{}
}

// mustVerify verifies a database, as `purser verify` does.
func mustVerify(t *testing.T, address string) store.Verified {
	t.Helper()
	seen, err := store.Verify(context.Background(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// sandboxIn is the address of a sandbox's database.
func sandboxIn(data string) string { return "sqlite:" + filepath.Join(data, dataFile) }

// balance asks for what wallet 14471 has, in cents of EUR, by a signed call.
func balance(t *testing.T, data string, address string) int64 {
	t.Helper()
	var manifest *sandbox.Manifest
	for range 200 {
		var err error
		if manifest, err = sandbox.ReadFile(data); err == nil && manifest.BaseURL == address {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	client := walletapi.Client{BaseURL: address, Auth: walletapi.MAC{ID: manifest.Clients[0].ID, Secret: manifest.Clients[0].MACKey}}
	answer, err := client.Do(context.Background(), walletapi.Call{Method: "GET", Target: "/rest/v1/wallet/14471/balance"})
	if err != nil {
		t.Fatal(err)
	}
	var funds walletapi.Balance
	if err := answer.Decode(&funds); err != nil {
		t.Fatal(err)
	}
	return funds["EUR"].AtDisposal
}

// A newcomer's machine dies while the sandbox loads its sample world, at any moment. The next
// start finds a new folder or a whole world, never half of one.
func TestKilledWhileTheSampleWorldLoads(t *testing.T) {
	for range kills(t) {
		data := shortFolder(t)
		dev := startDev(t, data)
		time.Sleep(time.Duration(rand.N(250)) * time.Millisecond)
		kill(dev)
		again := startDev(t, data)
		h := awaitHolder(t, data, again.Process.Pid)
		if got := balance(t, data, h.Address); got != 1000_00 {
			t.Errorf("the payer has %d cents, not the 100000 of the sample world", got)
		}
		kill(again)
	}
}

// The disk fails to keep a commit. The server does not guess: it says so, and ends. The next one goes on with what is on
// the disk, where the books are right.
func TestFailingFsync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: run the tests with `make test`, which brings it")
	}
	data := shortFolder(t)
	dev := startDev(t, data)
	var log strings.Builder
	awaitHolder(t, data, dev.Process.Pid) // the sample world is there
	kill(dev)
	dev = prepareDev(t, data)
	dev.Stderr = &log
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	h := awaitHolder(t, data, dev.Process.Pid)
	fault := exec.Command(strace, "-f", "-p", strconv.Itoa(dev.Process.Pid), "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO")
	said, err := fault.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := fault.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), "attached") {
	}
	go func() {
		for lines.Scan() {
		}
	}()
	var done receipt
	err = overSocket(h.Socket).call(t.Context(), "/wallet/14471/credit", wireMovement(money.Amount{Minor: 1, Currency: "EUR"}, "On a failing disk"), &done)
	if err == nil {
		t.Error("a credit was acknowledged that the disk did not keep")
	}
	ended := dev.Wait()
	fault.Wait()
	if dev.ProcessState.ExitCode() != 1 {
		t.Errorf("the server ended with %v, want exit status 1", ended)
	}
	if !strings.Contains(log.String(), "level=ERROR msg=\"purser stops: the disk failed while something was committed.") {
		t.Errorf("the log says %s", log.String())
	}
	mustVerify(t, sandboxIn(data))
	again := startDev(t, data)
	defer kill(again)
	h = awaitHolder(t, data, again.Process.Pid)
	mustVerify(t, sandboxIn(data))
	if got := balance(t, data, h.Address); got != 1000_00 && got != 1000_01 {
		t.Errorf("the payer has %d cents", got)
	}
}
