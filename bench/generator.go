package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/walletapi"
)

// target is the call that is measured: it needs a client, its permission, a project and the
// client's right to it.
const target = "/rest/v1/project/1221"

// projectPart is in every right answer to it.
const projectPart = `"id":1221`

// generator makes load: calls over keep-alive connections, each signed with a nonce of its own,
// the next one sent when the answer to the one before is there. It speaks HTTP/1.1 by hand,
// since net/http's client costs more than the servers that it would measure.
type generator struct {
	address, host, port string
	auth                walletapi.MAC
	// part is what every answer must hold.
	part []byte
	now  func() time.Time
	// sent counts the requests of all runs.
	sent int64
}

// amount is how much load to make: for a time, or a number of requests.
type amount struct {
	time     time.Duration
	requests int64
}

// load is what was made.
type load struct {
	requests int64
	took     time.Duration
}

const (
	// longest is how long any run may take, so that a server that hangs ends it.
	longest = 2 * time.Minute
	// everyAnswer is which share of answers is looked into; all of them must be 200.
	everyAnswer = 256
)

func newGenerator(address string, auth walletapi.MAC, part string, now func() time.Time) *generator {
	host, port, _ := net.SplitHostPort(address)
	return &generator{address: address, host: host, port: port, auth: auth, part: []byte(part), now: now}
}

// run makes load. Any answer but a 200 ends it with an error.
func (g *generator) run(ctx context.Context, a amount) (load, error) {
	var tickets atomic.Int64
	tickets.Store(math.MaxInt64)
	if a.requests > 0 {
		tickets.Store(a.requests)
	}
	var made atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := g.now()
	if a.time > 0 {
		timer := time.AfterFunc(a.time, func() { tickets.Store(0) })
		defer timer.Stop()
	}
	for range connections {
		group.Go(func() error {
			c, err := g.dial(ctx)
			if err != nil {
				return err
			}
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			for tickets.Add(-1) >= 0 {
				if err := c.call(); err != nil {
					return errors.Join(ctx.Err(), err)
				}
			}
			made.Add(c.calls)
			return nil
		})
	}
	err := group.Wait()
	g.sent += made.Load()
	return load{made.Load(), g.now().Sub(began)}, err
}

// connection is one keep-alive connection to a server.
type connection struct {
	net.Conn
	*generator
	answers *bufio.Reader
	request []byte
	// nonce begins with what makes this connection's nonces its own; calls, as digits, are the rest.
	nonce []byte
	calls int64
}

const noncePrefix = 16

func (g *generator) dial(ctx context.Context) (*connection, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", g.address)
	if err != nil {
		return nil, err
	}
	// One deadline for the whole run: one for every request would cost the generator a timer.
	if err := conn.SetDeadline(g.now().Add(longest)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	prefix := base64.RawURLEncoding.EncodeToString(secret.RandomBytes(noncePrefix))
	return &connection{Conn: conn, generator: g, answers: bufio.NewReader(conn), nonce: []byte(prefix + "-")}, nil
}

// call makes one signed call and reads its answer.
func (c *connection) call() error {
	c.calls++
	nonce := strconv.AppendInt(c.nonce, c.calls, 10)
	signed := walletapi.Request{
		TS: strconv.FormatInt(c.now().Unix(), 10), Nonce: string(nonce),
		Method: "GET", Target: target, Host: c.host, Port: c.port,
	}
	header := walletapi.Authorization{ID: c.auth.ID, TS: signed.TS, Nonce: signed.Nonce, MAC: signed.Sign(c.auth.Secret)}
	c.request = append(c.request[:0], "GET "+target+" HTTP/1.1\r\nHost: "...)
	c.request = append(c.request, c.address...)
	c.request = append(c.request, "\r\nUser-Agent: purser-bench\r\nAuthorization: "...)
	c.request = append(c.request, header.String()...)
	c.request = append(c.request, "\r\n\r\n"...)
	if _, err := c.Write(c.request); err != nil {
		return err
	}
	_, err := c.read(c.calls%everyAnswer == 1)
	return err
}

var lengthHeader = []byte("Content-Length: ")

// read reads one answer, which must be a 200, and looks into its body when asked to, and returns it.
func (c *connection) read(look bool) ([]byte, error) {
	line, err := c.answers.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	status := ""
	if !ok {
		status = string(bytes.TrimSpace(line))
	}
	length := -1
	for len(line) > 2 { // until the empty line
		if line, err = c.answers.ReadSlice('\n'); err != nil {
			return nil, err
		}
		if value, found := bytes.CutPrefix(line, lengthHeader); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case length < 0:
		return nil, errors.New("an answer without Content-Length")
	case ok && !look:
		_, err := c.answers.Discard(length)
		return nil, err
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.answers, body); err != nil {
		return nil, err
	}
	if !ok || !bytes.Contains(body, c.part) {
		return nil, fmt.Errorf("an answer that was not expected: %s %s", status, body)
	}
	return body, nil
}
