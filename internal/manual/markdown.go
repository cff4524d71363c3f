package manual

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extensionast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// engine reads and renders Markdown as forges do, and is made when it is first needed. What is HTML in the text is left out.
var engine = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(ours{}, 1))),
	)
})

// heading is a part of a page that can be linked to.
type heading struct {
	ID, Text string
	Level    int
}

// resolver says where a link of Markdown leads: to an address, or nowhere, and then what is written behind its text.
//
// Where the text of a link is the name of a file, it reads called instead, unless that is empty.
type resolver func(destination string) (to, aside, called string)

// rendered is Markdown as HTML, with its headings below the first.
type rendered struct {
	html     template.HTML
	headings []heading
}

// render makes HTML of Markdown.
func render(source []byte, resolve resolver) (rendered, error) {
	context := parser.NewContext(parser.WithIDs(anchors{}))
	document := engine().Parser().Parse(text.NewReader(source), parser.WithContext(context))
	var out rendered
	if err := ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if h, ok := n.(*ast.Heading); ok && entering && h.Level > 1 {
			id, _ := h.AttributeString("id")
			out.headings = append(out.headings, heading{ID: string(id.([]byte)), Text: plainText(h, source), Level: h.Level})
		}
		return ast.WalkContinue, nil
	}); err != nil {
		return out, err
	}
	lead(document, source, resolve)
	frame(document)
	join(document, source)
	var text bytes.Buffer
	err := engine().Renderer().Render(&text, source, document)
	out.html = template.HTML(text.String())
	return out, err
}

// plainText is what a part of a document says, without its marks.
func plainText(n ast.Node, source []byte) string {
	var out strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			out.Write(c.Segment.Value(source))
		case *ast.String:
			out.Write(c.Value)
		default:
			out.WriteString(plainText(c, source))
		}
	}
	return out.String()
}

// found collects the nodes of a kind, so that the document can be changed then.
func found[T ast.Node](document ast.Node) (all []T) {
	ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function never fails
		if one, ok := n.(T); ok && entering {
			all = append(all, one)
		}
		return ast.WalkContinue, nil
	})
	return all
}

// lead has links lead to pages of the site. What is not in it stays as text, with its path.
func lead(document ast.Node, source []byte, resolve resolver) {
	for _, image := range found[*ast.Image](document) {
		to, _, _ := resolve(string(image.Destination))
		image.Destination = []byte(to)
	}
	for _, l := range found[*ast.Link](document) {
		to, aside, called := resolve(string(l.Destination))
		said := plainText(l, source)
		if to != "" {
			if l.Destination = []byte(to); called != "" && strings.HasSuffix(said, ".md") && !strings.Contains(said, " ") {
				l.RemoveChildren(l)
				l.AppendChild(l, ast.NewString([]byte(called)))
			}
			continue
		}
		parent := l.Parent()
		for c := l.FirstChild(); c != nil; c = l.FirstChild() {
			l.RemoveChild(l, c)
			parent.InsertBefore(parent, l, c)
		}
		if aside != "" && !strings.HasPrefix(aside, said) {
			behind := ast.NewString([]byte(" (" + code(aside) + ")"))
			behind.SetCode(true) // it is written as it stands
			parent.InsertBefore(parent, l, behind)
		}
		parent.RemoveChild(parent, l)
	}
}

// box is a part of a page with a class, for the style sheet: a table that may be wider than the page.
type box struct {
	ast.BaseBlock
	class string
}

var boxKind = ast.NewNodeKind("Box")

func (*box) Kind() ast.NodeKind { return boxKind }

// Dump shows the node.
func (b *box) Dump(source []byte, level int) { ast.DumpHelper(b, source, level, nil, nil) }

// frame puts a box around each table.
func frame(document ast.Node) {
	for _, table := range found[*extensionast.Table](document) {
		around := &box{class: "wide"}
		table.Parent().ReplaceChild(table.Parent(), table, around)
		around.AppendChild(around, table)
	}
}

// sheets are blocks of code that say the same in several languages, of which one is seen at a time.
type sheets struct {
	ast.BaseBlock
	number int
	labels []string
}

var sheetsKind = ast.NewNodeKind("Sheets")

func (*sheets) Kind() ast.NodeKind { return sheetsKind }

// Dump shows the node.
func (s *sheets) Dump(source []byte, level int) { ast.DumpHelper(s, source, level, nil, nil) }

// languages are the names of those that stand side by side.
var languages = map[string]string{
	"go": "Go", "js": "JavaScript", "javascript": "JavaScript", "ts": "TypeScript", "typescript": "TypeScript", "python": "Python", "py": "Python",
	"php": "PHP", "sh": "Command line", "bash": "Command line", "shell": "Command line", "console": "Command line", "curl": "curl",
}

// maxSheets is how many the style sheet knows.
const maxSheets = 6

// label is the language of a block of code; empty for what stands alone.
func label(n ast.Node, source []byte) string {
	block, ok := n.(*ast.FencedCodeBlock)
	if !ok {
		return ""
	}
	name := languages[string(block.Language(source))]
	if name == "Command line" && strings.Contains(string(block.Lines().Value(source)), "curl ") {
		return "curl"
	}
	return name
}

// join puts blocks of code that follow each other, in different languages, together.
func join(document ast.Node, source []byte) {
	number := 0
	for _, block := range found[*ast.FencedCodeBlock](document) {
		if _, taken := block.Parent().(*sheets); taken || label(block, source) == "" {
			continue
		}
		var labels []string
		run := []ast.Node{}
		for n := ast.Node(block); n != nil && len(run) < maxSheets; n = n.NextSibling() {
			name := label(n, source)
			if name == "" || slices.Contains(labels, name) {
				break
			}
			labels, run = append(labels, name), append(run, n)
		}
		if len(run) < 2 {
			continue
		}
		number++
		together := &sheets{number: number, labels: labels}
		block.Parent().InsertBefore(block.Parent(), block, together)
		for _, n := range run {
			together.AppendChild(together, n) // which takes it from where it was
		}
	}
}

// anchors names headings as forges do, so that a link leads to the same place there and here.
type anchors map[string]bool

// Generate is the anchor of a heading.
func (a anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	name := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsLetter(c) || unicode.IsDigit(c) || c == '-' || c == '_':
			return unicode.ToLower(c)
		case c == ' ':
			return '-'
		}
		return -1
	}, strings.TrimSpace(string(value)))
	if name == "" {
		name = "heading"
	}
	free := name
	for n := 1; a[free]; n++ {
		free = name + "-" + strconv.Itoa(n)
	}
	a[free] = true
	return []byte(free)
}

// Put takes an anchor.
func (a anchors) Put(value []byte) { a[string(value)] = true }

// ours renders what is not as goldmark has it.
type ours struct{}

// RegisterFuncs names the parts.
func (ours) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	nothing := func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) { return ast.WalkSkipChildren, nil }
	r.Register(ast.KindHTMLBlock, nothing)
	r.Register(ast.KindRawHTML, nothing)
	r.Register(ast.KindHeading, renderHeading)
	r.Register(boxKind, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			fmt.Fprintf(w, "<div class=%q>\n", n.(*box).class)
		} else {
			w.WriteString("</div>\n")
		}
		return ast.WalkContinue, nil
	})
	r.Register(sheetsKind, renderSheets)
}

// renderHeading adds a link to the heading itself, to be copied.
func renderHeading(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	h := n.(*ast.Heading)
	id, _ := h.AttributeString("id")
	name, _ := id.([]byte)
	switch {
	case entering:
		fmt.Fprintf(w, "<h%d id=\"%s\">", h.Level, html.EscapeString(string(name)))
	case h.Level == 1:
		w.WriteString("</h1>\n")
	default:
		said := html.EscapeString(plainText(h, source))
		fmt.Fprintf(w, " <a class=\"anchor\" href=\"#%s\" aria-label=\"Link to: %s\">#</a></h%d>\n", html.EscapeString(string(name)), said, h.Level)
	}
	return ast.WalkContinue, nil
}

// renderSheets writes a choice of languages and, as one child each, the code: the style sheet shows the one that is chosen.
func renderSheets(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		w.WriteString("</div>\n")
		return ast.WalkContinue, nil
	}
	s := n.(*sheets)
	fmt.Fprint(w, "<div class=\"sheets\" role=\"group\" aria-label=\"The same in several languages\">\n")
	for i, name := range s.labels {
		id := fmt.Sprintf("sheet.%d.%d", s.number, i+1)
		checked := map[bool]string{true: " checked"}[i == 0]
		fmt.Fprintf(w, "<input type=\"radio\" name=\"sheets-%d\" id=\"%s\"%s><label for=\"%s\">%s</label>\n", s.number, id, checked, id, name)
	}
	return ast.WalkContinue, nil
}

// rendered is a page of Markdown as HTML, with its headings.
func (s *Site) rendered(p *page) (rendered, error) {
	source, err := s.read(p.source)
	if err != nil {
		return rendered{}, err
	}
	out, err := render(source, s.resolver(p.source, p.path))
	if err != nil {
		return rendered{}, fmt.Errorf("rendering %s: %w", p.source, err)
	}
	return out, nil
}

// renderPage renders a page of Markdown; the caller holds the lock.
func (s *Site) renderPage(p *page) error {
	out, err := s.rendered(p)
	if err != nil {
		return err
	}
	v := view{Title: p.title, Body: out.html, Headings: out.headings}
	if strings.Contains(string(out.html), `<div class="sheets"`) {
		v.Scripts = []string{sheetsScript}
	}
	return s.put(p.path, v)
}

// resolver leads from a file of the repository, which is shown on a page.
func (s *Site) resolver(source, page string) resolver {
	return func(destination string) (to, aside, called string) {
		if strings.HasPrefix(destination, "#") || strings.HasPrefix(destination, "https:") || strings.HasPrefix(destination, "http:") || strings.HasPrefix(destination, "mailto:") {
			return destination, "", ""
		}
		name, fragment, hasFragment := strings.Cut(destination, "#")
		name = path.Join(path.Dir(source), name)
		if hasFragment {
			fragment = "#" + fragment
		}
		if name == contract {
			return relative(page, referenceFolder+indexPage), "", ""
		}
		if p, ok := s.pages[pagePath(name)]; ok && p.source == name {
			return relative(page, p.path) + fragment, "", p.title
		}
		if _, there := s.pages["exchange/"+indexPage]; there && strings.HasPrefix(name, exchangesRoot) {
			if below := strings.TrimPrefix(name, exchangesRoot); assetKinds[path.Ext(name)] != "" {
				return relative(page, below) + fragment, "", ""
			} else if name == path.Dir(exchangesPage) {
				return relative(page, pagePath(exchangesPage)), "", ""
			}
			if name == exchangesRoot+"vectors" {
				return relative(page, everythingPage) + "#files", "", ""
			}
		}
		below, inDocs := strings.CutPrefix(name, "docs/")
		if _, known := assetKinds[path.Ext(name)]; inDocs && known {
			return relative(page, below), "", ""
		}
		return "", name, ""
	}
}
