package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// config is every setting of a server. Each comes from its flag, else from the environment
// variable PURSER_ and its name in capitals, else from the TOML file, else it has its default.
type config struct {
	file            string
	listen          string
	data            string
	database        string
	kekFile         string
	tlsCertificate  string
	tlsKey          string
	behindProxy     bool
	origins         []string
	currencies      []string
	clockSkew       time.Duration
	minimumPassword int
	shutdownTimeout time.Duration
	logLevel        string
	// rateLimit, deviceRateLimit and addressRateLimit are calls a minute; 0 is no limit.
	rateLimit, deviceRateLimit, addressRateLimit int
	registrationsPerHour, phoneCodesPerHour      int
	retireQuietKeys                              int
	clientCertificates                           bool
	trustedProxies                               []string
	certificateHeader                            string
	// accessTokenLifetime and refreshTokenLifetime are how long the tokens of users work.
	accessTokenLifetime, refreshTokenLifetime span
	// smtp is a mail server, and mailFrom who sends; messageCommand sends what no mail server can.
	smtp, mailFrom, messageCommand string
	// messageTemplates is a folder with the operator's own words.
	messageTemplates string
	// smtpPassword comes from PURSER_SMTP_PASSWORD alone: it must stand on no command line and in no file.
	smtpPassword secret.Text
	// seed is where a new sandbox's ids come from, clock where its clock stands.
	seed, clock string
	// tlsListen is where the sandbox answers over TLS.
	tlsListen string
	// verifyEvery is how often a sample of the books is verified, 0 for never; metrics is where /metrics is answered.
	verifyEvery time.Duration
	metrics     string
	// logOrigin is what the Merkle log is called when it is made.
	logOrigin string
	// spotPrefix is what the codes of spots begin with.
	spotPrefix string
	// codeLink is the address that printed codes stand in.
	codeLink string
	// docs has serve answer with the manual.
	docs bool
	// plainCallbacks lets callbacks go over plain HTTP.
	plainCallbacks bool
	// identification says whether a document that was shown at a place counts at once.
	identification identificationPolicy
	// kek is the key-encryption key, from PURSER_KEK or the file.
	kek secret.Text
	// unknown are variables of the environment that look like settings and are none.
	unknown []string
}

// defaultData is the data folder of all commands.
const defaultData = "./purser-data"

// defaultCurrencies are known to every phone app of the protocol (spec/mobile-sdks.md §0.14).
var defaultCurrencies = []string{
	"EUR", "USD", "GBP", "PLN", "CHF", "CZK", "DKK", "NOK", "SEK", "HUF", "RON", "UAH", "GEL", "TRY", "JPY", "CAD", "AUD",
}

// common are the settings that dev and serve share.
func (c *config) common(flags *pflag.FlagSet) {
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	flags.StringVar(&c.data, "data", defaultData, "`folder` for the database, the lock and what was seen of nonces")
	flags.StringSliceVar(&c.origins, "origin", nil, "public `origins` that clients sign when a proxy or a test changes the Host header, such as https://wallet.example")
	flags.StringSliceVar(&c.currencies, "currencies", defaultCurrencies, "`currencies` that wallets may hold")
	flags.DurationVar(&c.clockSkew, "clock-skew", auth.DefaultWindow, "how far a client's clock may be off")
	flags.IntVar(&c.minimumPassword, "minimum-password-length", 8, "`characters` that a user's password must have")
	flags.DurationVar(&c.shutdownTimeout, "shutdown-timeout", 10*time.Second, "how long running requests may take to end when the server stops")
	flags.IntVar(&c.rateLimit, "rate-limit", 0, "`calls` a minute of one client or token; 0 is no limit")
	flags.IntVar(&c.deviceRateLimit, "device-rate-limit", 0, "`calls` a minute of one device; generous, since a refusal parks some phone apps; 0 is no limit")
	flags.IntVar(&c.addressRateLimit, "address-rate-limit", 0, "`calls` a minute from one network address; 0 is no limit")
	flags.IntVar(&c.registrationsPerHour, "registrations-per-hour", 0, "`devices` that one application may register in an hour; 0 is no limit")
	flags.IntVar(&c.phoneCodesPerHour, "phone-codes-per-hour", 0, "`codes` and invitations that go to phones in an hour, whoever causes them, before the next ones wait; 0 is no limit")
	flags.IntVar(&c.retireQuietKeys, "retire-quiet-keys", 30, "after how many `days` without use a key that was replaced is retired; 0 is never")
	c.accessTokenLifetime, c.refreshTokenLifetime = span(time.Hour), span(90*24*time.Hour)
	flags.Var(&c.accessTokenLifetime, "access-token-lifetime", "`time` that an access token of a user works")
	flags.Var(&c.refreshTokenLifetime, "refresh-token-lifetime", "`time` that a refresh token works: who does not use an app for so long signs in again")
	flags.StringVar(&c.messageTemplates, "message-templates", "", "`folder` with your own words for messages to people; docs/operations.md says how they are written")
	flags.DurationVar(&c.verifyEvery, "verify-every", 10*time.Second, "how often a sample of the books is recomputed from the journal; 0 is never")
	flags.StringVar(&c.logOrigin, "log-origin", "", "the `name` of the ledger's log when it is made, such as purser.example/ledger; it keeps that")
	flags.StringVar(&c.spotPrefix, "spot-prefix", wallet.DefaultSpotPrefix, "what the `codes` of tables and tills begin with, as in PAYSERA*3:TABLE1; codes that are printed go on to say what they say")
	flags.StringVar(&c.codeLink, "code-link", "", "`address` that printed codes stand in, such as https://pay.example/app, for people who scan them with another program; without it codes are bare")
	c.identification = secondLook
	flags.Var(&c.identification, "identification", "`policy` of documents that are shown at places: at-once, or second-look, which is yours: purser identification")
	flags.StringVar(&c.metrics, "metrics", "", "`address` to answer GET /metrics on, for Prometheus; one without a host, such as :9090, is for this machine alone")
	flags.StringVar(&c.logLevel, "log-level", "info", "`level` of the log: debug, info, warn or error; requests are logged at info")
}

// production are the settings of serve alone.
func (c *config) production(flags *pflag.FlagSet) {
	flags.StringVar(&c.file, "config", "", "TOML `file` with these settings by name, such as listen = \"…\"")
	flags.StringVar(&c.database, "database", "", "sqlite:PATH or postgres://…; `address` of the database (default sqlite:purser.db in the data folder)")
	flags.StringVar(&c.kekFile, "kek-file", "", "`file` with the key-encryption key: 32 bytes in base64 or hex; or set PURSER_KEK to the key itself")
	flags.StringVar(&c.tlsCertificate, "tls-certificate", "", "PEM `file` with the server's certificate chain")
	flags.StringVar(&c.tlsKey, "tls-key", "", "PEM `file` with the certificate's private key")
	flags.BoolVar(&c.behindProxy, "behind-proxy", false, "a proxy in front ends TLS; needs --origin")
	flags.BoolVar(&c.clientCertificates, "client-certificates", true, "ask for TLS client certificates; whoever has none is not kept out")
	flags.StringSliceVar(&c.trustedProxies, "trusted-proxy", nil, "`addresses` or networks of proxies that are believed about who called them, such as 10.0.0.5 or 10.0.0.0/8")
	flags.StringVar(&c.certificateHeader, "certificate-header", "", "`header` in which a trusted proxy passes a client certificate on, such as X-Client-Certificate; it must replace what comes in")
	flags.StringVar(&c.smtp, "smtp", "", "`address` of the mail server for messages to people, such as smtp://user@mail.example:587 or smtps://…; its password is PURSER_SMTP_PASSWORD")
	flags.StringVar(&c.mailFrom, "mail-from", "", "`sender` of that mail, such as \"Wallet <wallet@example.com>\"")
	flags.StringVar(&c.messageCommand, "message-command", "", "`program` that sends messages to phones, and mail where --smtp is not set: one JSON object on its standard input")
	flags.BoolVar(&c.plainCallbacks, "plain-callbacks", false, "let callbacks go to http addresses too, which anybody on the way can read; without it to https alone")
	flags.BoolVar(&c.docs, "docs", true, "answer with this program's documentation at /docs, to anybody")
	c.limits(flags)
}

// limits turns the limits on that a sandbox does without (decisions.md 16).
func (c *config) limits(flags *pflag.FlagSet) {
	for name, value := range map[string]int{
		"rate-limit": 600, "device-rate-limit": 3000, "address-rate-limit": 6000, "registrations-per-hour": 1000, "phone-codes-per-hour": 500,
	} {
		f := flags.Lookup(name)
		f.DefValue = strconv.Itoa(value)
		if err := f.Value.Set(f.DefValue); err != nil {
			panic(err) // it is a number
		}
	}
}

// sandboxed are the settings of dev alone.
func (c *config) sandboxed(flags *pflag.FlagSet) {
	flags.StringVar(&c.tlsListen, "tls-listen", "", "`address` to listen on with TLS, which asks for client certificates (default --listen's with port 8443, or 363 above it, or a free one)")
	flags.StringVar(&c.seed, "seed", "", "`text` that a new sandbox draws its ids and visible tokens from: the same ones for the same text; keys are made by chance all the same")
	flags.StringVar(&c.clock, "clock", "", "`time` at which a new sandbox's clock stands, such as 2027-03-01 or 2027-03-01T12:00:00Z; purser sandbox clock moves it")
}

// tlsAddress is where the sandbox answers over TLS: 8443 beside 8080.
func (c *config) tlsAddress() (string, error) {
	if c.tlsListen != "" {
		return c.tlsListen, nil
	}
	host, text, err := net.SplitHostPort(c.listen)
	if err != nil {
		return "", fmt.Errorf("--listen %s: %w", c.listen, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port == 0 || port > 1<<16-1-363 {
		return net.JoinHostPort(host, "0"), nil
	}
	return net.JoinHostPort(host, strconv.Itoa(port+363)), nil
}

// settings binds the flags of a command and documents their environment variables.
func settings(p *program, command *cobra.Command, c *config, bind ...func(*pflag.FlagSet)) {
	for _, b := range bind {
		b(command.Flags())
	}
	command.Flags().SortFlags = false
	command.Flags().VisitAll(func(f *pflag.Flag) {
		if !isAct(f.Name) {
			f.Usage += " [" + variable(f.Name) + "]"
		}
	})
	command.PreRunE = func(command *cobra.Command, _ []string) error { return c.complete(p, command.Flags()) }
}

// isAct says whether a flag is part of one command rather than a setting: what destroys or
// moves something must be said on the command line, each time.
func isAct(flag string) bool {
	return slices.Contains([]string{"fresh", "apply", "reason", "help"}, flag)
}

// variable is the environment variable of a setting.
func variable(flag string) string {
	return "PURSER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// complete fills in what no flag gave, from the environment and the file.
func (c *config) complete(p *program, flags *pflag.FlagSet) error {
	var refused error
	kekFileGiven := flags.Changed("kek-file")
	set := func(f *pflag.Flag, value, source string) {
		if f.Changed || refused != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			refused = fmt.Errorf("%s: %w", source, err)
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if value := p.env(variable(f.Name)); value != "" && !isAct(f.Name) {
			set(f, value, variable(f.Name))
		}
	})
	if refused == nil && c.file != "" {
		values, err := readTOML(c.file)
		if err != nil {
			return err
		}
		for name, value := range values {
			f := flags.Lookup(strings.ReplaceAll(name, "_", "-"))
			if f == nil || f.Name == "config" || isAct(f.Name) {
				return fmt.Errorf("%s: %q is not a setting; `purser serve --help` lists them", c.file, name)
			}
			set(f, value, c.file+": "+name)
		}
	}
	if refused != nil {
		return refused
	}
	c.unknown = unknownVariables(p, flags)
	c.smtpPassword = secret.Text(p.env("PURSER_SMTP_PASSWORD"))
	if !kekFileGiven {
		c.kek = secret.Text(p.env("PURSER_KEK"))
	}
	if c.kek == "" && c.kekFile != "" {
		text, err := os.ReadFile(c.kekFile)
		if err != nil {
			return fmt.Errorf("reading the key-encryption key: %w", err)
		}
		c.kek = secret.Text(text)
	}
	return nil
}

// unknownVariables are those of the environment that look like settings and are none. They are told rather than refused: where a
// service is called purser, a cluster sets PURSER_PORT by itself.
func unknownVariables(p *program, flags *pflag.FlagSet) (names []string) {
	if p.environ == nil {
		return nil
	}
	known := map[string]bool{"PURSER_KEK": true, "PURSER_SMTP_PASSWORD": true}
	flags.VisitAll(func(f *pflag.Flag) { known[variable(f.Name)] = !isAct(f.Name) })
	for _, one := range p.environ() {
		name, value, _ := strings.Cut(one, "=")
		if strings.HasPrefix(name, "PURSER_") && !strings.HasPrefix(name, "PURSER_TEST_") && !known[name] && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// readTOML reads a flat TOML file as texts that flags understand.
func readTOML(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var raw map[string]any
	if err := toml.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values := make(map[string]string, len(raw))
	for name, value := range raw {
		switch v := value.(type) {
		case []any:
			parts := make([]string, len(v))
			for i := range v {
				parts[i] = fmt.Sprint(v[i])
			}
			values[name] = strings.Join(parts, ",")
		case map[string]any:
			return nil, fmt.Errorf("%s: %q is a table; settings are plain values", path, name)
		default:
			values[name] = fmt.Sprint(v)
		}
	}
	return values, nil
}

// check refuses settings that a production server must not start with.
func (c *config) check() error {
	switch {
	case c.kek == "":
		return errors.New("a key-encryption key is needed: make one with `openssl rand -base64 32 > kek`, keep it apart from " +
			"the database and its backups, and pass --kek-file kek (or PURSER_KEK)")
	case (c.tlsCertificate == "") != (c.tlsKey == ""):
		return errors.New("--tls-certificate and --tls-key belong together")
	case c.tlsCertificate != "" && c.behindProxy:
		return errors.New("choose one: --tls-certificate and --tls-key, or --behind-proxy")
	case c.tlsCertificate == "" && !c.behindProxy:
		return errors.New("requests must come over TLS: pass --tls-certificate and --tls-key, or --behind-proxy with --origin when a proxy ends TLS")
	case c.certificateHeader != "" && len(c.trustedProxies) == 0:
		return errors.New("--certificate-header is believed from configured proxies only: name them with --trusted-proxy")
	case (c.smtp == "") != (c.mailFrom == ""):
		return errors.New("--smtp and --mail-from belong together")
	case c.smtpPassword != "" && c.smtp == "":
		return errors.New("PURSER_SMTP_PASSWORD is set, and --smtp is not: name the mail server")
	case c.behindProxy && len(c.origins) == 0:
		return errors.New("behind a proxy, clients sign an address that purser does not see: name it with --origin https://wallet.example")
	}
	return nil
}

// checkSigns refuses settings below zero, which a typing error makes, and which would turn a limit off in silence.
func (c *config) checkSigns() error {
	for name, value := range map[string]int64{
		"rate-limit": int64(c.rateLimit), "device-rate-limit": int64(c.deviceRateLimit), "address-rate-limit": int64(c.addressRateLimit),
		"registrations-per-hour": int64(c.registrationsPerHour), "phone-codes-per-hour": int64(c.phoneCodesPerHour),
		"retire-quiet-keys": int64(c.retireQuietKeys), "shutdown-timeout": int64(c.shutdownTimeout),
	} {
		if value < 0 {
			return fmt.Errorf("--%s must not be negative", name)
		}
	}
	return nil
}

// leastAccessLifetime is how short the life of access tokens may be.
const leastAccessLifetime = time.Minute

// checkLifetimes refuses lives of tokens that no app can live with.
func (c *config) checkLifetimes() error {
	access, refresh := time.Duration(c.accessTokenLifetime), time.Duration(c.refreshTokenLifetime)
	switch {
	case access < leastAccessLifetime:
		return fmt.Errorf("--access-token-lifetime must be at least %s: phone apps ask for another token shortly before one ends, and would do nothing else", leastAccessLifetime)
	case refresh <= access:
		return errors.New("--refresh-token-lifetime must be longer than --access-token-lifetime: nobody could ask for another token otherwise")
	}
	return nil
}

// parseOrigins reads the public origins.
func (c *config) parseOrigins() ([]auth.Origin, error) {
	var origins []auth.Origin
	for _, text := range c.origins {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.Trim(u.Path, "/") != "" {
			return nil, fmt.Errorf("--origin %q: write scheme, host and port, such as https://wallet.example:8443", text)
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
		}
		origins = append(origins, auth.Origin{Host: strings.ToLower(strings.TrimSuffix(u.Host, ":"+u.Port())), Port: port})
	}
	return origins, nil
}

func (c *config) parseCurrencies() ([]money.Currency, error) {
	var list []money.Currency
	for _, code := range c.currencies {
		currency, err := money.ParseCurrency(strings.TrimSpace(code))
		if err != nil {
			return nil, fmt.Errorf("--currencies: %q is not an ISO 4217 currency code", code)
		}
		list = append(list, currency)
	}
	if len(list) == 0 {
		return nil, errors.New("--currencies: name at least one")
	}
	return list, nil
}
