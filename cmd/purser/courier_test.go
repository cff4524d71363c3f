package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// sendingServer is a server that sends messages with a program, in a database with Ona in it, who reads e-mail,
// and Rita, who has a phone alone.
func sendingServer(t *testing.T, command string) (s *server, clock *wallettest.Clock, log *bytes.Buffer) {
	t.Helper()
	ctx := context.Background()
	clock, log = wallettest.NewClock(), &bytes.Buffer{}
	s = &server{program: &program{
		in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: func(string) string { return "" }, now: clock.Now, random: secret.NewIDs([32]byte{}),
		environ: func() []string {
			return []string{"PATH=" + os.Getenv("PATH"), "PURSER_SMTP_PASSWORD=hidden", "OUT=" + t.TempDir()}
		},
	}}
	settings(s.program, &cobra.Command{}, &s.config, s.config.common)
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.openLog(log, false); err != nil {
		t.Fatal(err)
	}
	s.config.messageCommand, s.told = command, make(chan struct{}, 1)
	uses, db, err := s.openService(ctx, "sqlite:"+filepath.Join(t.TempDir(), "purser.db"), wallettest.KEK, false)
	if err != nil {
		t.Fatal(err)
	}
	s.closing(db.Close)
	s.service = uses
	for _, u := range []wallet.User{
		{ID: 1, Type: wallet.Natural, DisplayName: "Ona", Email: "ona@example.com", Locale: "lt"},
		{ID: 2, Type: wallet.Natural, DisplayName: "Rita", Phone: "37060000002", Locale: "en"},
	} {
		if _, err := uses.CreateUser(ctx, itself, u, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	return s, clock, log
}

// script writes a program of an operator.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "send")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// inbox is what `purser inbox` shows, once the messages are as they are expected to be.
func inbox(t *testing.T, s *server, ready func([]wallet.Message) bool) string {
	t.Helper()
	for range 200 {
		found, err := s.service.ListMessages(context.Background(), itself, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if ready(found) {
			a, page := inboxAnswer{}, &page{}
			o := &operatorClient{http: &http.Client{Transport: inProcess{operatorAPI(s.service, s.templates, nil)}}, name: "ona"}
			if err := o.call(context.Background(), "/inbox", inboxQuery{Limit: 10}, &a); err != nil {
				t.Fatal(err)
			}
			a.write(page)
			return page.text.String()
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the messages never were as expected")
	return ""
}

// A message leaves as soon as it is written, long before the server would look by itself, as the program of the
// operator reads it; and what was in it is gone.
func TestMessagesLeaveAtOnce(t *testing.T) {
	folder := t.TempDir()
	s, _, _ := sendingServer(t, script(t, `cat >> "`+folder+`/said"; env > "`+folder+`/env"`))
	route, err := s.openSender()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.startCourier(route); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // its first look finds nothing
	started := time.Now()
	for _, contact := range []string{"ona@example.com", "37060000002"} {
		if _, _, err := s.service.RequestPasswordReset(context.Background(), visitor, contact); err != nil {
			t.Fatal(err)
		}
	}
	shown := inbox(t, s, func(all []wallet.Message) bool {
		return len(all) == 2 && !all[0].SentAt.IsZero() && !all[1].SentAt.IsZero()
	})
	if waited := time.Since(started); waited > courierInterval/2 {
		t.Errorf("they left after %v: nobody was woken", waited)
	}
	want := "2026-11-21T12:00:00Z  to ona@example.com\n  reset_password: sent on 2026-11-21T12:00:00Z, and its text is gone\n\n" +
		"2026-11-21T12:00:00Z  to 37060000002\n  reset_password: sent on 2026-11-21T12:00:00Z, and its text is gone\n\n"
	if shown != want {
		t.Errorf("the inbox shows\n%s\nwant\n%s", shown, want)
	}
	said, err := os.ReadFile(filepath.Join(folder, "said"))
	if err != nil {
		t.Fatal(err)
	}
	orders := json.NewDecoder(bytes.NewReader(said))
	for _, to := range []string{"email ona@example.com lt", "sms 37060000002 en"} {
		var order struct{ To, Channel, Locale, Kind, Subject, Body string }
		if err := orders.Decode(&order); err != nil || order.Channel+" "+order.To+" "+order.Locale != to || order.Kind != "reset_password" || order.Body == "" {
			t.Errorf("the program read %+v, %v", order, err)
		}
	}
	environment, err := os.ReadFile(filepath.Join(folder, "env"))
	if err != nil || bytes.Contains(environment, []byte("hidden")) || !bytes.Contains(environment, []byte("PATH=")) {
		t.Errorf("the program has the environment %s, %v", environment, err)
	}
}

// A program that fails is tried again, seven times and a day at most; then the message is given up, and what was
// in it is gone too.
func TestMessagesAreTriedAgain(t *testing.T) {
	s, clock, log := sendingServer(t, script(t, `echo cannot reach "$(cat)" >&2; exit 3`))
	known := service.Registration{DisplayName: "Ona", Locale: "lt", Email: "ona@example.com", Password: "seven kind otters"}
	if _, err := s.service.Register(context.Background(), visitor, known); err != nil {
		t.Fatal(err)
	}
	route, err := s.openSender()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.startCourier(route); err != nil {
		t.Fatal(err)
	}
	for attempt := 1; attempt < 7; attempt++ {
		shown := inbox(t, s, func(all []wallet.Message) bool { return all[0].Attempts == attempt })
		if !strings.Contains(shown, "could not be sent so far") || !strings.Contains(shown, "Jūs jau turite paskyrą") {
			t.Errorf("after attempt %d the inbox shows\n%s", attempt, shown)
		}
		after, _ := message.NextTry(attempt)
		clock.Advance(after - time.Second)
		s.wakeCourier()
		time.Sleep(50 * time.Millisecond)
		inbox(t, s, func(all []wallet.Message) bool { return all[0].Attempts == attempt })
		clock.Advance(time.Second)
		s.wakeCourier()
	}
	shown := inbox(t, s, func(all []wallet.Message) bool { return !all[0].FailedAt.IsZero() })
	if !strings.Contains(shown, "already_registered: given up on 2026-11-22T08:36:00Z, and its text is gone") {
		t.Errorf("in the end the inbox shows\n%s", shown)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Count(text, "a message was not sent") != 7 || strings.Contains(text, "ona@example.com") || strings.Contains(text, "paskyrą") {
		t.Errorf("the log says\n%s", text)
	}
}

// A message that nobody could send for a day, because no way was set up, is not sent when one is: its code has
// expired long since.
func TestOldMessagesAreNotSent(t *testing.T) {
	folder := t.TempDir()
	s, clock, _ := sendingServer(t, script(t, `cat >> "`+folder+`/said"`))
	ctx := context.Background()
	if _, _, err := s.service.RequestPasswordReset(ctx, visitor, "ona@example.com"); err != nil {
		t.Fatal(err)
	}
	clock.Advance(24*time.Hour + time.Second)
	if _, _, err := s.service.RequestPasswordReset(ctx, visitor, "37060000002"); err != nil {
		t.Fatal(err)
	}
	route, err := s.openSender()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.startCourier(route); err != nil {
		t.Fatal(err)
	}
	shown := inbox(t, s, func(all []wallet.Message) bool { return !all[0].SentAt.IsZero() })
	said, err := os.ReadFile(filepath.Join(folder, "said"))
	if err != nil || bytes.Contains(said, []byte("ona@example.com")) || !bytes.Contains(said, []byte("37060000002")) || !strings.Contains(shown, "given up") {
		t.Errorf("the program read %s, %v; the inbox shows\n%s", said, err, shown)
	}
}

// Which ways there are follows from the settings; one that is not set is no way at all.
func TestWaysToSend(t *testing.T) {
	sends := script(t, "true")
	for _, tc := range []struct {
		smtp, from, command, want string
	}{
		{"", "", "", "none none"}, {"", "", sends, "command command"},
		{"smtp://localhost", "wallet@example.com", "", "smtp none"}, {"smtp://localhost", "wallet@example.com", sends, "smtp command"},
	} {
		s := &server{program: &anyProgram, config: config{smtp: tc.smtp, mailFrom: tc.from, messageCommand: tc.command}}
		route, err := s.openSender()
		if got := wayName(route.Email) + " " + wayName(route.SMS); got != tc.want || err != nil {
			t.Errorf("%+v leads to %s, %v", tc, got, err)
		}
	}
	for want, c := range map[string]config{
		"--smtp: write smtp://": {smtp: "mail.example", mailFrom: "wallet@example.com"}, "--mail-from": {smtp: "smtp://mail.example", mailFrom: "wallet"},
		"PURSER_SMTP_PASSWORD belong together": {smtp: "smtp://ona@mail.example", mailFrom: "wallet@example.com"},
		"--message-command":                    {messageCommand: "no-such-program"},
	} {
		if _, err := (&server{program: &anyProgram, config: c}).openSender(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v is refused with %v, want %s", c, err, want)
		}
	}
}

// anyProgram is a program that senders can be made with.
var anyProgram = program{environ: os.Environ, now: time.Now}

func wayName(way message.Sender) string {
	switch way.(type) {
	case nil:
		return "none"
	case *message.SMTP:
		return "smtp"
	}
	return "command"
}
