package service

import (
	_ "embed"
	"math"
	"strings"
)

// wordList are passwords and words that people choose, the most frequent first, one a line: from the frequency lists of
// zxcvbn (github.com/dropbox/zxcvbn, Dan Wheeler and Dropbox, MIT licence). It is read from its beginning for each
// password, which takes a few milliseconds and no memory; to hash one takes longer.
//
//go:embed words.txt
var wordList string

// Bounds of what a password is compared with, as powers of ten of the guesses that it takes.
const (
	// riskyBelow is what somebody guesses who tries a password at this server for long.
	riskyBelow = 6.0
	// perCharacter is what a character takes that is part of nothing known.
	perCharacter = 1.0
	// spelling is what capitals add to a word, or digits in the place of letters.
	spelling = 0.5
)

// unleet puts letters in the place of the digits and signs that look like them.
var unleet = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// rows are what fingers run along.
var rows = []string{"qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz", "qazwsxedcrfvtgbyhnujmikolp", "1qaz2wsx3edc4rfv5tgb6yhn"}

// part is a piece of a password that somebody would guess as a whole: its bytes from..to, and how many guesses that takes,
// as a power of ten.
type part struct {
	from, to int
	guesses  float64
}

// risky says whether a password is easy to guess for who tries words, names, rows of the keyboard, repetitions, years and
// what they know of the person: the cheapest way to put it together out of such parts takes too few guesses.
func risky(password string, personal []string) bool {
	if password == "" {
		return true
	}
	if n := strings.Index((password + password)[1:], password) + 1; n < len(password) { // a shorter text over and over
		return guesses(password[:n], personal)+math.Log10(float64(len(password)/n)) < riskyBelow
	}
	return guesses(password, personal) < riskyBelow
}

// guesses is how many tries a password takes, as a power of ten.
func guesses(password string, personal []string) float64 {
	small := strings.ToLower(password)
	if len(small) != len(password) {
		small = password // letters that are longer when they are small: they are in no list
	}
	parts := append(patterns(small), knownWords(password, small, personal)...)
	if plain := unleet.Replace(small); plain != small && len(plain) == len(password) {
		parts = append(parts, knownWords(password, plain, personal)...)
	}
	least := make([]float64, len(password)+1)
	for to := 1; to <= len(password); to++ {
		least[to] = least[to-1] + perCharacter
		for _, p := range parts {
			if p.to == to {
				least[to] = min(least[to], least[p.from]+p.guesses)
			}
		}
	}
	return least[len(password)]
}

// knownWords are the words in a text, which is the password in one spelling.
func knownWords(password, text string, personal []string) (parts []part) {
	add := func(word string, guesses float64) {
		for at := 0; word != ""; {
			i := strings.Index(text[at:], word)
			if i < 0 {
				return
			}
			from, to := at+i, at+i+len(word)
			if password[from:to] != word {
				guesses += spelling
			}
			parts = append(parts, part{from, to, guesses})
			at = from + 1
		}
	}
	for _, words := range personal {
		words = strings.ToLower(words)
		add(words, spelling)
		for _, word := range strings.FieldsFunc(words, func(r rune) bool { return strings.ContainsRune(" @.-_+", r) }) {
			if len(word) > 2 {
				add(word, spelling)
			}
		}
	}
	rank := 0.0
	for word := range strings.Lines(wordList) {
		rank++
		add(strings.TrimSuffix(word, "\n"), math.Log10(rank))
	}
	return parts
}

// patterns are runs of one character and along rows, either way, and years.
func patterns(text string) (parts []part) {
	for from := range text {
		for to := from + 3; to <= len(text); to++ {
			piece := text[from:to]
			switch {
			case strings.Count(piece, piece[:1]) == len(piece):
				parts = append(parts, part{from, to, 1 + math.Log10(float64(len(piece)))})
			case alongRow(piece):
				parts = append(parts, part{from, to, 1.5 + math.Log10(float64(len(piece)))})
			case len(piece) == 4 && (strings.HasPrefix(piece, "19") || strings.HasPrefix(piece, "20")) && strings.Trim(piece, "0123456789") == "":
				parts = append(parts, part{from, to, 2})
			}
		}
	}
	return parts
}

// alongRow says whether a text runs along a row, in either direction.
func alongRow(text string) bool {
	back := []byte(text)
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	for _, row := range rows {
		if strings.Contains(row, text) || strings.Contains(row, string(back)) {
			return true
		}
	}
	return false
}
