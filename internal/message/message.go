// Package message renders what people are told outside of this server, and sends it.
//
// A wallet.Message says what happened; Templates turn it into a Text in the person's language,
// the embedded words or the operator's own; a Sender carries the Text away: SMTP takes e-mail to
// a mail server, Command hands anything to a program of the operator, Route chooses between
// them. The Courier is the loop that empties an outbox through all of that.
//
// What is not here: the outbox itself, leases, and codes that expired meanwhile are the store's
// business; this room sees one message at a time and never a database. A message leaves at least
// once rather than at most once: who dies between sending and reporting sends it again. Nobody
// reads what comes back to the address it was sent from. A code is a secret and an address is
// somebody's: neither stands in an error or a log line of this room.
package message

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/wallet"
)

// Text is a message in words. An SMS has no subject.
type Text struct {
	Subject, Body string
}

// Sender takes a message out of the house. It works no longer than SendLimit on one, and returns
// nil once somebody else has taken the responsibility to deliver it.
type Sender interface {
	Send(ctx context.Context, m wallet.Message, t Text) error
}

// SendLimit is how long a sender works on one message: a lease of an outbox must be longer.
const SendLimit = 30 * time.Second

// The channels, as a program of the operator reads them.
const (
	channelEmail = "email"
	channelSMS   = "sms"
)

// channel says by which of the two ways a message goes; "" has nowhere to go.
func channel(m wallet.Message) string {
	switch {
	case m.Email != "":
		return channelEmail
	case m.Phone != "":
		return channelSMS
	}
	return ""
}

// mask shows enough of an address or a number for an operator to recognize it by, and no more.
func mask(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		_, size := utf8.DecodeRuneInString(address[:at])
		return address[:size] + "…" + address[at:]
	}
	if len(address) < 9 {
		return "…"
	}
	return address[:4] + "…" + address[len(address)-2:]
}

// flatten makes one line of a text: whatever would begin another, or is not seen, becomes a blank
// or nothing. Names come from strangers and must not write lines of their own.
func flatten(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	return strings.TrimSpace(text)
}

// cut shortens a text to so many bytes, at the end of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// shortestHidden is how many bytes something must have to be looked for in an error: what is
// shorter tells nothing and would be found everywhere.
const shortestHidden = 4

// hide takes the message out of what others say about it: a mail server's answer repeats the
// address, a program may print all that it read. It finds the address, the values, and the lines
// of the text as they are and as JSON writes them; a program that writes them in yet another way
// is not caught, but for its code.
func hide(m wallet.Message, t Text, said string) string {
	type pair struct{ what, instead string }
	var pairs []pair
	add := func(what, instead string) {
		if len(what) >= shortestHidden {
			pairs = append(pairs, pair{what, instead}, pair{inJSON(what), instead})
		}
	}
	for _, to := range []string{m.Email, m.Phone} {
		add(to, mask(to))
		add(strings.ToLower(to), mask(strings.ToLower(to)))
	}
	for name, value := range m.Values {
		add(value, "["+name+"]")
		add(flatten(value), "["+name+"]")
	}
	for _, line := range append(strings.Split(t.Body, "\n"), t.Subject) {
		add(strings.TrimSpace(line), "[message]")
	}
	// A replacer takes the first pair that fits: a whole line before the code in it.
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(len(b.what), len(a.what)), cmp.Compare(a.what, b.what), cmp.Compare(a.instead, b.instead))
	})
	list := make([]string, 0, 2*len(pairs))
	for _, p := range pairs {
		list = append(list, p.what, p.instead)
	}
	return strings.NewReplacer(list...).Replace(said)
}

// inJSON is a text as it stands between the quotation marks of encodeJSON.
func inJSON(text string) string {
	encoded := strings.TrimSpace(string(encodeJSON(text)))
	return encoded[1 : len(encoded)-1]
}

// encodeJSON writes letters as they are, for programs and for hide to find them again.
func encodeJSON(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // texts can be encoded
	}
	return text.Bytes()
}
