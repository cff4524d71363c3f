package message_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/wallet"
)

// script is a program of an operator.
func script(t *testing.T, lines string) *message.Command {
	t.Helper()
	file := filepath.Join(t.TempDir(), "send")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+lines+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return must(message.NewCommand(file, []string{
		"PATH=" + os.Getenv("PATH"), "PURSER_KEK=a secret", "PGPASSWORD=a secret", "KEPT=yes", "OUT=" + filepath.Join(filepath.Dir(file), "out"),
	}))
}

func TestAProgramGetsTheMessage(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	command := script(t, "cat > "+out+"; env > "+out+".env")
	templates := must(message.Load(""))
	for to, want := range map[string]map[string]string{
		"ona@example.com": {"channel": "email", "subject": "Jūsų patvirtinimo kodas"},
		"37061234545":     {"channel": "sms", "subject": ""},
	} {
		m := filled(wallet.ConfirmContact, "lt", to)
		text := must(templates.Render(m))
		want["to"], want["locale"], want["kind"], want["body"] = to, "lt", "confirm_contact", text.Body
		if err := command.Send(t.Context(), m, text); err != nil {
			t.Fatal(err)
		}
		raw := must(os.ReadFile(out))
		var got map[string]string
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(string(raw), "Jūsų") {
			t.Errorf("letters are not written as they are: %s", raw)
		}
	}
	if environ := string(must(os.ReadFile(out + ".env"))); strings.Contains(environ, "a secret") || !strings.Contains(environ, "KEPT=yes") {
		t.Errorf("the program sees\n%s", environ)
	}
}

func TestAProgramThatFailsIsHeardButNotTheMessage(t *testing.T) {
	m := filled(wallet.ScopeCode, "lt", "Ona@example.com")
	text := must(must(message.Load("")).Render(m))
	for name, c := range map[string]struct{ lines, want string }{
		"exit code":             {"echo 'no credit' >&2; exit 3", "exit status 3: no credit"},
		"nothing is said":       {"exit 1", "exit status 1"},
		"the message, as read":  {"cat >&2; exit 1", `"locale":"lt"`},
		"its text":              {"printf 'cannot send: ' >&2; sed 's/.*\"body\":\"//; s/\\\\n/\\n/g' >&2; exit 1", "cannot send: [message]"},
		"its code":              {"grep -o '48[0-9]*' >&2; exit 1", "exit status 1: [code]"},
		"its receiver":          {"tr A-Z a-z | grep -o 'ona@example.com' >&2; exit 1", "exit status 1: o…@example.com"},
		"much, and then itself": {"head -c 190 /dev/zero | tr '\\0' 'ą' >&2; cat >&2; exit 1", "exit status 1: "},
		"more than is kept":     {"cat >/dev/null; yes no | head -c 1000000 >&2; exit 1", "no no no"},
		"it does not read":      {"exec <&-; exit 2", "exit status 2"},
	} {
		err := script(t, c.lines).Send(t.Context(), m, text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		said := strings.ToLower(err.Error())
		for _, secret := range []string{"482137", "ona@", "prašo", "sutinkate", "kodas", "kasa"} {
			if strings.Contains(said, secret) {
				t.Errorf("%s: the error holds %q: %v", name, secret, err)
			}
		}
		if len(said) > 300 || !utf8.ValidString(said) || strings.Contains(said, "\n") {
			t.Errorf("%s: %d bytes: %q", name, len(said), said)
		}
	}
}

func TestAProgramThatEndsWellHasSent(t *testing.T) {
	m, text := filled(wallet.PINChanged, "lt", "37061234545"), message.Text{Body: "A"}
	for name, lines := range map[string]string{
		"it does not read": "exit 0", "it talks": "echo sent; echo 'sent to 37061234545' >&2", "it leaves something running": "sleep 1.5 & exit 0",
	} {
		if err := script(t, lines).Send(t.Context(), m, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProgramThatHangsIsEndedWithItsChildren(t *testing.T) {
	m, text := filled(wallet.PINChanged, "lt", "37061234545"), message.Text{Body: "A"}
	out := filepath.Join(t.TempDir(), "out")
	command := script(t, "(sleep 1; echo late > "+out+") & echo waiting >&2; wait")
	command.Hurry(100 * time.Millisecond)
	begin := time.Now()
	if err := command.Send(t.Context(), m, text); err == nil || !strings.Contains(err.Error(), "took longer than 100ms: waiting") {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > 900*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := command.Send(ctx, m, text); err == nil || !strings.Contains(err.Error(), "was stopped") {
		t.Errorf("%v", err)
	}
	time.Sleep(1200 * time.Millisecond)
	if _, err := os.Stat(out); err == nil {
		t.Error("what the program had started went on")
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	if _, err := message.NewCommand(filepath.Join(t.TempDir(), "gone"), nil); err == nil || !strings.Contains(err.Error(), "--message-command") {
		t.Errorf("%v", err)
	}
}

func TestAddressesAreMasked(t *testing.T) {
	for address, want := range map[string]string{
		"ona@example.com": "o…@example.com", "žana@example.com": "ž…@example.com", "@example.com": "…@example.com",
		`"a@b"@example.com`: `"…@example.com`, "37061234545": "3706…45", "+37061234545": "+370…45", "1234567": "…", "": "…",
	} {
		if got := message.Mask(address); got != want {
			t.Errorf("%q is shown as %q, want %q", address, got, want)
		}
	}
}
