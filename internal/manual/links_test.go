package manual

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"

	"github.com/purserhq/purser"
)

// repository is where the files are that the Markdown speaks of.
const repository = "../.."

// markdownFiles are all files of Markdown in the repository.
func markdownFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(repository, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && name != repository || entry.Name() == "purser-data") {
			return filepath.SkipDir
		}
		if err == nil && strings.HasSuffix(name, ".md") {
			files = append(files, filepath.ToSlash(strings.TrimPrefix(name, repository+string(filepath.Separator))))
		}
		return err
	})
	if err != nil || len(files) < 25 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

func readMarkdown(t *testing.T, name string) []byte {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// anchorsOf are the anchors of a file of Markdown, which are the same on a forge.
func anchorsOf(t *testing.T, name string) []string {
	t.Helper()
	out, err := render(readMarkdown(t, name), func(to string) (string, string, string) { return to, "", "" })
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, h := range out.headings {
		all = append(all, h.ID)
	}
	return all
}

// Every link of every file of Markdown leads to a file that there is, and to a heading in it.
func TestLinksOfMarkdownLeadSomewhere(t *testing.T) {
	checked := 0
	for _, name := range markdownFiles(t) {
		source := readMarkdown(t, name)
		document := engine().Parser().Parse(text.NewReader(source))
		var links []string
		for _, l := range found[*ast.Link](document) {
			links = append(links, string(l.Destination))
		}
		for _, image := range found[*ast.Image](document) {
			links = append(links, string(image.Destination))
		}
		for _, l := range links {
			if strings.HasPrefix(l, "https://") {
				continue
			}
			checked++
			file, fragment, _ := strings.Cut(l, "#")
			to := path.Join(path.Dir(name), file)
			if file == "" {
				to = name
			}
			if strings.Contains(l, ":") || strings.HasPrefix(to, "..") {
				t.Errorf("%s: %s leads out of the repository", name, l)
				continue
			}
			if _, err := os.Stat(filepath.Join(repository, to)); err != nil {
				t.Errorf("%s: %s leads nowhere", name, l)
			} else if fragment != "" && !slices.Contains(anchorsOf(t, to), fragment) {
				t.Errorf("%s: there is no heading for %s", name, l)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d links", checked)
	}
}

// Each file of Markdown below docs is in the navigation, once, and under a title that no other has in its group.
func TestTheNavigationHasEveryPage(t *testing.T) {
	site := New(Options{Files: purser.Manual, Exchanges: purser.Exchanges})
	if err := site.list(); err != nil {
		t.Fatal(err)
	}
	var listed, titles []string
	for _, p := range site.order {
		listed = append(listed, p.source)
		title := p.group + ": " + p.title
		if slices.Contains(titles, title) {
			t.Errorf("two pages are called %q", title)
		}
		titles = append(titles, title)
	}
	for _, name := range markdownFiles(t) {
		if inSite := name == "README.md" || strings.HasPrefix(name, "docs/") || name == exchangesPage; inSite && !slices.Contains(listed, name) {
			t.Errorf("%s is not in the navigation: name it in contents", name)
		}
	}
	if slices.Sort(listed); len(slices.Compact(slices.Clone(listed))) != len(listed) {
		t.Errorf("a page is listed twice: %v", listed)
	}
}

// Markdown is read as forges read it. HTML in it would be left out, so there is none but comments.
func TestMarkdownHoldsNoHTML(t *testing.T) {
	for _, name := range markdownFiles(t) {
		if pagePath(name) == "" {
			continue
		}
		source := readMarkdown(t, name)
		document := engine().Parser().Parse(text.NewReader(source))
		for _, block := range found[*ast.HTMLBlock](document) {
			if said := bytes.TrimSpace(block.Lines().Value(source)); !bytes.HasPrefix(said, []byte("<!--")) {
				t.Errorf("%s: %s is left out of the page", name, said)
			}
		}
		for _, raw := range found[*ast.RawHTML](document) {
			if said := raw.Segments.Value(source); !bytes.HasPrefix(said, []byte("<!--")) {
				t.Errorf("%s: %s is left out of the page", name, said)
			}
		}
	}
}

const sample = "# Title\n\n## A `code`, twice\n\n## A `code`, twice\n\n" +
	"```go\nfmt.Println(1)\n```\n\n```js\nconsole.log(1)\n```\n\n```sh\ncurl http://127.0.0.1:8080/\n```\n\nWords.\n\n```go\nalone()\n```\n\n```json\n{}\n```\n\n" +
	"```sh\nls\n```\n\n```sh\nls -l\n```\n\n<script>alert(1)</script>\n\n<!-- a remark -->\n\nSee [cash](../testdata/exchange/cash.txt), [all](../testdata/exchange), [errors.md](errors.md#forbidden), [the code](../internal/x.go), [../a/b](../a/b) " +
	"and [elsewhere](https://example.com/). <b>bold</b>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"

// Blocks of code in several languages are joined, links lead to pages or stay as text, and HTML is left out.
func TestMarkdownBecomesAPage(t *testing.T) {
	site := New(Options{Files: purser.Manual, Exchanges: purser.Exchanges})
	if err := site.list(); err != nil {
		t.Fatal(err)
	}
	out, err := render([]byte(sample), site.resolver("docs/sample.md", "sample.html"))
	if err != nil {
		t.Fatal(err)
	}
	html := string(out.html)
	for _, want := range []string{
		`<h1 id="title">Title</h1>`, `<h2 id="a-code-twice">A <code>code</code>, twice`, `<h2 id="a-code-twice-1">`,
		`id="sheet.1.1" checked><label for="sheet.1.1">Go</label>`, `id="sheet.1.2"><label for="sheet.1.2">JavaScript</label>`, `id="sheet.1.3"><label for="sheet.1.3">curl</label>`,
		`<a href="errors.html#forbidden">Errors</a>`, `<a href="exchange/cash.txt">cash</a>`, `<a href="exchange/index.html">all</a>`, `the code (<code>internal/x.go</code>)`, `../a/b (<code>a/b</code>)`, `<a href="https://example.com/">elsewhere</a>`,
		"<div class=\"wide\">\n<table>",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("%s is not in\n%s", want, html)
		}
	}
	for _, unwanted := range []string{"<script", "remark", "<b>", "sheet.2"} {
		if strings.Contains(html, unwanted) {
			t.Errorf("%s is in\n%s", unwanted, html)
		}
	}
	if len(out.headings) != 2 || out.headings[1] != (heading{"a-code-twice-1", "A code, twice", 2}) {
		t.Errorf("%+v", out.headings)
	}
}

// Pages lead to each other from wherever the site is.
func TestRelativeLinks(t *testing.T) {
	for _, c := range [][3]string{
		{"index.html", "errors.html", "errors.html"}, {"reference/user.html", "errors.html#forbidden", "../errors.html#forbidden"},
		{"index.html", "reference/user.html", "reference/user.html"}, {"reference/user.html", "reference/oauth.html", "oauth.html"},
		{"reference/user.html", "guides/a.html", "../guides/a.html"}, {"reference/user.html", "", "../"}, {"index.html", "", ""},
	} {
		if got := relative(c[0], c[1]); got != c[2] {
			t.Errorf("from %s to %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// The guides are found by themselves, in the order of what introduces them, with the pictures beside them.
func TestGuidesAreFound(t *testing.T) {
	files := mapped(t, map[string]string{
		"docs/guides/b.md": "# Second\n\n![A picture](b.svg) [back](README.md) [x](../errors.md)\n", "docs/guides/README.md": "# Guides\n\n[second](b.md), then [first](a.md)\n", "docs/guides/a.md": "# First\n", "docs/guides/0.md": "# Another\n", "docs/guides/b.svg": "<svg/>",
	})
	site := New(Options{Files: files})
	if err := site.list(); err != nil {
		t.Fatal(err)
	}
	var guides []string
	for _, p := range site.order {
		if p.group == "Guides" {
			guides = append(guides, p.path)
		}
	}
	at := func(name string) int { return slices.Index(guides, name) }
	if at("guides/index.html") != 0 || at("guides/b.html") != 1 || at("guides/a.html") != 2 || at("guides/0.html") < 3 {
		t.Errorf("the guides are %v", guides)
	}
	page, err := site.file("guides/b.html")
	if err != nil || page == nil {
		t.Fatal(err)
	}
	html, err := page.content()
	for _, want := range []string{`<img src="b.svg" alt="A picture">`, `<a href="index.html">back</a>`, `<a href="../errors.html">x</a>`, `href="../style.css"`, `aria-current="page">Second<`} {
		if err != nil || !strings.Contains(string(html), want) {
			t.Errorf("%s is not in\n%s", want, html)
		}
	}
	if picture, err := site.file("guides/b.svg"); err != nil || picture == nil || picture.kind != "image/svg+xml" {
		t.Errorf("the picture is %+v, %v", picture, err)
	}
	for _, name := range []string{"guides/b.md", "../README.md", "guides/../guides/b.svg", "api/openapi.yaml", "guides/c.svg"} {
		if file, err := site.file(name); err != nil || file != nil {
			t.Errorf("%s is answered, %v", name, err)
		}
	}
}

// overlay is the manual with some files more.
type overlay struct {
	fs.FS
	more fs.ReadDirFS
}

func mapped(t *testing.T, files map[string]string) fs.FS {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		to := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return overlay{purser.Manual, os.DirFS(folder).(fs.ReadDirFS)}
}

func (o overlay) Open(name string) (fs.File, error) {
	if file, err := o.more.Open(name); err == nil && (name == guidesFolder || path.Ext(name) != "") {
		return file, nil
	}
	return o.FS.Open(name)
}

// A tag and its coding are read as HTTP has them.
func TestConditionsAndCodings(t *testing.T) {
	for condition, want := range map[string]bool{`W/"a"`: true, `"a"`: true, `"b", W/"a"`: true, "*": true, `"b"`: false, "": false} {
		if holds([]string{condition}, `W/"a"`) != want {
			t.Errorf("%s", condition)
		}
	}
	if !regexp.MustCompile(`^/\* The manual of purser`).Match(styleMark) {
		t.Errorf("the style sheet begins with %s", styleMark)
	}
}
