package manual

import (
	"net/url"
	"slices"
	"strings"
)

// trial is a route that can be tried, and what is filled in before somebody types: the example that works in the sample world.
type trial struct {
	ID, Method, Pattern, Tag, Summary string
	Params                            []parameter
	// Kind is the media type of a body; empty for a route that takes none.
	Kind string
	// Keyed says that it takes an idempotency key.
	Keyed bool
	first filled
	// before is what the example needs to have been sent.
	before []step
}

// parameter is one of a route's, and Name what it is called in the form too.
type parameter struct {
	Name, In string
	Required bool
}

// filled is what stands in the form.
type filled struct {
	As, Project, Place, Key, Body string
	Values                        map[string]string
}

// step is a request of an example.
type step struct{ As, Method, Target, Body, Kind string }

// nobody signs where this is chosen, as in the examples of the description.
const nobody = "anonymous"

// Media types of bodies.
const (
	jsonKind = "application/json"
	formKind = "application/x-www-form-urlencoded"
)

// trials are all routes, by their ids.
func trials(doc value) map[string]*trial {
	all, bodies := map[string]*trial{}, examplesOfBodies(doc)
	for route, item := range doc.at("paths").members() {
		for _, method := range methods {
			if operation := item.own(method); operation.exists() {
				t := newTrial(route, method, item, operation, bodies)
				all[t.ID] = t
			}
		}
	}
	return all
}

// examplesOfBodies are the bodies that examples name.
func examplesOfBodies(doc value) map[string]string {
	all := map[string]string{}
	for _, item := range doc.at("paths").members() {
		for _, operation := range item.members() {
			for _, content := range operation.at("requestBody", "content").members() {
				for name, e := range content.own("examples").members() {
					all[name] = e.at("value").pretty()
				}
			}
		}
	}
	return all
}

func newTrial(route, method string, item, operation value, bodies map[string]string) *trial {
	t := &trial{
		ID: operation.at("operationId").text(), Method: strings.ToUpper(method), Pattern: route, Summary: operation.at("summary").text(),
		Tag: operation.at("tags").texts()[0],
	}
	for _, p := range append(item.own("parameters").list(), operation.own("parameters").list()...) {
		switch name, in := p.at("name").text(), p.at("in").text(); {
		case name == "Idempotency-Key":
			t.Keyed = true
		case !strings.HasPrefix(name, "Wallet-Api-"): // the form says in ext for which project and place
			t.Params = append(t.Params, parameter{name, in, p.at("required").text() == "true"})
		}
	}
	for kind := range operation.at("requestBody", "content").members() {
		if t.Kind == "" || kind == jsonKind {
			t.Kind = kind
		}
	}
	t.fillFrom(operation, bodies)
	return t
}

// fillFrom takes what is filled in from the first example of success, one that needs nothing before it if there is one.
func (t *trial) fillFrom(operation value, bodies map[string]string) {
	t.first = filled{As: "shop", Values: map[string]string{}}
	var chosen value
	for _, e := range operation.at("responses", "200", "content", jsonKind, "examples").members() {
		if sent := e.at("x-sandbox"); sent.exists() && (!chosen.exists() || chosen.at("after").exists() && !sent.at("after").exists()) {
			chosen = sent
		}
	}
	if !chosen.exists() {
		return
	}
	sent := stepOf(chosen, bodies)
	t.first.As, t.first.Body = sent.As, sent.Body
	if sent.Kind != "" {
		t.Kind = sent.Kind
	}
	for before := range slices.Values(chosen.at("after").list()) {
		t.before = append(t.before, stepOf(before, bodies))
	}
	if ext, err := url.ParseQuery(chosen.at("ext").text()); err == nil {
		t.first.Project, t.first.Place, t.first.Key = ext.Get("project_id"), ext.Get("location_id"), ext.Get("idempotency_key")
	}
	route, query, _ := strings.Cut(sent.Target, "?")
	given := strings.Split(route, "/")
	for i, part := range strings.Split(t.Pattern, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok && i < len(given) {
			t.first.Values[strings.TrimSuffix(name, "}")] = unescaped(given[i])
		}
	}
	if values, err := url.ParseQuery(query); err == nil {
		for name := range values {
			t.first.Values[name] = values.Get(name)
		}
	}
}

// unescaped is a part of a path as somebody types it.
func unescaped(part string) string {
	if plain, err := url.PathUnescape(part); err == nil {
		return plain
	}
	return part
}

// stepOf is a request of an example.
func stepOf(sent value, bodies map[string]string) step {
	s := step{As: sent.at("as").text(), Method: sent.at("method").text(), Target: sent.at("target").text()}
	if s.Method == "" {
		s.Method = "GET"
	}
	if s.Body = bodies[sent.at("body").text()] + sent.at("text").text(); s.Body != "" {
		s.Kind = jsonKind
	}
	if form := sent.at("form").text(); form != "" {
		s.Body, s.Kind = form, formKind
	}
	return s
}

// needs says whether the example has to have something sent before it.
func (t *trial) needs() bool { return len(t.before) > 0 }

// target is the path and the query of a request with what was typed; the name of a part of the path that is empty comes back.
func (t *trial) target(values map[string]string) (target, empty string) {
	parts := strings.Split(t.Pattern, "/")
	for i, part := range parts {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		if values[name] == "" || values[name] == "." || values[name] == ".." {
			return "", name
		}
		parts[i] = url.PathEscape(values[name])
	}
	var query []string
	for _, p := range t.Params {
		if value := values[p.Name]; p.In == "query" && value != "" {
			query = append(query, url.QueryEscape(p.Name)+"="+readable.Replace(url.QueryEscape(value)))
		}
	}
	target = strings.Join(parts, "/")
	if len(query) > 0 {
		target += "?" + strings.Join(query, "&")
	}
	return target, ""
}

// readable leaves in a query what needs no escape there.
var readable = strings.NewReplacer("%2C", ",", "%2A", "*", "%3A", ":", "%40", "@", "%2F", "/")
