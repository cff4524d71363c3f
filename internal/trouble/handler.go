package trouble

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// Header says in an answer what trouble was made, so that nobody looks for it in their own program.
const Header = "Purser-Sandbox-Trouble"

// Sentences that clients know to the letter (spec/mobile-sdks.md §0.2, decisions.md 1).
const (
	tooOld   = "Timestamp lifetime exceeded"
	inFuture = "Timestamp is in future"
	expired  = "Token has expired"
)

// maxBody is how much of a request is read before it is lost, in bytes.
const maxBody = 1 << 20

// timePath is where the server tells its time, signed or not.
const timePath = "/rest/v1/server"

// Before is a handler that makes trouble before, and after, another one answers.
func (m *Maker) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claim, err := m.Claim(r)
		asks := r.URL.Path == timePath && (r.Method == http.MethodGet || r.Method == http.MethodHead)
		if err != nil || claim.Client == 0 {
			if skew := m.misledBy(who(r)); asks && skew != 0 {
				wrongTime(next, skew).ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		v, ok := m.next(claim)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		if asks {
			m.serve(w, r, wrongTime(next, v.skew), claim, v)
			return
		}
		m.serve(w, r, next, claim, v)
	})
}

// who is what tells apart those who ask for the time: their address. Programs call themselves one thing when they sign and
// another when they do not, and each connection has another port.
func who(r *http.Request) string {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return address
}

// serve has a request answered, or not.
func (m *Maker) serve(w http.ResponseWriter, r *http.Request, next http.Handler, claim Claim, v verdict) {
	happens := func(what string) {
		w.Header().Set(Header, what)
		m.tally(claim.Client, what)
	}
	if sentence, off := m.offClock(claim.TS, v.skew); off && r.URL.Path != timePath {
		happens(string(Clock))
		m.mislead(who(r), claim.Client)
		m.Refuse(w, r, wallet.Errorf(wallet.InvalidTimestamp, "%s", sentence))
		return
	}
	if v.expired {
		happens(string(Expiry))
		m.Refuse(w, r, wallet.Errorf(wallet.InvalidGrant, expired))
		return
	}
	if v.kind == "" {
		next.ServeHTTP(w, r)
		return
	}
	happens(v.name())
	answer := newRecorder()
	if v.after {
		next.ServeHTTP(answer, r)
	}
	switch v.kind {
	case Conflict:
		m.refuse(w, r, wallet.InvalidState, "Something else is being done with this at the moment", v.plan.RetryAfter)
	case RateLimit:
		m.refuse(w, r, wallet.RateLimitExceeded, "There were too many calls", v.plan.RetryAfter)
	case Internal:
		m.refuse(w, r, wallet.InternalServerError, "Something went wrong in the server", 0)
	case BadGateway:
		drain(r)
		badGateway(w)
	case Timeout:
		drain(r)
		m.wait(r.Context(), v.plan.Hold)
		panic(http.ErrAbortHandler) // the connection ends without an answer
	case Slow:
		m.slowly(w, r, answer, v.plan.Slow)
	case Cut:
		answer.head(w)
		w.Write(answer.body.Bytes()[:answer.body.Len()/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// refuse answers as the API does, and says that it is not in earnest.
func (m *Maker) refuse(w http.ResponseWriter, r *http.Request, code wallet.Code, sentence string, wait time.Duration) {
	err := wallet.Errorf(code, "%s: this sandbox makes trouble.", sentence)
	err.RetryAfter = wait
	m.Refuse(w, r, err)
}

// badGateway answers as a proxy does whose server does not.
func badGateway(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	io.WriteString(w, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n")
}

// drain reads what is left of a request: the server notices that a client gives up only when it has read all.
func drain(r *http.Request) {
	if r.Body != nil {
		io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
	}
}

// pieces is how many pieces a slow body comes in.
const pieces = 8

// slowly sends an answer in pieces.
func (m *Maker) slowly(w http.ResponseWriter, r *http.Request, answer *recorder, in time.Duration) {
	answer.head(w)
	flusher := http.NewResponseController(w)
	body := answer.body.Bytes()
	for i := range pieces {
		w.Write(body[len(body)*i/pieces : len(body)*(i+1)/pieces])
		flusher.Flush()
		if m.wait(r.Context(), in/pieces) != nil {
			return
		}
	}
}

// wrongTime tells the time that another handler tells, wrong by so much.
func wrongTime(next http.Handler, skew time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := newRecorder()
		next.ServeHTTP(answer, r)
		var said struct {
			Time int64 `json:"time"`
		}
		if skew != 0 && answer.status == http.StatusOK && json.Unmarshal(answer.body.Bytes(), &said) == nil && said.Time != 0 {
			answer.body.Reset()
			answer.body.WriteString(`{"time":` + strconv.FormatInt(said.Time+int64(math.Round(skew.Seconds())), 10) + `}`)
			answer.header.Set("Content-Length", strconv.Itoa(answer.body.Len()))
			answer.header.Set(Header, string(Clock))
		}
		answer.head(w)
		w.Write(answer.body.Bytes())
	})
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, status: http.StatusOK} }

// Header is what is sent before the body.
func (a *recorder) Header() http.Header { return a.header }

// WriteHeader sets the status.
func (a *recorder) WriteHeader(status int) { a.status = status }

func (a *recorder) Write(part []byte) (int, error) { return a.body.Write(part) }

// head sends what comes before the body.
func (a *recorder) head(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
}
