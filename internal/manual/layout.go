package manual

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"sync"
)

//go:embed templates
var templateFiles embed.FS

// templates are read when the first page is rendered.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(templateFiles, "templates/*.html"))
})

// view is a page within its surroundings.
type view struct {
	Title    string
	Body     template.HTML
	Headings []heading
	// Root leads to the root of the site, and Groups to all pages.
	Root    string
	Groups  []group
	Version string
	Sandbox bool
	// Scripts are those of the site that the page loads.
	Scripts []string
}

// put renders a page and keeps it; the caller holds the lock.
func (s *Site) put(name string, v view) error {
	html, err := s.surround(name, v)
	if err != nil {
		return err
	}
	s.keep(name, pageKind, html)
	return nil
}

// fill renders a page of a template and keeps it; the caller holds the lock.
func (s *Site) fill(name, what string, v view, content any) (err error) {
	if v.Body, err = inner(what, content); err != nil {
		return err
	}
	return s.put(name, v)
}

// inner is the part of a page that a template makes.
func inner(what string, content any) (template.HTML, error) {
	var text bytes.Buffer
	if err := templates().ExecuteTemplate(&text, what, content); err != nil {
		return "", fmt.Errorf("rendering a page of %s: %w", what, err)
	}
	return template.HTML(text.String()), nil
}

// surround puts a page among what leads to the others.
func (s *Site) surround(name string, v view) ([]byte, error) {
	v.Root, v.Groups, v.Version, v.Sandbox = relative(name, ""), s.navigation(name), s.Version, s.Sandbox != nil
	var text bytes.Buffer
	if err := templates().ExecuteTemplate(&text, "layout", v); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return text.Bytes(), nil
}

// dynamic renders a page that is not kept, for an address at or below the root.
func (s *Site) dynamic(what, title, address string, content any) ([]byte, error) {
	body, err := inner(what, content)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.list(); err != nil {
		return nil, err
	}
	return s.surround(below(address), view{Title: title, Body: body})
}

// below is the path in the site of an address.
func below(address string) string { return address[min(len(address), len(Root)+1):] }
