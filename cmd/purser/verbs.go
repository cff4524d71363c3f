package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/wallet"
)

// Verbs of an operator are commands that newVerb makes. One has its own flags, those that say where
// the data is, and --json. It asks the process that holds the data with ask, which reaches what
// handleVerb added, and shows the answer with answer.

// verb is one command of an operator while it runs.
type verb struct {
	*program
	ctx  context.Context
	args []string
	// flags are all of the command.
	flags *pflag.FlagSet
	// json asks for the answer as JSON.
	json     bool
	config   config
	operator *operatorClient
	close    func() error
	// own are the flags that are the verb's alone, and path is what it is called by.
	own  []string
	path string
	// reachGiven are those flags of the command line that say where the data is.
	reachGiven string
}

// reachFlags are the settings that a verb shows in its help: where the data is.
var reachFlags = []string{"data", "config", "database", "kek-file"}

// newVerb completes a command of an operator. bind adds the verb's own flags, which neither the
// environment nor the settings' file can set; nil for none.
func newVerb(p *program, command *cobra.Command, bind func(*pflag.FlagSet), run func(*verb) error) *cobra.Command {
	v := &verb{program: p, flags: command.Flags()}
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	v.config.common(settings)
	v.config.production(settings)
	settings.VisitAll(func(f *pflag.Flag) {
		f.Hidden = !slices.Contains(reachFlags, f.Name)
		f.Usage += " [" + variable(f.Name) + "]"
	})
	v.flags.SortFlags = false
	if bind != nil {
		bind(v.flags)
	}
	v.flags.VisitAll(func(f *pflag.Flag) {
		if kind := f.Value.Type(); f.DefValue == "[]" && kind != "stringSlice" && kind != "stringArray" {
			f.DefValue = "" // help does not speak of an empty list
		}
		if f.DefValue == "0s" {
			f.DefValue = ""
		}
		v.own = append(v.own, f.Name)
	})
	v.flags.BoolVar(&v.json, "json", false, "answer in JSON, for programs")
	v.flags.AddFlagSet(settings)
	command.RunE = func(command *cobra.Command, args []string) (err error) {
		v.path, v.reachGiven = command.CommandPath(), reachGiven(settings)
		if err := v.config.complete(p, settings); err != nil {
			return err
		}
		v.ctx, v.args = command.Context(), args
		defer func() {
			if v.close != nil {
				err = errors.Join(err, v.close())
			}
		}()
		return v.refused(run(v))
	}
	return command
}

// idQuery names one thing.
type idQuery struct {
	ID int64 `json:"id"`
}

// newShow is the verb show of an object that its number names, such as client: it shows all that client/show answers.
func newShow[Out interface{ write(*page) }](p *program, object, short string) *cobra.Command {
	command := &cobra.Command{Use: "show " + strings.ToUpper(object), Short: short, Args: cobra.ExactArgs(1)}
	return newVerb(p, command, nil, func(v *verb) error {
		id, err := v.id(0, object)
		if err != nil {
			return err
		}
		found, err := ask[Out](v, object+"/show", idQuery{id})
		if err != nil {
			return err
		}
		return v.answer(found, found.write)
	})
}

// applyFlag adds --apply, for what destroys something; applies reads it.
func applyFlag(flags *pflag.FlagSet) {
	flags.Bool("apply", false, "do it, rather than say what would be done")
}

func (v *verb) applies() bool {
	apply, err := v.flags.GetBool("apply")
	return err == nil && apply
}

// notDone ends a plan.
const notDone = "Nothing was done: add --apply to do it."

// reach opens the way to the data, once for a command.
func (v *verb) reach() (*operatorClient, error) {
	if v.operator != nil {
		return v.operator, nil
	}
	var err error
	v.operator, v.close, err = v.openOperator(v.ctx, v.config)
	return v.operator, err
}

// ask runs the verb of that name, such as client/create, where the data is.
func ask[Out any](v *verb, name string, in any) (out Out, err error) {
	operator, err := v.reach()
	if err != nil {
		return out, err
	}
	err = operator.call(v.ctx, "/"+name, in, &out)
	if errors.Is(err, errNotSent) { // the process that held the folder has just given it back
		err = v.close()
		if v.operator = nil; err != nil {
			return out, err
		}
		if operator, err = v.reach(); err == nil {
			err = operator.call(v.ctx, "/"+name, in, &out)
		}
	}
	return out, err
}

// id reads an argument that is a number; what says of what: "client".
func (v *verb) id(argument int, what string) (int64, error) { return parseID(v.args[argument], what) }

func parseID(text, what string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("%s must be the number of a %s, not %q; `purser %s list` shows them", strings.ToUpper(what), what, text, what)
	}
	return id, nil
}

// given says whether a flag stands on the command line.
func (v *verb) given(flag string) bool { return v.flags.Changed(flag) }

// namesChange refuses a change that changes nothing.
func (v *verb) namesChange() error {
	for _, flag := range v.own {
		if flag != "apply" && v.given(flag) {
			return nil
		}
	}
	return fmt.Errorf("name what to change: `%s --help` lists the flags", v.path)
}

// value is a pointer to what a flag was set to; nil when it was not given.
func value[T any](v *verb, flag string, to *T) *T {
	if !v.given(flag) {
		return nil
	}
	return to
}

// refused says a refusal in the words of the command line: the flags in the place of the fields. With
// --json it is the answer, as it came.
func (v *verb) refused(err error) error {
	var refused *operatorError
	var local *wallet.Error
	if errors.As(err, &local) {
		refused = &operatorError{Code: local.Code, Description: local.Description, Properties: local.Properties}
	} else if !errors.As(err, &refused) {
		return err
	}
	if v.json {
		if err := v.writeJSON(refused); err != nil {
			return err
		}
		return exitStatus(1)
	}
	var lines []string
	for field, sentences := range refused.Properties {
		for _, sentence := range sentences {
			lines = append(lines, v.flagOf(field)+": "+sentence)
		}
	}
	slices.Sort(lines)
	switch len(lines) {
	case 0:
		return errors.New(v.proposed(refused.Description))
	case 1:
		return errors.New(v.proposed(lines[0]))
	}
	return fmt.Errorf("%d things were refused, and nothing was done:\n  %s", len(lines), v.proposed(strings.Join(lines, "\n  ")))
}

// flagNames are flags that are called otherwise than the fields that they fill.
var flagNames = map[string]string{
	"permissions_to_wallets": "wallet-right", "certificate": "file", "base_location": "location", "position": "at", "working_hours": "hours",
	"images": "pin-open", "location_id": "place", "logo_uri": "logo", "remote_orders.spot_id": "remote-spot",
	"identity.code": "person-code-stdin", "address": "country", "pep": "pep-file", "administrator": "add-administrator",
}

// flagOf is the flag that fills a field, or the field where there is none.
func (v *verb) flagOf(field string) string {
	part := strings.TrimPrefix(strings.TrimPrefix(field, "identity."), "address.")
	name := strings.ReplaceAll(part, "_", "-")
	for _, candidate := range []string{flagNames[field], name, strings.TrimSuffix(name, "s"), strings.TrimSuffix(name, "-id")} {
		if f := v.flags.Lookup(candidate); f != nil && !f.Hidden {
			return "--" + candidate
		}
	}
	if at := strings.IndexAny(field, ".["); at > 0 {
		if flag := v.flagOf(field[:at]); strings.HasPrefix(flag, "--") {
			return flag // it fills what the field stands in
		}
	}
	return field
}

// answer shows an answer: itself as JSON with --json, else the page that people writes.
func (v *verb) answer(answer any, people func(*page)) error {
	if v.json {
		return v.writeJSON(answer)
	}
	var p page
	people(&p)
	_, err := io.WriteString(v.out, p.text.String())
	return err
}

func (v *verb) writeJSON(answer any) error {
	encoder := json.NewEncoder(v.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

// page is an answer for people.
type page struct{ text strings.Builder }

// line adds a line.
func (p *page) line(format string, args ...any) {
	p.text.WriteString(strings.TrimRight(printable(fmt.Sprintf(format, args...)), " ") + "\n")
}

// verbatim adds a text as it is, such as a certificate.
func (p *page) verbatim(text string) { p.text.WriteString(text) }

// table adds rows under a header, in columns; empty cells are shown as a dash.
func (p *page) table(header []string, rows [][]string) {
	p.columns(slices.Concat([][]string{header}, rows))
}

// columns adds rows in columns.
func (p *page) columns(rows [][]string) {
	var aligned strings.Builder
	writer := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = printable(cmp.Or(cell, "-"))
		}
		fmt.Fprintln(writer, strings.Join(cells, "\t"))
	}
	writer.Flush()
	for line := range strings.Lines(aligned.String()) {
		p.text.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}

// fields adds names and values below each other: name, value, name, value. Those without a value
// are left out.
func (p *page) fields(pairs ...string) {
	widest := 0
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			widest = max(widest, len(pairs[i]))
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			p.line("%-*s  %s", widest, pairs[i], pairs[i+1])
		}
	}
}

// printable is text without what could move a terminal's cursor: titles and user agents come from
// strangers.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

// stamp is a time for people; empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// instant is a time for JSON, in whole seconds of UTC; the zero time stays what omitzero leaves out.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

// number is a number for people; empty for 0, which is none.
func number[T ~int | ~int64](n T) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

// words joins what has a text, or is a number, with commas and a blank.
func words[T any](list []T) string {
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = fmt.Sprint(item)
	}
	return strings.Join(texts, ", ")
}

// list is a slice that JSON writes as [] rather than null.
func list[T any](items []T) []T { return append([]T{}, items...) }

// paging are the flags of a list.
type paging struct {
	Limit  int `json:"limit"`
	Offset int `json:"offset"`
}

func (p *paging) bind(flags *pflag.FlagSet) {
	flags.IntVar(&p.Limit, "limit", 100, "show `N` at most; 0 shows all")
	flags.IntVar(&p.Offset, "offset", 0, "pass over the first `N`")
}

// check refuses what is no page.
func (p paging) check() error {
	refused := wallet.FieldErrors{}
	if p.Limit < 0 {
		refused.Refuse("limit", "must not be negative; 0 shows all")
	}
	if p.Offset < 0 {
		refused.Refuse("offset", "must not be negative")
	}
	return refused.Err()
}

// oneOf refuses a word that is not one of those, unless it is empty.
func oneOf[T ~string](field, word string, known ...T) error {
	if word == "" || slices.Contains(known, T(word)) {
		return nil
	}
	return wallet.FieldError(field, "%q is not one of %s", word, words(known))
}

// rest says how much of a list is not on its page.
func (p *page) rest(shown, total int, from paging) {
	if shown < total {
		p.line("%d to %d of %d; --offset %d shows the next", min(from.Offset+1, total), from.Offset+shown, total, from.Offset+shown)
	}
}

// spoken are pairs of names and values for page.fields: a text in each of its languages.
func spoken(name string, t wallet.Text) (pairs []string) {
	for _, language := range sortedKeys(t) {
		pairs = append(pairs, name+" "+language, t[language])
	}
	return pairs
}
