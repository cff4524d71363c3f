package main

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/diagnosis"
	"github.com/purserhq/purser/walletapi"
)

// keyVariable holds the mac_key for those who give no --key-file.
const keyVariable = "PURSER_MAC_KEY"

// keyHelp says where a key comes from, and why it is no argument.
const keyHelp = "The mac_key comes from --key-file FILE, from standard input with --key-file -, or from the\n" +
	"environment variable " + keyVariable + ". It is never an argument: those end in the shell's history\n" +
	"and in the list of processes. The line end of the file is not a part of the key."

// newMACCommand is `purser mac`: the signature by itself, for people who write a client. It
// needs no server and no data folder.
func newMACCommand(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "mac",
		Short: "Sign a request by hand, or find out why a signature does not match",
		Args:  cobra.NoArgs,
	}
	command.AddCommand(newMACSign(p), newMACExplain(p))
	return command
}

// macInput reads what a command is given. Standard input can be read once only.
type macInput struct {
	*program
	used bool
}

// longestInput bounds every file that is read, in bytes.
const longestInput = diagnosis.MaxRequest

func (in *macInput) read(name string) ([]byte, error) {
	from := in.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	} else if in.used {
		return nil, errors.New("standard input can be only one of the request, the data and the keys: put the others into files")
	} else {
		in.used = true
	}
	text, err := io.ReadAll(io.LimitReader(from, longestInput+1))
	if err == nil && len(text) > longestInput {
		err = fmt.Errorf("%s is longer than %d bytes", name, longestInput)
	}
	return text, err
}

// longestKey bounds a key, in bytes; those that are issued have some dozen.
const longestKey = 1024

// content is --data: the text itself, or a file's after @.
func (in *macInput) content(data string) ([]byte, error) {
	if name, isFile := strings.CutPrefix(data, "@"); isFile {
		return in.read(name)
	}
	return []byte(data), nil
}

// key is the mac_key of a file, of standard input or, without a name, of the environment.
// Blanks around it stay: explain tells about them.
func (in *macInput) key(name string) (string, error) {
	key := in.env(keyVariable)
	if name == "" && key == "" {
		return "", errors.New("no key: give --key-file FILE, --key-file - for standard input, or the environment variable " + keyVariable)
	}
	if name != "" {
		text, err := in.read(name)
		if err != nil {
			return "", err
		}
		key = string(text)
	}
	key = strings.TrimRight(key, "\r\n")
	switch {
	case strings.TrimSpace(key) == "":
		return "", errors.New("the key is empty")
	case strings.ContainsAny(key, "\r\n"):
		return "", errors.New("the key has more than one line: the file must hold the mac_key alone")
	case len(key) > longestKey:
		return "", fmt.Errorf("the key is longer than %d bytes: the file must hold the mac_key alone", longestKey)
	}
	return key, nil
}

// signing is what `purser mac sign` is told.
type signing struct {
	id, keyFile, nonce, data string
	// as names a client of the sandbox in a folder, or a profile, whose id and key are taken.
	as, sandbox string
	// quiet leaves out what was signed.
	quiet                 bool
	ts, project, location int64
}

func newMACSign(p *program) *cobra.Command {
	var s signing
	command := &cobra.Command{
		Use:   "sign METHOD URL",
		Short: "Sign a request and print its Authorization header",
		Long: "Signs a request and sends nothing. The header goes to standard output, ready for curl -H; the text\n" +
			"that was signed goes to standard error, one element a line, with the line feeds visible. The URL is\n" +
			"signed as it is written, so write it as it will be sent. --id and the key say who calls; --as takes both\n" +
			"from the sandbox in the data folder, or from a profile.\n\n" + keyHelp,
		Example: "  purser mac sign GET https://wallet.example/rest/v1/client --id wkVd93h2uS --key-file key\n" +
			"  curl -H \"$(purser mac sign GET http://127.0.0.1:8080/rest/v1/client --as shop --quiet)\" http://127.0.0.1:8080/rest/v1/client\n" +
			"  purser mac sign POST http://localhost:8080/rest/v1/transaction --id wkVd93h2uS --key-file key \\\n" +
			"      --data @transaction.json --project 1221",
		Args: cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			if !command.Flags().Changed("ts") {
				s.ts = p.now().Unix()
			}
			if !command.Flags().Changed("nonce") {
				var bits [16]byte
				if _, err := io.ReadFull(p.random, bits[:]); err != nil {
					return err
				}
				s.nonce = hex.EncodeToString(bits[:])
			}
			return s.run(&macInput{program: p}, args[0], args[1])
		},
	}
	flags := command.Flags()
	flags.StringVar(&s.as, "as", "", "`name` of a sandbox client or token (token:1234), or of a profile")
	flags.BoolVar(&s.quiet, "quiet", false, "print the header alone")
	sandboxFlag(p, flags, &s.sandbox)
	flags.StringVar(&s.id, "id", "", "client `id` or access token that the key was issued with")
	flags.StringVar(&s.keyFile, "key-file", "", "`file` that holds the mac_key, or - ["+keyVariable+" is the key itself]")
	flags.Int64Var(&s.ts, "ts", 0, "time of signing in UNIX `seconds` (default now)")
	flags.StringVar(&s.nonce, "nonce", "", "one-time `text` (default 32 random digits)")
	flags.StringVar(&s.data, "data", "", "body as `JSON`, or @FILE, or @- for standard input")
	flags.Int64Var(&s.project, "project", 0, "`id` of the project that the request speaks for")
	flags.Int64Var(&s.location, "location", 0, "`id` of the place that the request is made at")
	return command
}

// caller is the key of who calls; with --as it sets the id too.
func (s *signing) caller(in *macInput) (key string, err error) {
	if s.as == "" {
		return in.key(s.keyFile)
	}
	if s.id != "" || s.keyFile != "" {
		return "", errors.New("--as takes the id and the key from the sandbox: leave --id and --key-file out")
	}
	client, err := in.credentials(s.sandbox, s.as)
	if err != nil {
		return "", err
	}
	mac, ok := client.Auth.(walletapi.MAC)
	if !ok {
		return "", fmt.Errorf("%q does not sign with a MAC", s.as)
	}
	s.id = mac.ID
	return mac.Secret, nil
}

func (s signing) run(in *macInput, method, rawURL string) error {
	r, err := diagnosis.ParseURL(rawURL)
	if err != nil {
		return macPlain(err)
	}
	key, err := s.caller(in)
	if err != nil {
		return err
	}
	if strings.TrimSpace(key) != key {
		return errors.New("the key has blanks around it: take them away, they would be signed with")
	}
	body, err := in.content(s.data)
	if err != nil {
		return err
	}
	ext := walletapi.Ext{}
	if len(body) > 0 {
		ext.BodyHash, ext.HasBodyHash = walletapi.BodyHash(body), true
	}
	if s.project != 0 {
		ext.ProjectID = strconv.FormatInt(s.project, 10)
	}
	if s.location != 0 {
		ext.LocationID = strconv.FormatInt(s.location, 10)
	}
	r.TS, r.Nonce, r.Method, r.Ext = strconv.FormatInt(s.ts, 10), s.nonce, strings.ToUpper(method), ext.String()
	header := walletapi.Authorization{ID: s.id, TS: r.TS, Nonce: r.Nonce, MAC: r.Sign(key), Ext: r.Ext}
	// A nonce or id with a quote would end its own value, so the header is read back.
	if again, err := walletapi.ParseAuthorization(header.String()); err != nil || again != header {
		return errors.New("--id and --nonce must be printable ASCII without quotes and backslashes, and not empty")
	}
	if !s.quiet {
		fmt.Fprint(in.err, diagnosis.Normalized(r))
	}
	_, err = fmt.Fprintln(in.out, "Authorization:", header)
	return err
}

// explaining is what `purser mac explain` is told.
type explaining struct {
	keyFile, method, url, authorization, data string
	otherKeys, origins                        []string
	now                                       int64
	port                                      int
	nonceUsed                                 bool
}

func newMACExplain(p *program) *cobra.Command {
	var e explaining
	command := &cobra.Command{
		Use:   "explain [FILE] --key-file FILE",
		Short: "Find out why a signature does not match",
		Long: "Reads a request as it was sent and says what is wrong with its signature, and what to do about it. It\n" +
			"makes the mistakes that clients make, one and two at a time, until one gives the MAC that was sent; it\n" +
			"also judges body_hash, clock and nonce. It never prints the right MAC or a key, and sends nothing.\n\n" +
			"The request is pasted text, from FILE or from standard input: request line, headers, an empty line, and\n" +
			"the body to the last byte. Or it is put together from --url, --authorization, --method and --data.\n\n" +
			"The clock is judged against the present: for a request that was sent a while ago give --now.\n\n" +
			keyHelp + "\n\n" +
			"Ends with status 0 when the server would accept the request, else 1.",
		Example: "  purser mac explain request.txt --key-file key\n" +
			"  purser mac explain --key-file key --url https://wallet.example/rest/v1/client \\\n" +
			"      --authorization 'MAC id=\"…\", ts=\"…\", nonce=\"…\", mac=\"…\"'",
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			at := p.now()
			if command.Flags().Changed("now") {
				at = time.Unix(e.now, 0)
			}
			return e.run(&macInput{program: p}, args, at)
		},
	}
	flags := command.Flags()
	flags.StringVar(&e.keyFile, "key-file", "", "`file` that holds the mac_key of the id, or - ["+keyVariable+" is the key itself]")
	flags.StringArrayVar(&e.otherKeys, "other-key", nil, "`NAME=FILE` of a key that may have been taken by mistake; may be given more than once")
	flags.Int64Var(&e.now, "now", 0, "server's time when the request came, in UNIX `seconds` (default now)")
	flags.StringArrayVar(&e.origins, "origin", nil, "public `https://host[:port]` of the server, when a proxy changes the Host header; may be given more than once")
	flags.IntVar(&e.port, "port", 0, "`port` that a Host header without one means: 443, or 80 for plain http (default that of --url, else 443)")
	flags.BoolVar(&e.nonceUsed, "nonce-used", false, "the server had seen the same id, ts and nonce before")
	flags.StringVar(&e.method, "method", "", "`method` of the request (default GET, or POST with --data)")
	flags.StringVar(&e.url, "url", "", "whole `URL` of the request, as it was sent")
	flags.StringVar(&e.authorization, "authorization", "", "value of the Authorization `header`")
	flags.StringVar(&e.data, "data", "", "body of the request as `JSON`, or @FILE, or @- for standard input")
	return command
}

func (e explaining) run(in *macInput, args []string, at time.Time) error {
	evidence := diagnosis.Evidence{Now: at, NonceUsed: e.nonceUsed, OtherKeys: make(map[string]string)}
	var err error
	if evidence.Key, err = in.key(e.keyFile); err != nil {
		return err
	}
	for _, other := range e.otherKeys {
		name, file, ok := strings.Cut(other, "=")
		if !ok || name == "" || file == "" {
			return errors.New("--other-key must be NAME=FILE, such as token=token.key")
		}
		if evidence.OtherKeys[name], err = in.key(file); err != nil {
			return fmt.Errorf("--other-key %s: %w", name, err)
		}
	}
	for _, origin := range e.origins {
		r, err := diagnosis.ParseURL(origin)
		if err != nil {
			return fmt.Errorf("--origin %s: %w", origin, macPlain(err))
		}
		evidence.Origins = append(evidence.Origins, auth.Origin{Host: r.Host, Port: r.Port})
	}
	if !slices.Contains([]int{0, 80, 443}, e.port) {
		return errors.New("--port must be 443, or 80 for plain http")
	}
	scheme := 0
	if evidence.Request, scheme, err = e.request(in, args); err != nil {
		return macPlain(err)
	}
	evidence.PlainHTTP = cmp.Or(e.port, scheme) == 80
	d := diagnosis.Explain(evidence)
	if err := printDiagnosis(in.out, d); err != nil {
		return err
	}
	if !d.Accepted() {
		return exitStatus(1)
	}
	return nil
}

// request reads the request from text, or puts it together from the flags. The port is the
// usual one of the URL's scheme, 0 when that is not known.
func (e explaining) request(in *macInput, args []string) (r diagnosis.Request, port int, err error) {
	if e.url == "" && e.authorization == "" && e.method == "" && e.data == "" {
		name := "-"
		if len(args) > 0 {
			name = args[0]
		}
		text, err := in.read(name)
		if err != nil {
			return r, 0, err
		}
		r, err = diagnosis.ParseRequest(text)
		return r, 0, err
	}
	switch {
	case len(args) > 0:
		return r, 0, errors.New("give the request as a file or by flags, not both")
	case e.url == "" || e.authorization == "":
		return r, 0, errors.New("a request given by flags needs --url and --authorization")
	}
	called, err := diagnosis.ParseURL(e.url)
	if err != nil {
		return r, 0, err
	}
	port = 443
	if strings.HasPrefix(strings.ToLower(e.url), "http:") {
		port = 80
	}
	r = diagnosis.Request{Method: e.method, Target: called.Target, Host: called.Host}
	if called.Port != strconv.Itoa(port) {
		r.Host += ":" + called.Port
	}
	if r.Body, err = in.content(e.data); err != nil {
		return r, 0, err
	}
	if r.Method == "" && len(r.Body) > 0 {
		r.Method = "POST"
	}
	r.Method = cmp.Or(r.Method, "GET")
	header := strings.TrimSpace(e.authorization)
	if name, value, ok := strings.Cut(header, ":"); ok && strings.EqualFold(name, "Authorization") {
		header = strings.TrimSpace(value)
	}
	r.Authorization, err = walletapi.ParseAuthorization(header)
	return r, port, err
}

// printDiagnosis writes a diagnosis for a reader.
func printDiagnosis(to io.Writer, d diagnosis.Diagnosis) error {
	var text strings.Builder
	text.WriteString("What a right client signs here, each line ended by one line feed (\\n):\n\n")
	for line := range strings.Lines(diagnosis.Normalized(d.Normalized)) {
		text.WriteString("  " + line)
	}
	verdict := "The MAC does not match."
	if d.MACMatches {
		verdict = "The MAC matches."
	}
	text.WriteString("\n" + verdict + "\n")
	for i, found := range d.Findings {
		fmt.Fprintf(&text, "\n%d. %s [%s]\n", i+1, found.Cause.Title(), found.Cause)
		for _, sentence := range []string{found.Did, found.Cause.Cure()} {
			writeWrapped(&text, sentence)
		}
	}
	verdict = "The server would refuse this request."
	if d.Accepted() {
		verdict = "The server would accept this request."
	}
	text.WriteString("\n" + verdict + "\n")
	_, err := io.WriteString(to, text.String())
	return err
}

// writeWrapped writes an indented paragraph that fits a terminal.
func writeWrapped(to *strings.Builder, sentence string) {
	const width = 90
	at := 0
	for _, word := range strings.Fields(sentence) {
		if at == 0 || at+1+len(word) > width {
			if at > 0 {
				to.WriteString("\n")
			}
			to.WriteString("   " + word)
			at = 3 + len(word)
			continue
		}
		to.WriteString(" " + word)
		at += 1 + len(word)
	}
	to.WriteString("\n")
}

// macPlain takes the name of the package off an error that a person reads.
func macPlain(err error) error {
	var request diagnosis.ErrRequest
	var header walletapi.ErrAuthorization
	switch {
	case errors.As(err, &request):
		return errors.New(string(request))
	case errors.As(err, &header):
		return errors.New(string(header))
	}
	return err
}
