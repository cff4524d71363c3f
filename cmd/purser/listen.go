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
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/callback"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// ear is where callbacks go of projects that have no address of their own, for as long as somebody listens.
type ear struct {
	mu    sync.Mutex
	uri   string
	until time.Time
}

const (
	// earLease is how long a listener is believed to be there, and earPause how often it says so.
	earLease = 10 * time.Second
	earPause = 2 * time.Second
	// forwardLimit is how long the program behind a listener has: shorter than the sandbox waits for the listener.
	forwardLimit = 25 * time.Second
	// maxCallback bounds a callback, and what is read of the answer to one, in bytes.
	maxCallback = 1 << 20
)

// listener is where somebody listens; empty where nobody does.
func (b *toolbox) listener() string {
	b.ear.mu.Lock()
	defer b.ear.mu.Unlock()
	if !b.now().Before(b.ear.until) {
		return ""
	}
	return b.ear.uri
}

// listen has callbacks go to an address for a while; over says that somebody no longer listens there. It fails with InvalidState
// while another one does.
func (b *toolbox) listen(uri string, over bool) error {
	b.ear.mu.Lock()
	defer b.ear.mu.Unlock()
	now := b.now()
	if b.ear.uri != uri && now.Before(b.ear.until) {
		return wallet.Errorf(wallet.InvalidState, "somebody else listens to this sandbox already: end that `purser listen` first.")
	}
	if b.ear.uri, b.ear.until = uri, now.Add(earLease); over {
		b.ear.until = time.Time{}
	}
	return nil
}

// lastEar is where somebody listens, or did last: callbacks of that time may leave again. Empty where nobody has.
func (b *toolbox) lastEar() string {
	b.ear.mu.Lock()
	defer b.ear.mu.Unlock()
	return b.ear.uri
}

// listenOrder says where somebody listens, or no longer does.
type listenOrder struct {
	URI  string `json:"uri"`
	Over bool   `json:"over"`
}

// listening takes callbacks, shows them and passes them on.
type listening struct {
	v       *verb
	mu      sync.Mutex // of the output
	forward string
	repeat  int
	client  *http.Client
}

func newListen(p *program) *cobra.Command {
	l := &listening{repeat: 1, client: &http.Client{Timeout: forwardLimit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	command := &cobra.Command{
		Use:   "listen",
		Short: "Show the callbacks of a sandbox, and pass them on to a program on this machine",
		Long: "Takes the callbacks of a running `purser dev` until Ctrl-C, of every transaction that names no address for them, in a\n" +
			"project without one. Each is shown, and posted to --forward-to as it came, its signature included; what is answered there\n" +
			"is answered to the sandbox, which sends again what was not taken. `purser trigger` makes one; `purser callback send` has\n" +
			"one leave again.",
		Example: "  purser listen --forward-to http://localhost:3000/hook\n  purser listen --forward-to http://localhost:3000/hook --repeat 2",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&l.forward, "forward-to", "", "`address` of the program to pass callbacks on to; without it they are shown alone")
		flags.IntVar(&l.repeat, "repeat", l.repeat, "pass each on `N` times, as happens when an answer is lost")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		l.v = v
		switch u, err := url.Parse(l.forward); {
		case l.forward != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https"):
			return wallet.FieldError("forward_to", "must be an http or https address, such as http://localhost:3000/hook")
		case l.repeat < 1 || l.repeat > 100:
			return wallet.FieldError("repeat", "must be 1 to 100")
		}
		return l.run()
	})
}

// run takes callbacks until the program is told to stop.
func (l *listening) run() (err error) {
	last, err := ask[listenOrder](l.v, "listen/last", struct{}{})
	if err != nil {
		return err
	}
	listener, err := listenAgain(last.URI)
	if err != nil {
		return fmt.Errorf("listening for callbacks: %w", err)
	}
	server := &http.Server{Handler: l, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout}
	defer server.Close()
	go server.Serve(listener)
	order := listenOrder{URI: "http://" + listener.Addr().String() + "/callback"}
	if _, err := ask[struct{}](l.v, "listen", order); err != nil {
		return err
	}
	if !l.v.json {
		fmt.Fprintln(l.v.out, "Listening: callbacks of transactions without an address of their own are shown here, until Ctrl-C.")
	}
	for {
		select {
		case <-l.v.ctx.Done():
			order.Over = true
			ending, cancel := context.WithTimeout(context.WithoutCancel(l.v.ctx), time.Second)
			defer cancel()
			l.v.operator.call(ending, "/listen", order, &struct{}{}) // otherwise the sandbox finds out in ten seconds
			return nil
		case <-time.After(earPause):
		}
		if _, err := ask[struct{}](l.v, "listen", order); err != nil {
			if l.v.ctx.Err() != nil {
				continue
			}
			return err
		}
	}
}

// listenAgain takes the port of this machine that was listened at before, where it is free, or else another one.
func listenAgain(uri string) (net.Listener, error) {
	if u, err := url.Parse(uri); err == nil {
		if at, err := netip.ParseAddrPort(u.Host); err == nil && at.Addr().IsLoopback() {
			if listener, err := net.Listen("tcp", u.Host); err == nil {
				return listener, nil
			}
		}
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// ServeHTTP takes one callback.
func (l *listening) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCallback))
	if err != nil {
		http.Error(w, "the callback broke off", http.StatusBadRequest)
		return
	}
	status, said := http.StatusOK, "not passed on"
	if l.forward != "" {
		for n := range l.repeat { // what it says the last time counts
			if status, err = l.pass(r, body); err != nil {
				status, said = http.StatusBadGateway, "nobody takes it at --forward-to"
			} else {
				said = fmt.Sprintf("answered %d", status)
			}
			l.show(r.Header.Get(callback.EventIDHeader), body, n+1, said)
		}
	} else {
		l.show(r.Header.Get(callback.EventIDHeader), body, 1, said)
	}
	w.WriteHeader(status)
}

// pass posts a callback as it came, and returns the status of the answer.
func (l *listening) pass(r *http.Request, body []byte) (int, error) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, l.forward, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for _, name := range []string{"Content-Type", "User-Agent", callback.EventIDHeader} {
		request.Header.Set(name, r.Header.Get(name))
	}
	answer, err := l.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, maxCallback))
	return answer.StatusCode, nil
}

// show shows a callback: a line for people, its event for programs.
func (l *listening) show(id string, body []byte, turn int, said string) {
	form, _ := url.ParseQuery(string(body))
	var event walletapi.Event
	if json.Unmarshal([]byte(form.Get("event")), &event) != nil {
		event.Object = "something that cannot be read"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.v.json {
		fmt.Fprintln(l.v.out, form.Get("event"))
		return
	}
	again := ""
	if turn > 1 {
		again = fmt.Sprintf(" (time %d)", turn)
	}
	fmt.Fprintln(l.v.out, printable(fmt.Sprintf("%s  %s.%s  %s  event %s  %s%s", stamp(l.v.now()), event.Object, event.Type, event.Data.TransactionKey, id, said, again)))
}

// listenVerbs answer the verbs on listening and triggering; they are refused where no sandbox runs.
func listenVerbs(mux *http.ServeMux, box *toolbox) {
	handleVerb(mux, "listen", func(_ context.Context, _ wallet.Caller, o listenOrder) (struct{}, error) {
		if box == nil {
			return struct{}{}, errNoSandbox()
		}
		if u, err := url.Parse(o.URI); err != nil || u.Scheme != "http" || u.Host == "" {
			return struct{}{}, wallet.FieldError("uri", "must be an http address")
		}
		return struct{}{}, box.listen(o.URI, o.Over)
	})
	handleVerb(mux, "listen/last", func(context.Context, wallet.Caller, struct{}) (listenOrder, error) {
		if box == nil {
			return listenOrder{}, errNoSandbox()
		}
		return listenOrder{URI: box.lastEar()}, nil
	})
	handleVerb(mux, "trigger/answer", func(ctx context.Context, _ wallet.Caller, o payerAnswer) (struct{}, error) {
		if box == nil {
			return struct{}{}, errNoSandbox()
		}
		return struct{}{}, box.answer(ctx, o)
	})
}

// errNoPayer says that the sample world is not what it was.
var errNoPayer = errors.New("the sample world has no payer")
