package hours

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// SyntaxError says where a text is not understood, and why.
type SyntaxError struct {
	// Offset is where in the text, in bytes; Column the same for people: characters from 1.
	Offset, Column int
	Problem        string
}

// Error is the problem with its place in the text.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("opening hours, character %d: %s", e.Column, e.Problem)
}

// Parse reads opening hours as OpenStreetMap spells them, such as
// "Mo-Fr 09:00-18:00; Sa 10:00-14:00; PH off; Dec 24 09:00-13:00". Blank text is unknown, nil.
// Beyond the letter of that language it reads names of days in full and in small letters,
// and "00:00-00:00" as 24 hours. What no schedule can hold is refused by name: fallback
// rules, week numbers, the n-th weekday of a month, school holidays, Easter, days counted
// from dates, the sun, periods, single points in time, and closing for some hours of a day.
// The error is a *SyntaxError.
func Parse(text string) (*Schedule, error) {
	p := &parser{text: text}
	if len(text) > MaxText {
		return nil, p.refuse(0, fmt.Sprintf("the text is longer than %d bytes", MaxText))
	}
	if !utf8.ValidString(text) {
		return nil, p.refuse(0, "the text is not UTF-8")
	}
	var rules []Rule
	for additional := false; ; {
		p.space()
		if p.done() {
			break
		}
		start := p.at
		rule, err := p.rule()
		if err != nil {
			return nil, err
		}
		rule.Additional = additional
		rules = append(rules, rule)
		if _, err := rule.canonical(); err != nil {
			return nil, p.refuse(start, err.Error())
		}
		if additional, err = p.separator(); err != nil {
			return nil, err
		}
	}
	s, err := New(rules, nil)
	if err != nil {
		return nil, p.refuse(0, err.Error())
	}
	return s, nil
}

// parser is a text and how far it is read.
type parser struct {
	text string
	at   int
}

func (p *parser) refuse(at int, problem string) error {
	return &SyntaxError{Offset: at, Column: utf8.RuneCountInString(p.text[:min(at, len(p.text))]) + 1, Problem: problem}
}

func (p *parser) done() bool   { return p.at >= len(p.text) }
func (p *parser) rest() string { return p.text[p.at:] }

func (p *parser) space() {
	p.at += len(p.rest()) - len(strings.TrimLeft(p.rest(), " \t\r\n\u00a0"))
}

// take reads the sign, with space before it.
func (p *parser) take(sign string) bool {
	before := p.at
	p.space()
	if strings.HasPrefix(p.rest(), sign) {
		p.at += len(sign)
		return true
	}
	p.at = before
	return false
}

// dash reads a hyphen, or the dash that people type for it.
func (p *parser) dash() bool { return p.take("-") || p.take("–") || p.take("—") }

// word is the letters that come next, in small letters; they are not yet read.
func (p *parser) word() string {
	end := strings.IndexFunc(p.rest(), func(c rune) bool { return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') })
	if end < 0 {
		end = len(p.rest())
	}
	return strings.ToLower(p.rest()[:end])
}

// number is the digits that come next and how many there are; they are not yet read.
func (p *parser) number() (n, count int) {
	for rest := p.rest(); count < len(rest) && count < 5 && rest[count] >= '0' && rest[count] <= '9'; count++ {
		n = n*10 + int(rest[count]-'0')
	}
	return n, count
}

// atTime says whether a time of day comes next.
func (p *parser) atTime() bool {
	_, count := p.number()
	rest := p.rest()
	return (count == 1 || count == 2) && len(rest) > count+1 && rest[count] == ':' && rest[count+1] >= '0' && rest[count+1] <= '9'
}

func (p *parser) separator() (additional bool, err error) {
	p.space()
	switch {
	case p.done() || p.take(";"):
		return false, nil
	case strings.HasPrefix(p.rest(), "||"):
		return false, p.refuse(p.at, "fallback rules (||) are not supported")
	case p.take(","):
		if p.space(); p.done() {
			return false, p.refuse(p.at, "a rule should follow the comma")
		}
		return true, nil
	}
	return false, p.unexpected("the end of the rule")
}

// foreign are words of the language that no schedule can hold.
var foreign = map[string]string{
	"sunrise": "hours of the sun are not supported", "sunset": "hours of the sun are not supported",
	"dawn": "hours of the sun are not supported", "dusk": "hours of the sun are not supported",
	"week": "week numbers are not supported", "easter": "dates by Easter are not supported",
	"sh": "school holidays (SH) are not supported",
}

// unexpected is the refusal of what comes next.
func (p *parser) unexpected(wanted string) error {
	if problem, ok := foreign[p.word()]; ok {
		return p.refuse(p.at, problem)
	}
	switch {
	case p.done():
		return p.refuse(p.at, "the text ends where "+wanted+" should be")
	case p.rest()[0] == '[':
		return p.refuse(p.at, "the n-th weekday of a month is not supported")
	case p.rest()[0] == '(':
		return p.refuse(p.at, foreign["sunrise"])
	case p.rest()[0] == '/':
		return p.refuse(p.at, "periods are not supported")
	case p.rest()[0] == '+':
		return p.refuse(p.at, "an open end is supported after a time only")
	}
	end := strings.IndexAny(p.rest(), " ;,")
	if end <= 0 {
		end = len(p.rest())
	}
	unread := []rune(p.rest()[:end])
	return p.refuse(p.at, fmt.Sprintf("%q is read where %s should be", string(unread[:min(len(unread), 20)]), wanted))
}

var wholeDay = Span{Open: Midnight, Close: DayEnd}

func (p *parser) rule() (r Rule, err error) {
	start := p.at
	if p.take("24/7") {
		r.State, r.Spans = Open, []Span{wholeDay}
	} else {
		if r.Dates, err = p.dates(); err != nil {
			return r, err
		}
		if len(r.Dates) > 0 {
			p.take(":")
		}
		p.space()
		if r.Days, r.Holidays, err = p.days(); err != nil {
			return r, err
		}
		if r.Days != 0 || r.Holidays {
			p.take(":")
		}
		p.space()
		if p.atTime() {
			if r.Spans, err = p.spans(); err != nil {
				return r, err
			}
		}
	}
	p.space()
	selected := p.at > start
	explicit, err := p.state(&r)
	if err != nil {
		return r, err
	}
	commented := p.take(`"`)
	if commented {
		end := strings.IndexByte(p.rest(), '"')
		if end < 0 {
			return r, p.refuse(p.at-1, "the comment does not end")
		}
		r.Comment, p.at = p.rest()[:end], p.at+end+1
	}
	if !explicit {
		// What only a comment qualifies depends on what the comment says.
		if r.State = Open; commented {
			r.State = Unknown
		}
	}
	if !selected && !explicit && !commented {
		return r, p.unexpected("a date, a day or a time")
	}
	if r.State != Closed && len(r.Spans) == 0 {
		r.Spans = []Span{wholeDay}
	}
	return r, nil
}

// state reads the word that says what a rule's days or hours are.
func (p *parser) state(r *Rule) (explicit bool, err error) {
	word, start := p.word(), p.at
	switch word {
	case "open":
		r.State = Open
	case "unknown":
		r.State = Unknown
	case "off", "closed":
		if len(r.Spans) == 1 && r.Spans[0] == wholeDay {
			r.Spans = nil
		}
		if len(r.Spans) > 0 {
			return false, p.refuse(start, "closing for some hours of a day is not supported: give the hours that are open")
		}
		r.State = Closed
	default:
		return false, nil
	}
	p.at += len(word)
	return true, nil
}

var weekdayNames = [...]string{"su", "mo", "tu", "we", "th", "fr", "sa"}
var monthNames = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// weekday reads a day's name: two or three letters, or in full.
func (p *parser) weekday() (time.Weekday, bool) {
	word := p.word()
	if len(word) < 2 {
		return 0, false
	}
	day := time.Weekday(max(slices.Index(weekdayNames[:], word[:2]), 0))
	full := strings.ToLower(day.String())
	if word != full && word != full[:2] && word != full[:3] {
		return 0, false
	}
	p.at += len(word)
	return day, true
}

// month reads a month's name: three letters, or in full.
func (p *parser) month() (uint8, bool) {
	word := p.word()
	for i := range monthNames {
		if full := strings.ToLower(time.Month(i + 1).String()); word == full || word == full[:3] {
			p.at += len(word)
			return uint8(i + 1), true
		}
	}
	return 0, false
}

// days reads weekdays and PH, separated by commas.
func (p *parser) days() (days Days, holidays bool, err error) {
	for {
		before := p.at
		if p.word() == "ph" {
			p.at += len("ph")
			holidays = true
		} else {
			from, ok := p.weekday()
			if !ok {
				if days == 0 && !holidays {
					return 0, false, nil
				}
				return days, holidays, p.unexpected("a weekday or PH")
			}
			to := from
			if p.dash() {
				p.space()
				if to, ok = p.weekday(); !ok {
					return 0, false, p.unexpected("a weekday")
				}
			}
			for day := from; ; day = (day + 1) % 7 {
				days |= On(day)
				if day == to {
					break
				}
			}
		}
		if strings.HasPrefix(p.rest(), "[") {
			return 0, false, p.unexpected("")
		}
		if p.counted() {
			return 0, false, p.refuse(before, "days counted from other days are not supported")
		}
		if !p.take(",") {
			break
		}
		p.space()
	}
	before := p.at
	p.space()
	if _, ok := p.weekday(); ok || p.word() == "ph" || p.word() == "sh" {
		p.at = before
		p.space()
		return 0, false, p.refuse(p.at, "holidays that are on some weekdays only are not supported")
	}
	p.at = before
	return days, holidays, nil
}

// counted says whether something such as "-1 day" comes next.
func (p *parser) counted() bool {
	rest := strings.TrimLeft(p.rest(), " ")
	if len(rest) < 2 || rest[0] != '+' && rest[0] != '-' {
		return false
	}
	rest = strings.TrimLeft(strings.TrimLeft(rest[1:], " "), "0123456789")
	return strings.HasPrefix(strings.TrimLeft(rest, " "), "day")
}

// spans reads times of day, separated by commas; a comma after which no time follows is
// left: it begins another rule.
func (p *parser) spans() (spans []Span, err error) {
	for {
		span, err := p.span()
		if err != nil {
			return nil, err
		}
		spans = append(spans, span)
		before := p.at
		if !p.take(",") {
			return spans, nil
		}
		p.space()
		if !p.atTime() {
			if strings.HasPrefix(p.rest(), "(") || strings.Contains(foreign[p.word()], "sun") {
				return nil, p.unexpected("a time")
			}
			p.at = before
			return spans, nil
		}
	}
}

func (p *parser) span() (Span, error) {
	start := p.at
	from, err := p.time()
	if err != nil {
		return Span{}, err
	}
	if p.take("+") {
		return Span{Open: from, Close: from, OpenEnd: true}, nil
	}
	if !p.dash() {
		return Span{}, p.refuse(start, "a single point in time is not supported: give a closing time, or + for an open end")
	}
	p.space()
	to, err := p.time()
	if err != nil {
		return Span{}, err
	}
	if from >= DayEnd {
		return Span{}, p.refuse(start, "hours begin before 24:00")
	}
	span := Between(from, to)
	span.OpenEnd = p.take("+")
	if strings.HasPrefix(p.rest(), "/") {
		return Span{}, p.unexpected("")
	}
	return span, nil
}

func (p *parser) time() (Minute, error) {
	if !p.atTime() {
		return 0, p.unexpected("a time such as 09:00")
	}
	end := strings.IndexFunc(p.rest(), func(c rune) bool { return c != ':' && (c < '0' || c > '9') })
	if end < 0 {
		end = len(p.rest())
	}
	word := p.rest()[:end]
	m, err := ParseMinute(word)
	if _, minutes, _ := strings.Cut(word, ":"); err != nil || len(minutes) != 2 {
		return 0, p.refuse(p.at, fmt.Sprintf("%.20q is not a time such as 09:00", word))
	}
	p.at += end
	return m, nil
}
