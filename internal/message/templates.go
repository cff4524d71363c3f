package message

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/wallet"
)

//go:embed templates
var embedded embed.FS

// fallbackLanguage has every text.
const fallbackLanguage = "en"

// carries says which values each kind of message has, as wallet.MessageKind documents it.
var carries = map[wallet.MessageKind][]string{
	wallet.ConfirmContact:    {"code", "minutes"},
	wallet.AlreadyRegistered: {},
	wallet.ResetPassword:     {"code", "minutes"},
	wallet.PasswordChanged:   {},
	wallet.PINChanged:        {},
	wallet.ContactChanged:    {"contact"},
	wallet.AppAuthorized:     {"client"},
	wallet.SessionEnded:      {"client"},
	wallet.ScopeCode:         {"code", "minutes", "client", "scope"},
	wallet.ProjectInvitation: {"project", "owner", "link"},
	wallet.CashCode:          {"code", "minutes", "project"},
	wallet.FlashCode:         {"code", "minutes", "amount", "project"},
	wallet.PaymentRequested:  {"amount", "project", "link"},
	wallet.MoneyWaits:        {"amount", "project", "link"},
}

// sample values try a template out when it is read.
var sample = map[string]string{
	"code": "482137", "minutes": "15", "contact": "ona@example.com", "client": "Kasa", "scope": "statements",
	"project": "Kepykla", "owner": "Ona", "link": "https://wallet.example/invitation/1",
	"amount": "25.99 EUR",
}

// names are values that people chose, so that they may be as long as they like: they are cut to
// longestName bytes, and what must be whole is not among them.
var names = []string{"client", "project", "owner", "scope"}

const longestName = 120

// Templates are the words for every kind of message, in some languages. Make them with Load.
type Templates struct {
	// languages are by locale in lower case, such as lt or pt_br.
	languages map[string]map[wallet.MessageKind]wording
}

// wording is one kind of message in one language. An SMS without words of its own is the body of
// the e-mail.
type wording struct {
	subject, email, sms *template.Template
}

// Load reads the embedded templates and, over them, those in the operator's folder, which has the
// same layout: a folder for each locale, and in it a .txt for e-mail and a .sms for phones, by the
// kind of message. Only what is there is replaced; another locale adds a language, which needs not
// be complete. An empty folder name is none.
//
// It fails, naming file and line, for a template that does not parse, that does more than name
// values and ask whether they are empty, that names a value which its kind does not carry, or
// that leaves a code out; and for a file that is not a template, since a misspelled name would
// otherwise go unnoticed. Files that begin with a dot or end in ~ are passed over.
func Load(folder string) (*Templates, error) {
	t := &Templates{languages: map[string]map[wallet.MessageKind]wording{}}
	own, err := fs.Sub(embedded, "templates")
	if err != nil {
		return nil, err
	}
	if err := t.read(own, "templates"); err != nil {
		return nil, err
	}
	if folder == "" {
		return t, nil
	}
	return t, t.read(os.DirFS(folder), folder)
}

// localeName is what a folder of templates may be called.
var localeName = regexp.MustCompile(`^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$`)

func (t *Templates) read(files fs.FS, place string) error {
	locales, err := fs.ReadDir(files, ".")
	if err != nil {
		return fmt.Errorf("reading the templates in %s: %w", place, err)
	}
	for _, locale := range locales {
		if passedOver(locale.Name()) {
			continue
		}
		shown := filepath.Join(place, locale.Name())
		// Asked of the file system rather than of the entry, which may be a link to a folder.
		info, err := fs.Stat(files, locale.Name())
		if err != nil {
			return err
		}
		if !info.IsDir() || !localeName.MatchString(locale.Name()) {
			return fmt.Errorf("%s: templates stand in a folder for each language, such as lt or pt_BR", shown)
		}
		if err := t.readLanguage(files, locale.Name(), shown); err != nil {
			return err
		}
	}
	return nil
}

func passedOver(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~")
}

func (t *Templates) readLanguage(files fs.FS, locale, place string) error {
	language := normal(locale)
	if t.languages[language] == nil {
		t.languages[language] = map[wallet.MessageKind]wording{}
	}
	entries, err := fs.ReadDir(files, locale)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if passedOver(entry.Name()) {
			continue
		}
		shown := filepath.Join(place, entry.Name())
		extension := path.Ext(entry.Name())
		kind := wallet.MessageKind(strings.TrimSuffix(entry.Name(), extension))
		if _, known := carries[kind]; !known || extension != ".txt" && extension != ".sms" {
			return fmt.Errorf("%s: not a template: a kind of message, such as %s, and .txt or .sms make a name", shown, wallet.ConfirmContact)
		}
		text, err := fs.ReadFile(files, path.Join(locale, entry.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", shown, err)
		}
		w := t.languages[language][kind]
		if err := w.read(kind, shown, extension, text); err != nil {
			return err
		}
		t.languages[language][kind] = w
	}
	return nil
}

// subjectMark begins the first line of an e-mail's template.
const subjectMark = "Subject: "

// read takes one file into the wording.
func (w *wording) read(kind wallet.MessageKind, shown, extension string, raw []byte) error {
	if !utf8.Valid(raw) {
		return fmt.Errorf("%s: is not written in UTF-8", shown)
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(raw), "\ufeff"), "\r\n", "\n")
	head, body, _ := strings.Cut(text, "\n")
	var err error
	if extension == ".sms" {
		if strings.HasPrefix(head, subjectMark) {
			return fmt.Errorf("%s:1: an SMS has no subject", shown)
		}
		w.sms, err = parseBody(kind, shown, text)
		return err
	}
	subject, marked := strings.CutPrefix(head, subjectMark)
	if !marked || strings.TrimSpace(subject) == "" {
		return fmt.Errorf("%s:1: the first line of an e-mail is %q and the subject", shown, subjectMark)
	}
	if empty, _, _ := strings.Cut(body, "\n"); strings.TrimSpace(empty) != "" {
		return fmt.Errorf("%s:2: an empty line stands between subject and text", shown)
	}
	if w.subject, _, err = parseTemplate(kind, shown, subject); err != nil {
		return err
	}
	// An empty line in place of the subject keeps the numbers of the lines right.
	w.email, err = parseBody(kind, shown, "\n"+body)
	return err
}

// parseBody is parseTemplate for the part that must have words, and the code where there is one.
func parseBody(kind wallet.MessageKind, shown, text string) (*template.Template, error) {
	parsed, words, err := parseTemplate(kind, shown, text)
	if err != nil {
		return nil, err
	}
	first := 1 + len(text) - len(strings.TrimLeft(text, "\n"))
	if strings.TrimSpace(words) == "" {
		return nil, fmt.Errorf("%s:%d: there is no text", shown, first)
	}
	if slices.Contains(carries[kind], "code") && !strings.Contains(words, sample["code"]) {
		return nil, fmt.Errorf("%s:%d: the text leaves {{.code}} out, which the message is for", shown, first)
	}
	return parsed, nil
}

// parseTemplate parses one part of a template and tries it out.
func parseTemplate(kind wallet.MessageKind, shown, text string) (parsed *template.Template, words string, err error) {
	if parsed, err = template.New(shown).Option("missingkey=error").Parse(text); err != nil {
		return nil, "", plain(err)
	}
	for _, other := range parsed.Templates() {
		if other.Name() != shown {
			return nil, "", fmt.Errorf("%s: {{define}} and {{block}} are not known here", location(other.Tree, other.Root))
		}
	}
	if err := checkNode(parsed.Tree, parsed.Root, carries[kind]); err != nil {
		return nil, "", err
	}
	words, err = fill(parsed, only(carries[kind], sample))
	return parsed, words, err
}

// location is file and line, without the library's column, which would be wrong in a subject.
func location(tree *parse.Tree, node parse.Node) string {
	place, _ := tree.ErrorContext(node)
	return place[:strings.LastIndexByte(place, ':')]
}

// checkNode refuses what a template may not do: it names values of its kind, by themselves or
// given to a function, and asks whether they are there. What remains can be judged when it is
// read, and a dot by itself, which would print everything, is not among it.
func checkNode(tree *parse.Tree, node parse.Node, values []string) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", location(tree, node), fmt.Sprintf(format, args...))
	}
	switch n := node.(type) {
	case *parse.ListNode:
		return checkNodes(tree, values, n.Nodes)
	case *parse.ActionNode:
		return checkNode(tree, n.Pipe, values)
	case *parse.IfNode:
		if n.ElseList != nil {
			return checkNodes(tree, values, []parse.Node{n.Pipe, n.List, n.ElseList})
		}
		return checkNodes(tree, values, []parse.Node{n.Pipe, n.List})
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			return refuse("variables are not known here")
		}
		for _, command := range n.Cmds {
			if err := checkNodes(tree, values, command.Args); err != nil {
				return err
			}
		}
		return nil
	case *parse.FieldNode:
		if len(n.Ident) != 1 || !slices.Contains(values, n.Ident[0]) {
			return refuse("%s is not a value of this message; %s", n, listed(values))
		}
		return nil
	case *parse.TextNode, *parse.CommentNode, *parse.IdentifierNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
		return nil
	}
	return refuse("%s is not known here: a template names values, such as {{.minutes}}, and may ask {{if .minutes}}", cut(flatten(node.String()), 40))
}

func checkNodes(tree *parse.Tree, values []string, nodes []parse.Node) error {
	for _, node := range nodes {
		if err := checkNode(tree, node, values); err != nil {
			return err
		}
	}
	return nil
}

func listed(values []string) string {
	if len(values) == 0 {
		return "it has none"
	}
	return "it has ." + strings.Join(values, ", .")
}

// plain takes the library's own words from the beginning of its errors.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "template: "))
}

// only are the values with these names.
func only(names []string, values map[string]string) map[string]string {
	chosen := make(map[string]string, len(names))
	for _, name := range names {
		if value, given := values[name]; given {
			chosen[name] = value
		}
	}
	return chosen
}

func fill(t *template.Template, values map[string]string) (string, error) {
	var words strings.Builder
	if err := t.Execute(&words, values); err != nil {
		return "", plain(err)
	}
	return words.String(), nil
}

// Render puts the message into words: in its locale, else in that locale's language, else in
// English. It fails for a message that has nowhere to go, of an unknown kind, or without a value
// that its text names. Values stay on the line where the template put them.
func (t *Templates) Render(m wallet.Message) (Text, error) {
	by := channel(m)
	if by == "" {
		return Text{}, errors.New("the message has neither an e-mail address nor a phone number")
	}
	values := only(carries[m.Kind], m.Values)
	for name, value := range values {
		values[name] = flatten(value)
		if slices.Contains(names, name) {
			values[name] = cut(values[name], longestName)
		}
	}
	for _, language := range fallbacks(m.Locale) {
		w := t.languages[language][m.Kind]
		switch {
		case by == channelSMS && w.sms != nil:
			return render(nil, w.sms, values)
		case by == channelSMS && w.email != nil:
			return render(nil, w.email, values)
		case by == channelEmail && w.email != nil:
			return render(w.subject, w.email, values)
		}
	}
	return Text{}, fmt.Errorf("there is no text for a message of the kind %q", m.Kind)
}

func render(subject, body *template.Template, values map[string]string) (Text, error) {
	var text Text
	words, err := fill(body, values)
	if err != nil {
		return Text{}, err
	}
	text.Body = strings.TrimSpace(words)
	if subject == nil {
		return text, nil
	}
	if words, err = fill(subject, values); err != nil {
		return Text{}, err
	}
	text.Subject = flatten(words)
	return text, nil
}

// fallbacks are the languages to look for, the best first.
func fallbacks(locale string) []string {
	locale = normal(locale)
	language, _, _ := strings.Cut(locale, "_")
	return []string{locale, language, fallbackLanguage}
}

// normal is a locale as the languages are kept by: pt-BR and pt_br are the same.
func normal(locale string) string {
	return strings.ReplaceAll(strings.ToLower(locale), "-", "_")
}
