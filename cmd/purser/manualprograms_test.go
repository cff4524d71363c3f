package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// repository is the folder of the whole house.
var repository, _ = filepath.Abs(filepath.Join("..", ".."))

// pagePrograms are the programs that are made of the blocks of pages. Blocks of one language on one page follow on from each other, like
// those of the shell: each is written within a scope inside that of the one before, so that it sees what that one declared, and may declare it anew.
type pagePrograms struct {
	folder string
	// binaries are complete programs in Go, by their block.
	binaries map[*manualBlock]string
	// goEnv has the go command work where HOME is another.
	goEnv []string
}

// packages are those that a fragment may use, by the name that it calls them.
var packages = map[string]string{"note": "golang.org/x/mod/sumdb/note", "tlog": "golang.org/x/mod/sumdb/tlog"}

func init() {
	for _, path := range []string{
		"bytes", "cmp", "context", "crypto/tls", "encoding/base64", "encoding/json", "errors", "fmt", "io", "log", "maps", "net", "net/http", "net/url", "os",
		"path/filepath", "slices", "strconv", "strings", "sync", "time", "github.com/purserhq/purser/walletapi",
	} {
		packages[filepath.Base(path)] = path
	}
}

// isProgram says whether a block is a complete program, and no fragment.
func isProgram(b *manualBlock) bool {
	return regexp.MustCompile(`(?m)^package main$`).MatchString(b.text)
}

// buildPrograms compiles the blocks in Go of all pages at once. The files are laid over the module and stand nowhere.
func buildPrograms(folder string, runs []*pageRun) (*pagePrograms, error) {
	programs := &pagePrograms{folder: folder, binaries: map[*manualBlock]string{}}
	said, err := exec.Command("go", "env", "GOMODCACHE", "GOCACHE", "GOPATH").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	for i, value := range strings.Fields(string(said)) {
		programs.goEnv = append(programs.goEnv, []string{"GOMODCACHE", "GOCACHE", "GOPATH"}[i]+"="+value)
	}
	// Without the folder's path in them, packages are compiled once for all copies of the house.
	programs.goEnv = append(programs.goEnv, "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	overlay, targets := map[string]string{}, []string{}
	add := func(program, name, text string) error {
		file := filepath.Join(folder, program+"_"+name)
		overlay[filepath.Join(repository, "cmd", program, name)] = file
		if target := "./cmd/" + program; !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
		return os.WriteFile(file, []byte(text), 0o600)
	}
	var calls strings.Builder
	for i, r := range runs {
		var fragments []*manualBlock
		for _, b := range r.page.blocks {
			switch {
			case b.language != "go":
			case isProgram(b):
				name := fmt.Sprintf("manual%dline%d", i, b.line)
				programs.binaries[b] = filepath.Join(folder, "bin", name)
				if err := add(name, "main.go", lineOf(r.page, b)+r.local(b.text)); err != nil {
					return nil, err
				}
			default:
				fragments = append(fragments, b)
			}
		}
		if len(fragments) == 0 {
			continue
		}
		text, err := goPage(r, fmt.Sprintf("page%d", i), fragments)
		if err != nil {
			return nil, err
		}
		if err := add("manual", fmt.Sprintf("page%d.go", i), text); err != nil {
			return nil, err
		}
		fmt.Fprintf(&calls, "case %q:\n\t\terr = page%d(ctx)\n\t", r.page.name, i)
	}
	if err := add("manual", "main.go", strings.Replace(goMain, "CALLS", calls.String(), 1)); err != nil {
		return nil, err
	}
	return programs, programs.compile(overlay, targets)
}

func (programs *pagePrograms) compile(overlay map[string]string, targets []string) error {
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return err
	}
	file := filepath.Join(programs.folder, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	bin := filepath.Join(programs.folder, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	build := exec.Command("go", append([]string{"build", "-overlay", file, "-o", bin + "/"}, targets...)...)
	build.Dir = repository
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("the blocks in Go do not compile: %w:\n%s", err, said)
	}
	return nil
}

// goMain is the program around all pages: its argument names one.
const goMain = `package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
)

var orders, begun = bufio.NewReader(os.Stdin), false

// next ends a block, and waits for the order to begin the next.
func next() {
	if begun {
		os.Stdout.Write([]byte{0})
	}
	begun = true
	if _, err := orders.ReadString('\n'); err != nil {
		os.Exit(0)
	}
}

func main() {
	var err error
	ctx := context.Background()
	switch os.Args[1] {
	CALLS}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`

// lineOf has the compiler name a place in the page.
func lineOf(p *manualPage, b *manualBlock) string {
	return fmt.Sprintf("//line %s:%d\n", p.name, b.line)
}

// goPage makes one function of the fragments of a page. A fragment is the body of a func(ctx context.Context) error; what it declares counts
// as used, and an err that it does not look at has to be nil.
func goPage(r *pageRun, name string, fragments []*manualBlock) (string, error) {
	var body strings.Builder
	for _, b := range fragments {
		declared, looksAtErr, err := declaredBy(b.text)
		if err != nil {
			return "", fmt.Errorf("%s:%d: %w", r.page.name, b.line, err)
		}
		body.WriteString("next()\n{\n" + lineOf(r.page, b) + r.local(b.text) + "//line after:1\n")
		for _, name := range declared {
			fmt.Fprintf(&body, "_ = %s\n", name)
		}
		if slices.Contains(declared, "err") && !looksAtErr {
			body.WriteString("if err != nil {\nreturn err\n}\n")
		}
	}
	body.WriteString("next()\n" + strings.Repeat("}\n", len(fragments)))
	function := "func " + name + "(ctx context.Context) error {\n" + body.String() + "return nil\n}\n"
	file, err := parser.ParseFile(token.NewFileSet(), name+".go", "package main\n"+function, 0)
	if err != nil {
		return "", err
	}
	imports := map[string]bool{"context": true}
	for _, unknown := range file.Unresolved {
		if path, ok := packages[unknown.Name]; ok {
			imports[path] = true
		}
	}
	head := "package main\n\n"
	for _, path := range slices.Sorted(maps.Keys(imports)) {
		head += "import " + strconv.Quote(path) + "\n"
	}
	return head + function, nil
}

// declaredBy are the variables that a fragment declares, and whether it looks at err in any of them.
func declaredBy(text string) (names []string, looksAtErr bool, err error) {
	const head = "package main\nfunc f() {\n"
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", head+text+"\n}\n", 0)
	if err != nil {
		return nil, false, fmt.Errorf("a fragment of Go is statements, or else a program from package main on: %w", err)
	}
	add := func(names []string, ident ast.Expr) []string {
		if id, ok := ident.(*ast.Ident); ok && id.Name != "_" && !slices.Contains(names, id.Name) {
			return append(names, id.Name)
		}
		return names
	}
	assigned := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if assign, ok := n.(*ast.AssignStmt); ok {
			for _, left := range assign.Lhs {
				if id, ok := left.(*ast.Ident); ok && id.Name == "err" {
					assigned++
				}
			}
		}
		if id, ok := n.(*ast.Ident); ok && id.Name == "err" {
			assigned--
		}
		return true
	})
	for _, statement := range file.Decls[0].(*ast.FuncDecl).Body.List {
		switch s := statement.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				for _, left := range s.Lhs {
					names = add(names, left)
				}
			}
		case *ast.DeclStmt:
			for _, spec := range s.Decl.(*ast.GenDecl).Specs {
				if value, ok := spec.(*ast.ValueSpec); ok {
					for _, name := range value.Names {
						names = add(names, name)
					}
				}
			}
		}
	}
	return names, assigned < 0, nil
}

// command is the program of a page in a language.
func (programs *pagePrograms) command(r *pageRun, language string) (*exec.Cmd, error) {
	if language == "go" {
		return exec.Command(filepath.Join(programs.folder, "bin", "manual"), r.page.name), nil
	}
	modules := filepath.Join(r.folder, "node_modules")
	if err := os.MkdirAll(modules, 0o700); err != nil {
		return nil, err
	}
	if err := os.Symlink(filepath.Join(repository, "sdk", "js"), filepath.Join(modules, "purser-wallet")); err != nil {
		return nil, err
	}
	file := filepath.Join(r.folder, "page.mjs")
	if err := os.WriteFile(file, []byte(jsPage(r)), 0o600); err != nil {
		return nil, err
	}
	return exec.Command("node", file), nil
}

var (
	jsNamed   = regexp.MustCompile(`(?m)^import (\{[^}]*\}) from ("[^"]*");$`)
	jsDefault = regexp.MustCompile(`(?m)^import (\w+) from ("[^"]*");$`)
)

// jsPage makes one module of the blocks in JavaScript of a page, each at the lines at which it stands in the page.
func jsPage(r *pageRun) string {
	lines := make([]string, len(r.page.lines)+1)
	lines[0] = `import { createInterface } from "node:readline"; let begun = false; const orders = createInterface({ input: process.stdin })[Symbol.asyncIterator]();` +
		` async function next() { if (begun) process.stdout.write("\0"); begun = true; if ((await orders.next()).done) process.exit(0); }`
	count := 0
	for _, b := range r.page.blocks {
		if b.language != "js" || !b.runs() {
			continue
		}
		count++
		text := r.local(b.text)
		text = jsNamed.ReplaceAllStringFunc(text, func(found string) string {
			parts := jsNamed.FindStringSubmatch(found)
			return "const " + strings.ReplaceAll(parts[1], " as ", ": ") + " = await import(" + parts[2] + ");"
		})
		text = jsDefault.ReplaceAllString(text, "const { default: $1 } = await import($2);")
		lines[b.line-2] += " await next(); {"
		copy(lines[b.line-1:], strings.Split(strings.TrimSuffix(text, "\n"), "\n"))
	}
	return strings.Join(lines, "\n") + "\nawait next();" + strings.Repeat("}", count) + " process.exit(0);\n"
}

// buildSDK makes the JavaScript SDK's dist, where it is not as new as its sources.
func buildSDK() error {
	folder := filepath.Join(repository, "sdk", "js")
	built, err := os.Stat(filepath.Join(folder, "dist", "index.js"))
	fresh := err == nil
	if err := filepath.WalkDir(filepath.Join(folder, "src"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil && built != nil && info.ModTime().After(built.ModTime()) {
			fresh = false
		}
		return err
	}); err != nil || fresh {
		return err
	}
	for _, args := range [][]string{{"ci", "--no-audit", "--no-fund", "--prefer-offline"}, {"run", "build"}} {
		npm := exec.Command("npm", args...)
		npm.Dir = folder
		if said, err := npm.CombinedOutput(); err != nil {
			return errors.Join(fmt.Errorf("npm %s: %w: %s", strings.Join(args, " "), err, said), errToolMissing)
		}
	}
	return nil
}
