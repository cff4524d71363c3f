package manual

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// Names of what searching is made of: a page, its script, and what that looks through. And of the script of pages with code in
// several languages.
const (
	searchPage    = "search.html"
	searchScript  = "search.js"
	passagesFile  = "passages.js"
	sheetsScript  = "sheets.js"
	scriptKind    = "text/javascript; charset=utf-8"
	passagesBegin = "const passages = "
)

//go:embed search.js
var searching []byte

//go:embed sheets.js
var choosing []byte

// passage is what stands under one heading of a page: its address, the title of the page, the heading, the text.
type passage [4]string

// index keeps the script with all passages of the site; the caller holds the lock.
//
// It is made of the pages as they are read, so that what can be found is what is there. The script is loaded by the page for
// searching alone: fetching data would not work for a site that is opened from a folder.
func (s *Site) index() error {
	if _, ok := s.kept[everythingPage]; !ok {
		if err := s.reference(); err != nil {
			return err
		}
	}
	var names []string
	for _, p := range s.order {
		names = append(names, p.path)
	}
	var all []passage
	for _, name := range append(names, s.names...) {
		if name == everythingPage { // it repeats the headings of the others
			continue
		}
		if _, ok := s.kept[name]; !ok {
			if err := s.make(name); err != nil {
				return err
			}
		}
		file := s.kept[name]
		content, err := file.content()
		if err != nil {
			return err
		}
		all = append(all, passages(name, string(content))...)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("listing what can be searched: %w", err)
	}
	s.keep(passagesFile, scriptKind, slices.Concat([]byte(passagesBegin), text, []byte(";\n")))
	return nil
}

// The parts of a page of ours. What leads around on it, and examples of answers, are not searched.
var (
	mainPart     = regexp.MustCompile(`(?s)<main[^>]*>(.*)</main>`)
	unsearched   = regexp.MustCompile(`(?s)<nav.*?</nav>|<details>.*?</details>|<a class="(?:anchor|try)".*?</a>`)
	headingPart  = regexp.MustCompile(`(?s)<h[1-6](?: id="([^"]*)")?>(.*?)</h[1-6]>`)
	blockEnd     = regexp.MustCompile(`</(?:p|li|td|th|tr|div|pre|label)>|<br>`)
	anyTag       = regexp.MustCompile(`<[^>]*>`)
	firstHeading = regexp.MustCompile(`(?s)<h1[^>]*>(.*?)</h1>`)
)

// passages are those of a page, in their order. A heading without an anchor belongs to the passage that it stands in.
func passages(name, page string) []passage {
	found := mainPart.FindStringSubmatch(page)
	if found == nil {
		return nil
	}
	body := unsearched.ReplaceAllString(found[1], "")
	title, at := "", 0
	if first := firstHeading.FindStringSubmatchIndex(body); first != nil {
		title, at = said(body[first[2]:first[3]]), first[1]
	}
	all := []passage{{name, title, title}}
	for _, h := range headingPart.FindAllStringSubmatchIndex(body, -1) {
		if h[2] < 0 || strings.HasPrefix(body[h[0]:], "<h1") {
			continue
		}
		all[len(all)-1][3] = said(body[at:h[0]])
		id := html.UnescapeString(body[h[2]:h[3]])
		all, at = append(all, passage{name + "#" + id, title, said(body[h[4]:h[5]])}), h[1]
	}
	all[len(all)-1][3] = said(body[at:])
	return all
}

// said is what HTML says, without its marks.
func said(part string) string {
	part = anyTag.ReplaceAllString(blockEnd.ReplaceAllString(part, " "), "")
	return strings.Join(strings.Fields(html.UnescapeString(part)), " ")
}
