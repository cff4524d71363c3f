package store_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// fault is what the network does to one question of a server to PostgreSQL.
type fault string

const (
	// questionLost: the connection breaks before the question arrives.
	questionLost fault = "the question is lost"
	// answerLost: PostgreSQL does what it is asked, and the connection breaks before it answers.
	answerLost fault = "the answer is lost"
	// questionLate: the connection breaks for the server, and yet its question, which was
	// already under way, arrives a little later.
	questionLate fault = "the question arrives after the connection broke"
	// answerLostForLong: as answerLost, and nobody gets through until the network is mended.
	answerLostForLong fault = "the answer is lost and the network breaks down"
	// questionStuck and answerStuck: nothing breaks, and nothing arrives any more.
	questionStuck fault = "the question never arrives"
	answerStuck   fault = "the answer never arrives"
)

// proxy is the network between a server and PostgreSQL: it passes on what each side says,
// until it is told to lose something.
type proxy struct {
	t                 *testing.T
	network, upstream string

	mu     sync.Mutex
	fault  fault
	holds  []byte // the fault strikes the first question that holds this
	broken bool   // nobody gets through
	struck chan struct{}
	open   map[net.Conn]bool
	busy   sync.WaitGroup
}

// newProxy returns a network and the address at which PostgreSQL is reached through it.
func newProxy(t *testing.T, address string) (*proxy, string) {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, open: map[net.Conn]bool{}}
	p.network, p.upstream = pgconn.NetworkAddress(config.Host, config.Port)
	folder, err := os.MkdirTemp("/tmp", "pg") // short, as the path of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(folder, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		listener.Close()
		p.breakDown(nil)
		p.busy.Wait()
		os.RemoveAll(folder)
	})
	p.busy.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.busy.Go(func() { p.serve(client) })
		}
	})
	through, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	through.Host, through.RawQuery = "", url.Values{"host": {folder}, "port": {"5432"}, "sslmode": {"disable"}}.Encode()
	return p, through.String()
}

// strike lets the fault hit the next question that holds the text, and tells when it has, and
// when PostgreSQL has done with that question.
func (p *proxy) strike(f fault, text string) (struck <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.holds, p.struck = f, []byte(text), make(chan struct{})
	return p.struck
}

// breakDown cuts every connection but one and lets nobody through until mend.
func (p *proxy) breakDown(but net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
	for conn := range p.open {
		if conn != but {
			conn.Close()
		}
	}
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = false
}

// keep notes a connection as open, unless nobody is let through.
func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[conn] = true
	return !p.broken
}

func (p *proxy) drop(conn net.Conn) {
	conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
}

// hit says whether the fault strikes this question. A question that only asks for the types of
// a statement does not count, since nothing happens in it.
func (p *proxy) hit(question []byte, runs bool) (fault, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == "" || !runs || !bytes.Contains(question, p.holds) {
		return "", nil
	}
	f := p.fault
	p.fault = ""
	return f, p.struck
}

func (p *proxy) serve(client net.Conn) {
	defer p.drop(client)
	if !p.keep(client) {
		return
	}
	server, err := net.Dial(p.network, p.upstream)
	if err != nil {
		return
	}
	defer server.Close()
	var mute atomic.Bool // answers do not get back
	answered := make(chan struct{})
	p.busy.Go(func() {
		defer close(answered)
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			if !mute.Load() {
				client.Write(buffer[:n])
			}
		}
	})
	for started := false; ; started = true {
		question, runs, err := readQuestion(client, started)
		if err != nil {
			return
		}
		f, struck := p.hit(question, runs)
		if f == "" {
			if _, err := server.Write(question); err != nil {
				return
			}
			continue
		}
		mute.Store(true)
		switch f {
		case answerLostForLong:
			p.breakDown(client)
		case questionLate:
			client.Close()
			time.Sleep(300 * time.Millisecond)
		case answerStuck:
			server.Write(question)
			close(struck)
			io.Copy(io.Discard, client) // until the client has had enough
			return
		case questionStuck:
			close(struck)
			io.Copy(io.Discard, client)
			return
		}
		if f != questionLost {
			server.Write(append(question, terminate...))
			<-answered
		}
		close(struck)
		return
	}
}

// terminate is the message that ends a connection, after all that was asked before it is done.
const terminate = "X\x00\x00\x00\x04"

// readQuestion reads what the client sends until it waits for an answer, and says whether that
// runs a statement.
func readQuestion(client io.Reader, started bool) (question []byte, runs bool, err error) {
	for {
		header := make([]byte, 5)
		if !started {
			header = header[1:] // the very first message has no type
		}
		if _, err := io.ReadFull(client, header); err != nil {
			return nil, false, err
		}
		body := make([]byte, binary.BigEndian.Uint32(header[len(header)-4:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return nil, false, err
		}
		question = append(append(question, header...), body...)
		if !started {
			return question, false, nil
		}
		switch header[0] {
		case 'E', 'Q': // execute; simple query
			runs = true
		}
		switch header[0] {
		case 'P', 'B', 'D', 'E', 'C': // parse, bind, describe, execute, close: more follows
		default:
			return question, runs, nil
		}
	}
}
