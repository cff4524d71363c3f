package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser"
	"github.com/purserhq/purser/internal/exchange"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

// conforming is `purser conform`: the exchange files and vectors held against a server, or a client.
type conforming struct {
	against, manifest, files string
	change                   bool
	listen                   string
	limit                    time.Duration
}

func newConform(p *program) *cobra.Command {
	var c conforming
	command := &cobra.Command{
		Use:   "conform [PATTERN]…",
		Short: "Hold a server, or a client, against the exchange files and vectors",
		Long: "Sends the requests of the exchange files to the server at --against, byte for byte, and compares the answers; sends each\n" +
			"vector as a call, and each mistake in a signature, which must be refused; and signs as each known client does. Who signs\n" +
			"is in a manifest like a sandbox's sandbox.json. PATTERN is the name of a file, such as wallet.txt or 'wallet*', or\n" +
			"dialects; without one all are played.\n\n" +
			"A file that moves the clock, needs an operator or a code that somebody was sent is played where --data names the folder\n" +
			"of the `purser dev` that answers, and is left out otherwise. So is one that changes the world: with --data each is played\n" +
			"on the world of the beginning, which is restored behind it and at the end; with --change alone it is played on the world\n" +
			"as it is. What is left out is named, and does not count as passed.\n\n" +
			"With --listen it is the server: a fresh sandbox for a client under test. Each request is shown in a line, with the mistake\n" +
			"where it is refused; at the end, with Ctrl-C or after --for, a report says what was called and which dialect was spoken.\n\n" +
			"Ends with status 0 only when nothing differs, or no request was refused for its signature or its fields.",
		Example: "  purser conform --data ./purser-data\n" +
			"  purser conform --against https://wallet.example --sandbox wallet.json 'client*'\n" +
			"  purser conform --listen 127.0.0.1:8080 --for 5m",
		Args: cobra.ArbitraryArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&c.against, "against", "", "`address` of the server: scheme, host, port, and a path before /rest/v1 where there is one (default the manifest's base_url)")
		flags.StringVar(&c.manifest, "sandbox", "", "`file` with the credentials, or the folder of its sandbox.json (default that of --data)")
		flags.StringVar(&c.files, "files", "", "`folder` with other exchange files and vectors than those in this program")
		flags.BoolVar(&c.change, "change", false, "play files that change the world on the world as it is, where it cannot be renewed")
		flags.StringVar(&c.listen, "listen", "", "`address` to answer a client under test at, such as 127.0.0.1:8080")
		flags.DurationVar(&c.limit, "for", 0, "with --listen: end after this `time`")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		switch {
		case c.listen != "" && (c.against != "" || c.manifest != "" || c.files != "" || c.change || len(v.args) > 0 || namesFolder(v)):
			return errors.New("--listen is for a client, and has its own world and no files: give it alone, or with --for")
		case c.listen == "" && v.given("for"):
			return errors.New("--for belongs to --listen")
		case c.listen != "":
			return v.hear(c.listen, c.limit)
		}
		return v.conform(c)
	})
}

// namesFolder says whether the command line has --data. The environment does not do: the folder's world is thrown away and restored.
func namesFolder(v *verb) bool { return strings.Contains(v.reachGiven+" ", " --data ") }

// conform holds a server against the files.
func (v *verb) conform(c conforming) error {
	files, vectors, err := c.folders()
	if err != nil {
		return err
	}
	steered := namesFolder(v)
	if c.manifest == "" {
		if !steered && c.against != "" {
			return errors.New("name the file with the credentials of that server: --sandbox FILE; docs/conform.md says what is in it")
		}
		c.manifest = v.config.data
	}
	target, err := v.newTarget(c)
	if err != nil {
		return err
	}
	run := exchange.Run{World: target.world(), Change: c.change}
	if run.Files, err = chosen(files, v.args); err != nil {
		return err
	}
	if run.Vectors, err = exchange.Vectors(vectors, target.live(v)); err != nil {
		return err
	}
	run.Vectors = chosenVectors(append(run.Vectors, exchange.Dialects(target.live(v))), v.args)
	for _, pattern := range v.args {
		if !finds(pattern, run) {
			return fmt.Errorf("no file is called %s", pattern)
		}
	}
	if !steered { // a sandbox that is steered is asked for first
		if _, err := target.send(v.ctx, exchange.Message{Method: http.MethodGet, Target: "/rest/v1/server"}); err != nil {
			return fmt.Errorf("nothing can be said of the server at %s: %w", target.origin, err)
		}
	}
	if !v.json {
		run.Done = func(r exchange.Result) { fmt.Fprint(v.out, visibleLines(r.String())) }
	}
	report, err := v.steer(steered, run)
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before the end: what was not played is not told")
	}
	if err != nil {
		return err
	}
	if v.json {
		err = v.writeJSON(report)
	} else {
		_, err = io.WriteString(v.out, report.String())
	}
	if err == nil && !report.Conforms() {
		err = exitStatus(1)
	}
	return err
}

// steer plays everything, with the sandbox of the data folder in its hands where it is steered.
func (v *verb) steer(steered bool, run exchange.Run) (report exchange.Report, err error) {
	if !steered {
		return run.All(v.ctx)
	}
	s := &steering{v: v}
	if err := s.begin(); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	run.World.Later, run.World.After, run.World.Operate, run.World.Code = s.later, s.after, s.operate, s.code
	run.Renew = s.renew
	return run.All(v.ctx)
}

// visibleLines is text for a terminal: what a server under test says comes from strangers.
func visibleLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(printable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

// folders are where the exchange files and the vectors are.
func (c conforming) folders() (files, vectors fs.FS, err error) {
	if c.files == "" {
		if files, err = fs.Sub(purser.Exchanges, "testdata/exchange"); err == nil {
			vectors, err = fs.Sub(purser.Exchanges, "testdata/vectors")
		}
		return files, vectors, err
	}
	if _, err := os.ReadDir(c.files); err != nil {
		return nil, nil, fmt.Errorf("--files: %w", err)
	}
	folder := os.DirFS(c.files)
	return folder, folder, nil
}

// chosen are the files whose names match one of the patterns; all for none.
func chosen(folder fs.FS, patterns []string) ([]exchange.File, error) {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("%q is no pattern: write the name of a file, with * for any letters", pattern)
		}
	}
	all, err := exchange.ReadFiles(folder)
	var files []exchange.File
	for _, file := range all {
		if isChosen(file.Name, patterns) {
			files = append(files, file)
		}
	}
	return files, err
}

// chosenVectors are the files of vectors whose names match.
func chosenVectors(all []exchange.VectorFile, patterns []string) (files []exchange.VectorFile) {
	for _, file := range all {
		if isChosen(file.Name, patterns) {
			files = append(files, file)
		}
	}
	return files
}

// finds says whether a pattern is the name of something that is played.
func finds(pattern string, run exchange.Run) bool {
	for _, file := range run.Files {
		if isChosen(file.Name, []string{pattern}) {
			return true
		}
	}
	return len(chosenVectors(run.Vectors, []string{pattern})) > 0
}

// isChosen says whether the name of a file, with or without its end, matches one of the patterns, or there is none.
func isChosen(name string, patterns []string) bool {
	for _, pattern := range patterns {
		whole, _ := path.Match(pattern, name)
		stem, _ := path.Match(pattern, strings.TrimSuffix(name, path.Ext(name)))
		if whole || stem {
			return true
		}
	}
	return len(patterns) == 0
}

// underTest is a server that is called byte for byte.
type underTest struct {
	*program
	manifest *sandbox.Manifest
	// origin has scheme and host, and prefix stands before every path.
	origin *url.URL
	prefix string
	// trusted are the authorities of TLS; nil for the system's.
	trusted *x509.CertPool
}

func (v *verb) newTarget(c conforming) (*underTest, error) {
	manifest, err := readManifest(c.manifest)
	if err != nil {
		return nil, err
	}
	if c.against == "" {
		c.against = manifest.BaseURL
	}
	origin, err := url.Parse(c.against)
	if err != nil || origin.Host == "" || origin.Scheme != "http" && origin.Scheme != "https" || origin.RawQuery != "" {
		return nil, fmt.Errorf("--against %q: write scheme, host and port, such as https://wallet.example:8443", c.against)
	}
	t := &underTest{program: v.program, manifest: manifest, origin: origin, prefix: strings.TrimSuffix(origin.EscapedPath(), "/")}
	t.prefix = strings.TrimSuffix(t.prefix, "/rest/v1")
	if manifest.TLSCA != "" {
		authority, err := os.ReadFile(manifest.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("reading tls_ca of the manifest: %w", err)
		}
		if t.trusted, err = x509.SystemCertPool(); err != nil {
			t.trusted = x509.NewCertPool()
		}
		t.trusted.AppendCertsFromPEM(authority)
	}
	return t, nil
}

// readManifest reads a manifest, or that of a data folder.
func readManifest(name string) (*sandbox.Manifest, error) {
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		name = filepath.Join(name, sandbox.ManifestFile)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the credentials: %w; start `purser dev`, or name the file with --sandbox", err)
	}
	m := &sandbox.Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return m, nil
}

// world is the server for exchange files.
func (t *underTest) world() exchange.World {
	w := exchange.World{
		Send: t.send, Now: t.now,
		Credentials: func(name string) (walletapi.MAC, bool) {
			id, key, ok := t.manifest.Credentials(name)
			return walletapi.MAC{ID: id, Secret: key.Reveal()}, ok
		},
		HasCertificate: func(name string) bool {
			_, err := t.certificate(name)
			return err == nil && t.manifest.TLSBaseURL != ""
		},
	}
	for _, c := range t.manifest.Clients {
		w.Secrets = append(w.Secrets, c.MACKey)
	}
	for _, token := range t.manifest.Tokens {
		w.Secrets = append(w.Secrets, token.AccessToken, token.MACKey, token.RefreshToken)
	}
	return w
}

// live is the server for vectors: the manifest's first client signs.
func (t *underTest) live(v *verb) exchange.Live {
	l := exchange.Live{Scheme: t.origin.Scheme, Host: t.origin.Host, Prefix: t.prefix, Now: t.now, Routes: httpapi.Patterns(), Nonce: func() string {
		var bits [16]byte
		if _, err := io.ReadFull(v.random, bits[:]); err != nil {
			panic(err) // it is the machine's
		}
		return hex.EncodeToString(bits[:])
	}}
	id, key, ok := t.manifest.Credentials(defaultClient)
	if !ok && len(t.manifest.Clients) > 0 {
		id, key, _ = t.manifest.Credentials(t.manifest.Clients[0].Name)
	}
	l.MAC = walletapi.MAC{ID: id, Secret: key.Reveal()}
	return l
}

// certificate is the TLS client certificate of a client in the manifest.
func (t *underTest) certificate(name string) (pair tls.Certificate, err error) {
	for _, c := range t.manifest.Clients {
		if c.Name == name && c.Certificate != "" {
			return tls.LoadX509KeyPair(c.Certificate, c.PrivateKey)
		}
	}
	return pair, fmt.Errorf("the manifest has no certificate of %q", name)
}

const (
	// conformTimeout is how long a server under test has for one answer.
	conformTimeout = 30 * time.Second
	// maxConformAnswer bounds an answer, in bytes.
	maxConformAnswer = 16 << 20
)

// send sends one message over a connection of its own.
func (t *underTest) send(ctx context.Context, m exchange.Message) (*exchange.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, conformTimeout)
	defer cancel()
	to, secure := t.origin, &tls.Config{RootCAs: t.trusted}
	if m.Certificate != "" {
		pair, err := t.certificate(m.Certificate)
		if err != nil {
			return nil, err
		}
		secure.Certificates = []tls.Certificate{pair}
		if to, err = url.Parse(t.manifest.TLSBaseURL); err != nil {
			return nil, fmt.Errorf("tls_base_url of the manifest: %w", err)
		}
	}
	if m.Host == "" {
		m.Host = to.Host
	}
	if strings.HasPrefix(m.Target, "/") {
		m.Target = t.prefix + m.Target
	}
	nonce, err := exchange.Nonce(t.random)
	if err != nil {
		return nil, err
	}
	if _, port, err := net.SplitHostPort(to.Host); to.Scheme == "http" && (err != nil || port == "") {
		m.Signing = append(m.Signing, func(r *walletapi.Request) { r.Port = "80" })
	}
	connection, err := dial(ctx, to, secure)
	if err != nil {
		return nil, unreachable(err)
	}
	defer connection.Close()
	defer context.AfterFunc(ctx, func() { connection.Close() })()
	if _, err := io.WriteString(connection, m.Compose(t.now(), nonce)); err != nil {
		return nil, fmt.Errorf("the server stopped reading, so a client that writes everything first never sees the answer: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(connection, maxConformAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	answer, _, err := exchange.ReadAnswer(m.Method, string(raw))
	return answer, err
}

// dial connects to an address.
func dial(ctx context.Context, to *url.URL, secure *tls.Config) (net.Conn, error) {
	address := to.Host
	if to.Port() == "" {
		address = net.JoinHostPort(to.Hostname(), map[string]string{"http": "80", "https": "443"}[to.Scheme])
	}
	if to.Scheme == "https" {
		return (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}
