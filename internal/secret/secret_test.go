package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"
	"pgregory.net/rapid"

	"github.com/purserhq/purser/internal/secret"
)

const (
	kek   = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" // 0123456789abcdef, twice
	other = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

func newBox(t *testing.T, text secret.Text) *secret.Box {
	t.Helper()
	box, err := secret.NewBox(text)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestSealAndOpen(t *testing.T) {
	box := newBox(t, kek)
	rapid.Check(t, func(t *rapid.T) {
		plain := secret.Text(rapid.String().Draw(t, "plain"))
		place := rapid.String().Draw(t, "place")
		sealed := box.Seal(plain, place)
		if opened, err := box.Open(sealed, place); err != nil || opened != plain {
			t.Fatalf("sealed %q at %q, opened %q, %v", plain.Reveal(), place, opened.Reveal(), err)
		}
		if len(plain) > 3 && bytes.Contains(sealed, []byte(plain)) {
			t.Fatalf("the seal of %q shows it", plain.Reveal())
		}
	})
}

func TestSealsOfOneSecretDiffer(t *testing.T) {
	box := newBox(t, kek)
	if bytes.Equal(box.Seal("key", "client 7"), box.Seal("key", "client 7")) {
		t.Error("two seals of one secret are the same: the nonce was not random")
	}
}

// A box made from the same key in another process, or from its other spelling, opens too.
func TestTheKeyIsAllThatABoxIsMadeOf(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString(kek)
	if err != nil {
		t.Fatal(err)
	}
	sealed := newBox(t, kek).Seal("key", "client 7")
	for name, text := range map[string]string{
		"base64":              kek,
		"with blanks around":  "  " + kek + "\n",
		"hex":                 hex.EncodeToString(raw),
		"hex in upper case":   strings.ToUpper(hex.EncodeToString(raw)),
		"hex with a new line": hex.EncodeToString(raw) + "\r\n",
	} {
		if opened, err := newBox(t, secret.Text(text)).Open(sealed, "client 7"); err != nil || opened != "key" {
			t.Errorf("%s: opened %q, %v", name, opened.Reveal(), err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	box := newBox(t, kek)
	sealed := box.Seal("the key of client 7", "client 7 key 1")
	refused := func(what string, by *secret.Box, sealed []byte, place string) {
		t.Helper()
		if opened, err := by.Open(sealed, place); !errors.Is(err, secret.ErrSeal) || opened != "" {
			t.Errorf("%s: opened %q, %v; want %v", what, opened.Reveal(), err, secret.ErrSeal)
		}
	}
	refused("another key", newBox(t, other), sealed, "client 7 key 1")
	refused("moved to another row", box, sealed, "client 8 key 1")
	refused("moved to no row", box, sealed, "")
	refused("nothing", box, nil, "client 7 key 1")
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1
		refused(fmt.Sprintf("byte %d flipped", i), box, flipped, "client 7 key 1")
		refused(fmt.Sprintf("cut to %d bytes", i), box, sealed[:i], "client 7 key 1")
	}
	refused("one byte more", box, append(bytes.Clone(sealed), 0), "client 7 key 1")
}

func TestWhatIsNoKeyEncryptionKey(t *testing.T) {
	for name, text := range map[string]secret.Text{
		"nothing":         "",
		"a password":      "correct horse battery staple",
		"31 bytes":        secret.Text(base64.StdEncoding.EncodeToString(make([]byte, 31))),
		"33 bytes":        secret.Text(hex.EncodeToString(make([]byte, 33))),
		"two keys":        kek + "\n" + other,
		"URL base64":      "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8=",
		"without padding": secret.Text(kek[:43]),
	} {
		if box, err := secret.NewBox(text); !errors.Is(err, secret.ErrKEK) || box != nil {
			t.Errorf("%s was taken for a key: %v", name, err)
		}
	}
	if fresh := secret.NewKEK(); fresh == secret.NewKEK() {
		t.Error("two fresh keys are the same")
	} else {
		newBox(t, fresh)
	}
}

// A secret in the clear must not come out of any of the usual ways to print a value, however
// deep it sits.
func TestTextIsNeverPrinted(t *testing.T) {
	const canary = "canary-Ab3xYz0"
	text := secret.Text(canary)
	type credential struct {
		Key   secret.Text
		Keys  []secret.Text
		ByID  map[string]secret.Text
		Maybe *secret.Text
	}
	deep := credential{text, []secret.Text{text}, map[string]secret.Text{"a": text}, &text}
	values := map[string]any{
		"text": text, "pointer": &text, "list": []secret.Text{text}, "array": [1]secret.Text{text},
		"map value": map[string]secret.Text{"a": text}, "struct": deep, "pointer to struct": &deep,
		"any in a list": []any{text, deep}, "error": fmt.Errorf("key %s, %v", text, deep),
	}
	shows := func(how, output string) {
		t.Helper()
		for _, form := range []string{
			canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary))),
			base64.StdEncoding.EncodeToString([]byte(canary)), fmt.Sprint([]byte(canary)),
		} {
			if strings.Contains(output, form) {
				t.Errorf("%s shows the secret: %s", how, output)
			}
		}
	}
	for name, value := range values {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %t %c %U %e %o %b %T %30s %-5v %08q") {
			shows(name+" with "+verb, fmt.Sprintf(verb, value))
		}
		shows(name+" through Print", fmt.Sprint(value)+fmt.Sprintln(value))
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		shows(name+" as JSON", string(encoded))
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			logger := slog.New(handler)
			logger.Info("signed", "value", value, slog.Group("inside", "value", value))
			logger.With("value", value).Info("again")
		}
		shows(name+" in a log", log.String())
	}
	if encoded, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"client"`
		Key     secret.Text
	}{Key: text}); err != nil {
		t.Error(err)
	} else {
		shows("XML", string(encoded))
	}
	if fmt.Sprint(text) != "[secret]" || text.String() != "[secret]" {
		t.Errorf("a secret prints as %q, want [secret]", fmt.Sprint(text))
	}
	if text.Reveal() != canary {
		t.Errorf("revealed %q, want %q", text.Reveal(), canary)
	}
}

// JSON writes the keys of a map without asking them, so a map keyed by secrets would print
// them. There is none in the whole program.
func TestNoMapIsKeyedBySecrets(t *testing.T) {
	files := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		source, err := os.ReadFile(path)
		code := regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(string(source), "")
		if strings.Contains(code, "map[secret.Text]") {
			t.Errorf("%s has a map keyed by secrets: key it by their fingerprints", path)
		}
		return err
	})
	if err != nil || files < 10 {
		t.Fatalf("looked at %d files: %v", files, err)
	}
}

// The pepper in a box is a secret too: it must not come out when options are logged whole.
func TestABoxIsNeverPrinted(t *testing.T) {
	type options struct{ Box *secret.Box }
	box := newBox(t, kek)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("opened", "box", box, "options", options{box})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("opened", "box", box, "options", options{box})
	fmt.Fprintf(&log, "%v %+v %#v %s %d %x %v", box, box, box, box, box, box, options{box})
	if numbers := regexp.MustCompile(`[0-9]+ [0-9]+ [0-9]+|0x[0-9a-f]{1,2},`).FindString(log.String()); numbers != "" {
		t.Errorf("a printed box shows bytes of its keys: %s", log.String())
	}
}

func TestKeysAreLettersAndDigits(t *testing.T) {
	wellFormed := regexp.MustCompile(`^[A-Za-z0-9]{32}$`)
	const keys = 2000
	seen := make(map[secret.Text]bool, keys)
	count := make(map[rune]int)
	for range keys {
		key := secret.NewKey()
		if !wellFormed.MatchString(key.Reveal()) {
			t.Fatalf("the key %q is not 32 letters and digits", key.Reveal())
		}
		seen[key] = true
		for _, letter := range key.Reveal() {
			count[letter]++
		}
	}
	if len(seen) != keys {
		t.Errorf("%d keys, only %d different", keys, len(seen))
	}
	// 64,000 letters of 62 kinds are 1,032 of each, give or take 32; eight times that never
	// happens by chance, and a modulo bias of a byte would already be 25 % on eight letters.
	const each = keys * 32 / 62
	for letter, n := range count {
		if n < each-256 || n > each+256 {
			t.Errorf("%c stands %d times in the keys, want about %d", letter, n, each)
		}
	}
	if len(count) != 62 {
		t.Errorf("only %d different letters", len(count))
	}
}

// A stored hash is its salt and what argon2id makes of that salt and the password, so that a
// log-in can compute it again.
func TestHashesRecomputeFromTheirSalt(t *testing.T) {
	again := func(plain []byte, stored []byte, time, memory uint32) []byte {
		salt := stored[:16]
		return append(bytes.Clone(salt), argon2.IDKey(plain, salt, time, memory, 1, 32)...)
	}
	password := secret.HashPassword("hunter2")
	if !bytes.Equal(password, again([]byte("hunter2"), password, 2, 19*1024)) {
		t.Error("the hash of a password is not argon2id with 19 MiB and two passes (decisions.md 26)")
	}
	if bytes.Equal(password, secret.HashPassword("hunter2")) {
		t.Error("two people with one password have one hash: the salt was not random")
	}
	if bytes.Equal(password, again([]byte("hunter3"), password, 2, 19*1024)) {
		t.Error("another password has the same hash")
	}
	box := newBox(t, kek)
	if pin := box.HashPIN("1234"); bytes.Equal(pin, again([]byte("1234"), pin, 1, 1024)) {
		t.Error("the hash of a PIN has no pepper: all ten thousand can be tried by who has the database")
	} else if len(pin) != 48 || bytes.Equal(pin[16:], box.HashPIN("1234")[16:]) {
		t.Error("the hash of a PIN is not 16 bytes of fresh salt and 32 of hash")
	}
}

// Many requests are checked with one key at the same time: each gets the HMAC of its own
// message, as RFC 4231 (test case 2) has it.
func TestSignersAreShared(t *testing.T) {
	const message, mac = "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	signer, another := secret.NewSigner("Jefe"), secret.NewSigner("Jeff")
	var all sync.WaitGroup
	for caller := range 8 {
		all.Go(func() {
			for i := range 200 {
				signer.Sum(fmt.Append(nil, "another message", caller, i))
				if sum := signer.Sum([]byte(message)); hex.EncodeToString(sum[:]) != mac {
					t.Errorf("caller %d, message %d: signed %x, want %s", caller, i, sum, mac)
					return
				}
			}
		})
	}
	all.Wait()
	if sum := another.Sum([]byte(message)); hex.EncodeToString(sum[:]) == mac {
		t.Error("another key signs alike")
	}
	if shown := fmt.Sprintf("%v %+v %#v", signer, signer, signer); strings.Contains(shown, "Jefe") || strings.Contains(shown, "74 101 102 101") {
		t.Errorf("a printed signer shows its key: %s", shown)
	}
}

func TestFingerprint(t *testing.T) {
	const sha256OfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := hex.EncodeToString(secret.Fingerprint("abc")); got != sha256OfAbc {
		t.Errorf("fingerprint %s, want the SHA-256 %s", got, sha256OfAbc)
	}
}

func TestRandomBytes(t *testing.T) {
	a, b := secret.RandomBytes(24), secret.RandomBytes(24)
	if len(a) != 24 || len(b) != 24 || bytes.Equal(a, b) {
		t.Errorf("%d and %d bytes, the same: %v", len(a), len(b), bytes.Equal(a, b))
	}
}

// Ids are drawn by many requests at once, and the same seed gives the same ids.
func TestIDsFollowTheirSeed(t *testing.T) {
	draw := func(seed byte) string {
		raw := make([]byte, 64)
		if _, err := io.ReadFull(secret.NewIDs([32]byte{seed}), raw); err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first, again, other := draw(1), draw(1), draw(2)
	if first != again || first == other {
		t.Error("ids do not follow their seed")
	}
}

// Two sandboxes with the same seed show the same handles, though their keys differ; what they seal stays their own.
func TestHandlesOfASeedAreTheSame(t *testing.T) {
	var seeded, plain [2]*secret.Box
	for i := range seeded {
		var err error
		if plain[i], err = secret.NewBox(secret.NewKEK()); err != nil {
			t.Fatal(err)
		}
		if seeded[i], err = plain[i].WithHandles([32]byte{7}); err != nil {
			t.Fatal(err)
		}
	}
	handle := seeded[0].Handle(1221)
	if number, ok := seeded[1].Number(handle); seeded[1].Handle(1221) != handle || !ok || number != 1221 {
		t.Errorf("the same seed makes %s of 1221, and %s, which is %d", handle, seeded[1].Handle(1221), number)
	}
	if other, err := plain[0].WithHandles([32]byte{8}); err != nil || other.Handle(1221) == handle || plain[0].Handle(1221) == handle {
		t.Error("another seed, or none, makes the same handle")
	}
	if opened, err := plain[0].Open(seeded[0].Seal("a key", "here"), "here"); err != nil || opened != "a key" {
		t.Errorf("what a box with a seed sealed is opened as %v, %v", opened, err)
	}
	if _, err := seeded[1].Open(seeded[0].Seal("a key", "here"), "here"); err == nil {
		t.Error("a seed opens what another key sealed")
	}
}
