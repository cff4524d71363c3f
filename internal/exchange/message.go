package exchange

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// Message is a request as it goes over the wire.
type Message struct {
	Method, Target, Host, Body, ContentType string
	// Headers are further header lines.
	Headers []string
	// MAC signs; the zero one signs nothing.
	MAC walletapi.MAC
	// Ext is what stands between the quotes of ext="…", exactly; nil for the hash of the body, where there is one.
	Ext *string
	// Authorization is the whole header, as it is; nil for one that MAC signs.
	Authorization *string
	// Signing change what is signed before it is.
	Signing []func(*walletapi.Request)
	// Certificate names the client whose TLS client certificate the connection has; empty for a connection without one.
	Certificate string
}

// Compose is the bytes of the message, signed at a time with a nonce. It asks to close the connection.
func (m Message) Compose(now time.Time, nonce string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", m.Method, m.Target, m.Host)
	switch {
	case m.Authorization != nil:
		fmt.Fprintf(&b, "Authorization: %s\r\n", *m.Authorization)
	case m.MAC != (walletapi.MAC{}):
		fmt.Fprintf(&b, "Authorization: %s\r\n", m.authorize(now, nonce))
	}
	for _, header := range m.Headers {
		b.WriteString(header + "\r\n")
	}
	if m.Body != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Length: %d\r\n", m.ContentType, len(m.Body))
	}
	return b.String() + "\r\n" + m.Body
}

// hostAndPort are what a right client signs of a Host header: lower case, and port 443 where it has none.
func hostAndPort(header string) (host, port string) {
	host, port = strings.ToLower(header), "443"
	if at := strings.LastIndexByte(host, ':'); at >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:at], host[at+1:]
	}
	return host, port
}

// authorize signs the message as the PHP client would.
func (m Message) authorize(now time.Time, nonce string) string {
	host, port := hostAndPort(m.Host)
	ext := walletapi.Ext{BodyHash: walletapi.BodyHash([]byte(m.Body)), HasBodyHash: m.Body != ""}.String()
	if m.Ext != nil {
		ext = *m.Ext
	}
	r := walletapi.Request{
		TS: strconv.FormatInt(now.Unix(), 10), Nonce: nonce, Method: m.Method, Target: m.Target,
		Host: host, Port: port, Ext: ext,
	}
	for _, change := range m.Signing {
		change(&r)
	}
	return walletapi.Authorization{ID: m.MAC.ID, TS: r.TS, Nonce: r.Nonce, MAC: r.Sign(m.MAC.Secret), Ext: r.Ext}.String()
}

// NonceAlphabet is what nonces may be made of: all that is printable but quotes and backslashes, blanks, commas and equals signs
// included.
var NonceAlphabet = func() string {
	var all []byte
	for c := byte(0x20); c <= 0x7e; c++ {
		if c != '"' && c != '\\' {
			all = append(all, c)
		}
	}
	return string(all)
}()

// Nonce makes a nonce of the whole alphabet.
func Nonce(random io.Reader) (string, error) {
	nonce := make([]byte, 32)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return "", err
	}
	for i, b := range nonce {
		nonce[i] = NonceAlphabet[int(b)%len(NonceAlphabet)]
	}
	return string(nonce), nil
}

// Answer is what a server said.
type Answer struct {
	Status int
	Header http.Header
	// Head is the status line and the headers as they came, without the empty line.
	Head string
	Body string
}

// ReadAnswer takes the bytes of an answer apart that came to a request of that method. extra is how many bytes follow it.
func ReadAnswer(method, raw string) (a *Answer, extra int, err error) {
	head, _, whole := strings.Cut(raw, "\r\n\r\n")
	stream := bufio.NewReader(strings.NewReader(raw))
	response, err := http.ReadResponse(stream, &http.Request{Method: method})
	if err != nil || !whole {
		return nil, 0, fmt.Errorf("this is no answer: %v: %q", err, beginning(raw))
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, 0, fmt.Errorf("the body ends too early: %w: %q", err, beginning(raw))
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Head: head, Body: string(body)}, stream.Buffered(), nil
}

// beginning is the first line of an answer that cannot be read. The rest may hold secrets that nobody can find in it.
func beginning(raw string) string {
	line, _, _ := strings.Cut(raw, "\n")
	return shortened(strings.TrimSpace(line))
}

// requestIDHeader names a request in its answer.
const requestIDHeader = "paysera-correlation-id"

// Problems are what is wrong with the answer whatever was asked, by a request of that method:
//
//   - the header is exactly "Content-Type: application/json", and one names the request;
//   - the body is JSON and not empty, and no null is in it;
//   - an error has a code and a description, and a list has exactly two keys;
//   - one that says that nothing has changed says nothing else.
func (a *Answer) Problems(method string) (problems []string) {
	if a.Status == http.StatusNotModified {
		if a.Body != "" || a.Header.Get("Etag") == "" || a.Header.Get(requestIDHeader) == "" {
			problems = append(problems, "it has a body, or no ETag, or no paysera-correlation-id")
		}
		return problems
	}
	if !slices.Contains(strings.Split(a.Head, "\r\n"), "Content-Type: application/json") || len(a.Header["Content-Type"]) != 1 {
		problems = append(problems, `the header is not exactly "Content-Type: application/json"`)
	}
	if a.Header.Get(requestIDHeader) == "" {
		problems = append(problems, "there is no paysera-correlation-id")
	}
	if method == http.MethodHead {
		if a.Body != "" || a.Header.Get("Content-Length") == "0" {
			problems = append(problems, "the answer to HEAD is not that of GET without its body")
		}
		return problems
	}
	value, err := decodeExactly(a.Body)
	if err != nil {
		return append(problems, fmt.Sprintf("the body is not one JSON value: %v", err))
	}
	problems = append(problems, walk("", value)...)
	var refused walletapi.APIError
	if a.Status != http.StatusOK && (json.Unmarshal([]byte(a.Body), &refused) != nil || refused.Code == "" || refused.Description == "") {
		problems = append(problems, "an error needs error and error_description")
	}
	return problems
}

// decodeExactly reads one JSON value with nothing before or behind it.
func decodeExactly(body string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if decoder.InputOffset() != int64(len(body)) {
		return nil, errors.New("something follows it")
	}
	return value, nil
}

// walk finds what no answer may hold, wherever it stands.
func walk(path string, value any) (problems []string) {
	switch v := value.(type) {
	case nil:
		return []string{path + " is null: what is absent is left out"}
	case []any:
		for i, element := range v {
			problems = append(problems, walk(fmt.Sprintf("%s[%d]", path, i), element)...)
		}
	case map[string]any:
		if _, isList := v["_metadata"]; isList {
			lists := 0
			for name, member := range v {
				if _, ok := member.([]any); ok && name != "_metadata" {
					lists++
				}
			}
			if len(v) != 2 || lists != 1 {
				problems = append(problems, path+" is a list with other keys than its collection and _metadata")
			}
		}
		for name, member := range v {
			problems = append(problems, walk(path+"."+name, member)...)
		}
	}
	return problems
}
