package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// mostElsewhere bounds the blocks of the whole manual that are not run here. Each says why.
const mostElsewhere = 45

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
	for _, tool := range []string{"bash", "curl", "openssl", "python3", "node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: %v", err, errToolMissing)
		}
	}
	if err := buildSDK(); err != nil {
		t.Fatal(err)
	}
}
