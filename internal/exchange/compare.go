package exchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/purserhq/purser/internal/secret"
)

// Difference is one way in which an answer is not what was expected. No secret is in it once it was masked.
type Difference struct {
	// Line is where the exchange begins in its file; 0 for a vector, which Vector names.
	Line   int    `json:"line,omitempty"`
	Vector string `json:"vector,omitempty"`
	// Request is its method and target as the file writes them, and As who signed.
	Request string `json:"request"`
	As      string `json:"as,omitempty"`
	// RequestID is what the server calls the request, for its log.
	RequestID string `json:"request_id,omitempty"`
	// What differs: "status", "header NAME", "body", "rule" for what is true of every answer, or "before" for what could not
	// be done first.
	What string `json:"what"`
	// Want was expected, and Got came: in a body at First, the place of the first difference.
	First string `json:"first,omitempty"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	// Lines are what surrounds the differences of a body: beginning with a blank, with - for what is missing, with + for what
	// was not expected.
	Lines []string `json:"lines,omitempty"`
}

// String is the difference for people, in several lines without a line feed at the end.
func (d Difference) String() string {
	where := d.Vector
	if d.Line != 0 {
		where = "line " + strconv.Itoa(d.Line)
	}
	text := fmt.Sprintf("%s: %s", where, d.Request)
	if d.As != "" && d.As != Anonymous {
		text += ", as " + d.As
	}
	if d.RequestID != "" {
		text += ", request " + d.RequestID
	}
	what := d.What
	if d.First != "" {
		what += ", first at " + d.First
	}
	text += fmt.Sprintf("\n  %s\n    expected: %s\n    came:     %s", what, d.Want, d.Got)
	for _, line := range d.Lines {
		text += "\n    " + line
	}
	return text
}

// compare holds an answer against the exchange that asked for it, whose expected body is want.
func compare(e Exchange, want string, a *Answer) (differences []Difference) {
	add := func(d Difference) {
		d.Line, d.Request, d.As, d.RequestID = e.Line, e.Method+" "+e.Target, e.As, a.Header.Get(requestIDHeader)
		differences = append(differences, d)
	}
	for _, problem := range a.Problems(e.Method) {
		add(Difference{What: "rule", Want: "what is true of every answer", Got: problem})
	}
	if a.Status != e.Status {
		add(Difference{What: "status", Want: strconv.Itoa(e.Status), Got: strconv.Itoa(a.Status), Lines: []string{" " + shortened(a.Body)}})
		return differences
	}
	for _, header := range e.AnswerHeaders {
		if got := a.Header.Get(header[0]); got != header[1] {
			add(Difference{What: "header " + header[0], Want: header[1], Got: got})
		}
	}
	if want, got := blankAlike(want, a.Body); want != got {
		want, got = bareWord.ReplaceAllString(want, `:"$1"`), bareWord.ReplaceAllString(got, `:"$1"`)
		d := Difference{What: "body", Lines: differing(strings.Split(indented(want), "\n"), strings.Split(indented(got), "\n"))}
		d.First, d.Want, d.Got = first(want, got)
		add(d)
	}
	return differences
}

// mostOfBody is how much is shown of a body that nothing is compared with, in bytes.
const mostOfBody = 600

// shortened is the beginning of a text.
func shortened(text string) string {
	if len(text) > mostOfBody {
		return strings.ToValidUTF8(text[:mostOfBody], "") + "…"
	}
	return text
}

// bareWord is a word that stands for a number.
var bareWord = regexp.MustCompile(`:(<[a-z_]+(?: [0-9]+)?>)`)

// indented is JSON on many lines, for a difference that can be read.
func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}

// place is where a reader of JSON stands: in an object behind key, or in a list before element index.
type place struct {
	inObject, keyNext bool
	key               string
	index             int
}

// first is where two JSON texts differ first, as .payments[0].status, and what stands there in both. Texts that are no JSON
// differ at their beginning.
func first(want, got string) (path, inWant, inGot string) {
	w, g := json.NewDecoder(strings.NewReader(want)), json.NewDecoder(strings.NewReader(got))
	w.UseNumber()
	g.UseNumber()
	var places []place
	for {
		one, errWant := w.Token()
		other, errGot := g.Token()
		if errWant == io.EOF && errGot == io.EOF {
			return "(spelling)", want, got // they say the same in other bytes
		}
		if errWant != nil || errGot != nil || one != other {
			return pathOf(places), tokenText(places, one, errWant), tokenText(places, other, errGot)
		}
		places = follow(places, one)
	}
}

// follow is where a reader stands behind a token.
func follow(places []place, token json.Token) []place {
	opened, isDelim := token.(json.Delim)
	if isDelim && (opened == '{' || opened == '[') {
		return append(places, place{inObject: opened == '{', keyNext: opened == '{'})
	}
	if isDelim {
		places = places[:len(places)-1]
	}
	if len(places) == 0 {
		return places
	}
	here := &places[len(places)-1]
	switch {
	case here.inObject && here.keyNext:
		here.key, here.keyNext = token.(string), false
	case here.inObject:
		here.keyNext = true
	default:
		here.index++
	}
	return places
}

// pathOf is the path of a place.
func pathOf(places []place) string {
	path := ""
	for _, p := range places {
		switch {
		case !p.inObject:
			path += fmt.Sprintf("[%d]", p.index)
		case !p.keyNext:
			path += "." + p.key
		}
	}
	if path == "" {
		return "."
	}
	return path
}

// tokenText is what stands at a place, for people.
func tokenText(places []place, token json.Token, err error) string {
	inObject := len(places) > 0 && places[len(places)-1].inObject
	if err == io.EOF {
		return "nothing"
	}
	if err != nil {
		return "what is no JSON"
	}
	switch t := token.(type) {
	case json.Delim:
		return map[json.Delim]string{'{': "an object", '[': "a list", '}': "the end of the object", ']': "the end of the list"}[t]
	case string:
		if inObject && places[len(places)-1].keyNext {
			return "the key " + strconv.Quote(t)
		}
		if inObject && secret.IsName(places[len(places)-1].key) && !isWord(t) {
			return strconv.Quote(hidden)
		}
		return strconv.Quote(t)
	case nil:
		return "null"
	}
	return fmt.Sprint(token)
}

// Bounds of what is shown of a body.
const (
	around = 2
	// mostCells is how many pairs of lines are compared; where there are more, all that differs is shown as one piece.
	mostCells = 1 << 21
)

// differing are the lines in which two texts differ, with what surrounds them.
func differing(want, got []string) []string {
	all := merged(want, got)
	near := make([]bool, len(all))
	for i, line := range all {
		if line[0] == ' ' {
			continue
		}
		for at := max(i-around, 0); at <= min(i+around, len(all)-1); at++ {
			near[at] = true
		}
	}
	var shown []string
	for i, line := range all {
		switch {
		case near[i]:
			shown = append(shown, line)
		case i > 0 && near[i-1]:
			shown = append(shown, " …")
		}
	}
	return shown
}

// merged are the lines of both texts: those that both have once, behind a blank, those of one alone behind - or +.
func merged(want, got []string) (all []string) {
	begin := 0
	for begin < min(len(want), len(got)) && want[begin] == got[begin] {
		begin++
	}
	w, g := want[begin:], got[begin:]
	for _, line := range want[:begin] {
		all = append(all, " "+line)
	}
	if len(w)*len(g) > mostCells {
		for _, line := range w {
			all = append(all, "-"+line)
		}
		for _, line := range g {
			all = append(all, "+"+line)
		}
		return all
	}
	common := make([][]int, len(w)+1) // the length of the longest common rest
	for i := range common {
		common[i] = make([]int, len(g)+1)
	}
	for i := len(w) - 1; i >= 0; i-- {
		for k := len(g) - 1; k >= 0; k-- {
			if common[i][k] = max(common[i+1][k], common[i][k+1]); w[i] == g[k] {
				common[i][k] = common[i+1][k+1] + 1
			}
		}
	}
	for i, k := 0, 0; i < len(w) || k < len(g); {
		switch {
		case i < len(w) && k < len(g) && w[i] == g[k]:
			all = append(all, " "+w[i])
			i, k = i+1, k+1
		case k == len(g) || i < len(w) && common[i+1][k] >= common[i][k+1]:
			all = append(all, "-"+w[i])
			i++
		default:
			all = append(all, "+"+g[k])
			k++
		}
	}
	return all
}

// hidden stands where a secret was.
const hidden = "***"

// member is a member of an object with a text or a number, in JSON of any spelling.
var member = regexp.MustCompile(`"([A-Za-z_]+)":( ?)("(?:[^"\\]|\\.)*"|[0-9.]+)`)

// isWord says whether a text is a word that stands for a value.
func isWord(text string) bool { return strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">") }

// masked is a text without the values of what is called like a secret, and without those that are known to be secret.
func masked(text string, secrets []string) string {
	for _, known := range secrets {
		if len(known) >= shortestSecret {
			text = strings.ReplaceAll(text, known, hidden)
		}
	}
	return member.ReplaceAllStringFunc(text, func(whole string) string {
		parts := member.FindStringSubmatch(whole)
		if !secret.IsName(parts[1]) || isWord(strings.Trim(parts[3], `"`)) {
			return whole
		}
		return `"` + parts[1] + `":` + parts[2] + strconv.Quote(hidden)
	})
}

// shortestSecret is how long a text is that is looked for wherever it stands: a PIN of four digits would be found everywhere.
const shortestSecret = 8

// mask takes out of a difference what is secret.
func (d *Difference) mask(secrets []string) {
	for _, text := range []*string{&d.Want, &d.Got} {
		*text = masked(*text, secrets)
	}
	for i, line := range d.Lines {
		d.Lines[i] = masked(line, secrets)
	}
}
