package httpapi

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// net/http hands an answer on in pieces of 4 KiB. One that is longer with its header, as most lists are, would leave in two
// writes and arrive in two packets, and both ends would be woken twice (docs/performance.md, places). So a connection may be
// told that two writes are coming, and then sends both at once.

// WholeAnswers makes the connections of a listener send long answers in one piece. The server also needs [ConnContext].
func WholeAnswers(l net.Listener) net.Listener { return wholeListener{l} }

type wholeListener struct{ net.Listener }

func (l wholeListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wholeConn{Conn: c}, nil
}

// ConnContext lets the API find the connection of a request; it is for http.Server.ConnContext.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secure.NetConn()
	}
	if whole, ok := c.(*wholeConn); ok {
		return context.WithValue(ctx, connKey{}, whole)
	}
	return ctx
}

type connKey struct{}

// wholeConn keeps the first of two writes until the second one comes. Where none comes, whatever the server does next sends it: it sets
// a deadline when an answer is complete, and before it waits for the next request. Reading sends nothing, since the server
// begins to read before an answer does.
type wholeConn struct {
	net.Conn
	// two says that two writes are coming, and first is the first of them.
	two   atomic.Bool
	first atomic.Pointer[[]byte]
	// pieces is what is being sent, here so that it costs no memory of its own.
	pieces net.Buffers
	both   [2][]byte
}

// pieceSize is the longest piece that net/http hands on where it is not alone.
const pieceSize = 4 << 10

// headerMost is how long the header of an answer is at most, in bytes, or nearly so: who is wrong about it loses nothing.
const headerMost = 500

// inOnePiece has an answer of so many bytes leave in one piece. HTTP/2 has frames of its own.
func inOnePiece(r *request, length int) {
	if length <= pieceSize-headerMost || r.ProtoMajor != 1 {
		return
	}
	if c, ok := r.Context().Value(connKey{}).(*wholeConn); ok {
		c.two.Store(true)
	}
}

var firstPieces = sync.Pool{New: func() any { return new([]byte) }}

// Write sends a piece, with the one before it if that waits. An error of that one is told of the piece.
func (c *wholeConn) Write(piece []byte) (int, error) {
	if c.two.CompareAndSwap(true, false) {
		first := firstPieces.Get().(*[]byte)
		*first = append((*first)[:0], piece...)
		c.first.Store(first)
		return len(piece), nil
	}
	first := c.first.Swap(nil)
	if first == nil {
		return c.Conn.Write(piece)
	}
	defer firstPieces.Put(first)
	c.both = [2][]byte{*first, piece}
	c.pieces = c.both[:]
	sent, err := c.pieces.WriteTo(c.Conn)
	return max(0, int(sent)-len(*first)), err
}

// send sends what waits.
func (c *wholeConn) send() error {
	c.two.Store(false)
	first := c.first.Swap(nil)
	if first == nil {
		return nil
	}
	defer firstPieces.Put(first)
	_, err := c.Conn.Write(*first)
	return err
}

// SetDeadline is net.Conn's.
func (c *wholeConn) SetDeadline(t time.Time) error {
	if err := c.send(); err != nil {
		return err
	}
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline is net.Conn's.
func (c *wholeConn) SetReadDeadline(t time.Time) error {
	if err := c.send(); err != nil {
		return err
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is net.Conn's.
func (c *wholeConn) SetWriteDeadline(t time.Time) error {
	if err := c.send(); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(t)
}

// Close is net.Conn's. What still waits is sent first.
func (c *wholeConn) Close() error {
	err := c.send()
	if closing := c.Conn.Close(); closing != nil {
		return closing
	}
	return err
}

// CloseWrite tells the other end that nothing more comes, as net/http does before it closes on somebody who still sends.
func (c *wholeConn) CloseWrite() error {
	err := c.send()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		if closing := half.CloseWrite(); closing != nil {
			return closing
		}
	}
	return err
}
