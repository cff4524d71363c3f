package callback_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/wallet"
)

// trap listens on a port of this machine, on all of its addresses, and counts who comes.
func trap(t *testing.T) (port string, caught *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	caught = new(atomic.Int64)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			caught.Add(1)
			connection.Close()
		}
	}()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), caught
}

// hostile is a line of the file.
type hostile struct {
	uri      string
	resolves []netip.Addr
}

func readHostile(t *testing.T, port string) (all []hostile) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/callback/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "{port}", port)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		one := hostile{uri: words[0]}
		for _, word := range words[1:] {
			one.resolves = append(one.resolves, netip.MustParseAddr(word))
		}
		all = append(all, one)
	}
	return all
}

// No callback arrives at any of the addresses that clients might name to reach what they cannot: not by http, not by https, not
// by a name, not by a number in a strange spelling.
func TestHostileAddresses(t *testing.T) {
	port, caught := trap(t)
	all := readHostile(t, port)
	if len(all) < 150 {
		t.Errorf("there are only %d hostile addresses", len(all))
	}
	for _, one := range all {
		sender := callback.NewSender(callback.SenderOptions{
			PlainHTTP: true, Clock: time.Now, Limit: 2 * time.Second,
			Resolve: func(_ context.Context, name string) ([]netip.Addr, error) {
				if len(one.resolves) == 0 {
					return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
				}
				return one.resolves, nil
			},
		})
		uris := []string{one.uri}
		if rest, plain := strings.CutPrefix(one.uri, "http://"); plain {
			uris = append(uris, "https://"+rest)
		}
		for _, uri := range uris {
			got := sender.Send(t.Context(), wallet.Callback{URI: uri, Event: "{}"}, "")
			refused := []wallet.CallbackOutcome{wallet.CallbackForbidden}
			if len(one.resolves) == 0 { // what is neither an address nor known as a name
				refused = append(refused, wallet.CallbackUnresolved, wallet.CallbackInvalid)
			}
			if !slices.Contains(refused, got.Outcome) {
				t.Errorf("%s %v: %s, want %v", uri, one.resolves, got.Outcome, refused)
			}
		}
	}
	if n := caught.Load(); n != 0 {
		t.Errorf("%d of them arrived", n)
	}
}

// The machine's own resolver is asked in the same way: what it knows of this machine stays unreachable.
func TestTheMachinesResolverLeadsNobodyHome(t *testing.T) {
	port, caught := trap(t)
	sender := callback.NewSender(callback.SenderOptions{PlainHTTP: true, Clock: time.Now, Limit: 2 * time.Second})
	for _, uri := range []string{"http://localhost:%s/", "http://127.1:%s/", "http://0x7f000001:%s/", "http://2130706433:%s/"} {
		if got := sender.Send(t.Context(), wallet.Callback{URI: fmt.Sprintf(uri, port)}, ""); got.Outcome == wallet.CallbackDelivered || got.Status != 0 {
			t.Errorf("%s: %+v", uri, got)
		}
	}
	if n := caught.Load(); n != 0 {
		t.Errorf("%d arrived", n)
	}
}

// A name may resolve to another address when it is asked again. It is asked once, and the connection goes to what was looked at.
func TestANameThatChangesItsAddress(t *testing.T) {
	port, caught := trap(t)
	asked := 0
	sender := callback.NewSender(callback.SenderOptions{
		PlainHTTP: true, Loopback: true, Clock: time.Now, Limit: time.Second,
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			if asked++; asked == 1 {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
			return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
		},
	})
	got := sender.Send(t.Context(), wallet.Callback{URI: "http://rebind.example:" + port}, "")
	if got.Outcome != wallet.CallbackUnreachable || asked != 1 || caught.Load() != 1 {
		t.Errorf("%+v after %d questions, %d arrived", got, asked, caught.Load())
	}
	if got := sender.Send(t.Context(), wallet.Callback{URI: "http://rebind.example:" + port}, ""); got.Outcome != wallet.CallbackForbidden {
		t.Errorf("the second time: %+v", got)
	}
}

// A sandbox reaches this machine, and nothing else that is not public.
func TestASandboxReachesThisMachineAlone(t *testing.T) {
	port, _ := trap(t)
	sender := callback.NewSender(callback.SenderOptions{PlainHTTP: true, Loopback: true, Clock: time.Now, Limit: 2 * time.Second})
	for host, want := range map[string]wallet.CallbackOutcome{
		"127.0.0.1": wallet.CallbackUnreachable, "[::ffff:127.0.0.1]": wallet.CallbackUnreachable, // the trap hangs up
		"10.0.0.1": wallet.CallbackForbidden, "169.254.169.254": wallet.CallbackForbidden, "[fe80::1]": wallet.CallbackForbidden, "0.0.0.0": wallet.CallbackForbidden,
	} {
		if got := sender.Send(t.Context(), wallet.Callback{URI: "http://" + host + ":" + port}, ""); got.Outcome != want {
			t.Errorf("%s: %s, want %s", host, got.Outcome, want)
		}
	}
}
