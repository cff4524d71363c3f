package main

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What all commands have in common: mistyped names, missing arguments and flags that cannot be read are
// said in sentences, and commands that others propose name the same data.

// guard has a command and all below it refuse what they do not know.
func guard(command *cobra.Command) {
	for _, below := range command.Commands() {
		guard(below)
	}
	switch {
	case !command.HasParent(): // cobra itself refuses what the program does not know
		command.SetFlagErrorFunc(flagRefused)
	case command.HasSubCommands():
		command.SuggestionsMinimumDistance = 2
		command.DisableFlagsInUseLine, command.Args = true, cobra.ArbitraryArgs
		command.RunE = func(command *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(command, args[0])
			}
			return command.Help()
		}
	default:
		arguments := command.Args
		command.Args = func(command *cobra.Command, args []string) error {
			if arguments == nil || arguments(command, args) == nil {
				return nil
			}
			return argumentsRefused(command, args)
		}
	}
}

// unknownCommand says that a group has no such command, and which one may be meant.
func unknownCommand(group *cobra.Command, name string) error {
	text := fmt.Sprintf("unknown command %q for %q", name, group.CommandPath())
	if meant := group.SuggestionsFor(name); len(meant) > 0 {
		return fmt.Errorf("%s: is `%s %s` meant?", text, group.CommandPath(), meant[0])
	}
	return fmt.Errorf("%s; `%s --help` lists what there is", text, group.CommandPath())
}

// argumentForm is an argument in the line of use: CLIENT, RECEIPT-FILE, or [FILE].
var argumentForm = regexp.MustCompile(`^\[?([A-Z]+(?:-[A-Z]+)*)\]?$`)

// argumentsRefused says which argument is missing, or which one is too much.
func argumentsRefused(command *cobra.Command, args []string) error {
	usage, names := command.CommandPath(), []string{}
	for _, word := range strings.Fields(command.Use)[1:] {
		parts := argumentForm.FindStringSubmatch(word)
		if parts == nil {
			break // flags follow
		}
		usage, names = usage+" "+word, append(names, strings.ToLower(strings.ReplaceAll(parts[1], "-", " ")))
	}
	if len(args) >= len(names) {
		return fmt.Errorf("%q is one argument too many: %s", args[min(len(names), len(args)-1)], usage)
	}
	name := names[len(args)]
	article := "a"
	if strings.ContainsRune("aeio", rune(name[0])) {
		article = "an"
	}
	return fmt.Errorf("name %s %s: %s", article, name, usage)
}

var (
	negativeForm = regexp.MustCompile(`^unknown shorthand flag: '[0-9]' in (-[0-9.,]+)$`)
	commaForm    = regexp.MustCompile(`^([+-]?[0-9]+),([0-9]+)$`)
)

// flagRefused says in a sentence what is wrong with a flag.
func flagRefused(command *cobra.Command, err error) error {
	if given := command.Flags().Args(); command.HasSubCommands() && command.HasParent() && len(given) > 0 {
		return unknownCommand(command, given[0])
	}
	if parts := negativeForm.FindStringSubmatch(err.Error()); parts != nil {
		return fmt.Errorf("%s is below zero: write a number above zero", parts[1])
	}
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return err
	}
	name, kind := value.GetFlag().Name, value.GetFlag().Value.Type()
	parts := commaForm.FindStringSubmatch(value.GetValue())
	switch {
	case parts != nil && kind == "float64":
		return fmt.Errorf("--%s: write %s.%s, with a point, not %q", name, parts[1], parts[2], value.GetValue())
	case kind == "float64" || kind == "int64" || kind == "int":
		return fmt.Errorf("--%s: %q is not a number", name, value.GetValue())
	}
	return err
}

// version is what this binary is, as far as its build knows.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// reachGiven are the flags that say where the data is, as they stand on the command line, for commands
// that others propose; a password in a database's address is left out.
func reachGiven(flags *pflag.FlagSet) (given string) {
	for _, name := range reachFlags {
		if f := flags.Lookup(name); f != nil && f.Changed {
			value := f.Value.String()
			if name == "database" {
				value = withoutPassword(value)
			}
			given += " --" + name + " " + shellWord(value)
		}
	}
	return given
}

// withoutPassword is a database's address without the password that it may hold.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "sqlite" {
		return address
	}
	query := u.Query()
	if _, hasOne := u.User.Password(); !hasOne && !query.Has("password") {
		return address
	}
	if query.Has("password") {
		query.Set("password", "xxxxx")
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}

// onData adds to a command that works on the data the flags that say where that is.
func (v *verb) onData(command string) string { return command + v.reachGiven }

// proposedForm is a command on the data in a sentence. Commands that call the API, or need nothing, are
// not of that kind, and --data is something else to them.
var proposedForm = regexp.MustCompile("`(purser (?:user|project|inbox|place|wallet|client|ca|certificate|explain|audit|verify|onboard|sandbox)(?: [^`]*)?)`")

// proposed is a sentence whose commands work on the same data.
func (v *verb) proposed(sentence string) string {
	return proposedForm.ReplaceAllStringFunc(sentence, func(quoted string) string {
		return "`" + v.onData(strings.Trim(quoted, "`")) + "`"
	})
}

// checkBaseURL refuses what is not the address of a server.
func checkBaseURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("--base-url %q: write scheme, host and port, such as https://wallet.example:8443", text)
	}
	return nil
}
