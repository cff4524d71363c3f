// Package secret makes, seals and hashes secrets, and keeps them out of logs.
//
// A secret that must come back (a MAC key) is sealed with a key-encryption key; one that need
// not (a password, a PIN, a token) is hashed. Values travel inside the process as Text, which
// prints as "[secret]" wherever it is formatted, logged or encoded by mistake. This is the
// only package that draws from crypto/rand: keys and seals never depend on the injected
// source of ids (decisions.md 21).
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"math/big"
	rand2 "math/rand/v2"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
)

// Text is a secret in the clear. Reveal is the only way to its characters, but for two that
// Go leaves no way to close: encoding/json writes the keys of a map as they are, so there is
// no map[secret.Text] (a test looks), and fmt calls no method on an unexported field, so a
// struct with a secret in one is not to be formatted.
type Text string

const redacted = "[secret]"

// Reveal is the secret itself, for signing or for showing it once to its owner.
func (t Text) Reveal() string { return string(t) }

// String hides the secret from fmt.
func (Text) String() string { return redacted }

// Equal says whether two secrets are the same, in a time that tells nothing about them but their length.
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare([]byte(t), []byte(other)) == 1
}

// NewDigits makes so many random digits.
func NewDigits(n int) Text {
	digits := make([]byte, n)
	for i := range digits {
		d, err := rand.Int(rand.Reader, big.NewInt(10))
		if err != nil {
			panic(err) // the system has no randomness
		}
		digits[i] = '0' + byte(d.Int64())
	}
	return Text(digits)
}

// Format hides the secret from fmt, also where a verb does not fit a text: without it, %d
// would complain about the secret by showing it.
func (Text) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue hides the secret from slog.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret from encoders.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// alphabet of generated secrets: no sign that needs quoting in a header, a URL or a shell.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// keyLength is the length of the protocol's sample keys; 32 of 62 characters are 190 bits.
const keyLength = 32

// NewKey makes a MAC key, or a refresh token: 32 letters and digits (spec/wallet-api.md §2.1).
func NewKey() Text {
	// 248 is the largest multiple of 62 below 256: bytes above it would favour some letters.
	key := make([]byte, 0, keyLength)
	var random [64]byte
	for len(key) < keyLength {
		rand.Read(random[:]) // never fails: the Go runtime ends the process if it would
		for _, b := range random {
			if b < 248 && len(key) < keyLength {
				key = append(key, alphabet[b%62])
			}
		}
	}
	return Text(key)
}

// Signer is a MAC key that is ready to sign many messages. It is safe for concurrent use.
type Signer struct{ states sync.Pool }

// NewSigner prepares a key.
func NewSigner(key Text) *Signer {
	s := &Signer{}
	s.states.New = func() any { return hmac.New(sha256.New, []byte(key)) }
	return s
}

// Sum is the HMAC-SHA256 of the message.
func (s *Signer) Sum(message []byte) (sum [sha256.Size]byte) {
	mac := s.states.Get().(hash.Hash)
	mac.Reset()
	mac.Write(message)
	mac.Sum(sum[:0])
	s.states.Put(mac)
	return sum
}

// Errors of this package.
var (
	// ErrKEK says that text is not a key-encryption key.
	ErrKEK = errors.New("a key-encryption key is 32 bytes, written in base64 or hex")
	// ErrSeal says that a sealed value cannot be opened: another key, another row or damage.
	ErrSeal = errors.New("a sealed value does not open with this key-encryption key")
)

// kekLength in bytes: AES-256.
const kekLength = 32

// Box seals secrets with a key-encryption key (AES-256-GCM).
type Box struct {
	aead  cipher.AEAD
	keyID [8]byte
	// pepper strengthens hashes of short secrets.
	pepper [32]byte
	// numbers hides numbers in handles.
	numbers cipher.Block
}

// Format hides the pepper from fmt.
func (*Box) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// NewBox makes a box from the text of a key-encryption key: base64 or hex of 32 bytes, blanks
// around it ignored. It returns ErrKEK for other text.
func NewBox(text Text) (*Box, error) {
	trimmed := strings.TrimSpace(text.Reveal())
	kek, err := hex.DecodeString(trimmed)
	if err != nil {
		kek, err = base64.StdEncoding.DecodeString(trimmed)
	}
	if err != nil || len(kek) != kekLength {
		return nil, ErrKEK
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	b := &Box{aead: aead}
	b.pepper = derive(kek, "purser pepper")
	hiding := derive(kek, "purser handles")
	if b.numbers, err = aes.NewCipher(hiding[:]); err != nil {
		return nil, err
	}
	id := derive(kek, "purser key id")
	copy(b.keyID[:], id[:])
	return b, nil
}

// WithHandles has the box make the handles of a seed, whatever its key: a sandbox with the same seed then shows the same ones
// (decisions.md 21). Whoever knows the seed can tell numbers from handles.
func (b *Box) WithHandles(seed [32]byte) (*Box, error) {
	seeded := *b
	hiding := derive(seed[:], "purser handles")
	var err error
	seeded.numbers, err = aes.NewCipher(hiding[:])
	return &seeded, err
}

func derive(kek []byte, purpose string) (out [32]byte) {
	mac := hmac.New(sha256.New, kek)
	mac.Write([]byte(purpose))
	mac.Sum(out[:0])
	return out
}

// NewKEK makes the text of a fresh key-encryption key.
func NewKEK() Text {
	var kek [kekLength]byte
	rand.Read(kek[:])
	return Text(base64.StdEncoding.EncodeToString(kek[:]))
}

// Seal encrypts a secret for one place: what names that place, such as "client 7 key 1", so
// that a sealed value moved to another row does not open there. The id of the key stands in
// front.
func (b *Box) Seal(plain Text, place string) []byte {
	var nonce [12]byte
	rand.Read(nonce[:])
	sealed := append(b.keyID[:len(b.keyID):len(b.keyID)], nonce[:]...)
	return b.aead.Seal(sealed, nonce[:], []byte(plain), []byte(place))
}

// Open is the reverse of Seal. It returns ErrSeal.
func (b *Box) Open(sealed []byte, place string) (Text, error) {
	header := len(b.keyID) + b.aead.NonceSize()
	if len(sealed) < header || subtle.ConstantTimeCompare(sealed[:len(b.keyID)], b.keyID[:]) != 1 {
		return "", ErrSeal
	}
	plain, err := b.aead.Open(nil, sealed[len(b.keyID):header], sealed[header:], []byte(place))
	if err != nil {
		return "", ErrSeal
	}
	return Text(plain), nil
}

// Fingerprint is how a long random secret (a token) is stored and found: its SHA-256.
func Fingerprint(t Text) []byte {
	sum := sha256.Sum256([]byte(t))
	return sum[:]
}

// Fingerprint is the keyed hash of something short that must be found or compared, such as a person
// code: without the key-encryption key nobody can try out what it is of. purpose keeps those of
// different things apart.
func (b *Box) Fingerprint(purpose string, t Text) []byte {
	mac := hmac.New(sha256.New, b.pepper[:])
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write([]byte(t))
	return mac.Sum(nil)
}

// codeDigits is the length of codes that people type.
const codeDigits = 6

// NewCode makes a code of six digits for a person to type, who has few tries.
func NewCode() Text { return NewDigits(codeDigits) }

// Parameters of argon2id: passwords as decisions.md 26 says; PINs lighter, since attempts are
// counted and a pepper that is not in the database stands before them.
const (
	passwordTime, passwordMemory = 2, 19 * 1024
	pinTime, pinMemory           = 1, 1024
	saltLength, hashLength       = 16, 32
)

// HashPassword is the argon2id hash of a password, with its salt in front.
func HashPassword(password Text) []byte {
	return argon([]byte(password), passwordTime, passwordMemory)
}

// HashPIN is the peppered argon2id hash of a user's PIN, with its salt in front.
func (b *Box) HashPIN(pin Text) []byte {
	mac := hmac.New(sha256.New, b.pepper[:])
	mac.Write([]byte(pin))
	return argon(mac.Sum(nil), pinTime, pinMemory)
}

// CheckPassword says whether the password is the one of the hash. No hash is nobody's password, and
// costs what another one costs.
func CheckPassword(hash []byte, password Text) bool {
	return checkArgon(hash, []byte(password), passwordTime, passwordMemory)
}

// CheckPIN says whether the PIN is the one of the hash, like CheckPassword.
func (b *Box) CheckPIN(hash []byte, pin Text) bool {
	mac := hmac.New(sha256.New, b.pepper[:])
	mac.Write([]byte(pin))
	return checkArgon(hash, mac.Sum(nil), pinTime, pinMemory)
}

func argon(plain []byte, time, memory uint32) []byte {
	salt := make([]byte, saltLength, saltLength+hashLength)
	rand.Read(salt)
	return append(salt, argon2.IDKey(plain, salt, time, memory, 1, hashLength)...)
}

func checkArgon(hash, plain []byte, time, memory uint32) bool {
	known := len(hash) == saltLength+hashLength
	if !known {
		hash = make([]byte, saltLength+hashLength)
	}
	sum := argon2.IDKey(plain, hash[:saltLength], time, memory, 1, hashLength)
	return subtle.ConstantTimeCompare(sum, hash[saltLength:]) == 1 && known
}

// NewIDs is the source of ids and visible tokens: the same bytes for the same seed, so that a
// request replayed gives the same answer (decisions.md 21). Safe for concurrent use. Nothing
// that must stay secret is ever drawn from it.
func NewIDs(seed [32]byte) io.Reader { return &ids{source: rand2.NewChaCha8(seed)} }

// ids lets several goroutines read from one source.
type ids struct {
	mu     sync.Mutex
	source *rand2.ChaCha8
}

func (i *ids) Read(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.source.Read(p)
}

// RandomBytes are n bytes for a key that never leaves this process or its data folder.
func RandomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// Reader is the machine's randomness, for libraries that make keys, serial numbers and
// signatures.
var Reader io.Reader = rand.Reader

// handleText writes handles: small letters and digits only, so that they stand in a path and a QR code as they are.
var handleText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Handle is a text of 26 letters and digits that stands for a number: nobody can guess one, or tell the number
// from it, and nothing has to be stored to find the number again (decisions.md 27).
func (b *Box) Handle(number int64) string {
	var block [aes.BlockSize]byte
	binary.BigEndian.PutUint64(block[:], uint64(number))
	b.numbers.Encrypt(block[:], block[:])
	return handleText.EncodeToString(block[:])
}

// Number is the number that a handle stands for; ok is false for a text that is none.
func (b *Box) Number(handle string) (number int64, ok bool) {
	var block [aes.BlockSize]byte
	if len(handle) != handleText.EncodedLen(len(block)) {
		return 0, false
	}
	if _, err := handleText.Decode(block[:], []byte(handle)); err != nil {
		return 0, false
	}
	b.numbers.Decrypt(block[:], block[:])
	var none [8]byte
	if subtle.ConstantTimeCompare(block[8:], none[:]) != 1 || b.Handle(int64(binary.BigEndian.Uint64(block[:]))) != handle {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(block[:])), true
}
