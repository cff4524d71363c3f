package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// process is a server in a process of its own, so that its CPU time and memory are its own.
type process struct {
	command *exec.Cmd
	// address is host and port.
	address string
	log     *os.File
}

// patience is how long a server may take to give its first answer before the run gives up.
const patience = 30 * time.Second

// buildPurser builds the binary under test the way that `make build` does.
func buildPurser(ctx context.Context, folder string) (string, error) {
	binary := filepath.Join(folder, "purser")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "github.com/purserhq/purser/cmd/purser")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("building purser: %w", err)
	}
	return binary, nil
}

// startSandbox starts purser dev on a data folder, which fills it with the sample world, and returns when it answers.
func startSandbox(ctx context.Context, b *bench, data string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return start(ctx, b, address, "/rest/v1/server", b.purser, "dev", "--data", data, "--listen", address, "--log-level", "info")
}

// startPurser starts purser as an operator runs it, without what a sandbox does beside each request, on a folder that
// newFolder made, and returns when it answers. An empty database is the folder's. Its requests are logged, as by default, to a
// file; budgets are there and too large to be met. Clients sign the address that they call.
func startPurser(ctx context.Context, b *bench, data, database string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	const much = "100000000"
	args := []string{"serve", "--data", data, "--kek-file", filepath.Join(data, "kek"), "--listen", address, "--behind-proxy",
		"--origin", "https://" + address, "--log-level", "info", "--rate-limit", much, "--device-rate-limit", much, "--address-rate-limit", much}
	if database != "" {
		args = append(args, "--database", database)
	}
	return start(ctx, b, address, "/rest/v1/server", b.purser, args...)
}

// startBare starts this program again, as the server that purser is compared with.
func startBare(ctx context.Context, b *bench) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return start(ctx, b, address, "/", self, "-bare", address)
}

func start(ctx context.Context, b *bench, address, path, binary string, args ...string) (*process, error) {
	log, err := os.CreateTemp(b.folder, filepath.Base(binary)+"-*.log")
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, binary, args...), address: address, log: log}
	p.command.Stderr = log
	// Settings of whoever runs the benchmark are not what is measured.
	p.command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PURSER_") })
	if err := p.command.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := p.await(ctx, path); err != nil {
		p.kill()
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%s does not answer: %w\n%s", filepath.Base(binary), err, said)
	}
	return p, nil
}

// await asks every millisecond until the server answers.
func (p *process) await(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		return err
	}
	return poll(ctx, func() error {
		answer, err := transport.RoundTrip(request)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", answer.Status)
		}
		return nil
	})
}

// poll tries every millisecond until that works or ctx ends.
func poll(ctx context.Context, try func() error) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// ownKey gives the client of the sample world a key that the public documentation does not print, which an operator's server
// would refuse to start with, and returns what that client signs with.
func (b *bench) ownKey(ctx context.Context, data string) (walletapi.MAC, error) {
	client := func(args ...string) ([]byte, error) {
		command := exec.CommandContext(ctx, b.purser, append([]string{"client"}, append(args, "--data", data)...)...)
		command.Stderr = os.Stderr
		return command.Output()
	}
	said, err := client("rotate", "1", "--json")
	if err != nil {
		return walletapi.MAC{}, err
	}
	var made struct {
		ID  string `json:"mac_id"`
		Key string `json:"mac_key"`
	}
	if err := json.Unmarshal(said, &made); err != nil {
		return walletapi.MAC{}, err
	}
	_, err = client("retire", "1", "--key", "1", "--apply")
	return walletapi.MAC{ID: made.ID, Secret: made.Key}, err
}

// kill ends the process as a power cut would: a start after it has the most to do.
func (p *process) kill() {
	p.command.Process.Kill()
	p.command.Wait()
	p.log.Close()
}

// freeAddress finds a free port on the loopback interface.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// errUnmeasured says that this system does not tell about other processes what Linux does.
var errUnmeasured = errors.New("needs Linux's /proc")

// clockTick is the unit of CPU times in /proc, the same on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpu is the CPU time that the process used so far, its threads' together.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, errUnmeasured
	}
	// The second field, the name in parentheses, may hold blanks; user and system time are the
	// twelfth and thirteenth after it.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, errUnmeasured
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * clockTick, err
}

// machineCPU is the CPU time that everything on the machine used so far, what a hypervisor
// withheld included.
func machineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, errUnmeasured
	}
	// The first line is "cpu" and user, nice, system, idle, iowait, irq, softirq, steal.
	fields := bytes.Fields(text[:max(bytes.IndexByte(text, '\n'), 0)])
	if len(fields) < 9 {
		return 0, errUnmeasured
	}
	var used int64
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		ticks, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, err
		}
		used += ticks
	}
	return time.Duration(used) * clockTick, nil
}

// memory is what the process has in memory, its mapped files included, in bytes.
func (p *process) memory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, errUnmeasured
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errUnmeasured
}

// ownCPU is the CPU time that this process used so far.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// checkLog makes sure that the server logged its requests: a benchmark without the log would
// measure something that nobody runs.
func (b *bench) checkLog(p *process, requests int64) error {
	file, err := os.Open(p.log.Name())
	if err != nil {
		return err
	}
	defer file.Close()
	var lines, size int64
	for part := make([]byte, 1<<20); ; {
		n, err := file.Read(part)
		size += int64(n)
		lines += int64(bytes.Count(part[:n], []byte{'\n'}))
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if lines < requests {
		return fmt.Errorf("purser logged %d lines for %d requests", lines, requests)
	}
	b.say("request log: %d lines, %d bytes each, for %d requests", lines, size/lines, requests)
	return nil
}
