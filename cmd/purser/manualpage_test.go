package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// A page of the manual, and what its fenced blocks claim. What runs them is in manualrun_test.go; the conventions are in docs/architecture.md.
type manualPage struct {
	// name is the path in the repository.
	name   string
	lines  []string
	blocks []*manualBlock
	// faults are what can be seen to be wrong without running anything.
	faults []string
}

// manualBlock is one fenced block.
type manualBlock struct {
	// line is that of its first line of text, from 1.
	line     int
	language string
	// mark is what stands behind the language: nothing, stays, fails or elsewhere, the last with a reason.
	mark, reason string
	text         string
	// shows is the block that directly follows, when that is what this one prints.
	shows *manualBlock
}

// The languages of blocks: those that are run, and those that are only read.
var (
	runLanguages  = []string{"sh", "go", "js", "python"}
	readLanguages = []string{"json", "toml", "yaml", "text", "http"}
)

// Marks behind a language.
const (
	markStays     = "stays"     // goes on until the page ends: a server in a terminal of its own
	markFails     = "fails"     // its last command ends with another status than 0
	markElsewhere = "elsewhere" // is not run here, for the reason behind the colon
)

var (
	fence    = regexp.MustCompile("^( *)(`{3,}|~{3,}) *(.*)$")
	listItem = regexp.MustCompile(`^ *([-*+]|[0-9]+[.)]) `)
)

// readPage reads a page, and finds what is wrong with the form of its blocks.
func readPage(name, text string) *manualPage {
	p := &manualPage{name: name, lines: strings.Split(text, "\n")}
	blank, inList := true, false
	for i := 0; i < len(p.lines); i++ {
		line := p.lines[i]
		opens := fence.FindStringSubmatch(line)
		switch {
		case opens != nil:
			i = p.readBlock(i, opens)
			blank = false
			continue
		case blank && !inList && strings.HasPrefix(line, "    ") && strings.TrimSpace(line) != "":
			p.fault(i+1, "code is indented: fence it, with its language")
		case listItem.MatchString(line):
			inList = true
		case blank && line != "" && !strings.HasPrefix(line, " "):
			inList = false
		}
		blank = strings.TrimSpace(line) == ""
	}
	p.pairOutputs()
	for _, b := range p.blocks {
		p.check(b)
	}
	p.checkProse()
	return p
}

func (p *manualPage) fault(line int, form string, a ...any) {
	p.faults = append(p.faults, fmt.Sprintf("%s:%d: ", p.name, line)+fmt.Sprintf(form, a...))
}

// readBlock reads the block whose fence is at an index of lines, and returns the index of the fence that ends it.
func (p *manualPage) readBlock(at int, opens []string) (end int) {
	indent, ticks, info := opens[1], opens[2], opens[3]
	b := &manualBlock{line: at + 2}
	var text strings.Builder
	for end = at + 1; ; end++ {
		if end == len(p.lines) {
			p.fault(at+1, "the block does not end")
			break
		}
		line := strings.TrimPrefix(p.lines[end], indent)
		if strings.HasPrefix(line, ticks) && strings.Trim(line, ticks[:1]+" ") == "" {
			break
		}
		text.WriteString(line + "\n")
	}
	b.text = text.String()
	b.language, info, _ = strings.Cut(info, " ")
	info, b.reason, _ = strings.Cut(info, ":")
	b.mark, b.reason = strings.TrimSpace(info), strings.TrimSpace(b.reason)
	p.blocks = append(p.blocks, b)
	return end
}

var proseCommand = regexp.MustCompile("`(purser [a-z]+(?: [^`]*)?)`")

// checkProse looks for commands in sentences that there are not. Of those only the verb and the flags can be judged.
func (p *manualPage) checkProse() {
	inside := map[int]bool{}
	for _, b := range p.blocks {
		for i := range strings.Count(b.text, "\n") {
			inside[b.line+i] = true
		}
	}
	for i, line := range p.lines {
		for _, found := range proseCommand.FindAllStringSubmatch(line, -1) {
			if words := shellWords(strings.ReplaceAll(found[1], anything, "1")); !inside[i+1] && len(words) > 0 {
				var count *argumentCount
				var value *pflag.ValueRequiredError
				err := checkCommand(words[0][1:])
				if err != nil && !errors.As(err, &count) && !errors.As(err, &value) && !errors.Is(err, pflag.ErrHelp) {
					p.fault(i+1, "`%s`: %v", found[1], err)
				}
			}
		}
	}
}

// argumentCount says that a command is given too few or too many arguments.
type argumentCount struct{ error }

// pairOutputs finds the blocks that say what the one before them prints: text or json, directly behind it.
func (p *manualPage) pairOutputs() {
	for i, b := range p.blocks[:max(0, len(p.blocks)-1)] {
		next := p.blocks[i+1]
		if !b.runs() || next.language != "text" && next.language != "json" {
			continue
		}
		end := b.line + strings.Count(b.text, "\n") // of its fence
		if between := p.lines[end : next.line-2]; strings.TrimSpace(strings.Join(between, "")) == "" {
			b.shows = next
		}
	}
}

// runs says whether the block is run here.
func (b *manualBlock) runs() bool {
	return slices.Contains(runLanguages, b.language) && b.mark != markElsewhere
}

// check finds what is wrong with a block as it stands.
func (p *manualPage) check(b *manualBlock) {
	known := slices.Contains(runLanguages, b.language)
	switch {
	case b.language == "":
		p.fault(b.line-1, "the block has no language")
	case !known && !slices.Contains(readLanguages, b.language):
		p.fault(b.line-1, "nothing is known of the language %q", b.language)
	case strings.TrimSpace(b.text) == "":
		p.fault(b.line-1, "the block is empty")
	case !known && b.mark != "", known && !slices.Contains([]string{"", markStays, markFails, markElsewhere}, b.mark),
		(b.mark == markStays || b.mark == markFails) && b.language != "sh":
		p.fault(b.line-1, "the mark %q means nothing here", b.mark)
	case (b.mark == markElsewhere) != (b.reason != ""):
		p.fault(b.line-1, "write why a block is run elsewhere, and nothing else: elsewhere: REASON")
	}
	if err := parses(b); err != nil {
		p.fault(b.line, "%v", err)
	}
	if b.language != "sh" {
		return
	}
	for _, args := range purserCommands(b.text) {
		if err := checkCommand(args); err != nil {
			p.fault(b.line, "`purser %s`: %v", strings.Join(args, " "), err)
		}
	}
}

// parses says what keeps a block from being what its language says.
func parses(b *manualBlock) error {
	switch b.language {
	case "json":
		var any any
		return json.Unmarshal([]byte(b.text), &any)
	case "toml":
		return checkSettings(b.text)
	case "sh":
		return parsedBy(b.text, "bash", "-n")
	case "js":
		if b.mark == markElsewhere {
			return parsedBy(b.text, "node", "--input-type=module", "--check")
		}
	case "python":
		if b.mark == markElsewhere {
			return parsedBy(b.text, "python3", "-c", "import ast, sys; ast.parse(sys.stdin.read())")
		}
	}
	return nil
}

// parsedBy has a program read a text from standard input.
func parsedBy(text, program string, args ...string) error {
	if manualOff() && program != "bash" {
		return nil
	}
	reader := exec.Command(program, args...)
	reader.Stdin = strings.NewReader(text)
	if said, err := reader.CombinedOutput(); err != nil {
		return fmt.Errorf("%s cannot read it: %w: %s", program, err, said)
	}
	return nil
}

// checkSettings has the server's own loader read a file of settings.
func checkSettings(text string) error {
	file, err := os.CreateTemp("", "settings-*.toml")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	file.Close()
	c := &config{}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.common(flags)
	c.production(flags)
	c.file = file.Name() // the flag has set it to nothing
	return c.complete(noProgram(), flags)
}

// noProgram is a purser that does nothing but parse.
func noProgram() *program {
	return &program{in: strings.NewReader(""), env: func(string) string { return "" }}
}

// checkCommand says whether there is such a command of purser, with such flags and as many arguments.
func checkCommand(args []string) error {
	command, rest, err := newRoot(noProgram()).Find(args)
	if err != nil {
		return err
	}
	if err := command.ParseFlags(rest); err != nil {
		return err
	}
	if given := command.Flags().Args(); command.HasSubCommands() && command.HasParent() && len(given) > 0 {
		return unknownCommand(command, given[0])
	}
	if err := command.ValidateArgs(command.Flags().Args()); err != nil {
		return &argumentCount{err}
	}
	return nil
}

// purserCommands are the arguments of the calls of purser in a script, as far as one can tell without a shell.
func purserCommands(script string) (all [][]string) {
	script = strings.ReplaceAll(script, "\\\n", " ")
	substitution := regexp.MustCompile(`"?\$\(([^()]*)\)"?`)
	for _, inner := range substitution.FindAllStringSubmatch(script, -1) {
		all = append(all, purserCommands(inner[1])...)
	}
	script = substitution.ReplaceAllString(script, "1")
	script = regexp.MustCompile(`\$\{?\w+\}?`).ReplaceAllString(script, "1")
	for _, words := range shellWords(script) {
		for len(words) > 0 && regexp.MustCompile(`^([A-Z_]+=.*|!|if|time)$`).MatchString(words[0]) {
			words = words[1:]
		}
		if len(words) > 3 && slices.Equal(words[:3], []string{"go", "run", "./cmd/purser"}) {
			words = words[2:]
		}
		if len(words) > 1 && regexp.MustCompile(`^([./\w]*/)?purser$`).MatchString(words[0]) {
			all = append(all, words[1:])
		}
	}
	return all
}

// shellWords splits a script into commands, and those into words without their quotes. What redirects is left out.
func shellWords(script string) (commands [][]string) {
	var words []string
	var word strings.Builder
	started, quote, skip := false, rune(0), false
	endWord := func() {
		if started && !skip {
			words = append(words, word.String())
		}
		if started {
			skip = false
		}
		word.Reset()
		started = false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words, skip = nil, false
	}
	comment := false
	for _, r := range script {
		switch {
		case comment:
			comment = r != '\n'
			if !comment {
				endCommand()
			}
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, started = r, true
		case r == '#' && !started:
			comment = true
		case r == '\n' || r == ';' || r == '|' || r == '&' || r == ')':
			endCommand()
		case r == '>' || r == '<':
			if word.Len() == 1 && strings.Contains("12", word.String()) { // 2>errors
				word.Reset()
				started = false
			}
			endWord()
			skip = true
		case r == ' ' || r == '\t':
			endWord()
		default:
			word.WriteRune(r)
			started = true
		}
	}
	endCommand()
	return commands
}
