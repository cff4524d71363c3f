package diagnosis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// deepestJSON bounds how deeply nested the bodies are that are written again: indented, each
// level adds to every line.
const deepestJSON = 20

// layouts are where libraries put blanks and line feeds into JSON that has none.
var layouts = []struct {
	how   string
	write func(compact []byte) []byte
}{
	{"on one line without blanks", bytes.Clone},
	{"on one line with blanks after commas and colons", spaced},
	{"indented by four blanks", indented("    ")},
	{"indented by two blanks", indented("  ")},
	{"indented by tabs", indented("\t")},
}

// How libraries write strings and objects, as bits.
const (
	slashes = 1 << iota
	beyondASCII
	forHTML
	keysSorted
	styles
)

var styleWords = []string{
	`, with / as \/`, `, with letters beyond ASCII as \u escapes`, `, with <, > and & as \u escapes`, ", with its keys in alphabetical order",
}

// restyled writes the body, if it is JSON, in the styles of the usual libraries, until is says
// that it was that one. It answers in words, empty when none was.
func restyled(body []byte, is func([]byte) bool) string {
	var asSent bytes.Buffer
	if json.Compact(&asSent, body) != nil || depth(asSent.Bytes()) > deepestJSON {
		return ""
	}
	inOrder := sortKeys(body)
	for style := range styles {
		compact := asSent.Bytes()
		if style&keysSorted != 0 {
			compact = inOrder
		}
		compact = stringsOf.ReplaceAllFunc(compact, func(quoted []byte) []byte { return requote(quoted, style) })
		for _, layout := range layouts {
			how, text := layout.how, layout.write(compact)
			for bit, words := range styleWords {
				if style>>bit&1 == 1 {
					how += words
				}
			}
			if is(text) {
				return how
			}
			if is(append(text, '\n')) {
				return how + ", with a line feed at its end"
			}
		}
	}
	return ""
}

var (
	stringsOf    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	stringOrMark = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[,:]`)
)

// depth is how deeply JSON is nested.
func depth(text []byte) int {
	deepest, now := 0, 0
	for _, c := range stringsOf.ReplaceAll(text, nil) {
		switch c {
		case '{', '[':
			now++
		case '}', ']':
			now--
		}
		deepest = max(deepest, now)
	}
	return deepest
}

// sortKeys is JSON without blanks and with the keys of every object in alphabetical order.
func sortKeys(text []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // numbers keep their spelling
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	sorted, _ := json.Marshal(value)
	return sorted
}

// spaced puts a blank after every comma and colon.
func spaced(compact []byte) []byte {
	return stringOrMark.ReplaceAllFunc(compact, func(found []byte) []byte {
		if found[0] == '"' {
			return found
		}
		return []byte{found[0], ' '}
	})
}

func indented(by string) func([]byte) []byte {
	return func(compact []byte) []byte {
		var text bytes.Buffer
		_ = json.Indent(&text, compact, "", by)
		return text.Bytes()
	}
}

// requote writes a string of JSON in one of the styles.
func requote(quoted []byte, style int) []byte {
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return quoted
	}
	to := []byte{'"'}
	for _, r := range text {
		short := strings.IndexRune("\"\\\b\f\n\r\t", r)
		switch {
		case short >= 0:
			to = append(to, '\\', `"\bfnrt`[short])
		case r == '/' && style&slashes != 0:
			to = append(to, `\/`...)
		case r < 0x20, style&forHTML != 0 && strings.ContainsRune("<>&\u2028\u2029", r), style&beyondASCII != 0 && r > 0x7e:
			for _, unit := range utf16.Encode([]rune{r}) {
				to = fmt.Appendf(to, `\u%04x`, unit)
			}
		default:
			to = utf8.AppendRune(to, r)
		}
	}
	return append(to, '"')
}
