// Package exchange is the files of testdata/exchange and testdata/vectors at work: it reads them, plays them against a
// server, and says where an answer differs from what they say. The README.md beside the files describes the format, so that
// another implementation can do the same. What a file needs of the world that it is played in, beyond answers to requests,
// comes in as functions: see World.
//
// In the other direction it says of a client, from the requests that it makes, which dialect of the protocol it speaks: see
// Client.
package exchange

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Exchange is one request and the answer to it.
type Exchange struct {
	// Line is where it begins in its file.
	Line int
	// Method and Target are the request line's, As is who signs, and Certificate whose TLS client
	// certificate the connection has; empty for plain HTTP.
	Method, Target, As, Certificate string
	// Ext is the context of the request, Body its body; empty for none. Form says that the body is a form.
	Ext, Body string
	Form      bool
	// Before is what the operator does before the request, in the order of the lines.
	Before []string
	// TS is how many seconds the signer's clock is ahead of the server's, After how much later
	// on the business clock this request arrives, and Later how much later it and all below it do.
	TS           float64
	After, Later time.Duration
	// Headers are further header lines of the request, by name and value.
	Headers [][2]string
	// Status, AnswerHeaders and Answer are what comes back; see Blank for what Answer leaves open.
	Status        int
	AnswerHeaders [][2]string
	Answer        string
}

// Anonymous is who signs nothing.
const Anonymous = "anonymous"

// File is a file of exchanges.
type File struct {
	// Name is the file's, without its folder.
	Name      string
	Exchanges []Exchange
}

// Changes says whether one of the exchanges changes the world that it is played in, or the time there.
func (f File) Changes() bool { return Changes(f.Exchanges) }

// Changes says whether one of the exchanges changes the world that it is played in, or the time there.
func Changes(exchanges []Exchange) bool {
	return slices.ContainsFunc(exchanges, func(e Exchange) bool {
		return e.Later != 0 || len(e.Before) > 0 || e.Status == http.StatusOK && !reads(e.Method)
	})
}

// reads says whether a method changes nothing.
func reads(method string) bool {
	return strings.EqualFold(method, http.MethodGet) || strings.EqualFold(method, http.MethodHead)
}

// ReadFiles reads all files of exchanges in a folder, by name. An error begins with the name of the file and the number of
// the line.
func ReadFiles(folder fs.FS) ([]File, error) {
	names, err := fs.Glob(folder, "*.txt")
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		exchanges, err := Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
		files = append(files, File{path.Base(name), exchanges})
	}
	return files, nil
}

// Parse reads the text of a file; an error begins with the number of its line.
func Parse(text string) ([]Exchange, error) {
	if !strings.HasPrefix(text, "# ") {
		return nil, fmt.Errorf("1: begin with a sentence on why this exchange exists")
	}
	var all []Exchange
	var before []string
	for i, line := range strings.Split(text, "\n") {
		kind, rest := line, ""
		if len(line) > 1 {
			kind, rest = line[:1], strings.TrimSpace(line[1:])
		}
		var err error
		switch {
		case strings.TrimSpace(line) == "" || kind == "#":
		case kind == "!":
			before = append(before, rest)
		case kind == ">" && !strings.Contains(strings.SplitN(rest, " ", 2)[0], ":"):
			method, target, _ := strings.Cut(rest, " ")
			all = append(all, Exchange{Line: i + 1, Method: method, Target: target, As: Anonymous, Before: before})
			before = nil
		case len(all) == 0:
			err = fmt.Errorf("begin an exchange with > METHOD TARGET")
		case kind == ">":
			err = all[len(all)-1].request(rest)
		case kind == "<":
			err = all[len(all)-1].answer(rest)
		default:
			err = fmt.Errorf("a line begins with #, !, > or <")
		}
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	for _, e := range all {
		if e.Status == 0 {
			return nil, fmt.Errorf("%d: this exchange has no answer", e.Line)
		}
	}
	return all, nil
}

// said is all of the request in which words may stand.
func (e Exchange) said() string {
	var b strings.Builder
	b.WriteString(e.Target + "\n" + e.Body)
	for _, header := range e.Headers {
		b.WriteString("\n" + header[1])
	}
	return b.String()
}

// request reads a line of a request below its first.
func (e *Exchange) request(line string) error {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	var err error
	switch name {
	case "as":
		e.As = value
	case "ext":
		e.Ext = value
	case "certificate":
		e.Certificate = value
	case "body", "form":
		e.Body, e.Form = value, name == "form"
	case "ts":
		e.TS, err = strconv.ParseFloat(value, 64)
	case "after":
		e.After, err = time.ParseDuration(value + "s")
	case "later":
		e.Later, err = time.ParseDuration(value + "s")
	default:
		if name == strings.ToLower(name) {
			return fmt.Errorf("%q is none of as, certificate, ext, ts, after, later, body and form, and the names of headers begin with a capital", name)
		}
		e.Headers = append(e.Headers, [2]string{name, value})
	}
	return err
}

var headerLine = regexp.MustCompile(`^([A-Z][A-Za-z-]*): (.*)$`)

// answer reads a line of an answer: its status, then headers, then the body.
func (e *Exchange) answer(line string) (err error) {
	if e.Status == 0 {
		e.Status, err = strconv.Atoi(line)
		return err
	}
	if header := headerLine.FindStringSubmatch(line); header != nil && e.Answer == "" {
		e.AnswerHeaders = append(e.AnswerHeaders, [2]string{header[1], header[2]})
		return nil
	}
	e.Answer += line
	return nil
}
