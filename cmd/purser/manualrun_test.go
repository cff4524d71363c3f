package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/sandbox"
)

const (
	// blockLimit is how long a block may take, and stayLimit a server until it says what it should.
	blockLimit = 5 * time.Minute
	stayLimit  = 5 * time.Minute
	// devPort and devTLSPort are where pages say that the sandbox answers.
	devPort, devTLSPort = 8080, 8443
)

// pageRun is a page on its way: one folder, one sandbox, one shell, and one program for each other language.
type pageRun struct {
	page     *manualPage
	programs *pagePrograms
	folder   string
	// env and dir are those of the shell after its last block, as KEY=VALUE and a path.
	env []string
	dir string
	// ports are the page's own numbers, and the free ones that they stand for.
	ports  map[int]int
	shell  *stepper
	others map[string]*stepper
	stays  []*started
}

// run runs a page from top to bottom, and returns the first thing that is not as the page says.
func (r *pageRun) run(t testing.TB) error {
	defer r.end()
	var err error
	if r.folder, err = os.MkdirTemp("", "purser"); err != nil { // short: a socket's path must be
		return err
	}
	t.Cleanup(func() { removeAll(r.folder) })
	if err := r.prepare(); err != nil {
		return err
	}
	if !startsDev(r.page) {
		if err := r.startDev(); err != nil {
			return err
		}
	}
	for _, b := range r.page.blocks {
		if !b.runs() {
			continue
		}
		begun := time.Now()
		if err := r.runBlock(b); err != nil {
			return fmt.Errorf("%s:%d: %w", r.page.name, b.line, err)
		}
		if took := time.Since(begun); took > 3*time.Second {
			t.Logf("%s:%d took %v", r.page.name, b.line, took.Round(time.Second))
		}
	}
	return nil
}

// removeAll removes a folder, also what Go has made read-only in it.
func removeAll(folder string) {
	filepath.WalkDir(folder, func(path string, entry os.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	os.RemoveAll(folder)
}

// startsDev says whether a page starts its sandbox itself.
func startsDev(p *manualPage) bool {
	return slices.ContainsFunc(p.blocks, func(b *manualBlock) bool {
		return b.mark == markStays && regexp.MustCompile(`\bpurser dev\b`).MatchString(b.text)
	})
}

// prepare makes the page's folder: empty, or a checkout where the page works in one.
func (r *pageRun) prepare() error {
	bin, home := filepath.Join(r.folder, "bin"), filepath.Join(r.folder, "home")
	r.dir = filepath.Join(r.folder, "purser")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := errors.Join(os.Mkdir(bin, 0o700), os.Mkdir(home, 0o700), os.Symlink(self, filepath.Join(bin, "purser"))); err != nil {
		return err
	}
	inCheckout := regexp.MustCompile(`(^|\s)(\./cmd/|sdk/js|examples/|testdata/|scripts/)`)
	if slices.ContainsFunc(r.page.blocks, func(b *manualBlock) bool { return b.runs() && inCheckout.MatchString(b.text) }) {
		err = copyCheckout(r.dir)
	} else {
		err = os.Mkdir(r.dir, 0o700)
	}
	if err != nil {
		return err
	}
	r.env = slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "PURSER_") })
	r.env = append(r.env, r.programs.goEnv...)
	r.env = append(r.env, "HOME="+home, "PATH="+bin+":"+os.Getenv("PATH"), "PWD="+r.dir, "NO_COLOR=1", "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"PURSER_LISTEN=127.0.0.1:"+strconv.Itoa(r.ports[devPort]), // a setting's variable: its flag goes before it
		"PURSER_BASE_URL=http://127.0.0.1:"+strconv.Itoa(r.ports[devPort]))
	return nil
}

// copyCheckout makes what a fresh clone of the repository is.
func copyCheckout(to string) error {
	leftOut := []string{"node_modules", "dist", "bin", "purser-data"}
	return filepath.WalkDir(repository, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(repository, path)
		if err != nil {
			return err
		}
		switch base := entry.Name(); {
		case name == ".":
			return os.Mkdir(to, 0o700)
		case entry.IsDir() && (strings.HasPrefix(base, ".") || slices.Contains(leftOut, base)):
			return filepath.SkipDir
		case entry.IsDir():
			return os.Mkdir(filepath.Join(to, name), 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, info.Mode().Perm())
	})
}

var localPort = regexp.MustCompile(`(?:127\.0\.0\.1|localhost):([0-9]{4,5})\b`)

// portsOf finds a free port for each one of this machine that a page names.
func portsOf(p *manualPage) (map[int]int, error) {
	ports := map[int]int{}
	for {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		over, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+devTLSPort-devPort)))
		if err == nil { // the sandbox answers over TLS that much above
			over.Close()
			ports[devPort], ports[devTLSPort] = port, port+devTLSPort-devPort
			break
		}
	}
	for _, b := range p.blocks {
		for _, found := range localPort.FindAllStringSubmatch(b.text, -1) {
			named, err := strconv.Atoi(found[1])
			if err != nil || ports[named] != 0 {
				continue
			}
			if ports[named], err = freePort(); err != nil {
				return nil, err
			}
		}
	}
	return ports, nil
}

// lastPort is the last one that freePort has looked at. They are below those that the system gives to connections, since they are
// chosen long before they are listened on.
var lastPort = 12_000 + rand.IntN(18_000)

// freePort is a port that nobody listens on, another one each time.
func freePort() (int, error) {
	for range 1000 {
		lastPort++
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(lastPort)))
		if err == nil {
			return lastPort, listener.Close()
		}
	}
	return 0, errors.New("there is no free port")
}

// local is a text of the page with the ports that it runs on.
func (r *pageRun) local(text string) string {
	for _, named := range slices.Sorted(maps.Keys(r.ports)) {
		text = regexp.MustCompile(`\b`+strconv.Itoa(named)+`\b`).ReplaceAllString(text, strconv.Itoa(r.ports[named]))
	}
	return text
}

// startDev starts the sandbox of a page that starts none itself.
func (r *pageRun) startDev() error {
	said := &lockedBuffer{}
	dev, err := start(r.terminal("exec purser dev", said))
	if err != nil {
		return err
	}
	r.stays = append(r.stays, dev)
	for end := time.Now().Add(stayLimit); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(r.dir, "purser-data", sandbox.ManifestFile)); err == nil {
			return nil // is there once the server answers
		}
		if time.Now().After(end) {
			return fmt.Errorf("the sandbox does not start: %s", said.String())
		}
	}
}

// terminal is a command of the shell's in a terminal of its own, where the shell is now.
func (r *pageRun) terminal(script string, out io.Writer) *exec.Cmd {
	command := exec.Command("bash", "-e", "-c", script)
	command.Dir, command.Env, command.Stdout, command.Stderr = r.dir, r.env, out, out
	command.WaitDelay = 5 * time.Second
	return command
}

func (r *pageRun) runBlock(b *manualBlock) (err error) {
	var said string
	switch {
	case b.mark == markStays:
		return r.stay(b)
	case b.language == "sh":
		said, err = r.runShell(b)
	case b.language == "python":
		said, err = r.runOnce(exec.Command("python3", "-c", r.local(b.text)))
	case b.language == "go" && isProgram(b):
		said, err = r.runOnce(exec.Command(r.programs.binaries[b]))
	default:
		said, err = r.runStep(b)
	}
	if err != nil {
		return err
	}
	if want, ok := promised(b); ok {
		if err := compareText(r.local(want), said); err != nil {
			return err
		}
	}
	if b.shows == nil {
		return nil
	}
	if want := r.local(b.shows.text); b.shows.language == "json" {
		return compareJSON(want, said)
	} else {
		return compareText(want, said)
	}
}

var outputComment = regexp.MustCompile(`(?m)^[ \t]*// Output:(.*(?:\n[ \t]*//.*)*)`)

// promised is what a comment "// Output:" in a program says that it prints, as in the examples of Go.
func promised(b *manualBlock) (string, bool) {
	found := outputComment.FindStringSubmatch(b.text)
	if found == nil || b.language != "go" && b.language != "js" {
		return "", false
	}
	return strings.TrimSpace(regexp.MustCompile(`\n[ \t]*// ?`).ReplaceAllString(found[1], "\n")), true
}

// stay starts what goes on until the page ends, and waits for what it should say, or for a second.
func (r *pageRun) stay(b *manualBlock) error {
	said := &lockedBuffer{}
	running, err := start(r.terminal(r.local(b.text), said))
	if err != nil {
		return err
	}
	r.stays = append(r.stays, running)
	begun, fault := time.Now(), error(nil)
	for ; time.Since(begun) < stayLimit; time.Sleep(10 * time.Millisecond) {
		switch {
		case b.shows == nil && time.Since(begun) > time.Second:
			return nil
		case b.shows != nil:
			if fault = compareText(r.local(b.shows.text), said.String()); fault == nil {
				return nil
			}
		}
		select {
		case <-running.ended:
			return fmt.Errorf("it ended, %w, and had said\n%s", running.why, said.String())
		default:
		}
	}
	return fault
}

// shellLoop is the shell of a page. It is told the names of files, one after another, and runs each in itself, so that what one block sets
// is there for the next. A block that fails ends it.
const shellLoop = `set -eE
trap 'echo "line $LINENO: $BASH_COMMAND: exit status $?" >&2' ERR
report() { env -0 >"$1.env"; pwd >"$1.pwd"; echo "$2" >&3; }
while read -r mark file <&4; do
	if [[ $mark = fails ]]; then
		trap - ERR
		if . "$file" >"$file.out" 2>"$file.err" </dev/null 3>&- 4<&-; then report "$file" succeeded; else report "$file" failed; fi
		trap 'echo "line $LINENO: $BASH_COMMAND: exit status $?" >&2' ERR
	else
		. "$file" >"$file.out" 2>"$file.err" </dev/null 3>&- 4<&-
		report "$file" succeeded
	fi
done`

// runShell runs a block in the page's shell.
func (r *pageRun) runShell(b *manualBlock) (said string, err error) {
	if r.shell == nil {
		if r.shell, err = startShell(r.dir, r.env); err != nil {
			return "", err
		}
	}
	file := filepath.Join(r.folder, strconv.Itoa(b.line))
	// The lines keep their numbers, which failures name.
	if err := os.WriteFile(file, []byte(strings.Repeat("\n", b.line-1)+r.local(b.text)), 0o600); err != nil {
		return "", err
	}
	report, err := r.shell.step(cmp.Or(b.mark, "runs") + " " + file)
	out, _ := os.ReadFile(file + ".out")
	whole := func() string {
		errors, _ := os.ReadFile(file + ".err")
		return fmt.Sprintf("it printed\n%s%s", out, errors)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %s", err, whole())
	case (b.mark == markFails) != (strings.TrimSpace(report) == "failed"):
		return "", fmt.Errorf("the last command should have failed, and did not: %s", whole())
	}
	env, err := os.ReadFile(file + ".env")
	if err != nil {
		return "", err
	}
	dir, err := os.ReadFile(file + ".pwd")
	if err != nil {
		return "", err
	}
	r.env, r.dir = strings.Split(strings.TrimRight(string(env), "\x00"), "\x00"), strings.TrimSpace(string(dir))
	return string(out), nil
}

// runOnce runs a program to its end.
func (r *pageRun) runOnce(command *exec.Cmd) (string, error) {
	command.Dir, command.Env = r.dir, r.env
	var said, errors bytes.Buffer
	command.Stdout, command.Stderr = &said, &errors
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%w: %s%s", err, said.String(), errors.String())
	}
	return said.String(), nil
}

// runStep runs a block of the page's program in its language, which begins with its first block.
func (r *pageRun) runStep(b *manualBlock) (said string, err error) {
	program := r.others[b.language]
	if program == nil {
		command, err := r.programs.command(r, b.language)
		if err != nil {
			return "", err
		}
		command.Dir, command.Env = r.dir, r.env
		if program, err = startProgram(command); err != nil {
			return "", err
		}
		r.others[b.language] = program
	}
	if said, err = program.step(""); err != nil {
		return "", fmt.Errorf("%w: %s%s", err, said, program.errors.String())
	}
	return said, nil
}

// end stops everything that the page has started.
func (r *pageRun) end() {
	for _, s := range r.others {
		s.end()
	}
	if r.shell != nil {
		r.shell.end()
	}
	for _, s := range slices.Backward(r.stays) {
		s.end()
	}
}

// started is a program that was started, in a process group of its own.
type started struct {
	pid int
	// ended is closed when it has, and why says how.
	ended chan struct{}
	why   error
}

// start starts a program.
func start(command *exec.Cmd) (*started, error) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	s := &started{pid: command.Process.Pid, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.why = command.Wait()
	}()
	return s, nil
}

// end has a program and all that it started end.
func (s *started) end() {
	syscall.Kill(-s.pid, syscall.SIGTERM)
	for range 500 {
		if syscall.Kill(-s.pid, 0) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	syscall.Kill(-s.pid, syscall.SIGKILL)
	<-s.ended
}

// lockedBuffer is what a program says while others read it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// stepper is a program that goes one step on for each line that it is sent, and says when that is done.
type stepper struct {
	program *started
	in      io.WriteCloser
	steps   chan string
	// errors is what it says beside that, and rest what came after the last step.
	errors, rest *lockedBuffer
}

// startStepper starts a program whose orders come from a pipe and whose reports go into another one; end is what ends a report.
func startStepper(command *exec.Cmd, attach func(orders, reports *os.File), end byte) (*stepper, error) {
	orders, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, reports, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &stepper{in: in, errors: &lockedBuffer{}, rest: &lockedBuffer{}}
	command.Stderr = s.errors
	command.WaitDelay = 5 * time.Second
	attach(orders, reports)
	s.program, err = start(command)
	orders.Close()
	reports.Close()
	if err == nil {
		s.listen(out, end)
	}
	return s, err
}

// startShell starts the shell of a page.
func startShell(dir string, env []string) (*stepper, error) {
	command := exec.Command("bash", "--noprofile", "--norc", "-c", shellLoop)
	command.Dir, command.Env = dir, env
	return startStepper(command, func(orders, reports *os.File) { command.ExtraFiles = []*os.File{reports, orders} }, '\n')
}

// startProgram starts a program that was made of a page's blocks: it waits for a line before each, and prints a zero byte after each.
func startProgram(command *exec.Cmd) (*stepper, error) {
	return startStepper(command, func(orders, reports *os.File) { command.Stdin, command.Stdout = orders, reports }, 0)
}

func (s *stepper) listen(from io.Reader, end byte) {
	s.steps = make(chan string, 1)
	go func() {
		defer close(s.steps)
		reader := bufio.NewReader(from)
		for {
			said, err := reader.ReadString(end)
			if err != nil {
				s.rest.Write([]byte(said))
				return
			}
			s.steps <- strings.TrimSuffix(said, string(end))
		}
	}()
}

// step sends a line, and returns what the program says until it has done the step.
func (s *stepper) step(line string) (string, error) {
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		return "", fmt.Errorf("the program has ended: %w", err)
	}
	select {
	case said, ok := <-s.steps:
		if !ok {
			select { // what it complained of is whole once it has ended
			case <-s.program.ended:
			case <-time.After(blockLimit):
			}
			return s.rest.String(), errors.New("the program ended here")
		}
		return said, nil
	case <-time.After(blockLimit):
		return s.rest.String(), fmt.Errorf("it is not done after %v", blockLimit)
	}
}

func (s *stepper) end() {
	s.in.Close()
	s.program.end()
}

// anything is what an ellipsis stands for in what a page shows.
const anything = "…"

// compareText compares what is printed with what the page shows: "…" in a line is any text, and a line of "…" alone any lines, also none.
func compareText(want, got string) error {
	var pattern strings.Builder
	pattern.WriteString(`(?s)\A`)
	lines := strings.Split(strings.TrimSpace(want), "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) == anything {
			if i == len(lines)-1 {
				pattern.WriteString(`.*`)
			} else {
				pattern.WriteString(`(?:[^\n]*\n)*?`)
			}
			continue
		}
		parts := strings.Split(strings.TrimRight(line, " "), anything)
		for j := range parts {
			parts[j] = regexp.QuoteMeta(parts[j])
		}
		pattern.WriteString(strings.Join(parts, `[^\n]*?`) + ` *`)
		if i < len(lines)-1 {
			pattern.WriteString(`\n`)
		}
	}
	pattern.WriteString(`\s*\z`)
	if !regexp.MustCompile(pattern.String()).MatchString(strings.TrimSpace(got)) {
		return fmt.Errorf("it prints\n%s\nand not, as the page shows,\n%s", got, want)
	}
	return nil
}

// compareJSON compares an answer with the one that the page shows, in whatever order and spacing. "…" in a text is any text; the whole text "…"
// is any value; as a name in an object it says that there is more, and so it does at the end of a list.
func compareJSON(want, got string) error {
	var wanted, given any
	if err := errors.Join(json.Unmarshal([]byte(want), &wanted), json.Unmarshal([]byte(got), &given)); err != nil {
		return fmt.Errorf("%w: it prints\n%s", err, got)
	}
	if where := differs(wanted, given); where != "" {
		return fmt.Errorf("it prints\n%s\nand not, as the page shows,\n%s\nsee %s", got, want, where)
	}
	return nil
}

// differs names the first place at which an answer is not what was wanted.
func differs(want, got any) string {
	if want == anything {
		return ""
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		_, more := w[anything]
		for _, name := range slices.Sorted(maps.Keys(w)) {
			if value, there := g[name]; name != anything && !there {
				return name + ", which is not there"
			} else if where := ""; name != anything {
				if where = differs(w[name], value); where != "" {
					return name + "." + where
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(g)) {
			if _, there := w[name]; !there && !more {
				return name + ", which the page does not show"
			}
		}
		if ok {
			return ""
		}
	case []any:
		g, ok := got.([]any)
		more := len(w) > 0 && w[len(w)-1] == anything
		if more {
			w = w[:len(w)-1]
		}
		if !ok || len(g) < len(w) || len(g) > len(w) && !more {
			return "a list of another length"
		}
		for i := range w {
			if where := differs(w[i], g[i]); where != "" {
				return strconv.Itoa(i) + "." + where
			}
		}
		return ""
	case string:
		if g, ok := got.(string); ok && compareText(w, g) == nil {
			return ""
		}
	default:
		if want == got {
			return ""
		}
	}
	return fmt.Sprintf("%v", got)
}
