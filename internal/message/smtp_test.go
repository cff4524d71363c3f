package message_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/wallet"
)

// mailbox is a mail server of the test, and what it received.
type mailbox struct {
	server  *smtp.Server
	address string
	mu      sync.Mutex
	// refuse is what it answers to receivers; until silence is closed it answers no e-mail.
	refuse   error
	silence  chan struct{}
	received []envelope
}

// arrived are the e-mails so far.
func (b *mailbox) arrived() []envelope {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.received)
}

// behave changes what it answers.
func (b *mailbox) behave(refuse error, silence chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse, b.silence = refuse, silence
}

type envelope struct {
	from, user string
	to         []string
	raw        []byte
	encrypted  bool
}

// session is one conversation with the mailbox.
type session struct {
	box *mailbox
	c   *smtp.Conn
	envelope
}

func (s *session) AuthMechanisms() []string { return []string{"PLAIN"} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "sesame" {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, options *smtp.MailOptions) error {
	_, s.encrypted = s.c.TLSConnectionState()
	s.from = from
	if options.UTF8 {
		s.from += " in UTF-8"
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.to = append(s.to, to)
	return s.box.refuse
}

func (s *session) Data(r io.Reader) (err error) {
	if s.raw, err = io.ReadAll(r); err != nil {
		return err
	}
	s.box.mu.Lock()
	s.box.received = append(s.box.received, s.envelope)
	silence := s.box.silence
	s.box.mu.Unlock()
	if silence != nil {
		<-silence
	}
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// open starts the mailbox; wrap may change its listener.
func open(t *testing.T, config *tls.Config, wrap func(net.Listener) net.Listener) *mailbox {
	t.Helper()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	box := &mailbox{address: listener.Addr().String()}
	box.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{box: box, c: c}, nil
	}))
	box.server.Domain, box.server.TLSConfig = "mail.example", config
	box.server.AllowInsecureAuth, box.server.EnableSMTPUTF8 = true, true
	box.server.ErrorLog = log.New(io.Discard, "", 0)
	served := make(chan error, 1)
	go func() { served <- box.server.Serve(wrap(listener)) }()
	t.Cleanup(func() {
		box.server.Close()
		<-served
	})
	return box
}

func asItIs(l net.Listener) net.Listener { return l }

// certified makes a certificate for mail.example and who to believe about it.
func certified() (*tls.Config, *x509.CertPool) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), DNSNames: []string{"mail.example"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	roots := x509.NewCertPool()
	roots.AddCert(must(x509.ParseCertificate(der)))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

func clock() time.Time { return noon.Add(time.Hour) }

// decoded parses a message as a mail program does.
func decoded(t *testing.T, raw []byte) (header mail.Header, subject, body string) {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	kind, parameters, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil || kind != "text/plain" || !strings.EqualFold(parameters["charset"], "UTF-8") || parsed.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
		t.Errorf("the content is %s %v, %s: %v", kind, parameters, parsed.Header.Get("Content-Transfer-Encoding"), err)
	}
	return parsed.Header, must(new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))),
		string(must(io.ReadAll(quotedprintable.NewReader(parsed.Body))))
}

func TestAnEmailArrivesAsItWasWritten(t *testing.T) {
	box := open(t, nil, asItIs)
	sender := must(message.NewSMTP("smtp://"+box.address, "", "Piniginė <wallet@example.lt>", clock))
	m := filled(wallet.ScopeCode, "lt", "ona@example.com")
	text := must(must(message.Load("")).Render(m))
	text.Body += "\n.\nĄČĘĖĮŠŲŪŽ „ąčęėįšųūž“ = " + strings.Repeat("ilga eilutė ", 30)
	if err := sender.Send(t.Context(), m, text); err != nil {
		t.Fatal(err)
	}
	if arrived := len(box.arrived()); arrived != 1 {
		t.Fatalf("%d e-mails arrived", arrived)
	}
	got := box.arrived()[0]
	if got.from != "wallet@example.lt" || len(got.to) != 1 || got.to[0] != "ona@example.com" || got.encrypted {
		t.Errorf("from %s to %v, encrypted: %v", got.from, got.to, got.encrypted)
	}
	header, subject, body := decoded(t, got.raw)
	if subject != text.Subject {
		t.Errorf("the subject is %q, want %q", subject, text.Subject)
	}
	if want := strings.ReplaceAll(strings.TrimSpace(text.Body), "\n", "\r\n") + "\r\n"; body != want {
		t.Errorf("the body is\n%q, want\n%q", body, want)
	}
	if from := must(header.AddressList("From")); len(from) != 1 || from[0].Name != "Piniginė" || from[0].Address != "wallet@example.lt" {
		t.Errorf("from %v", from)
	}
	if date := must(header.Date()); !date.Equal(clock()) {
		t.Errorf("the date is %v", date)
	}
	for name, want := range map[string]string{
		"Auto-Submitted": "auto-generated", "Message-Id": fmt.Sprintf("<7.%d@example.lt>", noon.Unix()), "Mime-Version": "1.0",
		"To": "<ona@example.com>", "User-Agent": "", "X-Mailer": "",
	} {
		if header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, header.Get(name), want)
		}
	}
	for line := range strings.SplitSeq(string(got.raw), "\r\n") {
		if len(line) > 78 || strings.ContainsFunc(line, func(r rune) bool { return r > 126 || r == '\n' }) {
			t.Errorf("a line that not every mail server takes: %q", line)
		}
	}
}

func TestNobodyAddsHeadersOrReceivers(t *testing.T) {
	box := open(t, nil, asItIs)
	sender := must(message.NewSMTP("smtp://"+box.address, "", "wallet@example.lt", clock))
	m := filled(wallet.PINChanged, "lt", "ona@example.com")
	for _, subject := range []string{"A\r\nBcc: eve@example.com", "Ą\nBcc: eve@example.com\n\nX", "A\r\n\r\nB", "A\rBcc: eve@example.com", strings.Repeat("A\r\n ", 50)} {
		if err := sender.Send(t.Context(), m, message.Text{Subject: subject, Body: "Labas"}); err != nil {
			t.Fatal(err)
		}
		all := box.arrived()
		got := all[len(all)-1]
		header, read, body := decoded(t, got.raw)
		if len(header) != 9 || len(got.to) != 1 || body != "Labas\r\n" || strings.ContainsAny(read, "\r\n") {
			t.Errorf("%q makes the headers %v, the receivers %v and the body %q", subject, header, got.to, body)
		}
	}
	arrived := len(box.arrived())
	for _, to := range []string{
		"ona@example.com\r\nBcc: eve@example.com", "ona@example.com, eve@example.com", "Ona <ona@example.com>", "ona@example.com>\r\nRCPT TO:<eve@example.com",
		"ona", " ona@example.com", "ona@example.com\n", "@", "\r\n@example.com",
	} {
		m.Email = to
		err := sender.Send(t.Context(), m, message.Text{Subject: "A", Body: "B"})
		if err == nil || strings.Contains(err.Error(), "example.com") {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if more := len(box.arrived()) - arrived; more != 0 {
		t.Errorf("%d e-mails to strange addresses arrived", more)
	}
}

func TestWhoIsFarAwayIsTalkedToInSecret(t *testing.T) {
	config, roots := certified()
	m, text := filled(wallet.PINChanged, "lt", "ona@example.com"), message.Text{Subject: "A", Body: "B"}
	send := func(box *mailbox, server string, believed *x509.CertPool) error {
		sender := must(message.NewSMTP(server, "sesame", "wallet@example.lt", clock))
		sender.Elsewhere(box.address, believed)
		return sender.Send(t.Context(), m, text)
	}
	starttls := open(t, config, asItIs)
	implicit := open(t, nil, func(l net.Listener) net.Listener { return tls.NewListener(l, config) })
	plain := open(t, nil, asItIs)
	for server, box := range map[string]*mailbox{"smtp://ona%40example.lt@mail.example:587": starttls, "smtps://ona%40example.lt@mail.example": implicit} {
		if err := send(box, server, roots); err != nil {
			t.Errorf("%s: %v", server, err)
			continue
		}
		if got := box.arrived()[0]; !got.encrypted || got.user != "ona@example.lt" {
			t.Errorf("%s: encrypted: %v, user %q", server, got.encrypted, got.user)
		}
		if err := send(box, server, x509.NewCertPool()); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s with a stranger's certificate: %v", server, err)
		}
		if err := send(box, strings.Replace(server, "mail.", "other.", 1), roots); err == nil || !strings.Contains(err.Error(), "other.example") {
			t.Errorf("%s with another name: %v", server, err)
		}
	}
	if err := send(plain, "smtp://ona@mail.example", roots); err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("without STARTTLS: %v", err)
	}
	if len(starttls.arrived()) != 1 || len(implicit.arrived()) != 1 || len(plain.arrived()) != 0 {
		t.Error("an e-mail went to a server that was not to be believed")
	}
}

func TestAPasswordIsNotShown(t *testing.T) {
	box := open(t, nil, asItIs)
	sender := must(message.NewSMTP("smtp://ona@"+box.address, "open sesame", "wallet@example.lt", clock))
	err := sender.Send(t.Context(), filled(wallet.PINChanged, "lt", "ona@example.com"), message.Text{Subject: "A", Body: "B"})
	if err == nil || !strings.Contains(err.Error(), "535") || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a wrong password: %v", err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %d", sender, sender, sender, sender); strings.Contains(shown, "sesame") {
		t.Error(shown)
	}
}

func TestLettersInAnAddressAskForWhatTheyNeed(t *testing.T) {
	box := open(t, nil, asItIs)
	sender := must(message.NewSMTP("smtp://"+box.address, "", "wallet@example.lt", clock))
	if err := sender.Send(t.Context(), filled(wallet.PINChanged, "lt", "žana@example.com"), message.Text{Subject: "A", Body: "B"}); err != nil {
		t.Fatal(err)
	}
	if got := box.arrived()[0]; got.to[0] != "žana@example.com" || got.from != "wallet@example.lt in UTF-8" {
		t.Errorf("from %s to %v", got.from, got.to)
	}
}

func TestAMailServerThatFails(t *testing.T) {
	box := open(t, nil, asItIs)
	m, text := filled(wallet.PINChanged, "lt", "ona@example.com"), message.Text{Subject: "A", Body: "B"}
	sender := must(message.NewSMTP("smtp://"+box.address, "", "wallet@example.lt", clock))
	box.behave(&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody is called ona@example.com"}, nil)
	if err := sender.Send(t.Context(), m, text); err == nil || !strings.Contains(err.Error(), "nobody is called o…@") || strings.Contains(err.Error(), "ona@") {
		t.Errorf("refused: %v", err)
	}
	silence := make(chan struct{})
	defer close(silence)
	box.behave(nil, silence)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := sender.Send(ctx, m, text); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("silent: %v after %v", err, time.Since(begin))
	}
	box.server.Close()
	if err := sender.Send(t.Context(), m, text); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("gone: %v", err)
	}
	phone := filled(wallet.PINChanged, "lt", "37061234545")
	if err := sender.Send(t.Context(), phone, text); err == nil || !strings.Contains(err.Error(), "--message-command sends to phones") {
		t.Errorf("to a phone: %v", err)
	}
}

func TestMailSettingsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ server, password, from, want string }{
		{"http://mail.example", "", "a@b.lt", "write smtp://"},
		{"mail.example:587", "", "a@b.lt", "write smtp://"},
		{"smtp://", "", "a@b.lt", "write smtp://"},
		{"smtp://mail.example/inbox", "", "a@b.lt", "write smtp://"},
		{"smtp://ona@b.lt:sesame@mail.example", "", "a@b.lt", "--smtp"},
		{"smtp://ona:sesame@mail.example", "", "a@b.lt", "PURSER_SMTP_PASSWORD"},
		{"smtp://ona:ses%ame@mail.example", "", "a@b.lt", "write smtp://"},
		{"smtp://mail.example:99999", "", "a@b.lt", "not a port"},
		{"smtp://ona@mail.example", "", "a@b.lt", "belong together"},
		{"smtp://mail.example", "sesame", "a@b.lt", "belong together"},
		{"smtp://mail.example", "", "wallet", "--mail-from"},
		{"smtp://mail.example", "", "", "--mail-from"},
		{"smtp://mail.example", "", "a@b.lt\r\nBcc: eve@b.lt", "--mail-from"},
	} {
		_, err := message.NewSMTP(c.server, "", c.from, clock)
		if c.password != "" {
			_, err = message.NewSMTP(c.server, "sesame", c.from, clock)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestRouteChoosesTheWay(t *testing.T) {
	email, phone := filled(wallet.PINChanged, "lt", "ona@example.com"), filled(wallet.PINChanged, "lt", "37061234545")
	var used string
	way := func(name string) message.Sender {
		return senderFunc(func(context.Context, wallet.Message, message.Text) error { used = name; return nil })
	}
	both := message.Route{Email: way("email"), SMS: way("sms")}
	for want, m := range map[string]wallet.Message{"email": email, "sms": phone} {
		if err := both.Send(t.Context(), m, message.Text{}); err != nil || used != want {
			t.Errorf("went by %s: %v, want %s", used, err, want)
		}
	}
	for want, m := range map[string]wallet.Message{"--smtp": email, "--message-command": phone} {
		if err := (message.Route{}).Send(t.Context(), m, message.Text{}); !errors.Is(err, message.ErrNoWay) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// senderFunc is a sender of a test.
type senderFunc func(context.Context, wallet.Message, message.Text) error

func (f senderFunc) Send(ctx context.Context, m wallet.Message, t message.Text) error {
	return f(ctx, m, t)
}
