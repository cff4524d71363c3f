package httpapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// countingListener counts what its connections are asked to write.
type countingListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{c, l.writes}, nil
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// wholeServer answers /N with N bytes in one piece, and counts writes where writes is given.
func wholeServer(t *testing.T, secure bool, writes *atomic.Int64) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		length, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Length", strconv.Itoa(length))
		inOnePiece(&request{Request: r}, length)
		w.Write(bytes.Repeat([]byte("x"), length))
	}))
	if writes != nil {
		server.Listener = countingListener{server.Listener, writes}
	}
	server.Listener = WholeAnswers(server.Listener)
	server.Config.ConnContext = ConnContext
	if secure {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// Every length around net/http's pieces comes whole and at once, over plain HTTP, TLS and HTTP/2, to who asks for the body and to who does not.
func TestAnswersOfEveryLengthComeWhole(t *testing.T) {
	lengths := []int{0, 1, 2000, 12_000, 70_000}
	for length := 3500; length < 4200; length++ {
		lengths = append(lengths, length)
	}
	for length := 8000; length < 8200; length += 3 {
		lengths = append(lengths, length)
	}
	for protocol, server := range map[string]*httptest.Server{
		"HTTP/1.1": wholeServer(t, false, nil), "HTTP/1.1 over TLS": wholeServer(t, true, nil), "HTTP/2.0": wholeServer(t, true, nil),
	} {
		client := server.Client()
		client.Timeout = 5 * time.Second // much less than an answer that is forgotten would take
		if protocol == "HTTP/1.1 over TLS" {
			transport := client.Transport.(*http.Transport)
			transport.TLSClientConfig.NextProtos, transport.ForceAttemptHTTP2 = []string{"http/1.1"}, false
		}
		for _, length := range lengths {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				request, err := http.NewRequest(method, fmt.Sprintf("%s/%d", server.URL, length), nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := client.Do(request)
				if err != nil {
					t.Fatalf("%s of %d bytes by %s: %v", method, length, protocol, err)
				}
				body, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				want := length
				if method == http.MethodHead {
					want = 0
				}
				if err != nil || len(body) != want || !strings.HasPrefix(protocol, answer.Proto) {
					t.Fatalf("%s of %d bytes by %s: %d bytes by %s, %v", method, length, protocol, len(body), answer.Proto, err)
				}
			}
		}
	}
}

// An answer takes two pieces however long it is. A TCP connection sends both at once, and any other, such as one that counts, one
// after the other.
func TestALongAnswerHasTwoPieces(t *testing.T) {
	var alone atomic.Int64
	server := wholeServer(t, false, &alone)
	for _, length := range []int{5000, 20_000, 100_000} {
		answer, err := server.Client().Get(fmt.Sprintf("%s/%d", server.URL, length))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil || n != int64(length) {
			t.Fatal(n, err)
		}
		if writes := alone.Swap(0); writes != 2 {
			t.Errorf("%d bytes took %d writes", length, writes)
		}
	}
}

// Several requests sent at once are answered one after the other, the last one of a connection that closes included.
func TestRequestsOneAfterTheOtherAreAnsweredWhole(t *testing.T) {
	server := wholeServer(t, false, nil)
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	lengths := []int{4000, 3970, 12_000, 3596, 5000}
	for i, length := range lengths {
		closing := ""
		if i == len(lengths)-1 {
			closing = "Connection: close\r\n"
		}
		fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: x\r\n%s\r\n", length, closing)
	}
	r := bufio.NewReader(c)
	for _, length := range lengths {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, answer.Body); err != nil || n != int64(length) {
			t.Fatalf("%d of %d bytes: %v", n, length, err)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Fatalf("after the last answer: %v", err)
	}
}

// Who does not read what was asked for does not keep the server from stopping.
func TestAServerStopsThoughNobodyReads(t *testing.T) {
	server := wholeServer(t, false, nil)
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /100000000 HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := io.ReadFull(c, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { server.CloseClientConnections(); server.Config.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the server waits for who does not read")
	}
}
