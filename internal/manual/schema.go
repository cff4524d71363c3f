package manual

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// field is a member of an object, a parameter or an element, as the reference lists it.
type field struct {
	// Name is where it stands: freeze.for, payments[].price.
	Name     string
	Type     template.HTML
	Required bool
	Text     template.HTML
	// In is where a parameter is given: path, query or header.
	In string
}

// object is a shape with a name, and what it holds.
type object struct {
	Name   string
	Type   template.HTML
	Text   template.HTML
	Fields []field
	// Forms are the fields of each, where it has one of several.
	Forms [][]field
}

// writer makes pages of the description of the API.
type writer struct {
	// codes are the error codes, which lead to where they are explained.
	codes []string
}

// words makes HTML of a description, on a page of the reference. A single paragraph is not wrapped.
func (w writer) words(text string) (template.HTML, error) {
	out, err := render([]byte(text), func(destination string) (to, aside, called string) {
		if strings.HasPrefix(destination, "#") {
			return destination, "", ""
		}
		return "", destination, ""
	})
	html := string(out.html)
	for _, code := range w.codes {
		html = strings.ReplaceAll(html, "<code>"+code+"</code>", `<a href="../errors.html#`+code+`"><code>`+code+`</code></a>`)
	}
	html = strings.ReplaceAll(html, "<code>docs/errors.md</code>", `<a href="../errors.html"><code>docs/errors.md</code></a>`)
	if inner, ok := strings.CutPrefix(strings.TrimSpace(html), "<p>"); ok && strings.Count(html, "<p>") == 1 && strings.HasSuffix(inner, "</p>") {
		html = strings.TrimSuffix(inner, "</p>")
	}
	return template.HTML(html), err
}

// typeOf says what a value can be.
func (w writer) typeOf(schema value) string {
	if name := schema.name(); name != "" {
		return `<a href="objects.html#` + name + `">` + name + `</a>`
	}
	for _, choice := range []string{"oneOf", "anyOf"} {
		var kinds []string
		for _, one := range schema.own(choice).list() {
			if kind := w.typeOf(one); kind != "" && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
		if len(kinds) > 0 && !schema.own("type").exists() {
			return strings.Join(kinds, " or ")
		}
	}
	if all := schema.own("allOf").list(); len(all) > 0 {
		return w.typeOf(all[0])
	}
	if constant := schema.own("const"); constant.exists() {
		return code(constant.compact())
	}
	kinds := slices.Clone(schema.own("type").texts())
	for i, kind := range kinds {
		switch items, others := schema.own("items"), schema.own("additionalProperties"); {
		case kind == "array" && items.exists():
			if element := w.typeOf(items); element != "" {
				kinds[i] = "list of " + element
			}
		case kind == "array":
			kinds[i] = "list"
		case kind == "object" && !schema.own("properties").exists() && others.node != nil && others.text() == "":
			kinds[i] = "object of " + w.typeOf(others) + " by name"
		case kind == "string":
			kinds[i] = "text"
		}
	}
	return strings.Join(kinds, " or ")
}

// code is a word of the protocol.
func code(word string) string { return "<code>" + template.HTMLEscapeString(word) + "</code>" }

// bounds are the words for what a value may be, by the keyword that says so.
var bounds = []struct{ key, words string }{
	{"minimum", "%s or more"}, {"maximum", "at most %s"}, {"exclusiveMinimum", "more than %s"}, {"minLength", "at least %s characters"},
	{"maxLength", "at most %s characters"}, {"minItems", "at least %s elements"}, {"maxItems", "at most %s elements"},
	{"pattern", "as in %s"}, {"default", "%s when it is left out"},
}

// limits says what a value may be beyond its type.
func limits(schema value) string {
	var all []string
	if options := schema.own("enum").list(); len(options) > 0 {
		var words []string
		for _, one := range options {
			words = append(words, code(one.compact()))
		}
		all = append(all, strings.Join(words, ", "))
	}
	for _, b := range bounds {
		if bound := schema.own(b.key); bound.exists() {
			shown := template.HTMLEscapeString(bound.compact())
			switch b.key {
			case "pattern":
				shown = code(bound.text()) // as it is written in a program, not in JSON
			case "default":
				shown = code(bound.compact())
			}
			all = append(all, fmt.Sprintf(b.words, shown))
		}
	}
	return strings.Join(all, "; ")
}

// about is the description of a value, and its limits.
func (w writer) about(schema value) (template.HTML, error) {
	text, err := w.words(schema.own("description").text())
	if more := limits(schema); more != "" {
		if text != "" {
			text += " "
		}
		text += template.HTML(`<span class="limits">` + more + `</span>`)
	}
	return text, err
}

// deepest is how far fields within fields are listed.
const deepest = 4

// fields lists the members of an object, and of those that have no name of their own, below where they stand.
func (w writer) fields(schema value, prefix string, depth int) ([]field, error) {
	var all []field
	t := schema.target()
	for _, part := range t.own("allOf").list() {
		inner, err := w.fields(part, prefix, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	required := t.own("required").texts()
	for name, inner := range t.own("properties").members() {
		text, err := w.about(inner)
		if err != nil {
			return nil, err
		}
		all = append(all, field{Name: prefix + name, Type: template.HTML(w.typeOf(inner)), Required: slices.Contains(required, name), Text: text})
		within, err := w.within(inner, prefix+name, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, within...)
	}
	return all, nil
}

// within lists the members of an object that has no name, or of such elements of a list.
func (w writer) within(schema value, prefix string, depth int) ([]field, error) {
	if depth == deepest || schema.reference() != "" {
		return nil, nil
	}
	if items := schema.own("items"); items.exists() {
		return w.within(items, prefix+"[]", depth+1)
	}
	if schema.own("properties").exists() {
		return w.fields(schema, prefix+".", depth+1)
	}
	var all []field
	for _, one := range schema.own("oneOf").list() {
		inner, err := w.within(one, prefix, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	return all, nil
}

// object describes a shape.
func (w writer) object(name string, schema value) (object, error) {
	o := object{Name: name, Type: template.HTML(w.typeOf(schema))}
	var err error
	if o.Text, err = w.about(schema); err != nil {
		return o, err
	}
	if items := schema.own("items"); items.exists() {
		o.Fields, err = w.within(schema, "", 0)
		return o, err
	}
	if o.Fields, err = w.fields(schema, "", 0); err != nil {
		return o, err
	}
	for _, one := range schema.own("oneOf").list() {
		form, err := w.fields(value{one.node, one.root}, "", 0)
		if err != nil {
			return o, err
		}
		if one.reference() == "" && len(form) > 0 {
			o.Forms = append(o.Forms, form)
		}
	}
	return o, nil
}
