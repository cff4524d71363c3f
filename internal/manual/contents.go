package manual

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// guidesFolder holds the guides, which the navigation lists in the order of their introduction.
const guidesFolder = "docs/guides"

// exchangesPage describes the exchanges, and is part of a site that has them.
const exchangesPage = "testdata/exchange/README.md"

// contents is the order of the navigation: groups, and the Markdown in each. A test holds that no file is left out.
var contents = []struct {
	group string
	files []string
}{
	{"Start", []string{"README.md", "docs/start.md", "docs/concepts.md", "docs/sandbox.md"}},
	{"Guides", nil},
	{"Calling it", []string{"docs/clients.md", "docs/accounts.md", "docs/idempotency.md", "docs/errors.md", "docs/go-sdk.md", "docs/js-sdk.md", "docs/conform.md", exchangesPage}},
	{"Payments", []string{
		"docs/payments.md", "docs/payments-page.md", "docs/allowances.md", "docs/callbacks.md", "docs/cash.md",
		"docs/identification.md", "docs/rates.md", "docs/statistics.md",
	}},
	{"Places", []string{"docs/places.md", "docs/hours.md", "docs/place-import.md"}},
	{"Running it", []string{"docs/onboarding.md", "docs/operations.md", "docs/log.md", "docs/performance.md"}},
	{"About it", []string{"docs/divergences.md", "docs/architecture.md"}},
}

// page is one page of Markdown.
type page struct {
	// source is the file in the repository, path the page in the site.
	source, path string
	group, title string
}

// pagePath is where a file of Markdown is in the site; empty for what is not part of it.
func pagePath(source string) string {
	name, isMarkdown := strings.CutSuffix(source, ".md")
	if !isMarkdown {
		return ""
	}
	if name == "README" {
		return indexPage
	}
	if source == exchangesPage {
		return "exchange/" + indexPage
	}
	below, inDocs := strings.CutPrefix(name, "docs/")
	if !inDocs {
		return ""
	}
	if folder, isReadme := strings.CutSuffix(below, "README"); isReadme {
		return folder + indexPage
	}
	return below + ".html"
}

// list finds the pages of Markdown; the caller holds the lock.
func (s *Site) list() error {
	if s.pages != nil {
		return nil
	}
	pages, order := map[string]*page{}, []*page{}
	for _, g := range contents {
		files := g.files
		if files == nil {
			files = s.guides()
		}
		for _, source := range files {
			if source == exchangesPage && s.Exchanges == nil {
				continue
			}
			title, err := s.titleOf(source)
			if err != nil {
				return err
			}
			if source == "README.md" {
				title = "Start here"
			}
			p := &page{source: source, path: pagePath(source), group: g.group, title: title}
			pages[p.path], order = p, append(order, p)
		}
	}
	s.pages, s.order = pages, order
	return nil
}

// guides are the files of Markdown in their folder: README.md first, then in the order in which that leads to them, then
// those that it does not name.
func (s *Site) guides() []string {
	entries, err := fs.ReadDir(s.Files, guidesFolder)
	if err != nil {
		return nil // there are none
	}
	introduction := guidesFolder + "/README.md"
	said, _ := s.read(introduction)
	place := func(file string) int {
		at := bytes.Index(said, []byte("]("+path.Base(file)))
		if at < 0 {
			return len(said)
		}
		return at
	}
	var files []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".md") {
			files = append(files, path.Join(guidesFolder, entry.Name()))
		}
	}
	slices.SortStableFunc(files, func(a, b string) int {
		if (a == introduction) != (b == introduction) {
			return map[bool]int{true: -1, false: 1}[a == introduction]
		}
		return cmp.Compare(place(a), place(b))
	})
	return files
}

// titleOf is the first heading of a file of Markdown.
func (s *Site) titleOf(source string) (string, error) {
	content, err := s.read(source)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(content)) {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			return strings.ReplaceAll(strings.TrimSpace(title), "`", ""), nil
		}
	}
	return "", fmt.Errorf("%s has no heading", source)
}

// group is a part of the navigation.
type group struct {
	Title string
	Links []link
}

// link leads to another page, relative to the one that shows it.
type link struct {
	Title, To string
	Here      bool
}

// navigation is what leads from a page to all others. On pages of the reference it lists those too.
func (s *Site) navigation(from string) []group {
	var groups []group
	for _, p := range s.order {
		if len(groups) == 0 || groups[len(groups)-1].Title != p.group {
			groups = append(groups, group{Title: p.group})
		}
		g := &groups[len(groups)-1]
		g.Links = append(g.Links, link{p.title, relative(from, p.path), p.path == from})
	}
	reference := group{Title: "Reference"}
	add := func(title, to string) {
		reference.Links = append(reference.Links, link{title, relative(from, to), to == from})
	}
	add("API", referenceFolder+indexPage)
	if strings.HasPrefix(from, referenceFolder) || strings.HasPrefix(from, tryFolder) {
		for _, name := range s.names {
			if tag, ok := strings.CutPrefix(strings.TrimSuffix(name, ".html"), referenceFolder); ok && name != referenceFolder+indexPage {
				add(upperFirst(tag), name)
			}
		}
	}
	add("Index of everything", everythingPage)
	return append(groups, reference)
}

// upperFirst is a word with a capital letter.
func upperFirst(word string) string {
	if word == "oauth" {
		return "OAuth"
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// relative is the way from one page of the site to another, both as paths from its root. A fragment may follow the second.
func relative(from, to string) string {
	a, b := strings.Split(path.Dir(from), "/"), strings.Split(to, "/")
	if path.Dir(from) == "." {
		a = nil
	}
	for len(a) > 0 && len(b) > 1 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return strings.Repeat("../", len(a)) + strings.Join(b, "/")
}
