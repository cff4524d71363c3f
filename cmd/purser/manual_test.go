package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostElsewhere bounds the blocks of the whole manual that are not run here. Each says why.
const mostElsewhere = 23

// manualVariable says "off" where the manual's blocks shall be read, checked and compiled, and not run: on machines without Node, Python and curl.
const manualVariable = "PURSER_TEST_MANUAL"

func manualOff() bool { return os.Getenv(manualVariable) == "off" }

var errToolMissing = fmt.Errorf("run the tests with `make test`, which brings what the manual's examples need, or set %s to off to have them read alone", manualVariable)

// manualPages are the pages of the manual.
func manualPages(t *testing.T) (pages []*manualPage) {
	t.Helper()
	var files []string
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md", "testdata/*/README.md", "sdk/js/README.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(repository, file)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, readPage(filepath.ToSlash(name), string(text)))
	}
	return pages
}

// Each example of the manual does what the manual says, from the top of its page to the bottom.
func TestManual(t *testing.T) {
	pages, elsewhere := manualPages(t), 0
	var runs []*pageRun
	for _, p := range pages {
		for _, fault := range p.faults {
			t.Error(fault)
		}
		for _, b := range p.blocks {
			if b.mark == markElsewhere {
				elsewhere++
				t.Logf("%s:%d is not run: %s", p.name, b.line, b.reason)
			}
		}
		if slices.ContainsFunc(p.blocks, (*manualBlock).runs) || slices.ContainsFunc(p.blocks, func(b *manualBlock) bool { return b.language == "go" }) {
			ports, err := portsOf(p)
			if err != nil {
				t.Fatal(err)
			}

			runs = append(runs, &pageRun{page: p, ports: ports, others: map[string]*stepper{}})
		}
	}
	if elsewhere > mostElsewhere {
		t.Errorf("%d blocks are not run, more than %d", elsewhere, mostElsewhere)
	}
	programs, err := buildPrograms(t.TempDir(), runs)
	if err != nil {
		t.Fatal(err)
	}
	if manualOff() {
		return
	}
	bringTools(t)
	for _, r := range runs {
		r.programs = programs
		t.Run(r.page.name, func(t *testing.T) {
			if err := r.run(t); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// bringTools fails where a program is missing that blocks need.
func bringTools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "openssl", "php", "python3", "node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: %v", err, errToolMissing)
		}
	}
	if err := buildSDK(); err != nil {
		t.Fatal(err)
	}
}

// What is wrong with a page is found, and said with the line that it is at.
func TestManualFindsWhatIsWrong(t *testing.T) {
	for _, story := range []struct{ name, text, fault string }{
		{"no language", "```\npurser dev\n```\n", "page.md:1: the block has no language"},
		{"an unknown language", "A word.\n\n```bash\ntrue\n```\n", `page.md:3: nothing is known of the language "bash"`},
		{"indented code", "So:\n\n    purser dev\n", "page.md:3: code is indented"},
		{"no end", "```sh\ntrue\n", "page.md:1: the block does not end"},
		{"nothing in it", "```sh\n```\n", "the block is empty"},
		{"an unknown mark", "```sh later\ntrue\n```\n", `the mark "later" means nothing`},
		{"a mark of another language", "```js stays\nlet a;\n```\n", `the mark "stays" means nothing`},
		{"no reason", "```sh elsewhere\ntrue\n```\n", "write why"},
		{"no JSON", "```json\n{]\n```\n", "page.md:2: invalid character"},
		{"no shell", "```sh elsewhere: far\nif true\n```\n", "bash cannot read it"},
		{"no setting", "```toml\nlisten = \"127.0.0.1:1\"\nlisen = \"127.0.0.1:1\"\n```\n", `"lisen" is not a setting`},
		{"a verb that there is not", "```sh elsewhere: far\npurser wallet kredit 1\n```\n", "unknown command"},
		{"a flag that there is not", "```sh elsewhere: far\nx=\"$(purser request GET /client --az shop)\"\n```\n", "unknown flag: --az"},
		{"an argument too many", "```sh elsewhere: far\ncat f | purser client \\\n  show 1 2\n```\n", "one argument too many"},
	} {
		t.Run(story.name, func(t *testing.T) {
			if faults := strings.Join(readPage("page.md", story.text).faults, "\n"); !strings.Contains(faults, story.fault) {
				t.Errorf("found %q, and not %q", faults, story.fault)
			}
		})
	}
	good := "1. A list\n\n    goes on.\n\nThen:\n\n```toml\nlisten = \"127.0.0.1:1\"\n```\n\n```sh elsewhere: far\nPURSER_KEK=a purser serve --data d >log 2>&1 &  # --not a flag\n```\n"
	if faults := readPage("page.md", good).faults; faults != nil {
		t.Error(faults)
	}
}

// A block that does not do what the page says is found by running it.
func TestManualFindsWhatDoesNotRun(t *testing.T) {
	if manualOff() {
		return
	}
	bringTools(t)
	stories := []struct{ name, text, fault string }{
		{"all is well", "```sh\nx=1; echo $x\n```\n\n```text\n1\n```\n\n```go\nx := 1\n```\n\n```go\nx := x + 1\nfmt.Println(x)\n// Output: 2\n```\n\n```js\nconst x = 1;\n```\n\n```sh fails\nfalse\n```\n\n```js\nconsole.log(x);\n// Output: 1\n```\n", ""},
		{"a command fails", "```sh\ntrue\nfalse\ntrue\n```\n", "page1.md:2: the program ended here: it printed\nline 3: false"},
		{"another output", "```sh\necho a\n```\n\n```text\nb\n```\n", "it prints\na\n"},
		{"another answer", "```sh\npurser request GET /project/1221\n```\n\n```json\n{\"id\": 1222, \"…\": \"…\"}\n```\n", "see id."},
		{"it works", "```sh fails\ntrue\n```\n", "should have failed"},
		{"a server that ends", "```sh stays\nexit 3\n```\n", "it ended, exit status 3"},
		{"an error in Go", "```go\n_, err := (&walletapi.Client{}).Project(ctx, 1)\n```\n", "page6.md:2: the program ended here"},
		{"another output in Go", "```go\nfmt.Println(1)\n// Output: 2\n```\n", "it prints\n1\n"},
		{"an error in JavaScript", "```js\nlet x;\nx.y();\n```\n", "page.mjs:3"},
		{"another output in JavaScript", "```js\nconsole.log(1);\n// Output: 2\n```\n", "it prints\n1\n"},
		{"an error in Python", "```python\nraise ValueError\n```\n", "ValueError"},
	}
	var runs []*pageRun
	for i, story := range stories {
		p := readPage(fmt.Sprintf("page%d.md", i), story.text)
		ports, err := portsOf(p)
		if err != nil || p.faults != nil {
			t.Fatal(err, p.faults)
		}
		runs = append(runs, &pageRun{page: p, ports: ports, others: map[string]*stepper{}})
	}
	programs, err := buildPrograms(t.TempDir(), runs)
	if err != nil {
		t.Fatal(err)
	}
	for i, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			runs[i].programs = programs
			switch err := runs[i].run(t); {
			case story.fault == "" && err != nil:
				t.Error(err)
			case story.fault != "" && (err == nil || !strings.Contains(err.Error(), story.fault)):
				t.Errorf("found %v, and not %q", err, story.fault)
			}
		})
	}
	p := readPage("page.md", "```go\nx := y\n```\n")
	if _, err := buildPrograms(t.TempDir(), []*pageRun{{page: p}}); err == nil || !strings.Contains(err.Error(), "page.md:2: undefined: y") {
		t.Errorf("found %v", err)
	}
}

// What is shown stands for what is printed, as docs/architecture.md says.
func TestManualComparesWhatIsShown(t *testing.T) {
	for _, story := range []struct {
		want, got string
		same      bool
	}{
		{"a … c", "a b c", true}, {"a …", "a b\nc", false}, {"a\n…", "a\nb\nc", true}, {"…\nc\n", "a\nb\nc", true}, {"…\nc", "c", true},
		{"a\n…\nd", "a\nb\nc\nd\n", true}, {"a\n…\nd", "a\nb\nc", false}, {"a", "ab", false}, {"a.c", "abc", false},
	} {
		if err := compareText(story.want, story.got); (err == nil) != story.same {
			t.Errorf("%q and %q: %v", story.want, story.got, err)
		}
	}
	for _, story := range []struct {
		want, got string
		same      bool
	}{
		{`{"a":1}`, `{ "a": 1 }`, true}, {`{"a":1}`, `{"a":1,"b":2}`, false}, {`{"a":1,"…":"…"}`, `{"b":2,"a":1}`, true}, {`{"a":1,"…":"…"}`, `{"b":2}`, false},
		{`{"a":"…"}`, `{"a":[1]}`, true}, {`["a","…"]`, `["a","b","c"]`, true}, {`["a"]`, `["a","b"]`, false}, {`{"a":"x…z"}`, `{"a":"xyz"}`, true},
		{`{"a":1}`, `[1]`, false}, {`{"a":1}`, `no JSON`, false}, {`{"a":null}`, `{"a":null}`, true}, {`{"a":true}`, `{"a":false}`, false},
	} {
		if err := compareJSON(story.want, story.got); (err == nil) != story.same {
			t.Errorf("%s and %s: %v", story.want, story.got, err)
		}
	}
}
