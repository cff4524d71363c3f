package message

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// SMTP is a Sender of e-mail through a mail server, with a connection for each message. Make one
// with NewSMTP.
type SMTP struct {
	host string
	port int
	// implicit is TLS from the first byte; else STARTTLS is demanded, but on this machine.
	implicit, loopback bool
	user               string
	password           secret.Text
	from               netmail.Address
	domain             string
	now                func() time.Time
	// roots are whom to believe about the server, nil the machine's; dial opens connections.
	roots *x509.CertPool
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
}

// Format hides the password from fmt.
func (*SMTP) Format(f fmt.State, _ rune) { io.WriteString(f, "[mail server]") }

// NewSMTP reads the settings. The server is smtp://user@host:587, which must offer STARTTLS unless
// it is this machine, where nothing is encrypted; or smtps://host:465, which begins with TLS. User
// and password belong together, and there may be neither. From is an address, with or without a
// name in front. The clock dates the e-mail.
func NewSMTP(server string, password secret.Text, from string, now func() time.Time) (*SMTP, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		// What was given may hold a password: it does not go into the error.
		return nil, errors.New("--smtp: write smtp://user@host:587 or smtps://user@host:465; an @ in the user is %40")
	}
	s := &SMTP{host: u.Hostname(), port: 587, implicit: u.Scheme == "smtps", user: u.User.Username(), password: password, now: now}
	if s.implicit {
		s.port = 465
	}
	if text := u.Port(); text != "" {
		if s.port, err = strconv.Atoi(text); err != nil || s.port < 1 || s.port > 1<<16-1 {
			return nil, fmt.Errorf("--smtp: %s is not a port", text)
		}
	}
	if _, given := u.User.Password(); given {
		return nil, errors.New("--smtp: the password does not belong into the address, where others see it: set PURSER_SMTP_PASSWORD")
	}
	if (s.user == "") != (password == "") {
		return nil, errors.New("--smtp: a user in the address and PURSER_SMTP_PASSWORD belong together")
	}
	sender, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("--mail-from %q: write an address, such as wallet@example.com or Wallet <wallet@example.com>", from)
	}
	s.from = *sender
	s.domain = sender.Address[strings.LastIndexByte(sender.Address, '@')+1:]
	ip := net.ParseIP(s.host)
	s.loopback = s.host == "localhost" || ip != nil && ip.IsLoopback()
	s.dial = (&net.Dialer{}).DialContext
	return s, nil
}

// Send hands the e-mail to the mail server. It refuses a message to a phone.
func (s *SMTP) Send(ctx context.Context, m wallet.Message, t Text) error {
	if channel(m) != channelEmail {
		return errors.New("a mail server takes e-mail only, and this message goes to a phone: --message-command sends to phones")
	}
	mail, err := s.compose(m, t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, SendLimit)
	defer cancel()
	line := &line{smtp: s, until: ctx}
	defer line.close()
	client, err := s.client(line, m)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return explained(ctx, m, t, err)
	}
	if err := client.SendWithSMTPClient(session, mail); err != nil && !mail.IsDelivered() {
		return explained(ctx, m, t, err)
	}
	// The server has the e-mail: how the parting goes does not matter any more.
	_ = client.CloseWithSMTPClient(session)
	return nil
}

// explained says why a connection was cut when it was this side that cut it, and takes out what the
// mail server repeats of the message.
func explained(ctx context.Context, m wallet.Message, t Text, err error) error {
	why := "the mail server"
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		why = fmt.Sprintf("the mail server took longer than %v", SendLimit)
	case ctx.Err() != nil:
		why = "stopped, since the server stops"
	}
	return fmt.Errorf("%s: %s", why, flatten(hide(m, t, err.Error())))
}

// compose writes the e-mail. Its Message-ID is the same each time that the message is tried, so
// that a mailbox can tell a second copy, and another for another message of the same number, as a
// new database has them.
func (s *SMTP) compose(m wallet.Message, t Text) (*mail.Msg, error) {
	// Parsed, since whoever wrote it could otherwise add receivers or headers of their own.
	to, err := netmail.ParseAddress(m.Email)
	if err != nil || to.Address != m.Email {
		return nil, errors.New("this is not one plain e-mail address")
	}
	msg := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&s.from)
	msg.ToMailAddress(to)
	msg.Subject(flatten(t.Subject))
	msg.SetDateWithValue(s.now())
	msg.SetMessageIDWithValue(fmt.Sprintf("%d.%d@%s", m.ID, m.At.Unix(), s.domain))
	// So that nobody's absence note answers.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, strings.TrimSpace(t.Body)+"\n")
	return msg, nil
}

// client sets one session up.
func (s *SMTP) client(l *line, m wallet.Message) (*mail.Client, error) {
	policy := mail.TLSMandatory
	if s.loopback {
		policy = mail.NoTLS
	}
	options := []mail.Option{
		mail.WithPort(s.port), mail.WithTimeout(SendLimit), mail.WithTLSPolicy(policy), mail.WithTLSConfig(s.tls()),
		mail.WithDialContextFunc(l.open), mail.WithoutNoop(), mail.WithoutRset(),
	}
	if s.implicit {
		options = append(options, mail.WithSSL())
	}
	if s.user != "" {
		options = append(options, mail.WithUsername(s.user), mail.WithPassword(s.password.Reveal()),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	if isASCII(m.Email) && isASCII(s.from.Address) {
		// A relay that is asked for SMTPUTF8 may refuse to go where that is not known.
		options = append(options, mail.WithoutSMTPUTF8())
	}
	return mail.NewClient(s.host, options...)
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 127 }) < 0
}

func (s *SMTP) tls() *tls.Config {
	return &tls.Config{ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

// line is the connection of one message. The library closes none when greeting or login fail, and
// looks at the context only while it connects; the line does both.
type line struct {
	smtp *SMTP
	// until is the context of Send: the one that open is called with ends once it is connected.
	until context.Context
	conn  net.Conn
	free  func() bool
}

func (l *line) open(ctx context.Context, network, _ string) (net.Conn, error) {
	conn, err := l.smtp.dial(ctx, network, net.JoinHostPort(l.smtp.host, strconv.Itoa(l.smtp.port)))
	if err != nil {
		return nil, err
	}
	l.conn = conn
	l.free = context.AfterFunc(l.until, func() { conn.Close() })
	if !l.smtp.implicit {
		return conn, nil
	}
	secured := tls.Client(conn, l.smtp.tls())
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secured, nil
}

func (l *line) close() {
	if l.conn != nil {
		l.free()
		l.conn.Close()
	}
}
