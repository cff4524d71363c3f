package mapfile

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// letters are those that are not a letter with a mark to Unicode, and are to people who look for them.
var letters = map[rune]string{'ł': "l", 'ø': "o", 'đ': "d", 'ß': "ss", 'æ': "ae", 'œ': "oe", 'ı': "i", 'ð': "d", 'þ': "th", 'ħ': "h"}

// Fold is a name without what people write now one way and now another: capitals, accents, punctuation
// and blanks. Two places with the same folded name at about the same point are one.
func Fold(name string) string {
	var folded strings.Builder
	folded.Grow(len(name))
	gap := false
	add := func(r rune) {
		if gap && folded.Len() > 0 {
			folded.WriteByte(' ')
		}
		gap = false
		folded.WriteRune(r)
	}
	if !isASCII(name) {
		name = norm.NFKD.String(name)
	}
	for _, r := range name {
		r = unicode.ToLower(unicode.ToUpper(r))
		switch {
		case unicode.Is(unicode.Mn, r):
		case letters[r] != "":
			for _, other := range letters[r] {
				add(other)
			}
		case unicode.IsLetter(r), unicode.IsDigit(r):
			add(r)
		case r == '\'' || r == '’' || r == '.':
		default:
			gap = true
		}
	}
	return folded.String()
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
