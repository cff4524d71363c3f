package pages

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/wallet"
)

// language is what a page is written in.
type language struct {
	// code is two letters, name what the language calls itself.
	code, name string
	texts      map[string]string
	// scope is what a scope opens, in half a sentence.
	scope func(wallet.Scope) string
	// templates are the pages, by name.
	templates map[string]*template.Template
}

// languages are those that the pages are translated into, in the order that people choose from.
var languages = []*language{lithuanian, english}

// languageOf is the language of two letters in an address: English stands in for those that are missing.
func languageOf(code string) *language {
	for _, l := range languages {
		if l.code == code {
			return l
		}
	}
	return english
}

// accepted is the language that a browser would rather have. One that says nothing gets Lithuanian, as
// the documentation of the protocol has it, and one that reads neither of ours gets English.
func accepted(headers []string) *language {
	best, most, any := english, 0.0, false
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		tag, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		if tag == "" {
			continue
		}
		any = true
		weight := 1.0
		if q, given := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q="); given {
			weight, _ = strconv.ParseFloat(q, 64)
		}
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if primary == "*" {
			primary = lithuanian.code
		}
		for _, l := range languages {
			if l.code == primary && weight > most {
				best, most = l, weight
			}
		}
	}
	if !any {
		return lithuanian
	}
	return best
}

func (l *language) has(key string) bool { return l.texts[key] != "" }

// text is the text under a key, with these values in it.
func (l *language) text(key string, values ...any) string {
	if len(values) == 0 {
		return l.texts[key]
	}
	return fmt.Sprintf(l.texts[key], values...)
}

// tooMany says how long to wait.
func (l *language) tooMany(wait time.Duration) string {
	switch {
	case wait <= 0:
		return l.text("error.rate_limit_exceeded")
	case wait <= 2*time.Minute:
		return l.text("wait.seconds", int((wait+time.Second-1)/time.Second))
	}
	return l.text("wait.minutes", int((wait+time.Minute-1)/time.Minute))
}

// parse makes the templates of a language; a mistake in one ends the program when it starts, and so the
// tests.
func (l *language) parse() {
	shared := template.New("").Funcs(template.FuncMap{
		"t": l.text, "scope": l.scope, "date": date, "moment": moment, "field": newField, "dict": dict,
	})
	shared = template.Must(shared.ParseFS(templates, "templates/layout.html"))
	l.templates = map[string]*template.Template{}
	for _, name := range templateNames() {
		own := template.Must(shared.Clone())
		l.templates[name] = template.Must(own.ParseFS(templates, "templates/"+name+".html"))
	}
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// dict gives a template that is called by another one several values by name.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}
