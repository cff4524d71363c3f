package manual

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// call is a route as the reference shows it.
type call struct {
	ID, Method, Path, Tag, Summary string
	Text                           template.HTML
	// Open says that nobody has to prove who they are.
	Open       bool
	Parameters []field
	Bodies     []body
	Good       []answer
	Refusals   []answer
	// Try is the page on which it can be tried; empty where nothing can.
	Try string
}

// body is what a request carries: one media type.
type body struct {
	Kind     string
	Type     template.HTML
	Text     template.HTML
	Required bool
	Fields   []field
	Examples []example
}

// answer is one status of a call.
type answer struct {
	Status string
	// Name is that of an answer that calls share.
	Name     string
	Text     template.HTML
	Type     template.HTML
	Headers  []field
	Examples []example
}

// example is something that is true in the sample world.
type example struct {
	Name, Summary string
	// As is who sends Request, and Body what with it; After is how many requests went before.
	As, Request, Body string
	After             int
	JSON              string
}

// methods are those of routes, in the order in which they are listed.
var methods = []string{"get", "post", "put", "delete"}

// tag is a part of the API.
type tag struct {
	Name, Title string
	Text        template.HTML
	Calls       []call
}

// reference renders every page that is made of the description of the API; the caller holds the lock.
func (s *Site) reference() error {
	source, err := s.read(contract)
	if err != nil {
		return err
	}
	doc, err := readContract(source)
	if err != nil {
		return err
	}
	schemas := doc.at("components", "schemas")
	w := writer{codes: schemas.at("ErrorCode", "enum").texts()}
	tags, err := s.tags(w, doc)
	if err != nil {
		return err
	}
	s.names = []string{referenceFolder + indexPage}
	for _, t := range tags {
		s.names = append(s.names, referenceFolder+t.Name+".html")
	}
	s.names = append(s.names, referenceFolder+"objects.html", referenceFolder+"refusals.html", everythingPage)
	s.routes = trials(doc)
	if s.Sandbox == nil {
		s.routes = nil
	}
	if err := s.overview(w, doc, tags); err != nil {
		return err
	}
	for _, t := range tags {
		if err := s.tagPage(t); err != nil {
			return err
		}
	}
	objects, err := s.objects(w, schemas)
	if err != nil {
		return err
	}
	if err := s.refusals(w, doc.at("components", "responses")); err != nil {
		return err
	}
	return s.everything(tags, objects, w.codes)
}

// tags are the parts of the API with their calls.
func (s *Site) tags(w writer, doc value) ([]tag, error) {
	var tags []tag
	for _, t := range doc.at("tags").list() {
		text, err := w.words(t.at("description").text())
		if err != nil {
			return nil, err
		}
		name := t.at("name").text()
		tags = append(tags, tag{Name: name, Title: upperFirst(name), Text: text})
	}
	common := commonAnswers(doc)
	for route, item := range doc.at("paths").members() {
		for _, method := range methods {
			operation := item.own(method)
			if !operation.exists() {
				continue
			}
			c, err := s.call(w, route, method, item, operation, common)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, route, err)
			}
			at := slices.IndexFunc(tags, func(t tag) bool { return t.Name == c.Tag })
			if at < 0 {
				return nil, fmt.Errorf("%s: %s %s has no tag that is listed", contract, c.Method, route)
			}
			tags[at].Calls = append(tags[at].Calls, c)
		}
	}
	return tags, nil
}

// commonAnswers are the names of those that every call can be answered with.
func commonAnswers(doc value) []string {
	seen, calls := map[string]int{}, 0
	for _, item := range doc.at("paths").members() {
		for _, method := range methods {
			if operation := item.own(method); operation.exists() {
				calls++
				for _, response := range operation.at("responses").members() {
					seen[response.name()]++
				}
			}
		}
	}
	var common []string
	for name, times := range seen {
		if name != "" && times == calls {
			common = append(common, name)
		}
	}
	return common
}

// call describes one route.
func (s *Site) call(w writer, route, method string, item, operation value, common []string) (c call, err error) {
	c = call{ID: operation.at("operationId").text(), Method: strings.ToUpper(method), Path: route, Summary: operation.at("summary").text()}
	if names := operation.at("tags").texts(); len(names) > 0 {
		c.Tag = names[0]
	}
	security := operation.own("security")
	c.Open = security.exists() && len(security.list()) == 0
	if s.Sandbox != nil {
		c.Try = "../" + tryFolder + c.ID
	}
	if c.Text, err = w.words(operation.at("description").text()); err != nil {
		return c, err
	}
	for _, p := range append(item.own("parameters").list(), operation.own("parameters").list()...) {
		f, err := w.parameter(p)
		if err != nil {
			return c, err
		}
		c.Parameters = append(c.Parameters, f)
	}
	if c.Bodies, err = w.bodies(operation.at("requestBody")); err != nil {
		return c, err
	}
	for status, response := range operation.at("responses").members() {
		if slices.Contains(common, response.name()) {
			continue
		}
		a, err := w.answer(status, response)
		if err != nil {
			return c, err
		}
		if status < "400" {
			c.Good = append(c.Good, a)
		} else {
			c.Refusals = append(c.Refusals, a)
		}
	}
	return c, nil
}

// parameter describes one.
func (w writer) parameter(p value) (field, error) {
	schema := p.at("schema")
	text, err := w.words(p.at("description").text())
	if more := limits(schema); more != "" {
		text += template.HTML(` <span class="limits">` + more + `</span>`)
	}
	return field{
		Name: p.at("name").text(), In: p.at("in").text(), Type: template.HTML(w.typeOf(schema)), Required: p.at("required").text() == "true", Text: text,
	}, err
}

// bodies describes what a request may carry.
func (w writer) bodies(request value) (all []body, err error) {
	for kind, content := range request.at("content").members() {
		schema := content.own("schema")
		b := body{Kind: kind, Type: template.HTML(w.typeOf(schema)), Required: request.at("required").text() == "true"}
		if b.Text, err = w.words(schema.at("description").text()); err != nil {
			return nil, err
		}
		if b.Fields, err = w.fields(schema, "", 0); err != nil {
			return nil, err
		}
		for name, e := range content.own("examples").members() {
			b.Examples = append(b.Examples, example{Name: name, Summary: e.at("summary").text(), JSON: e.at("value").pretty()})
		}
		all = append(all, b)
	}
	return all, nil
}

// answer describes one status.
func (w writer) answer(status string, response value) (a answer, err error) {
	a = answer{Status: status, Name: response.name()}
	if a.Text, err = w.words(response.at("description").text()); err != nil {
		return a, err
	}
	for name, header := range response.at("headers").members() {
		if name == "Paysera-Correlation-Id" { // every answer has it
			continue
		}
		text, err := w.words(header.at("description").text())
		if err != nil {
			return a, err
		}
		a.Headers = append(a.Headers, field{Name: name, Text: text})
	}
	content := response.at("content", "application/json")
	a.Type = template.HTML(w.typeOf(content.own("schema")))
	for name, e := range content.own("examples").members() {
		sent := e.at("x-sandbox")
		method := sent.at("method").text()
		if method == "" {
			method = "GET"
		}
		one := example{
			Name: name, Summary: e.at("summary").text(), As: sent.at("as").text(), Request: method + " " + sent.at("target").text(),
			Body: sent.at("text").text() + sent.at("form").text() + sent.at("body").text(), JSON: e.at("value").pretty(),
		}
		if before := sent.at("after"); before.exists() {
			one.After = len(before.list())
		}
		a.Examples = append(a.Examples, one)
	}
	return a, nil
}

// overview is the first page of the reference.
func (s *Site) overview(w writer, doc value, tags []tag) error {
	text, err := w.words(doc.at("info", "description").text())
	if err != nil {
		return err
	}
	type proof struct {
		ID, Title string
		Text      template.HTML
	}
	var proofs []proof
	for name, scheme := range doc.at("components", "securitySchemes").members() {
		how, err := w.words(scheme.at("description").text())
		if err != nil {
			return err
		}
		proofs = append(proofs, proof{name, map[string]string{"mac": "A signature: MAC"}[name], how})
		if last := &proofs[len(proofs)-1]; last.Title == "" {
			last.Title = "A client certificate"
		}
	}
	headings := []heading{{"routes", "Routes", 2}, {"rules", "What holds for all of them", 2}, {"proof", "Proving who calls", 2}}
	return s.fill(referenceFolder+indexPage, "reference", view{Title: "API reference", Headings: headings}, map[string]any{
		"Tags": tags, "Text": text, "Proofs": proofs, "Sandbox": s.Sandbox != nil,
	})
}

// tagPage is the page of a part of the API.
func (s *Site) tagPage(t tag) error {
	var headings []heading
	for _, c := range t.Calls {
		headings = append(headings, heading{c.ID, c.Method + " " + strings.TrimPrefix(c.Path, "/rest/v1"), 2})
	}
	return s.fill(referenceFolder+t.Name+".html", "calls", view{Title: t.Title, Headings: headings}, t)
}

// objects is the page of everything that has a shape and a name.
func (s *Site) objects(w writer, schemas value) ([]object, error) {
	var all []object
	var headings []heading
	for name, schema := range schemas.members() {
		o, err := w.object(name, schema)
		if err != nil {
			return nil, err
		}
		all, headings = append(all, o), append(headings, heading{name, name, 2})
	}
	return all, s.fill(referenceFolder+"objects.html", "objects", view{Title: "Objects", Headings: headings}, all)
}

// refusals is the page of the answers that calls share.
func (s *Site) refusals(w writer, responses value) error {
	var all []answer
	var headings []heading
	for name, response := range responses.members() {
		a, err := w.answer(response.at("x-status").text(), response)
		if err != nil {
			return err
		}
		a.Name = name
		all, headings = append(all, a), append(headings, heading{name, a.Status + " " + name, 2})
	}
	return s.fill(referenceFolder+"refusals.html", "refusals", view{Title: "Refusals", Headings: headings}, all)
}

// everything is the index: all pages with their headings, all routes, codes and objects.
func (s *Site) everything(tags []tag, objects []object, codes []string) error {
	type chapter struct {
		Title, To string
		Headings  []heading
	}
	var chapters []chapter
	for _, p := range s.order {
		out, err := s.rendered(p)
		if err != nil {
			return err
		}
		chapters = append(chapters, chapter{p.title, p.path, out.headings})
	}
	sorted := slices.SortedFunc(slices.Values(objects), func(a, b object) int { return strings.Compare(a.Name, b.Name) })
	exchanges, err := s.assets(exchangesRoot)
	if err != nil {
		return err
	}
	headings := []heading{{"routes", "Routes", 2}, {"pages", "Pages", 2}, {"errors", "Errors", 2}, {"objects", "Objects", 2}, {"files", "Files", 2}}
	return s.fill(everythingPage, "everything", view{Title: "Index of everything", Headings: headings}, map[string]any{
		"Tags": tags, "Chapters": chapters, "Codes": slices.Sorted(slices.Values(codes)), "Objects": sorted, "Files": append(exchanges, contractFile),
	})
}
