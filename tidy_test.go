// Package purser holds the rules of the house as tests: who may import whom, where time and
// randomness come from, how long a function may be. docs/architecture.md draws the same plan.
package purser

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/purserhq/purser/"

// mayImport says which rooms of the house each room may use. A room that is not listed, and
// an import that is not, fail the build.
var mayImport = map[string]string{
	".":                   "",
	"money":               "",
	"walletapi":           "money",
	"internal/ledger":     "money",
	"internal/nearby":     "",
	"internal/hours":      "",
	"internal/zone":       "",
	"internal/mapfile":    "internal/hours",
	"internal/qr":         "",
	"internal/merkle":     "",
	"internal/wallet":     "money internal/ledger internal/hours internal/nearby",
	"internal/secret":     "",
	"internal/pki":        "internal/secret",
	"internal/message":    "internal/wallet internal/secret",
	"internal/callback":   "internal/wallet internal/secret",
	"internal/trouble":    "internal/wallet internal/secret internal/auth",
	"internal/manual":     "walletapi internal/inspect",
	"internal/inspect":    "walletapi internal/wallet internal/secret internal/auth internal/trouble",
	"internal/exchange":   "walletapi internal/secret",
	"internal/store":      "money internal/ledger internal/merkle internal/wallet internal/hours internal/zone internal/nearby internal/secret",
	"internal/service":    "money internal/ledger internal/wallet internal/merkle internal/hours internal/zone internal/nearby internal/mapfile internal/secret internal/store internal/pki",
	"internal/auth":       "walletapi internal/wallet internal/secret internal/store internal/pki",
	"internal/diagnosis":  "walletapi internal/auth",
	"internal/httpapi":    "money walletapi internal/wallet internal/hours internal/secret internal/service internal/auth",
	"internal/pages":      "money internal/qr internal/wallet internal/secret internal/service internal/message internal/inspect",
	"internal/sandbox":    "money internal/wallet internal/hours internal/secret internal/pki internal/service",
	"internal/wallettest": "money walletapi internal/ledger internal/wallet internal/secret internal/pki internal/store internal/service internal/auth internal/message internal/callback internal/trouble internal/inspect internal/exchange internal/httpapi internal/pages internal/sandbox",
	"cmd/purser":          ". money walletapi internal/wallet internal/merkle internal/hours internal/zone internal/mapfile internal/qr internal/secret internal/pki internal/store internal/service internal/auth internal/diagnosis internal/message internal/callback internal/trouble internal/inspect internal/exchange internal/httpapi internal/pages internal/sandbox internal/manual",
	"bench":               "money walletapi internal/ledger internal/hours internal/wallet internal/secret internal/store internal/service internal/auth internal/httpapi internal/sandbox",
}

// mayUse says which rooms may import packages that reach outside, by the beginning of their
// path. Tests may use any.
var mayUse = map[string]string{
	"net/http":                 "internal/auth internal/callback internal/trouble internal/inspect internal/exchange internal/httpapi internal/pages internal/manual internal/wallettest walletapi cmd/purser bench",
	"database/sql":             "internal/store internal/wallettest bench",
	"github.com/jackc/pgx":     "internal/store internal/wallettest bench",
	"modernc.org/sqlite":       "internal/store",
	"crypto/rand":              "internal/secret walletapi",
	"math/rand":                "internal/store internal/secret internal/wallettest bench",
	"github.com/spf13/cobra":   "cmd/purser",
	"github.com/prometheus":    "cmd/purser",
	"github.com/wneessen":      "internal/message",
	"github.com/emersion":      "", // the mail server of tests
	"os/exec":                  "internal/message bench",
	"github.com/ringsaturn":    "internal/zone",
	"github.com/boombuler":     "internal/qr",
	"github.com/makiuchi-d":    "", // reads codes in tests
	"github.com/yuin":          "internal/manual",
	"go.yaml.in":               "internal/manual",
	"github.com/getkin":        "internal/wallettest",
	"github.com/chromedp":      "internal/wallettest",
	"testing":                  "internal/wallettest internal/store", // the store: testing/fstest, a file system in memory
	"github.com/google/go-cmp": "internal/wallettest",
}

// source is one parsed Go file.
type source struct {
	path, room string
	isTest     bool
	text       string
	file       *ast.File
}

var positions = token.NewFileSet()

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && p != "." && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(positions, p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{
			path: p, room: path.Dir(filepath.ToSlash(p)), isTest: strings.HasSuffix(p, "_test.go"),
			text: string(text), file: file,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRoomsImportOnlyWhatThePlanAllows(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		allowed, known := mayImport[s.room]
		if !known {
			t.Errorf("%s: the room %s is not in the plan", s.path, s.room)
		}
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			room, ours := strings.CutPrefix(imported+"/", module)
			if room = path.Clean(room); ours && !slices.Contains(strings.Fields(allowed), room) {
				t.Errorf("%s: %s may not import %s", s.path, s.room, room)
			}
			for outside, rooms := range mayUse {
				if (imported == outside || strings.HasPrefix(imported, outside+"/")) && !slices.Contains(strings.Fields(rooms), s.room) {
					t.Errorf("%s: only %s may import %s", s.path, rooms, outside)
				}
			}
		}
	}
}

// clockReaders are the files that may ask the machine for the time: main hands it to everybody
// else, the public client's zero value must work, and the store's and the test kit's stopwatches measure.
var clockReaders = []string{"cmd/purser/main.go", "walletapi/client.go", "internal/store/measures.go", "internal/wallettest/stopwatch.go"}

func TestTimeComesFromTheInjectedClock(t *testing.T) {
	asks := regexp.MustCompile(`\btime\.(Now|Since|Until)\b`)
	for _, s := range sources(t) {
		if s.isTest || s.room == "bench" || slices.Contains(clockReaders, filepath.ToSlash(s.path)) {
			continue
		}
		if found := asks.FindString(s.text); found != "" {
			t.Errorf("%s: %s: take the time as an argument or from the injected clock", s.path, found)
		}
	}
}

func TestNothingIsLeftForLater(t *testing.T) {
	marks := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)
	for _, s := range sources(t) {
		if found := marks.FindString(s.text); found != "" {
			t.Errorf("%s: holds %s: do it now, or say in the docs that it is not done", s.path, found)
		}
	}
}

func TestFunctionsFitOnAScreen(t *testing.T) {
	const most = 70
	for _, s := range sources(t) {
		for _, declaration := range s.file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := positions.Position(f.End()).Line - positions.Position(f.Pos()).Line + 1
			if lines > most {
				t.Errorf("%s: %s has %d lines, more than %d", s.path, f.Name.Name, lines, most)
			}
		}
	}
}

func TestExportedNamesAreExplained(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest || s.file.Name.Name == "main" {
			continue
		}
		for _, declaration := range s.file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && receiverIsExported(d) && d.Doc == nil {
					t.Errorf("%s: %s has no doc comment", s.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if name, explained := exportedSpec(spec, d); name != "" && !explained {
						t.Errorf("%s: %s has no doc comment", s.path, name)
					}
				}
			}
		}
	}
}

func receiverIsExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	receiver := f.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}

// exportedSpec names an exported type, constant or variable; a group may be explained as one.
func exportedSpec(spec ast.Spec, group *ast.GenDecl) (name string, explained bool) {
	switch d := spec.(type) {
	case *ast.TypeSpec:
		if d.Name.IsExported() {
			return d.Name.Name, d.Doc != nil || group.Doc != nil
		}
	case *ast.ValueSpec:
		if d.Names[0].IsExported() {
			return d.Names[0].Name, d.Doc != nil || d.Comment != nil || group.Doc != nil
		}
	}
	return "", false
}

func TestTheJournalIsOnlyAddedTo(t *testing.T) {
	changes := regexp.MustCompile(`(?i)\b(UPDATE|DELETE\s+FROM)\s+entries\b`)
	trail := regexp.MustCompile(`(?i)\b(UPDATE|DELETE\s+FROM)\s+audit\b`)
	balances := regexp.MustCompile(`(?i)\bUPDATE\s+accounts\b|\bINSERT\s+INTO\s+accounts\b`)
	// The control of the benchmarks does to balances what it is there to be worse at.
	writers := []string{"internal/store/sqlite.go", "internal/store/postgres.go", "bench/naive.go"}
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		if changes.MatchString(s.text) {
			t.Errorf("%s: changes or deletes entries of the ledger", s.path)
		}
		if trail.MatchString(s.text) {
			t.Errorf("%s: changes or deletes entries of the audit trail", s.path)
		}
		if balances.MatchString(s.text) && !slices.Contains(writers, filepath.ToSlash(s.path)) {
			t.Errorf("%s: changes a balance outside the money writer", s.path)
		}
	}
}

func TestStatementsAreReadAlikeByBothEngines(t *testing.T) {
	banned := regexp.MustCompile(`(?i)::[a-z]|\bjson_each\b|\bnow\(\)|\bradians\(|\bSERIAL\b|\bIDENTITY\b|pg_advisory|\bLISTEN\b`)
	engineOwn := regexp.MustCompile(`(?i)\bFOR UPDATE\b|= ANY\b|\bunnest\(`)
	for _, s := range sources(t) {
		if s.isTest || s.room != "internal/store" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			if found := banned.FindString(literal.Value); found != "" {
				t.Errorf("%s: %q is not read alike by both engines", positions.Position(n.Pos()), found)
			}
			if found := engineOwn.FindString(literal.Value); found != "" && filepath.Base(s.path) != "postgres.go" {
				t.Errorf("%s: %q may stand in postgres.go only", positions.Position(n.Pos()), found)
			}
			return true
		})
	}
}

func TestEveryDivergenceIsHeldByATest(t *testing.T) {
	register, err := os.ReadFile("docs/divergences.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, s := range sources(t) {
		for _, declaration := range s.file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && s.isTest {
				known[f.Name.Name] = true
			}
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9_]+|[a-z_]+\\.txt)`").FindAllStringSubmatch(string(register), -1)
	if len(named) < 30 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, match := range named {
		name := match[1]
		_, err := os.Stat(filepath.Join("testdata", "exchange", name))
		if !known[name] && err != nil {
			t.Errorf("docs/divergences.md names %s, which does not exist", name)
		}
	}
}
