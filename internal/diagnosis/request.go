package diagnosis

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/purserhq/purser/walletapi"
)

// MaxRequest bounds the text that ParseRequest reads, in bytes: a body of the largest
// size that the server takes, and its headers.
const MaxRequest = 1<<20 + 64<<10

// Request is a request as it goes over the wire, as far as a MAC is concerned.
type Request struct {
	// Method is as sent.
	Method string
	// Target is the path and query of the request line, or a whole URL, never re-encoded.
	Target string
	// Host is the value of the Host header, with its port when it has one.
	Host string
	// Authorization is the parsed header.
	Authorization walletapi.Authorization
	// Body is the bytes of the body.
	Body []byte
}

// ErrRequest says that a text is not a request with a MAC. Its text names what is missing
// and never repeats a value.
type ErrRequest string

// Error is what is wrong with the text.
func (e ErrRequest) Error() string { return "diagnosis: " + string(e) }

// ParseRequest reads a request that somebody pasted: request line, headers, an empty
// line, and the body to the last byte. In the headers it forgives line feeds without
// carriage return, folded lines (also those of an Authorization header that is folded
// without indentation, as documents print it) and a missing HTTP/1.1. Where a
// Content-Length is given, line feeds after the body are not the body's. The error is an
// ErrRequest, or a walletapi.ErrAuthorization for the header of that name.
func ParseRequest(text []byte) (r Request, err error) {
	if len(text) > MaxRequest {
		return r, ErrRequest(fmt.Sprintf("the request is longer than %d bytes", MaxRequest))
	}
	line, rest := cutLine(bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), "\r\n"))
	if r.Method, r.Target, err = requestLine(line); err != nil {
		return r, err
	}
	headers, body, err := readHeaders(rest)
	if err != nil {
		return r, err
	}
	if r.Host = headers["host"]; r.Host == "" {
		_, r.Host, _, _ = cutURL(r.Target)
	}
	header, signed := headers["authorization"]
	switch {
	case r.Host == "":
		return r, ErrRequest("the Host header is missing")
	case !signed:
		return r, ErrRequest("the Authorization header is missing")
	}
	if r.Authorization, err = walletapi.ParseAuthorization(header); err != nil {
		return r, err
	}
	r.Body, err = bodyOf(body, headers)
	return r, err
}

// requestLine reads `METHOD target [HTTP/1.1]`.
func requestLine(line string) (method, target string, err error) {
	method, target, _ = strings.Cut(strings.TrimSpace(line), " ")
	if at := strings.LastIndex(target, " HTTP/"); at >= 0 {
		target = target[:at]
	}
	target = strings.TrimSpace(target)
	switch {
	case method == "":
		err = ErrRequest("the text is empty: it must begin with a request line such as GET /rest/v1/client HTTP/1.1")
	case !token.MatchString(method) || strings.HasPrefix(target, "HTTP/"):
		err = ErrRequest("the text must begin with a request line such as GET /rest/v1/client HTTP/1.1")
	case target == "":
		err = ErrRequest("the request line has no path")
	case strings.ContainsAny(target, " \t\r"):
		err = ErrRequest("the path of the request line holds a blank; on the wire it is %20 or +")
	case target[0] != '/' && !strings.Contains(target, "://"):
		err = ErrRequest("the path of the request line must begin with a slash")
	}
	return method, target, err
}

// readHeaders reads header lines up to an empty one, and answers them by their names in
// lower case, with what comes after the empty line.
func readHeaders(text []byte) (map[string]string, []byte, error) {
	headers := make(map[string]string)
	last := ""
	for number := 2; len(text) > 0; number++ {
		line, rest := cutLine(text)
		text = rest
		if strings.TrimSpace(line) == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		folded := line[0] == ' ' || line[0] == '\t' || last == "authorization" && !(ok && token.MatchString(name))
		if folded && last != "" {
			headers[last] = strings.TrimSpace(headers[last] + " " + strings.TrimSpace(line))
			continue
		}
		if !ok || !token.MatchString(name) {
			return nil, nil, ErrRequest(fmt.Sprintf("line %d of the headers is not of the form Name: value", number))
		}
		last = strings.ToLower(name)
		if _, twice := headers[last]; twice && slices.Contains([]string{"host", "authorization", "content-length"}, last) {
			return nil, nil, ErrRequest("the header " + last + " stands twice")
		}
		headers[last] = strings.TrimSpace(value)
	}
	return headers, text, nil
}

// cutLine cuts a line off, without its line end.
func cutLine(text []byte) (line string, rest []byte) {
	head, rest, _ := bytes.Cut(text, []byte("\n"))
	return strings.TrimSuffix(string(head), "\r"), rest
}

// token is what may be a method or the name of a header.
var token = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

// bodyOf is the body as long as Content-Length says. Editors end a file with a line
// feed of their own, so one more is not the body's; any other difference is a mistake of
// copying that would lead the diagnosis astray.
func bodyOf(body []byte, headers map[string]string) ([]byte, error) {
	given, ok := headers["content-length"]
	if !ok {
		return body, nil
	}
	length, err := strconv.ParseUint(given, 10, 31)
	if err != nil {
		return nil, ErrRequest("the Content-Length header is not a number")
	}
	if n := int(length); n <= len(body) && len(bytes.Trim(body[n:], "\r\n")) == 0 {
		return body[:n], nil
	}
	return nil, ErrRequest(fmt.Sprintf("Content-Length says %d bytes, and %d bytes follow the headers; "+
		"paste the body as it was sent, or take the Content-Length line out", length, len(body)))
}

// ParseURL is what a right client signs of the absolute http or https URL that it calls:
// Target, Host and Port are set, the rest is empty. Nothing is re-encoded, because the target
// has to be the one of the request line. The error is an ErrRequest.
func ParseURL(raw string) (walletapi.Request, error) {
	var r walletapi.Request
	standard, authority, target, ok := cutURL(raw)
	if !ok {
		return r, ErrRequest("the URL must begin with https:// or http://")
	}
	host, port := cutPort(strings.ToLower(authority))
	port = cmp.Or(port, standard)
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return r, ErrRequest("the port of the URL is not a number up to 65535")
	}
	if host == "" || strings.ContainsAny(host, "@ \t\r\n") {
		return r, ErrRequest("the URL needs a host, and no user before it")
	}
	if strings.ContainsAny(target, " \t\r\n") {
		return r, ErrRequest("the URL holds a blank; write %20 or +")
	}
	return walletapi.Request{Target: target, Host: host, Port: port}, nil
}

// cutURL parts an absolute URL: the port that goes without saying, the host as written with
// its port if it has one, and the path and query. Not ok for anything else.
func cutURL(raw string) (standardPort, authority, target string, ok bool) {
	scheme, rest, _ := strings.Cut(raw, "://")
	switch strings.ToLower(scheme) {
	case "https":
		standardPort = "443"
	case "http":
		standardPort = "80"
	default:
		return "", "", "", false
	}
	rest, _, _ = strings.Cut(rest, "#")
	authority, target = rest, "/"
	if at := strings.IndexAny(rest, "/?"); at >= 0 {
		authority, target = rest[:at], rest[at:]
	}
	if target[0] != '/' {
		target = "/" + target
	}
	return standardPort, authority, target, true
}
