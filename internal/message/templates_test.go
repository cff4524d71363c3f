package message_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/purserhq/purser/internal/message"
	"github.com/purserhq/purser/internal/wallet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write testdata/overview.txt anew")

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// filled is a message with every value of its kind.
func filled(kind wallet.MessageKind, locale, to string) wallet.Message {
	m := wallet.Message{ID: 7, At: noon, Kind: kind, Locale: locale, Values: map[string]string{}}
	if strings.Contains(to, "@") {
		m.Email = to
	} else {
		m.Phone = to
	}
	for _, name := range message.Carries[kind] {
		m.Values[name] = message.SampleValues[name]
	}
	return m
}

func TestEveryKindOfMessageHasWordsInEveryLanguage(t *testing.T) {
	templates := must(message.Load(""))
	var overview strings.Builder
	for _, locale := range []string{"en", "lt"} {
		for _, kind := range wallet.MessageKinds() {
			for _, to := range []string{"ona@example.com", "37061234545"} {
				m := filled(kind, locale, to)
				text, err := templates.Render(m)
				if err != nil {
					t.Errorf("%s %s to %s: %v", locale, kind, to, err)
					continue
				}
				whole := text.Subject + "\n" + text.Body
				for _, left := range []string{"{{", "}}", "<no value>", "%!", "  "} {
					if strings.Contains(whole, left) {
						t.Errorf("%s %s to %s holds %q:\n%s", locale, kind, to, left, whole)
					}
				}
				if code := m.Values["code"]; code != "" && strings.Count(text.Body, code) != 1 {
					t.Errorf("%s %s to %s: the code is not in it once:\n%s", locale, kind, to, whole)
				}
				if strings.Contains(text.Subject, "482137") {
					t.Errorf("%s %s: the code stands in the subject, which mail servers log and locked screens show", locale, kind)
				}
				if (text.Subject == "") != (m.Phone != "") {
					t.Errorf("%s %s to %s: the subject is %q", locale, kind, to, text.Subject)
				}
				if m.Phone != "" {
					checkLength(t, locale, kind, text.Body)
				}
				fmt.Fprintf(&overview, "=== %s %s to %s\n", locale, kind, to)
				if m.Email != "" {
					fmt.Fprintf(&overview, "Subject: %s\n\n", text.Subject)
				}
				overview.WriteString(text.Body + "\n\n")
			}
		}
	}
	const golden = "testdata/overview.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(overview.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(must(os.ReadFile(golden))), overview.String()); diff != "" {
		t.Errorf("the texts are not those of %s; read them over and run with -update:\n%s", golden, diff)
	}
}

// checkLength holds an SMS to what a phone sends in three parts at most: 153 characters each of
// the phone's own alphabet, which English is written in, and 67 of any other.
func checkLength(t *testing.T, locale string, kind wallet.MessageKind, body string) {
	t.Helper()
	part := 153
	if strings.IndexFunc(body, func(r rune) bool { return r > 127 }) >= 0 {
		part = 67
		if locale == "en" {
			t.Errorf("%s %s: an SMS in English needs a larger alphabet: %q", locale, kind, body)
		}
	}
	if units := len(utf16.Encode([]rune(body))); units > 3*part {
		t.Errorf("%s %s: the SMS has %d characters, more than %d", locale, kind, units, 3*part)
	}
}

func TestKindsAreThoseOfTheNouns(t *testing.T) {
	kinds := wallet.MessageKinds()
	if len(kinds) != len(message.Carries) {
		t.Errorf("%d kinds, %d of them with values", len(kinds), len(message.Carries))
	}
	for _, kind := range kinds {
		if _, known := message.Carries[kind]; !known {
			t.Errorf("nobody says what %s carries", kind)
		}
	}
}

func TestTheLanguageIsTheNearestThereIs(t *testing.T) {
	templates := must(message.Load(""))
	for locale, want := range map[string]string{
		"lt": "Sveiki", "lt_LT": "Sveiki", "LT-lt": "Sveiki", "en_GB": "Hello", "pl": "Hello", "": "Hello", "../lt": "Hello",
	} {
		text := must(templates.Render(filled(wallet.PINChanged, locale, "ona@example.com")))
		if !strings.HasPrefix(text.Body, want) {
			t.Errorf("in %q: %q, want %q", locale, text.Body, want)
		}
	}
}

func TestRenderRefusesWhatItCannotSay(t *testing.T) {
	templates := must(message.Load(""))
	nowhere := filled(wallet.PINChanged, "lt", "")
	unknown := filled("weather", "lt", "ona@example.com")
	codeless := filled(wallet.ResetPassword, "lt", "ona@example.com")
	delete(codeless.Values, "code")
	for want, m := range map[string]wallet.Message{
		"neither an e-mail address": nowhere, `the kind "weather"`: unknown, `no entry for key "code"`: codeless,
	} {
		if text, err := templates.Render(m); err == nil || !strings.Contains(err.Error(), want) || text != (message.Text{}) {
			t.Errorf("%+v and the error %v, want %q", text, err, want)
		}
	}
}

func TestNamesThatStrangersChoseStayOnTheirLine(t *testing.T) {
	templates := must(message.Load(""))
	m := filled(wallet.AppAuthorized, "en", "ona@example.com")
	m.Values["client"] = "Kasa\r\n\r\nYour account is blocked.\u2028Call {{.code}} \u202egnp\xff\x00" + strings.Repeat("ą", 500)
	text := must(templates.Render(m))
	calm := must(templates.Render(filled(wallet.AppAuthorized, "en", "ona@example.com")))
	if got, want := strings.Count(text.Body, "\n"), strings.Count(calm.Body, "\n"); got != want {
		t.Errorf("%d lines, want %d:\n%s", got, want, text.Body)
	}
	if strings.ContainsAny(text.Body, "\r\x00\u2028\u202e") || strings.Contains(text.Body, "\xff") || !strings.Contains(text.Body, "Call {{.code}} gnp") {
		t.Errorf("%q", text.Body)
	}
	if len(text.Body) > len(calm.Body)+130 {
		t.Errorf("a name of %d bytes makes a text of %d", len(m.Values["client"]), len(text.Body))
	}
}

// folder writes templates of an operator.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAnOperatorsTemplatesReplaceTheEmbeddedOnes(t *testing.T) {
	templates := must(message.Load(folder(t, map[string]string{
		"lt/pin_changed.txt":     "\ufeffSubject: Kepykla: naujas PIN\r\n\r\nLabas.\r\nPIN naujas.\r\n",
		"pt-BR/scope_code.txt":   "Subject: {{.client}}\n\n{{/* for phones too */}}{{if .scope}}{{printf \"%s: %s\" .scope .code}}{{else}}{{.code}}{{end}}\n",
		"pl/confirm_contact.sms": "Kod {{.code}}",
		".git/config":            "is passed over", "pl/confirm_contact.sms~": "is passed over",
	})))
	email, phone := "ona@example.com", "37061234545"
	for name, c := range map[string]struct {
		m    wallet.Message
		want message.Text
	}{
		"replaced":            {filled(wallet.PINChanged, "lt", email), message.Text{Subject: "Kepykla: naujas PIN", Body: "Labas.\nPIN naujas."}},
		"a language is added": {filled(wallet.ScopeCode, "pt_BR", email), message.Text{Subject: "Kasa", Body: "statements: 482137"}},
		"an SMS has the e-mail's words where it has none": {filled(wallet.ScopeCode, "pt_BR", phone), message.Text{Body: "statements: 482137"}},
		"a new SMS": {filled(wallet.ConfirmContact, "pl", phone), message.Text{Body: "Kod 482137"}},
		"what is not replaced stays": {filled(wallet.PINChanged, "lt", phone),
			message.Text{Body: "Jūsų paskyros PIN kodas pakeistas. Jei tai padarėte ne Jūs, nedelsdami pakeiskite PIN kodą ir slaptažodį."}},
	} {
		if got := must(templates.Render(c.m)); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := must(templates.Render(filled(wallet.ConfirmContact, "pl", email))); got.Subject != "Your confirmation code" {
		t.Errorf("an e-mail in a language that has an SMS alone: %+v", got)
	}
}

func TestLoadNamesFileAndLineOfWhatItRefuses(t *testing.T) {
	const head = "Subject: A\n\n"
	for _, c := range []struct{ file, text, want string }{
		{"lt/pin_changed.txt", head + "Labas.\n{{.code\n", "pin_changed.txt:5: unclosed action started at"},
		{"lt/pin_changed.txt", head + "Labas.\n{{.code}}\n", "pin_changed.txt:4: .code is not a value of this message; it has none"},
		{"lt/confirm_contact.txt", "Subject: {{.name}}\n\n{{.code}}", "confirm_contact.txt:1: .name is not a value of this message; it has .code, .minutes"},
		{"lt/confirm_contact.txt", head + "{{.code.digits}}", "confirm_contact.txt:3: .code.digits is not"},
		{"lt/confirm_contact.txt", head + "{{.code}}\n\n{{.}}", "confirm_contact.txt:5: . is not known here"},
		{"lt/confirm_contact.txt", head + "{{.code}}{{index $ \"code\"}}", "confirm_contact.txt:3: $ is not known here"},
		{"lt/confirm_contact.txt", head + "{{.code}}{{$c := .code}}", "confirm_contact.txt:3: variables are not known"},
		{"lt/confirm_contact.txt", head + "{{with .code}}{{.}}{{end}}", "confirm_contact.txt:3: {{with .code}}"},
		{"lt/confirm_contact.txt", head + "{{define \"x\"}}{{.code}}{{end}}", "confirm_contact.txt:3: {{define}}"},
		{"lt/confirm_contact.txt", head + "{{slice .code 9}}", "confirm_contact.txt:3:"},
		{"lt/confirm_contact.txt", head + "Code {{.minutes}}", "confirm_contact.txt:3: the text leaves {{.code}} out"},
		{"lt/confirm_contact.txt", head + "{{if .minutes}}no{{else}}{{.code}}{{end}}", "confirm_contact.txt:3: the text leaves {{.code}} out"},
		{"lt/confirm_contact.txt", "Subject: {{.code}}\n\n\nnot here", "confirm_contact.txt:4: the text leaves {{.code}} out"},
		{"lt/confirm_contact.sms", "Kodas", "confirm_contact.sms:1: the text leaves {{.code}} out"},
		{"lt/confirm_contact.sms", head + "{{.code}}", "confirm_contact.sms:1: an SMS has no subject"},
		{"lt/pin_changed.txt", "Labas", "pin_changed.txt:1: the first line"},
		{"lt/pin_changed.txt", "Subject: A\nLabas", "pin_changed.txt:2: an empty line"},
		{"lt/pin_changed.txt", head, "pin_changed.txt:3: there is no text"},
		{"lt/pin_changed.sms", "", "pin_changed.sms:1: there is no text"},
		{"lt/pin_changed.txt", head + "\xff", "pin_changed.txt: is not written in UTF-8"},
		{"lt/pin_chnged.txt", head + "A", "pin_chnged.txt: not a template"},
		{"lt/pin_changed.html", head + "A", "pin_changed.html: not a template"},
		{"pin_changed.txt", head + "A", "pin_changed.txt: templates stand in a folder for each language"},
		{"lietuvių/pin_changed.txt", head + "A", "lietuvių: templates stand in a folder for each language"},
	} {
		root := folder(t, map[string]string{c.file: c.text})
		_, err := message.Load(root)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), root) {
			t.Errorf("%s with %q: %v, want %q", c.file, c.text, err, c.want)
		}
	}
	if _, err := message.Load(filepath.Join(t.TempDir(), "gone")); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a folder that is not there: %v", err)
	}
}
